"""One driver in one event: since when he could be picked, by whom, and where he finished."""

from collections.abc import Mapping, Sequence
from typing import Any

from ingestion.models import Change, Driver, Event
from ingestion.story.changes import describe_author
from ingestion.story.events import Fact
from ingestion.story.printing import print_instant, print_source

ENTRIES = {
    Change.Kind.ENTERED.value: "could be picked",
    Change.Kind.WITHDRAWN.value: "could not be picked any more",
}


def describe_driver(driver: Driver, event: Event, changes: Sequence[Change]) -> list[Fact]:
    """`changes` are the event's story. What is not known is said."""
    keys = {driver.key, *(other.key for other in driver.merged.all())}
    born = f", born {driver.born}" if driver.born is not None else ""
    entries = [
        f"{ENTRIES[change.kind]} from {print_instant(change.created_at)}, by {_by(change, listed)}"
        for change in changes
        if change.kind in ENTRIES
        for listed in change.after.get("entrants", ())
        if listed["driver_id"] in keys
    ]
    return [
        ("driver", f"{driver.name} ({driver.key}){born}"),
        ("entrant", "; ".join(entries) or "nobody entered him for this grand prix"),
        ("first named", _describe_first(changes, keys)),
        ("result", _describe_result(driver, event)),
    ]


def _by(change: Change, listed: Mapping[str, Any]) -> str:
    if change.person_name:
        reason = f": {change.reason}" if change.reason else ""
        return f"{describe_author(change)}{reason}"
    return f"{print_source(listed['source'])}, {describe_author(change)}"


def _describe_first(changes: Sequence[Change], keys: set[str]) -> str:
    """In a classification of this event."""
    for change in changes:
        named = {entry["driver_id"] for entry in change.after.get("classification", ())}
        if keys & named and change.kind != Change.Kind.PROPOSED:
            at = print_instant(change.created_at)
            return f"at {at} in revision {change.revision}, by {describe_author(change)}"
    return "in no classification of this event"


def _describe_result(driver: Driver, event: Event) -> str:
    entries = [entry for entry in event.classification if entry.driver_id == driver.key]
    if not entries:
        return "not classified" if event.has_results else "the classification is not in yet"
    return "; ".join(
        f"{entry.classification} of {len(event.classification)} (order {entry.order}) in car "
        f"{entry.driver_number} of {entry.constructor_name}"
        + (f", {entry.status}" if entry.status else "")
        for entry in entries
    )
