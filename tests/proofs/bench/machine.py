"""The machine that it was measured on."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("FastF1", "pandas", "Django", "psycopg", "requests-cache")
GIGABYTE = 1024**3


def describe_machine() -> Iterator[tuple[str, str]]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    yield (
        "machine",
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, {platform.system()}",
    )
    yield "Python", platform.python_version()
    yield "packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield "load at the end", f"{os.getloadavg()[1]:.1f} over five minutes"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
