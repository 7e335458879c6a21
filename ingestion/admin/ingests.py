"""'Ingest now': a task for the queue's workers, and what has become of it."""

import logging
from dataclasses import dataclass
from datetime import datetime

from ingestion.admin.marks import OUTCOMES, Mark
from ingestion.errors import QueueUnavailable
from ingestion.models import IngestRun, TaskRun
from ingestion.queue.cluster import queue_name

logger = logging.getLogger(__name__)

TRIGGER = "admin"
WAITING = Mark("scheduled", "○", "No worker has taken it yet.")


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one task. `run` is what it recorded; `told` says in words what is known so far."""

    mark: Mark
    told: str
    run: IngestRun | None = None
    is_over: bool = False


def enqueue(func: str, argument: int, *, label: str) -> str:
    """The task's identifier. Raises `QueueUnavailable`."""
    from django_q.tasks import async_task

    try:
        task: str = async_task(
            f"ingestion.queue.tasks.{func}", argument, task_name=label, cluster=queue_name()
        )
    # The queue may be kept in anything, and each client has errors of its own.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        logger.warning("the task was not queued", extra={"task": label, "reason": reason})
        raise QueueUnavailable from error
    return task


def read_progress(task: str, now: datetime) -> Progress:
    from django_q.models import Task

    begun = TaskRun.objects.filter(pk=task).first()
    ended = Task.objects.filter(pk=task).first()
    run = _run_of(begun) if begun is not None else None
    if run is not None and run.ended_at is not None:
        return _told_by_run(run, now)
    if ended is not None and not ended.success:
        told = "It failed before it could record a run; the worker's log says why."
        return Progress(OUTCOMES["failed"], told, is_over=True)
    if begun is not None and begun.ended_at is None:
        return Progress(
            OUTCOMES["running"], f"A worker is at it since {begun.started_at:%H:%M:%S} UTC.", run
        )
    if ended is not None:
        return Progress(OUTCOMES["ok"], str(ended.result or "It is done."), is_over=True)
    return Progress(
        WAITING,
        "It waits for a worker. Should it go on waiting, none is running: "
        "start 'python manage.py qcluster'.",
    )


def _run_of(task: TaskRun) -> IngestRun | None:
    """The run that a task started: runs do not know of the queue."""
    runs = IngestRun.objects.filter(trigger=TRIGGER, started_at__gte=task.started_at)
    if task.ended_at is not None:
        runs = runs.filter(started_at__lte=task.ended_at)
    return runs.order_by("started_at", "pk").first()


def _told_by_run(run: IngestRun, now: datetime) -> Progress:
    mark = OUTCOMES[run.outcome_at(now)]
    return Progress(mark, mark.title, run, is_over=True)
