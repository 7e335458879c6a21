"""The application's own settings for a qcluster whose test cannot wait for half an hour."""

from f1picks.settings import *  # noqa: F403
from f1picks.settings import Q_CLUSTER as CONFIGURED

Q_CLUSTER = {**CONFIGURED, "poll": 0.1, "timeout": 5, "retry": 11, "guard_cycle": 0.2}
