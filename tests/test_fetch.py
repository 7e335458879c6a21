"""What FastF1 gives through our door, where nothing goes wrong, and with which requests."""

import json
import os
import pty
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from f1picks.environment import ROOT
from ingestion import fetch
from ingestion.errors import IngestionError
from ingestion.fetch.door import Door
from ingestion.sessions import SessionType
from tests.fastf1_limits import ADDRESSES, connect
from tests.upstream import FaultyUpstream

pytestmark = pytest.mark.usefixtures("fastf1_restored")

SCHEDULE = "/f1schedule/schedule_2024.json"
CALENDAR = "/ergast/f1/2024/races.json?limit=100"
JOLPICA = "/ergast/f1/2024"


def targets(upstream: FaultyUpstream) -> list[str]:
    return [request.target for request in upstream.requests]


def rows_by_round(answer: fetch.Answer) -> dict[int, int]:
    """How many rows of each round the pages have, added up."""
    rows: dict[int, int] = {}
    for description, contents in answer.content:
        for race, content in zip(description.to_dict("records"), contents, strict=True):
            rows[race["round"]] = rows.get(race["round"], 0) + len(content)
    return rows


# What arrives


def test_the_schedule_arrives_without_testing(
    upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    schedule = fetch.fetch_schedule(connected, 2024, fresh=True).content
    assert list(schedule["RoundNumber"]) == list(range(1, 25))
    assert list(schedule["EventName"])[:2] == ["Bahrain Grand Prix", "Saudi Arabian Grand Prix"]
    assert targets(upstream) == [SCHEDULE]


def test_the_calendar_arrives_uncast(upstream: FaultyUpstream, connected: fetch.Upstream) -> None:
    races = fetch.fetch_calendar(connected, 2024, fresh=True).content
    assert [race["round"] for race in races] == [str(number) for number in range(1, 25)]
    # FastF1's frames drop this one.
    assert races[4]["SprintQualifying"] == {"date": "2024-04-19", "time": "07:30:00Z"}
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
    connected: fetch.Upstream, session_type: SessionType, rounds: int, rows: int, pages: int
) -> None:
    answer = fetch.fetch_results(connected, 2024, session_type, fresh=True)
    by_round = rows_by_round(answer)
    assert (len(by_round), sum(by_round.values())) == (rounds, rows)
    assert (len(answer.content), connected.requests) == (pages, pages)


def test_a_season_takes_fourteen_requests(
    upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    fetch.fetch_schedule(connected, 2024, fresh=True)
    fetch.fetch_calendar(connected, 2024, fresh=True)
    for session_type in (SessionType.RACE, SessionType.QUALIFYING, SessionType.SPRINT):
        fetch.fetch_results(connected, 2024, session_type, fresh=True)
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
    assert connected.requests == 14


def test_one_round_is_one_request(upstream: FaultyUpstream, connected: fetch.Upstream) -> None:
    answer = fetch.fetch_results(connected, 2024, SessionType.RACE, round_number=14, fresh=True)
    assert rows_by_round(answer) == {14: 20}
    assert targets(upstream) == [f"{JOLPICA}/14/results.json?limit=100"]


@pytest.mark.parametrize("season", [2024, 2031])
def test_what_has_no_results_yet_arrives_empty(connected: fetch.Upstream, season: int) -> None:
    answer = fetch.fetch_results(connected, season, SessionType.RACE, round_number=25, fresh=True)
    assert rows_by_round(answer) == {}
    assert connected.requests == 1


def test_a_season_that_jolpica_does_not_have_is_an_empty_calendar(
    connected: fetch.Upstream,
) -> None:
    assert fetch.fetch_calendar(connected, 2031, fresh=True).content == []


# Addresses


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_both_settings_reach_every_address(
    upstream: FaultyUpstream, tmp_path: Path, end: str
) -> None:
    import fastf1.ergast

    connected = connect(
        upstream,
        tmp_path / "cache",
        schedule_url=upstream.schedule_url.rstrip("/") + end,
        jolpica_url=upstream.jolpica_url + end,
    )
    fetch.fetch_schedule(connected, 2024, fresh=True)
    fetch.fetch_calendar(connected, 2024, fresh=True)
    assert len(fastf1.ergast.fetch_season(2024)) == 24
    assert targets(upstream) == [SCHEDULE, CALENDAR, "/ergast/f1/2024.json"]


UNTOUCHED = """
import json, sys
from importlib import import_module
from pathlib import Path
from ingestion import fetch

addresses = json.loads(sys.argv[1])
def read():
    return [getattr(import_module(module), name) for module, name in addresses]
before = read()
fetch.connect(
    cache_dir=Path(sys.argv[2]), schedule_url="", jolpica_url="", reserve=lambda host, n: None
)
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


@pytest.mark.usefixtures("connected")
def test_every_request_goes_through_the_door() -> None:
    from fastf1.req import Cache

    for session in (Cache._requests_session, Cache._requests_session_cached):
        for address in ("http://127.0.0.1:1/", "https://api.jolpi.ca/ergast/f1/2024.json"):
            assert isinstance(session.get_adapter(address), Door)


def test_limits_are_lifted_for_loopback_alone() -> None:
    from fastf1.req import _SessionWithRateLimiting

    def limited(url: str) -> int:
        return sum(bool(pattern.match(url)) for pattern in _SessionWithRateLimiting._RATE_LIMITS)

    assert limited("https://api.jolpi.ca/ergast/f1/2024.json") == 2
    assert limited("https://raw.githubusercontent.com/theOehrly/f1schedule/") == 1
    assert limited("http://127.0.0.1.example.org/") == 1
    assert limited("http://127.0.0.1:8000/ergast/f1/2024.json") == 0
    assert limited("http://user:secret@127.0.0.1:8000/ergast/f1/2024.json") == 0


# What is never asked


def test_no_other_backend_stands_in_for_the_schedule_file(
    upstream: FaultyUpstream, connected: fetch.Upstream
) -> None:
    upstream.fault(SCHEDULE, status=404)
    with pytest.raises(IngestionError):
        fetch.fetch_schedule(connected, 2024, fresh=False)
    assert targets(upstream) == [SCHEDULE]
    assert connected.requests == 1


@pytest.mark.usefixtures("connected")
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
from ingestion import fetch
assert "fastf1" not in sys.modules and "pandas" not in sys.modules
upstream = fetch.connect(
    cache_dir=Path(sys.argv[1]), schedule_url=sys.argv[2], jolpica_url=sys.argv[3],
    reserve=lambda host, requests: None,
)
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
    assert refusal == "live timing needs a Formula 1 account and is not asked"
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
    fetch.fetch_schedule(upstream, 2024, fresh=False)
except SourceUnavailable as error:
    print(error)
""",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[] 0",
        "the schedule file of 2024: the server answered 404 Not Found",
    ]
    assert len(re.findall("Failed to load schedule", done.stderr)) == 1
    assert "Traceback" not in done.stderr


# The cache folder


def test_many_may_look_at_the_cache_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fetch.make_private_folder, [tmp_path / "cache"] * 400)) == [None] * 400


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
        connected = connect(upstream, tmp_path / "cache")
        fetch.fetch_schedule(connected, 2024, fresh=False)
    assert targets(upstream) == [SCHEDULE]
    assert connected.requests == 0
