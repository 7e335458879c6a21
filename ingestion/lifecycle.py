"""What the clock says of a session: pure functions, `now` is always an argument."""

from datetime import datetime, timedelta

from ingestion.records import SessionType

# Flag to flag with the usual slack. A race may last two hours of running within three hours in
# all (FIA Formula One Sporting Regulations, article 5.4), a sprint an hour within an hour and a
# half; qualifying takes an hour, sprint qualifying three quarters, and red flags stop its clock.
USUAL_DURATION = {
    SessionType.RACE: timedelta(hours=3),
    SessionType.SPRINT: timedelta(minutes=90),
    SessionType.QUALIFYING: timedelta(minutes=90),
    SessionType.SPRINT_QUALIFYING: timedelta(minutes=75),
}

# A calendar day is over everywhere twelve hours after it is in UTC (UTC-12).
LAST_TIME_ZONE = timedelta(hours=12)
# ... and begins fourteen hours earlier (UTC+14).
FIRST_TIME_ZONE = timedelta(hours=14)


def expected_end(
    session_type: SessionType, starts_at: datetime | None, *, is_estimated: bool
) -> datetime | None:
    """When the session should be over, None while its start is unknown.

    Of a session known by its day alone: when that day has ended everywhere.
    """
    if starts_at is None:
        return None
    if is_estimated:
        return starts_at + timedelta(days=1) + LAST_TIME_ZONE
    return starts_at + USUAL_DURATION[session_type]


def picks_close(
    starts_at: datetime | None, *, is_estimated: bool, utc_offset: timedelta | None
) -> datetime | None:
    """When picks on a session close: at its start.

    Where only the day is known, at the earliest that it can begin: that day's midnight at the
    circuit, or in the first time zone that there is where the circuit's is unknown.
    """
    if starts_at is None or not is_estimated:
        return starts_at
    return starts_at - (FIRST_TIME_ZONE if utc_offset is None else utc_offset)


def status_at(
    now: datetime,
    *,
    locks_at: datetime | None,
    ends_at: datetime | None,
    has_results: bool,
) -> str:
    """`scheduled`, `live` or `completed`: what the clock and the results make of a session."""
    if has_results or (ends_at is not None and ends_at <= now):
        return "completed"
    if locks_at is not None and locks_at <= now:
        return "live"
    return "scheduled"


def is_over(now: datetime, ends_at: datetime | None) -> bool:
    return ends_at is not None and ends_at <= now
