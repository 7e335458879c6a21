"""What a page shows of a session or a run at a glance: a shape and a label, and a colour beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from ingestion.amendments import picked_places
from ingestion.models import Change, Event, EventQuerySet
from ingestion.pipeline import configured_sources
from ingestion.story import print_instant


@dataclass(frozen=True, slots=True)
class Mark:
    """`name` is its class in the stylesheet, `title` says it in a sentence."""

    name: str
    shape: str
    title: str | Promise

    @property
    def label(self) -> str:
        """The name in the language of the page."""
        return _(self.name)

    def __str__(self) -> str:
        return f"{self.shape} {self.label}"


# Beside the names of statuses, outcomes and kinds of change.
NAMES = (gettext_noop("interrupted"), gettext_noop("overdue"))

PHASES = {
    "scheduled": Mark("scheduled", "○", gettext_lazy("It has not begun.")),
    "live": Mark("live", "▶", gettext_lazy("It is running.")),
    "completed": Mark("completed", "✓", gettext_lazy("It is over.")),
    "cancelled": Mark("cancelled", "✕", gettext_lazy("It is cancelled: no result is expected.")),
}
OUTCOMES = {
    "running": Mark("running", "▶", gettext_lazy("It is running.")),
    "ok": Mark("ok", "✓", gettext_lazy("All well.")),
    "partial": Mark("partial", "◐", gettext_lazy("A part of it failed; the rest is saved.")),
    "failed": Mark("failed", "✕", gettext_lazy("Nothing could be done.")),
    "interrupted": Mark("interrupted", "‖", gettext_lazy("It was killed before it could end.")),
}


def with_marks(events: EventQuerySet, now: datetime) -> EventQuerySet:
    """The events with what `marks_of` needs, in the same query."""
    amended = Change.objects.filter(event=OuterRef("pk"), kind=Change.Kind.AMENDED)
    has_live_timing = bool(configured_sources().f1_username)
    return (
        events.with_overdue(now, has_live_timing=has_live_timing)
        .annotate(is_amended=Exists(amended))
        .select_related("upstream_classification", "second_opinion")
    )


def marks_of(event: Event, leaders: Sequence[str]) -> list[Mark]:
    """The marks of an event out of `with_marks`; `leaders` are the drivers of its first places."""
    state, disputes = event.results_state, _disputes(event, leaders)
    parts = {
        _("start and status"): event.schedule_locked,
        _("classification"): event.results_locked,
    }
    held = [part for part, is_locked in parts.items() if is_locked]
    marks = {
        Mark("provisional", "◌", _("A guess until the classification is published.")): (
            state == Event.ResultsState.PROVISIONAL
        ),
        Mark("settled", "●", _("Settled: another podium or pole would wait for a person.")): (
            state == Event.ResultsState.SETTLED
        ),
        Mark("amended", "△", _("The upstream amended the classification; see the story.")): getattr(
            event, "is_amended", False
        ),
        Mark("corrected", "✎", _("Set by a person: %(held)s.") % {"held": ", ".join(held)}): bool(
            held
        ),
        Mark("disputed", "≠", " ".join(disputes)): bool(disputes),
        Mark("proposed", "?", _("The upstream proposes another podium or pole: decide.")): (
            event.has_open_proposal and not event.is_cancelled
        ),
        Mark("overdue", "!", _("Result more than 24 hours overdue.")): getattr(
            event, "is_overdue", False
        ),
    }
    return [mark for mark, is_shown in marks.items() if is_shown]


def _disputes(event: Event, leaders: Sequence[str]) -> list[str]:
    disputes = []
    if event.disputed_starts_at is not None:
        other = print_instant(event.disputed_starts_at)
        disputes.append(_("The calendars disagree: the other says %(other)s.") % {"other": other})
    kept = getattr(event, "upstream_classification", None)
    if event.results_locked and kept is not None:
        places = picked_places(event.session_type)
        first = [entry["driver_id"] for entry in kept.classification[:places]]
        if first != list(leaders[:places]):
            disputes.append(_("The upstream has another podium or pole than the person's."))
    if event.is_disputed:
        disputes.append(_("A second source has another podium, pole or disqualification."))
    return disputes
