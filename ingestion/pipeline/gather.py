"""Ask the upstreams for what a season lacks, and read the answers. Nothing is written here."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from ingestion.errors import WrongRequest
from ingestion.lifecycle import expected_end, is_over
from ingestion.matching import StoredGrandPrix, as_known, gather_grands_prix, merge_calendars
from ingestion.models import Event
from ingestion.pipeline.calendars import gather_calendars
from ingestion.pipeline.live import gather_live
from ingestion.pipeline.results import gather_results
from ingestion.pipeline.season import Gathered, SeasonRun, Session
from ingestion.pipeline.sprint_qualifyings import gather_sprint_qualifyings
from ingestion.pipeline.wanted import Wanted, WantedGrandPrix
from ingestion.records import CalendarRecord, SessionType, Source
from ingestion.report import Problem

# Jolpica has qualifyings since 1994; until 2005 no calendar lists them.
FIRST_QUALIFYINGS = 1994
LAST_UNLISTED_QUALIFYINGS = 2005
# After its last session a season is no longer polled but replayed: FastF1's cache will do.
SEASON_COOLS_DOWN = timedelta(days=14)


def gather_season(run: SeasonRun) -> Gathered:
    """Raises `WrongRequest` for a round that the season does not have."""
    events = list(Event.objects.filter(season=run.season).exclude(status=Event.Status.CANCELLED))
    sessions = [_stored_session(event) for event in events]
    gathered = Gathered(is_live=_is_live(run, sessions))
    if run.request.with_schedule:
        run.listen(f"{run.season} schedule")
        gather_calendars(gathered, run)
    merged = _merge(gathered.calendars)
    if merged is not None:
        sessions = _listed_sessions(merged)
        gathered.is_live = _is_live(run, sessions)
    wanted = _find_wanted(run, merged, events, sessions)
    if run.request.with_results:
        if not sessions and not gathered.problems:
            gathered.problems.append(_nothing_stored(run))
        # A part of the calendars says less of a polled session than what is stored.
        listed = merged if run.request.wanted is None else None
        gather_results(gathered, wanted, run)
        if not gathered.has_failed or run.request.wanted is not None:
            gather_sprint_qualifyings(gathered, listed, events, wanted, run)
        gather_live(gathered, listed, events, wanted, run, live=run.upstream.live)
    return gathered


def _nothing_stored(run: SeasonRun) -> Problem:
    return Problem(
        "no event of the season is stored",
        run.season,
        advice="Run it once without --skip-schedule",
    )


def _merge(calendars: Sequence[CalendarRecord]) -> CalendarRecord | None:
    """The first decides; there may be one, or none."""
    if not calendars:
        return None
    first, *others = calendars
    return merge_calendars(first, next(iter(others), None))


def _stored_session(event: Event) -> Session:
    return Session(event.round_number, SessionType(event.session_type), event.ends_at)


def _listed_sessions(calendar: CalendarRecord) -> list[Session]:
    return [
        Session(
            grand_prix.round_number,
            session.session_type,
            expected_end(
                session.session_type,
                session.starts_at,
                is_estimated=session.start_is_estimated,
                race_date=grand_prix.race_date,
            ),
        )
        for grand_prix, session in calendar.sessions()
    ]


def _find_wanted(
    run: SeasonRun,
    merged: CalendarRecord | None,
    events: list[Event],
    sessions: Iterable[Session],
) -> Wanted:
    """What the request names, else all kinds of session of which one at least is over."""
    if run.request.wanted is not None:
        return run.request.wanted
    number = run.request.round_number
    over = {
        session.session_type
        for session in sessions
        if is_over(run.now, session.ends_at) and number in (None, session.round_number)
    }
    if FIRST_QUALIFYINGS <= run.season <= LAST_UNLISTED_QUALIFYINGS and SessionType.RACE in over:
        over.add(SessionType.QUALIFYING)
    if number is None:
        return dict.fromkeys(over)
    grand_prix = _find_round(number, run, merged, events)
    alone = () if grand_prix is None else (WantedGrandPrix(grand_prix, number),)
    return dict.fromkeys(over, alone)


def _find_round(
    wanted: int, run: SeasonRun, merged: CalendarRecord | None, events: list[Event]
) -> StoredGrandPrix | None:
    """The grand prix whose round the request names; rounds are those of our first calendar, as it
    is now or, where it cannot be read, as it was."""
    known: list[tuple[int | None, StoredGrandPrix]]
    has_file_told = any(event.schedule_source == Source.SCHEDULE_FILE for event in events)
    if merged is not None and (merged.source is Source.SCHEDULE_FILE or not has_file_told):
        known = [(listed.round_number, as_known(listed)) for listed in merged.grands_prix]
    else:
        rounds = {event.grand_prix: event.round_number for event in events}
        stored = gather_grands_prix([event.as_stored() for event in events])
        known = [(rounds[grand_prix.slug], grand_prix) for grand_prix in stored]
    for number, grand_prix in known:
        if number == wanted:
            return grand_prix
    numbers = [number for number, _ in known if number is not None]
    if numbers:
        raise WrongRequest(
            f"{run.season} has no round {wanted}, its rounds are {min(numbers)} to {max(numbers)}"
        )
    return None


def _is_live(run: SeasonRun, sessions: Iterable[Session]) -> bool:
    """Whether news may come any hour, so that no answer from a cache will do."""
    if run.request.keeps_polling:
        return True
    ends = [session.ends_at for session in sessions if session.ends_at is not None]
    if not ends:
        return run.season >= run.now.year
    return max(ends) + SEASON_COOLS_DOWN > run.now
