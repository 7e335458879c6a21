"""One season's part of a run: what is asked, and what the upstreams said."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ingestion import fetch
from ingestion.budget import Budget
from ingestion.errors import IngestionError, SourceRateLimited
from ingestion.pipeline.request import IngestRequest
from ingestion.pipeline.wanted import Heard
from ingestion.records import CalendarRecord, ClassificationRecord, Source, UnreadableClassification
from ingestion.report import Fault, Problem
from ingestion.sessions import SessionType

Classifications = list[ClassificationRecord | UnreadableClassification]

# What a season is asked for, in this order: its calendars, and each kind of session.
CALENDARS = "calendars"
PARTS: tuple[str, ...] = (CALENDARS, *reversed(SessionType))


@dataclass(slots=True)
class Gathered:
    """What the upstreams say of a season: its calendars, the first deciding, and classifications.
    `answers` counts those that could be read."""

    calendars: list[CalendarRecord] = field(default_factory=list)
    classifications: Classifications = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    answers: int = 0
    has_all_calendars: bool = False
    calendar_error: IngestionError | None = None
    is_live: bool = False
    # Some results could not be had: what is asked for beside them waits for the next run.
    has_failed: bool = False
    # Asking any more is not allowed now; `planned` is what was to be asked, `left` the part of it
    # that was not.
    refusal: SourceRateLimited | None = None
    planned: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    # Of a season that is over, what is known to be complete is not asked for.
    fills_gaps: bool = False
    pages: dict[SessionType, int] = field(default_factory=dict)
    # Jolpica's, where it was asked for its round numbers alone.
    other_calendar: CalendarRecord | None = None

    @property
    def answered(self) -> frozenset[str]:
        return frozenset(self.planned) - frozenset(self.left)

    @property
    def reached(self) -> int:
        """How far it came before it was refused."""
        return PARTS.index(self.left[0]) if self.left else len(PARTS)

    @property
    def jolpicas_calendar(self) -> CalendarRecord | None:
        for calendar in (*self.calendars, self.other_calendar):
            if calendar is not None and calendar.source is Source.JOLPICA:
                return calendar
        return None


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the season, stored or just fetched, as far as asking is concerned."""

    round_number: int | None
    session_type: SessionType
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeasonRun:
    """One season's part of a run; `listen` hears of each step. `answered` are the parts that it
    was told before it had to wait."""

    season: int
    request: IngestRequest
    upstream: fetch.Upstream
    now: datetime
    listen: Callable[[str], None]
    budget: Budget = field(default_factory=Budget)
    answered: frozenset[str] = frozenset()

    def problem(
        self, message: str, error: IngestionError, kind: SessionType | None = None
    ) -> Problem:
        return Problem(
            message,
            self.season,
            session_type=kind,
            advice=error.advice,
            fault=fault_of(error),
        )


def fault_of(error: IngestionError) -> Fault:
    return Fault.NONE if error.is_no_fault else Fault.UPSTREAM
