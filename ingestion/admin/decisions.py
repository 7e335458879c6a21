"""What a person has to decide about an event, and the corrections that decide it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from ingestion.admin.comparison import NO_DIFFERENCES, Differences, as_entries, list_differences
from ingestion.admin.forms import CORRECTIONS
from ingestion.amendments import apply_details
from ingestion.models import Change, Event, SecondOpinion
from ingestion.story import describe_second_opinion, print_instant, print_source

# By the correction and whether it is of a race.
LABELS = {
    ("podium", True): _lazy("Correct the podium"),
    ("podium", False): _lazy("Correct the pole"),
    ("leaders", True): _lazy("Enter the podium"),
    ("leaders", False): _lazy("Enter the pole"),
}
OF_PROPOSALS = ("accept", "reject", "reconsider")


@dataclass(frozen=True, slots=True)
class Action:
    """A correction to begin: by a link to its form, or straight to its preview where nothing has
    to be filled in but the reason."""

    name: str
    label: str
    is_direct: bool
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def query(self) -> str:
        return f"?{urlencode(self.fields)}" if self.fields else ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person has to look at: what happened, what it means, and what can be done."""

    mark: str
    shape: str
    title: str
    text: str
    differences: Differences = NO_DIFFERENCES
    other: str = ""
    actions: Sequence[Action] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """A classification beside the saved one, since when, and where it differs from it."""

    source: str
    at: str
    differences: Differences

    @property
    def is_same(self) -> bool:
        return not self.differences.first


@dataclass(frozen=True, slots=True)
class Offers:
    """The corrections that are possible, of those that this person may make. `seen` is what the
    page shows: what has changed since then is refused."""

    event: Event
    possible: Sequence[str]
    seen: Mapping[str, int]

    def build(self, name: str, **start: object) -> Action | None:
        """None where it is not possible, or not for this person."""
        if name not in self.possible:
            return None
        form = CORRECTIONS[name]
        fields = {**self.seen, **start}
        if name in OF_PROPOSALS:
            fields["proposal"] = self.event.proposal_id
        if name == "undo":
            fields["reason"] = _("Undone: it was a mistake.")
        label = LABELS.get((name, self.event.is_race), form.button)
        if "restored" in start:
            label = _("Restore revision %(revision)d") % {"revision": start["restored"]}
        is_direct = form.is_direct or "restored" in start
        return Action(name, str(label), is_direct, fields if is_direct else start)

    def build_all(self, *names: str) -> list[Action]:
        return [action for name in names if (action := self.build(name)) is not None]


def find_decisions(
    event: Any, beside: Other | None, now: datetime, offers: Offers
) -> Iterator[Decision]:
    """The most urgent first; `beside` is the upstream's classification where a person's counts."""
    if event.is_cancelled:
        return
    if event.proposal is not None:
        yield _describe_proposal(event, offers)
    if getattr(event, "is_overdue", False):
        text = _(
            "It ended at %(at)s, and no source has a classification. Enter it from the official "
            "document, or void the session if it was not held."
        ) % {"at": print_instant(event.ends_at)}
        if event.poll is not None and event.poll.last_error:
            text += " " + _("The last request failed: %(error)s") % {"error": event.poll.last_error}
        title = _("The result is more than 24 hours overdue")
        yield Decision("overdue", "!", title, text, actions=offers.build_all("leaders", "void"))
    yield from _find_disputed_results(event, beside, offers)
    if not event.is_over(now):
        yield from _find_disputed_starts(event, offers)


def _find_disputed_starts(event: Event, offers: Offers) -> Iterator[Decision]:
    opinion: SecondOpinion | None = getattr(event, "second_opinion", None)
    if opinion is not None and (opinion.starts_at is not None or opinion.is_cancelled):
        text = _("%(sources)s. It moves no start: set it, or void the session, if that is right.")
        sources = describe_second_opinion(event)
        yield Decision(
            *("disputed", "≠", _("A second source has another calendar")),
            text % {"sources": capfirst(sources)},
        )
    other = event.disputed_starts_at
    if other is not None and event.starts_at is not None:
        move = offers.build("start", starts_at=f"{other:%Y-%m-%dT%H:%M}")
        label = _("Take the other calendar's start")
        text = _(
            "%(source)s has %(start)s, which counts, the other calendar %(other)s. Set the start, "
            "or wait until the two agree."
        ) % {
            "source": capfirst(print_source(event.schedule_source)),
            "start": print_instant(event.starts_at),
            "other": print_instant(other),
        }
        title = _("The calendars disagree about the start")
        actions = [replace(move, label=label)] if move is not None else []
        yield Decision("disputed", "≠", title, text, actions=actions)


def _describe_proposal(event: Event, offers: Offers) -> Decision:
    proposal: Any = event.proposal
    named = {
        "source": print_source(proposal.after["source"]),
        "at": print_instant(proposal.created_at),
    }
    lines = list_differences(as_entries(event.classification), proposal.after["classification"])
    if not event.has_open_proposal:
        text = _("%(source)s proposed it at %(at)s. What is saved counts.") % named
        return Decision(
            *("rejected", "✕", _("A proposal was rejected"), text),
            *(lines, _("Rejected"), offers.build_all("reconsider")),
        )
    text = _(
        "%(source)s has had it otherwise since %(at)s. What is saved is settled, so nothing was "
        "changed: it counts until you accept or reject the other."
    )
    return Decision(
        *("proposed", "?", _("Decide: another result is proposed"), text % named),
        *(lines, _("Proposed"), offers.build_all("accept", "reject")),
    )


def _find_disputed_results(
    event: Event, beside: Other | None, offers: Offers
) -> Iterator[Decision]:
    """About the classification: a second source, or the upstream and a person."""
    if event.is_disputed:
        opinion: SecondOpinion = event.second_opinion
        text = _(
            "%(sources)s. Nothing was changed: what is saved counts, and this ends by itself when "
            "the two agree."
        )
        sources = describe_second_opinion(event)
        yield Decision(
            *("disputed", "≠", _("Two sources disagree about what is picked")),
            text % {"sources": capfirst(sources)},
            list_differences(as_entries(event.classification), opinion.classification or []),
            print_source(opinion.source),
            offers.build_all("keep", "podium"),
        )
    if beside is not None and not beside.is_same:
        text = _(
            "%(source)s, %(at)s. The person's classification counts until it is given back to the "
            "upstream."
        )
        yield Decision(
            *("disputed", "≠", _("The upstream says otherwise than a person")),
            text % {"source": beside.source, "at": beside.at},
            beside.differences,
            beside.source,
            offers.build_all("release"),
        )


def find_beside(event: Any, changes: Sequence[Change]) -> Other | None:
    """The upstream's classification where a person's counts."""
    if not event.results_locked:
        return None
    saved = as_entries(event.classification)
    kept = getattr(event, "upstream_classification", None)
    if kept is not None:
        differences = list_differences(saved, kept.classification)
        return Other(print_source(kept.source), print_instant(kept.seen_at), differences)
    # Not fetched since the person set it: what the upstream said last before that.
    reported = [change for change in changes if change.cause != Change.Cause.CORRECTION]
    whole = [
        change
        for change in reported
        if change.makes_revision or change.kind == Change.Kind.PROPOSED
    ]
    if not whole:
        return None
    change = whole[-1]
    classification = change.after["classification"]
    for later in reported:
        if later.revision == change.revision:
            classification = apply_details(classification, later.after.get("details", []))
    return Other(
        print_source(change.after["source"]),
        print_instant(change.created_at),
        list_differences(saved, classification),
    )
