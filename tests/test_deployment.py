"""The Procfile and docs/deployment.md do what they say."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from f1picks.environment import ROOT
from ingestion.models import Event
from tests.project import Project

pytestmark = pytest.mark.project

BIN = Path(sys.executable).parent
PROCFILE = dict(
    line.split(": ", maxsplit=1) for line in (ROOT / "Procfile").read_text().splitlines()
)
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()


def run(project: Project, command: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        check=False,
        cwd=ROOT,
        env=project.environment({"PATH": path, **env}),
        capture_output=True,
        text=True,
        timeout=120,
    )


def statements() -> list[str]:
    """The SQL of the page, in order."""
    return re.findall(r"^```sql\n(.*?)^```$", DEPLOYMENT, re.MULTILINE | re.DOTALL)


def test_processes_are_these_and_the_page_has_their_commands() -> None:
    assert list(PROCFILE) == ["release", "web", "worker"]
    for name, command in PROCFILE.items():
        assert f"| `{name}` | `{command}` |" in DEPLOYMENT


def test_release_makes_the_tables_of_an_empty_database(unmigrated_project: Project) -> None:
    released = run(unmigrated_project, PROCFILE["release"])
    assert released.returncode == 0, released.stderr
    assert unmigrated_project.query("SELECT count(*) FROM ingestion_event") == [(0,)]
    assert run(unmigrated_project, PROCFILE["release"]).returncode == 0


def test_pages_can_be_served(unmigrated_project: Project) -> None:
    command = f"{PROCFILE['web']} --check-config"
    served = run(unmigrated_project, command, SECRET_KEY="only-for-this-test")
    assert (served.returncode, served.stderr) == (0, "")
    refused = run(unmigrated_project, command)
    assert refused.returncode != 0
    assert "SECRET_KEY is not set" in refused.stderr


def test_worker_is_a_command_of_the_project(unmigrated_project: Project) -> None:
    python, script, *arguments = shlex.split(PROCFILE["worker"])
    assert (python, script) == ("python", "manage.py")
    assert unmigrated_project.manage(*arguments, "--help").returncode == 0


@pytest.mark.django_db
def test_ids_of_the_old_worker_are_mapped_and_what_has_no_partner_is_shown() -> None:
    mapping, left_over = statements()
    events = [
        create_event("chinese-grand-prix", session_type, 5)
        for session_type in ("sprint_qualifying", "sprint", "race")
    ]
    events.append(create_event("belgian-grand-prix", "race", 14))
    create_event("emilia-romagna-grand-prix", "race", None)
    old = [
        (71, 2024, 5, "Sprint Qualifying"),
        (72, 2024, 5, "sprint"),
        (73, 2024, 5, "Race"),
        (74, 2024, 14, "race"),
        (75, 2024, 6, "race"),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE events (id integer, season integer, round_number integer,"
            " session_type varchar(40))"
        )
        cursor.executemany("INSERT INTO events VALUES (%s, %s, %s, %s)", old)
        cursor.execute(mapping)
        cursor.execute("SELECT old_id, event_id FROM event_ids ORDER BY old_id")
        assert cursor.fetchall() == list(zip(range(71, 75), events, strict=True))
        cursor.execute(left_over)
        assert cursor.fetchall() == [old[-1]]


def create_event(grand_prix: str, session_type: str, round_number: int | None) -> int:
    return Event.objects.create(
        season=2024,
        grand_prix=grand_prix,
        session_type=session_type,
        name=grand_prix,
        round_number=round_number,
    ).pk
