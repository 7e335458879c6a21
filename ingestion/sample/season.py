"""A season's facts, read from compact tables.

Everything is frozen. A changed season is a copy: `dataclasses.replace`, or the functions below.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

TABLES = Path(__file__).parent

SESSIONS = {
    "practice_1": "Practice 1",
    "practice_2": "Practice 2",
    "practice_3": "Practice 3",
    "sprint_qualifying": "Sprint Qualifying",
    "sprint": "Sprint",
    "qualifying": "Qualifying",
    "race": "Race",
}

Row = dict[str, str]
Named = TypeVar("Named", "Driver", "Constructor", "Circuit")
Entry = TypeVar("Entry", "Finish", "Lap")


@dataclass(frozen=True)
class Driver:
    id: str
    permanent_number: int | None
    code: str | None
    given_name: str
    family_name: str
    born: date
    nationality: str
    wikipedia: str


@dataclass(frozen=True)
class Constructor:
    id: str
    name: str
    nationality: str
    wikipedia: str


@dataclass(frozen=True)
class Circuit:
    id: str
    name: str
    latitude: str
    longitude: str
    locality: str
    country: str
    wikipedia: str


@dataclass(frozen=True)
class Session:
    """`starts_at` is None while unknown; `day`, of the circuit, may be known before it."""

    name: str
    starts_at: datetime | None
    day: date | None = None


@dataclass(frozen=True)
class GrandPrix:
    """`id` is steady while rounds, names and places change. Testing has no circuit."""

    id: str
    round: int
    name: str
    official_name: str
    country: str
    location: str
    race_name: str
    circuit: str
    utc_offset: timedelta
    format: str
    sessions: tuple[Session, ...]

    def session(self, name: str) -> Session | None:
        return next((session for session in self.sessions if session.name == name), None)

    def starts_at(self, name: str) -> datetime | None:
        session = self.session(name)
        return session.starts_at if session else None


@dataclass(frozen=True)
class Finish:
    """One car in a race or sprint.

    `classification` is what is printed: a position, or R, D, W, N. `grid` is 0 for a start from
    the pit lane. `milliseconds` is the whole time, None for all but those on the winner's lap.
    """

    grand_prix: str
    order: int
    driver: str
    constructor: str
    number: int
    grid: int
    laps: int
    points: str
    classification: str
    status: str
    milliseconds: int | None


@dataclass(frozen=True)
class Lap:
    """One car in a (sprint) qualifying: its best laps in milliseconds, None where it set none."""

    grand_prix: str
    order: int
    driver: str
    constructor: str
    number: int
    classification: str
    q1: int | None
    q2: int | None
    q3: int | None


@dataclass(frozen=True)
class Season:
    """Classifications are kept by grand prix, so that a renumbered calendar keeps them.

    `jolpica_calendar` is for a season in which Jolpica's calendar differs from the schedule
    file's; None where they agree.
    """

    year: int
    testing: tuple[GrandPrix, ...]
    grands_prix: tuple[GrandPrix, ...]
    drivers: Mapping[str, Driver]
    constructors: Mapping[str, Constructor]
    circuits: Mapping[str, Circuit]
    races: Mapping[str, tuple[Finish, ...]]
    sprints: Mapping[str, tuple[Finish, ...]]
    qualifyings: Mapping[str, tuple[Lap, ...]]
    sprint_qualifyings: Mapping[str, tuple[Lap, ...]]
    jolpica_calendar: tuple[GrandPrix, ...] | None = None

    def grand_prix(self, key: str) -> GrandPrix:
        return next(grand_prix for grand_prix in self.grands_prix if grand_prix.id == key)


FinishTable = Literal["races", "sprints"]
LapTable = Literal["qualifyings", "sprint_qualifyings"]


def with_start(season: Season, key: str, name: str, starts_at: datetime | None) -> Season:
    """The season with one session moved. A calendar of Jolpica's own, where there is one, stays as
    it is."""
    old = season.grand_prix(key)
    sessions = tuple(
        replace(session, starts_at=starts_at) if session.name == name else session
        for session in old.sessions
    )
    moved = replace(old, sessions=sessions)
    return replace(
        season, grands_prix=tuple(moved if one.id == key else one for one in season.grands_prix)
    )


def with_finishes(
    season: Season, table: FinishTable, key: str, finishes: tuple[Finish, ...]
) -> Season:
    """The season with another classification of one race or sprint; empty: not published."""
    changed = MappingProxyType({**getattr(season, table), key: finishes})
    return replace(season, races=changed) if table == "races" else replace(season, sprints=changed)


def with_laps(season: Season, table: LapTable, key: str, laps: tuple[Lap, ...]) -> Season:
    """The season with another classification of one (sprint) qualifying; empty: not published."""
    changed = MappingProxyType({**getattr(season, table), key: laps})
    if table == "qualifyings":
        return replace(season, qualifyings=changed)
    return replace(season, sprint_qualifyings=changed)


def without_results(season: Season) -> Season:
    """The season before its first session."""
    nothing: Mapping[str, tuple[()]] = MappingProxyType({})
    return replace(
        season, races=nothing, sprints=nothing, qualifyings=nothing, sprint_qualifyings=nothing
    )


# Frozen, so that all can share it.
@cache
def load_season(year: int = 2024) -> Season:
    folder = TABLES / f"season_{year}"
    weekends = [read_grand_prix(row) for row in read_table(folder / "grands_prix.csv")]
    return Season(
        year=year,
        testing=tuple(weekend for weekend in weekends if weekend.round == 0),
        grands_prix=tuple(weekend for weekend in weekends if weekend.round > 0),
        drivers=by_id(read_driver(row) for row in read_table(folder / "drivers.csv")),
        constructors=by_id(
            read_constructor(row) for row in read_table(folder / "constructors.csv")
        ),
        circuits=by_id(read_circuit(row) for row in read_table(folder / "circuits.csv")),
        races=read_classifications(folder / "races.csv", read_finish),
        sprints=read_classifications(folder / "sprints.csv", read_finish),
        qualifyings=read_classifications(folder / "qualifyings.csv", read_lap),
        sprint_qualifyings=read_classifications(folder / "sprint_qualifyings.csv", read_lap),
    )


def read_table(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as table:
        yield from csv.DictReader(table)


def by_id(records: Iterator[Named]) -> Mapping[str, Named]:
    return MappingProxyType({record.id: record for record in records})


def read_classifications(
    path: Path, read_row: Callable[[Row], Entry]
) -> Mapping[str, tuple[Entry, ...]]:
    entries = map(read_row, read_table(path))
    grouped = groupby(entries, key=attrgetter("grand_prix"))
    return MappingProxyType({grand_prix: tuple(group) for grand_prix, group in grouped})


def read_grand_prix(row: Row) -> GrandPrix:
    sessions = [
        Session(name, datetime.fromisoformat(row[column]).replace(tzinfo=UTC))
        for column, name in SESSIONS.items()
        if row[column]
    ]
    return GrandPrix(
        id=row["grand_prix"],
        round=int(row["round"]),
        name=row["name"],
        official_name=row["official_name"],
        country=row["country"],
        location=row["location"],
        race_name=row["race_name"],
        circuit=row["circuit"],
        utc_offset=read_offset(row["utc_offset"]),
        format=row["format"],
        sessions=tuple(sessions),
    )


def read_offset(text: str) -> timedelta:
    hours, minutes = text[1:].split(":")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if text.startswith("-") else offset


def read_driver(row: Row) -> Driver:
    return Driver(
        id=row["driver"],
        permanent_number=int(row["permanent_number"]),
        code=row["code"],
        given_name=row["given_name"],
        family_name=row["family_name"],
        born=date.fromisoformat(row["born"]),
        nationality=row["nationality"],
        wikipedia=row["wikipedia"],
    )


def read_constructor(row: Row) -> Constructor:
    return Constructor(row["constructor"], row["name"], row["nationality"], row["wikipedia"])


def read_circuit(row: Row) -> Circuit:
    return Circuit(
        id=row["circuit"],
        name=row["name"],
        latitude=row["latitude"],
        longitude=row["longitude"],
        locality=row["locality"],
        country=row["country"],
        wikipedia=row["wikipedia"],
    )


def read_finish(row: Row) -> Finish:
    return Finish(
        grand_prix=row["grand_prix"],
        order=int(row["order"]),
        driver=row["driver"],
        constructor=row["constructor"],
        number=int(row["number"]),
        grid=int(row["grid"]),
        laps=int(row["laps"]),
        points=row["points"],
        classification=row["classification"],
        status=row["status"],
        milliseconds=read_milliseconds(row["milliseconds"]),
    )


def read_lap(row: Row) -> Lap:
    return Lap(
        grand_prix=row["grand_prix"],
        order=int(row["order"]),
        driver=row["driver"],
        constructor=row["constructor"],
        number=int(row["number"]),
        classification=row["classification"],
        q1=read_milliseconds(row["q1"]),
        q2=read_milliseconds(row["q2"]),
        q3=read_milliseconds(row["q3"]),
    )


def read_milliseconds(text: str) -> int | None:
    return int(text) if text else None
