"""A run that is rate-limited: what it leaves for later, waiting until it may continue, and how long
the rest of it takes."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from ingestion.budget import HOUR, Budget, share_of
from ingestion.errors import SourceRateLimited
from ingestion.pipeline.picture import fault_of
from ingestion.pipeline.plan import CALENDARS, PARTS
from ingestion.pipeline.request import IngestRequest, Mode
from ingestion.report import Problem

logger = logging.getLogger(__name__)

# In a row and without an answer in between: then nothing will come of it today.
MOST_REFUSALS = 6
# Where the refusal does not say how long, and where it says nonsense.
USUAL_WAIT = timedelta(hours=1)
SHORTEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
# The clock is looked at this often: a machine that was asleep wakes up late.
LOOK_EVERY = timedelta(minutes=1)
# FastF1's pause between two requests, and what is done with an answer.
EACH_REQUEST = timedelta(seconds=0.35)


def describe_stop(
    refusal: SourceRateLimited, left: Sequence[str], season: int, request: IngestRequest
) -> Problem:
    """The one problem of a run that stopped: why, what is left, and when to continue."""
    when = f"after {refusal.retry_at:%H:%M} UTC" if refusal.retry_at is not None else "in an hour"
    # A refresh requests everything each time, and of a dry run nothing stays.
    begins_anew = request.mode is Mode.REFRESH or request.dry_run
    again = " for what is left" if begins_anew else ": it continues with what is missing"
    advice = f"Run it again {when}{again}"
    if not request.waits:
        advice += ", or add --wait"
    if not request.is_range:
        message = f"{refusal}"
        if CALENDARS not in left:
            message += f"; left for later: {_join_kinds(left)}"
        return Problem(message, season, advice=advice, fault=fault_of(refusal))
    later = [year for year in request.seasons if year > season]
    if CALENDARS in left:
        names = _join_seasons([season, *later])
    else:
        names = f"{season} {_join_kinds(left)}"
        names += f", and {_join_seasons(later)}" if later else ""
    message = f"{refusal}; left for later: {names}"
    return Problem(message, advice=advice, fault=fault_of(refusal))


def _join_seasons(seasons: Sequence[int]) -> str:
    return f"{seasons[0]}" if len(seasons) == 1 else f"{seasons[0]} to {seasons[-1]}"


def _join_kinds(kinds: Sequence[str]) -> str:
    *others, last = [kind.replace("_", " ") for kind in PARTS if kind in kinds]
    return f"{', '.join(others)} and {last}" if others else last


def wait_until_allowed(
    refusal: SourceRateLimited,
    part: str,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    show_step: Callable[[str, str], None],
) -> None:
    now = clock()
    until = refusal.retry_at if refusal.retry_at is not None else now + USUAL_WAIT
    until = max(now + SHORTEST_WAIT, min(until, now + LONGEST_WAIT))
    logger.info(
        "waiting until requests are allowed again",
        extra={"until": until.isoformat(timespec="seconds"), "reason": str(refusal)},
    )
    show_step(f"waiting until {until:%H:%M} UTC", part)
    if not connection.in_atomic_block:
        # A pooler or a firewall may end a connection that idles for an hour.
        connection.close()
    while (now := clock()) < until:
        sleep(min(until - now, LOOK_EVERY).total_seconds())


@dataclass(slots=True)
class RunEstimate:
    """How long the rest of a run takes: what its seasons need on average, so much an hour.

    Seasons that are complete cost nothing and are not counted: the first that is requested sets
    `first`.
    """

    total: int
    first: int | None = None

    def describe(self, done: int, requests: int, budget: Budget) -> str:
        """The room in the hour and the time to go, as far as they are known."""
        self.first = done if self.first is None else self.first
        if budget.left is None:
            return ""
        room = f"; {budget.left} requests left"
        requested = done - self.first
        if requested == 0:
            return room
        ahead = requests / requested * (self.total - done)
        hours = max(0, -(-(ahead - budget.left) // share_of(budget.purpose)))
        rest = hours * HOUR + ahead * EACH_REQUEST
        minutes = round(rest / timedelta(minutes=1))
        if minutes < 2:
            return f"{room}; a minute to go"
        return f"{room}; {f'{minutes} min' if minutes < 90 else f'{round(rest / HOUR)} h'} to go"
