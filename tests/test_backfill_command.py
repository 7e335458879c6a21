"""`manage.py ingest_f1 --year 2023-2024` as its users see it: stopped, waited for, interrupted."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ingestion.models import RequestBlock
from tests.command_line import (
    CALENDAR,
    RESULTS,
    SCHEDULE,
    SPRINT_QUALIFYINGS,
    addresses,
    asked,
    complaint,
    ingest,
    name_sprint_qualifying,
    read_runs,
    run_on_terminal,
    shown_lines,
    small_season,
    today,
    wait_until,
)
from tests.project import Project
from tests.upstream import FaultyUpstream

YEARS = ("--year", "2023-2024")
LAST_YEARS = [
    *("2023/races", "schedule_2023.json", "2023/results", "2023/qualifying", "2023/sprint"),
    *("alpha/core/rounds of 2023", name_sprint_qualifying(small_season(2023), "china")),
]
THIS_YEARS = [CALENDAR, SCHEDULE, *RESULTS, *SPRINT_QUALIFYINGS]
TOTALS = (
    "events: 12 created, 0 updated, 0 unchanged; "
    "classifications: 10 created, 0 updated, 0 unchanged; 11 upstream requests"
)
DONE = "events 6 created, classifications 6 created; complete"


@pytest.fixture(name="upstream")
def two_seasons() -> Iterator[FaultyUpstream]:
    with FaultyUpstream({year: small_season(year) for year in (2023, 2024)}) as started:
        yield started


def spend(project: Project, upstream: FaultyUpstream, requests: int) -> str:
    """Of this hour, half an hour ago; returns when there is room again."""
    at = today() - timedelta(minutes=30)
    with project.database() as alias:
        RequestBlock.objects.using(alias).create(
            host=upstream.address.removeprefix("http://"), requests=requests, reserved_at=at
        )
    return f"{at + timedelta(hours=1):%H:%M} UTC"


def let_an_hour_pass(project: Project) -> None:
    with project.database() as alias:
        RequestBlock.objects.using(alias).all().delete()


@pytest.mark.once
def test_a_range_that_the_hour_does_not_hold_stops_and_resumes(
    project: Project, upstream: FaultyUpstream
) -> None:
    room_at = spend(project, upstream, 120 - 11)
    done = ingest(project, upstream, *YEARS)
    host = upstream.address.removeprefix("http://")
    why = (
        f"{host} would get more than 120 requests within an hour (another 60 are kept for the "
        f"running season); there is room again at {room_at}; left for later: 2024 sprint and "
        "sprint qualifying"
    )
    left = "sprint, sprint qualifying"
    assert complaint(done, 3) == (
        f"{why}. The rest is saved. Run it again after {room_at}: it continues with what is "
        "missing, or add --wait."
    )
    assert done.stdout.splitlines() == [
        f"2023: {DONE}",
        f"2024: events 6 created, classifications 4 created; still without {left}",
        f"problem: {why}",
        TOTALS,
    ]
    assert [str(one) for one in read_runs(project)[-1].problem_list] == [why]

    let_an_hour_pass(project)
    last = ingest(project, upstream, *YEARS, "--format", "json", env={"F1_REQUESTS_PER_HOUR": "30"})
    assert last.returncode == 0, last.stderr
    report = json.loads(last.stdout)
    assert (report["outcome"], report["requests"]) == ("ok", 3)
    assert report["results"]["created"] == 2
    assert asked(upstream) == [*LAST_YEARS, *THIS_YEARS]


def test_a_range_that_is_interrupted_anywhere_is_resumed(
    project: Project, upstream: FaultyUpstream
) -> None:
    """In the middle of a season, and in the middle of a wait."""
    hanging = upstream.fault("*/2024/qualifying.json", hang=True)
    process = start(project, upstream)
    wait_until(lambda: "2024/qualifying" in asked_last(upstream))
    done = interrupt(process)
    assert complaint(done, 130) == (
        "interrupted; what was saved before stays, run it again to continue"
    )
    assert done.stdout.splitlines() == [f"2023: {DONE}"]
    run = read_runs(project)[-1]
    assert [str(one) for one in run.problem_list] == ["interrupted; what was saved before stays"]
    assert (run.outcome, run.fault) == ("partial", "none")
    hanging.release()
    upstream.clear_faults()

    let_an_hour_pass(project)
    spend(project, upstream, 120 - 1)
    process = start(project, upstream, "--wait")
    assert process.stderr is not None
    assert any("waiting until requests are allowed again" in line for line in process.stderr)
    assert interrupt(process, by=signal.SIGTERM).returncode == 130
    run = read_runs(project)[-1]
    assert (run.outcome, run.fault) == ("partial", "none")

    let_an_hour_pass(project)
    done = ingest(project, upstream, *YEARS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [
        "2023: nothing to request; complete",
        "2024: classifications 2 created; complete",
    ]
    # What the interrupted season had been told was in FastF1's cache.
    questions = asked(upstream)
    assert [page for page in questions if questions.count(page) > 1] == ["2024/qualifying"] * 2
    assert set(questions) == {*LAST_YEARS, *THIS_YEARS}


def start(project: Project, upstream: FaultyUpstream, *arguments: str) -> subprocess.Popen[str]:
    return project.start("ingest_f1", *YEARS, *arguments, env=addresses(upstream))


def interrupt(
    process: subprocess.Popen[str], *, by: signal.Signals = signal.SIGINT
) -> subprocess.CompletedProcess[str]:
    """Ctrl-C, unless it is by somebody who stops a service."""
    process.send_signal(by)
    stdout, stderr = process.communicate(timeout=20)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def asked_last(upstream: FaultyUpstream) -> str:
    return upstream.requests[-1].path if upstream.requests else ""


@pytest.mark.once
def test_terminal_shows_seasons_and_requests_left_and_time_to_go(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*.json", delay=0.3)
    code, shown = run_on_terminal(project, upstream, *YEARS)
    assert code == 0, shown
    lines = shown_lines(shown)
    steps = [line for line in lines if re.match(r"20\d\d \w+.* \d+%$", line)]
    assert any(re.match("2023 race results; 118 requests left ", line) for line in steps)
    told = re.compile("2024 sprint results; 10[0-9] requests left; a minute to go .* 80%$")
    assert any(map(told.match, steps)), steps
    assert max(map(len, steps)) <= 80
    results = [line for line in lines if line.startswith(("2023:", "2024:"))]
    assert results == [f"2023: {DONE}", f"2024: {DONE}"]
