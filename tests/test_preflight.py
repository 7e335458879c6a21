"""`manage.py f1_preflight`: whether the coming weekend will work, asked on a Thursday."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from ingestion.models import Change, Event, IngestRun, RequestBlock
from ingestion.monitoring.preflight import Check, Verdict, check_weekend, is_ready
from ingestion.sample.season import load_season
from tests.command_line import complaint, squeeze
from tests.installation import (
    DAY,
    HOUR,
    MINUTE,
    event,
    healthy,
    run,
    switch_polling_off,
    switch_polling_on,
)
from tests.project import Project
from tests.rows import all_rows
from tests.upstream import FaultyUpstream
from tests.webhook import SECRET, Receiver, webhook_receiver  # noqa: F401 - fixture `receiver`

pytestmark = [pytest.mark.once, pytest.mark.django_db]

# The Thursday before Belgium.
NOW = datetime(2024, 7, 25, 10, tzinfo=UTC)
RACE = datetime(2024, 7, 28, 13, tzinfo=UTC)


@pytest.fixture
def thursday(settings: Settings) -> None:
    """Everything is as it should be."""
    healthy(NOW)
    event("qualifying", RACE - DAY)
    event("race", RACE)
    settings.F1_ALARM_URLS = "json://127.0.0.1:9/"


def check(
    *, now: datetime = NOW, is_online: bool = False, sends_test_alarm: bool = False
) -> dict[str, Check]:
    made = check_weekend(lambda: now, is_online=is_online, sends_test_alarm=sends_test_alarm)
    told = {one.name: one for one in made}
    assert len(told) == len(made)
    return told


def told(name: str, **how: Any) -> tuple[str, str]:
    one = check(**how)[name]
    return one.verdict.value, one.summary


@pytest.mark.usefixtures("thursday")
def test_a_weekend_that_will_work_is_ok_throughout() -> None:
    made = check()
    assert {name: one.summary for name, one in made.items()} == {
        "database": "reachable, all migrations were run",
        "settings": "the system checks find nothing",
        "worker": "its last tick was 2 minutes ago",
        "calendars": "those of 2024 last fully refreshed 6 hours ago",
        "weekend": "2024 Belgian Grand Prix: Qualifying, Race",
        "times": "2024-07-27 13:00 UTC, 2024-07-28 13:00 UTC",
        "locks": "picks close 2024-07-27 13:00 UTC, 2024-07-28 13:00 UTC",
        "requests": "none was sent this hour",
        "alarms": "go to json-59f2d7; no test was sent",
        "health": "no other problem is known",
    }
    assert {one.verdict for one in made.values()} == {Verdict.OK}
    assert is_ready(made.values())


@pytest.mark.usefixtures("thursday")
def test_on_sunday_only_what_is_still_to_come_is_looked_at() -> None:
    sunday = RACE - HOUR
    made = check(now=sunday)
    assert made["weekend"].summary == "2024 Belgian Grand Prix: Race"
    assert check(now=RACE + MINUTE)["locks"].summary == "picks on all of them are closed"


# The worker and its like


@pytest.mark.usefixtures("thursday")
def test_a_dead_worker_fails() -> None:
    verdict, words = told("worker", now=NOW + HOUR)
    assert (verdict, words[:14]) == ("fails", "No worker tick")
    switch_polling_on(NOW)
    healthy_ticks = check(now=NOW)
    assert healthy_ticks["worker"].verdict is Verdict.OK, "its ticks are still there"


def test_a_worker_that_has_not_ticked_yet_fails() -> None:
    switch_polling_on(NOW)
    assert told("worker") == (
        "fails",
        "no tick has succeeded yet. Start 'python manage.py qcluster' and look again",
    )


@pytest.mark.usefixtures("thursday")
def test_polling_that_is_off_is_a_warning() -> None:
    switch_polling_off()
    verdict, words = told("worker")
    assert (verdict, words.partition(":")[0]) == ("warning", "polling is off")


@pytest.mark.usefixtures("thursday")
def test_calendars_that_are_old_or_were_never_read_fail() -> None:
    assert told("calendars", now=NOW + 3 * DAY)[0] == "fails"
    IngestRun.objects.all().delete()
    assert told("calendars") == (
        "fails",
        "no run has fully refreshed those of 2024. Run 'python manage.py ingest_f1'",
    )


@pytest.mark.usefixtures("thursday")
def test_what_else_is_known_to_be_wrong_has_its_line() -> None:
    event("race", RACE - 7 * DAY, grand_prix="hungarian-grand-prix", name="Hungarian Grand Prix")
    run(NOW - HOUR, clock_offset=timedelta(minutes=1))
    made = check()
    assert {name for name, one in made.items() if one.verdict is Verdict.FAILS} == {
        "overdue",
        "clock",
    }
    assert "health" not in made


@pytest.mark.usefixtures("thursday")
def test_what_waits_for_a_person_warns() -> None:
    settled = event("race", RACE - 300 * DAY, results_state="settled", results_revision=1)
    settled.proposal = Change.objects.create(
        event=settled, kind="proposed", revision=1, cause="poll", created_at=NOW
    )
    settled.save()
    made = check()
    assert made["proposal"].verdict is Verdict.WARNING
    assert is_ready(made.values())


# The weekend


@pytest.mark.parametrize(
    ("facts", "verdict", "words"),
    [
        ({"start_is_estimated": True}, "fails", "unknown: Race. Set the starts by hand "),
        ({"disputed_starts_at": RACE - 6 * HOUR}, "fails", "the calendars disagree by hours: Race"),
        ({"disputed_starts_at": RACE - HOUR}, "warning", "the calendars disagree: Race; picks "),
    ],
)
@pytest.mark.usefixtures("thursday")
def test_times_that_are_unknown_or_disputed(
    facts: dict[str, Any], verdict: str, words: str
) -> None:
    Event.objects.filter(session_type="race").update(**facts)
    found, why = told("times")
    assert (found, why[: len(words)]) == (verdict, words)
    far = told("times", now=NOW - 10 * DAY)
    assert far[0] == "warning", "it may still come by itself"


@pytest.mark.parametrize(
    ("facts", "is_set"),
    [
        ({"locks_at": None}, False),
        ({"locks_at": RACE + MINUTE}, False),
        ({"locks_at": RACE - DAY}, True),
    ],
)
@pytest.mark.usefixtures("thursday")
def test_locks_are_set_and_no_later_than_the_start(facts: dict[str, Any], is_set: bool) -> None:
    Event.objects.filter(session_type="race").update(**facts)
    verdict, words = told("locks")
    assert verdict == ("ok" if is_set else "fails")
    assert is_set or words == "picks do not close in time: Race. Set the start by hand"


@pytest.mark.usefixtures("thursday")
def test_a_weekend_that_is_far_away_is_said_to_be() -> None:
    assert told("weekend", now=NOW - 10 * DAY) == (
        "ok",
        "2024 Belgian Grand Prix: Qualifying, Race, more than a week ahead",
    )


@pytest.mark.usefixtures("thursday")
def test_a_weekend_without_a_race_and_none_at_all_are_warnings() -> None:
    Event.objects.filter(session_type="race").update(status="cancelled")
    assert told("weekend") == ("warning", "2024 Belgian Grand Prix: Qualifying; there is no race")
    Event.objects.all().delete()
    made = check()
    assert made["weekend"].verdict is Verdict.WARNING
    assert {"times", "locks"}.isdisjoint(made)


# Requests and alarms


@pytest.mark.parametrize(("spent", "verdict"), [(120, "ok"), (121, "warning"), (180, "warning")])
@pytest.mark.usefixtures("thursday")
def test_an_hour_that_is_nearly_spent_warns(spent: int, verdict: str) -> None:
    RequestBlock.objects.create(host="a", requests=spent, reserved_at=NOW - MINUTE)
    RequestBlock.objects.create(host="b", requests=1, reserved_at=NOW - MINUTE)
    found, words = told("requests")
    assert (found, words.partition(";")[0]) == (verdict, f"{180 - spent} left this hour for a")


@pytest.mark.usefixtures("thursday")
def test_the_second_source_s_own_limit_is_not_the_hour_s(settings: Settings) -> None:
    settings.F1_SECOND_SOURCE, settings.OPENF1_URL = "openf1", "https://api.openf1.example/v1"
    RequestBlock.objects.create(host="a", requests=1, reserved_at=NOW - MINUTE)
    RequestBlock.objects.create(host="api.openf1.example", requests=30, reserved_at=NOW - MINUTE)
    assert told("requests") == ("ok", "179 left this hour for a")


@pytest.mark.usefixtures("thursday")
def test_alarms_without_a_channel_are_a_warning(settings: Settings) -> None:
    settings.F1_ALARM_URLS = ""
    verdict, words = told("alarms")
    assert (verdict, words.partition(":")[0]) == ("warning", "F1_ALARM_URLS is empty")


@pytest.mark.usefixtures("thursday")
def test_a_test_message_goes_to_each_channel_where_it_is_requested(
    settings: Settings, receiver: Receiver
) -> None:
    settings.F1_ALARM_URLS = f"{receiver.alarm_url} {receiver.alarm_url}/other"
    check()
    assert receiver.posts == []
    verdict, words = told("alarms", sends_test_alarm=True)
    assert (verdict, words.partition(" json-")[0]) == ("ok", "a test message went to")
    assert receiver.titles == ["F1 Picks: test message"] * 2
    settings.F1_ALARM_URLS = f"{receiver.alarm_url} nonsense://{SECRET}"
    verdict, words = told("alarms", sends_test_alarm=True)
    assert verdict == "warning"
    assert words.startswith("the test message did not arrive by nonsense-")
    assert SECRET not in words
    receiver.status = 500
    assert told("alarms", sends_test_alarm=True)[0] == "fails"


# The upstreams


@pytest.fixture
def answering(
    settings: Settings, tmp_path: Path, fastf1_restored: None
) -> Iterator[FaultyUpstream]:
    with FaultyUpstream({2024: load_season(2024)}, clock=lambda: NOW) as upstream:
        settings.F1_SCHEDULE_URL = upstream.schedule_url
        settings.JOLPICA_URL = upstream.jolpica_url
        settings.FASTF1_CACHE_DIR = tmp_path / "cache"
        yield upstream


@pytest.mark.usefixtures("thursday")
def test_both_upstreams_are_asked_once_within_the_budget_and_nothing_is_saved(
    answering: FaultyUpstream,
) -> None:
    before = all_rows()
    made = check(is_online=True)
    assert [made[name].summary for name in ("schedule file", "Jolpica", "clock")] == [
        "it responds, with the calendar of 2024",
        "it responds, with the calendar of 2024",
        "0 seconds from the upstream's",
    ]
    assert is_ready(made.values())
    assert len(answering.requests) == 2
    assert sum(RequestBlock.objects.values_list("requests", flat=True)) == 2
    assert all_rows() == before
    assert IngestRun.objects.count() == 1


@pytest.fixture
def with_second(answering: FaultyUpstream, settings: Settings) -> FaultyUpstream:
    settings.F1_SECOND_SOURCE, settings.OPENF1_URL = "openf1", answering.openf1_url
    return answering


@pytest.mark.usefixtures("thursday")
def test_the_second_source_is_requested_past_the_cache_within_its_limits(
    with_second: FaultyUpstream,
) -> None:
    host = with_second.openf1_url.split("/")[2]
    days_ago = RequestBlock.objects.create(host=host, requests=3, reserved_at=NOW - 2 * DAY)
    for _ in range(2):
        assert told("OpenF1", is_online=True) == ("ok", "it responds, with the calendar of 2024")
    lists = [one.path for one in with_second.requests if one.path.startswith("/openf1/")]
    assert [path.rpartition("/")[2] for path in lists] == ["meetings", "sessions"] * 2
    # What counts for four days stays.
    assert RequestBlock.objects.filter(pk=days_ago.pk).exists()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 503}, "OpenF1's meetings of 2024: the server answered 503 Service"),
        ({"html": True}, "OpenF1's meetings of 2024: the answer is not what it should be"),
    ],
)
@pytest.mark.usefixtures("thursday")
def test_a_silent_second_source_is_no_failure(
    fault: dict[str, Any], words: str, with_second: FaultyUpstream
) -> None:
    with_second.fault("/openf1/*", **fault)
    made = check(is_online=True)
    assert made["OpenF1"].verdict is Verdict.WARNING
    assert made["OpenF1"].summary.startswith(words)
    assert made["OpenF1"].summary.endswith(". Results come without it, later and unconfirmed")
    assert is_ready(made.values())


@pytest.mark.usefixtures("thursday")
def test_a_second_source_that_answers_nobody_for_now_is_no_failure(
    with_second: FaultyUpstream,
) -> None:
    running = NOW + DAY * 2 + timedelta(hours=4, minutes=20)
    with_second.clock = lambda: running
    verdict, words = told("OpenF1", now=running, is_online=True)
    assert (verdict, words.partition(".")[0]) == (
        "warning",
        "while a session runs OpenF1 answers only requests with an account",
    )


@pytest.mark.usefixtures("thursday")
def test_without_network_nobody_is_asked(answering: FaultyUpstream) -> None:
    assert {"schedule file", "Jolpica", "clock"}.isdisjoint(check(is_online=False))
    assert answering.requests == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 503}, "the server answered 503 Service Unavailable. The server has trouble of"),
        ({"status": 429}, "the server asks for fewer requests (429). Run it again in an hour: "),
        ({"html": True}, "the answer is not what it should be and cannot be read. Run it again"),
    ],
)
@pytest.mark.usefixtures("thursday")
def test_an_upstream_that_does_not_answer_fails(
    fault: dict[str, Any], words: str, answering: FaultyUpstream
) -> None:
    answering.fault("/ergast/*", **fault)
    made = check(is_online=True)
    assert made["schedule file"].verdict is Verdict.OK
    assert made["Jolpica"].verdict is Verdict.FAILS
    assert made["Jolpica"].summary.startswith(f"Jolpica's calendar of 2024: {words}")


@pytest.mark.usefixtures("thursday")
def test_an_hour_that_is_spent_leaves_the_upstreams_unasked(answering: FaultyUpstream) -> None:
    host = answering.jolpica_url.split("/")[2]
    RequestBlock.objects.create(host=host, requests=180, reserved_at=NOW - MINUTE)
    made = check(is_online=True)
    assert made["Jolpica"].verdict is Verdict.WARNING
    assert made["Jolpica"].summary.startswith(f"no request was sent: {host} would get more than ")
    assert answering.requests == []


@pytest.mark.usefixtures("thursday")
def test_a_clock_that_is_wrong_fails_and_one_that_was_is_past(answering: FaultyUpstream) -> None:
    run(NOW - HOUR, clock_offset=timedelta(minutes=5))
    assert check(is_online=True)["clock"].verdict is Verdict.OK
    verdict, words = told("clock", now=NOW + 2 * MINUTE, is_online=True)
    assert (verdict, words) == (
        "fails",
        "2 minutes from the upstream's; picks close by it. Have it set by NTP",
    )


@pytest.mark.usefixtures("thursday")
def test_a_cache_that_cannot_be_written_fails(answering: FaultyUpstream, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    made = check(is_online=True)
    assert made["upstream"].verdict is Verdict.FAILS
    assert made["upstream"].summary.startswith("it could not be requested: the cache folder ")


# The command


def test_the_command_marks_each_line_and_says_what_fails(
    settings: Settings, receiver: Receiver
) -> None:
    settings.F1_ALARM_URLS = f"ftp://{SECRET} {receiver.alarm_url}"
    switch_polling_on(NOW)
    out = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("f1_preflight", "--offline", "--send-test-alarm", stdout=out)
    assert raised.value.returncode == 1
    assert str(raised.value) == (
        "not ready: worker, calendars. Put that right and run f1_preflight again."
    )
    lines = out.getvalue().splitlines()
    assert lines[0].startswith(" ✓ ok       database: reachable, ")
    assert any(line.startswith(" ✗ fails    worker: No worker tick ") for line in lines)
    assert any(line.startswith(" ! warning  weekend: no session ahead ") for line in lines)
    assert "its address is not one that Apprise knows" in squeeze(out.getvalue())
    assert len(receiver.posts) == 1
    assert SECRET not in out.getvalue()


def test_the_command_is_one_object_for_machines() -> None:
    switch_polling_off()
    run(datetime.now(UTC))
    out = io.StringIO()
    call_command("f1_preflight", "--offline", "--format", "json", stdout=out)
    told = json.loads(out.getvalue())
    assert told["ready"] is True
    assert told["checks"][0] == {
        "name": "database",
        "verdict": "ok",
        "summary": "reachable, all migrations were run",
    }


@pytest.mark.usefixtures("thursday")
def test_it_takes_as_many_queries_whatever_is_stored() -> None:
    with CaptureQueriesContext(connection) as few:
        check()
    for number in range(20):
        event("race", RACE + number * DAY, grand_prix=f"grand-prix-{number}")
    with CaptureQueriesContext(connection) as many:
        check()
    assert len(many) == len(few)


def test_a_database_that_was_not_migrated_or_is_not_there_is_all_that_is_said(
    unmigrated_project: Project, closed_port: int
) -> None:
    done = unmigrated_project.manage("f1_preflight", "--offline")
    assert complaint(done, 1) == ("not ready: database. Put that right and run f1_preflight again.")
    assert "migrations were not run. Run 'python manage.py migrate'" in done.stdout
    url = f"postgresql://someone:{SECRET}@127.0.0.1:{closed_port}/picks"
    done = unmigrated_project.manage("f1_preflight", env={"DATABASE_URL": url})
    assert complaint(done, 1).startswith("not ready: database. ")
    assert "the database cannot be reached. " in " ".join(done.stdout.split())
    assert done.stdout.count("fails") == 1
    assert SECRET not in done.stdout + done.stderr
