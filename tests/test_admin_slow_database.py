"""A page whose statement takes too long says so, instead of blocking a web worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from ingestion.admin.read_only import ReadOnlyAdmin
from ingestion.models import Event
from tests.operators import correction_of, page_of, race, season_page, words_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.admin_site"),
    pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="SQLite has no limit on a statement's time"
    ),
]


@contextmanager
def locked_table(name: str) -> Iterator[None]:
    """As a migration holds it."""
    settings = connection.get_connection_params()
    settings.pop("cursor_factory", None)
    settings.pop("context", None)
    with psycopg.connect(**settings) as other, other.transaction():
        other.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_page_that_waits_for_a_lock_is_given_up_with_a_message(
    operator: Client, belgium: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReadOnlyAdmin, "statement_limit", timedelta(seconds=0.2))
    pages = [
        season_page(),
        reverse("admin:ingestion_event_changelist"),
        page_of(belgium),
        correction_of(belgium, "void"),
        reverse("admin:ingestion_season_export", args=[2024, "season.json"]),
    ]
    with locked_table("ingestion_event"):
        for page in pages:
            answer = operator.get(page)
            text = words_of(answer.content.decode())
            assert answer.status_code == 503, page
            assert "The database did not answer within 0.2 seconds" in text
        answer = operator.post(correction_of(belgium, "void"), {"step": "save", "reason": "so"})
        assert answer.status_code == 503
        assert "Nothing was saved." in words_of(answer.content.decode())
    assert not race().is_cancelled
    for page in pages:
        assert operator.get(page).status_code == 200, page


def test_the_limit_ends_with_the_page(operator: Client, belgium: Event) -> None:
    """Behind a transaction pooler the connection goes on to other clients."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
        operator.get(season_page())
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before
