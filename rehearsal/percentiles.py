"""What is said of many delays by few numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Delays:
    """Each of some delays, the shortest first."""

    each: tuple[timedelta, ...]

    @classmethod
    def of(cls, delays: Iterable[timedelta]) -> "Delays":
        return cls(tuple(sorted(delays)))

    def percentile(self, percent: int) -> timedelta | None:
        """By nearest rank: the shortest delay that so many in a hundred do not pass, always one
        that was measured; None of none. Of less than a hundred the 99th is the longest."""
        if not self.each:
            return None
        rank = -(-len(self.each) * percent // 100)
        return self.each[max(rank, 1) - 1]

    def as_dict(self) -> dict[str, Any]:
        """In minutes."""
        told: dict[str, Any] = {"count": len(self.each)}
        for percent in PERCENTS:
            value = self.percentile(percent)
            told[f"p{percent}"] = None if value is None else as_minutes(value)
        return told


def as_minutes(delay: timedelta) -> float:
    return round(delay / timedelta(minutes=1), 1)
