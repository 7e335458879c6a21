"""What an event is now, and which of its classifications is scored: labels with texts."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingestion.amendments import describe_disagreement
from ingestion.models import Change, Event, SecondOpinion
from ingestion.records import Source
from ingestion.story.changes import describe_change
from ingestion.story.outcome import find_person
from ingestion.story.printing import (
    print_choice,
    print_instant,
    print_origin,
    print_source,
    print_start,
)

Fact = tuple[str, str]

STANDING = {
    Event.ResultsState.PROVISIONAL.value: gettext_lazy("provisional until it is published"),
    Event.ResultsState.OFFICIAL.value: gettext_lazy("official, amendments are still applied"),
    Event.ResultsState.SETTLED.value: gettext_lazy("settled"),
}


def describe_event(event: Event, now: datetime, changes: Sequence[Change] = ()) -> list[Fact]:
    """What does not concern this event is left out. `changes` are its story: with them the person
    who set the start is named."""
    number, phase = event.round_number, event.phase(now)
    as_round = (_("round %(number)s") % {"number": number}) if number is not None else _("no round")
    shown = print_choice(Event.Status, phase)
    disputed = results = proposal = ""
    if event.disputed_starts_at is not None:
        disputed = _("the other calendar says %(at)s") % {
            "at": print_instant(event.disputed_starts_at)
        }
    if event.has_results:
        results = _(", revision %(results_revision)s from %(source)s") % {
            "results_revision": event.results_revision,
            "source": print_source(event.results_source),
        }
    if event.proposal is not None:
        proposal = describe_change(event.proposal)
    held = [
        *([_("start and status")] if event.schedule_locked else []),
        *([_("classification")] if event.results_locked else []),
    ]
    facts = [
        (_("where"), ", ".join(filter(None, [as_round, event.location, event.country]))),
        (_("start"), _describe_start(event, changes)),
        (_("disputed start"), disputed),
        (_("picks"), "" if event.is_cancelled else _describe_picks(event, now)),
        # The row's status moves with the ticks, its phase with the clock.
        (
            _("status"),
            shown
            if phase == event.status
            else (
                _("%(phase)s (the last ingest left %(status)s)")
                % {"phase": shown, "status": event.get_status_display()}
            ),
        ),
        (_("results"), f"{event.get_results_state_display()}{results}"),
        (
            _("by hand"),
            (_("%(held)s; ingests only compare") % {"held": ", ".join(held)}) if held else "",
        ),
        (_("second source"), describe_second_opinion(event)),
        (
            _("proposal"),
            (_("rejected (%(proposal)s)") % {"proposal": proposal})
            if event.proposal_rejected
            else proposal,
        ),
    ]
    return [(label, text) for label, text in facts if text]


def describe_second_opinion(event: Event) -> str:
    """Whether it confirms what is picked, or says otherwise of that, or of the start."""
    opinion: SecondOpinion | None = getattr(event, "second_opinion", None)
    if opinion is None:
        return ""
    parts = []
    if event.confirmed_at is not None:
        at = print_instant(event.confirmed_at)
        parts.append(
            _("confirmed by %(source)s at %(at)s")
            % {"source": print_source(opinion.source), "at": at}
        )
    if opinion.disputed_since is not None and opinion.classification is not None:
        what = describe_disagreement(
            event.session_type,
            [row.as_entry() for row in event.classification],
            opinion.classification,
            names=(print_origin(event.results_source), print_origin(opinion.source)),
        )
        # Drivers that the two differed in may have been merged since.
        if what:
            at = print_instant(opinion.disputed_since)
            parts.append(_("since %(at)s %(what)s") % {"at": at, "what": what})
    if opinion.starts_at is not None:
        parts.append(
            _("%(source)s has the start at %(at)s")
            % {"source": print_source(opinion.source), "at": print_instant(opinion.starts_at)}
        )
    if opinion.is_cancelled:
        parts.append(_("%(source)s has it as cancelled") % {"source": print_source(opinion.source)})
    return "; ".join(parts)


def _describe_start(event: Event, changes: Sequence[Change]) -> str:
    text = print_start(event.starts_at, is_estimated=event.start_is_estimated)
    starts_at = None if event.start_is_estimated else event.starts_at
    if starts_at is not None and event.utc_offset is not None:
        text += _(", %(time)s there") % {"time": f"{starts_at + event.utc_offset:%H:%M}"}
    source = print_source(event.schedule_source)
    if event.schedule_source == Source.PERSON:
        person = find_person(changes, "starts_at", "status")
        source = _("set by %(person)s") % {"person": person} if person else source
    return f"{text} ({source})" if source else text


def _describe_picks(event: Event, now: datetime) -> str:
    if event.locks_at is None:
        return _("never open: its time is not known")
    at = print_instant(event.locks_at)
    return (
        (_("open until %(at)s") % {"at": at})
        if event.in_time(now)
        else (_("closed since %(at)s") % {"at": at})
    )


def describe_payout(event: Event) -> list[Fact]:
    """Which classification is scored, what is known of it, and until when picks counted."""
    if event.is_cancelled:
        return [(_("scored"), _("nothing: it is cancelled, and picks on it are refunded"))]
    if not event.has_results:
        return [(_("scored"), _("nothing yet: it has no classification"))]
    saved = event.results_changed_at
    if event.results_source == Source.PERSON:
        made = _("by hand, see the story")
    else:
        made_at, source = find_made_at(event), print_source(event.results_source)
        at = _("at an unknown time") if made_at is None else print_instant(made_at)
        made = f"{at} ({source})"
    picks = _("none counts: the time of the session is not known")
    if event.locks_at is not None:
        picks = _("count if they were made before %(at)s") % {"at": print_instant(event.locks_at)}
    leaders = event.podium if event.is_race else event.classification[:1]
    standing = str(STANDING[event.results_state])
    if event.results_locked and event.results_state == Event.ResultsState.OFFICIAL:
        standing = _("official, set by hand")
    return [
        (
            _("scored"),
            _("revision %(results_revision)s, %(standing)s")
            % {
                "results_revision": event.results_revision,
                "standing": standing,
            },
        ),
        (_("made"), made),
        (_("saved"), print_instant(saved) if saved is not None else _("at an unknown time")),
        (
            _("podium") if event.is_race else _("pole"),
            ", ".join(f"P{result.order} {result.driver_name}" for result in leaders),
        ),
        (_("picks"), picks),
    ]


def find_made_at(event: Event) -> datetime | None:
    """When the source made the classification that is scored; None where a person did, or it does
    not say. The row keeps the upstream's time then, to recognise older answers."""
    return None if event.results_source == Source.PERSON else event.results_generated_at
