"""Positions, and what is printed in their place: R, D, W, N, E and F."""

from collections.abc import Sequence
from itertools import pairwise

from ingestion.records import ResultRecord

# Drivers took over each other's cars for the last time in the United States in 1964.
LAST_SHARED_CAR = 1964

# Rosberg was second in Brazil in 1983 and disqualified, and no driver was moved up. No other place
# is known to have stayed open; the years around are given the same leave, those since 1994 not.
LAST_OPEN_PLACE = 1993

# Who failed to qualify has a number and no line: 24 is followed by 30 (1979 Canada). One number
# that is missing is a line that is missing.
FEWEST_LEFT_OUT = 2

DISQUALIFIED = {"D", "E"}
DID_NOT_START = {"W", "F"}


def find_wrong_places_in_race(rows: Sequence[ResultRecord]) -> str:
    """Since 2006: 1, 2, 3 to the last."""
    return _find_gap_or_repeat([row.position for row in rows])


def find_wrong_places_in_qualifying(rows: Sequence[ResultRecord]) -> str:
    """A disqualified driver keeps the place that another has as well, and the last number is
    missing for it: P15 twice in Britain in 2023, P12 and P13 in Singapore in 2025. There is one
    pole, and a place that two have is not the last."""
    if not rows[0].classification.isdecimal():
        return "no driver is first"
    places = [row.position for row in rows]
    for place in (places[0], places[-1]):
        if places.count(place) > 1:
            return f"place {place} twice"
    return _find_gap_or_repeat(sorted(set(places)))


def _find_gap_or_repeat(places: Sequence[int]) -> str:
    for expected, place in enumerate(places, start=1):
        if place < expected:
            return f"place {place} twice"
        if place > expected:
            return f"place {expected} missing"
    return ""


def find_wrong_places_before_knockout(season: int, rows: Sequence[ResultRecord]) -> str:
    for ahead, behind in pairwise(rows):
        step = behind.position - ahead.position
        if step == 0 and not _may_share(season, ahead, behind):
            return f"place {behind.position} twice"
        if step > 1 and not _may_be_left_out(season, step - 1, behind, rows):
            return f"place {ahead.position + 1} missing"
    return ""


def _may_share(season: int, one: ResultRecord, other: ResultRecord) -> bool:
    """Two drivers of one car; or the disqualified behind a place that was left open, who counts
    where the last of the others does (1983 Brazil)."""
    if season <= LAST_SHARED_CAR and one.driver_number is not None:
        return one.driver_number == other.driver_number
    return season <= LAST_OPEN_PLACE and not DISQUALIFIED.isdisjoint(
        {one.classification, other.classification}
    )


def _may_be_left_out(
    season: int, missing: int, behind: ResultRecord, rows: Sequence[ResultRecord]
) -> bool:
    if not behind.classification.isdecimal():
        return missing >= FEWEST_LEFT_OUT and behind.classification in DID_NOT_START
    disqualified = [
        row
        for row in rows
        if row.classification in DISQUALIFIED and (row.laps or 0) >= (behind.laps or 0)
    ]
    return season <= LAST_OPEN_PLACE and missing <= len(disqualified)


def is_finisher(row: ResultRecord) -> bool:
    """Classified: with a number for a place. Of some disqualified drivers only `status` says so
    (2023 United States)."""
    return row.classification.isdecimal() and row.status != "Disqualified"


def find_mixed_letters(rows: Sequence[ResultRecord]) -> str:
    """Since 2006: finishers first, their places as printed; who retired, did not start or was
    disqualified behind them. A patch that is half done breaks it (2025 Las Vegas)."""
    for ahead, behind in pairwise(rows):
        if is_finisher(behind) and not is_finisher(ahead):
            return f"{behind.driver_id} is classified behind {ahead.driver_id}, who is not"
    if not is_finisher(rows[0]):
        return "no driver is first"
    misprinted = [
        row for row in rows if is_finisher(row) and int(row.classification) != row.position
    ]
    if misprinted:
        return f"place {misprinted[0].position} is printed as {misprinted[0].classification}"
    return ""


def find_mixed_letters_before_knockout(rows: Sequence[ResultRecord]) -> str:
    """The same, but for the disqualified, who are listed where they finished among the others."""
    rest = [row for row in rows if row.classification not in DISQUALIFIED]
    for ahead, behind in pairwise(rest):
        if behind.classification.isdecimal() and not ahead.classification.isdecimal():
            return f"{behind.driver_id} is classified behind {ahead.driver_id}, who is not"
    return "" if rows[0].classification.isdecimal() else "no driver is first"
