"""What all pages of the admin share: who may see and do what, and that no row is edited here."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

VIEW_EVENTS = "ingestion.view_event"
VIEW_RUNS = "ingestion.view_ingestrun"
VIEW_FEED = "ingestion.view_change"
VIEW_ALARMS = "ingestion.view_alarm"
CORRECT = "ingestion.correct_event"
RUN = "ingestion.run_ingest"
ACKNOWLEDGE = "ingestion.acknowledge_alarm"

# The permissions by their names in templates.
IN_TEMPLATES = {
    "may_view_events": VIEW_EVENTS,
    "may_view_runs": VIEW_RUNS,
    "may_view_feed": VIEW_FEED,
    "may_view_alarms": VIEW_ALARMS,
    "may_correct": CORRECT,
    "may_run": RUN,
    "may_acknowledge": ACKNOWLEDGE,
}

# Digits of the largest key that a column of any database holds.
LONGEST_KEY = 18

View = Callable[..., HttpResponseBase]

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


def may(request: HttpRequest, permission: str) -> bool:
    return request.user.has_perm(permission)


def require(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def person_of(request: HttpRequest) -> "User":
    """Who is signed in; whatever the project's own model of people."""
    return cast("User", request.user)


class ReadOnlyAdmin(ModelAdmin):
    """Rows that are shown. Runs and corrections change them, each with a record of its own: no row
    is added, edited or deleted here."""

    # A function without arguments, so that a test sets the time: register(site, clock=...)
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

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A row's own page, in place of a form."""
        require(request, f"ingestion.view_{self.opts.model_name}")
        return self.show_row(request, self.find_row(request, object_id))

    def find_row(self, request: HttpRequest, key: str | int) -> Any:
        """The row of an address, or 404."""
        is_key = str(key).isdecimal() and len(str(key)) <= LONGEST_KEY
        row = self.get_object(request, str(key)) if is_key else None
        if row is None:
            raise Http404
        return row

    def show_row(self, request: HttpRequest, row: Any) -> HttpResponse:
        raise NotImplementedError

    def own_pages(self, pages: Mapping[str, tuple[View, str]]) -> list[URLPattern]:
        """For people who have signed in: views by route, each with its name behind the model's."""
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

    def show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """One of our own pages, in the style of the site that it is shown on."""
        request.current_app = self.admin_site.name
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            **{name: may(request, permission) for name, permission in IN_TEMPLATES.items()},
        }
        return TemplateResponse(request, f"admin/ingestion/{template}", {**shared, **context})
