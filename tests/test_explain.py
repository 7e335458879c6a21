"""`manage.py f1_explain`: which event is meant, and its whole story."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from ingestion.errors import WrongRequest
from ingestion.management.event_lookup import find_event
from ingestion.models import Change, Event
from ingestion.sample.season import load_season
from tests.command_line import complaint, squeeze
from tests.project import Project

pytestmark = pytest.mark.once

BELGIUM = ("2024", "belgium", "race")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

# A classification that is amended, corrected and proposed to be changed, by a process of its own.
PLAY = """
from datetime import UTC, datetime, timedelta
from django.contrib.auth import get_user_model
from ingestion import corrections
from ingestion.models import IngestRun
from ingestion.testing.feed import SeasonFeed

feed = SeasonFeed(is_held=False)
event = feed.publish().event
feed.amend(event)
anna = corrections.Author(
    get_user_model().objects.create_user("anna"),
    "the [bold] stewards found another car under the weight that is allowed, see document 58",
    datetime(2024, 7, 29, tzinfo=UTC),
)
corrections.disqualify(event, ("piastri", 81), anna, revision=2)
event.refresh_from_db()
corrections.settle_results(event, anna, revision=3)
"""


@pytest.fixture
def explained(project: Project) -> Project:
    done = project.manage("shell", "-v0", "-c", PLAY)
    assert done.returncode == 0, done.stderr
    return project


# Which event


@pytest.fixture
def season(db: None) -> None:
    """2024 by the schedule file's names and places."""
    Event.objects.bulk_create(
        Event(
            season=2024,
            grand_prix=weekend.id,
            name=weekend.name,
            country=weekend.country,
            location=weekend.location,
            session_type=session.name.lower().replace(" ", "_"),
            starts_at=session.starts_at,
        )
        for weekend in load_season(2024).grands_prix
        for session in weekend.sessions
        if not session.name.startswith("Practice")
    )


@pytest.mark.usefixtures("season")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("belgium race", "Belgian Grand Prix Race"),
        ("Belgian Grand Prix race", "Belgian Grand Prix Race"),
        ("belgian-grand-prix race", "Belgian Grand Prix Race"),
        ("belgi race", "Belgian Grand Prix Race"),
        ("spa race", "Belgian Grand Prix Race"),
        ("sao paulo race", "São Paulo Grand Prix Race"),
        ("SÃO race", "São Paulo Grand Prix Race"),
        ("brazil race", "São Paulo Grand Prix Race"),
        ("monza race", "Italian Grand Prix Race"),
        ("italian race", "Italian Grand Prix Race"),
        ("emilia romagna r", "Emilia Romagna Grand Prix Race"),
        ("montreal q", "Canadian Grand Prix Qualifying"),
        ("united states race", "United States Grand Prix Race"),
        ("austin sprint", "United States Grand Prix Sprint"),
        ("austria sprint-qualifying", "Austrian Grand Prix Sprint Qualifying"),
        ("austria sprint_qualifying", "Austrian Grand Prix Sprint Qualifying"),
        ("austria sprint qualifying", "Austrian Grand Prix Sprint Qualifying"),
        ("austria Sprint Shootout", "Austrian Grand Prix Sprint Qualifying"),
        ("austria sq", "Austrian Grand Prix Sprint Qualifying"),
        ("austria quali", "Austrian Grand Prix Qualifying"),
        ("mexico RACE", "Mexico City Grand Prix Race"),
        ("abu dhabi race", "Abu Dhabi Grand Prix Race"),
    ],
)
def test_an_event_is_found_by_what_people_call_it(words: str, found: str) -> None:
    assert str(find_event("2024", words.split())) == f"2024 {found}"


@pytest.mark.usefixtures("season")
@pytest.mark.parametrize(
    ("season_text", "words", "message"),
    [
        (
            "2024",
            "italy race",
            r"'italy' may be any of these, .*: Emilia Romagna .*Imola.*, Italian .*Monza",
        ),
        (
            "2024",
            "atlantis race",
            r"no grand prix of the season is called 'atlantis' or held there: Bahrain, .*Abu Dhabi",
        ),
        ("2024", "usa race", "no grand prix of the season is called 'usa'"),
        ("2024", "--- race", "no grand prix of the season is called '---'"),
        (
            "2024",
            "belgium sprint",
            "the 2024 Belgian Grand Prix has no Sprint, it has Qualifying, Race",
        ),
        (
            "2024",
            "monza",
            "a grand prix and a session are needed, such as 'belgium race', not 'monza'",
        ),
        ("2024", "monza s", "a grand prix and a session are needed"),
        ("2024", "race", "a grand prix and a session are needed"),
        ("2024", "sprint qualifying", "no grand prix of the season is called 'sprint'"),
        (
            "2024",
            "",
            "a grand prix and a session are needed, such as 'belgium race'; the",
        ),
        ("1999", "monza race", "no event of 1999 is in the database, which has 2024"),
        ("monza", "race", "the season comes first, as a year like 2024, not 'monza'"),
        ("", "", "the season comes first, as a year like 2024, then a grand prix and a session"),
    ],
)
def test_what_is_none_or_several_is_said_with_what_there_is(
    season_text: str, words: str, message: str
) -> None:
    with pytest.raises(WrongRequest, match=f"^{message}"):
        find_event(season_text, words.split())


def test_wrong_usage_is_one_line_and_exit_code_2(project: Project) -> None:
    done = project.manage("f1_explain", *BELGIUM)
    assert complaint(done, 2) == (
        "no event of 2024 is in the database, which is empty: "
        "run 'python manage.py ingest_f1' first."
    )
    assert done.stdout == ""
    complaint(project.manage("f1_explain"), 2)


def test_a_database_that_is_not_migrated_is_explained_as_by_an_ingest(
    unmigrated_project: Project,
) -> None:
    done = unmigrated_project.manage("f1_explain", *BELGIUM)
    assert complaint(done, 1) == (
        "the database has no tables yet. Nothing was changed. Run 'python manage.py migrate' first."
    )


def test_a_database_that_is_down_is_explained_as_by_an_ingest(project: Project) -> None:
    nowhere = {"DATABASE_URL": "postgresql://f1:secret@127.0.0.1:1/f1"}
    done = project.manage("f1_explain", *BELGIUM, env=nowhere)
    assert complaint(done, 1).startswith("the database cannot be reached. Nothing was changed.")
    assert "secret" not in done.stderr


# Its story

STORY = """
2024 Belgian Grand Prix Race
 where    round 14, Spa-Francorchamps, Belgium
 start    2024-07-28 13:00 UTC, 15:00 there (the schedule file)
 picks    closed since 2024-07-28 13:00 UTC
 status   completed
 results  settled, revision 3 from a person
 by hand  classification; ingests only compare
Story
 2024-06-30 13:00 UTC  Put on the calendar as round 14, start 2024-07-28 13:00 UTC
                       (the schedule file)
                       by poll
 2024-07-28 16:30 UTC  Revision 1 published: P1 Russell, P2 Hamilton, P3 Piastri (Jolpica)
                       by poll
 2024-07-28 18:30 UTC  Revision 2: P1 Russell -> Hamilton, P2 Hamilton -> Piastri,
                       P3 Piastri -> Leclerc, Russell disqualified (Jolpica)
                       by poll
 2024-07-29 00:00 UTC  Revision 3 corrected by hand: P2 Piastri -> Leclerc,
                       P3 Leclerc -> Verstappen, Piastri disqualified
                       by anna: "the [bold] stewards found another car under the weight that
                       is allowed, see document 58"
 2024-07-29 00:00 UTC  Revision 3 declared settled
                       by anna: "the [bold] stewards found another car under the weight that
                       is allowed, see document 58"
Payout
 scored  revision 3, settled
 made    by hand, see the story
 saved   2024-07-29 00:00 UTC
 podium  P1 Lewis Hamilton, P2 Charles Leclerc, P3 Max Verstappen
 picks   count if they were made before 2024-07-28 13:00 UTC
"""


def test_the_whole_story_from_the_calendar_to_the_payout(explained: Project) -> None:
    done = explained.manage("f1_explain", *BELGIUM)
    assert (done.returncode, done.stderr) == (0, "")
    assert squeeze(done.stdout) == squeeze(STORY)


def test_the_same_as_one_object(explained: Project) -> None:
    done = explained.manage("f1_explain", *BELGIUM, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert list(report) == ["event", "story", "payout"]
    event = report["event"]
    assert (event["grand_prix"], event["status"]) == ("belgian-grand-prix", "completed")
    assert (event["starts_at"], event["results_locked"]) == ("2024-07-28T13:00:00Z", True)
    with explained.database() as alias:
        changes = Change.objects.using(alias).filter(event__session_type="race").order_by("pk")
        kept = list(changes.values_list("pk", "kind", "revision"))
    assert [(one["id"], one["kind"], one["revision"]) for one in report["story"]] == kept
    assert report["story"][0] == {
        "id": report["story"][0]["id"],
        "at": "2024-06-30T13:00:00Z",
        "kind": "scheduled",
        "revision": 0,
        "sentence": (
            "Put on the calendar as round 14, start 2024-07-28 13:00 UTC (the schedule file)"
        ),
        "author": "poll",
        "cause": "poll",
        "run": None,
        "person": None,
        "reason": "",
    }
    assert report["story"][-1]["person"] == "anna"
    assert report["payout"] == {
        "revision": 3,
        "state": "settled",
        "source": "person",
        "made_at": None,
        "saved_at": "2024-07-29T00:00:00Z",
        "podium": ["hamilton", "leclerc", "max_verstappen"],
        "picks_count_before": "2024-07-28T13:00:00Z",
    }


def test_before_the_results_nothing_is_scored(explained: Project) -> None:
    done = explained.manage("f1_explain", "2024", "spa", "q")
    assert "scored nothing yet: it has no classification" in " ".join(done.stdout.split())
    done = explained.manage("f1_explain", "2024", "spa", "q", "--format", "json")
    assert json.loads(done.stdout)["payout"] is None


def test_a_terminal_of_80_columns_is_enough(explained: Project) -> None:
    shown = run_on_terminal(explained, "f1_explain", *BELGIUM)
    lines = [line.rstrip() for line in ANSI.sub("", shown).replace("\r", "").splitlines()]
    assert "2024 Belgian Grand Prix Race" in lines
    assert max(map(len, lines)) <= 80
    assert "…" not in shown


def run_on_terminal(project: Project, *arguments: str) -> str:
    """What a terminal of 80 columns shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        project.command(*arguments),
        cwd=project.folder,
        env=project.environment({"TERM": "xterm-256color"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b"".join(iter(lambda: read_terminal(ours), b""))
    os.close(ours)
    assert process.wait(30) == 0
    return shown.decode()


def read_terminal(ours: int) -> bytes:
    """Linux ends a terminal that nobody has open any more with an error."""
    try:
        return os.read(ours, 4096)
    except OSError:
        return b""


def test_one_driver_is_explained_by_a_part_of_the_name(explained: Project) -> None:
    piastri = explained.manage("f1_explain", *BELGIUM, "--driver", "piastri").stdout
    text = squeeze(piastri)
    assert "Oscar Piastri (piastri)" in text
    assert "first named at" in text and "in revision 1" in text
    assert "D of 20 (order 20) in car 81 of McLaren, Disqualified" in text
    as_json = explained.manage("f1_explain", *BELGIUM, "--driver", "PIA", "--format", "json").stdout
    assert json.loads(as_json)["driver"]["driver"].startswith("Oscar Piastri")

    nobody = explained.manage("f1_explain", *BELGIUM, "--driver", "fangio")
    assert nobody.returncode == 2
    assert "no driver is called 'fangio'" in nobody.stderr
