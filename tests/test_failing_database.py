"""What a command says of a database that fails it on the way."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from ingestion.database_failures import explain_database
from ingestion.models import IngestRun
from tests.command_line import (
    complaint,
    count_rows,
    ingest,
    small_season,
    small_upstream,  # noqa: F401 - fixture `upstream`
)
from tests.conftest import on_postgres
from tests.project import Project
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.django_db(transaction=True)
# SQLite's usual page, and the most that it would take by itself.
PAGE, MOST_PAGES = 4096, 2**30
KEPT = "what was saved before stays, the rest was not changed"


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


@pytest.mark.skipif(on_postgres, reason="only SQLite has a setting for the room there is")
def test_a_full_disk_is_named(full_disk: int) -> None:
    pages = ["x" * PAGE]
    more = [IngestRun(started_at=timezone.now(), notes=pages) for _ in range(full_disk + 100)]
    with pytest.raises(DatabaseError) as raised:
        IngestRun.objects.bulk_create(more)
    assert explain_database(raised.value, has_begun=True) == (
        f"the database's disk is full; {KEPT}. Free some space, then run it again."
    )


@pytest.mark.skipif(not on_postgres, reason="SQLite has no connection that could break off")
def test_a_connection_that_the_server_ends_broke_off() -> None:
    with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert explain_database(raised.value, has_begun=True) == (
        f"the connection to the database broke off; {KEPT}. Run it again."
    )


def test_a_database_that_is_gone_meanwhile_may_hold_what_was_saved_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.close()
    gone = str(tmp_path / "missing" / "db.sqlite3")
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST" if on_postgres else "NAME", gone)
        message = explain_database(DatabaseError("it is gone"), has_begun=True)
    assert message == (
        f"the database cannot be reached; {KEPT}. "
        "Check that it runs and that DATABASE_URL names it, then run it again."
    )


def test_any_other_failure_names_its_kind_and_the_usual_cause() -> None:
    with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT 1 +")
    message = explain_database(raised.value)
    kind = type(raised.value).__name__
    assert message.startswith(f"the database failed ({kind}). Nothing was changed. Run 'python ")


def test_a_column_that_is_missing_is_a_migration_that_was_not_run() -> None:
    with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column FROM ingestion_event")
    assert explain_database(raised.value) == (
        "the database's tables are not those of this version. Nothing was changed. "
        "Run 'python manage.py migrate', then try again."
    )


def refused_by(*statements: str) -> DatabaseError:
    """What Django raises for the last one of them."""
    *before, last = statements
    with connection.cursor() as cursor:
        for statement in before:
            cursor.execute(statement)
        with pytest.raises(DatabaseError) as raised:
            cursor.execute(last)
    return raised.value


REFUSALS = {
    "the database is read-only;": (
        "BEGIN TRANSACTION READ ONLY",
        "DELETE FROM ingestion_event",
    ),
    "the database's user has no right to write or read its tables;": (
        "DROP ROLE IF EXISTS f1_reader",
        "CREATE ROLE f1_reader",
        "SET ROLE f1_reader",
        "DELETE FROM ingestion_event",
    ),
    "the database cancelled a statement (statement_timeout, or a person);": (
        "SET statement_timeout = 10",
        "SELECT pg_sleep(5)",
    ),
    **{
        what: (f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$",)
        for code, what in {
            "40001": "other transactions were in the way each time",
            "40P01": "other transactions were in the way each time",
            "53100": "the database's disk is full;",
            "53300": "the database has no connection left for us",
            "55P03": "a lock in the database was not free in time (lock_timeout);",
            "57P03": "the database is starting or stopping;",
        }.items()
    },
}


@pytest.mark.skipif(not on_postgres, reason="PostgreSQL's codes")
@pytest.mark.parametrize("what", REFUSALS)
def test_what_postgres_refuses_is_named(what: str) -> None:
    try:
        error = refused_by(*REFUSALS[what])
    finally:
        connection.close()
    message = explain_database(error, has_begun=True)
    assert message.startswith(what)
    assert f"; {KEPT}. " in message
    # Whatever it came through on its way, such as the adapter and the budget.
    between = RuntimeError("FastF1 in between")
    between.__context__ = error
    outer = DatabaseError("another one")
    outer.__cause__ = between
    assert explain_database(outer, has_begun=True) == message


@pytest.mark.skipif(not on_postgres, reason="PostgreSQL's time limit")
def test_a_transaction_that_was_idle_too_long_is_named() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 50")
        cursor.execute("BEGIN")
    time.sleep(0.5)
    error = refused_by("SELECT 1")
    connection.close()
    assert "idle_in_transaction_session_timeout" in explain_database(error, has_begun=True)


@pytest.mark.skipif(not on_postgres, reason="PostgreSQL's connections")
def test_connections_use_read_committed_whatever_the_servers_default_is() -> None:
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')
    connection.close()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("read committed",)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" RESET default_transaction_isolation')
        connection.close()


@pytest.mark.skipif(on_postgres, reason="SQLite's codes")
def test_a_read_only_file_is_named() -> None:
    try:
        error = refused_by("PRAGMA query_only = ON", "DELETE FROM ingestion_event")
    finally:
        connection.close()
    assert explain_database(error) == (
        "the SQLite database is read-only. Nothing was changed. Let this user write the file of "
        "DATABASE_URL and its folder, then run it again."
    )


@pytest.mark.once
@pytest.mark.parametrize("damage", ["truncated", "overwritten", "no database"])
def test_a_damaged_file_is_named_and_left_alone(
    migrated_database: str, project: Project, damage: str
) -> None:
    file = project.folder / "damaged.sqlite3"
    content = bytearray(Path(migrated_database).read_bytes())
    match damage:
        case "truncated":
            del content[len(content) // 3 :]
        case "overwritten":
            content[4096:] = b"x" * (len(content) - 4096)
        case _:
            content[:] = b"<html>not found</html>" * 1000
    file.write_bytes(content)
    for command in (["ingest_f1", "--year", "2024"], ["f1_explain", "2024", "spa", "race"]):
        done = project.manage(*command, env={"DATABASE_URL": f"sqlite:///{file}"})
        assert complaint(done, 1) == (
            "the SQLite database is damaged. Nothing was changed. Restore the file from its last "
            "backup (or save what can be read: sqlite3 FILE .recover), then run it again: it "
            "fetches what is missing."
        )
    assert file.exists()


REFUSE_TWICE = """
CREATE SEQUENCE refusals;
CREATE FUNCTION refuse_twice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('refusals') <= 2 THEN
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '{code}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_twice()
"""


@pytest.mark.skipif(not on_postgres, reason="PostgreSQL's codes")
@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("ingestion_event", "40001"),
        ("ingestion_change", "55P03"),
        ("ingestion_requestblock", "40001"),
    ],
)
def test_what_can_pass_is_tried_again_by_an_ingest(
    project: Project, upstream: FaultyUpstream, table: str, code: str
) -> None:
    project.query(REFUSE_TWICE.format(table=table, code=code))
    done = ingest(project, upstream, "--year", "2024")
    assert done.returncode == 0, done.stderr
    assert count_rows(project).items() >= {"event": 6, "result": 120, "change": 12}.items()
    assert done.stderr.count("trying again") == 2


@pytest.mark.skipif(not on_postgres, reason="PostgreSQL's rights")
def test_the_cause_is_not_lost_where_the_budget_is_refused(
    project: Project, upstream: FaultyUpstream
) -> None:
    """Through the adapter, the HTTP library and FastF1."""
    project.query(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END $$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON ingestion_requestblock EXECUTE FUNCTION refuse()"
    )
    done = ingest(project, upstream, "--year", "2024")
    assert complaint(done, 1).startswith(
        f"the database's user has no right to write or read its tables; {KEPT}. "
    )


@pytest.mark.skipif(not on_postgres, reason="PostgreSQL's triggers")
def test_a_range_of_which_a_season_was_saved_is_not_a_failed_one(project: Project) -> None:
    project.query(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON ingestion_event FOR EACH ROW "
        "WHEN (NEW.season = 2024) EXECUTE FUNCTION refuse()"
    )
    with FaultyUpstream({year: small_season(year) for year in (2023, 2024)}) as upstream:
        first, again = (ingest(project, upstream, "--year", "2023-2024") for _ in range(2))
    full = f"the database's disk is full; {KEPT}. Free some space, then run it again."
    assert complaint(first, 3) == full
    # Nothing of the first season was left to do.
    assert complaint(again, 1) == full
    assert count_rows(project)["event"] == 6


@pytest.mark.skipif(not on_postgres, reason="PostgreSQL's connections")
def test_a_crowded_server_is_given_a_moment(project: Project, upstream: FaultyUpstream) -> None:
    name = project.query("SELECT current_database()")[0][0]
    project.query(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
    project.query("CREATE ROLE f1_crowded LOGIN")
    url = project.database_url.replace("postgres@", "f1_crowded@", 1)
    try:
        done = ingest(project, upstream, "--year", "2024", env={"DATABASE_URL": url})
    finally:
        project.query("DROP ROLE f1_crowded")
    assert complaint(done, 1) == (
        "the database has no connection left for us (too many connections). Nothing was changed. "
        "Run it again later; where that happens often, raise max_connections or use a pooler."
    )
    assert done.stderr.count("trying again") == 4


@pytest.mark.skipif(not on_postgres, reason="PostgreSQL's settings")
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("default_transaction_read_only=on", "the database is read-only. Nothing was changed. "),
        ("role=f1_reader", "the database's user has no right to write or read its tables. Nothing"),
    ],
)
def test_every_command_names_a_database_that_cannot_be_written(
    project: Project, upstream: FaultyUpstream, setting: str, message: str
) -> None:
    project.query("DROP ROLE IF EXISTS f1_reader")
    project.query("CREATE ROLE f1_reader")
    project.query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO f1_reader")
    env = {"DATABASE_URL": f"{project.database_url}&options=-c%20{setting}"}
    try:
        done = ingest(project, upstream, "--year", "2024", env=env)
        checked = project.manage("f1_preflight", "--offline", env=env)
    finally:
        project.query("DROP OWNED BY f1_reader")
        project.query("DROP ROLE f1_reader")
    assert complaint(done, 1).startswith(message)
    assert message in " ".join(checked.stdout.split())
    assert checked.returncode == 1


@pytest.mark.skipif(on_postgres, reason="SQLite has one writer at a time")
def test_a_lock_that_another_process_keeps_is_named() -> None:
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        error = refused_by("PRAGMA busy_timeout = 0", "DELETE FROM ingestion_event")
        other.rollback()
    connection.close()
    assert explain_database(error, has_begun=True).startswith(
        f"another process keeps the database locked; {KEPT}. "
    )
