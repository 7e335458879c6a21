"""A season's events and results as files: as rows for a spreadsheet, and whole for a program."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import StreamingHttpResponse

from ingestion.models import Event, Result
from ingestion.records import RESULT_FIELDS

EVENT_COLUMNS = (
    *("season", "round_number", "grand_prix", "name", "official_name", "country", "location"),
    *("session_type", "starts_at", "start_is_estimated", "utc_offset", "ends_at", "locks_at"),
    *("status", "schedule_source", "disputed_starts_at", "schedule_locked", "results_state"),
    *("results_revision", "results_source", "results_generated_at", "results_changed_at"),
    "results_locked",
)
NAMING = ("season", "round_number", "grand_prix", "session_type")

# What a spreadsheet takes for the beginning of a formula, full-width forms and leading line ends
# included (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001

Row = Mapping[str, Any]


def export_events_csv(year: int) -> StreamingHttpResponse:
    rows = Event.objects.for_season(year).values(*EVENT_COLUMNS)
    return _csv(f"f1-{year}-events.csv", EVENT_COLUMNS, rows)


def export_results_csv(year: int) -> StreamingHttpResponse:
    rows = (
        Result.objects.filter(event__season=year)
        .order_by("event__starts_at", "event_id", "order")
        .values(*(f"event__{name}" for name in NAMING), *RESULT_FIELDS)
    )
    named = ({name.removeprefix("event__"): value for name, value in row.items()} for row in rows)
    return _csv(f"f1-{year}-results.csv", (*NAMING, *RESULT_FIELDS), named)


def export_json(year: int) -> StreamingHttpResponse:
    """Each event with its classification in order."""
    events = Event.objects.for_season(year).with_classifications()
    response = StreamingHttpResponse(_json(year, events), content_type="application/json")
    return _as_file(response, f"f1-{year}.json")


def _csv(name: str, columns: Iterable[str], rows: Iterable[Row]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(
        _lines(list(columns), rows), content_type="text/csv; charset=utf-8"
    )
    return _as_file(response, name)


def _as_file(response: StreamingHttpResponse, name: str) -> StreamingHttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


class Echo:
    """A file for csv.writer, which hands back what `write` returns."""

    def write(self, line: str) -> str:
        return line


def _lines(columns: list[str], rows: Iterable[Row]) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([_cell(row[column]) for column in columns])


def _cell(value: Any) -> Any:
    """Instants as ISO 8601 in UTC, durations in seconds, text that no spreadsheet executes."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return format(Decimal(value // timedelta(microseconds=1)).scaleb(-6).normalize(), "f")
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def _json(year: int, events: Iterable[Event]) -> Iterator[str]:
    yield f'{{"season": {year}, "events": ['
    for number, event in enumerate(events):
        fields = {name: getattr(event, name) for name in EVENT_COLUMNS}
        fields["results"] = [
            {name: getattr(entry, name) for name in RESULT_FIELDS} for entry in event.classification
        ]
        yield ("," if number else "") + json.dumps(fields, cls=DjangoJSONEncoder)
    yield "]}"
