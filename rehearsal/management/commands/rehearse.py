"""Play a real season through the whole installation before one begins."""

import argparse
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connection

from ingestion.management.output import F1Command, open_console
from rehearsal.clock import VirtualClock, virtual_time
from rehearsal.display import show_play
from rehearsal.latency import gather_figures, read_figures, write_plots
from rehearsal.outcome import Outcome, rehearse
from rehearsal.played_season import DEFAULT_SEED, PlayedSeason, Window, choose_window, play_season
from rehearsal.promises import find_broken
from rehearsal.report import as_dict, print_outcome

SEASON = 2024
DATABASE = "rehearsal.sqlite3"
WRONG_USAGE = 2
INTERRUPTED = 130

HELP = """\
Play a real season through the whole installation, on a clock of its own and
against a stand-in upstream, and say whether what is promised was kept.

Every scheduled task runs at its times: the schedule file as it was published in
2024, with its moves and mistakes, results that come out half-filled or late and
are amended, an upstream that keeps an empty answer for an hour, is away for an
evening and refuses for an hour, and a worker that dies. Picks are made around
each start, a game reads the feed and pays. It has a database of its own; the
configured one and the real upstreams are never touched.
"""

EPILOG = """\
examples:
  manage.py rehearse                     all of 2024, as quickly as can be
  manage.py rehearse 2024 --rounds 14    Belgium, whose winner was disqualified
  manage.py rehearse --speed 2000        for watching: at most 2000 of its
                                         seconds in a real one
  manage.py rehearse --format json       the same for machines
  manage.py rehearse --plot latency.png  and draw how long a podium takes, by
                                         plan, with latency.json beside it
  manage.py rehearse --plot latency.png --figures latency.json
                                         draw it again, and play nothing
  manage.py rehearse --database postgresql://user:password@host/empty

exit codes:
  0  every promise was kept
  1  one was broken, or the rehearsal could not be made
  2  wrong usage
"""


class Command(F1Command):
    help = HELP
    usage = "%(prog)s [SEASON] [options]"
    epilog = EPILOG
    # It does not use the configured database.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("season", nargs="?", default=str(SEASON), help=f"only {SEASON} so far")
        parser.add_argument("--rounds", help="a part of it: a round or a range, e.g. 13-14")
        parser.add_argument("--speed", help="at most so many seconds of the season in a real one")
        parser.add_argument(
            "--seed",
            default=str(DEFAULT_SEED),
            help="of the random times (%(default)s)",
        )
        parser.add_argument("--database", help="the address of another empty database")
        parser.add_argument(
            "--format", choices=["text", "json"], default="text", help="of the report on stdout"
        )
        parser.add_argument(
            "--plot", metavar="FILE", help="draw the latency from flag to podium: .png or .svg"
        )
        parser.add_argument(
            "--figures", metavar="FILE", help="of an earlier --plot: draw them and play nothing"
        )
        parser.add_argument("--inside", help=argparse.SUPPRESS)

    def handle(self, *_: Any, **options: Any) -> None:
        if options["figures"]:
            self._draw_again(options)
            return
        played, window, speed, seed = read_usage(options)
        if not options["inside"]:
            raise SystemExit(run_in_own_process(options))
        try:
            folder, is_text = Path(options["inside"]), options["format"] == "text"
            make_tables(window, folder, options["database"])
            with show_play(window, is_on=is_text) as show_time:
                outcome = rehearse(
                    played,
                    window,
                    seed=seed,
                    speed=speed,
                    cache_dir=folder / "cache",
                    show_time=show_time,
                )
        except DatabaseError as error:
            raise CommandError(
                f"the database for the rehearsal failed ({type(error).__name__}). No other one was "
                "touched. Check --database, or leave it out"
            ) from error
        except KeyboardInterrupt:
            raise CommandError("interrupted; nothing is kept", returncode=INTERRUPTED) from None
        if options["format"] == "json":
            self.stdout.write(json.dumps(as_dict(outcome), indent=2))
        else:
            print_outcome(outcome, open_console(self.stdout))
        if options["plot"]:
            self._write_plots(gather_figures(outcome), Path(options["plot"]))
        if find_broken(outcome):
            raise CommandError(explain_broken(outcome))

    def _draw_again(self, options: Mapping[str, Any]) -> None:
        try:
            check_plot(options["plot"])
            figures = read_figures(Path(options["figures"]))
        except ValueError as error:
            raise CommandError(f"{error}. Nothing was done.", returncode=WRONG_USAGE) from error
        self._write_plots(figures, Path(options["plot"]))

    def _write_plots(self, figures: Mapping[str, Any], path: Path) -> None:
        try:
            written = write_plots(figures, path)
        except OSError as error:
            raise CommandError(
                f"the plot {path} could not be written ({error.strerror}). The rehearsal itself is "
                "not affected. Name a file in a folder that can be written"
            ) from error
        self.stderr.write(f"Written: {', '.join(map(str, written))}")


def read_usage(
    options: Mapping[str, Any],
) -> tuple[PlayedSeason, Window, float | None, int]:
    try:
        check_season(options["season"])
        if options["plot"]:
            check_plot(options["plot"])
        seed = read_number(options["seed"], "--seed")
        played = play_season(SEASON, seed=seed)
        last = len(played.facts.grands_prix)
        window = choose_window(played, read_rounds(options["rounds"], last=last))
        speed = options["speed"]
        return played, window, None if speed is None else read_number(speed, "--speed"), seed
    except ValueError as error:
        raise CommandError(f"{error}. Nothing was done.", returncode=WRONG_USAGE) from error


def check_season(text: str) -> None:
    if text != str(SEASON):
        raise ValueError(f"the facts of {SEASON} alone are shipped, not those of '{text}'")


def check_plot(text: str | None) -> None:
    if text is None or Path(text).suffix not in (".png", ".svg"):
        raise ValueError(f"--plot takes a file that ends with .png or .svg, not '{text or ''}'")
    # Before minutes are played for it.
    if not os.access(folder := Path(text).absolute().parent, os.W_OK):
        raise ValueError(f"--plot needs a folder that can be written, and {folder} is none")


def read_number(text: str, option: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise ValueError(f"{option} takes a whole number from 1 on, not '{text}'")
    return int(text)


def read_rounds(text: str | None, *, last: int) -> range:
    """'14' or '13-14'; none for the whole season."""
    if text is None:
        return range(0)
    ends = re.fullmatch("([0-9]{1,2})(?:-([0-9]{1,2}))?", text)
    first, final = (int(ends[1]), int(ends[2] or ends[1])) if ends else (0, 0)
    if not 1 <= first <= final <= last:
        raise ValueError(f"--rounds takes rounds from 1 to {last}, as 14 or 13-14, not '{text}'")
    return range(first, final + 1)


def run_in_own_process(options: Mapping[str, Any]) -> int:
    """The same again in a process whose database is another one from the beginning."""
    named = ("rounds", "speed", "seed", "database", "format", "plot")
    given = [f"--{name}={options[name]}" for name in named if options[name]]
    with tempfile.TemporaryDirectory(prefix="f1-rehearsal-") as folder:
        environment = {
            **os.environ,
            # What goes wrong on purpose would fill the terminal.
            "LOG_LEVEL": "INFO" if options["verbosity"] > 1 else "CRITICAL",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "ENV_FILE": os.devnull,
            "SECRET_KEY": secrets.token_hex(),
            "DATABASE_URL": options["database"] or f"sqlite:///{Path(folder) / DATABASE}",
            "FASTF1_CACHE_DIR": str(Path(folder) / "cache"),
        }
        command = [sys.executable, "-m", "django", "rehearse", options["season"], *given]
        arguments = [*command, f"--inside={folder}"]
        with subprocess.Popen(arguments, env=environment) as process:  # noqa: S603
            return wait_for(process)


def wait_for(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):
            # A terminal interrupts both.
            return process.wait(timeout=3)
        process.send_signal(signal.SIGINT)
        return process.wait()


def uses_own_database(settings: Mapping[str, Any], database: str | None, folder: Path) -> bool:
    """Whether a connection is to the database that this rehearsal is to have."""
    if database is None:
        return Path(settings["NAME"]) == folder / DATABASE
    return Path(settings["NAME"]).name == unquote(urlsplit(database).path).rpartition("/")[2]


def make_tables(window: Window, folder: Path, database: str | None) -> None:
    """In the requested database, which has to be empty; as an installation on its first day."""
    if not uses_own_database(connection.settings_dict, database, folder):
        raise CommandError(
            "these settings do not take their database from DATABASE_URL, and a rehearsal needs "
            "one of its own. Nothing was done.",
            returncode=WRONG_USAGE,
        )
    if connection.introspection.table_names():
        raise CommandError(
            "the database has tables, and a rehearsal needs an empty one. Nothing was done.",
            returncode=WRONG_USAGE,
        )
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            # It is thrown away: nothing has to outlive a power cut.
            cursor.execute("PRAGMA synchronous = OFF")
    with virtual_time(VirtualClock(window.begins_at)):
        call_command("migrate", verbosity=0, interactive=False)


def explain_broken(outcome: Outcome) -> str:
    broken = [f"{promise.text}: {promise.found}" for promise in find_broken(outcome)]
    count = "1 promise was" if len(broken) == 1 else f"{len(broken)} promises were"
    return f"{count} broken. {'. '.join(broken)}. No database but the rehearsal's was touched."
