"""The report of an ingest for people: a season's table or one round's, problems, the totals."""

import re
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingestion.amendments import surname_of
from ingestion.management.output import as_text, print_line
from ingestion.report import GrandPrixLine, RunReport

# Where the feed's own name of a change is not the plainest; the first that a run made is the one
# that a narrow table has room for.
NAMES = {"rescheduled": "moved", "scheduled": "new", "published": "results"}
MOST_NOTABLE = (
    *("proposed", "disputed", "amended", "cancelled", "reinstated", "rescheduled"),
    *("scheduled", "published"),
)
STYLES = {
    "proposed": "bold red",
    "disputed": "bold red",
    "amended": "yellow",
    "cancelled": "red",
    "rescheduled": "yellow",
}
# 'Emilia Romagna'.
LONGEST_NAME = 14
# Columns that leave room for all of a run's changes.
ROOMY = 100
# What a report prints below its table, and the prompt.
LINES_BELOW = 5
MOST_ENTRIES = 10


def print_report(report: RunReport, console: Console) -> None:
    for season, lines in report.lines.items():
        mark = " (dry run)" if report.dry_run else ""
        chosen = [line for line in lines if line.sessions]
        for line in chosen:
            print_round(console, f"Formula 1 {season}{mark}", line)
        if lines and not chosen:
            print_line(console, f"Formula 1 {season}{mark}", "bold")
            console.print(season_table(lines, console))
    for problem in report.problems:
        print_line(console, f"problem: {problem}", "red")
    for note in report.notes:
        print_line(console, f"note: {note}", "dim")
    totals = report.as_text()
    if console.is_terminal and len(totals) > console.width:
        totals = totals.replace("; classifications", ";\nclassifications")
    print_line(console, totals, "bold")


def season_table(lines: list[GrandPrixLine], console: Console) -> Table:
    """One line a grand prix on a terminal of 80 columns. Where it is taller than the terminal, its
    head is below it too, and in sight."""
    is_tall = console.is_terminal and len(lines) + LINES_BELOW > console.height
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_footer=is_tall)
    styles = ("dim", "", "dim", "cyan", "bold", "", "", "")
    heads = ("Rd", "Grand Prix", "Race", "Pole", "P1", "P2", "P3", "This run")
    for head, style in zip(heads, styles, strict=True):
        table.add_column(
            head,
            head,
            style=style,
            no_wrap=True,
            justify="right" if head == "Rd" else "left",
            # What has to give where names are long is the drivers' columns.
            min_width=LONGEST_NAME if head == "Grand Prix" else None,
        )
    for line in lines:
        table.add_row(
            as_text("" if line.round_number is None else str(line.round_number)),
            as_text(line.name),
            as_text("" if line.race_date is None else f"{line.race_date:%d %b}"),
            as_text("cancelled", "red") if line.is_cancelled else as_text(line.pole),
            *(as_text(name) for name in [*line.podium, "", "", ""][:3]),
            describe_changes(line.changes, is_short=console.width < ROOMY),
        )
    return table


def describe_changes(changes: Mapping[str, int], *, is_short: bool = False) -> Text:
    """'4 new, 4 results'; where there is little room 'new', or 'amended +1' with another kind."""
    kinds = sorted(changes, key=[*MOST_NOTABLE, *changes].index)
    if not kinds:
        return Text()
    style = STYLES.get(kinds[0], "green")
    if not is_short:
        counts = [f"{changes[kind]} {NAMES.get(kind, kind)}" for kind in kinds]
        return as_text(", ".join(counts), style)
    others = len({*kinds[1:]} - {"scheduled", "published"})
    return as_text(NAMES.get(kinds[0], kinds[0]) + (f" +{others}" if others else ""), style)


def print_round(console: Console, heading: str, line: GrandPrixLine) -> None:
    """The sessions of one grand prix, and the first ten of the last that has a classification."""
    print_line(console, f"{heading}, round {line.round_number}: {line.name}", "bold")
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for head, style in zip(
        ("Session", "Start (UTC)", "State", "First", "Second", "Third"),
        ("", "dim", "cyan", "bold", "", ""),
        strict=True,
    ):
        table.add_column(head, no_wrap=True, style=style)
    for session in line.sessions:
        start = session.starts_at
        surnames = [surname_of(entry.driver) for entry in session.entries]
        table.add_row(
            session.name,
            "" if start is None else f"{start:%a %d %b %H:%M}",
            session.state,
            *map(as_text, [*surnames, "", "", ""][:3]),
        )
    console.print(table)
    last = next((one for one in reversed(line.sessions) if one.entries), None)
    if last is not None:
        print_line(console, f"\n{last.name}", "bold")
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
        for justify in ("right", "left", "left", "right"):
            table.add_column(no_wrap=True, justify=justify)
        for entry in last.entries[:MOST_ENTRIES]:
            cells = entry.place, entry.driver, entry.constructor, entry.time
            table.add_row(*map(as_text, cells))
        console.print(table)
        if len(last.entries) > MOST_ENTRIES:
            print_line(console, f"and {len(last.entries) - MOST_ENTRIES} more", "dim")
    if line.changes:
        console.print(as_text("This run: ").append_text(describe_changes(line.changes)))


def find_next_command(report: RunReport) -> str:
    """What to run after it: to look at the last race of the table, or at the whole."""
    for season, lines in report.lines.items():
        chosen = [line for line in lines if line.sessions] or lines
        held = [line for line in chosen if line.podium]
        # Only a name that a shell takes without quotes.
        if held and not report.dry_run and re.fullmatch(r"[\w .-]+", held[-1].name):
            return f"f1_explain {season} {held[-1].name.lower()} race"
    if report.dry_run and len(report.seasons) == 1:
        return f"ingest_f1 --year {report.seasons[0]}"
    return "f1_status"
