"""What the upstream owes us: answers, and results that are overdue."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from ingestion.lifecycle import may_be_absent, season_to_look_for
from ingestion.models import OVERDUE_AFTER, Alarm, Event, Poll
from ingestion.monitoring.health.facts import AWAITED_FOR, Facts
from ingestion.monitoring.health.findings import Finding, print_instant
from ingestion.sessions import SessionType

# Of many that fail.
NAMED = 3
# A flapping upstream is no news.
FAILURES_IN_A_ROW = 3
# Away from race days they are read twice a day, and a failure waits for the next time.
CALENDAR_FAILURES_IN_A_ROW = 2
CALENDARS_FAIL_FOR = timedelta(hours=1)
# A tick asks within minutes for what is new here, within the hour where its requests are spent.
TIME_TO_ASK = timedelta(hours=1)


def find_silence(facts: Facts) -> Iterator[Finding]:
    """Nothing that was asked about results got an answer since the first of these failed: one
    problem, however many they are, and over with the first answer to any. What fails while others
    are answered is told of when it is overdue."""
    failing = [
        poll
        for poll in facts.failing_polls
        if poll.event is not None
        and (facts.last_answer is None or _failing_since(facts, poll) > facts.last_answer)
    ]
    if all(poll.failures < FAILURES_IN_A_ROW for poll in failing):
        return
    since = min(_failing_since(facts, poll) for poll in failing)
    asked = "; ".join(f"{poll.event} ({poll.trouble})" for poll in failing[:NAMED])
    others = f"; {len(failing) - NAMED} more" if len(failing) > NAMED else ""
    yield Finding(
        "upstream-silent",
        Alarm.Kind.SILENT,
        f"the upstream has been silent since {print_instant(since)}",
        f"Asked for in vain: {asked}{others}. Results come late; nothing that is saved is touched. "
        "It is asked again by itself; what cannot wait, enter by hand.",
        since,
    )


def find_unread_calendars(facts: Facts) -> Iterator[Finding]:
    for poll in facts.failing_polls:
        since = _failing_since(facts, poll)
        if poll.event is not None or not _is_expected(facts, poll.season):
            continue
        if poll.failures < CALENDAR_FAILURES_IN_A_ROW or facts.now - since <= CALENDARS_FAIL_FOR:
            continue
        yield Finding(
            f"unread-calendars:{poll.season}",
            Alarm.Kind.SILENT,
            f"the calendars of {poll.season} could not be read since {print_instant(since)}",
            f"The last time: {poll.trouble}. Sessions that moved since then have their old start "
            "here, and picks close by it. They are read again by themselves; set a start that you "
            "know by hand.",
            since,
        )


def _is_expected(facts: Facts, season: int) -> bool:
    """Of the current season, and of the next one once it has to be there."""
    if season == facts.season:
        return True
    is_next = season == season_to_look_for(facts.now, facts.season)
    return is_next and not may_be_absent(season, facts.now)


def _failing_since(facts: Facts, poll: Poll) -> datetime:
    return poll.failing_since or poll.asked_at or facts.now


def find_overdue(facts: Facts) -> Iterator[Finding]:
    sprint_ends = {
        (event.season, event.grand_prix): event.ends_at
        for event in facts.events
        if event.session_type == SessionType.SPRINT
    }
    for event in facts.events:
        awaited_from = _awaited_from(event, sprint_ends.get((event.season, event.grand_prix)))
        if awaited_from is None or facts.now - awaited_from < OVERDUE_AFTER:
            continue
        was_asked = _was_asked_since(event, awaited_from)
        if not was_asked and not _could_be_asked(facts, event):
            continue
        if event.season == facts.season or facts.now - awaited_from < AWAITED_FOR:
            yield _describe_overdue(facts, event, awaited_from, was_asked=was_asked)


def _awaited_from(event: Event, sprint_ends: datetime | None) -> datetime | None:
    """When the first source of an official result may have it; None where none is awaited."""
    if event.has_results or event.results_locked:
        return None
    has_account = bool(getattr(settings, "F1_USERNAME", ""))
    if event.session_type == SessionType.SPRINT_QUALIFYING and not has_account:
        return sprint_ends or event.ends_at
    return event.ends_at


def _was_asked_since(event: Event, awaited_from: datetime) -> bool:
    poll = _poll_of(event)
    return poll is not None and poll.asked_at is not None and poll.asked_at >= awaited_from


def _poll_of(event: Event) -> Poll | None:
    poll: Poll | None = getattr(event, "poll", None)
    return poll


def _could_be_asked(facts: Facts, event: Event) -> bool:
    """Whether there was time for it since the event is known, and as it is: it may be new, be on
    again or be released by a person. A time to come is another clock's, and says nothing."""
    age = facts.now - event.updated_at
    return not facts.awaits_first_tick and not timedelta(0) <= age < TIME_TO_ASK


def _describe_overdue(
    facts: Facts, event: Event, awaited_from: datetime, *, was_asked: bool
) -> Finding:
    """Nobody's fault but ours, where polling is on and nobody asked since the end."""
    is_ours = facts.is_polling and not was_asked
    asked = "Nobody asked for it since" if is_ours else _describe_asks(_poll_of(event))
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
