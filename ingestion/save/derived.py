"""The fields of an event that are derived from its start, the weekend and the clock."""

from datetime import date, datetime

from django.db.models import Case, Q, Value, When

from ingestion.database_failures import retried
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
    closes_at = picks_close(
        event.starts_at,
        is_estimated=event.start_is_estimated,
        disputed_starts_at=event.disputed_starts_at,
        utc_offset=event.utc_offset,
        race_date=race_date,
    )
    # What a person set counts up to the start, whatever the calendars say.
    if event.picks_until is not None:
        closes_at = event.picks_until
        if event.starts_at is not None and is_known:
            closes_at = min(closes_at, event.starts_at)
    event.locks_at = hold_lock(
        event.locks_at,
        closes_at,
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


@retried
def advance_statuses(now: datetime) -> int:
    """Scheduled events to live, scheduled and live ones to completed, as `Event.phase(now)` has it;
    in one statement, however long ago the last time was. Returns how many changed.

    Never backwards: only a start that moves does that, when its calendar is saved.
    """
    # Through the index `event_unfinished`, however many seasons are stored.
    is_completed = Q(results_revision__gt=0) | Q(ends_at__lte=now)
    has_begun = Q(status=Event.Status.SCHEDULED, starts_at__lte=now)
    status = Case(When(is_completed, then=Value("completed")), default=Value("live"))
    unfinished = Event.objects.filter(status__in=[Event.Status.SCHEDULED, Event.Status.LIVE])
    return unfinished.filter(is_completed | has_begun).update(status=status, updated_at=now)
