"""What a season that is over still lacks, by its stored events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion.models import Event
from ingestion.pipeline.plan import PARTS, find_missing

RACE_DAY = datetime(2019, 7, 28, 16, tzinfo=UTC)
NOW = RACE_DAY + timedelta(days=100)
DAY = timedelta(days=1)
EVERYTHING = frozenset(PARTS)


def event(session_type: str = "race", *, season: int = 2019, **changes: Any) -> Event:
    """Official, and learnt when the season was over."""
    known = {
        "season": season,
        "grand_prix": "belgian-grand-prix",
        "session_type": session_type,
        "ends_at": RACE_DAY,
        "results_state": "official",
        "results_revision": 1,
        "updated_at": RACE_DAY + DAY,
    }
    return Event(**{**known, **changes})


def pending(session_type: str = "race", **changes: Any) -> Event:
    return event(session_type, results_state="pending", results_revision=0, **changes)


def missing(*events: Event) -> set[str]:
    return set(find_missing(events, NOW))


def test_a_season_of_which_nothing_is_stored_lacks_everything() -> None:
    assert missing() == EVERYTHING


@pytest.mark.parametrize("state", ["official", "settled"])
def test_a_season_whose_classifications_are_official_lacks_nothing(state: str) -> None:
    assert missing(event(results_state=state), event("qualifying")) == set()


def test_each_kind_of_session_is_missing_while_one_of_it_is() -> None:
    events = [event(), pending(), event("qualifying"), event("sprint"), pending("sprint")]
    assert missing(*events) == {"race", "sprint"}


def test_a_guess_is_not_enough() -> None:
    assert missing(event(), event("sprint_qualifying", results_state="provisional")) == {
        "sprint_qualifying"
    }


def test_what_a_person_set_is_not_asked_for() -> None:
    assert missing(event(results_state="provisional", results_locked=True)) == set()


def test_what_is_still_to_come_is_not_missing() -> None:
    assert missing(event(), pending(ends_at=NOW + DAY), pending(ends_at=None)) == set()


def test_calendars_are_asked_for_again_where_nothing_was_learnt_since_the_last_session() -> None:
    """A race of which the last word is months old may have been cancelled meanwhile."""
    before = RACE_DAY - DAY
    assert missing(pending(updated_at=before), event(updated_at=before)) == {"calendars", "race"}
    assert missing(pending(updated_at=before), event()) == {"race"}
    assert missing(event(updated_at=before)) == set()


@pytest.mark.parametrize(
    ("season", "races", "qualifyings", "is_missing"),
    [
        (1993, 4, 0, False),
        (1994, 4, 0, True),
        (1994, 4, 1, True),
        (1994, 4, 2, False),
        (2005, 4, 4, False),
        (2005, 3, 1, True),
        (2006, 4, 0, False),
    ],
)
def test_qualifyings_that_no_calendar_lists_are_had_once_most_are(
    season: int, races: int, qualifyings: int, *, is_missing: bool
) -> None:
    """Jolpica may not have each; a single one may come from asking for its round alone."""
    events = [event(season=season)] * races + [event("qualifying", season=season)] * qualifyings
    assert missing(*events) == ({"qualifying"} if is_missing else set())
