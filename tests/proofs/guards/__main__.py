"""Runs for each guard the smallest proof that should notice, with the guard and without it:
`python -m tests.proofs.guards`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from f1picks.environment import ROOT
from tests.proofs.guards import GUARDS, PYTEST, VARIABLE, Guard

WIDTH_OF_FILES = 110
# What a proof prints before each deviation.
DEVIATION = "deviation: "
# What pytest prints before what a test found.
FOUND = "E   "


@dataclass(frozen=True)
class Noticed:
    """What the proof said of a guard; `told` is its first deviation without it."""

    guard: Guard
    holds_with: bool
    fails_without: bool
    told: str

    @property
    def is_so(self) -> bool:
        return self.holds_with and self.fails_without


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.guards", description=__doc__)
    parser.add_argument("guards", nargs="*", metavar="GUARD", help="default: all of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="proofs at once")
    options = parser.parse_args()
    unknown = set(options.guards) - GUARDS.keys()
    if unknown:
        parser.error(f"no guard is called {', '.join(sorted(unknown))}; {', '.join(GUARDS)} are")
    chosen = [GUARDS[name] for name in options.guards or GUARDS]
    with ThreadPoolExecutor(options.jobs) as pool:
        noticed = list(pool.map(prove, chosen))
    return report(noticed)


def prove(guard: Guard) -> Noticed:
    proven = _run(guard.proof)
    ran = _run(guard.proof, without=guard.name)
    begins = FOUND if guard.proof[0] == PYTEST else DEVIATION
    deviations = [
        line.removeprefix(begins).strip()
        for line in ran.stdout.splitlines()
        if line.startswith(begins)
    ]
    return Noticed(
        guard,
        holds_with=proven.returncode == 0,
        fails_without=ran.returncode == 1 and bool(deviations),
        told=deviations[0] if deviations else _last_line(ran),
    )


def _run(proof: tuple[str, ...], *, without: str = "") -> subprocess.CompletedProcess[str]:
    name, *arguments = proof
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    if name == PYTEST:
        command = ["pytest", "-q", "-p", "tests.proofs.guards.of_tests", *arguments]
        environment |= {VARIABLE: without} if without else {}
    else:
        command = [f"tests.proofs.{name}", *arguments]
        command += ["--without", without] if without else []
    return subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def _last_line(ran: subprocess.CompletedProcess[str]) -> str:
    return (f"{ran.stdout}\n{ran.stderr}".strip().splitlines() or ["nothing"])[-1]


def report(noticed: Iterable[Noticed]) -> int:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    table = Table(title="Without a guard", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for column in ("guard", "what it does", "", "what goes wrong without it"):
        table.add_column(column, no_wrap=column in ("guard", ""))
    for one in noticed:
        name = "noticed" if one.is_so else "NOT NOTICED"
        told = one.told if one.holds_with else f"the proof fails with it too; without: {one.told}"
        table.add_row(one.guard.name, one.guard.what, name, told)
    console.print(table)
    return 0 if all(one.is_so for one in noticed) else 1


if __name__ == "__main__":
    sys.exit(main())
