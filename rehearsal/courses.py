"""What a plan got of a season, and when."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rehearsal.percentiles import Delays
from rehearsal.played import Publication, Stage
from rehearsal.window import Weekend, Window


@dataclass(frozen=True, slots=True)
class Seen:
    """A publication, when the upstream's cache let it out, and when it was saved; None: never.

    Saved is also what had a later one of the same session in its place.
    """

    publication: Publication
    let_out_at: datetime
    saved_at: datetime | None

    @property
    def is_amendment(self) -> bool:
        return self.publication.stage is Stage.AMENDED

    @property
    def is_podium(self) -> bool:
        return self.publication.table in ("races", "sprints")


@dataclass(frozen=True, slots=True)
class Course:
    """`requests` are the moments of all that were made."""

    name: str
    is_run: bool
    seen: tuple[Seen, ...]
    requests: tuple[datetime, ...]

    @property
    def missing(self) -> list[Seen]:
        return [one for one in self.seen if one.saved_at is None]

    def delays(self, since: Callable[[Seen], datetime], *, of: Callable[[Seen], bool]) -> Delays:
        """Until they were saved; of those that were."""
        return Delays.of(
            one.saved_at - since(one) for one in self.seen if one.saved_at is not None and of(one)
        )

    def count_weekend(self, weekend: Weekend) -> int:
        return sum(map(weekend.has, self.requests))

    def count_weekends(self, window: Window, *, sprint: bool) -> list[int]:
        return [
            self.count_weekend(weekend)
            for weekend in window.weekends
            if weekend.is_sprint is sprint
        ]


def is_first(seen: Seen) -> bool:
    return not seen.is_amendment


def is_amendment(seen: Seen) -> bool:
    return seen.is_amendment


def is_first_podium(seen: Seen) -> bool:
    return seen.is_podium and not seen.is_amendment


def since_publication(seen: Seen) -> datetime:
    return seen.publication.at


def since_let_out(seen: Seen) -> datetime:
    """What was let out while it had been saved already, by another address, took no time."""
    return seen.let_out_at if seen.saved_at is None else min(seen.let_out_at, seen.saved_at)


def since_flag(seen: Seen) -> datetime:
    return seen.publication.flag_at


def waits_for_upstream(seen: Iterable[Seen]) -> Delays:
    """From the flag until it was let out: the upstream's part."""
    return Delays.of(one.let_out_at - one.publication.flag_at for one in seen)


def count_requests(counts: list[int]) -> dict[str, Any]:
    """Of some weekends; the mean to the tenth."""
    if not counts:
        return {"weekends": 0, "mean": None, "most": None}
    return {
        "weekends": len(counts),
        "mean": round(sum(counts) / len(counts), 1),
        "most": max(counts),
    }
