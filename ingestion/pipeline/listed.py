"""Request what the second source lists beside the calendars: sessions, and who drives in them."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

from ingestion.errors import BadSourceData, ResultsNotReady, SourceUnavailable
from ingestion.matching import gather_grands_prix, is_race_of
from ingestion.models import Event
from ingestion.pipeline.known_drivers import read_last_known
from ingestion.pipeline.picture import Answers, SeasonTask
from ingestion.report import Problem
from ingestion.sources import EntrantsQuery, SourceAnswer

T = TypeVar("T")

# From a weekend's first practice to its race.
LONGEST_WEEKEND = timedelta(days=4)


def gather_listed(task: SeasonTask, events: Sequence[Event]) -> Answers:
    """Request the season's sessions, and who drives in the grands prix whose weekend has begun."""
    answers = Answers()
    for source in task.sources.provisional():
        listed, notes = request_optional(task, partial(source.fetch_listed, task.season))
        answers += Answers(notes=notes, listed=listed)
    soon = task.now + LONGEST_WEEKEND
    slugs = {
        event.grand_prix
        for event in events
        if event.status == Event.Status.SCHEDULED
        and event.locks_at is not None
        and task.now < event.locks_at <= soon
    }
    if not slugs:
        return answers
    known = task.known or tuple(read_last_known(task.season))
    for one in gather_grands_prix([event.as_stored() for event in events]):
        if one.slug not in slugs:
            continue
        query = EntrantsQuery(task.season, one.slug, partial(is_race_of, requested=one), known)
        for source in task.sources.provisional():
            entrants, notes = request_optional(task, partial(source.fetch_entrants, query))
            answers += Answers(notes=notes, entrants=entrants)
    return answers


def request_optional(
    task: SeasonTask, fetch: Callable[[], SourceAnswer[T]]
) -> tuple[tuple[T, ...], tuple[Problem, ...]]:
    """What an optional source has, and the notes: what goes wrong with it is one as well."""
    try:
        answer = fetch()
    except ResultsNotReady:
        return (), ()
    except (SourceUnavailable, BadSourceData) as error:
        return (), (task.problem(str(error), error),)
    return answer.records, task.note_each(answer.notices)
