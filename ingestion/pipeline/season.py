"""One season's part of a run: what is asked, and what the upstreams said."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ingestion import fetch
from ingestion.errors import IngestionError
from ingestion.pipeline.request import IngestRequest
from ingestion.pipeline.wanted import Heard
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    SessionType,
    Source,
    UnreadableClassification,
)
from ingestion.report import Problem

Classifications = list[ClassificationRecord | UnreadableClassification]


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
    # Jolpica's, where it was asked for its round numbers alone.
    other_calendar: CalendarRecord | None = None

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
