"""The time of a rehearsal: Django's, the app's, and that of FastF1's pauses and cache."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.utils import timezone


class VirtualClock:
    """UTC; only the rehearsal moves it. `speed` is how many of its seconds may pass in a real one,
    None is no limit."""

    def __init__(self, now: datetime, *, speed: float | None = None) -> None:
        self._now = self._began = now
        self._speed = speed
        self._began_really = time.monotonic()

    def read(self) -> datetime:
        return self._now

    def begin_again(self, at: datetime) -> None:
        self._now = self._began = at
        self._began_really = time.monotonic()

    def advance(self, to: datetime) -> None:
        """Never backwards; waits where it would pass too quickly."""
        self._now = max(self._now, to)
        if self._speed is None:
            return
        passed = (self._now - self._began).total_seconds() / self._speed
        time.sleep(max(0.0, passed - (time.monotonic() - self._began_really)))


@contextmanager
def virtual_time(clock: VirtualClock) -> Iterator[None]:
    """While this lasts, `timezone.now` returns the time of the clock."""
    real = timezone.now
    timezone.now = clock.read
    try:
        yield
    finally:
        timezone.now = real


LOOPBACK = "127.0.0.1"
ANYWHERE_BUT_LOOPBACK = rf"(?!https?://(?:{re.escape(LOOPBACK)}|localhost)[:/])"
LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)
# The longest `max-age` of the upstreams.
LONGEST_MAX_AGE = timedelta(hours=1)


@contextmanager
def pauses_lifted(*addresses: str) -> Iterator[None]:
    """FastF1 waits a quarter of a second between two requests and counts 500 an hour, by the real
    clock and on loopback too: this lifts both for loopback alone.

    Raises `ValueError` where one of the addresses in use is another.
    """
    for address in addresses:
        if urlsplit(address).hostname != LOOPBACK:
            raise ValueError("FastF1's limits are lifted for a stand-in on loopback alone")
    from fastf1.logger import LoggingManager
    from fastf1.req import _SessionWithRateLimiting

    # As `ingestion.sources.connect` does where it is the first to import FastF1.
    LoggingManager._root_logger.removeHandler(LoggingManager._console_handler)
    LoggingManager._root_logger.setLevel(logging.NOTSET)
    real = _SessionWithRateLimiting._RATE_LIMITS
    _SessionWithRateLimiting._RATE_LIMITS = {
        re.compile(ANYWHERE_BUT_LOOPBACK + pattern.pattern): limits
        for pattern, limits in real.items()
    }
    try:
        yield
    finally:
        _SessionWithRateLimiting._RATE_LIMITS = real


class CacheClock:
    """FastF1's cache expires by the real clock: this lets its copies expire by another one.

    `count_requests` saves time: without a new request there is no new copy.
    """

    def __init__(self, now: datetime, count_requests: Callable[[], int]) -> None:
        self._expired_at = now
        self._count_requests = count_requests
        self._requests_before = 0

    def advance(self, to: datetime) -> None:
        from fastf1.req import Cache

        requests = self._count_requests()
        if to < self._expired_at + LONGEST_MAX_AGE or requests == self._requests_before:
            return
        self._expired_at, self._requests_before = to, requests
        if Cache._requests_session_cached is None:
            return
        cache = Cache._requests_session_cached.cache
        # Its own `reset_expiration` never ends: it finds again the rows that it has written.
        for copy in list(cache.filter()):
            copy.reset_expiration(LONG_AGO)
            cache.responses[copy.cache_key] = copy
