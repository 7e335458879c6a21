"""Real amendments: what was published first, what became of it, and a stand-in upstream that
publishes one after the other on a clock that only the test moves.

The orders are the official ones; times are as far apart as they were, some to the tenth.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ingestion.models import Event
from ingestion.pipeline import IngestRequest, Mode, SourceConfig, ingest
from ingestion.report import RunReport
from ingestion.sample.season import (
    Constructor,
    Driver,
    Finish,
    GrandPrix,
    Lap,
    Season,
    Session,
    load_season,
)
from tests.upstream import FaultyUpstream

Finishes = tuple[Finish, ...]
Laps = tuple[Lap, ...]

RACE_POINTS = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)
SPRINT_POINTS = (8, 7, 6, 5, 4, 3, 2, 1)
DISQUALIFIED = "Disqualified"

# Beside those of the sample. Identifier, permanent number, code, names.
DRIVERS = """
    vettel 5 VET Sebastian Vettel
    raikkonen 7 RAI Kimi Räikkönen
    giovinazzi 99 GIO Antonio Giovinazzi
    latifi 6 LAT Nicholas Latifi
    mick_schumacher 47 MSC Mick Schumacher
    mazepin 9 MAZ Nikita Mazepin
    de_vries 21 DEV Nyck de Vries
    antonelli 12 ANT Kimi Antonelli
    hadjar 6 HAD Isack Hadjar
    bortoleto 5 BOR Gabriel Bortoleto
"""
CONSTRUCTORS = """
    alphatauri AlphaTauri
    alfa Alfa Romeo
"""

# Races as they crossed the line: driver, team, car, grid slot, laps, and seconds behind the
# winner; of the winner the whole time. Whoever was lapped has none, R is who retired.
SAUDI_ARABIA_2023 = """
    perez red_bull 11 1 50 4874.894
    max_verstappen red_bull 1 15 50 5.355
    alonso aston_martin 14 2 50 20.728
    russell mercedes 63 3 50 25.866
    hamilton mercedes 44 7 50 31.065
    sainz ferrari 55 4 50 35.876
    leclerc ferrari 16 12 50 43.162
    ocon alpine 31 6 50 52.8
    gasly alpine 10 9 50 54.7
    kevin_magnussen haas 20 13 50 64.8
    tsunoda alphatauri 22 16 50 67.5
    hulkenberg haas 27 10 50 70.6
    zhou alfa 24 11 50 76.1
    de_vries alphatauri 21 18 50 77.5
    piastri mclaren 81 8 50 85.0
    sargeant williams 2 20 50 86.3
    norris mclaren 4 19 50 86.4
    bottas alfa 77 14 49 -
    albon williams 23 17 27 R
    stroll aston_martin 18 5 16 R
"""
UNITED_STATES_2023 = """
    max_verstappen red_bull 1 6 56 5721.362
    hamilton mercedes 44 3 56 2.225
    norris mclaren 4 2 56 10.730
    sainz ferrari 55 4 56 15.134
    perez red_bull 11 9 56 18.460
    leclerc ferrari 16 1 56 24.662
    russell mercedes 63 5 56 24.999
    gasly alpine 10 7 56 48.0
    stroll aston_martin 18 20 56 48.7
    tsunoda alphatauri 22 11 56 74.4
    albon williams 23 15 56 86.7
    sargeant williams 2 16 56 88.0
    hulkenberg haas 27 18 56 89.9
    bottas alfa 77 13 56 98.6
    zhou alfa 24 12 55 -
    kevin_magnussen haas 20 17 55 -
    ricciardo alphatauri 3 14 55 -
    alonso aston_martin 14 19 49 R
    piastri mclaren 81 10 10 R
    ocon alpine 31 8 6 R
"""
HUNGARY_2021 = """
    ocon alpine 31 8 70 7483.199
    vettel aston_martin 5 10 70 1.859
    hamilton mercedes 44 1 70 2.736
    sainz ferrari 55 15 70 15.018
    alonso alpine 14 9 70 15.651
    gasly alphatauri 10 5 70 63.6
    tsunoda alphatauri 22 16 70 75.8
    latifi williams 6 18 70 77.9
    russell williams 63 17 70 79.1
    max_verstappen red_bull 33 3 70 80.2
    raikkonen alfa 7 13 69 -
    ricciardo mclaren 3 11 69 -
    mick_schumacher haas 47 20 69 -
    giovinazzi alfa 99 14 69 -
    mazepin haas 9 19 3 R
    norris mclaren 4 6 2 R
    perez red_bull 11 4 1 R
    bottas mercedes 77 2 0 R
    leclerc ferrari 16 7 0 R
    stroll aston_martin 18 12 0 R
"""
LAS_VEGAS_2025 = """
    max_verstappen red_bull 1 2 50 4868.429
    norris mclaren 4 1 50 20.741
    russell mercedes 63 4 50 23.546
    piastri mclaren 81 5 50 27.650
    antonelli mercedes 12 17 50 30.488
    leclerc ferrari 16 9 50 30.678
    sainz williams 55 3 50 34.9
    hadjar rb 6 8 50 45.3
    hulkenberg sauber 27 11 50 51.1
    hamilton ferrari 44 19 50 59.4
    ocon haas 31 13 50 60.6
    bearman haas 87 14 50 70.5
    alonso aston_martin 14 7 50 85.3
    tsunoda red_bull 22 0 50 87.0
    gasly alpine 10 10 50 91.7
    lawson rb 30 6 49 -
    colapinto alpine 43 15 49 -
    albon williams 23 16 35 R
    bortoleto sauber 5 18 2 R
    stroll aston_martin 18 12 0 R
"""
CHINA_2025 = """
    piastri mclaren 81 1 56 5455.026
    norris mclaren 4 3 56 9.748
    russell mercedes 63 2 56 11.097
    max_verstappen red_bull 1 4 56 16.656
    leclerc ferrari 16 6 56 23.211
    hamilton ferrari 44 5 56 25.381
    ocon haas 31 11 56 50.0
    antonelli mercedes 12 8 56 53.7
    albon williams 23 10 56 56.3
    bearman haas 87 17 56 61.3
    gasly alpine 10 16 56 67.2
    stroll aston_martin 18 14 56 70.2
    sainz williams 55 15 56 76.4
    hadjar rb 6 7 56 78.9
    lawson red_bull 30 0 56 81.1
    doohan alpine 7 18 56 88.4
    bortoleto sauber 5 19 55 -
    hulkenberg sauber 27 12 55 -
    tsunoda rb 22 9 55 -
    alonso aston_martin 14 13 4 R
"""
# A qualifying: driver, team, car, and the best laps of Q1, Q2 and Q3 in seconds.
SAO_PAULO_2021 = """
    hamilton mercedes 44 68.733 68.068 67.934
    max_verstappen red_bull 33 69.3 68.5 68.372
    bottas mercedes 77 69.0 68.4 68.469
    perez red_bull 11 69.2 68.6 68.483
    gasly alphatauri 10 69.4 68.7 68.777
    sainz ferrari 55 69.1 68.8 68.826
    leclerc ferrari 16 69.2 69.0 68.960
    norris mclaren 4 69.4 69.0 68.980
    ricciardo mclaren 3 69.5 69.0 69.039
    alonso alpine 14 69.4 69.1 69.113
    ocon alpine 31 69.5 69.2 -
    vettel aston_martin 5 69.4 69.4 -
    tsunoda alphatauri 22 69.5 69.483 -
    raikkonen alfa 7 69.6 69.503 -
    giovinazzi alfa 99 69.6 69.6 -
    stroll aston_martin 18 69.7 - -
    latifi williams 6 69.9 - -
    russell williams 63 70.0 - -
    mick_schumacher haas 47 70.3 - -
    mazepin haas 9 70.6 - -
"""


# What is read from the tables


def read_race(table: str, key: str) -> Finishes:
    rows = [line.split() for line in table.strip().splitlines()]
    winner = milliseconds(rows[0][-1])
    finishes = [
        Finish(
            grand_prix=key,
            order=order,
            driver=driver,
            constructor=team,
            number=int(car),
            grid=int(grid),
            laps=int(laps),
            points="0",
            classification="R" if behind == "R" else str(order),
            status={"R": "Retired", "-": "Lapped"}.get(behind, "Finished"),
            milliseconds=None if behind in "R-" else milliseconds(behind) + winner * (order > 1),
        )
        for order, (driver, team, car, grid, laps, behind) in enumerate(rows, start=1)
    ]
    return classified(finishes)


def read_qualifying(table: str, key: str) -> Laps:
    rows = [line.split() for line in table.strip().splitlines()]
    laps = []
    for order, (driver, team, car, *parts) in enumerate(rows, start=1):
        q1, q2, q3 = (None if part == "-" else milliseconds(part) for part in parts)
        laps.append(Lap(key, order, driver, team, int(car), str(order), q1, q2, q3))
    return tuple(laps)


def milliseconds(seconds: str) -> int:
    return round(float(seconds) * 1000)


def read_drivers() -> dict[str, Driver]:
    drivers = {}
    for line in DRIVERS.strip().splitlines():
        key, number, code, given, family = line.split(maxsplit=4)
        born = date(1990, 1, 1)
        drivers[key] = Driver(key, int(number), code, given, family, born, "", f"{given}_{family}")
    return drivers


def read_constructors() -> dict[str, Constructor]:
    rows = [line.split(maxsplit=1) for line in CONSTRUCTORS.strip().splitlines()]
    return {key: Constructor(key, name, "", name) for key, name in rows}


# What stewards do


def classified(finishes: Iterable[Finish], points: tuple[int, ...] = RACE_POINTS) -> Finishes:
    """In this order: places and points follow."""
    return tuple(
        replace(
            finish,
            order=order,
            classification=(
                str(order) if finish.classification.isdecimal() else finish.classification
            ),
            points=str(points[order - 1]) if order <= len(points) else "0",
        )
        for order, finish in enumerate(finishes, start=1)
    )


def disqualified(finishes: Finishes, *drivers: str, prints: str = "D") -> Finishes:
    """Last, and behind whoever retired; `prints` a number where only the status tells."""
    others = [finish for finish in finishes if finish.driver not in drivers]
    out = [
        replace(finish, classification=prints, status=DISQUALIFIED)
        for finish in finishes
        if finish.driver in drivers
    ]
    return classified([*others, *out])


def penalised(
    finishes: Finishes, driver: str, seconds: int, points: tuple[int, ...] = RACE_POINTS
) -> Finishes:
    """Seconds are added, or taken off again."""
    timed = [
        replace(finish, milliseconds=finish.milliseconds + seconds * 1000)
        if finish.driver == driver and finish.milliseconds is not None
        else finish
        for finish in finishes
    ]
    timed.sort(key=lambda finish: (finish.milliseconds is None, finish.milliseconds or 0))
    return classified(timed, points)


def reinstated(finishes: Finishes, driver: str) -> Finishes:
    """The winner again who was disqualified."""
    winner = next(finish for finish in finishes if finish.driver == driver)
    others = [finish for finish in finishes if finish.driver != driver]
    return classified([replace(winner, classification="1", status="Finished"), *others])


def with_leaders_swapped(finishes: Finishes) -> Finishes:
    """The second has won; times and points are those of the two places."""
    first, second, *others = finishes
    place = {"order", "classification", "milliseconds", "points"}
    return (
        replace(second, **{name: getattr(first, name) for name in place}),
        replace(first, **{name: getattr(second, name) for name in place}),
        *others,
    )


def last(laps: Laps, driver: str) -> Laps:
    """A qualifying has neither letter nor status for the disqualified."""
    others = [lap for lap in laps if lap.driver != driver]
    out = [lap for lap in laps if lap.driver == driver]
    return tuple(
        replace(lap, order=order, classification=str(order))
        for order, lap in enumerate([*others, *out], start=1)
    )


def without_times(laps: Laps) -> Laps:
    return tuple(replace(lap, q1=None, q2=None, q3=None) for lap in laps)


# Weekends


def weekend(
    name: str, country: str, location: str, circuit: str, sessions: Mapping[str, str]
) -> GrandPrix:
    """The season's only one; `sessions` are UTC starts by the schedule file's names."""
    return GrandPrix(
        id=circuit,
        round=1,
        name=name,
        official_name=f"FORMULA 1 {name.upper()}",
        country=country,
        location=location,
        race_name=name,
        circuit=circuit,
        utc_offset=timedelta(0),
        format="conventional",
        sessions=tuple(Session(session, utc(start)) for session, start in sessions.items()),
    )


def season_of(
    year: int,
    grand_prix: GrandPrix,
    *,
    race: Finishes = (),
    qualifying: Laps = (),
) -> Season:
    """A season of one weekend."""
    sample = load_season()
    nothing: Mapping[str, Any] = MappingProxyType({})
    return replace(
        sample,
        year=year,
        testing=(),
        grands_prix=(grand_prix,),
        drivers={**sample.drivers, **read_drivers()},
        constructors={**sample.constructors, **read_constructors()},
        races={grand_prix.id: race},
        qualifyings={grand_prix.id: qualifying},
        sprints=nothing,
        sprint_qualifyings=nothing,
    )


def sample_weekend(key: str) -> Season:
    """The sample's season, and of it one weekend alone."""
    season = load_season()
    return replace(season, testing=(), grands_prix=(season.grand_prix(key),))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# The replay


@dataclass
class Clock:
    """Goes on by a second each time it is read."""

    now: datetime = field(default_factory=lambda: utc("2024-01-01"))

    def read(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class Replay:
    """The upstream and the ingestion have one clock, so that answers are as old as they say."""

    upstream: FaultyUpstream
    folder: Path
    clock: Clock

    def publish(self, season: Season) -> None:
        self.upstream.seasons[season.year] = season

    def ingest(self, at: str, season: int = 2024, **changes: Any) -> RunReport:
        """A run at that time, UTC, past the caches."""
        self.clock.now = utc(at)
        addresses = SourceConfig(
            cache_dir=self.folder,
            schedule_url=self.upstream.schedule_url,
            jolpica_url=self.upstream.jolpica_url,
        )
        request = IngestRequest((season,), addresses, **{"mode": Mode.REFRESH, **changes})
        return ingest(request, clock=self.clock.read, show_step=lambda *_, **__: None)

    def requests(self) -> list[str]:
        """What was asked since the last time, without the base addresses."""
        targets = [request.target for request in self.upstream.requests]
        self.upstream.clear_requests()
        return [target.removeprefix("/ergast/f1") for target in targets]


@contextmanager
def replaying(folder: Path) -> Iterator[Replay]:
    clock = Clock()
    with FaultyUpstream({}, clock=clock.read) as upstream:
        yield Replay(upstream, folder / "cache", clock)


def saved(session_type: str = "race") -> Event:
    """The one event of that kind."""
    return Event.objects.get(session_type=session_type)


def podium(event: Event) -> list[str]:
    return [result.driver_id for result in event.podium]
