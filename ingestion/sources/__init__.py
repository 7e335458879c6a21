"""The upstreams: each fetches and transforms behind one small protocol, and answers with records
or one typed error; never silence."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion import fetch, records
from ingestion.sessions import SessionType
from ingestion.sources.jolpica import Jolpica, JolpicaNewer
from ingestion.sources.live_timing import LiveTiming
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    Entrant,
    Source,
    SourceAnswer,
    SourceConfig,
)
from ingestion.sources.schedule_file import ScheduleFile
from ingestion.sources.sprint_grid import read_sprint_pole

__all__ = [
    "Classification",
    "ClassificationQuery",
    "Entrant",
    "Source",
    "SourceAnswer",
    "SourceConfig",
    "Sources",
    "connect",
    "count_pages",
    "make_private_folder",
    "read_sprint_pole",
]

count_pages = fetch.count_pages
make_private_folder = fetch.make_private_folder


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one run; made by `connect`. What one of them learns of a season, such as its
    round numbers, holds for the run."""

    _upstream: fetch.Upstream
    all: tuple[Source, ...]

    def calendars(self, season: int) -> list[Source]:
        """The first decides where two disagree."""
        return [source for source in self.all if source.offers_calendar(season)]

    def results(self, season: int, session_type: SessionType) -> list[Source]:
        """The published ones before the provisional ones."""
        return [source for source in self.all if source.offers(season, session_type)]

    def named(self, name: records.Source) -> Source | None:
        """None where it is not configured."""
        return next((source for source in self.all if source.name is name), None)

    @property
    def requests(self) -> int:
        """Requests that left the process so far."""
        return self._upstream.requests

    @property
    def clock_offset(self) -> timedelta | None:
        """This machine's clock less the upstreams', as the last answer showed; None without one."""
        return self._upstream.clock_offset

    def block(self, requests: int) -> AbstractContextManager[None]:
        """Around requests that are worth something together: set aside at once."""
        return self._upstream.block(requests)


def keep(_host: str, _requests: int) -> None:
    """What was set aside and not used stays so, where nobody counts it."""


def connect(
    config: SourceConfig,
    *,
    reserve: Callable[[str, int], None],
    give_back: Callable[[str, int], None] = keep,
    clock: Callable[[], datetime] = fetch.read_clock,
) -> Sources:
    """Import and configure FastF1, and list the sources that this configuration has.

    `reserve(host, n)` is called before the first of a block of `n` requests and may refuse by
    raising, `give_back(host, n)` with those that were not made. Raises `IngestionError` when the
    cache folder or an address cannot be used.
    """
    upstream = fetch.connect(
        cache_dir=config.cache_dir,
        schedule_url=config.schedule_url,
        jolpica_url=config.jolpica_url,
        f1_username=config.f1_username,
        f1_password=config.f1_password,
        live_timing_url=config.live_timing_url,
        reserve=reserve,
        give_back=give_back,
        clock=clock,
    )
    # The one registry: which sources exist, and their rank, the better ones first.
    registry: list[Source] = [
        ScheduleFile(upstream),
        Jolpica(upstream),
        JolpicaNewer(upstream),
        *([LiveTiming(upstream.live)] if upstream.live is not None else []),
    ]
    return Sources(upstream, tuple(registry))
