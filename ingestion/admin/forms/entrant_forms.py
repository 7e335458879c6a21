"""Corrections of who can be picked for a grand prix."""

from typing import Any

from django import forms

from ingestion.admin.forms.correction_form import CorrectionForm, Warnings
from ingestion.corrections import (
    Author,
    NewDriver,
    add_entrant,
    known_drivers,
    replace_entrant,
    withdraw_entrant,
)
from ingestion.models import Event

NONE_CHOSEN = ("", "choose")
FOLLOWS = (
    "It holds for every session of the weekend whose picks are open, and no ingest undoes it. "
    "Picks that were made stay; the game reads of it in the feed."
)
LARGEST_NUMBER = 999


class WithdrawDriverForm(CorrectionForm):
    name, title, button = "withdraw-driver", "Take a driver out", "A driver does not start"
    follows = FOLLOWS

    def add_fields(self) -> None:
        choices = [
            (entrant.driver_id, f"{entrant.driver_name} ({entrant.constructor_name})")
            for entrant in self.event.entrants
        ]
        self.fields["out"] = forms.ChoiceField(
            label="Who does not start", choices=[NONE_CHOSEN, *choices]
        )

    def correct(self, event: Event, author: Author) -> Warnings:
        withdraw_entrant(event, self.cleaned_data["out"], author)
        return []


class AddDriverForm(CorrectionForm):
    name, title, button = "add-driver", "Add a driver", "Add a driver"
    follows = FOLLOWS

    def add_fields(self) -> None:
        entered = {entrant.driver_id for entrant in self.event.entrants}
        choices = [
            (key, f"{entry.driver_name} ({entry.constructor_name})")
            for key, entry in known_drivers(self.event.season).items()
            if key not in entered
        ]
        self.fields["driver"] = forms.ChoiceField(
            label="Who starts", choices=[NONE_CHOSEN, *choices], required=False
        )
        self.fields["newcomer"] = forms.CharField(
            max_length=120,
            required=False,
            label="Or a newcomer's name",
            help_text="First name, then surname, of one whom the list does not have.",
        )
        self.fields["number"] = forms.IntegerField(
            min_value=1,
            max_value=LARGEST_NUMBER,
            required=False,
            label="Number of the car",
            help_text="Where it is known. Empty is the driver's last one.",
        )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if "driver" in values and bool(values["driver"]) == bool(values.get("newcomer")):
            self.add_error("driver", "Choose a driver or give a newcomer's name, one of the two.")
        return values

    @property
    def entered(self) -> NewDriver:
        values = self.cleaned_data
        return NewDriver(values["driver"], values["newcomer"], values["number"])

    def correct(self, event: Event, author: Author) -> Warnings:
        add_entrant(event, self.entered, author)
        return []


class ReplaceDriverForm(AddDriverForm, WithdrawDriverForm):
    name, title, button = "replace-driver", "Replace a driver", "Replace a driver"

    def add_fields(self) -> None:
        WithdrawDriverForm.add_fields(self)
        AddDriverForm.add_fields(self)

    def correct(self, event: Event, author: Author) -> Warnings:
        replace_entrant(event, self.cleaned_data["out"], self.entered, author)
        return []
