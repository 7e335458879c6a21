"""What is to be measured, and what came of it: as JSON between two processes."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Self

# What each run writes, whatever it finds, and what polling remembers.
RECORDS = ("ingestion_ingestrun", "ingestion_requestblock")
BOOKKEEPING = (*RECORDS, "ingestion_poll", "ingestion_taskrun")


@dataclass(frozen=True, kw_only=True)
class Task:
    """`at` is the time of the work's clock, None for the real one. `times` is how often the work is
    done. FastF1's cache may hold what has expired since, as it does half a day later."""

    work: str
    seasons: tuple[int, ...] = (2024,)
    round_number: int | None = None
    at: str | None = None
    times: int = 1
    has_expired: bool = False
    has_dump: bool = False
    # Of this machine's monotonic clock, when the process was started.
    started: float = 0.0

    @property
    def now(self) -> datetime | None:
        return None if self.at is None else datetime.fromisoformat(self.at)

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        told = json.loads(text)
        return cls(**{**told, "seasons": tuple(told["seasons"])})


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the work took, the process's start apart. Of work that is done many times, `seconds` and
    `processor`, the seconds that it really computed, are the medians of one.

    `written` are the rows written by table, `grown` the memory in MB and the rows of all tables
    that were there at the end and not after the first part of the work, `first_peak` the peak after
    the first of several seasons. `pause` is the time in seconds that FastF1 leaves between two
    requests, None where it was not imported. `troubles` should be none.
    """

    times: int
    # ... of which growth is looked at after the first.
    warm_up: int
    seconds: float
    processor: float
    start: float
    statements: int
    written: dict[str, int]
    peak: float
    grown: float
    grown_rows: int
    database: str
    first_peak: float | None = None
    pause: float | None = None
    troubles: list[str] = field(default_factory=list)
    # Counted by the stand-in: all of them, and those for sprint qualifyings.
    requests: int = 0
    of_sprint_qualifyings: int = 0

    @property
    def rows(self) -> int:
        """Of what is known of the sport, and its feed."""
        return sum(self.written.values()) - self.bookkeeping

    @property
    def bookkeeping(self) -> int:
        """The runs' records, the requests' count, and the polling plan."""
        return sum(self.written.get(table, 0) for table in BOOKKEEPING)

    @property
    def rows_beside_records(self) -> int:
        return sum(rows for table, rows in self.written.items() if table not in RECORDS)

    @property
    def floor(self) -> float:
        """The seconds that FastF1's pauses alone take: none before the first request."""
        return max(0, self.requests - 1) * (self.pause or 0.0)

    @property
    def ratio(self) -> float | None:
        return self.seconds / self.floor if self.floor else None

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))
