"""Single values of the upstreams, each in a plain Python type, None or '' where missing.

The frames' columns are force-cast: a missing text comes as '', 'nan' or 'None', a missing number
as -1 or NaN, a missing time as NaT, and '*DateUtc' is UTC without saying so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

# What values of another shape than the upstreams' raise.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
# What a column of the database holds; no real number comes near.
LARGEST_NUMBER = 32_767
LARGEST_POINTS = 999

MISSING_TEXTS = {"", "nan", "None", "NaT", "<NA>"}

# Points are halved, and were shared by up to seven drivers in the 1950s: 0.14.
HUNDREDTH = Decimal("0.01")

T = TypeVar("T")

# What was noticed since the innermost `noticing` began, in order and once each.
_notices: ContextVar[dict[str, None] | None] = ContextVar("notices", default=None)


@contextmanager
def noticing() -> Iterator[dict[str, None]]:
    """Around the reading of one answer: collects what a person may want to know of it."""
    collected: dict[str, None] = {}
    token = _notices.set(collected)
    try:
        yield collected
    finally:
        _notices.reset(token)


def notice(text: str) -> None:
    collected = _notices.get()
    if collected is not None:
        collected[text] = None


def read_text(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text in MISSING_TEXTS else text


def read_integer(value: Any) -> int | None:
    """None for what FastF1 casts missing numbers to: NaN and -1; no real one is negative."""
    if is_missing(value):
        return None
    number = int(value)
    if number > LARGEST_NUMBER:
        raise ValueError(f"{number} is out of range")
    return None if number < 0 else number


def read_points(value: Any) -> Decimal | None:
    if is_missing(value):
        return None
    # By the shortest text of the float, which is what the upstream had written.
    points = Decimal(str(float(value))).quantize(HUNDREDTH)
    if abs(points) > LARGEST_POINTS:
        raise ValueError(f"{points} points are out of range")
    return points


def read_duration(value: Any) -> timedelta | None:
    if is_missing(value):
        return None
    return timedelta(milliseconds=round(value.total_seconds() * 1000))


def read_utc(value: Any) -> datetime | None:
    """FastF1's naive UTC, made aware."""
    return None if is_missing(value) else value.to_pydatetime().replace(tzinfo=UTC)


def read_utc_offset(value: Any) -> timedelta | None:
    return None if is_missing(value) else value.utcoffset()


def read_date(value: Any) -> date | None:
    return None if is_missing(value) else value.date()


def is_missing(value: Any) -> bool:
    """None, NaN and NaT: the last two differ from themselves."""
    differs = value != value  # noqa: PLR0124
    return value is None or differs or (isinstance(value, str) and not read_text(value))


def require(value: T | None, what: str) -> T:
    if not value:
        raise ValueError(f"the {what} is missing")
    return value
