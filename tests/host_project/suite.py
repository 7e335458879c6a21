"""The settings under which the app's suite runs in the stranger's project (`make test-host`)."""

from tests.scratch import SCRATCH, clean_environment, keep_test_database_in_a_file

clean_environment()

from tests.host_project.steered import *  # noqa: E402, F403 - the environment had to be cleaned
from tests.host_project.steered import DATABASES  # noqa: E402

FASTF1_CACHE_DIR = SCRATCH / "cache"
keep_test_database_in_a_file(DATABASES["default"])
# What the tests' own processes run with.
PROCESS_SETTINGS = "tests.host_project.steered"
CLUSTER_SETTINGS = "tests.host_project.cluster"
