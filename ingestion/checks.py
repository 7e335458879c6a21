"""System checks: settings of a project under which this work would be done wrongly.

Warnings, since a project has reasons of its own; an error where nothing would work.
"""

from importlib.util import find_spec

from django.conf import settings
from django.core import checks
from django.core.management import get_commands
from django.db import DatabaseError
from django.utils import timezone

from ingestion.queue.cluster import cluster_settings, is_unserved_queue

# A season is a few seconds of work, and minutes where an upstream hangs at each request.
SHORTEST_TIMEOUT = 300


def check_queue(**_: object) -> list[checks.CheckMessage]:
    if "django_q" not in settings.INSTALLED_APPS:
        return []
    cluster = cluster_settings()
    timeout, workers = cluster.get("timeout"), cluster.get("workers")
    settings_of_queue = (
        (
            1,
            not timeout or timeout < SHORTEST_TIMEOUT,
            f"the queue's 'timeout' is {timeout}",
            (
                f"A task that waits for a slow upstream would be killed half-way: "
                f"{SHORTEST_TIMEOUT} seconds or more."
            ),
        ),
        (
            2,
            cluster.get("retry", 60) <= 2 * (timeout or SHORTEST_TIMEOUT),
            "the queue's 'retry' is not more than twice its 'timeout'",
            "A task would be delivered again while it still waits or runs.",
        ),
        (
            3,
            not workers or cluster.get("queue_limit", workers**2) > workers,
            "the queue's 'queue_limit' is larger than its number of 'workers', or neither is set",
            "Tasks that are fetched early wait in a cluster, and are delivered again meanwhile.",
        ),
        (
            4,
            not (cluster.get("ack_failures") and cluster.get("max_attempts")),
            "the queue's 'ack_failures' and 'max_attempts' are not both set",
            "A task that fails would run again for ever; the next tick does its work anyway.",
        ),
        (
            5,
            cluster.get("catch_up", True),
            "the queue's 'catch_up' is on",
            "After a pause each missed tick would be run: set it to False.",
        ),
        (
            6,
            cluster.get("save_limit", 250) < 0 or cluster.get("save_limit_per") != "func",
            "the queue's 'save_limit' is negative, or its 'save_limit_per' is not 'func'",
            "The last success of a tick shows that the worker is alive; others would push it out.",
        ),
        (
            7,
            cluster.get("sync"),
            "the queue's 'sync' is on",
            "Tasks would run in the process that enqueues them, a web request's too.",
        ),
        (
            8,
            cluster.get("redis") and find_spec("redis") is None,
            "the queue is kept in Redis, and the package 'redis' is not installed",
            "Install it, or leave REDIS_URL empty to keep the queue in the database.",
        ),
        (
            9,
            cluster.get("cached"),
            "the queue's 'cached' is on",
            (
                "Results would be kept in the cache alone, which does not show when a tick last "
                "succeeded: the worker would count as dead."
            ),
        ),
        (
            10,
            not cluster.get("scheduler", True),
            "the queue's 'scheduler' is off",
            (
                "Nothing would run by itself: no tick, no calendar, no alarm. It has to be on for "
                "one cluster at least; where this machine's is another, silence this."
            ),
        ),
        (
            11,
            is_unserved_queue(),
            "F1_QUEUE names a queue that no cluster of Q_CLUSTER has",
            "No worker would take its tasks: name one of ALT_CLUSTERS, or leave F1_QUEUE out.",
        ),
        (
            13,
            get_commands().get("qcluster") != "ingestion",
            "'manage.py qcluster' is not this app's",
            (
                "A worker that takes no more tasks would go on unnoticed, and one unreadable "
                "schedule would stop all: put 'ingestion' before 'django_q' in INSTALLED_APPS."
            ),
        ),
    )
    return [
        _warn(number, message, hint)
        for number, is_wrong, message, hint in settings_of_queue
        if is_wrong
    ]


def check_schedules(**_: object) -> list[checks.CheckMessage]:
    """The rows of django-q2's table, where there is a database with one."""
    if "django_q" not in settings.INSTALLED_APPS:
        return []
    from django_q.models import Schedule

    from ingestion.monitoring.schedule_rows import find_unreadable_rows

    try:
        # One with repeats of 0 is disabled, and stops nothing.
        enabled = Schedule.objects.exclude(repeats=0).order_by("pk")
        unreadable = list(find_unreadable_rows(enabled, timezone.now()))
    except DatabaseError:
        return []
    return [
        _warn(
            14,
            f"the schedule '{row.name or row.func}' (id {row.pk}) cannot be read: {problem}",
            "It is skipped each time. Correct or delete it in the admin.",
        )
        for row, problem in unreadable
    ]


def check_alarms(**_: object) -> list[checks.CheckMessage]:
    from ingestion.monitoring.channels import find_unusable, read_channels

    return [
        _warn(
            15,
            f"F1_ALARM_URLS has an address that Apprise cannot read: {name}",
            "No alarm arrives there. See https://appriseit.com/services/ for how it is written.",
        )
        for name in find_unusable(read_channels())
    ]


def check_database(**_: object) -> list[checks.CheckMessage]:
    database = settings.DATABASES.get("default", {})
    options = database.get("OPTIONS") or {}
    is_sqlite = str(database.get("ENGINE", "")).endswith("sqlite3")
    if not is_sqlite or options.get("transaction_mode") in ("IMMEDIATE", "EXCLUSIVE"):
        return []
    return [
        _warn(
            12,
            "the SQLite database's 'transaction_mode' is not 'IMMEDIATE'",
            "Two processes that write at once would fail with 'database is locked': set it in the "
            "database's OPTIONS, with a 'timeout' of 60.",
        )
    ]


def check_times(**_: object) -> list[checks.CheckMessage]:
    if settings.USE_TZ:
        return []
    return [
        checks.Error(
            "USE_TZ is off.",
            hint="Starts and locks are instants, and could not be saved: set it to True.",
            id="ingestion.E001",
        )
    ]


def _warn(number: int, message: str, hint: str) -> checks.CheckMessage:
    return checks.Warning(f"{message}.", hint=hint, id=f"ingestion.W{number:03}")
