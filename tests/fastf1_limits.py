"""FastF1 in the tests' own process: quick on loopback, and put back as it was."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ingestion import sources as sources_module
from ingestion.records import CalendarRecord, Source
from ingestion.sessions import SessionType
from ingestion.sources import (
    Classification,
    ClassificationQuery,
    SourceAnswer,
    SourceConfig,
    Sources,
)
from ingestion.sources.connection import read_clock
from tests.upstream import FaultyUpstream

# FastF1 waits a quarter of a second between any two requests and counts 500 an hour, on loopback
# too. Only tests lift that, and for loopback alone.
ANYWHERE_BUT_LOOPBACK = r"(?!https?://(?:[^@/]*@)?(?:127\.0\.0\.1|localhost)[:/])"

ADDRESSES = (
    ("fastf1.events", "_SCHEDULE_BASE_URL"),
    ("fastf1.ergast.interface", "BASE_URL"),
    ("fastf1.ergast.legacy", "base_url"),
)
CACHE_STATE = ("_CACHE_DIR", "_requests_session_cached", "_http_tmp_disabled", "_func_tmp_disabled")


@contextmanager
def limits_lifted() -> Iterator[None]:
    """FastF1 without its pauses between requests to a stand-in."""
    from fastf1.logger import LoggingManager
    from fastf1.req import _SessionWithRateLimiting

    # As `sources.connect` does where it is the first to import FastF1.
    LoggingManager._root_logger.removeHandler(LoggingManager._console_handler)
    LoggingManager._root_logger.setLevel(logging.NOTSET)
    limits = {
        re.compile(ANYWHERE_BUT_LOOPBACK + pattern.pattern): limiters
        for pattern, limiters in _SessionWithRateLimiting._RATE_LIMITS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_SessionWithRateLimiting, "_RATE_LIMITS", limits)
        yield


@contextmanager
def settings_restored() -> Iterator[None]:
    """FastF1 whose addresses, cache and adapters may be set: all are as before when it ends."""
    from fastf1.req import Cache

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cache._requests_session, "adapters", Cache._requests_session.adapters.copy())
        for module, name in ADDRESSES:
            patch.setattr(import_module(module), name, getattr(import_module(module), name))
        for name in CACHE_STATE:
            patch.setattr(Cache, name, getattr(Cache, name))
        yield
        if Cache._requests_session_cached is not None:
            Cache._requests_session_cached.close()


@pytest.fixture(scope="session")
def loopback_unlimited() -> Iterator[None]:
    with limits_lifted():
        yield


@pytest.fixture
def fastf1_restored(loopback_unlimited: None) -> Iterator[None]:
    with settings_restored():
        yield


def connect(
    upstream: FaultyUpstream,
    folder: Path,
    *,
    schedule_url: str | None = None,
    jolpica_url: str | None = None,
    reserve: Callable[[str, int], None] = lambda _host, _requests: None,
    give_back: Callable[[str, int], None] = lambda _host, _requests: None,
    clock: Callable[[], datetime] = read_clock,
    **account: str,
) -> Sources:
    """FastF1 with its cache in this folder; its addresses are the stand-in's unless others are
    given."""
    config = SourceConfig(
        folder,
        schedule_url=upstream.schedule_url if schedule_url is None else schedule_url,
        jolpica_url=upstream.jolpica_url if jolpica_url is None else jolpica_url,
        **account,
    )
    return sources_module.connect(config, reserve=reserve, give_back=give_back, clock=clock)


@pytest.fixture
def sources(upstream: FaultyUpstream, tmp_path: Path, fastf1_restored: None) -> Sources:
    """Of the stand-in, with an empty cache and a budget without end."""
    return connect(upstream, tmp_path / "cache")


def cached_urls() -> list[str]:
    """What FastF1's cache holds, expired or not."""
    from fastf1.req import Cache

    assert Cache._requests_session_cached is not None
    urls: list[str] = Cache._requests_session_cached.cache.urls()
    return urls


def fetch_schedule(sources: Sources, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
    return _named(sources, Source.SCHEDULE_FILE).fetch_calendar(season, fresh=fresh)


def fetch_calendar(sources: Sources, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
    """Jolpica's."""
    return _named(sources, Source.JOLPICA).fetch_calendar(season, fresh=fresh)


def fetch_results(
    sources: Sources, season: int, session_type: SessionType, *, fresh: bool, **query: Any
) -> SourceAnswer[Classification]:
    """Jolpica's, of all the season or of the round that the query names."""
    return _named(sources, Source.JOLPICA).fetch_classifications(
        ClassificationQuery(season, session_type, **query), fresh=fresh
    )


def _named(sources: Sources, name: Source) -> sources_module.Upstream:
    source = sources.named(name)
    assert source is not None
    return source
