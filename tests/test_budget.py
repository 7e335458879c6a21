"""The hour's requests, shared by everybody who asks the same host."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from ingestion.budget import REQUESTS_PER_HOUR, Budget, Purpose, requests_per_hour
from ingestion.errors import SourceRateLimited
from ingestion.models import Event, RequestBlock
from ingestion.sources.http import budget_key

# Several processes share it: what counts is committed.
pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2024, 7, 28, 12, 0, tzinfo=UTC)
HOST = "api.jolpi.ca"


def at(minutes: float) -> Callable[[], datetime]:
    """A clock that shows so many minutes past noon."""
    return lambda: NOON + timedelta(minutes=minutes)


POLL, BACKFILL = Purpose.POLL, Purpose.BACKFILL


def reserve(
    requests: int, *, purpose: Purpose = POLL, host: str = HOST, minutes: float = 0
) -> Budget:
    budget = Budget(purpose, clock=at(minutes))
    budget.reserve(host, requests)
    return budget


def refused(requests: int, *, purpose: Purpose = POLL, minutes: float = 0) -> SourceRateLimited:
    with pytest.raises(SourceRateLimited) as raised:
        reserve(requests, purpose=purpose, minutes=minutes)
    return raised.value


def spent(host: str = HOST) -> list[int]:
    return list(
        RequestBlock.objects.filter(host=host).order_by("pk").values_list("requests", flat=True)
    )


def test_an_hour_has_180_requests_exactly() -> None:
    for _ in range(180):
        reserve(1)
    refused(1)
    assert sum(spent()) == REQUESTS_PER_HOUR == 180


def test_a_block_that_does_not_fit_is_refused_whole() -> None:
    reserve(175)
    refused(6)
    assert spent() == [175]
    reserve(5)
    assert spent() == [175, 5]


def test_a_refusal_says_when_there_is_room_again() -> None:
    reserve(100, minutes=0)
    reserve(50, minutes=10)
    reserve(30, minutes=20)
    assert refused(1, minutes=30).retry_at == NOON + timedelta(minutes=60)
    assert refused(100, minutes=30).retry_at == NOON + timedelta(minutes=60)
    assert refused(101, minutes=30).retry_at == NOON + timedelta(minutes=70)
    assert refused(150, minutes=30).retry_at == NOON + timedelta(minutes=70)
    assert refused(180, minutes=30).retry_at == NOON + timedelta(minutes=80)


def test_a_refusal_in_words() -> None:
    reserve(180)
    error = refused(5, minutes=30)
    assert str(error) == (
        "api.jolpi.ca would get more than 180 requests within an hour; "
        "there is room again at 13:00 UTC"
    )
    assert error.advice == "Run it again after 13:00 UTC: it continues with what is missing"
    assert error.status is None


def test_there_is_room_when_the_refusal_said() -> None:
    reserve(180)
    refused(180, minutes=59.99)
    reserve(180, minutes=60)
    assert spent() == [180]


def test_a_block_that_never_fits_is_refused_for_ever() -> None:
    assert refused(181).retry_at is None
    assert spent() == []


def test_hosts_do_not_share_a_budget() -> None:
    reserve(180)
    reserve(180, host="raw.githubusercontent.com")
    refused(1)
    assert spent("raw.githubusercontent.com") == [180]


def test_old_blocks_are_removed_whosever_they_are() -> None:
    reserve(1, minutes=0)
    reserve(2, host="raw.githubusercontent.com", minutes=1)
    reserve(3, minutes=30)
    reserve(4, minutes=61)
    assert list(RequestBlock.objects.order_by("pk").values_list("requests", flat=True)) == [3, 4]


def test_a_refusal_removes_nothing_that_counts() -> None:
    reserve(180, minutes=0)
    refused(1, minutes=59)
    assert spent() == [180]


def test_a_reservation_stands_whatever_becomes_of_the_caller() -> None:
    """Inside a transaction that is rolled back it would be forgotten, though it was spent."""
    with (
        pytest.raises(RuntimeError, match="durable"),
        transaction.atomic(),
    ):
        reserve(1)


def reserve_at_once(wanted: list[tuple[Purpose, int]]) -> list[str]:
    """Each in a thread of its own, with a connection of its own, all in the same moment."""
    barrier = threading.Barrier(len(wanted))
    outcomes: list[str] = []

    def run(purpose: Purpose, requests: int) -> None:
        barrier.wait()
        try:
            reserve(requests, purpose=purpose)
            outcomes.append("granted")
        except SourceRateLimited:
            outcomes.append("refused")
        finally:
            connection.close()

    workers = [threading.Thread(target=run, args=one) for one in wanted]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(outcomes) == len(wanted)
    return outcomes


@pytest.mark.parametrize(
    ("purpose", "threads", "requests", "granted"),
    [(POLL, 24, 10, 18), (POLL, 12, 50, 3), (BACKFILL, 24, 10, 12)],
)
def test_many_at_once_never_exceed_the_budget(
    purpose: Purpose, threads: int, requests: int, granted: int
) -> None:
    outcomes = reserve_at_once([(purpose, requests)] * threads)
    assert outcomes.count("granted") == granted
    assert spent() == [requests] * granted


def test_polls_get_their_third_whoever_comes_with_them() -> None:
    reserve_at_once([(BACKFILL, 10), (POLL, 10)] * 12)
    blocks = RequestBlock.objects.values_list("purpose", "requests")
    polls = sum(requests for purpose, requests in blocks if purpose == POLL)
    # Twelve polls want 120: they lack at most what a backfill took first.
    assert polls >= 60
    assert polls < sum(spent()) <= 180
    assert sum(spent()) - polls <= 120


# Shares


def test_a_backfill_stops_at_two_thirds_of_the_hour_whoever_spent_them() -> None:
    reserve(50, purpose=BACKFILL, minutes=0)
    reserve(60, purpose=POLL, minutes=10)
    error = refused(11, purpose=BACKFILL, minutes=20)
    assert str(error) == (
        "api.jolpi.ca would get more than 120 requests within an hour (another 60 are kept for "
        "the running season); there is room again at 13:00 UTC"
    )
    assert error.retry_at == NOON + timedelta(hours=1)
    assert reserve(10, purpose=BACKFILL, minutes=20).left == 0
    assert reserve(60, purpose=POLL, minutes=30).left == 0
    assert spent() == [50, 60, 10, 60]


def test_a_backfill_leaves_polling_a_quarter_of_a_hosts_own_limits() -> None:
    """Old sprint qualifyings of the second source would take a weekend's forty; those of two
    seasons, with the lists of each, have room."""
    limits = {"openf1.test": ((20, timedelta(minutes=1)), (40, timedelta(days=4)))}
    now = datetime(2026, 6, 5, 12, tzinfo=UTC)
    old = Budget(Purpose.BACKFILL, clock=lambda: now, limits=limits)
    RequestBlock.objects.create(
        host="openf1.test", requests=14, reserved_at=now - timedelta(days=1)
    )
    old.reserve("openf1.test", 14)
    with pytest.raises(SourceRateLimited, match="more than 30 requests within 4 days"):
        old.reserve("openf1.test", 3)
    Budget(clock=lambda: now, limits=limits).reserve("openf1.test", 6)


def test_what_polling_spent_beyond_its_third_is_waited_for() -> None:
    reserve(100, minutes=0)
    reserve(80, minutes=30)
    assert refused(40, purpose=BACKFILL, minutes=40).retry_at == NOON + timedelta(minutes=60)
    assert refused(41, purpose=BACKFILL, minutes=40).retry_at == NOON + timedelta(minutes=90)
    assert refused(121, purpose=BACKFILL, minutes=40).retry_at is None


@pytest.mark.parametrize(
    ("setting", "hour", "share"), [(60, 60, 40), (30, 30, 20), (1000, 180, 120), (0, 30, 20)]
)
def test_the_settings_lower_the_limit_and_never_raise_it(
    setting: int, hour: int, share: int, settings: Settings
) -> None:
    settings.F1_REQUESTS_PER_HOUR = setting
    assert requests_per_hour() == hour
    refused(share + 1, purpose=BACKFILL)
    refused(hour + 1)
    reserve(hour)


# What was not used


def test_what_was_not_used_is_given_back() -> None:
    budget = reserve(100, purpose=BACKFILL)
    budget.give_back(HOST, 30)
    assert (spent(), budget.left) == ([70], 50)
    budget.give_back(HOST, 30)
    assert spent() == [70]


def test_it_is_taken_from_the_last_blocks_first() -> None:
    budget = reserve(3)
    budget.reserve(HOST, 4)
    budget.reserve("elsewhere", 5)
    budget.give_back(HOST, 6)
    assert (spent(), spent("elsewhere")) == ([1, 0], [5])


def test_nothing_is_taken_from_blocks_that_were_used() -> None:
    budget = reserve(3)
    budget.give_back(HOST, 0)
    budget.reserve(HOST, 2)
    budget.give_back(HOST, 2)
    assert spent() == [3, 0]


def test_others_blocks_stay_as_they_are() -> None:
    other = reserve(10)
    budget = reserve(5)
    budget.give_back(HOST, 5)
    assert spent() == [10, 0]
    other.give_back(HOST, 1)
    assert spent() == [9, 0]


# A result that is awaited


def ended(minutes: float, **changes: Any) -> Event:
    """The race of Belgium, whose end is so many minutes past noon."""
    known = {
        "season": 2024,
        "grand_prix": "belgian-grand-prix",
        "name": "Belgian Grand Prix",
        "session_type": "race",
        "ends_at": NOON + timedelta(minutes=minutes),
    }
    return Event.objects.create(**{**known, **changes})


def test_a_backfill_waits_while_a_result_is_awaited() -> None:
    ended(-60)
    error = refused(1, purpose=BACKFILL)
    assert str(error) == (
        "the result of 2024 Belgian Grand Prix Race is awaited, and older seasons wait for it, "
        "until 14:00 UTC at the latest"
    )
    assert error.retry_at == NOON + timedelta(hours=2)
    assert spent() == []
    reserve(1, purpose=POLL)
    reserve(1, purpose=BACKFILL, minutes=120)


def test_a_backfill_waits_for_the_last_of_several() -> None:
    ended(-30, session_type="qualifying")
    ended(-90)
    assert refused(1, purpose=BACKFILL).retry_at == NOON + timedelta(minutes=150)


@pytest.mark.parametrize(
    ("minutes", "changes"),
    [
        (1, {}),
        (-181, {}),
        (-60, {"status": "cancelled"}),
        (-60, {"results_state": "provisional", "results_revision": 1}),
        (-60, {"results_state": "official", "results_revision": 1}),
    ],
    ids=["not over", "long over", "cancelled", "provisional", "official"],
)
def test_a_backfill_does_not_wait_for_others(minutes: float, changes: dict[str, Any]) -> None:
    ended(minutes, **changes)
    reserve(120, purpose=BACKFILL)
    refused(1, purpose=BACKFILL)


def test_a_reservation_takes_few_statements() -> None:
    """Of the budget's own table: what is awaited is asked for along with it."""
    ended(-200)
    with CaptureQueriesContext(connection) as captured:
        budget = reserve(5, purpose=BACKFILL)
        budget.give_back(HOST, 2)
    asked = [
        query["sql"]
        for query in captured
        if not query["sql"].startswith(("BEGIN", "COMMIT")) and "advisory" not in query["sql"]
    ]
    assert [sql.split()[0] for sql in asked] == ["UPDATE", "DELETE", "INSERT", "SELECT", "UPDATE"]
    assert all("ingestion_requestblock" in sql for sql in asked)


def test_requests_of_a_clock_that_was_ahead_count_for_this_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reserve(180)
    RequestBlock.objects.update(reserved_at=NOON + timedelta(days=365))

    with pytest.raises(SourceRateLimited):
        reserve(5)

    assert "noted by a clock that was ahead" in caplog.text


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://api.jolpi.ca/ergast/f1/2024.json?limit=100", "api.jolpi.ca"),
        ("https://API.jolpi.ca:443/ergast", "api.jolpi.ca"),
        ("https://user:secret@api.jolpi.ca/ergast", "api.jolpi.ca"),
        ("http://127.0.0.1:8000/ergast/f1", "127.0.0.1:8000"),
        ("http://127.0.0.1:8001/ergast/f1", "127.0.0.1:8001"),
        ("http://user:secret@127.0.0.2:8000/ergast", "127.0.0.2:8000"),
        ("http://localhost:8000/ergast", "localhost:8000"),
        ("http://[::1]:8000/ergast", "[::1]:8000"),
        ("http://127.0.0.1/ergast", "127.0.0.1"),
        # Another machine's, whatever its name begins with.
        ("http://127.0.0.1.example.org:8000/ergast", "127.0.0.1.example.org"),
    ],
)
def test_what_a_request_counts_for(url: str, key: str) -> None:
    assert budget_key(url) == key
