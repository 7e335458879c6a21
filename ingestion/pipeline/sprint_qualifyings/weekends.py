"""The weekends with a sprint qualifying, as a run sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingestion.lifecycle import expected_end, is_over, results_from
from ingestion.matching import (
    StoredGrandPrix,
    as_known,
    find_listed,
    gather_grands_prix,
)
from ingestion.models import OVERDUE_AFTER, Event
from ingestion.pipeline.missing import HAD
from ingestion.pipeline.season import SeasonRun
from ingestion.pipeline.wanted import Wanted
from ingestion.records import CalendarRecord, GrandPrixRecord, SessionRecord
from ingestion.sessions import SessionType

SPRINT_QUALIFYING = SessionType.SPRINT_QUALIFYING


@dataclass(frozen=True, slots=True)
class Weekend:
    """One with a sprint qualifying; `state` is that of its saved classification."""

    grand_prix: StoredGrandPrix
    results_from: datetime | None
    ends_at: datetime | None
    state: str

    @property
    def has_official(self) -> bool:
        return self.state in HAD

    def is_overdue(self, now: datetime) -> bool:
        return self.ends_at is None or self.ends_at + OVERDUE_AFTER <= now


def find_weekends(calendar: CalendarRecord | None, events: Sequence[Event]) -> list[Weekend]:
    """By the calendar of this run, else by what is stored."""
    kept = {event.grand_prix: event for event in events if event.session_type == SPRINT_QUALIFYING}
    stored = [
        Weekend(grand_prix, event.results_from, event.ends_at, event.results_state)
        for grand_prix in gather_grands_prix([event.as_stored() for event in events])
        if (event := kept.get(grand_prix.slug)) is not None
    ]
    if calendar is None:
        return stored
    return [
        _list_weekend(listed, session, stored)
        for listed, session in calendar.sessions()
        if session.session_type is SPRINT_QUALIFYING
    ]


def _list_weekend(
    listed: GrandPrixRecord, session: SessionRecord, stored: Sequence[Weekend]
) -> Weekend:
    ends_at = expected_end(
        SPRINT_QUALIFYING,
        session.starts_at,
        is_estimated=session.start_is_estimated,
        race_date=listed.race_date,
    )
    soonest = results_from(
        SPRINT_QUALIFYING, session.starts_at, ends_at, is_estimated=session.start_is_estimated
    )
    states = (one.state for one in stored if find_listed(one.grand_prix, [listed]) is not None)
    state = next(states, Event.ResultsState.PENDING.value)
    return Weekend(as_known(listed), soonest, ends_at, state)


def is_due(weekend: Weekend, wanted: Wanted, run: SeasonRun) -> bool:
    is_asked_for = run.request.refresh or wanted[SPRINT_QUALIFYING] is not None
    is_settled = weekend.state == Event.ResultsState.SETTLED
    return is_over(run.now, weekend.results_from) and (is_asked_for or not is_settled)
