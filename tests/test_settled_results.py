"""Settled: seen unchanged for a day. Another podium or pole then waits for a person, or for a
second source."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingestion import signals
from ingestion.corrections import (
    Author,
    accept_proposal,
    correct_classification,
    key_of,
    reconsider_proposal,
    reject_proposal,
    reorder,
    settle_results,
    undo_correction,
    void_event,
)
from ingestion.errors import WrongRequest
from ingestion.models import Change, Event
from ingestion.records import ClassificationRecord, ResultRecord, Source
from ingestion.report import SaveReport
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from tests.amending import podium
from tests.builders import (
    AFTER,
    DRIVERS,
    SUNDAY,
    calendar,
    classification,
    context,
    entries,
    grand_prix,
    race_identity,
    timed_entries,
)
from tests.hearing import Hear, Heard
from tests.persons import User
from tests.rows import all_rows

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MONTHS_LATER = AFTER + timedelta(days=230)
# The third is another, the first is another, and two below the podium change places.
OTHER_THIRD = ("hamilton", "piastri", "norris", "leclerc", "max_verstappen")
OTHER_WINNER = ("russell", "hamilton", "piastri", "leclerc", "max_verstappen")
OTHER_FIFTH = (*DRIVERS[:3], "norris", "max_verstappen")


@pytest.fixture(autouse=True)
def calendar_saved() -> None:
    save_calendar(calendar(grand_prix()), context())


@pytest.fixture
def amended(hear: Hear) -> Heard:
    return hear(signals.results_amended)


@pytest.fixture
def settlements(hear: Hear) -> Heard:
    return hear(signals.results_settled)


@pytest.fixture
def steward() -> User:
    return User.objects.create_user("steward")


def save(
    drivers: Sequence[str] = DRIVERS,
    at: datetime = AFTER,
    session_type: SessionType = SessionType.RACE,
    *,
    made_at: datetime | None = None,
    source: Source = Source.JOLPICA,
    rules: dict[str, Any] | None = None,
    **changes: Any,
) -> SaveReport:
    """An answer of that moment, unless it was `made_at` another, with these ahead."""
    told = classification(
        session_type, drivers, generated_at=made_at or at, source=source, **changes
    )
    return save_classifications([told], replace(context(at), **(rules or {})))


def race() -> Event:
    return Event.objects.select_related("proposal").get(session_type="race")


def last_change() -> Change:
    return Change.objects.latest("pk")


def proposals() -> int:
    return Change.objects.filter(kind="proposed").count()


@pytest.fixture
def settled() -> Event:
    save()
    save(at=AFTER + DAY)
    assert race().results_state == "settled"
    return race()


# How it gets settled


def test_a_day_unchanged_settles_it(amended: Heard, settlements: Heard) -> None:
    save()
    before = all_rows()
    save(at=AFTER + DAY - HOUR)
    assert all_rows() == before

    save(at=AFTER + DAY)

    assert (race().results_state, race().results_revision) == ("settled", 1)
    assert [(sent["event"], sent["cause"]) for sent in settlements] == [(race(), "poll")]
    change = last_change()
    assert (change.kind, change.before, change.after) == (
        "settled",
        {"results_state": "official"},
        {"results_state": "settled"},
    )
    assert amended == []
    before = all_rows()
    save(at=AFTER + 2 * DAY)
    assert all_rows() == before


@pytest.mark.parametrize("years", [1, 73])
def test_an_answer_that_says_to_be_from_the_future_settles_nothing(years: int) -> None:
    save()

    save(at=AFTER + HOUR, made_at=AFTER + years * 365 * DAY)

    assert race().results_state == "official"


def test_details_do_not_put_off_that_it_is_settled() -> None:
    save()
    save(at=AFTER + 12 * HOUR, results=[replace(entry, driver_code="NEW") for entry in entries()])
    assert (last_change().kind, last_change().revision) == ("details", 1)

    save(at=AFTER + DAY, results=[replace(entry, driver_code="NEW") for entry in entries()])

    assert race().results_state == "settled"


def test_details_that_come_after_a_day_settle_it_too_and_the_same_again_writes_nothing() -> None:
    save()
    save(at=AFTER + 2 * DAY, results=[replace(entry, driver_code="NEW") for entry in entries()])
    assert race().results_state == "settled"
    before = all_rows()

    save(at=AFTER + 2 * DAY, results=[replace(entry, driver_code="NEW") for entry in entries()])

    assert all_rows() == before


def test_an_answer_from_a_cache_counts_by_when_it_was_made() -> None:
    save()

    save(at=AFTER + 3 * DAY, made_at=AFTER + DAY - HOUR)
    assert race().results_state == "official"

    save(at=AFTER + 3 * DAY, made_at=AFTER + DAY)
    assert race().results_state == "settled"


def test_the_day_begins_again_with_a_change() -> None:
    save()
    save(OTHER_THIRD, AFTER + 12 * HOUR)

    save(OTHER_THIRD, AFTER + DAY)
    assert race().results_state == "official"

    save(OTHER_THIRD, AFTER + 36 * HOUR)
    assert race().results_state == "settled"


def test_how_long_it_takes_is_a_setting() -> None:
    rules = {"settles_after": 3 * DAY}
    save()

    save(at=AFTER + 2 * DAY, rules=rules)
    assert race().results_state == "official"

    save(at=AFTER + 3 * DAY, rules=rules)
    assert race().results_state == "settled"


def test_a_person_may_settle_it_before_its_time(steward: User) -> None:
    save()
    settle_results(race(), Author(steward, "as the stewards say", AFTER), revision=1)

    assert race().results_state == "settled"
    assert (last_change().kind, last_change().person) == ("settled", steward)

    save(OTHER_WINNER, AFTER + HOUR)
    assert podium(race()) == list(DRIVERS[:3])


def test_nothing_is_settled_before_it_is_published(steward: User) -> None:
    with pytest.raises(WrongRequest, match="no classification"):
        settle_results(race(), Author(steward, "as the stewards say", AFTER), revision=0)


# What an upstream can do to it


def test_another_podium_is_proposed_and_not_applied(
    settled: Event, amended: Heard, hear: Hear
) -> None:
    proposed = hear(signals.results_proposed)
    report = save(OTHER_WINNER, MONTHS_LATER)

    assert podium(race()) == list(DRIVERS[:3])
    assert (race().results_state, race().results_revision) == ("settled", 1)
    [problem] = report.problems
    assert str(problem) == (
        "2024 belgian-grand-prix race: settled, and the upstream now says otherwise: "
        "P1 Hamilton -> Russell, P2 Piastri -> Hamilton, P3 Leclerc -> Piastri; "
        "nothing was changed, a person has to accept or reject it"
    )
    assert problem.advice == "Decide on the event's page in the admin"
    assert report.results == {"unchanged": 1}
    assert last_change().kind == "proposed"
    assert race().proposal == last_change()
    told = last_change().after
    assert (told["classification"][0]["driver_id"], told["source"]) == ("russell", "jolpica")
    assert amended == []
    assert [(one["change"], one["cause"]) for one in proposed] == [(last_change(), "poll")]


def test_the_same_again_writes_nothing_and_is_a_note(settled: Event) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    before = all_rows()

    for hours in (1, 2):
        report = save(OTHER_WINNER, MONTHS_LATER + hours * HOUR)
        assert report.problems == []
        [note] = report.notes
        assert str(note) == (
            "2024 belgian-grand-prix race: the upstream's change waits for a person: "
            "P1 Hamilton -> Russell, P2 Piastri -> Hamilton, P3 Leclerc -> Piastri"
        )

    assert all_rows() == before


def test_something_else_is_proposed_in_its_place(settled: Event) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    report = save(OTHER_THIRD, MONTHS_LATER + DAY)

    assert len(report.problems) == 1
    assert proposals() == 2
    assert race().proposal == last_change()


def test_it_is_withdrawn_when_the_upstream_returns(settled: Event) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    proposal = race().proposal
    assert proposal is not None

    report = save(at=MONTHS_LATER + DAY)

    assert race().proposal is None
    assert report.problems == report.notes == []
    assert (last_change().kind, last_change().before) == ("details", {"proposal": proposal.pk})
    assert race().results_revision == 1
    before = all_rows()
    save(at=MONTHS_LATER + 2 * DAY)
    assert all_rows() == before


def test_an_answer_from_before_it_withdraws_nothing(settled: Event) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    before = all_rows()

    save(at=MONTHS_LATER + HOUR, made_at=MONTHS_LATER - HOUR)

    assert all_rows() == before


def test_an_answer_from_before_it_with_another_fifth_withdraws_nothing(settled: Event) -> None:
    save(OTHER_WINNER, at=MONTHS_LATER)

    save(OTHER_FIFTH, at=MONTHS_LATER + HOUR, made_at=MONTHS_LATER - HOUR)

    assert [row.driver_id for row in race().classification][:5] == list(OTHER_FIFTH)
    assert race().has_open_proposal


def test_an_answer_after_it_with_another_fifth_withdraws_it_and_the_feed_says_so(
    settled: Event,
) -> None:
    save(OTHER_WINNER, at=MONTHS_LATER)
    proposal = race().proposal_id

    save(OTHER_FIFTH, at=MONTHS_LATER + HOUR)

    assert race().proposal is None
    assert (last_change().kind, last_change().before) == ("details", {"proposal": proposal})
    before = all_rows()
    save(OTHER_FIFTH, at=MONTHS_LATER + HOUR)
    assert all_rows() == before


def test_an_answer_from_before_its_withdrawal_does_not_propose_it_again(settled: Event) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    save(at=MONTHS_LATER + 2 * HOUR)
    before = all_rows()

    report = save(OTHER_WINNER, MONTHS_LATER + 3 * HOUR, made_at=MONTHS_LATER + HOUR)

    assert all_rows() == before
    assert "older than the saved" in report.notes[0].message


def test_several_at_once_are_all_held_and_each_is_said() -> None:
    dutch = grand_prix("Dutch Grand Prix", SUNDAY.replace(month=8, day=25), round_number=15)
    zandvoort = replace(dutch, country="Netherlands", location="Zandvoort")
    save_calendar(calendar(grand_prix(), zandvoort), context())
    identity = race_identity(
        name=dutch.name, race_date=dutch.race_date, country="Netherlands", location="Zandvoort"
    )

    def answers(at: datetime, ahead: Sequence[str]) -> list[ClassificationRecord]:
        rows = timed_entries(ahead)
        return [
            classification(drivers=ahead, generated_at=at),
            classification(SessionType.QUALIFYING, results=rows, generated_at=at),
            classification(drivers=ahead, race=identity, generated_at=at),
        ]

    for at in (AFTER + 30 * DAY, AFTER + 31 * DAY):
        save_classifications(answers(at, DRIVERS), context(at))
    assert Event.objects.filter(results_state="settled").count() == 3

    report = save_classifications(answers(MONTHS_LATER, OTHER_WINNER), context(MONTHS_LATER))

    assert [(problem.grand_prix, problem.session_type) for problem in report.problems] == [
        ("belgian-grand-prix", "race"),
        ("belgian-grand-prix", "qualifying"),
        ("dutch-grand-prix", "race"),
    ]
    assert report.results == {"unchanged": 3}
    assert proposals() == 3
    held = Event.objects.filter(proposal__kind="proposed", results_revision=1)
    assert held.count() == 3


def test_a_change_below_the_podium_is_applied_and_leaves_it_settled(
    settled: Event, amended: Heard
) -> None:
    report = save(OTHER_FIFTH, MONTHS_LATER)

    assert report.results == {"amended": 1}
    assert (race().results_state, race().results_revision) == ("settled", 2)
    assert [one["change"].revision for one in amended] == [2]

    save(OTHER_WINNER, MONTHS_LATER + HOUR)
    assert podium(race()) == list(DRIVERS[:3])
    assert proposals() == 1


def test_behind_the_pole_of_a_qualifying_changes_are_applied() -> None:
    kind = SessionType.QUALIFYING
    for at in (AFTER, AFTER + DAY):
        save(at=at, session_type=kind)

    save(("hamilton", "norris", *DRIVERS[1:4]), MONTHS_LATER, kind)
    assert Event.objects.get(session_type=kind).results_revision == 2

    save(OTHER_WINNER, MONTHS_LATER, kind)
    pole = Event.objects.get(session_type=kind).pole
    assert pole is not None and pole.driver_id == "hamilton"
    assert proposals() == 1


def test_a_setting_applies_changes_of_a_settled_podium_at_once(
    settled: Event, amended: Heard
) -> None:
    rules = {"applies_settled_changes": True}

    report = save(OTHER_WINNER, MONTHS_LATER, rules=rules)

    assert report.problems == []
    assert podium(race())[0] == "russell"
    assert (race().results_state, race().results_revision) == ("official", 2)
    assert proposals() == 0
    assert len(amended) == 1


@pytest.mark.parametrize("form", [Source.JOLPICA_NEWER, Source.JOLPICA_DUMP])
def test_jolpica_in_another_form_confirms_nothing(
    settled: Event, amended: Heard, form: Source
) -> None:
    """The same database is not a second witness: it may be wrong in both."""
    save(OTHER_WINNER, MONTHS_LATER)
    before = all_rows()

    save(OTHER_WINNER, MONTHS_LATER + HOUR, source=form)

    assert all_rows() == before
    assert podium(race()) == list(DRIVERS[:3])
    assert amended == []


@pytest.mark.parametrize("guess", [Source.LIVE_TIMING, Source.SPRINT_GRID])
def test_a_guess_is_no_second_source(settled: Event, guess: Source) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    before = all_rows()

    save(OTHER_WINNER, MONTHS_LATER + HOUR, source=guess)

    assert all_rows() == before


def test_a_second_source_that_says_something_else_is_held_too(settled: Event) -> None:
    save(OTHER_WINNER, MONTHS_LATER)

    save(OTHER_THIRD, MONTHS_LATER + HOUR, source=Source.JOLPICA_NEWER)

    assert podium(race()) == list(DRIVERS[:3])
    assert proposals() == 2


# What a person decides


def test_accepting_is_one_call(settled: Event, amended: Heard, steward: User) -> None:
    save(OTHER_THIRD, MONTHS_LATER)
    keys = set(race().results.values_list("pk", flat=True))

    accept_proposal(
        race(), Author(steward, "the stewards' document 73", MONTHS_LATER + DAY), revision=1
    )

    event = race()
    assert podium(event) == ["hamilton", "piastri", "norris"]
    assert (event.results_state, event.results_revision) == ("settled", 2)
    assert (event.proposal, event.results_source) == (None, "jolpica")
    assert not event.results_locked
    assert set(event.results.values_list("pk", flat=True)) == keys
    change = last_change()
    assert (change.kind, change.revision, change.cause) == ("amended", 2, "correction")
    assert (change.person, change.reason) == (steward, "the stewards' document 73")
    assert [(one["change"], one["cause"]) for one in amended] == [(change, "correction")]

    before = all_rows()
    save(OTHER_THIRD, MONTHS_LATER + 2 * DAY)
    assert all_rows() == before


def test_an_answer_from_before_what_was_accepted_proposes_nothing(
    settled: Event, steward: User
) -> None:
    save(OTHER_THIRD, MONTHS_LATER)
    accept_proposal(race(), Author(steward, "as the stewards say", MONTHS_LATER + HOUR), revision=1)
    before = all_rows()

    save(at=MONTHS_LATER + 2 * HOUR, made_at=MONTHS_LATER - HOUR)

    assert all_rows() == before


def test_what_is_rejected_is_not_proposed_again(
    settled: Event, amended: Heard, steward: User
) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    reject_proposal(race(), Author(steward, "he was disqualified", MONTHS_LATER + HOUR), revision=1)
    assert (last_change().kind, last_change().reason) == ("corrected", "he was disqualified")
    before = all_rows()

    report = save(OTHER_WINNER, MONTHS_LATER + DAY)

    assert all_rows() == before
    assert report.problems == []
    assert "rejected by a person" in report.notes[0].message
    assert amended == []
    assert podium(race()) == list(DRIVERS[:3])


def test_what_is_rejected_stays_so_when_the_upstream_goes_to_and_fro(
    settled: Event, steward: User
) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    reject_proposal(race(), Author(steward, "as the stewards say", MONTHS_LATER), revision=1)

    save(at=MONTHS_LATER + DAY)
    save(OTHER_FIFTH, MONTHS_LATER + 2 * DAY)
    report = save(OTHER_WINNER, MONTHS_LATER + 3 * DAY)
    lower = (*OTHER_WINNER[:3], "max_verstappen", "leclerc")
    report.add(save(lower, MONTHS_LATER + 4 * DAY))

    assert report.problems == []
    assert proposals() == 1
    assert podium(race()) == list(DRIVERS[:3])


def test_a_second_source_does_not_apply_what_a_person_rejected(
    settled: Event, steward: User
) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    reject_proposal(race(), Author(steward, "as the stewards say", MONTHS_LATER), revision=1)

    save(OTHER_WINNER, MONTHS_LATER + DAY, source=Source.JOLPICA_NEWER)

    assert podium(race()) == list(DRIVERS[:3])


def test_something_else_than_what_was_rejected_is_proposed(settled: Event, steward: User) -> None:
    save(OTHER_WINNER, MONTHS_LATER)
    reject_proposal(race(), Author(steward, "as the stewards say", MONTHS_LATER), revision=1)

    report = save(OTHER_THIRD, MONTHS_LATER + DAY)

    assert len(report.problems) == 1
    assert race().has_open_proposal


@pytest.mark.parametrize(
    "decide", [accept_proposal, reject_proposal, reconsider_proposal, settle_results]
)
def test_nothing_is_decided_of_what_is_cancelled(steward: User, decide: Any) -> None:
    author = Author(steward, "as the stewards say", MONTHS_LATER)
    save()
    void_event(race(), author)
    before = all_rows()

    with pytest.raises(WrongRequest, match="the event is cancelled"):
        decide(race(), author, revision=1)

    assert all_rows() == before


@pytest.mark.parametrize("decide", [accept_proposal, reject_proposal])
def test_nothing_is_decided_that_is_not_open(settled: Event, steward: User, decide: Any) -> None:
    author = Author(steward, "as the stewards say", MONTHS_LATER)
    with pytest.raises(WrongRequest, match="no open proposal"):
        decide(race(), author, revision=1)

    save(OTHER_WINNER, MONTHS_LATER)
    reject_proposal(race(), author, revision=1)
    with pytest.raises(WrongRequest, match="no open proposal"):
        decide(race(), author, revision=1)


@pytest.mark.parametrize("decide", [accept_proposal, reject_proposal])
def test_what_a_person_looked_at_is_decided_and_nothing_else(
    settled: Event, steward: User, decide: Any
) -> None:
    author = Author(steward, "as the stewards say", MONTHS_LATER + DAY)
    save(OTHER_WINNER, MONTHS_LATER)
    seen = race().proposal
    assert seen is not None
    save(OTHER_THIRD, MONTHS_LATER + HOUR)
    before = all_rows()

    with pytest.raises(WrongRequest, match="proposes something else"):
        decide(race(), author, revision=1, proposal=seen.pk)
    with pytest.raises(WrongRequest, match="revision 1 now, not 2"):
        decide(race(), author, revision=2)

    assert all_rows() == before


# Guesses


def pole_alone(driver: str) -> list[ResultRecord]:
    """What a sprint's grid says of its qualifying."""
    pole = entries((driver,))[0]
    return [replace(pole, points=None, status="")]


@pytest.fixture
def sprint_weekend() -> None:
    weekend = grand_prix()
    qualifying, race = weekend.sessions
    early = replace(
        qualifying,
        session_type=SessionType.SPRINT_QUALIFYING,
        starts_at=qualifying.starts_at and qualifying.starts_at - DAY,
    )
    save_calendar(calendar(replace(weekend, sessions=(early, qualifying, race))), context())


def guess(
    source: Source, driver: str, at: datetime = AFTER, **changes: Any
) -> tuple[str, str, int, str]:
    """State, source, revision and pole afterwards."""
    kind = SessionType.SPRINT_QUALIFYING
    ahead = (driver, *(other for other in DRIVERS if other != driver))
    rows = pole_alone(driver) if source is Source.SPRINT_GRID else timed_entries(ahead)
    save(at=at, session_type=kind, source=source, results=rows, **changes)
    event = Event.objects.get(session_type=kind)
    assert event.pole is not None
    state, source_name = event.results_state, event.results_source
    return state, source_name, event.results_revision, event.pole.driver_id


@pytest.mark.usefixtures("sprint_weekend")
def test_a_guess_is_provisional_and_a_better_one_replaces_it(amended: Heard) -> None:
    assert guess(Source.SPRINT_GRID, "norris") == ("provisional", "sprint_grid", 1, "norris")
    known = guess(Source.LIVE_TIMING, "piastri")
    assert known == ("provisional", "live_timing", 2, "piastri")

    assert guess(Source.SPRINT_GRID, "norris", AFTER + HOUR) == known
    assert [one["change"].revision for one in amended] == [2]


@pytest.mark.usefixtures("sprint_weekend")
def test_a_better_guess_counts_though_it_was_made_earlier() -> None:
    guess(Source.SPRINT_GRID, "norris")

    known = guess(Source.LIVE_TIMING, "piastri", AFTER + HOUR, made_at=AFTER - DAY)
    assert known == ("provisional", "live_timing", 2, "piastri")

    known = guess(Source.JOLPICA_NEWER, "norris", AFTER + HOUR, made_at=AFTER - 2 * DAY)
    assert known == ("official", "jolpica_newer", 3, "norris")


@pytest.mark.usefixtures("sprint_weekend")
def test_a_guess_that_turns_out_right_becomes_official_without_a_revision() -> None:
    guess(Source.LIVE_TIMING, "norris")

    known = guess(Source.JOLPICA_NEWER, "norris", AFTER + HOUR)

    assert known == ("official", "jolpica_newer", 1, "norris")
    assert (last_change().kind, last_change().after) == (
        "details",
        {"results_state": "official", "source": "jolpica_newer"},
    )


@pytest.mark.usefixtures("sprint_weekend")
def test_a_guess_that_turns_out_wrong_is_replaced_with_a_revision(amended: Heard) -> None:
    guess(Source.LIVE_TIMING, "norris")

    known = guess(Source.JOLPICA_NEWER, "piastri", AFTER + HOUR)

    assert known == ("official", "jolpica_newer", 2, "piastri")
    assert [one["change"].kind for one in amended] == ["amended"]


@pytest.mark.usefixtures("sprint_weekend")
@pytest.mark.parametrize("source", [Source.LIVE_TIMING, Source.SPRINT_GRID])
@pytest.mark.parametrize("driver", ["norris", "piastri"])
def test_what_is_official_is_never_a_guess_again(source: Source, driver: str) -> None:
    known = guess(Source.JOLPICA_NEWER, "norris")
    before = all_rows()

    assert guess(source, driver, AFTER + 2 * DAY) == known

    assert all_rows() == before


@pytest.mark.usefixtures("sprint_weekend")
def test_a_guess_is_never_settled() -> None:
    guess(Source.LIVE_TIMING, "norris")

    known = guess(Source.LIVE_TIMING, "norris", AFTER + 3 * DAY)

    assert known == ("provisional", "live_timing", 1, "norris")


# A correction that is undone


def test_what_was_settled_is_settled_again_once_a_correction_is_undone(
    settled: Event, steward: User
) -> None:
    """Otherwise one upstream could change what was paid by it."""
    author = Author(steward, "a slip", AFTER + 2 * DAY)
    correct_classification(race(), entries(OTHER_WINNER), author, revision=1)
    assert race().results_state == "official"
    undo_correction(race(), author, revision=2)
    assert (race().results_state, race().results_source) == ("settled", "jolpica")
    before = all_rows()
    save(at=AFTER + 3 * DAY)
    assert all_rows() == before

    save(OTHER_THIRD, at=MONTHS_LATER)

    assert podium(race()) == list(DRIVERS[:3])
    assert (proposals(), race().has_open_proposal) == (1, True)


def test_what_was_settled_is_settled_again_once_it_is_kept_no_more(
    settled: Event, steward: User
) -> None:
    save(OTHER_WINNER, at=MONTHS_LATER)
    author = Author(steward, "kept", MONTHS_LATER)
    reorder(race(), [key_of(row) for row in race().classification], author, revision=1)
    undo_correction(race(), author, revision=1)

    save(OTHER_WINNER, at=MONTHS_LATER + DAY)

    assert podium(race()) == list(DRIVERS[:3])
    assert race().has_open_proposal


def test_a_guess_is_provisional_again_once_a_correction_is_undone(steward: User) -> None:
    save(source=Source.OPENF1)
    author = Author(steward, "a slip", AFTER + HOUR)
    correct_classification(race(), entries(OTHER_WINNER), author, revision=1)
    undo_correction(race(), author, revision=2)
    assert (race().results_state, race().results_source) == ("provisional", "openf1")

    save(OTHER_THIRD, at=AFTER + 2 * HOUR, source=Source.OPENF1)

    assert podium(race()) == list(OTHER_THIRD[:3])
