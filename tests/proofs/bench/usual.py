"""The way that most tools do it, as lean as it can be written: FastF1 session by session, and what
is there deleted and inserted anew. Written for the benchmark; FastF1's cache and limits are in use.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import fastf1
import pandas as pd
from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from ingestion.models import Driver, DriverKey, Event, Result
from ingestion.records import Source
from ingestion.sample.upstream import SCHEDULE_PATH
from ingestion.sessions import SessionType

KINDS = {
    "Qualifying": SessionType.QUALIFYING,
    "Sprint Qualifying": SessionType.SPRINT_QUALIFYING,
    "Sprint": SessionType.SPRINT,
    "Race": SessionType.RACE,
}
SESSIONS = range(1, 6)


def connect() -> None:
    """FastF1 asking the stand-in that the settings name, its live timing included."""
    live_timing = settings.F1_SCHEDULE_URL.removesuffix(SCHEDULE_PATH)
    for module, name, url in (
        ("fastf1.events", "_SCHEDULE_BASE_URL", settings.F1_SCHEDULE_URL),
        ("fastf1.ergast.interface", "BASE_URL", settings.JOLPICA_URL),
        ("fastf1._api", "base_url", live_timing),
        ("fastf1._api", "base_url_mirror", live_timing),
    ):
        setattr(import_module(module), name, url)
    fastf1.Cache.configure(cache_dir=str(settings.FASTF1_CACHE_DIR))


def load_season(season: int) -> None:
    schedule = fastf1.get_event_schedule(season, include_testing=False)
    with transaction.atomic():
        Result.objects.filter(event__season=season).delete()
        Event.objects.filter(season=season).delete()
        Event.objects.bulk_create(
            [event for _, row in schedule.iterrows() for event in read_events(season, row)]
        )
    for event in Event.objects.filter(season=season):
        load_classification(event)


def load_event(season: int, number: int | None, session_type: SessionType) -> None:
    """What there is to do where one session has ended."""
    load_classification(
        Event.objects.get(season=season, round_number=number, session_type=session_type)
    )


def read_events(season: int, row: Any) -> Iterator[Event]:
    for number in SESSIONS:
        kind = KINDS.get(row[f"Session{number}"])
        if kind is None:
            continue
        yield Event(
            season=season,
            grand_prix=slugify(row["EventName"]),
            session_type=kind,
            round_number=int(row["RoundNumber"]),
            name=row["EventName"],
            official_name=row["OfficialEventName"],
            country=row["Country"],
            location=row["Location"],
            starts_at=read_start(row[f"Session{number}DateUtc"]),
        )


def load_classification(event: Event) -> None:
    name = next(name for name, kind in KINDS.items() if kind == event.session_type)
    session = fastf1.get_session(event.season, event.round_number, name)
    session.load(laps=False, telemetry=False, weather=False, messages=False)
    # Of sprint qualifyings FastF1 has no more than drivers, without laps.
    classified = session.results[session.results["Position"].notna()]
    with transaction.atomic():
        Result.objects.filter(event=event).delete()
        rows = enumerate(classified.to_dict("records"), start=1)
        results = [read_result(event, order, row) for order, row in rows]
        for result in results:
            driver, is_new = Driver.objects.get_or_create(
                key=result.driver_id,
                defaults={"name": result.driver_name, "created_at": datetime.now(UTC)},
            )
            if is_new:
                DriverKey.objects.create(source=Source.JOLPICA, key=driver.key, driver=driver)
        Result.objects.bulk_create(results)
        if len(classified):
            event.status = Event.Status.COMPLETED
            event.results_state = Event.ResultsState.OFFICIAL
            event.results_revision = 1
            event.save()


def read_result(event: Event, order: int, row: dict[str, Any]) -> Result:
    return Result(
        event=event,
        order=order,
        position=int(row["Position"]),
        classification=read_text(row["ClassifiedPosition"]).removesuffix(".0"),
        driver_id=row["DriverId"],
        driver_number=int(row["DriverNumber"]),
        driver_code=row["Abbreviation"],
        driver_name=row["FullName"],
        constructor_id=row["TeamId"],
        constructor_name=row["TeamName"],
        grid=read_number(row["GridPosition"]),
        laps=read_number(row["Laps"]),
        points=read_number(row["Points"]),
        status=read_text(row["Status"]),
        time=read_time(row["Time"]),
        q1=read_time(row["Q1"]),
        q2=read_time(row["Q2"]),
        q3=read_time(row["Q3"]),
    )


def read_start(value: Any) -> datetime | None:
    return None if pd.isna(value) else value.to_pydatetime().replace(tzinfo=UTC)


def read_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def read_number(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def read_time(value: Any) -> timedelta | None:
    return None if pd.isna(value) else value.to_pytimedelta()
