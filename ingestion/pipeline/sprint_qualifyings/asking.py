"""Ask Jolpica's newer form: its list of rounds, which tells the keys, then each weekend's."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from ingestion import fetch, transform
from ingestion.errors import (
    BadSourceData,
    IngestionError,
    ResultsNotReady,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.matching import is_race_of
from ingestion.pipeline.season import Gathered, SeasonRun
from ingestion.pipeline.sprint_qualifyings.entrants import known_entrants, met_entrants
from ingestion.pipeline.sprint_qualifyings.weekends import SPRINT_QUALIFYING, Weekend
from ingestion.pipeline.wanted import Heard, is_silent
from ingestion.plausibility import SeasonField, check_classification
from ingestion.records import ClassificationRecord

# How the newer form answers before there are results (jolpica-f1 of 2026).
NOT_THERE_YET = (404, 500)
# An answer that is older may lack what has been added since.
LIST_HOLDS = timedelta(hours=1)


@dataclass(slots=True)
class Asked:
    """What the newer form said, by grand prix; of the others why it did not."""

    official: dict[str, ClassificationRecord] = field(default_factory=dict)
    errors: dict[str, IngestionError] = field(default_factory=dict)
    expiries: dict[str, datetime | None] = field(default_factory=dict)

    @property
    def heard(self) -> Iterator[Heard]:
        for slug in self.official:
            yield Heard(SPRINT_QUALIFYING, slug, expires_at=self.expiries.get(slug))
        for slug, error in self.errors.items():
            failure = None if _is_not_there_yet(error) else error
            yield Heard(SPRINT_QUALIFYING, slug, self.expiries.get(slug), failure)


def ask_each(gathered: Gathered, weekends: Sequence[Weekend], run: SeasonRun) -> Asked:
    """The rounds first, which tell the keys; each weekend's failure is its own."""
    asked = Asked()
    fresh = run.request.refresh or gathered.is_live
    try:
        rounds = _ask_rounds(run, weekends)
    except (SourceUnavailable, BadSourceData) as error:
        asked.errors = {weekend.grand_prix.slug: error for weekend in weekends}
        _stop(gathered, error)
        return asked
    gathered.answers += 1
    silent: IngestionError | None = None
    for weekend in weekends:
        slug = weekend.grand_prix.slug
        if silent is not None:
            asked.errors[slug] = silent
            continue
        try:
            asked.official[slug] = _ask_one(gathered, weekend, rounds, run, asked, fresh=fresh)
            gathered.answers += 1
        except (SourceUnavailable, BadSourceData, ResultsNotReady) as error:
            asked.errors[slug] = error
            silent = error if is_silent(error) else None
            _stop(gathered, error)
    return asked


def _stop(gathered: Gathered, error: IngestionError) -> None:
    if isinstance(error, SourceRateLimited):
        gathered.refusal = error


def _ask_rounds(run: SeasonRun, weekends: Sequence[Weekend]) -> list[transform.AlphaRound]:
    """Their keys are steady: a copy will do, also while the season goes on. One that lacks a
    weekend is not kept, and an old one is asked for again at once."""
    rounds, made_at = _read_rounds(run, weekends)
    lacks = any(_find_round(weekend, rounds) is None for weekend in weekends)
    if lacks and made_at is not None and made_at + LIST_HOLDS < run.now:
        rounds, _ = _read_rounds(run, weekends)
    return rounds


def _read_rounds(
    run: SeasonRun, weekends: Sequence[Weekend]
) -> tuple[list[transform.AlphaRound], datetime | None]:
    answer = fetch.fetch_rounds(run.upstream, run.season, fresh=run.request.refresh)
    try:
        rounds = transform.read_rounds(answer.content, run.season)
    except BadSourceData:
        fetch.forget(answer)
        raise
    if any(_find_round(weekend, rounds) is None for weekend in weekends):
        fetch.forget(answer)
    return rounds, answer.generated_at


def _find_round(
    weekend: Weekend, rounds: Collection[transform.AlphaRound]
) -> transform.AlphaRound | None:
    """None where it is not listed, or without a sprint qualifying."""
    found = (one for one in rounds if is_race_of(one.race, weekend.grand_prix))
    return next((one for one in found if one.has_sprint_qualifying), None)


def _ask_one(
    gathered: Gathered,
    weekend: Weekend,
    rounds: Collection[transform.AlphaRound],
    run: SeasonRun,
    asked: Asked,
    *,
    fresh: bool,
) -> ClassificationRecord:
    """Only what can be believed, so that a half-filled answer does not keep a guess out."""
    name = f"{run.season} {weekend.grand_prix.name}"
    found = _find_round(weekend, rounds)
    if found is None:
        raise ResultsNotReady(f"Jolpica's newer form has no sprint qualifying of the {name}")
    answer = fetch.fetch_sprint_qualifying(run.upstream, found.key, name, fresh=fresh)
    asked.expiries[weekend.grand_prix.slug] = answer.expires_at
    try:
        told = _read(answer, found, gathered, run)
        check_classification(told, SeasonField())
    except BadSourceData as error:
        fetch.forget(answer)
        # The list of drivers may have news sooner than the session.
        sooner = [until for until in (answer.expires_at, error.expires_at) if until is not None]
        asked.expiries[weekend.grand_prix.slug] = min(sooner, default=None)
        raise
    except ResultsNotReady as error:
        fetch.forget(answer)
        raise ResultsNotReady(f"Jolpica's sprint qualifying of the {name}: {error}") from error
    return told


def _read(
    answer: fetch.Answer, found: transform.AlphaRound, gathered: Gathered, run: SeasonRun
) -> ClassificationRecord:
    """With those whom this run has met, which costs nothing; with all whom the season knows where
    somebody is missing among them (one round alone, or before a weekend's other sessions); with
    Jolpica's list of the round's drivers where this is somebody's first session."""
    known = met_entrants(gathered.classifications)
    read = partial(transform.read_sprint_qualifying, answer.content, found)
    with suppress(transform.UnknownEntrant):
        return read(known, answer.generated_at)
    known += known_entrants(run.season)
    try:
        return read(known, answer.generated_at)
    except transform.UnknownEntrant as error:
        drivers, expires_at = _ask_drivers(found, run, error)
    try:
        return read([*known, *drivers], answer.generated_at)
    except transform.UnknownEntrant as error:
        error.expires_at = expires_at
        raise


def _ask_drivers(
    found: transform.AlphaRound, run: SeasonRun, unknown: transform.UnknownEntrant
) -> tuple[Sequence[transform.Entrant], datetime | None]:
    """And until when the list holds; it is not asked for sooner. Where it cannot be had, `unknown`
    is what there is to say."""
    try:
        answer = fetch.fetch_drivers(
            run.upstream, run.season, found.race.round_number, fresh=run.request.refresh
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


def _is_not_there_yet(error: IngestionError) -> bool:
    """No failure: the answer that there is nothing."""
    if isinstance(error, SourceUnavailable):
        return error.status in NOT_THERE_YET
    return isinstance(error, ResultsNotReady)
