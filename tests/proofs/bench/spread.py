"""A number of several repeats."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """As words the median, and from where to where it went; one number where all are the same."""

    each: Sequence[float]
    digits: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.each)

    @property
    def most(self) -> float:
        return max(self.each)

    def __str__(self) -> str:
        if not self.each:
            return "-"
        middle, least, most = (
            f"{number:,.{self.digits}f}" for number in (self.median, min(self.each), self.most)
        )
        return middle if least == most else f"{middle} ({least}-{most})"
