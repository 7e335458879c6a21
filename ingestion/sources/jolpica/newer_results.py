"""The facts of Jolpica's Ergast form, read from its newer one: calendars, and the results of races,
sprints and qualifyings, a request each.

Both forms are printed from the same tables: rows take the names that FastF1 gives to columns of the
Ergast form, and are read as its pages are.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from ingestion.errors import BadSourceData, ResultsNotReady
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    GrandPrixRecord,
    SessionRecord,
    Source,
)
from ingestion.sessions import SessionType
from ingestion.sources.calls import calling, get_document
from ingestion.sources.jolpica.classifications import read_classification
from ingestion.sources.jolpica.ergast import NEWER_FORM
from ingestion.sources.jolpica.newer import JolpicaNewer, build_newer_url
from ingestion.sources.jolpica.sprint_qualifyings import (
    NotKnownError,
    Round,
    UnknownDriver,
    find_driver,
    find_older,
    find_team,
    open_results,
    read_instant,
    reading_results,
)
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    KnownDriver,
    SourceAnswer,
    SourceConfig,
)
from ingestion.sources.values import (
    LONGEST_PLACE,
    UNREADABLE,
    noticing,
    read_born,
    read_integer,
    read_key,
    read_text,
    require,
)

CLOCK = re.compile(
    r"(?:(?:(?P<hours>\d{1,2}):)?(?P<minutes>\d{1,2}):)?(?P<seconds>\d{1,2}(?:\.\d{1,6})?)",
    re.ASCII,
)
# What it says of who is not classified ('NC' in all cases), as the Ergast form prints it.
RETIRED = "R"
LETTERS = {
    "DISQUALIFIED": "D",
    "DID_NOT_START": "W",
    "DID_NOT_QUALIFY": "F",
    "DID_NOT_PREQUALIFY": "F",
    "NOT_CLASSIFIED": "N",
}


class JolpicaByNewerForm(JolpicaNewer):
    """In the place of the Ergast form, under the same name: it has the same facts."""

    name = Source.JOLPICA
    # As of the Ergast form: whoever saves it knows whether it is news or a problem.
    keeps_implausible_out = False
    # As this run has found it.
    _ergast_is_gone = False

    @classmethod
    def is_configured(cls, config: SourceConfig) -> bool:
        return config.results_from == NEWER_FORM

    @classmethod
    def has_kind(cls, session_type: SessionType) -> bool:
        return bool(session_type.kind.ergast_endpoint)

    def offers_calendar(self, season: int) -> bool:
        return True

    def offers(self, season: int, session_type: SessionType) -> bool:
        return self.has_kind(session_type)

    def fetch_calendar(self, season: int, *, fresh: bool) -> SourceAnswer[CalendarRecord]:
        what, url = f"Jolpica's calendar of {season}", build_newer_url(f"schedules/{season}/")
        with noticing() as notices, calling(self._adapter, what, url, fresh=fresh) as call:
            calendar = read_calendar(get_document(url), season, call.read_generated_at())
            if not calendar.grands_prix:
                raise BadSourceData(f"Jolpica has no calendar of {season}")
            return SourceAnswer(
                (calendar,), calendar.generated_at, call.read_expires_at(), tuple(notices)
            )

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool
    ) -> SourceAnswer[Classification]:
        """One race's; that there is nothing yet is an answer without a record, as it is of the
        Ergast form."""
        try:
            return super().fetch_classifications(query, fresh=fresh)
        except ResultsNotReady as error:
            return SourceAnswer((), None, error.expires_at)

    def _has(self, one: Round, query: ClassificationQuery) -> bool:
        return True

    def _read(
        self,
        document: Any,
        found: Round,
        query: ClassificationQuery,
        generated_at: datetime | None,
    ) -> ClassificationRecord:
        """Drivers whom the season does not know are named by Jolpica's list in the Ergast form, and
        where that is gone by the newer form's own keys: who they are, their name and date of birth
        say."""
        known = query.known
        read = partial(read_results, document, found, query.session_type, generated_at=generated_at)
        try:
            return read(known=known, births=None)
        except UnknownDriver as unknown:
            listed: Sequence[KnownDriver] = ()
            if not self._ergast_is_gone:
                try:
                    listed, _ = self._fetch_drivers(found, unknown)
                except UnknownDriver:
                    self._ergast_is_gone = True
        what = f"Jolpica's newer list of the drivers of {found.race.season}"
        url = build_newer_url(f"core/drivers/?year={found.race.season}")
        with calling(self._adapter, what, url, fresh=False):
            births = {
                require(read_key(row["id"]), "driver"): read_born(row.get("date_of_birth"))
                for row in get_document(url)["data"]
            }
        return read(known=[*known, *listed], births=births)


def read_results(
    document: Any,
    found: Round,
    kind: SessionType,
    *,
    known: Sequence[KnownDriver],
    births: Mapping[str, date | None] | None,
    generated_at: datetime | None,
) -> ClassificationRecord:
    """The classification of that round. Raises `BadSourceData` where it is of another race or
    session or cannot be read, and `UnknownDriver` where it names a driver or a team that is not
    among the known, unless there are `births`: then it goes by the newer form's key."""
    with reading_results(found, kind):
        data, made_at = open_results(document, found, kind)
        rows = [_name_columns(row, kind, known, births) for row in data["results"]]
    age = find_older(generated_at, made_at)
    record, _ = read_classification(found.race, kind, rows, [age], source=Source.JOLPICA)
    with reading_results(found, kind):
        if not isinstance(record, ClassificationRecord):
            raise ValueError(record.reason)  # noqa: TRY004 - of the answer, not of a type
    return record


def _name_columns(
    row: Mapping[str, Any],
    kind: SessionType,
    known: Sequence[KnownDriver],
    births: Mapping[str, date | None] | None,
) -> dict[str, Any]:
    driver, team = row["driver"], row["team"]
    try:
        driver_id, born = find_driver(row, known).driver_id, None
    except NotKnownError:
        if births is None:
            raise
        driver_id = require(read_key(driver["id"]), "driver")
        born = births.get(driver_id)
    try:
        constructor_id = find_team(row, known).constructor_id
    except NotKnownError:
        if births is None:
            raise
        constructor_id = require(read_key(team["id"]), "team")
    columns = {
        "position": row.get("position"),
        "positionText": "",
        "number": row.get("car_number"),
        "driverId": driver_id,
        "driverCode": driver.get("abbreviation"),
        "givenName": driver.get("given_name"),
        "familyName": driver.get("family_name"),
        "dateOfBirth": born,
        "constructorId": constructor_id,
        "constructorName": team["name"],
    }
    parts = row["components"]
    if not kind.kind.is_race:
        # The Ergast form prints the place in qualifyings whatever became of a driver.
        for part in ("Q1", "Q2", "Q3"):
            columns[part] = read_clock_time(parts.get(part, {}).get("time"))
        return columns
    status = read_text(row.get("status"))
    if row.get("is_classified") is False:
        columns["positionText"] = LETTERS.get(status, RETIRED)
    total = read_clock_time(row.get("time"))
    return columns | {
        "grid": parts.get("GRID", {}).get("position"),
        "laps": row.get("laps"),
        "points": row.get("points"),
        "status": status.replace("_", " ").capitalize(),
        "totalRaceTimeMillis": None if total is None else total // timedelta(milliseconds=1),
    }


def read_clock_time(printed: Any) -> timedelta | None:
    """Read '1:32:42.436', '33:17.667' or '1:40.203'."""
    text = read_text(printed)
    if not text:
        return None
    clock = CLOCK.fullmatch(text)
    if clock is None:
        raise ValueError(f"{text!r} is no time")
    return timedelta(
        hours=int(clock["hours"] or 0),
        minutes=int(clock["minutes"] or 0),
        milliseconds=int(Decimal(clock["seconds"]) * 1000),
    )


def read_calendar(document: Any, season: int, generated_at: datetime | None) -> CalendarRecord:
    """A season's calendar; rounds and sessions that were cancelled are left out. Raises
    `BadSourceData` where it is none of that season."""
    try:
        data = document["data"]
        if data["year"] != season:
            raise ValueError(f"it is of {read_text(data['year'])}")
        found = [_read_weekend(season, one, generated_at) for one in data["events"]]
    except UNREADABLE as error:
        raise BadSourceData(f"Jolpica's calendar of {season} cannot be read: {error}") from error
    grands_prix = tuple(one for one in found if one is not None)
    return CalendarRecord(season, Source.JOLPICA, generated_at, grands_prix)


def _read_weekend(
    season: int, weekend: Mapping[str, Any], generated_at: datetime | None
) -> GrandPrixRecord | None:
    sent, circuit = weekend["round"], weekend["circuit"]
    number = read_integer(sent.get("number"))
    if sent.get("is_cancelled") or number is None:
        return None
    kinds = {kind.kind.newer_code: kind for kind in reversed(SessionType)}
    sessions = []
    for one in weekend["schedule"]:
        if one["code"] not in kinds or all(part.get("is_cancelled") for part in one["sessions"]):
            continue
        starts_at = read_instant(one.get("timestamp"))
        is_day = starts_at is not None and one.get("has_time_data") is False
        if starts_at is not None and is_day:
            starts_at = starts_at.replace(hour=0, minute=0, second=0, microsecond=0)
        session = SessionRecord(
            kinds[one["code"]], starts_at, Source.JOLPICA, generated_at, start_is_estimated=is_day
        )
        sessions.append(session)
    races = [one for one in sessions if one.session_type is SessionType.RACE]
    if not races or races[0].starts_at is None:
        return None
    return GrandPrixRecord(
        season=season,
        round_number=number,
        name=require(read_text(sent.get("name")), "name of a round"),
        official_name="",
        country=read_text(circuit.get("country"), longest=LONGEST_PLACE),
        location=read_text(circuit.get("locality"), longest=LONGEST_PLACE),
        race_date=races[0].starts_at.date(),
        sessions=tuple(sessions),
    )
