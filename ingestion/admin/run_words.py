"""A run in words, and the events that it concerns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ingestion.models import Event, IngestRun
from ingestion.report import EVENT_COUNTS, RESULT_COUNTS
from ingestion.sessions import SessionType

# 2024 belgian-grand-prix sprint qualifying: what was wrong
PLACE = re.compile(
    r"(?P<season>\d{4}) (?P<grand_prix>[\w-]+) (?P<kind>sprint qualifying|qualifying|sprint|race): "
)


# In this order: PostgreSQL keeps the keys of an object in one of its own.
COUNTED = (
    ("events", "events", [name for name in EVENT_COUNTS if name != "unchanged"]),
    ("results", "classifications", [name for name in RESULT_COUNTS if name != "unchanged"]),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A problem or a note in words, and the event that it names, if it is one."""

    words: str
    event: Event | None


def describe_counts(run: IngestRun) -> str:
    """'events: 1 created; classifications: 2 amended', or that nothing was new."""
    parts = []
    for what, words, names in COUNTED:
        counts: Mapping[str, int] = run.counts.get(what, {})
        told = [f"{counts[name]} {name}" for name in names if counts.get(name)]
        if told:
            parts.append(f"{words}: {', '.join(told)}")
    return "; ".join(parts) or "nothing new"


def describe_arguments(run: IngestRun) -> str:
    """What was asked for beside the seasons; '' for all of them."""
    arguments: Mapping[str, Any] = run.arguments
    wanted = arguments.get("wanted")
    told = [
        f"round {arguments['round']}" if arguments.get("round") else "",
        *(f"no {part}" for part in ("schedule", "results") if arguments.get(f"skip_{part}")),
        "past the caches" if arguments.get("refresh") else "",
        "waiting for the upstreams' limits" if arguments.get("wait") else "",
        "the sample" if arguments.get("sample") else "",
        f"only {_describe_wanted(wanted)}" if wanted else "",
    ]
    return ", ".join(filter(None, told))


def _describe_wanted(wanted: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{kind.replace('_', ' ')} of {_describe_places(wanted[kind])}"
        for kind in SessionType
        if kind in wanted
    )


def _describe_places(places: str | Sequence[str]) -> str:
    return places if isinstance(places, str) else ", ".join(places)


def describe_seasons(seasons: Sequence[int]) -> str:
    """'2024', '1950-2026', '2019, 2024'."""
    if len(seasons) > 2 and list(seasons) == list(range(seasons[0], seasons[-1] + 1)):
        return f"{seasons[0]}-{seasons[-1]}"
    return ", ".join(map(str, seasons))


def describe_duration(length: timedelta | None) -> str:
    if length is None:
        return ""
    seconds = length.total_seconds()
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def with_events(texts: Sequence[str]) -> list[Line]:
    """Problems and notes as a run keeps them, in one query for the events that they name."""
    named = [_identity(words) for words in texts]
    asked = list(filter(None, named))
    found = Event.objects.filter(
        season__in={season for season, _, _ in asked},
        grand_prix__in={grand_prix for _, grand_prix, _ in asked},
    )
    events = {(event.season, event.grand_prix, event.session_type): event for event in found}
    return [
        Line(words, events.get(identity) if identity else None)
        for words, identity in zip(texts, named, strict=True)
    ]


def _identity(words: str) -> tuple[int, str, str] | None:
    place = PLACE.match(words)
    if place is None:
        return None
    return int(place["season"]), place["grand_prix"], place["kind"].replace(" ", "_")
