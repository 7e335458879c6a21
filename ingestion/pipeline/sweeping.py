"""What a daily sweep puts right: plans that were lost, and records that nobody needs any more."""

from datetime import datetime, timedelta

from ingestion.lifecycle import next_ask
from ingestion.models import Alarm, Event, IngestRun, Poll, TaskRun
from ingestion.pipeline.bookkeeping import poll_of, watched
from ingestion.pipeline.polling import LONGEST_WATCH
from ingestion.save import season_locked

# What is written down for sooner may be a claim, or when a server wants to be asked again.
LEFT_ALONE = timedelta(hours=6)
# Runs that changed something stay for the story, for as long as the feed.
RUNS_KEPT = timedelta(days=90)
TASK_RUNS_KEPT = timedelta(days=7)
ALARMS_KEPT = timedelta(days=365)


def mend_plans(now: datetime) -> int:
    """Bring forward what should be asked about sooner than is written down (a correction of the
    plan, a clock that was wrong, a result that went missing); returns how many."""
    events = Event.objects.exclude(status=Event.Status.CANCELLED).order_by("season")
    recent = events.filter(ends_at__gt=now - LONGEST_WATCH)
    seasons = list(recent.values_list("season", flat=True).distinct())
    return sum(_mend_season(season, now) for season in seasons)


def _mend_season(season: int, now: datetime) -> int:
    with season_locked(season):
        events = Event.objects.filter(season=season).exclude(status=Event.Status.CANCELLED)
        late = _find_late(list(events.select_related("poll")), now)
        for poll in late:
            poll.next_at = now
        return Poll.objects.bulk_update(late, ["next_at"]) if late else 0


def _find_late(events: list[Event], now: datetime) -> list[Poll]:
    season_ends_at = max((event.ends_at for event in events if event.ends_at), default=None)
    late = []
    for event in events:
        poll = poll_of(event)
        at = next_ask(watched(event, season_ends_at))
        if poll is None or at is None or at > now or event.ends_at is None or event.ends_at > now:
            continue
        if poll.next_at is None or poll.next_at > now + LEFT_ALONE:
            late.append(poll)
    return late


def prune(now: datetime) -> int:
    """Delete old records of runs, tasks and alarms; returns how many. No fact of the sport, and
    nothing of the feed, is ever among them."""
    old = (
        IngestRun.objects.filter(started_at__lt=now - RUNS_KEPT, changes=None),
        TaskRun.objects.filter(started_at__lt=now - TASK_RUNS_KEPT),
        Alarm.objects.filter(cleared_at__lt=now - ALARMS_KEPT),
    )
    return sum(rows.delete()[0] for rows in old)
