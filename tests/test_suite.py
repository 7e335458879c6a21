"""What of the suite is run on PostgreSQL, after it was run on SQLite, and what by `make long`."""

import os
import subprocess
import sys

from f1picks.environment import ROOT

# Nobody connects to it: nothing is run.
POSTGRES = "postgresql://nobody@127.0.0.1:1/none"
WITHOUT_A_DATABASE = "tests/test_environment.py"
WITH_ONE = "tests/test_statuses.py"
MARKED_ONCE = "tests/test_settings.py"
PARTLY = "tests/test_newer_form.py"
WITH_LONG = "tests/test_proofs_crash.py"


def collect(*arguments: str) -> list[str]:
    """The tests that would be run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments],
        check=True,
        cwd=ROOT,
        env={**os.environ, "TEST_DATABASE_URL": POSTGRES},
        capture_output=True,
        text=True,
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


def files(tests: list[str]) -> set[str]:
    return {test.partition("::")[0] for test in tests}


def test_only_what_uses_the_database_is_run_on_another() -> None:
    assert files(collect(WITHOUT_A_DATABASE, WITH_ONE, MARKED_ONCE)) == {WITH_ONE}


def test_what_is_asked_for_by_name_is_run_wherever() -> None:
    assert files(collect(WITHOUT_A_DATABASE, MARKED_ONCE)) == {WITHOUT_A_DATABASE, MARKED_ONCE}


def test_of_a_module_marked_once_what_is_marked_twice_is_run_on_both() -> None:
    tests = [test for test in collect(PARTLY, WITH_ONE) if test.startswith(PARTLY)]
    assert tests == [f"{PARTLY}::test_the_newer_form_has_the_same_facts"]


def test_a_long_proof_is_run_when_it_is_requested_and_alone() -> None:
    suite, proofs = collect(WITH_LONG), collect("--long", WITH_LONG)
    assert proofs == [f"{WITH_LONG}::test_kills_without_the_transaction_are_noticed"]
    assert suite != []
    assert set(proofs).isdisjoint(suite)
