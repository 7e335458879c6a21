"""The hour's requests, shared by everybody who asks the same host."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from ingestion.budget import REQUESTS_PER_HOUR, reserve_requests
from ingestion.errors import SourceRateLimited
from ingestion.fetch.door import budget_key
from ingestion.models import RequestBlock

# Several processes share it: what counts is committed.
pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2024, 7, 28, 12, 0, tzinfo=UTC)
HOST = "api.jolpi.ca"


def at(minutes: float) -> Callable[[], datetime]:
    """A clock that shows so many minutes past noon."""
    return lambda: NOON + timedelta(minutes=minutes)


def reserve(requests: int, *, host: str = HOST, minutes: float = 0) -> None:
    reserve_requests(host, requests, clock=at(minutes))


def refused(requests: int, *, minutes: float = 0) -> SourceRateLimited:
    with pytest.raises(SourceRateLimited) as raised:
        reserve(requests, minutes=minutes)
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
    assert error.advice == "Run it again after 13:00 UTC: it goes on with what is missing"
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


@pytest.mark.parametrize(("threads", "requests", "granted"), [(24, 10, 18), (12, 50, 3)])
def test_many_at_once_never_exceed_the_budget(threads: int, requests: int, granted: int) -> None:
    barrier = threading.Barrier(threads)
    outcomes: list[str] = []

    def run() -> None:
        barrier.wait()
        try:
            reserve(requests)
            outcomes.append("granted")
        except SourceRateLimited:
            outcomes.append("refused")
        finally:
            connection.close()

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (outcomes.count("granted"), len(outcomes)) == (granted, threads)
    assert spent() == [requests] * granted


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
    ],
)
def test_what_a_request_counts_for(url: str, key: str) -> None:
    assert budget_key(url) == key
