"""Signing in at the admin: where it leads, and what becomes of wrong passwords."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.db.models import F
from django.http import HttpResponse
from django.test import Client

from tests.persons import User

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db,
    pytest.mark.project,
    pytest.mark.urls("f1picks.urls"),
]

PASSWORD = "correct horse battery staple"
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def ana(settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_user("ana", password=PASSWORD, is_staff=True)


def sign_in(client: Client, password: str = PASSWORD, **headers: str) -> HttpResponse:
    data = {"username": "ana", "password": password}
    answer = client.post(LOGIN, data, headers={name: headers[name] for name in headers})
    assert isinstance(answer, HttpResponse)
    return answer


def test_signing_in_without_a_next_page_leads_to_the_admin(client: Client) -> None:
    assert sign_in(client)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_the_bare_address_leads_to_the_admin(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"


def test_after_five_wrong_passwords_the_right_one_waits(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        assert sign_in(client, "wrong").status_code == 200
    for password in ("wrong", PASSWORD, "wrong"):
        refused = sign_in(client, password)
        assert refused.status_code == 429
        assert "Sign in again in 15 minutes." in refused.content.decode()
    failures = [record.getMessage() for record in caplog.records if "login failure" in record.msg]
    assert len(failures) >= 5
    assert all('username: "ana"' in line and "127.0.0.1" in line for line in failures)
    assert not any("wrong" in line for line in failures), "no password is logged"

    # The attack went on, and the wait did not become longer by that.
    attempts = apps.get_model("axes", "AccessAttempt")._default_manager
    attempts.update(attempt_time=F("attempt_time") - timedelta(minutes=15, seconds=1))
    assert sign_in(client)["Location"] == "/admin/"


def test_a_right_password_forgets_the_wrong_ones(client: Client) -> None:
    for _ in range(3):
        for _ in range(4):
            assert sign_in(client, "wrong").status_code == 200
        assert sign_in(client).status_code == 302


def test_another_address_is_not_locked_out(client: Client, settings: LazySettings) -> None:
    """Behind a proxy it is the one that the proxy saw, whatever the client claims."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for number in range(5):
        claimed = f"10.0.0.{number}, 203.0.113.7"
        refused = sign_in(client, "wrong", x_forwarded_for=claimed)
    assert refused.status_code == 429
    assert sign_in(client, x_forwarded_for="203.0.113.8").status_code == 302
