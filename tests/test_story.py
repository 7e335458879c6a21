"""An event's story: each entry of the feed as one sentence, and who made it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ingestion import corrections
from ingestion.corrections import Author
from ingestion.models import Change, Event, IngestRun
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    GrandPrixRecord,
    RaceIdentity,
    SessionRecord,
    Source,
)
from ingestion.save import SaveContext, save_calendar, save_classifications
from ingestion.sessions import SessionType
from ingestion.story import (
    describe_author,
    describe_change,
    describe_event,
    describe_outcome,
    describe_payout,
    describe_story,
)
from ingestion.testing.facts import FIELD, build_classification, put_first
from ingestion.testing.feed import SeasonFeed
from tests.persons import User

pytestmark = [pytest.mark.once, pytest.mark.django_db]

START = datetime(2024, 7, 28, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KNOWN = START - 4 * 7 * DAY
RACE = RaceIdentity(2024, 14, "Belgian Grand Prix", START.date(), "Belgium", "Spa")


@pytest.fixture
def feed() -> SeasonFeed:
    return SeasonFeed(is_held=False)


@pytest.fixture
def anna() -> Author:
    person = User.objects.create_user("anna")
    return Author(person, "the stewards\nsay so", START + DAY)


def context(now: datetime, **changes: Any) -> SaveContext:
    return replace(SaveContext(None, Change.Cause.POLL, now), **changes)


def calendar(known_at: datetime, **changes: Any) -> CalendarRecord:
    """Belgium alone; the changes are of its race, or of the weekend."""
    of_race = {name: changes.pop(name) for name in set(changes) & set(SessionRecord.__slots__)}
    race = SessionRecord(
        SessionType.RACE, START, Source.SCHEDULE_FILE, known_at, utc_offset=2 * HOUR
    )
    weekend = GrandPrixRecord(
        season=2024,
        round_number=14,
        name="Belgian Grand Prix",
        official_name="",
        country="Belgium",
        location="Spa-Francorchamps",
        race_date=START.date(),
        sessions=(replace(race, **of_race),),
    )
    return CalendarRecord(2024, Source.SCHEDULE_FILE, known_at, (replace(weekend, **changes),))


def save_start(known_at: datetime = KNOWN, **changes: Any) -> Event:
    save_calendar(calendar(known_at, **changes), context(known_at))
    return Event.objects.get(session_type=SessionType.RACE)


def classification(
    *leaders: str, made_at: datetime, source: Source = Source.JOLPICA
) -> ClassificationRecord:
    told = build_classification(
        RACE, SessionType.RACE, put_first(leaders), disqualified="", generated_at=made_at
    )
    return replace(told, source=source)


def last(event: Event) -> Change:
    return Change.objects.for_story().filter(event=event).latest("pk")


def sentence(event: Event) -> str:
    return describe_change(last(event))


# What a calendar does


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "start 2024-07-28 13:00 UTC (the schedule file)"),
        (
            {"starts_at": START.replace(hour=0), "start_is_estimated": True},
            "start 2024-07-28 at an unknown time (the schedule file)",
        ),
        ({"starts_at": None}, "start unknown (the schedule file)"),
    ],
)
def test_a_new_event(facts: dict[str, Any], told: str) -> None:
    assert sentence(save_start(**facts)) == f"Put on the calendar as round 14, {told}"


def test_a_new_event_whose_start_is_disputed() -> None:
    assert sentence(save_start(disputed_starts_at=START + HOUR)) == (
        "Put on the calendar as round 14, start 2024-07-28 13:00 UTC, "
        "the other calendar says 2024-07-28 14:00 UTC (the schedule file)"
    )


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        (
            {},
            {"starts_at": START - 3 * HOUR},
            "Start 2024-07-28 13:00 UTC -> 2024-07-28 10:00 UTC",
        ),
        (
            {"starts_at": START.replace(hour=0), "start_is_estimated": True},
            {},
            "Start 2024-07-28 at an unknown time -> 2024-07-28 13:00 UTC",
        ),
        ({}, {"starts_at": None}, "Start 2024-07-28 13:00 UTC -> unknown"),
        (
            {},
            {"starts_at": START + HOUR, "round_number": 13},
            "Start 2024-07-28 13:00 UTC -> 2024-07-28 14:00 UTC; round 14 -> 13",
        ),
        ({}, {"round_number": 13}, "Details: round 14 -> 13"),
        (
            {},
            {"location": "Zolder", "utc_offset": HOUR},
            "Details: place Spa-Francorchamps -> Zolder, local time less UTC 2:00:00 -> 1:00:00",
        ),
    ],
)
def test_a_changed_calendar(first: dict[str, Any], then: dict[str, Any], told: str) -> None:
    save_start(**first)
    assert sentence(save_start(KNOWN + DAY, **then)) == told


def test_a_start_that_the_other_calendar_disputes_later() -> None:
    save_start()
    later = KNOWN + DAY
    other = calendar(later, starts_at=START + HOUR)
    save_calendar(calendar(later), context(later), jolpica=replace(other, source=Source.JOLPICA))
    race = Event.objects.get(session_type=SessionType.RACE)
    assert sentence(race) == "Details: the other calendar's start none -> 2024-07-28 14:00 UTC"


def test_a_cancelled_event_that_comes_back(feed: SeasonFeed) -> None:
    event = save_start()
    feed.cancel(event, at=KNOWN + DAY)
    assert sentence(event) == "Cancelled: off the calendar, where it was round 14"

    event = save_start(KNOWN + 2 * DAY, starts_at=START + HOUR, round_number=15)
    assert sentence(event) == (
        "Back on the calendar as round 15, start 2024-07-28 13:00 UTC -> 2024-07-28 14:00 UTC"
    )


def test_a_qualifying_that_no_calendar_lists() -> None:
    start = START.replace(year=1995)
    race = SessionRecord(SessionType.RACE, start, Source.JOLPICA, KNOWN)
    listed = calendar(KNOWN, season=1995, race_date=start.date(), sessions=(race,))
    save_calendar(replace(listed, season=1995, source=Source.JOLPICA), context(KNOWN))
    told = build_classification(
        replace(RACE, season=1995, race_date=start.date()),
        SessionType.QUALIFYING,
        FIELD,
        disqualified="",
        generated_at=KNOWN,
    )
    save_classifications([told], context(KNOWN))

    changes = Change.objects.for_story().filter(event__session_type="qualifying").order_by("pk")
    assert [line.sentence for line in describe_story(changes)] == [
        "Known by its classification alone: no calendar has it",
        "Revision 1 published: P1 Russell (Jolpica)",
    ]


# What happens to a classification


def test_a_classification_that_is_amended_and_settled(feed: SeasonFeed) -> None:
    event = feed.publish().event
    assert sentence(event) == (
        "Revision 1 published: P1 Russell, P2 Hamilton, P3 Piastri (Jolpica)"
    )
    feed.amend(event)
    assert sentence(event) == (
        "Revision 2: P1 Russell -> Hamilton, P2 Hamilton -> Piastri, P3 Piastri -> Leclerc, "
        "Russell disqualified (Jolpica)"
    )
    feed.amend(event, drivers=["hamilton", "piastri", "leclerc", "norris"], disqualified="russell")
    assert sentence(event) == "Revision 3: 2 places changed, the first ones not (Jolpica)"


def test_a_guess_that_is_published_and_settled() -> None:
    event = save_start()
    over = START + 4 * HOUR
    guess = classification(made_at=over, source=Source.LIVE_TIMING)
    save_classifications([guess], context(over))
    assert sentence(event) == (
        "Revision 1 published: P1 Russell, P2 Hamilton, P3 Piastri (live timing)"
    )
    save_classifications([classification(made_at=over + HOUR)], context(over + HOUR))
    assert sentence(event) == "No longer provisional but official (Jolpica)"
    save_classifications([classification(made_at=over + 2 * DAY)], context(over + 2 * DAY))
    assert sentence(event) == "Revision 1 settled: it was seen unchanged long enough"


def test_details_name_what_changed(feed: SeasonFeed) -> None:
    event = feed.publish(event=save_start()).event
    told = classification(made_at=START + DAY)
    shorter = tuple(replace(row, laps=43, driver_code="") for row in told.results)
    save_classifications([replace(told, results=shorter)], context(START + DAY))
    assert sentence(event) == (
        "Details of revision 1: driver_code of 20, laps of 20 changed, no place did (Jolpica)"
    )


def test_a_proposal_that_is_rejected_taken_back_and_accepted(
    feed: SeasonFeed, anna: Author
) -> None:
    event = feed.publish(event=save_start(), drivers=["hamilton"]).event
    corrections.settle_results(event, anna, revision=1)
    assert sentence(event) == "Revision 1 declared settled"
    feed.amend(event, drivers=["russell"])
    assert sentence(event) == (
        "Proposed, for a person to decide, and not applied: P1 Hamilton -> Russell, "
        "P2 Russell -> Hamilton (Jolpica)"
    )
    assert ("proposal", sentence(event)) in describe_event(Event.objects.get(pk=event.pk), START)
    corrections.reject_proposal(event, anna, revision=1)
    assert sentence(event) == "The proposal was rejected"
    feed.amend(event, drivers=["piastri"])
    corrections.accept_proposal(event, anna, revision=1)
    assert sentence(event) == (
        "Revision 2, the proposal accepted: P1 Hamilton -> Piastri, P2 Russell -> Hamilton, "
        "P3 Piastri -> Russell (Jolpica)"
    )
    later = START + 10 * DAY
    feed.amend(event, drivers=["leclerc"], at=later)
    drivers = ("piastri", "hamilton", "russell")
    same = classification(*drivers, made_at=later + DAY)
    save_classifications([same], context(later + DAY))
    assert sentence(event) == "The proposal was taken back by the upstream"


# What a person does


def test_a_classification_corrected_and_released(feed: SeasonFeed, anna: Author) -> None:
    event = feed.publish().event
    corrections.disqualify(event, ("russell", 63), anna, revision=1)
    assert sentence(event) == (
        "Revision 2 corrected by hand: P1 Russell -> Hamilton, P2 Hamilton -> Piastri, "
        "P3 Piastri -> Leclerc, Russell disqualified"
    )
    corrections.release_results(event, anna, revision=2)
    assert sentence(event) == "The classification was given back to the upstream"


def test_a_podium_entered_by_hand(feed: SeasonFeed, anna: Author) -> None:
    feed.publish(session_type="qualifying")
    race = feed.schedule(grand_prix="Dutch Grand Prix").event
    corrections.enter_leaders(race, ["norris", "piastri", "sainz"], anna, revision=0)
    assert sentence(race) == "Revision 1 entered by hand: P1 Norris, P2 Piastri, P3 Sainz"


def test_a_schedule_corrected_voided_and_released(feed: SeasonFeed, anna: Author) -> None:
    event = feed.schedule().event
    anna = replace(anna, now=START - DAY)
    corrections.correct_start(event, START - HOUR, anna)
    assert sentence(event) == (
        "Corrected: start 2024-07-28 13:00 UTC -> 2024-07-28 12:00 UTC, "
        "picks close 2024-07-28 13:00 UTC -> 2024-07-28 12:00 UTC, "
        "expected end 2024-07-28 16:00 UTC -> 2024-07-28 15:00 UTC"
    )
    corrections.void_event(event, anna)
    assert sentence(event) == "Voided: it was scheduled"
    corrections.correct_status(event, "scheduled", anna)
    assert sentence(event) == "The cancellation was taken back"
    corrections.reopen_picks(event, replace(anna, now=START - 2 * HOUR), until=START - 1.5 * HOUR)
    assert sentence(event) == (
        "Corrected: picks close 2024-07-28 12:00 UTC -> 2024-07-28 11:30 UTC"
    )
    corrections.release_schedule(event, anna)
    assert sentence(event) == "Start and status were given back to the calendars"


# By whom


def test_the_author_is_a_run_or_a_person_with_the_reason(feed: SeasonFeed, anna: Author) -> None:
    run = IngestRun.objects.create(trigger="command", started_at=KNOWN)
    save_calendar(calendar(KNOWN), context(KNOWN, run=run))
    event = Event.objects.get()
    assert describe_author(last(event)) == f"run {run.pk}, command"
    backfill = context(KNOWN + DAY, run=run, cause=Change.Cause.BACKFILL)
    save_calendar(calendar(KNOWN + DAY, round_number=13), backfill)
    assert describe_author(last(event)) == f"run {run.pk}, command, backfill"
    corrections.void_event(event, replace(anna, reason="rain\n\x1b[31m and  thunder"))
    assert describe_author(last(event)) == 'anna: "rain [31m and thunder"'


def test_who_is_gone_stays_with_what_they_did_by_name(feed: SeasonFeed, anna: Author) -> None:
    event = feed.schedule().event
    corrections.void_event(event, anna)
    anna.person.delete()
    assert describe_author(last(event)) == 'anna: "the stewards say so"'
    assert describe_author(event.changes.earliest("pk")) == "poll"


# Over loaded rows


@pytest.mark.twice
def test_a_story_is_told_in_one_query(feed: SeasonFeed, anna: Author) -> None:
    event = feed.publish().event
    for _ in range(5):
        feed.amend(event)
    corrections.disqualify(event, ("alonso", 14), anna, revision=6)
    with CaptureQueriesContext(connection) as captured:
        story = describe_story(Change.objects.for_story().filter(event=event).order_by("pk"))
    assert len(captured) == 1
    assert len(story) == 8
    assert [line.at for line in story] == sorted(line.at for line in story)


def test_an_entry_that_was_not_read_back_is_told_as_one_that_was(feed: SeasonFeed) -> None:
    """What a signal's receiver gets has Python's own instants in it."""
    event = feed.schedule().event
    before, after = {"starts_at": START}, {"starts_at": START - HOUR}
    change = Change(event=event, kind="rescheduled", before=before, after=after)
    told = describe_change(change)
    change.created_at, change.revision, change.cause = KNOWN, 0, "poll"
    change.save()
    assert describe_change(last(event)) == told


@pytest.mark.parametrize("kind", Change.Kind.values)
def test_every_kind_is_told_however_little_it_says(kind: str, feed: SeasonFeed) -> None:
    event = feed.schedule().event
    sides = {"classification": [], "source": "jolpica"} if kind in NEEDING else {}
    change = Change(event=event, kind=kind, revision=1, before=sides, after=sides)
    assert describe_change(change)


NEEDING = ("published", "amended", "proposed", "confirmed", "disputed")


# What an event is now


def test_what_is_there_of_an_event(feed: SeasonFeed, anna: Author) -> None:
    event = save_start(disputed_starts_at=START + HOUR)
    corrections.correct_start(event, START + HOUR, replace(anna, now=START - DAY))
    event = feed.publish(event).event
    assert describe_event(event, START - DAY) == [
        ("where", "round 14, Spa-Francorchamps, Belgium"),
        ("start", "2024-07-28 14:00 UTC, 16:00 there (a person)"),
        ("picks", "open until 2024-07-28 14:00 UTC"),
        ("status", "completed"),
        ("results", "official, revision 1 from Jolpica"),
        ("by hand", "start and status; ingests only compare"),
    ]


def test_a_payout_says_which_classification_and_until_when(feed: SeasonFeed) -> None:
    event = feed.publish().event
    assert describe_payout(event) == [
        ("scored", "revision 1, official, amendments are still applied"),
        ("made", "2024-07-28 16:30 UTC (Jolpica)"),
        ("saved", "2024-07-28 16:30 UTC"),
        ("podium", "P1 George Russell, P2 Lewis Hamilton, P3 Oscar Piastri"),
        ("picks", "count if they were made before 2024-07-28 13:00 UTC"),
    ]


def test_a_payout_of_a_pole_set_by_hand(feed: SeasonFeed, anna: Author) -> None:
    event = feed.publish(session_type="qualifying").event
    corrections.disqualify(event, ("russell", 63), anna, revision=1)
    facts = dict(describe_payout(Event.objects.get(pk=event.pk)))
    assert (facts["made"], facts["pole"]) == ("by hand, see the story", "P1 Lewis Hamilton")


def test_nothing_is_scored_before_the_results_nor_of_what_is_cancelled(feed: SeasonFeed) -> None:
    event = feed.schedule().event
    assert describe_payout(event) == [("scored", "nothing yet: it has no classification")]
    event = feed.cancel(event).event
    assert [label for label, _ in describe_event(event, START)] == [
        "where",
        "start",
        "status",
        "results",
    ]
    assert describe_payout(event) == [
        ("scored", "nothing: it is cancelled, and picks on it are refunded")
    ]


# Who won, and why it changed

# As anna gives her reasons.
WHY = " the stewards\nsay so"


def outcome(event: Event, now: datetime = START + DAY) -> tuple[str, list[str], list[str]]:
    event = Event.objects.with_classifications().select_related("second_opinion").get(pk=event.pk)
    changes = list(Change.objects.filter(event=event).for_story().order_by("pk"))
    found = describe_outcome(event, changes, now)
    turns = [f"{turn.sentence} {turn.reason}".strip() for turn in found.turns]
    return found.answer, turns, list(found.state)


def test_a_disqualification_says_who_was_first_until_when(feed: SeasonFeed) -> None:
    event = feed.publish().event
    assert outcome(event) == (
        "Russell won, ahead of Hamilton and Piastri.",
        ["The podium is as Jolpica first had it at 2024-07-28 16:30 UTC."],
        ["Official since 2024-07-28 16:30 UTC, by Jolpica: amendments are still applied."],
    )
    feed.amend(event)
    assert outcome(event) == (
        "Hamilton won, ahead of Piastri and Leclerc.",
        ["Russell was first until the disqualification at 2024-07-28 18:30 UTC (Jolpica)."],
        ["Official since 2024-07-28 18:30 UTC, by Jolpica: amendments are still applied."],
    )


def test_a_pole_and_the_person_who_changed_it(feed: SeasonFeed, anna: Author) -> None:
    event = feed.publish(session_type="qualifying").event
    corrections.disqualify(event, ("russell", 63), anna, revision=1)
    assert outcome(event) == (
        "Hamilton has the pole.",
        ["Russell was first until the disqualification by anna at 2024-07-29 13:00 UTC." + WHY],
        ["Official, set by anna: ingests compare it and change nothing."],
    )


def test_a_proposal_that_was_accepted_and_what_was_before(feed: SeasonFeed, anna: Author) -> None:
    event = feed.publish().event
    feed.amend(event, drivers=("hamilton", "piastri", "russell"))
    corrections.settle_results(event, anna, revision=2)
    feed.amend(event, drivers=("hamilton", "russell", "piastri"), at=START + 2 * DAY)
    event = Event.objects.get(pk=event.pk)
    corrections.accept_proposal(event, replace(anna, now=START + 3 * DAY), revision=2)
    feed.amend(event, drivers=("hamilton", "russell", "leclerc"), at=START + 4 * DAY)
    event = Event.objects.get(pk=event.pk)
    corrections.accept_proposal(event, replace(anna, now=START + 5 * DAY), revision=3)
    answer, turns, state = outcome(event)
    assert answer == "Hamilton won, ahead of Russell and Leclerc."
    accepted = "when anna accepted the proposal of Jolpica."
    assert [turn.removesuffix(WHY) for turn in turns] == [
        f"Piastri was second until 2024-07-31 13:00 UTC, {accepted}",
        f"Piastri was third until 2024-08-02 13:00 UTC, {accepted}",
        "It had changed once before; the story has it.",
    ]
    assert state == ["Settled at 2024-07-29 13:00 UTC: another podium or pole waits for a person."]


def test_a_result_that_a_person_entered(feed: SeasonFeed, anna: Author) -> None:
    feed.publish(grand_prix="Hungarian Grand Prix", starts_at=START - 7 * DAY)
    event = feed.schedule().event
    corrections.enter_leaders(event, ["norris", "sainz", "perez"], anna, revision=0)
    answer, [turn], _ = outcome(event)
    assert answer == "Norris won, ahead of Sainz and Pérez."
    assert turn.startswith("anna entered it by hand at 2024-07-29 13:00 UTC.")


def test_a_win_that_two_shared(feed: SeasonFeed) -> None:
    event = feed.publish().event
    event.results.filter(order=2).update(position=1, classification="1")
    assert outcome(event)[0] == "Russell and Hamilton shared the win."
    event.results.filter(order=2).update(position=2, classification="2", driver_name="A Russell")
    assert outcome(event)[0] == "George Russell won, ahead of A Russell and Piastri."


def test_what_is_ahead_says_when_and_why_then(feed: SeasonFeed, anna: Author) -> None:
    event = feed.schedule().event
    at = START + 2 * HOUR
    corrections.correct_start(event, at, replace(anna, now=START - DAY))
    moved_at = "2024-07-27 13:00 UTC"
    assert outcome(event, START - DAY) == (
        "It starts on 2024-07-28 15:00 UTC.",
        [f"It was to start on 2024-07-28 13:00 UTC, until anna moved it at {moved_at}.{WHY}"],
        ["Picks are open until 2024-07-28 15:00 UTC."],
    )
    assert outcome(event, at)[0] == "It is running since 2024-07-28 15:00 UTC."
    assert outcome(event, at + DAY)[0] == "It is over, and no classification is in yet."
    corrections.void_event(Event.objects.get(pk=event.pk), anna)
    answer, [turn], _ = outcome(event)
    assert answer == "It is cancelled: no result is expected, and picks on it are refunded."
    assert turn.startswith("anna voided it at 2024-07-29 13:00 UTC.")
