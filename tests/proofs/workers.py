"""A worker whose processes are killed or hang one by one, or whose broker stops, while it ingests:
it works on, or ends with an error and is started again, and the database is as without that."""

import importlib.util
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django_q.models import OrmQ, Schedule, Success
from django_q.tasks import async_task

from f1picks.environment import ROOT
from ingestion.models import TaskRun
from ingestion.queue import tasks
from tests.forks import fork, wait
from tests.postgres import Server
from tests.proofs.consistency import comparable_rows, describe_difference, find_faults
from tests.proofs.databases import Databases
from tests.proofs.kills import OUTPUT, Undisturbed, last_line

# In the order in which the guard starts those that it looks after.
CHILDREN = ("worker", "monitor", "pusher")
GUARD, FIRST, BROKER, REDIS = "guard", "first process", "broker", "Redis"
INGEST, PROBE = "ingestion.queue.tasks.ingest_season", "math.factorial"
SERVE = "import django; django.setup(); from tests.proofs.workers import serve; serve()"
# A cluster that takes no task ends after so many seconds, after three times as many where its
# monitor or its pusher is the one that hangs.
WATCHDOG = 3
# From a kill to the end of the task; most of it is for a busy machine.
LONGEST_RECOVERY, LONGEST_START, LONGEST_STOP = 90.0, 60.0, 40.0
BROKER_STOPPED_FOR = 2.0
# Of a task by the queue; a killed one is not waited for that long.
TASK_TIMEOUT = 20
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Cluster:
    """Started again whenever it ends with an error, as by a supervisor."""

    environment: dict[str, str]
    log: Path
    codes: list[int] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def supervise(self) -> None:
        assert self.process is not None
        code = self.process.poll()
        if code is not None:
            self.codes.append(code)
            self.start()

    def find(self, role: str) -> int:
        """The process that has this role now."""
        assert self.process is not None
        if role == FIRST:
            return self.process.pid
        (guard,) = _children(self.process.pid)
        return guard if role == GUARD else _children(guard)[CHILDREN.index(role)]

    def has_all(self) -> bool:
        with suppress(ValueError, IndexError, FileNotFoundError):
            return bool(self.find(CHILDREN[-1]))
        return False

    def stop(self) -> str:
        """What is wrong with how it stops."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(LONGEST_STOP)
        except subprocess.TimeoutExpired:
            return f"SIGTERM did not stop it within {LONGEST_STOP:g} s"
        return f"SIGTERM ended it with {code}" if code else ""

    def end(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Struck:
    """What came of striking at one process: how often the cluster was started again, and how long
    the slowest took to have done its task."""

    name: str
    rounds: int = 0
    restarts: int = 0
    slowest: float = 0.0
    deviations: list[str] = field(default_factory=list)


def serve() -> None:
    """A cluster's first process, in which FastF1 makes no pauses on loopback."""
    from django.core.management import execute_from_command_line

    from tests.fastf1_limits import limits_lifted
    from tests.proofs.guards import take_out_named

    take_out_named()
    with limits_lifted():
        execute_from_command_line(["manage.py", "qcluster"])


def strike_workers(
    run: Undisturbed,
    rounds: int,
    luck: random.Random,
    databases: Databases,
    server: Server | None,
    *,
    only: str | None = None,
) -> list[Struck]:
    """Each process in turn, or one alone, at rest and at work; then the broker, which is the
    database or Redis."""
    work = replace(run, rows=_work_undisturbed(run, databases))
    strikes: list[tuple[str, Callable[[Cluster], None]]] = []
    for role in (*CHILDREN, GUARD, FIRST):
        strikes.append((f"{role} killed", partial(_signal, role, signal.SIGKILL)))
        if role != FIRST:
            strikes.append((f"{role} hangs", partial(_signal, role, signal.SIGSTOP)))
    strikes.append((f"{BROKER} stopped", lambda _: _stop_broker(server)))
    found = []
    for name, strike in strikes:
        if only is not None and not name.startswith(only):
            continue
        struck = Struck(name)
        for number in range(rounds):
            delay = luck.uniform(0, 1.5) if number % 2 else None
            _strike_once(strike, delay, struck, work, databases)
        found.append(struck)
    if only is None or REDIS.startswith(only):
        found += _strike_redis(rounds, luck, work, databases)
    return found


def _strike_redis(
    rounds: int, luck: random.Random, work: Undisturbed, databases: Databases
) -> Iterator[Struck]:
    if not shutil.which("redis-server") or importlib.util.find_spec("redis") is None:
        sys.stderr.write(f"{REDIS} is left out: redis-server or its package is not installed\n")
        return
    struck = Struck(f"{REDIS} stopped")
    folder = databases.folder / f"redis-{time.monotonic_ns()}"
    folder.mkdir()
    with closing(Redis(folder)) as redis:
        for number in range(rounds):
            delay = luck.uniform(0, 1.5) if number % 2 else None
            _strike_once(lambda _: redis.restart(), delay, struck, work, databases, redis=redis)
    yield struck


class Redis:
    """A server of its own, which keeps what is in its queue."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._folder = folder
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._start()

    def _start(self) -> None:
        options = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        named = [text for name, value in options.items() for text in (f"--{name}", value)]
        self._process = subprocess.Popen(
            ["redis-server", *named], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if not _is_soon(self._answers, LONGEST_START):
            raise RuntimeError("redis-server did not start")

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False

    def restart(self) -> None:
        self.close()
        time.sleep(BROKER_STOPPED_FOR)
        self._start()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def enqueue(self, function: str, argument: int) -> bool:
        from django_q.brokers.redis_broker import Redis as Broker
        from django_q.conf import Conf

        Conf.REDIS = self.url
        return bool(async_task(function, argument, broker=Broker()))


def _signal(role: str, number: signal.Signals, cluster: Cluster) -> None:
    os.kill(cluster.find(role), number)


def _stop_broker(server: Server | None) -> None:
    """SQLite has none that could stop: another process keeps its file meanwhile."""
    connection.close()
    if server is not None:
        server.stop()
        time.sleep(BROKER_STOPPED_FOR)
        server.start()
        return
    with closing(sqlite3.connect(str(connection.settings_dict["NAME"]), timeout=30)) as keeper:
        keeper.execute("BEGIN EXCLUSIVE")
        time.sleep(BROKER_STOPPED_FOR)


def _work_undisturbed(run: Undisturbed, databases: Databases) -> dict[str, Any]:
    folder = databases.folder / "undisturbed"
    folder.mkdir()

    def work() -> None:
        settings.F1_SCHEDULE_URL = run.served.schedule_url
        settings.JOLPICA_URL = run.served.jolpica_url
        settings.FASTF1_CACHE_DIR = folder / "cache"
        tasks.ingest_season(2024)

    with databases.copied(run.template):
        connection.close()
        if wait(fork(work, output=folder / OUTPUT)):
            raise RuntimeError(f"the undisturbed task failed: {last_line(folder)}")
        return comparable_rows()


def _strike_once(
    strike: Callable[[Cluster], None],
    delay: float | None,
    struck: Struck,
    work: Undisturbed,
    databases: Databases,
    *,
    redis: Redis | None = None,
) -> None:
    """So many seconds after a task was put into the queue; where that is None, before one is."""
    struck.rounds += 1
    where = f"{struck.name}, {'at rest' if delay is None else f'after {delay:.2f} s of a task'}"
    wrong: list[str] = []
    with databases.copied(work.template), running(work, databases, redis) as cluster:
        if not _is_soon(lambda: cluster.has_all() and _has_done(PROBE, 1), LONGEST_START):
            struck.deviations.append(f"{where}: the cluster did not start: {_end_of(cluster)}")
            return
        begun = time.monotonic()
        if delay is None:
            strike(cluster)
            _enqueue(INGEST, 2024, redis)
        else:
            _enqueue(INGEST, 2024, redis)
            time.sleep(delay)
            strike(cluster)
        _forget_time(struck.name)
        _enqueue(PROBE, 4, redis)
        if not _recover(cluster, struck.name):
            wrong.append(f"it did not recover within {LONGEST_RECOVERY:g} s: {_end_of(cluster)}")
        else:
            struck.slowest = max(struck.slowest, time.monotonic() - begun)
            if unsaid := cluster.stop():
                wrong.append(unsaid)
        wrong += [f"it ended with {code}" for code in cluster.codes if code == 0]
        struck.restarts += len(cluster.codes)
        wrong += find_faults()
        wrong += describe_difference(work.rows, comparable_rows())
    struck.deviations += [f"{where}: {one}" for one in wrong]


@contextmanager
def running(
    run: Undisturbed, databases: Databases, redis: Redis | None = None
) -> Iterator[Cluster]:
    """On the default database, which has one task in its queue and no schedule."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}"
    if databases.server_url:
        url = urlsplit(databases.server_url)._replace(path=f"/{name}").geturl()
    Schedule.objects.all().delete()
    _enqueue(PROBE, 3, redis)
    connection.close()
    folder = databases.folder / f"cluster-{time.monotonic_ns()}"
    folder.mkdir()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.cluster_settings",
        "DATABASE_URL": url,
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "F1_SCHEDULE_URL": run.served.schedule_url,
        "JOLPICA_URL": run.served.jolpica_url,
        "FASTF1_CACHE_DIR": str(folder / "cache"),
        "F1_WATCHDOG_SECONDS": str(WATCHDOG),
        "TASK_TIMEOUT": str(TASK_TIMEOUT),
        "WORKERS": "1",
        **({"REDIS_URL": redis.url} if redis is not None else {}),
    }
    cluster = Cluster(environment, folder / "log")
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.end()
        connection.close()


def _recover(cluster: Cluster, name: str) -> bool:
    """Until both tasks are done and none is in the queue, by a cluster that is whole; what is not
    done after some time is delivered again. One that hangs has to have ended by itself."""
    ends_itself = name.endswith("hangs")

    def is_done() -> bool:
        cluster.supervise()
        if not cluster.has_all() or (ends_itself and not cluster.codes):
            return False
        return _has_done(INGEST, 1) and _has_done(PROBE, 2) and not OrmQ.objects.exists()

    end = time.monotonic() + LONGEST_RECOVERY
    while time.monotonic() < end:
        if _is_soon(is_done, LONGEST_RECOVERY / 9):
            return True
        _forget_time(name)
    return False


def _forget_time(name: str) -> None:
    """The queue delivers again at once, and what a killed process was at may begin again."""

    def forget() -> bool:
        OrmQ.objects.update(lock=LONG_AGO)
        if not name.startswith(("monitor", "pusher", BROKER, REDIS)):
            TaskRun.objects.filter(ended_at=None).update(started_at=LONG_AGO)
        return True

    _is_soon(forget, LONGEST_START)


def _enqueue(function: str, argument: int, redis: Redis | None = None) -> None:
    """As soon as the broker takes it."""
    put = async_task if redis is None else redis.enqueue
    _is_soon(lambda: bool(put(function, argument)), LONGEST_START)


def _has_done(function: str, times: int) -> bool:
    return bool(Success.objects.filter(func=function).count() >= times)


def _is_soon(condition: Callable[[], bool], seconds: float) -> bool:
    """A database that is away is not there yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except DatabaseError:
            connection.close()
        time.sleep(0.2)
    return False


def _children(process: int) -> Sequence[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(number) for number in listed.split()]


def _end_of(cluster: Cluster) -> str:
    lines = cluster.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"
