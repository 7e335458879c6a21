"""What is known of a season before one more of its classifications is judged, and rules of it."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from statistics import median

from ingestion.records import ResultRecord
from ingestion.sessions import SessionType

# The knock-out qualifying came in 2006, and with it fields of ten to twelve teams of two cars.
FIRST_KNOCKOUT = 2006

# 10 started in Argentina in 1958; 55 drivers shared the 33 cars of Indianapolis in 1954.
SIZES = range(10, 56)
# 18 at the fewest (2014 United States, 2015 Australia), 24 at the most (2010 to 2012); the
# sporting regulations allow 26. Half a field is 10 to 12.
SIZES_SINCE_KNOCKOUT = range(14, 27)

# 22 were 18 when two teams stayed away (2014 United States); 30 where 20 are usual is two series.
# Before 1994 more entered than could start, and fields differed from race to race.
FIRST_USUAL_SIZE = 1994
FEWEST_OF_USUAL = 3 / 4
MOST_OF_USUAL = 5 / 4

CARS_OF_A_CONSTRUCTOR = 2

# Two at once were new in Sakhir in 2020; reserve drivers come one at a time.
MOST_NEWCOMERS = 4

# Who never left the pits has no line in a qualifying: Sainz and Stroll in Australia in 2026, where
# Verstappen crashed before his first time. Who qualified and was withdrawn has none in the race
# (2011 Monaco, 2025 Spain), and may have a sister car; of the others each has one, whether they
# started or not.
UNLISTED_IN_QUALIFYING = 3
UNLISTED_IN_RACE = 2
SINGLE_CARS_IN_RACE = 1

# Between a qualifying and its race no driver was replaced since 2006; before a weekend's second
# qualifying one may be.


@dataclass(frozen=True, slots=True)
class SeasonField:
    """Who takes part in a season, by what is saved of it.

    `sizes` are the numbers of entries of its classifications, `drivers` all who are listed in one,
    `weekend` who is listed in the same grand prix's other sessions. Nothing of it is known before a
    season's first classification is saved.
    """

    sizes: tuple[int, ...] = ()
    drivers: frozenset[str] = frozenset()
    weekend: Mapping[SessionType, frozenset[str]] = field(default_factory=dict)


# A classification is judged by its year's rules then.
NOTHING_KNOWN = SeasonField()


def describe_field(
    saved: Mapping[tuple[str, SessionType], Collection[str]],
    grand_prix: str,
    session_type: SessionType,
) -> SeasonField:
    """What the season's saved classifications say to one of this session.

    `saved` is, by grand prix and kind of session, the driver of each entry: of every session of
    the season that has a saved classification, those accepted earlier in the same run included.
    What is saved of the session itself is left out: an amendment is not judged by what it amends.
    So is a pole or a podium that is saved alone: it says nothing of the field.
    """
    others = {
        key: ids
        for key, ids in saved.items()
        if key != (grand_prix, session_type) and len(ids) in SIZES
    }
    return SeasonField(
        sizes=tuple(len(ids) for ids in others.values()),
        drivers=frozenset(driver for ids in others.values() for driver in ids),
        weekend={kind: frozenset(ids) for (key, kind), ids in others.items() if key == grand_prix},
    )


def find_odd_size(season: int, rows: Collection[ResultRecord], known: SeasonField) -> str:
    """Half a field, or thirty cars: seen in the hours after a session."""
    sizes = SIZES_SINCE_KNOCKOUT if season >= FIRST_KNOCKOUT else SIZES
    if len(rows) not in sizes:
        return f"{len(rows)} entries"
    if season >= FIRST_USUAL_SIZE and known.sizes:
        usual = median(known.sizes)
        if not FEWEST_OF_USUAL * usual <= len(rows) <= MOST_OF_USUAL * usual:
            return f"{len(rows)} entries where {usual:g} are usual"
    return ""


def find_odd_constructor(
    session_type: SessionType, rows: Collection[ResultRecord], known: SeasonField
) -> str:
    """Since 2006: two cars each, but for those that are not listed, and these are as many as the
    field is short of."""
    cars = Counter(row.constructor_id for row in rows if row.constructor_id)
    crowded = [name for name, number in cars.items() if number > CARS_OF_A_CONSTRUCTOR]
    if crowded:
        return f"{cars[crowded[0]]} cars of {crowded[0]}"
    single = [name for name, number in cars.items() if number == 1]
    usual = median(known.sizes) if known.sizes else 0
    is_short = bool(single) and len(rows) < usual - len(single)
    allowed = SINGLE_CARS_IN_RACE if session_type.kind.is_race else UNLISTED_IN_QUALIFYING
    return f"only one car of {join_names(single)}" if is_short or len(single) > allowed else ""


def find_strangers(rows: Collection[ResultRecord], known: SeasonField) -> str:
    """Since 2006: a handful of drivers that the season does not know are of another series."""
    strangers = [row.driver_id for row in rows if row.driver_id not in known.drivers]
    if known.drivers and len(strangers) > MOST_NEWCOMERS:
        return f"{len(strangers)} drivers that the season does not know"
    return ""


def find_absent(
    session_type: SessionType, rows: Collection[ResultRecord], known: SeasonField
) -> str:
    """Since 2006: who drives in one session of a weekend drives in the others."""
    here = frozenset(row.driver_id for row in rows)
    allowed = UNLISTED_IN_RACE if session_type.kind.is_race else UNLISTED_IN_QUALIFYING
    for kind, drivers in known.weekend.items():
        absent = drivers - here
        if len(absent) > allowed:
            session = kind.value.replace("_", " ")
            return f"{join_names(absent)}, who drove in the {session}, are missing"
    partner = known.weekend.get(session_type.partner, here)
    absent, new = partner - here, here - partner
    # Whose team is complete without him was replaced.
    cars = Counter(row.constructor_id for row in rows if row.constructor_id)
    single = sum(number == 1 for number in cars.values())
    if new and len(absent) > single:
        return f"{join_names(new)} instead of {join_names(absent)}"
    return ""


def join_names(names: Collection[str]) -> str:
    """A few of them are enough to know which."""
    shown = sorted(names)[:3]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
