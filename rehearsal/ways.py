"""By which addresses a classification can be had of Jolpica, and when its cache lets it out."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import cache

from ingestion.sample import alpha
from ingestion.sample.season import Season
from ingestion.sample.upstream import JOLPICA_PATH
from rehearsal.history import Table
from rehearsal.played import PlayedSeason, Publication, Trouble
from rehearsal.shared_cache import SharedCache

PAGE_ROWS = 100
ENDPOINTS: dict[Table, str] = {
    "races": "results",
    "qualifyings": "qualifying",
    "sprints": "sprint",
}

# The addresses of one answer, page by page.
Way = tuple[str, ...]


def find_ways(
    played: PlayedSeason, publication: Publication, asked: AbstractSet[str] = frozenset()
) -> list[Way]:
    """Its grand prix alone, the season's pages, or one of those asked from another row on; of a
    sprint qualifying there is one."""
    facts = played.facts
    grand_prix = facts.grand_prix(publication.grand_prix)
    if publication.table == "sprint_qualifyings":
        return [(name_sprint_qualifying(facts, grand_prix.id),)]
    total = played.count_rows(publication.table, publication.at)
    alone = f"{JOLPICA_PATH}/{facts.year}/{grand_prix.round}/{ENDPOINTS[publication.table]}.json"
    return [
        (f"{alone}?limit={PAGE_ROWS}",),
        name_pages(facts.year, publication.table, total),
        *((page,) for page in asked if _holds(page, played, publication)),
    ]


def _holds(page: str, played: PlayedSeason, publication: Publication) -> bool:
    """Whether a page that begins anywhere in the season has all of it."""
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
    key = alpha.build_round_key(facts, facts.grand_prix(grand_prix))
    return f"{alpha.PATH}/results/{key}/SQ/"


@cache
def name_pages(year: int, table: Table, total: int) -> Way:
    """A season's, as FastF1 asks for them; there is a first one also of nothing."""
    base = f"{JOLPICA_PATH}/{year}/{ENDPOINTS[table]}.json?limit={PAGE_ROWS}"
    later = (f"{base}&offset={offset}" for offset in range(PAGE_ROWS, total, PAGE_ROWS))
    return base, *later


def find_let_out(
    played: PlayedSeason,
    cache: SharedCache,
    publication: Publication,
    asked: Sequence[str],
) -> datetime:
    """From when on an asker had it by the way that it took last (`asked` has the addresses, in
    order): when the answers from before are let go of, and the server answers at all."""
    known = find_ways(played, publication, frozenset(asked))
    taken = next((way for page in reversed(asked) for way in known if page in way), known[0])
    let_out = max(cache.let_out(page, publication.at) for page in taken)
    return max([let_out, *find_ends_of_refusal(played, let_out)])


def find_ends_of_refusal(played: PlayedSeason, at: datetime) -> Iterator[datetime]:
    for disturbance in played.disturbances:
        if disturbance.trouble is not Trouble.BLANK and disturbance.holds(at):
            yield disturbance.until
