"""Which grand prix is this one? Among those stored, and between two calendars."""

from ingestion.matching.drivers import (
    check_keys,
    check_names,
    check_person,
    check_persons,
    find_person,
    is_part,
)
from ingestion.matching.identity import (
    StoredGrandPrix,
    as_known,
    find_listed,
    gather_grands_prix,
    is_race_of,
    match_calendar,
    match_race,
)
from ingestion.matching.merging import merge_calendars

__all__ = [
    "StoredGrandPrix",
    "as_known",
    "check_keys",
    "check_names",
    "check_person",
    "check_persons",
    "find_listed",
    "find_person",
    "gather_grands_prix",
    "is_part",
    "is_race_of",
    "match_calendar",
    "match_race",
    "merge_calendars",
]
