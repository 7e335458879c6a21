"""Ask for the calendars of a season: the schedule file, and Jolpica's with it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from ingestion import fetch, transform
from ingestion.errors import (
    BadSourceData,
    IngestionError,
    SourceRateLimited,
    SourceUnavailable,
)
from ingestion.models import Poll
from ingestion.pipeline.season import Gathered, SeasonRun
from ingestion.plausibility import check_calendar
from ingestion.records import FIRST_SCHEDULE_FILE, CalendarRecord, Source

NOT_FOUND = 404
# The second calendar is read once a day; its hours drift by a tick.
SECOND_SPARED = timedelta(hours=20)

Ask = Callable[..., CalendarRecord]


def gather_calendars(gathered: Gathered, run: SeasonRun) -> None:
    """The schedule file first, where the season has one, and Jolpica's calendar with it."""
    asks = all_of_them = _choose(gathered, run)
    told: dict[Ask, CalendarRecord] = {}
    errors: dict[Ask, IngestionError] = {}
    if run.request.spares_second_calendar and ask_schedule_file in asks:
        _ask_each([ask_schedule_file], told, errors, gathered, run)
        if _is_enough(told.get(ask_schedule_file), errors.get(ask_schedule_file), run):
            asks = [ask_schedule_file]
    _ask_each([ask for ask in asks if ask not in {*told, *errors}], told, errors, gathered, run)
    calendars = list(told.values())
    gathered.calendar_error = next(iter(errors.values()), None)
    is_in_vain = gathered.fills_gaps or not calendars
    gathered.refusal = _find_refusal(errors, gathered) if is_in_vain else None
    if gathered.refusal is not None:
        return
    gathered.calendars = sorted(calendars, key=lambda one: one.source is Source.JOLPICA)
    gathered.answers += len(calendars)
    gathered.has_all_calendars = len(told) == len(all_of_them)
    if errors:
        _report(list(errors.values()), gathered, run)


def _ask_each(
    asks: Sequence[Ask],
    told: dict[Ask, CalendarRecord],
    errors: dict[Ask, IngestionError],
    gathered: Gathered,
    run: SeasonRun,
) -> None:
    fresh = run.request.refresh or gathered.is_live
    with run.upstream.block(len(asks)):
        for ask in asks:
            try:
                told[ask] = ask(run, fresh=fresh)
            except (SourceUnavailable, BadSourceData) as error:
                errors[ask] = error
                if gathered.fills_gaps and isinstance(error, SourceRateLimited):
                    break


def _is_enough(
    calendar: CalendarRecord | None, error: IngestionError | None, run: SeasonRun
) -> bool:
    """Where the file says what it said when both calendars were read, within the day; and of a
    season that is not published yet that it is not."""
    if error is not None and run.request.may_be_absent and _is_absence(error):
        return True
    kept = Poll.objects.filter(season=run.season, event=None).first()
    if calendar is None or kept is None or kept.both_read_at is None:
        return False
    is_recent = run.now < kept.both_read_at + SECOND_SPARED
    return is_recent and kept.file_digest == digest_of(calendar)


def digest_of(calendar: CalendarRecord) -> str:
    """Alike for what says the same, whenever it was made."""
    facts = [
        (replace(grand_prix, sessions=()), replace(session, generated_at=None))
        for grand_prix, session in calendar.sessions()
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _choose(gathered: Gathered, run: SeasonRun) -> list[Ask]:
    if run.season < FIRST_SCHEDULE_FILE:
        return [ask_jolpicas_calendar]
    if gathered.fills_gaps:
        # It is the one that may be refused: the file is then not asked for in vain.
        return [ask_jolpicas_calendar, ask_schedule_file]
    return [ask_schedule_file, ask_jolpicas_calendar]


def _find_refusal(
    errors: Mapping[Ask, IngestionError], gathered: Gathered
) -> SourceRateLimited | None:
    """Jolpica's, which its results would share; of a season that is over also the schedule file's,
    since its calendars are read once."""
    refusals = [error for error in errors.values() if isinstance(error, SourceRateLimited)]
    is_jolpicas = errors.get(ask_jolpicas_calendar) in refusals
    if not refusals or not (is_jolpicas or gathered.fills_gaps):
        return None
    times = [refusal.retry_at for refusal in refusals if refusal.retry_at is not None]
    return SourceRateLimited(
        "; ".join(dict.fromkeys(str(error) for error in errors.values())),
        status=refusals[0].status,
        retry_at=max(times, default=None),
    )


def _report(errors: Sequence[IngestionError], gathered: Gathered, run: SeasonRun) -> None:
    message = "; ".join(str(error) for error in errors)
    if gathered.calendars:
        message += f"; {_printed(gathered.calendars[0].source)} was used alone"
    is_absent = run.request.may_be_absent and all(map(_is_absence, errors))
    place = gathered.notes if is_absent else gathered.problems
    place.append(run.problem(message, errors[0]))


def _is_absence(error: IngestionError) -> bool:
    """Of a season that nobody has published yet."""
    return isinstance(error, BadSourceData) or (
        isinstance(error, SourceUnavailable) and error.status == NOT_FOUND
    )


def ask_schedule_file(run: SeasonRun, *, fresh: bool) -> CalendarRecord:
    """One that cannot be true is none: what to ask for must not hang on it, nor must Jolpica's
    calendar be lost with it."""
    answer = fetch.fetch_schedule(run.upstream, run.season, fresh=fresh)
    calendar = _read(answer, transform.read_schedule, run.season)
    try:
        check_calendar(calendar)
    except BadSourceData as error:
        fetch.forget(answer)
        raise BadSourceData(f"the schedule file of {run.season} was refused: {error}") from error
    return calendar


def ask_jolpicas_calendar(run: SeasonRun, *, fresh: bool) -> CalendarRecord:
    answer = fetch.fetch_calendar(run.upstream, run.season, fresh=fresh)
    calendar = _read(answer, transform.read_calendar, run.season)
    if not calendar.grands_prix:
        raise BadSourceData(f"Jolpica has no calendar of {run.season}")
    return calendar


def _printed(source: Source) -> str:
    return "the schedule file" if source is Source.SCHEDULE_FILE else "Jolpica's calendar"


def _read(answer: fetch.Answer, read: Callable[..., CalendarRecord], season: int) -> CalendarRecord:
    """Frames to records; an answer that makes no sense must not come from the cache again."""
    try:
        return read(answer.content, season, answer.generated_at)
    except BadSourceData:
        fetch.forget(answer)
        raise
