"""Bring events and results of Formula 1 seasons into the database."""

import json
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone
from rich.table import Table

from ingestion.errors import WrongRequest
from ingestion.management.databases import explain_database
from ingestion.management.documented import DocumentedCommand
from ingestion.management.progress import progress_shown
from ingestion.management.tables import open_console
from ingestion.pipeline import (
    Addresses,
    IngestRequest,
    configured_addresses,
    configured_rules,
    current_season,
    ingest,
)
from ingestion.report import GrandPrixLine, Problem, RunReport, SeasonLine
from ingestion.sample.season import load_season
from ingestion.sample.upstream import StandInUpstream

SAMPLE_SEASON = 2024
FIRST_SEASON = 1950
LARGEST_ROUND = 99

EXIT_CODES = {"ok": 0, "failed": 1, "partial": 3}
WRONG_USAGE = 2

HELP = """\
Fetch the schedule and the results of Formula 1 seasons through FastF1 and save what is new.

Every qualifying, sprint qualifying, sprint and race becomes an event; each session that is over
gets its classification. Running it again is always safe: the same facts again change nothing.

Of a range, seasons that are over are asked for what they lack alone. It may take hours, since the
upstreams are asked for so much an hour: stop it at any time, and run it again to go on.
"""

EPILOG = """\
examples:
  manage.py ingest_f1                       the current season
  manage.py ingest_f1 --year 2021-2024      four seasons, oldest first
  manage.py ingest_f1 --year 1950-2026 --wait
                                            all of them, waiting where it has to
  manage.py ingest_f1 --year 2024 --round 14 --skip-schedule
                                            the results of one grand prix
  manage.py ingest_f1 --year 2024 --dry-run what would change; writes nothing
  manage.py ingest_f1 --sample              the 2024 season without internet, for a first look

exit codes:
  0  all well, results that are not out yet included
  1  nothing could be done
  2  wrong usage
  3  part of it failed or was postponed; the rest is saved, run it again
  130  interrupted; what was saved stays, run it again
"""


class Command(DocumentedCommand):
    help = HELP
    epilog = EPILOG
    # The database took the run's record.
    _has_begun = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--year", help="a season or a range, e.g. 2024 or 2021-2024; default: the current one"
        )
        parser.add_argument("--round", help="results of this round of the season alone")
        parser.add_argument("--skip-schedule", action="store_true", help="do not ask for events")
        parser.add_argument("--skip-results", action="store_true", help="do not ask for results")
        parser.add_argument(
            "--refresh", action="store_true", help="ask for everything again, past the caches"
        )
        parser.add_argument(
            "--wait", action="store_true", help="where asking is not allowed now, wait and go on"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change and write nothing"
        )
        parser.add_argument(
            "--sample",
            action="store_true",
            help=f"the {SAMPLE_SEASON} season from facts shipped with the app, without internet",
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="of the report on stdout"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        seasons = self._read_usage(options)
        try:
            with sigterm_interrupts(), addresses_of(sample=options["sample"]) as addresses:
                report = self._ingest(seasons, addresses, options)
        except WrongRequest as error:
            raise CommandError(f"{error}. Nothing was changed.", returncode=WRONG_USAGE) from error
        except DatabaseError as error:
            raise CommandError(explain_database(error, has_begun=self._has_begun)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "interrupted; what was saved before stays, run it again to go on", returncode=130
            ) from None
        if options["format"] == "json":
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
        elif report.outcome != "failed":
            self._print_report(report)
        if report.outcome != "ok":
            raise CommandError(explain_outcome(report), returncode=EXIT_CODES[report.outcome])

    def _read_usage(self, options: dict[str, Any]) -> tuple[int, ...]:
        """The seasons asked for, () for the current one; wrong usage ends here, unasked."""
        try:
            seasons = read_years(options["year"], latest=timezone.now().year + 1)
            options["round"] = read_round(options["round"], seasons)
        except ValueError as error:
            raise CommandError(f"{error}. Nothing was changed.", returncode=WRONG_USAGE) from error
        if options["skip_schedule"] and options["skip_results"]:
            raise CommandError(
                "--skip-schedule and --skip-results together leave nothing to do. "
                "Nothing was changed.",
                returncode=WRONG_USAGE,
            )
        if not options["sample"]:
            return seasons
        if seasons not in ((), (SAMPLE_SEASON,)):
            raise CommandError(
                f"--sample is the season {SAMPLE_SEASON}, leave --year out. Nothing was changed.",
                returncode=WRONG_USAGE,
            )
        return (SAMPLE_SEASON,)

    def _ingest(
        self, seasons: tuple[int, ...], addresses: Addresses, options: dict[str, Any]
    ) -> RunReport:
        is_range = len(seasons) > 1
        request = IngestRequest(
            seasons=seasons or (current_season(timezone.now()),),
            addresses=addresses,
            fills_gaps=is_range and not options["refresh"],
            waits=options["wait"],
            round_number=options["round"],
            with_schedule=not options["skip_schedule"],
            with_results=not options["skip_results"],
            refresh=options["refresh"],
            dry_run=options["dry_run"],
            sample=options["sample"],
            rules=configured_rules(),
        )
        is_text = options["format"] == "text"
        with progress_shown(is_wanted=is_text, is_range=is_range) as display:

            def listen(step: str, *, done: int, total: int) -> None:
                self._has_begun = True
                display.listen(step, done=done, total=total)

            def tell(line: SeasonLine) -> None:
                if is_text:
                    display.write(self._write_now, str(line))

            return ingest(request, clock=timezone.now, listen=listen, tell=tell)

    def _write_now(self, line: str) -> None:
        """Where the result goes to a file, its reader need not wait for the end."""
        self.stdout.write(line)
        self.stdout.flush()

    def _print_report(self, report: RunReport) -> None:
        console = open_console(self.stdout)
        for season, lines in report.lines.items():
            if lines:
                console.print(season_table(season, lines, dry_run=report.dry_run))
        for problem in report.problems:
            self.stdout.write(f"problem: {problem}")
        for note in report.notes:
            self.stdout.write(f"note: {note}")
        self.stdout.write(report.as_words())
        if report.dry_run:
            self.stdout.write("This was a dry run: nothing was written.")


def read_years(text: str | None, *, latest: int) -> tuple[int, ...]:
    """'2024' or '2021-2024' as seasons in order; raises ValueError for anything else."""
    if text is None:
        return ()
    first, dash, last = text.partition("-")
    ends = (first, last if dash else first)
    if not all(end.isascii() and end.isdigit() and len(end) == 4 for end in ends):
        raise ValueError(f"--year takes a year or a range like 2021-2024, not '{text}'")
    start, stop = map(int, ends)
    if start > stop:
        raise ValueError(f"--year takes the earlier year first, not '{text}'")
    if start < FIRST_SEASON or stop > latest:
        raise ValueError(f"--year takes seasons from {FIRST_SEASON} to {latest}, not '{text}'")
    return tuple(range(start, stop + 1))


def read_round(text: str | None, seasons: tuple[int, ...]) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LARGEST_ROUND):
        raise ValueError(f"--round takes the number of a round, not '{text}'")
    if len(seasons) > 1:
        raise ValueError("--round takes a single --year beside it")
    return int(text)


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Whoever stops the process (systemd, Docker, a deployment) is heard as Ctrl-C is: the run's
    record says so. A signal is received by a main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def addresses_of(*, sample: bool) -> Iterator[Addresses]:
    """The configured upstreams, or the stand-in on loopback with a cache folder of its own."""
    if not sample:
        yield configured_addresses()
        return
    with (
        tempfile.TemporaryDirectory(prefix="f1-sample-") as folder,
        StandInUpstream({SAMPLE_SEASON: load_season(SAMPLE_SEASON)}) as upstream,
    ):
        yield Addresses(
            cache_dir=Path(folder),
            schedule_url=upstream.schedule_url,
            jolpica_url=upstream.jolpica_url,
        )


def season_table(season: int, lines: list[GrandPrixLine], *, dry_run: bool) -> Table:
    title = f"Formula 1 {season}" + (" (dry run)" if dry_run else "")
    # Fits a terminal of 80 columns; what changed may take a second line there.
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("Rd", justify="right")
    for column in ("Grand Prix", "Race", "Pole", "P1", "P2", "P3"):
        table.add_column(column, no_wrap=True)
    table.add_column("This run")
    for line in lines:
        table.add_row(*cells(line))
    return table


def cells(line: GrandPrixLine) -> list[str]:
    return [
        "" if line.round_number is None else str(line.round_number),
        line.name + (" (cancelled)" if line.is_cancelled else ""),
        "" if line.race_date is None else f"{line.race_date:%d %b}",
        line.pole,
        *[*line.podium, "", "", ""][:3],
        line.changes,
    ]


def explain_outcome(report: RunReport) -> str:
    """One line: what happened, what it means for the data, what to do next."""
    first, others = report.problems[0], len(report.problems) - 1
    what = str(first) + (f" (and {others} more)" if others else "")
    if report.outcome == "failed":
        return f"{what}. Nothing was changed. {advice(first)}"
    return f"{what}. The rest is saved. {advice(first)}"


def advice(problem: Problem) -> str:
    return f"{problem.advice or 'Run it again'}."
