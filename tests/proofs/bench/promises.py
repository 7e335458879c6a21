"""What is promised in numbers (DESIGN.md, section 6) and can be counted here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingestion.sample.season import Season
from tests.proofs.bench.cases import (
    AGAIN,
    EMPTY,
    HISTORY,
    IDLE,
    WHOLE_BENCH,
    Case,
    name_many,
)
from tests.proofs.bench.facts import promised_requests
from tests.proofs.bench.measured import Measured
from tests.proofs.bench.spread import Spread

MOST_STATEMENTS_AGAIN = 12
STATEMENTS_OF_A_TICK = 2
MOST_OF_THE_FLOOR = 1.3
MOST_REQUESTS_OF_HISTORY, LONGEST_HISTORY = 5, 60

Found = Mapping[Case, Sequence[Measured]]


@dataclass(frozen=True, slots=True)
class Promise:
    """A time depends on what else the machine does: it `may_break`, unless that is not wanted."""

    words: str
    found: str
    is_kept: bool
    may_break: bool = False


def list_promises(found: Found, seasons: Sequence[Season]) -> list[Promise]:
    return [
        *_promises_of_a_season(found[Case(EMPTY)], seasons[-1]),
        *_promises_of_the_same_again(found[Case(AGAIN)]),
        *_promises_of_a_tick(found[Case(IDLE)]),
        *_promises_of_many_seasons(found[Case(name_many(len(seasons)))], seasons),
        *_promises_of_history(found[Case(HISTORY)], len(seasons)),
        _promise_of_no_trouble(found),
    ]


def _promises_of_a_season(each: Sequence[Measured], season: Season) -> Iterator[Promise]:
    promised = promised_requests(season)
    asked = Spread([one.requests - one.of_sprint_qualifyings for one in each])
    yield Promise(
        f"a season takes at most {promised} requests, sprint qualifyings apart",
        str(asked),
        asked.most <= promised,
    )
    ratios = Spread([one.ratio for one in each if one.ratio is not None], digits=2)
    yield Promise(
        f"... and at most {MOST_OF_THE_FLOOR} times what FastF1's pauses take",
        str(ratios),
        ratios.median <= MOST_OF_THE_FLOOR,
        may_break=True,
    )


def _promises_of_the_same_again(each: Sequence[Measured]) -> Iterator[Promise]:
    statements = Spread([one.statements for one in each])
    yield Promise(
        f"the same again takes at most {MOST_STATEMENTS_AGAIN} statements",
        str(statements),
        statements.most <= MOST_STATEMENTS_AGAIN,
    )
    rows = Spread([one.rows_beside_records for one in each])
    yield Promise("... and writes its own record alone", f"{rows} other rows", rows.most == 0)


def _promises_of_a_tick(each: Sequence[Measured]) -> Iterator[Promise]:
    requests = Spread([one.requests for one in each])
    statements = Spread([one.statements for one in each])
    rows = Spread([sum(one.written.values()) + abs(one.grown_rows) for one in each])
    yield Promise("a tick with nothing due asks nobody", f"{requests} requests", requests.most == 0)
    yield Promise(
        "... by one UPDATE and one SELECT",
        f"{statements} statements",
        statements.most <= STATEMENTS_OF_A_TICK,
    )
    yield Promise("... and leaves no row", str(rows), rows.most == 0)


def _promises_of_many_seasons(
    each: Sequence[Measured], seasons: Sequence[Season]
) -> Iterator[Promise]:
    promised = sum(map(promised_requests, seasons))
    asked = Spread([one.requests - one.of_sprint_qualifyings for one in each])
    words = f"{len(seasons)} seasons take at most {promised} requests, sprint qualifyings apart"
    yield Promise(words, str(asked), asked.most <= promised)


def _promises_of_history(each: Sequence[Measured], seasons: int) -> Iterator[Promise]:
    requests = Spread([one.requests for one in each])
    yield Promise(
        f"1950 to now takes at most {MOST_REQUESTS_OF_HISTORY} requests with Jolpica's dump",
        str(requests),
        requests.most <= MOST_REQUESTS_OF_HISTORY,
    )
    if seasons >= WHOLE_BENCH:
        took = Spread([one.seconds for one in each], digits=1)
        yield Promise(
            f"... and at most {LONGEST_HISTORY} s",
            f"{took} s",
            took.median <= LONGEST_HISTORY,
            may_break=True,
        )


def _promise_of_no_trouble(found: Found) -> Promise:
    troubles = [
        f"{case.name}: {trouble}"
        for case, each in found.items()
        for trouble in dict.fromkeys(trouble for one in each for trouble in one.troubles)
    ]
    words = "every run is well, and a tick imports neither FastF1 nor pandas"
    return Promise(words, "; ".join(troubles) or "yes", not troubles)
