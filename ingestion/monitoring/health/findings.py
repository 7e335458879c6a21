"""What a look at the installation found, in one form for people, monitors and alarms."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ingestion.models import Alarm, IngestRun


class State(StrEnum):
    """Of the whole: an upstream that says nothing is not a fault of ours, and the other way round.
    What a person has to look at leaves it as it is."""

    OK = "ok"
    SILENT = "silent"
    BROKEN = "broken"


STATE_WORDS = {
    State.OK: "all is well",
    State.SILENT: "the upstream is silent; we work",
    State.BROKEN: "we are broken",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    `key` stays the same for as long as the problem lasts. `title` says what is wrong, `words` what
    that means for the data and what to do next.
    """

    key: str
    kind: Alarm.Kind
    title: str
    words: str
    since: datetime

    @property
    def sentences(self) -> str:
        return f"{self.title[:1].upper()}{self.title[1:]}. {self.words}"

    @property
    def check(self) -> str:
        """What was looked at, without what it is about: `overdue`."""
        return self.key.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Health:
    """How the installation is `at` an instant, the worst finding first; `notes` are no problems.

    `last_tick` is None where none ever succeeded, `refreshed_at` (the current season's calendars)
    where nobody knows.
    """

    at: datetime
    season: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    is_polling: bool
    last_tick: datetime | None
    last_run: IngestRun | None
    refreshed_at: datetime | None

    @property
    def state(self) -> State:
        kinds = {finding.kind for finding in self.findings}
        if Alarm.Kind.BROKEN in kinds:
            return State.BROKEN
        return State.SILENT if Alarm.Kind.SILENT in kinds else State.OK

    @property
    def is_broken(self) -> bool:
        return self.state is State.BROKEN


def print_instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def print_duration(length: timedelta) -> str:
    """As a person would say it: 45 seconds, 25 minutes, 3 hours, 2 days."""
    seconds = abs(int(length.total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return _counted(seconds // size, unit)
    return _counted(seconds, "second")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
