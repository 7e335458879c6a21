"""Whether the coming weekend will work, asked before it begins: what `f1_preflight` shows."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from ingestion.errors import IngestionError
from ingestion.lifecycle import is_small_dispute
from ingestion.models import Alarm, Event
from ingestion.monitoring.alarms import configured_channels, send_test_alarm
from ingestion.monitoring.health import (
    CLOCK_TOLERANCE,
    Finding,
    Health,
    check_health,
    print_duration,
    print_instant,
)
from ingestion.monitoring.status import count_requests_left
from ingestion.pipeline import configured_addresses, probe_upstreams
from ingestion.sessions import SessionType

# What a race weekend takes at most.
REQUESTS_OF_A_WEEKEND = 60
# Further ahead, what is missing may still come by itself.
NEAR = timedelta(days=7)
# Health's findings that have a line of their own here.
TOLD_ABOVE = {"no-tick", "stale-schedule", "disputed-start", "unknown-start"}


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    verdict: Verdict
    words: str


def is_ready(made: Iterable[Check]) -> bool:
    return all(check.verdict is not Verdict.FAILS for check in made)


def check_weekend(
    clock: Callable[[], datetime], *, is_online: bool, sends_test_alarm: bool
) -> list[Check]:
    """Everything that the weekend needs. Without a database nothing else can be looked at."""
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
    return [*made, *_check_rest(health, TOLD_ABOVE | {check.name for check in made})]


def _check_database() -> Check:
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        words = "it cannot be reached. Check that it runs and that DATABASE_URL names it"
        return Check("database", Verdict.FAILS, words)
    if pending:
        words = f"{len(pending)} migrations were not run. Run 'python manage.py migrate'"
        return Check("database", Verdict.FAILS, words)
    return Check("database", Verdict.OK, "reachable, all migrations were run")


def _check_settings() -> Check:
    found = [message for message in checks.run_checks() if not message.is_silenced()]
    words = "; ".join(f"{message.msg} ({message.id})" for message in found)
    if any(message.is_serious() for message in found):
        return Check("settings", Verdict.FAILS, words)
    if found:
        return Check("settings", Verdict.WARNING, words)
    return Check("settings", Verdict.OK, "the system checks find nothing")


def _check_worker(health: Health) -> Check:
    if not health.is_polling:
        words = "polling is off: results and moved starts come in only when somebody runs ingest_f1"
        return Check("worker", Verdict.WARNING, words)
    dead = _find(health, "no-tick")
    if dead is not None:
        return Check("worker", Verdict.FAILS, dead.sentences)
    if health.last_tick is None:
        words = "no tick has succeeded yet. Start 'python manage.py qcluster' and look again"
        return Check("worker", Verdict.FAILS, words)
    ago = print_duration(health.at - health.last_tick)
    return Check("worker", Verdict.OK, f"its last tick was {ago} ago")


def _check_upstreams(season: int, clock: Callable[[], datetime]) -> Iterator[Check]:
    try:
        probe = probe_upstreams(season, configured_addresses(), clock=clock)
    except IngestionError as error:
        yield Check("upstream", Verdict.FAILS, f"it could not be asked: {error}")
        return
    for name, failure in probe.errors.items():
        yield _describe_answer(name, season, failure)
    if probe.clock_offset is not None:
        yield _check_clock(probe.clock_offset)


def _describe_answer(name: str, season: int, failure: IngestionError | None) -> Check:
    if failure is None:
        return Check(name, Verdict.OK, f"it answers, with the calendar of {season}")
    if failure.is_no_fault:
        return Check(name, Verdict.WARNING, f"it was not asked: {failure}")
    return Check(name, Verdict.FAILS, f"{failure}. {failure.advice}")


def _check_clock(offset: timedelta) -> Check:
    words = f"{print_duration(offset)} from the upstream's"
    if abs(offset) > CLOCK_TOLERANCE:
        return Check("clock", Verdict.FAILS, f"{words}; picks close by it. Have it set by NTP")
    return Check("clock", Verdict.OK, words)


def _check_calendars(health: Health) -> Check:
    stale = _find(health, "stale-schedule")
    if stale is not None:
        return Check("calendars", Verdict.FAILS, stale.sentences)
    if health.refreshed_at is None:
        words = f"no run has read those of {health.season} whole. Run 'python manage.py ingest_f1'"
        return Check("calendars", Verdict.FAILS, words)
    ago = print_duration(health.at - health.refreshed_at)
    return Check("calendars", Verdict.OK, f"those of {health.season} were read {ago} ago")


def _check_next_weekend(health: Health) -> list[Check]:
    sessions = _read_next_weekend(health.at)
    if not sessions:
        words = "no session ahead is known. Run 'python manage.py ingest_f1' if there should be one"
        return [Check("weekend", Verdict.WARNING, words)]
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
    words = f"{sessions[0].season} {sessions[0].name}: {_names(sessions)}"
    if not _is_near(sessions, now):
        words += ", more than a week ahead"
    if not any(session.session_type == SessionType.RACE for session in sessions):
        return Check("weekend", Verdict.WARNING, f"{words}; there is no race")
    return Check("weekend", Verdict.OK, words)


def _is_near(sessions: Sequence[Event], now: datetime) -> bool:
    return any(event.locks_at is None or event.locks_at - now <= NEAR for event in sessions)


def _check_times(sessions: Sequence[Event], now: datetime) -> Check:
    bad = Verdict.FAILS if _is_near(sessions, now) else Verdict.WARNING
    unknown = [event for event in sessions if event.starts_at is None or event.start_is_estimated]
    if unknown:
        words = f"unknown: {_names(unknown)}. Set the starts by hand once they are published"
        return Check("times", bad, words)
    disputed = [event for event in sessions if event.disputed_starts_at is not None]
    if any(not _is_small(event) for event in disputed):
        words = f"the calendars disagree by hours: {_names(disputed)}. Set the right start by hand"
        return Check("times", bad, words)
    if disputed:
        words = f"the calendars disagree: {_names(disputed)}; picks close at the earlier start"
        return Check("times", Verdict.WARNING, words)
    starts = [event.starts_at for event in sessions if event.starts_at is not None]
    return Check("times", Verdict.OK, ", ".join(map(print_instant, starts)))


def _is_small(event: Event) -> bool:
    start, other = event.starts_at, event.disputed_starts_at
    return start is None or other is None or is_small_dispute(start, other)


def _check_locks(sessions: Sequence[Event], now: datetime) -> Check:
    missing = [event for event in sessions if event.locks_at is None]
    late = [event for event in sessions if _locks_late(event)]
    if missing or late:
        words = f"picks do not close in time: {_names(missing + late)}. Set the start by hand"
        return Check("locks", Verdict.FAILS, words)
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
    words = f"{left[host]} left this hour for {host}"
    if left[host] < REQUESTS_OF_A_WEEKEND:
        return Check("requests", Verdict.WARNING, f"{words}; a backfill may have to wait")
    return Check("requests", Verdict.OK, words)


def _check_alarms(now: datetime, *, sends_test_alarm: bool) -> Check:
    channels = configured_channels()
    if not channels:
        words = "nobody is told of a problem: F1_ALARM_EMAILS and F1_ALARM_WEBHOOK are empty"
        return Check("alarms", Verdict.WARNING, words)
    ways = [*(["e-mail"] if channels.emails else []), *(["webhook"] if channels.webhook else [])]
    if not sends_test_alarm:
        return Check("alarms", Verdict.OK, f"go out by {' and '.join(ways)}; none was sent now")
    failures = send_test_alarm(now, channels=channels)
    if failures:
        told = "; ".join(f"by {way}: {reason}" for way, reason in failures.items())
        verdict = Verdict.WARNING if len(failures) < len(ways) else Verdict.FAILS
        return Check("alarms", verdict, f"the test did not arrive {told}")
    return Check("alarms", Verdict.OK, f"a test went out by {' and '.join(ways)}")


def _check_rest(health: Health, told: Container[str]) -> Iterator[Check]:
    rest = [finding for finding in health.findings if finding.check not in told]
    for finding in rest:
        is_ours = finding.kind is Alarm.Kind.BROKEN
        yield Check(finding.check, Verdict.FAILS if is_ours else Verdict.WARNING, finding.sentences)
    if not rest:
        yield Check("health", Verdict.OK, "no other problem is known")


def _find(health: Health, key: str) -> Finding | None:
    return next((finding for finding in health.findings if finding.key == key), None)
