"""Request the calendars of a season: the schedule file's and Jolpica's."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from ingestion.errors import BadSourceData, SourceRateLimited, SourceUnavailable
from ingestion.models import Poll
from ingestion.pipeline.picture import Answers, Outcome, SeasonTask
from ingestion.pipeline.plan import CALENDARS
from ingestion.pipeline.request import Calendars, Mode
from ingestion.records import CalendarRecord, Source
from ingestion.report import Problem
from ingestion.sources import Upstream

NOT_FOUND = 404
# Jolpica's calendar is read once a day beside the schedule file; a day's hours drift by a tick.
JOLPICA_CALENDAR_HOLDS = timedelta(hours=20)


def gather_calendars(task: SeasonTask, *, fresh: bool) -> Answers:
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
    message = "; ".join(str(outcome.error) for outcome in errors)
    if calendars:
        is_file = calendars[0].source is Source.SCHEDULE_FILE
        used = "the schedule file" if is_file else "Jolpica's calendar"
        message += f"; {used} was used alone"
    first = errors[0].error
    problem = task.problem(message, first) if first is not None else Problem(message, task.season)
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


def _is_enough(answers: Answers, jolpica: Upstream, task: SeasonTask) -> bool:
    """Where the file says what it said when Jolpica's calendar was read, within the day; and of a
    season that is not published yet that it is not."""
    if not answers.calendars:
        # In the season's own year Jolpica's may be out before the file.
        is_early = task.request.may_be_absent and task.now.year < task.season
        return is_early and all(map(_is_absence, answers.outcomes))
    polls = Poll.objects.filter(season=task.season, event=None, source=jolpica.name)
    poll = polls.exclude(digest="").filter(failures=0).first()
    if poll is None or poll.answered_at is None:
        return False
    # An answer of the future was noted by a clock that was ahead.
    is_recent = poll.answered_at <= task.now < poll.answered_at + JOLPICA_CALENDAR_HOLDS
    return is_recent and poll.digest == digest_calendar(answers.calendars[0])


def digest_calendar(calendar: CalendarRecord) -> str:
    """What a calendar says, whenever it was made: two that say the same have the same digest."""
    facts = [
        (replace(grand_prix, sessions=()), replace(session, generated_at=None))
        for grand_prix, session in calendar.sessions()
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _find_refusal(errors: Sequence[Outcome], task: SeasonTask) -> SourceRateLimited | None:
    """Jolpica's, which its results would share; of a season that is filled also the schedule
    file's, since its calendars are read once."""
    limits = {one.source: one.error for one in errors if isinstance(one.error, SourceRateLimited)}
    if not limits or not (Source.JOLPICA in limits or task.request.mode is Mode.FILL):
        return None
    refusals = list(limits.values())
    return SourceRateLimited(
        "; ".join(dict.fromkeys(str(one.error) for one in errors)),
        status=refusals[0].status,
        retry_at=max((one.retry_at for one in refusals if one.retry_at is not None), default=None),
    )


def _is_absence(outcome: Outcome) -> bool:
    """Whether the answer is that the season has not been published yet."""
    error = outcome.error
    return isinstance(error, BadSourceData) or (
        isinstance(error, SourceUnavailable) and error.status == NOT_FOUND
    )
