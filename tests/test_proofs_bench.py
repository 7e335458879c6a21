"""The benchmark, cut short: it ends with its tables, and fails where a promise is broken."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from f1picks.environment import ROOT
from ingestion.models import Event, Result
from ingestion.queue import tasks
from ingestion.sample.season import load_season
from tests.conftest import on_postgres
from tests.live_upstream import restore_addresses  # noqa: F401
from tests.proofs.bench.__main__ import tell_broken
from tests.proofs.bench.cases import AGAIN, EMPTY, HISTORY, IDLE, Case, name_many
from tests.proofs.bench.counting import Statements
from tests.proofs.bench.facts import Upstream, first_rounds, list_seasons, promised_requests
from tests.proofs.bench.measured import Measured
from tests.proofs.bench.promises import list_promises
from tests.proofs.bench.spread import Spread

SETTINGS = "DJANGO_SETTINGS_MODULE"
SHORT = ("--rounds", "1", "--seasons", "2", "--ticks", "20", "--repeats", "1", "--markdown")
SEASONS = list_seasons(24, 10)

WELL = Measured(
    times=1,
    warm_up=0,
    seconds=5.2,
    processor=0.3,
    start=0.7,
    statements=9,
    written={"ingestion_ingestrun": 2, "ingestion_requestblock": 5},
    peak=138,
    grown=0,
    grown_rows=0,
    database="SQLite",
    pause=0.25,
    requests=21,
    of_sprint_qualifyings=7,
)
TICK = replace(WELL, statements=2, written={}, requests=0, of_sprint_qualifyings=0)
MANY = replace(WELL, requests=sum(map(promised_requests, SEASONS)), of_sprint_qualifyings=0)
NO_TROUBLE = "every run is well, and a tick imports neither FastF1 nor pandas"
ALL_WELL = {
    Case(EMPTY): [WELL],
    Case(AGAIN): [WELL],
    Case(IDLE): [TICK],
    Case(name_many(10)): [MANY],
    Case(HISTORY): [replace(WELL, seconds=40, requests=3, of_sprint_qualifyings=0)],
}


@pytest.mark.long
@pytest.mark.project
def test_it_ends_with_its_tables_and_every_promise_kept() -> None:
    database = "postgresql" if on_postgres else "sqlite"
    from_a_shell = {key: value for key, value in os.environ.items() if key != SETTINGS}
    done = subprocess.run(
        [sys.executable, "-m", "tests.proofs.bench", "--only", database, *SHORT],
        check=False,
        cwd=ROOT,
        env=from_a_shell,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line.startswith("|")
    ]
    # Schedule, calendar, a page of races and one of qualifyings; the usual way asks for each
    # session's information, drivers and results.
    requests = {cell[0]: cell[1] for cell in cells if len(cell) == 9}
    assert requests[EMPTY] == requests[AGAIN] == "4"
    assert requests[IDLE] == "0"
    assert [cell[1] for cell in cells if cell[0] == "... the usual way"] == ["7", "3", "4", "2"]
    rows = {cell[0]: cell[6] for cell in cells if len(cell) == 9}
    # Two events with their changes, twenty entries each, and twenty drivers with a key each.
    assert (rows[EMPTY], rows[AGAIN], rows[IDLE]) == ("88", "0", "0")
    assert {cell[0] for cell in cells if cell[1:2] and cell[0] in ("kept", "BROKEN")} == {"kept"}
    assert "Python" in [cell[0] for cell in cells]


def broken(found: Mapping[Case, list[Measured]]) -> list[str]:
    promises = list_promises(found, SEASONS)
    return [f"{promise.words}: {promise.found}" for promise in promises if not promise.is_kept]


def test_what_is_promised_is_kept() -> None:
    assert promised_requests(load_season()) == 14
    assert broken(ALL_WELL) == []


@pytest.mark.parametrize(
    ("case", "changes", "words"),
    [
        (
            EMPTY,
            {"requests": 22},
            "a season takes at most 14 requests, sprint qualifyings apart: 15",
        ),
        (AGAIN, {"statements": 13}, "the same again takes at most 12 statements: 13"),
        (
            AGAIN,
            {"written": {"ingestion_poll": 1}},
            "... and writes its own record alone: 1 other rows",
        ),
        (IDLE, {"requests": 1}, "a tick with nothing due asks nobody: 1 requests"),
        (IDLE, {"statements": 3}, "... by one UPDATE and one SELECT: 3 statements"),
        (IDLE, {"grown_rows": 1}, "... and leaves no row: 1"),
        (
            HISTORY,
            {"requests": 6},
            "1950 to now takes at most 5 requests with Jolpica's dump: 6",
        ),
        (
            IDLE,
            {"troubles": ["pandas was imported"]},
            f"{NO_TROUBLE}: a tick with nothing due: pandas was imported",
        ),
    ],
)
def test_a_broken_promise_is_told(case: str, changes: dict[str, Any], words: str) -> None:
    [well] = ALL_WELL[Case(case)]
    found = {**ALL_WELL, Case(case): [replace(well, **changes)]}
    assert broken(found) == [words]
    assert tell_broken(list_promises(found, SEASONS), is_strict=False) == 1


def test_a_time_fails_only_where_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    """The machine may be busy."""
    times = {EMPTY: replace(WELL, seconds=7), HISTORY: replace(WELL, seconds=61, requests=3)}
    found = {**ALL_WELL, **{Case(name): [measured] for name, measured in times.items()}}
    slow = list_promises(found, SEASONS)
    assert tell_broken(slow, is_strict=False) == 0
    assert capsys.readouterr().err == (
        "Slower than promised: ... and at most 1.3 times what FastF1's pauses take: 1.40\n"
        "Slower than promised: ... and at most 60 s: 61.0 s\n"
    )
    assert tell_broken(slow, is_strict=True) == 1


def test_a_spread_is_the_median_and_from_where_to_where() -> None:
    assert str(Spread([3, 1, 2])) == "2 (1-3)"
    assert str(Spread([0.301, 0.304], digits=2)) == "0.30"
    assert str(Spread([1234])) == "1,234"


@pytest.mark.django_db(transaction=True)
def test_the_usual_way_ends_with_the_same_classifications(
    tmp_path: Path, settings: Settings, addresses_restored: None
) -> None:
    """It is no straw man."""
    from tests.proofs.bench import usual

    with Upstream({2024: first_rounds(1)}) as upstream:
        settings.F1_SCHEDULE_URL, settings.JOLPICA_URL = upstream.schedule_url, upstream.jolpica_url
        settings.FASTF1_CACHE_DIR = tmp_path
        usual.connect()
        usual.load_season(2024)
        theirs = read_classifications()
        Result.objects.all().delete()
        Event.objects.all().delete()
        tasks.ingest_season(2024)
    assert theirs == read_classifications()
    assert len(theirs) == 40


def read_classifications() -> list[Any]:
    facts = (
        *("event__grand_prix", "event__session_type", "event__starts_at", "order", "position"),
        *("driver_id", "driver_number", "driver_code", "driver_name", "constructor_id"),
        *("grid", "laps", "points", "status", "q1", "q2", "q3"),
    )
    return list(Result.objects.order_by("event__starts_at", "order").values_list(*facts))


@pytest.mark.django_db(transaction=True)
def test_rows_are_counted_where_they_are_written(belgium: Any) -> None:
    from django.db import connection

    statements = Statements()
    statements.settle()
    statements.written.clear()
    entries = list(Result.objects.all())
    with connection.execute_wrapper(statements):
        Result.objects.bulk_update(entries, ["laps"])
        Result.objects.filter(pk=entries[0].pk).delete()
        Result.objects.bulk_create([replace_key(entries[0])])
        Result.objects.update(laps=1)
    assert dict(statements.written) == {"ingestion_result": 2 * len(entries) + 2}
    assert statements.counted == 4


def replace_key(result: Result) -> Result:
    result.pk = None
    return result
