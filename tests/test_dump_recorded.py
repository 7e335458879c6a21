"""The real dump, served over HTTP by a stand-in: all of history in one file, and it says what the
recorded pages of the same server say."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from f1picks.environment import ROOT
from ingestion.models import Event
from tests.dumping import Fill, name_dump_requests
from tests.project import Project
from tests.rows import all_rows
from tests.test_recorded_seasons import ROWS, said, saved
from tests.upstream import SHARED, FaultyUpstream, needs_shared

pytestmark = [
    pytest.mark.once,
    needs_shared,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fastf1_restored"),
]

REAL = SHARED / "jolpica" / "dump" / "csv_dump.zip"
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
HELD = (1958, 1979, 1980, 1997, 2007, 2008, 2009, 2020, 2023)
PRINTED = (1958, 1979, 1997, 2007, 2020, 2023)
LACKING = (
    "1950 to 1957, 1959 to 1978, 1981 to 1996, 1998 to 2006, 2010 to 2019, 2021 to 2022 and 2024"
)
# Above an idle worker's, in megabytes.
MOST_MEMORY = 200


@pytest.fixture
def recorded() -> Iterator[FaultyUpstream]:
    """Its pages know no season: whatever is requested of them has no rows."""
    with FaultyUpstream({}, clock=lambda: NOW, strict=False) as upstream:
        upstream.dump = REAL.read_bytes()
        yield upstream


@pytest.fixture
def fill(recorded: FaultyUpstream, tmp_path: Path) -> Fill:
    return Fill(recorded, tmp_path, now=NOW)


def test_the_real_dump_says_what_the_recorded_pages_say(
    fill: Fill, recorded: FaultyUpstream
) -> None:
    began = time.monotonic()
    report = fill(*HELD)
    assert time.monotonic() - began < 60
    assert (report.outcome, report.requests) == ("ok", 3)
    assert name_dump_requests(recorded) == ["overview", "download", "store"]
    assert [line.rpartition("; ")[2] for line in fill.lines] == ["complete"] * len(HELD)
    for season in PRINTED:
        for endpoint, (session_type, _) in ROWS.items():
            assert saved(season, session_type) == said(season, endpoint), (season, session_type)
    # What no page of the Ergast form has.
    events = Event.objects.filter(season=2023, session_type="sprint_qualifying")
    assert {(event.results_source, len(event.classification)) for event in events} == {
        ("jolpica_dump", 20)
    }
    before = all_rows()
    assert fill(*HELD).requests == 0
    assert all_rows() == before


def test_all_of_history_takes_two_requests_of_the_dump_and_one_redirect(
    fill: Fill, recorded: FaultyUpstream
) -> None:
    """What the dump lacks is named, and requested of the pages, which are elsewhere here."""
    seasons = tuple(range(1950, 2027))
    with FaultyUpstream({}, clock=lambda: NOW, strict=False) as pages:
        config = {"jolpica_url": pages.jolpica_url, "schedule_url": pages.schedule_url}
        dump_url = f"{recorded.address}/data/dumps/download/"
        report = fill(*seasons, dump_url=dump_url, config=config)
        assert name_dump_requests(recorded) == ["overview", "download", "store"]
        assert any(LACKING in str(note) for note in report.notes), report.notes
        assert pages.requests
        held = Event.objects.exclude(results_source="").values_list("season", flat=True)
        assert set(held.distinct().order_by()) == set(HELD)
        before = all_rows()
        fill(*seasons, dump_url=dump_url, config=config)
        assert name_dump_requests(recorded) == ["overview"]
        assert all_rows() == before


def test_it_takes_little_memory(project: Project, recorded: FaultyUpstream) -> None:
    """The peak of the command, less that of one that has imported all of it and does nothing."""
    env = project.environment(
        {"F1_SCHEDULE_URL": recorded.schedule_url, "JOLPICA_URL": recorded.jolpica_url}
    )

    def measure(*arguments: str) -> tuple[int, str]:
        code = (
            "import resource, sys, runpy; sys.argv = ['manage.py', *sys.argv[2:]]\n"
            f"sys.path.insert(0, {str(ROOT)!r})\n"
            "try:\n    runpy.run_path(MANAGE, run_name='__main__')\nexcept SystemExit: pass\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        manage = str(ROOT / "manage.py")
        done = subprocess.run(
            [sys.executable, "-c", code.replace("MANAGE", repr(manage)), "-", *arguments],
            check=True, cwd=project.folder, env=env, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        *shown, peak = done.stdout.splitlines()
        return int(peak) // 1024, "\n".join(shown)

    idle, _ = measure("shell", "-v0", "-c", "import fastf1.ergast, pandas")
    peak, shown = measure("ingest_f1", "--year", "2007-2009", "--format", "json")
    assert json.loads(shown)["outcome"] == "ok", shown
    assert peak - idle < MOST_MEMORY, (peak, idle)
