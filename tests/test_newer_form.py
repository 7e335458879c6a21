"""Calendars and results of Jolpica's newer form in the place of the Ergast form, and the change
from one to the other where that is gone."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.models import Event, Poll, Result
from ingestion.pipeline import IngestRequest, Mode, SourceConfig, ingest
from ingestion.records import RESULT_FIELDS
from ingestion.report import RunReport
from ingestion.sample.newer import PATH
from tests.command_line import addresses
from tests.project import Project
from tests.upstream import SHARED, FaultyUpstream, needs_shared

ERGAST = "/ergast/f1/*"
RECORDED = SHARED / "jolpica" / "newer"
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
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


@pytest.mark.parametrize("status", [404, 410])
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


@pytest.mark.once
def test_an_unknown_form_is_refused_by_name(project: Project) -> None:
    ran = project.manage("check", env={"F1_RESULTS_FROM": "alpha7"})
    assert ran.returncode != 0
    assert "F1_RESULTS_FROM is none of auto, ergast, newer." in ran.stderr
    assert "alpha7" not in ran.stdout + ran.stderr


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
