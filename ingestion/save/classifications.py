"""Classifications to results, each whole or not at all."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.db.models import F

from ingestion.amendments import describe_amendment
from ingestion.database_failures import retried
from ingestion.errors import BadSourceData, IngestionError, ResultsNotReady
from ingestion.matching import StoredGrandPrix, gather_grands_prix, match_race
from ingestion.models import OVERDUE_AFTER, Change, Event, Result, name_kept_drivers
from ingestion.plausibility import check_classification, check_leaders, describe_field
from ingestion.records import (
    OF_LEADERS_ALONE,
    ClassificationRecord,
    Source,
    UnreadableClassification,
)
from ingestion.report import Problem, SaveReport
from ingestion.save.comparison import APPLIED, RESULTS_FIELDS, Comparison, PlannedClassification
from ingestion.save.drivers import SeasonDrivers, read_season_drivers
from ingestion.save.rows import (
    Columns,
    RowPlan,
    SaveContext,
    copy_columns,
    find_unstorable,
    plan_rows,
    season_locked,
    snapshot,
    write,
)
from ingestion.save.witness import weigh
from ingestion.sessions import SessionType

# Fetching it again would bring the same.
DECIDE = "Decide on the event's page in the admin"

Reported = ClassificationRecord | UnreadableClassification


@dataclass(slots=True)
class SavedSeason:
    """The season's events and their results, read once; `drivers` are those of each whole
    classification, saved or accepted just now, `compared` the events that the answer was about."""

    events: dict[tuple[str, str], Event]
    grands_prix: list[StoredGrandPrix]
    results: dict[int, list[Result]]
    persons: SeasonDrivers
    # The events' columns as they were read.
    columns: Columns
    compared: set[int] = field(default_factory=set)
    drivers: dict[tuple[str, SessionType], list[str]] = field(default_factory=dict)
    # What counts of an event once this run is saved, where that is another than was read.
    counting: dict[int, list[dict[str, Any]]] = field(default_factory=dict)


@retried
def save_classifications(
    classifications: Sequence[Reported],
    context: SaveContext,
) -> SaveReport:
    """Save the classifications of one season that are plausible and news."""
    report = SaveReport()
    if not classifications:
        return report
    season = classifications[0].race.season
    with season_locked(season):
        saved = _read_season(season, classifications, context)
        plans = []
        for classification in classifications:
            plan = _plan(classification, saved, context, report)
            if plan is not None:
                plans.append(plan)
        report.notes += [Problem(said, season=season) for said in saved.persons.write()]
        _drop_new_facts([planned.plan for planned in plans])
        _write_batch(plans, saved, context, report)
    return report


def _read_season(
    season: int, classifications: Sequence[Reported], context: SaveContext
) -> SavedSeason:
    # So many queries whatever the season's size.
    events = {
        (event.grand_prix, event.session_type): event
        for event in Event.objects.filter(season=season).select_related(
            "proposal", "upstream_classification", "second_opinion"
        )
    }
    results: dict[int, list[Result]] = {}
    for result in Result.objects.filter(event__season=season).order_by("event", "order"):
        results.setdefault(result.event_id, []).append(result)
    cars = {(row.driver_id, row.driver_number) for rows in results.values() for row in rows}
    drivers = read_season_drivers(season, classifications, cars, context.now)
    # An answer is compared with what is kept beside the rows too.
    name_kept_drivers(events.values(), classified={driver for driver, _ in cars})
    grands_prix = gather_grands_prix([event.as_stored() for event in events.values()])
    columns = copy_columns(events.values(), RESULTS_FIELDS)
    saved = SavedSeason(events, grands_prix, results, drivers, columns)
    for event in events.values():
        if event.has_results and event.results_source not in OF_LEADERS_ALONE:
            entries = saved.results.get(event.pk, [])
            key = event.grand_prix, SessionType(event.session_type)
            saved.drivers[key] = [entry.driver_id for entry in entries]
    return saved


def _plan(
    reported: Reported, saved: SavedSeason, context: SaveContext, report: SaveReport
) -> PlannedClassification | None:
    """The plan for a classification that is news; anything else ends up in the report."""
    event = None
    try:
        event = _find_event(reported, saved)
        _check_begun(event, context)
        planned = _plan_event(reported, event, saved, context, report)
    except ResultsNotReady as error:
        # Loud once the session is old, unless a person's classification is there in its place.
        outcome = "its new answer was left aside" if event and event.has_results else ""
        is_old = (
            event is None or event.ends_at is None or event.ends_at + OVERDUE_AFTER <= context.now
        )
        is_loud = is_old and not (event is not None and event.results_locked)
        is_loud = is_loud and not _is_seconds(reported)
        message = f"{outcome or 'not available yet'}, {error}"
        problem = _problem(reported, event, message, advice=error.advice)
        (report.problems if is_loud else report.notes).append(problem)
        return None
    except IngestionError as error:
        problem = _problem(reported, event, f"refused, {error}", advice=error.advice)
        # The second source's is a note: what is published does not depend on it.
        (report.notes if _is_seconds(reported) else report.problems).append(problem)
        return None
    if planned is None:
        report.results["unchanged"] += 1
    return planned


def _is_seconds(reported: Reported) -> bool:
    return isinstance(reported, ClassificationRecord) and reported.source.is_second


def _find_event(reported: Reported, saved: SavedSeason) -> Event:
    """The event of the race that the answer says it is about, whatever its round number is."""
    grand_prix = match_race(reported.race, saved.grands_prix)
    session_type = reported.session_type
    event = saved.events.get((grand_prix.slug, session_type.value))
    if event is None:
        if not session_type.is_unlisted(reported.race.season):
            raise BadSourceData("the calendar has no such session in that weekend")
        race = saved.events[grand_prix.slug, SessionType.RACE.value]
        # When it was is not recorded anywhere.
        event = Event(
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
        saved.events[event.grand_prix, event.session_type] = event
    if event.is_cancelled and not event.schedule_locked:
        raise BadSourceData("the session is cancelled on the calendar")
    # The second source speaks beside the others.
    if not _is_seconds(reported):
        if id(event) in saved.compared:
            raise BadSourceData("the answer has two classifications of this session")
        saved.compared.add(id(event))
    return event


def _check_begun(event: Event, context: SaveContext) -> None:
    """A first classification from before the start would be settled by the time the real one comes,
    and that one would be a proposal. Once picks have closed, or where the other calendar has had
    its start, the session may have been held though a calendar moves it."""
    starts = [at for at in (event.locks_at, event.disputed_starts_at) if at is not None]
    if starts and min(starts) > context.now and not event.has_results:
        raise ResultsNotReady("the calendar has its start still to come")


def _plan_event(
    reported: Reported, event: Event, saved: SavedSeason, context: SaveContext, report: SaveReport
) -> PlannedClassification | None:
    if isinstance(reported, UnreadableClassification):
        raise BadSourceData(reported.reason)
    reported = saved.persons.identify(reported)
    key = event.grand_prix, reported.session_type
    if reported.source in OF_LEADERS_ALONE:
        check_leaders(reported)
    else:
        check_classification(reported, describe_field(saved.drivers, *key))
        if not reported.source.is_second or key not in saved.drivers:
            saved.drivers[key] = [entry.driver_id for entry in reported.results]
    if event.is_cancelled:
        # By a person: what a calendar cancelled is refused before.
        report.notes.append(_problem(reported, event, "a person voided it; left aside"))
        return None
    # Copies: what a witness says must not change rows that a published one is about to write.
    rows = [copy(row) for row in saved.results.get(event.pk, [])]
    before = saved.counting.get(id(event), snapshot(rows))
    changed = plan_rows(event, rows, reported.results)
    fault = next(
        filter(None, map(find_unstorable, changed.new_results + changed.changed_results)), ""
    )
    if fault:
        raise BadSourceData(f"an entry cannot be saved: {fault}")
    saved.persons.accept(reported)
    comparison = Comparison(
        reported, event, before, after=snapshot(reported.results), rows=changed, context=context
    )
    planned = _judge(comparison, report)
    if planned is not None and planned.counts_as in APPLIED:
        saved.counting[id(event)] = comparison.after
    planned = weigh(comparison, planned)
    overruled = comparison.find_overruled() if event.results_locked else None
    if overruled is not None:
        planned = planned or PlannedClassification(event, "unchanged", RowPlan())
        planned.plan.overruled.append(overruled)
    return planned


def _judge(comparison: Comparison, report: SaveReport) -> PlannedClassification | None:
    reported, event = comparison.reported, comparison.event
    if comparison.rows.is_empty:
        return comparison.take_same_again()
    if comparison.is_outranked:
        return None
    kept = comparison.explain_keeping()
    if kept:
        report.notes.append(_problem(reported, event, kept))
        return None
    change = describe_amendment(event.session_type, comparison.before, comparison.after)
    if not comparison.is_held:
        planned = comparison.apply()
        if planned.counts_as == "amended":
            report.notes.append(_problem(reported, event, f"amended: {change}"))
        return planned
    # Held: loudly the first time, as a note while it waits for a person.
    if comparison.is_proposed_already:
        waits = "was rejected by a person" if event.proposal_rejected else "waits for a person"
        report.notes.append(_problem(reported, event, f"the upstream's change {waits}: {change}"))
        return None
    message = (
        f"settled, and the upstream now says otherwise: {change}; nothing was changed, "
        "a person has to accept or reject it"
    )
    report.problems.append(_problem(reported, event, message, advice=DECIDE))
    return comparison.propose()


def _drop_new_facts(plans: Sequence[RowPlan]) -> None:
    """Leave out of the feed what no result could have when its revision was published: a column
    that was added since is filled in, which is no change of any classification.

    The feed's entry of a revision has the facts that were known then. Read in one query, whatever
    the number of events, and only where there are details.
    """
    details = {
        change.event_id: (plan, change)
        for plan in plans
        for change in plan.changes
        if "details" in change.after
    }
    published = Change.objects.of_revisions().filter(
        event__in=details, revision=F("event__results_revision")
    )
    for event_id, after in published.values_list("event_id", "after") if details else ():
        plan, change = details[event_id]
        known = after["classification"][0].keys()
        change.after["details"] = [
            detail
            for detail in change.after["details"]
            if detail["field"] in known or detail["before"] not in (None, "")
        ]
        if not change.after["details"] and not change.before:
            plan.changes.remove(change)


def _write_batch(
    planned: list[PlannedClassification],
    saved: SavedSeason,
    context: SaveContext,
    report: SaveReport,
) -> None:
    """All in one savepoint; where the database refuses, each in its own."""
    if not planned:
        return
    batch = RowPlan()
    for one in planned:
        batch.merge(one.plan)
    # Their keys are set by a savepoint, and stay behind when it is rolled back.
    created = [row for row in batch.list_rows() if row._state.adding]  # noqa: SLF001
    try:
        with transaction.atomic():
            write(batch, RESULTS_FIELDS, context, stored=saved.columns)
    except (DataError, IntegrityError):
        for row in created:
            row.pk, row._state.adding = None, True  # noqa: SLF001
        planned = _write_one_by_one(planned, context, report)
    for one in planned:
        report.results[one.counts_as] += 1
        report.events["created"] += len(one.plan.new_events)
        report.changes += one.plan.list_changes()


def _write_one_by_one(
    planned: Sequence[PlannedClassification], context: SaveContext, report: SaveReport
) -> list[PlannedClassification]:
    """Those that the database takes. Where it refuses one, later ones of that event are left out:
    they were made upon that one."""
    written: list[PlannedClassification] = []
    refused: set[int] = set()
    for one in planned:
        if id(one.event) in refused:
            continue
        for row in one.plan.list_rows():
            # A new event got another key than the one that the row has.
            if not isinstance(row, Event):
                row.event = one.event
        try:
            with transaction.atomic():
                write(one.plan, RESULTS_FIELDS, context, stored=None)
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
            refused.add(id(one.event))
        else:
            written.append(one)
    return written


def _problem(reported: Reported, event: Event | None, message: str, *, advice: str = "") -> Problem:
    race = reported.race
    return Problem(
        message,
        season=race.season,
        grand_prix=event.grand_prix if event is not None else race.name,
        session_type=reported.session_type.value,
        advice=advice,
    )
