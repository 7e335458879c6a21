"""Pages of Jolpica's Ergast form to classifications."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ingestion.errors import BadSourceData
from ingestion.records import (
    ClassificationRecord,
    RaceIdentity,
    ResultRecord,
    Source,
    UnreadableClassification,
)
from ingestion.sessions import SessionType
from ingestion.sources.details import Details, drop_spoilt
from ingestion.sources.jolpica.pages import Page
from ingestion.sources.protocol import Classification
from ingestion.sources.values import (
    LONGEST_CODE,
    LONGEST_PLACE,
    UNREADABLE,
    is_missing,
    list_rows,
    read_born,
    read_date,
    read_duration,
    read_integer,
    read_key,
    read_points,
    read_text,
    require,
)

# Pages are requested one after the other; what the upstream made within this time is one answer.
MADE_TOGETHER = timedelta(minutes=1)
LONGEST_STATUS = 60
# A column beside FastF1's own: the row as it was sent, since FastF1 casts what it cannot read to
# missing.
SENT = "as it was sent"


def read_classifications(
    pages: Sequence[Page], season: int, session_type: SessionType
) -> list[tuple[Classification, bool]]:
    """The classifications in the pages of one endpoint, by round, each whole and in order; and
    whether its rows are from pages that the upstream made at different times: it may be of two
    revisions then.

    A page cuts a race anywhere, and the halves of a qualifying interleave (they are cut by the
    best of Q1-Q3): pages are merged before anything is sorted. What is cut is as old as its older
    half. A race that cannot be read does not take the others with it; `BadSourceData` where it is
    not even said which race it is.
    """
    races: dict[RaceIdentity, list[Mapping[str, Any]]] = defaultdict(list)
    ages: dict[RaceIdentity, list[datetime | None]] = defaultdict(list)
    try:
        for page in pages:
            every = page.sent or [()] * len(page.rows)
            of_races = zip(list_rows(page.races), page.rows, every, strict=True)
            for race, content, sent in of_races:
                identity = _read_race(season, race)
                races[identity] += [
                    {**row, SENT: texts}
                    for row, texts in zip(
                        list_rows(content), sent or [{}] * len(content), strict=True
                    )
                ]
                ages[identity].append(page.generated_at)
    except UNREADABLE as error:
        kind = session_type.replace("_", " ")
        raise BadSourceData(
            f"Jolpica's {kind} results of {season} cannot be read: {error}"
        ) from error
    return [
        read_classification(race, session_type, rows, ages[race], source=Source.JOLPICA)
        for race, rows in sorted(races.items(), key=lambda item: item[0].round_number)
    ]


def read_classification(
    race: RaceIdentity,
    session_type: SessionType,
    rows: Sequence[Mapping[str, Any]],
    ages: Sequence[datetime | None],
    *,
    source: Source,
) -> tuple[Classification, bool]:
    """One race's, of its rows by FastF1's names of columns."""
    details = Details(race)
    try:
        # Entries that share a place by car and driver, so that the order does not depend on how the
        # upstream happened to sort.
        placed = sorted(
            rows,
            key=lambda row: (
                _position(row) or math.inf,
                _car_number(row),
                read_text(row.get("driverId")),
            ),
        )
        results = tuple(
            _read_row(session_type, order, row, winner=placed[0], details=details)
            for order, row in enumerate(placed, start=1)
        )
        results = drop_spoilt(results, details)
    except UNREADABLE as error:
        return UnreadableClassification(race, session_type, str(error)), False
    details.say()
    known = [age for age in ages if age is not None]
    is_apart = bool(known) and max(known) - min(known) > MADE_TOGETHER
    # The order changed between two pages, and a driver is on both.
    entries = {(str(row.get("driverId")), str(row.get("number"))) for row in rows}
    is_doubled = len(ages) > 1 and len(entries) < len(rows)
    record = ClassificationRecord(
        race,
        session_type,
        source,
        generated_at=min(known) if len(known) == len(ages) else None,
        results=results,
        spoilt=details.drivers,
    )
    return record, is_apart or is_doubled


def _read_race(season: int, race: Mapping[Any, Any]) -> RaceIdentity:
    if int(race["season"]) != season:
        raise ValueError(f"they are of {race['season']}")
    return RaceIdentity(
        season=season,
        round_number=int(race["round"]),
        name=require(read_text(race["raceName"]), "name of a race"),
        race_date=require(read_date(race["raceDate"]), "date of a race"),
        country=read_text(race.get("country"), longest=LONGEST_PLACE),
        location=read_text(race.get("locality"), longest=LONGEST_PLACE),
    )


def _read_row(
    session_type: SessionType,
    order: int,
    row: Mapping[str, Any],
    *,
    winner: Mapping[str, Any],
    details: Details,
) -> ResultRecord:
    position = _position(row)
    driver = read_key(row.get("driverId"))
    names = (read_text(row.get("givenName")), read_text(row.get("familyName")))
    entry = ResultRecord(
        order=order,
        position=position,
        classification=read_text(row.get("positionText"), longest=LONGEST_CODE) or str(position),
        driver_id=driver,
        # The car's: a driver has a permanent number too (Verstappen 33 in car 1).
        driver_number=details.read(read_integer, row.get("number"), "car number", driver),
        driver_code=read_text(row.get("driverCode"), longest=LONGEST_CODE),
        driver_name=read_text(" ".join(names)),
        driver_born=details.read(read_born, row.get("dateOfBirth"), "date of birth", driver),
        constructor_id=read_key(row.get("constructorId")),
        constructor_name=read_text(row.get("constructorName")),
    )
    sent = row.get(SENT) or {}
    if not session_type.kind.is_race:
        for part in ("Q1", "Q2", "Q3"):
            if read_text(sent.get(part)) and is_missing(row.get(part)):
                details.drop(part, driver)
        return replace(
            entry,
            q1=details.read(read_duration, row.get("Q1"), "Q1", driver),
            q2=details.read(read_duration, row.get("Q2"), "Q2", driver),
            q3=details.read(read_duration, row.get("Q3"), "Q3", driver),
        )
    times = details.read(lambda _: _read_times(row, winner), None, "time", driver)
    total, gap = times or (None, None)
    time_sent = sent.get("Time")
    has_sent_time = isinstance(time_sent, dict) and read_text(time_sent.get("millis"))
    if has_sent_time and _millis(row) is None:
        details.drop("time", driver)
    entry = replace(
        entry,
        grid=details.read(read_integer, row.get("grid"), "grid slot", driver),
        laps=details.read(read_integer, row.get("laps"), "number of laps", driver),
        points=details.read(read_points, row.get("points"), "points", driver),
    )
    for field, name in (("grid", "grid slot"), ("laps", "number of laps"), ("points", "points")):
        # FastF1 makes -1 or nothing of a text that is no number.
        if getattr(entry, field) is None and read_text(sent.get(field)) not in ("", "-1"):
            details.drop(name, driver)
    return replace(
        entry,
        status=read_text(row.get("status"), longest=LONGEST_STATUS),
        time=total,
        gap=None if order == 1 else gap,
    )


def _car_number(row: Mapping[str, Any]) -> float:
    """What cannot be read is a detail, which hides no result."""
    try:
        return read_integer(row.get("number")) or math.inf
    except UNREADABLE:
        return math.inf


def _position(row: Mapping[str, Any]) -> int:
    """0 where there is none yet; such a classification is not plausible."""
    return read_integer(row.get("position")) or 0


def _read_times(
    row: Mapping[str, Any], winner: Mapping[str, Any]
) -> tuple[timedelta | None, timedelta | None]:
    """Time and gap of a car on the lead lap; what Jolpica gives for lapped ones means nothing.

    The milliseconds are right where the printed time is not (1958 round 8: '2:21' for 2:21:15).
    """
    millis, best = _millis(row), _millis(winner)
    if millis is None or read_integer(row.get("laps")) != read_integer(winner.get("laps")):
        return None, None
    total = timedelta(milliseconds=millis)
    gap = None if best is None or millis < best else timedelta(milliseconds=millis - best)
    return total, gap


def _millis(row: Mapping[str, Any]) -> int | None:
    value: Any = row.get("totalRaceTimeMillis")
    return None if is_missing(value) or value < 0 else int(value)
