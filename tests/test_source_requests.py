"""What the sources answer where nothing goes wrong, and with which requests."""

import json
import os
import pty
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from f1picks.environment import ROOT
from ingestion.errors import BadSourceData, IngestionError
from ingestion.sessions import SessionType
from ingestion.sources import SourceAnswer, Sources, make_private_folder
from ingestion.sources.http import Adapter
from tests.fastf1_limits import (
    ADDRESSES,
    connect,
    fetch_calendar,
    fetch_results,
    fetch_schedule,
)
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.usefixtures("fastf1_restored")

SCHEDULE = "/f1schedule/schedule_2024.json"
CALENDAR = "/ergast/f1/2024/races.json?limit=100"
JOLPICA = "/ergast/f1/2024"


def targets(upstream: FaultyUpstream) -> list[str]:
    return [request.target for request in upstream.requests]


def rows_by_round(answer: SourceAnswer[Any]) -> dict[int, int]:
    return {one.race.round_number: len(getattr(one, "results", ())) for one in answer.records}


# What arrives


def test_the_schedule_arrives_without_testing(upstream: FaultyUpstream, sources: Sources) -> None:
    [schedule] = fetch_schedule(sources, 2024, fresh=True).records
    assert [one.round_number for one in schedule.grands_prix] == list(range(1, 25))
    first, second, *_ = schedule.grands_prix
    assert (first.name, second.name) == ("Bahrain Grand Prix", "Saudi Arabian Grand Prix")
    assert targets(upstream) == [SCHEDULE]


def test_the_calendar_has_the_times_that_fastf1s_frames_drop(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    [calendar] = fetch_calendar(sources, 2024, fresh=True).records
    assert [one.round_number for one in calendar.grands_prix] == list(range(1, 25))
    starts = {one.session_type: one.starts_at for one in calendar.grands_prix[4].sessions}
    assert starts[SessionType.SPRINT_QUALIFYING] == datetime(2024, 4, 19, 7, 30, tzinfo=UTC)
    assert targets(upstream) == [CALENDAR]


@pytest.mark.parametrize(
    ("session_type", "rounds", "rows", "pages"),
    [
        (SessionType.RACE, 24, 479, 5),
        (SessionType.QUALIFYING, 24, 478, 5),
        (SessionType.SPRINT, 6, 120, 2),
    ],
)
def test_a_season_arrives_page_by_page(
    sources: Sources, session_type: SessionType, rounds: int, rows: int, pages: int
) -> None:
    answer = fetch_results(sources, 2024, session_type, fresh=True)
    by_round = rows_by_round(answer)
    assert (len(by_round), sum(by_round.values())) == (rounds, rows)
    assert sources.requests == pages


def test_a_season_takes_fourteen_requests(upstream: FaultyUpstream, sources: Sources) -> None:
    fetch_schedule(sources, 2024, fresh=True)
    fetch_calendar(sources, 2024, fresh=True)
    for session_type in (SessionType.RACE, SessionType.QUALIFYING, SessionType.SPRINT):
        fetch_results(sources, 2024, session_type, fresh=True)
    assert targets(upstream) == [
        SCHEDULE,
        CALENDAR,
        f"{JOLPICA}/results.json?limit=100",
        f"{JOLPICA}/results.json?limit=100&offset=100",
        f"{JOLPICA}/results.json?limit=100&offset=200",
        f"{JOLPICA}/results.json?limit=100&offset=300",
        f"{JOLPICA}/results.json?limit=100&offset=400",
        f"{JOLPICA}/qualifying.json?limit=100",
        f"{JOLPICA}/qualifying.json?limit=100&offset=100",
        f"{JOLPICA}/qualifying.json?limit=100&offset=200",
        f"{JOLPICA}/qualifying.json?limit=100&offset=300",
        f"{JOLPICA}/qualifying.json?limit=100&offset=400",
        f"{JOLPICA}/sprint.json?limit=100",
        f"{JOLPICA}/sprint.json?limit=100&offset=100",
    ]
    assert sources.requests == 14


def test_one_round_is_one_request(upstream: FaultyUpstream, sources: Sources) -> None:
    answer = fetch_results(sources, 2024, SessionType.RACE, round_number=14, fresh=True)
    assert rows_by_round(answer) == {14: 20}
    assert targets(upstream) == [f"{JOLPICA}/14/results.json?limit=100"]


@pytest.mark.parametrize("season", [2024, 2031])
def test_what_has_no_results_yet_arrives_empty(sources: Sources, season: int) -> None:
    answer = fetch_results(sources, season, SessionType.RACE, round_number=25, fresh=True)
    assert rows_by_round(answer) == {}
    assert sources.requests == 1


def test_a_season_that_jolpica_does_not_have_has_no_calendar(sources: Sources) -> None:
    with pytest.raises(BadSourceData, match="Jolpica has no calendar of 2031"):
        fetch_calendar(sources, 2031, fresh=True)


# Addresses


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_both_settings_reach_every_address(
    upstream: FaultyUpstream, tmp_path: Path, end: str
) -> None:
    import fastf1.ergast

    sources = connect(
        upstream,
        tmp_path / "cache",
        schedule_url=upstream.schedule_url.rstrip("/") + end,
        jolpica_url=upstream.jolpica_url + end,
    )
    fetch_schedule(sources, 2024, fresh=True)
    fetch_calendar(sources, 2024, fresh=True)
    assert len(fastf1.ergast.fetch_season(2024)) == 24
    assert targets(upstream) == [SCHEDULE, CALENDAR, "/ergast/f1/2024.json"]


UNTOUCHED = """
import json, sys
from importlib import import_module
from pathlib import Path
from ingestion.sources import SourceConfig, connect

addresses = json.loads(sys.argv[1])
def read():
    return [getattr(import_module(module), name) for module, name in addresses]
before = read()
connect(SourceConfig(Path(sys.argv[2])), reserve=lambda host, n: None)
print(json.dumps([before, read()]))
"""


def test_empty_addresses_leave_fastf1s_own(tmp_path: Path) -> None:
    arguments = [json.dumps(ADDRESSES), str(tmp_path / "cache")]
    done = subprocess.run(
        [sys.executable, "-c", UNTOUCHED, *arguments],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    before, after = json.loads(done.stdout)
    assert after == before
    assert all(address.startswith("https://") for address in before)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        *ADDRESSES,
        ("fastf1.events", "get_event_schedule"),
        ("fastf1.internals.f1account", "LIVETIMING_URL"),
        ("fastf1.req", "Cache._requests_session"),
        ("fastf1.req", "Cache._requests_session_cached"),
        ("fastf1.req", "Cache._http_tmp_disabled"),
        ("fastf1.req", "_SessionWithRateLimiting._RATE_LIMITS"),
    ],
)
def test_fastf1_still_has_what_we_set(module: str, name: str) -> None:
    found: Any = import_module(module)
    for part in name.split("."):
        assert hasattr(found, part), f"{module}.{name}"
        found = getattr(found, part)


@pytest.mark.usefixtures("sources")
def test_every_request_goes_through_the_adapter() -> None:
    from fastf1.req import Cache

    for session in (Cache._requests_session, Cache._requests_session_cached):
        for address in ("http://127.0.0.1:1/", "https://api.jolpi.ca/ergast/f1/2024.json"):
            assert isinstance(session.get_adapter(address), Adapter)


def test_limits_are_lifted_for_loopback_alone() -> None:
    from fastf1.req import _SessionWithRateLimiting

    def limited(url: str) -> int:
        return sum(bool(pattern.match(url)) for pattern in _SessionWithRateLimiting._RATE_LIMITS)

    assert limited("https://api.jolpi.ca/ergast/f1/2024.json") == 2
    assert limited("https://raw.githubusercontent.com/theOehrly/f1schedule/") == 1
    assert limited("http://127.0.0.1.example.org/") == 1
    assert limited("http://127.0.0.1:8000/ergast/f1/2024.json") == 0
    assert limited("http://user:secret@127.0.0.1:8000/ergast/f1/2024.json") == 0


# What is never requested


def test_no_other_backend_replaces_the_schedule_file(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    upstream.fault(SCHEDULE, status=404)
    with pytest.raises(IngestionError):
        fetch_schedule(sources, 2024, fresh=False)
    assert targets(upstream) == [SCHEDULE]
    assert sources.requests == 1


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize("is_cached", [True, False])
def test_live_timing_is_refused(is_cached: bool) -> None:
    import requests
    from fastf1.internals.f1account import LIVETIMING_URL
    from fastf1.req import Cache

    session = Cache._requests_session_cached if is_cached else Cache._requests_session
    with pytest.raises(requests.ConnectionError, match="needs a Formula 1 account and is not"):
        session.get(f"{LIVETIMING_URL}static/2024/Index.json")


SCRIPT_START = """
import sys
import django
django.setup()
from pathlib import Path
from ingestion.sources import SourceConfig, connect
assert "fastf1" not in sys.modules and "pandas" not in sys.modules
config = SourceConfig(Path(sys.argv[1]), *sys.argv[2:4])
sources = connect(config, reserve=lambda host, requests: None)
"""


def run_script(
    upstream: FaultyUpstream, folder: Path, script: str, *, stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-c", SCRIPT_START + script),
            *(folder / "cache", upstream.schedule_url, upstream.jolpica_url),
        ],
        check=False,
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_live_timing_never_prompts_on_a_terminal(upstream: FaultyUpstream, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    try:
        done = run_script(
            upstream,
            tmp_path,
            """
import fastf1
assert sys.stdin.isatty()
try:
    fastf1.req.Cache.requests_get("https://livetiming.formula1.com/static/2024/Index.json")
except Exception as error:
    print(error)
print(fastf1.events._get_schedule_from_f1_timing(2024))
""",
            stdin=terminal,
        )
    finally:
        os.close(terminal)
        os.close(controller)
    assert done.returncode == 0, done.stderr
    refusal, schedule = done.stdout.splitlines()
    assert refusal == "live timing needs a Formula 1 account and is not requested"
    assert schedule == "None"
    assert "password" not in done.stderr.lower()
    assert upstream.requests == []


def test_fastf1_logs_each_line_once(upstream: FaultyUpstream, tmp_path: Path) -> None:
    upstream.fault(SCHEDULE, status=404)
    done = run_script(
        upstream,
        tmp_path,
        """
import logging
from ingestion.errors import SourceUnavailable
print(logging.getLogger("fastf1").handlers, logging.getLogger("fastf1").level)
try:
    sources.calendars(2024)[0].fetch_calendar(2024, fresh=False)
except SourceUnavailable as error:
    print(error)
logging.getLogger("fastf1.events").warning("a line of FastF1's")
""",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[] 0",
        "the schedule file of 2024: the server answered 404 Not Found",
    ]
    assert len(re.findall("a line of FastF1's", done.stderr)) == 1
    assert "Traceback" not in done.stderr


# The cache folder


def test_many_may_look_at_the_cache_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make_private_folder, [tmp_path / "cache"] * 400)) == [None] * 400


def test_the_cache_folder_is_made_private(upstream: FaultyUpstream, tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    connect(upstream, folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "fastf1_http_cache.sqlite").is_file()


@pytest.mark.parametrize(
    ("below", "reason"), [("", "File exists"), ("cache", "Not a directory")], ids=["file", "below"]
)
def test_a_cache_folder_that_cannot_be_is_explained(
    upstream: FaultyUpstream, tmp_path: Path, below: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / below
    with pytest.raises(IngestionError) as raised:
        connect(upstream, folder)
    assert str(raised.value) == (
        f"the cache folder {folder} cannot be written ({reason}); make it writable or name "
        "another one in FASTF1_CACHE_DIR"
    )


def test_connecting_again_keeps_the_cache(upstream: FaultyUpstream, tmp_path: Path) -> None:
    for _ in range(2):
        sources = connect(upstream, tmp_path / "cache")
        fetch_schedule(sources, 2024, fresh=False)
    assert targets(upstream) == [SCHEDULE]
    assert sources.requests == 0
