"""The system checks of the queue's settings."""

from typing import Any

import pytest

from ingestion.checks import check_queue


def found() -> set[str]:
    return {str(message.id) for message in check_queue()}


def test_our_own_settings_are_right() -> None:
    assert found() == set()


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
    settings: Any, changes: dict[str, Any], warning: str
) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, **changes}
    assert found() == {warning}


def test_defaults_of_the_queue_are_warned_of(settings: Any) -> None:
    settings.Q_CLUSTER = {}
    assert found() == {f"ingestion.W00{number}" for number in (1, 2, 3, 4, 5, 6)}


def test_queue_of_its_own_is_judged_by_its_own_settings(settings: Any) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "ALT_CLUSTERS": {"f1": {"timeout": 10}}}
    assert found() == set()
    settings.F1_QUEUE = "f1"
    assert found() == {"ingestion.W001"}


def test_one_cluster_that_schedules_is_enough(settings: Any) -> None:
    alone = {"scheduler": False, "ALT_CLUSTERS": {"f1": {"scheduler": True}}}
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, **alone}
    assert found() == {"ingestion.W010"}, "it is another's that schedules"
    settings.F1_QUEUE = "f1"
    assert found() == set()


def test_without_the_queue_there_is_nothing_to_check(settings: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_q"]
    settings.Q_CLUSTER = {}
    assert found() == set()
