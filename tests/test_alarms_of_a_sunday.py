"""A race day on a clock of its own: the upstream is down from 14:00 to 19:00, and the worker is
dead from 15:00 to 16:00. Whoever is told of alarms hears of each once, in time, and once more."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from django.core.mail import EmailMessage

from ingestion.alarms import Channels, sound_alarms
from ingestion.health import State, check_health
from ingestion.models import Alarm, Event, Poll
from tests.installation import DAY, HOUR, MINUTE, event, healthy, publish, run, tick

pytestmark = pytest.mark.django_db

MORNING = datetime(2024, 7, 28, 11, tzinfo=UTC)
EVENING = datetime(2024, 7, 28, 21, tzinfo=UTC)
RACE = datetime(2024, 7, 28, 13, tzinfo=UTC)
UPSTREAM_DOWN = (datetime(2024, 7, 28, 14, tzinfo=UTC), datetime(2024, 7, 28, 19, tzinfo=UTC))
WORKER_DEAD = (datetime(2024, 7, 28, 15, tzinfo=UTC), datetime(2024, 7, 28, 16, tzinfo=UTC))
PATIENCE = timedelta(minutes=30)


def is_within(at: datetime, period: tuple[datetime, datetime]) -> bool:
    return period[0] <= at < period[1]


@dataclass
class Worker:
    """Leaves behind what ticks and polling leave behind."""

    race: Event
    polls: list[Poll] = field(default_factory=list)

    def tick(self, now: datetime) -> None:
        due = [poll for poll in self.polls if poll.next_at is not None and poll.next_at <= now]
        for poll in due:
            self.ask(poll, now)
        if due:
            failed = is_within(now, UPSTREAM_DOWN)
            run(
                now,
                "failed" if failed else "ok",
                trigger="poll",
                fault="upstream" if failed else "",
                schedule_refreshed=not failed and any(poll.event is None for poll in due),
            )
        tick(now)

    def ask(self, poll: Poll, now: datetime) -> None:
        poll.asked_at = now
        if is_within(now, UPSTREAM_DOWN):
            poll.failures += 1
            poll.failing_since = poll.failing_since or now
            poll.trouble = "no answer in time"
            poll.next_at = now + min(2**poll.failures * 5 * MINUTE, PATIENCE)
        else:
            poll.failures, poll.failing_since, poll.trouble = 0, None, ""
            poll.answered_at, poll.next_at = now, now + HOUR
            if poll.event == self.race:
                publish(self.race)
        poll.save()


@pytest.fixture
def worker() -> Worker:
    healthy(MORNING)
    race, qualifying = event("race", RACE), event("qualifying", RACE - DAY)
    publish(qualifying)
    after_race = RACE + 3 * HOUR + 10 * MINUTE
    first_asks = [(None, MORNING), (qualifying, MORNING + 20 * MINUTE), (race, after_race)]
    polls = [Poll.objects.create(season=2024, event=of, next_at=at) for of, at in first_asks]
    return Worker(race, polls)


def minutes(step: int) -> Iterator[datetime]:
    at = MORNING
    while at < EVENING:
        yield at
        at += step * MINUTE


def test_each_alarm_comes_once_in_time_and_goes_away_once(
    worker: Worker, mailoutbox: list[EmailMessage]
) -> None:
    told: list[tuple[str, str]] = []
    states: dict[str, State] = {}
    for now in minutes(5):
        if not is_within(now, WORKER_DEAD):
            worker.tick(now)
        if now.minute % 10:
            continue
        health = check_health(now)
        states[f"{now:%H:%M}"] = health.state
        sound_alarms(health, now, channels=Channels(emails=["anna@example.org"]))
        told += [(f"{now:%H:%M}", str(mail.subject)) for mail in mailoutbox[len(told) :]]
    silent, dead = (
        "The upstream has been silent since 2024-07-28 14:00 UTC",
        "No tick has succeeded since 2024-07-28 14:55 UTC",
    )
    assert told == [
        ("14:50", f"F1 Picks: the upstream is silent: {silent}"),
        ("15:20", f"F1 Picks: we are broken: {dead}"),
        ("16:20", f"F1 Picks: over: {dead}"),
        ("19:30", f"F1 Picks: over: {silent}"),
    ]
    assert {
        at: states[at]
        for at in ("13:50", "14:50", "15:10", "15:20", "15:50", "16:00", "19:00", "19:10")
    } == {
        "13:50": State.OK,
        "14:50": State.SILENT,
        "15:10": State.SILENT,
        "15:20": State.BROKEN,
        "15:50": State.BROKEN,
        "16:00": State.SILENT,
        "19:00": State.SILENT,
        "19:10": State.OK,
    }
    assert "no answer in time" in mailoutbox[0].body
    assert "Start 'python manage.py qcluster'" in mailoutbox[1].body
    assert Alarm.objects.filter(cleared_at=None).count() == 0
    assert Alarm.objects.count() == 2
