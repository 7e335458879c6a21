"""What FastF1 hands through in, records out: pure, no Django, no network, no clock.

Never NaN, NaT, 'nan' or a number of numpy's past this package.
"""

from ingestion.transform.calendars import read_calendar, read_schedule
from ingestion.transform.classifications import read_classifications
from ingestion.transform.sprint_qualifyings import (
    AlphaRound,
    Entrant,
    ListedDriver,
    UnknownEntrant,
    read_drivers,
    read_rounds,
    read_sprint_pole,
    read_sprint_qualifying,
)

__all__ = [
    "AlphaRound",
    "Entrant",
    "ListedDriver",
    "UnknownEntrant",
    "read_calendar",
    "read_classifications",
    "read_drivers",
    "read_rounds",
    "read_schedule",
    "read_sprint_pole",
    "read_sprint_qualifying",
]
