"""Ask for the classifications of a season, or of one round."""

from ingestion import fetch, transform
from ingestion.errors import BadSourceData, SourceRateLimited, SourceUnavailable
from ingestion.lifecycle import is_over
from ingestion.matching import StoredGrandPrix, find_listed, is_race_of
from ingestion.pipeline.calendars import ask_jolpicas_calendar
from ingestion.pipeline.season import Classifications, Gathered, SeasonRun, Session
from ingestion.records import (
    ClassificationRecord,
    SessionType,
    Source,
    UnreadableClassification,
)
from ingestion.report import Problem

# Jolpica has qualifyings since 1994; until 2005 no calendar lists them.
FIRST_QUALIFYINGS = 1994
LAST_UNLISTED_QUALIFYINGS = 2005


def gather_results(
    gathered: Gathered,
    sessions: list[Session],
    wanted: StoredGrandPrix | None,
    run: SeasonRun,
) -> None:
    if not sessions and not gathered.problems:
        nothing = Problem(
            "no event of the season is stored",
            run.season,
            advice="Run it once without --skip-schedule",
        )
        gathered.problems.append(nothing)
    for session_type in _kinds_to_ask(run, sessions):
        run.listen(f"{run.season} {session_type.replace('_', ' ')} results")
        try:
            if wanted is None:
                gathered.classifications += _ask_results(gathered, session_type, run, None)
            else:
                gathered.classifications += _ask_round(gathered, session_type, wanted, run)
        except (SourceUnavailable, BadSourceData) as error:
            gathered.problems.append(run.problem(str(error), error, session_type))
            gathered.has_failed = True
            if isinstance(error, SourceRateLimited):
                break


def _ask_results(
    gathered: Gathered, session_type: SessionType, run: SeasonRun, round_number: int | None
) -> Classifications:
    answer = fetch.fetch_results(
        run.upstream,
        run.season,
        session_type,
        round_number=round_number,
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
    return [_asked_alone(one, run) if _is_mixed(one) else one for one in classifications]


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
    gathered: Gathered, session_type: SessionType, wanted: StoredGrandPrix, run: SeasonRun
) -> Classifications:
    """The wanted grand prix under Jolpica's own round, which may not be ours.

    Without Jolpica's calendar at hand our number is tried; an answer about another race is refused
    and named, and the right one looked for.
    """
    own = _round_of(gathered, wanted)
    number = own if own is not None else run.request.round_number
    right = _right_ones(gathered, session_type, wanted, number, run)
    if right or own is not None:
        return right
    if not any(calendar.source is Source.JOLPICA for calendar in gathered.calendars):
        gathered.other_calendar = ask_jolpicas_calendar(run, fresh=True)
    own = _round_of(gathered, wanted)
    if own is None:
        raise BadSourceData(f"Jolpica's calendar of {run.season} has no {wanted.name}")
    if own == number:
        return right
    return _right_ones(gathered, session_type, wanted, own, run)


def _right_ones(
    gathered: Gathered,
    session_type: SessionType,
    wanted: StoredGrandPrix,
    number: int | None,
    run: SeasonRun,
) -> Classifications:
    """What the answer says of the wanted grand prix; what it says of another is refused, and
    named."""
    classifications = _ask_results(gathered, session_type, run, number)
    right = [one for one in classifications if is_race_of(one.race, wanted)]
    gathered.notes += [_refusal(one, wanted, run) for one in classifications if one not in right]
    return right


def _round_of(gathered: Gathered, wanted: StoredGrandPrix) -> int | None:
    """Jolpica's round of a grand prix, None where its calendar is not at hand or lacks it."""
    calendars = [*gathered.calendars, gathered.other_calendar]
    for calendar in calendars:
        if calendar is not None and calendar.source is Source.JOLPICA:
            listed = find_listed(wanted, calendar.grands_prix)
            return listed.round_number if listed is not None else None
    return None


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


def _kinds_to_ask(run: SeasonRun, sessions: list[Session]) -> list[SessionType]:
    """The kinds of session of which one at least is over, each an endpoint of its own.

    Sprint qualifying has none in the form that FastF1 reads.
    """
    wanted = run.request.round_number
    over = {
        session.session_type
        for session in sessions
        if is_over(run.now, session.ends_at) and wanted in (None, session.round_number)
    }
    if FIRST_QUALIFYINGS <= run.season <= LAST_UNLISTED_QUALIFYINGS and SessionType.RACE in over:
        over.add(SessionType.QUALIFYING)
    return [kind for kind in fetch.ENDPOINTS if kind in over]
