"""Whether the installation works: what is broken, what the upstream owes, what people must see."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ingestion.models import Alarm
from ingestion.monitoring.health.beginning import has_just_begun
from ingestion.monitoring.health.facts import TICK, TICK_SCHEDULE, Facts, gather_facts
from ingestion.monitoring.health.findings import (
    STATE_WORDS,
    Finding,
    Health,
    State,
    print_duration,
    print_instant,
)
from ingestion.monitoring.health.ours import (
    CLOCK_TOLERANCE,
    find_dead_worker,
    find_failing_runs,
    find_given_up,
    find_stale_schedule,
    find_wrong_clock,
)
from ingestion.monitoring.health.people import find_disputes, find_proposals, find_unknown_starts
from ingestion.monitoring.health.upstream import find_overdue, find_silence, find_unread_calendars

__all__ = [
    "CLOCK_TOLERANCE",
    "STATE_WORDS",
    "TICK",
    "TICK_SCHEDULE",
    "Finding",
    "Health",
    "State",
    "check_health",
    "has_just_begun",
    "print_duration",
    "print_instant",
]

CHECKS = (
    *(find_dead_worker, find_failing_runs, find_stale_schedule, find_wrong_clock, find_given_up),
    *(find_silence, find_unread_calendars, find_overdue),
    *(find_proposals, find_disputes, find_unknown_starts),
)
WORST_FIRST = (Alarm.Kind.BROKEN, Alarm.Kind.SILENT, Alarm.Kind.ATTENTION)
# Older ones are history.
INTERRUPTIONS_TOLD_FOR = timedelta(days=7)


def check_health(now: datetime) -> Health:
    """Reads a few rows, whatever the size of the history, and changes nothing."""
    facts = gather_facts(now)
    findings = [finding for check in CHECKS for finding in check(facts)]
    return Health(
        at=now,
        season=facts.season,
        findings=tuple(sorted(findings, key=lambda finding: WORST_FIRST.index(finding.kind))),
        notes=tuple(_notes(facts)),
        is_polling=facts.is_polling,
        last_tick=facts.last_tick,
        last_run=next(iter(facts.runs), None),
        refreshed_at=facts.refreshed_at,
    )


def _notes(facts: Facts) -> Iterator[str]:
    if not facts.is_polling:
        yield (
            f"Nothing is polled: the schedule '{TICK_SCHEDULE}' was deleted or its repeats are 0. "
            "Only what somebody runs comes in."
        )
    interrupted = [
        run
        for run in facts.runs
        if facts.is_interrupted(run) and facts.now - run.started_at < INTERRUPTIONS_TOLD_FOR
    ]
    if interrupted:
        runs = "1 run has" if len(interrupted) == 1 else f"{len(interrupted)} runs have"
        yield (
            f"{runs} not ended within an hour, the newest of "
            f"{print_instant(interrupted[0].started_at)}: killed. What was saved stays."
        )
