"""A season played through the whole installation, on a clock of its own."""

from pathlib import Path

from rehearsal.engine import Listener, play
from rehearsal.fields import as_dict
from rehearsal.outcome import Outcome, conclude
from rehearsal.played import PlayedSeason
from rehearsal.promises import find_broken, list_promises
from rehearsal.tables import print_outcome
from rehearsal.window import Window

__all__ = ["Outcome", "as_dict", "find_broken", "list_promises", "print_outcome", "rehearse"]


def rehearse(
    played: PlayedSeason,
    window: Window,
    *,
    seed: int,
    cache_dir: Path,
    listen: Listener,
    speed: float | None = None,
) -> Outcome:
    """In the database that is in use, which has to be empty but for its tables; whatever is
    configured, nobody but a stand-in on loopback is asked and nobody is told of alarms.

    `speed` is the most seconds of the season in a real one.
    """
    cast, upstream = play(
        played, window, seed=seed, cache_dir=cache_dir, speed=speed, listen=listen
    )
    return conclude(played, window, cast, upstream, seed=seed)
