"""Fixtures for the tests of whatever is built on this app: real rows, no network, no FastF1.

In the `conftest.py` at the root of your tests:

    pytest_plugins = ["ingestion.testing"]

Each fixture is a function that saves something through `ingestion.save`, as an ingest would, or
through `ingestion.corrections`, as a person does, and returns the entry of the feed
(`ingestion.models.Change`, with its `event`). Signals are sent, in tests with pytest-django's `db`
as in those with `transactional_db`.

    def test_the_podium_is_paid_again_when_it_is_amended(published, amended):
        event = published(drivers=["russell", "hamilton", "piastri"]).event
        ...
        amended(event, disqualified="russell")
        ...

What every fixture takes, all by name and none needed:

- `season`, `grand_prix` (a name), `session_type` and `starts_at` say which session; by default
  it is the race of the 2024 Belgian Grand Prix, and `starts_at` alone is enough for "in an hour";
- an event instead, in the first place, where it is about one that is there (not `scheduled`);
- `at` is when it became known, `cause` the feed's: `poll`, `backfill` and so on.

A session that is not on the calendar yet is put there first, with the other sessions of its
weekend. What cannot be saved or changes nothing raises `ValueError` with the reason. What else a
person can do is in `ingestion.corrections`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ingestion.models import Change
    from ingestion.testing.feed import SeasonFeed

__all__ = [
    "amended",
    "cancelled",
    "corrected",
    "entrants",
    "published",
    "rescheduled",
    "scheduled",
    "season_feed",
    "settled",
    "withdrawn",
]


@pytest.fixture
def season_feed(db: None) -> "SeasonFeed":  # noqa: ARG001 - opens the database for the test
    """What the others are made of."""
    # Not before the test needs it: pytest may load this plugin before Django is set up.
    from django.db import connection

    from ingestion.testing.feed import SeasonFeed

    return SeasonFeed(is_held=connection.in_atomic_block)


@pytest.fixture
def scheduled(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Put a session on the calendar, for people to pick on.

        def test_a_pick_is_taken_until_the_start(scheduled):
            event = scheduled(starts_at=timezone.now() + timedelta(hours=1)).event
            assert event.in_time(timezone.now())

    It is known four weeks before the race; its weekend's other sessions come with it.
    """
    return season_feed.schedule


@pytest.fixture
def published(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Publish the first classification of a session, half an hour after its end.

        def test_the_winner_is_paid(published):
            change = published(drivers=["norris", "max_verstappen"])
            assert change.event.winner.driver_id == "norris"

    `drivers` are the first of them, by Jolpica's identifiers; the rest of the field of twenty
    follows as in Belgium 2024: russell, hamilton, piastri, leclerc, max_verstappen, norris, ...
    An identifier that 2024 did not have is a new driver.

        def test_a_backfill_of_2019_notifies_nobody(published, mailoutbox):
            published(season=2019, grand_prix="Monaco Grand Prix", cause="backfill")
            assert mailoutbox == []
    """
    return season_feed.publish


@pytest.fixture
def amended(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Change a classification two hours after it was saved; by default the winner, or who has
    the pole, is disqualified, as Russell was.

        def test_points_follow_the_stewards(published, amended):
            event = published().event  # Russell, Hamilton, Piastri
            amended(event)  # Hamilton, Piastri, Leclerc
            amended(event, drivers=["piastri", "hamilton"])
            amended(event, disqualified="leclerc")

    `drivers` come before the others, whose order stays. Of a settled event the change of a podium
    or a pole is not applied: what returns is the proposal.
    """
    return season_feed.amend


@pytest.fixture
def settled(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Let a classification be seen unchanged for a day; what is not published yet is, first.

        def test_the_pot_is_paid_once(settled, amended):
            event = settled().event  # Russell, Hamilton, Piastri
            assert Payout.objects.filter(event=event).count() == 1
            assert amended(event).kind == "proposed"  # an upstream cannot take it back by itself
            assert Payout.objects.filter(event=event).count() == 1

    What a person corrected is declared settled by a person, `person` or a steward.
    """
    return season_feed.settle


@pytest.fixture
def corrected(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Let a person correct a classification, with `drivers` and `disqualified` as with `amended`,
    or move a start `to` an instant. No upstream changes what they set.

        def test_points_follow_a_correction_of_what_was_paid(settled, corrected):
            event = settled().event
            change = corrected(event, drivers=["hamilton", "russell"], reason="Read the wrong way")
            assert (change.person_name, change.event.results_state) == ("steward", "official")

    `person` is who does it; a steward is made where there is none.
    """
    return season_feed.correct


@pytest.fixture
def entrants(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Let it be known who can be picked for a grand prix, three days before its first lock: the
    field of twenty, or the `drivers` alone.

        def test_only_an_entrant_can_be_picked(entrants):
            event = entrants(drivers=["norris", "piastri"]).event
            assert [str(one.driver) for one in event.entrants] == ["Lando Norris", "Oscar Piastri"]

    Whom the season's last two grands prix classified can be picked, too, as with an ingest.
    """
    return season_feed.enter


@pytest.fixture
def withdrawn(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Let a person take a `driver` out of a grand prix (by default the first entrant), perhaps
    `replaced_by` another.

        def test_who_picked_sainz_is_notified(entrants, withdrawn, mailoutbox):
            event = entrants().event
            withdrawn(event, driver="sainz", replaced_by="bearman")
            assert [mail.subject for mail in mailoutbox] == ["Carlos Sainz does not start"]

    The same is done in every session of the weekend that can still be picked on.
    """
    return season_feed.withdraw


@pytest.fixture
def rescheduled(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Move a start, `by` three hours earlier or `to` an instant, known a day before it.

        def test_a_pick_after_the_new_start_is_late(scheduled, rescheduled):
            event = scheduled().event
            assert event.in_time(event.starts_at - timedelta(hours=1))
            event = rescheduled(event, by=timedelta(hours=-2)).event
            assert not event.in_time(event.starts_at + timedelta(hours=1))

    By a day and more the whole weekend moves, otherwise the session alone. A lock that has passed
    `at` that time does not open again.
    """
    return season_feed.reschedule


@pytest.fixture
def cancelled(season_feed: "SeasonFeed") -> "Callable[..., Change]":
    """Take a grand prix off the calendar, all its sessions, a week before.

        def test_everybody_gets_the_stake_back(scheduled, cancelled):
            event = scheduled().event
            ...
            cancelled(event)
            assert Stake.objects.filter(pick__event=event).refunded().count() == 3

    A session with results has been run and stays; a person may void it (`corrections.void_event`).
    """
    return season_feed.cancel
