"""Documents of Jolpica's newer form to records, value by value."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import BadSourceData, ResultsNotReady
from ingestion.pipeline.sprint_qualifyings import read_sprint_pole
from ingestion.records import ClassificationRecord, RaceIdentity, ResultRecord, Source
from ingestion.sample import newer
from ingestion.sample.ergast import list_drivers
from ingestion.sample.season import load_season
from ingestion.sessions import SessionType
from ingestion.sources import KnownDriver
from ingestion.sources.jolpica.sprint_qualifyings import (
    Round,
    UnknownDriver,
    read_drivers,
    read_rounds,
    read_sprint_qualifying,
)
from tests.plain import anything_missing, assert_plain, spoil

NOON = datetime(2024, 4, 19, 12, tzinfo=UTC)
SEASON = load_season(2024)
ADDRESS = "https://api.jolpi.ca"
ROUNDS = newer.build_rounds({2024: SEASON}, 2024, ADDRESS, NOON)
DOCUMENT = newer.build_classification(
    SEASON, SEASON.grand_prix("china"), "SQ", address=ADDRESS, at=NOON
)
DRIVERS = list_drivers(SEASON, list(SEASON.grands_prix))
CHINA = next(one for one in read_rounds(ROUNDS, 2024) if one.race.name == "Chinese Grand Prix")


def entrant(driver: str, number: int, team: str, **changes: Any) -> ResultRecord:
    known = SEASON.drivers[driver]
    record = ResultRecord(
        order=1,
        position=1,
        classification="1",
        driver_id=driver,
        driver_number=number,
        driver_code=known.code or "",
        driver_name=f"{known.given_name} {known.family_name}",
        constructor_id=team,
        constructor_name=SEASON.constructors[team].name,
    )
    return replace(record, **changes)


KNOWN = [
    entrant(lap.driver, lap.number, lap.constructor) for lap in SEASON.sprint_qualifyings["china"]
]


def read(
    change: Callable[[list[Any]], Any] = lambda _: None,
    *,
    known: Sequence[KnownDriver] = KNOWN,
    generated_at: datetime | None = NOON,
) -> ClassificationRecord:
    document = copy.deepcopy(DOCUMENT)
    change(document["data"]["results"])
    return read_sprint_qualifying(document, CHINA, known, generated_at)


def last_of(change: Callable[[Any], Any]) -> ResultRecord:
    return read(lambda rows: change(rows[-1])).results[-1]


# Rounds


def test_a_round_says_which_race_it_is() -> None:
    assert (
        Round(
            key=newer.build_round_key(SEASON, SEASON.grand_prix("china")),
            race=RaceIdentity(2024, 5, "Chinese Grand Prix", date(2024, 4, 21), "", "Shanghai"),
            has_sprint_qualifying=True,
        )
        == CHINA
    )


def test_las_vegas_is_raced_on_sunday_in_utc() -> None:
    [race] = [one.race for one in read_rounds(ROUNDS, 2024) if one.race.round_number == 22]
    assert (race.name, race.race_date) == ("Las Vegas Grand Prix", date(2024, 11, 24))


def test_which_rounds_have_a_sprint_qualifying() -> None:
    numbers = [
        one.race.round_number for one in read_rounds(ROUNDS, 2024) if one.has_sprint_qualifying
    ]
    assert numbers == [5, 6, 11, 19, 21, 23]


def cancel(told: Any) -> None:
    told["is_cancelled"] = True


def take_number(told: Any) -> None:
    del told["number"]


def take_race(told: Any) -> None:
    told["sessions"].pop()


def cancel_race(told: Any) -> None:
    told["sessions"][-1]["is_cancelled"] = True


def take_start(told: Any) -> None:
    del told["sessions"][-1]["timestamp"]


@pytest.mark.parametrize("change", [cancel, take_number, take_race, cancel_race, take_start])
def test_rounds_that_are_not_held_or_have_no_day_are_left_out(
    change: Callable[[Any], None],
) -> None:
    document = copy.deepcopy(ROUNDS)
    change(document["data"][4])
    numbers = [one.race.round_number for one in read_rounds(document, 2024)]
    assert numbers == [number for number in range(1, 25) if number != 5]


def test_a_year_that_it_does_not_know_has_no_rounds() -> None:
    assert read_rounds(newer.build_rounds({}, 2031, ADDRESS, NOON), 2031) == []


@pytest.mark.parametrize(
    "document", [None, [], {}, {"data": []}, {"metadata": {}, "data": {"0": 1}}]
)
def test_what_is_no_list_of_rounds_is_refused(document: Any) -> None:
    with pytest.raises(BadSourceData, match="Jolpica's newer list of the rounds of 2024 cannot"):
        read_rounds(document, 2024)


# Entries


def test_an_entry_has_the_keys_of_the_older_form() -> None:
    record = read()
    assert (record.race, record.session_type) == (CHINA.race, SessionType.SPRINT_QUALIFYING)
    assert (record.source, record.generated_at) == (Source.JOLPICA_NEWER, NOON)
    assert record.results[0] == ResultRecord(
        order=1,
        position=1,
        classification="1",
        driver_id="norris",
        driver_number=4,
        driver_code="NOR",
        driver_name="Lando Norris",
        constructor_id="mclaren",
        constructor_name="McLaren",
        q1=timedelta(minutes=1, seconds=36, milliseconds=384),
        q2=timedelta(minutes=1, seconds=36, milliseconds=47),
        q3=timedelta(minutes=1, seconds=57, milliseconds=940),
    )
    assert_plain(record)


def test_who_went_out_early_has_no_later_times() -> None:
    assert [one.q3 is None for one in read().results] == [False] * 10 + [True] * 10
    assert [one.q2 is None for one in read().results] == [False] * 15 + [True] * 5


@pytest.mark.parametrize(
    ("printed", "milliseconds"),
    [("97.940", 97_940), ("1:42.003", 102_003), ("5:00.000", 300_000), ("1:36.4", 96_400)],
)
def test_laps_are_read_as_printed(printed: str, milliseconds: int) -> None:
    row = last_of(lambda row: row["components"]["SQ1"].update(time=printed))
    assert row.q1 == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize(
    "printed", ["1:36", "fast", "1:36.384.1", "PT1M36.384S", 96, "57.940", "12:00.000"]
)
def test_what_is_no_lap_is_missing(printed: Any) -> None:
    row = last_of(lambda row: row["components"]["SQ1"].update(time=printed))
    assert row.q1 is None


@pytest.mark.parametrize(
    ("status", "letter"),
    [("DISQUALIFIED", "D"), ("DID_NOT_START", "W"), ("DID_NOT_QUALIFY", "N"), (None, "N")],
)
def test_who_is_not_classified_keeps_the_place(status: str | None, letter: str) -> None:
    row = last_of(lambda row: row.update(is_classified=False, position_text="NC", status=status))
    assert (row.position, row.classification) == (20, letter)


def test_a_place_that_is_missing_is_that_of_the_part_before() -> None:
    """A lap that counted no more puts a driver back, and the line in the next part stays."""

    def put_back(rows: list[Any]) -> None:
        row = rows[10]
        del row["position"], row["components"]["SQ2"]["position"]
        row["components"]["SQ1"]["position"] = 11

    assert read(put_back).results[10].position == 11


def test_who_has_no_place_at_all_comes_last() -> None:
    def take_place(rows: list[Any]) -> None:
        del rows[15]["position"], rows[15]["components"]["SQ1"]["position"]

    last = read(take_place).results[-1]
    assert (last.order, last.position, last.driver_id) == (20, 0, "gasly")


def test_entries_come_in_the_order_of_their_places() -> None:
    assert read(lambda rows: rows.reverse()) == read()


# Drivers and teams


def known_but(driver: str, *others: ResultRecord) -> list[ResultRecord]:
    return [*(one for one in KNOWN if one.driver_id != driver), *others]


def test_a_reserve_driver_is_known_by_name_in_any_car() -> None:
    known = known_but("norris", entrant("norris", 99, "ferrari"))
    first = read(known=known).results[0]
    assert (first.driver_id, first.driver_number, first.constructor_id) == ("norris", 4, "mclaren")


def test_a_renamed_driver_is_known_by_number_and_code() -> None:
    known = known_but("norris", entrant("norris", 4, "mclaren", driver_name="L. Norris"))
    assert read(known=known).results[0].driver_id == "norris"


def test_a_car_without_a_number_is_the_drivers_own() -> None:
    assert last_of(lambda row: row.pop("car_number")).driver_number == 2


@pytest.mark.parametrize(
    "stranger",
    [
        {"driver_name": "L. Norris", "driver_number": 5},
        {"driver_name": "L. Norris", "driver_code": "NOX"},
    ],
    ids=["another number", "another code"],
)
def test_half_of_it_is_not_enough(stranger: dict[str, Any]) -> None:
    known = known_but("norris", entrant("norris", 4, "mclaren", **stranger))
    with pytest.raises(BadSourceData) as raised:
        read(known=known)
    assert str(raised.value) == (
        "Jolpica's sprint qualifying of the 2024 Chinese Grand Prix cannot be read: "
        "Lando Norris in car 4 is no driver that the season knows yet"
    )


def test_a_list_of_drivers_tells_who_is_new_and_their_team_is_the_seasons() -> None:
    listed = read_drivers(DRIVERS)
    told = read(known=[*known_but("zhou"), *listed])
    zhou = next(row for row in told.results if row.driver_id == "zhou")
    assert (zhou.driver_code, zhou.driver_name) == ("ZHO", "Guanyu Zhou")
    assert (zhou.constructor_id, zhou.driver_number) == ("sauber", 24)


def test_a_list_of_drivers_knows_no_team() -> None:
    with pytest.raises(UnknownDriver, match="no team that the season knows yet"):
        read(known=read_drivers(DRIVERS))


@pytest.mark.parametrize("spoilt", [[{}], [{"driverId": "x", "givenName": "X"}], [None], None])
def test_what_is_no_list_of_drivers_is_refused(spoilt: Any) -> None:
    with pytest.raises(BadSourceData, match="list of drivers cannot be read"):
        read_drivers(spoilt)


def test_two_of_one_name_are_told_apart_by_their_cars() -> None:
    other = entrant("norris", 40, "haas", driver_id="norris_senior", driver_code="NOS")
    assert read(known=[*KNOWN, other]).results[0].driver_id == "norris"


def test_two_whom_nothing_tells_apart_are_neither() -> None:
    other = entrant("norris", 4, "mclaren", driver_id="norris_senior")
    with pytest.raises(BadSourceData, match="no driver that the season knows"):
        read(known=[*KNOWN, other])


def test_nobody_is_known_before_a_seasons_first_session() -> None:
    with pytest.raises(BadSourceData, match="Lando Norris in car 4 is no driver"):
        read(known=[])


# Ages


@pytest.mark.parametrize(
    ("by_headers", "older"),
    [
        (None, NOON),
        (NOON - timedelta(minutes=5), NOON - timedelta(minutes=5)),
        (NOON + timedelta(minutes=5), NOON),
    ],
)
def test_the_document_says_itself_when_it_was_made(
    by_headers: datetime | None, older: datetime
) -> None:
    assert read(generated_at=by_headers).generated_at == older


def test_an_age_that_nobody_tells_is_none() -> None:
    document = {**DOCUMENT, "metadata": {}}
    assert read_sprint_qualifying(document, CHINA, KNOWN, None).generated_at is None


# Parts that are not in yet


@pytest.mark.parametrize("part", ["SQ1", "SQ2", "SQ3"])
def test_a_part_in_which_nobody_has_a_place_is_not_in_yet(part: str) -> None:
    def take(rows: list[Any]) -> None:
        for row in rows:
            row["components"].get(part, {}).pop("position", None)

    with pytest.raises(ResultsNotReady, match=f"^{part} is missing still$"):
        read(take)


def test_a_part_that_was_not_held_is_not_missed() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["data"]["sessions"][2]["is_cancelled"] = True
    for row in document["data"]["results"]:
        row["components"].pop("SQ3", None)
    record = read_sprint_qualifying(document, CHINA, KNOWN, NOON)
    assert all(one.q3 is None for one in record.results)


# Whatever is missing


PATHS: list[tuple[str, ...]] = [
    (),
    ("driver",),
    ("team",),
    ("components",),
    ("components", "SQ1"),
]


@given(path=st.sampled_from(PATHS), value=anything_missing, data=st.data())
def test_a_spoilt_value_is_refused_or_read_as_none(
    path: tuple[str, ...], value: Any, data: st.DataObject
) -> None:
    document = copy.deepcopy(DOCUMENT)
    part = document["data"]["results"][-1]
    for key in path:
        part = part[key]
    spoil(part, data.draw(st.sampled_from(sorted(part))), value)
    try:
        record = read_sprint_qualifying(document, CHINA, KNOWN, NOON)
    except (BadSourceData, ResultsNotReady):
        return
    assert_plain(record)


# The pole by the grid


def sprint(*grids: int | None) -> ClassificationRecord:
    results = tuple(
        replace(
            entrant(lap.driver, lap.number, lap.constructor),
            order=order,
            position=order,
            grid=grid,
            laps=19,
            points=Decimal(8),
            status="Finished",
        )
        for order, (lap, grid) in enumerate(
            zip(SEASON.sprint_qualifyings["china"], grids, strict=False), start=1
        )
    )
    return ClassificationRecord(CHINA.race, SessionType.SPRINT, Source.JOLPICA, NOON, results)


def test_slot_1_of_a_sprint_shows_the_pole() -> None:
    pole = read_sprint_pole(sprint(2, 3, 1, 0))
    assert pole is not None
    assert (pole.session_type, pole.source) == (SessionType.SPRINT_QUALIFYING, Source.SPRINT_GRID)
    assert (pole.race, pole.generated_at, pole.is_provisional) == (CHINA.race, NOON, True)
    assert pole.results == (entrant("alonso", 14, "aston_martin"),)


@pytest.mark.parametrize("grids", [(), (2, 3), (0, 0), (None, None), (1, 1)])
def test_a_grid_that_is_not_clear_shows_none(grids: tuple[int | None, ...]) -> None:
    assert read_sprint_pole(sprint(*grids)) is None
