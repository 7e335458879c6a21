"""Whether the upstreams answer and make sense: each is asked once, and nothing is saved."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingestion import fetch
from ingestion.budget import Budget
from ingestion.errors import IngestionError
from ingestion.pipeline.calendars import ask_jolpicas_calendar, ask_schedule_file
from ingestion.pipeline.request import Addresses, IngestRequest
from ingestion.pipeline.season import SeasonRun


@dataclass(slots=True)
class Probe:
    """What came of it by upstream, None where it answered; `clock_offset` as a run has it."""

    errors: dict[str, IngestionError | None] = field(default_factory=dict)
    clock_offset: timedelta | None = None


def probe_upstreams(season: int, addresses: Addresses, *, clock: Callable[[], datetime]) -> Probe:
    """Of the season's calendars, past the caches, within the hour's budget.

    Raises `IngestionError` where FastF1's cache cannot be used.
    """
    budget = Budget(clock=clock)
    upstream = fetch.connect(
        cache_dir=addresses.cache_dir,
        schedule_url=addresses.schedule_url,
        jolpica_url=addresses.jolpica_url,
        reserve=budget.reserve,
        give_back=budget.give_back,
        clock=clock,
    )
    run = SeasonRun(season, IngestRequest((season,), addresses), upstream, clock(), lambda _: None)
    probe = Probe()
    for name, ask in (("schedule file", ask_schedule_file), ("Jolpica", ask_jolpicas_calendar)):
        try:
            ask(run, fresh=True)
            probe.errors[name] = None
        except IngestionError as error:
            probe.errors[name] = error
    probe.clock_offset = upstream.clock_offset
    return probe
