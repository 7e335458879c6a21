"""The only door to FastF1: raw answers with their age, or one typed error; never silence.

FastF1 swallows failures into log lines, keeps wrong answers in its cache and would ask for a
password; here its parts are joined so that none of that reaches the rest of the project.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import (
    BadSourceData,
    IngestionError,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.records import SessionType

if TYPE_CHECKING:
    import pandas as pd

    from ingestion.fetch.door import Door, Exchange

# FastF1's schedule files begin with 2018.
FIRST_SCHEDULE_FILE = 2018
# Jolpica cuts any larger limit to this.
PAGE_ROWS = 100

ENDPOINTS = {
    SessionType.RACE: "results",
    SessionType.QUALIFYING: "qualifying",
    SessionType.SPRINT: "sprint",
}

# What FastF1 and pandas raise over JSON of another shape than theirs.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Upstream:
    """FastF1, configured; made by `connect`."""

    door: "Door"

    @property
    def requests(self) -> int:
        """Requests that left the process so far."""
        return self.door.requests


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream said, as FastF1 gives it, and when the upstream made it (UTC).

    `content` is a schedule's frame, a calendar's list of races, or the pages of a season's
    results, each a pair of a frame of races and a list of their frames of results.
    """

    content: Any
    generated_at: datetime | None
    urls: tuple[str, ...]


def connect(
    *,
    cache_dir: Path,
    schedule_url: str,
    jolpica_url: str,
    reserve: Callable[[str, int], None],
) -> Upstream:
    """Import and configure FastF1. Empty addresses leave FastF1's own.

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
        raise _cache_damaged(error) from error
    door = Door(reserve)
    _mount(door)
    return Upstream(door)


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
    with _asking(upstream, f"the schedule file of {season}", url, fresh=fresh) as generated_at:
        # The other backends ask for a password or invent session times.
        frame = fastf1.get_event_schedule(season, include_testing=False, backend="fastf1")
        return Answer(frame, generated_at(), (url,))


def fetch_calendar(upstream: Upstream, season: int, *, fresh: bool) -> Answer:
    """Jolpica's calendar of the season as a list of races, as sent: the frames that FastF1 makes
    of it drop the times of sprint qualifyings."""
    from fastf1.ergast import Ergast

    what = f"Jolpica's calendar of {season}"
    url = _jolpica_url(season, None, "races", offset=0)
    with _asking(upstream, what, url, fresh=fresh) as generated_at:
        races = Ergast(result_type="raw", auto_cast=False).get_race_schedule(
            season, limit=PAGE_ROWS
        )
        _expect_total(what, races.total_results, len(races))
        return Answer(list(races), generated_at(), (url,))


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
    urls: list[str] = []
    total, rows = None, 0
    try:
        while total is None or rows < total:
            urls.append(_jolpica_url(season, round_number, ENDPOINTS[session_type], offset=rows))
            pages_ahead = 1 if total is None else -(-(total - rows) // PAGE_ROWS)
            with _asking(upstream, what, urls[-1], fresh=fresh, pages=pages_ahead) as generated_at:
                page = _ask_page(season, session_type, round_number, offset=rows)
                ages.append(generated_at())
            rows_read = _count_rows(what, page, offset=rows, total=total)
            pages.append((page.description, page.content))
            total, rows = page.total_results, rows + rows_read
    except BadSourceData:
        _forget(urls)
        raise
    oldest = None if None in ages else min(age for age in ages if age is not None)
    return Answer(pages, oldest, tuple(urls))


def forget(answer: Answer) -> None:
    """Take an answer that proved to be wrong out of FastF1's cache."""
    _forget(answer.urls)


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


def _count_rows(what: str, page: Any, *, offset: int, total: int | None) -> int:
    """The rows of a page that is the one asked for, and whole."""
    if int(page._response_headers.get("offset", offset)) != offset:
        raise BadSourceData(f"{what}: another page than the one asked for was sent")
    if total is not None and page.total_results != total:
        raise BadSourceData(f"{what}: the number of rows changed from page to page")
    rows = sum(len(frame) for frame in page.content)
    expected = min(PAGE_ROWS, page.total_results - offset)
    if rows != expected:
        raise BadSourceData(f"{what}: a page has {rows} rows where {expected} should be")
    return rows


def _jolpica_url(season: int, round_number: int | None, endpoint: str, *, offset: int) -> str:
    """The address that FastF1 builds for a page, which is also its key in FastF1's cache."""
    from fastf1.ergast import interface

    path = f"/{season}" if round_number is None else f"/{season}/{round_number}"
    query = f"limit={PAGE_ROWS}" + (f"&offset={offset}" if offset else "")
    return f"{interface.BASE_URL}{path}/{endpoint}.json?{query}"


def _expect_total(what: str, total: int, rows: int) -> None:
    if total != rows:
        raise BadSourceData(f"{what}: {rows} rows were sent of {total}")


@contextmanager
def _asking(
    upstream: Upstream, what: str, url: str, *, fresh: bool, pages: int = 1
) -> Iterator[Callable[[], datetime | None]]:
    """Around one call of FastF1: size the budget's block, pass by or use the cache, and turn
    whatever goes wrong into one of our errors. Gives a function for the answer's age."""
    import requests
    from fastf1.exceptions import ErgastError, RateLimitExceededError
    from fastf1.req import Cache

    door = upstream.door
    door.expect(pages)
    if fresh:
        Cache.set_disabled()
    try:
        yield lambda: _generated_at(door.last, url, fresh=fresh)
    except BadSourceData:
        _forget([url])
        raise
    except RateLimitExceededError as error:
        raise SourceRateLimited(f"{what}: FastF1's own limit is reached ({error})") from error
    except requests.RequestException as error:
        raise _error_of(what, door.last, error) from error
    except sqlite3.Error as error:
        raise _cache_damaged(error) from error
    except (ErgastError, *UNREADABLE) as error:
        _forget([url])
        raise _error_of(what, door.last, error) from error
    finally:
        if fresh:
            Cache.set_enabled()


def _error_of(what: str, exchange: "Exchange | None", error: Exception) -> IngestionError:
    """What really happened; FastF1 tells little of it, the exchange at the door all."""
    import requests

    cause = exchange.error if exchange is not None and exchange.error is not None else error
    if isinstance(cause, IngestionError):
        return cause
    if isinstance(cause, requests.Timeout):
        return SourceUnavailable(f"{what}: no answer in time")
    if isinstance(cause, requests.exceptions.ContentDecodingError):
        return BadSourceData(f"{what}: the answer cannot be decoded")
    if isinstance(cause, requests.RequestException):
        return SourceUnavailable(f"{what}: the server cannot be reached or broke off")
    return _error_of_answer(what, exchange)


def _error_of_answer(what: str, exchange: "Exchange | None") -> IngestionError:
    status = exchange.status if exchange is not None else None
    if status == 429:
        return SourceRateLimited(f"{what}: the server asks for fewer requests (429)", status=429)
    if exchange is not None and status is not None and status >= 400:
        answer = f"the server answered {status} {exchange.reason}".rstrip()
        return SourceUnavailable(f"{what}: {answer}", status=status)
    return BadSourceData(f"{what}: the answer is not what it should be and cannot be read")


def _generated_at(exchange: "Exchange | None", url: str, *, fresh: bool) -> datetime | None:
    """When the upstream made the answer: `Expires` less `max-age`, else `Date` less `Age`.

    A copy from FastF1's cache is as old as its stored headers say, never as young as now.
    """
    if exchange is not None:
        headers: Any = exchange.headers
    else:
        copy = None if fresh else _cached_copy(url)
        headers = copy.headers if copy is not None else {}
    return _age_of(headers)


def _age_of(headers: Any) -> datetime | None:
    headers = {name.lower(): value for name, value in headers.items()}
    try:
        max_age = _max_age(headers.get("cache-control", ""))
        if max_age is not None and "expires" in headers:
            return _http_date(headers["expires"]) - max_age
        return _http_date(headers["date"]) - timedelta(seconds=int(headers.get("age", 0)))
    except (KeyError, ValueError, OverflowError):
        return None


def _max_age(cache_control: str) -> timedelta | None:
    for directive in cache_control.split(","):
        name, _, seconds = directive.strip().partition("=")
        if name.lower() == "max-age":
            return timedelta(seconds=int(seconds))
    return None


def _http_date(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)


def _cached_copy(url: str) -> Any:
    import requests
    from fastf1.req import Cache

    session = Cache._requests_session_cached
    if session is None:
        return None
    return session.cache.get_response(session.cache.create_key(requests.Request("GET", url)))


def _forget(urls: Iterable[str]) -> None:
    """FastF1 itself deletes a broken answer under an address without the query, in vain."""
    from fastf1.req import Cache

    for url in urls:
        Cache.delete_response(url)


def _cache_damaged(error: Exception) -> IngestionError:
    return IngestionError(
        f"FastF1's cache cannot be used ({error}); free some space or delete the folder that "
        "FASTF1_CACHE_DIR names, nothing but time is lost with it"
    )


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
