"""What the forms of all corrections share."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ingestion.admin.times import name_zone, own_zone
from ingestion.corrections import Author, clean_reason, last_entry
from ingestion.errors import WrongRequest
from ingestion.models import Event

Warnings = Sequence[str]

UTC_CLOCK = "utc"
CIRCUIT_CLOCK = "circuit"
OWN_CLOCK = "own"
NONE_CHOSEN = ("", _("choose"))
# A preview that has no reason yet has this one; it is never saved.
NO_REASON = "-"


class ReasonField(forms.CharField):
    """1 to 2,000 characters that can be seen."""

    widget = forms.Textarea(attrs={"rows": 2})

    def to_python(self, value: Any) -> str:
        text = str(value or "")
        if not self.required and not text.strip():
            return ""
        try:
            return clean_reason(text)
        except WrongRequest as error:
            raise forms.ValidationError(as_sentence(error), code="reason") from error


class ReasonForm(forms.Form):
    """What a person decides, with the reason for it."""

    title: str | Promise
    button: str | Promise

    reason = ReasonField(
        label=_("Reason"),
        help_text=_("Who says so, or how you know it. The event's story shows it."),
    )

    def refuse(self, error: WrongRequest) -> None:
        """Show the error at the field that it is about."""
        about = error.about if error.about in self.fields else None
        self.add_error(about, as_sentence(error))

    def focus_on_error(self) -> None:
        """The first field that is wrong is scrolled to, and the next key is for it."""
        for name, field in self.fields.items():
            if name in self.errors and not field.widget.is_hidden:
                field.widget.attrs["autofocus"] = True
                return


class CorrectionForm(ReasonForm):
    """One kind of correction of one event.

    `seen` and `revision` are what the person looked at; corrections refuse what has changed since.
    `previewed` is what the person was shown: only that is saved. `follows` says what the correction
    brings with it, `start` fills in a form that is opened.
    """

    name: ClassVar[str]
    follows: ClassVar[str | Promise] = ""
    # How it is filled in, a template; most have their fields one below the other.
    template: ClassVar[str] = "fields.html"
    # Where nothing is filled in but the reason, a button leads straight to the preview.
    is_direct: ClassVar[bool] = False
    # Whether it has fields into which a person types, or which are chosen from.
    is_typed: ClassVar[bool] = True
    # What may be ticked beside the preview, since its label says all that it does.
    beside_preview: ClassVar[tuple[str, ...]] = ()

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
        # The fresh ones last: an address does not say what the person sees.
        super().__init__(data, initial={**(start or {}), **fresh}, label_suffix="")
        self.add_fields()
        self.order_fields([name for name in self.fields if name != "reason"])
        self.fields["reason"].required = self.is_to_be_saved

    def add_fields(self) -> None:
        """Add the fields that depend on the event."""

    @property
    def template_path(self) -> str:
        return f"admin/ingestion/event/{self.template}"

    @property
    def filled_in(self) -> list[str]:
        """The fields that a person fills in besides the reason."""
        visible = [field.name for field in self.visible_fields()]
        return [name for name in visible if name not in ("reason", *self.beside_preview)]

    @property
    def is_to_be_saved(self) -> bool:
        return self.data.get("step") == "save"

    @property
    def is_stale(self) -> bool:
        """Whether the event has changed since the person began: what they fill in is about
        something else now."""
        return any(
            str(self.data.get(name)) != str(self.initial[name]) for name in ("seen", "revision")
        )

    @property
    def fingerprint(self) -> str:
        """A digest of what is filled in, without the reason."""
        apart = ("reason", *self.beside_preview)
        filled_in = [
            (name, value) for name, value in self.cleaned_data.items() if name not in apart
        ]
        return hashlib.sha256(repr(filled_in).encode()).hexdigest()[:16]

    @property
    def is_previewed(self) -> bool:
        """Our own pages always say what they showed."""
        fingerprint = self.fingerprint
        return str(self.data.get("previewed", fingerprint)) == fingerprint

    def correct(self, event: Event, author: Author) -> Warnings:
        """Make the correction that is filled in. Raises `WrongRequest`."""
        raise NotImplementedError

    def author(self, person: Any) -> Author:
        values = self.cleaned_data
        reason = values.get("reason") or NO_REASON
        return Author(person, reason, self.now, seen=values["seen"])

    @property
    def is_rearranged(self) -> bool:
        """Whether a button was pressed that only changes the form."""
        return False


class ClockForm(CorrectionForm):
    """A form with a time of day by one of three clocks: UTC's, the circuit's where that is known,
    or the operator's own where that was chosen."""

    def add_fields(self) -> None:
        offset = self.event.utc_offset
        choices = [(UTC_CLOCK, "UTC")]
        if offset is not None:
            sign, minutes = ("-", -offset) if offset.total_seconds() < 0 else ("+", offset)
            hours = f"{sign}{str(minutes)[:-3]:0>5}"
            choices.append((CIRCUIT_CLOCK, _("the circuit (UTC%(hours)s)") % {"hours": hours}))
        self.zone = own_zone()
        if self.zone is not None:
            choices.append((OWN_CLOCK, name_zone(self.zone)))
        self.fields["clock"] = forms.ChoiceField(
            label=_("by the clock of"), widget=forms.RadioSelect, choices=choices
        )
        self.initial.setdefault("clock", UTC_CLOCK)

    def clean(self) -> dict[str, Any]:
        """Times of another year are typing errors, and those at the calendar's ends overflow."""
        season = self.event.season
        for name, field in self.fields.items():
            value = self.cleaned_data.get(name)
            if isinstance(field, WallClockField) and value and value.year != season:
                message = _(
                    "This is not in the season %(season)s: enter a time from "
                    "%(season)s-01-01 to %(season)s-12-31."
                ) % {"season": season}
                self.add_error(name, message)
        return self.cleaned_data

    def instant(self, name: str) -> datetime | None:
        """The field's time in UTC, by the chosen clock."""
        value: datetime | None = self.cleaned_data[name]
        clock, offset = self.cleaned_data["clock"], self.event.utc_offset
        if value is not None and clock == OWN_CLOCK and self.zone is not None:
            return value.replace(tzinfo=self.zone).astimezone(UTC)
        if value is not None and clock == CIRCUIT_CLOCK and offset is not None:
            return value - offset
        return value


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


def as_sentence(error: WrongRequest) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
