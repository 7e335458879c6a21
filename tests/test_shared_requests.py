"""One request for several classifications: the rest of a season, from some row on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ingestion.models import Event, IngestRun, Poll
from ingestion.queue import tasks
from ingestion.sample.season import Season, load_season, with_finishes
from tests.amending import disqualified
from tests.command_line import asked
from tests.ticking import World, at, world  # noqa: F401
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
# A Friday after two grands prix of the fortnight before.
FRIDAY = "07-05"
FACTS = load_season(2024)


def until(number: int) -> Season:
    return replace(FACTS, grands_prix=FACTS.grands_prix[:number])


@pytest.fixture
def in_july(world: World, upstream: FaultyUpstream) -> World:  # noqa: F811
    """The hour before the daily looks at Spain and Austria, whose results are in as all before;
    Britain is to come."""
    season = until(12)
    held = {one.id for one in season.grands_prix[:11]}
    upstream.seasons[2024] = replace(
        season,
        races={key: value for key, value in season.races.items() if key in held},
        qualifyings={key: value for key, value in season.qualifyings.items() if key in held},
    )
    world.now = at(f"{FRIDAY} 03:30")
    tasks.refresh_schedule(clock=world.read_clock)
    world.tick()
    polls = Poll.objects.exclude(event=None)
    polls.update(expires_at=None, next_at=at(f"{FRIDAY} 04:00") + 96 * HOUR)
    recent = polls.filter(event__grand_prix__in=["spanish-grand-prix", "austrian-grand-prix"])
    recent.update(next_at=at(f"{FRIDAY} 04:00"))
    asked(upstream)
    return world


def test_two_races_that_are_watched_are_requested_alone(in_july: World) -> None:
    """The whole season would be three pages."""
    questions = in_july.tick_until(f"{FRIDAY} 04:10")
    flat = [question for found in questions.values() for question in found]
    assert {"2024/10/results", "2024/11/results", "2024/10/qualifying"} <= set(flat)
    run = IngestRun.objects.latest("pk")
    assert (run.outcome, run.problems) == ("ok", [])
    of_spain = Poll.objects.get(event__grand_prix="spanish-grand-prix", event__session_type="race")
    assert of_spain.next_at is not None
    assert of_spain.next_at > at(f"{FRIDAY} 23:00")


def test_five_races_that_are_watched_share_the_pages_of_the_season(in_july: World) -> None:
    slugs = ["bahrain", "saudi-arabian", "australian", "spanish", "austrian"]
    polls = Poll.objects.filter(event__grand_prix__in=[f"{slug}-grand-prix" for slug in slugs])
    polls.update(next_at=at(f"{FRIDAY} 04:00"))
    questions = in_july.tick_until(f"{FRIDAY} 04:10")
    flat = [question for found in questions.values() for question in found]
    pages = ["2024/results", "2024/results from 100", "2024/results from 200"]
    assert [one for one in flat if "results" in one and "alpha" not in one] == pages


def test_amendment_is_seen(in_july: World, upstream: FaultyUpstream) -> None:
    season = upstream.seasons[2024]
    amended = disqualified(season.races["spain"], "norris")
    upstream.seasons[2024] = with_finishes(season, "races", "spain", amended)
    in_july.tick_until(f"{FRIDAY} 04:10")
    race = Event.objects.get(grand_prix="spanish-grand-prix", session_type="race")
    assert race.results_revision == 2
    assert [result.driver_id for result in race.podium] == ["max_verstappen", "hamilton", "russell"]


def test_awaited_result_is_asked_for_where_others_ask_too(in_july: World) -> None:
    """Of a page of our own nobody else would have let the upstream make an answer."""
    in_july.jump_to("07-06 15:25")
    asked(in_july.upstream)
    questions = in_july.tick_until("07-06 15:35")
    assert [one for found in questions.values() for one in found] == ["2024/12/qualifying"]


# The second calendar


def test_second_calendar_is_read_once_a_day(world: World) -> None:  # noqa: F811
    read = []
    for day in (1, 2, 3):
        for hour in ("06:00", "18:00"):
            world.now = at(f"03-0{day} {hour}")
            tasks.refresh_schedule(clock=world.read_clock)
            read.append(asked(world.upstream).count("2024/races"))
    assert read == [1, 0, 1, 0, 1, 0]


def test_second_calendar_is_read_where_the_file_has_news_or_cannot_be_read(
    world: World,  # noqa: F811
    upstream: FaultyUpstream,
) -> None:
    world.now = at("03-01 06:00")
    tasks.refresh_schedule(clock=world.read_clock)
    asked(upstream)
    season = upstream.seasons[2024]
    *others, belgium = season.grands_prix
    upstream.seasons[2024] = replace(season, grands_prix=tuple(others))
    world.now = at("03-01 18:00")
    tasks.refresh_schedule(clock=world.read_clock)
    assert "2024/races" in asked(upstream)
    assert set(Event.objects.filter(name=belgium.name).values_list("status", flat=True)) == {
        "cancelled"
    }
    upstream.fault("*schedule*", status=503, times=1)
    world.now = at("03-01 20:00")
    tasks.refresh_schedule(clock=world.read_clock)
    assert "2024/races" in asked(upstream)


def test_season_that_is_not_published_yet_is_looked_for_in_the_file_alone(
    world: World,  # noqa: F811
) -> None:
    world.now = at("12-20 06:00")
    tasks.refresh_schedule(clock=world.read_clock)
    questions = asked(world.upstream)
    assert "schedule_2025.json" in questions
    assert "2025/races" not in questions
