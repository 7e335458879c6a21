"""Databases that are kept as they are and copied for each case, on SQLite and PostgreSQL."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from tests.conftest import SERVER_URL, on_postgres
from tests.project import created_database


@dataclass(frozen=True)
class Kept:
    """A SQLite file's path, or the name of a database of the server."""

    name: str

    @contextmanager
    def copied(self, folder: Path) -> Iterator["Kept"]:
        """The process's own database is a copy for as long as this lasts."""
        if not on_postgres:
            copy = Kept(str(folder / f"{uuid.uuid4().hex[:12]}.sqlite3"))
            shutil.copy(self.name, copy.name)
            with _connected(copy):
                yield copy
            return
        name = f"f1picks_{uuid.uuid4().hex[:12]}"
        with created_database(SERVER_URL, name, template=self.name), _connected(Kept(name)):
            yield Kept(name)


@contextmanager
def migrated(folder: Path) -> Iterator[Kept]:
    """With every table and no row of ours."""
    if not on_postgres:
        kept = Kept(str(folder / "migrated.sqlite3"))
        with _connected(kept):
            call_command("migrate", verbosity=0)
        yield kept
        return
    name = f"f1picks_migrated_{uuid.uuid4().hex[:12]}"
    with created_database(SERVER_URL, name):
        with _connected(Kept(name)):
            call_command("migrate", verbosity=0)
        yield Kept(name)


@contextmanager
def _connected(kept: Kept) -> Iterator[None]:
    connection.close()
    before = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = kept.name
    try:
        yield
    finally:
        # A file's WAL goes into it when the last connection closes.
        connection.close()
        connection.settings_dict["NAME"] = before
