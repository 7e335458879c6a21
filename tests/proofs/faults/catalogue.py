"""The faults by name, and the places at which each makes sense."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests import dumping
from tests import openf1_traps as traps
from tests.proofs.faults import facts, switches
from tests.proofs.faults.places import (
    CALENDAR,
    DRIVERS,
    DUMP,
    NEWER,
    NEWER_CALENDAR,
    NEWER_RACE,
    ONE_ROUND,
    PAGED,
    PLACES,
    POLL,
    QUALI_1,
    QUALI_2,
    RACE_1,
    RACE_2,
    RESULTS,
    SCHEDULE,
    SECOND,
    SPRINT,
    SQ,
    Place,
)
from tests.proofs.faults.switches import (
    BROKEN_OFF,
    FEWER,
    NETWORK,
    RETRY_AFTER,
    SEASON,
    TOO_LATE,
    TROUBLE,
    UNREADABLE,
    Document,
    Fault,
    answers,
    answers_at,
    dumps,
    offering,
    rows_of_target,
    tells_of_another_race,
    tells_of_target,
    tells_of_whole,
)
from tests.upstream import with_meta, with_wrong_types

Places = tuple[Place, ...]
EMPTY, FILLED = "empty", "filled"


@dataclass(frozen=True)
class Cell:
    """One fault at one place, on one of the two databases."""

    fault: Fault
    place: Place
    is_filled: bool

    @property
    def database(self) -> str:
        return FILLED if self.is_filled else EMPTY

    def __str__(self) -> str:
        return f"{self.fault.name} / {self.place.name} / {self.database}"


@dataclass(frozen=True)
class Row:
    """A fault with its places; some need something saved to be a fault at all."""

    fault: Fault
    places: Places
    on_empty: bool = True
    on_filled: bool = True


MISSING_STILL = "positions are missing still"
ROUND_LISTS = "Jolpica's newer list of the rounds of 2024"
WAIT = "Run it again in an hour: it continues with what is missing"
WAIT_UNTIL = "Run it again after 18:10 UTC: it continues with what is missing"
WAIT_SIX_HOURS = "Run it again after 00:00 UTC: it continues with what is missing"
# Nothing listens there: port 9 is for what is thrown away.
PROXIES = {"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
# Jolpica's newer form is read by us: what is wrong with it is told in Python's words.
READ_BY_US = {
    "SQ list": f"{ROUND_LISTS} cannot be read: .*",
    "SQ": f"{SQ.what} cannot be read: .*",
    "newer calendar": f"{CALENDAR.what} cannot be read: .*",
    "newer race": f"{NEWER_RACE.what} cannot be read: .*",
}
PAGES_CHANGED = "the number of rows changed from page to page"
WRONG_PAGE = r"a page has \d+ rows where \d+ should be"


def lost(
    name: str,
    reason: str,
    advice: str = switches.REFRESH,
    *,
    tells: Mapping[str, str] | None = None,
    is_slow: bool = False,
    **answer: Any,
) -> Row:
    """Unusable, at every place."""
    spoils = answers(**answer)
    fault = Fault(name, "lost", spoils, reason, advice, tells=tells or {}, is_slow=is_slow)
    return Row(fault, (*PLACES, *NEWER))


def answered(status: int, reason: str, advice: str) -> Row:
    row = lost(str(status), f"the server answered {status} {reason}", advice, status=status)
    # So the newer form answers as long as there are no results of a session.
    is_not_yet = status in (404, 500)
    return replace(row, places=(*PLACES, NEWER_CALENDAR)) if is_not_yet else row


def not_there(status: int) -> Row:
    return Row(Fault(str(status), "not there", answers(status=status)), (NEWER_RACE,))


def unreadable(name: str, **answer: Any) -> Row:
    return lost(name, UNREADABLE, **answer)


def zero_positions(row: Document) -> Document:
    return {**row, "position": "0"}


def zero_positions_of_newer(row: Document) -> Document:
    parts = {key: {**part, "position": 0} for key, part in row["components"].items()}
    return {**row, "position": 0, "components": parts}


def without_positions(row: Document) -> Document:
    return {key: value for key, value in row.items() if key != "position"}


def without_positions_of_newer(row: Document) -> Document:
    """Of the parts too, which would tell as well."""
    parts = {key: without_positions(part) for key, part in row["components"].items()}
    return {**without_positions(row), "components": parts}


OF_2023 = {
    "file": r"the schedule file of 2024 was refused: the calendar of 2024 cannot be true: .*"
    "the race day 2023-06-09 is not in the season",
    "second": "Jolpica's calendar of 2024 cannot be read: it has a race of 2023",
    **{
        kind: f"Jolpica's {kind} results of 2024 cannot be read: they are of 2023"
        for kind in ("race", "qualifying", "sprint")
    },
    "SQ list": f"{ROUND_LISTS} cannot be read: it has a round of 2023",
    "SQ": f"{SQ.what} cannot be read: it is of the 2023 Miami Grand Prix",
    "newer calendar": "Jolpica's calendar of 2024 cannot be read: it is of 2023",
    "newer race": f"{NEWER_RACE.what} cannot be read: it is of the 2023 Miami Grand Prix",
}
NOT_THERE = {
    "file": "the schedule file of 2024 was refused: the calendar of 2024 has no grand prix",
    "second": "Jolpica has no calendar of 2024",
    "newer calendar": "Jolpica has no calendar of 2024",
    "SQ list": "Jolpica's newer form has no sprint qualifying of the 2024 Miami Grand Prix",
    "SQ": f"{SQ.what}: SQ1 is missing still",
}
NO_RACES = {
    "file": "the schedule file of 2024 was refused: the calendar of 2024 cannot be true: "
    "Bahrain Grand Prix: no race; .*",
}
CUT = {"second": "Jolpica's calendar of 2024: 8 rows were sent of 9"}
LIES = {
    "second": "Jolpica's calendar of 2024: 9 rows were sent of 1000",
    **{place.name: f"{place.what}: {PAGES_CHANGED}" for place in PAGED},
}
ANOTHER_RACE = {
    place.name: f"{place.what} cannot be read: it is of the 2024 Pacific Grand Prix"
    for place in (SQ, NEWER_RACE)
}
STRANGERS = {"SQ": f"{SQ.what}: 30 entries"}
TWICE = {"SQ": f"{SQ.what}: max_verstappen twice"}

ENDPOINTS = (SCHEDULE, ONE_ROUND, POLL)
OF_JOLPICA = (CALENDAR, *PAGED, SPRINT, ONE_ROUND, POLL)
TOTAL_LIES = with_meta(total="1000")


def second(
    name: str, reason: str, *, path: str = "", family: str = "second source", **answer: Any
) -> Row:
    """Of the second source: whatever it is, what is published does not depend on it."""

    def spoil(upstream: switches.Upstream, place: Place) -> None:
        upstream.fault(path or place.path, **answer)

    is_slow = bool(answer.get("hang") or answer.get("drip"))
    return Row(Fault(name, family, spoil, reason, is_slow=is_slow), (SECOND,))


IN_PROGRESS = {"detail": "Session in progress, access is restricted to authenticated users"}
OF_SECOND = (
    second("2nd: reset", BROKEN_OFF, reset=True),
    second("2nd: hanging", TOO_LATE, hang=True),
    second("2nd: dripping", TOO_LATE, drip="body", interval=0.02),
    second("2nd: 500, HTML", "answered 500", status=500, html=True),
    second("2nd: 429", FEWER, status=429),
    second("2nd: not now", "only requests with an account", status=401, json=IN_PROGRESS),
    second("2nd: refused", "answered 401", status=401, json={"detail": "Bad token"}),
    second("2nd: 404", "no rows yet", status=404),
    second("2nd: empty list", "no rows yet", body=b"[]"),
    second("2nd: cut JSON", UNREADABLE, truncate=40),
    second("2nd: HTML", UNREADABLE, html=True),
    second("2nd: an object", UNREADABLE, transform=traps.in_an_object),
    second("2nd: renamed", "cannot be read", transform=traps.renamed),
    second("2nd: texts", "has the place '1'", transform=traps.places_as_texts),
    second("2nd: other key", "of another session", transform=traps.another_session),
    second("2nd: lists down", "answered 503", path="*/openf1/v1/meetings", status=503),
    second("2nd: no lists", "lists no sessions", path="*/openf1/v1/sessions", body=b"[]"),
    second(
        "2nd: winner out",
        "is listed first, and has no place",
        transform=traps.list_disqualified_winner_first,
    ),
    second("2nd: old row", "is listed twice", transform=traps.keep_old_last_row),
    second("2nd: placed, out", "and is marked dsq", transform=traps.mark_placed_as_disqualified),
    second(
        "2nd: not started", "did not start, and has", transform=traps.mark_starters_as_not_started
    ),
    second("2nd: half a field", "10 entries", transform=traps.keep_half),
    second("2nd: Q1 alone", "Q2 is missing still", transform=traps.keep_first_part),
    second(
        "2nd: numbers",
        "no driver that the season",
        path=traps.DRIVERS,
        transform=traps.number_alone,
    ),
    second(
        "2nd: old champion",
        "the season knows another driver",
        path=traps.DRIVERS,
        transform=traps.champion_of_last_season,
    ),
    second(
        "2nd: unknown driver",
        "no driver that the season",
        path=traps.DRIVERS,
        transform=traps.unknown_driver,
        family="newcomer",
    ),
)


def listed(name: str, reason: str = "", **answer: Any) -> Row:
    """Of the lists of the second source, which are requested for events that are there; without a
    reason nothing is to be said of it."""
    family = "second source" if reason else "harmless"
    is_slow = bool(answer.get("hang"))
    fault = Fault(name, family, answers(**answer), reason, is_slow=is_slow)
    return Row(fault, (DRIVERS,), on_empty=False)


OF_LISTS = (
    listed("drivers: reset", BROKEN_OFF, reset=True),
    listed("drivers: hanging", TOO_LATE, hang=True),
    listed("drivers: 503", "answered 503", status=503),
    listed("drivers: HTML", UNREADABLE, html=True),
    listed("drivers: cut JSON", UNREADABLE, truncate=40),
    listed("drivers: an object", UNREADABLE, transform=traps.in_an_object),
    listed("drivers: refused", "answered 401", status=401, json={"detail": "Bad token"}),
    listed("drivers: not now", status=401, json=IN_PROGRESS),
    listed("drivers: 404", status=404),
    listed("drivers: empty list", body=b"[]"),
    listed("drivers: numbers", transform=traps.number_alone),
    listed("drivers: renamed", transform=traps.without_numbers),
    listed("drivers: other key", transform=traps.another_session),
    listed(
        "drivers: old champion",
        "the season knows another driver",
        transform=traps.champion_of_last_season,
    ),
)


def dump(name: str, reason: str, spoils: switches.Spoil, **facts_of: Any) -> Row:
    """Of Jolpica's dump: whatever it is, seasons that are over come by pages."""
    facts_of = {"family": "dump", **facts_of}
    return Row(Fault(name, spoils=spoils, reason=reason, **facts_of), (DUMP,))


DOWNLOAD, STORE = "/data/dumps/download/delayed/", "/dump-store/*"
NO_DUMPS: Document = {"available_types": [], "latest_dumps": {}, "delayed_dumps": {}}
AROUND = {"Location": f"{DOWNLOAD}?dump_type=csv"}
# No answer to the overview, or to what it names.
ANSWERS_OF_DUMP = (
    dump("dump: reset", BROKEN_OFF, answers(reset=True)),
    dump("dump: hanging", TOO_LATE, answers(hang=True), is_slow=True),
    dump("dump: 404", "answered 404", answers(status=404)),
    dump("dump: 503", "answered 503", answers(status=503)),
    dump("dump: HTML", UNREADABLE, answers(html=True)),
    dump("dump: cut JSON", UNREADABLE, answers(truncate=40)),
    dump("dump: none offered", "is not offered", answers(json=NO_DUMPS)),
    dump("dump: wrong hash", "SHA-256 differs", answers(transform=offering(file_hash="0" * 64))),
    dump("dump: wrong size", "SHA-256 differs", answers(transform=offering(file_size=2_000_000))),
    dump("dump: no hash", "with a hash", answers(transform=offering(file_hash="abc"))),
    dump("dump: large", "more than", answers(transform=offering(file_size=65 * 2**20))),
    dump("dump: download 500", "answered 500", answers_at(DOWNLOAD, status=500)),
    dump("dump: around", "3 redirects", answers_at(DOWNLOAD, status=302, headers=AROUND)),
    dump(
        "dump: nowhere",
        "an address that is none",
        answers_at(DOWNLOAD, status=302, headers={"Location": "ftp://a/b"}),
    ),
    dump("dump: host hangs", TOO_LATE, answers_at(STORE, hang=True), is_slow=True),
    dump(
        "dump: host drips",
        TOO_LATE,
        answers_at(STORE, drip="headers", interval=0.02),
        is_slow=True,
    ),
    dump("dump: host 403", "answered 403", answers_at(STORE, status=403)),
    dump("dump: host cuts", BROKEN_OFF, answers_at(STORE, cut=1000)),
    dump("dump: other file", "SHA-256 differs", answers_at(STORE, body=b"PK")),
)
# The file that is offered, and is no such file.
FILES_OF_DUMP = (
    dump("dump: cut zip", "the zip file cannot be read", dumps(dumping.cut)),
    dump("dump: bomb", "more is unpacked of it", dumps(dumping.with_bomb)),
    dump("dump: endless line", "a line in it has more", dumps(dumping.with_endless_line)),
    dump(
        "dump: a path",
        "would leave its folder",
        dumps(dumping.with_member("../formula_one_lap.csv", b"id\n")),
    ),
    dump(
        "dump: no column",
        "formula_one_roundentry.csv cannot be read",
        dumps(dumping.without_column("roundentry", "car_number")),
    ),
    dump(
        "dump: renamed",
        "formula_one_driver.csv cannot be read",
        dumps(dumping.without_column("driver", "reference", "slug")),
    ),
    dump(
        "dump: a text",
        "formula_one_sessionentry.csv cannot be read",
        dumps(dumping.with_value("sessionentry", "status", "FINISHED")),
    ),
    dump("dump: encoding", "cannot be read", dumps(dumping.in_encoding("utf-16"))),
    dump(
        "dump: enum",
        "the status 77 is not known; they are requested page by page",
        dumps(dumping.with_value("sessionentry", "status", 77)),
        family="part of the dump",
    ),
    replace(
        dump(
            "dump: older",
            "an answer older than the saved classification was left aside",
            switches.keeps_old_dump,
            family="old dump",
        ),
        on_empty=False,
    ),
)

ROWS = (
    *OF_SECOND,
    *OF_LISTS,
    *ANSWERS_OF_DUMP,
    *FILES_OF_DUMP,
    # No answer
    Row(Fault("refused", "gone", switches.goes, BROKEN_OFF, NETWORK), PLACES),
    lost("reset", BROKEN_OFF, NETWORK, reset=True),
    lost("broken off", BROKEN_OFF, NETWORK, cut=40),
    Row(Fault("slow", "harmless", answers(delay=0.2)), PLACES),
    lost("dripping", TOO_LATE, NETWORK, drip="headers", interval=0.02, is_slow=True),
    lost("dripping body", TOO_LATE, NETWORK, drip="body", interval=0.02, is_slow=True),
    lost("hanging", TOO_LATE, NETWORK, hang=True, is_slow=True),
    # An answer that refuses
    answered(404, "Not Found", SEASON),
    Row(Fault("429", "limited", answers(status=429), FEWER, WAIT), (*PLACES, *NEWER)),
    Row(
        Fault(
            "429, Retry-After",
            "limited",
            answers(status=429, retry_after=RETRY_AFTER),
            FEWER,
            WAIT_UNTIL,
        ),
        PLACES,
    ),
    Row(
        Fault(
            "429, far Retry-After",
            "limited",
            answers(status=429, headers={"Retry-After": switches.NEVER}),
            FEWER,
            WAIT_SIX_HOURS,
        ),
        PLACES,
    ),
    answered(500, "Internal Server Error", TROUBLE),
    not_there(404),
    not_there(500),
    answered(503, "Service Unavailable", TROUBLE),
    # One that makes no sense
    unreadable("empty body", body=b""),
    unreadable("bare newline", body=b"\n"),
    unreadable("HTML", html=True),
    unreadable("cut JSON", truncate=40),
    unreadable("another shape", json={"other": []}, tells=READ_BY_US),
    unreadable("wrong types", transform=with_wrong_types, tells=READ_BY_US),
    # ... or has something beside it that makes none
    Row(
        Fault(
            "control characters",
            "harmless",
            answers(transform=switches.with_control_characters),
        ),
        (*PLACES, *NEWER),
    ),
    Row(Fault("future headers", "dated ahead", answers(headers=switches.FUTURE)), PLACES),
    Row(
        Fault("spoilt detail", "spoilt detail", rows_of_target(switches.with_spoilt_detail)),
        (RACE_2, QUALI_2, ONE_ROUND, POLL, NEWER_RACE),
    ),
    Row(Fault("a proxy", "harmless", switches.changes_nothing, environment=PROXIES), ENDPOINTS),
    # ... or another than was asked for
    lost("another season", "", transform=switches.in_another_season, tells=OF_2023),
    Row(
        Fault(
            "another race",
            "another race",
            tells_of_another_race("Pacific Grand Prix", "2024-02-04", "Aida", "Pacific"),
            tells=ANOTHER_RACE,
        ),
        (*RESULTS, NEWER_RACE),
    ),
    Row(
        Fault(
            "cancelled race",
            "cancelled race",
            tells_of_another_race("Spanish Grand Prix", "2024-06-23", "Barcelona", "Spain"),
        ),
        (RACE_1, RACE_2, QUALI_1),
    ),
    Row(Fault("other rounds", "other rounds", tells_of_whole(facts.with_other_rounds)), PLACES[1:]),
    # One that is not the final one
    Row(
        Fault(
            "no results",
            "not there",
            answers(transform=switches.with_nothing),
            PAGES_CHANGED,
            tells=NOT_THERE,
        ),
        (*PLACES, *NEWER),
    ),
    Row(
        Fault(
            "zero positions",
            "implausible",
            rows_of_target(zero_positions, of_newer=zero_positions_of_newer),
            MISSING_STILL,
        ),
        (*RESULTS, NEWER_RACE),
    ),
    Row(
        Fault(
            "no positions",
            "implausible",
            rows_of_target(without_positions, of_newer=without_positions_of_newer),
            MISSING_STILL,
            tells={"SQ": f"{SQ.what}: SQ1 is missing still"},
        ),
        (*RESULTS, NEWER_RACE),
    ),
    Row(
        Fault(
            "doubled driver",
            "implausible",
            switches.spoils_with_doubled_driver,
            r"\w+ twice",
            tells=TWICE,
        ),
        (*RESULTS, NEWER_RACE),
    ),
    Row(
        Fault(
            "thirty cars",
            "implausible",
            tells_of_target(facts.with_thirty_cars),
            "(30|29) entries",
            tells=STRANGERS,
        ),
        (*RESULTS, NEWER_RACE),
    ),
    # Pages that are not of one piece
    Row(
        Fault("cut page", "lost", answers(transform=switches.without_a_row), WRONG_PAGE, tells=CUT),
        OF_JOLPICA,
    ),
    Row(
        Fault("total that lies", "lost", answers(transform=TOTAL_LIES), WRONG_PAGE, tells=LIES),
        OF_JOLPICA,
    ),
    Row(
        Fault("repeated page", "lost", answers(repeat_page=True), WRONG_PAGE),
        (RACE_2, QUALI_2),
    ),
    Row(Fault("pages apart", "harmless", switches.makes_pages_apart), PAGED),
    Row(Fault("pages apart, 500", "apart in vain", switches.makes_pages_apart_in_vain), PAGED),
    # An old one
    Row(
        Fault("old answer", "old", switches.keeps_old_copy),
        (SCHEDULE, CALENDAR, RACE_1, QUALI_1, SPRINT),
    ),
    Row(
        Fault("future answer", "future", switches.keeps_copy_of_the_future),
        (SCHEDULE, CALENDAR, RACE_1, QUALI_1, SPRINT),
        on_filled=False,
    ),
    Row(
        Fault(
            "stale cache",
            "lost",
            answers(status=503),
            "the server answered 503 Service Unavailable",
            TROUBLE,
            is_late=True,
        ),
        (SCHEDULE, CALENDAR, RACE_1, QUALI_1, SPRINT),
    ),
    # What nobody should do
    Row(
        Fault("other leaders", "other leaders", switches.tells_other_leaders),
        (RACE_1, QUALI_1, SPRINT),
    ),
    Row(
        Fault("moved later", "moved qualifying", tells_of_whole(facts.with_moved_qualifying)),
        (SCHEDULE,),
    ),
    Row(
        Fault("moved once run", "moved weekend", tells_of_whole(facts.with_moved_weekend)),
        (SCHEDULE,),
        on_empty=False,
    ),
    Row(
        Fault("half a season", "few races", answers(transform=switches.with_few_races)),
        (SCHEDULE, CALENDAR),
        on_empty=False,
    ),
    Row(
        Fault("no races", "lost", answers(transform=switches.without_races), tells=NO_RACES),
        (SCHEDULE,),
    ),
)


def find_cells(wanted: str = "") -> list[Cell]:
    """Those whose name has this in it."""
    return [cell for cell in _all_cells() if wanted in str(cell)]


def _all_cells() -> Iterator[Cell]:
    for row in ROWS:
        for place in row.places:
            # A poll is of an event that is there.
            if row.on_empty and place.run != "poll":
                yield Cell(row.fault, place, is_filled=False)
            if row.on_filled:
                yield Cell(row.fault, place, is_filled=True)
