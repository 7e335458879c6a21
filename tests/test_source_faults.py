"""Every way in which an upstream fails is one typed error that a person understands, and nothing
of it stays in FastF1's cache."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import (
    BadSourceData,
    IngestionError,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.records import CalendarRecord
from ingestion.sample.season import load_season
from ingestion.sessions import SessionType
from ingestion.sources import SourceAnswer, Sources, http
from tests.fastf1_limits import (
    cached_urls,
    connect,
    fetch_calendar,
    fetch_results,
    fetch_schedule,
)
from tests.shortened import shortened
from tests.upstream import FaultyUpstream, with_meta, with_rows, with_wrong_types

# Three pages, as a whole season's five take longer and show no more.
ROUNDS_RUN = 11
ROWS = 219
# Much longer than the stand-in takes, much shorter than a person would wait.
SOON = 0.4
LONG = 60.0


@dataclass(frozen=True)
class Ask:
    """A fetch, and which request of it is spoiled."""

    what: str
    path: str
    ask: Callable[..., SourceAnswer[Any]]
    rows: int
    offset: str | None = None

    def target(self) -> str:
        if self.path.startswith("/f1schedule/"):
            return self.path
        return f"{self.path}?limit=100" + (f"&offset={self.offset}" if self.offset else "")

    def spoil(self, upstream: FaultyUpstream, **switches: Any) -> None:
        upstream.fault(self.path, query={"offset": self.offset}, **switches)

    def __call__(self, sources: Sources) -> SourceAnswer[Any]:
        return self.ask(sources, 2024, fresh=False)


@pytest.fixture
def upstream() -> Iterator[FaultyUpstream]:
    season = load_season(2024)
    run = [grand_prix.id for grand_prix in season.grands_prix[:ROUNDS_RUN]]
    races = {key: season.races[key] for key in run}
    with FaultyUpstream({2024: replace(season, races=races)}) as started:
        yield started


def fetch_races(sources: Sources, season: int, *, fresh: bool) -> SourceAnswer[Any]:
    return fetch_results(sources, season, SessionType.RACE, fresh=fresh)


SCHEDULE = Ask("the schedule file of 2024", "/f1schedule/schedule_2024.json", fetch_schedule, 24)
CALENDAR = Ask("Jolpica's calendar of 2024", "/ergast/f1/2024/races.json", fetch_calendar, 24)
FIRST_PAGE = Ask("Jolpica's results of 2024", "/ergast/f1/2024/results.json", fetch_races, ROWS)
THIRD_PAGE = Ask(
    "Jolpica's results of 2024", "/ergast/f1/2024/results.json", fetch_races, ROWS, "200"
)
HOST = "127.0.0.1"
BROKEN_OFF = "the server cannot be reached or broke off"

every_ask = pytest.mark.parametrize(
    "ask",
    shortened([SCHEDULE, THIRD_PAGE, CALENDAR, FIRST_PAGE], keep=2),
    ids=["schedule", "third page", "calendar", "first page"],
)
# Byte by byte, each sooner than any limit between bytes.
DRIPPING_HEADERS = {"drip": "headers", "interval": 0.02}
DRIPPING_BODY = {"drip": "body", "interval": 0.005}
each_page = pytest.mark.parametrize("ask", [FIRST_PAGE, THIRD_PAGE], ids=["first", "third"])


def fail(ask: Ask, sources: Sources) -> IngestionError:
    with pytest.raises(IngestionError) as raised:
        ask(sources)
    return raised.value


def assert_recovers(ask: Ask, upstream: FaultyUpstream, sources: Sources) -> None:
    """Nothing of the bad answer is left: the same question, cache allowed, is answered truly."""
    assert not [url for url in cached_urls() if url == upstream.address + ask.target()]
    upstream.clear_faults()
    sources.adapter._whole_request = LONG
    assert count(ask(sources)) == ask.rows


def count(answer: SourceAnswer[Any]) -> int:
    """Grands prix of a calendar, rows of all classifications."""
    return sum(
        len(one.grands_prix if isinstance(one, CalendarRecord) else one.results)
        for one in answer.records
    )


# No answer


@every_ask
def test_a_refused_connection(ask: Ask, upstream: FaultyUpstream, sources: Sources) -> None:
    upstream.stop()
    error = fail(ask, sources)
    assert type(error) is SourceUnavailable
    assert str(error) == f"{ask.what}: {BROKEN_OFF} ({HOST}: connection refused)"
    assert error.status is None
    assert cached_urls() == []


@every_ask
@pytest.mark.parametrize("switches", [{"reset": True}, {"cut": 500}], ids=["reset", "cut"])
def test_a_connection_that_breaks_off(
    ask: Ask, switches: dict[str, Any], upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, **switches)
    reason = ": connection reset by peer" if "reset" in switches else ""
    error = fail(ask, sources)
    assert type(error) is SourceUnavailable
    assert str(error) == f"{ask.what}: {BROKEN_OFF} ({HOST}{reason})"
    assert_recovers(ask, upstream, sources)


@pytest.mark.parametrize(
    ("ask", "switches"),
    [
        (SCHEDULE, {"hang": True}),
        (CALENDAR, {"hang": True}),
        (FIRST_PAGE, {"hang": True}),
        (THIRD_PAGE, {"hang": True}),
        (SCHEDULE, {"delay": 60}),
        (FIRST_PAGE, {"delay": 60}),
        (SCHEDULE, DRIPPING_HEADERS),
        (CALENDAR, DRIPPING_HEADERS),
        (SCHEDULE, DRIPPING_BODY),
        (THIRD_PAGE, DRIPPING_BODY),
    ],
)
def test_an_answer_that_takes_too_long_as_a_whole(
    ask: Ask, switches: dict[str, Any], upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, **switches)
    sources.adapter._whole_request = SOON
    error = fail(ask, sources)
    assert type(error) is SourceUnavailable
    assert str(error) == f"{ask.what}: no answer in time ({HOST})"
    assert error.status is None
    assert_recovers(ask, upstream, sources)


def test_an_unknown_host(upstream: FaultyUpstream, tmp_path: Path, fastf1_restored: None) -> None:
    # Reserved for what never resolves (RFC 6761).
    sources = connect(upstream, tmp_path / "cache", jolpica_url="http://jolpica.invalid/f1")
    error = fail(CALENDAR, sources)
    assert type(error) is SourceUnavailable
    assert str(error) == f"{CALENDAR.what}: {BROKEN_OFF} (jolpica.invalid: its name is not known)"


# An answer that refuses


@every_ask
@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "Not Found"), (500, "Internal Server Error"), (503, "Service Unavailable")],
)
def test_a_refusal(
    ask: Ask, status: int, reason: str, upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, status=status)
    error = fail(ask, sources)
    assert type(error) is SourceUnavailable
    assert str(error) == f"{ask.what}: the server answered {status} {reason}"
    assert error.status == status
    assert_recovers(ask, upstream, sources)


@every_ask
@pytest.mark.parametrize("retry_after", [None, 7])
def test_too_many_requests(
    ask: Ask, retry_after: int | None, upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, status=429, retry_after=retry_after)
    error = fail(ask, sources)
    assert type(error) is SourceRateLimited
    assert str(error) == f"{ask.what}: the server asks for fewer requests (429)"
    assert error.status == 429
    if retry_after is None:
        assert error.retry_at is None
        assert error.advice == "Run it again in an hour: it continues with what is missing"
    else:
        exchange = sources.adapter.last
        assert exchange is not None
        assert error.retry_at == exchange.at + timedelta(seconds=retry_after)
        assert f"after {error.retry_at:%H:%M} UTC" in error.advice
    assert_recovers(ask, upstream, sources)


@pytest.mark.parametrize(
    ("after", "hours"),
    [
        ("Fri, 31 Dec 9999 23:59:59 GMT", 6),
        ("99999999999999999999", 6),
        ("21600", 6),
        ("7200", 2),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("-5", None),
        ("soon", None),
    ],
)
def test_how_long_too_many_requests_are_waited_for_has_bounds(
    after: str, hours: int | None, upstream: FaultyUpstream, sources: Sources
) -> None:
    """A date of the year 9999 would stop polling for a weekend."""
    CALENDAR.spoil(upstream, status=429, headers={"Retry-After": after})
    error = fail(CALENDAR, sources)
    assert type(error) is SourceRateLimited
    exchange = sources.adapter.last
    assert exchange is not None
    expected = None if hours is None else exchange.at + timedelta(hours=hours)
    assert error.retry_at == expected


# An answer that makes no sense


@every_ask
@pytest.mark.parametrize(
    "switches",
    [
        {"body": b""},
        {"body": b"\n"},
        {"html": True},
        {"truncate": 500},
        {"json": {"other": []}},
        {"json": [1, 2]},
        {"body": b"null"},
        {"body": b"\xff\xfe\x00"},
        {"body": b"[" * 100_000},
        {"transform": with_wrong_types},
    ],
    ids=[
        "empty",
        "bare newline",
        "HTML",
        "cut JSON",
        "another shape",
        "a list",
        "null",
        "no text",
        "too deep",
        "wrong types",
    ],
)
def test_an_unreadable_answer(
    ask: Ask, switches: dict[str, Any], upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, **switches)
    error = fail(ask, sources)
    assert type(error) is BadSourceData
    assert str(error) == (f"{ask.what}: the answer is not what it should be and cannot be read")
    assert_recovers(ask, upstream, sources)


@every_ask
def test_a_body_that_is_not_compressed_as_it_says(
    ask: Ask, upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, headers={"Content-Encoding": "gzip"})
    error = fail(ask, sources)
    assert type(error) is BadSourceData
    assert str(error) == f"{ask.what}: the answer cannot be decoded"
    assert_recovers(ask, upstream, sources)


@every_ask
def test_a_body_that_never_ends(
    ask: Ask,
    upstream: FaultyUpstream,
    sources: Sources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask.spoil(upstream, body=b"[" + b" " * 300_000 + b"]")
    with monkeypatch.context() as smaller:
        smaller.setattr(http, "LARGEST_BODY", 250_000)
        error = fail(ask, sources)
    assert type(error) is BadSourceData
    assert_recovers(ask, upstream, sources)


# Pages that are not of one piece


@pytest.mark.parametrize("total", [23, 25, 0])
def test_a_calendar_whose_total_lies(
    total: int, upstream: FaultyUpstream, sources: Sources
) -> None:
    CALENDAR.spoil(upstream, transform=with_meta(total=str(total)))
    error = fail(CALENDAR, sources)
    assert type(error) is BadSourceData
    assert str(error) == f"{CALENDAR.what}: 24 rows were sent of {total}"
    assert_recovers(CALENDAR, upstream, sources)


@pytest.mark.parametrize(
    ("total", "message"),
    [
        (3, "a page has 100 rows where 3 should be"),
        (0, "a page has 100 rows where 0 should be"),
        (-1, "-1 rows in all cannot be"),
        (10**7, "10000000 rows in all cannot be"),
        (218, "a page has 19 rows where 18 should be"),
        (220, "a page has 19 rows where 20 should be"),
        (301, "a page has 19 rows where 100 should be"),
    ],
)
def test_results_whose_total_lies(
    total: int, message: str, upstream: FaultyUpstream, sources: Sources
) -> None:
    upstream.fault(FIRST_PAGE.path, transform=with_meta(total=str(total)))
    error = fail(FIRST_PAGE, sources)
    assert type(error) is BadSourceData
    assert str(error) == f"{FIRST_PAGE.what}: {message}"
    assert cached_urls() == []
    assert_recovers(FIRST_PAGE, upstream, sources)


@each_page
@pytest.mark.parametrize("total", ["218", "220"])
def test_a_total_that_changes_between_pages(
    ask: Ask, total: str, upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, transform=with_meta(total=total))
    error = fail(ask, sources)
    assert type(error) is BadSourceData
    assert str(error) == f"{ask.what}: the number of rows changed from page to page"
    assert cached_urls() == []
    assert_recovers(ask, upstream, sources)


@each_page
def test_a_page_that_lacks_a_row(ask: Ask, upstream: FaultyUpstream, sources: Sources) -> None:
    ask.spoil(upstream, transform=without_a_row)
    error = fail(ask, sources)
    assert type(error) is BadSourceData
    should_be = 100 if ask is FIRST_PAGE else 19
    assert str(error) == f"{ask.what}: a page has {should_be - 1} rows where {should_be} should be"
    assert cached_urls() == []
    assert_recovers(ask, upstream, sources)


def without_a_row(document: Any) -> Any:
    document["MRData"]["RaceTable"]["Races"][0]["Results"].pop()
    return document


@each_page
def test_another_page_than_the_requested_one(
    ask: Ask, upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, transform=with_meta(offset="100"))
    error = fail(ask, sources)
    assert type(error) is BadSourceData
    assert str(error) == f"{ask.what}: another page than the requested one was sent"
    assert_recovers(ask, upstream, sources)


@pytest.mark.parametrize(
    "session_type", [SessionType.RACE, SessionType.QUALIFYING, SessionType.SPRINT]
)
def test_a_page_that_repeats_the_first(
    session_type: SessionType, upstream: FaultyUpstream, sources: Sources
) -> None:
    """It says the requested offset, and the rows of another: their half of a race that
    the next page completes would be missing."""
    endpoint = session_type.kind.ergast_endpoint
    upstream.fault(f"/ergast/f1/2024/{endpoint}.json", query={"offset": "100"}, repeat_page=True)
    with pytest.raises(BadSourceData, match=f"^Jolpica's {endpoint} of 2024: "):
        fetch_results(sources, 2024, session_type, fresh=False)
    assert cached_urls() == []


@each_page
@pytest.mark.parametrize("meta", [{"total": "many"}, {"total": None}, {"offset": "first"}])
def test_a_page_whose_numbers_are_none(
    ask: Ask, meta: dict[str, Any], upstream: FaultyUpstream, sources: Sources
) -> None:
    ask.spoil(upstream, transform=with_meta(**meta))
    error = fail(ask, sources)
    assert type(error) is BadSourceData
    assert str(error).startswith(f"{ask.what}: ")
    assert_recovers(ask, upstream, sources)


# Another season


def of_2023(document: Any) -> Any:
    for race in document["MRData"]["RaceTable"]["Races"]:
        race["season"] = "2023"
    return document


def test_results_of_another_season_are_refused(upstream: FaultyUpstream, sources: Sources) -> None:
    upstream.fault(THIRD_PAGE.path, query={"offset": "200"}, transform=of_2023)
    error = fail(THIRD_PAGE, sources)
    assert type(error) is BadSourceData
    assert str(error) == "Jolpica's race results of 2024 cannot be read: they are of 2023"
    assert_recovers(THIRD_PAGE, upstream, sources)


def test_a_calendar_of_another_season_is_refused(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    upstream.fault(CALENDAR.path, transform=of_2023)
    error = fail(CALENDAR, sources)
    assert type(error) is BadSourceData
    assert str(error) == f"{CALENDAR.what} cannot be read: it has a race of 2023"
    assert_recovers(CALENDAR, upstream, sources)


# What a message must not say


@every_ask
@pytest.mark.parametrize(
    "switches", [{"status": 500}, {"body": b""}, {"reset": True}, {"status": 429}]
)
def test_no_error_has_a_password(
    ask: Ask,
    switches: dict[str, Any],
    upstream: FaultyUpstream,
    tmp_path: Path,
    fastf1_restored: None,
) -> None:
    def with_password(url: str) -> str:
        return re.sub("^http://", "http://ingest:opensesame@", url)

    sources = connect(
        upstream,
        tmp_path / "cache",
        schedule_url=with_password(upstream.schedule_url),
        jolpica_url=with_password(upstream.jolpica_url),
    )
    ask.spoil(upstream, **switches)
    error = fail(ask, sources)
    assert "opensesame" not in str(error) + error.advice
    assert "://" not in str(error)
    assert upstream.requests[0].headers["authorization"].startswith("Basic ")


def test_rows_with_wrong_values_are_no_fault_of_the_answer(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    """One race must not take the others along."""
    upstream.fault(
        FIRST_PAGE.path, transform=with_rows(lambda row: {**row, "position": "first", "grid": None})
    )
    assert count(FIRST_PAGE(sources)) == ROWS


# What the environment and the libraries do


def test_loopback_is_never_requested_through_a_proxy(
    upstream: FaultyUpstream, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert count(SCHEDULE(sources)) == SCHEDULE.rows


def test_an_upstream_is_requested_through_the_proxy(
    upstream: FaultyUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fastf1_restored: None
) -> None:
    """The stand-in is the proxy: it sees the whole address."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", upstream.address)
    upstream.strict = False
    sources = connect(upstream, tmp_path / "cache", jolpica_url="http://jolpica.invalid/ergast/f1")
    assert count(CALENDAR(sources)) == CALENDAR.rows
    assert upstream.requests[0].headers["host"] == "jolpica.invalid"


@every_ask
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://[::1/",
        "http://" + "a" * 80 + ".example/",
        "http://\u200b/",
        "gopher://127.0.0.1/",
        "http:///",
        "//",
    ],
)
def test_a_redirect_to_nowhere_is_the_upstreams_failure(
    ask: Ask, location: str, upstream: FaultyUpstream, sources: Sources
) -> None:
    upstream.strict = False
    ask.spoil(
        upstream, status=302, headers={"Location": location.encode("utf-8").decode("latin-1")}
    )
    error = fail(ask, sources)
    assert type(error) in (SourceUnavailable, BadSourceData)
    assert str(error).startswith(ask.what)
    assert_recovers(ask, upstream, sources)


@pytest.mark.parametrize(
    "switches",
    [DRIPPING_HEADERS, DRIPPING_BODY, {"hang": True}],
    ids=["headers", "body", "nothing"],
)
def test_a_request_that_is_given_up_leaves_nothing_behind(
    switches: dict[str, Any], upstream: FaultyUpstream, sources: Sources
) -> None:
    SCHEDULE.spoil(upstream, **switches)
    sources.adapter._whole_request = 0.2
    descriptors = count_descriptors()
    for _ in range(http.MOST_GIVEN_UP + 2):
        assert str(fail(SCHEDULE, sources)).endswith(f"no answer in time ({HOST})")
    assert [one for one in threading.enumerate() if one.name == "upstream-request"] == []
    # The stand-in is in this process: its ends are left until it sees that ours is closed.
    upstream.clear_faults()
    upstream.stop()
    until = time.monotonic() + 10
    while count_descriptors() > descriptors and time.monotonic() < until:
        time.sleep(0.02)
    assert count_descriptors() <= descriptors


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_more_is_requested_while_what_was_given_up_does_not_end(
    upstream: FaultyUpstream, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that does not answer has no connection of ours that could be closed."""
    answered = threading.Event()

    def look_up(*_: Any, **__: Any) -> list[Any]:
        answered.wait()
        raise socket.gaierror("no answer")

    sources.adapter._whole_request = 0.05
    monkeypatch.setattr(http, "ENDING", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        for _ in range(http.MOST_GIVEN_UP):
            assert str(fail(SCHEDULE, sources)) == f"{SCHEDULE.what}: no answer in time ({HOST})"
        made = sources.requests
        error = fail(SCHEDULE, sources)
        answered.set()
    assert type(error) is SourceUnavailable
    assert str(error) == (
        f"{SCHEDULE.what}: not requested, 4 requests that were given up have not ended"
    )
    assert sources.requests == made
    for thread in list(http._given_up):
        thread.join(5)
    assert_recovers(SCHEDULE, upstream, sources)
