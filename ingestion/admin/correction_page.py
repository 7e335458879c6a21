"""The way of a correction on one page: what is filled in, what it would do, the reason, saving."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from ingestion.admin.comparison import as_entries, describe_on_page, list_differences
from ingestion.admin.forms import CORRECTIONS, CorrectionForm, EntriesForm, ProposalForm
from ingestion.admin.read_only import person_of
from ingestion.corrections import Preview, possible_corrections, preview
from ingestion.errors import ChangedMeanwhile, WrongRequest
from ingestion.models import Event
from ingestion.story import describe_event

if TYPE_CHECKING:
    from ingestion.admin.read_only import ReadOnlyAdmin

ARRIVED = _lazy(
    "This event has changed since you began, and nothing was saved. This "
    "is how it is now: please review it again."
)
NOTHING_SAVED = _lazy("Nothing was saved.")
NOT_SEEN = _lazy(
    "Nothing is saved yet: what you filled in is not what you had "
    "reviewed. Below is what it would do now."
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
            message = _("%(correction)s: not possible in the event's present state.")
            message = message % {"correction": form_class.title}
            messages.error(self.request, f"{message} {NOTHING_SAVED}")
            return redirect(self.site.address("event_change", self.event.pk))
        if self.request.method != "POST":
            return self._show(form_class(self.event, self.now, start=self.request.GET.dict()))
        return self._take(form_class(self.event, self.now, data=self.request.POST.dict()))

    def _take(self, form: CorrectionForm) -> HttpResponse:
        """What was sent, as far as it can be taken."""
        if form.is_stale:
            return self._show_fresh(form)
        if isinstance(form, EntriesForm) and form.is_rearranged:
            form = form.rearrange()
            if not any(row.is_moved for row in form.rows):
                return self._show(form)
        try:
            return self._correct(form)
        except ChangedMeanwhile:
            return self._show_fresh(form)
        except WrongRequest as error:
            form.refuse(error)
            return self._show(form)

    def _correct(self, form: CorrectionForm) -> HttpResponse:
        """Save what the person has seen the effect of, else show that."""
        is_valid = form.is_valid()
        # What it would do can be shown before there is a reason.
        if set(form.errors) - {"reason"}:
            return self._show(form)
        author = form.author(person_of(self.request))
        is_seen = form.is_previewed
        if not (form.is_to_be_saved and is_valid and is_seen):
            previewed = preview(self.event, lambda event: form.correct(event, author))
            if form.is_to_be_saved and not is_seen:
                messages.warning(self.request, NOT_SEEN)
            return self._show_preview(form, previewed)
        for warning in form.correct(self.event, author):
            messages.warning(self.request, f"{warning[:1].upper()}{warning[1:]}.")
        messages.success(self.request, _("Saved: %(correction)s.") % {"correction": form.title})
        return redirect(self.site.address("event_change", self.event.pk))

    def _show_preview(self, form: CorrectionForm, previewed: Preview) -> HttpResponse:
        if not previewed.changes:
            form.add_error(None, _("This would change nothing: the event is like this already."))
            return self._show(form)
        before, after = (
            dict(describe_event(event, self.now, previewed.changes))
            for event in (previewed.before, previewed.after)
        )
        labels = dict.fromkeys([*before, *after])
        # What becomes of a proposal is said before.
        apart = {_("proposal")} if isinstance(form, ProposalForm) else set()
        sides = [
            (label, *(side.get(label, "").replace("->", "→") for side in (before, after)))
            for label in labels
            if label not in apart
        ]
        return self._show(
            form,
            preview={
                "sentences": [describe_on_page(change) for change in previewed.changes],
                "facts": [side for side in sides if side[1] != side[2]],
                "differences": list_differences(
                    as_entries(previewed.before.classification),
                    as_entries(previewed.after.classification),
                ),
                "warnings": previewed.warnings,
            },
        )

    def _show_fresh(self, form: CorrectionForm) -> HttpResponse:
        """The form for the event as it is now; of what was filled in the reason stays."""
        messages.error(self.request, ARRIVED)
        start = {"reason": form.data.get("reason", ""), "entry": form.data.get("entry", "")}
        return self._show(type(form)(self.event, self.now, start=start))

    def _show(self, form: CorrectionForm, **context: Any) -> HttpResponse:
        form.focus_on_error()
        return self.site.show(
            self.request,
            "event/correction.html",
            title=f"{form.title}: {self.event}",
            event=self.event,
            form=form,
            filled_in=[form[name] for name in form.filled_in],
            beside_preview=[form[name] for name in form.beside_preview if name in form.fields],
            **context,
        )
