"""Formula 1's live timing: a provisional classification soon after a session's end, with a Formula
1 account alone."""

from datetime import timedelta

from ingestion import records
from ingestion.errors import ResultsNotReady
from ingestion.fetch import live
from ingestion.plausibility import SeasonField, check_classification
from ingestion.sessions import SessionType
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    Source,
    SourceAnswer,
)
from ingestion.transform.live import LiveListing, read_live_classification, read_live_index

# Its archive begins with it.
FIRST_LIVE_TIMING = 2018
# Its list may be behind a session that was moved within its weekend (São Paulo 2024: 16 hours); a
# weekend has one session of a name, and the next is a week away.
MOVED_AT_MOST = timedelta(days=1)


class LiveTiming(Source):
    name = records.Source.LIVE_TIMING
    label = "live timing"

    def __init__(self, timing: live.LiveTiming) -> None:
        self._timing = timing
        self._indexes: dict[int, list[LiveListing]] = {}

    def offers(self, season: int, session_type: SessionType) -> bool:  # noqa: ARG002
        return season >= FIRST_LIVE_TIMING

    def fetch_classifications(
        self,
        query: ClassificationQuery,
        *,
        fresh: bool,  # noqa: ARG002
    ) -> SourceAnswer[Classification]:
        """Of one race; only what can be believed. Nothing of live timing is ever cached, but its
        index is read once a run."""
        if query.season not in self._indexes:
            index = live.fetch_live_index(self._timing, query.season)
            self._indexes[query.season] = read_live_index(index.content, query.season)
        listing = find_listing(query, self._indexes[query.season])
        if listing is None:
            raise ResultsNotReady("live timing does not list it")
        session = live.fetch_live_session(
            self._timing, query.season, query.session_type, listing.path
        )
        record = read_live_classification(
            listing,
            query.entrants,
            results=session.results,
            laps=session.laps,
            info=session.info,
            timing=session.timing,
            generated_at=session.generated_at,
        )
        try:
            check_classification(record, SeasonField())
        except ResultsNotReady as error:
            raise ResultsNotReady(f"live timing: {error}") from error
        return SourceAnswer((record,), session.generated_at)


def find_listing(query: ClassificationQuery, listings: list[LiveListing]) -> LiveListing | None:
    """The session in live timing's index: of the same race and kind, and not on another day."""
    for listing in listings:
        is_same = listing.session_type is query.session_type and (
            query.is_race is None or query.is_race(listing.race)
        )
        starts_at = query.starts_at or listing.starts_at
        if is_same and abs(listing.starts_at - starts_at) <= MOVED_AT_MOST:
            return listing
    return None
