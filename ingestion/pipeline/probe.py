"""Whether the upstreams answer and make sense: each is requested now, and nothing is saved."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ingestion.budget import Budget
from ingestion.errors import IngestionError
from ingestion.pipeline.jolpica_form import settle_form
from ingestion.records import Source
from ingestion.sessions import SessionType
from ingestion.sources import SourceConfig, connect, list_limits


def probe_upstreams(
    season: int, config: SourceConfig, *, clock: Callable[[], datetime]
) -> tuple[dict[Source, IngestionError | None], timedelta | None]:
    """Request the season's calendars, and OpenF1's lists, past the caches and within the budget.
    Returns what came of it by upstream, None where it answered, and the clock's offset as a run has
    it.

    Raises `IngestionError` where FastF1's cache cannot be used.
    """
    budget = Budget(clock=clock, limits=list_limits(config))
    config, _ = settle_form(config, clock())
    sources = connect(config, reserve=budget.reserve, give_back=budget.give_back, clock=clock)
    errors: dict[Source, IngestionError | None] = {}
    for source in sources.all:
        try:
            if source.offers_calendar(season):
                source.fetch_calendar(season, fresh=True)
            elif source.name.is_second and source.offers(season, SessionType.RACE):
                source.fetch_listed(season, fresh=True)
            else:
                continue
            errors[source.name] = None
        except IngestionError as error:
            errors[source.name] = error
    return errors, sources.clock_offset
