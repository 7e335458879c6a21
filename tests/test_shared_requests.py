"""One request for several classifications: the rest of a season, from some row on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

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


def rows_before(number: int, table: str = "races") -> int:
    return sum(len(getattr(FACTS, table)[one.id]) for one in FACTS.grands_prix[: number - 1])


def test_two_races_that_are_watched_share_a_page_that_begins_before_the_first(
    in_july: World,
) -> None:
    """With the last row of the race before, which tells that the page begins where it should."""
    questions = in_july.tick_until(f"{FRIDAY} 04:10")
    flat = [question for found in questions.values() for question in found]
    assert f"2024/results from {rows_before(10) - 1}" in flat
    assert f"2024/qualifying from {rows_before(10, 'qualifyings') - 1}" in flat
    assert not [one for one in flat if one.startswith(("2024/10/", "2024/11/results"))]
    run = IngestRun.objects.latest("pk")
    assert (run.outcome, run.problems) == ("ok", [])
    of_spain = Poll.objects.get(event__grand_prix="spanish-grand-prix", event__session_type="race")
    assert of_spain.next_at is not None
    assert of_spain.next_at > at(f"{FRIDAY} 23:00")


def test_amendment_is_seen_in_a_shared_page(in_july: World, upstream: FaultyUpstream) -> None:
    season = upstream.seasons[2024]
    amended = disqualified(season.races["spain"], "norris")
    upstream.seasons[2024] = with_finishes(season, "races", "spain", amended)
    in_july.tick_until(f"{FRIDAY} 04:10")
    race = Event.objects.get(grand_prix="spanish-grand-prix", session_type="race")
    assert race.results_revision == 2
    assert [result.driver_id for result in race.podium] == ["max_verstappen", "hamilton", "russell"]


def test_rows_that_moved_are_noticed_and_each_is_asked_for_alone(
    in_july: World, upstream: FaultyUpstream
) -> None:
    """Somebody was taken out of an earlier race: the page begins within Spain's."""
    season = upstream.seasons[2024]
    shorter = season.races["bahrain"][:-1]
    upstream.seasons[2024] = with_finishes(season, "races", "bahrain", shorter)
    before = classifications()
    questions = in_july.tick_until(f"{FRIDAY} 04:10")
    flat = [question for found in questions.values() for question in found]
    assert {"2024/10/results", "2024/11/results"} <= set(flat)
    assert classifications() == before
    assert IngestRun.objects.latest("pk").outcome == "ok"


def test_page_is_not_trusted_to_begin_after_what_a_person_has_changed(
    in_july: World, upstream: FaultyUpstream
) -> None:
    Event.objects.filter(grand_prix="bahrain-grand-prix", session_type="race").update(
        results_locked=True
    )
    questions = in_july.tick_until(f"{FRIDAY} 04:10")
    flat = [question for found in questions.values() for question in found]
    assert {"2024/10/results", "2024/11/results"} <= set(flat)
    assert not [one for one in flat if one.startswith("2024/results")]


def test_awaited_result_is_asked_for_where_others_ask_too(in_july: World) -> None:
    """Of a page of our own nobody else would have let the upstream make an answer."""
    in_july.jump_to("07-06 15:25")
    asked(in_july.upstream)
    questions = in_july.tick_until("07-06 15:35")
    assert [one for found in questions.values() for one in found] == ["2024/12/qualifying"]


def classifications() -> list[Any]:
    events = Event.objects.order_by("pk").prefetch_related("results")
    return [[(row.driver_id, row.classification) for row in one.classification] for one in events]


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
