"""The stand-in upstream of a season that unfolds, on a clock that somebody else moves."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from urllib.parse import parse_qsl, urlsplit

from ingestion.sample import alpha, jolpica
from ingestion.sample.schedule_file import build_schedule_file
from ingestion.sample.season import GrandPrix
from ingestion.sample.upstream import (
    HTML,
    JOLPICA_MAX_AGE,
    Answer,
    Connection,
    Request,
    StandInUpstream,
    print_date,
    refuse_jolpica,
    reset,
    serve_schedule,
)
from rehearsal.played import DEFAULT_SEED, PlayedSeason, Trouble
from rehearsal.shared_cache import SharedCache

# How often somebody else asks for an address: at any time, and in the evening of a session that it
# tells of.
QUIET = timedelta(hours=12)
BUSY = timedelta(minutes=20)
EVENING = timedelta(hours=6)
# As FastF1's users ask for a season's.
PAGE_ROWS = 100
# Beyond the last publication nothing is told that is not known.
AFTERWARDS = timedelta(days=60)

UNREACHABLE_PAGE = b"<!doctype html><title>503 Service Unavailable</title>"


class NoAnswer(Answer):
    """The connection is reset instead."""


class PlayedUpstream(StandInUpstream):
    """What Jolpica answers it gives to everybody for an hour; while it is away it answers 503 or
    not at all, in turn."""

    def __init__(
        self,
        played: PlayedSeason,
        *,
        clock: Callable[[], datetime],
        seed: int = DEFAULT_SEED,
    ) -> None:
        super().__init__({}, clock=clock)
        self.played = played
        self.cache = open_cache(played, seed=seed)
        self._refusals = 0
        self._answering = threading.Lock()

    def answer(self, request: Request) -> Answer:
        with self._answering:
            return super().answer(request)

    def answer_schedule(self, request: Request) -> Answer:
        year = self.played.facts.year
        self.seasons = {year: self.played.schedule_at(request.at)}
        if not request.path.endswith(f"_{year}.json"):
            return super().answer_schedule(request)
        is_blank = self.played.is_blank(request.at)
        return serve_schedule(request, b"" if is_blank else build_schedule_file(self.seasons[year]))

    def answer_jolpica(self, request: Request) -> Answer:
        return self._refuse(request) or self._answer_shared(request, super().answer_jolpica)

    def answer_alpha(self, request: Request) -> Answer:
        return self._refuse(request) or self._answer_shared(request, super().answer_alpha)

    def send(self, connection: Connection, answer: Answer) -> None:
        if isinstance(answer, NoAnswer):
            reset(connection)
        else:
            super().send(connection, answer)

    def _refuse(self, request: Request) -> Answer | None:
        if self.played.suffers(Trouble.THROTTLED, request.at):
            return refuse_jolpica(request, 429, "Request was throttled.")
        if not self.played.suffers(Trouble.UNREACHABLE, request.at):
            return None
        self._refusals += 1
        if self._refusals % 2:
            headers = {"Content-Type": HTML, "Date": print_date(request.at)}
            return Answer(503, headers, UNREACHABLE_PAGE)
        return NoAnswer(0)

    def _answer_shared(self, request: Request, answer: Callable[[Request], Answer]) -> Answer:
        made_at = self.cache.made_at(request.target, request.at)
        self.seasons = {self.played.facts.year: self.played.jolpica_at(made_at)}
        shared = answer(replace(request, at=made_at))
        # The server stamps a kept answer anew, its Expires stays.
        return replace(shared, headers={**shared.headers, "Date": print_date(request.at)})


def open_cache(played: PlayedSeason, *, seed: int = DEFAULT_SEED) -> SharedCache:
    """Jolpica's cache before the season; its other clients are drawn, alike for one seed."""

    def others(address: str) -> Sequence[datetime]:
        return draw_clients(played, address, Random(f"{seed} {address}"))  # noqa: S311

    def is_kept(address: str, at: datetime) -> bool:
        return not played.suffers(Trouble.UNREACHABLE, at) and has_answer(played, address, at)

    return SharedCache(max_age=JOLPICA_MAX_AGE, others=others, is_kept=is_kept)


def has_answer(played: PlayedSeason, address: str, at: datetime) -> bool:
    """An address of the Ergast form always, if only without rows; one of a sprint qualifying once
    it has been published."""
    weekend = find_sprint_qualifying(played, address)
    return weekend is None or weekend.id in played.jolpica_at(at).sprint_qualifyings


def find_sprint_qualifying(played: PlayedSeason, address: str) -> GrandPrix | None:
    results = alpha.RESULTS.fullmatch(urlsplit(address).path)
    if results is None:
        return None
    found = alpha.find_weekend({played.facts.year: played.facts}, results["key"])
    return found[1] if found else None


def draw_clients(played: PlayedSeason, address: str, random: Random) -> list[datetime]:
    if int(dict(parse_qsl(urlsplit(address).query)).get("offset", 0)) % PAGE_ROWS:
        # A page that begins in the middle of others is nobody else's.
        return []
    flags = [] if is_of_drivers(address) else sorted(set(list_flags(played, address)))
    until = played.publications[-1].at + AFTERWARDS
    asks = list(draw_asks(played.begins_at, until, QUIET, random))
    for flag_at in flags:
        asks += draw_asks(flag_at, flag_at + EVENING, BUSY, random)
    return sorted(asks)


def is_of_drivers(address: str) -> bool:
    """Nobody waits for a session's end to ask for a list of drivers."""
    question = jolpica.read_question(urlsplit(address).path)
    return question is not None and question.endpoint == "drivers"


def draw_asks(
    since: datetime, until: datetime, every: timedelta, random: Random
) -> Iterator[datetime]:
    at = since
    while (at := at + every * random.expovariate(1)) < until:
        yield at.replace(microsecond=0)


def list_flags(played: PlayedSeason, address: str) -> Iterator[datetime]:
    """Of the sessions that an address tells of: one weekend's, or all."""
    question = jolpica.read_question(urlsplit(address).path)
    number = question.round if question else None
    weekend = find_sprint_qualifying(played, address)
    if number is not None:
        weekend = next((one for one in played.facts.grands_prix if one.round == int(number)), None)
    for publication in played.publications:
        if weekend is None or publication.grand_prix == weekend.id:
            yield publication.flag_at
