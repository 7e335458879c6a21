"""The way of a correction: its form, what it would do, once 'are you sure', and it is done."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from ingestion.admin.comparing import Line, as_entries, compare
from ingestion.admin.forms import CORRECTIONS, CorrectionForm, EntriesForm
from ingestion.admin.people import person_of
from ingestion.admin.telling import tell
from ingestion.corrections import Author, Preview, possible_corrections, preview
from ingestion.errors import ChangedMeanwhile, WrongRequest
from ingestion.models import Event
from ingestion.story import describe_event

if TYPE_CHECKING:
    from ingestion.admin.access import ShownAdmin

ARRIVED = (
    "Something arrived for this event since you began, and nothing was done. This is how it "
    "stands now: look at it again."
)


class Correcting:
    """One request of somebody who may correct the event."""

    def __init__(
        self, site: "ShownAdmin", request: HttpRequest, event: Event, now: datetime
    ) -> None:
        self.site, self.request, self.event, self.now = site, request, event, now

    def answer(self, name: str) -> HttpResponse:
        form_class = CORRECTIONS.get(name)
        if form_class is None:
            raise Http404
        if name not in possible_corrections(self.event, self.now):
            return self._leave_impossible(form_class)
        if self.request.method != "POST":
            return self._ask(form_class(self.event, self.now, asked=self.request.GET.dict()))
        form = form_class(self.event, self.now, data=self.request.POST.dict())
        if form.is_stale:
            return self._ask_again(form)
        if isinstance(form, EntriesForm) and form.is_rearranged:
            return self._ask(form.rearrange())
        if self.request.POST.get("step") == "change" or not form.is_valid():
            return self._ask(form)
        return self._go_on(form)

    def _go_on(self, form: CorrectionForm) -> HttpResponse:
        author = form.author(person_of(self.request))
        try:
            if self.request.POST.get("step") == "save":
                return self._save(form, author)
            previewed = preview(self.event, lambda event: form.correct(event, author))
        except ChangedMeanwhile:
            return self._ask_again(form)
        except WrongRequest as error:
            form.refuse(error)
            return self._ask(form)
        if not previewed.changes:
            form.add_error(None, "That would change nothing: it is so already.")
            return self._ask(form)
        return self._review(form, previewed)

    def _save(self, form: CorrectionForm, author: Author) -> HttpResponse:
        for warning in form.correct(self.event, author):
            messages.warning(self.request, f"{warning[:1].upper()}{warning[1:]}.")
        messages.success(self.request, f"Saved: {form.title[:1].lower()}{form.title[1:]}.")
        return redirect(f"{self._event_page()}#story")

    def _ask(self, form: CorrectionForm) -> HttpResponse:
        is_table = isinstance(form, EntriesForm)
        return self._show("table.html" if is_table else "correction.html", form)

    def _ask_again(self, form: CorrectionForm) -> HttpResponse:
        """With the event as it is now; of what was filled in the reason stays."""
        messages.error(self.request, ARRIVED)
        asked = {"reason": form.data.get("reason", ""), "entry": form.data.get("entry", "")}
        return self._ask(type(form)(self.event, self.now, asked=asked))

    def _leave_impossible(self, form_class: type[CorrectionForm]) -> HttpResponse:
        """What was possible when the page was read is not any more."""
        told = f"{form_class.title}: that cannot be done as the event stands now."
        messages.error(self.request, told)
        return redirect(self._event_page())

    def _review(self, form: CorrectionForm, previewed: Preview) -> HttpResponse:
        before, after = previewed.before, previewed.after
        return self._show(
            "review.html",
            form,
            sentences=[tell(change) for change in previewed.changes],
            facts=_changed_facts(before, after, self.now),
            lines=_changed_lines(before, after),
            warnings=previewed.warnings,
        )

    def _show(self, template: str, form: CorrectionForm, **context: object) -> HttpResponse:
        return self.site.show(
            self.request,
            f"event/{template}",
            title=f"{form.title}: {self.event}",
            event=self.event,
            form=form,
            **context,
        )

    def _event_page(self) -> str:
        return self.site.address("event_change", self.event.pk)


def _changed_facts(before: Event, after: Event, now: datetime) -> Sequence[tuple[str, str, str]]:
    """What is told of the event, where it is told differently."""
    was, is_now = dict(describe_event(before, now)), dict(describe_event(after, now))
    labels = dict.fromkeys([*was, *is_now])
    sides = [(label, was.get(label, ""), is_now.get(label, "")) for label in labels]
    return [side for side in sides if side[1] != side[2]]


def _changed_lines(before: Event, after: Event) -> Sequence[Line]:
    lines = compare(as_entries(before.classification), as_entries(after.classification))
    return lines if any(line.is_changed for line in lines) else []
