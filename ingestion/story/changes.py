"""Entries of the feed as sentences: what was known when, what changed, and by whom."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_duration
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingestion.amendments import describe_amendment, describe_disagreement
from ingestion.models import Change, Event
from ingestion.records import RESULT_FIELDS
from ingestion.story.printing import (
    print_choice,
    print_instant,
    print_origin,
    print_source,
    print_start,
)

Side = Mapping[str, Any]

# What may differ between two sides of an entry, in the order in which it is
# printed. The rest is left out: an estimated start is printed with the start, a lock by a person
# with its kind.
FIELDS = {
    "name": gettext_lazy("name"),
    "official_name": gettext_lazy("official name"),
    "round_number": gettext_lazy("round"),
    "country": gettext_lazy("country"),
    "location": gettext_lazy("place"),
    "starts_at": gettext_lazy("start"),
    "disputed_starts_at": gettext_lazy("the other calendar's start"),
    "locks_at": gettext_lazy("picks close"),
    "ends_at": gettext_lazy("expected end"),
    "utc_offset": gettext_lazy("local time less UTC"),
    "schedule_source": gettext_lazy("calendar"),
    "status": gettext_lazy("status"),
    "results_state": gettext_lazy("results"),
    "source": gettext_lazy("source"),
    "results_source": gettext_lazy("source"),
}


# The fields with few values, each of which has a name for people.
CHOICES: Mapping[str, Any] = {"status": Event.Status, "results_state": Event.ResultsState}


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
        cause = [] if change.cause == Change.Cause.POLL else [change.get_cause_display()]
        return ", ".join(
            [_("run %(number)s") % {"number": change.run.pk}, change.run.started_by, *cause]
        )
    # Runs are pruned; what they did stays.
    cause_alone = change.get_cause_display()
    return f'{cause_alone}: "{_one_line(change.reason)}"' if change.reason else cause_alone


def _describe_calendar(change: Change) -> str:
    """What a calendar did, or a person who voided the event."""
    before, after = change.before, change.after
    if change.kind == Change.Kind.VOIDED:
        return _("Voided: it was %(status)s") % {"status": _value("status", before)}
    if change.kind == Change.Kind.CANCELLED:
        number = before.get("round_number")
        where = (
            "" if number is None else (_(", where it was round %(number)s") % {"number": number})
        )
        return _("Cancelled: off the calendar%(where)s") % {"where": where}
    if change.kind == Change.Kind.RESCHEDULED:
        text = _("Start %(old)s -> %(new)s") % {"old": _start(before), "new": _start(after)}
        return _and_more(text, change, apart=("starts_at",))
    if change.kind == Change.Kind.REINSTATED:
        starts = dict.fromkeys([_start(before), _start(after)])
        text = _("Back on the calendar%(as_round)s, start %(starts)s") % {
            "as_round": _as_round(after),
            "starts": " -> ".join(starts),
        }
        return _and_more(text, change, apart=("round_number", "starts_at", "status"))
    # Scheduled. A qualifying of 1994 to 2005 is in no calendar.
    if "schedule_source" not in after:
        return _("Known by its classification alone: no calendar has it")
    text = _("Put on the calendar%(as_round)s, start %(start)s") % {
        "as_round": _as_round(after),
        "start": _start(after),
    }
    if after.get("disputed_starts_at") is not None:
        text += _(", the other calendar says %(at)s") % {
            "at": print_instant(after["disputed_starts_at"])
        }
    return f"{text} ({print_source(after['schedule_source'])})"


def _describe_revision(change: Change) -> str:
    """A classification that a source published, amended or proposed to amend."""
    if change.kind == Change.Kind.PROPOSED:
        text = _("Proposed, for a person to decide, and not applied")
    elif change.kind == Change.Kind.PUBLISHED:
        text = _("Revision %(revision)s published") % {"revision": change.revision}
    else:
        # A person's only part in an amendment is to accept it.
        accepted = _(", the proposal accepted") if change.person_name else ""
        text = _("Revision %(revision)s%(accepted)s") % {
            "revision": change.revision,
            "accepted": accepted,
        }
    return f"{text}: {_leaders(change)} ({print_source(change.after['source'])})"


def _describe_details(change: Change) -> str:
    before, after = change.before, change.after
    if "proposal" in before:
        return _("The proposal was taken back by the upstream")
    parts = []
    if "results_state" in after:
        parts.append(
            _("No longer %(old)s but %(new)s")
            % {"old": _value("results_state", before), "new": _value("results_state", after)}
        )
    if after.get("details"):
        parts.append(
            _("Details of revision %(revision)s: %(fields)s")
            % {"revision": change.revision, "fields": _list_fields(change)}
        )
    if parts:
        return f"{'; '.join(parts)} ({print_source(after['source'])})"
    return _and_more(_("Details"), change, apart=(), joined=": ")


def _describe_settled(change: Change) -> str:
    if change.person_name:
        return _("Revision %(revision)s declared settled") % {"revision": change.revision}
    return _("Revision %(revision)s settled: it was seen unchanged long enough") % {
        "revision": change.revision
    }


def _describe_corrected(change: Change) -> str:
    before, after = change.before, change.after
    if "classification" in after:
        entered = _("corrected by hand") if "classification" in before else _("entered by hand")
        return _("Revision %(revision)s %(entered)s: %(leaders)s") % {
            "revision": change.revision,
            "entered": entered,
            "leaders": _leaders(change),
        }
    if after.get("details"):
        return _("Details of revision %(revision)s corrected by hand: %(fields)s") % {
            "revision": change.revision,
            "fields": _list_fields(change),
        }
    if "details" in after:
        return _("Revision %(revision)s confirmed by hand") % {"revision": change.revision}
    if "proposal_rejected" in after:
        is_rejected = after["proposal_rejected"]
        again = _("The rejected proposal is open again")
        return _("The proposal was rejected") if is_rejected else again
    if before.get("status") == Event.Status.CANCELLED:
        return _and_more(_("The cancellation was taken back"), change, apart=("status",))
    # Whose start it is goes without saying.
    return _and_more(_("Corrected"), change, apart=("schedule_source",), joined=": ")


def _describe_released(change: Change) -> str:
    if "results_locked" in change.before:
        return _("The classification was given back to the upstream")
    return _("Start and status were given back to the calendars")


def _describe_witness(change: Change) -> str:
    """What the second source says of the revision, by Formula 1's own pages."""
    before, after = change.before, change.after
    if change.kind == Change.Kind.CONFIRMED:
        return _("Revision %(revision)s confirmed by %(source)s") % {
            "revision": change.revision,
            "source": print_source(after["source"]),
        }
    what = describe_disagreement(
        change.event.session_type,
        before["classification"],
        after["classification"],
        names=(print_origin(before["source"]), print_origin(after["source"])),
    )
    return _("Revision %(revision)s disputed, and left as it is: %(what)s") % {
        "revision": change.revision,
        "what": what,
    }


def _describe_entrants(change: Change) -> str:
    """'Can be picked: Oliver Bearman (car 38, Ferrari)', with the source where one named them."""
    entrants: list[dict[str, Any]] = change.after.get("entrants", [])
    drivers = []
    for entrant in entrants:
        number = entrant.get("driver_number")
        car = "" if number is None else _("car %(number)s") % {"number": number}
        seat = ", ".join(filter(None, [car, entrant.get("constructor_name", "")]))
        drivers.append(entrant["driver_name"] + (f" ({seat})" if seat else ""))
    named = ", ".join(drivers) or _("no driver")
    if change.kind == Change.Kind.WITHDRAWN:
        return _("Does not start, and cannot be picked any more: %(named)s") % {"named": named}
    sources = dict.fromkeys(print_source(entrant["source"]) for entrant in entrants)
    # Who the person is is said beside it.
    by = f" ({', '.join(sources)})" if sources and not change.person_name else ""
    return _("Can be picked: %(named)s%(by)s") % {"named": named, "by": by}


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
    changed = (
        _("%(field)s of %(count)s") % {"field": name, "count": counts[name]}
        for name in RESULT_FIELDS
        if name in counts
    )
    return _("%(fields)s changed, no place did") % {"fields": ", ".join(changed)}


def _and_more(text: str, change: Change, *, apart: tuple[str, ...], joined: str = "; ") -> str:
    """The text with the other fields in which the two sides differ."""
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
        return _("none")
    if name.endswith("_at"):
        return print_instant(value)
    if name == "utc_offset":
        return str(parse_duration(value) if isinstance(value, str) else value)
    text = print_choice(CHOICES[name], value) if name in CHOICES else str(value)
    return print_source(value) if name.endswith("source") else text


def _start(side: Side) -> str:
    is_estimated = bool(side.get("start_is_estimated"))
    return print_start(side.get("starts_at"), is_estimated=is_estimated)


def _as_round(side: Side) -> str:
    number = side.get("round_number")
    return "" if number is None else (_(" as round %(number)s") % {"number": number})


def _one_line(text: str) -> str:
    """A person's text: line ends become spaces, and what a terminal would obey goes."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
