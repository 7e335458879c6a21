"""FastF1's frames of results in, plain records out."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import BadSourceData
from ingestion.records import (
    ClassificationRecord,
    RaceIdentity,
    ResultRecord,
    Source,
    UnreadableClassification,
)
from ingestion.sessions import SessionType
from ingestion.sources.jolpica.classifications import read_classifications
from ingestion.sources.jolpica.pages import Page
from tests.frames import finish, lap, page_of, race
from tests.plain import MISSING, anything_missing, assert_plain, spoil

NOON = datetime(2024, 7, 28, 12, 0, 5, tzinfo=UTC)
RACE, QUALIFYING = SessionType.RACE, SessionType.QUALIFYING


def read(
    session_type: SessionType, *pages: Any, season: int = 2024
) -> list[ClassificationRecord | UnreadableClassification]:
    made = [Page(races, rows, NOON) for races, rows in pages]
    return [one for one, _ in read_classifications(made, season, session_type)]


def read_rows(session_type: SessionType, *rows: dict[str, Any]) -> tuple[ResultRecord, ...]:
    [classification] = read(session_type, page_of(session_type, race(1, list(rows))))
    assert isinstance(classification, ClassificationRecord)
    return classification.results


def drivers(results: tuple[ResultRecord, ...]) -> list[str]:
    return [result.driver_id for result in results]


def test_an_entry_of_a_race() -> None:
    row = finish(1, points="26", grid="3")
    assert read_rows(RACE, row) == (
        ResultRecord(
            order=1,
            position=1,
            classification="1",
            driver_id="driver_1",
            driver_number=11,
            driver_code="D01",
            driver_name="Ann Driver 1",
            constructor_id="team_1",
            constructor_name="Team 1",
            grid=3,
            laps=44,
            points=Decimal("26.00"),
            status="Finished",
            time=timedelta(milliseconds=5_000_000),
            gap=None,
        ),
    )


def test_an_entry_of_a_qualifying() -> None:
    assert read_rows(QUALIFYING, lap(2, Q3="")) == (
        ResultRecord(
            order=1,
            position=2,
            classification="2",
            driver_id="driver_2",
            driver_number=12,
            driver_code="D02",
            driver_name="Ann Driver 2",
            constructor_id="team_2",
            constructor_name="Team 2",
            q1=timedelta(minutes=1, seconds=46, milliseconds=2),
            q2=timedelta(minutes=1, seconds=45, milliseconds=2),
            q3=None,
        ),
    )


def test_which_race_it_is() -> None:
    [classification] = read(RACE, page_of(RACE, race(7, [finish(1)])))
    assert classification.race == RaceIdentity(
        season=2024,
        round_number=7,
        name="Grand Prix 7",
        race_date=date(2024, 3, 7),
        country="Belgium",
        location="Spa",
    )
    assert isinstance(classification, ClassificationRecord)
    assert (classification.source, classification.generated_at) == (Source.JOLPICA, NOON)


@pytest.mark.parametrize(
    ("printed", "points"),
    [("12.5", "12.50"), ("0.14", "0.14"), ("1.14", "1.14"), ("4.5", "4.50"), ("0", "0.00")],
)
def test_points_are_exact(printed: str, points: str) -> None:
    [result] = read_rows(RACE, finish(1, points=printed))
    assert str(result.points) == points


def test_a_seventh_of_a_point_is_kept_to_the_hundredth() -> None:
    [result] = read_rows(RACE, finish(1, points="0.142857142857"))
    assert str(result.points) == "0.14"


@pytest.mark.parametrize("nothing", [*MISSING, "-"])
@pytest.mark.parametrize("field", ["points", "grid", "laps", "number"])
def test_missing_numbers_are_none(field: str, nothing: Any) -> None:
    [result, other] = read_rows(RACE, finish(1, **{field: nothing}), finish(2))
    attribute = {"number": "driver_number"}.get(field, field)
    assert getattr(result, attribute) is None
    assert getattr(other, attribute) is not None


def test_a_grid_of_minus_one_is_none_and_zero_is_the_pit_lane() -> None:
    results = read_rows(RACE, finish(1, grid="-1"), finish(2, grid="0"))
    assert [result.grid for result in results] == [None, 0]


@pytest.mark.parametrize("nothing", [*MISSING, "-"])
def test_a_missing_position_is_zero_and_last(nothing: Any) -> None:
    results = read_rows(RACE, finish(1, position=nothing), finish(2))
    assert [(result.order, result.position) for result in results] == [(1, 2), (2, 0)]
    assert drivers(results) == ["driver_2", "driver_1"]


@pytest.mark.parametrize("nothing", MISSING)
def test_missing_texts_are_empty(nothing: Any) -> None:
    row = finish(1, status=nothing)
    row["Driver"] |= {"code": nothing, "familyName": nothing}
    row["Constructor"] |= {"constructorId": nothing, "name": nothing}
    result, other = read_rows(RACE, row, finish(2))
    assert (result.status, result.driver_code, result.driver_name) == ("", "", "Ann")
    assert (result.constructor_id, result.constructor_name) == ("", "")
    assert (other.driver_code, other.constructor_id) == ("D02", "team_2")


@pytest.mark.parametrize("part", ["code", "permanentNumber", "familyName"])
def test_what_no_row_has_is_missing(part: str) -> None:
    row = finish(1)
    del row["Driver"][part]
    [result] = read_rows(RACE, row)
    assert (result.driver_number, result.driver_id) == (11, "driver_1")
    assert result.driver_code == ("" if part == "code" else "D01")


@pytest.mark.parametrize("nothing", MISSING)
def test_the_position_is_printed_where_nothing_else_is(nothing: Any) -> None:
    [result] = read_rows(RACE, finish(1, positionText=nothing))
    assert result.classification == "1"


def test_what_is_printed_is_kept() -> None:
    rows = [finish(number, positionText=text) for number, text in enumerate("1RDWNEF", start=1)]
    assert [result.classification for result in read_rows(RACE, *rows)] == list("1RDWNEF")


def test_cars_on_the_lead_lap_have_a_time_and_a_gap() -> None:
    first, second, third = read_rows(RACE, finish(1), finish(2), finish(3))
    assert (first.time, first.gap) == (timedelta(seconds=5000), None)
    assert (second.time, second.gap) == (timedelta(seconds=5001), timedelta(seconds=1))
    assert (third.time, third.gap) == (timedelta(seconds=5002), timedelta(seconds=2))


@pytest.mark.parametrize("laps", ["43", "", "45"])
def test_lapped_cars_have_neither_time_nor_gap(laps: str) -> None:
    _, second = read_rows(RACE, finish(1), finish(2, laps=laps, status="+1 Lap"))
    assert (second.time, second.gap) == (None, None)


@pytest.mark.parametrize("time", [None, {"millis": "", "time": ""}, {"time": "+5.000"}])
def test_cars_without_milliseconds_have_neither_time_nor_gap(time: Any) -> None:
    row = finish(2, Time=time)
    if time is None:
        del row["Time"]
    _, second = read_rows(RACE, finish(1), row)
    assert (second.time, second.gap) == (None, None)


def test_the_milliseconds_are_right_where_the_printed_time_is_not() -> None:
    """1958, round 8: '2:21' is two hours and 21 minutes."""
    winner = finish(1, Time={"millis": "8475000", "time": "2:21"})
    second = finish(2, Time={"millis": "8684700", "time": "+3:29.700"})
    results = read_rows(RACE, winner, second)
    assert results[0].time == timedelta(hours=2, minutes=21, seconds=15)
    assert results[1].gap == timedelta(minutes=3, seconds=29, milliseconds=700)


def test_a_disqualified_driver_may_have_been_faster_than_the_winner() -> None:
    """2024, Belgium: Russell, 0.526 s ahead of Hamilton."""
    faster = finish(
        20, positionText="D", status="Disqualified", Time={"millis": "4999474", "time": ""}
    )
    winner, last = read_rows(RACE, faster, finish(1))
    assert (winner.driver_id, last.driver_id) == ("driver_1", "driver_20")
    assert (last.time, last.gap) == (timedelta(milliseconds=4_999_474), None)


def test_gaps_are_missing_where_the_winner_has_no_time() -> None:
    _, second = read_rows(RACE, finish(1, Time={"millis": "", "time": ""}), finish(2))
    assert (second.time, second.gap) == (timedelta(seconds=5001), None)


# Pages


def test_the_halves_of_a_race_interleave() -> None:
    """A qualifying is cut by the best of Q1 to Q3: the pole can be on the second page."""
    first = page_of(QUALIFYING, race(1, [lap(2), lap(4), lap(5)]))
    second = page_of(QUALIFYING, race(1, [lap(1), lap(3)]), race(2, [lap(1)]))
    one, two = read(QUALIFYING, first, second)
    assert isinstance(one, ClassificationRecord) and isinstance(two, ClassificationRecord)
    assert drivers(one.results) == [f"driver_{number}" for number in range(1, 6)]
    assert [result.order for result in one.results] == [1, 2, 3, 4, 5]
    assert drivers(two.results) == ["driver_1"]


def test_a_gap_is_to_the_winner_on_another_page() -> None:
    first = page_of(RACE, race(1, [finish(2)]))
    second = page_of(RACE, race(1, [finish(1)]))
    [classification] = read(RACE, first, second)
    assert isinstance(classification, ClassificationRecord)
    assert [result.gap for result in classification.results] == [None, timedelta(seconds=1)]


def test_the_order_of_the_pages_does_not_matter() -> None:
    shared = [finish(1), finish(1, number="30"), finish(3, position="", number="")]
    shared += [finish(4, position="4", number=""), finish(5, position="4", number="")]
    expected = read_rows(RACE, *shared)
    for rows in itertools.permutations(shared):
        pages = [page_of(RACE, race(1, list(half))) for half in (rows[:2], rows[2:])]
        [classification] = read(RACE, *pages)
        assert isinstance(classification, ClassificationRecord)
        assert classification.results == expected


def test_shared_positions_are_in_the_order_of_the_cars() -> None:
    rows = [finish(3, position="2"), finish(1), finish(2), finish(4, position="2", number="")]
    results = read_rows(RACE, *rows)
    assert [(result.order, result.position, result.driver_number) for result in results] == [
        (1, 1, 11),
        (2, 2, 12),
        (3, 2, 13),
        (4, 2, None),
    ]


def test_rounds_come_in_order() -> None:
    pages = [page_of(RACE, race(number, [finish(1)])) for number in (12, 3, 7)]
    assert [one.race.round_number for one in read(RACE, *pages)] == [3, 7, 12]


def test_no_page_is_no_classification() -> None:
    assert read(RACE) == []
    assert read(RACE, page_of(RACE)) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"position": "40000"}, "40000 is out of range"),
        ({"position": "99999"}, "99999 is out of range"),
    ],
)
def test_an_unreadable_race_does_not_take_the_others_along(
    changes: dict[str, str], reason: str
) -> None:
    page = page_of(
        RACE, race(1, [finish(1)]), race(2, [finish(1), finish(2, **changes)]), race(3, [finish(1)])
    )
    one, two, three = read(RACE, page)
    assert isinstance(one, ClassificationRecord) and isinstance(three, ClassificationRecord)
    assert isinstance(two, UnreadableClassification)
    assert (two.race.round_number, two.session_type, two.reason) == (2, RACE, reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"season": "2023"}, "they are of 2023"),
        ({"season": ""}, "they are of -1"),
        ({"raceName": ""}, "the name of a race is missing"),
        ({"date": ""}, "the date of a race is missing"),
    ],
)
def test_an_answer_that_does_not_say_which_race_is_refused_whole(
    changes: dict[str, str], reason: str
) -> None:
    page = page_of(RACE, race(1, [finish(1)]), race(2, [finish(1)], **changes))
    with pytest.raises(BadSourceData) as raised:
        read(RACE, page)
    assert str(raised.value) == f"Jolpica's race results of 2024 cannot be read: {reason}"


# Whatever is missing


@st.composite
def rows_with_gaps(draw: st.DrawFn, session_type: SessionType) -> list[dict[str, Any]]:
    """Rows of which any value may be missing, or be something else."""
    make = lap if session_type is QUALIFYING else finish
    rows = [make(position) for position in range(1, draw(st.integers(1, 4)) + 1)]
    for row in rows:
        for part in (row, row["Driver"], row["Constructor"], row.get("Time", {})):
            for key in draw(st.sets(st.sampled_from(sorted(part)))) if part else ():
                if not isinstance(part[key], dict):
                    spoil(part, key, draw(anything_missing))
    return rows


@pytest.mark.parametrize("session_type", [RACE, QUALIFYING])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_records_of_results_are_plain_whatever_is_missing(
    session_type: SessionType, data: st.DataObject
) -> None:
    key = "Results" if session_type is RACE else "QualifyingResults"
    weekend = {**race(1, []), key: data.draw(rows_with_gaps(session_type))}
    page = page_of(session_type, weekend)
    for classification in read(session_type, page):
        assert_plain(classification)
