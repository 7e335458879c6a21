"""Who can be picked for the grands prix whose picks are open."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import F, prefetch_related_objects

from ingestion.database_failures import retried
from ingestion.errors import BadSourceData
from ingestion.models import KNOWN_BEFORE_LOCK, Change, Entrant, Event, Result
from ingestion.records import OF_LEADERS_ALONE, EntrantRecord, ListedDriver, Source
from ingestion.report import Problem, SaveReport
from ingestion.save.drivers import identify_listed, name_newcomers
from ingestion.save.rows import SaveContext, build_change, record_changes, season_locked

# A driver who misses a grand prix is often back at the next one, and may win it: Sainz in 2024.
GRANDS_PRIX_BEFORE = 2
# A season's list has so many of last season's field: teams change fewer drivers in winter.
FEWEST_OF_LAST_FIELD = 10

CONSTRUCTOR = ("constructor_id", "constructor_name")
ENTRANT_FACTS = ("driver_number", "driver_code", "driver_name", *CONSTRUCTOR)
SAVED = (
    *("driver", *ENTRANT_FACTS, "source", "is_withdrawn", "is_locked"),
    *("person_name", "reason", "updated_at"),
)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
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
    # The season before gives its final field alone: teams change their drivers in winter.
    slugs = list(latest_first)[: GRANDS_PRIX_BEFORE if of_season else 1]
    return [one for one in of_season or others if one.grand_prix in slugs] + own


@retried
def save_entrants(
    season: int,
    context: SaveContext,
    listed: Sequence[EntrantRecord] = (),
    *,
    drivers: Sequence[ListedDriver] = (),
    events: Sequence[Event] | None = None,
) -> SaveReport:
    """Enter who is classified or `listed`; no driver is taken out, and what a person decided stays.

    `drivers` are Jolpica's lists: of a round whoever is in it is entered, and of the season's list
    last season's field is, before the first classification. `events` are the season's where they
    were read just now; those to write about are read again.
    """
    report = SaveReport()
    if events is None:
        events = list(Event.objects.for_season(season))
    weekends = _list_soon(events, context.now)
    if not weekends:
        return report
    with season_locked(season):
        known, notes = name_newcomers(
            season, [one for one in listed if one.grand_prix in weekends], context.now
        )
        report.notes += [Problem(note, season=season) for note in notes]
        named, own, last = _read_named(season, weekends, events)
        persons, doubts = _identify_lists(season, drivers, weekends, context)
        report.notes += doubts
        saved: dict[str, dict[str, Entrant]] = {slug: {} for slug in weekends}
        rows = Entrant.objects.filter(season=season, grand_prix__in=weekends)
        # Two may have been merged since: the one who has the results comes last, and counts.
        for entrant in rows.select_related("driver").order_by(*MERGED_FIRST):
            key = entrant.driver.merged_into_id or entrant.driver_id
            saved[entrant.grand_prix][key] = entrant
        entered: dict[str, list[Entrant]] = {}
        changed: list[Entrant] = []
        for slug in weekends:
            others = [one for one in known if one.grand_prix == slug]
            of_round = persons.get(slug, {})
            named_here = own[slug] | {one.driver_id for one in others}
            left_out = _find_left_out(last[slug], saved[slug], persons.get("")) - named_here
            named_now = {one.driver_id: one for one in named[slug] if one.driver_id not in left_out}
            _add_listed(others, season, named_now, own=own[slug])
            _add_of_round(of_round, season, slug, named_now, saved[slug])
            entered[slug] = [one for key, one in named_now.items() if key not in saved[slug]]
            changed += _update_facts(saved[slug], named_now, named_here)
        new = [entrant for entrants in entered.values() for entrant in entrants]
        for entrant in new:
            entrant.created_at = context.now
        for entrant in (*new, *changed):
            entrant.updated_at = context.now
        current = find_weekends(season, context) if new else {}
        changes = [
            change
            for slug, open_events in current.items()
            if (those := entered.get(slug))
            for change in build_changes(open_events, Change.Kind.ENTERED, those, context)
        ]
        write_entrants(new, changed, changes)
        report.changes += [(change.event.grand_prix, change.kind) for change in changes]
    return report


def find_withdrawn_in_results(season: int, grands_prix: Collection[str]) -> list[Problem]:
    """A note for each driver whom a person took out of one of these and who is classified in it."""
    rows = Result.objects.filter(
        event__season=season,
        event__grand_prix__in=grands_prix,
        driver__entrants__season=season,
        driver__entrants__grand_prix=F("event__grand_prix"),
        driver__entrants__is_withdrawn=True,
    )
    who = F("driver__entrants__person_name")
    found = rows.select_related("event").annotate(withdrawn_by=who).order_by("event", "order")
    return [
        Problem(
            f"{result.driver_name} is classified, and {result.withdrawn_by} withdrew him: he could "
            "not be picked",
            season=season,
            grand_prix=result.event.grand_prix,
            session_type=result.event.session_type,
            advice="Add him again where picks are still open, if that was a mistake",
        )
        for result in found
    ]


def find_weekends(season: int, context: SaveContext) -> dict[str, list[Event]]:
    """The grands prix whose entrants are known now, each with the events that can be picked on."""
    return _list_soon(Event.objects.open_for_picks(context.now).filter(season=season), context.now)


def awaits_last_field(season: int, events: Iterable[Event], now: datetime) -> bool:
    """Whether, of a season without a classification, a driver of the final field of the season
    before is not entered yet for a grand prix whose entrants are known now."""
    weekends = _list_soon(events, now)
    if not weekends or _list_classified(events):
        return False
    _, _, last = _read_named(season, weekends, ())
    found = Entrant.objects.filter(season=season, grand_prix__in=weekends).select_related("driver")
    entered = {(one.grand_prix, one.driver.merged_into_id or one.driver_id) for one in found}
    return any((slug, key) not in entered for slug, keys in last.items() for key in keys)


def _find_left_out(
    last: set[str], saved: Mapping[str, Entrant], on_list: Collection[str] | None
) -> set[str]:
    """The drivers of last season's field whom the season's list does not have. The field is entered
    once: without a list, or with too short a one, whole; later only those come in whom a list
    has."""
    missing = last.difference(saved)
    if on_list is not None and len(last.intersection(on_list)) >= FEWEST_OF_LAST_FIELD:
        return missing.difference(on_list)
    is_entered = any(key in saved and not saved[key].is_locked for key in last)
    return missing if is_entered else set()


def _list_soon(events: Iterable[Event], now: datetime) -> dict[str, list[Event]]:
    """The events that can be picked on, by grand prix, from a week before the first lock."""
    until = now + KNOWN_BEFORE_LOCK
    weekends: dict[str, list[Event]] = {}
    soon: set[str] = set()
    for event in events:
        if event.status != Event.Status.SCHEDULED or not event.in_time(now):
            continue
        weekends.setdefault(event.grand_prix, []).append(event)
        if event.locks_at is not None and event.locks_at <= until:
            soon.add(event.grand_prix)
    return {slug: found for slug, found in weekends.items() if slug in soon}


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


def _identify_lists(
    season: int, drivers: Sequence[ListedDriver], weekends: Collection[str], context: SaveContext
) -> tuple[dict[str, dict[str, ListedDriver]], list[Problem]]:
    """Jolpica's lists by grand prix ('' is the season's) and our keys, and the notes. A list with a
    driver of whom it is in doubt who he is is not used."""
    persons: dict[str, dict[str, ListedDriver]] = {}
    notes: list[Problem] = []
    for slug in dict.fromkeys(one.grand_prix for one in drivers):
        those = [one for one in drivers if one.grand_prix == slug]
        try:
            persons[slug], moved = identify_listed(
                season, those, context.now, adds=slug in weekends
            )
        except BadSourceData as error:
            message = f"Jolpica's list of drivers was not used: {error}"
            notes.append(Problem(message, season, slug or None, advice=error.advice))
        else:
            notes += [Problem(note, season) for note in moved]
    return persons, notes


def _add_of_round(
    of_round: Mapping[str, ListedDriver],
    season: int,
    slug: str,
    named: dict[str, Entrant],
    saved: Mapping[str, Entrant],
) -> None:
    """Who is known by nothing else, which would have the car as well."""
    for key, one in of_round.items():
        if key not in saved and key not in named:
            named[key] = Entrant(
                season=season,
                grand_prix=slug,
                driver_id=key,
                driver_code=one.driver_code,
                driver_name=one.driver_name,
                source=Source.JOLPICA.value,
            )


def _read_named(
    season: int, slugs: Iterable[str], events: Iterable[Event]
) -> tuple[dict[str, list[Entrant]], dict[str, set[str]], dict[str, set[str]]]:
    """Whom the classifications name, as entrants, those of later sessions later; and the drivers
    whom the grand prix's own name, and whom those of the season before do. Results that come with
    `events` are not read again."""
    events = list(events)
    classified = _list_classified(events)
    # The season before too, where one of the grands prix is the first that is classified.
    if {one.grand_prix for one in classified} in (set(), *({slug} for slug in slugs)):
        last_season = list(Event.objects.filter(season=season - 1))
        classified = _list_classified(last_season) + classified
        events += last_season
    sessions = {slug: choose_sessions(season, slug, classified) for slug in slugs}
    needed = {one.event_id for chosen in sessions.values() for one in chosen}
    chosen_events = [event for event in events if event.pk in needed]
    prefetch_related_objects(chosen_events, "results")
    fields = {event.pk: event.classification for event in chosen_events}
    drivers = {
        (slug, of_season): {
            result.driver_id
            for one in chosen
            if of_season == (one.season == season) and (not of_season or one.grand_prix == slug)
            for result in fields[one.event_id]
        }
        for slug, chosen in sessions.items()
        for of_season in (True, False)
    }
    own = {slug: drivers[slug, True] for slug in sessions}
    last = {slug: drivers[slug, False] for slug in sessions}
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
            for result in fields[one.event_id]
        ]
        for slug, chosen in sessions.items()
    }
    return named, own, last


def _update_facts(
    saved: dict[str, Entrant], named: dict[str, Entrant], named_here: set[str]
) -> list[Entrant]:
    """The saved ones that are changed by it: driver (merged since), car or team became another.
    Of what a person decided only what they left open is taken over."""
    changed = []
    for key, entrant in saved.items():
        now = named.get(key)
        # What this weekend's lists said outlasts other weekends' classifications.
        if now is None or (Source(entrant.source).is_second and key not in named_here):
            continue
        names = [
            name
            for name in ("driver_id", *ENTRANT_FACTS, "source")
            if getattr(entrant, name) != getattr(now, name)
            and not (entrant.is_locked and getattr(entrant, name) not in (None, ""))
        ]
        for name in names:
            setattr(entrant, name, getattr(now, name))
        if names:
            changed.append(entrant)
    return changed


def _list_classified(events: Iterable[Event]) -> list[Classified]:
    """The classified events in the order in which they were run; what no calendar lists has no
    start."""
    found = [
        event
        for event in events
        if event.has_results and event.results_source not in OF_LEADERS_ALONE
    ]
    found.sort(key=lambda event: (event.starts_at or LONG_AGO, event.pk))
    return [
        Classified(event.pk, event.season, event.grand_prix, event.results_source)
        for event in found
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
    """Write them with their entries in the feed; within the season's lock."""
    Entrant.objects.bulk_create(new)
    Entrant.objects.bulk_update(changed, SAVED)
    record_changes(changes)
