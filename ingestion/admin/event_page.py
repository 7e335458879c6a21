"""What the page of an event shows: how it stands, its story, and the upstream beside a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingestion.admin.comparing import Line, as_entries, compare
from ingestion.admin.forms import CORRECTIONS, EntriesForm
from ingestion.admin.marks import PHASES, Mark, marks_of
from ingestion.admin.telling import tell
from ingestion.amendments import Entries
from ingestion.corrections import possible_corrections
from ingestion.models import Change, Event, IngestRun
from ingestion.story import (
    describe_author,
    describe_event,
    describe_payout,
    print_instant,
    print_source,
)

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of the story; `run` is what did it, where that is still kept, and `restores` the
    revision that it can be put back to."""

    change: Change
    sentence: str
    author: str
    run: IngestRun | None
    restores: int | None


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


@dataclass(frozen=True, slots=True)
class EventPage:
    phase: Mark
    marks: Sequence[Mark]
    facts: Sequence[Fact]
    payout: Sequence[Fact]
    weekend: Sequence[Event]
    buttons: Sequence[tuple[str, str]]
    entries: EntriesForm | None
    other: Other | None
    story: Sequence[Told]


def describe_page(event: Event, now: datetime, *, may_correct: bool) -> EventPage:
    """In two queries beside the event's own: its story, and the weekend's other sessions."""
    changes = list(Change.objects.filter(event=event).for_story().order_by("pk"))
    possible = possible_corrections(event, now) if may_correct else []
    forms = [CORRECTIONS[name] for name in possible if name in CORRECTIONS]
    weekend = Event.objects.for_season(event.season).filter(grand_prix=event.grand_prix)
    return EventPage(
        phase=PHASES[event.phase(now)],
        marks=marks_of(event, [entry.driver_id for entry in event.classification]),
        facts=describe_event(event, now),
        payout=describe_payout(event),
        weekend=list(weekend),
        buttons=[(form.name, form.button) for form in forms if form.has_button],
        entries=EntriesForm(event, now) if "edit" in possible else None,
        other=_find_other(event, changes),
        story=list(_tell(event, changes, may_restore="restore" in possible))[::-1],
    )


def _tell(event: Event, changes: Sequence[Change], *, may_restore: bool) -> Iterator[Told]:
    for change in changes:
        is_revision = "classification" in change.after and change.kind != Change.Kind.PROPOSED
        is_past = change.revision < event.results_revision
        yield Told(
            change=change,
            sentence=tell(change),
            author=describe_author(change),
            run=change.run,
            restores=change.revision if may_restore and is_revision and is_past else None,
        )


def _find_other(event: Event, changes: Sequence[Change]) -> Other | None:
    saved = as_entries(event.classification)
    if event.proposal is not None and event.has_open_proposal:
        return _other(saved, event.proposal, is_proposal=True)
    if not event.results_locked:
        return None
    kept = getattr(event, "upstream_classification", None)
    if kept is not None:
        lines = compare(saved, kept.classification)
        return Other(print_source(kept.source), print_instant(kept.seen_at), lines, False)
    # Not asked since: what it said last, before the person's word.
    told = [
        change
        for change in changes
        if "classification" in change.after and change.cause != Change.Cause.CORRECTION
    ]
    return _other(saved, told[-1], is_proposal=False) if told else None


def _other(saved: Entries, change: Change, *, is_proposal: bool) -> Other:
    return Other(
        source=print_source(change.after["source"]),
        at=print_instant(change.created_at),
        lines=compare(saved, change.after["classification"]),
        is_proposal=is_proposal,
    )
