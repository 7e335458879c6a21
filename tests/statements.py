"""How many requests and statements an ingest takes, counted where they happen."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

from ingestion.models import Change, Event, Result
from ingestion.pipeline import IngestRequest, Mode, SourceConfig, ingest
from ingestion.sample.season import load_season
from ingestion.sample.upstream import StandInUpstream

SEASON = 2024
LATER = datetime(2025, 6, 1, tzinfo=UTC)
# The Thursday before the second grand prix.
RACE_WEEK = datetime(2024, 3, 7, 12, tzinfo=UTC)
# Of one statement on SQLite, where Django cuts bulk writes (django.db.backends.sqlite3.features).
SQLITE_PARAMETERS = 999
# The transactions' own and the request budget's are counted apart. A season's lock is one of the
# former: SQLite takes it with BEGIN IMMEDIATE, PostgreSQL by a statement that reads nothing.
TRANSACTIONS = ("BEGIN", "COMMIT", "SELECT pg_advisory_xact_lock(")
BUDGET = "ingestion_requestblock"

Counted = type[Event] | type[Result] | type[Change]


@dataclass(frozen=True)
class Count:
    """What one ingest of a season's first rounds took."""

    rounds: int
    is_again: bool
    requests: int
    statements: int
    forced: int

    @property
    def constant(self) -> int:
        """Beside the statements that the limit on parameters forces."""
        return self.statements - self.forced


def count_ingests(rounds: int, cache_dir: Path) -> list[Count]:
    """An ingest into a database without the season, and the same again."""
    season = load_season(SEASON)
    short = replace(season, grands_prix=season.grands_prix[:rounds])
    with StandInUpstream({SEASON: short}, clock=lambda: LATER) as upstream:
        addresses = SourceConfig(cache_dir, upstream.schedule_url, upstream.jolpica_url)
        run = _ingest(IngestRequest((SEASON,), addresses, mode=Mode.REFRESH))
        return [_count(rounds, run, is_again=is_again) for is_again in (False, True)]


def count_race_week(cache_dir: Path) -> Count:
    """The same again of the current season, when the entrants of the next grand prix are known."""
    season = load_season(SEASON)
    first = season.grands_prix[0].id
    begun = replace(
        season,
        races={first: season.races[first]},
        qualifyings={first: season.qualifyings[first]},
        sprints={},
    )
    with StandInUpstream({SEASON: begun}, clock=lambda: RACE_WEEK) as upstream:
        addresses = SourceConfig(cache_dir, upstream.schedule_url, upstream.jolpica_url)
        request = IngestRequest((SEASON,), addresses, mode=Mode.REFRESH)
        run = _ingest(request, RACE_WEEK)
        run()
        return _count(len(season.grands_prix), run, is_again=True)


def _ingest(request: IngestRequest, now: datetime = LATER) -> Callable[[], int]:
    def ignore_step(step: str, *, done: int, total: int) -> None:
        pass

    return lambda: ingest(request, clock=lambda: now, show_step=ignore_step).requests


def _count(rounds: int, run: Callable[[], int], *, is_again: bool) -> Count:
    rows_before = _rows_of_bulk_inserts()
    with CaptureQueriesContext(connection) as captured:
        requests = run()
    statements = [query["sql"] for query in captured.captured_queries]
    counted = [sql for sql in statements if not is_apart(sql)]
    inserted = {model: rows - rows_before[model] for model, rows in _rows_of_bulk_inserts().items()}
    return Count(rounds, is_again, requests, len(counted), _forced(inserted))


def is_apart(sql: str) -> bool:
    return sql.startswith(TRANSACTIONS) or BUDGET in sql


def _rows_of_bulk_inserts() -> dict[Counted, int]:
    return {model: model.objects.count() for model in (Event, Result, Change)}


def _forced(inserted: dict[Counted, int]) -> int:
    """Statements beyond the first of each kind that SQLite's limit on parameters forces.

    Events are written at once, feed entries in two parts: the calendar's and the results'.
    """
    if connection.vendor != "sqlite":
        return 0
    parts: list[tuple[Counted, int]] = [(Event, inserted[Event]), (Result, inserted[Result])]
    parts += [(Change, inserted[Event]), (Change, inserted[Change] - inserted[Event])]
    return sum(
        max(0, math.ceil(rows / (SQLITE_PARAMETERS // _columns(model))) - 1)
        for model, rows in parts
    )


def _columns(model: Counted) -> int:
    """Of an insert: all but the key, which the database hands out."""
    return len(model._meta.concrete_fields) - 1
