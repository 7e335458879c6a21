"""Whether the upstreams answer and make sense: each is requested once, and nothing is saved."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.budget import Budget
from ingestion.errors import IngestionError
from ingestion.sources import SourceConfig, connect


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of it by upstream, None where it answered; `clock_offset` as a run has it."""

    errors: dict[str, IngestionError | None]
    clock_offset: timedelta | None


def probe_upstreams(season: int, config: SourceConfig, *, clock: Callable[[], datetime]) -> Probe:
    """Of the season's calendars, past the caches, within the hour's budget.

    Raises `IngestionError` where FastF1's cache cannot be used.
    """
    budget = Budget(clock=clock)
    sources = connect(config, reserve=budget.reserve, give_back=budget.give_back, clock=clock)
    errors: dict[str, IngestionError | None] = {}
    for source in sources.calendars(season):
        name = source.label.removeprefix("the ")
        try:
            source.fetch_calendar(season, fresh=True)
            errors[name] = None
        except IngestionError as error:
            errors[name] = error
    return Probe(errors, sources.clock_offset)
