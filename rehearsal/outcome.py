"""Plays a season through the whole installation, and collects what the rehearsal showed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ingestion.models import Change, Event
from rehearsal.alarms import AlarmTally, tally_alarms
from rehearsal.courses import Course
from rehearsal.debuts import Debut, find_debuts
from rehearsal.engine import Cast, ShowTime, choose_death, play
from rehearsal.fixed_plans import daily_at, every, follow
from rehearsal.game import ANNOUNCED, Game
from rehearsal.milestones import Milestones, measure
from rehearsal.our_plan import find_unlike_facts, find_wrong_revisions, observe_our_plan
from rehearsal.played_season import PlayedSeason, Stage, Trouble, Weekend, Window
from rehearsal.upstream import PlayedUpstream, open_cache
from rehearsal.worker import Death

OURS = "our plan"
CRON = "cron, twice a day"
POLL = "poll, each 15 minutes"

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Picks:
    """`counted_late` were taken and counted though the session had begun; `too_strict` were made
    before it and refused, since a calendar had an earlier start."""

    made: int
    late: int
    late_refused_at_once: int
    late_refused_in_the_end: int
    counted_late: int
    too_strict: int


@dataclass(frozen=True, slots=True)
class Outcome:
    window: Window
    played: list[str]
    disturbed: tuple[Weekend, ...]
    courses: tuple[Course, ...]
    picks: Picks
    alarms: AlarmTally
    feed: dict[str, int]
    without_signal: list[str]
    payouts: int
    rescored: int
    reversals: list[str]
    manual_steps: list[str]
    sessions: int
    unlike_facts: list[str]
    wrong_revisions: list[str]
    tasks: dict[str, int]
    failed_tasks: list[str]
    milestones: Milestones
    debuts: list[Debut]

    @property
    def ours(self) -> Course:
        return self.courses[0]


def conclude(
    played: PlayedSeason, window: Window, cast: Cast, upstream: PlayedUpstream, *, seed: int
) -> Outcome:
    sessions, unlike_facts = find_unlike_facts(played, window)
    death = choose_death(window)
    return Outcome(
        window=window,
        played=list(describe_played(played, window, death)),
        disturbed=tuple(find_disturbed(played, window)),
        courses=(
            observe_our_plan(OURS, upstream, window),
            follow(CRON, daily_at(window, (6, 18)), played, window, open_cache(played, seed=seed)),
            follow(POLL, every(window, 15 * MINUTE), played, window, open_cache(played, seed=seed)),
        ),
        picks=tally_picks(cast),
        alarms=tally_alarms(upstream.second, window, death, cast.monitor.spells()),
        feed=count_feed(),
        without_signal=find_without_signal(cast.game),
        payouts=len(cast.game.paid),
        rescored=cast.game.rescored,
        reversals=cast.game.reversals,
        manual_steps=list(find_manual_steps(played)),
        sessions=sessions,
        unlike_facts=unlike_facts,
        wrong_revisions=find_wrong_revisions(played),
        tasks={name.rpartition(".")[2]: runs for name, runs in cast.worker.runs.items()},
        failed_tasks=cast.worker.failures,
        milestones=measure(upstream.second, window),
        debuts=find_debuts(played, window),
    )


def find_disturbed(played: PlayedSeason, window: Window) -> Iterator[Weekend]:
    """Weekends on which Jolpica did not answer for hours: a plan that is to be in time afterwards
    has to go on requesting."""
    refusals = [one for one in played.disturbances if one.trouble is not Trouble.BLANK]
    for weekend in window.weekends:
        if any(weekend.has(one.since) for one in refusals):
            yield weekend


def describe_played(played: PlayedSeason, window: Window, death: Death | None) -> Iterator[str]:
    """What was special about the season."""
    moves = [one for one in played.moves if window.has(one.published_at) and one.starts_at]
    versions = len({move.published_at for move in played.moves if window.has(move.published_at)})
    if moves:
        yield f"{versions} versions of the schedule file that set or moved {len(moves)} starts"
    stages = Counter(one.stage for one in window.choose(played.publications))
    yield f"{stages[Stage.FIRST]} classifications"
    if stages[Stage.HALF_FILLED]:
        yield f"{stages[Stage.HALF_FILLED]} of them half-filled at first"
    if stages[Stage.AMENDED]:
        yield f"{stages[Stage.AMENDED]} amended by the stewards"
    for one in played.disturbances:
        if window.has(one.since):
            yield f"{one.trouble}, {print_times(one.since, one.until)}"
    if death is not None:
        yield f"the worker dead, {print_times(death.since, death.until)}"


def print_times(since: datetime, until: datetime) -> str:
    return f"{since:%d %b %H:%M} to {until:%H:%M} UTC"


def count_feed() -> dict[str, int]:
    return dict(Counter(Change.objects.values_list("kind", flat=True)))


def find_without_signal(game: Game) -> list[str]:
    """Kinds of entries whose signal was not received once for each entry. A start that moves after
    the result was saved has no signal."""
    announced = Change.objects.exclude(kind=Change.Kind.RESCHEDULED, revision__gt=0)
    sent = Counter(announced.filter(kind__in=ANNOUNCED).values_list("kind", flat=True))
    return [
        f"{kind}: {sent[kind]} in the feed, {game.signals[kind]} signals"
        for kind in ANNOUNCED
        if sent[kind] != game.signals[kind]
    ]


def tally_picks(cast: Cast) -> Picks:
    picks = cast.player.picks
    counted = set(cast.player.counted())
    late = [pick for pick in picks if pick.is_late]
    return Picks(
        made=len(picks),
        late=len(late),
        late_refused_at_once=sum(not pick.is_taken for pick in late),
        late_refused_in_the_end=sum(pick.is_taken and pick not in counted for pick in late),
        counted_late=sum(pick in counted for pick in late),
        too_strict=sum(not pick.is_late and pick not in counted for pick in picks),
    )


def find_manual_steps(played: PlayedSeason) -> Iterator[str]:
    """What a person did, and what waits for a person."""
    for change in Change.objects.filter(person__isnull=False).select_related("event"):
        yield f"{change.event}: {change.kind}"
    for event in Event.objects.filter(season=played.facts.year, proposal__isnull=False):
        if event.has_open_proposal:
            yield f"{event}: a proposal waits for a person"


def rehearse(
    played: PlayedSeason,
    window: Window,
    *,
    seed: int,
    cache_dir: Path,
    show_time: ShowTime,
    speed: float | None = None,
) -> Outcome:
    """In the default database, whose tables have to be empty. Whatever is configured, requests go
    to a stand-in on loopback alone, and no alarm leaves the process.

    `speed` is the most seconds of the season in a real one.
    """
    cast, upstream = play(
        played, window, seed=seed, cache_dir=cache_dir, speed=speed, show_time=show_time
    )
    return conclude(played, window, cast, upstream, seed=seed)
