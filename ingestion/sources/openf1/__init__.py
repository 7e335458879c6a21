"""OpenF1, the second source: what Formula 1's own result pages say, minutes after a session and
without an account. It is unofficial, and optional everywhere: its silence is a note."""

import json
from collections.abc import Iterable
from copy import copy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData, IngestionError, ResultsNotReady, SourceRateLimited
from ingestion.plausibility import NOTHING_KNOWN, check_classification
from ingestion.records import ClassificationRecord, EntrantRecord, ListedSession, Source
from ingestion.sessions import SessionType
from ingestion.sources.addresses import read_address
from ingestion.sources.cache import forget_copies
from ingestion.sources.calls import calling, find_document
from ingestion.sources.openf1.classification import Row, read_classification
from ingestion.sources.openf1.entrants import read_entrants
from ingestion.sources.openf1.listings import (
    Listing,
    Practice,
    find_listing,
    read_listings,
    read_practices,
    read_times,
)
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    EntrantsQuery,
    SourceAnswer,
    SourceConfig,
    Upstream,
)
from ingestion.sources.values import noticing, read_text

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter

__all__ = ["ADDRESS", "Listing", "OpenF1"]

ADDRESS = "https://api.openf1.org/v1"
FIRST_OPENF1 = 2023
# Its own are 3 a second and 30 a minute; nothing of ours needs more than 40 in a weekend.
SHORTEST_PAUSE = timedelta(seconds=0.35)
MOST_A_MINUTE = (20, timedelta(minutes=1))
MOST_A_WEEKEND = (40, timedelta(days=4))
# Both lists are updated at midnight UTC. Keys do not change, and starts are the sessions'.
MEETINGS_KEPT, SESSIONS_KEPT = timedelta(days=4), timedelta(hours=23)
# For so long after a session's end only those with an account are answered.
RESTRICTED_AFTER = timedelta(minutes=30)
# It has rows so soon after a session's end; where it answers and has none by then, the session was
# put off more likely than held. One that runs late is answered as one that runs.
ROWS_WITHIN = timedelta(minutes=50)
LATE_ROWS = timedelta(minutes=30)
# An older list will do while a session runs, and nothing is answered without an account.
SESSIONS_KEPT_MEANWHILE = timedelta(days=4)
# A session's drivers are requested with the calendars soon after it at most, so that a list that
# stays empty takes few of a weekend's requests; and they stay as they are.
REQUESTED_WITHIN = timedelta(hours=6)
DRIVERS_KEPT = timedelta(days=4)
# How it answers who has no account while a session runs, and for some time afterwards.
IN_PROGRESS = "session in progress"


class SessionRunsError(ResultsNotReady):
    """Nothing is answered now without an account."""

    is_not_now = True


class OpenF1(Upstream):
    name = Source.OPENF1

    def __init__(self, adapter: "Adapter", config: SourceConfig) -> None:
        super().__init__(adapter, config)
        self._address = read_address("OPENF1_URL", config.openf1_url).url
        self._has_account = bool(config.openf1_token)
        # As this run has read them; a list that could not be had is not requested again.
        self._listings: dict[int, list[Listing] | IngestionError] = {}
        self._made_at: dict[int, datetime | None] = {}
        self._practices: dict[int, list[Practice]] = {}

    @classmethod
    def is_configured(cls, config: SourceConfig) -> bool:
        return bool(config.openf1_url)

    @classmethod
    def has_kind(cls, session_type: SessionType) -> bool:
        return True

    def offers(self, season: int, session_type: SessionType) -> bool:
        return season >= FIRST_OPENF1

    def fetch_listed(self, season: int, *, fresh: bool = False) -> SourceAnswer[ListedSession]:
        if season < FIRST_OPENF1:
            return SourceAnswer(())
        with noticing() as notices:
            listed = tuple(
                ListedSession(
                    one.race,
                    one.session_type,
                    one.starts_at,
                    one.is_cancelled,
                    self.name,
                    self._made_at.get(season),
                )
                for one in self.fetch_listings(season, fresh=fresh)
            )
        return SourceAnswer(listed, self._made_at.get(season), notices=tuple(notices))

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        """One race's, and only what can be believed. A result is never read from FastF1's cache:
        without headers that say otherwise, it would be kept for twelve hours."""
        kind = query.session_type.value.replace("_", " ")
        what = f"OpenF1's {kind} of the {query.season} {query.name}"
        with noticing() as notices:
            try:
                listing = find_listing(query, self.fetch_listings(query.season))
                record = self._fetch(query, listing)
                check_classification(record, NOTHING_KNOWN)
            except IngestionError as error:
                # A copy: that of the lists is raised for each of their sessions.
                named = copy(error)
                named.args = (f"{what}: {error}",)
                raise named from error
        return SourceAnswer((record,), record.generated_at, notices=tuple(notices))

    def _fetch(self, query: ClassificationQuery, listing: Listing) -> ClassificationRecord:
        key = f"session_key={listing.session_key}"
        url = f"{self._address}/session_result?{key}"
        with calling(self._adapter, "its rows", url, fresh=True) as call:
            try:
                rows = self._get_rows(url)
            except SessionRunsError as not_now:
                not_now.expires_at = self._find_when_over(listing, query.season)
                raise
            generated_at = call.read_generated_at()
            if not rows:
                not_yet = ResultsNotReady("OpenF1 has no rows yet")
                now = self._adapter.now()
                # Of one that was put off the calendars know more than a list of yesterday.
                starts_at = max(listing.starts_at, query.starts_at or listing.starts_at)
                ends_at = starts_at + (listing.ends_at - listing.starts_at)
                if now >= ends_at + ROWS_WITHIN:
                    not_yet.expires_at = now + LATE_ROWS
                raise not_yet
        # Who drives which car is decided once the session is over: a copy will do. One with which
        # nothing can be read is forgotten by `calling`.
        url = f"{self._address}/drivers?{key}"
        with calling(self._adapter, "its drivers", url, fresh=False):
            drivers, _ = self._get_kept(url, kept_for=DRIVERS_KEPT)
            return read_classification(listing, rows, drivers, query.known, generated_at)

    def _find_when_over(self, own: Listing, season: int) -> datetime | None:
        """When another session that runs can have a result; None where none is known to run. Of its
        own the polling knows better: the list may be of yesterday."""
        now = self._adapter.now()
        return max(
            (
                min(one.ends_at, one.starts_at + one.session_type.kind.earliest_second_source)
                for one in self.fetch_listings(season)
                if one is not own and one.starts_at <= now < one.ends_at
            ),
            default=None,
        )

    def fetch_listings(self, season: int, *, fresh: bool = False) -> list[Listing]:
        """Sessions are requested once in 23 hours at most, meetings once in four days; both with
        each `fresh` run. Raises as a fetch does."""
        kept = self._listings.get(season)
        if kept is None:
            try:
                kept = self._fetch_lists(season, fresh=fresh)
            except SourceRateLimited:
                raise
            except IngestionError as error:
                kept = error
            self._listings[season] = kept
        if isinstance(kept, IngestionError):
            raise kept
        return kept

    def _fetch_lists(self, season: int, *, fresh: bool) -> list[Listing]:
        lists = []
        urls = {name: f"{self._address}/{name}?year={season}" for name in ("meetings", "sessions")}
        kept_for = {"meetings": MEETINGS_KEPT, "sessions": SESSIONS_KEPT}
        if not fresh and not self._has_account:
            now, url = self._adapter.now(), urls["sessions"]
            with calling(self._adapter, "OpenF1's copied sessions", url, fresh=False):
                copied, _ = find_document(url, since=now - SESSIONS_KEPT_MEANWHILE)
                times = read_times(expect_rows(copied or []))
            if is_restricted(times, now):
                kept_for["sessions"] = SESSIONS_KEPT_MEANWHILE
        for name, url in urls.items():
            with calling(self._adapter, f"OpenF1's {name} of {season}", url, fresh=False) as call:
                rows, made_at = self._get_kept(url, kept_for=None if fresh else kept_for[name])
                made_at = made_at or call.read_generated_at()
                if not rows:
                    raise ResultsNotReady(f"OpenF1 lists no {name} of {season} yet")
                lists.append(rows)
        # The age of the list of sessions, which has the starts.
        self._made_at[season] = made_at
        meetings, sessions = lists
        self._practices[season] = list(read_practices(meetings, sessions, season))
        try:
            return read_listings(meetings, sessions, season)
        except BadSourceData:
            forget_copies(urls.values())
            raise

    def fetch_entrants(self, query: EntrantsQuery) -> SourceAnswer[EntrantRecord]:
        """Read from the drivers of its practices and qualifyings; a session whose drivers are not
        there is left out."""
        if query.season < FIRST_OPENF1:
            return SourceAnswer(())
        listings, now = self.fetch_listings(query.season), self._adapter.now()
        known: list[Listing | Practice] = [*listings, *self._practices.get(query.season, [])]
        may_request = not is_restricted(((one.starts_at, one.ends_at) for one in known), now)
        own = [
            one
            for one in known
            if one.ends_at + RESTRICTED_AFTER <= now < one.ends_at + DRIVERS_KEPT
            and (isinstance(one, Practice) or not one.session_type.kind.is_race)
            and query.is_race(one.race)
        ]
        drivers: list[tuple[bool, list[Row]]] = []
        with noticing() as notices:
            for one in sorted(own, key=lambda one: one.starts_at):
                url = f"{self._address}/drivers?session_key={one.session_key}"
                what = f"OpenF1's drivers of {one.race.name}"
                with calling(self._adapter, what, url, fresh=False):
                    rows, _ = find_document(url, since=now - DRIVERS_KEPT)
                    if rows is None and may_request and now < one.ends_at + REQUESTED_WITHIN:
                        forget_copies([url])
                        rows = self._get_rows(url)
                    keys = (one.session_key, one.meeting_key)
                    listed = [
                        row
                        for row in expect_rows(rows or [])
                        if (row.get("session_key"), row.get("meeting_key")) == keys
                    ]
                drivers.append((isinstance(one, Practice), listed))
            entrants = read_entrants(drivers, query)
        return SourceAnswer(entrants, notices=tuple(notices))

    def _get_kept(
        self, url: str, *, kept_for: timedelta | None
    ) -> tuple[list[Row], datetime | None]:
        """FastF1's copy, expired or not, while it is young enough, and when it was made. Within
        `calling`."""
        if kept_for is not None:
            rows, made_at = find_document(url, since=self._adapter.now() - kept_for)
            if rows is not None:
                return expect_rows(rows), made_at
        forget_copies([url])
        return self._get_rows(url), None

    def _get_rows(self, url: str) -> list[Row]:
        """Within `calling`. No row where there is none yet. Raises `SessionRunsError`."""
        from fastf1.ergast import interface
        from fastf1.req import Cache

        response = Cache.requests_get(url, headers=interface.HEADERS, timeout=interface.TIMEOUT)
        if response.status_code == 404:
            return []
        document: Any = None
        if response.status_code in (200, 401):
            document = json.loads(response.content.decode("utf-8"))
        if response.status_code == 401 and IN_PROGRESS in read_text(document.get("detail")).lower():
            raise SessionRunsError(
                "while a session runs OpenF1 answers only requests with an account"
            )
        if response.status_code != 200:
            raise ValueError(f"answered {response.status_code}")
        return expect_rows(document)


def is_restricted(times: Iterable[tuple[datetime, datetime]], now: datetime) -> bool:
    """Whether nothing is answered without an account: while a session runs, and for some time after
    it. `times` are the sessions' beginnings and ends."""
    return any(begins <= now < ends + RESTRICTED_AFTER for begins, ends in times)


def expect_rows(document: Any) -> list[Row]:
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise ValueError("the answer is no list of rows")
    return document
