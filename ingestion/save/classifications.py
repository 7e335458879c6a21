"""Classifications to results, each whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import DataError, IntegrityError, transaction

from ingestion.amendments import describe_amendment
from ingestion.errors import BadSourceData, IngestionError, ResultsNotReady
from ingestion.matching import StoredGrandPrix, gather_grands_prix, match_race
from ingestion.models import OVERDUE_AFTER, Change, Event, Result
from ingestion.plausibility import check_classification, describe_field
from ingestion.records import ClassificationRecord, Source, UnreadableClassification
from ingestion.report import Problem, SaveReport
from ingestion.save.answer import EVENT_FIELDS, Answer, PlannedClassification
from ingestion.save.differences import plan_rows
from ingestion.save.rows import Plan, SaveContext, season_locked, snapshot, write
from ingestion.sessions import SessionType

# Sources of a podium or a pole alone, which say nothing of the field.
OF_LEADERS_ALONE = (Source.PERSON, Source.SPRINT_GRID)

# Asking again would say the same.
DECIDE = "Decide on the event's page in the admin"


@dataclass(slots=True)
class Season:
    """The season's events and what they have, read once; `drivers` are those of each whole
    classification, saved or believed just now."""

    events: dict[tuple[str, str], Event]
    grands_prix: list[StoredGrandPrix]
    results: dict[int, list[Result]] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)
    drivers: dict[tuple[str, SessionType], list[str]] = field(default_factory=dict)


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
        for event in Event.objects.filter(season=season).select_related(
            "proposal", "upstream_classification"
        )
    }
    known = Season(events, gather_grands_prix([event.as_stored() for event in events.values()]))
    for result in Result.objects.filter(event__season=season).order_by("event", "order"):
        known.results.setdefault(result.event_id, []).append(result)
    for event in events.values():
        if event.has_results and event.results_source not in OF_LEADERS_ALONE:
            entries = known.results.get(event.pk, [])
            key = event.grand_prix, SessionType(event.session_type)
            known.drivers[key] = [entry.driver_id for entry in entries]
    return known


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
        _report_not_ready(classification, event, error, context, report)
        return None
    except IngestionError as error:
        problem = _problem(classification, event, f"refused, {error}", advice=error.advice)
        report.problems.append(problem)
        return None
    if planned is None:
        report.results["unchanged"] += 1
    return planned


def _report_not_ready(
    classification: ClassificationRecord | UnreadableClassification,
    event: Event | None,
    error: ResultsNotReady,
    context: SaveContext,
    report: SaveReport,
) -> None:
    """Loud once the session is old, unless a person's classification stands in its place."""
    has_results = event is not None and event.has_results
    told = "its new answer was left aside" if has_results else "not available yet"
    is_old = event is None or event.ends_at is None or event.ends_at + OVERDUE_AFTER <= context.now
    is_loud = is_old and not (event is not None and event.results_locked)
    (report.problems if is_loud else report.notes).append(
        _problem(classification, event, f"{told}, {error}", advice=error.advice)
    )


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
    if not session_type.is_unlisted(race.season):
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
    _check(classification, event, known)
    if event.is_cancelled:
        report.notes.append(_problem(classification, event, "a person voided it; left aside"))
        return None
    saved = known.results.get(event.pk, [])
    before, after = snapshot(saved), snapshot(classification.results)
    rows = plan_rows(event, saved, classification.results)
    answer = Answer(classification, event, before, after, rows, context)
    if event.results_locked:
        return answer.keep_overruled(_judge(answer, report))
    return _judge(answer, report)


def _judge(answer: Answer, report: SaveReport) -> PlannedClassification | None:
    classification, event = answer.classification, answer.event
    if answer.rows.is_empty:
        return answer.confirm()
    if answer.is_less_known:
        return None
    standing = answer.why_it_stands()
    if standing:
        report.notes.append(_problem(classification, event, standing))
        return None
    if answer.is_held:
        return _propose(answer, report)
    planned = answer.apply()
    if answer.before and planned.count == "amended":
        words = describe_amendment(event.session_type, answer.before, answer.after)
        report.notes.append(_problem(classification, event, f"amended: {words}"))
    return planned


def _check(classification: ClassificationRecord, event: Event, known: Season) -> None:
    key = event.grand_prix, classification.session_type
    if classification.source in OF_LEADERS_ALONE:
        check_classification(classification)
        return
    check_classification(classification, describe_field(known.drivers, *key))
    known.drivers[key] = [entry.driver_id for entry in classification.results]


def _propose(answer: Answer, report: SaveReport) -> PlannedClassification | None:
    """Held, and said: loudly the first time, as a note while it waits for a person."""
    event = answer.event
    words = describe_amendment(event.session_type, answer.before, answer.after)
    if answer.is_proposed_already:
        waits = "was rejected by a person" if event.proposal_rejected else "waits for a person"
        report.notes.append(
            _problem(answer.classification, event, f"the upstream's change {waits}: {words}")
        )
        return None
    report.problems.append(
        _problem(
            answer.classification,
            event,
            f"settled, and the upstream now says otherwise: {words}; nothing was changed, "
            "a person has to accept or reject it",
            advice=DECIDE,
        )
    )
    return answer.propose()


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
    *,
    advice: str = "",
) -> Problem:
    race = classification.race
    return Problem(
        message,
        season=race.season,
        grand_prix=event.grand_prix if event is not None else race.name,
        session_type=classification.session_type.value,
        advice=advice,
    )
