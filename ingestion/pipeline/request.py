"""What is asked of a run, and of whom."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from ingestion.pipeline.wanted import Wanted, name_wanted

DEFAULT_CACHE_DIR = Path("cache/fastf1")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the upstreams are, and FastF1's cache of them; '' means FastF1's own address.

    Live timing is asked with a Formula 1 account only.
    """

    cache_dir: Path
    schedule_url: str = ""
    jolpica_url: str = ""
    f1_username: str = ""
    f1_password: str = field(default="", repr=False)
    live_timing_url: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What this installation decides of settled results, see `SaveContext`."""

    settles_after: timedelta = timedelta(days=1)
    applies_settled_changes: bool = False


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """One run: which seasons (oldest first), and what of them.

    `wanted` are single classifications of a season, None for all that are over. `keeps_polling`
    is for what runs by itself: it writes down when to ask again, which an ingest that people start
    does not, so that the same again writes nothing. Such a run is always after news. One that
    `fills_gaps` is not: of seasons that are over it asks for what they lack alone. One that `waits`
    goes on by itself when asking is allowed again.
    """

    seasons: tuple[int, ...]
    addresses: Addresses
    round_number: int | None = None
    with_schedule: bool = True
    with_results: bool = True
    # Without Jolpica's calendar where both were read within the day and the schedule file says
    # what it said then.
    spares_second_calendar: bool = False
    # A season that is not published yet, which is no failure.
    may_be_absent: bool = False
    wanted: Wanted | None = None
    keeps_polling: bool = False
    fills_gaps: bool = False
    waits: bool = False
    refresh: bool = False
    dry_run: bool = False
    sample: bool = False
    trigger: str = "command"
    # The queue's task that it is, if any.
    task: str = ""
    rules: Rules = Rules()

    @property
    def is_range(self) -> bool:
        return len(self.seasons) > 1

    def arguments(self) -> dict[str, Any]:
        """As the run's record keeps them."""
        return {
            "round": self.round_number,
            "skip_schedule": not self.with_schedule,
            "skip_results": not self.with_results,
            "refresh": self.refresh,
            "sample": self.sample,
            **({"wait": True} if self.waits else {}),
            **({} if self.wanted is None else {"wanted": name_wanted(self.wanted)}),
        }


def configured_rules() -> Rules:
    hours = getattr(settings, "F1_SETTLE_AFTER_HOURS", 24)
    return Rules(
        settles_after=timedelta(hours=hours),
        applies_settled_changes=getattr(settings, "F1_APPLY_SETTLED_CHANGES", False),
    )


def configured_addresses() -> Addresses:
    """From the settings; a project that sets none of them gets FastF1's own addresses."""
    return Addresses(
        cache_dir=Path(getattr(settings, "FASTF1_CACHE_DIR", DEFAULT_CACHE_DIR)),
        schedule_url=getattr(settings, "F1_SCHEDULE_URL", ""),
        jolpica_url=getattr(settings, "JOLPICA_URL", ""),
        f1_username=getattr(settings, "F1_USERNAME", ""),
        f1_password=getattr(settings, "F1_PASSWORD", ""),
        live_timing_url=getattr(settings, "LIVE_TIMING_URL", ""),
    )
