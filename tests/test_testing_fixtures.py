"""`ingestion.testing` as a game's developers use it: in a pytest run of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from f1picks.environment import ROOT
from ingestion import testing
from ingestion.models import Change, Event
from ingestion.save import save_calendar
from ingestion.sessions import SessionType
from ingestion.testing.feed import SeasonFeed
from tests.builders import calendar, context, grand_prix

pytestmark = pytest.mark.once

TESTS = ROOT / "tests" / "fixtures_in_use.py"
# Hears of what the process connects to and imports, from here on.
CONFTEST = """
import json, os, sys

heard = {"connected": [], "imported": []}

def hear(event, arguments):
    if event == "socket.connect":
        heard["connected"].append(repr(arguments[1]))
    elif event == "import" and arguments[0] in ("fastf1", "pandas", "numpy", "requests"):
        heard["imported"].append(arguments[0])

sys.addaudithook(hear)

def pytest_sessionfinish():
    with open(os.environ["HEARD"], "w") as file:
        json.dump(heard, file)

pytest_plugins = ["ingestion.testing"]
"""


def run_pytest(
    folder: Path, database_url: str, *arguments: str, settings: str = "tests.settings"
) -> subprocess.CompletedProcess[str]:
    """In a folder of its own, without this suite's configuration."""
    quiet = ("-q", "-p", "no:cacheprovider", "--tb=short", "-W", "error")
    alone = ("-c", os.devnull, "--rootdir", str(folder))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, *alone, *arguments, str(folder)],
        check=False,
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": settings,
            "TEST_DATABASE_URL": database_url,
            "HEARD": str(folder / "heard.json"),
        },
        capture_output=True,
        text=True,
    )


def test_a_games_tests_pass_without_network_and_without_fastf1(
    tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    shutil.copy(TESTS, tmp_path / "test_game.py")
    done = run_pytest(tmp_path, database_url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE)
    assert json.loads((tmp_path / "heard.json").read_text()) == {"connected": [], "imported": []}


def test_they_work_in_a_project_with_people_of_its_own(tmp_path: Path, database_url: str) -> None:
    """Who sign in by mail, and whose keys are no numbers."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["ingestion.testing"]')
    shutil.copy(TESTS, tmp_path / "test_game.py")
    chosen = ("-k", "settled or corrected or picked")
    stranger = "tests.host_project.suite"
    done = run_pytest(tmp_path, database_url, *chosen, settings=stranger)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed, \d+ deselected", done.stdout, re.MULTILINE)


def test_the_fixtures_explain_themselves(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["ingestion.testing"]')
    done = run_pytest(tmp_path, database_url, "--fixtures", "-vv")

    for name in testing.__all__:
        if name == "season_feed":
            continue
        text = done.stdout.partition(f"\n{name} -- ")[2].partition(" -- ")[0]
        assert re.search(rf"^ +def test_\w+\(.*\b{name}\b.*\):$", text, re.MULTILINE), text


def test_the_plugin_can_be_loaded_before_django_is_set_up(
    tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "test_game.py").write_text("def test_it(published):\n    assert published().pk\n")
    done = run_pytest(tmp_path, database_url, "-p", "ingestion.testing")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_is_told_as_by_a_calendar() -> None:
    """The one entry that does not come by way of one."""
    feed = SeasonFeed(is_held=False)
    ours = feed.cancel(season=2023)
    first = grand_prix("Hungarian Grand Prix", round_number=13)
    save_calendar(calendar(first, grand_prix()), context())
    without = calendar(first)
    save_calendar(without, context(), jolpica=without)
    theirs = Change.objects.filter(
        event__season=2024, event__session_type=SessionType.RACE, kind=Change.Kind.CANCELLED
    ).get()

    assert (ours.before, ours.after) == (theirs.before, theirs.after)
    events = Event.objects.filter(pk__in=[ours.event_id, theirs.event_id])
    assert events.values("status", "round_number", "locks_at").distinct().count() == 1
