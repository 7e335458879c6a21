"""The rows that a working installation leaves behind, as the worker and polling write them."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django_q.models import Schedule, Task

from ingestion.models import CreatedRow, Event, IngestRun, Poll
from ingestion.monitoring.facts import TICK, TICK_SCHEDULE
from ingestion.sessions import SessionType

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def switch_polling_on(at: datetime, **changes: Any) -> Schedule:
    """As migrating does it, whatever migrating the tests' database has left."""
    switch_polling_off()
    CreatedRow.objects.update_or_create(name=TICK_SCHEDULE, defaults={"created_at": at})
    facts = {"schedule_type": Schedule.MINUTES, "minutes": 5, "next_run": at, **changes}
    schedule: Schedule = Schedule.objects.create(name=TICK_SCHEDULE, func=TICK, **facts)
    return schedule


def switch_polling_off() -> None:
    """As an operator does it, by deleting the schedule."""
    Schedule.objects.filter(name=TICK_SCHEDULE).delete()


def tick(at: datetime, *, success: bool = True) -> None:
    Task.objects.create(
        id=uuid.uuid4().hex, name="tick", func=TICK, started=at, stopped=at, success=success
    )


def run(at: datetime, outcome: str = "ok", **changes: Any) -> IngestRun:
    """One that took a minute, unless it is still running."""
    facts = {
        "trigger": "schedule",
        "seasons": [at.year],
        "ended_at": None if outcome == "running" else at + MINUTE,
        "schedule_refreshed": outcome == "ok",
        **changes,
    }
    return IngestRun.objects.create(started_at=at, outcome=outcome, **facts)


def event(session_type: str, starts_at: datetime | None, **changes: Any) -> Event:
    """A session of the Belgian Grand Prix, over when its kind usually is."""
    end = (
        starts_at + SessionType(session_type).kind.usual_duration if starts_at is not None else None
    )
    facts = {
        "season": starts_at.year if starts_at is not None else 2024,
        "grand_prix": "belgian-grand-prix",
        "name": "Belgian Grand Prix",
        "session_type": session_type,
        "starts_at": starts_at,
        "ends_at": end,
        "locks_at": starts_at,
        **changes,
    }
    return Event.objects.create(**facts)


def learn(known: Event, at: datetime) -> None:
    """As an ingest at that time does it that is the first to hear of it."""
    Event.objects.filter(pk=known.pk).update(created_at=at, updated_at=at)


def publish(awaited: Event) -> None:
    awaited.results_state = Event.ResultsState.OFFICIAL
    awaited.results_revision += 1
    awaited.save()


def failing_poll(of: Event | int, since: datetime, now: datetime, **changes: Any) -> Poll:
    """Of an event, or of a season's calendars; asked in vain since then, the last time just now."""
    facts = {
        "event": of if isinstance(of, Event) else None,
        "season": of.season if isinstance(of, Event) else of,
        "requested_at": now,
        "failing_since": since,
        "next_at": now + 5 * MINUTE,
        "failures": 3,
        "last_error": "Jolpica's results of 2024: no answer in time",
        **changes,
    }
    return Poll.objects.create(**facts)


def healthy(now: datetime) -> None:
    """Everything works: the worker ticks, the calendars were read this morning."""
    switch_polling_on(now - 30 * DAY)
    tick(now - 2 * MINUTE)
    run(now - 6 * HOUR, clock_offset=timedelta(seconds=1))
