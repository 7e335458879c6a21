"""A game on the app: picks around each start, and payouts from the feed (docs/scoring.md)."""

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
from rehearsal.history import CLASSIFIED, current_name
from rehearsal.played_season import PlayedSeason, Window

MINUTE = timedelta(minutes=1)
# Before and after each start that any calendar ever gave, the real one included.
AROUND = (-60 * MINUTE, -MINUTE, 0 * MINUTE, MINUTE, 60 * MINUTE)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that people pick on, by two names; `starts_at` is the real start."""

    grand_prix: str
    name: str
    starts_at: datetime

    @property
    def session_type(self) -> str:
        return self.name.lower().replace(" ", "_")


@dataclass(frozen=True, slots=True)
class Pick:
    session: Session
    made_at: datetime
    is_taken: bool

    @property
    def is_late(self) -> bool:
        return self.made_at >= self.session.starts_at


@dataclass(slots=True)
class Player:
    """Makes picks. A pick is taken where `Event.in_time` allows it at that moment, and counted
    where `in_time` still allows it in the end."""

    season: int
    picks: list[Pick] = field(default_factory=list)

    def pick(self, session: Session, at: datetime) -> None:
        event = self._find(session)
        self.picks.append(Pick(session, at, is_taken=event is not None and event.in_time(at)))

    def counted(self) -> list[Pick]:
        """The picks that were taken and count by what is known now."""
        events = {session: self._find(session) for session in {pick.session for pick in self.picks}}
        return [
            pick
            for pick in self.picks
            for event in [events[pick.session]]
            if pick.is_taken and event is not None and event.in_time(pick.made_at)
        ]

    def _find(self, session: Session) -> Event | None:
        return Event.objects.filter(
            season=self.season, name=session.grand_prix, session_type=session.session_type
        ).first()


def find_sessions(window: Window) -> Iterator[Session]:
    for weekend in window.weekends:
        for session in weekend.grand_prix.sessions:
            if session.name in CLASSIFIED.values() and session.starts_at is not None:
                yield Session(weekend.grand_prix.name, session.name, session.starts_at)


def pick_times(played: PlayedSeason, session: Session, window: Window) -> list[datetime]:
    starts = {session.starts_at, *find_published_starts(played, session)}
    moments = {start + offset for start in starts for offset in AROUND}
    return sorted(filter(window.has, moments))


def find_published_starts(played: PlayedSeason, session: Session) -> Iterator[datetime]:
    """Every start that the schedule file or Jolpica ever had."""
    ids = {one.name: one.id for one in played.facts.grands_prix}
    for move in played.moves:
        is_its = move.grand_prix == ids[session.grand_prix]
        if is_its and current_name(move.session) == session.name and move.starts_at:
            yield move.starts_at
    for weekend in played.facts.jolpica_calendar or ():
        start = weekend.starts_at(session.name)
        if weekend.name == session.grand_prix and start is not None:
            yield start


# The mean pause between two reads of the feed.
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
    """`signals` are counted by kind of change. `paid` has the leaders at the payout, by the event's
    key; `reversals` describes those that changed afterwards."""

    cursor: int = 0
    read: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    paid: dict[int, tuple[str, ...]] = field(default_factory=dict)
    rescored: int = 0
    reversals: list[str] = field(default_factory=list)

    def read_feed(self) -> None:
        for change in Change.objects.after(self.cursor).select_related("event"):
            self.cursor = change.pk
            self.read[change.kind] += 1
            self.rescored += change.kind == Change.Kind.AMENDED
            if change.kind == Change.Kind.PROPOSED:
                continue
            # Paid once settled, and not again; later entries about the event are compared with it.
            event, leaders = change.event, find_leaders(change.event)
            paid = self.paid.get(event.pk)
            if paid is not None and paid != leaders:
                self.reversals.append(f"{event}: {', '.join(paid)} became {', '.join(leaders)}")
            if event.results_state == Event.ResultsState.SETTLED:
                self.paid[event.pk] = leaders


def find_leaders(event: Event) -> tuple[str, ...]:
    leaders = event.podium if event.is_race else event.classification[:1]
    return tuple(leader.driver_id for leader in leaders)


@contextmanager
def counting_signals(game: Game) -> Iterator[None]:
    """Real receivers of the signals, for as long as this lasts."""

    def count(kind: str, **_: Any) -> None:
        game.signals[kind] += 1

    receivers = {kind: partial(count, kind) for kind in ANNOUNCED}
    for kind, signal in ANNOUNCED.items():
        signal.connect(receivers[kind], weak=False)
    try:
        yield
    finally:
        for kind, signal in ANNOUNCED.items():
            signal.disconnect(receivers[kind])


def read_times(window: Window, seed: int) -> Iterator[datetime]:
    random = Random(f"{seed} game")  # noqa: S311 - not a secret
    at = window.begins_at
    while (at := at + READ_EVERY * random.expovariate(1)) < window.ends_at:
        yield at
