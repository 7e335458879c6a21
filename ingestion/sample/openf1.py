"""OpenF1's lists of a season: meetings, sessions, and each session's result and drivers."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ingestion.sample.season import Finish, GrandPrix, Lap, Season, Session

PATH = "/openf1/v1"
LISTS = ("meetings", "sessions")
OF_SESSIONS = ("session_result", "drivers")
TYPES = {"Practice": "Practice", "Race": "Race", "Sprint": "Race"}
# As it lists their ends; a race may last longer.
LENGTHS = {"Race": timedelta(hours=2)}
USUAL_LENGTH = timedelta(hours=1)
# For so long after a session's end only those with an account are answered, and sometimes longer.
RESTRICTED_AFTER = timedelta(minutes=30)
SPRINT_QUALIFYINGS = ("Sprint Qualifying", "Sprint Shootout")
# Formula 1's pages name the teams in a third way.
TEAMS = {"red_bull": "Red Bull Racing", "sauber": "Kick Sauber", "rb": "RB", "alpine": "Alpine"}

Row = dict[str, Any]


def build_list(season: Season, name: str) -> list[Row]:
    weekends = [*season.testing, *season.grands_prix]
    if name == "meetings":
        return [build_meeting(season, one) for one in weekends if one.sessions]
    return [row for one in weekends for row in build_sessions(season, one)]


def build_meeting(season: Season, weekend: GrandPrix) -> Row:
    starts = [one.starts_at for one in weekend.sessions if one.starts_at is not None]
    return {
        "meeting_key": meeting_key(season, weekend),
        "meeting_name": weekend.name,
        "meeting_official_name": weekend.official_name,
        "country_name": weekend.country,
        "country_code": weekend.country[:3].upper(),
        "location": weekend.location,
        "circuit_short_name": weekend.location,
        "date_start": min(starts).isoformat() if starts else None,
        "date_end": (max(starts) + LENGTHS["Race"]).isoformat() if starts else None,
        "gmt_offset": print_offset(weekend.utc_offset),
        "is_cancelled": False,
        "year": season.year,
    }


def build_sessions(season: Season, weekend: GrandPrix) -> Iterator[Row]:
    for session in weekend.sessions:
        if session.starts_at is None:
            continue
        kind = session.name.split()[0]
        yield {
            "session_key": session_key(season, weekend, session),
            "meeting_key": meeting_key(season, weekend),
            "session_name": session.name,
            "session_type": "Qualifying" if "Qualifying" in session.name else TYPES.get(kind, kind),
            "date_start": session.starts_at.isoformat(),
            "date_end": find_end(session, session.starts_at).isoformat(),
            "gmt_offset": print_offset(weekend.utc_offset),
            "is_cancelled": False,
            "year": season.year,
        }


def find_end(session: Session, starts_at: datetime) -> datetime:
    return starts_at + LENGTHS.get(session.name, USUAL_LENGTH)


def meeting_key(season: Season, weekend: GrandPrix) -> int:
    return season.year % 100 * 100 + weekend.round


def session_key(season: Season, weekend: GrandPrix, session: Session) -> int:
    return meeting_key(season, weekend) * 10 + weekend.sessions.index(session)


def find_session(seasons: Mapping[int, Season], key: int) -> tuple[Season, GrandPrix, Session]:
    """Raises `LookupError` where no session has the key."""
    for season in seasons.values():
        for weekend in season.grands_prix:
            for session in weekend.sessions:
                if session_key(season, weekend, session) == key:
                    return season, weekend, session
    raise LookupError(f"no session has the key {key}")


def is_restricted(seasons: Mapping[int, Season], at: datetime) -> bool:
    """Whether a session runs, or has ended just now."""
    return any(
        session.starts_at <= at < find_end(session, session.starts_at) + RESTRICTED_AFTER
        for season in seasons.values()
        for weekend in season.grands_prix
        for session in weekend.sessions
        if session.starts_at is not None
    )


def find_entries(season: Season, weekend: GrandPrix, session: Session) -> tuple[Finish | Lap, ...]:
    """Empty where there is no result yet, or never is one."""
    if session.name in SPRINT_QUALIFYINGS:
        return season.sprint_qualifyings.get(weekend.id, ())
    if session.name == "Qualifying":
        return season.qualifyings.get(weekend.id, ())
    if session.name in ("Race", "Sprint"):
        table = season.races if session.name == "Race" else season.sprints
        return table.get(weekend.id, ())
    return ()


def build_rows(season: Season, weekend: GrandPrix, session: Session, name: str) -> list[Row]:
    """The rows in the order of Formula 1's page."""
    keys = {
        "meeting_key": meeting_key(season, weekend),
        "session_key": session_key(season, weekend, session),
    }
    entries = find_entries(season, weekend, session)
    if name == "drivers":
        if session.name.startswith("Practice"):
            # Who drives there: those of the weekend's qualifying, as far as it has one, else of
            # the last race before it.
            before = [one.id for one in season.grands_prix if one.round < weekend.round]
            raced = (season.races[key] for key in reversed(before) if key in season.races)
            entries = season.qualifyings.get(weekend.id, next(raced, ()))
        return [{**keys, **build_driver(season, entry)} for entry in entries]
    first = entries[0] if entries else None
    return [{**keys, **build_row(entry, first)} for entry in entries]


def build_driver(season: Season, entry: Finish | Lap) -> Row:
    driver, team = season.drivers[entry.driver], season.constructors[entry.constructor]
    return {
        "driver_number": entry.number,
        "name_acronym": driver.code,
        "full_name": f"{driver.given_name} {driver.family_name.upper()}",
        "first_name": driver.given_name,
        "last_name": driver.family_name,
        "team_name": TEAMS.get(entry.constructor, team.name),
        "team_colour": "3671C6",
        "headshot_url": None,
    }


def build_row(entry: Finish | Lap, first: Finish | Lap | None) -> Row:
    letter = entry.classification
    row: Row = {
        "driver_number": entry.number,
        "position": int(letter) if letter.isdigit() else None,
        "dnf": letter == "R",
        "dns": letter == "W",
        "dsq": letter == "D",
    }
    if isinstance(entry, Lap):
        times = [entry.q1, entry.q2, entry.q3]
        best = [first.q1, first.q2, first.q3] if isinstance(first, Lap) else times
        return {
            **row,
            "number_of_laps": 20,
            "duration": [None if time is None else time / 1000 for time in times],
            "gap_to_leader": [
                None if time is None or lead is None else round((time - lead) / 1000, 3)
                for time, lead in zip(times, best, strict=True)
            ],
        }
    return {
        **row,
        "number_of_laps": entry.laps,
        "points": float(entry.points),
        "duration": None if entry.milliseconds is None else entry.milliseconds / 1000,
        "gap_to_leader": print_gap(entry, first) if letter.isdigit() else None,
    }


def print_gap(entry: Finish, first: Finish | Lap | None) -> float | str | None:
    if not isinstance(first, Finish):
        return None
    if entry.milliseconds is not None and first.milliseconds is not None:
        return round((entry.milliseconds - first.milliseconds) / 1000, 3)
    laps = first.laps - entry.laps
    return f"+{laps} LAP{'S' if laps > 1 else ''}"


def print_offset(offset: timedelta) -> str:
    sign, seconds = ("-" if offset < timedelta(0) else ""), abs(int(offset.total_seconds()))
    return f"{sign}{seconds // 3600:02}:{seconds % 3600 // 60:02}:00"
