from django.urls import path

from ingestion.views import healthz
from tests.host_project.office import site

urlpatterns = [
    path("shop/office/", site.urls),
    path("internal/status/f1", healthz, name="f1-health"),
]
