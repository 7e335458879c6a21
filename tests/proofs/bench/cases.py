"""What is measured, in which order: each on a database that is as the case wants it."""

import contextlib
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from f1picks.environment import ROOT
from ingestion.sample.dump import build_dump
from ingestion.sample.season import Season
from ingestion.sample.upstream import read_clock
from tests.project import Project
from tests.proofs.bench.databases import Databases
from tests.proofs.bench.facts import (
    BELGIUM,
    EXPIRED,
    MORNING,
    NOTHING_DUE,
    RESULT_OUT,
    SEASON,
    Upstream,
    first_rounds,
    list_seasons,
    with_results_at,
)
from tests.proofs.bench.measured import Measured, Task

LONGEST = 900

EMPTY, AGAIN = "a season, empty database", "a season again, nothing changed"
POLL, POLL_AGAIN = "one event's poll, its result is new", "one event's poll, nothing new"
IDLE = "a tick with nothing due"
HISTORY = "1950 to now, from Jolpica's dump"
# A bench of fewer seasons than this is a test's, and its history is short too.
WHOLE_BENCH, YEARS_OF_HISTORY = 10, SEASON - 1949


def name_many(seasons: int) -> str:
    return f"{seasons} seasons, empty database"


@dataclass(frozen=True)
class Case:
    """`is_usual` of the way that most tools do it."""

    name: str
    is_usual: bool = False


class MeasurementError(Exception):
    """A process ended badly; the message has its last words."""


@dataclass
class Bench:
    """One kind of database; `found` are the measurements by case, one for each repeat."""

    databases: Databases
    upstream: Upstream
    rounds: int
    seasons: int
    ticks: int
    tell: Callable[[str], None]
    found: dict[Case, list[Measured]] = field(default_factory=lambda: defaultdict(list))

    @property
    def season(self) -> Season:
        return first_rounds(self.rounds)

    def run(self, repeats: int) -> None:
        with self.databases.created() as migrated:
            self._migrate(migrated)
            with self.databases.created(template=migrated) as prepared:
                self._prepare(prepared)
                for number in range(repeats):
                    self.tell(f"repeat {number + 1} of {repeats}")
                    self._measure_season(migrated)
                    self._measure_usual_way(migrated)
                    self._measure_weekend(prepared)
                    self._measure_many_seasons(migrated)
                    self._measure_history(migrated)

    def _migrate(self, url: str) -> None:
        migrated = _project(url, self.databases.folder).manage("migrate", "--verbosity", "0")
        if migrated.returncode:
            raise MeasurementError(migrated.stderr)

    def _prepare(self, url: str) -> None:
        self._serve(with_results_at(MORNING), at=MORNING)
        with self._cache() as cache:
            self._measure(Task(work="prepare", at=MORNING.isoformat()), url, cache)

    def _measure_season(self, migrated: str) -> None:
        self._serve(self.season)
        with self.databases.created(template=migrated) as url, self._cache() as cache:
            task = Task(work="season", seasons=(SEASON,))
            self._keep(Case(EMPTY), task, url, cache)
            self._keep(Case(AGAIN), replace(task, has_expired=True), url, cache)

    def _measure_usual_way(self, migrated: str) -> None:
        self._serve(self.season)
        with self.databases.created(template=migrated) as url:
            with self._cache() as cache:
                task = Task(work="usual season")
                self._keep(Case(EMPTY, is_usual=True), task, url, cache)
                task = replace(task, has_expired=True)
                self._keep(Case(AGAIN, is_usual=True), task, url, cache)
            with self._cache() as cache:
                task = Task(work="usual event", round_number=min(BELGIUM, self.rounds))
                self._keep(Case(POLL, is_usual=True), task, url, cache)
                task = replace(task, has_expired=True)
                self._keep(Case(POLL_AGAIN, is_usual=True), task, url, cache)

    def _measure_weekend(self, prepared: str) -> None:
        """Belgium's Sunday."""
        with self.databases.created(template=prepared) as url, self._cache() as cache:
            for case, work, at, times in (
                (POLL, "tick", RESULT_OUT, 1),
                (IDLE, "idle", NOTHING_DUE, self.ticks),
                (POLL_AGAIN, "tick", EXPIRED, 1),
            ):
                self._serve(with_results_at(at), at=at)
                task = Task(work=work, at=at.isoformat(), times=times, has_expired=True)
                self._keep(Case(case), task, url, cache)

    def _measure_many_seasons(self, migrated: str) -> None:
        seasons = list_seasons(self.rounds, self.seasons)
        self._serve(*seasons)
        with self.databases.created(template=migrated) as url, self._cache() as cache:
            task = Task(work="season", seasons=tuple(season.year for season in seasons))
            self._keep(Case(name_many(self.seasons)), task, url, cache)

    def _measure_history(self, migrated: str) -> None:
        years = YEARS_OF_HISTORY if self.seasons >= WHOLE_BENCH else self.seasons
        seasons = list_seasons(self.rounds, years)
        self._serve(*seasons)
        self.upstream.dump = build_dump(seasons)
        with self.databases.created(template=migrated) as url, self._cache() as cache:
            task = Task(work="season", seasons=tuple(season.year for season in seasons))
            self._keep(Case(HISTORY), replace(task, has_dump=True), url, cache)

    def _serve(self, *seasons: Season, at: datetime | None = None) -> None:
        self.upstream.seasons = {season.year: season for season in seasons}
        self.upstream.clock = read_clock if at is None else lambda: at

    def _keep(self, case: Case, task: Task, url: str, cache: Path) -> None:
        self.tell(f"{case.name}{', the usual way' if case.is_usual else ''}")
        self.found[case].append(self._measure(task, url, cache))

    def _measure(self, task: Task, url: str, cache: Path) -> Measured:
        self.upstream.clear_requests()
        task = replace(task, started=time.monotonic())
        project = _project(url, self.databases.folder)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.proofs.bench.inside", task.as_json()],
                check=False,
                cwd=ROOT,
                env=project.environment(
                    {
                        "DJANGO_SETTINGS_MODULE": "f1picks.settings",
                        "LOG_LEVEL": "ERROR",
                        "FASTF1_CACHE_DIR": str(cache),
                        "F1_SCHEDULE_URL": self.upstream.schedule_url,
                        "JOLPICA_URL": self.upstream.jolpica_url,
                        "JOLPICA_DUMP_URL": "" if task.has_dump else "off",
                    }
                ),
                capture_output=True,
                text=True,
                timeout=LONGEST,
            )
        except subprocess.TimeoutExpired as error:
            raise MeasurementError(f"{task.work} was not done within {LONGEST} s") from error
        if done.returncode:
            raise MeasurementError(f"{task.work} failed:\n{done.stderr}")
        return replace(
            Measured.from_json(done.stdout),
            requests=self.upstream.count_requests(),
            of_sprint_qualifyings=self.upstream.count_of_sprint_qualifyings(),
        )

    @contextlib.contextmanager
    def _cache(self) -> Iterator[Path]:
        """An empty folder for FastF1."""
        folder = self.databases.folder / f"cache-{time.monotonic_ns()}"
        folder.mkdir()
        yield folder


def _project(url: str, folder: Path) -> Project:
    return Project(database_url=url, folder=folder, allow_queries=nullcontext)
