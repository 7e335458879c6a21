"""What is stored of past seasons beside Jolpica's dump: what differs, and nothing is written.

A difference in a settled podium or pole is worth a person's decision: `propose` makes it one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import override

from ingestion.amendments import describe_amendment, list_details, touches_leaders
from ingestion.budget import Budget, Purpose
from ingestion.errors import BadSourceData, SourceRateLimited
from ingestion.matching import gather_grands_prix, match_race
from ingestion.models import Change, Event
from ingestion.pipeline.dump import has_season
from ingestion.pipeline.request import Rules
from ingestion.pipeline.run import Progress
from ingestion.records import ClassificationRecord
from ingestion.report import SaveReport
from ingestion.save import SaveContext, save_classifications
from ingestion.save.drivers import read_season_drivers
from ingestion.save.rows import snapshot
from ingestion.sessions import SessionType
from ingestion.sources import ClassificationQuery, JolpicaDump, SourceConfig, connect, list_limits

NAMED_FIELDS = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """`touches_leaders` of another podium or pole, `is_older` where the dump was made before the
    stored classification; `record` is None where the dump has none."""

    event: Event
    message: str
    record: ClassificationRecord | None = None
    touches_leaders: bool = False
    is_older: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether picks were paid by what differs."""
        return self.touches_leaders and self.event.results_state == Event.ResultsState.SETTLED

    def __str__(self) -> str:
        session = self.event.session_type.replace("_", " ")
        what = "settled, " if self.is_settled else ""
        note = "; the dump is older than what is saved" if self.is_older else ""
        if self.event.is_cancelled and self.event.schedule_locked:
            note = "; a person voided the session"
        elif self.event.results_locked:
            note = "; what is saved is a person's"
        return f"{self.event.season} {self.event.grand_prix} {session}: {what}{self.message}{note}"


@dataclass(slots=True)
class AuditReport:
    """Settled podiums and poles first. `made_at` is the dump's time, None where it cannot be used:
    `notes` say why. `seasons_stored` is how many past ones there are to be compared."""

    made_at: datetime | None = None
    seasons_stored: int = 0
    seasons: list[int] = field(default_factory=list)
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    requests: int = 0


def audit(
    config: SourceConfig,
    *,
    seasons: Sequence[int] = (),
    clock: Callable[[], datetime],
    show_step: Progress,
) -> AuditReport:
    """Compare the stored seasons, or those of them, as far as they are over and the dump has them.
    Raises `IngestionError` where the cache folder or an address cannot be used."""
    report = AuditReport()
    past = Event.objects.filter(season__lt=clock().year).order_by("season")
    stored = list(past.values_list("season", flat=True).distinct())
    report.seasons_stored = len(stored)
    if not stored:
        report.notes.append("no past season is stored, there is nothing to compare")
        return report
    budget = Budget(clock=clock, limits=list_limits(config))
    # A comparison is in no hurry: the running season's requests come first.
    budget.purpose = Purpose.BACKFILL
    sources = connect(config, reserve=budget.reserve, give_back=budget.give_back, clock=clock)
    dump = sources.dump
    if dump is None:
        report.notes.append("Jolpica's dump is switched off (JOLPICA_DUMP_URL)")
        return report
    show_step("Jolpica's dump", done=0, total=1)
    try:
        report.notes += dump.open()
    except SourceRateLimited as error:
        report.notes.append(f"{error}")
    report.requests, report.made_at = sources.requests, dump.made_at
    if dump.made_at is None:
        return report
    chosen = [one for one in stored if (one in seasons or not seasons) and has_season(dump, one)]
    for done, season in enumerate(chosen):
        show_step(f"{season} beside Jolpica's dump", done=done, total=len(chosen))
        report.seasons.append(season)
        _compare_season(dump, season, report, clock())
    report.differences.sort(key=lambda one: (not one.is_settled, not one.touches_leaders))
    return report


def _compare_season(dump: JolpicaDump, season: int, report: AuditReport, now: datetime) -> None:
    events = list(Event.objects.for_season(season).with_classifications())
    grands_prix = gather_grands_prix([event.as_stored() for event in events])
    by_key = {(event.grand_prix, event.session_type): event for event in events}
    cars = {(row.driver_id, row.driver_number) for event in events for row in event.classification}
    for kind in reversed(SessionType):
        seen: set[int] = set()
        try:
            answer = dump.fetch_classifications(ClassificationQuery(season, kind))
        except BadSourceData as error:
            report.notes.append(str(error))
            continue
        # A key that was corrected since is still the same driver's.
        drivers = read_season_drivers(season, answer.records, cars, now)
        for record in answer.records:
            if not isinstance(record, ClassificationRecord):
                report.notes.append(f"{season} {record.race.name} {kind.label}: {record.reason}")
                continue
            try:
                slug = match_race(record.race, grands_prix).slug
                identified = drivers.identify(record)
            except BadSourceData as error:
                report.notes.append(f"{season} {kind.label}: {error}")
                continue
            event = by_key.get((slug, kind.value))
            if event is None:
                report.notes.append(f"{season} {slug}: its {kind.label} is not stored")
                continue
            seen.add(event.pk)
            report.compared += 1
            report.differences += _compare(event, record, identified)
        report.differences += (
            Difference(event, "the dump has no such classification")
            for event in events
            if event.session_type == kind.value and event.has_results and event.pk not in seen
        )


def _compare(
    event: Event, record: ClassificationRecord, identified: ClassificationRecord
) -> Iterator[Difference]:
    """`identified` is the record with our drivers, whom saving finds anew."""
    before, after = snapshot(event.classification), snapshot(identified.results)
    if before == after:
        return
    if not before:
        yield Difference(event, "it is not stored, and the dump has it", record)
        return
    message = describe_amendment(event.session_type, before, after)
    if not message:
        details = list_details(before, after) if len(before) == len(after) else []
        fields = sorted({detail["field"] for detail in details})
        more = f" and {len(fields) - NAMED_FIELDS} more" if len(fields) > NAMED_FIELDS else ""
        message = f"another {', '.join(fields[:NAMED_FIELDS])}{more} of {len(details)} entries"
    saved_at, made_at = event.results_generated_at, record.generated_at
    yield Difference(
        event,
        message,
        record,
        touches_leaders=touches_leaders(event.session_type, before, after),
        is_older=saved_at is not None and made_at is not None and made_at < saved_at,
    )


@override(None)
def propose(differences: Sequence[Difference], *, rules: Rules, now: datetime) -> SaveReport:
    """Make proposals of those that concern a settled podium or pole, as any answer of an upstream
    would: an older one and a person's decision stay as they are."""
    report = SaveReport()
    by_season: dict[int, list[ClassificationRecord]] = defaultdict(list)
    for one in differences:
        if one.is_settled and one.record is not None:
            by_season[one.event.season].append(one.record)
    context = SaveContext(
        None,
        Change.Cause.BACKFILL,
        now,
        settles_after=rules.settles_after,
        applies_settled_changes=rules.applies_settled_changes,
    )
    for records in by_season.values():
        report.add(save_classifications(records, context))
    return report
