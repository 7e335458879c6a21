"""Formula 1's live timing: a provisional classification soon after a session's end, with a Formula
1 account alone."""

from datetime import timedelta
from typing import TYPE_CHECKING

from ingestion.errors import ResultsNotReady
from ingestion.plausibility import NOTHING_KNOWN, check_classification
from ingestion.records import Source
from ingestion.sessions import SessionType
from ingestion.sources.live_timing.classification import (
    Listing,
    read_classification,
    read_index,
)
from ingestion.sources.live_timing.streams import AccountRefused, fetch_index, fetch_streams
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    SourceAnswer,
    SourceConfig,
    Upstream,
)
from ingestion.sources.values import noticing

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter

__all__ = ["AccountRefused", "LiveTiming"]

# Its archive begins with it.
FIRST_LIVE_TIMING = 2018
# Its index may be behind a session that was moved within its weekend (São Paulo 2024: 16 hours); a
# weekend has one session of a name, and the next is a week away.
MOVED_AT_MOST = timedelta(days=1)


class LiveTiming(Upstream):
    """Admitted when it is made; nothing is requested and no account signs in yet."""

    name = Source.LIVE_TIMING

    def __init__(self, adapter: "Adapter", config: SourceConfig) -> None:
        from ingestion.sources.live_timing.account import admit_account

        super().__init__(adapter, config)
        self.account = admit_account(
            adapter, config.f1_username, config.f1_password, url=config.live_timing_url
        )
        self._indexes: dict[int, list[Listing]] = {}

    @classmethod
    def is_configured(cls, config: SourceConfig) -> bool:
        return bool(config.f1_username and config.f1_password)

    @classmethod
    def has_kind(cls, session_type: SessionType) -> bool:
        return True

    def offers(self, season: int, session_type: SessionType) -> bool:
        return season >= FIRST_LIVE_TIMING

    def fetch_classifications(
        self,
        query: ClassificationQuery,
        *,
        fresh: bool,
    ) -> SourceAnswer[Classification]:
        """One race's; only what can be believed. Nothing of live timing is ever cached, but its
        index is read once a run."""
        season = query.season
        with noticing() as notices:
            if season not in self._indexes:
                meetings = fetch_index(self._adapter, self.account, season)
                self._indexes[season] = read_index(meetings, season)
            listing = find_listing(query, self._indexes[season])
            if listing is None:
                raise ResultsNotReady("live timing does not list it")
            streams = fetch_streams(
                self._adapter, self.account, season, query.session_type, listing.path
            )
            record = read_classification(listing, query.known, streams)
            try:
                check_classification(record, NOTHING_KNOWN)
            except ResultsNotReady as error:
                raise ResultsNotReady(f"live timing: {error}") from error
        return SourceAnswer((record,), record.generated_at, notices=tuple(notices))


def find_listing(query: ClassificationQuery, listings: list[Listing]) -> Listing | None:
    """The session in live timing's index: of the same race and kind, and not on another day."""
    for listing in listings:
        is_same = listing.session_type is query.session_type and (
            query.is_race is None or query.is_race(listing.race)
        )
        starts_at = query.starts_at or listing.starts_at
        if is_same and abs(listing.starts_at - starts_at) <= MOVED_AT_MOST:
            return listing
    return None
