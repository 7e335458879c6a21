"""Request Jolpica's lists of drivers, only where they can say something that is not known: whom of
last season's field the season has, and who is entered in a round without being classified."""

from collections.abc import Sequence
from functools import partial

from django.db.models import Count

from ingestion.models import Event, Result
from ingestion.pipeline.listed import request_optional
from ingestion.pipeline.picture import Answers, SeasonTask
from ingestion.pipeline.plan import Session
from ingestion.pipeline.queries import find_session
from ingestion.plausibility import is_plausible
from ingestion.records import OF_LEADERS_ALONE, ClassificationRecord, Source
from ingestion.report import Problem
from ingestion.save import awaits_last_field

# Where more cars than these are missing the classification is not whole yet.
MOST_ABSENT = 4


def gather_season_drivers(task: SeasonTask, events: Sequence[Event]) -> Answers:
    """Request the season's list before its first classification, while a driver of last season's
    final field is not entered yet: mostly once."""
    source = task.sources.named(Source.JOLPICA)
    if source is None or not awaits_last_field(task.season, events, task.now):
        return Answers()
    drivers, notes = request_optional(task, partial(source.fetch_drivers, task.season))
    return Answers(notes=notes, drivers=drivers)


def gather_round_drivers(
    task: SeasonTask, sessions: Sequence[Session], events: Sequence[Event], answers: Answers
) -> Answers:
    """Request the list of a round with its first published classification, where that is shorter
    than the last grand prix's and picks are open: who is missing there may be in the list."""
    source = task.sources.named(Source.JOLPICA)
    found = Answers()
    if source is None:
        return found
    is_open = {
        event.grand_prix
        for event in events
        if event.status == Event.Status.SCHEDULED and event.in_time(task.now)
    }
    weekends: dict[str, list[ClassificationRecord]] = {}
    for session in sessions:
        slug = session.grand_prix.slug
        if slug not in is_open or session.is_published:
            continue
        weekends.setdefault(slug, []).extend(
            one
            for one in find_session(session, answers)
            if isinstance(one, ClassificationRecord) and one.source.is_published
            if is_plausible(one)
        )
    for slug, records in weekends.items():
        field, is_known_short = _read_field(slug, events) if records else (0, False)
        short = [one for one in records if field - MOST_ABSENT <= len(one.results) < field]
        if not short or is_known_short:
            continue
        race = short[0].race
        fetch = partial(source.fetch_drivers, task.season, race.round_number, grand_prix=slug)
        drivers, notes = request_optional(task, fetch)
        found += Answers(notes=notes)
        classified = {entry.driver_id for one in records for entry in one.results}
        others = tuple(one for one in drivers if one.driver_id not in classified)
        absent = field - max(len(one.results) for one in short)
        if len(others) <= absent:
            found += Answers(drivers=others)
            continue
        names = ", ".join(one.driver_name for one in others)
        note = Problem(
            f"Jolpica's list of the drivers has {names} besides those who are classified, where "
            f"{absent} can be missing; no driver was entered",
            task.season,
            grand_prix=slug,
            advice="Enter by hand who can be picked",
        )
        found += Answers(notes=(note,))
    return found


def _read_field(slug: str, events: Sequence[Event]) -> tuple[int, bool]:
    """The size of the field in the last session of another grand prix, 0 where there is none; and
    whether one of this weekend's is published with fewer: the list was requested with it."""
    published = [
        event
        for event in events
        if event.has_results and event.results_source not in OF_LEADERS_ALONE
    ]
    published.sort(key=lambda event: (event.starts_at is not None, event.starts_at, event.pk))
    last = next((event for event in reversed(published) if event.grand_prix != slug), None)
    own = [
        event
        for event in published
        if event.grand_prix == slug and Source(event.results_source).is_published
    ]
    if last is None:
        return 0, False
    counted = Result.objects.filter(event__in=[last, *own]).order_by().values("event")
    sizes = {one["event"]: one["size"] for one in counted.annotate(size=Count("pk"))}
    field: int = sizes.get(last.pk, 0)
    return field, any(sizes.get(event.pk, field) < field for event in own)
