"""What a person may do to an event's start, its picks and its place in the calendar."""

from datetime import UTC, datetime

from django.utils.translation import gettext as _

from ingestion.corrections.author import Author, corrected_event, refuse_cancelled
from ingestion.errors import WrongRequest
from ingestion.models import Change, Event, Poll
from ingestion.plausibility import is_in_season
from ingestion.records import Source
from ingestion.save import derive_fields
from ingestion.sessions import SessionType

# What a person may say of a session that is not cancelled.
STATUSES = (Event.Status.LIVE, Event.Status.COMPLETED)


def correct_start(event: Event, starts_at: datetime, author: Author) -> Event:
    """Set the start (aware, kept in UTC). The lock follows as with a calendar's start: one that
    has passed does not open again, see `reopen_picks`."""
    with corrected_event(event, author, Change.Kind.CORRECTED) as corrected:
        refuse_cancelled(corrected)
        at = _read_time(corrected, starts_at, about="starts_at")
        _set_start(corrected, at)
        corrected.schedule_locked = True
        derive_fields(corrected, at.date(), author.now)
    return corrected


def correct_status(event: Event, status: str, author: Author) -> Event:
    """Say that a session is on, or over, now; the times that decide it are set accordingly.

    `scheduled` takes back a void or a cancellation. To cancel, use `void_event`.
    """
    with corrected_event(event, author, Change.Kind.CORRECTED) as corrected:
        corrected.schedule_locked = True
        if status == Event.Status.SCHEDULED:
            if not corrected.is_cancelled:
                raise WrongRequest(_("the event is not cancelled; set its start instead"))
            corrected.status = Event.Status.SCHEDULED
            _restore_lock(corrected, author.now)
        elif status in STATUSES:
            refuse_cancelled(corrected)
            _set_times(corrected, status, author.now)
        else:
            raise WrongRequest(
                _("the status of an event cannot be set to '%(status)s'") % {"status": status},
                about="status",
            )
        corrected.status = corrected.phase(author.now)
    return corrected


def void_event(event: Event, author: Author) -> Event:
    """Cancel an event whatever the calendars say; its results and its history stay."""
    with corrected_event(event, author, Change.Kind.VOIDED) as voided:
        refuse_cancelled(voided)
        voided.status = Event.Status.CANCELLED
        voided.schedule_locked = True
    return voided


def reopen_picks(event: Event, author: Author, *, until: datetime | None = None) -> Event:
    """Open picks again until `until`, at the latest (and by default) until the start.

    The one way in which a lock that has passed moves later; what was made while picks were closed
    becomes in time.
    """
    with corrected_event(event, author, Change.Kind.CORRECTED) as reopened:
        refuse_cancelled(reopened)
        if reopened.has_results:
            raise WrongRequest(_("the event has results, its picks cannot be reopened"))
        # What the calendars alone would make of these starts closes picks earlier.
        is_unsure = reopened.disputed_starts_at is not None or reopened.start_is_estimated
        if until is not None or is_unsure:
            reopened.picks_until = (
                reopened.starts_at if until is None else _read_time(reopened, until, about="until")
            )
        closes = reopened.picks_until or reopened.starts_at
        if closes is None:
            raise WrongRequest(
                _("the event has no start, say until when its picks are open"), about="until"
            )
        if closes <= author.now:
            raise WrongRequest(
                _("%(time)s UTC has passed, picks cannot close then")
                % {"time": f"{closes:%Y-%m-%d %H:%M}"},
                about="until",
            )
        if reopened.starts_at is not None and closes > reopened.starts_at:
            raise WrongRequest(_("picks cannot stay open beyond the start"), about="until")
        reopened.locks_at = closes
    return reopened


def close_picks(event: Event, author: Author) -> Event:
    """Close open picks now, before the start; what was made until now stays in time. Neither a
    calendar nor a later start opens them again, see `reopen_picks`."""
    with corrected_event(event, author, Change.Kind.CORRECTED) as closed:
        refuse_cancelled(closed)
        if not closed.in_time(author.now):
            raise WrongRequest(_("the event's picks are closed already"))
        closed.locks_at = author.now
    return closed


def release_schedule(event: Event, author: Author) -> Event:
    """Give an event's start and status back to the calendars; the next ingest sets them."""
    with corrected_event(event, author, Change.Kind.RELEASED) as released:
        if not released.schedule_locked:
            raise WrongRequest(_("the event's schedule is not locked"))
        released.schedule_locked = False
        released.picks_until = None
        # An answer that was made before the correction may set the start again, too.
        released.schedule_generated_at = released.disputed_generated_at = None
        # Whichever calendar has the start, the next ingest reads it.
        Poll.objects.filter(season=released.season, event=None).update(digest="")
    return released


def _restore_lock(event: Event, now: datetime) -> None:
    """What was cancelled before its lock has none, and no calendar sets it while a person's status
    counts. What is in no calendar never had one."""
    if event.locks_at is not None or SessionType(event.session_type).is_unlisted(event.season):
        return
    of_weekend = Event.objects.filter(season=event.season, grand_prix=event.grand_prix)
    race = of_weekend.filter(session_type=SessionType.RACE).first()
    day = (race.starts_at if race is not None else None) or event.starts_at
    if day is not None:
        derive_fields(event, day.date(), now)


def _set_times(event: Event, status: str, now: datetime) -> None:
    if event.has_results:
        raise WrongRequest(_("the event has results, it is completed"))
    if event.starts_at is None or event.starts_at > now:
        if status == Event.Status.COMPLETED:
            raise WrongRequest(
                _("the event has not started yet; set its start first"), about="status"
            )
        _set_start(event, now)
        # Never later: a lock that has passed stays.
        event.locks_at = now if event.locks_at is None else min(event.locks_at, now)
    if status == Event.Status.COMPLETED:
        event.ends_at = now
    elif event.ends_at is None or event.ends_at <= now:
        event.ends_at = now + SessionType(event.session_type).kind.usual_duration


def _set_start(event: Event, at: datetime) -> None:
    event.starts_at, event.start_is_estimated, event.disputed_starts_at = at, False, None
    event.schedule_source = Source.PERSON.value


def _read_time(event: Event, at: datetime, *, about: str) -> datetime:
    """The time in UTC. Raises `WrongRequest` where it is not in the event's season."""
    if at.tzinfo is None:
        raise WrongRequest(_("the time needs a time zone"), about=about)
    if not is_in_season(event.season, at, event.utc_offset):
        raise WrongRequest(
            _("%(day)s is not in the season of %(season)s; check the date")
            % {"day": f"{at:%Y-%m-%d}", "season": event.season},
            about=about,
        )
    return at.astimezone(UTC)
