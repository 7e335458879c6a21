"""Damaged classifications, made from real ones as an upstream makes them: half-filled, cut, mixed.

Exhaustive where that is cheap, else seeded. Some cannot be told from another real classification:
EXCUSES at the end says which, and why.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from ingestion.plausibility import SeasonField
from ingestion.records import ClassificationRecord, ResultRecord
from ingestion.sessions import SessionType

Rows = tuple[ResultRecord, ...]

RACES = {SessionType.RACE, SessionType.SPRINT}
FIRST_KNOCKOUT = 2006
SAMPLES = 6


@dataclass(frozen=True)
class Damaged:
    """`real` is what it was made from, `known` what was saved of the season before it."""

    kind: str
    real: ClassificationRecord
    known: SeasonField
    results: Rows

    @property
    def classification(self) -> ClassificationRecord:
        return replace(self.real, results=self.results)

    @property
    def season(self) -> int:
        return self.real.race.season

    @property
    def is_race(self) -> bool:
        return self.real.session_type in RACES

    @property
    def lost(self) -> int:
        return len(self.real.results) - len(self.results)

    @property
    def changes_front(self) -> bool:
        """Another podium or another pole: what is paid on."""
        front = 3 if self.is_race else 1
        return [row.driver_id for row in self.results[:front]] != [
            row.driver_id for row in self.real.results[:front]
        ]

    @property
    def excuse(self) -> str:
        """Why nobody can tell it from a real one; '' where it has to be refused."""
        excuses = EXCUSES.get(self.kind, {})
        return next((reason for reason, holds in excuses.items() if holds(self)), "")


def damage(
    real: ClassificationRecord, season: Sequence[ClassificationRecord], known: SeasonField
) -> Iterator[Damaged]:
    """Every damage of this one; `season` lends it rows of other races."""
    random = Random(f"{real.race.season} {real.race.round_number} {real.session_type}")
    for kind, make in KINDS.items():
        for rows in make(real, season, random):
            results = rearrange(rows)
            if results != real.results:
                yield Damaged(kind, real, known, results)


def rearrange(rows: Iterable[ResultRecord]) -> Rows:
    """As the transform sorts them: by position, then car, then driver."""
    ordered = sorted(
        rows,
        key=lambda row: (row.position or math.inf, row.driver_number or math.inf, row.driver_id),
    )
    return tuple(
        row if row.order == order else replace(row, order=order)
        for order, row in enumerate(ordered, start=1)
    )


def put(row: ResultRecord, position: int) -> ResultRecord:
    printed = str(position) if row.classification.isdigit() else row.classification
    return replace(row, position=position, classification=printed)


def replaced(rows: Rows, index: int, row: ResultRecord) -> Rows:
    return (*rows[:index], row, *rows[index + 1 :])


Season = Sequence[ClassificationRecord]
Make = Callable[[ClassificationRecord, Season, Random], Iterator[Iterable[ResultRecord]]]


# Positions


def zero_places(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    rows = real.results
    yield tuple(put(row, 0) for row in rows)
    for index, row in enumerate(rows):
        yield replaced(rows, index, put(row, 0))
        yield (*rows[:index], *(put(row, 0) for row in rows[index:]))
    for _ in range(SAMPLES):
        yield tuple(put(row, 0) if random.random() < 0.5 else row for row in rows)


def shift_places(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    for first in range(len(real.results)):
        yield tuple(
            put(row, row.position + 1) if index >= first else row
            for index, row in enumerate(real.results)
        )


def double_places(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """Each row at the place of each of its two neighbours ahead."""
    rows = real.results
    for index, row in enumerate(rows):
        for ahead in rows[max(0, index - 2) : index]:
            yield replaced(rows, index, put(row, ahead.position))


# Rows


def drop_rows(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    rows = real.results
    for index in range(len(rows)):
        yield (*rows[:index], *rows[index + 1 :])


def cut_end(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    for kept in range(1, len(real.results) - 1):
        yield real.results[:kept]


def cut_start(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """The second page of a race alone."""
    for lost in range(1, len(real.results)):
        yield real.results[lost:]


def cut_page(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """A page of qualifyings is cut by the best place in Q1 to Q3, not by the final one."""
    if real.session_type in RACES:
        return
    ranked = sorted(real.results, key=lambda row: (rank_best_part(row, real.results), row.position))
    for kept in range(1, len(ranked)):
        yield tuple(ranked[:kept])
        yield tuple(ranked[kept:])


def rank_best_part(row: ResultRecord, rows: Rows) -> int:
    best = row.position
    for part in ("q1", "q2", "q3"):
        time = getattr(row, part)
        if time is not None:
            told = [getattr(one, part) for one in rows if getattr(one, part) is not None]
            best = min(best, 1 + sum(other < time for other in told))
    return best


def double_rows(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """Each row twice: in its place, and as one more at the end."""
    rows = real.results
    for row in rows:
        yield (*rows, row)
        yield (*rows, put(row, rows[-1].position + 1))


# Other races


def swap_rows_in(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """A row of another race in the place of one of this: as it is there, or at this one's place."""
    others = find_others(real, season)
    for index, row in enumerate(real.results):
        for other in random.sample(others, min(1, len(others))):
            foreign = random.choice(other.results)
            yield replaced(real.results, index, foreign)
            yield replaced(real.results, index, put(foreign, row.position))
            for own in other.results:
                if own.driver_id == row.driver_id:
                    yield replaced(real.results, index, put(own, row.position))


def mix_rounds(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    others = find_others(real, season)
    for other in random.sample(others, min(SAMPLES, len(others))):
        yield (*real.results, *other.results)
        half = len(real.results) // 2
        yield (*real.results[:half], *other.results[half:])
        places = {row.position: row for row in real.results}
        for row in other.results:
            if random.random() < 0.5:
                places[row.position] = row
        yield tuple(places.values())


def find_others(real: ClassificationRecord, season: Season) -> list[ClassificationRecord]:
    return [
        one for one in season if one.session_type is real.session_type and one.race != real.race
    ]


def replace_field(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """Everything but the drivers is this race's."""
    if real.race.season >= FIRST_KNOCKOUT:
        yield tuple(
            replace(row, driver_id=f"stranger_{row.order}", driver_name=f"Stranger {row.order}")
            for row in real.results
        )


def add_another_series(
    real: ClassificationRecord, season: Season, random: Random
) -> Iterator[Rows]:
    """Thirty cars, ten of them with drivers of another series, behind the others and among them."""
    if real.race.season < FIRST_KNOCKOUT:
        return
    last = real.results[-1].position
    strangers = [make_stranger(real.results[-1], last + number) for number in range(1, 11)]
    yield (*real.results, *strangers)
    mixed = [row for pair in zip(strangers, real.results[:10], strict=True) for row in pair]
    both = (*mixed, *real.results[10:])
    yield tuple(put(row, place) for place, row in enumerate(both, start=1))


def make_stranger(like: ResultRecord, position: int) -> ResultRecord:
    return put(
        replace(
            like,
            driver_id=f"stranger_{position}",
            driver_number=200 + position,
            constructor_id=f"series_{position // 2}",
            grid=None if like.grid is None else position,
        ),
        position,
    )


# Revisions


def mix_revisions(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """Rows of before and of after an amendment: a disqualification, a penalty of some places."""
    for _ in range(SAMPLES):
        amended = amend(real, random)
        before = {row.driver_id: row for row in real.results}
        for _ in range(SAMPLES):
            mixed = tuple(
                before.get(row.driver_id, row) if random.random() < 0.5 else row for row in amended
            )
            if {row.position: row.driver_id for row in mixed} != {
                row.position: row.driver_id for row in amended
            } and rearrange(mixed) != real.results:
                yield mixed


def amend(real: ClassificationRecord, random: Random) -> Rows:
    rows = list(real.results)
    culprit = rows.pop(random.randrange(min(10, len(rows) - 1)))
    if random.random() < 0.5:
        lower = random.randrange(culprit.order, len(rows)) if culprit.order < len(rows) else 0
        rows.insert(lower, culprit)
    else:
        rows.append(replace(culprit, classification="D", status="Disqualified"))
    places = [row.position for row in real.results]
    return tuple(put(row, place) for row, place in zip(rows, places, strict=True))


def disqualify_without_moving(
    real: ClassificationRecord, season: Season, random: Random
) -> Iterator[Rows]:
    """A patch that is half done: the letter or the status is there, the place is the old one."""
    if real.session_type not in RACES or real.race.season < FIRST_KNOCKOUT:
        return
    for index, row in enumerate(real.results):
        if any(is_finisher(later) for later in real.results[index + 1 :]):
            yield replaced(real.results, index, replace(row, status="Disqualified"))
            yield replaced(real.results, index, replace(row, classification="D"))


def is_finisher(row: ResultRecord) -> bool:
    return row.classification.isdigit() and row.status != "Disqualified"


def exchange_places(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """The order of one revision with the times, laps and points of another."""
    rows = real.results
    pairs = [(i, j) for j in range(len(rows)) for i in range(j)]
    near = [(i, j) for i, j in pairs if i < 3]
    for i, j in [*near, *random.sample(pairs, SAMPLES)]:
        one, other = rows[i], rows[j]
        swapped = replaced(rows, i, print_like(other, one))
        yield replaced(swapped, j, print_like(one, other))


def print_like(row: ResultRecord, place: ResultRecord) -> ResultRecord:
    return replace(row, position=place.position, classification=place.classification)


# Columns


def leave_unfilled(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    if real.session_type in RACES:
        yield tuple(replace(row, laps=0) for row in real.results)
        yield tuple(replace(row, points=row.points and row.points * 0) for row in real.results)


def lose_parts(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """Q1 alone, in the final order and in that of Q1."""
    if real.session_type in RACES or real.race.season < FIRST_KNOCKOUT:
        return
    rows = tuple(replace(row, q2=None, q3=None) for row in real.results)
    yield rows
    yield rank_by(rows, "q1")


def lose_last_part(real: ClassificationRecord, season: Season, random: Random) -> Iterator[Rows]:
    """Q1 and Q2 in the final order."""
    if real.session_type not in RACES and real.race.season >= FIRST_KNOCKOUT:
        yield tuple(replace(row, q3=None) for row in real.results)


def rank_by(rows: Rows, part: str) -> Rows:
    ranked = sorted(
        rows, key=lambda row: (getattr(row, part) is None, getattr(row, part) or 0, row.order)
    )
    return tuple(put(row, place) for place, row in enumerate(ranked, start=1))


KINDS: dict[str, Make] = {
    "positions zero or missing": zero_places,
    "positions shifted": shift_places,
    "a position doubled": double_places,
    "a row dropped": drop_rows,
    "rows cut at the end": cut_end,
    "rows cut at the start": cut_start,
    "a page of qualifying cut": cut_page,
    "a row doubled": double_rows,
    "a row of another race": swap_rows_in,
    "two rounds mixed": mix_rounds,
    "a field of strangers": replace_field,
    "thirty cars": add_another_series,
    "two revisions mixed": mix_revisions,
    "disqualified and not moved": disqualify_without_moving,
    "two places exchanged": exchange_places,
    "laps or points unfilled": leave_unfilled,
    "Q1 alone": lose_parts,
    "Q3 blank": lose_last_part,
}


# What cannot be told from a real classification


def is_last_line_lost(damaged: Damaged) -> bool:
    """A car that stayed away or has no line: 19 of 20 in Australia in 2024, in the Netherlands'
    qualifying and in Spain in 2025. Of a race it shows where the car had a slot that is now one
    too many."""
    return damaged.real.results[-1].driver_id not in {row.driver_id for row in damaged.results}


def is_second_of_shared_place_lost(damaged: Damaged) -> bool:
    """What is left counts 1, 2, 3."""
    [lost] = find_lost(damaged)
    return [row.position for row in damaged.real.results].count(lost.position) > 1


def is_lost_before_left_out_numbers(damaged: Damaged) -> bool:
    """24 is followed by 30 (1979 Canada), then 23 may be."""
    [lost] = find_lost(damaged)
    following = damaged.real.results[lost.order : lost.order + 1]
    return any(row.position > lost.position + 1 for row in following)


def find_lost(damaged: Damaged) -> list[ResultRecord]:
    kept = [(row.driver_id, row.driver_number) for row in damaged.results]
    return [row for row in damaged.real.results if (row.driver_id, row.driver_number) not in kept]


def is_small_cut_of_qualifying(damaged: Damaged) -> bool:
    """A quarter at the most: two teams that stayed away (2014 United States), while the times of
    those who are left do not fill Q2. In a race the grid tells."""
    return not damaged.is_race and 4 * damaged.lost <= len(damaged.real.results)


def is_team_lost(damaged: Damaged) -> bool:
    """The two cars of a team, withdrawn after the qualifying; their slots were the last two."""
    lost = [row.constructor_id for row in find_lost(damaged)]
    return damaged.is_race and len(lost) == 2 and len(set(lost)) == 1


def is_old_field(damaged: Damaged) -> bool:
    """Before 1994 fields differed from race to race, from 10 up; so does the first of a season
    before 2006, of which nothing is known."""
    is_free = damaged.season < 1994 or (damaged.season < FIRST_KNOCKOUT and not damaged.known.sizes)
    return is_free and len(damaged.results) >= 10


def is_small_cut_before_knockout(damaged: Damaged) -> bool:
    """Teams came and went, and only the first of the grid's slots were sure to be taken."""
    return damaged.season < FIRST_KNOCKOUT and 4 * damaged.lost <= len(damaged.real.results)


def is_shared_place_parted(damaged: Damaged) -> bool:
    """The first who is shifted had a place with somebody else, or follows numbers left out."""
    real, shifted = damaged.real.results, damaged.results
    first = next(index for index, row in enumerate(real) if row.position != shifted[index].position)
    step = real[first].position - real[first - 1].position
    return first > 0 and step != 1


def is_shared_car(damaged: Damaged) -> bool:
    """The two at one place have one car (Gould and Gregory, 1958 Netherlands)."""
    shared = [
        (one, other)
        for one, other in pairwise(damaged.results)
        if one.position == other.position and one.driver_number == other.driver_number
    ]
    return damaged.season < 1965 and bool(shared)


def is_in_real_order(damaged: Damaged) -> bool:
    """Everybody is in his place: only his laps or times are of another race."""
    return [(row.driver_id, row.position) for row in damaged.results] == [
        (row.driver_id, row.position) for row in damaged.real.results
    ]


def is_driver_replaced(damaged: Damaged) -> bool:
    """One driver for another, who drove other races of the season: as a reserve driver, unless
    the weekend's qualifying is known to have had the first."""
    before = {row.driver_id for row in damaged.real.results}
    after = {row.driver_id for row in damaged.results}
    is_free = damaged.season < FIRST_KNOCKOUT or not damaged.is_race
    return is_free and len(after - before) == 1 and len(before - after) <= 1


def is_same_in_front(damaged: Damaged) -> bool:
    """Behind the pole the times of a qualifying decide nothing: penalties and disqualifications
    moved too many (2007). Before 2006 drivers and cars came and went."""
    is_free = not damaged.is_race or damaged.season < FIRST_KNOCKOUT
    return is_free and not damaged.changes_front


def is_nothing_known(damaged: Damaged) -> bool:
    """A season's first classification says who drives in it."""
    return not damaged.known.drivers


def is_place_shared(damaged: Damaged) -> bool:
    """A place that two have, and the last number missing for it: as of a disqualified driver
    (2025 Singapore). Times tell most of them: the last was too slow for the place."""
    places = [row.position for row in damaged.results]
    return not damaged.is_race and len(set(places)) == places[-1] < len(places)


def is_exchanged_behind_podium(damaged: Damaged) -> bool:
    """Neither points nor laps tell them apart, and times behind the podium are wrong at times.
    What is judged is what is paid on: the podium, the pole."""
    return not damaged.changes_front


def is_exchanged_before_1991(damaged: Damaged) -> bool:
    """Points of cars shared and of fastest laps; and times were never compared."""
    return damaged.season < 1991


def is_tie(damaged: Damaged) -> bool:
    """To the thousandth: Russell and Verstappen, Canada 2024."""
    one, other = damaged.results[:2]
    return not damaged.is_race and one.q3 is not None and one.q3 == other.q3


Excuse = Callable[[Damaged], bool]

SMALL_CUTS: dict[str, Excuse] = {
    "a qualifying cut by a quarter at the most": is_small_cut_of_qualifying,
    "before 2006, cut by a quarter at the most": is_small_cut_before_knockout,
    "a field of before 1994, or of which nothing is known": is_old_field,
}
EXCUSES: dict[str, dict[str, Excuse]] = {
    "positions shifted": {"two at one place parted": is_shared_place_parted},
    "a position doubled": {
        "a disqualified driver not moved": is_place_shared,
        "two of one car": is_shared_car,
    },
    "a row dropped": {
        "the last line": is_last_line_lost,
        "one of two at one place": is_second_of_shared_place_lost,
        "before numbers left out": is_lost_before_left_out_numbers,
    },
    "rows cut at the end": {"the two cars of a team": is_team_lost, **SMALL_CUTS},
    "a page of qualifying cut": SMALL_CUTS,
    "a row of another race": {
        "everybody in his place": is_in_real_order,
        "one driver for another": is_driver_replaced,
        "a disqualified driver not moved": is_place_shared,
    },
    "two rounds mixed": {"the same in front": is_same_in_front},
    "a field of strangers": {"the season's first": is_nothing_known},
    "two revisions mixed": {"a disqualified driver not moved": is_place_shared},
    "two places exchanged": {
        "behind podium or pole": is_exchanged_behind_podium,
        "before 1991": is_exchanged_before_1991,
        "a tie": is_tie,
    },
}
