"""Request what a season lacks, and reduce the answers to one picture of it. Nothing is saved."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ingestion.budget import Purpose
from ingestion.errors import SourceRateLimited
from ingestion.lifecycle import is_watched
from ingestion.matching import merge_calendars
from ingestion.models import Event, Poll
from ingestion.pipeline.driver_lists import gather_round_drivers, gather_season_drivers
from ingestion.pipeline.dump import open_dump, read_dumped
from ingestion.pipeline.known_drivers import read_known
from ingestion.pipeline.listed import gather_listed
from ingestion.pipeline.picture import Answers, Outcome, SeasonPicture, SeasonTask
from ingestion.pipeline.plan import (
    CALENDARS,
    PARTS,
    PlannedQuery,
    Session,
    find_missing,
    find_round,
    is_current,
    list_sessions,
    plan_published,
)
from ingestion.pipeline.request import Calendars, Mode
from ingestion.pipeline.results import gather_classifications
from ingestion.pipeline.season_calendars import gather_calendars
from ingestion.records import CalendarRecord, Source
from ingestion.report import Problem


def gather_season(task: SeasonTask) -> SeasonPicture:
    """Raises `WrongRequest` for a round that the season does not have."""
    events = list(Event.objects.filter(season=task.season).exclude(status=Event.Status.CANCELLED))
    sessions = list_sessions(None, events)
    current = is_current(task.request, task.season, sessions, task.now)
    if task.request.mode is Mode.FILL and current:
        task = replace(task, request=replace(task.request, mode=Mode.UPDATE))
    fills = task.request.mode is Mode.FILL
    needed = (find_missing(events, task.now) if fills else frozenset(PARTS)) - task.answered
    _charge(task, current=current)

    answers, planned = _gather_dumped(task, needed, events)
    if answers.refusal is not None or (planned and needed.issubset(planned)):
        left = planned if answers.refusal is not None else ()
        return SeasonPicture(answers, current, planned, left, has_all_calendars=False)
    needed = needed.difference(planned)
    if task.request.calendars is not Calendars.NONE and CALENDARS in needed:
        task.show_step(f"{task.season} schedule", CALENDARS)
        planned = (CALENDARS, *planned)
        answers += gather_calendars(task, fresh=current or task.request.mode is Mode.REFRESH)
        if answers.refusal is not None:
            return SeasonPicture(answers, current, planned, planned, has_all_calendars=False)
        # A season without a calendar yet has nothing to compare.
        if current and (events or answers.calendars):
            task = replace(task, known=read_known(task.season, events))
            answers += gather_listed(task, events)
            answers += gather_season_drivers(task, events)
    read = {calendar.source for calendar in answers.calendars}
    has_all = CALENDARS in planned and read.issuperset(
        source.name for source in task.sources.calendars(task.season)
    )
    merged = merge_calendars(*answers.calendars[:2]) if answers.calendars else None
    if merged is not None and task.request.sessions is None:
        # What these calendars add or move may be news of a season that seemed to be over.
        sessions = list_sessions(merged, events)
        current = is_current(task.request, task.season, sessions, task.now)
        _charge(task, current=current)
    if not task.request.with_results:
        return SeasonPicture(answers, current, planned, (), has_all)

    return _gather_results(
        task,
        SeasonPicture(answers, current, planned, (), has_all),
        merged,
        sessions=sessions,
        events=events,
        needed=needed,
    )


def _gather_results(
    task: SeasonTask,
    picture: SeasonPicture,
    calendar: CalendarRecord | None,
    *,
    sessions: Sequence[Session],
    events: Sequence[Event],
    needed: frozenset[str],
) -> SeasonPicture:
    """The picture with the classifications that the season needs."""
    if task.request.sessions is not None or task.request.round_number is not None:
        polls = Poll.objects.filter(season=task.season, event=None, source=Source.JOLPICA)
        task = replace(task, rounds=polls.values_list("rounds", flat=True).first() or {})
    slug = None
    if task.request.round_number is not None:
        slug = find_round(task.request.round_number, task.season, calendar, events)
    if not task.known:
        task = replace(task, known=read_known(task.season, events))
    rows: Counter[str] = Counter()
    for row in task.known:
        rows[row.event__session_type] += row.rows
    queries = plan_published(
        task.request,
        task.season,
        sessions,
        task.now,
        needed=needed,
        rows=rows,
        published=task.sources.published(),
        round_slug=slug,
    )
    dumped = picture.answers.classifications
    answers = replace(picture.answers, classifications=())
    if not sessions and not answers.problems:
        advice = "Run it once without --skip-schedule"
        problem = Problem("no event of the season is stored", task.season, advice=advice)
        answers += Answers(problems=(problem,))
    answers += gather_classifications(
        task, queries, sessions, events, dumped, fresh=picture.is_current
    )
    if picture.is_current and answers.refusal is None:
        answers += gather_round_drivers(task, sessions, events, answers)
    kinds = {query.session_type for query in queries}
    planned = picture.planned + tuple(part for part in PARTS if part in kinds)
    left: tuple[str, ...] = ()
    if answers.refusal is not None:
        answers += Answers(outcomes=tuple(_leave(queries, answers)))
        # Some sessions of a part may be answered, and the next one refused.
        refused = {one.part for one in answers.outcomes if one.error is answers.refusal}
        left = tuple(part for part in PARTS if part in kinds & refused)
    return replace(picture, answers=answers, planned=planned, left=left)


def _charge(task: SeasonTask, *, current: bool) -> None:
    """Choose on whose account the run requests: news first, older seasons from what is left."""
    is_first = (current and is_watched(task.season, task.now)) or task.request.sample
    task.budget.purpose = Purpose.POLL if is_first else Purpose.BACKFILL


def _leave(queries: Iterable[PlannedQuery], answers: Answers) -> Iterable[Outcome]:
    """The outcome of what was not requested any more: the refusal."""
    reached = {(one.source, one.part, one.grand_prix) for one in answers.outcomes}
    for query in queries:
        slugs = (
            [None] if query.sessions is None else [one.grand_prix.slug for one in query.sessions]
        )
        for slug in slugs:
            if (query.source, query.session_type.value, slug) not in reached:
                yield Outcome(query.source, query.session_type, slug, error=answers.refusal)


def _gather_dumped(
    task: SeasonTask, needed: frozenset[str], events: Iterable[Event]
) -> tuple[Answers, tuple[str, ...]]:
    """What the dump has of a season that is filled, and which parts that are."""
    dump = task.sources.dump
    if dump is None or not needed or task.request.mode is not Mode.FILL:
        return Answers(), ()
    task.show_step(f"{task.season} from Jolpica's dump", CALENDARS)
    try:
        past = [season for season in task.request.seasons if season < task.now.year]
        notices = open_dump(dump, past)
    except SourceRateLimited as error:
        outcome = Outcome(dump.name, CALENDARS, error=error)
        planned = tuple(part for part in PARTS if part in needed)
        return Answers(outcomes=(outcome,), refusal=error), planned
    parts = needed if task.request.with_results else needed & {CALENDARS}
    if task.request.calendars is Calendars.NONE:
        parts -= {CALENDARS}
    held = Counter(event.session_type for event in events if event.is_over(task.now))
    found = read_dumped(dump, task.season, parts, stored=held)
    planned = tuple(part for part in PARTS if part in found.parts)
    answers = Answers(
        calendars=(found.calendar,) if found.calendar is not None else (),
        classifications=found.classifications,
        notes=(*map(Problem, notices), *task.note_each(found.notices)),
        outcomes=tuple(Outcome(dump.name, part) for part in planned),
    )
    return answers, planned
