"""Corrections of an event's start, its picks and its place in the calendar."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ingestion.admin.forms.correction_form import (
    ClockForm,
    CorrectionForm,
    WallClockField,
    Warnings,
)
from ingestion.corrections import (
    Author,
    close_picks,
    correct_start,
    correct_status,
    release_schedule,
    reopen_picks,
    void_event,
)
from ingestion.errors import WrongRequest
from ingestion.models import Event

HELD = _(
    "Start and status are yours from then on: ingests compare them, show "
    "what differs and write nothing until you release them."
)


class StartForm(ClockForm):
    name, title, button = "start", _("Move the start"), _("Move the start")
    follows = HELD

    starts_at = WallClockField(label=_("It starts at"))

    field_order = ["starts_at", "clock"]

    def add_fields(self) -> None:
        super().add_fields()
        self.initial.setdefault("starts_at", self.event.starts_at)

    def correct(self, event: Event, author: Author) -> Warnings:
        starts_at = self.instant("starts_at")
        if starts_at is None:
            raise WrongRequest(str(_("say when it starts")), about="starts_at")
        correct_start(event, starts_at, author)
        return []


class StatusForm(CorrectionForm):
    name, title, button = "status", _("Set it to running or over"), _("It is running, or over")
    follows = HELD

    status = forms.ChoiceField(
        label=_("It is"),
        widget=forms.RadioSelect,
        choices=[("live", _("running, since now at the latest")), ("completed", _("over"))],
    )

    def correct(self, event: Event, author: Author) -> Warnings:
        correct_status(event, self.cleaned_data["status"], author)
        return []


class ReopenForm(ClockForm):
    name, title, button = "reopen", _("Set until when picks are open"), _("Reopen or move picks")
    follows = _("What was picked while they were closed counts from then on.")

    until = WallClockField(
        label=_("Picks are open until"), required=False, help_text=_("Empty: until the start.")
    )

    field_order = ["until", "clock"]

    def correct(self, event: Event, author: Author) -> Warnings:
        reopen_picks(event, author, until=self.instant("until"))
        return []


class CloseForm(CorrectionForm):
    name, title, button = "close", _("Close picks now"), _("Close picks")
    follows = _("What was picked before counts. No calendar opens them again; you can.")
    is_direct, is_typed = True, False

    def correct(self, event: Event, author: Author) -> Warnings:
        close_picks(event, author)
        return []


class VoidForm(CorrectionForm):
    name, title, button = "void", _("Void the session"), _("Void")
    follows = _(
        "It is cancelled, whatever the calendars say; no result is expected, "
        "and picks on it are refunded. Its results and its story stay, and you "
        "can take the cancellation back."
    )
    is_direct, is_typed = True, False

    def correct(self, event: Event, author: Author) -> Warnings:
        void_event(event, author)
        return []


class UnvoidForm(CorrectionForm):
    name, title, button = "unvoid", _("Take the cancellation back"), _("Take the cancellation back")
    follows = HELD
    is_direct, is_typed = True, False

    def correct(self, event: Event, author: Author) -> Warnings:
        correct_status(event, Event.Status.SCHEDULED, author)
        return []


class ReleaseScheduleForm(CorrectionForm):
    name = "release-schedule"
    title = _("Release start and status to the calendars")
    button = _("Release start and status")
    follows = _("The next ingest sets what the calendars say. Until then they stay as they are.")
    is_direct, is_typed = True, False

    def correct(self, event: Event, author: Author) -> Warnings:
        release_schedule(event, author)
        return []
