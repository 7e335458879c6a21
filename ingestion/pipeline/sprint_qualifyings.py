"""Ask for the sprint qualifyings, which have no endpoint in the form that FastF1 reads.

Jolpica's newer form has them, a request each; where it does not answer, the sprint's grid shows
the pole, give or take penalties.
"""

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
from ingestion.lifecycle import expected_end, is_over, results_from
from ingestion.matching import (
    StoredGrandPrix,
    as_known,
    find_listed,
    gather_grands_prix,
    is_race_of,
)
from ingestion.models import OVERDUE_AFTER, Event, Result
from ingestion.pipeline.season import Gathered, SeasonRun
from ingestion.pipeline.wanted import Heard, Wanted, is_silent, is_wanted
from ingestion.plausibility import SeasonField, check_classification
from ingestion.records import (
    RESULT_FIELDS,
    CalendarRecord,
    ClassificationRecord,
    GrandPrixRecord,
    RaceIdentity,
    ResultRecord,
    SessionRecord,
    SessionType,
    Source,
)
from ingestion.report import Problem

SPRINT_QUALIFYING = SessionType.SPRINT_QUALIFYING
ENTRANT_FIELDS = (
    "driver_id",
    "driver_number",
    "driver_code",
    "driver_name",
    "constructor_id",
    "constructor_name",
)
# An answer that is older may lack what has been added since.
LIST_HOLDS = timedelta(hours=1)
# What there is instead of an official classification.
BY_GRID = "the sprint's grid shows the pole meanwhile"
SAVED = "what is saved stays"
NOTHING = "nothing shows the pole yet"


@dataclass(frozen=True, slots=True)
class Weekend:
    """One with a sprint qualifying; `state` is that of its saved classification."""

    grand_prix: StoredGrandPrix
    results_from: datetime | None
    ends_at: datetime | None
    state: str

    @property
    def has_official(self) -> bool:
        return self.state in (Event.ResultsState.OFFICIAL, Event.ResultsState.SETTLED)

    def is_overdue(self, now: datetime) -> bool:
        return self.ends_at is None or self.ends_at + OVERDUE_AFTER <= now


# How the newer form answers before there are results (jolpica-f1 of 2026).
NOT_THERE_YET = (404, 500)


def _is_not_there_yet(error: IngestionError) -> bool:
    """No failure: the answer that there is nothing."""
    if isinstance(error, SourceUnavailable):
        return error.status in NOT_THERE_YET
    return isinstance(error, ResultsNotReady)


@dataclass(slots=True)
class Asked:
    """What the newer form said, by grand prix; of the others why it did not."""

    official: dict[str, ClassificationRecord] = field(default_factory=dict)
    errors: dict[str, IngestionError] = field(default_factory=dict)
    expiries: dict[str, datetime | None] = field(default_factory=dict)

    @property
    def heard(self) -> Iterator[Heard]:
        for slug in self.official:
            yield Heard(SPRINT_QUALIFYING, slug, good_until=self.expiries.get(slug))
        for slug, error in self.errors.items():
            failure = None if _is_not_there_yet(error) else error
            yield Heard(SPRINT_QUALIFYING, slug, self.expiries.get(slug), failure)


def gather_sprint_qualifyings(
    gathered: Gathered,
    calendar: CalendarRecord | None,
    events: Sequence[Event],
    wanted: Wanted,
    run: SeasonRun,
) -> None:
    """Those that are over and may bring news; `gathered` has the other classifications already.

    A settled one is asked for again by name (its round) or with --refresh alone: each takes a
    request of its own. A guess is made only where nothing official is known.
    """
    weekends = [
        weekend
        for weekend in _find_weekends(calendar, events)
        if is_wanted(wanted, SPRINT_QUALIFYING, weekend.grand_prix)
        and _is_due(weekend, wanted, run)
        and not (gathered.fills_gaps and weekend.has_official)
    ]
    if not weekends:
        return
    run.listen(f"{run.season} sprint qualifying results")
    asked = Asked()
    if fetch.has_newer_form():
        with run.upstream.block(1 + len(weekends)):
            asked = _ask_each(gathered, weekends, run)
    gathered.classifications += asked.official.values()
    gathered.heard += (*asked.heard, *_unasked(asked, weekends))
    guesses = _guess_poles(gathered, weekends, events)
    gathered.classifications += guesses.values()
    _report(gathered, weekends, asked, guesses, run)


def _unasked(asked: Asked, weekends: Sequence[Weekend]) -> list[Heard]:
    """Of those where there is no newer form nobody can be asked: that is no news, or they would be
    due again as soon as their claim lapses."""
    slugs = {weekend.grand_prix.slug for weekend in weekends}
    return [
        Heard(SPRINT_QUALIFYING, slug) for slug in slugs.difference(asked.official, asked.errors)
    ]


def _find_weekends(calendar: CalendarRecord | None, events: Sequence[Event]) -> list[Weekend]:
    """By the calendar of this run, else by what is stored."""
    kept = {event.grand_prix: event for event in events if event.session_type == SPRINT_QUALIFYING}
    stored = [
        Weekend(grand_prix, event.results_from, event.ends_at, event.results_state)
        for grand_prix in gather_grands_prix([event.as_stored() for event in events])
        if (event := kept.get(grand_prix.slug)) is not None
    ]
    if calendar is None:
        return stored
    return [
        _list_weekend(listed, session, stored)
        for listed, session in calendar.sessions()
        if session.session_type is SPRINT_QUALIFYING
    ]


def _list_weekend(
    listed: GrandPrixRecord, session: SessionRecord, stored: Sequence[Weekend]
) -> Weekend:
    ends_at = expected_end(
        SPRINT_QUALIFYING,
        session.starts_at,
        is_estimated=session.start_is_estimated,
        race_date=listed.race_date,
    )
    soonest = results_from(
        SPRINT_QUALIFYING, session.starts_at, ends_at, is_estimated=session.start_is_estimated
    )
    states = (one.state for one in stored if find_listed(one.grand_prix, [listed]) is not None)
    state = next(states, Event.ResultsState.PENDING.value)
    return Weekend(as_known(listed), soonest, ends_at, state)


def _is_due(weekend: Weekend, wanted: Wanted, run: SeasonRun) -> bool:
    is_asked_for = run.request.refresh or wanted[SPRINT_QUALIFYING] is not None
    is_settled = weekend.state == Event.ResultsState.SETTLED
    return is_over(run.now, weekend.results_from) and (is_asked_for or not is_settled)


def _ask_each(gathered: Gathered, weekends: Sequence[Weekend], run: SeasonRun) -> Asked:
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
    asked.expiries[weekend.grand_prix.slug] = answer.good_until
    try:
        told = _read(answer, found, gathered, run)
        check_classification(told, SeasonField())
    except BadSourceData as error:
        fetch.forget(answer)
        # The list of drivers may have news sooner than the session.
        sooner = [until for until in (answer.good_until, error.good_until) if until is not None]
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
    known = _met_entrants(gathered)
    read = partial(transform.read_sprint_qualifying, answer.content, found)
    with suppress(transform.UnknownEntrant):
        return read(known, answer.generated_at)
    known += known_entrants(run.season)
    try:
        return read(known, answer.generated_at)
    except transform.UnknownEntrant as error:
        drivers, good_until = _ask_drivers(found, run, error)
    try:
        return read([*known, *drivers], answer.generated_at)
    except transform.UnknownEntrant as error:
        error.good_until = good_until
        raise


def _met_entrants(gathered: Gathered) -> list[transform.Entrant]:
    return [
        row
        for one in gathered.classifications
        if isinstance(one, ClassificationRecord)
        for row in one.results
    ]


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
        return transform.read_drivers(answer.content), answer.good_until
    except BadSourceData:
        fetch.forget(answer)
        raise unknown from None


def known_entrants(season: int) -> list[transform.Entrant]:
    """Who drove for whom, by what is stored of the season."""
    stored = Result.objects.filter(event__season=season).order_by()
    return list(stored.values_list(*ENTRANT_FIELDS, named=True).distinct())


def _guess_poles(
    gathered: Gathered, weekends: Sequence[Weekend], events: Sequence[Event]
) -> dict[str, ClassificationRecord]:
    """Of those of which this run has nothing better, and nothing official is saved; by the sprint
    that it was told of, else by the saved one."""
    told = [one for one in gathered.classifications if isinstance(one, ClassificationRecord)]
    guesses = {}
    for weekend in weekends:
        here = {one.session_type: one for one in told if is_race_of(one.race, weekend.grand_prix)}
        if SPRINT_QUALIFYING in here or weekend.has_official:
            continue
        sprint = here.get(SessionType.SPRINT) or _saved_sprint(weekend, events)
        pole = transform.read_sprint_pole(sprint) if sprint is not None else None
        if pole is not None:
            guesses[weekend.grand_prix.slug] = pole
    return guesses


def _saved_sprint(weekend: Weekend, events: Sequence[Event]) -> ClassificationRecord | None:
    """Where the sprint qualifying alone is asked about; while its pole is a guess, it was made."""
    slug = weekend.grand_prix.slug
    key = slug, SessionType.SPRINT
    sprint = next((one for one in events if (one.grand_prix, one.session_type) == key), None)
    dates = weekend.grand_prix.race_dates
    if sprint is None or not sprint.has_results or not dates:
        return None
    if weekend.state != Event.ResultsState.PENDING:
        return None
    race = RaceIdentity(
        sprint.season,
        sprint.round_number or 0,
        sprint.name,
        dates[0],
        sprint.country,
        sprint.location,
    )
    results = tuple(
        ResultRecord(**{name: getattr(row, name) for name in RESULT_FIELDS})
        for row in sprint.classification
    )
    source = Source(sprint.results_source)
    return ClassificationRecord(
        race, SessionType.SPRINT, source, sprint.results_generated_at, results
    )


def _report(
    gathered: Gathered,
    weekends: Sequence[Weekend],
    asked: Asked,
    guesses: Collection[str],
    run: SeasonRun,
) -> None:
    """Why something is not official; loudly where an old session has nothing at all."""
    told: dict[tuple[str, str, bool], list[str]] = {}
    for weekend in weekends:
        error = asked.errors.get(weekend.grand_prix.slug)
        if error is not None and error is not gathered.refusal:
            instead = _name_what_stands(weekend, guesses)
            is_loud = instead == NOTHING and weekend.is_overdue(run.now)
            what = f"{error}; {instead}", error.advice, is_loud
            told.setdefault(what, []).append(weekend.grand_prix.name)
    for (message, advice, is_loud), names in told.items():
        problem = Problem(
            f"{message}: {', '.join(names)}",
            run.season,
            session_type=SPRINT_QUALIFYING.value,
            advice=advice,
        )
        (gathered.problems if is_loud else gathered.notes).append(problem)


def _name_what_stands(weekend: Weekend, guesses: Collection[str]) -> str:
    if weekend.grand_prix.slug in guesses:
        return BY_GRID
    return NOTHING if weekend.state == Event.ResultsState.PENDING else SAVED
