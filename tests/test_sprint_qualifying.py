"""Sprint qualifyings through the whole pipeline: official from Jolpica's newer form, else their
pole from the sprint's grid."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.models import Change, Event, RequestBlock
from ingestion.pipeline import Calendars, IngestRequest, Mode, SourceConfig, ingest
from ingestion.records import Source
from ingestion.report import RunReport
from ingestion.sample import newer
from ingestion.sample.season import Season, load_season, with_start
from ingestion.sample.upstream import JOLPICA_PATH, Answer, Request
from ingestion.sessions import SessionType
from rehearsal.history import with_jolpicas_errors
from tests.fastf1_limits import cached_urls, connect
from tests.rows import all_rows
from tests.shortened import shortened
from tests.upstream import (
    SHARED,
    FaultyUpstream,
    needs_shared,
    with_results,
    with_wrong_types,
)

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fastf1_restored"),
]

YEARS_LATER = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# After the sprint qualifying of China 2024 (07:30 UTC), before its sprint (on Saturday, 03:00).
FRIDAY = datetime(2024, 4, 19, 12, tzinfo=UTC)

ROUNDS = newer.ROUNDS_PATH
FULL = load_season(2024)
SPRINTS = tuple(FULL.sprints)
POLES = {
    "china": "norris",
    "miami": "max_verstappen",
    "austria": "max_verstappen",
    "united-states": "max_verstappen",
    "sao-paulo": "piastri",
    "qatar": "norris",
}
# Schedule file, Jolpica's calendar, and a page each of races, qualifyings and sprints.
OTHER_REQUESTS = 5


@dataclass
class Clock:
    """Of the stand-in and of the runs; it stands still until somebody moves it."""

    now: datetime = YEARS_LATER

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Ingestion:
    upstream: FaultyUpstream
    folder: Path
    clock: Clock

    def __call__(self, season: int = 2024, *, cache: str = "cache", **changes: Any) -> RunReport:
        addresses = SourceConfig(
            cache_dir=self.folder / cache,
            schedule_url=self.upstream.schedule_url,
            jolpica_url=changes.pop("jolpica_url", self.upstream.jolpica_url),
        )
        request = IngestRequest(seasons=(season,), config=addresses, **changes)
        self.upstream.clear_requests()
        report = ingest(request, clock=self.clock, show_step=lambda *_, **__: None)
        # Whatever left the process came here: live timing and all else is somewhere else.
        assert report.requests == len(self.upstream.requests)
        return report

    def again(self, **changes: Any) -> RunReport:
        """With nothing in FastF1's cache."""
        return self(cache=f"cache of {self.clock.now:%Y-%m-%d %H}", **changes)


def season_of(*keys: str, season: Season = FULL) -> Season:
    grands_prix = (
        replace(season.grand_prix(key), round=number) for number, key in enumerate(keys, start=1)
    )
    return replace(season, testing=(), grands_prix=tuple(grands_prix))


SMALL = season_of("bahrain", "china", "miami")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def upstream(clock: Clock) -> Iterator[FaultyUpstream]:
    """With Bahrain, China and Miami; the latter two have sprints."""
    with FaultyUpstream({2024: SMALL}, clock=clock) as started:
        yield started


@pytest.fixture
def run(upstream: FaultyUpstream, tmp_path: Path, clock: Clock) -> Ingestion:
    return Ingestion(upstream, tmp_path, clock)


def results_path(key: str) -> str:
    return f"{newer.PATH}/results/{newer.build_round_key(FULL, FULL.grand_prix(key))}/SQ/"


def asked(upstream: FaultyUpstream) -> list[str]:
    """What the newer form was asked for: 'rounds', or a grand prix."""
    names = {results_path(key): key for key in SPRINTS} | {ROUNDS: "rounds"}
    return [
        names[request.path] for request in upstream.requests if request.path.startswith(newer.PATH)
    ]


def events(**conditions: Any) -> dict[str, Event]:
    found = Event.objects.filter(session_type="sprint_qualifying", **conditions)
    return {event.grand_prix.removesuffix("-grand-prix"): event for event in found}


def state(event: Event) -> tuple[str, str, str | None, int]:
    pole = event.pole
    return (
        event.results_state,
        event.results_source,
        None if pole is None else pole.driver_id,
        len(event.classification),
    )


OFFICIAL = ("official", "jolpica_newer", "norris", 20)
GUESSED = ("provisional", "sprint_grid", "norris", 1)
PENDING = ("pending", "", None, 0)


def state_of_china() -> tuple[str, str, str | None, int]:
    return state(events()["chinese"])


def notes(report: RunReport) -> list[str]:
    return [str(note) for note in report.notes]


# A whole season


def test_every_entry_of_2024_is_right(upstream: FaultyUpstream, run: Ingestion) -> None:
    upstream.seasons[2024] = FULL
    report = run()
    assert (report.outcome, report.notes) == ("ok", [])
    assert report.results == {"created": 60}
    assert {event.results_source for event in events().values()} == {"jolpica_newer"}
    saved = {
        event.round_number: [
            (
                *(one.order, one.position, one.classification, one.driver_id, one.driver_number),
                *(one.driver_code, one.driver_name, one.constructor_id, one.constructor_name),
                *(one.q1, one.q2, one.q3),
            )
            for one in event.classification
        ]
        for event in events().values()
    }
    assert saved == {FULL.grand_prix(key).round: expected_entries(key) for key in SPRINTS}


def expected_entries(key: str) -> list[tuple[Any, ...]]:
    entries = []
    for lap in FULL.sprint_qualifyings[key]:
        driver, team = FULL.drivers[lap.driver], FULL.constructors[lap.constructor]
        name = f"{driver.given_name} {driver.family_name}"
        times = (
            None if time is None else timedelta(milliseconds=time)
            for time in (lap.q1, lap.q2, lap.q3)
        )
        who = (lap.driver, lap.number, driver.code, name, lap.constructor, team.name)
        entries.append((lap.order, lap.order, lap.classification, *who, *times))
    return entries


def test_a_season_takes_a_request_for_each_and_one_for_the_rounds(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    upstream.seasons[2024] = FULL
    assert run().requests == 14 + 1 + 6
    assert asked(upstream) == ["rounds", *SPRINTS]
    assert sum(RequestBlock.objects.values_list("requests", flat=True)) == 21


def test_the_second_time_nothing_is_asked_or_written(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    upstream.seasons[2024] = FULL
    run()
    before = all_rows()
    again = run()
    assert (again.requests, again.results) == (0, {"unchanged": 60})
    refreshed = run(mode=Mode.REFRESH)
    assert (refreshed.requests, refreshed.results) == (21, {"unchanged": 60})
    assert all_rows() == before


def test_what_is_settled_is_asked_for_by_name_alone(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock
) -> None:
    run()
    clock.now += DAY
    run.again()
    assert asked(upstream) == ["rounds", "china", "miami"]
    assert {event.results_state for event in events().values()} == {"settled"}
    before = all_rows()
    clock.now += DAY
    settled = run.again()
    assert asked(upstream) == []
    assert (settled.requests, settled.results) == (OTHER_REQUESTS, {"unchanged": 8})
    run.again(round_number=3)
    assert asked(upstream) == ["rounds", "miami"]
    run.again(mode=Mode.REFRESH)
    assert asked(upstream) == ["rounds", "china", "miami"]
    assert all_rows() == before


def test_seasons_without_a_sprint_do_not_ask(upstream: FaultyUpstream, run: Ingestion) -> None:
    upstream.seasons[2024] = season_of("bahrain", "monaco")
    assert run().requests == 4
    assert asked(upstream) == []


def test_a_sprint_called_qualifying_has_none_of_its_own(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    """2021 and 2022: the session of that name is the sprint itself."""
    weekend = FULL.grand_prix("china")
    sessions = tuple(
        replace(session, name="Sprint Qualifying" if session.name == "Sprint" else session.name)
        for session in weekend.sessions
        if session.name != "Sprint Qualifying"
    )
    in_2022 = tuple(
        replace(one, starts_at=one.starts_at and one.starts_at.replace(year=2022))
        for one in sessions
    )
    season = replace(
        FULL, year=2022, testing=(), grands_prix=(replace(weekend, round=1, sessions=in_2022),)
    )
    upstream.seasons = {2022: season}
    run(2022)
    assert asked(upstream) == []
    assert events() == {}
    assert Event.objects.get(session_type="sprint").results_state == "official"


def test_one_round_asks_for_one(upstream: FaultyUpstream, run: Ingestion) -> None:
    report = run(round_number=2)
    assert asked(upstream) == ["rounds", "china"]
    assert report.requests == OTHER_REQUESTS + 2
    assert {key: state(event) for key, event in events().items()} == {
        "chinese": OFFICIAL,
        "miami": PENDING,
    }


def test_a_round_without_a_sprint_asks_for_none(upstream: FaultyUpstream, run: Ingestion) -> None:
    assert run(round_number=1).requests == 4
    assert asked(upstream) == []


def test_rounds_are_the_newer_forms_own(upstream: FaultyUpstream, run: Ingestion) -> None:
    """Its calendar may have other numbers, and a race on the wrong day."""
    calendar = tuple(replace(one, round=one.round + 3) for one in SMALL.grands_prix)
    upstream.seasons[2024] = replace(SMALL, jolpica_calendar=calendar)
    run(round_number=2)
    assert state_of_china() == OFFICIAL


def test_jolpicas_misprinted_days_do_no_harm(upstream: FaultyUpstream, run: Ingestion) -> None:
    upstream.seasons[2024] = with_jolpicas_errors(FULL)
    assert run().outcome == "ok"
    assert {event.results_source for event in events().values()} == {"jolpica_newer"}


def test_stored_events_are_enough(upstream: FaultyUpstream, run: Ingestion) -> None:
    run(with_results=False)
    assert asked(upstream) == []
    report = run(calendars=Calendars.NONE)
    assert asked(upstream) == ["rounds", "china", "miami"]
    assert (report.requests, report.results) == (6, {"created": 10})


def test_a_dry_run_asks_and_writes_nothing(upstream: FaultyUpstream, run: Ingestion) -> None:
    report = run(dry_run=True)
    assert asked(upstream) == ["rounds", "china", "miami"]
    assert report.results == {"created": 10}
    assert events() == {}


# A weekend as it goes by


def on_friday(*, is_published: bool) -> Season:
    """Before anything of China but its sprint qualifying was run."""
    bahrain = ("bahrain",)
    return replace(
        SMALL,
        races={key: FULL.races[key] for key in bahrain},
        qualifyings={key: FULL.qualifyings[key] for key in bahrain},
        sprints={},
        sprint_qualifyings={"china": FULL.sprint_qualifyings["china"]} if is_published else {},
    )


def on_saturday(*, is_published: bool) -> Season:
    return replace(on_friday(is_published=is_published), sprints={"china": FULL.sprints["china"]})


@pytest.fixture
def friday(upstream: FaultyUpstream, clock: Clock) -> None:
    clock.now = FRIDAY
    upstream.seasons[2024] = on_friday(is_published=False)


@pytest.mark.usefixtures("friday")
def test_nothing_is_asked_before_the_end(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock
) -> None:
    clock.now = datetime(2024, 4, 19, 8, 44, tzinfo=UTC)
    run()
    assert asked(upstream) == []
    clock.now += timedelta(minutes=1)
    run.again()
    assert asked(upstream) == ["rounds", "china"]


@pytest.mark.usefixtures("friday")
def test_the_pole_is_official_before_the_sprint(upstream: FaultyUpstream, run: Ingestion) -> None:
    report = run()
    assert state_of_china() == PENDING
    assert report.outcome == "ok"
    assert notes(report) == [
        (
            "2024 sprint qualifying: Jolpica's sprint qualifying of the 2024 Chinese Grand Prix: "
            "the server answered 500 Internal Server Error; nothing shows the pole yet: "
            "Chinese Grand Prix"
        ),
        "2024 sprint qualifying: no classification yet: Chinese Grand Prix",
    ]
    upstream.seasons[2024] = on_friday(is_published=True)
    published = run.again()
    assert (published.outcome, published.notes) == ("ok", [])
    assert state_of_china() == OFFICIAL


@pytest.mark.usefixtures("friday")
def test_the_rounds_are_asked_for_once_an_hour(upstream: FaultyUpstream, run: Ingestion) -> None:
    run()
    assert asked(upstream) == ["rounds", "china"]
    run()
    assert asked(upstream) == ["china"]
    run(mode=Mode.REFRESH)
    assert asked(upstream) == ["rounds", "china"]


@pytest.mark.usefixtures("friday")
def test_one_round_alone_knows_the_drivers_of_those_before(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    run()
    upstream.seasons[2024] = on_friday(is_published=True)
    report = run.again(round_number=2)
    assert (report.outcome, report.results) == ("ok", {"created": 1})
    assert state_of_china() == OFFICIAL


@pytest.mark.usefixtures("friday")
def test_a_guess_becomes_official_and_never_the_other_way_round(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock
) -> None:
    run()
    clock.now += DAY
    upstream.seasons[2024] = on_saturday(is_published=False)
    guessed = run.again()
    assert guessed.outcome == "ok"
    assert notes(guessed)[0] == (
        "2024 sprint qualifying: Jolpica's sprint qualifying of the 2024 Chinese Grand Prix: "
        "the server answered 500 Internal Server Error; the sprint's grid shows the pole "
        "meanwhile: Chinese Grand Prix"
    )
    assert state_of_china() == GUESSED
    before = all_rows()
    clock.now += timedelta(hours=2)
    run.again()
    assert all_rows() == before
    upstream.seasons[2024] = on_saturday(is_published=True)
    clock.now += timedelta(hours=2)
    run.again()
    assert state_of_china() == OFFICIAL
    upstream.seasons[2024] = on_saturday(is_published=False)
    clock.now += timedelta(hours=2)
    silent = run.again()
    assert state_of_china() == OFFICIAL
    assert "; what is saved stays: Chinese Grand Prix" in notes(silent)[0]
    feed = Change.objects.filter(event=events()["chinese"]).values_list("kind", "revision")
    assert list(feed) == [("scheduled", 0), ("published", 1), ("amended", 2)]


@pytest.mark.usefixtures("friday")
def test_the_pole_is_the_guess_again_where_the_grid_changed(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock
) -> None:
    clock.now += DAY
    season = on_saturday(is_published=False)
    grid = {"norris": 1, "hamilton": 2}
    swapped = tuple(
        replace(one, grid=3 - grid[one.driver]) if one.driver in grid else one
        for one in season.sprints["china"]
    )
    upstream.seasons[2024] = replace(season, sprints={"china": swapped})
    run()
    assert state_of_china() == ("provisional", "sprint_grid", "hamilton", 1)
    clock.now += timedelta(hours=2)
    upstream.seasons[2024] = season
    run.again()
    assert state_of_china() == GUESSED


def with_a_new_driver() -> Season:
    """On Friday, with the sprint qualifying as Zhou's first session of the season."""
    season = on_friday(is_published=True)
    without = tuple(one for one in season.races["bahrain"] if one.driver != "zhou")
    laps = tuple(one for one in season.qualifyings["bahrain"] if one.driver != "zhou")
    return replace(season, races={"bahrain": without}, qualifyings={"bahrain": laps})


@pytest.mark.usefixtures("friday")
def test_who_is_new_to_the_season_is_found_in_jolpicas_list_of_drivers(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    """Lawson in Austin 2024."""
    upstream.seasons[2024] = with_a_new_driver()
    run()
    assert state_of_china() == OFFICIAL
    lists = [request for request in upstream.requests if "drivers" in request.path]
    assert len(lists) == 1


@pytest.mark.usefixtures("friday")
@pytest.mark.parametrize(
    "fault", [{"status": 404}, {"status": 503}, {"body": b"{}"}, {"json": {"MRData": {}}}]
)
def test_who_is_new_to_the_season_waits_by_name_where_that_list_is_not_to_be_had(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock, fault: dict[str, Any]
) -> None:
    season = with_a_new_driver()
    upstream.seasons[2024] = season
    upstream.fault("*/drivers.json", **fault)
    report = run()
    assert state_of_china() == PENDING
    assert "Guanyu Zhou in car 24 is no driver that the season knows yet" in notes(report)[0]
    upstream.seasons[2024] = replace(season, sprints={"china": FULL.sprints["china"]})
    clock.now += DAY
    run.again()
    assert state_of_china() == OFFICIAL


@pytest.mark.usefixtures("friday")
def test_what_is_still_missing_after_a_day_is_a_problem(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock
) -> None:
    clock.now += 2 * DAY
    upstream.seasons[2024] = replace(on_friday(is_published=False), races=FULL.races)
    report = run()
    assert report.outcome == "partial"
    assert [str(problem) for problem in report.problems] == [
        (
            "2024 sprint qualifying: Jolpica's sprint qualifying of the 2024 Chinese Grand Prix: "
            "the server answered 500 Internal Server Error; nothing shows the pole yet: "
            "Chinese Grand Prix"
        )
    ]


def test_a_moved_sprint_qualifying_is_asked_for_at_its_own_end(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock
) -> None:
    clock.now = FRIDAY
    later = FRIDAY + timedelta(hours=6)
    season = on_friday(is_published=True)
    upstream.seasons[2024] = with_start(season, "china", "Sprint Qualifying", later)
    run()
    assert asked(upstream) == []


# Without the newer form


def test_without_the_newer_form_poles_are_guessed(upstream: FaultyUpstream, run: Ingestion) -> None:
    upstream.seasons[2024] = FULL
    upstream.fault(ROUNDS, status=404)
    report = run()
    assert report.requests == 15
    assert (report.outcome, report.results) == ("ok", {"created": 60})
    saved = [state(event) for event in events().values()]
    assert saved == [("provisional", "sprint_grid", POLES[key], 1) for key in SPRINTS]
    [note] = notes(report)
    assert note == (
        "2024 sprint qualifying: Jolpica's newer list of the rounds of 2024: the server answered "
        "404 Not Found; the sprint's grid shows the pole meanwhile: Chinese Grand Prix, "
        "Miami Grand Prix, Austrian Grand Prix, United States Grand Prix, São Paulo Grand Prix, "
        "Qatar Grand Prix"
    )


class Mirror(FaultyUpstream):
    """Has the Ergast form at an address of its own, and no newer one."""

    def answer(self, request: Request) -> Answer:
        assert request.path.startswith(("/f1schedule/", "/mirror/"))
        path = request.path.replace("/mirror", JOLPICA_PATH)
        return super().answer(replace(request, path=path, target=path))


def test_another_address_is_not_asked_for_a_newer_form(tmp_path: Path, clock: Clock) -> None:
    with Mirror({2024: SMALL}, clock=clock) as mirror:
        run = Ingestion(mirror, tmp_path, clock)
        report = run(jolpica_url=f"{mirror.address}/mirror")
    assert (report.requests, report.outcome, report.notes) == (OTHER_REQUESTS, "ok", [])
    assert state_of_china() == GUESSED


@pytest.mark.parametrize(
    ("address", "has_one"),
    [
        ("", True),
        ("http://127.0.0.1:9/ergast/f1", True),
        ("http://127.0.0.1:9/ergast/f1/", True),
        ("http://127.0.0.1:9/f1", False),
        ("http://127.0.0.1:9/ergast/f1/mirror", False),
    ],
)
def test_the_newer_form_stands_beside_the_older(
    upstream: FaultyUpstream, tmp_path: Path, address: str, has_one: bool
) -> None:
    sources = connect(upstream, tmp_path / "cache", jolpica_url=address)
    newer = sources.named(Source.JOLPICA_NEWER)
    assert newer is not None
    assert newer.offers(2024, SessionType.SPRINT_QUALIFYING) is has_one


def test_fastf1s_own_session_asks(upstream: FaultyUpstream, run: Ingestion) -> None:
    from fastf1.ergast.interface import HEADERS
    from fastf1.req import _SessionWithRateLimiting

    run()
    agents = {request.headers["user-agent"] for request in upstream.requests[-3:]}
    assert agents == {HEADERS["User-Agent"]}
    real = f"https://api.jolpi.ca{ROUNDS}?year=2024"
    limits = _SessionWithRateLimiting._RATE_LIMITS
    assert [bool(pattern.match(real)) for pattern in limits] == [True, True]


@needs_shared
def test_a_recorded_season_has_its_poles_by_the_grids(tmp_path: Path, clock: Clock) -> None:
    with FaultyUpstream({}, clock=clock) as recorded:
        recorded.serve_recorded(SHARED / "jolpica" / "2023")
        recorded.serve_schedule(2023, max((SHARED / "schedules" / "2023").glob("*.json")))
        report = Ingestion(recorded, tmp_path, clock)(2023)
    assert (report.requests, report.results) == (15, {"created": 56})
    grids = [
        (race["raceName"], row["Driver"]["driverId"])
        for page in sorted((SHARED / "jolpica" / "2023").glob("sprint_*.json"))
        for race in json.loads(page.read_bytes())["MRData"]["RaceTable"]["Races"]
        for row in race["SprintResults"]
        if row["grid"] == "1"
    ]
    assert [(event.name, event.pole.driver_id) for event in events().values()] == grids  # type: ignore[union-attr]


# Faults


def of_another_season(document: Any) -> Any:
    document["data"]["season"]["year"] = 2023
    return document


def of_another_round(document: Any) -> Any:
    document["data"]["round"] = {**document["data"]["round"], "id": "round_00000000"}
    return document


def of_another_session(document: Any) -> Any:
    document["data"]["code"] = "Q"
    return document


def without_part(*parts: str) -> Callable[[Any], Any]:
    """As it is published while the session goes on: the last part's line tells the place."""

    def cut(rows: list[Any]) -> list[Any]:
        for row in rows:
            for part in parts:
                row["components"].pop(part, None)
            last = row["components"][max(row["components"])]
            row.update(position=last["position"], position_text=str(last["position"]))
        return rows

    return with_results(cut)


def with_first(**changes: Any) -> Callable[[Any], Any]:
    def change(rows: list[Any]) -> list[Any]:
        return [{**rows[0], **changes}, *rows[1:]]

    return with_results(change)


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "404": ({"status": 404}, "the server answered 404 Not Found"),
    "500": ({"status": 500}, "the server answered 500 Internal Server Error"),
    "html": ({"html": True}, "is not what it should be and cannot be read"),
    "cut": ({"truncate": 900}, "is not what it should be and cannot be read"),
    "empty": ({"body": b""}, "is not what it should be and cannot be read"),
    "list": ({"json": []}, "cannot be read: list indices must be integers"),
    "null": ({"body": b"null"}, "cannot be read: 'NoneType' object is not subscriptable"),
    "types": ({"transform": with_wrong_types}, "cannot be read: 'code'"),
    "season": ({"transform": of_another_season}, "it is of the 2023 Chinese Grand Prix"),
    "round": ({"transform": of_another_round}, "it is of the 2024 Chinese Grand Prix"),
    "session": ({"transform": of_another_session}, "it is of the session Q"),
    "no rows": ({"transform": with_results(lambda _: [])}, "SQ1 is missing still"),
    "half": ({"transform": with_results(lambda rows: rows[:9])}, "9 entries"),
    "SQ1 alone": ({"transform": without_part("SQ2", "SQ3")}, "SQ2 is missing still"),
    "SQ1 and SQ2": ({"transform": without_part("SQ3")}, "SQ3 is missing still"),
    "doubled": ({"transform": with_results(lambda rows: [*rows, rows[-1]])}, "sargeant twice"),
    "place": ({"transform": with_first(position=3)}, "positions are missing still"),
    "text": ({"transform": with_first(position="first")}, "cannot be read: invalid literal"),
    "car": ({"transform": with_first(car_number=99999)}, "cannot be read: 99999 is out of range"),
    "team": ({"transform": with_first(team={"name": "Brabham"})}, "Brabham is no team that"),
}  # fmt: skip
USUAL = {"500", "html", "types", "round", "SQ1 and SQ2", "doubled", "place"}


@pytest.mark.parametrize("fault", shortened(BROKEN, USUAL))
def test_one_that_is_broken_does_not_harm_the_others(
    upstream: FaultyUpstream, run: Ingestion, fault: str
) -> None:
    switches, reason = BROKEN[fault]
    upstream.fault(results_path("china"), **switches)
    report = run()
    assert (report.outcome, report.problems) == ("ok", [])
    assert asked(upstream) == ["rounds", "china", "miami"]
    assert state_of_china() == GUESSED
    assert state(events()["miami"])[:2] == ("official", "jolpica_newer")
    [note] = notes(report)
    assert reason in note
    assert note.endswith("; the sprint's grid shows the pole meanwhile: Chinese Grand Prix")
    assert not any(results_path("china") in url for url in cached_urls())
    upstream.clear_faults()
    run()
    assert asked(upstream) == ["china"]
    assert state_of_china() == OFFICIAL


BROKEN_ROUNDS = {
    "404": ({"status": 404}, "the server answered 404 Not Found"),
    "500": ({"status": 500}, "the server answered 500 Internal Server Error"),
    "html": ({"html": True}, "is not what it should be and cannot be read"),
    "cut": ({"truncate": 900}, "is not what it should be and cannot be read"),
    "list": ({"json": []}, "cannot be read"),
    "types": ({"transform": with_wrong_types}, "cannot be read"),
    "season": (
        {"transform": lambda document: {**document, "data": [{"season": {"year": 1950}}]}},
        "it has a round of 1950",
    ),
    "pages": (
        {"transform": lambda document: {**document, "metadata": {"total_pages": 12}}},
        "more rounds than a season has",
    ),
    "key": (
        {"transform": lambda document: {**document, "data": [
            {**one, "id": "../../../ergast"} for one in document["data"]
        ]}},
        "a round's key cannot be part of an address",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("switches", "reason"), BROKEN_ROUNDS.values(), ids=BROKEN_ROUNDS)
def test_without_the_rounds_nothing_else_is_asked(
    upstream: FaultyUpstream, run: Ingestion, switches: dict[str, Any], reason: str
) -> None:
    upstream.fault(ROUNDS, **switches)
    report = run()
    assert (report.outcome, report.requests) == ("ok", OTHER_REQUESTS + 1)
    assert state_of_china() == GUESSED
    [note] = notes(report)
    assert reason in note
    assert note.endswith("meanwhile: Chinese Grand Prix, Miami Grand Prix")
    assert not any(ROUNDS in url for url in cached_urls())


def test_rounds_that_do_not_fit_are_left_out(upstream: FaultyUpstream, run: Ingestion) -> None:
    def spoil(document: Any) -> Any:
        _, china, miami = document["data"]
        china["is_cancelled"] = True
        miami["sessions"] = [one for one in miami["sessions"] if not one["type"].startswith("SQ")]
        return document

    upstream.fault(ROUNDS, transform=spoil)
    report = run()
    assert asked(upstream) == ["rounds"]
    assert {state(event)[0] for event in events().values()} == {"provisional"}
    assert [note.partition(";")[0] for note in notes(report)] == [
        (
            "2024 sprint qualifying: Jolpica's newer form has no sprint qualifying of the 2024 "
            f"{name} Grand Prix"
        )
        for name in ("Chinese", "Miami")
    ]


@pytest.mark.usefixtures("friday")
def test_rounds_that_lack_what_is_looked_for_are_asked_for_again(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    """A copy of half a day would keep a guess as long."""
    upstream.seasons[2024] = on_friday(is_published=True)
    upstream.fault(ROUNDS, json={"metadata": {}, "data": []}, times=1)
    run()
    assert asked(upstream) == ["rounds"]
    run()
    assert asked(upstream) == ["rounds", "china"]
    assert state_of_china() == OFFICIAL
    run()
    assert asked(upstream) == ["china"]


def test_a_race_of_another_day_is_not_the_one(upstream: FaultyUpstream, run: Ingestion) -> None:
    def postpone(document: Any) -> Any:
        for session in document["data"][1]["sessions"]:
            session["timestamp"] = session["timestamp"].replace("2024-04", "2024-09")
        return document

    upstream.fault(ROUNDS, transform=postpone)
    run()
    assert asked(upstream) == ["rounds", "miami"]
    assert state_of_china() == GUESSED


def test_a_server_that_is_gone_is_not_asked_for_the_next(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    upstream.fault(results_path("china"), reset=True)
    report = run()
    assert asked(upstream) == ["rounds", "china"]
    assert report.outcome == "ok"
    assert {state(event)[0] for event in events().values()} == {"provisional"}
    [note] = notes(report)
    assert note.endswith("meanwhile: Chinese Grand Prix, Miami Grand Prix")


def test_a_server_that_asks_for_fewer_requests_is_left_alone(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    upstream.fault(results_path("china"), status=429)
    report = run()
    assert asked(upstream) == ["rounds", "china"]
    assert {state(event)[0] for event in events().values()} == {"provisional"}
    assert (report.outcome, notes(report)) == ("partial", [])
    [problem] = report.problems
    assert str(problem) == (
        "2024: Jolpica's sprint qualifying of the 2024 Chinese Grand Prix: the server asks for "
        "fewer requests (429); left for later: sprint qualifying"
    )


def test_all_of_a_seasons_are_reserved_at_once(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock
) -> None:
    host = upstream.address.removeprefix("http://")
    RequestBlock.objects.create(
        host=host, requests=120 - OTHER_REQUESTS - 2, reserved_at=clock.now - HOUR / 2
    )
    report = run()
    assert asked(upstream) == []
    assert (report.outcome, report.requests) == ("partial", OTHER_REQUESTS)
    assert {state(event)[0] for event in events().values()} == {"provisional"}
    [problem] = report.problems
    assert "would get more than 120 requests within an hour" in str(problem)
    assert str(problem).endswith("; left for later: sprint qualifying")
    clock.now += HOUR
    assert (run().outcome, asked(upstream)) == ("ok", ["rounds", "china", "miami"])


def test_a_grid_without_a_first_slot_shows_no_pole(
    upstream: FaultyUpstream, run: Ingestion
) -> None:
    upstream.fault(ROUNDS, status=404)
    for row, change in (("china", 0), ("miami", 1)):
        finishes = tuple(replace(one, grid=change) for one in FULL.sprints[row])
        season = upstream.seasons[2024]
        upstream.seasons[2024] = replace(season, sprints={**season.sprints, row: finishes})
    report = run()
    assert [state(event) for event in events().values()] == [PENDING, PENDING]
    assert report.outcome == "partial"


def test_answers_from_the_cache_are_as_old_as_they_are(
    upstream: FaultyUpstream, run: Ingestion, clock: Clock
) -> None:
    upstream.fault(results_path("china"), age=timedelta(minutes=40))
    run()
    made = [event.results_generated_at for event in events().values()]
    assert made == [YEARS_LATER - timedelta(minutes=40), YEARS_LATER]
    before = all_rows()
    clock.now += DAY
    assert run().requests == 0
    assert all_rows() == before
