"""Live timing: its index of sessions, and what FastF1 makes of one session, to a classification.

It knows cars by number and drivers by code, and neither drivers' nor teams' keys: whom the season
does not know yet cannot be classified, since no pick could be paid on it.
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData, ResultsNotReady
from ingestion.records import ClassificationRecord, RaceIdentity, ResultRecord, Source
from ingestion.sessions import SessionType, read_session_name
from ingestion.sources.live_timing.streams import Streams
from ingestion.sources.protocol import KnownDriver
from ingestion.sources.values import (
    LONGEST_PLACE,
    UNREADABLE,
    clean_text,
    read_duration,
    read_integer,
    read_offset,
    read_text,
    require,
)

if TYPE_CHECKING:
    import pandas as pd

# The day of the race, then the session's own. It becomes part of an address.
PATH = re.compile(r"(?P<race_day>\d{4}-\d\d-\d\d)_[^/?#\s]+/\d{4}-\d\d-\d\d_[^/?#\s]+/")
# The key in the index of a session that was never held.
NO_SESSION = -1

# Whoever has covered less than nine tenths of the winner's laps, rounded down, is not classified
# (FIA Sporting Regulations, article on the classification).
CLASSIFIED = (9, 10)
RETIRED = "R"


Row = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """A session in the index: which it is, its start (UTC), its key and where its streams are."""

    race: RaceIdentity
    session_type: SessionType
    starts_at: datetime
    key: int
    path: str


def read_index(meetings: Sequence[Any], season: int) -> list[Listing]:
    """The sessions that people can pick on and that live timing has streams of.

    The race's number is the meeting's, by which no other source counts, and its date the circuit's.
    """
    listings: list[Listing] = []
    try:
        for meeting, session in ((one, each) for one in meetings for each in one["Sessions"]):
            kind = read_session_name(season, read_text(session.get("Name")))
            if kind is None or session.get("Key") == NO_SESSION or not session.get("Path"):
                continue
            path = session["Path"].removeprefix(f"{season}/")
            place = PATH.fullmatch(path)
            if place is None or clean_text(path) != path:
                raise ValueError(f"{session['Path']!r} is no place of a session of the season")
            race = RaceIdentity(
                season=season,
                round_number=read_integer(meeting.get("Number")) or 0,
                name=require(read_text(meeting["Name"]), "name of a meeting"),
                race_date=date.fromisoformat(place["race_day"]),
                country=read_text(meeting["Country"]["Name"], longest=LONGEST_PLACE),
                location=read_text(meeting["Location"], longest=LONGEST_PLACE),
            )
            start = datetime.fromisoformat(session["StartDate"]) - read_offset(session["GmtOffset"])
            starts_at, key = start.replace(tzinfo=UTC), int(session["Key"])
            listings.append(Listing(race, kind, starts_at, key, session["Path"]))
    except UNREADABLE as error:
        raise BadSourceData(f"live timing's index of {season} cannot be read: {error}") from error
    return listings


def read_classification(
    listing: Listing, known: Collection[KnownDriver], streams: Streams
) -> ClassificationRecord:
    """A session's provisional classification; `known` is who the season knows.

    Neither laps nor times of a race are in it: FastF1 counts them from what it guesses. Raises
    `BadSourceData` where the streams are another session's, `ResultsNotReady` where a car or a
    driver is missing or unknown, or where the screen has other leaders.
    """
    what = f"live timing's {listing.session_type.replace('_', ' ')} of the {listing.race.name}"
    try:
        _expect_session(streams.info, listing)
        rows = _order_rows(streams.results, streams.timing, listing.session_type)
        drivers = _match_rows(rows, known)
        letters = _read_letters(rows, streams.laps, listing.session_type)
        results = tuple(
            ResultRecord(
                order=order,
                position=order,
                classification=letter,
                driver_id=driver.driver_id,
                driver_number=driver.driver_number,
                driver_code=driver.driver_code,
                driver_name=driver.driver_name,
                constructor_id=driver.constructor_id,
                constructor_name=driver.constructor_name,
                q1=read_duration(row["Q1"]),
                q2=read_duration(row["Q2"]),
                q3=read_duration(row["Q3"]),
            )
            for order, (row, driver, letter) in enumerate(
                zip(rows, drivers, letters, strict=True), start=1
            )
        )
    except (BadSourceData, ResultsNotReady) as error:
        raise type(error)(f"{what}: {error}") from error
    except UNREADABLE as error:
        raise BadSourceData(f"{what} cannot be read: {error}") from error
    return ClassificationRecord(
        listing.race, listing.session_type, Source.LIVE_TIMING, streams.generated_at, results
    )


def _expect_session(info: Row, listing: Listing) -> None:
    if (info.get("Key"), info.get("Path")) != (listing.key, listing.path):
        other = f"{info['Meeting']['Name']}, {info['Name']}"
        raise BadSourceData(f"its streams are those of another session ({read_text(other)})")


def _order_rows(
    results: "pd.DataFrame", timing: Iterable[Sequence[Any]], session_type: SessionType
) -> list[Row]:
    """As FastF1 orders them by their laps; who has none comes last, as on the screen."""
    # The last of each car.
    places: dict[str, int] = {}
    for _, content in timing:
        for number, line in content.get("Lines", {}).items():
            place = read_integer(line.get("Position")) if isinstance(line, Mapping) else None
            if place is not None:
                places[number] = place
    rows: list[Row] = results.to_dict("records")
    numbers = {read_text(row["DriverNumber"]) for row in rows}
    unlisted = sorted(places.keys() - numbers)
    if unlisted:
        raise ResultsNotReady(f"car {read_text(', '.join(unlisted))} is not in the list of drivers")
    rows.sort(
        key=lambda row: (
            read_integer(row["Position"]) or math.inf,
            places.get(read_text(row["DriverNumber"]), math.inf),
        )
    )
    if not rows or read_integer(rows[0]["Position"]) != 1:
        raise ResultsNotReady("FastF1 finds no order in the laps")
    # FastF1 takes laps under yellow flags for inaccurate and drops them; the screen does not.
    count = session_type.kind.scored_places
    leaders = [read_text(row["DriverNumber"]) for row in rows[:count]]
    shown = sorted(places, key=lambda number: places[number])[:count]
    if leaders != shown:
        codes = {read_text(row["DriverNumber"]): read_text(row["Abbreviation"]) for row in rows}
        by_laps = ", ".join(codes[number] for number in leaders)
        on_screen = ", ".join(codes[number] for number in shown) or "no car"
        raise ResultsNotReady(f"by its laps {by_laps} lead, on its screen {on_screen}")
    return rows


def _match_rows(rows: Sequence[Row], known: Collection[KnownDriver]) -> list[KnownDriver]:
    """Who each car's driver is, and for whom: the constructor that all cars of a team on the
    screen have driven for, since a driver may have changed teams and live timing calls them by
    other names."""
    candidates: list[dict[str, KnownDriver]] = []
    teams: dict[str, set[str]] = {}
    for row in rows:
        # A number alone may be another's: reserve drivers take turns.
        number, code = read_integer(row["DriverNumber"]), read_text(row["Abbreviation"])
        found = {
            driver.constructor_id: driver
            for driver in known
            if (driver.driver_number, driver.driver_code) == (number, code)
        }
        if len({driver.driver_id for driver in found.values()}) != 1:
            raise ResultsNotReady(f"{_name(row)} is no driver that the season knows yet")
        candidates.append(found)
        team = read_text(row["TeamName"])
        teams[team] = teams.get(team, set(found)) & set(found)
    drivers = []
    for row, found in zip(rows, candidates, strict=True):
        team = read_text(row["TeamName"])
        if len(teams[team]) != 1:
            raise ResultsNotReady(f"the season does not know yet for whom {_name(row)} drives")
        [constructor] = teams[team]
        drivers.append(found[constructor])
    return drivers


def _name(row: Row) -> str:
    name = read_text(row["FullName"]) or read_text(row["Abbreviation"]) or "a driver"
    return f"{name} in car {read_text(row['DriverNumber'])}"


def _read_letters(
    rows: Sequence[Row], laps: "pd.DataFrame", session_type: SessionType
) -> list[str]:
    """What is printed in front of each: the place, or that a car did not go far enough."""
    places = [str(order) for order in range(1, len(rows) + 1)]
    if not session_type.kind.is_race:
        return places
    done: dict[str, int] = {}
    for lap in laps[["DriverNumber", "LapNumber"]].to_dict("records"):
        number = read_text(lap["DriverNumber"])
        done[number] = max(done.get(number, 0), read_integer(lap["LapNumber"]) or 0)
    counts = [done.get(read_text(row["DriverNumber"]), 0) for row in rows]
    enough = counts[0] * CLASSIFIED[0] // CLASSIFIED[1]
    return [
        place if count >= enough else RETIRED for place, count in zip(places, counts, strict=True)
    ]
