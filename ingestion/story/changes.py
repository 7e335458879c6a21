"""Entries of the feed as sentences: what was known when, what changed, and by whom."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_duration

from ingestion.amendments import describe_amendment, describe_disagreement
from ingestion.models import Change, Event
from ingestion.records import RESULT_FIELDS
from ingestion.story.printing import print_instant, print_origin, print_source, print_start

Side = Mapping[str, Any]

# What may differ between two sides of an entry, in the order in which it is
# printed. The rest is left out: an estimated start is printed with the start, a lock by a person
# with its kind.
FIELDS = {
    "name": "name",
    "official_name": "official name",
    "round_number": "round",
    "country": "country",
    "location": "place",
    "starts_at": "start",
    "disputed_starts_at": "the other calendar's start",
    "locks_at": "picks close",
    "ends_at": "expected end",
    "utc_offset": "local time less UTC",
    "schedule_source": "calendar",
    "status": "status",
    "results_state": "results",
    "source": "source",
    "results_source": "source",
}


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One entry of the feed: when, what, and which run or person with what reason."""

    at: datetime
    sentence: str
    author: str


def describe_story(changes: Iterable[Change]) -> list[StoryLine]:
    return [
        StoryLine(change.created_at, describe_change(change), describe_author(change))
        for change in changes
    ]


def describe_change(change: Change) -> str:
    """'Revision 2: P1 Russell -> Hamilton, Russell disqualified (Jolpica)'."""
    return DESCRIPTIONS[Change.Kind(change.kind)](change)


def describe_author(change: Change) -> str:
    """'run 12, command', or 'anna: "the stewards took it back"'."""
    if change.person_name:
        name = _one_line(change.person_name)
        return f'{name}: "{_one_line(change.reason)}"' if change.reason else name
    if change.run is not None:
        cause = [] if change.cause == Change.Cause.POLL else [change.cause]
        return ", ".join([f"run {change.run.pk}", change.run.trigger, *cause])
    # Runs are pruned; what they did stays.
    return f'{change.cause}: "{_one_line(change.reason)}"' if change.reason else change.cause


def _describe_calendar(change: Change) -> str:
    """What a calendar did, or a person who voided the event."""
    before, after = change.before, change.after
    if change.kind == Change.Kind.VOIDED:
        return f"Voided: it was {before.get('status', 'on the calendar')}"
    if change.kind == Change.Kind.CANCELLED:
        number = before.get("round_number")
        where = "" if number is None else f", where it was round {number}"
        return f"Cancelled: off the calendar{where}"
    if change.kind == Change.Kind.RESCHEDULED:
        text = f"Start {_start(before)} -> {_start(after)}"
        return _and_more(text, change, apart=("starts_at",))
    if change.kind == Change.Kind.REINSTATED:
        starts = dict.fromkeys([_start(before), _start(after)])
        text = f"Back on the calendar{_as_round(after)}, start {' -> '.join(starts)}"
        return _and_more(text, change, apart=("round_number", "starts_at", "status"))
    # Scheduled. A qualifying of 1994 to 2005 is in no calendar.
    if "schedule_source" not in after:
        return "Known by its classification alone: no calendar has it"
    text = f"Put on the calendar{_as_round(after)}, start {_start(after)}"
    if after.get("disputed_starts_at") is not None:
        text += f", the other calendar says {print_instant(after['disputed_starts_at'])}"
    return f"{text} ({print_source(after['schedule_source'])})"


def _describe_revision(change: Change) -> str:
    """A classification that a source published, amended or proposed to amend."""
    if change.kind == Change.Kind.PROPOSED:
        text = "Proposed, for a person to decide, and not applied"
    elif change.kind == Change.Kind.PUBLISHED:
        text = f"Revision {change.revision} published"
    else:
        # A person's only part in an amendment is to accept it.
        accepted = ", the proposal accepted" if change.person_name else ""
        text = f"Revision {change.revision}{accepted}"
    return f"{text}: {_leaders(change)} ({print_source(change.after['source'])})"


def _describe_details(change: Change) -> str:
    before, after = change.before, change.after
    if "proposal" in before:
        return "The proposal was taken back by the upstream"
    parts = []
    if "results_state" in after:
        parts.append(f"No longer {before['results_state']} but {after['results_state']}")
    if after.get("details"):
        parts.append(f"Details of revision {change.revision}: {_list_fields(change)}")
    if parts:
        return f"{'; '.join(parts)} ({print_source(after['source'])})"
    return _and_more("Details", change, apart=(), joined=": ")


def _describe_settled(change: Change) -> str:
    if change.person_name:
        return f"Revision {change.revision} declared settled"
    return f"Revision {change.revision} settled: it was seen unchanged long enough"


def _describe_corrected(change: Change) -> str:
    before, after = change.before, change.after
    if "classification" in after:
        entered = "corrected by hand" if "classification" in before else "entered by hand"
        return f"Revision {change.revision} {entered}: {_leaders(change)}"
    if after.get("details"):
        return f"Details of revision {change.revision} corrected by hand: {_list_fields(change)}"
    if "details" in after:
        return f"Revision {change.revision} confirmed by hand"
    if after.get("proposal_rejected"):
        return "The proposal was rejected"
    if before.get("status") == Event.Status.CANCELLED:
        return _and_more("The cancellation was taken back", change, apart=("status",))
    # Whose start it is goes without saying.
    return _and_more("Corrected", change, apart=("schedule_source",), joined=": ")


def _describe_released(change: Change) -> str:
    if "results_locked" in change.before:
        return "The classification was given back to the upstream"
    return "Start and status were given back to the calendars"


def _describe_witness(change: Change) -> str:
    """What the second source says of the revision, by Formula 1's own pages."""
    before, after = change.before, change.after
    if change.kind == Change.Kind.CONFIRMED:
        return f"Revision {change.revision} confirmed by {print_source(after['source'])}"
    what = describe_disagreement(
        change.event.session_type,
        before["classification"],
        after["classification"],
        names=(print_origin(before["source"]), print_origin(after["source"])),
    )
    return f"Revision {change.revision} disputed, and left as it is: {what}"


def _describe_entrants(change: Change) -> str:
    """'Can be picked: Oliver Bearman (car 38, Ferrari)', with the source where one named them."""
    entrants: list[dict[str, Any]] = change.after.get("entrants", [])
    named = ", ".join(_describe_entrant(entrant) for entrant in entrants) or "no driver"
    if change.kind == Change.Kind.WITHDRAWN:
        return f"Does not start, and cannot be picked any more: {named}"
    sources = dict.fromkeys(print_source(entrant["source"]) for entrant in entrants)
    # Who the person is is said beside it.
    by = f" ({', '.join(sources)})" if sources and not change.person_name else ""
    return f"Can be picked: {named}{by}"


def _describe_entrant(entrant: Side) -> str:
    number = entrant.get("driver_number")
    car = [f"car {number}" if number is not None else "", entrant.get("constructor_name", "")]
    seat = ", ".join(filter(None, car))
    return f"{entrant['driver_name']} ({seat})" if seat else str(entrant["driver_name"])


DESCRIPTIONS: Mapping[Change.Kind, Callable[[Change], str]] = {
    Change.Kind.SCHEDULED: _describe_calendar,
    Change.Kind.RESCHEDULED: _describe_calendar,
    Change.Kind.CANCELLED: _describe_calendar,
    Change.Kind.REINSTATED: _describe_calendar,
    Change.Kind.VOIDED: _describe_calendar,
    Change.Kind.PUBLISHED: _describe_revision,
    Change.Kind.AMENDED: _describe_revision,
    Change.Kind.PROPOSED: _describe_revision,
    Change.Kind.DETAILS: _describe_details,
    Change.Kind.SETTLED: _describe_settled,
    Change.Kind.CORRECTED: _describe_corrected,
    Change.Kind.RELEASED: _describe_released,
    Change.Kind.CONFIRMED: _describe_witness,
    Change.Kind.DISPUTED: _describe_witness,
    Change.Kind.ENTERED: _describe_entrants,
    Change.Kind.WITHDRAWN: _describe_entrants,
}


def _leaders(change: Change) -> str:
    before = change.before.get("classification", [])
    return describe_amendment(change.event.session_type, before, change.after["classification"])


def _list_fields(change: Change) -> str:
    """The fields that changed, of how many entries."""
    counts = Counter(detail["field"] for detail in change.after["details"])
    changed = (f"{name} of {counts[name]}" for name in RESULT_FIELDS if name in counts)
    return f"{', '.join(changed)} changed, no place did"


def _and_more(text: str, change: Change, *, apart: tuple[str, ...], joined: str = "; ") -> str:
    """With the other fields in which the two sides differ."""
    more = ", ".join(
        f"{label} {_value(name, change.before)} -> {_value(name, change.after)}"
        for name, label in FIELDS.items()
        if name in change.after
        and name not in apart
        and change.before.get(name) != change.after[name]
    )
    return f"{text}{joined}{more}" if more else text


def _value(name: str, side: Side) -> str:
    value = side.get(name)
    if name == "starts_at":
        return _start(side)
    if value is None or value == "":
        return "none"
    if name.endswith("_at"):
        return print_instant(value)
    if name == "utc_offset":
        return str(parse_duration(value) if isinstance(value, str) else value)
    if name == "points":
        # '25' of a source is '25.00' of the database.
        return f"{Decimal(value).normalize():f}"
    return print_source(value) if name.endswith("source") else str(value)


def _start(side: Side) -> str:
    is_estimated = bool(side.get("start_is_estimated"))
    return print_start(side.get("starts_at"), is_estimated=is_estimated)


def _as_round(side: Side) -> str:
    number = side.get("round_number")
    return "" if number is None else f" as round {number}"


def _one_line(text: str) -> str:
    """A person's text: line ends become spaces, and what a terminal would obey goes."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
