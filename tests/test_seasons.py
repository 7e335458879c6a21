"""From one season to the next, and what a daily sweep puts right."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.db.models import F

from f1picks.environment import ROOT
from ingestion.lifecycle import may_be_absent, season_to_look_for
from ingestion.management.commands.ingest_f1 import Command
from ingestion.models import Alarm, Change, Event, IngestRun, Poll, RequestBlock, TaskRun
from ingestion.pipeline import current_season, mend_plans, prune, put_back_times
from ingestion.pipeline.upkeep import PAST_TIMES
from ingestion.queue import tasks
from ingestion.sample.season import GrandPrix
from rehearsal.clock import VirtualClock, virtual_time
from tests.command_line import asked, in_year, small_upstream  # noqa: F401
from tests.ticking import World, at, world  # noqa: F401

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

NEXT = ["schedule_2025.json", "2025/races"]
NOW = ["schedule_2024.json", "2024/races"]
DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "current", "wanted", "is_optional"),
    [
        ("2024-11-30", 2024, None, None),
        ("2024-12-01", 2024, 2025, True),
        ("2024-12-20", 2025, None, None),
        ("2025-01-15", 2024, 2025, True),
        ("2025-02-28", 2024, 2025, True),
        ("2025-03-01", 2024, 2025, False),
        ("2025-03-01", 2025, None, None),
    ],
)
def test_next_season_is_looked_for_from_december_and_has_to_be_there_by_march(
    now: str, current: int, wanted: int | None, is_optional: bool | None
) -> None:
    assert season_to_look_for(utc(now), current) == wanted
    if wanted is not None:
        assert may_be_absent(wanted, utc(now)) is is_optional


def test_season_that_is_not_published_yet_is_no_failure_in_december(world: World) -> None:  # noqa: F811
    world.refresh_schedule()
    world.now = at("12-10 06:00")
    # The second calendar of a season without a file says nothing.
    assert world.refresh_schedule() == [*NOW, NEXT[0]]
    run = IngestRun.objects.latest("pk")
    assert (run.seasons, run.outcome, run.problems) == ([2025], "ok", [])
    assert "2025" in str(run.note_list[0])
    assert not run.schedule_refreshed
    # Once a day.
    world.now = at("12-10 18:00")
    assert world.refresh_schedule() == NOW[:1]


def test_worker_that_is_down_in_the_mornings_looks_for_the_next_season_once_a_day_too(
    world: World,  # noqa: F811
) -> None:
    world.refresh_schedule()
    for day in ("12-10", "12-11", "12-12"):
        world.now = at(f"{day} 18:00")
        assert world.refresh_schedule() == [*NOW, NEXT[0]]
        world.now = at(f"{day} 19:30")
        assert world.refresh_schedule() == NOW[:1], "the worker was started again"


def test_season_that_is_not_published_in_march_is_a_failure(world: World) -> None:  # noqa: F811
    world.refresh_schedule()
    world.now = utc("2025-03-02T06:00")
    world.refresh_schedule()
    run = IngestRun.objects.latest("pk")
    assert (run.seasons, run.outcome, run.fault) == ([2025], "failed", "upstream")


def test_new_season_becomes_the_current_one_once_the_old_one_is_over(
    world: World,  # noqa: F811
) -> None:
    world.refresh_schedule()
    season = world.upstream.seasons[2024]
    coming = tuple(in_year(grand_prix, 2025) for grand_prix in season.grands_prix)
    world.upstream.seasons[2025] = replace(season, year=2025, grands_prix=coming)
    world.now = at("12-10 06:00")
    world.refresh_schedule()
    assert Event.objects.filter(season=2025).count() == Event.objects.filter(season=2024).count()
    assert current_season(world.now) == 2025
    world.now = at("12-11 06:00")
    assert world.refresh_schedule() == NEXT


def run_command(world: World) -> None:  # noqa: F811
    # The command was imported under another clock, and goes by the one of its run.
    with virtual_time(VirtualClock(world.now)):
        call_command(Command(), "--skip-results")


def run_workflow(world: World) -> None:  # noqa: F811
    """The commands that the steps of the workflow's cron would run, each on the world's clock."""
    for name, *arguments in list_workflow_commands():
        if name == "ingest_f1":
            # Of the results none is out in this world.
            with virtual_time(VirtualClock(world.now)):
                call_command(Command(), *arguments, "--skip-results")
        else:
            assert (name, arguments) == ("migrate", ["--check", "--plan"])


@cache
def list_workflow_commands() -> list[list[str]]:
    """Its steps, run by their shell with a `python` that only writes down what it is to run."""
    workflow = yaml.load((ROOT / ".github/workflows/f1-data-sync.yml").read_text(), yaml.BaseLoader)
    with tempfile.TemporaryDirectory() as name:
        folder, said = Path(name), Path(name) / "said"
        (folder / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$*" >>"$SAID"\n')
        (folder / "python").chmod(0o755)
        for step in workflow["jobs"]["ingest"]["steps"]:
            if "run" not in step:
                continue
            # A cron has no inputs.
            inputs = dict.fromkeys(step.get("env", {}), "")
            environment = {
                **inputs,
                "DATABASE_URL": "the secret",
                "RUNNER_TEMP": name,
                "GITHUB_STEP_SUMMARY": f"{name}/summary",
                "PATH": f"{name}{os.pathsep}{os.environ['PATH']}",
                "SAID": str(said),
            }
            script = folder / "step.sh"
            script.write_text(step["run"])
            shell = workflow["defaults"]["run"]["shell"].format(script)
            subprocess.run(shlex.split(shell), check=True, env=environment, capture_output=True)
        lines = [line.split() for line in said.read_text().splitlines()]
    return [line[1:] for line in lines if line[0] == "manage.py"]


def test_workflow_ingests_once_and_names_no_year() -> None:
    assert [command for command in list_workflow_commands() if command[0] == "ingest_f1"] == [
        ["ingest_f1"]
    ]


def run_worker(world: World) -> None:  # noqa: F811
    tasks.refresh_schedule(clock=world.read_clock)


@pytest.mark.parametrize("run", [run_command, run_worker, run_workflow])
@pytest.mark.parametrize("calendar", ["file", "jolpica"])
def test_new_season_comes_from_either_calendar_in_january(
    world: World,  # noqa: F811
    run: Callable[[World], None],
    calendar: str,
) -> None:
    run(world)
    for day in ("2024-12-31T06:00", "2025-01-01T06:00"):
        world.now = utc(day)
        run(world)
        assert current_season(world.now) == 2024
        assert IngestRun.objects.exclude(outcome="ok").count() == 0
        assert NEXT[0] in asked(world.upstream)
    season = world.upstream.seasons[2024]
    coming = tuple(in_year(grand_prix, 2025) for grand_prix in season.grands_prix)
    known = coming if calendar == "file" else ()
    world.upstream.seasons[2025] = replace(
        season, year=2025, grands_prix=known, jolpica_calendar=coming
    )
    world.now = utc("2025-01-02T06:00")
    run(world)
    assert current_season(world.now) == 2025
    # Jolpica's alone is no failure before March.
    world.now = utc("2025-01-03T06:00")
    run(world)
    assert IngestRun.objects.exclude(outcome="ok").count() == 0


def shift(grand_prix: GrandPrix, days: int) -> GrandPrix:
    sessions = tuple(
        replace(session, starts_at=session.starts_at and session.starts_at + days * DAY)
        for session in grand_prix.sessions
    )
    return replace(grand_prix, sessions=sessions)


@pytest.mark.parametrize("first_run", ["11-20 06:00", "12-07 06:00"])
def test_last_races_result_is_fetched_though_the_next_calendar_is_out(
    world: World,  # noqa: F811
    first_run: str,
) -> None:
    season = world.upstream.seasons[2024]
    *others, belgium = season.grands_prix
    # On 8 December.
    world.upstream.seasons[2024] = replace(season, grands_prix=(*others, shift(belgium, 133)))
    coming = tuple(in_year(grand_prix, 2025) for grand_prix in season.grands_prix)
    world.upstream.seasons[2025] = replace(season, year=2025, grands_prix=coming)
    for time in (first_run, "12-07 06:00"):
        world.now = at(time)
        run_command(world)
    assert Event.objects.filter(season=2025).exists()

    world.publish("races", "qualifyings", "sprints", "sprint_qualifyings")
    world.now = at("12-08 18:00")
    with virtual_time(VirtualClock(world.now)):
        call_command(Command())
    race = Event.objects.get(season=2024, grand_prix="belgian-grand-prix", session_type="race")
    assert race.results_state == "official"
    # Penalties come within days, a fortnight later no run is for them.
    assert current_season(at("12-20 06:00")) == 2024
    assert current_season(at("12-23 06:00")) == 2025


@pytest.mark.parametrize("run", [run_command, run_worker, run_workflow])
def test_season_of_the_year_is_requested_where_an_older_one_is_stored(
    world: World,  # noqa: F811
    run: Callable[[World], None],
) -> None:
    run(world)
    asked(world.upstream)
    season = world.upstream.seasons[2024]
    coming = tuple(in_year(grand_prix, 2026) for grand_prix in season.grands_prix)
    world.upstream.seasons[2026] = replace(season, year=2026, grands_prix=coming)
    world.now = utc("2026-11-20T06:00")
    run(world)
    assert asked(world.upstream)[:2] == ["schedule_2026.json", "2026/races"]
    assert IngestRun.objects.latest("pk").seasons == [2026]


def test_first_calendar_of_an_empty_database_is_the_years(world: World) -> None:  # noqa: F811
    assert world.refresh_schedule() == NOW
    assert IngestRun.objects.get().schedule_refreshed


def test_sweep_brings_lost_plans_forward(world: World) -> None:  # noqa: F811
    world.refresh_schedule()
    world.now = at("07-28 16:00")
    world.tick()
    lost = Poll.objects.filter(event__session_type="race")
    lost.update(next_at=None)
    world.now = at("08-10 03:30")
    assert mend_plans(world.now) == lost.count() > 0
    asked(world.upstream)
    world.tick()
    assert asked(world.upstream) != []


def test_sweep_asks_nobody_and_leaves_good_plans_alone(world: World) -> None:  # noqa: F811
    world.refresh_schedule()
    world.now = at("07-28 16:00")
    world.tick()
    before = list(Poll.objects.order_by("pk").values())
    asked(world.upstream)
    world.now += timedelta(minutes=10)
    tasks.sweep(clock=world.read_clock)
    assert list(Poll.objects.order_by("pk").values()) == before
    assert asked(world.upstream) == []


def test_old_records_are_pruned_and_the_feed_keeps_its_runs(world: World) -> None:  # noqa: F811
    world.refresh_schedule()
    told = IngestRun.objects.get()
    world.now += timedelta(minutes=5)
    tasks.refresh_schedule(clock=world.read_clock)
    TaskRun.objects.create(pk="old", name="tick", started_at=world.now)
    assert IngestRun.objects.count() == 2
    assert prune(world.now + 89 * DAY) == 1
    assert prune(world.now + 91 * DAY) == 1
    assert list(IngestRun.objects.all()) == [told]
    assert Change.objects.filter(run=told).exists()
    assert not TaskRun.objects.exists()


def test_sweep_lets_those_who_are_asking_finish(world: World) -> None:  # noqa: F811
    """A claim is a plan that lies a few minutes ahead of what is due."""
    world.refresh_schedule()
    world.now = at("07-28 16:00")
    world.tick()
    world.now = at("07-29 03:30")
    claimed = Poll.objects.filter(event__session_type="race")
    claimed.update(next_at=world.now + timedelta(minutes=15))
    assert claimed.exists()
    assert mend_plans(world.now) == 0


def test_sweep_leaves_a_server_alone_that_said_when_to_come_back(world: World) -> None:  # noqa: F811
    world.refresh_schedule()
    world.now = at("07-28 23:50")
    world.upstream.fault("*/results.json", status=429, retry_after=5 * 3600)
    world.tick()
    world.now = at("07-29 03:30")
    assert mend_plans(world.now) == 0


@pytest.mark.parametrize("ahead", [DAY, 366 * DAY], ids=["a day", "a year"])
def test_clock_that_was_ahead_once_puts_off_no_poll(
    world: World,  # noqa: F811
    ahead: timedelta,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.refresh_schedule()
    world.now = at("07-28 16:00")
    world.tick()
    for name in ("requested_at", "answered_at", "expires_at", "next_at"):
        of_polls = Poll.objects.exclude(**{name: None})
        of_polls.update(**{name: F(name) + ahead})
    asked(world.upstream)
    caplog.clear()
    world.now += timedelta(hours=2)

    world.tick()

    assert "2024/results" in asked(world.upstream)
    assert "was made by a clock that was ahead; it is requested now" in caplog.text
    races = Poll.objects.filter(event__session_type="race", source="jolpica")
    assert not races.filter(next_at__gt=world.now + 8 * DAY).exists()
    assert races.filter(requested_at=world.now).count() == 2
    world.now += timedelta(minutes=5)
    caplog.clear()
    world.tick()
    assert "a clock that was ahead" not in caplog.text


def test_claim_of_a_clock_that_was_ahead_is_none(world: World) -> None:  # noqa: F811
    """A process that was killed then has answered nothing since."""
    world.refresh_schedule()
    world.now = at("07-28 16:00")
    world.tick()
    Poll.objects.update(next_at=world.now + DAY + timedelta(minutes=15))
    asked(world.upstream)
    world.now += timedelta(hours=1)
    world.tick()
    assert "2024/2/results" in asked(world.upstream)


def test_calendars_are_read_before_a_start_whatever_a_clock_that_was_ahead_planned(
    world: World,  # noqa: F811
) -> None:
    world.refresh_schedule()
    world.now = at("07-27 20:00")
    world.tick()
    Poll.objects.filter(event=None).update(
        requested_at=world.now + DAY, answered_at=world.now + DAY, next_at=world.now + DAY
    )
    asked(world.upstream)
    world.now += timedelta(minutes=5)
    world.tick()
    assert asked(world.upstream)[:2] == NOW


def test_next_season_is_looked_for_though_it_was_read_in_the_future(world: World) -> None:  # noqa: F811
    world.refresh_schedule()
    world.now = at("12-10 06:00")
    world.refresh_schedule()
    Poll.objects.filter(season=2025).update(requested_at=world.now + 300 * DAY)
    world.now = at("12-11 06:00")
    assert NEXT[0] in world.refresh_schedule()


def test_sweep_puts_every_time_of_the_future_back(
    world: World,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.refresh_schedule()
    world.publish("races")
    world.now = at("07-28 16:00")
    world.tick()
    world.now = at("07-29 03:30")
    ahead = world.now + 366 * DAY
    Alarm.objects.create(key="clock", severity="broken", title="wrong", raised_at=ahead)
    TaskRun.objects.create(pk="ahead", name="tick", started_at=ahead)
    RequestBlock.objects.create(host="example.org", requests=1, reserved_at=ahead)
    IngestRun.objects.update(started_at=ahead, ended_at=ahead, clock_offset=366 * DAY)
    Poll.objects.update(requested_at=ahead, answered_at=ahead)
    Event.objects.filter(results_revision=1).update(
        results_changed_at=ahead, results_generated_at=ahead, schedule_generated_at=ahead
    )

    tasks.sweep(clock=world.read_clock)

    assert "were still to come, written by a clock that was ahead" in caplog.text
    for manager, names in PAST_TIMES:
        for name in names:
            assert not manager.filter(**{f"{name}__gt": world.now}).exists(), name
    caplog.clear()
    assert put_back_times(world.now) == 0


def test_sweep_of_a_machine_whose_clock_is_behind_puts_no_time_of_the_others_back(
    world: World,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.refresh_schedule()
    world.publish("races")
    world.now = at("07-28 16:00")
    world.tick()
    before = list(Event.objects.values()), list(Poll.objects.values())
    world.now = at("07-26 03:30")

    assert put_back_times(world.now) == 0

    assert (list(Event.objects.values()), list(Poll.objects.values())) == before
    assert "this machine's is behind" in caplog.text


def test_sweep_opens_what_had_begun_by_a_clock_that_was_ahead_though_a_person_has_locked_it(
    world: World,  # noqa: F811
) -> None:
    world.refresh_schedule()
    world.now = at("07-26 03:00")
    opened = set(Event.objects.open_for_picks(world.now))
    assert len(opened) == 2
    Event.objects.filter(pk__in=[event.pk for event in opened]).update(schedule_locked=True)
    world.now = at("07-28 16:00")
    world.tick()
    IngestRun.objects.update(clock_offset=2 * DAY)
    world.now = at("07-26 03:30")

    tasks.sweep(clock=world.read_clock)

    assert set(Event.objects.open_for_picks(world.now)) == opened
    assert put_back_times(world.now) == 0


def test_sweep_brings_forward_what_was_put_off_for_days(world: World) -> None:  # noqa: F811
    world.refresh_schedule()
    world.now = at("07-28 16:00")
    world.tick()
    world.now = at("07-29 03:30")
    Poll.objects.exclude(event=None).update(next_at=world.now + timedelta(days=90))
    asked(world.upstream)
    assert mend_plans(world.now) > 0
    world.tick()
    assert [question for question in asked(world.upstream) if question.endswith("results")]
