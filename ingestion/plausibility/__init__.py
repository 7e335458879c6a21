"""May this calendar, this classification be believed? Refused whole where not."""

from ingestion.plausibility.calendars import (
    check_calendar,
    check_remaining,
    is_in_season,
    is_plausible_weekend,
)
from ingestion.plausibility.classifications import (
    check_classification,
    check_leaders,
    is_plausible,
)
from ingestion.plausibility.field import NOTHING_KNOWN, SeasonField, describe_field

__all__ = [
    "NOTHING_KNOWN",
    "SeasonField",
    "check_calendar",
    "check_classification",
    "check_leaders",
    "check_remaining",
    "describe_field",
    "is_in_season",
    "is_plausible",
    "is_plausible_weekend",
]
