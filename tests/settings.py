"""The application's settings without the developer's own .env, database and cache."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from f1picks.environment import ROOT, variable_names

SCRATCH = Path(tempfile.mkdtemp(prefix="f1picks-tests-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)

for _name in variable_names(ROOT / ".env.example"):
    os.environ.pop(_name, None)
os.environ["ENV_FILE"] = os.devnull
os.environ["DATABASE_URL"] = (
    os.environ.get("TEST_DATABASE_URL", "") or f"sqlite:///{SCRATCH / 'unused.sqlite3'}"
)

from f1picks.settings import *  # noqa: E402, F403 - the environment had to be cleaned first
from f1picks.settings import DATABASES  # noqa: E402

SECRET_KEY = "only-for-tests"
FASTF1_CACHE_DIR = SCRATCH / "cache"
# Whatever the developer has collected may be of yesterday.
STATIC_ROOT = SCRATCH / "staticfiles"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file: in memory there is no WAL, and no second process can see it.
    DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / "test.sqlite3")}
