"""How a season's facts became known: what the schedule file had before it was right, what Jolpica's
calendar has wrong, and the classifications before the stewards decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from ingestion.sample.season import (
    SESSIONS,
    Finish,
    GrandPrix,
    Lap,
    Row,
    Season,
    Session,
    read_table,
)

FACTS = Path(__file__).parent

Table = Literal["qualifyings", "sprint_qualifyings", "sprints", "races"]
Entries = tuple[Finish | Lap, ...]

# A season's tables of classifications, with the schedule file's names of their sessions.
CLASSIFIED: Mapping[Table, str] = MappingProxyType(
    {
        "qualifyings": "Qualifying",
        "sprint_qualifyings": "Sprint Qualifying",
        "sprints": "Sprint",
        "races": "Race",
    }
)
# The file's name of sprint qualifyings in 2023, and of the first that it had of 2024.
SHOOTOUT = "Sprint Shootout"
NAMES = {**SESSIONS, "sprint_shootout": SHOOTOUT}

POINTS = {"races": (25, 18, 15, 12, 10, 8, 6, 4, 2, 1), "sprints": (8, 7, 6, 5, 4, 3, 2, 1)}


@dataclass(frozen=True)
class Move:
    """From `published_at` on the file said this of a session; None: no start yet. Without a grand
    prix: the file was blank."""

    published_at: datetime
    grand_prix: str
    session: str
    starts_at: datetime | None

    @property
    def is_blank(self) -> bool:
        return not self.grand_prix


@dataclass(frozen=True)
class Decision:
    """What the stewards did to a driver who had come in `order`-th: disqualified, or this time
    added. `after` is from the flag to the decision, to an hour or so."""

    grand_prix: str
    table: Table
    driver: str
    order: int
    penalty: timedelta | None
    after: timedelta


# The schedule file


@cache
def load_moves(year: int = 2024) -> tuple[Move, ...]:
    """In the order of publication; of a session that is not in it the file was right at once."""
    return tuple(map(read_move, read_table(FACTS / f"season_{year}" / "moves.csv")))


def read_move(row: Row) -> Move:
    return Move(
        published_at=read_time(row["published_at"]),
        grand_prix=row["grand_prix"],
        session=NAMES.get(row["session"], ""),
        starts_at=read_time(row["starts_at"]) if row["starts_at"] else None,
    )


def read_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule_as_published(season: Season, moves: Iterable[Move], at: datetime) -> Season:
    """The season with the starts and the sessions' names that the file had at an instant."""
    latest: dict[tuple[str, str], Move] = {}
    for move in moves:
        key = move.grand_prix, current_name(move.session)
        if move.published_at <= at or key not in latest:
            latest[key] = move

    def replace_session(grand_prix: GrandPrix, session: Session) -> Session:
        move = latest.get((grand_prix.id, session.name))
        return session if move is None else Session(move.session, move.starts_at)

    weekends = []
    for weekend in season.grands_prix:
        sessions = tuple(replace_session(weekend, session) for session in weekend.sessions)
        is_shootout = any(session.name == SHOOTOUT for session in sessions)
        form = "sprint_shootout" if is_shootout else weekend.format
        weekends.append(replace(weekend, sessions=sessions, format=form))
    return replace(season, grands_prix=tuple(weekends))


def current_name(session: str) -> str:
    return "Sprint Qualifying" if session == SHOOTOUT else session


def is_blank(moves: Sequence[Move], at: datetime) -> bool:
    """Whether what was published last by then was a file without a line."""
    last = [move for move in moves if move.published_at <= at][-1:]
    return all(move.is_blank for move in last)


# Jolpica's calendar


def with_jolpicas_errors(season: Season) -> Season:
    """The season with Jolpica's own calendar beside the schedule file's, wrong where it was."""
    starts = load_jolpicas_starts(season.year)
    calendar = tuple(
        replace(
            weekend,
            sessions=tuple(
                replace(
                    session, starts_at=starts.get((weekend.id, session.name), session.starts_at)
                )
                for session in weekend.sessions
            ),
        )
        for weekend in season.grands_prix
    )
    return replace(season, jolpica_calendar=calendar)


@cache
def load_jolpicas_starts(year: int = 2024) -> Mapping[tuple[str, str], datetime]:
    """Those that its calendar has wrong."""
    rows = read_table(FACTS / f"season_{year}" / "jolpicas_starts.csv")
    return MappingProxyType(
        {(row["grand_prix"], NAMES[row["session"]]): read_time(row["starts_at"]) for row in rows}
    )


# The stewards


@cache
def load_decisions(year: int = 2024) -> Mapping[tuple[Table, str], tuple[Decision, ...]]:
    """By table and grand prix. Not all of a season: those after the flag of which all is known."""
    decisions = map(read_decision, read_table(FACTS / f"season_{year}" / "amendments.csv"))
    grouped = groupby(decisions, key=lambda decision: (decision.table, decision.grand_prix))
    return MappingProxyType({key: tuple(group) for key, group in grouped})


def read_decision(row: Row) -> Decision:
    name = NAMES[row["session"]]
    return Decision(
        grand_prix=row["grand_prix"],
        table=next(table for table, session in CLASSIFIED.items() if session == name),
        driver=row["driver"],
        order=int(row["order"]),
        penalty=timedelta(seconds=int(row["seconds"])) if row["seconds"] else None,
        after=timedelta(hours=int(row["hours"])),
    )


def undo(season: Season, table: Table, grand_prix: str) -> Entries:
    """A classification as it was before the stewards decided; the season's where they did not."""
    entries: Entries = getattr(season, table)[grand_prix]
    decisions = {
        decision.driver: decision
        for decision in load_decisions(season.year).get((table, grand_prix), ())
    }
    if not decisions:
        return entries
    order = [entry for entry in entries if entry.driver not in decisions]
    entered = {entry.driver: entry for entry in entries}
    for decision in sorted(decisions.values(), key=lambda decision: decision.order):
        order.insert(decision.order - 1, absolve(entered[decision.driver], decision))
    return tuple(place(entry, number, table) for number, entry in enumerate(order, start=1))


def absolve(entry: Finish | Lap, decision: Decision) -> Finish | Lap:
    absolved = replace(entry, classification=str(decision.order))
    if isinstance(absolved, Lap):
        return absolved
    if decision.penalty is None or absolved.milliseconds is None:
        return replace(absolved, status="Finished")
    taken = int(decision.penalty.total_seconds() * 1000)
    return replace(absolved, milliseconds=absolved.milliseconds - taken)


def place(entry: Finish | Lap, order: int, table: Table) -> Finish | Lap:
    """The entry in another place, with that place's points and the fastest lap's."""
    printed = str(order) if entry.classification.isdigit() else entry.classification
    if isinstance(entry, Lap):
        return replace(entry, order=order, classification=printed)
    extra = int(entry.points) - points_of(entry.order, table)
    points = points_of(order, table) + max(extra, 0) if printed.isdigit() else 0
    return replace(entry, order=order, classification=printed, points=str(points))


def points_of(order: int, table: Table) -> int:
    points = POINTS[table]
    return points[order - 1] if order <= len(points) else 0
