"""Times on the pages: UTC, and the operator's own zone beside it, chosen once."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ingestion.models import Alarm, Event, IngestRun
from tests.admin_site import clock
from tests.builders import AFTER
from tests.operators import race, read, season_page

pytestmark = [pytest.mark.once, pytest.mark.django_db, pytest.mark.urls("tests.admin_site")]


def choose(client: Client, zone: str, page: str = "") -> str:
    answer = client.post(reverse("admin:ingestion_season_zone"), {"zone": zone, "next": page})
    assert answer.status_code == 302
    return str(answer["Location"])


def test_the_own_time_is_beside_utc_once_a_zone_is_chosen(viewer: Client, belgium: Event) -> None:
    IngestRun.objects.create(trigger="poll", started_at=AFTER - timedelta(minutes=30))
    alarm = Alarm.objects.create(
        key="overdue", severity="silent", title="Late", raised_at=AFTER,
        advice="Expected from 2024-07-28 15:00 UTC, <b>but</b>",
    )  # fmt: skip
    page = reverse("admin:ingestion_alarm_change", args=[alarm.pk])
    assert "Times are in UTC." in read(viewer, season_page())
    assert "Berlin" not in read(viewer, season_page())

    assert choose(viewer, "Europe/Berlin", page) == page
    text = read(viewer, season_page())
    assert "2024-07-31 23:30 UTC (2024-08-01 01:30 Berlin)" in text
    assert "Times are in UTC and in Berlin." in text
    assert "2024-07-28 15:00 UTC (17:00 Berlin) , <b>but</b>" in read(viewer, page)

    choose(viewer, "")
    assert "Berlin" not in read(viewer, season_page())


@pytest.mark.parametrize("wrong", ["Mars/Olympus", "../../etc/passwd", "Europe", "a/" * 90, "Et\0"])
def test_what_is_no_zone_is_no_choice(viewer: Client, belgium: Event, wrong: str) -> None:
    choose(viewer, wrong)
    viewer.cookies["f1_zone"] = wrong.replace("\0", "")
    assert "Times are in UTC." in read(viewer, season_page())


def test_the_way_back_is_on_this_site(viewer: Client, belgium: Event) -> None:
    assert choose(viewer, "Asia/Tokyo", "https://elsewhere.example/") == reverse("admin:index")


def test_lists_have_the_own_time_too(viewer: Client, belgium: Event) -> None:
    clock.now = AFTER
    choose(viewer, "America/Sao_Paulo")
    for name in ("event", "change", "ingestrun", "alarm", "driver"):
        text = read(viewer, reverse(f"admin:ingestion_{name}_changelist"))
        assert "Times are in UTC and in Sao Paulo." in text
    assert race().starts_at is not None
    text = read(viewer, reverse("admin:ingestion_event_changelist"))
    assert "2024-07-28 13:00 UTC (10:00 Sao Paulo)" in text
