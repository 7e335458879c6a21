"""Counts and problems of a run: adding up, as dict, as text."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

# The keys of a JSON report, too: readers rely on them.
EVENT_COUNTS = ("created", "updated", "unchanged", "cancelled", "reinstated")
RESULT_COUNTS = ("created", "updated", "unchanged", "amended")
# Grands prix of a line; of more the changes are counted.
MOST_NAMED = 3


class Fault(StrEnum):
    """`NONE`: interrupted, an invalid request, or our own rate limit."""

    UPSTREAM = "upstream"
    OURS = "ours"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that did not go as it should, or that is worth a note: what it is about, and a
    sentence. `grand_prix` is the slug where the grand prix is known, `source` is empty where it is
    no particular one's."""

    message: str
    season: int | None = None
    grand_prix: str | None = None
    session_type: str | None = None
    source: str = ""
    advice: str = ""
    fault: Fault = Fault.UPSTREAM

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """As a run's record keeps it."""
        return cls(**{**data, "fault": Fault(data["fault"])})

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "fault": self.fault.value}

    def as_dict(self) -> dict[str, Any]:
        return {
            "season": self.season,
            "grand_prix": self.grand_prix,
            "session_type": self.session_type,
            "message": self.message,
        }

    def __str__(self) -> str:
        place = [self.season, self.grand_prix, (self.session_type or "").replace("_", " ")]
        where = " ".join(str(part) for part in place if part)
        return f"{where}: {self.message}" if where else self.message


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One line of a classification; `time` is printed, and says why where there is none."""

    place: str
    driver: str
    constructor: str
    time: str


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One session of the requested round; `state` is its results', or its own without any."""

    name: str
    starts_at: datetime | None
    state: str
    entries: tuple[EntryLine, ...]


@dataclass(frozen=True, slots=True)
class GrandPrixLine:
    """One grand prix of the season after the run, for the table; drivers by surname. `changes` are
    this run's, by kind; `sessions` those of the requested round, and of no other."""

    round_number: int | None
    name: str
    race_date: date | None
    pole: str
    podium: tuple[str, ...]
    changes: dict[str, int]
    is_cancelled: bool
    sessions: tuple[SessionLine, ...] = ()


@dataclass(slots=True)
class SaveReport:
    """What one call of `save` did; `changes` are pairs of a grand prix and a kind of change."""

    events: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: "SaveReport") -> None:
        self.events += other.events
        self.results += other.results
        self.problems += other.problems
        self.notes += other.notes
        self.changes += other.changes

    def counts(self) -> dict[str, dict[str, int]]:
        return {
            "events": {name: self.events[name] for name in EVENT_COUNTS},
            "results": {name: self.results[name] for name in RESULT_COUNTS},
        }


@dataclass(frozen=True, slots=True)
class SeasonLine:
    """One season of several after the run. `missing` are the parts that it still lacks: none of a
    complete one, and not counted while it `is_running`."""

    season: int
    saved: SaveReport
    missing: tuple[str, ...] = ()
    is_running: bool = False
    was_requested: bool = True

    def __str__(self) -> str:
        outcome, state = "nothing to request", "complete"
        if self.was_requested:
            counts = (("events", self.saved.events), ("classifications", self.saved.results))
            parts = [
                f"{what} {', '.join(f'{times} {name}' for name, times in numbers.items() if times)}"
                for what, numbers in counts
                if numbers.total()
            ]
            outcome = ", ".join(parts) or "nothing in the answers"
        if self.is_running:
            state = "still running"
        elif self.missing:
            state = f"still without {', '.join(part.replace('_', ' ') for part in self.missing)}"
        return f"{self.season}: {outcome}; {state}"


@dataclass(slots=True)
class RunReport(SaveReport):
    """A whole run. `problems` make it partial or failed; `notes` (results that are not out yet,
    a person's correction that the upstream disagrees with) do not."""

    dry_run: bool = False
    seasons: list[int] = field(default_factory=list)
    requests: int = 0
    done: int = 0
    # Seasons whose calendars were all read and saved.
    refreshed: set[int] = field(default_factory=set)
    # This machine's clock less the upstream's, None where no answer said.
    clock_offset: timedelta | None = None
    lines: dict[int, list[GrandPrixLine]] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        if not self.problems:
            return "ok"
        return "partial" if self.done else "failed"

    @property
    def fault(self) -> str:
        """Whose fault the problems are: `ours` if one is, else `upstream` if one is, else
        `none`; `` without any."""
        faults = {problem.fault for problem in self.problems}
        worst = (each.value for each in (Fault.OURS, Fault.UPSTREAM, Fault.NONE) if each in faults)
        return next(worst, "")

    def as_dict(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "dry_run": self.dry_run,
            "seasons": self.seasons,
            "requests": self.requests,
            **self.counts(),
            "problems": [problem.as_dict() for problem in self.problems],
            "notes": [note.as_dict() for note in self.notes],
        }

    def as_text(self) -> str:
        events = self._describe_counts("events", self.events, EVENT_COUNTS)
        results = self._describe_counts("classifications", self.results, RESULT_COUNTS)
        return f"{events}; {results}; {self.requests} upstream requests"

    def as_line(self) -> str:
        """What changed, as a worker logs it: '2024: belgian-grand-prix published; 1 request'."""
        kinds: dict[str, list[str]] = {}
        for grand_prix, kind in dict.fromkeys(self.changes):
            kinds.setdefault(grand_prix, []).append(kind)
        changes = [f"{grand_prix} {', '.join(of_it)}" for grand_prix, of_it in kinds.items()]
        if len(changes) > MOST_NAMED:
            counts = Counter(kind for _, kind in self.changes)
            changes = [", ".join(f"{times} {kind}" for kind, times in counts.items())]
        requests = "1 request" if self.requests == 1 else f"{self.requests} requests"
        line = f"{'; '.join(changes) or 'nothing new'}; {requests}"
        if self.problems:
            others = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            # Without the season, with which the line begins.
            line += f"; {self.outcome}: {replace(self.problems[0], season=None)}{others}"
        return f"{', '.join(map(str, self.seasons))}: {line}"

    @staticmethod
    def _describe_counts(what: str, counts: Counter[str], names: tuple[str, ...]) -> str:
        always = {"created", "updated", "unchanged"}
        parts = [f"{counts[name]} {name}" for name in names if counts[name] or name in always]
        return f"{what}: {', '.join(parts)}"
