"""A page for each season, with its exports, and the status of the installation."""

from collections.abc import Sequence
from typing import Any

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ingestion.admin.exports import export_events_csv, export_json, export_results_csv
from ingestion.admin.ingest_now import show_progress, start_ingest
from ingestion.admin.marks import OUTCOMES
from ingestion.admin.read_only import (
    RUN,
    VIEW_ALARMS,
    VIEW_EVENTS,
    VIEW_RUNS,
    ReadOnlyAdmin,
    may,
    require,
)
from ingestion.admin.season_grid import read_season
from ingestion.admin.times import list_zones, own_zone, read_zone, remember_zone
from ingestion.models import Event
from ingestion.monitoring.health import check_health
from ingestion.monitoring.inbox import Item, list_items, read_alarms
from ingestion.monitoring.status import describe_work, read_status

FIRST_SEASON = 1950
EXPORTS = {
    "events.csv": export_events_csv,
    "results.csv": export_results_csv,
    "season.json": export_json,
}


class SeasonAdmin(ReadOnlyAdmin):
    """In place of a list of rows a page for each season; the list's address leads to one."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, VIEW_EVENTS)

    def get_urls(self) -> list[URLPattern]:
        return self.own_pages(
            {
                "": (self.choose_view, "changelist"),
                "status/": (self.status_view, "status"),
                "zone/": (self.zone_view, "zone"),
                "<int:year>/": (self.season_view, "page"),
                "<int:year>/export/<str:name>": (self.export_view, "export"),
                "<int:year>/ingest/": (self.ingest_view, "ingest"),
                "<int:year>/ingest/<str:task>/": (self.task_view, "task"),
            }
        )

    def choose_view(self, request: HttpRequest) -> HttpResponseRedirect:
        """The season chosen in the switcher, else the current one."""
        require(request, VIEW_EVENTS)
        chosen = request.GET.get("season", "")
        is_year = chosen.isascii() and chosen.isdigit() and len(chosen) == 4
        year = int(chosen) if is_year else Event.objects.current_season(self.clock())
        return redirect(self.address("season_page", year))

    def season_view(self, request: HttpRequest, year: int) -> HttpResponse:
        require(request, VIEW_EVENTS)
        now = self.clock()
        health = check_health(now)
        page = read_season(self._season(year), health.seasons, now)
        run = health.last_run
        return self.show(
            request,
            "season/page.html",
            title=_("Season %(year)s") % {"year": year},
            page=page,
            health=health,
            entries=self._describe_inbox(request, list_items(health, read_alarms())),
            run=run,
            more_problems=0 if run is None else max(0, len(run.problems) - 1),
            outcome=None if run is None else OUTCOMES[run.outcome_at(now)],
        )

    def status_view(self, request: HttpRequest) -> HttpResponse:
        """What `manage.py f1_status` prints."""
        require(request, VIEW_EVENTS, VIEW_RUNS, VIEW_ALARMS)
        status = read_status(check_health(self.clock()))
        return self.show(
            request,
            "season/status.html",
            title=_("Status"),
            health=status.health,
            state=status.health.label,
            entries=self._describe_inbox(request, status.items),
            facts=describe_work(status),
        )

    def _describe_inbox(
        self, request: HttpRequest, items: Sequence[Item]
    ) -> list[tuple[Item, str]]:
        """The items, each with the address where it is decided, or where its reason is read; ''
        where the person may not go there."""
        may_view_runs, may_view_alarms = may(request, VIEW_RUNS), may(request, VIEW_ALARMS)
        entries = []
        for item in items:
            finding, address = item.finding, ""
            if finding.event is not None:
                address = self.address("event_change", finding.event.pk)
            elif finding.run is not None and may_view_runs:
                address = self.address("ingestrun_change", finding.run.pk)
            elif may_view_runs and may_view_alarms:
                address = self.address("season_status")
            elif item.alarm is not None and may_view_alarms:
                address = self.address("alarm_change", item.alarm.pk)
            entries.append((item, address))
        return entries

    def zone_view(self, request: HttpRequest) -> HttpResponse:
        """The zone whose time is beside UTC, for whoever may sign in; then back."""
        page = request.POST.get("next") or request.GET.get("next", "")
        # Another site's link must not lead through here to a page of its own.
        is_ours = url_has_allowed_host_and_scheme(page, allowed_hosts={request.get_host()})
        back = (
            page if page and is_ours else reverse("admin:index", current_app=self.admin_site.name)
        )
        if request.method == "POST":
            response = redirect(back)
            remember_zone(response, read_zone(request.POST.get("zone", "")))
            return response
        zone = own_zone()
        return self.show(
            request,
            "zone.html",
            title=_("Your time zone"),
            zones=list_zones(),
            chosen="" if zone is None else zone.key,
            back=back,
        )

    def export_view(self, request: HttpRequest, year: int, name: str) -> HttpResponse:
        require(request, VIEW_EVENTS)
        if name not in EXPORTS:
            raise Http404
        return EXPORTS[name](self._season(year))

    @method_decorator(require_POST)
    def ingest_view(self, request: HttpRequest, year: int) -> HttpResponse:
        require(request, VIEW_EVENTS, RUN)
        return start_ingest(self, request, "season", self._season(year), what=str(year))

    def task_view(self, request: HttpRequest, year: int, task: str) -> HttpResponse:
        require(request, VIEW_EVENTS)
        back = self.address("season_page", self._season(year))
        return show_progress(self, request, task, season=year, what=str(year), back=back)

    def _season(self, year: int) -> int:
        """Any that could be; one without events has a page that says so."""
        if not FIRST_SEASON <= year <= self.clock().year + 1:
            raise Http404
        return year
