from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from ingestion.ical import season_calendar

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("ingestion.urls")),
    # For calendar apps; without a season the current one.
    path("calendar.ics", season_calendar, name="calendar"),
    path("calendar/<int:season>.ics", season_calendar, name="season-calendar"),
]
