"""The schedule file of FastF1's own repository: the calendar of a season since 2018."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingestion import records
from ingestion.errors import BadSourceData
from ingestion.plausibility import check_calendar
from ingestion.records import (
    FIRST_SCHEDULE_FILE,
    CalendarRecord,
    GrandPrixRecord,
    SessionRecord,
)
from ingestion.sessions import read_session_name
from ingestion.sources.calls import calling
from ingestion.sources.protocol import Source, SourceAnswer
from ingestion.sources.values import (
    LONGEST_PLACE,
    UNREADABLE,
    noticing,
    read_date,
    read_text,
    read_utc,
    read_utc_offset,
    require,
)

if TYPE_CHECKING:
    import pandas as pd

    from ingestion.sources.http import Adapter

# A weekend has five, by the file's count.
SESSIONS = range(1, 6)
LONGEST_OFFICIAL_NAME = 200


class ScheduleFile(Source):
    name = records.Source.SCHEDULE_FILE
    label = "the schedule file"

    def __init__(self, adapter: "Adapter") -> None:
        self._adapter = adapter

    def offers_calendar(self, season: int) -> bool:
        return season >= FIRST_SCHEDULE_FILE

    def fetch_calendar(self, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
        import fastf1
        import fastf1.events

        what = f"the schedule file of {season}"
        url = f"{fastf1.events._SCHEDULE_BASE_URL}schedule_{season}.json"
        with noticing() as notices, calling(self._adapter, what, url, fresh=fresh) as call:
            # The other backends ask for a password or invent session times.
            frame = fastf1.get_event_schedule(season, include_testing=False, backend="fastf1")
            calendar = read_schedule(frame, season, call.generated_at)
            try:
                check_calendar(calendar)
            except BadSourceData as error:
                raise BadSourceData(f"{what} was refused: {error}") from error
            return SourceAnswer((calendar,), calendar.generated_at, call.expires_at, tuple(notices))


def read_schedule(
    frame: "pd.DataFrame", season: int, generated_at: datetime | None
) -> CalendarRecord:
    """The schedule file's frame as a calendar; raises `BadSourceData` where it is not one."""
    rows = frame.to_dict("records")
    try:
        grands_prix = tuple(
            _read_grand_prix(season, row, generated_at)
            for row in rows
            if row["EventFormat"] != "testing"
        )
    except UNREADABLE as error:
        raise BadSourceData(f"the schedule file of {season} cannot be read: {error}") from error
    return CalendarRecord(season, records.Source.SCHEDULE_FILE, generated_at, grands_prix)


def _read_grand_prix(
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
                    source=records.Source.SCHEDULE_FILE,
                    generated_at=generated_at,
                    utc_offset=usual if offset is None else offset,
                )
            )
    return GrandPrixRecord(
        season=season,
        round_number=int(row["RoundNumber"]),
        name=require(read_text(row["EventName"]), "name of a grand prix"),
        official_name=read_text(row["OfficialEventName"], longest=LONGEST_OFFICIAL_NAME),
        country=read_text(row["Country"], longest=LONGEST_PLACE),
        location=read_text(row["Location"], longest=LONGEST_PLACE),
        race_date=require(read_date(row["EventDate"]), "date of a grand prix"),
        sessions=tuple(sessions),
    )
