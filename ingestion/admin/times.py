"""Instants on the admin's pages: in UTC, and beside it in the zone that the operator chose once.

The choice is a cookie of the browser, since people share accounts and travel. `within_zone` holds
it for as long as a page is made, so that columns and sentences need not be given the request.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

COOKIE = "f1_zone"
KEPT_FOR = timedelta(days=365)
LONGEST_ZONE = 64
# As sentences have them: `story.print_instant`, and the alarms' texts, which are stored.
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)(:\d\d)? UTC")

_zone: ContextVar[ZoneInfo | None] = ContextVar("f1_zone", default=None)


def list_zones() -> list[str]:
    """The zones of places; the others of the database are offsets and old names."""
    regions = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return sorted(name for name in available_timezones() if name.partition("/")[0] in regions)


def read_zone(name: str) -> ZoneInfo | None:
    """None where it is none of a place: an address or a cookie may have any text."""
    if not re.fullmatch(r"[A-Za-z]+(/[A-Za-z_+-]+)+", name) or len(name) > LONGEST_ZONE:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


@contextmanager
def within_zone(request: HttpRequest) -> Iterator[None]:
    """The operator's own zone, until the page is rendered."""
    token = _zone.set(read_zone(request.COOKIES.get(COOKIE, "")))
    try:
        yield
    finally:
        _zone.reset(token)


def own_zone() -> ZoneInfo | None:
    """The zone of the person whom the page is made for; None where UTC is enough."""
    return _zone.get()


def remember_zone(response: HttpResponseBase, zone: ZoneInfo | None) -> None:
    if zone is None:
        response.delete_cookie(COOKIE, path=settings.SESSION_COOKIE_PATH)
        return
    response.set_cookie(
        COOKIE,
        zone.key,
        max_age=KEPT_FOR,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def name_zone(zone: ZoneInfo) -> str:
    """Its city: abbreviations are ambiguous, and half of the world's zones have none."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def print_own_time(at: datetime) -> str:
    """'15:00 Berlin', with the date where it is another one than in UTC; '' without a zone."""
    zone = own_zone()
    if zone is None:
        return ""
    own = at.astimezone(zone)
    is_same_day = own.date() == at.astimezone(UTC).date()
    printed = f"{own:%H:%M}" if is_same_day else f"{own:%Y-%m-%d %H:%M}"
    return f"{printed} {name_zone(zone)}"


def show_instant(at: datetime | None) -> SafeString:
    """'2024-07-28 13:00 UTC (15:00 Berlin)' as HTML; nothing where there is none."""
    return SafeString() if at is None else _show(at, f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")


def show_instants(text: str) -> SafeString:
    """A sentence as HTML, with the own time beside each instant in it."""

    def add_own(match: re.Match[str]) -> str:
        try:
            at = datetime.strptime(match[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        except ValueError:
            # A reason may say the 31st of February.
            return match[0]
        return str(_show(at, match[0]))

    return mark_safe(INSTANT.sub(add_own, escape(text)))  # noqa: S308 - escaped before


def _show(at: datetime, in_utc: str) -> SafeString:
    shown = format_html(
        '<time datetime="{}">{}</time>', f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}", in_utc
    )
    own = print_own_time(at)
    return format_html('{} <span class="f1-own">({})</span>', shown, own) if own else shown
