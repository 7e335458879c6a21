"""A real qcluster process, a real database, a stand-in upstream."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django_q.models import OrmQ

from ingestion.models import Event, IngestRun, TaskRun
from tests.clusters import SCHEDULES_AT_ONCE, enqueue, kill, running_cluster, wait_for
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
    env = addresses(upstream)
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


def forget_the_time(project: Project) -> None:
    """The test waits neither for the queue to deliver again nor for the lock to lapse."""
    with project.database() as alias:
        TaskRun.objects.using(alias).update(started_at=NOW - timedelta(hours=1))
        OrmQ.objects.using(alias).update(lock=NOW - timedelta(hours=1))
