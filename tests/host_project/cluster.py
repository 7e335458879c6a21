"""The stranger's queue for a test that cannot wait; each of its tasks may take five seconds."""

from tests.host_project.steered import *  # noqa: F403
from tests.host_project.steered import Q_CLUSTER as CONFIGURED
from tests.host_project.steered import env

Q_CLUSTER = {
    **CONFIGURED,
    "workers": env.int("WORKERS", default=4),
    "poll": 0.1,
    "timeout": 5,
    "retry": 11,
    "guard_cycle": 0.2,
}
# As tests.cluster_settings has it.
F1_WATCHDOG_SECONDS = env.float("F1_WATCHDOG_SECONDS", default=60)
