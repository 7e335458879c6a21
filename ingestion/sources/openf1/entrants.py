"""Who drives a weekend, by the drivers of its sessions."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ingestion.errors import ResultsNotReady
from ingestion.records import EntrantRecord, Source
from ingestion.sources.cars import (
    Car,
    assign_constructors,
    find_candidates,
    is_newcomer,
)
from ingestion.sources.openf1.classification import read_car
from ingestion.sources.protocol import EntrantsQuery, KnownDriver
from ingestion.sources.values import UNREADABLE, notice

# Reserve drivers take part in one practice, with numbers of their own.
SESSIONS_NEEDED = 2
HIGHEST_NUMBER = 999

Row = Mapping[str, Any]


def read_entrants(
    sessions: Iterable[tuple[bool, Sequence[Row]]], query: EntrantsQuery
) -> tuple[EntrantRecord, ...]:
    """Everybody in a (sprint) qualifying; of practice those who are in two sessions, or whom the
    season knows in that car. `sessions` are in the order in which they were run, each with whether
    it is a practice and the drivers as it lists them; the last that lists a driver counts. Whom
    the season does not know has no key; who may be another than the one it knows is left out, with
    a notice."""
    seen: Counter[Car] = Counter()
    cars: dict[Car, bool] = {}
    for is_practice, rows in sessions:
        for car in _read_cars(rows):
            seen[car] += 1
            # A driver may have changed cars: the last one counts, so it comes last.
            cars[car] = cars.pop(car, False) or not is_practice
    found: dict[Car, dict[str, KnownDriver]] = {}
    for car, was_in_qualifying in cars.items():
        is_sure = was_in_qualifying or seen[car] >= SESSIONS_NEEDED
        try:
            candidates = find_candidates(car, query.known)
        except ResultsNotReady as error:
            if is_sure and is_newcomer(car, query.known):
                found[car] = {}
            elif is_sure and (car.name or car.code):
                notice(
                    f"OpenF1 lists {car} in the sessions of {query.grand_prix}: {error}. Enter the "
                    "driver by hand if he can be picked"
                )
            continue
        if is_sure or any(one.driver_number == car.number for one in query.known):
            found[car] = candidates
    return tuple(_make_records(found, query))


def _read_cars(rows: Sequence[Row]) -> list[Car]:
    """The cars, without those that cannot be read; `True` is a number to Python."""
    cars = []
    for row in rows:
        number = row.get("driver_number")
        if not isinstance(number, int) or isinstance(number, bool):
            continue
        if 0 < number <= HIGHEST_NUMBER:
            with suppress(*UNREADABLE):
                cars.append(read_car(number, rows))
    return list(dict.fromkeys(cars))


def _make_records(
    found: Mapping[Car, Mapping[str, KnownDriver]], query: EntrantsQuery
) -> Iterable[EntrantRecord]:
    """One of each driver; for whom he drives is what his team's cars have in common."""
    teams: dict[str, list[set[str]]] = defaultdict(list)
    for car, candidates in found.items():
        if candidates:
            teams[car.team].append(set(candidates))
    teams.pop("", None)
    constructors = assign_constructors(teams)
    names = {one.constructor_id: one.constructor_name for one in query.known}
    records: dict[str, EntrantRecord] = {}
    for car, candidates in found.items():
        one = next(iter(candidates.values()), None)
        # 'Oliver BEARMAN', as it prints names, is Oliver Bearman.
        spelt = " ".join(part.title() if part.isupper() else part for part in car.name.split())
        # A team that is new to the driver is named as the source prints it.
        key = constructors.get(car.team, "")
        named = (
            ("", car.code, spelt)
            if one is None
            else (one.driver_id, one.driver_code, one.driver_name)
        )
        driver_id, code, name = named
        records[driver_id or str(car)] = EntrantRecord(
            query.grand_prix,
            Source.OPENF1,
            driver_id,
            car.number,
            code,
            name,
            key,
            names[key] if key else car.team,
        )
    return records.values()
