"""Live timing through the real FastF1 over real HTTP, from a stand-in's archive."""

import json
import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import (
    BadSourceData,
    IngestionError,
    ResultsNotReady,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.matching import as_known, is_race_of
from ingestion.plausibility import SeasonField, check_classification
from ingestion.records import ClassificationRecord, RaceIdentity, ResultRecord, Source
from ingestion.sample.season import Lap, with_finishes
from ingestion.sessions import SessionType
from ingestion.sources import ClassificationQuery
from ingestion.sources.live_timing import LiveTiming, find_listing
from ingestion.sources.live_timing.classification import (
    Listing,
    read_classification,
    read_index,
)
from ingestion.sources.live_timing.streams import (
    STREAMS,
    STREAMS_OF_QUALIFYINGS,
    Streams,
    fetch_index,
    fetch_streams,
)
from tests.fastf1_limits import cached_urls, limits_lifted, settings_restored
from tests.live_facts import KINDS, SEASON, as_record, known_drivers, read_listings, shorten
from tests.live_streams import BYTE_ORDER_MARK, build_stream, choose_entries, print_path
from tests.live_upstream import (
    SIGN_IN,
    LiveUpstream,
    addresses_kept,
    open_live_source,
    open_source_with_right_password,  # noqa: F401
    restore_addresses,  # noqa: F401
    start_live_upstream,  # noqa: F401
)

CHINA_SQ = "2024/2024-04-21_Chinese_Grand_Prix/2024-04-19_Sprint_Qualifying/"


def load_index(live_timing: LiveTiming, season: int = 2024) -> list[Any]:
    return fetch_index(live_timing._adapter, live_timing.account, season)


def load_streams(live_timing: LiveTiming, session_type: SessionType, path: str) -> Streams:
    return fetch_streams(live_timing._adapter, live_timing.account, 2024, session_type, path)


def find(live_timing: LiveTiming, key: str, name: str) -> Listing:
    weekend = SEASON.grand_prix(key)
    session = weekend.session(name)
    assert session is not None
    listings = read_index(load_index(live_timing), 2024)
    return next(one for one in listings if one.path == print_path(weekend, session))


def classify(
    listing: Listing,
    answer: Streams,
    known: Collection[ResultRecord] | None = None,
    **changes: Any,
) -> ClassificationRecord:
    entrants = known_drivers() if known is None else known
    return read_classification(listing, entrants, replace(answer, **changes))


@pytest.fixture(scope="module")
def china(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Listing, Streams]]:
    """The sprint qualifying of China, fetched once; FastF1 is as before when it is used."""
    folder = tmp_path_factory.mktemp("live")
    with LiveUpstream({2024: SEASON}) as upstream:
        with limits_lifted(), settings_restored(), addresses_kept():
            live_timing = open_live_source(upstream, folder / "cache")
            listing = find(live_timing, "china", "Sprint Qualifying")
            answer = load_streams(live_timing, listing.session_type, listing.path)
        yield listing, answer


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("china", "Sprint Qualifying"),
        ("bahrain", "Qualifying"),
        ("japan", "Race"),
    ],
)
def test_a_session_becomes_a_provisional_classification(
    live_timing: LiveTiming, live_upstream: LiveUpstream, key: str, name: str
) -> None:
    made_at = datetime.now(UTC).replace(microsecond=0)
    listing = find(live_timing, key, name)
    answer = load_streams(live_timing, listing.session_type, listing.path)
    told = classify(listing, answer)
    entries = choose_entries(SEASON, SEASON.grand_prix(key), name)
    assert [row.driver_number for row in told.results] == [entry.number for entry in entries]
    assert [row.driver_id for row in told.results] == [entry.driver for entry in entries]
    assert [row.constructor_id for row in told.results] == [entry.constructor for entry in entries]
    assert [row.position for row in told.results] == list(range(1, 21))
    for row, entry in zip(told.results, entries, strict=True):
        assert row.classification == entry.classification
        if isinstance(entry, Lap):
            laps = [lap and timedelta(milliseconds=lap) for lap in (entry.q1, entry.q2, entry.q3)]
            assert [row.q1, row.q2, row.q3] == laps
    assert told.session_type is KINDS[name]
    assert told.source is Source.LIVE_TIMING
    assert told.is_provisional
    assert told.generated_at is not None
    assert made_at <= told.generated_at <= datetime.now(UTC)
    assert told.race.name == SEASON.grand_prix(key).name
    check_classification(told, SeasonField())


def test_only_what_a_classification_needs_is_requested(
    live_timing: LiveTiming, live_upstream: LiveUpstream, tmp_path: Path
) -> None:
    shorten(live_upstream)
    listing = find(live_timing, "china", "Sprint Qualifying")
    assert live_upstream.asked() == [*SIGN_IN, "2024/Index.json"]
    load_streams(live_timing, listing.session_type, listing.path)
    streams = [f"{CHINA_SQ}{name}.jsonStream" for name in STREAMS_OF_QUALIFYINGS]
    assert live_upstream.asked() == streams
    assert live_timing._adapter.requests == len(SIGN_IN) + 1 + len(streams)
    assert cached_urls() == []
    assert list((tmp_path / "cache").rglob("*.ff1pkl")) == []


def test_a_race_needs_no_messages_and_fastf1_does_not_complain(
    live_timing: LiveTiming, live_upstream: LiveUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    sprint = SEASON.sprints["china"][:3]
    live_upstream.seasons[2024] = with_finishes(SEASON, "sprints", "china", sprint)
    listing = find(live_timing, "china", "Sprint")
    live_upstream.clear_requests()
    caplog.set_level(logging.INFO)
    caplog.clear()
    level = logging.getLogger("fastf1").level
    load_streams(live_timing, listing.session_type, listing.path)
    assert caplog.messages == []
    assert logging.getLogger("fastf1").level == level
    assert [path.rpartition("/")[2] for path in live_upstream.asked()] == [
        f"{name}.jsonStream" for name in STREAMS
    ]


def test_requests_are_reserved_a_block_before_each_answer(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    shorten(live_upstream)
    reserved: list[int] = []
    live_timing = open_live_source(
        live_upstream, tmp_path / "cache", reserve=lambda _host, requests: reserved.append(requests)
    )
    listing = find(live_timing, "china", "Sprint Qualifying")
    load_streams(live_timing, listing.session_type, listing.path)
    assert reserved == [1, 1, 1, 1, 1, 6]


def test_the_budgets_refusal_is_raised_as_it_is(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    def refuse(_host: str, _requests: int) -> None:
        raise SourceRateLimited("the hour is full")

    live_timing = open_live_source(live_upstream, tmp_path / "cache", reserve=refuse)
    with pytest.raises(SourceRateLimited, match="the hour is full"):
        load_index(live_timing, 2024)
    assert live_upstream.requests == []


def test_a_classification_is_as_old_as_its_oldest_stream(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    shorten(live_upstream)
    live_upstream.fault("*DriverList*", age=timedelta(minutes=40))
    answer = load_streams(live_timing, SessionType.SPRINT_QUALIFYING, CHINA_SQ)
    assert answer.generated_at is not None
    age = datetime.now(UTC) - answer.generated_at
    assert timedelta(minutes=40) <= age < timedelta(minutes=41)


# What live timing says, and what it does not say yet.


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ({"status": 404}, ResultsNotReady, "it is not there yet"),
        ({"status": 403}, SourceUnavailable, "does not serve this network"),
        ({"status": 429}, SourceRateLimited, "asks for fewer requests"),
        ({"status": 503}, SourceUnavailable, "the server answered 503"),
        ({"reset": True}, SourceUnavailable, "cannot be reached or broke off"),
        ({"cut": 30}, SourceUnavailable, "cannot be reached or broke off"),
        ({"html": True}, ResultsNotReady, "session info has no line yet"),
        ({"body": b""}, ResultsNotReady, "session info has no line yet"),
        ({"body": b"00:00:00.000[]\r\n"}, BadSourceData, None),
    ],
)
def test_a_stream_that_fails_is_one_error_and_ends_the_fetch(
    live_timing: LiveTiming,
    live_upstream: LiveUpstream,
    fault: dict[str, Any],
    error: type[IngestionError],
    message: str | None,
) -> None:
    load_index(live_timing, 2024)
    live_upstream.clear_requests()
    live_upstream.fault("*SessionInfo*", **fault)
    with pytest.raises(error, match=message):
        load_streams(live_timing, SessionType.SPRINT_QUALIFYING, CHINA_SQ)
    # FastF1's mirror, at the same address here, is not asked after a refusal.
    assert live_upstream.asked() == [f"{CHINA_SQ}SessionInfo.jsonStream"]


@pytest.mark.parametrize(
    "fault", [{"html": True}, {"json": []}, {"json": {"Year": 2024}}, {"body": b""}]
)
def test_an_index_of_another_shape_is_bad_data(
    live_timing: LiveTiming, live_upstream: LiveUpstream, fault: dict[str, Any]
) -> None:
    live_upstream.fault("*Index.json", **fault)
    with pytest.raises(BadSourceData, match="live timing's index of 2024"):
        load_index(live_timing, 2024)


def test_a_season_that_live_timing_does_not_have_is_not_there_yet(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    live_upstream.allow("/static/2031/Index.json")
    with pytest.raises(ResultsNotReady, match="not there yet"):
        load_index(live_timing, 2031)


def stream(name: str) -> list[str]:
    """The lines of a stream of China's sprint qualifying."""
    weekend = SEASON.grand_prix("china")
    session = weekend.session("Sprint Qualifying")
    assert session is not None
    body = build_stream(SEASON, weekend, session, name)
    assert body is not None
    return body.decode("utf-8-sig").split("\r\n")[:-1]


def as_body(lines: list[str]) -> bytes:
    return BYTE_ORDER_MARK + "".join(f"{line}\r\n" for line in lines).encode()


def test_a_session_that_is_not_over_is_not_fetched_further(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    """'Finished' comes at the end of each part of a qualifying."""
    load_index(live_timing, 2024)
    live_upstream.clear_requests()
    live_upstream.fault("*SessionStatus*", body=as_body(stream("SessionStatus")[:-2]))
    with pytest.raises(ResultsNotReady, match="the session is not over"):
        load_streams(live_timing, SessionType.SPRINT_QUALIFYING, CHINA_SQ)
    assert [path.rpartition("/")[2] for path in live_upstream.asked()] == [
        "SessionInfo.jsonStream",
        "SessionStatus.jsonStream",
    ]


def test_a_timing_that_stops_before_the_session_is_not_believed(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    lines = stream("TimingData")
    live_upstream.fault("*TimingData*", body=as_body(lines[: len(lines) * 2 // 3]))
    with pytest.raises(ResultsNotReady, match="the timing stops before the session ended"):
        load_streams(live_timing, SessionType.SPRINT_QUALIFYING, CHINA_SQ)


def test_what_comes_after_the_session_is_another_series(
    live_timing: LiveTiming, live_upstream: LiveUpstream, china: tuple[Listing, Streams]
) -> None:
    """Formula 3 was on the screen half an hour after the first practice of Hungary in 2023."""
    listing, _ = china
    other = {"Lines": {"5": {"Position": "1"}, "4": {"Position": "2"}}}
    lines = [*stream("TimingData"), f"01:35:00.000{json.dumps(other)}"]
    live_upstream.fault("*TimingData*", body=as_body(lines))
    answer = load_streams(live_timing, listing.session_type, listing.path)
    assert classify(listing, answer).results[0].driver_id == "norris"


def test_timing_without_laps_is_no_classification(
    live_timing: LiveTiming, live_upstream: LiveUpstream
) -> None:
    lines = [line for line in stream("TimingData") if "NumberOfLaps" not in line]
    live_upstream.fault("*TimingData*", body=as_body(lines))
    with pytest.raises(ResultsNotReady, match="FastF1 finds no laps in it"):
        load_streams(live_timing, SessionType.SPRINT_QUALIFYING, CHINA_SQ)


def test_streams_of_another_session_are_refused(china: tuple[Listing, Streams]) -> None:
    listing, answer = china
    for other in (replace(listing, key=listing.key + 1), replace(listing, path="2024/elsewhere/")):
        with pytest.raises(BadSourceData, match=r"another session .Chinese Grand Prix"):
            classify(other, answer)


def test_a_car_that_is_not_in_the_list_of_drivers_is_missing(
    china: tuple[Listing, Streams],
) -> None:
    listing, answer = china
    results = answer.results[answer.results["DriverNumber"] != "20"]
    with pytest.raises(ResultsNotReady, match="car 20 is not in the list of drivers"):
        classify(listing, answer, results=results)


def test_leaders_that_the_screen_does_not_show_are_not_believed(
    china: tuple[Listing, Streams],
) -> None:
    """FastF1 drops a lap that it takes for inaccurate, and with it the pole."""
    listing, answer = china
    last = ["01:21:00.000", {"Lines": {"4": {"Position": "2"}, "44": {"Position": "1"}}}]
    with pytest.raises(ResultsNotReady, match="by its laps NOR lead, on its screen HAM"):
        classify(listing, answer, timing=[*answer.timing, last])


def test_without_an_order_there_is_no_classification(
    china: tuple[Listing, Streams],
) -> None:
    listing, answer = china
    results = answer.results.assign(Position=float("nan"))
    with pytest.raises(ResultsNotReady, match="FastF1 finds no order"):
        classify(listing, answer, results=results)


def test_frames_of_another_shape_are_bad_data(china: tuple[Listing, Streams]) -> None:
    listing, answer = china
    with pytest.raises(BadSourceData, match="cannot be read"):
        classify(listing, answer, results=answer.results.drop(columns=["DriverNumber"]))


def test_who_drove_no_lap_is_last(china: tuple[Listing, Streams]) -> None:
    listing, answer = china
    results = answer.results.copy()
    results.loc["18", ["Position", "Q1", "Q2", "Q3"]] = float("nan"), None, None, None
    last = classify(listing, answer, results=results).results[-1]
    assert (last.driver_id, last.position, last.q1) == ("stroll", 20, None)


# Whom the season knows.


def changed(known: list[ResultRecord], driver_id: str, **changes: Any) -> list[ResultRecord]:
    return [replace(one, **changes) if one.driver_id == driver_id else one for one in known]


@pytest.mark.parametrize(
    "known",
    [
        [one for one in known_drivers() if one.driver_id != "zhou"],
        changed(known_drivers(), "zhou", driver_number=42),
        changed(known_drivers(), "zhou", driver_code="XXX"),
        [*known_drivers(), replace(known_drivers()[0], driver_number=24, driver_code="ZHO")],
    ],
    ids=["unknown", "another number", "another code", "two of one number and code"],
)
def test_an_unknown_driver_blocks_the_publication_by_name(
    china: tuple[Listing, Streams], known: list[ResultRecord]
) -> None:
    listing, answer = china
    message = "sprint qualifying of the Chinese Grand Prix: Guanyu Zhou in car 24 is no driver that"
    with pytest.raises(ResultsNotReady, match=message):
        classify(listing, answer, known)


def test_names_and_keys_are_the_seasons_not_live_timings(
    china: tuple[Listing, Streams],
) -> None:
    listing, answer = china
    told = {row.driver_id: row for row in classify(listing, answer).results}
    assert told["max_verstappen"].driver_number == 1
    assert told["max_verstappen"].constructor_name == "Red Bull"
    assert told["hulkenberg"].driver_name == "Nico Hülkenberg"


def test_a_driver_who_changed_teams_drives_for_his_teammates(
    china: tuple[Listing, Streams],
) -> None:
    """In whatever order his entries of the season come."""
    listing, answer = china
    elsewhere = replace(
        next(one for one in known_drivers() if one.driver_id == "perez"),
        constructor_id="rb",
        constructor_name="RB F1 Team",
    )
    for known in ([*known_drivers(), elsewhere], [elsewhere, *known_drivers()]):
        told = {row.driver_id: row for row in classify(listing, answer, known).results}
        assert told["perez"].constructor_id == "red_bull"


def test_a_driver_whose_team_is_new_to_him_blocks_the_publication(
    china: tuple[Listing, Streams],
) -> None:
    listing, answer = china
    known = changed(known_drivers(), "perez", constructor_id="rb")
    with pytest.raises(ResultsNotReady, match=r"for whom (Max|Sergio) .* drives"):
        classify(listing, answer, known)


# The index.


def test_the_index_lists_what_people_can_pick_on() -> None:
    told = read_listings()
    assert len(told) == 24 * 2 + 6 * 2
    sao_paulo = next(
        one
        for one in told
        if one.race.name == "São Paulo Grand Prix" and one.session_type is SessionType.RACE
    )
    assert sao_paulo.race == RaceIdentity(
        2024, 21, "São Paulo Grand Prix", date(2024, 11, 3), "Brazil", "São Paulo"
    )
    assert sao_paulo.starts_at == datetime(2024, 11, 3, 15, 30, tzinfo=UTC)


def meeting(**session: Any) -> dict[str, Any]:
    told = {
        "Key": 7, "Type": "Race", "Name": "Race", "StartDate": "2024-07-28T15:00:00",
        "EndDate": "2024-07-28T17:00:00", "GmtOffset": "02:00:00",
        "Path": "2024/2024-07-28_Belgian_Grand_Prix/2024-07-28_Race/",
    }  # fmt: skip
    return {
        "Sessions": [{**told, **session}],
        "Key": 1242,
        "Number": 14,
        "Location": "Spa-Francorchamps",
        "OfficialName": "FORMULA 1 ROLEX BELGIAN GRAND PRIX 2024",
        "Name": "Belgian Grand Prix",
        "Country": {"Key": 16, "Code": "BEL", "Name": "Belgium"},
    }


@pytest.mark.parametrize(
    ("session", "read"),
    [
        ({}, (SessionType.RACE, datetime(2024, 7, 28, 13, tzinfo=UTC))),
        ({"GmtOffset": "-03:30:00"}, (SessionType.RACE, datetime(2024, 7, 28, 18, 30, tzinfo=UTC))),
        ({"Name": "Practice 1"}, None),
        ({"Key": -1}, None),
        ({"Path": None}, None),
        ({"Name": None}, None),
    ],
)
def test_a_session_of_the_index(session: dict[str, Any], read: object) -> None:
    told = read_index([meeting(**session)], 2024)
    assert [(one.session_type, one.starts_at) for one in told] == ([read] if read else [])


@pytest.mark.parametrize(
    "session",
    [
        {"Path": "2023/2023-07-30_Belgian_Grand_Prix/2023-07-30_Race/"},
        {"Path": "2024/2024-07-28_Belgian_Grand_Prix/../../2023/"},
        {"Path": "2024/2024-07-28_Belgian_Grand_Prix/2024-07-28_Race?x=/"},
        {"StartDate": "soon"},
        {"GmtOffset": "+2"},
        {"Key": "many"},
    ],
)
def test_an_index_that_makes_no_sense_is_bad_data(session: dict[str, Any]) -> None:
    with pytest.raises(BadSourceData, match="live timing's index of 2024 cannot be read"):
        read_index([meeting(**session)], 2024)


@pytest.mark.parametrize(
    ("season", "kind"),
    [(2021, "sprint"), (2022, "sprint"), (2024, "sprint_qualifying")],
)
def test_sprint_qualifying_was_the_sprint_once(season: int, kind: str) -> None:
    path = f"{season}/{season}-07-28_Some_Grand_Prix/{season}-07-27_Sprint_Qualifying/"
    [told] = read_index([meeting(Name="Sprint Qualifying", Path=path)], season)
    assert told.session_type == kind


# Which session of the index is requested.


def query(key: str = "china", name: str = "Sprint Qualifying") -> ClassificationQuery:
    record = as_record(key)
    known = as_known(record)
    session = next(one for one in record.sessions if one.session_type is KINDS[name])
    return ClassificationQuery(
        2024,
        session.session_type,
        name=record.name,
        is_race=lambda race: is_race_of(race, known),
        starts_at=session.starts_at,
    )


def test_a_session_is_found_by_its_race_its_kind_and_its_day() -> None:
    listings = read_listings()
    for key in ("china", "miami", "sao-paulo"):
        for name, kind in KINDS.items():
            found = find_listing(query(key, name), listings)
            assert found is not None
            assert (found.race.name, found.session_type) == (SEASON.grand_prix(key).name, kind)


def test_a_session_that_the_index_has_an_evening_early_is_found() -> None:
    """São Paulo 2024, whose qualifying was moved to the morning of the race."""
    early = [replace(one, starts_at=one.starts_at - timedelta(hours=16)) for one in read_listings()]
    assert find_listing(query("sao-paulo", "Qualifying"), early) is not None


def test_another_race_or_day_is_not_found() -> None:
    for other in (
        replace(query(), is_race=lambda _race: False),
        replace(query(), starts_at=datetime(2024, 4, 16, tzinfo=UTC)),
    ):
        assert find_listing(other, read_listings()) is None
