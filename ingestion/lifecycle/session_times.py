"""What the clock says of a session: its phase, its lock, its expected end."""

from datetime import UTC, date, datetime, time, timedelta

from ingestion.sessions import SessionType

# A calendar day is over everywhere twelve hours after it is in UTC (UTC-12).
LAST_TIME_ZONE = timedelta(hours=12)
# ... and begins fourteen hours earlier (UTC+14).
FIRST_TIME_ZONE = timedelta(hours=14)

# A weekend's first session is run two days before the race at the earliest.
FIRST_DAY_OF_WEEKEND = timedelta(days=2)
# Two calendars that differ by less may both be right in turn: the earlier start counts for picks.
# Where they differ by more, one of them is mistaken (Las Vegas 2024, a day early at Jolpica).
SMALL_DISPUTE = timedelta(hours=6)


def expected_end(
    session_type: SessionType, starts_at: datetime | None, *, is_estimated: bool, race_date: date
) -> datetime:
    """When the session should be over.

    Of a session known by its day alone, when that day has ended everywhere; of one whose day is
    unknown, when the race's has.
    """
    if starts_at is None:
        return _midnight(race_date) + timedelta(days=1) + LAST_TIME_ZONE
    if is_estimated:
        return starts_at + timedelta(days=1) + LAST_TIME_ZONE
    return starts_at + session_type.kind.usual_duration


def results_from(
    session_type: SessionType,
    starts_at: datetime | None,
    ends_at: datetime | None,
    *,
    is_estimated: bool,
    is_second: bool = False,
) -> datetime | None:
    """The earliest that a published result, or the second source's, may be there; the expected end
    where the start is not known.

    Requesting it sooner is in vain, and Jolpica keeps its empty answer for an hour.
    """
    if starts_at is None or is_estimated or ends_at is None:
        return ends_at
    kind = session_type.kind
    earliest = kind.earliest_second_source if is_second else kind.earliest_result
    return min(starts_at + earliest, ends_at)


def picks_close(
    starts_at: datetime | None,
    *,
    is_estimated: bool,
    disputed_starts_at: datetime | None,
    utc_offset: timedelta | None,
    race_date: date,
) -> datetime:
    """When picks on a session close, as far as the calendars say: at its start.

    Of two starts that are disputed by less than six hours at the earlier. While the start is
    unknown or estimated, at the earliest that the session can begin: the first midnight of the
    weekend at the circuit, or in the first time zone that there is where the circuit's is unknown.
    """
    if starts_at is None or is_estimated:
        offset = FIRST_TIME_ZONE if utc_offset is None else utc_offset
        return _midnight(race_date - FIRST_DAY_OF_WEEKEND) - offset
    if disputed_starts_at is not None and is_small_dispute(starts_at, disputed_starts_at):
        return min(starts_at, disputed_starts_at)
    return starts_at


def is_small_dispute(one: datetime, other: datetime) -> bool:
    return abs(one - other) < SMALL_DISPUTE


def hold_lock(
    locks_at: datetime | None,
    closes: datetime,
    *,
    now: datetime,
    is_known: bool,
    has_results: bool,
) -> datetime:
    """The lock that holds when a calendar moves it to `closes`.

    A lock that has passed never opens again by itself, and moves earlier only while no result is
    in: a session moved earlier is judged by its real start, a finished one that is moved by
    mistake (Austin 2024) spoils no pick. Nor does a start that is not known any more: picks close
    then, and those that were made stay in time.
    """
    if locks_at is None:
        return closes
    if now < locks_at:
        return closes if is_known else max(closes, now)
    return min(locks_at, closes) if is_known and not has_results else locks_at


def status_at(
    now: datetime,
    *,
    starts_at: datetime | None,
    ends_at: datetime | None,
    has_results: bool,
) -> str:
    """`scheduled`, `live` or `completed`: what the clock and the results make of a session."""
    if has_results or is_over(now, ends_at):
        return "completed"
    if starts_at is not None and starts_at <= now:
        return "live"
    return "scheduled"


def is_over(now: datetime, ends_at: datetime | None) -> bool:
    return ends_at is not None and ends_at <= now


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
