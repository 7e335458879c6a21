"""Entries of a classification as a person works with them: out of the database, out of the feed,
and of the drivers who are known."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from django.utils.translation import gettext as _

from ingestion.amendments import is_disqualified, picked_places
from ingestion.errors import WrongRequest
from ingestion.models import Entrant, Event, Result
from ingestion.records import RESULT_FIELDS, ResultRecord, parse_field

# Driver and car.
Key = tuple[str, int | None]

# A classification of fewer entries is worth a second look.
USUAL_SIZE = 18


def key_of(entry: ResultRecord | Result) -> Key:
    return entry.driver_id, entry.driver_number


def saved_entries(event: Event) -> list[ResultRecord]:
    return [ResultRecord(**row.as_entry()) for row in event.results.order_by("order")]


def parse_entries(classification: Sequence[Mapping[str, Any]]) -> list[ResultRecord]:
    """A classification of the feed, out of its JSON again. It has the fields of its day: what was
    added since is missing, what was removed since is left out."""
    return [
        ResultRecord(
            **{name: parse_field(name, entry[name]) for name in RESULT_FIELDS if name in entry}
        )
        for entry in classification
    ]


def numbered(
    entries: Sequence[ResultRecord], positions: Sequence[int] | None = None
) -> list[ResultRecord]:
    """The entries with these positions, of which two may be the same (the shared cars of the
    1950s), or counted from 1; printed numbers follow, letters stay."""
    positions = range(1, len(entries) + 1) if positions is None else positions
    return [
        replace(
            entry,
            order=order,
            position=position,
            classification=(
                str(position) if entry.classification.isdecimal() else entry.classification
            ),
        )
        for order, (entry, position) in enumerate(zip(entries, positions, strict=True), start=1)
    ]


def refuse_impossible(results: Sequence[ResultRecord]) -> None:
    if not results:
        raise WrongRequest(_("a classification needs an entry"))
    if [entry.order for entry in results] != list(range(1, len(results) + 1)):
        raise WrongRequest(_("the order has to count from 1 without a gap"))
    if not all(entry.driver_id and entry.driver_name for entry in results):
        raise WrongRequest(_("an entry has no driver"), about="driver_id")
    doubled = [key[0] for key, times in Counter(map(key_of, results)).items() if times > 1]
    if doubled:
        raise WrongRequest(
            _("%(names)s twice in the same car") % {"names": ", ".join(doubled)},
            about="driver_id",
        )


def warnings_of(event: Event, results: Sequence[ResultRecord]) -> list[str]:
    warnings = []
    if len(results) < USUAL_SIZE:
        warnings.append(
            _("the classification has %(count)s entries, fewer than usual")
            % {"count": len(results)}
        )
    leaders = results[: picked_places(event.session_type)]
    out = [entry.driver_name for entry in leaders if is_disqualified(asdict(entry))]
    if out:
        warnings.append(_("%(names)s leads and is disqualified") % {"names": ", ".join(out)})
    return warnings


def list_choosable_drivers(season: int) -> dict[str, ResultRecord]:
    """Whom a person can choose for an entry or an entrant of the season, by surname: from its
    classifications, from the season before, as its first session has none before it, and who can be
    picked without being in either. Each as last seen, without what he did."""
    # A merge moves all results, and an entrant only where the other is none.
    entrants = Entrant.objects.filter(season=season, driver__merged_into=None).order_by("pk")
    rows = Result.objects.filter(event__season__in=(season - 1, season))
    last: dict[str, Entrant | Result] = {one.driver_id: one for one in entrants}
    last |= {row.driver_id: row for row in rows.order_by("event__starts_at", "pk")}
    by_name = sorted(last.values(), key=lambda row: row.driver_name.split()[::-1])
    return {
        row.driver_id: ResultRecord(
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
        for row in by_name
    }
