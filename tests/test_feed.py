"""What the game reads: an event's results in one query, and a feed that nobody slips into."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ingestion.models import Change, Event
from ingestion.testing.feed import SeasonFeed
from tests.conftest import on_postgres

QUESTIONS: dict[str, Callable[[Event], object]] = {
    "podium": lambda event: event.podium,
    "winner": lambda event: event.winner,
    "pole": lambda event: event.pole,
    "classification": lambda event: event.classification,
}
SECONDS_TO_WAIT = 15

feed = SeasonFeed(is_held=False)


@contextmanager
def queries(number: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as captured:
        yield
    assert len(captured) == number, captured.captured_queries


# An event's results


@pytest.mark.django_db
@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("session_type", ["race", "qualifying", "sprint", "sprint_qualifying"])
def test_each_question_is_one_query_at_most(name: str, session_type: str) -> None:
    event = feed.publish(session_type=session_type).event
    with CaptureQueriesContext(connection) as captured:
        QUESTIONS[name](event)
    assert len(captured) <= 1


@pytest.mark.django_db
def test_of_a_season_all_are_answered_by_two() -> None:
    for name in ("Belgian", "Dutch", "Italian"):
        feed.publish(grand_prix=f"{name} Grand Prix", drivers=["norris"])
        feed.publish(grand_prix=f"{name} Grand Prix", session_type="qualifying")
    with queries(2):
        events = list(Event.objects.for_season(2024).with_classifications())
    with queries(0):
        for event in events:
            for ask in QUESTIONS.values():
                ask(event)
        poles = [event.pole.driver_id for event in events if event.pole]
        winners = [event.winner.driver_id for event in events if event.winner]
    assert (poles, winners) == (["russell"] * 3, ["norris"] * 3)


@pytest.mark.django_db
def test_a_race_has_a_podium_and_a_qualifying_a_pole() -> None:
    race = feed.publish(drivers=["hamilton", "piastri", "leclerc"]).event
    assert [result.driver_id for result in race.podium] == ["hamilton", "piastri", "leclerc"]
    assert race.winner == race.podium[0]
    assert race.pole is None
    assert [result.order for result in race.classification] == list(range(1, 21))

    qualifying = feed.publish(session_type="qualifying", drivers=["max_verstappen"]).event
    assert qualifying.pole is not None
    assert qualifying.pole.driver_id == "max_verstappen"
    assert (qualifying.podium, qualifying.winner) == ([], None)


@pytest.mark.django_db
def test_before_the_results_there_is_nobody() -> None:
    race = feed.schedule().event
    assert (race.podium, race.winner, race.pole, race.classification) == ([], None, None, [])


@pytest.mark.django_db
def test_the_first_slot_of_the_grid_is_kept_beside_the_pole() -> None:
    race = feed.publish(drivers=["hamilton", "piastri"]).event
    assert race.results.get(grid=1).driver_id == "russell"


# The feed


@pytest.mark.django_db
def test_the_feed_after_an_id_is_in_order() -> None:
    event = feed.publish().event
    feed.amend(event)
    keys = list(Change.objects.after(0).values_list("pk", flat=True))
    assert keys == sorted(keys)
    assert len(keys) == 4
    assert list(Change.objects.after(keys[1]).values_list("pk", flat=True)) == keys[2:]
    assert not Change.objects.after(keys[-1]).exists()


def in_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS_TO_WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.skipif(not on_postgres, reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_save_waits_with_its_ids_for_one_that_has_taken_some() -> None:
    """Otherwise the second would commit higher ids first, and a cursor pass the lower ones."""
    has_written, may_commit = threading.Event(), threading.Event()

    def save_slowly() -> None:
        with transaction.atomic():
            feed.publish(season=2023)
            has_written.set()
            assert may_commit.wait(SECONDS_TO_WAIT)

    slow = in_thread(save_slowly)
    assert has_written.wait(SECONDS_TO_WAIT)
    quick = in_thread(lambda: feed.publish(season=2024))
    wait_for(waiting_for_a_lock)
    assert list(Change.objects.after(0)) == []

    may_commit.set()
    slow.join()
    quick.join()
    seasons = list(Change.objects.after(0).values_list("event__season", flat=True))
    assert seasons == [2023] * 3 + [2024] * 3


@pytest.mark.django_db(transaction=True)
def test_two_seasons_saved_at_once_leave_a_reader_nothing_behind() -> None:
    writers = [in_thread(partial(save_season, season)) for season in (2023, 2024)]
    seen: list[int] = []
    while any(writer.is_alive() for writer in writers):
        seen += read_after(seen)
    seen += read_after(seen)

    assert seen == list(Change.objects.order_by("pk").values_list("pk", flat=True))
    assert set(Change.objects.values_list("event__season", flat=True)) == {2023, 2024}
    assert len(seen) == 2 * 3 * 8


def save_season(season: int) -> None:
    """In transactions of several entries each, which leaves a reader time to look in between."""
    for number in range(3):
        event = feed.publish(season=season, grand_prix=f"Grand Prix {number}").event
        with transaction.atomic():
            for _ in range(5):
                feed.amend(event)


def read_after(seen: list[int]) -> list[int]:
    cursor = seen[-1] if seen else 0
    return list(Change.objects.after(cursor).values_list("pk", flat=True))
