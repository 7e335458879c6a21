"""What was measured, for people: on a terminal, or as Markdown for the README."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.proofs.bench.cases import EMPTY, IDLE, Case, name_many
from tests.proofs.bench.measured import Measured
from tests.proofs.bench.promises import Found, Promise
from tests.proofs.bench.spread import Spread

NOTHING = "-"
COLUMNS = (
    *("", "requests", "seconds", "x floor", "computing"),
    *("statements", "rows written", "of its own", "peak MB"),
)
LEGEND = (
    "Seconds: the median of the repeats and from where to where they went, each in a process of "
    "its own whose start is told apart. The floor is the pause that FastF1 makes before each "
    "request but the first. Computing: how many of the seconds the process had a core, which a "
    "busy machine changes little. Statements: without BEGIN, COMMIT and the request count's. Rows "
    "of its own: the run's record, the request count, the polling plan. The usual way: FastF1 "
    "session by session, rows deleted and inserted, the same stand-in; for many seasons FastF1 "
    "refuses it the 500th request of an hour. Ours has to wait for the hour's requests there, "
    "which takes no time here; FastF1's own pauses do."
)


@dataclass(frozen=True)
class Sheet:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def print(self, console: Console) -> None:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=any(self.columns))
        for index, column in enumerate(self.columns):
            numbers = index > 0 and len(self.columns) > 3
            table.add_column(column, justify="right" if numbers else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        console.print(Text(self.title, "bold"))
        console.print(table)
        console.print()

    def as_markdown(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join([f"{self.title}:", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def list_sheets(found: Found, promises: Sequence[Promise], seasons: int) -> Iterator[Sheet]:
    database = next(iter(found.values()))[0].database
    yield Sheet(database, COLUMNS, [_draw(case, each) for case, each in _in_order(found)])
    yield Sheet(f"Beside that, on {database}", ("", ""), list(_draw_beside(found, seasons)))
    yield Sheet(
        f"Promised, on {database}",
        ("", "promised", "found"),
        [(_mark(promise), promise.words, promise.found) for promise in promises],
    )


def _in_order(found: Found) -> list[tuple[Case, Sequence[Measured]]]:
    """Ours, and below it the usual way."""
    names = list(dict.fromkeys(case.name for case in found if not case.is_usual))
    return sorted(found.items(), key=lambda item: (names.index(item[0].name), item[0].is_usual))


def _draw(case: Case, each: Sequence[Measured]) -> list[str]:
    digits = 4 if case.name == IDLE else 2
    ratios = [one.ratio for one in each if one.ratio is not None]
    return [
        "... the usual way" if case.is_usual else case.name,
        str(Spread([one.requests for one in each])),
        str(Spread([one.seconds for one in each], digits=digits)),
        str(Spread(ratios, digits=2)),
        str(Spread([one.processor for one in each], digits=digits)),
        str(Spread([one.statements for one in each])),
        str(Spread([one.rows for one in each])),
        str(Spread([one.bookkeeping for one in each])),
        str(Spread([one.peak for one in each])),
    ]


def _draw_beside(found: Found, seasons: int) -> Iterator[tuple[str, str]]:
    season, idle = found[Case(EMPTY)], found[Case(IDLE)]
    many = found[Case(name_many(seasons))]
    heavy, light = (Spread([one.start for one in each], digits=2) for each in (season, idle))
    yield "a process's start, seconds", f"{heavy} with FastF1 and pandas, {light} without"
    memory = Spread([one.grown for one in idle], digits=1)
    rows = Spread([one.grown_rows for one in idle])
    yield (
        f"after {idle[0].times:,} ticks with nothing due",
        f"{memory} MB more than after {idle[0].warm_up:,}, {rows} rows more",
    )
    first = Spread([one.first_peak for one in many if one.first_peak is not None])
    last = Spread([one.peak for one in many])
    yield f"peak memory of {seasons} seasons", f"{first} MB after the first, {last} MB after all"


def _mark(promise: Promise) -> str:
    if promise.is_kept:
        return "kept"
    return "SLOWER" if promise.may_break else "BROKEN"
