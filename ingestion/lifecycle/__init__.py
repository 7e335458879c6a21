"""Pure functions of the clock: `now` is always an argument."""

from ingestion.lifecycle.sessions import (
    USUAL_DURATION,
    expected_end,
    hold_lock,
    is_over,
    is_small_dispute,
    picks_close,
    status_at,
)

__all__ = [
    "USUAL_DURATION",
    "expected_end",
    "hold_lock",
    "is_over",
    "is_small_dispute",
    "picks_close",
    "status_at",
]
