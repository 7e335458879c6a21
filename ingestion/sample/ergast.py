"""Jolpica's documents of a season, page by page, as its Ergast form prints them."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar
from urllib.parse import quote

from ingestion.sample.season import Driver, Finish, GrandPrix, Lap, Season

# A bare season or round means its races; FastF1 always names the endpoint.
ROUTE = re.compile(
    r"/ergast/f1/(?P<year>\d{4})(?:/(?P<round>\d{1,2}))?"
    r"(?:/(?P<endpoint>races|results|qualifying|sprint|drivers))?(?:\.json|/)"
)
DEFAULT_LIMIT = 30
MAX_LIMIT = 100

FIRST_YEAR_OF_RACE_TIMES = 2005
FIRST_YEAR_OF_SESSION_DATES = 2006
FIRST_YEAR_OF_SESSION_TIMES = 2022
YEARS_OF_SPRINTS_CALLED_SPRINT_QUALIFYING = (2021, 2022)

Q2_FIELD = 15
Q3_FIELD = 10

Document = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    limit: int = DEFAULT_LIMIT
    offset: int = 0

    def cut(self, rows: list[T]) -> list[T]:
        return rows[self.offset : self.offset + self.limit]


@dataclass(frozen=True)
class Query:
    """What a path requests. `round` is text: the server repeats it as it was requested."""

    year: int
    round: str | None
    endpoint: str


def read_query(path: str) -> Query | None:
    route = ROUTE.fullmatch(path)
    if route is None:
        return None
    return Query(int(route["year"]), route["round"], route["endpoint"] or "races")


def read_page(query: Mapping[str, str]) -> Page:
    limit = read_count(query.get("limit", ""), DEFAULT_LIMIT) or DEFAULT_LIMIT
    return Page(min(limit, MAX_LIMIT), read_count(query.get("offset", ""), 0))


def read_count(text: str, default: int) -> int:
    return int(text) if re.fullmatch(r"\d+", text) else default


def build_document(season: Season | None, query: Query, page: Page, url: str) -> Document:
    """One page; without rows where the season or the round is unknown."""
    weekends = choose_weekends(season, query)
    table: Document = {"season": str(query.year)}
    if query.round is not None:
        table["round"] = query.round
    if query.endpoint == "drivers":
        drivers = list_drivers(season, weekends) if season else []
        total, name, key, rows = len(drivers), "DriverTable", "Drivers", page.cut(drivers)
    else:
        name, key = "RaceTable", "Races"
        total, rows = build_races(season, query.endpoint, weekends, page) if season else (0, [])
    return {
        "MRData": {
            "xmlns": "",
            "series": "f1",
            "url": url,
            "limit": str(page.limit),
            "offset": str(page.offset),
            "total": str(total),
            name: {**table, key: rows},
        }
    }


def build_body(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def choose_weekends(season: Season | None, query: Query) -> list[GrandPrix]:
    if season is None:
        return []
    calendar = season.jolpica_calendar
    weekends = season.grands_prix if calendar is None else calendar
    requested = None if query.round is None else int(query.round)
    return sorted(
        (weekend for weekend in weekends if requested in (None, weekend.round)),
        key=attrgetter("round"),
    )


def build_races(
    season: Season, endpoint: str, weekends: list[GrandPrix], page: Page
) -> tuple[int, list[Document]]:
    """The number of all rows, and the races of the page's rows."""
    if endpoint == "races":
        return len(weekends), [
            {**build_race(season, weekend), **build_sessions(season, weekend)}
            for weekend in page.cut(weekends)
        ]
    if endpoint == "qualifying":
        return build_qualifyings(season, weekends, page)
    if endpoint == "sprint":
        return build_results(season, weekends, page, season.sprints, "SprintResults")
    return build_results(season, weekends, page, season.races, "Results")


def build_race(season: Season, weekend: GrandPrix) -> Document:
    page = f"{season.year}_{weekend.race_name}"
    circuit = season.circuits[weekend.circuit]
    return {
        "season": str(season.year),
        "round": str(weekend.round),
        "url": f"https://en.wikipedia.org/wiki/{print_page(page)}",
        "raceName": weekend.race_name,
        "Circuit": {
            "circuitId": circuit.id,
            "url": f"https://en.wikipedia.org/wiki/{print_page(circuit.wikipedia)}",
            "circuitName": circuit.name,
            "Location": {
                "lat": circuit.latitude,
                "long": circuit.longitude,
                "locality": circuit.locality,
                "country": circuit.country,
            },
        },
        **print_start(weekend, "Race", with_time=season.year >= FIRST_YEAR_OF_RACE_TIMES),
    }


def build_sessions(season: Season, weekend: GrandPrix) -> Document:
    if season.year < FIRST_YEAR_OF_SESSION_DATES:
        return {}
    sprint_is_renamed = season.year in YEARS_OF_SPRINTS_CALLED_SPRINT_QUALIFYING
    # Jolpica's keys, in its order, with the schedule file's names of that year.
    names = {
        "FirstPractice": "Practice 1",
        "SecondPractice": "Practice 2",
        "ThirdPractice": "Practice 3",
        "Qualifying": "Qualifying",
        "Sprint": "Sprint Qualifying" if sprint_is_renamed else "Sprint",
        "SprintShootout": "Sprint Shootout",
    }
    if not sprint_is_renamed:
        names["SprintQualifying"] = "Sprint Qualifying"
    with_time = season.year >= FIRST_YEAR_OF_SESSION_TIMES
    starts = {key: print_start(weekend, name, with_time=with_time) for key, name in names.items()}
    return {key: start for key, start in starts.items() if start}


def print_start(weekend: GrandPrix, name: str, *, with_time: bool) -> dict[str, str]:
    session = weekend.session(name)
    if session is None:
        return {}
    if session.starts_at is None:
        return {"date": session.day.isoformat()} if session.day else {}
    date = {"date": session.starts_at.date().isoformat()}
    return {**date, "time": print_time(session.starts_at)} if with_time else date


def print_time(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}Z"


def print_page(title: str) -> str:
    return quote(title.replace(" ", "_"), safe="_()#,.-'")


def list_drivers(season: Season, weekends: list[GrandPrix]) -> list[Document]:
    """Who took part in any session that has a classification, the sprint qualifying too, by
    family name."""
    ids = {weekend.id for weekend in weekends}
    tables = (season.races, season.qualifyings, season.sprints, season.sprint_qualifyings)
    entered = {
        entry.driver
        for table in tables
        for weekend, entries in table.items()
        if weekend in ids
        for entry in entries
    }
    drivers = (season.drivers[driver] for driver in entered)
    return [build_driver(one) for one in sorted(drivers, key=lambda one: (one.family_name, one.id))]


def build_results(
    season: Season,
    weekends: list[GrandPrix],
    page: Page,
    classifications: Mapping[str, tuple[Finish, ...]],
    key: str,
) -> tuple[int, list[Document]]:
    rows = [
        (weekend, finish)
        for weekend in weekends
        for finish in sorted(classifications.get(weekend.id, ()), key=attrgetter("order"))
    ]
    races = []
    for weekend, group in groupby(page.cut(rows), key=lambda row: row[0]):
        winner = min(classifications[weekend.id], key=attrgetter("order")).milliseconds
        results = [build_finish(season, finish, winner) for _, finish in group]
        races.append({**build_race(season, weekend), key: results})
    return len(rows), races


def build_finish(season: Season, finish: Finish, winner: int | None) -> Document:
    document = {
        "number": str(finish.number),
        "position": str(finish.order),
        "positionText": finish.classification,
        "points": finish.points,
        **build_entrant(season, finish),
        "grid": str(finish.grid),
        "laps": str(finish.laps),
        "status": finish.status,
    }
    if finish.milliseconds is not None and winner is not None:
        document["Time"] = {
            "millis": str(finish.milliseconds),
            "time": print_gap(finish.milliseconds, winner),
        }
    return document


def build_entrant(season: Season, entry: Finish | Lap) -> Document:
    constructor = season.constructors[entry.constructor]
    return {
        "Driver": build_driver(season.drivers[entry.driver]),
        "Constructor": {
            "constructorId": constructor.id,
            "url": f"http://en.wikipedia.org/wiki/{print_page(constructor.wikipedia)}",
            "name": constructor.name,
            "nationality": constructor.nationality,
        },
    }


def build_driver(driver: Driver) -> Document:
    named = {
        "driverId": driver.id,
        "permanentNumber": driver.permanent_number and str(driver.permanent_number),
        "code": driver.code,
        "url": f"http://en.wikipedia.org/wiki/{print_page(driver.wikipedia)}",
        "givenName": driver.given_name,
        "familyName": driver.family_name,
        "dateOfBirth": driver.born.isoformat(),
        "nationality": driver.nationality,
    }
    return {key: value for key, value in named.items() if value is not None}


def print_gap(milliseconds: int, winner: int) -> str:
    """The winner's time, or the gap to it; who was quicker and still lost has an empty one."""
    if milliseconds == winner:
        return print_clock(milliseconds)
    return f"+{print_clock(milliseconds - winner)}" if milliseconds > winner else ""


def print_clock(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}.{thousandths:03}"
    if minutes:
        return f"{minutes}:{seconds:02}.{thousandths:03}"
    return f"{seconds}.{thousandths:03}"


def build_qualifyings(
    season: Season, weekends: list[GrandPrix], page: Page
) -> tuple[int, list[Document]]:
    """Pages are cut by the best place in Q1-Q3, then shown by the final one.

    Where a cut falls inside a race its halves interleave, and the pole can be on the second.
    """
    rows = [
        (weekend, lap)
        for weekend in weekends
        for lap in rank_by_best_part(season.qualifyings.get(weekend.id, ()))
    ]
    races = []
    for weekend, group in groupby(page.cut(rows), key=lambda row: row[0]):
        laps = season.qualifyings[weekend.id]
        second = choose_field(laps, "q2", Q2_FIELD)
        third = choose_field(laps, "q3", Q3_FIELD)
        results = [
            build_lap(season, lap, in_q2=lap.number in second, in_q3=lap.number in third)
            for lap in sorted((lap for _, lap in group), key=attrgetter("order"))
        ]
        races.append({**build_race(season, weekend), "QualifyingResults": results})
    return len(rows), races


def rank_by_best_part(laps: Iterable[Lap]) -> list[Lap]:
    """Ties, such as the quickest of each part, come by car number."""
    laps = list(laps)
    best = {lap.number: lap.order for lap in laps if lap.q1 is lap.q2 is lap.q3 is None}
    for part in ("q1", "q2", "q3"):
        timed = [lap for lap in laps if getattr(lap, part) is not None]
        for place, lap in enumerate(sorted(timed, key=attrgetter(part)), start=1):
            best[lap.number] = min(place, best.get(lap.number, place))
    return sorted(laps, key=lambda lap: (best[lap.number], lap.number))


def choose_field(laps: Iterable[Lap], part: str, size: int) -> set[int]:
    """Who took part: all with a time, then the best of the others, who set none."""
    ordered = sorted(laps, key=lambda lap: (getattr(lap, part) is None, lap.order))
    return {lap.number for lap in ordered[:size]}


def build_lap(season: Season, lap: Lap, *, in_q2: bool, in_q3: bool) -> Document:
    document = {
        "number": str(lap.number),
        "position": str(lap.order),
        **build_entrant(season, lap),
        "Q1": print_lap(lap.q1),
    }
    if in_q2:
        document["Q2"] = print_lap(lap.q2)
    if in_q3:
        document["Q3"] = print_lap(lap.q3)
    return document


def print_lap(milliseconds: int | None) -> str:
    return "" if milliseconds is None else print_clock(milliseconds)
