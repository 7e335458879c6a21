"""A host project's own admin site with this app in it, and with a clock that a test sets."""

from datetime import datetime

from django.contrib.admin import AdminSite
from django.urls import path

from ingestion.admin import register
from tests.builders import AFTER


class BackOffice(AdminSite):
    site_header = "The back office"


class Clock:
    now = AFTER

    def __call__(self) -> datetime:
        return self.now


clock = Clock()
site = BackOffice(name="backoffice")
register(site, clock=clock)
urlpatterns = [path("office/", site.urls)]
