"""Which classifications a run asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ingestion.errors import IngestionError, SourceRateLimited, SourceUnavailable
from ingestion.matching import StoredGrandPrix
from ingestion.records import SessionType


@dataclass(frozen=True, slots=True)
class WantedGrandPrix:
    """One to ask for alone; the round number is ours, which Jolpica may not share, or where
    `is_upstreams` is set the one that its calendar had when it was last read."""

    grand_prix: StoredGrandPrix
    round_number: int | None
    is_upstreams: bool = False


# By kind of session: each of these alone, or None for the whole season at once.
Wanted = Mapping[SessionType, tuple[WantedGrandPrix, ...] | None]


def is_wanted(wanted: Wanted, session_type: SessionType, grand_prix: StoredGrandPrix) -> bool:
    if session_type not in wanted:
        return False
    alone = wanted[session_type]
    return alone is None or any(one.grand_prix == grand_prix for one in alone)


def name_wanted(wanted: Wanted) -> dict[str, list[str] | str]:
    """For people, as a run's record keeps it."""
    return {
        kind.value: "all" if alone is None else [one.grand_prix.slug for one in alone]
        for kind, alone in wanted.items()
    }


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of asking: an answer, with news or without, or an error.

    `grand_prix` is its slug, None where the whole season was asked for; until `good_until` (UTC)
    the upstream would answer the same again.
    """

    session_type: SessionType
    grand_prix: str | None
    good_until: datetime | None = None
    error: IngestionError | None = None


def is_silent(error: IngestionError | None) -> bool:
    """A server that cannot be reached, or wants to be left alone, is not asked six times."""
    return isinstance(error, SourceRateLimited) or (
        isinstance(error, SourceUnavailable) and error.status is None
    )
