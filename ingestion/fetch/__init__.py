"""The only door to FastF1: raw answers with their age, or one typed error; never silence.

FastF1 swallows failures into log lines, keeps wrong answers in its cache and would ask for a
password; here its parts are joined so that none of that reaches the rest of the project.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData, IngestionError
from ingestion.fetch.alpha import fetch_rounds, fetch_sprint_qualifying, has_newer_form
from ingestion.fetch.answers import Answer, Upstream
from ingestion.fetch.asking import asking, cache_damaged, forget_copies
from ingestion.fetch.live import open_live_timing
from ingestion.records import SessionType

if TYPE_CHECKING:
    import pandas as pd

    from ingestion.fetch.door import Door

__all__ = [
    "ENDPOINTS",
    "Answer",
    "Upstream",
    "connect",
    "fetch_calendar",
    "fetch_results",
    "fetch_rounds",
    "fetch_schedule",
    "fetch_sprint_qualifying",
    "forget",
    "has_newer_form",
    "make_private_folder",
]

# Jolpica cuts any larger limit to this.
PAGE_ROWS = 100

ENDPOINTS = {
    SessionType.RACE: "results",
    SessionType.QUALIFYING: "qualifying",
    SessionType.SPRINT: "sprint",
}

# The largest season has 24 races of 20, or 7 of 30 and more; a `total` far beyond is a mistake, and
# believing it would ask for pages without end.
LARGEST_TOTAL = 5000

# An entry of a classification: round, driver, car.
Entry = tuple[str, str, str]


def read_clock() -> datetime:
    return datetime.now(UTC)


def connect(
    *,
    cache_dir: Path,
    schedule_url: str,
    jolpica_url: str,
    reserve: Callable[[str, int], None],
    clock: Callable[[], datetime] = read_clock,
    f1_username: str = "",
    f1_password: str = "",
    live_timing_url: str = "",
) -> Upstream:
    """Import and configure FastF1. Empty addresses leave FastF1's own; without an account live
    timing is not asked.

    Raises `IngestionError` when the cache folder cannot be used.
    """
    make_private_folder(cache_dir)
    with _handlers_left_alone("fastf1"):
        import fastf1.ergast.interface
        import fastf1.ergast.legacy
        import fastf1.events
        from fastf1.req import Cache

    from ingestion.fetch.door import Door

    if schedule_url:
        fastf1.events._SCHEDULE_BASE_URL = schedule_url.rstrip("/") + "/"
    if jolpica_url:
        fastf1.ergast.interface.BASE_URL = jolpica_url.rstrip("/")
        fastf1.ergast.legacy.base_url = jolpica_url.rstrip("/")
    try:
        Cache.configure(cache_dir=str(cache_dir))
    except sqlite3.Error as error:
        raise cache_damaged(error) from error
    door = Door(reserve, clock=clock)
    _mount(door)
    if not (f1_username and f1_password):
        return Upstream(door)
    live = open_live_timing(door, username=f1_username, password=f1_password, url=live_timing_url)
    return Upstream(door, live)


def make_private_folder(folder: Path) -> None:
    """FastF1 keeps pickles there: whoever can write them runs code as us."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise IngestionError(
            f"the cache folder {folder} cannot be written ({error.strerror}); make it writable "
            "or name another one in FASTF1_CACHE_DIR"
        ) from error


def fetch_schedule(upstream: Upstream, season: int, *, fresh: bool) -> Answer:
    """The season's schedule file as FastF1's frame, testing left out; `fresh` passes the cache."""
    import fastf1
    import fastf1.events

    url = f"{fastf1.events._SCHEDULE_BASE_URL}schedule_{season}.json"
    with asking(upstream.door, f"the schedule file of {season}", url, fresh=fresh) as reply:
        # The other backends ask for a password or invent session times.
        frame = fastf1.get_event_schedule(season, include_testing=False, backend="fastf1")
        return Answer(
            frame, reply.generated_at, () if fresh else (url,), good_until=reply.good_until
        )


def fetch_calendar(upstream: Upstream, season: int, *, fresh: bool) -> Answer:
    """Jolpica's calendar of the season as a list of races, as sent: the frames that FastF1 makes
    of it drop the times of sprint qualifyings."""
    from fastf1.ergast import Ergast

    what = f"Jolpica's calendar of {season}"
    url = _jolpica_url(season, None, "races", offset=0)
    with asking(upstream.door, what, url, fresh=fresh) as reply:
        races = Ergast(result_type="raw", auto_cast=False).get_race_schedule(
            season, limit=PAGE_ROWS
        )
        _expect_total(what, races.total_results, len(races))
        return Answer(
            list(races), reply.generated_at, () if fresh else (url,), good_until=reply.good_until
        )


def fetch_results(
    upstream: Upstream,
    season: int,
    session_type: SessionType,
    *,
    round_number: int | None = None,
    fresh: bool,
) -> Answer:
    """A season's classifications of one kind of session, or one round's, page by page.

    The content is a list of pages as FastF1 gives them, the age that of the oldest page. Raises
    `BadSourceData` when the pages are not of one piece.
    """
    what = f"Jolpica's {ENDPOINTS[session_type]} of {season}"
    if round_number is not None:
        what += f" round {round_number}"
    pages: list[tuple[pd.DataFrame, list[pd.DataFrame]]] = []
    ages: list[datetime | None] = []
    expiries: list[datetime | None] = []
    urls: list[str] = []
    entries: list[Entry] = []
    total: int | None = None
    try:
        while total is None or len(entries) < total:
            offset = len(entries)
            pages_ahead = 1 if total is None else -(-(total - offset) // PAGE_ROWS)
            urls.append(_jolpica_url(season, round_number, ENDPOINTS[session_type], offset=offset))
            with asking(
                upstream.door,
                what,
                urls[-1],
                fresh=fresh,
                pages=pages_ahead,
                is_first=total is None,
            ) as reply:
                page = _ask_page(season, session_type, round_number, offset=offset)
                _check_page(what, page, offset=offset, total=total)
                entries += _read_entries(what, page, entries)
                ages.append(reply.generated_at)
                expiries.append(reply.good_until)
            pages.append((page.description, page.content))
            total = page.total_results
    except BadSourceData:
        if not fresh:
            forget_copies(urls)
        raise
    oldest = None if None in ages else min(age for age in ages if age is not None)
    return Answer(
        pages,
        oldest,
        () if fresh else tuple(urls),
        tuple(ages),
        good_until=max((until for until in expiries if until is not None), default=None),
    )


def forget(answer: Answer) -> None:
    """Take an answer that proved to be wrong out of FastF1's cache."""
    forget_copies(answer.cached)


def _ask_page(
    season: int, session_type: SessionType, round_number: int | None, *, offset: int
) -> Any:
    from fastf1.ergast import Ergast

    ergast = Ergast(result_type="pandas", auto_cast=True)
    ask = {
        SessionType.RACE: ergast.get_race_results,
        SessionType.QUALIFYING: ergast.get_qualifying_results,
        SessionType.SPRINT: ergast.get_sprint_results,
    }[session_type]
    return ask(season, round_number, limit=PAGE_ROWS, offset=offset or None)


def _check_page(what: str, page: Any, *, offset: int, total: int | None) -> None:
    """That a page is the one asked for, and whole."""
    if int(page._response_headers.get("offset", offset)) != offset:
        raise BadSourceData(f"{what}: another page than the one asked for was sent")
    if not 0 <= page.total_results <= LARGEST_TOTAL:
        raise BadSourceData(f"{what}: {page.total_results} rows in all cannot be")
    if total is not None and page.total_results != total:
        raise BadSourceData(f"{what}: the number of rows changed from page to page")
    rows = sum(len(frame) for frame in page.content)
    expected = min(PAGE_ROWS, page.total_results - offset)
    if rows != expected:
        raise BadSourceData(f"{what}: a page has {rows} rows where {expected} should be")


def _read_entries(what: str, page: Any, earlier: Sequence[Entry]) -> list[Entry]:
    """Who stands where on a page; a repeated page would make up the number and hide what is
    missing. In the race that the page before it cut, an order that changed meanwhile may show a
    driver again: that race alone is in doubt, and whoever reads it sees it."""
    if not page.content:
        # FastF1's frame of no races has no columns.
        return []
    entries = [
        (str(race), str(driver), str(car))
        for race, frame in zip(page.description["round"], page.content, strict=True)
        for driver, car in zip(frame["driverId"], frame["number"], strict=True)
    ]
    cut = earlier[-1][0] if earlier else None
    again = {race for race, *_ in set(entries).intersection(earlier)}
    if len(set(entries)) < len(entries) or again - {cut}:
        raise BadSourceData(f"{what}: an entry was sent twice")
    return entries


def _jolpica_url(season: int, round_number: int | None, endpoint: str, *, offset: int) -> str:
    """The address that FastF1 builds for a page, which is also its key in FastF1's cache."""
    from fastf1.ergast import interface

    path = f"/{season}" if round_number is None else f"/{season}/{round_number}"
    query = f"limit={PAGE_ROWS}" + (f"&offset={offset}" if offset else "")
    return f"{interface.BASE_URL}{path}/{endpoint}.json?{query}"


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
def _handlers_left_alone(name: str) -> Iterator[None]:
    """FastF1 adds a handler of its own to stderr when first imported; lines would double."""
    logger = logging.getLogger(name)
    before = list(logger.handlers)
    yield
    for handler in logger.handlers[:]:
        if handler not in before:
            logger.removeHandler(handler)
