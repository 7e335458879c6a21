"""What polling writes down after it asked: what came of it, and when to ask again."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ingestion.errors import BadSourceData, IngestionError, SourceRateLimited
from ingestion.lifecycle import Watched, is_over, next_ask, next_calendar_ask
from ingestion.matching import find_listed, gather_grands_prix
from ingestion.models import Event, Poll
from ingestion.pipeline.calendars import digest_of
from ingestion.pipeline.missing import HAD
from ingestion.pipeline.season import Gathered, SeasonRun
from ingestion.pipeline.wanted import Heard
from ingestion.records import CalendarRecord
from ingestion.save import season_locked
from ingestion.sessions import SessionType

# So that many installations do not ask in the same second.
JITTER = timedelta(seconds=20)

WRITTEN = (
    *("asked_at", "answered_at", "expires_at", "next_at", "rounds"),
    *("failures", "failing_since", "trouble"),
    *("both_read_at", "file_digest"),
)


def remember(gathered: Gathered, run: SeasonRun) -> None:
    """In few statements, whatever the number of sessions that were asked about."""
    with season_locked(run.season):
        events = list(Event.objects.filter(season=run.season).select_related("poll"))
        kept = Poll.objects.filter(season=run.season, event=None).first()
        polls = [
            _remember_event(event, heard, run) for event, heard in _pair(gathered, events, run)
        ]
        if run.request.with_schedule or gathered.other_calendar is not None:
            polls.append(_remember_calendars(kept, gathered, events, run))
        season_ends_at = max((event.ends_at for event in events if event.ends_at), default=None)
        jitter = timedelta(seconds=random.uniform(0, JITTER.total_seconds()))  # noqa: S311
        for poll in polls:
            if poll.next_at is None and poll.event is not None:
                _plan_next(poll, poll.event, season_ends_at, jitter)
        _write(polls)


def _pair(
    gathered: Gathered, events: Iterable[Event], run: SeasonRun
) -> Iterable[tuple[Event, Heard]]:
    """Each session that was asked about, alone or with its season, and what was heard of it."""
    heard: dict[tuple[SessionType, str | None], Heard] = {
        (one.session_type, one.grand_prix): one for one in gathered.heard
    }
    for event in events:
        kind = SessionType(event.session_type)
        found = heard.get((kind, event.grand_prix)) or heard.get((kind, None))
        if found is not None and not event.is_cancelled and is_over(run.now, event.results_from):
            yield event, found


def _remember_event(event: Event, heard: Heard, run: SeasonRun) -> Poll:
    poll = poll_of(event) or Poll(event=event, season=event.season)
    _remember_outcome(poll, heard.error, heard.expires_at, run.now)
    return poll


def _remember_outcome(
    poll: Poll, error: IngestionError | None, expires_at: datetime | None, now: datetime
) -> None:
    """An answer that cannot be used is a failure, and an answer all the same; a limit of our own is
    no failure of the upstream's."""
    poll.asked_at = now
    poll.expires_at = expires_at
    poll.next_at = error.retry_at if isinstance(error, SourceRateLimited) else None
    poll.trouble = "" if error is None else str(error)
    if error is None or isinstance(error, BadSourceData):
        poll.answered_at = now
    if error is None:
        poll.failures, poll.failing_since = 0, None
    elif not error.is_no_fault:
        poll.failures = min(poll.failures + 1, 1000)
        poll.failing_since = poll.failing_since or now


def poll_of(event: Event) -> Poll | None:
    """The event's, None before it was ever asked about; no query after `select_related`."""
    poll: Poll | None = getattr(event, "poll", None)
    return poll


def watched(event: Event, season_ends_at: datetime | None) -> Watched:
    """The event as the plan sees it. What was saved before polling asked counts as asked then."""
    poll = poll_of(event)
    is_official = event.results_state in HAD
    saved_at = event.results_changed_at if is_official else None
    asked_at = poll.asked_at if poll is not None and poll.asked_at is not None else saved_at
    return Watched(
        results_from=event.results_from,
        ends_at=event.ends_at,
        season_ends_at=season_ends_at,
        is_official=is_official,
        asked_at=asked_at,
        expires_at=poll.expires_at if poll is not None else None,
        failures=poll.failures if poll is not None else 0,
    )


def _plan_next(
    poll: Poll, event: Event, season_ends_at: datetime | None, jitter: timedelta
) -> None:
    event.poll = poll
    at = next_ask(watched(event, season_ends_at))
    poll.next_at = None if at is None else at + jitter


def _remember_calendars(
    kept: Poll | None, gathered: Gathered, events: Sequence[Event], run: SeasonRun
) -> Poll:
    poll = kept or Poll(season=run.season)
    jolpicas = gathered.jolpicas_calendar
    if jolpicas is not None:
        poll.rounds = _jolpicas_rounds(jolpicas, events)
    if gathered.has_all_calendars:
        poll.both_read_at = run.now
        poll.file_digest = digest_of(gathered.calendars[0])
    if run.request.with_schedule:
        _remember_outcome(poll, gathered.calendar_error, None, run.now)
        if poll.next_at is None:
            poll.next_at = next_calendar_ask(run.now, failures=poll.failures)
    return poll


def _jolpicas_rounds(calendar: CalendarRecord, events: Iterable[Event]) -> dict[str, int]:
    rounds = {}
    for known in gather_grands_prix([event.as_stored() for event in events]):
        listed = find_listed(known, calendar.grands_prix)
        if listed is not None and listed.round_number is not None:
            rounds[known.slug] = listed.round_number
    return rounds


def _write(polls: Sequence[Poll]) -> None:
    new = [poll for poll in polls if not poll.pk]
    known = [poll for poll in polls if poll.pk]
    if new:
        Poll.objects.bulk_create(new)
    if known:
        Poll.objects.bulk_update(known, WRITTEN)
