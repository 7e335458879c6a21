"""The stand-in upstream with switches for faults. A conftest imports the fixture `upstream`."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import pytest

from ingestion.sample import dump, newer, openf1
from ingestion.sample.ergast import build_body, read_query
from ingestion.sample.season import Season, load_season
from ingestion.sample.upstream import (
    HTML,
    JOLPICA_PATH,
    JSON,
    SCHEDULE_FILE,
    SCHEDULE_PATH,
    Answer,
    Connection,
    Request,
    StandInUpstream,
    print_date,
    read_clock,
    refuse_jolpica,
    reset,
    serve_jolpica,
    serve_schedule,
)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "upstream"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the recorded upstream data do not stand beside the project"
)

Document = Any
Change = Callable[[Document], Document]
Target = tuple[str, frozenset[tuple[str, str]]]

RECORDED_ENDPOINTS = {
    "races": None,
    "results": "Results",
    "qualifying": "QualifyingResults",
    "sprint": "SprintResults",
}
PAGE_ROWS = 100


@dataclass
class Fault:
    """What is done to the requests that match. `FaultyUpstream.fault` says what each means."""

    path: str
    query: Mapping[str, str | None] | None = None
    times: int | None = None
    after: int = 0
    status: int | None = None
    retry_after: int | None = None
    headers: Mapping[str, str] | None = None
    body: bytes | None = None
    html: bool = False
    json: Document = None
    transform: Change | None = None
    repeat_page: bool = False
    truncate: int | None = None
    age: timedelta | None = None
    delay: float = 0
    hang: bool = False
    reset: bool = False
    cut: int | None = None
    drip: Literal["headers", "body"] | None = None
    interval: float = 0.01
    seen: int = field(default=0, init=False)
    used: int = field(default=0, init=False)
    released: threading.Event = field(default_factory=threading.Event, init=False)

    def matches(self, request: Request) -> bool:
        return fnmatchcase(request.path, self.path) and all(
            request.query.get(key) == value for key, value in (self.query or {}).items()
        )

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.used >= self.times

    def release(self) -> None:
        """Lets go of what hangs."""
        self.released.set()


@dataclass(frozen=True)
class FaultyAnswer(Answer):
    fault: Fault = field(kw_only=True)


class FaultyUpstream(StandInUpstream):
    """Where `strict`, a request for something that no upstream has fails the test at the end."""

    def __init__(
        self,
        seasons: Mapping[int, Season],
        *,
        clock: Callable[[], datetime] = read_clock,
        strict: bool = True,
    ) -> None:
        super().__init__(seasons, clock=clock)
        self.strict = strict
        self.faults: list[Fault] = []
        self.unexpected: list[Request] = []
        self._files: dict[Target, Path | bytes] = {}
        self._recorded_years: set[int] = set()
        self._allowed: list[str] = []
        self._faults_lock = threading.Lock()
        self._stopping = threading.Event()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        if error is None and self.strict:
            self.assert_no_unexpected()

    def start(self) -> None:
        self._stopping.clear()
        super().start()

    def stop(self) -> None:
        self._stopping.set()
        for fault in self.faults:
            fault.release()
        super().stop()

    def fault(self, path: str, **switches: Any) -> Fault:
        """Breaks the answers to requests whose path matches this pattern (`*` passes slashes).

        Of several faults that match, the first that is not spent counts.

        which requests:
          query        values that must be there, None for a key that must not
          times        how often, for ever by default
          after        how many pass untouched before
        what they get (else the true answer):
          status, retry_after (seconds), headers (added), body (bytes), html, json (any value),
          transform    a function of the true document
          repeat_page  the first page's rows whatever the offset
          truncate     only so many bytes of the body, with a length that fits them
          age          made so long ago, by Age and Expires
        how it gets there:
          delay        seconds before anything is sent
          hang         nothing is sent until `release()`
          reset        the connection is reset
          cut          only so many bytes of the body, then the end, before the promised length
          drip         "headers" or "body": byte by byte, one each `interval` seconds
        """
        fault = Fault(path, **switches)
        with self._faults_lock:
            self.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        with self._faults_lock:
            faults, self.faults = self.faults, []
        for fault in faults:
            fault.release()

    def allow(self, path: str) -> None:
        """Paths that match this pattern are expected, though no upstream has them."""
        self._allowed.append(path)

    def serve_files(self, files: Mapping[str, Path | bytes]) -> None:
        """Serves bodies by their path with its query, before anything else."""
        self._files.update({read_target(target): body for target, body in files.items()})

    def serve_schedule(self, year: int, body: Path | bytes) -> None:
        self.serve_files({f"{SCHEDULE_PATH}schedule_{year}.json": body})

    def serve_recorded(self, folder: Path) -> None:
        """Serves a season's recorded Jolpica pages as they are, and its single rounds from them."""
        year = int(folder.name)
        self._recorded_years.add(year)
        for endpoint, rows in RECORDED_ENDPOINTS.items():
            base = f"{JOLPICA_PATH}/{year}"
            pages = {
                int(page.stem.rpartition("_")[2]): page
                for page in folder.glob(f"{endpoint}_*.json")
            }
            self.serve_files(
                {f"{base}/{endpoint}.json?limit={PAGE_ROWS}": pages[0]}
                | {
                    f"{base}/{endpoint}.json?limit={PAGE_ROWS}&offset={offset}": page
                    for offset, page in pages.items()
                }
            )
            for number, document in pick_rounds(list(pages.values()), rows).items():
                single = f"{base}/{number}/{endpoint}.json?limit={PAGE_ROWS}"
                self.serve_files({single: build_body(document)})

    def assert_no_unexpected(self) -> None:
        assert not self.failures, f"the stand-in failed: {self.failures}"
        asked = [f"{request.method} {request.target}" for request in self.unexpected]
        assert not asked, f"unexpected requests: {asked}"

    def answer(self, request: Request) -> Answer:
        fault = self.take_fault(request)
        if fault is None:
            if not self.knows(request):
                self.unexpected.append(request)
            return self.answer_truly(request)
        return self.answer_badly(request, fault)

    def knows(self, request: Request) -> bool:
        if request.method != "GET" or any("cache" in key for key in request.query):
            return False
        if read_target(request.target) in self._files:
            return True
        if any(fnmatchcase(request.path, pattern) for pattern in self._allowed):
            return True
        question = read_query(request.path)
        if question and question.year in self._recorded_years:
            return False
        for path, knows in ((newer.PATH, self.knows_alpha), (openf1.PATH, self.knows_openf1)):
            if request.path.startswith(f"{path}/"):
                return knows(request)
        is_dump = (
            request.path in (dump.OVERVIEW_PATH, dump.DOWNLOAD_PATH)
            or dump.SIGNED.fullmatch(request.path) is not None
        )
        return bool(is_dump or question or SCHEDULE_FILE.fullmatch(request.path))

    def knows_alpha(self, request: Request) -> bool:
        """Any year's rounds and drivers, none where it is no season of ours (nor was it recorded),
        and the results of the sessions that weekends have."""
        schedule = newer.SCHEDULE.fullmatch(request.path)
        if schedule:
            return int(schedule["year"]) in self.seasons
        if request.path in (newer.ROUNDS_PATH, newer.DRIVERS_PATH):
            return set(request.query) == {"year"} and request.query["year"].isdigit()
        results = newer.RESULTS.fullmatch(request.path)
        found = newer.find_weekend(self.seasons, results["key"]) if results else None
        if found is None or results is None or request.query:
            return False
        return bool(newer.list_parts(found[1], results["code"]))

    def knows_openf1(self, request: Request) -> bool:
        """Any year's lists, and the rows of the sessions that are listed; never 'latest'."""
        name, query = request.path.removeprefix(f"{openf1.PATH}/"), request.query
        if name in openf1.LISTS:
            return set(query) == {"year"} and query["year"].isdigit()
        try:
            openf1.find_session(self.seasons, int(query["session_key"]))
        except (LookupError, ValueError):
            return False
        return name in openf1.OF_SESSIONS and set(query) == {"session_key"}

    def answer_truly(self, request: Request) -> Answer:
        file = self._files.get(read_target(request.target))
        if file is None:
            return super().answer(request)
        body = file.read_bytes() if isinstance(file, Path) else file
        serve = serve_schedule if request.path.startswith(SCHEDULE_PATH) else serve_jolpica
        return serve(request, body)

    def take_fault(self, request: Request) -> Fault | None:
        with self._faults_lock:
            for fault in self.faults:
                if fault.is_spent or not fault.matches(request):
                    continue
                fault.seen += 1
                if fault.seen > fault.after:
                    fault.used += 1
                    return fault
        return None

    def answer_badly(self, request: Request, fault: Fault) -> FaultyAnswer:
        answer = self.answer_truly(as_asked_through(fault, request))
        answer = replace(answer, body=break_body(fault, request, answer))
        if fault.status is not None:
            answer = refuse(request, fault)
        headers = dict(answer.headers)
        if fault.html:
            headers["Content-Type"] = HTML
        if fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        if fault.age is not None:
            headers["Date"] = print_date(request.at)
            headers["Age"] = str(int(fault.age.total_seconds()))
        headers.update(fault.headers or {})
        return FaultyAnswer(answer.status, headers, answer.body, fault=fault)

    def send(self, connection: Connection, answer: Answer) -> None:
        if not isinstance(answer, FaultyAnswer):
            super().send(connection, answer)
            return
        fault = answer.fault
        self._stopping.wait(fault.delay)
        if fault.hang:
            fault.released.wait()
        if fault.reset:
            reset(connection)
        elif self._stopping.is_set():
            connection.close_connection = True
        elif fault.cut is not None:
            connection.wfile.write(answer.head() + answer.body[: fault.cut])
            connection.close_connection = True
        elif fault.drip is not None:
            self.drip(connection, answer, fault)
        else:
            super().send(connection, answer)

    def drip(self, connection: Connection, answer: Answer, fault: Fault) -> None:
        whole = answer.head() + answer.body
        at_once = 0 if fault.drip == "headers" else len(answer.head())
        connection.wfile.write(whole[:at_once])
        for byte in whole[at_once:]:
            if self._stopping.wait(fault.interval):
                connection.close_connection = True
                return
            connection.wfile.write(bytes([byte]))


def read_target(target: str) -> Target:
    parts = urlsplit(target)
    return parts.path, frozenset(parse_qsl(parts.query, keep_blank_values=True))


def as_asked_through(fault: Fault, request: Request) -> Request:
    """The request whose true answer the fault spoils: never a revalidation."""
    headers = {key: value for key, value in request.headers.items() if key != "if-none-match"}
    request = replace(request, headers=headers, at=request.at - (fault.age or timedelta(0)))
    if fault.repeat_page:
        query = {key: value for key, value in request.query.items() if key != "offset"}
        pairs = "&".join(f"{key}={value}" for key, value in query.items())
        request = replace(request, query=query, target=f"{request.path}?{pairs}")
    return request


def break_body(fault: Fault, request: Request, answer: Answer) -> bytes:
    body = answer.body
    if fault.body is not None:
        body = fault.body
    elif fault.html:
        body = b"<!doctype html><html><body><h1>Just a moment...</h1></body></html>"
    elif fault.json is not None:
        body = build_body(fault.json)
    elif fault.repeat_page:
        body = change_body(body, with_meta(offset=request.query.get("offset", "0")))
    if fault.transform is not None:
        body = change_body(body, fault.transform)
    return body if fault.truncate is None else body[: fault.truncate]


def change_body(body: bytes, change: Change) -> bytes:
    return build_body(change(json.loads(body)))


def refuse(request: Request, fault: Fault) -> Answer:
    """As the real servers refuse: no caching headers, bodies of their own."""
    status = fault.status or 500
    if fault.body is not None or fault.html or fault.json is not None:
        kind = HTML if fault.json is None else JSON
        answer = Answer(status, {"Content-Type": kind, "Date": print_date(request.at)})
        return replace(answer, body=break_body(fault, request, answer))
    if status == 429:
        return refuse_jolpica(request, status, "Request was throttled.")
    return Answer(
        status,
        {"Content-Type": HTML, "Date": print_date(request.at)},
        f"<!doctype html><h1>Error ({status})</h1>".encode(),
    )


def pick_rounds(pages: list[Path], rows: str | None) -> dict[str, Document]:
    """A document per round, merged from a season's pages."""
    documents: dict[str, Document] = {}
    for page in pages:
        meta = json.loads(page.read_bytes())["MRData"]
        for race in meta["RaceTable"]["Races"]:
            number = race["round"]
            table = {"season": race["season"], "round": number, "Races": [race]}
            whole = documents.setdefault(number, {"MRData": {**meta, "RaceTable": table}})
            merged = whole["MRData"]["RaceTable"]["Races"][0]
            if rows and merged is not race:
                merged[rows] = sorted(
                    merged[rows] + race[rows], key=lambda row: int(row["position"])
                )
            total = len(merged[rows]) if rows else 1
            whole["MRData"].update(offset="0", total=str(total))
    return documents


def with_meta(**values: str) -> Change:
    """A change of what a page says of itself, such as a `total` that lies."""
    return lambda document: {"MRData": {**document["MRData"], **values}}


def with_rows(change: Callable[[Document], Document]) -> Change:
    """A change of each row of a page of results."""

    def change_rows(document: Document) -> Document:
        for race in document["MRData"]["RaceTable"]["Races"]:
            for key in ("Results", "QualifyingResults", "SprintResults"):
                if key in race:
                    race[key] = [change(row) for row in race[key]]
        return document

    return change_rows


def with_results(change: Callable[[list[Document]], list[Document]]) -> Change:
    """A change of the entries of a sprint qualifying in Jolpica's newer form."""

    def change_results(document: Document) -> Document:
        document["data"]["results"] = change(document["data"]["results"])
        return document

    return change_results


def with_wrong_types(document: Document) -> Document:
    """Every text a number, every list an object; of a schedule file, every column a list."""
    if "data" in document:
        return {"metadata": [], "data": {"0": document["data"]}}
    if "MRData" not in document:
        return {column: list(rows.values()) for column, rows in document.items()}
    document["MRData"].update(limit=None, total=["many"], RaceTable={"Races": {"0": 1}})
    return document


@pytest.fixture
def upstream() -> Iterator[FaultyUpstream]:
    with FaultyUpstream({2024: load_season(2024)}) as started:
        yield started
