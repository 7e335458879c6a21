"""Who corrects and why, and the one event that is corrected."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from ingestion.errors import ChangedMeanwhile, WrongRequest
from ingestion.models import Change, Event
from ingestion.save import SaveContext, change_event, change_results

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LONGEST_REASON = 2000
# Categories of Unicode without anything to see: spaces, controls, marks on no letter.
UNSEEN_CATEGORIES = ("C", "M", "Z")
# Letters and symbols by category, and blank all the same: Hangul's fillers, Braille's empty cell.
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
# Controls that a text needs: lines, and the joiners of some scripts and of emoji.
NEEDED_CONTROLS = "\n\t\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Author:
    """Who corrects, when (UTC) and why.

    `seen` is the last entry of the event's story that they looked at, 0 where there was none: what
    arrived since is not overruled unseen. None: not checked.
    """

    person: "User"
    reason: str
    now: datetime
    seen: int | None = None

    def require_reason(self) -> None:
        clean_reason(self.reason)

    def require_seen(self, event: Event) -> None:
        """Raise `ChangedMeanwhile` where the feed has more than the person saw; within the season's
        lock."""
        if self.seen is not None and self.seen != last_entry(event):
            raise ChangedMeanwhile(_("something arrived for the event meanwhile; look at it again"))

    def context(self, cause: Change.Cause) -> SaveContext:
        reason = clean_reason(self.reason)
        return SaveContext(None, cause, self.now, person=self.person, reason=reason)


def clean_reason(text: str) -> str:
    """The reason without what cannot be seen around and within it. Raises `WrongRequest` where
    nothing is left to read, or too much."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(
        char
        for char in lines
        if char in NEEDED_CONTROLS or not unicodedata.category(char).startswith("C")
    ).strip()
    if not any(
        char not in BLANKS and not unicodedata.category(char).startswith(UNSEEN_CATEGORIES)
        for char in kept
    ):
        raise WrongRequest(
            _("a correction needs a reason that can be read: who says so, or how you know it"),
            about="reason",
        )
    if len(kept) > LONGEST_REASON:
        raise WrongRequest(
            _(
                "the reason has %(length)d characters, and %(most)d is the most: shorten it, or "
                "give the address of the document"
            )
            % {"length": len(kept), "most": LONGEST_REASON},
            about="reason",
        )
    return kept


def refuse_cancelled(event: Event) -> None:
    if event.is_cancelled:
        raise WrongRequest(_("the event is cancelled; set it to scheduled first"))


def last_entry(event: Event) -> int:
    """The event's last entry in the feed, 0 without one."""
    entries = Change.objects.filter(event=event).order_by("-pk").values_list("pk", flat=True)
    return entries.first() or 0


@contextmanager
def corrected_event(event: Event, author: Author, kind: Change.Kind) -> Iterator[Event]:
    """The event, to be changed by its author until the block ends."""
    # Before the season's lock, for which an ingest may let a person wait.
    author.require_reason()
    with change_event(event, kind, author.context(_cause_of(kind))) as corrected:
        author.require_seen(corrected)
        yield corrected


@contextmanager
def corrected_results(
    event: Event, author: Author, kind: Change.Kind, *, revision: int
) -> Iterator[Event]:
    """The same for what the event says of its classification, of which its author saw that
    revision."""
    author.require_reason()
    context = author.context(_cause_of(kind))
    with change_results(event, kind, context, revision=revision) as corrected:
        author.require_seen(corrected)
        yield corrected


def _cause_of(kind: Change.Kind) -> Change.Cause:
    is_release = kind == Change.Kind.RELEASED
    return Change.Cause.RELEASE if is_release else Change.Cause.CORRECTION
