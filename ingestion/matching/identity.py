"""Which stored grand prix is this one? Never by round number: both upstreams have their own, and
either may renumber at any time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from ingestion.errors import BadSourceData
from ingestion.names import fold
from ingestion.records import GrandPrixRecord, RaceIdentity, StoredEvent
from ingestion.sessions import SessionType

# Jolpica's date is the race's in UTC, the schedule file's its local one (Las Vegas).
SAME_DAY = timedelta(days=1)
# Parts of a name up to here: 'Saudi Arabia' and 'Saudi Arabian' are one.
STEM = 6
IN_EVERY_NAME = frozenset({"grand", "prix"})


class Place(Protocol):
    """What has a country and a location."""

    @property
    def country(self) -> str: ...
    @property
    def location(self) -> str: ...


@dataclass(frozen=True, slots=True)
class StoredGrandPrix:
    """What is known of a stored grand prix: enough to recognise it.

    `race_dates` are the days on which its race may be: by its start, and by the start that the
    other calendar gives.
    """

    slug: str
    name: str
    country: str
    location: str
    race_dates: tuple[date, ...]
    is_cancelled: bool


def gather_grands_prix(events: Sequence[StoredEvent]) -> list[StoredGrandPrix]:
    """The grands prix behind a season's events; name, place and day are those of the race."""
    races: dict[str, StoredEvent] = {}
    for event in events:
        if event.grand_prix not in races or event.session_type is SessionType.RACE:
            races[event.grand_prix] = event
    return [
        StoredGrandPrix(
            slug=race.grand_prix,
            name=race.name,
            country=race.country,
            location=race.location,
            race_dates=tuple(
                start.date()
                for start in (race.starts_at, race.disputed_starts_at)
                if start is not None
            ),
            is_cancelled=race.is_cancelled,
        )
        for race in races.values()
    ]


def match_calendar(
    grands_prix: Sequence[GrandPrixRecord], stored: Sequence[StoredGrandPrix]
) -> dict[str, str]:
    """For each name in a calendar the slug of its stored grand prix, or a new one.

    The name decides. What is left over is the same grand prix, renamed, where day and place are;
    then one that was cancelled and comes back under almost its old name. Raises `BadSourceData`
    where two would be one.
    """
    slugs: dict[str, str] = {}
    # The surest sign first, for all of them: who has the name is not taken by who has the day.
    for is_same in (_has_name, _has_slug, _is_renamed, _has_come_back):
        free = [known for known in stored if known.slug not in slugs.values()]
        for grand_prix in grands_prix:
            if grand_prix.name in slugs:
                continue
            found = next((known for known in free if is_same(known, grand_prix)), None)
            if found is not None:
                free.remove(found)
                slugs[grand_prix.name] = found.slug
    for grand_prix in grands_prix:
        slugs.setdefault(grand_prix.name, fold(grand_prix.name))
    _refuse_doubled(slugs)
    return slugs


def _has_name(known: StoredGrandPrix, grand_prix: GrandPrixRecord) -> bool:
    return fold(known.name) == fold(grand_prix.name)


def _has_slug(known: StoredGrandPrix, grand_prix: GrandPrixRecord) -> bool:
    """It was renamed before, and is called as it was first again."""
    return known.slug == fold(grand_prix.name)


def _is_renamed(known: StoredGrandPrix, grand_prix: GrandPrixRecord) -> bool:
    return _is_day_of(known, grand_prix.race_date) and _is_same_place(known, grand_prix)


def _has_come_back(known: StoredGrandPrix, grand_prix: GrandPrixRecord) -> bool:
    """Whether it is the same on another day, perhaps elsewhere. Only what is cancelled comes back:
    two grands prix that are both held are never one by the likeness of their names."""
    return known.is_cancelled and _stems(known.name) == _stems(grand_prix.name)


def _refuse_doubled(slugs: Mapping[str, str]) -> None:
    names: dict[str, list[str]] = {}
    for name, slug in slugs.items():
        names.setdefault(slug, []).append(name)
    for slug, same in names.items():
        if not slug:
            raise BadSourceData(f"the name of a grand prix has no letter: {same[0]!r}")
        if len(same) > 1:
            raise BadSourceData(f"{' and '.join(same)} would be one grand prix, {slug}")


def match_race(race: RaceIdentity, stored: Sequence[StoredGrandPrix]) -> StoredGrandPrix:
    """The stored grand prix that an answer is about; `BadSourceData` where there is none.

    The day has to be the same, and the name or the place: a race that is held on the same day
    somewhere else, or the same one on another day, is not the one that people picked on.
    """
    same_day = [known for known in stored if _is_day_of(known, race.race_date)]
    by_name = (known for known in same_day if fold(known.name) == fold(race.name))
    # A country has several; one that is known by its name is no other of that day.
    is_known = any(fold(known.name) == fold(race.name) for known in stored)
    # What is cancelled may have been at the place where another is held that day.
    at_place = [known for known in same_day if not is_known and _is_same_place(known, race)]
    at_place.sort(key=lambda known: known.is_cancelled)
    found = next(by_name, None) or next(iter(at_place), None)
    if found is not None:
        return found
    raise BadSourceData(
        f"no {race.name} of {race.race_date:%Y-%m-%d} ({race.location}) is on the calendar"
    )


def is_race_of(race: RaceIdentity, requested: StoredGrandPrix) -> bool:
    """Whether an answer is about this grand prix."""
    return _is_day_of(requested, race.race_date) and (
        fold(race.name) == fold(requested.name) or _is_same_place(requested, race)
    )


def as_known(listed: GrandPrixRecord) -> StoredGrandPrix:
    """A grand prix of a calendar that is not stored yet, to look for it elsewhere."""
    return StoredGrandPrix(
        slug=fold(listed.name),
        name=listed.name,
        country=listed.country,
        location=listed.location,
        race_dates=(listed.race_date,),
        is_cancelled=False,
    )


def find_listed(
    requested: StoredGrandPrix, grands_prix: Iterable[GrandPrixRecord]
) -> GrandPrixRecord | None:
    """The one of a calendar that is this stored grand prix on its day, by name or by place."""
    same_day = [listed for listed in grands_prix if _is_day_of(requested, listed.race_date)]
    by_name = (listed for listed in same_day if _has_name(requested, listed))
    by_place = (listed for listed in same_day if _is_same_place(requested, listed))
    return next(by_name, None) or next(by_place, None)


def pair_grands_prix(
    first: Sequence[GrandPrixRecord], second: Sequence[GrandPrixRecord]
) -> tuple[list[tuple[GrandPrixRecord, GrandPrixRecord | None]], list[GrandPrixRecord]]:
    """Two calendars of one season: the first's grands prix, each with the second's, and what the
    second has beyond. The same is what has the same name, else the same day and place."""
    names = {fold(one.name) for one in first}
    by_name = {fold(other.name): other for other in second}
    left = [other for other in second if fold(other.name) not in names]
    pairs: list[tuple[GrandPrixRecord, GrandPrixRecord | None]] = []
    for one in first:
        other = by_name.get(fold(one.name))
        if other is None:
            other = next(
                (
                    other
                    for other in left
                    if abs(one.race_date - other.race_date) <= SAME_DAY
                    and _is_same_place(one, other)
                ),
                None,
            )
            if other is not None:
                left.remove(other)
        pairs.append((one, other))
    return pairs, left


def _is_day_of(known: StoredGrandPrix, day: date) -> bool:
    return any(abs(known_day - day) <= SAME_DAY for known_day in known.race_dates)


def _is_same_place(one: Place, other: Place) -> bool:
    # One of the two is enough: upstreams rename places within a season (Monte Carlo, Monaco; Miami,
    # Miami Gardens), and Jolpica's newer form has no countries.
    return any(
        name and fold(name) == fold(other_name)
        for name, other_name in (
            (one.country, other.country),
            (one.location, other.location),
        )
    )


def _stems(name: str) -> frozenset[str]:
    return frozenset(part[:STEM] for part in fold(name).split("-")) - IN_EVERY_NAME
