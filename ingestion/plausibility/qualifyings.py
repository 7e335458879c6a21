"""Q1, Q2 and Q3 of a (sprint) qualifying against the order.

All times blank is believed: the order is that of the stewards' document, and the times come with
a second one, hours later (2025 Canada, 2025 Britain, 2026 Japan). Some of them is not.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from itertools import groupby, pairwise
from statistics import median_low

from ingestion.plausibility.field import FIRST_KNOCKOUT
from ingestion.records import ResultRecord

PLACES_IN_Q3 = 10

# Entries that never left the pits have no line and count for the places in Q2 all the same: 15 of
# 18 in Australia in 2015, 16 of 20 in Australia in 2026.
UNLISTED_ENTRIES = 2

# Who takes a place in the next part after another's lap was deleted is one place lower by the
# times that are left (2007 Monaco).
PLACES_MOVED_UP = 1

# One time that is a little too slow is a slip of whoever wrote it down: Heidfeld's Q2 in Turkey in
# 2008, a second more than he needed.
SLIP = 1.01

# The quickest in the rain of Turkey in 2020 needed 92 % of what the middle of the field needed;
# less than this is a lap of another circuit. Slow laps are real: in most sessions a car crashes.
QUICKEST_OF_MEDIAN = 0.85

# Both cars of a team, if it is the car.
MOST_PUT_BEHIND = 2

# One hour with one list of times, the best counts.
SINGLE_HOUR = range(1996, 2003)


def find_missing_part(rows: Sequence[ResultRecord]) -> str:
    """Q1 alone comes first after a session: twenty rows, places 1 to 20 and the wrong pole."""
    if all(row.q1 is row.q2 is row.q3 is None for row in rows):
        return ""
    if all(row.q2 is None for row in rows):
        return "Q2 is missing still"
    if all(row.q3 is None for row in rows):
        # The rain of 2015 left the United States without Q3, and Q2 decided.
        times = [row.q2 for row in rows if row.q2 is not None]
        if rows[0].q2 is None or times != sorted(times):
            return "Q3 is missing still"
    return ""


def find_misplaced_sharer(rows: Sequence[ResultRecord]) -> str:
    """A disqualified driver shares the place that he was quick enough for: whoever has the next
    place was not quicker. Without any time this cannot be judged."""
    places = [list(group) for _, group in groupby(rows, key=lambda row: row.position)]
    for place, (behind, *_) in pairwise(places):
        for row in place if len(place) > 1 else ():
            if _reach(row) > _NOTHING and _reach(behind) > _reach(row):
                return f"place {row.position} twice"
    return ""


def _reach(row: ResultRecord) -> tuple[int, timedelta]:
    """More the further a driver came, and the quicker there."""
    for part, time in ((3, row.q3), (2, row.q2), (1, row.q1)):
        if time is not None:
            return part, -time
    return _NOTHING


_NOTHING = (0, timedelta(0))


def find_wrong_knockout(rows: Sequence[ResultRecord]) -> str:
    """Half of those behind the first ten leave after Q1, the rest after Q2: 5 and 5 of 20, 6 and
    6 of 22, 7 and 7 of 24 (FIA Sporting Regulations, article on qualifying, of each year)."""
    in_q2 = PLACES_IN_Q3 + (len(rows) + UNLISTED_ENTRIES - PLACES_IN_Q3 + 1) // 2
    q1, q2, q3 = ([getattr(row, part) for row in rows] for part in ("q1", "q2", "q3"))
    fault = (
        _find_crowded(q2, "Q2", in_q2)
        or _find_crowded(q3, "Q3", PLACES_IN_Q3)
        or _find_too_slow(rows, q1, q2, in_q2)
        or _find_too_slow(rows, q2, q3, PLACES_IN_Q3)
    )
    if fault:
        return fault
    for times in (q1, q2, q3):
        known = [time for time in times if time is not None]
        limit = QUICKEST_OF_MEDIAN * median_low(known) if known else timedelta(0)
        for row, time in zip(rows, times, strict=True):
            if time is not None and time < limit:
                return f"{row.driver_id} was impossibly quick"
    return ""


Times = Sequence[timedelta | None]


def _find_crowded(times: Times, part: str, places: int) -> str:
    number = sum(time is not None for time in times)
    return f"{number} of the entries in {part}" if number > places else ""


def _find_too_slow(rows: Sequence[ResultRecord], times: Times, after: Times, places: int) -> str:
    """Who went on was among the quickest."""
    ranked = sorted(time for time in times if time is not None)
    places += PLACES_MOVED_UP
    slow = [
        (row, time)
        for row, time, later in zip(rows, times, after, strict=True)
        if time is not None and later is not None and ranked.index(time) >= places
    ]
    if not slow or (len(slow) == 1 and slow[0][1] < SLIP * ranked[places - 1]):
        return ""
    row, time = slow[0]
    return f"{row.driver_id} went on with the time number {ranked.index(time) + 1}"


def find_pole_that_was_not_quickest(
    season: int, rows: Sequence[ResultRecord], spoilt: Collection[str] = ()
) -> str:
    """Who was quicker and is not first was put behind the others (2012 Spain).

    Only the first place is judged by times: penalties moved others by a few places in 2007, and a
    time in the wrong column is no wrong order (2025 Emilia-Romagna: Norris's Q3 as his Q2).
    """
    parts: tuple[str, ...] = ()
    if season >= FIRST_KNOCKOUT:
        parts = ("q3", "q2")
    elif season in SINGLE_HOUR:
        parts = ("q1",)
    # In the other years nothing says which of the times decided.
    deciding = next(
        (part for part in parts if any(getattr(row, part) is not None for row in rows)), ""
    )
    timed = [row for row in rows if deciding and getattr(row, deciding) is not None]
    if not timed:
        return ""
    if timed[0] is not rows[0]:
        if rows[0].driver_id in spoilt:
            # A time that cannot be read is none that is slower than others.
            return ""
        return f"{rows[0].driver_id} is first without a time"
    best = getattr(rows[0], deciding)
    quicker = [row for row in timed if getattr(row, deciding) < best]
    behind = [row for row in quicker if row.position > PLACES_IN_Q3][-MOST_PUT_BEHIND:]
    if quicker == behind:
        return ""
    return f"{quicker[0].driver_id} was quicker than {rows[0].driver_id} on pole"
