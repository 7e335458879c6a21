"""How many pages a season's classifications will take, before the first is asked for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Count

from ingestion import fetch
from ingestion.lifecycle import is_over
from ingestion.models import Event, Result
from ingestion.pipeline.missing import has_unlisted_qualifyings
from ingestion.pipeline.season import Session
from ingestion.sessions import SessionType

# Cars in a classification; before, more of them than could start.
USUAL_FIELD = 20
EARLIER_FIELD = 26
FIRST_OF_USUAL_FIELD = 2010


def expect_pages(
    season: int, sessions: Iterable[Session], events: Sequence[Event], now: datetime
) -> dict[SessionType, int]:
    """By the rows that are stored and, for sessions that are over and have none, a usual field."""
    over = Counter(session.session_type for session in sessions if is_over(now, session.ends_at))
    if has_unlisted_qualifyings(season):
        over[SessionType.QUALIFYING] = over[SessionType.RACE]
    known = Counter(SessionType(event.session_type) for event in events if event.has_results)
    rows = _count_rows(season) if known else {}
    field = USUAL_FIELD if season >= FIRST_OF_USUAL_FIELD else EARLIER_FIELD
    return {
        kind: fetch.count_pages(rows.get(kind, 0) + field * max(0, over[kind] - known[kind]))
        for kind in fetch.ENDPOINTS
    }


def _count_rows(season: int) -> dict[str, int]:
    stored = Result.objects.filter(event__season=season).order_by()
    return dict(stored.values_list("event__session_type").annotate(Count("pk")))
