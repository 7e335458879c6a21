"""Who corrects, and the one event that is corrected."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from ingestion.errors import ChangedMeanwhile, WrongRequest
from ingestion.models import Change, Event
from ingestion.save import SaveContext, change_event

if TYPE_CHECKING:
    from django.contrib.auth.models import User


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
        if not self.reason.strip():
            raise WrongRequest(_("a correction needs a reason"), about="reason")

    def require_seen(self, event: Event) -> None:
        """To be called within the season's lock."""
        if self.seen is not None and self.seen != last_entry(event):
            raise ChangedMeanwhile(_("something arrived for the event meanwhile; look at it again"))

    def context(self, cause: Change.Cause) -> SaveContext:
        return SaveContext(None, cause, self.now, person=self.person, reason=self.reason)


def last_entry(event: Event) -> int:
    """The event's last entry in the feed, 0 without one."""
    entries = Change.objects.filter(event=event).order_by("-pk").values_list("pk", flat=True)
    return entries.first() or 0


@contextmanager
def corrected_event(event: Event, author: Author, kind: Change.Kind) -> Iterator[Event]:
    """The event, to be changed by its author until the block ends."""
    author.require_reason()
    with change_event(event, kind, author.context(Change.Cause.CORRECTION)) as corrected:
        author.require_seen(corrected)
        yield corrected
