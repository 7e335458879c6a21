"""The pole as the sprint's grid shows it, where nothing better is known."""

from collections.abc import Sequence

from ingestion import transform
from ingestion.matching import is_race_of
from ingestion.models import Event
from ingestion.pipeline.season import Gathered
from ingestion.pipeline.sprint_qualifyings.weekends import SPRINT_QUALIFYING, Weekend
from ingestion.records import (
    RESULT_FIELDS,
    ClassificationRecord,
    RaceIdentity,
    ResultRecord,
    Source,
)
from ingestion.sessions import SessionType


def guess_poles(
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
