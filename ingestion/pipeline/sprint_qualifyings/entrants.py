"""Who drove for whom, by the keys of the form that FastF1 reads."""

from ingestion import transform
from ingestion.models import Result
from ingestion.pipeline.season import Classifications
from ingestion.records import ClassificationRecord

ENTRANT_FIELDS = (
    "driver_id",
    "driver_number",
    "driver_code",
    "driver_name",
    "constructor_id",
    "constructor_name",
)


def met_entrants(classifications: Classifications) -> list[transform.Entrant]:
    """In this run, before anything of it is saved."""
    return [
        row
        for one in classifications
        if isinstance(one, ClassificationRecord)
        for row in one.results
    ]


def known_entrants(season: int) -> list[transform.Entrant]:
    """Who drove for whom, by what is stored of the season."""
    stored = Result.objects.filter(event__season=season).order_by()
    return list(stored.values_list(*ENTRANT_FIELDS, named=True).distinct())
