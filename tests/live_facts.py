"""The sample season as live timing's tests see it."""

import json
from datetime import timedelta

from ingestion.records import GrandPrixRecord, ResultRecord, SessionRecord, Source
from ingestion.sample.season import Finish, Lap, load_season, with_laps
from ingestion.sessions import SessionType
from ingestion.sources.live_timing.classification import Listing, read_index
from tests.live_streams import build_index
from tests.live_upstream import LiveUpstream

SEASON = load_season(2024)
KINDS = {
    "Qualifying": SessionType.QUALIFYING,
    "Sprint Qualifying": SessionType.SPRINT_QUALIFYING,
    "Sprint": SessionType.SPRINT,
    "Race": SessionType.RACE,
}


def known_drivers() -> list[ResultRecord]:
    """Who stands in the first qualifying of the season."""
    return [as_result(lap) for lap in SEASON.qualifyings["bahrain"]]


def as_result(entry: Lap | Finish) -> ResultRecord:
    driver, constructor = SEASON.drivers[entry.driver], SEASON.constructors[entry.constructor]
    parts = (entry.q1, entry.q2, entry.q3) if isinstance(entry, Lap) else (None, None, None)
    q1, q2, q3 = (None if part is None else timedelta(milliseconds=part) for part in parts)
    return ResultRecord(
        order=entry.order,
        position=entry.order,
        classification=entry.classification,
        driver_id=driver.id,
        driver_number=entry.number,
        driver_code=driver.code or "",
        driver_name=f"{driver.given_name} {driver.family_name}",
        constructor_id=constructor.id,
        constructor_name=constructor.name,
        q1=q1,
        q2=q2,
        q3=q3,
    )


def as_record(key: str) -> GrandPrixRecord:
    weekend = SEASON.grand_prix(key)
    race = weekend.starts_at("Race")
    assert race is not None
    return GrandPrixRecord(
        season=SEASON.year,
        round_number=weekend.round,
        name=weekend.name,
        official_name=weekend.official_name,
        country=weekend.country,
        location=weekend.location,
        race_date=race.date(),
        sessions=tuple(
            SessionRecord(KINDS[one.name], one.starts_at, Source.SCHEDULE_FILE)
            for one in weekend.sessions
            if one.name in KINDS
        ),
    )


def read_listings() -> list[Listing]:
    """The whole season's, as the stand-in has them."""
    return read_index(json.loads(build_index(SEASON).decode("utf-8-sig"))["Meetings"], 2024)


def shorten(upstream: LiveUpstream) -> None:
    """China's sprint qualifying with three cars, which FastF1 has read in no time."""
    laps = SEASON.sprint_qualifyings["china"][:3]
    upstream.seasons[2024] = with_laps(SEASON, "sprint_qualifyings", "china", laps)
