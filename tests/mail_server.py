"""A mail server on loopback that keeps what it receives; a test imports the fixture."""

import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class MailServer:
    port: int
    received: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    @property
    def alarm_url(self) -> str:
        return (
            f"mailto://127.0.0.1:{self.port}?mode=insecure&smtp=127.0.0.1"
            "&from=picks@example.org&to=anna@example.org"
        )


@pytest.fixture(name="mail_server")
def running_mail_server() -> Iterator[MailServer]:
    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            commands = []
            self.reply("220 ready")
            while line := self.rfile.readline().decode().strip().upper():
                commands.append(line)
                if line == "DATA":
                    self.reply("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    kept.received.append(b"".join(lines).decode())
                    kept.commands.append("\n".join(commands))
                self.reply("221 bye" if line == "QUIT" else "250 fine")

        def reply(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        kept = MailServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield kept
        server.shutdown()
        thread.join()
