"""Picks around each start, and what became of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingestion.models import Event
from rehearsal.history import CLASSIFIED, standing_name
from rehearsal.played import PlayedSeason
from rehearsal.window import Window

MINUTE = timedelta(minutes=1)
# Around each start that any calendar ever gave, the true one included.
AROUND = (-60 * MINUTE, -MINUTE, 0 * MINUTE, MINUTE, 60 * MINUTE)


@dataclass(frozen=True, slots=True)
class Session:
    """One that people pick on, by the grand prix's name and its own; `starts_at` is the truth."""

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
    """Makes a pick at each of its moments; the game takes it where `in_time` says so then, and
    counts it where it says so in the end."""

    season: int
    picks: list[Pick] = field(default_factory=list)

    def pick(self, session: Session, at: datetime) -> None:
        event = self._find(session)
        self.picks.append(Pick(session, at, is_taken=event is not None and event.in_time(at)))

    def counted(self) -> list[Pick]:
        """Those that were taken and count by what is known now."""
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
    told = {session.starts_at, *find_told_starts(played, session)}
    moments = {start + offset for start in told for offset in AROUND}
    return sorted(filter(window.has, moments))


def find_told_starts(played: PlayedSeason, session: Session) -> Iterator[datetime]:
    """Whatever the schedule file or Jolpica ever said."""
    ids = {one.name: one.id for one in played.facts.grands_prix}
    for move in played.moves:
        is_its = move.grand_prix == ids[session.grand_prix]
        if is_its and standing_name(move.session) == session.name and move.starts_at:
            yield move.starts_at
    for weekend in played.facts.jolpica_calendar or ():
        start = weekend.starts_at(session.name)
        if weekend.name == session.grand_prix and start is not None:
            yield start
