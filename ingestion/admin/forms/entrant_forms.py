"""Corrections of who can be picked for a grand prix."""

from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from ingestion.admin.forms.correction_form import NONE_CHOSEN, CorrectionForm, Warnings
from ingestion.corrections import (
    Author,
    NewDriver,
    add_entrant,
    list_choosable_drivers,
    replace_entrant,
    withdraw_entrant,
)
from ingestion.models import Entrant, Event

FOLLOWS = _(
    "It holds for every session of the weekend whose picks are open, and "
    "no ingest undoes it. Picks that were made stay; the game reads of it "
    "in the feed."
)
LARGEST_NUMBER = 999


class EntrantForm(CorrectionForm):
    @cached_property
    def entrants(self) -> list[Entrant]:
        return list(self.event.entrants)


class WithdrawDriverForm(EntrantForm):
    name, title, button = "withdraw-driver", _("Take a driver out"), _("A driver does not start")
    follows = FOLLOWS

    def add_fields(self) -> None:
        choices = [
            (entrant.driver_id, f"{entrant.driver_name} ({entrant.constructor_name})")
            for entrant in self.entrants
        ]
        self.fields["out"] = forms.ChoiceField(
            label=_("Who does not start"), choices=[NONE_CHOSEN, *choices]
        )

    def correct(self, event: Event, author: Author) -> Warnings:
        withdraw_entrant(event, self.cleaned_data["out"], author)
        return []


class AddDriverForm(EntrantForm):
    """A driver who is known is chosen by a button of its own, which leads on to the preview."""

    name, title, button = "add-driver", _("Add a driver"), _("Add a driver")
    follows = FOLLOWS
    template = "driver_choice.html"

    def add_fields(self) -> None:
        entered = {entrant.driver_id for entrant in self.entrants}
        self.known = [
            (key, entry.driver_name, entry.constructor_name)
            for key, entry in list_choosable_drivers(self.event.season).items()
            if key not in entered
        ]
        self.fields["driver"] = forms.ChoiceField(
            choices=[NONE_CHOSEN, *((key, name) for key, name, _ in self.known)],
            widget=forms.HiddenInput,
            required=False,
        )
        self.fields["newcomer"] = forms.CharField(
            max_length=120,
            required=False,
            label=_("Or a newcomer's name"),
            help_text=_("First name, then surname, of one whom the list does not have."),
        )
        self.fields["number"] = forms.IntegerField(
            min_value=1,
            max_value=LARGEST_NUMBER,
            required=False,
            label=_("Number of the car"),
            help_text=_("Where it is known. Empty is the driver's last one."),
        )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if "driver" in values and bool(values["driver"]) == bool(values.get("newcomer")):
            message = _("Choose a driver or give a newcomer's name, one of the two.")
            self.add_error("newcomer", message)
        return values

    @property
    def chosen(self) -> str:
        """The name of the known driver who was chosen, '' where none was."""
        key = str(self["driver"].value() or "")
        return next((name for known, name, _ in self.known if known == key), "")

    @property
    def entered(self) -> NewDriver:
        values = self.cleaned_data
        return NewDriver(values["driver"], values["newcomer"], values["number"])

    def correct(self, event: Event, author: Author) -> Warnings:
        add_entrant(event, self.entered, author)
        return []


class ReplaceDriverForm(AddDriverForm, WithdrawDriverForm):
    name, title, button = "replace-driver", _("Replace a driver"), _("Replace a driver")

    def add_fields(self) -> None:
        WithdrawDriverForm.add_fields(self)
        AddDriverForm.add_fields(self)

    def correct(self, event: Event, author: Author) -> Warnings:
        replace_entrant(event, self.cleaned_data["out"], self.entered, author)
        return []
