"""Ask the upstreams for what a season lacks, and read the answers. Nothing is written here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ingestion import fetch, transform
from ingestion.errors import BadSourceData, IngestionError, SourceUnavailable, WrongRequest
from ingestion.lifecycle import expected_end, is_over
from ingestion.matching import (
    StoredGrandPrix,
    as_known,
    find_listed,
    gather_grands_prix,
    is_race_of,
    merge_calendars,
)
from ingestion.models import Event
from ingestion.pipeline.request import IngestRequest
from ingestion.records import (
    FIRST_SCHEDULE_FILE,
    CalendarRecord,
    ClassificationRecord,
    SessionType,
    Source,
    UnreadableClassification,
)
from ingestion.report import Problem

T = TypeVar("T")
Classifications = list[ClassificationRecord | UnreadableClassification]

# Jolpica has qualifyings since 1994; until 2005 no calendar lists them.
FIRST_QUALIFYINGS = 1994
LAST_UNLISTED_QUALIFYINGS = 2005
# After its last session a season is no longer polled but replayed: FastF1's cache will do.
SEASON_COOLS_DOWN = timedelta(days=14)


@dataclass(slots=True)
class Gathered:
    """What the upstreams say of a season: its calendars, the first deciding, and classifications.
    `answers` counts those that could be read."""

    calendars: list[CalendarRecord] = field(default_factory=list)
    classifications: Classifications = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    answers: int = 0
    is_live: bool = False
    # Jolpica's, where it was asked for its round numbers alone.
    other_calendar: CalendarRecord | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the season, stored or just fetched, as far as asking is concerned."""

    round_number: int | None
    session_type: SessionType
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeasonRun:
    """One season's part of a run; `listen` hears of each step."""

    season: int
    request: IngestRequest
    upstream: fetch.Upstream
    now: datetime
    listen: Callable[[str], None]

    def problem(
        self, message: str, error: IngestionError, kind: SessionType | None = None
    ) -> Problem:
        return Problem(message, self.season, session_type=kind, advice=error.advice)


def gather_season(run: SeasonRun) -> Gathered:
    """Raises `WrongRequest` for a round that the season does not have."""
    events = list(Event.objects.filter(season=run.season).exclude(status=Event.Status.CANCELLED))
    sessions = [_stored_session(event) for event in events]
    gathered = Gathered(is_live=_is_live(run, sessions))
    if run.request.with_schedule:
        run.listen(f"{run.season} schedule")
        _gather_calendars(gathered, run)
    merged = merge_calendars(*gathered.calendars) if gathered.calendars else None
    if merged is not None:
        sessions = _listed_sessions(merged)
        gathered.is_live = _is_live(run, sessions)
    wanted = _wanted_grand_prix(run, merged, events)
    if run.request.with_results:
        _gather_all_results(gathered, sessions, wanted, run)
    return gathered


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


def _wanted_grand_prix(
    run: SeasonRun, merged: CalendarRecord | None, events: list[Event]
) -> StoredGrandPrix | None:
    """The grand prix whose round the request names; rounds are those of our first calendar."""
    wanted = run.request.round_number
    if wanted is None:
        return None
    known: list[tuple[int | None, StoredGrandPrix]]
    if merged is not None:
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
    ends = [session.ends_at for session in sessions if session.ends_at is not None]
    if not ends:
        return run.season >= run.now.year
    return max(ends) + SEASON_COOLS_DOWN > run.now


def _gather_calendars(gathered: Gathered, run: SeasonRun) -> None:
    """The schedule file first, where the season has one, and Jolpica's calendar with it."""
    fresh = run.request.refresh or gathered.is_live
    asks = [_ask_jolpicas_calendar]
    if run.season >= FIRST_SCHEDULE_FILE:
        asks.insert(0, _ask_schedule_file)
    errors: list[IngestionError] = []
    for ask in asks:
        try:
            gathered.calendars.append(ask(run, fresh=fresh))
        except (SourceUnavailable, BadSourceData) as error:
            errors.append(error)
    gathered.answers += len(gathered.calendars)
    if errors:
        message = "; ".join(str(error) for error in errors)
        if gathered.calendars:
            message += f"; {_printed(gathered.calendars[0].source)} was used alone"
        gathered.problems.append(run.problem(message, errors[0]))


def _ask_schedule_file(run: SeasonRun, *, fresh: bool) -> CalendarRecord:
    answer = fetch.fetch_schedule(run.upstream, run.season, fresh=fresh)
    return _read(answer, transform.read_schedule, run.season)


def _ask_jolpicas_calendar(run: SeasonRun, *, fresh: bool) -> CalendarRecord:
    answer = fetch.fetch_calendar(run.upstream, run.season, fresh=fresh)
    calendar = _read(answer, transform.read_calendar, run.season)
    if not calendar.grands_prix:
        raise BadSourceData(f"Jolpica has no calendar of {run.season}")
    return calendar


def _printed(source: Source) -> str:
    return "the schedule file" if source is Source.SCHEDULE_FILE else "Jolpica's calendar"


def _gather_all_results(
    gathered: Gathered,
    sessions: list[Session],
    wanted: StoredGrandPrix | None,
    run: SeasonRun,
) -> None:
    if not sessions and not gathered.problems:
        nothing = Problem(
            "no event of the season is stored",
            run.season,
            advice="Run it once without --skip-schedule",
        )
        gathered.problems.append(nothing)
    for session_type in _kinds_to_ask(run, sessions):
        run.listen(f"{run.season} {session_type.replace('_', ' ')} results")
        try:
            if wanted is None:
                gathered.classifications += _ask_results(gathered, session_type, run, None)
            else:
                gathered.classifications += _ask_round(gathered, session_type, wanted, run)
        except (SourceUnavailable, BadSourceData) as error:
            gathered.problems.append(run.problem(str(error), error, session_type))


def _ask_results(
    gathered: Gathered, session_type: SessionType, run: SeasonRun, round_number: int | None
) -> Classifications:
    answer = fetch.fetch_results(
        run.upstream,
        run.season,
        session_type,
        round_number=round_number,
        fresh=run.request.refresh or gathered.is_live,
    )
    classifications = _read(answer, transform.read_classifications, run.season, session_type)
    gathered.answers += 1
    return classifications


def _ask_round(
    gathered: Gathered, session_type: SessionType, wanted: StoredGrandPrix, run: SeasonRun
) -> Classifications:
    """The wanted grand prix under Jolpica's own round, which may not be ours.

    Without Jolpica's calendar at hand our number is tried; an answer about another race is refused
    and named, and the right one looked for.
    """
    own = _round_of(gathered, wanted)
    number = own if own is not None else run.request.round_number
    classifications = _ask_results(gathered, session_type, run, number)
    right = [one for one in classifications if is_race_of(one.race, wanted)]
    for one in classifications:
        if one not in right:
            gathered.notes.append(_refusal(one, wanted, run))
    if right or own is not None:
        return right
    if not any(calendar.source is Source.JOLPICA for calendar in gathered.calendars):
        gathered.other_calendar = _ask_jolpicas_calendar(run, fresh=True)
    own = _round_of(gathered, wanted)
    if own is None:
        raise BadSourceData(f"Jolpica's calendar of {run.season} has no {wanted.name}")
    if own == number:
        return right
    again = _ask_results(gathered, session_type, run, own)
    return [one for one in again if is_race_of(one.race, wanted)]


def _round_of(gathered: Gathered, wanted: StoredGrandPrix) -> int | None:
    """Jolpica's round of a grand prix, None where its calendar is not at hand or lacks it."""
    calendars = [*gathered.calendars, gathered.other_calendar]
    for calendar in calendars:
        if calendar is not None and calendar.source is Source.JOLPICA:
            listed = find_listed(wanted, calendar.grands_prix)
            return listed.round_number if listed is not None else None
    return None


def _refusal(
    other: ClassificationRecord | UnreadableClassification,
    wanted: StoredGrandPrix,
    run: SeasonRun,
) -> Problem:
    race = other.race
    return Problem(
        f"Jolpica's round {race.round_number} is the {race.name} of {race.race_date}, "
        f"not the {wanted.name}; it was refused",
        run.season,
        session_type=other.session_type.value,
    )


def _read(answer: fetch.Answer, read: Callable[..., T], *arguments: Any) -> T:
    """Frames to records; an answer that makes no sense must not come from the cache again."""
    try:
        return read(answer.content, *arguments, answer.generated_at)
    except BadSourceData:
        fetch.forget(answer)
        raise


def _kinds_to_ask(run: SeasonRun, sessions: list[Session]) -> list[SessionType]:
    """The kinds of session of which one at least is over, each an endpoint of its own.

    Sprint qualifying has none in the form that FastF1 reads.
    """
    wanted = run.request.round_number
    over = {
        session.session_type
        for session in sessions
        if is_over(run.now, session.ends_at) and wanted in (None, session.round_number)
    }
    if FIRST_QUALIFYINGS <= run.season <= LAST_UNLISTED_QUALIFYINGS and SessionType.RACE in over:
        over.add(SessionType.QUALIFYING)
    return [kind for kind in fetch.ENDPOINTS if kind in over]
