"""The guards of the product by name, and the smallest proof that notices when one is missing.

That is done in a proof's own processes; the product knows nothing of it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from tests.proofs.guards.taking_out import (
    take_out_age,
    take_out_feed_lock,
    take_out_jolpicas_start,
    take_out_missing_detail,
    take_out_own_clock,
    take_out_persons_lock,
    take_out_pick_lock,
    take_out_plausibility,
    take_out_right_race,
    take_out_season_lock,
    take_out_settled,
    take_out_transaction,
    take_out_watchdog,
)

VARIABLE = "F1PICKS_PROOF_WITHOUT"
# A proof that is a test: pytest's own arguments follow.
PYTEST, PAYOUTS = "pytest", "tests/test_proofs_payouts.py"


@dataclass(frozen=True)
class Guard:
    """`what` it does, how it is taken out, and the smallest proof that notices: the arguments of
    `python -m tests.proofs.`, without --without, or of pytest."""

    name: str
    what: str
    take_out: Callable[[], None]
    proof: tuple[str, ...]


GUARDS = {
    guard.name: guard
    for guard in (
        Guard(
            "right-race",
            "an answer is saved for the race that it names, not for its round number",
            take_out_right_race,
            ("faults", "--only", "other rounds / round / filled"),
        ),
        Guard(
            "persons-lock",
            "what a person has set stands against every answer",
            take_out_persons_lock,
            ("faults", "--only", "slow / race 1 / filled"),
        ),
        Guard(
            "age",
            "an answer older than what is saved changes nothing",
            take_out_age,
            ("faults", "--only", "old answer / race 1 / filled"),
        ),
        Guard(
            "plausibility",
            "what cannot be the final classification, or a calendar, is refused",
            take_out_plausibility,
            ("faults", "--only", "doubled driver / race 1 / filled"),
        ),
        Guard(
            "settled",
            "another podium or pole of a settled event waits for a person",
            take_out_settled,
            ("faults", "--only", "other leaders / race 1 / filled"),
        ),
        Guard(
            "pick-lock",
            "picks that have closed are not opened by a later start",
            take_out_pick_lock,
            ("faults", "--only", "moved later / file / filled"),
        ),
        Guard(
            "transaction",
            "the transaction around saving a classification",
            take_out_transaction,
            ("crash", "--database", "sqlite", "--kills", "20", "--only", "kills"),
        ),
        Guard(
            "season-lock",
            "the lock that lets one save a season at a time",
            take_out_season_lock,
            ("concurrency", "--database", "postgresql", "--repeats", "2"),
        ),
        Guard(
            "feed-lock",
            "the lock that keeps ids of the feed in the order of commits",
            take_out_feed_lock,
            ("concurrency", "--database", "postgresql", "--repeats", "3"),
        ),
        Guard(
            "near-start",
            "near a start the calendar that it comes from is read",
            take_out_jolpicas_start,
            (PYTEST, f"{PAYOUTS}::test_a_start_that_jolpica_alone_moves_closes_picks_in_time"),
        ),
        Guard(
            "spoilt-detail",
            "a detail that cannot be right is missing and hides no result",
            take_out_missing_detail,
            ("faults", "--only", "spoilt detail / quali 2 / empty"),
        ),
        Guard(
            "watchdog",
            "a cluster that takes no task works on or ends with an error",
            take_out_watchdog,
            (
                *("crash", "--database", "sqlite", "--only", "workers"),
                *("--process", "worker", "--rounds", "1"),
            ),
        ),
        Guard(
            "own-clock",
            "a time of the future counts as now, and settled needs a day on our own clock",
            take_out_own_clock,
            (PYTEST, f"{PAYOUTS}::test_answers_of_the_future_neither_settle_nor_hide"),
        ),
        Guard(
            "future-headers",
            "what is dated into the future hides no later answer",
            take_out_own_clock,
            ("faults", "--only", "future answer / race 1 / empty"),
        ),
    )
}


def leave_out(name: str) -> None:
    """In this process, once it is set up, and in those that it starts."""
    os.environ[VARIABLE] = name


def take_out_named() -> None:
    """The guard that --without has named, here or in a process before; after `django.setup()`."""
    if name := os.environ.get(VARIABLE):
        GUARDS[name].take_out()
