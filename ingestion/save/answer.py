"""A plausible classification beside what is saved of its event, and what may become of it."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from ingestion.amendments import is_amended, touches_leaders
from ingestion.models import Change, Event, UpstreamClassification
from ingestion.records import PROVISIONAL_SOURCES, ClassificationRecord, Source
from ingestion.save.rows import Plan, SaveContext, entry

EVENT_FIELDS = (
    "results_state",
    "results_revision",
    "results_source",
    "results_generated_at",
    "results_changed_at",
    "proposal",
    "proposal_rejected",
    "status",
)


@dataclass(slots=True)
class PlannedClassification:
    """A plan, how it counts, and the event that it is about."""

    event: Event
    count: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class Answer:
    """`before` and `after` are what is saved and what is told, `rows` in which they differ."""

    classification: ClassificationRecord
    event: Event
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    rows: Plan
    context: SaveContext

    @property
    def is_less_known(self) -> bool:
        """A guess never replaces what was published, nor a better guess."""
        if not self.event.has_results or not self.classification.is_provisional:
            return False
        if self.event.results_state != Event.ResultsState.PROVISIONAL:
            return True
        known = Source(self.event.results_source)
        ranks = PROVISIONAL_SOURCES
        return known in ranks and ranks.index(self.classification.source) < ranks.index(known)

    def why_it_stands(self) -> str:
        """Why the saved classification is not replaced by one that differs; '' where it is."""
        if self.event.results_locked:
            return "a person's classification stands; the upstream's differs"
        known, told = self.event.results_generated_at, self.classification.generated_at
        is_older = known is not None and told is not None and told < known
        if is_older and not self._is_known_better:
            return "an answer older than the saved classification was left aside"
        return ""

    @property
    def _is_known_better(self) -> bool:
        """Than the saved guess, which was made from something else: their ages do not compare."""
        is_guess = self.event.results_state == Event.ResultsState.PROVISIONAL
        return is_guess and self.event.results_source != self.classification.source.value

    @property
    def is_held(self) -> bool:
        """Nobody is paid twice on an upstream's word alone: another podium or pole of a settled
        event waits for a person, or for a second source that says the same."""
        return (
            self.event.results_state == Event.ResultsState.SETTLED
            and self._has_other_leaders
            and not self.context.applies_settled_changes
            and not self._is_second_source
        )

    @property
    def is_proposed_already(self) -> bool:
        """The same podium or pole; what is below does not wait for anybody."""
        proposal = self.event.proposal
        return proposal is not None and not touches_leaders(
            self.event.session_type, proposal.after["classification"], self.after
        )

    @property
    def _has_other_leaders(self) -> bool:
        return touches_leaders(self.event.session_type, self.before, self.after)

    @property
    def _is_second_source(self) -> bool:
        proposal = self.event.proposal
        return (
            proposal is not None
            and self.event.has_open_proposal
            and self.is_proposed_already
            and not self.classification.is_provisional
            and proposal.after["source"] != self.classification.source.value
        )

    def keep_overruled(self, planned: PlannedClassification | None) -> PlannedClassification | None:
        """With what the upstream says beside a person's classification, where that is news."""
        told = self._overruled()
        if told is None:
            return planned
        planned = planned or PlannedClassification(self.event, "unchanged", Plan())
        planned.plan.overruled.append(told)
        return planned

    def _overruled(self) -> UpstreamClassification | None:
        if self.classification.is_provisional:
            return None
        kept = getattr(self.event, "upstream_classification", None)
        told_at = self.classification.generated_at
        plain = json.loads(json.dumps(self.after, cls=DjangoJSONEncoder))
        known_at = self.event.results_generated_at if kept is None else kept.generated_at
        if told_at is not None and known_at is not None and told_at < known_at:
            return None
        if kept is not None and kept.classification == plain:
            return None
        told = kept or UpstreamClassification(event=self.event)
        told.classification, told.source = plain, self.classification.source.value
        told.generated_at, told.seen_at = told_at, self.context.now
        return told

    def propose(self) -> PlannedClassification:
        self.event.proposal_rejected = False
        plan = Plan(changed_events=[self.event])
        before, after = self._told()
        proposal = entry(self.event, Change.Kind.PROPOSED, before, after, self.context)
        plan.changes.append(proposal)
        plan.proposals.append(proposal)
        return PlannedClassification(self.event, "unchanged", plan)

    def apply(self) -> PlannedClassification:
        """A new revision; what was published is never a guess again."""
        kind = Change.Kind.PUBLISHED if not self.before else Change.Kind.DETAILS
        if self.before and is_amended(self.before, self.after):
            kind = Change.Kind.AMENDED
        plan, event = self.rows, self.event
        event.results_revision += 1
        event.results_changed_at = self.context.now
        event.status = Event.Status.COMPLETED
        self._take_over()
        if self._has_other_leaders or not event.proposal_rejected:
            event.proposal, event.proposal_rejected = None, False
        if not event.pk:
            plan.new_events.append(event)
            start = {"name": event.name, "round_number": event.round_number, "starts_at": None}
            plan.changes.append(entry(event, Change.Kind.SCHEDULED, {}, start, self.context))
        else:
            plan.changed_events.append(event)
        before, after = self._told()
        plan.changes.append(entry(event, kind, before, after, self.context))
        return PlannedClassification(event, COUNTED[kind], plan)

    def confirm(self) -> PlannedClassification | None:
        """The same again: what was provisional may be official by it, what is official settled,
        and a proposal that the upstream took back is none."""
        plan = Plan()
        for change in (self._publish_guess, self._take_back, self._settle, self._withdraw):
            told = change()
            if told is not None:
                plan.changes.append(told)
        if not plan.changes:
            return None
        plan.changed_events.append(self.event)
        return PlannedClassification(self.event, "unchanged", plan)

    def _publish_guess(self) -> Change | None:
        event = self.event
        is_guess = event.results_state == Event.ResultsState.PROVISIONAL
        if not is_guess or self.classification.is_provisional:
            return None
        before = {"results_state": event.results_state, "source": event.results_source}
        event.results_changed_at = self.context.now
        self._take_over()
        after = {"results_state": event.results_state, "source": event.results_source}
        return entry(event, Change.Kind.DETAILS, before, after, self.context)

    def _take_back(self) -> Change | None:
        """What a person released and the upstream says too is the upstream's, with its age."""
        event = self.event
        is_persons = event.results_source == Source.PERSON and not event.results_locked
        if not is_persons or self.classification.is_provisional:
            return None
        before = {"source": event.results_source}
        self._take_over()
        return entry(
            event, Change.Kind.DETAILS, before, {"source": event.results_source}, self.context
        )

    def _settle(self) -> Change | None:
        """Seen unchanged long enough after it was saved; an answer from a cache counts by when
        the upstream made it."""
        event = self.event
        if event.results_state != Event.ResultsState.OFFICIAL or event.results_changed_at is None:
            return None
        if self.classification.is_provisional:
            return None
        seen_at = self.classification.generated_at or self.context.now
        if seen_at - event.results_changed_at < self.context.settles_after:
            return None
        before = {"results_state": event.results_state}
        event.results_state = Event.ResultsState.SETTLED
        after = {"results_state": event.results_state}
        return entry(event, Change.Kind.SETTLED, before, after, self.context)

    def _withdraw(self) -> Change | None:
        """By an answer that was made after it. What a person rejected stays, so that the same is
        not proposed again."""
        event = self.event
        proposal, told_at = event.proposal, self.classification.generated_at
        if proposal is None or event.proposal_rejected:
            return None
        if proposal.after["source"] != self.classification.source.value:
            return None
        if told_at is not None and told_at < proposal.created_at:
            return None
        event.proposal = None
        # Answers from before it would propose the same again.
        event.results_generated_at = told_at or event.results_generated_at
        before, after = {"proposal": proposal.pk}, {"proposal": None}
        return entry(event, Change.Kind.DETAILS, before, after, self.context)

    def _take_over(self) -> None:
        """What is settled stays so, with another podium or pole only where two sources agree."""
        was_settled = self.event.results_state == Event.ResultsState.SETTLED
        if self.classification.is_provisional:
            self.event.results_state = Event.ResultsState.PROVISIONAL
        elif not was_settled or (self._has_other_leaders and not self._is_second_source):
            self.event.results_state = Event.ResultsState.OFFICIAL
        self.event.results_source = self.classification.source.value
        self.event.results_generated_at = self.classification.generated_at

    def _told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        before = {"classification": self.before} if self.before else {}
        after = {"classification": self.after, "source": self.classification.source.value}
        return before, after


COUNTED = {
    Change.Kind.PUBLISHED: "created",
    Change.Kind.AMENDED: "amended",
    Change.Kind.DETAILS: "updated",
}
