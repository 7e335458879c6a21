"""What happened to an event, and what it is now, in sentences for people.

Over loaded rows, with no query of its own: see `Change.objects.for_story`, and
`Event.objects.with_classifications`.
"""

from ingestion.story.changes import StoryLine, describe_author, describe_change, describe_story
from ingestion.story.drivers import describe_driver
from ingestion.story.events import (
    describe_event,
    describe_payout,
    describe_second_opinion,
    find_made_at,
)
from ingestion.story.outcome import Outcome, Turn, describe_outcome
from ingestion.story.printing import print_instant, print_source

__all__ = [
    "Outcome",
    "StoryLine",
    "Turn",
    "describe_author",
    "describe_change",
    "describe_driver",
    "describe_event",
    "describe_outcome",
    "describe_payout",
    "describe_second_opinion",
    "describe_story",
    "find_made_at",
    "print_instant",
    "print_source",
]
