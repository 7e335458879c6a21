"""What a person may say of drivers: that two are one, that one is two, and that it was a mistake.

Each moves results and entrants, and leaves a `details` entry in the feed of every event that has
one of the results, without a revision: no place changes. Picks are the game's own: the signals
`driver_merged` and `driver_unmerged` say so.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.dispatch import Signal
from django.utils.translation import gettext as _

from ingestion import signals
from ingestion.corrections.author import Author
from ingestion.errors import WrongRequest
from ingestion.models import Change, Driver, DriverChange, DriverKey, Entrant, Event, Result
from ingestion.save import (
    NAMING,
    build_change,
    make_key,
    record_changes,
    season_locked,
    send_logged,
)


def merge_drivers(driver: Driver, into: Driver, author: Author) -> DriverChange:
    """All results and keys of `driver` are the other's from now on, in all seasons.

    Refused where both are in one classification: those are two persons. Undone by `undo_change`.
    """
    author.require_reason()
    if driver == into:
        raise WrongRequest(_("a driver cannot be merged into himself"), about="into")
    with _drivers_locked(driver, into) as (gone, kept):
        for one in (gone, kept):
            if one.merged_into_id is not None:
                raise WrongRequest(
                    _("%(name)s (%(key)s) was merged already") % {"name": one.name, "key": one.key},
                    about="into",
                )
        both = Event.objects.filter(results__driver=kept).filter(results__driver=gone).first()
        if both is not None:
            raise WrongRequest(
                _("%(one)s and %(other)s are both in the %(event)s")
                % {"one": gone.name, "other": kept.name, "event": both},
                about="into",
            )
        keys = list(gone.keys.all())
        change = _move(
            *(gone, kept, DriverChange.Kind.MERGED, gone.results.all(), author),
            entrants=gone.entrants.all(),
            keys=keys,
        )
        gone.keys.update(driver=kept, is_decided=True)
        gone.merged_into = kept
        gone.save(update_fields=["merged_into"])
        _announce(signals.driver_merged, gone, kept)
    return change


def split_driver(
    driver: Driver, seasons: Collection[int], name: str, born: date | None, author: Author
) -> DriverChange:
    """Who drove in these seasons under the driver's keys is another person, with this name.

    Refused where all of the driver's seasons are named, or one that he has no result in.
    """
    author.require_reason()
    if not name.strip():
        raise WrongRequest(_("the other driver needs a name"), about="name")
    with _drivers_locked(driver) as (current,):
        known = set(current.results.values_list("event__season", flat=True))
        if not set(seasons) or not set(seasons) < known:
            raise WrongRequest(
                _("name some of the driver's seasons, and not all: %(seasons)s")
                % {"seasons": ", ".join(map(str, sorted(known)))},
                about="seasons",
            )
        other = Driver.objects.create(
            key=make_key(name), name=name.strip(), born=born, created_at=author.now
        )
        results = current.results.filter(event__season__in=seasons)
        DriverKey.objects.create(source=NAMING, key=other.key, driver=other)
        keys = DriverKey.objects.bulk_create(
            DriverKey(source=key.source, key=key.key, season=season, driver=other, is_decided=True)
            for key in current.keys.filter(season=None)
            for season in sorted(set(seasons))
        )
        return _move(
            *(current, other, DriverChange.Kind.SPLIT, results, author),
            entrants=current.entrants.filter(season__in=seasons),
            keys=keys,
        )


def undo_change(change: DriverChange, author: Author) -> None:
    """Give back what a merge or a split moved, as far as it is still there."""
    author.require_reason()
    with _drivers_locked(change.driver, change.other) as (driver, other):
        fresh = DriverChange.objects.select_for_update().get(pk=change.pk)
        if fresh.undone_at is not None:
            raise WrongRequest(_("this was undone already"))
        _move_results(other, driver, other.results.filter(pk__in=fresh.moved["results"]), author)
        _move_entrants(driver, other.entrants.filter(pk__in=fresh.moved["entrants"]))
        keys = DriverKey.objects.filter(pk__in=fresh.moved["keys"])
        if fresh.kind == DriverChange.Kind.MERGED:
            keys.update(driver=driver, is_decided=False)
            driver.merged_into = None
            driver.save(update_fields=["merged_into"])
            _announce(signals.driver_unmerged, driver, other)
        else:
            # Of those seasons the keys are the driver's own again.
            keys.delete()
            other.merged_into = driver
            other.save(update_fields=["merged_into"])
            other.keys.update(driver=driver)
            _announce(signals.driver_merged, other, driver)
        fresh.undone_at = author.now
        fresh.save(update_fields=["undone_at"])


def _move(
    driver: Driver,
    other: Driver,
    kind: DriverChange.Kind,
    results: QuerySet[Result],
    author: Author,
    *,
    entrants: QuerySet[Entrant],
    keys: Sequence[DriverKey],
) -> DriverChange:
    moved = {
        "results": _move_results(driver, other, results, author),
        "entrants": _move_entrants(other, entrants),
        "keys": [key.pk for key in keys],
    }
    return DriverChange.objects.create(
        kind=kind,
        driver=driver,
        other=other,
        moved=moved,
        person=author.person,
        person_name=author.person.get_username()[:254],
        reason=author.reason,
        created_at=author.now,
    )


def _move_results(
    driver: Driver, other: Driver, results: QuerySet[Result], author: Author
) -> list[int]:
    """The keys of the rows that moved."""
    rows = list(results.select_related("event").order_by("event", "order"))
    Result.objects.filter(pk__in=[row.pk for row in rows]).update(driver=other)
    details: dict[Event, list[dict[str, Any]]] = {}
    for row in rows:
        detail = {"order": row.order, "driver_id": other.key, "driver_name": row.driver_name}
        detail |= {"field": "driver_id", "before": driver.key, "after": other.key}
        details.setdefault(row.event, []).append(detail)
    context = author.context(Change.Cause.CORRECTION)
    record_changes(
        [
            build_change(event, Change.Kind.DETAILS, {}, {"details": moved}, context)
            for event, moved in details.items()
        ]
    )
    return [row.pk for row in rows]


def _move_entrants(other: Driver, entrants: QuerySet[Entrant]) -> list[int]:
    """Save where the other is an entrant himself: of the two he counts. The keys of the rows."""
    own = other.entrants.filter(season=OuterRef("season"), grand_prix=OuterRef("grand_prix"))
    moved = list(entrants.exclude(Exists(own)).values_list("pk", flat=True))
    Entrant.objects.filter(pk__in=moved).update(driver=other)
    return moved


@contextmanager
def _drivers_locked(*drivers: Driver) -> Iterator[list[Driver]]:
    """The drivers as they are now, while no season is saved: any may have one of them."""
    with ExitStack() as locks:
        locks.enter_context(transaction.atomic())
        seasons = Event.objects.order_by("season").values_list("season", flat=True).distinct()
        for season in seasons:
            locks.enter_context(season_locked(season))
        current = Driver.objects.in_bulk([driver.pk for driver in drivers])
        if len(current) < len(drivers):
            raise WrongRequest(_("the driver is not there any more"))
        yield [current[driver.pk] for driver in drivers]


def _announce(signal: Signal, driver: Driver, into: Driver) -> None:
    """After the commit: whose picks on the driver are."""
    name = "driver_merged" if signal is signals.driver_merged else "driver_unmerged"
    transaction.on_commit(
        lambda: send_logged(signal, name, sender=Driver, driver=driver, into=into)
    )
