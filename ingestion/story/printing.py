"""Instants and sources as people read them."""

from datetime import datetime

from django.db.models import TextChoices
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from ingestion.records import Source

# The sources whose names are translated; the others are called the same in any language.
SOURCES = (
    gettext_noop("the schedule file"),
    gettext_noop("Jolpica's newer form"),
    gettext_noop("Jolpica's dump"),
    gettext_noop("the sprint's grid"),
    gettext_noop("live timing"),
    gettext_noop("a person"),
)


def print_source(source: str) -> str:
    label = next((known.label for known in Source if known == source), source)
    return _(label) if label in SOURCES else label


def print_origin(source: str) -> str:
    known = next((known for known in Source if known == source), None)
    return known.origin if known is not None and known.is_second else print_source(source)


def print_choice(choices: type[TextChoices], value: str) -> str:
    return str(choices(value).label) if value in choices.values else str(value)


def print_instant(value: datetime | str) -> str:
    """In UTC; an entry of the feed has its instants as JSON once it was read from there."""
    at = parse_datetime(value) if isinstance(value, str) else value
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else str(value)


def print_start(starts_at: datetime | str | None, *, is_estimated: bool) -> str:
    if starts_at is None:
        return _("unknown")
    if is_estimated:
        return _("%(at)s at an unknown time") % {"at": print_instant(starts_at)[:10]}
    return print_instant(starts_at)
