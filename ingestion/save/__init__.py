"""Records to rows and feed: one SELECT, compare in Python, few bulk writes, one transaction.

The same facts again write nothing; no event is ever deleted; the number of statements does not
grow with the season. Saves of one season are serialised, whoever makes them.
"""

from ingestion.save.calendar import save_calendar
from ingestion.save.classifications import save_classifications
from ingestion.save.correction import (
    change_event,
    change_results,
    read_revision,
    replace_classification,
)
from ingestion.save.derived import advance_statuses, derive_fields
from ingestion.save.drivers import find_persons, make_key
from ingestion.save.entrants import (
    ENTRANT_FACTS,
    awaits_last_field,
    build_changes,
    find_weekends,
    find_withdrawn_in_results,
    save_entrants,
    write_entrants,
)
from ingestion.save.listed import save_listed
from ingestion.save.rows import (
    SaveContext,
    build_change,
    find_unstorable,
    record_changes,
    season_locked,
    send_logged,
)

__all__ = [
    "ENTRANT_FACTS",
    "SaveContext",
    "advance_statuses",
    "awaits_last_field",
    "build_change",
    "build_changes",
    "change_event",
    "change_results",
    "derive_fields",
    "find_persons",
    "find_unstorable",
    "find_weekends",
    "find_withdrawn_in_results",
    "make_key",
    "read_revision",
    "record_changes",
    "replace_classification",
    "save_calendar",
    "save_classifications",
    "save_entrants",
    "save_listed",
    "season_locked",
    "send_logged",
    "write_entrants",
]
