"""Corrections of single entries: the classification as a table, and one entry with all it has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms import BoundField
from django.forms.models import fields_for_model

from ingestion.admin.forms.base import CorrectionForm, Warnings
from ingestion.admin.forms.results import HELD
from ingestion.corrections import Author, Key, edit_entries, key_of
from ingestion.errors import WrongRequest
from ingestion.models import Event, Result

OF_RACES = ("classification", "grid", "laps", "points", "status")
OF_QUALIFYINGS = ("classification",)
LABELS = {
    "order": "Place",
    "classification": "Printed",
    "grid": "Grid",
    "laps": "Laps",
    "points": "Points",
    "status": "Status",
}


STEPS = {"up": -1, "down": 1}
# Of the columns for numbers; PostgreSQL's are no larger.
LARGEST_NUMBER = 32767


def _fields(*names: str) -> dict[str, forms.Field]:
    """As the table has them, and within what the database takes."""
    fields = fields_for_model(Result, fields=names)
    for field in fields.values():
        if isinstance(field, forms.IntegerField):
            field.validators += [MinValueValidator(0), MaxValueValidator(LARGEST_NUMBER)]
    return fields


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of the table, in the order of the form's own numbers; `is_moved` where that is not
    the one that is saved."""

    entry: Result
    order: BoundField
    cells: Sequence[BoundField]
    is_moved: bool

    @property
    def errors(self) -> list[str]:
        return [str(error) for field in (self.order, *self.cells) for error in field.errors]


class EntriesForm(CorrectionForm):
    """The whole table. A place may be given twice: whoever moves there has it."""

    name, title, button = "edit", "Edit the classification", "Edit"
    follows = f"Points and grid stay with the drivers, whatever their places. {HELD}"
    has_button = False

    def add_fields(self) -> None:
        self.columns = OF_RACES if self.event.is_race else OF_QUALIFYINGS
        for entry in self.event.classification:
            order = forms.IntegerField(min_value=1, max_value=999)
            for name, field in {"order": order, **_fields(*self.columns)}.items():
                field.label = f"{LABELS[name]} of {entry.driver_name}"
                self.fields[_name(entry, name)] = field
                self.initial[_name(entry, name)] = getattr(entry, name)

    @property
    def headings(self) -> list[str]:
        return [LABELS[name] for name in self.columns]

    @property
    def rows(self) -> Iterator[Row]:
        for place, entry in enumerate(self._in_order(self._wanted()), start=1):
            yield Row(
                entry,
                self[_name(entry, "order")],
                [self[_name(entry, name)] for name in self.columns],
                is_moved=place != entry.order,
            )

    @property
    def is_rearranged(self) -> bool:
        return "move" in self.data

    def rearrange(self) -> "EntriesForm":
        """With one entry a place up or down, as a button asks ('up 17')."""
        direction, _, pk = str(self.data.get("move")).partition(" ")
        entries = self._in_order(self._wanted())
        moved = next((n for n, entry in enumerate(entries) if str(entry.pk) == pk), None)
        other = None if moved is None else moved + STEPS.get(direction, 0)
        if moved is not None and other is not None and 0 <= other < len(entries):
            entries[moved], entries[other] = entries[other], entries[moved]
        places = {_name(entry, "order"): str(n) for n, entry in enumerate(entries, start=1)}
        data = {name: value for name, value in self.data.items() if name != "move"}
        return EntriesForm(self.event, self.now, data={**data, **places})

    def correct(self, event: Event, author: Author) -> Warnings:
        wanted = {
            entry.pk: self.cleaned_data[_name(entry, "order")]
            for entry in self.event.classification
        }
        order = [key_of(entry) for entry in self._in_order(wanted)]
        changes = _changes(self, self.event.classification, self.columns)
        revision = self.cleaned_data["revision"]
        return edit_entries(event, order, changes, author, revision=revision)

    def _wanted(self) -> dict[int, int]:
        """The places that are filled in, as far as they are numbers."""
        wanted = {}
        for entry in self.event.classification:
            value = str(self.data.get(_name(entry, "order"), entry.order)).strip()
            wanted[entry.pk] = int(value) if value.isdecimal() else entry.order
        return wanted

    def _in_order(self, wanted: Mapping[int, int]) -> list[Result]:
        def place(entry: Result) -> tuple[int, int, int]:
            moves = wanted[entry.pk] - entry.order
            # Up: before whoever is there; down: behind.
            return wanted[entry.pk], (moves > 0) - (moves < 0), entry.order

        return sorted(self.event.classification, key=place)


class EntryForm(CorrectionForm):
    """One entry with all that it has but its place."""

    name, title, button = "entry", "Edit an entry", "Edit"
    follows = HELD
    has_button = False

    entry = forms.IntegerField(widget=forms.HiddenInput)

    def add_fields(self) -> None:
        asked = str(self.data.get("entry") or self.initial.get("entry"))
        found = (entry for entry in self.event.classification if str(entry.pk) == asked)
        self.result = next(found, None)
        self.columns = _columns(self.event)
        for name, field in _fields(*self.columns).items() if self.result is not None else ():
            self.fields[name] = field
            self.initial[name] = getattr(self.result, name)

    def correct(self, event: Event, author: Author) -> Warnings:
        if self.result is None:
            raise WrongRequest("the classification has no such entry")
        order = [key_of(entry) for entry in self.event.classification]
        values = {name: self.cleaned_data[name] for name in self.columns}
        changed = {
            name: value for name, value in values.items() if value != getattr(self.result, name)
        }
        changes = {key_of(self.result): changed}
        revision = self.cleaned_data["revision"]
        return edit_entries(event, order, changes, author, revision=revision)


def _columns(event: Event) -> tuple[str, ...]:
    who = (
        *("driver_name", "driver_id", "driver_number", "driver_code"),
        *("constructor_name", "constructor_id", "classification"),
    )
    if event.is_race:
        return (*who, "grid", "laps", "points", "status", "time", "gap")
    return (*who, "q1", "q2", "q3")


def _name(entry: Result, name: str) -> str:
    return f"{name}_{entry.pk}"


def _changes(
    form: CorrectionForm, entries: Sequence[Result], columns: Sequence[str]
) -> dict[Key, dict[str, Any]]:
    """What is filled in and not what is saved, by entry."""
    changes: dict[Key, dict[str, Any]] = {}
    for entry in entries:
        values = {name: form.cleaned_data[_name(entry, name)] for name in columns}
        changed = {name: value for name, value in values.items() if value != getattr(entry, name)}
        if changed:
            changes[key_of(entry)] = changed
    return changes
