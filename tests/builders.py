"""Records as the upstreams would give them, small and readable."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ingestion.models import Change
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    GrandPrixRecord,
    RaceIdentity,
    ResultRecord,
    SessionRecord,
    Source,
)
from ingestion.save import SaveContext
from ingestion.sessions import SessionType

SUNDAY = date(2024, 7, 28)
BEFORE = datetime(2024, 7, 1, tzinfo=UTC)
AFTER = datetime(2024, 8, 1, tzinfo=UTC)
DRIVERS = ("hamilton", "piastri", "leclerc", "max_verstappen", "norris")
# Teammates beside each other.
FIELD = (
    "hamilton", "russell", "piastri", "norris", "leclerc", "sainz", "max_verstappen", "perez",
    "alonso", "stroll", "ocon", "gasly", "ricciardo", "tsunoda", "albon", "sargeant",
    "kevin_magnussen", "hulkenberg", "bottas", "zhou",
)  # fmt: skip


def at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def context(now: datetime = BEFORE, cause: Change.Cause = Change.Cause.POLL) -> SaveContext:
    return SaveContext(run=None, cause=cause, now=now)


def grand_prix(
    name: str = "Belgian Grand Prix",
    sunday: date = SUNDAY,
    *,
    round_number: int = 14,
    **changes: Any,
) -> GrandPrixRecord:
    """A conventional weekend: qualifying on Saturday at 14:00, the race on Sunday at 13:00 UTC."""
    record = GrandPrixRecord(
        season=sunday.year,
        round_number=round_number,
        name=name,
        official_name=f"FORMULA 1 {name.upper()} {sunday.year}",
        country="Belgium",
        location="Spa-Francorchamps",
        race_date=sunday,
        sessions=(
            session(SessionType.QUALIFYING, at(sunday - timedelta(days=1), 14)),
            session(SessionType.RACE, at(sunday, 13)),
        ),
    )
    return replace(record, **changes)


def session(session_type: SessionType, starts_at: datetime | None, **changes: Any) -> SessionRecord:
    """As the schedule file has it, summer time in central Europe."""
    record = SessionRecord(
        session_type, starts_at, Source.SCHEDULE_FILE, BEFORE, utc_offset=timedelta(hours=2)
    )
    return replace(record, **changes)


def calendar(
    *grands_prix: GrandPrixRecord,
    source: Source = Source.SCHEDULE_FILE,
    season: int = 2024,
    generated_at: datetime | None = BEFORE,
) -> CalendarRecord:
    """The sessions are of the calendar's source and age, whatever they were."""
    told = (
        replace(weekend, sessions=tuple(_told_by(source, generated_at, weekend.sessions)))
        for weekend in grands_prix
    )
    return CalendarRecord(season, source, generated_at, tuple(told))


def jolpicas(*grands_prix: GrandPrixRecord, **changes: Any) -> CalendarRecord:
    """Jolpica's calendar: without official names, its sessions without the circuit's offset."""
    unofficial = (replace(weekend, official_name="") for weekend in grands_prix)
    return calendar(*unofficial, source=Source.JOLPICA, **changes)


def _told_by(
    source: Source, generated_at: datetime | None, sessions: Iterable[SessionRecord]
) -> Iterator[SessionRecord]:
    for told in sessions:
        offset = told.utc_offset if source is Source.SCHEDULE_FILE else None
        yield replace(told, source=source, generated_at=generated_at, utc_offset=offset)


def classification(
    session_type: SessionType = SessionType.RACE,
    drivers: Sequence[str] = DRIVERS,
    *,
    race: RaceIdentity | None = None,
    source: Source = Source.JOLPICA,
    generated_at: datetime | None = AFTER,
    results: Sequence[ResultRecord] | None = None,
) -> ClassificationRecord:
    return ClassificationRecord(
        race=race or race_identity(),
        session_type=session_type,
        source=source,
        generated_at=generated_at,
        results=tuple(results if results is not None else entries(drivers)),
    )


def race_identity(**changes: Any) -> RaceIdentity:
    record = RaceIdentity(
        season=2024,
        round_number=14,
        name="Belgian Grand Prix",
        race_date=SUNDAY,
        country="Belgium",
        location="Spa",
    )
    return replace(record, **changes)


def entries(drivers: Sequence[str] = DRIVERS, **changes: Any) -> list[ResultRecord]:
    """A field of twenty, these first; each keeps number and team whatever the order."""
    others = [driver for driver in FIELD if driver not in drivers]
    return [
        replace(
            ResultRecord(
                order=order,
                position=order,
                classification=str(order),
                driver_id=driver,
                driver_number=10 + FIELD.index(driver),
                driver_code=driver[:3].upper(),
                driver_name=driver.title(),
                constructor_id=f"team_{FIELD.index(driver) // 2}",
                constructor_name=f"Team {FIELD.index(driver) // 2}",
                points=Decimal(max(0, 26 - order)),
                status="Finished",
            ),
            **changes,
        )
        for order, driver in enumerate([*drivers, *others], start=1)
    ]


def timed_entries(drivers: Sequence[str] = DRIVERS) -> list[ResultRecord]:
    """A qualifying's: each a tenth of a second behind the one ahead, each part a second quicker."""
    laps = [timedelta(seconds=90 + entry.order / 10) for entry in entries(drivers)]
    return [
        replace(
            entry,
            q1=lap,
            q2=lap - timedelta(seconds=1) if entry.order <= 15 else None,
            q3=lap - timedelta(seconds=2) if entry.order <= 10 else None,
            points=None,
        )
        for entry, lap in zip(entries(drivers), laps, strict=True)
    ]
