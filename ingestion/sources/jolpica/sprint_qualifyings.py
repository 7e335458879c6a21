"""Documents of Jolpica's newer form to rounds and sprint qualifyings.

The newer form (/f1/alpha/) is plain JSON that leaves out what is null. It names rounds, drivers
and teams by keys of its own ('driver_cAPSXDn9') and never by those of the Ergast form; what both
forms share, being printed from the same tables, are cars' numbers, codes, and the names of drivers
and teams.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from ingestion.errors import BadSourceData, ResultsNotReady
from ingestion.records import ClassificationRecord, RaceIdentity, ResultRecord, Source
from ingestion.sessions import SessionType
from ingestion.sources.cars import Driving
from ingestion.sources.details import Details, drop_spoilt
from ingestion.sources.protocol import KnownDriver
from ingestion.sources.values import (
    LONGEST_CODE,
    LONGEST_PLACE,
    UNREADABLE,
    read_integer,
    read_key,
    read_text,
    require,
)

# Its code of a whole sprint qualifying; the parts' are SQ1 to SQ3.
CODE = SessionType.SPRINT_QUALIFYING.kind.newer_code
PARTS = ("SQ1", "SQ2", "SQ3")
RACE = "R"

# They become a part of an address.
ROUND_KEY = re.compile(r"\w{1,64}", re.ASCII)
LAP = re.compile(r"(?:(?P<minutes>\d{1,2}):)?(?P<seconds>\d{1,2}\.\d{1,6})", re.ASCII)

# What it says of who is not classified ('NC' in all cases), as the Ergast form prints it.
NOT_CLASSIFIED = "N"
LETTERS = {"DISQUALIFIED": "D", "DID_NOT_START": "W"}


class UnknownDriver(BadSourceData):
    """A driver or a team without a key of the Ergast form: no pick could be paid on it."""


class NotKnownError(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class Round:
    """A round of the newer form: its key there, and which race it is."""

    key: str
    race: RaceIdentity
    has_sprint_qualifying: bool


def read_drivers(drivers: Sequence[Mapping[str, Any]]) -> list[Driving]:
    """Jolpica's list of drivers in its Ergast form, by the whole name as its results print it. It
    has no cars, only the drivers' permanent numbers, and no teams.
    Raises `BadSourceData` where it cannot be read."""
    try:
        return [
            Driving(
                driver_id=require(read_key(driver["driverId"]), "driver"),
                driver_number=read_integer(driver.get("permanentNumber")),
                driver_code=read_text(driver.get("code"), longest=LONGEST_CODE),
                driver_name=read_text(f"{driver['givenName']} {driver['familyName']}"),
            )
            for driver in drivers
        ]
    except UNREADABLE as error:
        raise BadSourceData(f"Jolpica's list of drivers cannot be read: {error}") from error


def read_rounds(document: Any, season: int) -> list[Round]:
    """A season's rounds; those that were cancelled or have no date are left out. Raises
    `BadSourceData` where it is no list of that season's rounds."""
    rounds: list[Round] = []
    try:
        if document["metadata"].get("total_pages", 1) > 1:
            raise ValueError("more rounds than a season has")
        for row in document["data"]:
            if row["season"]["year"] != season:
                raise ValueError(f"it has a round of {read_text(row['season']['year'])}")
            sessions = [one for one in row["sessions"] if not one.get("is_cancelled")]
            starts = [read_instant(one.get("timestamp")) for one in sessions if one["type"] == RACE]
            number = read_integer(row.get("number"))
            if row.get("is_cancelled") or number is None or not starts or starts[0] is None:
                continue
            if not ROUND_KEY.fullmatch(row["id"]):
                raise ValueError("a round's key cannot be part of an address")
            race = RaceIdentity(
                season=season,
                round_number=number,
                name=require(read_text(row.get("name")), "name of a round"),
                race_date=starts[0].date(),
                # It has a code in place of the country's name.
                country="",
                location=read_text(row["circuit"].get("locality"), longest=LONGEST_PLACE),
            )
            has_sprint_qualifying = any(one["type"].startswith(CODE) for one in sessions)
            rounds.append(Round(row["id"], race, has_sprint_qualifying))
    except UNREADABLE as error:
        raise BadSourceData(
            f"Jolpica's newer list of the rounds of {season} cannot be read: {error}"
        ) from error
    return rounds


def read_sprint_qualifying(
    document: Any,
    round_: Round,
    known: Collection[KnownDriver],
    generated_at: datetime | None,
) -> ClassificationRecord:
    """The sprint qualifying of that round; `known` is who the season knows.

    Raises `BadSourceData` where it is of another race or session or cannot be read,
    `UnknownDriver` where it names a driver or a team that is not among the known, and
    `ResultsNotReady` where a part of the session has no places yet: each part is published by
    itself, and until the last one is in, the order is that of the one before.
    """
    with reading_results(round_, SessionType.SPRINT_QUALIFYING):
        data, made_at = open_results(document, round_, SessionType.SPRINT_QUALIFYING)
        rows = data["results"]
        held = {one["type"] for one in data["sessions"] if not one.get("is_cancelled")}
        for part in PARTS:
            lines = (row["components"].get(part, {}) for row in rows)
            if part in held and not any("position" in line for line in lines):
                raise ResultsNotReady(f"{part} is missing still")
        placed = sorted(
            rows,
            key=lambda row: (
                _place(row) or math.inf,
                read_integer(row.get("car_number")) or math.inf,
            ),
        )
        details = Details(round_.race)
        results = drop_spoilt(
            [_read_row(order, row, known, details) for order, row in enumerate(placed, start=1)],
            details,
        )
    details.say()
    return ClassificationRecord(
        round_.race,
        SessionType.SPRINT_QUALIFYING,
        Source.JOLPICA_NEWER,
        generated_at=find_older(generated_at, made_at),
        results=results,
        spoilt=details.drivers,
    )


@contextmanager
def reading_results(round_: Round, kind: SessionType) -> Iterator[None]:
    """What cannot be read within is raised as `BadSourceData`, or as `UnknownDriver`."""
    try:
        yield
    except UNREADABLE as error:
        raised = UnknownDriver if isinstance(error, NotKnownError) else BadSourceData
        raise raised(
            f"Jolpica's {kind.replace('_', ' ')} of the {round_.race.season} {round_.race.name} "
            f"cannot be read: {error}"
        ) from error


def open_results(
    document: Any, round_: Round, kind: SessionType
) -> tuple[Mapping[str, Any], datetime | None]:
    """The session's data, which is that round's, and when it was made by its own account. Within
    `reading_results`."""
    data = document["data"]
    if data["code"] != kind.kind.newer_code:
        raise ValueError(f"it is of the session {read_text(data['code'])}")
    season, sent = data["season"]["year"], data["round"]
    if (season, sent["id"]) != (round_.race.season, round_.key):
        raise ValueError(f"it is of the {season} {read_text(sent.get('name'))}")
    return data, read_instant(document["metadata"].get("timestamp"))


def find_older(*ages: datetime | None) -> datetime | None:
    return min((age for age in ages if age is not None), default=None)


def _read_row(
    order: int, row: Mapping[str, Any], known: Collection[KnownDriver], details: Details
) -> ResultRecord:
    driver = find_driver(row, known)
    team = find_team(row, known)
    number = read_integer(row.get("car_number"))
    place = _place(row)
    printed = str(place)
    if row.get("is_classified") is False:
        printed = LETTERS.get(read_text(row.get("status")), NOT_CLASSIFIED)
    return ResultRecord(
        order=order,
        position=place,
        classification=printed,
        driver_id=driver.driver_id,
        driver_number=driver.driver_number if number is None else number,
        driver_code=driver.driver_code,
        driver_name=driver.driver_name,
        constructor_id=team.constructor_id,
        constructor_name=team.constructor_name,
        q1=details.read(partial(_read_lap, row), "SQ1", "SQ1", driver.driver_id),
        q2=details.read(partial(_read_lap, row), "SQ2", "SQ2", driver.driver_id),
        q3=details.read(partial(_read_lap, row), "SQ3", "SQ3", driver.driver_id),
    )


def _place(row: Mapping[str, Any]) -> int:
    """0 where there is none yet. The place is that of the last part in which a driver has a line;
    one who took part by mistake has a line without a place there (a Q1 lap that was deleted later,
    Bahrain 2025), and the place of the part before."""
    parts = row["components"]
    lines = [row, *(parts[key] for key in reversed(PARTS) if key in parts)]
    places = (read_integer(line.get("position")) for line in lines)
    return next((place for place in places if place is not None), 0)


def find_driver(row: Mapping[str, Any], known: Iterable[KnownDriver]) -> KnownDriver:
    """By the whole name, else by the car's number and the driver's code together: a number alone
    may be another's (reserve drivers take turns), and so may a code (the Schumachers)."""
    driver = row["driver"]
    name = f"{read_text(driver.get('given_name'))} {read_text(driver.get('family_name'))}".strip()
    number, code = read_integer(row.get("car_number")), read_text(driver.get("abbreviation"))
    named: dict[str, KnownDriver] = {}
    numbered: dict[str, KnownDriver] = {}
    for one in known:
        if one.driver_name == name:
            named[one.driver_id] = one
        if code and (one.driver_number, one.driver_code) == (number, code):
            numbered[one.driver_id] = one
    for found in (named, numbered):
        if len(found) == 1:
            return next(iter(found.values()))
    raise NotKnownError(f"{name} in car {number} is no driver that the season knows yet")


def find_team(row: Mapping[str, Any], known: Iterable[KnownDriver]) -> KnownDriver:
    """A driver who drove for it; drivers change teams within a season."""
    name = read_text(row["team"]["name"])
    for one in known:
        if one.constructor_name == name:
            return one
    raise NotKnownError(f"{name} is no team that the season knows yet")


def _read_lap(row: Mapping[str, Any], part: str) -> timedelta | None:
    printed = read_text(row["components"].get(part, {}).get("time"))
    if not printed:
        return None
    lap = LAP.fullmatch(printed)
    if lap is None:
        raise ValueError(f"{printed!r} is no lap time")
    milliseconds = int(Decimal(lap["seconds"]) * 1000)
    return timedelta(minutes=int(lap["minutes"] or 0), milliseconds=milliseconds)


def read_instant(printed: Any) -> datetime | None:
    """UTC, which is the server's own zone where it names none."""
    if not read_text(printed):
        return None
    instant = datetime.fromisoformat(printed)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
