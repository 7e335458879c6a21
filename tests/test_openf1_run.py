"""OpenF1 through the whole installation: real commands and ticks against the stand-in."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils.http import http_date

from ingestion.models import Event, IngestRun, Poll, RequestBlock, SecondOpinion
from ingestion.monitoring.alarm_kinds import KINDS
from ingestion.monitoring.facts import gather_facts
from ingestion.pipeline import configured_sources
from ingestion.queue import tasks
from ingestion.sample.season import GrandPrix, Season, Session, load_season
from tests import openf1_traps as traps
from tests.amending import disqualified
from tests.command_line import addresses, read_rows, small_upstream  # noqa: F401
from tests.project import Project
from tests.shortened import shortened
from tests.ticking import World, at, world  # noqa: F401
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.once

SATURDAY, SUNDAY = "07-27", "07-28"
SPRINTS = tuple(load_season(2024).sprints)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def second(upstream: FaultyUpstream) -> dict[str, str]:
    return {
        **addresses(upstream),
        "F1_SECOND_SOURCE": "openf1",
        "OPENF1_URL": upstream.openf1_url,
    }


# Through the real command


def in_2023(season: Season) -> Season:
    """The same facts a year before: the weekends' days are those of 2023."""

    def move(weekend: GrandPrix) -> GrandPrix:
        names = {"Sprint Qualifying": "Sprint Shootout"}
        sessions = tuple(
            Session(names.get(one.name, one.name), one.starts_at and one.starts_at - 364 * DAY)
            for one in weekend.sessions
        )
        kind = weekend.format.replace("sprint_qualifying", "sprint_shootout")
        return replace(weekend, sessions=sessions, format=kind)

    return replace(
        season, year=2023, testing=(), grands_prix=tuple(move(one) for one in season.grands_prix)
    )


@pytest.mark.parametrize("year", shortened([2024, 2023], 1))
def test_sprint_qualifyings_are_whole_without_an_account(
    project: Project, upstream: FaultyUpstream, year: int
) -> None:
    season = load_season(2024)
    upstream.seasons = {2024: season} if year == 2024 else {2023: in_2023(season)}
    # Jolpica has none of them.
    upstream.fault("*/results/*/SQ/", status=404)
    ran = project.manage("ingest_f1", "--year", str(year), "--format", "json", env=second(upstream))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["problems"] == []
    with project.database() as alias:
        events = Event.objects.using(alias).filter(session_type="sprint_qualifying")
        assert {event.grand_prix for event in events if event.results_source == "openf1"} == {
            event.grand_prix for event in events
        }
        assert events.count() == len(SPRINTS)
        for event in events:
            assert event.results_state == "provisional"
            assert len(event.classification) == 20
    again = project.manage("ingest_f1", "--year", str(year), env=second(upstream))
    assert again.returncode == 0, again.stdout + again.stderr


TROUBLE: dict[str, dict[str, Any]] = {
    "down": {"status": 503},
    "an HTML page": {"status": 500, "html": True},
    "too many requests": {"status": 429},
    "not now": {"status": 401, "json": {"detail": "Session in progress, access is restricted"}},
    "changed in shape": {"transform": traps.in_an_object},
    "empty": {"body": b"[]"},
    "reset": {"reset": True},
    "renamed": {"transform": traps.renamed},
    "sessions of no meeting": {"transform": traps.forget_a_meeting},
}


@pytest.mark.parametrize("trouble", shortened(TROUBLE, {"sessions of no meeting", "not now"}))
def test_whatever_becomes_of_it_no_run_fails_and_no_published_row_differs(
    project: Project, upstream: FaultyUpstream, trouble: str
) -> None:
    upstream.fault("*/results/*/SQ/", status=404)
    without = project.manage("ingest_f1", "--year", "2024", env=addresses(upstream))
    assert without.returncode == 0, without.stdout + without.stderr
    before = read_rows(project)
    upstream.fault("/openf1/*", **TROUBLE[trouble])
    ran = project.manage(
        "ingest_f1", "--year", "2024", "--refresh", "--format", "json", env=second(upstream)
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["problems"] == []
    assert read_rows(project) == before
    assert any(one.path.startswith("/openf1/") for one in upstream.requests)


@pytest.mark.parametrize("value", ["OFF"])
def test_switched_off_it_is_never_requested(
    project: Project, upstream: FaultyUpstream, value: str
) -> None:
    env = {**second(upstream), "F1_SECOND_SOURCE": value}
    ran = project.manage("ingest_f1", "--year", "2024", env=env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not any(one.path.startswith("/openf1/") for one in upstream.requests)


@pytest.mark.project
def test_an_unknown_second_source_is_refused_by_name(project: Project) -> None:
    ran = project.manage("check", env={"F1_SECOND_SOURCE": "opnef1"})
    assert ran.returncode != 0
    assert "F1_SECOND_SOURCE is none of openf1, off." in ran.stderr
    assert "opnef1" not in ran.stdout + ran.stderr


def test_the_real_one_is_named_by_the_settings_alone(settings: Any) -> None:
    """Neither the tests, nor the sample, nor an installation on its own stand-in reaches it."""
    assert configured_sources().openf1_url == ""
    settings.F1_SECOND_SOURCE = "openf1"
    assert configured_sources().openf1_url == "https://api.openf1.org/v1"
    settings.JOLPICA_URL = "http://127.0.0.1:9/ergast/f1"
    assert configured_sources().openf1_url == ""
    settings.OPENF1_URL = "http://127.0.0.1:9/v1"
    assert configured_sources().openf1_url == "http://127.0.0.1:9/v1"
    settings.OPENF1_TOKEN = "let me in\n"
    assert configured_sources().openf1_token == "let me in"


@pytest.mark.long
def test_the_sample_leaves_it_out(project: Project) -> None:
    env = {"F1_SECOND_SOURCE": "openf1", "OPENF1_URL": "http://127.0.0.1:9/v1"}
    ran = project.manage("ingest_f1", "--sample", "--format", "json", env=env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "OpenF1" not in ran.stdout + ran.stderr


# By ticks


@pytest.fixture
def before_belgium(world: World, settings: Any) -> World:  # noqa: F811
    """The Friday before, its events known, China's results in, and the second source on."""
    settings.F1_SECOND_SOURCE, settings.OPENF1_URL = "openf1", world.upstream.openf1_url
    world.publish("races", "qualifyings", "sprints", "sprint_qualifyings")
    season = world.upstream.seasons[2024]
    world.upstream.seasons[2024] = replace(
        season, races={"china": season.races["china"]}, qualifyings={}
    )
    world.refresh_schedule()
    world.now = at("07-26 12:00")
    world.tick()
    world.upstream.clear_requests()
    return world


def belgium(kind: str) -> Event:
    events = Event.objects.select_related("second_opinion")
    return events.get(grand_prix="belgian-grand-prix", session_type=kind)


def select_openf1(by_tick: Mapping[str, list[str]]) -> list[str]:
    """Of what `World.tick_until` returns, which no later tick has in its list."""
    paths = [path for requested in by_tick.values() for path in requested]
    return [path.rpartition("/")[2] for path in paths if "/openf1/" in path]


def hold_jolpica(before: World) -> None:
    before.upstream.fault("/ergast/f1/*/qualifying*", status=503)
    before.upstream.fault("/ergast/f1/*/results*", status=503)


def other_alarms(now: Any) -> list[str]:
    facts = gather_facts(now)
    # China's qualifying has no result in this season.
    return [
        kind.key for kind in KINDS for case in kind.find(facts) if "chinese" not in case.subject
    ]


@pytest.mark.twice
@pytest.mark.django_db(transaction=True)
def test_a_podium_is_in_within_ten_minutes_of_the_end_of_the_restriction(
    before_belgium: World,
) -> None:
    hold_jolpica(before_belgium)
    before_belgium.publish("races", "qualifyings")
    before_belgium.jump_to(f"{SUNDAY} 14:50")
    before_belgium.upstream.clear_requests()
    before_belgium.tick_until(f"{SUNDAY} 15:45")
    race = belgium("race")
    assert (race.results_state, race.results_source) == ("provisional", "openf1")
    assert [row.driver_id for row in race.podium] == ["hamilton", "piastri", "leclerc"]
    saved_at = race.results_changed_at
    assert saved_at is not None
    # Without an account it answers from 15:30 on.
    assert at(f"{SUNDAY} 15:30") <= saved_at <= at(f"{SUNDAY} 15:40")


@pytest.mark.django_db(transaction=True)
def test_a_new_installation_has_its_first_podium_by_the_drivers_that_can_be_picked(
    world: World,  # noqa: F811
    settings: Any,
) -> None:
    """No classification has named any driver yet: those of the weekend's sessions are known."""
    settings.F1_SECOND_SOURCE, settings.OPENF1_URL = "openf1", world.upstream.openf1_url
    world.now = at("04-18 12:00")
    world.refresh_schedule()
    hold_jolpica(world)
    world.upstream.fault("/ergast/f1/*/sprint*", status=503)
    world.publish("races", "qualifyings", "sprints", "sprint_qualifyings")
    world.now = at("04-20 12:00")
    world.refresh_schedule()
    world.jump_to("04-21 08:30")
    world.tick_until("04-21 10:00")
    race = Event.objects.get(grand_prix="chinese-grand-prix", session_type="race")
    assert (race.results_state, race.results_source) == ("provisional", "openf1")
    assert [row.driver_name for row in race.podium] == [
        "Max Verstappen", "Lando Norris", "Sergio Pérez"
    ]  # fmt: skip
    teams = ["Red Bull Racing", "McLaren", "Red Bull Racing"]
    assert [row.constructor_name for row in race.podium] == teams


@pytest.mark.django_db(transaction=True)
def test_jolpicas_replaces_it_and_is_confirmed_and_an_amendment_is_seen_by_both(
    before_belgium: World,
) -> None:
    world_ = before_belgium
    hold_jolpica(world_)
    world_.publish("races", "qualifyings")
    world_.jump_to(f"{SUNDAY} 14:50")
    world_.tick_until(f"{SUNDAY} 16:30")
    assert belgium("race").results_source == "openf1"
    world_.upstream.clear_faults()
    world_.tick_until(f"{SUNDAY} 17:30")
    race = belgium("race")
    assert (race.results_state, race.results_source) == ("official", "jolpica")
    assert race.results_revision == 1
    assert race.confirmed_at == race.results_changed_at
    # Jolpica disqualifies the winner; the other keeps him.
    truth = world_.upstream.seasons[2024]
    amended = disqualified(truth.races["belgium"], "hamilton")
    old = build_race(truth)
    kept = world_.upstream.fault(
        traps.RESULT,
        transform=lambda rows: old if rows[0]["session_key"] == old[0]["session_key"] else rows,
    )
    world_.upstream.seasons[2024] = replace(truth, races={**truth.races, "belgium": amended})
    world_.tick_until(f"{SUNDAY} 23:00")
    race = belgium("race")
    assert (race.results_revision, race.is_disputed, race.confirmed_at) == (2, True, None)
    assert other_alarms(world_.now) == ["disputed-result"]
    # It is amended by hand on the next day.
    kept.times = 0
    world_.tick_until("07-29 09:00")
    race = belgium("race")
    assert (race.results_revision, race.is_disputed) == (2, False)
    assert race.confirmed_at is not None
    assert other_alarms(world_.now) == []
    assert IngestRun.objects.exclude(outcome="ok").exclude(fault="upstream").count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_witness_is_requested_again_when_nothing_is_restricted_any_more(
    before_belgium: World,
) -> None:
    """Jolpica is first, and the second source answers nobody until half an hour after the end."""
    before_belgium.publish("races", "qualifyings")
    before_belgium.jump_to(f"{SUNDAY} 14:50")
    before_belgium.tick_until(f"{SUNDAY} 15:25")
    race = belgium("race")
    assert (race.results_state, race.confirmed_at) == ("official", None)
    before_belgium.tick_until(f"{SUNDAY} 16:10")
    confirmed_at = belgium("race").confirmed_at
    assert confirmed_at is not None
    assert at(f"{SUNDAY} 15:30") <= confirmed_at <= at(f"{SUNDAY} 16:05")


def build_race(season: Season) -> traps.Rows:
    from ingestion.sample import openf1

    weekend = season.grand_prix("belgium")
    race = weekend.session("Race")
    assert race is not None
    return openf1.build_rows(season, weekend, race, "session_result")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "trouble",
    shortened([{"status": 503}, {"body": b"[]"}, {"transform": traps.in_an_object}], 1),
    ids=["down", "empty", "another shape"],
)
def test_a_weekend_without_it_costs_few_requests_and_no_other_alarm(
    before_belgium: World, trouble: dict[str, Any]
) -> None:
    before_belgium.publish("races", "qualifyings")
    before_belgium.upstream.fault("/openf1/*/session_result", **trouble)
    before_belgium.now = at(f"{SATURDAY} 15:00")
    weekend = select_openf1(before_belgium.tick_until("07-29 02:00", step=10 * MINUTE))
    assert "session_result" in weekend
    assert len(weekend) <= 40
    assert {belgium(kind).results_state for kind in ("qualifying", "race")} <= {
        "official", "settled",
    }  # fmt: skip
    assert set(other_alarms(before_belgium.now)) <= {"second-source-silent"}
    assert IngestRun.objects.exclude(outcome="ok").count() == 0


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_days_of_silence_leave_the_next_weekend_its_requests(before_belgium: World) -> None:
    """What is published needs no witness that is down every six hours."""
    before_belgium.publish("races", "qualifyings")
    before_belgium.upstream.fault("/openf1/*/session_result", status=503)
    before_belgium.now = at(f"{SATURDAY} 15:00")
    before_belgium.tick_until("07-29 18:00", step=20 * MINUTE)
    before_belgium.tick_until("08-02 00:00", step=60 * MINUTE)
    polls = Poll.objects.filter(event__grand_prix="belgian-grand-prix", source="openf1")
    assert {poll.event.session_type for poll in polls if poll.event} == {"qualifying", "race"}
    assert all(poll.next_at is None and poll.failures <= 12 for poll in polls)


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_cannot_be_read_is_not_requested_again_before_it_expires(
    before_belgium: World,
) -> None:
    hold_jolpica(before_belgium)
    before_belgium.publish("races", "qualifyings")
    expires_at = at(f"{SUNDAY} 17:00")
    until = {"Cache-Control": "max-age=7200", "Expires": http_date(expires_at.timestamp())}
    before_belgium.upstream.fault("/openf1/*/session_result", html=True, headers=until)
    before_belgium.now = at(f"{SUNDAY} 15:32")
    before_belgium.tick()
    before_belgium.upstream.clear_requests()
    assert select_openf1(before_belgium.tick_until(f"{SUNDAY} 16:50")) == []
    polls = Poll.objects.filter(event__grand_prix="belgian-grand-prix", source="openf1")
    assert {(poll.expires_at, poll.failures) for poll in polls} == {(expires_at, 1)}


@pytest.mark.django_db(transaction=True)
def test_the_weekends_forty_are_kept_by_the_budgets_table(
    before_belgium: World, caplog: pytest.LogCaptureFixture
) -> None:
    hold_jolpica(before_belgium)
    host = before_belgium.upstream.openf1_url.split("/")[2]
    RequestBlock.objects.create(host=host, requests=40, reserved_at=at(f"{SATURDAY} 10:00"))
    before_belgium.publish("races", "qualifyings")
    before_belgium.now = at(f"{SUNDAY} 14:50")
    assert select_openf1(before_belgium.tick_until(f"{SUNDAY} 18:00")) == []
    poll = Poll.objects.get(event=belgium("race"), source="openf1")
    assert "would get more than 40 requests" in poll.last_error
    assert poll.failures == 0


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_an_ordinary_weekend_stays_far_below_forty(before_belgium: World) -> None:
    before_belgium.publish("races", "qualifyings")
    before_belgium.now = at(f"{SATURDAY} 15:00")
    weekend = select_openf1(before_belgium.tick_until("07-29 18:00", step=10 * MINUTE))
    assert "session_result" in weekend
    assert len(weekend) <= 24
    for kind in ("qualifying", "race"):
        assert belgium(kind).confirmed_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_car_that_two_practices_list_is_the_entrants_and_stays_so(before_belgium: World) -> None:
    upstream, race = before_belgium.upstream, belgium("race")
    assert race.entrants.get(driver="sargeant").driver_number == 2

    def renumber(rows: traps.Rows) -> traps.Rows:
        is_his = [row["name_acronym"] == "SAR" for row in rows]
        return [
            row | {"driver_number": 45} if one else row
            for row, one in zip(rows, is_his, strict=True)
        ]

    upstream.fault(traps.DRIVERS, transform=renumber)
    before_belgium.now = at("07-26 18:00")
    before_belgium.refresh_schedule()

    def cars() -> list[tuple[str, int | None, str]]:
        listed = race.entrants.filter(source="openf1")
        return list(listed.values_list("driver", "driver_number", "constructor_id"))

    # The others are who they were.
    assert (cars(), race.entrants.count()) == ([("sargeant", 45, "williams")], 20)
    # Lists that are not there any more change nothing.
    upstream.fault("/openf1/*", status=503)
    before_belgium.now = at("07-27 06:00")
    before_belgium.refresh_schedule()
    before_belgium.tick()
    assert (cars(), race.entrants.count()) == ([("sargeant", 45, "williams")], 20)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_a_newcomer_in_a_qualifyings_list_can_be_picked_for_the_race(before_belgium: World) -> None:
    """Whom no classification of the season has named; Jolpica's classification unites them."""
    upstream, race = before_belgium.upstream, belgium("race")
    facts = {"driver_number": 97, "name_acronym": "SHW", "full_name": "Robert SHWARTZMAN"}
    upstream.fault(traps.DRIVERS, transform=traps.add_driver({3}, team_name="Ferrari", **facts))
    before_belgium.publish("qualifyings")
    upstream.fault("/ergast/f1/*/qualifying*", status=503)
    before_belgium.now = at("07-27 16:00")
    before_belgium.refresh_schedule()
    newcomer = race.entrants.get(driver="robert-shwartzman")
    assert newcomer.driver.name == "Robert Shwartzman"
    assert (newcomer.driver_number, newcomer.constructor_id) == (97, "ferrari")
    assert race.entrants.count() == 21
    season = load_season(2024)
    leader = season.drivers["leclerc"]
    named = replace(
        leader, id="robert_s", code="SHW", given_name="Robert", family_name="Shwartzman"
    )
    finishes = tuple(
        replace(one, driver="robert_s", number=97) if one.driver == "leclerc" else one
        for one in season.races["belgium"]
    )
    season = replace(season, drivers={**season.drivers, "robert_s": named})
    upstream.seasons[2024] = replace(
        upstream.seasons[2024], drivers=season.drivers, races={"belgium": finishes}
    )
    before_belgium.jump_to(f"{SUNDAY} 17:00")
    assert [row.driver_id for row in belgium("race").podium] == [
        "hamilton", "piastri", "robert-shwartzman"
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_weekend_with_its_entrants_stays_below_forty_also_where_their_lists_are_empty(
    before_belgium: World,
) -> None:
    before_belgium.publish("races", "qualifyings")
    before_belgium.upstream.fault(traps.DRIVERS, body=b"[]")
    paths: list[str] = []
    for end in ("07-26 18:00", "07-27 06:00", "07-27 18:00", "07-28 06:00", "07-28 18:00"):
        while before_belgium.now < at(end):
            before_belgium.tick()
            paths += [one.path for one in before_belgium.upstream.requests]
            before_belgium.upstream.clear_requests()
            before_belgium.now += 20 * MINUTE
        tasks.refresh_schedule(clock=before_belgium.read_clock)
    names = [path.rpartition("/")[2] for path in paths if path.startswith("/openf1/")]
    assert names.count("drivers") > 4
    host = before_belgium.upstream.openf1_url.split("/")[2]
    blocks = RequestBlock.objects.filter(host=host, reserved_at__gt=at("07-26 00:00"))
    # With room left: none was refused.
    assert sum(blocks.values_list("requests", flat=True)) <= 36


@pytest.mark.django_db(transaction=True)
def test_its_calendar_is_an_opinion_that_moves_no_lock(before_belgium: World) -> None:
    """A start an hour earlier, and a cancellation: a note and an alarm, which ends by itself."""
    race = belgium("race")
    start = race.starts_at
    assert start is not None

    def move(rows: traps.Rows) -> traps.Rows:
        earlier = (start - timedelta(hours=1)).isoformat()
        is_race = [row["date_start"] == start.isoformat() for row in rows]
        return [
            row | {"date_start": earlier} if moved else row
            for row, moved in zip(rows, is_race, strict=True)
        ]

    before_belgium.upstream.fault("*/sessions", transform=move, times=1)
    before_belgium.now += DAY
    before_belgium.refresh_schedule()
    moved = belgium("race")
    assert (moved.starts_at, moved.locks_at) == (start, race.locks_at)
    assert moved.second_opinion.starts_at == start - timedelta(hours=1)
    assert other_alarms(before_belgium.now) == ["second-source-calendar"]
    [note] = [one for one in IngestRun.objects.latest("pk").notes if "OpenF1" in one["message"]]
    assert "OpenF1 has it at 2024-07-28 12:00 UTC; the calendars' start counts" in note["message"]
    before_belgium.now += timedelta(hours=23, minutes=30)
    before_belgium.refresh_schedule()
    assert belgium("race").second_opinion.starts_at is None
    assert other_alarms(before_belgium.now) == []


@pytest.mark.django_db(transaction=True)
def test_switched_on_later_it_is_no_witness_of_what_was_published_before(
    before_belgium: World, settings: Any
) -> None:
    """Of the weekend's forty requests each would take two."""
    settings.F1_SECOND_SOURCE = "off"
    before_belgium.publish("races", "qualifyings")
    before_belgium.now = at(f"{SATURDAY} 15:00")
    before_belgium.tick_until("07-29 18:00", step=20 * MINUTE)
    assert {belgium(kind).results_state for kind in ("qualifying", "race")} <= {
        "official", "settled",
    }  # fmt: skip
    settings.F1_SECOND_SOURCE = "openf1"
    before_belgium.now = at("08-07 03:00")
    before_belgium.tick_until("08-07 06:00", step=30 * MINUTE)
    polls = Poll.objects.filter(
        event__grand_prix="belgian-grand-prix", requested_at__gt=at("08-07")
    )
    assert {poll.source for poll in polls} == {"jolpica"}


@pytest.mark.django_db(transaction=True)
def test_switched_off_its_disputes_and_failures_end_with_the_sweep(
    before_belgium: World, settings: Any
) -> None:
    before_belgium.publish("races", "qualifyings")
    before_belgium.now = at(f"{SATURDAY} 15:00")
    before_belgium.tick_until("07-29 18:00", step=20 * MINUTE)
    race, now = belgium("race"), before_belgium.now
    SecondOpinion.objects.filter(event=race).update(
        classification=(race.second_opinion.classification or [])[::-1],
        generated_at=now,
        disputed_since=now,
    )
    Poll.objects.filter(event=race, source="openf1").update(
        failures=9, failing_since=now, next_at=now
    )
    both = {"disputed-result", "second-source-silent"}
    assert set(other_alarms(now)) == both
    tasks.sweep(clock=before_belgium.read_clock)
    assert set(other_alarms(now)) == both
    settings.F1_SECOND_SOURCE = "off"
    plans = Poll.objects.filter(source="openf1", event__isnull=False, next_at__isnull=False)
    aged = SecondOpinion.objects.exclude(generated_at=None)
    # Those that are well and agree are among them.
    assert min(plans.count(), aged.count()) > 1
    counted = (
        f"{plans.count()} plans of a source that is switched off dropped, "
        f"{aged.count()} opinions of a source that is switched off laid aside"
    )
    assert counted in tasks.sweep(clock=before_belgium.read_clock)
    assert not plans.exists()
    assert other_alarms(now) == []
    assert belgium("qualifying").confirmed_at is not None
    opinions = list(SecondOpinion.objects.order_by("pk").values())
    # Jolpica's next answers, and the sweeps, find what is left of it.
    before_belgium.now = at("07-30 03:00")
    before_belgium.tick_until("08-01 06:00", step=60 * MINUTE)
    tasks.sweep(clock=before_belgium.read_clock)
    assert both.isdisjoint(other_alarms(before_belgium.now))
    assert list(SecondOpinion.objects.order_by("pk").values()) == opinions


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trouble", [{"status": 503}, {"transform": traps.in_an_object}])
def test_a_calendar_of_it_that_cannot_be_had_is_a_note(
    before_belgium: World, trouble: dict[str, Any]
) -> None:
    before_belgium.upstream.fault("/openf1/*", **trouble)
    before_belgium.now += DAY
    before_belgium.refresh_schedule()
    run = IngestRun.objects.latest("pk")
    assert (run.outcome, run.problems) == ("ok", [])
    assert any("OpenF1" in note["message"] for note in run.notes)


@pytest.mark.django_db(transaction=True)
def test_no_calendar_is_requested_of_it_for_a_season_that_is_not_published(
    before_belgium: World,
) -> None:
    before_belgium.now = at("12-10 06:00")
    assert before_belgium.refresh_schedule()[-1] == "schedule_2025.json"
