from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from f1picks.environment import ROOT

MIGRATIONS = sorted((ROOT / "ingestion" / "migrations").glob("[0-9]*.py"))
# The last of the released version. Its workers may run on while the database is ahead.
BEFORE = "0001_initial"
LATER = [path for path in MIGRATIONS if path.stem > BEFORE]
NOW = datetime(2024, 7, 28, 15, tzinfo=UTC)


@pytest.mark.django_db
def test_models_have_no_changes_without_a_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda path: path.stem)
def test_migration_has_a_name_that_somebody_chose(migration: Path) -> None:
    assert "_auto_" not in migration.stem


@pytest.mark.django_db(transaction=True)
def test_migrations_can_be_taken_back_and_applied_again() -> None:
    assert MIGRATIONS
    call_command("migrate", "ingestion", "zero", verbosity=0)
    call_command("migrate", "ingestion", verbosity=0)


@pytest.mark.parametrize("migration", LATER, ids=lambda path: path.stem)
def test_migration_takes_nothing_away_from_workers_of_the_version_before(migration: Path) -> None:
    operations = MigrationLoader(None).disk_migrations["ingestion", migration.stem].operations
    assert [operation for operation in operations if not is_additive(operation)] == []


def is_additive(operation: Operation) -> bool:
    """Code that does not know of it can still read and write every row."""
    taking = (
        migrations.RemoveField,
        migrations.RenameField,
        migrations.DeleteModel,
        migrations.RenameModel,
        migrations.AlterModelTable,
    )
    if isinstance(operation, migrations.AddField):
        # A default of Django's own is not the database's: the column has to say it itself.
        return operation.field.null or operation.field.has_db_default()
    return not isinstance(operation, taking)


@pytest.mark.django_db
def test_worker_of_the_version_before_can_still_write() -> None:
    old = MigrationLoader(connection).project_state(("ingestion", BEFORE)).apps
    event = old.get_model("ingestion", "Event").objects.create(
        season=2024, grand_prix="belgian-grand-prix", session_type="race", name="Belgian Grand Prix"
    )
    driver = old.get_model("ingestion", "Driver").objects.create(
        key="hamilton", name="Lewis Hamilton", created_at=NOW
    )
    old.get_model("ingestion", "Result").objects.create(
        event=event, order=1, position=1, classification="1", driver=driver
    )
    run = old.get_model("ingestion", "IngestRun").objects.create(trigger="command", started_at=NOW)
    old.get_model("ingestion", "Change").objects.create(
        event=event, kind="scheduled", revision=0, cause="poll", run=run, created_at=NOW
    )
    old.get_model("ingestion", "RequestBlock").objects.create(
        host="api.jolpi.ca", requests=5, reserved_at=NOW
    )
    run.outcome = "ok"
    run.save()
