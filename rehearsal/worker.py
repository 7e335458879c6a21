"""The worker, which runs each declared task at its times, and a monitor that polls /healthz."""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from uuid import uuid4

from django.db import connection
from django.test import RequestFactory
from django.utils.module_loading import import_string
from django_q.models import Success
from django_q.signals import pre_execute

from ingestion.queue.schedules import DECLARED, Declared
from ingestion.views import healthz
from rehearsal.clock import VirtualClock
from rehearsal.played_season import Window

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Death:
    """No task is run from the first instant to the second."""

    since: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until


class Worker:
    """Runs tasks as a cluster's worker does, and writes what its monitor would: with
    `save_limit_per` by function the newest success of each stays."""

    def __init__(self, clock: VirtualClock) -> None:
        self.runs: Counter[str] = Counter()
        self.failures: list[str] = []
        self._clock = clock
        # By function the key of its newest success; of a worker before this one, too.
        self._saved: dict[str, str] = dict(Success.objects.values_list("func", "id"))
        self._tasks = {declared.func: import_string(declared.func) for declared in DECLARED}

    def run(self, declared: Declared) -> None:
        self.runs[declared.func] += 1
        task = {"id": uuid4().hex, "name": declared.name, "func": declared.func}
        try:
            # The context that identifies a delivery ends with it.
            copy_context().run(self._execute, task)
        except Exception as error:
            logger.exception("a task failed", extra={"task": declared.name})
            self.failures.append(f"{declared.name} at {self._clock.read()}: {error!r}")

    def _execute(self, task: dict[str, str]) -> None:
        func = self._tasks[task["func"]]
        pre_execute.send(sender="django_q", func=func, task=task)
        started = self._clock.read()
        func(clock=self._clock.read)
        stopped = self._clock.read()
        if task["func"] not in self._saved:
            Success.objects.create(**task, started=started, stopped=stopped, success=True)
            self._saved[task["func"]] = task["id"]
            return
        # In SQL, since it happens a hundred thousand times.
        adapt = connection.ops.adapt_datetimefield_value
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE django_q_task SET started = %s, stopped = %s WHERE id = %s",
                [adapt(started), adapt(stopped), self._saved[task["func"]]],
            )


def run_times(declared: Declared, window: Window, death: Death | None) -> Iterator[datetime]:
    """At once, then at its times; without `catch_up` what was missed is run once afterwards."""
    pause = timedelta(minutes=declared.minutes)
    at = declared.last_run(window.begins_at)
    yield window.begins_at
    has_missed = False
    while (at := at + pause) < window.ends_at:
        if death is not None and death.holds(at):
            has_missed = True
            continue
        if death is not None and has_missed:
            has_missed = False
            if at != death.until:
                yield death.until
        yield at


SELDOM = timedelta(hours=3)
OFTEN = timedelta(minutes=5)
BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Spell:
    """A state of /healthz, from the first request that returned it to the last in a row."""

    state: str
    first: datetime
    last: datetime


@dataclass(slots=True)
class Monitor:
    polls: list[tuple[datetime, str]] = field(default_factory=list)

    def poll(self, at: datetime) -> None:
        # The view itself: a project may give it any address, or none.
        response = healthz(RequestFactory().get("/"))
        self.polls.append((at, json.loads(response.content)["state"]))

    def spells(self) -> list[Spell]:
        spells = []
        for state, polls in groupby(self.polls, key=lambda poll: poll[1]):
            times = [at for at, _ in polls]
            spells.append(Spell(state, times[0], times[-1]))
        return spells


def poll_times(window: Window, death: Death | None) -> Iterator[datetime]:
    """Seldom, to save time, and often around a worker's death. A real monitor polls often."""
    at = window.begins_at + OFTEN
    while at < window.ends_at:
        yield at
        is_near = death is not None and death.since < at + SELDOM < death.until + 2 * SELDOM
        at += OFTEN if is_near else SELDOM
