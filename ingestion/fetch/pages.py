"""A season's classifications of one kind, page by page: each page the one asked for, and whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData
from ingestion.fetch.answers import Answer, Upstream
from ingestion.fetch.asking import asking, forget_copies
from ingestion.sessions import SessionType

if TYPE_CHECKING:
    import pandas as pd

# Jolpica cuts any larger limit to this.
PAGE_ROWS = 100

ENDPOINTS = {
    session_type: session_type.kind.ergast_endpoint
    for session_type in reversed(SessionType)
    if session_type.kind.ergast_endpoint
}

# The largest season has 24 races of 20, or 7 of 30 and more; a `total` far beyond is a mistake, and
# believing it would ask for pages without end.
LARGEST_TOTAL = 5000

# An entry of a classification: round, driver, car.
Entry = tuple[str, str, str]


class RowsMoved(BadSourceData):
    """A season's rows are not where they were; nothing of the answer can be placed."""


@dataclass(frozen=True, slots=True)
class Before:
    """What of a season is left out: so many rows, the last of them of that round of Jolpica's."""

    rows: int
    round_number: int


def fetch_results(
    upstream: Upstream,
    season: int,
    session_type: SessionType,
    *,
    round_number: int | None = None,
    before: Before | None = None,
    pages_expected: int = 1,
    fresh: bool,
) -> Answer:
    """A season's classifications of one kind of session, or one round's, page by page.

    Without what is `before`, but for its last row: the first of the answer, and proof that the next
    one begins a race. As many pages as are expected are set aside before the first; it tells how
    many there are. The content is a list of pages as FastF1 gives them, the age that of the oldest
    page. Raises `BadSourceData` when the pages are not of one piece, and `RowsMoved` when the
    first row is another.
    """
    with upstream.door.block(pages_expected):
        return _ask_pages(upstream, season, session_type, round_number, before, fresh=fresh)


def _ask_pages(
    upstream: Upstream,
    season: int,
    session_type: SessionType,
    round_number: int | None,
    before: Before | None,
    *,
    fresh: bool,
) -> Answer:
    what = f"Jolpica's {ENDPOINTS[session_type]} of {season}"
    if round_number is not None:
        what += f" round {round_number}"
    pages: list[tuple[pd.DataFrame, list[pd.DataFrame]]] = []
    ages: list[datetime | None] = []
    expiries: list[datetime | None] = []
    urls: list[str] = []
    entries: list[Entry] = []
    start = before.rows - 1 if before is not None else 0
    total: int | None = None
    try:
        while total is None or start + len(entries) < total:
            offset = start + len(entries)
            if total is not None:
                upstream.door.expect(count_pages(total - offset))
            urls.append(build_url(season, round_number, ENDPOINTS[session_type], offset=offset))
            with asking(upstream.door, what, urls[-1], fresh=fresh) as reply:
                page = _ask_page(season, session_type, round_number, offset=offset)
                _check_page(what, page, offset=offset, total=total)
                entries += _read_entries(what, page, entries)
                if before is not None:
                    _expect_boundary(what, entries, before)
                ages.append(reply.generated_at)
                expiries.append(reply.expires_at)
            pages.append((page.description, page.content))
            total = page.total_results
    except BadSourceData:
        if not fresh:
            forget_copies(urls)
        raise
    oldest = None if None in ages else min(age for age in ages if age is not None)
    return Answer(
        pages,
        oldest,
        () if fresh else tuple(urls),
        tuple(ages),
        expires_at=max((until for until in expiries if until is not None), default=None),
    )


def count_pages(rows: int) -> int:
    """Of so many rows; the answer that there are none takes one too."""
    return max(1, -(-rows // PAGE_ROWS))


def _ask_page(
    season: int, session_type: SessionType, round_number: int | None, *, offset: int
) -> Any:
    from fastf1.ergast import Ergast

    ergast = Ergast(result_type="pandas", auto_cast=True)
    ask = getattr(ergast, f"get_{session_type}_results")
    return ask(season, round_number, limit=PAGE_ROWS, offset=offset or None)


def _check_page(what: str, page: Any, *, offset: int, total: int | None) -> None:
    """That a page is the one asked for, and whole."""
    if int(page._response_headers.get("offset", offset)) != offset:
        raise BadSourceData(f"{what}: another page than the one asked for was sent")
    if not 0 <= page.total_results <= LARGEST_TOTAL:
        raise BadSourceData(f"{what}: {page.total_results} rows in all cannot be")
    if total is not None and page.total_results != total:
        raise BadSourceData(f"{what}: the number of rows changed from page to page")
    rows = sum(len(frame) for frame in page.content)
    expected = max(0, min(PAGE_ROWS, page.total_results - offset))
    if rows != expected:
        raise BadSourceData(f"{what}: a page has {rows} rows where {expected} should be")


def _expect_boundary(what: str, entries: Sequence[Entry], before: Before) -> None:
    rounds = [race for race, *_ in entries]
    if rounds[:1] != [str(before.round_number)] or rounds.count(rounds[0]) != 1:
        raise RowsMoved(f"{what}: its rows are not where they were")


def _read_entries(what: str, page: Any, earlier: Sequence[Entry]) -> list[Entry]:
    """Who stands where on a page; a repeated page would make up the number and hide what is
    missing. In the race that the page before it cut, an order that changed meanwhile may show a
    driver again: that race alone is in doubt, and whoever reads it sees it."""
    if not page.content:
        # FastF1's frame of no races has no columns.
        return []
    entries = [
        (str(race), str(driver), str(car))
        for race, frame in zip(page.description["round"], page.content, strict=True)
        for driver, car in zip(frame["driverId"], frame["number"], strict=True)
    ]
    cut = earlier[-1][0] if earlier else None
    again = {race for race, *_ in set(entries).intersection(earlier)}
    if len(set(entries)) < len(entries) or again - {cut}:
        raise BadSourceData(f"{what}: an entry was sent twice")
    return entries


def build_url(season: int, round_number: int | None, endpoint: str, *, offset: int) -> str:
    """The address that FastF1 builds for a page, which is also its key in FastF1's cache."""
    from fastf1.ergast import interface

    path = f"/{season}" if round_number is None else f"/{season}/{round_number}"
    query = f"limit={PAGE_ROWS}" + (f"&offset={offset}" if offset else "")
    return f"{interface.BASE_URL}{path}/{endpoint}.json?{query}"
