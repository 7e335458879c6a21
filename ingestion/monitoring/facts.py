"""What is known of the installation's work: a few queries, however long its history is. A time in
the future was written by a wrong clock, and is no sign that anything works."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, Min, Q, Subquery, TextField, When, prefetch_related_objects
from django.db.models.functions import Cast
from django.utils.translation import ngettext, ngettext_lazy
from django_q.models import Schedule, Success

from ingestion.lifecycle import SEASON_COOLS_DOWN
from ingestion.models import CreatedRow, Event, IngestRun, Poll, TaskRun, name_kept_drivers
from ingestion.monitoring.schedule_rows import find_unreadable_rows
from ingestion.records import Source
from ingestion.sessions import SessionType

TICK_SCHEDULE = "f1 tick"
TICK = "ingestion.queue.tasks.tick"
WATCH = "ingestion.queue.tasks.watch"
BEGINS_WITHIN = timedelta(minutes=10)
CLOCK_TOLERANCE = timedelta(seconds=30)

# Enough for those of the last hours, when each tick sends a request.
NEWEST_RUNS = 50
# A task is given up once; after a day it is in the log alone.
GIVEN_UP_FOR = timedelta(days=1)
# For so long after the end, results of other seasons than the current one are expected.
EXPECTED_FOR = timedelta(days=30)
# The starts of a weekend should be known so long before it.
AHEAD = timedelta(days=7)
# From the first that may begin of a weekend to the end of its race day everywhere, and more.
WEEKEND = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Facts:
    """`last_tick` and `polling_since` are None where there was none, and where polling is off.
    `last_answer` is when polling last got a usable answer about a result, `future_tick` one that
    is still to come."""

    now: datetime
    season: int
    seasons: Sequence[int]
    is_polling: bool
    polling_since: datetime | None
    last_tick: datetime | None
    future_tick: datetime | None
    runs: Sequence[IngestRun]
    refreshed_at: datetime | None
    first_run_at: datetime | None
    given_up: Sequence[TaskRun]
    unreadable_schedules: Sequence[tuple[Schedule, str]]
    failing_polls: Sequence[Poll]
    failing_second: Sequence[Poll]
    last_answer: datetime | None
    events: Sequence[Event]
    polls: Sequence[Poll]

    @property
    def awaits_first_tick(self) -> bool:
        """Just set up, or no worker runs: that is one problem, and nothing else is a fault."""
        return self.is_polling and self.last_tick is None

    def is_interrupted(self, run: IngestRun) -> bool:
        return run.outcome_at(self.now) == IngestRun.INTERRUPTED


# Sprint qualifyings come from a form of the upstream's that may go away any day, which says nothing
# about the rest: they are reported when they are overdue.
OF_SPRINT_QUALIFYINGS = Q(event__session_type=SessionType.SPRINT_QUALIFYING)


def gather_facts(now: datetime) -> Facts:
    latest = now + CLOCK_TOLERANCE
    seasons = _read_seasons(now)
    near = {end: season for season, end in seasons.items() if end is not None}
    # As `Event.objects.current_season`, by the rows that are read anyhow.
    season = near[min(near)] if near else max(seasons, default=now.year)
    schedules = _read_schedules(latest)
    tick: Any = next((row for row in schedules if row.name == TICK_SCHEDULE), None)
    runs = IngestRun.objects.filter(started_at__lte=latest)
    # Without what may be long and no kind of alarm looks at.
    newest = list(runs.defer("counts", "notes")[:NEWEST_RUNS])
    refreshed_at = next(
        (run.started_at for run in newest if run.schedule_refreshed and season in run.seasons), None
    )
    first_run_at = None
    if refreshed_at is None and len(newest) == NEWEST_RUNS:
        # SQLite cannot query what a JSON list contains; as text, a year is found on both.
        refreshing = runs.annotate(requested=Cast("seasons", TextField())).filter(
            schedule_refreshed=True, requested__contains=str(season)
        )
        refreshed_at = refreshing.values_list("started_at", flat=True).first()
    if refreshed_at is None and newest:
        oldest_first = runs.order_by("started_at")
        first_run_at = oldest_first.values_list("started_at", flat=True).first()
    given_up = TaskRun.objects.filter(is_given_up=True, started_at__gt=now - GIVEN_UP_FOR)
    # What is around now, what the season still misses, and what waits for a person.
    around = Q(ends_at__gt=now - EXPECTED_FOR - WEEKEND, ends_at__lte=now + AHEAD + WEEKEND)
    expected = Q(season=season, results_state=Event.ResultsState.PENDING, ends_at__lte=now)
    disputed = Q(disputed_starts_at__isnull=False, starts_at__gt=now)
    proposed = Q(proposal__isnull=False, proposal_rejected=False)
    noticed = Event.objects.exclude(status=Event.Status.CANCELLED).filter(
        around | expected | disputed | proposed | Q(second_opinion__disputed_since__isnull=False)
    )
    beside = ("proposal", "second_opinion", "upstream_classification")
    events = list(noticed.select_related(*beside).order_by("ends_at", "pk"))
    compared = [event for event in events if event.is_disputed]
    prefetch_related_objects(compared, "results")
    rows = (row for event in compared for row in event.results.all())
    name_kept_drivers(compared, classified={row.driver_id for row in rows})
    polls = _read_polls(events, latest)
    failing = [poll for poll in polls if poll.is_failing]
    return Facts(
        now=now,
        season=season,
        seasons=sorted(seasons),
        is_polling=tick is not None,
        polling_since=None if tick is None else tick.created_at or tick.next_run,
        last_tick=None if tick is None else tick.ticked_at,
        future_tick=None if tick is None else tick.future_tick_at,
        runs=newest,
        refreshed_at=refreshed_at,
        first_run_at=first_run_at,
        given_up=list(given_up.order_by("started_at")),
        unreadable_schedules=list(find_unreadable_rows(schedules, now)),
        failing_polls=[poll for poll in failing if not Source(poll.source).is_second],
        failing_second=[poll for poll in failing if Source(poll.source).is_second],
        last_answer=next((poll.last_answer for poll in polls), None),
        events=events,
        polls=polls,
    )


def _read_seasons(now: datetime) -> dict[int, datetime | None]:
    """All that are known, each with the end of the first session of which news may come."""
    near = Q(ends_at__gt=now - SEASON_COOLS_DOWN) & ~Q(status=Event.Status.CANCELLED)
    rows = Event.objects.order_by().values("season").annotate(near=Min("ends_at", filter=near))
    return {row["season"]: row["near"] for row in rows}


def _read_schedules(latest: datetime) -> list[Schedule]:
    """The schedules that an operator neither deleted nor stopped by repeats of 0, the one of the
    ticks with the last success."""
    ticks = Success.objects.filter(func=TICK).order_by("-stopped").values("stopped")
    created = CreatedRow.objects.filter(name=TICK_SCHEDULE).values("created_at")
    return list(
        Schedule.objects.exclude(repeats=0)
        .annotate(
            ticked_at=Subquery(ticks.filter(stopped__lte=latest)[:1]),
            future_tick_at=Subquery(ticks.filter(stopped__gt=latest)[:1]),
            created_at=Subquery(created),
        )
        .order_by("pk")
    )


def _read_polls(events: Sequence[Event], latest: datetime) -> list[Any]:
    """The polls that fail and are still to be requested (`is_failing`), and those of the events,
    each with when any result was last answered."""
    is_failing = (
        Q(failures__gt=0, next_at__isnull=False)
        & ~OF_SPRINT_QUALIFYINGS
        & ~Q(event__status=Event.Status.CANCELLED)
    )
    # An answer that cannot be used is recorded as one as well, and is no sign of life.
    usable = Q(failing_since=None) | Q(answered_at__lt=F("failing_since"))
    answered = (
        Poll.objects.filter(usable, event__isnull=False, answered_at__lte=latest)
        .exclude(OF_SPRINT_QUALIFYINGS)
        # It may answer while what is published is silent.
        .exclude(source=Source.OPENF1)
        .order_by("-answered_at")
        .values("answered_at")
    )
    polls = Poll.objects.annotate(
        is_failing=Case(When(is_failing, then=True), default=False),
        last_answer=Subquery(answered[:1]),
    )
    of_events = Q(event__in=[event.pk for event in events])
    return list(polls.filter(Q(is_failing=True) | of_events).select_related("event").order_by("pk"))


def has_just_begun(now: datetime) -> bool:
    """As the first watch finds it: a new installation's worker begins with all tasks at once, in
    any order, and what this one would miss is on its way. Either record shows that it has worked
    before; a host may keep no successes."""
    has_looked = Success.objects.filter(func=WATCH).exists()
    return not (has_looked or TaskRun.objects.filter(started_at__lte=now - BEGINS_WITHIN).exists())


def print_instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def print_duration(length: timedelta) -> str:
    """As a person would say it: 45 seconds, 25 minutes, 3 hours, 2 days."""
    seconds = abs(int(length.total_seconds()))
    for count_units, size in (
        (ngettext_lazy("%(count)d day", "%(count)d days", "count"), 86400),
        (ngettext_lazy("%(count)d hour", "%(count)d hours", "count"), 3600),
        (ngettext_lazy("%(count)d minute", "%(count)d minutes", "count"), 60),
    ):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return count_units % {"count": seconds // size}
    return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
