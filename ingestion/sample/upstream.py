"""A stand-in upstream on loopback: both real protocols, served from seasons' facts."""

import hashlib
import re
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET, socket
from socketserver import TCPServer
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from ingestion.sample import dump, ergast, newer, openf1
from ingestion.sample.schedule_file import build_schedule_file
from ingestion.sample.season import Season

LOOPBACK = "127.0.0.1"
SCHEDULE_PATH = "/f1schedule/"
JOLPICA_PATH = "/ergast/f1"
SCHEDULE_FILE = re.compile(rf"{SCHEDULE_PATH}schedule_(\d{{4}})\.json")
SCHEDULE_MAX_AGE = timedelta(minutes=5)
JOLPICA_MAX_AGE = timedelta(hours=1)
JSON = "application/json"
HTML = "text/html; charset=utf-8"
PLAIN_TEXT = "text/plain; charset=utf-8"
NOT_FOUND_PAGE = b"<!doctype html><title>Not Found</title><h1>Not Found</h1>"
SERVER_ERROR_PAGE = b"<!doctype html><title>Server Error (500)</title><h1>Server Error (500)</h1>"
RESTRICTED = "Session in progress, access is restricted to authenticated users until it has ended."
SHUTDOWN_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Request:
    """`target` is the path with its query as it was sent; header names are in lower case."""

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: datetime


@dataclass(frozen=True)
class Answer:
    """`Content-Length` is the body's unless the headers say otherwise."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def head(self) -> bytes:
        length = {} if self.status == 304 else {"Content-Length": str(len(self.body))}
        headers = {**length, **self.headers}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def read_clock() -> datetime:
    return datetime.now(UTC)


class StandInUpstream:
    """Serves `seasons`, which may be replaced at any time, from `with` to its end."""

    def __init__(
        self, seasons: Mapping[int, Season], *, clock: Callable[[], datetime] = read_clock
    ) -> None:
        self.seasons = dict(seasons)
        self.clock = clock
        self.failures: list[BaseException] = []
        # None: the dump has these seasons. Without a time it was made a fortnight ago.
        self.dump: bytes | None = None
        self.dump_made_at: datetime | None = None
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def requests(self) -> list[Request]:
        with self._lock:
            return list(self._requests)

    def count_requests(self) -> int:
        return len(self._requests)

    @property
    def address(self) -> str:
        if self._server is None:
            raise RuntimeError("the stand-in upstream is not started")
        return f"http://{LOOPBACK}:{self._server.server_port}"

    @property
    def schedule_url(self) -> str:
        return self.address + SCHEDULE_PATH

    @property
    def jolpica_url(self) -> str:
        return self.address + JOLPICA_PATH

    @property
    def openf1_url(self) -> str:
        """Under another name of this machine, so that its requests are counted apart."""
        return self.address.replace(LOOPBACK, "localhost") + openf1.PATH

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._server = Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Also ends the connections that clients keep alive."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.close_connections()
        self._server = self._thread = None

    def clear_requests(self) -> None:
        with self._lock:
            self._requests.clear()

    def record(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)

    def answer(self, request: Request) -> Answer:
        if request.method != "GET":
            return Answer(405, {"Date": print_date(request.at), "Allow": "GET"})
        if request.path.startswith(SCHEDULE_PATH):
            return self.answer_schedule(request)
        if request.path.startswith(f"{newer.PATH}/"):
            return self.answer_newer_form(request)
        if request.path.startswith(f"{openf1.PATH}/"):
            return self.answer_openf1(request)
        if request.path.startswith(dump.OVERVIEW_PATH) or dump.SIGNED.fullmatch(request.path):
            return self.answer_dump(request)
        return self.answer_jolpica(request)

    def send(self, connection: "Connection", answer: Answer) -> None:
        connection.wfile.write(answer.head() + answer.body)

    def answer_schedule(self, request: Request) -> Answer:
        file = SCHEDULE_FILE.fullmatch(request.path)
        season = self.seasons.get(int(file[1])) if file else None
        if season is None:
            headers = {"Content-Type": PLAIN_TEXT, "Date": print_date(request.at)}
            return Answer(404, headers, b"404: Not Found")
        return serve_schedule(request, build_schedule_file(season))

    def answer_jolpica(self, request: Request) -> Answer:
        if any("cache" in key for key in request.query):
            return refuse_jolpica(request, 403, "Forbidden")
        if request.path.startswith(f"{JOLPICA_PATH}/current/"):
            # What the server says while the current year has no calendar.
            return refuse_jolpica(request, 404, "Race round not found")
        query = ergast.read_query(request.path)
        if query is None:
            if ergast.read_query(f"{request.path}/"):
                _, mark, parameters = request.target.partition("?")
                location = f"{request.path}/{mark}{parameters}"
                return Answer(301, {"Location": location, "Date": print_date(request.at)})
            headers = {"Content-Type": HTML, "Date": print_date(request.at)}
            return Answer(404, headers, NOT_FOUND_PAGE)
        document = ergast.build_document(
            self.seasons.get(query.year),
            query,
            ergast.read_page(request.query),
            self.address + request.path,
        )
        return serve_jolpica(request, ergast.build_body(document))

    def answer_newer_form(self, request: Request) -> Answer:
        if request.path in (newer.ROUNDS_PATH, newer.DRIVERS_PATH):
            return self.answer_rounds(request)
        schedule = newer.SCHEDULE.fullmatch(request.path)
        if schedule and int(schedule["year"]) in self.seasons:
            season = self.seasons[int(schedule["year"])]
            document = newer.build_schedule(season, self.address, request.at)
            return serve_jolpica(request, ergast.build_body(document))
        results = newer.RESULTS.fullmatch(request.path)
        if results is None:
            headers = {"Content-Type": HTML, "Date": print_date(request.at)}
            return Answer(404, headers, NOT_FOUND_PAGE)
        found = newer.find_weekend(self.seasons, results["key"])
        if found is None or not newer.list_parts(found[1], results["code"]):
            reason = "Invalid session filter for this round" if found else "Round not found"
            headers = {"Content-Type": JSON, "Date": print_date(request.at)}
            return Answer(404, headers, ergast.build_body({"error": reason}))
        document = newer.build_classification(
            *found, results["code"], address=self.address, at=request.at
        )
        if not document["data"]["results"]:
            # The server's response for a session that its calendar has and that has no entries.
            headers = {"Content-Type": HTML, "Date": print_date(request.at)}
            return Answer(500, headers, SERVER_ERROR_PAGE)
        return serve_jolpica(request, ergast.build_body(document))

    def answer_dump(self, request: Request) -> Answer:
        """The overview, and the redirect to the store, which is another host's by its name."""
        if self.dump is None:
            self.dump = dump.build_dump(self.seasons.values())
        digest = hashlib.sha256(self.dump).hexdigest()
        date = {"Date": print_date(request.at)}
        if request.path == dump.OVERVIEW_PATH:
            made_at = self.dump_made_at or request.at - dump.DELAY
            overview = dump.build_overview(self.dump, made_at, self.address)
            return Answer(200, {"Content-Type": JSON, **date}, ergast.build_body(overview))
        if request.path == dump.DOWNLOAD_PATH and request.query.get("dump_type") == "csv":
            store = self.address.replace(LOOPBACK, "localhost")
            location = f"{store}/dump-store/{digest}.zip?signature=a"
            return Answer(302, {"Location": location, **date})
        signed = dump.SIGNED.fullmatch(request.path)
        if signed and signed["hash"] == digest:
            return Answer(200, {"Content-Type": "application/zip", **date}, self.dump)
        return refuse_jolpica(request, 404, "Not found.")

    def answer_rounds(self, request: Request) -> Answer:
        """Rounds, or drivers, of one year. Any other parameter is refused."""
        year = request.query.get("year", "")
        if set(request.query) != {"year"} or not year.isdigit():
            return refuse_jolpica(request, 400, "Input should be a valid integer")
        is_rounds = request.path == newer.ROUNDS_PATH
        build = newer.build_rounds if is_rounds else newer.build_drivers
        document = build(self.seasons, int(year), self.address, request.at)
        return serve_jolpica(request, ergast.build_body(document))

    def is_restricted(self, at: datetime) -> bool:
        return openf1.is_restricted(self.seasons, at)

    def answer_openf1(self, request: Request) -> Answer:
        """Nothing is answered without an account while a session runs, and for half an hour after
        it. What has no row is not found."""
        if "authorization" not in request.headers and self.is_restricted(request.at):
            return serve_openf1(request, {"detail": RESTRICTED}, status=401)
        name = request.path.removeprefix(f"{openf1.PATH}/")
        rows: list[Any] = []
        # A season or session that is not there, or no number.
        with suppress(LookupError, ValueError):
            if name in openf1.LISTS:
                rows = openf1.build_list(self.seasons[int(request.query["year"])], name)
            elif name in openf1.OF_SESSIONS:
                key = int(request.query["session_key"])
                rows = openf1.build_rows(*openf1.find_session(self.seasons, key), name)
        if not rows:
            return serve_openf1(request, {"detail": "No results found."}, status=404)
        return serve_openf1(request, rows)


def serve_openf1(request: Request, document: Any, *, status: int = 200) -> Answer:
    """Without a header about caching."""
    headers = {"Content-Type": JSON, "Date": print_date(request.at)}
    return Answer(status, headers, ergast.build_body(document))


def serve_schedule(request: Request, body: bytes) -> Answer:
    """With the headers of the host of raw git files, which also answers revalidations."""
    tag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers = {
        "Content-Type": PLAIN_TEXT,
        "ETag": tag,
        "Vary": "Authorization,Accept-Encoding",
        **print_caching(request.at, SCHEDULE_MAX_AGE),
    }
    unchanged = request.headers.get("if-none-match") == tag
    return Answer(304, headers) if unchanged else Answer(200, headers, body)


def serve_jolpica(request: Request, body: bytes) -> Answer:
    caching = print_caching(request.at, JOLPICA_MAX_AGE)
    return Answer(200, {"Content-Type": JSON, "Vary": "Accept, origin", **caching}, body)


def refuse_jolpica(request: Request, status: int, detail: str) -> Answer:
    """Refusals carry no caching headers, and a 429 no Retry-After."""
    headers = {"Content-Type": JSON, "Date": print_date(request.at)}
    return Answer(status, headers, ergast.build_body({"detail": detail}))


def print_caching(at: datetime, max_age: timedelta) -> dict[str, str]:
    return {
        "Cache-Control": f"max-age={max_age.seconds}",
        "Date": print_date(at),
        "Expires": print_date(at + max_age),
    }


def print_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


class Connection(BaseHTTPRequestHandler):
    """One client's connection, kept alive; everything it says comes from its upstream."""

    protocol_version = "HTTP/1.1"
    # Head and body may leave in two pieces; Nagle would hold the second one back.
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        upstream = self.server.upstream
        request = self.read_request(upstream.clock())
        upstream.record(request)
        upstream.send(self, upstream.answer(request))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def read_request(self, at: datetime) -> Request:
        if length := int(self.headers.get("Content-Length", 0)):
            self.rfile.read(length)
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            method=self.command,
            target=self.path,
            path=parts.path,
            query=MappingProxyType(dict(parse_qsl(parts.query, keep_blank_values=True))),
            headers=MappingProxyType(headers),
            at=at,
        )

    def log_message(self, *_: Any) -> None:
        """Standard error belongs to the program that is served."""


def reset(connection: Connection) -> None:
    """Closes so that the client gets a reset and not an end of the stream."""
    connection.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    connection.connection.close()
    connection.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # The default of five makes a burst of clients wait a second for their second attempt.
    request_queue_size = 128

    def __init__(self, upstream: StandInUpstream) -> None:
        self.upstream = upstream
        self._connections: set[socket] = set()
        self._lock = threading.Lock()
        super().__init__((LOOPBACK, 0), Connection)

    def server_bind(self) -> None:
        """Without `HTTPServer`'s look-up of the host's name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no failure; anything else is ours, and kept."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.upstream.failures.append(error)
