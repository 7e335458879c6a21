"""Bring events and results of Formula 1 seasons into the database."""

import json
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from ingestion.database_failures import connect_database
from ingestion.errors import WrongRequest, show_control_characters
from ingestion.management.output import (
    BAR_WIDTH,
    EXIT_CODES,
    WRONG_USAGE,
    F1Command,
    open_console,
    print_line,
    show_progress,
)
from ingestion.management.report_tables import find_next_command, print_report
from ingestion.pipeline import (
    Calendars,
    IngestRequest,
    Mode,
    SourceConfig,
    audit,
    configured_rules,
    configured_sources,
    current_season,
    ingest,
    look_for_next_season,
    may_be_absent,
)
from ingestion.queue.tasks import ignore_progress
from ingestion.report import RunReport, SeasonLine
from ingestion.sample.database import FILE_NAME, sample_database
from ingestion.sample.season import load_season
from ingestion.sample.upstream import StandInUpstream

SAMPLE_SEASON = 2024
FIRST_SEASON = 1950
LARGEST_ROUND = 99

SAMPLE_SAVED = f"Saved in {FILE_NAME} here; the configured database was not touched."

INTERRUPTED = 130
# The bar is narrow beside a step of a range, which says more.
BAR_WIDTH_OF_RANGE = 8

HELP = """\
Fetch the schedule and the results of Formula 1 seasons through FastF1 and save
what is new.

Every qualifying, sprint qualifying, sprint and race becomes an event; each
session that is over gets its classification. Running it again is always safe:
the same facts again change nothing.

Of a range, only what is missing is fetched for seasons that are over: from
Jolpica's dump, which is one file, where it has them. What it lacks may take
hours, since the upstreams limit the requests in an hour: stop it at any time,
and run it again to continue.
"""

EPILOG = """\
examples:
  manage.py ingest_f1                        the current season
  manage.py ingest_f1 --year 2021-2024       four seasons, oldest first
  manage.py ingest_f1 --year 1950-2026 --wait
                                             all; waits when rate-limited
  manage.py ingest_f1 --year 2024 --round 14 --skip-schedule
                                             the results of one grand prix
  manage.py ingest_f1 --year 2024 --dry-run  what would change; writes nothing
  manage.py ingest_f1 --sample               2024 without internet, for a first
                                             look, in a database of its own

exit codes:
  0  all well, results that are not out yet included
  1  nothing could be done
  2  wrong usage
  3  part of it failed or was postponed; the rest is saved, run it again
  130  interrupted; what was saved stays, run it again
"""


class Command(F1Command):
    help = HELP
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--year", help="a season or a range, e.g. 2024 or 2021-2024; default: the current one"
        )
        parser.add_argument("--round", help="only the results of this round of the season")
        parser.add_argument("--skip-schedule", action="store_true", help="leave events as they are")
        parser.add_argument("--skip-results", action="store_true", help="leave results as they are")
        parser.add_argument(
            "--refresh", action="store_true", help="fetch everything again, past the caches"
        )
        parser.add_argument(
            "--wait", action="store_true", help="wait when rate-limited, then continue"
        )
        parser.add_argument(
            "--audit",
            action="store_true",
            help="compare what is stored of past seasons with Jolpica's dump; writes nothing, and "
            "ends with 3 where something differs",
        )
        parser.add_argument(
            "--no-dump",
            action="store_true",
            help="fetch seasons of a range that are over page by page, not from Jolpica's dump",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change and write nothing"
        )
        parser.add_argument(
            "--sample",
            action="store_true",
            help=f"the {SAMPLE_SEASON} season from facts shipped with the app, without internet, "
            f"into {FILE_NAME} in the current folder",
        )
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="of the report on stdout"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        seasons = self._read_usage(options)
        if options["audit"]:
            self._audit(seasons, as_json=options["format"] == "json")
            return
        try:
            with sigterm_interrupts(), sources_of(sample=options["sample"]) as config:
                report = self._ingest(seasons, config, options)
        except WrongRequest as error:
            raise CommandError(f"{error}. Nothing was changed.", returncode=WRONG_USAGE) from error
        except KeyboardInterrupt:
            raise CommandError(
                "interrupted; what was saved before stays, run it again to continue",
                returncode=INTERRUPTED,
            ) from None
        if options["format"] == "json":
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
        elif report.outcome != "failed":
            self._print_report(report, sample=options["sample"])
        if report.outcome != "ok":
            first, others = report.problems[0], len(report.problems) - 1
            what = str(first) + (f" (and {others} more)" if others else "")
            data = "Nothing was changed" if report.outcome == "failed" else "The rest is saved"
            raise CommandError(
                f"{what}. {data}. {first.advice or 'Run it again'}.",
                returncode=EXIT_CODES[report.outcome],
            )

    def _audit(self, seasons: tuple[int, ...], *, as_json: bool) -> None:
        connect_database()
        with sigterm_interrupts(), show_progress(is_on=not as_json) as bar:
            report = audit(
                configured_sources(), seasons=seasons, clock=timezone.now, show_step=bar.update
            )
        differences = [show_control_characters(str(one)) for one in report.differences]
        notes = [show_control_characters(note) for note in report.notes]
        made_at = "" if report.made_at is None else report.made_at.isoformat()
        if as_json:
            document = {
                "dump_made_at": made_at,
                "seasons": report.seasons,
                "compared": report.compared,
                "requests": report.requests,
                "differences": differences,
                "notes": notes,
            }
            self.stdout.write(json.dumps(document, indent=2))
        else:
            for line in (*differences, *(f"note: {note}" for note in notes)):
                self.stdout.write(line)
        if report.made_at is None:
            what = "Jolpica's dump cannot be used, nothing was compared. Nothing was changed. "
            what += "Check the network, and JOLPICA_DUMP_URL where it is set."
            if not report.seasons_stored:
                what = "No past season is stored, nothing was compared. Nothing was changed. "
                what += "Ingest one first: manage.py ingest_f1 --year 2023."
            raise CommandError(what, returncode=EXIT_CODES["failed"])
        if not as_json:
            self.stdout.write(
                f"{report.compared} classifications of {len(report.seasons)} seasons compared with "
                f"Jolpica's dump of {report.made_at:%Y-%m-%d}: {len(differences)} differ"
            )
        if differences:
            raise CommandError(
                f"{len(differences)} classifications differ from Jolpica's dump. Nothing was "
                "changed. Look at the events' pages in the admin; a settled podium or pole becomes "
                "a proposal by the worker's weekly audit.",
                returncode=EXIT_CODES["partial"],
            )

    def _read_usage(self, options: dict[str, Any]) -> tuple[int, ...]:
        """The requested seasons, () for the current one; wrong usage ends here, with no request."""
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
        self, seasons: tuple[int, ...], config: SourceConfig, options: dict[str, Any]
    ) -> RunReport:
        # Before any request: the answer could not be saved.
        connect_database()
        if options["no_dump"]:
            config = replace(config, jolpica_dump_url="off")
        is_range = len(seasons) > 1
        mode = Mode.FILL if is_range else Mode.UPDATE
        current = current_season(timezone.now())
        look = None
        # Without a bar: it is over at once.
        if not (seasons or options["skip_schedule"] or options["dry_run"]):
            look = look_for_next_season(
                current,
                config=config,
                rules=configured_rules(),
                clock=timezone.now,
                show_step=ignore_progress,
                trigger="command",
            )
        now = timezone.now()
        # With an empty database in December the year's own season is still the current one.
        if current < now.year:
            current = current_season(now)
        request = IngestRequest(
            seasons=seasons or (current,),
            config=config,
            may_be_absent=not seasons and may_be_absent(current, now),
            mode=Mode.REFRESH if options["refresh"] else mode,
            waits=options["wait"],
            round_number=options["round"],
            calendars=Calendars.NONE if options["skip_schedule"] else Calendars.ALL,
            with_results=not options["skip_results"],
            dry_run=options["dry_run"],
            sample=options["sample"],
            rules=configured_rules(),
        )
        is_text = options["format"] == "text"
        bar_width = BAR_WIDTH_OF_RANGE if is_range else BAR_WIDTH
        keeps_log = options["verbosity"] > 1
        with show_progress(is_on=is_text, keeps_log=keeps_log, bar_width=bar_width) as bar:

            def show_step(step: str, *, done: int, total: int) -> None:
                # The database took the run's record.
                self.has_begun = True
                bar.update(step, done=done, total=total)

            def print_season(line: SeasonLine) -> None:
                self.has_saved |= line.was_requested and not request.dry_run
                if is_text:
                    with bar.out_of_the_way():
                        self.stdout.write(show_control_characters(str(line)))
                        # Where the result goes to a file, its reader need not wait for the end.
                        self.stdout.flush()

            report = ingest(
                request, clock=timezone.now, show_step=show_step, show_line=print_season
            )
        if look is not None:
            report.add(look)
            report.requests += look.requests
            report.done += look.done
        return report

    def _print_report(self, report: RunReport, *, sample: bool) -> None:
        console = open_console(self.stdout)
        print_report(report, console)
        if report.dry_run:
            print_line(console, "This was a dry run: nothing was written.")
        database = ""
        if sample:
            print_line(console, SAMPLE_SAVED)
            # A relative path is one from the project's folder.
            at_home = getattr(settings, "BASE_DIR", None) == Path.cwd()
            path = Path(FILE_NAME) if at_home else Path.cwd() / FILE_NAME
            database = f"DATABASE_URL=sqlite:///{path} "
        if sample or (console.is_terminal and report.outcome == "ok"):
            # In one line however narrow the terminal is: it is to be copied.
            python = Path(sys.executable)
            is_here = python.is_relative_to(Path.cwd())
            program = str(python.relative_to(Path.cwd())) if is_here else "python"
            self.stdout.write(f"Next: {database}{program} manage.py {find_next_command(report)}")


def read_years(text: str | None, *, latest: int) -> tuple[int, ...]:
    """'2024' or '2021-2024' as seasons in order; raises ValueError for anything else."""
    if text is None:
        return ()
    first, dash, last = text.partition("-")
    ends = (first, last if dash else first)
    # Digits alone are not enough: to Python those of other scripts are some, too.
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
    """What stops the process (systemd, Docker, a deployment) ends the run as Ctrl-C does, and the
    run's record says so. Only a main thread receives signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def sources_of(*, sample: bool) -> Iterator[SourceConfig]:
    """The configured upstreams; of the sample the stand-in on loopback, with a cache folder and a
    database of their own."""
    if not sample:
        yield configured_sources()
        return
    path = Path.cwd() / FILE_NAME
    try:
        with (
            sample_database(path),
            tempfile.TemporaryDirectory(prefix="f1-sample-") as folder,
            StandInUpstream({SAMPLE_SEASON: load_season(SAMPLE_SEASON)}) as upstream,
        ):
            yield SourceConfig(
                cache_dir=Path(folder),
                schedule_url=upstream.schedule_url,
                jolpica_url=upstream.jolpica_url,
            )
    except DatabaseError as error:
        raise CommandError(
            f"the sample's database {path} cannot be used ({error}). The configured database was "
            "not touched. Delete the file, or run this in a folder that can be written."
        ) from error
