"""What a fetch needs, and what it gives."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.fetch.door import Door
    from ingestion.fetch.live import LiveTiming


@dataclass(frozen=True, slots=True)
class Upstream:
    """FastF1, configured; made by `connect`."""

    door: "Door"
    # None without a Formula 1 account.
    live: "LiveTiming | None" = None

    @property
    def requests(self) -> int:
        """Requests that left the process so far."""
        return self.door.requests

    def block(self, requests: int) -> AbstractContextManager[None]:
        """Around requests that are worth something together: set aside at once."""
        return self.door.block(requests)

    @property
    def clock_offset(self) -> timedelta | None:
        """This machine's clock less the upstreams', as the last answer showed; None without one."""
        return self.door.clock_offset


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream said, as FastF1 gives it, and when the upstream made it (UTC).

    `content` is a schedule's frame, a calendar's list of races, a document of Jolpica's newer form,
    or the pages of a season's results, each a pair of a frame of races and a list of their frames
    of results. Pages have an age each, `generated_at` is that of the oldest. `cached` are the
    addresses under which FastF1's cache keeps it, none where it was passed by. Until `expires_at`
    (UTC, None where it does not say) the upstream would answer the same again.
    """

    content: Any
    generated_at: datetime | None
    cached: tuple[str, ...] = ()
    page_ages: tuple[datetime | None, ...] = ()
    expires_at: datetime | None = None
