"""The state of the installation, for people and monitors: what `f1_status` shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from ingestion.budget import HOUR, requests_per_hour
from ingestion.models import Alarm, Event, Poll, RequestBlock
from ingestion.monitoring.facts import EXPECTED_FOR, print_duration, print_instant
from ingestion.monitoring.health import Health
from ingestion.monitoring.inbox import Item, list_items, read_alarms
from ingestion.pipeline import configured_sources, list_limits

NEXT_POLLS = 3

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RequestsLeft:
    """How many of the `most` requests that a host may get `within` a time."""

    host: str
    left: int
    most: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Status:
    """`next_session` is the next that begins; `requests_left` of the hosts that had requests."""

    health: Health
    next_session: Event | None
    awaited: Sequence[Event]
    next_polls: Sequence[Poll]
    requests_left: Sequence[RequestsLeft]
    items: Sequence[Item]
    alarms: Sequence[Alarm]


def read_status(health: Health) -> Status:
    """What there is beside it, at the same instant."""
    now = health.at
    recent = Q(season=health.season) | Q(ends_at__gt=now - EXPECTED_FOR)
    # Calendars are read more often on race days alone: until then, theirs has long passed.
    is_planned = Q(event__isnull=False, next_at__isnull=False) | Q(next_at__gt=now)
    polls = Poll.objects.filter(is_planned).exclude(event__status=Event.Status.CANCELLED)
    alarms = read_alarms()
    return Status(
        health=health,
        next_session=Event.objects.upcoming(now).first(),
        awaited=list(Event.objects.awaiting_results(now).filter(recent)),
        next_polls=list(polls.select_related("event").order_by("next_at", "pk")[:NEXT_POLLS]),
        requests_left=count_requests_left(now),
        items=list_items(health, alarms),
        alarms=alarms,
    )


def count_requests_left(now: datetime) -> list[RequestsLeft]:
    """How many each host has left that had requests within the hour, or within the longest of its
    own limits; the others have all of them."""
    usual = (requests_per_hour(), HOUR)
    limits = {
        host: max(own, key=lambda limit: limit[1])
        for host, own in list_limits(configured_sources()).items()
    }
    counted = Q(reserved_at__gt=now - HOUR)
    for host, (_most, within) in limits.items():
        counted |= Q(host=host, reserved_at__gt=now - within)
    # What is of the future was written by a clock that was ahead.
    reserved = RequestBlock.objects.filter(counted, reserved_at__lte=now)
    found = []
    for row in reserved.values("host").order_by("host").annotate(spent=Sum("requests")):
        most, within = limits.get(row["host"], usual)
        found.append(RequestsLeft(row["host"], max(0, most - row["spent"]), most, within))
    return found


def describe_status(status: Status) -> list[Fact]:
    """The state and the problems, then the work; what there is none of is left out."""
    problems = [
        (
            str(item.finding.severity.label),
            "\n".join(filter(None, [item.finding.summary, item.progress])),
        )
        for item in status.items
    ]
    state = (_("state"), status.health.label)
    notes = [(_("note"), note) for note in status.health.notes]
    return [state, *problems, *notes, *describe_work(status)]


def describe_work(status: Status) -> list[Fact]:
    """Labels with their texts, without problems and notes."""
    health, keys = status.health, {item.finding.key for item in status.items}
    over = [alarm.key for alarm in status.alarms if alarm.key not in keys]
    facts = [
        *_describe_what_ran(health),
        *_describe_what_comes(status, health.at),
        (
            _("over"),
            (_("%(keys)s: cleared at the watch's next look") % {"keys": ", ".join(over)})
            if over
            else "",
        ),
    ]
    return [(label, text) for label, text in facts if text]


def status_fields(status: Status) -> dict[str, Any]:
    """The same for machines."""
    health, session, run = status.health, status.next_session, status.health.last_run
    return {
        "state": health.state,
        "at": health.at,
        "season": health.season,
        "findings": [
            {
                "key": finding.key,
                "severity": finding.severity,
                "title": finding.title,
                "advice": finding.advice,
                "since": finding.since,
            }
            for finding in health.findings
        ],
        "notes": list(health.notes),
        "is_polling": health.is_polling,
        "last_tick": health.last_tick,
        "last_run": run and {"at": run.started_at, "outcome": run.outcome, "fault": run.fault},
        "calendars_read_at": health.refreshed_at,
        "next_session": session
        and {"event": str(session), "starts_at": session.starts_at, "locks_at": session.locks_at},
        "awaited": [{"event": str(event), "ends_at": event.ends_at} for event in status.awaited],
        "next_polls": [
            {"of": _subject(poll), "at": poll.next_at, "failures": poll.failures}
            for poll in status.next_polls
        ],
        "requests_left": {one.host: one.left for one in status.requests_left},
        "alarms": [
            {
                "key": alarm.key,
                "severity": alarm.severity,
                "raised_at": alarm.raised_at,
                "notified_at": alarm.notified_at,
                "missed_channels": alarm.missed_channels,
                "acknowledged_at": alarm.acknowledged_at,
                "acknowledged_by": alarm.acknowledged_by and alarm.acknowledged_by.get_username(),
            }
            for alarm in status.alarms
        ],
    }


def _describe_what_ran(health: Health) -> Iterator[Fact]:
    run, refreshed_at = health.last_run, health.refreshed_at
    if health.last_tick is not None:
        ago = print_duration(health.at - health.last_tick)
        yield (
            _("worker"),
            _("last tick %(at)s, %(ago)s ago")
            % {"at": print_instant(health.last_tick), "ago": ago},
        )
    elif health.is_polling:
        yield _("worker"), _("no tick has succeeded yet")
    if run is None:
        yield _("last run"), _("none yet: run 'python manage.py ingest_f1'")
    else:
        fault = (
            (_(", the fault was %(fault)s") % {"fault": run.get_fault_display()})
            if run.fault
            else ""
        )
        came_to = f"{run.get_outcome_display()}{fault}"
        text = f"{print_instant(run.started_at)} ({run.started_by}): {came_to}"
        yield _("last run"), text
    refreshed = _("not fully refreshed by any run yet")
    if refreshed_at is not None:
        refreshed = _("last fully refreshed at %(at)s") % {"at": print_instant(refreshed_at)}
    yield (
        _("calendars"),
        _("%(season)s calendars %(refreshed)s") % {"season": health.season, "refreshed": refreshed},
    )


def _describe_what_comes(status: Status, now: datetime) -> Iterator[Fact]:
    event = status.next_session
    if event is None or event.starts_at is None:
        yield _("next session"), _("none is known")
    else:
        picks = _("picks never open")
        if event.locks_at is not None:
            close = _("picks close %(at)s") if event.in_time(now) else _("picks closed %(at)s")
            picks = close % {"at": print_instant(event.locks_at)}
        yield _("next session"), f"{event}, {print_instant(event.starts_at)}, {picks}"
    awaited = [
        _("the result of %(event)s, over since %(at)s")
        % {"event": event, "at": print_instant(event.ends_at)}
        for event in status.awaited
        if event.ends_at is not None
    ]
    yield _("awaited"), "\n".join(awaited)
    yield _("next polls"), "\n".join(_describe_poll(poll, now) for poll in status.next_polls)
    yield _("failing"), "\n".join(_describe_failure(poll) for poll in status.health.failing)
    left = [
        (
            _("%(left)s of %(most)s left this hour for %(host)s")
            if one.within == HOUR
            else _("%(left)s of %(most)s left within %(days)s days for %(host)s")
        )
        % {"left": one.left, "most": one.most, "days": one.within.days, "host": one.host}
        for one in status.requests_left
    ]
    none_sent = _("none this hour, %(most)s may be sent to each upstream") % {
        "most": requests_per_hour()
    }
    yield _("requests"), ", ".join(left) or none_sent


def _describe_failure(poll: Poll) -> str:
    reason = poll.last_error or _("for no known reason")
    if poll.failing_since is None:
        return f"{_subject(poll)}: {reason}"
    since = _("since %(at)s") % {"at": print_instant(poll.failing_since)}
    return f"{_subject(poll)}, {since}: {reason}"


def _describe_poll(poll: Poll, now: datetime) -> str:
    when = _("due")
    if poll.next_at is not None and poll.next_at > now:
        when = _("%(at)s, in %(duration)s") % {
            "at": print_instant(poll.next_at),
            "duration": print_duration(poll.next_at - now),
        }
    vain = (
        (_(", %(failures)s without success so far") % {"failures": poll.failures})
        if poll.failures
        else ""
    )
    return f"{_subject(poll)}: {when}{vain}"


def _subject(poll: Poll) -> str:
    return (
        str(poll.event)
        if poll.event is not None
        else (_("the calendars of %(season)s") % {"season": poll.season})
    )
