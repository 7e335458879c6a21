"""A season's starts and locks for people's calendar apps (RFC 5545), which a project mounts or not:

    path("calendar/<int:season>.ics", season_calendar),
    path("calendar.ics", season_calendar),  # of the current season

An app that subscribes requests it again and again. A session keeps its UID whatever happens to it:
moved or cancelled it is the same entry with a higher SEQUENCE. The same rows give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db.models import Count, Max
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from ingestion.models import Change, Event
from ingestion.sessions import SessionType

if TYPE_CHECKING:
    import icalendar

# When apps may look again. Starts have moved by hours on the day.
REFRESH = timedelta(hours=1)
CACHED_FOR = timedelta(minutes=5)

# The feed's entries about a session's place in the calendar.
OF_CALENDAR = (
    *(Change.Kind.SCHEDULED, Change.Kind.RESCHEDULED, Change.Kind.CANCELLED),
    *(Change.Kind.REINSTATED, Change.Kind.VOIDED, Change.Kind.CORRECTED, Change.Kind.DETAILS),
)
OF_RESULTS = ["classification", "details"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A session with how many entries of the feed its place in the calendar has, and when the last
    of them was made (UTC)."""

    event: Event
    sequence: int
    changed_at: datetime


@require_safe
def season_calendar(request: HttpRequest, season: int | None = None) -> HttpResponseBase:
    """A calendar for the public: what the calendars publish, and when picks close."""
    if season is None:
        season = Event.objects.current_season(timezone.now())
    sessions = read_sessions(season)
    if not sessions:
        raise Http404(f"no calendar of {season} is saved")
    content = write_calendar(season, sessions)
    changed_at = int(max(one.changed_at for one in sessions).timestamp())
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="f1-{season}.ics"'
    # Beside the time: two changes of one second have the same.
    response.headers["ETag"] = etag = f'"{sha256(content).hexdigest()[:32]}"'
    response.headers["Last-Modified"] = http_date(changed_at)
    patch_cache_control(response, public=True, max_age=int(CACHED_FOR.total_seconds()))
    conditional: HttpResponseBase | None = get_conditional_response(
        request, etag=etag, last_modified=changed_at, response=response
    )
    return conditional or response


def read_sessions(season: int) -> list[Listed]:
    """The sessions with a start, if only the day of it. Two queries, whatever the feed has."""
    changes = Change.objects.filter(event__season=season, kind__in=OF_CALENDAR).order_by()
    counted = changes.exclude(after__has_any_keys=OF_RESULTS).values_list("event")
    history = {
        event: (times, changed_at)
        for event, times, changed_at in counted.annotate(Count("pk"), Max("created_at"))
    }
    return [
        Listed(event, *history.get(event.pk, (0, event.created_at)))
        for event in Event.objects.for_season(season).exclude(starts_at=None)
    ]


def write_calendar(season: int, sessions: Sequence[Listed]) -> bytes:
    # Here and not above: each process reads the addresses, and few ever write a calendar.
    import icalendar

    name = f"Formula 1 {season}"
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//f1picks-ingestion//calendar of a season//EN")
    calendar.add("version", "2.0")
    # The names and intervals twice: as RFC 7986 has them, and as apps have long had them.
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", icalendar.vDuration(REFRESH))
    for one in sessions:
        calendar.add_component(_write_session(one))
        lock, start = one.event.locks_at, one.event.starts_at
        # An entry of its own where it is not the start: São Paulo 2024 was moved after its lock.
        if lock is not None and lock != start:
            label = SessionType(one.event.session_type).label
            entry = _begin_entry(one, "-lock", f"picks on the {label} close")
            entry.add("dtstart", lock.astimezone(UTC))
            calendar.add_component(entry)
    content: bytes = calendar.to_ical()
    return content


def _write_session(one: Listed) -> "icalendar.Event":
    event, start, end = one.event, one.event.starts_at, one.event.ends_at
    entry = _begin_entry(one, "", SessionType(event.session_type).label)
    if start is not None and event.start_is_estimated:
        entry.add("dtstart", start.astimezone(UTC).date())
    elif start is not None:
        entry.add("dtstart", start.astimezone(UTC))
        if end is not None and end > start:
            entry.add("dtend", end.astimezone(UTC))
    if event.locks_at is not None:
        is_start = event.locks_at == start
        closes = (
            "at the start" if is_start else f"on {event.locks_at.astimezone(UTC):%d %b %H:%M} UTC"
        )
        entry.add("description", f"Picks close {closes}.")
    return entry


def _begin_entry(one: Listed, suffix: str, summary: str) -> "icalendar.Event":
    import icalendar

    event = one.event
    entry = icalendar.Event()
    # Only what identifies the session: no round, no row's number, and no host that may change.
    identity = f"{event.season}-{event.grand_prix}-{event.session_type}{suffix}"
    entry.add("uid", f"{identity}@f1picks-ingestion")
    entry.add("sequence", one.sequence)
    entry.add("dtstamp", one.changed_at.astimezone(UTC))
    entry.add("last-modified", one.changed_at.astimezone(UTC))
    entry.add("summary", f"{event.name}: {summary}")
    place = ", ".join(filter(None, (event.location, event.country)))
    if place:
        entry.add("location", place)
    tentative = "TENTATIVE" if event.start_is_estimated else "CONFIRMED"
    entry.add("status", "CANCELLED" if event.is_cancelled else tentative)
    # It takes no time in a person's calendar.
    entry.add("transp", "TRANSPARENT")
    return entry
