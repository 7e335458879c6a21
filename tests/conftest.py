import os
import shutil
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, transaction
from django.db.models import Model
from django.db.models.signals import post_migrate
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from f1picks.database import parse_database_url
from f1picks.environment import ROOT
from tests.fastf1_limits import fastf1_restored, loopback_unlimited, sources  # noqa: F401
from tests.hearing import announced, hear  # noqa: F401
from tests.operators import belgium, operator, sign_in, viewer, weekend  # noqa: F401
from tests.project import Project, created_database
from tests.upstream import upstream  # noqa: F401

SERVER_URL = os.environ.get("TEST_DATABASE_URL", "")
on_postgres = (
    parse_database_url(SERVER_URL, base_dir=ROOT).settings["ENGINE"].endswith("postgresql")
)
# Who neither asks for one of these nor has the mark of pytest-django cannot reach the database.
DATABASE_FIXTURES = {
    *("db", "transactional_db", "live_server"),
    *("migrated_database", "empty_database_url"),
}
CREATES_PERMISSIONS = "django.contrib.auth.management.create_permissions"
# They begin first: where several processes share the suite, none waits for one of them at the end.
LONGEST = (
    "watchdog", "openf1_run", "command_sample", "command", "demo", "recipes", "workflow",
    "command_refusals", "newer_form", "rehearsal", "replayed_seasons", "admin_browser",
    "host_project", "settings", "source_faults", "dump", "proofs_crash", "command_output",
    "source_cache", "admin_pages", "package", "backfill_command", "readme",
    "security_addresses", "moved_starts", "cluster",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run what is marked `long`, and it alone")


def pytest_configure() -> None:
    """A shell starts what it runs in the background without SIGINT, and so would every process that
    a test interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The suite leaves out the long proofs, and the run on PostgreSQL what the one on SQLite has
    proved: tests without a database, and those marked `once`. Where nothing else is requested,
    they run."""
    is_long = config.getoption("--long")
    keep_of(items, lambda item: (item.get_closest_marker("long") is not None) is is_long)
    if on_postgres:
        keep_of(items, uses_database)
    items.sort(key=place_of)


def keep_of(items: list[pytest.Item], is_kept: Callable[[pytest.Item], bool]) -> None:
    kept = [item for item in items if is_kept(item)]
    if kept and len(kept) < len(items):
        left_out = [item for item in items if not is_kept(item)]
        items[0].config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def place_of(item: pytest.Item) -> int:
    name = item.path.stem.removeprefix("test_")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


def uses_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("once") is not None and item.get_closest_marker("twice") is None:
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(fixtures & DATABASE_FIXTURES) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session", autouse=True)
def tables_are_emptied_quickly() -> Iterator[None]:
    """After a test with real commits Django truncates every table, used or not, and makes the
    permissions anew, which takes longer than most of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
        yield


def empty_tables(_test: TransactionTestCase) -> None:
    has_rows = "SELECT '{0}' WHERE EXISTS (SELECT 1 FROM {0})"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(map(has_rows.format, list_tables())))
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")
    for model, rows in make_first_rows().items():
        model._base_manager.bulk_create(rows)


@cache
def list_tables() -> list[str]:
    kept = {model._meta.db_table for model in (ContentType, Permission, Group)}
    kept.add(Group.permissions.through._meta.db_table)
    return sorted(set(connection.introspection.django_table_names(only_existing=True)) - kept)


@cache
def make_first_rows() -> dict[type[Model], list[Model]]:
    """What apps put into empty tables as they are migrated, in the order of the references."""
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid=CREATES_PERMISSIONS)
    try:
        emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)
    finally:
        post_migrate.connect(create_contenttypes)
        post_migrate.connect(create_permissions, dispatch_uid=CREATES_PERMISSIONS)
    models = [model for model in apps.get_models() if model._meta.db_table in list_tables()]
    rows = {model: list(model._base_manager.all()) for model in models}
    for model in models:
        model._base_manager.all().delete()
    return {model: made for model, made in rows.items() if made}


@pytest.fixture(scope="session")
def migrated_database(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """A SQLite file's path or a PostgreSQL database's name: migrated once, copied for each test."""
    folder = tmp_path_factory.mktemp("migrated")
    if not on_postgres:
        file = folder / "db.sqlite3"
        _migrate(f"sqlite:///{file}", folder, django_db_blocker)
        yield str(file)
        return
    name = f"f1picks_migrated_{uuid.uuid4().hex[:12]}"
    with created_database(SERVER_URL, name) as url:
        _migrate(url, folder, django_db_blocker)
        yield name


def _migrate(url: str, folder: Path, blocker: DjangoDbBlocker) -> None:
    project = Project(database_url=url, folder=folder, allow_queries=blocker.unblock)
    migrated = project.manage("migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr


@pytest.fixture
def empty_database_url(tmp_path: Path) -> Iterator[str]:
    """A database without a table; with SQLite not even its file."""
    if not on_postgres:
        yield f"sqlite:///{tmp_path / 'db.sqlite3'}"
        return
    with created_database(SERVER_URL, f"f1picks_{uuid.uuid4().hex[:12]}") as url:
        yield url


@pytest.fixture
def database_url(migrated_database: str, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    if not on_postgres:
        yield f"sqlite:///{shutil.copy(migrated_database, tmp_path / 'db.sqlite3')}"
        return
    name = f"f1picks_{uuid.uuid4().hex[:12]}"
    with created_database(SERVER_URL, name, template=migrated_database) as url:
        yield url


@pytest.fixture
def project(database_url: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Project:
    """Management commands as real processes: see tests/project.py."""
    return Project(
        database_url=database_url, folder=tmp_path, allow_queries=django_db_blocker.unblock
    )


@pytest.fixture
def unmigrated_project(
    empty_database_url: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Project:
    return Project(
        database_url=empty_database_url, folder=tmp_path, allow_queries=django_db_blocker.unblock
    )


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Bound, so that nobody else gets it, and not listening."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
