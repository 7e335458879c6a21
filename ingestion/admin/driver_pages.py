"""Drivers: who they are, under which keys, and making two of one or one of two."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from ingestion.admin.forms.correction_form import ReasonForm
from ingestion.admin.read_only import (
    CORRECT_DRIVERS,
    VIEW_DRIVERS,
    ReadOnlyAdmin,
    labelled,
    person_of,
    require,
)
from ingestion.corrections import Author, merge_drivers, split_driver, undo_change
from ingestion.errors import WrongRequest
from ingestion.models import Driver, DriverChange
from ingestion.models.drivers import LONGEST_KEY

MOST_SEASONS = 60


class DriverForm(ReasonForm):
    def __init__(self, driver: Driver, data: Any = None) -> None:
        self.driver = driver
        super().__init__(data, label_suffix="")
        self.order_fields([name for name in self.fields if name != "reason"])

    def correct(self, author: Author) -> DriverChange:
        raise NotImplementedError


class MergeForm(DriverForm):
    title, button = gettext_lazy("Merge into another driver"), gettext_lazy("Merge")

    into = forms.CharField(
        max_length=LONGEST_KEY,
        label=gettext_lazy("Key of the driver who stays"),
        help_text=gettext_lazy(
            "As in the list of drivers, e.g. max_verstappen. Results and keys move to him."
        ),
    )

    def clean_into(self) -> Driver:
        into = Driver.objects.filter(pk=self.cleaned_data["into"].strip()).first()
        if into is None:
            raise forms.ValidationError(
                _("No driver has this key. The list of drivers has them all.")
            )
        return into

    def correct(self, author: Author) -> DriverChange:
        return merge_drivers(self.driver, self.cleaned_data["into"], author)


class SplitForm(DriverForm):
    title, button = gettext_lazy("Make two persons of this one"), gettext_lazy("Split")

    seasons = forms.CharField(
        label=gettext_lazy("Seasons"),
        max_length=5 * MOST_SEASONS,
        help_text=gettext_lazy("Those of the other person, e.g. 1994 1995."),
    )
    name = forms.CharField(max_length=120, label=gettext_lazy("Name of the other person"))
    born = forms.DateField(
        required=False,
        label=gettext_lazy("Date of birth"),
        help_text=gettext_lazy("If it is known."),
    )

    def clean_seasons(self) -> list[int]:
        parts = self.cleaned_data["seasons"].replace(",", " ").split()
        seasons = [int(part) for part in parts if part.isdecimal() and len(part) == len("1950")]
        if not parts or len(seasons) < len(parts):
            raise forms.ValidationError(_("Years with a blank between them, e.g. 1994 1995."))
        return seasons

    def correct(self, author: Author) -> DriverChange:
        values = self.cleaned_data
        return split_driver(self.driver, values["seasons"], values["name"], values["born"], author)


class UndoForm(DriverForm):
    title, button = gettext_lazy("Undo it"), gettext_lazy("Undo")

    change = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**62)

    def correct(self, author: Author) -> DriverChange:
        changes = DriverChange.objects.filter(driver=self.driver)
        change = changes.filter(pk=self.cleaned_data["change"]).first()
        if change is None:
            raise WrongRequest(_("there is nothing to undo here"))
        return undo_change(change, author)


FORMS: dict[str, type[DriverForm]] = {"merge": MergeForm, "split": SplitForm, "undo": UndoForm}


class DriverAdmin(ReadOnlyAdmin):
    list_display = ("name", "known_as", "code", "birthday", "seasons", "sessions", "other_keys")
    search_fields = ("name", "key", "code", "keys__key")
    search_help_text = gettext_lazy("A part of a name, a code or a key")
    ordering = ("name", "key")

    def get_urls(self) -> list[URLPattern]:
        own = self.own_pages({"<str:key>/decide/<slug:name>/": (self.correct_view, "correct")})
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Driver]:
        # Distinct: in the 1950s a driver may have two entries in one session.
        return Driver.objects.annotate(
            session_count=Count("results__event", distinct=True),
            first=Min("results__event__season"),
            last=Max("results__event__season"),
        ).prefetch_related("keys")

    def find_row(self, request: HttpRequest, key: str | int) -> Any:
        row = None
        # An address has up to three characters for one of a key.
        if len(str(key)) <= 3 * LONGEST_KEY:
            row = self.get_queryset(request).filter(pk=unquote(str(key))).first()
        if row is None:
            raise Http404
        return row

    @admin.display(description=gettext_lazy("key"), ordering="key")
    def known_as(self, driver: Driver) -> str:
        return labelled(_("key"), driver.key)

    @admin.display(description=gettext_lazy("born"), ordering="born")
    def birthday(self, driver: Driver) -> str:
        return labelled(_("born"), driver.born)

    @admin.display(description=gettext_lazy("seasons"))
    def seasons(self, driver: Any) -> str:
        return labelled(_("seasons"), self.print_seasons(driver))

    def print_seasons(self, driver: Any) -> str:
        if driver.first is None:
            return (
                _("merged into %(driver)s") % {"driver": driver.merged_into_id}
                if driver.merged_into_id
                else _("none")
            )
        return str(driver.first) if driver.first == driver.last else f"{driver.first}-{driver.last}"

    @admin.display(description=pgettext_lazy("of a weekend", "sessions"), ordering="session_count")
    def sessions(self, driver: Any) -> str:
        return labelled(pgettext("of a weekend", "sessions"), driver.session_count)

    @admin.display(description=gettext_lazy("other keys"))
    def other_keys(self, driver: Driver) -> str:
        return labelled(_("other keys"), self.list_other_keys(driver))

    def list_other_keys(self, driver: Driver) -> str:
        return ", ".join(str(key) for key in driver.keys.all() if str(key) != driver.key)

    def show_row(self, request: HttpRequest, driver: Any) -> HttpResponse:
        changes = DriverChange.objects.filter(driver=driver) | DriverChange.objects.filter(
            other=driver
        )
        return self.show(
            request,
            "driver/page.html",
            title=driver.name,
            driver=driver,
            facts=[
                (_("Key"), driver.key),
                (_("Code"), driver.code or _("none")),
                (_("Born"), str(driver.born or _("no source says it"))),
                (_("Other keys"), self.list_other_keys(driver) or _("none")),
                (_("Seasons"), self.print_seasons(driver)),
                (_("Sessions"), driver.session_count),
            ],
            changes=changes.select_related("driver", "other"),
        )

    def correct_view(self, request: HttpRequest, key: str, name: str) -> HttpResponse:
        """The form, what it would change, then saving it."""
        require(request, VIEW_DRIVERS, CORRECT_DRIVERS)
        driver = self.find_row(request, key)
        if name not in FORMS:
            raise Http404
        if request.method != "POST":
            form = FORMS[name](driver)
            form.initial = {"change": request.GET.get("change", "")}
            return self._show_form(request, form, name)
        form = FORMS[name](driver, request.POST.dict())
        step = request.POST.get("step")
        if step == "change" or not form.is_valid():
            return self._show_form(request, form, name)
        author = Author(person_of(request), form.cleaned_data["reason"], self.clock())
        try:
            # A preview is the change itself, taken back.
            with transaction.atomic():
                change = form.correct(author)
                preview = None if step == "save" else self._preview(change)
                if preview is not None:
                    transaction.set_rollback(True)
        except WrongRequest as error:
            form.refuse(error)
            return self._show_form(request, form, name)
        if preview is not None:
            return self._show_form(request, form, name, preview=preview)
        title = str(FORMS[name].title)
        message = _("Saved: %(correction)s.") % {"correction": f"{title[:1].lower()}{title[1:]}"}
        self.message_user(request, message, messages.SUCCESS)
        return redirect(self.address("driver_change", quote(driver.key)))

    def _preview(self, change: DriverChange) -> str:
        count = len(change.moved["results"])
        ends = (change.other, change.driver) if change.undone_at else (change.driver, change.other)
        return ngettext(
            "%(count)s result of %(old)s (%(old_key)s) will be %(new)s's (%(new_key)s). No place "
            "changes; the story of each of these events says so.",
            "%(count)s results of %(old)s (%(old_key)s) will be %(new)s's (%(new_key)s). No place "
            "changes; the story of each of these events says so.",
            count,
        ) % {
            "count": count,
            "old": ends[0].name,
            "old_key": ends[0].key,
            "new": ends[1].name,
            "new_key": ends[1].key,
        }

    def _show_form(
        self, request: HttpRequest, form: DriverForm, name: str, *, preview: str = ""
    ) -> HttpResponse:
        form.focus_on_error()
        return self.show(
            request,
            "driver/correction.html",
            title=f"{FORMS[name].title}: {form.driver.name}",
            driver=form.driver,
            form=form,
            name=name,
            button=FORMS[name].button,
            preview=preview,
        )
