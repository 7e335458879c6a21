"""What has to come of an answer that cannot be used at all, and of none."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.proofs.faults import facts
from tests.proofs.faults.expected import (
    FILE,
    JOLPICA,
    KINDS,
    MONACO,
    NEITHER,
    Expected,
    slug_of,
    start_of,
)
from tests.proofs.faults.places import (
    CALENDAR,
    CALENDARS_OF_JOLPICA,
    CHINA,
    IMOLA,
    MIAMI,
    NEWER_RACE,
    ROUNDS,
    SCHEDULE,
    SQ,
    Key,
    Place,
)
from tests.proofs.faults.switches import BROKEN_OFF, NETWORK, Fault

MEANWHILE = "the sprint's grid shows the pole meanwhile"
SAVED, NOTHING = "The rest is saved.", "Nothing was changed."
CONTINUES = "it continues with what is missing, or add --wait."


def lost(fault: Fault, place: Place, is_filled: bool) -> Expected:
    told, advice = fault.told_at(place), re.escape(fault.advice)
    if place is SCHEDULE:
        end = f"; Jolpica's calendar was used alone. {SAVED} {advice}."
        return on_jolpica_alone(Expected("2nd", 3, f"2024: {told}{end}"), is_filled)
    if place in CALENDARS_OF_JOLPICA:
        end = f"; the schedule file was used alone. {SAVED} {advice}."
        return on_file_alone(Expected("file", 3, f"2024: {told}{end}"), is_filled)
    if place in (ROUNDS, SQ):
        return left_to_the_grid(f"{told}; {MEANWHILE}: .*Miami Grand Prix", place, is_filled)
    if place.run != "season":
        return lost_alone(f"2024 {IMOLA} qualifying: {told}", f"{advice}.", place, is_filled)
    if place is NEWER_RACE:
        kept = frozenset[str | Key]({(MIAMI, "race"), "sprint_qualifying"})
        return Expected("rest", 3, f"2024 {MIAMI} race: {told}. {SAVED} {advice}.", kept=kept)
    # What is asked for beside them waits for the next run.
    kept = frozenset({place.kind, "sprint_qualifying"})
    return Expected("rest", 3, f"2024 {place.kind}: {told}. {SAVED} {advice}.", kept=kept)


def lost_alone(problem: str, advice: str, place: Place, is_filled: bool) -> Expected:
    """A round is requested without the calendars where they are saved, a poll with them."""
    kept = frozenset({"qualifying"})
    if is_filled and place.run == "round":
        return Expected("none", 1, f"{problem}. {NOTHING} {advice}", kept=kept)
    return Expected("rest", 3, f"{problem}. {SAVED} {advice}", kept=kept)


def on_jolpica_alone(expected: Expected, is_filled: bool) -> Expected:
    """Starts that the file has told stay: Jolpica can only dispute them."""
    if is_filled:
        changed = {(MONACO, "race"): {"disputed_starts_at": start_of("monaco", "Race")}}
        return replace(expected, calendars=JOLPICA, changed=changed)
    return replace(expected, calendars=JOLPICA, changed=told_by_jolpica())


def told_by_jolpica() -> dict[Key, dict[str, Any]]:
    """What Jolpica has of an event that the file has otherwise, or has more of."""
    season = facts.latest_facts()
    changed: dict[Key, dict[str, Any]] = {}
    for one in season.grands_prix:
        circuit = season.circuits[one.circuit]
        for kind in KINDS:
            changed[slug_of(one.name), kind] = {
                "official_name": "",
                "utc_offset": None,
                "schedule_source": "jolpica",
                "country": circuit.country,
                "location": circuit.locality,
            }
    earlier = start_of("monaco", "Qualifying") - facts.HOUR
    changed[MONACO, "qualifying"] |= {
        "starts_at": earlier,
        "ends_at": earlier + timedelta(minutes=90),
        "disputed_starts_at": None,
    }
    return changed


def on_file_alone(expected: Expected, is_filled: bool) -> Expected:
    """A dispute that is saved stays; nobody has told an empty database of it."""
    undisputed = {
        "disputed_starts_at": None,
        "locks_at": start_of("monaco", "Qualifying"),
    }
    changed = {} if is_filled else {(MONACO, "qualifying"): undisputed}
    return replace(expected, calendars=FILE, changed=changed)


def left_to_the_grid(note: str, place: Place, is_filled: bool) -> Expected:
    """Of the sprint qualifyings that are not official yet; on the filled one that is Miami's, and
    the guess is in it."""
    note = f"2024 sprint qualifying: {note}"
    if is_filled:
        return Expected("guess", notes=(note,), kept=frozenset({"sprint_qualifying"}))
    weekends = [MIAMI, CHINA] if place is ROUNDS else [MIAMI]
    guessed = frozenset((weekend, "sprint_qualifying") for weekend in weekends)
    return Expected("guess", notes=(note,), guessed=guessed)


def limited(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """Too many requests: what is left is left for later, and said once."""
    if place in (SCHEDULE, *CALENDARS_OF_JOLPICA):
        return lost(fault, place, is_filled)
    when = fault.advice.removeprefix("Run it again ").partition(": ")[0]
    left = ["qualifying"] if place.run != "season" else list(left_from(place))
    kept = frozenset[str | Key](left)
    if place is NEWER_RACE:
        # A request a session: those before it are saved, and settled ones are not requested.
        kept = (kept - {"race"}) | {(MIAMI, "race")}
        left = [kind for kind in left if kind != "sprint" or not is_filled]
    *others, last = [kind.replace("_", " ") for kind in left]
    names = f"{', '.join(others)} and {last}" if others else last
    problem = f"2024: {fault.told_at(place)}; left for later: {names}"
    if place.run != "season":
        return lost_alone(problem, f"Run it again {when}: {CONTINUES}", place, is_filled)
    complaint = f"{problem}. {SAVED} Run it again {when}: {CONTINUES}"
    if place in (ROUNDS, SQ):
        guessing = left_to_the_grid("", place, is_filled)
        return replace(guessing, word="later", code=3, complaint=complaint, notes=())
    return Expected("later", 3, complaint, kept=kept)


def left_from(place: Place) -> tuple[str, ...]:
    kind = place.kind or "sprint_qualifying"
    return KINDS[KINDS.index(kind) :]


def gone(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """From here on nobody listens."""
    if place is SCHEDULE:
        more = r" \(and 3 more\)" if is_filled else ""
        both = f"2024: {SCHEDULE.what}: {BROKEN_OFF}; {CALENDAR.what}: {BROKEN_OFF}"
        complaint = f"{both}{more}. {NOTHING} {NETWORK}."
        return Expected("none", 1, complaint, kept=frozenset(KINDS), calendars=NEITHER)
    expected = lost(fault, place, is_filled)
    if place in (ROUNDS, SQ) or place.run != "season":
        return expected
    left = KINDS if place is CALENDAR else left_from(place)
    # The sprint qualifyings are not asked for any more; a single failure is said alone.
    number = len(left) - 1 if place is CALENDAR else len(left) - 2
    more = rf" \(and {number} more\)" if number else ""
    complaint = expected.complaint.replace(f". {SAVED}", f"{more}. {SAVED}")
    return replace(expected, complaint=complaint, kept=frozenset(left))
