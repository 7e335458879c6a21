"""Puts events and results through `ingestion.save`, as an ingest would."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Unpack

from django.db import connection, transaction
from django.test import TestCase

from ingestion.models import Change, Event
from ingestion.report import SaveReport
from ingestion.save import SaveContext, change_event, save_calendar, save_classifications
from ingestion.sessions import SessionType
from ingestion.testing.facts import Entrant, build_classification, build_weekend, put_first
from ingestion.testing.reports import (
    calendar_source,
    move_session,
    read_entrants,
    read_field,
    report_calendar,
    report_calendar_with,
    report_race,
)
from ingestion.testing.sessions import (
    SessionFacts,
    describe_session,
    find_session,
    grand_prix_of,
    race_start_of,
    round_number_of,
    season_of,
    session_type_of,
)

# When things become known, where the test does not say; each after what was known before.
CALENDAR_BEFORE_RACE = timedelta(weeks=4)
CANCELLED_BEFORE_START = timedelta(weeks=1)
MOVED_BEFORE_START = timedelta(days=1)
RESULTS_AFTER_END = timedelta(minutes=30)
AMENDED_AFTER_RESULTS = timedelta(hours=2)
A_MOMENT = timedelta(minutes=1)

# Miami 2026, on the day.
THREE_HOURS_EARLIER = timedelta(hours=-3)


@dataclass(frozen=True, slots=True)
class SeasonFeed:
    """`is_held` where the test's own transaction keeps commits, and so the signals, back."""

    is_held: bool

    def schedule(
        self, *, at: datetime | None = None, cause: str = "poll", **session: Unpack[SessionFacts]
    ) -> Change:
        if find_session(session) is not None:
            raise ValueError(f"{describe_session(session)} is on the calendar already")
        race_start = race_start_of(session)
        context = _context(at or race_start - CALENDAR_BEFORE_RACE, cause)
        weekend = build_weekend(
            grand_prix_of(session),
            race_start,
            session_type_of(session),
            season=season_of(session),
            round_number=round_number_of(session),
            source=calendar_source(season_of(session)),
            known_at=context.now,
        )
        with self._signals_sent():
            save_calendar(report_calendar_with(weekend, context.now), context)
        event = find_session(session)
        if event is None:
            raise ValueError(f"{describe_session(session)} was not saved")
        return _last_change(event)

    def publish(
        self,
        event: Event | None = None,
        *,
        drivers: Sequence[str] = (),
        at: datetime | None = None,
        cause: str = "poll",
        **session: Unpack[SessionFacts],
    ) -> Change:
        current = self._scheduled_event(event, cause, session)
        if current.has_results:
            raise ValueError(f"{current} is published already, amend it")
        published_at = at or _after_all(current, current.ends_at, RESULTS_AFTER_END)
        entrants = put_first(drivers, read_field(current))
        return self._classify(current, entrants, "", _context(published_at, cause))

    def amend(
        self,
        event: Event | None = None,
        *,
        drivers: Sequence[str] = (),
        disqualified: str = "",
        at: datetime | None = None,
        cause: str = "poll",
        **session: Unpack[SessionFacts],
    ) -> Change:
        current = self._scheduled_event(event, cause, session)
        if not current.has_results:
            current = self.publish(current, cause=cause).event
        saved = read_entrants(current)
        if not drivers and not disqualified:
            disqualified = saved[0].driver_id
        amended_at = at or _after_all(current, current.results_changed_at, AMENDED_AFTER_RESULTS)
        return self._classify(
            current, put_first(drivers, saved), disqualified, _context(amended_at, cause)
        )

    def reschedule(
        self,
        event: Event | None = None,
        *,
        to: datetime | None = None,
        by: timedelta = THREE_HOURS_EARLIER,
        at: datetime | None = None,
        cause: str = "poll",
        **session: Unpack[SessionFacts],
    ) -> Change:
        current = self._scheduled_event(event, cause, session)
        if current.starts_at is None or current.is_cancelled:
            raise ValueError(f"{current} has no start that could move")
        if to is not None:
            by = to - current.starts_at
        context = _context(at or _after_all(current, current.starts_at, -MOVED_BEFORE_START), cause)
        calendar = report_calendar(current.season, context.now)
        moved = [
            move_session(weekend, current, by) if weekend.name == current.name else weekend
            for weekend in calendar.grands_prix
        ]
        with self._news_of(current) as report:
            report.add(save_calendar(replace(calendar, grands_prix=tuple(moved)), context))
        return _last_change(current)

    def cancel(
        self,
        event: Event | None = None,
        *,
        at: datetime | None = None,
        cause: str = "poll",
        **session: Unpack[SessionFacts],
    ) -> Change:
        current = self._scheduled_event(event, cause, session)
        if current.has_results:
            raise ValueError(f"{current} has results; a person may void it, see corrections")
        context = _context(
            at or _after_all(current, current.starts_at, -CANCELLED_BEFORE_START), cause
        )
        weekend = Event.objects.filter(season=current.season, grand_prix=current.grand_prix)
        with self._news_of(current), transaction.atomic():
            # Not by way of a calendar: one without any grand prix is refused.
            for one in weekend.exclude(status=Event.Status.CANCELLED).filter(results_revision=0):
                with change_event(one, Change.Kind.CANCELLED, context) as cancelled:
                    cancelled.status = Event.Status.CANCELLED
                    cancelled.round_number = None
                    cancelled.schedule_generated_at = context.now
        return _last_change(current)

    def _scheduled_event(self, event: Event | None, cause: str, session: SessionFacts) -> Event:
        """The event as it is now; it is put on the calendar where it is not there."""
        if event is not None:
            return Event.objects.get(pk=event.pk)
        found = find_session(session)
        if found is None:
            return self.schedule(cause=cause, **session).event
        if "starts_at" in session and session["starts_at"] != found.starts_at:
            raise ValueError(f"{found} is on the calendar at {found.starts_at}, reschedule it")
        return found

    def _classify(
        self, event: Event, entrants: Sequence[Entrant], disqualified: str, context: SaveContext
    ) -> Change:
        classification = build_classification(
            report_race(event),
            SessionType(event.session_type),
            entrants,
            disqualified=disqualified,
            generated_at=context.now,
        )
        with self._news_of(event) as report:
            report.add(save_classifications([classification], context))
        return _last_change(event)

    @contextmanager
    def _news_of(self, event: Event) -> Iterator[SaveReport]:
        """What is saved within has to be news of the event."""
        known = _last_change(event).pk
        report = SaveReport()
        with self._signals_sent():
            yield report
        if _last_change(event).pk == known:
            why = "; ".join(map(str, [*report.problems, *report.notes])) or "it is so already"
            raise ValueError(f"nothing changed: {why}")

    @contextmanager
    def _signals_sent(self) -> Iterator[None]:
        """A test's transaction is never committed, and what waits for that is called instead."""
        if not self.is_held:
            yield
            return
        waiting = len(connection.run_on_commit)
        with TestCase.captureOnCommitCallbacks(execute=True):
            yield
        # Called: a test that captures them too shall not call them again.
        del connection.run_on_commit[waiting:]


def _context(now: datetime, cause: str) -> SaveContext:
    return SaveContext(None, Change.Cause(cause), now.astimezone(UTC))


def _after_all(event: Event, moment: datetime | None, later: timedelta) -> datetime:
    """So much after a moment, and after what the feed knows already."""
    known = _last_change(event).created_at + A_MOMENT
    return known if moment is None else max(known, moment + later)


def _last_change(event: Event) -> Change:
    return Change.objects.select_related("event").filter(event=event).latest("pk")
