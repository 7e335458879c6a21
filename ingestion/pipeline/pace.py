"""How long the rest of a run takes: what its seasons need on average, so much an hour."""

from dataclasses import dataclass
from datetime import timedelta

from ingestion.budget import HOUR, Budget, share_of

# FastF1's pause between two requests, and what is done with an answer.
EACH_REQUEST = timedelta(seconds=0.35)


@dataclass(slots=True)
class Pace:
    """Seasons that are complete cost nothing and are not counted: the first that is asked for
    anything sets `first`."""

    total: int
    first: int | None = None

    def describe(self, done: int, requests: int, budget: Budget) -> str:
        """The room in the hour and the time to go, as far as they can be told."""
        self.first = done if self.first is None else self.first
        if budget.left is None:
            return ""
        room = f"; {budget.left} requests left"
        asked = done - self.first
        if asked == 0:
            return room
        ahead = requests / asked * (self.total - done)
        hours = max(0, -(-(ahead - budget.left) // share_of(budget.purpose)))
        return f"{room}; {_name_duration(hours * HOUR + ahead * EACH_REQUEST)} to go"


def _name_duration(duration: timedelta) -> str:
    minutes = round(duration / timedelta(minutes=1))
    if minutes < 2:
        return "a minute"
    return f"{minutes} min" if minutes < 90 else f"{round(duration / HOUR)} h"
