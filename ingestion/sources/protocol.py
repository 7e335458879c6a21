"""What the pipeline requests from a source, and what a source answers with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    EntrantRecord,
    ListedDriver,
    ListedSession,
    RaceIdentity,
    Source,
    UnreadableClassification,
)
from ingestion.sessions import SessionType

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter

T_co = TypeVar("T_co", covariant=True)

Classification = ClassificationRecord | UnreadableClassification


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Where the upstreams are, and the folder of FastF1's cache; '' means FastF1's own address.

    Without a user and password of Formula 1, live timing is no source, and without an address
    OpenF1 is none: only the settings name the real one. Jolpica's dump is at another address or in
    a local file, beside Jolpica's forms where it is '', and no source where 'off'. `results_from`
    is the form of Jolpica's that calendars and results come from: 'ergast', 'newer', or 'auto',
    the Ergast form until the pipeline finds that it is gone.
    """

    cache_dir: Path
    schedule_url: str = ""
    jolpica_url: str = ""
    f1_username: str = ""
    f1_password: str = field(default="", repr=False)
    live_timing_url: str = ""
    openf1_url: str = ""
    openf1_token: str = field(default="", repr=False)
    jolpica_dump_url: str = ""
    results_from: str = "ergast"


@dataclass(frozen=True, slots=True)
class SourceAnswer(Generic[T_co]):
    """What a source says.

    `generated_at` is when the upstream made it (UTC; of several pages the oldest), None where its
    headers do not say. Until `expires_at` (UTC) the upstream would answer the same, None where it
    does not say. `notices` are for people and no failure.
    """

    records: tuple[T_co, ...]
    generated_at: datetime | None = None
    expires_at: datetime | None = None
    notices: tuple[str, ...] = ()


class KnownDriver(Protocol):
    """A driver, his car and team as far as the season is known, by our keys or the run's: of saved
    results and entrants, before a season's first results of the last season's, and of this run's
    answers."""

    @property
    def driver_id(self) -> str: ...
    @property
    def driver_number(self) -> int | None: ...
    @property
    def driver_code(self) -> str: ...
    @property
    def driver_name(self) -> str: ...
    @property
    def constructor_id(self) -> str: ...
    @property
    def constructor_name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ClassificationQuery:
    """Which classifications are requested: one race's session where `is_race` recognises it, else
    all of the season's.

    `round_number` is the source's own as it was last known where `is_own_round` is set, else ours;
    a source that counts otherwise looks for the right one. `known` are for sources that do not
    know the drivers' keys, `starts_at` for those that list sessions by their start; `name` is the
    grand prix's, for messages. `pages_expected` are set aside in the hour's budget before the first
    is requested. `with_lists` passes the cache by for lists that hardly change too (rounds).
    """

    season: int
    session_type: SessionType
    round_number: int | None = None
    is_own_round: bool = False
    name: str = ""
    is_race: Callable[[RaceIdentity], bool] | None = None
    starts_at: datetime | None = None
    known: tuple[KnownDriver, ...] = ()
    pages_expected: int = 1
    with_lists: bool = False


@dataclass(frozen=True, slots=True)
class EntrantsQuery:
    """Who drives in a grand prix that can be picked on; its races are those that `is_race`
    recognises. `known` are the drivers of the season, or before its first results of the season
    before, by our keys."""

    season: int
    grand_prix: str
    is_race: Callable[[RaceIdentity], bool]
    known: tuple[KnownDriver, ...]


class Upstream:
    """An upstream in one of its forms. One of the registry that has calendars or classifications
    overrides both `offers...` and `fetch...`; the pipeline looks into the dump before it fetches
    from it. Until an upstream is made, nothing may need FastF1.

    A fetch raises one of `SourceUnavailable`, `SourceRateLimited`, `BadSourceData` and
    `ResultsNotReady`; the last two have the answer's `expires_at`. An answer that proves to be
    wrong does not stay in FastF1's cache. `fresh` passes that cache by.
    """

    name: Source

    def __init__(self, adapter: "Adapter", config: SourceConfig) -> None:
        self._adapter = adapter

    @classmethod
    def is_configured(cls, config: SourceConfig) -> bool:
        return True

    @classmethod
    def has_kind(cls, session_type: SessionType) -> bool:
        """Whether it has results of such sessions in any season: polling plans by it."""
        return False

    @classmethod
    def has_whole_seasons(cls) -> bool:
        """Whether it answers for all sessions of a kind in a season at once, page by page."""
        return False

    @property
    def label(self) -> str:
        return self.name.label

    def offers_calendar(self, season: int) -> bool:
        return False

    def offers(self, season: int, session_type: SessionType) -> bool:
        return False

    def fetch_calendar(self, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
        """The season's calendar, one record."""
        raise NotImplementedError

    def fetch_listed(self, season: int, *, fresh: bool = False) -> SourceAnswer[ListedSession]:
        """What its calendar says of the season's sessions, of a source whose calendar is an
        opinion alone."""
        return SourceAnswer(())

    def fetch_entrants(self, query: EntrantsQuery) -> SourceAnswer[EntrantRecord]:
        """Who drives in the sessions of a grand prix that are over, of a source that lists it."""
        return SourceAnswer(())

    def fetch_drivers(
        self, season: int, round_number: int | None = None, *, grand_prix: str = ""
    ) -> SourceAnswer[ListedDriver]:
        """The drivers of a season, or of the round that is this grand prix by the source's own
        number, of a source that has such lists."""
        return SourceAnswer(())

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        """What is there of what is requested, no record where there is nothing yet."""
        raise NotImplementedError
