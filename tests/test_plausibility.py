"""Which calendars are believed; tests/test_classification_plausibility.py has the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingestion.errors import BadSourceData
from ingestion.plausibility import check_calendar, check_remaining
from ingestion.records import CalendarRecord, GrandPrixRecord, SessionRecord, Source, StoredEvent
from ingestion.sessions import SessionType

SUNDAY = date(2024, 7, 28)
START = datetime(2024, 7, 28, 13, tzinfo=UTC)
RACE = SessionType.RACE


def session(session_type: SessionType, starts_at: datetime | None) -> SessionRecord:
    return SessionRecord(session_type, starts_at, Source.SCHEDULE_FILE)


def weekend(**starts: datetime | None) -> GrandPrixRecord:
    """Belgium 2024, with a race on Sunday unless told otherwise."""
    known: dict[str, datetime | None] = {"race": START, **starts}
    sessions = (session(SessionType(name), start) for name, start in known.items())
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
            {"sessions": (session(RACE, START), session(RACE, START))},
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


@pytest.mark.parametrize("weeks", [-5, 5])
def test_a_race_day_weeks_from_its_own_weekend_is_refused(weeks: int) -> None:
    """As when a fix for one race was applied to the next by its old round number."""
    race = START + timedelta(weeks=weeks)
    moved = replace(weekend(qualifying=START - timedelta(days=1), race=race), race_date=race.date())
    found = faults(moved)
    assert f"Belgian Grand Prix: qualifying on 2024-07-27, the race day is {race:%Y-%m-%d}" in found


def test_a_race_day_that_is_moved_without_its_sessions_is_refused() -> None:
    moved = replace(weekend(qualifying=START - timedelta(days=1)), race_date=date(2024, 6, 23))
    assert faults(moved) == [
        "Belgian Grand Prix: race on 2024-07-28, the race day is 2024-06-23",
        "Belgian Grand Prix: qualifying on 2024-07-27, the race day is 2024-06-23",
    ]


@pytest.mark.parametrize("round_number", [1, 14])
def test_two_grands_prix_of_one_round_are_refused(round_number: int) -> None:
    calendar = [
        replace(weekend(), name=name, round_number=round_number)
        for name in ("Belgian Grand Prix", "Dutch Grand Prix")
    ]
    assert faults(*calendar) == [f"round {round_number} twice"]


@pytest.mark.parametrize("day", [date(2023, 12, 31), date(2025, 1, 1), date(1970, 1, 1)])
def test_a_race_day_outside_the_season_is_refused(day: date) -> None:
    start = datetime(day.year, day.month, day.day, 13, tzinfo=UTC)
    assert faults(replace(weekend(race=start), race_date=day)) == [
        f"Belgian Grand Prix: the race day {day} is not in the season"
    ]


@pytest.mark.parametrize("day", [date(2024, 1, 1), date(2024, 12, 31)])
def test_a_race_day_within_the_season_is_believed(day: date) -> None:
    start = datetime(day.year, day.month, day.day, 13, tzinfo=UTC)
    accept(replace(weekend(race=start), race_date=day))


# What a calendar keeps of the races that remain

NOW = datetime(2024, 7, 1, tzinfo=UTC)


def stored(number: int, **changes: Any) -> StoredEvent:
    """A race to come, a week after the one before."""
    race = StoredEvent(
        grand_prix=f"race-{number}",
        name="",
        country="",
        location="",
        session_type=RACE,
        round_number=number,
        starts_at=NOW + timedelta(weeks=number),
        utc_offset=None,
        disputed_starts_at=None,
        is_cancelled=False,
    )
    return replace(race, **changes)


def remain(events: list[StoredEvent], *numbers: int) -> None:
    """Check a calendar that lists the races of these numbers."""
    calendar = CalendarRecord(2024, Source.SCHEDULE_FILE, None, ())
    check_remaining(calendar, {f"race-{number}" for number in numbers}, events, now=NOW)


@pytest.mark.parametrize(
    ("stored_races", "listed"),
    [
        (0, ()),
        (1, ()),
        (2, (2,)),
        (3, (1, 3)),
        (4, (2, 4)),
        (22, range(1, 12)),
        (2, (1, 2, 3, 4)),
    ],
)
def test_a_calendar_with_half_of_the_races_that_remain_is_believed(
    stored_races: int, listed: Sequence[int]
) -> None:
    remain([stored(number) for number in range(1, stored_races + 1)], *listed)


@pytest.mark.parametrize(
    ("stored_races", "listed"), [(2, ()), (3, (1,)), (4, (3,)), (22, range(1, 11)), (3, (1, 7, 8))]
)
def test_a_calendar_without_most_of_the_races_that_remain_is_refused(
    stored_races: int, listed: Sequence[int]
) -> None:
    kept = len([number for number in listed if number <= stored_races])
    with pytest.raises(BadSourceData) as raised:
        remain([stored(number) for number in range(1, stored_races + 1)], *listed)
    assert str(raised.value) == (
        f"the calendar of 2024 has {kept} of the {stored_races} grands prix that remain"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"is_cancelled": True},
        {"starts_at": NOW},
        {"starts_at": NOW - timedelta(weeks=1)},
        {"starts_at": None},
        {"session_type": SessionType.QUALIFYING},
    ],
)
def test_only_races_that_are_still_to_be_held_remain(changes: dict[str, Any]) -> None:
    others = [stored(number, **changes) for number in range(3, 10)]
    remain([stored(1), stored(2), *others], 1)
