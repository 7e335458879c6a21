"""What flows from the upstreams to the database: frozen, in plain Python types.

Times are aware and in UTC, lap and race times are timedeltas, points are Decimals, a text that
the upstream does not give is '', anything else that is missing is None.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self, get_args, get_type_hints

from django.utils.dateparse import parse_duration

from ingestion.sessions import SessionType

# FastF1's schedule files begin with it; older seasons are known from Jolpica's calendar alone.
FIRST_SCHEDULE_FILE = 2018


class Source(StrEnum):
    """Where a fact came from, and its name for people. The classifications of a provisional source
    count until a source publishes one; of those the better ones are later here. All that publish
    are Jolpica's, from one database: none confirms what another says.
    """

    _value_: str
    label: str
    is_provisional: bool
    is_published: bool

    def __new__(
        cls,
        value: str,
        label: str = "",
        is_provisional: bool = False,
        is_published: bool = False,
    ) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.is_provisional, member.is_published = is_provisional, is_published
        return member

    @property
    def is_second(self) -> bool:
        """Whether it is the second source: optional everywhere, and a witness of what is published.
        Its silence and its mistakes are notes."""
        return self is Source.OPENF1

    @property
    def origin(self) -> str:
        """Where what it says is read: OpenF1 reads Formula 1's own pages."""
        return "formula1.com" if self is Source.OPENF1 else self.label

    SCHEDULE_FILE = "schedule_file", "the schedule file"
    JOLPICA = "jolpica", "Jolpica", False, True
    # The same server's newer form.
    JOLPICA_NEWER = "jolpica_newer", "Jolpica's newer form", False, True
    # Its whole database as one file, a fortnight late.
    JOLPICA_DUMP = "jolpica_dump", "Jolpica's dump", False, True
    # A sprint's grid slot 1, read as the pole of its qualifying.
    SPRINT_GRID = "sprint_grid", "the sprint's grid", True
    LIVE_TIMING = "live_timing", "live timing", True
    # Formula 1's own result pages.
    OPENF1 = "openf1", "OpenF1", True
    PERSON = "person", "a person"


# They have a podium or a pole alone, and say nothing of the field.
OF_LEADERS_ALONE = (Source.PERSON, Source.SPRINT_GRID)

# The better ones later.
PROVISIONAL_SOURCES = tuple(source for source in Source if source.is_provisional)


def is_better_provisional(source: Source, other: str) -> bool:
    """Whether of two provisional sources the first one is the better; False where one is none."""
    ranks = PROVISIONAL_SOURCES
    return source in ranks and other in ranks and ranks.index(source) > ranks.index(Source(other))


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session of a calendar.

    `starts_at` is None while even the day is unknown. Where only the day is known it is that
    day's midnight in UTC and `start_is_estimated` is set. `utc_offset` is the circuit's, `source`
    the calendar that the start comes from and `generated_at` when the source made it;
    `disputed_starts_at` is the start that the other calendar gives where it differs, and
    `disputed_generated_at` when that one was made, None where it has no start.
    """

    session_type: SessionType
    starts_at: datetime | None
    source: Source
    generated_at: datetime | None = None
    start_is_estimated: bool = False
    utc_offset: timedelta | None = None
    disputed_starts_at: datetime | None = None
    disputed_generated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrandPrixRecord:
    """One race weekend of a calendar; `race_date` is the day of the race as the source prints it
    (local in the schedule file, UTC at Jolpica), `round_number` the source's own, None where two
    calendars are merged and the first does not know the grand prix."""

    season: int
    round_number: int | None
    name: str
    official_name: str
    country: str
    location: str
    race_date: date
    sessions: tuple[SessionRecord, ...]


# What cannot be read of a calendar where not even the name of the grand prix can.
UNNAMED = "grand prix without a name"


@dataclass(frozen=True, slots=True)
class CalendarRecord:
    """A whole season as one source has it; `generated_at` is when the source made the answer,
    `unreadable` are the names of grands prix that it has and that cannot be read, `UNNAMED` where
    it could be any."""

    season: int
    source: Source
    generated_at: datetime | None
    grands_prix: tuple[GrandPrixRecord, ...]
    unreadable: tuple[str, ...] = ()

    def sessions(self) -> Iterator[tuple[GrandPrixRecord, SessionRecord]]:
        for grand_prix in self.grands_prix:
            for session in grand_prix.sessions:
                yield grand_prix, session


@dataclass(frozen=True, slots=True)
class RaceIdentity:
    """Which race an answer says that it is about; its round number is the upstream's own, 0 where
    that has none (OpenF1).

    `race_date` is the race's, also in answers about qualifying and sprint (Jolpica).
    """

    season: int
    round_number: int
    name: str
    race_date: date
    country: str
    location: str


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session as the second source's calendar has it: an opinion, which moves nothing."""

    race: RaceIdentity
    session_type: SessionType
    starts_at: datetime
    is_cancelled: bool
    source: Source
    generated_at: datetime | None


@dataclass(frozen=True, slots=True)
class EntrantRecord:
    """A driver whom a source lists in a grand prix's sessions before there is a classification, by
    our key of the driver and the grand prix; '' of a driver whom the season does not know."""

    grand_prix: str
    source: Source
    driver_id: str
    driver_number: int | None
    driver_code: str
    driver_name: str
    constructor_id: str
    constructor_name: str


@dataclass(frozen=True, slots=True)
class ListedDriver:
    """A driver in a list that has no cars and no teams: of a grand prix, or where that is '' of the
    whole season. `driver_id` is the source's key until `save` knows the person, then ours."""

    grand_prix: str
    driver_id: str
    driver_code: str
    driver_name: str
    driver_born: date


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """One entry of a classification; see `ingestion.models.Result` for the fields' meaning.

    `driver_id` is the source's key of the driver until `save` knows the person, then ours.
    `driver_born` says who it is, and is no fact of the result.
    """

    order: int
    position: int
    classification: str
    driver_id: str
    driver_number: int | None
    driver_code: str
    driver_name: str
    constructor_id: str
    constructor_name: str
    grid: int | None = None
    laps: int | None = None
    points: Decimal | None = None
    status: str = ""
    time: timedelta | None = None
    gap: timedelta | None = None
    q1: timedelta | None = None
    q2: timedelta | None = None
    q3: timedelta | None = None
    driver_born: date | None = field(default=None, compare=False)

    @classmethod
    def of_driver(cls, key: str, name: str, code: str, born: date | None = None) -> Self:
        """One that says who a driver is, and nothing of a session."""
        return cls(1, 1, "1", key, None, code, name, "", "", driver_born=born)


# The one list of a result's facts: saving, comparing, the feed, exports and forms follow it.
RESULT_FIELDS = tuple(fact.name for fact in fields(ResultRecord) if fact.compare)
_TYPES = get_type_hints(ResultRecord)


def parse_field(name: str, value: Any) -> Any:
    """A result's fact out of the feed's JSON, which keeps durations and decimals as texts."""
    if isinstance(value, str) and timedelta in get_args(_TYPES[name]):
        return parse_duration(value)
    if isinstance(value, str) and Decimal in get_args(_TYPES[name]):
        return Decimal(value)
    return value


@dataclass(frozen=True, slots=True)
class ClassificationRecord:
    """The classification of one session, in order; `spoilt` are the drivers of whom a detail was
    sent that cannot be right and is missing here.
    """

    race: RaceIdentity
    session_type: SessionType
    source: Source
    generated_at: datetime | None
    results: tuple[ResultRecord, ...]
    spoilt: tuple[str, ...] = ()

    @property
    def is_provisional(self) -> bool:
        return self.source.is_provisional


@dataclass(frozen=True, slots=True)
class UnreadableClassification:
    """A race whose rows make no sense, and why; the rest of the answer may be good."""

    race: RaceIdentity
    session_type: SessionType
    reason: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the database as matching and lifecycle see it."""

    grand_prix: str
    name: str
    country: str
    location: str
    session_type: SessionType
    round_number: int | None
    starts_at: datetime | None
    utc_offset: timedelta | None
    disputed_starts_at: datetime | None
    is_cancelled: bool
