"""DATABASE_URL: what each form of address means, and that a malformed one is never shown."""

import contextlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.base import DatabaseWrapper
from hypothesis import given
from hypothesis import strategies as st
from psycopg import IsolationLevel
from pytest_django import DjangoDbBlocker

from f1picks.database import LONGEST_NAME, parse_database_url
from tests.postgres import running_postgres
from tests.project import Project

pytestmark = pytest.mark.project

BASE = Path("/srv/f1picks")
MARK = "hunter2marked"


def settings_of(url: str) -> dict[str, Any]:
    return parse_database_url(url, base_dir=BASE).settings


def notices_of(url: str) -> list[str]:
    return parse_database_url(url, base_dir=BASE).notices


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("", "/srv/f1picks/db.sqlite3"),
        ("sqlite:///db.sqlite3", "/srv/f1picks/db.sqlite3"),
        ("  sqlite:///data/picks.db\n", "/srv/f1picks/data/picks.db"),
        ("sqlite:////var/lib/picks.db", "/var/lib/picks.db"),
        ("sqlite:///with%20space.db", "/srv/f1picks/with space.db"),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_sqlite_file_is_found_beside_manage_py_or_absolutely(url: str, name: str) -> None:
    assert settings_of(url)["NAME"] == name


def test_sqlite_writers_queue_for_a_minute_and_readers_do_not_block_them(
    tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    project = Project(
        database_url=f"sqlite:///{tmp_path / 'new.sqlite3'}",
        folder=tmp_path,
        allow_queries=django_db_blocker.unblock,
    )
    assert project.query("PRAGMA journal_mode") == [("wal",)]
    assert project.query("PRAGMA synchronous") == [(1,)]
    assert project.query("PRAGMA foreign_keys") == [(1,)]
    assert project.query("PRAGMA busy_timeout") == [(60_000,)]
    assert settings_of("")["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


# A server may have another default isolation, under which one of four ingests at once fails.
DEFAULTS = {"connect_timeout": 10, "isolation_level": IsolationLevel.READ_COMMITTED}
POSTGRES = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "picks",
    "USER": "",
    "PASSWORD": "",
    "HOST": "",
    "PORT": "",
    "OPTIONS": DEFAULTS,
    "CONN_HEALTH_CHECKS": True,
    "DISABLE_SERVER_SIDE_CURSORS": True,
}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres:///picks", {}),
        ("psql://db.example/picks", {"HOST": "db.example"}),
        ("pgsql://db.example:6543/picks", {"HOST": "db.example", "PORT": "6543"}),
        (
            "postgresql://u:p@db.example:5432/picks",
            {"USER": "u", "PASSWORD": "p", "HOST": "db.example", "PORT": "5432"},
        ),
        ("postgresql+asyncpg://u@db/picks", {"USER": "u", "HOST": "db"}),
        ("postgresql+psycopg://u@db/picks", {"USER": "u", "HOST": "db"}),
        (
            "postgresql://a%40b:p%40%3A%2F%23%25%20%C3%A9@db/pi%63ks",
            {"USER": "a@b", "PASSWORD": "p@:/#% é", "HOST": "db"},
        ),
        ("postgresql://u:a+b:c@db/picks", {"USER": "u", "PASSWORD": "a+b:c", "HOST": "db"}),
        ("postgresql://u:a@b@db/picks", {"USER": "u", "PASSWORD": "a@b", "HOST": "db"}),
        ("postgresql://u:$x@db/picks", {"USER": "u", "PASSWORD": "$x", "HOST": "db"}),
        ("postgresql://[::1]:5433/picks", {"HOST": "::1", "PORT": "5433"}),
        ("postgresql://a:1,b:2/picks", {"HOST": "a,b", "PORT": "1,2"}),
        ("postgresql://a,b/picks", {"HOST": "a,b", "PORT": ""}),
        ("postgresql://%2FVar%2Frun/picks", {"HOST": "/Var/run"}),
        ("postgresql:///picks?host=/Var/run&port=5433", {"HOST": "/Var/run", "PORT": "5433"}),
        (
            "postgresql://db/?dbname=picks&user=u&password=p",
            {"USER": "u", "PASSWORD": "p", "HOST": "db"},
        ),
    ],
)
def test_postgres_address_becomes_settings(url: str, expected: dict[str, Any]) -> None:
    assert parse_database_url(url, base_dir=BASE) == (POSTGRES | expected, [])


@given(password=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40))
def test_any_percent_encoded_password_arrives_as_it_is(password: str) -> None:
    url = f"postgresql://u:{quote(password, safe='')}@db/picks"
    assert settings_of(url)["PASSWORD"] == password


@pytest.mark.parametrize(
    ("ssl", "mode"),
    [
        ("true", "require"),
        ("True", "require"),
        ("1", "require"),
        ("false", "disable"),
        ("0", "disable"),
        ("disable", "disable"),
        ("allow", "allow"),
        ("prefer", "prefer"),
        ("require", "require"),
        ("verify-ca", "verify-ca"),
        ("verify_full", "verify-full"),
    ],
)
def test_asyncpg_ssl_becomes_libpq_sslmode(ssl: str, mode: str) -> None:
    database = parse_database_url(f"postgresql+asyncpg://db/picks?ssl={ssl}", base_dir=BASE)
    assert database.settings["OPTIONS"] == DEFAULTS | {"sslmode": mode}
    assert database.notices == []


def test_sslmode_wins_over_ssl() -> None:
    options = settings_of("postgresql://db/picks?ssl=false&sslmode=verify-full")["OPTIONS"]
    assert options["sslmode"] == "verify-full"


def test_libpq_options_are_kept() -> None:
    url = (
        "postgresql://db/picks?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3"
        "&application_name=f1+picks&options=-c%20statement_timeout%3D5000"
        "&target_session_attrs=read-write"
    )
    assert settings_of(url)["OPTIONS"] == DEFAULTS | {
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ca.pem",
        "connect_timeout": 3,
        "application_name": "f1+picks",
        "options": "-c statement_timeout=5000",
        "target_session_attrs": "read-write",
    }
    assert notices_of(url) == []


def test_service_stands_for_the_database() -> None:
    settings = settings_of("postgresql://?service=picks")
    assert settings["NAME"] == ""
    assert settings["OPTIONS"] == DEFAULTS | {"service": "picks"}


def test_other_driver_options_are_dropped_and_named_without_their_values() -> None:
    url = (
        "postgresql+asyncpg://u:p@db/picks?statement_cache_size=10701&command_timeout=10702"
        "&prepared_statement_cache_size=10703&server_settings=10704"
    )
    assert settings_of(url)["OPTIONS"] == DEFAULTS
    assert notices_of(url) == [
        f"DATABASE_URL: {name} is an option of asyncpg and is not used."
        for name in (
            "command_timeout",
            "prepared_statement_cache_size",
            "server_settings",
            "statement_cache_size",
        )
    ]


def test_unknown_options_are_dropped_and_not_named() -> None:
    url = f"postgresql://db/picks?pgbouncer=true&{MARK}=1"
    assert settings_of(url)["OPTIONS"] == DEFAULTS
    assert notices_of(url) == [
        "DATABASE_URL: options that PostgreSQL's libpq does not know are not used."
    ]


def test_django_neither_prepares_statements_nor_binds_on_the_server() -> None:
    """What transaction poolers need, and Django 5.2 does by default: see if that changes."""
    settings = {**settings_of("postgresql://db/picks"), "TIME_ZONE": None}
    parameters = DatabaseWrapper(settings).get_connection_params()
    assert parameters["prepare_threshold"] is None
    assert parameters["cursor_factory"].__name__ == "Cursor"


MALFORMED = [
    MARK,
    f"${MARK}",
    f"//u:{MARK}@db/picks",
    f"mysql://u:{MARK}@db/picks",
    f"{MARK}://u:p@db/picks",
    f"postgresql+{MARK}://u:p@db/picks",
    f"sqlite://{MARK}",
    f"sqlite://{MARK}/db.sqlite3",
    "sqlite://",
    f"postgresql://u:{MARK}@db",
    f"postgresql://u:{MARK}@db/",
    f"postgresql://u:{MARK}@db:fivefour/picks",
    f"postgresql://u:{MARK}@db:{'9' * 5000}/picks",
    f"postgresql://u:{MARK}@db:70000/picks",
    f"postgresql://u:x/{MARK}@db/picks",
    f"postgresql://u:1/{MARK}@db/picks",
    f"postgresql://u:1#{MARK}@db/picks",
    f"postgresql://u:1?{MARK}@db/picks",
    f"postgresql://u:1?{MARK}=1@db/picks",
    f"postgresql://u:x[{MARK}@db/picks",
    f"postgresql://u:{MARK}@[::1/picks",
    f"postgresql://u:{MARK}%FF@db/picks",
    f"postgresql://u:{MARK}%00@db/picks",
    f"postgresql://u:{MARK}℀@db/picks",
    f"postgresql://u:p@db/picks?{MARK}",
    f"postgresql://u:p@db/picks?ssl={MARK}",
    f"postgresql://u:p@db/picks?sslmode={MARK}",
    f"postgresql://u:p@db/picks?sslmod={MARK}",
    f"postgresql://u:p@db/picks?connect_timeout={MARK}",
    f"postgresql://u:p@db/{MARK}{'x' * LONGEST_NAME}",
    f"postgresql://u:{MARK}@a:1,b/picks",
    f"postgresql://u:p@db/picks?password={MARK}%00",
    f"sqlite:///{MARK}%FF",
]


@pytest.mark.parametrize("url", MALFORMED)
def test_malformed_address_is_refused_and_never_shown(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL cannot be used: ") as refused:
        parse_database_url(url, base_dir=BASE)
    assert MARK not in str(refused.value)
    assert refused.value.__suppress_context__


@given(url=st.text() | st.builds("postgresql://{}:{}@{}/{}?{}".format, *[st.text()] * 5))
def test_every_address_is_understood_or_refused_with_a_message_of_ours(url: str) -> None:
    with contextlib.suppress(ImproperlyConfigured):
        parse_database_url(url, base_dir=BASE)


@pytest.mark.parametrize("url", MALFORMED[::8])
@pytest.mark.once
def test_manage_py_says_that_the_address_is_malformed_and_nothing_of_it(
    unmigrated_project: Project, url: str
) -> None:
    checked = unmigrated_project.manage("check", env={"DATABASE_URL": url})
    assert checked.returncode == 1
    assert checked.stdout == ""
    assert checked.stderr.startswith("Wrong configuration: DATABASE_URL cannot be used: ")
    assert checked.stderr.count("\n") == 1
    assert MARK not in checked.stderr


def test_a_real_server_is_reached_by_the_old_workers_address(tmp_path: Path) -> None:
    with running_postgres() as url:
        address = url.replace("postgresql://", "postgresql+asyncpg://")
        project = Project(
            database_url=f"{address}&ssl=prefer&statement_cache_size=0",
            folder=tmp_path,
            allow_queries=contextlib.nullcontext,
        )
        migrated = project.manage("migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr
    assert "statement_cache_size is an option of asyncpg and is not used" in migrated.stderr
    assert migrated.stderr.count("\n") == 1
