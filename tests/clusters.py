"""A real `manage.py qcluster` on a project's database."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from django.conf import settings

from tests.project import Project

# Django signs what it puts into the queue.
ENVIRONMENT = {
    "SECRET_KEY": "only-for-tests",
    "DJANGO_SETTINGS_MODULE": getattr(settings, "CLUSTER_SETTINGS", "tests.cluster_settings"),
    "WORKERS": "1",
}
# For tasks that fetch: pandas and FastF1 are imported by the first, which takes seconds on a busy
# machine.
FETCHING = {"TASK_TIMEOUT": "60"}
# One that runs what is scheduled at once, and looks after its processes every half minute alone.
SCHEDULES_AT_ONCE = {**FETCHING, "GUARD_CYCLE": "30"}
LONGEST_WAIT = 90.0


@contextmanager
def running_cluster(project: Project, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """In a process group of its own, with its workers; killed at the end if it still runs."""
    path = project.folder / f"cluster-{time.monotonic_ns()}.log"
    log = path.open("w")
    process = subprocess.Popen(
        project.command("qcluster"),
        cwd=project.folder,
        env=project.environment({**ENVIRONMENT, **env}),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    except AssertionError:
        # What a failed test shows of it.
        print(path.read_text())  # noqa: T201
        raise
    finally:
        kill(process)
        log.close()


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to all of it, as a machine that loses its power."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def enqueue(project: Project, env: Mapping[str, str], function: str, *arguments: object) -> None:
    """As a scheduler does it."""
    code = f"from django_q.tasks import async_task; async_task({function!r}, *{arguments!r})"
    ran = project.manage("shell", "-v0", "-c", code, env={**ENVIRONMENT, **env})
    assert ran.returncode == 0, ran.stderr


def wait_for(condition: Callable[[], bool], what: str, seconds: float = LONGEST_WAIT) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.1)
