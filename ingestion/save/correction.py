"""One event, or its classification, changed by a person: rows and feed together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ingestion.amendments import is_amended, list_details
from ingestion.errors import ChangedMeanwhile
from ingestion.models import Change, Event, SecondOpinion
from ingestion.records import ResultRecord
from ingestion.save.calendar import CALENDAR_FIELDS, SCHEDULE_AGES
from ingestion.save.comparison import RESULTS_FIELDS
from ingestion.save.derived import DERIVED_FIELDS
from ingestion.save.drivers import find_persons
from ingestion.save.rows import (
    RowPlan,
    SaveContext,
    build_change,
    plan_rows,
    season_locked,
    snapshot,
    write,
)

SCHEDULE = (*CALENDAR_FIELDS, *DERIVED_FIELDS, "picks_until", "schedule_locked")
RESULTS = (*RESULTS_FIELDS, "results_locked")


@contextmanager
def change_event(event: Event, kind: Change.Kind, context: SaveContext) -> Iterator[Event]:
    """The event as it is now, its schedule to be changed until the block ends; then what differs
    is written, and the feed has an entry. An exception within leaves everything as it was."""
    with season_locked(event.season):
        current = Event.objects.get(pk=event.pk)
        was = _values(current, SCHEDULE)
        yield current
        before, after = _differences(was, current)
        if before:
            change = build_change(current, kind, before, after, context)
            plan = RowPlan(changed_events=[current], changes=[change])
            write(plan, (*SCHEDULE, *SCHEDULE_AGES), context, stored=None)


@contextmanager
def change_results(
    event: Event, kind: Change.Kind, context: SaveContext, *, revision: int
) -> Iterator[Event]:
    """The same for what the event says of its classification, the rows left as they are; raises
    `ChangedMeanwhile` where the classification is not that revision any more."""
    with season_locked(event.season):
        current = read_revision(event, revision)
        was = _values(current, RESULTS)
        yield current
        before, after = _differences(was, current)
        if before:
            change = build_change(current, kind, before, after, context)
            write(
                RowPlan(changed_events=[current], changes=[change]), RESULTS, context, stored=None
            )


def read_revision(event: Event, revision: int) -> Event:
    """The event as it is now, if its classification is still the one that a person looked at."""
    current = Event.objects.select_related("proposal", "second_opinion").get(pk=event.pk)
    if current.results_revision != revision:
        raise ChangedMeanwhile(
            f"the classification changed meanwhile: it is revision {current.results_revision} "
            f"now, not {revision}; look at it again"
        )
    return current


def replace_classification(
    event: Event,
    results: Sequence[ResultRecord],
    kind: Change.Kind,
    context: SaveContext,
    facts: Mapping[str, Any],
) -> Event:
    """Put these entries in the place of the event's, within a `season_locked` and of a revision
    that was read there; `facts` are the event's other fields to set. Nothing is written where it is
    so already."""
    saved = list(event.results.all())
    results = find_persons(event.season, results, context.now)
    before, after = snapshot(saved), snapshot(results)
    plan = plan_rows(event, saved, results)
    was = {**_values(event, RESULTS), "proposal_id": event.proposal_id}
    for name, value in facts.items():
        setattr(event, name, value)
    is_new_revision = is_amended(before, after)
    if is_new_revision:
        event.results_revision += 1
        event.results_changed_at = context.now
        event.confirmed_at = None
        # What was said of the last revision is no dispute of this one.
        opinion: SecondOpinion | None = getattr(event, "second_opinion", None)
        if opinion is not None and opinion.disputed_since is not None:
            opinion.disputed_since = None
            plan.opinions.append(opinion)
    event.status = Event.Status.COMPLETED
    # A person's classification decides what was proposed, too.
    event.proposal, event.proposal_rejected = None, False
    old, new = _differences(was, event)
    if plan.is_empty and not old:
        return event
    plan.changed_events.append(event)
    if is_new_revision:
        # For whoever undoes it: what it was, and whose.
        kept = ("results_state", "results_source") if before else ()
        old = {name: old[name] for name in kept if name in old}
        old |= {"classification": before} if before else {}
        new = {"classification": after, "source": event.results_source}
    else:
        new |= {"details": list_details(before, after), "source": event.results_source}
    plan.changes.append(build_change(event, kind, old, new, context))
    write(plan, RESULTS, context, stored=None)
    return event


def _values(event: Event, names: Sequence[str]) -> dict[str, Any]:
    # A row is no JSON for the feed; where the proposal matters, its key is compared.
    return {name: getattr(event, name) for name in names if name != "proposal"}


def _differences(was: Mapping[str, Any], event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    differing = [name for name, value in was.items() if getattr(event, name) != value]
    return (
        {name: was[name] for name in differing},
        {name: getattr(event, name) for name in differing},
    )
