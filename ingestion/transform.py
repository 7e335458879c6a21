"""FastF1's frames in, records out: pure, no Django, no network, no clock.

The frames' columns are force-cast: a missing text comes as '', 'nan' or 'None', a missing number
as -1 or NaN, a missing time as NaT, and '*DateUtc' is UTC without saying so. None of it gets past
this module.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from ingestion.errors import BadSourceData
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    GrandPrixRecord,
    RaceIdentity,
    ResultRecord,
    SessionRecord,
    SessionType,
    Source,
    UnreadableClassification,
)

if TYPE_CHECKING:
    import pandas as pd

# What values of another shape than FastF1's raise.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
# What a column of the database holds; no real number comes near.
LARGEST_NUMBER = 32_767
LARGEST_POINTS = 999

T = TypeVar("T")

# A weekend has five, by the schedule file's count.
SESSIONS = range(1, 6)

# The schedule file's names of sessions. Practice and testing have no entry: nobody picks on them.
SESSION_NAMES = {
    "Qualifying": SessionType.QUALIFYING,
    "Race": SessionType.RACE,
    "Sprint": SessionType.SPRINT,
    "Sprint Qualifying": SessionType.SPRINT_QUALIFYING,
    "Sprint Shootout": SessionType.SPRINT_QUALIFYING,
}
# Until 2022 'Sprint Qualifying' was what the sprint itself was called (FIA Sporting Regulations
# 2021); the qualifying of that name is from 2024 on.
LAST_SEASON_OF_SPRINT_CALLED_QUALIFYING = 2022

# Jolpica's keys of a race's sessions beside the race itself.
CALENDAR_KEYS = {
    "Qualifying": SessionType.QUALIFYING,
    "Sprint": SessionType.SPRINT,
    "SprintShootout": SessionType.SPRINT_QUALIFYING,
    "SprintQualifying": SessionType.SPRINT_QUALIFYING,
}

MISSING_TEXTS = {"", "nan", "None", "NaT", "<NA>"}
# Points are halved, and were shared by up to seven drivers in the 1950s: 0.14.
HUNDREDTH = Decimal("0.01")


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
    offsets = [_utc_offset(row[f"Session{number}Date"]) for number in SESSIONS]
    # A session without a time is where the others are.
    usual = next((offset for offset in offsets if offset is not None), None)
    for number, offset in zip(SESSIONS, offsets, strict=True):
        session_type = _session_type(season, _text(row[f"Session{number}"]))
        if session_type is not None:
            sessions.append(
                SessionRecord(
                    session_type,
                    starts_at=_utc(row[f"Session{number}DateUtc"]),
                    source=Source.SCHEDULE_FILE,
                    generated_at=generated_at,
                    utc_offset=usual if offset is None else offset,
                )
            )
    return GrandPrixRecord(
        season=season,
        round_number=int(row["RoundNumber"]),
        name=_required(_text(row["EventName"]), "name of a grand prix"),
        official_name=_text(row["OfficialEventName"]),
        country=_text(row["Country"]),
        location=_text(row["Location"]),
        race_date=_required(_date(row["EventDate"]), "date of a grand prix"),
        sessions=tuple(sessions),
    )


def _session_type(season: int, name: str) -> SessionType | None:
    session_type = SESSION_NAMES.get(name)
    if (
        session_type is SessionType.SPRINT_QUALIFYING
        and season <= LAST_SEASON_OF_SPRINT_CALLED_QUALIFYING
    ):
        return SessionType.SPRINT
    return session_type


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
        for key, session_type in CALENDAR_KEYS.items()
        if key in race
    ]
    sessions.append(_read_calendar_session(SessionType.RACE, race, generated_at))
    return GrandPrixRecord(
        season=season,
        round_number=int(race["round"]),
        name=_required(_text(race["raceName"]), "name of a race"),
        official_name="",
        country=_text(place["country"]),
        location=_text(place["locality"]),
        race_date=date.fromisoformat(race["date"]),
        sessions=tuple(sessions),
    )


def _read_calendar_session(
    session_type: SessionType, session: Mapping[str, Any], generated_at: datetime | None
) -> SessionRecord:
    known = SessionRecord(session_type, None, Source.JOLPICA, generated_at)
    if not _text(session.get("date")):
        return known
    day = date.fromisoformat(session["date"])
    clock = _text(session.get("time"))
    if not clock:
        midnight = datetime.combine(day, time(), UTC)
        return replace(known, starts_at=midnight, start_is_estimated=True)
    starts_at = datetime.combine(day, time.fromisoformat(clock))
    if starts_at.tzinfo is None:
        starts_at = starts_at.replace(tzinfo=UTC)
    return replace(known, starts_at=starts_at.astimezone(UTC))


def read_classifications(
    pages: Sequence[tuple["pd.DataFrame", Sequence["pd.DataFrame"]]],
    season: int,
    session_type: SessionType,
    generated_at: datetime | None,
) -> list[ClassificationRecord | UnreadableClassification]:
    """The classifications in the pages of one endpoint, by round, each whole and in order.

    A page cuts a race anywhere, and the halves of a qualifying interleave (they are cut by the
    best of Q1-Q3): pages are merged before anything is sorted. A race that cannot be read does
    not take the others with it; `BadSourceData` where it is not even said which race it is.
    """
    races: dict[RaceIdentity, list[Mapping[str, Any]]] = defaultdict(list)
    try:
        for description, contents in pages:
            for race, content in zip(description.to_dict("records"), contents, strict=True):
                races[_read_race(season, race)] += _rows(content)
    except UNREADABLE as error:
        kind = session_type.replace("_", " ")
        raise BadSourceData(
            f"Jolpica's {kind} results of {season} cannot be read: {error}"
        ) from error
    return [
        _read_classification(race, session_type, generated_at, rows)
        for race, rows in sorted(races.items(), key=lambda item: item[0].round_number)
    ]


def _read_classification(
    race: RaceIdentity,
    session_type: SessionType,
    generated_at: datetime | None,
    rows: list[Mapping[str, Any]],
) -> ClassificationRecord | UnreadableClassification:
    try:
        results = _read_results(session_type, rows)
    except UNREADABLE as error:
        return UnreadableClassification(race, session_type, str(error))
    return ClassificationRecord(race, session_type, Source.JOLPICA, generated_at, results)


def _rows(frame: "pd.DataFrame") -> list[Mapping[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _read_race(season: int, race: Mapping[Any, Any]) -> RaceIdentity:
    if int(race["season"]) != season:
        raise ValueError(f"they are of {race['season']}")
    return RaceIdentity(
        season=season,
        round_number=int(race["round"]),
        name=_required(_text(race["raceName"]), "name of a race"),
        race_date=_required(_date(race["raceDate"]), "date of a race"),
        country=_text(race.get("country")),
        location=_text(race.get("locality")),
    )


def _read_results(
    session_type: SessionType, rows: list[Mapping[str, Any]]
) -> tuple[ResultRecord, ...]:
    """Sorted by position; entries that share one by car and driver, so that the order does not
    hang on how the upstream happened to sort."""
    rows = sorted(
        rows,
        key=lambda row: (
            _position(row) or math.inf,
            _integer(row.get("number")) or math.inf,
            _text(row.get("driverId")),
        ),
    )
    if session_type is SessionType.QUALIFYING:
        return tuple(_read_qualifying_row(order, row) for order, row in enumerate(rows, start=1))
    return tuple(_read_race_row(order, row, rows[0]) for order, row in enumerate(rows, start=1))


def _read_qualifying_row(order: int, row: Mapping[str, Any]) -> ResultRecord:
    return ResultRecord(
        order=order,
        **_read_entry(row),
        q1=_duration(row.get("Q1")),
        q2=_duration(row.get("Q2")),
        q3=_duration(row.get("Q3")),
    )


def _read_race_row(order: int, row: Mapping[str, Any], winner: Mapping[str, Any]) -> ResultRecord:
    total, gap = _race_time(row, winner)
    return ResultRecord(
        order=order,
        **_read_entry(row),
        grid=_integer(row.get("grid")),
        laps=_integer(row.get("laps")),
        points=_points(row.get("points")),
        status=_text(row.get("status")),
        time=total,
        gap=None if order == 1 else gap,
    )


def _read_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    position = _position(row)
    return {
        "position": position,
        "classification": _text(row.get("positionText")) or str(position),
        "driver_id": _text(row.get("driverId")),
        # The car's: a driver has a permanent number too (Verstappen 33 in car 1).
        "driver_number": _integer(row.get("number")),
        "driver_code": _text(row.get("driverCode")),
        "driver_name": f"{_text(row.get('givenName'))} {_text(row.get('familyName'))}".strip(),
        "constructor_id": _text(row.get("constructorId")),
        "constructor_name": _text(row.get("constructorName")),
    }


def _position(row: Mapping[str, Any]) -> int:
    """0 where there is none yet; such a classification is not plausible."""
    return _integer(row.get("position")) or 0


def _race_time(
    row: Mapping[str, Any], winner: Mapping[str, Any]
) -> tuple[timedelta | None, timedelta | None]:
    """Time and gap of a car on the lead lap; what Jolpica gives for lapped ones means nothing.

    The milliseconds are right where the printed time is not (1958 round 8: '2:21' for 2:21:15).
    """
    millis, best = _millis(row), _millis(winner)
    if millis is None or _integer(row.get("laps")) != _integer(winner.get("laps")):
        return None, None
    total = timedelta(milliseconds=millis)
    gap = None if best is None or millis < best else timedelta(milliseconds=millis - best)
    return total, gap


def _millis(row: Mapping[str, Any]) -> int | None:
    value: Any = row.get("totalRaceTimeMillis")
    return None if _is_missing(value) or value < 0 else int(value)


def _text(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text in MISSING_TEXTS else text


def _integer(value: Any) -> int | None:
    """None for what FastF1 casts missing numbers to: NaN and -1; no real one is negative."""
    if _is_missing(value):
        return None
    number = int(value)
    if number > LARGEST_NUMBER:
        raise ValueError(f"{number} is out of range")
    return None if number < 0 else number


def _points(value: Any) -> Decimal | None:
    if _is_missing(value):
        return None
    # By the shortest text of the float, which is what the upstream had written.
    points = Decimal(str(float(value))).quantize(HUNDREDTH)
    if abs(points) > LARGEST_POINTS:
        raise ValueError(f"{points} points are out of range")
    return points


def _duration(value: Any) -> timedelta | None:
    if _is_missing(value):
        return None
    return timedelta(milliseconds=round(value.total_seconds() * 1000))


def _utc(value: Any) -> datetime | None:
    """FastF1's naive UTC, made aware."""
    return None if _is_missing(value) else value.to_pydatetime().replace(tzinfo=UTC)


def _utc_offset(value: Any) -> timedelta | None:
    return None if _is_missing(value) else value.utcoffset()


def _date(value: Any) -> date | None:
    return None if _is_missing(value) else value.date()


def _is_missing(value: Any) -> bool:
    """None, NaN and NaT: the last two differ from themselves."""
    differs = value != value  # noqa: PLR0124
    return value is None or differs or (isinstance(value, str) and not _text(value))


def _required(value: T | None, what: str) -> T:
    if not value:
        raise ValueError(f"the {what} is missing")
    return value
