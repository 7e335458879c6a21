import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingestion.sample import newer
from ingestion.sample.ergast import (
    Page,
    Query,
    build_document,
    print_clock,
    print_gap,
    read_page,
    read_query,
)
from ingestion.sample.schedule_file import build_schedule, build_schedule_file
from ingestion.sample.season import (
    TABLES,
    Finish,
    Season,
    load_season,
    with_finishes,
    with_start,
    without_results,
)
from ingestion.sample.upstream import LOOPBACK, StandInUpstream
from tests.upstream import SHARED, needs_shared

PODIUMS = {
    "bahrain": "VER PER SAI",
    "saudi-arabia": "VER PER LEC",
    "australia": "SAI LEC NOR",
    "japan": "VER PER SAI",
    "china": "VER NOR PER",
    "miami": "NOR VER LEC",
    "emilia-romagna": "VER NOR LEC",
    "monaco": "LEC PIA SAI",
    "canada": "VER NOR RUS",
    "spain": "VER NOR HAM",
    "austria": "RUS PIA SAI",
    "great-britain": "HAM VER NOR",
    "hungary": "PIA NOR HAM",
    "belgium": "HAM PIA LEC",
    "netherlands": "NOR VER LEC",
    "italy": "LEC PIA NOR",
    "azerbaijan": "PIA LEC RUS",
    "singapore": "NOR VER PIA",
    "united-states": "LEC SAI VER",
    "mexico": "SAI NOR LEC",
    "sao-paulo": "VER OCO GAS",
    "las-vegas": "RUS HAM SAI",
    "qatar": "VER LEC PIA",
    "abu-dhabi": "NOR SAI LEC",
}
POLES = (
    "VER VER VER VER VER VER VER LEC RUS NOR VER RUS "
    "NOR VER NOR NOR LEC NOR NOR SAI NOR RUS VER NOR"
)
SPRINT_PODIUMS = {
    "china": "VER HAM PER",
    "miami": "VER LEC PER",
    "austria": "VER PIA NOR",
    "united-states": "VER SAI NOR",
    "sao-paulo": "NOR PIA LEC",
    "qatar": "PIA NOR RUS",
}
SPRINT_POLES = "NOR VER VER VER PIA NOR"
RACE_POINTS = [25, 18, 15, 12, 10, 8, 6, 4, 2, 1]
SPRINT_POINTS = [8, 7, 6, 5, 4, 3, 2, 1]


@pytest.fixture(scope="module")
def season() -> Season:
    return load_season(2024)


@pytest.fixture
def started(season: Season) -> Iterator[StandInUpstream]:
    with StandInUpstream({2024: season}) as upstream:
        yield upstream


@pytest.fixture
def ergast(started: StandInUpstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import fastf1
    import fastf1.ergast.interface
    import fastf1.events
    from fastf1 import req

    monkeypatch.setattr(fastf1.events, "_SCHEDULE_BASE_URL", started.schedule_url)
    monkeypatch.setattr(fastf1.ergast.interface, "BASE_URL", started.jolpica_url)
    # Its quarter second between requests is for real servers; these all go to loopback.
    monkeypatch.setattr(req._SessionWithRateLimiting, "_RATE_LIMITS", {})
    monkeypatch.setenv("NO_PROXY", LOOPBACK)
    logging.getLogger("fastf1").setLevel(logging.ERROR)
    with fastf1.Cache.disabled():
        yield fastf1.ergast.Ergast(limit=100)


def codes(season: Season, rows: Any, count: int = 3) -> str:
    ordered = sorted(rows, key=lambda row: row.order)[:count]
    return " ".join(str(season.drivers[row.driver].code) for row in ordered)


def page_of(season: Season, endpoint: str, limit: int = 100, offset: int = 0) -> Any:
    query = Query(2024, None, endpoint)
    return build_document(season, query, Page(limit, offset), "http://x")["MRData"]


def races_of(season: Season, endpoint: str, limit: int = 100, offset: int = 0) -> Any:
    return page_of(season, endpoint, limit, offset)["RaceTable"]["Races"]


# The facts


def test_the_tables_are_small() -> None:
    sizes = [table.stat().st_size for table in TABLES.glob("season_2024/*.csv")]
    assert sum(sizes) < 100_000


def test_the_season_has_every_session(season: Season) -> None:
    formats = [grand_prix.format for grand_prix in season.grands_prix]
    assert [grand_prix.round for grand_prix in season.grands_prix] == list(range(1, 25))
    assert formats.count("conventional") == 18
    assert formats.count("sprint_qualifying") == 6
    assert all(len(grand_prix.sessions) == 5 for grand_prix in season.grands_prix)
    assert [len(testing.sessions) for testing in season.testing] == [3]


@pytest.mark.parametrize(
    ("table", "sessions", "rows"),
    [
        ("races", 24, 479),
        ("qualifyings", 24, 478),
        ("sprints", 6, 120),
        ("sprint_qualifyings", 6, 120),
    ],
)
def test_the_classifications_are_complete(
    season: Season, table: str, sessions: int, rows: int
) -> None:
    classifications = getattr(season, table)
    assert len(classifications) == sessions
    assert sum(len(rows) for rows in classifications.values()) == rows
    for entries in classifications.values():
        assert [entry.order for entry in entries] == list(range(1, len(entries) + 1))
        assert len({entry.driver for entry in entries}) == len(entries)
        assert len({entry.number for entry in entries}) == len(entries)


def test_podiums_and_poles(season: Season) -> None:
    weekends = [grand_prix.id for grand_prix in season.grands_prix]
    sprints = list(season.sprints)
    assert {key: codes(season, season.races[key]) for key in weekends} == PODIUMS
    assert {key: codes(season, season.sprints[key]) for key in sprints} == SPRINT_PODIUMS
    poles = [codes(season, season.qualifyings[key], 1) for key in weekends]
    sprint_poles = [codes(season, season.sprint_qualifyings[key], 1) for key in sprints]
    assert " ".join(poles) == POLES
    assert " ".join(sprint_poles) == SPRINT_POLES


def test_points_follow_the_order(season: Season) -> None:
    for finishes in season.races.values():
        points = [Decimal(finish.points) for finish in finishes]
        extra = [mine - due for mine, due in zip(points, RACE_POINTS, strict=False)]
        # The quickest lap earned one more, for a driver in the first ten.
        assert sorted(extra)[:9] == [0] * 9 and sum(extra) in (0, 1)
        assert not any(points[10:])
    for finishes in season.sprints.values():
        points = [Decimal(finish.points) for finish in finishes]
        assert points[:8] == SPRINT_POINTS and not any(points[8:])


def test_the_champion_has_437_points(season: Season) -> None:
    finishes = [
        finish
        for table in (season.races, season.sprints)
        for rows in table.values()
        for finish in rows
        if finish.driver == "max_verstappen"
    ]
    assert sum(Decimal(finish.points) for finish in finishes) == 437


def test_times_follow_the_order(season: Season) -> None:
    for finishes in [*season.races.values(), *season.sprints.values()]:
        timed = [f.milliseconds for f in finishes if f.classification.isdigit() and f.milliseconds]
        assert timed == sorted(timed)
        assert len(timed) >= 5


def test_sao_paulo_qualified_on_sunday_morning(season: Season) -> None:
    start = season.grand_prix("sao-paulo").starts_at("Qualifying")
    assert start == datetime(2024, 11, 3, 10, 30, tzinfo=UTC)
    assert start.strftime("%A") == "Sunday"


def test_las_vegas_qualified_on_a_friday_night_that_is_saturday_in_utc(season: Season) -> None:
    las_vegas = season.grand_prix("las-vegas")
    start = las_vegas.starts_at("Qualifying")
    assert start == datetime(2024, 11, 23, 6, tzinfo=UTC)
    assert start.strftime("%A") == "Saturday"
    assert (start + las_vegas.utc_offset).strftime("%A") == "Friday"


def test_the_pole_is_not_always_the_first_on_the_grid(season: Season) -> None:
    differing = [
        key
        for key, finishes in season.races.items()
        if season.qualifyings[key][0].driver
        != next(finish.driver for finish in finishes if finish.grid == 1)
    ]
    assert differing == ["belgium", "qatar"]


def test_belgium_has_its_quickest_car_disqualified(season: Season) -> None:
    hamilton, *_, russell = season.races["belgium"]
    assert (russell.driver, russell.classification, russell.status) == (
        "russell",
        "D",
        "Disqualified",
    )
    assert russell.milliseconds and hamilton.milliseconds
    assert hamilton.milliseconds - russell.milliseconds == 526


def test_statuses_and_classifications(season: Season) -> None:
    finishes = [
        finish
        for table in (season.races, season.sprints)
        for rows in table.values()
        for finish in rows
    ]
    kinds = {(f.status, "n" if f.classification.isdigit() else f.classification) for f in finishes}
    assert kinds == {
        ("Finished", "n"),
        ("Lapped", "n"),
        ("Retired", "n"),
        ("Retired", "R"),
        ("Did not start", "W"),
        ("Disqualified", "D"),
    }
    assert sum(finish.classification == "D" for finish in finishes) == 2
    assert sum(finish.classification == "W" for finish in finishes) == 3


def test_a_changed_season_leaves_the_first_as_it_is(season: Season) -> None:
    moved = with_start(season, "monaco", "Race", None)
    emptied = with_finishes(moved, "races", "monaco", ())
    assert emptied.grand_prix("monaco").starts_at("Race") is None
    assert emptied.races["monaco"] == () and len(emptied.races) == 24
    assert season.grand_prix("monaco").starts_at("Race") is not None
    assert len(season.races["monaco"]) == 20
    assert page_of(without_results(season), "results")["total"] == "0"


# The schedule file


def test_the_schedule_file_has_testing_as_round_zero(season: Season) -> None:
    document = build_schedule(season)
    assert document["round_number"]["0"] == 0
    assert document["event_format"]["0"] == "testing"
    assert document["session4"]["0"] is None
    assert {len(column) for column in document.values()} == {25}


def test_the_schedule_file_prints_local_times(season: Season) -> None:
    document = build_schedule(season)
    assert document["event_name"]["21"] == "São Paulo Grand Prix"
    assert document["gmt_offset"]["21"] == "-03:00"
    assert document["session4_date"]["21"] == "2024-11-03T07:30:00"
    assert document["event_date"]["22"] == "2024-11-23T23:59:59"


def test_an_unknown_time_is_empty_in_the_schedule_file(season: Season) -> None:
    document = build_schedule(with_start(season, "china", "Sprint", None))
    assert (document["session3"]["5"], document["session3_date"]["5"]) == ("Sprint", "")


@needs_shared
def test_the_schedule_file_is_the_published_one_byte_for_byte(season: Season) -> None:
    *_, last = sorted((SHARED / "schedules" / "2024").glob("*.json"))
    assert build_schedule_file(season) == last.read_bytes()


# Jolpica's documents


def test_jolpica_prints_the_winners_time_and_gaps(season: Season) -> None:
    belgium = next(
        race for race in races_of(season, "results", offset=200) if race["round"] == "14"
    )
    times = [row.get("Time", {}).get("time") for row in belgium["Results"]]
    assert belgium["raceName"] == "Belgian Grand Prix"
    assert times[:3] == ["1:19:57.566", "+0.647", "+8.023"]
    assert times[-2:] == [None, ""]
    assert belgium["Results"][-1]["positionText"] == "D"


@pytest.mark.parametrize(
    ("milliseconds", "printed"),
    [(0, "0.000"), (59_123, "59.123"), (71_365, "1:11.365"), (3_600_001, "1:00:00.001")],
)
def test_clocks_are_printed_without_leading_zeros(milliseconds: int, printed: str) -> None:
    assert print_clock(milliseconds) == printed


def test_who_was_quicker_than_the_winner_has_no_gap() -> None:
    assert print_gap(999, 1000) == ""


def test_jolpica_tells_permanent_numbers_from_the_cars(season: Season) -> None:
    first = races_of(season, "results")[0]["Results"][0]
    assert (first["number"], first["Driver"]["permanentNumber"]) == ("1", "33")
    assert first["Driver"]["givenName"] == "Max"
    names = {
        f"{row['Driver']['givenName']} {row['Driver']['familyName']}"
        for race in races_of(season, "results")
        for row in race["Results"]
    }
    assert {"Sergio Pérez", "Carlos Sainz", "Guanyu Zhou", "Nico Hülkenberg"} <= names


def test_jolpica_prints_every_session_of_a_sprint_weekend(season: Season) -> None:
    china = races_of(season, "races")[4]
    assert (china["date"], china["time"]) == ("2024-04-21", "07:00:00Z")
    assert china["SprintQualifying"] == {"date": "2024-04-19", "time": "07:30:00Z"}
    assert china["Sprint"] == {"date": "2024-04-20", "time": "03:00:00Z"}
    assert "SecondPractice" not in china and "SprintShootout" not in china


def test_jolpica_knew_less_of_older_calendars(season: Season) -> None:
    def first_of(year: int) -> Any:
        document = build_document(
            replace(season, year=year), Query(year, "1", "races"), Page(), "http://x"
        )
        return document["MRData"]["RaceTable"]["Races"][0]

    assert first_of(2021)["Qualifying"] == {"date": "2024-03-01"}
    assert "Qualifying" not in first_of(2005) and "time" in first_of(2005)
    assert "time" not in first_of(2004) and "date" in first_of(2004)


def test_jolpicas_calendar_can_differ_from_the_files(season: Season) -> None:
    monaco = replace(season.grand_prix("monaco"), round=9)
    changed = replace(season, jolpica_calendar=(monaco,))
    [race] = races_of(changed, "results")
    assert (race["round"], race["raceName"], len(race["Results"])) == ("9", "Monaco Grand Prix", 20)
    assert build_schedule(changed) == build_schedule(season)


def test_pages_cut_races(season: Season) -> None:
    pages = [races_of(season, "results", offset=offset) for offset in range(0, 500, 100)]
    counts = [[(int(race["round"]), len(race["Results"])) for race in page] for page in pages]
    assert counts[0][-1] == (6, 1) and counts[1][0] == (6, 19)
    assert [sum(rows for _, rows in page) for page in counts] == [100, 100, 100, 100, 79]


def test_the_halves_of_a_cut_qualifying_interleave(season: Season) -> None:
    first = races_of(season, "qualifying", offset=200)[-1]["QualifyingResults"]
    second = races_of(season, "qualifying", offset=300)[0]["QualifyingResults"]
    assert [row["position"] for row in first] == ["1", "6"]
    assert [row["position"] for row in second[:5]] == ["2", "3", "4", "5", "7"]
    assert len(first) + len(second) == 20


def test_a_qualifying_row_has_the_parts_the_driver_reached(season: Season) -> None:
    document = build_document(season, Query(2024, "2", "qualifying"), Page(), "http://x")
    rows = document["MRData"]["RaceTable"]["Races"][0]["QualifyingResults"]
    parts = [[part for part in ("Q1", "Q2", "Q3") if part in row] for row in rows]
    assert [len(keys) for keys in parts] == [3] * 10 + [2] * 5 + [1] * 5
    assert (rows[14]["Q2"], rows[19]["Q1"]) == ("", "")


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, Page(30, 0)),
        ({"limit": "100", "offset": "200"}, Page(100, 200)),
        ({"limit": "1000"}, Page(100, 0)),
        ({"limit": "0", "offset": "-1"}, Page(30, 0)),
        ({"limit": "many"}, Page(30, 0)),
    ],
)
def test_limits_are_read_as_the_server_reads_them(query: dict[str, str], page: Page) -> None:
    assert read_page(query) == page


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/ergast/f1/2024/results.json", Query(2024, None, "results")),
        ("/ergast/f1/2024/4/sprint.json", Query(2024, "4", "sprint")),
        ("/ergast/f1/2024.json", Query(2024, None, "races")),
        ("/ergast/f1/2024/qualifying/", Query(2024, None, "qualifying")),
        ("/ergast/f1/99/results.json", None),
        ("/ergast/f1/abcd/results.json", None),
        ("/ergast/f1/2024/100/results.json", None),
        ("/ergast/f1/2024/results", None),
        ("/ergast/f1/2024/laps.json", None),
    ],
)
def test_paths_are_understood(path: str, query: Query | None) -> None:
    assert read_query(path) == query


@needs_shared
@pytest.mark.parametrize("name", ["empty_results", "bad_season"])
def test_empty_answers_are_the_recorded_ones(season: Season, name: str) -> None:
    recorded = json.loads((SHARED / "jolpica" / f"{name}.json").read_bytes())
    url = recorded["MRData"]["url"]
    query = read_query(url.removeprefix("https://api.jolpi.ca"))
    assert query is not None
    empty = without_results(season) if query.year == 2025 else None
    assert build_document(empty, query, Page(100), url) == recorded


@needs_shared
@pytest.mark.parametrize("endpoint", ["races", "results", "qualifying", "sprint"])
def test_documents_have_the_recorded_shape(season: Season, endpoint: str) -> None:
    pages = sorted((SHARED / "jolpica" / "2023").glob(f"{endpoint}_*.json"))
    real: dict[str, set[str]] = {}
    for page in pages:
        note_shape(json.loads(page.read_bytes()), "", real)
    ours: dict[str, set[str]] = {}
    for offset in range(0, 500, 100):
        note_shape({"MRData": page_of(season, endpoint, offset=offset)}, "", ours)
    # The facts have no quickest laps, and 2024's sprint weekend names its qualifying anew.
    unknown = {path for path in real if "FastestLap" in path or "SprintShootout" in path}
    new = {path for path in ours if "SprintQualifying" in path}
    assert {path: ours[path] for path in ours if path not in new} == {
        path: real[path] for path in real if path not in unknown
    }


@needs_shared
@pytest.mark.parametrize("endpoint", ["races", "results", "qualifying", "sprint"])
def test_keys_come_in_the_recorded_order(season: Season, endpoint: str) -> None:
    recorded = json.loads((SHARED / "jolpica" / "2023" / f"{endpoint}_0.json").read_bytes())
    [theirs, *_] = recorded["MRData"]["RaceTable"]["Races"]
    [ours, *_] = races_of(season, endpoint)
    assert list(page_of(season, endpoint)) == list(recorded["MRData"])
    assert list(ours) == [key for key in theirs if key in ours]
    for rows in ("Results", "QualifyingResults", "SprintResults"):
        if rows in ours:
            assert list(ours[rows][0]) == [key for key in theirs[rows][0] if key != "FastestLap"]


def note_shape(value: Any, path: str, shapes: dict[str, set[str]]) -> None:
    """Each path through a document, with the types found there."""
    shapes.setdefault(path, set()).add(type(value).__name__)
    if isinstance(value, dict):
        for key, inner in value.items():
            note_shape(inner, f"{path}.{key}", shapes)
    if isinstance(value, list):
        for inner in value:
            note_shape(inner, f"{path}[]", shapes)


# Jolpica's newer form


NOON = datetime(2024, 7, 28, 12, 0, 5, 250000, tzinfo=UTC)
ADDRESS = "https://api.jolpi.ca"
QUALIFYING_TYPES = ["Q1", "Q2", "Q3"]


def rounds_of(season: Season) -> Any:
    return newer.build_rounds({2024: season}, 2024, ADDRESS, NOON)


def sprint_qualifying_of(season: Season, key: str) -> Any:
    weekend = season.grand_prix(key)
    return newer.build_classification(season, weekend, "SQ", address=ADDRESS, at=NOON)["data"]


def types_of(weekend: Any) -> list[str]:
    return [session["type"] for session in weekend["sessions"]]


def test_the_newer_form_lists_a_years_rounds_on_one_page(season: Season) -> None:
    document = rounds_of(season)
    assert document["metadata"] == {
        "timestamp": "2024-07-28T12:00:05.250000Z",
        "count": 24,
        "page_size": 100,
        "current_page": 1,
        "total_pages": 1,
    }
    assert [one["number"] for one in document["data"]] == list(range(1, 25))
    assert len({one["id"] for one in document["data"]}) == 24
    assert {one["season"]["year"] for one in document["data"]} == {2024}


def test_each_part_of_a_qualifying_is_a_session_of_its_own(season: Season) -> None:
    bahrain, *_, china = rounds_of(season)["data"][:5]
    assert types_of(bahrain) == ["FP1", "FP2", "FP3", *QUALIFYING_TYPES, "R"]
    assert types_of(china) == ["FP1", "SQ1", "SQ2", "SQ3", "SR", *QUALIFYING_TYPES, "R"]
    assert [session["number"] for session in china["sessions"]] == list(range(1, 10))
    assert {key: china["sessions"][1][key] for key in ("type_display", "timestamp")} == {
        "type_display": "Sprint Qualifying One",
        "timestamp": "2024-04-19T07:30:00Z",
    }
    assert china["sessions"][1]["local_timestamp"] == "2024-04-19 15:30:00+08:00"


def test_a_start_that_nobody_knows_is_left_out(season: Season) -> None:
    china = rounds_of(with_start(season, "china", "Race", None))["data"][4]
    assert "timestamp" not in china["sessions"][-1]
    assert china["sessions"][-1]["has_time_data"] is False


def test_keys_of_the_newer_form_are_steady_and_mean_nothing(season: Season) -> None:
    key = newer.build_round_key(season, season.grand_prix("china"))
    assert re.fullmatch(r"round_[0-9A-Za-z]{8}", key)
    renumbered = replace(season.grand_prix("china"), round=7)
    assert newer.build_round_key(season, renumbered) == key
    assert newer.find_weekend({2024: season}, key) == (season, season.grand_prix("china"))
    assert newer.find_weekend({2024: season}, "round_00000000") is None


def test_a_sprint_qualifying_has_the_parts_that_each_driver_reached(season: Season) -> None:
    data = sprint_qualifying_of(season, "china")
    assert (data["code"], data["component_keys"]) == ("SQ", ["SQ1", "SQ2", "SQ3"])
    assert [session["type"] for session in data["sessions"]] == ["SQ1", "SQ2", "SQ3"]
    assert [row["position"] for row in data["results"]] == list(range(1, 21))
    assert [len(row["components"]) for row in data["results"]] == [3] * 10 + [2] * 5 + [1] * 5
    first = data["results"][0]
    assert (first["driver"]["abbreviation"], first["car_number"]) == ("NOR", 4)
    assert (first["position_text"], first["is_classified"]) == ("1", True)
    assert first["time"] == first["components"]["SQ3"]["time"] == "1:57.940"
    assert first["components"]["SQ1"] == {
        "key": "SQ1",
        "name": "Sprint Qualifying 1",
        "position": 2,
        "time": "1:36.384",
    }


def test_the_place_in_the_last_part_is_the_one_that_counts(season: Season) -> None:
    for key in season.sprint_qualifyings:
        for row in sprint_qualifying_of(season, key)["results"]:
            last = row["components"][max(row["components"])]
            assert last["position"] == row["position"]


def test_who_set_no_time_in_the_newer_form_has_none(season: Season) -> None:
    laps = season.sprint_qualifyings["china"]
    slow = replace(laps[-1], q1=None, classification="N")
    changed = replace(season, sprint_qualifyings={"china": (*laps[:-1], slow)})
    row = sprint_qualifying_of(changed, "china")["results"][-1]
    assert (row["position"], row["position_text"], row["is_classified"]) == (20, "NC", False)
    assert "time" not in row and row["components"] == {
        "SQ1": {"key": "SQ1", "name": "Sprint Qualifying 1", "position": 20}
    }


def test_a_sprint_shootout_is_a_sprint_qualifying_too(season: Season) -> None:
    china = season.grand_prix("china")
    sessions = tuple(
        replace(one, name=one.name.replace("Sprint Qualifying", "Sprint Shootout"))
        for one in china.sessions
    )
    assert newer.list_parts(replace(china, sessions=sessions), "SQ")
    assert not newer.list_parts(season.grand_prix("bahrain"), "SQ")


# Over the socket, to the real FastF1


def test_fastf1_reads_the_schedule(ergast: Any) -> None:
    import fastf1

    schedule = fastf1.get_event_schedule(2024, backend="fastf1")
    sao_paulo = schedule.get_event_by_round(21)
    assert len(schedule) == 25
    assert sao_paulo["EventFormat"] == "sprint_qualifying"
    assert sao_paulo["Session4"] == "Qualifying"
    assert sao_paulo["Session4DateUtc"].isoformat() == "2024-11-03T10:30:00"


@pytest.mark.parametrize(
    ("method", "total", "requests"),
    [
        ("get_race_results", 479, 5),
        ("get_qualifying_results", 478, 5),
        ("get_sprint_results", 120, 2),
    ],
)
def test_fastf1_reads_a_season_page_by_page(
    ergast: Any, started: StandInUpstream, method: str, total: int, requests: int
) -> None:
    page = getattr(ergast, method)(season=2024)
    rows = sum(len(frame) for frame in page.content)
    while rows < page.total_results:
        page = page.get_next_result_page()
        rows += sum(len(frame) for frame in page.content)
    assert (page.total_results, rows) == (total, total)
    assert len(started.requests) == requests


def test_fastf1_reads_one_round(ergast: Any, started: StandInUpstream) -> None:
    [belgium] = ergast.get_race_results(season=2024, round=14).content
    assert list(belgium["driverId"])[:3] == ["hamilton", "piastri", "leclerc"]
    assert belgium["totalRaceTime"][0] == timedelta(hours=1, minutes=19, seconds=57.566)
    assert list(belgium["driverNumber"])[3] == 33
    assert list(belgium["number"])[3] == 1
    assert started.requests[0].target == "/ergast/f1/2024/14/results.json?limit=100"


def test_fastf1_reads_the_other_calendar(ergast: Any) -> None:
    calendar = ergast.get_race_schedule(season=2024, result_type="raw")
    assert len(calendar) == 24
    assert calendar[20]["SprintQualifying"] == {"date": "2024-11-01", "time": "18:30:00Z"}


def test_fastf1_reads_the_drivers(ergast: Any, started: StandInUpstream) -> None:
    """Who has taken part by now, in a sprint qualifying alone too, as Lawson in Austin 2024."""
    told = ergast.get_driver_info(2024, limit=100)
    assert len(told) == told.total_results == 24
    austin = replace(
        started.seasons[2024],
        races={},
        qualifyings={},
        sprints={},
        sprint_qualifyings={
            "united-states": started.seasons[2024].sprint_qualifyings["united-states"]
        },
    )
    started.seasons[2024] = austin
    assert "lawson" in list(ergast.get_driver_info(2024, limit=100)["driverId"])


def test_fastf1_finds_nothing_where_there_is_nothing(ergast: Any) -> None:
    assert ergast.get_race_results(season=2030).total_results == 0
    assert ergast.get_race_results(season=2024, round=99).content == []


def test_an_amended_classification_is_served_at_once(
    ergast: Any, started: StandInUpstream, season: Season
) -> None:
    def put_russell_first(finishes: tuple[Finish, ...]) -> tuple[Finish, ...]:
        *others, russell = finishes
        ordered = [replace(russell, classification="1", status="Finished", points="25"), *others]
        return tuple(replace(finish, order=order) for order, finish in enumerate(ordered, start=1))

    before = ergast.get_race_results(season=2024, round=14).content[0]
    started.seasons[2024] = with_finishes(
        season, "races", "belgium", put_russell_first(season.races["belgium"])
    )
    after = ergast.get_race_results(season=2024, round=14).content[0]
    assert (before["driverId"][0], after["driverId"][0]) == ("hamilton", "russell")
    assert after["totalRaceTime"][1] == timedelta(seconds=0.526)
