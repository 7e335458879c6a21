"""The stand-in with live timing and the account that it asks for, after FastF1 3.9's own code.

Nothing of the sign-in is recorded: FastF1's `f1account` says what it sends and what it expects.
A test module imports the fixtures by the names of their functions.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import pytest

from ingestion.records import Source
from ingestion.sample.season import load_season
from ingestion.sample.upstream import Answer, Connection, Request, print_date
from ingestion.sources.live_timing import LiveTiming
from tests.fastf1_limits import connect
from tests.live_streams import STATIC_PATH, build_answer
from tests.upstream import FaultyUpstream

USERNAME = "someone@example.org"
PASSWORD = "correct horse"
KEY = "a key that nobody checks, as long as one"

# All of FastF1 that `a connection` sets for a stand-in.
ADDRESSES = (
    ("fastf1._api", "base_url"),
    ("fastf1._api", "base_url_mirror"),
    ("fastf1.internals.f1account.discovery", "CONFIG_SCRIPT_URL"),
    ("fastf1.internals.f1account.login", "IDP_ORIGIN"),
    ("fastf1.internals.f1account.login", "AUTHORIZE_URL"),
    ("fastf1.internals.f1account.login", "TOKEN_URL"),
)
SIGN_IN = ["/scripts/main.min.js", "/as/authorize", "/davinci/flow", "/as/token"]


@dataclass(frozen=True, kw_only=True)
class RequestWithBody(Request):
    body: bytes = b""


class ReadingConnection(Connection):
    """Keeps what is sent: the sign-in looks at it."""

    def read_request(self, at: datetime) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        del self.headers["Content-Length"]
        asked = super().read_request(at)
        told = {field.name: getattr(asked, field.name) for field in fields(asked)}
        return RequestWithBody(**told, body=body)


class LiveUpstream(FaultyUpstream):
    """Serves live timing to whoever shows a token of its own, and sells tokens for a password."""

    token_lasts = 4 * 24 * 3600.0
    has_subscription = True

    def start(self) -> None:
        self.tokens: set[str] = set()
        self.states: dict[str, str] = {}
        super().start()
        assert self._server is not None
        self._server.RequestHandlerClass = ReadingConnection

    def knows(self, request: Request) -> bool:
        if request.path in SIGN_IN:
            return True
        is_live = request.path.startswith(STATIC_PATH) and self.find_file(request) is not None
        return is_live or super().knows(request)

    def find_file(self, request: Request) -> bytes | None:
        return build_answer(self.seasons.get(int(request.path.split("/")[2])), request.path)

    def answer_truly(self, request: Request) -> Answer:
        if request.path in SIGN_IN:
            return self.answer_sign_in(request)
        if not request.path.startswith(STATIC_PATH):
            return super().answer_truly(request)
        headers = {"Date": print_date(request.at), "Content-Type": "application/octet-stream"}
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Answer(401, headers)
        body = self.find_file(request)
        return Answer(404, headers) if body is None else Answer(200, headers, body)

    def answer_sign_in(self, request: Request) -> Answer:
        body = request.body if isinstance(request, RequestWithBody) else b""
        steps: dict[str, Callable[[], str]] = {
            "/scripts/main.min.js": lambda: 'x={davinci:{clientId:"app",acrValues:"policy"}}',
            "/as/authorize": lambda: self.open_form(request.query["state"]),
            "/davinci/flow": lambda: self.check_password(json.loads(body)),
            "/as/token": lambda: self.sell_token(parse_qs(body.decode())["code"]),
        }
        text = steps[request.path]()
        return Answer(200, {"Date": print_date(request.at)}, text.encode())

    def open_form(self, state: str) -> str:
        self.states["interaction"] = state
        links = {"next": {"href": f"{self.address}/davinci/flow"}}
        return json.dumps(
            {"_links": links, "interactionId": "interaction", "id": "flow", "eventName": "go"}
        )

    def check_password(self, form: dict[str, object]) -> str:
        sent = form["parameters"]["data"]["formData"]  # type: ignore[index]
        if sent != {"username": USERNAME, "password": PASSWORD}:
            message = f"Incorrect username or password ({sent['password']})"
            return json.dumps({"status": "FAILED", "message": message})
        state = self.states[str(form["interactionId"])]
        response = {"state": state, "code": "code"}
        return json.dumps({"status": "COMPLETED", "authorizeResponse": response})

    def sell_token(self, _code: list[str]) -> str:
        claims: dict[str, object] = {"sub": "someone"}
        if self.has_subscription:
            claims["subscriptionToken"] = self.make_token()
        return json.dumps({"access_token": jwt.encode(claims, KEY)})

    def make_token(self) -> str:
        claims = {"exp": time.time() + self.token_lasts, "number": len(self.tokens)}
        token = jwt.encode(claims, KEY)
        self.tokens.add(token)
        return token

    def asked(self) -> list[str]:
        """The paths so far, without what they have in common; they are forgotten."""
        paths = [request.path.removeprefix(STATIC_PATH) for request in self.requests]
        self.clear_requests()
        return paths


@contextmanager
def addresses_kept() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ADDRESSES:
            patch.setattr(import_module(module), name, getattr(import_module(module), name))
        yield


@pytest.fixture(name="addresses_restored")
def restore_addresses(fastf1_restored: None) -> Iterator[None]:
    with addresses_kept():
        yield


@pytest.fixture(name="live_upstream")
def start_live_upstream() -> Iterator[LiveUpstream]:
    with LiveUpstream({2024: load_season(2024)}) as started:
        yield started


def open_live_source(
    upstream: LiveUpstream,
    folder: Path,
    *,
    username: str = USERNAME,
    password: str = PASSWORD,
    url: str | None = None,
    reserve: Callable[[str, int], None] = lambda _host, _requests: None,
) -> LiveTiming:
    """Live timing as a source: at the stand-in's address unless another is given."""
    sources = connect(
        upstream,
        folder,
        reserve=reserve,
        f1_username=username,
        f1_password=password,
        live_timing_url=upstream.address if url is None else url,
    )
    source = sources.named(Source.LIVE_TIMING)
    assert isinstance(source, LiveTiming)
    return source


@pytest.fixture(name="live_timing")
def open_source_with_right_password(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> LiveTiming:
    return open_live_source(live_upstream, tmp_path / "cache")


# The child has a terminal of its own, which getpass would open as /dev/tty too.
ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def on_a_terminal(
    command: list[str], folder: Path, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ON_A_TERMINAL, *command],
        check=False,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
