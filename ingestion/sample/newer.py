"""Jolpica's documents of a season in its newer form, as far as calendars and results need them.

Plain JSON whose nulls are left out; rounds, drivers and teams have keys that mean nothing.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from string import ascii_letters, digits
from typing import Any

from ingestion.sample.ergast import Q2_FIELD, Q3_FIELD, choose_field, print_clock, print_page
from ingestion.sample.season import Finish, GrandPrix, Lap, Season

PATH = "/f1/alpha"
ROUNDS_PATH = f"{PATH}/core/rounds/"
DRIVERS_PATH = f"{PATH}/core/drivers/"
SCHEDULE = re.compile(rf"{PATH}/schedules/(?P<year>\d{{4}})/")
RESULTS = re.compile(rf"{PATH}/results/(?P<key>round_\w{{8}})/(?P<code>SQ|SR|Q|R)/")
PAGE_SIZE = 100
KEY_LETTERS = digits + ascii_letters

ONE_TO_THREE = ("One", "Two", "Three")
SPRINT_QUALIFYINGS = ("Sprint Qualifying", "Sprint Shootout")
LAPS = ("q1", "q2", "q3")
TITLES = {"SQ": "Sprint Qualifying", "SR": "Sprint Race", "Q": "Qualifying", "R": "Race"}

Document = dict[str, Any]


@dataclass(frozen=True)
class Session:
    """One of the newer form, in which each part of a qualifying is one."""

    number: int
    type: str
    display: str
    starts_at: datetime | None


def build_key(kind: str, name: str) -> str:
    """As 'round_JqmngOvt': the same each time, and without a meaning."""
    digest = hashlib.sha256(f"{kind} {name}".encode()).digest()
    return f"{kind}_" + "".join(KEY_LETTERS[byte % len(KEY_LETTERS)] for byte in digest[:8])


def build_round_key(season: Season, weekend: GrandPrix) -> str:
    return build_key("round", f"{season.year} {weekend.id}")


def choose_weekends(season: Season) -> list[GrandPrix]:
    """The same tables as those of the Ergast form."""
    calendar = season.jolpica_calendar
    weekends = season.grands_prix if calendar is None else calendar
    return sorted(weekends, key=attrgetter("round"))


def build_rounds(seasons: Mapping[int, Season], year: int, address: str, at: datetime) -> Document:
    """The list of one year's rounds, empty where the server knows no such year."""
    rounds = [
        {
            **build_round(season, weekend, address),
            "circuit": build_circuit(season, weekend, address),
            "season": build_season(season, address),
            "sessions": [
                build_session(season, weekend, session, address) | print_start(weekend, session)
                for session in list_sessions(weekend)
            ],
        }
        for season in ([seasons[year]] if year in seasons else [])
        for weekend in choose_weekends(season)
    ]
    return {
        "metadata": {
            "timestamp": print_instant(at),
            "count": len(rounds),
            "page_size": PAGE_SIZE,
            "current_page": 1,
            "total_pages": 1,
        },
        "data": rounds,
    }


def build_round(season: Season, weekend: GrandPrix, address: str) -> Document:
    key = build_round_key(season, weekend)
    page = print_page(f"{season.year}_{weekend.race_name}")
    return {
        "id": key,
        "url": f"{address}{ROUNDS_PATH}{key}/",
        "number": weekend.round,
        "name": weekend.race_name,
        "is_cancelled": False,
        "wikipedia": f"https://en.wikipedia.org/wiki/{page}",
    }


def build_season(season: Season, address: str) -> Document:
    key = build_key("season", str(season.year))
    return {"id": key, "url": f"{address}{PATH}/core/seasons/{key}/", "year": season.year}


def build_circuit(season: Season, weekend: GrandPrix, address: str) -> Document:
    """The real one has the country too, as a code that the facts do not have."""
    circuit = season.circuits[weekend.circuit]
    key = build_key("circuit", circuit.id)
    return {
        "id": key,
        "url": f"{address}{PATH}/core/circuits/{key}/",
        "name": circuit.name,
        "locality": circuit.locality,
    }


def list_sessions(weekend: GrandPrix) -> list[Session]:
    """A qualifying of the schedule file is three of them."""
    parts = []
    for session in weekend.sessions:
        name = "Sprint Qualifying" if session.name in SPRINT_QUALIFYINGS else session.name
        if name.startswith("Practice "):
            number = int(name.removeprefix("Practice "))
            types = [(f"FP{number}", f"Practice {ONE_TO_THREE[number - 1]}")]
        elif name in ("Sprint", "Race"):
            types = [("SR", "Sprint Race") if name == "Sprint" else ("R", "Race")]
        else:
            code = "Q" if name == "Qualifying" else "SQ"
            types = [
                (f"{code}{number}", f"{name} {word}")
                for number, word in enumerate(ONE_TO_THREE, start=1)
            ]
        parts += [(type_, display, session.starts_at) for type_, display in types]
    return [Session(number, *part) for number, part in enumerate(parts, start=1)]


def build_session(season: Season, weekend: GrandPrix, session: Session, address: str) -> Document:
    key = build_key("session", f"{season.year} {weekend.id} {session.type}")
    return {
        "id": key,
        "url": f"{address}{PATH}/core/sessions/{key}/",
        "number": session.number,
        "type": session.type,
        "type_display": session.display,
        "is_cancelled": False,
    }


def print_start(weekend: GrandPrix, session: Session) -> Document:
    """The real one names the time zone too, which the facts do not have."""
    if session.starts_at is None:
        return {"has_time_data": False}
    local = session.starts_at.replace(tzinfo=None) + weekend.utc_offset
    return {
        "timestamp": print_instant(session.starts_at),
        "has_time_data": True,
        "local_timestamp": f"{local:%Y-%m-%d %H:%M:%S}{print_offset(weekend.utc_offset)}",
    }


def print_instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def print_offset(offset: timedelta) -> str:
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    return f"{'-' if offset < timedelta(0) else '+'}{hours:02}:{minutes:02}"


def build_schedule(season: Season, address: str, at: datetime) -> Document:
    """A season's calendar, by the sessions that people know."""
    return {
        "metadata": {"timestamp": print_instant(at)},
        "data": {
            **build_season(season, address),
            "events": [
                {
                    "round": build_round(season, weekend, address),
                    "circuit": {
                        **build_circuit(season, weekend, address),
                        "country": season.circuits[weekend.circuit].country,
                    },
                    "schedule": [
                        {
                            "code": code,
                            "title": TITLES[code],
                            "sessions": [
                                build_session(season, weekend, part, address) for part in parts
                            ],
                            **print_start(weekend, parts[0]),
                        }
                        for code in TITLES
                        if (parts := list_parts(weekend, code))
                    ],
                }
                for weekend in choose_weekends(season)
            ],
        },
    }


def build_drivers(seasons: Mapping[int, Season], year: int, address: str, at: datetime) -> Document:
    """The list of one year's drivers, with who they are."""
    drivers = seasons[year].drivers.values() if year in seasons else ()
    rows = [
        {
            "id": build_key("driver", one.id),
            "url": f"{address}{DRIVERS_PATH}{build_key('driver', one.id)}/",
            **({} if one.code is None else {"abbreviation": one.code}),
            "given_name": one.given_name,
            "family_name": one.family_name,
            "date_of_birth": one.born.isoformat(),
        }
        for one in drivers
    ]
    pages = {"page_size": PAGE_SIZE, "current_page": 1, "total_pages": 1}
    metadata = {"timestamp": print_instant(at), "count": len(rows), **pages}
    return {"metadata": metadata, "data": rows}


def find_weekend(seasons: Mapping[int, Season], key: str) -> tuple[Season, GrandPrix] | None:
    return next(
        (
            (season, weekend)
            for season in seasons.values()
            for weekend in choose_weekends(season)
            if build_round_key(season, weekend) == key
        ),
        None,
    )


def list_parts(weekend: GrandPrix, code: str) -> list[Session]:
    return [one for one in list_sessions(weekend) if one.type.rstrip("123") == code]


def build_classification(
    season: Season, weekend: GrandPrix, code: str, *, address: str, at: datetime
) -> Document:
    """The weekend has to have such a session."""
    parts = list_parts(weekend, code)
    start = print_start(weekend, parts[0])
    start.pop("has_time_data")
    return {
        "metadata": {"timestamp": print_instant(at)},
        "data": {
            "code": code,
            "title": TITLES[code],
            "sessions": [build_session(season, weekend, part, address) for part in parts],
            **start,
            "season": build_season(season, address),
            "round": build_round(season, weekend, address),
            "circuit": build_circuit(season, weekend, address),
            "component_keys": ["GRID"] if len(parts) == 1 else [one.type for one in parts],
            "results": list(build_results(season, weekend, code, address)),
        },
    }


def build_results(
    season: Season, weekend: GrandPrix, code: str, address: str
) -> Iterator[Document]:
    if code in {"R", "SR"}:
        of_kind = season.races if code == "R" else season.sprints
        for finish in sorted(of_kind.get(weekend.id, ()), key=attrgetter("order")):
            yield build_finish(season, finish, address)
        return
    of_laps = season.qualifyings if code == "Q" else season.sprint_qualifyings
    laps = sorted(of_laps.get(weekend.id, ()), key=attrgetter("order"))
    fields = (
        {lap.number for lap in laps},
        choose_field(laps, "q2", Q2_FIELD),
        choose_field(laps, "q3", Q3_FIELD),
    )
    names = {f"{code}{number}": name for number, name in enumerate(LAPS, start=1)}
    places = {
        part: rank(laps, name, field)
        for (part, name), field in zip(names.items(), fields, strict=True)
    }
    for lap in laps:
        reached = [part for part in names if lap.number in places[part]]
        is_classified = lap.classification.isdigit()
        time = getattr(lap, names[reached[-1]])
        yield {
            **build_entrant(season, lap, address),
            "position": lap.order,
            "position_text": lap.classification if is_classified else "NC",
            **({} if time is None else {"time": print_clock(time)}),
            "is_classified": is_classified,
            "car_number": lap.number,
            "components": {
                part: build_part(lap, part, places[part][lap.number], is_last=part == reached[-1])
                for part in reached
            },
        }


def build_finish(season: Season, finish: Finish, address: str) -> Document:
    is_classified = finish.classification.isdigit()
    millis = finish.milliseconds
    return {
        **build_entrant(season, finish, address),
        "position": finish.order,
        "position_text": finish.classification if is_classified else "NC",
        **({} if millis is None else {"time": print_clock(millis)}),
        "is_classified": is_classified,
        "status": finish.status.upper().replace(" ", "_"),
        "points": float(finish.points),
        "laps": finish.laps,
        "car_number": finish.number,
        "components": {
            "GRID": {"key": "GRID", "name": "Grid Position", "position": finish.grid},
        },
    }


def rank(laps: list[Lap], name: str, field: set[int]) -> dict[int, int]:
    """The places of who took part in one part, by the car's number."""
    ranked = sorted(
        (lap for lap in laps if lap.number in field),
        key=lambda lap: (getattr(lap, name) is None, getattr(lap, name) or 0, lap.order),
    )
    return {lap.number: place for place, lap in enumerate(ranked, start=1)}


def build_part(lap: Lap, part: str, place: int, *, is_last: bool) -> Document:
    """The place in the last part is the classification's, also where the times differ."""
    time = getattr(lap, LAPS[int(part[-1]) - 1])
    return {
        "key": part,
        "name": f"{TITLES[part[:-1]]} {part[-1]}",
        "position": lap.order if is_last else place,
        **({} if time is None else {"time": print_clock(time)}),
    }


def build_entrant(season: Season, lap: Lap | Finish, address: str) -> Document:
    driver, team = season.drivers[lap.driver], season.constructors[lap.constructor]
    driver_key, team_key = build_key("driver", driver.id), build_key("team", team.id)
    return {
        "driver": {
            "id": driver_key,
            "url": f"{address}{PATH}/core/drivers/{driver_key}/",
            **({} if driver.code is None else {"abbreviation": driver.code}),
            "given_name": driver.given_name,
            "family_name": driver.family_name,
        },
        "team": {
            "id": team_key,
            "url": f"{address}{PATH}/core/teams/{team_key}/",
            "name": team.name,
        },
    }
