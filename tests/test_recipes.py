"""The recipe for a fact more on `Result`, carried out in a copy of the project."""

import filecmp
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from f1picks.environment import ROOT
from tests.command_line import (
    addresses,
    filled_database,
    filled_project,
    read_rows,
    small_upstream,
)
from tests.project import Project
from tests.upstream import FaultyUpstream

__all__ = ["filled_database", "filled_project", "small_upstream"]

PARTS = ("ingestion", "f1picks", "rehearsal", "manage.py")
# Where a race's rows are read.
READERS = ("transform/classifications.py", "sources/jolpica/classifications.py")
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
READ = 'grid=read_integer(row.get("grid")),\n'

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


def test_a_nullable_fact_more_is_four_files_and_no_revision(
    filled: Project, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    copy = copy_project(tmp_path)
    for name, (line, added) in AFTER.items():
        insert_after(copy / "ingestion" / name, line, added)
    reader = next(path for name in READERS if (path := copy / "ingestion" / name).exists())
    insert_after(reader, READ, 'driver_nationality=read_text(row.get("driverNationality")),\n')
    made = manage(copy, filled, upstream, "makemigrations", "ingestion", "-n", "nationality")
    assert made.returncode == 0, made.stderr

    assert list(find_changed(copy)) == [
        "ingestion/migrations/0002_nationality.py",
        "ingestion/models/events.py",
        "ingestion/records.py",
        str(reader.relative_to(copy)),
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
