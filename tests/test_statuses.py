"""Statuses by the clock and by results, in one statement."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ingestion.models import Event
from ingestion.save import advance_statuses

pytestmark = pytest.mark.django_db

NOON = datetime(2024, 7, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def create_event(name: str, starts_at: datetime | None, **changes: object) -> Event:
    facts: dict[str, object] = {
        "season": 2024,
        "grand_prix": name,
        "session_type": "race",
        "name": name,
        "starts_at": starts_at,
        "ends_at": None if starts_at is None else starts_at + 3 * HOUR,
        **changes,
    }
    return Event.objects.create(**facts)


@pytest.fixture(autouse=True)
def events() -> None:
    create_event("future", NOON + HOUR)
    create_event("begun", NOON - HOUR)
    create_event("just-begun", NOON)
    create_event("over", NOON - 4 * HOUR)
    create_event("over-while-live", NOON - 3 * HOUR, status="live")
    create_event("early", NOON - HOUR, status="live", results_revision=1, results_state="official")
    create_event("unknown", None)
    create_event("unknown-and-over", None, ends_at=NOON - HOUR)
    create_event("cancelled", NOON - 4 * HOUR, status="cancelled")


def statuses() -> dict[str, str]:
    return dict(Event.objects.values_list("grand_prix", "status"))


def test_statuses_are_what_the_phase_says_whenever_the_last_tick_was() -> None:
    for later in (timedelta(0), HOUR, 5 * HOUR, timedelta(days=9)):
        advance_statuses(NOON + later)
        phases = {event.grand_prix: event.phase(NOON + later) for event in Event.objects.all()}
        assert statuses() == phases


def test_each_goes_forward_by_the_clock_or_by_its_result() -> None:
    assert advance_statuses(NOON) == 6
    assert statuses() == {
        "future": "scheduled",
        "begun": "live",
        "just-begun": "live",
        "over": "completed",
        "over-while-live": "completed",
        "early": "completed",
        "unknown": "scheduled",
        "unknown-and-over": "completed",
        "cancelled": "cancelled",
    }


def test_one_statement_does_it_and_again_nothing_changes() -> None:
    advance_statuses(NOON)
    before = list(Event.objects.order_by("pk").values())
    with CaptureQueriesContext(connection) as captured:
        assert advance_statuses(NOON) == 0
    assert len(captured) == 1
    assert list(Event.objects.order_by("pk").values()) == before


def test_a_clock_that_goes_back_takes_no_status_back() -> None:
    advance_statuses(NOON + 9 * HOUR)
    before = statuses()
    advance_statuses(NOON - 9 * HOUR)
    assert statuses() == before
