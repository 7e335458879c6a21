"""A few cells of the fault matrix, run as anybody runs it; all of them take minutes."""

import os
import subprocess
import sys

import pytest

from f1picks.environment import ROOT
from tests.proofs.guards import GUARDS, PYTEST
from tests.proofs.guards.__main__ import DEVIATION
from tests.proofs.guards.taking_out import GuardMovedError, replace_in

TAKE_OUT_EACH = """
import django
django.setup()
from tests.proofs.guards import GUARDS, PYTEST
for guard in GUARDS.values():
    guard.take_out()
"""


def run_faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_python("-m", "tests.proofs.faults", "--jobs", "1", *arguments)


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
    )


def deviations(done: subprocess.CompletedProcess[str]) -> list[str]:
    lines = done.stdout.splitlines()
    return [line.removeprefix(DEVIATION) for line in lines if line.startswith(DEVIATION)]


@pytest.mark.long
def test_cells_that_hold_are_printed_by_their_outcome() -> None:
    done = run_faults("--only", "429 / SQ / ")
    assert (done.returncode, done.stderr, deviations(done)) == (0, "", [])
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["429", *["-"] * 8, "later", *["-"] * 3] in lines
    assert ["2", "cases,", "0", "that", "deviate,"] in [line[:5] for line in lines]


def test_without_a_guard_it_fails_and_names_what_went_wrong() -> None:
    cell = "other leaders / race 1 / filled"
    done = run_faults("--only", cell, "--without", "settled")
    assert done.returncode == 1
    assert deviations(done)[0] == (
        f"{cell}: chinese-grand-prix race results: driver_id at place 1 is 'norris', "
        "should be 'max_verstappen'"
    )
    assert "1 cases, 1 that deviate" in done.stdout


def test_cells_that_do_not_exist_are_wrong_usage() -> None:
    done = run_faults("--only", "no such fault")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "no cell has 'no such fault' in its name\n"


def test_every_guard_is_where_it_is_taken_out() -> None:
    done = run_python("-c", TAKE_OUT_EACH)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "place", ["ingestion.save.calendar", "ingestion.save.comparison:Comparison"]
)
def test_a_guard_that_has_moved_is_said_loudly(place: str) -> None:
    with pytest.raises(GuardMovedError, match=f"^{place} has no is_gone any more"):
        replace_in(place, "is_gone", None)


def test_each_guard_has_a_proof() -> None:
    assert {guard.proof[0] for guard in GUARDS.values()} <= {
        *("faults", "crash", "concurrency", PYTEST),
    }
