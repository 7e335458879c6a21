"""The scheduled tasks: created once, an operator's from then on, in UTC."""

import threading
from datetime import UTC, datetime, timedelta
from inspect import signature
from pydoc import locate
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from django_q.conf import Conf
from django_q.models import Schedule

from ingestion.models import CreatedRow
from ingestion.queue.schedules import DECLARED, create_schedules

pytestmark = pytest.mark.django_db

MORNING = datetime(2024, 7, 28, 8, 17, 30, tzinfo=UTC)
BY_NAME = {declared.name: declared for declared in DECLARED}


@pytest.fixture(autouse=True)
def created() -> None:
    Schedule.objects.all().delete()
    CreatedRow.objects.all().delete()
    migrate()


def migrate() -> None:
    call_command("migrate", verbosity=0)


def test_migrating_creates_what_is_declared() -> None:
    kept = {row.name: (row.func, row.minutes, row.schedule_type) for row in Schedule.objects.all()}
    assert kept == {row.name: (row.func, row.minutes, Schedule.MINUTES) for row in DECLARED}


def test_what_an_operator_edited_disabled_or_deleted_stays_so() -> None:
    Schedule.objects.filter(name="f1 tick").update(minutes=3)
    Schedule.objects.filter(name="f1 schedule").update(repeats=0)
    Schedule.objects.filter(name="f1 sweep").delete()
    before = list(Schedule.objects.order_by("pk").values())
    migrate()
    assert list(Schedule.objects.order_by("pk").values()) == before


def test_each_is_a_function_that_a_worker_finds_and_can_call_without_arguments() -> None:
    """A worker resolves the string; an unknown one is a failed task for ever."""
    for declared in DECLARED:
        function: Any = locate(declared.func)
        assert callable(function), declared.func
        signature(function).bind()


def test_new_schedule_is_due_at_once_and_then_in_time() -> None:
    for row in Schedule.objects.all():
        assert row.next_run <= datetime.now(UTC)
    last = {name: declared.last_run(MORNING) for name, declared in BY_NAME.items()}
    assert {name: f"{at:%d %H:%M:%S}" for name, at in last.items()} == {
        "f1 tick": "28 08:15:00",
        "f1 watch": "28 08:10:00",
        "f1 schedule": "28 06:00:00",
        "f1 sweep": "28 03:30:00",
        "f1 audit": "28 04:00:00",
    }


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Australia/Adelaide"])
def test_times_stay_in_utc_whatever_the_host_projects_time_zone(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a year, with all its changes of clocks."""
    monkeypatch.setattr(Conf, "TIME_ZONE", zone)
    row = Schedule.objects.get(name="f1 schedule")
    next_run = BY_NAME["f1 schedule"].last_run(MORNING)
    seen = set()
    for _ in range(2 * 366):
        next_run = row.calculate_next_run(next_run)
        seen.add(f"{next_run:%H:%M}")
    assert seen == {"06:00", "18:00"}
    assert next_run - MORNING > timedelta(days=365)


def test_a_schedule_of_that_name_that_stands_twice_stops_no_migration() -> None:
    """An operator copied one, and the table of ours was made anew."""
    row = Schedule.objects.get(name="f1 tick")
    row.pk = None
    row.save()
    CreatedRow.objects.all().delete()
    before = list(Schedule.objects.order_by("pk").values())
    migrate()
    assert list(Schedule.objects.order_by("pk").values()) == before


@pytest.mark.django_db(transaction=True)
def test_two_machines_that_migrate_at_once_create_each_once() -> None:
    Schedule.objects.all().delete()
    CreatedRow.objects.all().delete()
    failed: list[Exception] = []

    def create() -> None:
        try:
            create_schedules(using="default")
        except IntegrityError as error:
            failed.append(error)
        connections.close_all()

    other = threading.Thread(target=create)
    with transaction.atomic():
        create_schedules(using="default")
        other.start()
        # It waits for this transaction's end, as far as it gets.
        other.join(0.5)
    other.join()
    assert failed == []
    assert sorted(Schedule.objects.values_list("name", flat=True)) == sorted(BY_NAME)


@pytest.mark.django_db(transaction=True)
def test_queue_whose_tables_are_behind_its_code_gets_its_schedules_once_they_are_not() -> None:
    """A host project that migrates this app alone."""
    Schedule.objects.all().delete()
    CreatedRow.objects.all().delete()
    try:
        call_command("migrate", "django_q", "0015", verbosity=0)
        assert not CreatedRow.objects.filter(name__startswith="f1 ").exists()
    finally:
        migrate()
    assert sorted(Schedule.objects.values_list("name", flat=True)) == sorted(BY_NAME)
