"""The second source as a witness: it confirms, or a person is told, and nothing is overwritten."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from ingestion.corrections import (
    Author,
    accept_proposal,
    correct_classification,
    list_restorable,
    merge_drivers,
    reject_proposal,
    release_results,
    reorder,
    restore_revision,
    undo_change,
    void_event,
)
from ingestion.models import Alarm, Change, Driver, Event, SecondOpinion
from ingestion.monitoring.alarm_kinds import KINDS
from ingestion.monitoring.facts import gather_facts
from ingestion.pipeline import put_back_times
from ingestion.records import ClassificationRecord, ListedSession, Source
from ingestion.save import save_calendar, save_classifications, save_listed
from ingestion.sessions import SessionType
from tests.builders import (
    calendar,
    classification,
    context,
    entries,
    grand_prix,
    race_identity,
)
from tests.operators import page_of, read, season_page, words_of
from tests.persons import User
from tests.rows import all_rows

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FLAG = datetime(2024, 7, 28, 15, tzinfo=UTC)
ONE = ("hamilton", "piastri", "leclerc")
OTHER = ("hamilton", "piastri", "gasly")


def said(source: Source, drivers: Sequence[str], after: timedelta) -> ClassificationRecord:
    return classification(drivers=drivers, source=source, generated_at=FLAG + after)


def save(source: Source, drivers: Sequence[str], after: timedelta, **changes: Any) -> Event:
    record = replace(said(source, drivers, after), **changes)
    report = save_classifications([record], context(FLAG + after))
    assert report.problems == []
    return Event.objects.select_related("second_opinion").get(session_type="race")


def save_qualifying(
    source: Source, drivers: Sequence[str], after: timedelta, **changes: Any
) -> None:
    record = classification(
        SessionType.QUALIFYING, drivers, source=source, generated_at=FLAG + after, **changes
    )
    assert save_classifications([record], context(FLAG + after)).problems == []


@pytest.fixture(autouse=True)
def belgium() -> None:
    save_calendar(calendar(grand_prix()), context(FLAG - DAY))


def find_alarms(now: datetime) -> list[str]:
    facts = gather_facts(now)
    [kind] = [kind for kind in KINDS if kind.key == "disputed-result"]
    return [kind.title.format(**case.values) for case in kind.find(facts)]


def steward(after: timedelta) -> Author:
    person = User.objects.filter(**{User.USERNAME_FIELD: "steward"}).first()
    return Author(person or User.objects.create_user("steward"), "decision 42", FLAG + after)


def kinds() -> list[str]:
    return [change.kind for change in Change.objects.order_by("pk") if change.kind != "scheduled"]


def test_what_a_worse_provisional_source_had_too_is_the_better_ones() -> None:
    """Otherwise it would be requested as if it had not answered."""
    save(Source.LIVE_TIMING, ONE, HOUR)
    event = save(Source.OPENF1, ONE, 2 * HOUR)
    assert (event.results_state, event.results_source) == ("provisional", "openf1")
    assert (event.results_revision, kinds()) == (1, ["published", "details"])
    rows = all_rows()
    save(Source.OPENF1, ONE, 3 * HOUR)
    save(Source.LIVE_TIMING, ONE, 3 * HOUR)
    assert all_rows() == rows


def test_what_both_say_is_confirmed_with_its_time() -> None:
    event = save(Source.OPENF1, ONE, HOUR)
    assert (event.results_state, event.confirmed_at) == ("provisional", None)
    event = save(Source.JOLPICA, ONE, 3 * HOUR)
    assert (event.results_state, event.results_revision) == ("official", 1)
    assert event.confirmed_at == FLAG + 3 * HOUR
    assert kinds() == ["published", "details", "confirmed"]


def test_the_same_again_writes_nothing() -> None:
    save(Source.OPENF1, ONE, HOUR)
    save(Source.JOLPICA, ONE, 3 * HOUR)
    before = all_rows()
    save(Source.OPENF1, ONE, 4 * HOUR)
    save(Source.JOLPICA, ONE, 5 * HOUR)
    assert all_rows() == before


def test_an_older_opinion_disputes_nothing_and_a_newer_one_does() -> None:
    save(Source.OPENF1, ONE, HOUR)
    event = save(Source.JOLPICA, OTHER, 3 * HOUR)
    assert (event.results_revision, event.is_disputed, event.confirmed_at) == (2, False, None)
    event = save(Source.OPENF1, ONE, 4 * HOUR)
    assert event.is_disputed
    assert [row.driver_id for row in event.podium] == list(OTHER)
    assert (event.results_state, event.results_revision) == ("official", 2)
    [alarm] = find_alarms(FLAG + 4 * HOUR)
    what = "Jolpica has Gasly third, formula1.com Leclerc"
    assert alarm == f"Two sources disagree about 2024 Belgian Grand Prix Race: {what}"


@pytest.mark.parametrize(
    ("first", "then"), [(ONE, OTHER), (OTHER, ONE)], ids=["forward", "the other way round"]
)
def test_monaco_2026_has_one_alarm_and_one_all_clear(
    first: Sequence[str], then: Sequence[str]
) -> None:
    """The third was amended at Jolpica; the other followed a day later. Then back, 89 days on."""
    save(Source.OPENF1, first, HOUR)
    save(Source.JOLPICA, first, 2 * HOUR)
    event = save(Source.JOLPICA, then, 20 * HOUR)
    assert (event.results_revision, event.confirmed_at) == (2, None)
    seen = []
    for hours in (21, 27, 33, 43):
        event = save(Source.OPENF1, first, hours * HOUR)
        # Each answer of Jolpica's in between says the same.
        event = save(Source.JOLPICA, then, hours * HOUR + HOUR)
        seen += find_alarms(FLAG + hours * HOUR)
    assert len(set(seen)) == 1
    assert len(seen) == 4
    event = save(Source.OPENF1, then, 45 * HOUR)
    assert find_alarms(FLAG + 45 * HOUR) == []
    assert (event.is_disputed, event.confirmed_at) == (False, FLAG + 45 * HOUR)
    assert event.results_revision == 2
    assert kinds().count("disputed") == 1
    assert kinds().count("confirmed") == 2

    out = StringIO()
    call_command("f1_explain", "2024", "belgium", "race", stdout=out)
    story = " ".join(out.getvalue().split())
    assert "Revision 2 disputed, and left as it is: Jolpica has" in story
    assert "Revision 2 confirmed by OpenF1" in story
    assert f"confirmed by OpenF1 at {FLAG + 45 * HOUR:%Y-%m-%d %H:%M} UTC" in story


def test_a_disqualification_that_one_of_them_has_is_disputed() -> None:
    out = entries(ONE)
    out[-1] = replace(out[-1], classification="D", status="Disqualified")
    save(Source.JOLPICA, ONE, HOUR)
    event = save(Source.OPENF1, ONE, 2 * HOUR, results=tuple(out))
    assert event.is_disputed
    assert "formula1.com alone has Zhou disqualified" in find_alarms(FLAG + 2 * HOUR)[0]


def test_a_disqualification_from_a_qualifying_is_not_disputed() -> None:
    """The Dutch Grand Prix of 2024: the Ergast form has no status of a qualifying, and has Albon
    last; the pole is what people pick."""
    out = entries(ONE, status="")
    flagged = [*out[:-1], replace(out[-1], classification="D", status="Disqualified")]
    for source, results, after in (
        (Source.JOLPICA, out, HOUR),
        (Source.OPENF1, flagged, 2 * HOUR),
    ):
        save_qualifying(source, ONE, after, results=results)
    event = Event.objects.select_related("second_opinion").get(session_type="qualifying")
    assert (event.is_disputed, event.confirmed_at) == (False, FLAG + 2 * HOUR)
    assert find_alarms(FLAG + 2 * HOUR) == []
    # Without the pole sitter the others have moved up: another pole is disputed as ever.
    save_qualifying(Source.OPENF1, ONE[::-1], 3 * HOUR)
    assert len(find_alarms(FLAG + 3 * HOUR)) == 1


def test_places_that_nobody_picks_are_not_disputed() -> None:
    save(Source.JOLPICA, (*ONE, "norris", "sainz"), HOUR)
    event = save(Source.OPENF1, (*ONE, "sainz", "norris"), 2 * HOUR)
    assert (event.is_disputed, event.confirmed_at) == (False, FLAG + 2 * HOUR)


def test_a_witness_beside_the_published_in_one_run_is_no_second_classification() -> None:
    records = [said(Source.JOLPICA, ONE, HOUR), said(Source.OPENF1, ONE, HOUR)]
    report = save_classifications(records, context(FLAG + HOUR))
    assert report.problems == []
    event = Event.objects.get(session_type="race")
    assert (event.results_source, event.confirmed_at) == ("jolpica", FLAG + HOUR)


def test_both_in_one_run_confirm_what_was_provisional_once() -> None:
    save(Source.OPENF1, ONE, HOUR)
    records = [said(Source.JOLPICA, ONE, 2 * HOUR), said(Source.OPENF1, ONE, 2 * HOUR)]
    assert save_classifications(records, context(FLAG + 2 * HOUR)).problems == []
    assert kinds() == ["published", "details", "confirmed"]


def test_a_witness_says_nothing_of_what_the_database_refused() -> None:
    save(Source.OPENF1, ONE, HOUR)
    rows = all_rows()
    spoilt = said(Source.JOLPICA, OTHER, 2 * HOUR)
    last = replace(spoilt.results[-1], points=Decimal(-1))
    spoilt = replace(spoilt, results=(*spoilt.results[:-1], last))
    records = [spoilt, said(Source.OPENF1, OTHER, 2 * HOUR)]
    report = save_classifications(records, context(FLAG + 2 * HOUR))
    assert ["the database refused it" in problem.message for problem in report.problems] == [True]
    assert (all_rows(), report.results) == (rows, {})


def test_an_opinion_is_saved_although_the_database_refuses_another_event() -> None:
    save(Source.JOLPICA, ONE, HOUR)
    qualifying = classification(SessionType.QUALIFYING, ONE, source=Source.JOLPICA)
    first = replace(qualifying.results[0], points=Decimal(-1))
    records = [
        said(Source.OPENF1, OTHER, DAY),
        replace(qualifying, results=(first, *qualifying.results[1:])),
    ]
    report = save_classifications(records, context(FLAG + DAY))
    assert [problem.session_type for problem in report.problems] == ["qualifying"]
    event = Event.objects.select_related("second_opinion").get(session_type="race")
    assert event.is_disputed
    assert kinds() == ["published", "disputed"]


def test_a_witness_in_the_run_of_an_amendment_does_not_touch_what_is_saved() -> None:
    save(Source.JOLPICA, ONE, HOUR)
    records = [said(Source.JOLPICA, OTHER, DAY), said(Source.OPENF1, ONE, DAY + HOUR)]
    report = save_classifications(records, context(FLAG + DAY))
    assert report.problems == []
    event = Event.objects.select_related("second_opinion").get(session_type="race")
    assert [row.driver_id for row in event.podium] == list(OTHER)
    assert event.is_disputed


def test_what_the_second_source_cannot_say_plausibly_is_a_note() -> None:
    save(Source.JOLPICA, ONE, HOUR)
    half = replace(said(Source.OPENF1, ONE, 60 * DAY), results=tuple(entries(ONE)[:9]))
    report = save_classifications([half], context(FLAG + 60 * DAY))
    assert report.problems == []
    assert "9 entries" in report.notes[0].message
    assert not SecondOpinion.objects.exists()


def test_a_persons_correction_is_neither_confirmed_nor_disputed(admin_client: Client) -> None:
    save(Source.JOLPICA, ONE, HOUR)
    save(Source.OPENF1, OTHER, 2 * HOUR)
    Event.objects.filter(session_type="race").update(results_locked=True)
    assert find_alarms(FLAG + 3 * HOUR) == []
    event = save(Source.OPENF1, OTHER, 3 * HOUR)
    assert (event.is_disputed, event.confirmed_at) == (False, None)


def test_a_dispute_goes_on_through_an_amendment_of_what_is_not_disputed() -> None:
    """One alarm and one all-clear, although Jolpica moves a seventh in between."""
    save(Source.JOLPICA, (*OTHER, "norris", "sainz"), HOUR)
    since = save(Source.OPENF1, ONE, 2 * HOUR).second_opinion.disputed_since
    for hours in (3, 4):
        event = save(Source.JOLPICA, (*OTHER, "sainz", "norris"), hours * HOUR)
        assert event.results_revision == 2
        assert (event.is_disputed, event.second_opinion.disputed_since) == (True, since)
        assert len(find_alarms(FLAG + hours * HOUR)) == 1
    save(Source.OPENF1, ONE, 5 * HOUR)
    assert kinds().count("disputed") == 1
    # What is disputed itself is amended: the older opinion is about something else.
    assert not save(Source.JOLPICA, ONE[::-1], 6 * HOUR).is_disputed


def test_a_persons_detail_leaves_confirmed_what_was() -> None:
    """A game has paid then: neither the time nor another entry comes of a lap that a person adds,
    and of the next answers."""
    save(Source.OPENF1, ONE, HOUR)
    event = save(Source.JOLPICA, ONE, 2 * HOUR)
    confirmed_at, before = event.confirmed_at, kinds().count("confirmed")
    corrected = [replace(entry, laps=44) for entry in entries(ONE)]
    correct_classification(event, corrected, steward(3 * HOUR), revision=1)
    assert save(Source.OPENF1, ONE, 4 * HOUR).confirmed_at == confirmed_at
    release_results(event, steward(5 * HOUR), revision=1)
    assert save(Source.OPENF1, ONE, 6 * HOUR).confirmed_at == confirmed_at
    assert save(Source.JOLPICA, ONE, 7 * HOUR).confirmed_at == confirmed_at
    assert kinds().count("confirmed") == before == 1
    # The second source takes it back.
    assert save(Source.OPENF1, OTHER, 8 * HOUR).confirmed_at is None


def test_the_pages_show_both_side_by_side_and_the_season_marks_it(admin_client: Client) -> None:
    save(Source.JOLPICA, ONE, HOUR)
    event = save(Source.OPENF1, OTHER, 2 * HOUR)
    page = admin_client.get(page_of(event)).content.decode()
    assert "Two sources disagree about what is picked" in page
    assert "Jolpica has Leclerc third, formula1.com Gasly" in page
    season = admin_client.get(season_page(2024)).content.decode()
    assert "A second source has another podium, pole or disqualification." in season
    assert "Two sources disagree about 2024 Belgian Grand Prix Race: Jolpica has Leclerc" in season
    save(Source.OPENF1, ONE, 3 * HOUR)
    page = admin_client.get(page_of(event)).content.decode()
    assert "Two sources disagree" not in page
    assert "confirmed by OpenF1 at 2024-07-28 18:00 UTC" in words_of(page)
    assert not Alarm.objects.exists()


def test_a_dispute_ends_with_the_proposal_that_a_person_accepts() -> None:
    save(Source.JOLPICA, ONE, HOUR)
    save(Source.JOLPICA, ONE, 30 * HOUR)
    save(Source.OPENF1, OTHER, 31 * HOUR)
    record = said(Source.JOLPICA, OTHER, 40 * HOUR)
    save_classifications([record], context(FLAG + 40 * HOUR))
    event = Event.objects.get(session_type="race")
    accept_proposal(event, steward(41 * HOUR), revision=1)
    assert find_alarms(FLAG + 41 * HOUR) == []
    event = save(Source.JOLPICA, OTHER, 42 * HOUR)
    assert (event.is_disputed, event.confirmed_at) == (False, FLAG + 42 * HOUR)


def test_what_a_person_rejected_is_no_alarm_when_the_second_source_has_it_too() -> None:
    save(Source.JOLPICA, ONE, HOUR)
    save(Source.JOLPICA, ONE, 30 * HOUR)
    record = said(Source.JOLPICA, OTHER, 40 * HOUR)
    save_classifications([record], context(FLAG + 40 * HOUR))
    save(Source.OPENF1, OTHER, 41 * HOUR)
    event = Event.objects.get(session_type="race")
    reject_proposal(event, steward(42 * HOUR), revision=1)
    assert find_alarms(FLAG + 42 * HOUR) == []
    # The page marks it as before; another podium is news.
    assert save(Source.OPENF1, OTHER, 43 * HOUR).is_disputed
    assert find_alarms(FLAG + 43 * HOUR) == []
    save(Source.OPENF1, ONE[::-1], 44 * HOUR)
    assert len(find_alarms(FLAG + 44 * HOUR)) == 1


def test_a_correction_that_is_released_is_not_disputed_by_what_was_said_before_it() -> None:
    save(Source.JOLPICA, ONE, HOUR)
    event = save(Source.OPENF1, OTHER, 2 * HOUR)
    correct_classification(event, entries(OTHER), steward(3 * HOUR), revision=1)
    event = Event.objects.get(session_type="race")
    release_results(event, steward(4 * HOUR), revision=2)
    assert find_alarms(FLAG + 4 * HOUR) == []
    # The upstream's counts again, and the other is requested again.
    assert not save(Source.JOLPICA, ONE, 5 * HOUR).is_disputed
    assert save(Source.OPENF1, OTHER, 6 * HOUR).is_disputed


def test_a_dispute_about_two_drivers_ends_when_a_person_finds_that_they_are_one(
    admin_client: Client,
) -> None:
    save(Source.JOLPICA, ONE, HOUR)
    strange: dict[str, Any] = {"driver_id": "c_leclerc", "driver_name": "Ch. Lec"}
    results = [
        replace(one, **strange) if one.driver_id == "leclerc" else one for one in entries(ONE)
    ]
    event = save(Source.OPENF1, ONE, 2 * HOUR, results=tuple(results))
    assert event.is_disputed
    assert len(find_alarms(FLAG + 2 * HOUR)) == 1
    dispute = "Two sources disagree"
    mark = "≠ disputed"
    page = read(admin_client, page_of(event))
    assert dispute in page
    assert mark in page
    gone, kept = (Driver.objects.get(key=key) for key in ("c_leclerc", "leclerc"))
    change = merge_drivers(gone, kept, steward(3 * HOUR))
    rows = all_rows()
    assert find_alarms(FLAG + 3 * HOUR) == []
    page = read(admin_client, page_of(event))
    assert dispute not in page
    assert mark not in page
    assert "leclerc" not in explain().partition("second source")[2].partition("\n")[0].lower()
    assert all_rows() == rows
    undo_change(change, steward(4 * HOUR))
    assert len(find_alarms(FLAG + 4 * HOUR)) == 1
    # The next answer of either ends it where it is saved as well.
    merge_drivers(gone, kept, steward(5 * HOUR))
    assert not save(Source.JOLPICA, ONE, 6 * HOUR).is_disputed


def explain() -> str:
    out = StringIO()
    call_command("f1_explain", "2024", "belgium", "race", stdout=out)
    return out.getvalue()


def test_a_voided_session_is_not_marked_as_disputed(admin_client: Client) -> None:
    save(Source.JOLPICA, ONE, HOUR)
    event = save(Source.OPENF1, OTHER, 2 * HOUR)
    void_event(event, steward(3 * HOUR))
    season = admin_client.get(season_page(2024)).content.decode()
    assert "A second source has another podium" not in season


def test_a_witness_of_the_same_run_is_newer_although_its_clock_is_behind() -> None:
    records = [
        said(Source.JOLPICA, ONE, HOUR),
        said(Source.OPENF1, OTHER, HOUR - timedelta(seconds=10)),
    ]
    save_classifications(records, context(FLAG + HOUR))
    assert Event.objects.get(session_type="race").is_disputed


def test_what_a_clock_that_was_ahead_wrote_disputes_nothing_that_is_later() -> None:
    save(Source.OPENF1, ONE, 100 * DAY)
    save(Source.JOLPICA, ONE, 100 * DAY)
    save(Source.OPENF1, OTHER, 101 * DAY)
    put_back_times(FLAG + DAY)
    opinion = SecondOpinion.objects.get()
    assert (opinion.generated_at, opinion.disputed_since) == (FLAG + DAY, FLAG + DAY)
    save(Source.OPENF1, ONE, 102 * DAY)
    put_back_times(FLAG + 2 * DAY)
    assert Event.objects.get(session_type="race").confirmed_at == FLAG + 2 * DAY


def listed(starts_at: datetime, made_at: datetime, name: str = "Belgian Grand Prix") -> Any:
    race = race_identity(name=name, race_date=starts_at.date())
    return ListedSession(race, SessionType.RACE, starts_at, False, Source.OPENF1, made_at)


def test_another_start_is_forgotten_when_it_is_not_listed_on_that_day_any_more() -> None:
    start = Event.objects.get(session_type="race").starts_at
    assert start is not None
    now = start - 3 * DAY
    save_listed([listed(start - HOUR, now)], context(now))
    assert SecondOpinion.objects.get().starts_at == start - HOUR
    # Moved by a week, or taken out: what is left is of other races.
    other = listed(start + 21 * DAY, now + DAY, "Dutch Grand Prix")
    save_listed([other], context(now + DAY))
    assert SecondOpinion.objects.get().starts_at is None
    rows = all_rows()
    save_listed([other], context(now + DAY))
    assert all_rows() == rows


# What a disputing source says is no revision of the event


def test_a_disputed_revision_is_restored_as_it_was_published() -> None:
    save(Source.JOLPICA, OTHER, HOUR)
    save(Source.JOLPICA, OTHER[::-1], 2 * HOUR)
    save(Source.OPENF1, ONE, 3 * HOUR)
    event = save(Source.JOLPICA, OTHER, 4 * HOUR)
    assert kinds()[:3] == ["published", "amended", "disputed"]
    changes = list(Change.objects.filter(event=event).order_by("pk"))
    assert [change.kind for change in list_restorable(event, changes)] == ["published", "amended"]

    restore_revision(event, 2, steward(5 * HOUR), revision=event.results_revision)

    event = Event.objects.get(pk=event.pk)
    assert tuple(row.driver_id for row in event.podium) == OTHER[::-1]


def test_what_is_filled_in_of_a_disputed_revision_is_saved_without_an_entry() -> None:
    save(Source.JOLPICA, ONE, HOUR)
    save(Source.OPENF1, OTHER, 2 * HOUR)
    # Both were published before the column existed.
    for change in Change.objects.filter(after__has_key="classification"):
        for entry in change.after["classification"]:
            del entry["laps"]
        change.save()
    before = kinds()

    filled_in = [replace(entry, laps=44) for entry in entries(ONE)]
    event = save(Source.JOLPICA, ONE, 3 * HOUR, results=tuple(filled_in))

    assert {row.laps for row in event.classification} == {44}
    assert kinds() == before


def test_a_dispute_is_not_shown_as_what_the_upstream_said(admin_client: Client) -> None:
    save(Source.JOLPICA, ONE, HOUR)
    save(Source.OPENF1, OTHER, 2 * HOUR)
    event = Event.objects.get(session_type="race")
    keep = [(row.driver_id, row.driver_number) for row in event.classification]
    reorder(event, keep, steward(3 * HOUR), revision=1)

    page = words_of(admin_client.get(f"/admin/ingestion/event/{event.pk}/change/").content.decode())

    assert "The upstream says otherwise than a person" not in page
