"""What the page of an event shows: who won and why, what has to be decided, its story, and what is
saved beside what others say."""

from datetime import datetime
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from ingestion.admin.comparison import (
    FIRST_PLACES,
    NOT_COMPARED,
    as_entries,
    describe_on_page,
    label_of,
    print_value,
)
from ingestion.admin.decisions import Offers, find_beside, find_decisions
from ingestion.admin.marks import PHASES, marks_of, with_marks
from ingestion.amendments import differs_in_what_is_picked
from ingestion.corrections import list_restorable, possible_corrections
from ingestion.models import Change, Event, Result, name_kept_drivers
from ingestion.records import RESULT_FIELDS
from ingestion.story import (
    describe_author,
    describe_event,
    describe_outcome,
    describe_payout,
)

# Entries of the story that are read at once; the older ones can be opened.
FIRST_ENTRIES = 6
# Entrants or details that are opened; a person changes one or two, a source a whole field.
MANY = 5
# What an entry's line says first; the rest follows with its label.
NAMED = {"driver_name", "constructor_name", "driver_id", "driver_code"}

# Corrections that are not beside what they correct; what is no edit is apart from them.
GROUPS = {
    _lazy("The classification"): ("leaders", "disqualify", "restore", "settle", "release"),
    _lazy("Start and picks"): ("status", "reopen", "close", "release-schedule"),
}
APART = ("add-driver", "withdraw-driver", "void", "unvoid")


def find_event(pk: int, now: datetime) -> Any:
    """The event with its weekend and what its page needs of it, in three queries, and two more
    where what is kept beside its results names anybody else; None where there is none."""
    this = Event.objects.filter(pk=pk)
    weekend = list(
        with_marks(Event.objects.all(), now)
        .filter(season=this.values("season")[:1], grand_prix=this.values("grand_prix")[:1])
        .select_related("proposal")
        .order_by("starts_at", "pk")
    )
    event: Any = next((session for session in weekend if session.pk == pk), None)
    if event is None:
        return None
    event.weekend = weekend
    if event.proposal is not None:
        # Its sentence needs the event, and would read it once more.
        event.proposal.event = event
    results = Result.objects.all() if event.has_results else Result.objects.none()
    prefetch_related_objects([event], Prefetch("results", results))
    name_kept_drivers([event], classified={row.driver_id for row in event.results.all()})
    if event.is_disputed and not differs_in_what_is_picked(
        event.session_type,
        as_entries(event.classification),
        event.second_opinion.classification or [],
    ):
        # The drivers that the two differed in were merged since. The next answer saves it.
        event.second_opinion.disputed_since = None
    return event


def describe_page(event: Any, now: datetime, *, may_correct: bool) -> dict[str, Any]:
    """What its template shows, in two or three queries beside the event's own: its story, its
    polls and, before there is a result, who can be picked."""
    prefetch_related_objects([event], "polls")
    changes = list(Change.objects.filter(event=event).for_story().order_by("pk"))
    possible = possible_corrections(event, now) if may_correct else []
    seen = {"seen": changes[-1].pk if changes else 0, "revision": event.results_revision}
    offers = Offers(event, possible, seen)
    restorable = list_restorable(event, changes) if "restore" in possible else []
    classification = event.classification
    beside = find_beside(event, changes)
    story = [
        {
            "change": change,
            **_describe_entry(change),
            "author": change.person_name or describe_author(change),
            "run": change.run,
            "restore": offers.build("restore", restored=change.revision)
            if change in restorable
            else None,
        }
        for change in reversed(changes)
    ]
    apart = {*NOT_COMPARED, *NAMED, "classification"}
    rows = [
        {
            "entry": entry,
            "facts": [
                (label_of(name), printed)
                for name in RESULT_FIELDS
                if name not in apart and (printed := print_value(name, getattr(entry, name)))
            ],
        }
        for entry in classification
    ]
    phase = event.phase(now)
    is_ahead = phase == Event.Status.SCHEDULED
    shown = ("start",) if is_ahead else ("podium", "leaders", "undo")
    return {
        "phase": PHASES[phase],
        "marks": marks_of(event, [entry.driver_id for entry in classification]),
        "outcome": describe_outcome(event, changes, now),
        "first_actions": offers.build_all(*shown),
        "decisions": list(find_decisions(event, beside, now, offers)),
        "agrees": beside if beside is not None and beside.is_same else None,
        "story": story[:FIRST_ENTRIES],
        "older": story[FIRST_ENTRIES:],
        "first_rows": rows[:FIRST_PLACES],
        "other_rows": rows[FIRST_PLACES:],
        "entrants": [] if event.has_results or event.is_cancelled else list(event.entrants),
        "replace": offers.build("replace-driver"),
        "edit": offers.build("edit"),
        "move": None if is_ahead else offers.build("start"),
        # The proposal is to be decided, above.
        "facts": [fact for fact in describe_event(event, now, changes) if fact[0] != _("proposal")],
        "start_label": _("start"),
        "payout": describe_payout(event),
        "groups": [
            (title, actions)
            for title, names in GROUPS.items()
            if (actions := offers.build_all(*(name for name in names if name not in shown)))
        ],
        "apart": offers.build_all(*APART),
    }


def _describe_entry(change: Change) -> dict[str, str]:
    """`whole` is what the sentence would be too long for: a field of entrants, each detail."""
    sentence = describe_on_page(change)
    entrants, details = change.after.get("entrants", []), change.after.get("details", [])
    if len(entrants) >= MANY:
        count = _("%(count)d drivers can be picked") % {"count": len(entrants)}
        return {"sentence": count, "whole": sentence}
    printed = []
    for detail in details:
        name, text = detail["field"], detail["driver_name"]
        if not hasattr(Result, name):
            # A field that was removed since.
            printed.append(f"{text} {name}")
            continue
        sides = [print_value(name, detail[side]) or _("none") for side in ("before", "after")]
        printed.append(f"{text} {label_of(name)} {' → '.join(sides)}")
    listed = ", ".join(printed)
    if 0 < len(details) < MANY:
        return {"sentence": f"{sentence}: {listed}"}
    return {"sentence": sentence, "whole": listed}
