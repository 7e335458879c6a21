"""Put queries to one source, session by session or for a whole season, and take what it answers."""

from collections.abc import Sequence
from functools import partial

from ingestion.errors import (
    BadSourceData,
    IngestionError,
    ResultsNotReady,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.matching import is_race_of
from ingestion.pipeline.picture import Answers, Outcome, SeasonTask
from ingestion.pipeline.plan import PlannedQuery, Session
from ingestion.pipeline.request import Mode
from ingestion.records import RaceIdentity
from ingestion.sources import (
    Classification,
    ClassificationQuery,
    KnownDriver,
    SourceAnswer,
    Upstream,
)


def request_each(
    task: SeasonTask,
    source: Upstream,
    query: PlannedQuery,
    *,
    known: Sequence[KnownDriver],
    fresh: bool,
) -> tuple[Answers, dict[str | None, IngestionError]]:
    """What the source answered, and the errors by grand prix (None: of the whole season). One that
    cannot be reached, or wants to be left alone, is not requested for the rest."""
    answers = Answers()
    errors: dict[str | None, IngestionError] = {}
    alone: Sequence[Session | None] = [None] if query.sessions is None else query.sessions
    silence: IngestionError | None = None
    for session in alone:
        slug = session.grand_prix.slug if session is not None else None
        outcome = partial(Outcome, query.source, query.session_type, slug)
        if silence is not None:
            errors[slug] = silence
            answers += Answers(outcomes=(outcome(error=silence),))
            continue
        try:
            answer = _fetch(task, source, query, session, known=known, fresh=fresh)
        except ResultsNotReady as error:
            # That there is nothing yet is an answer.
            errors[slug] = error
            had = outcome(expires_at=error.expires_at, is_not_now=error.is_not_now)
            answers += Answers(outcomes=(had,))
        except (SourceUnavailable, BadSourceData) as error:
            errors[slug] = error
            refusal = error if isinstance(error, SourceRateLimited) else None
            is_silent = isinstance(error, SourceUnavailable) and error.status is None
            silence = error if refusal or is_silent else None
            expires_at = error.expires_at if isinstance(error, BadSourceData) else None
            failed = outcome(expires_at=expires_at, error=error)
            answers += Answers(outcomes=(failed,), refusal=refusal)
        else:
            answers += Answers(
                classifications=answer.records,
                notes=task.note_each(answer.notices, query.session_type),
                outcomes=(outcome(expires_at=answer.expires_at),),
            )
    return answers, errors


def _fetch(
    task: SeasonTask,
    source: Upstream,
    query: PlannedQuery,
    session: Session | None,
    *,
    known: Sequence[KnownDriver],
    fresh: bool,
) -> SourceAnswer[Classification]:
    if session is None:
        whole = ClassificationQuery(task.season, query.session_type, pages_expected=query.pages)
        return source.fetch_classifications(whole, fresh=fresh)
    number = task.rounds.get(session.grand_prix.slug)
    alone = ClassificationQuery(
        task.season,
        query.session_type,
        round_number=session.round_number if number is None else number,
        is_own_round=number is not None,
        name=session.grand_prix.name,
        is_race=partial(_is_race, session),
        starts_at=session.starts_at,
        known=tuple(known),
        with_lists=task.request.mode is Mode.REFRESH,
    )
    return source.fetch_classifications(alone, fresh=fresh)


def _is_race(session: Session, race: RaceIdentity) -> bool:
    return is_race_of(race, session.grand_prix)


def find_session(session: Session, answers: Answers) -> list[Classification]:
    """What this run was answered about the session so far."""
    return [
        one
        for one in answers.classifications
        if one.session_type is session.session_type and is_race_of(one.race, session.grand_prix)
    ]
