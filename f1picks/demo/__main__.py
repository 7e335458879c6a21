"""A race weekend of 2024 in the admin, on a clock of its own: `make admin`."""

import argparse
import contextlib
import hashlib
import os
import secrets
import signal
import socket
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from f1picks.environment import ROOT, variable_names
from rehearsal.clock import VirtualClock, virtual_time
from rehearsal.played_season import play_season

ADDRESS = "127.0.0.1"
KEPT = ROOT / "f1_story.sqlite3"
# What the beginning of the story depends on.
SOURCES = ("ingestion/**/*.py", "rehearsal/**/*.py", "f1picks/demo/*.py", "*/**/*.csv")

BEGINS = "Playing the season 2024 up to the Sunday of Belgium; it takes some seconds, once ..."
READY = """\
The admin is ready. You are signed in as '{operator}'; no password is needed.
Open this address and press 'One hour later' (Ctrl-C here ends it):

{address}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m f1picks.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--database", type=Path, default=KEPT, help="a SQLite file that keeps how it begins"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, leave)
    refuse_used_port(arguments.port)
    with tempfile.TemporaryDirectory(prefix="f1-demo-") as folder:
        # Before the settings are read.
        for name in variable_names(ROOT / ".env.example"):
            os.environ.pop(name, None)
        os.environ.update(
            ENV_FILE=os.devnull,
            DJANGO_SETTINGS_MODULE="f1picks.demo.settings",
            SECRET_KEY=secrets.token_urlsafe(50),
            DATABASE_URL=f"sqlite:///{folder}/story.sqlite3",
            LOG_LEVEL="ERROR",
        )
        clock = VirtualClock(play_season().begins_at)
        # Before the app is imported, whose functions take the time of Django's.
        with virtual_time(clock):
            serve(arguments.port, arguments.database, clock, Path(folder) / "cache")


def serve(port: int, kept: Path, clock: VirtualClock, cache_dir: Path) -> None:
    import django

    django.setup()
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.servers.basehttp import run

    from f1picks.demo.pages import STORY
    from f1picks.demo.story import OPERATOR, playing, read_version

    def print_address(bound: str) -> None:
        print_now("\n" + READY.format(operator=OPERATOR, address=f"http://{ADDRESS}:{bound}/"))

    with contextlib.suppress(KeyboardInterrupt), playing(clock, cache_dir) as story:
        version = read_sources()
        if read_version(kept) != version:
            print_now(BEGINS)
        story.begin(kept, version)

        class WithStory(WSGIHandler):
            def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
                return super().__call__({**environ, STORY: story}, start_response)

        # Django's own server: this is one person's. Static files come from whitenoise, as in
        # production.
        run(ADDRESS, port, WithStory(), threading=True, on_bind=print_address)


def refuse_used_port(port: int) -> None:
    """Before anything is played."""
    with socket.socket() as tried:
        # As the server does it, which may be started again at once.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((ADDRESS, port))
        except OSError as error:
            sys.exit(
                f"Port {port} cannot be used ({error.strerror}). Another: make admin PORT=8001"
            )
        except OverflowError:
            sys.exit(f"There is no port {port}, 65535 is the last. Another: make admin PORT=8001")


def read_sources() -> int:
    """Another number for another code, positive and of 31 bits as SQLite keeps it."""
    files = sorted({path for pattern in SOURCES for path in ROOT.glob(pattern)})
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files))
    return int.from_bytes(digest.digest()[:4], "big") >> 1 or 1


def leave(number: int, _frame: FrameType | None) -> None:
    """An exit that cleans up, which SIGTERM by itself does not."""
    raise SystemExit(128 + number)


def print_now(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
