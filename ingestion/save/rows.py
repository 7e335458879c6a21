"""What all saving shares: the season's lock, the bulk writes, the feed and its signals."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.dispatch import Signal

from ingestion import signals
from ingestion.amendments import is_amended
from ingestion.models import Change, Event, IngestRun, Result, UpstreamClassification
from ingestion.records import RESULT_FIELDS, ResultRecord

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

HUNDREDTH = Decimal("0.01")

# Advisory locks of PostgreSQL: constants, so that all processes mean the same.
SEASON_LOCK = 0x46315345
FEED_LOCK = 0x46314645

OVERRULED = ("classification", "source", "generated_at", "seen_at")

SIGNALS = {
    Change.Kind.PUBLISHED: signals.results_published,
    Change.Kind.AMENDED: signals.results_amended,
    Change.Kind.RESCHEDULED: signals.event_rescheduled,
    Change.Kind.CANCELLED: signals.event_cancelled,
    Change.Kind.VOIDED: signals.event_cancelled,
    Change.Kind.REINSTATED: signals.event_reinstated,
}


@dataclass(frozen=True, slots=True)
class SaveContext:
    """On whose behalf something is saved, and when (UTC): a run's, or a person's with a reason."""

    run: IngestRun | None
    cause: Change.Cause
    now: datetime
    # Official results that an upstream has not changed for this long are settled.
    settles_after: timedelta = timedelta(days=1)
    # For those who want an upstream's change of a settled podium or pole at once.
    applies_settled_changes: bool = False
    person: "User | None" = None
    reason: str = ""


@dataclass(slots=True)
class Plan:
    """The rows that a calendar, or one classification, wants written."""

    new_events: list[Event] = field(default_factory=list)
    changed_events: list[Event] = field(default_factory=list)
    new_results: list[Result] = field(default_factory=list)
    changed_results: list[Result] = field(default_factory=list)
    gone_results: list[Result] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    # Of the changes, those that their events point at.
    proposals: list[Change] = field(default_factory=list)
    # What the upstream says of classifications that are a person's.
    overruled: list[UpstreamClassification] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Of a plan for results alone: nothing to write."""
        return not (self.new_results or self.changed_results or self.gone_results)

    def told(self) -> list[tuple[str, str]]:
        return [(change.event.grand_prix, change.kind) for change in self.changes]

    def merge(self, other: "Plan") -> None:
        self.new_events += other.new_events
        self.changed_events += other.changed_events
        self.new_results += other.new_results
        self.changed_results += other.changed_results
        self.gone_results += other.gone_results
        self.changes += other.changes
        self.proposals += other.proposals
        self.overruled += other.overruled


@contextmanager
def season_locked(season: int) -> Iterator[None]:
    """One transaction, alone with the season until it ends.

    An advisory lock on PostgreSQL (of the transaction: poolers hand connections around); SQLite
    begins IMMEDIATE, so that there is one writer at a time anyway.
    """
    with transaction.atomic():
        _lock(SEASON_LOCK, season)
        yield


def write(plan: Plan, event_fields: Sequence[str], context: SaveContext) -> None:
    """Write a plan in a number of statements that does not grow with it."""
    for event in plan.changed_events:
        event.updated_at = context.now
    if plan.new_events:
        Event.objects.bulk_create(plan.new_events)
    if plan.changed_events:
        Event.objects.bulk_update(plan.changed_events, [*event_fields, "updated_at"])
    _write_results(plan)
    if plan.changes:
        _append_to_feed(plan.changes)
    if plan.proposals:
        _point_at_proposals(plan.proposals)
    _keep_overruled(plan.overruled)


def _write_results(plan: Plan) -> None:
    if plan.gone_results:
        Result.objects.filter(pk__in=[result.pk for result in plan.gone_results]).delete()
    if plan.changed_results:
        Result.objects.bulk_update(plan.changed_results, RESULT_FIELDS)
    if plan.new_results:
        Result.objects.bulk_create(plan.new_results)


def _point_at_proposals(proposals: Sequence[Change]) -> None:
    """Afterwards: the feed's entry needs its event's key, and the event the entry's."""
    for proposal in proposals:
        proposal.event.proposal = proposal
    Event.objects.bulk_update([proposal.event for proposal in proposals], ["proposal"])


def _keep_overruled(answers: Sequence[UpstreamClassification]) -> None:
    new = [answer for answer in answers if not answer.pk]
    known = [answer for answer in answers if answer.pk]
    if new:
        UpstreamClassification.objects.bulk_create(new)
    if known:
        UpstreamClassification.objects.bulk_update(known, OVERRULED)


def _append_to_feed(changes: list[Change]) -> None:
    """Ids come from a sequence that does not wait for commits: without a lock until the end of
    the transaction a reader's cursor could pass an id that is committed later."""
    _lock(FEED_LOCK)
    Change.objects.bulk_create(changes)
    transaction.on_commit(lambda: announce(changes))


def entry(
    event: Event,
    kind: Change.Kind,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    context: SaveContext,
) -> Change:
    """An entry of the feed about an event as it is now."""
    return Change(
        event=event,
        kind=kind,
        revision=event.results_revision,
        before=before,
        after=after,
        cause=context.cause,
        run=context.run,
        person=context.person,
        reason=context.reason,
        created_at=context.now,
    )


def announce(changes: Iterable[Change]) -> None:
    for change in changes:
        signal = _signal_of(change)
        if signal is not None:
            _send(signal, change)


def _signal_of(change: Change) -> Signal | None:
    """A person's correction announces what it does; a start that moves once the result is in is
    in the feed and concerns no pick."""
    signal = SIGNALS.get(Change.Kind(change.kind))
    if change.kind == Change.Kind.CORRECTED:
        signal = _signal_of_correction(change)
    is_silent = signal is signals.event_rescheduled and change.event.has_results
    return None if is_silent else signal


def _signal_of_correction(change: Change) -> Signal | None:
    before, after = change.before, change.after
    if "classification" in after:
        if "classification" not in before:
            return signals.results_published
        is_news = is_amended(before["classification"], after["classification"])
        return signals.results_amended if is_news else None
    if before.get("status") == Event.Status.CANCELLED:
        return signals.event_reinstated
    return signals.event_rescheduled if "starts_at" in after else None


def _send(signal: Signal, change: Change) -> None:
    extra: dict[str, Any] = {}
    if signal is signals.event_rescheduled:
        extra = {"old": change.before["starts_at"], "new": change.after["starts_at"]}
    answers = signal.send_robust(
        sender=Event, event=change.event, change=change, cause=change.cause, **extra
    )
    for receiver, answer in answers:
        if isinstance(answer, Exception):
            logger.error(
                "a receiver of %s failed",
                change.kind,
                exc_info=answer,
                extra={"receiver": repr(receiver), "event": str(change.event)},
            )


def snapshot(results: Iterable[Result | ResultRecord]) -> list[dict[str, Any]]:
    """A classification as the feed keeps it: in order, and whole, so that it can be restored."""
    ordered = sorted(results, key=lambda result: result.order)
    return [{name: _plain(getattr(result, name)) for name in RESULT_FIELDS} for result in ordered]


def _plain(value: Any) -> Any:
    """Points as every database and record write them: '25.00', so that equals look equal."""
    return value.quantize(HUNDREDTH) if isinstance(value, Decimal) else value


def _lock(lock: int, part: int = 0) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [lock, part])
