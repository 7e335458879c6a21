"""A database for each try: a copy of one that was filled once, in the place of the default one."""

import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from tests.forks import fork, wait
from tests.project import created_database

SUFFIXES = ("", "-wal", "-shm", "-journal")


def use(name: str) -> None:
    """From the next query on."""
    connection.close()
    connection.settings_dict["NAME"] = name


def fill(work: Callable[[], None], output: Path) -> None:
    """The default database, in a fork."""
    connection.close()
    code = wait(fork(work, output=output))
    if code:
        raise RuntimeError(f"the database could not be filled:\n{output.read_text()}")


@dataclass
class Databases:
    """On SQLite, in a folder, or on the PostgreSQL server with this URL."""

    folder: Path
    server_url: str = ""
    _numbers: Iterator[int] = field(default_factory=itertools.count, init=False)

    @property
    def kind(self) -> str:
        return "PostgreSQL" if self.server_url else "SQLite"

    @contextmanager
    def migrated(self) -> Iterator[str]:
        with self._created(None) as name:
            call_command("migrate", verbosity=0)
            connection.close()
            yield name

    @contextmanager
    def copied(self, template: str) -> Iterator[str]:
        """The copy's name; it is the default database until the end."""
        connection.close()
        with self._created(template) as name:
            yield name

    @contextmanager
    def _created(self, template: str | None) -> Iterator[str]:
        before = str(connection.settings_dict["NAME"])
        name = f"proof_{os.getpid()}_{next(self._numbers)}"
        place = self._on_server if self.server_url else self._in_folder
        with place(name, template) as created:
            use(created)
            try:
                yield created
            finally:
                use(before)

    @contextmanager
    def _in_folder(self, name: str, template: str | None) -> Iterator[str]:
        file = self.folder / f"{name}.sqlite3"
        if template is not None:
            _gather_log(template)
            shutil.copy(template, file)
        try:
            yield str(file)
        finally:
            for suffix in SUFFIXES:
                file.with_name(file.name + suffix).unlink(missing_ok=True)

    @contextmanager
    def _on_server(self, name: str, template: str | None) -> Iterator[str]:
        with created_database(self.server_url, name, template=template or "template1"):
            yield name


def _gather_log(file: str) -> None:
    """What a process left in the log beside the file that ended without closing it."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
