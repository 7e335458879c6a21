"""How the list of events is narrowed down."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from ingestion.models import Event, Result

Choice = tuple[str, str]


class SeasonFilter(admin.SimpleListFilter):
    title = "season"
    parameter_name = "season"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Choice]:
        seasons = Event.objects.order_by("-season").values_list("season", flat=True).distinct()
        return [(str(season), str(season)) for season in seasons]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        value = self.value()
        return queryset.filter(season=int(value)) if value and value.isdecimal() else queryset


class ConditionFilter(admin.SimpleListFilter):
    """Each choice is a condition of its own."""

    conditions: dict[str, tuple[str, Q]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Choice]:
        return [(value, label) for value, (label, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        chosen = self.conditions.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen[1])


class LockFilter(ConditionFilter):
    title = "set by a person"
    parameter_name = "locked"
    conditions = {
        "any": ("something", Q(results_locked=True) | Q(schedule_locked=True)),
        "results": ("the classification", Q(results_locked=True)),
        "schedule": ("start or status", Q(schedule_locked=True)),
        "none": ("nothing", Q(results_locked=False, schedule_locked=False)),
    }


class ProposalFilter(ConditionFilter):
    title = "proposal"
    parameter_name = "proposal"
    conditions = {
        "open": ("to be decided", Q(proposal__isnull=False, proposal_rejected=False)),
        "rejected": ("rejected", Q(proposal__isnull=False, proposal_rejected=True)),
    }


class OverdueFilter(ConditionFilter):
    """Of a queryset that tells (`with_overdue`)."""

    title = "overdue"
    parameter_name = "overdue"
    conditions = {"yes": ("a day and more", Q(is_overdue=True))}


def search_events(events: QuerySet[Event], words: str) -> QuerySet[Event]:
    """Each word in the grand prix, its place, or a driver who took part.

    Identifiers have no accents, so that 'sao paulo' and 'perez' are found too.
    """
    for word in words.split():
        drivers = Result.objects.filter(
            Q(driver_name__icontains=word) | Q(driver_id__icontains=word), event=OuterRef("pk")
        )
        named = (
            Q(name__icontains=word)
            | Q(grand_prix__icontains=word)
            | Q(location__icontains=word)
            | Q(country__icontains=word)
        )
        events = events.filter(named | Exists(drivers))
    return events
