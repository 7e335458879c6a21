from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = "F1 data"
    default_auto_field = "django.db.models.BigAutoField"
