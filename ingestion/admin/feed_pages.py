"""The feed: what changed, when, and by which run or person, across all events."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingestion.admin.comparison import compare, describe_on_page
from ingestion.admin.read_only import ReadOnlyAdmin, labelled
from ingestion.admin.times import show_instant, show_instants
from ingestion.models import Change
from ingestion.story import describe_author


class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "event_name", "kind", "sentence", "author")
    list_filter = ("kind", "cause", "event__session_type")
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    search_fields = ("event__name", "event__grand_prix", "event__location", "reason")
    search_help_text = gettext_lazy("A grand prix, a place, or a part of a person's reason")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        return Change.objects.for_story()

    @admin.display(description=gettext_lazy("when"), ordering="pk")
    def at(self, change: Change) -> str:
        return show_instant(change.created_at)

    @admin.display(description=gettext_lazy("event"))
    def event_name(self, change: Change) -> str:
        address = self.address("event_change", change.event_id)
        return format_html('<a href="{}">{}</a>', address, change.event)

    @admin.display(description=gettext_lazy("what changed"))
    def sentence(self, change: Change) -> str:
        return show_instants(describe_on_page(change))

    @admin.display(description=gettext_lazy("by"))
    def author(self, change: Change) -> str:
        return labelled(_("by"), describe_author(change))

    def show_row(self, request: HttpRequest, change: Change) -> HttpResponse:
        """Both sides as they are kept, for whoever reads the feed by a program."""
        sides: tuple[Mapping[str, Any], ...] = (change.before, change.after)
        names = dict.fromkeys(name for side in sides for name in side if name != "classification")
        before, after = (side.get("classification") for side in sides)
        return self.show(
            request,
            "change/page.html",
            title=_("Entry %(number)s of the feed") % {"number": change.pk},
            change=change,
            sentence=describe_on_page(change),
            author=describe_author(change),
            lines=None if after is None else compare(before or [], after),
            fields=[(name, *(side.get(name, "") for side in sides)) for name in names],
        )
