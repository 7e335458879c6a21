"""The schedule file of FastF1's own repository: the calendar of a season since 2018."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.errors import BadSourceData
from ingestion.plausibility import check_calendar
from ingestion.records import (
    FIRST_SCHEDULE_FILE,
    UNNAMED,
    CalendarRecord,
    GrandPrixRecord,
    SessionRecord,
    Source,
)
from ingestion.sessions import read_session_name
from ingestion.sources.calls import calling, get_document
from ingestion.sources.protocol import SourceAnswer, Upstream
from ingestion.sources.values import (
    LARGEST_NUMBER,
    LONGEST_PLACE,
    UNREADABLE,
    notice,
    noticing,
    read_text,
    require,
)

# A weekend has five, by the file's count.
SESSIONS = range(1, 6)
LONGEST_OFFICIAL_NAME = 200
OFFSET = re.compile(r"(?P<sign>[+-]?)(?P<hours>\d\d?):(?P<minutes>\d\d)(?::00)?", re.ASCII)


class ScheduleFile(Upstream):
    name = Source.SCHEDULE_FILE

    def offers_calendar(self, season: int) -> bool:
        return season >= FIRST_SCHEDULE_FILE

    def fetch_calendar(self, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
        import fastf1.events

        what = f"the schedule file of {season}"
        url = f"{fastf1.events._SCHEDULE_BASE_URL}schedule_{season}.json"
        with noticing() as notices, calling(self._adapter, what, url, fresh=fresh) as call:
            # FastF1's own reading loses all of it over one value, and its other backends ask for a
            # password or invent session times.
            calendar = read_schedule(get_document(url), season, call.read_generated_at())
            try:
                check_calendar(calendar)
            except BadSourceData as error:
                raise BadSourceData(f"{what} was refused: {error}") from error
            return SourceAnswer(
                (calendar,), calendar.generated_at, call.read_expires_at(), tuple(notices)
            )


def read_schedule(
    document: Mapping[str, Mapping[str, Any]], season: int, generated_at: datetime | None
) -> CalendarRecord:
    """The file's columns, each by row, as a calendar without testing.

    A grand prix that cannot be read, or whose day is in another season, is refused by name; raises
    `BadSourceData` where the file is no schedule at all.
    """
    grands_prix: list[GrandPrixRecord] = []
    refused: dict[str, str] = {}
    rows = {
        number: {column: values[number] for column, values in document.items() if number in values}
        for number in document["event_name"]
    }
    for row in rows.values():
        if row["event_format"] == "testing":
            continue
        name = read_text(row["event_name"])
        try:
            require(name, "name")
            grands_prix.append(_read_grand_prix(season, name, row, generated_at))
        except UNREADABLE as error:
            refused[name or UNNAMED] = str(error)
    outside = [one for one in grands_prix if one.race_date.year != season]
    # A file in which most are is another season's, and is refused whole.
    if 2 * len(outside) < len(grands_prix):
        grands_prix = [one for one in grands_prix if one not in outside]
        refused |= {
            one.name: f"the race day {one.race_date} is not in the season" for one in outside
        }
    for name, reason in refused.items():
        notice(
            f"the schedule file of {season}: the {name} cannot be read ({reason}); "
            "what is saved of it is kept, and the other grands prix are read"
        )
    return CalendarRecord(
        season, Source.SCHEDULE_FILE, generated_at, tuple(grands_prix), unreadable=tuple(refused)
    )


def _read_grand_prix(
    season: int, name: str, row: Mapping[str, Any], generated_at: datetime | None
) -> GrandPrixRecord:
    offset = _read_offset(read_text(row["gmt_offset"]))
    starts = [_read_start(name, row, number) for number in SESSIONS]
    sessions = []
    for number, start in zip(SESSIONS, starts, strict=True):
        session_type = read_session_name(season, read_text(row[f"session{number}"]))
        if session_type is not None:
            sessions.append(
                SessionRecord(
                    session_type,
                    starts_at=None if start is None else (start - offset).replace(tzinfo=UTC),
                    source=Source.SCHEDULE_FILE,
                    generated_at=generated_at,
                    # A session without a time is where the others are.
                    utc_offset=offset if any(starts) else None,
                )
            )
    round_number = int(row["round_number"])
    # Round 0 is testing, which has a format of its own.
    if not 0 < round_number <= LARGEST_NUMBER:
        raise ValueError(f"{round_number} is no round")
    return GrandPrixRecord(
        season=season,
        round_number=round_number,
        name=name,
        official_name=read_text(row["official_event_name"], longest=LONGEST_OFFICIAL_NAME),
        country=read_text(row["country"], longest=LONGEST_PLACE),
        location=read_text(row["location"], longest=LONGEST_PLACE),
        race_date=datetime.fromisoformat(row["event_date"]).date(),
        sessions=tuple(sessions),
    )


def _read_start(name: str, row: Mapping[str, Any], number: int) -> datetime | None:
    """Local and naive; None where there is none yet, or none that can be read."""
    printed = read_text(row[f"session{number}_date"])
    if not printed:
        return None
    try:
        return datetime.fromisoformat(printed).replace(tzinfo=None)
    except ValueError:
        session = read_text(row[f"session{number}"])
        notice(f"the start of the {name}'s {session} cannot be read: {printed[:40]}")
        return None


def _read_offset(printed: str) -> timedelta:
    """0 where it is missing, as FastF1 reads it."""
    if not printed:
        return timedelta(0)
    parts = OFFSET.fullmatch(printed)
    if parts is None:
        raise ValueError(f"{printed[:40]!r} is no offset from UTC")
    offset = timedelta(hours=int(parts["hours"]), minutes=int(parts["minutes"]))
    return -offset if parts["sign"] == "-" else offset
