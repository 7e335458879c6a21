"""Two calendars of one season made one."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from ingestion.matching import merge_calendars
from ingestion.records import CalendarRecord, GrandPrixRecord, SessionRecord, Source
from ingestion.sessions import SessionType
from tests.builders import BEFORE, SUNDAY, at, calendar, grand_prix, jolpicas, session

RACE, QUALIFYING = SessionType.RACE, SessionType.QUALIFYING
SPRINT = SessionType.SPRINT
SATURDAY = SUNDAY - timedelta(days=1)
RACE_START, QUALIFYING_START = at(SUNDAY, 13), at(SATURDAY, 14)
LATER = BEFORE + timedelta(days=3)
SUMMER_TIME = timedelta(hours=2)


def weekend(
    race: datetime | None = RACE_START,
    qualifying: datetime | None = QUALIFYING_START,
    *,
    is_estimated: bool = False,
) -> GrandPrixRecord:
    return grand_prix(
        sessions=(
            session(QUALIFYING, qualifying),
            session(RACE, race, start_is_estimated=is_estimated),
        )
    )


def merge(file: CalendarRecord, other: CalendarRecord) -> CalendarRecord:
    """Without the other one's age, which is in each session that both have."""
    both = merge_calendars(file, other)
    grands_prix = [
        replace(
            one, sessions=tuple(replace(two, disputed_generated_at=None) for two in one.sessions)
        )
        for one in both.grands_prix
    ]
    return replace(both, grands_prix=tuple(grands_prix))


def merged(first: GrandPrixRecord, second: GrandPrixRecord) -> GrandPrixRecord:
    """The one grand prix of a schedule file and of a later calendar of Jolpica."""
    both = merge(calendar(first), jolpicas(second, generated_at=LATER))
    [only] = both.grands_prix
    return only


def of_kind(weekend: GrandPrixRecord, session_type: SessionType) -> SessionRecord:
    return next(session for session in weekend.sessions if session.session_type is session_type)


def merged_race(first: GrandPrixRecord, second: GrandPrixRecord) -> SessionRecord:
    return of_kind(merged(first, second), RACE)


def names(both: CalendarRecord) -> list[tuple[int | None, str]]:
    return [(listed.round_number, listed.name) for listed in both.grands_prix]


def test_one_calendar_alone_is_itself() -> None:
    file = calendar(grand_prix())
    assert merge_calendars(file, None) is file


def test_two_that_agree_are_the_first() -> None:
    file = calendar(grand_prix())
    assert merge(file, jolpicas(grand_prix())) == file


def test_the_first_ones_word_counts() -> None:
    other = grand_prix(
        "Belgian Grand Prix", round_number=3, country="Belgique", location="Stavelot"
    )
    assert merged(grand_prix(), other) == grand_prix()


def test_a_start_that_the_other_gives_otherwise_is_kept_as_disputed() -> None:
    told = merged(weekend(), weekend(race=at(SUNDAY, 15)))
    assert of_kind(told, RACE) == session(RACE, at(SUNDAY, 13), disputed_starts_at=at(SUNDAY, 15))
    assert of_kind(told, QUALIFYING).disputed_starts_at is None


@pytest.mark.parametrize("other", [RACE_START, at(SUNDAY, 15)], ids=["the same", "another"])
def test_the_other_ones_age_is_kept_where_it_has_a_start(other: datetime) -> None:
    told = weekend(race=other, qualifying=None)
    both = merge_calendars(calendar(weekend()), jolpicas(told, generated_at=LATER))
    ages = {one.session_type: one.disputed_generated_at for one in both.grands_prix[0].sessions}
    assert ages == {RACE: LATER, QUALIFYING: None}


def test_a_day_alone_disputes_no_start() -> None:
    by_day = weekend(race=at(SATURDAY, 0), is_estimated=True)
    assert merged_race(weekend(), by_day) == session(RACE, at(SUNDAY, 13))


def test_nothing_disputes_no_start() -> None:
    assert merged_race(weekend(), weekend(race=None)) == session(RACE, at(SUNDAY, 13))


@pytest.mark.parametrize("is_estimated", [True, False])
def test_a_start_that_the_first_leaves_empty_is_the_others(is_estimated: bool) -> None:
    told = merged(weekend(race=None), weekend(is_estimated=is_estimated))
    assert of_kind(told, RACE) == SessionRecord(
        RACE,
        at(SUNDAY, 13),
        Source.JOLPICA,
        LATER,
        start_is_estimated=is_estimated,
        utc_offset=SUMMER_TIME,
    )
    assert of_kind(told, QUALIFYING) == session(QUALIFYING, at(SATURDAY, 14))


def test_an_estimated_start_gives_way_to_one_with_a_time() -> None:
    race = merged_race(weekend(race=at(SUNDAY, 0), is_estimated=True), weekend())
    assert (race.starts_at, race.start_is_estimated) == (at(SUNDAY, 13), False)
    assert (race.source, race.generated_at) == (Source.JOLPICA, LATER)


def test_of_two_estimated_starts_the_first_counts() -> None:
    first = weekend(race=at(SUNDAY, 0), is_estimated=True)
    second = weekend(race=at(SATURDAY, 0), is_estimated=True)
    assert merged_race(first, second) == of_kind(first, RACE)


def test_a_start_that_neither_knows_stays_empty() -> None:
    assert merged_race(weekend(race=None), weekend(race=None)) == session(RACE, None)


def test_the_circuits_offset_stays_unknown_where_the_first_has_none() -> None:
    nowhere = replace(
        weekend(), sessions=(SessionRecord(RACE, None, Source.SCHEDULE_FILE, BEFORE),)
    )
    assert merged_race(nowhere, weekend()).utc_offset is None


def test_a_session_that_the_first_does_not_list_is_added() -> None:
    with_sprint = grand_prix(sessions=(*grand_prix().sessions, session(SPRINT, at(SATURDAY, 10))))
    told = merged(grand_prix(), with_sprint)
    assert told.sessions == (
        *grand_prix().sessions,
        SessionRecord(SPRINT, at(SATURDAY, 10), Source.JOLPICA, LATER, utc_offset=SUMMER_TIME),
    )


def test_a_session_that_the_other_does_not_list_stays() -> None:
    with_sprint = grand_prix(sessions=(*grand_prix().sessions, session(SPRINT, at(SATURDAY, 10))))
    assert merged(with_sprint, grand_prix()) == with_sprint


def test_a_grand_prix_that_the_first_does_not_know_is_added_without_a_round() -> None:
    dutch = grand_prix("Dutch Grand Prix", date(2024, 8, 25), round_number=14, country="Holland")
    both = merge(
        calendar(grand_prix()), jolpicas(grand_prix(round_number=13), dutch, generated_at=LATER)
    )
    assert names(both) == [(14, "Belgian Grand Prix"), (None, "Dutch Grand Prix")]
    assert (both.source, both.generated_at) == (Source.SCHEDULE_FILE, BEFORE)
    assert {(told.source, told.generated_at) for told in both.grands_prix[1].sessions} == {
        (Source.JOLPICA, LATER)
    }


def test_a_grand_prix_that_the_other_does_not_know_stays() -> None:
    dutch = grand_prix("Dutch Grand Prix", date(2024, 8, 25), round_number=15, country="Holland")
    file = calendar(grand_prix(), dutch)
    assert merge(file, jolpicas(dutch)) == file


# What the other still has on its old date


def a_month_later(weekend: GrandPrixRecord) -> GrandPrixRecord:
    moved = [
        replace(told, starts_at=told.starts_at and told.starts_at + timedelta(weeks=4))
        for told in weekend.sessions
    ]
    race_date = weekend.race_date + timedelta(weeks=4)
    return replace(weekend, race_date=race_date, sessions=tuple(moved))


def test_a_weekend_that_was_moved_is_not_filled_with_its_old_starts() -> None:
    moved = a_month_later(weekend(race=None, qualifying=None))
    with_sprint = replace(
        weekend(), sessions=(*weekend().sessions, session(SPRINT, at(SATURDAY, 10)))
    )
    assert merged(moved, with_sprint) == moved


def test_an_estimated_start_does_not_give_way_to_an_old_one() -> None:
    moved = a_month_later(weekend(race=at(SUNDAY, 0), is_estimated=True))
    assert merged_race(moved, weekend()) == of_kind(moved, RACE)


def test_a_weekend_that_was_moved_is_disputed_by_its_old_starts() -> None:
    moved = a_month_later(weekend())
    race = merged_race(moved, weekend())
    assert (race.starts_at, race.disputed_starts_at) == (
        at(SUNDAY, 13) + timedelta(weeks=4),
        at(SUNDAY, 13),
    )


@pytest.mark.parametrize("days", [-3, 0, 1])
def test_a_late_session_may_be_on_the_day_after_in_utc(days: int) -> None:
    start = at(SUNDAY, 4) + timedelta(days=days)
    assert merged_race(weekend(race=None), weekend(race=start)).starts_at == start


@pytest.mark.parametrize("days", [-4, 2])
def test_what_is_outside_the_weekend_fills_nothing(days: int) -> None:
    start = at(SUNDAY, 4) + timedelta(days=days)
    assert merged_race(weekend(race=None), weekend(race=start)).starts_at is None


# Which is which


@pytest.mark.parametrize("name", ["BELGIAN GRAND PRIX", "Bélgian  Grand Prix"])
def test_spelling_does_not_matter(name: str) -> None:
    assert merged(grand_prix(), grand_prix(name)) == grand_prix()


@pytest.mark.parametrize("days", [-1, 0, 1])
@pytest.mark.parametrize(
    ("country", "location"), [("Belgium", "Stavelot"), ("Belgique", "Spa-Francorchamps")]
)
def test_a_renamed_one_is_known_by_day_and_place(country: str, location: str, days: int) -> None:
    renamed = grand_prix(
        "Ardennes Grand Prix",
        sessions=(),
        race_date=SUNDAY + timedelta(days=days),
        country=country,
        location=location,
    )
    assert merged(grand_prix(), renamed) == grand_prix()


@pytest.mark.parametrize(
    "elsewhere",
    [{"race_date": SUNDAY + timedelta(days=2)}, {"country": "France", "location": "Le Castellet"}],
)
def test_another_name_on_another_day_or_elsewhere_is_another_grand_prix(
    elsewhere: dict[str, Any],
) -> None:
    other = replace(grand_prix("Ardennes Grand Prix"), **elsewhere)
    both = merge(calendar(grand_prix()), jolpicas(other))
    assert names(both) == [(14, "Belgian Grand Prix"), (None, "Ardennes Grand Prix")]


def test_what_has_its_name_in_the_first_is_not_taken_for_a_renamed_one() -> None:
    file = calendar(grand_prix(), grand_prix("Ardennes Grand Prix", round_number=15))
    both = merge(file, jolpicas(grand_prix("Ardennes Grand Prix", round_number=14)))
    assert names(both) == [(14, "Belgian Grand Prix"), (15, "Ardennes Grand Prix")]


def test_two_at_one_circuit_are_paired_by_their_names() -> None:
    """Spielberg 2020, where a race was held a week after the other."""
    first = grand_prix("Austrian Grand Prix", date(2020, 7, 5), round_number=1)
    second = grand_prix("Styrian Grand Prix", date(2020, 7, 12), round_number=2)
    file = calendar(first, second, season=2020)
    assert merge(file, jolpicas(second, first, season=2020)) == file
