"""A season's events and results as files: as rows for a spreadsheet, and whole for a program."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse

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


def export_events_csv(year: int) -> HttpResponse:
    rows = Event.objects.for_season(year).values(*EVENT_COLUMNS)
    return _csv(f"f1-{year}-events.csv", EVENT_COLUMNS, rows)


def export_results_csv(year: int) -> HttpResponse:
    rows = (
        Result.objects.filter(event__season=year)
        # By the key too: the qualifyings of 1994 to 2005 have no start.
        .order_by("event__starts_at", "event_id", "order")
        .values(*(f"event__{name}" for name in NAMING), *RESULT_FIELDS)
    )
    named = ({name.removeprefix("event__"): value for name, value in row.items()} for row in rows)
    return _csv(f"f1-{year}-results.csv", (*NAMING, *RESULT_FIELDS), named)


def export_json(year: int) -> HttpResponse:
    """All events of the season, each with its classification in order."""
    events = [
        {
            **{name: getattr(event, name) for name in EVENT_COLUMNS},
            "results": [entry.as_entry() for entry in event.classification],
        }
        for event in Event.objects.for_season(year).with_classifications()
    ]
    content = json.dumps({"season": year, "events": events}, cls=DjangoJSONEncoder)
    return _as_file(content, f"f1-{year}.json", "application/json")


def _csv(name: str, columns: Sequence[str], rows: Iterable[Row]) -> HttpResponse:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return _as_file(file.getvalue(), name, "text/csv; charset=utf-8")


def _as_file(content: str, name: str, content_type: str) -> HttpResponse:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=disposition)


def _cell(value: Any) -> Any:
    """Instants as ISO 8601 in UTC, durations in seconds, text that no spreadsheet executes."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return format(Decimal(value // timedelta(microseconds=1)).scaleb(-6).normalize(), "f")
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
