"""What the proofs have in common that run on both databases: their options and processes."""

import argparse
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import django

from tests.postgres import Server, leave_on_sigterm, running_server
from tests.proofs import guards

SQLITE, POSTGRESQL = "sqlite", "postgresql"
LONGEST_PROOF = 3600
MOST_PRINTED = 40
# By a run, and not before it fetches.
IMPORTED = (
    *("fastf1.ergast.interface", "fastf1.ergast.legacy", "fastf1.events"),
    *("ingestion.sources.http", "ingestion.sources.calls"),
    "ingestion.management.commands.ingest_f1",
)

Findings = dict[str, Any]
Teller = Callable[[int], None]


@dataclass(frozen=True)
class Place:
    """Where a proof works: a folder, and a server where it is about PostgreSQL."""

    folder: Path
    server: Server | None


def option_parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(f"python -m tests.proofs.{name}", description=description)
    parser.add_argument(
        "--database", choices=[SQLITE, POSTGRESQL], help="this one alone; default: both at once"
    )
    parser.add_argument("--seed", type=int, help="of all that is drawn, to repeat a run")
    parser.add_argument(
        "--without", choices=sorted(guards.GUARDS), help="take a guard out: it should be noticed"
    )
    # What is found on one database, for the process that puts both together.
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    return parser


def run(
    name: str,
    options: argparse.Namespace,
    prove: Callable[[argparse.Namespace, Place], Findings],
    show: Callable[[Sequence[Findings]], None],
) -> int:
    """The exit code: 0 when all held, 1 when something deviated."""
    if options.without:
        os.environ[guards.VARIABLE] = options.without
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    if options.json:
        sys.stdout.write(json.dumps(_prove(options, prove)))
        return 0
    sys.stderr.write(f"seed {options.seed}\n")
    begun = time.monotonic()
    databases = [options.database] if options.database else [SQLITE, POSTGRESQL]
    findings = _prove_each(name, databases, options)
    show(findings)
    deviations = [f"{one['database']}: {wrong}" for one in findings for wrong in one["deviations"]]
    sys.stdout.writelines(f"deviation: {one}\n" for one in deviations[:MOST_PRINTED])
    if len(deviations) > MOST_PRINTED:
        sys.stdout.write(f"... and {len(deviations) - MOST_PRINTED} more\n")
    told = "All held" if not deviations else f"{len(deviations)} deviations"
    seconds = time.monotonic() - begun
    sys.stdout.write(f"{told}; seed {options.seed}, {seconds:.0f} s\n")
    return int(bool(deviations))


def _prove_each(name: str, databases: Sequence[str], options: argparse.Namespace) -> list[Findings]:
    """Each in a process of its own, as Django has one default database; at the same time."""
    given = [f"--{key}={value}" for key, value in vars(options).items() if _is_given(key, value)]
    command = [sys.executable, "-m", f"tests.proofs.{name}", "--json", *given]
    leave_on_sigterm()
    processes = [
        subprocess.Popen([*command, f"--database={database}"], stdout=subprocess.PIPE, text=True)
        for database in databases
    ]
    try:
        return [
            _read_findings(database, process)
            for database, process in zip(databases, processes, strict=True)
        ]
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _read_findings(database: str, process: subprocess.Popen[str]) -> Findings:
    told, _ = process.communicate(timeout=LONGEST_PROOF)
    if process.returncode == 0:
        findings: Findings = json.loads(told)
        return findings
    return {"database": database, "deviations": [f"the proof ended with {process.returncode}"]}


def _is_given(key: str, value: object) -> bool:
    return key not in ("database", "json") and value is not None


def _prove(
    options: argparse.Namespace, prove: Callable[[argparse.Namespace, Place], Findings]
) -> Findings:
    leave_on_sigterm()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="f1picks-proof-")))
        os.environ.pop("TEST_DATABASE_URL", None)
        server = None
        if options.database == POSTGRESQL:
            server = stack.enter_context(running_server())
            os.environ["TEST_DATABASE_URL"] = server.url
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        django.setup()
        guards.take_out_named()
        logging.captureWarnings(True)
        return prove(options, Place(folder, server))


@contextmanager
def fastf1_at_hand() -> Iterator[None]:
    """Imported, so that what is forked need not do it, and without pauses on loopback."""
    from tests.fastf1_limits import limits_lifted

    with limits_lifted():
        for module in IMPORTED:
            import_module(module)
        yield


def tell_progress(database: str, done: int, total: int) -> None:
    """On standard error, now and then."""
    if done and done % 50 == 0:
        sys.stderr.write(f"{database}: {done} of {total}\n")
