"""What a plan of requests got of a season, when it got it, and its delays in percentiles."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rehearsal.played_season import Publication, Stage, Weekend, Window

PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Delays:
    """The shortest first."""

    each: tuple[timedelta, ...]

    @classmethod
    def of(cls, delays: Iterable[timedelta]) -> "Delays":
        return cls(tuple(sorted(delays)))

    def percentile(self, percent: int) -> timedelta | None:
        """By nearest rank, so that it is always a measured delay; None without delays. Of fewer
        than a hundred the 99th is the longest."""
        if not self.each:
            return None
        rank = -(-len(self.each) * percent // 100)
        return self.each[max(rank, 1) - 1]

    def as_dict(self) -> dict[str, Any]:
        """In minutes."""
        minutes: dict[str, Any] = {"count": len(self.each)}
        for percent in PERCENTS:
            value = self.percentile(percent)
            minutes[f"p{percent}"] = None if value is None else as_minutes(value)
        return minutes


def as_minutes(delay: timedelta) -> float:
    return round(delay / timedelta(minutes=1), 1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A publication, when the upstream's cache let it out, and when it was saved; None: never.

    It counts as saved, too, where a later one of the same session was saved instead.
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
    """`is_run` where the plan was played and not computed; `requests` are the times of those
    to Jolpica, `second_requests` of those to OpenF1."""

    name: str
    is_run: bool
    seen: tuple[Seen, ...]
    requests: tuple[datetime, ...]
    second_requests: tuple[datetime, ...] = ()

    @property
    def missing(self) -> list[Seen]:
        return [one for one in self.seen if one.saved_at is None]

    def delays(self, since: Callable[[Seen], datetime], *, of: Callable[[Seen], bool]) -> Delays:
        """Until each was saved; those that never were do not count."""
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
    """No time passed where it was let out after it had been saved, from another address."""
    return seen.let_out_at if seen.saved_at is None else min(seen.let_out_at, seen.saved_at)


def since_flag(seen: Seen) -> datetime:
    return seen.publication.flag_at


def waits_for_upstream(seen: Iterable[Seen]) -> Delays:
    """The upstream's part of each delay: from the flag until it was let out."""
    return Delays.of(one.let_out_at - one.publication.flag_at for one in seen)


def count_requests(counts: list[int]) -> dict[str, Any]:
    """Statistics of the requests of some weekends; the mean to the tenth."""
    if not counts:
        return {"weekends": 0, "mean": None, "most": None}
    return {
        "weekends": len(counts),
        "mean": round(sum(counts) / len(counts), 1),
        "most": max(counts),
    }
