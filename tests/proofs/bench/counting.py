"""What the work of this process takes: statements, rows, memory."""

import re
import resource
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection

from tests.statements import is_apart

MEGABYTE = 1024 * 1024
WRITES = re.compile(r'(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')


@dataclass
class Statements:
    """Counts statements as `tests.statements` does, and the rows that they wrote, by table.

    SQLite knows how many rows a statement wrote once its answer was read: it is asked before the
    next one as well.
    """

    counted: int = 0
    written: Counter[str] = field(default_factory=Counter)
    _table: str = ""
    _changes: int = 0
    _connection: Any = None

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        self.settle()
        self.counted += not is_apart(sql)
        done = execute(sql, params, many, context)
        if found := WRITES.match(sql):
            self._table = found[1]
            if connection.vendor == "postgresql":
                self.written[self._table] += context["cursor"].rowcount
        self.settle()
        return done

    def settle(self) -> None:
        if connection.vendor == "postgresql":
            return
        if connection.connection is not self._connection:
            # Whoever waits for long lets go of it, and the next one counts from nothing.
            self._connection, self._changes = connection.connection, 0
        if self._connection is not None:
            before, self._changes = self._changes, self._connection.total_changes
            if self._changes > before:
                self.written[self._table] += self._changes - before


def count_rows() -> int:
    """Of all tables."""
    models = [model for model in apps.get_models() if not model._meta.proxy]
    return sum(model._base_manager.count() for model in models)


def name_database() -> str:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            (version,) = cursor.fetchone()
            cursor.execute("SHOW fsync")
            (fsync,) = cursor.fetchone()
        return f"PostgreSQL {version}" + ("" if fsync == "on" else f", fsync {fsync}")
    return f"SQLite {sqlite3.sqlite_version}"


def read_memory(what: str) -> float:
    """In MB: `VmRSS` now, `VmHWM` at most. `ru_maxrss` alone would be the parent's, where that was
    larger when it started us; where there is no /proc, it has to do."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE
    line = next(line for line in status.splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) * 1024 / MEGABYTE


def read_pause() -> float | None:
    """FastF1's own, in seconds between any two requests; None where it was not imported."""
    if "fastf1" not in sys.modules:
        return None
    from fastf1.req import _MinIntervalLimitDelay, _SessionWithRateLimiting

    limits = [limit for many in _SessionWithRateLimiting._RATE_LIMITS.values() for limit in many]
    pauses = (limit._interval for limit in limits if isinstance(limit, _MinIntervalLimitDelay))
    return float(max(pauses))
