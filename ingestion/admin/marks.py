"""What is to be seen of a session at a glance: a shape and a word for each, and a colour beside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from ingestion.amendments import picked_places
from ingestion.models import Change, Event, EventQuerySet
from ingestion.pipeline import configured_addresses
from ingestion.story import print_instant


@dataclass(frozen=True, slots=True)
class Mark:
    """`name` is also its class in the stylesheet, `title` says it in a sentence."""

    name: str
    shape: str
    title: str


PHASES = {
    "scheduled": Mark("scheduled", "○", "It has not begun."),
    "live": Mark("live", "▶", "It is on."),
    "completed": Mark("completed", "✓", "It is over."),
    "cancelled": Mark("cancelled", "✕", "It is off: no result is expected."),
}
OUTCOMES = {
    "running": Mark("running", "▶", "It is on."),
    "ok": Mark("ok", "✓", "All well."),
    "partial": Mark("partial", "◐", "A part of it failed; the rest is saved."),
    "failed": Mark("failed", "✕", "Nothing could be done."),
    "interrupted": Mark("interrupted", "‖", "It was killed before it could end."),
}


def with_marks(events: EventQuerySet, now: datetime) -> EventQuerySet:
    """With what `marks_of` needs, in the same query."""
    amended = Change.objects.filter(event=OuterRef("pk"), kind=Change.Kind.AMENDED)
    has_live_timing = bool(configured_addresses().f1_username)
    return (
        events.with_overdue(now, has_live_timing=has_live_timing)
        .annotate(is_amended=Exists(amended))
        .select_related("upstream_classification")
    )


def marks_of(event: Event, leaders: Sequence[str]) -> list[Mark]:
    """Of an event out of `with_marks`; `leaders` are the drivers of its first places."""
    return [
        *_marks_of_results(event),
        *_marks_of_hand(event),
        *_marks_of_disputes(event, leaders),
        *_marks_of_trouble(event),
    ]


def _marks_of_results(event: Event) -> Iterator[Mark]:
    if event.results_state == Event.ResultsState.PROVISIONAL:
        yield Mark("provisional", "◌", "A guess until somebody publishes the classification.")
    if event.results_state == Event.ResultsState.SETTLED:
        yield Mark("settled", "●", "Settled: another podium or pole would wait for a person.")
    if getattr(event, "is_amended", False):
        yield Mark("amended", "△", "The upstream amended the classification; see the story.")


def _marks_of_hand(event: Event) -> Iterator[Mark]:
    held = [
        *(["start and status"] if event.schedule_locked else []),
        *(["classification"] if event.results_locked else []),
    ]
    if held:
        yield Mark("corrected", "✎", f"A person set the {' and the '.join(held)}.")


def _marks_of_disputes(event: Event, leaders: Sequence[str]) -> Iterator[Mark]:
    told = []
    if event.disputed_starts_at is not None:
        other = print_instant(event.disputed_starts_at)
        told.append(f"The calendars disagree: the other says {other}.")
    kept = getattr(event, "upstream_classification", None)
    if event.results_locked and kept is not None:
        places = picked_places(event.session_type)
        first = [entry["driver_id"] for entry in kept.classification[:places]]
        if first != list(leaders[:places]):
            told.append("The upstream has another podium or pole than the person's.")
    if told:
        yield Mark("disputed", "≠", " ".join(told))


def _marks_of_trouble(event: Event) -> Iterator[Mark]:
    if event.has_open_proposal and not event.is_cancelled:
        yield Mark("proposed", "?", "The upstream proposes another podium or pole: decide.")
    if getattr(event, "is_overdue", False):
        yield Mark("overdue", "!", "A result should be there for a day, and is not.")
