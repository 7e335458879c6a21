"""What the clock says of a session."""

from datetime import UTC, datetime, timedelta

import pytest

from ingestion.lifecycle import expected_end, is_over, picks_close, status_at
from ingestion.records import SessionType

START = datetime(2024, 7, 28, 13, tzinfo=UTC)
MIDNIGHT = datetime(2024, 7, 28, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("session_type", "minutes"),
    [
        (SessionType.RACE, 180),
        (SessionType.SPRINT, 90),
        (SessionType.QUALIFYING, 90),
        (SessionType.SPRINT_QUALIFYING, 75),
    ],
)
def test_when_a_session_should_be_over(session_type: SessionType, minutes: int) -> None:
    end = expected_end(session_type, START, is_estimated=False)
    assert end == START + timedelta(minutes=minutes)


@pytest.mark.parametrize("session_type", list(SessionType))
def test_of_a_session_known_by_its_day_the_day_ends_everywhere(session_type: SessionType) -> None:
    end = expected_end(session_type, MIDNIGHT, is_estimated=True)
    assert end == datetime(2024, 7, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize("is_estimated", [True, False])
def test_an_unknown_start_has_no_end_and_no_lock(is_estimated: bool) -> None:
    assert expected_end(SessionType.RACE, None, is_estimated=is_estimated) is None
    assert picks_close(None, is_estimated=is_estimated, utc_offset=timedelta(hours=2)) is None


@pytest.mark.parametrize("offset", [None, timedelta(hours=-8)])
def test_picks_close_at_the_start(offset: timedelta | None) -> None:
    assert picks_close(START, is_estimated=False, utc_offset=offset) == START


@pytest.mark.parametrize(
    ("offset", "closes"),
    [
        (timedelta(hours=2), datetime(2024, 7, 27, 22, tzinfo=UTC)),
        (timedelta(hours=-8), datetime(2024, 7, 28, 8, tzinfo=UTC)),
        (timedelta(0), MIDNIGHT),
        (timedelta(hours=5, minutes=30), datetime(2024, 7, 27, 18, 30, tzinfo=UTC)),
        (None, datetime(2024, 7, 27, 10, tzinfo=UTC)),
    ],
)
def test_of_a_session_known_by_its_day_picks_close_when_the_day_begins(
    offset: timedelta | None, closes: datetime
) -> None:
    assert picks_close(MIDNIGHT, is_estimated=True, utc_offset=offset) == closes


END = START + timedelta(hours=3)


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (START - A_MOMENT, "scheduled"),
        (START, "live"),
        (END - A_MOMENT, "live"),
        (END, "completed"),
        (END + timedelta(days=400), "completed"),
    ],
)
def test_statuses_follow_the_clock(now: datetime, status: str) -> None:
    assert status_at(now, locks_at=START, ends_at=END, has_results=False) == status


@pytest.mark.parametrize("now", [START - timedelta(days=1), START, END])
def test_what_has_results_is_completed(now: datetime) -> None:
    assert status_at(now, locks_at=START, ends_at=END, has_results=True) == "completed"


def test_what_has_no_known_start_stays_scheduled() -> None:
    assert status_at(END, locks_at=None, ends_at=None, has_results=False) == "scheduled"


def test_what_has_no_known_end_stays_live() -> None:
    assert status_at(END, locks_at=START, ends_at=None, has_results=False) == "live"


def test_over() -> None:
    assert not is_over(END - A_MOMENT, END)
    assert is_over(END, END)
    assert not is_over(END, None)
