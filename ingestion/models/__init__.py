"""The tables. `Event`, `Result` and `Change` are what the rest of the monolith trusts."""

from ingestion.models.alarms import Alarm
from ingestion.models.drivers import (
    NAMING,
    Driver,
    DriverChange,
    DriverKey,
    DriverQuerySet,
    name_persons,
    read_own,
    read_persons,
)
from ingestion.models.entrants import KNOWN_BEFORE_LOCK, Entrant, EntrantQuerySet
from ingestion.models.events import OVERDUE_AFTER, Event, EventQuerySet, Result, find_published
from ingestion.models.feed import Change, ChangeQuerySet
from ingestion.models.requests import Poll, RequestBlock
from ingestion.models.runs import CLOCK_SLACK, CreatedRow, IngestRun, TaskRun
from ingestion.models.seasons import Season
from ingestion.models.upstream import SecondOpinion, UpstreamClassification, name_kept_drivers

__all__ = [
    "CLOCK_SLACK",
    "KNOWN_BEFORE_LOCK",
    "NAMING",
    "OVERDUE_AFTER",
    "Alarm",
    "Change",
    "ChangeQuerySet",
    "CreatedRow",
    "Driver",
    "DriverChange",
    "DriverKey",
    "DriverQuerySet",
    "Entrant",
    "EntrantQuerySet",
    "Event",
    "EventQuerySet",
    "IngestRun",
    "Poll",
    "RequestBlock",
    "Result",
    "Season",
    "SecondOpinion",
    "TaskRun",
    "UpstreamClassification",
    "find_published",
    "name_kept_drivers",
    "name_persons",
    "read_own",
    "read_persons",
]
