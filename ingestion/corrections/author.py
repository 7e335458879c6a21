"""Who corrects, and the one event that is corrected."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ingestion.errors import WrongRequest
from ingestion.models import Change, Event
from ingestion.save import SaveContext, change_event

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Author:
    """Who corrects, when (UTC) and why."""

    person: "User"
    reason: str
    now: datetime

    def require_reason(self) -> None:
        if not self.reason.strip():
            raise WrongRequest("a correction needs a reason")

    def context(self, cause: Change.Cause) -> SaveContext:
        return SaveContext(None, cause, self.now, person=self.person, reason=self.reason)


@contextmanager
def corrected_event(event: Event, author: Author, kind: Change.Kind) -> Iterator[Event]:
    """The event, to be changed by its author until the block ends."""
    author.require_reason()
    with change_event(event, kind, author.context(Change.Cause.CORRECTION)) as corrected:
        yield corrected
