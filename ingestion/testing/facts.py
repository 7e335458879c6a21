"""A weekend and a classification as the upstreams would report them: whole, plausible, and 2024's.

A field of twenty, in the order in which it crossed the line in Belgium, Russell first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zlib import crc32

from ingestion.records import (
    ClassificationRecord,
    GrandPrixRecord,
    RaceIdentity,
    ResultRecord,
    SessionRecord,
    Source,
)
from ingestion.sessions import SessionType

GRAND_PRIX = "Belgian Grand Prix"
COUNTRY, LOCATION = "Belgium", "Spa-Francorchamps"
SEASON = 2024
ROUND = 14
RACE_START = datetime(SEASON, 7, 28, 13, tzinfo=UTC)
UTC_OFFSET = timedelta(hours=2)

# How long before the race.
SPRINT = {session_type: session_type.kind.usual_lead for session_type in SessionType}
CONVENTIONAL = {kind: lead for kind, lead in SPRINT.items() if not kind.kind.is_of_sprint_weekends}

LAPS = 44
RACE_TIME = timedelta(hours=1, minutes=19, seconds=57)
LAP_TIME = timedelta(minutes=1, seconds=53)
# The gap from one car to the next.
RACE_GAP = timedelta(seconds=3)
LAP_GAP = timedelta(milliseconds=120)
# How much quicker each part of a qualifying is than the one before.
QUICKER = timedelta(seconds=1)
# How many cars take part in the second and third part of a qualifying.
IN_Q2, IN_Q3 = 15, 10
# Drivers who were not there have numbers from here on; no car has one of them.
FIRST_FREE_NUMBER = 100


@dataclass(frozen=True, slots=True)
class Starter:
    driver_id: str
    number: int | None
    code: str
    name: str
    constructor_id: str
    constructor_name: str


FIELD = (
    Starter("russell", 63, "RUS", "George Russell", "mercedes", "Mercedes"),
    Starter("hamilton", 44, "HAM", "Lewis Hamilton", "mercedes", "Mercedes"),
    Starter("piastri", 81, "PIA", "Oscar Piastri", "mclaren", "McLaren"),
    Starter("leclerc", 16, "LEC", "Charles Leclerc", "ferrari", "Ferrari"),
    Starter("max_verstappen", 1, "VER", "Max Verstappen", "red_bull", "Red Bull"),
    Starter("norris", 4, "NOR", "Lando Norris", "mclaren", "McLaren"),
    Starter("sainz", 55, "SAI", "Carlos Sainz", "ferrari", "Ferrari"),
    Starter("perez", 11, "PER", "Sergio Pérez", "red_bull", "Red Bull"),
    Starter("alonso", 14, "ALO", "Fernando Alonso", "aston_martin", "Aston Martin"),
    Starter("ocon", 31, "OCO", "Esteban Ocon", "alpine", "Alpine F1 Team"),
    Starter("ricciardo", 3, "RIC", "Daniel Ricciardo", "rb", "RB F1 Team"),
    Starter("stroll", 18, "STR", "Lance Stroll", "aston_martin", "Aston Martin"),
    Starter("albon", 23, "ALB", "Alexander Albon", "williams", "Williams"),
    Starter("gasly", 10, "GAS", "Pierre Gasly", "alpine", "Alpine F1 Team"),
    Starter("kevin_magnussen", 20, "MAG", "Kevin Magnussen", "haas", "Haas F1 Team"),
    Starter("bottas", 77, "BOT", "Valtteri Bottas", "sauber", "Sauber"),
    Starter("tsunoda", 22, "TSU", "Yuki Tsunoda", "rb", "RB F1 Team"),
    Starter("sargeant", 2, "SAR", "Logan Sargeant", "williams", "Williams"),
    Starter("hulkenberg", 27, "HUL", "Nico Hülkenberg", "haas", "Haas F1 Team"),
    Starter("zhou", 24, "ZHO", "Guanyu Zhou", "sauber", "Sauber"),
)
# A grid slot goes with the driver: an amendment changes no grid.
SLOTS = {starter.driver_id: slot for slot, starter in enumerate(FIELD, start=1)}
PIT_LANE = 0


def build_weekend(
    name: str,
    race_starts_at: datetime,
    session_type: SessionType,
    *,
    season: int,
    round_number: int,
    source: Source,
    known_at: datetime,
) -> GrandPrixRecord:
    """A weekend with this kind of session in it: a sprint weekend if need be."""
    before_race = CONVENTIONAL if session_type in CONVENTIONAL else SPRINT
    at_home = name == GRAND_PRIX
    return GrandPrixRecord(
        season=season,
        round_number=round_number,
        name=name,
        official_name=f"FORMULA 1 {name.upper()} {season}",
        country=COUNTRY if at_home else "",
        location=LOCATION if at_home else "",
        race_date=race_starts_at.date(),
        sessions=tuple(
            SessionRecord(
                session,
                race_starts_at - earlier,
                source,
                generated_at=known_at,
                utc_offset=UTC_OFFSET,
            )
            for session, earlier in before_race.items()
        ),
    )


def build_classification(
    race: RaceIdentity,
    session_type: SessionType,
    starters: Sequence[Starter],
    *,
    disqualified: str,
    generated_at: datetime,
) -> ClassificationRecord:
    """These in this order; a driver who is disqualified ('' where none is) is last."""
    order = sorted(starters, key=lambda starter: starter.driver_id == disqualified)
    entries = [
        _build_result(session_type, place, starter) for place, starter in enumerate(order, start=1)
    ]
    if disqualified:
        entries[-1] = replace(
            entries[-1],
            classification="D",
            status="Disqualified",
            points=None if entries[-1].points is None else Decimal(0),
            time=None,
            gap=None,
            q1=None,
            q2=None,
            q3=None,
        )
    return ClassificationRecord(
        race, session_type, Source.JOLPICA, generated_at, results=tuple(entries)
    )


def put_first(leaders: Sequence[str], field: Sequence[Starter] = FIELD) -> list[Starter]:
    """The field with these drivers before the others; who is new takes the car of the last one
    that is not named, with a number of one's own. Whom 2024 did not have is made up from the
    identifier."""
    known = {starter.driver_id: starter for starter in [*FIELD, *field]}
    others = [starter for starter in field if starter.driver_id not in leaders]
    present = {starter.driver_id for starter in field}
    first = []
    for driver in dict.fromkeys(leaders):
        if driver in present:
            first.append(known[driver])
            continue
        replaced = others.pop() if others else field[-1]
        team = (replaced.constructor_id, replaced.constructor_name)
        if driver in known:
            one = known[driver]
            first.append(Starter(driver, one.number, one.code, one.name, *team))
        else:
            # Python's own hash is another in each process.
            number = FIRST_FREE_NUMBER + crc32(driver.encode()) % 10_000
            name = driver.replace("_", " ").title()
            first.append(Starter(driver, number, driver[:3].upper(), name, *team))
    return [*first, *others]


def _build_result(session_type: SessionType, place: int, starter: Starter) -> ResultRecord:
    """A result of a race or sprint, or of a (sprint) qualifying, each part of which is a second
    quicker than the one before."""
    entry = build_entry(place, starter)
    if not session_type.kind.is_race:
        slowest = LAP_TIME + place * LAP_GAP
        return replace(
            entry,
            q1=slowest,
            q2=slowest - QUICKER if place <= IN_Q2 else None,
            q3=slowest - 2 * QUICKER if place <= IN_Q3 else None,
        )
    points = session_type.kind.usual_points
    return replace(
        entry,
        grid=SLOTS.get(starter.driver_id, PIT_LANE),
        laps=LAPS,
        points=Decimal(points[place - 1] if place <= len(points) else 0),
        status="Finished",
        time=RACE_TIME + (place - 1) * RACE_GAP,
        gap=(place - 1) * RACE_GAP,
    )


def build_entry(place: int, starter: Starter) -> ResultRecord:
    return ResultRecord(
        order=place,
        position=place,
        classification=str(place),
        driver_id=starter.driver_id,
        driver_number=starter.number,
        driver_code=starter.code,
        driver_name=starter.name,
        constructor_id=starter.constructor_id,
        constructor_name=starter.constructor_name,
    )
