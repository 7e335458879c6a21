"""The application's own settings for a qcluster whose test cannot wait for half an hour."""

import os

from f1picks.settings import *  # noqa: F403
from f1picks.settings import Q_CLUSTER as CONFIGURED

# django-q2 first looks at its schedules when thirty seconds of these cycles have begun.
GUARD_CYCLE = float(os.environ.get("GUARD_CYCLE", "0.2"))
TIMEOUT = int(os.environ.get("TASK_TIMEOUT", "5"))
Q_CLUSTER = {
    **CONFIGURED,
    "poll": 0.1,
    "timeout": TIMEOUT,
    "retry": 2 * TIMEOUT + 1,
    "guard_cycle": GUARD_CYCLE,
}
# A cluster that takes no task ends after so long, and not after a minute.
F1_WATCHDOG_SECONDS = float(os.environ.get("F1_WATCHDOG_SECONDS", "60"))
