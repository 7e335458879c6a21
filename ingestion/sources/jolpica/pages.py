"""Classifications of one kind, page by page: each page the requested one, and whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingestion.errors import BadSourceData
from ingestion.sessions import SessionType
from ingestion.sources.cache import forget_copies
from ingestion.sources.calls import calling
from ingestion.sources.values import UNREADABLE

if TYPE_CHECKING:
    import pandas as pd

    from ingestion.sources.http import Adapter

# Jolpica cuts any larger limit to this.
PAGE_ROWS = 100
# The largest season has 24 races of 20, or 7 of 30 and more; a `total` far beyond is a mistake, and
# believing it would request pages without end.
LARGEST_TOTAL = 5000

# An entry of a classification: round, driver, car.
Entry = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Races, each with its rows, as FastF1 gives them; `sent` are the rows as they were sent, by
    race, empty where they are not known. FastF1 casts what it cannot read to missing, in silence.
    """

    races: "pd.DataFrame"
    rows: Sequence["pd.DataFrame"]
    generated_at: datetime | None
    sent: Sequence[Sequence[Mapping[str, Any]]] = ()


@dataclass(frozen=True, slots=True)
class Pages:
    """All pages of a season or of one round; `urls` are where FastF1's cache has them."""

    pages: tuple[Page, ...]
    expires_at: datetime | None
    urls: tuple[str, ...]

    @property
    def generated_at(self) -> datetime | None:
        """The age of the oldest page; None where one does not say."""
        ages = [page.generated_at for page in self.pages]
        return None if None in ages else min(age for age in ages if age is not None)


def fetch_pages(
    adapter: "Adapter",
    season: int,
    session_type: SessionType,
    *,
    round_number: int | None = None,
    pages_expected: int = 1,
    fresh: bool,
) -> Pages:
    """A season's classifications of one kind of session, or one round's.

    As many pages as are expected are reserved before the first; it says how many there are. Raises
    `BadSourceData` when the pages are not of one piece.
    """
    from fastf1.ergast import Ergast

    ergast = Ergast(result_type="pandas", auto_cast=True)
    fetch_page = getattr(ergast, f"get_{session_type}_results")
    endpoint = session_type.kind.ergast_endpoint
    what = f"Jolpica's {endpoint} of {season}"
    if round_number is not None:
        what += f" round {round_number}"
    pages: list[Page] = []
    expiries: list[datetime] = []
    urls: list[str] = []
    entries: list[Entry] = []
    total: int | None = None
    try:
        with adapter.block(pages_expected):
            while total is None or len(entries) < total:
                offset = len(entries)
                if total is not None:
                    adapter.expect(count_pages(total - offset))
                urls.append(build_url(season, round_number, endpoint, offset=offset))
                with calling(adapter, what, urls[-1], fresh=fresh) as call:
                    # None is left out of the address, which has to be the one of `build_url`.
                    page = fetch_page(season, round_number, limit=PAGE_ROWS, offset=offset or None)
                    _check_page(what, page, offset=offset, total=total)
                    entries += _read_entries(what, page, entries)
                    sent = _list_sent(call.read_document(), page.content)
                    made_at = call.read_generated_at()
                    pages.append(Page(page.description, page.content, made_at, sent))
                    if (expires_at := call.read_expires_at()) is not None:
                        expiries.append(expires_at)
                total = page.total_results
    except BadSourceData:
        if not fresh:
            forget_copies(urls)
        raise
    return Pages(tuple(pages), max(expiries, default=None), tuple(urls))


def _list_sent(document: Any, frames: Sequence["pd.DataFrame"]) -> list[list[Mapping[str, Any]]]:
    try:
        races = document["MRData"]["RaceTable"]["Races"]
        sent = [next(rows for rows in race.values() if isinstance(rows, list)) for race in races]
    except (*UNREADABLE, StopIteration):
        sent = []
    is_whole = [len(rows) for rows in sent] == [len(frame) for frame in frames]
    return sent if is_whole else []


def count_pages(rows: int) -> int:
    """How many pages so many rows take; the answer that there are none takes one too."""
    return max(1, -(-rows // PAGE_ROWS))


def build_url(season: int, round_number: int | None, endpoint: str, *, offset: int) -> str:
    """The address that FastF1 builds for a page, which is also its key in FastF1's cache."""
    from fastf1.ergast import interface

    path = f"/{season}" if round_number is None else f"/{season}/{round_number}"
    query = f"limit={PAGE_ROWS}" + (f"&offset={offset}" if offset else "")
    return f"{interface.BASE_URL}{path}/{endpoint}.json?{query}"


def _check_page(what: str, page: Any, *, offset: int, total: int | None) -> None:
    """That a page is the requested one, and whole."""
    if int(page._response_headers.get("offset", offset)) != offset:
        raise BadSourceData(f"{what}: another page than the requested one was sent")
    if not 0 <= page.total_results <= LARGEST_TOTAL:
        raise BadSourceData(f"{what}: {page.total_results} rows in all cannot be")
    if total is not None and page.total_results != total:
        raise BadSourceData(f"{what}: the number of rows changed from page to page")
    rows = sum(len(frame) for frame in page.content)
    expected = max(0, min(PAGE_ROWS, page.total_results - offset))
    if rows != expected:
        raise BadSourceData(f"{what}: a page has {rows} rows where {expected} should be")


def _read_entries(what: str, page: Any, earlier: Sequence[Entry]) -> list[Entry]:
    """The entries of a page; a repeated page would make up the number and hide what is missing. In
    the race that the page before it cut, an order that changed meanwhile may show a driver again:
    that race alone is in doubt, and whoever reads it sees it."""
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
