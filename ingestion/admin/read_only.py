"""What all pages of the admin share: who may see and do what, and that no row is edited here."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import DataError, OperationalError, connections, router, transaction
from django.db.models import Model, QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ingestion.admin.times import name_zone, own_zone, within_zone

VIEW_EVENTS = "ingestion.view_event"
VIEW_RUNS = "ingestion.view_ingestrun"
VIEW_FEED = "ingestion.view_change"
VIEW_ALARMS = "ingestion.view_alarm"
VIEW_DRIVERS = "ingestion.view_driver"
CORRECT = "ingestion.correct_event"
CORRECT_DRIVERS = "ingestion.correct_driver"
RUN = "ingestion.run_ingest"
ACKNOWLEDGE = "ingestion.acknowledge_alarm"

logger = logging.getLogger(__name__)

# The permissions by their names in templates.
IN_TEMPLATES = {
    "may_view_events": VIEW_EVENTS,
    "may_view_runs": VIEW_RUNS,
    "may_view_feed": VIEW_FEED,
    "may_view_alarms": VIEW_ALARMS,
    "may_correct": CORRECT,
    "may_correct_drivers": CORRECT_DRIVERS,
    "may_run": RUN,
    "may_acknowledge": ACKNOWLEDGE,
}

# Digits of the largest key that a column of any database holds.
LONGEST_KEY = 18
# Each part of a search is a condition of its own on several columns, which no index serves.
MOST_SEARCH_PARTS = 8
LONGEST_SEARCH = 100
# PostgreSQL's code of a statement that was cancelled (query_canceled).
CANCELLED = "57014"

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


def labelled(label: str, value: object) -> str:
    """A cell of a list, which says what it is where a card has no heading above it."""
    if value in ("", None):
        return ""
    return format_html('<span data-label="{}">{}</span>', label, value)


def person_of(request: HttpRequest) -> "User":
    """Who is signed in; whatever the project's own model of people."""
    return cast("User", request.user)


def _render(response: HttpResponseBase) -> HttpResponseBase:
    return response.render() if isinstance(response, TemplateResponse) else response


class ReadOnlyAdmin(ModelAdmin):
    """Rows that are shown. Runs and corrections change them, each with a record of its own: no row
    is added, edited or deleted here."""

    # A function without arguments, so that a test sets the time: register(site, clock=...)
    clock: Callable[[], datetime] = staticmethod(timezone.now)
    # Either would count the rows of whole tables with each page.
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    list_per_page = 50
    # A card of a phone has no empty lines.
    empty_value_display = ""
    # PostgreSQL ends a page's statement after this: a locked table must not block all web workers.
    statement_limit = timedelta(seconds=15)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @property
    def media(self) -> Media:
        """The admin's own brings jQuery, a quarter of a megabyte, for forms that are not here."""
        return Media(js=["admin/js/actions.js"] if self.actions else [])

    def get_urls(self) -> list[URLPattern]:
        patterns: list[URLPattern] = super().get_urls()
        for pattern in patterns:
            is_list = str(pattern.name).endswith("_changelist")
            pattern.callback = self._guarded(pattern.callback, is_list=is_list)
        return patterns

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = str(self.opts.verbose_name_plural).capitalize()
        context = {"title": title, **self.zone_context(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        is_short = len(search_term) <= LONGEST_SEARCH
        if is_short and len(search_term.split()) <= MOST_SEARCH_PARTS:
            return self.search(request, queryset, search_term)
        message = _(
            "The search was not run: it takes up to %(parts)s words "
            "and %(characters)s characters. Leave out what is not needed, and "
            "search again."
        ) % {"parts": MOST_SEARCH_PARTS, "characters": LONGEST_SEARCH}
        self.message_user(request, message, messages.WARNING)
        return queryset.none(), False

    def search(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, search_term)

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
        row = self.get_queryset(request).filter(pk=key).first() if is_key else None
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
                # A task is queued outside of a transaction, so that it is there when it is taken.
                self._guarded(self.admin_site.admin_view(view), is_limited=name != "ingest"),
                name=f"ingestion_{self.opts.model_name}_{name}",
            )
            for route, (view, name) in pages.items()
        ]

    def zone_context(self) -> dict[str, Any]:
        zone = own_zone()
        return {"own_zone": None if zone is None else name_zone(zone)}

    def address(self, name: str, *arguments: Any) -> str:
        """The address of a page of ours, on the site that this is registered with."""
        return reverse(f"admin:ingestion_{name}", args=arguments, current_app=self.admin_site.name)

    def show(
        self, request: HttpRequest, template: str, *, status: int = 200, **context: Any
    ) -> TemplateResponse:
        """One of our own pages, in the style of the site that it is shown on."""
        request.current_app = self.admin_site.name
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            **self.zone_context(),
            **{name: may(request, permission) for name, permission in IN_TEMPLATES.items()},
        }
        return TemplateResponse(
            request, f"admin/ingestion/{template}", {**shared, **context}, status=status
        )

    def _guarded(self, view: View, *, is_list: bool = False, is_limited: bool = True) -> View:
        """The view, safe from text that no database holds and from statements without an end."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            given = (value for values in request.GET.lists() for value in (values[0], *values[1]))
            if any("\0" in text for text in (request.path, *given)):
                raise BadRequest("The address has a NUL character, which no text here has.")
            try:
                with within_zone(request):
                    if not is_limited:
                        return view(request, *args, **kwargs)
                    return self._within_limit(view, request, *args, **kwargs)
            except (OverflowError, ValueError, DataError):
                # A number that no column holds: as Django does with filters that it cannot read.
                if not is_list or ERROR_FLAG in request.GET:
                    raise
                return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

        return guarded

    def _within_limit(
        self, view: View, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Rendered, too: templates may still query, and show instants in the person's zone."""
        database = router.db_for_write(self.model)
        if connections[database].vendor != "postgresql":
            return _render(view(request, *args, **kwargs))
        try:
            with transaction.atomic(using=database):
                # For this transaction alone: a transaction pooler hands the connection on.
                with connections[database].cursor() as cursor:
                    limit = str(self.statement_limit // timedelta(milliseconds=1))
                    cursor.execute("SELECT set_config('statement_timeout', %s, true)", [limit])
                return _render(view(request, *args, **kwargs))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != CANCELLED:
                raise
            logger.warning("a page of the admin was given up", extra={"path": request.path})
            seconds = self.statement_limit.total_seconds()
            return self.show(
                request, "too_slow.html", status=503, title=_("Not available now"), seconds=seconds
            )
