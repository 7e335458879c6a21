"""What a person may do to an event, its classification, its entrants or a driver: with who, when
and why.

Each is one transaction, and raises `WrongRequest`, with nothing written, where it cannot be done.
What is done to an event is done under its season's lock, and leaves one entry in the feed; a start,
a status or a classification that was corrected is locked: ingests compare, show the difference and
write nothing until it is released. What is said of drivers is said of all seasons, under the locks
of all: one entry for each event with a result that moved, and nothing is locked.
"""

from ingestion.corrections.author import Author, clean_reason, last_entry
from ingestion.corrections.drivers import merge_drivers, split_driver, undo_change
from ingestion.corrections.entrants import (
    NewDriver,
    add_entrant,
    replace_entrant,
    withdraw_entrant,
)
from ingestion.corrections.entries import Key, key_of, list_choosable_drivers
from ingestion.corrections.possible import possible_corrections
from ingestion.corrections.preview import Preview, preview
from ingestion.corrections.results import (
    correct_classification,
    disqualify,
    edit_entries,
    enter_leaders,
    has_leaders_alone,
    list_restorable,
    points_by_place,
    reorder,
    restore_revision,
    undo_correction,
)
from ingestion.corrections.schedule import (
    close_picks,
    correct_start,
    correct_status,
    release_schedule,
    reopen_picks,
    void_event,
)
from ingestion.corrections.standing import (
    accept_proposal,
    reconsider_proposal,
    reject_proposal,
    release_results,
    settle_results,
)

__all__ = [
    "Author",
    "Key",
    "NewDriver",
    "Preview",
    "accept_proposal",
    "add_entrant",
    "clean_reason",
    "close_picks",
    "correct_classification",
    "correct_start",
    "correct_status",
    "disqualify",
    "edit_entries",
    "enter_leaders",
    "has_leaders_alone",
    "key_of",
    "last_entry",
    "list_choosable_drivers",
    "list_restorable",
    "merge_drivers",
    "points_by_place",
    "possible_corrections",
    "preview",
    "reconsider_proposal",
    "reject_proposal",
    "release_results",
    "release_schedule",
    "reopen_picks",
    "reorder",
    "replace_entrant",
    "restore_revision",
    "settle_results",
    "split_driver",
    "undo_change",
    "undo_correction",
    "void_event",
    "withdraw_entrant",
]
