"""What the commands have in common: help with examples, output that survives its reader, tables
and progress in which a name is text and never markup."""

import argparse
import codecs
import contextlib
import io
import logging
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, cast

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
    OutputWrapper,
    SystemCheckError,
)
from django.db import DatabaseError
from django.utils.translation import override
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from ingestion.database_failures import explain_database
from ingestion.errors import WrongRequest, show_control_characters

# By the outcome of a run.
EXIT_CODES = {"ok": 0, "failed": 1, "partial": 3}
WRONG_USAGE = 2
# A command or an address in a message is not broken.
WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
# Where no terminal says how wide it is.
WIDTH_OF_FILES = 100
# The longest step of one season is '2024 sprint qualifying results'.
BAR_WIDTH, STEP_WIDTH = 36, 31


OF_DJANGO = """
options of every Django command:
  -v {0,1,2,3}, --settings MODULE, --pythonpath DIRECTORY, --traceback,
  --no-color, --force-color, --skip-checks, --version
"""


def _spell_plainly(error: UnicodeError) -> tuple[str, int]:
    """Pérez as Perez where the terminal's encoding has no é; a question mark for the rest."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = unicodedata.normalize("NFKD", error.object[error.start : error.end])
    return text.encode("ascii", "ignore").decode() or "?", error.end


codecs.register_error("spell_plainly", _spell_plainly)


class LastingStream:
    """A stream that drops what can no longer be written (a full disk, a closed pipe) and keeps the
    reason in `error`: the exit code of a command is about the data, not about its report."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> None:
        self._attempt("write", text)

    def flush(self) -> None:
        self._attempt("flush")

    def isatty(self) -> bool:
        return self._stream is not None and bool(self._stream.isatty())

    def _attempt(self, method: str, *arguments: str) -> None:
        # Python has no stream at all where the shell closed it (`>&-`).
        if self.error is not None or self._stream is None:
            return
        try:
            getattr(self._stream, method)(*arguments)
        except OSError as error:
            self.error = error
            # What is buffered goes nowhere: Python would fail at its exit, with a code of its own.
            with contextlib.suppress(OSError, AttributeError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class HelpFormatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """A command's own options, each explained; those that every command of Django has are named at
    the end. Texts as they are written."""

    def add_arguments(self, actions: Iterable[argparse.Action]) -> None:
        super().add_arguments(
            [one for one in actions if not self.show_last & {*one.option_strings}]
        )


class F1Command(BaseCommand):
    """`usage` and `epilog` are in --help as they are written."""

    usage = "%(prog)s [options]"
    epilog = ""
    # The database worked at first: something may have been saved, or was.
    has_begun = False
    has_saved = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            usage=self.usage,
            epilog=f"{self.epilog}{OF_DJANGO}",
            formatter_class=HelpFormatter,
            **kwargs,
        )

    def run_from_argv(self, argv: list[str]) -> None:
        for output in (sys.stdout, sys.stderr):
            if isinstance(output, io.TextIOWrapper):
                output.reconfigure(errors="spell_plainly")
        if "--no-color" in argv:
            # The one switch that tables, bars and log lines all know.
            os.environ["NO_COLOR"] = "1"
        # Help, and log lines, are written to them directly.
        streams = [LastingStream(stream) for stream in (sys.stdout, sys.stderr)]
        try:
            super().run_from_argv(argv)
        finally:
            for stream in streams:
                stream.flush()

    def execute(self, *args: Any, **options: Any) -> str | None:
        stdout = LastingStream(options.get("stdout") or sys.stdout)
        stderr = LastingStream(options.get("stderr") or sys.stderr)
        try:
            # A terminal is in English, whatever the project's language.
            with override(None):
                return super().execute(*args, **{**options, "stdout": stdout, "stderr": stderr})
        except SystemCheckError:
            raise
        except CommandError as error:
            error.args = (fit_message(str(error), stderr),)
            raise
        except WrongRequest as error:
            raise CommandError(fit_message(f"{error}.", stderr), returncode=WRONG_USAGE) from error
        except DatabaseError as error:
            message = explain_database(error, has_begun=self.has_begun)
            returncode = EXIT_CODES["partial" if self.has_saved else "failed"]
            raise CommandError(fit_message(message, stderr), returncode=returncode) from error
        finally:
            stdout.flush()
            # Whoever closed the pipe, as `head` does, has read enough.
            if stdout.error is not None and not isinstance(stdout.error, BrokenPipeError):
                stderr.write(
                    f"The report could not be written ({stdout.error.strerror}); the data are not "
                    "affected.\n"
                )
            stderr.flush()


def fit_message(message: str, stderr: LastingStream) -> str:
    """Broken between words on a terminal; Django writes the exception's name before it."""
    message, name = show_control_characters(message), "CommandError: "
    if not stderr.isatty():
        return message
    width = shutil.get_terminal_size().columns
    return "\n".join(textwrap.wrap(name + message, width, **WHOLE_WORDS)).removeprefix(name)


def as_text(text: str, style: str = "") -> Text:
    """For tables: rich reads a plain string's brackets as its own markup."""
    return Text(show_control_characters(text, keep="\n"), style=style)


def make_console(stream: Any) -> Console:
    # With NO_COLOR rich leaves bold and dim, which are escape sequences all the same.
    return Console(
        file=cast("IO[str]", stream),
        highlight=False,
        markup=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def open_console(stdout: OutputWrapper) -> Console:
    """On a terminal as wide as it is; colours on a terminal alone, and none with NO_COLOR."""
    console = make_console(stdout)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    return console


def print_line(console: Console, text: str, style: str = "") -> None:
    """Broken between words on a terminal; elsewhere a line is a line."""
    console.print(as_text(text, style), soft_wrap=not console.is_terminal)


def facts_table(facts: Sequence[tuple[str | Text, str | Text]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in facts:
        table.add_row(*(cell if isinstance(cell, Text) else as_text(cell) for cell in row))
    return table


class ProgressBar:
    """How far a run has come, on a terminal; nothing where standard error goes elsewhere."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def update(self, step: str, *, done: int, total: int) -> None:
        description = f"{show_control_characters(step):<{STEP_WIDTH}}"
        self._progress.update(self._task, description=description, completed=done, total=total)

    @contextlib.contextmanager
    def out_of_the_way(self) -> Iterator[None]:
        """While a line of the result is written to the same terminal."""
        if self._progress.disable:
            yield
            return
        self._progress.stop()
        yield
        self._progress.start()


@contextlib.contextmanager
def show_progress(
    *, is_on: bool, keeps_log: bool = False, bar_width: int = BAR_WIDTH
) -> Iterator[ProgressBar]:
    console = make_console(LastingStream(sys.stderr))
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=bar_width),
        TaskProgressColumn(),
    )
    is_hidden = not (is_on and console.is_terminal)
    # What the bar shows as it happens, and the report when it is over, needs no line of the log.
    log, level = logging.getLogger("ingestion"), logging.getLogger("ingestion").level
    if not is_hidden and not keeps_log:
        log.setLevel(logging.WARNING)
    try:
        with Progress(*columns, console=console, transient=True, disable=is_hidden) as progress:
            yield ProgressBar(progress)
    finally:
        log.setLevel(level)
