"""FastF1's cache, the age of answers, and the budget of requests."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from ingestion import fetch
from ingestion.errors import IngestionError, SourceRateLimited
from ingestion.sample.season import load_season, without_results
from ingestion.sessions import SessionType
from tests.fastf1_limits import cached_urls, connect
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.usefixtures("fastf1_restored")

NOON = datetime(2024, 7, 28, 12, 0, 5, tzinfo=UTC)
ROUND_14 = "/ergast/f1/2024/14/results.json"
RESULTS = "/ergast/f1/2024/results.json"
SCHEDULE = "/f1schedule/schedule_2024.json"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Clock:
    """The stand-in's; it stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Budget:
    """Keeps the blocks that were asked for, and refuses from `refuse_after` blocks on."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, int]] = []
        self.given_back: list[int] = []
        self.refusal: Exception | None = None
        self.refuse_after = 0

    def __call__(self, host: str, requests: int) -> None:
        self.blocks.append((host, requests))
        if self.refusal is not None and len(self.blocks) > self.refuse_after:
            raise self.refusal

    def give_back(self, _host: str, requests: int) -> None:
        self.given_back.append(requests)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def upstream(clock: Clock) -> Iterator[FaultyUpstream]:
    """With a clock that stands still: ages are exact."""
    with FaultyUpstream({2024: load_season(2024)}, clock=clock) as started:
        yield started


@pytest.fixture
def budget() -> Budget:
    return Budget()


@pytest.fixture
def connected(upstream: FaultyUpstream, tmp_path: Path, budget: Budget) -> fetch.Upstream:
    return connect(upstream, tmp_path / "cache", reserve=budget, give_back=budget.give_back)


def ask_schedule(connected: fetch.Upstream, *, fresh: bool = False) -> fetch.Answer:
    return fetch.fetch_schedule(connected, 2024, fresh=fresh)


def ask_calendar(connected: fetch.Upstream, *, fresh: bool = False) -> fetch.Answer:
    return fetch.fetch_calendar(connected, 2024, fresh=fresh)


def ask_round(connected: fetch.Upstream, *, fresh: bool = False) -> fetch.Answer:
    return fetch.fetch_results(connected, 2024, SessionType.RACE, round_number=14, fresh=fresh)


def ask_season(connected: fetch.Upstream, *, fresh: bool = False) -> fetch.Answer:
    return fetch.fetch_results(connected, 2024, SessionType.RACE, fresh=fresh)


Ask = Callable[..., fetch.Answer]
every_ask = pytest.mark.parametrize(
    "ask",
    [ask_schedule, ask_calendar, ask_round, ask_season],
    ids=["schedule", "calendar", "round", "season"],
)


def expire_copies() -> None:
    from fastf1.req import Cache

    assert Cache._requests_session_cached is not None
    Cache._requests_session_cached.cache.reset_expiration(LONG_AGO)


# Past the cache or from it


@every_ask
def test_a_fresh_answer_neither_reads_nor_fills_the_cache(
    ask: Ask, upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    ask(connected, fresh=True)
    assert cached_urls() == []
    ask(connected)
    asked = len(upstream.requests)
    ask(connected, fresh=True)
    assert len(upstream.requests) == asked // 2 * 3


def test_a_fresh_answer_has_what_changed_and_leaves_the_copy(
    upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    assert len(ask_round(connected).content[0][1]) == 1
    upstream.seasons[2024] = without_results(load_season(2024))
    assert ask_round(connected, fresh=True).content[0][1] == []
    assert len(ask_round(connected).content[0][1]) == 1


@every_ask
def test_the_second_time_no_request_is_made(
    ask: Ask, upstream: FaultyUpstream, connected: fetch.Upstream, budget: Budget
) -> None:
    first = ask(connected)
    asked, paid = len(upstream.requests), len(budget.blocks)
    second = ask(connected)
    assert (len(upstream.requests), connected.requests) == (asked, asked)
    assert len(budget.blocks) == paid
    assert second.cached == first.cached
    assert sorted(cached_urls()) == sorted(second.cached)


def test_the_cache_is_used_again_after_a_fresh_answer_failed(
    upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    ask_round(connected)
    upstream.fault(ROUND_14, status=500, times=1)
    with pytest.raises(IngestionError):
        ask_round(connected, fresh=True)
    ask_round(connected)
    assert len(upstream.requests) == 2


@every_ask
def test_what_proved_wrong_is_asked_again_once_forgotten(
    ask: Ask, upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    answer = ask(connected)
    asked = len(upstream.requests)
    fetch.forget(answer)
    assert cached_urls() == []
    ask(connected)
    assert len(upstream.requests) == 2 * asked


def test_only_what_is_missing_is_asked_after_a_page_could_not_be_had(
    upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    upstream.fault(RESULTS, query={"offset": "300"}, status=503, times=1)
    with pytest.raises(IngestionError):
        ask_season(connected)
    upstream.clear_requests()
    ask_season(connected)
    assert [request.query.get("offset") for request in upstream.requests] == ["300", "400"]


# An expired copy is no answer


@pytest.mark.usefixtures("connected")
def test_no_stale_copy_stands_in_for_an_error() -> None:
    from fastf1.req import Cache

    assert Cache._requests_session_cached is not None
    assert Cache._requests_session_cached.settings.stale_if_error is False


@every_ask
@pytest.mark.parametrize(
    "switches", [{"status": 429}, {"status": 404}, {"status": 500}, {"reset": True}]
)
def test_an_error_is_not_answered_with_an_expired_copy(
    ask: Ask, switches: dict[str, object], upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    ask(connected)
    expire_copies()
    upstream.fault("*", **switches)
    with pytest.raises(IngestionError) as raised:
        ask(connected)
    assert getattr(raised.value, "status", None) == switches.get("status")


@every_ask
def test_the_budgets_refusal_is_not_answered_with_an_expired_copy(
    ask: Ask, connected: fetch.Upstream, budget: Budget
) -> None:
    ask(connected)
    expire_copies()
    budget.refusal = SourceRateLimited("enough for this hour")
    with pytest.raises(SourceRateLimited, match=r"^enough for this hour$"):
        ask(connected)


@every_ask
def test_an_expired_copy_is_asked_for_again(
    ask: Ask, upstream: FaultyUpstream, connected: fetch.Upstream, clock: Clock
) -> None:
    ask(connected)
    asked = len(upstream.requests)
    expire_copies()
    clock.now += timedelta(days=1)
    assert ask(connected).generated_at == NOON + timedelta(days=1)
    assert len(upstream.requests) == 2 * asked


# Age


@every_ask
@pytest.mark.parametrize("fresh", [True, False])
def test_an_answer_is_as_old_as_expires_less_max_age(
    ask: Ask, fresh: bool, upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    # Date says now, and Age would give the same: both are misleading here.
    upstream.fault("*", age=timedelta(minutes=50), headers={"Age": "0"})
    assert ask(connected, fresh=fresh).generated_at == NOON - timedelta(minutes=50)


@every_ask
def test_a_cached_copy_is_as_old_as_its_headers_say(
    ask: Ask, upstream: FaultyUpstream, connected: fetch.Upstream, clock: Clock
) -> None:
    upstream.fault("*", age=timedelta(minutes=50))
    ask(connected)
    clock.now += timedelta(days=400)
    assert ask(connected).generated_at == NOON - timedelta(minutes=50)


@pytest.mark.parametrize(
    ("headers", "generated_at"),
    [
        ({"Expires": ""}, NOON),
        ({"Expires": "", "Age": "600"}, NOON - timedelta(minutes=10)),
        ({"Expires": "0"}, NOON),
        ({"Cache-Control": "public"}, NOON),
        ({"Cache-Control": "public", "Age": "90"}, NOON - timedelta(seconds=90)),
        ({"Cache-Control": "no-cache", "Age": "soon"}, None),
        ({"Cache-Control": "max-age=soon"}, NOON),
        ({"Cache-Control": "public, Max-Age=60"}, NOON + timedelta(minutes=59)),
        ({"Cache-Control": "s-maxage=60, max-age=3600"}, NOON),
        ({"Cache-Control": "public", "Date": "yesterday"}, None),
        ({"Expires": "Sun, 28 Jul 2024 15:00:05 +0200"}, NOON),
    ],
)
def test_other_headers_tell_the_age_as_well_as_they_can(
    headers: dict[str, str],
    generated_at: datetime | None,
    upstream: FaultyUpstream,
    connected: fetch.Upstream,
) -> None:
    upstream.fault(ROUND_14, headers=headers)
    assert ask_round(connected, fresh=True).generated_at == generated_at
    assert ask_round(connected).generated_at == generated_at


@pytest.mark.parametrize("fresh", [True, False])
def test_a_season_is_as_old_as_its_oldest_page(
    fresh: bool, upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    upstream.fault(RESULTS, query={"offset": "200"}, age=timedelta(minutes=30))
    upstream.fault(RESULTS, query={"offset": "300"}, age=timedelta(minutes=10))
    for _ in range(2):
        assert ask_season(connected, fresh=fresh).generated_at == NOON - timedelta(minutes=30)


def test_pages_of_the_cache_and_of_now_are_as_old_as_the_oldest(
    upstream: FaultyUpstream, connected: fetch.Upstream, clock: Clock
) -> None:
    upstream.fault(RESULTS, query={"offset": "300"}, status=503, times=1)
    with pytest.raises(IngestionError):
        ask_season(connected)
    clock.now += timedelta(minutes=40)
    assert ask_season(connected).generated_at == NOON


def test_a_season_whose_pages_do_not_all_say_their_age_has_none(
    upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    upstream.fault(
        RESULTS, query={"offset": "200"}, headers={"Cache-Control": "public", "Date": "yesterday"}
    )
    assert ask_season(connected).generated_at is None


def test_a_revalidated_copy_is_as_old_as_its_revalidation(
    upstream: FaultyUpstream, connected: fetch.Upstream, clock: Clock
) -> None:
    from fastf1.req import Cache

    ask_schedule(connected)
    clock.now += timedelta(hours=2)
    assert Cache._requests_session_cached is not None
    Cache._requests_session_cached.settings.always_revalidate = True
    assert ask_schedule(connected).generated_at == NOON + timedelta(hours=2)
    assert "if-none-match" in upstream.requests[-1].headers


# The budget


@every_ask
@pytest.mark.parametrize("fresh", [True, False])
def test_requests_are_reserved_in_blocks_before_they_are_made(
    ask: Ask, fresh: bool, upstream: FaultyUpstream, connected: fetch.Upstream, budget: Budget
) -> None:
    """The first page tells how many more there are."""
    ask(connected, fresh=fresh)
    blocks = [1, 4] if ask is ask_season else [1]
    host = upstream.address.removeprefix("http://")
    assert budget.blocks == [(host, requests) for requests in blocks]
    assert len(upstream.requests) == sum(blocks)


def test_each_season_is_reserved_anew(connected: fetch.Upstream, budget: Budget) -> None:
    ask_season(connected, fresh=True)
    ask_season(connected, fresh=True)
    assert [requests for _, requests in budget.blocks] == [1, 4, 1, 4]


def ask_expecting(connected: fetch.Upstream, pages: int, *, fresh: bool = False) -> fetch.Answer:
    return fetch.fetch_results(connected, 2024, SessionType.RACE, pages_expected=pages, fresh=fresh)


@pytest.mark.parametrize(
    ("expected", "blocks", "unused"), [(5, [5], 0), (3, [3, 2], 0), (8, [8], 3), (0, [1, 4], 0)]
)
def test_all_the_pages_that_are_expected_are_reserved_before_the_first(
    expected: int, blocks: list[int], unused: int, connected: fetch.Upstream, budget: Budget
) -> None:
    """What was too little is reserved as soon as that is known, what was too much given back."""
    ask_expecting(connected, expected)
    assert [requests for _, requests in budget.blocks] == blocks
    assert budget.given_back == [unused]


def test_pages_that_fail_are_not_given_back_and_those_after_them_are(
    upstream: FaultyUpstream, connected: fetch.Upstream, budget: Budget
) -> None:
    upstream.fault(RESULTS, query={"offset": "200"}, status=503)
    with pytest.raises(IngestionError):
        ask_expecting(connected, 5)
    assert len(upstream.requests) == 3
    assert budget.given_back == [2]


def test_pages_from_the_cache_are_given_back(connected: fetch.Upstream, budget: Budget) -> None:
    ask_schedule(connected)
    budget.blocks.clear()
    with connected.block(2):
        ask_schedule(connected)
        ask_calendar(connected)
    assert [requests for _, requests in budget.blocks] == [2]
    assert budget.given_back == [1]


def test_an_endpoint_that_does_not_fit_is_not_begun(
    upstream: FaultyUpstream, connected: fetch.Upstream, budget: Budget
) -> None:
    budget.refusal = SourceRateLimited("enough for this hour")
    with pytest.raises(SourceRateLimited):
        ask_expecting(connected, 5)
    assert (upstream.requests, budget.given_back) == ([], [])


def test_requests_that_belong_together_are_reserved_together(
    upstream: FaultyUpstream, connected: fetch.Upstream, budget: Budget
) -> None:
    with connected.block(2):
        ask_schedule(connected)
        ask_calendar(connected)
    ask_round(connected)
    assert [requests for _, requests in budget.blocks] == [2, 1]
    assert (len(upstream.requests), budget.given_back) == (3, [0, 0])


def test_each_host_has_a_block_of_its_own(
    upstream: FaultyUpstream, tmp_path: Path, budget: Budget
) -> None:
    address = upstream.jolpica_url.replace("127.0.0.1", "localhost")
    connected = connect(
        upstream,
        tmp_path / "cache",
        jolpica_url=address,
        reserve=budget,
        give_back=budget.give_back,
    )
    with connected.block(2):
        ask_calendar(connected)
        ask_schedule(connected)
    assert [(host.split(":")[0], requests) for host, requests in budget.blocks] == [
        ("localhost", 2),
        ("127.0.0.1", 1),
    ]
    assert budget.given_back == [1, 0]


def test_pages_from_the_cache_cost_nothing(
    upstream: FaultyUpstream, connected: fetch.Upstream, budget: Budget
) -> None:
    upstream.fault(RESULTS, query={"offset": "300"}, status=503, times=1)
    with pytest.raises(IngestionError):
        ask_season(connected)
    budget.blocks.clear()
    ask_season(connected)
    assert [requests for _, requests in budget.blocks] == [2]


@every_ask
@pytest.mark.parametrize("fresh", [True, False])
def test_the_budgets_refusal_comes_out_as_itself(
    ask: Ask,
    fresh: bool,
    upstream: FaultyUpstream,
    connected: fetch.Upstream,
    budget: Budget,
) -> None:
    budget.refusal = SourceRateLimited("enough for this hour", retry_at=NOON)
    with pytest.raises(SourceRateLimited) as raised:
        ask(connected, fresh=fresh)
    assert raised.value is budget.refusal
    assert (upstream.requests, connected.requests) == ([], 0)
    budget.refusal = None
    ask(connected, fresh=fresh)


def test_the_budget_can_refuse_the_pages_that_follow(
    upstream: FaultyUpstream, connected: fetch.Upstream, budget: Budget
) -> None:
    budget.refusal, budget.refuse_after = SourceRateLimited("enough for this hour"), 1
    with pytest.raises(SourceRateLimited, match=r"^enough for this hour$"):
        ask_season(connected)
    assert len(upstream.requests) == 1


@every_ask
def test_a_budget_that_fails_is_no_failure_of_the_upstream(
    ask: Ask, upstream: FaultyUpstream, connected: fetch.Upstream, budget: Budget
) -> None:
    """It stands in the database: where that fails, the database has to be named."""
    budget.refusal = OperationalError("the database is gone")
    with pytest.raises(OperationalError, match=r"^the database is gone$"):
        ask(connected)
    assert upstream.requests == []


def test_a_user_and_a_password_do_not_make_another_host(
    upstream: FaultyUpstream, tmp_path: Path, budget: Budget
) -> None:
    address = upstream.jolpica_url.replace("http://", "http://ingest:opensesame@")
    connected = connect(upstream, tmp_path / "cache", jolpica_url=address, reserve=budget)
    ask_round(connected)
    assert budget.blocks == [(upstream.address.removeprefix("http://"), 1)]


@every_ask
def test_fastf1s_own_limit_is_ours(
    ask: Ask, connected: fetch.Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    from fastf1.req import _CallsPerIntervalLimitRaise, _SessionWithRateLimiting

    limiter = _CallsPerIntervalLimitRaise(1, 3600, "any API: 1 call/h")
    monkeypatch.setattr(_SessionWithRateLimiting, "_RATE_LIMITS", {re.compile("http"): [limiter]})
    with pytest.raises(SourceRateLimited) as raised:
        ask(connected)
    assert str(raised.value).endswith(": FastF1's own limit is reached (any API: 1 call/h)")
    assert (raised.value.status, raised.value.retry_at) == (None, None)


# A cache that is damaged


ADVICE = (
    "; free some space or delete the folder that FASTF1_CACHE_DIR names, nothing but time is lost "
    "with it"
)


def test_a_cache_that_is_no_database_is_made_anew(
    upstream: FaultyUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "fastf1_http_cache.sqlite").write_bytes(b"not a database" * 1000)
    connected = connect(upstream, tmp_path)
    assert "FastF1's cache was damaged and is made anew" in caplog.messages
    ask_schedule(connected)
    ask_schedule(connect(upstream, tmp_path))
    assert len(upstream.requests) == 1


def test_an_empty_cache_file_is_an_empty_cache(upstream: FaultyUpstream, tmp_path: Path) -> None:
    (tmp_path / "fastf1_http_cache.sqlite").touch()
    ask_schedule(connect(upstream, tmp_path))
    assert len(upstream.requests) == 1


@every_ask
def test_a_cache_with_damaged_pages_is_deleted_and_done_without_the_next_time(
    ask: Ask, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    connected = damaged(connect(upstream, tmp_path), upstream, tmp_path)
    with pytest.raises(IngestionError) as raised:
        ask(connected)
    assert str(raised.value) == (
        "FastF1's cache was damaged (database disk image is malformed) and has been deleted; "
        "nothing but time is lost"
    )
    assert ask(connect(upstream, tmp_path)).generated_at == NOON


@every_ask
@pytest.mark.parametrize("pages", [1, 3, 4, 5])
def test_a_cache_on_a_disk_without_room_for_its_tables_is_explained(
    pages: int,
    ask: Ask,
    upstream: FaultyUpstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill_disk(monkeypatch, pages)
    with pytest.raises(IngestionError) as raised:
        ask(connect(upstream, tmp_path))
    reasons = (
        "nothing can be written to it",
        "no such table: responses",
        "no such table: redirects",
    )
    told = str(raised.value)
    assert told in [f"FastF1's cache cannot be used ({reason}){ADVICE}" for reason in reasons]


@every_ask
def test_a_cache_that_cannot_grow_is_done_without(
    ask: Ask, upstream: FaultyUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, 6)
    assert ask(connect(upstream, tmp_path)).generated_at == NOON


def fill_disk(monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """For files of SQLite, which then says so itself."""
    open_file = sqlite3.connect

    def open_file_on_full_disk(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened: sqlite3.Connection = open_file(*arguments, **options)
        opened.execute(f"PRAGMA max_page_count = {pages}")
        return opened

    monkeypatch.setattr(sqlite3, "connect", open_file_on_full_disk)


@every_ask
def test_a_damaged_cache_does_not_stand_in_the_way_of_fresh_answers(
    ask: Ask, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    connected = damaged(connect(upstream, tmp_path), upstream, tmp_path)
    assert ask(connected, fresh=True).generated_at == NOON


def damaged(connected: fetch.Upstream, upstream: FaultyUpstream, folder: Path) -> fetch.Upstream:
    """Connected anew to the same cache, of which everything but the first page is rubbish."""
    from fastf1.req import Cache

    for ask in (ask_schedule, ask_calendar, ask_round, ask_season):
        ask(connected)
    assert Cache._requests_session_cached is not None
    Cache._requests_session_cached.close()
    file = folder / "fastf1_http_cache.sqlite"
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (size - 4096))
    return connect(upstream, folder)
