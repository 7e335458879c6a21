import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ingestion.sample import newer
from ingestion.sample.season import load_season, without_results
from rehearsal.history import with_jolpicas_errors
from tests.upstream import (
    SHARED,
    FaultyUpstream,
    needs_shared,
    with_meta,
    with_rows,
    with_wrong_types,
)

# Around whatever proxy the environment names.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NOON = datetime(2024, 7, 28, 12, 0, 5, tzinfo=UTC)
RESULTS = "/2024/results.json"
FAULTY_RESULTS = f"/ergast/f1{RESULTS}"


@pytest.fixture
def stopped_clock() -> Iterator[FaultyUpstream]:
    with FaultyUpstream({2024: load_season()}, clock=lambda: NOON) as started:
        yield started


def get(url: str, timeout: float = 5, **headers: str) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with DIRECTLY.open(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


def get_json(url: str) -> Any:
    return json.loads(get(url)[2])


def get_results(upstream: FaultyUpstream, query: str = "?limit=100") -> tuple[int, Any, bytes]:
    return get(f"{upstream.jolpica_url}{RESULTS}{query}")


# The true answers


def test_jolpicas_headers(stopped_clock: FaultyUpstream) -> None:
    status, headers, _ = get_results(stopped_clock)
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "max-age=3600"
    assert headers["Vary"] == "Accept, origin"
    assert headers["ETag"] is None
    assert parsedate_to_datetime(headers["Date"]) == NOON
    assert parsedate_to_datetime(headers["Expires"]) == NOON + timedelta(hours=1)


def test_the_schedules_headers(stopped_clock: FaultyUpstream) -> None:
    status, headers, body = get(f"{stopped_clock.schedule_url}schedule_2024.json")
    assert (status, len(body)) == (200, 12914)
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Cache-Control"] == "max-age=300"
    assert parsedate_to_datetime(headers["Expires"]) == NOON + timedelta(minutes=5)
    unchanged = get(
        f"{stopped_clock.schedule_url}schedule_2024.json", **{"If-None-Match": headers["ETag"]}
    )
    assert (unchanged[0], unchanged[2]) == (304, b"")


def test_a_season_without_a_schedule_is_not_found(upstream: FaultyUpstream) -> None:
    status, headers, body = get(f"{upstream.schedule_url}schedule_2031.json")
    assert (status, body) == (404, b"404: Not Found")
    assert headers["Cache-Control"] is None


def test_pages_say_where_they_are(upstream: FaultyUpstream) -> None:
    meta = get_json(f"{upstream.jolpica_url}{RESULTS}?limit=100&offset=400")["MRData"]
    assert meta["url"] == f"{upstream.jolpica_url}{RESULTS}"
    assert (meta["limit"], meta["offset"], meta["total"]) == ("100", "400", "479")


def test_what_the_server_does_not_know_is_refused() -> None:
    with FaultyUpstream({2024: load_season()}, strict=False) as upstream:
        season = get(f"{upstream.jolpica_url}/99/results.json")
        current = get(f"{upstream.jolpica_url}/current/last/results.json")
        trick = get(f"{upstream.jolpica_url}{RESULTS}?nocache=1")
    assert (season[0], season[1]["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert (current[0], json.loads(current[2])) == (404, {"detail": "Race round not found"})
    assert trick[0] == 403


def test_the_newer_form_is_served(stopped_clock: FaultyUpstream) -> None:
    status, headers, body = get(f"{stopped_clock.address}/f1/alpha/core/rounds/?year=2024")
    assert (status, headers["Cache-Control"]) == (200, "max-age=3600")
    china = json.loads(body)["data"][4]
    assert china["url"] == f"{stopped_clock.address}/f1/alpha/core/rounds/{china['id']}/"
    results = get_json(f"{stopped_clock.address}/f1/alpha/results/{china['id']}/SQ/")
    assert results["metadata"] == {"timestamp": "2024-07-28T12:00:05Z"}
    assert results["data"]["round"]["name"] == "Chinese Grand Prix"
    assert get_json(f"{stopped_clock.address}/f1/alpha/core/rounds/?year=1949")["data"] == []
    stopped_clock.assert_no_unexpected()


def test_what_the_newer_form_does_not_have_is_refused() -> None:
    season = load_season()
    keys = {
        key: newer.build_round_key(season, season.grand_prix(key)) for key in ("bahrain", "china")
    }
    with FaultyUpstream({2024: without_results(season)}, strict=False) as upstream:
        answers = [
            get(f"{upstream.address}/f1/alpha/{path}")
            for path in (
                "results/round_00000000/SQ/",
                f"results/{keys['bahrain']}/SQ/",
                f"results/{keys['china']}/SQ/",
                f"results/{keys['china']}/FP1/",
                "core/rounds/?limit=100",
                "core/rounds/?year=x",
            )
        ]
        expected = [f"/f1/alpha/results/{keys['china']}/SQ/"]
        known = [one.target for one in upstream.requests if one not in upstream.unexpected]
    assert [status for status, _, _ in answers] == [404, 404, 500, 404, 400, 400]
    assert [json.loads(body) for _, _, body in answers[:2]] == [
        {"error": "Round not found"},
        {"error": "Invalid session filter for this round"},
    ]
    assert known == expected


def test_a_path_without_an_end_is_redirected() -> None:
    with FaultyUpstream({2024: load_season()}, strict=False) as upstream:
        connection = connect(upstream)
        connection.request("GET", "/ergast/f1/2024/results?limit=5")
        answer = connection.getresponse()
        location = answer.headers["Location"]
        connection.close()
    assert (answer.status, location) == (301, "/ergast/f1/2024/results/?limit=5")


def test_connections_are_kept_alive(upstream: FaultyUpstream) -> None:
    connection = connect(upstream)
    ports = []
    for _ in range(3):
        assert len(ask(connection)) > 1000
        ports.append(connection.sock.getsockname()[1])
    connection.close()
    assert len(set(ports)) == 1


def test_requests_are_recorded(stopped_clock: FaultyUpstream) -> None:
    get_results(stopped_clock)
    [request] = stopped_clock.requests
    assert (request.method, request.path) == ("GET", FAULTY_RESULTS)
    assert dict(request.query) == {"limit": "100"}
    assert request.headers["user-agent"].startswith("Python")
    assert request.at == NOON
    stopped_clock.clear_requests()
    assert stopped_clock.requests == []


def test_requests_of_many_clients_are_all_recorded(upstream: FaultyUpstream) -> None:
    clients = [threading.Thread(target=get_results, args=(upstream,)) for _ in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len(upstream.requests) == 20


def test_a_season_can_be_changed_while_it_is_served(upstream: FaultyUpstream) -> None:
    upstream.seasons[2024] = without_results(upstream.seasons[2024])
    assert get_json(f"{upstream.jolpica_url}{RESULTS}")["MRData"]["total"] == "0"


def test_it_stops_quickly_and_ends_idle_connections() -> None:
    with FaultyUpstream({2024: load_season()}) as upstream:
        connection = connect(upstream)
        ask(connection)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    with pytest.raises(ConnectionError):
        ask(connection)
    connection.close()
    with pytest.raises(RuntimeError, match="not started"):
        upstream.address  # noqa: B018


def test_it_says_nothing(upstream: FaultyUpstream, capfd: pytest.CaptureFixture[str]) -> None:
    get_results(upstream)
    get(f"{upstream.schedule_url}schedule_2031.json")
    assert capfd.readouterr() == ("", "")


def test_a_failure_of_its_own_fails_the_test(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(_: Any) -> Any:
        raise LookupError("a mistake in a test")

    def ask_a_failing_upstream() -> None:
        with FaultyUpstream({2024: load_season()}) as upstream:
            upstream.fault(FAULTY_RESULTS, transform=fail)
            with pytest.raises(http.client.RemoteDisconnected):
                get_results(upstream)

    with pytest.raises(AssertionError, match="a mistake in a test"):
        ask_a_failing_upstream()
    assert capfd.readouterr() == ("", "")


# What is expected


def test_an_unexpected_request_fails_the_test() -> None:
    def ask_for_laps() -> None:
        with FaultyUpstream({2024: load_season()}) as upstream:
            get(f"{upstream.jolpica_url}/2024/laps.json?limit=1")

    with pytest.raises(AssertionError, match=r"GET /ergast/f1/2024/laps\.json\?limit=1"):
        ask_for_laps()


@pytest.mark.parametrize("path", ["/", "/f1schedule/", "/ergast/f1/99/results.json"])
def test_paths_that_no_upstream_has_are_unexpected(path: str) -> None:
    with FaultyUpstream({2024: load_season()}, strict=False) as upstream:
        assert get(upstream.address + path)[0] == 404
    assert [request.path for request in upstream.unexpected] == [path]


def test_an_allowed_or_faulty_path_is_expected(upstream: FaultyUpstream) -> None:
    upstream.allow("/f1/alpha/*")
    upstream.fault("/anywhere", body=b"here")
    assert get(f"{upstream.address}/f1/alpha/results/1/SQ/")[0] == 404
    assert get(f"{upstream.address}/anywhere")[2] == b"here"
    upstream.assert_no_unexpected()


def test_the_error_of_a_test_is_not_hidden() -> None:
    def fail_after_an_unexpected_request() -> None:
        with FaultyUpstream({2024: load_season()}) as upstream:
            get(f"{upstream.address}/unknown")
            raise KeyError("the test's own")

    with pytest.raises(KeyError, match="the test's own"):
        fail_after_an_unexpected_request()


# The faults


def test_a_fault_happens_as_often_as_it_says(upstream: FaultyUpstream) -> None:
    fault = upstream.fault(FAULTY_RESULTS, status=500, times=2, after=1)
    statuses = [get_results(upstream)[0] for _ in range(5)]
    assert statuses == [200, 500, 500, 200, 200]
    assert fault.used == 2


def test_a_fault_is_for_ever_unless_cleared(upstream: FaultyUpstream) -> None:
    upstream.fault("/ergast/*", status=503)
    assert [get_results(upstream)[0] for _ in range(3)] == [503] * 3
    upstream.clear_faults()
    assert get_results(upstream)[0] == 200


def test_a_fault_can_be_for_one_page(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, query={"offset": "100"}, status=500)
    upstream.fault(FAULTY_RESULTS, query={"offset": None}, status=404)
    queries = ["?limit=100", "?limit=100&offset=100", "?limit=100&offset=200"]
    assert [get_results(upstream, query)[0] for query in queries] == [404, 500, 200]


def test_the_next_fault_follows_a_spent_one(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, status=500, times=1)
    upstream.fault(FAULTY_RESULTS, body=b"", times=1)
    assert get_results(upstream)[0] == 500
    assert get_results(upstream)[::2] == (200, b"")
    assert len(get_results(upstream)[2]) > 1000


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_refusals_carry_no_caching_headers(upstream: FaultyUpstream, status: int) -> None:
    upstream.fault(FAULTY_RESULTS, status=status)
    answered, headers, body = get_results(upstream)
    assert answered == status and body
    assert headers["Cache-Control"] is headers["Expires"] is headers["Retry-After"] is None


def test_a_throttled_answer_can_say_when_to_retry(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, status=429, retry_after=7)
    _, headers, body = get_results(upstream)
    assert headers["Retry-After"] == "7"
    assert json.loads(body) == {"detail": "Request was throttled."}


def test_a_refusal_can_have_a_body_of_its_own(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, status=503, json={"detail": "maintenance"})
    status, headers, body = get_results(upstream)
    assert (status, headers["Content-Type"]) == (503, "application/json")
    assert json.loads(body) == {"detail": "maintenance"}


def test_an_answer_can_be_late(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, delay=0.2)
    started = time.monotonic()
    assert get_results(upstream)[0] == 200
    assert time.monotonic() - started >= 0.2


def test_an_answer_can_hang_until_it_is_released(upstream: FaultyUpstream) -> None:
    fault = upstream.fault(FAULTY_RESULTS, hang=True, times=1)
    with pytest.raises(TimeoutError):
        get(f"{upstream.jolpica_url}{RESULTS}", timeout=0.1)
    upstream.fault(FAULTY_RESULTS, hang=True).release()
    assert get_results(upstream)[0] == 200
    assert fault.used == 1


def test_what_hangs_or_drips_or_waits_ends_when_it_stops() -> None:
    faults: list[dict[str, Any]] = [
        {"hang": True},
        {"delay": 60},
        {"drip": "body", "interval": 60},
    ]
    for switches in faults:
        with FaultyUpstream({2024: load_season()}) as upstream:
            upstream.fault(FAULTY_RESULTS, **switches)
            client = threading.Thread(target=give_up, args=(upstream,))
            client.start()
            while not upstream.requests:
                time.sleep(0.005)
            started = time.monotonic()
        client.join(timeout=2)
        assert time.monotonic() - started < 2
        assert not client.is_alive()


def test_a_connection_can_be_reset(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, reset=True, times=1)
    connection = connect(upstream)
    connection.request("GET", FAULTY_RESULTS)
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()
    assert get_results(upstream)[0] == 200


@pytest.mark.parametrize("part", ["headers", "body"])
def test_an_answer_can_drip(upstream: FaultyUpstream, part: str) -> None:
    upstream.fault(FAULTY_RESULTS, drip=part, interval=0.001, json={"a": 1})
    started = time.monotonic()
    assert get_results(upstream)[2] == b'{"a":1}'
    least = len(b'{"a":1}') if part == "body" else 100
    assert time.monotonic() - started >= least * 0.001


def test_a_dripping_answer_outlasts_a_timeout_between_bytes(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, drip="body", interval=0.05, body=b"0123456789")
    started = time.monotonic()
    assert get(f"{upstream.jolpica_url}{RESULTS}", timeout=0.2)[2] == b"0123456789"
    assert time.monotonic() - started > 0.4


def test_a_body_can_end_before_its_length(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, cut=50)
    with pytest.raises(http.client.IncompleteRead) as cut:
        get_results(upstream)
    assert len(cut.value.partial) == 50


def test_a_body_can_be_cut_json_of_the_right_length(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, truncate=50)
    _, headers, body = get_results(upstream)
    assert headers["Content-Length"] == "50" and len(body) == 50
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


@pytest.mark.parametrize(
    ("switches", "body", "content_type"),
    [
        ({"body": b""}, b"", "text/plain; charset=utf-8"),
        ({"body": b"\n"}, b"\n", "text/plain; charset=utf-8"),
        ({"json": {"other": []}}, b'{"other":[]}', "text/plain; charset=utf-8"),
        ({"html": True}, None, "text/html; charset=utf-8"),
    ],
)
def test_a_body_can_be_another(
    upstream: FaultyUpstream, switches: dict[str, Any], body: bytes | None, content_type: str
) -> None:
    upstream.fault("/f1schedule/*", **switches)
    status, headers, received = get(f"{upstream.schedule_url}schedule_2024.json")
    assert (status, headers["Content-Type"]) == (200, content_type)
    assert received == body or (body is None and received.startswith(b"<!doctype html>"))


def test_a_changed_body_is_no_revalidation(upstream: FaultyUpstream) -> None:
    url = f"{upstream.schedule_url}schedule_2024.json"
    tag = get(url)[1]["ETag"]
    upstream.fault("/f1schedule/*", body=b"\n")
    assert get(url, **{"If-None-Match": tag})[::2] == (200, b"\n")


def test_headers_can_be_added_or_replaced(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, headers={"Cache-Control": "no-store", "X-More": "1"})
    headers = get_results(upstream)[1]
    assert (headers["Cache-Control"], headers["X-More"]) == ("no-store", "1")


def test_an_answer_can_be_old(stopped_clock: FaultyUpstream) -> None:
    stopped_clock.fault("*", age=timedelta(minutes=50))
    for url in (
        f"{stopped_clock.jolpica_url}{RESULTS}",
        f"{stopped_clock.schedule_url}schedule_2024.json",
    ):
        headers = get(url)[1]
        max_age = int(headers["Cache-Control"].removeprefix("max-age="))
        made = parsedate_to_datetime(headers["Expires"]) - timedelta(seconds=max_age)
        sent = parsedate_to_datetime(headers["Date"]) - timedelta(seconds=int(headers["Age"]))
        assert made == sent == NOON - timedelta(minutes=50)


def test_a_total_can_lie(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, transform=with_meta(total="500"))
    meta = json.loads(get_results(upstream)[2])["MRData"]
    assert (meta["total"], len(meta["RaceTable"]["Races"])) == ("500", 6)


def test_a_page_can_repeat(upstream: FaultyUpstream) -> None:
    first = json.loads(get_results(upstream)[2])["MRData"]
    upstream.fault(FAULTY_RESULTS, repeat_page=True)
    again = json.loads(get_results(upstream, "?limit=100&offset=100")[2])["MRData"]
    assert again["offset"] == "100"
    assert again["RaceTable"] == first["RaceTable"]


def test_rows_can_be_changed(upstream: FaultyUpstream) -> None:
    upstream.fault(FAULTY_RESULTS, transform=with_rows(lambda row: {**row, "position": "0"}))
    races = json.loads(get_results(upstream)[2])["MRData"]["RaceTable"]["Races"]
    assert {row["position"] for race in races for row in race["Results"]} == {"0"}


@pytest.mark.parametrize("path", ["/f1schedule/schedule_2024.json", FAULTY_RESULTS])
def test_types_can_be_wrong(upstream: FaultyUpstream, path: str) -> None:
    upstream.fault(path, transform=with_wrong_types)
    document = get_json(upstream.address + path)
    if "MRData" in document:
        assert document["MRData"]["total"] == ["many"]
    else:
        assert isinstance(document["round_number"], list)


def test_jolpicas_calendar_errors_of_2024(upstream: FaultyUpstream) -> None:
    upstream.seasons[2024] = with_jolpicas_errors(load_season())
    calendar = get_json(f"{upstream.jolpica_url}/2024/races.json")["MRData"]["RaceTable"]["Races"]
    las_vegas, sao_paulo = calendar[21], calendar[20]
    assert (las_vegas["date"], las_vegas["Qualifying"]["date"]) == ("2024-11-23", "2024-11-22")
    assert (sao_paulo["time"], sao_paulo["Qualifying"]["date"]) == ("17:00:00Z", "2024-11-02")
    schedule = get_json(f"{upstream.schedule_url}schedule_2024.json")
    assert schedule["session4_date"]["21"] == "2024-11-03T07:30:00"


# Files


def test_files_come_before_facts(upstream: FaultyUpstream, tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_bytes(b'{"from": "a file"}')
    upstream.serve_files({f"{FAULTY_RESULTS}?offset=100&limit=100": page})
    upstream.serve_schedule(2023, b"{}")
    assert get_json(f"{upstream.jolpica_url}{RESULTS}?limit=100&offset=100") == {"from": "a file"}
    assert get_json(f"{upstream.jolpica_url}{RESULTS}?limit=100")["MRData"]["total"] == "479"
    _, headers, body = get(f"{upstream.schedule_url}schedule_2023.json")
    assert (headers["Cache-Control"], body) == ("max-age=300", b"{}")


def test_faults_spoil_files_too(upstream: FaultyUpstream) -> None:
    upstream.serve_schedule(2023, b'{"a": 1}')
    upstream.fault("/f1schedule/schedule_2023.json", truncate=3)
    assert get(f"{upstream.schedule_url}schedule_2023.json")[2] == b'{"a'


@needs_shared
def test_recorded_pages_are_served_as_they_are(upstream: FaultyUpstream) -> None:
    folder = SHARED / "jolpica" / "2023"
    upstream.serve_recorded(folder)
    for query, page in [
        ("", "results_0"),
        ("&offset=0", "results_0"),
        ("&offset=300", "results_300"),
    ]:
        body = get(f"{upstream.jolpica_url}/2023/results.json?limit=100{query}")[2]
        assert body == (folder / f"{page}.json").read_bytes()


@needs_shared
def test_recorded_rounds_are_whole(upstream: FaultyUpstream) -> None:
    upstream.serve_recorded(SHARED / "jolpica" / "2007")
    meta = get_json(f"{upstream.jolpica_url}/2007/5/results.json?limit=100")["MRData"]
    [race] = meta["RaceTable"]["Races"]
    assert (meta["total"], meta["RaceTable"]["round"]) == ("22", "5")
    assert [row["position"] for row in race["Results"]] == [str(n) for n in range(1, 23)]
    calendar = get_json(f"{upstream.jolpica_url}/2007/5/races.json?limit=100")["MRData"]
    assert calendar["total"] == "1"


@needs_shared
def test_what_was_not_recorded_is_unexpected() -> None:
    with FaultyUpstream({}, strict=False) as upstream:
        upstream.serve_recorded(SHARED / "jolpica" / "2023")
        get(f"{upstream.jolpica_url}/2023/results.json?limit=30")
    assert len(upstream.unexpected) == 1


def connect(upstream: FaultyUpstream) -> http.client.HTTPConnection:
    parts = urlsplit(upstream.address)
    assert parts.hostname and parts.port
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)


def ask(connection: http.client.HTTPConnection) -> bytes:
    connection.request("GET", FAULTY_RESULTS)
    return connection.getresponse().read()


def give_up(upstream: FaultyUpstream) -> None:
    with suppress(OSError, http.client.HTTPException):
        get_results(upstream)
