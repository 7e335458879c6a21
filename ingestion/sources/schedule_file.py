"""The schedule file of FastF1's own repository: the calendar of a season since 2018."""

from ingestion import fetch, records, transform
from ingestion.errors import BadSourceData
from ingestion.plausibility import check_calendar
from ingestion.records import FIRST_SCHEDULE_FILE, CalendarRecord
from ingestion.sources.protocol import Source, SourceAnswer


class ScheduleFile(Source):
    name = records.Source.SCHEDULE_FILE
    label = "the schedule file"

    def __init__(self, upstream: fetch.Upstream) -> None:
        self._upstream = upstream

    def offers_calendar(self, season: int) -> bool:
        return season >= FIRST_SCHEDULE_FILE

    def fetch_calendar(self, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
        answer = fetch.fetch_schedule(self._upstream, season, fresh=fresh)
        try:
            calendar = transform.read_schedule(answer.content, season, answer.generated_at)
        except BadSourceData:
            fetch.forget(answer)
            raise
        try:
            check_calendar(calendar)
        except BadSourceData as error:
            fetch.forget(answer)
            raise BadSourceData(f"the schedule file of {season} was refused: {error}") from error
        return SourceAnswer((calendar,), answer.generated_at, answer.expires_at)
