"""What a person may say of drivers: that two are one, that one is two, and that it was a mistake.

Each moves results and entrants, and leaves a `details` entry in the feed of every event that has
one of the results, without a revision: no place changes. Picks are the game's own: the signals
`driver_merged` and `driver_unmerged` say so.
"""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.dispatch import Signal
from django.utils.translation import gettext as _

from ingestion import signals
from ingestion.corrections.author import Author, clean_reason
from ingestion.errors import WrongRequest
from ingestion.models import NAMING, Change, Driver, DriverChange, DriverKey, Entrant, Event, Result
from ingestion.names import fold_name
from ingestion.save import (
    build_change,
    make_key,
    record_changes,
    season_locked,
    send_logged,
)


def merge_drivers(driver: Driver, into: Driver, author: Author) -> DriverChange:
    """All results and keys of `driver` are those of `into` from now on, in all seasons.

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
        # The feed and proposals know a driver without a source key only by `Driver.key`; keep that
        # key pointing to him.
        DriverKey.objects.get_or_create(
            source=NAMING, key=gone.key, season=None, defaults={"driver": gone}
        )
        last_result = Result.objects.order_by("-pk").values_list("pk", flat=True).first()
        change = _move(
            *(gone, kept, DriverChange.Kind.MERGED, gone.results.all(), author),
            entrants=gone.entrants.all(),
            keys=[key.pk for key in gone.keys.all()],
            decided=[key.pk for key in gone.keys.filter(is_decided=True)],
            merged=[one.pk for one in gone.merged.all()],
            last_result=last_result or 0,
        )
        gone.keys.update(driver=kept, is_decided=True)
        # Whoever was merged into `gone` is `kept` now: a pick's driver is one step away.
        gone.merged.update(merged_into=kept)
        gone.merged_into = kept
        gone.save(update_fields=["merged_into"])
        _announce("driver_merged", gone, kept)
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
    with _drivers_locked(driver) as (kept,):
        known = set(kept.results.values_list("event__season", flat=True))
        if not set(seasons) or not set(seasons) < known:
            raise WrongRequest(
                _("name some of the driver's seasons, and not all: %(seasons)s")
                % {"seasons": ", ".join(map(str, sorted(known)))},
                about="seasons",
            )
        new = Driver.objects.create(
            key=make_key(name), name=name.strip(), born=born, created_at=author.now
        )
        results = kept.results.filter(event__season__in=seasons)
        # Where the driver was split off, or merged with such a one, keys are of a season already.
        of_seasons = DriverKey.objects.filter(season__in=seasons)
        taken = {(key.source, key.key, key.season) for key in of_seasons}
        of_seasons.filter(driver=kept).update(driver=new)
        DriverKey.objects.create(source=NAMING, key=new.key, driver=new)
        keys = DriverKey.objects.bulk_create(
            DriverKey(source=key.source, key=key.key, season=season, driver=new, is_decided=True)
            for key in kept.keys.filter(season=None)
            for season in sorted(set(seasons))
            if (key.source, key.key, season) not in taken
        )
        return _move(
            *(kept, new, DriverChange.Kind.SPLIT, results, author),
            entrants=kept.entrants.filter(season__in=seasons),
            keys=[key.pk for key in keys],
        )


def undo_change(change: DriverChange, author: Author) -> DriverChange:
    """Give back what a merge or a split moved, and what came since for the driver who moved; as it
    was undone. Refused while a later change of either driver is in force."""
    author.require_reason()
    # Whose results went then, and who has them now.
    with _drivers_locked(change.driver, change.other) as (old, new):
        fresh = DriverChange.objects.select_for_update().get(pk=change.pk)
        if fresh.undone_at is not None:
            raise WrongRequest(_("this was undone already"))
        is_merge, moved = fresh.kind == DriverChange.Kind.MERGED, fresh.moved
        _refuse_while_later(fresh)
        results, entrants = new.results.all(), new.entrants.all()
        if is_merge:
            since = _find_since(fresh, gone=old, kept=new)
            results = results.filter(pk__in=[*moved["results"], *since])
            entrants = entrants.filter(pk__in=moved["entrants"])
        moved["results"] = _move_results(new, old, results, author)
        _move_entrants(old, entrants)
        keys = DriverKey.objects.filter(pk__in=moved["keys"])
        if is_merge:
            keys.update(driver=old)
            keys.exclude(pk__in=moved["decided"]).update(is_decided=False)
            new.merged.filter(pk__in=moved["merged"]).update(merged_into=old)
            old.merged_into = None
            old.save(update_fields=["merged_into"])
            _announce("driver_unmerged", gone=old, kept=new)
        else:
            # The keys of those seasons are the driver's own again.
            keys.delete()
            new.merged.update(merged_into=old)
            new.merged_into = old
            new.save(update_fields=["merged_into"])
            new.keys.update(driver=old)
            _announce("driver_merged", gone=new, kept=old)
        fresh.undone_at = author.now
        fresh.save(update_fields=["moved", "undone_at"])
    return fresh


def _refuse_while_later(change: DriverChange) -> None:
    """Results and keys that went on cannot be given back. Another driver's merge into the same one
    moved none of them."""
    both = (change.driver, change.other)
    later = DriverChange.objects.filter(
        Q(driver__in=both) | Q(other__in=both), pk__gt=change.pk, undone_at=None
    )
    if change.kind == DriverChange.Kind.MERGED:
        later = later.exclude(kind=DriverChange.Kind.MERGED, other=change.other)
    last = later.select_related("driver", "other").first()
    if last is not None:
        raise WrongRequest(
            _(
                "%(one)s (%(one_key)s) and %(other)s (%(other_key)s) were merged or split since; "
                "undo that first"
            )
            % {
                "one": last.driver.name,
                "one_key": last.driver_id,
                "other": last.other.name,
                "other_key": last.other_id,
            }
        )


def _find_since(merge: DriverChange, gone: Driver, kept: Driver) -> list[int]:
    """The pks of results that came since under the merged driver's keys, by the name that they
    print: a row does not say under which key it came."""
    name = fold_name(gone.name)
    if name == fold_name(kept.name):
        return []
    since = kept.results.filter(pk__gt=merge.moved["last_result"])
    return [row.pk for row in since if fold_name(row.driver_name) == name]


def _move(
    old: Driver,
    new: Driver,
    kind: DriverChange.Kind,
    results: QuerySet[Result],
    author: Author,
    *,
    entrants: QuerySet[Entrant],
    **more: object,
) -> DriverChange:
    moved = {
        "results": _move_results(old, new, results, author),
        "entrants": _move_entrants(new, entrants),
        **more,
    }
    return DriverChange.objects.create(
        kind=kind,
        driver=old,
        other=new,
        moved=moved,
        person=author.person,
        person_name=author.person.get_username()[:254],
        reason=clean_reason(author.reason),
        created_at=author.now,
    )


def _move_results(old: Driver, new: Driver, results: QuerySet[Result], author: Author) -> list[int]:
    """The pks of the rows that moved."""
    rows = list(results.select_related("event").order_by("event", "order"))
    Result.objects.filter(pk__in=[row.pk for row in rows]).update(driver=new)
    details: dict[Event, list[dict[str, Any]]] = {}
    for row in rows:
        detail = {"order": row.order, "driver_id": new.key, "driver_name": row.driver_name}
        detail |= {"field": "driver_id", "before": old.key, "after": new.key}
        details.setdefault(row.event, []).append(detail)
    context = author.context(Change.Cause.CORRECTION)
    record_changes(
        [
            build_change(event, Change.Kind.DETAILS, {}, {"details": moved}, context)
            for event, moved in details.items()
        ]
    )
    return [row.pk for row in rows]


def _move_entrants(new: Driver, entrants: QuerySet[Entrant]) -> list[int]:
    """The pks of the rows that moved: all, except where the new driver is an entrant as well."""
    own = new.entrants.filter(season=OuterRef("season"), grand_prix=OuterRef("grand_prix"))
    moved = list(entrants.exclude(Exists(own)).values_list("pk", flat=True))
    Entrant.objects.filter(pk__in=moved).update(driver=new)
    return moved


@contextmanager
def _drivers_locked(*drivers: Driver) -> Iterator[list[Driver]]:
    """The drivers as they are now, while no season is saved: any may have one of them."""
    with ExitStack() as locks:
        locks.enter_context(transaction.atomic())
        # Always in this order: two merges in others would wait for each other.
        seasons = Event.objects.order_by("season").values_list("season", flat=True).distinct()
        for season in seasons:
            locks.enter_context(season_locked(season))
        current = Driver.objects.in_bulk([driver.pk for driver in drivers])
        if len(current) < len(drivers):
            raise WrongRequest(_("the driver is not there any more"))
        yield [current[driver.pk] for driver in drivers]


def _announce(name: str, gone: Driver, kept: Driver) -> None:
    """By the signal of this name, after the commit: whose the picks on `gone` are."""
    signal: Signal = getattr(signals, name)
    send = partial(send_logged, signal, name, sender=Driver, driver=gone, into=kept)
    transaction.on_commit(send)
