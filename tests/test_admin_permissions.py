"""Viewing, correcting and running are separate, and nothing is ever deleted."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.test import Client
from django.urls import reverse

from ingestion.admin.forms import CORRECTIONS
from ingestion.models import Alarm, Change, CreatedRow, Event, IngestRun, Season
from ingestion.operators import CREATED, OPERATORS
from ingestion.report import Problem
from tests.builders import AFTER
from tests.operators import (
    VIEWING,
    SignIn,
    correction_of,
    page_of,
    race,
    season_page,
)
from tests.persons import User
from tests.rows import all_rows

pytestmark = [pytest.mark.once, pytest.mark.django_db, pytest.mark.urls("tests.admin_site")]


@pytest.fixture
def alarm(db: None) -> Alarm:
    return Alarm.objects.create(key="x", severity="broken", title="no polls", raised_at=AFTER)


@pytest.fixture
def run(db: None) -> IngestRun:
    return IngestRun.objects.create(
        trigger="command", started_at=AFTER, problems=[Problem("trouble").as_data()]
    )


def admin_page(name: str, *arguments: object) -> str:
    return reverse(f"admin:ingestion_{name}", args=arguments)


def changing_addresses(alarm: Alarm) -> Iterator[str]:
    yield from (correction_of(race(), name) for name in CORRECTIONS)
    yield admin_page("event_ingest", race().pk)
    yield admin_page("season_ingest", 2024)
    yield admin_page("alarm_acknowledge", alarm.pk)
    yield from (admin_page("driver_correct", "hamilton", name) for name in ("merge", "split"))


def shown_addresses(alarm: Alarm, run: IngestRun) -> Iterator[tuple[str, str]]:
    """With the permission that each needs."""
    change = Change.objects.latest("pk")
    yield "view_event", admin_page("season_changelist")
    yield "view_event", season_page()
    yield "view_event", admin_page("event_changelist")
    yield "view_event", page_of(race())
    yield "view_event", admin_page("season_task", 2024, "0" * 32)
    yield "view_event", admin_page("event_task", race().pk, "0" * 32)
    for name in ("events.csv", "results.csv", "season.json"):
        yield "view_event", admin_page("season_export", 2024, name)
    yield "view_ingestrun", admin_page("ingestrun_changelist")
    yield "view_ingestrun", admin_page("ingestrun_change", run.pk)
    yield "view_change", admin_page("change_changelist")
    yield "view_change", admin_page("change_change", change.pk)
    yield "view_alarm", admin_page("alarm_changelist")
    yield "view_alarm", admin_page("alarm_change", alarm.pk)
    yield "view_driver", admin_page("driver_changelist")
    yield "view_driver", admin_page("driver_change", "hamilton")


def test_a_viewer_can_change_nothing(viewer: Client, belgium: Event, alarm: Alarm) -> None:
    before = all_rows(leave_out=frozenset())
    for address in changing_addresses(alarm):
        for method in (viewer.get, viewer.post):
            answer = method(address, {"step": "save", "reason": "why not"})
            assert answer.status_code in {403, 405}, address
        assert viewer.post(address).status_code == 403, address
    assert all_rows(leave_out=frozenset()) == before


def test_a_viewer_sees_no_button(
    viewer: Client, belgium: Event, alarm: Alarm, run: IngestRun
) -> None:
    for _, address in shown_addresses(alarm, run):
        answer = viewer.get(address, follow=True)
        html = answer.content
        main = html.partition(b'id="content-main"')[2]
        assert b'method="post"' not in main or b'id="changelist-form"' in main, address
        assert b"/correct/" not in main and b"Ingest now" not in main, address
        assert b'name="action"' not in main and b"Acknowledge" not in main.replace(
            b"Acknowledged by", b""
        ), address


def test_each_page_needs_its_own_permission_to_view(
    sign_in: SignIn, belgium: Event, alarm: Alarm, run: IngestRun
) -> None:
    addresses = list(shown_addresses(alarm, run))
    for permission in VIEWING:
        client = sign_in(permission, name=permission, views=False)
        for needed, address in addresses:
            status = client.get(address).status_code
            assert (status in {200, 302}) is (needed == permission), f"{permission}: {address}"
            assert status in {200, 302, 403}
        assert client.get(admin_page("season_status")).status_code == 403


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ("correct_event", "/correct/"),
        ("run_ingest", "/ingest/"),
        ("acknowledge_alarm", "/acknowledge/"),
        ("correct_driver", "/decide/"),
    ],
)
def test_each_thing_to_do_needs_its_own_permission(
    sign_in: SignIn,
    belgium: Event,
    alarm: Alarm,
    permission: str,
    allowed: str,
) -> None:
    client = sign_in(permission)
    for address in changing_addresses(alarm):
        is_allowed = client.post(address).status_code != 403
        assert is_allowed is (allowed in address), f"{permission}: {address}"


def test_correcting_without_viewing_is_refused(sign_in: SignIn, belgium: Event) -> None:
    client = sign_in("correct_event", "run_ingest", views=False)
    assert client.get(correction_of(belgium, "void")).status_code == 403
    assert client.post(admin_page("season_ingest", 2024)).status_code == 403


def test_who_has_not_signed_in_is_sent_to_do_so(
    client: Client, belgium: Event, alarm: Alarm, run: IngestRun
) -> None:
    addresses = [address for _, address in shown_addresses(alarm, run)]
    for address in [*addresses, *changing_addresses(alarm)]:
        for answer in (client.get(address), client.post(address)):
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("admin:login"))


def test_who_is_no_staff_is_sent_away(client: Client, belgium: Event) -> None:
    client.force_login(User.objects.create_user("player"))
    assert client.get(season_page())["Location"].startswith(reverse("admin:login"))


def test_what_is_done_is_done_by_post_alone(operator: Client, belgium: Event, alarm: Alarm) -> None:
    before = all_rows(leave_out=frozenset())
    for address in changing_addresses(alarm):
        answer = operator.get(address, {"step": "save", "reason": "a link in a mail"})
        assert answer.status_code in {200, 302, 405}, address
    assert all_rows(leave_out=frozenset()) == before


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_nothing_is_added_edited_or_deleted_as_a_row(
    root: Client, belgium: Event, alarm: Alarm, run: IngestRun
) -> None:
    """Not even by who may do everything."""
    before = all_rows(leave_out=frozenset())
    rows: list[tuple[str, int]] = [
        ("event", belgium.pk), ("change", Change.objects.latest("pk").pk), ("ingestrun", run.pk),
        ("alarm", alarm.pk),
    ]  # fmt: skip
    for name, pk in rows:
        assert root.get(admin_page(f"{name}_add")).status_code == 403
        assert root.get(admin_page(f"{name}_delete", pk)).status_code == 403
        assert root.post(admin_page(f"{name}_delete", pk), {"post": "yes"}).status_code == 403
        root.post(admin_page(f"{name}_change", pk), {"message": "other", "status": "live"})
        chosen = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        root.post(admin_page(f"{name}_changelist"), chosen)
        html = root.get(admin_page(f"{name}_changelist")).content
        assert b"delete" not in html.partition(b'id="content-main"')[2].lower()
    assert all_rows(leave_out=frozenset()) == before


# What is offered


OFFERED = {
    "acknowledge_alarm": "Can acknowledge alarms",
    "correct_driver": "Can merge and split drivers",
    "correct_event": "Can correct events and classifications",
    "run_ingest": "Can start ingests",
    "view_alarm": "Can view alarm",
    "view_change": "Can view change",
    "view_driver": "Can view driver",
    "view_event": "Can view event",
    "view_ingestrun": "Can view ingest run",
}


def migrated() -> Group | None:
    """The group after one more `migrate`."""
    emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)
    return Group.objects.filter(name=OPERATORS).first()


def permissions_of(group: Group | None) -> set[str]:
    return set() if group is None else set(group.permissions.values_list("codename", flat=True))


@pytest.fixture
def new_installation(db: None) -> None:
    CreatedRow.objects.filter(name=CREATED).delete()
    Group.objects.filter(name=OPERATORS).delete()


def test_only_permissions_that_allow_something_are_offered(db: None) -> None:
    offered = Permission.objects.filter(content_type__app_label="ingestion")
    assert dict(offered.values_list("codename", "name")) == OFFERED


@pytest.mark.usefixtures("new_installation")
def test_a_migration_creates_the_group_of_operators_with_all_of_them() -> None:
    assert permissions_of(migrated()) == set(OFFERED)
    assert Group.objects.count() == 1


@pytest.mark.usefixtures("new_installation")
def test_what_an_administrator_does_to_the_group_is_kept() -> None:
    group = migrated()
    assert group is not None
    group.permissions.remove(*group.permissions.exclude(codename="view_event"))
    assert permissions_of(migrated()) == {"view_event"}
    group.name = "stewards"
    group.save()
    assert migrated() is None
    Group.objects.all().delete()
    assert migrated() is None


@pytest.mark.usefixtures("new_installation")
def test_a_group_of_the_projects_own_is_left_alone() -> None:
    Group.objects.create(name=OPERATORS)
    assert permissions_of(migrated()) == set()


@pytest.mark.usefixtures("new_installation")
def test_who_is_in_the_group_reads_and_does_everything(
    sign_in: SignIn, belgium: Event, alarm: Alarm, run: IngestRun
) -> None:
    client = sign_in(name="olga", views=False)
    group = migrated()
    assert group is not None
    User.objects.get(**{User.USERNAME_FIELD: "olga"}).groups.add(group)
    for _, address in shown_addresses(alarm, run):
        assert client.get(address).status_code in {200, 302}, address
    for address in changing_addresses(alarm):
        assert client.post(address).status_code != 403, address


def test_the_default_site_has_it_all_too() -> None:
    for model in (Season, Event, IngestRun, Change, Alarm):
        assert admin.site.is_registered(model)
