"""Who can be picked for the grands prix whose picks are open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F

from ingestion.database_failures import retried
from ingestion.models import Change, Entrant, Event, Result
from ingestion.records import OF_LEADERS_ALONE, EntrantRecord, Source
from ingestion.report import SaveReport
from ingestion.save.rows import SaveContext, build_change, record_changes, season_locked

# Before the first lock of a grand prix.
KNOWN_BEFORE_LOCK = timedelta(days=7)
# A driver who misses a grand prix is often back at the next one, and may win it: Sainz in 2024.
GRANDS_PRIX_BEFORE = 2

CONSTRUCTOR = ("constructor_id", "constructor_name")
ENTRANT_FACTS = ("driver_number", "driver_code", "driver_name", *CONSTRUCTOR)
SAVED = (
    *("driver", *ENTRANT_FACTS, "source", "is_withdrawn", "is_locked"),
    *("person_name", "reason", "updated_at"),
)
MERGED_FIRST = (F("driver__merged_into").asc(nulls_last=True), "pk")


@dataclass(frozen=True, slots=True)
class Classified:
    """A session that has a classification of its whole field."""

    event_id: int
    season: int
    grand_prix: str
    source: str


def choose_sessions(
    season: int, grand_prix: str, classified: Sequence[Classified]
) -> list[Classified]:
    """The sessions whose drivers can be picked for a grand prix, of those that are `classified`,
    both in the order in which they were run: what a later one says of a car counts.

    Its own, and those of the season's last two grands prix; before the season's first, those of
    the last one of the season before.
    """
    own = [one for one in classified if (one.season, one.grand_prix) == (season, grand_prix)]
    others = [one for one in classified if one not in own]
    of_season = [one for one in others if one.season == season]
    latest_first = dict.fromkeys(one.grand_prix for one in reversed(of_season or others))
    # Of the season before, the final field alone: teams change their drivers in winter.
    slugs = list(latest_first)[: GRANDS_PRIX_BEFORE if of_season else 1]
    return [one for one in of_season or others if one.grand_prix in slugs] + own


@retried
def save_entrants(
    season: int, context: SaveContext, listed: Sequence[EntrantRecord] = ()
) -> SaveReport:
    """Enter who is classified or `listed`; nobody is taken out, and what a person decided stays."""
    report = SaveReport()
    with season_locked(season):
        weekends = find_weekends(season, context)
        if not weekends:
            return report
        named, own = _read_named(season, weekends)
        saved: dict[str, dict[str, Entrant]] = {slug: {} for slug in weekends}
        rows = Entrant.objects.filter(season=season, grand_prix__in=weekends)
        # Of two that were merged since, the one who has the results comes last, and counts.
        for entrant in rows.select_related("driver").order_by(*MERGED_FIRST):
            key = entrant.driver.merged_into_id or entrant.driver_id
            saved[entrant.grand_prix][key] = entrant
        new: list[Entrant] = []
        changed: list[Entrant] = []
        changes: list[Change] = []
        for slug, events in weekends.items():
            named_now = {entrant.driver_id: entrant for entrant in named[slug]}
            others = [one for one in listed if one.grand_prix == slug]
            named_here = own[slug] | {one.driver_id for one in others}
            _add_listed(others, season, named_now, own=own[slug])
            entered = [one for key, one in named_now.items() if key not in saved[slug]]
            if entered:
                changes += build_changes(events, Change.Kind.ENTERED, entered, context)
            for entrant in entered:
                entrant.created_at = entrant.updated_at = context.now
            new += entered
            for key, entrant in saved[slug].items():
                # What this weekend's lists said outlasts other weekends' classifications.
                is_kept = Source(entrant.source).is_second and key not in named_here
                if key in named_now and not is_kept and _is_updated(entrant, named_now[key]):
                    entrant.updated_at = context.now
                    changed.append(entrant)
        write_entrants(new, changed, changes)
        report.changes += [(change.event.grand_prix, change.kind) for change in changes]
    return report


def find_weekends(season: int, context: SaveContext) -> dict[str, list[Event]]:
    """The grands prix whose entrants are known now, each with the events that can be picked on."""
    weekends: dict[str, list[Event]] = {}
    for event in Event.objects.open_for_picks(context.now).filter(season=season):
        weekends.setdefault(event.grand_prix, []).append(event)
    until = context.now + KNOWN_BEFORE_LOCK
    return {
        slug: events
        for slug, events in weekends.items()
        if events[0].locks_at is not None and events[0].locks_at <= until
    }


def _add_listed(
    listed: Iterable[EntrantRecord], season: int, named: dict[str, Entrant], *, own: set[str]
) -> None:
    """Who is in another car than in the grands prix before, or was in none, and whom the weekend's
    own classifications do not name."""
    for record in listed:
        known = named.get(record.driver_id)
        facts = {name: getattr(record, name) for name in ENTRANT_FACTS}
        if known is not None and not record.constructor_id:
            facts |= {name: getattr(known, name) for name in CONSTRUCTOR}
        seat = (facts["driver_number"], facts["constructor_id"])
        is_same = known is not None and (known.driver_number, known.constructor_id) == seat
        if not is_same and record.driver_id not in own:
            named[record.driver_id] = Entrant(
                season=season,
                grand_prix=record.grand_prix,
                driver_id=record.driver_id,
                source=record.source.value,
                **facts,
            )


def _read_named(
    season: int, slugs: Iterable[str]
) -> tuple[dict[str, list[Entrant]], dict[str, set[str]]]:
    """Whom the classifications name, as entrants, those of later sessions later; and the drivers
    whom the grand prix's own name. Two queries."""
    classified = _read_classified(season)
    sessions = {slug: choose_sessions(season, slug, classified) for slug in slugs}
    fields: dict[int, list[Result]] = {}
    needed = {one.event_id for chosen in sessions.values() for one in chosen}
    for result in Result.objects.filter(event__in=needed).order_by("order"):
        fields.setdefault(result.event_id, []).append(result)
    own = {
        slug: {
            result.driver_id
            for one in chosen
            if (one.season, one.grand_prix) == (season, slug)
            for result in fields.get(one.event_id, ())
        }
        for slug, chosen in sessions.items()
    }
    named = {
        slug: [
            Entrant(
                season=season,
                grand_prix=slug,
                driver_id=result.driver_id,
                source=one.source,
                **{name: getattr(result, name) for name in ENTRANT_FACTS},
            )
            for one in chosen
            for result in fields.get(one.event_id, ())
        ]
        for slug, chosen in sessions.items()
    }
    return named, own


def _is_updated(entrant: Entrant, now: Entrant) -> bool:
    """Whether driver (merged since), car or team became another, which is taken over; of what a
    person decided, what they left open."""
    names = [
        name
        for name in ("driver_id", *ENTRANT_FACTS, "source")
        if getattr(entrant, name) != getattr(now, name)
        and not (entrant.is_locked and getattr(entrant, name) not in (None, ""))
    ]
    for name in names:
        setattr(entrant, name, getattr(now, name))
    return bool(names)


def _read_classified(season: int) -> list[Classified]:
    events = Event.objects.filter(season__in=(season - 1, season), results_revision__gt=0)
    rows = events.exclude(results_source__in=OF_LEADERS_ALONE).order_by(
        "season", F("starts_at").asc(nulls_first=True), "pk"
    )
    return [
        Classified(*row) for row in rows.values_list("pk", "season", "grand_prix", "results_source")
    ]


def build_changes(
    events: Iterable[Event], kind: Change.Kind, entrants: Sequence[Entrant], context: SaveContext
) -> list[Change]:
    """An entry of the feed for each event of a grand prix that can be picked on."""
    listed = [
        {name: getattr(entrant, name) for name in ("driver_id", *ENTRANT_FACTS, "source")}
        for entrant in entrants
    ]
    return [build_change(event, kind, {}, {"entrants": listed}, context) for event in events]


def write_entrants(
    new: Sequence[Entrant], changed: Sequence[Entrant], changes: Sequence[Change]
) -> None:
    """Within the season's lock."""
    Entrant.objects.bulk_create(new)
    Entrant.objects.bulk_update(changed, SAVED)
    record_changes(changes)
