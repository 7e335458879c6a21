"""What the page of an event shows: its state, its story, and the upstream beside a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.admin.comparison import (
    NOT_COMPARED,
    Line,
    as_entries,
    compare,
    describe_on_page,
    label_of,
    print_value,
)
from ingestion.admin.forms import CORRECTIONS, EntriesForm
from ingestion.admin.marks import PHASES, marks_of
from ingestion.amendments import apply_details
from ingestion.corrections import list_restorable, possible_corrections
from ingestion.models import Change, Event, SecondOpinion
from ingestion.records import RESULT_FIELDS
from ingestion.story import (
    describe_author,
    describe_event,
    describe_payout,
    print_instant,
    print_source,
)


@dataclass(frozen=True, slots=True)
class Other:
    """The upstream's classification where it is not what counts; `is_proposal` where it is for a
    person to decide."""

    source: str
    at: str
    lines: Sequence[Line]
    is_proposal: bool

    @property
    def is_same(self) -> bool:
        return not any(line.is_changed for line in self.lines)


def describe_page(event: Event, now: datetime, *, may_correct: bool) -> dict[str, Any]:
    """What its template shows, in three queries beside the event's own: its story, the weekend's
    other sessions and, before there is a result, who can be picked."""
    changes = list(Change.objects.filter(event=event).for_story().order_by("pk"))
    possible = possible_corrections(event, now) if may_correct else []
    forms = [CORRECTIONS[name] for name in possible if name in CORRECTIONS]
    weekend = Event.objects.for_season(event.season).filter(grand_prix=event.grand_prix)
    # Columns that any of the entries has: a qualifying's and a race's differ.
    apart = {*NOT_COMPARED, "driver_name", "constructor_name", "driver_id", "driver_code"}
    entries = {
        entry: {name: print_value(name, getattr(entry, name)) for name in RESULT_FIELDS}
        for entry in event.classification
    }
    columns = [
        name
        for name in RESULT_FIELDS
        if name not in apart and any(values[name] for values in entries.values())
    ]
    restorable = list_restorable(event, changes) if "restore" in possible else []
    return {
        "phase": PHASES[event.phase(now)],
        "marks": marks_of(event, [entry.driver_id for entry in entries]),
        "facts": describe_event(event, now),
        "payout": describe_payout(event),
        "weekend": list(weekend),
        "buttons": [(form.name, form.button) for form in forms if form.has_button],
        "entries": EntriesForm(event, now) if "edit" in possible else None,
        "entrants": [] if event.has_results or event.is_cancelled else list(event.entrants),
        "headings": [label_of(name) for name in columns],
        "rows": [(entry, [values[name] for name in columns]) for entry, values in entries.items()],
        "other": _find_other(event, changes),
        "second": _find_second(event, now),
        "story": [
            {
                "change": change,
                "sentence": describe_on_page(change),
                "author": describe_author(change),
                "run": change.run,
                "restores": change.revision if change in restorable else None,
            }
            for change in reversed(changes)
        ],
    }


def _find_second(event: Event, now: datetime) -> Other | None:
    """The second source's classification beside the published one that it does not confirm."""
    if not event.is_disputed:
        return None
    opinion: SecondOpinion = event.second_opinion
    lines = compare(as_entries(event.classification), opinion.classification or [])
    at = print_instant(opinion.disputed_since or now)
    return Other(print_source(opinion.source), at, lines, is_proposal=False)


def _find_other(event: Event, changes: Sequence[Change]) -> Other | None:
    saved = as_entries(event.classification)
    is_proposal = event.has_open_proposal
    if not (is_proposal or event.results_locked):
        return None
    kept = getattr(event, "upstream_classification", None)
    if kept is not None and not is_proposal:
        lines = compare(saved, kept.classification)
        return Other(print_source(kept.source), print_instant(kept.seen_at), lines, False)
    # Not fetched since the person set it: what the upstream said last before that.
    reported = [change for change in changes if change.cause != Change.Cause.CORRECTION]
    whole = [change for change in reported if "classification" in change.after]
    change = event.proposal if is_proposal else next(reversed(whole), None)
    if change is None:
        return None
    classification = change.after["classification"]
    for later in reported if not is_proposal else ():
        if later.revision == change.revision:
            classification = apply_details(classification, later.after.get("details", []))
    return Other(
        source=print_source(change.after["source"]),
        at=print_instant(change.created_at),
        lines=compare(saved, classification),
        is_proposal=is_proposal,
    )
