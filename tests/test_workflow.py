"""The GitHub Actions workflows: what they declare, and their shell steps as a runner runs them."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from f1picks.environment import ROOT
from ingestion.models import Event
from tests.command_line import (
    CALENDAR,
    RESULTS,
    SCHEDULE,
    addresses,
    asked,
    count_rows,
    filled_database,  # noqa: F401
    filled_project,  # noqa: F401 - fixture `filled`
    live_season,
    read_runs,
    small_season,
    small_upstream,  # noqa: F401 - fixture `upstream`
    squeeze,
    today,
)
from tests.project import Project
from tests.shortened import shortened
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.project

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
# The tests have the packages.
LEFT_OUT = "Install"
BIN = Path(sys.executable).parent

Workflow = dict[str, Any]


def read_workflow(path: Path) -> Workflow:
    # BaseLoader: to YAML 1.1 the word `on` is a boolean, to GitHub it is a word.
    workflow: Workflow = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return workflow


SYNC = read_workflow(FOLDER / "f1-data-sync.yml")
INPUTS = SYNC["on"]["workflow_dispatch"]["inputs"]
ALL_STEPS = [step for job in SYNC["jobs"].values() for step in job["steps"]]


@dataclass(frozen=True)
class Ran:
    """A job's end: its exit code, what it printed, and the summary on its page."""

    code: int
    log: str
    summary: str

    @property
    def annotations(self) -> list[str]:
        return [line for line in self.log.splitlines() if line.startswith("::")]


def run_job(
    name: str,
    project: Project,
    *,
    context: Mapping[str, str],
    env: Mapping[str, str] | None = None,
) -> Ran:
    """Its `run` steps in order, up to the first that fails."""
    job = SYNC["jobs"][name]
    files = {key: project.folder / key for key in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    for file in files.values():
        file.write_text("")
    variables = {
        **project.environment(env),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "RUNNER_TEMP": str(project.folder),
        "GITHUB_REPOSITORY": "owner/picks",
        **{key: str(file) for key, file in files.items()},
        **job.get("env", {}),
    }
    # It is the secret that a step gets, or nothing.
    del variables["DATABASE_URL"]
    code, log = 0, ""
    for step in job["steps"]:
        if "run" in step and step["name"] != LEFT_OUT and code == 0:
            code, printed = run_step(step, project.folder, variables | step_env(step, context))
            log += printed
    return Ran(code, log, files["GITHUB_STEP_SUMMARY"].read_text())


def step_env(step: Workflow, context: Mapping[str, str]) -> dict[str, str]:
    return {
        name: EXPRESSION.sub(lambda found: context[found[1]], value)
        for name, value in step.get("env", {}).items()
    }


def run_step(step: Workflow, folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    script = folder / "step.sh"
    script.write_text(step["run"])
    shell = SYNC["defaults"]["run"]["shell"]
    done = subprocess.run(
        shlex.split(shell.format(script)),
        check=False,
        cwd=ROOT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


def sync(project: Project, upstream: FaultyUpstream, **inputs: str) -> Ran:
    """The ingest job, as the cron starts it or with inputs; the secret as the old worker had it."""
    secret = project.database_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    assert given.keys() <= INPUTS.keys()
    context = {
        "secrets.DATABASE_URL": secret,
        **{f"inputs.{name}": given.get(name, "") for name in INPUTS},
    }
    ran = run_job("ingest", project, context=context, env=addresses(upstream))
    assert "Traceback" not in ran.log
    return ran


@contextmanager
def live_upstream() -> Iterator[FaultyUpstream]:
    """The season that is on, its one weekend within the year on any day of it."""
    now = today()
    season = live_season(min(max(now, now.replace(month=1, day=2)), now.replace(month=12, day=30)))
    with FaultyUpstream({season.year: season}) as started:
        yield started


def check_schema(*files: Path) -> subprocess.CompletedProcess[str]:
    schema = ("--builtin-schema", "vendor.github-workflows")
    return subprocess.run(
        [BIN / "check-jsonschema", *schema, *files], check=False, capture_output=True, text=True
    )


@pytest.mark.once
def test_workflows_are_what_github_takes() -> None:
    assert [file.name for file in FILES] == ["ci.yml", "f1-data-sync.yml"]
    done = check_schema(*FILES)
    assert done.returncode == 0, done.stdout


@pytest.mark.once
def test_schema_finds_a_misspelt_word(tmp_path: Path) -> None:
    misspelt = tmp_path / "workflow.yml"
    misspelt.write_text((FOLDER / "f1-data-sync.yml").read_text().replace("runs-on:", "run-on:"))
    done = check_schema(misspelt)
    assert done.returncode == 1
    assert "run-on" in done.stdout


def test_it_runs_twice_a_day_and_by_hand() -> None:
    assert SYNC["name"] == "F1 Data Sync"
    assert SYNC["on"].keys() == {"schedule", "workflow_dispatch"}
    assert SYNC["on"]["schedule"] == [{"cron": "0 6,18 * * *"}]
    assert {name: declared["type"] for name, declared in INPUTS.items()} == {
        "year": "string",
        "skip-schedule": "boolean",
        "skip-results": "boolean",
        "migrate": "boolean",
    }
    assert {declared["default"] for declared in INPUTS.values()} == {"", "false"}


def test_one_run_at_a_time_is_never_cancelled_and_ends() -> None:
    assert SYNC["concurrency"] == {"group": "f1-data-sync", "cancel-in-progress": "false"}
    limits = {name: int(job["timeout-minutes"]) for name, job in SYNC["jobs"].items()}
    assert limits == {"ingest": 30, "stay-enabled": 5}


def test_it_may_do_no_more_than_it_needs() -> None:
    permissions = [SYNC["permissions"], *(j.get("permissions") for j in SYNC["jobs"].values())]
    assert permissions == [{"contents": "read"}, None, {"actions": "write"}]
    [checkout] = [step for step in ALL_STEPS if step.get("uses", "").startswith("actions/checkout")]
    assert checkout["with"] == {"persist-credentials": "false"}


def test_inputs_and_secrets_reach_the_shell_as_variables_alone() -> None:
    scripts = [step["run"] for step in ALL_STEPS if "run" in step]
    assert [script for script in scripts if "${{" in script] == []
    text = (FOLDER / "f1-data-sync.yml").read_text()
    assert {name for name in EXPRESSION.findall(text) if name.startswith("secrets.")} == {
        "secrets.DATABASE_URL"
    }
    assert "DATABASE_URL" not in SYNC.get("env", {}) | SYNC["jobs"]["ingest"]["env"]


def test_both_workflows_use_the_same_actions() -> None:
    ci_jobs = read_workflow(FOLDER / "ci.yml")["jobs"].values()
    ci_steps = [step for job in ci_jobs for step in job["steps"]]
    used = [{step["uses"] for step in steps if "uses" in step} for steps in (ci_steps, ALL_STEPS)]
    assert used[0] == used[1]


def test_titles_have_nothing_that_ends_them() -> None:
    scripts = "".join(step["run"] for step in ALL_STEPS if "run" in step)
    titles = re.findall(r"title=(?!\$)(.*?)::", scripts) + re.findall(r'title="(.*?)" ;;', scripts)
    assert len(titles) == 9
    assert [title for title in titles if set(",:%") & set(title)] == []


@pytest.mark.once
def test_missing_secret_is_the_first_thing_said(project: Project) -> None:
    context = {"secrets.DATABASE_URL": ""}
    ran = run_job("ingest", project, context=context)
    assert (ran.code, ran.log.count("\n")) == (1, 1)
    assert ran.log.startswith("::error title=The secret DATABASE_URL is not set::Nothing was chang")


def test_unmigrated_database_is_left_alone_until_it_is_requested(
    unmigrated_project: Project,
) -> None:
    with live_upstream() as upstream:
        refused = sync(unmigrated_project, upstream)
        assert (refused.code, refused.summary) == (1, "")
        [error] = refused.annotations
        assert error.startswith("::error title=The database has not been migrated to this version:")
        assert "by hand with migrate ticked" in error
        assert "ingestion.0001_initial" in refused.log
        assert asked(upstream) == []

        ran = sync(unmigrated_project, upstream, migrate="true", skip_results="true")
        assert (ran.code, ran.annotations) == (0, []), ran.log
    opening, *table, totals, closing = ran.summary.splitlines()
    assert (opening, closing) == ("```", "```")
    assert [squeeze(line) for line in table[:2]] == [
        f"Formula 1 {today().year}",
        "Rd Grand Prix Race Pole P1 P2 P3 This run",
    ]
    assert squeeze(table[2]).startswith("1 Belgian ")
    assert totals.startswith(
        "events: 2 created, 0 updated, 0 unchanged; classifications: 0 created"
    )
    assert set(table) <= set(ran.log.splitlines())
    assert count_rows(unmigrated_project) == {"event": 2, "result": 0, "change": 2}


@pytest.mark.once
def test_part_that_failed_is_red_and_the_next_run_completes_it(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*/results.json", status=500)
    ran = sync(project, upstream, year="2024")
    assert ran.code == 3
    [error] = ran.annotations
    title, _, message = error.removeprefix("::error title=").partition("::")
    assert title == "Part of it is saved"
    assert "500" in message
    assert "The rest is saved. " in message
    first, blank, opening, *table, closing = ran.summary.splitlines()
    assert (first, blank, opening, closing) == (f"**{title}.** {message}", "", "```", "```")
    assert squeeze(table[0]) == "Formula 1 2024"
    assert asked(upstream)[:3] == [SCHEDULE, CALENDAR, RESULTS[0]]
    assert count_rows(project)["event"] == 6

    upstream.faults.clear()
    completed = sync(project, upstream, year="2024", skip_schedule="true", migrate="false")
    assert (completed.code, completed.annotations) == (0, []), completed.log
    assert not {SCHEDULE, CALENDAR} & set(asked(upstream))
    assert count_rows(project) == {"event": 6, "result": 120, "change": 12}


@pytest.mark.once
def test_season_of_the_year_is_requested_where_an_older_one_is_stored(filled: Project) -> None:
    with live_upstream() as upstream:
        [season] = upstream.seasons.values()
        upstream.seasons = {2024: small_season(), season.year: season}
        ran = sync(filled, upstream, skip_results="true")
    assert ran.code == 0, ran.log
    with filled.database() as alias:
        stored = Event.objects.using(alias).filter(season=season.year)
        assert stored.count() == 2


@pytest.mark.once
def test_silent_upstream_is_red_and_nothing_is_changed(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*", reset=True)
    ran = sync(project, upstream, year="2024")
    assert ran.code == 1
    [error] = ran.annotations
    title, _, message = error.removeprefix("::error title=").partition("::")
    assert title == "Nothing could be ingested"
    assert "Nothing was changed. Check the network" in message
    assert ran.summary == f"**{title}.** {message}\n\n"
    assert set(count_rows(project).values()) == {0}


@pytest.mark.once
def test_input_is_an_argument_and_never_shell(project: Project, upstream: FaultyUpstream) -> None:
    trap = project.folder / "trap"
    ran = sync(project, upstream, year=f"20%24$(touch {trap}); touch {trap}")
    assert ran.code == 2
    [error] = ran.annotations
    assert error.startswith("::error title=The inputs cannot be used::--year takes a year or a ")
    # GitHub decodes it: an unescaped %24 would be a dollar.
    assert "not '20%2524$(touch" in error
    assert "not '20%24$(touch" in ran.summary
    assert (trap.exists(), asked(upstream), read_runs(project)) == (False, [], [])


@pytest.mark.once
@pytest.mark.parametrize(
    "address",
    shortened(
        ["mysql://f1:s3cr3t@db/picks", "postgresql+asyncpg://f1:s3cr3t@/f1?host=/nowhere"], keep=1
    ),
)
def test_database_that_cannot_be_used_is_said_in_one_line(project: Project, address: str) -> None:
    context = {"secrets.DATABASE_URL": address, **{f"inputs.{name}": "" for name in INPUTS}}
    ran = run_job("ingest", project, context=context)
    assert ran.code == 1
    [error] = ran.annotations
    assert error.startswith("::error title=Nothing could be ingested::")
    assert "Nothing was changed" in error
    assert [word for word in ("Traceback", "s3cr3t", "nowhere") if word in ran.log] == []


@pytest.mark.once
def test_killed_ingest_is_said_too(project: Project) -> None:
    python = project.folder / "python"
    python.write_text("#!/bin/sh\necho '2024-07-28 [info] asking' >&2\nkill -9 $$\n")
    python.chmod(0o755)
    [step] = [step for step in ALL_STEPS if step.get("name") == "Ingest"]
    summary = project.folder / "summary"
    env = {
        "PATH": f"{project.folder}{os.pathsep}{os.environ['PATH']}",
        "RUNNER_TEMP": str(project.folder),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    inputs = dict.fromkeys(["YEAR", "SKIP_SCHEDULE", "SKIP_RESULTS"], "")
    code, log = run_step(step, project.folder, project.environment(env | inputs))
    assert code == 137
    message = "What was saved before stays. The log of this step says why; run this workflow again."
    error = f"::error title=The ingest broke off (exit code 137)::{message}"
    # Between them the shell says that it was killed.
    assert (log.splitlines()[0], log.splitlines()[-1]) == ("2024-07-28 [info] asking", error)
    assert summary.read_text().startswith("**The ingest broke off (exit code 137).** What was ")


@pytest.mark.once
@pytest.mark.parametrize("code", [0, 1])
def test_it_enables_itself_and_a_failure_of_that_is_a_warning(project: Project, code: int) -> None:
    job = SYNC["jobs"]["stay-enabled"]
    assert (job["if"], job.get("needs")) == ("github.event_name == 'schedule'", None)
    recorded = project.folder / "recorded"
    gh = project.folder / "gh"
    gh.write_text(f'#!/bin/sh\necho "$GH_TOKEN $*" >{shlex.quote(str(recorded))}\nexit {code}\n')
    gh.chmod(0o755)
    path = f"{project.folder}{os.pathsep}{os.environ['PATH']}"
    [step] = job["steps"]
    env = {"PATH": path, "GITHUB_REPOSITORY": "owner/picks"}
    ran = run_step(
        step, project.folder, project.environment(env) | step_env(step, {"github.token": "t0ken"})
    )
    enable = "repos/owner/picks/actions/workflows/f1-data-sync.yml/enable"
    assert recorded.read_text() == f"t0ken api --silent --method PUT {enable}\n"
    assert ran[0] == 0
    assert ran[1].startswith("::warning title=") if code else ran[1] == ""
