"""What the headers of a response say: when it was made, and when a new request is welcome."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# What headers of another form than HTTP's raise.
MALFORMED = (LookupError, TypeError, ValueError, OverflowError)


def read_generated_at(headers: Mapping[str, str]) -> datetime | None:
    """When the upstream made it (UTC): `Expires` less `max-age`, else `Date` less `Age`."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        max_age = _max_age(headers.get("cache-control", ""))
        if max_age is not None:
            return _http_date(headers["expires"]) - max_age
    with suppress(*MALFORMED):
        return _http_date(headers["date"]) - timedelta(seconds=int(headers.get("age", 0)))
    return None


def read_expires_at(headers: Mapping[str, str]) -> datetime | None:
    """Until when the upstream answers the same to everybody (UTC): `Expires`, where it lets its
    answers be kept at all."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        if _max_age(headers.get("cache-control", "")):
            return _http_date(headers["expires"])
    return None


def read_clock(headers: Mapping[str, str]) -> datetime | None:
    """What the upstream's clock showed when it sent the response (UTC): `Date`, and `Age` where a
    cache in between has kept it since."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        return _http_date(headers["date"]) + timedelta(seconds=int(headers.get("age", 0)))
    return None


def read_retry_at(headers: Mapping[str, str], requested_at: datetime) -> datetime | None:
    """`Retry-After`, in seconds or as a date (UTC). Jolpica sends none, a proxy in front of it
    may."""
    after = _folded(headers).get("retry-after", "")
    with suppress(*MALFORMED):
        if after.isdecimal():
            return requested_at + timedelta(seconds=int(after))
        return _http_date(after)
    return None


def _folded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _max_age(cache_control: str) -> timedelta | None:
    for directive in cache_control.split(","):
        name, _, seconds = directive.strip().partition("=")
        if name.lower() == "max-age":
            return timedelta(seconds=int(seconds))
    return None


def _http_date(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)
