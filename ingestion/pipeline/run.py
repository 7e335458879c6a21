"""A run: its seasons one by one, and its record."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Protocol

from django.db import DatabaseError

from ingestion import fetch
from ingestion.budget import Budget
from ingestion.errors import IngestionError, WrongRequest
from ingestion.models import Event, IngestRun
from ingestion.pipeline.ingesting import Ended, Run, ingest_season
from ingestion.pipeline.pace import Pace
from ingestion.pipeline.request import Addresses, IngestRequest
from ingestion.pipeline.season import fault_of
from ingestion.report import Fault, Problem, RunReport, SeasonLine

logger = logging.getLogger(__name__)

# What a run's record tells once it has ended.
CLOSED = (
    *("ended_at", "outcome", "counts", "requests", "problems", "notes"),
    *("fault", "schedule_refreshed", "clock_offset"),
)


class Listener(Protocol):
    """Hears of each step, and how many of how many seasons are done."""

    def __call__(self, step: str, *, done: int, total: int) -> None: ...


def hear_nothing(_line: SeasonLine) -> None:
    """Of the seasons one by one."""


def current_season(now: datetime) -> int:
    return Event.objects.current_season(now)


def ingest(
    request: IngestRequest,
    *,
    clock: Callable[[], datetime],
    listen: Listener,
    tell: Callable[[SeasonLine], None] = hear_nothing,
    sleep: Callable[[float], None] = time.sleep,
) -> RunReport:
    """Bring the seasons up to date; what fails is in the report, and in the run's record.

    Of several seasons `tell` hears when each is done, and the report has the sum alone. A dry run
    does all of it and takes it back, and leaves no record. Raises `WrongRequest` where the request
    fits no season, `django.db.DatabaseError` where the database fails.
    """
    report = RunReport(dry_run=request.dry_run, seasons=list(request.seasons))
    with _recorded(request, report, clock) as record:
        budget = Budget(clock=clock)
        try:
            upstream = _connect(request.addresses, budget)
        except IngestionError as error:
            report.problems.append(Problem(str(error), advice=error.advice, fault=Fault.OURS))
            return report
        run = Run(request, record, report, upstream, budget, clock=clock, sleep=sleep)
        try:
            _ingest_seasons(run, listen, tell)
        finally:
            report.requests = upstream.requests
            report.clock_offset = upstream.clock_offset
    return report


def _connect(addresses: Addresses, budget: Budget) -> fetch.Upstream:
    return fetch.connect(
        cache_dir=addresses.cache_dir,
        schedule_url=addresses.schedule_url,
        jolpica_url=addresses.jolpica_url,
        f1_username=addresses.f1_username,
        f1_password=addresses.f1_password,
        live_timing_url=addresses.live_timing_url,
        reserve=budget.reserve,
        give_back=budget.give_back,
        clock=budget.clock,
    )


def _ingest_seasons(run: Run, listen: Listener, tell: Callable[[SeasonLine], None]) -> None:
    """Each in turn, until asking any more is not allowed now."""
    pace = Pace(len(run.request.seasons))
    for done, season in enumerate(run.request.seasons):
        ended = Ended()
        with _failure_contained(season, run.report):
            step = partial(_name_step, listen, run, pace, done=done)
            ended = ingest_season(season, run, step)
        if ended.line is not None:
            tell(ended.line)
        if ended.stop is not None:
            run.report.problems.append(ended.stop)
            return


def _name_step(listen: Listener, run: Run, pace: Pace, step: str, *, done: int) -> None:
    if run.request.is_range:
        step += pace.describe(done, run.upstream.requests, run.budget)
    listen(step, done=done, total=pace.total)


@contextmanager
def _failure_contained(season: int, report: RunReport) -> Iterator[None]:
    """One season whose failure does not stop the others."""
    try:
        yield
    except (WrongRequest, DatabaseError):
        raise
    except IngestionError as error:
        report.problems.append(
            Problem(str(error), season=season, advice=error.advice, fault=fault_of(error))
        )
    except Exception as error:
        logger.exception("the season failed", extra={"season": season})
        report.problems.append(
            Problem(
                f"an error of ours stopped the season ({type(error).__name__})",
                season=season,
                advice="The log has the traceback; please report it",
                fault=Fault.OURS,
            )
        )


@contextmanager
def _recorded(
    request: IngestRequest, report: RunReport, clock: Callable[[], datetime]
) -> Iterator[IngestRun | None]:
    """The run's record: written when it starts, and when it ends however it ends."""
    if request.dry_run:
        yield None
        return
    run = IngestRun.objects.create(
        trigger=request.trigger,
        arguments=request.arguments(),
        seasons=list(request.seasons),
        task=request.task,
        started_at=clock(),
    )
    try:
        yield run
    except BaseException as error:
        report.problems.append(_describe_ending(error))
        raise
    finally:
        _close(run, report, clock())


def _describe_ending(error: BaseException) -> Problem:
    if isinstance(error, KeyboardInterrupt):
        return Problem("interrupted; what was saved before stays", fault=Fault.NONE)
    if isinstance(error, IngestionError):
        return Problem(str(error), fault=Fault.NONE if error.is_no_fault else Fault.OURS)
    return Problem(f"stopped by {type(error).__name__}", fault=Fault.OURS)


def _close(run: IngestRun, report: RunReport, now: datetime) -> None:
    run.ended_at = now
    run.outcome = report.outcome
    run.counts = report.counts()
    run.requests = report.requests
    run.problems = [problem.as_data() for problem in report.problems]
    run.notes = [note.as_data() for note in report.notes]
    run.fault = report.fault
    run.schedule_refreshed = report.refreshed.issuperset(report.seasons)
    run.clock_offset = report.clock_offset
    run.save(update_fields=CLOSED)
