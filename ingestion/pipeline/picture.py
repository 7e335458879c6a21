"""What flows while a season is gathered: its task, the answers, and the picture that they make."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ingestion.budget import Budget
from ingestion.errors import IngestionError, SourceRateLimited
from ingestion.pipeline.request import IngestRequest
from ingestion.records import CalendarRecord, EntrantRecord, ListedDriver, ListedSession, Source
from ingestion.report import Fault, Problem
from ingestion.sessions import SessionType
from ingestion.sources import Classification, Sources


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of requesting one part of a season of one source: an answer, with news or without,
    or an error. `grand_prix` is its slug, None where the whole season was requested; until
    `expires_at` (UTC) the source would answer the same again. `is_not_now` where it answers nothing
    at present, whatever it has."""

    source: Source
    part: str
    grand_prix: str | None = None
    expires_at: datetime | None = None
    error: IngestionError | None = None
    is_not_now: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """What sources answered, and what there is to report of it; `refusal` is set where requesting
    any more is not allowed now."""

    calendars: tuple[CalendarRecord, ...] = ()
    classifications: tuple[Classification, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    refusal: SourceRateLimited | None = None
    listed: tuple[ListedSession, ...] = ()
    entrants: tuple[EntrantRecord, ...] = ()
    drivers: tuple[ListedDriver, ...] = ()

    def __add__(self, other: "Answers") -> "Answers":
        return Answers(
            self.calendars + other.calendars,
            self.classifications + other.classifications,
            self.problems + other.problems,
            self.notes + other.notes,
            self.outcomes + other.outcomes,
            self.refusal or other.refusal,
            self.listed + other.listed,
            self.entrants + other.entrants,
            self.drivers + other.drivers,
        )


@dataclass(frozen=True, slots=True)
class SeasonPicture:
    """A season as the sources describe it now. `planned` are the parts that were to be requested,
    `left` those of them that are left for later; `has_all_calendars` where each calendar that the
    season has was read."""

    answers: Answers
    is_current: bool
    planned: tuple[str, ...]
    left: tuple[str, ...]
    has_all_calendars: bool

    @property
    def answered(self) -> frozenset[str]:
        return frozenset(self.planned) - frozenset(self.left)

    @property
    def answer_count(self) -> int:
        # That there is nothing yet is an answer as well.
        return sum(outcome.error is None for outcome in self.answers.outcomes)


@dataclass(frozen=True, slots=True)
class SeasonTask:
    """One season's part of a run. `answered` are the parts that it had answers for before it had to
    wait; `show_step` is called with what comes next, and which of the `PARTS` that is of."""

    season: int
    request: IngestRequest
    sources: Sources
    now: datetime
    show_step: Callable[[str, str], None]
    budget: Budget
    answered: frozenset[str] = frozenset()
    # Jolpica's own round numbers by grand prix, as its calendar had them when it was last read.
    rounds: Mapping[str, int] = field(default_factory=dict)
    # Who is saved in which kind of session of the season.
    known: tuple[Any, ...] = ()

    def problem(
        self,
        message: str,
        error: IngestionError,
        kind: SessionType | None = None,
        grand_prix: str | None = None,
    ) -> Problem:
        return Problem(
            message,
            self.season,
            grand_prix=grand_prix,
            session_type=kind,
            advice=error.advice,
            fault=fault_of(error),
        )

    def note_each(
        self, notices: Iterable[str], kind: SessionType | None = None
    ) -> tuple[Problem, ...]:
        """What a source noticed while it read an answer."""
        return tuple(Problem(notice, self.season, session_type=kind) for notice in notices)


def fault_of(error: IngestionError) -> Fault:
    return Fault.NONE if error.is_no_fault else Fault.UPSTREAM
