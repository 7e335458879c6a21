"""Which calendars and classifications are believed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingestion.errors import BadSourceData, ResultsNotReady
from ingestion.plausibility import check_calendar, check_classification
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    GrandPrixRecord,
    RaceIdentity,
    ResultRecord,
    SessionRecord,
    SessionType,
    Source,
)

SUNDAY = date(2024, 7, 28)
START = datetime(2024, 7, 28, 13, tzinfo=UTC)
RACE = SessionType.RACE


def weekend(**starts: datetime | None) -> GrandPrixRecord:
    """Belgium 2024, with a race on Sunday unless told otherwise."""
    known: dict[str, datetime | None] = {"race": START, **starts}
    sessions = (SessionRecord(SessionType(name), start) for name, start in known.items())
    return GrandPrixRecord(
        season=2024,
        round_number=14,
        name="Belgian Grand Prix",
        official_name="",
        country="Belgium",
        location="Spa-Francorchamps",
        race_date=SUNDAY,
        sessions=tuple(sessions),
    )


def refusal(*grands_prix: GrandPrixRecord) -> str:
    calendar = CalendarRecord(2024, Source.SCHEDULE_FILE, None, grands_prix)
    with pytest.raises(BadSourceData) as raised:
        check_calendar(calendar)
    return str(raised.value)


def accept(*grands_prix: GrandPrixRecord) -> None:
    check_calendar(CalendarRecord(2024, Source.SCHEDULE_FILE, None, grands_prix))


def faults(*grands_prix: GrandPrixRecord) -> list[str]:
    start, reasons = refusal(*grands_prix).split(": ", maxsplit=1)
    assert start == "the calendar of 2024 cannot be true"
    return reasons.split("; ")


def test_a_calendar_without_a_grand_prix_is_refused() -> None:
    assert refusal() == "the calendar of 2024 has no grand prix"


@pytest.mark.parametrize(
    "starts",
    [
        {},
        {"qualifying": START - timedelta(days=1)},
        {"qualifying": START - timedelta(hours=4)},
        {"qualifying": START},
        {"qualifying": None, "race": None},
        {"race": datetime(2024, 7, 29, 4, tzinfo=UTC)},
        {"qualifying": datetime(2024, 7, 24, tzinfo=UTC)},
        {
            "sprint_qualifying": START - timedelta(days=2),
            "sprint": START - timedelta(days=1, hours=4),
            "qualifying": START - timedelta(days=1),
        },
        # 2023: the weekend's qualifying before the sprint's
        {
            "qualifying": START - timedelta(days=2),
            "sprint_qualifying": START - timedelta(days=1, hours=4),
            "sprint": START - timedelta(days=1),
        },
    ],
)
def test_weekends_that_are_believed(starts: dict[str, datetime | None]) -> None:
    accept(weekend(**starts))


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ({"qualifying": START + timedelta(hours=1)}, ["qualifying after race"]),
        ({"sprint": START + timedelta(seconds=1)}, ["sprint after race"]),
        (
            {
                "sprint_qualifying": START - timedelta(hours=5),
                "sprint": START - timedelta(hours=6),
            },
            ["sprint_qualifying after sprint"],
        ),
        (
            {"qualifying": START - timedelta(days=5)},
            ["qualifying on 2024-07-23, the race day is 2024-07-28"],
        ),
        (
            {"race": START + timedelta(days=2)},
            ["race on 2024-07-30, the race day is 2024-07-28"],
        ),
        (
            {"qualifying": START.replace(year=2023)},
            ["qualifying on 2023-07-28, the race day is 2024-07-28"],
        ),
    ],
)
def test_weekends_that_cannot_be(starts: dict[str, datetime], expected: list[str]) -> None:
    assert faults(weekend(**starts)) == [f"Belgian Grand Prix: {fault}" for fault in expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"round_number": 0}, "round 0"),
        ({"round_number": -1}, "round -1"),
        ({"sessions": ()}, "no race"),
        (
            {"sessions": (SessionRecord(RACE, START), SessionRecord(RACE, START))},
            "session race twice",
        ),
    ],
)
def test_grands_prix_that_cannot_be(changes: dict[str, Any], expected: str) -> None:
    assert faults(replace(weekend(), **changes)) == [f"Belgian Grand Prix: {expected}"]


def test_a_race_of_another_year_is_refused() -> None:
    other = replace(weekend(race=START.replace(year=2025)), race_date=date(2025, 7, 28))
    assert faults(other) == ["Belgian Grand Prix: the race day 2025-07-28 is not in the season"]


def test_every_reason_is_given() -> None:
    same_round = replace(weekend(), name="Dutch Grand Prix", round_number=0)
    assert faults(weekend(), weekend(), same_round) == [
        "round 14 twice",
        "name Belgian Grand Prix twice",
        "Dutch Grand Prix: round 0",
    ]


# Classifications


def entry(order: int, **changes: Any) -> ResultRecord:
    result = ResultRecord(
        order=order,
        position=order,
        classification=str(order),
        driver_id=f"driver_{order}",
        driver_number=10 + order,
        driver_code="",
        driver_name=f"Driver {order}",
        constructor_id="team",
        constructor_name="Team",
    )
    return replace(result, **changes)


def classification(*results: ResultRecord) -> ClassificationRecord:
    race = RaceIdentity(2024, 14, "Belgian Grand Prix", SUNDAY, "Belgium", "Spa")
    return ClassificationRecord(race, RACE, Source.JOLPICA, None, results)


@pytest.mark.parametrize(
    "positions",
    [
        [1],
        [1, 2, 3],
        [1, 3, 4],  # 1983 Brazil: nobody was second
        [1, 1, 3],  # a shared car
        [1, 2, 24, 30],  # 1979
        list(range(1, 56)),
    ],
)
def test_real_positions_are_believed(positions: list[int]) -> None:
    results = [entry(order, position=place) for order, place in enumerate(positions, start=1)]
    check_classification(classification(*results))


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "it has no entry yet"),
        ([entry(1, position=0), entry(2, position=0)], "positions are missing still"),
        ([entry(1), entry(2), entry(3, position=0)], "positions are missing still"),
        ([entry(1, position=2), entry(2, position=3)], "positions are missing still"),
    ],
)
def test_half_filled_ones_are_not_there_yet(results: list[ResultRecord], message: str) -> None:
    with pytest.raises(ResultsNotReady) as raised:
        check_classification(classification(*results))
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([entry(1), entry(2, driver_id="")], "an entry has no driver"),
        (
            [entry(1), entry(2, driver_id="driver_1", driver_number=11)],
            "driver_1 twice in the same car",
        ),
        (
            [entry(number, driver_id=f"driver_{number % 2}", driver_number=5) for number in (1, 2)]
            + [
                entry(number, driver_id=f"driver_{number % 2}", driver_number=5)
                for number in (3, 4)
            ],
            "driver_1, driver_0 twice in the same car",
        ),
        (
            [entry(number, driver_id="driver_1", driver_number=None) for number in (1, 2)],
            "driver_1 twice in the same car",
        ),
    ],
)
def test_contradictions_are_refused(results: list[ResultRecord], message: str) -> None:
    with pytest.raises(BadSourceData) as raised:
        check_classification(classification(*results))
    assert str(raised.value) == message


def test_a_driver_may_stand_twice_in_different_cars() -> None:
    second = entry(2, driver_id="driver_1", driver_number=30)
    check_classification(classification(entry(1), second))


def test_two_drivers_may_share_a_car() -> None:
    check_classification(classification(entry(1), entry(2, position=1, driver_number=11)))
