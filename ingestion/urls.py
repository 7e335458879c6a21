from django.urls import path

from ingestion.views import healthz

urlpatterns = [path("healthz", healthz, name="healthz")]
