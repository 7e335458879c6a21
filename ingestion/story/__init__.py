"""What happened to an event, and what it is now, in words for people.

Over loaded rows, with no query of its own: see `Change.objects.for_story`, and
`Event.objects.with_classifications`.
"""

from ingestion.story.changes import Telling, describe_author, describe_change, tell_story
from ingestion.story.events import describe_event, describe_payout, find_made_at
from ingestion.story.words import print_instant, print_source

__all__ = [
    "Telling",
    "describe_author",
    "describe_change",
    "describe_event",
    "describe_payout",
    "find_made_at",
    "print_instant",
    "print_source",
    "tell_story",
]
