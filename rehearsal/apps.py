"""An app beside `ingestion`, which does not know it; leave it out where seasons are not played."""

from django.apps import AppConfig


class RehearsalConfig(AppConfig):
    name = "rehearsal"
