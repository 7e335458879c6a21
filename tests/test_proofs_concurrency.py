"""The concurrency proof itself: a short run of it holds, and notices when a lock is gone."""

import subprocess
import sys

import pytest

from f1picks.environment import ROOT
from tests.conftest import on_postgres
from tests.shortened import shortened

DATABASE = "postgresql" if on_postgres else "sqlite"


def prove(*arguments: str) -> subprocess.CompletedProcess[str]:
    module = "tests.proofs.concurrency"
    return subprocess.run(
        [sys.executable, "-m", module, "--database", DATABASE, "--seed", "1", *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


# SQLite has one writer at a time anyway.
@pytest.mark.parametrize("repeats", shortened(["1"], keep=int(on_postgres)))
def test_many_at_once_end_as_one_alone(repeats: str) -> None:
    done = prove("--repeats", repeats)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All held; seed 1" in done.stdout


@pytest.mark.long
@pytest.mark.skipif(not on_postgres, reason="SQLite has one writer at a time anyway")
def test_a_season_without_its_lock_is_noticed() -> None:
    done = prove("--repeats", "1", "--without", "season-lock")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "deviation: " in done.stdout
