"""Real classifications as the product reads them: the sample's, and the recorded ones."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from ingestion.plausibility import SeasonField, describe_field
from ingestion.records import ClassificationRecord, RaceIdentity, ResultRecord, Source
from ingestion.sample.ergast import Page, build_races
from ingestion.sample.season import GrandPrix, Lap, Season, load_season
from ingestion.sessions import SessionType
from ingestion.sources.jolpica.classifications import read_classifications
from ingestion.sources.jolpica.pages import Page as Frames
from tests.frames import Document, page_of
from tests.upstream import SHARED

SAMPLE = 2024
RECORDED = (1958, 1979, 1997, 2007, 2020, 2023)

ENDPOINTS = {
    SessionType.RACE: "results",
    SessionType.QUALIFYING: "qualifying",
    SessionType.SPRINT: "sprint",
}
# As a weekend runs; which sprint session comes before which other differs from year to year.
RUNNING_ORDER = (
    SessionType.SPRINT_QUALIFYING,
    SessionType.SPRINT,
    SessionType.QUALIFYING,
    SessionType.RACE,
)
EVERYTHING = Page(limit=10_000)


def list_seasons() -> tuple[int, ...]:
    """Those that are here."""
    return (SAMPLE, *RECORDED) if SHARED.is_dir() else (SAMPLE,)


@cache
def load_classifications(season: int) -> tuple[ClassificationRecord, ...]:
    """A season's, in the order in which they were run."""
    found = load_sample() if season == SAMPLE else load_recorded(season)
    return tuple(
        sorted(
            found,
            key=lambda one: (one.race.round_number, RUNNING_ORDER.index(one.session_type)),
        )
    )


def load_recorded(season: int) -> list[ClassificationRecord]:
    return [
        classification
        for session_type, endpoint in ENDPOINTS.items()
        for classification in read(session_type, season, read_pages(season, endpoint))
    ]


def read_pages(season: int, endpoint: str) -> list[list[Document]]:
    pages = sorted(
        (SHARED / "jolpica" / str(season)).glob(f"{endpoint}_*.json"),
        key=lambda page: int(page.stem.rpartition("_")[2]),
    )
    return [json.loads(page.read_bytes())["MRData"]["RaceTable"]["Races"] for page in pages]


def read(
    session_type: SessionType, season: int, pages: Iterable[Sequence[Document]]
) -> list[ClassificationRecord]:
    frames = [Frames(*page_of(session_type, *races), None) for races in pages if races]
    found = [one for one, _ in read_classifications(frames, season, session_type)]
    return [one for one in found if isinstance(one, ClassificationRecord)]


def load_sample() -> list[ClassificationRecord]:
    season = load_season(SAMPLE)
    found = []
    for session_type, endpoint in ENDPOINTS.items():
        _, races = build_races(season, endpoint, list(season.grands_prix), EVERYTHING)
        found += read(session_type, SAMPLE, [races])
    races_of = {one.race.round_number: one.race for one in found}
    for grand_prix in season.grands_prix:
        if grand_prix.id in season.sprint_qualifyings:
            race = races_of[grand_prix.round]
            found.append(build_sprint_qualifying(season, grand_prix, race))
    return found


def build_sprint_qualifying(
    season: Season, grand_prix: GrandPrix, race: RaceIdentity
) -> ClassificationRecord:
    """Jolpica's Ergast form has none."""
    results = tuple(build_lap(season, lap) for lap in season.sprint_qualifyings[grand_prix.id])
    return ClassificationRecord(race, SessionType.SPRINT_QUALIFYING, Source.JOLPICA, None, results)


def build_lap(season: Season, lap: Lap) -> ResultRecord:
    driver = season.drivers[lap.driver]
    q1, q2, q3 = (
        None if value is None else timedelta(milliseconds=value)
        for value in (lap.q1, lap.q2, lap.q3)
    )
    return ResultRecord(
        order=lap.order,
        position=lap.order,
        classification=lap.classification,
        driver_id=lap.driver,
        driver_number=lap.number,
        driver_code=driver.code or "",
        driver_name=f"{driver.given_name} {driver.family_name}",
        constructor_id=lap.constructor,
        constructor_name=season.constructors[lap.constructor].name,
        q1=q1,
        q2=q2,
        q3=q3,
    )


def know(
    classification: ClassificationRecord, saved: Iterable[ClassificationRecord]
) -> SeasonField:
    """What these say of the season to this one."""
    entries: dict[Any, list[str]] = {
        (one.race.name, one.session_type): [row.driver_id for row in one.results] for one in saved
    }
    return describe_field(entries, classification.race.name, classification.session_type)


def know_so_far(season: Sequence[ClassificationRecord], index: int) -> SeasonField:
    """All that was run before it."""
    return know(season[index], season[:index])
