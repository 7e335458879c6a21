"""What counts as broken, as a silent upstream, and as something that a person has to see."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import Schedule
from pytest_django import DjangoAssertNumQueries, Settings

from ingestion.models import Alarm, Change, Event, TaskRun
from ingestion.monitoring import health as health_module
from ingestion.monitoring.alarm_kinds import KINDS, AlarmKind
from ingestion.monitoring.alerting import update_alarms
from ingestion.monitoring.channels import Channel
from ingestion.monitoring.detection import Case
from ingestion.monitoring.facts import Facts
from ingestion.monitoring.health import Finding, Health, State, check_health
from ingestion.report import Problem
from tests.installation import (
    DAY,
    HOUR,
    MINUTE,
    event,
    failing_poll,
    healthy,
    learn,
    publish,
    run,
    switch_polling_off,
    switch_polling_on,
    tick,
)
from tests.webhook import Receiver, webhook_receiver  # noqa: F401 - fixture `receiver`

pytestmark = pytest.mark.django_db

# A Sunday, and the start of its race.
NOW = datetime(2024, 7, 28, 18, tzinfo=UTC)
RACE = datetime(2024, 7, 28, 13, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def works() -> None:
    healthy(NOW)


def found(now: datetime = NOW) -> dict[str, str]:
    """The keys of what was found, with their kinds."""
    return {finding.key: finding.severity for finding in check_health(now).findings}


def only(health: Health) -> Finding:
    (finding,) = health.findings
    return finding


@pytest.mark.usefixtures("works")
def test_an_installation_that_works_is_ok() -> None:
    health = check_health(NOW)
    assert (health.state, health.findings, health.notes) == (State.OK, (), ())
    assert health.last_tick == NOW - 2 * MINUTE
    assert health.refreshed_at == NOW - 6 * HOUR
    assert health.last_run is not None


def test_an_empty_database_is_ok_and_says_that_nothing_is_polled() -> None:
    switch_polling_off()
    health = check_health(NOW)
    assert (health.state, health.findings, health.season) == (State.OK, (), 2024)
    assert health.notes == (
        (
            "Nothing is polled: the schedule 'f1 tick' was deleted or its repeats are 0. "
            "Results come in only when someone runs ingest_f1."
        ),
    )


@pytest.mark.usefixtures("works")
def test_it_takes_as_many_queries_for_a_whole_history(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(10):
        check_health(NOW)
    event("race", NOW - 5 * HOUR, season=2024, grand_prix="first-grand-prix")
    with CaptureQueriesContext(connection) as few:
        check_health(NOW)
    for week in range(60):
        at = NOW - week * 7 * DAY
        weekend = {"grand_prix": f"grand-prix-{week}"}
        race = event("race", at - 5 * HOUR, season=2024, **weekend)
        event("qualifying", at - DAY, season=2024, **weekend)
        failing_poll(race, at - HOUR, at)
        run(at, "failed", fault="ours")
        TaskRun.objects.create(id=f"{week}", name="tick", started_at=at, is_given_up=True)
    with CaptureQueriesContext(connection) as many:
        assert len(check_health(NOW).findings) > 60
    assert len(many) == len(few)


# We are broken


@pytest.mark.usefixtures("works")
def test_a_worker_is_dead_when_no_tick_succeeds_for_25_minutes() -> None:
    last = NOW - 2 * MINUTE
    assert found(last + 25 * MINUTE - SECOND) == {}
    health = check_health(last + 25 * MINUTE)
    assert (health.state, health.is_broken) == (State.BROKEN, True)
    assert only(health) == Finding(
        key="no-tick",
        severity=Alarm.Severity.BROKEN,
        title="No worker tick has succeeded since 2024-07-28 17:58 UTC",
        advice=(
            "Nothing is polled: results and moved starts do not come in, and statuses do not "
            "change; what is saved is safe. Start 'python manage.py qcluster', or read its log if "
            "it runs."
        ),
        since=last,
    )


@pytest.mark.usefixtures("works")
def test_ticks_that_fail_do_not_count() -> None:
    for minutes in range(30):
        tick(NOW + minutes * MINUTE, success=False)
    assert found(NOW + 30 * MINUTE) == {"no-tick": "broken"}


def test_a_worker_that_was_never_started_is_noticed_too() -> None:
    switch_polling_on(NOW)
    assert found(NOW + 24 * MINUTE) == {}
    health = check_health(NOW + 25 * MINUTE)
    assert only(health).title == "No worker tick has succeeded yet"
    assert only(health).since == NOW
    assert health.last_tick is None


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize("is_deleted", [True, False])
def test_polling_that_an_operator_switched_off_is_no_fault(is_deleted: bool) -> None:
    if is_deleted:
        switch_polling_off()
    else:
        switch_polling_on(NOW - DAY, repeats=0)
    health = check_health(NOW + 12 * HOUR)
    assert (health.state, health.is_polling, health.last_tick) == (State.OK, False, None)
    assert health.notes[0].startswith("Nothing is polled: ")


OURS: dict[str, Any] = {
    "fault": "ours",
    "problems": [Problem("the cache folder cannot be written").as_data()],
}
THEIRS: dict[str, Any] = {"fault": "upstream"}
# Interrupted by a person, or the hour's requests were spent.
NO_FAULT: dict[str, Any] = {"fault": "none"}


@pytest.mark.parametrize(
    ("runs", "is_broken"),
    [
        ([("partial", OURS)] * 2, False),
        ([("partial", OURS)] * 3, True),
        ([("failed", OURS), ("partial", OURS)], False),
        ([("failed", OURS)], False),
        ([("failed", OURS)] * 2, True),
        ([("failed", OURS)] * 3 + [("ok", {})], False),
        ([("failed", OURS)] * 2 + [("running", {})], True),
        ([("failed", THEIRS)] * 5, False),
        ([("failed", OURS), ("failed", THEIRS), ("failed", OURS)], False),
        ([("failed", {})] * 3, False),
        ([("failed", NO_FAULT)] * 5, False),
        ([("failed", OURS), ("failed", NO_FAULT), ("failed", OURS)], True),
        ([("failed", OURS)] * 2 + [("failed", NO_FAULT)] * 3, True),
        ([("failed", OURS), ("partial", NO_FAULT), ("failed", OURS)], False),
    ],
)
@pytest.mark.usefixtures("works")
def test_runs_that_fail_by_our_own_fault_one_after_another(
    runs: list[tuple[str, dict[str, Any]]], is_broken: bool
) -> None:
    for number, (outcome, facts) in enumerate(runs):
        run(NOW - (len(runs) - number) * 10 * MINUTE, outcome, **facts)
    assert found() == ({"failing-runs": "broken"} if is_broken else {})


@pytest.mark.usefixtures("works")
def test_failing_runs_are_told_with_the_newest_problem_and_since_when() -> None:
    first = run(
        NOW - 3 * HOUR, "failed", fault="ours", problems=[Problem("something else").as_data()]
    )
    run(NOW - HOUR, "failed", **OURS)
    finding = only(check_health(NOW))
    assert finding.since == first.started_at
    assert finding.title == "Every run since 2024-07-28 15:00 UTC failed by a fault of ours"
    assert finding.advice.startswith("The newest says: the cache folder cannot be written. What ")


@pytest.mark.usefixtures("works")
def test_a_run_that_was_killed_is_reported_and_only_several_in_a_row_are_a_fault() -> None:
    run(NOW - 59 * MINUTE, "running")
    # A backfill that waits for requests takes its time.
    run(NOW - 20 * HOUR, "running", arguments={"wait": True})
    assert check_health(NOW).notes == ()
    run(NOW - 3 * HOUR, "running")
    run(NOW - 4 * HOUR, "running")
    health = check_health(NOW)
    assert health.state is State.OK
    assert list(health.notes) == [
        (
            "2 runs have not ended within an hour, the newest of 2024-07-28 15:00 UTC: killed. "
            "What was saved is safe."
        )
    ]
    later = check_health(NOW + 2 * MINUTE)
    assert only(later).key == "failing-runs"
    assert "The newest was killed before it ended. " in only(later).advice
    assert check_health(NOW + 8 * DAY).notes == ()


@pytest.mark.usefixtures("works")
def test_the_schedule_is_stale_when_nobody_read_it_for_two_days() -> None:
    read = NOW - 6 * HOUR
    tick(read + 2 * DAY)
    assert found(read + 2 * DAY - SECOND) == {}
    finding = only(check_health(read + 2 * DAY))
    assert (finding.key, finding.severity, finding.since) == ("stale-schedule", "broken", read)
    assert finding.title == "2024 calendars were last fully refreshed at 2024-07-28 12:00 UTC"
    assert "Run 'python manage.py ingest_f1 --skip-results' and see what it says" in finding.advice


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({}, "silent"),
        ({"fault": "ours"}, "broken"),
        ({"fault": "none"}, "broken"),
        ({"seasons": [2023]}, "broken"),
        ({"arguments": {"skip_schedule": True}}, "broken"),
        ({"trigger": "poll"}, "broken"),
    ],
)
@pytest.mark.usefixtures("works")
def test_a_stale_schedule_is_the_upstreams_fault_where_it_was_asked_for_it(
    asked: dict[str, Any], kind: str
) -> None:
    now = NOW + 2 * DAY
    tick(now)
    run(now - HOUR, "failed", **{"fault": "upstream", **asked})
    assert found(now) == {"stale-schedule": kind}


@pytest.mark.usefixtures("works")
def test_polling_for_the_calendars_in_vain_is_asking_too() -> None:
    now = NOW + 2 * DAY
    tick(now)
    failing_poll(2024, now - 10 * MINUTE, now)
    assert found(now) == {"stale-schedule": "silent"}


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize("seasons", [[2023], [1950, 2022], []])
def test_reading_another_seasons_calendars_does_not_count(seasons: list[int]) -> None:
    event("race", NOW + 20 * DAY)
    now = NOW + 2 * DAY
    tick(now)
    run(now - HOUR, seasons=seasons)
    assert found(now) == {"stale-schedule": "broken"}
    run(now - HOUR, seasons=[*seasons, 2024])
    assert found(now) == {}


def test_a_schedule_that_was_never_read_counts_from_the_first_run() -> None:
    switch_polling_on(NOW)
    tick(NOW + 2 * DAY)
    event("race", NOW + 20 * DAY)
    assert found(NOW + 2 * DAY) == {}, "nothing says since when"
    run(NOW + HOUR, schedule_refreshed=False)
    run(NOW + 5 * HOUR, schedule_refreshed=False)
    assert found(NOW + 2 * DAY) == {}
    tick(NOW + 3 * DAY)
    finding = only(check_health(NOW + 3 * DAY))
    assert finding.title == "2024 calendars were never fully refreshed"
    assert finding.since == NOW + HOUR


def test_a_season_that_is_over_need_not_be_read_again() -> None:
    switch_polling_off()
    event("race", RACE)
    run(NOW, schedule_refreshed=True)
    publish(Event.objects.get())
    assert found(NOW + 3 * DAY) == {"stale-schedule": "broken"}, "its season is still on"
    assert found(NOW + 400 * DAY) == {}


@pytest.mark.parametrize(
    ("offset", "title"),
    [
        (timedelta(seconds=30), None),
        (timedelta(seconds=-30), None),
        (timedelta(seconds=31), "This machine's clock is 31 seconds ahead of the upstream's"),
        (timedelta(minutes=-3), "This machine's clock is 3 minutes behind the upstream's"),
    ],
)
@pytest.mark.usefixtures("works")
def test_a_clock_may_be_half_a_minute_off(offset: timedelta, title: str | None) -> None:
    run(NOW - HOUR, clock_offset=offset)
    run(NOW - MINUTE, clock_offset=None)
    titles = [finding.title for finding in check_health(NOW).findings]
    assert titles == ([] if title is None else [title])


@pytest.mark.usefixtures("works")
def test_a_clock_that_was_seen_days_ago_tells_nothing() -> None:
    run(NOW - HOUR, clock_offset=timedelta(hours=1))
    assert found(NOW) == {"clock": "broken"}
    tick(NOW + DAY)
    assert found(NOW + DAY) == {}


@pytest.mark.usefixtures("works")
def test_tasks_that_were_given_up_are_told_for_a_day_once_for_each_kind() -> None:
    for number, at in enumerate([NOW - 2 * HOUR, NOW - HOUR]):
        TaskRun.objects.create(
            id=f"{number}", name="refresh_schedule", starts=3, started_at=at, is_given_up=True
        )
    TaskRun.objects.create(id="2", name="tick", starts=3, started_at=NOW)
    finding = only(check_health(NOW))
    assert (finding.key, finding.severity) == ("given-up:refresh_schedule", "broken")
    assert (finding.check, finding.since) == ("given-up", NOW - HOUR)
    assert finding.title == "The task 'refresh_schedule' died 3 times and was given up"
    tick(NOW + DAY)
    assert found(NOW + DAY) == {}


# The upstream is silent


@pytest.mark.usefixtures("works")
def test_three_failures_in_a_row_are_silence_and_one_problem() -> None:
    race, qualifying = event("race", RACE), event("qualifying", RACE - DAY)
    publish(qualifying)
    failing_poll(race, NOW - 10 * MINUTE, NOW)
    failing_poll(qualifying, NOW - 20 * MINUTE, NOW, failures=2, last_error="404")
    health = check_health(NOW)
    assert health.state is State.SILENT
    assert only(health) == Finding(
        key="upstream-silent",
        severity=Alarm.Severity.SILENT,
        title="The upstream has been silent since 2024-07-28 17:40 UTC",
        advice=(
            "Requested without success: 2024 Belgian Grand Prix Race (Jolpica's results of 2024: "
            "no answer in time); 2024 Belgian Grand Prix Qualifying (404). Results come late; "
            "nothing that is saved is touched. It is requested again automatically; what cannot "
            "wait, enter by hand."
        ),
        since=NOW - 20 * MINUTE,
    )


@pytest.mark.usefixtures("works")
def test_of_many_that_fail_three_are_named() -> None:
    for number in range(5):
        race = event("race", RACE, grand_prix=f"grand-prix-{number}", name=f"{number}th Grand Prix")
        failing_poll(race, NOW - HOUR, NOW, last_error="429")
    assert only(check_health(NOW)).advice.startswith(
        "Requested without success: 2024 0th Grand Prix Race (429); "
        "2024 1th Grand Prix Race (429); 2024 2th Grand Prix Race (429); 2 more. "
    )


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("race", {"failures": 2}),
        ("race", {"failures": 0, "failing_since": None}),
        ("race", {"next_at": None}),
        ("sprint_qualifying", {"failures": 20}),
    ],
)
def test_what_fails_twice_or_is_not_asked_any_more_is_no_silence(
    kind: str, facts: dict[str, Any]
) -> None:
    awaited = event(kind, NOW - 5 * HOUR)
    failing_poll(awaited, NOW - HOUR, NOW, **facts)
    assert found() == {}


@pytest.mark.usefixtures("works")
def test_a_cancelled_session_is_not_asked_about_and_no_silence() -> None:
    failing_poll(event("race", RACE, status="cancelled"), NOW - HOUR, NOW)
    assert found() == {}


@pytest.mark.usefixtures("works")
def test_any_answer_that_can_be_used_ends_the_silence() -> None:
    race, qualifying = event("race", RACE), event("qualifying", RACE - DAY)
    publish(qualifying)
    failing_poll(race, NOW - HOUR, NOW - 30 * MINUTE, answered_at=NOW - 2 * HOUR)
    before = NOW - HOUR - SECOND
    other = failing_poll(qualifying, NOW, NOW, failures=0, failing_since=None, answered_at=before)
    assert found() == {"upstream-silent": "silent"}
    other.answered_at = NOW - HOUR
    other.save()
    assert found() == {}
    other.failures, other.failing_since = 3, NOW - 30 * MINUTE
    other.save()
    assert "2024-07-28 17:30 UTC" in only(check_health(NOW)).title, "silent once more"


@pytest.mark.usefixtures("works")
def test_answers_that_cannot_be_used_are_as_good_as_none() -> None:
    failing_poll(event("race", RACE), NOW - HOUR, NOW, answered_at=NOW)
    assert found() == {"upstream-silent": "silent"}


@pytest.mark.parametrize(
    ("season", "now", "is_reported"),
    [
        (2024, NOW, True),
        (2023, NOW, False),
        (2025, NOW, False),
        (2025, datetime(2025, 2, 28, tzinfo=UTC), False),
        (2025, datetime(2025, 3, 1, tzinfo=UTC), True),
    ],
)
def test_calendars_are_told_after_an_hour_the_next_seasons_from_march(
    season: int, now: datetime, is_reported: bool
) -> None:
    healthy(now)
    event("race", RACE, results_state="official", results_revision=1)
    run(now, seasons=[2024])
    poll = failing_poll(season, now - HOUR, now, failures=9)
    assert found(now) == {}
    poll.failing_since = now - HOUR - SECOND
    poll.save()
    assert found(now) == ({f"unread-calendars:{season}": "silent"} if is_reported else {})


@pytest.mark.usefixtures("works")
def test_one_failure_to_read_the_calendars_waits_for_the_next_time() -> None:
    poll = failing_poll(2024, NOW - 12 * HOUR, NOW - 12 * HOUR, failures=1)
    assert found() == {}
    poll.failures, poll.requested_at = 2, NOW
    poll.save()
    finding = only(check_health(NOW))
    assert finding.title == "2024 calendars could not be read since 2024-07-28 06:00 UTC"
    assert finding.advice.startswith(
        "The last failure: Jolpica's results of 2024: no answer in time. "
    )


WITH_SPRINT = {
    "sprint_qualifying": RACE - 2 * DAY,
    "sprint": RACE - DAY - 3 * HOUR,
    "qualifying": RACE - DAY,
    "race": RACE,
}
# Each a day after its end, but the sprint qualifying after the sprint's.
DUE = {
    "sprint": datetime(2024, 7, 28, 11, 30, tzinfo=UTC),
    "sprint_qualifying": datetime(2024, 7, 28, 11, 30, tzinfo=UTC),
    "qualifying": datetime(2024, 7, 28, 14, 30, tzinfo=UTC),
    "race": datetime(2024, 7, 29, 16, tzinfo=UTC),
}


def overdue(now: datetime) -> dict[str, str]:
    prefix = "overdue:2024-belgian-grand-prix-"
    return {key.removeprefix(prefix): kind for key, kind in found(now).items() if prefix in key}


def test_each_kind_of_result_is_overdue_in_its_own_time() -> None:
    switch_polling_off()
    for kind, starts_at in WITH_SPRINT.items():
        event(kind, starts_at)
    for kind, due in DUE.items():
        name = kind.replace("_", "-")
        assert name not in overdue(due - SECOND)
        assert overdue(due)[name] == "silent"
    finding = check_health(DUE["race"]).findings[-1]
    assert finding.title == ("Result more than 24 hours overdue: 2024 Belgian Grand Prix Race")
    assert finding.since == DUE["race"]
    for awaited in Event.objects.all():
        publish(awaited)
    assert overdue(DUE["race"]) == {}


def test_with_an_account_a_sprint_qualifying_is_due_a_day_after_itself(
    settings: Settings,
) -> None:
    switch_polling_off()
    settings.F1_USERNAME = "someone@example.org"
    for kind, starts_at in WITH_SPRINT.items():
        event(kind, starts_at)
    due = WITH_SPRINT["sprint_qualifying"] + timedelta(minutes=75) + DAY
    assert overdue(due - SECOND) == {}
    assert overdue(due) == {"sprint-qualifying": "silent"}


@pytest.mark.parametrize(
    ("facts", "at", "is_overdue"),
    [
        ({}, NOW + DAY, True),
        ({"status": "cancelled"}, NOW + DAY, False),
        ({"results_locked": True}, NOW + DAY, False),
        ({"results_state": "provisional", "results_revision": 1}, NOW + DAY, False),
        ({}, NOW + 200 * DAY, True),
        ({"season": 2023}, NOW + 29 * DAY, True),
        ({"season": 2023}, NOW + 31 * DAY, False),
    ],
)
def test_only_what_is_expected_and_recent_is_overdue(
    facts: dict[str, Any], at: datetime, is_overdue: bool
) -> None:
    switch_polling_off()
    event("race", RACE, **facts)
    event("race", RACE + DAY, grand_prix="another", status="cancelled")
    assert bool([key for key in found(at) if key.startswith("overdue:")]) == is_overdue


@pytest.mark.usefixtures("works")
def test_a_result_that_nobody_asked_for_is_our_own_fault() -> None:
    awaited = event("race", RACE)
    now = DUE["race"]
    tick(now)
    assert overdue(now) == {"race": "broken"}
    assert only(check_health(now)).advice.startswith(
        "It was expected from 2024-07-28 16:00 UTC. It was not requested since; picks on it are "
    )
    poll = failing_poll(awaited, now, now, failures=0, last_error="", requested_at=RACE)
    assert overdue(now) == {"race": "broken"}
    poll.requested_at = now - HOUR
    poll.save()
    assert overdue(now) == {"race": "silent"}
    assert only(check_health(now)).advice.startswith(
        "It was expected from 2024-07-28 16:00 UTC. "
        "The upstream did not have it at 2024-07-29 15:00 UTC; picks on it are not scored. "
    )


@pytest.mark.usefixtures("works")
def test_what_is_new_here_is_overdue_once_there_was_time_to_ask() -> None:
    """A season whose calendar is read in its middle, a grand prix that is on again."""
    learn(event("race", RACE - 7 * DAY), NOW)
    tick(NOW + HOUR)
    assert found(NOW) == found(NOW + HOUR - SECOND) == {}
    assert found(NOW + HOUR) == {"overdue:2024-belgian-grand-prix-race": "broken"}


@pytest.mark.usefixtures("works")
def test_what_is_new_here_and_was_asked_for_in_vain_is_overdue_at_once() -> None:
    awaited = event("race", RACE - 7 * DAY)
    learn(awaited, NOW)
    failing_poll(awaited, NOW, NOW, failures=0, failing_since=None, last_error="")
    assert found(NOW + MINUTE) == {"overdue:2024-belgian-grand-prix-race": "silent"}


def test_what_is_new_here_where_nothing_is_polled_has_its_time_too() -> None:
    switch_polling_off()
    learn(event("race", RACE - 7 * DAY), NOW)
    assert found(NOW + MINUTE) == {}
    assert found(NOW + HOUR) == {"overdue:2024-belgian-grand-prix-race": "silent"}


def test_before_the_first_tick_only_the_missing_tick_is_a_fault() -> None:
    """Set up on Monday from the command line, the worker is started on Thursday."""
    monday, thursday = NOW, NOW + 3 * DAY
    switch_polling_on(monday)
    run(monday - 200 * DAY, seasons=[2024])
    learn(event("race", RACE), monday)
    assert found(thursday) == {"no-tick": "broken"}
    tick(thursday)
    assert found(thursday) == {
        "overdue:2024-belgian-grand-prix-race": "broken",
        "stale-schedule": "broken",
    }


def test_a_schedule_that_was_read_long_before_polling_began_is_stale_two_days_after_that() -> None:
    switch_polling_on(NOW)
    tick(NOW + 2 * DAY)
    event("race", RACE + 20 * DAY)
    run(NOW - 90 * DAY, seasons=[2024])
    assert found(NOW + 2 * DAY - SECOND) == {}
    finding = only(check_health(NOW + 2 * DAY))
    assert (finding.key, finding.since) == ("stale-schedule", NOW - 90 * DAY)


# A person has to look


@pytest.mark.usefixtures("works")
def test_a_proposal_waits_for_a_person_and_leaves_the_state_ok() -> None:
    settled = event("race", RACE - 300 * DAY, results_state="settled", results_revision=1)
    settled.proposal = Change.objects.create(
        event=settled, kind="proposed", revision=1, cause="poll", created_at=NOW - HOUR
    )
    settled.save()
    health = check_health(NOW)
    finding = only(health)
    assert health.state is State.OK
    assert (finding.key, finding.severity) == ("proposal:2023-belgian-grand-prix-race", "attention")
    assert finding.since == NOW - HOUR
    assert finding.title == (
        "The upstream has another podium for 2023 Belgian Grand Prix Race, which was settled"
    )
    settled.proposal_rejected = True
    settled.save()
    assert found() == {}


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize(
    ("facts", "is_reported"),
    [
        ({"disputed_starts_at": RACE + 20 * DAY + 6 * HOUR}, True),
        ({"disputed_starts_at": RACE + 20 * DAY + 6 * HOUR - SECOND}, False),
        ({"disputed_starts_at": RACE + 19 * DAY, "schedule_locked": True}, False),
        ({"disputed_starts_at": RACE + 19 * DAY, "start_is_estimated": True}, False),
        ({"disputed_starts_at": RACE + 19 * DAY, "status": "cancelled"}, False),
    ],
)
def test_starts_that_are_disputed_by_hours_are_told_once_for_a_weekend(
    facts: dict[str, Any], is_reported: bool
) -> None:
    event("race", RACE + 20 * DAY, **facts)
    event("qualifying", RACE + 19 * DAY, disputed_starts_at=RACE + 18 * DAY)
    finding = only(check_health(NOW))
    assert (finding.key, finding.severity) == (
        "disputed-start:2024-belgian-grand-prix",
        Alarm.Severity.ATTENTION,
    )
    assert finding.advice.startswith(
        "Qualifying 2024-08-16 13:00 UTC or 2024-08-15 13:00 UTC"
        + ("; Race 2024-08-17 13:00 UTC or 2024-08-17 19:00 UTC. " if is_reported else ". ")
    )
    begun = RACE + 20 * DAY
    tick(begun)
    run(begun)
    assert "disputed-start:2024-belgian-grand-prix" not in found(begun)


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize("is_estimated", [True, False])
def test_a_start_that_is_unknown_a_week_before_is_reported(is_estimated: bool) -> None:
    closes, over = NOW + 7 * DAY, NOW + 11 * DAY
    event(
        "race",
        closes + 2 * DAY if is_estimated else None,
        start_is_estimated=is_estimated,
        locks_at=closes,
        ends_at=over,
    )
    event("qualifying", closes + DAY)
    assert found(NOW - SECOND) == {}
    finding = only(check_health(NOW))
    assert (finding.key, finding.severity) == ("unknown-start:2024-belgian-grand-prix", "attention")
    assert finding.since == NOW
    assert finding.advice.startswith(
        "It is missing for Race; picks close at 2024-08-04 18:00 UTC, "
    )
    assert "unknown-start:2024-belgian-grand-prix" not in found(over)


# The whole


@pytest.mark.usefixtures("works")
def test_the_worst_comes_first_and_decides_the_state() -> None:
    race = event("race", RACE)
    failing_poll(race, NOW, NOW)
    event("qualifying", RACE + 19 * DAY, disputed_starts_at=RACE + 18 * DAY)
    health = check_health(NOW)
    assert [finding.severity for finding in health.findings] == ["silent", "attention"]
    assert health.state is State.SILENT
    later = check_health(NOW + HOUR)
    assert [finding.severity for finding in later.findings] == ["broken", "silent", "attention"]
    assert later.state is State.BROKEN


# A clock that was ahead


@pytest.mark.usefixtures("works")
def test_a_tick_of_a_clock_that_was_ahead_is_no_sign_of_life() -> None:
    tick(NOW + 23 * HOUR)
    run(NOW + 22 * HOUR)
    health = check_health(NOW)
    assert (health.last_tick, health.findings) == (NOW - 2 * MINUTE, ())
    assert health.refreshed_at == NOW - 6 * HOUR
    assert health.last_run is not None
    assert health.last_run.started_at <= NOW
    assert [note for note in health.notes if "2024-07-29 17:00 UTC" in note]
    assert found(NOW + 30 * MINUTE) == {"no-tick": "broken"}


# Other schedules


@pytest.mark.usefixtures("works")
def test_a_schedule_that_cannot_be_read_is_named_without_its_values() -> None:
    row = Schedule.objects.create(
        func="shop.tasks.bill", name="bills", args="'s3cr3t", schedule_type="D", next_run=NOW
    )
    finding = only(check_health(NOW))
    assert (finding.key, finding.severity) == (f"unreadable-schedule:{row.pk}", "attention")
    assert finding.title == (
        f"The schedule 'bills' (id {row.pk}) cannot be read: its arguments cannot be read"
    )
    Schedule.objects.filter(pk=row.pk).update(func="ingestion.queue.tasks.tick")
    assert only(check_health(NOW)).severity == "broken"
    Schedule.objects.filter(pk=row.pk).update(repeats=0)
    assert found() == {}


# The recipe for a kind more


@pytest.mark.usefixtures("works")
def test_an_alarm_kind_more_is_one_entry_in_the_table(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """It is found, stored, sent and cleared without another line."""

    def find_full_disk(facts: Facts) -> Iterator[Case]:
        yield Case(facts.now, {"left": "3 MB"}, subject="cache")

    kind = AlarmKind(
        "disk", Alarm.Severity.BROKEN, "The disk has {left} left", "Free some.", find_full_disk
    )
    monkeypatch.setattr(health_module, "KINDS", (*KINDS, kind))
    channels = [Channel("json", receiver.alarm_url)]
    assert update_alarms(check_health(NOW), NOW, channels=channels) == 1
    alarm = Alarm.objects.get()
    assert (alarm.key, alarm.severity, alarm.title, alarm.advice) == (
        "disk:cache",
        "broken",
        "The disk has 3 MB left",
        "Free some.",
    )
    assert receiver.titles == ["F1 Picks: we are broken: The disk has 3 MB left"]
    monkeypatch.undo()
    update_alarms(check_health(NOW), NOW + MINUTE, channels=channels)
    assert not Alarm.objects.get().is_open
