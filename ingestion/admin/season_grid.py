"""A season at a glance, in one query: its sessions with their leaders."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.db.models import F, FilteredRelation, Q
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _

from ingestion.admin.marks import PHASES, Mark, marks_of, with_marks
from ingestion.admin.times import print_own_time
from ingestion.amendments import picked_places, surname
from ingestion.models import KNOWN_BEFORE_LOCK, Event
from ingestion.sessions import SessionType

# Fewer columns than sessions: a weekend has no sprint, or a shortened Friday.
COLUMNS = tuple(SessionType)


# As the templates' filter `date` has them: with the names of the page's language.
DAY, DAY_AND_TIME = "D d M", "D d M H:i"

SINCE_BEFORE, UNTIL_AFTER = timedelta(days=5), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cell:
    """A session; `starts` is when, at the circuit and in UTC, as far as it is known."""

    event: Event
    label: str
    phase: Mark
    starts: Sequence[str]
    leaders: Sequence[str]
    marks: Sequence[Mark]


def read_season(year: int, saved: Sequence[int], now: datetime) -> dict[str, Any]:
    """What the season's template shows; of the seasons `saved` there is something."""
    cells = _read_cells(year, now)
    # Newest first; also the one that is shown, should it have nothing yet.
    seasons = sorted({year, *saved}, reverse=True)
    has_sprints = any(cell.event.session_type == SessionType.SPRINT for cell in cells)
    columns = [kind for kind in COLUMNS if has_sprints or not kind.kind.is_of_sprint_weekends]
    rows = list(_build_rows(cells, columns))
    held = [
        (start, cell)
        for cell in cells
        if (start := cell.event.starts_at) is not None and not cell.event.is_cancelled
    ]
    coming = next((cell for start, cell in held if start > now), None)
    return {
        "year": year,
        "seasons": seasons,
        "earlier": max((season for season in seasons if season < year), default=None),
        "later": min((season for season in seasons if season > year), default=None),
        "columns": [_(kind.label) for kind in columns],
        "rows": rows,
        "weekend": _find_weekend(rows, now),
        "latest": next((cell for start, cell in reversed(held) if start <= now), None),
        "next_session": coming,
        "has_entrants": coming is not None
        and coming.event.locks_at is not None
        and coming.event.locks_at <= now + KNOWN_BEFORE_LOCK,
    }


def _read_cells(year: int, now: datetime) -> list[Cell]:
    """One query: a row for each of a session's leaders, or one without any."""
    joined = with_marks(Event.objects.for_season(year), now).annotate(
        leader=FilteredRelation("results", condition=Q(results__order__lte=3)),
        leader_order=F("leader__order"),
        leader_id=F("leader__driver_id"),
        leader_name=F("leader__driver_name"),
    )
    sessions: dict[int, list[Any]] = defaultdict(list)
    for row in joined:
        sessions[row.pk].append(row)
    cells = []
    for rows in sessions.values():
        event: Event = rows[0]
        places = picked_places(event.session_type)
        # Without a leader the join has a row all the same.
        leaders = [row for row in rows if row.leader_order and row.leader_order <= places]
        leaders.sort(key=attrgetter("leader_order"))
        cells.append(
            Cell(
                event=event,
                label=event.get_session_type_display(),
                phase=PHASES[event.phase(now)],
                starts=_starts(event),
                leaders=[surname({"driver_name": row.leader_name}) for row in leaders],
                marks=marks_of(event, [row.leader_id for row in leaders]),
            )
        )
    return cells


def _starts(event: Event) -> list[str]:
    starts_at = event.starts_at
    if starts_at is None:
        return [_("start unknown")]
    if event.start_is_estimated:
        return [date_format(starts_at, DAY), _("time unknown")]
    in_utc = f"{date_format(starts_at, DAY_AND_TIME)} UTC"
    own = list(filter(None, [print_own_time(starts_at)]))
    if event.utc_offset is None:
        return [in_utc, *own]
    there = starts_at + event.utc_offset
    is_same_day = there.date() == starts_at.date()
    at_circuit = _("%(time)s there") % {"time": date_format(there, DAY_AND_TIME)}
    return [
        at_circuit,
        f"{starts_at:%H:%M} UTC" if is_same_day else in_utc,
        *own,
    ]


def _build_rows(cells: Iterable[Cell], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One for each grand prix, in the order of the races; one that was cancelled is where it would
    have been."""
    weekends: dict[str, dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        weekends[cell.event.grand_prix][cell.event.session_type] = cell
    for weekend in weekends.values():
        event = weekend.get(SessionType.RACE, next(iter(weekend.values()))).event
        yield {
            "grand_prix": event.grand_prix,
            "round_number": event.round_number,
            "full_name": event.name,
            "name": event.name.removesuffix(" Grand Prix"),
            "place": event.location or event.country,
            "cells": [weekend.get(kind) for kind in columns],
        }


def _find_weekend(rows: Sequence[dict[str, Any]], now: datetime) -> dict[str, Any] | None:
    """The row of the grand prix that is on, else of the next one; None of a season that is over.
    One is on from the Wednesday before its race until a day after its end, when results come in."""
    for row in rows:
        ends = [cell.event.ends_at for cell in row["cells"] if cell and not cell.event.is_cancelled]
        end = max(filter(None, ends), default=None)
        if end is not None and now < end + UNTIL_AFTER:
            is_on = end - SINCE_BEFORE <= now
            return {**row, "when": _("This weekend") if is_on else _("The next grand prix")}
    return None
