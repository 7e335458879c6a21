"""What an event is now, and which of its classifications pays: labels with texts."""

from collections.abc import Sequence
from datetime import datetime

from ingestion.models import Event, Result
from ingestion.records import Source
from ingestion.story.changes import describe_change
from ingestion.story.printing import print_instant, print_source, print_start

Fact = tuple[str, str]

STANDING = {
    Event.ResultsState.PROVISIONAL.value: "provisional until it is published",
    Event.ResultsState.OFFICIAL.value: "official, amendments are still applied",
    Event.ResultsState.SETTLED.value: "settled",
}


def describe_event(event: Event, now: datetime) -> list[Fact]:
    """What does not concern this event is left out."""
    facts = [
        ("where", _where(event)),
        ("start", _start(event)),
        ("disputed", _disputed(event)),
        ("picks", _picks(event, now)),
        ("status", _status(event, now)),
        ("results", _results(event)),
        ("by hand", _held(event)),
        ("proposal", _proposal(event)),
    ]
    return [(label, text) for label, text in facts if text]


def describe_payout(event: Event) -> list[Fact]:
    """Which classification pays, what is known of it, and until when picks counted."""
    if event.is_cancelled:
        return [("pays", "nothing: it is cancelled, and picks on it are refunded")]
    if not event.has_results:
        return [("pays", "nothing yet: it has no classification")]
    saved = event.results_changed_at
    leaders = event.podium if event.is_race else event.classification[:1]
    return [
        ("pays", f"revision {event.results_revision}, {STANDING[event.results_state]}"),
        ("made", _made(event)),
        ("saved", print_instant(saved) if saved is not None else "at an unknown time"),
        ("podium" if event.is_race else "pole", _names(leaders)),
        ("picks", _deadline(event)),
    ]


def _where(event: Event) -> str:
    number = event.round_number
    as_round = f"round {number}" if number is not None else "no round"
    return ", ".join(filter(None, [as_round, event.location, event.country]))


def _start(event: Event) -> str:
    text = print_start(event.starts_at, is_estimated=event.start_is_estimated)
    starts_at = None if event.start_is_estimated else event.starts_at
    if starts_at is not None and event.utc_offset is not None:
        text += f", {starts_at + event.utc_offset:%H:%M} there"
    return f"{text} ({print_source(event.schedule_source)})" if event.schedule_source else text


def _disputed(event: Event) -> str:
    if event.disputed_starts_at is None:
        return ""
    return f"the other calendar says {print_instant(event.disputed_starts_at)}"


def _picks(event: Event, now: datetime) -> str:
    if event.is_cancelled:
        return ""
    if event.locks_at is None:
        return "never open: its time is not known"
    at = print_instant(event.locks_at)
    return f"open until {at}" if event.in_time(now) else f"closed since {at}"


def _status(event: Event, now: datetime) -> str:
    phase = event.phase(now)
    return phase if phase == event.status else f"{phase} (the last ingest left {event.status})"


def _results(event: Event) -> str:
    if not event.has_results:
        return event.results_state
    source = print_source(event.results_source)
    return f"{event.results_state}, revision {event.results_revision} from {source}"


def _held(event: Event) -> str:
    held = [
        *(["start and status"] if event.schedule_locked else []),
        *(["classification"] if event.results_locked else []),
    ]
    return f"{' and '.join(held)}; ingests only compare" if held else ""


def _proposal(event: Event) -> str:
    if event.proposal is None:
        return ""
    text = describe_change(event.proposal)
    return f"rejected ({text})" if event.proposal_rejected else text


def find_made_at(event: Event) -> datetime | None:
    """When the source made the classification that pays; None where a person did, or it does not
    say. The row keeps the upstream's time then, to recognise older answers."""
    return None if event.results_source == Source.PERSON else event.results_generated_at


def _made(event: Event) -> str:
    if event.results_source == Source.PERSON:
        return "by hand, see the story"
    made_at, source = find_made_at(event), print_source(event.results_source)
    return f"{'at an unknown time' if made_at is None else print_instant(made_at)} ({source})"


def _names(leaders: Sequence[Result]) -> str:
    return ", ".join(f"P{result.order} {result.driver_name}" for result in leaders)


def _deadline(event: Event) -> str:
    if event.locks_at is None:
        return "none counts: the time of the session is not known"
    return f"count if they were made before {print_instant(event.locks_at)}"
