"""Ask the upstreams for what a season lacks, and read the answers. Nothing is written here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ingestion import fetch, transform
from ingestion.errors import BadSourceData, IngestionError, SourceUnavailable, WrongRequest
from ingestion.lifecycle import expected_end, is_over
from ingestion.models import Event
from ingestion.pipeline.request import IngestRequest
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    SessionType,
    UnreadableClassification,
)
from ingestion.report import Problem

T = TypeVar("T")

# Jolpica has qualifyings since 1994; until 2005 no calendar lists them.
FIRST_QUALIFYINGS = 1994
LAST_UNLISTED_QUALIFYINGS = 2005
# After its last session a season is no longer polled but replayed: FastF1's cache will do.
SEASON_COOLS_DOWN = timedelta(days=14)


@dataclass(slots=True)
class Gathered:
    """What the upstreams say of a season. `answers` counts those that could be read."""

    calendar: CalendarRecord | None = None
    classifications: list[ClassificationRecord | UnreadableClassification] = field(
        default_factory=list
    )
    problems: list[Problem] = field(default_factory=list)
    answers: int = 0
    is_live: bool = False


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
    sessions = _stored_sessions(run.season)
    gathered = Gathered(is_live=_is_live(run, sessions))
    if run.request.with_schedule:
        run.listen(f"{run.season} schedule")
        _gather_calendar(gathered, run)
    if gathered.calendar is not None:
        sessions = _listed_sessions(gathered.calendar)
        gathered.is_live = _is_live(run, sessions)
    _check_round(run, sessions)
    if run.request.with_results:
        _gather_all_results(gathered, sessions, run)
    return gathered


def _stored_sessions(season: int) -> list[Session]:
    events = Event.objects.filter(season=season).exclude(status=Event.Status.CANCELLED)
    rows = events.values_list("round_number", "session_type", "ends_at")
    return [Session(number, SessionType(kind), ends_at) for number, kind, ends_at in rows]


def _listed_sessions(calendar: CalendarRecord | None) -> list[Session]:
    if calendar is None:
        return []
    return [
        Session(
            grand_prix.round_number,
            session.session_type,
            expected_end(
                session.session_type, session.starts_at, is_estimated=session.start_is_estimated
            ),
        )
        for grand_prix, session in calendar.sessions()
    ]


def _is_live(run: SeasonRun, sessions: Iterable[Session]) -> bool:
    """Whether news may come any hour, so that no answer from a cache will do."""
    ends = [session.ends_at for session in sessions if session.ends_at is not None]
    if not ends:
        return run.season >= run.now.year
    return max(ends) + SEASON_COOLS_DOWN > run.now


def _gather_calendar(gathered: Gathered, run: SeasonRun) -> None:
    """The schedule file; Jolpica's calendar before 2018 and where the file is not to be had."""
    fresh = run.request.refresh or gathered.is_live
    file_error: IngestionError | None = None
    if run.season >= fetch.FIRST_SCHEDULE_FILE:
        try:
            answer = fetch.fetch_schedule(run.upstream, run.season, fresh=fresh)
            gathered.calendar = _read(answer, transform.read_schedule, run.season)
        except (SourceUnavailable, BadSourceData) as error:
            file_error = error
    if gathered.calendar is None:
        _fall_back(gathered, run, file_error, fresh=fresh)
    gathered.answers += gathered.calendar is not None


def _fall_back(
    gathered: Gathered, run: SeasonRun, file_error: IngestionError | None, *, fresh: bool
) -> None:
    reasons = [file_error] if file_error is not None else []
    try:
        calendar = _ask_jolpicas_calendar(run, fresh=fresh)
    except (SourceUnavailable, BadSourceData) as error:
        reasons.append(error)
        message = "; ".join(str(reason) for reason in reasons)
        gathered.problems.append(run.problem(message, reasons[0]))
        return
    gathered.calendar = calendar
    if file_error is not None:
        message = f"{file_error}; Jolpica's calendar was used for what is not known better"
        gathered.problems.append(run.problem(message, file_error))


def _ask_jolpicas_calendar(run: SeasonRun, *, fresh: bool) -> CalendarRecord:
    answer = fetch.fetch_calendar(run.upstream, run.season, fresh=fresh)
    calendar = _read(answer, transform.read_calendar, run.season)
    if not calendar.grands_prix:
        raise BadSourceData(f"Jolpica has no calendar of {run.season}")
    return calendar


def _gather_all_results(gathered: Gathered, sessions: list[Session], run: SeasonRun) -> None:
    if not sessions and not gathered.problems:
        nothing = Problem(
            "no event of the season is stored",
            run.season,
            advice="Run it once without --skip-schedule",
        )
        gathered.problems.append(nothing)
    for session_type in _kinds_to_ask(run, sessions):
        run.listen(f"{run.season} {session_type.replace('_', ' ')} results")
        _gather_results(gathered, session_type, run)


def _gather_results(gathered: Gathered, session_type: SessionType, run: SeasonRun) -> None:
    try:
        answer = fetch.fetch_results(
            run.upstream,
            run.season,
            session_type,
            round_number=run.request.round_number,
            fresh=run.request.refresh or gathered.is_live,
        )
        gathered.classifications += _read(
            answer, transform.read_classifications, run.season, session_type
        )
        gathered.answers += 1
    except (SourceUnavailable, BadSourceData) as error:
        gathered.problems.append(run.problem(str(error), error, session_type))


def _read(answer: fetch.Answer, read: Callable[..., T], *arguments: Any) -> T:
    """Frames to records; an answer that makes no sense must not come from the cache again."""
    try:
        return read(answer.content, *arguments, answer.generated_at)
    except BadSourceData:
        fetch.forget(answer)
        raise


def _check_round(run: SeasonRun, sessions: list[Session]) -> None:
    wanted = run.request.round_number
    rounds = [session.round_number for session in sessions if session.round_number is not None]
    if wanted is not None and rounds and wanted not in rounds:
        raise WrongRequest(
            f"{run.season} has no round {wanted}, its rounds are {min(rounds)} to {max(rounds)}"
        )


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
