"""Which corrections an event allows as it is, for whoever offers them."""

from collections.abc import Callable
from datetime import datetime

from ingestion.corrections.results import has_leaders_alone
from ingestion.models import KNOWN_BEFORE_LOCK, Entrant, Event

Condition = Callable[[Event, datetime], bool]


def possible_corrections(event: Event, now: datetime) -> list[str]:
    """Their names, the most usual ones first. Any other would be refused; one of these may be
    refused for what the person says. One query where picks are open and close in more than a
    week."""
    # Each condition once, however many corrections have it: one of them queries.
    held = {condition for condition in {*CONDITIONS.values()} if condition(event, now)}
    return [name for name, condition in CONDITIONS.items() if condition in held]


def _is_on(event: Event) -> bool:
    return not event.is_cancelled


def _is_classified(event: Event, _now: datetime) -> bool:
    return _is_on(event) and event.has_results


def _awaits_results(event: Event, _now: datetime) -> bool:
    return _is_on(event) and not event.has_results


def _is_proposed(event: Event, _now: datetime) -> bool:
    return _is_on(event) and event.has_open_proposal


def _has_entrants(event: Event, now: datetime) -> bool:
    """Its own lock may be more than a week ahead where the weekend's first one is not."""
    if event.status != Event.Status.SCHEDULED or event.locks_at is None or not event.in_time(now):
        return False
    if event.locks_at <= now + KNOWN_BEFORE_LOCK:
        return True
    entrants = Entrant.objects.filter(season=event.season, grand_prix=event.grand_prix)
    return entrants.exists()


CONDITIONS: dict[str, Condition] = {
    "accept": _is_proposed,
    "reject": _is_proposed,
    "reconsider": lambda event, _now: (
        _is_on(event) and event.proposal_id is not None and event.proposal_rejected
    ),
    "podium": _is_classified,
    "undo": lambda event, _now: (
        _is_on(event)
        and event.results_locked
        # Before a podium that was entered by hand there is nothing.
        and (event.results_revision > 1 or not has_leaders_alone(event))
    ),
    # Where a second source says otherwise, a person's decision ends it.
    "keep": lambda event, now: _is_classified(event, now) and not event.results_locked,
    "edit": _is_classified,
    "entry": _is_classified,
    "disqualify": _is_classified,
    "leaders": lambda event, _now: (
        _is_on(event) and (not event.has_results or has_leaders_alone(event))
    ),
    "restore": lambda event, _now: (
        _is_on(event) and event.results_revision > (0 if event.results_locked else 1)
    ),
    "settle": lambda event, now: (
        _is_classified(event, now) and event.results_state != Event.ResultsState.SETTLED
    ),
    "release": lambda event, _now: event.results_locked,
    "replace-driver": _has_entrants,
    "withdraw-driver": _has_entrants,
    "add-driver": _has_entrants,
    "start": lambda event, _now: _is_on(event),
    "status": _awaits_results,
    # A start that has passed is no time until which picks could be open.
    "reopen": lambda event, now: (
        _awaits_results(event, now) and (event.starts_at is None or event.starts_at > now)
    ),
    "close": lambda event, now: _is_on(event) and event.in_time(now),
    "void": lambda event, _now: _is_on(event),
    "unvoid": lambda event, _now: event.is_cancelled,
    "release-schedule": lambda event, _now: event.schedule_locked,
}
