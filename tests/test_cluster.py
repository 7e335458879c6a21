"""A real qcluster process, a real database, a stand-in upstream."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django_q.models import OrmQ, Schedule

from ingestion.models import Event, IngestRun, TaskRun
from tests.clusters import FETCHING, SCHEDULES_AT_ONCE, enqueue, kill, running_cluster, wait_for
from tests.command_line import addresses, live_season, read_rows, today
from tests.conftest import on_postgres
from tests.project import Project
from tests.upstream import FaultyUpstream

NOW = today()


@pytest.fixture(name="upstream")
def weekend_upstream() -> Iterator[FaultyUpstream]:
    """A weekend that is on: qualifying was yesterday."""
    with FaultyUpstream({NOW.year: live_season(NOW)}) as started:
        yield started


def results_of(project: Project, session_type: str) -> int:
    with project.database() as alias:
        events = Event.objects.using(alias).filter(session_type=session_type)
        return sum(event.results.count() for event in events)


def tasks_done(project: Project, function: str) -> int:
    (rows,) = project.query("SELECT COUNT(*) FROM django_q_task WHERE func = %s", function)
    return int(rows[0])


def queued(project: Project) -> int:
    (rows,) = project.query("SELECT COUNT(*) FROM django_q_ormq")
    return int(rows[0])


def test_new_installation_fills_itself_and_a_second_cluster_does_nothing_twice(
    project: Project, upstream: FaultyUpstream
) -> None:
    """The declared schedules are due at once: calendar, then the qualifying's result. On SQLite
    one cluster is what is supported; on PostgreSQL two share the work."""
    env = {**addresses(upstream), **SCHEDULES_AT_ONCE}
    with running_cluster(project, env):
        if on_postgres:
            with running_cluster(project, env):
                wait_until_filled(project)
        else:
            wait_until_filled(project)
    with project.database() as alias:
        runs = list(IngestRun.objects.using(alias).values_list("trigger", "outcome"))
    assert sorted(runs) == [("poll", "ok"), ("schedule", "ok")]
    asked = [request.target for request in upstream.requests]
    assert len(asked) == len(set(asked)), asked
    log = "".join(path.read_text() for path in project.folder.glob("cluster-*.log"))
    assert re.search(r"f1 schedule: \d+: \S+ scheduled; 2 requests \(\d", log), log
    assert "Q Cluster" not in log
    assert "Process-" not in log


def wait_until_filled(project: Project) -> None:
    wait_for(
        lambda: tasks_done(project, "ingestion.queue.tasks.refresh_schedule") > 0, "the calendar"
    )
    wait_for(lambda: tasks_done(project, "ingestion.queue.tasks.tick") > 0, "the scheduled tick")
    # The first tick came at the same time as the calendar; the next would be minutes away.
    if results_of(project, "qualifying") == 0:
        enqueue(project, {}, "ingestion.queue.tasks.tick")
    wait_for(lambda: results_of(project, "qualifying") == 20, "the qualifying's result")
    wait_for(lambda: queued(project) == 0, "the end of all tasks")


def test_cluster_that_is_killed_in_the_middle_of_a_task_ends_with_the_right_rows(
    project: Project, upstream: FaultyUpstream
) -> None:
    env = {**addresses(upstream), **FETCHING}
    project.query("DELETE FROM django_q_schedule")
    enqueue(project, env, "ingestion.queue.tasks.ingest_season", NOW.year)
    hanging = upstream.fault("*/qualifying.json", hang=True, times=1)
    with running_cluster(project, env) as cluster:
        wait_for(lambda: hanging.used > 0, "a request in the middle of the task")
        kill(cluster)
    assert results_of(project, "qualifying") == 0
    forget_the_time(project)
    with running_cluster(project, env):
        wait_for(lambda: results_of(project, "qualifying") == 20, "the qualifying's result")
        wait_for(lambda: queued(project) == 0, "the acknowledgement")
    with project.database() as alias:
        run = TaskRun.objects.using(alias).get()
        assert (run.starts, run.is_given_up) == (2, False)
        assert run.ended_at is not None
    rows = read_rows(project)
    assert [row["session_type"] for row in rows["event"]] == ["qualifying", "race"]


def test_rows_that_cannot_be_read_and_a_clock_that_was_ahead_stop_no_schedule(
    project: Project,
) -> None:
    tomorrow, yesterday = NOW + timedelta(days=1), NOW - timedelta(days=1)
    with project.database() as alias:
        rows = Schedule.objects.using(alias)
        rows.exclude(name__in=["f1 tick", "f1 watch"]).delete()
        rows.update(next_run=tomorrow)
        shop = {"func": "math.factorial", "next_run": yesterday}
        rows.create(name="unclosed", args="'unclosed", schedule_type="D", **shop)
        rows.create(name="cron", schedule_type="I", minutes=1, **shop)
        rows.filter(name="cron").update(schedule_type="C", cron="99 * * * *")
        rows.create(name="words", kwargs="'no dictionary'", schedule_type="O", **shop)
        rows.create(name="good", args="3", schedule_type="H", **shop)
    with running_cluster(project, SCHEDULES_AT_ONCE):
        wait_for(lambda: tasks_done(project, "ingestion.queue.tasks.tick") > 0, "the tick")
        wait_for(lambda: tasks_done(project, "math.factorial") > 0, "the shop's own task")
    with project.database() as alias:
        next_runs = dict(Schedule.objects.using(alias).values_list("name", "next_run"))
    assert next_runs["unclosed"] > NOW
    assert (next_runs["cron"], next_runs["words"]) == (None, None)
    log = "".join(path.read_text() for path in project.folder.glob("cluster-*.log"))
    assert "the schedule 'unclosed' (id " in log
    assert "the schedule 'f1 tick' had its next run at" in log
    assert "Traceback" not in log


@pytest.mark.once
def test_worker_waits_for_a_database_that_is_down_with_one_line(project: Project) -> None:
    place = project.folder / "mounted"
    env = {"DATABASE_URL": f"sqlite:///{place}/db.sqlite3", **SCHEDULES_AT_ONCE}
    with running_cluster(project, env) as cluster:
        log = next(project.folder.glob("cluster-*.log"))
        wait_for(lambda: "the worker waits" in log.read_text(), "the line")
        assert "Traceback" not in log.read_text()
        assert log.read_text().count("cannot be reached") == 1
        assert cluster.poll() is None
        place.mkdir()
        migrated = project.manage("migrate", "-v0", env=env)
        assert migrated.returncode == 0, migrated.stderr
        wait_for(lambda: "the worker starts" in log.read_text(), "the start")


def forget_the_time(project: Project) -> None:
    """The test waits neither for the queue to deliver again nor for the lock to lapse."""
    with project.database() as alias:
        TaskRun.objects.using(alias).update(started_at=NOW - timedelta(hours=1))
        OrmQ.objects.using(alias).update(lock=NOW - timedelta(hours=1))
