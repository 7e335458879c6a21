"""`manage.py ingest_f1` run as its users run it, against a stand-in upstream of two grands prix.

A test module imports the fixtures `upstream` and `filled` by the names of their functions.
"""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyte
import pytest
from pytest_django import DjangoDbBlocker

from ingestion.models import IngestRun
from ingestion.sample import newer
from ingestion.sample.season import GrandPrix, Season, Session, load_season
from ingestion.sample.upstream import JOLPICA_PATH, SCHEDULE_PATH, Request
from tests.conftest import SERVER_URL, on_postgres
from tests.project import Project, created_database
from tests.rows import all_rows
from tests.upstream import FaultyUpstream

Rows = dict[str, list[dict[str, Any]]]

# As this project writes them, and as the stranger's of tests/host_project does.
LOG_LINE = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+Z \[(info|warning|error) +\] |shop (INFO|WARNING|ERROR) "
)
TERMINAL = {"TERM": "xterm-256color"}
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What a run of the small season asks an empty database's upstream.
SCHEDULE = "schedule_2024.json"
CALENDAR = "2024/races"
RESULTS = ["2024/results", "2024/qualifying", "2024/sprint"]
ROUNDS = "alpha/core/rounds of 2024"


def small_season(year: int = 2024) -> Season:
    """China, with its sprint, is round 1, Belgium round 2: six events, six classifications."""
    season = load_season(2024)
    grands_prix = tuple(
        in_year(replace(season.grand_prix(key), round=number), year)
        for number, key in enumerate(("china", "belgium"), start=1)
    )
    return replace(season, year=year, testing=(), grands_prix=grands_prix)


def name_sprint_qualifying(season: Season, key: str) -> str:
    """The request for one of them, which has a key instead of a round."""
    return f"alpha/results/{newer.build_round_key(season, season.grand_prix(key))}/SQ"


def in_year(grand_prix: GrandPrix, year: int) -> GrandPrix:
    sessions = tuple(
        replace(session, starts_at=session.starts_at and session.starts_at.replace(year=year))
        for session in grand_prix.sessions
    )
    return replace(grand_prix, sessions=sessions)


# The sprint qualifyings are China's alone.
SPRINT_QUALIFYINGS = [ROUNDS, name_sprint_qualifying(small_season(), "china")]


def live_season(now: datetime) -> Season:
    """One weekend: qualifying was yesterday, the race is tomorrow."""
    season = load_season(2024)
    race = now + timedelta(days=1)
    belgium = replace(
        season.grand_prix("belgium"),
        round=1,
        utc_offset=timedelta(0),
        sessions=(Session("Qualifying", now - timedelta(days=1)), Session("Race", race)),
    )
    return replace(season, year=race.year, testing=(), grands_prix=(belgium,))


def addresses(upstream: FaultyUpstream) -> dict[str, str]:
    """Pages alone; tests of Jolpica's dump switch it on."""
    return {
        "F1_SCHEDULE_URL": upstream.schedule_url,
        "JOLPICA_URL": upstream.jolpica_url,
        "JOLPICA_DUMP_URL": "off",
    }


def ingest(
    project: Project,
    upstream: FaultyUpstream,
    *arguments: str,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    return project.manage("ingest_f1", *arguments, env={**addresses(upstream), **(env or {})})


def asked(upstream: FaultyUpstream) -> list[str]:
    """The requests so far, without what they have in common; they are forgotten."""
    questions = [short(request) for request in upstream.requests]
    upstream.clear_requests()
    return questions


def short(request: Request) -> str:
    """schedule_2024.json, or 2024/results, or 2024/results from 100; of the newer form
    alpha/core/rounds of 2024, or alpha/results/round_c80bftpV/SQ."""
    if request.path.startswith(SCHEDULE_PATH):
        return request.path.removeprefix(SCHEDULE_PATH)
    if request.path.startswith(f"{newer.PATH}/"):
        path = f"alpha{request.path.removeprefix(newer.PATH).removesuffix('/')}"
        return f"{path} of {request.query['year']}" if "year" in request.query else path
    path = request.path.removeprefix(f"{JOLPICA_PATH}/").removesuffix(".json")
    return f"{path} from {request.query['offset']}" if "offset" in request.query else path


def read_rows(project: Project) -> Rows:
    """All but the runs' own records and the budget."""
    with project.database() as alias:
        return all_rows(using=alias)


def count_rows(project: Project) -> dict[str, int]:
    """Of what is published of the sport; all else that is kept belongs to one of these."""
    rows = read_rows(project)
    return {table: len(rows[table]) for table in ("event", "result", "change")}


def read_runs(project: Project) -> list[IngestRun]:
    """Oldest first."""
    with project.database() as alias:
        return list(IngestRun.objects.using(alias).order_by("pk"))


def squeeze(line: str) -> str:
    """A line of a table without its alignment."""
    return " ".join(line.split())


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line that a run ends with that did not go well; anything before it is logs."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    *logs, last = done.stderr.splitlines()
    assert [line for line in logs if not LOG_LINE.match(line)] == []
    assert last.startswith("CommandError: ")
    return last.removeprefix("CommandError: ")


def run_on_terminal(
    project: Project,
    upstream: FaultyUpstream,
    *arguments: str,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Exit code and all that is written to a terminal of 80 x 24 without a keyboard."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        project.command("ingest_f1", *arguments),
        cwd=project.folder,
        env=project.environment({**addresses(upstream), **TERMINAL, **(env or {})}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    # Linux ends a terminal that nobody has open any more with an error.
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass
    finally:
        os.close(ours)
    return process.wait(60), shown.decode()


def read_screen(shown: str) -> list[str]:
    """The lines that are left on a terminal of 80 x 24."""
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(shown)
    return [line.rstrip() for line in screen.display]


def shown_lines(shown: str) -> list[str]:
    """What stood on the terminal, line by line, also where it was drawn over."""
    return [line.rstrip() for line in ANSI.sub("", shown).replace("\r", "\n").splitlines()]


def wait_until(is_so: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass(frozen=True)
class Template:
    """A database that is copied: a SQLite file's path, or a PostgreSQL database's name."""

    name: str
    allow_queries: Any

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Project]:
        if not on_postgres:
            copy = shutil.copy(self.name, folder / "filled.sqlite3")
            yield self.project(f"sqlite:///{copy}", folder)
            return
        name = f"f1picks_{uuid.uuid4().hex[:12]}"
        with created_database(SERVER_URL, name, template=self.name) as url:
            yield self.project(url, folder)

    def project(self, url: str, folder: Path) -> Project:
        return Project(database_url=url, folder=folder, allow_queries=self.allow_queries)


@pytest.fixture(name="upstream")
def small_upstream() -> Iterator[FaultyUpstream]:
    with FaultyUpstream({2024: small_season()}) as started:
        yield started


@pytest.fixture(scope="module")
def filled_database(
    migrated_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Template]:
    template = Template(migrated_database, django_db_blocker.unblock)
    folder = tmp_path_factory.mktemp("filled")
    with (
        FaultyUpstream({2024: small_season()}) as upstream,
        template.copied(folder) as project,
    ):
        done = ingest(project, upstream, "--year", "2024")
        assert done.returncode == 0, done.stderr
        name = (
            project.query("SELECT current_database()")[0][0]
            if on_postgres
            else (str(folder / "filled.sqlite3"))
        )
        yield Template(name, django_db_blocker.unblock)


@pytest.fixture(name="filled")
def filled_project(filled_database: Template, tmp_path: Path) -> Iterator[Project]:
    """A project with the small season in its database, and nothing in FastF1's cache."""
    with filled_database.copied(tmp_path) as project:
        yield project


def today() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
