"""The admin on the sample's database: `python -m f1picks.demo`, or `make admin`.

The same file that `ingest_f1 --sample` uses, a stand-in upstream to ingest from, a worker for the
queue, and an operator whose password is printed once. The configured database is not opened.
"""

import argparse
import contextlib
import io
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from f1picks.environment import ROOT, variable_names
from ingestion.sample.database import FILE_NAME

DATABASE = ROOT / FILE_NAME
SEASON = 2024
OPERATOR = "operator"
SECONDS_TO_STOP = 15

KNOWN = f"""\
Sign in as '{OPERATOR}', with the password that was printed when it was made.
For a new one delete {{database}} and start again.
"""
NEW = f"""\
Sign in as '{OPERATOR}' with the password {{password}}
It is shown this once.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m f1picks.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--database", type=Path, default=DATABASE, help="a SQLite file")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="f1-demo-") as cache:
        # Before the settings are read; the worker's process gets the same.
        for name in variable_names(ROOT / ".env.example"):
            os.environ.pop(name, None)
        os.environ.update(
            ENV_FILE=os.devnull,
            DJANGO_SETTINGS_MODULE="f1picks.settings",
            SECRET_KEY=secrets.token_urlsafe(50),
            DATABASE_URL=f"sqlite:///{arguments.database.resolve()}",
            FASTF1_CACHE_DIR=cache,
            LOG_LEVEL="WARNING",
            F1_SECOND_SOURCE="off",
        )
        _serve(arguments.port, arguments.database)


def _serve(port: int, database: Path) -> None:
    # Apps and settings are there once the environment is.
    from ingestion.sample.season import load_season
    from ingestion.sample.upstream import StandInUpstream

    with StandInUpstream({SEASON: load_season(SEASON)}) as upstream:
        os.environ.update(F1_SCHEDULE_URL=upstream.schedule_url, JOLPICA_URL=upstream.jolpica_url)
        password = _prepare()
        from django.core.servers.basehttp import run

        from f1picks.wsgi import application

        sign_in = NEW.format(password=password) if password else KNOWN.format(database=database)

        def print_address(bound: str) -> None:
            address = f"http://127.0.0.1:{bound}/admin/ingestion/season/{SEASON}/"
            _print_now(f"\n{sign_in}{address} (Ctrl-C ends it)")

        with _worker(), contextlib.suppress(KeyboardInterrupt):
            try:
                # Django's own server: this is one person's. Static files come from whitenoise, as
                # in production.
                run("127.0.0.1", port, application, threading=True, on_bind=print_address)
            except OSError as error:
                sys.exit(f"Port {port} cannot be used ({error.strerror}): make admin PORT=8001")


def _prepare() -> str:
    """The database with its season and its operator; answers with the password of a new one."""
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from ingestion.models import Event

    call_command("migrate", verbosity=0)
    if not Event.objects.for_season(SEASON).exists():
        _print_now(f"Ingesting the season {SEASON} ...")
        # The table is for `make demo`.
        call_command("ingest_f1", year=str(SEASON), stdout=io.StringIO())
    users = get_user_model().objects
    if users.filter(username=OPERATOR).exists():
        return ""
    password = secrets.token_urlsafe(12)
    users.create_superuser(OPERATOR, password=password)
    return password


@contextlib.contextmanager
def _worker() -> Iterator[None]:
    """For 'Ingest now' and the schedules."""
    # A session of its own: Ctrl-C is for the server, and it is ended in turn.
    with subprocess.Popen(  # noqa: S603 - this project's own command
        [sys.executable, str(ROOT / "manage.py"), "qcluster"],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()


def _leave(number: int, _frame: FrameType | None) -> None:
    """An exit that ends the worker too, which SIGTERM by itself does not."""
    raise SystemExit(128 + number)


def _print_now(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
