"""The system checks of the queue's settings."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django_q.models import Schedule

from ingestion.checks import check_database, check_queue, check_schedules, check_times
from ingestion.queue.cluster import queue_name
from tests.project import Project

SQLITE = "django.db.backends.sqlite3"


RIGHT = {
    "name": "picks",
    "orm": "default",
    "workers": 2,
    "queue_limit": 2,
    "timeout": 600,
    "retry": 1500,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit_per": "func",
}


def found(check: Callable[[], list[CheckMessage]] = check_queue) -> set[str]:
    return {str(message.id) for message in check()}


@pytest.mark.project
def test_our_own_settings_are_right() -> None:
    for check in (check_queue, check_database, check_times):
        assert found(check) == set()


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"timeout": None}, "ingestion.W001"),
        ({"timeout": 60}, "ingestion.W001"),
        ({"retry": 1200}, "ingestion.W002"),
        ({"queue_limit": 8}, "ingestion.W003"),
        ({"max_attempts": 0}, "ingestion.W004"),
        ({"ack_failures": False}, "ingestion.W004"),
        ({"catch_up": True}, "ingestion.W005"),
        ({"save_limit": -1}, "ingestion.W006"),
        ({"save_limit_per": None}, "ingestion.W006"),
        ({"sync": True}, "ingestion.W007"),
        ({"redis": "redis://127.0.0.1:1/0"}, "ingestion.W008"),
        ({"cached": True}, "ingestion.W009"),
        ({"cached": 60}, "ingestion.W009"),
        ({"scheduler": False}, "ingestion.W010"),
    ],
)
def test_setting_under_which_the_work_is_done_wrongly_is_named(
    settings: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], warning: str
) -> None:
    # As where the optional package is not installed.
    monkeypatch.setitem(sys.modules, "redis", None)
    settings.Q_CLUSTER = RIGHT
    assert found() == set()
    settings.Q_CLUSTER = {**RIGHT, **changes}
    assert found() == {warning}


def test_defaults_of_the_queue_are_warned_of(settings: Any) -> None:
    settings.Q_CLUSTER = {}
    assert found() == {f"ingestion.W00{number}" for number in (1, 2, 3, 4, 5, 6)}


def test_queue_of_its_own_is_judged_by_its_own_settings(settings: Any) -> None:
    settings.Q_CLUSTER = {**RIGHT, "ALT_CLUSTERS": {"slow": {"timeout": 10}}}
    assert (found(), queue_name()) == (set(), None)
    settings.F1_QUEUE = "slow"
    assert (found(), queue_name()) == ({"ingestion.W001"}, "slow")


def test_queue_that_is_named_like_the_app_is_its_own(settings: Any) -> None:
    settings.Q_CLUSTER = {"name": "shop", "timeout": 30, "ALT_CLUSTERS": {"f1": RIGHT}}
    assert (found(), queue_name()) == (set(), "f1")


def test_queue_that_no_cluster_has_is_warned_of(settings: Any) -> None:
    settings.Q_CLUSTER = RIGHT
    settings.F1_QUEUE = "picks"
    assert found() == set()
    settings.F1_QUEUE = "elsewhere"
    assert found() == {"ingestion.W011"}


def test_cluster_with_a_name_of_its_own_takes_what_has_no_other(settings: Any) -> None:
    """django-q2 gives schedules without a cluster to the one that is called like the project."""
    settings.Q_CLUSTER = {**RIGHT, "cluster_name": "one"}
    assert (found(), queue_name()) == (set(), "one")


@pytest.mark.parametrize(
    ("database", "warnings"),
    [
        ({"ENGINE": SQLITE}, {"ingestion.W012"}),
        ({"ENGINE": SQLITE, "OPTIONS": {"transaction_mode": "IMMEDIATE"}}, set()),
        ({"ENGINE": "django.db.backends.postgresql"}, set()),
    ],
)
def test_database_that_two_writers_would_find_locked_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, settings: Any, database: dict[str, Any], warnings: set[str]
) -> None:
    monkeypatch.setitem(settings.DATABASES, "default", database)
    assert found(check_database) == warnings


def test_local_times_are_an_error(settings: Any) -> None:
    assert found(check_times) == set()
    settings.USE_TZ = False
    assert found(check_times) == {"ingestion.E001"}


def test_one_cluster_that_schedules_is_enough(settings: Any) -> None:
    alone = {"scheduler": False, "ALT_CLUSTERS": {"ours": {"scheduler": True}}}
    settings.Q_CLUSTER = {**RIGHT, **alone}
    settings.F1_QUEUE = ""
    assert found() == {"ingestion.W010"}, "it is another's that schedules"
    settings.F1_QUEUE = "ours"
    assert found() == set()


def test_without_the_queue_there_is_nothing_to_check(settings: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_q"]
    settings.Q_CLUSTER = {}
    assert found() == set()


@pytest.mark.django_db
def test_row_that_cannot_be_read_is_named_without_its_values() -> None:
    Schedule.objects.create(func="shop.tasks.bill", name="bills", args="'s3cr3t", schedule_type="D")
    Schedule.objects.create(func="shop.tasks.bill", args="'s3cr3t'", schedule_type="D")
    (message,) = [one for one in check_schedules() if one.id == "ingestion.W014"]
    assert "'bills'" in message.msg
    assert "s3cr3t" not in str(message)


WITH_DJANGO_Q_FIRST = """
from f1picks.settings import *
INSTALLED_APPS = sorted(INSTALLED_APPS, key=lambda app: app.startswith("ingestion"))
"""


@pytest.mark.once
@pytest.mark.project
def test_command_without_the_watchdog_is_warned_of(project: Project) -> None:
    (project.folder / "django_q_first.py").write_text(WITH_DJANGO_Q_FIRST)
    env = {"PYTHONPATH": str(project.folder)}
    usual = project.manage("check", env=env)
    other = project.manage("check", env={**env, "DJANGO_SETTINGS_MODULE": "django_q_first"})
    assert "ingestion.W013" not in usual.stderr
    assert "ingestion.W013" in other.stderr
