"""The zip file of Jolpica's dump: offered by an overview, downloaded once, and kept by its hash."""

import hashlib
import os
import re
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from ingestion.errors import BadSourceData, IngestionError, SourceRateLimited, SourceUnavailable
from ingestion.sources.calls import calling, get_document
from ingestion.sources.jolpica.dump_tables import LARGEST_ZIP
from ingestion.sources.values import UNREADABLE, read_text

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter

# The overview's path, beside the Ergast form's.
OVERVIEW_PATH = "/data/dumps/download/"
# Redirects lead to the store that has the file; the real one redirects once.
MOST_REDIRECTS = 3
# The real file has 15 MB, which a slow line needs a minute for.
LONGEST_DOWNLOAD = 300.0
# How long a copy is kept, and counts where the overview cannot be had.
KEPT = timedelta(days=7)
# A download that a killed process left behind.
ABANDONED_AFTER = timedelta(hours=1)
COPY = re.compile(r"jolpica_dump_(?P<made_at>\d{8}T\d{6})_(?P<hash>[0-9a-f]{64})\.zip")
PRINTED = "%Y%m%dT%H%M%S"
HASH = re.compile(r"[0-9a-f]{64}")
WHAT = "Jolpica's dump"


@dataclass(frozen=True, slots=True)
class DumpFile:
    """Where a whole and right one is, and when the upstream made it (UTC)."""

    path: Path
    made_at: datetime


@dataclass(frozen=True, slots=True)
class _Offer:
    hash: str
    size: int
    made_at: datetime
    url: str


def read_local_file(path: Path, now: datetime) -> DumpFile:
    """One that a person put on this machine; it is as old as its last change."""
    try:
        changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise SourceUnavailable(f"{WHAT} {path} cannot be read ({error.strerror})") from error
    return DumpFile(path, min(changed_at, now))


def fetch_dump_file(
    adapter: "Adapter", overview_url: str, folder: Path
) -> tuple[DumpFile, tuple[str, ...]]:
    """The file that is offered now, and notices: one request for the overview, and a download where
    the folder has no copy of that hash. Where there is no overview a copy of this week will do.
    """
    try:
        with calling(adapter, f"the overview of {WHAT}", overview_url, fresh=True):
            offer = _read_offer(get_document(overview_url), overview_url, adapter.now())
    except SourceRateLimited:
        raise
    except (SourceUnavailable, BadSourceData) as error:
        kept = _find_copy(folder, since=adapter.now() - KEPT)
        if kept is None:
            raise
        return kept, (f"{error}; the copy of {kept.made_at:%Y-%m-%d} was used",)
    path = folder / f"jolpica_dump_{offer.made_at:{PRINTED}}_{offer.hash}.zip"
    is_there = False
    with suppress(OSError):
        is_there = _hash(path) == offer.hash
    if not is_there:
        _download(adapter, offer, path)
    with suppress(OSError):
        # Since when it is known to be the one that is offered.
        os.utime(path)
        now = time.time()
        others = (("jolpica_dump_*.zip", KEPT), ("jolpica_dump_*.part", ABANDONED_AFTER))
        for pattern, after in others:
            for old in folder.glob(pattern):
                if old != path and old.stat().st_mtime < now - after.total_seconds():
                    old.unlink(missing_ok=True)
    return DumpFile(path, offer.made_at), ()


def _read_offer(document: Any, overview_url: str, now: datetime) -> _Offer:
    try:
        row = document["delayed_dumps"]["csv"]
        made_at = datetime.fromisoformat(row["uploaded_at"])
        made_at = made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC)
        offer = _Offer(
            row["file_hash"].lower(),
            int(row["file_size"]),
            min(made_at.astimezone(UTC), now),
            urljoin(overview_url, row["download_url"]),
        )
    except UNREADABLE as error:
        raise BadSourceData(f"{WHAT} is not offered: its overview has no such file") from error
    if not HASH.fullmatch(offer.hash):
        raise BadSourceData(f"{WHAT} is not offered with a hash of its file")
    if not 0 < offer.size <= LARGEST_ZIP:
        raise BadSourceData(f"{WHAT} would have {offer.size} bytes, more than {LARGEST_ZIP}")
    return offer


def _find_copy(folder: Path, *, since: datetime) -> DumpFile | None:
    """The youngest of those that were known to be offered since then, undamaged."""
    for path in sorted(folder.glob("jolpica_dump_*.zip"), reverse=True):
        copy = COPY.fullmatch(path.name)
        with suppress(OSError, ValueError):
            is_known = datetime.fromtimestamp(path.stat().st_mtime, UTC) >= since
            if copy and is_known and _hash(path) == copy["hash"]:
                made_at = datetime.strptime(copy["made_at"], PRINTED).replace(tzinfo=UTC)
                return DumpFile(path, made_at)
    return None


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(adapter: "Adapter", offer: _Offer, path: Path) -> None:
    """Whole and right, or not at all: under another name until it was checked."""
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix="jolpica_dump_", suffix=".part")
    except OSError as error:
        raise _no_room(path.parent, error) from error
    part = Path(name)
    try:
        # Without a buffer: a full disk is met while it is written, not when the file is closed.
        with os.fdopen(number, "wb", buffering=0) as file:
            _follow(adapter, offer, file)
        if part.stat().st_size != offer.size or _hash(part) != offer.hash:
            raise BadSourceData(
                f"{WHAT}: what was downloaded is not the file that is offered (its size or its "
                "SHA-256 differs)"
            )
        part.replace(path)
    except OSError as error:
        raise _no_room(path.parent, error) from error
    finally:
        part.unlink(missing_ok=True)


def _follow(adapter: "Adapter", offer: _Offer, file: Any) -> None:
    """FastF1's session would follow redirects too, and let its cache have the file."""
    from fastf1.ergast import interface
    from fastf1.req import Cache

    from ingestion.sources.http import Sink

    url, sink = offer.url, Sink(file, offer.size, LONGEST_DOWNLOAD)
    for _ in range(1 + MOST_REDIRECTS):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSourceData(f"{WHAT} is offered at an address that is none")
        with calling(adapter, WHAT, url, fresh=True), adapter.saving_to(sink):
            response = Cache.requests_get(
                url,
                headers=interface.HEADERS,
                timeout=interface.TIMEOUT,
                allow_redirects=False,
            )
            if response.is_redirect:
                url = urljoin(url, response.headers["Location"])
                continue
            if response.status_code != 200:
                raise ValueError(f"answered {read_text(response.status_code)}")
            return
    raise SourceUnavailable(f"{WHAT}: more than {MOST_REDIRECTS} redirects")


def _no_room(folder: Path, error: OSError) -> IngestionError:
    return IngestionError(f"{WHAT} cannot be kept in {folder} ({error.strerror})")
