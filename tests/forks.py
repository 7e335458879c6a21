"""Work in a process of its own that was forked from this one: quick, whatever was imported."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

# What a shell says of a process that a signal ended.
KILLED = 128 + signal.SIGKILL


def fork(work: Callable[[], None], *, output: Path | None = None) -> int:
    """Its process ends with the work, without what this one would do at its end: with 0, with the
    code of a SystemExit, or with 1 after a traceback. `output` takes both of its streams."""
    # Or the child would write once more what waits here.
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if output is not None:
                _write_to(output)
            work()
            code = 0
        except SystemExit as leaving:
            code = _code_of(leaving)
        except BaseException:  # noqa: BLE001 - nobody above would print it
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return pid


def _code_of(leaving: SystemExit) -> int:
    if isinstance(leaving.code, str):
        sys.stderr.write(f"{leaving.code}\n")
        return 1
    return leaving.code or 0


def _write_to(output: Path) -> None:
    with output.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)


def wait(pid: int) -> int:
    """Its exit code."""
    return exit_code(os.waitpid(pid, 0)[1])


def exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def kill_after(seconds: float, pid: int) -> int:
    """Its exit code: `KILLED`, or its own where it ended sooner."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return exit_code(status)
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    return wait(pid)
