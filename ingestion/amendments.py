"""What differs between two classifications of one session: for a scorer, and as a sentence.

Both are lists of entries as the feed keeps them: the fields of `ResultRecord`, in order.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ingestion.sessions import SessionType

Entry = Mapping[str, Any]
Entries = Sequence[Entry]

DISQUALIFIED_CLASSIFICATIONS = ("D", "E")
ORDINALS = (gettext_lazy("first"), gettext_lazy("second"), gettext_lazy("third"))
DISQUALIFIED_STATUSES = ("Disqualified", "Excluded")


def is_amended(before: Entries, after: Entries) -> bool:
    """Whether the order is another (who is in which place, who is disqualified), which makes a new
    revision; the rest are details."""
    return len(before) != len(after) or not all(
        is_same_driver(was, now) and is_disqualified(was) == is_disqualified(now)
        for was, now in zip(before, after, strict=True)
    )


def list_details(before: Entries, after: Entries) -> list[dict[str, Any]]:
    """What differs between two classifications with the same order: per entry the driver, the
    field and its value before and after. `order` identifies the entry."""
    return [
        {
            **{name: now[name] for name in ("order", "driver_id", "driver_name")},
            "field": name,
            "before": was[name],
            "after": now[name],
        }
        for was, now in zip(before, after, strict=True)
        for name in now
        if was[name] != now[name]
    ]


def apply_details(entries: Entries, details: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries with these details as they are after the change."""
    changed = [dict(entry) for entry in entries]
    for detail in details:
        # Orders count from 1 without a gap.
        changed[detail["order"] - 1][detail["field"]] = detail["after"]
    return changed


def touches_leaders(session_type: str, before: Entries, after: Entries) -> bool:
    """Whether the podium of a race or sprint, or the pole of a qualifying, is another."""
    places = picked_places(session_type)
    return is_amended(before[:places], after[:places])


def differs_in_what_is_picked(session_type: str, one: Entries, other: Entries) -> bool:
    """Whether two sources have another podium or pole, or disqualified others; places below make
    no difference, though they make a revision. Of a qualifying the pole alone is compared: the
    Ergast form has no status of it, so that nobody is disqualified."""
    if touches_leaders(session_type, one, other):
        return True
    out, other_out = (
        {entry["driver_id"] for entry in entries if is_disqualified(entry)}
        for entries in (one, other)
    )
    return SessionType(session_type).kind.is_race and out != other_out


def describe_disagreement(
    session_type: str, one: Entries, other: Entries, *, names: tuple[str, str]
) -> str:
    """'Jolpica has Hadjar third, formula1.com Gasly'; '' where they agree on what is picked."""
    first, second = names
    places = picked_places(session_type)
    pairs = zip_longest(one[:places], other[:places])
    parts = [
        _("%(first)s has %(had)s %(place)s, %(second)s %(has)s")
        % {"first": first, "had": had, "place": ORDINALS[place], "second": second, "has": has}
        for place, (was, now) in enumerate(pairs)
        if not _is_one(was, now)
        for had, has in [_names(was, now)]
    ]
    both = ((one, other, first), (other, one, second))
    for entries, others, source in both if SessionType(session_type).kind.is_race else ():
        known = {entry["driver_id"] for entry in others if is_disqualified(entry)}
        parts += [
            _("%(source)s alone has %(driver)s disqualified")
            % {"source": source, "driver": surname(entry)}
            for entry in entries
            if is_disqualified(entry) and entry["driver_id"] not in known
        ]
    return "; ".join(parts)


def picked_places(session_type: str) -> int:
    """How many places people pick: three of a race or sprint, the pole of a qualifying."""
    return SessionType(session_type).kind.scored_places


def is_disqualified(entry: Entry) -> bool:
    """Only `status` says so of some (2023 United States, where the classification is a number)."""
    return (
        entry["classification"] in DISQUALIFIED_CLASSIFICATIONS
        or entry["status"] in DISQUALIFIED_STATUSES
    )


def is_same_driver(one: Entry, other: Entry) -> bool:
    return bool(one["driver_id"] == other["driver_id"])


def describe_amendment(session_type: str, before: Entries, after: Entries) -> str:
    """'P1 Russell -> Hamilton, Russell disqualified'; '' where the order is the same."""
    places = picked_places(session_type)
    if not before:
        leaders = enumerate(after[:places], start=1)
        return ", ".join(f"P{place} {surname(entry)}" for place, entry in leaders)
    pairs = zip_longest(before[:places], after[:places])
    parts = [
        f"P{place} {' -> '.join(_names(was, now))}"
        for place, (was, now) in enumerate(pairs, start=1)
        if not _is_one(was, now)
    ]
    for now in after:
        was = next((entry for entry in before if is_same_driver(entry, now)), None)
        was_out = was is not None and is_disqualified(was)
        if is_disqualified(now) and not was_out:
            parts.append(_("%(driver)s disqualified") % {"driver": surname(now)})
        elif was_out and not is_disqualified(now):
            parts.append(_("%(driver)s no longer disqualified") % {"driver": surname(now)})
    if not parts and is_amended(before, after):
        # A place that one of the two does not have counts as well.
        moved = sum(not _is_one(was, now) for was, now in zip_longest(before, after))
        parts = [
            ngettext(
                "%(moved)s place changed, the first ones not",
                "%(moved)s places changed, the first ones not",
                moved,
            )
            % {"moved": moved}
        ]
    return ", ".join(parts)


def _is_one(was: Entry | None, now: Entry | None) -> bool:
    if was is None or now is None:
        return was is now
    return is_same_driver(was, now)


def _names(was: Entry | None, now: Entry | None) -> list[str]:
    """Whole ones where the surname is the same (the Schumachers)."""
    names = [surname(was), surname(now)]
    if was is not None and now is not None and names[0] == names[1]:
        names = [str(was["driver_name"]), str(now["driver_name"])]
    return names


def surname(entry: Entry | None) -> str:
    """'Hamilton' of 'Lewis Hamilton'; 'none' where there is no entry."""
    if entry is None:
        return _("none")
    return surname_of(str(entry["driver_name"]))


def surname_of(name: str) -> str:
    """The name without the first word, where there is another."""
    return name.partition(" ")[2] or name
