"""EMAIL_URL as Django's settings, and what is said of one that cannot be used."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from f1picks.email import MailServer, parse_email_url
from tests.project import Project
from tests.test_settings import read

pytestmark = pytest.mark.project

MARK = "s3cr3tMARK"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", MailServer("localhost", 25)),
        ("  ", MailServer("localhost", 25)),
        ("smtp://mail.example", MailServer("mail.example", 25)),
        ("smtp://mail.example:2525/", MailServer("mail.example", 2525)),
        (
            "smtp+tls://anna%40example.org:p%40ss%3A%2F%23@mail.example",
            MailServer("mail.example", 587, "anna@example.org", "p@ss:/#", "tls"),
        ),
        ("smtps://a:b:c@mail.example", MailServer("mail.example", 465, "a", "b:c", "ssl")),
        ("smtp+ssl://a:$b@[::1]:465", MailServer("::1", 465, "a", "$b", "ssl")),
        ("SMTP+TLS://a:p@b@mail.example:587", MailServer("mail.example", 587, "a", "p@b", "tls")),
    ],
)
def test_a_mail_server_is_read_from_its_address(url: str, server: MailServer) -> None:
    assert parse_email_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        f"imap://a:{MARK}@mail.example",
        MARK,
        f"smtp://a:{MARK}/b@mail.example",
        f"smtp://a:{MARK}#b@mail.example",
        f"smtp://a:{MARK}?b@mail.example",
        f"smtp://mail.example:{MARK}",
        "smtp://mail.example:99999",
        "smtp://mail.example:0",
        f"smtp://a:{MARK}@",
        f"smtp://a:{MARK}%ff@mail.example",
        f"smtp://a:{MARK}%0a@mail.example",
        f"smtp://[{MARK}",
        f"smtp://mail.example/{MARK}",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_a_piece_of_it(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        parse_email_url(url)
    told = str(raised.value)
    assert told.startswith("EMAIL_URL cannot be used: ")
    assert "smtp+tls://user:password@host:587" in told
    assert MARK.lower() not in told.lower()
    assert raised.value.__suppress_context__


def test_a_password_is_not_shown_with_the_server() -> None:
    assert MARK not in repr(parse_email_url(f"smtp://a:{MARK}@mail.example"))


@pytest.mark.once
def test_settings_come_from_the_environment(unmigrated_project: Project) -> None:
    names = (
        *("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD"),
        *("EMAIL_USE_TLS", "EMAIL_USE_SSL", "EMAIL_TIMEOUT", "DEFAULT_FROM_EMAIL"),
        *("F1_ALARM_EMAILS", "F1_ALARM_WEBHOOK", "HEARTBEAT_URL"),
    )
    assert read(
        unmigrated_project,
        *names,
        EMAIL_URL="smtp+tls://anna:$DEBUG@mail.example",
        DEFAULT_FROM_EMAIL="F1 Picks <picks@example.org>",
        F1_ALARM_EMAILS="anna@example.org, ,ben@example.org ",
        F1_ALARM_WEBHOOK=" https://hooks.example/x ",
        HEARTBEAT_URL="https://beat.example/y",
    ) == [
        *("mail.example", 587, "anna", "$DEBUG", True, False, 30),
        "F1 Picks <picks@example.org>",
        ["anna@example.org", "ben@example.org"],
        *("https://hooks.example/x", "https://beat.example/y"),
    ]
    wrong = unmigrated_project.manage("check", env={"EMAIL_URL": f"imap://a:{MARK}@mail.example"})
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Wrong configuration: EMAIL_URL cannot be used: ")
    assert MARK not in wrong.stdout + wrong.stderr
