"""Ask live timing for what nobody else has published yet; with a Formula 1 account alone."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ingestion.errors import BadSourceData, IngestionError, ResultsNotReady, SourceUnavailable
from ingestion.fetch import live as live_timing
from ingestion.lifecycle import expected_end, is_over
from ingestion.matching import (
    StoredGrandPrix,
    as_known,
    find_listed,
    gather_grands_prix,
    is_race_of,
)
from ingestion.models import OVERDUE_AFTER, Event
from ingestion.pipeline.season import Classifications, Gathered, SeasonRun, fault_of
from ingestion.pipeline.sprint_qualifyings.entrants import known_entrants, met_entrants
from ingestion.pipeline.wanted import Wanted, is_wanted
from ingestion.plausibility import SeasonField, check_classification
from ingestion.records import CalendarRecord, ClassificationRecord, Source
from ingestion.report import Fault, Problem
from ingestion.sessions import SessionType
from ingestion.transform import Entrant
from ingestion.transform.live import LiveListing, read_live_classification, read_live_index

# Its archive begins with it.
FIRST_LIVE_TIMING = 2018
# The others have whatever is older, but for sprint qualifyings.
STILL_NEWS = timedelta(days=3)
# Its list may be behind a session that was moved within its weekend (São Paulo 2024: 16 hours); a
# weekend has one session of a name, and the next is a week away.
MOVED_AT_MOST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AwaitedSession:
    """A session of a grand prix; `state` and `source` are those of its saved classification."""

    grand_prix: StoredGrandPrix
    session_type: SessionType
    starts_at: datetime | None
    ends_at: datetime | None
    state: str = Event.ResultsState.PENDING.value
    source: str = ""

    @property
    def is_open(self) -> bool:
        """Nothing is known of its classification, or its pole alone."""
        return self.state == Event.ResultsState.PENDING or self.source == Source.SPRINT_GRID


def gather_live(
    gathered: Gathered,
    calendar: CalendarRecord | None,
    events: Sequence[Event],
    wanted: Wanted,
    run: SeasonRun,
    *,
    live: live_timing.LiveTiming | None,
) -> None:
    """Provisional classifications of the sessions that are over and have none, after everybody
    else was asked. Without an account nothing is."""
    if live is None or run.season < FIRST_LIVE_TIMING:
        return
    awaited = [
        session
        for session in _find_sessions(calendar, events)
        if is_wanted(wanted, session.session_type, session.grand_prix)
        and _is_due(session, run)
        and not any(_is_usable(one) for one in _told_of(session, gathered.classifications))
    ]
    if not awaited:
        return
    run.listen(f"{run.season} live timing")
    try:
        index = live_timing.fetch_live_index(live, run.season)
        listings = read_live_index(index.content, run.season)
    except ResultsNotReady as error:
        gathered.notes.append(run.problem(str(error), error))
        return
    except (SourceUnavailable, BadSourceData) as error:
        gathered.problems.append(run.problem(str(error), error))
        return
    gathered.answers += 1
    _ask_each(gathered, awaited, listings, live, run)


def _find_sessions(
    calendar: CalendarRecord | None, events: Sequence[Event]
) -> Iterator[AwaitedSession]:
    """By the calendar of this run, else by what is stored."""
    stored = gather_grands_prix([event.as_stored() for event in events])
    kept = {(event.grand_prix, event.session_type): event for event in events}
    if calendar is None:
        for known in stored:
            for kind in SessionType:
                event = kept.get((known.slug, kind.value))
                if event is not None:
                    session = AwaitedSession(known, kind, event.starts_at, event.ends_at)
                    yield _with_state(session, event)
        return
    for listed, told in calendar.sessions():
        ends_at = expected_end(
            told.session_type,
            told.starts_at,
            is_estimated=told.start_is_estimated,
            race_date=listed.race_date,
        )
        session = AwaitedSession(as_known(listed), told.session_type, told.starts_at, ends_at)
        slugs = [known.slug for known in stored if find_listed(known, [listed]) is not None]
        yield _with_state(session, kept.get((next(iter(slugs), ""), told.session_type.value)))


def _with_state(session: AwaitedSession, event: Event | None) -> AwaitedSession:
    if event is None:
        return session
    return replace(session, state=event.results_state, source=event.results_source)


def _is_due(session: AwaitedSession, run: SeasonRun) -> bool:
    """Once it has told a session's classification it is asked again by --refresh alone: its
    streams do not change any more, and are large."""
    is_guess = session.state == Event.ResultsState.PROVISIONAL and run.request.refresh
    is_news = session.session_type is SessionType.SPRINT_QUALIFYING or not is_over(
        run.now, session.ends_at and session.ends_at + STILL_NEWS
    )
    return (session.is_open or is_guess) and is_over(run.now, session.ends_at) and is_news


def _told_of(session: AwaitedSession, classifications: Classifications) -> Classifications:
    """What this run has been told of the session so far."""
    return [
        one
        for one in classifications
        if one.session_type is session.session_type and is_race_of(one.race, session.grand_prix)
    ]


def _is_usable(one: object) -> bool:
    """Official, and not one of the half-filled that come first after a session."""
    if not isinstance(one, ClassificationRecord) or one.is_provisional:
        return False
    try:
        check_classification(one, SeasonField())
    except ResultsNotReady:
        return False
    return True


def _ask_each(
    gathered: Gathered,
    awaited: Sequence[AwaitedSession],
    listings: Collection[LiveListing],
    live: live_timing.LiveTiming,
    run: SeasonRun,
) -> None:
    known = [*met_entrants(gathered.classifications), *known_entrants(run.season)]
    for session in awaited:
        try:
            told = _ask_session(session, listings, known, live, run)
        except ResultsNotReady as error:
            is_overdue = session.ends_at is not None and session.ends_at + OVERDUE_AFTER <= run.now
            place = gathered.problems if is_overdue else gathered.notes
            place.append(_problem(f"not available yet, {error}", session, run, error))
        except (SourceUnavailable, BadSourceData) as error:
            gathered.problems.append(_problem(str(error), session, run, error))
            if isinstance(error, SourceUnavailable):
                # The others would be answered alike.
                return
        else:
            gathered.answers += 1
            _put_in_place(told, session, gathered, run)


def _ask_session(
    session: AwaitedSession,
    listings: Iterable[LiveListing],
    known: Collection[Entrant],
    live: live_timing.LiveTiming,
    run: SeasonRun,
) -> ClassificationRecord:
    """Only what can be believed: it takes the place of what others guess."""
    listing = find_listing(session, listings)
    if listing is None:
        raise ResultsNotReady("live timing does not list it")
    answer = live_timing.fetch_live_session(live, run.season, session.session_type, listing.path)
    told = read_live_classification(
        listing,
        known,
        results=answer.results,
        laps=answer.laps,
        info=answer.info,
        timing=answer.timing,
        generated_at=answer.generated_at,
    )
    try:
        check_classification(told, SeasonField())
    except ResultsNotReady as error:
        raise ResultsNotReady(f"live timing: {error}") from error
    return told


def find_listing(session: AwaitedSession, listings: Iterable[LiveListing]) -> LiveListing | None:
    """The session in live timing's index: of the same race, by day and by name or place, of the
    same kind, and not on another day."""
    for listing in listings:
        is_same = listing.session_type is session.session_type and is_race_of(
            listing.race, session.grand_prix
        )
        starts_at = session.starts_at or listing.starts_at
        if is_same and abs(listing.starts_at - starts_at) <= MOVED_AT_MOST:
            return listing
    return None


def _put_in_place(
    told: ClassificationRecord, session: AwaitedSession, gathered: Gathered, run: SeasonRun
) -> None:
    """A session has one classification in a run: in the place of a guess, or of the half-filled
    one that the others have so far."""
    worse = _told_of(session, gathered.classifications)
    if any(not (isinstance(one, ClassificationRecord) and one.is_provisional) for one in worse):
        note = "the official classification cannot be used yet, live timing's is"
        gathered.notes.append(_problem(note, session, run))
    gathered.classifications = [one for one in gathered.classifications if one not in worse]
    gathered.classifications.append(told)


def _problem(
    message: str, session: AwaitedSession, run: SeasonRun, error: IngestionError | None = None
) -> Problem:
    return Problem(
        message,
        run.season,
        grand_prix=session.grand_prix.slug,
        session_type=session.session_type.value,
        advice=error.advice if error is not None else "",
        fault=Fault.UPSTREAM if error is None else fault_of(error),
    )
