"""What an upstream says at the stages of a small season, and a process that serves all of them.

The 2024 season of five grands prix, the first with a sprint. At one stage two of them are run; at
the next the stewards have changed three classifications, and the calendar has moved.
"""

import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ingestion.pipeline import IngestRequest, Mode, SourceConfig
from ingestion.sample.season import (
    Season,
    load_season,
    with_finishes,
    with_laps,
    with_start,
)
from tests.amending import SPRINT_POINTS, last, penalised, reinstated
from tests.command_line import small_season
from tests.forks import fork, wait
from tests.upstream import FaultyUpstream

YEAR = 2024
GRANDS_PRIX = ("china", "belgium", "netherlands", "italy", "azerbaijan")
RUN = ("china", "belgium")
SUNDAY_EVENING = datetime(2024, 7, 28, 20, tzinfo=UTC)
MONDAY = datetime(2024, 7, 29, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Stage:
    """`now` is the time, at the upstream as well; a run of `follows` went before. What is polled
    writes down in the end when to ask again. `earlier` seasons are filled with it, from Jolpica's
    dump."""

    name: str
    season: Season
    now: datetime
    follows: "Stage | None" = None
    is_polled: bool = False
    earlier: tuple[Season, ...] = ()

    @property
    def seasons(self) -> dict[int, Season]:
        return {season.year: season for season in (*self.earlier, self.season)}


@dataclass(frozen=True)
class Served:
    schedule_url: str
    jolpica_url: str

    def addresses(self, cache_dir: Path) -> SourceConfig:
        return SourceConfig(cache_dir, self.schedule_url, self.jolpica_url)


def build_stages(now: datetime) -> list[Stage]:
    """Of a season that is over, requested today and so through FastF1's cache, which goes by the
    real clock; of a running one, at first and after amendments and moves; of two that are over,
    from Jolpica's dump."""
    backfill = Stage("backfill", short_season(), now)
    evening = Stage("first", first_season(), SUNDAY_EVENING)
    return [
        backfill,
        Stage("amended backfill", with_other_winners(short_season()), now, follows=backfill),
        evening,
        Stage("amended", amended_season(), MONDAY, follows=evening, is_polled=True),
        Stage("archive", small_season(YEAR), now, earlier=(small_season(YEAR - 1),)),
    ]


def short_season(year: int = YEAR) -> Season:
    season = load_season(2024)
    kept = [season.grand_prix(key) for key in GRANDS_PRIX]
    numbered = tuple(replace(one, round=number) for number, one in enumerate(kept, start=1))
    return replace(season, year=year, testing=(), grands_prix=numbered)


def first_season() -> Season:
    """Two grands prix are run, and nobody was penalised yet."""
    return _published(with_other_winners(short_season()))


def with_other_winners(season: Season) -> Season:
    """Russell is not disqualified in Belgium, the second of China's sprint wins it."""
    season = with_finishes(
        season, "races", "belgium", reinstated(season.races["belgium"], "russell")
    )
    second = season.sprints["china"][1].driver
    earlier = penalised(season.sprints["china"], second, -30, SPRINT_POINTS)
    return with_finishes(season, "sprints", "china", earlier)


def amended_season() -> Season:
    """Russell is disqualified, a sprint's winner penalised, a qualifying's fifth put last; the
    Dutch race starts two hours later, Monza is off, and Singapore on."""
    season = _published(short_season())
    fifth = season.qualifyings["belgium"][4].driver
    season = with_laps(season, "qualifyings", "belgium", last(season.qualifyings["belgium"], fifth))
    start = season.grand_prix("netherlands").starts_at("Race")
    assert start is not None
    season = with_start(season, "netherlands", "Race", start + timedelta(hours=2))
    others = tuple(one for one in season.grands_prix if one.id not in ("italy", "azerbaijan"))
    azerbaijan = replace(season.grand_prix("azerbaijan"), round=4)
    singapore = replace(load_season(2024).grand_prix("singapore"), round=5)
    return replace(season, grands_prix=(*others, azerbaijan, singapore))


def _published(season: Season) -> Season:
    """With the results of what is run alone."""
    return replace(
        season,
        races=_only_run(season.races),
        sprints=_only_run(season.sprints),
        qualifyings=_only_run(season.qualifyings),
        sprint_qualifyings=_only_run(season.sprint_qualifyings),
    )


def _only_run(classifications: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType({key: classifications[key] for key in RUN if key in classifications})


def request_of(stage: Stage, served: Served, cache_dir: Path) -> IngestRequest:
    addresses = served.addresses(cache_dir)
    mode = Mode.POLL if stage.is_polled else Mode.FILL if stage.earlier else Mode.UPDATE
    return IngestRequest(tuple(stage.seasons), addresses, mode=mode)


@contextmanager
def all_served(stages: Sequence[Stage]) -> Iterator[list[Served]]:
    """Each stage by an upstream of its own, in one other process: what is forked from this one
    then has no threads. To be called before there are any."""
    ours, theirs = os.pipe()
    pid = fork(lambda: _serve(stages, theirs))
    os.close(theirs)
    try:
        with os.fdopen(ours) as told:
            yield [Served(**addresses) for addresses in json.loads(told.readline())]
    finally:
        os.kill(pid, signal.SIGKILL)
        wait(pid)


def _serve(stages: Sequence[Stage], told: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ExitStack() as stack:
        upstreams = [
            stack.enter_context(FaultyUpstream(stage.seasons, clock=_at(stage))) for stage in stages
        ]
        addresses = [
            {"schedule_url": one.schedule_url, "jolpica_url": one.jolpica_url} for one in upstreams
        ]
        os.write(told, f"{json.dumps(addresses)}\n".encode())
        _wait_for_the_end(os.getppid())


def _at(stage: Stage) -> Any:
    return lambda: stage.now


def _wait_for_the_end(parent: int) -> None:
    """Also where nobody is left to end this process."""
    while os.getppid() == parent:
        threading.Event().wait(1)
