"""Whether the coming weekend will work, before it begins: what `f1_preflight` shows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from ingestion.budget import HOUR
from ingestion.database_failures import explain_database
from ingestion.errors import IngestionError
from ingestion.lifecycle import is_small_dispute
from ingestion.models import Alarm, Event, IngestRun
from ingestion.monitoring.alerting import send_test_message
from ingestion.monitoring.channels import find_unusable, read_channels
from ingestion.monitoring.facts import CLOCK_TOLERANCE, print_duration, print_instant
from ingestion.monitoring.health import Health, check_health
from ingestion.monitoring.status import count_requests_left
from ingestion.pipeline import configured_sources, probe_upstreams
from ingestion.sessions import SessionType

# The most that a race weekend takes.
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
    made = [database, *_check_installation(health)]
    if is_online:
        made += _check_upstreams(health.season, clock)
    made += _check_next_weekend(now)
    # After the upstreams: what was just requested of them counts, too.
    made += [_check_budget(now), _check_alarms(now, sends_test_alarm=sends_test_alarm)]
    shown = SHOWN_ABOVE | {check.name for check in made}
    rest = [finding for finding in health.findings if finding.check not in shown]
    for finding in rest:
        is_ours = finding.severity is Alarm.Severity.BROKEN
        verdict = Verdict.FAILS if is_ours else Verdict.WARNING
        made.append(Check(finding.check, verdict, finding.summary))
    if not rest:
        made.append(Check("health", Verdict.OK, "no other problem is known"))
    return made


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


def _check_installation(health: Health) -> Iterator[Check]:
    """Its settings, its worker, and the calendars that are stored."""
    found = [message for message in checks.run_checks() if not message.is_silenced()]
    text = "; ".join(f"{message.msg} ({message.id})" for message in found)
    is_serious = any(message.is_serious() for message in found)
    verdict = Verdict.FAILS if is_serious else Verdict.WARNING if found else Verdict.OK
    yield Check("settings", verdict, text or "the system checks find nothing")

    findings = {finding.key: finding for finding in health.findings}
    verdict = Verdict.FAILS
    if not health.is_polling:
        verdict = Verdict.WARNING
        text = "polling is off: results and moved starts come in only when someone runs ingest_f1"
    elif dead := findings.get("no-tick"):
        text = dead.summary
    elif health.last_tick is None:
        text = "no tick has succeeded yet. Start 'python manage.py qcluster' and look again"
    else:
        verdict = Verdict.OK
        text = f"its last tick was {print_duration(health.at - health.last_tick)} ago"
    yield Check("worker", verdict, text)

    verdict, season = Verdict.FAILS, health.season
    if stale := findings.get("stale-schedule"):
        text = stale.summary
    elif health.refreshed_at is None:
        text = f"no run has fully refreshed those of {season}. Run 'python manage.py ingest_f1'"
    else:
        verdict = Verdict.OK
        ago = print_duration(health.at - health.refreshed_at)
        text = f"those of {season} last fully refreshed {ago} ago"
    yield Check("calendars", verdict, text)


def _check_upstreams(season: int, clock: Callable[[], datetime]) -> Iterator[Check]:
    try:
        failures, clock_offset = probe_upstreams(season, configured_sources(), clock=clock)
    except IngestionError as error:
        yield Check("upstream", Verdict.FAILS, f"it could not be requested: {error}")
        return
    for source, failure in failures.items():
        name = source.label.removeprefix("the ")
        if failure is None:
            yield Check(name, Verdict.OK, f"it responds, with the calendar of {season}")
        elif source.is_second:
            optional = "Results come without it, later and unconfirmed"
            yield Check(name, Verdict.WARNING, f"{str(failure).rstrip('.')}. {optional}")
        elif failure.is_no_fault:
            yield Check(name, Verdict.WARNING, f"no request was sent: {failure}")
        else:
            yield Check(name, Verdict.FAILS, f"{failure}. {failure.advice}")
    if clock_offset is not None:
        verdict, text = Verdict.OK, f"{print_duration(clock_offset)} from the upstream's"
        if abs(clock_offset) > CLOCK_TOLERANCE:
            verdict, text = Verdict.FAILS, f"{text}; picks close by it. Have it set by NTP"
        yield Check("clock", verdict, text)


def _check_next_weekend(now: datetime) -> list[Check]:
    """What is still to come of the grand prix whose next session ends first."""
    coming = (
        Event.objects.exclude(status=Event.Status.CANCELLED)
        .filter(ends_at__gt=now)
        .order_by("ends_at", "pk")
    )
    first = coming.first()
    if first is None:
        text = "no session ahead is known. Run 'python manage.py ingest_f1' if there should be one"
        return [Check("weekend", Verdict.WARNING, text)]
    sessions = list(coming.filter(season=first.season, grand_prix=first.grand_prix))
    is_near = any(event.locks_at is None or event.locks_at - now <= NEAR for event in sessions)
    verdict, text = Verdict.OK, f"{first.season} {first.name}: {_names(sessions)}"
    if not is_near:
        text += ", more than a week ahead"
    if not any(session.session_type == SessionType.RACE for session in sessions):
        verdict, text = Verdict.WARNING, f"{text}; there is no race"
    return [
        Check("weekend", verdict, text),
        _check_times(sessions, is_near=is_near),
        _check_locks(sessions, now),
    ]


def _check_times(sessions: Sequence[Event], *, is_near: bool) -> Check:
    bad = Verdict.FAILS if is_near else Verdict.WARNING
    unknown, disputed, disputed_by_hours = [], [], []
    for event in sessions:
        start, other = event.starts_at, event.disputed_starts_at
        if start is None or event.start_is_estimated:
            unknown.append(event)
        elif other is not None:
            disputed.append(event)
            if not is_small_dispute(start, other):
                disputed_by_hours.append(event)
    if unknown:
        text = f"unknown: {_names(unknown)}. Set the starts by hand once they are published"
        return Check("times", bad, text)
    if disputed_by_hours:
        names = _names(disputed)
        text = f"the calendars disagree by hours: {names}. Set the right start by hand"
        return Check("times", bad, text)
    if disputed:
        text = f"the calendars disagree: {_names(disputed)}; picks close at the earlier start"
        return Check("times", Verdict.WARNING, text)
    starts = [event.starts_at for event in sessions if event.starts_at is not None]
    return Check("times", Verdict.OK, ", ".join(map(print_instant, starts)))


def _check_locks(sessions: Sequence[Event], now: datetime) -> Check:
    failing, closes = [], []
    for event in sessions:
        locks_at = event.locks_at
        # An estimated start is no instant that a lock could be compared with.
        closes_by = None if event.start_is_estimated else event.starts_at
        if locks_at is None or (closes_by is not None and locks_at > closes_by):
            failing.append(event)
        elif event.in_time(now):
            closes.append(print_instant(locks_at))
    if failing:
        text = f"picks do not close in time: {_names(failing)}. Set the start by hand"
        return Check("locks", Verdict.FAILS, text)
    if not closes:
        return Check("locks", Verdict.OK, "picks on all of them are closed")
    return Check("locks", Verdict.OK, f"picks close {', '.join(closes)}")


def _names(events: Iterable[Event]) -> str:
    return ", ".join(event.get_session_type_display() for event in events)


def _check_budget(now: datetime) -> Check:
    # A host with limits of its own is the second source's, which is optional.
    left = [one for one in count_requests_left(now) if one.within == HOUR]
    fewest = min(left, key=lambda one: one.left, default=None)
    if fewest is None:
        return Check("requests", Verdict.OK, "none was sent this hour")
    text = f"{fewest.left} left this hour for {fewest.host}"
    if fewest.left < REQUESTS_OF_A_WEEKEND:
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
