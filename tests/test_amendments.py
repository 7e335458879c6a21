"""What concerns a scorer in a changed classification, and how a person reads it."""

from collections.abc import Mapping
from typing import Any

import pytest

from ingestion.amendments import describe_amendment, is_amended, touches_leaders
from ingestion.sessions import SessionType

Entries = list[dict[str, Any]]

FIVE = ("Russell", "Hamilton", "Piastri", "Leclerc", "Verstappen")


def told(*surnames: str, out: str = "", **changes: Mapping[str, Any]) -> Entries:
    """Entries as the feed keeps them, in this order; `out` is disqualified, `changes` are a
    driver's."""
    return [
        {
            "driver_id": surname.lower(),
            "driver_number": len(surname),
            "driver_name": f"Somebody {surname}",
            "classification": "D" if surname == out else str(order),
            "status": "Disqualified" if surname == out else "Finished",
            "points": "0.00",
            **changes.get(surname, {}),
        }
        for order, surname in enumerate(surnames, start=1)
    ]


BEFORE = told(*FIVE)
DISQUALIFIED = told("Hamilton", "Piastri", "Leclerc", "Verstappen", "Russell", out="Russell")


def test_the_same_again_is_no_amendment() -> None:
    assert not is_amended(BEFORE, told(*FIVE))


@pytest.mark.parametrize(
    "details",
    [
        {"points": "26.00"},
        {"status": "+1 Lap"},
        {"classification": "R", "status": "Engine"},
        {"driver_number": 36, "driver_name": "G. Russell"},
    ],
)
def test_what_is_neither_order_nor_driver_nor_disqualification_is_a_detail(
    details: dict[str, Any],
) -> None:
    after = told(*FIVE, Russell=details)

    assert not is_amended(BEFORE, after)
    assert describe_amendment(SessionType.RACE, BEFORE, after) == ""


@pytest.mark.parametrize(
    "after",
    [
        told("Hamilton", "Russell", *FIVE[2:]),
        told(*FIVE[:4]),
        told(*FIVE, "Norris"),
        told(*FIVE[:4], "Norris"),
        told(*FIVE, out="Verstappen"),
        told(*FIVE, Verstappen={"classification": "E"}),
        told(*FIVE, Verstappen={"status": "Disqualified"}),
        told(*FIVE, Verstappen={"status": "Excluded"}),
    ],
    ids=["order", "one less", "one more", "another", "D and status", "E", "status", "excluded"],
)
def test_order_drivers_and_disqualifications_are_amendments(after: Entries) -> None:
    assert is_amended(BEFORE, after)
    assert is_amended(after, BEFORE)


def test_a_renamed_identifier_is_the_same_driver_by_name_and_number_only() -> None:
    unnumbered = {"driver_number": None}
    before = told(*FIVE, Russell=unnumbered)
    renamed = told(*FIVE, Russell={**unnumbered, "driver_id": "george_russell"})

    assert is_amended(before, renamed)
    assert is_amended(BEFORE, told(*FIVE, Russell={"driver_id": "doohan", "driver_name": "Doohan"}))


@pytest.mark.parametrize(
    ("session_type", "after", "expected"),
    [
        (SessionType.RACE, told("Russell", "Hamilton", "Leclerc", "Piastri", "Verstappen"), True),
        (SessionType.SPRINT, told("Russell", "Hamilton", "Leclerc", "Piastri", "Verstappen"), True),
        (SessionType.RACE, told(*FIVE[:3], "Verstappen", "Leclerc"), False),
        (SessionType.RACE, told(*FIVE, out="Verstappen"), False),
        (SessionType.RACE, told(*FIVE, out="Piastri"), True),
        (SessionType.QUALIFYING, told("Russell", "Piastri", "Hamilton", *FIVE[3:]), False),
        (SessionType.QUALIFYING, told("Hamilton", "Russell", *FIVE[2:]), True),
        (SessionType.SPRINT_QUALIFYING, told("Hamilton", "Russell", *FIVE[2:]), True),
        (SessionType.RACE, told(*FIVE[:2]), True),
    ],
    ids=[
        "P3", "a sprint's P3", "P4", "P5 out", "P3 out", "P2 of a qualifying", "the pole",
        "a sprint's pole", "no P3 any more",
    ],
)  # fmt: skip
def test_whether_a_podium_or_a_pole_is_another(
    session_type: SessionType, after: Entries, *, expected: bool
) -> None:
    assert touches_leaders(session_type, BEFORE, after) is expected


def test_the_first_classification_is_told_by_its_leaders() -> None:
    assert describe_amendment(SessionType.RACE, [], BEFORE) == "P1 Russell, P2 Hamilton, P3 Piastri"
    assert describe_amendment(SessionType.QUALIFYING, [], BEFORE) == "P1 Russell"


def test_a_disqualified_winner_is_told_with_those_who_moved_up() -> None:
    assert describe_amendment(SessionType.RACE, BEFORE, DISQUALIFIED) == (
        "P1 Russell -> Hamilton, P2 Hamilton -> Piastri, P3 Piastri -> Leclerc, "
        "Russell disqualified"
    )
    assert describe_amendment(SessionType.QUALIFYING, BEFORE, DISQUALIFIED) == (
        "P1 Russell -> Hamilton, Russell disqualified"
    )


def test_a_disqualification_that_is_taken_back_is_told() -> None:
    assert describe_amendment(SessionType.QUALIFYING, DISQUALIFIED, BEFORE) == (
        "P1 Hamilton -> Russell, Russell no longer disqualified"
    )


def test_a_podium_that_stands_is_not_spoken_of() -> None:
    out = told(*FIVE[:3], "Verstappen", "Leclerc", out="Leclerc")

    assert describe_amendment(SessionType.RACE, BEFORE, out) == "Leclerc disqualified"


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (told(*FIVE[:3], "Verstappen", "Leclerc"), "2 places changed, the first ones not"),
        (told(*FIVE[:4]), "1 place changed, the first ones not"),
        (told(*FIVE, "Norris", "Sainz"), "2 places changed, the first ones not"),
    ],
)
def test_what_changes_below_is_told_in_brief(after: Entries, words: str) -> None:
    assert describe_amendment(SessionType.RACE, BEFORE, after) == words


def test_a_place_that_nobody_has_is_told() -> None:
    assert describe_amendment(SessionType.RACE, BEFORE, told(*FIVE[:2])) == "P3 Piastri -> none"


def test_brothers_are_told_by_their_whole_names() -> None:
    michael = {"driver_name": "Michael Schumacher", "driver_id": "michael_schumacher"}
    ralf = {"driver_name": "Ralf Schumacher", "driver_id": "ralf_schumacher"}
    before = told("Schumacher", Schumacher=michael)
    after = told("Schumacher", Schumacher=ralf)

    assert describe_amendment(SessionType.QUALIFYING, before, after) == (
        "P1 Michael Schumacher -> Ralf Schumacher"
    )
