"""What a daily sweep does to all tables: times that a wrong clock has written, and old records."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Manager

from ingestion.models import (
    CLOCK_SLACK,
    Alarm,
    CreatedRow,
    Event,
    IngestRun,
    Poll,
    RequestBlock,
    SecondOpinion,
    TaskRun,
    UpstreamClassification,
)

logger = logging.getLogger(__name__)

# Runs that changed something stay for the story, for as long as the feed.
RUNS_KEPT = timedelta(days=90)
TASK_RUNS_KEPT = timedelta(days=7)
ALARMS_KEPT = timedelta(days=365)

# When something happened: a true time of these is never still to come.
PAST_TIMES: tuple[tuple[Manager[Any], tuple[str, ...]], ...] = (
    (
        Event.objects,
        (
            *("results_changed_at", "results_generated_at", "confirmed_at"),
            *("schedule_generated_at", "disputed_generated_at"),
        ),
    ),
    (SecondOpinion.objects, ("generated_at", "disputed_since")),
    (UpstreamClassification.objects, ("generated_at", "seen_at")),
    (Poll.objects, ("requested_at", "answered_at", "failing_since")),
    (
        Alarm.objects,
        ("raised_at", "notified_at", "cleared_at", "all_clear_sent_at", "acknowledged_at"),
    ),
    (IngestRun.objects, ("started_at", "ended_at")),
    (TaskRun.objects, ("started_at", "ended_at")),
    (CreatedRow.objects, ("created_at",)),
    (RequestBlock.objects, ("reserved_at",)),
)


def put_back_times(now: datetime) -> int:
    """What a clock that was ahead has written counts as of now: it would hide what is newer, or
    hold up what waits for it. Returns how many times and statuses were put back: none where another
    machine's clock agreed with the upstream's, so that it is this one that is behind."""
    ahead = IngestRun.objects.filter(started_at__gt=now + CLOCK_SLACK)
    if ahead.filter(clock_offset__range=(-CLOCK_SLACK, CLOCK_SLACK)).exists():
        logger.warning(
            "the times of other machines are left as they are: their clocks agree with the "
            "upstream's, and this machine's is behind; set it right"
        )
        return 0
    put_back = 0
    for manager, names in PAST_TIMES:
        for name in names:
            of_future = manager.filter(**{f"{name}__gt": now + CLOCK_SLACK})
            if changed := of_future.update(**{name: now}):
                logger.warning(
                    "%s times (%s of %s) were still to come, written by a clock that was ahead; "
                    "they count as of now",
                    changed,
                    name,
                    manager.model.__name__,
                )
                put_back += changed
    # Calendars set a status anew, but for what a person has locked: no pick could be made on it.
    begun = Event.objects.filter(
        status__in=[Event.Status.LIVE, Event.Status.COMPLETED],
        results_revision=0,
        starts_at__gt=now + CLOCK_SLACK,
    )
    if changed := begun.update(status=Event.Status.SCHEDULED, updated_at=now):
        logger.warning(
            "%s events had begun by a clock that was ahead; they are scheduled again", changed
        )
    return put_back + changed


def prune(now: datetime) -> int:
    """Delete old records of runs, tasks and alarms; returns how many. No fact of the sport, and
    nothing of the feed, is ever among them."""
    old = (
        IngestRun.objects.filter(started_at__lt=now - RUNS_KEPT, changes=None),
        TaskRun.objects.filter(started_at__lt=now - TASK_RUNS_KEPT),
        Alarm.objects.filter(cleared_at__lt=now - ALARMS_KEPT),
    )
    return sum(rows.delete()[0] for rows in old)
