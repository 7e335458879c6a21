"""Seasons as the real Jolpica printed them, through the whole pipeline: what is in the database
afterwards is what the pages say, by a reading of the pages that shares no code with ours."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion.models import Change, Driver, Event, IngestRun, RequestBlock, Result
from ingestion.pipeline import IngestRequest, Mode, SourceConfig, ingest
from ingestion.report import RunReport
from tests.shortened import shortened
from tests.upstream import SHARED, FaultyUpstream, needs_shared

pytestmark = [
    pytest.mark.once,
    needs_shared,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fastf1_restored"),
]

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
ROWS = {
    "results": ("race", "Results"),
    "qualifying": ("qualifying", "QualifyingResults"),
    "sprint": ("sprint", "SprintResults"),
}


@pytest.fixture
def recorded() -> Iterator[FaultyUpstream]:
    """Without any season of its own: what was not recorded is not found. Its answers are made at
    the run's time, so that nothing is seen unchanged for long and settled."""
    with FaultyUpstream({}, clock=lambda: NOW) as upstream:
        yield upstream


@dataclass(frozen=True)
class Ingestion:
    upstream: FaultyUpstream
    folder: Path

    def __call__(self, season: int, **changes: Any) -> RunReport:
        addresses = SourceConfig(
            cache_dir=self.folder,
            schedule_url=self.upstream.schedule_url,
            jolpica_url=self.upstream.jolpica_url,
        )
        request = IngestRequest(seasons=(season,), config=addresses, **changes)
        return ingest(request, clock=lambda: NOW, show_step=lambda *_, **__: None)


@pytest.fixture
def run(recorded: FaultyUpstream, tmp_path: Path) -> Ingestion:
    return Ingestion(recorded, tmp_path / "cache")


def serve(recorded: FaultyUpstream, season: int) -> None:
    recorded.serve_recorded(SHARED / "jolpica" / str(season))
    versions = sorted((SHARED / "schedules" / str(season)).glob("*.json"))
    if versions:
        recorded.serve_schedule(season, versions[-1])


# A reading of the pages


def pages(season: int, endpoint: str) -> list[Any]:
    folder = SHARED / "jolpica" / str(season)
    return [
        race
        for page in sorted(folder.glob(f"{endpoint}_*.json"))
        for race in json.loads(page.read_bytes())["MRData"]["RaceTable"]["Races"]
    ]


def said(season: int, endpoint: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each race by its name, in the order of their positions; those that share one by
    car and driver."""
    session_type, key = ROWS[endpoint]
    rows: dict[str, list[dict[str, Any]]] = {}
    for race in pages(season, endpoint):
        rows.setdefault(race["raceName"], []).extend(race[key])
    for name, found in rows.items():
        found.sort(
            key=lambda row: (int(row["position"]), int(row["number"]), row["Driver"]["driverId"])
        )
        winner = found[0]
        rows[name] = [
            {"order": order, **expect(row, winner, session_type)}
            for order, row in enumerate(found, start=1)
        ]
    return rows


def said_of_sprint_poles(season: int) -> dict[str, list[dict[str, Any]]]:
    """Sprint qualifyings were not recorded: who started first is all that is known of them."""
    return {
        race["raceName"]: [
            {
                "order": 1,
                **expect_entrant(row),
                "position": 1,
                "classification": "1",
                **NOTHING_OF_A_RACE,
                **NO_LAPS,
            }
        ]
        for race in pages(season, "sprint")
        for row in race["SprintResults"]
        if row["grid"] == "1"
    }


def expect_entrant(row: Any) -> dict[str, Any]:
    driver, constructor = row["Driver"], row["Constructor"]
    return {
        "driver_id": driver["driverId"],
        "driver_number": int(row["number"]),
        "driver_code": driver.get("code", ""),
        "driver_name": f"{driver['givenName']} {driver['familyName']}",
        "constructor_id": constructor["constructorId"],
        "constructor_name": constructor["name"],
    }


def expect(row: Any, winner: Any, session_type: str) -> dict[str, Any]:
    entry = {**expect_entrant(row), "position": int(row["position"])}
    if session_type == "qualifying":
        return {**entry, "classification": row["position"], **NOTHING_OF_A_RACE} | {
            part.lower(): read_lap(row.get(part, "")) for part in ("Q1", "Q2", "Q3")
        }
    return {
        **entry,
        "classification": row["positionText"],
        "grid": int(row["grid"]),
        "laps": int(row["laps"]),
        "points": Decimal(row["points"]),
        "status": row["status"],
        **read_time(row, winner),
        **NO_LAPS,
    }


NOTHING_OF_A_RACE: Mapping[str, Any] = {
    **dict.fromkeys(("grid", "laps", "points", "time", "gap")),
    "status": "",
}
NO_LAPS: Mapping[str, Any] = dict.fromkeys(("q1", "q2", "q3"))


def read_lap(printed: str) -> timedelta | None:
    if not printed:
        return None
    minutes, _, seconds = printed.rpartition(":")
    return timedelta(minutes=int(minutes or 0), milliseconds=int(seconds.replace(".", "")))


def read_time(row: Any, winner: Any) -> dict[str, timedelta | None]:
    """Only of cars on the lead lap; the first has no gap to itself."""
    if "Time" not in row or row["laps"] != winner["laps"]:
        return {"time": None, "gap": None}
    millis, best = int(row["Time"]["millis"]), int(winner["Time"]["millis"])
    gap = timedelta(milliseconds=millis - best)
    return {
        "time": timedelta(milliseconds=millis),
        "gap": None if row is winner or millis < best else gap,
    }


COLUMNS = sorted({field.attname for field in Result._meta.fields} - {"id", "event_id"})


def saved(season: int, session_type: str) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for result in Result.objects.filter(
        event__season=season, event__session_type=session_type
    ).select_related("event"):
        columns = {name: getattr(result, name) for name in COLUMNS}
        rows.setdefault(result.event.name, []).append(columns)
    return rows


def assert_saved_as_said(season: int) -> None:
    for endpoint, (session_type, _) in ROWS.items():
        assert saved(season, session_type) == said(season, endpoint)
    assert saved(season, "sprint_qualifying") == said_of_sprint_poles(season)


def counts(season: int) -> dict[str, int]:
    events = Event.objects.filter(season=season)
    return {
        kind: events.filter(session_type=kind).count()
        for kind in events.values_list("session_type", flat=True).distinct().order_by()
    }


def everything_but_the_runs() -> list[Any]:
    return [list(table.objects.order_by("pk").values()) for table in (Event, Result, Change)]


# The seasons


@dataclass(frozen=True)
class Expected:
    events: dict[str, int]
    classifications: int
    rows: int
    requests: int


SEASONS = {
    2023: Expected(
        {"qualifying": 22, "race": 22, "sprint": 6, "sprint_qualifying": 6}, 56, 1006, 15
    ),
    2020: Expected({"qualifying": 17, "race": 17}, 34, 680, 10),
    2007: Expected({"qualifying": 17, "race": 17}, 34, 748, 9),
    1997: Expected({"qualifying": 10, "race": 17}, 27, 594, 8),
    1979: Expected({"race": 15}, 15, 362, 5),
    1958: Expected({"race": 11}, 11, 226, 4),
}
every_season = pytest.mark.parametrize("season", shortened(SEASONS, {2023, 1997, 1958}))


@every_season
def test_a_season_is_saved_exactly_as_it_was_printed(
    season: int, recorded: FaultyUpstream, run: Ingestion
) -> None:
    serve(recorded, season)
    report, expected = run(season), SEASONS[season]
    assert counts(season) == expected.events
    assert_saved_as_said(season)
    assert Result.objects.count() == expected.rows
    assert report.results == {"created": expected.classifications}
    assert report.events == {"created": sum(expected.events.values())}
    assert report.requests == len(recorded.requests) == expected.requests
    # Nothing is refused; of 2020 there is no schedule file.
    assert [problem for problem in report.problems if season != 2020] == []


@pytest.mark.parametrize(("season", "requests"), [(2023, 15), (1958, 4)])
def test_as_many_requests_are_reserved_as_are_made(
    season: int, requests: int, recorded: FaultyUpstream, run: Ingestion
) -> None:
    serve(recorded, season)
    assert run(season).requests == requests
    assert sum(RequestBlock.objects.values_list("requests", flat=True)) == requests


def test_a_season_whose_schedule_file_is_missing_says_so(
    recorded: FaultyUpstream, run: Ingestion
) -> None:
    serve(recorded, 2020)
    report = run(2020)
    assert [str(problem) for problem in report.problems] == [
        (
            "2020: the schedule file of 2020: the server answered 404 Not Found; "
            "Jolpica's calendar was used alone"
        )
    ]
    assert report.outcome == IngestRun.objects.get().outcome == "partial"
    sources = Event.objects.values_list("schedule_source", flat=True)
    assert set(sources) == {"jolpica"}


@pytest.mark.parametrize("season", shortened([1958, 2023, 1997], keep=1))
def test_the_second_time_nothing_is_written(
    season: int, recorded: FaultyUpstream, run: Ingestion
) -> None:
    serve(recorded, season)
    first = run(season)
    before = everything_but_the_runs()
    listed = Event.objects.exclude(starts_at=None).count()
    for refresh in (False, True):
        report = run(season, mode=Mode.REFRESH if refresh else Mode.UPDATE)
        assert everything_but_the_runs() == before
        assert report.changes == []
        assert report.events == {"unchanged": listed}
        assert report.results == {"unchanged": first.results["created"]}
    # The newer form is not recorded: a list of rounds that lacks what is looked for is not kept.
    again = "sprint_qualifying" in SEASONS[season].events
    assert len(recorded.requests) == 2 * SEASONS[season].requests + again


# What is known of them


def test_starts_of_2023_are_those_of_the_schedule_file(
    recorded: FaultyUpstream, run: Ingestion
) -> None:
    serve(recorded, 2023)
    run(2023)
    file = json.loads(max((SHARED / "schedules" / "2023").glob("*.json")).read_bytes())
    expected = {}
    for row, name in file["event_name"].items():
        for number in range(1, 6):
            session = file[f"session{number}"][row]
            if session in KINDS and file["round_number"][row]:
                printed = file[f"session{number}_date"][row] + file["gmt_offset"][row]
                start = datetime.fromisoformat(printed)
                expected[name, KINDS[session]] = (
                    file["round_number"][row],
                    start,
                    start.utcoffset(),
                    file["country"][row],
                    file["location"][row],
                    file["official_event_name"][row].strip(),
                )
    assert {
        (event.name, event.session_type): (
            event.round_number,
            event.starts_at,
            event.utc_offset,
            event.country,
            event.location,
            event.official_name,
        )
        for event in Event.objects.all()
    } == expected
    assert not Event.objects.filter(start_is_estimated=True).exists()


KINDS = {
    "Qualifying": "qualifying",
    "Race": "race",
    "Sprint": "sprint",
    "Sprint Shootout": "sprint_qualifying",
}


@pytest.mark.parametrize("season", shortened([1958, 1997, 2007], keep=1))
def test_days_and_starts_are_those_of_jolpicas_calendar(
    season: int, recorded: FaultyUpstream, run: Ingestion
) -> None:
    serve(recorded, season)
    run(season)
    expected = {}
    for race in pages(season, "races"):
        for kind, session in (("race", race), ("qualifying", race.get("Qualifying"))):
            if session is not None:
                is_estimated = "time" not in session
                clock = session.get("time", "00:00:00Z")
                start = datetime.fromisoformat(f"{session['date']}T{clock}")
                expected[race["raceName"], kind] = (int(race["round"]), start, is_estimated)
    events = Event.objects.exclude(starts_at=None)
    assert {
        (event.name, event.session_type): (
            event.round_number,
            event.starts_at,
            event.start_is_estimated,
        )
        for event in events
    } == expected


def test_qualifyings_of_1997_stand_in_no_calendar(recorded: FaultyUpstream, run: Ingestion) -> None:
    serve(recorded, 1997)
    run(1997)
    events = Event.objects.filter(session_type="qualifying").order_by("round_number")
    assert [event.round_number for event in events] == list(range(1, 11))
    for event in events:
        race = Event.objects.get(grand_prix=event.grand_prix, session_type="race")
        assert (event.name, event.location) == (race.name, race.location)
        assert (event.starts_at, event.start_is_estimated) == (None, False)
        assert event.ends_at == race.ends_at
        assert (event.status, event.results_state) == ("completed", "official")


@pytest.mark.twice
def test_poles_that_were_on_the_second_page(recorded: FaultyUpstream, run: Ingestion) -> None:
    serve(recorded, 2007)
    run(2007)
    poles = {
        event.name: event.pole.driver_id
        for event in Event.objects.filter(session_type="qualifying", round_number__in=[5, 10, 14])
        if event.pole is not None
    }
    assert poles == {
        "Monaco Grand Prix": "alonso",
        "European Grand Prix": "raikkonen",
        "Belgian Grand Prix": "raikkonen",
    }


def test_sprint_poles_of_2023_are_guesses_from_the_grid(
    recorded: FaultyUpstream, run: Ingestion
) -> None:
    serve(recorded, 2023)
    run(2023)
    events = Event.objects.filter(session_type="sprint_qualifying")
    assert {
        event.name: (event.pole and event.pole.driver_id, event.results_state, event.results_source)
        for event in events
    } == {
        f"{name} Grand Prix": (driver, "provisional", "sprint_grid")
        for name, driver in (
            ("Azerbaijan", "leclerc"),
            ("Austrian", "max_verstappen"),
            ("Belgian", "max_verstappen"),
            ("Qatar", "piastri"),
            ("United States", "max_verstappen"),
            ("São Paulo", "norris"),
        )
    }
    others = Event.objects.exclude(session_type="sprint_qualifying")
    assert set(others.values_list("results_state", flat=True)) == {"official"}


def test_facts_of_1958_that_look_like_mistakes(recorded: FaultyUpstream, run: Ingestion) -> None:
    serve(recorded, 1958)
    run(1958)
    nurburgring = Event.objects.get(round_number=8)
    assert nurburgring.winner is not None
    assert nurburgring.winner.driver_id == "brooks"
    assert nurburgring.winner.time == timedelta(hours=2, minutes=21, seconds=15)
    shared = Event.objects.get(round_number=10).classification
    assert [result.position for result in shared].count(4) == 2


def test_one_round_is_saved_alone(recorded: FaultyUpstream, run: Ingestion) -> None:
    serve(recorded, 2023)
    report = run(2023, round_number=4)
    assert saved(2023, "race") == {
        name: rows
        for name, rows in said(2023, "results").items()
        if name == "Azerbaijan Grand Prix"
    }
    for kind in ("sprint", "qualifying", "sprint_qualifying"):
        assert set(saved(2023, kind)) == {"Azerbaijan Grand Prix"}
    assert (report.requests, report.outcome) == (6, "ok")


def test_each_driver_of_all_seasons_is_one_person(recorded: FaultyUpstream, run: Ingestion) -> None:
    """By name and date of birth, as the pages have them: none merged, none split."""
    printed = set()
    # The latest first: who comes back under a key is no new person.
    for season in reversed(SEASONS):
        serve(recorded, season)
        run(season)
        printed |= {
            (f"{driver['givenName']} {driver['familyName']}", driver["dateOfBirth"])
            for endpoint, (_, rows) in ROWS.items()
            for race in pages(season, endpoint)
            for driver in (row["Driver"] for row in race[rows])
        }
    drivers = [(driver.name, str(driver.born)) for driver in Driver.objects.all()]
    assert len(drivers) == len(printed) > 180
    assert set(drivers) == printed
