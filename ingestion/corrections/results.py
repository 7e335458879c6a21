"""What a person may do to a classification.

`revision` is the one that the person looked at: where another has arrived meanwhile, nothing is
done. Entries are named by driver and car, (driver_id, driver_number).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from ingestion.amendments import apply_details, picked_places
from ingestion.corrections.author import Author, last_entry, refuse_cancelled
from ingestion.corrections.entries import (
    Key,
    key_of,
    list_choosable_drivers,
    numbered,
    parse_entries,
    refuse_impossible,
    saved_entries,
    warnings_of,
)
from ingestion.corrections.standing import release_results
from ingestion.errors import WrongRequest
from ingestion.models import Change, Event, Result, name_persons, read_own
from ingestion.records import ResultRecord, Source
from ingestion.save import (
    read_revision,
    replace_classification,
    season_locked,
)


def correct_classification(
    event: Event, results: Sequence[ResultRecord], author: Author, *, revision: int
) -> list[str]:
    """Set the whole classification; returns warnings, such as an unusual size.

    Refused are entries without a driver, a driver twice in one car, and an order that does not
    count from 1.
    """
    refuse_impossible(results)
    author.require_reason()
    with season_locked(event.season):
        current = read_revision(event, revision)
        author.require_seen(current)
        refuse_cancelled(current)
        facts = {
            "results_locked": True,
            "results_source": Source.PERSON.value,
            "results_state": Event.ResultsState.OFFICIAL,
        }
        context = author.context(Change.Cause.CORRECTION)
        replace_classification(current, results, Change.Kind.CORRECTED, context, facts)
    return warnings_of(event, results)


def edit_entries(
    event: Event,
    order: Sequence[Key],
    changes: Mapping[Key, Mapping[str, Any]],
    author: Author,
    *,
    revision: int,
) -> list[str]:
    """Put the saved entries into this order, and set fields of some (those of `ResultRecord`).

    In another order the printed numbers follow and letters stay, unless they are set themselves.
    """
    saved = saved_entries(event)
    entries = {key_of(entry): entry for entry in saved}
    if Counter(order) != Counter(entries.keys()):
        raise WrongRequest(
            _("the order has to name each entry of the classification once"), about="order"
        )
    ordered = [entries[key] for key in order]
    if ordered != saved:
        # Positions stay where they are, of which two may be the same.
        ordered = numbered(ordered, [entry.position for entry in saved])
    edited = [replace(entry, **changes.get(key_of(entry), {})) for entry in ordered]
    return correct_classification(event, edited, author, revision=revision)


def reorder(event: Event, order: Sequence[Key], author: Author, *, revision: int) -> list[str]:
    """Put the saved entries into this order; printed numbers follow, letters and points stay."""
    return edit_entries(event, order, {}, author, revision=revision)


def points_by_place(
    saved: Sequence[ResultRecord | Result], order: Sequence[Key]
) -> dict[Key, Decimal]:
    """The points of those who get others where each takes those of the place that he moves to."""
    own = {key_of(entry): entry.points for entry in saved}
    return {
        key: there.points
        for key, there in zip(order, saved, strict=True)
        if there.points is not None and own[key] is not None and own[key] != there.points
    }


def disqualify(event: Event, driver: Key, author: Author, *, revision: int) -> list[str]:
    """Take a driver out of the order: last, without points; those behind move up."""
    saved = saved_entries(event)
    out = next((entry for entry in saved if key_of(entry) == driver), None)
    if out is None:
        raise WrongRequest(
            _("%(driver)s is not in the classification") % {"driver": driver[0]}, about="driver"
        )
    # Blank points of a qualifying, or of a source without any, stay blank.
    points = None if out.points is None else Decimal(0)
    out = replace(out, classification="D", status="Disqualified", points=points)
    others = [entry for entry in saved if key_of(entry) != driver]
    positions = [entry.position for entry in others]
    # A shared one stays with whoever shared it: then no place becomes free.
    if out.position not in positions:
        positions = [place - (place > out.position) for place in positions]
    positions.append(max(positions, default=0) + 1)
    ordered = numbered([*others, out], positions)
    return correct_classification(event, ordered, author, revision=revision)


def enter_leaders(
    event: Event, drivers: Sequence[str], author: Author, *, revision: int
) -> list[str]:
    """A podium or a pole by hand where no classification exists yet, or another in the place of
    one that was entered so; drivers of the season by their identifiers, from first to last."""
    if event.has_results and not has_leaders_alone(event):
        raise WrongRequest(_("the event has a classification; correct that one"))
    if len(drivers) != picked_places(event.session_type):
        raise WrongRequest(
            _("%(needed)s drivers are needed, not %(count)s")
            % {"needed": picked_places(event.session_type), "count": len(drivers)}
        )
    known = list_choosable_drivers(event.season)
    unknown = [driver for driver in drivers if driver not in known]
    if unknown:
        names = ", ".join(unknown)
        raise WrongRequest(
            _("no classification of %(season)s, or of the season before, has %(names)s")
            % {"season": event.season, "names": names}
        )
    entries = numbered([known[driver] for driver in drivers])
    return correct_classification(event, entries, author, revision=revision)


def has_leaders_alone(event: Event) -> bool:
    """Whether its classification is a podium or a pole that a person entered."""
    return (
        event.results_locked
        and event.results_source == Source.PERSON
        and len(event.classification) == picked_places(event.session_type)
    )


def list_restorable(event: Event, changes: Sequence[Change]) -> list[Change]:
    """The entries of the event's feed whose revisions can be restored: the earlier ones, and the
    present one where a person changed details of it."""
    has_corrected_details = any(
        change.revision == event.results_revision
        and change.cause == Change.Cause.CORRECTION
        and "details" in change.after
        for change in changes
    )
    return [
        change
        for change in changes
        if change.makes_revision
        and (change.revision < event.results_revision or has_corrected_details)
    ]


def undo_correction(event: Event, author: Author, *, revision: int) -> list[str]:
    """Take the last correction of a classification by a person back. Where that was the first since
    the upstream's, the upstream's counts again as if it had not been made: settled where it was."""
    author.require_reason()
    warnings: list[str] = []
    with season_locked(event.season):
        author.require_seen(event)
        if not event.results_locked:
            raise WrongRequest(_("no correction of the classification is in force"))
        corrections = _list_corrections(event)
        if corrections:
            results = _read_before(event, corrections[-1])
            if not results:
                raise WrongRequest(
                    _(
                        "nothing was there before this correction: release the classification to "
                        "the upstream, or void the session"
                    )
                )
            if results != saved_entries(event):
                warnings = correct_classification(event, results, author, revision=revision)
        if len(corrections) <= 1:
            current = Event.objects.get(pk=event.pk)
            # What was written just now is the author's own.
            author = replace(author, seen=last_entry(event))
            release_results(
                current, author, revision=current.results_revision, was=_read_uncorrected(event)
            )
    return warnings


def _read_uncorrected(event: Event) -> dict[str, Any]:
    """State and source before the first correction since the classification was the upstream's;
    the former is left out by a feed's entry where it stayed."""
    was: dict[str, Any] | None = None
    for change in Change.objects.filter(event=event).order_by("pk"):
        if change.kind == Change.Kind.RELEASED and "results_locked" in change.before:
            was = None
        elif was is None and change.kind == Change.Kind.CORRECTED and _is_of_results(change):
            was = change.before
    return was or {}


def _list_corrections(event: Event) -> list[Change]:
    """The corrections of the classification that are in force, in order, without those that were
    undone; with the drivers as they are now, since some may have been merged in between."""
    found: list[Change] = []
    changes = list(Change.objects.filter(event=event).order_by("pk"))
    lists = [
        (side, name)
        for change in changes
        for side in (change.before, change.after)
        for name in ("classification", "details")
        if name in side
    ]
    keys = {entry["driver_id"] for side, name in lists for entry in side[name]}
    persons = read_own(event.season, keys)
    for side, name in lists:
        side[name] = name_persons(side[name], persons)
    for change in changes:
        if change.kind == Change.Kind.RELEASED and "results_locked" in change.before:
            found = []
        if change.kind != Change.Kind.CORRECTED or not _is_of_results(change):
            continue
        # An undo is a correction as well, which takes back the one before it.
        if found and _is_reverse(found[-1], change):
            found.pop()
        else:
            found.append(change)
    return found


def _is_of_results(change: Change) -> bool:
    return "classification" in change.after or "details" in change.after


def _is_reverse(one: Change, other: Change) -> bool:
    if "classification" in one.after:
        # A first classification by hand replaced none that another correction could go back to.
        was = one.before.get("classification")
        return was is not None and was == other.after.get("classification")
    taken_back = [
        {**detail, "before": detail["after"], "after": detail["before"]}
        for detail in one.after["details"]
    ]
    return bool(taken_back) and taken_back == other.after.get("details")


def _read_before(event: Event, undone: Change) -> list[ResultRecord]:
    """The classification as it was before a correction, whose result it still is."""
    if "classification" in undone.after:
        return parse_entries(undone.before.get("classification", []))
    details = [{**detail, "after": detail["before"]} for detail in undone.after["details"]]
    return parse_entries(apply_details([asdict(entry) for entry in saved_entries(event)], details))


def restore_revision(event: Event, requested: int, author: Author, *, revision: int) -> list[str]:
    """Bring a revision back, with the details that the upstream filled in later and without those
    that a person changed. It counts as a correction."""
    changes = Change.objects.filter(event=event, revision=requested).order_by("pk")
    entries: list[dict[str, Any]] = []
    for change in changes:
        if change.makes_revision:
            entries = change.after["classification"]
        elif change.cause != Change.Cause.CORRECTION:
            entries = apply_details(entries, change.after.get("details", []))
    if not entries:
        raise WrongRequest(
            _("the feed has no revision %(revision)s of this event") % {"revision": requested},
            about="restored",
        )
    return correct_classification(event, parse_entries(entries), author, revision=revision)
