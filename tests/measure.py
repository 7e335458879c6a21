"""Prints the requests and statements that an ingest takes: `python -m tests.measure`.

On SQLite, or on the PostgreSQL that TEST_DATABASE_URL names; in a test database of its own.
"""

import logging
import os
import sys
import tempfile
from pathlib import Path

import django

ROUNDS = (5, 24)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    logging.disable(logging.INFO)
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        for rounds in ROUNDS:
            print_counts(rounds)
            call_command("flush", interactive=False, verbosity=0)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def print_counts(rounds: int) -> None:
    from django.db import connection

    from tests.statements import count_ingests

    with tempfile.TemporaryDirectory() as folder:
        for count in count_ingests(rounds, Path(folder)):
            what = "the same again" if count.is_again else "empty database"
            sys.stdout.write(
                f"{connection.vendor:10}  {rounds:2} rounds  {what}  {count.requests:2} requests  "
                f"{count.statements:2} statements, {count.forced:2} of them forced by the limit "
                "on parameters\n"
            )


if __name__ == "__main__":
    main()
