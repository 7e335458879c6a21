"""The schedule file of a season, as FastF1's `fastf1` backend reads it.

One JSON object of columns, each an object of rows; local times, and each event's offset.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ingestion.sample.season import GrandPrix, Season

SESSIONS_PER_EVENT = 5
# The file's `event_date` is the end of the last session, of which clients read the day alone.
RACE_LASTS = timedelta(hours=2)
TESTING_DAY_LASTS = timedelta(hours=9)

Document = dict[str, dict[str, Any]]


def build_schedule_file(season: Season) -> bytes:
    """Byte for byte as the file is published."""
    text = json.dumps(build_schedule(season), indent=2, separators=(",", ":"))
    return text.encode()


def build_schedule(season: Season) -> Document:
    events = [*season.testing, *season.grands_prix]
    return {
        column: {str(row): read_value(event) for row, event in enumerate(events)}
        for column, read_value in COLUMNS.items()
    }


def print_end(event: GrandPrix) -> str:
    """A race that ends after midnight is printed as ending just before it."""
    last = event.sessions[-1]
    if last.starts_at is None:
        return f"{last.day}T00:00:00" if last.day else ""
    start = last.starts_at + event.utc_offset
    end = start + (TESTING_DAY_LASTS if event.round == 0 else RACE_LASTS)
    if end.date() > start.date():
        end = start.replace(hour=23, minute=59, second=59)
    return print_local(end)


def print_offset(event: GrandPrix) -> str:
    minutes = int(event.utc_offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def print_local(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()


def print_start(event: GrandPrix, index: int) -> str | None:
    """A session that exists and has no time yet is an empty string, as the file prints it."""
    if index >= len(event.sessions):
        return None
    starts_at = event.sessions[index].starts_at
    return "" if starts_at is None else print_local(starts_at + event.utc_offset)


def session_columns(index: int) -> dict[str, Callable[[GrandPrix], Any]]:
    return {
        f"session{index + 1}": lambda event: (
            event.sessions[index].name if index < len(event.sessions) else None
        ),
        f"session{index + 1}_date": lambda event: print_start(event, index),
    }


COLUMNS: dict[str, Callable[[GrandPrix], Any]] = {
    "round_number": lambda event: event.round,
    "country": lambda event: event.country,
    "location": lambda event: event.location,
    "official_event_name": lambda event: event.official_name,
    "event_date": print_end,
    "event_name": lambda event: event.name,
    "gmt_offset": print_offset,
    "event_format": lambda event: event.format,
    **{
        column: read_value
        for index in range(SESSIONS_PER_EVENT)
        for column, read_value in session_columns(index).items()
    },
    "f1_api_support": lambda _: True,
}
