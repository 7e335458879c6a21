"""A race day on a clock of its own, with the worker's tasks and a stand-in upstream, which is down
from 14:00 to 19:00; the worker is dead from 15:00 to 16:00. Whoever is told of alarms hears of each
once, in time, and once more when it is over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ingestion.models import Alarm, Event
from ingestion.monitoring.alerting import ALL_CLEAR_AFTER, update_alarms
from ingestion.monitoring.channels import Channel
from ingestion.monitoring.health import State, check_health
from tests.command_line import small_upstream  # noqa: F401 - fixture `upstream`
from tests.installation import switch_polling_on, tick
from tests.ticking import TICK, World, at, world  # noqa: F401
from tests.webhook import Receiver, webhook_receiver  # noqa: F401 - fixture `receiver`

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

MORNING, EVENING = at("07-28 06:00"), at("07-28 21:00")
UPSTREAM_DOWN, UPSTREAM_BACK = at("07-28 14:00"), at("07-28 19:00")
WORKER_DEAD, WORKER_BACK = at("07-28 15:00"), at("07-28 16:00")
# The watch's own; from another machine, as a cron runs it, while the worker is dead.
WATCH = timedelta(minutes=10)


@pytest.fixture
def sunday(world: World) -> World:  # noqa: F811
    """All results but the race's are in."""
    world.publish("races", "qualifyings", "sprints", "sprint_qualifyings")
    season = world.upstream.seasons[2024]
    before = {name: race for name, race in season.races.items() if name != "belgium"}
    world.upstream.seasons[2024] = replace(season, races=before)
    world.now = MORNING
    switch_polling_on(MORNING)
    world.refresh_schedule()
    return world


def five_minutes_apart(begin: datetime, end: datetime) -> Iterator[datetime]:
    while begin < end:
        yield begin
        begin += TICK


def live_through(sunday: World, now: datetime) -> None:
    """What the world and the worker do at that time."""
    sunday.now = now
    if now == UPSTREAM_DOWN:
        sunday.upstream.fault("*", status=503)
    if now == UPSTREAM_BACK:
        sunday.upstream.clear_faults()
        sunday.publish("races")
    if WORKER_DEAD <= now < WORKER_BACK:
        return
    if now == at("07-28 18:00"):
        sunday.refresh_schedule()
    sunday.tick()
    tick(now)


def test_each_alarm_comes_once_in_time_and_goes_away_once(
    sunday: World, receiver: Receiver
) -> None:
    told: list[tuple[datetime, str]] = []
    states: list[tuple[datetime, State]] = []
    for now in five_minutes_apart(MORNING, EVENING):
        live_through(sunday, now)
        if (now - MORNING) % WATCH:
            continue
        health = check_health(now)
        if not states or states[-1][1] is not health.state:
            states.append((now, health.state))
        update_alarms(health, now, channels=[Channel("json", receiver.alarm_url)])
        told += [(now, title) for title in receiver.titles[len(told) :]]
    silent, dead = (
        "The upstream has been silent since 2024-07-28 16:00 UTC",
        "No worker tick has succeeded since 2024-07-28 14:55 UTC",
    )
    assert sorted(subject for _, subject in told) == [
        f"F1 Picks: over: {dead}",
        f"F1 Picks: over: {silent}",
        f"F1 Picks: the upstream is silent: {silent}",
        f"F1 Picks: we are broken: {dead}",
    ]
    told_at = {subject.removeprefix("F1 Picks: "): now for now, subject in told}
    assert told_at[f"we are broken: {dead}"] <= WORKER_DEAD + timedelta(minutes=30)
    assert told_at[f"over: {dead}"] == WORKER_BACK + ALL_CLEAR_AFTER + timedelta(minutes=5)
    # It is asked again within ten minutes while the race's result is awaited.
    assert told_at[f"the upstream is silent: {silent}"] <= WORKER_BACK + timedelta(minutes=30)
    assert told_at[f"over: {silent}"] <= UPSTREAM_BACK + ALL_CLEAR_AFTER + timedelta(minutes=20)
    assert [state for _, state in states] == ["ok", "broken", "ok", "silent", "ok"]
    bodies = "".join(post["message"] for post in receiver.posts)
    assert bodies.count("503 Service Unavailable") == 1
    assert bodies.count("Start 'python manage.py qcluster'") == 1
    assert Alarm.objects.count() == 2
    assert not Alarm.objects.filter(cleared_at=None).exists()
    assert Event.objects.get(grand_prix="belgian-grand-prix", session_type="race").has_results
