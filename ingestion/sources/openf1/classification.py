"""OpenF1's rows of a session's result, which it reads from Formula 1's own pages, to a
classification.

Rows come as the page has them, are written over one by one where the page is amended, and are
corrected by hand, if at all. What contradicts itself is refused with the reason: a better answer
may follow, and the published source's does.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from ingestion.errors import BadSourceData, ResultsNotReady
from ingestion.records import ClassificationRecord, ResultRecord, Source
from ingestion.sources.cars import Car, match_cars
from ingestion.sources.details import Details, drop_spoilt
from ingestion.sources.openf1.listings import Listing
from ingestion.sources.protocol import KnownDriver
from ingestion.sources.values import (
    LONGEST_CODE,
    UNREADABLE,
    read_integer,
    read_points,
    read_text,
)

# Who has covered less than nine tenths of the winner's laps is not classified (FIA Sporting
# Regulations, article on the classification).
CLASSIFIED = Decimal("0.9")
PARTS = ("q1", "q2", "q3")
# The flags in the order in which such drivers follow the classified ones, with what is printed.
FLAGS = {"dnf": ("R", "Retired"), "dns": ("W", "Did not start"), "dsq": ("D", "Disqualified")}
NOT_CLASSIFIED = "N"
LETTERS = (NOT_CLASSIFIED, *(letter for letter, _ in FLAGS.values()))

Row = Mapping[str, Any]


def read_classification(
    listing: Listing,
    rows: Sequence[Row],
    drivers: Sequence[Row],
    known: Collection[KnownDriver],
    generated_at: datetime | None,
) -> ClassificationRecord:
    """`known` is who the season knows. Raises `BadSourceData` where an answer is another session's
    or of another shape, `ResultsNotReady` where a driver is not known or the rows contradict each
    other."""
    try:
        for row in (*rows, *drivers):
            if (row["session_key"], row["meeting_key"]) != (
                listing.session_key,
                listing.meeting_key,
            ):
                raise ValueError("it is of another session")
        for row in rows:
            _expect_types(row)
        fault = _find_contradiction(rows, listing)
        placed = sorted(rows, key=_place_of)
        cars = [read_car(row["driver_number"], drivers) for row in placed]
    except UNREADABLE as error:
        raise BadSourceData(f"the answer cannot be read: {error}") from error
    if fault:
        raise ResultsNotReady(f"its rows contradict each other: {fault}")
    matched = match_cars(cars, known)
    details = Details(listing.race)
    results = tuple(
        _read_row(order, row, who, listing, details)
        for order, (row, who) in enumerate(zip(placed, matched, strict=True), start=1)
    )
    results = drop_spoilt(results, details)
    late = _find_wrong_order(results) if listing.session_type.kind.is_race else ""
    if late:
        raise ResultsNotReady(f"its rows contradict each other: {late}")
    details.say()
    return ClassificationRecord(
        listing.race,
        listing.session_type,
        Source.OPENF1,
        generated_at,
        results,
        spoilt=details.drivers,
    )


def _expect_types(row: Row) -> None:
    """The types of what decides the order; `True` is a number to Python."""
    place, number = row["position"], row["driver_number"]
    is_place = place is None or (isinstance(place, int) and not isinstance(place, bool))
    if not is_place or not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"a row has the place {place!r} and the car {number!r}")
    for flag in FLAGS:
        if row[flag] not in (True, False, None):
            raise TypeError(f"{flag} of car {number} is {row[flag]!r}")


def _find_contradiction(rows: Sequence[Row], listing: Listing) -> str:
    """Between a row's place and its flags, or between the rows. Belgium 2024 listed the winner,
    who was disqualified, first and without the flag."""
    numbers = Counter(row["driver_number"] for row in rows)
    # An amendment with fewer rows leaves an old last one.
    twice = [number for number, times in numbers.items() if times > 1]
    if twice:
        return f"car {twice[0]} is listed twice"
    if rows and rows[0]["position"] is None and not _flags_of(rows[0]):
        return f"car {rows[0]['driver_number']} is listed first, and has no place"
    is_race = listing.session_type.kind.is_race
    most_laps = max((laps for row in rows if (laps := _laps_of(row))), default=0)
    faults = (_find_wrong_mark(row, most_laps, is_race=is_race) for row in rows)
    return next(filter(None, faults), "")


def _find_wrong_mark(row: Row, most_laps: int, *, is_race: bool) -> str:
    """Between a row's flags, or between them and its place, laps and time."""
    car, flags, place = f"car {row['driver_number']}", _flags_of(row), row["position"]
    # In a qualifying they are about its parts: a driver whose car stays in the garage in Q3 has a
    # place, laps, and perhaps another mark for Q2.
    marks = set(flags) if is_race or place is None else {"dsq"}.intersection(flags)
    if place is not None and {"dns", "dsq"} & marks:
        return f"{car} has place {place} and is marked {' and '.join(flags)}"
    if place is not None and "dnf" in marks and _is_number(row.get("duration")):
        return f"{car} has place {place} and a time, and is marked dnf"
    if "dns" in marks and (len(flags) > 1 or _laps_of(row)):
        return f"{car} did not start, and has laps or another mark"
    # Who retires near the end is classified as well; who did all laps did not retire.
    needed = most_laps if "dnf" in marks else CLASSIFIED * most_laps
    is_whole = is_race and _laps_of(row) >= needed > 0
    if place is None and is_whole and not {"dns", "dsq"} & marks:
        mark = "is marked dnf without a place" if marks else "has neither a place nor a mark"
        return f"{car} went the distance, and {mark}"
    return ""


def _find_wrong_order(results: Sequence[ResultRecord]) -> str:
    """A wrong order by the times of those on the winner's lap: a disqualified winner stayed first
    with the time of the driver behind him."""
    timed = [row for row in results if row.time is not None and row.classification.isdigit()]
    for ahead, behind in pairwise(timed):
        if ahead.time is not None and behind.time is not None and behind.time <= ahead.time:
            return f"{behind.driver_name} is behind {ahead.driver_name} and was not slower"
    return ""


def _place_of(row: Row) -> tuple[float, int, int]:
    """A key to sort by. Those without a place are behind the others: who retired by laps, who did
    not start, who was disqualified."""
    place = row["position"]
    rank = LETTERS.index(_letter_of(row)) if place is None else 0
    # Retired and not classified stand together.
    return (math.inf if place is None else place, max(rank, 1), -_laps_of(row))


def _flags_of(row: Row) -> list[str]:
    return [flag for flag in FLAGS if row[flag]]


def _letter_of(row: Row) -> str:
    flags = _flags_of(row)
    return FLAGS[flags[-1]][0] if flags else NOT_CLASSIFIED


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _laps_of(row: Row) -> int:
    laps = row.get("number_of_laps")
    return laps if isinstance(laps, int) else 0


def read_car(number: int, drivers: Sequence[Row]) -> Car:
    found = {
        Car(
            number,
            read_text(row.get("name_acronym"), longest=LONGEST_CODE),
            read_text(row.get("full_name"))
            or read_text(f"{row.get('first_name') or ''} {row.get('last_name') or ''}"),
            read_text(row.get("team_name")),
        )
        for row in drivers
        if row["driver_number"] == number
    }
    if len(found) > 1:
        raise ValueError(f"car {number} has two drivers")
    return next(iter(found), Car(number, "", "", ""))


def _read_row(
    order: int, row: Row, who: KnownDriver, listing: Listing, details: Details
) -> ResultRecord:
    is_race, place, driver = listing.session_type.kind.is_race, row["position"], who.driver_id
    letter, is_flagged = _letter_of(row), bool(_flags_of(row))
    printed = str(place) if place is not None else letter
    if not is_race and place is None and letter != FLAGS["dsq"][0]:
        # A qualifying has no retirements: who set no time comes last.
        printed = str(order)
    status = next((text for mark, text in FLAGS.values() if mark == letter), "")
    time, gap, laps = None, None, dict.fromkeys(PARTS)
    if is_race:
        printed_gap = row.get("gap_to_leader")
        # '+1 LAP' is the gap of a car that is not on the lead lap, and no time.
        is_lapped = isinstance(printed_gap, str) and "LAP" in printed_gap.upper()
        gap = details.read(_read_seconds, None if is_lapped else printed_gap, "gap", driver)
        is_timed = place is not None and gap is not None
        seconds = row.get("duration") if is_timed else None
        time = details.read(_read_seconds, seconds, "time", driver)
    else:
        laps = details.read(_read_parts, row.get("duration"), "times", driver) or laps
    return ResultRecord(
        order=order,
        position=order if place is None else place,
        classification=printed,
        driver_id=driver,
        driver_number=row["driver_number"],
        driver_code=who.driver_code,
        driver_name=who.driver_name,
        constructor_id=who.constructor_id,
        constructor_name=who.constructor_name,
        laps=details.read(read_integer, row.get("number_of_laps"), "laps", driver)
        if is_race
        else None,
        points=details.read(read_points, row.get("points"), "points", driver) if is_race else None,
        status=status if is_flagged and place is None and is_race else "",
        time=time,
        gap=gap or None,
        **laps,
    )


def _read_parts(times: Any) -> dict[str, timedelta | None]:
    """Three times, None where a driver did not take part."""
    if times is None:
        return dict.fromkeys(PARTS)
    if not isinstance(times, list) or len(times) != len(PARTS):
        raise ValueError(f"{times!r} are no three times")
    return {part: _read_seconds(time) for part, time in zip(PARTS, times, strict=True)}


def _read_seconds(value: Any) -> timedelta | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 86_400:
        raise ValueError(f"{value!r} is no time")
    return timedelta(milliseconds=round(value * 1000))
