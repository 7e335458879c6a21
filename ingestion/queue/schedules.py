"""The scheduled tasks, as they are declared: created once, and an operator's from then on."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.db.models import Q
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from django_q.utils import close_old_django_connections

from ingestion.models import CreatedRow
from ingestion.monitoring.schedule_rows import explain_row
from ingestion.queue.cluster import queue_name

logger = logging.getLogger(__name__)

# A next run this much later than its schedule's rhythm allows was written by a wrong clock.
NEXT_RUN_SLACK = timedelta(minutes=2)
# django-q2 counts from an old next run to now in steps of one interval.
OLDEST_NEXT_RUN = timedelta(days=60)
MOST_STEPS = 1000


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
    Declared("f1 audit", "ingestion.queue.tasks.audit_seasons", minutes=1440, at=time(4)),
    Declared("f1 watch", "ingestion.queue.tasks.watch", minutes=10),
)


def create_schedules(*, using: str, **_: object) -> None:
    """A receiver of `post_migrate`: whatever was never created. What an operator has edited,
    disabled or deleted stays as it is."""
    introspection = connections[using].introspection
    installed = introspection.installed_models(introspection.table_names())
    # Either app may be migrated without the other, or not as far as its code.
    if not {Schedule, CreatedRow} <= installed:
        return
    try:
        with transaction.atomic(using=using):
            Schedule.objects.using(using).first()
    except DatabaseError:
        return
    now = timezone.now()
    schedules = Schedule.objects.using(using)
    with transaction.atomic(using=using):
        known = set(CreatedRow.objects.using(using).values_list("name", flat=True))
        for declared in DECLARED:
            if declared.name in known:
                continue
            first = {"created_at": now}
            created = CreatedRow.objects.using(using)
            _row, is_new = created.get_or_create(name=declared.name, defaults=first)
            # Another machine that migrates too may have been faster; the queue's names are not
            # unique.
            if is_new and not schedules.filter(name=declared.name).exists():
                schedules.create(
                    name=declared.name,
                    func=declared.func,
                    schedule_type=Schedule.MINUTES,
                    minutes=declared.minutes,
                    next_run=declared.last_run(now),
                    cluster=queue_name(),
                )


def run_due_schedules(broker: Any = None) -> None:
    """django-q2's scheduler, kept from what stops it: it gives up on all rows at the first one that
    it cannot read, and waits for as long as a clock was ahead once."""
    now = timezone.now()
    # As the library does it before its own queries, which come after these.
    close_old_django_connections()
    try:
        put_back_times(now)
        skip_unreadable_rows(now)
    except DatabaseError as error:
        logger.warning("the schedules cannot be read (%s); tried again", type(error).__name__)
        return
    scheduler(broker=broker)


def put_back_times(now: datetime) -> None:
    """Next runs and queued tasks that a wrong clock has put into the future (or far into the past)
    come due now; a schedule keeps its rhythm."""
    names = [declared.name for declared in DECLARED]
    for row in Schedule.objects.filter(name__in=names, next_run__gt=now).exclude(repeats=0):
        if explain_row(row, now) or row.schedule_type == Schedule.ONCE:
            continue
        if row.next_run > row.calculate_next_run(now) + NEXT_RUN_SLACK:
            _put_back(row, now)
    old = _find_due_rows(now - OLDEST_NEXT_RUN)
    for row in old.filter(schedule_type__in=[Schedule.MINUTES, Schedule.HOURLY]):
        _put_back(row, now)
    late = now + timedelta(seconds=Conf.RETRY) + NEXT_RUN_SLACK
    # For each cluster: a task that is at work is locked for less than that.
    tasks = OrmQ.objects.filter(key=Conf.CLUSTER_NAME, lock__gt=late).update(lock=now)
    if tasks:
        logger.warning("%s tasks were queued by a clock that was ahead; they run now", tasks)


def _put_back(row: Schedule, now: datetime) -> None:
    next_run = now
    if row.schedule_type in (Schedule.MINUTES, Schedule.HOURLY):
        minutes = 60 if row.schedule_type == Schedule.HOURLY else row.minutes or 1
        next_run = now - (now - row.next_run) % timedelta(minutes=minutes)
    if Schedule.objects.filter(pk=row.pk, next_run=row.next_run).update(next_run=next_run):
        logger.warning(
            "the schedule '%s' had its next run at %s, set by a wrong clock; it runs now",
            row.name or row.func,
            f"{row.next_run:%Y-%m-%d %H:%M} UTC",
        )


def skip_unreadable_rows(now: datetime) -> None:
    """Put them off to their next time, or until a person sets one where it cannot be computed.
    Health names them for as long as they are unreadable."""
    for row in _find_due_rows(now):
        if not (problem := explain_row(row, now)):
            continue
        skipped = Schedule.objects.filter(pk=row.pk, next_run=row.next_run)
        if skipped.update(next_run=_find_next_run(row, now)):
            logger.error(
                "the schedule '%s' (id %s) was skipped: %s. Correct or delete it in the admin",
                row.name or row.func,
                row.pk,
                problem,
            )


def _find_due_rows(now: datetime) -> Any:
    """The rows that this cluster's scheduler takes: its own, and the first cluster also those of
    none."""
    own = Q(cluster=Conf.CLUSTER_NAME)
    if Conf.CLUSTER_NAME == Conf.PREFIX:
        own |= Q(cluster=None)
    return Schedule.objects.filter(own, next_run__lt=now).exclude(repeats=0)


def _find_next_run(row: Schedule, now: datetime) -> datetime | None:
    next_run: datetime = row.next_run
    try:
        for _ in range(MOST_STEPS):
            next_run = row.calculate_next_run(next_run)
            if next_run > now:
                return next_run
    except Exception:  # noqa: BLE001 - that is what is wrong with it
        return None
    return None
