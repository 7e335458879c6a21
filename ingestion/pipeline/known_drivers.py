"""Who is known to drive for whom, for sources that have no key of a driver."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.db.models import Count

from ingestion.models import Entrant, Event, Result
from ingestion.names import fold_name
from ingestion.pipeline.picture import Answers, SeasonTask
from ingestion.records import ClassificationRecord
from ingestion.save import ENTRANT_FACTS
from ingestion.sources import KnownDriver

ENTRANT_FIELDS = ("driver_id", *ENTRANT_FACTS)


def read_known(season: int, events: Iterable[Event]) -> tuple[Any, ...]:
    """Who is saved in which kind of session of the season, in which car and how often."""
    if not any(event.has_results for event in events):
        return ()
    stored = Result.objects.filter(event__season=season).order_by()
    names = (*ENTRANT_FIELDS, "event__session_type")
    counted = stored.values(*names).annotate(rows=Count("pk"))
    return tuple(counted.values_list(*names, "rows", named=True))


def read_last_known(season: int) -> list[Any]:
    """Who drove in the season before, for what comes before a season's first classification."""
    rows = Result.objects.filter(event__season=season - 1).order_by()
    return list(rows.values_list(*ENTRANT_FIELDS, named=True).distinct())


def read_known_entrants(season: int) -> list[Any]:
    """Who can be picked, for what comes before a driver's first classification."""
    rows = Entrant.objects.filter(season=season).order_by()
    return list(rows.values_list(*ENTRANT_FIELDS, named=True).distinct())


def list_known(
    task: SeasonTask,
    answers: Answers,
    *,
    with_last_season: bool = False,
    with_entrants: bool = False,
) -> list[KnownDriver]:
    """Who drove for whom: those whom this run has met, which costs nothing, and all whom the season
    knows."""
    met = [
        row
        for one in answers.classifications
        if isinstance(one, ClassificationRecord)
        for row in one.results
    ]
    stored: list[Any] = list(task.known)
    if not stored and with_last_season:
        stored = read_last_known(task.season)
    if with_entrants:
        stored += read_known_entrants(task.season)
    # Who is answered under a new key is no second driver of that name.
    keys = {fold_name(row.driver_name): row.driver_id for row in stored}
    return [
        *(
            replace(row, driver_id=keys.get(fold_name(row.driver_name), row.driver_id))
            for row in met
        ),
        *stored,
    ]
