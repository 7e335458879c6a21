"""Finds the cases of each kind of alarm in what is known of the installation; changes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ingestion.amendments import describe_disagreement, differs_in_what_is_picked
from ingestion.lifecycle import is_small_dispute, may_be_absent, season_to_look_for
from ingestion.models import (
    OVERDUE_AFTER,
    Alarm,
    Event,
    IngestRun,
    Poll,
    SecondOpinion,
    find_published,
)
from ingestion.monitoring.facts import (
    AHEAD,
    CLOCK_TOLERANCE,
    EXPECTED_FOR,
    Facts,
    print_duration,
    print_instant,
)
from ingestion.monitoring.schedule_rows import OWN_TASKS
from ingestion.records import Source
from ingestion.sessions import SessionType

# Five ticks; a look every five minutes then notices a dead worker within thirty.
NO_TICK_FOR = timedelta(minutes=25)
RUNS_IN_A_ROW = 3
# ... of which not even a part was done.
FAILED_IN_A_ROW = 2
# It is read twice a day.
SCHEDULE_STALE_AFTER = timedelta(days=2)
CLOCK_SEEN_WITHIN = timedelta(days=1)
# An alarm about many polls that fail names so many of them.
MOST_POLLS_NAMED = 3
# A flapping upstream is no news.
FAILURES_IN_A_ROW = 3
# Away from race days they are read twice a day, and a failure waits for the next time.
CALENDAR_FAILURES_IN_A_ROW = 2
CALENDARS_FAIL_FOR = timedelta(hours=1)
# A tick polls within minutes for what is new here, within the hour where its requests are spent.
TIME_TO_POLL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One problem of a kind; `subject` is what it is about where there may be several, `values`
    fill the kind's texts, `severity` is given where it is not the kind's own. `event` or `run` is
    where a person decides it, or sees why."""

    since: datetime
    values: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""
    severity: Alarm.Severity | None = None
    event: Event | None = None
    run: IngestRun | None = None


# What is broken on our side


def find_dead_worker(facts: Facts) -> Iterator[Case]:
    last = facts.last_tick or facts.polling_since
    if not facts.is_polling or last is None or facts.now - last < NO_TICK_FOR:
        return
    since = (
        _("yet") if facts.last_tick is None else (_("since %(at)s") % {"at": print_instant(last)})
    )
    yield Case(last, {"since": since})


def find_failing_runs(facts: Facts) -> Iterator[Case]:
    """The newest runs, back to the first that was no failure of ours. One that a person or a limit
    ended before it could do anything is no evidence of either."""
    failing: list[IngestRun] = []
    for run in facts.runs:
        is_interrupted = facts.is_interrupted(run)
        ended_badly = run.outcome in (IngestRun.Outcome.PARTIAL, IngestRun.Outcome.FAILED)
        came_to_nothing = run.outcome == IngestRun.Outcome.FAILED and (
            run.fault == IngestRun.Fault.NONE
        )
        if came_to_nothing or (run.ended_at is None and not is_interrupted):
            continue
        if not is_interrupted and not (ended_badly and run.fault == IngestRun.Fault.OURS):
            break
        failing.append(run)
    newest = [run.outcome for run in failing[:FAILED_IN_A_ROW]]
    have_failed = newest == [IngestRun.Outcome.FAILED] * FAILED_IN_A_ROW
    if len(failing) < RUNS_IN_A_ROW and not have_failed:
        return
    first, last = failing[-1], failing[0]
    if facts.is_interrupted(last):
        end = _("was killed before it ended")
    else:
        end = (
            (_("says: %(problem)s") % {"problem": last.problem_list[0]})
            if last.problems
            else _("does not say why")
        )
    yield Case(first.started_at, {"since": print_instant(first.started_at), "end": end}, run=last)


def find_stale_schedule(facts: Facts) -> Iterator[Case]:
    since = facts.refreshed_at or facts.first_run_at
    # A season that is over is not polled.
    is_kept_up = facts.is_polling or facts.season >= facts.now.year
    if since is None or not is_kept_up or facts.awaits_first_tick:
        return
    # Before polling was on, it did not have to be read twice a day.
    kept_up_since = max(since, facts.polling_since or since)
    if facts.now - kept_up_since < SCHEDULE_STALE_AFTER:
        return
    never = _("were never fully refreshed")
    at = _("were last fully refreshed at %(at)s") % {"at": print_instant(since)}
    # A run of a poll may have failed for a result alone; what it read of calendars is in the polls.
    is_silent = any(
        poll.event_id is None and poll.season == facts.season for poll in facts.failing_polls
    ) or any(
        run.fault == IngestRun.Fault.UPSTREAM
        and run.trigger != "poll"
        and facts.season in run.seasons
        and not run.arguments.get("skip_schedule")
        and run.started_at > facts.now - SCHEDULE_STALE_AFTER
        for run in facts.runs
    )
    cause = (
        _("The upstream gave no usable response. It is requested again automatically")
        if is_silent
        else _(
            "They were not requested, or the fault was ours. Run 'python manage.py "
            "ingest_f1 --skip-results' and see what it says"
        )
    )
    yield Case(
        since,
        {
            "season": facts.season,
            "refreshed": never if facts.refreshed_at is None else at,
            "cause": cause,
        },
        severity=Alarm.Severity.SILENT if is_silent else None,
    )


def find_wrong_clock(facts: Facts) -> Iterator[Case]:
    seen = [run for run in facts.runs if run.clock_offset is not None]
    if not seen or facts.now - seen[0].started_at > CLOCK_SEEN_WITHIN:
        return
    offset = seen[0].clock_offset
    if offset is None or abs(offset) <= CLOCK_TOLERANCE:
        return
    # Whose clock it is comes after the side.
    side = pgettext("clock", "ahead of") if offset > timedelta(0) else pgettext("clock", "behind")
    values = {"offset": print_duration(offset), "side": side}
    yield Case(seen[0].started_at, values, run=seen[0])


def find_given_up(facts: Facts) -> Iterator[Case]:
    for name in dict.fromkeys(task.name for task in facts.given_up):
        newest = [task for task in facts.given_up if task.name == name][-1]
        yield Case(newest.started_at, {"task": name, "starts": newest.starts}, subject=name)


def find_unreadable_schedules(facts: Facts) -> Iterator[Case]:
    for row, problem in facts.unreadable_schedules:
        is_ours = row.func.startswith(OWN_TASKS)
        yield Case(
            facts.now,
            {"name": row.name or row.func, "id": row.pk, "problem": problem},
            subject=str(row.pk),
            severity=Alarm.Severity.BROKEN if is_ours else None,
        )


# What the upstream owes


def find_silence(facts: Facts) -> Iterator[Case]:
    """No request for a result was answered since the first of these failed: one problem, however
    many they are, and over with the first answer to any. What fails while others are answered is
    reported when it is overdue."""
    failing = [
        poll
        for poll in facts.failing_polls
        if poll.event is not None
        and (facts.last_answer is None or _failing_since(facts, poll) > facts.last_answer)
    ]
    if all(poll.failures < FAILURES_IN_A_ROW for poll in failing):
        return
    since = min(_failing_since(facts, poll) for poll in failing)
    requested = "; ".join(
        f"{poll.event} ({poll.last_error})" for poll in failing[:MOST_POLLS_NAMED]
    )
    left = len(failing) - MOST_POLLS_NAMED
    others = (_("; %(count)s more") % {"count": left}) if left > 0 else ""
    yield Case(since, {"since": print_instant(since), "requested": f"{requested}{others}"})


def _failing_since(facts: Facts, poll: Poll) -> datetime:
    return poll.failing_since or poll.requested_at or facts.now


def find_unread_calendars(facts: Facts) -> Iterator[Case]:
    """The calendars of the current season, and of the next one once they have to be there."""
    next_season = season_to_look_for(facts.now, facts.season)
    for poll in facts.failing_polls:
        since = _failing_since(facts, poll)
        is_next = poll.season == next_season and not may_be_absent(poll.season, facts.now)
        if poll.event is not None or not (poll.season == facts.season or is_next):
            continue
        if poll.failures < CALENDAR_FAILURES_IN_A_ROW or facts.now - since <= CALENDARS_FAIL_FOR:
            continue
        values = {"season": poll.season, "since": print_instant(since), "trouble": poll.last_error}
        yield Case(since, values, subject=str(poll.season))


def find_overdue(facts: Facts) -> Iterator[Case]:
    sprint_ends = {
        (event.season, event.grand_prix): event.ends_at
        for event in facts.events
        if event.session_type == SessionType.SPRINT
    }
    for event in facts.events:
        expected = _result_expected_from(event, sprint_ends.get((event.season, event.grand_prix)))
        if expected is None or facts.now - expected < OVERDUE_AFTER:
            continue
        # As `Event.poll`, of rows that are read.
        poll = find_published(one for one in facts.polls if one.event_id == event.pk)
        polled_at = poll.requested_at if poll is not None else None
        was_polled = polled_at is not None and polled_at >= expected
        # An event may be new, be on again or be released by a person: then there was no time for
        # it yet. A time to come is another clock's, and says nothing.
        has_just_changed = timedelta(0) <= facts.now - event.updated_at < TIME_TO_POLL
        if not was_polled and (facts.awaits_first_tick or has_just_changed):
            continue
        if event.season != facts.season and facts.now - expected >= EXPECTED_FOR:
            continue
        is_ours = facts.is_polling and not was_polled
        if is_ours:
            progress = _("It was not requested since")
        elif poll is None or polled_at is None:
            progress = _("The upstream does not have it")
        else:
            trouble = f", {poll.last_error}" if poll.last_error else ""
            progress = _("The upstream did not have it at %(at)s%(trouble)s") % {
                "at": print_instant(polled_at),
                "trouble": trouble,
            }
        yield Case(
            expected + OVERDUE_AFTER,
            {
                "event": event,
                "hours": int(OVERDUE_AFTER.total_seconds() // 3600),
                "expected": print_instant(expected),
                "progress": progress,
            },
            subject=name_event(event),
            severity=Alarm.Severity.BROKEN if is_ours else None,
            event=event,
        )


def _result_expected_from(event: Event, sprint_ends: datetime | None) -> datetime | None:
    """When the first source of an official result may have it; None where none is expected."""
    if event.has_results or event.results_locked:
        return None
    has_account = bool(getattr(settings, "F1_USERNAME", ""))
    if event.session_type == SessionType.SPRINT_QUALIFYING and not has_account:
        return sprint_ends or event.ends_at
    return event.ends_at


# What a person has to look at, though everything works


def find_proposals(facts: Facts) -> Iterator[Case]:
    for event in facts.events:
        if event.proposal is not None and event.has_open_proposal:
            values = {"what": _("podium") if event.is_race else _("pole"), "event": event}
            since = event.proposal.created_at
            yield Case(since, values, subject=name_event(event), event=event)


def find_disputed_results(facts: Facts) -> Iterator[Case]:
    """What is published, where the second source's newer answer has another podium, pole or
    disqualification."""
    for event in facts.events:
        opinion: SecondOpinion | None = getattr(event, "second_opinion", None)
        if opinion is None or opinion.disputed_since is None or not event.is_disputed:
            continue
        # Whoever decides the proposal compares all of them: one problem.
        if event.has_open_proposal:
            continue
        said = opinion.classification or []
        rejected = event.proposal.after["classification"] if event.proposal is not None else None
        if rejected and not differs_in_what_is_picked(event.session_type, rejected, said):
            # A person has decided about the same.
            continue
        rows = [row.as_entry() for row in event.classification]
        names = Source(event.results_source).origin, Source(opinion.source).origin
        what = describe_disagreement(event.session_type, rows, said, names=names)
        if not what:
            # They named one driver as two, whom a person has merged since.
            continue
        yield Case(
            opinion.disputed_since,
            {"event": event, "what": what},
            subject=name_event(event),
            event=event,
        )


def find_second_silence(facts: Facts) -> Iterator[Case]:
    failing = [poll for poll in facts.failing_second if poll.failures >= FAILURES_IN_A_ROW]
    if failing:
        since = min(_failing_since(facts, poll) for poll in failing)
        yield Case(since, {"since": print_instant(since), "trouble": failing[0].last_error})


def find_second_calendar(facts: Facts) -> Iterator[Case]:
    """One for a weekend, of what is still to come."""
    differing: dict[Event, str] = {}
    for event in facts.events:
        opinion: SecondOpinion | None = getattr(event, "second_opinion", None)
        if opinion is None or event.starts_at is None or event.starts_at <= facts.now:
            continue
        if event.schedule_locked or not (opinion.is_cancelled or opinion.starts_at is not None):
            continue
        start = opinion.starts_at
        says = _("cancelled") if start is None else (_("at %(at)s") % {"at": print_instant(start)})
        differing[event] = _("%(says)s, where ours is at %(at)s") % {
            "says": says,
            "at": print_instant(event.starts_at),
        }
    for weekend in _weekends(differing):
        first = weekend[0]
        starts = "; ".join(
            f"{event.get_session_type_display()} {differing[event]}" for event in weekend
        )
        yield Case(
            first.updated_at,
            {"grand_prix": f"{first.season} {first.name}", "starts": starts},
            subject=f"{first.season}-{first.grand_prix}",
            event=first,
        )


def find_disputed_starts(facts: Facts) -> Iterator[Case]:
    """One for a weekend: where a calendar is wrong, all its sessions are (Las Vegas 2024)."""
    disputed: dict[Event, str] = {}
    for event in facts.events:
        start, other = event.starts_at, event.disputed_starts_at
        if start is None or other is None or event.start_is_estimated or event.schedule_locked:
            continue
        if start > facts.now and not is_small_dispute(start, other):
            disputed[event] = _("%(one)s or %(other)s") % {
                "one": print_instant(start),
                "other": print_instant(other),
            }
    for weekend in _weekends(disputed):
        first = weekend[0]
        starts = "; ".join(
            f"{event.get_session_type_display()} {disputed[event]}" for event in weekend
        )
        yield Case(
            first.schedule_generated_at or first.updated_at,
            {"grand_prix": f"{first.season} {first.name}", "starts": starts},
            subject=f"{first.season}-{first.grand_prix}",
            event=first,
        )


def find_unknown_starts(facts: Facts) -> Iterator[Case]:
    closing: dict[Event, datetime] = {}
    for event in facts.events:
        if event.has_results or event.is_over(facts.now) or event.locks_at is None:
            continue
        is_unknown = event.starts_at is None or event.start_is_estimated
        if is_unknown and event.locks_at - facts.now <= AHEAD:
            closing[event] = event.locks_at
    for weekend in _weekends(closing):
        first = weekend[0]
        closes = min(closing[event] for event in weekend)
        yield Case(
            closes - AHEAD,
            {
                "grand_prix": f"{first.season} {first.name}",
                "sessions": ", ".join(event.get_session_type_display() for event in weekend),
                "closes": print_instant(closes),
            },
            subject=f"{first.season}-{first.grand_prix}",
            event=first,
        )


def _weekends(events: Iterable[Event]) -> Iterable[list[Event]]:
    weekends: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event in events:
        weekends[event.season, event.grand_prix].append(event)
    return weekends.values()


def name_event(event: Event) -> str:
    """As keys have it: 2024-belgian-grand-prix-race."""
    kind = event.session_type.replace("_", "-")
    return f"{event.season}-{event.grand_prix}-{kind}"
