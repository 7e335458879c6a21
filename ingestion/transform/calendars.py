"""The schedule file's frame and Jolpica's list of races to calendars."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData
from ingestion.records import CalendarRecord, GrandPrixRecord, SessionRecord, Source
from ingestion.sessions import SessionType, read_session_name
from ingestion.transform.values import (
    UNREADABLE,
    read_date,
    read_text,
    read_utc,
    read_utc_offset,
    require,
)

if TYPE_CHECKING:
    import pandas as pd

# A weekend has five, by the schedule file's count.
SESSIONS = range(1, 6)


def read_schedule(
    frame: "pd.DataFrame", season: int, generated_at: datetime | None
) -> CalendarRecord:
    """The schedule file's frame as a calendar; raises `BadSourceData` where it is not one."""
    rows = frame.to_dict("records")
    try:
        grands_prix = tuple(
            _read_schedule_row(season, row, generated_at)
            for row in rows
            if row["EventFormat"] != "testing"
        )
    except UNREADABLE as error:
        raise BadSourceData(f"the schedule file of {season} cannot be read: {error}") from error
    return CalendarRecord(season, Source.SCHEDULE_FILE, generated_at, grands_prix)


def _read_schedule_row(
    season: int, row: Mapping[Any, Any], generated_at: datetime | None
) -> GrandPrixRecord:
    sessions = []
    offsets = [read_utc_offset(row[f"Session{number}Date"]) for number in SESSIONS]
    # A session without a time is where the others are.
    usual = next((offset for offset in offsets if offset is not None), None)
    for number, offset in zip(SESSIONS, offsets, strict=True):
        session_type = read_session_name(season, read_text(row[f"Session{number}"]))
        if session_type is not None:
            sessions.append(
                SessionRecord(
                    session_type,
                    starts_at=read_utc(row[f"Session{number}DateUtc"]),
                    source=Source.SCHEDULE_FILE,
                    generated_at=generated_at,
                    utc_offset=usual if offset is None else offset,
                )
            )
    return GrandPrixRecord(
        season=season,
        round_number=int(row["RoundNumber"]),
        name=require(read_text(row["EventName"]), "name of a grand prix"),
        official_name=read_text(row["OfficialEventName"]),
        country=read_text(row["Country"]),
        location=read_text(row["Location"]),
        race_date=require(read_date(row["EventDate"]), "date of a grand prix"),
        sessions=tuple(sessions),
    )


def read_calendar(
    races: Sequence[Mapping[str, Any]], season: int, generated_at: datetime | None
) -> CalendarRecord:
    """Jolpica's calendar, uncast, as FastF1 hands it through; `BadSourceData` where it is none.

    Sessions have times since 2022, days since 2006; before that only the race's day (and since
    2005 its time) is known, and no other session is listed.
    """
    try:
        grands_prix = tuple(_read_calendar_race(season, race, generated_at) for race in races)
    except UNREADABLE as error:
        raise BadSourceData(f"Jolpica's calendar of {season} cannot be read: {error}") from error
    return CalendarRecord(season, Source.JOLPICA, generated_at, grands_prix)


def _read_calendar_race(
    season: int, race: Mapping[str, Any], generated_at: datetime | None
) -> GrandPrixRecord:
    if int(race["season"]) != season:
        raise ValueError(f"it has a race of {race['season']}")
    place = race["Circuit"]["Location"]
    sessions = [
        _read_calendar_session(session_type, race[key], generated_at)
        for session_type in reversed(SessionType)
        for key in session_type.kind.calendar_keys
        if key in race
    ]
    sessions.append(_read_calendar_session(SessionType.RACE, race, generated_at))
    return GrandPrixRecord(
        season=season,
        round_number=int(race["round"]),
        name=require(read_text(race["raceName"]), "name of a race"),
        official_name="",
        country=read_text(place["country"]),
        location=read_text(place["locality"]),
        race_date=date.fromisoformat(race["date"]),
        sessions=tuple(sessions),
    )


def _read_calendar_session(
    session_type: SessionType, session: Mapping[str, Any], generated_at: datetime | None
) -> SessionRecord:
    known = SessionRecord(session_type, None, Source.JOLPICA, generated_at)
    if not read_text(session.get("date")):
        return known
    day = date.fromisoformat(session["date"])
    clock = read_text(session.get("time"))
    if not clock:
        midnight = datetime.combine(day, time(), UTC)
        return replace(known, starts_at=midnight, start_is_estimated=True)
    starts_at = datetime.combine(day, time.fromisoformat(clock))
    if starts_at.tzinfo is None:
        starts_at = starts_at.replace(tzinfo=UTC)
    return replace(known, starts_at=starts_at.astimezone(UTC))
