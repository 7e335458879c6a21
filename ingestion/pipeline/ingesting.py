"""One season of a run: gather what the upstreams say of it, save it, wait where that is wanted."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Prefetch

from ingestion import fetch
from ingestion.budget import Budget
from ingestion.errors import BadSourceData
from ingestion.models import Change, Event, IngestRun, Result
from ingestion.pipeline.bookkeeping import remember
from ingestion.pipeline.gather import gather_season
from ingestion.pipeline.missing import find_missing
from ingestion.pipeline.request import IngestRequest
from ingestion.pipeline.season import CALENDARS, PARTS, Gathered, SeasonRun
from ingestion.pipeline.stopping import MOST_REFUSALS, describe_stop, wait_after
from ingestion.pipeline.summary import awaited, describe_season
from ingestion.report import GrandPrixLine, Problem, RunReport, SaveReport, SeasonLine
from ingestion.save import SaveContext, save_calendar, save_classifications

logger = logging.getLogger(__name__)

# A podium: the season's table has no more of a classification.
MOST_LEADERS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """What its seasons share. `record` is None in a dry run."""

    request: IngestRequest
    record: IngestRun | None
    report: RunReport
    upstream: fetch.Upstream
    budget: Budget
    clock: Callable[[], datetime] = field(kw_only=True)
    sleep: Callable[[float], None] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Ended:
    """A season's part of a run: its line, where there is something to tell, and what is left for
    later, because asking any more is not allowed now."""

    line: SeasonLine | None = None
    stop: Problem | None = None


@dataclass(slots=True)
class Seen:
    """A season after an attempt: a table of it, or of several seasons what it still lacks."""

    lines: list[GrandPrixLine] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    awaited: list[Problem] = field(default_factory=list)


def ingest_season(season: int, run: Run, listen: Callable[[str], None]) -> Ended:
    """Until it was asked for all that it needs or, without waiting, that is not allowed."""
    saved = SaveReport()
    gathered, season_run = _gather_patiently(season, run, saved, listen)
    seen = _save(gathered, season_run, run, saved)
    # What is left for later is said once.
    run.report.notes += [
        note for note in seen.awaited if not {note.session_type, CALENDARS} & set(gathered.left)
    ]
    stop = None
    if gathered.refusal is not None:
        stop = describe_stop(gathered.refusal, gathered.left, season, run.request)
    if run.request.is_range:
        return Ended(_draw_line(gathered, season, saved, seen), stop)
    run.report.lines[season] = seen.lines
    return Ended(None, stop)


def _gather_patiently(
    season: int, run: Run, saved: SaveReport, listen: Callable[[str], None]
) -> tuple[Gathered, SeasonRun]:
    """What it was told at last; before each wait, what it was told so far is saved."""
    answered: frozenset[str] = frozenset()
    refusals = reached = 0
    while True:
        season_run = SeasonRun(
            season, run.request, run.upstream, run.clock(), listen, run.budget, answered
        )
        gathered = gather_season(season_run)
        if gathered.refusal is None or not run.request.waits:
            return gathered, season_run
        refusals = 1 if gathered.reached > reached else refusals + 1
        reached = gathered.reached
        if refusals > MOST_REFUSALS:
            return gathered, season_run
        # Of a dry run nothing stays that it could go on from.
        if not run.request.dry_run:
            _save(gathered, season_run, run, saved)
            answered |= gathered.answered
        wait_after(gathered.refusal, clock=run.clock, sleep=run.sleep, listen=listen)


def _draw_line(gathered: Gathered, season: int, saved: SaveReport, seen: Seen) -> SeasonLine | None:
    """None where nothing at all was heard of it."""
    if gathered.planned and not (gathered.answers or saved.events or saved.results):
        return None
    return SeasonLine(
        season,
        saved,
        seen.missing,
        goes_on=gathered.is_live,
        was_asked=bool(gathered.planned),
    )


def _save(gathered: Gathered, season_run: SeasonRun, run: Run, saved: SaveReport) -> Seen:
    """All at once, and added to what earlier attempts saved of the season."""
    request, report = run.request, run.report
    report.problems += gathered.problems
    report.notes += gathered.notes
    report.done += gathered.answers
    context = SaveContext(
        run.record,
        _cause(request, gathered),
        season_run.now,
        settles_after=request.rules.settles_after,
        applies_settled_changes=request.rules.applies_settled_changes,
    )
    with _taken_back(request.dry_run):
        told = _save_season(season_run.season, gathered, context, report)
        saved.add(told)
        seen = _see(season_run, saved)
    if request.is_range:
        # Its sum is told, not each change: of many seasons they would pile up.
        saved.changes.clear()
        told.changes.clear()
    report.add(told)
    if request.keeps_polling:
        remember(gathered, season_run)
    return seen


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
    if gathered.planned:
        logger.info(
            "season saved", extra={"season": season, "dry_run": report.dry_run, **saved.counts()}
        )
    return saved


def _see(season_run: SeasonRun, saved: SaveReport) -> Seen:
    events = Event.objects.for_season(season_run.season)
    if not season_run.request.is_range:
        leaders = Prefetch("results", Result.objects.filter(order__lte=MOST_LEADERS))
        whole = list(events.prefetch_related(leaders))
        return Seen(
            lines=describe_season(whole, saved.changes),
            awaited=awaited(whole, season_run.now),
        )
    left = [event for event in events if not event.is_cancelled]
    missing = find_missing(left, season_run.now)
    return Seen(
        missing=tuple(part for part in PARTS if part in missing),
        awaited=awaited(left, season_run.now),
    )


def _cause(request: IngestRequest, gathered: Gathered) -> Change.Cause:
    """Receivers tell today's news from a backfill of old seasons by it."""
    if request.sample:
        return Change.Cause.SAMPLE
    return Change.Cause.POLL if gathered.is_live else Change.Cause.BACKFILL


@contextmanager
def _taken_back(dry_run: bool) -> Iterator[None]:
    """A dry run saves in one transaction and rolls it back; no signal is sent then."""
    if not dry_run:
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
