"""`manage.py ingest_f1` as its users see it: reports, options, the terminal, Ctrl-C."""

import json
import re
import signal
import subprocess
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingestion.models import Event
from ingestion.sample.season import Finish, Season, with_finishes, with_start
from tests.command_line import (
    CALENDAR,
    LOG_LINE,
    RESULTS,
    SCHEDULE,
    SPRINT_QUALIFYINGS,
    addresses,
    asked,
    complaint,
    count_rows,
    filled_database,  # noqa: F401 - a fixture of `filled_project`
    filled_project,  # noqa: F401 - fixture `filled`
    ingest,
    live_season,
    read_rows,
    read_runs,
    run_on_terminal,
    shown_lines,
    small_season,
    small_upstream,  # noqa: F401 - fixture `upstream`
    squeeze,
    today,
    wait_until,
)
from tests.project import Project
from tests.upstream import FaultyUpstream

YEAR = ("--year", "2024")
# What a reader of the JSON report relies on.
KEYS = ["outcome", "dry_run", "seasons", "requests", "events", "results", "problems", "notes"]
CREATED = {
    "events": {"created": 6, "updated": 0, "unchanged": 0, "cancelled": 0, "reinstated": 0},
    "results": {"created": 6, "updated": 0, "unchanged": 0, "amended": 0},
}
UNCHANGED = {
    "events": {"created": 0, "updated": 0, "unchanged": 6, "cancelled": 0, "reinstated": 0},
    "results": {"created": 0, "updated": 0, "unchanged": 6, "amended": 0},
}
TOTALS = (
    "events: 6 created, 0 updated, 0 unchanged; "
    "classifications: 6 created, 0 updated, 0 unchanged; 7 upstream requests"
)
FILLED = {"event": 6, "result": 120, "change": 12}


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def counts_of(report: dict[str, Any]) -> dict[str, Any]:
    return {key: report[key] for key in ("events", "results")}


def driven_by(other: Finish, finish: Finish) -> Finish:
    """The place with its points and times, and somebody else in it."""
    return replace(
        finish,
        driver=other.driver,
        number=other.number,
        constructor=other.constructor,
        grid=other.grid,
    )


def with_changed_facts(season: Season) -> Season:
    """Belgium's winner is another one, its qualifying two hours later, and Monaco is new."""
    first, second, *others = season.races["belgium"]
    swapped = (driven_by(second, first), driven_by(first, second), *others)
    season = with_finishes(season, "races", "belgium", swapped)
    start = season.grand_prix("belgium").starts_at("Qualifying")
    assert start is not None
    season = with_start(season, "belgium", "Qualifying", start + timedelta(hours=2))
    china, belgium = season.grands_prix
    italy = replace(
        belgium,
        id="italy",
        round=3,
        name="Italian Grand Prix",
        race_name="Italian Grand Prix",
        country="Italy",
        location="Monza",
        circuit="monza",
        sessions=tuple(
            replace(session, starts_at=session.starts_at and session.starts_at + timedelta(days=35))
            for session in belgium.sessions
        ),
    )
    return replace(season, grands_prix=(china, belgium, italy))


@pytest.mark.once
def test_help_teaches_by_examples_and_exit_codes(project: Project) -> None:
    done = project.manage("ingest_f1", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    _, _, epilog = done.stdout.partition("\nexamples:\n")
    examples, _, codes = epilog.partition("\nexit codes:\n")
    for example in ("--year 2021-2024", "--round 14 --skip-schedule", "--dry-run", "--sample"):
        assert re.search(rf"^  manage.py ingest_f1 .*{example}", examples, re.MULTILINE)
    assert [line.split()[0] for line in codes.splitlines() if re.match(r"  \d", line)][:4] == list(
        "0123"
    )


@pytest.mark.once
def test_text_report_is_on_stdout_and_the_log_on_stderr(
    project: Project, upstream: FaultyUpstream
) -> None:
    done = ingest(project, upstream, *YEAR)
    assert done.returncode == 0, done.stderr
    assert [squeeze(line) for line in done.stdout.splitlines()] == [
        "Formula 1 2024",
        "Rd Grand Prix Race Pole P1 P2 P3 This run",
        "1 Chinese 21 Apr Verstappen Verstappen Norris Pérez 4 new, 4 results",
        "2 Belgian 28 Jul Verstappen Hamilton Piastri Leclerc 2 new, 2 results",
        TOTALS,
    ]
    assert [line for line in done.stderr.splitlines() if not LOG_LINE.match(line)] == []
    assert "\x1b" not in done.stdout + done.stderr
    assert asked(upstream) == [SCHEDULE, CALENDAR, *RESULTS, *SPRINT_QUALIFYINGS]
    assert count_rows(project) == FILLED


@pytest.mark.once
def test_json_report_is_one_object(project: Project, upstream: FaultyUpstream) -> None:
    done = ingest(project, upstream, *YEAR, "--format", "json")
    assert done.returncode == 0, done.stderr
    report = report_of(done)
    assert list(report) == KEYS
    assert report == {
        "outcome": "ok",
        "dry_run": False,
        "seasons": [2024],
        "requests": 7,
        **CREATED,
        "problems": [],
        "notes": [],
    }
    assert [line for line in done.stderr.splitlines() if not LOG_LINE.match(line)] == []


def test_run_is_recorded(filled: Project) -> None:
    [run] = read_runs(filled)
    assert (run.trigger, run.outcome, run.seasons, run.requests) == ("command", "ok", [2024], 7)
    assert run.arguments == {
        "round": None,
        "skip_schedule": False,
        "skip_results": False,
        "refresh": False,
        "sample": False,
    }
    assert (run.counts, run.problems) == (CREATED, [])
    assert run.ended_at is not None
    assert run.ended_at > run.started_at


@pytest.mark.once
def test_arguments_are_recorded(filled: Project, upstream: FaultyUpstream) -> None:
    ingest(filled, upstream, *YEAR, "--round", "2", "--skip-results", "--refresh")
    run = read_runs(filled)[-1]
    assert run.arguments == {
        "round": 2,
        "skip_schedule": False,
        "skip_results": True,
        "refresh": True,
        "sample": False,
    }


@pytest.mark.once
@pytest.mark.project
def test_every_log_line_is_json_where_that_is_set(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*/results.json", status=500)
    env = {"LOG_FORMAT": "json", "LOG_LEVEL": "debug"}
    done = ingest(project, upstream, *YEAR, env=env)
    assert done.returncode == 3
    *logs, last = done.stderr.splitlines()
    assert last.startswith("CommandError: ")
    assert len(logs) > 0
    for line in logs:
        assert {"message", "level", "logger", "timestamp"} <= json.loads(line).keys()


def test_same_facts_again_change_nothing(filled: Project, upstream: FaultyUpstream) -> None:
    before = read_rows(filled)
    report = report_of(ingest(filled, upstream, *YEAR, "--format", "json"))
    assert counts_of(report) == UNCHANGED
    assert report["requests"] == 7
    assert read_rows(filled) == before


def test_changed_facts_are_saved_and_counted(filled: Project, upstream: FaultyUpstream) -> None:
    upstream.seasons[2024] = with_changed_facts(small_season())
    done = ingest(filled, upstream, *YEAR)
    assert done.returncode == 0, done.stderr
    lines = [squeeze(line) for line in done.stdout.splitlines()]
    assert lines[3] == ("2 Belgian 28 Jul Verstappen Piastri Hamilton Leclerc 1 amended, 1 moved")
    assert lines[4] == "3 Italian 01 Sep Norris Leclerc Piastri Norris 2 new, 2 results"
    assert lines[-1] == (
        "events: 2 created, 1 updated, 5 unchanged; "
        "classifications: 2 created, 0 updated, 5 unchanged, 1 amended; 7 upstream requests"
    )


def test_dry_run_tells_what_a_run_would_do_and_writes_nothing(
    filled: Project, upstream: FaultyUpstream
) -> None:
    before = read_rows(filled)
    upstream.seasons[2024] = with_changed_facts(small_season())
    arguments = (*YEAR, "--refresh", "--format", "json")
    dry = report_of(ingest(filled, upstream, *arguments, "--dry-run"))
    assert read_rows(filled) == before
    assert len(read_runs(filled)) == 1
    real = report_of(ingest(filled, upstream, *arguments))
    assert (real["events"]["created"], real["results"]["amended"]) == (2, 1)
    assert dry == {**real, "dry_run": True}


def test_dry_run_of_an_empty_database_leaves_it_empty(
    project: Project, upstream: FaultyUpstream
) -> None:
    done = ingest(project, upstream, *YEAR, "--dry-run")
    assert done.returncode == 0, done.stderr
    title, *_, totals, last = done.stdout.splitlines()
    assert title.strip() == "Formula 1 2024 (dry run)"
    assert totals == TOTALS
    assert last == "This was a dry run: nothing was written."
    assert count_rows(project) == dict.fromkeys(FILLED, 0)
    assert read_runs(project) == []
    assert project.query("SELECT SUM(requests) FROM ingestion_requestblock") == [(7,)]


@pytest.mark.parametrize(
    ("arguments", "questions", "classifications"),
    [
        (["--skip-results"], [SCHEDULE, CALENDAR], 0),
        (
            ["--round", "1"],
            [
                *(SCHEDULE, CALENDAR, "2024/1/results", "2024/1/qualifying", "2024/1/sprint"),
                *SPRINT_QUALIFYINGS,
            ],
            4,
        ),
    ],
)
@pytest.mark.once
def test_options_limit_what_is_asked(
    project: Project,
    upstream: FaultyUpstream,
    arguments: list[str],
    questions: list[str],
    classifications: int,
) -> None:
    report = report_of(ingest(project, upstream, *YEAR, *arguments, "--format", "json"))
    assert asked(upstream) == questions
    assert report["requests"] == len(questions)
    assert report["events"]["created"] == 6
    assert report["results"]["created"] == classifications
    assert count_rows(project)["result"] == 20 * classifications


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "questions"),
    [
        ([], [*RESULTS, *SPRINT_QUALIFYINGS]),
        (["--round", "2"], ["2024/2/results", "2024/2/qualifying"]),
    ],
)
def test_skipping_the_schedule_asks_for_results_of_stored_events(
    filled: Project, upstream: FaultyUpstream, arguments: list[str], questions: list[str]
) -> None:
    before = read_rows(filled)
    done = ingest(filled, upstream, *YEAR, "--skip-schedule", *arguments)
    assert done.returncode == 0, done.stderr
    assert asked(upstream) == questions
    assert read_rows(filled) == before


def test_grand_prix_that_left_both_calendars_is_cancelled(
    project: Project, upstream: FaultyUpstream
) -> None:
    ingest(project, upstream, *YEAR, "--skip-results")
    season = small_season()
    upstream.seasons[2024] = replace(season, grands_prix=season.grands_prix[:1])
    done = ingest(project, upstream, *YEAR, "--skip-results", "--refresh")
    assert done.returncode == 0, done.stderr
    lines = [squeeze(line) for line in done.stdout.splitlines()]
    assert lines[3] == "Belgian 28 Jul cancelled 2 cancelled"
    assert lines[-1] == (
        "events: 0 created, 0 updated, 4 unchanged, 2 cancelled; "
        "classifications: 0 created, 0 updated, 0 unchanged; 2 upstream requests"
    )


@pytest.mark.once
def test_range_is_ingested_oldest_first(project: Project, upstream: FaultyUpstream) -> None:
    upstream.seasons[2023] = small_season(2023)
    done = ingest(project, upstream, "--year", "2023-2024", "--skip-results")
    assert done.returncode == 0, done.stderr
    assert asked(upstream) == ["2023/races", "schedule_2023.json", CALENDAR, SCHEDULE]
    assert done.stdout.splitlines()[:2] == [
        f"{year}: events 6 created; still without race, qualifying, sprint, sprint qualifying"
        for year in (2023, 2024)
    ]
    assert count_rows(project)["event"] == 12
    assert [run.seasons for run in read_runs(project)] == [[2023, 2024]]


@pytest.mark.once
def test_season_that_fails_does_not_stop_the_others(
    project: Project, upstream: FaultyUpstream
) -> None:
    done = ingest(project, upstream, "--year", "2023-2024", "--skip-results")
    assert complaint(done, 3).startswith("2023: Jolpica has no calendar of 2023; the schedule ")
    assert asked(upstream) == ["2023/races", "schedule_2023.json", CALENDAR, SCHEDULE]
    assert {event["season"] for event in read_rows(project)["event"]} == {2024}
    assert [run.outcome for run in read_runs(project)] == ["partial"]


@pytest.mark.once
def test_default_season_of_an_empty_database_is_the_calendar_year(
    project: Project, upstream: FaultyUpstream
) -> None:
    year = today().year
    upstream.seasons[year] = small_season(year)
    done = ingest(project, upstream, "--skip-results", "--dry-run", "--format", "json")
    assert report_of(done)["seasons"] == [year]
    assert asked(upstream) == [f"schedule_{year}.json", f"{year}/races"]


@pytest.mark.once
def test_default_season_is_that_of_the_next_known_event(
    filled: Project, upstream: FaultyUpstream
) -> None:
    with filled.database() as alias:
        for season, days in ((2041, 60), (2040, 10)):
            Event.objects.using(alias).create(
                season=season,
                grand_prix="belgian-grand-prix",
                session_type="race",
                starts_at=today() + timedelta(days=days),
                ends_at=today() + timedelta(days=days, hours=2),
            )
    done = ingest(filled, upstream, "--skip-results", "--format", "json")
    assert report_of(done)["seasons"] == [2040]
    assert asked(upstream)[0] == "schedule_2040.json"


@pytest.mark.once
def test_refresh_passes_the_cache_of_a_past_season(
    project: Project, upstream: FaultyUpstream
) -> None:
    arguments = (*YEAR, "--round", "2", "--format", "json")
    questions = [SCHEDULE, CALENDAR, "2024/2/results", "2024/2/qualifying"]
    assert report_of(ingest(project, upstream, *arguments))["requests"] == 4
    assert asked(upstream) == questions
    rows = read_rows(project)
    assert report_of(ingest(project, upstream, *arguments))["requests"] == 0
    assert asked(upstream) == []
    assert report_of(ingest(project, upstream, *arguments, "--refresh"))["requests"] == 4
    assert asked(upstream) == questions
    assert read_rows(project) == rows


@pytest.mark.once
def test_live_season_is_never_read_from_the_cache(
    project: Project, upstream: FaultyUpstream
) -> None:
    season = live_season(today())
    year = season.year
    upstream.seasons[year] = season
    questions = [f"schedule_{year}.json", f"{year}/races", f"{year}/qualifying"]
    for counts in ("2 created, 0 updated", "0 created, 0 updated"):
        done = ingest(project, upstream, "--year", f"{year}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].startswith(f"events: {counts}")
        assert asked(upstream) == questions


@pytest.mark.once
def test_terminal_shows_progress_then_a_table_and_never_asks(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*", delay=0.4)  # each step has to last for the display to draw it
    code, shown = run_on_terminal(project, upstream, *YEAR)
    assert code == 0, shown
    lines = shown_lines(shown)
    start = lines.index("Formula 1 2024")
    for step in ("schedule", "race results", "qualifying results", "sprint results"):
        assert any(re.match(rf"2024 {step} .* \d+%$", line) for line in lines[:start])
    table = [line for line in lines[start:] if re.match(r" *\d+ ", line)]
    assert [line.split()[1] for line in table] == ["Chinese", "Belgian"]
    assert max(len(line) for line in table) <= 80
    assert "assword" not in shown
    assert count_rows(project) == FILLED


def interrupt(
    project: Project, upstream: FaultyUpstream, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Ctrl-C while the race results are waited for."""
    upstream.fault("*/results.json", hang=True)
    environment = {**addresses(upstream)}
    process = project.start("ingest_f1", *arguments, env=environment)
    wait_until(lambda: any("results" in request.path for request in upstream.requests))
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


@pytest.mark.once
def test_any_command_that_is_interrupted_ends_with_130(project: Project) -> None:
    done = project.manage("shell", "-v0", "-c", "raise KeyboardInterrupt")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_interrupted_run_ends_with_a_line_and_a_closed_record(
    project: Project, upstream: FaultyUpstream
) -> None:
    done = interrupt(project, upstream, *YEAR)
    assert complaint(done, 130) == (
        "interrupted; what was saved before stays, run it again to continue"
    )
    assert done.stdout == ""
    [run] = read_runs(project)
    assert run.ended_at is not None
    assert run.outcome == "failed"
    assert [str(one) for one in run.problem_list] == ["interrupted; what was saved before stays"]
    assert run.requests == len(asked(upstream)) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Date": "Wed, 01 Jul 2099 12:00:00 GMT", "Expires": "", "Cache-Control": ""},
        {"Cache-Control": "max-age=315360000", "Expires": "Thu, 31 Dec 2037 23:55:55 GMT"},
        {"Age": "-3600", "Expires": "", "Cache-Control": "public"},
    ],
    ids=["date", "expires max", "negative age"],
)
def test_an_answer_of_the_future_is_a_problem(
    headers: dict[str, str], filled: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*", headers=headers)

    done = ingest(filled, upstream, *YEAR, "--refresh", "--format", "json")

    report = report_of(done)
    assert (done.returncode, report["outcome"]) == (3, "partial")
    [problem] = report["problems"]
    assert problem["season"] == 2024
    assert "which is still to come; it counts as made when it arrived" in problem["message"]
    assert counts_of(report) == UNCHANGED
    [kept] = read_runs(filled)[-1].problem_list
    assert kept.advice.startswith("Compare this machine's clock with the upstream's")
