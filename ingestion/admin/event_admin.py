"""Events: the list with its filters and its search, a page for each, and its corrections."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST

from ingestion.admin.correction_page import CorrectionPage
from ingestion.admin.event_page import describe_page, find_event
from ingestion.admin.ingest_now import show_progress, start_ingest
from ingestion.admin.marks import PHASES, marks_of, with_marks
from ingestion.admin.read_only import (
    CORRECT,
    LONGEST_KEY,
    RUN,
    VIEW_EVENTS,
    ReadOnlyAdmin,
    may,
    require,
)
from ingestion.admin.times import show_instant
from ingestion.amendments import picked_places, surname
from ingestion.models import Event, Result
from ingestion.monitoring.alerting import clear_alarms
from ingestion.monitoring.health import check_health

Choice = tuple[str, str]


class SeasonFilter(admin.SimpleListFilter):
    title = _("season")
    parameter_name = "season"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Choice]:
        seasons = Event.objects.order_by("-season").values_list("season", flat=True).distinct()
        return [(str(season), str(season)) for season in seasons]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        value = self.value()
        return queryset.filter(season=int(value)) if value and value.isdecimal() else queryset


class ConditionFilter(admin.SimpleListFilter):
    """Each choice is a condition of its own."""

    conditions: Mapping[str, tuple[str | Promise, Q]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Choice]:
        return [(value, str(label)) for value, (label, _condition) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        chosen = self.conditions.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen[1])


class LockFilter(ConditionFilter):
    title = _("set by a person")
    parameter_name = "locked"
    conditions = {
        "any": (_("something"), Q(results_locked=True) | Q(schedule_locked=True)),
        "results": (_("the classification"), Q(results_locked=True)),
        "schedule": (_("start or status"), Q(schedule_locked=True)),
        "none": (_("nothing"), Q(results_locked=False, schedule_locked=False)),
    }


class ProposalFilter(ConditionFilter):
    title = _("proposal")
    parameter_name = "proposal"
    conditions = {
        "open": (_("to be decided"), Q(proposal__isnull=False, proposal_rejected=False)),
        "rejected": (_("rejected"), Q(proposal__isnull=False, proposal_rejected=True)),
    }


class OverdueFilter(ConditionFilter):
    """Filters a queryset of `with_overdue`."""

    title = _("overdue")
    parameter_name = "overdue"
    conditions = {"yes": (_("more than 24 hours"), Q(is_overdue=True))}


class EventAdmin(ReadOnlyAdmin):
    list_display = ("session", "marks", "starts", "phase", "leaders", "results")
    list_filter = (
        *(SeasonFilter, "session_type", "status", "results_state"),
        *(LockFilter, ProposalFilter, OverdueFilter),
    )
    date_hierarchy = "starts_at"
    ordering = ("-starts_at", "-pk")
    search_fields = ("name", "grand_prix", "location", "country", "results__driver_name")
    search_help_text = _("A grand prix, a place, a driver")

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

    def find_row(self, request: HttpRequest, key: str | int) -> Any:
        is_key = str(key).isdecimal() and len(str(key)) <= LONGEST_KEY
        event = find_event(int(key), self.clock()) if is_key else None
        if event is None:
            raise Http404
        return event

    def search(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Each part in the grand prix, its place, or a driver who took part.

        Identifiers have no accents, so that 'sao paulo' and 'perez' are found too.
        """
        for part in search_term.split():
            # Not by a join, in which an event comes once for each of them.
            drivers = Result.objects.filter(
                Q(driver_name__icontains=part) | Q(driver__key__icontains=part),
                event=OuterRef("pk"),
            )
            named = (
                Q(name__icontains=part)
                | Q(grand_prix__icontains=part)
                | Q(location__icontains=part)
                | Q(country__icontains=part)
            )
            queryset = queryset.filter(named | Exists(drivers))
        return queryset, False

    @admin.display(description=pgettext_lazy("of a weekend", "session"), ordering="name")
    def session(self, event: Event) -> str:
        return str(event)

    @admin.display(description=_("starts"), ordering="starts_at")
    def starts(self, event: Event) -> str:
        if event.starts_at is None:
            return str(_("unknown"))
        if event.start_is_estimated:
            return f"{event.starts_at:%Y-%m-%d}"
        return show_instant(event.starts_at)

    @admin.display(description=_("status"), ordering="status")
    def phase(self, event: Event) -> str:
        return str(PHASES[event.phase(self.clock())])

    @admin.display(description=_("results"), ordering="results_state")
    def results(self, event: Event) -> str:
        return (
            f"{event.get_results_state_display()}, r{event.results_revision}"
            if event.has_results
            else ""
        )

    @admin.display(description=_("pole or podium"))
    def leaders(self, event: Any) -> str:
        first = event.first_results[: picked_places(event.session_type)]
        return ", ".join(surname({"driver_name": result.driver_name}) for result in first)

    @admin.display(description=_("marks"))
    def marks(self, event: Any) -> str:
        leaders = [result.driver_id for result in event.first_results]
        return ", ".join(map(str, marks_of(event, leaders)))

    def show_row(self, request: HttpRequest, event: Event) -> HttpResponse:
        page = describe_page(event, self.clock(), may_correct=may(request, CORRECT))
        return self.show(request, "event/page.html", title=str(event), event=event, page=page)

    def correct_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        require(request, VIEW_EVENTS, CORRECT)
        event: Event = self.find_row(request, pk)
        now = self.clock()
        response = CorrectionPage(self, request, event, now).respond(name)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            # What was decided is over at once, and not when the watch looks again.
            clear_alarms(check_health(now), now)
        return response

    @method_decorator(require_POST)
    def ingest_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, VIEW_EVENTS, RUN)
        event: Event = self.find_row(request, pk)
        return start_ingest(self, request, "event", event.pk, what=str(event))

    def task_view(self, request: HttpRequest, pk: int, task: str) -> HttpResponse:
        require(request, VIEW_EVENTS)
        event: Event = self.find_row(request, pk)
        back = self.address("event_change", event.pk)
        return show_progress(self, request, task, season=event.season, what=str(event), back=back)
