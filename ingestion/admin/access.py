"""Who may do what in the admin, and what all its pages share."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from ingestion.admin.ingests import read_progress
from ingestion.admin.run_words import describe_counts

VIEW_EVENTS = "ingestion.view_event"
VIEW_RUNS = "ingestion.view_ingestrun"
VIEW_FEED = "ingestion.view_change"
VIEW_ALARMS = "ingestion.view_alarm"
CORRECT = "ingestion.correct_event"
RUN = "ingestion.run_ingest"
ACKNOWLEDGE = "ingestion.acknowledge_alarm"

# What templates ask.
SHOWN = {
    "may_view_events": VIEW_EVENTS,
    "may_view_runs": VIEW_RUNS,
    "may_view_feed": VIEW_FEED,
    "may_view_alarms": VIEW_ALARMS,
    "may_correct": CORRECT,
    "may_run": RUN,
    "may_acknowledge": ACKNOWLEDGE,
}

View = Callable[..., HttpResponseBase]

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


def may(request: HttpRequest, permission: str) -> bool:
    return request.user.has_perm(permission)


def require(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


class ShownAdmin(ModelAdmin):
    """Rows that are shown. What changes them are runs and corrections, each with a record of its
    own: no row is added, edited or deleted here."""

    # A function without arguments, so that another present can be told: register(site, clock=...)
    clock: Callable[[], datetime] = staticmethod(timezone.now)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = str(self.opts.verbose_name_plural).capitalize()
        try:
            return super().changelist_view(request, {"title": title, **(extra_context or {})})
        except (OverflowError, ValueError, DataError):
            # A number that no column holds, or a NUL: as Django does with what it cannot read.
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

    def own_pages(self, pages: Mapping[str, tuple[View, str]]) -> list[URLPattern]:
        """For people who have signed in, by their routes, and by their names behind the model's."""
        return [
            path(
                route,
                self.admin_site.admin_view(view),
                name=f"ingestion_{self.opts.model_name}_{name}",
            )
            for route, (view, name) in pages.items()
        ]

    def address(self, name: str, *arguments: Any) -> str:
        """Of a page of ours, on the site that this is registered with."""
        return reverse(f"admin:ingestion_{name}", args=arguments, current_app=self.admin_site.name)

    def show_task(
        self, request: HttpRequest, task: str, *, season: int, what: str, back: str
    ) -> TemplateResponse:
        """What has become of a task of 'Ingest now'."""
        progress = read_progress(task, self.clock())
        return self.show(
            request,
            "task.html",
            title=f"Ingest of {what}",
            progress=progress,
            changes="" if progress.run is None else describe_counts(progress.run),
            season=season,
            back=back,
        )

    def show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """One of our own pages, in the clothes of the site that it is shown on."""
        request.current_app = self.admin_site.name
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            **{name: may(request, permission) for name, permission in SHOWN.items()},
        }
        return TemplateResponse(request, f"admin/ingestion/{template}", {**shared, **context})
