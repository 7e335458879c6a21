"""A run: its seasons one by one, each gathered and saved, and the run's record."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from django.db import DatabaseError, transaction
from django.db.models import Prefetch
from django.utils.translation import override

from ingestion.budget import Budget
from ingestion.database_failures import retried
from ingestion.errors import BadSourceData, IngestionError, WrongRequest
from ingestion.lifecycle import is_watched, may_be_absent, season_to_look_for
from ingestion.models import Change, Event, IngestRun, Poll, Result
from ingestion.pipeline.gather import gather_season
from ingestion.pipeline.jolpica_form import choose_form, record_form
from ingestion.pipeline.picture import SeasonPicture, SeasonTask, fault_of
from ingestion.pipeline.plan import CALENDARS, PARTS, find_missing
from ingestion.pipeline.poll_rows import is_time_to_look, record_polls
from ingestion.pipeline.rate_limit import (
    MOST_REFUSALS,
    RunEstimate,
    describe_stop,
    wait_until_allowed,
)
from ingestion.pipeline.request import Calendars, IngestRequest, Mode, Rules
from ingestion.pipeline.summary import describe_awaited, describe_season
from ingestion.records import CalendarRecord
from ingestion.report import Fault, Problem, RunReport, SaveReport, SeasonLine
from ingestion.save import (
    SaveContext,
    find_withdrawn_in_results,
    save_calendar,
    save_classifications,
    save_entrants,
    save_listed,
)
from ingestion.sources import SourceConfig, Sources, connect, list_limits

logger = logging.getLogger(__name__)

# A podium: the season's table has no more of a classification.
MOST_LEADERS = 3
# Changes that say for the first time, or anew, who is classified.
OF_NEW_RESULTS = (Change.Kind.PUBLISHED, Change.Kind.AMENDED)
# What a run's record says once it has ended.
CLOSED = (
    *("ended_at", "outcome", "counts", "requests", "problems", "notes"),
    *("fault", "schedule_refreshed", "clock_offset"),
)


class Progress(Protocol):
    """Called with each step, and how many of how many parts are done: `PARTS` of each season."""

    def __call__(self, step: str, *, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Run:
    """What its seasons share. `record` is None in a dry run."""

    request: IngestRequest
    record: IngestRun | None
    report: RunReport
    sources: Sources
    budget: Budget
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    # What was noted of Jolpica's Ergast form when the run began.
    form_gone: Poll | None


def current_season(now: datetime) -> int:
    """That of the stored calendars, unless by the date a later one has to have begun."""
    stored = Event.objects.current_season(now)
    coming = season_to_look_for(now, stored)
    return stored if coming is None or may_be_absent(coming, now) else coming


def look_for_next_season(
    current: int,
    *,
    config: SourceConfig,
    rules: Rules,
    clock: Callable[[], datetime],
    show_step: Progress,
    trigger: str,
    task: str = "",
) -> RunReport | None:
    """Read the calendars of the season after this one from the day on that they may be out, once a
    day; None where it is not time."""
    now = clock()
    season = season_to_look_for(now, current)
    if season is None or not is_time_to_look(season, now):
        return None
    request = IngestRequest(
        seasons=(season,),
        config=config,
        mode=Mode.POLL,
        calendars=Calendars.CHANGED,
        with_results=False,
        may_be_absent=may_be_absent(season, now),
        trigger=trigger,
        task=task,
        rules=rules,
    )
    return ingest(request, clock=clock, show_step=show_step)


# What a run records is English, whatever the project's language.
@override(None)
def ingest(
    request: IngestRequest,
    *,
    clock: Callable[[], datetime],
    show_step: Progress,
    show_line: Callable[[SeasonLine], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> RunReport:
    """Bring the seasons up to date; what fails is in the report, and in the run's record.

    Of several seasons `show_line` is called as each is done, and the report has the sum alone. A
    dry run does all of it and rolls it back, and leaves no record. Raises `WrongRequest` where the
    request fits no season, `django.db.DatabaseError` where the database fails.
    """
    report = RunReport(dry_run=request.dry_run, seasons=list(request.seasons))
    with _recorded(request, report, clock) as record:
        request, gone = choose_form(request, report, clock())
        budget = Budget(clock=clock, limits=list_limits(request.config))
        try:
            sources = connect(
                request.config, reserve=budget.reserve, give_back=budget.give_back, clock=clock
            )
        except IngestionError as error:
            report.problems.append(Problem(str(error), advice=error.advice, fault=Fault.OURS))
            return report
        run = Run(request, record, report, sources, budget, clock, sleep, gone)
        try:
            _ingest_seasons(run, show_step, show_line)
        finally:
            report.requests = sources.requests
            report.clock_offset = sources.clock_offset
    return report


def _ingest_seasons(run: Run, show_step: Progress, show_line: Callable[[SeasonLine], None]) -> None:
    """Ingest each in turn, until the run is rate-limited."""
    estimate = RunEstimate(len(run.request.seasons))

    def show(step: str, part: str, *, done: int) -> None:
        is_range, requests = run.request.is_range, run.sources.requests
        step += estimate.describe(done, requests, run.budget) if is_range else ""
        parts = done * len(PARTS) + PARTS.index(part)
        show_step(step, done=parts, total=estimate.total * len(PARTS))

    for done, season in enumerate(run.request.seasons):
        line: SeasonLine | None = None
        stop: Problem | None = None
        # A season whose failure is its own does not stop the others.
        try:
            line, stop = _ingest_season(season, run, partial(show, done=done))
        except (WrongRequest, DatabaseError):
            raise
        except IngestionError as error:
            failure = Problem(str(error), season, advice=error.advice, fault=fault_of(error))
            run.report.problems.append(failure)
        except Exception as error:
            logger.exception("the season failed", extra={"season": season})
            message = f"an error of ours stopped the season ({type(error).__name__})"
            advice = "The log has the traceback; please report it"
            failure = Problem(message, season, advice=advice, fault=Fault.OURS)
            run.report.problems.append(failure)
        if line is not None:
            show_line(line)
        if stop is not None:
            run.report.problems.append(stop)
            return


def _ingest_season(
    season: int, run: Run, show_step: Callable[[str, str], None]
) -> tuple[SeasonLine | None, Problem | None]:
    """Until everything that it needs was requested or, without waiting, the run is rate-limited.
    Returns its line, of several seasons, and why the run stops here, if it does."""
    saved = SaveReport()
    task = SeasonTask(season, run.request, run.sources, run.clock(), show_step, run.budget)
    refusals = reached = 0
    while True:
        picture = gather_season(task)
        refusal = picture.answers.refusal
        if refusal is None or not run.request.waits:
            break
        came_to = PARTS.index(picture.left[0]) if picture.left else len(PARTS)
        refusals = 1 if came_to > reached else refusals + 1
        reached = came_to
        if refusals > MOST_REFUSALS:
            break
        # A dry run leaves nothing that it could continue from.
        if not run.request.dry_run:
            _save(picture, task, run, saved)
            task = replace(task, answered=task.answered | picture.answered)
        part = PARTS[min(came_to, len(PARTS) - 1)]
        wait_until_allowed(refusal, part, clock=run.clock, sleep=run.sleep, show_step=show_step)
        task = replace(task, now=run.clock())
    line = _save(picture, task, run, saved)
    if refusal is None:
        return line, None
    return line, describe_stop(refusal, picture.left, season, run.request)


def _save(
    picture: SeasonPicture, task: SeasonTask, run: Run, saved: SaveReport
) -> SeasonLine | None:
    """Save the picture, one transaction a part, and add it to what earlier attempts saved of the
    season. A dry run does the same in one transaction and rolls it back; no signal is sent then."""
    request, report, answers = run.request, run.report, picture.answers
    report.problems += answers.problems
    if wrong_times := run.sources.take_wrong_times():
        first, *others = wrong_times
        more = f" (and {len(others)} more answers)" if others else ""
        advice = "Compare this machine's clock with the upstream's, and set the wrong one right"
        report.problems.append(Problem(f"{first}{more}", task.season, advice=advice))
    report.notes += answers.notes
    report.done += picture.answer_count
    with transaction.atomic() if request.dry_run else nullcontext():
        season_saved, whole = _save_season(picture, task, run)
        saved.add(season_saved)
        line, awaited = _summarise(whole, picture, task, run, saved)
        if request.dry_run:
            transaction.set_rollback(True)
    if request.is_range:
        # The sum is reported, not each change: of many seasons they would pile up.
        saved.changes.clear()
        season_saved.changes.clear()
    report.add(season_saved)
    if answers.refusal is None or not request.waits:
        # What is left for later is said once.
        left = set(picture.left)
        report.notes += [note for note in awaited if not {note.session_type, CALENDARS} & left]
    if request.mode is Mode.POLL:
        # After the save: the next plans depend on what is saved now.
        record_polls(picture, task)
    if not request.dry_run:
        record_form(request, task.season, answers.outcomes, task.now, gone=run.form_gone)
    return line


def _save_season(
    picture: SeasonPicture, task: SeasonTask, run: Run
) -> tuple[SaveReport, list[Event]]:
    """What was saved, and the season's events as they are now."""
    saved, request, answers = SaveReport(), run.request, picture.answers
    is_of_today = picture.is_current and is_watched(task.season, task.now)
    cause = Change.Cause.POLL if is_of_today else Change.Cause.BACKFILL
    context = SaveContext(
        run.record,
        Change.Cause.SAMPLE if request.sample else cause,
        task.now,
        settles_after=request.rules.settles_after,
        applies_settled_changes=request.rules.applies_settled_changes,
    )
    if answers.calendars:
        first, *others = answers.calendars
        jolpica = next(iter(others), None)
        try:
            saved.add(save_calendar(first, context, jolpica=jolpica))
            if picture.has_all_calendars:
                run.report.refreshed.add(task.season)
        except BadSourceData as error:
            run.report.done -= 1
            message = str(error)
            if jolpica is not None:
                # What it says of a start has to close picks, whatever became of the first.
                message += _save_jolpica_alone(jolpica, context, run, saved)
            saved.problems.append(Problem(message, season=task.season, advice=error.advice))
    # After the calendars, which make the events that these are about.
    saved.add(save_listed(answers.listed, context))
    saved.add(save_classifications(answers.classifications, context))
    whole = _read_saved(task.season, request, is_current=picture.is_current)
    if picture.is_current:
        published = {slug for slug, kind in saved.changes if kind in OF_NEW_RESULTS}
        if published:
            saved.notes += find_withdrawn_in_results(task.season, published)
        saved.add(
            save_entrants(
                task.season, context, answers.entrants, drivers=answers.drivers, events=whole
            )
        )
    if picture.planned:
        extra = {"season": task.season, "dry_run": request.dry_run, **saved.counts()}
        changes = sum(saved.events.values()) + sum(saved.results.values())
        changes -= saved.events["unchanged"] + saved.results["unchanged"]
        logger.debug("season saved" if changes else "season unchanged", extra=extra)
    return saved, whole


def _save_jolpica_alone(
    calendar: CalendarRecord, context: SaveContext, run: Run, saved: SaveReport
) -> str:
    """Jolpica's calendar alone; what became of it."""
    try:
        saved.add(save_calendar(calendar, context))
    except BadSourceData as error:
        run.report.done -= 1
        return f"; {error}"
    return "; Jolpica's calendar was used alone"


def _read_saved(season: int, request: IngestRequest, *, is_current: bool) -> list[Event]:
    """The season as it is saved now, with what there is to print of it; the current one with all
    results, which its entrants come from."""
    events = Event.objects.for_season(season)
    if is_current:
        events = events.with_classifications()
    elif not request.is_range:
        leaders = Result.objects.filter(order__lte=MOST_LEADERS)
        if (number := request.round_number) is not None:
            leaders |= Result.objects.filter(event__round_number=number)
        events = events.prefetch_related(Prefetch("results", leaders))
    return list(events)


def _summarise(
    whole: Sequence[Event],
    picture: SeasonPicture,
    task: SeasonTask,
    run: Run,
    saved: SaveReport,
) -> tuple[SeasonLine | None, list[Problem]]:
    """What the season has and lacks now: a table of one season; of several a line each, None where
    nothing at all was answered. And which results it awaits."""
    held = [event for event in whole if not event.is_cancelled]
    awaited = describe_awaited(held, task.now)
    if not run.request.is_range:
        run.report.lines[task.season] = describe_season(
            whole, saved.changes, round_number=run.request.round_number, now=task.now
        )
        return None, awaited
    if picture.planned and not (picture.answer_count or saved.events or saved.results):
        return None, awaited
    missing = find_missing(held, task.now)
    line = SeasonLine(
        task.season,
        saved,
        tuple(part for part in PARTS if part in missing),
        is_running=picture.is_current,
        was_requested=bool(picture.planned),
    )
    return line, awaited


@contextmanager
def _recorded(
    request: IngestRequest, report: RunReport, clock: Callable[[], datetime]
) -> Iterator[IngestRun | None]:
    """The run's record: written when it starts, and when it ends however it ends."""
    if request.dry_run:
        yield None
        return
    run = retried(IngestRun.objects.create)(
        trigger=request.trigger,
        arguments=request.arguments(),
        seasons=list(request.seasons),
        task=request.task,
        started_at=clock(),
    )
    try:
        yield run
    except KeyboardInterrupt:
        message = "interrupted; what was saved before stays"
        report.problems.append(Problem(message, fault=Fault.NONE))
        raise
    except IngestionError as error:
        fault = Fault.NONE if error.is_no_fault else Fault.OURS
        report.problems.append(Problem(str(error), fault=fault))
        raise
    except BaseException as error:
        message = f"stopped by {type(error).__name__}"
        report.problems.append(Problem(message, fault=Fault.OURS))
        raise
    finally:
        run.ended_at = clock()
        run.outcome = report.outcome
        run.counts = report.counts()
        run.requests = report.requests
        run.problems = [problem.as_data() for problem in report.problems]
        run.notes = [note.as_data() for note in report.notes]
        run.fault = report.fault
        run.schedule_refreshed = report.refreshed.issuperset(report.seasons)
        run.clock_offset = report.clock_offset
        retried(run.save)(update_fields=CLOSED)
