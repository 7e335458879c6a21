"""The pole of a sprint's qualifying as the sprint's grid shows it; needs no request."""

from ingestion.records import ClassificationRecord, ResultRecord, Source
from ingestion.sessions import SessionType


def read_sprint_pole(sprint: ClassificationRecord) -> ClassificationRecord | None:
    """One entry, a guess: penalties and starts from the pit lane come between the two. None where
    no car, or more than one, started from slot 1."""
    first = [row for row in sprint.results if row.grid == 1]
    if len(first) != 1:
        return None
    [pole] = first
    entry = ResultRecord(
        order=1,
        position=1,
        classification="1",
        driver_id=pole.driver_id,
        driver_number=pole.driver_number,
        driver_code=pole.driver_code,
        driver_name=pole.driver_name,
        constructor_id=pole.constructor_id,
        constructor_name=pole.constructor_name,
    )
    return ClassificationRecord(
        sprint.race,
        SessionType.SPRINT_QUALIFYING,
        Source.SPRINT_GRID,
        sprint.generated_at,
        (entry,),
    )
