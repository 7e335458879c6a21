"""What a season looks like after a run, for people."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ingestion.amendments import surname_of
from ingestion.models import Event, Result
from ingestion.report import EntryLine, GrandPrixLine, Problem, SessionLine
from ingestion.sessions import SessionType


def describe_season(
    events: Sequence[Event],
    changes: Iterable[tuple[str, str]],
    *,
    round_number: int | None,
    now: datetime,
) -> list[GrandPrixLine]:
    """A line per grand prix in the order of the races; `changes` are this run's. The requested
    round has its sessions too."""
    sessions: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in events:
        sessions[event.grand_prix][event.session_type] = event
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for grand_prix, kind in changes:
        kinds[grand_prix][kind] += 1
    lines = []
    for grand_prix, weekend in sessions.items():
        race = weekend.get(SessionType.RACE) or next(iter(weekend.values()))
        qualifying = weekend.get(SessionType.QUALIFYING)
        pole = qualifying.pole if qualifying is not None else None
        requested = tuple(
            SessionLine(
                event.get_session_type_display(),
                event.starts_at,
                event.results_state if event.has_results else event.phase(now),
                tuple(_describe_entry(result) for result in event.classification),
            )
            for event in weekend.values()
            if round_number is not None and event.round_number == round_number
        )
        line = GrandPrixLine(
            round_number=race.round_number,
            name=race.name.removesuffix(" Grand Prix"),
            race_date=race.starts_at.date() if race.starts_at is not None else None,
            pole=surname_of(pole.driver_name) if pole is not None else "",
            podium=tuple(surname_of(result.driver_name) for result in race.podium),
            changes=dict(kinds[grand_prix]),
            is_cancelled=race.is_cancelled,
            sessions=requested,
        )
        lines.append(line)
    return lines


def _describe_entry(result: Result) -> EntryLine:
    time = result.time or result.q3 or result.q2 or result.q1
    if result.gap:
        text = f"+{print_time(result.gap)}"
    else:
        text = print_time(time) if time else result.status
    return EntryLine(result.classification, result.driver_name, result.constructor_name, text)


def print_time(time: timedelta) -> str:
    """As timing screens do: 1:19:57.566, 1:53.159, 0.526."""
    minutes, milliseconds = divmod(time // timedelta(milliseconds=1), 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = milliseconds / 1000
    if hours:
        return f"{hours}:{minutes:02}:{seconds:06.3f}"
    return f"{minutes}:{seconds:06.3f}" if minutes else f"{seconds:.3f}"


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
