"""Corrections of a classification as a whole: its leaders, its revisions, who decides on it."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ingestion.admin.comparison import describe_on_page
from ingestion.admin.forms.correction_form import NONE_CHOSEN, CorrectionForm, Warnings
from ingestion.amendments import picked_places
from ingestion.corrections import (
    Author,
    accept_proposal,
    disqualify,
    enter_leaders,
    key_of,
    list_choosable_drivers,
    list_restorable,
    reconsider_proposal,
    reject_proposal,
    release_results,
    reorder,
    restore_revision,
    settle_results,
    undo_correction,
)
from ingestion.models import Change, Event
from ingestion.story import print_instant

HELD = _(
    "The classification is yours from then on: ingests compare it, show "
    "what differs and write nothing until you release it."
)


class DisqualifyForm(CorrectionForm):
    name, title, button = "disqualify", _("Disqualify a driver"), _("Disqualify")
    follows = format_lazy(
        "{} {}", _("The driver is last and without points, those behind move up."), HELD
    )

    def add_fields(self) -> None:
        # By the row's key: in the 1950s a driver may have two entries.
        choices = [
            (str(entry.pk), f"{entry.classification} {entry.driver_name}")
            for entry in self.event.classification
        ]
        self.fields["driver"] = forms.ChoiceField(
            label=_("Driver"), choices=[NONE_CHOSEN, *choices]
        )

    def correct(self, event: Event, author: Author) -> Warnings:
        entry = next(
            entry
            for entry in self.event.classification
            if str(entry.pk) == self.cleaned_data["driver"]
        )
        revision = self.cleaned_data["revision"]
        return disqualify(event, key_of(entry), author, revision=revision)


class LeadersForm(CorrectionForm):
    name, title, button = "leaders", _("Enter the result by hand"), _("Enter the result by hand")
    follows = format_lazy("{} {}", _("It counts as official at once."), HELD)

    def add_fields(self) -> None:
        known = list_choosable_drivers(self.event.season)
        self.places = range(1, picked_places(self.event.session_type) + 1)
        drivers = [
            (
                driver,
                f"{entry.driver_name} ({entry.constructor_name}, {entry.driver_number or '-'})",
            )
            for driver, entry in known.items()
        ]
        entered = {entry.order: entry.driver_id for entry in self.event.classification}
        for place in self.places:
            label = f"P{place}" if self.event.is_race else _("Pole")
            field = forms.ChoiceField(label=label, choices=[NONE_CHOSEN, *drivers])
            self.fields[f"place_{place}"] = field
            self.initial.setdefault(f"place_{place}", entered.get(place, ""))

    def clean(self) -> dict[str, Any]:
        taken: set[str] = set()
        for place in self.places:
            driver = self.cleaned_data.get(f"place_{place}")
            if driver in taken:
                self.add_error(f"place_{place}", _("This driver has a place already."))
            taken.update({driver} if driver else ())
        return self.cleaned_data

    def correct(self, event: Event, author: Author) -> Warnings:
        values = self.cleaned_data
        drivers = [values[f"place_{place}"] for place in self.places]
        return enter_leaders(event, drivers, author, revision=values["revision"])


class KeepForm(CorrectionForm):
    name, title, button = "keep", _("Keep what is saved"), _("Keep what is saved")
    follows = HELD
    is_direct, is_typed = True, False

    def correct(self, event: Event, author: Author) -> Warnings:
        # The same order, which is a person's from then on.
        order = [key_of(entry) for entry in self.event.classification]
        return reorder(event, order, author, revision=self.cleaned_data["revision"])


class UndoForm(CorrectionForm):
    name, title, button = "undo", _("Undo the correction"), _("Undo")
    follows = _(
        "What was there before the correction counts again. If that was the upstream's, it is the "
        "upstream's again: the next ingest compares it and applies what differs, or proposes it "
        "where the result was settled."
    )
    is_direct, is_typed = True, False

    def correct(self, event: Event, author: Author) -> Warnings:
        return undo_correction(event, author, revision=self.cleaned_data["revision"])


class RestoreForm(CorrectionForm):
    name, title, button = "restore", _("Restore an earlier revision"), _("Restore a revision")
    follows = HELD

    def add_fields(self) -> None:
        changes = Change.objects.filter(event=self.event).for_story().order_by("-pk")
        choices = {
            str(change.revision): f"{describe_on_page(change)}, {print_instant(change.created_at)}"
            for change in list_restorable(self.event, list(changes))
        }
        self.fields["restored"] = forms.ChoiceField(
            label=_("Revision"), choices=[NONE_CHOSEN, *choices.items()]
        )

    def correct(self, event: Event, author: Author) -> Warnings:
        values = self.cleaned_data
        restored, revision = int(values["restored"]), values["revision"]
        return restore_revision(event, restored, author, revision=revision)


class SettleForm(CorrectionForm):
    name, title, button = "settle", _("Declare it settled"), _("Settle")
    follows = _(
        "Another podium or pole of the upstream is not applied then, but waits for a person."
    )
    is_direct, is_typed = True, False

    def correct(self, event: Event, author: Author) -> Warnings:
        settle_results(event, author, revision=self.cleaned_data["revision"])
        return []


class ReleaseForm(CorrectionForm):
    name, title = "release", _("Release the classification to the upstream")
    button = _("Release to the upstream")
    follows = _("The next ingest sets what the upstream says. Until then it stays as it is.")
    is_direct, is_typed = True, False

    def correct(self, event: Event, author: Author) -> Warnings:
        release_results(event, author, revision=self.cleaned_data["revision"])
        return []


class ProposalForm(CorrectionForm):
    """A form with the proposal that the person looked at; `decide` is the correction."""

    decide: ClassVar[Callable[..., None]]
    is_direct, is_typed = True, False

    proposal = forms.IntegerField(widget=forms.HiddenInput)

    def add_fields(self) -> None:
        self.initial["proposal"] = self.event.proposal_id

    def correct(self, event: Event, author: Author) -> Warnings:
        values = self.cleaned_data
        self.decide(event, author, revision=values["revision"], proposal=values["proposal"])
        return []


class AcceptForm(ProposalForm):
    name, title = "accept", _("Accept the upstream's proposal")
    button = _("Accept it")
    decide = staticmethod(accept_proposal)
    follows = _("It is applied, and settled by that. Scorers see the change in the feed.")


class RejectForm(ProposalForm):
    name, title = "reject", _("Reject the upstream's proposal")
    button = _("Reject it")
    decide = staticmethod(reject_proposal)
    follows = _(
        "What is saved stays, and the same is not proposed again. You can reconsider it here."
    )


class ReconsiderForm(ProposalForm):
    name, title = "reconsider", _("Reconsider the rejected proposal")
    button = _("Reconsider it")
    decide = staticmethod(reconsider_proposal)
    follows = _("It is open again, and waits for a decision as before. Nothing else changes.")
