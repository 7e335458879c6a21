"""A run that may not ask any more: what it leaves for later, and waiting until it may go on."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import connection

from ingestion.errors import SourceRateLimited
from ingestion.pipeline.request import IngestRequest
from ingestion.pipeline.season import CALENDARS, PARTS, fault_of
from ingestion.report import Problem

logger = logging.getLogger(__name__)

AGAIN = "run it again, it goes on with what is missing"
# In a row and without an answer in between: then nothing will come of it today.
MOST_REFUSALS = 6
# Where nobody says how long, and where somebody says nonsense.
USUAL_WAIT = timedelta(hours=1)
SHORTEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
# The clock is looked at this often: a machine that was asleep wakes up late.
LOOK_EVERY = timedelta(minutes=1)


def describe_stop(
    refusal: SourceRateLimited, left: Sequence[str], season: int, request: IngestRequest
) -> Problem:
    """The one problem of a run that stopped at a season: why, what is left, and when to go on."""
    when = f"after {refusal.retry_at:%H:%M} UTC" if refusal.retry_at is not None else "in an hour"
    # A refresh asks for everything each time, and of a dry run nothing stays.
    begins_anew = request.refresh or request.dry_run
    again = "run it again for what is left" if begins_anew else AGAIN
    advice = f"Go on {when}: {again}"
    if not request.waits:
        advice += ", or add --wait"
    if request.is_range:
        later = [year for year in request.seasons if year > season]
        message = f"{refusal}; left for later: {_name_left(left, season, later)}"
        return Problem(message, advice=advice, fault=fault_of(refusal))
    kinds = "" if CALENDARS in left else f"; left for later: {_name_kinds(left)}"
    return Problem(f"{refusal}{kinds}", season, advice=advice, fault=fault_of(refusal))


def _name_left(left: Sequence[str], season: int, later: Sequence[int]) -> str:
    """2020 qualifying, and 2021 to 2024."""
    if CALENDARS in left:
        return _name_seasons([season, *later])
    rest = f", and {_name_seasons(later)}" if later else ""
    return f"{season} {_name_kinds(left)}{rest}"


def _name_seasons(seasons: Sequence[int]) -> str:
    return f"{seasons[0]}" if len(seasons) == 1 else f"{seasons[0]} to {seasons[-1]}"


def _name_kinds(kinds: Sequence[str]) -> str:
    names = [kind.replace("_", " ") for kind in PARTS if kind in kinds]
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def wait_after(
    refusal: SourceRateLimited,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    listen: Callable[[str], None],
) -> None:
    """Until asking again can succeed."""
    now = clock()
    until = refusal.retry_at if refusal.retry_at is not None else now + USUAL_WAIT
    until = max(now + SHORTEST_WAIT, min(until, now + LONGEST_WAIT))
    logger.info(
        "waiting until requests are allowed again",
        extra={"until": until.isoformat(timespec="seconds"), "reason": str(refusal)},
    )
    listen(f"waiting until {until:%H:%M} UTC")
    if not connection.in_atomic_block:
        # Whoever is between us and the database may end one that idles for an hour.
        connection.close()
    while (now := clock()) < until:
        sleep(min(until - now, LOOK_EVERY).total_seconds())
