"""How to ask for several classifications with the fewest requests: each alone, the rest of a
season from some row on, or the season at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count

from ingestion import fetch
from ingestion.matching import StoredGrandPrix, gather_grands_prix
from ingestion.models import Event, Poll
from ingestion.pipeline.missing import HAD
from ingestion.pipeline.pages import USUAL_FIELD
from ingestion.pipeline.wanted import RestOfSeason, Wanted, WantedGrandPrix, WantedOfKind
from ingestion.records import Source
from ingestion.sessions import SessionType


def plan_requests(season: int, due: Sequence[Event], others: Sequence[Event] = ()) -> Wanted:
    """For what is due, and for those of the others that take no further request; none of those
    that were cancelled meanwhile."""
    if not due:
        return {}
    plan = _read_season(season)
    by_kind: dict[SessionType, list[Event]] = defaultdict(list)
    for event in due:
        if event.grand_prix in plan.grands_prix:
            by_kind[SessionType(event.session_type)].append(event)
    wanted: dict[SessionType, WantedOfKind] = {}
    for kind, events in by_kind.items():
        mates = [other for other in others if other.session_type == kind]
        wanted[kind] = plan.choose(kind, events, mates)
    return wanted


def _read_season(season: int) -> "SeasonPlan":
    events = list(Event.objects.filter(season=season).annotate(rows=Count("results")).order_by())
    calendars = Poll.objects.filter(season=season, event=None).first()
    standing = [event.as_stored() for event in events if not event.is_cancelled]
    return SeasonPlan(
        {one.slug: one for one in gather_grands_prix(standing)},
        calendars.rounds if calendars is not None else {},
        events,
    )


@dataclass(frozen=True, slots=True)
class Block:
    """A grand prix's rows in the season's pages; `is_certain` where they are those that are
    stored."""

    grand_prix: str
    round_number: int
    rows: int
    is_certain: bool


@dataclass(frozen=True, slots=True)
class SeasonPlan:
    """`rounds` are Jolpica's own numbers, as far as its calendar told them; `events` are all that
    are stored, each with its number of `rows`."""

    grands_prix: dict[str, StoredGrandPrix]
    rounds: dict[str, int]
    events: Sequence[Event]

    def choose(
        self, kind: SessionType, due: Sequence[Event], others: Sequence[Event]
    ) -> WantedOfKind:
        alone = tuple(map(self._name, due))
        if kind is SessionType.SPRINT_QUALIFYING:
            # There are no pages of a season.
            return alone
        if any(event.results_state not in HAD for event in due):
            # What is awaited is asked for under the address at which others ask too.
            others = ()
        named = {event.grand_prix: event for event in (*others, *due)}
        blocks = self._list_blocks(kind, named)
        if blocks is None:
            return None if self._count_pages(kind, due) < len(due) else alone
        rest = self._find_rest(blocks, named, due)
        return alone if rest is None else rest

    def _find_rest(
        self, blocks: Sequence[Block], named: dict[str, Event], due: Sequence[Event]
    ) -> RestOfSeason | None:
        """The longest that takes no more requests than what is due; None where that would take as
        many alone and nothing goes along."""
        asked = {event.grand_prix for event in due}
        last_start = min(i for i, block in enumerate(blocks) if block.grand_prix in asked)
        starts = [
            i for i, block in enumerate(blocks[: last_start + 1]) if block.grand_prix in named
        ]
        pages = {start: _count_pages_from(blocks, start) for start in starts}
        fewest = min(len(due), pages[last_start] or len(due))
        for start in starts:
            count = pages[start]
            covered = [one.grand_prix for one in blocks[start:] if one.grand_prix in named]
            if count is not None and count <= fewest and count < len(covered):
                before = [one for one in blocks[:start] if one.rows]
                return RestOfSeason(
                    tuple(self._name(named[slug]) for slug in covered),
                    rows=sum(one.rows for one in before),
                    after=before[-1].round_number if before else None,
                    pages=count,
                )
        return None

    def _list_blocks(self, kind: SessionType, named: Iterable[str]) -> list[Block] | None:
        """In Jolpica's order; None where it does not tell every one's place."""
        blocks = []
        for event in self.events:
            if event.session_type != kind:
                continue
            number = self.rounds.get(event.grand_prix)
            if number is not None:
                blocks.append(_block_of(event, number, is_named=event.grand_prix in named))
            elif event.has_results or event.grand_prix in named:
                return None
        return sorted(blocks, key=lambda block: block.round_number)

    def _count_pages(self, kind: SessionType, due: Sequence[Event]) -> int:
        """Of the whole season."""
        saved = sum(_rows_of(event) for event in self.events if event.session_type == kind)
        awaited = sum(not event.has_results for event in due)
        return fetch.count_pages(saved + awaited * USUAL_FIELD)

    def _name(self, event: Event) -> WantedGrandPrix:
        own = self.rounds.get(event.grand_prix)
        return WantedGrandPrix(
            self.grands_prix[event.grand_prix],
            own if own is not None else event.round_number,
            is_upstreams=own is not None,
        )


def _block_of(event: Event, number: int, *, is_named: bool) -> Block:
    rows = _rows_of(event)
    is_jolpicas = event.results_source == Source.JOLPICA and event.results_state in HAD
    is_as_told = is_jolpicas and not event.results_locked and event.proposal_id is None
    is_certain = is_as_told if event.has_results else event.is_cancelled
    return Block(
        event.grand_prix, number, USUAL_FIELD if is_named and not rows else rows, is_certain
    )


def _rows_of(event: Event) -> int:
    rows: int = getattr(event, "rows")  # noqa: B009 - annotated
    return rows


def _count_pages_from(blocks: Sequence[Block], start: int) -> int | None:
    """None where what comes before may be more, or less, than what is stored."""
    before = blocks[:start]
    if not all(block.is_certain for block in before):
        return None
    witness = any(block.rows for block in before)
    return fetch.count_pages(sum(block.rows for block in blocks[start:]) + witness)
