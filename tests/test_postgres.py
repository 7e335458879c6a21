"""The server that the tests run on: it starts anywhere, and is gone afterwards."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from f1picks.environment import ROOT
from tests.postgres import Server, running_postgres, running_server

pytestmark = pytest.mark.project

SHOW = "import os; print(os.environ['TEST_DATABASE_URL'], flush=True)"
RUN = [sys.executable, "-m", "tests.postgres"]


def folder_of(url: str) -> Path:
    return Path(url.partition("host=")[2]).parent


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in os.environ if name != "TEST_DATABASE_URL"}
    return subprocess.run(
        [*RUN, *command],
        check=False,
        cwd=ROOT,
        env=environment | env,
        capture_output=True,
        text=True,
    )


def test_server_answers_and_leaves_nothing_behind() -> None:
    with running_postgres() as url:
        assert folder_of(url).is_dir()
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW server_encoding").fetchone()
            assert row == ("UTF8",)
    assert not folder_of(url).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


@pytest.mark.parametrize("end", [Server.stop, Server.crash])
def test_server_comes_back_with_its_data(end: Callable[[Server], None]) -> None:
    with running_server() as server:
        with psycopg.connect(server.url) as connection:
            # The tests' servers leave writing to later, and a crash does not wait for it.
            connection.execute("SET synchronous_commit = on")
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        end(server)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_server_is_stopped_when_the_tests_fail() -> None:
    with pytest.raises(ZeroDivisionError), running_postgres() as url:
        raise ZeroDivisionError
    assert not folder_of(url).exists()


def test_command_gets_the_url_and_its_exit_code_is_passed_on(tmp_path: Path) -> None:
    ran = run(
        sys.executable, "-c", f"{SHOW}; raise SystemExit(7)", XDG_RUNTIME_DIR=str(tmp_path / "none")
    )
    assert ran.returncode == 7, ran.stderr
    assert ran.stdout.startswith("postgresql://postgres@/postgres?host=/")
    assert not folder_of(ran.stdout.strip()).exists()


def test_server_of_the_users_own_is_used_as_it_is() -> None:
    ran = run(sys.executable, "-c", SHOW, TEST_DATABASE_URL="postgresql://mine/db")
    assert (ran.returncode, ran.stdout) == (0, "postgresql://mine/db\n")


def test_no_command_is_wrong_usage_and_an_unknown_one_is_said() -> None:
    assert (run().returncode, run().stderr[:6]) == (2, "usage:")
    unknown = run("no-such-command-here")
    assert unknown.returncode == 127
    assert unknown.stderr.count("\n") == 1


def test_terminated_run_takes_its_server_along() -> None:
    code = f"{SHOW}; import time; time.sleep(60)"
    environment = {name: os.environ[name] for name in os.environ if name != "TEST_DATABASE_URL"}
    with subprocess.Popen(
        [*RUN, sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert not folder_of(url).exists()
