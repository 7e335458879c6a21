"""What a season that is over still lacks, by what is stored: where a backfill goes on."""

from collections.abc import Sequence
from datetime import datetime

from ingestion.models import Event
from ingestion.pipeline.season import CALENDARS, PARTS
from ingestion.sessions import SessionType

HAD = (Event.ResultsState.OFFICIAL, Event.ResultsState.SETTLED)


def has_unlisted_qualifyings(season: int) -> bool:
    return SessionType.QUALIFYING.is_unlisted(season)


def find_missing(events: Sequence[Event], now: datetime) -> frozenset[str]:
    """The parts of a season that are worth asking for, by its events that are not cancelled.

    A kind of session until each that is over has its official classification; the calendars while
    nothing is stored, or while classifications are missing and nothing was learnt since the last
    session.
    """
    if not events:
        return frozenset(PARTS)
    missing = {
        event.session_type
        for event in events
        if event.is_over(now) and event.results_state not in HAD and not event.results_locked
    }
    if has_unlisted_qualifyings(events[0].season) and not _has_most_qualifyings(events):
        missing.add(SessionType.QUALIFYING)
    if missing and _is_out_of_date(events):
        missing.add(CALENDARS)
    return frozenset(missing)


def _has_most_qualifyings(events: Sequence[Event]) -> bool:
    """Those that no calendar lists exist where they have a classification. Jolpica may not have
    each, and gives all that it has at once: a single one may come from asking for its round."""
    kinds = [event.session_type for event in events]
    return 2 * kinds.count(SessionType.QUALIFYING) >= kinds.count(SessionType.RACE)


def _is_out_of_date(events: Sequence[Event]) -> bool:
    """A race that was cancelled meanwhile would be waited for in vain."""
    ends = [event.ends_at for event in events if event.ends_at is not None]
    return bool(ends) and max(event.updated_at for event in events) < max(ends)
