"""The project's settings for the demo: its pages, and a queue whose tasks run where they are
queued, since a worker of another process would not know the demo's clock."""

from f1picks.settings import *  # noqa: F403
from f1picks.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE, Q_CLUSTER

INSTALLED_APPS = [*INSTALLED_APPS, "f1picks.demo"]
MIDDLEWARE = [
    *MIDDLEWARE,
    "f1picks.demo.pages.signed_in",
    "f1picks.demo.pages.with_strip",
]
ROOT_URLCONF = "f1picks.demo.pages"
Q_CLUSTER = {**Q_CLUSTER, "sync": True}
# It is thrown away: nothing has to outlive a power cut.
DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA synchronous=OFF"
