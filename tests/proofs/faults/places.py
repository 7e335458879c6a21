"""The places of the flow at which an upstream can fail, and the runs that come by them."""

from dataclasses import dataclass
from typing import Any

from ingestion.sample import dump, newer, openf1
from tests.proofs.faults import facts

Key = tuple[str, str]

RACES, QUALIFYINGS, SPRINTS = (
    "Jolpica's results of 2024",
    "Jolpica's qualifying of 2024",
    "Jolpica's sprint of 2024",
)
IMOLA, MIAMI, AUSTRALIA, CHINA = (
    "emilia-romagna-grand-prix",
    "miami-grand-prix",
    "australian-grand-prix",
    "chinese-grand-prix",
)
TABLES = {
    "race": "races",
    "sprint": "sprints",
    "qualifying": "qualifyings",
    "sprint_qualifying": "sprint_qualifyings",
}
KEYS = {AUSTRALIA: "australia", MIAMI: "miami", IMOLA: "emilia-romagna", CHINA: "china"}
SEASON, ROUND = 2024, 7


@dataclass(frozen=True)
class Place:
    """`what` is how messages name what is asked here; `target` is the classification that the
    faults of a single one are about, `query` tells one page from another.

    `run` is what comes by: the whole season, one round, a worker's poll of one session, or a range
    of seasons that are over. `form` is the form of Jolpica's interface that it reads.
    """

    name: str
    path: str
    what: str
    target: Key | None = None
    query: tuple[tuple[str, str | None], ...] = ()
    run: str = "season"
    form: str = "ergast"

    @property
    def kind(self) -> str:
        """Of the sessions that are asked for here, '' of calendars and rounds."""
        return "" if self.target is None else self.target[1]

    @property
    def is_newer(self) -> bool:
        """Whether its rows are those of the newer form."""
        return self.kind == "sprint_qualifying" or self.form == "newer"

    @property
    def grand_prix(self) -> str:
        """The target's, as the facts call it."""
        assert self.target is not None
        return KEYS[self.target[0]]

    @property
    def target_name(self) -> str:
        return facts.latest_facts().grand_prix(self.grand_prix).race_name

    @property
    def is_young(self) -> bool:
        """Its target's session ended hours ago: what is not right yet is no failure."""
        return self.target is not None and self.target[0] == IMOLA

    def matching(self) -> dict[str, Any]:
        return {"path": self.path, "query": dict(self.query)}


def page(number: int) -> tuple[tuple[str, str | None], ...]:
    return (("offset", None if number == 1 else str(100 * (number - 1))),)


def _results_path(grand_prix: str, code: str) -> str:
    """Of Jolpica's newer form."""
    season = facts.latest_facts()
    key = newer.build_round_key(season, season.grand_prix(grand_prix))
    return f"{newer.PATH}/results/{key}/{code}/"


BASE = "/ergast/f1/2024"
SCHEDULE = Place("file", "/f1schedule/schedule_2024.json", "the schedule file of 2024")
CALENDAR = Place("second", f"{BASE}/races.json", "Jolpica's calendar of 2024")
RACE_1 = Place("race 1", f"{BASE}/results.json", RACES, (AUSTRALIA, "race"), page(1))
RACE_2 = Place("race 2", f"{BASE}/results.json", RACES, (MIAMI, "race"), page(2))
QUALI_1 = Place(
    "quali 1", f"{BASE}/qualifying.json", QUALIFYINGS, (AUSTRALIA, "qualifying"), page(1)
)
QUALI_2 = Place("quali 2", f"{BASE}/qualifying.json", QUALIFYINGS, (IMOLA, "qualifying"), page(2))
SPRINT = Place("sprint", f"{BASE}/sprint.json", SPRINTS, (MIAMI, "sprint"))
ROUNDS = Place("SQ list", newer.ROUNDS_PATH, "Jolpica's newer list of the rounds of 2024")
SQ = Place(
    "SQ",
    _results_path("miami", "SQ"),
    "Jolpica's sprint qualifying of the 2024 Miami Grand Prix",
    (MIAMI, "sprint_qualifying"),
)
ONE_ROUND = Place(
    "round",
    f"{BASE}/{ROUND}/qualifying.json",
    f"{QUALIFYINGS} round {ROUND}",
    (IMOLA, "qualifying"),
    run="round",
)
POLL = Place("poll", ONE_ROUND.path, ONE_ROUND.what, ONE_ROUND.target, run="poll")

# The second source, beside what Jolpica's poll brings; off at every other place.
SECOND = Place(
    "OpenF1",
    f"{openf1.PATH}/session_result",
    "OpenF1's qualifying of the 2024 Emilia Romagna Grand Prix",
    (IMOLA, "qualifying"),
    run="poll",
)

# Of the newer form, in the place of the Ergast form.
NEWER_CALENDAR = Place(
    "newer calendar", f"{newer.PATH}/schedules/2024/", CALENDAR.what, form="newer"
)
NEWER_RACE = Place(
    "newer race",
    _results_path("miami", "R"),
    "Jolpica's race of the 2024 Miami Grand Prix",
    (MIAMI, "race"),
    form="newer",
)
NEWER = (NEWER_CALENDAR, NEWER_RACE)
CALENDARS_OF_JOLPICA = (CALENDAR, NEWER_CALENDAR)

# Jolpica's dump, of two seasons that are over.
DUMP = Place("dump", dump.OVERVIEW_PATH, "Jolpica's dump", run="seasons")

# ... and its lists of who drove in the sessions of the weekend, beside the season's calendars.
DRIVERS = Place(
    "drivers", f"{openf1.PATH}/drivers", "OpenF1's drivers of Emilia Romagna Grand Prix"
)

# In the order in which a run comes by.
PLACES = (
    *(SCHEDULE, CALENDAR, RACE_1, RACE_2, QUALI_1, QUALI_2, SPRINT),
    *(ROUNDS, SQ, ONE_ROUND, POLL),
)
PAGED = (RACE_1, RACE_2, QUALI_1, QUALI_2)
RESULTS = (*PAGED, SPRINT, SQ, ONE_ROUND, POLL)
