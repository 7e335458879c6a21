"""'Ingest now': a task for the queue's workers, and a page that follows it."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingestion.admin.marks import OUTCOMES, Mark
from ingestion.admin.run_pages import describe_counts
from ingestion.errors import QueueUnavailable
from ingestion.models import CLOCK_SLACK, IngestRun, TaskRun
from ingestion.queue.cluster import queue_name
from ingestion.queue.run_lock import longest_task

if TYPE_CHECKING:
    from ingestion.admin.read_only import ReadOnlyAdmin

logger = logging.getLogger(__name__)

WAITING = Mark("scheduled", "○", gettext_lazy("No worker has taken it yet."))
# Where each kind of ingest is started from.
STARTED_ON = {"season": "season_page", "event": "event_change"}

NOT_QUEUED = gettext_lazy(
    "The ingest of %(what)s was not started: the queue cannot be reached. "
    "Nothing was changed, and until it is back no worker polls either. "
    "%(advice)s; the log has the reason."
)

NOT_TAKEN = gettext_lazy(
    "It waits for a worker. If it keeps waiting, none is running: start "
    "'python manage.py qcluster'."
)
NOT_RECORDED = gettext_lazy("It failed before it could record a run; the worker's log says why.")
BROKEN_OFF = gettext_lazy(
    "Its worker was lost before the end; what it had saved stays. The "
    "worker's log may say why. Press 'Ingest now' again, unless the queue "
    "has started it once more."
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one task is. `run` is what it recorded; `summary` says what is known so far."""

    mark: Mark
    summary: str
    run: IngestRun | None = None
    is_over: bool = False


def start_ingest(
    site: "ReadOnlyAdmin",
    request: HttpRequest,
    kind: Literal["season", "event"],
    key: int,
    *,
    what: str,
) -> HttpResponseRedirect:
    """Queue it and go on to its progress, or back where the queue does not take it."""
    try:
        task = enqueue(f"ingest_{kind}", key, label=f"Ingest {what}")
    except QueueUnavailable as error:
        message = NOT_QUEUED % {"what": what, "advice": error.advice}
        site.message_user(request, message, messages.ERROR)
        return redirect(site.address(STARTED_ON[kind], key))
    return redirect(site.address(f"{kind}_task", key, task))


def show_progress(
    site: "ReadOnlyAdmin", request: HttpRequest, task: str, *, season: int, what: str, back: str
) -> TemplateResponse:
    progress = read_progress(task, site.clock())
    return site.show(
        request,
        "task.html",
        title=_("Ingest of %(what)s") % {"what": what},
        progress=progress,
        changes="" if progress.run is None else describe_counts(progress.run),
        season=season,
        back=back,
    )


def enqueue(func: str, key: int, *, label: str) -> str:
    """The task's identifier. Raises `QueueUnavailable`."""
    from django_q.tasks import async_task

    try:
        task: str = async_task(
            f"ingestion.queue.tasks.{func}", key, task_name=label, cluster=queue_name()
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
    run = IngestRun.objects.filter(task=task).order_by("pk").last()
    # What the run says comes first: the queue keeps the last successes alone.
    if run is not None and run.ended_at is not None:
        mark = OUTCOMES[run.outcome_at(now)]
        return Progress(mark, str(mark.title), run, is_over=True)
    if ended is not None and ended.success:
        return Progress(OUTCOMES["ok"], str(ended.result or _("It is done.")), run, is_over=True)
    if ended is not None:
        return Progress(
            OUTCOMES["failed"], str(BROKEN_OFF if run else NOT_RECORDED), run, is_over=True
        )
    if begun is None:
        return Progress(WAITING, str(NOT_TAKEN))
    since = begun.ended_at or begun.started_at
    # A worker that is killed says nothing; the queue ends a task that takes longer than that.
    # A start in the future was noted by a clock that was ahead.
    if not -CLOCK_SLACK < now - since <= longest_task():
        return Progress(OUTCOMES["interrupted"], str(BROKEN_OFF), run, is_over=True)
    summary = _("A worker has been at it since %(time)s UTC.") % {
        "time": f"{begun.started_at:%H:%M:%S}"
    }
    return Progress(OUTCOMES["running"], summary, run)
