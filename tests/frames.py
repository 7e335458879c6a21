"""FastF1's own frames from documents of the upstreams, without a server in between."""

import copy
from typing import Any

from ingestion.sessions import SessionType

Document = dict[str, Any]
Page = tuple[Any, list[Any]]

ROWS = {
    SessionType.RACE: "Results",
    SessionType.QUALIFYING: "QualifyingResults",
    SessionType.SPRINT: "SprintResults",
}
CATEGORIES = {
    SessionType.RACE: ("Races_RaceResults", "RaceResults"),
    SessionType.QUALIFYING: ("Races_QualifyingResults", "QualifyingResults"),
    SessionType.SPRINT: ("Races_SprintResults", "SprintResults"),
}


def page_of(session_type: SessionType, *races: Document) -> Page:
    """A page of results as FastF1 makes it of these races."""
    from fastf1.ergast import structure
    from fastf1.ergast.interface import ErgastMultiResponse

    documents = copy.deepcopy(list(races))
    rows = [race.pop(ROWS[session_type]) for race in documents]
    category, subcategory = CATEGORIES[session_type]
    answer = ErgastMultiResponse(
        response_headers={},
        query_filters={},
        metadata={},
        selectors={},
        response_description=documents,
        response_data=rows,
        category=getattr(structure, category),
        subcategory=getattr(structure, subcategory),
        auto_cast=True,
    )
    return answer.description, answer.content


def race(number: int, rows: list[Document], **changes: Any) -> Document:
    """One race of a page of the 2024 season, as Jolpica prints it."""
    key = "QualifyingResults" if rows and "Q1" in rows[0] else "Results"
    return {
        "season": "2024",
        "round": str(number),
        "raceName": f"Grand Prix {number}",
        "Circuit": {
            "circuitId": "spa",
            "circuitName": "Spa-Francorchamps",
            "Location": {"lat": "50.4", "long": "5.9", "locality": "Spa", "country": "Belgium"},
        },
        "date": f"2024-03-{number:02}",
        "time": "13:00:00Z",
        key: rows,
        **changes,
    }


def finish(position: int, /, **changes: Any) -> Document:
    """The row of a race: car 10 + position, a second behind the one before."""
    millis = 5_000_000 + 1000 * (position - 1)
    return {
        **_entry(position),
        "positionText": str(position),
        "points": "0",
        "grid": str(position),
        "laps": "44",
        "status": "Finished",
        "Time": {"millis": str(millis), "time": f"+{position - 1}.000"},
        **changes,
    }


def lap(position: int, /, **changes: Any) -> Document:
    """The row of a qualifying."""
    return {
        **_entry(position),
        "Q1": f"1:46.{position:03}",
        "Q2": f"1:45.{position:03}",
        "Q3": f"1:44.{position:03}",
        **changes,
    }


def _entry(position: int) -> Document:
    return {
        "number": str(10 + position),
        "position": str(position),
        "Driver": {
            "driverId": f"driver_{position}",
            "permanentNumber": str(60 + position),
            "code": f"D{position:02}",
            "givenName": "Ann",
            "familyName": f"Driver {position}",
            "dateOfBirth": "2000-01-01",
            "nationality": "Belgian",
        },
        "Constructor": {
            "constructorId": f"team_{position}",
            "name": f"Team {position}",
            "nationality": "Belgian",
        },
    }
