"""The demo as its users run it: the process, at an address of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from f1picks.environment import ROOT


@contextmanager
def running_demo(kept: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it printed until it was ready; ended as Ctrl-C ends it."""
    command = [sys.executable, "-m", "f1picks.demo", "--port", "0", "--database", str(kept)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed: list[str] = []
        try:
            for line in process.stdout:
                printed.append(line.strip())
                if line.startswith("http://"):
                    break
            yield printed[-1].rstrip("/") if printed else "", printed
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
