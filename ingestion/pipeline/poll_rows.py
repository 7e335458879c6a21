"""What polling remembers of each source: what came of a request, and when to make the next."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Max, Q, QuerySet

from ingestion.errors import BadSourceData, SourceRateLimited
from ingestion.lifecycle import (
    LOOKED_FOR_EVERY,
    WATCHED_AFTER_SEASON,
    Watched,
    is_over,
    next_calendar_poll,
    next_poll,
    next_provisional_poll,
    next_witness_poll,
)
from ingestion.matching import find_listed, gather_grands_prix, is_race_of
from ingestion.models import (
    CLOCK_SLACK,
    Event,
    Poll,
    SecondOpinion,
)
from ingestion.pipeline.picture import Outcome, SeasonPicture, SeasonTask
from ingestion.pipeline.plan import CALENDARS, awaits_provisional
from ingestion.pipeline.request import configured_sources
from ingestion.pipeline.season_calendars import digest_calendar
from ingestion.records import ClassificationRecord, Source
from ingestion.save import season_locked
from ingestion.sessions import SessionType
from ingestion.sources import result_sources

# The longest season has some forty weeks.
LONGEST_WATCH = timedelta(days=310) + WATCHED_AFTER_SEASON
# So that many installations do not send their requests in the same second.
JITTER = timedelta(seconds=20)

WRITTEN = (
    *("requested_at", "answered_at", "expires_at", "next_at", "rounds"),
    *("failures", "failing_since", "last_error", "digest"),
)

# What a daily sweep leaves alone: a plan for sooner may be a claim, or the time at which a server
# allows the next request.
LEFT_ALONE = timedelta(hours=6)


def plan_next(
    event: Event,
    source: Source,
    poll: Poll | None,
    season_ends_at: datetime | None,
    *,
    is_not_now: bool = False,
) -> datetime | None:
    """When to request the event of the source next; None: never again. `is_not_now` is how the last
    request ended."""
    requested_at = poll.requested_at if poll is not None else None
    if requested_at is None and event.is_published:
        # What was saved before polling began counts as requested then.
        requested_at = event.results_changed_at
    watched = Watched(
        results_from=event.results_from(is_second=source.is_second),
        ends_at=event.ends_at,
        season_ends_at=season_ends_at,
        is_official=event.is_published,
        requested_at=requested_at,
        expires_at=poll.expires_at if poll is not None else None,
        failures=poll.failures if poll is not None else 0,
    )
    if source.is_second:
        awaits = awaits_provisional(event.results_state, event.results_source, source)
        opinion = getattr(event, "second_opinion", None)
        return next_witness_poll(
            replace(watched, requested_at=poll.requested_at if poll is not None else None),
            changed_at=None if awaits else event.results_changed_at,
            is_disputed=opinion is not None and opinion.disputed_since is not None,
            is_not_now=is_not_now,
        )
    if source.is_provisional:
        if not awaits_provisional(event.results_state, event.results_source, source):
            return None
        is_published_later = SessionType(event.session_type).kind.ergast_endpoint != ""
        return next_provisional_poll(watched, is_published_later=is_published_later)
    return next_poll(watched)


def record_polls(picture: SeasonPicture, task: SeasonTask) -> None:
    """What came of the requests, and when to make the next ones: in few statements, whatever the
    number of sessions."""
    with season_locked(task.season):
        events = list(_with_polls(Event.objects.filter(season=task.season)))
        season_ends_at = max((event.ends_at for event in events if event.ends_at), default=None)
        jitter = timedelta(seconds=random.uniform(0, JITTER.total_seconds()))  # noqa: S311
        changed = _record_calendars(picture, task, events)
        # What came of each session that was requested, alone or with its season.
        outcomes: dict[tuple[str, str | None], dict[Source, Outcome]] = defaultdict(dict)
        for outcome in picture.answers.outcomes:
            outcomes[outcome.part, outcome.grand_prix][outcome.source] = outcome
        for event in events:
            polls = {poll.source: poll for poll in event.polls.all()}
            whole = outcomes.get((event.session_type, None), {})
            alone = outcomes.get((event.session_type, event.grand_prix), {})
            for source, outcome in {**whole, **alone}.items():
                soonest = event.results_from(is_second=source.is_second)
                if event.is_cancelled or not is_over(task.now, soonest):
                    continue
                poll = polls.get(source.value) or Poll(
                    event=event, season=event.season, source=source.value
                )
                _record_outcome(poll, outcome, task.now)
                if poll.next_at is None:
                    is_not_now = outcome.is_not_now
                    at = plan_next(event, source, poll, season_ends_at, is_not_now=is_not_now)
                    poll.next_at = None if at is None else at + jitter
                changed.append(poll)
        changed += _call_witnesses(events, changed, season_ends_at)
        new = [poll for poll in changed if not poll.pk]
        known = [poll for poll in changed if poll.pk]
        if new:
            Poll.objects.bulk_create(new)
        if known:
            Poll.objects.bulk_update(known, WRITTEN)


def _with_polls(events: QuerySet[Event]) -> QuerySet[Event]:
    """The events with their polls, and with what decides their plans."""
    return events.select_related("second_opinion").prefetch_related("polls")


def _call_witnesses(
    events: Iterable[Event], changed: Sequence[Poll], season_ends_at: datetime | None
) -> Iterator[Poll]:
    """The second source is requested soon after another has changed the order."""
    planned = {id(poll) for poll in changed}
    for event in events:
        changed_at = event.results_changed_at
        for poll in event.polls.all():
            is_second = Source(poll.source).is_second and id(poll) not in planned
            if not is_second or changed_at is None or poll.requested_at is None:
                continue
            if poll.requested_at < changed_at:
                poll.next_at = plan_next(event, Source(poll.source), poll, season_ends_at)
                yield poll


def _record_outcome(poll: Poll, outcome: Outcome, now: datetime) -> None:
    """An answer that cannot be used is a failure, and an answer all the same; our own rate limit
    is no failure of the upstream's."""
    error = outcome.error
    poll.requested_at = now
    poll.expires_at = outcome.expires_at
    poll.next_at = error.retry_at if isinstance(error, SourceRateLimited) else None
    poll.last_error = "" if error is None else str(error)
    if error is None or isinstance(error, BadSourceData):
        poll.answered_at = now
    if error is None:
        poll.failures, poll.failing_since = 0, None
    elif not error.is_no_fault:
        poll.failures = min(poll.failures + 1, 1000)
        poll.failing_since = min(poll.failing_since or now, now)
    if poll.answered_at is not None and poll.answered_at > now + CLOCK_SLACK:
        poll.answered_at = None


def _record_calendars(
    picture: SeasonPicture, task: SeasonTask, events: Sequence[Event]
) -> list[Poll]:
    kept = {poll.source: poll for poll in Poll.objects.filter(season=task.season, event=None)}
    calendars = {calendar.source: calendar for calendar in picture.answers.calendars}
    changed: dict[Source, Poll] = {}
    # Where picks have closed before a postponed start, its own is followed.
    locks = sorted(
        event.locks_at if event.locks_at and event.locks_at > task.now else event.starts_at
        for event in events
        if not event.is_cancelled and event.starts_at and event.starts_at > task.now
    )
    for outcome in picture.answers.outcomes:
        if outcome.part != CALENDARS:
            continue
        source = outcome.source
        poll = kept.get(source.value) or Poll(season=task.season, source=source.value)
        _record_outcome(poll, outcome, task.now)
        if poll.next_at is None:
            poll.next_at = next_calendar_poll(
                task.now,
                failures=poll.failures,
                locks=locks,
                is_file=source is Source.SCHEDULE_FILE,
            )
        if source is Source.JOLPICA and source in calendars:
            file = calendars.get(Source.SCHEDULE_FILE)
            poll.digest = digest_calendar(file) if file is not None else ""
        changed[source] = poll
    known = gather_grands_prix([event.as_stored() for event in events])
    jolpica_poll = kept.get(Source.JOLPICA)
    known_rounds: dict[str, int] = jolpica_poll.rounds if jolpica_poll is not None else {}
    rounds: dict[str, int] = {}
    if (jolpica := calendars.get(Source.JOLPICA)) is not None:
        listed = {one.slug: find_listed(one, jolpica.grands_prix) for one in known}
        rounds = {
            slug: one.round_number
            for slug, one in listed.items()
            if one is not None and one.round_number is not None
        }
    elif task.request.sessions is not None:
        answered = [
            one.race
            for one in picture.answers.classifications
            if isinstance(one, ClassificationRecord) and one.source is Source.JOLPICA
        ]
        found = {
            one.slug: race.round_number
            for race in answered
            for one in known
            if is_race_of(race, one)
        }
        rounds = {**known_rounds, **found}
    if rounds and rounds != known_rounds:
        poll = changed.get(Source.JOLPICA) or kept.get(Source.JOLPICA) or Poll(season=task.season)
        poll.rounds = rounds
        changed[Source.JOLPICA] = poll
    return list(changed.values())


def is_time_to_look(season: int, now: datetime) -> bool:
    """Whether to look for the next season's calendars, whatever the time of day: a worker may be
    down each morning."""
    polls = Poll.objects.filter(season=season, event=None, requested_at__lte=now + CLOCK_SLACK)
    requested_at = polls.aggregate(last=Max("requested_at"))["last"]
    return requested_at is None or now - requested_at >= LOOKED_FOR_EVERY


def mend_plans(now: datetime) -> int:
    """Bring forward what should be requested sooner than is planned (a correction of the plan, a
    clock that was wrong, a result that went missing); returns how many."""
    events = Event.objects.exclude(status=Event.Status.CANCELLED).order_by("season")
    recent = events.filter(ends_at__gt=now - LONGEST_WATCH)
    mended, sources = 0, _list_configured()
    for season in list(recent.values_list("season", flat=True).distinct()):
        with season_locked(season):
            of_season = list(_with_polls(events.filter(season=season)))
            ends = [event.ends_at for event in of_season if event.ends_at]
            season_ends_at = max(ends, default=None)
            late = []
            for event in of_season:
                if event.ends_at is None or event.ends_at > now:
                    continue
                for poll in event.polls.all():
                    if poll.source not in sources:
                        continue
                    at = plan_next(event, Source(poll.source), poll, season_ends_at)
                    is_late = poll.next_at is None or poll.next_at > now + LEFT_ALONE
                    if at is not None and at <= now and is_late:
                        poll.next_at = now
                        late.append(poll)
            mended += Poll.objects.bulk_update(late, ["next_at"]) if late else 0
    return mended


def _list_configured() -> set[Source]:
    config = configured_sources()
    return {source for kind in SessionType for source in result_sources(kind, config)}


def drop_switched_off() -> tuple[int, int]:
    """Where a source is configured no more: drop its plans, and lay its opinions aside, so that
    none disputes a result or a start. What it confirmed stays. Returns how many plans and how many
    opinions."""
    sources = _list_configured()
    planned = Poll.objects.filter(event__isnull=False, next_at__isnull=False)
    plans = planned.exclude(source__in=sources).update(next_at=None)
    in_force = Q(generated_at__isnull=False) | Q(starts_at__isnull=False) | Q(is_cancelled=True)
    # Its classification is kept. Without a time it is newer than nothing.
    opinions = (
        SecondOpinion.objects.filter(in_force)
        .exclude(source__in=sources)
        .update(generated_at=None, disputed_since=None, starts_at=None, is_cancelled=False)
    )
    return plans, opinions
