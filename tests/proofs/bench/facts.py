"""Seasons for the stand-in: real ones in parts, and the same facts again in other years."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import unquote

from ingestion.sample import newer
from ingestion.sample.season import GrandPrix, Season, Session, load_season
from ingestion.sample.upstream import Answer, Request, StandInUpstream, print_date
from tests.live_streams import STATIC_PATH, build_answer

T = TypeVar("T")

SEASON, ROUNDS = 2024, 24
FIRST_KNOCKOUT = 2006
FIRST_SPRINT_QUALIFYINGS = 2023
PAGE_ROWS = 100
CALENDARS = 2
# Belgium's Sunday: before its race; when that is over and its result is out; when nothing is due;
# when the race's answer has expired and may be asked for again.
MORNING, RESULT_OUT, NOTHING_DUE, EXPIRED = (
    datetime(2024, 7, 28, hour, minute, tzinfo=UTC)
    for hour, minute in ((12, 0), (16, 5), (16, 10), (17, 15))
)
BELGIUM = 14
# Weekdays stay, no day is missing as the 29th of February would be, and a season of seventy-five
# years earlier is within its year.
WEEKS_OF_A_YEAR = 365.2425 / 7


class Upstream(StandInUpstream):
    """With live timing, for anybody: the usual way asks it, and gets 404 where it has nothing."""

    def answer(self, request: Request) -> Answer:
        if not request.path.startswith(STATIC_PATH):
            return super().answer(request)
        path = unquote(request.path)
        body = build_answer(self.seasons.get(int(path.split("/")[2])), path)
        headers = {"Date": print_date(request.at), "Content-Type": "application/octet-stream"}
        return Answer(404, headers) if body is None else Answer(200, headers, body)

    def count_of_sprint_qualifyings(self) -> int:
        return sum(request.path.startswith(f"{newer.PATH}/") for request in self.requests)


def list_seasons(rounds: int, seasons: int) -> list[Season]:
    """So many years of it, up to its own."""
    season = first_rounds(rounds)
    return [in_year(season, year) for year in range(SEASON - seasons + 1, SEASON + 1)]


def first_rounds(rounds: int) -> Season:
    season = load_season(SEASON)
    return replace(season, grands_prix=season.grands_prix[:rounds])


def in_year(season: Season, year: int) -> Season:
    """All of it so many years earlier, without sprint weekends where they had another form."""
    back = timedelta(weeks=round((season.year - year) * WEEKS_OF_A_YEAR))
    moved = replace(
        season,
        year=year,
        testing=(),
        grands_prix=tuple(
            _moved(grand_prix, back, with_sprint=year >= FIRST_SPRINT_QUALIFYINGS)
            for grand_prix in season.grands_prix
        ),
    )
    if year >= FIRST_SPRINT_QUALIFYINGS:
        return moved
    moved = replace(moved, sprints=MappingProxyType({}), sprint_qualifyings=MappingProxyType({}))
    if year >= FIRST_KNOCKOUT:
        return moved
    # One list of times would have another order than a knockout.
    untimed = {
        key: tuple(replace(lap, q1=None, q2=None, q3=None) for lap in laps)
        for key, laps in season.qualifyings.items()
    }
    return replace(moved, qualifyings=MappingProxyType(untimed))


def _moved(grand_prix: GrandPrix, back: timedelta, *, with_sprint: bool) -> GrandPrix:
    sessions = tuple(
        replace(session, starts_at=session.starts_at and session.starts_at - back)
        for session in grand_prix.sessions
        if with_sprint or not session.name.startswith("Sprint")
    )
    shape = grand_prix.format if with_sprint else "conventional"
    return replace(grand_prix, sessions=sessions, format=shape)


def with_results_at(at: datetime) -> Season:
    """The season when what had begun by then has its results."""
    season = load_season(SEASON)

    def published(table: Mapping[str, T], name: str) -> Mapping[str, T]:
        return MappingProxyType(
            {
                key: entries
                for key, entries in table.items()
                if _has_begun(season.grand_prix(key).session(name), at)
            }
        )

    return replace(
        season,
        races=published(season.races, "Race"),
        sprints=published(season.sprints, "Sprint"),
        qualifyings=published(season.qualifyings, "Qualifying"),
        sprint_qualifyings=published(season.sprint_qualifyings, "Sprint Qualifying"),
    )


def _has_begun(session: Session | None, at: datetime) -> bool:
    return session is not None and session.starts_at is not None and session.starts_at <= at


def promised_requests(season: Season) -> int:
    """Both calendars and a page for each hundred rows of an endpoint that was begun."""
    keys = {grand_prix.id for grand_prix in season.grands_prix}
    endpoints = (season.races, season.qualifyings, season.sprints)
    totals = (
        sum(len(entries) for key, entries in table.items() if key in keys) for table in endpoints
    )
    return CALENDARS + sum(-(-total // PAGE_ROWS) for total in totals)
