"""The time of a rehearsal, which only the rehearsal moves."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.utils import timezone


class VirtualClock:
    """UTC. `speed` is how many of its seconds may pass in a real one; None: as many as can."""

    def __init__(self, now: datetime, *, speed: float | None = None) -> None:
        self._now = self._began = now
        self._speed = speed
        self._began_really = time.monotonic()

    def read(self) -> datetime:
        return self._now

    def advance(self, to: datetime) -> None:
        """Never backwards; waits where it would pass too quickly."""
        self._now = max(self._now, to)
        if self._speed is None:
            return
        passed = (self._now - self._began).total_seconds() / self._speed
        time.sleep(max(0.0, passed - (time.monotonic() - self._began_really)))


@contextmanager
def virtual_time(clock: VirtualClock) -> Iterator[None]:
    """Also whatever of Django and of the app asks for the present time goes by the clock."""
    real = timezone.now
    timezone.now = clock.read
    try:
        yield
    finally:
        timezone.now = real
