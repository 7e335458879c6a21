"""What a correction would do, before it is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction

from ingestion.corrections.author import last_entry
from ingestion.models import Change, Event


@dataclass(frozen=True, slots=True)
class Preview:
    """The event before and after, with its entries, and what the feed will say of it; nothing
    where the correction changes nothing."""

    before: Event
    after: Event
    changes: Sequence[Change]
    warnings: Sequence[str]


def preview(event: Event, correct: Callable[[Event], Sequence[str]]) -> Preview:
    """The correction itself, done and taken back; it raises what the correction raises."""
    with transaction.atomic():
        before = _read(event)
        seen = last_entry(event)
        warnings = correct(before)
        changes = Change.objects.filter(event=event, pk__gt=seen).for_story()
        # All of it is read here: after the block nothing of it is there any more.
        previewed = Preview(before, _read(event), list(changes), warnings)
        transaction.set_rollback(True)
    return previewed


def _read(event: Event) -> Event:
    return Event.objects.select_related("proposal").with_classifications().get(pk=event.pk)
