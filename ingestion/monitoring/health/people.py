"""What a person has to look at, though everything works."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ingestion.lifecycle import is_small_dispute
from ingestion.models import Alarm, Event
from ingestion.monitoring.health.facts import AHEAD, Facts
from ingestion.monitoring.health.findings import Finding, print_instant
from ingestion.monitoring.health.upstream import name_event


def find_proposals(facts: Facts) -> Iterator[Finding]:
    for event in facts.events:
        if event.proposal is None or not event.has_open_proposal:
            continue
        what = "podium" if event.is_race else "pole"
        yield Finding(
            f"proposal:{name_event(event)}",
            Alarm.Kind.ATTENTION,
            f"the upstream has another {what} for {event}, which was settled",
            "It is not applied, the settled one goes on to count. Compare the two and accept or "
            "reject it in the admin.",
            event.proposal.created_at,
        )


def find_disputes(facts: Facts) -> Iterator[Finding]:
    """One for a weekend: where a calendar is wrong, all its sessions are (Las Vegas 2024)."""
    for weekend in _weekends(event for event in facts.events if _is_disputed(facts, event)):
        first = weekend[0]
        starts = "; ".join(
            f"{event.get_session_type_display()} {print_instant(event.starts_at)} or "
            f"{print_instant(event.disputed_starts_at)}"
            for event in weekend
            if event.starts_at is not None and event.disputed_starts_at is not None
        )
        yield Finding(
            f"disputed-start:{first.season}-{first.grand_prix}",
            Alarm.Kind.ATTENTION,
            f"the calendars disagree by hours about the {first.season} {first.name}",
            f"{starts}. The first of each counts, and picks close by it. Set the start by hand "
            "where that is the wrong one.",
            first.schedule_generated_at or first.updated_at,
        )


def _is_disputed(facts: Facts, event: Event) -> bool:
    start, other = event.starts_at, event.disputed_starts_at
    if start is None or other is None or event.start_is_estimated or event.schedule_locked:
        return False
    return start > facts.now and not is_small_dispute(start, other)


def find_unknown_starts(facts: Facts) -> Iterator[Finding]:
    for weekend in _weekends(event for event in facts.events if _has_no_start_yet(facts, event)):
        first = weekend[0]
        sessions = ", ".join(event.get_session_type_display() for event in weekend)
        closes = min(event.locks_at for event in weekend if event.locks_at is not None)
        yield Finding(
            f"unknown-start:{first.season}-{first.grand_prix}",
            Alarm.Kind.ATTENTION,
            f"a start of the {first.season} {first.name} is unknown a week before",
            f"It is that of {sessions}; picks close at {print_instant(closes)}, before the weekend "
            "begins. Set the start by hand once it is published.",
            closes - AHEAD,
        )


def _has_no_start_yet(facts: Facts, event: Event) -> bool:
    if event.has_results or event.is_over(facts.now) or event.locks_at is None:
        return False
    is_unknown = event.starts_at is None or event.start_is_estimated
    return is_unknown and event.locks_at - facts.now <= AHEAD


def _weekends(events: Iterable[Event]) -> Iterable[list[Event]]:
    weekends: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event in events:
        weekends[event.season, event.grand_prix].append(event)
    return weekends.values()
