"""Corrections of single entries: a classification as a table, and one entry with all its facts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms import BoundField
from django.forms.models import fields_for_model
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ingestion.admin.comparison import label_of, print_value
from ingestion.admin.forms.classification_forms import HELD
from ingestion.admin.forms.correction_form import CorrectionForm, Warnings
from ingestion.amendments import picked_places
from ingestion.corrections import (
    Author,
    Key,
    edit_entries,
    key_of,
    list_choosable_drivers,
    points_by_place,
)
from ingestion.errors import WrongRequest
from ingestion.models import Event, Result
from ingestion.records import RESULT_FIELDS

# The table has what fits a phone; the rest is on an entry's own page.
TABLE_OF_RACES = ("classification", "grid", "laps", "points", "status")
TABLE_OF_QUALIFYINGS = ("classification",)
# What one kind of session has and the other has not. The place is changed in the table.
OF_RACES = ("grid", "laps", "points", "status", "time", "gap")
OF_QUALIFYINGS = ("q1", "q2", "q3")
OF_TABLE = ("order", "position")

STEPS = {"up": -1, "down": 1}
# The columns for numbers hold no larger one in PostgreSQL.
LARGEST_NUMBER = 32767
LONGEST_TIME = timedelta(days=1)
MOST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of the table, in the order of the form's own numbers; `is_moved` where that is not
    the one that is saved."""

    entry: Result
    order: BoundField
    labelled: Sequence[tuple[str, BoundField]]
    is_moved: bool

    @property
    def up(self) -> str:
        return f"up {self.entry.pk}"

    @property
    def down(self) -> str:
        return f"down {self.entry.pk}"

    @property
    def errors(self) -> list[str]:
        fields = [self.order, *(cell for _, cell in self.labelled)]
        return [str(error) for field in fields for error in field.errors]


class EntriesForm(CorrectionForm):
    """The whole table. A place may be given twice: the entry that moves there gets it."""

    name, title = "edit", _("Edit the classification")
    button = _("Edit the whole classification")
    follows = format_lazy(
        "{} {}", _("Points and grid stay with the drivers, whatever their places."), HELD
    )
    template = "entries.html"
    # The button whose focus is kept after it was pressed ('up 17'); '' before.
    focus = ""
    columns: Sequence[str]

    def add_fields(self) -> None:
        self.columns = TABLE_OF_RACES if self.event.is_race else TABLE_OF_QUALIFYINGS
        self.entries = list(self.event.classification)
        self._add_entries(forms.NumberInput)

    def _add_entries(self, place_widget: type[forms.Widget]) -> None:
        for entry in self.entries:
            order = forms.IntegerField(min_value=1, max_value=999, widget=place_widget)
            for name, field in {"order": order, **_fields(self.columns)}.items():
                label = _("place") if name == "order" else label_of(name)
                field.label = _("%(field)s of %(driver)s") % {
                    "field": label.capitalize(),
                    "driver": entry.driver_name,
                }
                field.widget.attrs["aria-label"] = field.label
                self.fields[_name(entry, name)] = field
                value = getattr(entry, name)
                # '25', not '25.00'.
                is_decimal = isinstance(value, Decimal)
                self.initial[_name(entry, name)] = print_value(name, value) if is_decimal else value

    @property
    def filled_in(self) -> list[str]:
        """Empty: the fields are in the table, not one below the other."""
        return []

    @property
    def headings(self) -> list[str]:
        return [label_of(name).capitalize() for name in self.columns]

    @property
    def rows(self) -> Iterator[Row]:
        for place, entry in enumerate(self._in_order(self._typed_places()), start=1):
            yield Row(
                entry,
                self[_name(entry, "order")],
                [
                    (heading, self[_name(entry, name)])
                    for heading, name in zip(self.headings, self.columns, strict=True)
                ],
                is_moved=place != entry.order,
            )

    @property
    def is_rearranged(self) -> bool:
        return "move" in self.data

    def rearrange(self) -> Self:
        """The form with one entry a place up or down, as the pressed button says ('up 17')."""
        direction, _, pk = str(self.data.get("move")).partition(" ")
        entries = self._in_order(self._typed_places())
        moved = next((n for n, entry in enumerate(entries) if str(entry.pk) == pk), None)
        other = None if moved is None else moved + STEPS.get(direction, 0)
        if moved is not None and other is not None and 0 <= other < len(entries):
            entries[moved], entries[other] = entries[other], entries[moved]
        places = {_name(entry, "order"): str(n) for n, entry in enumerate(entries, start=1)}
        data = {name: value for name, value in self.data.items() if name not in ("move", "step")}
        rearranged = type(self)(self.event, self.now, data={**data, **places})
        is_at_end = moved is not None and (other in (0, len(entries) - 1))
        # The button itself is disabled there.
        kept = {"up": "down", "down": "up"}.get(direction, "") if is_at_end else direction
        rearranged.focus = f"{kept} {pk}"
        return rearranged

    def correct(self, event: Event, author: Author) -> Warnings:
        entries = self.entries
        places = {entry.pk: self.cleaned_data[_name(entry, "order")] for entry in entries}
        order = [key_of(entry) for entry in self._in_order(places)]
        changes: dict[Key, dict[str, Any]] = {}
        for entry in entries:
            values = {name: self.cleaned_data[_name(entry, name)] for name in self.columns}
            if changed := _changed(entry, values):
                changes[key_of(entry)] = changed
        revision = self.cleaned_data["revision"]
        return edit_entries(event, order, changes, author, revision=revision)

    def _typed_places(self) -> dict[int, int]:
        """The places that were typed, as far as they are numbers."""
        places = {}
        for entry in self.entries:
            value = str(self.data.get(_name(entry, "order"), entry.order)).strip()
            is_place = value.isdecimal() and len(value) <= MOST_DIGITS
            places[entry.pk] = int(value) if is_place else entry.order
        return places

    def _in_order(self, places: Mapping[int, int]) -> list[Result]:
        def sort_key(entry: Result) -> tuple[int, int, int]:
            moves = places[entry.pk] - entry.order
            # Up: before the entry that is there; down: behind it.
            return places[entry.pk], (moves > 0) - (moves < 0), entry.order

        return sorted(self.entries, key=sort_key)


class PodiumForm(EntriesForm):
    """The places that people pick and the one behind them, to be moved up and down."""

    name, title, button = "podium", _("Correct the podium"), _("Correct the podium")
    follows = HELD
    template = "podium.html"
    is_typed = False
    beside_preview = ("points_too",)

    def add_fields(self) -> None:
        self.columns = ()
        self.places = picked_places(self.event.session_type)
        self.entries = list(self.event.classification[: self.places + 1])
        if not self.event.is_race:
            self.title = self.button = _("Correct the pole")
        self._add_entries(forms.HiddenInput)
        self.points = points_by_place(self.event.classification, self._whole_order())
        if self.points:
            others = [
                _("%(driver)s %(points)s instead of %(before)s")
                % {
                    "driver": entry.driver_name,
                    "points": print_value("points", self.points[key_of(entry)]),
                    "before": print_value("points", entry.points),
                }
                for entry in self._in_order(self._typed_places())
                if key_of(entry) in self.points
            ]
            self.fields["points_too"] = forms.BooleanField(
                required=False,
                label=_("Points too: %(points)s") % {"points": ", ".join(others)},
            )

    def _whole_order(self) -> list[Key]:
        first = self._in_order(self._typed_places())
        rest = self.event.classification[len(first) :]
        return [key_of(entry) for entry in (*first, *rest)]

    def correct(self, event: Event, author: Author) -> Warnings:
        is_ticked = self.cleaned_data.get("points_too")
        changes = {key: {"points": points} for key, points in self.points.items() if is_ticked}
        revision = self.cleaned_data["revision"]
        return edit_entries(event, self._whole_order(), changes, author, revision=revision)


class EntryForm(CorrectionForm):
    """One entry with all that it has but its place."""

    name, title, button = "entry", _("Edit an entry"), _("Edit an entry")
    follows = HELD

    entry = forms.IntegerField(widget=forms.HiddenInput)

    def add_fields(self) -> None:
        pk = str(self.data.get("entry") or self.initial.get("entry"))
        found = (entry for entry in self.event.classification if str(entry.pk) == pk)
        self.result = next(found, None)
        apart = OF_QUALIFYINGS if self.event.is_race else OF_RACES
        self.columns = [name for name in RESULT_FIELDS if name not in (*OF_TABLE, *apart)]
        if self.result is None:
            return
        self.known = list_choosable_drivers(self.event.season)
        names = {key: entry.driver_name for key, entry in self.known.items()}
        names.setdefault(self.result.driver_id, self.result.driver_name)
        fields = _fields([name for name in self.columns if name != "driver_id"])
        fields["driver_id"] = forms.ChoiceField(label=_("Driver"), choices=list(names.items()))
        for name in self.columns:
            self.fields[name] = fields[name]
            self.initial[name] = getattr(self.result, name)

    def correct(self, event: Event, author: Author) -> Warnings:
        if self.result is None:
            raise WrongRequest(str(_("the classification has no such entry")))
        order = [key_of(entry) for entry in self.event.classification]
        values = {name: self.cleaned_data[name] for name in self.columns}
        changed = _changed(self.result, values)
        other = self.known.get(changed.get("driver_id", ""))
        if other is not None:
            # Name and letters are the driver's, unless others were typed; the car is the entry's.
            named = {name: getattr(other, name) for name in ("driver_name", "driver_code")}
            changed = named | changed
        revision = self.cleaned_data["revision"]
        return edit_entries(event, order, {key_of(self.result): changed}, author, revision=revision)


def _fields(names: Sequence[str]) -> dict[str, forms.Field]:
    """The fields of these columns, limited to what the database takes."""
    fields = fields_for_model(Result, fields=names)
    for field in fields.values():
        if isinstance(field, forms.IntegerField):
            field.validators += [MinValueValidator(0), MaxValueValidator(LARGEST_NUMBER)]
        if isinstance(field, forms.DurationField):
            field.validators += [MinValueValidator(timedelta()), MaxValueValidator(LONGEST_TIME)]
    return fields


def _name(entry: Result, name: str) -> str:
    return f"{name}_{entry.pk}"


def _changed(entry: Result, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != getattr(entry, name)}
