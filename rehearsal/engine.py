"""Plays a season through the installation: its tasks at their times, against the stand-in."""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from django.core import mail
from django.test import override_settings

from ingestion.pipeline import (
    IngestRequest,
    configured_rules,
    configured_sources,
    ingest,
)
from ingestion.queue.schedules import DECLARED
from ingestion.queue.tasks import ignore_progress
from rehearsal.alarms import OUTBOX_URL, open_outbox
from rehearsal.clock import CacheClock, VirtualClock, pauses_lifted, virtual_time
from rehearsal.game import Game, Player, counting_signals, find_sessions, pick_times, read_times
from rehearsal.played_season import PlayedSeason, Window
from rehearsal.upstream import PlayedUpstream
from rehearsal.worker import Death, Monitor, Worker, poll_times, run_times

# The worker is dead when this race begins, and for as long before and after.
DEATH_AT = "belgium"
DEAD_BEFORE = timedelta(minutes=5)
DEAD_AFTER = timedelta(minutes=35)

Action = Callable[[], None]
# When, the rank of actions at the same time, and the action.
Moment = tuple[datetime, int, Action]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part."""

    worker: Worker
    player: Player
    game: Game
    monitor: Monitor


# Receives the time of the rehearsal and who takes part, for a display.
ShowTime = Callable[[datetime, Cast], None]


def play(
    played: PlayedSeason,
    window: Window,
    *,
    seed: int,
    cache_dir: Path,
    speed: float | None = None,
    show_time: ShowTime,
) -> tuple[Cast, PlayedUpstream]:
    """In the default database, whose tables have to be empty. Returns who took part, with what each
    of them saw."""
    clock = VirtualClock(window.begins_at, speed=speed)
    with ExitStack() as stack:
        upstream = stack.enter_context(PlayedUpstream(played, clock=clock.read, seed=seed))
        stack.enter_context(pauses_lifted(upstream.schedule_url, upstream.jolpica_url))
        stack.enter_context(virtual_time(clock))
        stack.enter_context(settings_of(upstream, cache_dir))
        cast = Cast(Worker(clock), Player(played.facts.year), Game(), Monitor())
        stack.enter_context(counting_signals(cast.game))
        # Polling's jitter.
        random.seed(seed)
        getattr(mail, "outbox", []).clear()
        copies = CacheClock(window.begins_at, upstream.count_requests)
        if window.is_part:
            # As an operator does who installs the app during a season.
            request = IngestRequest(
                seasons=(played.facts.year,), config=configured_sources(), rules=configured_rules()
            )
            ingest(request, clock=clock.read, show_step=ignore_progress)
            upstream.clear_requests()
        moments = plan_moments(cast, played, window, seed=seed)
        for at, _, act in moments:
            clock.advance(at)
            copies.advance(at)
            act()
            show_time(at, cast)
        cast.game.read_feed()
    return cast, upstream


def settings_of(upstream: PlayedUpstream, cache_dir: Path) -> override_settings:
    """All requests go to the stand-in, and no message leaves the process."""
    open_outbox()
    return override_settings(
        F1_SCHEDULE_URL=upstream.schedule_url,
        JOLPICA_URL=upstream.jolpica_url,
        FASTF1_CACHE_DIR=cache_dir,
        F1_SECOND_SOURCE="openf1",
        OPENF1_URL=upstream.openf1_url,
        OPENF1_TOKEN="",
        F1_USERNAME="",
        F1_PASSWORD="",
        HEARTBEAT_URL="",
        F1_ALARM_URLS=OUTBOX_URL,
    )


def plan_moments(
    cast: Cast, played: PlayedSeason, window: Window, *, seed: int
) -> Iterator[Moment]:
    """In the order of time: at the same time first the picks, then the tasks, then the readers."""
    death = choose_death(window)
    picks = sorted(
        (at, session.grand_prix, session.name, session)
        for session in find_sessions(window)
        for at in pick_times(played, session, window)
    )
    streams: list[Iterable[Moment]] = [
        ((at, 0, partial(cast.player.pick, session, at)) for at, *_, session in picks),
        *(
            _moments(1, run_times(declared, window, death), partial(cast.worker.run, declared))
            for declared in DECLARED
        ),
        _moments(2, read_times(window, seed), cast.game.read_feed),
        ((at, 2, partial(cast.monitor.poll, at)) for at in poll_times(window, death)),
    ]
    return heapq.merge(*streams, key=lambda moment: moment[:2])


def _moments(rank: int, times: Iterable[datetime], act: Action) -> Iterator[Moment]:
    return ((at, rank, act) for at in times)


def choose_death(window: Window) -> Death | None:
    """Over the start of a race, where picks and statuses would need a worker; no result is out
    then. None where the race is not in the window."""
    for weekend in window.weekends:
        start = weekend.grand_prix.starts_at("Race")
        if weekend.grand_prix.id == DEATH_AT and start is not None:
            return Death(start - DEAD_BEFORE, start + DEAD_AFTER)
    return None
