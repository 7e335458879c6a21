"""The cells, each run on a database and a cache of its own, and what came of them."""

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from ingestion.corrections import Author, correct_start, disqualify, key_of
from ingestion.models import Event
from ingestion.sessions import SessionType
from tests.conftest import SERVER_URL
from tests.fastf1_limits import (
    cached_urls,
    connect,
    fetch_calendar,
    fetch_results,
    fetch_schedule,
    limits_lifted,
)
from tests.proofs.databases import Databases
from tests.proofs.faults import facts
from tests.proofs.faults.catalogue import Cell
from tests.proofs.faults.dumps import Dump, read_dump
from tests.proofs.faults.judging import (
    judge_archived,
    judge_healthy,
    judge_recovery,
    judge_rows,
)
from tests.proofs.faults.outcomes import expect
from tests.proofs.faults.places import CALENDAR, DRIVERS, IMOLA, ROUND, SCHEDULE, SECOND, Place
from tests.proofs.faults.running import (
    Ran,
    answers_in,
    environment_changed,
    run_command,
    run_poll,
)
from tests.proofs.faults.saying import judge_plan, judge_run
from tests.proofs.faults.switches import Upstream

# Much longer than the stand-in takes, much shorter than anybody wants to wait.
SOON = 1.5
# A copy in FastF1's cache expires by the real clock.
EXPIRES = 1
# In seconds; whoever takes longer has died.
LONGEST_CELL = 120
# What reads seasons that are over: Jolpica's dump, pages where it cannot be read, or both.
DUMPED, PAGES, PARTIAL = "dump", "pages", "partial"


@dataclass(frozen=True)
class Verdict:
    """What the table says of a cell, and what was not as it should be."""

    cell: str
    word: str
    deviations: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """What a run comes upon. `archived` is '' but for seasons that are over: what reads them."""

    is_filled: bool
    is_late: bool = False
    form: str = "ergast"
    archived: str = ""

    @property
    def database(self) -> tuple[bool, bool]:
        return self.is_filled, bool(self.archived)

    @property
    def times(self) -> tuple[datetime, datetime]:
        """Of the run that meets the fault, and of the healthy one after it."""
        if self.archived:
            return facts.ARCHIVE, facts.ARCHIVE_AGAIN
        return (facts.LATE, facts.LATE_AGAIN) if self.is_late else (facts.NOW, facts.AGAIN)

    def heal(self, upstream: Upstream) -> None:
        seasons = facts.archived_facts().values() if self.archived else [facts.latest_facts()]
        upstream.heal(*seasons)

    def run(self, upstream: Upstream, at: datetime) -> Ran:
        """All of it, by the command."""
        settings.F1_RESULTS_FROM = self.form
        if not self.archived:
            return run_command(upstream, at)
        settings.JOLPICA_DUMP_URL = ""
        return run_command(
            upstream,
            at,
            *(["--no-dump"] if self.archived == PAGES else []),
            years="-".join(map(str, facts.ARCHIVED)),
        )

    def __str__(self) -> str:
        named = "filled" if self.is_filled else "empty", "late" if self.is_late else "", self.form
        return ", ".join(filter(None, (*named, self.archived)))


@dataclass(frozen=True)
class Healthy:
    """What runs without a fault make of a database: at the time of the fault, or after it."""

    now: Dump
    again: Dump


@dataclass
class Bench:
    """What every cell needs; made once, before the processes that share the cells are forked."""

    folder: Path
    databases: Databases
    kept: dict[tuple[bool, bool], str]
    before: dict[tuple[bool, bool], Dump] = field(default_factory=dict)
    healthy: dict[Scene, Healthy] = field(default_factory=dict)


@contextmanager
def bench_set_up(cells: Iterable[Cell]) -> Iterator[Bench]:
    with ExitStack() as stack:
        stack.enter_context(limits_lifted())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="f1-faults-")))
        databases = Databases(folder, SERVER_URL)
        empty = stack.enter_context(databases.migrated())
        scenes = {_find_scene(cell) for cell in cells}
        kept = {(False, False): empty, (False, True): empty}
        for database in {scene.database for scene in scenes} - {*kept}:
            fill = _fill_archive if database[1] else _fill
            kept[database] = stack.enter_context(fill(databases, empty, folder))
        bench = Bench(folder, databases, kept)
        with Upstream({}) as upstream:
            for scene in scenes:
                _run_undisturbed(bench, upstream, scene)
        yield bench


def _find_scene(cell: Cell) -> Scene:
    expected = expect(cell.fault, cell.place, is_filled=cell.is_filled)
    return Scene(cell.is_filled, cell.fault.is_late, cell.place.form, expected.archived)


@contextmanager
def _fill(databases: Databases, empty: str, folder: Path) -> Iterator[str]:
    """With what is worth defending: settled results, a guess, a grand prix that was cancelled, a
    person's word, and picks that closed this afternoon."""
    with Upstream({}) as upstream, databases.copied(empty) as filled:
        for at, season in (
            (facts.FIRST, facts.first_facts()),
            (facts.SETTLED, facts.settled_facts()),
        ):
            upstream.heal(season)
            _use_new_cache(folder)
            _expect_well(run_command(upstream, at))
        _correct(Author(User.objects.create_user("steward"), "as it was", facts.CORRECTED))
        connection.close()
        yield filled


@contextmanager
def _fill_archive(databases: Databases, empty: str, folder: Path) -> Iterator[str]:
    """By pages that are younger than the dump, before some of the races were published."""
    with Upstream({}) as upstream, databases.copied(empty) as filled:
        upstream.heal(*facts.first_archived_facts().values())
        _use_new_cache(folder)
        Scene(is_filled=False, archived=PAGES).run(upstream, facts.ARCHIVE_FIRST)
        connection.close()
        yield filled


def _correct(author: Author) -> None:
    (name, kind), (other, _) = facts.PERSONS
    race = Event.objects.get(grand_prix=name, session_type=kind)
    disqualify(race, key_of(race.classification[1]), author, revision=1)
    race = Event.objects.get(grand_prix=other, session_type=kind)
    assert race.starts_at is not None
    correct_start(race, race.starts_at + 3 * facts.HOUR, author)


def _run_undisturbed(bench: Bench, upstream: Upstream, scene: Scene) -> None:
    dumps = []
    for at in scene.times:
        with bench.databases.copied(bench.kept[scene.database]):
            bench.before.setdefault(scene.database, read_dump())
            scene.heal(upstream)
            if scene.archived == PARTIAL:
                upstream.dump = facts.build_partial_dump()
            _use_new_cache(bench.folder)
            _expect_well(scene.run(upstream, at))
            dumps.append(read_dump())
    bench.healthy[scene] = Healthy(*dumps)


def judge_undisturbed(bench: Bench) -> Iterator[Verdict]:
    """That what everything is compared with is right by itself."""
    for scene, healthy in bench.healthy.items():
        before = bench.before[scene.database]
        judge = judge_archived if scene.archived else partial(judge_healthy, form=scene.form)
        yield Verdict(f"no fault / {scene}", "all", tuple(judge(before, healthy.now)))


def _expect_well(ran: Ran) -> None:
    if ran.code:
        raise RuntimeError(f"a run without a fault ended with {ran.code}: {ran.stderr}")


def _use_new_cache(folder: Path) -> Path:
    """Nothing in it is of an earlier case."""
    cache = Path(tempfile.mkdtemp(dir=folder))
    settings.FASTF1_CACHE_DIR = cache
    return cache


# The cells

_bench: Bench
_cells: list[Cell]
_upstream: Upstream


def run_cells(cells: list[Cell], bench: Bench, *, jobs: int) -> Iterator[Verdict]:
    """In their order, by processes that are forked from this one, which is warm."""
    global _bench, _cells
    _bench, _cells = bench, cells
    with multiprocessing.get_context("fork").Pool(jobs, initializer=_begin) as pool:
        verdicts = pool.imap(_run_numbered, range(len(cells)))
        for _ in cells:
            yield verdicts.next(timeout=LONGEST_CELL)


def _begin() -> None:
    global _upstream  # noqa: PLW0603 - each process has its own
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C is for the process that shares the cells out.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _upstream = Upstream({})
    _upstream.start()


def _run_numbered(number: int) -> Verdict:
    return run_cell(_cells[number])


def run_cell(cell: Cell) -> Verdict:
    expected = expect(cell.fault, cell.place, is_filled=cell.is_filled)
    try:
        deviations = tuple(_run_cell(cell))
    except Exception as error:  # noqa: BLE001 - the other cells go on
        deviations = (f"the cell itself failed: {type(error).__name__}: {error}",)
    return Verdict(str(cell), expected.word, deviations)


def _run_cell(cell: Cell) -> Iterator[str]:
    expected = expect(cell.fault, cell.place, is_filled=cell.is_filled)
    scene = _find_scene(cell)
    before, healthy = _bench.before[scene.database], _bench.healthy[scene]
    now, again = scene.times
    scene.heal(_upstream)
    _upstream.failures.clear()
    _upstream.unexpected.clear()
    folder = _use_new_cache(_bench.folder)
    # Whatever reads them undisturbed, this run finds the dump.
    usual = replace(scene, archived=DUMPED) if scene.archived else scene
    with _bench.databases.copied(_bench.kept[scene.database]):
        if cell.fault.is_late:
            _keep_stale_copy(cell.place, folder)
        cell.fault.spoils(_upstream, cell.place)
        in_time = answers_in(SOON) if cell.fault.is_slow else nullcontext()
        with in_time, environment_changed(cell.fault.environment):
            ran = _come_by(cell, usual, now)
        yield from judge_rows(expected, before, healthy.now, read_dump())
        yield from judge_run(expected, ran, is_gone=cell.fault.family == "gone")
        if cell.place.run == "poll":
            yield from judge_plan(expected, ran.record)
        scene.heal(_upstream)
        settings.F1_SECOND_SOURCE = "off"
        ran = usual.run(_upstream, again)
        if ran.code:
            yield f"the next healthy run ended with {ran.code}: {ran.complaint}"
        yield from judge_recovery(expected, before, healthy.again, read_dump())
    if _upstream.failures or _upstream.unexpected:
        yield f"the stand-in: {_upstream.failures} {_upstream.unexpected}"


def _come_by(cell: Cell, scene: Scene, at: datetime) -> Ran:
    settings.F1_SECOND_SOURCE = "openf1" if cell.place in (SECOND, DRIVERS) else "off"
    settings.OPENF1_URL = _upstream.openf1_url
    if cell.place.run == "poll":
        event = Event.objects.get(grand_prix=IMOLA, session_type="qualifying")
        return run_poll(_upstream, at, event)
    if cell.place.run == "round":
        alone = ("--round", str(ROUND))
        return run_command(_upstream, at, *alone, *(["--skip-schedule"] if cell.is_filled else []))
    return scene.run(_upstream, at)


def _keep_stale_copy(place: Place, folder: Path) -> None:
    """Of old facts, and expired."""
    _upstream.heal(facts.old_facts())
    _upstream.fault(place.path, headers={"Cache-Control": f"max-age={EXPIRES}"})
    sources = connect(_upstream, folder)
    if place is SCHEDULE:
        fetch_schedule(sources, 2024, fresh=False)
    elif place is CALENDAR:
        fetch_calendar(sources, 2024, fresh=False)
    else:
        fetch_results(sources, 2024, SessionType(place.kind), fresh=False)
    if not any(place.path in url for url in cached_urls()):
        raise RuntimeError("FastF1's cache keeps no copy")
    time.sleep(EXPIRES + 0.1)
    _upstream.heal(facts.latest_facts())
