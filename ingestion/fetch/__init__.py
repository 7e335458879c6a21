"""The only door to FastF1: raw answers with their age, or one typed error; never silence.

FastF1 swallows failures into log lines, keeps wrong answers in its cache and would ask for a
password; here its parts are joined so that none of that reaches the rest of the project.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData
from ingestion.fetch.address import read_address
from ingestion.fetch.alpha import fetch_rounds, fetch_sprint_qualifying, has_newer_form
from ingestion.fetch.answers import Answer, Upstream
from ingestion.fetch.asking import asking, cache_damaged, forget_copies
from ingestion.fetch.folder import discard_cache, is_damage, make_private_folder
from ingestion.fetch.live import open_live_timing
from ingestion.fetch.pages import (
    ENDPOINTS,
    PAGE_ROWS,
    Before,
    RowsMoved,
    build_url,
    count_pages,
    fetch_results,
)

if TYPE_CHECKING:
    from ingestion.fetch.door import Door

__all__ = [
    "ENDPOINTS",
    "Answer",
    "Before",
    "RowsMoved",
    "Upstream",
    "connect",
    "count_pages",
    "fetch_calendar",
    "fetch_drivers",
    "fetch_results",
    "fetch_rounds",
    "fetch_schedule",
    "fetch_sprint_qualifying",
    "forget",
    "has_newer_form",
    "make_private_folder",
    "read_clock",
]


logger = logging.getLogger(__name__)


def read_clock() -> datetime:
    return datetime.now(UTC)


def keep(_host: str, _requests: int) -> None:
    """What was set aside and not used stays so, where nobody counts it."""


def connect(
    *,
    cache_dir: Path,
    schedule_url: str,
    jolpica_url: str,
    reserve: Callable[[str, int], None],
    give_back: Callable[[str, int], None] = keep,
    clock: Callable[[], datetime] = read_clock,
    f1_username: str = "",
    f1_password: str = "",
    live_timing_url: str = "",
) -> Upstream:
    """Import and configure FastF1. Empty addresses leave FastF1's own; without an account live
    timing is not asked.

    Raises `IngestionError` when the cache folder or an address cannot be used.
    """
    schedule = read_address("F1_SCHEDULE_URL", schedule_url) if schedule_url else None
    jolpica = read_address("JOLPICA_URL", jolpica_url) if jolpica_url else None
    make_private_folder(cache_dir)
    with _logging_left_alone("fastf1"):
        import fastf1.ergast.interface
        import fastf1.ergast.legacy
        import fastf1.events

    from ingestion.fetch.door import Door

    if schedule is not None:
        fastf1.events._SCHEDULE_BASE_URL = f"{schedule.url}/"
    if jolpica is not None:
        fastf1.ergast.interface.BASE_URL = fastf1.ergast.legacy.base_url = jolpica.url
    _open_cache(cache_dir)
    door = Door(reserve, give_back, clock=clock)
    for address in filter(None, (schedule, jolpica)):
        door.sign(address)
    _mount(door)
    if not (f1_username and f1_password):
        return Upstream(door)
    live = open_live_timing(door, username=f1_username, password=f1_password, url=live_timing_url)
    return Upstream(door, live)


def _open_cache(folder: Path) -> None:
    """A file that is no database is replaced: what it held is asked for again."""
    from fastf1.req import Cache

    try:
        try:
            Cache.configure(cache_dir=str(folder))
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            logger.warning("FastF1's cache was damaged and is made anew", extra={"why": str(error)})
            discard_cache(folder)
            Cache.configure(cache_dir=str(folder))
    except (sqlite3.Error, OSError) as error:
        raise cache_damaged(error) from error


def fetch_schedule(upstream: Upstream, season: int, *, fresh: bool) -> Answer:
    """The season's schedule file as FastF1's frame, testing left out; `fresh` passes the cache."""
    import fastf1
    import fastf1.events

    url = f"{fastf1.events._SCHEDULE_BASE_URL}schedule_{season}.json"
    with asking(upstream.door, f"the schedule file of {season}", url, fresh=fresh) as reply:
        # The other backends ask for a password or invent session times.
        frame = fastf1.get_event_schedule(season, include_testing=False, backend="fastf1")
        return Answer(
            frame, reply.generated_at, () if fresh else (url,), expires_at=reply.expires_at
        )


def fetch_calendar(upstream: Upstream, season: int, *, fresh: bool) -> Answer:
    """Jolpica's calendar of the season as a list of races, as sent: the frames that FastF1 makes
    of it drop the times of sprint qualifyings."""
    what = f"Jolpica's calendar of {season}"
    return _fetch_raw(upstream, what, "races", season, fresh=fresh)


def fetch_drivers(upstream: Upstream, season: int, round_number: int, *, fresh: bool) -> Answer:
    """Who took part in a round, as a list of drivers as Jolpica sends them: also those who have no
    result yet that its Ergast form shows."""
    what = f"Jolpica's list of the drivers of {season} round {round_number}"
    return _fetch_raw(upstream, what, "drivers", season, round_number, fresh=fresh)


def _fetch_raw(
    upstream: Upstream,
    what: str,
    endpoint: str,
    season: int,
    round_number: int | None = None,
    *,
    fresh: bool,
) -> Answer:
    from fastf1.ergast import Ergast

    ergast = Ergast(result_type="raw", auto_cast=False)
    ask = {"races": ergast.get_race_schedule, "drivers": ergast.get_driver_info}[endpoint]
    url = build_url(season, round_number, endpoint, offset=0)
    with asking(upstream.door, what, url, fresh=fresh) as reply:
        rows = ask(season, round_number, limit=PAGE_ROWS)
        _expect_total(what, rows.total_results, len(rows))
        return Answer(
            list(rows), reply.generated_at, () if fresh else (url,), expires_at=reply.expires_at
        )


def forget(answer: Answer) -> None:
    """Take an answer that proved to be wrong out of FastF1's cache."""
    forget_copies(answer.cached)


def _expect_total(what: str, total: int, rows: int) -> None:
    if total != rows:
        raise BadSourceData(f"{what}: {rows} rows were sent of {total}")


def _mount(door: "Door") -> None:
    """On both of FastF1's sessions; `Cache.configure` makes a new one each time."""
    from fastf1.internals.f1account import LIVETIMING_URL
    from fastf1.req import Cache

    from ingestion.fetch.door import ClosedDoor

    cached: Any = Cache._requests_session_cached
    for session in (cached, Cache._requests_session):
        session.mount("https://", door)
        session.mount("http://", door)
        # In place of FastF1's own adapter, which signs in and can prompt for it.
        session.mount(LIVETIMING_URL, ClosedDoor())
    # Otherwise a 429, or our own budget's refusal, is answered with an old copy that looks fresh.
    cached.settings.stale_if_error = False


@contextmanager
def _logging_left_alone(name: str) -> Iterator[None]:
    """FastF1 adds a handler of its own to stderr when first imported, and sets its level to DEBUG:
    lines would double, and tracebacks appear in the log of a project that asked for none."""
    logger = logging.getLogger(name)
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.setLevel(level)
    for handler in logger.handlers[:]:
        if handler not in handlers:
            logger.removeHandler(handler)
