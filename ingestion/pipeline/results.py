"""Ask for the classifications of a season, or of single grands prix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from ingestion import fetch, transform
from ingestion.errors import (
    BadSourceData,
    IngestionError,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.matching import StoredGrandPrix, find_listed, is_race_of
from ingestion.pipeline.calendars import ask_jolpicas_calendar
from ingestion.pipeline.season import Classifications, Gathered, SeasonRun
from ingestion.pipeline.wanted import (
    Heard,
    RestOfSeason,
    Wanted,
    WantedGrandPrix,
    WantedOfKind,
    is_silent,
)
from ingestion.records import ClassificationRecord, UnreadableClassification
from ingestion.report import Problem
from ingestion.sessions import SessionType


def gather_results(gathered: Gathered, wanted: Wanted, run: SeasonRun) -> None:
    for session_type in fetch.ENDPOINTS:
        if session_type in wanted:
            run.listen(f"{run.season} {session_type.replace('_', ' ')} results")
            error = _gather_kind(gathered, session_type, wanted[session_type], run)
            if isinstance(error, SourceRateLimited):
                break


def _gather_kind(
    gathered: Gathered,
    session_type: SessionType,
    asked: WantedOfKind,
    run: SeasonRun,
) -> IngestionError | None:
    """The season or its rest at once, or each grand prix alone; what stopped it, if anything
    did."""
    if asked is None:
        ask = partial(_ask_results, gathered, session_type, run)
        return _hear(gathered, session_type, [None], run, ask)
    if isinstance(asked, RestOfSeason):
        try:
            ask = partial(_ask_rest, gathered, session_type, asked, run)
            slugs = [one.grand_prix.slug for one in asked.grands_prix]
            return _hear(gathered, session_type, slugs, run, ask)
        except fetch.RowsMoved:
            # Somebody was added or taken away further up: each alone then, which needs no row.
            asked = asked.grands_prix
    return _gather_alone(gathered, session_type, asked, run)


def _gather_alone(
    gathered: Gathered,
    session_type: SessionType,
    alone: tuple[WantedGrandPrix, ...],
    run: SeasonRun,
) -> IngestionError | None:
    for number, one in enumerate(alone, start=1):
        ask = partial(_ask_round, gathered, session_type, one, run)
        error = _hear(gathered, session_type, [one.grand_prix.slug], run, ask)
        if is_silent(error):
            # The others would be answered alike.
            unasked = alone[number:]
            gathered.heard += [
                Heard(session_type, other.grand_prix.slug, error=error) for other in unasked
            ]
            return error
    return None


def _hear(
    gathered: Gathered,
    session_type: SessionType,
    slugs: Sequence[str | None],
    run: SeasonRun,
    ask: Callable[[], "Told"],
) -> IngestionError | None:
    """What one question about these grands prix, None for all, brought."""
    try:
        answer = ask()
    except fetch.RowsMoved:
        raise
    except (SourceUnavailable, BadSourceData) as error:
        if isinstance(error, SourceRateLimited):
            # Said once, of all that is left.
            gathered.refusal = error
        else:
            problem = run.problem(str(error), error, session_type)
            only = slugs[0] if len(slugs) == 1 else None
            gathered.problems.append(replace(problem, grand_prix=only))
        gathered.has_failed = True
        expires_at = error.expires_at if isinstance(error, BadSourceData) else None
        gathered.heard += [Heard(session_type, slug, expires_at, error) for slug in slugs]
        return error
    gathered.classifications += answer.classifications
    gathered.heard += [Heard(session_type, slug, answer.expires_at) for slug in slugs]
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says, whether of other races too, and until when it would be the same."""

    classifications: Classifications
    expires_at: datetime | None = None
    has_others: bool = False


def _ask_results(
    gathered: Gathered,
    session_type: SessionType,
    run: SeasonRun,
    round_number: int | None = None,
    *,
    before: fetch.Before | None = None,
    pages_expected: int | None = None,
) -> Told:
    if pages_expected is None:
        pages_expected = 1 if round_number is not None else gathered.pages.get(session_type, 1)
    answer = fetch.fetch_results(
        run.upstream,
        run.season,
        session_type,
        round_number=round_number,
        before=before,
        pages_expected=pages_expected,
        fresh=run.request.refresh or gathered.is_live,
    )
    try:
        classifications = transform.read_classifications(
            answer.content, run.season, session_type, answer.page_ages
        )
    except BadSourceData:
        fetch.forget(answer)
        raise
    gathered.answers += 1
    whole = [_asked_alone(one, run) if _is_mixed(one) else one for one in classifications]
    return Told(whole, answer.expires_at)


def _ask_rest(
    gathered: Gathered, session_type: SessionType, rest: RestOfSeason, run: SeasonRun
) -> Told:
    """Without the one row of the race before."""
    before = None if rest.after is None else fetch.Before(rest.rows, rest.after)
    told = _ask_results(gathered, session_type, run, before=before, pages_expected=rest.pages)
    whole = [one for one in told.classifications if one.race.round_number != rest.after]
    return replace(told, classifications=whole)


def _is_mixed(one: ClassificationRecord | UnreadableClassification) -> bool:
    return isinstance(one, ClassificationRecord) and one.is_mixed


def _asked_alone(
    mixed: ClassificationRecord | UnreadableClassification, run: SeasonRun
) -> ClassificationRecord | UnreadableClassification:
    """A race whose halves were made at different times may be of two revisions: asked again, in
    one piece."""
    race, session_type = mixed.race, mixed.session_type
    reason = "its halves are of different age"
    try:
        answer = fetch.fetch_results(
            run.upstream, run.season, session_type, round_number=race.round_number, fresh=True
        )
        again = transform.read_classifications(
            answer.content, run.season, session_type, answer.page_ages
        )
    except (SourceUnavailable, BadSourceData) as error:
        return UnreadableClassification(race, session_type, f"{reason}; {error}")
    for one in again:
        if one.race == race and not _is_mixed(one):
            return one
    return UnreadableClassification(race, session_type, reason)


def _ask_round(
    gathered: Gathered, session_type: SessionType, one: WantedGrandPrix, run: SeasonRun
) -> Told:
    """The wanted grand prix under Jolpica's own round, which may not be ours.

    Where only ours is known it is tried; an answer about another race is refused and named, one
    about none says nothing, and the right number is looked for.
    """
    own = _round_of(gathered, one.grand_prix)
    number = own if own is not None else one.round_number
    told = Told([])
    if number is not None:
        told = _right_ones(gathered, session_type, one.grand_prix, number, run)
    is_known = own is not None or (one.is_upstreams and not told.has_others)
    if told.classifications or is_known:
        return told
    _look_for_rounds(gathered, run)
    own = _round_of(gathered, one.grand_prix)
    if own is None:
        error = BadSourceData(f"Jolpica's calendar of {run.season} has no {one.grand_prix.name}")
        error.expires_at = told.expires_at
        raise error
    if own == number:
        return told
    return _right_ones(gathered, session_type, one.grand_prix, own, run)


def _look_for_rounds(gathered: Gathered, run: SeasonRun) -> None:
    if gathered.jolpicas_calendar is None:
        gathered.other_calendar = ask_jolpicas_calendar(run, fresh=True)


def _right_ones(
    gathered: Gathered,
    session_type: SessionType,
    wanted: StoredGrandPrix,
    number: int,
    run: SeasonRun,
) -> Told:
    """What the answer says of the wanted grand prix; what it says of another is refused, and
    named."""
    told = _ask_results(gathered, session_type, run, number)
    right = [one for one in told.classifications if is_race_of(one.race, wanted)]
    others = [one for one in told.classifications if one not in right]
    gathered.notes += [_refusal(one, wanted, run) for one in others]
    return Told(right, told.expires_at, has_others=bool(others))


def _round_of(gathered: Gathered, wanted: StoredGrandPrix) -> int | None:
    """Jolpica's round of a grand prix, None where its calendar is not at hand or lacks it."""
    calendar = gathered.jolpicas_calendar
    listed = find_listed(wanted, calendar.grands_prix) if calendar is not None else None
    return listed.round_number if listed is not None else None


def _refusal(
    other: ClassificationRecord | UnreadableClassification,
    wanted: StoredGrandPrix,
    run: SeasonRun,
) -> Problem:
    race = other.race
    return Problem(
        f"Jolpica's round {race.round_number} is the {race.name} of {race.race_date}, "
        f"not the {wanted.name}; it was refused",
        run.season,
        session_type=other.session_type.value,
    )
