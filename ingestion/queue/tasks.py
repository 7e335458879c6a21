"""What the queue's workers run; `ingestion.queue.schedules` says when.

Each may run at any time, twice, at once or after a long pause: what is to do is read from the
database. `clock` returns the present time (UTC). No task raises SystemExit, which would end its
worker. Each returns what it did, which the worker logs; '' where there was nothing to do.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import override

from ingestion.lifecycle import may_be_absent
from ingestion.models import TaskRun
from ingestion.monitoring.alerting import update_alarms
from ingestion.monitoring.channels import send_heartbeat
from ingestion.monitoring.facts import has_just_begun
from ingestion.monitoring.health import check_health
from ingestion.pipeline import (
    Calendars,
    IngestRequest,
    Mode,
    advance_statuses,
    audit,
    configured_rules,
    configured_sources,
    current_season,
    drop_switched_off,
    find_due,
    ingest,
    look_for_next_season,
    mend_plans,
    poll_due,
    propose,
    prune,
    put_back_times,
    request_event,
)
from ingestion.queue.run_lock import run_once, running_task
from ingestion.report import RunReport

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

AUDIT = "audit"
# A week, less the hour by which a daily task may be late.
AUDITED_EVERY = timedelta(days=7, hours=-1)
# The queue keeps failures for ever.
FAILURES_KEPT = timedelta(days=30)


def tick(*, clock: Clock = timezone.now) -> str:
    """Advance the statuses and poll what is due; most often nothing is, and that takes one UPDATE
    and one SELECT. Then call the dead man's switch, where there is one."""
    now = clock()
    advance_statuses(now)
    dues = find_due(now)

    def poll() -> str:
        reports = poll_due(
            dues,
            config=configured_sources(),
            rules=configured_rules(),
            clock=clock,
            show_step=ignore_progress,
            task=running_task(),
        )
        return _summarize(*reports)

    summary: str = (run_once("tick", poll, clock=clock) or "") if dues else ""
    # Last: a tick that failed is no sign of life.
    if url := getattr(settings, "HEARTBEAT_URL", ""):
        send_heartbeat(url)
    return summary


def refresh_schedule(*, clock: Clock = timezone.now) -> str:
    """Read the calendars of the current season, and look for the next one's once a day."""

    def refresh() -> str:
        now = clock()
        current = current_season(now)
        report = _ingest(
            clock,
            season=current,
            trigger="schedule",
            with_results=False,
            mode=Mode.POLL,
            calendars=Calendars.CHANGED,
            may_be_absent=may_be_absent(current, now),
        )
        coming = look_for_next_season(
            current,
            config=configured_sources(),
            rules=configured_rules(),
            clock=clock,
            show_step=ignore_progress,
            trigger="schedule",
            task=running_task(),
        )
        return _summarize(*filter(None, (report, coming)))

    return run_once("schedule", refresh, clock=clock) or ""


def sweep(*, clock: Clock = timezone.now) -> str:
    """Look for sessions that polling lost, and delete old records."""
    from django_q.models import Failure

    def clean_up() -> str:
        now = clock()
        put_back, (plans, opinions) = put_back_times(now), drop_switched_off()
        mended, pruned = mend_plans(now), prune(now)
        pruned += Failure.objects.filter(stopped__lt=now - FAILURES_KEPT).delete()[0]
        counts = {
            "plans brought forward": mended,
            "old records deleted": pruned,
            "times of a wrong clock put back": put_back,
            "plans of a source that is switched off dropped": plans,
            "opinions of a source that is switched off laid aside": opinions,
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count)

    return run_once("sweep", clean_up, clock=clock) or ""


def audit_seasons(*, clock: Clock = timezone.now) -> str:
    """Once a week, while nothing is due: past seasons beside Jolpica's dump. What differs in a
    settled podium or pole becomes a proposal."""

    def work() -> str:
        report = audit(configured_sources(), clock=clock, show_step=ignore_progress)
        if report.made_at is None:
            return "; ".join(report.notes)
        proposed = propose(report.differences, rules=configured_rules(), now=clock())
        for problem in proposed.problems:
            logger.warning("%s", problem)
        return (
            f"{report.compared} classifications compared with the dump of "
            f"{report.made_at:%Y-%m-%d}, {len(report.differences)} differ"
        )

    now = clock()
    last = TaskRun.objects.filter(name=AUDIT, started_at__gt=now - AUDITED_EVERY)
    if last.exists() or find_due(now):
        return ""
    return run_once(AUDIT, work, clock=clock) or ""


# What alarms say is stored and sent, in English whatever the project's language.
@override(None)
def watch(*, clock: Clock = timezone.now) -> str:
    """Look at the installation's health; announce what is wrong and what is over."""
    now = clock()
    if has_just_begun(now):
        return ""
    messages = update_alarms(check_health(now), now)
    return f"{messages} messages about alarms sent" if messages else ""


def ingest_season(season: int, *, clock: Clock = timezone.now) -> str:
    """All of a season, past the caches: what a person starts in the admin."""
    work = partial(_ingest, clock, season=season, trigger="admin", mode=Mode.REFRESH)
    report = run_once("ingest season", work, clock=clock)
    return _summarize(report) if report else ""


def ingest_event(event: int, *, clock: Clock = timezone.now) -> str:
    """One event's start and classification, past the caches; `event` is its key."""

    def work() -> RunReport:
        request = request_event(
            event,
            config=configured_sources(),
            rules=configured_rules(),
            trigger="admin",
            task=running_task(),
        )
        return ingest(request, clock=clock, show_step=ignore_progress)

    report = run_once("ingest event", work, clock=clock)
    return _summarize(report) if report else ""


def _ingest(clock: Clock, *, season: int, **request: Any) -> RunReport:
    return ingest(
        IngestRequest(
            seasons=(season,),
            config=configured_sources(),
            rules=configured_rules(),
            task=running_task(),
            **request,
        ),
        clock=clock,
        show_step=ignore_progress,
    )


def ignore_progress(step: str, *, done: int, total: int) -> None:
    """For what has no progress bar: a worker, and what is over at once."""


def _summarize(*reports: RunReport) -> str:
    return "; ".join(report.as_line() for report in reports)
