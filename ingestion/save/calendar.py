"""A season's calendars to events."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from ingestion.database_failures import retried
from ingestion.errors import BadSourceData
from ingestion.lifecycle import is_small_dispute
from ingestion.matching import gather_grands_prix, match_calendar, merge_calendars
from ingestion.models import Change, Event
from ingestion.names import fold
from ingestion.plausibility import check_calendar, check_remaining, is_plausible_weekend
from ingestion.records import (
    FIRST_SCHEDULE_FILE,
    UNNAMED,
    CalendarRecord,
    GrandPrixRecord,
    SessionRecord,
    Source,
    StoredEvent,
)
from ingestion.report import Problem, SaveReport
from ingestion.save.derived import DERIVED_FIELDS, derive_fields
from ingestion.save.rows import (
    RowPlan,
    SaveContext,
    build_change,
    copy_columns,
    find_unstorable,
    season_locked,
    write,
)

# What an event takes from a calendar. The rest follows from it and from the clock.
CALENDAR_FIELDS = (
    "round_number",
    "name",
    "official_name",
    "country",
    "location",
    "starts_at",
    "start_is_estimated",
    "utc_offset",
    "schedule_source",
    "disputed_starts_at",
)
START = ("starts_at", "start_is_estimated")
SCHEDULE_AGES = ("schedule_generated_at", "disputed_generated_at")
WRITTEN = (*CALENDAR_FIELDS, *DERIVED_FIELDS, *SCHEDULE_AGES)


@dataclass(frozen=True, slots=True)
class SeasonCalendars:
    """What the calendars of a season say together.

    `is_complete` where all that the season has were read: only then is cancelled what none of them
    has; `generated_at` are when the oldest and the youngest were made. `of_jolpica` are the
    grand prix and the kind of each session of Jolpica's calendar, also of those whose starts do not
    fit the first.
    """

    merged: CalendarRecord
    slugs: Mapping[str, str]
    of_jolpica: Collection[tuple[str, str]]
    has_file: bool
    is_complete: bool
    generated_at: tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Saving:
    """What a calendar's events are planned with."""

    context: SaveContext
    plan: RowPlan
    report: SaveReport

    def add_change(
        self,
        event: Event,
        kind: Change.Kind,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        self.plan.changes.append(build_change(event, kind, before, after, self.context))


@retried
def save_calendar(
    first: CalendarRecord, context: SaveContext, *, jolpica: CalendarRecord | None = None
) -> SaveReport:
    """Make the season's events what its calendars say. The first decides where it has a start: the
    schedule file's, with `jolpica` beside it, or Jolpica's alone. Raises `BadSourceData`, with
    nothing written, where the first cannot be true; where `jolpica` cannot, it is left aside and
    reported.

    Jolpica's calendar alone leaves the starts that the schedule file has had: its own are less
    reliable. What leaves is cancelled only when both calendars were read and neither has it.
    """
    report = SaveReport()
    with season_locked(first.season):
        events = list(Event.objects.filter(season=first.season))
        stored = copy_columns(events, WRITTEN)
        calendars = _read_calendars(first, jolpica, events, context, report)
        saving = Saving(context, RowPlan(), report)
        left = _plan_listed(events, calendars, saving)
        _plan_left(left, calendars, saving)
        write(saving.plan, WRITTEN, context, stored=stored)
    report.changes += saving.plan.list_changes()
    return report


def _read_calendars(
    first: CalendarRecord,
    jolpica: CalendarRecord | None,
    events: Sequence[Event],
    context: SaveContext,
    report: SaveReport,
) -> SeasonCalendars:
    stored = [event.as_stored() for event in events]
    _check(first, stored, context.now)
    if jolpica is not None:
        try:
            _check(jolpica, stored, context.now)
        except BadSourceData as error:
            problem = f"Jolpica's calendar: {error}; it was left aside"
            report.problems.append(Problem(problem, season=first.season, advice=error.advice))
            jolpica = None
    merged = merge_calendars(first, jolpica)
    own = {grand_prix.name: grand_prix for grand_prix in first.grands_prix}
    grands_prix = tuple(
        grand_prix
        if is_plausible_weekend(grand_prix) or grand_prix.name not in own
        else _keep_disputed_starts(own[grand_prix.name], grand_prix)
        for grand_prix in merged.grands_prix
    )
    known = gather_grands_prix(stored)
    theirs = {} if jolpica is None else match_calendar(jolpica.grands_prix, known)
    read = [calendar for calendar in (first, jolpica) if calendar is not None]
    ages = [calendar.generated_at for calendar in read if calendar.generated_at is not None]
    return SeasonCalendars(
        merged=replace(merged, grands_prix=grands_prix),
        slugs=match_calendar(grands_prix, known),
        of_jolpica={
            (theirs[grand_prix.name], session.session_type.value)
            for grand_prix in (jolpica.grands_prix if jolpica is not None else ())
            for session in grand_prix.sessions
        },
        has_file=first.source is Source.SCHEDULE_FILE,
        is_complete=jolpica is not None or first.season < FIRST_SCHEDULE_FILE,
        generated_at=(min(ages, default=None), max(ages, default=None)),
    )


def _keep_disputed_starts(first: GrandPrixRecord, merged: GrandPrixRecord) -> GrandPrixRecord:
    """Two calendars that are right alone can contradict each other: there the first one's sessions
    count. An earlier start of Jolpica's closes picks all the same."""
    of_merged = {session.session_type: session for session in merged.sessions}
    sessions = (
        replace(
            session,
            disputed_starts_at=of_merged[session.session_type].disputed_starts_at,
            disputed_generated_at=of_merged[session.session_type].disputed_generated_at,
        )
        for session in first.sessions
    )
    return replace(first, sessions=tuple(sessions))


def _check(calendar: CalendarRecord, stored: Sequence[StoredEvent], now: datetime) -> None:
    check_calendar(calendar)
    slugs = match_calendar(calendar.grands_prix, gather_grands_prix(stored))
    check_remaining(calendar, set(slugs.values()), stored, now=now)


def _plan_listed(
    events: Iterable[Event], calendars: SeasonCalendars, saving: Saving
) -> Collection[Event]:
    """Plan what the calendars have; what none of them has is returned."""
    left = {(event.grand_prix, event.session_type): event for event in events}
    for grand_prix in calendars.merged.grands_prix:
        season, slug = grand_prix.season, calendars.slugs[grand_prix.name]
        known = {
            session: left.pop((slug, session.session_type.value), None)
            for session in grand_prix.sessions
        }
        # SQLite would store what PostgreSQL refuses, and PostgreSQL would refuse all with it.
        rows = (
            Event(season=season, grand_prix=slug, **_read_fields(grand_prix, session))
            for session in grand_prix.sessions
        )
        fault = next(filter(None, map(find_unstorable, rows)), "")
        if fault:
            message = f"the calendar's grand prix was refused, {fault}; what is saved of it is kept"
            saving.report.problems.append(Problem(message, season=season, grand_prix=slug[:80]))
            continue
        for session, event in known.items():
            if event is None:
                count = _plan_new(slug, grand_prix, session, saving)
            else:
                reported = _read_known(event, grand_prix, session, calendars)
                count = _plan_known(event, reported, grand_prix.race_date, session, saving)
            saving.report.events[count] += 1
    return left.values()


def _plan_left(left: Iterable[Event], calendars: SeasonCalendars, saving: Saving) -> None:
    """Cancel what is in none of the calendars, where all that there are were read."""
    # A grand prix that the calendar has and that cannot be read is not gone.
    unreadable = set(map(fold, calendars.merged.unreadable))
    is_any_gone = calendars.is_complete and UNNAMED not in calendars.merged.unreadable
    oldest, youngest = calendars.generated_at
    for event in left if is_any_gone else ():
        if event.is_cancelled or unreadable & {event.grand_prix, fold(event.name)}:
            continue
        if event.schedule_locked:
            note = "a person's status is kept; no calendar has it any more"
            _note(event, note, saving.report)
            continue
        # What has a classification was run, whatever the calendars forgot.
        if event.has_results or _is_older(oldest, event.schedule_generated_at):
            continue
        if (event.grand_prix, event.session_type) in calendars.of_jolpica:
            note = "Jolpica alone has it, and not on the file's weekend; what is saved is kept"
            _note(event, note, saving.report)
            continue
        # A copy of either from before it would bring it back.
        plan_cancelled(event, youngest, saving)


def plan_cancelled(event: Event, generated_at: datetime | None, saving: Saving) -> None:
    before = {"status": event.status, "round_number": event.round_number}
    event.status = Event.Status.CANCELLED
    event.round_number = None
    event.schedule_generated_at = generated_at
    if event.locks_at is not None and event.locks_at > saving.context.now:
        # It never came to its start: should it come back, picks open up to the new one.
        event.locks_at = None
    saving.plan.changed_events.append(event)
    after = {"status": event.status, "round_number": None}
    saving.add_change(event, Change.Kind.CANCELLED, before, after)
    saving.report.events["cancelled"] += 1


def _read_fields(grand_prix: GrandPrixRecord, session: SessionRecord) -> dict[str, Any]:
    return {
        "round_number": grand_prix.round_number,
        "name": grand_prix.name,
        "official_name": grand_prix.official_name,
        "country": grand_prix.country,
        "location": grand_prix.location,
        "starts_at": session.starts_at,
        "start_is_estimated": session.start_is_estimated,
        "utc_offset": session.utc_offset,
        "schedule_source": session.source.value,
        "disputed_starts_at": session.disputed_starts_at,
    }


def _read_known(
    event: Event, grand_prix: GrandPrixRecord, session: SessionRecord, calendars: SeasonCalendars
) -> dict[str, Any]:
    """What a calendar says of a known event: of one that the schedule file has had and does not
    have now, Jolpica's calendar can only dispute the start."""
    reported = _read_fields(grand_prix, session)
    if session.starts_at == event.starts_at and event.schedule_source:
        # Jolpica's dump says the circuit's offset too, which its pages leave out.
        if session.utc_offset is None:
            reported["utc_offset"] = event.utc_offset
        if session.source.is_published and Source(event.schedule_source).is_published:
            reported["schedule_source"] = event.schedule_source
    is_known_to_file = calendars.has_file and grand_prix.round_number is not None
    if not calendars.is_complete and calendars.has_file:
        # Jolpica's calendar alone can take back its start of a session that the file leaves open,
        # and its dispute of the file's: both are kept while it could not be read.
        if session.starts_at is None and event.schedule_source != Source.SCHEDULE_FILE:
            names = (*START, "utc_offset", "schedule_source")
            reported |= {name: getattr(event, name) for name in names}
        else:
            disputed = event.disputed_starts_at
            reported["disputed_starts_at"] = None if disputed == session.starts_at else disputed
    # What a person released belongs to whichever calendar has it, once both were read.
    is_the_files = event.schedule_source == Source.SCHEDULE_FILE or (
        event.schedule_source == Source.PERSON and not calendars.is_complete
    )
    if (
        event.is_cancelled
        or not is_the_files
        or session.source is Source.SCHEDULE_FILE
        or is_known_to_file
    ):
        return reported
    kept = {name: getattr(event, name) for name in CALENDAR_FIELDS}
    differs = not session.start_is_estimated and session.starts_at != event.starts_at
    kept["disputed_starts_at"] = session.starts_at if differs else None
    if calendars.has_file:
        kept["round_number"] = None
    return kept


def _plan_new(
    slug: str, grand_prix: GrandPrixRecord, session: SessionRecord, saving: Saving
) -> str:
    reported = _read_fields(grand_prix, session)
    event = Event(
        season=grand_prix.season,
        grand_prix=slug,
        session_type=session.session_type.value,
        schedule_generated_at=session.generated_at,
        disputed_generated_at=session.disputed_generated_at,
        **reported,
    )
    derive_fields(event, grand_prix.race_date, saving.context.now)
    saving.plan.new_events.append(event)
    saving.add_change(event, Change.Kind.SCHEDULED, {}, reported)
    _note_disputed_start(event, saving.report)
    return "created"


def _plan_known(
    event: Event,
    reported: Mapping[str, Any],
    race_date: date,
    session: SessionRecord,
    saving: Saving,
) -> str:
    """Set what differs; `reinstated`, `updated` or `unchanged`."""
    if _is_kept(event, reported, session.generated_at, saving.report):
        reported = _read_beside_old(event, session)
    if not reported:
        return "unchanged"
    reported = {**reported, "disputed_starts_at": _choose_dispute(event, reported, session)}
    was = {name: getattr(event, name) for name in (*CALENDAR_FIELDS, *DERIVED_FIELDS)}
    for name, value in reported.items():
        setattr(event, name, value)
    if was["status"] == Event.Status.CANCELLED:
        event.status = Event.Status.SCHEDULED
    derive_fields(event, race_date, saving.context.now)
    _note_disputed_start(event, saving.report)
    differing = {name for name, value in was.items() if getattr(event, name) != value}
    if not differing:
        return "unchanged"
    kind = _kind(was["status"], differing)
    saving.plan.changed_events.append(event)
    if kind is not None:
        # What only the clock changed is no younger answer of the calendar's.
        _set_ages(event, session, differing)
        # The start always: the signal of a move has both.
        names = [name for name in CALENDAR_FIELDS if name in differing or name in START]
        if kind is Change.Kind.DETAILS and not differing.intersection(CALENDAR_FIELDS):
            names = ["locks_at"]
        before = {name: was[name] for name in names}
        after = {name: getattr(event, name) for name in names}
        saving.add_change(event, kind, before, after)
        _note_closed(event, saving)
    return "reinstated" if kind is Change.Kind.REINSTATED else "updated"


def _read_beside_old(event: Event, session: SessionRecord) -> dict[str, Any]:
    """What is saved, with what Jolpica's calendar says of its start: an old copy of the file does
    not hide that. Empty where there is nothing to say of it."""
    is_persons = event.schedule_locked or event.is_cancelled
    is_unknown = event.starts_at is None or event.start_is_estimated
    made_at = session.disputed_generated_at
    is_old = made_at is None or _is_older(made_at, event.schedule_generated_at)
    if is_persons or is_unknown or is_old:
        return {}
    kept = {name: getattr(event, name) for name in CALENDAR_FIELDS}
    return kept | {"disputed_starts_at": session.disputed_starts_at or session.starts_at}


def _choose_dispute(
    event: Event, reported: Mapping[str, Any], session: SessionRecord
) -> datetime | None:
    """What Jolpica's calendar says of the start where that is another: by its younger answer,
    unless the file has moved the start since, which may be what the older one disputes."""
    is_older = _is_older(_find_jolpicas_age(session), event.disputed_generated_at)
    disputed: datetime | None = reported["disputed_starts_at"]
    if event.disputed_starts_at is not None or reported["starts_at"] == event.starts_at:
        disputed = event.disputed_starts_at if is_older else disputed
    return None if disputed == reported["starts_at"] else disputed


def _set_ages(event: Event, session: SessionRecord, differing: Collection[str]) -> None:
    if not _is_older(session.generated_at, event.schedule_generated_at):
        event.schedule_generated_at = session.generated_at
    if "disputed_starts_at" in differing:
        event.disputed_generated_at = _find_jolpicas_age(session) or event.disputed_generated_at


def _find_jolpicas_age(session: SessionRecord) -> datetime | None:
    is_alone = session.source is Source.JOLPICA
    return session.generated_at if is_alone else session.disputed_generated_at


def _kind(old_status: str, differing: set[str]) -> Change.Kind | None:
    """The clock alone moves a status, and that is no news."""
    if old_status == Event.Status.CANCELLED:
        return Change.Kind.REINSTATED
    if differing.intersection(START):
        return Change.Kind.RESCHEDULED
    # The lock alone moves where a person has released what held it.
    if differing.intersection((*CALENDAR_FIELDS, "locks_at")):
        return Change.Kind.DETAILS
    return None


def _is_older(generated_at: datetime | None, known_at: datetime | None) -> bool:
    return known_at is not None and generated_at is not None and generated_at < known_at


def _is_kept(
    event: Event,
    reported: Mapping[str, Any],
    generated_at: datetime | None,
    report: SaveReport,
) -> bool:
    """Whether a person set the event's schedule, or a younger answer did; noted where this one
    differs."""
    if event.schedule_locked:
        if event.is_cancelled:
            _note(event, "a person voided it; the calendar still has it", report)
        elif reported["starts_at"] != event.starts_at:
            start = _print_time(reported["starts_at"])
            _note(event, f"a person's start is kept; the calendar says {start}", report)
        return True
    if not _is_older(generated_at, event.schedule_generated_at):
        return False
    if event.is_cancelled or any(getattr(event, name) != value for name, value in reported.items()):
        _note(event, "an answer older than the saved calendar was left aside", report)
    return True


def _note(event: Event, message: str, report: SaveReport) -> None:
    report.notes.append(
        Problem(
            message,
            season=event.season,
            grand_prix=event.grand_prix,
            session_type=event.session_type,
        )
    )


def _note_closed(event: Event, saving: Saving) -> None:
    starts_at, closed_at = event.starts_at, event.locks_at
    if starts_at and closed_at and closed_at <= saving.context.now < starts_at:
        message = (
            f"it now starts at {_print_time(starts_at)}, and picks stay closed since "
            f"{_print_time(closed_at)}; only a person can reopen them"
        )
        _note(event, message, saving.report)


def _note_disputed_start(event: Event, report: SaveReport) -> None:
    if event.disputed_starts_at is None or event.starts_at is None:
        return
    closing = (
        "picks close at the earlier"
        if is_small_dispute(event.starts_at, event.disputed_starts_at)
        else "the schedule file's counts"
    )
    _note(
        event,
        f"the schedule file says {_print_time(event.starts_at)}, "
        f"Jolpica {_print_time(event.disputed_starts_at)}; {closing}",
        report,
    )


def _print_time(at: datetime | None) -> str:
    return "nothing of its start" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
