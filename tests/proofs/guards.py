"""The product's guards by name, and how a proof takes one out to see that it would notice."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any

VARIABLE = "F1PICKS_PROOF_WITHOUT"


@dataclass(frozen=True)
class Guard:
    """`proof` is the smallest command of `tests.proofs` that notices when it is taken out."""

    name: str
    what: str
    take_out: Callable[[], None]
    proof: tuple[str, ...]


def take_out_named() -> None:
    """The guard that the environment names, if it names one; in this process and its forks."""
    name = os.environ.get(VARIABLE, "")
    if name:
        GUARDS[name].take_out()


def patch(module: str, name: str, replacement: Any) -> None:
    """Fails where the guard does not live any more."""
    place = import_module(module)
    if not hasattr(place, name):
        raise LookupError(f"{module} has no {name}: the guard has moved, follow it")
    setattr(place, name, replacement)


def take_out_transaction() -> None:
    """Neither the season's transaction nor the savepoint of the batch: each statement by itself."""
    patch("ingestion.save.classifications", "season_locked", nullcontext)
    patch("ingestion.save.classifications", "transaction", SimpleNamespace(atomic=nullcontext))


def take_out_season_lock() -> None:
    _take_out_lock("SEASON_LOCK")


def take_out_feed_lock() -> None:
    _take_out_lock("FEED_LOCK")


def _take_out_lock(name: str) -> None:
    """One of PostgreSQL's advisory locks; SQLite has one writer at a time anyway."""
    rows: Any = import_module("ingestion.save.rows")
    number, lock = getattr(rows, name), rows._lock

    def lock_but(wanted: int, part: int = 0) -> None:
        if wanted != number:
            lock(wanted, part)

    patch("ingestion.save.rows", "_lock", lock_but)


GUARDS = {
    guard.name: guard
    for guard in (
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
    )
}
