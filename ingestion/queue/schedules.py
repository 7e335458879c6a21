"""The scheduled tasks, as they are declared: created once, and an operator's from then on."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from ingestion.models import CreatedSchedule
from ingestion.queue.cluster import queue_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Declared:
    """A task that runs every so many minutes, counted from a time of day in UTC.

    In minutes also where it is once a day: django-q2 keeps a daily one at the same local time,
    which moves in UTC when the clocks of the host project's TIME_ZONE change.
    """

    name: str
    func: str
    minutes: int
    at: time = time()

    def last_run(self, now: datetime) -> datetime:
        """When it should have run last: a new schedule that is due since then runs at once, and
        in time from then on."""
        start = datetime.combine(now.astimezone(UTC).date(), self.at, UTC) - timedelta(days=1)
        return now - (now - start) % timedelta(minutes=self.minutes)


DECLARED = (
    Declared("f1 tick", "ingestion.queue.tasks.tick", minutes=5),
    Declared("f1 schedule", "ingestion.queue.tasks.refresh_schedule", minutes=720, at=time(6)),
    Declared("f1 sweep", "ingestion.queue.tasks.sweep", minutes=1440, at=time(3, 30)),
    Declared("f1 watch", "ingestion.queue.tasks.watch", minutes=10),
)


def create_schedules(*, using: str, **_: object) -> None:
    """A receiver of `post_migrate`: whatever was never created. What an operator has edited,
    disabled or deleted stays as it is."""
    if not _has_tables(using):
        return
    with transaction.atomic(using=using):
        known = set(CreatedSchedule.objects.using(using).values_list("name", flat=True))
        for declared in DECLARED:
            if declared.name not in known:
                _create(declared, using=using, now=timezone.now())


def _has_tables(using: str) -> bool:
    """Of both apps: one of them may be migrated without the other, or not as far as its code."""
    from django_q.models import Schedule

    introspection = connections[using].introspection
    installed = introspection.installed_models(introspection.table_names())
    if not {Schedule, CreatedSchedule} <= installed:
        return False
    try:
        with transaction.atomic(using=using):
            Schedule.objects.using(using).first()
    except DatabaseError:
        return False
    return True


def _create(declared: Declared, *, using: str, now: datetime) -> None:
    from django_q.models import Schedule

    _, is_new = CreatedSchedule.objects.using(using).get_or_create(
        name=declared.name, defaults={"created_at": now}
    )
    schedules = Schedule.objects.using(using)
    # Another machine that migrates too may have been faster; names are not unique to the queue.
    if not is_new or schedules.filter(name=declared.name).exists():
        return
    schedules.create(
        name=declared.name,
        func=declared.func,
        schedule_type=Schedule.MINUTES,
        minutes=declared.minutes,
        next_run=declared.last_run(now),
        cluster=queue_name(),
    )
