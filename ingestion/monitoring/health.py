"""Whether the installation works: what is broken, what the upstream owes, what people must see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ingestion.models import Alarm, Event, IngestRun, Poll
from ingestion.monitoring.alarm_kinds import KINDS
from ingestion.monitoring.facts import TICK_SCHEDULE, Facts, gather_facts, print_instant

WORST_FIRST = (Alarm.Severity.BROKEN, Alarm.Severity.SILENT, Alarm.Severity.ATTENTION)
# Older ones are history.
INTERRUPTIONS_SHOWN_FOR = timedelta(days=7)


class State(StrEnum):
    """How the whole installation is: a silent upstream is not a fault of ours, and the other way
    round. What a person has to look at does not change it."""

    OK = "ok"
    SILENT = "silent"
    BROKEN = "broken"


STATE_LABELS = {
    State.OK: gettext_lazy("all is well"),
    State.SILENT: gettext_lazy("the upstream is silent; we work"),
    State.BROKEN: gettext_lazy("we are broken"),
}
NOTHING_YET = gettext_lazy("nothing has been ingested yet")


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one of the kinds of alarms; `key` stays the same for as long as it lasts.
    `event` or `run` is where a person decides it, or sees why."""

    key: str
    severity: Alarm.Severity
    title: str
    advice: str
    since: datetime
    event: Event | None = None
    run: IngestRun | None = None

    @property
    def summary(self) -> str:
        return f"{self.title}. {self.advice}"

    @property
    def check(self) -> str:
        """The kind, without what it is about: `overdue`."""
        return self.key.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Health:
    """How the installation is `at` an instant, the worst finding first; `notes` are no problems.

    `last_tick` is None where none ever succeeded, `refreshed_at` (when the current season's
    calendars were last fully refreshed) where no run is known.
    """

    at: datetime
    season: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    is_polling: bool
    last_tick: datetime | None
    last_run: IngestRun | None
    refreshed_at: datetime | None
    # All that are known, in order.
    seasons: Sequence[int] = ()
    # What was last requested without success, and is to be requested again.
    failing: Sequence[Poll] = ()

    @property
    def state(self) -> State:
        severities = {finding.severity for finding in self.findings}
        if Alarm.Severity.BROKEN in severities:
            return State.BROKEN
        return State.SILENT if Alarm.Severity.SILENT in severities else State.OK

    @property
    def label(self) -> str:
        """The state for people: a new installation is neither well nor broken."""
        is_new = self.state is State.OK and self.last_run is None
        return str(NOTHING_YET if is_new else STATE_LABELS[self.state])

    @property
    def is_broken(self) -> bool:
        return self.state is State.BROKEN


def check_health(now: datetime) -> Health:
    """Reads a few rows, whatever the size of the history, and changes nothing."""
    facts = gather_facts(now)
    findings = [
        Finding(
            key=f"{kind.key}:{case.subject}" if case.subject else kind.key,
            severity=case.severity or kind.severity,
            title=_(kind.title).format_map(case.values),
            advice=_(kind.advice).format_map(case.values),
            since=case.since,
            event=case.event,
            run=case.run,
        )
        for kind in KINDS
        for case in kind.find(facts)
    ]
    return Health(
        at=now,
        season=facts.season,
        seasons=facts.seasons,
        failing=(*facts.failing_polls, *facts.failing_second),
        findings=tuple(sorted(findings, key=lambda one: WORST_FIRST.index(one.severity))),
        notes=tuple(_find_notes(facts)),
        is_polling=facts.is_polling,
        last_tick=facts.last_tick,
        last_run=next(iter(facts.runs), None),
        refreshed_at=facts.refreshed_at,
    )


def _find_notes(facts: Facts) -> Iterator[str]:
    if not facts.is_polling:
        yield (
            _(
                "Nothing is polled: the schedule '%(schedule)s' was deleted or "
                "its repeats are 0. Results come in only when someone runs ingest_f1."
            )
            % {"schedule": TICK_SCHEDULE}
        )
    if facts.future_tick is not None:
        yield (
            _(
                "A tick is recorded at %(at)s, which is still to come: this machine's "
                "clock was ahead. It does not count as a sign of life."
            )
            % {"at": print_instant(facts.future_tick)}
        )
    interrupted = [
        run
        for run in facts.runs
        if facts.is_interrupted(run) and facts.now - run.started_at < INTERRUPTIONS_SHOWN_FOR
    ]
    if interrupted:
        yield (
            ngettext(
                "%(count)s run has not ended within an hour, the newest of %(at)s: killed. What "
                "was saved is safe.",
                "%(count)s runs have not ended within an hour, the newest of %(at)s: killed. What "
                "was saved is safe.",
                len(interrupted),
            )
            % {"count": len(interrupted), "at": print_instant(interrupted[0].started_at)}
        )
