"""What a terminal shows while a season is played: results, alarms, and the promises so far."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from ingestion.management.output import make_console
from ingestion.models import Change
from ingestion.story import describe_change
from rehearsal.alarms import outbox
from rehearsal.engine import Cast, ShowTime
from rehearsal.played_season import Window
from rehearsal.worker import BROKEN

# What players would notice.
SHOWN = {
    Change.Kind.PUBLISHED: "green",
    Change.Kind.AMENDED: "yellow",
    Change.Kind.PROPOSED: "bold red",
    Change.Kind.RESCHEDULED: "cyan",
    Change.Kind.CANCELLED: "red",
    Change.Kind.REINSTATED: "cyan",
}


@contextmanager
def show_play(window: Window, *, is_on: bool) -> Iterator[ShowTime]:
    """Nothing where standard error goes elsewhere."""
    console = make_console(sys.stderr)
    if not (is_on and console.is_terminal):
        yield lambda _at, _cast: None
        return
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    )
    task = progress.add_task("", total=(window.ends_at - window.begins_at) / timedelta(days=1))
    tally = Tally(window.begins_at)
    with Live(Group(progress, tally), console=console, transient=True) as live:

        def show_time(at: datetime, cast: Cast) -> None:
            passed = (at - window.begins_at) / timedelta(days=1)
            progress.update(task, description=f"{at:%a %d %b %H:%M}", completed=passed)
            for happened_at, text, style in tally.read_news(at, cast):
                line = Text(f"{happened_at:%d %b %H:%M}  ", "dim").append(text, style)
                live.console.print(line, no_wrap=True, overflow="ellipsis")

        yield show_time


@dataclass(slots=True)
class Tally:
    """How far a rehearsal was read, and what was counted until then. What an operator brings in who
    installs the app during a season is there from the beginning and no news."""

    begins_at: datetime
    cursor: int = 0
    messages: int = 0
    picks: int = 0
    late: int = 0
    paid: int = 0
    reversed: int = 0
    failed: int = 0
    health: str = ""

    def read_news(self, at: datetime, cast: Cast) -> Iterator[tuple[datetime, str, str]]:
        """When, what, and its style."""
        # The game has read the feed so far: no query where it read nothing new.
        if cast.game.cursor > self.cursor:
            changes = Change.objects.filter(pk__gt=self.cursor, pk__lte=cast.game.cursor)
            news = changes.filter(kind__in=SHOWN, created_at__gt=self.begins_at)
            for change in news.for_story().order_by("pk"):
                yield change.created_at, describe(change), SHOWN[Change.Kind(change.kind)]
            self.cursor = cast.game.cursor
        for message in outbox[self.messages :]:
            yield at, f"message: {message.partition(chr(10))[0]}", "magenta"
        self.messages = len(outbox)
        health = cast.monitor.polls[-1][1] if cast.monitor.polls else self.health
        if health != self.health and BROKEN in (health, self.health):
            yield at, f"/healthz: {health}", "bold red" if health == BROKEN else "green"
        self.health = health
        self.late += sum(one.is_late and one.is_taken for one in cast.player.picks[self.picks :])
        self.picks = len(cast.player.picks)
        self.paid, self.reversed = len(cast.game.paid), len(cast.game.reversals)
        self.failed = len(cast.worker.failures)

    def __rich__(self) -> Text:
        is_kept = not (self.late or self.reversed or self.failed)
        text = (
            f"{self.picks:,} picks, {self.late} late ones taken; {self.paid} payouts, "
            f"{self.reversed} reversed; {self.failed} tasks failed"
        )
        return Text(f"{'kept so far' if is_kept else 'BROKEN'}: ").append(
            text, "green" if is_kept else "bold red"
        )


def describe(change: Change) -> str:
    """'Belgian race: P1 Russell, P2 Hamilton, P3 Piastri (OpenF1)'; an amendment says so."""
    sentence = describe_change(change)
    _, _, rest = sentence.partition(": ")
    event = change.event
    name = event.name.removesuffix(" Grand Prix")
    session = event.get_session_type_display().lower()
    what = "" if change.kind == Change.Kind.PUBLISHED else f" {change.kind}"
    return f"{name} {session}{what}: {rest or sentence}"
