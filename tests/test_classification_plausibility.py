"""Which classifications are believed: every real one that is known, and no damaged one that can be
told from them. tests/damage.py makes those and says which cannot."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingestion.errors import ResultsNotReady
from ingestion.plausibility import SeasonField, check_classification, check_leaders, describe_field
from ingestion.records import ClassificationRecord, ResultRecord
from ingestion.sessions import SessionType
from tests.damage import Damaged, damage, rearrange
from tests.odd_classifications import build_race, load_oddities
from tests.plausibility_figures import describe, is_believed
from tests.real_classifications import (
    RECORDED,
    SAMPLE,
    know,
    know_so_far,
    load_classifications,
)
from tests.upstream import needs_shared

NOTHING = SeasonField()
RACE, QUALIFYING = SessionType.RACE, SessionType.QUALIFYING
SPRINT, SPRINT_QUALIFYING = SessionType.SPRINT, SessionType.SPRINT_QUALIFYING

every_season = pytest.mark.parametrize(
    "season", [SAMPLE, *(pytest.param(season, marks=needs_shared) for season in RECORDED)]
)

Rows = Sequence[ResultRecord]


def find(season: int, name: str, session_type: SessionType = RACE) -> ClassificationRecord:
    """A real one."""
    return next(
        one
        for one in load_classifications(season)
        if name in one.race.name and one.session_type is session_type
    )


def find_odd(season: int, name: str, session_type: SessionType = RACE) -> ClassificationRecord:
    return next(
        one
        for one in load_oddities()
        if (one.race.season, one.session_type) == (season, session_type) and name in one.race.name
    )


def changed(
    real: ClassificationRecord, changes: Mapping[int, Mapping[str, Any]]
) -> ClassificationRecord:
    """With these columns of these entries, by their place in the order."""
    rows = (replace(row, **changes.get(row.order, {})) for row in real.results)
    return replace(real, results=rearrange(rows))


def with_rows(real: ClassificationRecord, rows: Iterable[ResultRecord]) -> ClassificationRecord:
    return replace(real, results=tuple(rows))


def with_all(real: ClassificationRecord, **columns: Any) -> ClassificationRecord:
    return with_rows(real, (replace(row, **columns) for row in real.results))


def refusal(classification: ClassificationRecord, known: SeasonField = NOTHING) -> str:
    with pytest.raises(ResultsNotReady) as raised:
        check_classification(classification, known)
    return str(raised.value)


def drivers(real: ClassificationRecord) -> frozenset[str]:
    return frozenset(row.driver_id for row in real.results)


# All of them


@every_season
def test_every_real_one_is_believed(season: int) -> None:
    """With nothing known, with what was run before it, and with all the rest of its season."""
    real = load_classifications(season)
    assert len(real) >= 11
    for index, one in enumerate(real):
        check_leaders(one)
        for known in (NOTHING, know_so_far(real, index), know(one, real)):
            check_classification(one, known)


@pytest.mark.parametrize(
    "odd", load_oddities(), ids=lambda odd: f"{odd.race.season} {odd.race.name}"
)
def test_every_odd_one_is_believed(odd: ClassificationRecord) -> None:
    check_classification(odd, NOTHING)


@pytest.mark.parametrize(
    "season",
    [
        SAMPLE,
        *(pytest.param(season, marks=[needs_shared, pytest.mark.long]) for season in RECORDED),
    ],
)
def test_every_damaged_one_is_refused_that_can_be_told(season: int) -> None:
    """Of those that cannot, no race or qualifying since 1991 has another podium or pole, but for
    a tie to the thousandth and for the first classification of a season."""
    believed = list(believe_damaged(season))
    assert [(one.kind, one.real.race.name) for one in believed if not one.excuse] == []
    costly = [one for one in believed if one.changes_front and season >= 1991]
    assert {one.excuse for one in costly} <= {"a tie", "the season's first"}


def believe_damaged(season: int) -> Iterator[Damaged]:
    real = load_classifications(season)
    for index, one in enumerate(real):
        for damaged in damage(one, real, know_so_far(real, index)):
            if is_believed(damaged.classification, damaged.known):
                yield damaged


def test_the_figures_are_printed() -> None:
    season = load_classifications(SAMPLE)[:3]
    lines = list(describe({SAMPLE: season}, load_oddities()))
    assert lines[1] == "  2024: qualifying 2 of 2, race 1 of 1"
    odd = len(load_oddities())
    assert lines[2] == f"  by hand: {odd} of {odd}"
    [told, _] = [line.split()[1:] for line in lines if line.startswith("all ")]
    made, refused, _, costly = map(int, told)
    assert made == refused > 500
    assert costly == 0


# Entries


def entry(order: int, **changes: Any) -> ResultRecord:
    result = ResultRecord(
        order=order,
        position=order,
        classification=str(order),
        driver_id=f"driver_{order}",
        driver_number=10 + order,
        driver_code="",
        driver_name=f"Driver {order}",
        constructor_id="team",
        constructor_name="Team",
    )
    return replace(result, **changes)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "it has no entry yet"),
        ([entry(1, position=0), entry(2, position=0)], "positions are missing still"),
        ([entry(1), entry(2), entry(3, position=0)], "positions are missing still"),
        ([entry(1, position=2), entry(2, position=3)], "positions are missing still"),
        (
            [entry(1), entry(2, position=3), entry(3, position=2)],
            "its entries are not in the order of their positions",
        ),
        ([entry(1), entry(2, driver_id="")], "an entry has no driver"),
        (
            [entry(1), entry(2, driver_id="driver_1", driver_number=11)],
            "driver_1 twice in the same car",
        ),
        (
            [entry(number, driver_id=f"driver_{number % 2}", driver_number=5) for number in (1, 2)]
            + [
                entry(number, driver_id=f"driver_{number % 2}", driver_number=5)
                for number in (3, 4)
            ],
            "driver_1, driver_0 twice in the same car",
        ),
        (
            [entry(number, driver_id="driver_1", driver_number=None) for number in (1, 2)],
            "driver_1 twice in the same car",
        ),
    ],
)
def test_what_no_season_allows_is_refused_without_knowing_it(
    results: list[ResultRecord], message: str
) -> None:
    unfinished = with_rows(find(SAMPLE, "Bahrain"), results)
    with pytest.raises(ResultsNotReady) as refused:
        check_leaders(unfinished)
    assert str(refused.value) == message
    assert refusal(unfinished) == message


@pytest.mark.parametrize("positions", [[1], [1, 2, 3], [1, 3, 4], [1, 1, 3], [1, 2, 24, 30]])
def test_what_some_season_allowed_is_believed_without_knowing_it(positions: list[int]) -> None:
    results = [entry(order, position=place) for order, place in enumerate(positions, start=1)]
    check_leaders(with_rows(find(SAMPLE, "Bahrain"), results))


def test_an_entry_without_a_constructor_is_refused() -> None:
    assert refusal(changed(find(SAMPLE, "Bahrain"), {7: {"constructor_id": ""}})) == (
        "an entry has no constructor"
    )


def test_a_place_printed_in_figures_that_are_no_number_is_refused() -> None:
    real = find(SAMPLE, "Belgian")
    assert refusal(changed(real, {2: {"classification": "²"}}))


def test_a_driver_stands_twice_where_he_took_over_the_car_of_another() -> None:
    real = find_odd(1957, "Britain")
    assert [row.driver_id for row in real.results].count("driver_20") == 2
    alone = with_rows(real, [row for row in real.results if row.driver_id != "driver_18"])
    assert refusal(alone) == "driver_20 twice"


def test_a_driver_stands_twice_where_he_did_not_start_in_one_car() -> None:
    real = find_odd(1980, "Netherlands")
    check_classification(changed(real, {29: {"driver_id": "driver_5"}}), NOTHING)
    started = changed(real, {24: {"driver_id": "driver_5"}})
    assert refusal(started) == "driver_5 twice"


def test_since_1994_nobody_stands_twice_and_no_car() -> None:
    real = find(SAMPLE, "Bahrain")
    driver = real.results[0].driver_id
    assert refusal(changed(real, {20: {"driver_id": driver}})) == f"{driver} twice"
    assert refusal(changed(real, {20: {"driver_number": 1}})) == "car 1 twice"


# The size and the members of the field


@pytest.mark.parametrize(
    ("season", "size", "is_believed"),
    [(1958, 9, False), (1958, 10, True), (1954, 55, True), (1954, 56, False)],
)
def test_fields_of_old_were_of_any_size_between_10_and_55(
    season: int, size: int, is_believed: bool
) -> None:
    lines = [f"{place} {place} a {place} {100 - place} {9 if place == 1 else 0}" for place in
             range(1, size + 1)]  # fmt: skip
    race = build_race(season, "Argentina", "\n".join(lines))
    if is_believed:
        check_classification(race, NOTHING)
    else:
        assert refusal(race) == f"{size} entries"


def test_half_a_field_and_thirty_cars_are_refused_even_in_a_seasons_first_race() -> None:
    real = find(SAMPLE, "Bahrain")
    assert refusal(with_rows(real, real.results[:10])) == "10 entries"
    more = [
        replace(row, position=place, driver_id=f"stranger_{place}", driver_number=200 + place)
        for place, row in enumerate(real.results[:10], start=21)
    ]
    assert refusal(with_rows(real, rearrange([*real.results, *more]))) == "30 entries"


def test_a_field_is_judged_by_the_usual_one_of_its_season() -> None:
    real = find_odd(2014, "United States")
    check_classification(real, SeasonField(sizes=(22,) * 30))
    assert refusal(real, SeasonField(sizes=(26,) * 30)) == "18 entries where 26 are usual"
    assert refusal(real, SeasonField(sizes=(14, 14, 22))) == "18 entries where 14 are usual"


def test_fields_before_1994_differed_from_race_to_race() -> None:
    lines = [f"{place} {place} a {place} 50 {10 if place == 1 else 0}" for place in range(1, 15)]
    for season in (1993, 1994):
        race = build_race(season, "Brazil", "\n".join(lines))
        known = SeasonField(sizes=(26,))
        if season == 1993:
            check_classification(race, known)
        else:
            assert refusal(race, known) == "14 entries where 26 are usual"


def test_one_car_may_be_missing_and_not_two_of_different_teams() -> None:
    real = find(SAMPLE, "Bahrain")
    in_order = with_rows(real, (replace(row, grid=row.order) for row in real.results))
    check_classification(with_rows(real, in_order.results[:19]), NOTHING)
    teams = sorted(row.constructor_id for row in real.results[18:])
    assert refusal(with_rows(real, in_order.results[:18])) == f"only one car of {', '.join(teams)}"


def test_a_car_alone_is_the_only_one_that_a_field_is_short_of() -> None:
    real = find_odd(2014, "Russia")
    check_classification(real, SeasonField(sizes=(22,)))
    assert refusal(real, SeasonField(sizes=(24,))) == "only one car of team_206"


def test_a_third_car_of_a_team_is_refused() -> None:
    real = find(SAMPLE, "Bahrain")
    assert refusal(changed(real, {20: {"constructor_id": "red_bull"}})) == "3 cars of red_bull"


def test_a_handful_of_drivers_may_be_new_to_a_season_and_not_more() -> None:
    real = find(SAMPLE, "Bahrain")
    known = drivers(real)
    few = sorted(known)[:4]
    check_classification(real, SeasonField(drivers=known.difference(few)))
    more = SeasonField(drivers=known.difference(sorted(known)[:5]))
    assert refusal(real, more) == "5 drivers that the season does not know"


def test_a_qualifier_may_have_no_line_in_the_race() -> None:
    real = find_odd(2025, "Spain")
    qualified = drivers(real) | {"driver_18"}
    check_classification(real, SeasonField(weekend={QUALIFYING: qualified}))
    more = SeasonField(weekend={QUALIFYING: qualified | {"driver_2", "driver_3"}})
    assert refusal(real, more) == (
        "driver_18, driver_2, driver_3, who drove in the qualifying, are missing"
    )


def test_both_cars_of_a_team_may_be_withdrawn_before_the_race() -> None:
    real = find_odd(2014, "United States")
    qualified = drivers(real) | {"driver_9", "driver_10"}
    check_classification(real, SeasonField(weekend={QUALIFYING: qualified}))


def test_who_never_left_the_pits_has_no_line_in_the_qualifying() -> None:
    real = find_odd(2026, "Australia", QUALIFYING)
    raced = drivers(real) | {"driver_55", "driver_18"}
    known = SeasonField(weekend={RACE: raced}, sizes=(22,))
    check_classification(real, known)
    check_classification(with_rows(real, real.results[:19]), known)
    more = SeasonField(weekend={RACE: raced | {"driver_8", "driver_9"}})
    assert "who drove in the race, are missing" in refusal(real, more)


def test_one_may_miss_the_qualifying_and_another_the_race() -> None:
    real = find_odd(2025, "Spain")
    qualified = drivers(real) - {"driver_22"} | {"driver_18"}
    check_classification(real, SeasonField(weekend={QUALIFYING: qualified}))


def test_nobody_stands_in_for_a_qualifier_in_the_race() -> None:
    real = find(SAMPLE, "Bahrain")
    known = SeasonField(weekend={QUALIFYING: drivers(real) - {"zhou"} | {"bearman"}})
    assert refusal(real, known) == "zhou instead of bearman"


def test_one_may_stand_in_between_a_sprint_and_the_qualifying() -> None:
    real = find(SAMPLE, "Miami", QUALIFYING)
    known = SeasonField(weekend={SPRINT: drivers(real) - {"zhou"} | {"bearman"}})
    check_classification(real, known)


def test_what_is_saved_of_a_season_is_told_without_the_session_itself() -> None:
    names = [f"driver_{number}" for number in range(12)]
    saved = {
        ("spa", QUALIFYING): names[:10],
        ("spa", RACE): names[:11],
        ("imola", RACE): [*names[:9], names[11]],
        # From the sprint's grid.
        ("imola", SPRINT_QUALIFYING): ["pole"],
    }
    assert describe_field(saved, "spa", RACE) == SeasonField(
        sizes=(10, 10),
        drivers=frozenset(names) - {"driver_10"},
        weekend={QUALIFYING: frozenset(names[:10])},
    )
    assert describe_field(saved, "imola", SPRINT).weekend == {RACE: frozenset(saved["imola", RACE])}
    assert describe_field({}, "spa", RACE) == NOTHING


# Positions


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({5: {"position": 4, "classification": "4"}}, "place 4 twice"),
        ({2: {"position": 1, "classification": "1"}}, "place 1 twice"),
        ({20: {"position": 21}}, "place 20 missing"),
        ({20: {"position": 19}}, "place 19 twice"),
    ],
)
def test_a_race_counts_without_gap_or_repeat(
    changes: Mapping[int, Mapping[str, Any]], reason: str
) -> None:
    assert refusal(changed(find(SAMPLE, "Bahrain"), changes)) == reason


def test_a_row_that_is_missing_leaves_a_gap() -> None:
    real = find(SAMPLE, "Bahrain")
    rest = [row for row in real.results if row.position != 3]
    assert refusal(with_rows(real, rest)) == "place 3 missing"


def test_two_share_a_place_in_a_qualifying_where_one_was_disqualified() -> None:
    real = find_odd(2025, "Singapore", QUALIFYING)
    assert [row.position for row in real.results][10:15] == [11, 12, 12, 13, 13]
    check_classification(real, NOTHING)
    # Nothing is left of his laps (Albon, 2024 Netherlands).
    without = {12: {"q1": None, "q2": None, "q3": None}}
    check_classification(changed(real, without), NOTHING)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({2: {"position": 1}}, "place 1 twice"),
        ({5: {"position": 4}}, "place 5 missing"),
        ({20: {"position": 19}}, "place 19 twice"),
        # The last was too slow for the place.
        ({20: {"position": 17}}, "place 17 twice"),
    ],
)
def test_other_gaps_and_repeats_of_a_qualifying_are_refused(
    changes: Mapping[int, Mapping[str, Any]], reason: str
) -> None:
    assert refusal(changed(find(SAMPLE, "Bahrain", QUALIFYING), changes)) == reason


def renumbered(real: ClassificationRecord, number: Callable[[ResultRecord], int]) -> Any:
    return with_rows(real, rearrange(replace(row, position=number(row)) for row in real.results))


def test_brazil_1983_is_believed_however_it_is_counted() -> None:
    """Without P2 and with two at place 15, as Jolpica has it; or counted through, the printed
    places leaving out the second; or the disqualified behind everybody who has a number."""
    real = find_odd(1983, "Brazil")
    places = [row.position for row in real.results]
    assert 2 not in places
    assert places.count(15) == 2
    check_classification(real, NOTHING)
    check_classification(renumbered(real, lambda row: row.order), NOTHING)
    behind = renumbered(real, lambda row: row.position + (not row.classification.isdigit()))
    check_classification(behind, NOTHING)


def test_a_place_is_open_for_a_disqualified_driver_alone() -> None:
    real = find_odd(1983, "Brazil")
    retired = changed(real, {14: {"classification": "R"}, 15: {"classification": "R"}})
    assert refusal(retired) == "place 2 missing"
    today = replace(real, race=replace(real.race, season=1994))
    assert refusal(today) == "place 2 missing"


def test_two_share_a_place_in_one_car_until_1964() -> None:
    real = find_odd(1951, "France")
    check_classification(real, NOTHING)
    assert refusal(changed(real, {2: {"driver_number": 99}})) == "place 1 twice"
    later = replace(real, race=replace(real.race, season=1965))
    assert refusal(later) == "place 1 twice"


@needs_shared
def test_canada_1979_counts_from_24_to_30_and_no_race_from_23_to_25() -> None:
    real = find(1979, "Canadian")
    assert [row.position for row in real.results][-2:] == [24, 30]
    assert refusal(changed(real, {25: {"classification": "R"}})) == "place 25 missing"
    assert refusal(changed(real, {25: {"position": 26}})) == "place 25 missing"


# Letters


OUT = {"classification": "D", "status": "Disqualified"}


def las_vegas(norris: Mapping[str, Any], piastri: Mapping[str, Any]) -> ClassificationRecord:
    """On the road: Norris second and Piastri fourth, everybody else as the final order has it."""
    final = {row.driver_number: row for row in find_odd(2025, "Las Vegas").results}
    order = [1, 4, 63, 81, 12, 16, 55, 6, 27, 44, 31, 87, 14, 22, 10, 30, 43, 23, 5, 18]
    points = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)
    rows = []
    for place, number in enumerate(order, start=1):
        row = final[number]
        printed = "R" if row.classification == "R" else str(place)
        earned = Decimal(points[place - 1] if place <= 10 else 0)
        rows.append(replace(row, position=place, classification=printed, points=earned))
    patches = {4: norris, 81: piastri}
    patched = [replace(row, **patches.get(row.driver_number or 0, {})) for row in rows]
    return with_rows(find_odd(2025, "Las Vegas"), rearrange(patched))


def test_las_vegas_2025_is_believed_before_and_after() -> None:
    check_classification(las_vegas({}, {}), NOTHING)
    check_classification(find_odd(2025, "Las Vegas"), NOTHING)


@pytest.mark.parametrize(
    ("norris", "piastri", "reason"),
    [
        (OUT, {}, "driver_63 is classified behind driver_4, who is not"),
        ({"status": "Disqualified"}, {}, "driver_63 is classified behind driver_4, who is not"),
        ({}, OUT, "driver_12 is classified behind driver_81, who is not"),
        ({**OUT, "position": 0}, {**OUT, "position": 0}, "positions are missing still"),
        ({**OUT, "position": 19}, {**OUT, "position": 20}, "place 2 missing"),
        ({**OUT, "position": 21}, {**OUT, "position": 22}, "place 2 missing"),
    ],
)
def test_a_disqualification_that_is_half_patched_is_refused(
    norris: Mapping[str, Any], piastri: Mapping[str, Any], reason: str
) -> None:
    assert refusal(las_vegas(norris, piastri)) == reason


def test_the_disqualified_with_a_number_stand_behind_everybody() -> None:
    """As in the United States in 2023: the status alone tells."""
    real = find_odd(2025, "Las Vegas")
    numbered = changed(
        real,
        {order: {"classification": str(order), "status": "Disqualified"} for order in (19, 20)},
    )
    check_classification(numbered, NOTHING)
    finished = changed(numbered, {19: {"status": "Finished"}})
    assert refusal(finished) == "driver_4 is classified behind driver_18, who is not"


@pytest.mark.parametrize("letter", ["R", "D", "W"])
def test_a_winner_has_a_number(letter: str) -> None:
    everybody = {order: {"classification": letter} for order in range(1, 21)}
    assert refusal(changed(find(SAMPLE, "Bahrain"), everybody)) == "no driver is first"
    pole = changed(find(SAMPLE, "Bahrain", QUALIFYING), {1: {"classification": letter}})
    assert refusal(pole) == "no driver is first"


def test_a_place_is_printed_as_it_is() -> None:
    real = find(SAMPLE, "Bahrain")
    assert refusal(changed(real, {4: {"classification": "5"}})) == "place 4 is printed as 5"


@needs_shared
def test_before_2006_the_disqualified_stand_among_the_retired() -> None:
    real = find(1979, "United States Grand Prix West")
    letters = [row.classification for row in real.results if not row.classification.isdigit()]
    assert "D" in letters
    mixed = changed(real, {3: {"classification": "R"}})
    assert refusal(mixed).endswith(f"is classified behind {real.results[2].driver_id}, who is not")


# Laps, points, times and the grid


def test_who_did_more_laps_is_ahead() -> None:
    real = find(SAMPLE, "Bahrain")
    assert refusal(changed(real, {9: {"laps": 55}})) == (
        f"{real.results[9].driver_id} has more laps than {real.results[8].driver_id} ahead"
    )
    assert refusal(with_all(real, laps=0)) == "laps are missing still"


def test_who_took_over_a_car_may_have_no_laps_of_his_own() -> None:
    check_classification(changed(find_odd(1951, "France"), {4: {"laps": 0}}), NOTHING)


def test_a_car_that_was_withdrawn_may_have_many_laps() -> None:
    real = find(SAMPLE, "Qatar")
    first_out = next(row.order for row in real.results if row.classification == "R")
    check_classification(changed(real, {first_out: {"classification": "W", "laps": 47}}), NOTHING)


def test_who_is_ahead_has_as_many_points() -> None:
    real = find(SAMPLE, "Bahrain")
    exchanged = changed(real, {2: {"points": Decimal(15)}, 3: {"points": Decimal(18)}})
    assert refusal(exchanged) == (
        f"{real.results[2].driver_id} has more points than {real.results[1].driver_id} ahead"
    )
    assert refusal(with_all(real, points=Decimal(0))) == "points are missing still"
    # Live timing has none.
    check_classification(with_all(real, points=None), NOTHING)


@pytest.mark.parametrize(
    ("season", "points", "is_believed"),
    [
        # The fastest lap until 1959, wherever it was driven.
        (1958, (8, 6, 4, 3, 2, 0, 1), True),
        (1958, (8, 5, 7, 3, 2, 0, 0), False),
        # Fifth with the second car of a one-car team (1987 Australia).
        (1987, (9, 6, 4, 3, 0, 1, 0), True),
        (1987, (9, 4, 6, 3, 2, 1, 0), False),
        (1991, (10, 6, 4, 3, 0, 1, 0), False),
    ],
)
def test_points_of_their_time(season: int, points: Sequence[int], is_believed: bool) -> None:
    lines = [
        f"{place} {place} {place} {place} {100 - place} {(*points, *(0,) * 20)[place - 1]}"
        for place in range(1, 13)
    ]
    race = build_race(season, "Australia", "\n".join(lines))
    if is_believed:
        check_classification(race, NOTHING)
    else:
        assert "more points than" in refusal(race)


def test_nobody_was_quicker_than_the_podium() -> None:
    real = find(SAMPLE, "Bahrain")
    winner, second, third, fourth = real.results[:4]
    assert winner.time is not None
    quicker = winner.time - timedelta(seconds=1)
    assert refusal(changed(real, {4: {"time": quicker}})) == (
        f"{fourth.driver_id} was quicker than {winner.driver_id} ahead"
    )
    assert second.time is not None
    between = second.time - timedelta(milliseconds=1)
    assert refusal(changed(real, {3: {"time": between}})) == (
        f"{third.driver_id} was quicker than {second.driver_id} ahead"
    )
    # As in Abu Dhabi in 2020, where the upstream has P10 a second behind the winner.
    check_classification(
        changed(real, {10: {"time": winner.time + timedelta(seconds=1.669)}}), NOTHING
    )


@needs_shared
def test_times_of_before_2006_are_not_compared() -> None:
    real = find(1997, "Monaco")
    assert real.results[1].time is not None
    check_classification(changed(real, {3: {"time": real.results[1].time / 2}}), NOTHING)


def test_a_missing_grid_hides_no_race() -> None:
    real = find(SAMPLE, "Bahrain")
    check_classification(with_all(real, grid=None), NOTHING)
    # Live timing tells neither grid nor laps.
    check_classification(with_all(real, grid=None, laps=None, points=None), NOTHING)
    # -1 for somebody in the pit lane.
    check_classification(changed(real, {20: {"grid": None}}), NOTHING)


def test_a_grid_slot_has_one_car_and_no_slot_is_one_too_many() -> None:
    real = find(SAMPLE, "Bahrain")
    assert refusal(changed(real, {20: {"grid": 1}})) == "grid slot 1 twice"
    rest = [row for row in real.results if row.order != 20]
    assert real.results[19].grid not in {0, 20}
    assert refusal(with_rows(real, rest)) == "a start from slot 20 of 19"
    # The 1970s and 1980s left some open.
    check_classification(find_odd(1985, "Portugal"), NOTHING)


# Q1, Q2 and Q3


def test_times_that_are_all_blank_come_later() -> None:
    for kind in (QUALIFYING, SPRINT_QUALIFYING):
        real = find(SAMPLE, "Miami", kind)
        check_classification(with_all(real, q1=None, q2=None, q3=None), NOTHING)


def test_q1_alone_is_no_qualifying_since_2006() -> None:
    for kind in (QUALIFYING, SPRINT_QUALIFYING):
        real = find(SAMPLE, "Miami", kind)
        assert refusal(with_all(real, q2=None, q3=None)) == "Q2 is missing still"


def test_q3_is_missing_unless_q2_decided() -> None:
    real = find(SAMPLE, "Bahrain", QUALIFYING)
    assert refusal(with_all(real, q3=None)) == "Q3 is missing still"
    check_classification(find_odd(2015, "United States", QUALIFYING), NOTHING)


def test_one_without_a_time_in_q3_is_not_on_pole() -> None:
    real = find(SAMPLE, "Bahrain", QUALIFYING)
    assert refusal(changed(real, {1: {"q3": None}})) == (
        f"{real.results[0].driver_id} is first without a time"
    )
    check_classification(changed(real, {4: {"q3": None}}), NOTHING)


def test_the_pole_is_the_quickest_of_q3() -> None:
    real = find(SAMPLE, "Bahrain", QUALIFYING)
    first, second = real.results[:2]
    exchanged = changed(real, {1: {"q3": second.q3}, 2: {"q3": first.q3}})
    # In Bahrain Leclerc was quicker in Q2 alone.
    assert refusal(exchanged) == f"{second.driver_id} was quicker than {first.driver_id} on pole"


def put_last(real: ClassificationRecord, *orders: int) -> ClassificationRecord:
    stay = [row for row in real.results if row.order not in orders]
    back = [row for row in real.results if row.order in orders]
    return with_rows(
        real,
        rearrange(
            replace(row, position=place, classification=str(place))
            for place, row in enumerate([*stay, *back], start=1)
        ),
    )


def test_the_quickest_may_be_put_behind_everybody() -> None:
    real = find(SAMPLE, "Bahrain", QUALIFYING)
    check_classification(put_last(real, 1), NOTHING)
    check_classification(put_last(real, 1, 2), NOTHING)
    assert "on pole" in refusal(put_last(real, 1, 2, 3))


@needs_shared
def test_the_pole_of_a_single_hour_is_the_quickest_of_it() -> None:
    real = find(1997, "Monaco", QUALIFYING)
    first, second = real.results[:2]
    exchanged = changed(real, {1: {"q1": second.q1}, 2: {"q1": first.q1}})
    assert refusal(exchanged) == f"{second.driver_id} was quicker than {first.driver_id} on pole"
    later = replace(exchanged, race=replace(exchanged.race, season=2004))
    check_classification(later, NOTHING)


def test_fifteen_of_twenty_are_in_q2_and_ten_in_q3() -> None:
    real = find(SAMPLE, "Bahrain", QUALIFYING)
    slow = timedelta(minutes=2)
    more = {order: {"q2": slow} for order in (16, 17)}
    assert refusal(changed(real, more)) == "17 of the entries in Q2"
    assert refusal(changed(real, {11: {"q3": slow}})) == "11 of the entries in Q3"


def test_entries_that_never_left_the_pits_count_for_q2() -> None:
    check_classification(find_odd(2015, "Australia", QUALIFYING), NOTHING)
    real = find_odd(2026, "Australia", QUALIFYING)
    check_classification(with_rows(real, real.results[:19]), NOTHING)
    assert refusal(with_rows(real, real.results[:18])) == "16 of the entries in Q2"


def test_who_goes_on_was_among_the_quickest() -> None:
    real = find(SAMPLE, "Bahrain", QUALIFYING)
    slow = timedelta(minutes=2)
    assert refusal(changed(real, {3: {"q1": slow}})) == (
        f"{real.results[2].driver_id} went on with the time number 20"
    )
    assert refusal(changed(real, {3: {"q2": slow}})) == (
        f"{real.results[2].driver_id} went on with the time number 15"
    )
    # One that is a little too slow is a slip (2008 Turkey), two are not.
    last_in = sorted(row.q2 for row in real.results if row.q2 is not None)[10]
    slips = {order: {"q2": last_in * 1.005 + timedelta(seconds=order / 100)} for order in (3, 4)}
    check_classification(changed(real, {3: slips[3]}), NOTHING)
    assert "went on with the time number" in refusal(changed(real, slips))
    # Who crashes in the last part, or is out, may be as slow as he likes.
    check_classification(changed(real, {10: {"q3": slow}, 15: {"q2": slow}}), NOTHING)


def test_a_lap_of_another_circuit_is_refused() -> None:
    real = find(SAMPLE, "Bahrain", QUALIFYING)
    quick = timedelta(seconds=65)
    assert refusal(changed(real, {17: {"q1": quick}})) == (
        f"{real.results[16].driver_id} was impossibly quick"
    )
