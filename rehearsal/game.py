"""A game that reads the feed as docs/scoring.md says, and pays once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from django.dispatch import Signal

from ingestion.models import Change, Event
from ingestion.signals import (
    event_cancelled,
    event_reinstated,
    event_rescheduled,
    results_amended,
    results_published,
)
from rehearsal.window import Window

# The feed is read at any time, once an hour.
READ_EVERY = timedelta(hours=1)
ANNOUNCED: dict[str, Signal] = {
    Change.Kind.PUBLISHED: results_published,
    Change.Kind.AMENDED: results_amended,
    Change.Kind.RESCHEDULED: event_rescheduled,
    Change.Kind.CANCELLED: event_cancelled,
    Change.Kind.REINSTATED: event_reinstated,
}


@dataclass(slots=True)
class Game:
    """`paid` are the leaders that were paid for, by the event's key; `reversals` those that were
    others afterwards."""

    cursor: int = 0
    read: Counter[str] = field(default_factory=Counter)
    heard: Counter[str] = field(default_factory=Counter)
    paid: dict[int, tuple[str, ...]] = field(default_factory=dict)
    rescored: int = 0
    reversals: list[str] = field(default_factory=list)

    def read_feed(self) -> None:
        for change in Change.objects.after(self.cursor).select_related("event"):
            self.cursor = change.pk
            self.read[change.kind] += 1
            self.rescored += change.kind == Change.Kind.AMENDED
            if change.kind != Change.Kind.PROPOSED:
                self._pay(change.event)

    def _pay(self, event: Event) -> None:
        """Once settled, and not again; what was paid for is compared whenever the event is news."""
        leaders = find_leaders(event)
        paid = self.paid.get(event.pk)
        if paid is not None and paid != leaders:
            self.reversals.append(f"{event}: {', '.join(paid)} became {', '.join(leaders)}")
        if event.results_state == Event.ResultsState.SETTLED:
            self.paid[event.pk] = leaders


def find_leaders(event: Event) -> tuple[str, ...]:
    leaders = event.podium if event.is_race else event.classification[:1]
    return tuple(leader.driver_id for leader in leaders)


@contextmanager
def listening(game: Game) -> Iterator[None]:
    """Real receivers of the signals, for as long as this lasts."""
    receivers = {kind: partial(_hear, game, kind) for kind in ANNOUNCED}
    for kind, signal in ANNOUNCED.items():
        signal.connect(receivers[kind], weak=False)
    try:
        yield
    finally:
        for kind, signal in ANNOUNCED.items():
            signal.disconnect(receivers[kind])


def _hear(game: Game, kind: str, **_: Any) -> None:
    game.heard[kind] += 1


def read_times(window: Window, seed: int) -> Iterator[datetime]:
    random = Random(f"{seed} game")  # noqa: S311 - not a secret
    at = window.begins_at
    while (at := at + READ_EVERY * random.expovariate(1)) < window.ends_at:
        yield at
