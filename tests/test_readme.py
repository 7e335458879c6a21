"""The README is short, and every command and line of code in it is run."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from f1picks.environment import ROOT
from ingestion.models import Change, Event
from ingestion.testing import entrants, published, scheduled, season_feed  # noqa: F401
from tests.command_line import addresses, small_season
from tests.test_package import blocks as blocks_of_installing
from tests.upstream import FaultyUpstream

pytestmark = [pytest.mark.project, pytest.mark.once]

THIS = Path(__file__)
README = (ROOT / "README.md").read_text()
MOST_CHARACTERS = 8000
PARTS = ("Makefile", "manage.py", ".env.example", "f1picks", "ingestion", "rehearsal")
# What others run: the suite's own job, tests of the demo, those of the package.
MAKE_TEST, MAKE_ADMIN = "make test", "make admin"
INSTALLATION = {
    "python -m pip wheel --no-deps --wheel-dir dist .",
    "python -m pip install dist/f1picks_ingestion-*.whl",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


COMMANDS = [
    line.partition(" #")[0].strip() for block in blocks("sh") for line in block.splitlines()
]


def test_it_is_short_and_has_pictures() -> None:
    assert len(README) <= MOST_CHARACTERS
    assert len(set(re.findall(r'src="docs/pictures/([\w-]+)\.png"', README))) == 3


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As after `git clone`, with these packages in its .venv: none is installed again."""
    folder = tmp_path_factory.mktemp("clone")
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, folder / part)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture(scope="module")
def upstream() -> Iterator[FaultyUpstream]:
    with FaultyUpstream({2025: small_season(2025)}) as started:
        yield started


@pytest.fixture(scope="module")
def environment(clone: Path, upstream: FaultyUpstream) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(clone),
        "F1_SECOND_SOURCE": "off",
        **addresses(upstream),
    }


def start(command: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    # The packages are installed; what the first one has set up is not set up again.
    done = [".venv/requirements.stamp", *(["setup"] if (folder / ".env").exists() else [])]
    program, *arguments = shlex.split(command)
    options = [f"--old-file={name}" for name in done] if program == "make" else []
    return subprocess.Popen(
        [program, *options, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_every_command_is_run(clone: Path, environment: dict[str, str]) -> None:
    shown = {
        "make demo": "Next: DATABASE_URL=sqlite:///f1_sample.sqlite3 .venv/bin/python manage.py",
        "make ingest YEAR=2025": "events: 6 created, 0 updated",
        "make worker": "the worker runs, 2 tasks at once",
        ".venv/bin/python manage.py f1_explain 2024 belgium race": "P1 Hamilton, P2 Piastri",
        ".venv/bin/python manage.py f1_status": "state",
    }
    assert list(dict.fromkeys(COMMANDS)) == COMMANDS
    assert set(COMMANDS) == {*shown, MAKE_TEST, MAKE_ADMIN, *INSTALLATION}
    for command, text in shown.items():
        # What was ingested by `make demo` is in a database of its own.
        database = "f1_sample.sqlite3" if "f1_explain" in command else "db.sqlite3"
        assert command == "make demo" or (clone / database).exists()
        env = {**environment, "DATABASE_URL": f"sqlite:///{clone / database}"}
        with start(command, clone, env) as process:
            assert process.stdout is not None
            output = ""
            for line in process.stdout:
                output += line
                if command == "make worker" and text in line:
                    os.killpg(process.pid, signal.SIGINT)
        assert text in output, output
        assert "Traceback" not in output


def test_commands_that_others_run_are_theirs(clone: Path, environment: dict[str, str]) -> None:
    """By CI, by the tests of the demo, and by those of the package."""
    target = MAKE_TEST.removeprefix("make ")
    assert f'exec make "${{1:-{target}}}"' in (ROOT / ".ci" / "run").read_text()
    with start(f"{MAKE_ADMIN} --dry-run", clone, environment) as process:
        output, _ = process.communicate()
    assert output.splitlines()[-1].split() == [".venv/bin/python", "-m", "f1picks.demo"]
    others = (path.read_text() for path in (ROOT / "tests").glob("*.py") if path != THIS)
    assert any('"-m", "f1picks.demo"' in text for text in others)
    # That page's own lines are run.
    install, _ = blocks_of_installing("sh")
    assert set(install.splitlines()) >= INSTALLATION


@pytest.mark.django_db
def test_its_code_does_what_it_says(
    scheduled: Any,  # noqa: F811
    entrants: Any,  # noqa: F811
    published: Any,  # noqa: F811
) -> None:
    [code] = blocks("python")
    open_event = scheduled(starts_at=timezone.now() + timedelta(hours=1)).event
    entrants(open_event)
    event = published(season=2019, grand_prix="Monaco Grand Prix").event
    names: dict[str, Any] = {"now": timezone.now(), "cursor": 0, "event": event}
    exec(code, names)
    assert names["events"][0] == open_event
    assert names["counts"] is True
    assert names["drivers"].count() == 20
    assert [result.order for result in names["podium"]] == [1, 2, 3]
    assert names["pole"] is None
    assert list(names["news"]) == list(Change.objects.order_by("pk"))
    assert Event.objects.count() >= 2
