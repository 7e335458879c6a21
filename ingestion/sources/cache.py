"""FastF1's cache: its folder, the copies of responses in it, and damage.

FastF1 and requests-cache keep pickles there: whoever can write into the folder runs code as us.
"""

import logging
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ingestion.errors import IngestionError

logger = logging.getLogger(__name__)

# As FastF1 names it.
CACHE_FILE = "fastf1_http_cache.sqlite"
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
        # In one that is sticky, as /tmp, nobody can replace what is another's.
        if parent.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
            return f"is within {parent}, where other users can replace it"
    return ""


def open_cache(folder: Path) -> None:
    """A file that is no database is replaced: what it held is requested again."""
    from fastf1.req import Cache

    try:
        try:
            Cache.configure(cache_dir=str(folder))
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            logger.warning("FastF1's cache was damaged and is made anew", extra={"why": str(error)})
            _delete_cache_file(folder)
            Cache.configure(cache_dir=str(folder))
    except (sqlite3.Error, OSError) as error:
        raise make_cache_error(error) from error
    # Otherwise a 429, or our own budget's refusal, is answered with an old copy that looks fresh.
    cached: Any = Cache._requests_session_cached
    cached.settings.stale_if_error = False


@contextmanager
def cache_bypassed(fresh: bool) -> Iterator[None]:
    from fastf1.req import Cache

    if not fresh:
        yield
        return
    Cache.set_disabled()
    try:
        yield
    finally:
        Cache.set_enabled()


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
