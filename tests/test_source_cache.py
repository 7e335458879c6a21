"""FastF1's cache, the age of answers, and the budget of requests."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from ingestion.errors import IngestionError, SourceRateLimited
from ingestion.sample.season import load_season, without_results
from ingestion.sample.upstream import print_date
from ingestion.sessions import SessionType
from ingestion.sources import SourceAnswer, Sources, cache
from tests.fastf1_limits import (
    cached_urls,
    connect,
    fetch_calendar,
    fetch_results,
    fetch_schedule,
)
from tests.shortened import shortened
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.usefixtures("fastf1_restored")

NOON = datetime(2024, 7, 28, 12, 0, 5, tzinfo=UTC)
Answer = SourceAnswer[Any]
ROUND_14 = "/ergast/f1/2024/14/results.json"
RESULTS = "/ergast/f1/2024/results.json"
SCHEDULE = "/f1schedule/schedule_2024.json"
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Clock:
    """The stand-in's; it does not move by itself."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Budget:
    """Keeps the blocks that were requested, and refuses from `refuse_after` blocks on."""

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
def sources(upstream: FaultyUpstream, tmp_path: Path, budget: Budget, clock: Clock) -> Sources:
    return connect(
        upstream, tmp_path / "cache", reserve=budget, give_back=budget.give_back, clock=clock
    )


def fetch_the_schedule(sources: Sources, *, fresh: bool = False) -> Answer:
    return fetch_schedule(sources, 2024, fresh=fresh)


def fetch_the_calendar(sources: Sources, *, fresh: bool = False) -> Answer:
    return fetch_calendar(sources, 2024, fresh=fresh)


def fetch_the_round(sources: Sources, *, fresh: bool = False) -> Answer:
    return fetch_results(sources, 2024, SessionType.RACE, round_number=14, fresh=fresh)


def fetch_the_season(sources: Sources, *, fresh: bool = False) -> Answer:
    return fetch_results(sources, 2024, SessionType.RACE, fresh=fresh)


Fetch = Callable[..., Answer]
every_fetch = pytest.mark.parametrize(
    "fetch",
    shortened([fetch_the_schedule, fetch_the_season, fetch_the_calendar, fetch_the_round], keep=2),
    ids=["schedule", "season", "calendar", "round"],
)


def expire_copies() -> None:
    from fastf1.req import Cache

    assert Cache._requests_session_cached is not None
    Cache._requests_session_cached.cache.reset_expiration(LONG_AGO)


# Past the cache or from it


@every_fetch
def test_a_fresh_answer_neither_reads_nor_fills_the_cache(
    fetch: Fetch, upstream: FaultyUpstream, sources: Sources
) -> None:
    fetch(sources, fresh=True)
    assert cached_urls() == []
    fetch(sources)
    asked = len(upstream.requests)
    fetch(sources, fresh=True)
    assert len(upstream.requests) == asked // 2 * 3


def test_a_fresh_answer_has_what_changed_and_leaves_the_copy(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    assert len(fetch_the_round(sources).records) == 1
    upstream.seasons[2024] = without_results(load_season(2024))
    assert fetch_the_round(sources, fresh=True).records == ()
    assert len(fetch_the_round(sources).records) == 1


@every_fetch
def test_the_second_time_no_request_is_made(
    fetch: Fetch, upstream: FaultyUpstream, sources: Sources, budget: Budget
) -> None:
    first = fetch(sources)
    asked, paid = len(upstream.requests), len(budget.blocks)
    second = fetch(sources)
    assert (len(upstream.requests), sources.requests) == (asked, asked)
    assert len(budget.blocks) == paid
    assert second == first
    assert len(cached_urls()) == asked


def test_the_cache_is_used_again_after_a_fresh_answer_failed(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    fetch_the_round(sources)
    upstream.fault(ROUND_14, status=500, times=1)
    with pytest.raises(IngestionError):
        fetch_the_round(sources, fresh=True)
    fetch_the_round(sources)
    assert len(upstream.requests) == 2


def test_only_what_is_missing_is_asked_after_a_page_could_not_be_had(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    upstream.fault(RESULTS, query={"offset": "300"}, status=503, times=1)
    with pytest.raises(IngestionError):
        fetch_the_season(sources)
    upstream.clear_requests()
    fetch_the_season(sources)
    assert [request.query.get("offset") for request in upstream.requests] == ["300", "400"]


# An expired copy is no answer


@pytest.mark.usefixtures("sources")
def test_no_stale_copy_stands_in_for_an_error() -> None:
    from fastf1.req import Cache

    assert Cache._requests_session_cached is not None
    assert Cache._requests_session_cached.settings.stale_if_error is False


@every_fetch
@pytest.mark.parametrize(
    "switches", [{"status": 429}, {"status": 404}, {"status": 500}, {"reset": True}]
)
def test_an_error_is_not_answered_with_an_expired_copy(
    fetch: Fetch, switches: dict[str, object], upstream: FaultyUpstream, sources: Sources
) -> None:
    fetch(sources)
    expire_copies()
    upstream.fault("*", **switches)
    with pytest.raises(IngestionError) as raised:
        fetch(sources)
    assert getattr(raised.value, "status", None) == switches.get("status")


@every_fetch
def test_the_budgets_refusal_is_not_answered_with_an_expired_copy(
    fetch: Fetch, sources: Sources, budget: Budget
) -> None:
    fetch(sources)
    expire_copies()
    budget.refusal = SourceRateLimited("enough for this hour")
    with pytest.raises(SourceRateLimited, match=r"^enough for this hour$"):
        fetch(sources)


@every_fetch
def test_an_expired_copy_is_asked_for_again(
    fetch: Fetch, upstream: FaultyUpstream, sources: Sources, clock: Clock
) -> None:
    fetch(sources)
    asked = len(upstream.requests)
    expire_copies()
    clock.now += timedelta(days=1)
    assert fetch(sources).generated_at == NOON + timedelta(days=1)
    assert len(upstream.requests) == 2 * asked


# Age


@every_fetch
@pytest.mark.parametrize("fresh", [True, False])
def test_an_answer_is_as_old_as_expires_less_max_age(
    fetch: Fetch, fresh: bool, upstream: FaultyUpstream, sources: Sources
) -> None:
    # Date says now, and Age would give the same: both are misleading here.
    upstream.fault("*", age=timedelta(minutes=50), headers={"Age": "0"})
    assert fetch(sources, fresh=fresh).generated_at == NOON - timedelta(minutes=50)


@every_fetch
def test_a_cached_copy_is_as_old_as_its_headers_say(
    fetch: Fetch, upstream: FaultyUpstream, sources: Sources, clock: Clock
) -> None:
    upstream.fault("*", age=timedelta(minutes=50))
    fetch(sources)
    clock.now += timedelta(days=400)
    assert fetch(sources).generated_at == NOON - timedelta(minutes=50)


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
        ({"Cache-Control": "public, Max-Age=5400"}, NOON - timedelta(minutes=30)),
        ({"Cache-Control": "s-maxage=60, max-age=3600"}, NOON),
        ({"Cache-Control": "public", "Date": "yesterday"}, None),
        ({"Expires": "Sun, 28 Jul 2024 15:00:05 +0200"}, NOON),
        # Two clocks are never quite the same.
        ({"Cache-Control": "public", "Date": print_date(NOON + 29 * SECOND)}, NOON),
    ],
)
def test_other_headers_tell_the_age_as_well_as_they_can(
    headers: dict[str, str],
    generated_at: datetime | None,
    upstream: FaultyUpstream,
    sources: Sources,
) -> None:
    upstream.fault(ROUND_14, headers=headers)
    assert fetch_the_round(sources, fresh=True).generated_at == generated_at
    assert fetch_the_round(sources).generated_at == generated_at


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "public", "Date": print_date(datetime(2099, 1, 1, tzinfo=UTC))},
        {"Cache-Control": "public", "Date": print_date(NOON + 31 * SECOND)},
        # nginx's `expires max`.
        {"Cache-Control": "max-age=315360000", "Expires": "Thu, 31 Dec 2037 23:55:55 GMT"},
        {"Cache-Control": "public, max-age=60"},
        {"Cache-Control": "public", "Age": "-600"},
        {"Cache-Control": "max-age=-86400"},
    ],
    ids=[
        *("Date", "just too far", "expires max", "Expires without its age"),
        *("negative Age", "negative max-age"),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_an_answer_of_the_future_counts_as_made_when_it_arrived_and_says_so(
    headers: dict[str, str], fresh: bool, upstream: FaultyUpstream, sources: Sources
) -> None:
    """Everything true after it would be older, and left aside."""
    upstream.fault("*", headers=headers)
    for fetch in (fetch_the_round, fetch_the_season, fetch_the_schedule, fetch_the_calendar):
        answer = fetch(sources, fresh=fresh)
        assert answer.generated_at == NOON
        [record, *_] = answer.records
        assert record.generated_at == NOON
        wrong_times = sources.take_wrong_times()
        assert len(wrong_times) == 1
        assert "which is still to come; it counts as made when it arrived" in wrong_times[0]
        assert sources.take_wrong_times() == []


def test_an_age_of_years_is_unknown(upstream: FaultyUpstream, sources: Sources) -> None:
    upstream.fault(ROUND_14, headers={"Cache-Control": "public", "Age": str(10**9)})
    answer = fetch_the_round(sources, fresh=True)
    assert answer.generated_at is None
    assert "its age counts as unknown" in sources.take_wrong_times()[0]


@pytest.mark.parametrize(
    ("expires", "expires_at"),
    [
        (NOON + 6 * HOUR, NOON + 6 * HOUR),
        (NOON + 7 * HOUR, NOON + 6 * HOUR),
        (datetime(2037, 12, 31, tzinfo=UTC), NOON + 6 * HOUR),
        (NOON - HOUR, NOON - HOUR),
    ],
)
def test_no_answer_holds_for_longer_than_a_run_would_wait(
    expires: datetime, expires_at: datetime, upstream: FaultyUpstream, sources: Sources
) -> None:
    age = max(expires - NOON, timedelta(seconds=1))
    headers = {
        "Expires": print_date(expires),
        "Cache-Control": f"max-age={int(age.total_seconds())}",
    }
    upstream.fault(ROUND_14, headers=headers)
    answer = fetch_the_round(sources, fresh=True)
    assert answer.expires_at == expires_at
    assert bool(answer.notices) is (expires != expires_at)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_season_is_as_old_as_its_oldest_page(
    fresh: bool, upstream: FaultyUpstream, sources: Sources
) -> None:
    upstream.fault(RESULTS, query={"offset": "200"}, age=timedelta(minutes=30))
    upstream.fault(RESULTS, query={"offset": "300"}, age=timedelta(minutes=10))
    for _ in range(2):
        assert fetch_the_season(sources, fresh=fresh).generated_at == NOON - timedelta(minutes=30)


def test_pages_of_the_cache_and_of_now_are_as_old_as_the_oldest(
    upstream: FaultyUpstream, sources: Sources, clock: Clock
) -> None:
    upstream.fault(RESULTS, query={"offset": "300"}, status=503, times=1)
    with pytest.raises(IngestionError):
        fetch_the_season(sources)
    clock.now += timedelta(minutes=40)
    assert fetch_the_season(sources).generated_at == NOON


def test_a_season_whose_pages_do_not_all_say_their_age_has_none(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    upstream.fault(
        RESULTS, query={"offset": "200"}, headers={"Cache-Control": "public", "Date": "yesterday"}
    )
    assert fetch_the_season(sources).generated_at is None


def test_a_revalidated_copy_is_as_old_as_its_revalidation(
    upstream: FaultyUpstream, sources: Sources, clock: Clock
) -> None:
    from fastf1.req import Cache

    fetch_the_schedule(sources)
    clock.now += timedelta(hours=2)
    assert Cache._requests_session_cached is not None
    Cache._requests_session_cached.settings.always_revalidate = True
    assert fetch_the_schedule(sources).generated_at == NOON + timedelta(hours=2)
    assert "if-none-match" in upstream.requests[-1].headers


# The budget


@every_fetch
@pytest.mark.parametrize("fresh", [True, False])
def test_requests_are_reserved_in_blocks_before_they_are_made(
    fetch: Fetch, fresh: bool, upstream: FaultyUpstream, sources: Sources, budget: Budget
) -> None:
    """The first page tells how many more there are."""
    fetch(sources, fresh=fresh)
    blocks = [1, 4] if fetch is fetch_the_season else [1]
    host = upstream.address.removeprefix("http://")
    assert budget.blocks == [(host, requests) for requests in blocks]
    assert len(upstream.requests) == sum(blocks)


def test_each_season_is_reserved_anew(sources: Sources, budget: Budget) -> None:
    fetch_the_season(sources, fresh=True)
    fetch_the_season(sources, fresh=True)
    assert [requests for _, requests in budget.blocks] == [1, 4, 1, 4]


def fetch_expecting(sources: Sources, pages: int, *, fresh: bool = False) -> Answer:
    return fetch_results(sources, 2024, SessionType.RACE, pages_expected=pages, fresh=fresh)


@pytest.mark.parametrize(
    ("expected", "blocks", "unused"), [(5, [5], 0), (3, [3, 2], 0), (8, [8], 3), (0, [1, 4], 0)]
)
def test_all_the_pages_that_are_expected_are_reserved_before_the_first(
    expected: int, blocks: list[int], unused: int, sources: Sources, budget: Budget
) -> None:
    """What was too little is reserved as soon as that is known, what was too much given back."""
    fetch_expecting(sources, expected)
    assert [requests for _, requests in budget.blocks] == blocks
    assert budget.given_back == [unused]


def test_pages_that_fail_are_not_given_back_and_those_after_them_are(
    upstream: FaultyUpstream, sources: Sources, budget: Budget
) -> None:
    upstream.fault(RESULTS, query={"offset": "200"}, status=503)
    with pytest.raises(IngestionError):
        fetch_expecting(sources, 5)
    assert len(upstream.requests) == 3
    assert budget.given_back == [2]


def test_pages_from_the_cache_are_given_back(sources: Sources, budget: Budget) -> None:
    fetch_the_schedule(sources)
    budget.blocks.clear()
    with sources.block(2):
        fetch_the_schedule(sources)
        fetch_the_calendar(sources)
    assert [requests for _, requests in budget.blocks] == [2]
    assert budget.given_back == [1]


def test_an_endpoint_that_does_not_fit_is_not_begun(
    upstream: FaultyUpstream, sources: Sources, budget: Budget
) -> None:
    budget.refusal = SourceRateLimited("enough for this hour")
    with pytest.raises(SourceRateLimited):
        fetch_expecting(sources, 5)
    assert (upstream.requests, budget.given_back) == ([], [])


def test_requests_that_belong_together_are_reserved_together(
    upstream: FaultyUpstream, sources: Sources, budget: Budget
) -> None:
    with sources.block(2):
        fetch_the_schedule(sources)
        fetch_the_calendar(sources)
    fetch_the_round(sources)
    assert [requests for _, requests in budget.blocks] == [2, 1]
    assert (len(upstream.requests), budget.given_back) == (3, [0, 0])


def test_each_host_has_a_block_of_its_own(
    upstream: FaultyUpstream, tmp_path: Path, budget: Budget
) -> None:
    address = upstream.jolpica_url.replace("127.0.0.1", "localhost")
    sources = connect(
        upstream,
        tmp_path / "cache",
        jolpica_url=address,
        reserve=budget,
        give_back=budget.give_back,
    )
    with sources.block(2):
        fetch_the_calendar(sources)
        fetch_the_schedule(sources)
    assert [(host.split(":")[0], requests) for host, requests in budget.blocks] == [
        ("localhost", 2),
        ("127.0.0.1", 1),
    ]
    assert budget.given_back == [1, 0]


def test_pages_from_the_cache_cost_nothing(
    upstream: FaultyUpstream, sources: Sources, budget: Budget
) -> None:
    upstream.fault(RESULTS, query={"offset": "300"}, status=503, times=1)
    with pytest.raises(IngestionError):
        fetch_the_season(sources)
    budget.blocks.clear()
    fetch_the_season(sources)
    assert [requests for _, requests in budget.blocks] == [2]


@every_fetch
@pytest.mark.parametrize("fresh", [True, False])
def test_the_budgets_refusal_comes_out_as_itself(
    fetch: Fetch,
    fresh: bool,
    upstream: FaultyUpstream,
    sources: Sources,
    budget: Budget,
) -> None:
    budget.refusal = SourceRateLimited("enough for this hour", retry_at=NOON)
    with pytest.raises(SourceRateLimited) as raised:
        fetch(sources, fresh=fresh)
    assert raised.value is budget.refusal
    assert (upstream.requests, sources.requests) == ([], 0)
    budget.refusal = None
    fetch(sources, fresh=fresh)


def test_the_budget_can_refuse_the_pages_that_follow(
    upstream: FaultyUpstream, sources: Sources, budget: Budget
) -> None:
    budget.refusal, budget.refuse_after = SourceRateLimited("enough for this hour"), 1
    with pytest.raises(SourceRateLimited, match=r"^enough for this hour$"):
        fetch_the_season(sources)
    assert len(upstream.requests) == 1


@every_fetch
def test_a_budget_that_fails_is_no_failure_of_the_upstream(
    fetch: Fetch, upstream: FaultyUpstream, sources: Sources, budget: Budget
) -> None:
    """It stands in the database: where that fails, the database has to be named."""
    budget.refusal = OperationalError("the database is gone")
    with pytest.raises(OperationalError, match=r"^the database is gone$"):
        fetch(sources)
    assert upstream.requests == []


def test_a_user_and_a_password_do_not_make_another_host(
    upstream: FaultyUpstream, tmp_path: Path, budget: Budget
) -> None:
    address = upstream.jolpica_url.replace("http://", "http://ingest:opensesame@")
    sources = connect(upstream, tmp_path / "cache", jolpica_url=address, reserve=budget)
    fetch_the_round(sources)
    assert budget.blocks == [(upstream.address.removeprefix("http://"), 1)]


@every_fetch
def test_fastf1s_own_limit_is_ours(
    fetch: Fetch, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    from fastf1.req import _CallsPerIntervalLimitRaise, _SessionWithRateLimiting

    limiter = _CallsPerIntervalLimitRaise(1, 3600, "any API: 1 call/h")
    monkeypatch.setattr(_SessionWithRateLimiting, "_RATE_LIMITS", {re.compile("http"): [limiter]})
    with pytest.raises(SourceRateLimited) as raised:
        fetch(sources)
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
    sources = connect(upstream, tmp_path, clock=lambda: NOON)
    assert "FastF1's cache was damaged and is made anew" in caplog.messages
    fetch_the_schedule(sources)
    fetch_the_schedule(connect(upstream, tmp_path, clock=lambda: NOON))
    assert len(upstream.requests) == 1


def test_an_empty_cache_file_is_an_empty_cache(upstream: FaultyUpstream, tmp_path: Path) -> None:
    (tmp_path / "fastf1_http_cache.sqlite").touch()
    fetch_the_schedule(connect(upstream, tmp_path, clock=lambda: NOON))
    assert len(upstream.requests) == 1


@every_fetch
def test_a_cache_with_damaged_pages_is_made_anew(
    fetch: Fetch, upstream: FaultyUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill_cache(upstream, tmp_path)
    damage_cache(tmp_path)
    sources = connect(upstream, tmp_path, clock=lambda: NOON)
    assert "FastF1's cache was damaged and is made anew" in caplog.messages
    assert fetch(sources).generated_at == NOON


@every_fetch
def test_a_cache_whose_pages_are_damaged_during_a_run_is_deleted(
    fetch: Fetch, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    fill_cache(upstream, tmp_path)
    sources = connect(upstream, tmp_path, clock=lambda: NOON)
    damage_cache(tmp_path)
    with pytest.raises(IngestionError) as raised:
        fetch(sources)
    assert str(raised.value) == (
        "FastF1's cache was damaged (database disk image is malformed) and has been deleted; "
        "nothing but time is lost"
    )
    assert fetch(connect(upstream, tmp_path, clock=lambda: NOON)).generated_at == NOON


@every_fetch
@pytest.mark.parametrize("pages", [1, 3, 4, 5])
def test_a_cache_on_a_disk_without_room_for_its_tables_is_explained(
    pages: int,
    fetch: Fetch,
    upstream: FaultyUpstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill_disk(monkeypatch, pages)
    with pytest.raises(IngestionError) as raised:
        fetch(connect(upstream, tmp_path, clock=lambda: NOON))
    reasons = (
        "nothing can be written to it",
        "no such table: responses",
        "no such table: redirects",
    )
    told = str(raised.value)
    assert told in [f"FastF1's cache cannot be used ({reason}){ADVICE}" for reason in reasons]


@every_fetch
def test_a_cache_that_cannot_grow_is_done_without(
    fetch: Fetch, upstream: FaultyUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, 6)
    assert fetch(connect(upstream, tmp_path, clock=lambda: NOON)).generated_at == NOON


def fill_disk(monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """For files of SQLite, which then says so itself."""
    open_file = sqlite3.connect

    def open_file_on_full_disk(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened: sqlite3.Connection = open_file(*arguments, **options)
        opened.execute(f"PRAGMA max_page_count = {pages}")
        return opened

    monkeypatch.setattr(sqlite3, "connect", open_file_on_full_disk)


@every_fetch
def test_a_damaged_cache_does_not_stand_in_the_way_of_fresh_answers(
    fetch: Fetch, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    fill_cache(upstream, tmp_path)
    sources = connect(upstream, tmp_path, clock=lambda: NOON)
    damage_cache(tmp_path)
    assert fetch(sources, fresh=True).generated_at == NOON


def fill_cache(upstream: FaultyUpstream, folder: Path) -> None:
    from fastf1.req import Cache

    sources = connect(upstream, folder, clock=lambda: NOON)
    for fetch in (fetch_the_schedule, fetch_the_calendar, fetch_the_round, fetch_the_season):
        fetch(sources)
    assert Cache._requests_session_cached is not None
    Cache._requests_session_cached.close()


def damage_cache(folder: Path) -> None:
    """Everything but its first page is rubbish."""
    file = folder / "fastf1_http_cache.sqlite"
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (file.stat().st_size - 4096))


@pytest.mark.parametrize("kept_for", [timedelta(days=365), timedelta(hours=36)])
def test_a_copy_that_is_kept_for_long_is_no_answer(
    kept_for: timedelta, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    """A header says years, or the clock was ahead when it was kept."""
    headers = {"Cache-Control": f"max-age={int(kept_for.total_seconds())}", "Expires": ""}
    upstream.fault(ROUND_14, headers=headers, times=1)
    fetch_the_round(connect(upstream, tmp_path, clock=lambda: NOON))
    fetch_the_season(connect(upstream, tmp_path, clock=lambda: NOON))
    upstream.clear_requests()

    sources = connect(upstream, tmp_path, clock=lambda: NOON)
    fetch_the_round(sources)
    fetch_the_season(sources)

    assert len(upstream.requests) == 1


# A cache that another process holds, or that another version made


@pytest.fixture
def locked_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """FastF1's file, locked by another connection until the test is over."""
    monkeypatch.setattr(cache, "LONGEST_LOCK", 0.2)
    holder = sqlite3.connect(tmp_path / "fastf1_http_cache.sqlite", isolation_level=None)
    holder.execute("CREATE TABLE IF NOT EXISTS other (key)")
    holder.execute("BEGIN EXCLUSIVE")
    yield tmp_path
    holder.close()


@every_fetch
def test_a_locked_cache_is_done_without_and_that_is_noticed(
    fetch: Fetch, upstream: FaultyUpstream, locked_cache: Path
) -> None:
    sources = connect(upstream, locked_cache, clock=lambda: NOON)
    answer = fetch(sources)
    assert answer.generated_at == NOON
    [notice] = answer.notices
    assert "is locked by another process for more than 0.2 s; this run does without it" in notice
    # Within the run the answers are kept all the same.
    requests = len(upstream.requests)
    assert fetch(sources).notices == ()
    assert len(upstream.requests) == requests


@every_fetch
def test_a_cache_that_is_locked_while_it_is_used_is_waited_for_a_while(
    fetch: Fetch, upstream: FaultyUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading goes on, and what cannot be written is requested again the next time."""
    monkeypatch.setattr(cache, "LONGEST_LOCK", 0.2)
    sources = connect(upstream, tmp_path, clock=lambda: NOON)
    holder = sqlite3.connect(tmp_path / "fastf1_http_cache.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert fetch(sources).generated_at == NOON
    finally:
        holder.close()
    assert cached_urls() == []
    fetch(sources)
    assert cached_urls() != []


@pytest.mark.parametrize("table", ["responses", "redirects"])
@pytest.mark.parametrize("columns", ["key, value", "key, value, expires, size", "id, body"])
def test_a_cache_in_another_versions_layout_is_made_anew(
    table: str, columns: str, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "fastf1_http_cache.sqlite")) as other:
        other.execute(f"CREATE TABLE {table} ({columns})")
    for _ in range(2):
        fetch_the_schedule(connect(upstream, tmp_path, clock=lambda: NOON))
    assert len(upstream.requests) == 1
