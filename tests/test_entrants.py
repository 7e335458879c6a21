"""Who can be picked for a grand prix, and since when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ingestion.corrections import (
    Author,
    NewDriver,
    add_entrant,
    enter_leaders,
    list_choosable_drivers,
    possible_corrections,
    replace_entrant,
    withdraw_entrant,
)
from ingestion.errors import WrongRequest
from ingestion.models import Change, Driver, Entrant, Event, Result
from ingestion.pipeline import IngestRequest, SourceConfig, ingest
from ingestion.records import (
    EntrantRecord,
    GrandPrixRecord,
    ListedDriver,
    RaceIdentity,
    ResultRecord,
    Source,
)
from ingestion.report import SaveReport
from ingestion.sample.season import load_season, without_results
from ingestion.sample.upstream import StandInUpstream
from ingestion.save import save_calendar, save_classifications, save_entrants
from ingestion.save.entrants import Classified, choose_sessions, find_withdrawn_in_results
from ingestion.sessions import SessionType
from ingestion.story import describe_story
from tests.builders import (
    FIELD,
    calendar,
    classification,
    context,
    entries,
    grand_prix,
    race_identity,
    timed_entries,
)
from tests.persons import User

pytestmark = pytest.mark.django_db
of_season = pytest.mark.usefixtures("season")

DAY = timedelta(days=1)
LATER = datetime(2024, 12, 24, tzinfo=UTC)
YEARS_LATER = datetime(2026, 6, 1, tzinfo=UTC)
# The first three weekends of 2024, all held on Sundays here.
SUNDAYS = {
    "Bahrain Grand Prix": date(2024, 3, 3),
    "Saudi Arabian Grand Prix": date(2024, 3, 10),
    "Australian Grand Prix": date(2024, 3, 24),
}
BAHRAIN, JEDDAH, MELBOURNE = SUNDAYS
JEDDAHS_LOCK = datetime(2024, 3, 9, 14, tzinfo=UTC)
MELBOURNES_LOCK = datetime(2024, 3, 23, 14, tzinfo=UTC)
# Bearman in Sainz's car.
IN_JEDDAH = ["bearman" if driver == "sainz" else driver for driver in FIELD]


@pytest.fixture
def season(db: None) -> None:
    weekends: list[GrandPrixRecord] = [
        grand_prix(name, sunday, round_number=number, location=name, country=name)
        for number, (name, sunday) in enumerate(SUNDAYS.items(), start=1)
    ]
    start = datetime(2024, 2, 1, tzinfo=UTC)
    save_calendar(calendar(*weekends, generated_at=start), context(start))


def identity(name: str) -> RaceIdentity:
    number = list(SUNDAYS).index(name) + 1
    return race_identity(
        name=name, round_number=number, race_date=SUNDAYS[name], country=name, location=name
    )


def publish(
    name: str,
    drivers: list[str] | tuple[str, ...] = FIELD,
    session_type: SessionType = SessionType.RACE,
) -> None:
    at = datetime.combine(SUNDAYS[name], datetime.min.time(), UTC) + DAY
    field = entries(FIELD) if session_type is SessionType.RACE else timed_entries(FIELD)
    named = [
        replace(entry, driver_id=driver, driver_code=driver[:3].upper(), driver_name=driver.title())
        for entry, driver in zip(field, drivers, strict=True)
    ]
    report = save_classifications(
        [classification(session_type, race=identity(name), results=named, generated_at=at)],
        context(at),
    )
    assert not report.problems, report.problems


def save(now: datetime) -> SaveReport:
    return save_entrants(2024, context(now))


def event_of(name: str, session_type: str = "race") -> Event:
    return Event.objects.get(name=name, session_type=session_type)


def keys(name: str) -> set[str]:
    return {entrant.driver_id for entrant in event_of(name).entrants}


def kinds(name: str) -> list[tuple[str, str]]:
    changes = Change.objects.filter(event__name=name, kind__in=["entered", "withdrawn"])
    return list(changes.order_by("pk").values_list("kind", "event__session_type"))


@of_season
def test_the_last_field_can_be_picked_from_a_week_before_the_first_lock() -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 7 * DAY - timedelta(minutes=1))
    assert keys(JEDDAH) == set()
    assert not event_of(JEDDAH).is_entrant(Driver.objects.get(key="sainz"))

    save(JEDDAHS_LOCK - 7 * DAY)
    assert keys(JEDDAH) == set(FIELD)
    assert event_of(JEDDAH).is_entrant(Driver.objects.get(key="sainz"))
    assert keys(MELBOURNE) == set()
    assert kinds(JEDDAH) == [("entered", "qualifying"), ("entered", "race")]


@of_season
def test_entrants_are_listed_by_teams_with_what_they_drive() -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - DAY)
    listed = [
        (entrant.constructor_name, entrant.driver_number) for entrant in event_of(JEDDAH).entrants
    ]
    assert listed == sorted(listed)
    sainz = event_of(JEDDAH).entrants.get(driver="sainz")
    assert (sainz.driver_code, sainz.driver_name, sainz.source) == ("SAI", "Sainz", "jolpica")


@of_season
def test_the_same_facts_again_write_nothing() -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - DAY)
    before = list(Entrant.objects.order_by("pk").values())
    with CaptureQueriesContext(connection) as captured:
        report = save(JEDDAHS_LOCK - timedelta(hours=1))

    statements = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
    reads = [sql for sql in statements if sql.startswith("SELECT")]
    assert [sql for sql in statements if sql not in reads and "advisory" not in sql] == []
    assert len([sql for sql in reads if "advisory" not in sql]) == 3
    assert report == SaveReport()
    assert list(Entrant.objects.order_by("pk").values()) == before


@of_season
def test_who_is_classified_in_the_weekends_own_sessions_can_be_picked_for_the_others() -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - DAY)
    publish(JEDDAH, IN_JEDDAH, SessionType.QUALIFYING)
    report = save(JEDDAHS_LOCK + 2 * timedelta(hours=1))

    # Sainz stays: that a source does not list him takes him out of nothing.
    assert keys(JEDDAH) == {*FIELD, "bearman"}
    assert report.changes == [("saudi-arabian-grand-prix", "entered")]
    entered = Change.objects.filter(kind="entered").latest("pk")
    assert entered.event == event_of(JEDDAH)
    assert entered.created_at == JEDDAHS_LOCK + timedelta(hours=2)
    assert [one["driver_id"] for one in entered.after["entrants"]] == ["bearman"]


@of_season
def test_who_missed_one_grand_prix_can_be_picked_for_the_next() -> None:
    publish(BAHRAIN)
    publish(JEDDAH, IN_JEDDAH)
    save(MELBOURNES_LOCK - DAY)
    assert keys(MELBOURNE) == {*FIELD, "bearman"}


@of_season
def test_a_car_of_this_weekend_counts_before_that_of_the_last() -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - DAY)
    swapped = [
        "sainz" if one == "russell" else "russell" if one == "sainz" else one for one in FIELD
    ]
    publish(JEDDAH, swapped, SessionType.QUALIFYING)
    save(JEDDAHS_LOCK + timedelta(hours=2))
    sainz = event_of(JEDDAH).entrants.get(driver="sainz")
    assert sainz.constructor_id == f"team_{FIELD.index('russell') // 2}"
    assert len(kinds(JEDDAH)) == 2


@of_season
def test_before_the_first_race_the_final_field_of_last_season_can_be_picked() -> None:
    year = date(2023, 11, 26)
    weekend = grand_prix("Abu Dhabi Grand Prix", year, location="Yas Island", country="UAE")
    after = datetime(2023, 11, 27, tzinfo=UTC)
    earlier = datetime(2023, 11, 1, tzinfo=UTC)
    save_calendar(calendar(weekend, season=2023, generated_at=earlier), context(earlier))
    race = race_identity(
        season=2023, name=weekend.name, race_date=year, country="UAE", location="Yas Island"
    )
    save_classifications([classification(race=race, generated_at=after)], context(after))

    save(datetime(2024, 3, 1, tzinfo=UTC))
    assert keys(BAHRAIN) == set(FIELD)


@of_season
def test_nothing_is_entered_where_no_pick_is_open() -> None:
    publish(BAHRAIN)
    save(datetime(2025, 6, 1, tzinfo=UTC))
    assert not Entrant.objects.exists()


@of_season
def test_a_driver_who_was_merged_counts_as_the_one_he_is_now() -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - DAY)
    sainz = Driver.objects.get(key="sainz")
    other = Driver.objects.create(
        key="carlos_sainz", name="Carlos Sainz", merged_into=sainz, created_at=JEDDAHS_LOCK
    )
    stranger = Driver.objects.create(key="stranger", name="Stranger", created_at=JEDDAHS_LOCK)
    event = event_of(JEDDAH)
    assert [event.is_entrant(one) for one in (sainz, other, stranger)] == [True, True, False]


@of_season
def test_what_can_be_picked_on_is_listed_with_what_closes_first_at_the_front() -> None:
    found = Event.objects.open_for_picks(JEDDAHS_LOCK)
    assert [(event.name, event.session_type) for event in found] == [
        (JEDDAH, "race"),
        (MELBOURNE, "qualifying"),
        (MELBOURNE, "race"),
    ]
    assert Event.objects.next_lock(JEDDAHS_LOCK) == found[0].locks_at
    melbourne = Event.objects.filter(name=MELBOURNE)
    assert melbourne.next_lock(JEDDAHS_LOCK) == found[1].locks_at
    melbourne.update(status="cancelled")
    assert [event.name for event in Event.objects.open_for_picks(JEDDAHS_LOCK)] == [JEDDAH]
    assert melbourne.next_lock(JEDDAHS_LOCK) is None


# What a person does


@pytest.fixture
def anna(db: None) -> Author:
    person = User.objects.create_user("anna")
    return Author(person, "the team says so", JEDDAHS_LOCK - DAY)


BEARMAN = NewDriver("bearman", "Oliver Bearman", 38, "BEA")


def described(name: str, session_type: str = "race") -> list[str]:
    changes = Change.objects.filter(event=event_of(name, session_type)).for_story().order_by("pk")
    return [
        f"{line.sentence} by {line.author}"
        for change, line in zip(changes, describe_story(changes), strict=True)
        if change.kind in ("entered", "withdrawn") and change.cause == "correction"
    ]


@of_season
def test_a_person_replaces_a_driver_and_no_source_undoes_it(anna: Author) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    replace_entrant(event_of(JEDDAH), "sainz", BEARMAN, anna)

    expected = {*FIELD, "bearman"} - {"sainz"}
    assert keys(JEDDAH) == expected
    bearman, sainz = Entrant.objects.get(driver="bearman"), Entrant.objects.get(driver="sainz")
    assert (bearman.driver_name, bearman.driver_number) == ("Oliver Bearman", 38)
    assert bearman.constructor_name == sainz.constructor_name
    assert (sainz.person_name, sainz.reason) == ("anna", "the team says so")
    assert kinds(JEDDAH)[2:] == [
        *(("withdrawn", "qualifying"), ("withdrawn", "race")),
        *(("entered", "qualifying"), ("entered", "race")),
    ]
    team, by = sainz.constructor_name, 'by anna: "the team says so"'
    assert described(JEDDAH) == [
        f"Does not start, and cannot be picked any more: Sainz (car 15, {team}) {by}",
        f"Can be picked: Oliver Bearman (car 38, {team}) {by}",
    ]
    before = list(Entrant.objects.order_by("pk").values())
    publish(JEDDAH, FIELD, SessionType.QUALIFYING)
    assert save(JEDDAHS_LOCK + timedelta(hours=2)) == SaveReport()
    assert keys(JEDDAH) == expected
    assert list(Entrant.objects.order_by("pk").values()) == before


@of_season
def test_what_a_person_left_open_of_a_newcomer_follows_the_sources(anna: Author) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    add_entrant(event_of(JEDDAH), NewDriver("bearman", "Bearman"), anna)
    publish(JEDDAH, IN_JEDDAH, SessionType.QUALIFYING)
    save(JEDDAHS_LOCK + timedelta(hours=2))

    bearman = event_of(JEDDAH).entrants.get(driver="bearman")
    assert (bearman.driver_number, bearman.constructor_id) == (15, "team_2")
    assert (bearman.is_locked, bearman.person_name) == (True, "anna")
    assert Driver.objects.filter(name="Bearman").count() == 1


@of_season
def test_who_was_withdrawn_can_be_entered_again(
    anna: Author, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    withdraw_entrant(event_of(JEDDAH), "sainz", anna)
    assert not event_of(JEDDAH).is_entrant(Driver.objects.get(key="sainz"))
    add_entrant(event_of(JEDDAH), NewDriver("sainz"), anna)
    assert keys(JEDDAH) == set(FIELD)
    call_command("f1_explain", "2024", JEDDAH, "race", "--driver", "sainz")
    explained = " ".join(capsys.readouterr().out.split())
    # The withdrawal and the entry, each with its reason once.
    assert explained.count('by anna: "the team says so"') == 2
    assert explained.count("the team says so") == 2


@of_season
@pytest.mark.parametrize(
    ("act", "refusal"),
    [
        (lambda event, anna: add_entrant(event, NewDriver("sainz"), anna), "can be picked already"),
        (lambda event, anna: add_entrant(event, NewDriver("doohan"), anna), "newcomer's name"),
        (lambda event, anna: add_entrant(event, NewDriver("a b", "A"), anna), "its key may"),
        (lambda event, anna: add_entrant(event, NewDriver("a", "A" * 121), anna), "more than 120"),
        (lambda event, anna: withdraw_entrant(event, "doohan", anna), "no entrant"),
        (lambda event, anna: replace_entrant(event, "sainz", NewDriver("norris"), anna), "already"),
        (lambda event, anna: withdraw_entrant(event, "sainz", replace(anna, reason=" ")), "reason"),
        (
            lambda event, anna: withdraw_entrant(event, "sainz", replace(anna, now=LATER)),
            "until its last",
        ),
        (
            lambda event, anna: withdraw_entrant(event, "sainz", replace(anna, seen=0)),
            "something arrived",
        ),
    ],
)
def test_what_cannot_be_corrected_is_refused_with_nothing_written(
    act: Callable[[Event, Author], None], refusal: str, anna: Author
) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    before = list(Entrant.objects.order_by("pk").values()), Change.objects.count()
    drivers = Driver.objects.count()
    with pytest.raises(WrongRequest, match=refusal):
        act(event_of(JEDDAH), anna)
    assert (list(Entrant.objects.order_by("pk").values()), Change.objects.count()) == before
    assert Driver.objects.count() == drivers


@of_season
def test_two_entrants_who_were_merged_are_one(anna: Author) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    add_entrant(event_of(JEDDAH), NewDriver("carlos_sainz", "Carlos Sainz"), anna)
    Driver.objects.filter(key="carlos_sainz").update(merged_into="sainz")
    assert keys(JEDDAH) == set(FIELD)
    assert save(JEDDAHS_LOCK - DAY) == SaveReport()


@of_season
def test_entrants_are_corrected_for_as_long_as_they_are_known(anna: Author) -> None:
    """Of a race whose own lock is more than a week ahead, and of a weekend that is put off."""
    publish(BAHRAIN)
    early = replace(anna, now=JEDDAHS_LOCK - 7 * DAY)
    assert "replace-driver" not in possible_corrections(event_of(JEDDAH), early.now)
    save(early.now)
    race = event_of(JEDDAH)
    assert race.locks_at is not None
    assert race.locks_at > early.now + 7 * DAY
    assert "replace-driver" in possible_corrections(race, early.now)
    replace_entrant(race, "sainz", BEARMAN, early)

    Event.objects.filter(name=JEDDAH).update(locks_at=JEDDAHS_LOCK + 30 * DAY)
    assert "withdraw-driver" in possible_corrections(event_of(JEDDAH), early.now)
    withdraw_entrant(event_of(JEDDAH), "bearman", early)
    assert keys(JEDDAH) == set(FIELD) - {"sainz"}


@of_season
def test_a_withdrawn_driver_who_is_classified_is_a_note(anna: Author) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - DAY)
    withdraw_entrant(event_of(JEDDAH), "sainz", anna)
    slugs = {event_of(JEDDAH).grand_prix}
    assert find_withdrawn_in_results(2024, slugs) == []
    publish(JEDDAH, session_type=SessionType.QUALIFYING)
    [note] = find_withdrawn_in_results(2024, slugs)
    assert str(note) == (
        "2024 saudi-arabian-grand-prix qualifying: Sainz is classified, and anna withdrew him: he "
        "could not be picked"
    )


# Through the pipeline, with the facts of 2024


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("fastf1_restored")
def test_a_run_of_the_current_season_keeps_its_entrants(tmp_path: Path) -> None:
    """Bearman drove for Ferrari in Jeddah, and is known from qualifying on."""
    season = load_season(2024)
    bahrain = season.grands_prix[0].id
    before = replace(
        without_results(season),
        races={bahrain: season.races[bahrain]},
        qualifyings={bahrain: season.qualifyings[bahrain]},
    )
    jeddah = season.grands_prix[1].id
    after = replace(before, qualifyings={key: season.qualifyings[key] for key in (bahrain, jeddah)})

    def ignore_step(step: str, *, done: int, total: int) -> None:
        pass

    def run(now: datetime) -> set[str]:
        upstream.clock = lambda: now
        ingest(IngestRequest((2024,), addresses), clock=lambda: now, show_step=ignore_step)
        return keys(JEDDAH)

    with StandInUpstream({2024: before}) as upstream:
        addresses = SourceConfig(tmp_path, upstream.schedule_url, upstream.jolpica_url)
        known = run(datetime(2024, 3, 7, 12, tzinfo=UTC))
        assert len(known) == 20
        upstream.seasons[2024] = after
        assert run(datetime(2024, 3, 9, 6, tzinfo=UTC)) - known == {"bearman"}
    bearman = Entrant.objects.get(driver="bearman")
    assert (bearman.driver_number, bearman.constructor_id) == (38, "ferrari")
    # The race's picks were open, those on qualifying closed; Melbourne is a fortnight ahead.
    assert kinds(JEDDAH) == [("entered", "qualifying"), ("entered", "race"), ("entered", "race")]
    assert set(Entrant.objects.values_list("grand_prix", flat=True)) == {bearman.grand_prix}


def ingest_2024(folder: Path) -> None:
    """The whole season, as it is known after its end."""

    def ignore_step(step: str, *, done: int, total: int) -> None:
        pass

    with StandInUpstream({2024: load_season(2024)}, clock=lambda: YEARS_LATER) as upstream:
        addresses = SourceConfig(folder, upstream.schedule_url, upstream.jolpica_url)
        ingest(IngestRequest((2024,), addresses), clock=lambda: YEARS_LATER, show_step=ignore_step)


# A day before each lock, of those who were classified.
COMING_IN = {
    "Saudi Arabian Grand Prix qualifying": ["bearman"],
    "Saudi Arabian Grand Prix race": ["bearman"],
    "Italian Grand Prix qualifying": ["colapinto"],
    "Italian Grand Prix race": ["colapinto"],
    "Azerbaijan Grand Prix qualifying": ["bearman"],
    "Azerbaijan Grand Prix race": ["bearman"],
    "United States Grand Prix sprint_qualifying": ["lawson"],
    "United States Grand Prix sprint": ["lawson"],
    "United States Grand Prix qualifying": ["lawson"],
    "São Paulo Grand Prix sprint_qualifying": ["bearman"],
    "São Paulo Grand Prix sprint": ["bearman"],
    "Abu Dhabi Grand Prix qualifying": ["doohan"],
    "Abu Dhabi Grand Prix race": ["doohan"],
}


def find_missing(event: Event, now: datetime) -> list[str]:
    """Who is classified in the session, and could not be picked for it at that time."""
    over = Event.objects.filter(season=2024, ends_at__lte=now).order_by("starts_at")
    classified = [Classified(one.pk, 2024, one.grand_prix, "jolpica") for one in over]
    chosen = choose_sessions(2024, event.grand_prix, classified)
    known = Result.objects.filter(event__in=[one.event_id for one in chosen]).values("driver")
    return list(event.results.exclude(driver__in=known).values_list("driver_id", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("fastf1_restored")
def test_a_day_before_the_lock_every_later_podium_and_pole_of_2024_can_be_picked(
    tmp_path: Path,
) -> None:
    """Bahrain aside, whose entrants are the field of 2023. Behind the podium those are missing who
    come in for others, until the weekend's first classification or a person names them."""
    ingest_2024(tmp_path)
    missing: dict[str, list[str]] = {}
    for event in Event.objects.for_season(2024).exclude(grand_prix="bahrain-grand-prix"):
        assert event.locks_at is not None
        late = find_missing(event, event.locks_at - DAY)
        leaders = event.podium if event.is_race else event.classification[:1]
        assert not {leader.driver_id for leader in leaders} & set(late), event
        if late:
            missing[f"{event.name} {event.session_type}"] = late
    assert missing == COMING_IN


@of_season
def test_who_is_listed_is_entered_and_never_taken_out() -> None:
    publish(BAHRAIN)
    now = JEDDAHS_LOCK - DAY
    save(now)
    before = keys(JEDDAH)
    Driver.objects.create(key="bearman", name="Oliver Bearman", code="BEA", created_at=now)
    slug = event_of(JEDDAH).grand_prix
    record = EntrantRecord(
        slug, Source.OPENF1, "bearman", 38, "BEA", "Oliver Bearman", "ferrari", "Ferrari"
    )
    save_entrants(2024, context(now), [record])
    assert keys(JEDDAH) == before | {"bearman"}
    assert kinds(JEDDAH)[-1][0] == "entered"
    entered = len(kinds(JEDDAH))
    # With the next run's lists, and without them.
    save_entrants(2024, context(now + DAY / 24), [record])
    save(now + DAY / 12)
    assert keys(JEDDAH) == before | {"bearman"}
    assert len(kinds(JEDDAH)) == entered
    # Whom a person took out stays out.
    entrant = event_of(JEDDAH).entrants.get(driver="bearman")
    Entrant.objects.filter(pk=entrant.pk).update(is_withdrawn=True, is_locked=True)
    save_entrants(2024, context(now + DAY / 8), [record])
    assert keys(JEDDAH) == before


def list_newcomer(now: datetime, name: str, number: int, code: str) -> SaveReport:
    """Whom the second source lists in Jeddah's qualifying, and no classification of the season."""
    slug = event_of(JEDDAH).grand_prix
    record = EntrantRecord(slug, Source.OPENF1, "", number, code, name, "ferrari", "Ferrari")
    return save_entrants(2024, context(now), [record])


def in_place_of_sainz(**facts: Any) -> list[ResultRecord]:
    return [
        replace(entry, **facts) if driver == "sainz" else entry
        for entry, driver in zip(entries(FIELD), FIELD, strict=True)
    ]


def publish_newcomer(name: str, key: str, number: int, code: str) -> None:
    """In Jolpica's classification of Jeddah's race, in Sainz's place."""
    at = datetime.combine(SUNDAYS[JEDDAH], datetime.min.time(), UTC) + DAY
    results = in_place_of_sainz(
        driver_id=key,
        driver_name=name,
        driver_number=number,
        driver_code=code,
        driver_born=date(2005, 5, 8),
    )
    report = save_classifications(
        [classification(SessionType.RACE, race=identity(JEDDAH), results=results, generated_at=at)],
        context(at),
    )
    assert not report.problems, report.problems


@of_season
@pytest.mark.parametrize(
    ("listed", "published", "key"),
    [
        ("Oliver Bearman", "Oliver Bearman", "bearman"),
        # Jolpica's key is another than the surname, and the name has a word more.
        ("Kimi Antonelli", "Andrea Kimi Antonelli", "andrea_antonelli"),
        # By the surname alone both have the same key.
        ("Ollie Bearman", "Oliver Bearman", "bearman"),
    ],
)
def test_a_newcomer_whom_the_second_source_lists_stays_one_driver(
    listed: str, published: str, key: str
) -> None:
    publish(BAHRAIN)
    now, code = JEDDAHS_LOCK - DAY, listed.rsplit(maxsplit=1)[-1][:3].upper()
    save(now)
    before = keys(JEDDAH)
    for hours in (0, 1):
        assert list_newcomer(now + hours * DAY / 24, listed, 38, code).notes == []
    [newcomer] = keys(JEDDAH) - before
    assert newcomer == listed.lower().replace(" ", "-")
    driver = Driver.objects.get(key=newcomer)
    assert (driver.name, driver.code) == (listed, code)
    assert kinds(JEDDAH)[-1][0] == "entered"
    drivers = Driver.objects.count()
    publish_newcomer(published, key, 38, code)
    assert Driver.objects.count() == drivers
    driver.refresh_from_db()
    assert driver.name == published
    assert {(one.source, one.key, one.season) for one in driver.keys.all()} == {
        ("openf1", f"38-{code}", 2024),
        ("jolpica", key, None),
    }
    assert Result.objects.filter(driver=driver).count() == 1


@of_season
def test_the_second_source_gives_nobody_a_key_and_a_father_stays_another() -> None:
    """Jos Verstappen has the key 'verstappen' at Jolpica; a son listed first has another."""
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - DAY)
    list_newcomer(JEDDAHS_LOCK - DAY, "Jason Verstappen", 38, "VER")
    publish_newcomer("Jason Verstappen", "jason_verstappen", 38, "VER")
    son = Driver.objects.get(name="Jason Verstappen")
    before = set(son.keys.values_list("source", "key"))
    at = datetime.combine(SUNDAYS[JEDDAH], datetime.min.time(), UTC) + DAY
    named = in_place_of_sainz(
        driver_id=son.key, driver_name=son.name, driver_number=38, driver_code="VER"
    )
    qualifying = classification(
        SessionType.QUALIFYING,
        race=identity(JEDDAH),
        results=named,
        source=Source.OPENF1,
        generated_at=at,
    )
    assert save_classifications([qualifying], context(at)).problems == []
    assert Result.objects.filter(driver=son).count() == 2
    assert set(son.keys.values_list("source", "key")) == before

    sunday = date(1994, 7, 31)
    save_calendar(calendar(grand_prix(sunday=sunday), season=1994), context())
    father = in_place_of_sainz(
        driver_id="verstappen", driver_name="Jos Verstappen", driver_born=date(1972, 3, 4)
    )
    record = classification(race=race_identity(season=1994, race_date=sunday), results=father)
    assert save_classifications([record], context(at)).problems == []
    assert Driver.objects.get(name="Jos Verstappen").key == "verstappen"
    assert Result.objects.filter(driver=son, event__season=1994).count() == 0


@of_season
def test_a_newcomer_who_drove_in_earlier_seasons_is_who_he_was() -> None:
    publish(BAHRAIN)
    Driver.objects.create(key="bearman", name="Oliver Bearman", code="BEA", created_at=LATER)
    list_newcomer(JEDDAHS_LOCK - DAY, "Oliver BEARMAN", 38, "BEA")
    assert "bearman" in keys(JEDDAH)
    assert Driver.objects.filter(name__iexact="oliver bearman").count() == 1


@of_season
@pytest.mark.parametrize("other", [{"code": "OLI"}, {"code": ""}], ids=["letters", "two of them"])
def test_a_newcomer_who_may_be_somebody_else_is_left_out_with_a_note(other: dict[str, str]) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - DAY)
    before = keys(JEDDAH)
    named = ["bearman", "old_bearman"][: 1 + (not other["code"])]
    for key in named:
        Driver.objects.create(key=key, name="Oliver Bearman", created_at=LATER, **other)
    report = list_newcomer(JEDDAHS_LOCK - DAY, "Oliver Bearman", 38, "BEA")
    assert keys(JEDDAH) == before
    [note] = map(str, report.notes)
    assert "Oliver Bearman in car 38, who may be Oliver Bearman (bearman)" in note


@of_season
def test_another_driver_of_that_number_is_no_newcomer() -> None:
    """With another name: two persons, whatever the car."""
    publish(BAHRAIN)
    list_newcomer(JEDDAHS_LOCK - DAY, "Oliver Bearman", 38, "BEA")
    drivers = Driver.objects.count()
    publish_newcomer("Robert Shwartzman", "shwartzman", 38, "SHW")
    assert Driver.objects.count() == drivers + 1


def enter_de_vries(number: int | None, author: Author) -> None:
    """By a person, in Sainz's place."""
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    newcomer = NewDriver(name="Nyck de Vries", number=number)
    replace_entrant(event_of(JEDDAH), "sainz", newcomer, author)


@of_season
@pytest.mark.parametrize("number", [None, 45], ids=["without a number", "with it"])
def test_a_newcomer_whom_a_person_named_is_the_one_whom_the_upstream_classifies(
    number: int | None, anna: Author
) -> None:
    """By the name as it was typed, whatever key the upstream gives and whoever has the surname."""
    enter_de_vries(number, anna)
    [key] = keys(JEDDAH) - set(FIELD)
    drivers = Driver.objects.count()
    publish_newcomer("Nyck de Vries", "de_vries", 45, "DEV")
    assert Driver.objects.count() == drivers
    assert Result.objects.get(driver_code="DEV").driver_id == key


@of_season
@pytest.mark.parametrize("number", [None, 45], ids=["without a number", "with it"])
def test_a_newcomer_whom_a_person_named_is_the_one_on_the_list_of_the_round(
    number: int | None, anna: Author
) -> None:
    enter_de_vries(number, anna)
    before = keys(JEDDAH)
    slug, born = event_of(JEDDAH).grand_prix, date(1995, 2, 6)
    listed = [ListedDriver(slug, "de_vries", "DEV", "Nyck de Vries", born)]
    save_entrants(2024, context(JEDDAHS_LOCK - DAY), drivers=listed)
    assert keys(JEDDAH) == before
    assert Driver.objects.get(name="Nyck de Vries").born == born


@of_season
def test_who_is_put_back_keeps_the_car_that_only_a_list_said(anna: Author) -> None:
    publish(BAHRAIN)
    list_newcomer(JEDDAHS_LOCK - DAY, "Oliver Bearman", 38, "BEA")
    withdraw_entrant(event_of(JEDDAH), "oliver-bearman", anna)
    add_entrant(event_of(JEDDAH), NewDriver("oliver-bearman"), anna)
    bearman = event_of(JEDDAH).entrants.get(driver="oliver-bearman")
    facts = (bearman.driver_number, bearman.constructor_name, bearman.driver_code)
    assert facts == (38, "Ferrari", "BEA")
    withdraw_entrant(event_of(JEDDAH), "oliver-bearman", anna)
    replace_entrant(event_of(JEDDAH), "norris", NewDriver("oliver-bearman"), anna)
    bearman.refresh_from_db()
    facts = (bearman.driver_number, bearman.constructor_name, bearman.driver_code)
    assert facts == (38, "Team 1", "BEA")


@of_season
def test_a_debutant_can_be_entered_on_the_podium_by_hand(anna: Author) -> None:
    """Nothing has classified him yet."""
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    replace_entrant(event_of(JEDDAH), "sainz", BEARMAN, anna)
    race = event_of(JEDDAH)
    after = replace(anna, now=JEDDAHS_LOCK + 2 * DAY)
    enter_leaders(race, ["norris", "bearman", "perez"], after, revision=0)
    second = event_of(JEDDAH).podium[1]
    assert (second.driver_id, second.driver_number) == ("bearman", 38)
    assert second.constructor_name == f"Team {FIELD.index('sainz') // 2}"
    # And for the next grand prix he is one of those to choose from.
    save(MELBOURNES_LOCK - DAY)
    assert "bearman" in list_choosable_drivers(2024)


@of_season
@pytest.mark.parametrize("number", [None, 51], ids=["without a number", "with it"])
def test_a_newcomers_brother_under_the_surname_is_another_driver(
    number: int | None, anna: Author
) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    pietro = NewDriver(name="Pietro Fittipaldi", number=number)
    replace_entrant(event_of(JEDDAH), "sainz", pietro, anna)
    publish_newcomer("Enzo Fittipaldi", "fittipaldi", 45, "FIT")
    assert Result.objects.get(driver_code="FIT").driver.name == "Enzo Fittipaldi"
    assert Driver.objects.get(key="pietro-fittipaldi").name == "Pietro Fittipaldi"


@of_season
@pytest.mark.parametrize(("number", "are_one"), [(None, True), (12, True), (13, False)])
def test_a_newcomer_whom_a_person_named_in_part_is_the_one_whom_the_second_source_lists(
    number: int | None, are_one: bool, anna: Author
) -> None:
    publish(BAHRAIN)
    save(JEDDAHS_LOCK - 2 * DAY)
    kimi = NewDriver(name="Kimi Antonelli", number=number)
    replace_entrant(event_of(JEDDAH), "sainz", kimi, anna)
    before = keys(JEDDAH)
    for hours in (0, 1):
        list_newcomer(JEDDAHS_LOCK - DAY + hours * DAY / 24, "Andrea Kimi ANTONELLI", 12, "ANT")
    assert (keys(JEDDAH) == before) is are_one
    # With what the person left open.
    entrant = event_of(JEDDAH).entrants.get(driver="kimi-antonelli")
    assert entrant.driver_code == ("ANT" if are_one else "")
    assert entrant.driver_number == (number or 12)
