"""OpenF1 over real HTTP, from a stand-in of the 2024 facts: what becomes a classification, and what
is kept out with which reason."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import (
    BadSourceData,
    ResultsNotReady,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.matching import as_known, is_race_of
from ingestion.records import ClassificationRecord, ResultRecord, Source
from ingestion.sample import openf1
from ingestion.sample.season import Finish, Lap
from ingestion.sessions import SessionType
from ingestion.sources import ClassificationQuery, EntrantsQuery, Sources
from ingestion.sources.http import Pace
from ingestion.sources.openf1 import OpenF1
from tests import openf1_traps as traps
from tests.fastf1_limits import connect
from tests.live_facts import KINDS, SEASON, as_record, as_result, known_drivers
from tests.upstream import FaultyUpstream

AFTERWARDS = datetime(2025, 2, 1, tzinfo=UTC)
# Of all the season, as its other sessions make them known.
EVERYBODY = tuple(
    {
        (row.driver_id, row.driver_number, row.constructor_id): row
        for table in (SEASON.qualifyings, SEASON.races)
        for entries in table.values()
        for row in map(as_result, entries)
    }.values()
)
ALL = [
    (weekend.id, session.name)
    for weekend in SEASON.grands_prix
    for session in weekend.sessions
    if session.name in KINDS
]


@pytest.fixture
def clock(upstream: FaultyUpstream) -> list[datetime]:
    """Of the stand-in and of the source; a test replaces its only item."""
    times = [AFTERWARDS]
    upstream.seasons[2024] = SEASON
    upstream.clock = lambda: times[0]
    return times


@pytest.fixture
def second(
    upstream: FaultyUpstream, tmp_path: Path, fastf1_restored: None, clock: list[datetime]
) -> OpenF1:
    return open_source(upstream, tmp_path / "cache", clock)


@pytest.fixture
def open_second(
    upstream: FaultyUpstream, tmp_path: Path, fastf1_restored: None, clock: list[datetime]
) -> Callable[[], OpenF1]:
    """For runs that follow each other, with one cache."""
    return lambda: open_source(upstream, tmp_path / "cache", clock)


def open_source(
    upstream: FaultyUpstream, folder: Path, clock: list[datetime], **options: Any
) -> OpenF1:
    options = {"openf1_url": upstream.openf1_url, **options}
    sources: Sources = connect(upstream, folder, clock=lambda: clock[0], **options)
    source = sources.named(Source.OPENF1)
    assert isinstance(source, OpenF1)
    return source


def fetch(
    source: OpenF1,
    key: str = "belgium",
    name: str = "Race",
    known: Collection[ResultRecord] | None = None,
    **changes: Any,
) -> ClassificationRecord:
    weekend = as_record(key)
    query = ClassificationQuery(
        2024,
        KINDS[name],
        name=weekend.name,
        is_race=partial(lambda known, race: is_race_of(race, known), as_known(weekend)),
        starts_at=SEASON.grand_prix(key).starts_at(name),
        known=tuple(known_drivers() if known is None else known),
    )
    answer = source.fetch_classifications(replace(query, **changes), fresh=True)
    [record] = answer.records
    assert isinstance(record, ClassificationRecord)
    return record


def test_every_session_of_the_season_becomes_its_classification(second: OpenF1) -> None:
    for key, name in ALL:
        record = fetch(second, key, name, known=EVERYBODY)
        weekend = SEASON.grand_prix(key)
        session = weekend.session(name)
        assert session is not None
        entries = openf1.find_entries(SEASON, weekend, session)
        # In the 2024 season each weekend's entrants are known from its other sessions.
        assert [row.driver_id for row in record.results] == [one.driver for one in entries], key
        assert [row.constructor_id for row in record.results] == [
            one.constructor for one in entries
        ]
        for row, entry in zip(record.results, entries, strict=True):
            assert row.driver_number == entry.number
            if isinstance(entry, Finish):
                assert row.classification == entry.classification
                assert (row.laps, str(row.points)) == (entry.laps, f"{float(entry.points):.2f}")
            if isinstance(entry, Lap):
                laps = [lap and timedelta(milliseconds=lap) for lap in (entry.q1, entry.q2)]
                assert [row.q1, row.q2] == laps
        assert record.is_provisional
        assert record.session_type is KINDS[name]
        assert record.generated_at == AFTERWARDS


def test_lists_are_requested_once_a_day_and_a_result_each_time(
    second: OpenF1, upstream: FaultyUpstream, tmp_path: Path, clock: list[datetime]
) -> None:
    def requested() -> list[str]:
        names = [one.path.rpartition("/")[2] for one in upstream.requests]
        upstream.clear_requests()
        return names

    fetch(second)
    assert requested() == ["meetings", "sessions", "session_result", "drivers"]
    # Another run, another process: FastF1's cache has what does not change.
    fetch(open_source(upstream, tmp_path / "cache", clock))
    assert requested() == ["session_result"]
    clock[0] += timedelta(hours=23, minutes=5)
    fetch(open_source(upstream, tmp_path / "cache", clock))
    assert requested() == ["sessions", "session_result"]
    clock[0] += timedelta(days=3, hours=2)
    fetch(open_source(upstream, tmp_path / "cache", clock))
    assert requested() == ["meetings", "sessions", "session_result", "drivers"]


@pytest.mark.parametrize("token", ["", "let me in"], ids=["no account", "an account"])
def test_while_a_session_runs_lists_are_those_of_before(
    upstream: FaultyUpstream,
    tmp_path: Path,
    fastf1_restored: None,
    clock: list[datetime],
    token: str,
) -> None:
    def list_sessions(*, fresh: bool = False) -> int:
        source = open_source(upstream, tmp_path / "cache", clock, openf1_token=token)
        upstream.clear_requests()
        return len(source.fetch_listed(2024, fresh=fresh).records)

    start = SEASON.grand_prix("belgium").starts_at("Race")
    assert start is not None
    clock[0] = start - timedelta(hours=30)
    every = list_sessions()
    assert len(upstream.requests) == 2
    clock[0] = start + timedelta(hours=1)
    assert list_sessions() == every
    assert len(upstream.requests) == (1 if token else 0)
    clock[0] = start + timedelta(hours=2, minutes=31)
    assert list_sessions() == every
    assert len(upstream.requests) == (0 if token else 1)
    # A person who wants to know has it requested.
    clock[0] = start + timedelta(hours=1)
    if token:
        assert list_sessions(fresh=True) == every
    else:
        with pytest.raises(ResultsNotReady):
            list_sessions(fresh=True)
    assert upstream.requests


KEPT_OUT: dict[str, tuple[str, traps.Trap, str, type[Exception]]] = {
    "disqualified winner first": (
        *(traps.RESULT, traps.list_disqualified_winner_first),
        *("car 63 is listed first, and has no place", ResultsNotReady),
    ),
    "disqualified winner keeps the place": (
        *(traps.RESULT, traps.keep_disqualified_winner),
        *("Lewis Hamilton is behind George Russell and was not slower", ResultsNotReady),
    ),
    "old last row": (*(traps.RESULT, traps.keep_old_last_row, "is listed twice", ResultsNotReady),),
    "place and disqualified": (
        *(traps.RESULT, traps.mark_placed_as_disqualified),
        *("car 44 has place 1 and is marked dsq", ResultsNotReady),
    ),
    "laps without a start": (
        *(traps.RESULT, traps.mark_starters_as_not_started),
        *("did not start, and has laps or another mark", ResultsNotReady),
    ),
    "no places": (
        *(traps.RESULT, traps.forget_places),
        *("car 44 went the distance, and is marked dnf without a place", ResultsNotReady),
    ),
    "disqualified winner as retired": (
        *(traps.RESULT, traps.list_disqualified_winner_as_retired),
        *("car 63 went the distance, and is marked dnf without a place", ResultsNotReady),
    ),
    "finisher as retired": (
        *(traps.RESULT, traps.mark_finisher_as_retired),
        *("car 81 has place 2 and a time, and is marked dnf", ResultsNotReady),
    ),
    "half a field": (traps.RESULT, traps.keep_half, "10 entries", ResultsNotReady),
    "numbers alone": (
        *(traps.DRIVERS, traps.number_alone),
        *("a driver in car 44 is no driver that the season knows yet", ResultsNotReady),
    ),
    "last season's champion": (
        *(traps.DRIVERS, traps.champion_of_last_season),
        *("the season knows another driver than Lando NORRIS in car 1", ResultsNotReady),
    ),
    "unknown driver": (
        *(traps.DRIVERS, traps.unknown_driver),
        *("a driver in car 44 is no driver that the season knows yet", ResultsNotReady),
    ),
    "another session": (
        *(traps.RESULT, traps.another_session, "it is of another session", BadSourceData),
    ),
    "places as texts": (
        *(traps.RESULT, traps.places_as_texts, "a row has the place '1'", BadSourceData),
    ),
    "another shape": (traps.RESULT, traps.renamed, "cannot be read", BadSourceData),
    "an object": (traps.RESULT, traps.in_an_object, "cannot be read", BadSourceData),
}


@pytest.mark.parametrize("case", KEPT_OUT)
def test_what_contradicts_itself_is_kept_out_with_the_reason(
    second: OpenF1, upstream: FaultyUpstream, case: str
) -> None:
    path, trap, reason, error = KEPT_OUT[case]
    upstream.fault(path, transform=trap, times=1)
    with pytest.raises(error, match="OpenF1's race of the 2024 Belgian Grand Prix") as raised:
        fetch(second)
    assert reason in str(raised.value)
    # Nothing of it stays: the next answer is read as it is.
    assert fetch(second).results[0].driver_id == "hamilton"


QUALIFYINGS_KEPT_OUT = {
    "while it is filled": (traps.keep_first_part, "Q2 is missing still"),
    "a car without a place that did not start, and has laps": (
        *(traps.mark_starters_as_not_started, "did not start, and has laps or another mark"),
    ),
}


@pytest.mark.parametrize("case", QUALIFYINGS_KEPT_OUT)
def test_a_qualifying_that_cannot_be_right_is_kept_out(
    second: OpenF1, upstream: FaultyUpstream, case: str
) -> None:
    trap, reason = QUALIFYINGS_KEPT_OUT[case]
    upstream.fault(traps.RESULT, transform=trap)
    with pytest.raises(ResultsNotReady, match=reason):
        fetch(second, "belgium", "Qualifying")


def test_marks_of_a_qualifyings_parts_hide_no_result(
    second: OpenF1, upstream: FaultyUpstream
) -> None:
    truth = fetch(second, "belgium", "Qualifying")
    upstream.fault(traps.RESULT, transform=traps.leave_in_the_garage)
    record = fetch(second, "belgium", "Qualifying")
    assert [row.driver_id for row in record.results] == [row.driver_id for row in truth.results]
    assert record.results[9].q3 is None


@pytest.mark.parametrize("trap", [traps.exchange_teams, traps.forget_teams, traps.forget_a_team])
def test_for_whom_a_driver_drives_hides_no_result(
    second: OpenF1, upstream: FaultyUpstream, trap: traps.Trap
) -> None:
    upstream.fault(traps.DRIVERS, transform=trap)
    found = {row.driver_id: row for row in fetch(second).results}
    truth = {one.driver: one.constructor for one in SEASON.races["belgium"]}
    assert list(found) == list(truth)
    differing = {key for key, row in found.items() if row.constructor_id != truth[key]}
    if trap is traps.exchange_teams:
        # Which of the two is which is decided by nothing that is known.
        assert differing == {"max_verstappen", "perez", "ricciardo", "tsunoda"}
        names = [found[key].constructor_name for key in ("perez", "tsunoda")]
        assert (names, found["perez"].constructor_id) == (["RB", "Red Bull Racing"], "")
    else:
        assert differing == set()


def test_rows_in_the_pages_order_are_sorted_by_place(
    second: OpenF1, upstream: FaultyUpstream
) -> None:
    truth = fetch(second)
    upstream.fault(traps.RESULT, transform=traps.shuffle)
    assert fetch(second).results == truth.results


@pytest.mark.parametrize("value", ["fast", [1], True, -4, 1e9, {}])
def test_a_detail_that_cannot_be_read_hides_no_result(
    second: OpenF1, upstream: FaultyUpstream, value: Any
) -> None:
    def spoil(rows: traps.Rows) -> traps.Rows:
        spoilt = {"duration": value, "gap_to_leader": value}
        return [rows[0], rows[1] | spoilt, *rows[2:]]

    truth = fetch(second)
    upstream.fault(traps.RESULT, transform=spoil)
    record = fetch(second)
    assert [row.driver_id for row in record.results] == [row.driver_id for row in truth.results]
    assert record.results[1].time is None


NOT_NOW = timedelta(minutes=100)


def test_while_a_session_runs_is_not_now_and_the_wait_is_until_it_can_be_over(
    second: OpenF1, upstream: FaultyUpstream, clock: list[datetime]
) -> None:
    start = SEASON.grand_prix("belgium").starts_at("Race")
    assert start is not None
    clock[0] = start - timedelta(hours=1)
    with pytest.raises(ResultsNotReady):
        fetch(second, "belgium", "Sprint", is_race=None)
    clock[0] = start + NOT_NOW
    with pytest.raises(ResultsNotReady, match="while a session runs OpenF1 answers only") as now:
        fetch(second, "belgium", "Qualifying")
    assert now.value.expires_at == start + timedelta(minutes=105)
    # Its own may be over sooner than the list says: it may have been put forward.
    with pytest.raises(ResultsNotReady, match="while a session runs OpenF1 answers only") as own:
        fetch(second)
    assert own.value.expires_at is None
    # It should be over, and is asked for again by the usual rhythm.
    clock[0] = start + timedelta(hours=2, minutes=10)
    with pytest.raises(ResultsNotReady, match="only requests with an account") as late:
        fetch(second)
    assert late.value.expires_at is None
    clock[0] = start + timedelta(hours=2, minutes=31)
    assert fetch(second).results[0].driver_id == "hamilton"


def test_an_account_is_answered_while_a_session_runs_and_its_token_goes_nowhere_else(
    upstream: FaultyUpstream, tmp_path: Path, fastf1_restored: None, clock: list[datetime]
) -> None:
    start = SEASON.grand_prix("belgium").starts_at("Race")
    assert start is not None
    clock[0] = start + NOT_NOW
    source = open_source(upstream, tmp_path / "cache", clock, openf1_token="let me in")
    assert fetch(source).results[0].driver_id == "hamilton"
    assert {one.headers.get("authorization") for one in upstream.requests} == {"Bearer let me in"}
    cached = (tmp_path / "cache" / "fastf1_http_cache.sqlite").read_bytes()
    assert b"let me in" not in cached


@pytest.mark.parametrize("body", [b"[]", None], ids=["an empty list", "not found"])
def test_no_rows_are_not_yet(second: OpenF1, upstream: FaultyUpstream, body: bytes | None) -> None:
    how: dict[str, Any] = {"body": body} if body else {"status": 404}
    upstream.fault(traps.RESULT, **how)
    with pytest.raises(ResultsNotReady, match="OpenF1 has no rows yet"):
        fetch(second)


def test_a_session_that_was_put_off_is_requested_less_often(
    second: OpenF1, upstream: FaultyUpstream, clock: list[datetime]
) -> None:
    start = SEASON.grand_prix("belgium").starts_at("Qualifying")
    assert start is not None
    upstream.fault(traps.RESULT, body=b"[]")
    for minutes, pause in ((95, None), (105, None), (110, 30), (200, 30)):
        clock[0] = start + timedelta(minutes=minutes)
        with pytest.raises(ResultsNotReady, match="OpenF1 has no rows yet") as not_yet:
            fetch(second, "belgium", "Qualifying")
        expected = None if pause is None else clock[0] + timedelta(minutes=pause)
        assert not_yet.value.expires_at == expected


def test_a_session_that_was_put_off_is_followed_by_its_new_start_with_a_list_of_yesterday(
    second: OpenF1, upstream: FaultyUpstream, clock: list[datetime]
) -> None:
    """Qualifying in São Paulo in 2024: on Sunday morning in place of Saturday afternoon."""
    start = SEASON.grand_prix("belgium").starts_at("Qualifying")
    assert start is not None

    def bring_forward(row: dict[str, Any]) -> dict[str, Any]:
        if row["date_start"] != start.isoformat():
            return row
        times = {name: datetime.fromisoformat(row[name]) for name in ("date_start", "date_end")}
        return row | {
            name: (time - timedelta(hours=17)).isoformat() for name, time in times.items()
        }

    upstream.fault("*/sessions", transform=change_lists(bring_forward))
    empty = upstream.fault(traps.RESULT, body=b"[]")
    for minutes, pause in ((95, None), (110, 30)):
        clock[0] = start + timedelta(minutes=minutes)
        with pytest.raises(ResultsNotReady, match="OpenF1 has no rows yet") as not_yet:
            fetch(second, "belgium", "Qualifying")
        expected = None if pause is None else clock[0] + timedelta(minutes=pause)
        assert not_yet.value.expires_at == expected
    empty.times = 0
    assert fetch(second, "belgium", "Qualifying").results[0].driver_id == "max_verstappen"


def test_drivers_that_come_later_are_requested_again(
    second: OpenF1, upstream: FaultyUpstream
) -> None:
    upstream.fault(traps.DRIVERS, body=b"[]", times=1)
    with pytest.raises(ResultsNotReady, match="no driver that the season knows yet"):
        fetch(second)
    assert fetch(second).results[0].driver_id == "hamilton"


FAILURES: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "an HTML page": ({"status": 500, "html": True}, SourceUnavailable),
    "unavailable": ({"status": 503}, SourceUnavailable),
    "too many requests": ({"status": 429}, SourceRateLimited),
    "a refused account": ({"status": 401, "json": {"detail": "Bad token"}}, SourceUnavailable),
    "a reset": ({"reset": True}, SourceUnavailable),
    "HTML as if it were rows": ({"html": True}, BadSourceData),
    "half a body": ({"truncate": 100}, BadSourceData),
    "a detail as if it were rows": ({"json": {"detail": "Oops"}}, BadSourceData),
    "no objects": ({"json": [1, 2, 3]}, BadSourceData),
}


STATUSES = {
    case: how["status"]
    for case, (how, error) in FAILURES.items()
    if error is not BadSourceData and "status" in how
}


@pytest.mark.parametrize("path", ["*/session_result", "*/drivers", "*/meetings", "*/sessions"])
@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_has_a_type_and_leaves_no_copy(
    upstream: FaultyUpstream,
    open_second: Callable[[], OpenF1],
    path: str,
    case: str,
) -> None:
    how, error = FAILURES[case]
    upstream.fault(path, times=1, **how)
    with pytest.raises(error, match=r"^OpenF1's race of the 2024 [A-Z].* Grand Prix: ") as failed:
        fetch(open_second())
    assert getattr(failed.value, "status", None) == STATUSES.get(case)
    assert fetch(open_second()).results[0].driver_id == "hamilton"


def change_lists(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], Any]:
    return lambda rows: [change(row) for row in rows]


def test_a_meeting_that_came_back_is_found_by_its_day_and_not_by_its_old_key(
    second: OpenF1, upstream: FaultyUpstream
) -> None:
    def add_cancelled(rows: traps.Rows) -> traps.Rows:
        [belgium] = [row for row in rows if row["meeting_name"] == "Belgian Grand Prix"]
        return [{**belgium, "meeting_key": 1, "is_cancelled": True}, *rows]

    def add_sessions(rows: traps.Rows) -> traps.Rows:
        key = openf1.meeting_key(SEASON, SEASON.grand_prix("belgium"))
        old = [row for row in rows if row["meeting_key"] == key]
        return [*({**row, "meeting_key": 1, "session_key": 7} for row in old), *rows]

    upstream.fault("*/meetings", transform=add_cancelled)
    upstream.fault("*/sessions", transform=add_sessions)
    assert fetch(second).results[0].driver_id == "hamilton"


def test_two_sessions_that_it_may_be_are_none(second: OpenF1, upstream: FaultyUpstream) -> None:
    upstream.fault("*/sessions", transform=lambda rows: [*rows, *rows])
    with pytest.raises(ResultsNotReady, match="lists more than one session that it may be"):
        fetch(second)


@pytest.mark.parametrize(
    "change",
    [{"is_cancelled": True}, {"date_start": "2024-06-01T10:00:00+00:00"}, {"session_name": "GP"}],
)
def test_a_session_that_is_cancelled_or_another_is_not_taken(
    second: OpenF1, upstream: FaultyUpstream, change: dict[str, Any]
) -> None:
    upstream.fault("*/sessions", transform=change_lists(lambda row: row | change))
    with pytest.raises((ResultsNotReady, BadSourceData)):
        fetch(second)


def test_a_meeting_that_cannot_be_read_spoils_no_other(
    second: OpenF1, upstream: FaultyUpstream
) -> None:
    def spoil(row: dict[str, Any]) -> dict[str, Any]:
        is_monaco = row["meeting_name"].startswith("Monaco")
        return row | {"meeting_name": None} if is_monaco else row

    upstream.fault("*/meetings", transform=change_lists(spoil))
    assert fetch(second).results[0].driver_id == "hamilton"
    with pytest.raises(ResultsNotReady, match="OpenF1 does not list it"):
        fetch(second, "monaco")


BELGIUM = openf1.meeting_key(SEASON, SEASON.grand_prix("belgium"))
PUT_OFF: dict[str, Any] = {"session_key": 5, "date_start": "2024-07-21T13:00:00+00:00"}
# By the list, the rows of Belgium's that are changed, and how.
SPOILT: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no start": ("sessions", "Qualifying", {"date_start": None}),
    "no end": ("sessions", "Qualifying", {"date_end": None}),
    "a key as a text": ("sessions", "Qualifying", {"session_key": "9"}),
    "no meeting": ("sessions", "Qualifying", {"meeting_key": None}),
    "a far day": ("sessions", "Qualifying", {"date_end": "9999-12-31T23:59:59+00:00"}),
    "no offset": ("meetings", "Belgian Grand Prix", {"gmt_offset": None}),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_session_that_cannot_be_read_spoils_no_other(
    second: OpenF1, upstream: FaultyUpstream, case: str
) -> None:
    path, name, changes = SPOILT[case]

    def spoil(row: dict[str, Any]) -> dict[str, Any]:
        is_it = row["meeting_key"] == BELGIUM and name in row.values()
        return row | changes if is_it else row

    upstream.fault(f"*/{path}", transform=change_lists(spoil))
    assert fetch(second).results[0].driver_id == "hamilton"
    if path == "sessions":
        with pytest.raises(ResultsNotReady, match="OpenF1 does not list it"):
            fetch(second, "belgium", "Qualifying")


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_race_that_was_put_off_may_be_listed_twice(
    second: OpenF1, upstream: FaultyUpstream, is_cancelled: bool
) -> None:
    def add_old(rows: traps.Rows) -> traps.Rows:
        of_belgium = [row for row in rows if row["meeting_key"] == BELGIUM]
        [race] = [row for row in of_belgium if row["session_name"] == "Race"]
        return [race | PUT_OFF | {"is_cancelled": is_cancelled}, *rows]

    upstream.fault("*/sessions", transform=add_old)
    assert fetch(second).results[0].driver_id == "hamilton"
    assert fetch(second, "belgium", "Qualifying").results[0].driver_id == "max_verstappen"


def test_a_debutant_keeps_his_session_out_by_name(second: OpenF1) -> None:
    known = [row for row in known_drivers() if row.driver_id != "bearman"]
    with pytest.raises(ResultsNotReady, match="Oliver BEARMAN in car 38 is no driver that the"):
        fetch(second, "saudi-arabia", known=known)


def test_who_drives_for_another_team_is_known_by_what_is_left() -> None:
    """Bearman had driven for Ferrari alone when he drove for Haas in Azerbaijan."""
    from ingestion.sources.cars import Car, match_cars

    def entrant(driver: str, number: int, team: str) -> ResultRecord:
        return ResultRecord(
            1, 1, "1", driver, number, driver[:3].upper(), driver.title(), team, team.title()
        )

    known = [
        entrant("leclerc", 16, "ferrari"),
        entrant("sainz", 55, "ferrari"),
        entrant("bearman", 38, "ferrari"),
        entrant("hulkenberg", 27, "haas"),
    ]
    cars = [
        Car(50, "BEA", "BEARMAN", "Haas"),
        Car(27, "HUL", "Hülkenberg", "Haas"),
        Car(16, "LEC", "Leclerc", "Scuderia"),
        Car(55, "SAI", "Sainz", "Scuderia"),
    ]
    found = match_cars(cars, known)
    assert [(one.driver_id, one.constructor_id) for one in found] == [
        ("bearman", "haas"), ("hulkenberg", "haas"), ("leclerc", "ferrari"), ("sainz", "ferrari"),
    ]  # fmt: skip


def test_the_pace_leaves_pauses_and_stays_below_the_minutes_limit() -> None:
    pace = Pace(timedelta(seconds=0.35), 20, timedelta(minutes=1))
    now, times = AFTERWARDS, []
    for _ in range(60):
        now += pace.take(now)
        times.append(now)
    for earlier, later in zip(times, times[3:], strict=False):
        assert later - earlier > timedelta(seconds=1)
    for first, beyond in zip(times, times[20:], strict=False):
        assert beyond - first >= timedelta(minutes=1)


@pytest.mark.parametrize("seconds", [59, 61])
def test_a_full_minute_is_waited_for_and_nothing_longer(
    second: OpenF1, clock: list[datetime], monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    """The sprint qualifyings of two seasons are 28 requests."""
    room_at = AFTERWARDS + timedelta(seconds=seconds)

    def reserve(host: str, requests: int) -> None:
        if clock[0] < room_at:
            raise SourceRateLimited("20 requests within a minute", retry_at=room_at)

    def pass_time(seconds: float) -> None:
        clock[0] += timedelta(seconds=seconds)

    monkeypatch.setattr(second._adapter, "_reserve", reserve)
    monkeypatch.setattr(second._adapter, "_sleep", pass_time)
    if seconds == 59:
        assert fetch(second).results[0].driver_id == "hamilton"
    else:
        with pytest.raises(SourceRateLimited):
            fetch(second)
    assert clock[0] == (room_at if seconds == 59 else AFTERWARDS)


def test_seasons_before_it_are_not_offered(second: OpenF1) -> None:
    assert not second.offers(2022, SessionType.SPRINT)
    assert second.offers(2023, SessionType.SPRINT_QUALIFYING)


# Who drives a weekend


BELGIAN_FRIDAY = datetime(2024, 7, 26, 18, tzinfo=UTC)
BEARMAN: dict[str, Any] = {
    "driver_number": 38,
    "name_acronym": "BEA",
    "full_name": "Oliver BEARMAN",
    "team_name": "Ferrari",
}
# Known by his name and letters, in a car that is not his.
RESERVE = {**BEARMAN, "driver_number": 50, "team_name": "Haas F1 Team"}
NEWCOMER = {**BEARMAN, "driver_number": 97, "name_acronym": "SHW", "full_name": "Robert SHWARTZMAN"}
# In a car that the season knows: who drives it is in doubt.
STRANGER = {**NEWCOMER, "driver_number": 38}
JEDDAH = tuple(map(as_result, SEASON.races["saudi-arabia"]))


def list_entrants(source: OpenF1) -> tuple[dict[str, tuple[int | None, str]], tuple[str, ...]]:
    """Number and constructor by driver, and the notices."""
    weekend = as_record("belgium")
    known = {(row.driver_id, row.driver_number): row for row in (*known_drivers(), *JEDDAH)}
    query = EntrantsQuery(
        2024,
        "belgian-grand-prix",
        partial(lambda known, race: is_race_of(race, known), as_known(weekend)),
        tuple(known.values()),
    )
    answer = source.fetch_entrants(query)
    cars = {one.driver_id: (one.driver_number, one.constructor_id) for one in answer.records}
    return cars, answer.notices


@pytest.fixture
def on_friday(second: OpenF1, clock: list[datetime]) -> OpenF1:
    clock[0] = BELGIAN_FRIDAY
    return second


@pytest.mark.parametrize(
    "case",
    [
        ({0}, BEARMAN, True),
        ({0}, RESERVE, False),
        ({0, 1}, RESERVE, True),
        ({0}, NEWCOMER, False),
        ({0, 1}, NEWCOMER, True),
        ({3}, NEWCOMER, True),
        ({0, 1}, STRANGER, False),
    ],
    ids=[
        *("known", "reserve", "in two sessions", "newcomer", "newcomer in two sessions"),
        *("newcomer in qualifying", "stranger with a known number"),
    ],
)
def test_of_practice_only_who_is_known_or_in_two_sessions_is_an_entrant(
    on_friday: OpenF1,
    upstream: FaultyUpstream,
    clock: list[datetime],
    case: tuple[set[int], dict[str, Any], bool],
) -> None:
    sessions, facts, is_in = case
    regulars = {one.driver: (one.number, one.constructor) for one in SEASON.qualifyings["belgium"]}
    upstream.fault(traps.DRIVERS, transform=traps.add_driver(sessions, **facts))
    if sessions == {3}:
        clock[0] += timedelta(hours=22)
    cars, notices = list_entrants(on_friday)
    # The season has no key of a newcomer.
    key = "" if facts is NEWCOMER else "bearman"
    assert cars.keys() - regulars.keys() == ({key} if is_in else set())
    assert regulars.items() <= cars.items()
    if is_in:
        constructor = "haas" if facts is RESERVE else "ferrari"
        assert cars[key] == (facts["driver_number"], constructor)
    assert [("Robert SHWARTZMAN in car 38" in notice) for notice in notices] == [True] * (
        facts is STRANGER
    )


def test_a_qualifyings_drivers_count_as_they_are_and_each_list_is_requested_once(
    second: OpenF1, upstream: FaultyUpstream, clock: list[datetime], tmp_path: Path
) -> None:
    def lists_requested() -> int:
        number = sum(one.path.endswith("/drivers") for one in upstream.requests)
        upstream.clear_requests()
        return number

    # Of Belgium: three practices, qualifying, race.
    upstream.fault(traps.DRIVERS, transform=traps.add_driver({3}, **RESERVE))
    for at, times in [
        (datetime(2024, 7, 26, 10, tzinfo=UTC), 0),
        # While the second practice runs, only requests with an account are answered.
        (datetime(2024, 7, 26, 15, 30, tzinfo=UTC), 0),
        (BELGIAN_FRIDAY, 2),
        (BELGIAN_FRIDAY + timedelta(hours=1), 0),
        (datetime(2024, 7, 27, 12, 30, tzinfo=UTC), 1),
        (datetime(2024, 7, 27, 16, tzinfo=UTC), 1),
        (datetime(2024, 7, 28, 12, tzinfo=UTC), 0),
    ]:
        clock[0] = at
        cars, _ = list_entrants(open_source(upstream, tmp_path / "cache", clock))
        assert (at, lists_requested()) == (at, times)
    assert cars["bearman"] == (50, "haas")


def test_drivers_lists_that_stay_empty_or_make_no_sense_enter_nobody(
    second: OpenF1, upstream: FaultyUpstream, clock: list[datetime]
) -> None:
    clock[0] = BELGIAN_FRIDAY
    numbers_alone: traps.Trap = lambda rows: [  # noqa: E731
        dict.fromkeys(row) | {"driver_number": row["driver_number"]} for row in rows
    ]
    fault = upstream.fault(traps.DRIVERS, transform=numbers_alone)
    assert list_entrants(second) == ({}, ())
    fault.times = 0
    clock[0] = datetime(2024, 7, 27, 12, 30, tzinfo=UTC)
    upstream.fault(traps.DRIVERS, body=b"[]")
    assert list_entrants(second) == ({}, ())
