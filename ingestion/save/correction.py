"""One event changed by a person: the row and its entry in the feed, together."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingestion.models import Change, Event
from ingestion.save.calendar import TOLD
from ingestion.save.following import FOLLOWING
from ingestion.save.rows import Plan, SaveContext, entry, season_locked, write

TOLD_OF = (*TOLD, *FOLLOWING, "picks_until", "schedule_locked")
WRITTEN = (*TOLD_OF, "schedule_generated_at")


@contextmanager
def change_event(event: Event, kind: Change.Kind, context: SaveContext) -> Iterator[Event]:
    """The event as it is now, to be changed until the block ends; then what differs is written
    and told. An exception within leaves everything as it was."""
    with season_locked(event.season):
        current = Event.objects.get(pk=event.pk)
        was = {name: getattr(current, name) for name in TOLD_OF}
        yield current
        differing = [name for name, value in was.items() if getattr(current, name) != value]
        if not differing:
            return
        before = {name: was[name] for name in differing}
        after = {name: getattr(current, name) for name in differing}
        plan = Plan(
            changed_events=[current], changes=[entry(current, kind, before, after, context)]
        )
        write(plan, WRITTEN, context)
