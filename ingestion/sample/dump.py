"""Jolpica's dump of seasons: a zip file of one table each, as its own script writes it."""

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count
from operator import attrgetter
from typing import Any

from ingestion.sample.ergast import (
    FIRST_YEAR_OF_RACE_TIMES,
    FIRST_YEAR_OF_SESSION_DATES,
    FIRST_YEAR_OF_SESSION_TIMES,
    Q2_FIELD,
    Q3_FIELD,
    choose_field,
)
from ingestion.sample.newer import (
    build_key,
    choose_weekends,
    list_sessions,
    print_instant,
)
from ingestion.sample.season import Finish, GrandPrix, Lap, Season

OVERVIEW_PATH = "/data/dumps/download/"
DOWNLOAD_PATH = f"{OVERVIEW_PATH}delayed/"
# The store's, on another host.
SIGNED = re.compile(r"/dump-store/(?P<hash>[0-9a-f]{64})\.zip")
DELAY = timedelta(days=14)
# The real script's, so that equal tables make equal files.
PACKED_AT = (1999, 1, 1, 0, 0, 0)

STATUSES = {"Finished": 0, "Accident": 10, "Collision": 10, "Disqualified": 20, "Did not start": 30}
LAPPED, RETIRED = 1, 11

Tables = dict[str, list[dict[str, Any]]]


def build_overview(body: bytes, made_at: datetime, address: str) -> dict[str, Any]:
    dump = {
        "dump_type": "csv",
        "file_hash": hashlib.sha256(body).hexdigest(),
        "file_size": len(body),
        "uploaded_at": print_instant(made_at),
        "download_url": f"{address}{DOWNLOAD_PATH}?dump_type=csv",
    }
    return {
        "available_types": ["csv"],
        "latest_dumps": {"csv": dump},
        "delayed_dumps": {"csv": dump},
        "delay_days": DELAY.days,
    }


def build_dump(seasons: Iterable[Season]) -> bytes:
    return pack(build_tables(seasons))


def pack(tables: Mapping[str, list[dict[str, Any]]]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, rows in tables.items():
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]) if rows else ["id"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            member = zipfile.ZipInfo(f"formula_one_{name}.csv", PACKED_AT)
            member.compress_type = zipfile.ZIP_DEFLATED
            zip_file.writestr(member, text.getvalue().encode())
    return body.getvalue()


def build_tables(seasons: Iterable[Season]) -> Tables:
    """A table has its columns in the order of the alphabet, as the script writes them."""
    builder = _Builder()
    for season in seasons:
        builder.add_season(season)
    return {
        name: [dict(sorted(row.items())) for row in rows] for name, rows in builder.tables.items()
    }


class _Builder:
    """Rows with running keys; a driver, a team or a circuit has one whatever the season."""

    def __init__(self) -> None:
        names = (
            *("season", "circuit", "round", "session", "driver", "team", "teamdriver"),
            *("roundentry", "sessionentry", "lap", "penalty"),
        )
        self.tables: Tables = {name: [] for name in names}
        self._known: dict[tuple[str, ...], int] = {}
        self._keys = count(1)

    def add(self, table: str, /, **row: Any) -> int:
        key = next(self._keys)
        self.tables[table].append(
            {
                "id": key,
                "api_id": build_key(table, str(key)),
                **{k: _print(v) for k, v in row.items()},
            }
        )
        return key

    def add_once(self, table: str, *identity: str, **row: Any) -> int:
        key = self._known.get((table, *identity))
        if key is None:
            key = self._known[table, *identity] = self.add(table, **row)
        return key

    def add_season(self, season: Season) -> None:
        year = self.add("season", year=season.year)
        for weekend in choose_weekends(season):
            circuit, starts_at = season.circuits[weekend.circuit], weekend.starts_at("Race")
            round_ = self.add(
                "round",
                season_id=year,
                circuit_id=self.add_once(
                    "circuit",
                    circuit.id,
                    reference=circuit.id,
                    name=circuit.name,
                    locality=circuit.locality,
                    country=circuit.country,
                ),
                number=weekend.round,
                name=weekend.race_name,
                date="" if starts_at is None else f"{starts_at:%Y-%m-%d}",
                is_cancelled=False,
            )
            sessions = self._add_sessions(season, weekend, round_)
            self._add_finishes(season, season.races.get(weekend.id, ()), round_, sessions.get("R"))
            sprint = sessions.get("SR")
            self._add_finishes(season, season.sprints.get(weekend.id, ()), round_, sprint)
            for code, table in (("Q", season.qualifyings), ("SQ", season.sprint_qualifyings)):
                self._add_laps(season, table.get(weekend.id, ()), round_, sessions, code)

    def _add_sessions(self, season: Season, weekend: GrandPrix, round_: int) -> dict[str, int]:
        sessions = {}
        for session in list_sessions(weekend):
            type_ = session.type
            if season.year < FIRST_YEAR_OF_SESSION_DATES and type_ != "R":
                if type_ != "Q1":
                    continue
                type_ = "QB"
            since = FIRST_YEAR_OF_RACE_TIMES if type_ == "R" else FIRST_YEAR_OF_SESSION_TIMES
            has_time = season.year >= since
            at = session.starts_at
            if at is not None and not has_time:
                at = at.replace(hour=0, minute=0, second=0)
            hours = -int(weekend.utc_offset.total_seconds()) // 3600
            sessions[type_] = self.add(
                "session",
                round_id=round_,
                number=session.number,
                type=type_,
                timestamp="" if at is None else f"{at:%Y-%m-%d %H:%M:%S}+00",
                has_time_data=has_time and at is not None,
                # The facts have offsets; these zones have a sign of the other direction.
                timezone=f"Etc/GMT{hours:+}",
                is_cancelled=False,
            )
        return sessions

    def _add_seat(self, season: Season, entry: Finish | Lap, round_: int) -> int:
        driver, team = season.drivers[entry.driver], season.constructors[entry.constructor]
        driver_key = self.add_once(
            "driver",
            driver.id,
            reference=driver.id,
            abbreviation=driver.code,
            forename=driver.given_name,
            surname=driver.family_name,
            date_of_birth=driver.born,
        )
        team_key = self.add_once("team", team.id, reference=team.id, name=team.name)
        drive = self.add_once(
            *("teamdriver", str(season.year), driver.id, team.id),
            driver_id=driver_key,
            team_id=team_key,
            role=None,
        )
        return self.add_once(
            *("roundentry", str(round_), driver.id, str(entry.number)),
            round_id=round_,
            team_driver_id=drive,
            car_number=entry.number,
        )

    def _add_finishes(
        self, season: Season, finishes: Iterable[Finish], round_: int, session: int | None
    ) -> None:
        for finish in sorted(finishes, key=attrgetter("order")):
            is_classified = finish.classification.isdigit()
            usual = LAPPED if is_classified else RETIRED
            self.add(
                "sessionentry",
                session_id=session,
                round_entry_id=self._add_seat(season, finish, round_),
                position=finish.order,
                is_classified=is_classified,
                status=STATUSES.get(finish.status, usual),
                detail=finish.status,
                points=finish.points,
                grid=finish.grid,
                laps_completed=finish.laps,
                time=finish.milliseconds and _print_duration(finish.milliseconds),
            )

    def _add_laps(
        self,
        season: Season,
        laps: Iterable[Lap],
        round_: int,
        sessions: Mapping[str, int],
        code: str,
    ) -> None:
        """An entry for each part that a driver reached, with the lap that counts there."""
        laps = sorted(laps, key=attrgetter("order"))
        parts = [(f"{code}{number}", f"q{number}") for number in (1, 2, 3)]
        if "QB" in sessions:
            parts = [("QB", "q1")]
        fields = {
            "q1": {lap.number for lap in laps},
            "q2": choose_field(laps, "q2", Q2_FIELD),
            "q3": choose_field(laps, "q3", Q3_FIELD),
        }
        for part, name in parts:
            for lap in laps:
                if lap.number not in fields[name]:
                    continue
                entry = self.add(
                    "sessionentry",
                    session_id=sessions[part],
                    round_entry_id=self._add_seat(season, lap, round_),
                    position=lap.order,
                    is_classified=True,
                    **dict.fromkeys(("status", "detail", "points", "grid", "laps_completed")),
                    time=None,
                )
                milliseconds = getattr(lap, name)
                if milliseconds is not None:
                    self.add(
                        "lap",
                        session_entry_id=entry,
                        is_entry_fastest_lap=True,
                        time=_print_duration(milliseconds),
                    )


def _print(value: Any) -> Any:
    if isinstance(value, bool):
        return "t" if value else "f"
    return "" if value is None else value


def _print_duration(milliseconds: int) -> str:
    return f"0{timedelta(milliseconds=milliseconds)}"
