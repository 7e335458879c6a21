"""What is asked of a run, and of whom."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

DEFAULT_CACHE_DIR = Path("cache/fastf1")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the upstreams are, and FastF1's cache of them; '' means FastF1's own address."""

    cache_dir: Path
    schedule_url: str = ""
    jolpica_url: str = ""


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """One run: which seasons (oldest first), and what of them."""

    seasons: tuple[int, ...]
    addresses: Addresses
    round_number: int | None = None
    with_schedule: bool = True
    with_results: bool = True
    refresh: bool = False
    dry_run: bool = False
    sample: bool = False
    trigger: str = "command"

    def arguments(self) -> dict[str, Any]:
        """As the run's record keeps them."""
        return {
            "round": self.round_number,
            "skip_schedule": not self.with_schedule,
            "skip_results": not self.with_results,
            "refresh": self.refresh,
            "sample": self.sample,
        }


def configured_addresses() -> Addresses:
    """From the settings; a project that sets none of them gets FastF1's own addresses."""
    return Addresses(
        cache_dir=Path(getattr(settings, "FASTF1_CACHE_DIR", DEFAULT_CACHE_DIR)),
        schedule_url=getattr(settings, "F1_SCHEDULE_URL", ""),
        jolpica_url=getattr(settings, "JOLPICA_URL", ""),
    )
