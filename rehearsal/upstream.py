"""The stand-in upstream of a season that unfolds: Jolpica's cache, which all its clients share, its
other clients, its outages, and the addresses that have a classification.

An early request gets an answer without rows, and so do all others until that answer is an hour old:
a client depends on when something is published, and on when the answer from before expires.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from random import Random
from urllib.parse import parse_qsl, urlsplit

from ingestion.sample import ergast, newer
from ingestion.sample.schedule_file import build_schedule_file
from ingestion.sample.season import GrandPrix, Season
from ingestion.sample.upstream import (
    HTML,
    JOLPICA_MAX_AGE,
    JOLPICA_PATH,
    Answer,
    Connection,
    Request,
    StandInUpstream,
    print_date,
    refuse_jolpica,
    reset,
    serve_schedule,
)
from rehearsal.history import Table
from rehearsal.played_season import DEFAULT_SEED, PlayedSeason, Publication, Trouble
from rehearsal.second_source import SecondSource


class SharedCache:
    """When each answer was generated; its methods are called in the order of time.

    `others` are the times at which other clients request an address, in order. `is_kept` says
    whether the server keeps an answer generated then; it does not keep refusals and errors.
    """

    def __init__(
        self,
        *,
        max_age: timedelta,
        others: Callable[[str], Iterable[datetime]],
        is_kept: Callable[[str, datetime], bool],
    ) -> None:
        self.max_age = max_age
        self._others = others
        self._is_kept = is_kept
        self._coming: dict[str, Iterator[datetime]] = {}
        self._next: dict[str, datetime | None] = {}
        self._made: dict[str, list[datetime]] = {}

    def made_at(self, address: str, at: datetime) -> datetime:
        """When the answer to a request at this time was generated: up to `max_age` before."""
        self._serve_others(address, until=at)
        return self._answer(address, at)

    def let_out(self, address: str, published_at: datetime) -> datetime:
        """From when on every answer has what was published at that time."""
        self._serve_others(address, until=published_at)
        made = self._made.get(address, [])
        older = made[: bisect_right(made, published_at)]
        if older and older[-1] < published_at < older[-1] + self.max_age:
            return older[-1] + self.max_age
        return published_at

    def _answer(self, address: str, at: datetime) -> datetime:
        made = self._made.setdefault(address, [])
        if made and at < made[-1] + self.max_age:
            return made[-1]
        if self._is_kept(address, at):
            made.append(at)
        return at

    def _serve_others(self, address: str, *, until: datetime) -> None:
        if address not in self._coming:
            self._coming[address] = iter(self._others(address))
            self._next[address] = next(self._coming[address], None)
        while (at := self._next[address]) is not None and at < until:
            self._answer(address, at)
            self._next[address] = next(self._coming[address], None)


# How often other clients request an address, and in the evening of one of its sessions.
QUIET = timedelta(hours=12)
BUSY = timedelta(minutes=20)
EVENING = timedelta(hours=6)
# The pages of a season as FastF1's users request them.
PAGE_ROWS = 100
# Other clients go on after the last publication, long enough for any window.
AFTERWARDS = timedelta(days=60)

UNREACHABLE_PAGE = b"<!doctype html><title>503 Service Unavailable</title>"


class NoAnswer(Answer):
    """The connection is reset."""


class PlayedUpstream(StandInUpstream):
    """Jolpica gives all its clients the same answer for an hour. While it is unreachable it answers
    503 and resets the connection, in turn."""

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
        self.second = SecondSource(played, seed=seed)
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

    def answer_newer_form(self, request: Request) -> Answer:
        return self._refuse(request) or self._answer_shared(request, super().answer_newer_form)

    def is_restricted(self, at: datetime) -> bool:
        return self.second.is_restricted(at)

    def answer_openf1(self, request: Request) -> Answer:
        self.seasons = {self.played.facts.year: self.second.has_at(request.at)}
        return super().answer_openf1(request)

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
        # The server renews the Date of an answer that it keeps, and not the Expires.
        return replace(shared, headers={**shared.headers, "Date": print_date(request.at)})


def open_cache(played: PlayedSeason, *, seed: int = DEFAULT_SEED) -> SharedCache:
    """Jolpica's cache before the season. Its other clients are random, the same for one seed."""

    def others(address: str) -> Sequence[datetime]:
        return draw_clients(played, address, Random(f"{seed} {address}"))  # noqa: S311

    def is_kept(address: str, at: datetime) -> bool:
        return not played.suffers(Trouble.UNREACHABLE, at) and has_answer(played, address, at)

    return SharedCache(max_age=JOLPICA_MAX_AGE, others=others, is_kept=is_kept)


def has_answer(played: PlayedSeason, address: str, at: datetime) -> bool:
    """An address of the Ergast form always has one, possibly without rows; that of a sprint
    qualifying once it has been published."""
    weekend = find_sprint_qualifying(played, address)
    return weekend is None or weekend.id in played.jolpica_at(at).sprint_qualifyings


def find_sprint_qualifying(played: PlayedSeason, address: str) -> GrandPrix | None:
    results = newer.RESULTS.fullmatch(urlsplit(address).path)
    if results is None or results["code"] != "SQ":
        return None
    found = newer.find_weekend({played.facts.year: played.facts}, results["key"])
    return found[1] if found else None


def draw_clients(played: PlayedSeason, address: str, random: Random) -> list[datetime]:
    if int(dict(parse_qsl(urlsplit(address).query)).get("offset", 0)) % PAGE_ROWS:
        # Other clients do not request pages that begin elsewhere.
        return []
    flags = [] if is_of_drivers(address) else sorted(set(list_flags(played, address)))
    until = played.publications[-1].at + AFTERWARDS
    requests = list(draw_requests(played.begins_at, until, QUIET, random))
    for flag_at in flags:
        requests += draw_requests(flag_at, flag_at + EVENING, BUSY, random)
    return sorted(requests)


def is_of_drivers(address: str) -> bool:
    """A list of drivers is not requested more often after a session."""
    query = ergast.read_query(urlsplit(address).path)
    return query is not None and query.endpoint == "drivers"


def draw_requests(
    since: datetime, until: datetime, every: timedelta, random: Random
) -> Iterator[datetime]:
    at = since
    while (at := at + every * random.expovariate(1)) < until:
        yield at.replace(microsecond=0)


def list_flags(played: PlayedSeason, address: str) -> Iterator[datetime]:
    """The flags of the sessions that an address has: one weekend's, or all."""
    query = ergast.read_query(urlsplit(address).path)
    number = query.round if query else None
    weekend = find_sprint_qualifying(played, address)
    if number is not None:
        weekend = next((one for one in played.facts.grands_prix if one.round == int(number)), None)
    for publication in played.publications:
        if weekend is None or publication.grand_prix == weekend.id:
            yield publication.flag_at


# The addresses of a classification


ENDPOINTS: dict[Table, str] = {
    "races": "results",
    "qualifyings": "qualifying",
    "sprints": "sprint",
}

# The pages of one classification.
Addresses = tuple[str, ...]


def find_addresses(
    played: PlayedSeason, publication: Publication, requested: AbstractSet[str] = frozenset()
) -> list[Addresses]:
    """Its grand prix alone, the season's pages, or a requested page that begins at another row. A
    sprint qualifying has one address."""
    facts = played.facts
    grand_prix = facts.grand_prix(publication.grand_prix)
    if publication.table == "sprint_qualifyings":
        return [(name_sprint_qualifying(facts, grand_prix.id),)]
    total = played.count_rows(publication.table, publication.at)
    alone = f"{JOLPICA_PATH}/{facts.year}/{grand_prix.round}/{ENDPOINTS[publication.table]}.json"
    return [
        (f"{alone}?limit={PAGE_ROWS}",),
        name_pages(facts.year, publication.table, total),
        *((page,) for page in requested if _holds(page, played, publication)),
    ]


def _holds(page: str, played: PlayedSeason, publication: Publication) -> bool:
    """Whether a page that begins anywhere in the season has the whole classification."""
    base = f"{name_pages(played.facts.year, publication.table, 0)[0]}&offset="
    offset = page.removeprefix(base)
    if not offset.isdecimal():
        return False
    season = played.jolpica_at(publication.at)
    number = season.grand_prix(publication.grand_prix).round
    classifications = getattr(season, publication.table)
    before = sum(
        len(classifications.get(one.id, ())) for one in season.grands_prix if one.round < number
    )
    after = before + len(publication.entries)
    return int(offset) <= before and after <= int(offset) + PAGE_ROWS


def name_sprint_qualifying(facts: Season, grand_prix: str) -> str:
    key = newer.build_round_key(facts, facts.grand_prix(grand_prix))
    return f"{newer.PATH}/results/{key}/SQ/"


@cache
def name_pages(year: int, table: Table, total: int) -> Addresses:
    """A season's pages as FastF1 requests them; the first one exists without rows, too."""
    base = f"{JOLPICA_PATH}/{year}/{ENDPOINTS[table]}.json?limit={PAGE_ROWS}"
    later = (f"{base}&offset={offset}" for offset in range(PAGE_ROWS, total, PAGE_ROWS))
    return base, *later


def find_let_out(
    played: PlayedSeason,
    cache: SharedCache,
    publication: Publication,
    requested: Sequence[str],
) -> datetime:
    """From when on the classification was to be had at the addresses that a client requested last
    (`requested`, in order): the answers from before have expired, and the server answers."""
    known = find_addresses(played, publication, frozenset(requested))
    used = next(
        (pages for last in reversed(requested) for pages in known if last in pages), known[0]
    )
    let_out = max(cache.let_out(page, publication.at) for page in used)
    return max([let_out, *find_ends_of_refusal(played, let_out)])


def find_ends_of_refusal(played: PlayedSeason, at: datetime) -> Iterator[datetime]:
    for disturbance in played.disturbances:
        if disturbance.trouble is not Trouble.BLANK and disturbance.holds(at):
            yield disturbance.until
