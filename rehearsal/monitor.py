"""Somebody outside who looks whether the installation works, as a monitor of /healthz does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from django.test import RequestFactory

from ingestion.views import healthz
from rehearsal.window import Window
from rehearsal.worker import Death

HOUR = timedelta(hours=1)
SELDOM = 3 * HOUR
OFTEN = timedelta(minutes=5)
BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Spell:
    """A state that was seen from a first look to a last."""

    state: str
    first: datetime
    last: datetime


@dataclass(slots=True)
class Monitor:
    looks: list[tuple[datetime, str]] = field(default_factory=list)

    def look(self, at: datetime) -> None:
        # The view itself: where it is mounted, if at all, is the project's own business.
        answer = healthz(RequestFactory().get("/"))
        self.looks.append((at, json.loads(answer.content)["state"]))

    def spells(self) -> list[Spell]:
        spells = []
        for state, looks in groupby(self.looks, key=lambda look: look[1]):
            times = [at for at, _ in looks]
            spells.append(Spell(state, times[0], times[-1]))
        return spells


def look_times(window: Window, death: Death | None) -> Iterator[datetime]:
    """Seldom, and often around a worker's death: real ones do so always."""
    at = window.begins_at + OFTEN
    while at < window.ends_at:
        yield at
        is_near = death is not None and death.since < at + SELDOM < death.until + 2 * SELDOM
        at += OFTEN if is_near else SELDOM
