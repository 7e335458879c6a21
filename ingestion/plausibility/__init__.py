"""May this calendar, this classification be believed? Refused whole where not."""

from ingestion.plausibility.calendars import (
    check_calendar,
    check_remaining,
    is_in_season,
    is_plausible_weekend,
)
from ingestion.plausibility.classifications import check_classification, is_plausible
from ingestion.plausibility.field import SeasonField, describe_field

__all__ = [
    "SeasonField",
    "check_calendar",
    "check_classification",
    "check_remaining",
    "describe_field",
    "is_in_season",
    "is_plausible",
    "is_plausible_weekend",
]
