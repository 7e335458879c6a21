"""What `manage.py ingest_f1` answers to bad input, and to what does not work around it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingestion.management.commands.ingest_f1 import read_round, read_years
from ingestion.sample.season import load_season
from tests.command_line import (
    CALENDAR,
    RESULTS,
    SCHEDULE,
    SPRINT_QUALIFYINGS,
    asked,
    complaint,
    count_rows,
    filled_database,  # noqa: F401 - a fixture of `filled_project`
    filled_project,  # noqa: F401 - fixture `filled`
    ingest,
    read_rows,
    read_runs,
    small_season,
    small_upstream,  # noqa: F401 - fixture `upstream`
    today,
)
from tests.project import Project
from tests.shortened import shortened
from tests.upstream import FaultyUpstream, with_wrong_types

NOTHING = {"event": 0, "result": 0, "change": 0}
MARK = "s3cr3t-MARK"
LATEST = today().year + 1

FAULTS: dict[str, dict[str, Any]] = {
    "404": {"status": 404},
    "429": {"status": 429},
    "500": {"status": 500},
    "empty": {"body": b""},
    "cut": {"cut": 100},
    "HTML": {"html": True},
    "wrong types": {"transform": with_wrong_types},
    "reset": {"reset": True},
}
UNREADABLE = "the answer is not what it should be and cannot be read"
BROKEN_OFF = "the server cannot be reached or broke off"
REFUSED = f"{BROKEN_OFF} (127.0.0.1: connection refused)"
REASONS = {
    "404": "the server answered 404 Not Found",
    "429": "the server asks for fewer requests (429)",
    "500": "the server answered 500 Internal Server Error",
    "empty": UNREADABLE,
    "cut": f"{BROKEN_OFF} (127.0.0.1)",
    "HTML": UNREADABLE,
    "wrong types": UNREADABLE,
    "reset": f"{BROKEN_OFF} (127.0.0.1: connection reset by peer)",
}
CHECK_NETWORK = (
    "Check the network, and F1_SCHEDULE_URL and JOLPICA_URL where they are set; then run it again."
)
CHECK_SEASON = (
    "Check the season, and F1_SCHEDULE_URL and JOLPICA_URL where they are set; then run it again."
)
TROUBLE = "The server has trouble of its own: run it again later."
REFRESH = "Run it again later, with --refresh where the answer may come from the cache."
IN_AN_HOUR = "Run it again in an hour: it continues with what is missing, or add --wait."
ADVICE = {
    "429": IN_AN_HOUR,
    "404": CHECK_SEASON,
    "500": TROUBLE,
    **dict.fromkeys(["cut", "reset"], CHECK_NETWORK),
}


YEAR_FORM = "--year takes a year or a range like 2021-2024, not '{}'"
YEAR_LIMITS = f"--year takes seasons from 1950 to {LATEST}, not '{{}}'"
ROUND_FORM = "--round takes the number of a round, not '{}'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", YEAR_FORM),
        ("24", YEAR_FORM),
        ("2024-", YEAR_FORM),
        ("-2024", YEAR_FORM),
        ("2022-2023-2024", YEAR_FORM),
        (" 2024", YEAR_FORM),
        ("\uff12\uff10\uff12\uff14", YEAR_FORM),
        ("2024\u20132025", YEAR_FORM),
        ("1949-1950", YEAR_LIMITS),
        (f"2024-{LATEST + 1}", YEAR_LIMITS),
    ],
)
def test_text_that_is_no_season_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message.format(text))}$"):
        read_years(text, latest=LATEST)


@pytest.mark.parametrize("text", ["", "0", "00", "100", "1.0", "+1", "\uff11", "²"])
def test_text_that_is_no_round_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(ROUND_FORM.format(text))}$"):
        read_round(text, (2024,))


@pytest.mark.parametrize(
    ("text", "seasons"),
    [
        (None, ()),
        ("1950", (1950,)),
        (f"{LATEST}", (LATEST,)),
        ("2024-2024", (2024,)),
        ("2021-2024", (2021, 2022, 2023, 2024)),
    ],
)
def test_seasons_are_read_oldest_first(text: str | None, seasons: tuple[int, ...]) -> None:
    assert read_years(text, latest=LATEST) == seasons


@pytest.mark.parametrize(
    ("arguments", "message"),
    shortened(
        [
            (["--year", "abc"], YEAR_FORM.format("abc")),
            (["--year", "99999"], YEAR_FORM.format("99999")),
            (["--year", "\uff12\uff10\uff12\uff14"], YEAR_FORM.format("\uff12\uff10\uff12\uff14")),
            (["--year", "1949"], YEAR_LIMITS.format("1949")),
            (["--year", f"{LATEST + 1}"], YEAR_LIMITS.format(LATEST + 1)),
            (["--year", "2024-2021"], "--year takes the earlier year first, not '2024-2021'"),
            (["--year", "2024", "--round", "0"], ROUND_FORM.format("0")),
            (["--year", "2024", "--round", "-1"], ROUND_FORM.format("-1")),
            (["--year", "2024", "--round", "abc"], ROUND_FORM.format("abc")),
            (["--year", "2023-2024", "--round", "1"], "--round takes a single --year beside it"),
            (
                ["--skip-schedule", "--skip-results"],
                "--skip-schedule and --skip-results together leave nothing to do",
            ),
        ],
        keep=3,
    ),
)
@pytest.mark.once
def test_wrong_usage_ends_before_anything_is_asked(
    project: Project, upstream: FaultyUpstream, arguments: list[str], message: str
) -> None:
    done = ingest(project, upstream, *arguments)
    assert complaint(done, 2) == f"{message}. Nothing was changed."
    assert done.stdout == ""
    assert asked(upstream) == []
    assert read_runs(project) == []
    assert count_rows(project) == NOTHING


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["2024"], "unrecognized arguments: 2024"),
    ],
)
@pytest.mark.once
def test_unknown_options_are_wrong_usage(
    project: Project, upstream: FaultyUpstream, arguments: list[str], message: str
) -> None:
    done = ingest(project, upstream, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]
    assert done.stderr.startswith("usage: manage.py ingest_f1 ")
    assert "Traceback" not in done.stderr
    assert asked(upstream) == []


@pytest.mark.once
def test_round_that_the_season_does_not_have_is_wrong_usage(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.seasons[2024] = load_season(2024)
    done = ingest(project, upstream, "--year", "2024", "--round", "25")
    assert complaint(done, 2) == (
        "2024 has no round 25, its rounds are 1 to 24. Nothing was changed."
    )
    assert done.stdout == ""
    assert asked(upstream) == [SCHEDULE, CALENDAR]
    assert count_rows(project) == NOTHING
    [run] = read_runs(project)
    assert (run.outcome, run.fault) == ("failed", "none")


@pytest.mark.once
def test_round_that_is_not_stored_is_refused_unasked(
    filled: Project, upstream: FaultyUpstream
) -> None:
    before = read_rows(filled)
    done = ingest(filled, upstream, "--year", "2024", "--round", "3", "--skip-schedule")
    assert complaint(done, 2) == "2024 has no round 3, its rounds are 1 to 2. Nothing was changed."
    assert asked(upstream) == []
    assert read_rows(filled) == before


@pytest.mark.once
def test_results_alone_need_stored_events(project: Project, upstream: FaultyUpstream) -> None:
    done = ingest(project, upstream, "--year", "2024", "--skip-schedule")
    assert complaint(done, 1) == (
        "2024: no event of the season is stored. Nothing was changed. "
        "Run it once without --skip-schedule."
    )
    assert done.stdout == ""
    assert asked(upstream) == []


@pytest.mark.once
def test_unreachable_upstream_is_one_clear_line(
    project: Project, upstream: FaultyUpstream, closed_port: int
) -> None:
    nowhere = f"http://127.0.0.1:{closed_port}/"
    done = ingest(
        project,
        upstream,
        "--year",
        "2024",
        env={"F1_SCHEDULE_URL": nowhere, "JOLPICA_URL": nowhere},
    )
    assert complaint(done, 1) == (
        f"2024: the schedule file of 2024: {REFUSED}; "
        f"Jolpica's calendar of 2024: {REFUSED}. Nothing was changed. {CHECK_NETWORK}"
    )
    assert done.stdout == ""
    assert count_rows(project) == NOTHING


@pytest.mark.once
def test_unreachable_upstream_is_one_object_in_json(
    project: Project, upstream: FaultyUpstream, closed_port: int
) -> None:
    nowhere = f"http://127.0.0.1:{closed_port}/"
    env = {"F1_SCHEDULE_URL": nowhere, "JOLPICA_URL": nowhere}
    done = ingest(project, upstream, "--year", "2024", "--format", "json", env=env)
    complaint(done, 1)
    report = json.loads(done.stdout)
    assert (report["outcome"], report["seasons"], report["requests"]) == ("failed", [2024], 2)
    assert report["problems"] == [
        {
            "season": 2024,
            "grand_prix": None,
            "session_type": None,
            "message": (
                f"the schedule file of 2024: {REFUSED}; Jolpica's calendar of 2024: {REFUSED}"
            ),
        }
    ]


@pytest.mark.parametrize("fault", shortened(FAULTS, {"404", "429", "wrong types"}))
@pytest.mark.once
def test_upstream_that_answers_nothing_usable_changes_nothing(
    project: Project, upstream: FaultyUpstream, fault: str
) -> None:
    upstream.fault("*", **FAULTS[fault])
    done = ingest(project, upstream, "--year", "2024")
    message = complaint(done, 1)
    assert message == (
        f"2024: the schedule file of 2024: {REASONS[fault]}; "
        f"Jolpica's calendar of 2024: {REASONS[fault]}. "
        f"Nothing was changed. {ADVICE.get(fault, REFRESH)}"
    )
    assert done.stdout == ""
    assert asked(upstream) == [SCHEDULE, CALENDAR]
    assert count_rows(project) == NOTHING
    [run] = read_runs(project)
    assert (run.outcome, run.requests, len(run.problems)) == ("failed", 2, 1)


@pytest.mark.parametrize("fault", ["500", "wrong types"])
def test_failures_change_nothing_in_a_filled_database(
    filled: Project, upstream: FaultyUpstream, fault: str
) -> None:
    before = read_rows(filled)
    upstream.fault("*", **FAULTS[fault])
    done = ingest(filled, upstream, "--year", "2024")
    message = complaint(done, 1)
    assert message.startswith(f"2024: the schedule file of 2024: {REASONS[fault]}")
    assert "(and 3 more). Nothing was changed." in message
    assert done.stdout == ""
    assert asked(upstream) == [SCHEDULE, CALENDAR, *RESULTS]
    assert read_rows(filled) == before
    run = read_runs(filled)[-1]
    assert (run.outcome, run.requests, len(run.problems)) == ("failed", 5, 4)


@pytest.mark.once
def test_jolpica_that_asks_for_fewer_requests_is_left_alone_for_an_hour(
    filled: Project, upstream: FaultyUpstream
) -> None:
    before = read_rows(filled)
    upstream.fault("/ergast/*", status=429)
    done = ingest(filled, upstream, "--year", "2024", "--skip-schedule")
    message = complaint(done, 1)
    assert message == (
        "2024: Jolpica's results of 2024: the server asks for fewer requests (429); left for "
        f"later: race, qualifying, sprint and sprint qualifying. Nothing was changed. {IN_AN_HOUR}"
    )
    assert asked(upstream) == RESULTS[:1]
    assert read_rows(filled) == before


@pytest.mark.once
def test_upstream_that_hangs_is_given_up(filled: Project, upstream: FaultyUpstream) -> None:
    """One endpoint of one round: each is waited for 5 s."""
    before = read_rows(filled)
    upstream.fault("*/2/results.json", hang=True)
    done = ingest(filled, upstream, "--year", "2024", "--round", "2", "--skip-schedule")
    assert complaint(done, 3) == (
        "2024 belgian-grand-prix race: Jolpica's results of 2024 round 2: no answer in time "
        f"(127.0.0.1). The rest is saved. {CHECK_NETWORK}"
    )
    assert read_rows(filled) == before


@pytest.mark.once
def test_jolpicas_calendar_stands_in_for_the_schedule_file(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*/schedule_2024.json", status=404)
    done = ingest(project, upstream, "--year", "2024", "--skip-results")
    assert complaint(done, 3) == (
        "2024: the schedule file of 2024: the server answered 404 Not Found; "
        "Jolpica's calendar was used alone. "
        f"The rest is saved. {CHECK_SEASON}"
    )
    assert asked(upstream) == [SCHEDULE, CALENDAR]
    assert count_rows(project) == {"event": 6, "result": 0, "change": 6}
    starts = {event["schedule_source"] for event in read_rows(project)["event"]}
    assert starts == {"jolpica"}


@pytest.mark.once
def test_schedule_file_is_used_alone_where_jolpicas_calendar_fails(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*/races.json", status=500)
    done = ingest(project, upstream, "--year", "2024", "--skip-results")
    assert complaint(done, 3) == (
        "2024: Jolpica's calendar of 2024: the server answered 500 Internal Server Error; "
        f"the schedule file was used alone. The rest is saved. {TROUBLE}"
    )
    assert asked(upstream) == [SCHEDULE, CALENDAR]
    assert count_rows(project) == {"event": 6, "result": 0, "change": 6}
    sources = {event["schedule_source"] for event in read_rows(project)["event"]}
    assert sources == {"schedule_file"}


@pytest.mark.once
def test_nothing_is_cancelled_where_a_calendar_fails(
    filled: Project, upstream: FaultyUpstream
) -> None:
    before = read_rows(filled)
    season = small_season()
    upstream.seasons[2024] = replace(season, grands_prix=season.grands_prix[:1])
    upstream.fault("*/races.json", status=500)
    complaint(ingest(filled, upstream, "--year", "2024", "--skip-results"), 3)
    assert read_rows(filled) == before


@pytest.mark.once
def test_season_that_no_upstream_has_is_one_clear_line(
    project: Project, upstream: FaultyUpstream
) -> None:
    done = ingest(project, upstream, "--year", "2019")
    message = complaint(done, 1)
    assert message.startswith(
        "2019: the schedule file of 2019: the server answered 404 Not Found; "
        "Jolpica has no calendar of 2019. Nothing was changed. "
    )
    # The server answered: the network is not what is wrong.
    assert "Check the network" not in message
    assert asked(upstream) == ["schedule_2019.json", "2019/races"]
    assert count_rows(project) == NOTHING


def forget_races(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "session5": dict.fromkeys(document["session5"], "Practice 3")}


def a_year_earlier(document: dict[str, Any]) -> dict[str, Any]:
    earlier: dict[str, Any] = json.loads(json.dumps(document).replace("2024-", "2023-"))
    return earlier


REFUSED_FILES = {
    "cannot be true: Chinese Grand Prix: no race; Belgian Grand Prix: no race": forget_races,
    "cannot be true: Chinese Grand Prix: the race day 2023-04-21 is not in the season; "
    "Belgian Grand Prix: the race day 2023-07-28 is not in the season": a_year_earlier,
    "has no grand prix": lambda document: {column: {} for column in document},
}


@pytest.mark.once
@pytest.mark.parametrize("reason", shortened(REFUSED_FILES, keep=1))
def test_schedule_file_that_cannot_be_true_is_refused_whole(
    filled: Project, upstream: FaultyUpstream, reason: str
) -> None:
    before = read_rows(filled)
    upstream.fault("*/schedule_2024.json", transform=REFUSED_FILES[reason])
    done = ingest(filled, upstream, "--year", "2024")
    assert complaint(done, 3) == (
        f"2024: the schedule file of 2024 was refused: the calendar of 2024 {reason}; "
        f"Jolpica's calendar was used alone. The rest is saved. {REFRESH}"
    )
    assert asked(upstream) == [SCHEDULE, CALENDAR, *RESULTS, *SPRINT_QUALIFYINGS]
    assert read_rows(filled) == before


@pytest.mark.once
def test_schedule_file_that_cannot_be_true_costs_an_empty_database_nothing_else(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*/schedule_2024.json", transform=a_year_earlier)
    complaint(ingest(project, upstream, "--year", "2024"), 3)
    assert count_rows(project) == {"event": 6, "result": 120, "change": 12}


@pytest.mark.once
def test_results_that_fail_leave_the_rest_saved(project: Project, upstream: FaultyUpstream) -> None:
    upstream.fault("*/results.json", status=500)
    done = ingest(project, upstream, "--year", "2024")
    problem = "2024 race: Jolpica's results of 2024: the server answered 500 Internal Server Error"
    assert complaint(done, 3) == f"{problem}. The rest is saved. {TROUBLE}"
    assert f"problem: {problem}" in done.stdout.splitlines()
    assert count_rows(project) == {"event": 6, "result": 60, "change": 9}
    [run] = read_runs(project)
    assert (run.outcome, run.requests) == ("partial", 5)
    assert [str(one) for one in run.problem_list] == [problem]
    assert run.counts == {
        "events": {"created": 6, "updated": 0, "unchanged": 0, "cancelled": 0, "reinstated": 0},
        "results": {"created": 3, "updated": 0, "unchanged": 0, "amended": 0},
    }


@pytest.mark.once
def test_run_after_a_partial_one_gets_what_is_missing(
    filled: Project, upstream: FaultyUpstream
) -> None:
    before = read_rows(filled)
    upstream.fault("*/qualifying.json", times=1, cut=2000)
    complaint(ingest(filled, upstream, "--year", "2024"), 3)
    assert read_rows(filled) == before
    asked(upstream)
    assert ingest(filled, upstream, "--year", "2024").returncode == 0
    assert asked(upstream) == ["2024/qualifying", *SPRINT_QUALIFYINGS]
    assert read_rows(filled) == before


@pytest.mark.once
def test_cache_folder_that_cannot_be_written_is_named(
    project: Project, upstream: FaultyUpstream
) -> None:
    file = project.folder / "file"
    file.touch()
    done = ingest(
        project, upstream, "--year", "2024", env={"FASTF1_CACHE_DIR": str(file / "cache")}
    )
    assert complaint(done, 1) == (
        f"the cache folder {file}/cache cannot be written (Not a directory); make it writable "
        "or name another one in FASTF1_CACHE_DIR. Nothing was changed. Run it again."
    )
    assert asked(upstream) == []
    assert count_rows(project) == NOTHING


def test_database_that_is_down_is_one_clear_line(
    project: Project, upstream: FaultyUpstream, closed_port: int
) -> None:
    url = f"postgresql://f1:{MARK}@127.0.0.1:{closed_port}/f1"
    done = ingest(project, upstream, "--year", "2024", env={"DATABASE_URL": url})
    assert complaint(done, 1) == (
        "the database cannot be reached. Nothing was changed. "
        "Check that it runs and that DATABASE_URL names it, then run it again."
    )
    assert done.stdout == ""
    assert MARK not in done.stderr
    assert done.stderr.count("trying again: the database cannot be reached") == 4
    assert asked(upstream) == []


@pytest.mark.project
@pytest.mark.once
def test_migrate_on_a_database_that_is_down_is_one_clear_line(
    unmigrated_project: Project, closed_port: int
) -> None:
    url = f"postgresql://f1:{MARK}@127.0.0.1:{closed_port}/f1"
    done = unmigrated_project.manage("migrate", "--verbosity", "0", env={"DATABASE_URL": url})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "CommandError: the database cannot be reached. Nothing was changed. "
        "Check that it runs and that DATABASE_URL names it, then run it again.\n"
    )


@pytest.mark.once
def test_database_file_in_no_folder_is_one_clear_line(
    project: Project, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/missing/db.sqlite3"
    done = ingest(project, upstream, "--year", "2024", env={"DATABASE_URL": url})
    assert complaint(done, 1).startswith("the database cannot be reached. Nothing was changed. ")
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("arguments", [[], ["--year", "2024", "--dry-run"]])
def test_database_without_tables_is_told_how_to_get_them(
    unmigrated_project: Project, upstream: FaultyUpstream, arguments: list[str]
) -> None:
    done = ingest(unmigrated_project, upstream, *arguments)
    assert complaint(done, 1) == (
        "the database has no tables yet. Nothing was changed. Run 'python manage.py migrate' first."
    )
    assert done.stdout == ""
    assert asked(upstream) == []


@pytest.mark.project
@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://f1:{MARK}/@127.0.0.1:5432/f1",
        f"postgresql://f1:{MARK}@127.0.0.1:{MARK}/f1",
        f"mysql://f1:{MARK}@127.0.0.1/f1",
    ],
)
@pytest.mark.once
def test_malformed_database_address_is_never_repeated(
    project: Project, upstream: FaultyUpstream, url: str
) -> None:
    done = ingest(project, upstream, "--year", "2024", env={"DATABASE_URL": url})
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("Wrong configuration: DATABASE_URL cannot be used: ")
    assert "Nothing was changed." in line
    assert MARK not in line
    assert asked(upstream) == []
