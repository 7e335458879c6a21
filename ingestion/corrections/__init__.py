"""What a person may do to an event and its classification: with who, when and why.

Each is one transaction under the season's lock and one entry in the feed. What is corrected is
locked: ingests compare, show the difference and write nothing until it is released. Each raises
`WrongRequest`, with nothing written, where it cannot be done.
"""

from ingestion.corrections.author import Author
from ingestion.corrections.results import (
    accept_proposal,
    correct_classification,
    disqualify,
    enter_leaders,
    reject_proposal,
    release_results,
    reorder,
    restore_revision,
    settle_results,
)
from ingestion.corrections.schedule import (
    correct_start,
    correct_status,
    release_schedule,
    reopen_picks,
    void_event,
)

__all__ = [
    "Author",
    "accept_proposal",
    "correct_classification",
    "correct_start",
    "correct_status",
    "disqualify",
    "enter_leaders",
    "reject_proposal",
    "release_results",
    "release_schedule",
    "reopen_picks",
    "reorder",
    "restore_revision",
    "settle_results",
    "void_event",
]
