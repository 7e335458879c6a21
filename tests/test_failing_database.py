"""What a command says of a database that fails it on the way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from ingestion.management.databases import explain_database
from ingestion.models import IngestRun
from tests.conftest import on_postgres

pytestmark = pytest.mark.django_db(transaction=True)
# SQLite's usual page, and the most that it would take by itself.
PAGE, MOST_PAGES = 4096, 2**30
STANDS = "what was saved before stays, the rest was not changed"


@pytest.fixture
def full_disk() -> Iterator[int]:
    """That of the SQLite file, but for so many pages that are free within it."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA freelist_count")
        free = cursor.fetchone()[0]
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
    yield free
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA max_page_count = {MOST_PAGES}")


@pytest.mark.skipif(on_postgres, reason="only SQLite can be told how much room there is")
def test_a_full_disk_is_named(full_disk: int) -> None:
    pages = ["x" * PAGE]
    more = [IngestRun(started_at=timezone.now(), notes=pages) for _ in range(full_disk + 100)]
    with pytest.raises(DatabaseError) as raised:
        IngestRun.objects.bulk_create(more)
    assert explain_database(raised.value, has_begun=True) == (
        f"the database's disk is full; {STANDS}. Free some space, then run it again."
    )


@pytest.mark.skipif(not on_postgres, reason="SQLite has no connection that could break off")
def test_a_connection_that_the_server_ends_broke_off() -> None:
    with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert explain_database(raised.value, has_begun=True) == (
        f"the connection to the database broke off; {STANDS}. Run it again."
    )


def test_a_database_that_is_gone_meanwhile_may_hold_what_was_saved_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.close()
    gone: Any = tmp_path / "missing" / "db.sqlite3"
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", "no_such" if on_postgres else gone)
        told = explain_database(DatabaseError("it is gone"), has_begun=True)
    assert told == (
        f"the database cannot be reached any more; {STANDS}. Check that it runs, then run it again."
    )


def test_any_other_failure_names_its_kind_and_the_usual_cause() -> None:
    with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column FROM ingestion_event")
    told = explain_database(raised.value)
    assert told.startswith(f"the database failed ({type(raised.value).__name__}); {STANDS}. Run ")
