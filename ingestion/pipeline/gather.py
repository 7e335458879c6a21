"""Ask the upstreams for what a season lacks, and read the answers. Nothing is written here."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from ingestion import fetch
from ingestion.budget import Purpose
from ingestion.errors import SourceRateLimited, WrongRequest
from ingestion.lifecycle import expected_end, is_over
from ingestion.matching import StoredGrandPrix, as_known, gather_grands_prix, merge_calendars
from ingestion.models import Event
from ingestion.pipeline.calendars import gather_calendars
from ingestion.pipeline.live import gather_live
from ingestion.pipeline.missing import find_missing, has_unlisted_qualifyings
from ingestion.pipeline.pages import expect_pages
from ingestion.pipeline.results import gather_results
from ingestion.pipeline.season import CALENDARS, PARTS, Gathered, SeasonRun, Session
from ingestion.pipeline.sprint_qualifyings import gather_sprint_qualifyings
from ingestion.pipeline.wanted import Heard, Wanted, WantedGrandPrix, each_wanted
from ingestion.records import CalendarRecord, Source
from ingestion.report import Problem
from ingestion.sessions import SessionType

# After its last session a season is no longer polled but replayed: FastF1's cache will do.
SEASON_COOLS_DOWN = timedelta(days=14)


def gather_season(run: SeasonRun) -> Gathered:
    """Raises `WrongRequest` for a round that the season does not have."""
    events = list(Event.objects.filter(season=run.season).exclude(status=Event.Status.CANCELLED))
    sessions = [_stored_session(event) for event in events]
    gathered = Gathered()
    _tell_live(gathered, sessions, run)
    gathered.fills_gaps = run.request.fills_gaps and not gathered.is_live
    needed = _find_needed(gathered, events, run)
    if run.request.with_schedule and CALENDARS in needed:
        run.listen(f"{run.season} schedule")
        gathered.planned = gathered.left = (CALENDARS,)
        gather_calendars(gathered, run)
    merged = _merge(gathered.calendars)
    if merged is not None:
        sessions = _listed_sessions(merged)
        _tell_live(gathered, sessions, run)
    if gathered.refusal is None:
        wanted = _find_wanted(run, merged, events, sessions)
        wanted = {kind: alone for kind, alone in wanted.items() if kind in needed}
        gathered.left = ()
        if run.request.with_results:
            _gather_classifications(
                gathered, wanted, run, merged=merged, events=events, sessions=sessions
            )
    return gathered


def _tell_live(gathered: Gathered, sessions: Iterable[Session], run: SeasonRun) -> None:
    """And with it on whose account it asks: news first, older seasons from what is left."""
    gathered.is_live = _is_live(run, sessions)
    is_news = gathered.is_live or run.request.sample
    run.budget.purpose = Purpose.POLL if is_news else Purpose.BACKFILL


def _find_needed(gathered: Gathered, events: Sequence[Event], run: SeasonRun) -> frozenset[str]:
    """The parts that this run has not been told, and that are not complete."""
    needed = find_missing(events, run.now) if gathered.fills_gaps else frozenset(PARTS)
    return needed - run.answered


def _expect_pages(
    run: SeasonRun, wanted: Wanted, sessions: Iterable[Session], events: Sequence[Event]
) -> dict[SessionType, int]:
    """Of what is asked for a whole season at once."""
    is_whole = any(kind in fetch.ENDPOINTS and wanted[kind] is None for kind in wanted)
    return expect_pages(run.season, sessions, events, run.now) if is_whole else {}


def _gather_classifications(
    gathered: Gathered,
    wanted: Wanted,
    run: SeasonRun,
    *,
    merged: CalendarRecord | None,
    events: Sequence[Event],
    sessions: Sequence[Session],
) -> None:
    if not sessions and not gathered.problems:
        gathered.problems.append(_nothing_stored(run))
    gathered.planned += tuple(kind for kind in PARTS if kind in wanted)
    gathered.pages = _expect_pages(run, wanted, sessions, events)
    # A part of the calendars says less of a polled session than what is stored.
    listed = merged if run.request.wanted is None else None
    gather_results(gathered, wanted, run)
    may_go_on = not gathered.has_failed or run.request.wanted is not None
    if may_go_on and gathered.refusal is None:
        gather_sprint_qualifyings(gathered, listed, events, wanted, run)
    if gathered.refusal is None or gathered.is_live:
        # Another server's, which may have what the first does not give.
        gather_live(gathered, listed, events, wanted, run, live=run.upstream.live)
    if gathered.refusal is not None:
        _leave(gathered, wanted, gathered.refusal)


def _leave(gathered: Gathered, wanted: Wanted, refusal: SourceRateLimited) -> None:
    """Everything that was refused, or not even asked for since."""
    told = {one.session_type for one in gathered.heard}
    refused = {one.session_type for one in gathered.heard if one.error is refusal}
    gathered.left = tuple(
        kind for kind in PARTS if kind in wanted and (kind in refused or kind not in told)
    )
    for kind in wanted.keys() - told:
        named = each_wanted(wanted[kind])
        slugs = [None] if named is None else [one.grand_prix.slug for one in named]
        gathered.heard += [Heard(kind, slug, error=refusal) for slug in slugs]


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
    if has_unlisted_qualifyings(run.season) and SessionType.RACE in over:
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
