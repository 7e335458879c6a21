"""Pure functions of the clock: `now` is always an argument."""

from ingestion.lifecycle.polling import (
    DAY_BEFORE,
    LONGEST_CALENDAR_PLAN,
    PROVISIONAL_IS_NEWS,
    WATCHED_AFTER_SEASON,
    Watched,
    is_provisional_news,
    is_watched,
    next_calendar_poll,
    next_poll,
    next_provisional_poll,
    next_witness_poll,
)
from ingestion.lifecycle.seasons import (
    LOOKED_FOR_EVERY,
    SEASON_COOLS_DOWN,
    may_be_absent,
    season_to_look_for,
)
from ingestion.lifecycle.session_times import (
    expected_end,
    hold_lock,
    is_over,
    is_small_dispute,
    picks_close,
    results_from,
    status_at,
)

__all__ = [
    "DAY_BEFORE",
    "LONGEST_CALENDAR_PLAN",
    "LOOKED_FOR_EVERY",
    "PROVISIONAL_IS_NEWS",
    "SEASON_COOLS_DOWN",
    "WATCHED_AFTER_SEASON",
    "Watched",
    "expected_end",
    "hold_lock",
    "is_over",
    "is_provisional_news",
    "is_small_dispute",
    "is_watched",
    "may_be_absent",
    "next_calendar_poll",
    "next_poll",
    "next_provisional_poll",
    "next_witness_poll",
    "picks_close",
    "results_from",
    "season_to_look_for",
    "status_at",
]
