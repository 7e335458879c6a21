"""`/healthz`: whether we work, for anybody's eyes."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from ingestion.report import Problem
from tests.installation import (
    DAY,
    HOUR,
    MINUTE,
    event,
    failing_poll,
    healthy,
    learn,
    run,
    tick,
)
from tests.project import Project

# Wherever a project mounts it.
pytestmark = pytest.mark.urls("ingestion.urls")

MARK = "s3cr3t-MARK"


@pytest.fixture
def now(db: None) -> datetime:
    at = timezone.now()
    healthy(at)
    return at


def ask(status: int, path: str = "/healthz", **headers: str) -> dict[str, Any]:
    answer = Client().get(path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    told: dict[str, Any] = answer.json()
    return told


def test_what_works_is_200(now: datetime) -> None:
    told = ask(200)
    assert (told["state"], told["checks"]) == ("ok", [])
    assert set(told) == {"state", "at", "last_tick", "checks"}


def test_a_silent_upstream_is_200_too_and_says_so(now: datetime) -> None:
    failing_poll(event("race", now - 5 * HOUR), now - HOUR, now, last_error=MARK)
    told = ask(200)
    assert told["state"] == "silent"
    assert [(check["check"], check["severity"]) for check in told["checks"]] == [
        ("upstream-silent", "silent")
    ]


def test_what_is_broken_is_503_and_says_neither_what_nor_where(now: datetime) -> None:
    learn(event("race", now - 2 * DAY, grand_prix="belgian-grand-prix"), now - DAY)
    for _ in range(3):
        run(
            now - MINUTE,
            "failed",
            fault="ours",
            problems=[Problem(f"{MARK} cannot be written").as_data()],
        )
    answer = Client().get("/healthz")
    assert answer.status_code == 503
    assert {check["check"] for check in answer.json()["checks"]} == {"failing-runs", "overdue"}
    for word in (MARK, "belg", "python", "ingest", "127.0.0.1"):
        assert word not in answer.content.decode().lower()


@pytest.mark.parametrize(("method", "status"), [("head", 200), ("post", 405), ("put", 405)])
def test_it_is_only_read(method: str, status: int, now: datetime) -> None:
    answer = getattr(Client(), method)("/healthz")
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["Cache-Control"] == "no-store"


def test_it_takes_few_queries(
    now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        run(now - number * HOUR)
        tick(now - number * HOUR)
    with django_assert_max_num_queries(14):
        ask(200)


@pytest.mark.project
def test_it_is_answered_over_plain_http_where_all_else_is_sent_to_https(
    now: datetime, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert ask(200)["state"] == "ok"
    assert Client().get("/admin/").status_code == 301


ASK = """
from django.conf import settings
from django.test import Client
settings.ROOT_URLCONF = "ingestion.urls"
answer = Client(headers={"host": "localhost"}, raise_request_exception=False).get("/healthz")
print(answer.status_code, answer.headers["Content-Type"], answer.content.decode())
"""


def test_a_database_that_cannot_be_reached_is_503_without_a_word_of_it(
    unmigrated_project: Project, closed_port: int
) -> None:
    url = f"postgresql://someone:{MARK}@127.0.0.1:{closed_port}/picks"
    env = {"DATABASE_URL": url, "SECRET_KEY": "for-this-test", "LOG_LEVEL": "ERROR"}
    done = unmigrated_project.manage("shell", "-v0", "-c", ASK, env=env)
    assert done.returncode == 0, done.stderr
    status, kind, body = done.stdout.split(" ", 2)
    assert (status, kind) == ("503", "application/json")
    told = json.loads(body)
    reason = "the database cannot be reached, or failed"
    assert (told["state"], told["checks"]) == (
        "broken",
        [{"check": "database", "reason": reason}],
    )
    assert set(told) == {"state", "at", "checks"}
    assert MARK not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.django_db(transaction=True)
def test_a_locked_database_is_503_with_the_reason_within_seconds() -> None:
    healthy(timezone.now())
    begun = time.monotonic()
    with locked():
        (check,) = ask(503)["checks"]
    assert 1.5 < time.monotonic() - begun < 10
    assert check == {
        "check": "database",
        "reason": "the database did not respond within 2 seconds",
    }
    assert ask(200)["state"] == "ok"


@contextmanager
def locked() -> Iterator[None]:
    """By another session, for all who read too."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
            # Readers of a write-ahead log wait for nobody else.
            connection.close()
            other.execute("PRAGMA journal_mode = DELETE")
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.rollback()
            other.execute("PRAGMA journal_mode = WAL")
        return
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    with psycopg.connect(**parameters) as session, session.transaction():
        session.execute("LOCK TABLE ingestion_event IN ACCESS EXCLUSIVE MODE")
        yield
