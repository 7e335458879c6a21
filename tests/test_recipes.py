"""The recipes of docs/architecture.md, carried out in a copy of the project: which files a change
takes, and that it works. The one for a kind of alarm is in test_health.py. And how far it is from
the command to a saved row."""

import filecmp
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from f1picks.environment import ROOT
from tests.command_line import (
    addresses,
    filled_database,
    filled_project,
    read_rows,
    small_upstream,
)
from tests.project import Project
from tests.test_sessions import VALUES, write_row
from tests.upstream import FaultyUpstream

__all__ = ["filled_database", "filled_project", "small_upstream"]

# Each is about the code's files; the suite proves that the code does not depend on the database.
# The recipes are those of this project.
pytestmark = [pytest.mark.once, pytest.mark.project]

PARTS = ("ingestion", "f1picks", "rehearsal", "manage.py")
# Where a race's rows are read.
READER = "sources/jolpica/classifications.py"
AFTER = {
    "models/events.py": (
        "    q3 = models.DurationField(null=True, blank=True)\n",
        "    driver_nationality = models.CharField(max_length=40, null=True, blank=True)\n",
    ),
    "records.py": (
        "    q3: timedelta | None = None\n",
        "    driver_nationality: str | None = None\n",
    ),
}
READ = 'status=read_text(row.get("status"), longest=LONGEST_STATUS),\n'

# A provisional source of sprint qualifyings, whose order is that of the season's known drivers.
PIT_WALL = """
from datetime import timedelta

from ingestion import records
from ingestion.records import ClassificationRecord, RaceIdentity, ResultRecord
from ingestion.sessions import SessionType
from ingestion.sources.protocol import (
    Classification, ClassificationQuery, SourceAnswer, Upstream,
)

LAP = timedelta(seconds=90)


class PitWall(Upstream):
    name = records.Source.PIT_WALL

    @classmethod
    def has_kind(cls, session_type: SessionType) -> bool:
        return session_type is SessionType.SPRINT_QUALIFYING

    def offers(self, season: int, session_type: SessionType) -> bool:
        return self.has_kind(session_type)

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        day = (query.starts_at + timedelta(days=2)).date()
        race = RaceIdentity(query.season, query.round_number or 0, query.name, day, "", "")
        known = {one.driver_id: one for one in query.known}
        results = tuple(
            ResultRecord(
                order, order, str(order), one.driver_id, one.driver_number, one.driver_code,
                one.driver_name, one.constructor_id, one.constructor_name,
                q1=LAP + timedelta(seconds=order),
                q2=LAP + timedelta(seconds=order) if order <= 15 else None,
                q3=LAP + timedelta(seconds=order) if order <= 10 else None,
            )
            for order, one in enumerate(known.values(), start=1)
        )
        record = ClassificationRecord(race, query.session_type, self.name, None, results)
        return SourceAnswer((record,))
"""

# What follows from the record's fields.
DOORS = """
from ingestion.admin.comparison import as_entries, compare
from ingestion.admin.exports import export_json, export_results_csv
from ingestion.admin.forms import CORRECTIONS
from ingestion.corrections import edit_entries, Author, restore_revision
from ingestion.models import Change, Event
from django.contrib.auth.models import User
from django.utils import timezone

race = Event.objects.get(grand_prix="belgian-grand-prix", session_type="race")
csv = b"".join(export_results_csv(2024)).decode()
assert csv.splitlines()[0].endswith(",driver_nationality"), csv[:400]
assert b'"driver_nationality": "British"' in b"".join(export_json(2024))
assert "driver_nationality" in CORRECTIONS["entry"](race, timezone.now()).columns

was = as_entries(race.classification)
now = [{**was[0], "driver_nationality": "Welsh"}, *was[1:]]
assert "British → Welsh" in compare(was, now)[0].details, compare(was, now)[0]

author = Author(User.objects.create_user("anna"), "a test", timezone.now())
winner = race.classification[0]
keys = [(entry.driver_id, entry.driver_number) for entry in race.classification]
edit_entries(race, keys, {keys[0]: {"driver_nationality": "Welsh"}}, author, revision=1)
change = Change.objects.latest("pk")
assert [detail["field"] for detail in change.after["details"]] == ["driver_nationality"]
assert Event.objects.get(pk=race.pk).results_revision == 1
print("all of it")
"""


# Who calls Django where the first result is saved.
FRAMES = """
import io, traceback
from django.core.management import call_command
from django.db.models import QuerySet
from ingestion.models import Result

create = QuerySet.bulk_create

def print_callers(self, rows, *arguments, **options):
    if self.model is Result and rows:
        for frame in traceback.extract_stack():
            if "/ingestion/" in frame.filename:
                print(frame.name)
    return create(self, rows, *arguments, **options)

QuerySet.bulk_create = print_callers
call_command("ingest_f1", year="2024", stdout=io.StringIO())
"""
WRAPPERS = {"execute", "work_again"}


def copy_project(folder: Path) -> Path:
    copy = folder / "copy"
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, copy / part, ignore=ignored)
        elif (ROOT / part).exists():
            shutil.copy(ROOT / part, copy / part)
    return copy


def insert_after(path: Path, line: str, added: str) -> None:
    source = path.read_text()
    assert source.count(line) == 1, f"{path} has {line!r} {source.count(line)} times"
    path.write_text(source.replace(line, line + added))


def find_changed(copy: Path) -> Iterator[str]:
    for path in sorted((copy / "ingestion").rglob("*.py")):
        name = path.relative_to(copy)
        original = ROOT / name
        if not (original.exists() and filecmp.cmp(path, original, shallow=False)):
            yield str(name)


def manage(
    copy: Path, project: Project, upstream: FaultyUpstream, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(copy / "manage.py"), *arguments],
        check=False, cwd=project.folder, capture_output=True, text=True, timeout=120,
        env=project.environment(addresses(upstream)),
    )  # fmt: skip


@pytest.mark.long
def test_a_nullable_fact_more_is_four_files_and_no_revision(
    filled: Project, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    copy = copy_project(tmp_path)
    for name, (line, added) in AFTER.items():
        insert_after(copy / "ingestion" / name, line, added)
    insert_after(
        copy / "ingestion" / READER,
        READ,
        'driver_nationality=read_text(row.get("driverNationality")),\n',
    )
    made = manage(copy, filled, upstream, "makemigrations", "ingestion", "-n", "nationality")
    assert made.returncode == 0, made.stderr

    assert list(find_changed(copy)) == [
        "ingestion/migrations/0002_nationality.py",
        "ingestion/models/events.py",
        "ingestion/records.py",
        f"ingestion/{READER}",
    ]

    before = read_rows(filled)
    migrated = manage(copy, filled, upstream, "migrate", "-v0")
    assert migrated.returncode == 0, migrated.stderr
    ran = manage(copy, filled, upstream, "ingest_f1", "--year", "2024", "--refresh")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    after = read_rows(filled)

    assert after["change"] == before["change"]
    revisions = [row["results_revision"] for row in after["event"]]
    assert revisions == [row["results_revision"] for row in before["event"]] == [1] * len(revisions)
    count = "SELECT count(*) FROM ingestion_result WHERE driver_nationality IS NOT NULL"
    assert filled.query(count) == [(60,)]

    again = manage(copy, filled, upstream, "ingest_f1", "--year", "2024", "--refresh")
    assert again.returncode == 0, again.stdout + again.stderr
    assert read_rows(filled)["change"] == before["change"]

    shown = manage(copy, filled, upstream, "shell", "-v0", "-c", DOORS)
    assert (shown.returncode, shown.stdout) == (0, "all of it\n"), shown.stderr


def read_sprint_qualifying(project: Project) -> list[tuple[object, ...]]:
    return project.query(
        "SELECT results_state, results_source, results_revision FROM ingestion_event "
        "WHERE session_type = 'sprint_qualifying'"
    )


def test_a_provisional_source_more_is_a_module_its_name_and_a_line_in_the_registry(
    project: Project, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    copy = copy_project(tmp_path)
    sources = copy / "ingestion" / "sources"
    (sources / "pit_wall.py").write_text(PIT_WALL)
    registry = sources / "connection.py"
    line = "from ingestion.sources.live_timing import LiveTiming\n"
    insert_after(registry, line, "from ingestion.sources.pit_wall import PitWall\n")
    insert_after(registry, "    LiveTiming,\n", "    PitWall,\n")
    name = '    PIT_WALL = "pit_wall", "the pit wall", True\n'
    line = '    LIVE_TIMING = "live_timing", "live timing", True\n'
    insert_after(copy / "ingestion" / "records.py", line, name)
    assert list(find_changed(copy)) == [
        "ingestion/records.py",
        "ingestion/sources/connection.py",
        "ingestion/sources/pit_wall.py",
    ]
    upstream.fault("*/SQ/", status=404)
    ran = manage(copy, project, upstream, "ingest_f1", "--year", "2024")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # In place of the guess that the sprint's grid allows.
    assert read_sprint_qualifying(project) == [("provisional", "pit_wall", 1)]
    shown = manage(copy, project, upstream, "f1_explain", "2024", "china", "sq")
    assert "(the pit wall)" in shown.stdout, shown.stdout + shown.stderr

    upstream.clear_faults()
    ran = manage(copy, project, upstream, "ingest_f1", "--year", "2024", "--refresh")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert read_sprint_qualifying(project) == [("official", "jolpica_newer", 2)]


@pytest.mark.long
def test_a_kind_of_session_more_is_a_row_and_a_migration(
    filled: Project, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    copy = copy_project(tmp_path)
    table = copy / "ingestion" / "sessions.py"
    source, marker = table.read_text(), "\n    @property\n    def label(self)"
    assert source.count(marker) == 1
    table.write_text(source.replace(marker, f"\n{write_row(VALUES)}\n{marker}"))
    made = manage(copy, filled, upstream, "makemigrations", "ingestion", "-n", "memorable")
    assert made.returncode == 0, made.stderr
    assert list(find_changed(copy)) == [
        "ingestion/migrations/0002_memorable.py",
        "ingestion/sessions.py",
    ]

    before = read_rows(filled)
    migrated = manage(copy, filled, upstream, "migrate", "-v0")
    assert migrated.returncode == 0, migrated.stderr
    ran = manage(copy, filled, upstream, "ingest_f1", "--year", "2024", "--format", "json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["problems"] == []
    assert read_rows(filled) == before


def test_few_functions_lie_between_the_command_and_a_saved_row(
    project: Project, upstream: FaultyUpstream
) -> None:
    ran = project.manage("shell", "-v0", "-c", FRAMES, env=addresses(upstream))
    assert ran.returncode == 0, ran.stderr
    frames = [name for name in ran.stdout.split() if name not in WRAPPERS]
    assert (frames[0], frames[-1]) == ("handle", "write")
    assert len(frames) <= 10, frames
