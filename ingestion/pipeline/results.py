"""Request the classifications of a season: the published ones, then the provisional."""

from collections.abc import Sequence
from dataclasses import replace

from ingestion.errors import IngestionError, ResultsNotReady, SourceUnavailable
from ingestion.models import Event
from ingestion.pipeline.known_drivers import list_known
from ingestion.pipeline.picture import Answers, SeasonTask
from ingestion.pipeline.plan import PARTS, PlannedQuery, Session, plan_provisional
from ingestion.pipeline.queries import find_session, request_each
from ingestion.pipeline.request import Mode
from ingestion.pipeline.sprint_qualifyings import gather_sprint_qualifyings
from ingestion.plausibility import is_plausible
from ingestion.records import ClassificationRecord, Source, is_better_provisional
from ingestion.report import Problem
from ingestion.sessions import SessionType
from ingestion.sources import Classification, Upstream


def gather_classifications(
    task: SeasonTask,
    queries: Sequence[PlannedQuery],
    sessions: Sequence[Session],
    events: Sequence[Event],
    dumped: tuple[Classification, ...],
    *,
    fresh: bool,
) -> Answers:
    """The classifications of the season, those out of the dump included. The sources that publish
    come first; what none of them has is guessed from a sprint's grid, or requested of the
    provisional ones."""
    answers = Answers(classifications=dumped)
    fresh = fresh or task.request.mode is Mode.REFRESH
    for query in queries:
        if answers.refusal is not None:
            break
        is_shown_by_sprint = query.session_type is SessionType.SPRINT_QUALIFYING
        # What takes a request a session is left alone by a season where the server failed before.
        if is_shown_by_sprint and answers.problems and task.request.sessions is None:
            continue
        label = query.session_type.replace("_", " ")
        task.show_step(f"{task.season} {label} results", query.session_type)
        answers += (
            gather_sprint_qualifyings(task, query, answers, events, fresh=fresh)
            if is_shown_by_sprint
            else _request_published(task, query, answers, fresh=fresh)
        )
    if answers.refusal is not None and task.request.mode is not Mode.POLL:
        return answers
    for source in task.sources.provisional():
        awaited = [
            one
            for one in plan_provisional(task.request, source.name, sessions, task.now)
            if source.offers(task.season, one.session_type)
            and (
                # A witness is requested all the same where it is due.
                (source.name.is_second and task.request.sessions is not None)
                or not any(_is_better(had, source.name) for had in find_session(one, answers))
            )
        ]
        if awaited:
            answers = _gather_provisional(task, source, awaited, answers)
    return answers


def _request_published(
    task: SeasonTask, query: PlannedQuery, so_far: Answers, *, fresh: bool
) -> Answers:
    """The season at once, or each session alone, with what went wrong as problems."""
    source = task.sources.named(query.source)
    if source is None:
        return Answers()
    # The first of a season is matched with those of the last one.
    known = () if source.has_whole_seasons() else list_known(task, so_far, with_last_season=True)
    answers, errors = request_each(task, source, query, known=known, fresh=fresh)
    said: list[IngestionError] = [answers.refusal] if answers.refusal is not None else []
    problems = []
    for slug, error in errors.items():
        # A silence is said once, and a refusal by the run.
        if not any(error is one for one in said):
            said.append(error)
            problems.append(task.problem(str(error), error, query.session_type, slug))
    return answers + Answers(problems=tuple(problems))


def _is_better(classification: Classification, source: Source) -> bool:
    """Whether it is better than what the provisional source has: a better one's, or published and
    not one of the half-filled that come first after a session."""
    if not isinstance(classification, ClassificationRecord):
        return False
    if classification.is_provisional:
        return is_better_provisional(classification.source, source)
    return is_plausible(classification)


def _gather_provisional(
    task: SeasonTask, source: Upstream, awaited: Sequence[Session], so_far: Answers
) -> Answers:
    """The source's classifications of the awaited sessions: provisional ones, and OpenF1's as a
    witness of what is published."""
    task.show_step(f"{task.season} {source.label}", PARTS[-1])
    known = list_known(task, so_far, with_entrants=True)
    answers = so_far
    for session in awaited:
        kind, slug = session.session_type, session.grand_prix.slug
        query = PlannedQuery(source.name, kind, (session,))
        own, errors = request_each(task, source, query, known=known, fresh=True)
        # Without its refusal: the other sources may be requested all the same.
        answers += Answers(notes=own.notes, outcomes=own.outcomes)
        error = errors.get(slug)
        if error is None:
            answers = _put_in_place(task, source, session, own.classifications, answers)
            continue
        is_waiting = isinstance(error, ResultsNotReady)
        is_overdue = session.ends_at is not None and session.is_overdue(task.now)
        message = f"not available yet, {error}" if is_waiting else str(error)
        problem = task.problem(message, error, kind, slug)
        # The second source is optional everywhere: what is published does not wait for it.
        is_loud = not source.name.is_second and (is_overdue or not is_waiting)
        answers += Answers(problems=(problem,)) if is_loud else Answers(notes=(problem,))
        if isinstance(error, SourceUnavailable):
            # The others would be answered alike.
            break
    return answers


def _put_in_place(
    task: SeasonTask,
    source: Upstream,
    session: Session,
    own: tuple[Classification, ...],
    answers: Answers,
) -> Answers:
    """A session has one classification in a run: in the place of a guess, or of the half-filled one
    that the other sources have so far. The second source's is beside what is published, which is
    judged by itself."""
    worse = [one for one in find_session(session, answers) if not _is_better(one, source.name)]
    guesses = [one for one in worse if isinstance(one, ClassificationRecord) and one.is_provisional]
    replaced = guesses if source.name.is_second else worse
    kept = tuple(one for one in answers.classifications if one not in replaced)
    answers = replace(answers, classifications=kept + own)
    if replaced == guesses:
        return answers
    note = Problem(
        f"the published classification cannot be used yet, the one of {source.label} is",
        task.season,
        grand_prix=session.grand_prix.slug,
        session_type=session.session_type,
    )
    return answers + Answers(notes=(note,))
