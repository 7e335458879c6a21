"""When our plan had each publication, by the feed and by the upstream's requests."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ingestion.models import Change, DriverKey, Event
from ingestion.records import Source
from ingestion.sample import openf1
from ingestion.sample.upstream import SCHEDULE_PATH
from rehearsal.courses import Course, Seen
from rehearsal.history import CLASSIFIED
from rehearsal.played_season import PlayedSeason, Publication, Stage, Window
from rehearsal.upstream import PlayedUpstream, find_let_out

Key = tuple[str, str]
# When a classification was saved, and its drivers in order.
Revision = tuple[datetime, list[str]]


def observe_our_plan(name: str, upstream: PlayedUpstream, window: Window) -> Course:
    played = upstream.played
    requests = [request for request in upstream.requests if window.has(request.at)]
    revisions = read_revisions(played)
    seen = []
    for publication in window.choose(played.publications):
        if publication.stage is Stage.HALF_FILLED:
            continue
        orders = list(orders_since(publication, played))
        saved_at = min(
            (
                at
                for at, drivers in revisions.get(key_of(publication, played), [])
                if at >= publication.at and drivers in orders
            ),
            default=None,
        )
        requested = [
            request.target
            for request in requests
            if request.at > publication.flag_at and (saved_at is None or request.at <= saved_at)
        ]
        let_out_at = find_let_out(played, upstream.cache, publication, requested)
        seen.append(Seen(publication, let_out_at, saved_at))
    others = (SCHEDULE_PATH, f"{openf1.PATH}/")
    to_jolpica = (one.at for one in requests if not one.path.startswith(others))
    to_second = (one.at for one in requests if one.path.startswith(f"{openf1.PATH}/"))
    return Course(name, True, tuple(seen), tuple(to_jolpica), tuple(to_second))


def orders_since(publication: Publication, played: PlayedSeason) -> Iterator[list[str]]:
    """Its own order, and those of the later publications of the same session."""
    for one in played.publications:
        is_its = (one.grand_prix, one.table) == (publication.grand_prix, publication.table)
        if is_its and one.at >= publication.at:
            yield one.drivers


def key_of(publication: Publication, played: PlayedSeason) -> Key:
    name = played.facts.grand_prix(publication.grand_prix).name
    return name, CLASSIFIED[publication.table].lower().replace(" ", "_")


def read_keys() -> dict[str, str]:
    """Jolpica's key of each driver, as the facts have it: ours is another where the second source
    named him first."""
    keys = DriverKey.objects.filter(source=Source.JOLPICA, season=None)
    return dict(keys.values_list("driver", "key"))


def read_revisions(played: PlayedSeason) -> dict[Key, list[Revision]]:
    """Every classification that the feed has of the season, by Jolpica's keys of its drivers."""
    revisions: dict[Key, list[Revision]] = {}
    keys = read_keys()
    changes = Change.objects.filter(
        event__season=played.facts.year,
        kind__in=[Change.Kind.PUBLISHED, Change.Kind.AMENDED, Change.Kind.DETAILS],
    )
    for change in changes.select_related("event").order_by("pk"):
        rows: list[dict[str, Any]] = change.after.get("classification", [])
        key = change.event.name, change.event.session_type
        of_event = revisions.setdefault(key, [])
        if rows:
            drivers = [keys.get(row["driver_id"], row["driver_id"]) for row in rows]
            of_event.append((change.created_at, drivers))
        elif change.after.get("results_state") == Event.ResultsState.OFFICIAL and of_event:
            # A provisional one that was published as it was.
            of_event.append((change.created_at, of_event[-1][1]))
    return revisions


# What was saved, against the facts


def find_wrong_revisions(played: PlayedSeason) -> list[str]:
    """Saved classifications that Jolpica never had in full. A guess of the pole alone does not
    count."""
    known: dict[Key, list[list[str]]] = {}
    for publication in played.publications:
        if publication.stage is not Stage.HALF_FILLED:
            known.setdefault(key_of(publication, played), []).append(publication.drivers)
    return [
        f"{key[0]} {key[1]} at {at:%Y-%m-%d %H:%M}"
        for key, revisions in read_revisions(played).items()
        for at, drivers in revisions
        if len(drivers) > 1 and drivers not in known.get(key, [])
    ]


def find_unlike_facts(played: PlayedSeason, window: Window) -> tuple[int, list[str]]:
    """How many sessions of the window were compared, and those whose saved classification is not
    the season's in the end, driver by driver with what is printed. (Of qualifyings Jolpica prints
    the places alone.)"""
    wrong, count, keys = [], 0, read_keys()
    events = Event.objects.filter(season=played.facts.year).prefetch_related("results")
    by_key = {(event.name, event.session_type): event for event in events}
    last = {(one.grand_prix, one.table): one for one in window.choose(played.publications)}
    for publication in last.values():
        count += 1
        event = by_key.get(key_of(publication, played))
        has_letters = publication.table != "qualifyings"
        facts = [
            (entry.driver, entry.classification if has_letters else str(entry.order))
            for entry in publication.entries
        ]
        saved = event.classification if event is not None else []
        if facts != [(keys.get(row.driver_id), row.classification) for row in saved]:
            wrong.append(" ".join(key_of(publication, played)))
    return count, wrong
