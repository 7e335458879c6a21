"""The tables of Jolpica's dump, out of its zip file: the few columns that results need.

Whatever the file claims of its size, what is unpacked is counted, and nothing of it reaches the
disk. Columns are found by their names; their order and number are not promised.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData
from ingestion.sources.values import read_text

if TYPE_CHECKING:
    import pandas as pd

    Buffer = Any

LARGEST_ZIP = 64 * 1024 * 1024
# The most that is unpacked of a dump, and of each table but the laps, which are not kept. The real
# one has some 100 MB, nearly all of them laps.
LARGEST_UNPACKED = 512 * 1024 * 1024
LARGEST_TABLE = 32 * 1024 * 1024
LARGEST_LINE = 64 * 1024
ROWS_AT_ONCE = 20_000
PREFIX = "formula_one_"

NUMBER, TEXT = "float64", "str"
ENTRIES, LAPS = "sessionentry", "lap"
TABLES: Mapping[str, Mapping[str, str]] = {
    "season": {"id": NUMBER, "year": NUMBER},
    "circuit": {"id": NUMBER, "locality": TEXT, "country": TEXT},
    "round": {
        "id": NUMBER,
        "season_id": NUMBER,
        "circuit_id": NUMBER,
        "number": NUMBER,
        "name": TEXT,
        "date": TEXT,
        "is_cancelled": TEXT,
    },
    "session": {
        "id": NUMBER,
        "round_id": NUMBER,
        "number": NUMBER,
        "type": TEXT,
        "timestamp": TEXT,
        "has_time_data": TEXT,
        "timezone": TEXT,
        "is_cancelled": TEXT,
    },
    "driver": {
        "id": NUMBER,
        "reference": TEXT,
        "abbreviation": TEXT,
        "forename": TEXT,
        "surname": TEXT,
        "date_of_birth": TEXT,
    },
    "team": {"id": NUMBER, "reference": TEXT, "name": TEXT},
    "teamdriver": {"id": NUMBER, "driver_id": NUMBER, "team_id": NUMBER},
    "roundentry": {"id": NUMBER, "team_driver_id": NUMBER, "car_number": NUMBER},
    ENTRIES: {
        "id": NUMBER,
        "session_id": NUMBER,
        "round_entry_id": NUMBER,
        "position": NUMBER,
        "is_classified": "category",
        "status": NUMBER,
        "detail": "category",
        "points": NUMBER,
        "grid": NUMBER,
        "laps_completed": NUMBER,
        "time": TEXT,
    },
    # Where the times of qualifyings are: a lap of the entry, marked as its quickest.
    LAPS: {"session_entry_id": NUMBER, "is_entry_fastest_lap": "category", "time": TEXT},
}

# What a damaged, encrypted or strangely packed file raises, and what pandas does over what is no
# such table.
UNREADABLE_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
UNREADABLE_TABLE = (ValueError, LookupError, TypeError, OverflowError, *UNREADABLE_ZIP)


@dataclass(frozen=True, slots=True)
class DumpTables:
    """`small` are the tables without the entries and the laps, by name; of the `entries` those of
    the sessions that count, with the milliseconds of their whole time and of their quickest lap."""

    small: "Mapping[str, pd.DataFrame]"
    entries: "pd.DataFrame"


def read_tables(path: Path, kept_types: "frozenset[str]") -> DumpTables:
    """The tables of a zip file; `kept_types` are the session types whose entries are kept.
    Raises `BadSourceData` where it is no dump of this shape, `OSError` where it cannot be read."""
    if not path.is_file():
        raise BadSourceData(f"there is no file {path}")
    if path.stat().st_size > LARGEST_ZIP:
        raise BadSourceData(f"it has more than {LARGEST_ZIP} bytes")
    # Opened by us: that the file cannot be read is an `OSError`, and no fault of the dump's.
    with (
        path.open("rb") as file,
        _naming_faults("the zip file"),
        zipfile.ZipFile(file) as zip_file,
    ):
        members = _find_members(zip_file)
        left = LARGEST_UNPACKED
        small: dict[str, pd.DataFrame] = {}
        entries: pd.DataFrame | None = None
        # In this order: entries are chosen by their sessions, and laps by their entries.
        for table in TABLES:
            with _naming_faults(f"{PREFIX}{table}.csv"):
                largest = left if table == LAPS else min(left, LARGEST_TABLE)
                with zip_file.open(members[table]) as packed:
                    counted = _Counted(packed, largest)
                    chunks = _read_chunks(counted, TABLES[table])
                    if table == ENTRIES:
                        entries = _read_entries(chunks, small["session"], kept_types)
                    elif table == LAPS and entries is not None:
                        entries["lap"] = _read_laps(chunks, entries)
                    else:
                        small[table] = _join(chunks)
                left -= counted.count
        assert entries is not None  # noqa: S101 - for mypy
    return DumpTables(small, entries)


@contextmanager
def _naming_faults(what: str) -> Iterator[None]:
    """Whatever is wrong with a part of the dump becomes one of our errors, with its name."""
    try:
        yield
    except UNREADABLE_TABLE as error:
        raise BadSourceData(f"{what} cannot be read: {read_text(error)}") from error


def _find_members(zip_file: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files that are needed, by table; a name that leads out of the folder spoils the whole."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in zip_file.infolist():
        name = member.orig_filename
        if name.startswith(("/", ".")) or not {"/", "\\", ":", "\0"}.isdisjoint(name):
            raise BadSourceData("a file in it would leave its folder")
        table = name.removeprefix(PREFIX).removesuffix(".csv")
        if table in TABLES and name == f"{PREFIX}{table}.csv":
            if table in members:
                raise BadSourceData(f"{name} is in it twice")
            members[table] = member
    missing = [f"{PREFIX}{table}.csv" for table in TABLES if table not in members]
    if missing:
        raise BadSourceData(f"{', '.join(missing)} is not in it")
    return members


class _Counted(io.RawIOBase):
    """What is unpacked, byte by counted byte: too much of it, or a line without an end, is refused
    before it fills the memory."""

    def __init__(self, packed: Any, largest: int) -> None:
        self._packed, self._largest = packed, largest
        self.count = self._line = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        data = self._packed.read(min(len(buffer), LARGEST_LINE))
        self.count += len(data)
        if self.count > self._largest:
            raise BadSourceData("more is unpacked of it than any real dump has")
        end = data.rfind(b"\n")
        self._line = self._line + len(data) if end < 0 else len(data) - end
        if self._line > LARGEST_LINE:
            raise BadSourceData(f"a line in it has more than {LARGEST_LINE} bytes")
        buffer[: len(data)] = data
        return len(data)


def _read_chunks(counted: _Counted, columns: Mapping[str, str]) -> "Iterator[pd.DataFrame]":
    import pandas as pd

    numbers = [name for name, kind in columns.items() if kind == NUMBER]
    yield from pd.read_csv(
        counted,
        usecols=list(columns),
        dtype=dict(columns),
        keep_default_na=False,
        # A driver may be called 'None'; an empty text is one.
        na_values={name: [""] for name in numbers},
        chunksize=ROWS_AT_ONCE,
        encoding="utf-8-sig",
    )


def _join(chunks: "Iterator[pd.DataFrame]") -> "pd.DataFrame":
    import pandas as pd

    return pd.concat(chunks, ignore_index=True)


def _read_entries(
    chunks: "Iterator[pd.DataFrame]", sessions: "pd.DataFrame", kept_types: "frozenset[str]"
) -> "pd.DataFrame":
    import pandas as pd

    kept_sessions = set(sessions.loc[sessions["type"].isin(kept_types), "id"])

    def keep() -> "Iterator[pd.DataFrame]":
        for chunk in chunks:
            kept = chunk[chunk["session_id"].isin(kept_sessions)]
            # As the Ergast form prints them: of a float, cut and not rounded (1958 round 1: 599 for
            # 600), so that the dump and a page are of one millisecond.
            seconds = _as_durations(kept["time"]) / pd.Timedelta(microseconds=1) / 1_000_000
            yield kept.assign(time=(seconds * 1000) // 1)

    return _join(keep())


def _read_laps(chunks: "Iterator[pd.DataFrame]", entries: "pd.DataFrame") -> "pd.Series[float]":
    """The milliseconds of each entry's quickest lap; NaN where it has none."""
    import pandas as pd

    known = set(entries["id"])
    found: list[pd.Series[float]] = []
    for chunk in chunks:
        quickest = chunk[
            (chunk["is_entry_fastest_lap"] == "t") & chunk["session_entry_id"].isin(known)
        ]
        times = _as_durations(quickest["time"]) / pd.Timedelta(milliseconds=1)
        found.append(times.round().set_axis(quickest["session_entry_id"]))
    laps = pd.concat(found)
    return entries["id"].map(laps[~laps.index.duplicated()])


def _as_durations(times: "pd.Series[str]") -> "pd.Series[pd.Timedelta]":
    """Read '02:19:33.7'; a detail that cannot be read is missing."""
    import pandas as pd

    return pd.to_timedelta(times.where(times != "", None), errors="coerce")
