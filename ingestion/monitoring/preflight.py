"""Whether the coming weekend will work, before it begins: what `f1_preflight` shows."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from ingestion.database_failures import explain_database
from ingestion.errors import IngestionError
from ingestion.lifecycle import is_small_dispute
from ingestion.models import Alarm, Event, IngestRun
from ingestion.monitoring.alerting import send_test_message
from ingestion.monitoring.channels import find_unusable, read_channels
from ingestion.monitoring.facts import CLOCK_TOLERANCE, print_duration, print_instant
from ingestion.monitoring.health import Finding, Health, check_health
from ingestion.monitoring.status import count_requests_left
from ingestion.pipeline import configured_sources, probe_upstreams
from ingestion.sessions import SessionType

# What a race weekend takes at most.
REQUESTS_OF_A_WEEKEND = 60
# Further ahead, what is missing may still come by itself.
NEAR = timedelta(days=7)
# Health's findings that have a line of their own here.
SHOWN_ABOVE = {"no-tick", "stale-schedule", "disputed-start", "unknown-start"}


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    verdict: Verdict
    summary: str


def is_ready(made: Iterable[Check]) -> bool:
    return all(check.verdict is not Verdict.FAILS for check in made)


def check_weekend(
    clock: Callable[[], datetime], *, is_online: bool, sends_test_alarm: bool
) -> list[Check]:
    """Everything that the weekend needs; without a database, nothing else can be checked."""
    database = _check_database()
    if database.verdict is Verdict.FAILS:
        return [database]
    now = clock()
    health = check_health(now)
    made = [database, _check_settings(), _check_worker(health)]
    if is_online:
        made += _check_upstreams(health.season, clock)
    made += [_check_calendars(health), *_check_next_weekend(health)]
    made += [_check_budget(now), _check_alarms(now, sends_test_alarm=sends_test_alarm)]
    return [*made, *_check_rest(health, SHOWN_ABOVE | {check.name for check in made})]


def _check_database() -> Check:
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not pending:
            # No row has that key: it writes nothing, and fails where nothing can be written.
            IngestRun.objects.filter(pk=0).update(outcome="failed")
    except DatabaseError as error:
        return Check("database", Verdict.FAILS, explain_database(error).removesuffix("."))
    if pending:
        text = f"{len(pending)} migrations were not run. Run 'python manage.py migrate'"
        return Check("database", Verdict.FAILS, text)
    return Check("database", Verdict.OK, "reachable, all migrations were run")


def _check_settings() -> Check:
    found = [message for message in checks.run_checks() if not message.is_silenced()]
    text = "; ".join(f"{message.msg} ({message.id})" for message in found)
    if any(message.is_serious() for message in found):
        return Check("settings", Verdict.FAILS, text)
    if found:
        return Check("settings", Verdict.WARNING, text)
    return Check("settings", Verdict.OK, "the system checks find nothing")


def _check_worker(health: Health) -> Check:
    if not health.is_polling:
        text = "polling is off: results and moved starts come in only when someone runs ingest_f1"
        return Check("worker", Verdict.WARNING, text)
    dead = _find(health, "no-tick")
    if dead is not None:
        return Check("worker", Verdict.FAILS, dead.summary)
    if health.last_tick is None:
        text = "no tick has succeeded yet. Start 'python manage.py qcluster' and look again"
        return Check("worker", Verdict.FAILS, text)
    ago = print_duration(health.at - health.last_tick)
    return Check("worker", Verdict.OK, f"its last tick was {ago} ago")


def _check_upstreams(season: int, clock: Callable[[], datetime]) -> Iterator[Check]:
    try:
        probe = probe_upstreams(season, configured_sources(), clock=clock)
    except IngestionError as error:
        yield Check("upstream", Verdict.FAILS, f"it could not be requested: {error}")
        return
    for name, failure in probe.errors.items():
        yield _describe_response(name, season, failure)
    if probe.clock_offset is not None:
        yield _check_clock(probe.clock_offset)


def _describe_response(name: str, season: int, failure: IngestionError | None) -> Check:
    if failure is None:
        return Check(name, Verdict.OK, f"it responds, with the calendar of {season}")
    if failure.is_no_fault:
        return Check(name, Verdict.WARNING, f"no request was sent: {failure}")
    return Check(name, Verdict.FAILS, f"{failure}. {failure.advice}")


def _check_clock(offset: timedelta) -> Check:
    text = f"{print_duration(offset)} from the upstream's"
    if abs(offset) > CLOCK_TOLERANCE:
        return Check("clock", Verdict.FAILS, f"{text}; picks close by it. Have it set by NTP")
    return Check("clock", Verdict.OK, text)


def _check_calendars(health: Health) -> Check:
    stale = _find(health, "stale-schedule")
    if stale is not None:
        return Check("calendars", Verdict.FAILS, stale.summary)
    if health.refreshed_at is None:
        text = (
            f"no run has fully refreshed those of {health.season}. Run 'python manage.py ingest_f1'"
        )
        return Check("calendars", Verdict.FAILS, text)
    ago = print_duration(health.at - health.refreshed_at)
    text = f"those of {health.season} last fully refreshed {ago} ago"
    return Check("calendars", Verdict.OK, text)


def _check_next_weekend(health: Health) -> list[Check]:
    sessions = _read_next_weekend(health.at)
    if not sessions:
        text = "no session ahead is known. Run 'python manage.py ingest_f1' if there should be one"
        return [Check("weekend", Verdict.WARNING, text)]
    return [
        _describe_weekend(sessions, health.at),
        _check_times(sessions, health.at),
        _check_locks(sessions, health.at),
    ]


def _read_next_weekend(now: datetime) -> list[Event]:
    """What is still to come of the grand prix whose next session ends first."""
    coming = Event.objects.exclude(status=Event.Status.CANCELLED).filter(ends_at__gt=now)
    first = coming.order_by("ends_at", "pk").first()
    if first is None:
        return []
    return list(
        coming.filter(season=first.season, grand_prix=first.grand_prix).order_by("ends_at", "pk")
    )


def _describe_weekend(sessions: Sequence[Event], now: datetime) -> Check:
    text = f"{sessions[0].season} {sessions[0].name}: {_names(sessions)}"
    if not _is_near(sessions, now):
        text += ", more than a week ahead"
    if not any(session.session_type == SessionType.RACE for session in sessions):
        return Check("weekend", Verdict.WARNING, f"{text}; there is no race")
    return Check("weekend", Verdict.OK, text)


def _is_near(sessions: Sequence[Event], now: datetime) -> bool:
    return any(event.locks_at is None or event.locks_at - now <= NEAR for event in sessions)


def _check_times(sessions: Sequence[Event], now: datetime) -> Check:
    bad = Verdict.FAILS if _is_near(sessions, now) else Verdict.WARNING
    unknown = [event for event in sessions if event.starts_at is None or event.start_is_estimated]
    if unknown:
        text = f"unknown: {_names(unknown)}. Set the starts by hand once they are published"
        return Check("times", bad, text)
    disputed = [event for event in sessions if event.disputed_starts_at is not None]
    if any(not _is_small(event) for event in disputed):
        text = f"the calendars disagree by hours: {_names(disputed)}. Set the right start by hand"
        return Check("times", bad, text)
    if disputed:
        text = f"the calendars disagree: {_names(disputed)}; picks close at the earlier start"
        return Check("times", Verdict.WARNING, text)
    starts = [event.starts_at for event in sessions if event.starts_at is not None]
    return Check("times", Verdict.OK, ", ".join(map(print_instant, starts)))


def _is_small(event: Event) -> bool:
    start, other = event.starts_at, event.disputed_starts_at
    return start is None or other is None or is_small_dispute(start, other)


def _check_locks(sessions: Sequence[Event], now: datetime) -> Check:
    missing = [event for event in sessions if event.locks_at is None]
    late = [event for event in sessions if _locks_late(event)]
    if missing or late:
        text = f"picks do not close in time: {_names(missing + late)}. Set the start by hand"
        return Check("locks", Verdict.FAILS, text)
    still_open = [event for event in sessions if event.in_time(now)]
    closes = [event.locks_at for event in still_open if event.locks_at is not None]
    if not closes:
        return Check("locks", Verdict.OK, "picks on all of them are closed")
    return Check("locks", Verdict.OK, f"picks close {', '.join(map(print_instant, closes))}")


def _locks_late(event: Event) -> bool:
    start, locks_at = event.starts_at, event.locks_at
    if start is None or locks_at is None or event.start_is_estimated:
        return False
    return locks_at > start


def _names(events: Iterable[Event]) -> str:
    return ", ".join(event.get_session_type_display() for event in events)


def _check_budget(now: datetime) -> Check:
    left = count_requests_left(now)
    host = min(left, key=lambda name: left[name], default=None)
    if host is None:
        return Check("requests", Verdict.OK, "none was sent this hour")
    text = f"{left[host]} left this hour for {host}"
    if left[host] < REQUESTS_OF_A_WEEKEND:
        return Check("requests", Verdict.WARNING, f"{text}; a backfill may have to wait")
    return Check("requests", Verdict.OK, text)


def _check_alarms(now: datetime, *, sends_test_alarm: bool) -> Check:
    channels = read_channels()
    if not channels:
        text = "F1_ALARM_URLS is empty: problems are shown here, and no message is sent"
        return Check("alarms", Verdict.WARNING, text)
    names = ", ".join(channel.name for channel in channels)
    if not sends_test_alarm:
        if unusable := find_unusable(channels):
            text = f"F1_ALARM_URLS: Apprise cannot read the address of {', '.join(unusable)}"
            is_none_left = len(unusable) == len(channels)
            return Check("alarms", Verdict.FAILS if is_none_left else Verdict.WARNING, text)
        return Check("alarms", Verdict.OK, f"go to {names}; no test was sent")
    failures = send_test_message(now, channels=channels)
    if failures:
        text = "; ".join(f"by {name}: {reason}" for name, reason in failures.items())
        verdict = Verdict.WARNING if len(failures) < len(channels) else Verdict.FAILS
        return Check("alarms", verdict, f"the test message did not arrive {text}")
    return Check("alarms", Verdict.OK, f"a test message went to {names}")


def _check_rest(health: Health, shown: Container[str]) -> Iterator[Check]:
    rest = [finding for finding in health.findings if finding.check not in shown]
    for finding in rest:
        is_ours = finding.severity is Alarm.Severity.BROKEN
        yield Check(finding.check, Verdict.FAILS if is_ours else Verdict.WARNING, finding.summary)
    if not rest:
        yield Check("health", Verdict.OK, "no other problem is known")


def _find(health: Health, key: str) -> Finding | None:
    return next((finding for finding in health.findings if finding.key == key), None)
