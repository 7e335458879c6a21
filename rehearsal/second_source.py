"""OpenF1 beside Jolpica: what it has at any time.

Formula 1's own pages are out minutes after the flag, and OpenF1 reads them at once. Without an
account it answers no request while a session runs and for half an hour after it. What the stewards
changed is corrected by hand, hours after Jolpica has it. The times are random, the same for one
seed.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from ingestion.sample.openf1 import RESTRICTED_AFTER, find_end
from ingestion.sample.season import Season
from rehearsal.history import CLASSIFIED, current_name
from rehearsal.played_season import (
    PlayedSeason,
    Publication,
    Stage,
    draw,
    with_publications,
)

# Minutes from the flag until Formula 1's page is out, and from Jolpica's amendment to that by hand.
SOONEST, LATEST = 3, 25
BY_HAND = (60, 20 * 60)
# How often it is requested while the two disagree, with an answer's own time.
NOTICED_WITHIN = timedelta(hours=6, minutes=20)


class SecondSource:
    """`pages` are what OpenF1 has, in the order of time."""

    def __init__(self, played: PlayedSeason, *, seed: int) -> None:
        self.played = played
        self.pages = sorted(_list_pages(played, seed), key=lambda page: page.at)
        self._runs = list(_list_runs(played))

    def has_at(self, at: datetime) -> Season:
        """Its lists are the schedule file's sessions, as that was."""
        known = with_publications(self.played.facts, [one for one in self.pages if one.at <= at])
        return replace(known, grands_prix=self.played.schedule_at(at).grands_prix)

    def is_restricted(self, at: datetime) -> bool:
        return any(begins <= at < ends for begins, ends in self._runs)

    def let_out_at(self, page: Publication) -> datetime:
        """From when on it answers with the page, between sessions."""
        at = page.at
        for begins, ends in sorted(self._runs):
            if begins <= at < ends:
                at = ends
        return at

    def list_disputes(self) -> Iterator[tuple[Publication, datetime]]:
        """Each amendment, and until when OpenF1 may say otherwise, as far as it is requested."""
        corrected = {
            (one.grand_prix, one.table): one.at for one in self.pages if one.stage is Stage.AMENDED
        }
        for one in self.played.publications:
            if one.stage is Stage.AMENDED:
                yield one, corrected[one.grand_prix, one.table] + NOTICED_WITHIN


def _list_pages(played: PlayedSeason, seed: int) -> Iterator[Publication]:
    for one in played.publications:
        random = Random(f"{seed} openf1 {one.grand_prix} {one.table} {one.stage}")  # noqa: S311
        if one.stage is Stage.FIRST:
            yield replace(one, at=draw(one.flag_at, SOONEST, LATEST, random))
        elif one.stage is Stage.AMENDED:
            yield replace(one, at=draw(one.at, *BY_HAND, random))


def _list_runs(played: PlayedSeason) -> Iterator[tuple[datetime, datetime]]:
    """While nobody without an account is answered: each session, practice too."""
    flags = {(one.grand_prix, CLASSIFIED[one.table]): one.flag_at for one in played.publications}
    for weekend in played.facts.grands_prix:
        for session in weekend.sessions:
            if session.starts_at is not None:
                flag_at = flags.get((weekend.id, current_name(session.name)))
                ends = flag_at or find_end(session, session.starts_at)
                yield session.starts_at, ends + RESTRICTED_AFTER
