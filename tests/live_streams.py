"""Live timing's archive of a season, in the form of Formula 1's: an index and a few streams.

The streams are those that a classification needs. Each line is the time since the stream began
and what changed then, in JSON; lines end with CR LF and a file begins with a byte order mark.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from ingestion.sample.ergast import print_clock
from ingestion.sample.season import Finish, GrandPrix, Lap, Season, Session
from tests.live_laps import (
    GAIN_OFF_THE_TRACK,
    MINUTE,
    PART_LENGTHS,
    PART_STARTS,
    RACE_START,
    SECOND,
    Document,
    Entries,
    Line,
    find_deleted,
    order_on_track,
    time_qualifying,
    time_race,
)

STATIC_PATH = "/static/"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FINALISED_AFTER = 8 * MINUTE
ENDS_AFTER = 20 * MINUTE

# Live timing calls teams by other names than Jolpica's.
TEAM_NAMES = {"red_bull": "Red Bull Racing", "sauber": "Kick Sauber", "rb": "RB"}
TYPES = {
    "Qualifying": "Qualifying",
    "Sprint Qualifying": "Qualifying",
    "Sprint": "Race",
    "Race": "Race",
}


def build_answer(season: Season | None, path: str) -> bytes | None:
    """The file at a path below `/static/`; None where there is none."""
    if season is None:
        return None
    if path == f"{STATIC_PATH}{season.year}/Index.json":
        return build_index(season)
    folder, _, file = path.removeprefix(STATIC_PATH).rpartition("/")
    for weekend in season.grands_prix:
        for session in weekend.sessions:
            if folder + "/" == print_path(weekend, session):
                return build_stream(season, weekend, session, file.removesuffix(".jsonStream"))
    return None


def build_index(season: Season) -> bytes:
    """Sessions stand in it once their streams do."""
    meetings = [build_meeting(season, weekend) for weekend in season.grands_prix]
    document = {"Year": season.year, "Meetings": [one for one in meetings if one["Sessions"]]}
    return BYTE_ORDER_MARK + print_json(document).encode()


def build_meeting(season: Season, weekend: GrandPrix) -> Document:
    sessions = [
        build_session(weekend, session)
        for session in weekend.sessions
        if choose_entries(season, weekend, session.name)
    ]
    return {
        "Sessions": sessions,
        "Key": print_key(weekend),
        "Code": f"M{print_key(weekend)}",
        "Number": weekend.round,
        "Location": weekend.location,
        "OfficialName": weekend.official_name,
        "Name": weekend.name,
        "Country": build_country(weekend),
        "Circuit": {"Key": print_key(weekend), "ShortName": weekend.location},
    }


def build_country(weekend: GrandPrix) -> Document:
    return {
        "Key": print_key(weekend),
        "Code": weekend.country[:3].upper(),
        "Name": weekend.country,
    }


def build_session(weekend: GrandPrix, session: Session) -> Document:
    start = read_start(weekend, session)
    return {
        "Key": print_key(weekend) * 10 + weekend.sessions.index(session),
        "Type": TYPES.get(session.name, "Practice"),
        "Name": session.name,
        "StartDate": start.isoformat(),
        "EndDate": (start + timedelta(hours=1)).isoformat(),
        "GmtOffset": print_offset(weekend.utc_offset),
        "Path": print_path(weekend, session),
    }


def print_key(weekend: GrandPrix) -> int:
    return 1200 + weekend.round


def read_start(weekend: GrandPrix, session: Session) -> datetime:
    """On the circuit's clock."""
    if session.starts_at is None:
        raise ValueError(f"the {session.name} of {weekend.id} has no start")
    return (session.starts_at + weekend.utc_offset).replace(tzinfo=None)


def print_offset(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else ""
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}:00"


def print_path(weekend: GrandPrix, session: Session) -> str:
    day = read_start(weekend, session).date()
    race_day = read_start(weekend, weekend.sessions[-1]).date()
    path = f"{race_day.year}/{race_day} {weekend.name}/{day} {session.name}/"
    return path.replace(" ", "_")


def choose_entries(season: Season, weekend: GrandPrix, name: str) -> Entries:
    """The session's classification; empty where it has none yet, or never."""
    tables: Mapping[str, Mapping[str, Entries]] = {
        "Qualifying": season.qualifyings,
        "Sprint Qualifying": season.sprint_qualifyings,
        "Sprint": season.sprints,
        "Race": season.races,
    }
    return tables.get(name, {}).get(weekend.id, ())


def build_stream(season: Season, weekend: GrandPrix, session: Session, stream: str) -> bytes | None:
    entries = choose_entries(season, weekend, session.name)
    if not entries:
        return None
    lines = build_lines(season, weekend, session, entries, stream)
    return None if lines is None else print_stream(lines)


def build_lines(
    season: Season, weekend: GrandPrix, session: Session, entries: Entries, stream: str
) -> Iterable[Line] | None:
    laps = [entry for entry in entries if isinstance(entry, Lap)]
    finishes = [entry for entry in entries if isinstance(entry, Finish)]
    streams: Mapping[str, Callable[[], Iterable[Line]]] = {
        "SessionInfo": lambda: [(0, build_info(weekend, session))],
        "DriverList": lambda: [(7 * SECOND, build_drivers(season, entries))],
        "TrackStatus": lambda: [(9 * SECOND, {"Status": "1", "Message": "AllClear"})],
        "SessionStatus": lambda: build_statuses(finishes),
        "TimingData": lambda: time_race(finishes) if finishes else time_qualifying(laps),
        "RaceControlMessages": lambda: build_messages(season, weekend, session, laps),
    }
    return streams[stream]() if stream in streams else None


def print_stream(lines: Iterable[Line]) -> bytes:
    text = "".join(
        f"{print_moment(at)}{print_json(content)}\r\n"
        for at, content in sorted(lines, key=lambda line: line[0])
    )
    return BYTE_ORDER_MARK + text.encode()


def print_moment(at: int) -> str:
    """Always twelve characters: FastF1 cuts there."""
    minutes, milliseconds = divmod(at, MINUTE)
    seconds, thousandths = divmod(milliseconds, SECOND)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{thousandths:03}"


def print_json(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def build_info(weekend: GrandPrix, session: Session) -> Document:
    """As it is when the stream begins: it goes on calling the archive unfinished."""
    return {
        "Meeting": {
            "Key": print_key(weekend),
            "Name": weekend.name,
            "OfficialName": weekend.official_name,
            "Location": weekend.location,
            "Number": weekend.round,
            "Country": build_country(weekend),
            "Circuit": {"Key": print_key(weekend), "ShortName": weekend.location},
        },
        "SessionStatus": "Inactive",
        "ArchiveStatus": {"Status": "Generating"},
        **build_session(weekend, session),
    }


def build_drivers(season: Season, entries: Entries) -> Document:
    drivers = {}
    for line, entry in enumerate(sorted(entries, key=lambda entry: entry.number), start=1):
        driver = season.drivers[entry.driver]
        constructor = season.constructors[entry.constructor]
        drivers[str(entry.number)] = {
            "RacingNumber": str(entry.number),
            "BroadcastName": f"{driver.given_name[0]} {driver.family_name.upper()}",
            "FullName": f"{driver.given_name} {driver.family_name.upper()}",
            "Tla": driver.code,
            "Line": line,
            "TeamName": TEAM_NAMES.get(constructor.id, constructor.name),
            "TeamColour": "3671C6",
            "FirstName": driver.given_name,
            "LastName": driver.family_name,
            "Reference": f"{driver.given_name[:3]}{driver.family_name[:3]}01".upper(),
            "CountryCode": driver.nationality[:3].upper(),
        }
    return drivers


def build_statuses(finishes: Sequence[Finish]) -> Iterator[Line]:
    yield 5 * SECOND, {"Status": "Inactive"}
    parts = list(zip(PART_STARTS, PART_LENGTHS, strict=True))
    if finishes:
        _, winner_took = order_on_track(finishes)[0]
        parts = [(RACE_START, winner_took)]
    for start, length in parts:
        yield start, {"Status": "Started"}
        yield start + length, {"Status": "Finished"}
    flag = sum(parts[-1])
    yield flag + FINALISED_AFTER, {"Status": "Finalised"}
    yield flag + ENDS_AFTER, {"Status": "Ends"}


def build_messages(
    season: Season, weekend: GrandPrix, session: Session, laps: Sequence[Lap]
) -> Iterator[Line]:
    """The first line has a list of messages, each that follows an object of one."""
    began = read_start(weekend, session) - weekend.utc_offset - timedelta(minutes=15)

    def tell(at: int, category: str, message: str) -> Document:
        moment = began + timedelta(milliseconds=at)
        told = {"Utc": moment.isoformat(timespec="seconds"), "Category": category}
        return {**told, "Message": message}

    start = PART_STARTS[0]
    yield start, {"Messages": [tell(start, "Flag", "GREEN LIGHT - PIT EXIT OPEN")]}
    lap = find_deleted(laps)
    if lap is not None and lap.q1 is not None:
        at = start + 10 * MINUTE
        time = print_clock(lap.q1 - GAIN_OFF_THE_TRACK)
        code = season.drivers[lap.driver].code
        message = f"CAR {lap.number} ({code}) TIME {time} DELETED - TRACK LIMITS AT TURN 9 LAP 3"
        yield at, {"Messages": {"1": tell(at, "Other", message)}}
