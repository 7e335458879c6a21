"""The stranger's queue for a test that cannot wait; each of its tasks may take five seconds."""

from tests.host_project.steered import *  # noqa: F403
from tests.host_project.steered import Q_CLUSTER as CONFIGURED

Q_CLUSTER = {**CONFIGURED, "poll": 0.1, "timeout": 5, "retry": 11, "guard_cycle": 0.2}
