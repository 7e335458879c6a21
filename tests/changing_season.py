"""A season of a few grands prix as two calendars have it, and what may become of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import combinations, pairwise
from typing import Any

from ingestion.models import Event
from ingestion.names import fold
from ingestion.records import (
    CalendarRecord,
    ClassificationRecord,
    GrandPrixRecord,
    RaceIdentity,
    ResultRecord,
    SessionRecord,
    Source,
)
from ingestion.sessions import SessionType

SEASON = 2024
FIRST_SUNDAY = date(SEASON, 3, 3)
WEEKS = 40

QUALIFYING, SPRINT_QUALIFYING, SPRINT, RACE = (
    SessionType.QUALIFYING,
    SessionType.SPRINT_QUALIFYING,
    SessionType.SPRINT,
    SessionType.RACE,
)
FILE, JOLPICA = Source.SCHEDULE_FILE, Source.JOLPICA

# When a session may start, in hours from the race day's midnight in UTC: as usual, earlier, and
# later (a qualifying on the race's morning).
STARTS = {
    SPRINT_QUALIFYING: (-33, -35, -31),
    SPRINT: (-14, -15, -13),
    QUALIFYING: (-10, -12, 7),
    RACE: (13, 10, 17),
}
CONVENTIONAL = frozenset({QUALIFYING, RACE})
SAME_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Place:
    country: str
    location: str


@dataclass(frozen=True)
class GrandPrix:
    """`names` are the first, almost the same, and another; `places` the circuit's, two other
    spellings of it, and another circuit. No two grands prix share a name."""

    names: tuple[str, ...]
    places: tuple[Place, ...]
    week: int
    # Las Vegas races at night: the day is another one in UTC.
    late: timedelta = timedelta()


def held(names: str, country: str, location: str, week: int, **changes: Any) -> GrandPrix:
    return GrandPrix(
        tuple(f"{name} Grand Prix" for name in names.split("/")),
        (
            Place(country, location),
            Place(country, f"{location} Park"),
            Place(f"The {country}", location),
            Place(f"{country} Overseas", f"New {location}"),
        ),
        week,
        **changes,
    )


GRANDS_PRIX = {
    "saudi": held("Saudi Arabian/Saudi Arabia/Corniche", "Saudi Arabia", "Jeddah", 1),
    # Two races at one circuit, a week apart.
    "austria": held("Austrian/Austria/Alpine", "Austria", "Spielberg", 5),
    "styria": held("Styrian/Styria/Steiermark", "Austria", "Spielberg", 6),
    "italy": held("Italian/Italia/Brianza", "Italy", "Monza", 12),
    "vegas": held(
        "Las Vegas/Vegas Las/Nevada", "United States", "Las Vegas", 26, late=timedelta(hours=17)
    ),
    # Not on the calendars at first.
    "imola": held("Emilia Romagna/Emilia Romagnola/Imola", "Italy", "Imola", 9),
}
KEYS = tuple(GRANDS_PRIX)
LISTED_AT_FIRST = KEYS[:5]
SPRINTS_AT_FIRST = ("saudi", "italy")
KEY_OF = {name: key for key, grand_prix in GRANDS_PRIX.items() for name in grand_prix.names}


@dataclass(frozen=True)
class Weekend:
    """A grand prix as one calendar has it; `starts` are hours, None while unknown. Of an
    estimated one only the days are known."""

    round_number: int
    name: str
    place: Place
    sunday: date
    late: timedelta
    starts: Mapping[SessionType, int | None]
    is_estimated: bool = False

    def starts_at(self, kind: SessionType) -> datetime | None:
        hours = self.starts.get(kind)
        if hours is None:
            return None
        start = self.after_midnight(hours)
        return start.replace(hour=0) if self.is_estimated else start

    def after_midnight(self, hours: int) -> datetime:
        return datetime.combine(self.sunday, time(), UTC) + timedelta(hours=hours) + self.late


Calendar = Mapping[str, Weekend]


def sunday_of(week: int) -> date:
    return FIRST_SUNDAY + timedelta(weeks=week)


def starts_of(*, sprint: bool) -> dict[SessionType, int | None]:
    return {kind: hours[0] for kind, hours in STARTS.items() if sprint or kind in CONVENTIONAL}


def first_weekend(key: str, round_number: int) -> Weekend:
    grand_prix = GRANDS_PRIX[key]
    return Weekend(
        round_number,
        grand_prix.names[0],
        grand_prix.places[0],
        sunday_of(grand_prix.week),
        grand_prix.late,
        starts_of(sprint=key in SPRINTS_AT_FIRST),
    )


def first_calendar() -> Calendar:
    return {key: first_weekend(key, number) for number, key in enumerate(LISTED_AT_FIRST, start=1)}


def has_a_race_each_weekend(calendar: Calendar) -> bool:
    sundays = sorted(weekend.sunday for weekend in calendar.values())
    return all(later - earlier > timedelta(days=3) for earlier, later in pairwise(sundays))


# Edits


@dataclass(frozen=True)
class Edit:
    """What somebody does to a calendar, or to both; what the rest means depends on `what`."""

    what: str
    where: frozenset[Source]
    key: str
    other: str
    kind: SessionType
    choice: int
    week: int

    def apply(self, calendar: Calendar, source: Source) -> Calendar:
        is_possible = self.key in calendar or self.what == "left or came back"
        if source not in self.where or not is_possible:
            return calendar
        # The file has no days without times.
        if self.what == "start estimated" and source is FILE:
            return calendar
        return EDITS[self.what](calendar, self)


def with_weekend(calendar: Calendar, key: str, **changes: Any) -> Calendar:
    return {**calendar, key: replace(calendar[key], **changes)}


def numbered_by_date(calendar: Calendar, _: Edit | None = None) -> Calendar:
    in_order = sorted(calendar, key=lambda key: calendar[key].sunday)
    return {
        key: replace(calendar[key], round_number=number)
        for number, key in enumerate(in_order, start=1)
    }


def leave_or_come_back(calendar: Calendar, edit: Edit) -> Calendar:
    """What comes back does so where and when it was at first, or on another date, or on another
    date elsewhere under almost its name; it gets the last round, or all are numbered anew."""
    left = {key: weekend for key, weekend in calendar.items() if key != edit.key}
    if edit.key not in calendar:
        grand_prix = GRANDS_PRIX[edit.key]
        last = max(weekend.round_number for weekend in calendar.values())
        left[edit.key] = replace(
            first_weekend(edit.key, last + 1),
            name=grand_prix.names[edit.choice == 2],
            place=grand_prix.places[3 if edit.choice == 2 else 0],
            sunday=sunday_of(edit.week if edit.choice else grand_prix.week),
        )
    return left if edit.week % 3 == 0 else numbered_by_date(left)


def swap(calendar: Calendar, edit: Edit, name: str) -> Calendar:
    if edit.other not in calendar:
        return calendar
    one, other = calendar[edit.key], calendar[edit.other]
    swapped = with_weekend(calendar, edit.key, **{name: getattr(other, name)})
    return with_weekend(swapped, edit.other, **{name: getattr(one, name)})


def rename(calendar: Calendar, edit: Edit) -> Calendar:
    return with_weekend(calendar, edit.key, name=GRANDS_PRIX[edit.key].names[edit.choice])


def rename_place(calendar: Calendar, edit: Edit) -> Calendar:
    return with_weekend(calendar, edit.key, place=GRANDS_PRIX[edit.key].places[edit.choice])


def move_weekend(calendar: Calendar, edit: Edit) -> Calendar:
    """To another one, or from Sunday to Saturday."""
    sunday = sunday_of(edit.week) if edit.choice else calendar[edit.key].sunday - SAME_DAY
    return with_weekend(calendar, edit.key, sunday=sunday)


def move_session(calendar: Calendar, edit: Edit) -> Calendar:
    return _with_hours(calendar, edit, STARTS[edit.kind][edit.choice])


def forget_start(calendar: Calendar, edit: Edit) -> Calendar:
    return _with_hours(calendar, edit, None)


def _with_hours(calendar: Calendar, edit: Edit, hours: int | None) -> Calendar:
    starts = calendar[edit.key].starts
    if edit.kind not in starts:
        return calendar
    return with_weekend(calendar, edit.key, starts={**starts, edit.kind: hours})


def change_format(calendar: Calendar, edit: Edit) -> Calendar:
    was_sprint = SPRINT in calendar[edit.key].starts
    return with_weekend(calendar, edit.key, starts=starts_of(sprint=not was_sprint))


def estimate(calendar: Calendar, edit: Edit) -> Calendar:
    return with_weekend(calendar, edit.key, is_estimated=not calendar[edit.key].is_estimated)


EDITS: Mapping[str, Callable[[Calendar, Edit], Calendar]] = {
    "left or came back": leave_or_come_back,
    "rounds by date": numbered_by_date,
    "rounds swapped": partial(swap, name="round_number"),
    "dates swapped": partial(swap, name="sunday"),
    "renamed": rename,
    "place renamed": rename_place,
    "weekend moved": move_weekend,
    "session moved": move_session,
    "start forgotten": forget_start,
    "format changed": change_format,
    "start estimated": estimate,
}


# As the upstreams tell it


def as_record(weekend: Weekend, source: Source, generated_at: datetime | None) -> GrandPrixRecord:
    is_file = source is FILE
    sessions = tuple(
        SessionRecord(
            kind,
            weekend.starts_at(kind),
            source,
            generated_at,
            start_is_estimated=weekend.is_estimated and hours is not None,
            utc_offset=timedelta(hours=2) if is_file else None,
        )
        for kind, hours in weekend.starts.items()
    )
    race = weekend.starts_at(RACE)
    return GrandPrixRecord(
        SEASON,
        weekend.round_number,
        weekend.name,
        f"FORMULA 1 {weekend.name}" if is_file else "",
        weekend.place.country,
        weekend.place.location,
        weekend.sunday if is_file or race is None else race.date(),
        sessions,
    )


def as_calendar(calendar: Calendar, source: Source, generated_at: datetime) -> CalendarRecord:
    records = [as_record(weekend, source, generated_at) for weekend in calendar.values()]
    records.sort(key=lambda record: record.round_number or 0)
    return CalendarRecord(SEASON, source, generated_at, tuple(records))


def as_identity(weekend: Weekend, round_number: int, day: timedelta) -> RaceIdentity:
    """What an answer says of itself; the round is the upstream's own, the day may be another."""
    race = as_record(weekend, JOLPICA, None)
    return RaceIdentity(
        SEASON, round_number, race.name, race.race_date + day, race.country, race.location
    )


def classify(
    key: str,
    kind: SessionType,
    race: RaceIdentity,
    order: Sequence[int],
    *,
    points: int,
    generated_at: datetime,
) -> ClassificationRecord:
    """A field of twenty, of whom the first are in this order; each name tells the session that it
    is about. `points` are a detail of everybody."""
    field = [*order, *(driver for driver in range(1, 21) if driver not in order)]
    results = tuple(
        ResultRecord(
            order=place,
            position=place,
            classification=str(place),
            driver_id=f"driver_{driver}",
            driver_number=driver,
            driver_code=f"P{points}",
            driver_name=f"{key}/{kind}/{driver}",
            constructor_id=f"team_{(driver + 1) // 2}",
            constructor_name=f"Team {(driver + 1) // 2}",
        )
        for place, driver in enumerate(field, start=1)
    )
    return ClassificationRecord(race, kind, JOLPICA, generated_at, results)


# Calendars that cannot be true


def with_first(calendar: CalendarRecord, **changes: Any) -> CalendarRecord:
    first, *others = calendar.grands_prix
    return replace(calendar, grands_prix=(replace(first, **changes), *others))


def with_race_moved(calendar: CalendarRecord, move: timedelta) -> CalendarRecord:
    """The first race so long after its qualifying at noon."""
    first = calendar.grands_prix[0]
    noon = datetime.combine(first.race_date, time(12), UTC)
    sessions = (
        SessionRecord(QUALIFYING, noon, calendar.source, calendar.generated_at),
        SessionRecord(RACE, noon + move, calendar.source, calendar.generated_at),
    )
    return with_first(calendar, sessions=sessions)


BROKEN: dict[str, Callable[[CalendarRecord], CalendarRecord]] = {
    "empty": lambda calendar: replace(calendar, grands_prix=()),
    "one round twice": lambda calendar: with_first(
        calendar, round_number=calendar.grands_prix[-1].round_number
    ),
    "one name twice": lambda calendar: with_first(calendar, name=calendar.grands_prix[-1].name),
    "no race": lambda calendar: with_first(calendar, sessions=()),
    "out of order": lambda calendar: with_race_moved(calendar, timedelta(hours=-2)),
    "weeks apart": lambda calendar: with_race_moved(calendar, timedelta(weeks=5)),
    "other season": lambda calendar: with_first(
        calendar,
        race_date=calendar.grands_prix[0].race_date.replace(year=SEASON - 1),
    ),
}


def cut(calendar: CalendarRecord) -> CalendarRecord:
    """Without most of its races: refused where they still remain to be run."""
    return replace(calendar, grands_prix=calendar.grands_prix[:1])


# Evidence


@dataclass(frozen=True)
class Look:
    """What a grand prix looks like somewhere, to whoever has to recognise it."""

    key: str
    name: str
    place: Place
    days: tuple[date, ...]
    slug: str = ""
    is_cancelled: bool = False

    def is_like(self, other: "Look") -> bool:
        """By name, by day and place, or once cancelled by almost its old name."""
        return (
            self.name == other.name
            or fold(self.name) == other.slug
            or self.is_where_and_when(other)
            or (
                other.is_cancelled and {self.name, other.name} <= {*GRANDS_PRIX[self.key].names[:2]}
            )
        )

    def is_where_and_when(self, other: "Look") -> bool:
        is_where = (
            self.place.country == other.place.country or self.place.location == other.place.location
        )
        return is_where and self.is_when(other)

    def is_when(self, other: "Look") -> bool:
        return any(
            abs(day - other_day) <= SAME_DAY for day in self.days for other_day in other.days
        )


def stored_looks() -> list[Look]:
    return [
        Look(
            KEY_OF[race.name],
            race.name,
            Place(race.country, race.location),
            tuple(at.date() for at in (race.starts_at, race.disputed_starts_at) if at is not None),
            race.grand_prix,
            race.is_cancelled,
        )
        for race in Event.objects.filter(session_type=RACE)
    ]


def look_of(record: GrandPrixRecord | RaceIdentity, key: str) -> Look:
    return Look(key, record.name, Place(record.country, record.location), (record.race_date,))


def looks_of(calendars: Collection[CalendarRecord]) -> list[Look]:
    return [
        look_of(one, KEY_OF[one.name]) for calendar in calendars for one in calendar.grands_prix
    ]


def can_be_told_apart(looks: Sequence[Look]) -> bool:
    """Whether the evidence suffices to know each grand prix wherever it stands: only then is
    there a right answer to whether two of them are one."""
    return all(
        one.is_like(other) if one.key == other.key else not one.is_where_and_when(other)
        for one, other in combinations(looks, 2)
    )
