"""Set up in mid-season: the worker begins with all tasks at once, in any order, and nobody is
alarmed by what had no time to happen."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from ingestion.models import Alarm, Event, Poll
from ingestion.pipeline import configured_sources
from ingestion.queue import tasks
from ingestion.queue.schedules import DECLARED
from ingestion.sessions import SessionType
from ingestion.sources import result_sources
from rehearsal.clock import VirtualClock, virtual_time
from rehearsal.worker import Worker
from tests.command_line import asked, small_upstream  # noqa: F401 - fixture `upstream`
from tests.installation import switch_polling_on
from tests.ticking import World, at, world  # noqa: F401

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

NOW = at("07-30 12:00")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TASKS = {declared.name.removeprefix("f1 "): declared for declared in DECLARED}


@pytest.fixture
def clock(world: World) -> Iterator[VirtualClock]:  # noqa: F811
    """Two days after the Belgian Grand Prix, whose results are out; migrated days before."""
    world.publish("races", "qualifyings", "sprints", "sprint_qualifyings")
    switch_polling_on(NOW - 3 * DAY)
    clock = VirtualClock(NOW - 3 * DAY)
    world.upstream.clock = clock.read
    with virtual_time(clock):
        yield clock


@pytest.fixture
def worker(clock: VirtualClock) -> Worker:
    return Worker(clock)


def begin(worker: Worker, *names: str) -> None:
    for name in names:
        worker.run(TASKS[name])
    assert worker.failures == []


@pytest.mark.parametrize("order", list(permutations(["tick", "schedule", "watch"])), ids="-".join)
@pytest.mark.parametrize("is_filled", [False, True], ids=["empty", "with-a-calendar"])
def test_whatever_a_new_worker_begins_with_nobody_is_alarmed(
    worker: Worker, clock: VirtualClock, order: tuple[str, ...], is_filled: bool
) -> None:
    if is_filled:
        tasks.refresh_schedule(clock=clock.read)
    clock.advance(NOW)
    begin(worker, *order)
    for _ in range(2):
        clock.advance(clock.read() + 5 * MINUTE)
        begin(worker, "tick")
    begin(worker, "watch")
    assert not Alarm.objects.exists()
    assert not Event.objects.awaiting_results(clock.read()).exists()


def test_first_tick_that_never_succeeds_is_told_of_by_the_next_look(
    worker: Worker, clock: VirtualClock
) -> None:
    clock.advance(NOW)
    begin(worker, "watch")
    assert not Alarm.objects.exists()
    clock.advance(NOW + 10 * MINUTE)
    begin(worker, "watch")
    assert [alarm.key for alarm in Alarm.objects.all()] == ["no-tick"]


def test_new_events_that_are_never_requested_are_an_alarm_after_an_hour(
    worker: Worker,
    clock: VirtualClock,
    world: World,  # noqa: F811
) -> None:
    clock.advance(NOW)
    begin(worker, "tick", "schedule")
    world.upstream.clear_requests()
    clock.advance(NOW + 59 * MINUTE)
    claim_all(until=NOW + 61 * MINUTE)
    begin(worker, "tick", "watch")
    assert not Alarm.objects.exists()
    clock.advance(NOW + 60 * MINUTE)
    begin(worker, "tick", "watch")
    alarms = Alarm.objects.all()
    assert {alarm.key.partition(":")[0] for alarm in alarms} == {"overdue"}
    assert all("It was not requested since" in alarm.advice for alarm in alarms)
    assert asked(world.upstream) == []


def claim_all(*, until: datetime) -> None:
    """As processes that claim and die, again and again."""
    claimed = [
        Poll(event=event, season=event.season, source=source, next_at=until)
        for event in Event.objects.all()
        for source in result_sources(SessionType(event.session_type), configured_sources())
    ]
    Poll.objects.bulk_create(claimed)
