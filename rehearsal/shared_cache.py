"""A server's cache of its answers, per address and for everybody.

Who asks too early gets an answer that has nothing, and so does everybody else until it is an hour
old: what matters to a client is not only when something is published, but when the answer from
before is let go of.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta


class SharedCache:
    """When each answer was made that was given; to be asked in the order of time.

    `others` are the moments at which other clients ask for an address, in order. `is_kept` says
    whether an answer made then is one that the server keeps, which refusals and errors are not.
    """

    def __init__(
        self,
        *,
        max_age: timedelta,
        others: Callable[[str], Iterable[datetime]],
        is_kept: Callable[[str, datetime], bool],
    ) -> None:
        self.max_age = max_age
        self._others = others
        self._is_kept = is_kept
        self._coming: dict[str, Iterator[datetime]] = {}
        self._next: dict[str, datetime | None] = {}
        self._made: dict[str, list[datetime]] = {}

    def made_at(self, address: str, at: datetime) -> datetime:
        """When the answer was made that whoever asks now gets: now, or up to `max_age` ago."""
        self._let_others_ask(address, until=at)
        return self._ask(address, at)

    def let_out(self, address: str, published_at: datetime) -> datetime:
        """From when on every answer has what was published then."""
        self._let_others_ask(address, until=published_at)
        made = self._made.get(address, [])
        older = made[: bisect_right(made, published_at)]
        if older and older[-1] < published_at < older[-1] + self.max_age:
            return older[-1] + self.max_age
        return published_at

    def _ask(self, address: str, at: datetime) -> datetime:
        made = self._made.setdefault(address, [])
        if made and at < made[-1] + self.max_age:
            return made[-1]
        if self._is_kept(address, at):
            made.append(at)
        return at

    def _let_others_ask(self, address: str, *, until: datetime) -> None:
        if address not in self._coming:
            self._coming[address] = iter(self._others(address))
            self._next[address] = next(self._coming[address], None)
        while (at := self._next[address]) is not None and at < until:
            self._ask(address, at)
            self._next[address] = next(self._coming[address], None)
