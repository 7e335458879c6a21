"""Processes whose libraries are imported already do what one does that starts by itself."""

import json
import subprocess
import sys
import threading

import pytest

from tests import prestarted
from tests.project import Project

pytestmark = pytest.mark.once

# One of each app: what differs between commands is not how they start.
COMMANDS = ("ingest_f1", pytest.param("rehearse", marks=pytest.mark.project))

LOOK = (
    "import json, os, sys; sys.stderr.write('to stderr'); "
    "print(json.dumps([sorted(os.environ), os.getcwd(), sys.argv[0], sys.path[0], "
    "os.isatty(1), sorted({'fastf1', 'pandas'} & sys.modules.keys())])); sys.exit(7)"
)


@pytest.mark.parametrize("command", COMMANDS)
def test_streams_and_exit_codes_are_the_same(unmigrated_project: Project, command: str) -> None:
    alone = unmigrated_project.manage(command, "--nonsense", is_forked=False)
    forked = unmigrated_project.manage(command, "--nonsense")
    assert (forked.returncode, forked.stdout) == (alone.returncode, alone.stdout) == (2, "")
    assert forked.stderr == alone.stderr != ""
    helped = unmigrated_project.manage(command, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert f"manage.py {command}" in helped.stdout


def test_environment_folder_and_exit_code_are_its_own(unmigrated_project: Project) -> None:
    looks = [
        unmigrated_project.manage("shell", "-v0", "-c", LOOK, env={"OWN": "1"}, is_forked=is_forked)
        for is_forked in (False, True)
    ]
    seen = []
    for look in looks:
        assert (look.returncode, look.stderr) == (7, "to stderr")
        *facts, heavy = json.loads(look.stdout)
        seen.append(facts)
        assert "fastf1" not in heavy
    alone, forked = seen
    assert forked == alone


def test_what_the_interpreter_reads_at_its_start_needs_a_start() -> None:
    assert not prestarted.can_run({"PYTHONIOENCODING": "ascii"})
    assert not prestarted.can_run({"LANG": "C"})
    assert prestarted.can_run({"LOG_LEVEL": "DEBUG"}) is (sys.platform == "linux")


def test_standard_input_is_read(unmigrated_project: Project) -> None:
    said = unmigrated_project.manage("shell", "-v0", stdin="print('said')\n")
    assert said.stdout.strip() == "said"


def test_what_takes_too_long_is_killed(unmigrated_project: Project) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        unmigrated_project.manage("shell", "-v0", "-c", "import time; time.sleep(60)", timeout=3)


def test_a_killed_one_ends_with_its_signal(unmigrated_project: Project) -> None:
    killed = unmigrated_project.manage("shell", "-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.returncode == -9


def test_several_at_once_each_get_their_own_answer(unmigrated_project: Project) -> None:
    said: dict[int, str] = {}

    def say(number: int) -> None:
        said[number] = unmigrated_project.manage("shell", "-v0", "-c", f"print({number})").stdout

    threads = [threading.Thread(target=say, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {number: f"{number}\n" for number in range(4)}
