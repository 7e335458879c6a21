"""Plays a season's history into one database, and keeps what is seen after each step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ingestion.models import Change, Event, RequestBlock, Result
from ingestion.pipeline import IngestRequest, SourceConfig, ingest
from ingestion.report import RunReport
from tests.history import History, Key, Step
from tests.rows import all_rows
from tests.upstream import FaultyUpstream

# The same again comes a moment later.
MOMENT = timedelta(minutes=1)

Row = dict[str, Any]


@dataclass
class Clock:
    now: datetime

    def read(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Played:
    """A step, what its run did, and the season as it is after it; nothing of it is read later.

    `results` are the rows of each event in order; `wrote_again` names the tables that the same
    again a moment after a publication changed.
    """

    step: Step
    report: RunReport
    changes: tuple[Change, ...]
    events: Mapping[Key, Event]
    results: Mapping[Key, tuple[Row, ...]]
    wrote_again: tuple[str, ...]


def play(history: History, cache_dir: Path) -> Iterator[Played]:
    """Into a database without the season, by real HTTP; lift FastF1's limits first."""
    clock = Clock(history.steps[0].at)
    with FaultyUpstream({}, clock=clock.read) as upstream:
        addresses = SourceConfig(cache_dir, upstream.schedule_url, upstream.jolpica_url)
        request = IngestRequest((history.season,), addresses, trigger="replay")
        for step in history.steps:
            history.show(upstream, step)
            yield play_step(step, request, clock)


def play_step(step: Step, request: IngestRequest, clock: Clock) -> Played:
    last = Change.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    clock.now = step.at
    report = run(request, clock)
    wrote_again = run_again(request, clock) if step.is_publication else ()
    events = name_events()
    return Played(
        step=step,
        report=report,
        changes=tuple(Change.objects.after(last).select_related("event")),
        events=events,
        results=read_results(events),
        wrote_again=wrote_again,
    )


def run_again(request: IngestRequest, clock: Clock) -> tuple[str, ...]:
    before = all_rows()
    clock.now += MOMENT
    run(request, clock)
    after = all_rows()
    return tuple(table for table, rows in before.items() if after[table] != rows)


def run(request: IngestRequest, clock: Clock) -> RunReport:
    # The hour's budget is kept by the true clock, and between two steps lie hours.
    RequestBlock.objects.all().delete()
    return ingest(request, clock=clock.read, show_step=ignore_step)


def ignore_step(step: str, *, done: int, total: int) -> None:
    pass


def name_events() -> dict[Key, Event]:
    events: dict[Key, Event] = {}
    for event in Event.objects.all():
        key = event.name, event.session_type
        assert key not in events, f"{events.get(key)} is there twice"
        events[key] = event
    return events


def read_results(events: Mapping[Key, Event]) -> dict[Key, tuple[Row, ...]]:
    keys = {event.pk: key for key, event in events.items()}
    rows: dict[Key, tuple[Row, ...]] = {}
    for row in Result.objects.order_by("event", "order").values():
        key = keys[row["event_id"]]
        rows[key] = (*rows.get(key, ()), {**row})
    return rows
