"""Ticks over a weekend: what they ask and when, on the test's clock."""

import json
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from ingestion.corrections import Author, correct_start, release_schedule, void_event
from ingestion.models import Change, Event, IngestRun, Poll
from ingestion.pipeline import configured_rules, configured_sources, find_due, poll_due
from ingestion.queue import tasks
from ingestion.sample.season import load_season, with_finishes, with_start
from tests.amending import disqualified
from tests.command_line import asked, small_upstream  # noqa: F401
from tests.project import Project
from tests.ticking import World, at, world  # noqa: F401
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SATURDAY, SUNDAY = "07-27", "07-28"
CALENDARS = ["schedule_2024.json", "2024/races"]
QUALIFYING, RACE = ["2024/2/qualifying"], ["2024/2/results"]


def race_poll() -> Poll:
    poll = belgium("race").poll
    assert poll is not None
    return poll


def belgium(session_type: str) -> Event:
    return Event.objects.get(grand_prix="belgian-grand-prix", session_type=session_type)


def only(questions: dict[str, list[str]], wanted: Iterable[str]) -> list[str]:
    return [when for when, found in questions.items() if set(wanted) <= set(found)]


@pytest.fixture
def before_belgium(world: World) -> World:  # noqa: F811
    """The Friday before, its events known, China's results in."""
    world.publish("races", "qualifyings", "sprints", "sprint_qualifyings")
    season = world.upstream.seasons[2024]
    world.upstream.seasons[2024] = replace(
        season, races={"china": season.races["china"]}, qualifyings={}
    )
    world.refresh_schedule()
    world.now = at("07-26 12:00")
    world.tick()
    asked(world.upstream)
    return world


def test_tick_with_nothing_due_is_one_update_and_one_select_and_asks_nobody(
    before_belgium: World,
) -> None:
    runs, polls = IngestRun.objects.count(), list(Poll.objects.values())
    with CaptureQueriesContext(connection) as captured:
        assert before_belgium.tick() == ""
    statements = [query["sql"] for query in captured.captured_queries]
    kinds = [sql.split()[0] for sql in statements if not sql.startswith(("BEGIN", "COMMIT"))]
    assert kinds == ["UPDATE", "SELECT"]
    assert asked(before_belgium.upstream) == []
    assert (IngestRun.objects.count(), list(Poll.objects.values())) == (runs, polls)


IDLE_TICK = """
import json, sys
from ingestion.models import Event
from ingestion.queue.tasks import tick
Event.objects.create(season=2090, grand_prix="x", session_type="race", name="X",
                     starts_at="2090-01-01T00:00Z", ends_at="2090-01-01T03:00Z")
tick()
heavy = {"fastf1", "pandas", "numpy", "requests"}
print(json.dumps(sorted(heavy & sys.modules.keys())))
"""


@pytest.mark.once
def test_tick_with_nothing_due_imports_neither_fastf1_nor_pandas(project: Project) -> None:
    ran = project.manage("shell", "-v0", "-c", IDLE_TICK, is_forked=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == []


@pytest.mark.once
def test_weekend_is_asked_about_when_there_can_be_news_and_not_before(
    before_belgium: World,
) -> None:
    """Results come an hour and a half after the expected end, which is 15:30 on Saturday."""
    before_belgium.jump_to(f"{SATURDAY} 09:00")
    waiting = before_belgium.tick_until(f"{SATURDAY} 17:00")
    # At nine the calendars were read.
    times = "10:20", "11:40", "13:00"
    assert only(waiting, CALENDARS) == [f"{SATURDAY} {time}" for time in times]
    # An empty answer is good for an hour.
    assert only(waiting, QUALIFYING) == [f"{SATURDAY} 15:30", f"{SATURDAY} 16:35"]
    before_belgium.publish("qualifyings")
    watching = before_belgium.tick_until(f"{SUNDAY} 03:00")
    first, *later = only(watching, QUALIFYING)
    assert first == f"{SATURDAY} 17:40"
    # Every other hour; what is published in between is seen within the hour of being let out.
    assert len(later) == 4
    assert belgium("qualifying").pole is not None
    # Of the calendars the file alone: the race is most of a day ahead.
    files = only(watching, ["schedule_2024.json"])
    assert files == [f"{SATURDAY} 18:00", f"{SATURDAY} 23:00"]
    assert only(watching, CALENDARS) == []
    assert watching.keys() == {first, *later, *files}


def test_statuses_follow_the_clock_and_the_result(before_belgium: World) -> None:
    seen = []
    for time in ("13:00", "14:05", "15:25", "15:35"):
        before_belgium.jump_to(f"{SATURDAY} {time}")
        seen.append(belgium("qualifying").status)
    assert seen == ["scheduled", "live", "live", "completed"]
    assert not belgium("qualifying").has_results


def test_result_that_comes_before_the_expected_end_completes_the_event(
    before_belgium: World,
) -> None:
    """The race is over by 16:00 at the latest; most are sooner, and so is Jolpica at times."""
    before_belgium.publish("races")
    before_belgium.now = at(f"{SUNDAY} 14:55")
    before_belgium.tick()
    assert belgium("race").status == "live"
    before_belgium.now = at(f"{SUNDAY} 15:00")
    before_belgium.tick()
    assert belgium("race").status == "completed"
    assert belgium("race").winner is not None


def test_statuses_are_right_after_ticks_were_missed_for_hours(before_belgium: World) -> None:
    before_belgium.now = at(f"{SUNDAY} 20:00")
    before_belgium.tick()
    assert {belgium(kind).status for kind in ("qualifying", "race")} == {"completed"}


def test_run_is_recorded_where_something_was_asked_and_its_feed_is_of_a_poll(
    before_belgium: World,
) -> None:
    before_belgium.publish("qualifyings")
    before_belgium.jump_to(f"{SATURDAY} 15:25")
    before_belgium.now = at(f"{SATURDAY} 15:30")
    before_belgium.tick()
    run = IngestRun.objects.latest("pk")
    assert (run.trigger, run.outcome, run.requests, run.fault) == ("poll", "ok", 1, "")
    assert run.arguments["sessions"] == {"qualifying": ["belgian-grand-prix"]}
    change = Change.objects.latest("pk")
    assert (change.run, change.kind, change.cause) == (run, "published", "poll")


@pytest.mark.once
def test_ingest_now_of_a_race_of_years_ago_is_no_news(before_belgium: World) -> None:
    before_belgium.publish("races")
    before_belgium.now = at(f"{SUNDAY} 20:00") + timedelta(days=2 * 365)

    tasks.ingest_event(belgium("race").pk, clock=before_belgium.read_clock)

    change = Change.objects.get(event=belgium("race"), kind="published")
    assert change.cause == "backfill"


@pytest.mark.once
def test_amendment_is_seen_within_an_hour_of_leaving_the_upstreams_cache(
    before_belgium: World,
) -> None:
    before_belgium.publish("races")
    before_belgium.jump_to(f"{SUNDAY} 14:55")
    before_belgium.tick_until(f"{SUNDAY} 17:30")
    season = before_belgium.upstream.seasons[2024]
    amended = disqualified(season.races["belgium"], "hamilton")
    before_belgium.upstream.seasons[2024] = with_finishes(season, "races", "belgium", amended)
    before_belgium.tick_until(f"{SUNDAY} 18:35")
    assert [result.driver_id for result in belgium("race").podium][:2] == ["piastri", "leclerc"]
    assert belgium("race").results_revision == 2


@pytest.mark.once
def test_outage_is_asked_through_patiently_and_the_result_is_in_soon_after_it(
    before_belgium: World,
) -> None:
    before_belgium.jump_to(f"{SUNDAY} 14:55")
    before_belgium.publish("races")
    before_belgium.upstream.fault("*", status=503)
    down = before_belgium.tick_until(f"{SUNDAY} 17:00")
    times = only(down, RACE)
    assert times[:3] == [f"{SUNDAY} {time}" for time in ("15:00", "15:05", "15:15")]
    assert 10 <= len(times) <= 14
    poll = race_poll()
    assert poll.failures == len(times)
    assert "503" in poll.last_error
    assert IngestRun.objects.latest("pk").fault == "upstream"
    before_belgium.upstream.clear_faults()
    before_belgium.tick_until(f"{SUNDAY} 17:15")
    assert belgium("race").winner is not None
    assert (race_poll().failures, race_poll().last_error) == (0, "")


def test_server_that_says_when_to_come_back_is_left_alone_until_then(
    before_belgium: World,
) -> None:
    before_belgium.jump_to(f"{SUNDAY} 14:55")
    before_belgium.upstream.fault("*", status=429, retry_after=3600, times=1)
    questions = before_belgium.tick_until(f"{SUNDAY} 16:30")
    assert only(questions, RACE) == [f"{SUNDAY} 15:00", f"{SUNDAY} 16:00"]


def test_session_that_was_postponed_after_it_was_asked_about_is_asked_about_after_its_new_end(
    before_belgium: World,
) -> None:
    before_belgium.jump_to(f"{SATURDAY} 15:30")
    before_belgium.now = at(f"{SATURDAY} 16:00")
    season = before_belgium.upstream.seasons[2024]
    moved = with_start(season, "belgium", "Qualifying", at(f"{SUNDAY} 08:00"))
    before_belgium.upstream.seasons[2024] = moved
    before_belgium.refresh_schedule()
    assert belgium("qualifying").status == "scheduled"
    before_belgium.jump_to(f"{SUNDAY} 08:00")
    questions = before_belgium.tick_until(f"{SUNDAY} 10:00")
    assert only(questions, QUALIFYING) == [f"{SUNDAY} 09:30"]


def test_start_that_moves_on_the_day_is_seen_before_it(before_belgium: World) -> None:
    before_belgium.jump_to(f"{SUNDAY} 09:30")
    season = before_belgium.upstream.seasons[2024]
    before_belgium.upstream.seasons[2024] = with_start(
        season, "belgium", "Race", at(f"{SUNDAY} 12:00")
    )
    before_belgium.tick_until(f"{SUNDAY} 11:00")
    assert belgium("race").starts_at == belgium("race").locks_at == at(f"{SUNDAY} 12:00")


@pytest.mark.parametrize("next_start", [None, 24.5, 40, 14 * 24])
def test_calendars_are_read_twice_in_the_last_two_hours_before_a_start(
    before_belgium: World, next_start: float | None
) -> None:
    """However long it is to the next one: none, the next day's, or the next weekend's."""
    others = Event.objects.filter(grand_prix="belgian-grand-prix").exclude(session_type="race")
    if next_start is not None:
        start = at("07-28 13:00") + timedelta(hours=next_start)
        others.update(starts_at=start, locks_at=start, schedule_locked=True)
    before_belgium.now = at("07-28 11:03")
    requests = before_belgium.tick_until("07-28 13:00")
    assert [time for time, names in requests.items() if "2024/races" in names] == [
        "07-28 11:03",
        "07-28 12:23",
    ]


def test_round_is_asked_for_under_the_upstreams_own_number(before_belgium: World) -> None:
    """Jolpica counts Belgium as round 7: known since its calendar was read, so at once."""
    season = before_belgium.upstream.seasons[2024]
    china, weekend = season.grands_prix
    before_belgium.upstream.seasons[2024] = replace(
        season, jolpica_calendar=(china, replace(weekend, round=7))
    )
    before_belgium.refresh_schedule()
    before_belgium.publish("races")
    before_belgium.now = at(f"{SUNDAY} 16:00")
    before_belgium.tick()
    assert sorted(asked(before_belgium.upstream)) == ["2024/7/qualifying", "2024/7/results"]
    assert belgium("race").winner is not None


def test_claim_that_nobody_made_good_lapses(before_belgium: World) -> None:
    before_belgium.jump_to(f"{SUNDAY} 14:55")
    race = belgium("race")
    Poll.objects.create(season=2024, event=race, next_at=at(f"{SUNDAY} 15:15"))
    questions = before_belgium.tick_until(f"{SUNDAY} 15:30")
    assert only(questions, RACE) == [f"{SUNDAY} 15:15"]


def fail(step: str, *, done: int, total: int) -> None:
    """Before anybody is asked."""
    raise ZeroDivisionError


def test_claim_holds_for_a_session_that_was_moved_since_it_was_asked_about(
    before_belgium: World,
) -> None:
    before_belgium.jump_to(f"{SATURDAY} 15:30")
    season = before_belgium.upstream.seasons[2024]
    moved = with_start(season, "belgium", "Qualifying", at(f"{SUNDAY} 08:00"))
    before_belgium.upstream.seasons[2024] = moved
    before_belgium.refresh_schedule()
    before_belgium.now = at(f"{SUNDAY} 09:30")
    dues = find_due(before_belgium.now)
    assert [event.session_type for due in dues for event, _ in due.sessions] == ["qualifying"]
    poll_due(
        dues,
        config=configured_sources(),
        rules=configured_rules(),
        clock=before_belgium.read_clock,
        show_step=fail,
    )
    questions = before_belgium.tick_until(f"{SUNDAY} 09:55")
    assert only(questions, QUALIFYING) == [f"{SUNDAY} 09:45"]


def test_two_workers_at_once_ask_once(before_belgium: World) -> None:
    before_belgium.now = at(f"{SUNDAY} 16:00")
    both = threading.Barrier(2)

    def work() -> None:
        both.wait()
        before_belgium.tick()
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    questions = asked(before_belgium.upstream)
    assert sorted(questions) == sorted([*QUALIFYING, *RACE])


@pytest.mark.once
def test_what_comes_due_together_shares_a_request_where_that_is_fewer(
    world: World,  # noqa: F811
    upstream: FaultyUpstream,
) -> None:
    """Eight races are two pages of a season's results; alone they were eight requests."""
    season = load_season(2024)
    upstream.seasons[2024] = replace(season, grands_prix=season.grands_prix[:8])
    world.now = at("06-01 12:00")
    tasks.refresh_schedule(clock=world.read_clock)
    tasks.ingest_season(2024, clock=world.read_clock)
    asked(upstream)
    # A Wednesday, at the hour of slow watching.
    world.now = at("06-05 03:55")
    questions = world.tick_until("06-05 04:30")
    flat = [question for found in questions.values() for question in found]
    assert flat.count("2024/results") == 1
    assert flat.count("2024/results from 100") == 1
    assert not [question for question in flat if question.startswith("2024/3/")]
    assert Poll.objects.filter(
        event__session_type="race", requested_at__gte=at("06-05 04:00")
    ).count()
    # Monaco alone is younger than a fortnight.
    world.now = at("06-06 03:55")
    (of_monaco,) = world.tick_until("06-06 12:00").values()
    assert of_monaco == ["2024/8/results", "2024/8/qualifying"]


def test_event_that_was_cancelled_since_it_was_found_due_stops_no_other(
    before_belgium: World,
) -> None:
    before_belgium.now = at(f"{SUNDAY} 16:00")
    dues = find_due(before_belgium.now)
    Event.objects.filter(grand_prix="belgian-grand-prix").update(status="cancelled")
    poll_due(
        dues,
        config=configured_sources(),
        rules=configured_rules(),
        clock=before_belgium.read_clock,
        show_step=tasks.ignore_progress,
    )
    assert asked(before_belgium.upstream) == []
    assert before_belgium.tick() == ""


def test_start_that_a_person_released_is_the_calendars_by_ingest_now(
    before_belgium: World, django_user_model: Any
) -> None:
    race = belgium("race")
    starts_at = race.starts_at
    assert starts_at is not None
    author = Author(django_user_model.objects.create_user("ana"), "a test", before_belgium.now)
    correct_start(race, starts_at + timedelta(hours=2), author)
    tasks.ingest_event(race.pk, clock=before_belgium.read_clock)
    assert belgium("race").starts_at == starts_at + timedelta(hours=2)
    release_schedule(race, author)

    tasks.ingest_event(race.pk, clock=before_belgium.read_clock)

    assert (belgium("race").starts_at, belgium("race").schedule_source) == (
        starts_at,
        "schedule_file",
    )


def test_cancelled_grand_prix_comes_back_by_ingest_now(before_belgium: World) -> None:
    Event.objects.filter(grand_prix="belgian-grand-prix").update(status="cancelled")

    tasks.ingest_event(belgium("race").pk, clock=before_belgium.read_clock)

    assert asked(before_belgium.upstream) == ["schedule_2024.json", "2024/races"]
    assert belgium("race").status == "scheduled"
    assert Change.objects.filter(event=belgium("race"), kind="reinstated").exists()


def test_released_void_ends_by_ingest_now_beside_it(
    before_belgium: World, django_user_model: Any
) -> None:
    race = belgium("race")
    author = Author(django_user_model.objects.create_user("ana"), "a test", before_belgium.now)
    void_event(race, author)
    tasks.ingest_event(race.pk, clock=before_belgium.read_clock)
    assert belgium("race").status == "cancelled"

    release_schedule(belgium("race"), author)
    tasks.ingest_event(race.pk, clock=before_belgium.read_clock)

    assert belgium("race").status == "scheduled"


@pytest.mark.once
def test_grand_prix_that_jolpica_does_not_know_is_asked_about_once_an_hour(
    before_belgium: World,
) -> None:
    """It answers, and the same to everybody until its answer expires."""
    season = before_belgium.upstream.seasons[2024]
    china, _ = season.grands_prix
    before_belgium.upstream.seasons[2024] = replace(season, jolpica_calendar=(china,))
    before_belgium.refresh_schedule()
    before_belgium.jump_to(f"{SUNDAY} 14:55")
    questions = before_belgium.tick_until(f"{SUNDAY} 19:00")
    assert only(questions, RACE) == [
        f"{SUNDAY} {time}" for time in ("15:00", "16:05", "17:10", "18:15")
    ]
    assert race_poll().failures == 4


def test_sprint_qualifying_whose_form_is_not_at_hand_is_given_up_like_any_other(
    world: World,  # noqa: F811
    settings: Any,
) -> None:
    """A mirror of the older form alone: nobody can be asked, and no run says so every few
    minutes for a year."""
    settings.JOLPICA_URL = f"{world.upstream.address}/mirror"
    world.upstream.allow("/mirror/*")
    tasks.refresh_schedule(clock=world.read_clock)
    world.now = at("04-19 10:00")
    sprint_qualifying = Event.objects.get(session_type="sprint_qualifying")
    assert sprint_qualifying.ends_at is not None
    world.now = sprint_qualifying.ends_at + 3 * DAY
    Event.objects.exclude(pk=sprint_qualifying.pk).update(status="cancelled")
    runs = IngestRun.objects.count()
    for _ in range(24):
        world.tick()
        world.now += 5 * MINUTE
    assert IngestRun.objects.count() == runs + 1


@pytest.mark.once
def test_list_of_keys_is_asked_for_twice_a_day_at_most(world: World) -> None:  # noqa: F811
    """The newer form has a key for each sprint qualifying; the first answers say: not there yet."""
    world.refresh_schedule()
    world.jump_to("04-19 08:40")
    questions = world.tick_until("04-19 12:00")
    flat = [question for found in questions.values() for question in found]
    assert flat.count("alpha/core/rounds of 2024") == 1
    assert len(flat) > 10
