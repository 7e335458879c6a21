"""What browsers and monitors get: the right headers, whatever they ask, and never a failure."""

import csv
import io
import json
import re
import string
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from f1picks.serving import CONTENT_POLICY
from ingestion.models import Alarm, Change, Event
from tests.installation import healthy
from tests.operators import page_of, race, season_page
from tests.project import Project

pytestmark = pytest.mark.once

MARK = "s3cr3t-MARK"
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# The database's rows stay as they are from one made-up question to the next.
made_up = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# NUL, other control characters, halves of pairs, long ones, numbers that no column holds.
words = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["\0", "x\0y", "\ud800", "'", '"', "%", "..", "2024", "-1", "1e9", "nan"]),
    st.integers(min_value=-(10**30), max_value=10**30).map(str),
    st.sampled_from(["x" * 20_000, "9" * 5_000, "=cmd|' /C calc'!A0", "<script>alert(1)</script>"]),
)


def percent(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def assert_headers(answer: Any) -> None:
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


# Headers


@pytest.mark.project
@pytest.mark.django_db
def test_every_kind_of_answer_has_its_headers() -> None:
    healthy(timezone.now())
    client = Client()
    for path, status in (("/healthz", 200), ("/admin/", 302), ("/admin/login/", 200), ("/x", 404)):
        answer = client.get(path)
        assert answer.status_code == status
        assert_headers(answer)
    assert client.get("/healthz").headers["Cache-Control"] == "no-store"
    assert "no-store" in client.get("/admin/login/").headers["Cache-Control"]


@pytest.mark.project
@pytest.mark.django_db
@pytest.mark.urls("tests.admin_site")
def test_no_page_of_the_admin_needs_what_the_policy_forbids(
    operator: Client, belgium: Event
) -> None:
    """Scripts and styles are files; nothing is kept by a shared cache."""
    for address in admin_pages():
        answer = operator.get(address)
        assert answer.status_code == 200, address
        assert_headers(answer)
        assert "no-store" in answer.headers["Cache-Control"]
        if "Content-Disposition" in answer.headers:
            continue
        html = answer.content.decode()
        scripts = re.findall(r"<script\b([^>]*)>", html)
        assert [tag for tag in scripts if "src=" not in tag and "json" not in tag] == [], address
        assert re.findall(r"<style\b|\sstyle=|\son[a-z]+=\"|javascript:", html) == [], address
        foreign = re.findall(r"(?:src|action)=\"(?:https?:)?//[^\"]*", html)
        assert foreign == [], address


def admin_pages() -> Iterator[str]:
    change = Change.objects.latest("pk")
    Alarm.objects.create(key="x", severity="broken", title="-", raised_at=timezone.now())
    yield reverse("admin:index")
    yield season_page()
    yield page_of(race())
    yield reverse("admin:ingestion_season_status")
    yield reverse("admin:ingestion_change_change", args=[change.pk])
    for name in ("event", "change", "ingestrun", "alarm"):
        yield reverse(f"admin:ingestion_{name}_changelist")
    for name in ("events.csv", "season.json"):
        yield reverse("admin:ingestion_season_export", args=[2024, name])


SECURE = """
from django.test import Client
client = Client(headers={"host": "picks.example.org"})
plain = client.get("/admin/login/")
print(plain.status_code, plain["Location"])
login = client.get("/admin/login/", headers={"x-forwarded-proto": "https"})
print(login.status_code, login["Strict-Transport-Security"])
cookie = login.cookies["csrftoken"]
print(bool(cookie["secure"]), cookie["samesite"])
from django.conf import settings
print(settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY, settings.DEBUG)
print(client.get("/admin/", headers={"host": "evil.example"}).status_code)
"""


@pytest.mark.project
def test_production_is_https_alone(project: Project) -> None:
    env = {
        "SECRET_KEY": "a-key-for-this-test-that-is-long-enough-and-has-0123456789-in-it",
        "ALLOWED_HOSTS": "picks.example.org",
        "HTTPS_ONLY": "on",
        "HTTPS_PROXY_HEADER": "on",
        "LOG_LEVEL": "CRITICAL",
    }
    checked = project.manage("check", "--deploy", "--fail-level", "INFO", env=env)
    assert checked.returncode == 0, checked.stderr
    ran = project.manage("shell", "-v0", "-c", SECURE, env=env)
    assert ran.stdout.splitlines() == [
        "301 https://picks.example.org/admin/login/",
        "200 max-age=2592000",
        "True Lax",
        "True True False",
        "400",
    ], ran.stderr


@pytest.mark.project
@pytest.mark.django_db
def test_the_page_about_an_error_in_debug_keeps_its_script(settings: Settings) -> None:
    settings.DEBUG = True
    assert "Content-Security-Policy" not in Client().get("/nowhere").headers


# Made-up questions


@pytest.fixture
def health(db: None) -> None:
    healthy(timezone.now())
    Alarm.objects.create(key=MARK, severity="broken", title=MARK, raised_at=timezone.now())


@pytest.mark.urls("ingestion.urls")
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]),
    query=st.lists(st.tuples(words, words), max_size=4),
    headers=st.dictionaries(
        st.sampled_from(["accept", "accept-language", "cookie", "if-none-match", "range",
                         "if-modified-since", "x-forwarded-for", "content-length", "expect"]),
        st.text(string.printable.strip(), max_size=60),
        max_size=3,
    ),
    body=st.binary(max_size=100),
)  # fmt: skip
@made_up
def test_the_health_view_answers_whatever_it_is_asked(
    health: None, method: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes
) -> None:
    text = "&".join(f"{percent(name)}={percent(value)}" for name, value in query)
    answer: Any = Client(raise_request_exception=False).generic(
        method, "/healthz", body, "application/octet-stream", QUERY_STRING=text, headers=headers
    )
    assert answer.status_code in ({200, 503} if method in {"GET", "HEAD"} else {405})
    assert answer.headers["Cache-Control"] == "no-store"
    assert MARK not in str(answer.headers) + answer.content.decode()
    if method == "GET":
        assert answer.headers["Content-Type"] == "application/json"
        assert set(json.loads(answer.content)) == {"state", "at", "last_tick", "checks"}


@pytest.mark.django_db
@pytest.mark.urls("tests.admin_site")
@given(year=st.integers(min_value=0, max_value=10**40), name=words, query=words)
@made_up
def test_an_export_is_a_file_or_there_is_none(
    operator: Client, year: int, name: str, query: str
) -> None:
    operator.raise_request_exception = False
    base = reverse("admin:ingestion_season_export", args=[2024, "events.csv"])
    for path in (
        base.replace("2024", str(year)),
        base.replace("events.csv", percent(name)),
        f"{base}?{percent(query)}={percent(query)}",
    ):
        answer = operator.get(path)
        assert answer.status_code in {200, 301, 302, 400, 404}, path
        assert connection.is_usable()
        if answer.status_code == 200:
            assert "attachment" in answer.headers["Content-Disposition"]
            assert answer.content


@pytest.mark.django_db
@pytest.mark.urls("tests.admin_site")
@given(
    page=st.sampled_from(["event", "change", "ingestrun", "alarm", "season"]),
    query=st.dictionaries(
        st.sampled_from(["q", "p", "o", "season", "status__exact", "kind__exact", "locked", "state",
                         "run__id__exact", "id__in", "started_at__year", "starts_at__gte", "all",
                         "outcome__exact", "event__season", "e", "_facets"]),
        words,
        max_size=3,
    ),
)  # fmt: skip
@example(page="event", query={"id__in": str(2**63)})
@example(page="event", query={"season": "9" * 5_000})
@made_up
def test_a_list_of_the_admin_answers_whatever_it_is_asked(
    operator: Client, belgium: Event, page: str, query: dict[str, str]
) -> None:
    operator.raise_request_exception = False
    text = "&".join(f"{name}={percent(value)}" for name, value in query.items())
    answer = operator.get(f"{reverse(f'admin:ingestion_{page}_changelist')}?{text}")
    assert answer.status_code in {200, 302, 400, 404}, text[:200]
    assert b"<script>alert" not in answer.content


@pytest.mark.django_db
@pytest.mark.urls("tests.admin_site")
@given(key=words)
@example(key="9" * 5_000)
@made_up
def test_a_page_of_a_row_that_there_is_not_is_no_failure(operator: Client, key: str) -> None:
    operator.raise_request_exception = False
    for name in ("event", "change", "ingestrun", "alarm"):
        base = reverse(f"admin:ingestion_{name}_change", args=[0])
        answer = operator.get(base.replace("/0/", f"/{percent(key)}/"))
        assert answer.status_code in {200, 301, 302, 400, 404}, key[:200]


CELLS = st.one_of(st.text(max_size=30), st.builds(str.__add__, st.sampled_from("=+-@\t\r\n|%"),
                                                  st.text(max_size=20)))  # fmt: skip


@pytest.mark.django_db
@pytest.mark.urls("tests.admin_site")
@given(name=CELLS)
@made_up
def test_whatever_an_upstream_calls_a_driver_is_no_formula(
    viewer: Client, belgium: Event, name: str
) -> None:
    storable = name.replace("\0", "").encode("utf-8", "ignore").decode()
    race().results.filter(order=1).update(driver_name=storable)
    answer: Any = viewer.get(reverse("admin:ingestion_season_export", args=[2024, "results.csv"]))
    first = b"".join(answer).decode()
    rows = list(csv.reader(io.StringIO(first, newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    for cell in (cell for row in rows[1:] for cell in row if not re.fullmatch(r"-?[\d.]+", cell)):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), cell
