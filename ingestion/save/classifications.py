"""Classifications to results, each whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import DataError, IntegrityError, transaction

from ingestion.errors import BadSourceData, IngestionError, ResultsNotReady
from ingestion.matching import StoredGrandPrix, gather_grands_prix, match_race
from ingestion.models import Change, Event, Result
from ingestion.plausibility import check_classification
from ingestion.records import (
    RESULT_FIELDS,
    ClassificationRecord,
    ResultRecord,
    SessionType,
    Source,
    UnreadableClassification,
)
from ingestion.report import Problem, SaveReport
from ingestion.save.rows import Plan, SaveContext, entry, season_locked, snapshot, write

# Qualifyings of 1994 to 2005 have classifications and stand in no calendar.
LAST_SEASON_OF_UNLISTED_QUALIFYINGS = 2005
# Upstreams publish within hours: what is missing a day after the end is said loudly.
OVERDUE = timedelta(days=1)

EVENT_FIELDS = (
    "results_state",
    "results_revision",
    "results_source",
    "results_generated_at",
    "status",
)
# What of a classification concerns a scorer; the rest are details.
DISQUALIFIED = "D"


@dataclass(slots=True)
class Season:
    """The season's events and what they have, read once."""

    events: dict[tuple[str, str], Event]
    grands_prix: list[StoredGrandPrix]
    results: dict[int, list[Result]] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)


def save_classifications(
    classifications: Sequence[ClassificationRecord | UnreadableClassification],
    context: SaveContext,
) -> SaveReport:
    """Save the classifications of one season that can be believed and are news."""
    report = SaveReport()
    if not classifications:
        return report
    season = classifications[0].race.season
    with season_locked(season):
        known = _read_season(season)
        plans = []
        for classification in classifications:
            plan = _plan_reported(classification, known, context, report)
            if plan is not None:
                plans.append(plan)
        _write_each(plans, context, report)
    return report


def _read_season(season: int) -> Season:
    events = {
        (event.grand_prix, event.session_type): event
        for event in Event.objects.filter(season=season)
    }
    known = Season(events, gather_grands_prix([event.as_stored() for event in events.values()]))
    for result in Result.objects.filter(event__season=season).order_by("event", "order"):
        known.results.setdefault(result.event_id, []).append(result)
    return known


@dataclass(slots=True)
class PlannedClassification:
    """A plan, how it counts, and the event that it is about."""

    event: Event
    count: str
    plan: Plan


def _plan_reported(
    classification: ClassificationRecord | UnreadableClassification,
    known: Season,
    context: SaveContext,
    report: SaveReport,
) -> PlannedClassification | None:
    """The plan for a classification that is news; anything else ends up in the report."""
    event = None
    try:
        event = _find_event(classification, known)
        planned = _plan(classification, event, known, context, report)
    except ResultsNotReady as error:
        overdue = event is None or event.ends_at is None or event.ends_at + OVERDUE <= context.now
        (report.problems if overdue else report.notes).append(
            _problem(classification, event, f"not available yet, {error}")
        )
        return None
    except IngestionError as error:
        report.problems.append(_problem(classification, event, f"refused, {error}"))
        return None
    if planned is None:
        report.results["unchanged"] += 1
    return planned


def _find_event(
    classification: ClassificationRecord | UnreadableClassification,
    known: Season,
) -> Event:
    """The event of the race that the answer says it is about, whatever its round number is."""
    grand_prix = match_race(classification.race, known.grands_prix)
    session_type = classification.session_type
    event = known.events.get((grand_prix.slug, session_type.value))
    if event is None:
        event = _unlisted_event(known.events[grand_prix.slug, SessionType.RACE.value], session_type)
        known.events[event.grand_prix, event.session_type] = event
    if event.is_cancelled and not event.schedule_locked:
        raise BadSourceData("the session is cancelled on the calendar")
    if id(event) in known.met:
        raise BadSourceData("the answer has two classifications of this session")
    known.met.add(id(event))
    return event


def _unlisted_event(race: Event, session_type: SessionType) -> Event:
    """A session that no calendar lists and that has a classification; when it was, nobody says."""
    if (
        session_type is not SessionType.QUALIFYING
        or race.season > LAST_SEASON_OF_UNLISTED_QUALIFYINGS
    ):
        raise BadSourceData("the calendar has no such session in that weekend")
    return Event(
        season=race.season,
        grand_prix=race.grand_prix,
        session_type=session_type.value,
        round_number=race.round_number,
        name=race.name,
        official_name=race.official_name,
        country=race.country,
        location=race.location,
        ends_at=race.ends_at,
        schedule_source=Source.JOLPICA.value,
    )


def _plan(
    classification: ClassificationRecord | UnreadableClassification,
    event: Event,
    known: Season,
    context: SaveContext,
    report: SaveReport,
) -> PlannedClassification | None:
    if isinstance(classification, UnreadableClassification):
        raise BadSourceData(classification.reason)
    check_classification(classification)
    if event.is_cancelled:
        report.notes.append(_problem(classification, event, "a person voided it; left aside"))
        return None
    saved = known.results.get(event.pk, [])
    before, after = snapshot(saved), snapshot(classification.results)
    plan = _compare(event, saved, classification.results)
    if plan is None:
        return None
    standing = _why_it_stands(event, classification)
    if standing:
        report.notes.append(_problem(classification, event, standing))
        return None
    kind = _kind(event, before, after)
    event.results_state = Event.ResultsState.OFFICIAL
    event.results_revision += 1
    event.results_source = classification.source.value
    event.results_generated_at = classification.generated_at
    event.status = Event.Status.COMPLETED
    if not event.pk:
        plan.new_events.append(event)
        start = {"name": event.name, "round_number": event.round_number, "starts_at": None}
        plan.changes.append(entry(event, Change.Kind.SCHEDULED, {}, start, context))
    else:
        plan.changed_events.append(event)
    old = {"classification": before} if before else {}
    plan.changes.append(entry(event, kind, old, {"classification": after}, context))
    return PlannedClassification(event, COUNTED[kind], plan)


COUNTED = {
    Change.Kind.PUBLISHED: "created",
    Change.Kind.AMENDED: "amended",
    Change.Kind.DETAILS: "updated",
}


def _compare(event: Event, saved: Sequence[Result], records: Sequence[ResultRecord]) -> Plan | None:
    """The rows to write, None where the saved ones say the same. Rows that stay keep their keys."""
    plan = Plan()
    left = {(row.driver_id, row.driver_number): row for row in saved}
    for record in records:
        row = left.pop((record.driver_id, record.driver_number), None)
        values = {name: getattr(record, name) for name in RESULT_FIELDS}
        if row is None:
            plan.new_results.append(Result(event=event, **values))
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            plan.changed_results.append(row)
    plan.gone_results = list(left.values())
    return plan if plan.new_results or plan.changed_results or plan.gone_results else None


def _why_it_stands(event: Event, classification: ClassificationRecord) -> str:
    """Why the saved classification is not replaced by one that differs; '' where it is."""
    if event.results_locked:
        return "a person's classification stands; the upstream's differs"
    known, told = event.results_generated_at, classification.generated_at
    if known is not None and told is not None and told < known:
        return "an answer older than the saved classification was left aside"
    return ""


def _kind(event: Event, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Change.Kind:
    if not event.has_results:
        return Change.Kind.PUBLISHED
    if _order(before) != _order(after):
        return Change.Kind.AMENDED
    return Change.Kind.DETAILS


def _order(classification: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """What concerns a scorer: who is where, and who is out. Only `status` tells of some
    disqualified drivers (2023 United States)."""
    return [
        (
            entry["driver_id"],
            entry["classification"] == DISQUALIFIED or entry["status"] == "Disqualified",
        )
        for entry in classification
    ]


def _write_each(
    planned: list[PlannedClassification], context: SaveContext, report: SaveReport
) -> None:
    """All in one savepoint; where the database refuses, each in its own."""
    if not planned:
        return
    batch = Plan()
    for one in planned:
        batch.merge(one.plan)
    try:
        with transaction.atomic():
            write(batch, EVENT_FIELDS, context)
    except (DataError, IntegrityError):
        planned = [one for one in planned if _write_alone(one, context, report)]
    for one in planned:
        report.results[one.count] += 1
        report.events["created"] += len(one.plan.new_events)
        report.changes += one.plan.told()


def _write_alone(one: PlannedClassification, context: SaveContext, report: SaveReport) -> bool:
    # The savepoint that was rolled back took the rows and left their keys behind.
    for event in one.plan.new_events:
        event.pk = None
    rows: list[Result | Change] = [*one.plan.new_results, *one.plan.changes]
    for row in rows:
        row.pk = None
        row.event = one.event
    try:
        with transaction.atomic():
            write(one.plan, EVENT_FIELDS, context)
    except (DataError, IntegrityError) as error:
        reason = str(error).strip().splitlines()[0]
        report.problems.append(
            Problem(
                f"the database refused it: {reason}",
                season=one.event.season,
                grand_prix=one.event.grand_prix,
                session_type=one.event.session_type,
            )
        )
        return False
    return True


def _problem(
    classification: ClassificationRecord | UnreadableClassification,
    event: Event | None,
    message: str,
) -> Problem:
    race = classification.race
    return Problem(
        message,
        season=race.season,
        grand_prix=event.grand_prix if event is not None else race.name,
        session_type=classification.session_type.value,
    )
