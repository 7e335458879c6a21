"""FastF1's cache: its folder, the copies of responses in it, and damage.

FastF1 and requests-cache keep pickles there: whoever can write into the folder runs code as us.
"""

import logging
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from time import time
from typing import Any

from ingestion.errors import IngestionError

logger = logging.getLogger(__name__)

# As FastF1 names it.
CACHE_FILE = "fastf1_http_cache.sqlite"
# As requests-cache 1 makes them.
TABLES = ("responses", "redirects")
COLUMNS = {"key", "value", "expires"}
# Seconds; FastF1 keeps for half a day what does not say how long it holds.
LONGEST_COPY = 24 * 60 * 60
# The longest wait for another process, in seconds.
LONGEST_LOCK = 10.0
PRIVATE = 0o700
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
ROOT_USER = 0


def make_private_folder(folder: Path) -> None:
    """Raises `IngestionError` when it cannot be written, or others than us can write it."""
    try:
        # `mkdir` alone would leave what is missing above it to the umask.
        for parent in reversed(folder.parents):
            if not parent.exists():
                parent.mkdir(mode=PRIVATE, exist_ok=True)
        folder.mkdir(mode=PRIVATE, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        # Another process may be probing too.
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise IngestionError(
            f"the cache folder {folder} cannot be written ({error.strerror}); make it writable "
            "or name another one in FASTF1_CACHE_DIR"
        ) from error
    weakness = _find_weakness(folder.resolve())
    if weakness:
        raise IngestionError(
            f"the cache folder {folder} {weakness}, and what lies there is run as code; name "
            "another one in FASTF1_CACHE_DIR, which is then made for its owner alone, or delete "
            "this one"
        )


def _find_weakness(folder: Path) -> str:
    if not hasattr(os, "geteuid"):
        return ""  # Windows has other ways
    facts = folder.stat()
    if facts.st_uid not in (os.geteuid(), ROOT_USER):
        return "belongs to another user"
    if facts.st_mode & WRITABLE_BY_OTHERS:
        return "can be written by other users"
    for parent in folder.parents:
        # In one that is sticky, as /tmp, users can replace only what is their own.
        if parent.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
            return f"is within {parent}, where other users can replace it"
    return ""


def open_cache(folder: Path) -> str:
    """Damaged or in another version's layout it is made anew: what it held is requested again.
    While another process holds it locked a run does without; what to notice then, else ''."""
    from fastf1.req import Cache

    file, note, backend = folder / CACHE_FILE, "", None
    try:
        fault = _find_fault(file)
        if fault:
            logger.warning("FastF1's cache was damaged and is made anew", extra={"why": fault})
            _delete_cache_file(folder)
    except sqlite3.OperationalError as error:
        if not _is_lock(error):
            raise make_cache_error(error) from error
        note = (
            f"FastF1's cache {file} is locked by another process for more than "
            f"{LONGEST_LOCK:g} s; this run does without it. End that process if it hangs"
        )
        logger.warning(note)
        backend = "memory"
    except OSError as error:
        raise make_cache_error(error) from error
    try:
        Cache.configure(cache_dir=str(folder), _backend=backend)
    except (sqlite3.Error, OSError) as error:
        raise make_cache_error(error) from error
    # Otherwise a 429, or our own budget's refusal, is answered with an old copy that looks fresh.
    cached: Any = Cache._requests_session_cached
    cached.settings.stale_if_error = False
    for table in (cached.cache.responses, cached.cache.redirects):
        if hasattr(table, "_acquire_sqlite_lock"):
            # requests-cache (1.3) tries for ever, a hundred times a second.
            table._acquire_sqlite_lock = partial(_lock_for_writing, table)
    return note


def _find_fault(file: Path) -> str:
    """Why the file is no cache of the installed version, '' where it is one or is not there yet.
    Raises `sqlite3.OperationalError` where another process does not let go of it."""
    if not file.exists():
        return ""
    try:
        with closing(sqlite3.connect(file, timeout=LONGEST_LOCK, isolation_level=None)) as opened:
            opened.execute("BEGIN IMMEDIATE")
            for table in TABLES:
                columns = {row[1] for row in opened.execute(f"PRAGMA table_info({table})")}
                if columns and columns != COLUMNS:
                    return f"{table} has the columns {', '.join(sorted(columns))}"
                if columns:
                    # Kept by a header that says years, or by a clock that was ahead.
                    latest = int(time()) + LONGEST_COPY
                    opened.execute(f"DELETE FROM {table} WHERE expires > {latest}")  # noqa: S608
            opened.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        return str(error)
    return ""


@contextmanager
def _lock_for_writing(table: Any) -> Iterator[None]:
    """As requests-cache's own, with a time limit: what cannot be written is requested again."""
    with table._lock:
        connection: sqlite3.Connection = table._connection
        connection.execute(f"PRAGMA busy_timeout={int(LONGEST_LOCK * 1000)}")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            logger.warning("FastF1's cache cannot be written", extra={"why": str(error)})
            connection.execute("PRAGMA busy_timeout=0")
        table._active_transaction = True
        try:
            yield
            connection.commit()
        except sqlite3.OperationalError:
            connection.rollback()
        finally:
            table._active_transaction = False


def _is_lock(error: sqlite3.OperationalError) -> bool:
    return "locked" in str(error)


def find_copy(url: str) -> Any:
    """What FastF1's cache holds of an address, expired or not; None where it holds nothing."""
    import requests
    from fastf1.req import Cache

    session = Cache._requests_session_cached
    if session is None:
        return None
    try:
        return session.cache.get_response(session.cache.create_key(requests.Request("GET", url)))
    except sqlite3.Error as error:
        raise make_cache_error(error) from error


def forget_copies(urls: Iterable[str]) -> None:
    """FastF1 itself deletes a broken response under an address without the query, in vain."""
    from fastf1.req import Cache

    try:
        for url in urls:
            Cache.delete_response(url)
            # Where it is the cache that failed, FastF1 has hidden it: a second look shows it.
            find_copy(url)
    except sqlite3.Error as error:
        raise make_cache_error(error) from error
    except UnboundLocalError as error:
        # requests-cache (1.3) ignores what a full disk refused, and stumbles here.
        raise make_cache_error("nothing can be written to it") from error


def make_cache_error(error: Exception | str) -> IngestionError:
    """What to raise; a damaged file is deleted then, so that the next run does without it."""
    from fastf1.req import Cache

    if isinstance(error, sqlite3.OperationalError) and _is_lock(error):
        return IngestionError(
            "FastF1's cache is locked by another process; nothing of it was read. Run it again, "
            "and end that process if it hangs"
        )
    if _is_damage(error) and Cache._CACHE_DIR:
        with suppress(OSError):
            _delete_cache_file(Path(Cache._CACHE_DIR))
            return IngestionError(
                f"FastF1's cache was damaged ({error}) and has been deleted; nothing but time "
                "is lost"
            )
    return IngestionError(
        f"FastF1's cache cannot be used ({error}); free some space or delete the folder that "
        "FASTF1_CACHE_DIR names, nothing but time is lost with it"
    )


def _is_damage(error: Exception | str) -> bool:
    """Whether the cache's file is damaged: a full disk, a lock and mistakes of the caller have
    classes of their own below this one."""
    return type(error) is sqlite3.DatabaseError


def _delete_cache_file(folder: Path) -> None:
    """Whoever has it open continues with the deleted one."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        (folder / f"{CACHE_FILE}{suffix}").unlink(missing_ok=True)
