"""Events: the list, a page for each, and the way to its corrections."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from ingestion.admin.access import CORRECT, RUN, VIEW_EVENTS, ShownAdmin, may, require
from ingestion.admin.correcting import Correcting
from ingestion.admin.event_filters import (
    LockFilter,
    OverdueFilter,
    ProposalFilter,
    SeasonFilter,
    search_events,
)
from ingestion.admin.event_page import describe_page
from ingestion.admin.marks import PHASES, marks_of, with_marks
from ingestion.amendments import picked_places, surname
from ingestion.models import Event, Result

# Digits of what the column holds.
LONGEST_KEY = 18


class EventAdmin(ShownAdmin):
    list_display = ("session", "marks", "starts", "phase", "leaders", "results")
    list_filter = (
        *(SeasonFilter, "session_type", "status", "results_state"),
        *(LockFilter, ProposalFilter, OverdueFilter),
    )
    date_hierarchy = "starts_at"
    ordering = ("-starts_at", "-pk")
    search_fields = ("name", "grand_prix", "location", "country", "results__driver_name")
    search_help_text = "A grand prix, a place, a driver"

    def get_urls(self) -> list[URLPattern]:
        own = self.own_pages(
            {
                "<int:pk>/correct/<slug:name>/": (self.correct_view, "correct"),
                "<int:pk>/ingest/": (self.ingest_view, "ingest"),
                "<int:pk>/ingest/<str:task>/": (self.task_view, "task"),
            }
        )
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        leaders = Prefetch(
            "results",
            queryset=Result.objects.filter(order__lte=3).order_by("order"),
            to_attr="first_results",
        )
        return with_marks(Event.objects.all(), self.clock()).prefetch_related(leaders)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        return search_events(queryset, search_term), False

    @admin.display(description="session", ordering="name")
    def session(self, event: Event) -> str:
        return str(event)

    @admin.display(description="starts (UTC)", ordering="starts_at")
    def starts(self, event: Event) -> str:
        if event.starts_at is None:
            return "unknown"
        if event.start_is_estimated:
            return f"{event.starts_at:%Y-%m-%d}"
        return f"{event.starts_at:%Y-%m-%d %H:%M}"

    @admin.display(description="status", ordering="status")
    def phase(self, event: Event) -> str:
        mark = PHASES[event.phase(self.clock())]
        return f"{mark.shape} {mark.name}"

    @admin.display(ordering="results_state")
    def results(self, event: Event) -> str:
        return f"{event.results_state}, r{event.results_revision}" if event.has_results else ""

    @admin.display(description="pole or podium")
    def leaders(self, event: Any) -> str:
        first = event.first_results[: picked_places(event.session_type)]
        return ", ".join(surname({"driver_name": result.driver_name}) for result in first)

    @admin.display
    def marks(self, event: Any) -> str:
        leaders = [result.driver_id for result in event.first_results]
        return ", ".join(f"{mark.shape} {mark.name}" for mark in marks_of(event, leaders))

    def find_row(self, request: HttpRequest, key: str) -> Event:
        return self._event(key)

    def show_row(self, request: HttpRequest, event: Event) -> HttpResponse:
        page = describe_page(event, self.clock(), may_correct=may(request, CORRECT))
        return self.show(request, "event/page.html", title=str(event), event=event, page=page)

    def correct_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        require(request, VIEW_EVENTS, CORRECT)
        return Correcting(self, request, self._event(pk), self.clock()).answer(name)

    @method_decorator(require_POST)
    def ingest_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, VIEW_EVENTS, RUN)
        event = self._event(pk)
        return self.start_task(
            request,
            "ingest_event",
            event.pk,
            what=str(event),
            back="event_change",
            page="event_task",
        )

    def task_view(self, request: HttpRequest, pk: int, task: str) -> HttpResponse:
        require(request, VIEW_EVENTS)
        event = self._event(pk)
        back = self.address("event_change", event.pk)
        return self.show_task(request, task, season=event.season, what=str(event), back=back)

    def _event(self, pk: int | str) -> Event:
        """With all that its page needs of the row itself."""
        if not (str(pk).isdecimal() and len(str(pk)) <= LONGEST_KEY):
            raise Http404
        event = (
            with_marks(Event.objects.all(), self.clock())
            .select_related("proposal", "poll", "upstream_classification")
            .with_classifications()
            .filter(pk=pk)
            .first()
        )
        if event is None:
            raise Http404
        return event
