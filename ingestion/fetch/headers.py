"""What the headers of an answer say: when it was made, when asking again is welcome."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# What headers of another form than HTTP's raise.
MALFORMED = (LookupError, TypeError, ValueError, OverflowError)


def age_of(headers: Mapping[str, str]) -> datetime | None:
    """When the upstream made the answer (UTC): `Expires` less `max-age`, else `Date` less `Age`."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        max_age = _max_age(headers.get("cache-control", ""))
        if max_age is not None:
            return _http_date(headers["expires"]) - max_age
    with suppress(*MALFORMED):
        return _http_date(headers["date"]) - timedelta(seconds=int(headers.get("age", 0)))
    return None


def expires_at(headers: Mapping[str, str]) -> datetime | None:
    """Until when the upstream answers the same to everybody (UTC): `Expires`, where it lets its
    answers be kept at all."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        if _max_age(headers.get("cache-control", "")):
            return _http_date(headers["expires"])
    return None


def clock_of(headers: Mapping[str, str]) -> datetime | None:
    """What the upstream's clock said when it sent the answer (UTC): `Date`, and `Age` where a cache
    in between kept it since."""
    headers = _folded(headers)
    with suppress(*MALFORMED):
        return _http_date(headers["date"]) + timedelta(seconds=int(headers.get("age", 0)))
    return None


def retry_at(headers: Mapping[str, str], asked_at: datetime) -> datetime | None:
    """`Retry-After`, in seconds or as a date (UTC). Jolpica sends none, what stands before it
    may."""
    after = _folded(headers).get("retry-after", "")
    with suppress(*MALFORMED):
        if after.isdecimal():
            return asked_at + timedelta(seconds=int(after))
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
