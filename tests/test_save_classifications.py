"""Classifications to results: whole or not at all, and only news is written."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingestion import signals
from ingestion.models import Change, Driver, Event, Result
from ingestion.records import UnreadableClassification
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from tests.builders import (
    AFTER,
    DRIVERS,
    SUNDAY,
    at,
    calendar,
    classification,
    context,
    entries,
    grand_prix,
    race_identity,
    timed_entries,
)
from tests.rows import all_rows

pytestmark = pytest.mark.django_db(transaction=True)

SWAPPED = ("piastri", "hamilton", "leclerc", "max_verstappen", "norris")


@pytest.fixture(autouse=True)
def calendar_saved() -> None:
    save_calendar(calendar(grand_prix()), context())


@pytest.fixture
def heard() -> Iterator[list[tuple[str, int]]]:
    """The kinds and revisions of results that are announced."""
    announced: list[tuple[str, int]] = []

    def receiver(*, change: Change, **_: object) -> None:
        announced.append((change.kind, change.revision))

    for signal in (signals.results_published, signals.results_amended):
        signal.connect(receiver)
    yield announced
    for signal in (signals.results_published, signals.results_amended):
        signal.disconnect(receiver)


def race() -> Event:
    return Event.objects.get(session_type=SessionType.RACE)


def drivers(rows: Sequence[Result]) -> list[str]:
    return [row.driver_id for row in rows]


def test_a_first_classification_is_published(heard: list[tuple[str, int]]) -> None:
    report = save_classifications([classification()], context(AFTER))

    assert report.counts()["results"] == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "amended": 0,
    }
    event = race()
    assert (event.status, event.results_state, event.results_revision) == (
        "completed",
        "official",
        1,
    )
    assert (event.results_source, event.results_generated_at) == ("jolpica", AFTER)
    assert drivers(event.classification[:5]) == list(DRIVERS)
    assert event.results.count() == 20
    assert drivers(event.podium) == ["hamilton", "piastri", "leclerc"]
    assert event.winner is not None
    assert event.winner.points == Decimal(25)
    assert event.pole is None
    assert heard == [("published", 1)]


def test_the_pole_is_the_first_of_qualifying() -> None:
    save_classifications([classification(SessionType.QUALIFYING, SWAPPED)], context(AFTER))

    event = Event.objects.get(session_type=SessionType.QUALIFYING)
    assert event.pole is not None
    assert event.pole.driver_id == "piastri"
    assert event.winner is None
    assert event.podium == []


def test_the_same_classification_again_writes_nothing(heard: list[tuple[str, int]]) -> None:
    save_classifications([classification()], context(AFTER))
    before = all_rows()

    later = classification(generated_at=AFTER + timedelta(hours=2))
    report = save_classifications([later], context(AFTER + timedelta(hours=2)))

    assert report.results == {"unchanged": 1}
    assert all_rows() == before
    assert heard == [("published", 1)]


def test_a_changed_order_is_a_revision_whose_rows_keep_their_keys(
    heard: list[tuple[str, int]],
) -> None:
    save_classifications([classification()], context(AFTER))
    keys = dict(Result.objects.values_list("driver_id", "pk"))

    report = save_classifications([classification(drivers=SWAPPED)], context(AFTER))

    assert report.results == {"amended": 1}
    assert race().results_revision == 2
    assert drivers(race().classification[:5]) == list(SWAPPED)
    assert dict(Result.objects.values_list("driver_id", "pk")) == keys
    change = Change.objects.get(kind="amended")
    before, after = (
        [entry["driver_id"] for entry in side["classification"][:5]]
        for side in (change.before, change.after)
    )
    assert (before, after) == (list(DRIVERS), list(SWAPPED))
    assert heard == [("published", 1), ("amended", 2)]


def test_times_that_are_filled_in_later_are_details(heard: list[tuple[str, int]]) -> None:
    kind = SessionType.QUALIFYING
    save_classifications([classification(kind)], context(AFTER))

    report = save_classifications([classification(kind, results=timed_entries())], context(AFTER))

    assert report.results == {"updated": 1}
    change = Change.objects.latest("pk")
    assert (change.kind, change.revision, change.before) == ("details", 1, {})
    assert change.after["source"] == "jolpica"
    times = [detail for detail in change.after["details"] if detail["field"] != "points"]
    assert times[:2] == [
        {
            "order": 1,
            "driver_id": "hamilton",
            "driver_name": "Hamilton",
            "field": name,
            "before": None,
            "after": after,
        }
        for name, after in (("q1", "P0DT00H01M30.100000S"), ("q2", "P0DT00H01M29.100000S"))
    ]
    assert {detail["field"] for detail in times} == {"q1", "q2", "q3"}
    assert Event.objects.get(session_type=kind).results_revision == 1
    pole = Event.objects.get(session_type=kind).pole
    assert pole is not None
    assert pole.q3 == timedelta(seconds=88.1)
    assert heard == [("published", 1)]


def test_a_disqualification_that_only_the_status_tells_is_an_amendment() -> None:
    save_classifications([classification()], context(AFTER))
    last = replace(entries()[-1], status="Disqualified")

    report = save_classifications([classification(results=[*entries()[:-1], last])], context(AFTER))

    assert report.results == {"amended": 1}


def test_a_key_that_the_upstream_corrects_changes_no_event(heard: list[tuple[str, int]]) -> None:
    save_classifications([classification()], context(AFTER))
    rows = list(Result.objects.values())

    renamed = [
        replace(entry, driver_id="lando_norris") if entry.driver_id == "norris" else entry
        for entry in entries()
    ]
    report = save_classifications([classification(results=renamed)], context(AFTER))

    assert report.results == {"unchanged": 1}
    assert [note.message for note in report.notes] == [
        "Norris has the key lando_norris now, and stays the same driver"
    ]
    assert Change.objects.filter(event=race()).count() == 2
    assert list(Result.objects.values()) == rows
    assert sorted(Driver.objects.get(key="norris").keys.values_list("key", flat=True)) == [
        "lando_norris",
        "norris",
    ]
    assert heard == [("published", 1)]


def test_a_driver_under_a_corrected_key_in_another_place_is_an_amendment() -> None:
    save_classifications([classification()], context(AFTER))
    key = Result.objects.get(driver_id="norris").pk

    renamed = [
        replace(entry, driver_id="lando_norris") if entry.driver_id == "norris" else entry
        for entry in entries(("norris", *DRIVERS[:4]))
    ]
    report = save_classifications([classification(results=renamed)], context(AFTER))

    assert report.results == {"amended": 1}
    assert race().podium[0].pk == key
    assert race().winner == Result.objects.get(driver_id="norris")


def test_an_entry_that_is_gone_goes_and_one_that_is_new_comes() -> None:
    """A substitute in the car of somebody who was ill after all."""
    save_classifications([classification()], context(AFTER))
    keys = dict(Result.objects.values_list("driver_number", "pk"))
    substitute = replace(entries()[-1], driver_id="bearman", driver_name="Bearman")

    report = save_classifications(
        [classification(results=[*entries()[:-1], substitute])], context(AFTER)
    )

    assert report.results == {"amended": 1}
    assert drivers(race().classification)[-1] == "bearman"
    assert race().results.count() == 20
    now = dict(Result.objects.values_list("driver_number", "pk"))
    assert {number for number, key in now.items() if keys[number] != key} == {
        substitute.driver_number
    }
    assert Change.objects.latest("pk").before["classification"][-1]["driver_id"] == "zhou"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"driver_name": "Zhou\0"}, "its driver name has a character that cannot be stored"),
        ({"status": "\udc00"}, "its status has a character that cannot be stored"),
        ({"driver_code": "ZHOUS"}, "its driver code has more than 4 characters"),
        ({"driver_number": 32768}, "its driver number is not a number from 0 to 32767"),
        ({"points": Decimal(1000)}, "its points is not below 1000"),
    ],
)
def test_a_classification_that_no_database_stores_is_refused_and_the_others_are_saved(
    changes: dict[str, Any], fault: str
) -> None:
    first = replace(entries()[0], **changes)
    qualifying = classification(SessionType.QUALIFYING)

    report = save_classifications(
        [classification(results=[first, *entries()[1:]]), qualifying], context(AFTER)
    )

    assert [problem.message for problem in report.problems] == [
        f"refused, an entry cannot be saved: {fault}"
    ]
    assert report.results == {"created": 1}
    assert not race().has_results


def test_a_driver_may_stand_twice_in_different_cars() -> None:
    """Who took over a team-mate's car shares its place, until 1964."""
    sunday = SUNDAY.replace(year=1955, day=31)
    save_calendar(calendar(grand_prix(sunday=sunday), season=1955), context())
    five = entries()[:5]
    taken_over = replace(five[4], order=6, driver_id="hamilton", driver_name="Hamilton")
    others = [replace(entry, order=entry.order + 1) for entry in entries()[5:]]

    identity = race_identity(season=1955, race_date=sunday)
    shared = classification(race=identity, results=[*five, taken_over, *others])
    report = save_classifications([shared], context(AFTER))

    assert report.problems == []
    rows = Result.objects.filter(driver_id="hamilton").order_by("order")
    assert [(row.position, row.driver_number) for row in rows] == [(1, 10), (5, 13)]


def test_older_never_overwrites_newer() -> None:
    save_classifications([classification()], context(AFTER))
    before = all_rows()

    stale = classification(drivers=SWAPPED, generated_at=AFTER - timedelta(hours=1))
    report = save_classifications([stale], context(AFTER))

    assert all_rows() == before
    assert report.results == {"unchanged": 1}
    assert "older than the saved" in report.notes[0].message


def test_a_persons_classification_stands_and_the_difference_is_said() -> None:
    save_classifications([classification()], context(AFTER))
    Event.objects.update(results_locked=True)
    before = all_rows()

    report = save_classifications([classification(drivers=SWAPPED)], context(AFTER))

    assert all_rows() == before
    assert "a person's classification is kept" in report.notes[0].message


def test_a_session_that_has_not_begun_has_no_classification() -> None:
    before = all_rows()
    report = save_classifications([classification()], context(at(SUNDAY, 12)))

    assert all_rows() == before
    assert [str(note) for note in report.notes] == [
        "2024 belgian-grand-prix race: not available yet, the calendar has its start still to come"
    ]
    assert save_classifications([classification()], context(at(SUNDAY, 15))).results == {
        "created": 1
    }


@pytest.mark.parametrize("which", ["locks_at", "disputed_starts_at"])
def test_a_session_that_one_calendar_moves_once_it_was_held_has_its_classification(
    which: str,
) -> None:
    """Picks had closed, or the other calendar has the start that has passed."""
    monday = at(SUNDAY, 13) + timedelta(days=1)
    Event.objects.update(**{"starts_at": monday, "locks_at": monday, which: at(SUNDAY, 13)})
    report = save_classifications([classification()], context(at(SUNDAY, 15)))
    assert (report.notes, report.results) == ([], {"created": 1})


def test_a_finished_session_that_is_moved_by_mistake_is_amended_all_the_same() -> None:
    save_classifications([classification(generated_at=at(SUNDAY, 15))], context(at(SUNDAY, 15)))
    Event.objects.update(starts_at=at(SUNDAY, 13) + timedelta(days=1))

    later = at(SUNDAY, 17)
    save_classifications([classification(drivers=SWAPPED, generated_at=later)], context(later))

    assert drivers(race().podium) == ["piastri", "hamilton", "leclerc"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"name": "Dutch Grand Prix", "location": "Zandvoort", "country": "Netherlands"},
        {"race_date": SUNDAY + timedelta(days=7)},
        {"race_date": SUNDAY - timedelta(days=364)},
    ],
)
def test_another_race_than_those_on_the_calendar_is_refused_whatever_its_round(
    elsewhere: dict[str, object],
) -> None:
    before = all_rows()

    report = save_classifications([classification(race=race_identity(**elsewhere))], context(AFTER))

    assert all_rows() == before
    assert "is on the calendar" in report.problems[0].message


def test_a_result_lands_on_its_race_whatever_round_the_upstream_calls_it() -> None:
    save_classifications([classification(race=race_identity(round_number=3))], context(AFTER))

    assert race().results_revision == 1
    assert race().round_number == 14


def test_a_cancelled_session_takes_no_classification() -> None:
    Event.objects.update(status="cancelled")

    report = save_classifications([classification()], context(AFTER))

    assert not Result.objects.exists()
    assert "cancelled" in report.problems[0].message


@pytest.mark.parametrize(
    "half_filled",
    [
        [],
        [replace(entry, position=0) for entry in entries()],
        [replace(entry, position=entry.position + 1) for entry in entries()],
    ],
)
def test_half_filled_is_not_available_yet_while_young_and_a_problem_once_old(
    half_filled: list,  # type: ignore[type-arg]
) -> None:
    young = save_classifications([classification(results=half_filled)], context(at(SUNDAY, 17)))
    old = save_classifications([classification(results=half_filled)], context(AFTER))

    assert "not available yet" in young.notes[0].message
    assert young.problems == []
    assert "not available yet" in old.problems[0].message
    assert not Result.objects.exists()


def test_a_half_filled_answer_leaves_what_is_saved_and_says_so() -> None:
    save_classifications([classification()], context(AFTER))
    before = all_rows()

    half_filled = classification(results=entries()[:11], generated_at=AFTER + timedelta(hours=1))
    report = save_classifications([half_filled], context(AFTER + timedelta(hours=1)))

    assert all_rows() == before
    assert "its new answer was left aside, 11 entries" in report.problems[0].message


def test_a_persons_classification_makes_half_filled_answers_quiet() -> None:
    save_classifications([classification()], context(AFTER))
    Event.objects.update(results_locked=True)

    report = save_classifications([classification(results=entries()[:11])], context(AFTER))

    assert report.problems == []
    assert "11 entries" in report.notes[0].message


@pytest.mark.parametrize("saved_before", [True, False])
def test_what_the_season_has_so_far_decides_whether_a_field_is_believed(
    *, saved_before: bool
) -> None:
    """Saved, or in the same answer."""
    strangers = [
        replace(entry, driver_id=f"stranger_{entry.order}", driver_name=f"Stranger {entry.order}")
        for entry in timed_entries()
    ]
    answers = [classification(), classification(SessionType.QUALIFYING, results=strangers)]

    if saved_before:
        save_classifications(answers[:1], context(AFTER))
        answers = answers[1:]
    report = save_classifications(answers, context(AFTER))

    assert "drivers that the season does not know" in report.problems[0].message
    assert set(Result.objects.values_list("event__session_type", flat=True)) == {"race"}


def test_a_podium_by_hand_says_nothing_of_how_many_take_part() -> None:
    save_classifications([classification(results=entries())], context(AFTER))
    Event.objects.update(results_source="person")
    Result.objects.filter(order__gt=3).delete()

    report = save_classifications([classification(SessionType.QUALIFYING)], context(AFTER))

    assert report.problems == []
    assert report.results == {"created": 1}


def test_a_driver_twice_in_the_same_car_is_refused() -> None:
    doubled = replace(entries()[0], order=21, position=21)

    report = save_classifications([classification(results=[*entries(), doubled])], context(AFTER))

    assert "hamilton twice in the same car" in report.problems[0].message
    assert report.problems[0].advice.startswith("Run it again later")
    assert not Result.objects.exists()


def test_one_that_the_database_refuses_does_not_take_the_others_along(
    heard: list[tuple[str, int]],
) -> None:
    refused = entries(points=Decimal(-1))

    report = save_classifications(
        [
            classification(results=refused),
            classification(SessionType.QUALIFYING),
        ],
        context(AFTER),
    )

    assert report.results == {"created": 1}
    assert [problem.session_type for problem in report.problems] == ["race"]
    assert "the database refused it" in report.problems[0].message
    assert Event.objects.get(session_type=SessionType.QUALIFYING).results.count() == 20
    event = race()
    assert (event.results_revision, event.results_state) == (0, "pending")
    assert not event.results.exists()
    assert heard == [("published", 1)]


def test_one_that_cannot_be_read_does_not_take_the_others_along() -> None:
    unreadable = UnreadableClassification(
        race_identity(), SessionType.RACE, "99999 is out of range"
    )

    report = save_classifications(
        [unreadable, classification(SessionType.QUALIFYING)], context(AFTER)
    )

    assert report.results == {"created": 1}
    assert "99999 is out of range" in report.problems[0].message


def test_two_classifications_of_one_session_in_an_answer_are_refused() -> None:
    report = save_classifications(
        [classification(), classification(race=race_identity(round_number=15))], context(AFTER)
    )

    assert report.results == {"created": 1}
    assert "two classifications" in report.problems[0].message


def test_a_qualifying_that_no_calendar_lists_is_created_with_its_classification() -> None:
    old_sunday = SUNDAY.replace(year=1997, day=27)
    weekend = grand_prix(sunday=old_sunday)
    save_calendar(calendar(replace(weekend, sessions=weekend.sessions[1:]), season=1997), context())
    identity = race_identity(season=1997, race_date=old_sunday)

    report = save_classifications(
        [classification(SessionType.QUALIFYING, race=identity)], context(AFTER)
    )

    assert report.counts()["events"]["created"] == 1
    event = Event.objects.get(season=1997, session_type="qualifying")
    assert (event.starts_at, event.status, event.results_revision) == (None, "completed", 1)
    assert event.results.count() == 20
    assert [change.kind for change in event.changes.all()] == ["scheduled", "published"]


def test_a_session_that_a_calendar_of_today_does_not_list_takes_no_classification() -> None:
    report = save_classifications([classification(SessionType.SPRINT)], context(AFTER))

    assert "no such session" in report.problems[0].message
    assert Event.objects.count() == 2
