"""Jolpica's lists of drivers, of the season and of a round: whom they enter, and how rarely they
are requested."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.corrections import Author, withdraw_entrant
from ingestion.models import Change, Driver, DriverKey, Entrant, Event
from ingestion.pipeline import IngestRequest, SourceConfig, ingest
from ingestion.records import EntrantRecord, ListedDriver, Source
from ingestion.report import RunReport
from ingestion.sample.season import Season, load_season, with_laps, without_results
from ingestion.save import save_calendar, save_classifications, save_entrants
from tests.builders import calendar, classification, context, entries, grand_prix, race_identity
from tests.persons import User
from tests.upstream import FaultyUpstream

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fastf1_restored"),
    pytest.mark.once,
]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FACTS = load_season(2024)
BAHRAIN, JEDDAH = FACTS.grands_prix[0].id, FACTS.grands_prix[1].id
LAST_FIELD = [lap.driver for lap in FACTS.qualifyings[BAHRAIN]]
# Bahrain's qualifying is on 1 March at 16:00 UTC.
IN_THE_WEEK = datetime(2024, 2, 24, 6, tzinfo=UTC)
OF_SEASON = "/ergast/f1/2024/drivers.json"
OF_ROUND = "/ergast/f1/2024/2/drivers.json"

Row = dict[str, str]
Run = Callable[[datetime], RunReport]


def row(key: str, **changes: str) -> Row:
    driver = FACTS.drivers[key]
    return {
        "driverId": key,
        "permanentNumber": "99",
        "code": driver.code or "",
        "givenName": driver.given_name,
        "familyName": driver.family_name,
        "dateOfBirth": driver.born.isoformat(),
        **changes,
    }


def document(rows: Sequence[Row], season: str = "2024", **table: str) -> dict[str, Any]:
    return {
        "MRData": {
            "series": "f1",
            "limit": "100",
            "offset": "0",
            "total": str(len(rows)),
            "DriverTable": {"season": season, **table, "Drivers": list(rows)},
        }
    }


def rows(*left_out: str, **changes: Row) -> list[Row]:
    return [row(key, **changes.get(key, {})) for key in sorted(LAST_FIELD) if key not in left_out]


@pytest.fixture
def upstream() -> Iterator[FaultyUpstream]:
    with FaultyUpstream({2024: without_results(FACTS)}) as started:
        yield started


@pytest.fixture
def run(upstream: FaultyUpstream, tmp_path: Path, fastf1_restored: None) -> Run:
    def ignore_step(step: str, *, done: int, total: int) -> None:
        pass

    def run_at(now: datetime) -> RunReport:
        upstream.clock = lambda: now
        request = IngestRequest(
            (2024,), SourceConfig(tmp_path, upstream.schedule_url, upstream.jolpica_url)
        )
        report = ingest(request, clock=lambda: now, show_step=ignore_step)
        assert report.problems == []
        return report

    return run_at


@pytest.fixture
def last_season(run: Run) -> None:
    """Of 2023 the final race, and of 2024 the calendars, read before the week of the first lock."""
    day = date(2023, 11, 26)
    place: dict[str, Any] = {"location": "Yas Island", "country": "UAE"}
    weekend = grand_prix("Abu Dhabi Grand Prix", day, **place)
    at = datetime(2023, 11, 27, tzinfo=UTC)
    save_calendar(calendar(weekend, season=2023, generated_at=at - 9 * DAY), context(at - 9 * DAY))
    race = race_identity(season=2023, name=weekend.name, race_date=day, **place)
    results = [
        replace(
            entry,
            driver_id=key,
            driver_code=FACTS.drivers[key].code or "",
            driver_name=f"{FACTS.drivers[key].given_name} {FACTS.drivers[key].family_name}",
            driver_born=FACTS.drivers[key].born,
        )
        for entry, key in zip(entries(LAST_FIELD), LAST_FIELD, strict=True)
    ]
    saved = save_classifications(
        [classification(race=race, results=results, generated_at=at)], context(at)
    )
    assert not saved.problems, saved.problems
    run(IN_THE_WEEK - 7 * DAY)


def keys(slug: str) -> set[str]:
    found = Entrant.objects.filter(season=2024, grand_prix=slug, is_withdrawn=False)
    return set(found.values_list("driver", flat=True))


def count(upstream: FaultyUpstream) -> int:
    return sum("drivers" in request.path for request in upstream.requests)


# Of the season


@pytest.mark.usefixtures("last_season")
def test_of_last_seasons_field_those_are_entered_whom_the_season_has(
    upstream: FaultyUpstream, run: Run
) -> None:
    assert count(upstream) == 0
    newcomer = row("bearman")
    upstream.fault(OF_SEASON, json=document([*rows("zhou", "sargeant"), newcomer]), times=1)
    assert run(IN_THE_WEEK).notes == []
    # The newcomer is of the season, and not of this weekend yet.
    assert keys("bahrain-grand-prix") == set(LAST_FIELD) - {"zhou", "sargeant"}
    assert not Driver.objects.filter(key="bearman").exists()

    # The same day again, and then a list that has one of them.
    run(IN_THE_WEEK + 12 * HOUR)
    assert count(upstream) == 1
    upstream.fault(OF_SEASON, json=document(rows("sargeant")), times=1)
    run(IN_THE_WEEK + DAY)
    assert keys("bahrain-grand-prix") == set(LAST_FIELD) - {"sargeant"}
    # Without a list no other driver comes in.
    upstream.fault(OF_SEASON, status=503)
    [note] = run(IN_THE_WEEK + 2 * DAY).notes
    assert "Jolpica's list of the drivers of 2024: the server answered 503" in str(note)
    assert keys("bahrain-grand-prix") == set(LAST_FIELD) - {"sargeant"}
    assert count(upstream) == 3


@pytest.mark.usefixtures("last_season")
@pytest.mark.parametrize("listed", [[], rows()[:9]], ids=["empty", "a part"])
def test_a_list_that_is_none_yet_changes_nothing_and_is_requested_once(
    listed: list[Row], upstream: FaultyUpstream, run: Run
) -> None:
    upstream.fault(OF_SEASON, json=document(listed))
    for days in range(4):
        assert run(IN_THE_WEEK + days * DAY).notes == []
    assert keys("bahrain-grand-prix") == set(LAST_FIELD)
    assert count(upstream) == 1


TWICE = [*rows("albon", "alonso"), row("albon"), row("alonso", driverId="albon")]
ANOTHER = {"givenName": "Jacques", "familyName": "Villeneuve", "dateOfBirth": "1971-04-09"}
BAD_LISTS = {
    "404": ({"status": 404}, "the server answered 404"),
    "500": ({"status": 500}, "the server answered 500"),
    "429": ({"status": 429}, "asks for fewer requests"),
    "HTML": ({"html": True}, "cannot be read"),
    "reset": ({"reset": True}, "broke off"),
    "cut": ({"truncate": 60}, "cannot be read"),
    "another season": ({"json": document(rows(), "2023")}, "it is of 2023 round none"),
    "a round": ({"json": document(rows(), round="1")}, "it is of 2024 round 1"),
    "a part": (
        {"json": {"MRData": {**document(rows())["MRData"], "total": "31"}}},
        "20 rows were sent of 31",
    ),
    "one key twice": (
        {"json": document(TWICE)},
        "Alexander Albon and Fernando Alonso have one key, albon",
    ),
    "no key": (
        {"json": document(rows(albon={"driverId": ""}))},
        "the key of Alexander Albon is missing",
    ),
    "no birth": (
        {"json": document(rows(albon={"dateOfBirth": ""}))},
        "the date of birth of Alexander Albon is missing",
    ),
    "another person": (
        {"json": document([*rows("albon"), row("albon", **ANOTHER)])},
        "the key albon was Alexander Albon",
    ),
}


@pytest.mark.usefixtures("last_season")
@pytest.mark.parametrize(("answer", "reason"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_list_is_a_note_and_changes_nothing(
    answer: dict[str, Any], reason: str, upstream: FaultyUpstream, run: Run
) -> None:
    drivers = list(Driver.objects.order_by("pk").values())
    upstream.fault(OF_SEASON, **answer)
    report = run(IN_THE_WEEK)
    assert [reason in str(note) for note in report.notes] == [True], report.notes
    assert "drivers" in str(report.notes[0])
    assert keys("bahrain-grand-prix") == set(LAST_FIELD)
    assert list(Driver.objects.order_by("pk").values()) == drivers
    assert count(upstream) == 1


@pytest.mark.usefixtures("last_season")
def test_a_corrected_key_is_the_same_driver_and_a_persons_decision_stays(
    upstream: FaultyUpstream, run: Run
) -> None:
    corrected = rows("zhou", albon={"driverId": "alexander_albon"})
    upstream.fault(OF_SEASON, json=document(corrected))
    run(IN_THE_WEEK)
    assert keys("bahrain-grand-prix") == set(LAST_FIELD) - {"zhou"}
    event = Event.objects.get(season=2024, grand_prix="bahrain-grand-prix", session_type="race")
    anna = Author(User.objects.create_user("anna"), "the team says so", IN_THE_WEEK + HOUR)
    withdraw_entrant(event, "albon", anna)
    run(IN_THE_WEEK + DAY)
    assert keys("bahrain-grand-prix") == set(LAST_FIELD) - {"zhou", "albon"}


# Of a round


def facts(*, absent: Sequence[str] = ()) -> Season:
    """Bahrain, and Jeddah's qualifying without those."""
    held = replace(
        without_results(FACTS),
        races={BAHRAIN: FACTS.races[BAHRAIN]},
        qualifyings={key: FACTS.qualifyings[key] for key in (BAHRAIN, JEDDAH)},
    )
    laps = [lap for lap in FACTS.qualifyings[JEDDAH] if lap.driver not in absent]
    placed = tuple(replace(lap, order=place) for place, lap in enumerate(laps, start=1))
    return with_laps(held, "qualifyings", JEDDAH, placed)


BEFORE_JEDDAH = datetime(2024, 3, 7, 12, tzinfo=UTC)
# The race starts at 17:00.
AFTER_QUALIFYING = datetime(2024, 3, 9, 6, tzinfo=UTC)
SLUG = "saudi-arabian-grand-prix"
IN_JEDDAH = [lap.driver for lap in FACTS.qualifyings[JEDDAH]]


@pytest.fixture
def before(upstream: FaultyUpstream, run: Run) -> set[str]:
    held = facts()
    upstream.seasons[2024] = replace(held, qualifyings={BAHRAIN: held.qualifyings[BAHRAIN]})
    run(BEFORE_JEDDAH)
    return keys(SLUG)


def test_who_is_in_a_round_without_a_classification_can_be_picked(
    before: set[str], upstream: FaultyUpstream, run: Run
) -> None:
    upstream.seasons[2024] = facts(absent=["bearman"])
    upstream.fault(OF_ROUND, json=document([row(key) for key in IN_JEDDAH], round="2"))
    assert run(AFTER_QUALIFYING).notes == []
    assert keys(SLUG) - before == {"bearman"}
    bearman = Entrant.objects.get(driver="bearman", grand_prix=SLUG)
    # A list has no cars.
    assert (bearman.driver_name, bearman.driver_number) == ("Oliver Bearman", None)
    assert (bearman.source, bearman.driver.born) == ("jolpica", FACTS.drivers["bearman"].born)
    assert DriverKey.objects.get(driver="bearman").key == "bearman"
    entered = Change.objects.filter(kind="entered").latest("pk")
    assert (entered.event.grand_prix, entered.event.session_type) == (SLUG, "race")

    for hours in (1, 2, 5):
        run(AFTER_QUALIFYING + hours * HOUR)
    assert count(upstream) == 1
    assert Entrant.objects.get(pk=bearman.pk).updated_at == bearman.updated_at


def test_on_a_usual_weekend_no_list_is_requested(
    before: set[str], upstream: FaultyUpstream, run: Run
) -> None:
    upstream.seasons[2024] = facts()
    run(AFTER_QUALIFYING)
    assert keys(SLUG) - before == {"bearman"}
    assert count(upstream) == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 404}, "round 2: the server answered 404"),
        ({"status": 429}, "round 2: the server asks for fewer requests"),
        ({"html": True}, "round 2: the answer"),
        ({"json": document([row("bearman")], round="3")}, "it is of 2024 round 3"),
        ({"json": document([row("bearman")])}, "it is of 2024 round none"),
        ({"json": document([row("bearman", dateOfBirth="")], round="2")}, "birth of Oliver"),
        (
            {"json": document([row("bearman", driverId="sargeant")], round="2")},
            "the key sargeant was Logan Sargeant",
        ),
        (
            {"json": document([row("bearman"), row("lawson")], round="2")},
            "has Oliver Bearman, Liam Lawson besides those who are classified, where 1 can be",
        ),
    ],
)
def test_a_bad_list_of_a_round_keeps_nothing_back(
    answer: dict[str, Any], reason: str, before: set[str], upstream: FaultyUpstream, run: Run
) -> None:
    upstream.seasons[2024] = facts(absent=["bearman", "sargeant"][: 1 + ("sargeant" in reason)])
    drivers = Driver.objects.count()
    upstream.fault(OF_ROUND, **answer)
    report = run(AFTER_QUALIFYING)
    assert [reason in str(note) for note in report.notes] == [True], report.notes
    assert (keys(SLUG), Driver.objects.count()) == (before, drivers)
    event = Event.objects.get(season=2024, grand_prix=SLUG, session_type="qualifying")
    assert event.results_revision == 1
    run(AFTER_QUALIFYING + HOUR)
    assert count(upstream) == 1


def test_whom_the_second_source_listed_first_stays_one_driver(before: set[str]) -> None:
    now = BEFORE_JEDDAH + DAY
    record = EntrantRecord(SLUG, Source.OPENF1, "", 12, "ANT", "Kimi Antonelli", "ferrari", "F")
    save_entrants(2024, context(now), [record])
    [key] = keys(SLUG) - before
    entrant = Entrant.objects.get(driver=key, grand_prix=SLUG)
    name, born = "Andrea Kimi Antonelli", date(2006, 8, 25)
    listed = [ListedDriver(SLUG, "andrea_antonelli", "ANT", name, born)]
    save_entrants(2024, context(now + HOUR), drivers=listed)
    assert keys(SLUG) - before == {key}
    assert Driver.objects.get(key=key).born == born
    assert Entrant.objects.get(pk=entrant.pk).driver_number == 12
