"""What the settings of a test run begin with: a folder of its own, an environment of nobody's."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from f1picks.environment import ROOT, variable_names

SCRATCH = Path(tempfile.mkdtemp(prefix="f1picks-tests-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)


def clean_environment() -> None:
    """Without the developer's own .env, database and cache."""
    for name in variable_names(ROOT / ".env.example"):
        os.environ.pop(name, None)
    os.environ["ENV_FILE"] = os.devnull
    os.environ["DATABASE_URL"] = (
        os.environ.get("TEST_DATABASE_URL", "") or f"sqlite:///{SCRATCH / 'unused.sqlite3'}"
    )


def keep_test_database_in_a_file(database: dict[str, Any]) -> None:
    """In memory there is no WAL, and no second process can see it."""
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"] = {"NAME": str(SCRATCH / "test.sqlite3")}
