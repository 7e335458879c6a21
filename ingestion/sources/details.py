"""Details that cannot be right are missing, with a notice: they hide no result.

The order is the upstream's positions. A time far from all others of its part says nothing of it,
nor does a grid slot that two cars have; what is a little wrong puts the order in doubt and stays,
for plausibility to judge.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import median_low
from typing import Any, TypeVar

from ingestion.plausibility.field import FIRST_KNOCKOUT
from ingestion.records import RaceIdentity, ResultRecord
from ingestion.sources.values import UNREADABLE, notice

T = TypeVar("T")

# The quickest in the rain of Turkey in 2020 needed 92 % of what the middle of the field needed,
# and a lap behind the safety car takes three times as long as a quick one.
SHORTEST_LAP, LONGEST_LAP = 0.85, 4.0
# A race's finishers with a time are on the lead lap: none is an hour behind.
SHORTEST_RACE, LONGEST_RACE = 0.8, 1.5
# More of them are no slips: the answer may be of another session, and is judged whole.
MOST_SPOILT = 3
# Grids of the 1970s and 1980s had up to four slots more than cars.
OPEN_SLOTS = 4


class Details:
    """Collects which drivers' details were dropped, and says so once a field."""

    def __init__(self, race: RaceIdentity) -> None:
        self.race = race
        self.dropped: dict[str, list[str]] = {}

    def read(self, read: Callable[[Any], T], value: Any, field: str, driver: str) -> T | None:
        """None where the value is of another shape or size than any real one."""
        try:
            return read(value)
        except UNREADABLE:
            self.drop(field, driver)
            return None

    def drop(self, field: str, driver: str) -> None:
        drivers = self.dropped.setdefault(field, [])
        if driver not in drivers:
            drivers.append(driver)

    @property
    def drivers(self) -> tuple[str, ...]:
        every = (driver for drivers in self.dropped.values() for driver in drivers)
        return tuple(dict.fromkeys(every))

    def say(self) -> None:
        for field, drivers in self.dropped.items():
            notice(
                f"{self.race.name}: the {field} of {', '.join(drivers)} cannot be right and counts "
                "as missing; the order does not depend on it"
            )


def drop_spoilt(results: Sequence[ResultRecord], details: Details) -> tuple[ResultRecord, ...]:
    rows = list(results)
    for part in ("q1", "q2", "q3"):
        rows = _drop_far_times(rows, part, SHORTEST_LAP, LONGEST_LAP, details)
    rows = _drop_far_times(rows, "time", SHORTEST_RACE, LONGEST_RACE, details)
    if rows and all(row.grid is None for row in rows) and any(row.laps for row in rows):
        notice(f"{details.race.name}: no entry has a grid slot yet")
    # 0 is the pit lane, which many may share. Older records have a slot twice as well: for the
    # drivers of one car (1958 France), and slot 17 for two cars (1979 Canada).
    has_shared_slots = details.race.season < FIRST_KNOCKOUT
    slots = Counter(row.grid for row in rows if row.grid)
    wrong = {
        slot
        for slot, cars in slots.items()
        if (cars > 1 and not has_shared_slots) or slot > len(rows) + OPEN_SLOTS
    }
    involved = [row for row in rows if row.grid in wrong]
    if len(involved) > MOST_SPOILT:
        return tuple(rows)
    for row in involved:
        details.drop("grid slot", row.driver_id)
    return tuple(replace(row, grid=None) if row in involved else row for row in rows)


def _drop_far_times(
    rows: list[ResultRecord], field: str, shortest: float, longest: float, details: Details
) -> list[ResultRecord]:
    times: list[timedelta] = [time for row in rows if (time := getattr(row, field)) is not None]
    if len(times) <= MOST_SPOILT:
        return rows
    usual = median_low(times)
    far = [
        row
        for row in rows
        if (time := getattr(row, field)) is not None
        and not shortest * usual <= time <= longest * usual
    ]
    if len(far) > MOST_SPOILT:
        return rows
    for row in far:
        details.drop(field.upper() if field != "time" else field, row.driver_id)
    without: dict[str, Any] = {field: None, **({"gap": None} if field == "time" else {})}
    kept = [replace(row, **without) if row in far else row for row in rows]
    if field == "time" and rows[0] in far:
        # Gaps are to the winner.
        kept = [replace(row, gap=None) for row in kept]
    return kept
