"""What all saving shares: the season's lock, the bulk writes, the feed and its signals."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import DecimalField, Field, Model, PositiveSmallIntegerField
from django.dispatch import Signal

from ingestion import signals
from ingestion.models import (
    Change,
    Event,
    IngestRun,
    Result,
    SecondOpinion,
    UpstreamClassification,
)
from ingestion.records import RESULT_FIELDS, ResultRecord

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

Key = tuple[str, int | None]
Columns = Mapping[int, Sequence[Any]]

# PostgreSQL's smallint holds no larger one.
LARGEST_SMALL_INTEGER = 32767
HUNDREDTH = Decimal("0.01")

# Advisory locks of PostgreSQL: constants, so that all processes mean the same.
SEASON_LOCK = 0x46315345
FEED_LOCK = 0x46314645

OPINION = (
    *("classification", "generated_at", "disputed_since"),
    *("starts_at", "is_cancelled"),
)
OVERRULED = ("classification", "source", "generated_at", "seen_at")

SIGNALS = {
    Change.Kind.PUBLISHED: signals.results_published,
    Change.Kind.AMENDED: signals.results_amended,
    Change.Kind.SETTLED: signals.results_settled,
    Change.Kind.PROPOSED: signals.results_proposed,
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
class RowPlan:
    """The rows to write for a calendar, or for one classification."""

    new_events: list[Event] = field(default_factory=list)
    changed_events: list[Event] = field(default_factory=list)
    new_results: list[Result] = field(default_factory=list)
    changed_results: list[Result] = field(default_factory=list)
    # Which of their columns differ from what is stored.
    changed_columns: set[str] = field(default_factory=set)
    gone_results: list[Result] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    # Those of the changes that their events point at.
    proposals: list[Change] = field(default_factory=list)
    # What the upstream says of classifications that are a person's.
    overruled: list[UpstreamClassification] = field(default_factory=list)
    opinions: list[SecondOpinion] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether a plan for results alone has nothing to write."""
        return not (self.new_results or self.changed_results or self.gone_results)

    def list_rows(self) -> list[Event | Result | Change | UpstreamClassification | SecondOpinion]:
        """The rows that are written whole."""
        return [
            *self.new_events,
            *self.new_results,
            *self.changes,
            *self.overruled,
            *self.opinions,
        ]

    def list_changes(self) -> list[tuple[str, str]]:
        return [(change.event.grand_prix, change.kind) for change in self.changes]

    def merge(self, other: "RowPlan") -> None:
        self.new_events += other.new_events
        self.changed_events += other.changed_events
        self.new_results += other.new_results
        self.changed_results += other.changed_results
        self.changed_columns |= other.changed_columns
        self.gone_results += other.gone_results
        self.changes += other.changes
        self.proposals += other.proposals
        self.overruled += other.overruled
        self.opinions += other.opinions


@contextmanager
def season_locked(season: int) -> Iterator[None]:
    """One transaction, alone with the season until it ends.

    An advisory lock on PostgreSQL (of the transaction: poolers hand connections around); SQLite
    begins IMMEDIATE, so that there is one writer at a time anyway.
    """
    with transaction.atomic():
        _lock(SEASON_LOCK, season)
        yield


def copy_columns(events: Iterable[Event], names: Sequence[str]) -> Columns:
    """These columns of events as they were read, by key."""
    columns = {column.name: column.attname for column in Event._meta.concrete_fields}  # noqa: SLF001
    return {event.pk: [getattr(event, columns[name]) for name in names] for event in events}


def write(
    plan: RowPlan, event_fields: Sequence[str], context: SaveContext, *, stored: Columns | None
) -> None:
    """Write a plan in a number of statements that does not grow with it. Of the events' fields
    only those that are not `stored` so: each makes a branch for each row."""
    if stored is not None:
        now = copy_columns(plan.changed_events, event_fields)
        event_fields = [
            name
            for index, name in enumerate(event_fields)
            if any(
                key not in stored or values[index] != stored[key][index]
                for key, values in now.items()
            )
        ]
    for event in plan.changed_events:
        event.updated_at = context.now
    # Django makes no statement for an empty list.
    Event.objects.bulk_create(plan.new_events)
    Event.objects.bulk_update(plan.changed_events, [*event_fields, "updated_at"])
    if plan.gone_results:
        Result.objects.filter(pk__in=[result.pk for result in plan.gone_results]).delete()
    if plan.changed_results:
        Result.objects.bulk_update(plan.changed_results, sorted(plan.changed_columns))
    Result.objects.bulk_create(plan.new_results)
    overruled = plan.overruled
    UpstreamClassification.objects.bulk_create([each for each in overruled if not each.pk])
    UpstreamClassification.objects.bulk_update([each for each in overruled if each.pk], OVERRULED)
    opinions = plan.opinions
    SecondOpinion.objects.bulk_create([each for each in opinions if not each.pk])
    SecondOpinion.objects.bulk_update([each for each in opinions if each.pk], OPINION)
    record_changes(plan.changes)
    # Afterwards: the feed's entry needs its event's key, and the event the entry's.
    for proposal in plan.proposals:
        proposal.event.proposal = proposal
    Event.objects.bulk_update([each.event for each in plan.proposals], ["proposal"])


def record_changes(changes: Sequence[Change]) -> None:
    """Add entries to the feed, within a transaction; their signals follow its commit."""
    if changes:
        # Ids come from a sequence that does not wait for commits: without a lock until the end of
        # the transaction a reader's cursor could pass an id that is committed later.
        _lock(FEED_LOCK)
        Change.objects.bulk_create(changes)
        transaction.on_commit(lambda: announce(changes))


def plan_rows(event: Event, saved: Sequence[Result], records: Sequence[ResultRecord]) -> RowPlan:
    """The rows to write, none where the saved ones say the same. Rows that stay keep their keys."""
    plan = RowPlan()
    left = {_key(row): row for row in saved}
    for record in records:
        row = left.pop(_key(record), None)
        values = {name: getattr(record, name) for name in RESULT_FIELDS}
        if row is None:
            plan.new_results.append(Result(event=event, **values))
        elif differing := [name for name in values if getattr(row, name) != values[name]]:
            for name in differing:
                setattr(row, name, values[name])
            plan.changed_results.append(row)
            plan.changed_columns.update(differing)
    plan.gone_results = list(left.values())
    return plan


def _key(entry: Result | ResultRecord) -> Key:
    """One driver in one car: a driver has been classified twice, always in different cars."""
    return entry.driver_id, entry.driver_number


def build_change(
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
        person_name="" if context.person is None else context.person.get_username()[:254],
        reason=context.reason,
        created_at=context.now,
    )


def announce(changes: Iterable[Change]) -> None:
    for change in changes:
        for signal in _find_signals(change):
            extra: dict[str, Any] = {}
            if signal is signals.event_rescheduled:
                extra = {"old": change.before["starts_at"], "new": change.after["starts_at"]}
            send_logged(
                signal,
                change.kind,
                sender=Event,
                event=change.event,
                change=change,
                cause=change.cause,
                **extra,
            )


def send_logged(signal: Signal, name: str, **facts: Any) -> None:
    """A receiver that fails is logged and hurts nothing."""
    for receiver, response in signal.send_robust(**facts):
        if isinstance(response, Exception):
            logger.error(
                "a receiver of %s failed",
                name,
                exc_info=response,
                extra={"receiver": repr(receiver), "event": str(facts.get("event", ""))},
            )


def _find_signals(change: Change) -> list[Signal]:
    """A person's correction is announced as what it does, then as a correction; a start that moves
    once the result is in is in the feed and concerns no pick."""
    signal = SIGNALS.get(Change.Kind(change.kind))
    if change.kind == Change.Kind.CORRECTED:
        if "classification" in change.after:
            is_first = "classification" not in change.before
            signal = signals.results_published if is_first else signals.results_amended
        elif change.before.get("status") == Event.Status.CANCELLED:
            signal = signals.event_reinstated
        elif "starts_at" in change.after:
            signal = signals.event_rescheduled
    is_silent = signal is signals.event_rescheduled and change.event.has_results
    found = [] if signal is None or is_silent else [signal]
    if change.kind == Change.Kind.CORRECTED:
        found.append(signals.event_corrected)
    return found


def find_unstorable(row: Model) -> str:
    """Why PostgreSQL would refuse the row, without the value itself; '' where it would not.

    SQLite takes any length and number, and would keep what can be moved to no other database.
    """
    for column in row._meta.concrete_fields:  # noqa: SLF001 - documented by Django as public
        fault = _find_fault(column, getattr(row, column.attname))
        if fault:
            return f"its {column.verbose_name} {fault}"
    return ""


def _find_fault(column: "Field[Any, Any]", value: Any) -> str:
    if isinstance(value, str):
        # UTF-8 has no half of a surrogate pair, and PostgreSQL's text no NUL.
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            return "has a character that cannot be stored"
        longest = getattr(column, "target_field", column).max_length
        if longest is not None and len(value) > longest:
            return f"has more than {longest} characters"
    elif isinstance(column, PositiveSmallIntegerField) and value is not None:
        if not 0 <= value <= LARGEST_SMALL_INTEGER:
            return f"is not a number from 0 to {LARGEST_SMALL_INTEGER}"
    elif isinstance(column, DecimalField) and value is not None:
        largest = 10 ** (column.max_digits - column.decimal_places)
        if not abs(value) < largest:
            return f"is not below {largest}"
    return ""


def snapshot(results: Iterable[Result | ResultRecord]) -> list[dict[str, Any]]:
    """A classification as the feed keeps it: in order, and whole, so that it can be restored."""
    ordered = sorted(results, key=lambda result: result.order)
    entries = [{name: getattr(result, name) for name in RESULT_FIELDS} for result in ordered]
    for entry in entries:
        # '25.00', as every database and record write them, so that equals look equal.
        if isinstance(entry["points"], Decimal):
            entry["points"] = entry["points"].quantize(HUNDREDTH)
    return entries


def _lock(lock: int, part: int = 0) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [lock, part])
