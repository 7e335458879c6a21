"""Alarms: the list, a page for each, and who has acknowledged it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from ingestion.admin.read_only import (
    ACKNOWLEDGE,
    VIEW_ALARMS,
    ReadOnlyAdmin,
    labelled,
    may,
    person_of,
    require,
)
from ingestion.admin.times import show_instant
from ingestion.models import Alarm
from ingestion.monitoring.alerting import acknowledge


class OpenFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("open", _("open")),
            ("unseen", _("open, not acknowledged")),
            ("over", _("over")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> QuerySet[Alarm]:
        if self.value() == "open":
            return queryset.filter(cleared_at=None)
        if self.value() == "unseen":
            return queryset.filter(cleared_at=None, acknowledged_at=None)
        return queryset.exclude(cleared_at=None) if self.value() == "over" else queryset


class AlarmAdmin(ReadOnlyAdmin):
    list_display = ("raised", "state", "severity", "title", "acknowledged")
    list_filter = (OpenFilter, "severity")
    list_select_related = ("acknowledged_by",)
    date_hierarchy = "raised_at"
    ordering = ("-raised_at", "-pk")
    actions = ("acknowledge_chosen",)

    def get_urls(self) -> list[URLPattern]:
        own = self.own_pages({"<int:pk>/acknowledge/": (self.acknowledge_view, "acknowledge")})
        return [*own, *super().get_urls()]

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return may(request, VIEW_ALARMS) and may(request, ACKNOWLEDGE)

    @admin.display(description=gettext_lazy("since"), ordering="raised_at")
    def raised(self, alarm: Alarm) -> str:
        return show_instant(alarm.raised_at)

    @admin.display(description=gettext_lazy("state"))
    def state(self, alarm: Alarm) -> str:
        if alarm.cleared_at is not None:
            return format_html(_("✓ over since {}"), show_instant(alarm.cleared_at))
        return _("! open") if alarm.acknowledged_at is None else _("◐ open, acknowledged")

    @admin.display(description=gettext_lazy("acknowledged by"))
    def acknowledged(self, alarm: Alarm) -> str:
        return labelled(_("acknowledged by"), self.seen_by(alarm))

    def seen_by(self, alarm: Alarm) -> str:
        if alarm.acknowledged_at is None:
            return _("not acknowledged")
        person = alarm.acknowledged_by
        return person.get_username() if person is not None else _("a deleted account")

    @admin.action(
        description=gettext_lazy("Acknowledge the chosen alarms"), permissions=["acknowledge"]
    )
    def acknowledge_chosen(self, request: HttpRequest, chosen: QuerySet[Alarm]) -> None:
        person, now = person_of(request), self.clock()
        # One by one: of two people who do it at once each alarm counts for the first.
        done = sum(acknowledge(alarm, person, now) for alarm in chosen)
        message = ngettext(
            "%(count)s alarm was acknowledged.", "%(count)s alarms were acknowledged.", done
        )
        self.message_user(request, message % {"count": done}, messages.SUCCESS)

    @method_decorator(require_POST)
    def acknowledge_view(self, request: HttpRequest, pk: int) -> HttpResponseRedirect:
        """Then back to the page that the button was on, where that is one of this host."""
        require(request, VIEW_ALARMS, ACKNOWLEDGE)
        alarm: Alarm = self.find_row(request, pk)
        if acknowledge(alarm, person_of(request), self.clock()):
            self.message_user(
                request,
                _("Acknowledged: %(message)s") % {"message": alarm.message},
                messages.SUCCESS,
            )
        else:
            message = _("This alarm is over, or was acknowledged before. Nothing was changed.")
            self.message_user(request, message, messages.INFO)
        page = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(page, allowed_hosts={request.get_host()})
        return redirect(page if page and is_ours else self.address("alarm_changelist"))

    def show_row(self, request: HttpRequest, alarm: Alarm) -> HttpResponse:
        return self.show(
            request,
            "alarm/page.html",
            title=_("Alarm"),
            alarm=alarm,
            state=self.state(alarm),
            seen_by=self.seen_by(alarm),
        )
