"""What a run is to do, and the settings that it is made from."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings

from ingestion.records import Source
from ingestion.sessions import SessionType
from ingestion.sources import OPENF1_ADDRESS, SourceConfig, is_loopback

OPENF1 = Source.OPENF1.value
DEFAULT_CACHE_DIR = Path("cache/fastf1")


class Mode(StrEnum):
    """`UPDATE` requests everything that is over; for a season that has ended FastF1's cache will
    do. `FILL` requests of ended seasons only what they lack. `POLL` requests what is due, never
    from the cache, and records when to request it again. `REFRESH` passes the caches by and
    includes what is settled."""

    UPDATE = "update"
    FILL = "fill"
    POLL = "poll"
    REFRESH = "refresh"


class Calendars(StrEnum):
    """Which calendars to read: none, the schedule file and Jolpica's only where the file has
    changed or Jolpica's was not read for a day, or all that the season has."""

    NONE = "none"
    CHANGED = "changed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Rules:
    """What this installation decides of settled results, see `SaveContext`."""

    settles_after: timedelta = timedelta(days=1)
    applies_settled_changes: bool = False


@dataclass(frozen=True, slots=True)
class RequestedSession:
    """One session's classification, to be requested of one source."""

    grand_prix: str
    session_type: SessionType
    source: Source


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """One run: which seasons (oldest first), and what of them.

    `sessions` are single classifications, None for all that are over. A season whose calendar
    `may_be_absent` is not published yet, which is no failure. A run that `waits` continues by
    itself when it is no longer rate-limited. `task` is the queue's identifier, '' outside of it.
    """

    seasons: tuple[int, ...]
    config: SourceConfig
    mode: Mode = Mode.UPDATE
    calendars: Calendars = Calendars.ALL
    with_results: bool = True
    round_number: int | None = None
    sessions: tuple[RequestedSession, ...] | None = None
    may_be_absent: bool = False
    waits: bool = False
    dry_run: bool = False
    sample: bool = False
    trigger: str = "command"
    task: str = ""
    rules: Rules = Rules()

    @property
    def is_range(self) -> bool:
        return len(self.seasons) > 1

    def arguments(self) -> dict[str, Any]:
        """As the run's record keeps them."""
        sessions: dict[str, list[str]] = {}
        for one in self.sessions or ():
            slugs = sessions.setdefault(one.session_type.value, [])
            if one.grand_prix not in slugs:
                slugs.append(one.grand_prix)
        return {
            "round": self.round_number,
            "skip_schedule": self.calendars is Calendars.NONE,
            "skip_results": not self.with_results,
            "refresh": self.mode is Mode.REFRESH,
            "sample": self.sample,
            **({"wait": True} if self.waits else {}),
            **({"sessions": sessions} if sessions else {}),
        }


def configured_rules() -> Rules:
    return Rules(
        settles_after=timedelta(hours=getattr(settings, "F1_SETTLE_AFTER_HOURS", 24)),
        applies_settled_changes=getattr(settings, "F1_APPLY_SETTLED_CHANGES", False),
    )


def configured_sources() -> SourceConfig:
    """From the settings; a project that sets none of them gets FastF1's own addresses, and OpenF1
    as its second source. An installation whose Jolpica is a stand-in on its own machine never
    reaches the real OpenF1 unless it names an address."""
    jolpica_url = getattr(settings, "JOLPICA_URL", "")
    openf1_url = getattr(settings, "OPENF1_URL", "")
    if not openf1_url and not is_loopback(jolpica_url):
        openf1_url = OPENF1_ADDRESS
    has_second = getattr(settings, "F1_SECOND_SOURCE", OPENF1) == OPENF1
    return SourceConfig(
        cache_dir=Path(getattr(settings, "FASTF1_CACHE_DIR", DEFAULT_CACHE_DIR)),
        schedule_url=getattr(settings, "F1_SCHEDULE_URL", ""),
        jolpica_url=jolpica_url,
        f1_username=getattr(settings, "F1_USERNAME", ""),
        f1_password=getattr(settings, "F1_PASSWORD", ""),
        live_timing_url=getattr(settings, "LIVE_TIMING_URL", ""),
        openf1_url=openf1_url if has_second else "",
        # A file that holds a secret ends with a line's end, which no header takes.
        openf1_token=getattr(settings, "OPENF1_TOKEN", "").strip(),
        jolpica_dump_url=getattr(settings, "JOLPICA_DUMP_URL", ""),
        results_from=getattr(settings, "F1_RESULTS_FROM", "auto"),
    )
