"""A task that is delivered twice runs once; one that dies three times is given up."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django_q.signals import pre_execute

from ingestion.models import IngestRun, TaskRun
from ingestion.queue.run_lock import begin, run_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2024, 7, 28, 16, tzinfo=UTC)
TASK = "0123456789abcdef0123456789abcdef"
# More than the queue's own limit for a task.
LATER = timedelta(minutes=25)


def deliver(work: Any, now: datetime = NOW, task: str = TASK) -> Any:
    """As a worker does it: the task is announced, then executed."""
    results: list[Any] = []

    def worker() -> None:
        pre_execute.send(sender="django_q", func=run_once, task={"id": task})
        with suppress(ZeroDivisionError):
            results.append(run_once("tick", work, clock=lambda: now))
        connections.close_all()

    thread = threading.Thread(target=worker)
    thread.start()
    thread.join()
    return results[0] if results else None


def test_task_delivered_twice_runs_once() -> None:
    assert deliver(lambda: "first") == "first"
    assert deliver(lambda: "second", NOW + LATER) is None
    assert TaskRun.objects.get().ended_at == NOW


def test_another_task_is_another() -> None:
    done: list[str] = []
    deliver(lambda: done.append("first"))
    deliver(lambda: done.append("second"), task=TASK[::-1])
    assert done == ["first", "second"]


def test_task_that_may_still_be_running_is_not_started_again(settings: Any) -> None:
    settings.Q_CLUSTER = {"timeout": 600}
    assert begin(TASK, "tick", NOW)
    assert not begin(TASK, "tick", NOW + timedelta(minutes=10))
    assert begin(TASK, "tick", NOW + timedelta(minutes=12))


def test_how_long_a_task_may_run_is_said_by_the_cluster_that_takes_it(settings: Any) -> None:
    settings.Q_CLUSTER = {"timeout": 30, "ALT_CLUSTERS": {"f1": {"timeout": 1200}}}
    assert begin(TASK, "tick", NOW)
    assert not begin(TASK, "tick", NOW + timedelta(minutes=20))


def test_longer_limit_of_the_cluster_that_takes_the_task_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """django-q2 reads its settings, those of an alternative cluster too, when it is imported."""
    monkeypatch.setattr("django_q.conf.Conf.TIMEOUT", 1800)
    assert begin(TASK, "tick", NOW)
    assert not begin(TASK, "tick", NOW + timedelta(minutes=30))
    assert begin(TASK, "tick", NOW + timedelta(minutes=32))


def test_two_deliveries_at_once_are_one_start() -> None:
    both = threading.Barrier(2)
    begun: list[bool] = []

    def worker() -> None:
        both.wait()
        begun.append(begin(TASK, "tick", NOW))
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == [False, True]


def test_task_that_dies_is_given_up_after_three_starts_and_that_is_told() -> None:
    begun = [begin(TASK, "schedule", NOW + number * LATER) for number in range(5)]
    assert begun == [True, True, True, False, False]
    run = TaskRun.objects.get()
    assert (run.starts, run.is_given_up) == (3, True)
    record = IngestRun.objects.get()
    assert (record.outcome, record.fault, record.trigger) == ("failed", "ours", "schedule")
    assert "died 3 times and was given up" in record.problem_list[0].message


def test_task_that_fails_has_ended() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    deliver(fail)
    assert TaskRun.objects.get().ended_at == NOW


def test_without_a_queue_the_work_is_simply_done() -> None:
    assert run_once("tick", lambda: "told", clock=lambda: NOW) == "told"
    assert not TaskRun.objects.exists()


def test_delivery_is_over_with_the_task() -> None:
    """Neither a host project's task that calls two of ours, nor what is called where a task ran in
    place (the queue's `sync`), is delivered twice."""
    done: list[str] = []

    def work() -> None:
        pre_execute.send(sender="django_q", func=run_once, task={"id": TASK})
        run_once("season", partial(done.append, "queued"), clock=lambda: NOW)
        run_once("season", partial(done.append, "called"), clock=lambda: NOW)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["queued", "called"]
