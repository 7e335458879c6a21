"""Tests as a game's developers would write them: copied into a folder of their own and run there
by tests/test_testing_fixtures.py, with `ingestion.testing` as the only plugin."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from ingestion import signals
from ingestion.models import Change, Event

Put = Callable[..., Change]
Heard = list[tuple[str, str]]

SIGNALS = (
    signals.results_published,
    signals.results_settled,
    signals.results_proposed,
    signals.event_rescheduled,
    signals.event_cancelled,
    signals.event_reinstated,
    signals.event_corrected,
)
# A correction is also announced as what it does.
EFFECTS = (signals.results_amended,)
HOUR = timedelta(hours=1)
START = datetime(2024, 7, 28, 13, tzinfo=UTC)

held_or_committed = pytest.mark.parametrize(
    "is_held",
    [
        pytest.param(True, marks=pytest.mark.django_db, id="db"),
        pytest.param(False, marks=pytest.mark.django_db(transaction=True), id="transactional_db"),
    ],
)


@pytest.fixture
def heard() -> Iterator[Heard]:
    """The sessions and kinds that are announced."""
    announced: Heard = []

    def receiver(*, change: Change, **_: object) -> None:
        announced.append((change.event.session_type, change.kind))

    def effect(*, change: Change, **_: object) -> None:
        announced.append((change.event.session_type, "amended"))

    for signal in SIGNALS:
        signal.connect(receiver)
    for signal in EFFECTS:
        signal.connect(effect)
    yield announced
    for signal in SIGNALS:
        signal.disconnect(receiver)
    for signal in EFFECTS:
        signal.disconnect(effect)


def leaders(event: Event) -> list[str]:
    return [result.driver_id for result in event.podium]


@held_or_committed
@pytest.mark.parametrize(
    "fixture", ["published", "amended", "settled", "corrected", "rescheduled", "cancelled"]
)
def test_every_fixture_saves_rows_and_sends_its_signal(
    request: pytest.FixtureRequest, is_held: bool, heard: Heard, fixture: str
) -> None:
    put = request.getfixturevalue(fixture)
    assert connection.in_atomic_block is is_held

    change = put()
    assert (change.kind, change.event.session_type) == (fixture, "race")
    assert Change.objects.filter(event__session_type="race").latest("pk") == change
    assert ("race", fixture) in heard
    assert len(heard) == len(set(heard))


def test_without_a_word_it_is_the_belgian_grand_prix_of_2024(published: Put, amended: Put) -> None:
    change = published()
    event = change.event
    assert str(event) == "2024 Belgian Grand Prix Race"
    assert event.starts_at == event.locks_at == START
    assert leaders(event) == ["russell", "hamilton", "piastri"]
    assert len(event.classification) == 20
    assert (event.results_state, event.results_revision, change.cause) == ("official", 1, "poll")

    event = amended().event
    assert leaders(event) == ["hamilton", "piastri", "leclerc"]
    last = event.classification[-1]
    assert (last.driver_id, last.classification, last.status) == ("russell", "D", "Disqualified")
    assert event.results_revision == 2
    assert list(event.changes.values_list("kind", flat=True)) == [
        "scheduled",
        "published",
        "amended",
    ]


def test_what_is_settled_is_changed_by_a_person_alone(
    settled: Put, amended: Put, corrected: Put, heard: Heard
) -> None:
    change = settled()
    event = change.event
    assert (change.kind, event.results_state) == ("settled", "settled")
    assert amended(event).kind == "proposed"
    assert heard[-1] == ("race", "proposed")

    change = corrected(event, drivers=["hamilton", "russell"], reason="A mistake")
    assert (change.kind, change.cause, change.reason) == ("corrected", "correction", "A mistake")
    assert change.person_name == "steward"
    assert leaders(change.event) == ["hamilton", "russell", "piastri"]
    assert heard[-2:] == [("race", "amended"), ("race", "corrected")]
    assert change.event.results_state == "official"
    assert settled(event).event.results_state == "settled"
    assert leaders(event) == ["hamilton", "russell", "piastri"]


def test_what_was_amended_is_settled_as_it_is(settled: Put, amended: Put) -> None:
    event = settled(amended().event).event
    assert (event.results_state, event.results_revision) == ("settled", 2)
    assert leaders(event) == ["hamilton", "piastri", "leclerc"]


def test_a_corrected_start_moves_no_more(corrected: Put, rescheduled: Put) -> None:
    event = corrected(to=START - HOUR).event
    assert event.starts_at == event.locks_at == START - HOUR
    with pytest.raises(ValueError, match="nothing changed"):
        rescheduled(event)


def test_who_can_be_picked(scheduled: Put, entrants: Put, withdrawn: Put) -> None:
    event = entrants().event
    assert event.entrants.count() == 20
    assert Event.objects.open_for_picks(START - HOUR).next_lock(START - HOUR) == START

    change = withdrawn(event, driver="sainz", replaced_by="bearman")
    assert [one["driver_id"] for one in change.after["entrants"]] == ["sainz"]
    ferrari = event.entrants.filter(constructor_id="ferrari").values_list("driver", flat=True)
    assert set(ferrari) == {"leclerc", "bearman"}

    dutch = scheduled(grand_prix="Dutch Grand Prix").event
    change = entrants(dutch, drivers=["norris", "newey"])
    assert change.kind == "entered"
    assert {str(one.driver) for one in dutch.entrants} == {"Lando Norris", "Newey"}
    assert withdrawn(grand_prix="Italian Grand Prix").event.entrants.count() == 19


def test_a_session_by_season_name_type_drivers_and_cause(published: Put) -> None:
    change = published(
        season=2019,
        grand_prix="Monaco Grand Prix",
        session_type="qualifying",
        drivers=["vettel", "leclerc"],
        cause="backfill",
    )
    event = change.event
    assert (event.season, event.grand_prix, change.cause) == (2019, "monaco-grand-prix", "backfill")
    assert event.pole is not None
    assert (event.pole.driver_id, event.pole.driver_name) == ("vettel", "Vettel")
    assert [result.driver_id for result in event.classification[1:3]] == ["leclerc", "russell"]
    assert len(event.classification) == 20


def test_a_sprint_weekend_has_its_four_sessions(scheduled: Put) -> None:
    event = scheduled(session_type="sprint").event
    weekend = Event.objects.for_season(event.season).values_list("session_type", flat=True)
    assert list(weekend) == ["sprint_qualifying", "sprint", "qualifying", "race"]


def test_a_weekend_that_is_there_gets_the_sessions_that_it_lacks(published: Put) -> None:
    race = published().event
    sprint = published(grand_prix=race.grand_prix, session_type="sprint_qualifying").event
    assert (sprint.grand_prix, sprint.name) == (race.grand_prix, race.name)
    assert Event.objects.count() == 4
    assert set(Event.objects.values_list("round_number", flat=True)) == {14}


def test_now_is_as_good_as_2024(scheduled: Put, published: Put) -> None:
    now = timezone.now()
    event = scheduled(starts_at=now + HOUR).event
    assert event.in_time(now)
    assert event.phase(now) == "scheduled"
    assert published(grand_prix="Dutch Grand Prix", starts_at=now - 4 * HOUR).event.has_results


def test_amended_by_name(published: Put, amended: Put) -> None:
    event = published().event
    amended(event)
    event = amended(event, drivers=["piastri", "hamilton"]).event
    assert leaders(event) == ["piastri", "hamilton", "leclerc"]
    event = amended(event, disqualified="hamilton").event
    assert leaders(event) == ["piastri", "leclerc", "max_verstappen"]
    assert event.results_revision == 4


def test_amended_alone_publishes_first(amended: Put) -> None:
    event = amended(session_type="qualifying").event
    assert event.results_revision == 2


def test_rescheduled_by_and_to(scheduled: Put, rescheduled: Put) -> None:
    event = rescheduled(scheduled().event, by=-2 * HOUR).event
    assert event.starts_at == event.locks_at == START - 2 * HOUR
    event = rescheduled(event, to=START - HOUR).event
    assert event.starts_at == event.locks_at == START - HOUR

    # By days the weekend moves, and a lock that has passed stays.
    event = rescheduled(event, by=timedelta(days=7), at=START).event
    assert (event.starts_at, event.locks_at) == (START + timedelta(days=7) - HOUR, START - HOUR)
    qualifying = Event.objects.get(session_type="qualifying")
    assert qualifying.starts_at == START + timedelta(days=7) - 23 * HOUR


def test_several_of_a_season_follow_each_other(scheduled: Put) -> None:
    names = ["Belgian Grand Prix", "Dutch Grand Prix", "Italian Grand Prix"]
    events = [scheduled(grand_prix=name).event for name in names]
    assert [event.round_number for event in events] == [14, 15, 16]
    assert list(Event.objects.filter(session_type="race").order_by("starts_at")) == events
    assert not Event.objects.filter(status="cancelled").exists()


@pytest.mark.parametrize(
    ("fixture", "arguments", "reason"),
    [
        ("scheduled", {}, "is on the calendar already"),
        ("scheduled", {"session_type": "practice"}, "is not a valid SessionType"),
        ("published", {}, "is published already, amend it"),
        ("published", {"starts_at": START + HOUR}, "is on the calendar at .*, reschedule it"),
        ("amended", {"drivers": ["russell"]}, "nothing changed: it is so already"),
        ("rescheduled", {"by": timedelta(0)}, "nothing changed: it is so already"),
        ("cancelled", {}, "has results; a person may void it"),
    ],
)
def test_what_cannot_be_is_said(
    request: pytest.FixtureRequest,
    published: Put,
    fixture: str,
    arguments: dict[str, object],
    reason: str,
) -> None:
    published()
    with pytest.raises(ValueError, match=reason):
        request.getfixturevalue(fixture)(**arguments)


@pytest.mark.django_db
def test_a_test_that_captures_callbacks_itself_hears_each_signal_once(
    django_capture_on_commit_callbacks: Callable[..., object], heard: Heard, published: Put
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        published()
    assert heard == [("race", "published")]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_of_the_tests_own_is_waited_for(heard: Heard, published: Put) -> None:
    with transaction.atomic():
        published()
        assert heard == []
    assert heard == [("race", "published")]
