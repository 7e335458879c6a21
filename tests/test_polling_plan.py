"""The plan for polling, on an argument clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from ingestion.lifecycle import (
    DAY_BEFORE,
    Watched,
    next_calendar_poll,
    next_poll,
    next_witness_poll,
    results_from,
)
from ingestion.sessions import SessionType

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FLAG = datetime(2024, 7, 28, 16, tzinfo=UTC)
SEASON_END = datetime(2024, 12, 8, 16, tzinfo=UTC)
TICK = 5 * MINUTE


def watched(
    *,
    official: bool = False,
    asked: timedelta | None = None,
    good_for: timedelta | None = HOUR,
    failures: int = 0,
) -> Watched:
    """Asked so long after its expected end; the answer is good for so long from then."""
    requested_at = None if asked is None else FLAG + asked
    expires_at = None if requested_at is None or good_for is None else requested_at + good_for
    return Watched(FLAG, FLAG, SEASON_END, official, requested_at, expires_at, failures)


def after(session: Watched) -> timedelta:
    """How long after the expected end it is asked about next."""
    at = next_poll(session)
    assert at is not None
    return at - FLAG


def test_first_question_comes_when_there_may_be_a_result() -> None:
    assert next_poll(watched()) == FLAG
    early = Watched(FLAG - HOUR, FLAG, SEASON_END, is_official=False)
    assert next_poll(early) == FLAG - HOUR


def test_answer_from_before_the_expected_end_is_followed_as_soon_as_it_expires() -> None:
    requested_at = FLAG - HOUR
    early = Watched(
        requested_at, FLAG, SEASON_END, False, requested_at, expires_at=requested_at + HOUR
    )
    assert next_poll(early) == FLAG + timedelta(seconds=5)


def test_session_without_an_expected_end_is_not_asked_about() -> None:
    assert next_poll(Watched(None, None, SEASON_END, is_official=False)) is None


def test_question_from_before_a_postponement_counts_for_nothing() -> None:
    assert next_poll(watched(asked=-3 * HOUR)) == FLAG


@pytest.mark.parametrize("good_for", [20 * MINUTE, HOUR])
def test_awaited_result_is_asked_for_again_just_after_the_answer_expires(
    good_for: timedelta,
) -> None:
    again = after(watched(asked=2 * HOUR, good_for=good_for))
    assert timedelta(0) < again - 2 * HOUR - good_for < MINUTE


def test_answer_that_expires_at_once_is_not_asked_for_without_pause() -> None:
    assert after(watched(asked=HOUR, good_for=timedelta(0))) >= HOUR + 4 * MINUTE


@pytest.mark.parametrize(
    ("asked", "pause"),
    [(HOUR, 9 * MINUTE), (5 * HOUR, 50 * MINUTE), (2 * DAY, 3 * HOUR), (5 * DAY, 12 * HOUR)],
)
def test_pending_result_is_asked_for_ever_more_slowly_where_answers_do_not_say_when_they_expire(
    asked: timedelta, pause: timedelta
) -> None:
    assert after(watched(asked=asked, good_for=None)) == asked + pause


@pytest.mark.parametrize(
    ("asked", "promise"),
    [(2 * HOUR, HOUR), (10 * HOUR, HOUR), (13 * HOUR, 6 * HOUR), (2 * DAY, 6 * HOUR)],
)
def test_amendment_is_seen_within_the_promised_time(asked: timedelta, promise: timedelta) -> None:
    """Of the moment at which the upstream's own cache lets it out, an hour after it was asked."""
    again = after(watched(official=True, asked=asked)) - asked - HOUR
    assert promise - 10 * MINUTE <= again <= promise - TICK


def test_what_stewards_decide_right_after_the_race_is_seen_as_soon_as_it_is_let_out() -> None:
    assert after(watched(official=True, asked=HOUR)) == 2 * HOUR + timedelta(seconds=5)


def test_answer_that_holds_beyond_the_first_half_day_is_followed_six_hours_later() -> None:
    """Nothing that it lacks is let out within the half day."""
    asked = 11 * HOUR + 10 * MINUTE
    assert after(watched(official=True, asked=asked)) - asked > 6 * HOUR


def test_slow_watching_is_done_in_quiet_hours_and_ends_after_the_season() -> None:
    requested_at = FLAG + 3 * DAY
    days = []
    while (at := next_poll(Watched(FLAG, FLAG, SEASON_END, True, requested_at))) is not None:
        assert (at.hour, at.minute) == (4, 0)
        days.append(at)
        requested_at = at
    spacings = [(later - earlier) / DAY for earlier, later in pairwise(days)]
    daily = [spacing for spacing in spacings if spacing == 1]
    assert len(daily) >= 10
    assert set(spacings[len(daily) + 1 :]) == {7}
    assert SEASON_END + 112 * DAY < days[-1] <= SEASON_END + 120 * DAY


def test_failing_server_is_asked_again_within_ten_minutes_while_a_result_is_awaited() -> None:
    pauses = [
        after(watched(asked=HOUR, good_for=None, failures=failures)) - HOUR
        for failures in range(1, 40)
    ]
    assert pauses[0] == 4 * MINUTE
    assert max(pauses) == 9 * MINUTE
    assert pauses == sorted(pauses)


def test_failing_server_is_left_ever_longer_alone_where_nothing_is_awaited() -> None:
    pauses = [
        after(watched(official=True, asked=2 * DAY, good_for=None, failures=failures)) - 2 * DAY
        for failures in (1, 2, 5, 90)
    ]
    assert pauses == [4 * MINUTE, 8 * MINUTE, 64 * MINUTE, 6 * HOUR]


def test_calendars_are_read_on_the_day_before_a_start_and_more_often_in_its_last_hours() -> None:
    def hours_before(*, is_file: bool) -> list[float]:
        looks = [FLAG - DAY_BEFORE]
        while looks[-1] < FLAG:
            locks = [FLAG, FLAG + 23 * HOUR]
            looks.append(next_calendar_poll(looks[-1], failures=0, locks=locks, is_file=is_file))
        return [round((FLAG - at) / HOUR, 1) for at in looks]

    # Not at the start itself, where it is too late: that of the next day is waited for.
    assert hours_before(is_file=True) == [24, 19, 14, 9, 4, 2.7, 1.3, 19 - 23]
    assert hours_before(is_file=False) == [24, 9, 4, 2.7, 1.3, 9 - 23]


def test_at_the_start_of_a_session_the_last_hours_of_the_next_one_go_on() -> None:
    at = FLAG - 80 * MINUTE
    again = next_calendar_poll(at, failures=0, locks=[FLAG, FLAG + 4 * HOUR], is_file=False)
    assert again == FLAG


@pytest.mark.parametrize(
    ("before", "pause"),
    [(13 * HOUR, 4 * HOUR), (10 * HOUR, 6 * HOUR), (6 * HOUR, 2 * HOUR), (5 * HOUR, 80 * MINUTE)],
)
def test_last_hours_begin_with_a_reading(before: timedelta, pause: timedelta) -> None:
    at = FLAG - before
    assert next_calendar_poll(at, failures=0, locks=[FLAG], is_file=False) == at + pause


@pytest.mark.parametrize(
    ("before", "longest"), [(DAY, 80 * MINUTE), (4 * HOUR, 20 * MINUTE), (HOUR, 20 * MINUTE)]
)
def test_calendar_that_cannot_be_read_is_requested_again_soon(
    before: timedelta, longest: timedelta
) -> None:
    at = FLAG - before
    pauses = [
        next_calendar_poll(at, failures=failures, locks=[FLAG], is_file=False) - at
        for failures in (1, 2, 9)
    ]
    assert pauses == [4 * MINUTE, 8 * MINUTE, longest]


def test_answer_that_claims_to_hold_for_days_is_not_believed_for_as_long() -> None:
    """Otherwise one header of a cache in between would lose a result."""
    for official in (False, True):
        again = after(watched(official=official, asked=HOUR, good_for=30 * DAY))
        assert again == 7 * HOUR + timedelta(seconds=5)


def test_answer_that_cannot_be_used_is_not_asked_for_again_before_it_expires() -> None:
    again = after(watched(asked=HOUR, good_for=HOUR, failures=1))
    assert again == 2 * HOUR + timedelta(seconds=5)


# From the start to the flag: Monza at its quickest and Monaco 2024, which was stopped.
@pytest.mark.parametrize(
    ("kind", "minutes"),
    [
        *(("race", minutes) for minutes in (75, 95, 143)),
        *(("sprint", minutes) for minutes in (26, 50)),
        *(("qualifying", minutes) for minutes in (60, 110)),
        ("sprint_qualifying", 44),
    ],
)
def test_second_source_is_requested_within_ten_minutes_of_letting_a_result_out(
    kind: str, minutes: int
) -> None:
    """It answers from half an hour after the flag on."""
    session_type, start = SessionType(kind), FLAG - 3 * HOUR
    ends_at = start + session_type.kind.usual_duration
    lets_out = start + (minutes + 30) * MINUTE
    soonest = results_from(session_type, start, ends_at, is_estimated=False, is_second=True)
    requested: list[datetime] = []
    at = soonest
    while at is not None and at < lets_out:
        requested.append(at)
        session = Watched(soonest, ends_at, SEASON_END, False, requested_at=at)
        at = next_witness_poll(session, changed_at=None, is_disputed=False)
    assert at is not None
    assert at - lets_out <= 10 * MINUTE
    assert len(requested) <= 8


def test_a_witness_that_fails_leaves_the_weekend_its_requests() -> None:
    """What is awaited is requested again within minutes, what is published is not."""
    for official, requests in ((False, 8), (True, 5)):
        session, number = watched(official=official, asked=10 * MINUTE, good_for=None), 0
        while session.requested_at is not None and session.requested_at < FLAG + 12 * HOUR:
            number += 1
            session = replace(session, failures=number)
            changed_at = FLAG if official else None
            at = next_witness_poll(session, changed_at=changed_at, is_disputed=False)
            session = replace(session, requested_at=at)
        assert (official, number) == (official, requests)


def test_a_witness_that_had_nothing_in_the_run_of_a_publication_is_requested_soon() -> None:
    at = FLAG + 3 * HOUR
    session = Watched(FLAG, FLAG, SEASON_END, True, requested_at=at)
    first = next_witness_poll(session, changed_at=at, is_disputed=False)
    assert first is not None
    assert first - at <= 10 * MINUTE
    session = Watched(FLAG, FLAG, SEASON_END, True, requested_at=first)
    assert next_witness_poll(session, changed_at=at, is_disputed=False) == first + DAY
