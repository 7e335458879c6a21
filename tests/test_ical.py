"""A season for calendar apps: as they read it, by real requests, and through all that happens to a
session."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest
import requests
from django.urls import path
from pytest_django import DjangoAssertNumQueries

from ingestion.corrections import Author, close_picks, correct_status, void_event
from ingestion.ical import read_sessions, season_calendar, write_calendar
from ingestion.models import Event
from ingestion.testing.feed import SeasonFeed
from tests.persons import User
from tests.project import Project

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
urlpatterns = [
    path("calendar.ics", season_calendar),
    path("calendar/<int:season>.ics", season_calendar),
]

START = datetime(2024, 7, 28, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
RACE = "2024-belgian-grand-prix-race@f1picks-ingestion"
LOCK = "2024-belgian-grand-prix-race-lock@f1picks-ingestion"
feed = SeasonFeed(is_held=False)


def subscribe(season: int = 2024) -> dict[str, Any]:
    """The entries by UID, as a parser reads them."""
    calendar = icalendar.Calendar.from_ical(write_calendar(season, read_sessions(season)))
    entries = calendar.walk("VEVENT")
    found = {str(entry["uid"]): entry for entry in entries}
    assert len(found) == len(entries)
    assert not [error for entry in entries for error in entry.errors]
    return found


def facts(entry: Any) -> tuple[Any, ...]:
    return entry["status"], entry["sequence"], entry["dtstart"].dt


def test_a_session_is_an_entry_with_start_end_place_and_lock() -> None:
    feed.schedule()
    entries = subscribe()
    assert sorted(entries) == ["2024-belgian-grand-prix-qualifying@f1picks-ingestion", RACE]
    race = entries[RACE]
    assert facts(race) == ("CONFIRMED", 1, START)
    assert race["dtend"].dt == START + 3 * HOUR
    assert race["summary"] == "Belgian Grand Prix: Race"
    assert race["location"] == "Spa-Francorchamps, Belgium"
    assert race["description"] == "Picks close at the start."


def test_a_session_that_moves_is_the_same_entry_with_a_higher_sequence() -> None:
    event = feed.schedule().event
    before = subscribe()[RACE]
    change = feed.reschedule(event)
    after = subscribe()[RACE]
    assert facts(after) == ("CONFIRMED", 2, START - 3 * HOUR)
    assert after["last-modified"].dt == after["dtstamp"].dt == change.created_at
    assert after["last-modified"].dt > before["last-modified"].dt


def test_what_is_called_off_stays_as_cancelled_and_comes_back(
    django_user_model: type[User],
) -> None:
    event = feed.cancel().event
    assert facts(subscribe()[RACE])[:2] == ("CANCELLED", 2)
    dutch = feed.schedule(grand_prix="Dutch Grand Prix").event
    author = Author(User.objects.create_user("ana"), "rain", START - HOUR)
    uid = RACE.replace("belgian", "dutch")
    void_event(dutch, author)
    assert facts(subscribe()[uid])[:2] == ("CANCELLED", 2)
    correct_status(dutch, "scheduled", author)
    assert facts(subscribe()[uid])[:2] == ("CONFIRMED", 3)
    assert facts(subscribe()[RACE])[0] == "CANCELLED"
    assert event.round_number is None


def test_a_lock_that_is_not_the_start_is_an_entry_of_its_own() -> None:
    event = feed.schedule().event
    close_picks(event, Author(User.objects.create_user("ana"), "it rains", START - HOUR))
    entries = subscribe()
    assert facts(entries[LOCK]) == ("CONFIRMED", 2, START - HOUR)
    assert "dtend" not in entries[LOCK]
    assert entries[LOCK]["summary"] == "Belgian Grand Prix: picks on the Race close"
    assert entries[RACE]["description"] == "Picks close on 28 Jul 12:00 UTC."


def test_a_start_of_which_the_day_alone_is_known_is_that_day() -> None:
    event = feed.schedule().event
    midnight = START.replace(hour=0)
    Event.objects.filter(pk=event.pk).update(starts_at=midnight, start_is_estimated=True)
    assert facts(subscribe()[RACE]) == ("TENTATIVE", 1, date(2024, 7, 28))
    Event.objects.filter(pk=event.pk).update(starts_at=None)
    assert RACE not in subscribe()


def test_results_change_nothing() -> None:
    event = feed.schedule().event
    before = write_calendar(2024, read_sessions(2024))
    feed.publish(event)
    feed.amend(event)
    feed.settle(event)
    feed.correct(event)
    assert write_calendar(2024, read_sessions(2024)) == before


def test_the_cost_does_not_grow_with_the_season(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    feed.schedule()
    with django_assert_num_queries(2):
        read_sessions(2024)
    for name in ("Dutch", "Italian", "Azerbaijan"):
        feed.reschedule(grand_prix=f"{name} Grand Prix")
    with django_assert_num_queries(2):
        assert len(read_sessions(2024)) == 8


def test_it_is_served_once_and_then_when_it_has_changed(live_server: Any) -> None:
    event = feed.schedule().event
    address = f"{live_server.url}/calendar/2024.ics"
    first = requests.get(address, timeout=5)
    assert (first.status_code, first.headers["Content-Type"]) == (
        200,
        "text/calendar; charset=utf-8",
    )
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in first.headers
    assert icalendar.Calendar.from_ical(first.content)["x-wr-calname"] == "Formula 1 2024"
    assert requests.get(address, timeout=5).content == first.content
    assert requests.get(f"{live_server.url}/calendar.ics", timeout=5).content == first.content

    by_tag = {"If-None-Match": first.headers["ETag"]}
    by_time = {"If-Modified-Since": first.headers["Last-Modified"]}
    for known in (by_tag, by_time):
        same = requests.get(address, headers=known, timeout=5)
        assert (same.status_code, same.content) == (304, b"")
    feed.reschedule(event)
    for known in (by_tag, by_time):
        moved = requests.get(address, headers=known, timeout=5)
        assert moved.status_code == 200
        assert b"SEQUENCE:2" in moved.content


@pytest.mark.parametrize("season", ["1949", "2025", "9" * 30])
def test_a_season_that_is_not_there_is_not_found(live_server: Any, season: str) -> None:
    feed.schedule()
    address = f"{live_server.url}/calendar/{season}.ics"
    assert requests.get(address, timeout=5).status_code == 404
    assert requests.post(address, timeout=5).status_code in {403, 405}


def test_it_has_nobodys_name_and_no_reason(live_server: Any) -> None:
    event = feed.schedule().event
    person = User.objects.create_user("ana-MARK")
    close_picks(event, Author(person, "reason-MARK", START - HOUR))
    void_event(event, Author(person, "reason-MARK", START - HOUR))
    content = requests.get(f"{live_server.url}/calendar/2024.ics", timeout=5).text
    assert "MARK" not in content


@pytest.mark.project
def test_this_project_has_it_for_everybody(project: Project) -> None:
    code = "from django.urls import reverse; print(reverse('season-calendar', args=[2024]))"
    assert project.manage("shell", "-v0", "-c", code).stdout == "/calendar/2024.ics\n"
