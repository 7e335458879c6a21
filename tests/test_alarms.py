"""Who is told what, when, and how often."""

import logging
import smtplib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connections
from pytest_django import Settings

from ingestion.models import Alarm
from ingestion.monitoring.alarms import (
    Channels,
    acknowledge,
    beat,
    configured_channels,
    send_test_alarm,
    sound_alarms,
)
from ingestion.monitoring.health import Finding, Health
from tests.installation import MINUTE
from tests.persons import User
from tests.webhook import SECRET, Receiver, webhook_receiver  # noqa: F401 - fixture `receiver`

pytestmark = pytest.mark.django_db

NOW = datetime(2024, 7, 28, 18, tzinfo=UTC)
DAY = timedelta(days=1)
PASSWORD = "hunter2marked"

NO_TICK = Finding(
    key="no-tick",
    kind=Alarm.Kind.BROKEN,
    title="no tick since 2024-07-28 17:30 UTC",
    words="Nobody polls. Start 'python manage.py qcluster'.",
    since=NOW - 30 * MINUTE,
)
SILENT = Finding(
    key="upstream-silent",
    kind=Alarm.Kind.SILENT,
    title="the upstream has been silent since 2024-07-28 17:00 UTC",
    words="It is asked again by itself.",
    since=NOW - 60 * MINUTE,
)


@pytest.fixture
def to_webhook(receiver: Receiver) -> Channels:
    return Channels(webhook=receiver.url)


@pytest.fixture(autouse=True)
def no_secret_is_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    said = "".join(capfd.readouterr()) + caplog.text
    said += "".join(str(vars(record)) for record in caplog.records)
    assert SECRET not in said
    assert PASSWORD not in said


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


def sound(at: datetime, *findings: Finding, channels: Channels) -> int:
    return sound_alarms(health(*findings, at=at), at, channels=channels)


# Once


def test_a_problem_is_told_once_however_often_it_is_seen(
    receiver: Receiver, to_webhook: Channels
) -> None:
    told = [
        sound(NOW + number * 5 * MINUTE, NO_TICK, SILENT, channels=to_webhook)
        for number in range(5)
    ]
    assert told == [2, 0, 0, 0, 0]
    assert receiver.subjects == [
        "F1 Picks: we are broken: No tick since 2024-07-28 17:30 UTC",
        (
            "F1 Picks: the upstream is silent: "
            "The upstream has been silent since 2024-07-28 17:00 UTC"
        ),
    ]
    alarms = Alarm.objects.order_by("pk")
    assert [(alarm.key, alarm.kind) for alarm in alarms] == [
        ("no-tick", "broken"),
        ("upstream-silent", "silent"),
    ]
    assert [(alarm.raised_at, alarm.told_at) for alarm in alarms] == [(NOW, NOW)] * 2


def test_what_is_told_says_what_to_do_and_is_read_by_machines_too(
    receiver: Receiver, to_webhook: Channels
) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    (post,) = receiver.posts
    subject = "F1 Picks: we are broken: No tick since 2024-07-28 17:30 UTC"
    text = (
        f"{subject}\n"
        "No tick since 2024-07-28 17:30 UTC.\n"
        "Nobody polls. Start 'python manage.py qcluster'.\n\n"
        "Noticed at 2024-07-28 18:00 UTC. You will be told once more, when it is over.\n"
        "To say that you have seen it: python manage.py f1_status --acknowledge no-tick"
    )
    assert post == {
        "text": text,
        "content": text,
        "subject": subject,
        "what": "raised",
        "key": "no-tick",
        "kind": "broken",
        "message": Alarm.objects.get().message,
        "raised_at": "2024-07-28T18:00:00+00:00",
        "cleared_at": None,
    }


def test_the_all_clear_is_told_once_when_it_has_stayed_away_for_a_quarter_of_an_hour(
    receiver: Receiver, to_webhook: Channels
) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    over = NOW + 20 * MINUTE
    for minutes in range(0, 60, 5):
        sound(over + minutes * MINUTE, channels=to_webhook)
    alarm = Alarm.objects.get()
    assert (alarm.cleared_at, alarm.all_clear_told_at) == (over, over + 15 * MINUTE)
    assert receiver.subjects[1:] == ["F1 Picks: over: No tick since 2024-07-28 17:30 UTC"]
    assert receiver.posts[1]["text"].endswith(
        "this is over since 2024-07-28 18:20 UTC. It was noticed at 2024-07-28 18:00 UTC. "
        "Nothing is left to do."
    )
    assert (receiver.posts[1]["what"], receiver.posts[1]["cleared_at"]) == (
        "cleared",
        "2024-07-28T18:20:00+00:00",
    )


def test_a_problem_that_pauses_was_never_over(receiver: Receiver, to_webhook: Channels) -> None:
    for minutes in range(0, 60, 5):
        is_there = minutes % 15 == 0
        sound(NOW + minutes * MINUTE, *([NO_TICK] if is_there else []), channels=to_webhook)
    alarm = Alarm.objects.get()
    assert (alarm.raised_at, len(receiver.posts)) == (NOW, 1)
    assert not alarm.is_open


def test_a_problem_that_is_back_after_its_all_clear_is_told_again_at_once(
    receiver: Receiver, to_webhook: Channels
) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    sound(NOW + 5 * MINUTE, channels=to_webhook)
    sound(NOW + 20 * MINUTE, channels=to_webhook)
    sound(NOW + 25 * MINUTE, NO_TICK, channels=to_webhook)
    assert [post["what"] for post in receiver.posts] == ["raised", "cleared", "raised"]
    assert Alarm.objects.filter(cleared_at=None).get().raised_at == NOW + 25 * MINUTE


def test_what_was_raised_since_the_look_is_not_cleared_by_it(to_webhook: Channels) -> None:
    looked = health(at=NOW)
    sound(NOW + MINUTE, NO_TICK, channels=to_webhook)
    sound_alarms(looked, NOW + 2 * MINUTE, channels=to_webhook)
    assert Alarm.objects.get().is_open


def test_a_problem_that_turns_out_to_be_ours_is_told_again_and_not_the_other_way_round(
    receiver: Receiver, to_webhook: Channels
) -> None:
    ours = replace(SILENT, kind=Alarm.Kind.BROKEN, title="nobody asked the upstream")
    sound(NOW, SILENT, channels=to_webhook)
    acknowledge(Alarm.objects.get(), None, NOW)
    for minutes, finding in enumerate([ours, ours, SILENT, SILENT], start=1):
        sound(NOW + minutes * MINUTE, finding, channels=to_webhook)
    assert [post["kind"] for post in receiver.posts] == ["silent", "broken"]
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.raised_at, alarm.acknowledged_at) == ("silent", NOW, None)


def test_a_long_message_is_cut_for_discord_alone(receiver: Receiver, to_webhook: Channels) -> None:
    sound(NOW, replace(SILENT, words="word " * 1000), channels=to_webhook)
    (post,) = receiver.posts
    assert (len(post["content"]), len(post["text"]) > 5000) == (2000, True)


# By whom


def test_nobody_is_told_where_no_way_is_set_and_everybody_as_soon_as_one_is(
    receiver: Receiver, to_webhook: Channels
) -> None:
    assert sound(NOW, NO_TICK, channels=Channels()) == 0
    assert Alarm.objects.get().told_at is None
    assert sound(NOW + DAY, NO_TICK, channels=to_webhook) == 1


def test_what_was_over_before_anybody_was_told_is_not_told(
    receiver: Receiver, to_webhook: Channels
) -> None:
    sound(NOW, NO_TICK, channels=Channels())
    sound(NOW + 5 * MINUTE, channels=Channels())
    assert sound(NOW + 60 * MINUTE, channels=to_webhook) == 0
    assert receiver.posts == []


def test_settings_say_who_is_told(
    settings: Settings, receiver: Receiver, mailoutbox: list[EmailMessage]
) -> None:
    assert not configured_channels()
    settings.F1_ALARM_EMAILS = ["anna@example.org", "ben@example.org"]
    settings.F1_ALARM_WEBHOOK = receiver.url
    settings.DEFAULT_FROM_EMAIL = "picks@example.org"
    assert sound_alarms(health(NO_TICK), NOW) == 1
    (mail,) = mailoutbox
    assert (mail.from_email, mail.to) == (
        "picks@example.org",
        ["anna@example.org", "ben@example.org"],
    )
    assert receiver.subjects == [mail.subject]
    assert receiver.posts[0]["text"] == f"{mail.subject}\n{mail.body}"


def test_a_project_that_sets_nothing_tells_nobody(settings: Settings) -> None:
    del settings.F1_ALARM_EMAILS
    del settings.F1_ALARM_WEBHOOK
    assert sound_alarms(health(NO_TICK), NOW) == 0


def test_a_title_over_several_lines_cannot_add_headers(
    settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    odd = replace(NO_TICK, title="no tick\nBcc: everybody@example.org")
    sound(NOW, odd, channels=Channels(emails=["anna@example.org"]))
    assert mailoutbox[0].subject == "F1 Picks: we are broken: No tick"


# What cannot be delivered


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_a_refused_delivery_is_logged_and_tried_again(
    status: int, receiver: Receiver, to_webhook: Channels, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = status
    assert sound(NOW, NO_TICK, SILENT, channels=to_webhook) == 0
    assert len(receiver.posts) == 1, "the second message does not wait for a server that refuses"
    assert set(Alarm.objects.values_list("told_at", flat=True)) == {None}
    (record,) = [one for one in caplog.records if "delivered" in one.message]
    assert vars(record)["channel"] == "webhook"
    assert vars(record)["reason"] == f"the server answered {status}"
    receiver.status = 204
    assert sound(NOW + 5 * MINUTE, NO_TICK, SILENT, channels=to_webhook) == 2
    assert sound(NOW + 10 * MINUTE, NO_TICK, SILENT, channels=to_webhook) == 0


def test_an_all_clear_that_cannot_be_delivered_is_tried_again(
    receiver: Receiver, to_webhook: Channels
) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    sound(NOW + 5 * MINUTE, channels=to_webhook)
    receiver.status = 500
    assert sound(NOW + 20 * MINUTE, channels=to_webhook) == 0
    receiver.status = 200
    assert sound(NOW + 25 * MINUTE, channels=to_webhook) == 1
    assert sound(NOW + 30 * MINUTE, channels=to_webhook) == 0


def test_who_got_it_one_way_does_not_get_it_again_because_of_the_other(
    receiver: Receiver, mailoutbox: list[EmailMessage]
) -> None:
    receiver.status = 500
    both = Channels(emails=["anna@example.org"], webhook=receiver.url)
    assert [sound(NOW, NO_TICK, SILENT, channels=both) for _ in range(3)] == [2, 0, 0]
    assert (len(mailoutbox), len(receiver.posts)) == (2, 1)


class RefusingBackend(BaseEmailBackend):
    """A mail server that quotes what it was given."""

    error: Exception = smtplib.SMTPAuthenticationError(535, f"not {PASSWORD}".encode())

    def send_messages(self, email_messages: Any) -> int:
        assert len(email_messages) == 1
        raise self.error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            smtplib.SMTPAuthenticationError(535, f"not {PASSWORD}".encode()),
            "the mail server does not accept the user or the password",
        ),
        (
            smtplib.SMTPRecipientsRefused({f"{PASSWORD}@example.org": (550, b"no")}),
            "the mail server refuses the recipients",
        ),
        (
            smtplib.SMTPServerDisconnected(PASSWORD),
            "the mail server cannot be used (SMTPServerDisconnected)",
        ),
        (TimeoutError(PASSWORD), "the mail server cannot be used (TimeoutError)"),
        (LookupError(PASSWORD), "the e-mail cannot be sent (LookupError)"),
    ],
)
def test_a_mail_server_that_fails_is_told_without_what_it_says(
    error: Exception,
    reason: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    monkeypatch.setattr(RefusingBackend, "error", error)
    assert sound(NOW, NO_TICK, channels=Channels(emails=["anna@example.org"])) == 0
    assert vars(caplog.records[-1])["reason"] == reason


def test_a_real_mail_server_that_is_not_there_is_no_traceback(
    settings: Settings, closed_port: int
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port
    settings.EMAIL_HOST_PASSWORD = PASSWORD
    settings.EMAIL_TIMEOUT = None
    channels = Channels(emails=["anna@example.org"])
    assert send_test_alarm(NOW, channels=channels) == {
        "e-mail": "the mail server cannot be used (ConnectionRefusedError)"
    }


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"ftp://127.0.0.1/{SECRET}", "its address is not one of http:// or https://"),
        (f"file:///{SECRET}", "its address is not one of http:// or https://"),
        (SECRET, "its address is not one of http:// or https://"),
        (f"http://[{SECRET}", "its address is not one of http:// or https://"),
        (f"https:///{SECRET}", "its address is not one of http:// or https://"),
        (f"http://127.0.0.1:{SECRET}/", "the server cannot be reached (InvalidURL)"),
        (f"http://127.0.0.1/{SECRET} x\n", "the server cannot be reached (InvalidURL)"),
        ("http://127.0.0.1:{port}/" + SECRET, "the server cannot be reached (ConnectionRefused"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_without_itself(
    url: str, reason: str, closed_port: int
) -> None:
    channels = Channels(webhook=url.replace("{port}", str(closed_port)))
    (told,) = send_test_alarm(NOW, channels=channels).values()
    assert told.startswith(reason)
    assert SECRET not in repr(channels)


def test_a_redirect_is_not_followed(receiver: Receiver, to_webhook: Channels) -> None:
    receiver.status, receiver.location = 302, f"{receiver.url}/elsewhere"
    assert send_test_alarm(NOW, channels=to_webhook) == {"webhook": "the server answered 302"}
    assert receiver.gets == []


# Acknowledged


def test_the_first_who_has_seen_it_is_noted(to_webhook: Channels) -> None:
    anna, ben = (User.objects.create_user(name) for name in ("anna", "ben"))
    sound(NOW, NO_TICK, channels=to_webhook)
    alarm = Alarm.objects.get()
    assert acknowledge(alarm, anna, NOW + MINUTE)
    assert not acknowledge(alarm, ben, NOW + 2 * MINUTE)
    assert (alarm.acknowledged_by, alarm.acknowledged_at) == (anna, NOW + MINUTE)


def test_what_somebody_has_seen_is_not_delivered_any_more_but_its_all_clear_is(
    receiver: Receiver, to_webhook: Channels
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
    assert [(post["what"], post["key"]) for post in receiver.posts[1:]] == [
        ("raised", "upstream-silent"),
        ("cleared", "upstream-silent"),
    ]


def test_an_alarm_that_is_over_is_not_acknowledged(to_webhook: Channels) -> None:
    sound(NOW, NO_TICK, channels=to_webhook)
    alarm = Alarm.objects.get()
    sound(NOW + MINUTE, channels=to_webhook)
    assert not acknowledge(alarm, None, NOW + 2 * MINUTE)
    assert alarm.cleared_at == NOW + MINUTE


# The heartbeat


def test_the_heartbeat_is_one_request(receiver: Receiver) -> None:
    assert beat(receiver.url)
    assert receiver.gets == [f"/hooks/{SECRET}"]


def test_a_heartbeat_that_fails_is_one_line_and_no_failure(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 503
    assert not beat(receiver.url)
    (record,) = [one for one in caplog.records if one.name.startswith("ingestion")]
    assert (record.levelname, record.message) == ("WARNING", "the heartbeat could not be sent")
    assert vars(record)["reason"] == "the server answered 503"


def test_a_heartbeat_waits_no_longer_than_it_should(receiver: Receiver) -> None:
    receiver.held = threading.Event()
    assert not beat(receiver.url, timeout=0.2)


# At the same time


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_raise_and_tell_one_alarm(
    receiver: Receiver, to_webhook: Channels
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
    assert sorted((post["what"], post["key"]) for post in receiver.posts) == [
        ("cleared", "no-tick"),
        ("cleared", "upstream-silent"),
        ("raised", "no-tick"),
        ("raised", "upstream-silent"),
    ]
    assert Alarm.objects.count() == 2
