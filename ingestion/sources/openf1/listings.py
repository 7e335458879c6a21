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
# Far ones are slips, and nothing can be added to the last.
YEARS = range(2000, 2100)
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
    listings: list[Listing] = []
    faults = []
    for session in sessions:
        try:
            by_meeting.setdefault(_read_number(session.get("meeting_key")), []).append(session)
        except UNREADABLE as error:
            faults.append(f"a session without a meeting ({error})")
    for meeting in meetings:
        name = read_text(meeting.get("meeting_name")) or "a meeting without a name"
        try:
            own = by_meeting.get(_read_number(meeting.get("meeting_key")), [])
            found, spoilt = _read_meeting(meeting, own, season)
        except UNREADABLE as error:
            faults.append(f"{name} ({error})")
        else:
            listings += found
            faults += [f"the {fault} of {name}" for fault in spoilt]
    if faults and not listings:
        raise BadSourceData(f"OpenF1's list of {season} cannot be read: {faults[0]}")
    for fault in faults:
        notice(f"OpenF1's list of {season}: {fault} cannot be read and is left out")
    return listings


def _read_meeting(
    meeting: Row, sessions: Sequence[Row], season: int
) -> tuple[list[Listing], list[str]]:
    """Its sessions, and which of them cannot be read."""
    if meeting["year"] != season:
        raise ValueError(f"it is of {read_text(meeting['year'])}")
    kinds = [read_session_name(season, read_text(one.get("session_name"))) for one in sessions]
    listings: list[Listing] = []
    faults: list[str] = []
    if not any(kinds):
        return listings, faults
    race = _read_race(meeting, sessions, season)
    for session, kind in zip(sessions, kinds, strict=True):
        if kind is None:
            continue
        try:
            listing = Listing(
                race,
                kind,
                _read_instant(session["date_start"]),
                _read_instant(session["date_end"]),
                _read_number(session["session_key"]),
                _read_number(session["meeting_key"]),
                bool(meeting.get("is_cancelled")) or bool(session.get("is_cancelled")),
            )
        except UNREADABLE as error:
            faults.append(f"{kind.label} ({error})")
        else:
            listings.append(listing)
    return listings, faults


def _read_race(meeting: Row, sessions: Sequence[Row], season: int) -> RaceIdentity:
    # One that was put off may be listed beside the one that is held.
    races = [one for one in sessions if one.get("session_name") == RACE]
    held = [one for one in races if not one.get("is_cancelled")] or races
    starts = list(_read_instants(one.get("date_start") for one in held))
    last = max(starts) if starts else _read_instant(meeting["date_end"])
    # The day at the circuit, as the schedule file has it; that of UTC is a day off at most.
    with suppress(*UNREADABLE):
        last += read_offset(read_text(meeting.get("gmt_offset")))
    return RaceIdentity(
        season=season,
        round_number=0,
        name=require(read_text(meeting["meeting_name"]), "name of a meeting"),
        race_date=last.date(),
        country=read_text(meeting.get("country_name"), longest=LONGEST_PLACE),
        location=read_text(meeting.get("location"), longest=LONGEST_PLACE),
    )


def read_practices(
    meetings: Sequence[Row], sessions: Sequence[Row], season: int
) -> Iterator[Practice]:
    """Those of the meetings that have a race; what cannot be read is left out, and `read_listings`
    says so of a meeting."""
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


def _read_instants(texts: Iterable[Any]) -> Iterator[datetime]:
    """Those that can be read."""
    for text in texts:
        with suppress(*UNREADABLE):
            yield _read_instant(text)


def _read_instant(text: Any) -> datetime:
    instant = datetime.fromisoformat(require(read_text(text), "time"))
    instant = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    if instant.year not in YEARS:
        raise ValueError(f"{instant:%Y-%m-%d} is no day of a session")
    return instant


def _read_number(value: Any) -> int:
    # They become part of an address; `True` is a number to Python.
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no key")
    return value
