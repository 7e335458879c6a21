"""Single values of the upstreams, each in a plain Python type, None or '' where missing.

The frames' columns are force-cast: a missing text comes as '', 'nan' or 'None', a missing number
as -1 or NaN, a missing time as NaT, and '*DateUtc' is UTC without saying so.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from unicodedata import category

# What values of another shape than the upstreams' raise.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
# What a column of the database holds; no real number comes near.
LARGEST_NUMBER = 32_767
LARGEST_POINTS = 999

# What the database's columns hold: of names, of places, and of drivers' and teams' keys.
LONGEST_TEXT = 120
LONGEST_PLACE = 80
LONGEST_KEY = 60
# A driver's three letters, and what is printed as his place.
LONGEST_CODE = 4

OFFSET = re.compile(r"(?P<sign>[+-]?)(?P<hours>\d\d):(?P<minutes>\d\d)(?::\d\d)?", re.ASCII)
# Philippe Etancelin drove in 1952, at 55.
EARLIEST_BIRTH = 1896

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


def read_text(value: Any, *, longest: int = LONGEST_TEXT) -> str:
    """Cleaned, '' where it is missing; what is longer than its column is cut, with a notice."""
    text = "" if value is None else clean_text(str(value))
    if len(text) > longest:
        notice(f"a text of {len(text)} characters was cut after {longest}: {text[:40]}...")
        text = text[:longest].rstrip()
    return "" if text in MISSING_TEXTS else text


def read_key(value: Any) -> str:
    """Cleaned as a text is, but never cut: two that begin alike would be one."""
    key = read_text(value, longest=sys.maxsize)
    if len(key) > LONGEST_KEY:
        raise ValueError(f"a key of {len(key)} characters: {key[:40]}...")
    return key


def clean_text(text: str) -> str:
    """Without what is no character to read: control and format characters (which change a
    terminal's colours or the direction of writing), halves of surrogate pairs, and what Unicode
    has not assigned. Blanks and ends of lines are one blank each."""
    if text.isprintable():
        return " ".join(text.split())
    kept = (" " if char.isspace() else char for char in text)
    return " ".join("".join(char for char in kept if category(char)[0] != "C").split())


def list_rows(frame: Any) -> list[dict[str, Any]]:
    """A frame's rows by column. As `to_dict("records")` has them, which makes a column object of
    FastF1's for each column: a fifth of the time that an ingest of a season took."""
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in frame.to_numpy(dtype=object).tolist()]


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


def read_date(value: Any) -> date | None:
    return None if is_missing(value) else value.date()


def read_offset(text: str) -> timedelta:
    """'-05:00:00', of the circuit's local time from UTC."""
    parts = OFFSET.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is no offset from UTC")
    offset = timedelta(hours=int(parts["hours"]), minutes=int(parts["minutes"]))
    return -offset if parts["sign"] == "-" else offset


def read_born(value: Any) -> date | None:
    born = date.fromisoformat(value) if isinstance(value, str) and value else read_date(value)
    if born is not None and not EARLIEST_BIRTH <= born.year <= datetime.now(UTC).year:
        raise ValueError(f"{born} is no driver's date of birth")
    return born


def is_missing(value: Any) -> bool:
    """None, NaN and NaT: the last two differ from themselves."""
    differs = value != value  # noqa: PLR0124
    return value is None or differs or (isinstance(value, str) and not read_text(value))


def require(value: T | None, what: str) -> T:
    if not value:
        raise ValueError(f"the {what} is missing")
    return value
