"""What the clock says of a session."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingestion.lifecycle import expected_end, hold_lock, is_over, picks_close, status_at
from ingestion.sessions import SessionType

SUNDAY = date(2024, 7, 28)
START = datetime(2024, 7, 28, 13, tzinfo=UTC)
MIDNIGHT = datetime(2024, 7, 28, tzinfo=UTC)
FRIDAY = datetime(2024, 7, 26, tzinfo=UTC)
END = datetime(2024, 7, 28, 16, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)
SIX_HOURS = timedelta(hours=6)


def ends(session_type: SessionType, starts_at: datetime | None, **changes: Any) -> datetime:
    known: dict[str, Any] = {"is_estimated": False, "race_date": SUNDAY, **changes}
    return expected_end(session_type, starts_at, **known)


def closes(starts_at: datetime | None, **changes: Any) -> datetime:
    known: dict[str, Any] = {
        "is_estimated": False,
        "disputed_starts_at": None,
        "utc_offset": timedelta(hours=2),
        "race_date": SUNDAY,
        **changes,
    }
    return picks_close(starts_at, **known)


# When it should be over


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
    assert ends(session_type, START) == START + timedelta(minutes=minutes)


@pytest.mark.parametrize("session_type", list(SessionType))
def test_of_a_session_known_by_its_day_the_day_ends_everywhere(session_type: SessionType) -> None:
    end = ends(session_type, MIDNIGHT - timedelta(days=1), is_estimated=True)
    assert end == datetime(2024, 7, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("session_type", list(SessionType))
@pytest.mark.parametrize("is_estimated", [True, False])
def test_of_a_session_whose_day_is_unknown_the_race_day_ends_everywhere(
    session_type: SessionType, is_estimated: bool
) -> None:
    end = ends(session_type, None, is_estimated=is_estimated)
    assert end == datetime(2024, 7, 29, 12, tzinfo=UTC)


def test_over() -> None:
    assert not is_over(END - A_MOMENT, END)
    assert is_over(END, END)
    assert not is_over(END, None)


# When picks close


@pytest.mark.parametrize("offset", [None, timedelta(hours=-8)])
def test_picks_close_at_the_start(offset: timedelta | None) -> None:
    assert closes(START, utc_offset=offset) == START


FIRST_MIDNIGHTS = [
    (timedelta(hours=2), datetime(2024, 7, 25, 22, tzinfo=UTC)),
    (timedelta(hours=-8), datetime(2024, 7, 26, 8, tzinfo=UTC)),
    (timedelta(0), FRIDAY),
    (timedelta(hours=5, minutes=30), datetime(2024, 7, 25, 18, 30, tzinfo=UTC)),
    # UTC+14, where a day begins first
    (None, datetime(2024, 7, 25, 10, tzinfo=UTC)),
]


@pytest.mark.parametrize(("offset", "midnight"), FIRST_MIDNIGHTS)
def test_while_the_start_is_unknown_picks_close_at_the_weekends_first_local_midnight(
    offset: timedelta | None, midnight: datetime
) -> None:
    assert closes(None, utc_offset=offset) == midnight


@pytest.mark.parametrize(("offset", "midnight"), FIRST_MIDNIGHTS)
@pytest.mark.parametrize("day", [MIDNIGHT, MIDNIGHT - timedelta(days=1)])
def test_while_only_the_day_is_known_picks_close_at_the_weekends_first_local_midnight(
    day: datetime, offset: timedelta | None, midnight: datetime
) -> None:
    """The day may be moved within the weekend as well as the hour."""
    assert closes(day, is_estimated=True, utc_offset=offset) == midnight


@pytest.mark.parametrize("sooner", [timedelta(minutes=1), SIX_HOURS - A_MOMENT])
def test_of_two_starts_less_than_six_hours_apart_the_earlier_closes_picks(
    sooner: timedelta,
) -> None:
    assert closes(START, disputed_starts_at=START - sooner) == START - sooner
    assert closes(START, disputed_starts_at=START + sooner) == START


@pytest.mark.parametrize("apart", [SIX_HOURS, timedelta(days=1)])
def test_of_two_starts_six_hours_apart_or_more_the_first_calendars_closes_picks(
    apart: timedelta,
) -> None:
    assert closes(START, disputed_starts_at=START - apart) == START
    assert closes(START, disputed_starts_at=START + apart) == START


def test_a_dispute_about_an_estimated_start_decides_nothing() -> None:
    closing = closes(MIDNIGHT, is_estimated=True, disputed_starts_at=MIDNIGHT - timedelta(hours=1))
    assert closing == closes(MIDNIGHT, is_estimated=True)


# The lock that holds


@pytest.mark.parametrize("has_results", [True, False])
@pytest.mark.parametrize("hours", [-5, 0, 5])
def test_a_lock_that_is_not_known_yet_is_set(hours: int, has_results: bool) -> None:
    closing = START + timedelta(hours=hours)
    assert hold_lock(None, closing, now=START, is_known=True, has_results=has_results) == closing


@pytest.mark.parametrize("has_results", [True, False])
@pytest.mark.parametrize("hours", [-48, -1, 1, 48])
def test_a_lock_that_has_not_passed_follows_the_calendar(hours: int, has_results: bool) -> None:
    closing = START + timedelta(hours=hours)
    assert (
        hold_lock(START, closing, now=START - A_MOMENT, is_known=True, has_results=has_results)
        == closing
    )


@pytest.mark.parametrize("has_results", [True, False])
@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=4)])
def test_a_lock_that_has_passed_never_moves_later(late: timedelta, has_results: bool) -> None:
    postponed = START + timedelta(days=1)
    assert (
        hold_lock(START, postponed, now=START + late, is_known=True, has_results=has_results)
        == START
    )


def test_a_session_that_was_moved_earlier_is_judged_by_its_real_start() -> None:
    real = START - timedelta(hours=3)
    assert hold_lock(START, real, now=START, is_known=True, has_results=False) == real


def test_a_session_with_results_that_is_moved_by_mistake_spoils_no_pick() -> None:
    mistaken = START - timedelta(days=7)
    assert hold_lock(START, mistaken, now=START, is_known=True, has_results=True) == START


FIRST_MIDNIGHT = START - timedelta(days=2)


def test_a_start_that_is_lost_closes_picks_at_once_and_spoils_none() -> None:
    now = START - timedelta(hours=3)
    assert hold_lock(START, FIRST_MIDNIGHT, now=now, is_known=False, has_results=False) == now


def test_a_start_that_is_lost_long_before_closes_picks_at_the_first_midnight() -> None:
    now = FIRST_MIDNIGHT - timedelta(days=3)
    closing = hold_lock(START, FIRST_MIDNIGHT, now=now, is_known=False, has_results=False)
    assert closing == FIRST_MIDNIGHT


def test_a_start_that_is_lost_after_the_lock_moves_nothing() -> None:
    now = START + timedelta(hours=1)
    assert hold_lock(START, FIRST_MIDNIGHT, now=now, is_known=False, has_results=False) == START


# Its status


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
    assert status_at(now, starts_at=START, ends_at=END, has_results=False) == status


@pytest.mark.parametrize("now", [START - timedelta(days=1), START, END])
def test_what_has_results_is_completed(now: datetime) -> None:
    assert status_at(now, starts_at=START, ends_at=END, has_results=True) == "completed"


@pytest.mark.parametrize("ends_at", [None, END])
def test_what_has_no_known_start_stays_scheduled_until_it_must_be_over(
    ends_at: datetime | None,
) -> None:
    now = END - A_MOMENT
    assert status_at(now, starts_at=None, ends_at=ends_at, has_results=False) == "scheduled"


def test_what_has_no_known_start_is_completed_when_it_must_be_over() -> None:
    assert status_at(END, starts_at=None, ends_at=END, has_results=False) == "completed"


def test_what_has_no_known_end_stays_live() -> None:
    assert status_at(END, starts_at=START, ends_at=None, has_results=False) == "live"
