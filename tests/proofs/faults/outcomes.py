"""What has to come of each fault at each place: written down here, not read from the product.

Every part of an ingest has news at the time of the fault. What is not said to be otherwise has to
be saved as if there were no fault.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.proofs.faults import doubting, losing
from tests.proofs.faults.expected import KINDS, NEITHER, Expected, all_keys
from tests.proofs.faults.places import Key, Place
from tests.proofs.faults.switches import Fault

Expect = Callable[[Fault, Place, bool], Expected]


def of_second_source(fault: Fault, _place: Place, _is_filled: bool) -> Expected:
    return Expected("note", notes=(fault.reason,))


def of_newcomer(fault: Fault, _place: Place, _is_filled: bool) -> Expected:
    """Whom its qualifying lists and nobody knows: he keeps its classification out, and can be
    picked."""
    return Expected("note", notes=(fault.reason,), entered=frozenset({"nino-nowhere"}))


def of_dump(fault: Fault, _place: Place, _is_filled: bool) -> Expected:
    """It is optional: what cannot be read of it comes by pages, and a note says why."""
    return Expected("pages", notes=(fault.reason,), archived="pages")


def of_part_of_dump(fault: Fault, _place: Place, _is_filled: bool) -> Expected:
    return Expected("part", notes=(fault.reason,), archived="partial")


def of_old_dump(fault: Fault, _place: Place, _is_filled: bool) -> Expected:
    return Expected("aside", notes=(fault.reason,), archived="dump")


FAMILIES: dict[str, Expect] = {
    "harmless": doubting.harmless,
    "other rounds": doubting.in_other_rounds,
    "lost": losing.lost,
    "limited": losing.limited,
    "gone": losing.gone,
    "implausible": doubting.implausible,
    "another race": doubting.of_another_race,
    "cancelled race": doubting.of_cancelled_race,
    "not there": doubting.not_there,
    "apart in vain": doubting.apart_in_vain,
    "few races": doubting.with_few_races,
    "old": doubting.of_old,
    "future": doubting.of_future,
    "dated ahead": doubting.dated_ahead,
    "spoilt detail": doubting.with_spoilt_detail,
    "other leaders": doubting.of_other_leaders,
    "moved qualifying": doubting.of_moved_qualifying,
    "second source": of_second_source,
    "newcomer": of_newcomer,
    "dump": of_dump,
    "part of the dump": of_part_of_dump,
    "old dump": of_old_dump,
    "moved weekend": doubting.of_moved_weekend,
}


def expect(fault: Fault, place: Place, *, is_filled: bool) -> Expected:
    expected = FAMILIES[fault.family](fault, place, is_filled)
    if place.run in ("season", "seasons"):
        return expected
    # Nothing else was asked for.
    others = frozenset[str | Key](
        key for kind in KINDS for key in all_keys(kind) if key != place.target
    )
    without_calendars = replace(expected, kept=expected.kept | others)
    if is_filled and place.run == "round":
        return replace(without_calendars, calendars=NEITHER)
    return without_calendars
