"""`python -m tests.audit`: whether something is known against the installed packages.

Asks PyPI's advisories with pip-audit. Exit code 0: everything was looked up and nothing is known,
1: something is, 2: it could not be looked up, which says nothing about the packages.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

# The project itself: the index has no advisories of it.
OURS = "f1picks-ingestion"
LONGEST = 600.0
COMMAND = ("-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off")
CLEAN, KNOWN, UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class Verdict:
    code: int
    lines: list[str]


def judge(report: str) -> Verdict:
    """What pip-audit's JSON says. It takes a package that could not be looked up for a good one."""
    try:
        audited: list[dict[str, Any]] = json.loads(report)["dependencies"]
        packages = [package for package in audited if package["name"] != OURS]
    except (ValueError, LookupError, TypeError):
        return Verdict(UNKNOWN, ["pip-audit's answer cannot be read: nothing was audited."])
    found = [line for package in packages for line in _advisories(package)]
    passed_over = [package["name"] for package in packages if "skip_reason" in package]
    if found:
        head = (
            f"{len(found)} advisories. Raise the versions in pyproject.toml or requirements.txt, "
            "or say why not:"
        )
        return Verdict(KNOWN, [head, *found, *_unknown(passed_over, len(packages))])
    if passed_over or not packages:
        return Verdict(UNKNOWN, list(_unknown(passed_over, len(packages))))
    return Verdict(CLEAN, [f"{len(packages)} packages were looked up: nothing is known of them."])


def _advisories(package: dict[str, Any]) -> Iterator[str]:
    for advisory in package.get("vulns", []):
        names = [advisory["id"], *advisory.get("aliases", [])]
        mended = " or ".join(advisory["fix_versions"]) or "no version yet"
        yield f"  {package['name']} {package['version']}: {', '.join(names)}; mended in {mended}"


def _unknown(names: list[str], total: int) -> Iterator[str]:
    if names or not total:
        few = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        yield (
            f"{len(names)} of {total} packages could not be looked up ({few or 'none was found'}): "
            "the package index's advisories cannot be reached from here, or do not know them. "
            "That is no audit: run it again where they can be."
        )


def main() -> int:
    if find_spec("pip_audit") is None:
        sys.stderr.write("pip-audit is not installed: run `make setup-dev`. Nothing was audited.\n")
        return UNKNOWN
    try:
        done = subprocess.run(
            [sys.executable, *COMMAND],
            check=False,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"pip-audit gave no answer in {LONGEST:g} s. Nothing was audited.\n")
        return UNKNOWN
    verdict = judge(done.stdout)
    told = [*verdict.lines]
    if not done.stdout.strip():
        told += done.stderr.strip().splitlines()[-1:]
    (sys.stdout if verdict.code == CLEAN else sys.stderr).write("\n".join(told) + "\n")
    return verdict.code


if __name__ == "__main__":
    sys.exit(main())
