"""A queued task runs once, however often it is delivered, and is given up when it keeps dying.

django-q2 delivers a task again when it was not acknowledged in time. What it knows of attempts
counts those that ended: a worker that is killed leaves no trace in it.
"""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from ingestion.models import CLOCK_SLACK, IngestRun, TaskRun
from ingestion.queue.cluster import cluster_settings
from ingestion.report import Fault, Problem

logger = logging.getLogger(__name__)

MOST_STARTS = 3
# The queue ends a task that takes longer; after this much more no worker can be running it.
SLACK = timedelta(minutes=1)
USUAL_TIMEOUT = 600

_delivered: ContextVar[str] = ContextVar("delivered", default="")
_running: ContextVar[str] = ContextVar("running", default="")


def note_delivery(task: dict[str, Any], **_: object) -> None:
    """A receiver of django-q2's `pre_execute`: a task does not get its own identifier."""
    _delivered.set(task["id"])


def run_once(name: str, work: Callable[[], Any], *, clock: Callable[[], datetime]) -> Any:
    """Do the work of the task that is being executed, unless it was done or is given up; without
    a queue simply do it. A delivery counts once: what the same thread calls afterwards is none."""
    task = _delivered.get()
    _delivered.set("")
    if not task:
        return work()
    if not begin(task, name, clock()):
        return None
    running = _running.set(task)
    try:
        return work()
    finally:
        _running.reset(running)
        # However it ends; only a process that is killed does not come here.
        TaskRun.objects.filter(pk=task).update(ended_at=clock())


def running_task() -> str:
    """The identifier of the task whose work is being done, '' without a queue."""
    return _running.get()


def begin(task: str, name: str, now: datetime) -> bool:
    """Whether to do the work: it is neither done nor being done, and did not die three times."""
    # The row's lock decides between two workers to which it was delivered at once.
    with transaction.atomic():
        run, is_new = TaskRun.objects.select_for_update().get_or_create(
            pk=task, defaults={"name": name, "started_at": now}
        )
        if is_new:
            return True
        if run.ended_at is not None or -CLOCK_SLACK < now - run.started_at < longest_task():
            logger.info("the task was delivered twice", extra={"task": name})
            return False
        if run.starts < MOST_STARTS:
            run.starts += 1
            run.started_at = now
            run.save()
            return True
        run.ended_at = now
        run.is_given_up = True
        run.save()
        message = (
            f"the task '{run.name}' died {run.starts} times and was given up; what it saved before "
            "is safe. Look at the worker's log and memory; the next one of its schedule starts anew"
        )
        logger.error(message)
        # There is no other record that it ever began.
        IngestRun.objects.create(
            trigger=run.name,
            task=run.pk,
            started_at=run.started_at,
            ended_at=now,
            outcome=IngestRun.Outcome.FAILED,
            fault=IngestRun.Fault.OURS,
            problems=[Problem(message, fault=Fault.OURS).as_data()],
        )
        return False


def longest_task() -> timedelta:
    """How long a task may take. Of the cluster that should take it and of the one that this runs
    in: either may have limits of its own, and what runs must not be started again."""
    from django_q.conf import Conf

    limits = cluster_settings().get("timeout") or USUAL_TIMEOUT, Conf.TIMEOUT or 0
    return timedelta(seconds=max(limits)) + SLACK
