"""`make audit`: what is known against the installed packages, and what is not known is said."""

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from f1picks.environment import ROOT
from tests.audit import CLEAN, KNOWN, UNKNOWN, judge

pytestmark = pytest.mark.project

# As pip-audit 2.10 writes them.
GOOD = {"name": "flask", "version": "3.1.2", "vulns": []}
BAD = {
    "name": "flask",
    "version": "0.5",
    "vulns": [
        {
            "id": "PYSEC-2019-179",
            "fix_versions": ["1.0"],
            "aliases": ["CVE-2019-1010083"],
            "description": "...",
        },
        {"id": "PYSEC-2023-62", "fix_versions": [], "aliases": [], "description": "..."},
    ],
}
SKIPPED = {
    "name": "click",
    "skip_reason": "Dependency not found on PyPI and could not be audited: click (8.3.1)",
}


def report(*packages: Any) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_everything_looked_up_and_nothing_known_is_clean() -> None:
    verdict = judge(report(GOOD, GOOD))
    assert (verdict.code, verdict.lines) == (
        CLEAN,
        ["2 packages were looked up: nothing is known of them."],
    )


def test_the_project_itself_needs_no_advisories() -> None:
    ours = {"name": "f1picks-ingestion", "skip_reason": "distribution marked as editable"}
    assert judge(report(GOOD, ours)).code == CLEAN
    assert judge(report(ours)).code == UNKNOWN


def test_an_advisory_is_named_with_the_version_that_mends_it() -> None:
    verdict = judge(report(GOOD, BAD))
    assert verdict.code == KNOWN
    assert verdict.lines[1:] == [
        "  flask 0.5: PYSEC-2019-179, CVE-2019-1010083; mended in 1.0",
        "  flask 0.5: PYSEC-2023-62; mended in no version yet",
    ]


@pytest.mark.parametrize(
    "text", [report(GOOD, SKIPPED), report(SKIPPED), report(), "", "[]", "{}", "ERROR: no network"]
)
def test_what_could_not_be_looked_up_is_never_clean(text: str) -> None:
    """pip-audit itself ends with 0 where no package is known to the index that it asks."""
    assert judge(text).code == UNKNOWN


def test_an_advisory_counts_more_than_what_is_unknown() -> None:
    verdict = judge(report(BAD, SKIPPED))
    assert verdict.code == KNOWN
    assert "1 of 2 packages could not be looked up (click)" in verdict.lines[-1]


WITHOUT = """
import sys
sys.modules["pip_audit"] = None
from tests.audit import main
sys.exit(main())
"""


def test_without_pip_audit_one_line_says_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (UNKNOWN, "")
    assert done.stderr == (
        "pip-audit is not installed: run `make setup-dev`. Nothing was audited.\n"
    )


def test_it_is_part_of_ci_each_week_too() -> None:
    workflow = yaml.load(
        (ROOT / ".github" / "workflows" / "ci.yml").read_text(), Loader=yaml.BaseLoader
    )
    assert [step["run"] for step in workflow["jobs"]["audit"]["steps"] if "run" in step] == [
        "make audit"
    ]
    assert "schedule" in workflow["on"]
    assert "@$(BIN)/python -m tests.audit" in (ROOT / "Makefile").read_text()
