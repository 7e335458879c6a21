"""What of the suite is run on PostgreSQL, after it was run on SQLite."""

import os
import subprocess
import sys

from f1picks.environment import ROOT

# Nobody connects to it: nothing is run.
POSTGRES = "postgresql://nobody@127.0.0.1:1/none"
WITHOUT_A_DATABASE = "tests/test_environment.py"
WITH_ONE = "tests/test_statuses.py"
MARKED_ONCE = "tests/test_settings.py"


def collect(*files: str) -> set[str]:
    """The files of which tests would be run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *files],
        check=True,
        cwd=ROOT,
        env={**os.environ, "TEST_DATABASE_URL": POSTGRES},
        capture_output=True,
        text=True,
    )
    return {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}


def test_only_what_uses_the_database_is_run_on_another() -> None:
    assert collect(WITHOUT_A_DATABASE, WITH_ONE, MARKED_ONCE) == {WITH_ONE}


def test_what_is_asked_for_by_name_is_run_wherever() -> None:
    assert collect(WITHOUT_A_DATABASE, MARKED_ONCE) == {WITHOUT_A_DATABASE, MARKED_ONCE}
