"""What a season looks like after a run, for people."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from ingestion.models import Change, Event, Result
from ingestion.report import GrandPrixLine, Problem
from ingestion.sessions import SessionType

# Where the feed's own name of a change does not say what changed.
NAMES = {Change.Kind.SCHEDULED.value: "new", Change.Kind.PUBLISHED.value: "results"}


def describe_season(
    events: Sequence[Event], changes: Iterable[tuple[str, str]]
) -> list[GrandPrixLine]:
    """A line per grand prix in the order of the races; `changes` are this run's."""
    sessions: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in events:
        sessions[event.grand_prix][event.session_type] = event
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for grand_prix, kind in changes:
        kinds[grand_prix][kind] += 1
    return [
        _describe_grand_prix(weekend, kinds[grand_prix]) for grand_prix, weekend in sessions.items()
    ]


def _describe_grand_prix(weekend: dict[str, Event], kinds: Counter[str]) -> GrandPrixLine:
    race = weekend.get(SessionType.RACE) or next(iter(weekend.values()))
    qualifying = weekend.get(SessionType.QUALIFYING)
    pole = qualifying.pole if qualifying is not None else None
    return GrandPrixLine(
        round_number=race.round_number,
        name=race.name.removesuffix(" Grand Prix"),
        race_date=race.starts_at.date() if race.starts_at is not None else None,
        pole=_surname(pole) if pole is not None else "",
        podium=tuple(_surname(result) for result in race.podium),
        changes=", ".join(f"{times} {NAMES.get(kind, kind)}" for kind, times in kinds.items()),
        is_cancelled=race.is_cancelled,
    )


def _surname(result: Result) -> str:
    return result.driver_name.partition(" ")[2] or result.driver_name


def describe_awaited(events: Iterable[Event], now: datetime) -> list[Problem]:
    """The sessions that are over and have no classification yet, by kind."""
    waiting: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if not event.is_cancelled and not event.has_results and event.is_over(now):
            waiting[event.session_type].append(event)
    return [
        Problem(
            f"no classification yet: {', '.join(event.name for event in missing)}",
            season=missing[0].season,
            session_type=session_type,
        )
        for session_type, missing in waiting.items()
    ]
