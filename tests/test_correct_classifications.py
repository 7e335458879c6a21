"""What a person does to a classification, and that no ingest undoes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError

from ingestion import signals
from ingestion.corrections import (
    Author,
    accept_proposal,
    correct_classification,
    disqualify,
    enter_leaders,
    list_restorable,
    reject_proposal,
    release_results,
    reorder,
    restore_revision,
    settle_results,
    void_event,
)
from ingestion.errors import WrongRequest
from ingestion.models import Change, Event, Result
from ingestion.records import RESULT_FIELDS, ResultRecord
from ingestion.report import SaveReport
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from tests.amending import podium
from tests.builders import (
    AFTER,
    DRIVERS,
    FIELD,
    calendar,
    classification,
    context,
    entries,
    grand_prix,
    timed_entries,
)
from tests.hearing import Hear, Heard
from tests.persons import User
from tests.rows import all_rows

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

HOUR = timedelta(hours=1)
LATER = AFTER + HOUR
SWAPPED = ("piastri", "hamilton", *DRIVERS[2:])
UPSTREAM = ("russell", "hamilton", "piastri", "leclerc", "max_verstappen")


@pytest.fixture(autouse=True)
def calendar_saved() -> None:
    save_calendar(calendar(grand_prix()), context())


@pytest.fixture
def steward() -> User:
    return User.objects.create_user("steward")


@pytest.fixture
def author(steward: User) -> Author:
    return Author(steward, "the stewards' document 73", LATER)


@dataclass
class Announcements:
    """What the signals of results have sent since it was last asked."""

    published: Heard
    amended: Heard

    def take(self) -> list[tuple[str, int, str]]:
        sent = [
            (name, one["change"].revision, one["cause"])
            for name in ("published", "amended")
            for one in getattr(self, name)
        ]
        self.published.clear()
        self.amended.clear()
        return sent


@pytest.fixture
def results(hear: Hear) -> Announcements:
    return Announcements(hear(signals.results_published), hear(signals.results_amended))


def ingest(drivers: Sequence[str] = DRIVERS, at: datetime = AFTER, **changes: Any) -> SaveReport:
    changes = {"generated_at": at, **changes}
    return save_classifications([classification(drivers=drivers, **changes)], context(at))


@pytest.fixture
def published() -> Event:
    ingest()
    return race()


def restorable() -> list[int]:
    changes = list(Change.objects.filter(event=race()).order_by("pk"))
    return [change.revision for change in list_restorable(race(), changes)]


def race() -> Event:
    return Event.objects.select_related("proposal").get(session_type="race")


def last_change() -> Change:
    return Change.objects.latest("pk")


def keys() -> dict[str, int]:
    return dict(race().results.values_list("driver_id", "pk"))


def key(driver: str) -> tuple[str, int]:
    return driver, 10 + FIELD.index(driver)


def saved_records(event: Event) -> list[ResultRecord]:
    rows = event.results.order_by("order").values_list(*RESULT_FIELDS)
    return [ResultRecord(*row) for row in rows]


def order(*drivers: str) -> list[tuple[str, int | None]]:
    """These first, then the others as they are."""
    others = [row.driver_id for row in race().classification if row.driver_id not in drivers]
    return [key(driver) for driver in (*drivers, *others)]


def drivers_of(change: dict[str, Any]) -> list[str]:
    return [entry["driver_id"] for entry in change["classification"]]


# What each does


def test_an_edited_classification_is_a_revision_with_who_when_and_why(
    published: Event, author: Author, results: Announcements
) -> None:
    before = keys()

    warnings = correct_classification(published, entries(SWAPPED), author, revision=1)

    assert warnings == []
    event = race()
    assert podium(event) == ["piastri", "hamilton", "leclerc"]
    assert (event.results_revision, event.results_locked) == (2, True)
    assert (event.results_state, event.results_source) == ("official", "person")
    assert keys() == before
    change = last_change()
    assert (change.kind, change.revision, change.cause) == ("corrected", 2, "correction")
    assert (change.person, change.reason, change.created_at, change.run) == (
        author.person, "the stewards' document 73", LATER, None,
    )  # fmt: skip
    assert drivers_of(change.before)[:2] == ["hamilton", "piastri"]
    assert drivers_of(change.after)[:2] == ["piastri", "hamilton"]
    assert Change.objects.filter(event=event).count() == 3
    assert results.take() == [("amended", 2, "correction")]


def test_reordered_entries_keep_their_keys_and_their_letters(
    published: Event, author: Author
) -> None:
    retired = [
        replace(entry, classification="R") if entry.order > 18 else entry for entry in entries()
    ]
    ingest(results=retired)
    before = keys()

    assert reorder(race(), order("leclerc", "hamilton"), author, revision=1) == []

    rows = race().classification
    assert [row.driver_id for row in rows[:4]] == [
        "leclerc",
        "hamilton",
        "piastri",
        "max_verstappen",
    ]
    assert [(row.order, row.position) for row in rows] == [(n, n) for n in range(1, 21)]
    assert [row.classification for row in rows] == [*map(str, range(1, 19)), "R", "R"]
    assert keys() == before


@pytest.mark.parametrize(
    "wrong",
    [
        [key(driver) for driver in DRIVERS],
        [key(driver) for driver in (*FIELD, "hamilton")],
        [key(driver) for driver in (*FIELD[:-1], "hamilton")],
        [("nobody", 1), *(key(driver) for driver in FIELD[1:])],
    ],
    ids=["some", "one twice", "one instead of another", "a stranger"],
)
def test_an_order_names_each_entry_once(
    published: Event, author: Author, wrong: list[tuple[str, int | None]]
) -> None:
    before = all_rows()
    with pytest.raises(WrongRequest, match="each entry of the classification once"):
        reorder(published, wrong, author, revision=1)
    assert all_rows() == before


def test_who_is_disqualified_is_last_and_the_others_move_up(
    published: Event, author: Author, results: Announcements
) -> None:
    before = keys()

    assert disqualify(published, key("hamilton"), author, revision=1) == []

    rows = race().classification
    assert podium(race()) == ["piastri", "leclerc", "max_verstappen"]
    assert [row.classification for row in rows] == [*map(str, range(1, 20)), "D"]
    out = rows[-1]
    assert (out.driver_id, out.status) == ("hamilton", "Disqualified")
    assert out.points == 0
    assert keys() == before
    assert results.take() == [("amended", 2, "correction")]


def shared_win() -> list[ResultRecord]:
    """Two drivers of one car share the first place, those behind count from 2."""
    return [
        replace(entry, position=place, classification=str(place))
        for entry in entries()
        for place in [max(1, entry.order - 1)]
    ]


def test_who_shared_a_car_still_does_after_another_is_disqualified(author: Author) -> None:
    correct_classification(race(), shared_win(), author, revision=0)

    disqualify(race(), key("leclerc"), author, revision=1)

    rows = race().classification
    assert [row.position for row in rows] == [1, 1, *range(2, 20)]
    assert [row.classification for row in rows] == ["1", "1", *map(str, range(2, 19)), "D"]


def test_who_shared_a_car_still_does_after_two_others_change_places(author: Author) -> None:
    correct_classification(race(), shared_win(), author, revision=0)

    order_now = order()
    order_now[3], order_now[4] = order_now[4], order_now[3]
    reorder(race(), order_now, author, revision=1)

    assert [row.position for row in race().classification] == [1, 1, *range(2, 20)]


def test_a_disqualification_from_a_qualifying_takes_the_pole(author: Author) -> None:
    kind = SessionType.QUALIFYING
    save_classifications([classification(kind, results=timed_entries())], context(AFTER))
    event = Event.objects.get(session_type=kind)

    disqualify(event, key("hamilton"), author, revision=1)

    rows = Event.objects.get(session_type=kind).classification
    assert (rows[0].driver_id, rows[-1].driver_id) == ("piastri", "hamilton")
    assert (rows[-1].points, rows[-1].q3) == (None, timedelta(seconds=88.1))


def test_nobody_is_disqualified_who_did_not_take_part(published: Event, author: Author) -> None:
    with pytest.raises(WrongRequest, match="bearman is not in the classification"):
        disqualify(published, ("bearman", 87), author, revision=1)


def test_a_podium_by_hand_where_nothing_is_published(
    author: Author, results: Announcements
) -> None:
    save_classifications(
        [classification(SessionType.QUALIFYING, results=timed_entries())], context(AFTER)
    )
    results.take()

    warnings = enter_leaders(race(), ["norris", "hamilton", "sainz"], author, revision=0)

    assert warnings == ["the classification has 3 entries, fewer than usual"]
    event = race()
    assert podium(event) == ["norris", "hamilton", "sainz"]
    assert (event.status, event.results_state, event.results_revision) == (
        "completed", "official", 1,
    )  # fmt: skip
    assert event.winner is not None
    assert (event.winner.driver_number, event.winner.constructor_id) == (13, "team_1")
    assert (event.winner.points, event.winner.q3) == (None, None)
    assert results.take() == [("published", 1, "correction")]

    before = all_rows()
    report = ingest(UPSTREAM, LATER + HOUR)

    assert all_rows() == before
    assert report.problems == []
    assert "a person's classification is kept" in report.notes[0].message


def test_a_pole_by_hand(published: Event, author: Author) -> None:
    event = Event.objects.get(session_type="qualifying")

    enter_leaders(event, ["norris"], author, revision=0)

    pole = Event.objects.get(session_type="qualifying").pole
    assert pole is not None and pole.driver_id == "norris"


@pytest.mark.parametrize(
    ("drivers", "reason"),
    [
        (["hamilton", "norris"], "3 drivers are needed, not 2"),
        (
            ["hamilton", "norris", "schumacher"],
            "no classification of 2024, or of the season before, has schumacher",
        ),
        (["hamilton", "norris", "norris"], "norris twice"),
    ],
)
def test_a_podium_by_hand_has_three_drivers_of_the_season(
    author: Author, drivers: list[str], reason: str
) -> None:
    save_classifications([classification(SessionType.QUALIFYING)], context(AFTER))
    before = all_rows()
    with pytest.raises(WrongRequest, match=reason):
        enter_leaders(race(), drivers, author, revision=0)
    assert all_rows() == before


def test_a_podium_by_hand_replaces_no_classification(published: Event, author: Author) -> None:
    with pytest.raises(WrongRequest, match="has a classification; correct that one"):
        enter_leaders(published, ["norris", "hamilton", "sainz"], author, revision=1)


def test_a_revision_is_restored_exactly(author: Author) -> None:
    full = [
        replace(
            entry,
            classification="R" if entry.order > 18 else entry.classification,
            grid=20 - entry.order,
            laps=44,
            points=Decimal("0.14") if entry.order == 20 else entry.points,
            time=timedelta(hours=1, seconds=entry.order, milliseconds=7),
            gap=timedelta(milliseconds=1000 * entry.order - 1) if entry.order > 1 else None,
        )
        for entry in entries()
    ]
    ingest(results=full)
    ingest(SWAPPED, LATER)
    assert saved_records(race()) != full

    assert restore_revision(race(), 1, author, revision=2) == []

    assert saved_records(race()) == full
    assert (race().results_revision, race().results_locked) == (3, True)
    published = Change.objects.get(kind="published")
    assert last_change().after["classification"] == published.after["classification"]


@pytest.mark.twice
def test_times_of_a_qualifying_are_restored_exactly(author: Author) -> None:
    kind = SessionType.QUALIFYING
    laps = timed_entries()
    save_classifications([classification(kind, results=laps)], context(AFTER))
    event = Event.objects.get(session_type=kind)
    correct_classification(event, entries(), author, revision=1)

    restore_revision(event, 1, author, revision=1)

    assert saved_records(event) == laps


def test_a_revision_is_restored_with_the_details_that_came_after_it(
    published: Event, author: Author
) -> None:
    known = saved_records(published)
    ingest(results=[replace(entry, driver_code="NEW") for entry in known])
    assert (last_change().kind, last_change().revision) == ("details", 1)
    ingest(SWAPPED, LATER)
    assert race().results_revision == 2

    restore_revision(published, 1, author, revision=2)

    assert saved_records(race()) == [replace(entry, driver_code="NEW") for entry in known]
    assert (race().results_revision, last_change().kind) == (3, "corrected")
    assert restorable() == [1, 2]


def test_details_that_a_person_changed_are_restored(published: Event, author: Author) -> None:
    known = saved_records(published)
    assert restorable() == []
    correct_classification(
        published, [replace(entry, points=Decimal(0)) for entry in known], author, revision=1
    )
    assert restorable() == [1]

    restore_revision(published, 1, author, revision=1)

    assert saved_records(race()) == known


def test_a_proposal_is_no_revision_to_restore(published: Event, author: Author) -> None:
    settle_results(published, author, revision=1)
    ingest(UPSTREAM, LATER)
    assert last_change().kind == "proposed"

    restore_revision(published, 1, author, revision=1)

    assert podium(race()) == list(DRIVERS[:3])


def test_a_revision_that_never_was_is_not_restored(published: Event, author: Author) -> None:
    with pytest.raises(WrongRequest, match="no revision 2 of this event"):
        restore_revision(published, 2, author, revision=1)


# What is refused, and what is only said


def doubled(results: list[ResultRecord]) -> list[ResultRecord]:
    return [*results[:-1], replace(results[0], order=20, position=20)]


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ([], "needs an entry"),
        (entries()[1:], "count from 1"),
        ([*entries()[:5], *entries()[6:]], "count from 1"),
        ([replace(entries()[0], driver_id=""), *entries()[1:]], "an entry has no driver"),
        ([replace(entries()[0], driver_name=""), *entries()[1:]], "an entry has no driver"),
        (doubled(entries()), "hamilton twice in the same car"),
    ],
    ids=["none", "no first", "a gap", "no identifier", "no name", "a driver twice"],
)
def test_who_stands_where_has_to_be_clear(
    published: Event, author: Author, results: list[ResultRecord], reason: str
) -> None:
    before = all_rows()
    with pytest.raises(WrongRequest, match=reason):
        correct_classification(published, results, author, revision=1)
    assert all_rows() == before


def test_an_unusual_size_and_a_disqualified_leader_are_only_said(
    published: Event, author: Author
) -> None:
    few = entries()[:5]
    few[1] = replace(few[1], status="Disqualified")

    warnings = correct_classification(published, few, author, revision=1)

    assert warnings == [
        "the classification has 5 entries, fewer than usual",
        "Piastri leads and is disqualified",
    ]
    assert race().results.count() == 5


Correction = Callable[[Event, Author, int], object]
CORRECTIONS: dict[str, Correction] = {
    "edit": lambda event, author, seen: correct_classification(
        event, entries(SWAPPED), author, revision=seen
    ),
    "reorder": lambda event, author, seen: reorder(event, order("norris"), author, revision=seen),
    "disqualify": lambda event, author, seen: disqualify(
        event, key("hamilton"), author, revision=seen
    ),
    "restore": lambda event, author, seen: restore_revision(event, 1, author, revision=seen),
    "accept": lambda event, author, seen: accept_proposal(event, author, revision=seen),
    "reject": lambda event, author, seen: reject_proposal(event, author, revision=seen),
    "settle": lambda event, author, seen: settle_results(event, author, revision=seen),
    "release": lambda event, author, seen: release_results(event, author, revision=seen),
}
REASONED = ("edit", "reorder", "disqualify", "restore")


@pytest.mark.parametrize("correct", CORRECTIONS.values(), ids=CORRECTIONS)
def test_a_revision_that_arrived_meanwhile_stops_it(
    published: Event, author: Author, results: Announcements, correct: Correction
) -> None:
    ingest(UPSTREAM, LATER)
    results.take()
    before = all_rows()

    with pytest.raises(WrongRequest, match="it is revision 2 now, not 1; look at it again"):
        correct(published, author, 1)

    assert all_rows() == before
    assert results.take() == []


def test_a_publication_that_arrived_meanwhile_stops_a_podium_by_hand(author: Author) -> None:
    seen = race()
    ingest()
    with pytest.raises(WrongRequest):
        enter_leaders(seen, ["norris", "hamilton", "sainz"], author, revision=0)
    assert podium(race()) == list(DRIVERS[:3])


@pytest.mark.parametrize("name", REASONED)
@pytest.mark.parametrize("reason", ["", "  "])
def test_a_correction_needs_a_reason(
    published: Event, author: Author, name: str, reason: str
) -> None:
    before = all_rows()
    with pytest.raises(WrongRequest, match="needs a reason"):
        CORRECTIONS[name](published, replace(author, reason=reason), 1)
    assert all_rows() == before


@pytest.mark.parametrize("name", REASONED)
def test_a_cancelled_event_is_not_corrected(published: Event, author: Author, name: str) -> None:
    void_event(published, author)
    before = all_rows()
    with pytest.raises(WrongRequest, match="the event is cancelled"):
        CORRECTIONS[name](published, author, 1)
    assert all_rows() == before


def test_what_is_not_locked_is_not_released(published: Event, author: Author) -> None:
    with pytest.raises(WrongRequest, match="not locked"):
        release_results(published, author, revision=1)


def test_a_correction_that_concerns_no_scorer_wakes_nobody(
    published: Event, author: Author, results: Announcements
) -> None:
    points = [replace(entry, points=Decimal(0)) for entry in entries()]

    correct_classification(published, points, author, revision=1)

    assert race().results_revision == 1
    assert race().results_locked
    assert results.take() == []
    change = last_change()
    assert (change.kind, change.revision) == ("corrected", 1)
    assert "classification" not in {*change.before, *change.after}
    assert change.after["details"][0] == {
        "order": 1, "driver_id": "hamilton", "driver_name": "Hamilton",
        "field": "points", "before": "25.00", "after": "0.00",
    }  # fmt: skip


def test_a_correction_settles_what_was_proposed(published: Event, author: Author) -> None:
    settle_results(published, author, revision=1)
    ingest(UPSTREAM, LATER)
    assert race().has_open_proposal

    correct_classification(published, entries(SWAPPED), author, revision=1)

    assert race().proposal is None


# What ingests make of it


def test_a_correction_survives_a_hundred_ingests_of_an_upstream_that_disagrees(
    published: Event, author: Author
) -> None:
    correct_classification(published, entries(SWAPPED), author, revision=1)
    before = all_rows()

    for hours in range(1, 101):
        drivers = UPSTREAM if hours % 2 else DRIVERS
        report = ingest(drivers, LATER + hours * HOUR)
        kept = "a person's classification is kept; the upstream's differs"
        assert [str(note) for note in report.notes] == [f"2024 belgian-grand-prix race: {kept}"]
        assert report.problems == []
        assert report.results == {"unchanged": 1}

    assert all_rows() == before


def test_an_upstream_that_agrees_says_nothing(published: Event, author: Author) -> None:
    correct_classification(published, entries(SWAPPED), author, revision=1)
    before = all_rows()

    report = ingest(SWAPPED, LATER + HOUR)

    assert report.notes == report.problems == []
    assert all_rows() == before


def test_a_release_brings_the_upstream_back_at_the_next_ingest(
    published: Event, author: Author, results: Announcements
) -> None:
    correct_classification(published, entries(SWAPPED), author, revision=1)
    release_results(race(), author, revision=2)

    assert podium(race())[0] == "piastri"
    assert (last_change().kind, last_change().cause) == ("released", "release")
    assert (last_change().person, last_change().reason) == (author.person, author.reason)

    results.take()
    ingest(at=LATER + HOUR, generated_at=AFTER - HOUR)

    event = race()
    assert podium(event) == list(DRIVERS[:3])
    assert (event.results_revision, event.results_source) == (3, "jolpica")
    assert (event.results_state, event.results_locked) == ("official", False)
    assert event.results_generated_at == AFTER - HOUR
    assert results.take() == [("amended", 3, "poll")]


def test_a_settled_classification_that_was_corrected_comes_back_at_once_too(
    published: Event, author: Author
) -> None:
    settle_results(published, author, revision=1)
    correct_classification(published, entries(SWAPPED), author, revision=1)
    release_results(race(), author, revision=2)

    ingest(at=LATER + HOUR)

    assert podium(race()) == list(DRIVERS[:3])


def test_what_is_released_and_the_upstream_says_too_is_the_upstreams(
    published: Event, author: Author
) -> None:
    correct_classification(published, entries(SWAPPED), author, revision=1)
    release_results(race(), author, revision=2)

    ingest(SWAPPED, LATER + HOUR)

    event = race()
    assert (event.results_source, event.results_revision) == ("jolpica", 2)
    assert event.results_generated_at == LATER + HOUR
    assert (last_change().before, last_change().after) == (
        {"source": "person"}, {"source": "jolpica"},
    )  # fmt: skip
    before = all_rows()
    ingest(SWAPPED, LATER + 2 * HOUR)
    ingest(DRIVERS, LATER + 2 * HOUR, generated_at=AFTER)
    assert all_rows() == before


def test_what_the_database_refuses_leaves_nothing_behind(
    published: Event, author: Author, results: Announcements
) -> None:
    before = all_rows()
    impossible = [replace(entry, points=Decimal(-1)) for entry in entries(SWAPPED)]

    with pytest.raises(IntegrityError, match="result_points_not_negative"):
        correct_classification(published, impossible, author, revision=1)

    assert all_rows() == before
    assert Result.objects.count() == 20
    assert results.take() == []
