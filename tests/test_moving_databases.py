"""From SQLite to PostgreSQL with the commands of docs/deployment.md: nothing is lost."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connections, models
from pytest_django import DjangoDbBlocker

from f1picks.environment import ROOT
from tests.command_line import (
    ingest,
    read_rows,
    small_upstream,  # noqa: F401 - fixture `upstream`
)
from tests.conftest import on_postgres
from tests.project import Project
from tests.upstream import FaultyUpstream

pytestmark = [
    pytest.mark.project,
    pytest.mark.skipif(not on_postgres, reason="it takes a PostgreSQL server to move to"),
]

PAGE = (ROOT / "docs" / "deployment.md").read_text()
LEAVE_TRACES = "from tests.worked_with import leave_traces; leave_traces()"
# Nothing waits in a queue whose workers were stopped.
EMPTY = {
    "django_q_ormq",
    # Nor did anyone give a wrong password.
    *("axes_accessattempt", "axes_accessattemptexpiration"),
    *("axes_accessfailurelog", "axes_accesslog"),
}

Tables = dict[str, list[dict[str, Any]]]


def commands() -> list[list[str]]:
    """What follows `python manage.py` in the part of the page on moving, in order."""
    part = PAGE.partition("\n## From SQLite to PostgreSQL\n")[2]
    lines = re.findall(r"^ *python manage.py (.*)$", part, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def all_models() -> list[type[models.Model]]:
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def read_tables(project: Project) -> Tables:
    with project.database() as alias:
        return {
            model._meta.db_table: list(
                model._base_manager.using(alias).order_by(model._meta.pk.attname).values()
            )
            for model in all_models()
        }


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture
def source(tmp_path: Path, upstream: FaultyUpstream, django_db_blocker: DjangoDbBlocker) -> Project:
    """A SQLite database that was worked with."""
    folder = tmp_path / "source"
    folder.mkdir()
    url = f"sqlite:///{folder / 'db.sqlite3'}"
    project = Project(database_url=url, folder=folder, allow_queries=django_db_blocker.unblock)
    succeed(project.manage("migrate", "--verbosity", "0"))
    succeed(ingest(project, upstream, "--year", "2024"))
    succeed(project.manage("shell", "-v0", "-c", LEAVE_TRACES))
    return project


@pytest.fixture
def target(tmp_path: Path, database_url: str, django_db_blocker: DjangoDbBlocker) -> Project:
    """A PostgreSQL database that was migrated, with the rows that this puts there."""
    folder = tmp_path / "target"
    folder.mkdir()
    return Project(
        database_url=database_url, folder=folder, allow_queries=django_db_blocker.unblock
    )


def last_ids(project: Project) -> dict[str, tuple[int, int]]:
    """Of each table that counts its rows: the highest id, and the one that comes next."""
    counting = [model for model in all_models() if isinstance(model._meta.pk, models.AutoField)]
    with project.database() as alias, connections[alias].cursor() as cursor:
        found = {}
        for table, key in ((model._meta.db_table, model._meta.pk.column) for model in counting):
            cursor.execute(
                f'SELECT coalesce(max("{key}"), 0), nextval(pg_get_serial_sequence(%s, %s))'
                f' FROM "{table}"',
                [table, key],
            )
            [found[table]] = cursor.fetchall()
        return found


def test_nothing_is_lost_and_the_next_ingest_writes_nothing(
    source: Project, target: Project, upstream: FaultyUpstream
) -> None:
    migrate, dump, migrate_again, flush, load = commands()
    assert migrate == migrate_again == ["migrate"]
    succeed(source.manage(*dump))
    [dumped] = source.folder.glob("*.jsonl")
    before = read_tables(source)
    assert {table for table, rows in before.items() if not rows} == EMPTY

    asked = succeed(target.manage(*flush, stdin="yes\n"))
    assert re.search(r'in the "f1picks_\w+" database', asked)
    load[-1] = str(dumped)
    succeed(target.manage(*load))
    assert read_tables(target) == before

    rows = read_rows(target)
    done = ingest(target, upstream, "--year", "2024", "--format", "json")
    report = json.loads(succeed(done))
    assert report["events"]["unchanged"] == report["results"]["unchanged"] == 6
    assert sum(report["events"].values()) == sum(report["results"].values()) == 6
    assert report["problems"] == []
    assert read_rows(target) == rows
    ids = last_ids(target)
    assert ids.keys() >= {"ingestion_event", "ingestion_change", "django_q_schedule", "auth_user"}
    assert {table: ids[table] for table in ids if ids[table][1] <= ids[table][0]} == {}
