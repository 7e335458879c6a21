"""Commands whose output cannot be written or spelled: what can be printed is printed, and the exit
code is about the data."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import load_command_class

from ingestion.management.output import LastingStream, fit_message
from ingestion.models import Event, Result
from tests.command_line import (
    addresses,
    count_rows,
    filled_database,  # noqa: F401 - a fixture of `filled_project`
    filled_project,  # noqa: F401 - fixture `filled`
    run_on_terminal,
    small_upstream,  # noqa: F401 - fixture `upstream`
    squeeze,
)
from tests.project import Project
from tests.shortened import shortened
from tests.upstream import FaultyUpstream

pytestmark = [pytest.mark.once, pytest.mark.project]

INGEST = ("ingest_f1", "--year", "2024")
EXPLAIN = ("f1_explain", "2024", "spa", "race")
NAMES = "Bel[/gian] \x1b[2J\x9b1A\u202eGrand [red]Prix"


@contextmanager
def closed_pipe() -> Iterator[int]:
    """As `| true` leaves it."""
    reads, writes = os.pipe()
    os.close(reads)
    yield writes
    os.close(writes)


@contextmanager
def full_disk() -> Iterator[int]:
    with Path("/dev/full").open("w") as device:
        yield device.fileno()


OUTPUTS = {"closed pipe": closed_pipe, "full disk": full_disk}


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_report_that_cannot_be_written_changes_no_exit_code(
    project: Project, upstream: FaultyUpstream, output: str
) -> None:
    with OUTPUTS[output]() as stdout:
        done = project.manage(*INGEST, stdout=stdout, env=addresses(upstream), is_forked=False)
    assert done.returncode == 0, done.stderr
    assert count_rows(project)["result"] == 120
    assert "Traceback" not in done.stderr
    said = "The report could not be written (No space left on device); the data are not affected."
    assert (said in done.stderr) is (output == "full disk")
    assert "Exception ignored" not in done.stderr


def test_a_partial_ingest_says_so_by_its_exit_code_alone(
    project: Project, upstream: FaultyUpstream
) -> None:
    upstream.fault("*/results.json", status=500)
    with full_disk() as stream:
        done = project.manage(*INGEST, stdout=stream, stderr=stream, env=addresses(upstream))
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    shortened(
        [
            (EXPLAIN, 0),
            (("f1_preflight", "--offline"), 1),
            ((*EXPLAIN, "--format", "json"), 0),
            (("f1_explain", "2024", "nowhere", "race"), 2),
            (("f1_status",), 0),
            (("ingest_f1", "--help"), 0),
        ],
        keep=2,
    ),
)
def test_every_command_keeps_its_exit_code(
    filled: Project, arguments: tuple[str, ...], code: int
) -> None:
    """Without a worker preflight has something to complain of."""
    with full_disk() as stream:
        cut = filled.manage(*arguments, stdout=stream)
    with closed_pipe() as stream:
        neither = filled.manage(*arguments, stdout=stream, stderr=stream, is_forked=False)
    assert (cut.returncode, neither.returncode) == (code, code)
    assert "Traceback" not in cut.stderr


def test_streams_that_are_closed_are_done_without(
    project: Project, upstream: FaultyUpstream
) -> None:
    command = " ".join(f"'{part}'" for part in project.command(*INGEST))
    done = subprocess.run(
        ["sh", "-c", f"exec {command} >&- 2>&-"],
        check=False,
        cwd=project.folder,
        env=project.environment(addresses(upstream)),
        timeout=60,
    )
    assert done.returncode == 0
    assert count_rows(project)["result"] == 120


@pytest.mark.parametrize(
    "env",
    shortened(
        [
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            {"PYTHONIOENCODING": "ascii"},
        ],
        keep=1,
    ),
)
def test_names_are_spelled_plainly_where_the_terminal_has_no_accents(
    filled: Project, env: dict[str, str]
) -> None:
    with filled.database() as alias:
        Event.objects.using(alias).filter(grand_prix="belgian-grand-prix").update(
            name="São Paulo Grand Prix ✓"
        )
    for arguments, name in (
        (("f1_explain", "2024", "sao", "race"), "2024 Sao Paulo Grand Prix ? Race"),
        (("f1_preflight", "--offline"), "database"),
        (("f1_status",), "state"),
        (("ingest_f1", "--help"), "exit codes:"),
    ):
        done = filled.manage(*arguments, env=env)
        assert name in done.stdout
        assert "Traceback" not in done.stderr
        assert done.stdout.isascii()


@pytest.mark.parametrize(
    "command", ["ingest_f1", "f1_explain", "f1_status", "f1_preflight", "rehearse"]
)
def test_help_fits_a_terminal_and_ends_with_what_all_commands_have(
    filled: Project, command: str
) -> None:
    shown = filled.manage(command, "--help", env={"COLUMNS": "80"}).stdout
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    first, _, last = shown.partition("\noptions of every Django command:\n")
    assert "--format {text,json}" in first
    assert "--traceback" not in first
    parser = load_command_class(
        "rehearsal" if command == "rehearse" else "ingestion", command
    ).create_parser("manage.py", command)
    missing = {option for option in parser._option_string_actions if option not in shown}
    assert missing <= {"--verbosity", "--inside"}
    assert "--traceback" in last


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_an_error_is_broken_between_words_on_a_terminal_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    message = "nothing was changed. Run 'python manage.py migrate --no-input', then again"
    shown = f"CommandError: {fit_message(message, LastingStream(Terminal()))}"
    assert shown.splitlines() == [
        "CommandError: nothing was changed. Run",
        "'python manage.py migrate --no-input',",
        "then again",
    ]
    assert fit_message(message, LastingStream(StringIO())) == message
    assert fit_message(message, LastingStream(None)) == message


def test_a_driver_with_an_accent_is_in_the_table_of_an_ascii_terminal(
    project: Project, upstream: FaultyUpstream
) -> None:
    done = project.manage(*INGEST, env={**addresses(upstream), "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "Perez" in done.stdout


@pytest.mark.parametrize("arguments", [EXPLAIN, (*EXPLAIN, "--format", "json"), ("f1_status",)])
def test_names_are_text_and_neither_markup_nor_control(
    filled: Project, arguments: tuple[str, ...]
) -> None:
    """As an older version, or a person, may have stored them."""
    with filled.database() as alias:
        Event.objects.using(alias).filter(session_type="race").update(
            name=NAMES, location=NAMES, country="Belgium", status="scheduled"
        )
        Result.objects.using(alias).update(driver_name=NAMES, constructor_name=NAMES)
    arguments = tuple("belgium" if part == "spa" else part for part in arguments)
    done = filled.manage(*arguments)
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr
    shown = done.stdout
    assert not set(shown) & set("\x1b\x9b\u202e")
    if "f1_explain" in arguments:
        assert "Bel[/gian] " in shown
        assert "[red]Prix" in shown


def test_the_table_and_the_terminal_show_names_as_text(
    filled: Project, upstream: FaultyUpstream
) -> None:
    with filled.database() as alias:
        Event.objects.using(alias).update(name="Bel[/gian] Grand Prix", schedule_locked=True)
        Result.objects.using(alias).update(driver_name="Max [bold]Ver[/x]")
    code, shown = run_on_terminal(filled, upstream, "--year", "2024", "--skip-results")
    assert code in {0, 3}, shown
    assert "Bel[/gian]" in squeeze(shown)
