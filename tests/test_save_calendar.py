"""A calendar to events: what is written, what stays, and what the feed says of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.dispatch import Signal

from ingestion import signals
from ingestion.errors import BadSourceData
from ingestion.models import Change, Event
from ingestion.records import GrandPrixRecord, SessionType, Source
from ingestion.save import save_calendar, save_classifications
from tests.builders import (
    AFTER,
    BEFORE,
    SUNDAY,
    at,
    calendar,
    classification,
    context,
    grand_prix,
    session,
)
from tests.rows import all_rows

pytestmark = pytest.mark.django_db(transaction=True)

Heard = list[dict[str, Any]]


@pytest.fixture
def hear() -> Iterator[Callable[[Signal], Heard]]:
    """`hear(signal)` is the list of what the signal has sent since."""
    receivers = []

    def listen(signal: Signal) -> Heard:
        heard: Heard = []

        def receiver(**sent: Any) -> None:
            heard.append(sent)

        signal.connect(receiver, weak=False)
        receivers.append((signal, receiver))
        return heard

    yield listen
    for signal, receiver in receivers:
        signal.disconnect(receiver)


def race() -> Event:
    return Event.objects.get(session_type=SessionType.RACE)


def moved(hours: int) -> GrandPrixRecord:
    weekend = grand_prix()
    qualifying, last = weekend.sessions
    start = last.starts_at
    assert start is not None
    return replace(
        weekend, sessions=(qualifying, replace(last, starts_at=start + timedelta(hours=hours)))
    )


def test_new_sessions_become_scheduled_events() -> None:
    report = save_calendar(calendar(grand_prix()), context())

    assert report.counts()["events"]["created"] == 2
    event = race()
    assert (event.season, event.grand_prix, event.round_number) == (2024, "belgian-grand-prix", 14)
    assert event.starts_at == event.locks_at == datetime(2024, 7, 28, 13, tzinfo=UTC)
    assert event.ends_at == datetime(2024, 7, 28, 16, tzinfo=UTC)
    assert (event.status, event.results_state) == ("scheduled", "pending")
    assert list(Change.objects.values_list("kind", "revision", "cause")) == [
        ("scheduled", 0, "poll"),
        ("scheduled", 0, "poll"),
    ]


def test_the_same_calendar_again_writes_nothing() -> None:
    save_calendar(calendar(grand_prix()), context())
    before = all_rows()

    report = save_calendar(calendar(grand_prix()), context())

    assert report.counts()["events"] == {
        "created": 0,
        "updated": 0,
        "unchanged": 2,
        "cancelled": 0,
        "reinstated": 0,
    }
    assert all_rows() == before


def test_a_moved_start_is_told_and_announced_once(hear: Callable[[Signal], Heard]) -> None:
    save_calendar(calendar(grand_prix()), context())
    heard = hear(signals.event_rescheduled)

    save_calendar(calendar(moved(hours=-2)), context())

    change = Change.objects.get(kind="rescheduled")
    assert change.event == race()
    assert change.before["starts_at"] == "2024-07-28T13:00:00Z"
    assert change.after["starts_at"] == "2024-07-28T11:00:00Z"
    assert [(sent["old"], sent["new"], sent["cause"]) for sent in heard] == [
        (at(SUNDAY, 13), at(SUNDAY, 11), "poll")
    ]
    assert race().locks_at == at(SUNDAY, 11)


def test_a_receiver_that_fails_hurts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("no scorer today")

    save_calendar(calendar(grand_prix()), context())
    signals.event_rescheduled.connect(broken)
    try:
        save_calendar(calendar(moved(hours=1)), context())
    finally:
        signals.event_rescheduled.disconnect(broken)

    assert race().starts_at == at(SUNDAY, 14)
    assert "a receiver of rescheduled failed" in caplog.text


def test_a_transaction_that_is_rolled_back_announces_nothing(
    hear: Callable[[Signal], Heard],
) -> None:
    save_calendar(calendar(grand_prix()), context())
    heard = hear(signals.event_rescheduled)

    with transaction.atomic():
        save_calendar(calendar(moved(hours=1)), context())
        transaction.set_rollback(True)

    assert heard == []
    assert race().starts_at == at(SUNDAY, 13)


def test_a_new_round_number_or_place_keeps_the_row() -> None:
    save_calendar(calendar(grand_prix()), context())
    key = race().pk

    save_calendar(calendar(grand_prix(round_number=13, location="Spa")), context())

    event = race()
    assert (event.pk, event.round_number, event.location) == (key, 13, "Spa")
    change = Change.objects.filter(kind="details").latest("pk")
    assert change.before["round_number"] == 14
    assert change.after["round_number"] == 13


def test_a_renamed_grand_prix_of_the_same_day_and_place_keeps_its_rows() -> None:
    save_calendar(calendar(grand_prix()), context())
    keys = set(Event.objects.values_list("pk", flat=True))

    save_calendar(calendar(grand_prix("Grand Prix of Flanders")), context())

    assert set(Event.objects.values_list("pk", flat=True)) == keys
    assert race().name == "Grand Prix of Flanders"
    assert race().grand_prix == "belgian-grand-prix"


def test_what_left_the_calendar_is_cancelled_and_comes_back_as_the_same_row(
    hear: Callable[[Signal], Heard],
) -> None:
    dutch = grand_prix(
        "Dutch Grand Prix", date(2024, 8, 25), round_number=15, country="Netherlands"
    )
    save_calendar(calendar(grand_prix(), dutch), context())
    cancelled, reinstated = hear(signals.event_cancelled), hear(signals.event_reinstated)
    key = Event.objects.get(grand_prix="belgian-grand-prix", session_type="race").pk

    report = save_calendar(calendar(replace(dutch, round_number=14)), context())

    assert report.events["cancelled"] == 2
    event = Event.objects.get(pk=key)
    assert (event.status, event.round_number) == ("cancelled", None)

    october = grand_prix(
        "Belgian Grand Prix", date(2024, 10, 13), round_number=15, location="Zolder"
    )
    report = save_calendar(calendar(replace(dutch, round_number=14), october), context())

    assert report.events["reinstated"] == 2
    event = Event.objects.get(pk=key)
    assert (event.status, event.round_number, event.location) == ("scheduled", 15, "Zolder")
    assert event.starts_at == datetime(2024, 10, 13, 13, tzinfo=UTC)
    assert (len(cancelled), len(reinstated)) == (2, 2)


def test_what_has_a_classification_is_not_cancelled_by_a_calendar_that_forgot_it() -> None:
    save_calendar(calendar(grand_prix()), context())
    save_classifications([classification()], context(AFTER))
    dutch = grand_prix("Dutch Grand Prix", date(2024, 8, 25), country="Netherlands")

    save_calendar(calendar(dutch), context(AFTER))

    event = Event.objects.get(grand_prix="belgian-grand-prix", session_type="race")
    assert event.status == "completed"
    assert event.results.count() == 5


def test_a_lock_that_has_passed_never_opens_again() -> None:
    save_calendar(calendar(grand_prix()), context())
    late = at(SUNDAY, 15)

    save_calendar(calendar(moved(hours=24)), context(late))

    event = race()
    assert event.starts_at == at(SUNDAY, 13) + timedelta(days=1)
    assert event.locks_at == at(SUNDAY, 13)


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (at(SUNDAY, 12), "scheduled"),
        (at(SUNDAY, 13), "live"),
        (at(SUNDAY, 15), "live"),
        (at(SUNDAY, 16), "completed"),
    ],
)
def test_the_status_follows_the_clock(now: datetime, status: str) -> None:
    save_calendar(calendar(grand_prix()), context())
    entries = Change.objects.count()

    save_calendar(calendar(grand_prix()), context(now))

    assert race().status == race().phase(now) == status
    assert Change.objects.count() == entries


def test_a_start_of_which_only_the_day_is_known_locks_at_the_first_local_midnight() -> None:
    weekend = grand_prix()
    day_only = session(
        SessionType.RACE, at(SUNDAY, 0), start_is_estimated=True, utc_offset=timedelta(hours=2)
    )
    save_calendar(calendar(replace(weekend, sessions=(day_only,))), context())

    event = race()
    assert event.start_is_estimated
    assert event.locks_at == at(SUNDAY, 0) - timedelta(hours=2)
    assert event.ends_at == at(SUNDAY, 0) + timedelta(hours=36)


def test_jolpicas_calendar_leaves_alone_what_the_schedule_file_told() -> None:
    save_calendar(calendar(grand_prix()), context())
    before = all_rows()

    report = save_calendar(calendar(moved(hours=5), source=Source.JOLPICA), context())

    assert report.events["unchanged"] == 2
    assert all_rows() == before


def test_a_persons_start_stands_and_the_difference_is_said() -> None:
    save_calendar(calendar(grand_prix()), context())
    Event.objects.update(schedule_locked=True)
    before = all_rows()

    report = save_calendar(calendar(moved(hours=5)), context())

    assert all_rows() == before
    assert [note.session_type for note in report.notes] == ["race"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (calendar(), "has no grand prix"),
        (calendar(grand_prix(), grand_prix("Dutch Grand Prix")), "round 14 twice"),
        (calendar(grand_prix(), grand_prix(round_number=15)), "name Belgian Grand Prix twice"),
        (calendar(grand_prix(round_number=0)), "round 0"),
        (calendar(grand_prix(sessions=())), "no race"),
        (calendar(grand_prix(race_date=date(2023, 7, 28))), "not in the season"),
        (calendar(moved(hours=24 * 35)), "race on 2024-09-01, the race day is 2024-07-28"),
        (calendar(moved(hours=-24)), "qualifying after race"),
    ],
)
def test_a_calendar_that_cannot_be_true_is_refused_whole(broken: Any, reason: str) -> None:
    save_calendar(calendar(grand_prix()), context())
    before = all_rows()

    with pytest.raises(BadSourceData, match=reason):
        save_calendar(broken, context())

    assert all_rows() == before


def test_upcoming_and_awaiting_results_are_what_they_say() -> None:
    save_calendar(calendar(grand_prix()), context())

    assert [event.session_type for event in Event.objects.upcoming(BEFORE)] == [
        "qualifying",
        "race",
    ]
    assert not Event.objects.upcoming(AFTER).exists()
    assert [event.session_type for event in Event.objects.awaiting_results(AFTER)] == [
        "qualifying",
        "race",
    ]
    assert not Event.objects.awaiting_results(BEFORE).exists()
