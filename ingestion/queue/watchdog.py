"""A cluster that is alive and takes no task ends with an error, so that its supervisor restarts it.

The processes of a django-q2 cluster share pipes that are guarded by locks, and a process that is
killed while it holds one leaves it locked for good. django-q2 replaces the process, and its
replacement waits for ever. So here no process waits for a task with a lock in hand, and the first
process of the cluster, which has nothing else to do, looks at the signs of life of the others.
"""

import contextlib
import ctypes
import mmap
import os
import signal
import sys
import uuid
from enum import IntEnum
from functools import partial
from multiprocessing import Event, RawArray
from queue import Empty
from threading import Thread
from time import monotonic, sleep
from typing import Any

import django_q.cluster
from django.conf import settings
from django_q.conf import Conf
from django_q.pusher import pusher
from django_q.queues import Queue
from django_q.signals import post_execute, post_execute_in_worker, post_spawn, pre_execute

from ingestion.queue.schedules import run_due_schedules

# Linux gives no process a larger number; pages of the map that are never written take no memory.
MOST_PROCESSES = 1 << 22
CYCLE = 1.0
# An idle worker takes a task within milliseconds.
NO_TASK_TAKEN_FOR = 60.0
# In units of it. A result is saved within a second, or after a lock of the database, for which
# SQLite waits a minute.
PATIENCE_WITH_OTHERS = 3
# For a cluster that has no task at work.
SECONDS_TO_STOP = 15.0
PR_SET_PDEATHSIG = 1


class Sign(IntEnum):
    """What was last seen to work, or to have nothing to do."""

    GUARD = 0
    WORKERS = 1
    MONITOR = 2
    PUSHER = 3


FAILURES = {
    Sign.GUARD: "the process that guards the others does not respond",
    Sign.WORKERS: "tasks wait, and no idle worker takes one",
    Sign.MONITOR: "results wait, and none is saved",
    Sign.PUSHER: "no task is fetched from the queue",
}


class Pulse:
    """Signs of life in memory that all processes of a cluster share, without any lock."""

    def __init__(self) -> None:
        self._seen_at = RawArray("d", len(Sign))
        self._is_busy = mmap.mmap(-1, MOST_PROCESSES)
        for sign in Sign:
            self.note(sign)

    def connect(self) -> None:
        """Listen to the library's signals, each sent in the process that it is about."""
        post_spawn.connect(self.note_end_of_task, weak=False)
        pre_execute.connect(self.note_start_of_task, weak=False)
        post_execute_in_worker.connect(self.note_end_of_task, weak=False)
        post_execute.connect(self.note_saved_result, weak=False)

    def note(self, sign: Sign) -> None:
        self._seen_at[sign] = monotonic()

    def note_start_of_task(self, **_: object) -> None:
        self._is_busy[os.getpid()] = 1
        self.note(Sign.WORKERS)

    def note_end_of_task(self, **_: object) -> None:
        self.forget_process(os.getpid())

    def note_saved_result(self, **_: object) -> None:
        self.note(Sign.MONITOR)

    def forget_process(self, process_id: int) -> None:
        self._is_busy[process_id] = 0

    def is_busy(self, process_id: int) -> bool:
        return self._is_busy[process_id] == 1

    def has_task_at_work(self) -> bool:
        return self._is_busy.find(b"\x01") != -1

    def find_failure(self) -> str:
        """What does not work any more; '' while all does."""
        patience: float = getattr(settings, "F1_WATCHDOG_SECONDS", NO_TASK_TAKEN_FOR)
        # The guard notes them once in a cycle; without it the others' signs say nothing.
        patience += 2 * Conf.GUARD_CYCLE
        seen_at, now = list(self._seen_at), monotonic()
        if now - seen_at[Sign.GUARD] > PATIENCE_WITH_OTHERS * patience:
            return FAILURES[Sign.GUARD]
        for sign in (Sign.WORKERS, Sign.MONITOR, Sign.PUSHER):
            times = 1 if sign is Sign.WORKERS else PATIENCE_WITH_OTHERS
            if seen_at[Sign.GUARD] - seen_at[sign] > times * patience:
                return FAILURES[sign]
        return ""


class PatientQueue(Queue):  # type: ignore[misc]
    """Takes the reader's lock when a message is there, and not to wait for one: a process that is
    killed while it waits leaves nothing locked."""

    def get(self, *arguments: Any, **options: Any) -> Any:
        if arguments or options:
            return super().get(*arguments, **options)
        while True:
            self._reader.poll(None)
            # Another process may have been faster.
            with contextlib.suppress(Empty):
                return super().get(block=False)
            sleep(0.01)


class PulsingBroker:
    """The broker for the process that fetches tasks, which sends no signal of its own."""

    def __init__(self, broker: Any, pulse: Pulse) -> None:
        self.broker = broker
        self.pulse = pulse

    def __getattr__(self, name: str) -> Any:
        return getattr(self.broker, name)

    def dequeue(self) -> Any:
        self.pulse.note(Sign.PUSHER)
        return self.broker.dequeue()


class WatchedSentinel(django_q.cluster.Sentinel):  # type: ignore[misc]
    """The library's guard of the other processes, with their signs of life."""

    def __init__(self, pulse: Pulse, *arguments: Any) -> None:
        self.pulse = pulse
        end_with(os.getppid())
        os.register_at_fork(after_in_child=partial(end_with, os.getpid()))
        # Looked up in its module by the guard's loop; there is no setting for it.
        django_q.cluster.scheduler = run_due_schedules
        super().__init__(*arguments)

    def start(self) -> None:
        self.task_queue = PatientQueue(maxsize=Conf.QUEUE_LIMIT or 0)
        self.result_queue = PatientQueue()
        super().start()

    def spawn_pusher(self) -> Any:
        broker = PulsingBroker(self.broker, self.pulse)
        return self.spawn_process(pusher, self.task_queue, self.event_out, broker)

    def reincarnate(self, process: Any) -> None:
        self.pulse.forget_process(process.pid)
        super().reincarnate(process)

    def status(self) -> Any:
        """The library calls it at each turn of its loops."""
        self.pulse.note(Sign.GUARD)
        # The timer counts down while a task runs; -1 is a task without a limit. The guard ends a
        # worker at exactly 0: one whose timer missed it hangs for good, and counts as idle.
        has_idle = any(
            process.is_alive()
            and not (self.pulse.is_busy(process.pid) and (left > 0 or left == -1))
            for process in self.pool
            for left in [process.timer.value]
        )
        if not has_idle or self.task_queue.qsize() == 0:
            self.pulse.note(Sign.WORKERS)
        if self.result_queue.qsize() == 0:
            self.pulse.note(Sign.MONITOR)
        if self.task_queue.full():
            # The pusher may wait for a place in it.
            self.pulse.note(Sign.PUSHER)
        return super().status()


def end_with(parent: int) -> None:
    """Linux kills this process when the one that started it ends, however that ended. Elsewhere
    the workers of a killed cluster go on by themselves. What a task starts is not concerned."""
    if os.getppid() == parent and sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def run_cluster(*, runs_once: bool = False) -> str:
    """Run it until SIGTERM or SIGINT, or until it does not work any more: why not, or ''."""
    pulse = Pulse()
    pulse.connect()
    stop_event, start_event = Event(), Event()
    stops: list[float] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stops.append(monotonic()))
    sentinel = django_q.cluster.get_mp_context().Process(
        target=WatchedSentinel,
        name=f"Process-{uuid.uuid4().hex}",
        args=(pulse, stop_event, start_event, uuid.uuid4()),
    )
    sentinel.start()
    while sentinel.is_alive():
        sentinel.join(CYCLE)
        if runs_once and start_event.is_set():
            stops.append(monotonic())
        if stops:
            # Killed with its parent if need be: a lock that is taken must not keep it alive.
            return _stop(sentinel, stop_event, pulse)
        if failure := pulse.find_failure():
            sentinel.kill()
            sentinel.join()
            return failure
    return f"its guarding process ended with {sentinel.exitcode}"


def _stop(sentinel: Any, stop_event: Any, pulse: Pulse) -> str:
    """Let the tasks at work end; without one, or past its limit, a cluster that hangs is killed."""
    # Setting it waits for a process that was halted while it looked at it.
    Thread(target=stop_event.set, daemon=True).start()
    begun_at = last_work_at = monotonic()
    longest = Conf.TIMEOUT + SECONDS_TO_STOP if Conf.TIMEOUT else float("inf")
    while sentinel.is_alive():
        sentinel.join(CYCLE / 10)
        now = monotonic()
        if pulse.has_task_at_work() and now - begun_at < longest:
            last_work_at = now
        if now - last_work_at > SECONDS_TO_STOP:
            sentinel.kill()
            sentinel.join()
            return "it did not stop by itself and was killed"
    return ""
