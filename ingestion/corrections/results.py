"""What a person may do to a classification.

`revision` is the one that the person looked at: where another has arrived meanwhile, nothing is
done. Entries are named by driver and car, (driver_id, driver_number).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_duration

from ingestion.amendments import is_disqualified, picked_places
from ingestion.corrections.author import Author
from ingestion.errors import WrongRequest
from ingestion.models import Change, Event, Result
from ingestion.records import RESULT_FIELDS, ResultRecord, Source
from ingestion.save import (
    change_results,
    read_revision,
    replace_classification,
    season_locked,
)

Key = tuple[str, int | None]

DURATIONS = ("time", "gap", "q1", "q2", "q3")
# A classification of fewer entries is worth a second look.
USUAL_SIZE = 18


def correct_classification(
    event: Event, results: Sequence[ResultRecord], author: Author, *, revision: int
) -> list[str]:
    """Set the whole classification; returns warnings, such as an unusual size.

    Refused are entries without a driver, a driver twice in one car, and an order that does not
    count from 1.
    """
    _refuse_impossible(results)
    _apply(event, results, Change.Kind.CORRECTED, author, revision)
    return _warnings(event, results)


def reorder(event: Event, order: Sequence[Key], author: Author, *, revision: int) -> list[str]:
    """Put the saved entries into this order; printed numbers follow, letters stay."""
    entries = {_key(entry): entry for entry in _saved(event)}
    if Counter(order) != Counter(entries.keys()):
        raise WrongRequest("the order has to name each entry of the classification once")
    return correct_classification(
        event, _numbered([entries[key] for key in order]), author, revision=revision
    )


def disqualify(event: Event, driver: Key, author: Author, *, revision: int) -> list[str]:
    """Take a driver out of the order: last, without points; those behind move up."""
    saved = _saved(event)
    out = next((entry for entry in saved if _key(entry) == driver), None)
    if out is None:
        raise WrongRequest(f"{driver[0]} is not in the classification")
    out = replace(out, classification="D", status="Disqualified", points=_no_points(out))
    others = [entry for entry in saved if _key(entry) != driver]
    return correct_classification(event, _numbered([*others, out]), author, revision=revision)


def enter_leaders(
    event: Event, drivers: Sequence[str], author: Author, *, revision: int
) -> list[str]:
    """A podium or a pole by hand where no classification exists yet; drivers of the season by
    their identifiers, from first to last."""
    if event.has_results:
        raise WrongRequest("the event has a classification; correct that one")
    if len(drivers) != picked_places(event.session_type):
        raise WrongRequest(
            f"{picked_places(event.session_type)} drivers are needed, not {len(drivers)}"
        )
    known = _drivers_of(event.season)
    unknown = [driver for driver in drivers if driver not in known]
    if unknown:
        raise WrongRequest(f"no classification of {event.season} has {', '.join(unknown)}")
    entries = _numbered([_entry_of(known[driver]) for driver in drivers])
    return correct_classification(event, entries, author, revision=revision)


def restore_revision(event: Event, wanted: int, author: Author, *, revision: int) -> list[str]:
    """Bring an earlier revision back, as the feed kept it; it counts as a correction."""
    kept = (
        Change.objects.filter(event=event, revision=wanted, after__has_key="classification")
        .exclude(kind=Change.Kind.PROPOSED)
        .order_by("-pk")
        .first()
    )
    if kept is None:
        raise WrongRequest(f"the feed has no revision {wanted} of this event")
    return correct_classification(event, _records(kept), author, revision=revision)


def accept_proposal(
    event: Event, author: Author, *, revision: int, proposal: int | None = None
) -> None:
    """Apply the upstream's change of a settled podium or pole; settled again by that.

    `proposal` is the entry of the feed that the person looked at; where another has taken its
    place, nothing is done.
    """
    author.require_reason()
    context = author.context(Change.Cause.CORRECTION)
    with season_locked(event.season):
        current = read_revision(event, revision)
        accepted = _proposal_of(current, proposal)
        facts = {
            "results_state": Event.ResultsState.SETTLED,
            "results_source": accepted.after["source"],
            # Answers from before it would bring back what was there.
            "results_generated_at": accepted.created_at,
        }
        replace_classification(current, _records(accepted), Change.Kind.AMENDED, context, facts)


def reject_proposal(
    event: Event, author: Author, *, revision: int, proposal: int | None = None
) -> None:
    """Keep what is saved; the same podium or pole is not proposed again."""
    author.require_reason()
    context = author.context(Change.Cause.CORRECTION)
    with change_results(event, Change.Kind.CORRECTED, context, revision=revision) as current:
        _proposal_of(current, proposal)
        current.proposal_rejected = True


def settle_results(event: Event, author: Author, *, revision: int) -> None:
    """Declare a classification settled before its time."""
    author.require_reason()
    context = author.context(Change.Cause.CORRECTION)
    with change_results(event, Change.Kind.SETTLED, context, revision=revision) as current:
        if not current.has_results:
            raise WrongRequest("the event has no classification to settle")
        current.results_state = Event.ResultsState.SETTLED


def release_results(event: Event, author: Author, *, revision: int) -> None:
    """Give the classification back to the upstream; the next ingest sets it, old answers too."""
    author.require_reason()
    context = author.context(Change.Cause.RELEASE)
    with change_results(event, Change.Kind.RELEASED, context, revision=revision) as current:
        if not current.results_locked:
            raise WrongRequest("the event's classification is not locked")
        current.results_locked = False
        current.results_state = Event.ResultsState.OFFICIAL
        current.results_generated_at = None


def _apply(
    event: Event,
    results: Sequence[ResultRecord],
    kind: Change.Kind,
    author: Author,
    revision: int,
) -> None:
    author.require_reason()
    with season_locked(event.season):
        current = read_revision(event, revision)
        if current.is_cancelled:
            raise WrongRequest("the event is cancelled; set it to scheduled first")
        facts = {
            "results_locked": True,
            "results_source": Source.PERSON.value,
            "results_state": Event.ResultsState.OFFICIAL,
        }
        replace_classification(
            current, results, kind, author.context(Change.Cause.CORRECTION), facts
        )


def _refuse_impossible(results: Sequence[ResultRecord]) -> None:
    if not results:
        raise WrongRequest("a classification needs an entry")
    if [entry.order for entry in results] != list(range(1, len(results) + 1)):
        raise WrongRequest("the order has to count from 1 without a gap")
    if not all(entry.driver_id and entry.driver_name for entry in results):
        raise WrongRequest("an entry has no driver")
    doubled = [key[0] for key, times in Counter(map(_key, results)).items() if times > 1]
    if doubled:
        raise WrongRequest(f"{', '.join(doubled)} twice in the same car")


def _warnings(event: Event, results: Sequence[ResultRecord]) -> list[str]:
    warnings = []
    if len(results) < USUAL_SIZE:
        warnings.append(f"the classification has {len(results)} entries, fewer than usual")
    leaders = results[: picked_places(event.session_type)]
    out = [entry.driver_name for entry in leaders if is_disqualified(_values(entry))]
    if out:
        warnings.append(f"{', '.join(out)} leads and is disqualified")
    return warnings


def _numbered(entries: Sequence[ResultRecord]) -> list[ResultRecord]:
    return [
        replace(
            entry,
            order=order,
            position=order,
            classification=(
                str(order) if entry.classification.isdecimal() else entry.classification
            ),
        )
        for order, entry in enumerate(entries, start=1)
    ]


def _saved(event: Event) -> list[ResultRecord]:
    return [_record(row) for row in event.results.order_by("order")]


def _record(row: Result) -> ResultRecord:
    return ResultRecord(**{name: getattr(row, name) for name in RESULT_FIELDS})


def _records(change: Change) -> list[ResultRecord]:
    """A classification of the feed, out of its JSON again."""
    return [ResultRecord(**{**entry, **_parsed(entry)}) for entry in change.after["classification"]]


def _parsed(entry: Mapping[str, Any]) -> dict[str, Any]:
    durations: dict[str, timedelta | None] = {
        name: None if entry[name] is None else parse_duration(entry[name]) for name in DURATIONS
    }
    points = entry["points"]
    return {**durations, "points": None if points is None else Decimal(points)}


def _values(entry: ResultRecord) -> dict[str, Any]:
    return {field.name: getattr(entry, field.name) for field in fields(entry)}


def _drivers_of(season: int) -> dict[str, Result]:
    """Each driver's last entry of the season."""
    rows = Result.objects.filter(event__season=season).order_by("event__starts_at", "pk")
    return {row.driver_id: row for row in rows}


def _entry_of(row: Result) -> ResultRecord:
    """Who a driver is, without what he did elsewhere."""
    return ResultRecord(
        order=1,
        position=1,
        classification="1",
        driver_id=row.driver_id,
        driver_number=row.driver_number,
        driver_code=row.driver_code,
        driver_name=row.driver_name,
        constructor_id=row.constructor_id,
        constructor_name=row.constructor_name,
    )


def _proposal_of(event: Event, seen: int | None) -> Change:
    if event.proposal is None or event.proposal_rejected:
        raise WrongRequest("the event has no open proposal")
    if seen not in (None, event.proposal.pk):
        raise WrongRequest("the upstream proposes something else meanwhile; look at it again")
    return event.proposal


def _no_points(entry: ResultRecord) -> Decimal | None:
    return None if entry.points is None else Decimal(0)


def _key(entry: ResultRecord) -> Key:
    return entry.driver_id, entry.driver_number
