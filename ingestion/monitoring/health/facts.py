"""What is known of the installation's work: a few queries, however long its history is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast
from django_q.models import Schedule, Success

from ingestion.models import CreatedSchedule, Event, IngestRun, Poll, TaskRun
from ingestion.sessions import SessionType

TICK_SCHEDULE = "f1 tick"
TICK = "ingestion.queue.tasks.tick"

# Enough for those of the last hours, when something is asked at each tick.
NEWEST_RUNS = 50
# A queue's task is given up once; who did not look for a day finds it in the log.
GIVEN_UP_FOR = timedelta(days=1)
# Of other seasons than the current one, results are awaited for so long.
AWAITED_FOR = timedelta(days=30)
# The starts of a weekend should be known so long before it.
AHEAD = timedelta(days=7)
# From the first that may begin of a weekend to the end of its race day everywhere, and more.
WEEKEND = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Facts:
    """`last_tick` and `polling_since` are None where there was none, and where polling is off.
    `last_answer` is when polling last got an answer about a result that it could use."""

    now: datetime
    season: int
    is_polling: bool
    polling_since: datetime | None
    last_tick: datetime | None
    runs: Sequence[IngestRun]
    refreshed_at: datetime | None
    first_run_at: datetime | None
    given_up: Sequence[TaskRun]
    failing_polls: Sequence[Poll]
    last_answer: datetime | None
    events: Sequence[Event]

    @property
    def awaits_first_tick(self) -> bool:
        """Just set up, or nobody works: that is told of, and nothing else is anybody's fault."""
        return self.is_polling and self.last_tick is None

    def is_interrupted(self, run: IngestRun) -> bool:
        return run.outcome_at(self.now) == IngestRun.INTERRUPTED


def gather_facts(now: datetime) -> Facts:
    season = Event.objects.current_season(now)
    tick = _read_tick() or {}
    refreshed_at = _refreshed_at(season)
    return Facts(
        now=now,
        season=season,
        is_polling=bool(tick),
        polling_since=tick.get("created_at") or tick.get("next_run"),
        last_tick=tick.get("ticked_at"),
        runs=list(IngestRun.objects.defer("counts", "notes")[:NEWEST_RUNS]),
        refreshed_at=refreshed_at,
        first_run_at=_first_run_at() if refreshed_at is None else None,
        given_up=list(
            TaskRun.objects.filter(is_given_up=True, started_at__gt=now - GIVEN_UP_FOR).order_by(
                "started_at"
            )
        ),
        failing_polls=list(_failing_polls()),
        last_answer=_last_answer(),
        events=list(_events_of_interest(season, now)),
    )


def _read_tick() -> dict[str, Any] | None:
    """The schedule of the ticks, unless an operator deleted it or set its repeats to 0."""
    ticked = Success.objects.filter(func=TICK).order_by("-stopped").values("stopped")[:1]
    created = CreatedSchedule.objects.filter(name=TICK_SCHEDULE).values("created_at")
    row: dict[str, Any] | None = (
        Schedule.objects.filter(name=TICK_SCHEDULE)
        .exclude(repeats=0)
        .values("next_run", ticked_at=Subquery(ticked), created_at=Subquery(created))
        .first()
    )
    return row


def _refreshed_at(season: int) -> datetime | None:
    # SQLite has no question for what a JSON list contains; as text, a year is found on both.
    refreshing = IngestRun.objects.annotate(asked=Cast("seasons", TextField())).filter(
        schedule_refreshed=True, asked__contains=str(season)
    )
    return refreshing.values_list("started_at", flat=True).first()


def _first_run_at() -> datetime | None:
    return IngestRun.objects.order_by("started_at").values_list("started_at", flat=True).first()


# Sprint qualifyings come from a form of the upstream's that may go away any day, without a word on
# the rest: they are told of when they are overdue.
OF_SPRINT_QUALIFYINGS = Q(event__session_type=SessionType.SPRINT_QUALIFYING)


def _failing_polls() -> QuerySet[Poll]:
    """Those that are still being asked for."""
    return (
        Poll.objects.filter(failures__gt=0, next_at__isnull=False)
        .exclude(OF_SPRINT_QUALIFYINGS)
        .exclude(event__status=Event.Status.CANCELLED)
        .select_related("event")
        .order_by("pk")
    )


def _last_answer() -> datetime | None:
    """An answer that cannot be used is noted as one as well, and is no sign of life."""
    usable = Q(failing_since=None) | Q(answered_at__lt=F("failing_since"))
    polls = Poll.objects.filter(usable, event__isnull=False).exclude(OF_SPRINT_QUALIFYINGS)
    answered_at: datetime | None = polls.aggregate(last=Max("answered_at"))["last"]
    return answered_at


def _events_of_interest(season: int, now: datetime) -> QuerySet[Event]:
    """What is around now, what the season still awaits, and what waits for a person."""
    around = Q(ends_at__gt=now - AWAITED_FOR - WEEKEND, ends_at__lte=now + AHEAD + WEEKEND)
    awaited = Q(season=season, results_state=Event.ResultsState.PENDING, ends_at__lte=now)
    disputed = Q(disputed_starts_at__isnull=False, starts_at__gt=now)
    proposed = Q(proposal__isnull=False, proposal_rejected=False)
    return (
        Event.objects.exclude(status=Event.Status.CANCELLED)
        .filter(around | awaited | disputed | proposed)
        .select_related("poll", "proposal")
        .order_by("ends_at", "pk")
    )
