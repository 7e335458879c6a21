"""The facts in the database, to compare what two runs have made of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.proofs.faults.places import SEASON, Key
from tests.rows import all_rows

Row = dict[str, Any]
# Of the feed: an event's, calendars, results and entrants apart.
Part = tuple[str, str, str]

# When something was learnt: two runs that learn the same at different times differ in nothing else.
MOMENTS = frozenset(
    {
        *("created_at", "updated_at", "schedule_generated_at", "disputed_generated_at"),
        *("results_generated_at", "results_changed_at"),
    }
)
IDENTITY = ("id", "event_id")
ENTRANTS = "entrants"
# What the feed's entries about results speak of.
WORDS_OF_RESULTS = ("classification", "results_state", "source", "proposal")


@dataclass(frozen=True)
class Dump:
    """The facts in the database, bookkeeping apart."""

    events: dict[Key, Row] = field(default_factory=dict)
    results: dict[Key, list[Row]] = field(default_factory=dict)
    changes: list[Row] = field(default_factory=list)

    def key_of(self, change: Row) -> Key:
        return next(key for key, row in self.events.items() if row["id"] == change["event_id"])


def read_dump() -> Dump:
    rows = all_rows()
    events = {(_name_weekend(row), row["session_type"]): row for row in rows["event"]}
    keys = {row["id"]: key for key, row in events.items()}
    results: dict[Key, list[Row]] = defaultdict(list)
    for row in sorted(rows["result"], key=lambda row: row["order"]):
        results[keys[row["event_id"]]].append(row)
    for change in rows["change"]:
        if "entrants" in change["after"]:
            # Who can be picked counts; which of the sources said so first may differ.
            listed = change["after"]["entrants"]
            change["after"] = {"entrants": sorted(entrant["driver_id"] for entrant in listed)}
    return Dump(events, dict(results), rows["change"])


def _name_weekend(event: Row) -> str:
    """With the season where it is another than the one that most places are about."""
    name: str = event["grand_prix"]
    return name if event["season"] == SEASON else f"{event['season']} {name}"


def substance(row: Row) -> Row:
    """Without keys and moments."""
    kept = {
        name: value
        for name, value in row.items()
        if name not in MOMENTS and name not in IDENTITY and name != "proposal_id"
    }
    if "proposal_id" in row:
        kept["has_proposal"] = row["proposal_id"] is not None
    return kept


def group_changes(before: Dump, after: Dump) -> dict[Part, list[Row]]:
    """What is new in the feed, by event: calendars, results and who can be picked apart."""
    grouped: dict[Part, list[Row]] = defaultdict(list)
    for change in after.changes[len(before.changes) :]:
        told = {*change["before"], *change["after"]}
        part = "calendars" if told.isdisjoint(WORDS_OF_RESULTS) else "results"
        if "entrants" in told:
            part = ENTRANTS
        grouped[(*after.key_of(change), part)].append(change)
    return grouped


def named_entrants(changes: Iterable[Row]) -> set[str]:
    return {driver for change in changes for driver in change["after"]["entrants"]}


def are_alike(some: Iterable[Row], others: Iterable[Row]) -> bool:
    return [substance(row) for row in some] == [substance(row) for row in others]
