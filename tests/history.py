"""What the upstreams showed of 2023 and 2024, and when: every published version of the schedule
file, and at each moment the results of the sessions that were over by then."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from ingestion.sample.ergast import build_body
from ingestion.sample.season import GrandPrix, Season, Session, load_season
from ingestion.sample.upstream import JOLPICA_PATH
from ingestion.sessions import SessionType
from rehearsal.history import with_jolpicas_errors
from tests.upstream import (
    PAGE_ROWS,
    RECORDED_ENDPOINTS,
    SHARED,
    Document,
    FaultyUpstream,
)

T = TypeVar("T")
# A session by the names of its grand prix and its kind.
Key = tuple[str, str]
ShowJolpica = Callable[[FaultyUpstream, datetime], None]

FILE_NAME = re.compile(r"(\d{3})_(\d{4}-\d\d-\d\dT\d{6})Z_\w+")
KINDS = {
    "Qualifying": SessionType.QUALIFYING,
    "Race": SessionType.RACE,
    "Sprint": SessionType.SPRINT,
    "Sprint Qualifying": SessionType.SPRINT_QUALIFYING,
    "Sprint Shootout": SessionType.SPRINT_QUALIFYING,
}
# When the run after a race is made; its result is out then.
AFTER_A_RACE = timedelta(hours=4)


@dataclass(frozen=True)
class Version:
    """A version of a season's schedule file; numbers count from 1."""

    number: int
    published_at: datetime
    file: Path


@dataclass(frozen=True)
class Step:
    """A moment at which an ingest is run: a version's publication, or after a race."""

    at: datetime
    version: Version
    race: str = ""

    @property
    def is_publication(self) -> bool:
        return not self.race


@dataclass(frozen=True)
class History:
    """A season as it unfolded: the moments to run at, and what Jolpica showed at any."""

    season: int
    steps: tuple[Step, ...]
    show_jolpica: ShowJolpica

    def show(self, upstream: FaultyUpstream, step: Step) -> None:
        upstream.serve_schedule(self.season, step.version.file)
        self.show_jolpica(upstream, step.at)

    def between(self, first: int, last: int) -> "History":
        """A part of it, from one version's publication to another's."""
        versions = read_versions(self.season)
        start, end = (versions[number - 1].published_at for number in (first, last))
        steps = tuple(step for step in self.steps if start <= step.at <= end)
        return replace(self, steps=steps)


@cache
def read_versions(season: int) -> tuple[Version, ...]:
    versions = []
    for file in sorted((SHARED / "schedules" / str(season)).glob("*.json")):
        named = FILE_NAME.fullmatch(file.stem)
        assert named is not None, f"{file.name} does not tell when it was published"
        published_at = datetime.strptime(named[2], "%Y-%m-%dT%H%M%S").replace(tzinfo=UTC)
        versions.append(Version(int(named[1]), published_at, file))
    return tuple(versions)


@cache
def read_starts(version: Version) -> Mapping[Key, datetime]:
    """What a version says of the starts, by a reading that shares no code with ours."""
    file = json.loads(version.file.read_bytes())
    starts = {}
    for row, name in file["event_name"].items():
        for number in range(1, 6):
            session = file[f"session{number}"][row]
            printed = file[f"session{number}_date"][row]
            if session in KINDS and printed and file["round_number"][row]:
                start = datetime.fromisoformat(printed + file["gmt_offset"][row])
                starts[name, KINDS[session].value] = start.astimezone(UTC)
    return MappingProxyType(starts)


@cache
def read_rounds(version: Version) -> Mapping[str, int]:
    file = json.loads(version.file.read_bytes())
    rounds = file["round_number"]
    return MappingProxyType({name: rounds[row] for row, name in file["event_name"].items()})


# The clocks of Melbourne went back in the night after it, and the file has one offset a weekend.
FILE_IS_MISTAKEN = {
    2023: {("Australian Grand Prix", "qualifying"): datetime(2023, 4, 1, 5, tzinfo=UTC)},
}


@cache
def real_starts(season: int) -> Mapping[Key, datetime]:
    """When the sessions of a season began: its last version tells."""
    told = read_starts(read_versions(season)[-1])
    return MappingProxyType({**told, **FILE_IS_MISTAKEN.get(season, {})})


def is_over(key: Key, season: int, at: datetime) -> bool:
    return real_starts(season)[key] + SessionType(key[1]).kind.usual_duration <= at


def plan_steps(season: int) -> tuple[Step, ...]:
    """Each publication, and a run after each race."""
    versions = read_versions(season)
    steps = [Step(version.published_at, version) for version in versions]
    for (name, kind), start in real_starts(season).items():
        if kind == SessionType.RACE:
            at = start + AFTER_A_RACE
            known = [version for version in versions if version.published_at <= at]
            steps.append(Step(at, known[-1], name))
    return tuple(sorted(steps, key=lambda step: step.at))


def history_of(season: int) -> History:
    return history_of_2023() if season == 2023 else history_of_2024()


# 2024: the stand-in's own season, with the errors of Jolpica's real calendar


def history_of_2024(jolpicas: Season | None = None) -> History:
    """`jolpicas` is the season as Jolpica has it."""
    season = with_jolpicas_errors(load_season(2024)) if jolpicas is None else jolpicas

    def show_jolpica(upstream: FaultyUpstream, at: datetime) -> None:
        upstream.seasons[2024] = with_results_until(season, at)

    return History(2024, plan_steps(2024), show_jolpica)


def without_jolpicas_calendar(history: History) -> History:
    """The same while Jolpica answers no question about its calendar."""

    def show_jolpica(upstream: FaultyUpstream, at: datetime) -> None:
        upstream.clear_faults()
        upstream.fault(f"{JOLPICA_PATH}/*/races.json", status=503)
        history.show_jolpica(upstream, at)

    return replace(history, show_jolpica=show_jolpica)


def with_results_until(season: Season, at: datetime) -> Season:
    """The season when only what was over by then has a result."""

    def published(classifications: Mapping[str, T], kind: SessionType) -> Mapping[str, T]:
        return MappingProxyType(
            {
                key: entries
                for key, entries in classifications.items()
                if is_over((season.grand_prix(key).name, kind.value), season.year, at)
            }
        )

    return replace(
        season,
        races=published(season.races, SessionType.RACE),
        sprints=published(season.sprints, SessionType.SPRINT),
        qualifyings=published(season.qualifyings, SessionType.QUALIFYING),
        sprint_qualifyings=published(season.sprint_qualifyings, SessionType.SPRINT_QUALIFYING),
    )


def with_sprint_weekends_open(season: Season, *, days_known: bool) -> Season:
    """Jolpica's calendar as open as the schedule file was at first: of a sprint weekend's sessions
    before the race the days alone, or nothing."""

    def open_session(session: Session) -> Session:
        if session.name == "Race" or session.starts_at is None:
            return session
        day = session.starts_at.date() if days_known else None
        return replace(session, starts_at=None, day=day)

    def open_weekend(grand_prix: GrandPrix) -> GrandPrix:
        if grand_prix.session("Sprint") is None:
            return grand_prix
        sessions = (open_session(session) for session in grand_prix.sessions)
        return replace(grand_prix, sessions=tuple(sessions))

    calendar = season.grands_prix if season.jolpica_calendar is None else season.jolpica_calendar
    return replace(season, jolpica_calendar=tuple(map(open_weekend, calendar)))


# 2023: the pages that the real Jolpica printed


EMILIA_ROMAGNA = "Emilia Romagna Grand Prix"
ANNOUNCED = datetime(2023, 5, 17, 12, tzinfo=UTC)
# Its last version with the grand prix, and the round that it had.
BEFORE_CANCELLATION = 14
CANCELLED_ROUND = 6


def history_of_2023(*, listed_until: datetime | None = None) -> History:
    """Jolpica's calendar as recorded never had Emilia Romagna; `listed_until` says until when it
    did."""

    def show_jolpica(upstream: FaultyUpstream, at: datetime) -> None:
        is_listed = listed_until is not None and at < listed_until
        calendar = read_calendar(with_emilia_romagna=is_listed)
        base = f"{JOLPICA_PATH}/2023"
        upstream.serve_files({f"{base}/races.json?limit={PAGE_ROWS}": build_body(calendar)})
        for endpoint, kind in PRINTED_KINDS.items():
            pages = pages_until(endpoint, kind, at)
            for offset, page in pages.items():
                query = f"limit={PAGE_ROWS}" + (f"&offset={offset}" if offset else "")
                upstream.serve_files({f"{base}/{endpoint}.json?{query}": build_body(page)})

    return History(2023, plan_steps(2023), show_jolpica)


PRINTED_KINDS = {
    "results": SessionType.RACE,
    "qualifying": SessionType.QUALIFYING,
    "sprint": SessionType.SPRINT,
}


@cache
def recorded_pages(endpoint: str) -> Mapping[int, Document]:
    folder = SHARED / "jolpica" / "2023"
    files = {int(file.stem.rpartition("_")[2]): file for file in folder.glob(f"{endpoint}_*.json")}
    return MappingProxyType(
        {offset: json.loads(files[offset].read_bytes()) for offset in sorted(files)}
    )


def pages_until(endpoint: str, kind: SessionType, at: datetime) -> dict[int, Document]:
    """An endpoint's pages when the results of later sessions were not in yet. These come last,
    so that the pages are cut where they are when all are in."""
    key = RECORDED_ENDPOINTS[endpoint]
    shown = {
        offset: [
            race
            for race in page["MRData"]["RaceTable"]["Races"]
            if is_over((race["raceName"], kind.value), 2023, at)
        ]
        for offset, page in recorded_pages(endpoint).items()
    }
    total = sum(len(race[key]) for races in shown.values() for race in races)
    return {
        offset: with_races(recorded_pages(endpoint)[offset], races, total)
        for offset, races in shown.items()
        if races or offset == 0
    }


def with_races(page: Document, races: list[Any], total: int) -> Document:
    meta = page["MRData"]
    table = {**meta["RaceTable"], "Races": races}
    return {"MRData": {**meta, "total": str(total), "RaceTable": table}}


def read_calendar(*, with_emilia_romagna: bool) -> Document:
    page = recorded_pages("races")[0]
    races = page["MRData"]["RaceTable"]["Races"]
    if not with_emilia_romagna:
        return page
    earlier, later = races[: CANCELLED_ROUND - 1], races[CANCELLED_ROUND - 1 :]
    renumbered = [{**race, "round": str(int(race["round"]) + 1)} for race in later]
    return with_races(page, [*earlier, print_emilia_romagna(), *renumbered], len(races) + 1)


def print_emilia_romagna() -> Document:
    starts = read_starts(read_versions(2023)[BEFORE_CANCELLATION - 1])
    race, qualifying = (
        {"date": f"{start:%Y-%m-%d}", "time": f"{start:%H:%M:%S}Z"}
        for start in (starts[EMILIA_ROMAGNA, "race"], starts[EMILIA_ROMAGNA, "qualifying"])
    )
    place = {"locality": "Imola", "country": "Italy"}
    return {
        "season": "2023",
        "round": str(CANCELLED_ROUND),
        "raceName": EMILIA_ROMAGNA,
        "Circuit": {"circuitId": "imola", "circuitName": "Imola", "Location": place},
        **race,
        "Qualifying": qualifying,
    }
