"""May this classification be believed?

Real classifications are stranger than they look, and the upstream's unfinished ones more regular:
each rule here accepts every real one that is known and names, where it bends, the one that bends
it. What a rule returns says what is wrong, '' is nothing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from ingestion.errors import ResultsNotReady
from ingestion.plausibility.field import (
    FIRST_KNOCKOUT,
    NOTHING_KNOWN,
    SeasonField,
    find_absent,
    find_odd_constructor,
    find_odd_size,
    find_strangers,
    join_names,
)
from ingestion.plausibility.places import (
    DID_NOT_START,
    find_mixed_letters,
    find_mixed_letters_before_knockout,
    find_wrong_places_before_knockout,
    find_wrong_places_in_qualifying,
    find_wrong_places_in_race,
)
from ingestion.plausibility.qualifyings import (
    find_misplaced_sharer,
    find_missing_part,
    find_pole_that_was_not_quickest,
    find_wrong_knockout,
)
from ingestion.plausibility.races import (
    find_wrong_grid,
    find_wrong_laps,
    find_wrong_points,
    find_wrong_times,
)
from ingestion.records import ClassificationRecord, ResultRecord

# Drivers took over each other's cars until 1964, and until 1993 one could fail to qualify in a car
# that another raced, or with a number that another had.
FIRST_OF_ONE_CAR_EACH = 1994


def check_classification(classification: ClassificationRecord, field: SeasonField) -> None:
    """Raise `ResultsNotReady`, with the reason, where a classification cannot be the final one.

    All of it may come right by waiting: the caller knows how long to wait, and says it loudly
    afterwards. `field` is what is known of the season, `NOTHING_KNOWN` where nothing is.
    """
    for fault in filter(None, _find_faults(classification, field)):
        raise ResultsNotReady(fault)


def check_leaders(classification: ClassificationRecord) -> None:
    """Raise as `check_classification` does, of a podium or a pole alone: by what no season allows,
    and nothing that needs to know what the sport was like."""
    for fault in filter(None, _find_gaps(classification.results)):
        raise ResultsNotReady(fault)


def is_plausible(classification: ClassificationRecord) -> bool:
    """Whether its year's rules alone allow it, whatever is known of the season."""
    return not any(_find_faults(classification, NOTHING_KNOWN))


def _find_gaps(rows: Sequence[ResultRecord]) -> Iterator[str]:
    """What no season allows."""
    yield "" if rows else "it has no entry yet"
    yield find_missing_places(rows)
    yield "" if all(row.driver_id for row in rows) else "an entry has no driver"
    yield find_doubled(rows)


def _find_faults(classification: ClassificationRecord, field: SeasonField) -> Iterator[str]:
    """The simplest first: what is missing, before what follows from it."""
    season, rows = classification.race.season, classification.results
    session_type = classification.session_type
    yield from _find_gaps(rows)
    # The second source may know a new team by its name alone.
    if not classification.is_provisional and not all(row.constructor_id for row in rows):
        yield "an entry has no constructor"
    yield find_doubled_in_cars_of_their_own(season, rows)
    yield find_doubled_cars(season, rows)
    yield find_odd_size(season, rows, field)
    has_knockout = season >= FIRST_KNOCKOUT
    if not session_type.kind.is_race:
        yield find_wrong_places_in_qualifying(rows)
        yield find_misplaced_sharer(rows)
        if has_knockout:
            yield find_missing_part(rows)
            yield find_wrong_knockout(rows)
        yield find_pole_that_was_not_quickest(season, rows, classification.spoilt)
    else:
        if has_knockout:
            yield find_wrong_places_in_race(rows)
            yield find_mixed_letters(rows)
        else:
            yield find_wrong_places_before_knockout(season, rows)
            yield find_mixed_letters_before_knockout(rows)
        yield find_wrong_laps(rows)
        yield find_wrong_points(season, rows)
        yield find_wrong_grid(season, rows)
        yield find_wrong_times(season, rows)
    if has_knockout:
        yield find_odd_constructor(session_type, rows, field)
        yield find_strangers(rows, field)
        yield find_absent(session_type, rows, field)


def find_missing_places(rows: Sequence[ResultRecord]) -> str:
    """Zero or missing positions come first after a session, the real ones later. There is always
    a first, whoever was disqualified."""
    places = [row.position for row in rows]
    if min(places) < 1 or places[0] != 1:
        return "positions are missing still"
    if places != sorted(places):
        return "its entries are not in the order of their positions"
    return ""


def find_doubled(rows: Sequence[ResultRecord]) -> str:
    """89 times in history a driver is listed twice in a session, always in different cars."""
    entries = Counter((row.driver_id, row.driver_number) for row in rows)
    doubled = dict.fromkeys(driver for (driver, _), times in entries.items() if times > 1)
    return f"{', '.join(doubled)} twice in the same car" if doubled else ""


def find_doubled_in_cars_of_their_own(season: int, rows: Sequence[ResultRecord]) -> str:
    """Who is listed twice took over another's car (1958 France: Brooks in his own and in that of
    Lewis-Evans, at the place of both), or did not start in one."""
    entries = Counter(row.driver_id for row in rows)
    doubled = {driver for driver, times in entries.items() if times > 1}
    if season < FIRST_OF_ONE_CAR_EACH:
        cars = Counter((row.position, row.driver_number) for row in rows)
        doubled -= {
            row.driver_id
            for row in rows
            if cars[row.position, row.driver_number] > 1 or row.classification in DID_NOT_START
        }
    return f"{join_names(doubled)} twice" if doubled else ""


def find_doubled_cars(season: int, rows: Sequence[ResultRecord]) -> str:
    numbers = Counter(row.driver_number for row in rows if row.driver_number is not None)
    twice = [number for number, times in numbers.items() if times > 1]
    return f"car {twice[0]} twice" if twice and season >= FIRST_OF_ONE_CAR_EACH else ""
