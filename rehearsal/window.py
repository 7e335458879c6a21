"""Which part of a season is rehearsed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.sample.season import GrandPrix
from rehearsal.played import PlayedSeason, Publication, find_race_day

# Before the day of a race (UTC): what comes before a part of a season, and its weekend.
PART_BEFORE = timedelta(days=2, hours=6)
WEEKEND_BEFORE = timedelta(days=2)
WEEKEND_AFTER = timedelta(days=2)
# After the day of the last race, until everything is settled; of a whole season a while longer.
PART_AFTER = timedelta(days=2)
SEASON_AFTER = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Weekend:
    """From the Friday (UTC) to the Monday after it, where the race is on Sunday."""

    grand_prix: GrandPrix
    begins_at: datetime
    ends_at: datetime

    @property
    def is_sprint(self) -> bool:
        return self.grand_prix.session("Sprint") is not None

    def has(self, at: datetime) -> bool:
        return self.begins_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Window:
    """Instants are UTC; `weekends` in order. A whole season begins with an empty database, a part
    of one with what was before it, as after an ingest."""

    begins_at: datetime
    ends_at: datetime
    weekends: tuple[Weekend, ...]
    is_part: bool

    def has(self, at: datetime) -> bool:
        return self.begins_at <= at < self.ends_at

    def choose(self, publications: Sequence[Publication]) -> list[Publication]:
        """Those of its weekends."""
        ours = {weekend.grand_prix.id for weekend in self.weekends}
        return [one for one in publications if one.grand_prix in ours and self.has(one.at)]


def choose_window(played: PlayedSeason, rounds: Sequence[int] = ()) -> Window:
    """The whole season from the first schedule file on, or the weekends of some rounds and the
    days around them."""
    facts = played.facts
    weekends = tuple(
        Weekend(grand_prix, day - WEEKEND_BEFORE, day + WEEKEND_AFTER)
        for grand_prix in facts.grands_prix
        if not rounds or grand_prix.round in rounds
        for day in [find_race_day(facts, grand_prix.id)]
    )
    first, last = (find_race_day(facts, one.grand_prix.id) for one in (weekends[0], weekends[-1]))
    if rounds:
        return Window(first - PART_BEFORE, last + PART_AFTER, weekends, is_part=True)
    return Window(played.begins_at, last + SEASON_AFTER, weekends, is_part=False)
