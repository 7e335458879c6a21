"""An ingest as a person or a worker starts it, in this process and on a clock that stands still."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management import load_command_class

from ingestion.models import Event, IngestRun
from ingestion.queue import tasks
from ingestion.sources.http import Adapter
from ingestion.sources.jolpica import dump_file
from rehearsal.clock import VirtualClock, virtual_time
from tests.proofs.faults.places import SEASON
from tests.upstream import FaultyUpstream


@dataclass(frozen=True)
class Ran:
    """What a run said and left behind. A worker's has no exit code and nobody to tell."""

    code: int | None
    stdout: str
    stderr: str
    record: IngestRun
    requests: int

    @property
    def complaint(self) -> str:
        """The last line of a command that did not end well, '' of one that did."""
        last = self.stderr.splitlines()[-1:] or [""]
        return last[0].removeprefix("CommandError: ") if self.code else ""


def run_command(
    upstream: FaultyUpstream, at: datetime, *arguments: str, years: str = str(SEASON)
) -> Ran:
    return _run(upstream, at, lambda _: _ingest(("--year", years, *arguments)))


def run_poll(upstream: FaultyUpstream, at: datetime, event: Event) -> Ran:
    """One event's classification, as the admin's button and the queue ask for it."""

    def poll(clock: VirtualClock) -> None:
        tasks.ingest_event(event.pk, clock=clock.read)

    return _run(upstream, at, poll)


def _ingest(arguments: tuple[str, ...]) -> int:
    """As `manage.py` runs it: its exit code, and its one line on standard error."""
    command = load_command_class("ingestion", "ingest_f1")
    try:
        command.run_from_argv(["manage.py", "ingest_f1", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _run(upstream: FaultyUpstream, at: datetime, work: Callable[[VirtualClock], Any]) -> Ran:
    clock = VirtualClock(at)
    upstream.clock = clock.read
    settings.F1_SCHEDULE_URL = upstream.schedule_url
    settings.JOLPICA_URL = upstream.jolpica_url
    before = upstream.count_requests()
    with virtual_time(clock), _streams_kept() as said:
        code = work(clock)
    stdout, stderr = said
    record = IngestRun.objects.latest("pk")
    return Ran(code, stdout, stderr, record, upstream.count_requests() - before)


@contextmanager
def _streams_kept() -> Iterator[list[str]]:
    """Both streams, whoever writes to them and however: the log's handler, a library, a thread."""
    said: list[str] = []
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        kept = [os.dup(1), os.dup(2)]
        _flush()
        os.dup2(out.fileno(), 1)
        os.dup2(errors.fileno(), 2)
        try:
            yield said
        finally:
            _flush()
            for stream, duplicate in enumerate(kept, start=1):
                os.dup2(duplicate, stream)
                os.close(duplicate)
            for file in (out, errors):
                file.seek(0)
                said.append(file.read())


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


@contextmanager
def environment_changed(more: Mapping[str, str]) -> Iterator[None]:
    """Without what would hide it: the exceptions that this machine makes."""
    if not more:
        yield
        return
    usual = dict(os.environ)
    for name in ("no_proxy", "NO_PROXY"):
        os.environ.pop(name, None)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(usual)


@contextmanager
def answers_in(seconds: float) -> Iterator[None]:
    """What may be waited for an answer as a whole, where it is usually half a minute, and for a
    download, where it is minutes."""
    initialize = Adapter.__init__
    usual, longest = initialize.__kwdefaults__, dump_file.LONGEST_DOWNLOAD
    initialize.__kwdefaults__ = {**(usual or {}), "whole_request": seconds}
    dump_file.LONGEST_DOWNLOAD = seconds
    try:
        yield
    finally:
        initialize.__kwdefaults__ = usual
        dump_file.LONGEST_DOWNLOAD = longest
