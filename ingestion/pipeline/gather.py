"""Request what a season lacks, and reduce the answers to one picture of it. Nothing is saved."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.db.models import Count

from ingestion.budget import Budget, Purpose
from ingestion.errors import (
    BadSourceData,
    IngestionError,
    ResultsNotReady,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.matching import StoredGrandPrix, gather_grands_prix, is_race_of, merge_calendars
from ingestion.models import Event, Poll, Result
from ingestion.names import fold_name
from ingestion.pipeline.archive import open_archive, read_archived
from ingestion.pipeline.plan import (
    CALENDARS,
    PARTS,
    Query,
    Session,
    find_missing,
    find_round,
    is_current,
    list_sessions,
    plan_provisional,
    plan_published,
)
from ingestion.pipeline.request import Calendars, IngestRequest, Mode
from ingestion.plausibility import is_plausible
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    EntrantRecord,
    ListedSession,
    RaceIdentity,
    ResultRecord,
    Source,
    is_better_provisional,
)
from ingestion.report import Fault, Problem
from ingestion.save import ENTRANT_FACTS
from ingestion.sessions import SessionType
from ingestion.sources import (
    Classification,
    ClassificationQuery,
    Entrant,
    EntrantsQuery,
    SourceAnswer,
    Sources,
    Upstream,
    read_sprint_pole,
)

T = TypeVar("T")

NOT_FOUND = 404
# Jolpica's calendar is read once a day beside the schedule file; a day's hours drift by a tick.
SECOND_CALENDAR_HOLDS = timedelta(hours=20)

# From a weekend's first practice to its race.
LONGEST_WEEKEND = timedelta(days=4)

ENTRANT_FIELDS = ("driver_id", *ENTRANT_FACTS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of requesting one part of a season of one source: an answer, with news or without,
    or an error. `grand_prix` is its slug, None where the whole season was requested; until
    `expires_at` (UTC) the source would answer the same again."""

    source: Source
    part: str
    grand_prix: str | None = None
    expires_at: datetime | None = None
    error: IngestionError | None = None

    @property
    def is_answer(self) -> bool:
        """Whether the source had something usable to say, if only that there is nothing yet."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class Answers:
    """What sources answered, and what there is to report of it; `refusal` is set where requesting
    any more is not allowed now."""

    calendars: tuple[CalendarRecord, ...] = ()
    classifications: tuple[Classification, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    refusal: SourceRateLimited | None = None
    listed: tuple[ListedSession, ...] = ()
    entrants: tuple[EntrantRecord, ...] = ()

    def __add__(self, other: "Answers") -> "Answers":
        return Answers(
            self.calendars + other.calendars,
            self.classifications + other.classifications,
            self.problems + other.problems,
            self.notes + other.notes,
            self.outcomes + other.outcomes,
            self.refusal or other.refusal,
            self.listed + other.listed,
            self.entrants + other.entrants,
        )


@dataclass(frozen=True, slots=True)
class SeasonPicture:
    """A season as the sources describe it now. `planned` are the parts that were to be requested,
    `left` those of them that are left for later; `has_all_calendars` where each calendar that the
    season has was read."""

    answers: Answers
    is_current: bool
    planned: tuple[str, ...]
    left: tuple[str, ...]
    has_all_calendars: bool

    @property
    def answered(self) -> frozenset[str]:
        return frozenset(self.planned) - frozenset(self.left)

    @property
    def answer_count(self) -> int:
        return sum(outcome.is_answer for outcome in self.answers.outcomes)


@dataclass(frozen=True, slots=True)
class SeasonTask:
    """One season's part of a run. `answered` are the parts that it had answers for before it had to
    wait; `show_step` is called with what comes next, and which of the `PARTS` that is of."""

    season: int
    request: IngestRequest
    sources: Sources
    now: datetime
    show_step: Callable[[str, str], None]
    budget: Budget
    answered: frozenset[str] = frozenset()
    # Jolpica's own round numbers by grand prix, as its calendar had them when it was last read.
    rounds: Mapping[str, int] = field(default_factory=dict)
    # Who is saved in which kind of session of the season.
    known: tuple[Any, ...] = ()

    def problem(
        self,
        message: str,
        error: IngestionError,
        kind: SessionType | None = None,
        grand_prix: str | None = None,
    ) -> Problem:
        return Problem(
            message,
            self.season,
            grand_prix=grand_prix,
            session_type=kind,
            advice=error.advice,
            fault=fault_of(error),
        )

    def note_each(
        self, notices: Iterable[str], kind: SessionType | None = None
    ) -> tuple[Problem, ...]:
        """What a source noticed while it read an answer."""
        return tuple(Problem(notice, self.season, session_type=kind) for notice in notices)


def fault_of(error: IngestionError) -> Fault:
    return Fault.NONE if error.is_no_fault else Fault.UPSTREAM


def gather_season(task: SeasonTask) -> SeasonPicture:
    """Raises `WrongRequest` for a round that the season does not have."""
    events = list(Event.objects.filter(season=task.season).exclude(status=Event.Status.CANCELLED))
    sessions = list_sessions(None, events)
    current = is_current(task.request, task.season, sessions, task.now)
    if task.request.mode is Mode.FILL and current:
        task = replace(task, request=replace(task.request, mode=Mode.UPDATE))
    fills = task.request.mode is Mode.FILL
    needed = (find_missing(events, task.now) if fills else frozenset(PARTS)) - task.answered
    _charge(task, is_news=current)

    calendars, planned = _gather_archived(task, needed)
    if calendars.refusal is not None or (planned and needed.issubset(planned)):
        left = planned if calendars.refusal is not None else ()
        return SeasonPicture(calendars, current, planned, left, has_all_calendars=False)
    needed = needed.difference(planned)
    if task.request.calendars is not Calendars.NONE and CALENDARS in needed:
        task.show_step(f"{task.season} schedule", CALENDARS)
        planned = (CALENDARS, *planned)
        calendars += _gather_calendars(task, fresh=current or task.request.mode is Mode.REFRESH)
        if calendars.refusal is not None:
            return SeasonPicture(calendars, current, planned, planned, has_all_calendars=False)
        if current:
            task = replace(task, known=_read_known(task.season, events))
            calendars += _gather_listed(task) + _gather_entrants(task, events)
    read = {calendar.source for calendar in calendars.calendars}
    has_all = CALENDARS in planned and read.issuperset(
        source.name for source in task.sources.calendars(task.season)
    )
    merged = merge_calendars(*calendars.calendars[:2]) if calendars.calendars else None
    if merged is not None and task.request.sessions is None:
        sessions = list_sessions(merged, events)
        current = is_current(task.request, task.season, sessions, task.now)
        _charge(task, is_news=current)
    if not task.request.with_results:
        return SeasonPicture(calendars, current, planned, (), has_all)

    return _gather_results(
        task,
        SeasonPicture(calendars, current, planned, (), has_all),
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
        task = replace(task, known=_read_known(task.season, events))
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
    known = picture.answers.classifications
    answers = replace(picture.answers, classifications=())
    if not sessions and not answers.problems:
        advice = "Run it once without --skip-schedule"
        problem = Problem("no event of the season is stored", task.season, advice=advice)
        answers += Answers(problems=(problem,))
    answers += _gather_classifications(
        task, queries, sessions, events, known, fresh=picture.is_current
    )
    kinds = {query.session_type for query in queries}
    planned = picture.planned + tuple(part for part in PARTS if part in kinds)
    left: tuple[str, ...] = ()
    if answers.refusal is not None:
        answers += Answers(outcomes=tuple(_leave(queries, answers)))
        # Of one part some sessions may be answered, and the next refused.
        refused = {one.part for one in answers.outcomes if one.error is answers.refusal}
        left = tuple(part for part in PARTS if part in kinds & refused)
    return replace(picture, answers=answers, planned=planned, left=left)


def _charge(task: SeasonTask, *, is_news: bool) -> None:
    """On whose account the run requests: news first, older seasons from what is left."""
    is_news = is_news or task.request.sample
    task.budget.purpose = Purpose.POLL if is_news else Purpose.BACKFILL


def _leave(queries: Iterable[Query], answers: Answers) -> Iterable[Outcome]:
    """The outcome of what was not requested any more: the refusal."""
    reached = {(one.source, one.part, one.grand_prix) for one in answers.outcomes}
    for query in queries:
        slugs = (
            [None] if query.sessions is None else [one.grand_prix.slug for one in query.sessions]
        )
        for slug in slugs:
            if (query.source, query.session_type.value, slug) not in reached:
                yield Outcome(query.source, query.session_type, slug, error=answers.refusal)


# The archive


def _gather_archived(task: SeasonTask, needed: frozenset[str]) -> tuple[Answers, tuple[str, ...]]:
    """What the dump has of a season that is filled, and which parts that are."""
    archive = task.sources.archive
    if archive is None or not needed or task.request.mode is not Mode.FILL:
        return Answers(), ()
    task.show_step(f"{task.season} from Jolpica's dump", CALENDARS)
    try:
        past = [season for season in task.request.seasons if season < task.now.year]
        notices = open_archive(archive, past)
    except SourceRateLimited as error:
        outcome = Outcome(archive.name, CALENDARS, error=error)
        planned = tuple(part for part in PARTS if part in needed)
        return Answers(outcomes=(outcome,), refusal=error), planned
    parts = needed if task.request.with_results else needed & {CALENDARS}
    if task.request.calendars is Calendars.NONE:
        parts -= {CALENDARS}
    found = read_archived(archive, task.season, parts)
    planned = tuple(part for part in PARTS if part in found.parts)
    answers = Answers(
        calendars=(found.calendar,) if found.calendar is not None else (),
        classifications=found.classifications,
        notes=(*map(Problem, notices), *task.note_each(found.notices)),
        outcomes=tuple(Outcome(archive.name, part) for part in planned),
    )
    return answers, planned


# Calendars


def _gather_calendars(task: SeasonTask, *, fresh: bool) -> Answers:
    """The schedule file first, where the season has one, and Jolpica's calendar with it; of a
    season that is filled Jolpica's first, which is the one that may be refused."""
    sources = task.sources.calendars(task.season)
    if task.request.mode is Mode.FILL:
        sources.reverse()
    answers = Answers()
    if task.request.calendars is Calendars.CHANGED and len(sources) > 1:
        answers = _request_calendars(task, sources[:1], fresh=fresh)
        if _is_enough(answers, sources[1], task):
            sources = sources[:1]
    done = {outcome.source for outcome in answers.outcomes}
    left = [source for source in sources if source.name not in done]
    answers += _request_calendars(task, left, fresh=fresh)
    errors = [outcome for outcome in answers.outcomes if outcome.error is not None]
    if not answers.calendars or task.request.mode is Mode.FILL:
        refusal = _find_refusal(errors, task)
        if refusal is not None:
            return Answers(outcomes=answers.outcomes, refusal=refusal)
    order = [source.name for source in task.sources.calendars(task.season)]
    calendars = sorted(answers.calendars, key=lambda one: order.index(one.source))
    answers = replace(answers, calendars=tuple(calendars))
    if not errors:
        return answers
    problem = _describe_calendar_errors(errors, calendars, task)
    is_absent = task.request.may_be_absent and all(map(_is_absence, errors))
    return answers + (Answers(notes=(problem,)) if is_absent else Answers(problems=(problem,)))


def _request_calendars(task: SeasonTask, sources: Sequence[Upstream], *, fresh: bool) -> Answers:
    answers = Answers()
    if not sources:
        return answers
    with task.sources.block(len(sources)):
        for source in sources:
            try:
                answer = source.fetch_calendar(task.season, fresh=fresh)
            except (SourceUnavailable, BadSourceData) as error:
                answers += Answers(outcomes=(Outcome(source.name, CALENDARS, error=error),))
                if task.request.mode is Mode.FILL and isinstance(error, SourceRateLimited):
                    break
            else:
                outcome = Outcome(source.name, CALENDARS, expires_at=answer.expires_at)
                refused = tuple(
                    Problem(
                        f"{source.label} has a {name} that cannot be read; what is saved of it is "
                        "kept",
                        task.season,
                        source=source.name,
                        advice="It is read again by itself; set a start that you know by hand",
                    )
                    for calendar in answer.records
                    for name in calendar.unreadable
                )
                notes = task.note_each(answer.notices)
                answers += Answers(answer.records, (), refused, notes, (outcome,))
    return answers


def _gather_listed(task: SeasonTask) -> Answers:
    answers = Answers()
    for source in task.sources.provisional():
        listed, notes = _request_opinion(task, partial(source.fetch_listed, task.season))
        answers += Answers(notes=notes, listed=listed)
    return answers


def _read_known(season: int, events: Iterable[Event]) -> tuple[Any, ...]:
    """Who is saved in which kind of session of the season, in which car and how often."""
    if not any(event.has_results for event in events):
        return ()
    stored = Result.objects.filter(event__season=season).order_by()
    names = (*ENTRANT_FIELDS, "event__session_type")
    counted = stored.values(*names).annotate(rows=Count("pk"))
    return tuple(counted.values_list(*names, "rows", named=True))


def _read_last_known(season: int) -> list[Any]:
    """Of the season before, for what comes before a season's first classification."""
    rows = Result.objects.filter(event__season=season - 1).order_by()
    return list(rows.values_list(*ENTRANT_FIELDS, named=True).distinct())


def _gather_entrants(task: SeasonTask, events: Sequence[Event]) -> Answers:
    """Of the grands prix whose weekend has begun."""
    soon = task.now + LONGEST_WEEKEND
    slugs = {
        event.grand_prix
        for event in events
        if event.status == Event.Status.SCHEDULED
        and event.locks_at is not None
        and task.now < event.locks_at <= soon
    }
    if not slugs:
        return Answers()
    known = task.known or tuple(_read_last_known(task.season))
    answers = Answers()
    for one in gather_grands_prix([event.as_stored() for event in events]):
        if one.slug not in slugs:
            continue
        query = EntrantsQuery(task.season, one.slug, partial(_is_of, one), known)
        for source in task.sources.provisional():
            entrants, notes = _request_opinion(task, partial(source.fetch_entrants, query))
            answers += Answers(notes=notes, entrants=entrants)
    return answers


def _request_opinion(
    task: SeasonTask, fetch: Callable[[], SourceAnswer[T]]
) -> tuple[tuple[T, ...], tuple[Problem, ...]]:
    """Of a source that is optional, and the notes: what goes wrong with it is one as well."""
    try:
        answer = fetch()
    except ResultsNotReady:
        return (), ()
    except (SourceUnavailable, BadSourceData) as error:
        return (), (task.problem(str(error), error),)
    return answer.records, task.note_each(answer.notices)


def _is_of(grand_prix: StoredGrandPrix, race: RaceIdentity) -> bool:
    return is_race_of(race, grand_prix)


def _is_enough(answers: Answers, second: Upstream, task: SeasonTask) -> bool:
    """Where the file says what it said when the second calendar was read, within the day; and of a
    season that is not published yet that it is not."""
    if not answers.calendars:
        # In the season's own year Jolpica's may be out before the file.
        is_early = task.request.may_be_absent and task.now.year < task.season
        return is_early and all(map(_is_absence, answers.outcomes))
    polls = Poll.objects.filter(season=task.season, event=None, source=second.name)
    poll = polls.exclude(digest="").filter(failures=0).first()
    if poll is None or poll.answered_at is None:
        return False
    # An answer of the future was noted by a clock that was ahead.
    is_recent = poll.answered_at <= task.now < poll.answered_at + SECOND_CALENDAR_HOLDS
    return is_recent and poll.digest == digest_calendar(answers.calendars[0])


def digest_calendar(calendar: CalendarRecord) -> str:
    """Alike for what says the same, whenever it was made."""
    facts = [
        (replace(grand_prix, sessions=()), replace(session, generated_at=None))
        for grand_prix, session in calendar.sessions()
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _find_refusal(errors: Sequence[Outcome], task: SeasonTask) -> SourceRateLimited | None:
    """Jolpica's, which its results would share; of a season that is filled also the schedule
    file's, since its calendars are read once."""
    refusals = [one for one in errors if isinstance(one.error, SourceRateLimited)]
    is_jolpicas = any(one.source is Source.JOLPICA for one in refusals)
    if not refusals or not (is_jolpicas or task.request.mode is Mode.FILL):
        return None
    limits = [one.error for one in refusals if isinstance(one.error, SourceRateLimited)]
    return SourceRateLimited(
        "; ".join(dict.fromkeys(str(one.error) for one in errors)),
        status=limits[0].status,
        retry_at=max((one.retry_at for one in limits if one.retry_at is not None), default=None),
    )


def _describe_calendar_errors(
    errors: Sequence[Outcome], calendars: Sequence[CalendarRecord], task: SeasonTask
) -> Problem:
    message = "; ".join(str(outcome.error) for outcome in errors)
    if calendars:
        is_file = calendars[0].source is Source.SCHEDULE_FILE
        used = "the schedule file" if is_file else "Jolpica's calendar"
        message += f"; {used} was used alone"
    first = errors[0].error
    return task.problem(message, first) if first is not None else Problem(message, task.season)


def _is_absence(outcome: Outcome) -> bool:
    """Of a season that has not been published yet."""
    error = outcome.error
    return isinstance(error, BadSourceData) or (
        isinstance(error, SourceUnavailable) and error.status == NOT_FOUND
    )


# Classifications


def _gather_classifications(
    task: SeasonTask,
    queries: Sequence[Query],
    sessions: Sequence[Session],
    events: Sequence[Event],
    known: tuple[Classification, ...],
    *,
    fresh: bool,
) -> Answers:
    """Besides those that are known: the published sources first; what none of them has is guessed
    from a sprint's grid, or requested of the provisional ones."""
    answers = Answers(classifications=known)
    fresh = fresh or task.request.mode is Mode.REFRESH
    for query in queries:
        if answers.refusal is not None:
            break
        is_shown_by_sprint = query.session_type is SessionType.SPRINT_QUALIFYING
        # What takes a request a session is left alone by a season where the server failed before.
        if is_shown_by_sprint and answers.problems and task.request.sessions is None:
            continue
        label = query.session_type.replace("_", " ")
        task.show_step(f"{task.season} {label} results", query.session_type)
        answers += (
            _gather_sprint_qualifyings(task, query, answers, events, fresh=fresh)
            if is_shown_by_sprint
            else _request_published(task, query, answers, fresh=fresh)
        )
    if answers.refusal is not None and task.request.mode is not Mode.POLL:
        return answers
    for source in task.sources.provisional():
        awaited = [
            one
            for one in plan_provisional(task.request, source.name, sessions, task.now)
            if source.offers(task.season, one.session_type)
            and (
                # A witness is requested all the same where it is due.
                (source.name.is_second and task.request.sessions is not None)
                or not any(_is_better(known, source.name) for known in _find_session(one, answers))
            )
        ]
        if awaited:
            answers = _gather_provisional(task, source, awaited, answers)
    return answers


def _request_published(task: SeasonTask, query: Query, so_far: Answers, *, fresh: bool) -> Answers:
    """The season at once, or each session alone, with what went wrong as problems."""
    source = task.sources.named(query.source)
    if source is None:
        return Answers()
    # The first of a season is matched with those of the last one.
    entrants = (
        () if source.has_whole_seasons() else _find_entrants(task, so_far, with_last_season=True)
    )
    answers, errors = _request_each(task, source, query, entrants=entrants, fresh=fresh)
    said: list[IngestionError] = [answers.refusal] if answers.refusal is not None else []
    problems = []
    for slug, error in errors.items():
        # A silence is said once, and a refusal by the run.
        if not any(error is one for one in said):
            said.append(error)
            problems.append(task.problem(str(error), error, query.session_type, slug))
    return answers + Answers(problems=tuple(problems))


def _request_each(
    task: SeasonTask,
    source: Upstream,
    query: Query,
    *,
    entrants: Sequence[Entrant] = (),
    fresh: bool,
) -> tuple[Answers, dict[str | None, IngestionError]]:
    """What the source answered, and the errors by grand prix (None: of the whole season). One that
    cannot be reached, or wants to be left alone, is not requested for the rest."""
    answers = Answers()
    errors: dict[str | None, IngestionError] = {}
    alone: Sequence[Session | None] = [None] if query.sessions is None else query.sessions
    silence: IngestionError | None = None
    for session in alone:
        slug = session.grand_prix.slug if session is not None else None
        outcome = partial(Outcome, query.source, query.session_type, slug)
        if silence is not None:
            errors[slug] = silence
            answers += Answers(outcomes=(outcome(error=silence),))
            continue
        try:
            answer = _fetch(task, source, query, session, entrants=entrants, fresh=fresh)
        except ResultsNotReady as error:
            # That there is nothing yet is an answer.
            errors[slug] = error
            answers += Answers(outcomes=(outcome(expires_at=error.expires_at),))
        except (SourceUnavailable, BadSourceData) as error:
            errors[slug] = error
            refusal = error if isinstance(error, SourceRateLimited) else None
            is_silent = isinstance(error, SourceUnavailable) and error.status is None
            silence = error if refusal or is_silent else None
            expires_at = error.expires_at if isinstance(error, BadSourceData) else None
            failed = outcome(expires_at=expires_at, error=error)
            answers += Answers(outcomes=(failed,), refusal=refusal)
        else:
            answers += Answers(
                classifications=answer.records,
                notes=task.note_each(answer.notices, query.session_type),
                outcomes=(outcome(expires_at=answer.expires_at),),
            )
    return answers, errors


def _fetch(
    task: SeasonTask,
    source: Upstream,
    query: Query,
    session: Session | None,
    *,
    entrants: Sequence[Entrant] = (),
    fresh: bool,
) -> SourceAnswer[Classification]:
    if session is None:
        whole = ClassificationQuery(task.season, query.session_type, pages_expected=query.pages)
        return source.fetch_classifications(whole, fresh=fresh)
    number = task.rounds.get(session.grand_prix.slug)
    alone = ClassificationQuery(
        task.season,
        query.session_type,
        round_number=session.round_number if number is None else number,
        is_own_round=number is not None,
        name=session.grand_prix.name,
        is_race=partial(_is_race, session),
        starts_at=session.starts_at,
        entrants=tuple(entrants),
        with_lists=task.request.mode is Mode.REFRESH,
    )
    return source.fetch_classifications(alone, fresh=fresh)


def _is_race(session: Session, race: RaceIdentity) -> bool:
    return is_race_of(race, session.grand_prix)


def _find_session(session: Session, answers: Answers) -> list[Classification]:
    """What this run was answered about the session so far."""
    return [
        one
        for one in answers.classifications
        if one.session_type is session.session_type and is_race_of(one.race, session.grand_prix)
    ]


def _is_better(classification: Classification, source: Source) -> bool:
    """Than what the provisional source has: of a better one, or published and not one of the
    half-filled that come first after a session."""
    if not isinstance(classification, ClassificationRecord):
        return False
    if classification.is_provisional:
        return is_better_provisional(classification.source, source)
    return is_plausible(classification)


def _find_entrants(
    task: SeasonTask, answers: Answers, *, with_last_season: bool = False
) -> list[Entrant]:
    """Who drove for whom: those whom this run has met, which costs nothing, and all whom the season
    knows."""
    met = [
        row
        for one in answers.classifications
        if isinstance(one, ClassificationRecord)
        for row in one.results
    ]
    stored: list[Any] = list(task.known)
    if not stored and with_last_season:
        stored = _read_last_known(task.season)
    # Who is answered under a new key is no second driver of that name.
    known = {fold_name(row.driver_name): row.driver_id for row in stored}
    return [
        *(
            replace(row, driver_id=known.get(fold_name(row.driver_name), row.driver_id))
            for row in met
        ),
        *stored,
    ]


def _gather_sprint_qualifyings(
    task: SeasonTask, query: Query, so_far: Answers, events: Sequence[Event], *, fresh: bool
) -> Answers:
    """Of Jolpica's newer form; where it has none the sprint's grid shows the pole, give or take
    penalties."""
    sessions = query.sessions or ()
    source = task.sources.named(query.source)
    errors: dict[str | None, IngestionError] = {}
    if source is not None and source.offers(task.season, query.session_type):
        entrants = _find_entrants(task, so_far)
        with task.sources.block(1 + len(sessions)):
            answers, errors = _request_each(task, source, query, entrants=entrants, fresh=fresh)
    else:
        # Where there is no newer form nothing is requested, and nothing is due again at once.
        outcome = partial(Outcome, query.source, query.session_type)
        answers = Answers(outcomes=tuple(outcome(one.grand_prix.slug) for one in sessions))
    poles = {
        session.grand_prix.slug: pole
        for session in sessions
        if (pole := _guess_pole(session, so_far + answers, events)) is not None
    }
    answers += Answers(classifications=tuple(poles.values()))
    return answers + _describe_missing(task, sessions, errors, set(poles), answers.refusal)


def _guess_pole(
    session: Session, answers: Answers, events: Sequence[Event]
) -> ClassificationRecord | None:
    """By the sprint that this run was answered, else by the saved one; None where there is
    something better."""
    if session.is_published or _find_session(session, answers):
        return None
    sprint = replace(session, session_type=session.session_type.partner)
    known = [one for one in _find_session(sprint, answers) if isinstance(one, ClassificationRecord)]
    record = known[0] if known else _read_saved(session, sprint.session_type, events)
    return read_sprint_pole(record) if record is not None else None


def _read_saved(
    session: Session, session_type: SessionType, events: Sequence[Event]
) -> ClassificationRecord | None:
    """Where the qualifying alone is requested; while its pole is a guess, it was made already."""
    key = session.grand_prix.slug, session_type.value
    event = next((one for one in events if (one.grand_prix, one.session_type) == key), None)
    dates: tuple[date, ...] = session.grand_prix.race_dates
    if event is None or not event.has_results or not dates:
        return None
    if session.results_state != Event.ResultsState.PENDING:
        return None
    race = RaceIdentity(
        event.season, event.round_number or 0, event.name, dates[0], event.country, event.location
    )
    results = tuple(ResultRecord(**row.as_entry()) for row in event.classification)
    source = Source(event.results_source)
    return ClassificationRecord(race, session_type, source, event.results_generated_at, results)


def _describe_missing(
    task: SeasonTask,
    sessions: Iterable[Session],
    errors: Mapping[str | None, IngestionError],
    guessed: set[str],
    refusal: SourceRateLimited | None,
) -> Answers:
    """Why something is not published; a problem where an old session has nothing at all. What is
    alike is said once."""
    names: dict[tuple[str, str, bool], list[str]] = {}
    kind: SessionType | None = None
    for session in sessions:
        kind = session.session_type
        error = errors.get(session.grand_prix.slug)
        if error is None or error is refusal:
            continue
        is_pending = session.results_state == Event.ResultsState.PENDING
        instead = "nothing shows the pole yet" if is_pending else "what is saved stays"
        if session.grand_prix.slug in guessed:
            instead, is_pending = "the sprint's grid shows the pole meanwhile", False
        key = f"{error}; {instead}", error.advice, is_pending and session.is_overdue(task.now)
        names.setdefault(key, []).append(session.grand_prix.name)
    problems: list[Problem] = []
    notes: list[Problem] = []
    for (message, advice, is_loud), grands_prix in names.items():
        text = f"{message}: {', '.join(grands_prix)}"
        problem = Problem(text, task.season, session_type=kind, advice=advice)
        (problems if is_loud else notes).append(problem)
    return Answers(problems=tuple(problems), notes=tuple(notes))


def _gather_provisional(
    task: SeasonTask, source: Upstream, awaited: Sequence[Session], so_far: Answers
) -> Answers:
    """Provisional classifications of the sessions that are over and have none."""
    task.show_step(f"{task.season} {source.label}", PARTS[-1])
    entrants = _find_entrants(task, so_far)
    answers = so_far
    for session in awaited:
        kind, slug = session.session_type, session.grand_prix.slug
        outcome = partial(Outcome, source.name, kind, slug)
        query = Query(source.name, kind, (session,))
        try:
            answer = _fetch(task, source, query, session, entrants=entrants, fresh=True)
        except ResultsNotReady as error:
            problem = task.problem(f"not available yet, {error}", error, kind, slug)
            is_overdue = session.ends_at is not None and session.is_overdue(task.now)
            is_loud = is_overdue and not source.name.is_second
            said = Answers(problems=(problem,)) if is_loud else Answers(notes=(problem,))
            answers += said + Answers(outcomes=(outcome(expires_at=error.expires_at),))
        except (SourceUnavailable, BadSourceData) as error:
            problem = task.problem(str(error), error, kind, slug)
            said = Answers(problems=(problem,))
            if source.name.is_second:
                # Optional everywhere: what is published does not wait for it.
                said = Answers(notes=(problem,))
            answers += said + Answers(outcomes=(outcome(error=error),))
            if isinstance(error, SourceUnavailable):
                # The others would be answered alike.
                break
        else:
            answers = _put_in_place(task, source, session, answer, answers)
            answers += Answers(
                notes=task.note_each(answer.notices, kind),
                outcomes=(outcome(expires_at=answer.expires_at),),
            )
    return answers


def _put_in_place(
    task: SeasonTask,
    source: Upstream,
    session: Session,
    answer: SourceAnswer[Classification],
    answers: Answers,
) -> Answers:
    """A session has one classification in a run: in the place of a guess, or of the half-filled one
    that the other sources have so far."""
    worse = [one for one in _find_session(session, answers) if not _is_better(one, source.name)]
    kept = tuple(one for one in answers.classifications if one not in worse)
    answers = replace(answers, classifications=kept + answer.records)
    if not any(not (isinstance(one, ClassificationRecord) and one.is_provisional) for one in worse):
        return answers
    note = Problem(
        f"the published classification cannot be used yet, the one of {source.label} is",
        task.season,
        grand_prix=session.grand_prix.slug,
        session_type=session.session_type,
    )
    return answers + Answers(notes=(note,))
