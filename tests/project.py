"""The application as its users run it: manage.py as a process, against a database of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import connections
from django.db.utils import ConnectionHandler
from psycopg import sql

from f1picks.database import parse_database_url
from f1picks.environment import ROOT
from tests import prestarted

ALIAS = "project"
# What a process needs from this machine; everything else would be somebody's configuration.
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


@dataclass(frozen=True, kw_only=True)
class Project:
    """`folder` is its home and holds its cache; nothing is shared with another test."""

    database_url: str
    folder: Path
    allow_queries: Callable[[], AbstractContextManager[None]]

    @property
    def cache_dir(self) -> Path:
        return self.folder / "cache"

    def manage(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 120,
        is_forked: bool = True,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `manage.py *arguments` to its end. `env` adds to the environment, or overrides it;
        `is_forked` is whether its libraries may be imported already. A stream that is given is not
        captured."""
        if is_forked and prestarted.can_run(env or {}):
            return prestarted.run(
                arguments,
                folder=self.folder,
                env=self.environment(env),
                stdin=stdin,
                timeout=timeout,
                stdout=stdout,
                stderr=stderr,
            )
        return subprocess.run(
            self.command(*arguments),
            check=False,
            cwd=self.folder,
            env=self.environment(env),
            input=stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE if stderr is None else stderr,
            text=True,
            timeout=timeout,
        )

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """The same without waiting: for runs at the same time, and for killing them."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *arguments]

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            "HOME": str(self.folder),
            "DJANGO_SETTINGS_MODULE": getattr(settings, "PROCESS_SETTINGS", "f1picks.settings"),
            "ENV_FILE": os.devnull,
            # Who tests it names a stand-in.
            "F1_SECOND_SOURCE": "off",
            "DATABASE_URL": self.database_url,
            "FASTF1_CACHE_DIR": str(self.cache_dir),
            **(extra or {}),
        }

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Its database's alias, for `Event.objects.using(alias)`; the test needs no mark."""
        parsed = parse_database_url(self.database_url, base_dir=self.folder).settings
        complete = ConnectionHandler({"default": parsed}).settings["default"]
        connections.settings[ALIAS] = complete
        try:
            with self.allow_queries():
                yield ALIAS
        finally:
            connections[ALIAS].close()
            del connections[ALIAS]
            del connections.settings[ALIAS]

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement, with %s for its parameters on both databases."""
        with self.database() as alias, connections[alias].cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def created_database(server_url: str, name: str, *, template: str = "template1") -> Iterator[str]:
    """A PostgreSQL database for as long as this lasts; yields its URL."""
    with _administration(server_url) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        # FORCE: a process that a test killed may not have been noticed by the server yet.
        with _administration(server_url) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


def _administration(server_url: str) -> psycopg.Connection[Any]:
    server = parse_database_url(server_url, base_dir=ROOT).settings
    # Django takes it, psycopg does not.
    del server["OPTIONS"]["isolation_level"]
    return psycopg.connect(
        host=server["HOST"],
        port=server["PORT"],
        user=server["USER"],
        password=server["PASSWORD"],
        dbname=server["NAME"],
        autocommit=True,
        **server["OPTIONS"],
    )
