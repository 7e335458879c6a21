"""Puts events and results through `ingestion.save`, as an ingest would."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Unpack

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Min
from django.test import TestCase

from ingestion.corrections import (
    Author,
    NewDriver,
    correct_classification,
    correct_start,
    replace_entrant,
    settle_results,
    withdraw_entrant,
)
from ingestion.models import Change, Event
from ingestion.records import ClassificationRecord, EntrantRecord, ResultRecord, Source
from ingestion.report import SaveReport
from ingestion.save import (
    SaveContext,
    find_persons,
    save_calendar,
    save_classifications,
    save_entrants,
    season_locked,
)
from ingestion.save.calendar import WRITTEN, Saving, plan_cancelled
from ingestion.save.rows import RowPlan, write
from ingestion.sessions import SessionType
from ingestion.testing.facts import (
    Starter,
    build_classification,
    build_entry,
    build_weekend,
    put_first,
)
from ingestion.testing.reports import (
    calendar_source,
    move_session,
    read_field,
    read_starters,
    report_calendar,
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

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# When things become known, where the test does not say; each after what was known before.
CALENDAR_BEFORE_RACE = timedelta(weeks=4)
CANCELLED_BEFORE_START = timedelta(weeks=1)
MOVED_BEFORE_START = timedelta(days=1)
RESULTS_AFTER_END = timedelta(minutes=30)
AMENDED_AFTER_RESULTS = timedelta(hours=2)
ENTERED_BEFORE_LOCK = timedelta(days=3)
A_DAY = timedelta(days=1)
A_MOMENT = timedelta(minutes=1)

# Who corrects, where the test does not say.
STEWARD = "steward"

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
        # A calendar is whole: what it does not list would be off it.
        calendar = report_calendar(weekend.season, context.now)
        others = [other for other in calendar.grands_prix if other.name != weekend.name]
        with self._signals_sent():
            save_calendar(replace(calendar, grands_prix=(*others, weekend)), context)
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
        context = _context(published_at, cause)
        field = put_first(drivers, read_field(current))
        return self._save(current, _classify(current, field, "", context.now), context)

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
        current = self._published_event(event, cause, session)
        amended_at = at or _after_all(current, current.results_changed_at, AMENDED_AFTER_RESULTS)
        context = _context(amended_at, cause)
        return self._save(current, _amend(current, drivers, disqualified, context.now), context)

    def settle(
        self,
        event: Event | None = None,
        *,
        at: datetime | None = None,
        person: "User | None" = None,
        **session: Unpack[SessionFacts],
    ) -> Change:
        current = self._published_event(event, "poll", session)
        context = _context(at or _after_all(current, current.results_changed_at, A_DAY), "poll")
        if not current.results_locked:
            same = ClassificationRecord(
                *(report_race(current), SessionType(current.session_type), Source.JOLPICA),
                generated_at=context.now,
                results=tuple(ResultRecord(**row.as_entry()) for row in current.classification),
            )
            return self._save(current, same, context)
        # What a person corrected stays so until a person says that it is final.
        author = _author(person, "No appeal was made", context.now)
        with self._news_of(current):
            settle_results(current, author, revision=current.results_revision)
        return _last_change(current)

    def correct(
        self,
        event: Event | None = None,
        *,
        drivers: Sequence[str] = (),
        disqualified: str = "",
        to: datetime | None = None,
        person: "User | None" = None,
        reason: str = "The stewards' decision",
        at: datetime | None = None,
        **session: Unpack[SessionFacts],
    ) -> Change:
        if to is not None:
            current = self._scheduled_event(event, "poll", session)
            moved_at = _after_all(current, current.starts_at, -MOVED_BEFORE_START)
            with self._news_of(current):
                correct_start(current, to, _author(person, reason, at or moved_at))
            return _last_change(current)
        current = self._published_event(event, "poll", session)
        corrected_at = at or _after_all(current, current.results_changed_at, AMENDED_AFTER_RESULTS)
        author = _author(person, reason, corrected_at)
        corrected = _amend(current, drivers, disqualified, author.now)
        with self._news_of(current):
            results = find_persons(current.season, corrected.results, author.now)
            correct_classification(current, results, author, revision=current.results_revision)
        return _last_change(current)

    def enter(
        self,
        event: Event | None = None,
        *,
        drivers: Sequence[str] = (),
        at: datetime | None = None,
        cause: str = "poll",
        **session: Unpack[SessionFacts],
    ) -> Change:
        current = self._scheduled_event(event, cause, session)
        field = read_field(current)
        chosen = put_first(drivers, field)[: len(drivers) or len(field)]
        context = _context(at or _in_its_week(current), cause)
        entries = [build_entry(place, one) for place, one in enumerate(chosen, start=1)]
        with self._news_of(current), transaction.atomic():
            listed = [
                EntrantRecord(
                    current.grand_prix,
                    Source.JOLPICA,
                    *(one.driver_id, one.driver_number, one.driver_code, one.driver_name),
                    *(one.constructor_id, one.constructor_name),
                )
                for one in find_persons(current.season, entries, context.now)
            ]
            save_entrants(current.season, context, listed)
        return _last_change(current)

    def withdraw(
        self,
        event: Event | None = None,
        *,
        driver: str = "",
        replaced_by: str = "",
        person: "User | None" = None,
        reason: str = "The team has changed its drivers",
        at: datetime | None = None,
        **session: Unpack[SessionFacts],
    ) -> Change:
        current = self._scheduled_event(event, "poll", session)
        if not current.entrants.exists():
            current = self.enter(current).event
        out = driver or current.entrants[0].driver_id
        author = _author(person, reason, at or _in_its_week(current))
        with self._news_of(current):
            if replaced_by:
                name = replaced_by.replace("_", " ").title()
                replace_entrant(current, out, NewDriver(replaced_by, name), author)
            else:
                withdraw_entrant(current, out, author)
        return current.changes.filter(kind=Change.Kind.WITHDRAWN).latest("pk")

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
        with self._news_of(current) as report, season_locked(current.season):
            saving = Saving(context, RowPlan(), report)
            # Not by way of a calendar: one without any grand prix is refused.
            for one in weekend.exclude(status=Event.Status.CANCELLED).filter(results_revision=0):
                plan_cancelled(one, context.now, saving)
            write(saving.plan, WRITTEN, context, stored=None)
        return _last_change(current)

    def _published_event(self, event: Event | None, cause: str, session: SessionFacts) -> Event:
        """The event as it is now, with a classification."""
        current = self._scheduled_event(event, cause, session)
        return current if current.has_results else self.publish(current, cause=cause).event

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

    def _save(
        self, event: Event, classification: ClassificationRecord, context: SaveContext
    ) -> Change:
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


def _classify(
    event: Event, starters: Sequence[Starter], disqualified: str, known_at: datetime
) -> ClassificationRecord:
    return build_classification(
        report_race(event),
        SessionType(event.session_type),
        starters,
        disqualified=disqualified,
        generated_at=known_at,
    )


def _amend(
    event: Event, drivers: Sequence[str], disqualified: str, known_at: datetime
) -> ClassificationRecord:
    """What is saved, with these drivers first; the winner is disqualified where none is named."""
    saved = read_starters(event)
    if not drivers and not disqualified:
        disqualified = saved[0].driver_id
    return _classify(event, put_first(drivers, saved), disqualified, known_at)


def _author(person: "User | None", reason: str, now: datetime) -> Author:
    """A steward where the test has no person of its own, whatever the project's model of people."""
    if person is None:
        model = get_user_model()
        name = {model.USERNAME_FIELD: STEWARD}
        people = model._default_manager  # noqa: SLF001 - documented by Django as public
        person = people.filter(**name).first() or people.create(**name)
    return Author(person, reason, now.astimezone(UTC))


def _in_its_week(event: Event) -> datetime:
    """A time within the week before the first lock of its weekend, when entrants are known."""
    weekend = Event.objects.filter(season=event.season, grand_prix=event.grand_prix)
    first = weekend.aggregate(first=Min("locks_at"))["first"]
    return _after_all(event, first, -ENTERED_BEFORE_LOCK)


def _after_all(event: Event, moment: datetime | None, later: timedelta) -> datetime:
    """So much after a moment, and after what the feed knows already."""
    known = _last_change(event).created_at + A_MOMENT
    return known if moment is None else max(known, moment + later)


def _last_change(event: Event) -> Change:
    return Change.objects.select_related("event").filter(event=event).latest("pk")
