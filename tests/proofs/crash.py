"""Kills, stops, full disks, refusals and damaged caches in the middle of ingests and of a worker.

After each the database has to be consistent, and the next run to end with the same content as a
run that was never disturbed.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from tests.proofs import command
from tests.proofs.command import Findings, Place

if TYPE_CHECKING:
    from tests.proofs.databases import Databases
    from tests.proofs.disasters import Outcome
    from tests.proofs.kills import Killed, Undisturbed
    from tests.proofs.stages import Served, Stage
    from tests.proofs.workers import Struck

KILLS, ROUNDS = 200, 2
PARTS = ("kills", "workers", "disasters")
# The command goes by the real clock, and so do the stages that it is run at.
AMENDED = "amended backfill"
OF_TODAY = ("backfill", AMENDED, "archive")


def main(arguments: Sequence[str]) -> int:
    parser = command.option_parser("crash", __doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=KILLS, help="of each database")
    parser.add_argument("--only", choices=PARTS, help="default: all of them")
    parser.add_argument("--process", help="of a worker, one alone: worker, monitor, ...")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each process of a worker")
    return command.run("crash", parser.parse_args(arguments), prove, show)


def prove(options: argparse.Namespace, place: Place) -> Findings:
    from tests.proofs.databases import Databases
    from tests.proofs.kills import Killed, kill_many
    from tests.proofs.stages import all_served, build_stages
    from tests.proofs.workers import strike_workers

    luck = random.Random(options.seed)
    databases = Databases(place.folder, place.server.url if place.server else "")
    stages = build_stages(datetime.now(UTC).replace(microsecond=0))
    killed, outcomes, struck = Killed(), [], []
    with all_served(stages) as served, command.fastf1_at_hand(), ExitStack() as stack:
        at = {stage.name: one for stage, one in zip(stages, served, strict=True)}
        runs = measure_all(stages, at, databases, stack)
        if options.only in (None, "kills"):
            killed = kill_many(runs, options.kills, luck, databases, _teller(options))
        if options.only in (None, "workers"):
            backfill = next(run for run in runs if run.stage.name == AMENDED)
            struck = strike_workers(
                backfill, options.rounds, luck, databases, place.server, only=options.process
            )
        if options.only in (None, "disasters"):
            outcomes = list(strike(runs, luck, databases, place))
    return {
        "database": databases.kind,
        "kills": [_count_kills(killed, run) for run in runs] if killed.kills else [],
        "workers": [_count_struck(one) for one in struck],
        "disasters": [_count_outcome(outcome) for outcome in outcomes],
        "deviations": [
            *killed.deviations,
            *(one for each in struck for one in each.deviations),
            *(one for each in outcomes for one in each.deviations),
        ],
    }


def measure_all(
    stages: "Sequence[Stage]",
    served: "dict[str, Served]",
    databases: "Databases",
    stack: ExitStack,
) -> "list[Undisturbed]":
    """Each stage undisturbed, on a database in which what it follows was saved."""
    from tests.proofs.databases import fill
    from tests.proofs.kills import measure, run_stage

    empty = stack.enter_context(databases.migrated())
    runs = []
    for stage in stages:
        template = empty
        if stage.follows is not None:
            template = stack.enter_context(databases.copied(empty))
            folder, before = databases.folder, stage.follows
            work = partial(run_stage, before, served[before.name], folder / "cache")
            fill(work, folder / "output")
        runs.append(measure(stage, served[stage.name], template, databases))
    return runs


def strike(
    runs: "Sequence[Undisturbed]", luck: random.Random, databases: "Databases", place: Place
) -> "Iterator[Outcome]":
    from tests.proofs import disasters

    todays = [run for run in runs if run.stage.name in OF_TODAY]
    by_pages = [run for run in todays if not run.stage.earlier]
    if place.server is not None:
        yield from disasters.stop_server(todays, luck, databases, place.server)
    else:
        yield disasters.fill_database_disk(todays, databases)
    yield from disasters.refuse(todays, luck, databases)
    yield disasters.fill_cache_disk(by_pages, databases)
    yield disasters.fill_dump_disk(next(run for run in todays if run.stage.earlier), databases)
    yield disasters.damage_cache(by_pages, databases)


def _teller(options: argparse.Namespace) -> "command.Teller":
    return lambda done: command.tell_progress(options.database, done, options.kills)


def _count_kills(killed: "Killed", run: "Undisturbed") -> list[str]:
    from tests.proofs.kills import Phase

    name = run.stage.name
    hits = [str(killed.count(name, phase)) for phase in Phase]
    return [name, str(killed.count(name)), *hits]


def _count_struck(struck: "Struck") -> list[str]:
    counts = (struck.rounds, struck.restarts, f"{struck.slowest:.0f} s", len(struck.deviations))
    return [struck.name, *map(str, counts)]


def _count_outcome(outcome: "Outcome") -> Findings:
    codes = Counter(outcome.codes)
    told = ", ".join(f"{times} x {code}" for code, times in sorted(codes.items()))
    return {
        "name": outcome.name,
        "runs": len(outcome.codes),
        "codes": told,
        "messages": sorted(outcome.messages),
        "deviations": len(outcome.deviations),
    }


def show(findings: Sequence[Findings]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    kills = Table("Database", "Stage", "Kills", "before", "inside", "after a transaction", box=None)
    workers = Table(
        *("Database", "Of a worker", "Rounds", "started anew", "longest", "deviations"), box=None
    )
    disasters = Table("Database", "Disaster", "Runs", "exit codes", "deviations", box=None)
    for found in findings:
        for row in found.get("kills", []):
            kills.add_row(found["database"], *row)
        for row in found.get("workers", []):
            workers.add_row(found["database"], *row)
        for row in found.get("disasters", []):
            told = (row["name"], str(row["runs"]), row["codes"], str(row["deviations"]))
            disasters.add_row(found["database"], *told)
    for table in (kills, workers, disasters):
        if table.row_count:
            console.print(table)
    for message in sorted({text for found in findings for text in _messages(found)}):
        console.print(f"said: {message}", markup=False)


def _messages(found: Findings) -> Iterator[str]:
    for row in found.get("disasters", []):
        yield from row["messages"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
