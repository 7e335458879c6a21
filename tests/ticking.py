"""The tasks as a worker runs them, on a clock that the test moves, against a stand-in upstream on
the same clock."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.queue import tasks
from ingestion.sample.season import load_season, without_results
from tests.command_line import asked
from tests.upstream import FaultyUpstream

TICK = timedelta(minutes=5)


@dataclass
class World:
    """`now` is the time everywhere; `at` gives a time of 2024 in UTC."""

    upstream: FaultyUpstream
    now: datetime = field(default_factory=lambda: at("03-01"))

    def read_clock(self) -> datetime:
        return self.now

    def tick(self) -> str:
        return tasks.tick(clock=self.read_clock)

    def tick_until(self, end: str, *, step: timedelta = TICK) -> dict[str, list[str]]:
        """A tick every so often; what was asked, by the time of the tick that asked it."""
        questions = {}
        while self.now < at(end):
            self.tick()
            if found := asked(self.upstream):
                questions[f"{self.now:%m-%d %H:%M}"] = found
            self.now += step
        self.now = at(end)
        return questions

    def jump_to(self, time: str) -> None:
        """Without the ticks in between; one at that time, whose questions are forgotten."""
        self.now = at(time)
        self.tick()
        asked(self.upstream)

    def refresh_schedule(self) -> list[str]:
        tasks.refresh_schedule(clock=self.read_clock)
        return asked(self.upstream)

    def publish(self, *kinds: str) -> None:
        """Results of these kinds of session (`races`, `qualifyings`, ...), of every grand prix."""
        season = self.upstream.seasons[2024]
        real = load_season(2024)
        changed = {kind: getattr(real, kind) for kind in kinds}
        self.upstream.seasons[2024] = replace(season, **changed)


def at(text: str) -> datetime:
    """'07-28 16:00' is a time of 2024, UTC."""
    return datetime.fromisoformat(f"2024-{text}").replace(tzinfo=UTC)


@pytest.fixture
def world(upstream: FaultyUpstream, tmp_path: Path, settings: Any, fastf1_restored: None) -> World:
    """The season that the upstream has, before its first result."""
    upstream.seasons[2024] = without_results(upstream.seasons[2024])
    world = World(upstream)
    upstream.clock = world.read_clock
    settings.F1_SCHEDULE_URL = upstream.schedule_url
    settings.JOLPICA_URL = upstream.jolpica_url
    settings.FASTF1_CACHE_DIR = tmp_path / "cache"
    return world
