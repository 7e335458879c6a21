"""What the upstreams would report of what is saved: the records for `ingestion.save`."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ingestion.models import Event
from ingestion.records import (
    FIRST_SCHEDULE_FILE,
    CalendarRecord,
    GrandPrixRecord,
    RaceIdentity,
    SessionRecord,
    Source,
)
from ingestion.sessions import SessionType
from ingestion.testing.facts import FIELD, RACE_START, ROUND, SLOTS, Starter

# A session that moves by as much takes its weekend along.
A_DAY = timedelta(days=1)


def calendar_source(season: int) -> Source:
    return Source.SCHEDULE_FILE if season >= FIRST_SCHEDULE_FILE else Source.JOLPICA


def report_calendar(season: int, known_at: datetime) -> CalendarRecord:
    """The season's calendar as it is saved, reported again."""
    source = calendar_source(season)
    weekends: dict[str, list[Event]] = defaultdict(list)
    for event in Event.objects.for_season(season).exclude(status=Event.Status.CANCELLED):
        weekends[event.grand_prix].append(event)
    records = [_report_weekend(events, source, known_at) for events in weekends.values()]
    return CalendarRecord(season, source, known_at, tuple(filter(None, records)))


def _report_weekend(
    events: Sequence[Event], source: Source, known_at: datetime
) -> GrandPrixRecord | None:
    race = next((event for event in events if event.session_type == SessionType.RACE), None)
    if race is None or race.starts_at is None:
        # A calendar with a weekend that has no race day would be refused.
        return None
    return GrandPrixRecord(
        season=race.season,
        round_number=race.round_number,
        name=race.name,
        official_name=race.official_name,
        country=race.country,
        location=race.location,
        race_date=race.starts_at.date(),
        sessions=tuple(
            SessionRecord(
                SessionType(event.session_type),
                event.starts_at,
                source,
                generated_at=known_at,
                start_is_estimated=event.start_is_estimated,
                utc_offset=event.utc_offset,
                disputed_starts_at=event.disputed_starts_at,
            )
            for event in events
        ),
    )


def move_session(weekend: GrandPrixRecord, event: Event, by: timedelta) -> GrandPrixRecord:
    """The session alone, or by a day and more the weekend."""
    is_postponed = abs(by) >= A_DAY
    sessions = tuple(
        replace(session, starts_at=session.starts_at + by)
        if session.starts_at and (is_postponed or session.session_type == event.session_type)
        else session
        for session in weekend.sessions
    )
    race = next(one for one in sessions if one.session_type is SessionType.RACE)
    race_date = race.starts_at.date() if race.starts_at else weekend.race_date
    return replace(weekend, race_date=race_date, sessions=sessions)


def report_race(event: Event) -> RaceIdentity:
    race = Event.objects.filter(
        season=event.season, grand_prix=event.grand_prix, session_type=SessionType.RACE
    ).first()
    held_at = (race or event).starts_at or RACE_START
    return RaceIdentity(
        season=event.season,
        round_number=event.round_number or ROUND,
        name=event.name,
        race_date=held_at.date(),
        country=event.country,
        location=event.location,
    )


def read_field(event: Event) -> Sequence[Starter]:
    """Who drives in one session of a weekend drives in the others."""
    others = Event.objects.filter(
        season=event.season, grand_prix=event.grand_prix, results_revision__gt=0
    )
    known = others.first()
    if known is None:
        return FIELD
    return sorted(read_starters(known), key=lambda one: SLOTS.get(one.driver_id, len(FIELD)))


def read_starters(event: Event) -> list[Starter]:
    return [
        Starter(
            driver_id=row.driver_id,
            number=row.driver_number,
            code=row.driver_code,
            name=row.driver_name,
            constructor_id=row.constructor_id,
            constructor_name=row.constructor_name,
        )
        for row in event.classification
    ]
