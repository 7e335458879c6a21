"""From one season to the next."""

from datetime import UTC, datetime, timedelta

# After its last session a season is no longer polled but replayed: FastF1's cache will do.
SEASON_COOLS_DOWN = timedelta(days=14)
# The next season's calendar is looked for from then on.
FIRST_MONTH_TO_LOOK = 12
# Once a day, by a task that runs twice a day.
LOOKED_FOR_EVERY = timedelta(hours=18)
# By then it has to be there: the first race is run in it.
FIRST_MONTH_OF_RACING = 3


def season_to_look_for(now: datetime, current: int) -> int | None:
    """The season after the current one whose calendar may come out now, if any."""
    if current < now.year:
        return now.year
    if current == now.year and now.month >= FIRST_MONTH_TO_LOOK:
        return now.year + 1
    return None


def may_be_absent(season: int, now: datetime) -> bool:
    """Whether it is no failure that the season's calendar is not published yet."""
    return now < datetime(season, FIRST_MONTH_OF_RACING, 1, tzinfo=UTC)
