"""The way of a correction: its form, a review of what it would do, then saving it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from ingestion.admin.comparison import as_entries, compare, describe_on_page
from ingestion.admin.forms import CORRECTIONS, CorrectionForm, EntriesForm
from ingestion.admin.read_only import person_of
from ingestion.corrections import Preview, possible_corrections, preview
from ingestion.errors import ChangedMeanwhile, WrongRequest
from ingestion.models import Event
from ingestion.story import describe_event

if TYPE_CHECKING:
    from ingestion.admin.read_only import ReadOnlyAdmin

ARRIVED = (
    "This event has changed since you began, and nothing was saved. This is how it is now: please "
    "review it again."
)


class CorrectionPage:
    """One request of a person who may correct the event."""

    def __init__(
        self, site: "ReadOnlyAdmin", request: HttpRequest, event: Event, now: datetime
    ) -> None:
        self.site, self.request, self.event, self.now = site, request, event, now

    def respond(self, name: str) -> HttpResponse:
        form_class = CORRECTIONS.get(name)
        if form_class is None:
            raise Http404
        if name not in possible_corrections(self.event, self.now):
            # What was possible when the page was read is not any more.
            message = f"{form_class.title}: not possible in the event's present state."
            messages.error(self.request, f"{message} Nothing was saved.")
            return redirect(self.site.address("event_change", self.event.pk))
        if self.request.method != "POST":
            return self._show_form(form_class(self.event, self.now, start=self.request.GET.dict()))
        form = form_class(self.event, self.now, data=self.request.POST.dict())
        if form.is_stale:
            return self._show_fresh(form)
        if isinstance(form, EntriesForm) and form.is_rearranged:
            return self._show_form(form.rearrange())
        if self.request.POST.get("step") == "change" or not form.is_valid():
            return self._show_form(form)
        return self._correct(form)

    def _correct(self, form: CorrectionForm) -> HttpResponse:
        """Save it where the person has reviewed it, else show what it would do."""
        author = form.author(person_of(self.request))
        try:
            if self.request.POST.get("step") == "save":
                warnings = form.correct(self.event, author)
            else:
                previewed = preview(self.event, lambda event: form.correct(event, author))
                return self._show_review(form, previewed)
        except ChangedMeanwhile:
            return self._show_fresh(form)
        except WrongRequest as error:
            form.refuse(error)
            return self._show_form(form)
        for warning in warnings:
            messages.warning(self.request, f"{warning[:1].upper()}{warning[1:]}.")
        messages.success(self.request, f"Saved: {form.title[:1].lower()}{form.title[1:]}.")
        return redirect(f"{self.site.address('event_change', self.event.pk)}#story")

    def _show_review(self, form: CorrectionForm, previewed: Preview) -> HttpResponse:
        if not previewed.changes:
            form.add_error(None, "This would change nothing: the event is like this already.")
            return self._show_form(form)
        before, after = (
            dict(describe_event(event, self.now)) for event in (previewed.before, previewed.after)
        )
        labels = dict.fromkeys([*before, *after])
        sides = [(label, before.get(label, ""), after.get(label, "")) for label in labels]
        lines = compare(
            as_entries(previewed.before.classification), as_entries(previewed.after.classification)
        )
        return self._show(
            "review.html",
            form,
            sentences=[describe_on_page(change) for change in previewed.changes],
            facts=[side for side in sides if side[1] != side[2]],
            lines=lines if any(line.is_changed for line in lines) else [],
            warnings=previewed.warnings,
        )

    def _show_form(self, form: CorrectionForm) -> HttpResponse:
        is_table = isinstance(form, EntriesForm)
        return self._show("table.html" if is_table else "correction.html", form)

    def _show_fresh(self, form: CorrectionForm) -> HttpResponse:
        """With the event as it is now; of what was filled in the reason stays."""
        messages.error(self.request, ARRIVED)
        start = {"reason": form.data.get("reason", ""), "entry": form.data.get("entry", "")}
        return self._show_form(type(form)(self.event, self.now, start=start))

    def _show(self, template: str, form: CorrectionForm, **context: Any) -> HttpResponse:
        return self.site.show(
            self.request,
            f"event/{template}",
            title=f"{form.title}: {self.event}",
            event=self.event,
            form=form,
            **context,
        )
