"""Which stored grand prix is this one? Never by round number: both upstreams have their own, and
either may renumber at any time."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ingestion.errors import BadSourceData
from ingestion.records import GrandPrixRecord, RaceIdentity, SessionType, StoredEvent

# Jolpica's date is the race's in UTC, the schedule file's its local one (Las Vegas).
SAME_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StoredGrandPrix:
    """What is known of a stored grand prix: enough to recognise it."""

    slug: str
    name: str
    country: str
    location: str
    race_date: date | None
    is_cancelled: bool


def gather_grands_prix(events: Sequence[StoredEvent]) -> list[StoredGrandPrix]:
    """The grands prix behind a season's events; the race tells name, place and day."""
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
            race_date=race.starts_at.date() if race.starts_at else None,
            is_cancelled=race.is_cancelled,
        )
        for race in races.values()
    ]


def match_calendar(
    grands_prix: Sequence[GrandPrixRecord], stored: Sequence[StoredGrandPrix]
) -> dict[str, str]:
    """For each name in a calendar the slug of its stored grand prix, or a new one.

    The name decides; what is left over is the same grand prix, renamed, where day and place are.
    Raises `BadSourceData` where two would be one.
    """
    by_name = {fold(known.name): known.slug for known in stored}
    by_slug = {known.slug for known in stored}
    slugs: dict[str, str] = {}
    for grand_prix in grands_prix:
        name = fold(grand_prix.name)
        if name in by_name:
            slugs[grand_prix.name] = by_name[name]
        elif name in by_slug:
            slugs[grand_prix.name] = name
    left = [known for known in stored if known.slug not in slugs.values()]
    for grand_prix in grands_prix:
        if grand_prix.name in slugs:
            continue
        renamed = next((known for known in left if _is_renamed(known, grand_prix)), None)
        if renamed is not None:
            left.remove(renamed)
        slugs[grand_prix.name] = renamed.slug if renamed is not None else fold(grand_prix.name)
    _refuse_doubled(slugs)
    return slugs


def _is_renamed(known: StoredGrandPrix, grand_prix: GrandPrixRecord) -> bool:
    return _same_day(known.race_date, grand_prix.race_date) and _same_place(
        known, grand_prix.country, grand_prix.location
    )


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
    same_day = [known for known in stored if _same_day(known.race_date, race.race_date)]
    for known in same_day:
        if fold(known.name) == fold(race.name):
            return known
    for known in same_day:
        if _same_place(known, race.country, race.location):
            return known
    raise BadSourceData(
        f"no {race.name} of {race.race_date:%Y-%m-%d} ({race.location}) is on the calendar"
    )


def _same_day(known: date | None, other: date) -> bool:
    return known is not None and abs(known - other) <= SAME_DAY


def _same_place(known: StoredGrandPrix, country: str, location: str) -> bool:
    return bool(country and fold(known.country) == fold(country)) or bool(
        location and fold(known.location) == fold(location)
    )


def fold(name: str) -> str:
    """A name as a slug: lower case, without accents, words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = "".join(char if char.isalnum() else " " for char in plain.lower()).split()
    return "-".join(words)
