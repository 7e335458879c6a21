"""Who won, why it changed and how sure it is: what a page of an event begins with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from ingestion.amendments import (
    Entries,
    Entry,
    is_disqualified,
    is_same_driver,
    picked_places,
    surname,
    touches_leaders,
)
from ingestion.models import Change, Event, Result
from ingestion.story.printing import print_instant, print_source, print_start

# The last ones say why it is as it is; the story has them all.
MOST_REASONS = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """One change of the outcome, and what the person who made it wrote."""

    sentence: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    answer: str
    turns: Sequence[Turn]
    state: Sequence[str]


def describe_outcome(event: Event, changes: Sequence[Change], now: datetime) -> Outcome:
    """`changes` are the event's story, in order."""
    if event.is_cancelled:
        answer = _("It is cancelled: no result is expected, and picks on it are refunded.")
        kinds = (Change.Kind.VOIDED, Change.Kind.CANCELLED)
        # The last one: an event may have been put back and cancelled again.
        last = next((change for change in reversed(changes) if change.kind in kinds), None)
        turns = []
        if last is not None:
            named = {"at": print_instant(last.created_at), "person": last.person_name}
            turns = [Turn(_("It has been off the calendar since %(at)s.") % named)]
            if last.kind == Change.Kind.VOIDED:
                turns = [Turn(_("%(person)s voided it at %(at)s.") % named, last.reason)]
        return Outcome(answer, turns, [])
    if not event.has_results:
        picks = []
        if event.locks_at is not None:
            text = _("Picks closed at %(at)s.")
            if event.in_time(now):
                text = _("Picks are open until %(at)s.")
            picks = [text % {"at": print_instant(event.locks_at)}]
        return Outcome(_describe_phase(event, now), _describe_moves(changes), picks)
    return Outcome(
        _name_leaders(event), _explain_leaders(event, changes), _describe_state(event, changes)
    )


def _name_leaders(event: Event) -> str:
    classification = event.classification
    leaders = classification[: picked_places(event.session_type)]
    names = [_short_name(leader, leaders) for leader in leaders]
    if not event.is_race:
        return _("%(first)s has the pole.") % {"first": names[0]}
    # The shared cars of the 1950s.
    shared = [row for row in classification if row.position == 1 and row.classification == "1"]
    if len(shared) > 1:
        winners = [_short_name(winner, shared) for winner in shared]
        return _("%(first)s and %(second)s shared the win.") % {
            "first": ", ".join(winners[:-1]),
            "second": winners[-1],
        }
    if len(names) < picked_places(event.session_type):
        return _("%(first)s won.") % {"first": names[0]}
    return _("%(first)s won, ahead of %(second)s and %(third)s.") % dict(
        zip(("first", "second", "third"), names, strict=True)
    )


def _short_name(row: Result, among: Sequence[Result]) -> str:
    """The surname, where it is not two people's."""
    entries = [one.as_entry() for one in among if one.driver_id != row.driver_id]
    short = surname(row.as_entry())
    return row.driver_name if short in map(surname, entries) else short


def _explain_leaders(event: Event, changes: Sequence[Change]) -> list[Turn]:
    """Why the first ones are others than they were."""
    classified = [change for change in changes if change.makes_revision]
    turned = [
        change
        for change in classified
        if change.before.get("classification")
        and touches_leaders(
            event.session_type, change.before["classification"], change.after["classification"]
        )
    ]
    turns = [_describe_turn(change, event.session_type) for change in turned[-MOST_REASONS:]]
    if not turned and classified:
        return [_describe_first(event, classified[0])]
    if earlier := len(turned) - len(turns):
        more = ngettext(
            "It had changed once before; the story has it.",
            "It had changed %(count)d times before; the story has them all.",
            earlier,
        )
        turns.append(Turn(more % {"count": earlier}))
    return turns


def _describe_turn(change: Change, session_type: str) -> Turn:
    was, now = change.before["classification"], change.after["classification"]
    place, before = _find_place(was, now, picked_places(session_type))
    since = next((entry for entry in now if is_same_driver(entry, before)), None)
    is_out = since is not None and is_disqualified(since) and not is_disqualified(before)
    named = {
        "name": surname(before),
        "place": [
            pgettext("who was ...", "first"),
            pgettext("who was ...", "second"),
            pgettext("who was ...", "third"),
        ][place],
        "at": print_instant(change.created_at),
        "source": print_source(change.after["source"]),
        "person": change.person_name,
    }
    if change.kind == Change.Kind.AMENDED and change.person_name:
        text = _(
            "%(name)s was %(place)s until %(at)s, when %(person)s accepted the proposal of "
            "%(source)s."
        )
    elif change.person_name and is_out:
        text = _("%(name)s was %(place)s until the disqualification by %(person)s at %(at)s.")
    elif change.person_name:
        text = _("%(name)s was %(place)s until %(at)s, when %(person)s corrected it.")
    elif is_out:
        text = _("%(name)s was %(place)s until the disqualification at %(at)s (%(source)s).")
    else:
        text = _("%(name)s was %(place)s until %(at)s, when %(source)s changed it.")
    return Turn(text % named, change.reason)


def _find_place(was: Entries, now: Entries, places: int) -> tuple[int, Entry]:
    """The first place that another has now, or whose driver is disqualified now; from 0."""
    for place, entry in enumerate(was[:places]):
        other = now[place] if place < len(now) else None
        if other is None or not is_same_driver(entry, other):
            return place, entry
    return 0, was[0]


def _describe_first(event: Event, first: Change) -> Turn:
    """An outcome that was never another."""
    named = {
        "at": print_instant(first.created_at),
        "source": print_source(first.after["source"]),
        "person": first.person_name,
    }
    if first.person_name:
        return Turn(_("%(person)s entered it by hand at %(at)s.") % named, first.reason)
    if event.is_race:
        return Turn(_("The podium is as %(source)s first had it at %(at)s.") % named)
    return Turn(_("The pole is as %(source)s first had it at %(at)s.") % named)


def _describe_state(event: Event, changes: Sequence[Change]) -> list[str]:
    settled = [change for change in changes if change.kind == Change.Kind.SETTLED]
    saved = event.results_changed_at
    named = {
        "source": print_source(event.results_source),
        "at": _("an unknown time") if saved is None else print_instant(saved),
        "person": find_person(changes, "classification", "details") or _("a person"),
    }
    if event.results_state == Event.ResultsState.PROVISIONAL:
        state = _("Provisional, by %(source)s: it may change until it is published.") % named
    elif event.results_state == Event.ResultsState.SETTLED:
        at = print_instant(settled[-1].created_at) if settled else named["at"]
        state = _("Settled at %(at)s: another podium or pole waits for a person.") % {"at": at}
    elif event.results_locked:
        state = _("Official, set by %(person)s: ingests compare it and change nothing.") % named
    else:
        state = _("Official since %(at)s, by %(source)s: amendments are still applied.") % named
    confirmed = ""
    opinion = getattr(event, "second_opinion", None)
    if event.confirmed_at is not None and opinion is not None:
        confirmed = _("Confirmed by a second source (%(source)s) at %(at)s.") % {
            "source": print_source(opinion.source),
            "at": print_instant(event.confirmed_at),
        }
    return [text for text in (state, confirmed) if text]


def find_person(changes: Sequence[Change], *facts: str) -> str:
    """Who set one of these facts last, '' where that is not known."""
    for change in reversed(changes):
        if change.person_name and any(fact in change.after for fact in facts):
            return change.person_name
    return ""


def _describe_phase(event: Event, now: datetime) -> str:
    starts_at = event.starts_at
    if starts_at is None:
        return _("When it starts is not known yet.")
    named = {"at": print_start(starts_at, is_estimated=event.start_is_estimated)}
    phase = event.phase(now)
    if phase == Event.Status.SCHEDULED:
        return _("It starts on %(at)s.") % named
    if phase == Event.Status.LIVE:
        return _("It is running since %(at)s.") % named
    return _("It is over, and no classification is in yet.")


def _describe_moves(changes: Sequence[Change]) -> list[Turn]:
    """The last ones. A start that was unknown before is no move."""
    turns = []
    for change in changes:
        before, after = change.before.get("starts_at"), change.after.get("starts_at")
        if before is None or after is None or before == after:
            continue
        is_estimated = bool(change.before.get("start_is_estimated"))
        named = {
            "before": print_start(before, is_estimated=is_estimated),
            "at": print_instant(change.created_at),
            "person": change.person_name,
        }
        if change.person_name:
            text = _("It was to start on %(before)s, until %(person)s moved it at %(at)s.")
        else:
            text = _("It was to start on %(before)s, until its calendar moved it at %(at)s.")
        turns.append(Turn(text % named, change.reason))
    return turns[-MOST_REASONS:]
