"""Who drives a car, and for whom, by what sources print that know no key of Jolpica's: a car's
number, three letters, a name and a team. Matched and never guessed: no pick could be paid on a
guess."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ingestion.errors import ResultsNotReady
from ingestion.names import fold_name
from ingestion.sources.protocol import KnownDriver

# So many of number, letters and name have to agree: a number alone may be last season's, letters
# alone a brother's.
SIGNS_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Car:
    """One car as the source prints it; what it does not say is None or ''."""

    number: int | None
    code: str
    name: str
    team: str

    def __str__(self) -> str:
        return f"{self.name or self.code or 'a driver'} in car {self.number}"


@dataclass(frozen=True, slots=True)
class Driving:
    """Who drives, and for whom; a `KnownDriver`. `constructor_id` is '' where the source names no
    team, or one whose drivers have no constructor in common; `constructor_name` is then the team as
    the source prints it."""

    driver_id: str
    driver_number: int | None
    driver_code: str
    driver_name: str
    constructor_id: str = ""
    constructor_name: str = ""


def match_cars(cars: Sequence[Car], known: Collection[KnownDriver]) -> list[KnownDriver]:
    """The driver of each car, of the constructor that its team's cars have driven for: drivers
    change teams within a season, and sources name teams differently. A team whose cars have none in
    common (Lawson and Tsunoda in 2025, who changed places) is named as the source prints it: no
    result waits for a detail. Raises `ResultsNotReady` with the name of a driver whom the season
    does not know yet."""
    candidates = [find_candidates(car, known) for car in cars]
    teams: dict[str, list[set[str]]] = defaultdict(list)
    for car, found in zip(cars, candidates, strict=True):
        teams[car.team].append(set(found) - {""})
    teams.pop("", None)
    constructors = assign_constructors(teams)
    names = {one.constructor_id: one.constructor_name for one in known}
    drivers: list[KnownDriver] = []
    for car, found in zip(cars, candidates, strict=True):
        # A car without a team has its driver's, where he has driven for one alone.
        alone = next(iter(found), "") if not car.team and len(found) == 1 else ""
        constructor = constructors.get(car.team, alone)
        one = found.get(constructor) or next(iter(found.values()))
        drivers.append(
            Driving(
                one.driver_id,
                one.driver_number if car.number is None else car.number,
                *(one.driver_code, one.driver_name),
                *(constructor, names[constructor] if constructor else car.team),
            )
        )
    return drivers


def find_candidates(car: Car, known: Collection[KnownDriver]) -> dict[str, KnownDriver]:
    """The driver's entries by constructor. Two of number, letters and name have to agree on one
    driver, and the third must not be another's: the champion's 1 was somebody else's last year.
    Raises `ResultsNotReady` where they do not."""
    given = _find_signs(car, known)
    drivers = set.intersection(*given) if given else set()
    if len(given) < SIGNS_NEEDED or len(drivers) != 1:
        if len(given) > 1 and not drivers:
            raise ResultsNotReady(f"the season knows another driver than {car}")
        raise ResultsNotReady(f"{car} is no driver that the season knows yet")
    return {one.constructor_id: one for one in known if one.driver_id in drivers}


def is_newcomer(car: Car, known: Collection[KnownDriver]) -> bool:
    """Whether it is a driver with name and letters, and neither they nor the number are those of
    anybody whom the season knows."""
    return bool(car.name and car.code) and not _find_signs(car, known)


def _find_signs(car: Car, known: Collection[KnownDriver]) -> list[set[str]]:
    """Who has the car's number, letters and name, as far as anybody has."""
    words = fold_name(car.name)
    signs: list[set[str]] = [
        {one.driver_id for one in known if car.number and one.driver_number == car.number},
        {one.driver_id for one in known if car.code and one.driver_code == car.code},
        {one.driver_id for one in known if words and fold_name(one.driver_name) == words},
    ]
    return [drivers for drivers in signs if drivers]


def assign_constructors(teams: dict[str, list[set[str]]]) -> dict[str, str]:
    """The one constructor that all cars of a team have driven for; what one team has for sure no
    other has (2024: Bearman had driven for Ferrari when he drove for Haas)."""
    assigned: dict[str, str] = {}
    while True:
        taken = set(assigned.values())
        for team, cars in teams.items():
            left = [found - taken for found in cars if found - taken]
            common = set.intersection(*left) if left else set()
            if team not in assigned and len(common) == 1:
                assigned[team] = common.pop()
                break
        else:
            return assigned
