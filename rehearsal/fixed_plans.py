"""What a plan by fixed times would have had, and when: computed, not run.

Each run requests what a run of a whole season requests: both calendars, every page of each kind of
session of which one is over, and the sprint qualifyings that are not settled yet. Publications,
refusals, the upstream's cache and its other clients are the same as in the rehearsal; a run takes
no time and is never late.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from rehearsal.courses import Course, Seen
from rehearsal.history import Table
from rehearsal.played_season import PlayedSeason, Publication, Stage, Trouble, Window
from rehearsal.upstream import (
    ENDPOINTS,
    PAGE_ROWS,
    SharedCache,
    find_let_out,
    name_pages,
    name_sprint_qualifying,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SETTLED_AFTER = DAY


def daily_at(window: Window, hours: Sequence[int]) -> Iterator[datetime]:
    """Those hours of each day (UTC)."""
    day = window.begins_at.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < window.ends_at:
        yield from (at for hour in hours if window.has(at := day + hour * HOUR))
        day += DAY


def every(window: Window, pause: timedelta) -> Iterator[datetime]:
    """From the full hour on."""
    at = window.begins_at.replace(minute=0, second=0, microsecond=0)
    while at < window.ends_at:
        if window.has(at):
            yield at
        at += pause


def follow(
    name: str,
    times: Iterable[datetime],
    played: PlayedSeason,
    window: Window,
    cache: SharedCache,
) -> Course:
    """A plan that runs at these times, in order, with a cache that no other plan has used."""
    plan = FixedPlan(played, window, cache)
    for at in times:
        plan.run(at)
    return plan.as_course(name)


class FixedPlan:
    def __init__(self, played: PlayedSeason, window: Window, cache: SharedCache) -> None:
        self._played = played
        self._cache = cache
        self._awaited = [
            publication
            for publication in window.choose(played.publications)
            if publication.stage is not Stage.HALF_FILLED
        ]
        self._open = {
            table: [one for one in self._awaited if one.table == table]
            for table in (*ENDPOINTS, "sprint_qualifyings")
        }
        self._first_flags = {
            table: min(
                (one.flag_at for one in played.publications if one.table == table),
                default=window.ends_at,
            )
            for table in ENDPOINTS
        }
        self._saved: dict[Publication, datetime] = {}
        self._requests: list[datetime] = []
        self._requested: dict[str, None] = {}
        self._now = window.begins_at

    def run(self, at: datetime) -> None:
        self._now = at
        # Jolpica's calendar.
        self._requests.append(at)
        for table in ENDPOINTS:
            if self._first_flags[table] <= at:
                self._request_pages(table)
        unsettled = [one for one in self._open["sprint_qualifyings"] if one.flag_at <= at]
        # The list of their keys.
        self._requests += [at] * bool(unsettled)
        for publication in unsettled:
            address = name_sprint_qualifying(self._played.facts, publication.grand_prix)
            made_at = self._request(address)
            if made_at is None or publication.at > made_at:
                continue
            if at >= self._saved.setdefault(publication, at) + SETTLED_AFTER:
                self._open["sprint_qualifyings"].remove(publication)

    def as_course(self, name: str) -> Course:
        seen = (
            Seen(
                one,
                find_let_out(self._played, self._cache, one, list(self._requested)),
                self._saved.get(one),
            )
            for one in self._awaited
        )
        return Course(name, is_run=False, seen=tuple(seen), requests=tuple(self._requests))

    def _request(self, address: str) -> datetime | None:
        """When the answer was generated, None where the request is refused."""
        self._requests.append(self._now)
        self._requested[address] = None
        is_refused = self._played.suffers(Trouble.UNREACHABLE, self._now)
        if is_refused or self._played.suffers(Trouble.THROTTLED, self._now):
            return None
        return self._cache.made_at(address, self._now)

    def _request_pages(self, table: Table) -> None:
        """Pages that differ in their `total` are refused; the first one's says how many there
        are."""
        year = self._played.facts.year
        made: list[datetime] = []
        total = 0
        while not made or len(made) * PAGE_ROWS < total:
            at = self._request(name_pages(year, table, max(total, 1))[len(made)])
            if at is None:
                return
            total = total if made else self._played.count_rows(table, at)
            if self._played.count_rows(table, at) != total:
                return
            made.append(at)
        for publication in [one for one in self._open[table] if one.at <= max(made)]:
            if publication.at <= min(made[page] for page in self._find_pages(publication, made)):
                self._saved[publication] = self._now
                self._open[table].remove(publication)

    def _find_pages(self, publication: Publication, made: Sequence[datetime]) -> range:
        """The pages that have its rows; all of them where none has."""
        season = self._played.jolpica_at(max(made))
        classifications = getattr(season, publication.table)
        entries = classifications.get(publication.grand_prix)
        if entries is None:
            return range(len(made))
        rounds = {one.id: one.round for one in season.grands_prix}
        before = sum(
            len(rows)
            for grand_prix, rows in classifications.items()
            if rounds[grand_prix] < rounds[publication.grand_prix]
        )
        return range(before // PAGE_ROWS, (before + len(entries) - 1) // PAGE_ROWS + 1)
