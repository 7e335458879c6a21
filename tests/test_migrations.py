from pathlib import Path

import pytest
from django.core.management import call_command

from f1picks.environment import ROOT

MIGRATIONS = sorted((ROOT / "ingestion" / "migrations").glob("[0-9]*.py"))


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
