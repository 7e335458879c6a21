"""A season's calendar to events."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ingestion.lifecycle import expected_end, picks_close, status_at
from ingestion.matching import gather_grands_prix, match_calendar
from ingestion.models import Change, Event
from ingestion.plausibility import check_calendar
from ingestion.records import (
    CalendarRecord,
    GrandPrixRecord,
    SessionRecord,
    SessionType,
    Source,
)
from ingestion.report import Problem, SaveReport
from ingestion.save.rows import Plan, SaveContext, entry, season_locked, write

# What an event takes from a calendar. The rest follows from it and from the clock.
TOLD = (
    "round_number",
    "name",
    "official_name",
    "country",
    "location",
    "starts_at",
    "start_is_estimated",
    "utc_offset",
    "schedule_source",
)
FOLLOWING = ("ends_at", "locks_at", "status")
START = ("starts_at", "start_is_estimated")


def save_calendar(calendar: CalendarRecord, context: SaveContext) -> SaveReport:
    """Make the season's events what a calendar says; raises `BadSourceData`, with nothing
    written, where the calendar cannot be true.

    Jolpica's calendar leaves alone what the schedule file has told: its times are less reliable.
    """
    report = SaveReport()
    with season_locked(calendar.season):
        events = list(Event.objects.filter(season=calendar.season))
        check_calendar(calendar)
        plan = _plan(calendar, events, context, report)
        write(plan, (*TOLD, *FOLLOWING), context)
    report.changes += plan.told()
    return report


def _plan(
    calendar: CalendarRecord, events: list[Event], context: SaveContext, report: SaveReport
) -> Plan:
    plan = Plan()
    left = {(event.grand_prix, event.session_type): event for event in events}
    slugs = match_calendar(
        calendar.grands_prix, gather_grands_prix([event.as_stored() for event in events])
    )
    for grand_prix, session in calendar.sessions():
        slug = slugs[grand_prix.name]
        told = _told(grand_prix, session, calendar.source)
        event = left.pop((slug, session.session_type.value), None)
        if event is None:
            event = Event(
                season=calendar.season,
                grand_prix=slug,
                session_type=session.session_type.value,
                **told,
            )
            count = _plan_new(event, told, context, plan)
        elif event.schedule_locked:
            count = _compare_locked(event, told, report)
        elif _is_better_known(event, calendar.source):
            count = "unchanged"
        else:
            count = _plan_known(event, told, context, plan)
        report.events[count] += 1
    for event in left.values():
        if _has_left(event, calendar.source):
            _plan_cancelled(event, context, plan)
            report.events["cancelled"] += 1
    return plan


def _told(grand_prix: GrandPrixRecord, session: SessionRecord, source: Source) -> dict[str, Any]:
    return {
        "round_number": grand_prix.round_number,
        "name": grand_prix.name,
        "official_name": grand_prix.official_name,
        "country": grand_prix.country,
        "location": grand_prix.location,
        "starts_at": session.starts_at,
        "start_is_estimated": session.start_is_estimated,
        "utc_offset": session.utc_offset,
        "schedule_source": source.value,
    }


def _is_better_known(event: Event, source: Source) -> bool:
    return source is Source.JOLPICA and event.schedule_source == Source.SCHEDULE_FILE


def _plan_new(event: Event, told: Mapping[str, Any], context: SaveContext, plan: Plan) -> str:
    _follow(event, context.now)
    plan.new_events.append(event)
    plan.changes.append(entry(event, Change.Kind.SCHEDULED, {}, told, context))
    return "created"


def _plan_known(event: Event, told: Mapping[str, Any], context: SaveContext, plan: Plan) -> str:
    """Set what differs; `reinstated`, `updated` or `unchanged`."""
    was = {name: getattr(event, name) for name in (*TOLD, *FOLLOWING)}
    for name, value in told.items():
        setattr(event, name, value)
    if was["status"] == Event.Status.CANCELLED:
        event.status = Event.Status.SCHEDULED
    _follow(event, context.now)
    differing = {name for name, value in was.items() if getattr(event, name) != value}
    if not differing:
        return "unchanged"
    plan.changed_events.append(event)
    kind = _kind(was["status"], differing)
    if kind is not None:
        names = [name for name in TOLD if name in differing or name in START]
        before, after = ({name: row[name] for name in names} for row in (was, told))
        plan.changes.append(entry(event, kind, before, after, context))
    return "reinstated" if kind is Change.Kind.REINSTATED else "updated"


def _kind(old_status: str, differing: set[str]) -> Change.Kind | None:
    """The clock alone moves a status, and that is no news."""
    if old_status == Event.Status.CANCELLED:
        return Change.Kind.REINSTATED
    if differing.intersection(START):
        return Change.Kind.RESCHEDULED
    if differing.intersection(TOLD):
        return Change.Kind.DETAILS
    return None


def _has_left(event: Event, source: Source) -> bool:
    """Whether an event that a calendar does not have is cancelled by that.

    What has a classification was run, whatever a calendar forgot.
    """
    return not (
        event.is_cancelled
        or event.has_results
        or event.schedule_locked
        or _is_better_known(event, source)
    )


def _plan_cancelled(event: Event, context: SaveContext, plan: Plan) -> None:
    before = {"status": event.status, "round_number": event.round_number}
    event.status = Event.Status.CANCELLED
    event.round_number = None
    after = {"status": event.status, "round_number": None}
    plan.changed_events.append(event)
    plan.changes.append(entry(event, Change.Kind.CANCELLED, before, after, context))


def _compare_locked(event: Event, told: Mapping[str, Any], report: SaveReport) -> str:
    if told["starts_at"] != event.starts_at:
        report.notes.append(
            Problem(
                f"a person's start stands; the calendar says {told['starts_at']}",
                season=event.season,
                grand_prix=event.grand_prix,
                session_type=event.session_type,
            )
        )
    return "unchanged"


def _follow(event: Event, now: datetime) -> None:
    """What the clock and the calendar make of an event."""
    session_type = SessionType(event.session_type)
    event.ends_at = expected_end(
        session_type, event.starts_at, is_estimated=event.start_is_estimated
    )
    event.locks_at = _lock_time(event, now)
    if not event.is_cancelled:
        event.status = status_at(
            now, locks_at=event.locks_at, ends_at=event.ends_at, has_results=event.has_results
        )


def _lock_time(event: Event, now: datetime) -> datetime | None:
    """A lock that has passed never opens again by itself; an earlier start closes it earlier."""
    closes = picks_close(
        event.starts_at, is_estimated=event.start_is_estimated, utc_offset=event.utc_offset
    )
    passed = event.locks_at is not None and event.locks_at <= now
    if not passed:
        return closes
    return event.locks_at if closes is None else min(closes, event.locks_at)  # type: ignore[type-var]
