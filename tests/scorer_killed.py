"""A scorer that is killed again and again while changes stream in, in processes of its own.

`endure` is called in a process that has no connection to a database yet: it forks one that makes
the changes, and one scorer after another, each of which it kills.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, connections

from ingestion.models import Change
from ingestion.testing.feed import SeasonFeed
from tests.forks import fork, kill_after
from tests.game import Cursor, Notice, Pick, Queue, known_driver, run_page_code

PLAYERS = 3
# Of which there are half before the first scorer begins.
GRANDS_PRIX = 8
LEADERS = ["russell", "hamilton", "piastri", "leclerc"]
# A scorer dies right before or after one of its next writes (a change takes five), which is in the
# middle of a change as often as not; every third at any moment before that.
MOST_STEPS = 20
SHORT_LIFE, LONG_LIFE = 0.05, 0.5
FEWEST_KILLS = 36
FIRST_RACE = datetime(2024, 3, 2, 15, tzinfo=UTC)


def endure(seed: int) -> None:
    """Prints, as JSON, how many were killed, what was seen, and what undisturbed scorers see."""
    luck = random.Random(seed)
    make_changes(range(GRANDS_PRIX // 2))
    connections.close_all()
    writer = fork(partial(make_changes, range(GRANDS_PRIX // 2, GRANDS_PRIX)))
    kills = 0
    while _is_running(writer) or kills < FEWEST_KILLS:
        pid = fork(partial(_score, steps=luck.randint(1, MOST_STEPS)))
        kill_after(luck.uniform(0, SHORT_LIFE) if kills % 3 == 0 else LONG_LIFE, pid)
        kills += 1
    scorer = run_page_code(Queue())
    disturbed = _seen_after(scorer.catch_up)
    Notice.objects.all().delete()
    Pick.objects.update(points=None, is_refunded=False)
    Cursor.objects.update(position=0)
    undisturbed = _seen_after(scorer.catch_up)
    report = {"kills": kills, "disturbed": disturbed, "undisturbed": undisturbed}
    sys.stdout.write(json.dumps({**report, "fed": list(_fed())}))


def make_changes(numbers: Iterable[int]) -> None:
    feed = SeasonFeed(is_held=False)
    luck = random.Random("the season")
    for number in numbers:
        start = FIRST_RACE + timedelta(weeks=2 * number)
        event = feed.schedule(grand_prix=f"Grand Prix {number}", starts_at=start).event
        for player in range(PLAYERS):
            Pick.objects.create(
                event=event,
                player=f"player {player}",
                place=1 + player,
                driver=known_driver(luck.choice(LEADERS)),
                made_at=start - timedelta(hours=1 + player),
            )
        feed.reschedule(event, by=timedelta(minutes=-90))
        if number % 4 == 3:
            feed.cancel(event)
            continue
        feed.publish(event, drivers=luck.sample(LEADERS, k=4))
        for _ in range(3):
            feed.amend(event)


def _score(*, steps: int) -> None:
    scorer = run_page_code(Queue())
    left = iter(range(steps))

    def step() -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    def live_shortly(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if not sql.startswith(("INSERT", "UPDATE")):
            return execute(sql, params, many, context)
        step()
        done = execute(sql, params, many, context)
        step()
        return done

    with connection.execute_wrapper(live_shortly):
        while True:
            scorer.catch_up()
            time.sleep(0.001)


def _seen_after(catch_up: Callable[[], None]) -> dict[str, Any]:
    catch_up()
    return {
        "position": Cursor.objects.get().position,
        "notices": list(Notice.objects.order_by("pk").values_list("change_id", flat=True)),
        "picks": list(Pick.objects.order_by("pk").values_list("pk", "points", "is_refunded")),
    }


def _fed() -> Iterator[tuple[int, str]]:
    yield from Change.objects.order_by("pk").values_list("pk", "kind")


def _is_running(pid: int) -> bool:
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    if done and status:
        raise RuntimeError(f"the process that makes the changes ended with {status}")
    return not done
