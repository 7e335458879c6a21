"""A server that receives alarms and heartbeats, on loopback. A conftest imports the fixture."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

# Of its address: whoever knows it can post there.
SECRET = "s3cr3t-MARK"


@dataclass
class Receiver:
    """What it got, and what it answers: a status, a place to go to, or nothing for a while."""

    port: int
    status: int = 200
    location: str = ""
    held: threading.Event | None = None
    posts: list[dict[str, Any]] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/{SECRET}"

    @property
    def alarm_url(self) -> str:
        """As F1_ALARM_URLS has it."""
        return f"json://127.0.0.1:{self.port}/hooks/{SECRET}"

    @property
    def titles(self) -> list[str]:
        return [post["title"] for post in self.posts]


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A caller that gave up has gone; what else fails here arrives nowhere, and is missed."""


@pytest.fixture(name="receiver")
def webhook_receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            length = int(self.headers["Content-Length"])
            receiver.posts.append(json.loads(self.rfile.read(length)))
            self.answer()

        def do_GET(self) -> None:
            receiver.gets.append(self.path)
            self.answer()

        def answer(self) -> None:
            if receiver.held is not None:
                receiver.held.wait(30)
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", str(len(SECRET)))
            self.end_headers()
            self.wfile.write(SECRET.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield receiver
    if receiver.held is not None:
        receiver.held.set()
    server.shutdown()
    server.server_close()
    thread.join()
