"""Drivers are persons: a key that an upstream corrects changes nothing, and two stay two."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.dispatch import Signal
from django.test.utils import CaptureQueriesContext

from ingestion import signals
from ingestion.corrections import (
    Author,
    accept_proposal,
    correct_classification,
    merge_drivers,
    reorder,
    restore_revision,
    split_driver,
    undo_change,
    undo_correction,
)
from ingestion.errors import WrongRequest
from ingestion.management.event_lookup import find_driver
from ingestion.models import Change, Driver, DriverKey, Entrant, Event, Result
from ingestion.records import ClassificationRecord, ResultRecord, Source
from ingestion.report import SaveReport
from ingestion.sample.season import Season, load_season, with_finishes
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from tests.amending import Replay, disqualified, podium, replaying, sample_weekend
from tests.builders import (
    AFTER,
    DRIVERS,
    calendar,
    classification,
    context,
    entries,
    grand_prix,
    race_identity,
    timed_entries,
)
from tests.persons import User
from tests.rows import all_rows

pytestmark = pytest.mark.django_db(transaction=True)

BORN = date(1985, 1, 7)
DAY = timedelta(days=1)


@pytest.fixture
def replay(tmp_path: Path, fastf1_restored: None) -> Iterator[Replay]:
    with replaying(tmp_path) as started:
        yield started


@pytest.fixture
def author() -> Author:
    return Author(User.objects.create_user("steward"), "the licence says so", AFTER)


@pytest.fixture
def calendar_saved() -> None:
    save_calendar(calendar(grand_prix()), context())


def under_key(season: Season, driver: str, key: str) -> Season:
    """The season as an upstream has it that corrected the driver's key everywhere."""
    person = replace(season.drivers[driver], id=key)
    tables: dict[str, Any] = {
        table: {
            weekend: tuple(
                replace(entry, driver=key) if entry.driver == driver else entry
                for entry in classified
            )
            for weekend, classified in getattr(season, table).items()
        }
        for table in ("races", "sprints", "qualifyings", "sprint_qualifyings")
    }
    return replace(season, drivers={**season.drivers, key: person}, **tables)


def race() -> Event:
    return Event.objects.get(session_type="race", season=2024)


def save(
    results: Sequence[ResultRecord], session_type: SessionType = SessionType.RACE, days: int = 0
) -> SaveReport:
    record = classification(session_type, results=results, generated_at=AFTER + days * DAY)
    return save_classifications([record], context(AFTER + days * DAY))


def with_facts(driver: str, **facts: Any) -> list[ResultRecord]:
    return [replace(one, **facts) if one.driver_id == driver else one for one in entries()]


# A key that is corrected everywhere


@pytest.mark.parametrize("is_settled", [False, True], ids=["official", "settled"])
def test_a_season_in_which_one_key_is_corrected_everywhere_changes_nothing(
    replay: Replay, *, is_settled: bool
) -> None:
    """In the same answer the second of one race is disqualified: that race alone is amended."""
    season = load_season()
    season = replace(season, grands_prix=season.grands_prix[:6])
    replay.publish(season)
    replay.ingest("2024-12-20 12:00")
    if is_settled:
        replay.ingest("2024-12-22 12:00")
    assert (Event.objects.filter(results_state="settled").count() > 10) is is_settled
    drivers, last = Driver.objects.count(), Change.objects.latest("pk").pk
    rows = {row["id"]: row for row in Result.objects.values()}

    corrected = under_key(season, "hamilton", "lewis_hamilton")
    second = corrected.races["bahrain"][1].driver
    out = disqualified(corrected.races["bahrain"], second)
    replay.publish(with_finishes(corrected, "races", "bahrain", out))
    report = replay.ingest("2024-12-24 12:00" if is_settled else "2024-12-20 18:00")

    refused = [problem.message for problem in report.problems if "refused" in problem.message]
    assert refused == []
    assert Driver.objects.count() == drivers
    keys = DriverKey.objects.filter(driver="hamilton").values_list("key", flat=True)
    assert set(keys) == {"hamilton", "lewis_hamilton"}
    # Nothing else is said of any event.
    news = Change.objects.filter(pk__gt=last)
    kind = "proposed" if is_settled else "amended"
    assert [(one.kind, one.event.name) for one in news] == [(kind, "Bahrain Grand Prix")]
    other = [
        row
        for row in Result.objects.exclude(event__name="Bahrain Grand Prix").values()
        if rows[row["id"]] != row
    ]
    assert other == []

    before = all_rows()
    replay.ingest("2024-12-24 12:30" if is_settled else "2024-12-20 18:30")
    assert all_rows() == before


def test_a_qualifying_of_the_newer_form_knows_a_driver_under_his_corrected_key(
    replay: Replay,
) -> None:
    """Race and sprint come under the new key in the very run that reads the sprint qualifying."""
    season = sample_weekend("china")
    replay.publish(replace(season, sprint_qualifyings={}))
    replay.ingest("2024-04-22 12:00")
    replay.publish(under_key(season, "hamilton", "lewis_hamilton"))
    replay.ingest("2024-04-23 12:00")
    qualifying = Event.objects.get(session_type="sprint_qualifying")
    assert qualifying.results.filter(driver="hamilton").count() == 1
    assert not Driver.objects.filter(key="lewis_hamilton").exists()


@pytest.mark.usefixtures("calendar_saved")
def test_a_key_corrected_in_one_session_of_a_weekend_is_no_other_field() -> None:
    save(with_facts("hamilton", driver_born=BORN))
    renamed = [
        replace(one, driver_id="lewis", driver_born=BORN) if one.driver_id == "hamilton" else one
        for one in timed_entries()
    ]
    report = save(renamed, SessionType.QUALIFYING)
    assert (report.problems, report.results) == ([], {"created": 1})
    qualifying = Event.objects.get(session_type="qualifying")
    assert [entry.driver_id for entry in qualifying.classification[:1]] == ["hamilton"]


@pytest.mark.usefixtures("calendar_saved")
def test_a_proposal_under_the_old_key_is_the_same_proposal_under_the_new_one() -> None:
    save(entries())
    save(entries(), days=2)
    other = ("russell", *DRIVERS[:4])
    save(entries(other), days=3)
    assert race().has_open_proposal
    renamed = [
        replace(one, driver_id="george") if one.driver_id == "russell" else one
        for one in entries(other)
    ]
    report = save(renamed, days=4)
    assert report.problems == []
    assert any("waits for a person" in note.message for note in report.notes)


# Who is who


@pytest.mark.usefixtures("calendar_saved")
@pytest.mark.parametrize(
    "name", ["Sergio Pérez", "PEREZ Sergio", "Sergio  Perez"], ids=["accent", "order", "blanks"]
)
def test_accents_order_and_case_of_a_name_make_no_other_person(name: str) -> None:
    save(with_facts("perez", driver_name="Sergio Perez", driver_born=BORN))
    save(with_facts("perez", driver_id="checo", driver_name=name, driver_born=BORN))
    assert set(Result.objects.get(driver="perez").driver.keys.values_list("key", flat=True)) == {
        "perez",
        "checo",
    }


@pytest.mark.usefixtures("calendar_saved")
def test_two_with_one_name_and_other_dates_of_birth_stay_two() -> None:
    save(with_facts("perez", driver_name="Max Verstappen", driver_born=BORN))
    report = save(
        with_facts(
            "perez",
            driver_id="max_2",
            driver_name="Max Verstappen",
            driver_born=date(2000, 1, 1),
        )
    )
    assert report.results == {"amended": 1}
    assert Driver.objects.filter(name="Max Verstappen").count() == 2


@pytest.mark.usefixtures("calendar_saved")
def test_whom_another_seasons_run_has_saved_meanwhile_is_no_second_driver() -> None:
    """Its keys were not there yet when this run read them, and its drivers are when it needs them;
    no date of birth says who they are."""
    known = {one.driver_id: one.driver_name for one in entries()}
    Driver.objects.bulk_create(
        Driver(key=key, name=name, created_at=AFTER) for key, name in known.items()
    )
    assert save(entries()).problems == []
    assert set(Driver.objects.values_list("key", flat=True)) == set(known)


@pytest.mark.usefixtures("calendar_saved")
def test_a_key_that_is_now_another_persons_is_refused_and_both_are_named() -> None:
    save(with_facts("perez", driver_name="Sergio Perez", driver_born=BORN))
    rows = list(Result.objects.values())
    other = {"driver_name": "Jo Bloggs", "driver_born": date(2001, 2, 3)}
    report = save(with_facts("perez", **other))
    (problem,) = report.problems
    was = "the key perez was Sergio Perez, born 1985-01-07"
    assert problem.message == f"refused, {was} and is now Jo Bloggs, born 2001-02-03"
    assert "Merge or split" in report.problems[0].advice
    assert list(Result.objects.values()) == rows
    assert not Driver.objects.filter(name="Jo Bloggs").exists()


@pytest.mark.usefixtures("calendar_saved")
def test_a_corrected_name_or_a_corrected_date_of_birth_is_the_same_person() -> None:
    save(with_facts("albon", driver_name="Alexander Albon", driver_born=BORN))
    save(with_facts("albon", driver_name="Alex Albon", driver_born=BORN), days=1)
    save(with_facts("albon", driver_name="Alex Albon", driver_born=BORN + DAY), days=2)
    driver = Driver.objects.get(key="albon")
    assert (driver.name, driver.born) == ("Alex Albon", BORN + DAY)


@pytest.mark.usefixtures("calendar_saved")
def test_two_drivers_under_one_key_in_one_answer_are_refused() -> None:
    doubled = [
        replace(one, driver_id="perez") if one.driver_id == "sargeant" else one for one in entries()
    ]
    report = save(doubled)
    assert "the key perez is Perez and Sargeant at once" in report.problems[0].message
    assert not Result.objects.exists()
    assert not Driver.objects.exists()


@pytest.mark.usefixtures("calendar_saved")
def test_one_driver_under_two_keys_in_one_answer_is_refused() -> None:
    save(with_facts("perez", driver_name="Sergio Perez", driver_born=BORN))
    twice = [
        replace(one, driver_id="checo", driver_name="Sergio Perez", driver_born=BORN)
        if one.driver_id == "sargeant"
        else replace(one, driver_name="Sergio Perez", driver_born=BORN)
        if one.driver_id == "perez"
        else one
        for one in entries()
    ]
    report = save(twice)
    assert "Sergio Perez is listed under two keys, perez and checo" in report.problems[0].message
    assert race().results_revision == 1


@pytest.mark.usefixtures("calendar_saved")
def test_a_refused_classification_leaves_no_driver() -> None:
    save([replace(one, driver_id=f"{one.driver_id}_x") for one in entries()[:7]])
    assert not Driver.objects.exists()


@pytest.mark.usefixtures("calendar_saved")
def test_a_key_and_a_name_that_are_corrected_at_once_are_the_same_driver() -> None:
    """By the date of birth and the car, where one name is a part of the other."""
    born = {"driver_born": BORN}
    save(with_facts("norris", driver_name="Andrea Kimi Antonelli", **born))
    renamed = {"driver_id": "antonelli", "driver_name": "Kimi Antonelli", **born}
    report = save(with_facts("norris", **renamed), days=1)
    assert report.results == {"updated": 1}
    assert race().results_revision == 1
    assert Driver.objects.get(key="norris").name == "Kimi Antonelli"


@pytest.mark.usefixtures("calendar_saved")
@pytest.mark.parametrize(
    "other",
    [
        {"driver_born": BORN + DAY},
        {"driver_number": 98},
        {"driver_name": "Andrea Antonio Kimi"},
        {"driver_code": "AAA"},
    ],
    ids=["birth", "car", "name", "letters"],
)
def test_a_key_and_a_name_corrected_at_once_are_anothers_where_one_fact_more_differs(
    other: dict[str, Any],
) -> None:
    born = {"driver_born": BORN}
    save(with_facts("norris", driver_name="Andrea Kimi Antonelli", **born))
    renamed = {"driver_id": "antonelli", "driver_name": "Kimi Antonelli", **born, **other}
    save(with_facts("norris", **renamed), days=1)
    assert Driver.objects.filter(key="antonelli").exists()


@pytest.mark.usefixtures("calendar_saved")
def test_two_who_have_each_others_key_in_one_answer_are_refused() -> None:
    """Brothers, without a date of birth."""
    brothers = {"norris": "Ralf Schumacher", "piastri": "Michael Schumacher"}
    named = [
        replace(one, driver_name=brothers.get(one.driver_id, one.driver_name)) for one in entries()
    ]
    save(named)
    swapped = {"norris": "piastri", "piastri": "norris"}
    report = save(
        [replace(one, driver_id=swapped.get(one.driver_id, one.driver_id)) for one in named], days=1
    )
    [problem] = report.problems
    assert "norris was Ralf Schumacher, of unknown birth and is now Michael" in problem.message
    assert race().results_revision == 1


@pytest.mark.usefixtures("calendar_saved")
def test_a_refused_classification_leaves_no_key_of_a_known_driver() -> None:
    """Although another of the same answer has him, and is accepted."""
    save(entries())
    stray = [
        replace(one, driver_id="lewis") if one.driver_id == "hamilton" else one for one in entries()
    ]
    half = classification(results=stray[:5], generated_at=AFTER + DAY)
    whole = classification(SessionType.QUALIFYING, results=timed_entries())
    report = save_classifications([half, whole], context(AFTER + DAY))
    assert (report.results, report.notes) == ({"created": 1}, [])
    assert not DriverKey.objects.filter(key="lewis").exists()


# A person


@pytest.mark.usefixtures("calendar_saved")
def test_a_merge_moves_results_and_keys_and_is_undone(author: Author) -> None:
    merged: list[tuple[Driver, Driver]] = []

    def hear(driver: Driver, into: Driver, **_: object) -> None:
        merged.append((driver, into))

    save(entries())
    stray = with_facts("hamilton", driver_id="l_hamilton", driver_name="L. H.")
    save(stray)
    assert podium(race())[0] == "l_hamilton"
    revision = race().results_revision
    gone, kept = Driver.objects.get(key="l_hamilton"), Driver.objects.get(key="hamilton")
    signal: Signal = signals.driver_merged
    signal.connect(hear)
    try:
        change = merge_drivers(gone, kept, author)
    finally:
        signal.disconnect(hear)

    assert merged == [(gone, kept)]
    assert podium(race())[0] == "hamilton"
    assert race().results_revision == revision
    told = Change.objects.latest("pk")
    assert (told.kind, told.reason, told.person) == ("details", author.reason, author.person)
    assert told.after["details"][0]["before"] == "l_hamilton"
    # The source goes on with its key.
    assert save(stray, days=1).results == {"unchanged": 1}

    unmerged: Signal = signals.driver_unmerged
    unmerged.connect(hear)
    try:
        undo_change(change, author)
    finally:
        unmerged.disconnect(hear)
    assert merged[1:] == [(gone, kept)]
    assert podium(race())[0] == "l_hamilton"
    assert Driver.objects.get(key="l_hamilton").merged_into is None
    assert save(stray, days=2).results == {"unchanged": 1}
    with pytest.raises(WrongRequest, match="undone already"):
        undo_change(change, author)


@pytest.mark.usefixtures("calendar_saved")
def test_a_merge_moves_entrants_and_is_undone(author: Author) -> None:
    save(entries())
    stray = with_facts("hamilton", driver_id="l_hamilton", driver_name="L. H.")
    save(stray, days=1)
    gone, kept = Driver.objects.get(key="l_hamilton"), Driver.objects.get(key="hamilton")
    facts = {"season": 2024, "driver_name": "L. H.", "source": "jolpica"}
    facts |= {"created_at": AFTER, "updated_at": AFTER}
    Entrant.objects.create(grand_prix="belgian-grand-prix", driver=gone, **facts)
    # Both of them are known here, and stay two rows of one driver.
    both = [Entrant(grand_prix="dutch-grand-prix", driver=one, **facts) for one in (gone, kept)]
    Entrant.objects.bulk_create(both)

    def drivers() -> list[str]:
        return list(Entrant.objects.order_by("pk").values_list("driver", flat=True))

    change = merge_drivers(gone, kept, author)
    assert drivers() == ["hamilton", "l_hamilton", "hamilton"]
    undo_change(change, author)
    assert drivers() == ["l_hamilton", "l_hamilton", "hamilton"]


@pytest.mark.usefixtures("calendar_saved")
def test_revisions_and_proposals_from_before_a_merge_are_of_the_one_driver(author: Author) -> None:
    stray = with_facts("hamilton", driver_id="l_hamilton", driver_name="L. H.")
    save(stray)
    save([*entries(("russell", *DRIVERS[:4]))], days=1)
    save([*entries(("russell", *DRIVERS[:4]))], days=3)
    save(stray, days=4)
    assert race().has_open_proposal
    merge_drivers(Driver.objects.get(key="l_hamilton"), Driver.objects.get(key="hamilton"), author)
    event = race()
    accept_proposal(event, author, revision=event.results_revision)
    assert podium(race())[0] == "hamilton"
    restore_revision(race(), 1, author, revision=race().results_revision)
    assert podium(race())[0] == "hamilton"


@pytest.mark.usefixtures("calendar_saved")
def test_two_of_one_classification_are_not_merged(author: Author) -> None:
    save(entries())
    with pytest.raises(WrongRequest, match="are both in the 2024 Belgian Grand Prix"):
        merge_drivers(Driver.objects.get(key="norris"), Driver.objects.get(key="piastri"), author)


def test_a_split_holds_against_the_upstream_and_is_undone(author: Author) -> None:
    """Father and son under one key: of one season the results are the other's."""
    records: list[ClassificationRecord] = []
    for year in (2023, 2024):
        sunday = date(year, 7, 28)
        save_calendar(calendar(grand_prix(sunday=sunday), season=year), context())
        identity = race_identity(season=year, race_date=sunday)
        records.append(classification(race=identity))
        save_classifications(records[-1:], context(AFTER))
    driver = Driver.objects.get(key="norris")
    change = split_driver(driver, [2023], "Lando Norris senior", BORN, author)

    father = Driver.objects.get(key="lando-norris-senior")
    assert [result.event.season for result in father.results.all()] == [2023]
    before = all_rows()
    for record in records:
        assert save_classifications([record], context(AFTER)).results == {"unchanged": 1}
    assert all_rows() == before

    undo_change(change, author)
    assert driver.results.count() == 2
    for record in records:
        assert save_classifications([record], context(AFTER)).results == {"unchanged": 1}
    with pytest.raises(WrongRequest, match="some of the driver's seasons, and not all"):
        split_driver(driver, [2023, 2024], "Another", None, author)


@pytest.mark.usefixtures("calendar_saved")
def test_a_driver_whom_no_source_named_is_found_by_whom_he_was_merged_into(author: Author) -> None:
    """A revision by a person has a driver whom a person entered; he has no key of a source."""
    save(entries())
    typed = with_facts("hamilton", driver_id="guanyu", driver_name="Guanyu")
    correct_classification(race(), typed, author, revision=1)
    assert podium(race())[0] == "guanyu"
    restored = race().results_revision
    merge_drivers(driver("guanyu"), driver("hamilton"), author)
    correct_classification(race(), entries(("russell", *DRIVERS)), author, revision=restored)
    restore_revision(race(), restored, author, revision=race().results_revision)
    assert podium(race())[0] == "hamilton"


@pytest.mark.usefixtures("calendar_saved")
def test_a_proposal_of_a_driver_whom_no_source_named_is_found_after_a_merge(author: Author) -> None:
    """In as many queries as before."""
    typed = Driver.objects.create(key="sir-lewis", name="Sir Lewis", created_at=AFTER)
    save(entries(("russell", *DRIVERS[:4])))
    save(entries(("russell", *DRIVERS[:4])), days=2)
    save(entries(), days=3)
    proposal = race().proposal
    assert proposal is not None
    for entry in proposal.after["classification"]:
        if entry["driver_id"] == "hamilton":
            entry["driver_id"] = typed.key
    proposal.save()
    with CaptureQueriesContext(connection) as earlier:
        save(entries(), days=4)
    merge_drivers(typed, driver("hamilton"), author)
    with CaptureQueriesContext(connection) as later:
        report = save(entries(), days=5)
    assert any("waits for a person" in note.message for note in report.notes)
    assert len(later) <= len(earlier)


@pytest.mark.usefixtures("calendar_saved")
def test_corrections_from_before_a_merge_are_undone_one_after_the_other(author: Author) -> None:
    save(entries())
    save_strays(("l_ham", "L. H."), days=1)
    stray = [(one.driver_id, one.driver_number) for one in race().classification]
    reorder(race(), [stray[1], stray[0], *stray[2:]], author, revision=2)
    reorder(race(), [stray[2], stray[1], stray[0], *stray[3:]], author, revision=3)
    merge_drivers(driver("l_ham"), driver("hamilton"), author)
    found = []
    for _ in range(2):
        undo_correction(race(), author, revision=race().results_revision)
        found.append(podium(race()))
    assert found == [["piastri", "hamilton", "leclerc"], ["hamilton", "piastri", "leclerc"]]
    assert not race().results_locked


@pytest.mark.usefixtures("calendar_saved")
def test_a_driver_whose_own_key_a_source_has_for_another_is_not_taken_for_that_one(
    author: Author,
) -> None:
    """Pietro Fittipaldi, whom a person entered, and Christian, whose key is the surname."""
    pietro = Driver.objects.create(
        key="fittipaldi", name="Pietro Fittipaldi", born=date(1996, 6, 25), created_at=AFTER
    )
    christian = {"driver_id": "fittipaldi", "driver_name": "Christian Fittipaldi"}
    save(with_facts("norris", **christian, driver_born=date(1971, 1, 18)))
    assert race().results.get(driver_name="Christian Fittipaldi").driver_id == "fittipaldi_2"
    typed = with_facts("hamilton", driver_id=pietro.key, driver_name=pietro.name)
    typed = [
        replace(one, driver_id="fittipaldi_2", driver_name="Christian Fittipaldi")
        if one.driver_id == "norris"
        else one
        for one in typed
    ]
    correct_classification(race(), typed, author, revision=1)
    assert podium(race())[0] == "fittipaldi"
    assert race().results.get(driver_name="Christian Fittipaldi").driver_id == "fittipaldi_2"


def save_strays(*strays: tuple[str, str], days: int = 0) -> SaveReport:
    """The field with these under another key and name; they are in no classification with it."""
    results = entries()
    for (key, name), driver in zip(strays, ("hamilton", "norris", "piastri"), strict=False):
        results = [
            replace(one, driver_id=key, driver_name=name) if one.driver_id == driver else one
            for one in results
        ]
    return save(results, days=days)


def driver(key: str) -> Driver:
    return Driver.objects.get(key=key)


@pytest.mark.usefixtures("calendar_saved")
def test_who_was_merged_into_a_merged_driver_is_the_last_one_until_that_is_undone(
    author: Author,
) -> None:
    save_strays(("l_h", "L. H."))
    save_strays(("l_ham", "Sir L."), days=1)
    save(entries(), days=2)
    first = merge_drivers(driver("l_h"), driver("l_ham"), author)
    second = merge_drivers(driver("l_ham"), driver("hamilton"), author)
    assert driver("l_h").merged_into == driver("l_ham").merged_into == driver("hamilton")
    facts = {"season": 2024, "driver_name": "Hamilton", "source": "jolpica", "created_at": AFTER}
    slug = race().grand_prix
    Entrant.objects.create(grand_prix=slug, driver_id="hamilton", updated_at=AFTER, **facts)
    assert race().is_entrant(driver("l_h"))

    with pytest.raises(WrongRequest, match=r"Sir L. \(l_ham\) and Hamilton .* undo that first"):
        undo_change(first, author)
    undo_change(second, author)
    assert driver("l_h").merged_into == driver("l_ham")
    # A person said whose key it is, and that stays so.
    assert save_strays(("l_h", "L. H."), days=3).problems == []
    assert podium(race())[0] == "l_ham"
    undo_change(first, author)
    assert driver("l_h").merged_into is None


@pytest.mark.usefixtures("calendar_saved")
def test_what_came_under_a_merged_key_goes_back_with_it(author: Author) -> None:
    save(entries())
    save_strays(("l_ham", "L. H."), days=1)
    change = merge_drivers(driver("l_ham"), driver("hamilton"), author)
    stray = [
        replace(one, driver_id="l_ham", driver_name="L. H.") if one.driver_id == "hamilton" else one
        for one in timed_entries()
    ]
    save(stray, SessionType.QUALIFYING, days=2)
    qualifying = Event.objects.get(session_type="qualifying")
    assert qualifying.classification[0].driver_id == "hamilton"
    undone = undo_change(change, author)
    assert qualifying.results.get(order=1).driver_id == "l_ham"
    assert len(undone.moved["results"]) == 2
    before = all_rows()
    assert save(stray, SessionType.QUALIFYING, days=2).results == {"unchanged": 1}
    assert all_rows() == before


def save_seasons(*years: int, number: int | None = None) -> SaveReport:
    """The same race and field in each."""
    report = SaveReport()
    for year in years:
        sunday = date(year, 7, 28)
        save_calendar(calendar(grand_prix(sunday=sunday), season=year), context())
        identity = race_identity(season=year, race_date=sunday)
        results = [
            replace(one, driver_number=number) if number and one.driver_id == "norris" else one
            for one in entries()
        ]
        record = classification(race=identity, results=results)
        report = save_classifications([record], context(AFTER))
    return report


@pytest.mark.usefixtures("calendar_saved")
def test_rows_from_before_a_merge_name_the_driver_for_sources_without_keys(author: Author) -> None:
    """OpenF1 knows drivers by our rows, which print the other's name still."""
    save(entries())
    save_strays(("l_ham", "Sir L."), days=1)
    merge_drivers(driver("hamilton"), driver("l_ham"), author)
    listed = [
        replace(one, driver_id="l_ham") if one.driver_id == "hamilton" else one
        for one in timed_entries()
    ]
    record = classification(SessionType.QUALIFYING, results=listed, source=Source.OPENF1)
    report = save_classifications([record], context(AFTER + DAY))
    assert (report.results, report.notes) == ({"created": 1}, [])


@pytest.mark.usefixtures("calendar_saved")
def test_a_driver_is_looked_up_by_each_key_that_he_had(author: Author) -> None:
    save(with_facts("hamilton", driver_born=BORN))
    save(with_facts("hamilton", driver_id="lewis_h", driver_born=BORN), days=1)
    typed = Driver.objects.create(key="sir-lewis", name="Sir", created_at=AFTER)
    merge_drivers(typed, driver("hamilton"), author)
    for key in ("hamilton", "lewis_h", "sir-lewis"):
        assert find_driver(key, race()) == driver("hamilton")


def seasons_of(key: str) -> list[int]:
    return sorted(driver(key).results.values_list("event__season", flat=True))


def test_a_part_that_is_split_again_holds_against_the_upstream(author: Author) -> None:
    save_seasons(2022, 2023, 2024)
    first = split_driver(driver("norris"), [2022, 2023], "Norris Senior", None, author)
    second = split_driver(driver("norris-senior"), [2022], "Norris Grandfather", None, author)
    found = [seasons_of(key) for key in ("norris-grandfather", "norris-senior", "norris")]
    assert found == [[2022], [2023], [2024]]
    before = all_rows()
    save_seasons(2022, 2023, 2024)
    assert all_rows() == before
    with pytest.raises(WrongRequest, match="undo that first"):
        undo_change(first, author)
    undo_change(second, author)
    undo_change(first, author)
    assert seasons_of("norris") == [2022, 2023, 2024]
    assert driver("norris-grandfather").merged_into == driver("norris")
    # And once more, after a merge in the place of an undoing.
    split_driver(driver("norris"), [2022], "Norris Elder", None, author)
    merge_drivers(driver("norris-elder"), driver("norris"), author)
    split_driver(driver("norris"), [2022], "Norris Eldest", None, author)
    before = all_rows()
    save_seasons(2022, 2023, 2024)
    assert all_rows() == before
    assert seasons_of("norris-eldest") == [2022]


def test_undoing_a_split_takes_what_came_since_along(author: Author) -> None:
    save_seasons(2023, 2024)
    change = split_driver(driver("norris"), [2024], "Norris Junior", None, author)
    # In another car: another row.
    save_seasons(2024, number=99)
    assert driver("norris-junior").results.get().driver_number == 99
    undo_change(change, author)
    assert seasons_of("norris") == [2023, 2024]
    assert not driver("norris-junior").results.exists()
    before = all_rows()
    save_seasons(2024, number=99)
    assert all_rows() == before
