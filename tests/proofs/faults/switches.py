"""The faults: what each does to the answers at a place."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ingestion.sample.dump import build_dump
from ingestion.sample.season import Season
from ingestion.sample.upstream import Answer, Request
from tests.dumping import Switch
from tests.proofs.faults import facts
from tests.proofs.faults.places import TABLES, Place
from tests.upstream import FaultyUpstream, with_meta, with_results

Document = Any
Rows = list[Document]

# What messages say of it, as patterns.
UNREADABLE = "the answer is not what it should be and cannot be read"
BROKEN_OFF = r"the server cannot be reached or broke off \([\w.: ]+\)"
TOO_LATE = r"no answer in time \([\w.]+\)"
FEWER = r"the server asks for fewer requests \(429\)"

# ... and what to do.
CHECK = "and F1_SCHEDULE_URL and JOLPICA_URL where they are set; then run it again"
NETWORK, SEASON = f"Check the network, {CHECK}", f"Check the season, {CHECK}"
TROUBLE = "The server has trouble of its own: run it again later"
REFRESH = "Run it again later, with --refresh where the answer may come from the cache"

RETRY_AFTER = 600
NEVER = "Fri, 31 Dec 9999 23:59:59 GMT"
# Of a server whose clock is wrong; and nginx's `expires max`.
FUTURE = {"Date": "Wed, 01 Jul 2099 12:00:00 GMT", "Expires": "Thu, 31 Dec 2037 23:55:55 GMT"}
# They end a text in the database, colour a terminal, and turn the direction of writing.
CONTROLS = ("\u202e", "\x00\x1b\x9b\u2066")
# Addresses, times, and codes that are compared and never printed.
UNTOUCHED = frozenset(
    {"url", "xmlns", "time", "date", "timestamp", "id", "type", "code", "key", "event_format"}
)
OLD = timedelta(days=20)
LITTLE_OLDER = timedelta(hours=2)


class Upstream(FaultyUpstream):
    """One that can also be gone: from a request on nobody listens any more."""

    gone_at: Place | None = None
    # Where the answers are of old facts.
    old_at: Place | None = None

    def answer_truly(self, request: Request) -> Answer:
        if self.old_at is None or request.path != self.old_at.path:
            return super().answer_truly(request)
        latest = self.seasons
        self.seasons = {2024: facts.old_facts()}
        try:
            return super().answer_truly(request)
        finally:
            self.seasons = latest

    def heal(self, *seasons: Season) -> None:
        """It listens again, and has these facts; its dump is made of them when it is requested."""
        self.clear_faults()
        self.gone_at = self.old_at = self.dump = None
        self.seasons = {season.year: season for season in seasons}
        if self._server is None:
            self.start()

    def answer(self, request: Request) -> Answer:
        place = self.gone_at
        if place is not None and is_at(place, request):
            self.gone_at = None
            self.stop()
            raise ConnectionError("gone")
        return super().answer(request)


def is_at(place: Place, request: Request) -> bool:
    return request.path == place.path and all(
        request.query.get(key) == value for key, value in place.query
    )


Spoil = Callable[[Upstream, Place], None]


@dataclass(frozen=True, eq=False)
class Fault:
    """`spoils` sets the upstream up for the next run; `family` is what has to come of it.

    `reason` is the pattern of how a message tells of it, `tells` where it is told in other words
    than that of what is asked for, by the place's name or its kind of session.
    """

    name: str
    family: str
    spoils: Spoil
    reason: str = ""
    advice: str = REFRESH
    tells: Mapping[str, str] = field(default_factory=dict)
    # The time that an answer may take is shortened.
    is_slow: bool = False
    # In a season that is over, with an older copy in FastF1's cache.
    is_late: bool = False
    # What the environment of the run has besides.
    environment: Mapping[str, str] = field(default_factory=dict)

    def told_at(self, place: Place) -> str:
        told = self.tells.get(place.name) or self.tells.get(place.kind)
        return told or f"{re.escape(place.what)}: {self.reason}"


def answers(**switches: Any) -> Spoil:
    """What is done to the answer at the place."""

    def spoil(upstream: Upstream, place: Place) -> None:
        upstream.fault(**place.matching(), **switches)

    return spoil


def tells_of_whole(change: Callable[[Season], Season]) -> Spoil:
    """Another season's facts, at every place."""

    def spoil(upstream: Upstream, place: Place) -> None:
        upstream.seasons[2024] = change(upstream.seasons[2024])

    return spoil


def tells_of_target(change: Callable[[Season, str, str], Season]) -> Spoil:
    def spoil(upstream: Upstream, place: Place) -> None:
        season = upstream.seasons[2024]
        upstream.seasons[2024] = change(season, place.grand_prix, TABLES[place.kind])

    return spoil


def rows_of_target(change: Callable[[Document], Document], *, of_newer: Any = None) -> Spoil:
    """Each row of the place's target, on whatever page it stands."""

    def spoil(upstream: Upstream, place: Place) -> None:
        if place.is_newer:
            change_results = with_results(lambda rows: [(of_newer or change)(row) for row in rows])
            upstream.fault(place.path, transform=change_results)
            return
        name = place.target_name

        def transform(document: Document) -> Document:
            return of_race(document, name, lambda rows: [change(row) for row in rows])

        upstream.fault(place.path, transform=transform)

    return spoil


def of_race(document: Document, name: str, change: Callable[[Rows], Rows]) -> Document:
    for race in document["MRData"]["RaceTable"]["Races"]:
        if race["raceName"] == name:
            for key in ("Results", "QualifyingResults", "SprintResults"):
                if key in race:
                    race[key] = change(race[key])
    return document


# What is changed in a document


def in_another_season(document: Document) -> Document:
    """Everything as it was, a year ago."""
    if "MRData" in document:
        for race in document["MRData"]["RaceTable"]["Races"]:
            race["season"] = "2023"
    elif "data" not in document:
        text = json.dumps(document).replace("2024-", "2023-")
        return json.loads(text)
    elif isinstance(document["data"], list):
        for told in document["data"]:
            told["season"]["year"] = 2023
    elif "events" in document["data"]:
        document["data"]["year"] = 2023
    else:
        document["data"]["season"]["year"] = 2023
    return document


def of_another_race(place: Place, identity: Document) -> Callable[[Document], Document]:
    """The target's rows, under the name of another race."""

    def change(document: Document) -> Document:
        if "data" in document:
            name = identity["raceName"]
            document["data"]["round"] |= {"id": "round_Another1", "name": name}
            return document
        for race in document["MRData"]["RaceTable"]["Races"]:
            if race["raceName"] == place.target_name:
                race.update(identity)
        return document

    return change


def with_nothing(document: Document) -> Document:
    """As a server answers before there is anything."""
    if "MRData" in document:
        document = with_meta(total="0")(document)
        document["MRData"]["RaceTable"]["Races"] = []
    elif "data" not in document:
        return {column: {} for column in document}
    elif isinstance(document["data"], list):
        document["data"] = []
    elif "events" in document["data"]:
        document["data"]["events"] = []
    else:
        document["data"]["results"] = []
    return document


def with_control_characters(document: Document) -> Document:
    """Around every text with a letter in it, whatever it says."""
    if isinstance(document, dict):
        return {
            key: value if key in UNTOUCHED else with_control_characters(value)
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [with_control_characters(value) for value in document]
    if isinstance(document, str) and re.fullmatch(r"[^\W\d][^:]*", document):
        return document.join(CONTROLS)
    return document


def with_spoilt_detail(row: Document) -> Document:
    """The third's, which nothing depends on."""
    if row["position"] == 3:
        return {**row, "components": {"GRID": {"position": 99}}}
    if row["position"] != "3":
        return row
    return {**row, "Q3": "1"} if "Q3" in row else {**row, "grid": "99"}


def without_a_row(document: Document) -> Document:
    races = document["MRData"]["RaceTable"]["Races"]
    kinds = [key for key in races[-1] if key.endswith("Results")]
    (races[-1][kinds[0]] if kinds else races).pop()
    return document


def with_few_races(document: Document) -> Document:
    """Without the last two, Monaco and Canada."""
    if "MRData" not in document:
        rows = list(document["round_number"])[:-2]
        return {name: {row: column[row] for row in rows} for name, column in document.items()}
    races = document["MRData"]["RaceTable"]["Races"][:-2]
    document["MRData"]["RaceTable"]["Races"] = races
    return with_meta(total=str(len(races)))(document)


def without_races(document: Document) -> Document:
    """A schedule file that lost its last sessions: every weekend ends with the qualifying."""
    return {**document, "session5": dict.fromkeys(document["session5"], "Practice 3")}


def with_doubled_driver(rows: Rows) -> Rows:
    """The first stands at the end once more, in the last one's car."""
    if "Driver" in rows[0]:
        return [*rows[:-1], {**rows[-1], "Driver": rows[0]["Driver"]}]
    return [*rows[:-1], {**rows[-1], "driver": rows[0]["driver"]}]


def tells_of_another_race(name: str, date: str, locality: str, country: str) -> Spoil:
    where = {"lat": "0", "long": "0", "locality": locality, "country": country}
    circuit = {"circuitId": "another", "circuitName": "Another", "url": "", "Location": where}
    identity = {"raceName": name, "date": date, "Circuit": circuit}

    def spoil(upstream: Upstream, place: Place) -> None:
        upstream.fault(place.path, transform=of_another_race(place, identity))

    return spoil


def spoils_with_doubled_driver(upstream: Upstream, place: Place) -> None:
    if place.is_newer:
        upstream.fault(place.path, transform=with_results(with_doubled_driver))
        return
    upstream.fault(
        place.path,
        query={"offset": "100"} if place.query == (("offset", "100"),) else None,
        transform=lambda told: of_race(told, place.target_name, with_doubled_driver),
    )


def changes_nothing(upstream: Upstream, place: Place) -> None:
    """What is wrong is on this side."""


def goes(upstream: Upstream, place: Place) -> None:
    upstream.gone_at = place


def keeps_old_copy(upstream: Upstream, place: Place) -> None:
    """All of an endpoint, as a cache in between had it three weeks ago."""
    upstream.old_at = place
    upstream.fault(place.path, age=OLD)


def keeps_copy_of_the_future(upstream: Upstream, place: Place) -> None:
    """The same old copy, and it says that it was made in years to come."""
    upstream.old_at = place
    upstream.fault(place.path, headers=FUTURE)


def makes_pages_apart(upstream: Upstream, place: Place) -> None:
    answers(age=LITTLE_OLDER)(upstream, place)


def makes_pages_apart_in_vain(upstream: Upstream, place: Place) -> None:
    makes_pages_apart(upstream, place)
    upstream.fault("*/2024/6/*", status=500)


def tells_other_leaders(upstream: Upstream, place: Place) -> None:
    season = upstream.seasons[2024]
    upstream.seasons[2024] = facts.with_other_leaders(season, "china", TABLES[place.kind])


# What is done to Jolpica's dump


def dumps(switch: Switch) -> Spoil:
    """The file is another one, whose hash the overview has."""

    def spoil(upstream: Upstream, place: Place) -> None:
        upstream.dump = switch(list(upstream.seasons.values()))

    return spoil


def answers_at(path: str, **switches: Any) -> Spoil:
    """As `answers`, at another address that the same step requests."""

    def spoil(upstream: Upstream, place: Place) -> None:
        upstream.fault(path, **switches)

    return spoil


def offering(**values: Any) -> Callable[[Document], Document]:
    """An overview that says otherwise of its file."""

    def change(document: Document) -> Document:
        for offered in (document["latest_dumps"], document["delayed_dumps"]):
            offered["csv"] = {**offered["csv"], **values}
        return document

    return change


def keeps_old_dump(upstream: Upstream, place: Place) -> None:
    upstream.dump = build_dump(facts.old_archived_facts().values())
