"""A game that scores as docs/scoring.md says: its tables, and that very code, run."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

from django.db import connections, models

from f1picks.environment import ROOT
from ingestion import signals
from ingestion.models import Driver, DriverKey, Event

PAGE = ROOT / "docs" / "scoring.md"
CODE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Of the page's blocks, those that are the loop.
FUNCTIONS = ("def catch_up", "def score")
WAKING = [
    signals.results_published,
    signals.results_amended,
    signals.results_settled,
    signals.event_rescheduled,
    signals.event_cancelled,
    signals.event_reinstated,
]


class Cursor(models.Model):
    position = models.BigIntegerField(default=0)

    objects: ClassVar[models.Manager["Cursor"]] = models.Manager()

    class Meta:
        app_label = "picks"

    def __str__(self) -> str:
        return str(self.position)


class Pick(models.Model):
    event = models.ForeignKey(Event, on_delete=models.PROTECT)
    player = models.CharField(max_length=20)
    place = models.PositiveSmallIntegerField()
    driver = models.ForeignKey(Driver, on_delete=models.PROTECT)
    made_at = models.DateTimeField()
    points = models.PositiveSmallIntegerField(null=True)
    is_refunded = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Pick"]] = models.Manager()

    class Meta:
        app_label = "picks"

    def __str__(self) -> str:
        return f"{self.player}: P{self.place} {self.driver}"


def known_driver(key: str) -> Driver:
    """Somebody to pick before the season's first classification has him."""
    facts = {"name": key.title(), "created_at": datetime.now(UTC)}
    driver = Driver.objects.get_or_create(key=key, defaults=facts)[0]
    DriverKey.objects.get_or_create(source="jolpica", key=key, defaults={"driver": driver})
    return driver


class Notice(models.Model):
    """Without a constraint: an entry that is seen twice has two."""

    event = models.ForeignKey(Event, on_delete=models.PROTECT)
    change_id = models.BigIntegerField()

    objects: ClassVar[models.Manager["Notice"]] = models.Manager()

    class Meta:
        app_label = "picks"

    def __str__(self) -> str:
        return str(self.change_id)


@dataclass
class Queue:
    """Stands for a task queue: keeps what is enqueued until it is run."""

    waiting: list[Callable[[], None]] = field(default_factory=list)

    def enqueue(self, task: Callable[[], None]) -> None:
        self.waiting.append(task)

    def run(self) -> int:
        """Run what waits; how many that were."""
        tasks, self.waiting = self.waiting, []
        for task in tasks:
            task()
        return len(tasks)


@contextmanager
def tables_created(using: str = "default") -> Iterator[None]:
    """Its tables, with a cursor at the beginning of the feed, for as long as this lasts."""
    create_tables(using)
    try:
        yield
    finally:
        with connections[using].schema_editor() as editor:
            for model in (Notice, Pick, Cursor):
                editor.delete_model(model)


def create_tables(using: str = "default") -> None:
    with connections[using].schema_editor() as editor:
        for model in (Cursor, Pick, Notice):
            editor.create_model(model)
    Cursor.objects.using(using).create()


@contextmanager
def page_code_run(queue: Queue) -> Iterator[SimpleNamespace]:
    """What the page's code defines; its receiver listens for as long as this lasts."""
    names = run_page_code(queue)
    try:
        yield names
    finally:
        for signal in WAKING:
            signal.disconnect(names.wake)


def run_page_code(queue: Queue) -> SimpleNamespace:
    """Run it as it is printed, with `picks` standing for this module."""
    stand_ins = {"picks": ModuleType("picks"), "picks.models": sys.modules[__name__]}
    tasks: Any = ModuleType("picks.tasks")
    tasks.enqueue = queue.enqueue
    sys.modules.update(stand_ins | {"picks.tasks": tasks})
    names: dict[str, Any] = {"__name__": "picks.scoring"}
    try:
        exec(compile(page_code(), str(PAGE), "exec"), names)
    finally:
        for name in (*stand_ins, "picks.tasks"):
            del sys.modules[name]
    return SimpleNamespace(**names)


def page_code() -> str:
    blocks = CODE.findall(PAGE.read_text(encoding="utf-8"))
    loop = [block for block in blocks if any(name in block for name in FUNCTIONS)]
    assert len(loop) == len(FUNCTIONS), "the page's blocks have changed"
    return "\n".join(loop)
