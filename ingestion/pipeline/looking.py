"""When the next season's calendars were looked for."""

from datetime import datetime

from ingestion.lifecycle import LOOKED_FOR_EVERY
from ingestion.models import Poll


def is_time_to_look(season: int, now: datetime) -> bool:
    """Whatever the time of day: a worker may be down each morning."""
    kept = Poll.objects.filter(season=season, event=None)
    asked_at = kept.values_list("asked_at", flat=True).first()
    return asked_at is None or now - asked_at >= LOOKED_FOR_EVERY
