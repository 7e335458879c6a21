"""The same, by someone who has read the app's warnings: the one about SQLite was taken to heart,
those about the queue are known. And with the settings by which the app's tests steer it."""

from pathlib import Path

from tests.host_project.settings import *  # noqa: F403
from tests.host_project.settings import DATABASES, env

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 60}
SILENCED_SYSTEM_CHECKS = [f"ingestion.W00{number}" for number in range(1, 7)]

FASTF1_CACHE_DIR = Path(env.str("FASTF1_CACHE_DIR", default="cache"))
F1_SCHEDULE_URL = env.str("F1_SCHEDULE_URL", default="")
JOLPICA_URL = env.str("JOLPICA_URL", default="")
JOLPICA_DUMP_URL = env.str("JOLPICA_DUMP_URL", default="off")
F1_RESULTS_FROM = env.str("F1_RESULTS_FROM", default="auto")
# No test reaches the real one.
F1_SECOND_SOURCE = env.str("F1_SECOND_SOURCE", default="off")
OPENF1_URL = env.str("OPENF1_URL", default="")
