"""What else can happen to a run, and what it says then: a database that stops or refuses, a full
disk, a damaged cache. Each run is the command itself, forked from a process that has imported all
of it."""

import os
import random
import re
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import connection
from django.db.backends.signals import connection_created

from tests.command_line import LOG_LINE
from tests.forks import exit_code, fork, wait
from tests.postgres import Server
from tests.proofs.consistency import comparable_rows, describe_difference, find_faults
from tests.proofs.databases import Databases
from tests.proofs.kills import OUTPUT, Progress, Undisturbed, steps_taken

CACHE = "cache"
CACHE_FILE = "fastf1_http_cache.sqlite"
ERROR = "CommandError: "
NOTHING = "Nothing was changed."
# Pages of 4 kB that are left on a disk: where a run needs them most, first.
DATABASE_PAGES_LEFT = (0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
CACHE_PAGES_LEFT = (0, 1, 2, 8, 32)
# Of a range, which prints each season as it is done.
SEASON_LINE = re.compile(r"20\d\d: events ")
NO_SPACE = "No space left on device"
STOPS_OF_EACH_KIND = 6
STRANGER = "stranger"
# Roles belong to the server: it may be there from the try before.
CREATE_STRANGER = f"""
    DO $$ BEGIN CREATE ROLE {STRANGER}; EXCEPTION WHEN duplicate_object THEN NULL; END $$
"""

Around = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Ran:
    """How a run of the command ended, and what it said on its two streams."""

    code: int
    said: list[str]

    @property
    def message(self) -> str:
        """The line that a run ends with that did not go well."""
        return self.said[-1].removeprefix(ERROR) if self.code and self.said else ""


@dataclass
class Outcome:
    """Of one kind of disaster: how its runs ended, what they said, what was wrong."""

    name: str
    codes: list[int] = field(default_factory=list)
    messages: set[str] = field(default_factory=set)
    deviations: list[str] = field(default_factory=list)

    def note(self, run: Undisturbed, where: str, ran: Ran, faults: Iterable[str]) -> None:
        self.codes.append(ran.code)
        if ran.message:
            self.messages.add(ran.message)
        self.deviations += [f"{self.name}, '{run.stage.name}' {where}: {fault}" for fault in faults]


def run_command(run: Undisturbed, folder: Path, around: Around = nullcontext) -> Ran:
    return Ran(wait(fork_command(run, folder, around)), read_output(folder))


def fork_command(run: Undisturbed, folder: Path, around: Around) -> int:
    years = [str(year) for year in run.stage.seasons]

    def work() -> None:
        settings.F1_SCHEDULE_URL = run.served.schedule_url
        settings.JOLPICA_URL = run.served.jolpica_url
        settings.JOLPICA_DUMP_URL = ""
        settings.FASTF1_CACHE_DIR = folder / CACHE
        with around():
            execute_from_command_line(["manage.py", "ingest_f1", "--year", "-".join(years)])

    connection.close()
    (folder / OUTPUT).unlink(missing_ok=True)
    return fork(work, output=folder / OUTPUT)


def read_output(folder: Path) -> list[str]:
    return (folder / OUTPUT).read_text(encoding="utf-8").splitlines()


# Judging


def judge(run: Undisturbed, before: dict[str, Any], ran: Ran, folder: Path) -> Iterator[str]:
    """Everything that is wrong after a run that a disaster struck, and after the next one."""
    yield from _judge_words(ran)
    found = comparable_rows()
    if ran.code == 0 and found != run.rows:
        yield f"it ended with 0, and {'; '.join(describe_difference(run.rows, found))}"
    if NOTHING in ran.message and found != before:
        changed = "; ".join(describe_difference(before, found))
        yield f"it says that nothing was changed, and {changed}"
    yield from find_faults()
    again = run_command(run, folder)
    if again.code:
        yield f"the next run ended with {again.code}: {again.message}"
    yield from (f"after the next run: {fault}" for fault in find_faults())
    for difference in describe_difference(run.rows, comparable_rows()):
        yield f"after the next run: {difference}"


def _judge_words(ran: Ran) -> Iterator[str]:
    if any("Traceback" in line for line in ran.said):
        yield f"a traceback: {ran.said[-1]}"
    if ran.code == 0:
        return
    if ran.code not in (1, 3):
        yield f"it ended with {ran.code}"
    *others, last = ran.said or [""]
    if not last.startswith(ERROR):
        yield f"its last line is no message: {last}"
    if ran.code == 1:
        strange = [line for line in others if not (LOG_LINE.match(line) or SEASON_LINE.match(line))]
        if strange:
            yield f"beside the message it said {len(strange)} lines, the first: {strange[0]}"


# A database server that stops


def stop_server(
    runs: Sequence[Undisturbed], luck: random.Random, databases: Databases, server: Server
) -> Iterator[Outcome]:
    """At moments of a run that is held still meanwhile; most of them while it saves."""
    stops = (
        Stop("server stopped and started", server, server.stop, is_back=True),
        Stop("server stopped, started after the run", server, server.stop, is_back=False),
        Stop("server crashed and started", server, server.crash, is_back=True),
    )
    for stop in stops:
        outcome = Outcome(stop.name)
        for number in range(STOPS_OF_EACH_KIND):
            run = runs[number % len(runs)]
            first = 1 if number < 2 else run.saves_from_step
            _stop_once(run, luck.randint(first, run.steps), stop, outcome, databases)
        yield outcome


@dataclass(frozen=True)
class Stop:
    """`is_back` where the server runs again when the run goes on."""

    name: str
    server: Server
    end: Callable[[], None]
    is_back: bool = field(kw_only=True)


def _stop_once(
    run: Undisturbed, step: int, stop: Stop, outcome: Outcome, databases: Databases
) -> None:
    with databases.copied(run.template), tempfile.TemporaryDirectory() as name:
        folder, before = Path(name), comparable_rows()
        # A crash before the first checkpoint of a copied database puts its sequences back.
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
        pid = _fork_held(run, folder, step)
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            stop.end()
            if stop.is_back:
                stop.server.start()
            os.kill(pid, signal.SIGCONT)
            _, status = os.waitpid(pid, 0)
            if not stop.is_back:
                stop.server.start()
        ran = Ran(exit_code(status), read_output(folder))
        outcome.note(run, f"at step {step}", ran, judge(run, before, ran, folder))


def _fork_held(run: Undisturbed, folder: Path, step: int) -> int:
    """A run that holds still at that step until it is told to go on."""

    def hold(reached: int) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGSTOP)

    return fork_command(run, folder, lambda: steps_taken(Progress(), hold))


# A database that refuses


@dataclass(frozen=True)
class Refusal:
    """`begin` makes the run's own connection one that is refused, `message` says so."""

    name: str
    vendor: str
    begin: str
    message: str


# Named by PostgreSQL's code, or by SQLite's.
REFUSALS = (
    Refusal(
        "read-only (25006)",
        "postgresql",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "the database is read-only",
    ),
    Refusal(
        "no right (42501)",
        "postgresql",
        f"SET SESSION AUTHORIZATION {STRANGER}",
        "the database's user has no right to write or read its tables",
    ),
    Refusal(
        "statement timeout (57014)",
        "postgresql",
        "SET statement_timeout = 1",
        "the database cancelled a statement",
    ),
    Refusal(
        "read-only (8)", "sqlite", "PRAGMA query_only = ON", "the SQLite database is read-only"
    ),
)


def refuse(
    runs: Sequence[Undisturbed], luck: random.Random, databases: Databases
) -> Iterator[Outcome]:
    """From a step on, until the run ends. A server that is only slow may cancel nothing."""
    for refusal in REFUSALS:
        if refusal.vendor != connection.vendor:
            continue
        outcome = Outcome(f"refuses: {refusal.name}")
        for number in range(STOPS_OF_EACH_KIND):
            run = runs[number % len(runs)]
            first = 1 if number < 2 else run.saves_from_step
            _refuse_once(run, luck.randint(first, run.steps), refusal, outcome, databases)
        yield outcome


def _refuse_once(
    run: Undisturbed, step: int, refusal: Refusal, outcome: Outcome, databases: Databases
) -> None:
    with databases.copied(run.template), tempfile.TemporaryDirectory() as name:
        folder, before = Path(name), comparable_rows()
        if refusal.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(CREATE_STRANGER)
        ran = run_command(run, folder, partial(_refused_from, step, refusal))
        faults = list(judge(run, before, ran, folder))
        if ran.code and refusal.message not in "\n".join(ran.said):
            faults.append(f"it does not say that {refusal.message}: {ran.message}")
        outcome.note(run, f"from step {step} on", ran, faults)


@contextmanager
def _refused_from(step: int, refusal: Refusal) -> Iterator[None]:
    """Each connection of the run, those that it makes later too."""
    has_begun = False

    def begin(connection: Any, **_: Any) -> None:
        if has_begun:
            # Of the driver: no step, and no part of a transaction of ours that would fail.
            connection.connection.cursor().execute(refusal.begin)

    def refuse_at(reached: int) -> None:
        nonlocal has_begun
        if reached >= step and not has_begun and not connection.in_atomic_block:
            has_begun = True
            begin(connection)

    connection_created.connect(begin, weak=False)
    with steps_taken(Progress(), refuse_at):
        yield


# A disk that is full


def fill_database_disk(runs: Sequence[Undisturbed], databases: Databases) -> Outcome:
    outcome = Outcome("disk of the database full")
    for run, left in product(runs, DATABASE_PAGES_LEFT):
        _fill_once(run, left, _database_limited, outcome, databases)
    return outcome


def fill_cache_disk(runs: Sequence[Undisturbed], databases: Databases) -> Outcome:
    outcome = Outcome("disk of FastF1's cache full")
    for run, left in product(runs, CACHE_PAGES_LEFT):
        _fill_once(run, left, _cache_limited, outcome, databases)
    return outcome


def fill_dump_disk(run: Undisturbed, databases: Databases) -> Outcome:
    """While Jolpica's dump is written into the cache's folder: pages bring the seasons then."""
    outcome = Outcome("disk of Jolpica's dump full")
    with databases.copied(run.template), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ran = run_command(run, folder, _download_limited)
        faults = [*_judge_words(ran), *find_faults()]
        if ran.code:
            faults.append(f"it ended with {ran.code}: {ran.message}")
        if NO_SPACE not in "\n".join(ran.said):
            faults.append(f"it does not say '{NO_SPACE}'")
        faults += [f"{left.name} is left" for left in (folder / CACHE).glob("jolpica_dump_*")]
        saved = comparable_rows()
        again = run_command(run, folder)
        if again.code or comparable_rows() != saved:
            faults.append(f"the next run ended with {again.code}, and has other rows")
        outcome.note(run, "while the dump is written", ran, faults)
    return outcome


def _fill_once(
    run: Undisturbed,
    left: int,
    limited: Callable[[int], AbstractContextManager[None]],
    outcome: Outcome,
    databases: Databases,
) -> None:
    with databases.copied(run.template), tempfile.TemporaryDirectory() as name:
        folder, before = Path(name), comparable_rows()
        ran = run_command(run, folder, partial(limited, left))
        outcome.note(run, f"with {left} pages left", ran, judge(run, before, ran, folder))


@contextmanager
def _database_limited(left: int) -> Iterator[None]:
    def limit(connection: Any, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + left}")

    connection_created.connect(limit)
    yield


@contextmanager
def _download_limited() -> Iterator[None]:
    """The device that is always full takes the place of the file."""
    make = tempfile.mkstemp

    def make_full(*arguments: Any, **options: Any) -> tuple[int, str]:
        number, name = make(*arguments, **options)
        if options.get("suffix") != ".part":
            return number, name
        os.close(number)
        return os.open("/dev/full", os.O_WRONLY), name

    tempfile.mkstemp = make_full  # type: ignore[assignment]
    yield


@contextmanager
def _cache_limited(left: int) -> Iterator[None]:
    """SQLite itself says that the disk is full, as where it is."""
    connect = sqlite3.connect

    def connect_limited(database: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
        opened: sqlite3.Connection = connect(database, *arguments, **options)
        if Path(str(database)).name == CACHE_FILE:
            opened.execute(f"PRAGMA max_page_count = {left + 1}")
        return opened

    sqlite3.connect = connect_limited  # type: ignore[assignment]
    yield


# A cache that is damaged


def _cut_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _cut_head(content: bytes) -> bytes:
    return content[:100]


def _spoil_all(content: bytes) -> bytes:
    return random.Random(len(content)).randbytes(len(content))


def _spoil_pages(content: bytes) -> bytes:
    """All but the first, which says that it is a database."""
    return content[:4096] + b"\xff" * (len(content) - 4096)


def _spoil_bodies(content: bytes) -> bytes:
    """Here and there a byte: of the answers' pickles most likely."""
    spoiled = bytearray(content)
    for place in range(4096, len(content), 997):
        spoiled[place] ^= 0x55
    return bytes(spoiled)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut in half": _cut_half,
    "cut after 100 bytes": _cut_head,
    "nothing but garbage": _spoil_all,
    "garbage after the first page": _spoil_pages,
    "a bit here and there": _spoil_bodies,
    "empty": lambda _: b"",
}


def damage_cache(runs: Sequence[Undisturbed], databases: Databases) -> Outcome:
    """The cache of a run that went well, damaged before the same is done on another database."""
    outcome = Outcome("FastF1's cache file damaged")
    for run in runs:
        with tempfile.TemporaryDirectory() as name:
            kept = Path(name)
            with databases.copied(run.template):
                run_command(run, kept)
            for damage in DAMAGES:
                _damage_once(run, kept, damage, outcome, databases)
    return outcome


def _damage_once(
    run: Undisturbed, kept: Path, damage: str, outcome: Outcome, databases: Databases
) -> None:
    with databases.copied(run.template), tempfile.TemporaryDirectory() as name:
        folder, before = Path(name), comparable_rows()
        (folder / CACHE).mkdir(mode=0o700)
        content = (kept / CACHE / CACHE_FILE).read_bytes()
        (folder / CACHE / CACHE_FILE).write_bytes(DAMAGES[damage](content))
        ran = run_command(run, folder)
        outcome.note(run, damage, ran, judge(run, before, ran, folder))
