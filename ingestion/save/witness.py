"""The second source beside what is published: where both say the same, the event is confirmed;
where they differ in what is picked, and the second one's is the newer, a person has to know.
Nothing of the classification is touched."""

import json

from django.core.serializers.json import DjangoJSONEncoder

from ingestion.amendments import Entries, differs_in_what_is_picked
from ingestion.models import CLOCK_SLACK, Change, Event, SecondOpinion
from ingestion.records import Source
from ingestion.save.comparison import APPLIED, Comparison, PlannedClassification
from ingestion.save.rows import RowPlan, build_change


def weigh(
    comparison: Comparison, planned: PlannedClassification | None
) -> PlannedClassification | None:
    """The plan, with what the second source says of what counts by it; a provisional classification
    and a person's are not weighed.

    The opinion is written when it changes, or when a dispute starts or ends; an unchanged answer
    leaves its age. Only an opinion that is newer than the saved classification disputes it.
    """
    event, context = comparison.event, comparison.context
    opinion, is_changed = _find_opinion(comparison)
    if opinion is None or opinion.classification is None:
        return planned
    since, confirmed_before = opinion.disputed_since, event.confirmed_at
    is_applied = planned is not None and planned.counts_as in APPLIED
    counts = comparison.after if is_applied else comparison.before
    if planned is not None and planned.counts_as in {"created", "amended"}:
        # Another revision, to be confirmed anew.
        confirmed_before = None
    # A dispute goes on through an amendment of what is not disputed: it is not over, nor another.
    is_known = since is not None and not differs_in_what_is_picked(
        event.session_type, comparison.before, counts
    )
    agrees, disagrees = _compare(event, counts, opinion, is_known=is_known)
    opinion.disputed_since = (since or context.now) if disagrees else None
    confirmed_at = (confirmed_before or context.now) if agrees else None
    changes = []
    if confirmed_at is not None and confirmed_before is None:
        after = {"source": opinion.source}
        changes.append(build_change(event, Change.Kind.CONFIRMED, {}, after, context))
    if disagrees and since is None:
        before = {"source": event.results_source, "classification": counts}
        after = {"source": opinion.source, "classification": opinion.classification}
        changes.append(build_change(event, Change.Kind.DISPUTED, before, after, context))
    plan = RowPlan(changes=changes)
    if is_changed or opinion.disputed_since != since:
        plan.opinions.append(opinion)
    if confirmed_at != event.confirmed_at:
        event.confirmed_at = confirmed_at
        plan.changed_events.append(event)
    return _add(planned, event, plan)


def _find_opinion(comparison: Comparison) -> tuple[SecondOpinion | None, bool]:
    """The opinion as it is after this answer, and whether it is another than is saved."""
    reported, event = comparison.reported, comparison.event
    opinion: SecondOpinion | None = getattr(event, "second_opinion", None)
    if not reported.source.is_second:
        return opinion, False
    # As the database gives it back: durations and decimals are texts there.
    said = json.loads(json.dumps(comparison.after, cls=DjangoJSONEncoder))
    opinion = opinion or SecondOpinion(event=event, source=reported.source.value)
    is_changed = opinion.classification != said
    opinion.classification = said
    now = comparison.context.now
    opinion.generated_at = reported.generated_at or now
    if abs(opinion.generated_at - now) <= CLOCK_SLACK:
        # It was made in this run, whose clock counts: the source's may be seconds behind what was
        # just saved.
        opinion.generated_at = now
    return opinion, is_changed


def _add(
    planned: PlannedClassification | None, event: Event, plan: RowPlan
) -> PlannedClassification | None:
    if not (plan.changes or plan.opinions or plan.changed_events):
        return planned
    if planned is None:
        return PlannedClassification(event, "unchanged", plan)
    if event in planned.plan.changed_events:
        plan.changed_events.clear()
    planned.plan.merge(plan)
    return planned


def _compare(
    event: Event, counts: Entries, opinion: SecondOpinion, *, is_known: bool
) -> tuple[bool, bool]:
    """Whether the two agree, and whether the second one's disagrees: it is the newer, or the
    dispute `is_known`. What a person entered stays confirmed where it was and scores as it did; it
    is confirmed or disputed by none."""
    is_persons = event.results_locked or event.results_source == Source.PERSON
    if not event.is_published or event.is_cancelled:
        return False, False
    agrees = not differs_in_what_is_picked(event.session_type, counts, opinion.classification or [])
    if agrees or is_persons:
        return agrees and (event.confirmed_at is not None or not is_persons), False
    made_at, saved_at = opinion.generated_at, event.results_changed_at
    is_newer = made_at is not None and (saved_at is None or made_at >= saved_at)
    return False, is_known or is_newer
