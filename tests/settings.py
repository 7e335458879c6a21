"""The application's settings without the developer's own .env, database and cache."""

from tests.scratch import SCRATCH, clean_environment, keep_test_database_in_a_file

clean_environment()

from f1picks.settings import *  # noqa: E402, F403 - the environment had to be cleaned first
from f1picks.settings import DATABASES  # noqa: E402

SECRET_KEY = "only-for-tests"
# Who tests it names a stand-in: the real one is never reached.
F1_SECOND_SOURCE = "off"
FASTF1_CACHE_DIR = SCRATCH / "cache"
# Whatever the developer has collected may be of yesterday.
STATIC_ROOT = SCRATCH / "staticfiles"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
keep_test_database_in_a_file(DATABASES["default"])
