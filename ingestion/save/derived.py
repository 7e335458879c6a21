"""The fields of an event that are derived from its start, the weekend and the clock."""

from datetime import date, datetime

from ingestion.lifecycle import expected_end, hold_lock, picks_close, status_at
from ingestion.models import Event
from ingestion.sessions import SessionType

DERIVED_FIELDS = ("ends_at", "locks_at", "status")


def derive_fields(event: Event, race_date: date, now: datetime) -> None:
    """Set the expected end, the lock and the status."""
    event.ends_at = expected_end(
        SessionType(event.session_type),
        event.starts_at,
        is_estimated=event.start_is_estimated,
        race_date=race_date,
    )
    is_known = event.starts_at is not None and not event.start_is_estimated
    event.locks_at = hold_lock(
        event.locks_at,
        _find_closing(event, race_date, is_known=is_known),
        now=now,
        is_known=is_known or event.picks_until is not None,
        has_results=event.has_results,
    )
    if not event.is_cancelled:
        event.status = status_at(
            now,
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            has_results=event.has_results,
        )


def _find_closing(event: Event, race_date: date, *, is_known: bool) -> datetime:
    """What a person set counts up to the start; otherwise the calendars decide."""
    if event.picks_until is not None:
        known = event.starts_at if is_known else None
        return event.picks_until if known is None else min(event.picks_until, known)
    return picks_close(
        event.starts_at,
        is_estimated=event.start_is_estimated,
        disputed_starts_at=event.disputed_starts_at,
        utc_offset=event.utc_offset,
        race_date=race_date,
    )
