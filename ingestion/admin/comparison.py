"""Two classifications beside each other, place by place, and entries of the feed as sentences."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from django.db.models import DecimalField, DurationField
from django.utils.dateparse import parse_duration
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from ingestion.amendments import Entry, is_same_driver
from ingestion.models import Change, Result
from ingestion.records import RESULT_FIELDS
from ingestion.story import describe_change

# What the place says already, and what comes with the team's name.
NOT_COMPARED = ("order", "position", "constructor_id")
# Places that are read at once where many differ.
FIRST_PLACES = 3
MOST_AT_ONCE = 6
# What a sentence around an address ends with is no part of it.
ADDRESS = re.compile(r"(https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]])")
# Fields whose names are words of their own, to be translated.
FIELDS = (
    *(gettext_noop("number"), gettext_noop("code"), gettext_noop("name"), gettext_noop("grid")),
    *(gettext_noop("laps"), gettext_noop("points"), gettext_noop("status"), gettext_noop("time")),
    gettext_noop("gap"),
)
LABELS = {
    "classification": gettext_noop("printed"),
    "driver_id": gettext_noop("identifier"),
    "constructor_name": gettext_noop("team"),
    "q1": "Q1",
    "q2": "Q2",
    "q3": "Q3",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One place: who had it, who has it now, and what else changed for whoever has it now."""

    place: int
    before: str
    after: str
    is_other: bool
    moved: str
    details: str

    @property
    def is_changed(self) -> bool:
        return self.is_other or bool(self.details)


@dataclass(frozen=True, slots=True)
class Differences:
    """The places that differ: of many the first ones, which are read at once, and the rest."""

    first: Sequence[Line]
    rest: Sequence[Line]
    unchanged: int


NO_DIFFERENCES = Differences((), (), 0)


def describe_on_page(change: Change) -> str:
    """With an arrow that no narrow line breaks in two."""
    return describe_change(change).replace("->", "→")


def link_addresses(text: str) -> SafeString:
    """A person's text as HTML, its addresses as links."""
    # Every other part is an address: what a pattern with a group splits by is kept.
    parts = ADDRESS.split(" ".join(text.split()))
    linked = [
        format_html('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>', part)
        if number % 2
        else format_html("{}", part)
        for number, part in enumerate(parts)
    ]
    return format_html_join("", "{}", ((part,) for part in linked))


def label_of(field: str) -> str:
    """How people call a field of `Result`."""
    return _(LABELS.get(field, field.removeprefix("driver_").replace("_", " ")))


def as_entries(results: Iterable[Result]) -> list[dict[str, Any]]:
    return [result.as_entry() for result in results]


def compare(before: Sequence[Entry], after: Sequence[Entry]) -> list[Line]:
    """`before` and `after` are rows as entries, or the feed's JSON of them."""
    lines = []
    for place, (was, now) in enumerate(zip_longest(before, after), start=1):
        earlier = None
        if now is not None:
            earlier = next((entry for entry in before if is_same_driver(entry, now)), None)
        places = 0 if earlier is None else earlier["order"] - place
        lines.append(
            Line(
                place=place,
                before=_name(was),
                after=_name(now),
                is_other=was is None or now is None or not is_same_driver(was, now),
                moved=f"{'▲' if places > 0 else '▼'}{abs(places)}" if places else "",
                details="" if earlier is None or now is None else _details(earlier, now),
            )
        )
    return lines


def list_differences(before: Sequence[Entry], after: Sequence[Entry]) -> Differences:
    lines = compare(before, after)
    changed = [line for line in lines if line.is_changed]
    first = len(changed) if len(changed) <= MOST_AT_ONCE else FIRST_PLACES
    return Differences(changed[:first], changed[first:], len(lines) - len(changed))


def print_value(name: str, value: Any) -> str:
    """A field of `Result`, the same of a row and of the feed's JSON of it; '' where missing."""
    field = getattr(Result, name).field
    if value is None or value == "":
        return ""
    if isinstance(field, DecimalField):
        return f"{Decimal(value).normalize():f}"
    if isinstance(field, DurationField):
        length = parse_duration(value) if isinstance(value, str) else value
        # Python prints microseconds, and no source has more than thousandths.
        return str(length).removesuffix("000")
    return str(value)


def _name(entry: Entry | None) -> str:
    if entry is None:
        return ""
    printed, name = entry["classification"], entry["driver_name"]
    return name if str(printed).isdecimal() else f"{name} ({printed})"


def _details(was: Entry, now: Entry) -> str:
    """What differs, but not the printed number of a driver who moved: that follows from the
    place."""
    changed = []
    for name in RESULT_FIELDS:
        # An entry of the feed may be older than the field.
        sides = [print_value(name, entry.get(name)) or _("none") for entry in (was, now)]
        is_number = name == "classification" and all(side.isdecimal() for side in sides)
        if name not in NOT_COMPARED and not is_number and sides[0] != sides[1]:
            changed.append(f"{label_of(name)} {sides[0]} → {sides[1]}")
    return ", ".join(changed)
