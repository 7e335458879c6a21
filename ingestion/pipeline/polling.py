"""Ask for what is due: each session's classification by its plan, and a race day's calendar.

Any number of processes may do this at once. What is due is claimed before it is asked for, and a
claim that nobody makes good (a process that died) lapses by itself.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, OuterRef, Q, Subquery

from ingestion.errors import WrongRequest
from ingestion.lifecycle import RACE_DAY, WATCHED_AFTER_SEASON, next_ask
from ingestion.matching import StoredGrandPrix, gather_grands_prix
from ingestion.models import Event, Poll, Result
from ingestion.pipeline.bookkeeping import poll_of, watched
from ingestion.pipeline.request import Addresses, IngestRequest, Rules
from ingestion.pipeline.run import Listener, ingest
from ingestion.pipeline.wanted import Wanted, WantedGrandPrix
from ingestion.records import SessionType
from ingestion.report import RunReport
from ingestion.save import season_locked

# The longest season has some forty weeks.
LONGEST_WATCH = timedelta(days=310) + WATCHED_AFTER_SEASON
# What comes due this soon goes along, as one request may serve it too; but never before the last
# answer has expired.
LOOK_AHEAD = timedelta(minutes=2)
# Longer than asking takes, however slow the upstream.
CLAIMED_FOR = timedelta(minutes=15)
# Of a season's page; a race has some twenty rows.
PAGE_ROWS = 100
USUAL_FIELD = 20


@dataclass(slots=True)
class Due:
    """What is due of a season: sessions whose classification is, and its calendar. What is
    `nearly` due goes along with others alone."""

    season: int
    events: list[Event] = field(default_factory=list)
    nearly: list[Event] = field(default_factory=list)
    with_calendar: bool = False


def find_due(now: datetime) -> list[Due]:
    """By one statement, however many seasons there are."""
    calendars = Poll.objects.filter(event=None, season=OuterRef("season"))
    of_season = Event.objects.filter(season=OuterRef("season")).order_by().values("season")
    is_near = Q(starts_at__gt=now, starts_at__lte=now + RACE_DAY)
    is_over = Q(ends_at__lte=now, ends_at__gt=now - LONGEST_WATCH)
    is_planned = (
        Q(poll=None) | Q(poll__next_at__lte=now + LOOK_AHEAD) | Q(poll__asked_at__lt=F("ends_at"))
    )
    rows: Iterable[Any] = (
        Event.objects.exclude(status=Event.Status.CANCELLED)
        .filter(is_near | (is_over & is_planned))
        .select_related("poll")
        .annotate(
            calendar_at=Subquery(calendars.values("next_at")[:1]),
            season_ends_at=Subquery(of_season.annotate(end=Max("ends_at")).values("end")),
        )
        .order_by("season", "pk")
    )
    dues: dict[int, Due] = {}
    for event in rows:
        due = dues.setdefault(event.season, Due(event.season))
        if event.ends_at is None or event.ends_at > now:
            due.with_calendar |= event.calendar_at is None or event.calendar_at <= now
            continue
        at = _due_at(event, event.season_ends_at, now)
        if at is not None and at <= now:
            due.events.append(event)
        elif at is not None and at <= now + LOOK_AHEAD and _may_go_along(poll_of(event), now):
            due.nearly.append(event)
    return [due for due in dues.values() if due.events or due.with_calendar]


def _due_at(event: Event, season_ends_at: datetime | None, now: datetime) -> datetime | None:
    """As it was written down when it was last asked about, unless its end has moved since."""
    poll = poll_of(event)
    if poll is None or poll.next_at is None:
        return next_ask(watched(event, season_ends_at))
    if _has_moved(event, poll) and not _looks_claimed(event, poll.next_at, now):
        return next_ask(watched(event, season_ends_at))
    return poll.next_at


def _may_go_along(poll: Poll | None, now: datetime) -> bool:
    if poll is None or poll.failures:
        return False
    return poll.good_until is None or poll.good_until <= now


def _has_moved(event: Event, poll: Poll) -> bool:
    return poll.asked_at is not None and event.ends_at is not None and poll.asked_at < event.ends_at


def _looks_claimed(event: Event, next_at: datetime, now: datetime) -> bool:
    """Since its end; a plan from before that was moved may look so by chance, and is kept."""
    return event.ends_at is not None and event.ends_at + CLAIMED_FOR <= next_at <= now + CLAIMED_FOR


def poll_due(
    dues: Iterable[Due],
    *,
    addresses: Addresses,
    rules: Rules,
    clock: Callable[[], datetime],
    listen: Listener,
) -> list[RunReport]:
    """Claim and ask for what is due, a run for each season; none where others were faster."""
    reports = []
    for due in dues:
        claimed = _claim(due, clock())
        wanted = plan_requests(due.season, claimed.events)
        if not (wanted or claimed.with_calendar):
            continue
        request = IngestRequest(
            seasons=(due.season,),
            addresses=addresses,
            with_schedule=claimed.with_calendar,
            schedule_file_alone=True,
            with_results=bool(wanted),
            wanted=wanted,
            keeps_polling=True,
            trigger="poll",
            rules=rules,
        )
        reports.append(ingest(request, clock=clock, listen=listen))
    return reports


def request_of_event(
    key: int, *, addresses: Addresses, rules: Rules, trigger: str
) -> IngestRequest:
    """For one event's classification, whether it is due or not.

    Raises `Event.DoesNotExist`, and `WrongRequest` where its grand prix is cancelled.
    """
    event = Event.objects.get(pk=key)
    wanted = plan_requests(event.season, [event])
    if not wanted:
        raise WrongRequest(f"the {event.name} is cancelled, nobody is asked for its results")
    return IngestRequest(
        seasons=(event.season,),
        addresses=addresses,
        with_schedule=False,
        wanted=wanted,
        keeps_polling=True,
        refresh=True,
        trigger=trigger,
        rules=rules,
    )


def _claim(due: Due, now: datetime) -> Due:
    """What nobody else has claimed since it was found due."""
    claimed = Due(due.season)
    until = now + CLAIMED_FOR
    with season_locked(due.season):
        kept = {poll.event_id: poll for poll in Poll.objects.filter(season=due.season)}
        changed: list[Poll] = []
        for event in (*due.events, *(due.nearly if due.events else ())):
            poll = kept.get(event.pk)
            if _times(poll) == _times(poll_of(event)):
                changed.append(poll or Poll(season=due.season, event=event))
                claimed.events.append(event)
        calendars = kept.get(None)
        if due.with_calendar and (calendars is None or _is_past(calendars.next_at, now)):
            changed.append(calendars or Poll(season=due.season))
            claimed.with_calendar = True
        for poll in changed:
            poll.next_at = until
        Poll.objects.bulk_create([poll for poll in changed if not poll.pk])
        Poll.objects.filter(pk__in=[poll.pk for poll in changed]).update(next_at=until)
    return claimed


def _times(poll: Poll | None) -> tuple[datetime | None, datetime | None] | None:
    return None if poll is None else (poll.asked_at, poll.next_at)


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is None or at <= now


def plan_requests(season: int, events: Sequence[Event]) -> Wanted:
    """Each grand prix alone, or the season at once where that is fewer requests; none of those
    that were cancelled meanwhile."""
    if not events:
        return {}
    known = _find_grands_prix(season)
    by_kind: dict[SessionType, list[Event]] = defaultdict(list)
    for event in events:
        if event.grand_prix in known:
            by_kind[SessionType(event.session_type)].append(event)
    calendars = Poll.objects.filter(season=season, event=None).first()
    upstreams: dict[str, int] = calendars.rounds if calendars is not None else {}
    return {
        kind: None
        if _is_fewer_at_once(season, kind, asked)
        else tuple(_wanted_alone(event, known, upstreams) for event in asked)
        for kind, asked in by_kind.items()
    }


def _find_grands_prix(season: int) -> dict[str, StoredGrandPrix]:
    events = Event.objects.filter(season=season).exclude(status=Event.Status.CANCELLED)
    stored = gather_grands_prix([event.as_stored() for event in events])
    return {grand_prix.slug: grand_prix for grand_prix in stored}


def _wanted_alone(
    event: Event, known: dict[str, StoredGrandPrix], upstreams: dict[str, int]
) -> WantedGrandPrix:
    own = upstreams.get(event.grand_prix)
    return WantedGrandPrix(
        known[event.grand_prix],
        own if own is not None else event.round_number,
        is_upstreams=own is not None,
    )


def _is_fewer_at_once(season: int, kind: SessionType, asked: Sequence[Event]) -> bool:
    """Sprint qualifyings have no pages of a season."""
    if kind is SessionType.SPRINT_QUALIFYING or len(asked) == 1:
        return False
    saved = Result.objects.filter(event__season=season, event__session_type=kind).count()
    awaited = sum(not event.has_results for event in asked)
    pages = -(-(saved + awaited * USUAL_FIELD) // PAGE_ROWS)
    return pages < len(asked)
