#!/usr/bin/env python
"""Django's command line."""

import os
import sys


def main() -> None:
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # The shell closed it (`>&-`). What is opened next would get its number.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "f1picks.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        sys.exit("Django is not installed here: run `make setup`, then use .venv/bin/python.")
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        # Before a command has begun, or after it has ended: there is nothing to report.
        sys.exit(130)
    except ImproperlyConfigured as error:
        # Only the message, which never holds a value; a traceback's chain may.
        sys.exit(
            f"Wrong configuration: {error} Nothing was changed. "
            "Correct it in .env or in the environment (.env.example explains every variable)."
        )
    except OperationalError as error:
        # Of Django's own commands, as `migrate` of `make setup`; ours explain theirs themselves.
        from ingestion.database_failures import UNUSABLE, explain_database, find_failure

        if find_failure(error) not in UNUSABLE:
            raise
        sys.exit(f"CommandError: {explain_database(error)}")


if __name__ == "__main__":
    main()
