"""What the forms of all corrections share."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from ingestion.corrections import Author, last_entry
from ingestion.errors import WrongRequest
from ingestion.models import Event

Warnings = Sequence[str]

UTC_CLOCK = "utc"
CIRCUIT_CLOCK = "circuit"


class ReasonForm(forms.Form):
    """What a person decides, with the reason for it."""

    title: ClassVar[str]
    button: ClassVar[str]

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Who says so, or how you know it. The event's story shows it.",
    )

    def refuse(self, error: WrongRequest) -> None:
        """At the field that it is about."""
        text = str(error)
        message = f"{text[:1].upper()}{text[1:]}."
        self.add_error(error.about if error.about in self.fields else None, message)


class CorrectionForm(ReasonForm):
    """One kind of correction of one event.

    `seen` and `revision` are what the person looked at; corrections refuse what has changed since.
    `follows` says what the correction brings with it, `start` fills in a form that is opened.
    """

    name: ClassVar[str]
    follows: ClassVar[str] = ""
    # Of the event's page; some are only reached from where they concern something.
    has_button: ClassVar[bool] = True

    seen = forms.IntegerField(widget=forms.HiddenInput)
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self,
        event: Event,
        now: datetime,
        data: Mapping[str, Any] | None = None,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        self.event, self.now = event, now
        fresh = {"seen": last_entry(event), "revision": event.results_revision}
        super().__init__(data, initial={**(start or {}), **fresh}, label_suffix="")
        self.add_fields()
        self.order_fields([name for name in self.fields if name != "reason"])

    def add_fields(self) -> None:
        """Those that depend on the event."""

    @property
    def is_stale(self) -> bool:
        """Whether the event has changed since the person began: what they fill in is about
        something else now."""
        return any(
            str(self.data.get(name)) != str(self.initial[name]) for name in ("seen", "revision")
        )

    def correct(self, event: Event, author: Author) -> Warnings:
        """Make the correction that is filled in. Raises `WrongRequest`."""
        raise NotImplementedError

    def author(self, person: Any) -> Author:
        values = self.cleaned_data
        return Author(person, values["reason"], self.now, seen=values["seen"])

    @property
    def is_rearranged(self) -> bool:
        """Whether a button was pressed that only changes the form."""
        return False


class ClockForm(CorrectionForm):
    """With a time of day by one of two clocks: UTC's, or the circuit's where that is known."""

    def add_fields(self) -> None:
        offset = self.event.utc_offset
        choices = [(UTC_CLOCK, "UTC")]
        if offset is not None:
            sign, minutes = ("-", -offset) if offset.total_seconds() < 0 else ("+", offset)
            hours = f"{sign}{str(minutes)[:-3]:0>5}"
            choices.append((CIRCUIT_CLOCK, f"the circuit (UTC{hours})"))
        self.fields["clock"] = forms.ChoiceField(
            label="by the clock of", widget=forms.RadioSelect, choices=choices
        )
        self.initial.setdefault("clock", UTC_CLOCK)

    def clean(self) -> dict[str, Any]:
        """Times of another year are typing errors, and those at the calendar's ends overflow."""
        season = self.event.season
        for name, field in self.fields.items():
            value = self.cleaned_data.get(name)
            if isinstance(field, WallClockField) and value and value.year != season:
                message = (
                    f"This is not in the season {season}: enter a time from {season}-01-01 to "
                    f"{season}-12-31."
                )
                self.add_error(name, message)
        return self.cleaned_data

    def instant(self, name: str) -> datetime | None:
        """The field's time in UTC, by the chosen clock."""
        value: datetime | None = self.cleaned_data[name]
        offset = self.event.utc_offset
        if value is None or offset is None or self.cleaned_data["clock"] != CIRCUIT_CLOCK:
            return value
        return value - offset


class WallClockField(forms.DateTimeField):
    """A time as it is read off a clock, to the minute; another field says which clock.

    Parsed as UTC: the host project's own TIME_ZONE has hours that do not exist.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(UTC):
            return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
