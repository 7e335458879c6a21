"""What a person may say of a classification as it is: proposals, settling, giving it back.

`revision` is the one that the person looked at, `proposal` the entry of the feed: where another
has arrived meanwhile, nothing is done.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from ingestion.corrections.author import Author, corrected_results, refuse_cancelled
from ingestion.corrections.entries import parse_entries
from ingestion.errors import ChangedMeanwhile, WrongRequest
from ingestion.models import Change, Event, UpstreamClassification
from ingestion.save import read_revision, replace_classification, season_locked


def accept_proposal(
    event: Event, author: Author, *, revision: int, proposal: int | None = None
) -> None:
    """Apply the upstream's change of a settled podium or pole; settled again by that."""
    author.require_reason()
    context = author.context(Change.Cause.CORRECTION)
    with season_locked(event.season):
        current = read_revision(event, revision)
        author.require_seen(current)
        refuse_cancelled(current)
        accepted = _proposal_of(current, proposal)
        facts = {
            "results_state": Event.ResultsState.SETTLED,
            "results_source": accepted.after["source"],
            # Answers from before it would bring back what was there.
            "results_generated_at": accepted.created_at,
        }
        entries = parse_entries(accepted.after["classification"])
        replace_classification(current, entries, Change.Kind.AMENDED, context, facts)


def reject_proposal(
    event: Event, author: Author, *, revision: int, proposal: int | None = None
) -> None:
    """Keep what is saved; the same podium or pole is not proposed again."""
    with corrected_results(event, author, Change.Kind.CORRECTED, revision=revision) as current:
        refuse_cancelled(current)
        _proposal_of(current, proposal)
        current.proposal_rejected = True


def reconsider_proposal(
    event: Event, author: Author, *, revision: int, proposal: int | None = None
) -> None:
    """Take up a proposal again that a person rejected: it waits for a decision, as before."""
    with corrected_results(event, author, Change.Kind.CORRECTED, revision=revision) as current:
        refuse_cancelled(current)
        if current.proposal is None or not current.proposal_rejected:
            raise WrongRequest(_("no proposal for the event was rejected"))
        if proposal not in (None, current.proposal.pk):
            raise ChangedMeanwhile(_("another proposal was rejected meanwhile; look at it again"))
        current.proposal_rejected = False


def settle_results(event: Event, author: Author, *, revision: int) -> None:
    """Declare a classification settled before its time."""
    with corrected_results(event, author, Change.Kind.SETTLED, revision=revision) as current:
        # It would be announced, and paid out, while its picks are refunded.
        refuse_cancelled(current)
        if not current.has_results:
            raise WrongRequest(_("the event has no classification to settle"))
        current.results_state = Event.ResultsState.SETTLED


def release_results(
    event: Event, author: Author, *, revision: int, was: Mapping[str, Any] | None = None
) -> None:
    """Give the classification back to the upstream; the next ingest sets it, old answers too. With
    `was` it is the one that the upstream had: its state and source count again, and its age."""
    with corrected_results(event, author, Change.Kind.RELEASED, revision=revision) as current:
        if not current.results_locked:
            raise WrongRequest(_("the event's classification is not locked"))
        current.results_locked = False
        if was is None:
            current.results_state = Event.ResultsState.OFFICIAL
            current.results_generated_at = None
        else:
            current.results_state = was.get("results_state", Event.ResultsState.OFFICIAL)
            current.results_source = was.get("results_source", current.results_source)
        # What the upstream says is what counts again, and is not kept apart.
        UpstreamClassification.objects.filter(event=current).delete()


def _proposal_of(event: Event, seen: int | None) -> Change:
    if event.proposal is None or event.proposal_rejected:
        raise WrongRequest(_("the event has no open proposal"))
    if seen not in (None, event.proposal.pk):
        raise ChangedMeanwhile(
            _("the upstream proposes something else meanwhile; look at it again")
        )
    return event.proposal
