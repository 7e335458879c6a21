"""Jolpica's newer form, which its server calls alpha: the only published one with sprint
qualifyings, a request each.

FastF1 does not read it. Its own request session fetches it all the same, so that FastF1's limits
(of any address of jolpi.ca), its cache and our adapter hold as for everything else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingestion.errors import (
    BadSourceData,
    IngestionError,
    ResultsNotReady,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.plausibility import NOTHING_KNOWN, check_classification
from ingestion.records import ClassificationRecord, Source
from ingestion.sessions import SessionType
from ingestion.sources.cache import forget_copies
from ingestion.sources.calls import calling, find_document, get_document
from ingestion.sources.jolpica.ergast import expect_all
from ingestion.sources.jolpica.pages import PAGE_ROWS, build_url
from ingestion.sources.jolpica.sprint_qualifyings import (
    Round,
    UnknownDriver,
    read_drivers,
    read_rounds,
    read_sprint_qualifying,
)
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    KnownDriver,
    SourceAnswer,
    SourceConfig,
    Upstream,
)
from ingestion.sources.values import noticing

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter

# Where the server has its two forms, one beside the other.
ERGAST_PATH = "/ergast/f1"
NEWER_PATH = "/f1/alpha"
# How it answers before there are results: 500 where the session is in its calendar (jolpica-f1 of
# 2026).
NOT_THERE_YET = (404, 500)
# The keys of rounds are steady: a copy of two months will do, where the upstream itself would be
# requested again every hour. One that lacks a round and is older than an hour may be behind.
ROUNDS_KEPT = timedelta(days=60)
ROUNDS_HOLD = timedelta(hours=1)


class JolpicaNewer(Upstream):
    name = Source.JOLPICA_NEWER
    # Nothing else publishes these kinds of session: a half-filled answer must not keep a guess out.
    keeps_implausible_out = True

    def __init__(self, adapter: "Adapter", config: SourceConfig) -> None:
        super().__init__(adapter, config)
        # As this run has read them; a list that could not be had is not requested again.
        self._rounds: dict[int, list[Round] | IngestionError] = {}

    @classmethod
    def has_kind(cls, session_type: SessionType) -> bool:
        """What the Ergast form lacks."""
        return not session_type.kind.ergast_endpoint

    def offers(self, season: int, session_type: SessionType) -> bool:
        """Where the address in use says where the newer form is; another mirror's does not."""
        from fastf1.ergast import interface

        is_beside = interface.BASE_URL.endswith(ERGAST_PATH)
        return is_beside and session_type is SessionType.SPRINT_QUALIFYING

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        """One race's. Rounds and drivers may come from the cache, the session alone is `fresh`."""
        with noticing() as notices:
            record, expires_at = self._fetch(query, fresh=fresh)
        return SourceAnswer((record,), record.generated_at, expires_at, tuple(notices))

    def _fetch(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> tuple[ClassificationRecord, datetime | None]:
        found = self._find_round(query)
        kind = query.session_type.replace("_", " ")
        what = f"Jolpica's {kind} of the {query.season} {query.name}"
        if found is None:
            raise ResultsNotReady(
                f"Jolpica's newer form has no {kind} of the {query.season} {query.name}"
            )
        url = build_newer_url(f"results/{found.key}/{query.session_type.kind.newer_code}/")
        try:
            with calling(self._adapter, what, url, fresh=fresh) as call:
                document = get_document(url)
                generated_at, expires_at = call.read_generated_at(), call.read_expires_at()
        except SourceUnavailable as error:
            if error.status in NOT_THERE_YET:
                raise ResultsNotReady(str(error)) from error
            raise
        record = None
        try:
            record = self._read(document, found, query, generated_at)
            check_classification(record, NOTHING_KNOWN)
        except (BadSourceData, ResultsNotReady) as error:
            if not fresh:
                forget_copies([url])
            if record is not None and record.results and not self.keeps_implausible_out:
                return record, expires_at
            # The list of drivers may have news sooner than the session.
            sooner = [until for until in (expires_at, error.expires_at) if until is not None]
            error.expires_at = min(sooner, default=None)
            if isinstance(error, ResultsNotReady):
                not_ready = ResultsNotReady(f"{what}: {error}")
                not_ready.expires_at = error.expires_at
                raise not_ready from error
            raise
        return record, expires_at

    def _find_round(self, query: ClassificationQuery) -> Round | None:
        """None where it is not listed, or without a sprint qualifying."""
        if query.season not in self._rounds:
            try:
                made_at = self._fetch_rounds(query)
            except (SourceUnavailable, BadSourceData) as error:
                # A run that is rate-limited may wait and continue.
                if not isinstance(error, SourceRateLimited):
                    self._rounds[query.season] = error
                raise
            is_old = made_at is not None and made_at + ROUNDS_HOLD < self._adapter.now()
            if is_old and self._pick_round(query) is None:
                self._fetch_rounds(query)
        return self._pick_round(query)

    def _pick_round(self, query: ClassificationQuery) -> Round | None:
        rounds = self._rounds[query.season]
        if isinstance(rounds, IngestionError):
            raise rounds
        for one in rounds:
            if self._has(one, query) and (query.is_race is None or query.is_race(one.race)):
                return one
        return None

    def _has(self, one: Round, query: ClassificationQuery) -> bool:
        return one.has_sprint_qualifying

    def _fetch_rounds(self, query: ClassificationQuery) -> datetime | None:
        """When it was made. A list that lacks the round of the query does not stay in the cache."""
        # The only filter that this takes; the server refuses parameters that it does not know.
        url = build_newer_url(f"core/rounds/?year={query.season}")
        what = f"Jolpica's newer list of the rounds of {query.season}"
        with calling(self._adapter, what, url, fresh=query.with_lists) as call:
            document, made_at = None, None
            if not query.with_lists:
                document, made_at = find_document(url, since=self._adapter.now() - ROUNDS_KEPT)
            if document is None:
                document, made_at = get_document(url), call.read_generated_at()
            self._rounds[query.season] = read_rounds(document, query.season)
        if self._pick_round(query) is None:
            forget_copies([url])
        return made_at

    def _read(
        self,
        document: Any,
        found: Round,
        query: ClassificationQuery,
        generated_at: datetime | None,
    ) -> ClassificationRecord:
        """Read the document, with Jolpica's list of the round's drivers where it is a driver's
        first session."""
        known = query.known
        try:
            return read_sprint_qualifying(document, found, known, generated_at)
        except UnknownDriver as unknown:
            drivers, expires_at = self._fetch_drivers(found, unknown)
        try:
            return read_sprint_qualifying(document, found, [*known, *drivers], generated_at)
        except UnknownDriver as error:
            error.expires_at = expires_at
            raise

    def _fetch_drivers(
        self, found: Round, unknown: UnknownDriver
    ) -> tuple[Sequence[KnownDriver], datetime | None]:
        """Who takes part in a round, also those without a result in the Ergast form yet, and until
        when the list holds; it is not requested sooner. Where it cannot be had, `unknown` is what
        there is to say."""
        from fastf1.ergast import Ergast

        season, number = found.race.season, found.race.round_number
        what = f"Jolpica's list of the drivers of {season} round {number}"
        url = build_url(season, number, "drivers", offset=0)
        try:
            with calling(self._adapter, what, url, fresh=False) as call:
                ergast = Ergast(result_type="raw", auto_cast=False)
                drivers = ergast.get_driver_info(season, number, limit=PAGE_ROWS)
                expect_all(what, drivers)
                return read_drivers(drivers), call.read_expires_at()
        except SourceRateLimited:
            raise
        except (SourceUnavailable, BadSourceData):
            raise unknown from None


def build_newer_url(path: str) -> str:
    """Raises `BadSourceData` where the address in use does not say where the newer form is."""
    from fastf1.ergast import interface

    if not interface.BASE_URL.endswith(ERGAST_PATH):
        raise BadSourceData("Jolpica's newer form is not known to be beside JOLPICA_URL")
    return f"{interface.BASE_URL.removesuffix(ERGAST_PATH)}{NEWER_PATH}/{path}"
