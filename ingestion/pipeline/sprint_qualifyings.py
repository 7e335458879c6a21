"""Request sprint qualifyings, which Jolpica has in its newer form alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from ingestion.errors import IngestionError, SourceRateLimited
from ingestion.models import Event
from ingestion.pipeline.known_drivers import list_known
from ingestion.pipeline.picture import Answers, Outcome, SeasonTask
from ingestion.pipeline.plan import PlannedQuery, Session
from ingestion.pipeline.queries import find_session, request_each
from ingestion.records import ClassificationRecord, RaceIdentity, ResultRecord, Source
from ingestion.report import Problem
from ingestion.sessions import SessionType


def gather_sprint_qualifyings(
    task: SeasonTask, query: PlannedQuery, so_far: Answers, events: Sequence[Event], *, fresh: bool
) -> Answers:
    """Request them of Jolpica's newer form; where it has none the sprint's grid shows the pole,
    give or take penalties."""
    sessions = query.sessions or ()
    source = task.sources.named(query.source)
    errors: dict[str | None, IngestionError] = {}
    if source is not None and source.offers(task.season, query.session_type):
        known = list_known(task, so_far)
        # One more for the list of the season's rounds.
        with task.sources.block(1 + len(sessions)):
            answers, errors = request_each(task, source, query, known=known, fresh=fresh)
    else:
        # Where there is no newer form nothing is requested, and nothing is due again at once.
        outcome = partial(Outcome, query.source, query.session_type)
        answers = Answers(outcomes=tuple(outcome(one.grand_prix.slug) for one in sessions))
    poles = {
        session.grand_prix.slug: pole
        for session in sessions
        if (pole := _guess_pole(session, so_far + answers, events)) is not None
    }
    answers += Answers(classifications=tuple(poles.values()))
    return answers + _describe_missing(task, query, errors, set(poles), answers.refusal)


def _guess_pole(
    session: Session, answers: Answers, events: Sequence[Event]
) -> ClassificationRecord | None:
    """The pole by the sprint that this run was answered, else by the saved one; None where there is
    something better."""
    if session.is_published or find_session(session, answers):
        return None
    sprint = replace(session, session_type=session.session_type.partner)
    known = [one for one in find_session(sprint, answers) if isinstance(one, ClassificationRecord)]
    if known:
        return read_sprint_pole(known[0])
    # The qualifying alone was requested; while its pole is a guess, it was made already.
    key = session.grand_prix.slug, sprint.session_type.value
    event = next((one for one in events if (one.grand_prix, one.session_type) == key), None)
    dates = session.grand_prix.race_dates
    if event is None or not event.has_results or not dates:
        return None
    if session.results_state != Event.ResultsState.PENDING:
        return None
    race = RaceIdentity(
        event.season, event.round_number or 0, event.name, dates[0], event.country, event.location
    )
    results = tuple(ResultRecord(**row.as_entry()) for row in event.classification)
    source, made_at = Source(event.results_source), event.results_generated_at
    return read_sprint_pole(
        ClassificationRecord(race, sprint.session_type, source, made_at, results)
    )


def read_sprint_pole(sprint: ClassificationRecord) -> ClassificationRecord | None:
    """Its qualifying as its grid shows it: one entry, and a guess, since penalties and starts from
    the pit lane come between the two. None where no car, or more than one, started from slot 1."""
    first = [row for row in sprint.results if row.grid == 1]
    if len(first) != 1:
        return None
    [pole] = first
    entry = ResultRecord(
        order=1,
        position=1,
        classification="1",
        driver_id=pole.driver_id,
        driver_number=pole.driver_number,
        driver_code=pole.driver_code,
        driver_name=pole.driver_name,
        constructor_id=pole.constructor_id,
        constructor_name=pole.constructor_name,
    )
    return ClassificationRecord(
        sprint.race,
        SessionType.SPRINT_QUALIFYING,
        Source.SPRINT_GRID,
        sprint.generated_at,
        (entry,),
    )


def _describe_missing(
    task: SeasonTask,
    query: PlannedQuery,
    errors: Mapping[str | None, IngestionError],
    guessed: set[str],
    refusal: SourceRateLimited | None,
) -> Answers:
    """Why something is not published; a problem where an old session has nothing at all. What is
    alike is said once."""
    names: dict[tuple[str, str, bool], list[str]] = {}
    for session in query.sessions or ():
        error = errors.get(session.grand_prix.slug)
        if error is None or error is refusal:
            continue
        is_pending = session.results_state == Event.ResultsState.PENDING
        instead = "nothing shows the pole yet" if is_pending else "what is saved stays"
        if session.grand_prix.slug in guessed:
            instead, is_pending = "the sprint's grid shows the pole meanwhile", False
        key = f"{error}; {instead}", error.advice, is_pending and session.is_overdue(task.now)
        names.setdefault(key, []).append(session.grand_prix.name)
    problems: list[Problem] = []
    notes: list[Problem] = []
    for (message, advice, is_loud), grands_prix in names.items():
        text = f"{message}: {', '.join(grands_prix)}"
        problem = Problem(text, task.season, session_type=query.session_type, advice=advice)
        (problems if is_loud else notes).append(problem)
    return Answers(problems=tuple(problems), notes=tuple(notes))
