import os
import tempfile
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = gettext_lazy("F1 data")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # FastF1 and its libraries do not import where HOME is unset and the account has no entry
        # in the list of users, as in some containers. They get the cache's folder for one.
        if os.path.expanduser("~").startswith("~"):  # noqa: PTH111 - Path's own fails there
            folder = getattr(settings, "FASTF1_CACHE_DIR", None) or Path(tempfile.gettempdir())
            os.environ["HOME"] = str(folder)
        # Not before all apps are loaded: they have models.
        from django_q.signals import pre_execute

        from ingestion.checks import (
            check_alarms,
            check_database,
            check_queue,
            check_schedules,
            check_times,
        )
        from ingestion.monitoring.channels import exempt_loopback_from_proxies
        from ingestion.operators import create_operators
        from ingestion.queue.run_lock import note_delivery
        from ingestion.queue.schedules import create_schedules

        for check in (check_queue, check_schedules, check_alarms, check_database, check_times):
            register(check, "ingestion")
        exempt_loopback_from_proxies()
        pre_execute.connect(note_delivery)
        # For this app alone: the signal is sent once for each that is installed.
        post_migrate.connect(create_schedules, sender=self)
        post_migrate.connect(create_operators, sender=self)
