"""Measures what an ingest costs, and holds the promises to it: `python -m tests.proofs.bench`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console

from tests.postgres import CannotRunError, running_postgres
from tests.proofs.bench.cases import Bench, MeasurementError
from tests.proofs.bench.databases import Databases
from tests.proofs.bench.facts import ROUNDS, Upstream, list_seasons
from tests.proofs.bench.machine import describe_machine
from tests.proofs.bench.promises import Promise, list_promises
from tests.proofs.bench.tables import LEGEND, Sheet, list_sheets

INTERRUPTED = 130
WIDTH = 140
DATABASES = ("sqlite", "postgresql")


def main(arguments: Sequence[str]) -> int:
    options = read_usage(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    sheets: list[Sheet] = []
    promises: list[Promise] = []
    try:
        for kind in DATABASES if options.only is None else (options.only,):
            measured, promised = measure(kind, options)
            sheets += measured
            promises += promised
    except (MeasurementError, CannotRunError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    sheets.append(Sheet("Measured on", ("", ""), list(describe_machine())))
    print_sheets(sheets, as_markdown=options.markdown)
    return tell_broken(promises, is_strict=options.strict)


def read_usage(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proofs.bench",
        description="Measure what an ingest costs, beside the way that most tools do it, on SQLite "
        "and PostgreSQL (TEST_DATABASE_URL's, or one of its own): some fifteen minutes. Exit code "
        "1 where a promise is broken.",
    )
    parser.add_argument("--only", choices=DATABASES, help="one of the two databases")
    parser.add_argument("--repeats", type=at_least_one, default=3, help="default: %(default)s")
    parser.add_argument("--rounds", type=at_least_one, default=ROUNDS, help="of the season")
    parser.add_argument("--seasons", type=at_least_two, default=10, help="for many at once")
    parser.add_argument("--ticks", type=at_least_one, default=2000, help="with nothing due")
    parser.add_argument("--markdown", action="store_true", help="tables for the README")
    parser.add_argument("--strict", action="store_true", help="times may break a promise as well")
    return parser.parse_args(arguments)


def at_least_one(text: str) -> int:
    return read_number(text, least=1)


def at_least_two(text: str) -> int:
    return read_number(text, least=2)


def read_number(text: str, *, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from {least} on")
    return int(text)


def measure(kind: str, options: argparse.Namespace) -> tuple[list[Sheet], list[Promise]]:
    def tell(what: str) -> None:
        sys.stderr.write(f"{kind}: {what}\n")

    with (
        tempfile.TemporaryDirectory(prefix="f1picks-bench-") as folder,
        server_of(kind) as server_url,
        Upstream({}) as upstream,
    ):
        bench = Bench(
            Databases(Path(folder), server_url),
            upstream,
            rounds=options.rounds,
            seasons=options.seasons,
            ticks=options.ticks,
            tell=tell,
        )
        bench.run(options.repeats)
    promises = list_promises(bench.found, list_seasons(options.rounds, options.seasons))
    return list(list_sheets(bench.found, promises, options.seasons)), promises


@contextmanager
def server_of(kind: str) -> Iterator[str]:
    """The URL of a PostgreSQL server; empty for SQLite."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if kind == "sqlite":
        yield ""
        return
    with nullcontext(given) if given else running_postgres() as url:
        yield url


def print_sheets(sheets: Sequence[Sheet], *, as_markdown: bool) -> None:
    if as_markdown:
        sys.stdout.write("\n".join([*(sheet.as_markdown() for sheet in sheets), LEGEND, ""]))
        return
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    for sheet in sheets:
        sheet.print(console)
    console.print(LEGEND)


def tell_broken(promises: Sequence[Promise], *, is_strict: bool) -> int:
    broken = 0
    for promise in promises:
        if promise.is_kept:
            continue
        is_warning = promise.may_break and not is_strict
        broken += not is_warning
        mark = "Slower than promised" if is_warning else "BROKEN"
        sys.stderr.write(f"{mark}: {promise.words}: {promise.found}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
