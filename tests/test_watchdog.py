"""What kills a cluster's processes must not leave it alive and deaf: with a real qcluster."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters import enqueue, running_cluster, wait_for
from tests.project import Project
from tests.shortened import shortened

# A task that any worker can run, and whose result is saved.
TASK = "math.factorial"
FAST = {"F1_WATCHDOG_SECONDS": "3"}


def children(process_id: int) -> list[int]:
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(number) for number in listed.split()]


@pytest.fixture(name="quiet")
def project_without_schedules(project: Project) -> Project:
    project.query("DELETE FROM django_q_schedule")
    return project


def tasks_done(project: Project) -> int:
    (rows,) = project.query("SELECT COUNT(*) FROM django_q_task WHERE func = %s", TASK)
    return int(rows[0])


@pytest.fixture(name="cluster")
def running(quiet: Project) -> Iterator[subprocess.Popen[str]]:
    """One that has done a task: its sentinel, a worker, the monitor and the pusher are there."""
    with running_cluster(quiet, FAST) as cluster:
        enqueue(quiet, {}, TASK, 3)
        wait_for(lambda: tasks_done(quiet) == 1, "the first task")
        yield cluster


def test_each_process_that_is_killed_while_it_waits_is_replaced_and_the_cluster_works_on(
    quiet: Project, cluster: subprocess.Popen[str]
) -> None:
    (sentinel,) = children(cluster.pid)
    for number in range(3):
        before = children(sentinel)
        assert len(before) == 3
        os.kill(before[number], signal.SIGKILL)
        wait_for(
            lambda gone=before[number]: (  # type: ignore[misc]
                len(children(sentinel)) == 3 and gone not in children(sentinel)
            ),
            "the replacement",
        )
        enqueue(quiet, {}, TASK, number)
        wait_for(lambda done=number + 2: tasks_done(quiet) == done, "its task", 20)  # type: ignore[misc]
    cluster.send_signal(signal.SIGTERM)
    assert cluster.wait(10) == 0


@pytest.mark.once
def test_cluster_whose_workers_are_deaf_ends_with_an_error(
    quiet: Project, cluster: subprocess.Popen[str]
) -> None:
    """Stopped, as by a lock that a killed process holds: alive, and takes nothing."""
    (sentinel,) = children(cluster.pid)
    family = children(sentinel)
    os.kill(family[0], signal.SIGSTOP)
    enqueue(quiet, {}, TASK, 5)
    assert cluster.wait(60) == 1
    assert "tasks wait, and no idle worker takes one" in log_of(quiet)
    wait_for(lambda: not any(map(is_running, [sentinel, *family])), "the end of all of it", 10)


@pytest.mark.once
@pytest.mark.parametrize(
    ("place", "reason"),
    shortened(
        [(1, "results wait, and none is saved"), (2, "no task is fetched from the queue")], keep=1
    ),
)
def test_cluster_whose_monitor_or_pusher_is_deaf_ends_with_an_error(
    quiet: Project, cluster: subprocess.Popen[str], place: int, reason: str
) -> None:
    (sentinel,) = children(cluster.pid)
    os.kill(children(sentinel)[place], signal.SIGSTOP)
    enqueue(quiet, {}, TASK, 5)
    assert cluster.wait(60) == 1
    assert reason in log_of(quiet)


@pytest.mark.once
def test_cluster_whose_guard_hangs_ends_with_an_error(
    quiet: Project, cluster: subprocess.Popen[str]
) -> None:
    (sentinel,) = children(cluster.pid)
    os.kill(sentinel, signal.SIGSTOP)
    assert cluster.wait(60) == 1
    assert "does not respond" in log_of(quiet)


@pytest.mark.parametrize("is_first", [True, False], ids=["first process", "guard"])
def test_no_process_outlives_the_one_that_started_it(
    cluster: subprocess.Popen[str], is_first: bool
) -> None:
    (sentinel,) = children(cluster.pid)
    family = children(sentinel)
    os.kill(cluster.pid if is_first else sentinel, signal.SIGKILL)
    assert cluster.wait(20) == (-signal.SIGKILL if is_first else 1)
    wait_for(lambda: not any(map(is_running, [sentinel, *family])), "the end of all of it", 10)


@pytest.mark.once
@pytest.mark.parametrize("role", shortened(["worker", "guard"], keep=1))
def test_deaf_cluster_stops_when_it_is_requested_to(
    quiet: Project, cluster: subprocess.Popen[str], role: str
) -> None:
    (sentinel,) = children(cluster.pid)
    family = children(sentinel)
    os.kill(family[0] if role == "worker" else sentinel, signal.SIGSTOP)
    begun = time.monotonic()
    cluster.send_signal(signal.SIGTERM)
    cluster.wait(30)
    assert time.monotonic() - begun < 30
    wait_for(lambda: not any(map(is_running, [sentinel, *family])), "the end of all of it", 10)


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def log_of(project: Project) -> str:
    return "".join(path.read_text() for path in project.folder.glob("cluster-*.log"))


@pytest.mark.once
def test_hung_task_leaves_no_cluster_that_is_alive_and_deaf(
    quiet: Project, cluster: subprocess.Popen[str]
) -> None:
    """Its worker stops itself, which no time limit of a task interrupts."""
    enqueue(quiet, {}, "signal.raise_signal", int(signal.SIGSTOP))
    enqueue(quiet, {}, TASK, 4)
    wait_for(lambda: tasks_done(quiet) == 2 or cluster.poll() == 1, "the next task or the end", 60)
