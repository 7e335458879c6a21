"""Which stored grand prix a calendar's or an answer's is: never by its round number."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingestion.errors import BadSourceData
from ingestion.matching import (
    StoredGrandPrix,
    fold,
    gather_grands_prix,
    match_calendar,
    match_race,
)
from ingestion.records import GrandPrixRecord, RaceIdentity, SessionType, StoredEvent

SUNDAY = date(2024, 7, 28)
BELGIUM = StoredGrandPrix(
    "belgian-grand-prix", "Belgian Grand Prix", "Belgium", "Spa-Francorchamps", SUNDAY, False
)
SAO_PAULO = StoredGrandPrix(
    "sao-paulo-grand-prix", "São Paulo Grand Prix", "Brazil", "São Paulo", date(2024, 11, 3), False
)
LAS_VEGAS = StoredGrandPrix(
    "las-vegas-grand-prix",
    "Las Vegas Grand Prix",
    "United States",
    "Las Vegas",
    date(2024, 11, 24),
    False,
)
UNKNOWN_DAY = StoredGrandPrix("dutch-grand-prix", "Dutch Grand Prix", "", "", None, False)
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
    known = [replace(SAO_PAULO, name=stored_name)] if stored_name else []
    with pytest.raises(BadSourceData):
        match_calendar([listed(name) for name in names], known)


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
    assert (grand_prix.race_date, grand_prix.is_cancelled) == (None, True)
