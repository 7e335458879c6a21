"""What can be measured: each gets ready, and gives what is then timed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from ingestion.pipeline import IngestRequest, Mode, configured_rules, configured_sources, ingest
from ingestion.queue import tasks
from ingestion.report import SeasonLine
from ingestion.sessions import SessionType
from tests.proofs.bench.counting import read_memory
from tests.proofs.bench.measured import Task

MOST_TICKS_TO_PREPARE = 10


@dataclass(frozen=True)
class Work:
    """`troubles` are what it has to complain of, `peaks` the memory in MB after each season."""

    run: Callable[[], object]
    troubles: list[str] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)


def ingest_seasons(task: Task) -> Work:
    """As `manage.py ingest_f1 --year` does it; of several seasons with --wait, on a clock on which
    waiting for the hour's requests takes no time."""
    import_fastf1(task)
    is_range = len(task.seasons) > 1
    request = IngestRequest(
        task.seasons,
        configured_sources(),
        rules=configured_rules(),
        mode=Mode.FILL if is_range else Mode.UPDATE,
        waits=is_range,
    )
    clock = Clock()

    def hear(_line: SeasonLine) -> None:
        work.peaks.append(read_memory("VmHWM"))

    def run() -> None:
        report = ingest(
            request, clock=clock, show_step=tasks.ignore_progress, show_line=hear, sleep=clock.sleep
        )
        work.troubles.extend(str(problem) for problem in report.problems)

    work = Work(run)
    return work


def tick(task: Task) -> Work:
    """In a worker that has asked before."""
    import_fastf1(task)
    return idle(task)


def idle(task: Task) -> Work:
    """In a worker that has not: neither FastF1 nor pandas may come in."""
    return Work(partial(tasks.tick, clock=partial(read_time, task)))


def prepare(task: Task) -> Work:
    """A season that was followed until now."""
    clock = partial(read_time, task)

    def run() -> None:
        tasks.refresh_schedule(clock=clock)
        for _ in range(MOST_TICKS_TO_PREPARE):
            if not tasks.tick(clock=clock):
                return
        raise RuntimeError(f"something is due after {MOST_TICKS_TO_PREPARE} ticks at {task.at}")

    return Work(run)


def load_usual_season(task: Task) -> Work:
    import_fastf1(task)
    from tests.proofs.bench import usual

    usual.connect()
    return Work(partial(usual.load_season, task.seasons[0]))


def load_usual_event(task: Task) -> Work:
    import_fastf1(task)
    from tests.proofs.bench import usual

    usual.connect()
    return Work(partial(usual.load_event, task.seasons[0], task.round_number, SessionType.RACE))


WORK: dict[str, Callable[[Task], Work]] = {
    "season": ingest_seasons,
    "prepare": prepare,
    "tick": tick,
    "idle": idle,
    "usual season": load_usual_season,
    "usual event": load_usual_event,
}


def import_fastf1(task: Task) -> None:
    """Where its answers have expired, without what it keeps of them; what it made of them (live
    timing's alone) it keeps for ever."""
    if task.has_expired:
        for file in Path(settings.FASTF1_CACHE_DIR).glob("fastf1_http_cache.sqlite*"):
            file.unlink()
    import fastf1

    # It has a line for each session.
    fastf1.set_log_level("CRITICAL")


class Clock:
    """The real time; sleeping moves it instead of taking any."""

    def __init__(self) -> None:
        self._slept = timedelta(0)

    def __call__(self) -> datetime:
        return timezone.now() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += timedelta(seconds=seconds)


def read_time(task: Task) -> datetime:
    assert task.now is not None
    return task.now
