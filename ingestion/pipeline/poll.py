"""Request what is due: each session's classification by its plan, and the calendars before a start.

Any number of processes may do this at once. What is due is claimed before it is requested, and a
claim that is not fulfilled (its process died) lapses by itself. Each source of a session has a plan
and an expiry of its own.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery

from ingestion.lifecycle import (
    DAY_BEFORE,
    LONGEST_CALENDAR_PLAN,
    PROVISIONAL_IS_NEWS,
    is_provisional_news,
    results_from,
)
from ingestion.models import CLOCK_SLACK, Event, Poll
from ingestion.pipeline.plan import awaits_provisional
from ingestion.pipeline.poll_rows import LONGEST_WATCH, plan_next
from ingestion.pipeline.request import (
    Calendars,
    IngestRequest,
    Mode,
    RequestedSession,
    Rules,
    configured_sources,
)
from ingestion.pipeline.run import Progress, ingest
from ingestion.records import Source
from ingestion.report import RunReport
from ingestion.save import season_locked
from ingestion.sessions import SessionType
from ingestion.sources import SourceConfig, result_sources

logger = logging.getLogger(__name__)

LONGEST_SESSION = max(kind.kind.usual_duration for kind in SessionType)
# Longer than requesting takes, however slow the upstream.
CLAIMED_FOR = timedelta(minutes=15)


# What a plan can be made for at the latest, by how long ago the session ended: a later one was made
# by a clock that was ahead. Of the second source, and of old sessions, weeks are planned.
LONGEST_PLANS = (
    (timedelta(days=2, hours=12), timedelta(hours=13)),
    (timedelta(days=13), timedelta(hours=32)),
)
LONGEST_PLAN = timedelta(days=8)

READ_TOGETHER = {
    Calendars.NONE: (),
    Calendars.CHANGED: (Source.SCHEDULE_FILE,),
    Calendars.ALL: (Source.SCHEDULE_FILE, Source.JOLPICA),
}


@dataclass(frozen=True, slots=True)
class Due:
    """What is due of a season: sessions, each with the sources to request it of, and calendars."""

    season: int
    sessions: tuple[tuple[Event, Source], ...] = ()
    calendars: Calendars = Calendars.NONE

    def __bool__(self) -> bool:
        return bool(self.sessions) or self.calendars is not Calendars.NONE


def find_due(now: datetime) -> list[Due]:
    """What is due. One statement where nothing is, however many seasons there are, and two more
    where something may be."""
    config = configured_sources()
    kinds = {kind: result_sources(kind, config) for kind in SessionType}
    candidates: set[int] = set()
    calendars: dict[int, Calendars] = defaultdict(lambda: Calendars.NONE)
    for row in _find_near(now, kinds):
        if row["starts_at"] is not None and row["starts_at"] > now:
            calendars[row["season"]] = max(
                calendars[row["season"]], _judge_calendars(row, now), key=list(Calendars).index
            )
        soonest = results_from(
            SessionType(row["session_type"]),
            row["starts_at"],
            row["ends_at"],
            is_estimated=row["start_is_estimated"],
            # Its results are there first; each source is judged below.
            is_second=True,
        )
        if soonest is not None and soonest <= now:
            candidates.add(row["pk"])
    sessions: dict[int, list[tuple[Event, Source]]] = defaultdict(list)
    for event in _read_candidates(candidates) if candidates else ():
        polls = {poll.source: poll for poll in event.polls.all()}
        for source in kinds[SessionType(event.session_type)]:
            at = _due_at(event, source, polls.get(source), now)
            if at is not None and at <= now:
                sessions[event.season].append((event, source))
    dues = [
        Due(season, tuple(sessions[season]), calendars[season])
        for season in sorted({*sessions, *calendars})
    ]
    return [due for due in dues if due]


LOOKED_AT = (
    *("pk", "season", "session_type", "starts_at", "start_is_estimated", "ends_at"),
    *("file_next_at", "jolpica_next_at"),
)


def _find_near(
    now: datetime, kinds: dict[SessionType, tuple[Source, ...]]
) -> QuerySet[Any, dict[str, Any]]:
    """Whose start is near, or of which a source may have news: by signs that are alike for all
    sources, since building this statement is most of what a tick costs. Python judges them."""
    sources = {source for of_kind in kinds.values() for source in of_kind}
    polls = Poll.objects.filter(event=OuterRef("pk"))
    sign = Q(next_at__lte=now) | Q(next_at__gt=now + LONGEST_PLAN)
    sign |= Q(requested_at__gt=now + CLOCK_SLACK) | Q(requested_at__lt=OuterRef("starts_at"))
    sign |= Q(next_at=None, requested_at__lt=OuterRef("ends_at"))
    # Provisional ones, the witness apart, have nothing to say of what is published.
    is_published = Q(results_state__in=Event.PUBLISHED_STATES)
    waiting = {source for source in sources if source.is_provisional and not source.is_second}
    is_planned: Any = Q(Exists(polls.filter(sign, source__in=sources - waiting)))
    if waiting:
        is_planned |= Q(Exists(polls.filter(sign, source__in=waiting))) & ~is_published
    planned = sorted(source for source in sources if not source.is_second)
    for age, longest in LONGEST_PLANS:
        too_far = Exists(polls.filter(next_at__gt=now + longest, source__in=planned))
        is_planned |= Q(too_far, ends_at__lte=now, ends_at__gt=now - age)
    for source in sources:
        of_kinds = [kind for kind in kinds if source in kinds[kind]]
        is_new: Any = ~Q(Exists(polls.filter(source=source)))
        if len(of_kinds) < len(kinds):
            is_new &= Q(session_type__in=of_kinds)
        if source.is_second:
            # As `is_provisional_news`: what was filled in of old seasons has no witness.
            is_new &= Q(ends_at__gt=now - PROVISIONAL_IS_NEWS)
        elif source.is_provisional:
            is_new &= ~is_published
        is_planned |= is_new
    is_near = Q(starts_at__gt=now, starts_at__lte=now + DAY_BEFORE)
    # A result may exist before the expected end: Python judges it.
    may_be_over = Q(ends_at__lte=now + LONGEST_SESSION, ends_at__gt=now - LONGEST_WATCH)
    calendars = Poll.objects.filter(event=None, season=OuterRef("season"))
    near: QuerySet[Event, dict[str, Any]] = (
        Event.objects.annotate(
            file_next_at=_next_at(calendars, Source.SCHEDULE_FILE),
            jolpica_next_at=_next_at(calendars, Source.JOLPICA),
        )
        .order_by()
        .values(*LOOKED_AT)
        .filter(is_near | (may_be_over & is_planned), ~Q(status=Event.Status.CANCELLED))
    )
    return near


def _next_at(calendars: QuerySet[Poll], source: Source) -> Subquery:
    return Subquery(calendars.filter(source=source).values("next_at")[:1])


def _judge_calendars(row: dict[str, Any], now: datetime) -> Calendars:
    """Before a start each calendar is due by its own plan. Jolpica's is read together with the
    file: where they differ, both are needed to say when picks close."""
    if _is_past(row["jolpica_next_at"], now):
        return Calendars.ALL
    return Calendars.CHANGED if _is_past(row["file_next_at"], now) else Calendars.NONE


def _read_candidates(keys: Iterable[int]) -> QuerySet[Any]:
    of_season = Event.objects.filter(season=OuterRef("season")).order_by().values("season")
    ends = Subquery(of_season.annotate(end=Max("ends_at")).values("end"))
    events = Event.objects.filter(pk__in=keys).annotate(season_ends_at=ends)
    events = events.select_related("second_opinion").prefetch_related("polls")
    return events.order_by("season", "pk")


def _due_at(event: Any, source: Source, poll: Poll | None, now: datetime) -> datetime | None:
    """When it is due: as planned when it was last requested, unless the session has moved since."""
    awaits = awaits_provisional(event.results_state, event.results_source, source)
    if source.is_provisional and not (awaits or source.is_second):
        return None
    is_first_witness = source.is_second and poll is None and not awaits
    if is_first_witness and not is_provisional_news(now, event.ends_at):
        # Published before the second source was switched on: a season of such witnesses would take
        # the requests of two weekends.
        return None
    if poll is not None and _is_of_wrong_clock(event, source, poll, now):
        logger.warning(
            "the plan for %s of %s was made by a clock that was ahead; it is requested now",
            event,
            source.label,
        )
        return now
    if poll is not None and poll.next_at is not None:
        soonest = event.results_from(is_second=source.is_second)
        has_moved = (
            soonest is not None and poll.requested_at is not None and poll.requested_at < soonest
        )
        # A plan from before it moved may look like a claim by chance, and is kept.
        looks_claimed = (
            soonest is not None and soonest + CLAIMED_FOR <= poll.next_at <= now + CLAIMED_FOR
        )
        if not has_moved or looks_claimed:
            return poll.next_at
    return plan_next(event, source, poll, event.season_ends_at)


def _is_of_wrong_clock(event: Event, source: Source, poll: Poll, now: datetime) -> bool:
    if poll.requested_at is not None and poll.requested_at > now + CLOCK_SLACK:
        return True
    longest = LONGEST_PLAN
    if event.ends_at is not None and event.ends_at <= now and not source.is_second:
        limits = (limit for age, limit in LONGEST_PLANS if now - event.ends_at < age)
        longest = next(limits, LONGEST_PLAN)
    return poll.next_at is not None and poll.next_at > now + longest


def poll_due(
    dues: Iterable[Due],
    *,
    config: SourceConfig,
    rules: Rules,
    clock: Callable[[], datetime],
    show_step: Progress,
    task: str = "",
) -> list[RunReport]:
    """Claim and request what is due, a run for each season; none where others were faster."""
    reports = []
    for due in dues:
        claimed = _claim(due, clock())
        if not claimed:
            continue
        sessions = _as_requested(claimed.sessions)
        request = IngestRequest(
            seasons=(due.season,),
            config=config,
            mode=Mode.POLL,
            calendars=claimed.calendars,
            with_results=bool(sessions),
            sessions=sessions,
            trigger="poll",
            task=task,
            rules=rules,
        )
        reports.append(ingest(request, clock=clock, show_step=show_step))
    return reports


def _as_requested(sessions: Iterable[tuple[Event, Source]]) -> tuple[RequestedSession, ...]:
    return tuple(
        RequestedSession(event.grand_prix, SessionType(event.session_type), source)
        for event, source in sessions
    )


def request_event(
    key: int, *, config: SourceConfig, rules: Rules, trigger: str, task: str = ""
) -> IngestRequest:
    """The request for one event, whether it is due or not: its classification of every source, and
    the calendars that its start comes from. For a cancelled one it is the calendars alone, which
    bring it back where it is in them again.

    Raises `Event.DoesNotExist`.
    """
    event = Event.objects.get(pk=key)
    sources = result_sources(SessionType(event.session_type), config)
    return IngestRequest(
        seasons=(event.season,),
        config=config,
        mode=Mode.POLL,
        calendars=Calendars.ALL,
        with_results=not event.is_cancelled,
        sessions=_as_requested((event, source) for source in sources),
        trigger=trigger,
        task=task,
        rules=rules,
    )


def _claim(due: Due, now: datetime) -> Due:
    """What no other process has claimed since it was found due."""
    until = now + CLAIMED_FOR
    with season_locked(due.season):
        kept = {
            (poll.event_id, poll.source): poll for poll in Poll.objects.filter(season=due.season)
        }
        keys = [event.pk for event, _ in due.sessions]
        standing = Event.objects.filter(pk__in=keys).exclude(status=Event.Status.CANCELLED)
        held = set(standing.values_list("pk", flat=True)) if keys else set()
        claimed: list[Poll] = []
        sessions = []
        for event, source in due.sessions:
            if event.pk not in held:
                continue
            poll = kept.get((event.pk, source))
            seen = next((one for one in event.polls.all() if one.source == source), None)
            # Whoever claimed or requested it meanwhile has changed its times.
            if _times(poll) == _times(seen):
                claimed.append(poll or Poll(season=due.season, event=event, source=source))
                sessions.append((event, source))
        calendars = due.calendars
        polls = [
            kept.get((None, source)) or Poll(season=due.season, source=source)
            for source in READ_TOGETHER[calendars]
        ]
        # The last one is why they are due.
        if polls and not _is_past(polls[-1].next_at, now):
            calendars, polls = Calendars.NONE, []
        claimed += polls
        for poll in claimed:
            poll.next_at = until
        Poll.objects.bulk_create([poll for poll in claimed if not poll.pk])
        Poll.objects.filter(pk__in=[poll.pk for poll in claimed]).update(next_at=until)
    return Due(due.season, tuple(sessions), calendars)


def _times(poll: Poll | None) -> tuple[datetime | None, datetime | None] | None:
    return None if poll is None else (poll.requested_at, poll.next_at)


def _is_past(at: datetime | None, now: datetime) -> bool:
    """Whether a calendar's plan is due; one that lies too far ahead is due as well."""
    return at is None or at <= now or at > now + LONGEST_CALENDAR_PLAN
