"""Jolpica's dump with faults: switches on the file that the stand-in serves, and runs that read it.

Each switch makes another body of the tables; what only an answer can have (a redirect that hangs,
404) is a fault of `FaultyUpstream`.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ingestion.pipeline import IngestRequest, Mode, SourceConfig, ingest
from ingestion.report import RunReport, SeasonLine
from ingestion.sample.dump import PACKED_AT, build_tables, pack
from ingestion.sample.season import Season
from ingestion.sample.upstream import Request
from tests.upstream import FaultyUpstream

Switch = Callable[[list[Season]], bytes]
NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)


def with_member(name: str, head: bytes, body: bytes = b"", *, times: int = 1) -> Switch:
    """One file more, or in the place of another; `body` follows its head as often as that."""

    def change(seasons: list[Season]) -> bytes:
        whole, changed = io.BytesIO(pack(build_tables(seasons))), io.BytesIO()
        with (
            zipfile.ZipFile(whole) as before,
            zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as after,
        ):
            for member in before.namelist():
                if member != name:
                    after.writestr(zipfile.ZipInfo(member, PACKED_AT), before.read(member))
            info = zipfile.ZipInfo(name, PACKED_AT)
            info.compress_type = zipfile.ZIP_DEFLATED
            with after.open(info, "w") as file:
                file.write(head)
                for _ in range(times):
                    file.write(body)
        return changed.getvalue()

    return change


def with_bomb(seasons: list[Season]) -> bytes:
    """Some hundred kilobytes that would be hundreds of megabytes."""
    lines = (b"1," * 500 + b"\n") * 1000
    head = b"session_entry_id,is_entry_fastest_lap,time\n"
    return with_member("formula_one_lap.csv", head, lines, times=600)(seasons)


def with_endless_line(seasons: list[Season]) -> bytes:
    return with_member("formula_one_driver.csv", b"id," + b"0" * 10_000_000)(seasons)


def without_column(table: str, column: str, renamed: str = "") -> Switch:
    def change(seasons: list[Season]) -> bytes:
        tables = build_tables(seasons)
        for row in tables[table]:
            value = row.pop(column)
            if renamed:
                row[renamed] = value
        return pack(tables)

    return change


def with_value(table: str, column: str, value: Any) -> Switch:
    """In the first row."""

    def change(seasons: list[Season]) -> bytes:
        tables = build_tables(seasons)
        tables[table][0][column] = value
        return pack(tables)

    return change


def in_encoding(name: str) -> Switch:
    def change(seasons: list[Season]) -> bytes:
        whole, changed = io.BytesIO(pack(build_tables(seasons))), io.BytesIO()
        with zipfile.ZipFile(whole) as before, zipfile.ZipFile(changed, "w") as after:
            for member in before.namelist():
                after.writestr(member, before.read(member).decode().encode(name, "replace"))
        return changed.getvalue()

    return change


def cut(seasons: list[Season]) -> bytes:
    body = pack(build_tables(seasons))
    return body[: len(body) // 2]


@dataclass
class Fill:
    """Ranges of seasons, as the command fills them; `lines` are the last run's."""

    upstream: FaultyUpstream
    folder: Path
    now: datetime = NOW
    lines: list[str] = field(default_factory=list)

    def __call__(self, *seasons: int, dump_url: str = "", **changes: Any) -> RunReport:
        self.lines.clear()
        config = SourceConfig(
            self.folder / "cache",
            self.upstream.schedule_url,
            self.upstream.jolpica_url,
            jolpica_dump_url=dump_url,
        )
        config = replace(config, **changes.pop("config", {}))
        request = IngestRequest(seasons, config, **{"mode": Mode.FILL, **changes})
        return ingest(
            request,
            clock=lambda: self.now,
            show_step=lambda *_, **__: None,
            show_line=self.add_line,
        )

    def add_line(self, line: SeasonLine) -> None:
        self.lines.append(str(line))

    @property
    def copies(self) -> list[Path]:
        return sorted((self.folder / "cache").glob("jolpica_dump_*"))


def name_dump_requests(upstream: FaultyUpstream) -> list[str]:
    """Those for the dump, of all so far, which are forgotten."""
    found = [_name(request) for request in upstream.requests]
    upstream.clear_requests()
    return [name for name in found if name]


def _name(request: Request) -> str:
    if request.path.startswith("/dump-store/"):
        return "store"
    if not request.path.startswith("/data/dumps/"):
        return ""
    return "download" if "delayed" in request.path else "overview"


A_DAY = timedelta(days=1)
