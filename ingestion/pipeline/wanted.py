"""Which classifications a run asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ingestion.errors import IngestionError, SourceRateLimited, SourceUnavailable
from ingestion.matching import StoredGrandPrix
from ingestion.sessions import SessionType


@dataclass(frozen=True, slots=True)
class WantedGrandPrix:
    """One to ask for alone; the round number is ours, which Jolpica may not share, or where
    `is_upstreams` is set the one that its calendar had when it was last read."""

    grand_prix: StoredGrandPrix
    round_number: int | None
    is_upstreams: bool = False


@dataclass(frozen=True, slots=True)
class RestOfSeason:
    """These, and everything after them, at once: the season's pages from the row on that follows
    the last one of Jolpica's round `after`. Its number is `rows`; 0 is the season's beginning."""

    grands_prix: tuple[WantedGrandPrix, ...]
    rows: int
    after: int | None
    pages: int


# Each of these alone, the rest of the season from some row on, or None for all of it at once.
WantedOfKind = tuple[WantedGrandPrix, ...] | RestOfSeason | None
Wanted = Mapping[SessionType, WantedOfKind]


def each_wanted(asked: WantedOfKind) -> tuple[WantedGrandPrix, ...] | None:
    """None where it is all of the season's."""
    return asked.grands_prix if isinstance(asked, RestOfSeason) else asked


def is_wanted(wanted: Wanted, session_type: SessionType, grand_prix: StoredGrandPrix) -> bool:
    if session_type not in wanted:
        return False
    named = each_wanted(wanted[session_type])
    return named is None or any(one.grand_prix == grand_prix for one in named)


def name_wanted(wanted: Wanted) -> dict[str, list[str] | str]:
    """For people, as a run's record keeps it."""
    return {
        kind.value: "all" if named is None else [one.grand_prix.slug for one in named]
        for kind, named in ((kind, each_wanted(asked)) for kind, asked in wanted.items())
    }


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of asking: an answer, with news or without, or an error.

    `grand_prix` is its slug, None where the whole season was asked for; until `expires_at` (UTC)
    the upstream would answer the same again.
    """

    session_type: SessionType
    grand_prix: str | None
    expires_at: datetime | None = None
    error: IngestionError | None = None


def is_silent(error: IngestionError | None) -> bool:
    """A server that cannot be reached, or wants to be left alone, is not asked six times."""
    return isinstance(error, SourceRateLimited) or (
        isinstance(error, SourceUnavailable) and error.status is None
    )
