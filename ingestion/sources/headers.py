"""What the headers of a response say: when it was made, and when a new request is welcome."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# How far two clocks that are kept right may be apart.
CLOCK_TOLERANCE = timedelta(seconds=30)
# Older than this no upstream says that it is, unless its clock is wrong.
OLDEST = timedelta(days=365)
# As long as a run that waits trusts an upstream; the real ones say an hour at most.
LONGEST_WAIT = timedelta(hours=6)
# A negative age is none that can be true, and has to be seen for that.
SECONDS = re.compile(r"[+-]?\d+", re.ASCII)

# What headers of another form than HTTP's raise.
MALFORMED = (LookupError, TypeError, ValueError, OverflowError)


def read_generated_at(headers: Mapping[str, str]) -> datetime | None:
    """When the upstream made it (UTC): `Expires` less `max-age`, else `Date` less `Age`. Not
    bounded: a negative age gives a time to come."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        max_age = _max_age(headers.get("cache-control", ""))
        # With none an answer is not kept, and `Expires` is often any past date.
        if max_age:
            return _http_date(headers["expires"]) - max_age
    with suppress(*MALFORMED):
        return _http_date(headers["date"]) - _seconds(headers.get("age", "0"))
    return None


def bound_generated_at(
    generated_at: datetime | None, received_at: datetime
) -> tuple[datetime | None, str]:
    """Never later than it arrived, or every true answer after it would be older; and what is wrong
    with what the headers say, '' where nothing is."""
    if generated_at is not None and generated_at < received_at - OLDEST:
        return None, (
            f"by its headers it was made on {generated_at:%Y-%m-%d}; its age counts as unknown"
        )
    return bound_age_of_copy(generated_at, received_at)


def bound_age_of_copy(
    generated_at: datetime | None, received_at: datetime
) -> tuple[datetime | None, str]:
    if generated_at is None or generated_at <= received_at:
        return generated_at, ""
    if generated_at <= received_at + CLOCK_TOLERANCE:
        return received_at, ""
    return received_at, (
        f"by its headers it was made at {generated_at:%Y-%m-%d %H:%M} UTC, which is still to "
        "come; it counts as made when it arrived"
    )


def bound_expires_at(
    expires_at: datetime | None, received_at: datetime
) -> tuple[datetime | None, str]:
    """The time, bounded as in `bound_generated_at`, so that no header stops polling for years."""
    if expires_at is None or expires_at <= received_at + LONGEST_WAIT:
        return expires_at, ""
    return received_at + LONGEST_WAIT, (
        f"by its headers it holds until {expires_at:%Y-%m-%d %H:%M} UTC; it counts as expired "
        f"after {LONGEST_WAIT.total_seconds() // 3600:g} hours"
    )


def read_expires_at(headers: Mapping[str, str]) -> datetime | None:
    """Until when the upstream answers the same to everybody (UTC): `Expires`, where it lets its
    answers be kept at all."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        max_age = _max_age(headers.get("cache-control", ""))
        if max_age is not None and max_age > timedelta(0):
            return _http_date(headers["expires"])
    return None


def read_clock(headers: Mapping[str, str]) -> datetime | None:
    """What the upstream's clock showed when it sent the response (UTC): `Date`, and `Age` where a
    cache in between has kept it since."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        age = max(_seconds(headers.get("age", "0")), timedelta(0))
        return _http_date(headers["date"]) + age
    return None


def read_retry_at(headers: Mapping[str, str], requested_at: datetime) -> datetime | None:
    """`Retry-After`, in seconds or as a date (UTC), within the hours that are waited at most.
    Jolpica sends none, a proxy in front of it may."""
    after = _folded(headers).get("retry-after", "").strip()
    latest = requested_at + LONGEST_WAIT
    with suppress(*MALFORMED):
        if after.isdecimal():
            seconds = min(int(after), int(LONGEST_WAIT.total_seconds()))
            return requested_at + timedelta(seconds=seconds)
        return max(requested_at, min(_http_date(after), latest))
    return None


def _folded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _max_age(cache_control: str) -> timedelta | None:
    for directive in cache_control.split(","):
        name, _, seconds = directive.strip().partition("=")
        if name.lower() == "max-age":
            return _seconds(seconds)
    return None


def _seconds(text: str) -> timedelta:
    if not SECONDS.fullmatch(text.strip()):
        raise ValueError(f"{text[:40]!r} is no number of seconds")
    return timedelta(seconds=int(text))


def _http_date(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)
