"""The fault matrix: `python -m tests.proofs.faults`.

Every fault of an upstream at every place of the flow, on an empty and on a filled database. After
each, what was in the database stays, what could be saved is saved, exit code, message and the run's
record say what happened, and the next healthy run ends as if there had been no fault.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import django
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests import postgres
from tests.proofs.guards import GUARDS, leave_out, take_out_named

if TYPE_CHECKING:
    from tests.proofs.faults.catalogue import Cell
    from tests.proofs.faults.matrix import Verdict
    from tests.proofs.faults.places import Place

WIDTH_OF_FILES = 110

LEGEND = """\
all         saved as if there were no fault
rest        that answer is lost, the others are saved; sprint qualifyings may wait (exit 3)
2nd, file   one calendar is lost, the other was used alone (exit 3)
none        nothing was changed (exit 1)
later       too many requests: it and what comes after it is left for later (exit 3)
aside       one classification, or an old answer, was left aside; everything else is saved
not yet     no rows: what is saved stays
guess       no sprint qualifying: the pole by the sprint's grid, which the next run replaces
pages       Jolpica's dump cannot be read: the seasons come by pages, and a note says why
part        the same of one kind of session; what else the season has comes from the dump
note        the second source's alone: everything else is saved, and a note says why
held        a settled podium or pole: proposed to a person, not applied (exit 3)
shut        a start moved later: picks that had closed stay closed
believed    nothing better is known on an empty database; the next run puts it right
"""


def main() -> int:
    options = read_options()
    if options.without:
        leave_out(options.without)
    if options.database == "postgresql" and not os.environ.get("TEST_DATABASE_URL"):
        return postgres.main([sys.executable, "-m", "tests.proofs.faults", *sys.argv[1:]])
    if options.database == "sqlite":
        os.environ.pop("TEST_DATABASE_URL", None)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    take_out_named()
    postgres.leave_on_sigterm()
    return prove(options.only, options.jobs)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.faults", description=__doc__)
    parser.add_argument(
        "--database",
        choices=["sqlite", "postgresql"],
        help="default: the one that TEST_DATABASE_URL names, else SQLite",
    )
    parser.add_argument("--only", default="", help="cells with this in 'fault / place / database'")
    parser.add_argument("--without", choices=list(GUARDS), help="take a guard of the product out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args()


def prove(only: str, jobs: int) -> int:
    # Django is set up by now, and not when this module is imported.
    from tests.proofs.faults.catalogue import find_cells
    from tests.proofs.faults.matrix import bench_set_up, judge_undisturbed, run_cells

    began = time.monotonic()
    cells = find_cells(only)
    if not cells:
        sys.stderr.write(f"no cell has {only!r} in its name\n")
        return 2
    waiting = Console(file=sys.stderr)
    with bench_set_up(cells) as bench:
        told = track(
            run_cells(cells, bench, jobs=jobs),
            "faults",
            total=len(cells),
            console=waiting,
            transient=True,
            disable=not waiting.is_terminal,
        )
        verdicts = list(told)
        undisturbed = list(judge_undisturbed(bench))
    words = {
        cell: "DEVIATES" if verdict.deviations else verdict.word
        for cell, verdict in zip(cells, verdicts, strict=True)
    }
    return report([*undisturbed, *verdicts], words, seconds=time.monotonic() - began)


def report(verdicts: Sequence["Verdict"], words: Mapping["Cell", str], *, seconds: float) -> int:
    from tests.proofs.faults.places import DRIVERS, DUMP, NEWER, PLACES, SECOND

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    usual = (*PLACES, SECOND)
    for places in (usual, (*NEWER, DUMP, DRIVERS)):
        for is_filled, name in ((False, "an empty database"), (True, "a filled database")):
            chosen = {
                cell: word
                for cell, word in words.items()
                if cell.is_filled == is_filled and cell.place in places
            }
            if chosen:
                console.print(draw_table(name, places, chosen))
                console.print()
    console.print(LEGEND)
    deviating = [verdict for verdict in verdicts if verdict.deviations]
    for verdict in deviating:
        for deviation in verdict.deviations:
            told = f"deviation: {verdict.cell}: {deviation}"
            console.print(told, soft_wrap=True, markup=False)
    console.print(f"{len(words)} cases, {len(deviating)} that deviate, {seconds:.0f} s")
    return 1 if deviating else 0


def draw_table(name: str, places: "Sequence[Place]", words: Mapping["Cell", str]) -> Table:
    table = Table(title=f"Faults on {name}", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for column in ("fault", *(place.name for place in places)):
        table.add_column(column, no_wrap=True)
    for fault in dict.fromkeys(cell.fault.name for cell in words):
        told = {cell.place: word for cell, word in words.items() if cell.fault.name == fault}
        table.add_row(fault, *(told.get(place, "-") for place in places))
    return table


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
