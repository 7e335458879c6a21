"""What the clock alone changes of an event."""

from datetime import datetime

from django.db.models import Case, Q, Value, When

from ingestion.database_failures import retried
from ingestion.models import Event


@retried
def advance_statuses(now: datetime) -> int:
    """Scheduled events to live, scheduled and live ones to completed, as `Event.phase(now)` has it;
    in one statement, however long ago the last time was. Returns how many changed.

    Never backwards: only a start that moves does that, when its calendar is saved.
    """
    is_completed = Q(results_revision__gt=0) | Q(ends_at__lte=now)
    has_begun = Q(status=Event.Status.SCHEDULED, starts_at__lte=now)
    status = Case(When(is_completed, then=Value("completed")), default=Value("live"))
    unfinished = Event.objects.filter(status__in=[Event.Status.SCHEDULED, Event.Status.LIVE])
    return unfinished.filter(is_completed | has_begun).update(status=status, updated_at=now)
