"""Whether an installation has only just begun to work."""

from datetime import datetime, timedelta

from django_q.models import Success

from ingestion.models import TaskRun

WATCH = "ingestion.queue.tasks.watch"
BEGINS_WITHIN = timedelta(minutes=10)


def has_just_begun(now: datetime) -> bool:
    """As the first watch finds it: a new installation's worker begins with all tasks at once, in
    any order, and what this one would miss is on its way. Either record tells that it has worked
    before; a host may keep no successes."""
    has_looked = Success.objects.filter(func=WATCH).exists()
    return not (has_looked or TaskRun.objects.filter(started_at__lte=now - BEGINS_WITHIN).exists())
