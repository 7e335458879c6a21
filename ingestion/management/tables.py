"""How commands print: on a terminal as wide as it is, to a file without colours."""

from collections.abc import Sequence
from typing import IO, cast

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Where no terminal says how wide it is.
WIDTH_OF_FILES = 100


def open_console(stdout: OutputWrapper) -> Console:
    console = Console(file=cast("IO[str]", stdout), highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    return console


def facts_table(facts: Sequence[tuple[str | Text, str]]) -> Table:
    """Text and not str: rich reads words in brackets as its own markup."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, words in facts:
        table.add_row(_text(label), Text(words))
    return table


def _text(label: str | Text) -> Text:
    return label if isinstance(label, Text) else Text(label)
