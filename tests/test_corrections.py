"""What a person may do to an event, and what becomes of it when the calendars go on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from ingestion import signals
from ingestion.corrections import (
    Author,
    correct_start,
    correct_status,
    release_schedule,
    reopen_picks,
    void_event,
)
from ingestion.errors import WrongRequest
from ingestion.ical import read_sessions
from ingestion.models import Change, Event, Poll, Result
from ingestion.records import GrandPrixRecord
from ingestion.report import SaveReport
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from ingestion.story import describe_author, describe_change, describe_event
from tests.builders import (
    AFTER,
    BEFORE,
    SUNDAY,
    at,
    calendar,
    classification,
    context,
    grand_prix,
    jolpicas,
)
from tests.hearing import Announced, Hear
from tests.persons import User
from tests.rows import all_rows

pytestmark = pytest.mark.django_db(transaction=True)

START = at(SUNDAY, 13)
FRIDAY = SUNDAY - timedelta(days=2)
MONDAY = SUNDAY + timedelta(days=1)
DUTCH = grand_prix("Dutch Grand Prix", date(2024, 8, 25), round_number=15, country="Netherlands")
A_MOMENT = timedelta(microseconds=1)
# What is announced of whatever a person corrects.
CORRECTED = [("event_corrected", "belgian-grand-prix", "race")]


@pytest.fixture(autouse=True)
def calendar_saved() -> None:
    save(grand_prix(), DUTCH)


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana")


By = Callable[[datetime], Author]
Weekends = tuple[GrandPrixRecord, ...]


@pytest.fixture
def by(ana: User) -> By:
    """Ana, at a moment."""
    return lambda now: Author(ana, "the stewards said so", now)


def save(*grands_prix: GrandPrixRecord, now: datetime = BEFORE) -> SaveReport:
    """What both calendars say at a moment."""
    return save_two(grands_prix, grands_prix, now=now)


def save_two(file: Weekends, jolpica: Weekends, *, now: datetime) -> SaveReport:
    return save_calendar(
        calendar(*file, generated_at=now),
        context(now),
        jolpica=jolpicas(*jolpica, generated_at=now),
    )


def starting(at: datetime | None) -> GrandPrixRecord:
    """The Belgian weekend with another start of its race."""
    weekend = grand_prix()
    qualifying, last = weekend.sessions
    return replace(weekend, sessions=(qualifying, replace(last, starts_at=at)))


def race() -> Event:
    return Event.objects.get(grand_prix="belgian-grand-prix", session_type=SessionType.RACE)


def last_change() -> Change:
    return Change.objects.latest("pk")


def messages(report: SaveReport) -> list[str]:
    return [note.message for note in report.notes]


# Who, when and why


Correct = Callable[[Event, Author], Event]
CORRECTIONS: dict[str, Correct] = {
    "start": lambda event, author: correct_start(event, at(SUNDAY, 15), author),
    "status": lambda event, author: correct_status(event, "live", author),
    "void": void_event,
    "picks": lambda event, author: reopen_picks(event, author, until=at(SUNDAY, 12)),
}
every_correction = pytest.mark.parametrize("name", CORRECTIONS)


@every_correction
def test_the_feed_tells_who_did_it_when_and_why(name: str, by: By, ana: User) -> None:
    corrected = CORRECTIONS[name](race(), by(BEFORE + timedelta(hours=3)))

    change = last_change()
    assert change.event == corrected == race()
    assert (change.person, change.reason) == (ana, "the stewards said so")
    assert (change.cause, change.run) == ("correction", None)
    assert change.created_at == race().updated_at == BEFORE + timedelta(hours=3)
    assert change.kind == ("voided" if name == "void" else "corrected")


@every_correction
def test_the_event_that_is_handed_back_is_as_saved(name: str, by: By) -> None:
    corrected = CORRECTIONS[name](race(), by(BEFORE))

    assert corrected.schedule_locked is race().schedule_locked
    for field in ("starts_at", "ends_at", "locks_at", "status"):
        assert getattr(corrected, field) == getattr(race(), field)


@every_correction
def test_what_is_corrected_is_the_event_as_it_is_now(name: str, by: By) -> None:
    stale = race()
    save(grand_prix(round_number=13), DUTCH, now=BEFORE + timedelta(hours=1))

    CORRECTIONS[name](stale, by(BEFORE + timedelta(hours=2)))

    assert race().round_number == 13


@every_correction
@pytest.mark.parametrize("reason", ["", "  \n\u200b\u2060\x07"])
def test_a_correction_needs_a_reason(name: str, reason: str, by: By) -> None:
    refuse(
        lambda: CORRECTIONS[name](race(), replace(by(BEFORE), reason=reason)),
        "a correction needs a reason that can be read: who says so, or how you know it",
    )


@every_correction
def test_what_cannot_be_seen_of_a_reason_is_not_kept(name: str, by: By) -> None:
    """PostgreSQL takes no NUL."""
    CORRECTIONS[name](race(), replace(by(BEFORE), reason=" document\x00 42\x1b\r\nof today "))
    assert last_change().reason == "document 42\nof today"


def refuse(correct: Callable[[], object], message: str) -> None:
    """It is refused with these words, and nothing is written."""
    before = all_rows()
    with pytest.raises(WrongRequest) as raised:
        correct()
    assert str(raised.value) == message
    assert all_rows() == before


def test_who_did_it_may_leave(by: By, ana: User) -> None:
    void_event(race(), by(BEFORE))

    ana.delete()

    assert (last_change().person, last_change().reason) == (None, "the stewards said so")


# A start


def test_a_start_is_set_and_locked(by: By) -> None:
    local = datetime(2024, 7, 28, 17, tzinfo=timezone(timedelta(hours=2)))

    correct_start(race(), local, by(BEFORE))

    event = race()
    assert event.starts_at == event.locks_at == at(SUNDAY, 15)
    assert event.ends_at == at(SUNDAY, 18)
    assert event.schedule_locked
    assert last_change().before["starts_at"] == "2024-07-28T13:00:00Z"
    assert last_change().after["starts_at"] == "2024-07-28T15:00:00Z"


def test_a_corrected_start_is_announced(by: By, hear: Hear) -> None:
    heard = hear(signals.event_rescheduled)

    correct_start(race(), at(SUNDAY, 15), by(BEFORE))

    [sent] = heard
    assert (sent["old"], sent["new"]) == (START, at(SUNDAY, 15))
    assert (sent["event"], sent["change"], sent["cause"]) == (race(), last_change(), "correction")


def test_a_corrected_start_is_no_longer_estimated_or_disputed(by: By) -> None:
    Event.objects.update(start_is_estimated=True, disputed_starts_at=at(SUNDAY, 12))

    correct_start(race(), START, by(BEFORE))

    event = race()
    assert (event.start_is_estimated, event.disputed_starts_at) == (False, None)
    assert event.locks_at == START


def test_the_start_that_is_saved_already_is_locked_and_not_announced_as_a_move(
    by: By, announced: Callable[[], Announced]
) -> None:
    correct_start(race(), START, by(BEFORE))

    assert race().schedule_locked
    assert last_change().after == {"schedule_locked": True, "schedule_source": "person"}
    assert announced() == CORRECTED


def test_the_same_start_again_writes_nothing(by: By, announced: Callable[[], Announced]) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))
    before = all_rows()
    announced()

    correct_start(race(), at(SUNDAY, 15), by(BEFORE + timedelta(hours=1)))

    assert all_rows() == before
    assert announced() == []


def test_a_later_start_does_not_open_a_lock_that_has_passed(by: By) -> None:
    correct_start(race(), at(MONDAY, 13), by(at(SUNDAY, 14)))

    assert race().starts_at == at(MONDAY, 13)
    assert race().locks_at == START
    assert race().status == "scheduled"


def test_an_earlier_start_closes_picks_at_the_real_start(by: By) -> None:
    correct_start(race(), at(SUNDAY, 11), by(at(SUNDAY, 14)))

    assert race().locks_at == at(SUNDAY, 11)
    assert race().status == "completed"


def test_a_start_is_corrected_once_results_are_in_and_not_announced_as_a_move(
    by: By, announced: Callable[[], Announced]
) -> None:
    save_classifications([classification()], context(AFTER))
    announced()

    correct_start(race(), at(SUNDAY, 12), by(AFTER))

    assert last_change().kind == "corrected"
    assert announced() == CORRECTED
    assert (race().status, race().locks_at) == ("completed", START)
    assert race().results.count() == 20


def test_a_start_without_a_time_zone_is_refused(by: By) -> None:
    naive = START.replace(tzinfo=None)
    refuse(lambda: correct_start(race(), naive, by(BEFORE)), "the time needs a time zone")


def test_the_start_of_what_is_cancelled_is_not_corrected(by: By) -> None:
    void_event(race(), by(BEFORE))
    refuse(
        lambda: correct_start(race(), START, by(BEFORE)),
        "the event is cancelled; set it to scheduled first",
    )


# A status


def test_a_session_that_is_on_early_starts_now(by: By, hear: Hear) -> None:
    heard = hear(signals.event_rescheduled)

    correct_status(race(), "live", by(at(SUNDAY, 12)))

    event = race()
    assert event.starts_at == event.locks_at == at(SUNDAY, 12)
    assert (event.status, event.schedule_locked) == ("live", True)
    assert [(sent["old"], sent["new"]) for sent in heard] == [(START, at(SUNDAY, 12))]


def test_a_session_of_unknown_start_that_is_on_starts_now(by: By) -> None:
    save(starting(None), DUTCH, now=BEFORE + timedelta(hours=1))

    correct_status(race(), "live", by(at(FRIDAY, 12)))

    event = race()
    assert (event.starts_at, event.status) == (at(FRIDAY, 12), "live")
    # the weekend's first local midnight, which had passed
    assert event.locks_at == at(FRIDAY, 0) - timedelta(hours=2)


def test_a_session_that_is_still_on_ends_later(by: By) -> None:
    correct_status(race(), "live", by(at(SUNDAY, 17)))

    event = race()
    assert (event.starts_at, event.ends_at) == (START, at(SUNDAY, 20))
    assert event.phase(at(SUNDAY, 19)) == event.status == "live"
    assert event.phase(at(SUNDAY, 20)) == "completed"


def test_a_session_that_is_over_early_ends_now(by: By, announced: Callable[[], Announced]) -> None:
    correct_status(race(), "completed", by(at(SUNDAY, 14)))

    event = race()
    assert (event.starts_at, event.ends_at) == (START, at(SUNDAY, 14))
    assert (event.status, event.schedule_locked) == ("completed", True)
    assert event.locks_at == START
    assert announced() == CORRECTED


@pytest.mark.parametrize("starts_at", [START, None])
def test_what_has_not_begun_is_not_over(starts_at: datetime | None, by: By) -> None:
    save(starting(starts_at), DUTCH, now=BEFORE + timedelta(hours=1))
    refuse(
        lambda: correct_status(race(), "completed", by(at(SUNDAY, 12))),
        "the event has not started yet; set its start first",
    )


@pytest.mark.parametrize("status", ["live", "completed"])
def test_what_has_results_is_completed_whatever_a_person_says(status: str, by: By) -> None:
    save_classifications([classification()], context(AFTER))
    refuse(
        lambda: correct_status(race(), status, by(AFTER)),
        "the event has results, it is completed",
    )


@pytest.mark.parametrize("status", ["live", "completed"])
def test_what_is_cancelled_is_neither_on_nor_over(status: str, by: By) -> None:
    void_event(race(), by(BEFORE))
    refuse(
        lambda: correct_status(race(), status, by(at(SUNDAY, 14))),
        "the event is cancelled; set it to scheduled first",
    )


@pytest.mark.parametrize("status", ["cancelled", "postponed", ""])
def test_other_statuses_are_refused(status: str, by: By) -> None:
    refuse(
        lambda: correct_status(race(), status, by(BEFORE)),
        f"the status of an event cannot be set to '{status}'",
    )


def test_only_what_is_cancelled_is_set_to_scheduled(by: By) -> None:
    refuse(
        lambda: correct_status(race(), "scheduled", by(BEFORE)),
        "the event is not cancelled; set its start instead",
    )


# A void


def test_a_void_cancels_and_keeps_the_results(by: By) -> None:
    save_classifications([classification()], context(AFTER))

    void_event(race(), by(AFTER))

    event = race()
    assert (event.status, event.schedule_locked, event.round_number) == ("cancelled", True, 14)
    assert event.results.count() == 20
    assert (last_change().kind, last_change().before["status"]) == ("voided", "completed")


@pytest.mark.parametrize("has_results", [True, False])
def test_a_void_is_announced_as_a_cancellation(
    has_results: bool, by: By, announced: Callable[[], Announced]
) -> None:
    if has_results:
        save_classifications([classification()], context(AFTER))
    announced()

    void_event(race(), by(AFTER))

    assert announced() == [("event_cancelled", "belgian-grand-prix", "race")]


def test_a_void_is_made_once(by: By) -> None:
    void_event(race(), by(BEFORE))
    refuse(
        lambda: void_event(race(), by(BEFORE)), "the event is cancelled; set it to scheduled first"
    )


def test_a_void_is_taken_back(by: By, announced: Callable[[], Announced]) -> None:
    void_event(race(), by(BEFORE))
    announced()

    correct_status(race(), "scheduled", by(BEFORE + timedelta(hours=1)))

    event = race()
    assert (event.status, event.schedule_locked) == ("scheduled", True)
    assert event.starts_at == event.locks_at == START
    assert last_change().before == {"status": "cancelled"}
    assert announced() == [*CORRECTED, ("event_reinstated", "belgian-grand-prix", "race")]


def test_a_cancellation_is_taken_back_against_the_calendars(by: By) -> None:
    save(DUTCH, now=BEFORE + timedelta(hours=1))

    correct_status(race(), "scheduled", by(BEFORE + timedelta(hours=2)))
    save(DUTCH, now=BEFORE + timedelta(hours=3))

    assert race().status == "scheduled"


def test_picks_are_open_again_up_to_the_start_where_a_cancellation_is_taken_back(by: By) -> None:
    save(DUTCH, now=BEFORE + timedelta(hours=1))

    correct_status(race(), "scheduled", by(BEFORE + timedelta(hours=2)))

    assert race().locks_at == START
    assert last_change().after == {
        "status": "scheduled",
        "schedule_locked": True,
        "locks_at": "2024-07-28T13:00:00Z",
    }


def test_what_is_in_no_calendar_has_no_lock_where_a_void_is_taken_back(by: By) -> None:
    day = datetime(1995, 8, 27, tzinfo=UTC)
    grand_prix = {"season": 1995, "grand_prix": "belgian-grand-prix", "name": "Belgian Grand Prix"}
    Event.objects.create(**grand_prix, session_type="race", starts_at=day, start_is_estimated=True)
    qualifying = Event.objects.create(**grand_prix, session_type="qualifying")
    void_event(qualifying, by(BEFORE))

    correct_status(qualifying, "scheduled", by(BEFORE))

    qualifying.refresh_from_db()
    assert (qualifying.locks_at, qualifying.ends_at) == (None, None)


def test_picks_stay_closed_where_a_cancellation_is_taken_back_after_the_lock(by: By) -> None:
    save(DUTCH, now=START)

    correct_status(race(), "scheduled", by(START + timedelta(minutes=1)))

    assert race().locks_at == START


@pytest.mark.parametrize(("hour", "status"), [(12, "scheduled"), (14, "live"), (16, "completed")])
def test_what_is_taken_back_has_the_status_of_the_clock(hour: int, status: str, by: By) -> None:
    void_event(race(), by(BEFORE))

    correct_status(race(), "scheduled", by(at(SUNDAY, hour)))

    assert race().status == status


def test_a_classification_of_what_a_person_voided_is_noted_and_left_aside(by: By) -> None:
    void_event(race(), by(BEFORE))
    before = all_rows()

    report = save_classifications([classification()], context(AFTER))

    assert all_rows() == before
    assert not Result.objects.exists()
    assert (messages(report), report.problems) == (["a person voided it; left aside"], [])


def test_the_results_of_what_a_person_voided_are_not_amended(by: By) -> None:
    save_classifications([classification()], context(AFTER))
    void_event(race(), by(AFTER))
    before = all_rows()

    later = AFTER + timedelta(days=1)
    swapped = classification(drivers=("piastri", "hamilton", "leclerc"), generated_at=later)
    report = save_classifications([swapped], context(later))

    assert all_rows() == before
    assert messages(report) == ["a person voided it; left aside"]


# Picks


@pytest.fixture
def postponed() -> None:
    """On Sunday at 14:00, an hour after its start, the race was moved to Monday."""
    save(starting(at(MONDAY, 13)), DUTCH, now=at(SUNDAY, 14))


def test_picks_are_reopened_until_the_start(
    postponed: None, by: By, announced: Callable[[], Announced]
) -> None:
    reopen_picks(race(), by(at(SUNDAY, 15)))

    event = race()
    assert event.locks_at == at(MONDAY, 13)
    assert event.in_time(at(MONDAY, 13) - A_MOMENT)
    assert last_change().before == {"locks_at": "2024-07-28T13:00:00Z"}
    assert last_change().after == {"locks_at": "2024-07-29T13:00:00Z"}
    assert announced() == CORRECTED


def test_picks_that_are_reopened_up_to_an_estimated_start_stay_open(by: By) -> None:
    weekend = starting(at(SUNDAY, 0))
    qualifying, last = weekend.sessions
    estimated = replace(weekend, sessions=(qualifying, replace(last, start_is_estimated=True)))
    save(estimated, DUTCH, now=BEFORE + timedelta(hours=1))
    save(estimated, DUTCH, now=at(FRIDAY, 1))

    reopen_picks(race(), by(at(FRIDAY, 2)))
    save(estimated, DUTCH, now=at(FRIDAY, 3))

    assert race().locks_at == at(SUNDAY, 0)


def test_picks_are_reopened_until_a_time_before_the_start(postponed: None, by: By) -> None:
    local = datetime(2024, 7, 29, 10, tzinfo=timezone(timedelta(hours=2)))

    reopen_picks(race(), by(at(SUNDAY, 15)), until=local)

    assert race().locks_at == at(MONDAY, 8)


@pytest.mark.parametrize(
    ("until", "message"),
    [
        (at(MONDAY, 13) + A_MOMENT, "picks cannot stay open beyond the start"),
        (at(SUNDAY, 15), "2024-07-28 15:00 UTC has passed, picks cannot close then"),
        (at(SUNDAY, 15).replace(tzinfo=None), "the time needs a time zone"),
    ],
)
def test_picks_are_not_reopened_until_then(
    until: datetime, message: str, postponed: None, by: By
) -> None:
    refuse(lambda: reopen_picks(race(), by(at(SUNDAY, 15)), until=until), message)


def test_picks_of_what_has_begun_are_not_reopened(by: By) -> None:
    refuse(
        lambda: reopen_picks(race(), by(START)),
        "2024-07-28 13:00 UTC has passed, picks cannot close then",
    )


def test_picks_on_an_unknown_start_are_reopened_until_a_time_alone(by: By) -> None:
    save(starting(None), DUTCH, now=BEFORE + timedelta(hours=1))
    refuse(
        lambda: reopen_picks(race(), by(at(FRIDAY, 12))),
        "the event has no start, say until when its picks are open",
    )

    reopen_picks(race(), by(at(FRIDAY, 12)), until=at(SUNDAY, 10))

    assert race().locks_at == at(SUNDAY, 10)


def test_picks_are_not_reopened_once_results_are_in(postponed: None, by: By) -> None:
    moved = classification(generated_at=at(MONDAY, 15))
    save_classifications([moved], context(at(MONDAY, 15)))
    refuse(
        lambda: reopen_picks(race(), by(at(MONDAY, 15))),
        "the event has results, its picks cannot be reopened",
    )


def test_picks_on_what_is_cancelled_are_not_reopened(postponed: None, by: By) -> None:
    void_event(race(), by(at(SUNDAY, 15)))
    refuse(
        lambda: reopen_picks(race(), by(at(SUNDAY, 15))),
        "the event is cancelled; set it to scheduled first",
    )


def test_reopened_picks_stay_open_until_the_start_whatever_the_calendars_say_again(
    postponed: None, by: By
) -> None:
    reopen_picks(race(), by(at(SUNDAY, 15)))

    save(starting(at(MONDAY, 13)), DUTCH, now=at(SUNDAY, 16))

    assert race().locks_at == at(MONDAY, 13)


def test_picks_that_a_person_closes_before_the_start_stay_so(postponed: None, by: By) -> None:
    reopen_picks(race(), by(at(SUNDAY, 15)), until=at(MONDAY, 8))

    save(starting(at(MONDAY, 13)), DUTCH, now=at(SUNDAY, 16))

    assert race().locks_at == at(MONDAY, 8)


@pytest.mark.parametrize("hour", [13, 20])
def test_reopened_picks_on_an_unknown_start_stay_open(hour: int, by: By) -> None:
    save(starting(None), DUTCH, now=BEFORE + timedelta(hours=1))
    reopen_picks(race(), by(at(FRIDAY, 12)), until=at(FRIDAY, 18))

    save(starting(None), DUTCH, now=at(FRIDAY, hour))

    assert race().locks_at == at(FRIDAY, 18)


@pytest.mark.parametrize("minute", [45, 75])
def test_reopened_picks_on_a_disputed_start_stay_open(minute: int, by: By) -> None:
    """The calendars differ by two hours, and the earlier start was not the real one."""
    disputed = {"file": (grand_prix(), DUTCH), "jolpica": (starting(at(SUNDAY, 11)), DUTCH)}
    save_two(**disputed, now=BEFORE + timedelta(hours=1))
    reopen_picks(race(), by(at(SUNDAY, 12)))

    save_two(**disputed, now=at(SUNDAY, 12) + timedelta(minutes=minute))

    assert race().locks_at == START


def test_nothing_else_opens_a_lock_that_has_passed(postponed: None, by: By) -> None:
    hours = iter(range(15, 24))
    for correct in (
        lambda event, author: correct_start(event, at(MONDAY, 15), author),
        void_event,
        lambda event, author: correct_status(event, "scheduled", author),
        release_schedule,
        lambda event, author: correct_status(event, "live", author),
        lambda event, author: correct_status(event, "completed", author),
        release_schedule,
    ):
        now = at(SUNDAY, next(hours))
        correct(race(), by(now))
        assert race().locks_at == START
        save(starting(at(MONDAY, 13)), DUTCH, now=now + timedelta(minutes=30))
        assert race().locks_at == START


def test_a_lock_that_a_release_moves_is_in_the_feed_and_in_peoples_calendars(by: By) -> None:
    void_event(race(), by(BEFORE))
    correct_status(race(), "scheduled", by(BEFORE))
    reopen_picks(race(), by(BEFORE), until=at(SUNDAY, 9))
    release_schedule(race(), by(BEFORE))
    sequences = [one.sequence for one in read_sessions(2024) if one.event == race()]

    save(grand_prix(), DUTCH, now=BEFORE + timedelta(hours=1))

    change = last_change()
    assert (change.event, change.kind) == (race(), "details")
    assert change.before == {"locks_at": "2024-07-28T09:00:00Z"}
    assert change.after == {"locks_at": "2024-07-28T13:00:00Z"}
    [sequence] = [one.sequence for one in read_sessions(2024) if one.event == race()]
    assert [sequence - 1] == sequences
    saved = all_rows()
    save(grand_prix(), DUTCH, now=BEFORE + timedelta(hours=2))
    assert all_rows() == saved


# While it is locked


@pytest.mark.parametrize("name", ["start", "status", "void"])
def test_ingests_write_nothing_to_what_a_person_set(name: str, by: By) -> None:
    CORRECTIONS[name](race(), by(BEFORE))
    before = all_rows()

    report = save(grand_prix(), DUTCH, now=BEFORE + timedelta(days=1))

    assert all_rows() == before
    assert report.events == {"unchanged": 4}


def test_ingests_tell_what_the_calendar_says_of_a_persons_start(by: By) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))

    [note] = save(grand_prix(), DUTCH, now=BEFORE + timedelta(days=1)).notes

    assert (note.grand_prix, note.session_type) == ("belgian-grand-prix", "race")
    assert note.message == "a person's start is kept; the calendar says 2024-07-28 13:00 UTC"


def test_ingests_tell_nothing_where_the_calendar_agrees_with_a_person(by: By) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))

    report = save(starting(at(SUNDAY, 15)), DUTCH, now=BEFORE + timedelta(days=1))

    assert report.notes == []


def test_ingests_tell_that_the_calendar_still_has_what_a_person_voided(by: By) -> None:
    void_event(race(), by(BEFORE))

    report = save(grand_prix(), DUTCH, now=BEFORE + timedelta(days=1))

    assert messages(report) == ["a person voided it; the calendar still has it"]


def test_ingests_do_not_cancel_what_a_person_set(by: By) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))

    save(DUTCH, now=BEFORE + timedelta(days=1))

    assert race().status == "scheduled"


def test_ingests_tell_that_no_calendar_has_what_a_person_set(by: By) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))

    report = save(DUTCH, now=BEFORE + timedelta(days=1))

    assert [note.session_type for note in report.notes] == ["race"]


def test_a_classification_is_saved_of_what_a_person_set(by: By) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))

    save_classifications([classification()], context(AFTER))

    assert (race().status, race().results.count()) == ("completed", 20)


# Given back


def test_a_release_is_told(by: By, ana: User, announced: Callable[[], Announced]) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))
    announced()

    release_schedule(race(), by(BEFORE + timedelta(hours=1)))

    change = last_change()
    assert (change.kind, change.cause, change.person) == ("released", "release", ana)
    assert (change.before, change.after) == ({"schedule_locked": True}, {"schedule_locked": False})
    assert race().starts_at == at(SUNDAY, 15)
    assert announced() == []


def test_after_a_release_the_calendars_start_returns(
    by: By, announced: Callable[[], Announced]
) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))
    release_schedule(race(), by(BEFORE))
    announced()

    # of before the correction, as a copy of an hour ago is
    save(grand_prix(), DUTCH, now=BEFORE - timedelta(hours=1))

    event = race()
    assert event.starts_at == event.locks_at == START
    assert not event.schedule_locked
    assert announced() == [("event_rescheduled", "belgian-grand-prix", "race")]


def test_after_a_release_what_a_person_voided_is_held(
    by: By, announced: Callable[[], Announced]
) -> None:
    void_event(race(), by(BEFORE))
    release_schedule(race(), by(BEFORE))
    announced()

    save(grand_prix(), DUTCH, now=BEFORE + timedelta(hours=1))

    assert race().status == "scheduled"
    assert announced() == [("event_reinstated", "belgian-grand-prix", "race")]


def test_after_a_release_what_left_the_calendars_is_cancelled(by: By) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))
    save(DUTCH, now=BEFORE + timedelta(hours=1))

    release_schedule(race(), by(BEFORE + timedelta(hours=2)))
    save(DUTCH, now=BEFORE + timedelta(hours=3))

    assert race().status == "cancelled"


@pytest.mark.parametrize("has_file", [True, False])
def test_after_a_release_the_start_returns_of_whichever_calendar_has_it(
    by: By, *, has_file: bool
) -> None:
    of_file = (grand_prix(), DUTCH) if has_file else (DUTCH,)
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))
    assert race().schedule_source == "person"
    release_schedule(race(), by(BEFORE))

    save_two(of_file, (grand_prix(), DUTCH), now=BEFORE + timedelta(hours=1))

    source = "schedule_file" if has_file else "jolpica"
    assert (race().starts_at, race().schedule_source) == (START, source)


def test_after_a_release_the_start_is_kept_until_a_calendar_that_has_it_is_read(by: By) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))
    release_schedule(race(), by(BEFORE))
    file = calendar(starting(None), DUTCH)

    save_calendar(file, context(BEFORE + timedelta(hours=1)))

    assert race().starts_at == at(SUNDAY, 15)


def test_a_release_makes_the_next_ingest_read_both_calendars(by: By) -> None:
    Poll.objects.create(season=2024, source="jolpica", digest="a file")
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))

    release_schedule(race(), by(BEFORE))

    assert Poll.objects.get(season=2024, event=None).digest == ""


@pytest.mark.parametrize(
    "starts_at",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
        datetime.min.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=5))),
        at(SUNDAY.replace(year=2023), 13),
        at(SUNDAY.replace(year=2025), 13),
    ],
)
def test_a_start_out_of_the_season_is_refused(by: By, starts_at: datetime) -> None:
    before = all_rows()
    refusal = "is not in the season of 2024; check the date"
    with pytest.raises(WrongRequest, match=refusal):
        correct_start(race(), starts_at, by(BEFORE))
    with pytest.raises(WrongRequest, match=refusal):
        reopen_picks(race(), by(BEFORE), until=starts_at)
    assert all_rows() == before


def test_the_season_ends_by_the_circuits_clock(by: By) -> None:
    """New Year's Eve in the United States is 2025 in UTC."""
    Event.objects.update(utc_offset=timedelta(hours=-6))
    evening = datetime(2024, 12, 31, 20, tzinfo=timezone(timedelta(hours=-6)))

    correct_start(race(), evening, by(BEFORE))

    assert race().starts_at == evening


def test_the_authors_name_stays_when_the_account_goes(by: By, ana: User) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))
    assert describe_author(last_change()) == 'ana: "the stewards said so"'

    ana.delete()

    change = last_change()
    assert (change.person, change.person_name) == (None, "ana")
    assert describe_author(change) == 'ana: "the stewards said so"'


def test_a_start_by_hand_is_credited_to_the_person(by: By) -> None:
    correct_start(race(), at(SUNDAY, 15), by(BEFORE))

    start = dict(describe_event(race(), BEFORE))["start"]
    assert start.endswith("(a person)")
    assert describe_change(last_change()).startswith("Corrected: start 2024-07-28 13:00 UTC -> ")


def test_what_is_not_locked_is_not_released(by: By) -> None:
    refuse(lambda: release_schedule(race(), by(BEFORE)), "the event's schedule is not locked")
