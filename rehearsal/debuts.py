"""Who could not be picked a day before the lock of a session in which he is classified."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.models import Change, Event
from ingestion.records import Source
from rehearsal.played_season import PlayedSeason, Window

# More at once are a season's first field, of which an empty database knows nobody.
FIRST_FIELD = 10


@dataclass(frozen=True, slots=True)
class Debut:
    """`known_at` is when he could be picked, by what `source` said; None where the feed has not
    entered him. `is_leader` on the podium, or the pole of a qualifying."""

    session: str
    driver: str
    order: int
    locked_at: datetime
    known_at: datetime | None
    source: str
    is_leader: bool

    def __str__(self) -> str:
        known = "never entered"
        if self.known_at is not None:
            hours = (self.locked_at - self.known_at) / timedelta(hours=1)
            when = f"{abs(hours):.0f} hours {'before' if hours > 0 else 'after'} its lock"
            known = f"known {self.known_at:%d %b %H:%M}, {when}, by {self.source}"
        return f"{self.driver}, {self.order}. of the {self.session}: {known}"


def find_debuts(played: PlayedSeason, window: Window) -> list[Debut]:
    """By the feed, which has each driver's entry with its time and its source."""
    names = {weekend.grand_prix.name for weekend in window.weekends}
    events = Event.objects.for_season(played.facts.year).with_classifications()
    debuts: list[Debut] = []
    for event in events:
        found = list(_find_late(event)) if event.name in names else []
        if len(found) <= FIRST_FIELD:
            debuts += found
    return debuts


def _find_late(event: Event) -> Iterator[Debut]:
    if event.locks_at is None:
        return
    entered: dict[str, tuple[datetime, str]] = {}
    entries = Change.objects.filter(
        event__season=event.season, event__grand_prix=event.grand_prix, kind=Change.Kind.ENTERED
    )
    for change in entries.order_by("pk"):
        for one in change.after["entrants"]:
            source = Source(one["source"]).label
            entered.setdefault(one["driver_id"], (change.created_at, source))
    leaders = event.podium if event.is_race else event.classification[:1]
    for row in event.classification:
        known_at, source = entered.get(row.driver_id, (None, ""))
        if known_at is None or known_at > event.locks_at - timedelta(days=1):
            session = f"{event.name} {event.get_session_type_display()}"
            is_leader = row in leaders
            yield Debut(
                session, row.driver_name, row.order, event.locks_at, known_at, source, is_leader
            )
