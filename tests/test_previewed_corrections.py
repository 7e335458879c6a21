"""What a person sees before a correction is done, and what is done only where they have seen it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from ingestion.corrections import (
    Author,
    accept_proposal,
    close_picks,
    correct_classification,
    correct_start,
    correct_status,
    disqualify,
    edit_entries,
    enter_leaders,
    key_of,
    last_entry,
    possible_corrections,
    preview,
    reject_proposal,
    release_results,
    release_schedule,
    reopen_picks,
    reorder,
    restore_revision,
    settle_results,
    undo_correction,
    void_event,
)
from ingestion.errors import ChangedMeanwhile, WrongRequest
from ingestion.models import Change, Event, UpstreamClassification
from ingestion.records import Source
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from ingestion.story import describe_change
from tests.amending import podium
from tests.builders import (
    AFTER,
    BEFORE,
    DRIVERS,
    FIELD,
    SUNDAY,
    at,
    calendar,
    classification,
    context,
    entries,
    grand_prix,
    timed_entries,
)
from tests.hearing import Announced
from tests.persons import User
from tests.rows import all_rows

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
LATER = AFTER + HOUR
SWAPPED = ("piastri", "hamilton", *DRIVERS[2:])
UPSTREAM = ("russell", "hamilton", "piastri", "leclerc", "max_verstappen")


@pytest.fixture(autouse=True)
def calendar_saved() -> None:
    save_calendar(calendar(grand_prix()), context())


@pytest.fixture
def author() -> Author:
    return Author(User.objects.create_user("steward"), "the stewards' document 73", LATER)


@pytest.fixture
def early(author: Author) -> Author:
    return replace(author, now=BEFORE)


@pytest.fixture
def published() -> Event:
    ingest()
    return race()


def ingest(drivers: Sequence[str] = DRIVERS, at: datetime = AFTER) -> None:
    save_classifications([classification(drivers=drivers, generated_at=at)], context(at))


def race() -> Event:
    return Event.objects.select_related("proposal").get(session_type="race")


def key(driver: str) -> tuple[str, int | None]:
    return driver, 10 + FIELD.index(driver)


def order() -> list[tuple[str, int | None]]:
    return [(row.driver_id, row.driver_number) for row in race().classification]


def in_order(event: Event) -> list[str]:
    return [row.driver_id for row in event.classification]


# Before it is done


def test_a_preview_shows_what_saving_does_and_saves_nothing(
    published: Event, author: Author
) -> None:
    before = all_rows(leave_out=frozenset())

    shown = preview(
        published,
        lambda event: reorder(
            event, [key("piastri"), *order()[:1], *order()[2:]], author, revision=1
        ),
    )

    assert all_rows(leave_out=frozenset()) == before
    assert in_order(shown.before)[:3] == ["hamilton", "piastri", "leclerc"]
    assert in_order(shown.after)[:3] == ["piastri", "hamilton", "leclerc"]
    assert (shown.before.results_locked, shown.after.results_locked) == (False, True)
    assert [describe_change(change) for change in shown.changes] == [
        "Revision 2 corrected by hand: P1 Hamilton -> Piastri, P2 Piastri -> Hamilton"
    ]
    assert shown.warnings == []


def test_a_preview_of_a_start_shows_when_picks_close(early: Author) -> None:
    shown = preview(race(), lambda event: _done(correct_start(event, at(SUNDAY, 11), early)))
    assert (shown.before.locks_at, shown.after.locks_at) == (at(SUNDAY, 13), at(SUNDAY, 11))
    assert race().locks_at == at(SUNDAY, 13)


def _done(_event: Event) -> list[str]:
    return []


def test_a_preview_of_what_cannot_be_done_says_why(author: Author) -> None:
    with pytest.raises(WrongRequest, match="not locked"):
        preview(race(), lambda event: _done(release_schedule(event, author)))


def test_a_preview_of_what_is_so_already_has_no_entry(early: Author) -> None:
    correct_start(race(), at(SUNDAY, 15), early)
    shown = preview(race(), lambda event: _done(correct_start(event, at(SUNDAY, 15), early)))
    assert shown.changes == []


@pytest.mark.django_db(transaction=True)
def test_a_preview_wakes_nobody(
    published: Event, author: Author, announced: Callable[[], Announced]
) -> None:
    announced()
    preview(published, lambda event: disqualify(event, key("hamilton"), author, revision=1))
    assert announced() == []


# Only what was seen


Correct = Callable[[Event, Author], object]
OF_RESULTS: dict[str, Correct] = {
    "classification": lambda event, author: correct_classification(
        event, entries(SWAPPED), author, revision=1
    ),
    "restore": lambda event, author: restore_revision(event, 1, author, revision=1),
    "settle": lambda event, author: settle_results(event, author, revision=1),
    "release": lambda event, author: release_results(event, author, revision=1),
    "accept": lambda event, author: accept_proposal(event, author, revision=1),
    "reject": lambda event, author: reject_proposal(event, author, revision=1),
}
OF_SCHEDULE: dict[str, Correct] = {
    "start": lambda event, author: correct_start(event, at(SUNDAY, 15), author),
    "status": lambda event, author: correct_status(event, "live", author),
    "void": void_event,
    "reopen": lambda event, author: reopen_picks(event, author, until=at(SUNDAY, 12)),
    "close": close_picks,
    "release": release_schedule,
}


@pytest.mark.parametrize("correct", OF_RESULTS.values(), ids=OF_RESULTS)
def test_what_arrived_meanwhile_is_not_overruled_unseen(
    published: Event, author: Author, correct: Correct
) -> None:
    """The classification is the same revision; it was settled and a proposal came in."""
    seen = last_entry(published)
    settle_results(published, author, revision=1)
    ingest(UPSTREAM, LATER)
    refused_unseen(correct, race(), replace(author, seen=seen))


@pytest.mark.parametrize("correct", OF_SCHEDULE.values(), ids=OF_SCHEDULE)
def test_a_calendar_that_moved_the_start_meanwhile_stops_it(
    early: Author, correct: Correct
) -> None:
    event = race()
    seen = last_entry(event)
    correct_start(event, at(SUNDAY, 14), early)
    refused_unseen(correct, event, replace(early, seen=seen))


def refused_unseen(correct: Correct, event: Event, author: Author) -> None:
    before = all_rows(leave_out=frozenset())
    with pytest.raises(ChangedMeanwhile, match="something arrived for the event meanwhile"):
        correct(event, author)
    assert all_rows(leave_out=frozenset()) == before


def test_what_was_seen_is_corrected(early: Author) -> None:
    correct_start(race(), at(SUNDAY, 14), early)
    correct_start(race(), at(SUNDAY, 15), replace(early, seen=last_entry(race())))
    assert race().starts_at == at(SUNDAY, 15)


# Entries


def test_fields_are_set_and_the_order_stays(published: Event, author: Author) -> None:
    changes = {key("norris"): {"status": "Retired", "classification": "R", "points": Decimal(0)}}

    edit_entries(published, order(), changes, author, revision=1)

    row = race().results.get(driver_id="norris")
    assert (row.order, row.classification, row.status, row.points) == (
        5, "R", "Retired", Decimal(0),
    )  # fmt: skip
    assert podium(race()) == ["hamilton", "piastri", "leclerc"]


def test_in_another_order_what_is_set_by_hand_stays(published: Event, author: Author) -> None:
    moved = [*order()[1:], order()[0]]
    changes = {key("hamilton"): {"classification": "D"}, key("leclerc"): {"classification": "1"}}

    edit_entries(published, moved, changes, author, revision=1)

    rows = race().classification
    assert [row.classification for row in rows[:3]] == ["1", "1", "3"]
    assert (rows[-1].driver_id, rows[-1].classification) == ("hamilton", "D")


def test_printed_places_stay_where_the_order_does(published: Event, author: Author) -> None:
    """Shared places of the 1950s are not renumbered by an edit of something else."""
    race().results.filter(order=2).update(classification="1")

    edit_entries(published, order(), {key("norris"): {"laps": 3}}, author, revision=1)

    assert [row.classification for row in race().classification[:3]] == ["1", "1", "3"]


def test_a_podium_entered_by_hand_is_corrected_by_entering_it_again(author: Author) -> None:
    qualifying = classification(SessionType.QUALIFYING, results=timed_entries())
    save_classifications([qualifying], context(AFTER))
    enter_leaders(race(), ["norris", "hamilton", "sainz"], author, revision=0)

    enter_leaders(race(), ["norris", "hamilton", "leclerc"], author, revision=1)

    assert podium(race()) == ["norris", "hamilton", "leclerc"]


def test_the_first_session_of_a_season_knows_who_drove_before_it(author: Author) -> None:
    later = grand_prix("Australian Grand Prix", SUNDAY.replace(year=2025), round_number=1)
    save_calendar(calendar(later, season=2025), context())
    ingest()
    opener = Event.objects.get(season=2025, session_type="race")

    enter_leaders(opener, ["norris", "hamilton", "sainz"], author, revision=0)

    assert podium(opener) == ["norris", "hamilton", "sainz"]


def test_a_proposal_is_not_accepted_for_an_event_that_is_void(
    published: Event, author: Author
) -> None:
    settle_results(published, author, revision=1)
    ingest(UPSTREAM, LATER)
    void_event(race(), author)
    with pytest.raises(WrongRequest, match="the event is cancelled"):
        accept_proposal(race(), author, revision=1)
    assert race().status == "cancelled"


# Picks


def test_picks_close_now_and_no_calendar_opens_them(early: Author) -> None:
    close_picks(race(), early)
    assert race().locks_at == BEFORE
    assert not race().in_time(BEFORE)
    assert race().in_time(BEFORE - HOUR)

    save_calendar(calendar(grand_prix(), generated_at=AFTER), context(BEFORE + HOUR))
    correct_start(race(), at(SUNDAY, 15), replace(early, now=BEFORE + HOUR))
    assert race().locks_at == BEFORE

    reopen_picks(race(), replace(early, now=BEFORE + 2 * HOUR))
    assert race().locks_at == at(SUNDAY, 15)


def test_closed_picks_are_not_closed_again(author: Author) -> None:
    with pytest.raises(WrongRequest, match="closed already"):
        close_picks(race(), author)


# The upstream beside a person


def upstreams() -> list[str] | None:
    kept = UpstreamClassification.objects.filter(event=race()).first()
    return None if kept is None else [entry["driver_id"] for entry in kept.classification[:3]]


def test_the_upstreams_word_is_kept_beside_a_persons(published: Event, author: Author) -> None:
    correct_classification(published, entries(SWAPPED), author, revision=1)
    assert upstreams() is None

    ingest(UPSTREAM, LATER)
    assert upstreams() == list(UPSTREAM[:3])
    known = UpstreamClassification.objects.values().get()
    assert (known["source"], known["seen_at"]) == ("jolpica", LATER)

    ingest(UPSTREAM, LATER + HOUR)
    assert UpstreamClassification.objects.values().get() == known

    ingest(DRIVERS, LATER - HOUR)
    assert upstreams() == list(UPSTREAM[:3]), "an older answer"

    ingest(SWAPPED, LATER + 2 * HOUR)
    assert upstreams() == list(SWAPPED[:3]), "it agrees now"


def test_a_guess_is_not_kept_beside_a_persons_word(published: Event, author: Author) -> None:
    correct_classification(published, entries(SWAPPED), author, revision=1)
    guess = classification(drivers=UPSTREAM, generated_at=LATER, source=Source.LIVE_TIMING)
    save_classifications([guess], context(LATER))
    assert upstreams() is None


def test_what_was_kept_goes_with_the_lock(published: Event, author: Author) -> None:
    correct_classification(published, entries(SWAPPED), author, revision=1)
    ingest(UPSTREAM, LATER)
    release_results(race(), author, revision=2)
    assert upstreams() is None

    ingest(UPSTREAM, LATER + HOUR)
    assert podium(race()) == list(UPSTREAM[:3])
    assert upstreams() is None


# What is offered


def offered(now: datetime) -> set[str]:
    return set(possible_corrections(race(), now))


def test_what_is_offered_before_the_start() -> None:
    assert offered(BEFORE) == {"leaders", "start", "status", "reopen", "close", "void"}


def test_what_is_offered_while_the_upstream_is_silent() -> None:
    assert offered(at(SUNDAY, 18)) == {"leaders", "start", "status", "void"}


def test_what_is_offered_once_there_are_results(published: Event, author: Author) -> None:
    always = {"podium", "edit", "entry", "disqualify", "start", "void"}
    assert offered(LATER) == always | {"settle", "keep"}
    reorder(published, [*order()[1:], order()[0]], author, revision=1)
    assert offered(LATER) == always | {"settle", "undo", "restore", "release"}


def test_what_was_kept_or_corrected_in_details_alone_can_be_undone(
    published: Event, author: Author
) -> None:
    reorder(published, order(), author, revision=1)
    assert "undo" in offered(LATER)
    undo_correction(race(), author, revision=1)
    assert (race().results_locked, race().results_source) == (False, "jolpica")


def test_before_a_podium_by_hand_there_is_nothing_to_go_back_to(author: Author) -> None:
    correct_classification(race(), entries(DRIVERS), author, revision=0)
    with pytest.raises(WrongRequest, match="release the classification to the upstream, or void"):
        undo_correction(race(), author, revision=1)


def test_of_a_podium_by_hand_the_last_detail_is_undone(author: Author) -> None:
    qualifying = classification(SessionType.QUALIFYING, results=timed_entries())
    save_classifications([qualifying], context(AFTER))
    enter_leaders(race(), ["norris", "hamilton", "sainz"], author, revision=0)
    assert "undo" not in offered(LATER)
    rows = list(race().classification)
    keys = [key_of(row) for row in rows]
    edit_entries(race(), keys, {keys[0]: {"status": "Retired"}}, author, revision=1)

    undo_correction(race(), author, revision=1)

    assert race().results_locked
    assert [row.status for row in race().classification] == [row.status for row in rows]


def test_what_is_offered_of_a_proposal(published: Event, author: Author) -> None:
    settle_results(published, author, revision=1)
    ingest(UPSTREAM, LATER)
    assert {"accept", "reject"} < offered(LATER)
    assert "settle" not in offered(LATER)
    reject_proposal(race(), author, revision=1)
    assert not {"accept", "reject"} & offered(LATER)


def test_what_is_offered_of_a_void_event(early: Author) -> None:
    void_event(race(), early)
    assert offered(BEFORE) == {"unvoid", "release-schedule"}
    correct_status(race(), "scheduled", early)
    assert "unvoid" not in offered(BEFORE)
    assert Change.objects.latest("pk").kind == "corrected"
