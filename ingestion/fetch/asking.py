"""Around each call of FastF1: the cache, and the truth about a failure."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import (
    BadSourceData,
    IngestionError,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.fetch.folder import discard_cache, is_damage
from ingestion.fetch.headers import age_of, expires_at, retry_at

if TYPE_CHECKING:
    from ingestion.fetch.door import Door, Exchange

# What FastF1 and pandas raise over JSON of another shape than theirs.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the headers of an answer say. A copy from FastF1's cache is as old as its stored headers
    say, never as young as now."""

    door: "Door"
    url: str
    fresh: bool = field(kw_only=True)

    @property
    def generated_at(self) -> datetime | None:
        """When the upstream made it (UTC)."""
        return age_of(self._headers())

    @property
    def expires_at(self) -> datetime | None:
        """Until when the upstream answers the same (UTC)."""
        return expires_at(self._headers())

    def _headers(self) -> Mapping[str, str]:
        if self.door.last is not None:
            return self.door.last.headers
        copy = None if self.fresh else cached_copy(self.url)
        return {} if copy is None else copy.headers


@contextmanager
def asking(door: "Door", what: str, url: str, *, fresh: bool) -> Iterator["Reply"]:
    """Around one call of FastF1 for `what` at `url`: pass by or use the cache, and turn whatever
    goes wrong into one of our errors. Gives what the answer's headers say, once there is one. A
    broken answer does not stay in the cache."""
    door.last = None
    try:
        with _cache_passed_by(fresh):
            yield Reply(door, url, fresh=fresh)
    except Exception as error:
        told = _told(what, door.last, error)
        if isinstance(told, BadSourceData) and not fresh:
            forget_copies([url])
        if told is error:
            raise
        # The driver's own error says why a database refused the budget: it stays the cause.
        raise told from told.__cause__ or error


@contextmanager
def _cache_passed_by(fresh: bool) -> Iterator[None]:
    from fastf1.req import Cache

    if not fresh:
        yield
        return
    Cache.set_disabled()
    try:
        yield
    finally:
        Cache.set_enabled()


def _told(what: str, exchange: "Exchange | None", error: Exception) -> Exception:
    """What to raise in place of what FastF1, requests or SQLite raised."""
    import requests
    from fastf1.exceptions import ErgastError, RateLimitExceededError

    if isinstance(error, IngestionError):
        return error
    if isinstance(error, RateLimitExceededError):
        return SourceRateLimited(f"{what}: FastF1's own limit is reached ({error})")
    if isinstance(error, sqlite3.Error):
        return cache_damaged(error)
    if isinstance(error, (requests.RequestException, ErgastError, *UNREADABLE)):
        return _error_of(what, exchange, error)
    return error


def _error_of(what: str, exchange: "Exchange | None", error: Exception) -> Exception:
    """What really happened; FastF1 tells little of it, the exchange at the door all."""
    import requests

    cause = error
    if exchange is not None and exchange.error is not None:
        cause = exchange.error
        if not isinstance(cause, requests.RequestException):
            # Of our own, the budget's refusal or its database's; FastF1 only came in between.
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
    if exchange is not None and status == 429:
        return SourceRateLimited(
            f"{what}: the server asks for fewer requests (429)",
            status=429,
            retry_at=retry_at(exchange.headers, exchange.at),
        )
    if exchange is not None and status is not None and status >= 400:
        answer = f"the server answered {status} {exchange.reason}".rstrip()
        return SourceUnavailable(f"{what}: {answer}", status=status)
    return BadSourceData(f"{what}: the answer is not what it should be and cannot be read")


def cached_copy(url: str) -> Any:
    """What FastF1's cache holds of an address, expired or not; None where it holds nothing."""
    import requests
    from fastf1.req import Cache

    session = Cache._requests_session_cached
    if session is None:
        return None
    return session.cache.get_response(session.cache.create_key(requests.Request("GET", url)))


def forget_copies(urls: Iterable[str]) -> None:
    """FastF1 itself deletes a broken answer under an address without the query, in vain."""
    from fastf1.req import Cache

    try:
        for url in urls:
            Cache.delete_response(url)
            # Where it is the cache that failed, FastF1 has hidden it: looking again tells.
            cached_copy(url)
    except sqlite3.Error as error:
        raise cache_damaged(error) from error
    except UnboundLocalError as error:
        # requests-cache (1.3) passes in silence over what a full disk refused, and stumbles here.
        raise cache_damaged("nothing can be written to it") from error


def cache_damaged(error: Exception | str) -> IngestionError:
    """What to raise; a file that is spoilt is gone then, so that the next run does without it."""
    from fastf1.req import Cache

    if is_damage(error) and Cache._CACHE_DIR:
        with suppress(OSError):
            discard_cache(Path(Cache._CACHE_DIR))
            return IngestionError(
                f"FastF1's cache was damaged ({error}) and has been deleted; nothing but time "
                "is lost"
            )
    return IngestionError(
        f"FastF1's cache cannot be used ({error}); free some space or delete the folder that "
        "FASTF1_CACHE_DIR names, nothing but time is lost with it"
    )
