"""The folder of FastF1's cache. FastF1 and requests-cache keep pickles there: whoever can write
into it runs code as us."""

import os
import sqlite3
import stat
from pathlib import Path

from ingestion.errors import IngestionError

# As FastF1 names it.
CACHE_FILE = "fastf1_http_cache.sqlite"
PRIVATE = 0o700
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
ROOT_USER = 0


def make_private_folder(folder: Path) -> None:
    """Raises `IngestionError` when it cannot be written, or others than us can write it."""
    try:
        _make(folder)
        probe = folder / ".writable"
        probe.touch()
        # Another process may be probing too.
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise IngestionError(
            f"the cache folder {folder} cannot be written ({error.strerror}); make it writable "
            "or name another one in FASTF1_CACHE_DIR"
        ) from error
    _expect_private(folder.resolve())


def is_damage(error: Exception | str) -> bool:
    """Whether it is the cache's file that is spoilt: a full disk, a lock and mistakes of the caller
    have classes of their own below this one."""
    return type(error) is sqlite3.DatabaseError


def discard_cache(folder: Path) -> None:
    """FastF1's file alone. Raises `OSError`; who has it open goes on with what is deleted."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        (folder / f"{CACHE_FILE}{suffix}").unlink(missing_ok=True)


def _make(folder: Path) -> None:
    """With whatever is missing above it, which `mkdir` alone would leave to the umask."""
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir(mode=PRIVATE, exist_ok=True)
    folder.mkdir(mode=PRIVATE, exist_ok=True)


def _expect_private(folder: Path) -> None:
    if not hasattr(os, "geteuid"):
        return  # Windows has other ways
    facts = folder.stat()
    if facts.st_uid not in (os.geteuid(), ROOT_USER):
        _refuse(folder, "belongs to another user")
    if facts.st_mode & WRITABLE_BY_OTHERS:
        _refuse(folder, "can be written by other users")
    for parent in folder.parents:
        # In one that is sticky, as /tmp, nobody can replace what is another's.
        if parent.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
            _refuse(folder, f"is within {parent}, where other users can replace it")


def _refuse(folder: Path, why: str) -> None:
    raise IngestionError(
        f"the cache folder {folder} {why}, and what lies there is run as code; name another one in "
        "FASTF1_CACHE_DIR, which is then made for its owner alone, or delete this one"
    )
