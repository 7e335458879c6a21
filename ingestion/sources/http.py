"""The one adapter through which every request of FastF1 leaves the process."""

import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ingestion.errors import IngestionError, SourceRateLimited
from ingestion.sources.addresses import Address, is_loopback, origin
from ingestion.sources.headers import read_clock

# FastF1 sets no time limit on the schedule file and 5 s between bytes elsewhere; a dripping
# server would hold either for as long as it likes.
WHOLE_REQUEST = 30.0
BETWEEN_BYTES = 10.0
# For room in a host's limit, no longer than until the next minute: what waits longer is postponed.
WAITED_FOR = timedelta(minutes=1)
# The largest real response, a season's page of a hundred results, has some 100 kB.
LARGEST_BODY = 32 * 1024 * 1024
# Requests that were given up and cannot be ended: where a name is looked up, or while TLS begins.
MOST_GIVEN_UP = 4
# What a thread needs to end once its connection is closed.
ENDING = 1.0

_given_up: list[threading.Thread] = []
_request = threading.local()


class TooManyGivenUpError(requests.exceptions.ConnectionError):
    """Earlier requests that were given up still hold a thread and a connection each."""


class _Registered:
    """A connection whose socket the request that uses it can close from another thread."""

    sock: socket.socket | None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._register()

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        # One that is used again is connected already.
        self._register()
        super().putrequest(*args, **kwargs)  # type: ignore[misc]

    def _register(self) -> None:
        sockets: list[socket.socket] | None = getattr(_request, "sockets", None)
        if sockets is not None and self.sock is not None and self.sock not in sockets:
            sockets.append(self.sock)


class _HTTPConnection(_Registered, HTTPConnection):
    pass


class _HTTPSConnection(_Registered, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


@dataclass(frozen=True, slots=True)
class Sink:
    """Where a large response goes in place of the memory: so many bytes at most, and so long."""

    file: BinaryIO
    largest: int
    seconds: float


@dataclass(slots=True)
class Exchange:
    """One request that left the process and what came of it: a response or an error."""

    url: str
    at: datetime
    received_at: datetime | None = None
    status: int | None = None
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: Exception | None = None


@dataclass(slots=True)
class Pace:
    """How quickly one host may be requested by this process; across processes the budget counts."""

    pause: timedelta
    most: int
    within: timedelta
    taken: deque[datetime] = field(default_factory=deque)

    def take(self, now: datetime) -> timedelta:
        """How long to wait for the next request, which then counts as made."""
        at = now
        if self.taken:
            at = max(at, self.taken[-1] + self.pause)
        if len(self.taken) >= self.most:
            at = max(at, self.taken[-self.most] + self.within)
        self.taken.append(at)
        while len(self.taken) > self.most:
            self.taken.popleft()
        return at - now


class Adapter(HTTPAdapter):
    """Bounds each request as a whole, counts it, and keeps the last exchange.

    `reserve(host, n)` is called before the first of a block of `n` requests and may refuse by
    raising; `give_back(host, n)` is called with those that were not made. Requests that FastF1's
    cache answers never come here and cost nothing.
    """

    def __init__(
        self,
        reserve: Callable[[str, int], None],
        give_back: Callable[[str, int], None],
        *,
        clock: Callable[[], datetime],
        whole_request: float = WHOLE_REQUEST,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(max_retries=0)
        # What was noticed before the first request; it goes with the first answer.
        self.notices: list[str] = []
        # The answers whose headers cannot be right about when they were made, and why.
        self.wrong_times: list[str] = []
        self.requests = 0
        self.last: Exchange | None = None
        self.clock_offset: timedelta | None = None
        self._clock = clock
        self._reserve = reserve
        self._give_back = give_back
        self._whole_request = whole_request
        self._ahead = 0
        self._sink: Sink | None = None
        # By host: what is left of the blocks that were reserved.
        self._reserved: dict[str, int] = {}
        self._authorizations: dict[str, str] = {}
        self._paces: dict[str, Pace] = {}
        self._sleep = sleep

    def pace(self, url: str, pause: timedelta, most: int, within: timedelta) -> None:
        """From now on wait before a request to that address's host, so that two are so far apart,
        and no more than `most` are sent within that time."""
        self._paces[budget_key(url)] = Pace(pause, most, within)

    def authorize(self, address: Address) -> None:
        """Send its user and password to its host from now on, and to no other."""
        if address.authorization:
            self._authorizations[origin(address.url)] = address.authorization

    @contextmanager
    def block(self, requests: int) -> Iterator[None]:
        """Around the requests of one endpoint, about so many: the first that leaves reserves them
        all, and what is left in the end is given back."""
        self.expect(requests)
        try:
            yield
        finally:
            self.expect(0)
            unused, self._reserved = self._reserved, {}
            for host, left in unused.items():
                self._give_back(host, left)

    def expect(self, requests: int) -> None:
        """How many requests lie ahead, now that it is known better."""
        self._ahead = requests

    @contextmanager
    def saving_to(self, sink: Sink) -> Iterator[None]:
        """The bodies of good responses go there meanwhile."""
        self._sink = sink
        try:
            yield
        finally:
            self._sink = None

    def now(self) -> datetime:
        return self._clock()

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        exchange = Exchange(url=request.url or "", at=self._clock())
        self.last = exchange
        if is_loopback(exchange.url):
            # A proxy in the environment cannot reach what is on this machine.
            kwargs["proxies"] = {}
        try:
            authorized = self._authorize(request)
            host = budget_key(exchange.url)
            self._reserve_for(host)
            if host in self._paces:
                wait = self._paces[host].take(self._clock())
                self._sleep(wait.total_seconds())
            response = self._send_in_time(authorized, kwargs)
        except Exception as error:
            # FastF1 turns whatever it is into a log line; `calling` raises it from here.
            exchange.error = error
            raise
        # What is kept of a response, in FastF1's cache too, knows of no password.
        response.request = request
        exchange.received_at = self._clock()
        exchange.status = response.status_code
        exchange.reason = response.reason or ""
        exchange.headers = dict(response.headers)
        exchange.body = response.content
        upstreams_clock = read_clock(exchange.headers)
        if upstreams_clock is not None:
            self.clock_offset = exchange.received_at - upstreams_clock
        return response

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with its host's user and password. A redirect may lead to no address at
        all."""
        try:
            authorization = self._authorizations.get(origin(request.url or ""))
        except ValueError as error:
            raise requests.exceptions.InvalidURL(error, request=request) from error
        if authorization is None:
            return request
        authorized = request.copy()
        authorized.headers["Authorization"] = authorization
        return authorized

    def _reserve_for(self, host: str) -> None:
        """Reserve what the block still needs; without a block, a single request."""
        ahead = max(1, self._ahead)
        reserved = self._reserved.get(host, 0)
        if reserved < ahead:
            try:
                self._reserve(host, ahead - reserved)
            except SourceRateLimited as refusal:
                # A minute's limit: two seasons of OpenF1 take more than it allows.
                now, retry_at = self._clock(), refusal.retry_at
                if retry_at is None or retry_at - now > WAITED_FOR:
                    raise
                self._sleep(max(0.0, (retry_at - now).total_seconds()))
                self._reserve(host, ahead - reserved)
            reserved = ahead
        self._reserved[host] = reserved - 1
        self._ahead = ahead - 1

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def _send_in_time(
        self, request: requests.PreparedRequest, kwargs: dict[str, Any]
    ) -> requests.Response:
        """The time limits of sockets count from byte to byte, names are looked up without any:
        only another thread bounds the whole. One that is given up ends with its connection."""
        _given_up[:] = [thread for thread in _given_up if thread.is_alive()]
        if len(_given_up) >= MOST_GIVEN_UP:
            raise TooManyGivenUpError(
                f"{len(_given_up)} requests that were given up have not ended", request=request
            )
        self.requests += 1
        outcome: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()
        sockets: list[socket.socket] = []
        sink = self._sink
        seconds = self._whole_request if sink is None else sink.seconds

        def exchange() -> None:
            _request.sockets = sockets
            try:
                outcome.put(self._send_whole(request, kwargs, sink))
            except Exception as error:  # noqa: BLE001 - handed over, raised by the caller
                outcome.put(error)

        thread = threading.Thread(target=exchange, daemon=True, name="upstream-request")
        thread.start()
        try:
            response = outcome.get(timeout=seconds)
        except queue.Empty:
            _end(thread, sockets)
            raise requests.exceptions.ReadTimeout(
                f"no complete response within {seconds:g} s", request=request
            ) from None
        if isinstance(response, (requests.RequestException, IngestionError)):
            raise response
        if isinstance(response, Exception):
            # Whatever the libraries raise over what a server sends is the server's.
            raise requests.exceptions.ConnectionError(response, request=request) from response
        return response

    def _send_whole(
        self, request: requests.PreparedRequest, kwargs: dict[str, Any], sink: Sink | None
    ) -> requests.Response:
        limits = {
            **kwargs,
            # Read piece by piece, so that its size is bounded before it fills the memory.
            "stream": True,
            "timeout": kwargs.get("timeout") or (BETWEEN_BYTES, BETWEEN_BYTES),
        }
        response = super().send(request, **limits)
        sink = sink if response.status_code == HTTPStatus.OK else None
        largest = LARGEST_BODY if sink is None else sink.largest
        body, length = bytearray(), 0
        for chunk in response.iter_content(64 * 1024):
            length += len(chunk)
            if length > largest:
                response.close()
                raise requests.exceptions.ContentDecodingError(
                    f"the response is larger than {largest} bytes", request=request
                )
            if sink is None:
                body += chunk
                continue
            try:
                sink.file.write(chunk)
            except OSError as error:
                raise IngestionError(f"the response cannot be saved ({error.strerror})") from error
        response._content = bytes(body)
        return response


class RefusingAdapter(HTTPAdapter):
    """For an upstream that must not be requested."""

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        raise requests.exceptions.ConnectionError(
            "live timing needs a Formula 1 account and is not requested", request=request
        )


def _end(thread: threading.Thread, sockets: list[socket.socket]) -> None:
    """Closing its connection ends a thread that reads or writes."""
    for connected in sockets:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)
    thread.join(ENDING)
    if thread.is_alive():
        _given_up.append(thread)


def budget_key(url: str) -> str:
    """The host that a request counts for; a stand-in on loopback is identified by its port."""
    parts = urlsplit(url)
    if is_loopback(url):
        return parts.netloc.rpartition("@")[2]
    return parts.hostname or ""
