"""The sample's own database: a SQLite file beside the configured database, which stays closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import ConnectionHandler

FILE_NAME = "f1_sample.sqlite3"


@contextmanager
def sample_database(path: Path) -> Iterator[None]:
    """While this lasts, the process uses the file as its default database. The tables of the app,
    the queue and the users are created or brought up to date first.

    Raises `django.db.DatabaseError`.
    """
    file = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": 60,
            "transaction_mode": "IMMEDIATE",
            # It can be made anew at any time: nothing has to survive a power cut.
            "init_command": "PRAGMA synchronous=OFF",
        },
    }
    sample = ConnectionHandler({DEFAULT_DB_ALIAS: file})
    configured = connections.settings[DEFAULT_DB_ALIAS], connections[DEFAULT_DB_ALIAS]
    # The settings too, for a thread that opens a connection of its own.
    connections.settings[DEFAULT_DB_ALIAS] = sample.settings[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = sample[DEFAULT_DB_ALIAS]
    try:
        # Not a whole project's: other apps' migrations may need PostgreSQL.
        for app in (settings.AUTH_USER_MODEL.partition(".")[0], "django_q", "ingestion"):
            call_command("migrate", app, verbosity=0, interactive=False)
        yield
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        connections.settings[DEFAULT_DB_ALIAS], connections[DEFAULT_DB_ALIAS] = configured
