"""Which stored grand prix a calendar's or an answer's is: never by its round number."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingestion.errors import BadSourceData
from ingestion.matching import (
    StoredGrandPrix,
    as_known,
    find_listed,
    gather_grands_prix,
    is_race_of,
    match_calendar,
    match_race,
)
from ingestion.names import fold, fold_name
from ingestion.records import GrandPrixRecord, RaceIdentity, StoredEvent
from ingestion.sessions import SessionType

SUNDAY = date(2024, 7, 28)


def known(name: str, *days: date, country: str = "", location: str = "") -> StoredGrandPrix:
    return StoredGrandPrix(fold(name), name, country, location, days, is_cancelled=False)


BELGIUM = known("Belgian Grand Prix", SUNDAY, country="Belgium", location="Spa-Francorchamps")
SAO_PAULO = known("São Paulo Grand Prix", date(2024, 11, 3), country="Brazil", location="São Paulo")
LAS_VEGAS = known(
    "Las Vegas Grand Prix", date(2024, 11, 24), country="United States", location="Las Vegas"
)
UNKNOWN_DAY = known("Dutch Grand Prix")
STORED = [BELGIUM, SAO_PAULO, LAS_VEGAS, UNKNOWN_DAY]


def listed(name: str, day: date = SUNDAY, **changes: Any) -> GrandPrixRecord:
    return replace(
        GrandPrixRecord(
            season=2024,
            round_number=99,
            name=name,
            official_name="",
            country="",
            location="",
            race_date=day,
            sessions=(),
        ),
        **changes,
    )


def told(name: str, day: date, country: str = "", location: str = "") -> RaceIdentity:
    return RaceIdentity(2024, 99, name, day, country, location)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("São Paulo Grand Prix", "sao-paulo-grand-prix"),
        ("  Grand  Prix of Europe!", "grand-prix-of-europe"),
        ("70th Anniversary Grand Prix", "70th-anniversary-grand-prix"),
        ("Nürburgring's GP", "nurburgring-s-gp"),
        ("日本", ""),
    ],
)
def test_names_as_slugs(name: str, slug: str) -> None:
    assert fold(name) == slug


# A calendar's


def test_a_new_grand_prix_gets_a_slug_of_its_own() -> None:
    assert match_calendar([listed("Mexico City Grand Prix")], []) == {
        "Mexico City Grand Prix": "mexico-city-grand-prix"
    }


@pytest.mark.parametrize("day", [SUNDAY, date(2024, 9, 1)])
def test_the_name_decides_whatever_the_day_and_the_place(day: date) -> None:
    moved = listed("Belgian Grand Prix", day, country="France", location="Le Castellet")
    assert match_calendar([moved], STORED) == {"Belgian Grand Prix": "belgian-grand-prix"}


@pytest.mark.parametrize("name", ["Sao Paulo Grand Prix", "SÃO PAULO GRAND PRIX"])
def test_spelling_does_not_matter(name: str) -> None:
    assert match_calendar([listed(name)], STORED) == {name: "sao-paulo-grand-prix"}


def test_a_grand_prix_that_was_renamed_before_is_known_by_its_slug() -> None:
    renamed = replace(SAO_PAULO, name="Brazilian Grand Prix")
    assert match_calendar([listed("São Paulo Grand Prix")], [renamed]) == {
        "São Paulo Grand Prix": "sao-paulo-grand-prix"
    }


@pytest.mark.parametrize(
    ("country", "location"), [("Belgium", "Liège"), ("", "Spa-Francorchamps"), ("belgium", "")]
)
@pytest.mark.parametrize("days", [-1, 0, 1])
def test_a_renamed_one_is_known_by_day_and_place(country: str, location: str, days: int) -> None:
    renamed = listed(
        "Ardennes Grand Prix", SUNDAY + timedelta(days=days), country=country, location=location
    )
    assert match_calendar([renamed], STORED) == {"Ardennes Grand Prix": "belgian-grand-prix"}


@pytest.mark.parametrize(
    ("day", "country"),
    [(SUNDAY + timedelta(days=2), "Belgium"), (SUNDAY, "France"), (SUNDAY, "")],
)
def test_another_day_or_place_is_another_grand_prix(day: date, country: str) -> None:
    other = listed("Ardennes Grand Prix", day, country=country)
    assert match_calendar([other], STORED) == {"Ardennes Grand Prix": "ardennes-grand-prix"}


def test_a_stored_one_is_not_given_twice() -> None:
    """What is found by its name is not left for a renamed one."""
    both = [
        listed("Ardennes Grand Prix", country="Belgium"),
        listed("Belgian Grand Prix", date(2024, 9, 1), country="Belgium"),
    ]
    assert match_calendar(both, STORED) == {
        "Ardennes Grand Prix": "ardennes-grand-prix",
        "Belgian Grand Prix": "belgian-grand-prix",
    }


def test_two_new_names_do_not_share_a_stored_one() -> None:
    both = [
        listed("Ardennes Grand Prix", country="Belgium"),
        listed("Wallonia Grand Prix", country="Belgium"),
    ]
    assert sorted(match_calendar(both, STORED).values()) == [
        "belgian-grand-prix",
        "wallonia-grand-prix",
    ]


@pytest.mark.parametrize(
    ("names", "stored_name"),
    [
        (("São Paulo Grand Prix", "Sao Paulo Grand Prix"), None),
        # renamed once: one is found by the name, the other by the slug
        (("Brazilian Grand Prix", "São Paulo Grand Prix"), "Brazilian Grand Prix"),
    ],
)
def test_two_that_would_be_one_grand_prix_are_refused(
    names: tuple[str, str], stored_name: str | None
) -> None:
    renamed = [replace(SAO_PAULO, name=stored_name)] if stored_name else []
    with pytest.raises(BadSourceData):
        match_calendar([listed(name) for name in names], renamed)


@pytest.mark.parametrize(
    ("name", "location"),
    [
        ("Monaco Grand Prix", "Monte Carlo"),
        *[("Grand Prix de Monaco", location) for location in ("Monaco", "Monte Carlo")],
    ],
)
def test_a_place_may_be_renamed(name: str, location: str) -> None:
    monaco = known("Monaco Grand Prix", SUNDAY, country="Monaco", location="Monaco")
    renamed = listed(name, country="Monaco", location=location)
    assert match_calendar([renamed], [monaco]) == {name: "monaco-grand-prix"}


def test_a_renamed_one_is_known_on_either_day_of_a_disputed_race() -> None:
    disputed = replace(LAS_VEGAS, race_dates=(date(2024, 11, 24), date(2024, 11, 22)))
    renamed = listed("Nevada Grand Prix", date(2024, 11, 21), location="Las Vegas")
    assert match_calendar([renamed], [disputed]) == {"Nevada Grand Prix": "las-vegas-grand-prix"}


SAUDI_ARABIA = known(
    "Saudi Arabian Grand Prix", date(2026, 4, 19), country="Saudi Arabia", location="Jeddah"
)
COME_BACK = listed(
    "Saudi Arabia Grand Prix", date(2026, 10, 4), country="Malaysia", location="Kuala Lumpur"
)


def test_a_cancelled_one_comes_back_elsewhere_under_almost_its_old_name() -> None:
    cancelled = replace(SAUDI_ARABIA, is_cancelled=True)
    assert match_calendar([COME_BACK], [BELGIUM, cancelled]) == {
        "Saudi Arabia Grand Prix": "saudi-arabian-grand-prix"
    }


def test_one_that_is_held_is_never_another_by_the_likeness_of_their_names() -> None:
    assert match_calendar([COME_BACK], [SAUDI_ARABIA]) == {
        "Saudi Arabia Grand Prix": "saudi-arabia-grand-prix"
    }


def test_a_cancelled_one_is_not_taken_from_the_one_that_has_its_name() -> None:
    cancelled = replace(SAUDI_ARABIA, is_cancelled=True)
    itself = listed("Saudi Arabian Grand Prix", date(2026, 4, 19))
    assert match_calendar([COME_BACK, itself], [cancelled]) == {
        "Saudi Arabia Grand Prix": "saudi-arabia-grand-prix",
        "Saudi Arabian Grand Prix": "saudi-arabian-grand-prix",
    }


@pytest.mark.parametrize("name", ["Australian Grand Prix", "Styrian Grand Prix", "Grand Prix"])
def test_a_cancelled_one_does_not_come_back_under_another_name(name: str) -> None:
    cancelled = replace(known("Austrian Grand Prix", SUNDAY), is_cancelled=True)
    other = listed(name, date(2024, 10, 6))
    assert match_calendar([other], [cancelled]) == {name: fold(name)}


# Two races at one circuit in one season (2020)


Twins = tuple[StoredGrandPrix, StoredGrandPrix]


def at_one_circuit(country: str, location: str, days: dict[str, date]) -> Twins:
    one, other = (
        known(f"{name} Grand Prix", day, country=country, location=location)
        for name, day in days.items()
    )
    return one, other


TWINS = [
    at_one_circuit(
        "Austria", "Spielberg", {"Austrian": date(2020, 7, 5), "Styrian": date(2020, 7, 12)}
    ),
    at_one_circuit(
        "Great Britain",
        "Silverstone",
        {"British": date(2020, 8, 2), "70th Anniversary": date(2020, 8, 9)},
    ),
    at_one_circuit(
        "Bahrain", "Sakhir", {"Bahrain": date(2020, 11, 29), "Sakhir": date(2020, 12, 6)}
    ),
]
all_twins = pytest.mark.parametrize("twins", TWINS, ids=lambda twins: twins[0].location)


def as_listed(grand_prix: StoredGrandPrix) -> GrandPrixRecord:
    [day] = grand_prix.race_dates
    return listed(grand_prix.name, day, country=grand_prix.country, location=grand_prix.location)


def as_told(grand_prix: StoredGrandPrix) -> RaceIdentity:
    [day] = grand_prix.race_dates
    return told(grand_prix.name, day, grand_prix.country, grand_prix.location)


@all_twins
def test_two_at_one_circuit_are_two_in_a_calendar(twins: Twins) -> None:
    calendar = [as_listed(one) for one in twins]
    slugs = {one.name: one.slug for one in twins}
    for stored_twins in (twins, twins[::-1]):
        assert match_calendar(calendar, stored_twins) == slugs
        assert match_calendar(calendar[::-1], stored_twins) == slugs


@all_twins
@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_second_one_at_a_circuit_is_new_whatever_becomes_of_the_first(
    twins: Twins, is_cancelled: bool
) -> None:
    first, second = twins
    known_first = replace(first, is_cancelled=is_cancelled)
    assert match_calendar([as_listed(second)], [known_first]) == {second.name: second.slug}


@all_twins
def test_two_at_one_circuit_keep_their_names_when_their_days_are_swapped(twins: Twins) -> None:
    first, second = twins
    swapped = [
        replace(as_listed(first), race_date=second.race_dates[0]),
        replace(as_listed(second), race_date=first.race_dates[0]),
    ]
    assert match_calendar(swapped, twins) == {one.name: one.slug for one in twins}


@all_twins
def test_an_answer_is_about_its_own_of_two_at_one_circuit(twins: Twins) -> None:
    for stored_twins in (twins, twins[::-1]):
        for one in twins:
            assert match_race(as_told(one), stored_twins) is one
            # under a name that nobody has stored, the day decides
            renamed = replace(as_told(one), name="Another Grand Prix")
            assert match_race(renamed, stored_twins) is one


@all_twins
def test_an_answer_of_one_is_never_the_others_where_one_is_not_stored(twins: Twins) -> None:
    for one, other in (twins, twins[::-1]):
        with pytest.raises(BadSourceData):
            match_race(as_told(one), [other])
        assert is_race_of(as_told(one), one)
        assert not is_race_of(as_told(one), other)


@all_twins
def test_each_of_two_at_one_circuit_is_found_in_a_calendar(twins: Twins) -> None:
    calendar = [as_listed(one) for one in twins]
    for one, expected in zip(twins, calendar, strict=True):
        assert find_listed(one, calendar) is expected
        assert find_listed(one, [other for other in calendar if other is not expected]) is None


# An answer's


def test_a_race_is_its_name_on_its_day() -> None:
    assert match_race(told("Belgian Grand Prix", SUNDAY), STORED) is BELGIUM
    assert match_race(told("Sao Paulo Grand Prix", date(2024, 11, 3)), STORED) is SAO_PAULO


def test_a_race_is_its_place_on_its_day() -> None:
    race = told("Brazilian Grand Prix", date(2024, 11, 3), "Brazil", "Interlagos")
    assert match_race(race, STORED) is SAO_PAULO
    race = told("Brazilian Grand Prix", date(2024, 11, 3), "", "Sao Paulo")
    assert match_race(race, STORED) is SAO_PAULO


def test_local_and_utc_days_are_the_same_day() -> None:
    assert match_race(told("Las Vegas Grand Prix", date(2024, 11, 23)), STORED) is LAS_VEGAS
    assert match_race(told("Las Vegas Grand Prix", date(2024, 11, 25)), STORED) is LAS_VEGAS


def test_the_name_comes_before_the_place() -> None:
    twin = replace(BELGIUM, slug="ardennes-grand-prix", name="Ardennes Grand Prix")
    race = told("Belgian Grand Prix", SUNDAY, "Belgium")
    assert match_race(race, [twin, BELGIUM]) is BELGIUM


@pytest.mark.parametrize(
    "race",
    [
        told("Belgian Grand Prix", SUNDAY + timedelta(days=2), "Belgium", "Spa"),
        told("Hungarian Grand Prix", SUNDAY, "Hungary", "Budapest"),
        told("Hungarian Grand Prix", SUNDAY),
        told("Dutch Grand Prix", SUNDAY, "Netherlands", "Zandvoort"),
    ],
)
def test_a_race_on_another_day_or_elsewhere_is_refused(race: RaceIdentity) -> None:
    with pytest.raises(BadSourceData) as raised:
        match_race(race, STORED)
    assert str(raised.value) == (
        f"no {race.name} of {race.race_date} ({race.location}) is on the calendar"
    )


def test_what_is_cancelled_is_not_preferred_by_its_place() -> None:
    cancelled = replace(BELGIUM, is_cancelled=True)
    held = known("Ardennes Grand Prix", SUNDAY, country="Belgium", location="Zolder")
    race = told("Wallonia Grand Prix", SUNDAY, "Belgium")
    assert match_race(race, [cancelled, held]) is held
    assert match_race(race, [held, cancelled]) is held


def test_what_is_cancelled_is_still_known_by_its_name() -> None:
    cancelled = replace(BELGIUM, is_cancelled=True)
    held = known("Ardennes Grand Prix", SUNDAY, country="Belgium", location="Spa")
    assert match_race(told("Belgian Grand Prix", SUNDAY, "Belgium"), [held, cancelled]) is cancelled


def test_a_disputed_race_is_known_on_either_day() -> None:
    disputed = replace(LAS_VEGAS, race_dates=(date(2024, 11, 24), date(2024, 11, 21)))
    for day in (20, 21, 22, 23, 24, 25):
        race = told("Las Vegas Grand Prix", date(2024, 11, day))
        assert match_race(race, [disputed]) is disputed
    with pytest.raises(BadSourceData):
        match_race(told("Las Vegas Grand Prix", date(2024, 11, 26)), [disputed])


@pytest.mark.parametrize(
    ("race", "is_it"),
    [
        (told("Belgian Grand Prix", SUNDAY), True),
        (told("BELGIAN GRAND PRIX", SUNDAY + timedelta(days=1)), True),
        (told("Ardennes Grand Prix", SUNDAY, "Belgium"), True),
        (told("Ardennes Grand Prix", SUNDAY, "", "Spa-Francorchamps"), True),
        (told("Belgian Grand Prix", SUNDAY + timedelta(days=2), "Belgium"), False),
        (told("Ardennes Grand Prix", SUNDAY), False),
        (told("Hungarian Grand Prix", SUNDAY, "Hungary", "Budapest"), False),
    ],
)
def test_whether_an_answer_is_about_a_grand_prix(race: RaceIdentity, is_it: bool) -> None:
    assert is_race_of(race, BELGIUM) is is_it


# Found in another calendar


def test_one_is_found_by_its_name_before_its_place() -> None:
    at_place = listed("Ardennes Grand Prix", country="Belgium")
    by_name = listed("Belgian Grand Prix", SUNDAY + timedelta(days=1))
    assert find_listed(BELGIUM, [at_place, by_name]) is by_name
    assert find_listed(BELGIUM, [at_place]) is at_place


@pytest.mark.parametrize(
    "other",
    [
        listed("Belgian Grand Prix", SUNDAY + timedelta(days=2), country="Belgium"),
        listed("Hungarian Grand Prix", SUNDAY, country="Hungary"),
    ],
)
def test_one_is_not_found_on_another_day_or_elsewhere(other: GrandPrixRecord) -> None:
    assert find_listed(BELGIUM, [other]) is None


def test_one_without_a_day_is_not_found() -> None:
    assert find_listed(UNKNOWN_DAY, [listed("Dutch Grand Prix")]) is None


def test_one_of_a_calendar_can_be_looked_for_elsewhere() -> None:
    there = listed("Ardennes Grand Prix", country="Belgium", location="Spa-Francorchamps")
    wanted = as_known(listed("Belgian Grand Prix", country="Belgium", location="Spa-Francorchamps"))
    assert wanted == BELGIUM
    assert find_listed(wanted, [there]) is there


# What is stored


def stored(session_type: SessionType, **changes: Any) -> StoredEvent:
    return replace(
        StoredEvent(
            grand_prix="belgian-grand-prix",
            name="Belgian Grand Prix",
            country="Belgium",
            location="Spa-Francorchamps",
            session_type=session_type,
            round_number=14,
            starts_at=datetime(2024, 7, 27, 14, tzinfo=UTC),
            utc_offset=timedelta(hours=2),
            disputed_starts_at=None,
            is_cancelled=False,
        ),
        **changes,
    )


def test_the_race_tells_of_the_grand_prix() -> None:
    race = stored(SessionType.RACE, starts_at=datetime(2024, 7, 28, 13, tzinfo=UTC))
    qualifying = stored(SessionType.QUALIFYING, name="Another name")
    assert gather_grands_prix([qualifying, race]) == [BELGIUM]
    assert gather_grands_prix([race, qualifying]) == [BELGIUM]


def test_a_race_without_a_start_has_no_day() -> None:
    [grand_prix] = gather_grands_prix([stored(SessionType.RACE, starts_at=None, is_cancelled=True)])
    assert (grand_prix.race_dates, grand_prix.is_cancelled) == ((), True)


def test_a_disputed_race_may_be_on_either_day() -> None:
    starts = (datetime(2024, 11, 24, 6, tzinfo=UTC), datetime(2024, 11, 23, 6, tzinfo=UTC))
    race = stored(SessionType.RACE, starts_at=starts[0], disputed_starts_at=starts[1])
    [grand_prix] = gather_grands_prix([race])
    assert grand_prix.race_dates == (date(2024, 11, 24), date(2024, 11, 23))


def test_a_race_without_a_start_has_the_day_that_the_other_calendar_gives() -> None:
    other = datetime(2024, 11, 23, 6, tzinfo=UTC)
    [grand_prix] = gather_grands_prix(
        [stored(SessionType.RACE, starts_at=None, disputed_starts_at=other)]
    )
    assert grand_prix.race_dates == (date(2024, 11, 23),)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("São Paulo Grand Prix", "sao-paulo-grand-prix"),
        ("Pato O'Ward", "pato-o-ward"),
        ("Pato O\u2019Ward", "pato-o-ward"),
        ("Carlos Sainz Jr.", "carlos-sainz-jr"),
        ("Jean-Éric  VERGNE", "jean-eric-vergne"),
        ("Kevin Ka\u0308rlsson", "kevin-karlsson"),
    ],
)
def test_accents_capitals_and_punctuation_are_no_part_of_a_name(name: str, slug: str) -> None:
    assert fold(name) == slug
    assert fold_name(name) == fold_name(" ".join(reversed(slug.split("-"))))
