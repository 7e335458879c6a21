"""Jolpica's newer form: the only published one with sprint qualifyings, a request each."""

from datetime import datetime, timedelta

from ingestion import fetch, records, transform
from ingestion.errors import (
    BadSourceData,
    ResultsNotReady,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.plausibility import SeasonField, check_classification
from ingestion.records import ClassificationRecord
from ingestion.sessions import SessionType
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    Entrant,
    Source,
    SourceAnswer,
)

# How the newer form answers before there are results (jolpica-f1 of 2026).
NOT_THERE_YET = (404, 500)
# A list of rounds that is older may lack what has been added since.
LIST_HOLDS = timedelta(hours=1)


class JolpicaNewer(Source):
    name = records.Source.JOLPICA_ALPHA
    label = "Jolpica's newer form"

    def __init__(self, upstream: fetch.Upstream) -> None:
        self._upstream = upstream
        self._rounds: dict[int, list[transform.AlphaRound]] = {}

    def offers(self, season: int, session_type: SessionType) -> bool:  # noqa: ARG002
        return session_type is SessionType.SPRINT_QUALIFYING and fetch.has_newer_form()

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        """Of one race; only what can be believed, so that a half-filled answer does not keep a
        guess out. The list of rounds is read once a run, and from the cache where it will do."""
        found = self._find_round(query)
        name = f"{query.season} {query.name}"
        if found is None:
            raise ResultsNotReady(f"Jolpica's newer form has no sprint qualifying of the {name}")
        try:
            answer = fetch.fetch_sprint_qualifying(self._upstream, found.key, name, fresh=fresh)
        except SourceUnavailable as error:
            if error.status in NOT_THERE_YET:
                raise ResultsNotReady(str(error)) from error
            raise
        try:
            record = self._read(answer, found, query.entrants)
            check_classification(record, SeasonField())
        except BadSourceData as error:
            fetch.forget(answer)
            # The list of drivers may have news sooner than the session.
            sooner = [until for until in (answer.expires_at, error.expires_at) if until is not None]
            error.expires_at = min(sooner, default=None)
            raise
        except ResultsNotReady as error:
            fetch.forget(answer)
            not_ready = ResultsNotReady(f"Jolpica's sprint qualifying of the {name}: {error}")
            not_ready.expires_at = answer.expires_at
            raise not_ready from error
        return SourceAnswer((record,), record.generated_at, answer.expires_at)

    def _find_round(self, query: ClassificationQuery) -> transform.AlphaRound | None:
        """None where it is not listed, or without a sprint qualifying. The keys are steady: a copy
        will do; one that lacks a weekend is not kept, and an old one is requested again at once."""
        if query.season not in self._rounds:
            answer = self._fetch_rounds(query)
            made_at, now = answer.generated_at, self._upstream.door.now()
            is_old = made_at is not None and made_at + LIST_HOLDS < now
            if is_old and self._pick_round(query) is None:
                self._fetch_rounds(query)
        return self._pick_round(query)

    def _fetch_rounds(self, query: ClassificationQuery) -> fetch.Answer:
        answer = fetch.fetch_rounds(self._upstream, query.season, fresh=False)
        try:
            self._rounds[query.season] = transform.read_rounds(answer.content, query.season)
        except BadSourceData:
            fetch.forget(answer)
            raise
        if self._pick_round(query) is None:
            fetch.forget(answer)
        return answer

    def _pick_round(self, query: ClassificationQuery) -> transform.AlphaRound | None:
        is_race = query.is_race
        for one in self._rounds[query.season]:
            if one.has_sprint_qualifying and (is_race is None or is_race(one.race)):
                return one
        return None

    def _read(
        self, answer: fetch.Answer, found: transform.AlphaRound, known: tuple[Entrant, ...]
    ) -> ClassificationRecord:
        """With Jolpica's list of the round's drivers where this is somebody's first session."""
        try:
            return transform.read_sprint_qualifying(
                answer.content, found, known, answer.generated_at
            )
        except transform.UnknownEntrant as unknown:
            drivers, expires_at = self._fetch_drivers(found, unknown)
        try:
            return transform.read_sprint_qualifying(
                answer.content, found, [*known, *drivers], answer.generated_at
            )
        except transform.UnknownEntrant as error:
            error.expires_at = expires_at
            raise

    def _fetch_drivers(
        self, found: transform.AlphaRound, unknown: transform.UnknownEntrant
    ) -> tuple[list[transform.ListedDriver], datetime | None]:
        """And until when the list holds; it is not requested sooner. Where it cannot be had,
        `unknown` is what there is to say."""
        race = found.race
        try:
            answer = fetch.fetch_drivers(
                self._upstream, race.season, race.round_number, fresh=False
            )
        except SourceRateLimited:
            raise
        except (SourceUnavailable, BadSourceData):
            raise unknown from None
        try:
            return transform.read_drivers(answer.content), answer.expires_at
        except BadSourceData:
            fetch.forget(answer)
            raise unknown from None
