"""What must never pass the transform, and what may stand in its place at the upstreams."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from ingestion.records import Source
from ingestion.sessions import SessionType

# A missing value, in all the ways in which one is printed.
MISSING: list[Any] = [None, "", " ", "nan", "None", "NaT", "<NA>"]

ABSENT = object()
anything_missing = st.sampled_from([ABSENT, *MISSING, "-1", "x", 7, -0.5, True, "12.5", "1:23.456"])

PLAIN = (
    *(type(None), bool, int, str, Decimal, date, datetime, timedelta),
    *(SessionType, Source),
)


def values(record: Any) -> Iterator[Any]:
    """Every value in a record and in those that it holds."""
    if is_dataclass(record):
        for field in fields(record):
            yield from values(getattr(record, field.name))
    elif isinstance(record, list | tuple):
        for item in record:
            yield from values(item)
    else:
        yield record


def assert_plain(record: Any) -> None:
    for value in values(record):
        assert type(value) in PLAIN, f"{type(value)}: {value!r}"
        assert value == value  # noqa: PLR0124 - NaN and NaT differ from themselves
        if isinstance(value, str):
            assert value not in {"nan", "None", "NaT", "<NA>"}
        if isinstance(value, datetime):
            assert value.tzinfo is UTC


def spoil(part: dict[str, Any], key: str, value: Any) -> None:
    if value is ABSENT:
        del part[key]
    else:
        part[key] = value
