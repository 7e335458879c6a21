"""Rows of django-q2's table of schedules that it cannot read; one of them would stop all others."""

import ast
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django_q.models import Schedule

# The functions of this app's own schedules begin so.
OWN_TASKS = "ingestion.queue.tasks."


def find_unreadable_rows(rows: Iterable[Schedule], now: datetime) -> Iterator[tuple[Schedule, str]]:
    """The rows that the library cannot read, with what is wrong with each."""
    for row in rows:
        if problem := explain_row(row, now):
            yield row, problem


def explain_row(row: Schedule, now: datetime) -> str:
    """Why django-q2 would fail on this row, '' where it would not. The values themselves may be
    secrets of another app and are left out."""
    try:
        if row.args:
            ast.literal_eval(row.args)
    except Exception:  # noqa: BLE001 - whatever the parser raises, down to RecursionError
        return _("its arguments cannot be read")
    if not _are_keywords(row.kwargs or ""):
        return _("its keyword arguments cannot be read")
    if row.schedule_type == Schedule.ONCE:
        return ""
    try:
        row.calculate_next_run(now)
    except Exception:  # noqa: BLE001 - of croniter too, and of dates that overflow
        of = (
            (_(" of cron '%(cron)s'") % {"cron": row.cron})
            if row.schedule_type == Schedule.CRON
            else ""
        )
        return _("its next run%(of)s cannot be computed") % {"of": of}
    return ""


def _are_keywords(text: str) -> bool:
    """As django-q2 reads them: a dictionary, else keywords, else none at all, which it accepts."""
    try:
        kwargs: Any = ast.literal_eval(text or "{}")
    except (SyntaxError, ValueError):
        try:
            body = ast.parse(f"f({text})").body[0]
        except (SyntaxError, ValueError):
            return True
        return isinstance(body, ast.Expr) and isinstance(body.value, ast.Call)
    except Exception:  # noqa: BLE001 - MemoryError, RecursionError, TypeError
        return False
    return isinstance(kwargs, dict) and isinstance(kwargs.get("q_options", {}), dict)
