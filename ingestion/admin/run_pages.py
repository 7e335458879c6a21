"""Runs: the list, a page for each, and a run described for people."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingestion.admin.comparison import describe_on_page
from ingestion.admin.marks import OUTCOMES
from ingestion.admin.read_only import ReadOnlyAdmin, labelled
from ingestion.admin.times import show_instant
from ingestion.models import Change, Event, IngestRun
from ingestion.report import EVENT_COUNTS, RESULT_COUNTS
from ingestion.sessions import SessionType

# A backfill of all seasons has thousands; the feed has the rest.
CHANGES_SHOWN = 200

# The order is fixed here: PostgreSQL keeps the keys of an object in one of its own.
COUNTED = (
    ("events", "events", [name for name in EVENT_COUNTS if name != "unchanged"]),
    ("results", "classifications", [name for name in RESULT_COUNTS if name != "unchanged"]),
)


class IngestRunAdmin(ReadOnlyAdmin):
    list_display = (
        *("started", "outcome_mark", "duration", "started_by", "what", "sent", "changed"),
        "problem_count",
    )
    list_filter = ("outcome", "fault", "trigger")
    date_hierarchy = "started_at"
    ordering = ("-started_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[IngestRun]:
        return IngestRun.objects.all()

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, run: IngestRun) -> str:
        return show_instant(run.started_at)

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def outcome_mark(self, run: IngestRun) -> str:
        return str(OUTCOMES[run.outcome_at(self.clock())])

    @admin.display(description=gettext_lazy("duration"))
    def duration(self, run: IngestRun) -> str:
        return describe_duration(run.duration)

    @admin.display(description=gettext_lazy("requested"))
    def what(self, run: IngestRun) -> str:
        return "; ".join(filter(None, [describe_seasons(run.seasons), describe_arguments(run)]))

    @admin.display(description=gettext_lazy("changes"))
    def changed(self, run: IngestRun) -> str:
        return describe_counts(run)

    @admin.display(description=gettext_lazy("requests"), ordering="requests")
    def sent(self, run: IngestRun) -> str:
        return labelled(_("requests"), run.requests)

    @admin.display(description=gettext_lazy("trigger"), ordering="trigger")
    def started_by(self, run: IngestRun) -> str:
        return labelled(_("by"), run.started_by)

    @admin.display(description=gettext_lazy("problems"))
    def problem_count(self, run: IngestRun) -> str:
        return labelled(_("problems"), f"! {len(run.problems)}" if run.problems else _("none"))

    def show_row(self, request: HttpRequest, run: IngestRun) -> HttpResponse:
        # One more than are shown says whether there are more, without counting them.
        changes = Change.objects.filter(run=run).for_story().order_by("pk")[: CHANGES_SHOWN + 1]
        described = [(change, describe_on_page(change)) for change in changes]
        problems = [*run.problem_list, *run.note_list]
        # One query for the events that they are about, however many there are.
        found = Event.objects.filter(
            season__in={problem.season for problem in problems if problem.season},
            grand_prix__in={problem.grand_prix for problem in problems if problem.grand_prix},
        )
        events = {(one.season, one.grand_prix, one.session_type): one for one in found}
        lines = [
            (str(one), events.get((one.season or 0, one.grand_prix or "", one.session_type or "")))
            for one in problems
        ]
        return self.show(
            request,
            "ingestrun/page.html",
            title=_("Run %(number)s") % {"number": run.pk},
            run=run,
            outcome=OUTCOMES[run.outcome_at(self.clock())],
            facts=describe_run(run),
            problems=lines[: len(run.problems)],
            notes=lines[len(run.problems) :],
            changes=described[:CHANGES_SHOWN],
            has_more=len(described) > CHANGES_SHOWN,
        )


def describe_run(run: IngestRun) -> list[tuple[str, str]]:
    ended = f"{run.ended_at:%Y-%m-%d %H:%M:%S} UTC" if run.ended_at is not None else _("not yet")
    offset = run.clock_offset
    clock = (
        ""
        if offset is None
        else (_("%(seconds)s s of the upstream's") % {"seconds": f"{offset.total_seconds():+.1f}"})
    )
    facts = [
        (
            _("started"),
            _("%(time)s UTC, by %(trigger)s")
            % {"time": f"{run.started_at:%Y-%m-%d %H:%M:%S}", "trigger": run.started_by},
        ),
        (
            _("ended"),
            (
                _("%(ended)s, after %(duration)s")
                % {"ended": ended, "duration": describe_duration(run.duration)}
            )
            if run.ended_at
            else ended,
        ),
        (_("requested"), describe_seasons(run.seasons)),
        (_("with"), describe_arguments(run)),
        (_("requests"), str(run.requests)),
        (_("changes"), describe_counts(run)),
        (_("fault"), run.get_fault_display() if run.fault else ""),
        (_("our clock"), clock),
    ]
    return [(label, text) for label, text in facts if text]


def describe_counts(run: IngestRun) -> str:
    """'events: 1 created; classifications: 2 amended', or that nothing was new."""
    parts = []
    for what, label, names in COUNTED:
        counts: Mapping[str, int] = run.counts.get(what, {})
        counted = [f"{counts[name]} {name}" for name in names if counts.get(name)]
        if counted:
            parts.append(f"{label}: {', '.join(counted)}")
    return "; ".join(parts) or _("nothing new")


def describe_arguments(run: IngestRun) -> str:
    """What was requested beside the seasons; '' for all of them."""
    arguments: Mapping[str, Any] = run.arguments
    requested: Mapping[str, Sequence[str]] = arguments.get("sessions") or {}
    sessions = "; ".join(
        _("%(session)s of %(names)s")
        % {"session": kind.replace("_", " "), "names": ", ".join(requested[kind])}
        for kind in SessionType
        if kind in requested
    )
    described = [
        (_("round %(round)s") % {"round": arguments["round"]}) if arguments.get("round") else "",
        *(
            _("no %(part)s") % {"part": part}
            for part in ("schedule", "results")
            if arguments.get(f"skip_{part}")
        ),
        _("past the caches") if arguments.get("refresh") else "",
        _("waiting when rate-limited") if arguments.get("wait") else "",
        _("the sample") if arguments.get("sample") else "",
        (_("only %(sessions)s") % {"sessions": sessions}) if sessions else "",
    ]
    return ", ".join(filter(None, described))


def describe_seasons(seasons: Sequence[int]) -> str:
    """'2024', '1950-2026', '2019, 2024'."""
    if len(seasons) > 2 and list(seasons) == list(range(seasons[0], seasons[-1] + 1)):
        return f"{seasons[0]}-{seasons[-1]}"
    return ", ".join(map(str, seasons))


def describe_duration(length: timedelta | None) -> str:
    if length is None:
        return ""
    seconds = length.total_seconds()
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        (_("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes})
        if hours
        else (_("%(minutes)s min %(rest)s s") % {"minutes": minutes, "rest": rest})
    )
