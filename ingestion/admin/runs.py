"""What ran, and what came of it."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from ingestion.admin.access import ShownAdmin
from ingestion.admin.marks import OUTCOMES
from ingestion.admin.run_words import (
    describe_arguments,
    describe_counts,
    describe_duration,
    describe_seasons,
    with_events,
)
from ingestion.admin.telling import tell
from ingestion.models import Change, IngestRun

# Of a backfill of all seasons nobody reads more; the feed has the rest.
CHANGES_SHOWN = 200


class IngestRunAdmin(ShownAdmin):
    list_display = (
        *("started", "outcome_mark", "duration", "trigger", "what", "requests", "changed"),
        "problem_count",
    )
    list_filter = ("outcome", "fault", "trigger")
    date_hierarchy = "started_at"
    ordering = ("-started_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[IngestRun]:
        return IngestRun.objects.all()

    @admin.display(description="started (UTC)", ordering="started_at")
    def started(self, run: IngestRun) -> str:
        return f"{run.started_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="outcome", ordering="outcome")
    def outcome_mark(self, run: IngestRun) -> str:
        mark = OUTCOMES[run.outcome_at(self.clock())]
        return f"{mark.shape} {mark.name}"

    @admin.display
    def duration(self, run: IngestRun) -> str:
        return describe_duration(run.duration)

    @admin.display(description="asked for")
    def what(self, run: IngestRun) -> str:
        return "; ".join(filter(None, [describe_seasons(run.seasons), describe_arguments(run)]))

    @admin.display(description="changes")
    def changed(self, run: IngestRun) -> str:
        return describe_counts(run)

    @admin.display(description="problems")
    def problem_count(self, run: IngestRun) -> str:
        return f"! {len(run.problems)}" if run.problems else "none"

    def show_row(self, request: HttpRequest, run: IngestRun) -> HttpResponse:
        changes = Change.objects.filter(run=run).for_story().order_by("pk")[: CHANGES_SHOWN + 1]
        told = [(change, tell(change)) for change in changes]
        lines = with_events([*run.problems, *run.notes])
        return self.show(
            request,
            "ingestrun/page.html",
            title=f"Run {run.pk}",
            run=run,
            outcome=OUTCOMES[run.outcome_at(self.clock())],
            facts=_facts(run),
            problems=lines[: len(run.problems)],
            notes=lines[len(run.problems) :],
            told=told[:CHANGES_SHOWN],
            has_more=len(told) > CHANGES_SHOWN,
        )


def _facts(run: IngestRun) -> list[tuple[str, str]]:
    ended = f"{run.ended_at:%Y-%m-%d %H:%M:%S} UTC" if run.ended_at is not None else "not yet"
    offset = run.clock_offset
    clock = "" if offset is None else f"{offset.total_seconds():+.1f} s of the upstream's"
    facts = [
        ("started", f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC, by {run.trigger}"),
        ("ended", f"{ended}, after {describe_duration(run.duration)}" if run.ended_at else ended),
        ("asked for", describe_seasons(run.seasons)),
        ("with", describe_arguments(run)),
        ("requests", str(run.requests)),
        ("changes", describe_counts(run)),
        ("the fault was", run.get_fault_display() if run.fault else ""),
        ("our clock", clock),
    ]
    return [(label, words) for label, words in facts if words]
