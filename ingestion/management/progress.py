"""How far a run has come, on the terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

# Beside a step of a range, which tells more.
NARROW = 8
WIDE = 40


@dataclass(frozen=True, slots=True)
class Display:
    """A bar on the terminal; nothing where standard error goes elsewhere."""

    progress: Progress
    task: TaskID

    def listen(self, step: str, *, done: int, total: int) -> None:
        """As `ingest` wants it."""
        self.progress.update(self.task, description=step, completed=done, total=total)

    def write(self, write: Callable[[str], object], line: str) -> None:
        """A line of the result, with the bar out of its way."""
        if self.progress.disable:
            write(line)
            return
        self.progress.stop()
        write(line)
        self.progress.start()


@contextmanager
def progress_shown(*, is_wanted: bool, is_range: bool) -> Iterator[Display]:
    console = Console(file=sys.stderr)
    bar = BarColumn(bar_width=NARROW if is_range else WIDE)
    columns = (TextColumn("{task.description}"), bar, MofNCompleteColumn())
    hidden = not (is_wanted and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        yield Display(progress, progress.add_task("", total=None))
