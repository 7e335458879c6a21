"""OpenF1's meetings and sessions of a season: which of them is which of ours."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.errors import BadSourceData, ResultsNotReady
from ingestion.records import RaceIdentity
from ingestion.sessions import SessionType, read_session_name
from ingestion.sources.protocol import ClassificationQuery
from ingestion.sources.values import (
    LONGEST_PLACE,
    UNREADABLE,
    notice,
    read_offset,
    read_text,
    require,
)

RACE, PRACTICE = "Race", "Practice"
# A weekend has one session of a name, and the next is a week away.
MOVED_AT_MOST = timedelta(days=1)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """A session as OpenF1 lists it; its keys are the only way to its results. Times are UTC."""

    race: RaceIdentity
    session_type: SessionType
    starts_at: datetime
    ends_at: datetime
    session_key: int
    meeting_key: int
    is_cancelled: bool


@dataclass(frozen=True, slots=True)
class Practice:
    """A session without picks, where drivers show up first. Times are UTC."""

    race: RaceIdentity
    starts_at: datetime
    ends_at: datetime
    session_key: int
    meeting_key: int


def read_listings(meetings: Sequence[Row], sessions: Sequence[Row], season: int) -> list[Listing]:
    """The sessions that people can pick on; practice and testing are left out. A meeting or a
    session that cannot be read is left out, with a notice; raises `BadSourceData` where none can
    be read."""
    by_meeting: dict[int, list[Row]] = {}
    for session in sessions:
        by_meeting.setdefault(_read_number(session.get("meeting_key")), []).append(session)
    listings: list[Listing] = []
    faults = []
    for meeting in meetings:
        try:
            key = _read_number(meeting.get("meeting_key"))
            listings += _read_meeting(meeting, by_meeting.get(key, []), season)
        except UNREADABLE as error:
            name = read_text(meeting.get("meeting_name")) or "a meeting without a name"
            faults.append(f"{name} ({error})")
    if faults and not listings:
        raise BadSourceData(f"OpenF1's list of {season} cannot be read: {faults[0]}")
    for fault in faults:
        notice(f"OpenF1's list of {season}: {fault} cannot be read and is left out")
    return listings


def _read_meeting(meeting: Row, sessions: Sequence[Row], season: int) -> Iterable[Listing]:
    if meeting["year"] != season:
        raise ValueError(f"it is of {read_text(meeting['year'])}")
    kinds = [read_session_name(season, read_text(one.get("session_name"))) for one in sessions]
    if not any(kinds):
        return []
    race = _read_race(meeting, sessions, season)
    return [
        Listing(
            race,
            kind,
            _read_instant(session["date_start"]),
            _read_instant(session["date_end"]),
            _read_number(session["session_key"]),
            _read_number(session["meeting_key"]),
            bool(meeting.get("is_cancelled")) or bool(session.get("is_cancelled")),
        )
        for session, kind in zip(sessions, kinds, strict=True)
        if kind is not None
    ]


def _read_race(meeting: Row, sessions: Sequence[Row], season: int) -> RaceIdentity:
    races = [one for one in sessions if one.get("session_name") == RACE]
    last = races[0]["date_start"] if races else meeting["date_end"]
    return RaceIdentity(
        season=season,
        round_number=0,
        name=require(read_text(meeting["meeting_name"]), "name of a meeting"),
        # The day at the circuit, as in the schedule file; Jolpica's is the day in UTC.
        race_date=(_read_instant(last) + read_offset(read_text(meeting["gmt_offset"]))).date(),
        country=read_text(meeting.get("country_name"), longest=LONGEST_PLACE),
        location=read_text(meeting.get("location"), longest=LONGEST_PLACE),
    )


def read_practices(
    meetings: Sequence[Row], sessions: Sequence[Row], season: int
) -> Iterator[Practice]:
    """Of the meetings that have a race; what cannot be read is left out, and `read_listings` says
    so of a meeting."""
    for meeting in meetings:
        key = meeting.get("meeting_key")
        own = [one for one in sessions if one.get("meeting_key") == key]
        if all(one.get("session_name") != RACE for one in own):
            continue
        for session in own:
            if session.get("session_type") != PRACTICE:
                continue
            with suppress(*UNREADABLE):
                yield Practice(
                    _read_race(meeting, own, season),
                    _read_instant(session["date_start"]),
                    _read_instant(session["date_end"]),
                    _read_number(session["session_key"]),
                    _read_number(session["meeting_key"]),
                )


def read_times(sessions: Iterable[Row]) -> Iterator[tuple[datetime, datetime]]:
    """When each session that can be read begins and ends, UTC."""
    for session in sessions:
        with suppress(*UNREADABLE):
            yield _read_instant(session["date_start"]), _read_instant(session["date_end"])


def find_listing(query: ClassificationQuery, listings: Iterable[Listing]) -> Listing:
    """The session of the same race and kind, not on another day. A meeting that was cancelled and
    came back is listed twice. Raises `ResultsNotReady` where there is none, or more than one."""
    found = [
        listing
        for listing in listings
        if listing.session_type is query.session_type
        and not listing.is_cancelled
        and (query.is_race is None or query.is_race(listing.race))
        and abs(listing.starts_at - (query.starts_at or listing.starts_at)) <= MOVED_AT_MOST
    ]
    if not found:
        raise ResultsNotReady("OpenF1 does not list it")
    if len(found) > 1:
        names = " and ".join(f"{one.race.name} ({one.session_key})" for one in found)
        raise ResultsNotReady(f"OpenF1 lists more than one session that it may be: {names}")
    return found[0]


def _read_instant(text: Any) -> datetime:
    instant = datetime.fromisoformat(require(read_text(text), "time"))
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)


def _read_number(value: Any) -> int:
    # They become part of an address; `True` is a number to Python.
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no key")
    return value
