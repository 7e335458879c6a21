"""How what has to come of a fault is written down, and the facts that it speaks of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ingestion.sample.season import Season
from tests.proofs.faults import facts
from tests.proofs.faults.places import TABLES, Key

KINDS = ("race", "qualifying", "sprint", "sprint_qualifying")
MONACO, SPAIN = "monaco-grand-prix", "spanish-grand-prix"
# Where the calendars' part of the events comes from.
BOTH, NEITHER, FILE, JOLPICA = "both", "neither", "the file", "Jolpica"


@dataclass(frozen=True)
class Expected:
    """`word` stands in the table. `complaint` is a pattern of the command's last line, each of
    `notes` one that some note of the run has.

    `archived` is what reads seasons that are over then: the dump, pages, or both (`matrix.Scene`).
    `kept` are the kinds of session, or single ones, whose results stay as they were, `guessed`
    those with a pole from the sprint's grid, `told` those that say what the fault says: drivers in
    order. `changed` are columns of events that say it, `added` grands prix that it alone has,
    `entered` drivers who can be picked besides.
    """

    word: str
    code: int = 0
    complaint: str = ""
    notes: tuple[str, ...] = ()
    calendars: str = BOTH
    archived: str = ""
    kept: frozenset[str | Key] = frozenset()
    guessed: frozenset[Key] = frozenset()
    told: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    proposed: frozenset[Key] = frozenset()
    changed: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    entered: frozenset[str] = frozenset()

    def keeps(self, key: Key) -> bool:
        return key in self.kept or key[1] in self.kept


def all_keys(kind: str) -> list[Key]:
    season = facts.latest_facts()
    names = {one.id: slug_of(one.name) for one in season.grands_prix}
    return [(names[key], kind) for key in getattr(season, TABLES[kind]) if key in names]


def slug_of(name: str) -> str:
    return "-".join(name.lower().split())


def start_of(grand_prix: str, session: str) -> datetime:
    start = facts.latest_facts().grand_prix(grand_prix).starts_at(session)
    assert start is not None
    return start


def told_by(season: Season, kind: str) -> dict[Key, tuple[str, ...]]:
    """The drivers of each classification in order."""
    names = {one.id: slug_of(one.name) for one in season.grands_prix}
    return {
        (names[key], kind): tuple(row.driver for row in rows)
        for key, rows in getattr(season, TABLES[kind]).items()
        if key in names and rows
    }
