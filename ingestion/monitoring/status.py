"""The state of the installation, for people and monitors: what `f1_status` shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, Sum

from ingestion.budget import HOUR, requests_per_hour
from ingestion.models import Alarm, Event, Poll, RequestBlock
from ingestion.monitoring.facts import EXPECTED_FOR, print_duration, print_instant
from ingestion.monitoring.health import STATE_LABELS, Health

NEXT_POLLS = 3

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Status:
    """`next_session` is the next that begins; `requests_left` of this hour, by host."""

    health: Health
    next_session: Event | None
    awaited: Sequence[Event]
    next_polls: Sequence[Poll]
    requests_left: dict[str, int]
    alarms: Sequence[Alarm]


def read_status(health: Health) -> Status:
    """What there is beside it, at the same instant."""
    now = health.at
    recent = Q(season=health.season) | Q(ends_at__gt=now - EXPECTED_FOR)
    # Calendars are read more often on race days alone: until then, theirs has long passed.
    is_planned = Q(event__isnull=False, next_at__isnull=False) | Q(next_at__gt=now)
    polls = Poll.objects.filter(is_planned).exclude(event__status=Event.Status.CANCELLED)
    return Status(
        health=health,
        next_session=Event.objects.upcoming(now).first(),
        awaited=list(Event.objects.awaiting_results(now).filter(recent)),
        next_polls=list(polls.select_related("event").order_by("next_at", "pk")[:NEXT_POLLS]),
        requests_left=count_requests_left(now),
        alarms=list(Alarm.objects.filter(cleared_at=None).select_related("acknowledged_by")),
    )


def count_requests_left(now: datetime) -> dict[str, int]:
    """Of the hour's, for each host that had requests in it; the others have all of them."""
    reserved = RequestBlock.objects.filter(reserved_at__gt=now - HOUR, reserved_at__lte=now)
    spent = reserved.values("host").order_by("host").annotate(spent=Sum("requests"))
    return {row["host"]: max(0, requests_per_hour() - row["spent"]) for row in spent}


def describe_status(status: Status) -> list[Fact]:
    """Labels with their texts; what there is none of is left out."""
    health, run = status.health, status.health.last_run
    last_run = "none yet: run 'python manage.py ingest_f1'"
    if run is not None:
        fault = f", the fault was {run.get_fault_display()}" if run.fault else ""
        last_run = f"{print_instant(run.started_at)} ({run.trigger}): {run.outcome}{fault}"
    awaited = [
        f"the result of {event}, over since {print_instant(event.ends_at)}"
        for event in status.awaited
        if event.ends_at is not None
    ]
    facts = [
        ("state", STATE_LABELS[health.state]),
        *((finding.severity.label, finding.summary) for finding in health.findings),
        *(("note", note) for note in health.notes),
        ("worker", _worker(health)),
        ("last run", last_run),
        ("calendars", _calendars(health)),
        ("next session", _next_session(status.next_session, health.at)),
        ("awaited", "\n".join(awaited)),
        ("next polls", "\n".join(_poll(poll, health.at) for poll in status.next_polls)),
        ("requests", _requests(status.requests_left)),
        *(("alarm", _alarm(alarm)) for alarm in status.alarms),
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
        "requests_left": status.requests_left,
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


def _worker(health: Health) -> str:
    if not health.is_polling:
        return ""
    if health.last_tick is None:
        return "no tick has succeeded yet"
    ago = print_duration(health.at - health.last_tick)
    return f"last tick {print_instant(health.last_tick)}, {ago} ago"


def _calendars(health: Health) -> str:
    if health.refreshed_at is None:
        return f"{health.season} calendars not fully refreshed by any run yet"
    return f"{health.season} calendars last fully refreshed at {print_instant(health.refreshed_at)}"


def _next_session(event: Event | None, now: datetime) -> str:
    if event is None or event.starts_at is None:
        return "none is known"
    if event.locks_at is None:
        return f"{event}, {print_instant(event.starts_at)}, picks never open"
    picks = "close" if event.in_time(now) else "closed"
    return (
        f"{event}, {print_instant(event.starts_at)}, picks {picks} {print_instant(event.locks_at)}"
    )


def _poll(poll: Poll, now: datetime) -> str:
    if poll.next_at is None or poll.next_at <= now:
        when = "due"
    else:
        when = f"{print_instant(poll.next_at)}, in {print_duration(poll.next_at - now)}"
    vain = f", {poll.failures} without success so far" if poll.failures else ""
    return f"{_subject(poll)}: {when}{vain}"


def _subject(poll: Poll) -> str:
    return str(poll.event) if poll.event is not None else f"the calendars of {poll.season}"


def _requests(left: dict[str, int]) -> str:
    if not left:
        return f"none this hour, {requests_per_hour()} may be sent to each upstream"
    return ", ".join(
        f"{number} of {requests_per_hour()} left this hour for {host}"
        for host, number in left.items()
    )


def _alarm(alarm: Alarm) -> str:
    sent = "no message sent yet"
    if alarm.notified_at:
        sent = f"message sent {print_instant(alarm.notified_at)}"
    if alarm.missed_channels:
        sent += f" (not yet by {', '.join(alarm.missed_channels)})"
    seen = ""
    if alarm.acknowledged_at is not None:
        who = alarm.acknowledged_by
        by = f" by {who.get_username()}" if who is not None else ""
        seen = f", acknowledged {print_instant(alarm.acknowledged_at)}{by}"
    return f"{alarm.key} since {print_instant(alarm.raised_at)}, {sent}{seen}"
