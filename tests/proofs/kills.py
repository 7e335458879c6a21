"""SIGKILL at random moments of an ingest, and what is found after each."""

import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from django.db import connection

from ingestion.budget import BUDGET_LOCK
from ingestion.models import IngestRun
from ingestion.pipeline import ingest
from tests.forks import KILLED, fork, kill_after, wait
from tests.proofs.consistency import (
    assert_consistent,
    comparable_rows,
    describe_difference,
    find_faults,
)
from tests.proofs.databases import Databases
from tests.proofs.stages import Served, Stage, request_of

MEASURED_RUNS = 3
# A clock's kill comes too late where the run was quicker than usual; it is drawn again.
MOST_TRIES = 4
OUTPUT = "output"
# Kept in the cache's folder: the overview, the download and its redirect are not requested again.
COPIES, REQUESTS_OF_DUMP = "jolpica_dump_*.zip", 3


class Phase(IntEnum):
    """Of a run, by what it saves: before its first transaction, inside one, after one (and
    perhaps before the next)."""

    BEFORE = 0
    INSIDE = 1
    AFTER = 2


class Progress:
    """How far a forked run came, for the process that kills it. A step is what lies between two
    statements or commits: each has one before and one after it."""

    def __init__(self) -> None:
        self._told = RawArray("d", 4)

    @property
    def steps(self) -> int:
        return int(self._told[0])

    @property
    def phase(self) -> Phase:
        return Phase(int(self._told[1]))

    @property
    def saves_from(self) -> "Moment":
        """When its first transaction began: by a clock that all processes share, and its step."""
        return Moment(seconds=self._told[2], step=int(self._told[3]))

    def take_step(self) -> int:
        self._told[0] += 1
        return self.steps

    def enter(self) -> None:
        if self.phase is Phase.BEFORE:
            self._told[2:4] = [time.monotonic(), self.steps + 1]
        self._told[1] = Phase.INSIDE

    def leave(self) -> None:
        if self.phase is Phase.INSIDE:
            self._told[1] = Phase.AFTER


@dataclass(frozen=True)
class Moment:
    """After so many seconds, or at a step."""

    seconds: float | None = None
    step: int | None = None

    def __str__(self) -> str:
        return f"step {self.step}" if self.step else f"{self.seconds:.3f} s"


@dataclass(frozen=True)
class Undisturbed:
    """A stage's run that nobody killed: from which database, what it left, how long it took, and
    from when on it saved."""

    stage: Stage
    served: Served
    template: str
    rows: dict[str, Any]
    seconds: float
    steps: int
    saves_after: float
    saves_from_step: int

    def draw(self, number: int, luck: random.Random) -> Moment:
        """By the clock and at a step in turn; over the whole run, and over what it saves."""
        is_saving = number % 4 >= 2
        if number % 2:
            return Moment(step=luck.randint(self.saves_from_step if is_saving else 1, self.steps))
        return Moment(seconds=luck.uniform(self.saves_after if is_saving else 0, self.seconds))


@dataclass
class Killed:
    """What came of the kills on one database."""

    hits: Counter[tuple[str, Phase]] = field(default_factory=Counter)
    deviations: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.hits.total()

    def count(self, stage: str, phase: Phase | None = None) -> int:
        return sum(
            hits
            for (name, hit), hits in self.hits.items()
            if name == stage and phase in (None, hit)
        )


@contextmanager
def steps_taken(progress: Progress, at_step: Callable[[int], None]) -> Iterator[None]:
    """`at_step` hears of each step of this process's database connection."""

    def step() -> None:
        at_step(progress.take_step())

    def execute_between_steps(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if connection.in_atomic_block and not _is_budgets(sql, params):
            progress.enter()
        step()
        done = execute(sql, params, many, context)
        step()
        return done

    commit = connection.commit

    def commit_between_steps() -> None:
        step()
        commit()
        progress.leave()
        step()

    connection.commit = commit_between_steps  # type: ignore[method-assign]
    with connection.execute_wrapper(execute_between_steps):
        yield


def _is_budgets(sql: str, params: Any) -> bool:
    """Of the transaction in which requests are set aside, which saves no facts."""
    return "ingestion_requestblock" in sql or list(params or ()) == [BUDGET_LOCK]


def run_stage(stage: Stage, served: Served, cache_dir: Path) -> None:
    """In a fork: an ingest that ends well, or this process with its problems."""
    report = ingest(
        request_of(stage, served, cache_dir),
        clock=lambda: stage.now,
        show_step=lambda *_, **__: None,
    )
    if report.outcome != "ok":
        raise SystemExit("\n".join(map(str, report.problems)))


def measure(stage: Stage, served: Served, template: str, databases: Databases) -> Undisturbed:
    """The quickest of some, so that few kills come too late."""
    runs = [_run_undisturbed(stage, served, template, databases) for _ in range(MEASURED_RUNS)]
    return min(runs, key=lambda run: run.seconds)


def _run_undisturbed(
    stage: Stage, served: Served, template: str, databases: Databases
) -> Undisturbed:
    progress = Progress()
    with databases.copied(template), tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        code = wait(_fork_run(stage, served, Path(folder), progress, Moment()))
        seconds = time.monotonic() - begun
        if code:
            said = last_line(Path(folder))
            raise RuntimeError(f"the undisturbed run of '{stage.name}' ended with {code}: {said}")
        assert_consistent()
        return Undisturbed(
            stage,
            served,
            template,
            comparable_rows(),
            seconds,
            progress.steps,
            (progress.saves_from.seconds or begun) - begun,
            progress.saves_from.step or 1,
        )


def _fork_run(
    stage: Stage, served: Served, folder: Path, progress: Progress, moment: Moment
) -> int:
    def die_at_the_moment(step: int) -> None:
        if step == moment.step:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        with steps_taken(progress, die_at_the_moment):
            run_stage(stage, served, folder / "cache")

    connection.close()
    return fork(work, output=folder / OUTPUT)


def last_line(folder: Path) -> str:
    """What the last run that was forked with this folder said in the end."""
    lines = (folder / OUTPUT).read_text(encoding="utf-8").splitlines()
    return lines[-1] if lines else "it said nothing"


def kill_many(
    runs: list[Undisturbed],
    kills: int,
    luck: random.Random,
    databases: Databases,
    tell: Callable[[int], None],
) -> Killed:
    """The stages in turn."""
    killed = Killed()
    tries = 0
    while killed.kills < kills and tries < MOST_TRIES * kills:
        run = runs[tries % len(runs)]
        moment = run.draw(tries // len(runs), luck)
        tries += 1
        _kill_once(run, moment, killed, databases)
        tell(killed.kills)
    if killed.kills < kills:
        killed.deviations.append(f"only {killed.kills} of {tries} runs could be killed in time")
    return killed


def _kill_once(run: Undisturbed, moment: Moment, killed: Killed, databases: Databases) -> None:
    progress = Progress()
    stage = run.stage
    with databases.copied(run.template), tempfile.TemporaryDirectory() as folder:
        pid = _fork_run(stage, run.served, Path(folder), progress, moment)
        code = wait(pid) if moment.seconds is None else kill_after(moment.seconds, pid)
        if code == KILLED:
            killed.hits[stage.name, progress.phase] += 1
        where = f"'{stage.name}' killed at {moment}, {progress.phase.name.lower()} a transaction"
        if code not in (0, KILLED):
            said = last_line(Path(folder))
            killed.deviations.append(f"{where}: it ended with {code} by itself: {said}")
        killed.deviations += [f"{where}: {fault}" for fault in find_faults()]
        has_copy = bool(list((Path(folder) / "cache").glob(COPIES)))
        killed.deviations += [
            f"{where}, the next run: {fault}"
            for fault in _complete(run, Path(folder), has_copy=has_copy)
        ]


def _complete(run: Undisturbed, folder: Path, *, has_copy: bool) -> Iterator[str]:
    """The same again, undisturbed, with the same cache: of Jolpica's dump the overview alone where
    the killed run had downloaded it."""
    code = wait(_fork_run(run.stage, run.served, folder, Progress(), Moment()))
    if code:
        yield f"it ended with {code}: {last_line(folder)}"
    yield from find_faults()
    yield from describe_difference(run.rows, comparable_rows())
    if run.stage.earlier:
        requests = IngestRun.objects.latest("pk").requests
        promised = 1 if has_copy else REQUESTS_OF_DUMP
        if requests > promised:
            yield f"it took {requests} requests, {promised} are promised"
