"""A season's calendars to events: what is written, what stays, and what the feed says of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from ingestion import signals
from ingestion.errors import BadSourceData
from ingestion.models import Change, Event
from ingestion.records import UNNAMED, CalendarRecord, GrandPrixRecord
from ingestion.report import SaveReport
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
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
    session,
)
from tests.hearing import Announced, Hear
from tests.rows import all_rows

pytestmark = pytest.mark.django_db(transaction=True)

LATER = BEFORE + timedelta(days=1)
FRIDAY, SATURDAY = SUNDAY - timedelta(days=2), SUNDAY - timedelta(days=1)
BELGIAN = "belgian-grand-prix"
DUTCH = grand_prix(
    "Dutch Grand Prix",
    date(2024, 8, 25),
    round_number=15,
    country="Netherlands",
    location="Zandvoort",
)
BOTH = (grand_prix(), DUTCH)
AUSTRIAN = grand_prix(
    "Austrian Grand Prix",
    date(2024, 6, 30),
    round_number=11,
    location="Spielberg",
    country="Austria",
)
DUTCH_ALONE = (replace(DUTCH, round_number=14),)
OCTOBER = grand_prix("Belgian Grand Prix", date(2024, 10, 13), round_number=15, location="Zolder")


def race(grand_prix: str = BELGIAN) -> Event:
    return Event.objects.get(grand_prix=grand_prix, session_type=SessionType.RACE)


def save_file(*grands_prix: GrandPrixRecord, now: datetime = BEFORE) -> SaveReport:
    """What the schedule file says at a moment, without Jolpica's calendar."""
    return save_calendar(calendar(*grands_prix, generated_at=now), context(now))


def save_both(*grands_prix: GrandPrixRecord, now: datetime = BEFORE) -> SaveReport:
    """What both calendars say at a moment."""
    return save_two(grands_prix, grands_prix, now=now)


def save_two(
    file: tuple[GrandPrixRecord, ...],
    jolpica: tuple[GrandPrixRecord, ...],
    *,
    now: datetime = BEFORE,
) -> SaveReport:
    return save_calendar(
        calendar(*file, generated_at=now),
        context(now),
        jolpica=jolpicas(*jolpica, generated_at=now),
    )


def starting(race: datetime | None, **changes: Any) -> GrandPrixRecord:
    """The Belgian weekend with another start of its race."""
    weekend = grand_prix()
    qualifying, last = weekend.sessions
    return replace(weekend, sessions=(qualifying, replace(last, starts_at=race, **changes)))


def moved(hours: int) -> GrandPrixRecord:
    return starting(at(SUNDAY, 13) + timedelta(hours=hours))


def with_sprint() -> GrandPrixRecord:
    weekend = grand_prix()
    return replace(
        weekend,
        sessions=(
            session(SessionType.SPRINT_QUALIFYING, at(FRIDAY, 14)),
            session(SessionType.SPRINT, at(SATURDAY, 10)),
            *weekend.sessions,
        ),
    )


def statuses(grand_prix: str = BELGIAN) -> dict[str, str]:
    events = Event.objects.filter(grand_prix=grand_prix)
    return dict(events.values_list("session_type", "status"))


def messages(report: SaveReport) -> list[str]:
    return [note.message for note in report.notes]


def stays_closed(start: str, *, since: str) -> str:
    return (
        f"it now starts at {start} UTC, and picks stay closed since {since} UTC; "
        "only a person can reopen them"
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


def test_a_transaction_that_is_rolled_back_announces_nothing(hear: Hear) -> None:
    save_calendar(calendar(grand_prix()), context())
    heard = hear(signals.event_rescheduled)

    with transaction.atomic():
        save_calendar(calendar(moved(hours=1)), context())
        transaction.set_rollback(True)

    assert heard == []
    assert race().starts_at == at(SUNDAY, 13)


# Each real change once

Steps = list[tuple[GrandPrixRecord, ...]]
Story = list[tuple[str, str, str]]


def both_sessions(kind: str, grand_prix: str = BELGIAN) -> Story:
    return [(kind, grand_prix, "qualifying"), (kind, grand_prix, "race")]


@pytest.mark.parametrize(
    ("steps", "told", "sent"),
    [
        pytest.param([(DUTCH,), BOTH], both_sessions("scheduled"), [], id="added"),
        pytest.param(
            [BOTH, (moved(hours=2), DUTCH)],
            [("rescheduled", BELGIAN, "race")],
            [("event_rescheduled", BELGIAN, "race")],
            id="moved",
        ),
        pytest.param(
            [BOTH, (grand_prix(round_number=13), DUTCH)],
            both_sessions("details"),
            [],
            id="renumbered",
        ),
        pytest.param(
            [BOTH, (DUTCH,)],
            both_sessions("cancelled"),
            both_sessions("event_cancelled"),
            id="cancelled",
        ),
        pytest.param(
            [BOTH, (DUTCH,), (DUTCH, grand_prix())],
            both_sessions("reinstated"),
            both_sessions("event_reinstated"),
            id="reinstated",
        ),
        pytest.param(
            [BOTH, (DUTCH,), (*DUTCH_ALONE, OCTOBER)],
            [*both_sessions("reinstated"), *both_sessions("details", "dutch-grand-prix")],
            both_sessions("event_reinstated"),
            id="reinstated elsewhere",
        ),
    ],
)
def test_each_change_is_told_and_announced_once(
    steps: Steps, told: Story, sent: Story, announced: Callable[[], Announced]
) -> None:
    *earlier, last = steps
    for days, listed in enumerate(earlier):
        save_both(*listed, now=BEFORE + timedelta(days=days))
    cursor = Change.objects.latest("pk").pk
    announced()
    now = BEFORE + timedelta(days=len(earlier))

    save_both(*last, now=now)

    new = Change.objects.after(cursor).values_list(
        "kind", "event__grand_prix", "event__session_type"
    )
    assert sorted(new) == sorted(told)
    assert announced() == sorted(sent)
    before = all_rows()
    save_both(*last, now=now + timedelta(hours=1))
    assert all_rows() == before
    assert announced() == []


# Starts


def test_a_moved_start_is_told_and_announced_once(hear: Hear) -> None:
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


def test_a_lock_that_has_passed_never_opens_again() -> None:
    save_calendar(calendar(grand_prix()), context())
    late = at(SUNDAY, 15)

    report = save_calendar(calendar(moved(hours=24)), context(late))

    event = race()
    assert event.starts_at == at(SUNDAY, 13) + timedelta(days=1)
    assert event.locks_at == at(SUNDAY, 13)
    assert messages(report) == [stays_closed("2024-07-29 13:00", since="2024-07-28 13:00")]


def test_a_session_that_was_moved_earlier_is_judged_by_its_real_start() -> None:
    save_file(grand_prix())

    save_file(moved(hours=-3), now=at(SUNDAY, 14))

    event = race()
    assert event.locks_at == at(SUNDAY, 10)
    assert event.in_time(at(SUNDAY, 10) - timedelta(microseconds=1))
    assert not event.in_time(at(SUNDAY, 10))


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


def test_of_a_start_of_which_only_the_day_is_known_picks_close_at_the_first_local_midnight() -> (
    None
):
    save_file(starting(at(SUNDAY, 0), start_is_estimated=True))

    event = race()
    assert event.start_is_estimated
    assert event.locks_at == at(FRIDAY, 0) - timedelta(hours=2)
    assert event.ends_at == at(SUNDAY, 0) + timedelta(hours=36)


def test_of_an_unknown_start_picks_close_at_the_first_local_midnight_of_the_weekend() -> None:
    save_file(starting(None))

    event = race()
    assert (event.starts_at, event.status) == (None, "scheduled")
    assert event.locks_at == at(FRIDAY, 0) - timedelta(hours=2)
    assert event.ends_at == at(SUNDAY, 0) + timedelta(hours=36)


def test_a_start_that_becomes_known_is_announced(hear: Hear) -> None:
    save_file(starting(None))
    heard = hear(signals.event_rescheduled)

    save_file(grand_prix(), now=LATER)

    event = race()
    assert event.starts_at == event.locks_at == at(SUNDAY, 13)
    assert [(sent["old"], sent["new"]) for sent in heard] == [(None, at(SUNDAY, 13))]


def test_a_start_that_becomes_known_in_the_weekend_opens_no_lock() -> None:
    save_file(starting(None))

    report = save_file(grand_prix(), now=at(SATURDAY, 12))

    assert race().starts_at == at(SUNDAY, 13)
    assert race().locks_at == at(FRIDAY, 0) - timedelta(hours=2)
    assert messages(report) == [stays_closed("2024-07-28 13:00", since="2024-07-25 22:00")]


def test_a_start_that_moves_once_results_are_in_is_told_and_not_announced(hear: Hear) -> None:
    save_file(grand_prix())
    save_classifications([classification()], context(AFTER))
    heard = hear(signals.event_rescheduled)

    save_file(moved(hours=24), now=AFTER)

    assert Change.objects.get(kind="rescheduled").event == race()
    assert heard == []
    event = race()
    assert (event.status, event.locks_at) == ("completed", at(SUNDAY, 13))
    assert event.results.count() == 20


def test_a_finished_session_that_is_moved_earlier_by_mistake_spoils_no_pick() -> None:
    save_file(grand_prix())
    save_classifications([classification()], context(AFTER))

    save_file(moved(hours=-20), now=AFTER)

    assert race().locks_at == at(SUNDAY, 13)
    assert race().in_time(at(SUNDAY, 12))


# Names, rounds and places


def test_a_new_round_number_or_place_keeps_the_row() -> None:
    save_calendar(calendar(grand_prix()), context())
    key = race().pk

    save_calendar(calendar(grand_prix(round_number=13, location="Spa")), context())

    event = race()
    assert (event.pk, event.round_number, event.location) == (key, 13, "Spa")
    change = Change.objects.filter(kind="details").latest("pk")
    assert change.before["round_number"] == 14
    assert change.after["round_number"] == 13


def what_the_calendar_told() -> dict[int, dict[str, Any]]:
    """Of each event all but its round and when it was written."""
    apart = {"round_number", "updated_at", "schedule_generated_at"}
    return {
        event["id"]: {name: value for name, value in event.items() if name not in apart}
        for event in Event.objects.values()
    }


def rounds() -> dict[str, int | None]:
    return dict(Event.objects.values_list("grand_prix", "round_number"))


@pytest.mark.parametrize(("belgian", "dutch"), [(13, 14), (15, 14), (1, 2)])
def test_renumbering_changes_only_the_round(belgian: int, dutch: int) -> None:
    """Two that swap their rounds included."""
    save_both(*BOTH)
    before = what_the_calendar_told()

    report = save_both(
        grand_prix(round_number=belgian), replace(DUTCH, round_number=dutch), now=LATER
    )

    assert rounds() == {BELGIAN: belgian, "dutch-grand-prix": dutch}
    assert what_the_calendar_told() == before
    assert {kind for _, kind in report.changes} == {"details"}


def test_a_renamed_grand_prix_of_the_same_day_and_place_keeps_its_rows() -> None:
    save_calendar(calendar(grand_prix()), context())
    keys = set(Event.objects.values_list("pk", flat=True))

    save_calendar(calendar(grand_prix("Grand Prix of Flanders")), context())

    assert set(Event.objects.values_list("pk", flat=True)) == keys
    assert race().name == "Grand Prix of Flanders"
    assert race().grand_prix == "belgian-grand-prix"


# Leaving and coming back


def test_what_left_the_calendars_is_cancelled_and_comes_back_as_the_same_row(hear: Hear) -> None:
    save_both(*BOTH)
    cancelled, reinstated = hear(signals.event_cancelled), hear(signals.event_reinstated)
    key = race().pk

    report = save_both(*DUTCH_ALONE, now=LATER)

    assert report.events["cancelled"] == 2
    event = Event.objects.get(pk=key)
    assert (event.status, event.round_number) == ("cancelled", None)

    report = save_both(*DUTCH_ALONE, OCTOBER, now=LATER + timedelta(days=1))

    assert report.events["reinstated"] == 2
    event = Event.objects.get(pk=key)
    assert (event.status, event.round_number, event.location) == ("scheduled", 15, "Zolder")
    assert event.starts_at == event.locks_at == datetime(2024, 10, 13, 13, tzinfo=UTC)
    assert (len(cancelled), len(reinstated)) == (2, 2)


def test_what_comes_back_elsewhere_under_almost_its_old_name_is_the_same_row() -> None:
    saudi = grand_prix("Saudi Arabian Grand Prix", country="Saudi Arabia", location="Jeddah")
    elsewhere = replace(
        OCTOBER, name="Saudi Arabia Grand Prix", country="Malaysia", location="Kuala Lumpur"
    )
    save_both(saudi, DUTCH)
    key = race("saudi-arabian-grand-prix").pk
    save_both(*DUTCH_ALONE, now=LATER)

    report = save_both(*DUTCH_ALONE, elsewhere, now=LATER + timedelta(days=1))

    assert (report.events["reinstated"], report.events["created"]) == (2, 0)
    event = race("saudi-arabian-grand-prix")
    assert (event.pk, event.name, event.round_number) == (key, "Saudi Arabia Grand Prix", 15)
    assert (event.country, event.starts_at) == (
        "Malaysia",
        datetime(2024, 10, 13, 13, tzinfo=UTC),
    )


def test_a_lock_that_passed_before_it_was_called_off_stays_closed_when_it_comes_back() -> None:
    save_both(*BOTH)
    save_both(*DUTCH_ALONE, now=at(SUNDAY, 14))

    report = save_both(*DUTCH_ALONE, OCTOBER, now=AFTER)

    event = race()
    assert (event.status, event.starts_at) == ("scheduled", datetime(2024, 10, 13, 13, tzinfo=UTC))
    assert event.locks_at == at(SUNDAY, 13)
    assert messages(report)[-1] == stays_closed("2024-10-13 13:00", since="2024-07-28 13:00")


def test_what_is_past_and_has_no_result_is_cancelled_when_neither_calendar_has_it() -> None:
    save_both(*BOTH)

    save_both(DUTCH, now=AFTER)

    assert statuses() == {"qualifying": "cancelled", "race": "cancelled"}


def test_what_has_a_classification_is_not_cancelled_by_calendars_that_forgot_it() -> None:
    save_both(*BOTH)
    save_classifications([classification()], context(AFTER))

    save_both(DUTCH, now=AFTER)

    assert statuses() == {"qualifying": "cancelled", "race": "completed"}
    assert race().results.count() == 20


def test_what_the_schedule_file_alone_forgot_is_not_cancelled() -> None:
    save_both(*BOTH)

    report = save_two(DUTCH_ALONE, BOTH, now=LATER)

    assert report.events["cancelled"] == 0
    assert statuses() == {"qualifying": "scheduled", "race": "scheduled"}
    assert race().round_number is None
    assert race().starts_at == at(SUNDAY, 13)


def test_what_jolpica_alone_forgot_is_not_cancelled() -> None:
    save_both(*BOTH)
    before = all_rows()

    save_two(BOTH, DUTCH_ALONE, now=LATER)

    assert all_rows() == before


@pytest.mark.parametrize("read", [calendar, jolpicas])
def test_nothing_is_cancelled_where_only_one_calendar_was_read(
    read: Callable[..., CalendarRecord],
) -> None:
    save_both(*BOTH)
    before = all_rows()

    save_calendar(read(DUTCH, generated_at=LATER), context(LATER))

    assert all_rows() == before


def test_before_the_schedule_files_jolpicas_calendar_alone_cancels() -> None:
    old = grand_prix(sunday=date(1997, 8, 24), round_number=12)
    other = grand_prix("Italian Grand Prix", date(1997, 9, 7), round_number=13, country="Italy")
    season = {"season": 1997}
    save_calendar(jolpicas(old, other, **season), context(datetime(1997, 8, 1, tzinfo=UTC)))

    report = save_calendar(jolpicas(other, **season), context(datetime(1997, 8, 2, tzinfo=UTC)))

    assert report.events["cancelled"] == 2
    assert statuses() == {"qualifying": "cancelled", "race": "cancelled"}


def test_what_a_person_set_is_not_cancelled() -> None:
    save_both(*BOTH)
    Event.objects.filter(grand_prix=BELGIAN).update(schedule_locked=True)
    before = all_rows()

    save_both(DUTCH, now=LATER)

    assert all_rows() == before


def test_calendars_older_than_what_is_saved_cancel_nothing() -> None:
    save_both(*BOTH, now=LATER)
    before = all_rows()

    save_calendar(
        calendar(DUTCH, generated_at=LATER + timedelta(hours=1)),
        context(LATER + timedelta(hours=1)),
        jolpica=jolpicas(DUTCH, generated_at=BEFORE),
    )

    assert all_rows() == before


def test_a_sprint_weekend_turned_conventional_loses_its_sprint_alone() -> None:
    save_both(with_sprint())
    keys = dict(Event.objects.values_list("session_type", "pk"))

    save_both(grand_prix(), now=LATER)

    assert statuses() == {
        "sprint_qualifying": "cancelled",
        "sprint": "cancelled",
        "qualifying": "scheduled",
        "race": "scheduled",
    }
    assert dict(Event.objects.values_list("session_type", "pk")) == keys


def test_a_conventional_weekend_turned_sprint_weekend_gets_sessions() -> None:
    save_both(grand_prix())
    keys = dict(Event.objects.values_list("session_type", "pk"))

    report = save_both(with_sprint(), now=LATER)

    assert (report.events["created"], report.events["unchanged"]) == (2, 2)
    assert set(statuses().values()) == {"scheduled"}
    assert keys.items() <= dict(Event.objects.values_list("session_type", "pk")).items()


def test_a_sprint_that_comes_back_is_the_same_row() -> None:
    save_both(with_sprint())
    keys = dict(Event.objects.values_list("session_type", "pk"))
    save_both(grand_prix(), now=LATER)

    report = save_both(with_sprint(), now=LATER + timedelta(days=1))

    assert report.events["reinstated"] == 2
    assert set(statuses().values()) == {"scheduled"}
    assert dict(Event.objects.values_list("session_type", "pk")) == keys


# Two calendars


def test_a_grand_prix_that_only_jolpica_knows_is_added_without_a_round() -> None:
    report = save_two((grand_prix(),), BOTH)

    assert report.events["created"] == 4
    event = race("dutch-grand-prix")
    assert (event.round_number, event.schedule_source) == (None, "jolpica")
    assert event.starts_at == event.locks_at == datetime(2024, 8, 25, 13, tzinfo=UTC)


def test_a_grand_prix_that_the_schedule_file_learns_of_later_is_the_same_row() -> None:
    save_two((grand_prix(),), BOTH)
    key = race("dutch-grand-prix").pk

    save_both(*BOTH, now=LATER)

    event = race("dutch-grand-prix")
    assert (event.pk, event.round_number, event.schedule_source) == (key, 15, "schedule_file")


def test_a_start_that_the_schedule_file_leaves_empty_is_jolpicas() -> None:
    save_two((starting(None),), (grand_prix(),))

    event = race()
    assert event.starts_at == event.locks_at == at(SUNDAY, 13)
    assert (event.schedule_source, event.utc_offset) == ("jolpica", timedelta(hours=2))


@pytest.mark.parametrize(("hours", "closes"), [(-2, at(SUNDAY, 11)), (2, at(SUNDAY, 13))])
def test_a_small_dispute_is_kept_and_noted_and_picks_close_at_the_earlier(
    hours: int, closes: datetime
) -> None:
    report = save_two((grand_prix(),), (moved(hours),))

    event = race()
    disputed = at(SUNDAY, 13 + hours)
    assert (event.starts_at, event.disputed_starts_at) == (at(SUNDAY, 13), disputed)
    assert (event.schedule_source, event.locks_at) == ("schedule_file", closes)
    [note] = report.notes
    assert (note.grand_prix, note.session_type) == (BELGIAN, "race")
    assert note.message == (
        f"the schedule file says 2024-07-28 13:00 UTC, Jolpica {disputed:%Y-%m-%d %H:%M} UTC; "
        "picks close at the earlier"
    )


@pytest.mark.parametrize("hours", [-20, -6, 6, 24])
def test_in_a_large_dispute_the_schedule_file_counts(hours: int) -> None:
    report = save_two((grand_prix(),), (replace(moved(hours), race_date=SUNDAY),))

    event = race()
    assert event.starts_at == event.locks_at == at(SUNDAY, 13)
    assert event.disputed_starts_at == at(SUNDAY, 13) + timedelta(hours=hours)
    assert messages(report)[0].endswith("; the schedule file's counts")


def test_a_dispute_that_lasts_is_noted_again_and_nothing_is_written() -> None:
    first = save_two((grand_prix(),), (moved(hours=1),))
    before = all_rows()

    again = save_two((grand_prix(),), (moved(hours=1),), now=LATER)

    assert messages(again) == messages(first) != []
    assert all_rows() == before


def test_a_dispute_that_is_over_is_told_and_the_lock_follows(hear: Hear) -> None:
    save_two((grand_prix(),), (moved(hours=-1),))
    heard = hear(signals.event_rescheduled)

    report = save_both(grand_prix(), now=LATER)

    event = race()
    assert (event.disputed_starts_at, event.locks_at) == (None, at(SUNDAY, 13))
    change = Change.objects.latest("pk")
    assert (change.kind, change.before["disputed_starts_at"]) == ("details", "2024-07-28T12:00:00Z")
    assert (report.notes, heard) == ([], [])


def test_a_dispute_lasts_while_jolpicas_calendar_cannot_be_read() -> None:
    save_two((grand_prix(),), (moved(hours=-2),))
    before = all_rows()

    save_file(grand_prix(), now=LATER)

    assert all_rows() == before


def test_a_start_of_jolpicas_stays_while_its_calendar_cannot_be_read() -> None:
    """Otherwise one failed request in the weekend closes picks at its first midnight, for good."""
    save_two((starting(None),), (grand_prix(),))
    before = all_rows()

    save_file(starting(None), now=LATER)

    assert all_rows() == before


def test_jolpicas_calendar_alone_disputes_what_the_schedule_file_told(hear: Hear) -> None:
    save_file(grand_prix())
    heard = hear(signals.event_rescheduled)

    report = save_calendar(jolpicas(moved(hours=-2)), context())

    event = race()
    assert (event.starts_at, event.disputed_starts_at) == (at(SUNDAY, 13), at(SUNDAY, 11))
    assert (event.schedule_source, event.round_number) == ("schedule_file", 14)
    assert event.locks_at == at(SUNDAY, 11)
    assert report.events == {"updated": 1, "unchanged": 1}
    assert heard == []


def test_jolpicas_calendar_alone_writes_nothing_where_it_agrees() -> None:
    save_file(grand_prix())
    before = all_rows()

    save_calendar(jolpicas(grand_prix(round_number=13, location="Spa")), context())

    assert all_rows() == before


# Ages


def test_an_older_answer_is_left_aside_and_noted() -> None:
    save_file(grand_prix(), now=LATER)
    before = all_rows()

    report = save_calendar(calendar(moved(hours=1), generated_at=BEFORE), context(LATER))

    assert all_rows() == before
    [note] = report.notes
    assert (note.session_type, note.message) == (
        "race",
        "an answer older than the saved calendar was left aside",
    )


def test_an_older_answer_that_says_the_same_is_not_noted() -> None:
    save_file(grand_prix(), now=LATER)

    report = save_calendar(calendar(grand_prix(), generated_at=BEFORE), context(LATER))

    assert report.notes == []


def test_each_session_has_an_age_of_its_own() -> None:
    save_file(grand_prix())
    save_file(moved(hours=2), now=LATER)
    between = BEFORE + timedelta(hours=1)
    qualifying, last = grand_prix().sessions
    earlier = replace(qualifying, starts_at=at(SATURDAY, 12))

    save_calendar(
        calendar(grand_prix(sessions=(earlier, last)), generated_at=between), context(LATER)
    )

    starts = dict(Event.objects.values_list("session_type", "starts_at"))
    assert starts == {"qualifying": at(SATURDAY, 12), "race": at(SUNDAY, 15)}


def test_an_older_answer_does_not_bring_back_what_left() -> None:
    save_both(*BOTH)
    save_both(*DUTCH_ALONE, now=LATER)
    before = all_rows()

    report = save_calendar(
        calendar(grand_prix(round_number=15), *DUTCH_ALONE, generated_at=BEFORE), context(LATER)
    )

    assert all_rows() == before
    assert messages(report) == ["an answer older than the saved calendar was left aside"] * 2


def test_an_answer_whose_age_nobody_knows_counts() -> None:
    save_file(grand_prix(), now=LATER)

    save_calendar(calendar(moved(hours=1), generated_at=None), context(LATER))

    assert race().starts_at == at(SUNDAY, 14)


# A person's


def test_a_persons_start_stands_and_the_difference_is_said() -> None:
    save_calendar(calendar(grand_prix()), context())
    Event.objects.update(schedule_locked=True)
    before = all_rows()

    report = save_calendar(calendar(moved(hours=5)), context())

    assert all_rows() == before
    assert [note.session_type for note in report.notes] == ["race"]


# Refused whole


IMPLAUSIBLE = [
    (calendar(), "has no grand prix"),
    (calendar(grand_prix(), grand_prix("Dutch Grand Prix")), "round 14 twice"),
    (calendar(grand_prix(), grand_prix(round_number=15)), "name Belgian Grand Prix twice"),
    (calendar(grand_prix(round_number=0)), "round 0"),
    (calendar(grand_prix(sessions=())), "no race"),
    (calendar(grand_prix(race_date=date(2023, 7, 28))), "not in the season"),
    (calendar(moved(hours=24 * 35)), "race on 2024-09-01, the race day is 2024-07-28"),
    (calendar(moved(hours=-24)), "qualifying after race"),
]


@pytest.mark.parametrize(("broken", "reason"), IMPLAUSIBLE)
def test_a_calendar_that_cannot_be_true_is_refused_whole(
    broken: CalendarRecord, reason: str
) -> None:
    save_calendar(calendar(grand_prix()), context())
    before = all_rows()

    with pytest.raises(BadSourceData, match=reason):
        save_calendar(broken, context())

    assert all_rows() == before


def test_a_first_calendar_that_cannot_be_true_is_refused_with_a_second_that_can(
    announced: Callable[[], Announced],
) -> None:
    save_both(*BOTH)
    before = all_rows()
    announced()

    with pytest.raises(BadSourceData, match="no race"):
        save_two((replace(DUTCH, sessions=()),), (moved(hours=1), DUTCH), now=LATER)

    assert all_rows() == before
    assert announced() == []


@pytest.mark.parametrize(("broken", "reason"), IMPLAUSIBLE)
def test_a_second_calendar_that_cannot_be_true_is_left_aside_and_cancels_nothing(
    broken: CalendarRecord, reason: str
) -> None:
    save_both(*BOTH)
    before = all_rows()

    report = save_calendar(
        calendar(DUTCH, generated_at=LATER),
        context(LATER),
        jolpica=jolpicas(*broken.grands_prix, generated_at=LATER),
    )

    assert all_rows() == before
    [problem] = report.problems
    assert reason in problem.message
    assert problem.message.endswith("; it was left aside")


def season_of(races: int) -> tuple[GrandPrixRecord, ...]:
    return tuple(
        grand_prix(
            f"Grand Prix {number}",
            SUNDAY + timedelta(weeks=number),
            round_number=number,
            country=f"Country {number}",
            location="",
        )
        for number in range(1, races + 1)
    )


def test_a_calendar_without_most_of_the_races_that_remain_is_refused_whole() -> None:
    season = season_of(5)
    save_both(*season)
    before = all_rows()

    with pytest.raises(BadSourceData, match="has 2 of the 5 grands prix that remain"):
        save_both(*season[:2], now=LATER)

    assert all_rows() == before


def test_of_a_season_that_is_over_no_race_remains() -> None:
    season = season_of(5)
    save_both(*season)

    report = save_both(*season[:2], now=BEFORE.replace(month=12))

    assert report.events["cancelled"] == 6


# Asking


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


def test_picks_count_until_the_lock() -> None:
    save_file(grand_prix())

    event = race()
    assert event.in_time(at(SUNDAY, 13) - timedelta(microseconds=1))
    assert not event.in_time(at(SUNDAY, 13))
    assert not Event(locks_at=None).in_time(BEFORE)


# Two calendars that are right alone


def test_where_the_two_contradict_each_other_the_first_counts_alone() -> None:
    day = SUNDAY - timedelta(days=1)
    told = grand_prix(
        sessions=(session(SessionType.QUALIFYING, None), session(SessionType.RACE, at(day, 9)))
    )
    other = grand_prix(
        sessions=(
            session(SessionType.QUALIFYING, at(SUNDAY, 8)),
            session(SessionType.RACE, at(SUNDAY, 13)),
        )
    )

    save_calendar(calendar(told), context(), jolpica=jolpicas(other))

    assert Event.objects.get(session_type=SessionType.QUALIFYING).starts_at is None
    assert race().starts_at == at(day, 9)


def test_earlier_start_closes_picks_where_the_rest_of_the_weekend_contradicts() -> None:
    """The file leaves the qualifying's start open, Jolpica has it after the file's race."""

    def weekend(*hours: tuple[SessionType, datetime | None]) -> GrandPrixRecord:
        return grand_prix(sessions=tuple(session(kind, starts_at) for kind, starts_at in hours))

    file = weekend(
        (SessionType.SPRINT, at(SATURDAY, 10)),
        (SessionType.QUALIFYING, None),
        (SessionType.RACE, at(SUNDAY, 13)),
    )
    jolpica = weekend(
        (SessionType.SPRINT, at(SATURDAY, 8)),
        (SessionType.QUALIFYING, at(SUNDAY, 14)),
        (SessionType.RACE, at(SUNDAY, 17)),
    )
    save_two((file,), (jolpica,))
    sprint = Event.objects.get(session_type=SessionType.SPRINT)
    assert (sprint.starts_at, sprint.locks_at) == (at(SATURDAY, 10), at(SATURDAY, 8))
    assert Event.objects.get(session_type=SessionType.QUALIFYING).starts_at is None


def test_a_sprint_that_jolpica_alone_has_stays_where_the_file_moves_its_weekend() -> None:
    conventional, week = grand_prix(), timedelta(weeks=1)
    save_two((conventional, DUTCH), (with_sprint(), DUTCH))
    later = replace(
        conventional,
        race_date=conventional.race_date + week,
        sessions=tuple(
            replace(one, starts_at=one.starts_at and one.starts_at + week)
            for one in conventional.sessions
        ),
    )

    report = save_two((later, DUTCH), (with_sprint(), DUTCH), now=LATER)

    assert set(statuses().values()) == {"scheduled"}
    kept = "Jolpica alone has it, and not on the file's weekend; what is saved is kept"
    assert messages(report).count(kept) == 2
    saved = all_rows()
    save_two((later, DUTCH), (with_sprint(), DUTCH), now=LATER + timedelta(hours=1))
    assert all_rows() == saved
    save_two((later, DUTCH), (conventional, DUTCH), now=LATER + timedelta(hours=2))
    assert statuses()["sprint"] == "cancelled"


def test_what_was_cancelled_before_its_lock_is_open_again_when_it_comes_back() -> None:
    """Nobody has to reopen the picks of a race that never came to its start."""
    later = grand_prix(sunday=SUNDAY + timedelta(weeks=10))
    others = [grand_prix("Dutch Grand Prix", SUNDAY + timedelta(weeks=4), round_number=15)]
    save_calendar(calendar(grand_prix(), *others), context())
    save_calendar(calendar(*others), context(), jolpica=jolpicas(*others))

    save_calendar(calendar(later, *others), context(AFTER), jolpica=jolpicas(later, *others))

    back = Event.objects.get(grand_prix="belgian-grand-prix", session_type=SessionType.RACE)
    assert back.locks_at == back.starts_at == at(SUNDAY + timedelta(weeks=10), 13)


# What the database would refuse


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"location": "Spa\0"}, "its location has a character that cannot be stored"),
        ({"country": "Belgi\ud83d"}, "its country has a character that cannot be stored"),
        ({"official_name": "x" * 201}, "its official name has more than 200 characters"),
        ({"round_number": 32768}, "its round number is not a number from 0 to 32767"),
    ],
)
def test_a_grand_prix_that_no_database_stores_is_refused_by_name_and_the_rest_is_saved(
    changes: dict[str, Any], fault: str
) -> None:
    save_both(grand_prix(), DUTCH)
    before = all_rows()

    report = save_both(grand_prix(**changes), DUTCH, AUSTRIAN)

    refusal = f"the calendar's grand prix was refused, {fault}"
    assert [str(problem) for problem in report.problems] == [
        f"2024 belgian-grand-prix: {refusal}; what is saved of it is kept"
    ]
    assert report.events == {"created": 2, "unchanged": 2}
    kept = [row for row in all_rows()["event"] if row["grand_prix"] != "austrian-grand-prix"]
    assert kept == before["event"]


@pytest.mark.parametrize("name", [DUTCH.name, UNNAMED])
def test_a_grand_prix_that_cannot_be_read_is_not_cancelled(name: str) -> None:
    """The calendar has it; only one of its values is spoilt, and be that the name."""
    save_calendar(calendar(*BOTH), context())
    spoilt = replace(calendar(grand_prix()), unreadable=(name,))
    report = save_calendar(spoilt, context(LATER))
    assert report.events["cancelled"] == 0
    assert not Event.objects.filter(status=Event.Status.CANCELLED).exists()
