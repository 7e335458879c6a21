"""Calendars and results of Jolpica's newer form in the place of the Ergast form, and the change
from one to the other where that is gone."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.models import Event, IngestRun, Poll, Result
from ingestion.pipeline import IngestRequest, Mode, SourceConfig, ingest
from ingestion.records import RESULT_FIELDS
from ingestion.report import RunReport
from ingestion.sample.newer import PATH
from tests.command_line import addresses
from tests.project import Project
from tests.shortened import shortened
from tests.ticking import World, at, world  # noqa: F401
from tests.upstream import SHARED, FaultyUpstream, needs_shared, with_results

pytestmark = pytest.mark.once

ERGAST = "/ergast/f1/*"
RECORDED = SHARED / "jolpica" / "newer"
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = ("driver_id", "constructor_id")


def run(project: Project, upstream: FaultyUpstream, form: str, *options: str) -> Any:
    env = {**addresses(upstream), "F1_RESULTS_FROM": form}
    # China has all four kinds of session.
    arguments = ("--year", "2024", "--round", "5", *options, "--format", "json")
    ran = project.manage("ingest_f1", *arguments, env=env)
    assert ran.stdout, ran.stderr
    return {**json.loads(ran.stdout), "code": ran.returncode}


def read_rows(project: Project, *left_out: str) -> list[Any]:
    names = [name for name in RESULT_FIELDS if name not in left_out]
    with project.database() as alias:
        rows = Result.objects.using(alias).order_by("event__starts_at", "order")
        return list(rows.values_list("event__grand_prix", "event__session_type", *names))


def read_calendar(project: Project) -> list[Any]:
    with project.database() as alias:
        events = Event.objects.using(alias).order_by("starts_at")
        return list(
            events.values_list("grand_prix", "session_type", "round_number", "starts_at", "status")
        )


@pytest.mark.twice
def test_the_newer_form_has_the_same_facts(project: Project, upstream: FaultyUpstream) -> None:
    assert run(project, upstream, "ergast")["code"] == 0
    rows, calendar = read_rows(project), read_calendar(project)
    upstream.fault(ERGAST, status=410)
    upstream.clear_requests()
    again = run(project, upstream, "newer", "--refresh")
    assert (again["code"], again["problems"]) == (0, [])
    assert (read_rows(project), read_calendar(project)) == (rows, calendar)
    assert not any(one.path.startswith("/ergast") for one in upstream.requests)
    codes = {one.path.split("/")[-2] for one in upstream.requests if "/results/" in one.path}
    assert codes == {"R", "SR", "Q", "SQ"}


def test_an_empty_database_is_filled_without_the_ergast_form(
    project: Project, upstream: FaultyUpstream
) -> None:
    """Who was named by the newer form's keys is the same person under those of the Ergast form."""
    gone = upstream.fault(ERGAST, status=410)
    filled = run(project, upstream, "newer")
    assert (filled["code"], filled["problems"]) == (0, [])
    rows = read_rows(project, *KEYS)
    drivers = project.query("SELECT key, name FROM ingestion_driver ORDER BY key")
    assert gone.used > 0
    upstream.clear_faults()
    assert run(project, upstream, "ergast", "--refresh")["code"] == 0
    assert read_rows(project, *KEYS) == rows
    assert project.query("SELECT key, name FROM ingestion_driver ORDER BY key") == drivers


def test_where_it_is_not_gone_its_keys_name_newcomers(
    project: Project, upstream: FaultyUpstream
) -> None:
    assert run(project, upstream, "newer")["code"] == 0
    drivers = {key for (key,) in project.query("SELECT key FROM ingestion_driver")}
    assert {"hamilton", "max_verstappen"} <= drivers
    assert not any(key.startswith("driver_") for key in drivers)


def test_an_old_race_that_cannot_be_right_is_a_problem(
    project: Project, upstream: FaultyUpstream
) -> None:
    """As in the Ergast form: it is no news that is awaited, and the others are saved."""
    upstream.fault("*/R/", transform=with_results(lambda rows: [*rows[:-1], rows[0]]))
    ran = run(project, upstream, "newer")
    assert ran["code"] == 3
    assert [(one["session_type"], one["message"]) for one in ran["problems"]] == [
        ("race", "not available yet, max_verstappen twice in the same car")
    ]
    kinds = {kind for _, kind, *_ in read_rows(project)}
    assert kinds == {"qualifying", "sprint", "sprint_qualifying"}


@pytest.mark.parametrize("status", shortened([404, 410], keep=1))
def test_a_form_that_is_gone_for_a_day_is_replaced_and_said_once(
    project: Project, upstream: FaultyUpstream, status: int
) -> None:
    assert run(project, upstream, "auto")["code"] == 0
    rows = read_rows(project)
    upstream.fault(ERGAST, status=status)
    for _ in range(2):
        assert run(project, upstream, "auto", "--refresh")["code"] != 0
    with project.database() as alias:
        gone = Poll.objects.using(alias).filter(event=None, source="jolpica_newer")
        assert gone.count() == 1
        gone.update(failing_since=datetime.now(UTC) - timedelta(days=1, minutes=1))
    said = run(project, upstream, "auto", "--refresh")
    assert [one["message"].partition(";")[0] for one in said["problems"]] == [
        "Jolpica's Ergast form has been gone (404 or 410) for a day"
    ]
    again = run(project, upstream, "auto", "--refresh")
    assert (again["code"], again["problems"]) == (0, [])
    assert read_rows(project) == rows


def test_a_form_that_answers_again_within_the_day_is_kept(
    project: Project, upstream: FaultyUpstream
) -> None:
    gone = upstream.fault(ERGAST, status=404)
    assert run(project, upstream, "auto")["code"] != 0
    assert gone.used > 0
    upstream.clear_faults()
    assert run(project, upstream, "auto", "--refresh")["code"] == 0
    with project.database() as alias:
        assert not Poll.objects.using(alias).filter(event=None, source="jolpica_newer").exists()


def test_a_server_that_fails_is_not_gone(project: Project, upstream: FaultyUpstream) -> None:
    upstream.fault(ERGAST, status=503)
    assert run(project, upstream, "auto")["code"] != 0
    with project.database() as alias:
        assert not Poll.objects.using(alias).filter(event=None, source="jolpica_newer").exists()


@pytest.mark.project
def test_an_unknown_form_is_refused_by_name(project: Project) -> None:
    ran = project.manage("check", env={"F1_RESULTS_FROM": "alpha7"})
    assert ran.returncode != 0
    assert "F1_RESULTS_FROM is none of auto, ergast, newer." in ran.stderr
    assert "alpha7" not in ran.stdout + ran.stderr


# By a worker's ticks


def read_form_problems() -> list[tuple[str, str]]:
    """When people were informed that the newer form is read, and what the run's alarm says."""
    return [
        (f"{run.started_at:%m-%d %H:%M}", problem["advice"])
        for run in IngestRun.objects.order_by("pk")
        for problem in run.problems
        if "Ergast form has been gone" in problem["message"]
    ]


def forms_of(by_tick: Mapping[str, list[str]]) -> set[str]:
    """Which of Jolpica's forms were requested, calendars and sprint qualifyings apart."""
    paths = {path for requested in by_tick.values() for path in requested}
    paths = {path for path in paths if not path.endswith("/SQ")}
    newer = {path for path in paths if path.startswith("alpha/results")}
    ergast = {path for path in paths if re.search("^2024/.*(results|qualifying)", path)}
    return ({"newer"} if newer else set()) | ({"ergast"} if ergast else set())


@pytest.mark.django_db(transaction=True)
def test_ticks_change_to_the_newer_form_after_a_day_and_back_when_a_person_sets_it(
    world: World,  # noqa: F811
    settings: Any,
) -> None:
    settings.F1_RESULTS_FROM = "auto"
    world.now = at("07-27 09:00")
    world.refresh_schedule()
    gone = world.upstream.fault(ERGAST, status=410)
    world.publish("qualifyings")
    day = world.tick_until("07-28 09:00", step=HOUR)
    assert forms_of(day) == {"ergast"}
    assert gone.used > 0
    qualifying = Event.objects.get(
        grand_prix="belgian-grand-prix", session_type="qualifying", season=2024
    )
    assert qualifying.results_revision == 0
    since = Poll.objects.get(event=None, source="jolpica_newer").failing_since
    assert since == at("07-27 09:00")
    world.publish("qualifyings", "races")
    sunday = world.tick_until("07-28 18:00", step=HOUR)
    assert "newer" in forms_of(sunday)
    for event in Event.objects.filter(grand_prix="belgian-grand-prix", season=2024):
        assert (event.results_state, event.results_source) == ("official", "jolpica")
    [(said_at, advice)] = read_form_problems()
    # The first after the one that found it gone for a whole day.
    assert said_at == "07-28 10:00"
    assert "F1_RESULTS_FROM=ergast" in advice
    # It is back, which `auto` cannot know; a person sets it, and afterwards `auto` again.
    world.upstream.clear_faults()
    assert "ergast" not in forms_of(world.tick_until("07-29 12:00", step=HOUR))
    settings.F1_RESULTS_FROM = "ergast"
    assert forms_of(world.tick_until("07-30 00:00", step=HOUR)) == {"ergast"}
    assert not Poll.objects.filter(event=None, source="jolpica_newer").exists()
    settings.F1_RESULTS_FROM = "auto"
    assert forms_of(world.tick_until("07-30 18:00", step=HOUR)) == {"ergast"}
    assert len(read_form_problems()) == 1
    races = Event.objects.filter(grand_prix="belgian-grand-prix", session_type="race", season=2024)
    assert set(races.values_list("results_revision", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_a_form_that_was_gone_once_and_not_requested_since_is_kept(
    world: World,  # noqa: F811
    settings: Any,
) -> None:
    """Between the weekends days pass without a request."""
    settings.F1_RESULTS_FROM = "auto"
    world.now = at("07-26 09:00")
    gone = world.upstream.fault(ERGAST, status=404, times=1)
    world.refresh_schedule()
    assert gone.used == 1
    assert Poll.objects.filter(event=None, source="jolpica_newer").exists()
    world.publish("qualifyings")
    world.now = at("07-27 15:30")
    assert forms_of(world.tick_until("07-27 19:00", step=HOUR)) == {"ergast"}
    assert not Poll.objects.filter(event=None, source="jolpica_newer").exists()
    assert read_form_problems() == []


@needs_shared
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("fastf1_restored")
def test_what_was_recorded_of_both_forms_is_the_same(tmp_path: Path) -> None:
    """Of 2023 round 4. Texts of a status differ where the newer form is less exact."""
    with FaultyUpstream({}, clock=lambda: NOW, strict=False) as upstream:
        upstream.serve_recorded(SHARED / "jolpica" / "2023")
        versions = sorted((SHARED / "schedules" / "2023").glob("*.json"))
        upstream.serve_schedule(2023, versions[-1])
        key = "round_Qo4mZcO4"
        upstream.serve_files(
            {
                f"{PATH}/core/rounds/?year=2023": RECORDED / "rounds_2023.json",
                f"{PATH}/core/drivers/?year=2023": RECORDED / "drivers_2023.json",
                f"{PATH}/schedules/2023/": RECORDED / "schedule_2023.json",
                **{
                    f"{PATH}/results/{key}/{code}/": RECORDED / f"results_2023_04_{code}.json"
                    for code in ("R", "Q", "SR", "SQ")
                },
            }
        )

        def read(form: str) -> RunReport:
            config = SourceConfig(
                cache_dir=tmp_path / "cache",
                schedule_url=upstream.schedule_url,
                jolpica_url=upstream.jolpica_url,
                results_from=form,
            )
            request = IngestRequest(
                seasons=(2023,), config=config, mode=Mode.REFRESH, round_number=4
            )
            return ingest(request, clock=lambda: NOW, show_step=lambda *_, **__: None)

        def rows() -> dict[Any, Any]:
            found = Result.objects.order_by("event__session_type", "order")
            names = [name for name in RESULT_FIELDS if name != "status"]
            return {
                (one.event.session_type, one.order): (
                    one.status,
                    [getattr(one, name) for name in names],
                )
                for one in found.select_related("event")
            }

        assert read("ergast").outcome == "ok"
        by_ergast = rows()
        Result.objects.all().update(laps=None, grid=None, q1=None, time=None, points=None)
        upstream.fault(ERGAST, status=410)
        assert read("newer").outcome == "ok"
        by_newer = rows()
    assert len(by_ergast) == 80
    assert {key: facts for key, (_, facts) in by_newer.items()} == {
        key: facts for key, (_, facts) in by_ergast.items()
    }
    differing = {
        (before, by_newer[key][0])
        for key, (before, _) in by_ergast.items()
        if before != by_newer[key][0]
    }
    assert differing <= {("Collision damage", "Accident"), ("Collision", "Accident")}
