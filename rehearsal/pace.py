"""FastF1 at the pace of a rehearsal.

It waits a quarter of a second between two requests to any address and counts 500 an hour, by the
real clock and on loopback too. Its cache goes by the real clock as well.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
ANYWHERE_BUT_LOOPBACK = rf"(?!https?://{re.escape(LOOPBACK)}[:/])"
LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)
# The longest that an answer may be kept, by the upstream's word.
KEPT = timedelta(hours=1)


@contextmanager
def pauses_lifted(*addresses: str) -> Iterator[None]:
    """For loopback alone. Raises `ValueError` where one of the addresses in use is another."""
    for address in addresses:
        if urlsplit(address).hostname != LOOPBACK:
            raise ValueError("FastF1's limits are lifted for a stand-in on loopback alone")
    from fastf1.logger import LoggingManager
    from fastf1.req import _SessionWithRateLimiting

    # As `fetch.connect` does where it is the first to import FastF1.
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
    """Lets the copies in FastF1's cache expire when they would have by another clock; `asked`
    counts the requests, since without one there is no new copy."""

    def __init__(self, now: datetime, asked: Callable[[], int]) -> None:
        self._expired_at = now
        self._asked = asked
        self._asked_before = 0

    def advance(self, to: datetime) -> None:
        from fastf1.req import Cache

        asked = self._asked()
        if to < self._expired_at + KEPT or asked == self._asked_before:
            return
        self._expired_at, self._asked_before = to, asked
        if Cache._requests_session_cached is not None:
            _expire_all(Cache._requests_session_cached.cache)


def _expire_all(cache: Any) -> None:
    """Not by its own `reset_expiration`, which meets what it has written again, for ever."""
    for copy in list(cache.filter()):
        copy.reset_expiration(LONG_AGO)
        cache.responses[copy.cache_key] = copy
