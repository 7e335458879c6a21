"""What users of OpenF1 met, each as a change of the stand-in's rows: for `fault(transform=)`."""

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
Rows = list[Row]
Trap = Callable[[Rows], Rows]

RESULT, DRIVERS = "*/openf1/v1/session_result", "*/openf1/v1/drivers"
LISTS = ("*/openf1/v1/meetings", "*/openf1/v1/sessions")


def shuffle(rows: Rows) -> Rows:
    """The page's order is not that of the places; who leads is first all the same."""
    return [rows[0], *reversed(rows[1:])]


def list_disqualified_winner_first(rows: Rows) -> Rows:
    """Belgium 2024: first in the page, with the second's time, and not marked."""
    winner = next((row for row in rows if row["dsq"]), rows[-1])
    others = [row for row in rows if row is not winner]
    changes = {"position": None, "dsq": False, "duration": others[0]["duration"]}
    return [{**winner, **changes, "gap_to_leader": 0}, *others]


def keep_disqualified_winner(rows: Rows) -> Rows:
    """The same where he kept the place as well: everybody else is one place behind."""
    [first, *others] = list_disqualified_winner_first(rows)
    moved = [row | {"position": row["position"] and row["position"] + 1} for row in others]
    return [{**first, "position": 1}, *moved]


def list_disqualified_winner_as_retired(rows: Rows) -> Rows:
    """The same with the mark of another."""
    [first, *others] = list_disqualified_winner_first(rows)
    return [{**first, "dnf": True}, *others]


def mark_finisher_as_retired(rows: Rows) -> Rows:
    return [rows[0], {**rows[1], "dnf": True}, *rows[2:]]


def leave_in_the_garage(rows: Rows) -> Rows:
    """A qualifying's marks are those of its parts: tenth, after a crash in Q2 and without Q3."""
    return [
        row | {"dnf": True, "dns": True, "duration": [*row["duration"][:2], None]}
        if row["position"] == 10
        else row
        for row in rows
    ]


def keep_old_last_row(rows: Rows) -> Rows:
    """An amendment with fewer rows leaves the last one, of a driver who is listed above by now."""
    return [*rows[:-1], {**rows[-1], "driver_number": rows[4]["driver_number"]}]


def mark_placed_as_disqualified(rows: Rows) -> Rows:
    return [{**rows[0], "dsq": True}, *rows[1:]]


def mark_starters_as_not_started(rows: Rows) -> Rows:
    return [*rows[:-1], {**rows[-1], "position": None, "dns": True, "number_of_laps": 40}]


def forget_places(rows: Rows) -> Rows:
    return [row | {"position": None, "dnf": True} for row in rows]


def keep_half(rows: Rows) -> Rows:
    return rows[: len(rows) // 2]


def keep_first_part(rows: Rows) -> Rows:
    """A qualifying while it is being filled: Q1 alone, and its order."""
    by_time = sorted(rows, key=lambda row: (row["duration"][0] is None, row["duration"][0]))
    return [
        row | {"position": place, "duration": [row["duration"][0], None, None]}
        for place, row in enumerate(by_time, 1)
    ]


def number_alone(rows: Rows) -> Rows:
    """Of the drivers."""
    kept = ("driver_number", "session_key", "meeting_key")
    return [{name: row[name] if name in kept else None for name in row} for row in rows]


def champion_of_last_season(rows: Rows) -> Rows:
    """Car 1 is still the one's who had it last year, by name and letters."""
    [other] = [row for row in rows if row["name_acronym"] == "NOR"]
    kept = {name: other[name] for name in ("name_acronym", "full_name", "first_name", "last_name")}
    return [row | kept if row["driver_number"] == 1 else row for row in rows]


def exchange_teams(rows: Rows) -> Rows:
    """Of one driver each: Lawson and Tsunoda in 2025."""
    [one, other] = [row for row in rows if row["name_acronym"] in ("PER", "TSU")]
    teams = {
        one["driver_number"]: other["team_name"],
        other["driver_number"]: one["team_name"],
    }
    return [row | {"team_name": teams.get(row["driver_number"], row["team_name"])} for row in rows]


def forget_teams(rows: Rows) -> Rows:
    return [row | {"team_name": None} for row in rows]


def forget_a_team(rows: Rows) -> Rows:
    return [row | {"team_name": None} if row["name_acronym"] == "PER" else row for row in rows]


def unknown_driver(rows: Rows) -> Rows:
    name = {"full_name": "Nino NOWHERE", "name_acronym": "NOW", "driver_number": 98}
    return [row | name if row["driver_number"] == 44 else row for row in rows]


def another_session(rows: Rows) -> Rows:
    return [row | {"session_key": row["session_key"] + 1} for row in rows]


def forget_a_meeting(rows: Rows) -> Rows:
    """Of the first row of a list."""
    return [rows[0] | {"meeting_key": None}, *rows[1:]]


def places_as_texts(rows: Rows) -> Rows:
    return [row | {"position": str(row["position"])} for row in rows]


def renamed(rows: Rows) -> Rows:
    """A shape that is not known."""
    return [
        {name.replace("position", "rank"): value for name, value in row.items()} for row in rows
    ]


def without_numbers(rows: Rows) -> Rows:
    """Of the drivers: the same in another shape."""
    return [
        {name.replace("driver_number", "number"): value for name, value in row.items()}
        for row in rows
    ]


def in_an_object(rows: Rows) -> Any:
    return {"data": rows}


def add_driver(of_sessions: set[int], **facts: Any) -> Trap:
    """One more in the drivers of those sessions, by their place in the weekend."""

    def add(rows: Rows) -> Rows:
        if rows[0]["session_key"] % 10 not in of_sessions:
            return rows
        return [*rows, {**rows[0], **facts}]

    return add
