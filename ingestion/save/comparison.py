"""A plausible classification beside the saved one of its event, and what becomes of it."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from ingestion.amendments import is_amended, list_details, touches_leaders
from ingestion.models import Change, Event, UpstreamClassification
from ingestion.records import ClassificationRecord, Source, is_better_provisional
from ingestion.save.rows import RowPlan, SaveContext, build_change

RESULTS_FIELDS = (
    "results_state",
    "results_revision",
    "results_source",
    "results_generated_at",
    "results_changed_at",
    "confirmed_at",
    "proposal",
    "proposal_rejected",
    "status",
)


@dataclass(slots=True)
class PlannedClassification:
    """A plan, the event that it is about, and which of the report's counts of results it goes into:
    'created', 'amended', 'updated' or 'unchanged'."""

    event: Event
    counts_as: str
    plan: RowPlan


@dataclass(frozen=True, slots=True)
class Comparison:
    """`before` is what is saved or, of a second answer of one run, what the first is about to save;
    `after` is what the source says, `rows` are those that differ from the saved ones."""

    reported: ClassificationRecord
    event: Event
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    rows: RowPlan
    context: SaveContext

    @property
    def is_outranked(self) -> bool:
        """A provisional source never replaces a published classification, nor one of a better
        provisional source."""
        if not self.event.has_results or not self.reported.is_provisional:
            return False
        if self.event.results_state != Event.ResultsState.PROVISIONAL:
            return True
        saved = Source(self.event.results_source)
        return is_better_provisional(saved, self.reported.source)

    def explain_keeping(self) -> str:
        """Why the saved classification is kept although this one differs; '' where it is not."""
        if self.event.results_locked:
            return "a person's classification is kept; the upstream's differs"
        saved_at, reported_at = self.event.results_generated_at, self.reported.generated_at
        is_older = saved_at is not None and reported_at is not None and reported_at < saved_at
        # A provisional classification was made from something else: the ages do not compare.
        is_other_provisional = (
            self.event.results_state == Event.ResultsState.PROVISIONAL
            and self.event.results_source != self.reported.source.value
        )
        if is_older and not is_other_provisional:
            return "an answer older than the saved classification was left aside"
        return ""

    @property
    def is_held(self) -> bool:
        """Another podium or pole of a settled event waits for a person: picks are not paid twice
        because an upstream changed its mind. Jolpica's other forms are the same database, and say
        the same."""
        return (
            self.event.results_state == Event.ResultsState.SETTLED
            and self._has_other_leaders
            and not self.context.applies_settled_changes
        )

    @property
    def is_proposed_already(self) -> bool:
        """The same podium or pole; what is below is not waited for."""
        proposal = self.event.proposal
        return proposal is not None and not touches_leaders(
            self.event.session_type, proposal.after["classification"], self.after
        )

    @property
    def _has_other_leaders(self) -> bool:
        return touches_leaders(self.event.session_type, self.before, self.after)

    def find_overruled(self) -> UpstreamClassification | None:
        """What the upstream says of an event whose classification is a person's, where that is
        news; None where it is not."""
        if self.reported.is_provisional:
            return None
        kept = getattr(self.event, "upstream_classification", None)
        reported_at = self.reported.generated_at
        known_at = self.event.results_generated_at if kept is None else kept.generated_at
        if reported_at is not None and known_at is not None and reported_at < known_at:
            return None
        # As the database gives it back: durations and decimals are texts there.
        classification = json.loads(json.dumps(self.after, cls=DjangoJSONEncoder))
        if kept is not None and kept.classification == classification:
            return None
        overruled = kept or UpstreamClassification(event=self.event)
        overruled.classification = classification
        overruled.source = self.reported.source.value
        overruled.generated_at, overruled.seen_at = reported_at, self.context.now
        return overruled

    def propose(self) -> PlannedClassification:
        self.event.proposal_rejected = False
        proposal = build_change(
            self.event,
            Change.Kind.PROPOSED,
            {"classification": self.before},
            {"classification": self.after, "source": self.reported.source.value},
            self.context,
        )
        plan = RowPlan(changed_events=[self.event], changes=[proposal], proposals=[proposal])
        return PlannedClassification(self.event, "unchanged", plan)

    def apply(self) -> PlannedClassification:
        """A new revision where the order is another, otherwise details: the rows are updated,
        and the feed has what differs alone."""
        plan, event = self.rows, self.event
        was = {"results_state": event.results_state, "source": event.results_source}
        is_first, is_new_revision = not self.before, is_amended(self.before, self.after)
        self._take_over(is_new_revision=is_new_revision)
        event.status = Event.Status.COMPLETED
        # What a person rejected is remembered until the podium or pole is another.
        if self._has_other_leaders:
            event.proposal, event.proposal_rejected = None, False
        if not event.pk:
            # No calendar lists the session: its first classification brings the event.
            plan.new_events.append(event)
            start = {"name": event.name, "round_number": event.round_number, "starts_at": None}
            scheduled = build_change(event, Change.Kind.SCHEDULED, {}, start, self.context)
            plan.changes.append(scheduled)
        else:
            plan.changed_events.append(event)
        before: dict[str, Any] = {}
        after: dict[str, Any] = {"source": event.results_source}
        if is_new_revision:
            kind = Change.Kind.PUBLISHED if is_first else Change.Kind.AMENDED
            before = {} if is_first else {"classification": self.before}
            after["classification"] = self.after
        else:
            kind = Change.Kind.DETAILS
            after["details"] = list_details(self.before, self.after)
            if was["results_state"] != event.results_state:
                before, after["results_state"] = was, event.results_state
        plan.changes.append(build_change(event, kind, before, after, self.context))
        # The order is unchanged: the same answer again must find nothing left to do.
        settled = None if is_new_revision or self.reported.is_provisional else self._settle()
        plan.changes += [
            change for change in (settled, self._retract_proposal()) if change is not None
        ]
        return PlannedClassification(event, COUNTED[kind], plan)

    def take_same_again(self) -> PlannedClassification | None:
        """The same again: what was provisional may be official by it, or a better source's, what is
        official settled, and a proposal that the upstream took back is none."""
        if self.reported.is_provisional:
            is_provisional = self.event.results_state == Event.ResultsState.PROVISIONAL
            better = is_better_provisional(self.reported.source, self.event.results_source)
            steps = [self._make_its_own] if is_provisional and better else []
        else:
            steps = [self._make_its_own, self._settle, self._retract_proposal]
        changes = [change for step in steps if (change := step()) is not None]
        if not changes:
            return None
        plan = RowPlan(changed_events=[self.event], changes=changes)
        return PlannedClassification(self.event, "unchanged", plan)

    def _make_its_own(self) -> Change | None:
        """What was provisional, or entered by a person who released it, is the upstream's now,
        with its age."""
        event = self.event
        was_provisional = event.results_state == Event.ResultsState.PROVISIONAL
        was_released = event.results_source == Source.PERSON and not event.results_locked
        if not (was_provisional or was_released):
            return None
        before = {"results_state": event.results_state, "source": event.results_source}
        self._take_over(is_new_revision=False)
        after = {"results_state": event.results_state, "source": event.results_source}
        if before["results_state"] == event.results_state:
            del before["results_state"], after["results_state"]
        return build_change(event, Change.Kind.DETAILS, before, after, self.context)

    def _settle(self) -> Change | None:
        """Seen unchanged long enough after the order was saved: by our own clock, and by the
        upstream's, so that an answer out of a cache counts by when it was made."""
        event, now = self.event, self.context.now
        if event.results_state != Event.ResultsState.OFFICIAL or event.results_changed_at is None:
            return None
        seen_at = min(self.reported.generated_at or now, now)
        if seen_at - event.results_changed_at < self.context.settles_after:
            return None
        before = {"results_state": event.results_state}
        event.results_state = Event.ResultsState.SETTLED
        after = {"results_state": event.results_state}
        return build_change(event, Change.Kind.SETTLED, before, after, self.context)

    def _retract_proposal(self) -> Change | None:
        """By an answer that was made after the proposal, with the saved podium or pole. What a
        person rejected stays, so that the same is not proposed again."""
        event = self.event
        proposal, reported_at = event.proposal, self.reported.generated_at
        if proposal is None or event.proposal_rejected:
            return None
        if not self.reported.source.is_published:
            return None
        if reported_at is not None and reported_at < proposal.created_at:
            return None
        event.proposal = None
        # Answers from before it would propose the same again.
        event.results_generated_at = reported_at or event.results_generated_at
        before, after = {"proposal": proposal.pk}, {"proposal": None}
        return build_change(event, Change.Kind.DETAILS, before, after, self.context)

    def _take_over(self, *, is_new_revision: bool) -> None:
        """Make the event's facts those of the reported classification. What is settled stays so
        with the same podium or pole."""
        event, was = self.event, Event.ResultsState(self.event.results_state)
        if is_new_revision:
            event.results_revision += 1
        if self.reported.is_provisional:
            event.results_state = Event.ResultsState.PROVISIONAL
        elif was != Event.ResultsState.SETTLED or self._has_other_leaders:
            event.results_state = Event.ResultsState.OFFICIAL
        if is_new_revision or was == Event.ResultsState.PROVISIONAL:
            event.results_changed_at = self.context.now
        event.results_source = self.reported.source.value
        event.results_generated_at = self.reported.generated_at


COUNTED = {
    Change.Kind.PUBLISHED: "created",
    Change.Kind.AMENDED: "amended",
    Change.Kind.DETAILS: "updated",
}
# The counts of what was saved.
APPLIED = frozenset(COUNTED.values())
