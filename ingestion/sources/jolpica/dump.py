"""Jolpica's dump: its whole database as one file, read for the seasons that are over.

It brings what pages would, from the same tables: rows take the names that FastF1 gives to columns
of the Ergast form and are read as pages are.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingestion.errors import BadSourceData, IngestionError, SourceRateLimited
from ingestion.records import (
    CalendarRecord,
    GrandPrixRecord,
    RaceIdentity,
    SessionRecord,
    Source,
)
from ingestion.sessions import SessionType
from ingestion.sources.addresses import read_address
from ingestion.sources.jolpica.classifications import read_classification
from ingestion.sources.jolpica.dump_file import (
    OVERVIEW_PATH,
    WHAT,
    DumpFile,
    fetch_dump_file,
    read_local_file,
)
from ingestion.sources.jolpica.dump_tables import DumpTables, read_tables
from ingestion.sources.jolpica.newer import ERGAST_PATH
from ingestion.sources.protocol import (
    Classification,
    ClassificationQuery,
    SourceAnswer,
    SourceConfig,
    Upstream,
)
from ingestion.sources.values import (
    LONGEST_PLACE,
    UNREADABLE,
    is_missing,
    noticing,
    read_integer,
    read_text,
    require,
)

if TYPE_CHECKING:
    from ingestion.sources.http import Adapter

OFF = "off"
# By then what changes a classification at once has been printed, and entered by the volunteers.
SEASON_IS_OVER_AFTER = timedelta(days=14)
TRUE = "t"
# What is added to a kind's code: knockout parts, an aggregate, the best of several, an order.
PART = re.compile(r"(?P<code>R|SR|Q|SQ)(?P<part>[123ABO]?)")

# An entry that is not classified has such a status (jolpica-f1 of 2026: disqualified, did not
# start, did not qualify, did not prequalify), and this letter in the Ergast form; the newer form
# says 'N' where the Ergast form has no such session.
LETTERS = {20: "D", 30: "W", 40: "F", 41: "F"}
# The first four are: finished, lapped, had an accident, retired for another reason.
STATUSES = {0, 1, 10, 11, *LETTERS}
RETIRED, NOT_CLASSIFIED = "R", "N"


@dataclass(frozen=True, slots=True)
class _Session:
    key: int
    type: str
    number: int
    starts_at: datetime
    has_time: bool
    zone: str


@dataclass(frozen=True, slots=True)
class _Round:
    race: RaceIdentity
    sessions: tuple[_Session, ...]

    def parts_of(self, kind: SessionType) -> list[_Session]:
        """In the order in which they were held."""
        parts = [one for one in self.sessions if _read_code(one.type) == kind.kind.newer_code]
        return sorted(parts, key=lambda one: (one.number, one.starts_at))


@dataclass(frozen=True, slots=True)
class _Dump:
    """`people` and `teams` are in the columns of the Ergast form, `seats` the entries to a round
    with their car, driver and team."""

    made_at: datetime
    seasons: Mapping[int, Sequence[_Round]]
    tables: DumpTables
    people: Mapping[int, Mapping[str, str]]
    teams: Mapping[int, Mapping[str, str]]
    seats: Mapping[int, tuple[int | None, int, int]]


class JolpicaDump(Upstream):
    """Read once a run, when it is opened: `fresh` makes no difference here."""

    name = Source.JOLPICA_DUMP

    def __init__(self, adapter: "Adapter", config: SourceConfig) -> None:
        super().__init__(adapter, config)
        self._config = config
        # As this run has read it; what could not be had is not requested again.
        self._dump: _Dump | None = None
        self.is_open = False

    @classmethod
    def is_configured(cls, config: SourceConfig) -> bool:
        return config.jolpica_dump_url != OFF

    def open(self) -> tuple[str, ...]:
        """Fetch and read it, once a run; why it cannot be used, and other notices. Raises
        `SourceRateLimited`: a run that waits may open it later."""
        from fastf1.ergast import interface

        configured = self._config.jolpica_dump_url
        notices: tuple[str, ...] = ()
        try:
            if configured and not configured.startswith(("http://", "https://")):
                path = Path(configured.removeprefix("file://")).expanduser()
                file = read_local_file(path, self._adapter.now())
            else:
                if configured:
                    address = read_address(f"{WHAT}: JOLPICA_DUMP_URL", configured)
                    self._adapter.authorize(address)
                    is_bare = address.url.count("/") == 2
                    url = address.url + (OVERVIEW_PATH if is_bare else "/")
                # FastF1's own address, or what JOLPICA_URL has put in its place.
                elif interface.BASE_URL.endswith(ERGAST_PATH):
                    url = interface.BASE_URL.removesuffix(ERGAST_PATH) + OVERVIEW_PATH
                else:
                    raise BadSourceData(f"{WHAT} is not known to be beside JOLPICA_URL")
                file, notices = fetch_dump_file(self._adapter, url, self._config.cache_dir)
            self._dump = _read_dump(file)
        except SourceRateLimited:
            raise
        except IngestionError as error:
            notices = (f"{error}; seasons are requested page by page",)
        self.is_open = True
        return notices

    @property
    def made_at(self) -> datetime | None:
        """None where it cannot be used."""
        return self._dump.made_at if self._dump is not None else None

    def covers(self, season: int) -> bool:
        """Whether it was made more than a fortnight after the season's last race."""
        rounds = self._rounds(season)
        if self._dump is None or not rounds:
            return False
        last = max(round_.race.race_date for round_ in rounds)
        end = datetime.combine(last + timedelta(days=1), time(), UTC)
        return end + SEASON_IS_OVER_AFTER < self._dump.made_at

    def has_results(self, season: int) -> bool:
        """Whether it has the classification of any race."""
        if self._dump is None:
            return False
        entries = self._dump.tables.entries["session_id"]
        races = [
            one.key for round_ in self._rounds(season) for one in round_.parts_of(SessionType.RACE)
        ]
        return bool(entries.isin(races).any())

    def count_sessions(self, season: int, kind: SessionType) -> int:
        return sum(bool(round_.parts_of(kind)) for round_ in self._rounds(season))

    def _rounds(self, season: int) -> Sequence[_Round]:
        return self._dump.seasons.get(season, ()) if self._dump is not None else ()

    def fetch_calendar(self, season: int, *, fresh: bool = False) -> SourceAnswer[CalendarRecord]:
        rounds = self._rounds(season)
        if self._dump is None or not rounds:
            raise BadSourceData(f"{WHAT} has no calendar of {season}")
        made_at = self._dump.made_at
        grands_prix = tuple(_read_grand_prix(round_, made_at) for round_ in rounds)
        return SourceAnswer((CalendarRecord(season, self.name, made_at, grands_prix),), made_at)

    def fetch_classifications(
        self, query: ClassificationQuery, *, fresh: bool = False
    ) -> SourceAnswer[Classification]:
        """The whole season's. Raises `BadSourceData` where a row is of a kind that it did not have
        when this was written: what it means for the order is not known."""
        dump, kind = self._dump, query.session_type
        if dump is None:
            raise BadSourceData(f"{WHAT} cannot be used")
        rounds = self._rounds(query.season) if query.season >= kind.kind.results_since else ()
        keys = [part.key for round_ in rounds for part in round_.parts_of(kind)]
        entries = dump.tables.entries
        lines: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        records: list[Classification] = []
        with noticing() as notices:
            try:
                for line in entries[entries["session_id"].isin(keys)].to_dict("records"):
                    named = {str(name): value for name, value in line.items()}
                    lines[int(line["session_id"])].append(named)
                for round_ in rounds:
                    parts = [(part.type, lines[part.key]) for part in round_.parts_of(kind)]
                    if rows := _join_parts(dump, kind, parts):
                        record, _ = read_classification(
                            round_.race, kind, rows, [dump.made_at], source=self.name
                        )
                        records.append(record)
            except UNREADABLE as error:
                raise BadSourceData(
                    f"{WHAT}: its {kind.replace('_', ' ')} results of {query.season} cannot be "
                    f"read: {error}"
                ) from error
        return SourceAnswer(tuple(records), dump.made_at, None, tuple(notices))


def _read_code(type_: str) -> str:
    """The newer form's code of the whole that a session is a part of; '' where it is none here."""
    part = PART.fullmatch(type_)
    return part["code"] if part else ""


KEPT_TYPES = frozenset(
    kind.kind.newer_code + part for kind in SessionType for part in ("", *"123ABO")
)


def _read_dump(file: DumpFile) -> _Dump:
    try:
        tables = read_tables(file.path, KEPT_TYPES)
    except (BadSourceData, OSError) as error:
        raise BadSourceData(f"{WHAT}: {error}") from error
    small = tables.small
    try:
        drives = {
            int(row.id): (int(row.driver_id), int(row.team_id))
            for row in small["teamdriver"].itertuples()
        }
        return _Dump(
            made_at=file.made_at,
            seasons=_read_seasons(tables),
            tables=tables,
            people={
                int(row["id"]): {
                    "driverId": row["reference"],
                    "driverCode": row["abbreviation"],
                    "givenName": row["forename"],
                    "familyName": row["surname"],
                    "dateOfBirth": row["date_of_birth"],
                }
                for row in small["driver"].to_dict("records")
            },
            teams={
                int(row["id"]): {
                    "constructorId": row["reference"],
                    "constructorName": row["name"],
                }
                for row in small["team"].to_dict("records")
            },
            seats={
                int(row.id): (read_integer(row.car_number), *drives[int(row.team_driver_id)])
                for row in small["roundentry"].itertuples()
            },
        )
    except UNREADABLE as error:
        raise BadSourceData(f"{WHAT} cannot be read: {error}") from error


def _read_seasons(tables: DumpTables) -> dict[int, list[_Round]]:
    """The rounds that were held or are to be, in order; a round or a session that was cancelled is
    in no calendar."""
    small = tables.small
    years = {int(row.id): int(row.year) for row in small["season"].itertuples()}
    circuits = {row["id"]: row for row in small["circuit"].to_dict("records")}
    sessions: dict[int, list[_Session]] = defaultdict(list)
    for row in small["session"].to_dict("records"):
        if row["is_cancelled"] == TRUE or not _read_code(row["type"]) or not row["timestamp"]:
            continue
        sessions[int(row["round_id"])].append(
            _Session(
                key=int(row["id"]),
                type=row["type"],
                number=read_integer(row["number"]) or 0,
                starts_at=datetime.fromisoformat(row["timestamp"]).astimezone(UTC),
                has_time=row["has_time_data"] == TRUE,
                zone=row["timezone"],
            )
        )
    seasons: dict[int, list[_Round]] = defaultdict(list)
    for row in small["round"].to_dict("records"):
        number, held = read_integer(row["number"]), sessions[int(row["id"])]
        if row["is_cancelled"] == TRUE or not number:
            continue
        races = [one.starts_at.date() for one in held if one.type == "R"]
        circuit = circuits[row["circuit_id"]]
        race = RaceIdentity(
            season=years[int(row["season_id"])],
            round_number=number,
            name=require(read_text(row["name"]), "name of a round"),
            race_date=races[0] if races else date.fromisoformat(row["date"]),
            country=read_text(circuit["country"], longest=LONGEST_PLACE),
            location=read_text(circuit["locality"], longest=LONGEST_PLACE),
        )
        seasons[race.season].append(_Round(race, tuple(held)))
    for rounds in seasons.values():
        rounds.sort(key=lambda round_: round_.race.round_number)
    return seasons


def _read_grand_prix(round_: _Round, made_at: datetime) -> GrandPrixRecord:
    race = round_.race
    sessions = []
    for kind in reversed(SessionType):
        parts = round_.parts_of(kind)
        # Qualifyings of before 2006 are in no calendar of Jolpica's other forms either.
        if not parts or race.season < kind.kind.listed_since:
            continue
        first = parts[0]
        # A day without a time has the offset of its noon, which no change of the clocks is near.
        at = first.starts_at if first.has_time else first.starts_at.replace(hour=12)
        try:
            offset = at.astimezone(ZoneInfo(first.zone)).utcoffset() if first.zone else None
        except (ValueError, LookupError, OSError):
            # A detail: a zone that this machine does not know.
            offset = None
        session = SessionRecord(
            kind,
            first.starts_at,
            Source.JOLPICA_DUMP,
            made_at,
            start_is_estimated=not first.has_time,
            utc_offset=offset,
        )
        sessions.append(session)
    sessions.sort(key=lambda one: one.session_type is SessionType.RACE)
    return GrandPrixRecord(
        season=race.season,
        round_number=race.round_number,
        name=race.name,
        official_name="",
        country=race.country,
        location=race.location,
        race_date=race.race_date,
        sessions=tuple(sessions),
    )


def _join_parts(
    dump: _Dump, kind: SessionType, parts: Sequence[tuple[str, list[Mapping[str, Any]]]]
) -> list[dict[str, Any]]:
    """A row an entry: with the place of the last part in which it has one, and its quickest lap of
    each; a qualifying that was no knockout has its parts in the order in which they were held."""
    joined: dict[int, dict[str, Any]] = {}
    for type_, lines in parts:
        for line in lines:
            seat = int(line["round_entry_id"])
            number, driver, team = dump.seats[seat]
            entry = {"number": number, **dump.people[driver], **dump.teams[team]}
            row = joined.setdefault(seat, entry)
            if read_integer(line["position"]) is not None:
                # Parts come in their order: the place of a later one replaces that of the earlier.
                row |= _name_outcome(kind, line)
            if kind.kind.is_race:
                row |= {
                    "grid": line["grid"],
                    "laps": line["laps_completed"],
                    "points": line["points"],
                    "status": line["detail"],
                    "totalRaceTimeMillis": line["time"],
                }
            else:
                taken = sum(slot in row for slot in ("Q1", "Q2", "Q3"))
                slot = type_[-1] if type_[-1].isdigit() else str(taken + 1)
                lap = line["lap"]
                row[f"Q{slot}"] = None if is_missing(lap) else timedelta(milliseconds=int(lap))
    return list(joined.values())


def _name_outcome(kind: SessionType, line: Mapping[str, Any]) -> dict[str, Any]:
    status = read_integer(line["status"])
    if status is not None and status not in STATUSES:
        raise ValueError(f"the status {status} is not known")
    outcome: dict[str, Any] = {"position": line["position"], "positionText": ""}
    if line["is_classified"] == TRUE or (not kind.kind.is_race and kind.kind.ergast_endpoint):
        # The Ergast form prints the place in qualifyings whatever became of a driver.
        place = str(read_integer(line["position"])) if kind.kind.is_race else ""
        return outcome | {"positionText": place}
    letter = LETTERS.get(status or 0, RETIRED if kind.kind.is_race else NOT_CLASSIFIED)
    return outcome | {"positionText": letter}
