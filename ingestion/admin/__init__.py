"""What operators work with, on Django's admin.

It registers itself with the default site. A project with an AdminSite of its own calls
`register(site)`, or registers these classes one by one: together they link to each other.
"""

from collections.abc import Callable
from datetime import datetime

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.utils import timezone

from ingestion.admin.alarm_pages import AlarmAdmin
from ingestion.admin.driver_pages import DriverAdmin
from ingestion.admin.event_admin import EventAdmin
from ingestion.admin.feed_pages import ChangeAdmin
from ingestion.admin.run_pages import IngestRunAdmin
from ingestion.admin.season_admin import SeasonAdmin
from ingestion.models import Alarm, Change, Driver, Event, IngestRun, Season

__all__ = [
    "AlarmAdmin",
    "ChangeAdmin",
    "DriverAdmin",
    "EventAdmin",
    "IngestRunAdmin",
    "SeasonAdmin",
    "register",
]


def register(site: AdminSite, *, clock: Callable[[], datetime] = timezone.now) -> None:
    """Add the app's pages to a site; `clock` gives them the present time (UTC)."""
    pages = {
        Season: SeasonAdmin,
        Event: EventAdmin,
        IngestRun: IngestRunAdmin,
        Change: ChangeAdmin,
        Alarm: AlarmAdmin,
        Driver: DriverAdmin,
    }
    for model, page in pages.items():
        site.register(model, page, clock=staticmethod(clock))


register(admin.site)
