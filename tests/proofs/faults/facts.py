"""What the matrix's upstream says: ten grands prix of 2024, as they were told on three days."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from ingestion.sample.dump import build_dump
from ingestion.sample.season import (
    Finish,
    Lap,
    LapTable,
    Season,
    load_season,
    with_finishes,
    with_laps,
    with_start,
)
from tests.amending import RACE_POINTS, SPRINT_POINTS, Laps, classified, utc
from tests.command_line import small_season

# When the database is filled, when the results settle, and when a person corrects two of them.
FIRST, SETTLED, CORRECTED = (
    utc("2024-05-06 12:00"),
    utc("2024-05-08 12:00"),
    utc("2024-05-08 13:00"),
)
# The run that meets the fault, and the healthy one after it: no lock passes in between, and a
# request of the first is forgotten by the hour's budget.
NOW, AGAIN = utc("2024-05-18 18:00"), utc("2024-05-18 19:30")
# The same two of a season that is over, whose answers may come from FastF1's cache.
LATE, LATE_AGAIN = utc("2024-07-01 12:00"), utc("2024-07-01 13:30")

# Seasons that are over: when they are filled by pages, and the same two runs.
ARCHIVED = (2023, 2024)
ARCHIVE_FIRST = utc("2026-06-19 12:00")
ARCHIVE, ARCHIVE_AGAIN = utc("2026-06-21 12:00"), utc("2026-06-21 13:30")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Imola's qualifying, from Saturday 14:00 UTC to Sunday 09:00.
MOVED = 19 * HOUR
# Imola's qualifying is four hours old, its race is tomorrow; Monaco, Canada and Spain follow.
ROUNDS, CANCELLED = 10, "spain"
# What a person has set: who finished, and when it starts.
PERSONS = (("japanese-grand-prix", "race"), ("canadian-grand-prix", "race"))
Entry = TypeVar("Entry", Finish, Lap)


@cache
def first_facts() -> Season:
    """Before Miami's race and sprint qualifying were published."""
    season = load_season()
    season = replace(season, testing=(), grands_prix=season.grands_prix[:ROUNDS])
    for grand_prix in season.grands_prix[5:]:
        season = with_finishes(season, "races", grand_prix.id, ())
    for grand_prix in season.grands_prix[6:]:
        season = with_laps(season, "qualifyings", grand_prix.id, ())
    return _told_by_jolpica(with_laps(season, "sprint_qualifyings", "miami", ()))


@cache
def settled_facts() -> Season:
    """Without Spain, which is cancelled."""
    return _without_cancelled(first_facts())


@cache
def latest_facts() -> Season:
    """News for each part of an ingest, and none of it concerns a settled podium or pole."""
    real, season = load_season(), settled_facts()
    monaco = season.grand_prix("monaco").starts_at("Race")
    assert monaco is not None
    season = with_start(season, "monaco", "Race", monaco + HOUR)
    season = with_finishes(season, "races", "miami", real.races["miami"])
    season = swap_finishes(season, "australia", 6)
    season = swap_finishes(season, "miami", 4, is_sprint=True)
    season = swap_laps(season, "australia", 11)
    season = with_laps(season, "qualifyings", "emilia-romagna", real.qualifyings["emilia-romagna"])
    season = with_laps(season, "sprint_qualifyings", "miami", real.sprint_qualifyings["miami"])
    return _told_by_jolpica(season)


def swap_finishes(season: Season, key: str, place: int, *, is_sprint: bool = False) -> Season:
    """This place (from 0) and the next one changed hands."""
    points = SPRINT_POINTS if is_sprint else RACE_POINTS
    finishes = (season.sprints if is_sprint else season.races)[key]
    swapped = classified(list(_swapped(finishes, place)), points)
    return with_finishes(season, "sprints" if is_sprint else "races", key, swapped)


def swap_laps(season: Season, key: str, place: int, table: LapTable = "qualifyings") -> Season:
    laps = _swapped(getattr(season, table)[key], place)
    return with_laps(season, table, key, numbered(laps))


def numbered(laps: Sequence[Lap]) -> Laps:
    return tuple(
        replace(lap, order=order, classification=str(order))
        for order, lap in enumerate(laps, start=1)
    )


def _swapped(rows: tuple[Entry, ...], place: int) -> tuple[Entry, ...]:
    changed = list(rows)
    changed[place : place + 2] = rows[place + 1], rows[place]
    return tuple(changed)


def _without_cancelled(season: Season) -> Season:
    left = tuple(one for one in season.grands_prix if one.id != CANCELLED)
    return _told_by_jolpica(replace(season, grands_prix=left))


def _told_by_jolpica(season: Season) -> Season:
    """Jolpica has Monaco's qualifying an hour earlier, so that picks close an hour earlier."""
    start = season.grand_prix("monaco").starts_at("Qualifying")
    assert start is not None
    own = with_start(season, "monaco", "Qualifying", start - HOUR)
    return replace(season, jolpica_calendar=own.grands_prix)


# Of seasons that are over


@cache
def archived_facts() -> dict[int, Season]:
    return {year: small_season(year) for year in ARCHIVED}


@cache
def first_archived_facts() -> dict[int, Season]:
    """Before China's races were published."""
    return {
        year: with_finishes(season, "races", "china", ())
        for year, season in archived_facts().items()
    }


@cache
def old_archived_facts() -> dict[int, Season]:
    """As the dump has them, and pages have had otherwise since: the first of them."""
    first, *others = archived_facts().values()
    return {season.year: season for season in (swap_finishes(first, "belgium", 6), *others)}


@cache
def build_partial_dump() -> bytes:
    """A race of the first season is not in it, so that its races come by pages."""
    first, *others = archived_facts().values()
    return build_dump([with_finishes(first, "races", "china", ()), *others])


# Facts that no upstream should tell


@cache
def old_facts() -> Season:
    """Of weeks ago: with Spain still, and with China as it was before its first amendments."""
    season = first_facts()
    season = swap_finishes(season, "china", 6)
    season = swap_finishes(season, "china", 4, is_sprint=True)
    return swap_laps(season, "china", 11)


def with_other_leaders(season: Season, key: str, table: str) -> Season:
    """The first two have changed cars, teams and all: nothing in it looks wrong."""
    return with_rows(season, key, table, exchanged(getattr(season, table)[key]))


def exchanged(rows: tuple[Entry, ...]) -> tuple[Entry, ...]:
    one, other, *rest = rows
    return (_driven_by(one, other), _driven_by(other, one), *rest)


def _driven_by(row: Entry, other: Entry) -> Entry:
    return replace(row, driver=other.driver, constructor=other.constructor, number=other.number)


def with_thirty_cars(season: Season, key: str, table: str) -> Season:
    """Ten drivers of another series in one classification."""
    drivers = dict(season.drivers)
    rows = getattr(season, table)[key]
    for number in range(10):
        guest = f"guest_{number}"
        drivers[guest] = replace(season.drivers["albon"], id=guest, code=None, family_name=guest)
        order = len(rows) + 1
        rows = (
            *rows,
            replace(
                rows[-1],
                driver=guest,
                constructor=f"team_{number // 2}",
                number=200 + number,
                order=order,
                classification=str(order),
            ),
        )
    teams = {
        f"team_{number}": replace(season.constructors["williams"], id=f"team_{number}")
        for number in range(5)
    }
    season = replace(season, drivers=drivers, constructors={**season.constructors, **teams})
    return with_rows(season, key, table, rows)


def with_rows(season: Season, key: str, table: str, rows: tuple[Any, ...]) -> Season:
    changed: dict[str, Any] = {table: {**getattr(season, table), key: rows}}
    return replace(season, **changed)


def with_other_rounds(season: Season) -> Season:
    """Jolpica counts a race that the schedule file does not have: every later number is another
    race's."""
    assert season.jolpica_calendar is not None
    calendar = tuple(
        replace(one, round=one.round + (one.round > 1)) for one in season.jolpica_calendar
    )
    return replace(season, jolpica_calendar=calendar)


def with_moved_qualifying(season: Season) -> Season:
    """The file alone has Imola's qualifying on the race's morning; it was run already."""
    start = season.grand_prix("emilia-romagna").starts_at("Qualifying")
    assert start is not None
    return with_start(season, "emilia-romagna", "Qualifying", start + MOVED)


def with_moved_weekend(season: Season) -> Season:
    """The file alone has China a day later, weeks after it was run (as Austin in 2024)."""
    for session in season.grand_prix("china").sessions:
        assert session.starts_at is not None
        season = with_start(season, "china", session.name, session.starts_at + DAY)
    return season
