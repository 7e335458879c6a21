"""Who works on one database at the same time: ingests, ticks, a person who corrects, a scorer.

Three rounds follow each other: a running season at first and after amendments and moves, then
other seasons. All share FastF1's cache and the hour's requests, as on one machine.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from ingestion.corrections import Author, correct_classification, correct_start, disqualify, key_of
from ingestion.corrections.entries import numbered, parse_entries
from ingestion.errors import ChangedMeanwhile
from ingestion.models import Change, Event
from ingestion.queue import tasks
from ingestion.sample.season import Season
from tests.command_line import in_year
from tests.forks import exit_code, fork, wait
from tests.game import Queue, create_tables, run_page_code
from tests.proofs.kills import run_stage
from tests.proofs.stages import (
    MONDAY,
    SUNDAY_EVENING,
    Served,
    Stage,
    amended_season,
    first_season,
    short_season,
)

INGESTS = 8
TICKERS = 2
TICKS = 8
# What is in is asked about each hour.
BETWEEN_TICKS = timedelta(minutes=25)
OTHER_SEASONS = (2018, 2019, 2020, 2021, 2022, 2023, 2025, 2026)
WITHOUT_SPRINT = ("belgium", "netherlands", "azerbaijan")
LATEST_BEGINNING = 0.2
SLOWEST_COMMIT = 0.03
LONGEST_ROUND = 180.0
LONGEST_LOOK = 60.0
MOST_LOOKS = 10
REASON = "the stewards' document 42"

Work = Callable[[], None]


@dataclass(frozen=True)
class Round:
    """What is done at once. `corrections` are a person's; each waits until it can be made."""

    name: str
    ingests: Sequence[Work]
    ticks: Sequence[Work] = ()
    corrections: Sequence[Work] = ()

    @property
    def works(self) -> dict[str, Work]:
        kinds = {"ingest": self.ingests, "ticker": self.ticks, "person": self.corrections}
        return {
            f"{kind} {number}": work
            for kind, works in kinds.items()
            for number, work in enumerate(works, start=1)
        }


def crowd_stages(now: datetime) -> list[Stage]:
    running = [
        Stage("first", first_season(), SUNDAY_EVENING),
        Stage("amended", amended_season(), MONDAY),
    ]
    return running + [Stage(str(year), _other_season(year), now) for year in OTHER_SEASONS]


def _other_season(year: int) -> Season:
    """Without sprints, whose sessions have other names in other years."""
    season = short_season(year)
    kept = (season.grand_prix(key) for key in WITHOUT_SPRINT)
    grands_prix = tuple(
        in_year(replace(one, round=number), year) for number, one in enumerate(kept, start=1)
    )
    return replace(season, grands_prix=grands_prix)


def build_rounds(stages: Sequence[Stage], served: Sequence[Served], cache: Path) -> list[Round]:
    """The first two stages are the running season's."""
    works = [
        (partial(run_stage, stage, one, cache), partial(_tick_often, stage, one, cache))
        for stage, one in zip(stages, served, strict=True)
    ]
    (ingest_first, tick_first), (ingest_amended, tick_amended), *others = works
    return [
        Round(
            "one season",
            [ingest_first] * INGESTS,
            [tick_first] * TICKERS,
            [move_monza, punish_third],
        ),
        Round("amended", [ingest_amended] * INGESTS, [tick_amended] * TICKERS, [overrule_belgium]),
        Round("other seasons", [ingest for ingest, _ in others], [tick_amended] * TICKERS),
    ]


def _tick_often(stage: Stage, served: Served, cache: Path) -> None:
    """As the queue's workers do it, and what they do twice a day."""
    settings.F1_SCHEDULE_URL = served.schedule_url
    settings.JOLPICA_URL = served.jolpica_url
    settings.FASTF1_CACHE_DIR = cache
    for number in range(TICKS):
        now = stage.now + number * BETWEEN_TICKS
        tasks.tick(clock=partial(_stand_still, now))
        if number == TICKS // 2:
            tasks.refresh_schedule(clock=partial(_stand_still, now))
        time.sleep(0.02)


def _stand_still(now: datetime) -> datetime:
    return now


# A person


def move_monza() -> None:
    """To half an hour later, once it is on the calendar."""
    event = _wait_for(grand_prix="italian-grand-prix", session_type="race")
    assert event.starts_at is not None
    later = event.starts_at + timedelta(minutes=30)
    correct_start(event, later, _author(SUNDAY_EVENING))


def punish_third() -> None:
    """The third of China's race is disqualified, once it is published."""
    event = _wait_for(grand_prix="chinese-grand-prix", session_type="race", results_revision=1)
    third = key_of(event.podium[2])
    disqualify(event, third, _author(SUNDAY_EVENING), revision=1)


def overrule_belgium() -> None:
    """The second of the first classification has won, whatever is published meanwhile."""
    published = Change.objects.get(
        event__grand_prix="belgian-grand-prix", event__session_type="race", revision=1
    )
    winner, second, *others = parse_entries(published.after["classification"])
    entries = numbered([second, winner, *others])
    for _ in range(MOST_LOOKS):
        event = Event.objects.get(pk=published.event_id)
        with suppress(ChangedMeanwhile):
            correct_classification(event, entries, _author(MONDAY), revision=event.results_revision)
            return
    raise SystemExit("it changed each time that the person looked")


def _author(now: datetime) -> Author:
    return Author(User.objects.get(), REASON, now)


def _wait_for(**event: Any) -> Event:
    end = time.monotonic() + LONGEST_LOOK
    while time.monotonic() < end:
        found = Event.objects.filter(**event).first()
        if found is not None:
            return found
        time.sleep(0.005)
    raise SystemExit(f"waited {LONGEST_LOOK:g} s in vain for {event}")


# All at once, or one after the other


@dataclass(frozen=True)
class Ended:
    code: int
    output: str


def work_together(round_: Round, folder: Path, luck: random.Random) -> dict[str, Ended]:
    """Each in a process of its own; who hangs is killed in the end."""
    connection.close()
    pids = {}
    for name, work in round_.works.items():
        delayed = partial(_work_delayed, random.Random(luck.random()), work)
        pids[name] = fork(delayed, output=_output(folder, name))
    ends = dict(_wait_for_all(pids, time.monotonic() + LONGEST_ROUND))
    return {name: Ended(code, _output(folder, name).read_text()) for name, code in ends.items()}


def _output(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"


def _work_delayed(luck: random.Random, work: Work) -> None:
    """Not all at the same instant, and with commits that take their time, as on a slow disk."""
    commit = connection.commit

    def commit_late() -> None:
        time.sleep(luck.uniform(0, SLOWEST_COMMIT))
        commit()

    connection.commit = commit_late  # type: ignore[method-assign]
    time.sleep(luck.uniform(0, LATEST_BEGINNING))
    work()


def _wait_for_all(pids: Mapping[str, int], deadline: float) -> Iterator[tuple[str, int]]:
    for name, pid in pids.items():
        done, status = os.waitpid(pid, os.WNOHANG)
        while not done and time.monotonic() < deadline:
            time.sleep(0.01)
            done, status = os.waitpid(pid, os.WNOHANG)
        if not done:
            os.kill(pid, signal.SIGKILL)
        yield name, exit_code(status) if done else wait(pid)


def work_alone(rounds: Sequence[Round], folder: Path, *, corrections_first: bool) -> None:
    """One ingest of each, without ticks. What a person corrects while it is amended may come
    before the amendment or after it."""
    for number, round_ in enumerate(rounds):
        parts = [list(dict.fromkeys(round_.ingests)), list(round_.corrections)]
        if number and corrections_first:
            parts.reverse()
        for work in chain(*parts):
            connection.close()
            output = folder / "alone.log"
            if wait(fork(work, output=output)):
                raise RuntimeError(f"alone it failed:\n{output.read_text()}")


def prepare() -> None:
    """A game beside the app, and a person."""
    create_tables()
    User.objects.create_user("ana", is_staff=True)


# Who reads the feed


@contextmanager
def feed_read(folder: Path) -> Iterator[None]:
    """By a reader with a cursor, and by the game that scores, until the block ends; `folder` then
    has what they saw."""
    connection.close()
    stop = folder / "stop"
    readers = {
        name: fork(partial(read, folder, stop), output=_output(folder, name))
        for name, read in (("reader", _read_feed), ("scorer", _score))
    }
    try:
        yield
    finally:
        stop.touch()
        for name, pid in readers.items():
            if wait(pid):
                raise RuntimeError(f"the {name} failed:\n{_output(folder, name).read_text()}")


def _read_feed(folder: Path, stop: Path) -> None:
    seen: list[int] = []
    is_last = False
    while not is_last:
        is_last = stop.exists()
        cursor = seen[-1] if seen else 0
        seen += Change.objects.after(cursor).values_list("pk", flat=True)
        time.sleep(0.001)
    (folder / "seen.json").write_text(json.dumps(seen))


def _score(folder: Path, stop: Path) -> None:
    scorer = run_page_code(Queue())
    is_last = False
    while not is_last:
        is_last = stop.exists()
        scorer.catch_up()
        time.sleep(0.005)
    (folder / "news.json").write_text(json.dumps(sorted(scorer.NEWS)))
