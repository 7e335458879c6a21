"""Instants and sources as people read them."""

from datetime import datetime

from django.utils.dateparse import parse_datetime

from ingestion.records import Source


def print_source(source: str) -> str:
    return next((known.label for known in Source if known == source), source)


def print_origin(source: str) -> str:
    return next((known.origin for known in Source if known == source), source)


def print_instant(value: datetime | str) -> str:
    """In UTC; an entry of the feed has its instants as JSON once it was read from there."""
    at = parse_datetime(value) if isinstance(value, str) else value
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else str(value)


def print_start(starts_at: datetime | str | None, *, is_estimated: bool) -> str:
    if starts_at is None:
        return "unknown"
    if is_estimated:
        return f"{print_instant(starts_at)[:10]} at an unknown time"
    return print_instant(starts_at)
