"""Two classifications beside each other, place by place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from django.utils.dateparse import parse_duration

from ingestion.amendments import Entry, is_same_driver
from ingestion.models import Result

# What may differ in an entry beside its place, and how people call it.
DETAILS = {
    "classification": "printed",
    "driver_name": "name",
    "driver_id": "identifier",
    "driver_number": "number",
    "driver_code": "code",
    "constructor_name": "team",
    "grid": "grid",
    "laps": "laps",
    "points": "points",
    "status": "status",
    "time": "time",
    "gap": "gap",
    "q1": "Q1",
    "q2": "Q2",
    "q3": "Q3",
}
FIELDS = ("order", "constructor_id", *DETAILS)


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


def as_entries(results: Iterable[Result]) -> list[dict[str, Any]]:
    return [{name: getattr(result, name) for name in FIELDS} for result in results]


def compare(before: Sequence[Entry], after: Sequence[Entry]) -> list[Line]:
    pairs = zip_longest(before, after)
    return [_line(place, was, now, before) for place, (was, now) in enumerate(pairs, start=1)]


def _line(place: int, was: Entry | None, now: Entry | None, before: Sequence[Entry]) -> Line:
    is_same = was is not None and now is not None and is_same_driver(was, now)
    earlier = None
    if now is not None:
        earlier = next((entry for entry in before if is_same_driver(entry, now)), None)
    return Line(
        place=place,
        before=_name(was),
        after=_name(now),
        is_other=not is_same,
        moved=_moved(earlier, place),
        details="" if earlier is None or now is None else _details(earlier, now, is_same=is_same),
    )


def _name(entry: Entry | None) -> str:
    if entry is None:
        return ""
    printed, name = entry["classification"], entry["driver_name"]
    return name if str(printed).isdecimal() else f"{name} ({printed})"


def _moved(earlier: Entry | None, place: int) -> str:
    places = 0 if earlier is None else earlier["order"] - place
    return f"{'▲' if places > 0 else '▼'}{abs(places)}" if places else ""


def _details(was: Entry, now: Entry, *, is_same: bool) -> str:
    """Not the printed number of whoever moved: that follows from the place."""
    told = [
        f"{label} {was_told or 'none'} → {now_told or 'none'}"
        for name, label in DETAILS.items()
        for was_told, now_told in [(_print(was, name), _print(now, name))]
        if was_told != now_told and not (name == "classification" and _is_number(was, now))
    ]
    return ", ".join(told) if is_same or told else ""


def _is_number(was: Entry, now: Entry) -> bool:
    return all(str(entry["classification"]).isdecimal() for entry in (was, now))


def _print(entry: Mapping[str, Any], name: str) -> str:
    """The same for a row and for the feed's JSON of it."""
    value = entry[name]
    if value is None or value == "":
        return ""
    if name == "points":
        return f"{Decimal(value).normalize():f}"
    if name in {"time", "gap", "q1", "q2", "q3"}:
        length = parse_duration(value) if isinstance(value, str) else value
        return str(length).removesuffix("000")
    return str(value)
