"""Which messages are sent, when, how often, and what becomes of those that do not arrive."""

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from ingestion.models import Alarm
from ingestion.monitoring import channels as delivery
from ingestion.monitoring.alerting import acknowledge, send_test_message, update_alarms
from ingestion.monitoring.channels import Channel, find_unusable, read_channels, send_heartbeat
from ingestion.monitoring.health import Finding, Health
from tests.installation import MINUTE
from tests.mail_server import MailServer, running_mail_server  # noqa: F401 - `mail_server`
from tests.persons import User
from tests.webhook import SECRET, Receiver, webhook_receiver  # noqa: F401 - fixture `receiver`

pytestmark = pytest.mark.django_db

NOW = datetime(2024, 7, 28, 18, tzinfo=UTC)
DAY = timedelta(days=1)

NO_TICK = Finding(
    key="no-tick",
    severity=Alarm.Severity.BROKEN,
    title="No tick since 2024-07-28 17:30 UTC",
    advice="Start 'python manage.py qcluster'.",
    since=NOW - 30 * MINUTE,
)
SILENT = Finding(
    key="upstream-silent",
    severity=Alarm.Severity.SILENT,
    title="The upstream has been silent since 2024-07-28 17:00 UTC",
    advice="It is requested again automatically.",
    since=NOW - 60 * MINUTE,
)


@pytest.fixture
def to_webhook(receiver: Receiver) -> list[Channel]:
    return [Channel("webhook", receiver.alarm_url)]


@pytest.fixture(autouse=True)
def no_secret_is_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[None]:
    # Not urllib3's own debugging, which the project masks.
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="ingestion")
    caplog.set_level(logging.DEBUG, logger="apprise")
    yield
    said = "".join(capfd.readouterr()) + caplog.text
    said += "".join(str(vars(record)) for record in caplog.records)
    assert SECRET not in said


def health(*findings: Finding, at: datetime = NOW) -> Health:
    return Health(
        at=at,
        season=2024,
        findings=findings,
        notes=(),
        is_polling=True,
        last_tick=None,
        last_run=None,
        refreshed_at=None,
    )


def sound(at: datetime, *findings: Finding, channels: Sequence[Channel]) -> int:
    return update_alarms(health(*findings, at=at), at, channels=channels)


# Once


def test_a_problem_is_told_once_however_often_it_is_seen(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    told = [
        sound(NOW + number * 5 * MINUTE, NO_TICK, SILENT, channels=to_webhook)
        for number in range(5)
    ]
    assert told == [2, 0, 0, 0, 0]
    assert receiver.titles == [
        "F1 Picks: we are broken: No tick since 2024-07-28 17:30 UTC",
        (
            "F1 Picks: the upstream is silent: "
            "The upstream has been silent since 2024-07-28 17:00 UTC"
        ),
    ]
    alarms = Alarm.objects.order_by("pk")
    assert [(alarm.key, alarm.severity) for alarm in alarms] == [
        ("no-tick", "broken"),
        ("upstream-silent", "silent"),
    ]
    assert [(alarm.raised_at, alarm.notified_at) for alarm in alarms] == [(NOW, NOW)] * 2


def test_a_message_says_what_to_do(receiver: Receiver, to_webhook: list[Channel]) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    (post,) = receiver.posts
    assert post["title"] == "F1 Picks: we are broken: No tick since 2024-07-28 17:30 UTC"
    assert post["type"] == "failure"
    assert post["message"] == (
        "No tick since 2024-07-28 17:30 UTC.\n"
        "Start 'python manage.py qcluster'.\n\n"
        "Noticed at 2024-07-28 18:00 UTC. Another message follows when it is over.\n"
        "To say that you have seen it: python manage.py f1_status --acknowledge no-tick"
    )


def test_the_all_clear_is_told_once_when_it_has_stayed_away_for_a_quarter_of_an_hour(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    over = NOW + 20 * MINUTE
    for minutes in range(0, 60, 5):
        sound(over + minutes * MINUTE, channels=to_webhook)
    alarm = Alarm.objects.get()
    assert (alarm.cleared_at, alarm.all_clear_sent_at) == (over, over + 15 * MINUTE)
    assert receiver.titles[1:] == ["F1 Picks: over: No tick since 2024-07-28 17:30 UTC"]
    assert receiver.posts[1]["message"].endswith(
        "over since 2024-07-28 18:20 UTC. It was noticed at 2024-07-28 18:00 UTC. "
        "There is nothing left to do."
    )
    assert receiver.posts[1]["type"] == "success"


def test_a_problem_that_pauses_was_never_over(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    for minutes in range(0, 60, 5):
        is_there = minutes % 15 == 0
        sound(NOW + minutes * MINUTE, *([NO_TICK] if is_there else []), channels=to_webhook)
    alarm = Alarm.objects.get()
    assert (alarm.raised_at, len(receiver.posts)) == (NOW, 1)
    assert not alarm.is_open


def test_a_problem_that_is_back_after_its_all_clear_is_told_again_at_once(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    sound(NOW + 5 * MINUTE, channels=to_webhook)
    sound(NOW + 20 * MINUTE, channels=to_webhook)
    sound(NOW + 25 * MINUTE, NO_TICK, channels=to_webhook)
    assert [post["type"] for post in receiver.posts] == ["failure", "success", "failure"]
    assert Alarm.objects.filter(cleared_at=None).get().raised_at == NOW + 25 * MINUTE


def test_what_was_raised_since_the_look_is_not_cleared_by_it(to_webhook: list[Channel]) -> None:
    looked = health(at=NOW)
    sound(NOW + MINUTE, NO_TICK, channels=to_webhook)
    update_alarms(looked, NOW + 2 * MINUTE, channels=to_webhook)
    assert Alarm.objects.get().is_open


def test_a_problem_that_turns_out_to_be_ours_is_told_again_and_not_the_other_way_round(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    ours = replace(SILENT, severity=Alarm.Severity.BROKEN, title="The upstream was not requested")
    sound(NOW, SILENT, channels=to_webhook)
    acknowledge(Alarm.objects.get(), None, NOW)
    for minutes, finding in enumerate([ours, ours, SILENT, SILENT], start=1):
        sound(NOW + minutes * MINUTE, finding, channels=to_webhook)
    assert [post["type"] for post in receiver.posts] == ["warning", "failure"]
    alarm = Alarm.objects.get()
    assert (alarm.severity, alarm.raised_at, alarm.acknowledged_at) == ("silent", NOW, None)


def test_what_a_problem_is_called_follows_it_silently_and_is_written_where_it_differs_alone(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    gasly = replace(SILENT, title="Two sources disagree: Gasly\nthird", advice="Compare the two.")
    sainz = replace(gasly, title="Two sources disagree: Sainz\nthird", advice="Compare all.")
    sound(NOW, gasly, channels=to_webhook)
    acknowledge(Alarm.objects.get(), None, NOW)
    with CaptureQueriesContext(connection) as first:
        sound(NOW + MINUTE, gasly, channels=to_webhook)
    sound(NOW + 2 * MINUTE, sainz, channels=to_webhook)
    alarm = Alarm.objects.get()
    assert (alarm.title, alarm.advice) == ("Two sources disagree: Sainz third", "Compare all.")
    assert (alarm.raised_at, alarm.notified_at, alarm.acknowledged_at) == (NOW, NOW, NOW)
    with CaptureQueriesContext(connection) as again:
        sound(NOW + 3 * MINUTE, sainz, channels=to_webhook)
    assert len(again) == len(first)
    assert len(receiver.posts) == 1
    sound(NOW + 4 * MINUTE, channels=to_webhook)
    sound(NOW + 20 * MINUTE, channels=to_webhook)
    assert receiver.titles[1:] == ["F1 Picks: over: Two sources disagree: Sainz third"]


# By whom


def test_nobody_is_told_where_no_way_is_set_and_everybody_as_soon_as_one_is(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    assert sound(NOW, NO_TICK, channels=[]) == 0
    assert Alarm.objects.get().notified_at is None
    assert sound(NOW + DAY, NO_TICK, channels=to_webhook) == 1


def test_what_was_over_before_anybody_was_told_is_not_told(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    sound(NOW, NO_TICK, channels=[])
    sound(NOW + 5 * MINUTE, channels=[])
    assert sound(NOW + 60 * MINUTE, channels=to_webhook) == 0
    assert receiver.posts == []


def test_settings_name_the_channels(settings: Settings, receiver: Receiver) -> None:
    settings.F1_ALARM_URLS = ""
    assert read_channels() == []
    two = f" {receiver.alarm_url} , {receiver.alarm_url}/b "
    settings.F1_ALARM_URLS = two
    assert update_alarms(health(NO_TICK), NOW) == 1
    assert len(receiver.posts) == 2
    settings.F1_ALARM_URLS = two.split(",")
    assert len(read_channels()) == 2
    assert SECRET not in repr(read_channels())


def test_an_address_keeps_its_own_commas_and_an_unusable_one_is_named(settings: Settings) -> None:
    settings.F1_ALARM_URLS = (
        "mailtos://u:p@example.org?to=anna@example.org,ben@example.org,ntfy://topic\nbad://x y"
    )
    channels = read_channels()
    assert [channel.name.partition("-")[0] for channel in channels] == [
        "mailtos", "ntfy", "bad", "unknown"
    ]  # fmt: skip
    assert find_unusable(channels) == [channels[2].name, channels[3].name]


def test_a_project_that_sets_nothing_sends_nothing(settings: Settings) -> None:
    del settings.F1_ALARM_URLS
    assert update_alarms(health(NO_TICK), NOW) == 0


def test_control_characters_of_a_name_neither_add_headers_nor_stop_a_message(
    mail_server: MailServer,
) -> None:
    odd = replace(NO_TICK, title="No tick\r\nBcc: everybody@example.org\x00\x1b[31m")
    channels = [Channel("mail", mail_server.alarm_url)]
    assert sound(NOW, odd, SILENT, channels=channels) == 2
    first, second = mail_server.received
    assert "\nBcc:" not in first
    assert "No_tick_Bcc" in first or "No tick Bcc" in first
    assert "RCPT TO:<ANNA@EXAMPLE.ORG>" in mail_server.commands[0]
    assert "silent" in second


# What cannot be delivered


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_a_refused_delivery_is_logged_and_tried_again(
    status: int, receiver: Receiver, to_webhook: list[Channel], caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = status
    assert sound(NOW, NO_TICK, SILENT, channels=to_webhook) == 0
    assert len(receiver.posts) == 2, "a message that fails does not close its channel"
    assert set(Alarm.objects.values_list("notified_at", flat=True)) == {None}
    record = next(one for one in caplog.records if "delivered" in one.message)
    assert vars(record)["channel"] == "webhook"
    assert str(status) in vars(record)["reason"]
    receiver.status = 204
    assert sound(NOW + 5 * MINUTE, NO_TICK, SILENT, channels=to_webhook) == 2
    assert sound(NOW + 10 * MINUTE, NO_TICK, SILENT, channels=to_webhook) == 0


def test_an_all_clear_that_cannot_be_delivered_is_tried_again(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    sound(NOW + 5 * MINUTE, channels=to_webhook)
    receiver.status = 500
    assert sound(NOW + 20 * MINUTE, channels=to_webhook) == 0
    receiver.status = 200
    assert sound(NOW + 25 * MINUTE, channels=to_webhook) == 1
    assert sound(NOW + 30 * MINUTE, channels=to_webhook) == 0


def test_a_channel_that_fails_is_tried_again_alone(receiver: Receiver, closed_port: int) -> None:
    dead = Channel("dead", f"json://127.0.0.1:{closed_port}/{SECRET}")
    works = Channel("works", receiver.alarm_url)
    assert [sound(NOW, NO_TICK, SILENT, channels=[dead, works]) for _ in range(3)] == [2, 0, 0]
    assert len(receiver.posts) == 2
    assert [alarm.missed_channels for alarm in Alarm.objects.all()] == [["dead"]] * 2
    back = replace(dead, url=receiver.alarm_url)
    sound(NOW + MINUTE, NO_TICK, SILENT, channels=[back, works])
    sound(NOW + 2 * MINUTE, NO_TICK, SILENT, channels=[back, works])
    assert len(receiver.posts) == 4
    assert [alarm.missed_channels for alarm in Alarm.objects.all()] == [[]] * 2


def test_a_server_that_does_not_answer_is_given_up_and_stops_no_other_channel(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SECONDS_PER_MESSAGE", 0.3)
    receiver.held = threading.Event()
    hangs, other = Channel("hangs", receiver.alarm_url), Channel("other", "json://127.0.0.1:1/x")
    reasons = send_test_message(NOW, channels=[hangs, other])
    assert reasons["hangs"] == "no answer within 0.3 s"
    assert "hangs" in reasons and "other" in reasons
    again = [send_test_message(NOW, channels=[hangs])["hangs"] for _ in range(4)]
    assert again[-1] == "earlier messages still wait for an answer"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"nonsense://127.0.0.1/{SECRET}", "its address is not one that Apprise knows"),
        (SECRET, "its address is not one that Apprise knows"),
        (f"json://[{SECRET}", "its address is not one that Apprise knows"),
        ("json://127.0.0.1:{port}/" + SECRET, "A Connection error occurred"),
        (
            f"mailto://anna:{SECRET}@example.org:{{port}}?smtp=127.0.0.1&mode=insecure",
            "Connection error while submitting email",
        ),
    ],
)
def test_an_address_that_leads_nowhere_is_reported_without_itself(
    url: str, reason: str, closed_port: int
) -> None:
    channel = Channel("it", url.replace("{port}", str(closed_port)))
    (told,) = send_test_message(NOW, channels=[channel]).values()
    assert told.startswith(reason)
    assert SECRET not in repr(channel) + told
    assert "anna" not in told


def test_loopback_is_never_reached_through_a_proxy(
    receiver: Receiver, to_webhook: list[Channel], closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "shop.example")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    delivery.exempt_loopback_from_proxies()
    assert sound(NOW, NO_TICK, channels=to_webhook) == 1
    assert send_heartbeat(receiver.url)


# Acknowledged


def test_the_first_who_has_seen_it_is_noted(to_webhook: list[Channel]) -> None:
    anna, ben = (User.objects.create_user(name) for name in ("anna", "ben"))
    sound(NOW, NO_TICK, channels=to_webhook)
    alarm = Alarm.objects.get()
    assert acknowledge(alarm, anna, NOW + MINUTE)
    assert not acknowledge(alarm, ben, NOW + 2 * MINUTE)
    assert (alarm.acknowledged_by, alarm.acknowledged_at) == (anna, NOW + MINUTE)


def test_what_somebody_has_seen_is_not_delivered_any_more_but_its_all_clear_is(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    receiver.status = 500
    sound(NOW, NO_TICK, channels=to_webhook)
    acknowledge(Alarm.objects.get(), None, NOW + MINUTE)
    receiver.status = 200
    assert sound(NOW + 5 * MINUTE, NO_TICK, channels=to_webhook) == 0
    sound(NOW + 10 * MINUTE, NO_TICK, SILENT, channels=to_webhook)
    acknowledge(Alarm.objects.get(key="upstream-silent"), None, NOW + 11 * MINUTE)
    sound(NOW + 15 * MINUTE, NO_TICK, channels=to_webhook)
    sound(NOW + 30 * MINUTE, NO_TICK, channels=to_webhook)
    assert receiver.titles[1:] == [
        f"F1 Picks: the upstream is silent: {SILENT.title}",
        f"F1 Picks: over: {SILENT.title}",
    ]


def test_an_alarm_that_is_over_is_not_acknowledged(to_webhook: list[Channel]) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    alarm = Alarm.objects.get()
    sound(NOW + MINUTE, channels=to_webhook)
    assert not acknowledge(alarm, None, NOW + 2 * MINUTE)
    assert alarm.cleared_at == NOW + MINUTE


# The heartbeat


def test_the_heartbeat_is_one_request(receiver: Receiver) -> None:
    assert send_heartbeat(receiver.url)
    assert receiver.gets == [f"/hooks/{SECRET}"]


def test_a_heartbeat_that_fails_is_one_line_and_no_failure(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 503
    assert not send_heartbeat(receiver.url)
    (record,) = [one for one in caplog.records if one.name.startswith("ingestion")]
    assert (record.levelname, record.message) == ("WARNING", "the heartbeat could not be sent")
    assert vars(record)["reason"] == "the server answered 503"


def test_a_heartbeat_waits_no_longer_than_it_should(receiver: Receiver) -> None:
    receiver.held = threading.Event()
    assert not send_heartbeat(receiver.url, timeout=0.2)


# At the same time


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_raise_and_tell_one_alarm(
    receiver: Receiver, to_webhook: list[Channel]
) -> None:
    together = threading.Barrier(4)
    told: list[int] = []

    def work(at: datetime, *findings: Finding) -> None:
        try:
            together.wait()
            told.append(sound(at, *findings, channels=to_webhook))
        finally:
            connections.close_all()

    for at, findings in [(NOW, [NO_TICK, SILENT]), (NOW + 5 * MINUTE, []), (NOW + DAY / 2, [])]:
        threads = [threading.Thread(target=work, args=(at, *findings)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(told) == 4
    assert sorted(receiver.titles) == [
        f"F1 Picks: over: {NO_TICK.title}",
        f"F1 Picks: over: {SILENT.title}",
        f"F1 Picks: the upstream is silent: {SILENT.title}",
        f"F1 Picks: we are broken: {NO_TICK.title}",
    ]
    assert Alarm.objects.count() == 2
