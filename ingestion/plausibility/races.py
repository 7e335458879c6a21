"""Laps, points, times and the grid of a race or sprint against the order.

What a source does not have at all (live timing has no points) is not judged.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from ingestion.plausibility.field import FIRST_KNOCKOUT
from ingestion.plausibility.places import is_finisher
from ingestion.records import ResultRecord

# Since 1991 every car that finishes in the points gets them. Before that second cars of a
# one-car team and those of Formula 2 did not (1987 Australia: P5 none, P6 one); none was in the
# first four.
FIRST_POINTS_FOR_ALL = 1991
# Until 1957 the points of a shared car are shared, and until 1959 the fastest lap is worth one,
# wherever its driver finished.
LAST_POINT_OF_FASTEST_LAP = 1959

# Since 2018 no car starts from a slot beyond the number of entries: slots are closed up, or left
# open for a car in the pit lane, who is listed. In 2009 one stayed open (Hungary); the 1970s
# and 1980s knew up to three (1985 Portugal: 29 of 26).
FIRST_CLOSED_GRID = 2018
OPEN_SLOTS_SINCE_KNOCKOUT = 1
OPEN_SLOTS = 4


def find_wrong_laps(rows: Sequence[ResultRecord]) -> str:
    """Who did more laps is ahead, among those who finished in a car of their own."""
    if rows[0].laps == 0:
        return "laps are missing still"
    finishers = [row for row in _drive_alone(rows) if is_finisher(row) and row.laps is not None]
    for ahead, behind in pairwise(finishers):
        if (behind.laps or 0) > (ahead.laps or 0):
            return f"{behind.driver_id} has more laps than {ahead.driver_id} ahead"
    return ""


def find_wrong_points(season: int, rows: Sequence[ResultRecord]) -> str:
    """Who is ahead has as many points at least; the one for the fastest lap (2019 to 2024, in the
    first ten) cannot turn that round, and half points and double ones keep it."""
    if rows[0].points == 0:
        return "points are missing still"
    allowed = Decimal(0)
    judged = [row for row in rows if row.points is not None]
    if season <= LAST_POINT_OF_FASTEST_LAP:
        judged, allowed = _drive_alone(judged), Decimal(1)
    elif season < FIRST_POINTS_FOR_ALL:
        judged = judged[:4]
    for ahead, behind in pairwise(judged):
        if (behind.points or 0) > (ahead.points or 0) + allowed:
            return f"{behind.driver_id} has more points than {ahead.driver_id} ahead"
    return ""


def _drive_alone(rows: Sequence[ResultRecord]) -> list[ResultRecord]:
    places = [row.position for row in rows]
    return [row for row in rows if places.count(row.position) == 1]


def find_wrong_grid(season: int, rows: Sequence[ResultRecord]) -> str:
    """No grid comes before the real one. 0 is a start from the pit lane, or none."""
    grids = [row.grid for row in rows if row.grid is not None]
    slots = [slot for slot in grids if slot]
    if season >= FIRST_KNOCKOUT and len(slots) > len(set(slots)):
        return f"grid slot {max(slots, key=slots.count)} twice"
    open_slots = OPEN_SLOTS_SINCE_KNOCKOUT if season >= FIRST_KNOCKOUT else OPEN_SLOTS
    if season >= FIRST_CLOSED_GRID:
        open_slots = 0
    if max(slots, default=0) > len(rows) + open_slots:
        return f"a start from slot {max(slots)} of {len(rows)}"
    return ""


def find_wrong_times(season: int, rows: Sequence[ResultRecord]) -> str:
    """No finisher was quicker than the winner, nor the third than the second. Behind them
    the upstream's times are wrong at times (P10 a second behind in Abu Dhabi in 2020), and its
    older ones were never compared with anything."""
    if season < FIRST_KNOCKOUT:
        return ""
    timed = [row for row in rows if is_finisher(row) and row.time is not None]
    podium = [row for row in timed if row.position <= 3]
    for ahead, behind in [*pairwise(podium), *((podium[0], row) for row in timed if podium)]:
        if ahead.time is not None and behind.time is not None and behind.time < ahead.time:
            return f"{behind.driver_id} was quicker than {ahead.driver_id} ahead"
    return ""
