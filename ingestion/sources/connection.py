"""FastF1, imported and configured, and the sources of one run that ask through it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ingestion.records import PROVISIONAL_SOURCES, Source
from ingestion.sessions import SessionType
from ingestion.sources.addresses import Address, is_loopback, read_address
from ingestion.sources.cache import make_private_folder, open_cache
from ingestion.sources.jolpica import Jolpica, JolpicaByNewerForm, JolpicaDump, JolpicaNewer
from ingestion.sources.live_timing import LiveTiming
from ingestion.sources.openf1 import MOST_A_MINUTE, MOST_A_WEEKEND, SHORTEST_PAUSE, OpenF1
from ingestion.sources.protocol import SourceConfig, Upstream
from ingestion.sources.schedule_file import ScheduleFile

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter


# The one registry: which sources exist. Of two calendars the first decides.
REGISTRY: tuple[type[Upstream], ...] = (
    ScheduleFile,
    Jolpica,
    JolpicaByNewerForm,
    JolpicaNewer,
    LiveTiming,
    OpenF1,
    JolpicaDump,
)


def result_sources(session_type: SessionType, config: SourceConfig) -> tuple[Source, ...]:
    """Which sources have results of a kind of session; known without FastF1, which takes long to
    import."""
    return tuple(
        source.name
        for source in REGISTRY
        if source.is_configured(config) and source.has_kind(session_type)
    )


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one run; made by `connect`. What one of them learns of a season, such as its
    round numbers, holds for the run. `dump` has whole seasons that are over, None where it is
    switched off."""

    adapter: "Adapter"
    all: tuple[Upstream, ...]
    dump: JolpicaDump | None = None

    def calendars(self, season: int) -> list[Upstream]:
        """The first decides where two disagree."""
        return [source for source in self.all if source.offers_calendar(season)]

    def provisional(self) -> list[Upstream]:
        """The better ones first."""
        provisional = [source for source in self.all if source.name.is_provisional]
        ranks = PROVISIONAL_SOURCES
        return sorted(provisional, key=lambda source: ranks.index(source.name), reverse=True)

    def published(self) -> list[Upstream]:
        """The first that has a kind of session is the one to request."""
        return [source for source in self.all if source.name.is_published]

    def named(self, name: Source) -> Upstream | None:
        """None where it is not configured."""
        return next((source for source in self.all if source.name is name), None)

    @property
    def requests(self) -> int:
        """Requests that left the process so far."""
        return self.adapter.requests

    @property
    def clock_offset(self) -> timedelta | None:
        """This machine's clock less the upstreams', as the last answer showed; None without one."""
        return self.adapter.clock_offset

    def take_wrong_times(self) -> list[str]:
        """The answers since the last call whose headers cannot be right about when they were made,
        and what they count as."""
        taken, self.adapter.wrong_times = self.adapter.wrong_times, []
        return list(dict.fromkeys(taken))

    def block(self, requests: int) -> AbstractContextManager[None]:
        """Around requests that are worth something together: reserved at once."""
        return self.adapter.block(requests)


def read_clock() -> datetime:
    return datetime.now(UTC)


def keep(_host: str, _requests: int) -> None:
    """What was reserved and not used stays so, where no budget counts it."""


def connect(
    config: SourceConfig,
    *,
    reserve: Callable[[str, int], None],
    give_back: Callable[[str, int], None] = keep,
    clock: Callable[[], datetime] = read_clock,
) -> Sources:
    """Import and configure FastF1, and list the sources that this configuration has.

    `reserve(host, n)` is called before the first of a block of `n` requests and may refuse by
    raising, `give_back(host, n)` with those that were not made. Raises `IngestionError` when the
    cache folder or an address cannot be used.
    """
    schedule_url, jolpica_url = config.schedule_url, config.jolpica_url
    schedule = read_address("F1_SCHEDULE_URL", schedule_url) if schedule_url else None
    jolpica = read_address("JOLPICA_URL", jolpica_url) if jolpica_url else None
    openf1 = read_address("OPENF1_URL", config.openf1_url) if config.openf1_url else None
    if openf1 is not None and config.openf1_token:
        openf1 = Address(openf1.url, f"Bearer {config.openf1_token}")
    make_private_folder(config.cache_dir)
    with _logging_left_alone("fastf1"):
        import fastf1.ergast.interface
        import fastf1.ergast.legacy
        import fastf1.events
    from fastf1.internals.f1account import LIVETIMING_URL
    from fastf1.req import Cache

    from ingestion.sources.http import Adapter, RefusingAdapter

    if schedule is not None:
        fastf1.events._SCHEDULE_BASE_URL = f"{schedule.url}/"
    if jolpica is not None:
        fastf1.ergast.interface.BASE_URL = fastf1.ergast.legacy.base_url = jolpica.url
    note = open_cache(config.cache_dir)
    adapter = Adapter(reserve, give_back, clock=clock)
    if note:
        adapter.notices.append(note)
    for address in filter(None, (schedule, jolpica, openf1)):
        adapter.authorize(address)
    # A stand-in on this machine has no limits.
    if openf1 is not None and not is_loopback(openf1.url):
        adapter.pace(openf1.url, SHORTEST_PAUSE, *MOST_A_MINUTE)
    # `Cache.configure` makes a new session each time.
    for session in (Cache._requests_session_cached, Cache._requests_session):
        assert session is not None  # noqa: S101 - for mypy
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        # In place of FastF1's own adapter, which signs in and can prompt for it.
        session.mount(LIVETIMING_URL, RefusingAdapter())
    configured = (source for source in REGISTRY if source.is_configured(config))
    made = tuple(source(adapter, config) for source in configured)
    dump = next((source for source in made if isinstance(source, JolpicaDump)), None)
    return Sources(adapter, made, dump)


def list_limits(config: SourceConfig) -> dict[str, tuple[tuple[int, timedelta], ...]]:
    """The hosts whose limits are not the hour's: how many requests within which time. A stand-in
    that has all upstreams at one address has the usual ones."""
    from ingestion.sources.http import budget_key

    try:
        others = {budget_key(url) for url in (config.schedule_url, config.jolpica_url) if url}
        host = budget_key(config.openf1_url) if config.openf1_url else ""
    except ValueError:
        # `connect` says which address cannot be used.
        return {}
    return {host: (MOST_A_MINUTE, MOST_A_WEEKEND)} if host and host not in others else {}


@contextmanager
def _logging_left_alone(name: str) -> Iterator[None]:
    """FastF1 adds a handler of its own to stderr when first imported, and sets its level to DEBUG:
    lines would double, and tracebacks appear in the log of a project that did not ask for them."""
    logger = logging.getLogger(name)
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.setLevel(level)
    for handler in logger.handlers[:]:
        if handler not in handlers:
            logger.removeHandler(handler)
