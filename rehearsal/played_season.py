"""A season that unfolds: what each upstream has published at any time, and the part to rehearse.

What was published is fact (see `history`). When Jolpica had a classification is not known: the time
is random, the same for one seed, between 40 minutes and three hours after the flag, at times
half-filled before. Its outages are made up as well.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from random import Random
from types import MappingProxyType
from typing import Any

from ingestion.sample.season import Finish, GrandPrix, Lap, Season, load_season
from rehearsal.history import (
    CLASSIFIED,
    Entries,
    Move,
    Table,
    is_blank,
    load_decisions,
    load_moves,
    schedule_as_published,
    undo,
    with_jolpicas_errors,
)

DEFAULT_SEED = 2024

# From the start that a calendar gives to the lights.
FORMATION_LAP = timedelta(minutes=4)
# Minutes from flag to flag, red flags included, where there is no winner's time.
USUAL_MINUTES = {"qualifyings": (60, 70), "sprint_qualifyings": (44, 50)}
# Minutes from the flag, or from the stewards' decision, until Jolpica has it.
SOONEST, LATEST = 40, 180
# Minutes that a classification lasted at least before it was amended.
SHORTEST_STAY = 30
# How many classifications in ten are half-filled at first, and for how many minutes.
HALF_FILLED_IN_TEN = 3
HALF_FILLED_MINUTES = (5, 25)
# How long the file is blank before and after an hour at which it is requested.
AROUND = timedelta(minutes=20)


class Stage(StrEnum):
    """How far a classification is: not all there, as after the flag, as the stewards left it."""

    HALF_FILLED = "half-filled"
    FIRST = "first"
    AMENDED = "amended"


@dataclass(frozen=True)
class Publication:
    """Jolpica has a classification from `at` on."""

    at: datetime
    flag_at: datetime
    grand_prix: str
    table: Table
    stage: Stage
    entries: Entries

    @property
    def drivers(self) -> list[str]:
        return [entry.driver for entry in self.entries]


class Trouble(StrEnum):
    UNREACHABLE = "Jolpica unreachable"
    THROTTLED = "Jolpica answers 429"
    BLANK = "the schedule file is blank"


@dataclass(frozen=True)
class Disturbance:
    trouble: Trouble
    since: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until


class PlayedSeason:
    """`facts` are the season's in the end, with Jolpica's own calendar in them."""

    def __init__(
        self,
        facts: Season,
        moves: Sequence[Move],
        publications: Sequence[Publication],
        disturbances: Sequence[Disturbance],
    ) -> None:
        self.facts = facts
        self.moves = tuple(moves)
        self.publications = tuple(sorted(publications, key=attrgetter("at")))
        self.disturbances = tuple(disturbances)
        self._instants = [publication.at for publication in self.publications]
        self._at_jolpica: dict[int, Season] = {}
        self._rows: dict[tuple[int, Table], int] = {}

    @property
    def begins_at(self) -> datetime:
        """When the schedule file was published first."""
        return self.moves[0].published_at

    def schedule_at(self, at: datetime) -> Season:
        return schedule_as_published(self.facts, self.moves, at)

    def is_blank(self, at: datetime) -> bool:
        return is_blank(self.moves, at) or self.suffers(Trouble.BLANK, at)

    def jolpica_at(self, at: datetime) -> Season:
        """The season with the classifications that Jolpica had by then."""
        count = bisect_right(self._instants, at)
        if count not in self._at_jolpica:
            self._at_jolpica[count] = with_publications(self.facts, self.publications[:count])
        return self._at_jolpica[count]

    def count_rows(self, table: Table, at: datetime) -> int:
        """How many rows Jolpica had by then, of all sessions of one kind."""
        key = bisect_right(self._instants, at), table
        if key not in self._rows:
            classifications = getattr(self.jolpica_at(at), table)
            self._rows[key] = sum(map(len, classifications.values()))
        return self._rows[key]

    def suffers(self, trouble: Trouble, at: datetime) -> bool:
        return any(one.trouble is trouble and one.holds(at) for one in self.disturbances)


def play_season(year: int = 2024, *, seed: int = DEFAULT_SEED) -> PlayedSeason:
    facts = with_jolpicas_errors(load_season(year))
    publications = [
        publication
        for table in CLASSIFIED
        for weekend in facts.grands_prix
        if weekend.id in getattr(facts, table)
        for publication in publish(facts, weekend, table, seed)
    ]
    return PlayedSeason(facts, load_moves(year), publications, disturb(facts, publications))


def with_publications(facts: Season, publications: Sequence[Publication]) -> Season:
    """The facts with them; of several of one session the last counts."""
    tables: dict[str, dict[str, Entries]] = {table: {} for table in CLASSIFIED}
    for publication in publications:
        tables[publication.table][publication.grand_prix] = publication.entries
    published: dict[str, Any] = {
        table: MappingProxyType(entries) for table, entries in tables.items()
    }
    return replace(facts, **published)


# What Jolpica publishes


def publish(season: Season, weekend: GrandPrix, table: Table, seed: int) -> Iterator[Publication]:
    random = Random(f"{seed} {season.year} {weekend.id} {table}")  # noqa: S311 - not a secret
    flag_at = find_flag(season, weekend, table, random)
    final: Entries = getattr(season, table)[weekend.id]
    decisions = load_decisions(season.year).get((table, weekend.id))
    first = undo(season, table, weekend.id) if decisions else final
    decided_at = flag_at + max(decision.after for decision in decisions) if decisions else None
    at = draw_first(flag_at, decided_at, random)
    if random.randrange(10) < HALF_FILLED_IN_TEN and table != "sprint_qualifyings":
        before = at - timedelta(minutes=random.randint(*HALF_FILLED_MINUTES))
        half = fill_half(first, random)
        yield Publication(before, flag_at, weekend.id, table, Stage.HALF_FILLED, half)
    yield Publication(at, flag_at, weekend.id, table, Stage.FIRST, first)
    if decided_at is not None:
        amended_at = draw(decided_at, SOONEST, LATEST, random)
        yield Publication(amended_at, flag_at, weekend.id, table, Stage.AMENDED, final)


def find_flag(season: Season, weekend: GrandPrix, table: Table, random: Random) -> datetime:
    """When the session ended; a race or sprint by its winner's time."""
    start = weekend.starts_at(CLASSIFIED[table])
    if start is None:
        raise LookupError(f"the {CLASSIFIED[table]} of {weekend.id} has no start")
    if table in USUAL_MINUTES:
        return draw(start, *USUAL_MINUTES[table], random)
    winner = getattr(season, table)[weekend.id][0]
    return start + FORMATION_LAP + timedelta(milliseconds=winner.milliseconds)


def draw_first(flag_at: datetime, decided_at: datetime | None, random: Random) -> datetime:
    if decided_at is None:
        return draw(flag_at, SOONEST, LATEST, random)
    until_decision = int((decided_at - flag_at).total_seconds()) // 60
    return draw(flag_at, SOONEST, min(LATEST, until_decision - SHORTEST_STAY), random)


def draw(since: datetime, soonest: int, latest: int, random: Random) -> datetime:
    """To the second, so many minutes after."""
    return since + timedelta(seconds=random.randint(soonest * 60, latest * 60))


def fill_half(entries: Entries, random: Random) -> Entries:
    """As a classification may look at first: of a qualifying Q1 alone, of a race half the field
    or no position."""
    laps = [entry for entry in entries if isinstance(entry, Lap)]
    if laps:
        by_q1 = sorted(laps, key=lambda lap: (lap.q1 is None, lap.q1 or 0))
        return tuple(
            replace(lap, order=order, classification=str(order), q2=None, q3=None)
            for order, lap in enumerate(by_q1, start=1)
        )
    finishes = tuple(entry for entry in entries if isinstance(entry, Finish))
    if random.randrange(2):
        return finishes[: len(finishes) // 2]
    return tuple(replace(finish, order=0) for finish in finishes)


# What goes wrong


def disturb(season: Season, publications: Sequence[Publication]) -> list[Disturbance]:
    """Made up: Jolpica is away for the evening after one race and refuses for an hour after
    another, and the schedule file is blank again at two of the hours at which it is requested."""
    flags = {
        publication.grand_prix: publication.flag_at
        for publication in publications
        if publication.table == "races"
    }
    away, refused = flags["italy"], flags["singapore"] + timedelta(minutes=30)
    six = [
        find_race_day(season, "great-britain") - timedelta(days=4) + timedelta(hours=6),
        find_race_day(season, "mexico") + timedelta(hours=6),
    ]
    return [
        Disturbance(Trouble.UNREACHABLE, away, away + timedelta(hours=6)),
        Disturbance(Trouble.THROTTLED, refused, refused + timedelta(hours=1)),
        *(Disturbance(Trouble.BLANK, at - AROUND, at + AROUND) for at in six),
    ]


def find_race_day(season: Season, grand_prix: str) -> datetime:
    """Its midnight in UTC."""
    start = season.grand_prix(grand_prix).starts_at("Race")
    if start is None:
        raise LookupError(f"the race of {grand_prix} has no start")
    return start.replace(hour=0, minute=0)


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
