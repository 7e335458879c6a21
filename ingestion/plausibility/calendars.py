"""May this calendar be believed? Refused whole where not."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from ingestion.errors import BadSourceData
from ingestion.records import CalendarRecord, GrandPrixRecord, StoredEvent
from ingestion.sessions import SessionType

# A session is run within this many days before its race day, or at the latest on the day after
# it in UTC. Postponed qualifyings were run on the race day's morning, none after a race.
WEEKEND_BEFORE = timedelta(days=4)
WEEKEND_AFTER = timedelta(days=1)


def check_calendar(calendar: CalendarRecord) -> None:
    """Raise `BadSourceData`, with every reason, where a calendar cannot be true."""
    if not calendar.grands_prix:
        raise BadSourceData(f"the calendar of {calendar.season} has no grand prix")
    faults = [
        *_repeated("round", (grand_prix.round_number for grand_prix in calendar.grands_prix)),
        *_repeated("name", (grand_prix.name for grand_prix in calendar.grands_prix)),
    ]
    for grand_prix in calendar.grands_prix:
        faults += [f"{grand_prix.name}: {fault}" for fault in _weekend_faults(grand_prix)]
    if faults:
        raise BadSourceData(
            f"the calendar of {calendar.season} cannot be true: {'; '.join(faults)}"
        )


def is_in_season(season: int, at: datetime, utc_offset: timedelta | None) -> bool:
    """Whether an instant is in the season's year by the circuit's clock, where that is known."""
    # Beside the first and the last year that there are no offset can be added.
    if abs(at.year - season) > 1:
        return False
    return (at.astimezone(UTC) + (utc_offset or timedelta(0))).year == season


def is_plausible_weekend(grand_prix: GrandPrixRecord) -> bool:
    return not _weekend_faults(grand_prix)


def check_remaining(
    calendar: CalendarRecord,
    listed: Collection[str],
    events: Iterable[StoredEvent],
    *,
    now: datetime,
) -> None:
    """Raise `BadSourceData` where a calendar lacks more than half of the races that remain.

    `listed` are the slugs of its grands prix. Seasons lose a race, or two at once; one that loses
    most of them was cut.
    """
    remaining = {
        event.grand_prix
        for event in events
        if event.session_type is SessionType.RACE
        and not event.is_cancelled
        and event.starts_at is not None
        and event.starts_at > now
    }
    kept = remaining.intersection(listed)
    if len(remaining) > 1 and 2 * len(kept) < len(remaining):
        raise BadSourceData(
            f"the calendar of {calendar.season} has {len(kept)} of the {len(remaining)} grands "
            "prix that remain"
        )


def _repeated(what: str, values: Iterable[object]) -> list[str]:
    return [f"{what} {value} twice" for value, times in Counter(values).items() if times > 1]


def _weekend_faults(grand_prix: GrandPrixRecord) -> list[str]:
    faults = []
    if grand_prix.round_number is not None and grand_prix.round_number < 1:
        faults.append(f"round {grand_prix.round_number}")
    if grand_prix.race_date.year != grand_prix.season:
        faults.append(f"the race day {grand_prix.race_date} is not in the season")
    kinds = [session.session_type for session in grand_prix.sessions]
    faults += _repeated("session", kinds)
    if SessionType.RACE not in kinds:
        faults.append("no race")
    starts = {
        session.session_type: session.starts_at
        for session in grand_prix.sessions
        if session.starts_at is not None
    }
    for session_type, starts_at in starts.items():
        day = starts_at.date()
        if not (
            grand_prix.race_date - WEEKEND_BEFORE <= day <= grand_prix.race_date + WEEKEND_AFTER
        ):
            faults.append(f"{session_type} on {day}, the race day is {grand_prix.race_date}")
    # Days alone may be equal.
    return faults + [
        f"{session_type} after {follower}"
        for session_type, starts_at in starts.items()
        for follower in session_type.followers
        if follower in starts and starts_at > starts[follower]
    ]
