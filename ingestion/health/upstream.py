"""What the upstream owes us: answers, and results that are overdue."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from ingestion.health.facts import AWAITED_FOR, Facts
from ingestion.health.findings import Finding, print_instant
from ingestion.models import Alarm, Event, Poll

# A flapping upstream is no news.
FAILURES_IN_A_ROW = 3
CALENDARS_FAIL_FOR = timedelta(hours=1)
OVERDUE_AFTER = timedelta(days=1)
# Next season's calendars may be missing until then.
MONTH_OF_NEXT_CALENDARS = 3


def find_silence(facts: Facts) -> Iterator[Finding]:
    """One problem, however many requests fail: told when one of them has failed for long."""
    failing = [poll for poll in facts.failing_polls if _is_expected(facts, poll)]
    if not any(_has_failed_for_long(facts, poll) for poll in failing):
        return
    since = min(_failing_since(facts, poll) for poll in failing)
    asked = "; ".join(_describe_poll(poll) for poll in failing)
    yield Finding(
        "upstream-silent",
        Alarm.Kind.SILENT,
        f"the upstream has been silent since {print_instant(since)}",
        f"Asked for in vain: {asked}. Results and moved starts come late; nothing that is saved is "
        "touched. It is asked again by itself; what cannot wait, enter by hand.",
        since,
    )


def _is_expected(facts: Facts, poll: Poll) -> bool:
    """Not of a sprint qualifying: those come from a form of the upstream's that may go away any
    day, which must not hide a real silence; they are told of when they are overdue."""
    if poll.event is not None:
        return poll.event.session_type != Event.Type.SPRINT_QUALIFYING
    return poll.season <= facts.season or (
        poll.season <= facts.now.year and facts.now.month >= MONTH_OF_NEXT_CALENDARS
    )


def _has_failed_for_long(facts: Facts, poll: Poll) -> bool:
    if poll.event is not None:
        return poll.failures >= FAILURES_IN_A_ROW
    return facts.now - _failing_since(facts, poll) > CALENDARS_FAIL_FOR


def _failing_since(facts: Facts, poll: Poll) -> datetime:
    return poll.failing_since or poll.asked_at or facts.now


def _describe_poll(poll: Poll) -> str:
    what = f"the calendars of {poll.season}" if poll.event is None else str(poll.event)
    return f"{what} ({poll.trouble})" if poll.trouble else what


def find_overdue(facts: Facts) -> Iterator[Finding]:
    sprint_ends = {
        (event.season, event.grand_prix): event.ends_at
        for event in facts.events
        if event.session_type == Event.Type.SPRINT
    }
    for event in facts.events:
        awaited_from = _awaited_from(event, sprint_ends.get((event.season, event.grand_prix)))
        if awaited_from is None or facts.now - awaited_from < OVERDUE_AFTER:
            continue
        if event.season == facts.season or facts.now - awaited_from < AWAITED_FOR:
            yield _describe_overdue(facts, event, awaited_from)


def _awaited_from(event: Event, sprint_ends: datetime | None) -> datetime | None:
    """When the first source of an official result may have it; None where none is awaited."""
    if event.has_results or event.results_locked:
        return None
    has_account = bool(getattr(settings, "F1_USERNAME", ""))
    if event.session_type == Event.Type.SPRINT_QUALIFYING and not has_account:
        return sprint_ends or event.ends_at
    return event.ends_at


def _describe_overdue(facts: Facts, event: Event, awaited_from: datetime) -> Finding:
    """Nobody's fault but ours, where polling is on and nobody asked since the end."""
    poll: Poll | None = getattr(event, "poll", None)
    asked_at = poll.asked_at if poll is not None else None
    is_ours = facts.is_polling and (asked_at is None or asked_at < awaited_from)
    asked = "Nobody asked for it since" if is_ours else _describe_asks(poll)
    return Finding(
        f"overdue:{name_event(event)}",
        Alarm.Kind.BROKEN if is_ours else Alarm.Kind.SILENT,
        f"the result of {event} is overdue since {print_instant(awaited_from + OVERDUE_AFTER)}",
        f"{asked}; picks on it are not scored. See whether it was run and published, and enter the "
        "classification by hand if it must not wait; the upstream's is compared when it comes.",
        awaited_from + OVERDUE_AFTER,
    )


def _describe_asks(poll: Poll | None) -> str:
    if poll is None or poll.asked_at is None:
        return "The upstream does not have it"
    trouble = f", {poll.trouble}" if poll.trouble else ""
    return f"The upstream did not have it at {print_instant(poll.asked_at)}{trouble}"


def name_event(event: Event) -> str:
    """As keys have it: 2024-belgian-grand-prix-race."""
    kind = event.session_type.replace("_", "-")
    return f"{event.season}-{event.grand_prix}-{kind}"
