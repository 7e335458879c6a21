"""Ingests of one season and of several at once, with ticks, a person and a scorer among them.

The end is the database of one run alone, plus the corrections; nobody hears of a lock, and the
scorer sees each change once.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.proofs import command
from tests.proofs.command import Findings, Place

if TYPE_CHECKING:
    from tests.proofs.crowd import Ended, Round
    from tests.proofs.databases import Databases

REPEATS = 5
# None of it may reach a person, whether on a stream or in the record of a run.
UNSPEAKABLE = ("Traceback", "is locked", "deadlock", "could not serialize", "an error of ours")
# What a person corrects while it is amended, so that either may have come first.
RACED = "2024 belgian-grand-prix race"


def main(arguments: Sequence[str]) -> int:
    parser = command.option_parser("concurrency", __doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of all rounds")
    return command.run("concurrency", parser.parse_args(arguments), prove, show)


def prove(options: argparse.Namespace, place: Place) -> Findings:
    from tests.proofs.crowd import build_rounds, crowd_stages
    from tests.proofs.databases import Databases
    from tests.proofs.stages import all_served

    databases = Databases(place.folder, place.server.url if place.server else "")
    stages = crowd_stages(datetime.now(UTC).replace(microsecond=0))
    with all_served(stages) as served, command.fastf1_at_hand(), databases.migrated() as empty:
        rounds = build_rounds(stages, served, place.folder / "cache")
        crowd = Crowd(rounds, empty, databases)
        for number in range(options.repeats):
            crowd.meet(place.folder / str(number), random.Random(f"{options.seed} {number}"))
            command.tell_progress(options.database, number + 1, options.repeats)
    return {
        "database": databases.kind,
        "rounds": crowd.rows(),
        "sum": crowd.describe(),
        "deviations": crowd.deviations,
    }


class Crowd:
    """Its rounds, again and again, and what was wrong after them."""

    def __init__(self, rounds: "Sequence[Round]", empty: str, databases: "Databases") -> None:
        self.rounds, self.databases, self.empty = rounds, databases, empty
        self.deviations: list[str] = []
        self.seconds = dict.fromkeys([one.name for one in rounds], 0.0)
        self.entries = dict.fromkeys(self.seconds, 0)
        self.runs: Counter[str] = Counter()
        self.repeats = self.seen = self.deadlocks = 0
        self.references = [self._work_alone(is_first) for is_first in (True, False)]

    def _work_alone(self, corrections_first: bool) -> dict[str, Any]:
        from tests.proofs.consistency import comparable_rows
        from tests.proofs.crowd import prepare, work_alone

        with self.databases.copied(self.empty):
            prepare()
            work_alone(self.rounds, self.databases.folder, corrections_first=corrections_first)
            return comparable_rows()

    def meet(self, folder: Path, luck: random.Random) -> None:
        from tests.proofs.crowd import feed_read, prepare

        folder.mkdir()
        self.repeats += 1
        with self.databases.copied(self.empty):
            prepare()
            with feed_read(folder):
                for round_ in self.rounds:
                    self._work_together(round_, folder, luck)
            found = [*self._compare(), *self._judge_readers(folder), *self._judge_server()]
        self.deviations += [f"repeat {self.repeats}: {deviation}" for deviation in found]

    def _work_together(self, round_: "Round", folder: Path, luck: random.Random) -> None:
        from ingestion.models import Change
        from tests.proofs.crowd import work_together

        known, begun = Change.objects.count(), time.monotonic()
        outputs = folder / round_.name
        outputs.mkdir()
        ends = work_together(round_, outputs, luck)
        self.seconds[round_.name] += time.monotonic() - begun
        self.entries[round_.name] += Change.objects.count() - known
        where = f"repeat {self.repeats}, {round_.name}"
        self.deviations += [f"{where}: {wrong}" for wrong in judge_processes(ends)]

    def _compare(self) -> Iterator[str]:
        from tests.proofs.consistency import comparable_rows, describe_difference, find_faults

        yield from find_faults()
        found = comparable_rows()
        expected = dict(self.references[0])
        if found[RACED] == self.references[1][RACED]:
            expected[RACED] = self.references[1][RACED]
        yield from describe_difference(expected, found)

    def _judge_readers(self, folder: Path) -> Iterator[str]:
        from ingestion.models import Change
        from tests.game import Cursor, Notice

        fed = list(Change.objects.order_by("pk").values_list("pk", flat=True))
        seen = json.loads((folder / "seen.json").read_text())
        self.seen += len(seen)
        if seen != fed:
            missed, extra = set(fed) - set(seen), len(seen) - len(set(seen))
            yield f"the reader missed {sorted(missed)} and saw {extra} entries twice"
        news = Change.objects.filter(kind__in=json.loads((folder / "news.json").read_text()))
        expected = list(news.exclude(cause="backfill").order_by("pk").values_list("pk", flat=True))
        noticed = list(Notice.objects.order_by("pk").values_list("change_id", flat=True))
        if noticed != expected:
            yield f"the scorer noticed {noticed}, and there were {expected}"
        if Cursor.objects.get().position != max(fed):
            yield "the scorer did not come to the feed's end"

    def _judge_server(self) -> Iterator[str]:
        """What runs say of themselves, and the server of its sessions."""
        from django.db import connection

        from ingestion.models import IngestRun

        for run in IngestRun.objects.order_by("pk"):
            self.runs[run.trigger] += 1
            words = " ".join(map(str, [*run.problem_list, *run.note_list]))
            if run.outcome != IngestRun.Outcome.OK or _unspeakable(words):
                yield f"a run ({run.trigger}) ended as {run.outcome}: {words}"
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            )
            deadlocks = cursor.fetchone()[0]
        self.deadlocks += deadlocks
        if deadlocks:
            yield f"{deadlocks} deadlocks"

    def describe(self) -> str:
        runs = ", ".join(f"{number} by {trigger}" for trigger, number in sorted(self.runs.items()))
        read = f"{self.seen} of {sum(self.entries.values())} changes read as they came"
        is_server = self.databases.kind == "PostgreSQL"
        deadlocks = f"; {self.deadlocks} deadlocks" if is_server else ""
        return f"runs {runs}; {read}{deadlocks}"

    def rows(self) -> list[list[str]]:
        return [
            [
                round_.name,
                str(self.repeats * len(round_.ingests)),
                str(self.repeats * len(round_.ticks)),
                str(self.repeats * len(round_.corrections)),
                str(self.entries[round_.name]),
                f"{self.seconds[round_.name]:.0f}",
            ]
            for round_ in self.rounds
        ]


def judge_processes(ends: "dict[str, Ended]") -> Iterator[str]:
    for name, ended in ends.items():
        if ended.code:
            yield f"{name} ended with {ended.code}: {ended.output[-300:]}"
        elif said := _unspeakable(ended.output):
            yield f"{name} said: {said}"


def _unspeakable(text: str) -> str:
    """The first line that nobody should have to read."""
    lines = (line for line in text.splitlines() if any(word in line for word in UNSPEAKABLE))
    return next(lines, "")


def show(findings: Sequence[Findings]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = ("Database", "Round", "ingests", "tickers", "corrections", "changes", "seconds")
    table = Table(*columns, box=None)
    for found in findings:
        for row in found.get("rounds", []):
            table.add_row(found["database"], *row)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    console.print(table)
    for found in findings:
        if "sum" in found:
            console.print(f"{found['database']}: {found['sum']}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
