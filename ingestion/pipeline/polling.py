"""Ask for what is due: each session's classification by its plan, and a race day's calendar.

Any number of processes may do this at once. What is due is claimed before it is asked for, and a
claim that nobody makes good (a process that died) lapses by itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery

from ingestion.errors import WrongRequest
from ingestion.lifecycle import (
    RACE_DAY,
    WATCHED_AFTER_SEASON,
    is_over,
    next_ask,
    results_from,
)
from ingestion.models import Event, Poll
from ingestion.pipeline.bookkeeping import poll_of, watched
from ingestion.pipeline.missing import HAD
from ingestion.pipeline.planning import plan_requests
from ingestion.pipeline.request import Addresses, IngestRequest, Rules
from ingestion.pipeline.run import Listener, ingest
from ingestion.records import Source
from ingestion.report import RunReport
from ingestion.save import season_locked
from ingestion.sessions import SessionType

# The longest season has some forty weeks.
LONGEST_WATCH = timedelta(days=310) + WATCHED_AFTER_SEASON
LOOKED_AT = (
    *("session_type", "starts_at", "start_is_estimated", "ends_at"),
    *("poll__next_at", "poll__asked_at", "calendar_at"),
)
LONGEST_SESSION = max(each.kind.usual_duration for each in SessionType)
# What is watched for amendments and comes due this soon goes along where one request serves it
# too; but never before the last answer has expired.
LOOK_AHEAD = timedelta(days=1)
# Longer than asking takes, however slow the upstream.
CLAIMED_FOR = timedelta(minutes=15)


@dataclass(slots=True)
class Due:
    """What is due of a season: sessions whose classification is, and its calendar. Once claimed,
    others that may go along where that takes no further request."""

    season: int
    events: list[Event] = field(default_factory=list)
    others: list[Event] = field(default_factory=list)
    with_calendar: bool = False


def find_due(now: datetime) -> list[Due]:
    """By one statement where nothing is due, however many seasons there are, and by one more where
    something is."""
    near = _find_near(now)
    if not any(_may_be_due(now, **row) for row in near.values(*LOOKED_AT)):
        return []
    of_season = Event.objects.filter(season=OuterRef("season")).order_by().values("season")
    ends = Subquery(of_season.annotate(end=Max("ends_at")).values("end"))
    rows: Iterable[Any] = (
        near.select_related("poll").annotate(season_ends_at=ends).order_by("season", "pk")
    )
    dues: dict[int, Due] = {}
    for event in rows:
        due = dues.setdefault(event.season, Due(event.season))
        if not is_over(now, event.results_from):
            is_coming = event.starts_at is not None and event.starts_at > now
            due.with_calendar |= is_coming and _is_past(event.calendar_at, now)
            continue
        at = _due_at(event, event.season_ends_at, now)
        if at is not None and at <= now:
            due.events.append(event)
    return [due for due in dues.values() if due.events or due.with_calendar]


def _find_near(now: datetime) -> QuerySet[Event]:
    """Whose start is near, or whose result may be asked for."""
    calendars = Poll.objects.filter(event=None, season=OuterRef("season")).values("next_at")
    is_near = Q(starts_at__gt=now, starts_at__lte=now + RACE_DAY)
    # A result may be there before the expected end: Python tells which.
    may_be_over = Q(ends_at__lte=now + LONGEST_SESSION, ends_at__gt=now - LONGEST_WATCH)
    is_planned = Q(poll=None) | Q(poll__next_at__lte=now) | Q(poll__asked_at__lt=F("ends_at"))
    events = Event.objects.filter(is_near | (may_be_over & is_planned)).order_by()
    return events.exclude(status=Event.Status.CANCELLED).annotate(
        calendar_at=Subquery(calendars[:1])
    )


def _may_be_due(
    now: datetime,
    *,
    session_type: str,
    starts_at: datetime | None,
    start_is_estimated: bool,
    ends_at: datetime | None,
    poll__next_at: datetime | None,
    poll__asked_at: datetime | None,
    calendar_at: datetime | None,
) -> bool:
    """Judged by a few columns, as this is asked every few minutes and most often in vain."""
    soonest = results_from(
        SessionType(session_type), starts_at, ends_at, is_estimated=start_is_estimated
    )
    if soonest is None or soonest > now:
        return starts_at is not None and starts_at > now and _is_past(calendar_at, now)
    has_moved = poll__asked_at is not None and poll__asked_at < soonest
    return has_moved or _is_past(poll__next_at, now)


def _due_at(event: Event, season_ends_at: datetime | None, now: datetime) -> datetime | None:
    """As it was written down when it was last asked about, unless its end has moved since."""
    poll = poll_of(event)
    if poll is None or poll.next_at is None:
        return next_ask(watched(event, season_ends_at))
    if _has_moved(event, poll) and not _looks_claimed(event, poll.next_at, now):
        return next_ask(watched(event, season_ends_at))
    return poll.next_at


def _has_moved(event: Event, poll: Poll) -> bool:
    soonest = event.results_from
    return poll.asked_at is not None and soonest is not None and poll.asked_at < soonest


def _looks_claimed(event: Event, next_at: datetime, now: datetime) -> bool:
    """Since it may have a result; a plan from before it was moved may look so by chance, and is
    kept."""
    soonest = event.results_from
    return soonest is not None and soonest + CLAIMED_FOR <= next_at <= now + CLAIMED_FOR


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
        wanted = plan_requests(due.season, claimed.events, claimed.others)
        if not (wanted or claimed.with_calendar):
            continue
        request = IngestRequest(
            seasons=(due.season,),
            addresses=addresses,
            with_schedule=claimed.with_calendar,
            spares_second_calendar=True,
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
        # A start that a person gave back is the calendar's again.
        with_schedule=event.schedule_source == Source.PERSON and not event.schedule_locked,
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
        for event in due.events:
            poll = kept.get(event.pk)
            if _times(poll) == _times(poll_of(event)):
                changed.append(poll or Poll(season=due.season, event=event))
                claimed.events.append(event)
        claimed.others = _find_others(claimed, now)
        calendars = kept.get(None)
        if due.with_calendar and (calendars is None or _is_past(calendars.next_at, now)):
            changed.append(calendars or Poll(season=due.season))
            claimed.with_calendar = True
        for poll in changed:
            poll.next_at = until
        Poll.objects.bulk_create([poll for poll in changed if not poll.pk])
        Poll.objects.filter(pk__in=[poll.pk for poll in changed]).update(next_at=until)
    return claimed


def _find_others(claimed: Due, now: datetime) -> list[Event]:
    """They stay due for whoever comes first: being asked twice would be no harm."""
    if not claimed.events:
        return []
    watched_ones = Event.objects.filter(
        season=claimed.season,
        session_type__in={event.session_type for event in claimed.events},
        results_state__in=HAD,
        poll__failures=0,
        poll__next_at__gt=now,
        poll__next_at__lte=now + LOOK_AHEAD,
    )
    has_expired = Q(poll__expires_at=None) | Q(poll__expires_at__lte=now)
    asked = {event.pk for event in claimed.events}
    found = watched_ones.exclude(status=Event.Status.CANCELLED).filter(has_expired)
    return [event for event in found.order_by("pk") if event.pk not in asked]


def _times(poll: Poll | None) -> tuple[datetime | None, datetime | None] | None:
    return None if poll is None else (poll.asked_at, poll.next_at)


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is None or at <= now
