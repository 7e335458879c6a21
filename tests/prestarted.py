"""manage.py in a process that begins with its libraries imported, which is most of what a start
costs: a server imports them once, and each process is a fork of it.

As in a process started by itself, the environment, the streams, the folder, the exit code and the
end of the interpreter are the process's own. What Python reads before its first line (PYTHON...,
the locale) is the server's: whoever sets it starts a process by itself. Of this project the server
imports the rooms that know neither Django nor settings, and nothing of FastF1.
"""

import array
import atexit
import contextlib
import gc
import importlib.util
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
# What can be imported before there are settings.
LIBRARIES = (
    *("django.core.management", "django.contrib.admin", "django.core.mail", "django.test.client"),
    *("django.db.backends.sqlite3.base", "django.db.backends.postgresql.base"),
    *("django.views.debug", "django.views.generic", "django.contrib.messages.storage.fallback"),
    *("environ", "structlog", "rich.console", "rich.progress", "rich.table", "whitenoise.storage"),
    *("requests", "requests_cache", "numpy", "pandas", "cryptography.x509", "jwt", "rapidfuzz"),
    *("croniter", "yaml", "psutil", "dateutil.parser", "sqlparse", "icalendar"),
    *("ingestion.sources", "ingestion.amendments", "ingestion.lifecycle", "ingestion.report"),
)
# Read when an interpreter starts.
OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "MALLOC_", "LD_", "TZ")
LONGEST_REQUEST = 1 << 20


def can_run(extra: Mapping[str, str]) -> bool:
    """With these in its environment. Elsewhere sockets do not carry files in whole messages."""
    is_own = any(name.startswith(OF_THE_INTERPRETER) for name in extra)
    return sys.platform == "linux" and not is_own


def run(
    arguments: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    stdin: str,
    timeout: float,
    stdout: int | None = None,
    stderr: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` does it with captured text; a stream that is given is not captured."""
    request = {"arguments": list(arguments), "folder": str(folder), "env": dict(env)}
    answers, theirs = socket.socketpair()
    with (
        answers,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin.encode())
        given.seek(0)
        streams = [
            out.fileno() if stdout is None else stdout,
            err.fileno() if stderr is None else stderr,
        ]
        files = [given.fileno(), *streams, theirs.fileno()]
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
        # In one message each: threads of a test may ask at once.
        server().sendmsg([json.dumps(request).encode()], rights)
        theirs.close()
        with answers.makefile("r") as lines:
            pid = int(lines.readline())
            answers.settimeout(timeout)
            try:
                code = int(lines.readline())
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), timeout) from None
        return subprocess.CompletedProcess(list(arguments), code, read(out), read(err))


def read(file: IO[bytes]) -> str:
    file.seek(0)
    # As text mode reads it: a progress bar's returns are lines.
    return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")


@cache
def server() -> socket.socket:
    """This process's, until it ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, str(Path(__file__).resolve()), str(theirs.fileno())]
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
    process = subprocess.Popen(
        command,
        env={name: os.environ[name] for name in kept if name in os.environ},
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    atexit.register(stop, ours, process)
    return ours


def stop(ours: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    ours.close()
    process.wait(10)


def serve(control: socket.socket) -> None:
    """Returns in each new process, ready to run manage.py; ends with the test's process."""
    for name in LIBRARIES:
        # Some are other packages' dependencies, and may go with them.
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    # Those that wait for a process are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, rights, *_ = control.recvmsg(LONGEST_REQUEST, socket.CMSG_SPACE(4 * 4))
        if not message:
            sys.exit()
        files = array.array("i")
        files.frombytes(rights[0][2][: 4 * files.itemsize])
        if os.fork() == 0:
            control.close()
            become(json.loads(message), list(files))
            return
        for file in files:
            os.close(file)


def become(request: Mapping[str, object], files: Sequence[int]) -> None:
    """Two processes: one that reports how the other ends, which returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, answers = files
    pid = os.fork()
    if pid != 0:
        os.write(answers, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(answers)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    env, arguments = request["env"], request["arguments"]
    assert isinstance(env, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(str(request["folder"]))
    sys.argv = [str(MANAGE), *arguments]
    sys.path[0] = str(MANAGE.parent)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_path(str(MANAGE), run_name="__main__")
