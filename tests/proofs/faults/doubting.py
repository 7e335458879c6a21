"""What has to come of an answer that can be read: it is believed, or it is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.proofs.faults import facts
from tests.proofs.faults.expected import MONACO, SPAIN, Expected, start_of, told_by
from tests.proofs.faults.losing import (
    MEANWHILE,
    SAVED,
    left_to_the_grid,
    lost,
    on_file_alone,
    on_jolpica_alone,
)
from tests.proofs.faults.places import (
    CALENDAR,
    CHINA,
    IMOLA,
    MIAMI,
    NEWER_RACE,
    SCHEDULE,
    SQ,
    TABLES,
    Key,
    Place,
)
from tests.proofs.faults.switches import REFRESH, Fault


def harmless(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """Whatever it looks like: all is saved."""
    return Expected("all")


def in_other_rounds(fault: Fault, place: Place, is_filled: bool) -> Expected:
    if place.run != "round" or not is_filled:
        # Jolpica's own number is known from its calendar.
        return Expected("all")
    return Expected("all", notes=("round 7 is the Miami Grand Prix .* it was refused",))


# Answers that can be read and not be believed


def implausible(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """One classification: the others of the answer are saved."""
    assert place.target is not None
    if place is SQ:
        return left_to_the_grid(
            f"{fault.told_at(place)}; {MEANWHILE}: Miami Grand Prix", place, is_filled
        )
    has_results = is_filled and place.target not in ((MIAMI, "race"), (IMOLA, "qualifying"))
    told = "its new answer was left aside" if has_results else "not available yet"
    message = f"2024 {place.target[0]} {place.kind}: {told}, {fault.reason}"
    kept = frozenset({place.target})
    if place.is_young:
        return Expected("aside", notes=(message,), kept=kept)
    return Expected("aside", 3, f"{message}. {SAVED} Run it again later.", kept=kept)


def of_another_race(fault: Fault, place: Place, is_filled: bool) -> Expected:
    assert place.target is not None
    kept = frozenset({place.target})
    if place is SQ:
        return implausible(fault, place, is_filled)
    if place is NEWER_RACE:
        return lost(fault, place, is_filled)
    if place.run != "season":
        note = (
            "2024 qualifying: Jolpica's round 7 is the Pacific Grand Prix of 2024-02-04, not the "
            "Emilia Romagna Grand Prix; it was refused"
        )
        return Expected("aside", notes=(note,), kept=kept)
    refused = r"refused, no Pacific Grand Prix of 2024-02-04 \(Aida\) is on the calendar"
    complaint = f"2024 Pacific Grand Prix {place.kind}: {refused}. {SAVED} {REFRESH}."
    return Expected("aside", 3, complaint, kept=kept)


def of_cancelled_race(fault: Fault, place: Place, is_filled: bool) -> Expected:
    assert place.target is not None
    why = r"no Spanish Grand Prix of 2024-06-23 \(Barcelona\) is"
    why = f"refused, {'the session is cancelled' if is_filled else why} on the calendar"
    complaint = f"2024 Spanish Grand Prix {place.kind}: {why}. {SAVED} {REFRESH}."
    return Expected("aside", 3, complaint, kept=frozenset({place.target}))


def not_there(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """No rows: what is saved stays, and it is no failure where an answer may say so."""
    if place is NEWER_RACE:
        note = "no classification yet: Miami Grand Prix"
        return Expected("not yet", notes=(note,), kept=frozenset({(MIAMI, "race")}))
    is_first = place.query in ((), (("offset", None),))
    if place is SQ or not place.kind or (place.run == "season" and not is_first):
        return lost(fault, place, is_filled)
    notes = ("no classification yet: ",) if not is_filled or place.kind != "sprint" else ()
    kept = frozenset({place.kind})
    return Expected("not yet", notes=notes, kept=kept)


def apart_in_vain(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """The one race that the pages cut is asked again alone, which fails."""
    reason = "refused, its halves are of different age"
    answered = f"{place.what} round 6: the server answered 500 Internal Server Error"
    complaint = f"2024 {MIAMI} {place.kind}: {reason}; {answered}. {SAVED} {REFRESH}."
    return Expected("aside", 3, complaint, kept=frozenset({(MIAMI, place.kind)}))


def with_few_races(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """Most of what remains is missing: the calendar is refused, and the other one used."""
    told = "the calendar of 2024 has 1 of the 3 grands prix that remain"
    if place is SCHEDULE:
        end = f"; Jolpica's calendar was used alone. {SAVED} {REFRESH}."
        return on_jolpica_alone(Expected("2nd", 3, f"2024: {told}{end}"), is_filled)
    complaint = f"2024: Jolpica's calendar: {told}; it was left aside. {SAVED} {REFRESH}."
    return on_file_alone(Expected("file", 3, complaint), is_filled)


# Answers that may be believed, if nothing better is known


def of_old(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """Three weeks old: left aside where something newer is saved."""
    if place in (SCHEDULE, CALENDAR):
        return of_old_calendar(place, is_filled)
    unheard = frozenset[str | Key]({(MIAMI, "race"), (IMOLA, "qualifying")})
    if is_filled:
        note = f"{CHINA} {place.kind}: an answer older than the saved classification was left aside"
        return Expected("aside", notes=(note,), kept=frozenset({place.kind}))
    told = told_by(facts.old_facts(), place.kind)
    kept = frozenset(key for key in unheard if key[1] == place.kind)
    return Expected("believed", told=told, kept=kept)


DATED_AHEAD = (
    "2024: .*: by its headers it was made at .* UTC, which is still to come; it counts as made "
    rf"when it arrived( \(and \d+ more answers\))?. {SAVED} Compare this machine's clock .*"
)


def of_future(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """As old facts are, with a problem: it counts as made when it arrived, the next is younger."""
    return replace(of_old(fault, place, is_filled), code=3, complaint=DATED_AHEAD)


def dated_ahead(fault: Fault, place: Place, is_filled: bool) -> Expected:
    return Expected("all", 3, DATED_AHEAD)


def with_spoilt_detail(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """The classification is saved without it, and the next answer fills it in."""
    assert place.target is not None
    order = told_by(facts.latest_facts(), place.kind)[place.target]
    note = "cannot be right and counts as missing; the order does not depend on it"
    return Expected("all", notes=(note,), told={place.target: order})


def of_old_calendar(place: Place, is_filled: bool) -> Expected:
    note = "an answer older than the saved calendar was left aside"
    notes = (f"{SPAIN} race: {note}",) if is_filled else ()
    added = frozenset() if is_filled else frozenset({SPAIN})
    old, new = start_of("monaco", "Race") - facts.HOUR, start_of("monaco", "Race")
    changed: dict[str, Any] = {"locks_at": old, "disputed_starts_at": old}
    if place is SCHEDULE:
        if is_filled:
            return on_jolpica_alone(Expected("aside", notes=notes), is_filled)
        ends_at = old + timedelta(hours=3)
        changed = {
            "starts_at": old, "locks_at": old, "ends_at": ends_at, "disputed_starts_at": new,
        }  # fmt: skip
    word = "aside" if is_filled else "believed"
    return Expected(word, notes=notes, changed={(MONACO, "race"): changed}, added=added)


def of_other_leaders(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """Nothing in it is wrong but that it was settled."""
    key = (CHINA, place.kind)
    if not is_filled:
        season = facts.with_other_leaders(facts.latest_facts(), "china", TABLES[place.kind])
        return Expected("believed", told={key: told_by(season, place.kind)[key]})
    complaint = (
        f"2024 {CHINA} {place.kind}: settled, and the upstream now says otherwise: P1 .*; nothing "
        f"was changed, a person has to accept or reject it. {SAVED} "
        "Decide on the event's page in the admin."
    )
    return Expected("held", 3, complaint, proposed=frozenset({key}))


def of_moved_qualifying(fault: Fault, place: Place, is_filled: bool) -> Expected:
    """The event moves, and the picks that were closed stay so."""
    old = start_of("emilia-romagna", "Qualifying")
    new = old + facts.MOVED
    changed = {
        "starts_at": new,
        "ends_at": new + timedelta(minutes=90),
        "disputed_starts_at": old,
        "locks_at": old if is_filled else new,
    }
    notes = ("picks stay closed since 2024-05-18 14:00 UTC",) if is_filled else ()
    word = "shut" if is_filled else "believed"
    return Expected(word, notes=notes, changed={(IMOLA, "qualifying"): changed})


def of_moved_weekend(fault: Fault, place: Place, is_filled: bool) -> Expected:
    lasts = {"race": 180, "sprint": 90, "qualifying": 90, "sprint_qualifying": 75}
    changed = {}
    for kind, minutes in lasts.items():
        start = start_of("china", kind.replace("_", " ").title())
        moved = start + facts.DAY
        ends_at = moved + timedelta(minutes=minutes)
        told = {"starts_at": moved, "ends_at": ends_at, "disputed_starts_at": start}
        changed[CHINA, kind] = {**told, "locks_at": start}
    return Expected("shut", changed=changed)
