"""Ask for the calendars of a season: the schedule file, and Jolpica's with it."""

from collections.abc import Callable

from ingestion import fetch, transform
from ingestion.errors import BadSourceData, IngestionError, SourceUnavailable
from ingestion.pipeline.season import Gathered, SeasonRun
from ingestion.records import FIRST_SCHEDULE_FILE, CalendarRecord, Source

NOT_FOUND = 404


def gather_calendars(gathered: Gathered, run: SeasonRun) -> None:
    """The schedule file first, where the season has one, and Jolpica's calendar with it."""
    fresh = run.request.refresh or gathered.is_live
    asks = [ask_jolpicas_calendar]
    if run.season >= FIRST_SCHEDULE_FILE:
        asks = (
            [ask_schedule_file] if run.request.schedule_file_alone else [ask_schedule_file, *asks]
        )
    errors: list[IngestionError] = []
    for ask in asks:
        try:
            gathered.calendars.append(ask(run, fresh=fresh))
        except (SourceUnavailable, BadSourceData) as error:
            errors.append(error)
    gathered.answers += len(gathered.calendars)
    gathered.has_all_calendars = not (errors or run.request.schedule_file_alone)
    gathered.calendar_error = next(iter(errors), None)
    if errors:
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
    answer = fetch.fetch_schedule(run.upstream, run.season, fresh=fresh)
    return _read(answer, transform.read_schedule, run.season)


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
