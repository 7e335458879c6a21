"""A run: gather each season, save it, keep the record."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Protocol

from django.db import DatabaseError, transaction

from ingestion import fetch
from ingestion.budget import reserve_requests
from ingestion.errors import BadSourceData, IngestionError, WrongRequest
from ingestion.models import Change, Event, IngestRun
from ingestion.pipeline.bookkeeping import remember
from ingestion.pipeline.gather import gather_season
from ingestion.pipeline.request import IngestRequest
from ingestion.pipeline.season import Gathered, SeasonRun
from ingestion.pipeline.summary import awaited, describe_season
from ingestion.report import Problem, RunReport, SaveReport
from ingestion.save import SaveContext, save_calendar, save_classifications

logger = logging.getLogger(__name__)

# What a run's record tells once it has ended.
CLOSED = (
    *("ended_at", "outcome", "counts", "requests", "problems", "notes"),
    *("fault", "schedule_refreshed", "clock_offset"),
)


class Listener(Protocol):
    """Hears of each step, and how many of how many seasons are done."""

    def __call__(self, step: str, *, done: int, total: int) -> None: ...


def current_season(now: datetime) -> int:
    return Event.objects.current_season(now)


def ingest(
    request: IngestRequest,
    *,
    clock: Callable[[], datetime],
    listen: Listener,
) -> RunReport:
    """Bring the seasons up to date; what fails is in the report, and in the run's record.

    A dry run does all of it and takes it back, and leaves no record. Raises `WrongRequest` where
    the request fits no season, `django.db.DatabaseError` where the database fails.
    """
    if request.sample:
        _refuse_foreign_season(request.seasons)
    report = RunReport(dry_run=request.dry_run, seasons=list(request.seasons))
    with _recorded(request, report, clock) as run:
        try:
            upstream = fetch.connect(
                cache_dir=request.addresses.cache_dir,
                schedule_url=request.addresses.schedule_url,
                jolpica_url=request.addresses.jolpica_url,
                f1_username=request.addresses.f1_username,
                f1_password=request.addresses.f1_password,
                live_timing_url=request.addresses.live_timing_url,
                reserve=reserve_requests,
                clock=clock,
            )
        except IngestionError as error:
            report.problems.append(Problem(str(error), advice=error.advice, is_ours=True))
            return report
        try:
            for done, season in enumerate(request.seasons):
                step = partial(listen, done=done, total=len(request.seasons))
                season_run = SeasonRun(season, request, upstream, clock(), step)
                with _failure_contained(season, report):
                    _ingest_season(season_run, run, report)
        finally:
            report.requests = upstream.requests
            report.clock_offset = upstream.clock_offset
    return report


@contextmanager
def _failure_contained(season: int, report: RunReport) -> Iterator[None]:
    """One season whose failure does not stop the others."""
    try:
        yield
    except (WrongRequest, DatabaseError):
        raise
    except IngestionError as error:
        report.problems.append(Problem(str(error), season=season, advice=error.advice))
    except Exception as error:
        logger.exception("the season failed", extra={"season": season})
        report.problems.append(
            Problem(
                f"an error of ours stopped the season ({type(error).__name__})",
                season=season,
                advice="The log has the traceback; please report it",
                is_ours=True,
            )
        )


def _ingest_season(season_run: SeasonRun, run: IngestRun | None, report: RunReport) -> None:
    gathered = gather_season(season_run)
    report.problems += gathered.problems
    report.notes += gathered.notes
    report.done += gathered.answers
    request = season_run.request
    context = SaveContext(
        run,
        _cause(request, gathered),
        season_run.now,
        settles_after=request.rules.settles_after,
        applies_settled_changes=request.rules.applies_settled_changes,
    )
    with _taken_back(request.dry_run):
        report.add(_save_season(season_run.season, gathered, context, report))
    if request.keeps_polling:
        remember(gathered, season_run)


def _save_season(
    season: int, gathered: Gathered, context: SaveContext, report: RunReport
) -> SaveReport:
    saved = SaveReport()
    if gathered.calendars:
        first, *others = gathered.calendars
        try:
            saved.add(save_calendar(first, context, second=next(iter(others), None)))
            if gathered.has_all_calendars:
                report.refreshed.add(season)
        except BadSourceData as error:
            report.done -= len(gathered.calendars)
            saved.problems.append(Problem(str(error), season=season, advice=error.advice))
    saved.add(save_classifications(gathered.classifications, context))
    events = list(Event.objects.for_season(season).prefetch_related("results"))
    saved.notes += awaited(events, context.now)
    report.lines[season] = describe_season(events, saved.changes)
    logger.info(
        "season saved", extra={"season": season, "dry_run": report.dry_run, **saved.counts()}
    )
    return saved


def _cause(request: IngestRequest, gathered: Gathered) -> Change.Cause:
    """Receivers tell today's news from a backfill of old seasons by it."""
    if request.sample:
        return Change.Cause.SAMPLE
    return Change.Cause.POLL if gathered.is_live else Change.Cause.BACKFILL


def _refuse_foreign_season(seasons: tuple[int, ...]) -> None:
    foreign = Change.objects.filter(event__season__in=seasons).exclude(cause=Change.Cause.SAMPLE)
    if foreign.exists():
        raise WrongRequest(
            f"the database holds {', '.join(map(str, seasons))} from another source than the "
            "sample, which would overwrite it; use an empty database (DATABASE_URL)"
        )


@contextmanager
def _taken_back(dry_run: bool) -> Iterator[None]:
    """A dry run saves in one transaction and rolls it back; no signal is sent then."""
    if not dry_run:
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


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
        started_at=clock(),
    )
    try:
        yield run
    except BaseException as error:
        report.problems.append(Problem(_ending(error), is_ours=True))
        raise
    finally:
        _close(run, report, clock())


def _ending(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was saved before stays"
    if isinstance(error, IngestionError):
        return str(error)
    return f"stopped by {type(error).__name__}"


def _close(run: IngestRun, report: RunReport, now: datetime) -> None:
    run.ended_at = now
    run.outcome = report.outcome
    run.counts = report.counts()
    run.requests = report.requests
    run.problems = [str(problem) for problem in report.problems]
    run.notes = [str(note) for note in report.notes]
    run.fault = report.fault
    run.schedule_refreshed = report.refreshed.issuperset(report.seasons)
    run.clock_offset = report.clock_offset
    run.save(update_fields=CLOSED)
