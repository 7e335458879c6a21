"""django-q2's own command with a watchdog; Django finds it where the app comes before django_q."""

import logging
import os
from time import sleep
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import Error, connections, router
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.management.commands.qcluster import Command as LibraryCommand
from django_q.models import Schedule
from django_q.signals import post_execute
from django_q.utils import get_func_repr

from ingestion.queue.watchdog import run_cluster

logger = logging.getLogger(__name__)

# The worker says more from this --verbosity on.
CHATTY = 2
SECONDS_BETWEEN_TRIES = 5
# One line when it begins, and one every five minutes while it lasts.
TRIES_PER_LINE = 60


class Command(LibraryCommand):  # type: ignore[misc]
    help = (
        "Run the queue's tasks, those of the app at their times. Logs one line for each task that "
        "did something, and with -v 2 all that the library logs."
    )

    def handle(self, *_: Any, **options: Any) -> None:
        if options.get("cluster_name"):
            os.environ["Q_CLUSTER_NAME"] = options["cluster_name"]
        library = logging.getLogger("django-q")
        library.addFilter(shorten_outage)
        if options["verbosity"] < CHATTY:
            # Processes that come and go, and each task three times. Failures are errors.
            library.addFilter(lambda record: record.levelno > logging.INFO)
        # The cluster's processes are forked: the one that saves results sends it.
        post_execute.connect(log_outcome, weak=False)
        wait_for_queue()
        logger.info("the worker runs, %s tasks at once; Ctrl-C or SIGTERM ends it", Conf.WORKERS)
        if failure := run_cluster(runs_once=options.get("run_once", False)):
            raise CommandError(
                f"the worker ended: {failure}. Nothing that was saved is lost, and tasks that were "
                "cut off run again. Its supervisor starts it again; without one, start it by hand."
            )
        logger.info("the worker has ended; what was begun is done, what is due waits in the queue")


def log_outcome(task: dict[str, Any], **_: object) -> None:
    """Log what a task did; a tick with nothing due did nothing, and the library logs a failure."""
    if task["success"] and task["result"]:
        seconds = (task["stopped"] - task["started"]).total_seconds()
        name = task.get("group") or get_func_repr(task["func"]).rpartition(".")[2]
        logger.info("%s: %s (%.1f s)", name, task["result"], seconds)


def wait_for_queue() -> None:
    """Until the database and the queue answer: a worker may be started before they are."""
    tries = 0
    while reason := explain_outage():
        if tries % TRIES_PER_LINE == 0:
            logger.warning(
                "the worker waits: %s. No task runs until then; it tries again every %s seconds",
                reason,
                SECONDS_BETWEEN_TRIES,
            )
        tries += 1
        sleep(SECONDS_BETWEEN_TRIES)
    if tries:
        logger.info("the database and the queue can be reached; the worker starts")


def explain_outage() -> str:
    """Why no task could be fetched now, without the driver's text, which may hold an address."""
    try:
        connections[router.db_for_write(Schedule)].ensure_connection()
        Schedule.objects.exists()
        get_broker().queue_size()
    except (ImportError, ImproperlyConfigured):
        raise
    except Error as error:
        return (
            f"the database cannot be reached or has no tables ({type(error).__name__}). Check that "
            "it runs, that DATABASE_URL names it and that 'manage.py migrate' was run"
        )
    except Exception as error:  # noqa: BLE001 - of whichever broker the project has
        return f"the queue cannot be reached ({type(error).__name__}). Check that its server runs"
    finally:
        # The cluster's processes must not inherit a connection.
        connections.close_all()
    return ""


def shorten_outage(record: logging.LogRecord) -> bool:
    """The library writes a traceback each time that the database is away, some hundred lines."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, Error):
        record.msg = "%s: the database cannot be reached or refused (%s); tried again"
        record.args = (record.getMessage(), type(error).__name__)
        record.exc_info = record.exc_text = None
    return True
