"""`manage.py f1_status`: how things stand, for people and for monitors."""

import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from ingestion.models import Alarm, Poll, RequestBlock
from ingestion.monitoring.alerting import acknowledge
from ingestion.monitoring.facts import print_duration
from ingestion.report import Problem
from tests.command_line import complaint, squeeze
from tests.installation import (
    DAY,
    HOUR,
    MINUTE,
    event,
    failing_poll,
    healthy,
    run,
    switch_polling_off,
    switch_polling_on,
)
from tests.persons import User
from tests.project import Project
from tests.webhook import SECRET, Receiver, webhook_receiver  # noqa: F401 - fixture `receiver`

pytestmark = pytest.mark.once

HOST = "api.jolpi.example"


@pytest.fixture
def now(db: None) -> datetime:
    """Of an installation that works."""
    at = timezone.now()
    healthy(at)
    return at


def status(*arguments: str) -> str:
    out = io.StringIO()
    call_command("f1_status", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def table(text: str) -> dict[str, str]:
    """Labels with their words; a line without a label goes on with the one before."""
    told: dict[str, str] = {}
    label = ""
    for line in text.splitlines():
        if line[1:2].strip():
            label, _, words = line.strip().partition("  ")
            told[label] = squeeze(words)
        elif line.strip():
            told[label] += f" {squeeze(line)}"
    return told


def printed(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def test_what_works_is_told_with_the_state_first(now: datetime) -> None:
    race = event("race", now + 3 * DAY)
    sprint = event("sprint", now - 3 * HOUR)
    Poll.objects.create(event=sprint, season=now.year, next_at=now + 10 * MINUTE + MINUTE / 2)
    Poll.objects.create(season=now.year, next_at=now + 20 * MINUTE + MINUTE / 2)
    Poll.objects.create(season=now.year - 1, next_at=now - DAY)
    late = event("qualifying", now - 2 * DAY, results_state="official", results_revision=1)
    Poll.objects.create(
        event=late, season=now.year, next_at=now - MINUTE, failures=1, requested_at=now
    )
    RequestBlock.objects.create(host=HOST, requests=30, reserved_at=now - 10 * MINUTE)
    RequestBlock.objects.create(host=HOST, requests=100, reserved_at=now - 2 * HOUR)
    out = status()
    assert out.startswith(" state ")
    assert table(out) == {
        "state": "all is well",
        "worker": f"last tick {printed(now - 2 * MINUTE)}, 2 minutes ago",
        "last run": f"{printed(now - 6 * HOUR)} (schedule): ok",
        "calendars": f"{now.year} calendars last fully refreshed at {printed(now - 6 * HOUR)}",
        "next session": f"{race}, {printed(now + 3 * DAY)}, picks close {printed(now + 3 * DAY)}",
        "awaited": f"the result of {sprint}, over since {printed(now - 90 * MINUTE)}",
        "next polls": (
            f"{late}: due, 1 without success so far "
            f"{sprint}: {printed(now + 10 * MINUTE + MINUTE / 2)}, in 10 minutes "
            f"the calendars of {now.year}: {printed(now + 20 * MINUTE + MINUTE / 2)}, in 20 minutes"
        ),
        "failing": f"{late}: for no known reason",
        "requests": f"150 of 180 left this hour for {HOST}",
    }


def test_the_second_source_has_its_own_limit(now: datetime, settings: Settings) -> None:
    settings.F1_SECOND_SOURCE, settings.OPENF1_URL = "openf1", "https://api.openf1.example/v1"
    host = "api.openf1.example"
    RequestBlock.objects.create(host=HOST, requests=30, reserved_at=now - 10 * MINUTE)
    # Its limit is of four days.
    RequestBlock.objects.create(host=host, requests=5, reserved_at=now - 10 * MINUTE)
    RequestBlock.objects.create(host=host, requests=3, reserved_at=now - 2 * DAY)
    RequestBlock.objects.create(host=host, requests=20, reserved_at=now - 5 * DAY)
    left = table(status())["requests"]
    assert left == f"150 of 180 left this hour for {HOST}, 32 of 40 left within 4 days for {host}"
    assert json.loads(status("--format", "json"))["requests_left"] == {HOST: 150, host: 32}


def test_an_empty_installation_says_what_to_do(db: None) -> None:
    switch_polling_off()
    assert table(status()) == {
        "state": "nothing has been ingested yet",
        "note": (
            "Nothing is polled: the schedule 'f1 tick' was deleted or its repeats are 0. Results "
            "come in only when someone runs ingest_f1."
        ),
        "last run": "none yet: run 'python manage.py ingest_f1'",
        "calendars": f"{timezone.now().year} calendars not fully refreshed by any run yet",
        "next session": "none is known",
        "requests": "none this hour, 180 may be sent to each upstream",
    }


def test_a_silent_upstream_is_told_and_no_failure(now: datetime) -> None:
    races = [event("race", now - 5 * HOUR, grand_prix=f"round-{number}") for number in range(5)]
    for race in races:
        failing_poll(race, now - HOUR, now)
    told = table(status())
    assert told["failing"].count("no answer in time") == len(races)
    assert told["state"] == "the upstream is silent; we work"
    assert told["the upstream is silent"].startswith("The upstream has been silent since ")


@pytest.mark.twice
def test_what_is_broken_is_told_by_exit_code_1_and_in_one_line(project: Project) -> None:
    long_ago = "django.utils.timezone.now() - datetime.timedelta(hours=1)"
    code = (
        "import datetime, django.utils.timezone\n"
        "from tests.installation import switch_polling_on, tick\n"
        f"switch_polling_on({long_ago}); tick({long_ago})"
    )
    done = project.manage("shell", "-v0", "-c", code)
    assert done.returncode == 0, done.stderr
    done = project.manage("f1_status", env={"F1_ALARM_URLS": f"json://127.0.0.1:9/{SECRET}"})
    assert complaint(done, 1).startswith("No worker tick has succeeded since ")
    assert table(done.stdout)["state"] == "we are broken"
    assert SECRET not in done.stdout + done.stderr


def test_monitors_get_one_object_broken_or_not(now: datetime) -> None:
    race = event("race", now - 5 * HOUR)
    failing_poll(race, now - HOUR, now)
    told = json.loads(status("--format", "json"))
    assert told["state"] == "silent"
    assert [finding["key"] for finding in told["findings"]] == ["upstream-silent"]
    assert told["is_polling"] is True
    assert told["last_run"] == {
        "at": printed_json(now - 6 * HOUR),
        "outcome": "ok",
        "fault": "",
    }
    assert told["awaited"] == [{"event": str(race), "ends_at": printed_json(now - 2 * HOUR)}]
    assert told["requests_left"] == {}
    run(now - MINUTE, "failed", fault="ours")
    run(now - MINUTE, "failed", fault="ours", problems=[Problem("the disk is full").as_data()])
    out = io.StringIO()
    with pytest.raises(CommandError, match="The newest says: the disk is full") as raised:
        call_command("f1_status", "--format", "json", stdout=out)
    assert raised.value.returncode == 1
    assert json.loads(out.getvalue())["state"] == "broken"


def printed_json(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def test_it_takes_as_many_queries_for_many_events_and_polls(now: datetime) -> None:
    event("race", now - 5 * HOUR, grand_prix="first-grand-prix")
    with CaptureQueriesContext(connection) as few:
        status()
    for number in range(20):
        race = event("race", now - 5 * HOUR, grand_prix=f"grand-prix-{number}")
        failing_poll(race, now - HOUR, now)
        Alarm.objects.create(key=f"{number}", severity="silent", title="it is", raised_at=now)
    with CaptureQueriesContext(connection) as many:
        status()
    assert len(many) == len(few) <= 16


# Alarms


@pytest.fixture
def dead_worker(db: None) -> datetime:
    at = timezone.now()
    switch_polling_on(at - HOUR)
    return at


def test_notifying_notices_a_dead_worker_from_elsewhere(
    dead_worker: datetime, settings: Settings, receiver: Receiver
) -> None:
    settings.F1_ALARM_URLS = receiver.alarm_url
    for _ in range(3):
        with pytest.raises(CommandError, match="No worker tick has succeeded yet"):
            status("--notify")
    assert len(receiver.posts) == 1
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("f1_status", stdout=out)
    alarm = Alarm.objects.get()
    at = printed(alarm.raised_at)
    assert table(out.getvalue())["we are broken"].endswith(f"no-tick since {at}, message sent {at}")
    assert SECRET not in out.getvalue()


def test_without_notifying_no_alarm_is_raised(dead_worker: datetime) -> None:
    with pytest.raises(CommandError):
        status()
    assert not Alarm.objects.exists()


def test_notifying_without_a_channel_is_said(now: datetime) -> None:
    err = io.StringIO()
    call_command("f1_status", "--notify", stdout=io.StringIO(), stderr=err)
    assert err.getvalue() == ("no message is sent: F1_ALARM_URLS is empty. Name a channel in it.\n")


def test_acknowledging_is_noted_once_and_shown(now: datetime) -> None:
    for slug in ("first-grand-prix", "other-grand-prix"):
        event("race", None, season=now.year, grand_prix=slug, locks_at=now + DAY, ends_at=now + DAY)
    status("--notify")
    first, other = (f"unknown-start:{now.year}-{slug}-grand-prix" for slug in ("first", "other"))
    assert status("--acknowledge", first) == f"{first}: acknowledged\n"
    assert status("--acknowledge", first) == f"{first}: was acknowledged before\n"
    anna = User.objects.create_user("anna")
    acknowledge(Alarm.objects.get(key=other), anna, now)
    text = squeeze(status())
    for key, by in ((first, ""), (other, " by anna")):
        alarm = Alarm.objects.get(key=key)
        assert alarm.acknowledged_at is not None
        assert (
            f"{key} since {printed(alarm.raised_at)}, no message sent yet, acknowledged "
            f"{printed(alarm.acknowledged_at)}{by}"
        ) in text
    told: list[dict[str, Any]] = json.loads(status("--format", "json"))["alarms"]
    assert {alarm["key"]: alarm["acknowledged_by"] for alarm in told} == {
        other: "anna",
        first: None,
    }


def test_an_alarm_whose_problem_is_over_is_no_problem(now: datetime) -> None:
    Alarm.objects.create(key="clock", severity="broken", title="it is", raised_at=now)
    assert table(status()).get("we are broken") is None
    assert table(status())["over"] == "clock: cleared at the watch's next look"


@pytest.mark.parametrize(("known", "told"), [([], "none is"), (["clock", "no-tick"], "")])
def test_an_alarm_that_is_not_open_cannot_be_acknowledged(
    known: list[str], told: str, now: datetime
) -> None:
    for key in known:
        Alarm.objects.create(key=key, severity="broken", title="it is", raised_at=now)
    Alarm.objects.create(
        key="old", severity="broken", title="it was", raised_at=now - DAY, cleared_at=now
    )
    with pytest.raises(CommandError) as raised:
        status("--acknowledge", "old")
    assert raised.value.returncode == 2
    assert str(raised.value).startswith("no alarm 'old' is open; open: ")
    assert all(key in str(raised.value) for key in known) and told in str(raised.value)


# What is not there


def test_a_database_that_cannot_be_read_is_one_line(unmigrated_project: Project) -> None:
    done = unmigrated_project.manage("f1_status", "--notify")
    assert complaint(done, 1) == (
        "the database has no tables yet. Nothing was changed. Run 'python manage.py migrate' first."
    )
    assert done.stdout == ""


def test_wrong_usage_is_exit_code_2(unmigrated_project: Project) -> None:
    done = unmigrated_project.manage("f1_status", "--format", "xml")
    assert done.returncode == 2
    assert "invalid choice: 'xml'" in done.stderr


def test_words_for_durations_are_those_of_people() -> None:
    lengths = {45: "45 seconds", 60: "1 minute", 90: "90 seconds", 150: "2 minutes"}
    lengths |= {3600: "1 hour", 5400: "90 minutes", 86400: "1 day", 100 * 3600: "4 days"}
    assert {seconds: print_duration(timedelta(seconds=-seconds)) for seconds in lengths} == lengths
