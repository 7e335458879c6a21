"""Runs, the feed and alarms in the admin, and 'Ingest now'."""

import re
import socket
import sys
from datetime import timedelta
from typing import NoReturn

import pytest
from django.test import Client
from django.urls import reverse
from django_q.brokers import Broker
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage

from ingestion.models import Alarm, Change, Event, IngestRun, TaskRun
from ingestion.monitoring.alerting import update_alarms
from ingestion.monitoring.health import check_health
from ingestion.queue.run_lock import longest_task
from ingestion.report import Problem
from tests.admin_site import clock
from tests.builders import AFTER
from tests.installation import switch_polling_on
from tests.operators import ingest, page_of, race, read, season_page, words_of
from tests.persons import User

pytestmark = [pytest.mark.once, pytest.mark.django_db, pytest.mark.urls("tests.admin_site")]

RUNS, FEED, ALARMS = (
    f"admin:ingestion_{name}_changelist" for name in ("ingestrun", "change", "alarm")
)
MINUTE = timedelta(minutes=1)
TASK = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def run(belgium: Event) -> IngestRun:
    run = IngestRun.objects.create(
        trigger="poll",
        arguments={"refresh": True, "sessions": {"race": ["belgian-grand-prix"]}},
        seasons=[2024],
        started_at=AFTER,
        ended_at=AFTER + timedelta(seconds=75),
        outcome="partial",
        fault="upstream",
        requests=9,
        counts={
            "events": {"created": 0, "updated": 2, "unchanged": 5},
            "results": {"created": 1, "amended": 1, "unchanged": 0},
        },
        problems=[
            Problem(
                "refused, half the field is missing", 2024, "belgian-grand-prix", "race"
            ).as_data(),
            Problem("the file is empty", 2024).as_data(),
            Problem("the disk is full").as_data(),
        ],
        notes=[Problem("no such session", 2024, "dutch-grand-prix", "sprint_qualifying").as_data()],
        clock_offset=timedelta(seconds=-1.25),
    )
    Change.objects.filter(event=belgium, kind="published").update(run=run)
    return run


# Runs


def test_runs_are_listed_with_what_came_of_them(viewer: Client, run: IngestRun) -> None:
    text = read(viewer, reverse(RUNS))
    assert (
        "2024-08-01 00:00 UTC ◐ partial 75.0 s poll 2024; past the caches, only race of "
        "belgian-grand-prix 9 events: 2 updated; classifications: 1 created, 1 amended ! 3"
    ) in text


def test_a_runs_page_has_its_problems_and_leads_to_the_events(
    viewer: Client, run: IngestRun
) -> None:
    address = reverse("admin:ingestion_ingestrun_change", args=[run.pk])
    text = read(viewer, address)
    assert "◐ partial A part of it failed; the rest is saved." in text
    assert "Started 2024-08-01 00:00:00 UTC, by poll" in text
    assert "Ended 2024-08-01 00:01:15 UTC, after 75.0 s" in text
    assert "Fault the upstream's" in text and "Our clock -1.2 s of the upstream's" in text
    assert "Problems 2024 belgian-grand-prix race: refused, half the field is missing" in text
    assert "the disk is full" in text and "Notes 2024 dutch-grand-prix sprint" in text
    assert "2024 Belgian Grand Prix Race : Revision 1 published: P1 Hamilton" in text
    html = viewer.get(address).content.decode()
    assert f'href="{page_of(race())}">open 2024 Belgian Grand Prix Race</a>' in html
    assert f'href="{page_of(race())}">2024 Belgian Grand Prix Race</a>' in html


def test_a_run_of_all_seasons_is_described_in_short(viewer: Client, db: None) -> None:
    run = IngestRun.objects.create(
        trigger="command", seasons=list(range(1950, 2027)), started_at=AFTER,
        ended_at=AFTER + timedelta(hours=7, minutes=5), outcome="ok",
        problems=[
            Problem("not out", year, "nowhere-grand-prix", "race").as_data()
            for year in range(1950, 2027)
        ]
        * 20,
    )  # fmt: skip
    text = read(viewer, reverse("admin:ingestion_ingestrun_change", args=[run.pk]))
    assert "Requested 1950-2026" in text and "after 7 h 5 min" in text
    assert "What it changed Nothing: the facts were the same as before." in text


def test_a_run_that_changed_much_leads_to_the_feed(viewer: Client, run: IngestRun) -> None:
    Change.objects.bulk_create(
        Change(event=race(), kind="details", revision=1, cause="poll", run=run, created_at=AFTER)
        for _ in range(201)
    )
    address = reverse("admin:ingestion_ingestrun_change", args=[run.pk])
    html = viewer.get(address).content.decode()
    [feed] = re.findall(r'href="([^"]+)">all of it in the feed', html)
    assert "202 changes" in read(viewer, feed)


def test_a_row_that_does_not_exist_is_not_found(viewer: Client, db: None) -> None:
    for name in ("ingestrun", "change", "alarm", "event"):
        for pk in ("987", "x", "9" * 40):
            address = reverse(f"admin:ingestion_{name}_change", args=[pk])
            assert viewer.get(address).status_code == 404, address


# The feed


def test_the_feed_is_listed_in_sentences(viewer: Client, run: IngestRun) -> None:
    text = read(viewer, reverse(FEED))
    assert (
        "2024-08-01 00:00 UTC 2024 Belgian Grand Prix Race published "
        "Revision 1 published: P1 Hamilton, P2 Piastri, P3 Leclerc (Jolpica) "
        f"run {run.pk}, poll"
    ) in text
    found = read(viewer, reverse(FEED) + "?q=zandvoort&kind__exact=scheduled")
    assert "2 changes" in found and "Dutch" in found and "Belgian" not in found


def test_an_entrys_page_shows_both_sides(viewer: Client, run: IngestRun) -> None:
    ingest("russell", "hamilton", "piastri", "leclerc", "max_verstappen", now=AFTER + MINUTE)
    change = Change.objects.latest("pk")
    text = read(viewer, reverse("admin:ingestion_change_change", args=[change.pk]))
    assert "Revision 2: P1 Hamilton → Russell" in text
    assert "By poll" in text and "When 2024-08-01 00:01 UTC" in text
    assert "1 Hamilton Russell ▲" in text
    published = Change.objects.get(kind="published", event=race())
    html = viewer.get(
        reverse("admin:ingestion_change_change", args=[published.pk])
    ).content.decode()
    assert reverse("admin:ingestion_ingestrun_change", args=[run.pk]) in html
    assert page_of(race()) in html


# Alarms


@pytest.fixture
def alarms(db: None) -> list[Alarm]:
    return [
        Alarm.objects.create(key=key, severity="silent", title=f"{key} is silent", raised_at=AFTER)
        for key in ("one", "two", "three")
    ]


def test_alarms_are_acknowledged_in_the_list(operator: Client, alarms: list[Alarm]) -> None:
    chosen = {"action": "acknowledge_chosen", "_selected_action": [one.pk for one in alarms[:2]]}
    text = words_of(operator.post(reverse(ALARMS), chosen, follow=True).content.decode())
    assert "2 alarms were acknowledged." in text
    assert "◐ open, acknowledged the upstream is silent one is silent ana" in text
    assert "! open the upstream is silent three is silent not acknowledged" in text
    found = read(operator, reverse(ALARMS) + "?state=unseen")
    assert "three is silent" in found and "one is silent" not in found


def test_an_alarm_is_acknowledged_in_the_inbox(operator: Client, weekend: None) -> None:
    clock.now = AFTER + timedelta(hours=1)
    switch_polling_on(AFTER)
    update_alarms(check_health(clock.now), AFTER, channels=[])
    alarm = Alarm.objects.get(key="no-tick")
    html = operator.get(season_page()).content.decode()
    address = reverse("admin:ingestion_alarm_acknowledge", args=[alarm.pk])
    assert f'action="{address}"' in html
    answer = operator.post(address, {"next": season_page()}, follow=True)
    assert answer.redirect_chain == [(season_page(), 302)]
    assert "Acknowledged: No worker tick" in words_of(answer.content.decode())
    assert "; acknowledged by ana" in words_of(answer.content.decode())

    again = operator.post(address, {"next": season_page()}, follow=True)
    assert "This alarm is over, or was acknowledged before" in words_of(again.content.decode())
    alarm.refresh_from_db()
    assert alarm.acknowledged_by == User.objects.get(**{User.USERNAME_FIELD: "ana"})
    assert alarm.acknowledged_at == clock.now


@pytest.mark.parametrize("where", ["https://elsewhere.example/", "//elsewhere.example", ""])
def test_acknowledging_leads_nowhere_else(
    operator: Client, alarms: list[Alarm], where: str
) -> None:
    address = reverse("admin:ingestion_alarm_acknowledge", args=[alarms[0].pk])
    assert operator.post(address, {"next": where})["Location"] == reverse(ALARMS)


def test_an_alarms_page(operator: Client, alarms: list[Alarm]) -> None:
    address = reverse("admin:ingestion_alarm_change", args=[alarms[0].pk])
    text = read(operator, address)
    assert "one is silent" in text and "State ! open" in text and "Message sent not yet" in text
    assert "Name one Acknowledge Times are" in text
    Alarm.objects.update(cleared_at=AFTER)
    assert "State ✓ over since 2024-08-01 00:00" in read(operator, address)
    assert "Name one Acknowledge" not in read(operator, address)


def test_an_alarm_that_does_not_exist_is_not_found(operator: Client, db: None) -> None:
    address = reverse("admin:ingestion_alarm_acknowledge", args=[987])
    assert operator.post(address).status_code == 404


# Ingest now


def queued() -> list[tuple[str, tuple[object, ...]]]:
    tasks = [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("pk")]
    return [(task["func"], task["args"]) for task in tasks]


def test_a_season_is_queued(operator: Client, weekend: None) -> None:
    answer = operator.post(reverse("admin:ingestion_season_ingest", args=[2024]), follow=True)
    assert queued() == [("ingestion.queue.tasks.ingest_season", (2024,))]
    text = words_of(answer.content.decode())
    assert "○ scheduled It waits for a worker." in text
    assert '<meta http-equiv="refresh" content="3">' in answer.content.decode()


def test_an_event_is_queued(operator: Client, belgium: Event) -> None:
    operator.post(reverse("admin:ingestion_event_ingest", args=[belgium.pk]))
    assert queued() == [("ingestion.queue.tasks.ingest_event", (belgium.pk,))]
    nowhere = reverse("admin:ingestion_event_ingest", args=[987654])
    assert operator.post(nowhere).status_code == 404
    assert operator.post(reverse("admin:ingestion_season_ingest", args=[1949])).status_code == 404
    assert len(queued()) == 1


class UnreachableBroker(Broker):  # type: ignore[misc] # django-q2 has no types
    """As a client of a server that is down."""

    port = 0

    def enqueue(self, _task: str) -> NoReturn:
        socket.create_connection(("127.0.0.1", self.port))
        raise AssertionError("the port is open")


@pytest.fixture
def queue_is_down(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UnreachableBroker, "port", closed_port)
    broker = f"{__name__}.{UnreachableBroker.__name__}"
    monkeypatch.setattr("django_q.conf.Conf.BROKER_CLASS", broker)


@pytest.fixture
def queue_has_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Redis, without the package."""
    monkeypatch.setattr("django_q.conf.Conf.ORM", None)
    monkeypatch.setitem(sys.modules, "redis", None)


@pytest.mark.parametrize("trouble", ["queue_is_down", "queue_has_no_client"])
def test_a_queue_that_cannot_be_reached_is_reported_with_what_to_do(
    operator: Client,
    belgium: Event,
    trouble: str,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    request.getfixturevalue(trouble)
    for address, back, what in (
        (reverse("admin:ingestion_season_ingest", args=[2024]), season_page(), "2024"),
        (
            reverse("admin:ingestion_event_ingest", args=[belgium.pk]),
            reverse("admin:ingestion_event_change", args=[belgium.pk]),
            "2024 Belgian Grand Prix Race",
        ),
    ):
        answer = operator.post(address, follow=True)
        assert answer.redirect_chain == [(back, 302)]
        text = words_of(answer.content.decode())
        assert f"The ingest of {what} was not started: the queue cannot be reached. " in text
        assert "REDIS_URL" in text
    assert [record.message for record in caplog.records] == ["the task was not queued"] * 2
    assert all(record.exc_info is None for record in caplog.records)


def progress(client: Client) -> str:
    return read(client, reverse("admin:ingestion_season_task", args=[2024, TASK]))


def test_its_progress_is_shown_to_the_end(viewer: Client, weekend: None) -> None:
    clock.now = AFTER + MINUTE
    begun = TaskRun.objects.create(id=TASK, name="ingest season", started_at=AFTER)
    assert "▶ running A worker has been at it since 00:00:00 UTC." in progress(viewer)

    IngestRun.objects.create(trigger="command", started_at=AFTER, ended_at=AFTER, outcome="failed")
    run = IngestRun.objects.create(trigger="admin", seasons=[2024], started_at=AFTER, task=TASK)
    assert "▶ running" in progress(viewer)

    run.outcome, run.ended_at, run.requests = "partial", AFTER + MINUTE, 14
    run.problems = [Problem("refused", 2024, "belgian-grand-prix", "race").as_data()]
    run.save()
    begun.ended_at = AFTER + MINUTE
    begun.save()
    text = progress(viewer)
    assert "◐ partial A part of it failed; the rest is saved." in text
    assert "Changes nothing new Requests 14 Problems 2024 belgian-grand-prix race: refused" in text
    html = viewer.get(reverse("admin:ingestion_season_task", args=[2024, TASK])).content.decode()
    assert "http-equiv" not in html
    assert reverse("admin:ingestion_ingestrun_change", args=[run.pk]) in html


def test_a_task_that_failed_before_it_could_record_a_run(viewer: Client, weekend: None) -> None:
    Task.objects.create(
        id=TASK, name="x", func="ingestion.queue.tasks.ingest_season", started=AFTER, stopped=AFTER,
        success=False, result="no such table: secret : Traceback (most recent call last)",
    )  # fmt: skip
    text = progress(viewer)
    assert "✕ failed It failed before it could record a run" in text
    assert "Traceback" not in text and "secret" not in text


def test_each_press_of_the_button_shows_its_own_run(operator: Client, weekend: None) -> None:
    """Both begin before either ends, as with two workers."""
    pages = [
        operator.post(reverse("admin:ingestion_season_ingest", args=[2024]))["Location"]
        for _ in range(2)
    ]
    for number, page in enumerate(pages, start=1):
        task = page.rstrip("/").rpartition("/")[2]
        TaskRun.objects.create(id=task, name="ingest season", started_at=AFTER)
        IngestRun.objects.create(
            trigger="admin", seasons=[2024], started_at=AFTER, ended_at=AFTER + number * MINUTE,
            outcome="ok", requests=10 + number, task=task,
        )  # fmt: skip
    clock.now = AFTER + 5 * MINUTE
    for page, requests in zip(pages, ("Requests 11", "Requests 12"), strict=True):
        assert requests in read(operator, page)


@pytest.mark.parametrize("has_run", [True, False])
def test_a_task_lost_with_its_worker_is_running_no_longer_than_a_task_may(
    viewer: Client, weekend: None, has_run: bool
) -> None:
    TaskRun.objects.create(id=TASK, name="ingest season", started_at=AFTER)
    if has_run:
        IngestRun.objects.create(trigger="admin", seasons=[2024], started_at=AFTER, task=TASK)
    clock.now = AFTER + longest_task()
    assert "▶ running" in progress(viewer)
    clock.now += timedelta(seconds=1)
    text = progress(viewer)
    assert "‖ interrupted Its worker was lost before the end; what it had saved stays." in text
    assert "This page is refreshed" not in text


def test_a_run_that_the_queue_ended_is_not_said_to_be_missing(
    viewer: Client, weekend: None
) -> None:
    run = IngestRun.objects.create(trigger="admin", started_at=AFTER, task=TASK)
    Task.objects.create(
        id=TASK, name="x", func="ingestion.queue.tasks.ingest_season", started=AFTER, stopped=AFTER,
        success=False, result="Task exceeded maximum timeout value",
    )  # fmt: skip
    assert "✕ failed Its worker was lost before the end" in progress(viewer)
    address = reverse("admin:ingestion_season_task", args=[2024, TASK])
    html = viewer.get(address).content.decode()
    assert reverse("admin:ingestion_ingestrun_change", args=[run.pk]) in html
