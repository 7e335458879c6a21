"""The cars of live timing's archive, lap by lap: what its screen showed, and when."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from ingestion.sample.ergast import Q2_FIELD, Q3_FIELD, choose_field, print_clock
from ingestion.sample.season import Finish, Lap

Document = dict[str, Any]
# Milliseconds since the stream began, and what changed.
Line = tuple[int, Document]
Entries = Sequence[Lap | Finish]

SECOND = 1000
MINUTE = 60 * SECOND
# The streams of a qualifying begin a quarter of an hour before it, those of a race an hour.
PART_STARTS = (15 * MINUTE, 43 * MINUTE, 68 * MINUTE)
PART_LENGTHS = (18 * MINUTE, 15 * MINUTE, 12 * MINUTE)
RACE_START = 60 * MINUTE

OUT_LAP = 110 * SECOND
IN_LAP = 95 * SECOND
BETWEEN_CARS = 6 * SECOND
# How much quicker the lap was that is deleted.
GAIN_OFF_THE_TRACK = 3 * SECOND
# A car that was lapped, or disqualified later, crosses the line after the winner.
BEHIND_THE_WINNER = 120 * SECOND


def time_qualifying(laps: Sequence[Lap]) -> Iterator[Line]:
    yield 6 * SECOND, {"Lines": build_first_lines(laps)}
    fields = choose_fields(laps)
    for part, field in enumerate(fields):
        yield PART_STARTS[part], open_part(laps, part, field)
    for place, lap in enumerate(laps):
        yield from time_car(lap, laps, fields, place)
    last = PART_STARTS[-1] + PART_LENGTHS[-1] + 2 * MINUTE
    yield last, {"Lines": print_places([lap.number for lap in laps])}


def choose_fields(laps: Sequence[Lap]) -> list[set[int]]:
    return [
        {lap.number for lap in laps},
        choose_field(laps, "q2", Q2_FIELD),
        choose_field(laps, "q3", Q3_FIELD),
    ]


def build_first_lines(entries: Entries) -> Document:
    """The whole of each car's line; afterwards only what changes is sent."""
    nothing = {"Value": "", "Status": 0, "OverallFastest": False, "PersonalFastest": False}
    numbers = sorted(entry.number for entry in entries)
    return {
        str(number): {
            "Line": line,
            "Position": str(line),
            "ShowPosition": True,
            "RacingNumber": str(number),
            "Retired": False,
            "InPit": True,
            "PitOut": False,
            "Stopped": False,
            "Status": 80,
            "Sectors": [{"Stopped": False, **nothing} for _ in range(3)],
            "Speeds": dict.fromkeys(("I1", "I2", "FL", "ST"), nothing),
            "BestLapTime": {"Value": ""},
            "LastLapTime": nothing,
        }
        for line, number in enumerate(numbers, start=1)
    }


def open_part(laps: Sequence[Lap], part: int, field: set[int]) -> Document:
    """Who goes on has an empty time of the part, which is how FastF1 knows when it began."""
    lines = {
        str(lap.number): {"BestLapTimes": {str(part): {"Value": ""}}, "KnockedOut": False}
        if lap.number in field
        else {"KnockedOut": True}
        for lap in laps
    }
    return {"SessionPart": part + 1, "Lines": lines}


def time_car(
    lap: Lap, laps: Sequence[Lap], fields: Sequence[set[int]], place: int
) -> Iterator[Line]:
    """One run in each part: out, the laps that count, in."""
    done = 0
    for part, field in enumerate(fields):
        if lap.number not in field:
            return
        leaves = PART_STARTS[part] + MINUTE + place * BETWEEN_CARS
        times = choose_times(lap, laps, part)
        yield from time_run(lap.number, part, leaves, times, done)
        done += 2 + len(times)


def choose_times(lap: Lap, laps: Sequence[Lap], part: int) -> list[int]:
    """The laps of a run in milliseconds; the last that has a time had a quicker one deleted."""
    time = (lap.q1, lap.q2, lap.q3)[part]
    if time is None:
        return []
    if part == 0 and lap is find_deleted(laps):
        return [time - GAIN_OFF_THE_TRACK, time]
    return [time]


def find_deleted(laps: Sequence[Lap]) -> Lap | None:
    timed = [lap for lap in laps if lap.q1 is not None]
    return timed[-1] if timed else None


def time_run(
    number: int, part: int, leaves: int, times: Sequence[int], done: int
) -> Iterator[Line]:
    def tell(at: int, **changes: Any) -> Line:
        return at, {"Lines": {str(number): changes}}

    yield tell(leaves, InPit=False, PitOut=True, Status=608, NumberOfLaps=done + 1)
    yield tell(leaves + 30 * SECOND, PitOut=False, Status=576)
    ends = list(accumulate(times, initial=leaves + OUT_LAP))
    yield tell(ends[0], NumberOfLaps=done + 2, Status=64)
    for count, (start, time) in enumerate(zip(ends, times, strict=False), start=done + 3):
        yield from (tell(at, Sectors=sector) for at, sector in time_sectors(start, time)[:-1])
        end, sector = time_sectors(start, time)[-1]
        lap = {"Value": print_clock(time)}
        best: Document = {}
        if time == times[-1]:
            best = {"BestLapTime": lap, "BestLapTimes": {str(part): {**lap, "Lap": count}}}
        yield tell(end, NumberOfLaps=count, Sectors=sector, LastLapTime=lap, **best)
    yield tell(ends[-1] + IN_LAP, InPit=True, Status=80)


def time_sectors(start: int, time: int) -> list[Line]:
    """When each of the lap's three sectors was driven, and its time."""
    first, second = time * 3 // 10, time * 4 // 10
    sectors = (first, second, time - first - second)
    ends = accumulate(sectors, initial=start)
    next(ends)
    return [
        (end, {str(index): {"Value": print_clock(sector)}})
        for index, (end, sector) in enumerate(zip(ends, sectors, strict=True))
    ]


def print_places(numbers: Iterable[int]) -> Document:
    return {
        str(number): {"Line": place, "Position": str(place)}
        for place, number in enumerate(numbers, start=1)
    }


def time_race(finishes: Sequence[Finish]) -> Iterator[Line]:
    yield 6 * SECOND, {"Lines": build_first_lines(finishes)}
    cars = order_on_track(finishes)
    for place, (finish, total) in enumerate(cars):
        to_the_grid = 20 * MINUTE + place * BETWEEN_CARS
        yield to_the_grid, {"Lines": {str(finish.number): {"InPit": False, "Status": 64}}}
        yield from time_stint(finish, total, cars[0])
    flag = RACE_START + cars[0][1]
    last = {"Lines": print_places(finish.number for finish, _ in cars)}
    yield flag + BEHIND_THE_WINNER + 2 * MINUTE, last


def time_stint(finish: Finish, total: int, leader: tuple[Finish, int]) -> Iterator[Line]:
    """A lap at its end, as the first of all has it: without a time, and without a sector."""

    def tell(at: int, **changes: Any) -> Line:
        return at, {"Lines": {str(finish.number): changes}}

    ends = [RACE_START + total * lap // (finish.laps or 1) for lap in range(finish.laps + 1)]
    for lap in range(1, finish.laps + 1):
        start, end = ends[lap - 1], ends[lap]
        first, second, (_, third) = time_sectors(start, end - start)
        if lap > 1:
            yield tell(first[0], Sectors=first[1])
        yield tell(second[0], Sectors=second[1])
        timed = {"LastLapTime": {"Value": print_clock(end - start)}} if lap > 1 else {}
        gap = print_gap_to(leader, lap, end, is_leader=finish is leader[0])
        yield tell(end, NumberOfLaps=lap, Sectors=third, GapToLeader=gap, **timed)
    if not finish.classification.isdigit() and finish.status != "Disqualified":
        yield tell(ends[-1] + 40 * SECOND, Retired=True, Stopped=True, Status=4)


def print_gap_to(leader: tuple[Finish, int], lap: int, end: int, *, is_leader: bool) -> str:
    if is_leader:
        return f"LAP {lap}"
    winner, total = leader
    gap = max(0, end - (RACE_START + total * lap // winner.laps))
    return f"+{gap // SECOND}.{gap % SECOND:03}"


def order_on_track(finishes: Sequence[Finish]) -> list[tuple[Finish, int]]:
    """As the cars crossed the line, each with its whole time: who was disqualified later is where
    it finished, who retired behind all that went further."""
    winner = finishes[0]
    best = winner.milliseconds or 90 * MINUTE
    cars = []
    for finish in finishes:
        total = finish.milliseconds
        if total is None and finish.laps < winner.laps and not finish.classification.isdigit():
            total = best * finish.laps // winner.laps + finish.order * SECOND
        elif total is None:
            total = best + BEHIND_THE_WINNER - SECOND * (len(finishes) - finish.order)
        cars.append((finish, total))
    return sorted(cars, key=lambda car: (-car[0].laps, car[1]))
