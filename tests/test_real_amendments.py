"""Amendments that happened, published one after the other as they were, through a whole run."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion import signals
from ingestion.amendments import describe_amendment, touches_leaders
from ingestion.corrections import Author, accept_proposal
from ingestion.models import Change, Event, IngestRun, Result
from ingestion.sample.season import with_finishes, with_laps
from tests.amending import (
    CHINA_2025,
    DISQUALIFIED,
    HUNGARY_2021,
    LAS_VEGAS_2025,
    SAO_PAULO_2021,
    SAUDI_ARABIA_2023,
    SPRINT_POINTS,
    UNITED_STATES_2023,
    Finishes,
    Replay,
    disqualified,
    last,
    penalised,
    podium,
    read_qualifying,
    read_race,
    reinstated,
    replaying,
    sample_weekend,
    saved,
    season_of,
    utc,
    weekend,
    without_times,
)
from tests.hearing import Hear
from tests.persons import User
from tests.rows import all_rows

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fastf1_restored"),
]

JEDDAH = weekend(
    "Saudi Arabian Grand Prix", "Saudi Arabia", "Jeddah", "jeddah",
    {"Qualifying": "2023-03-18 17:00", "Race": "2023-03-19 17:00"},
)  # fmt: skip
AUSTIN = weekend(
    "United States Grand Prix", "United States", "Austin", "americas",
    {"Qualifying": "2023-10-20 21:00", "Race": "2023-10-22 19:00"},
)  # fmt: skip
BUDAPEST = weekend(
    "Hungarian Grand Prix", "Hungary", "Budapest", "hungaroring",
    {"Qualifying": "2021-07-31 13:00", "Race": "2021-08-01 13:00"},
)  # fmt: skip
INTERLAGOS = weekend(
    "São Paulo Grand Prix", "Brazil", "São Paulo", "interlagos",
    {"Qualifying": "2021-11-12 19:00", "Sprint Qualifying": "2021-11-13 19:30",
     "Race": "2021-11-14 17:00"},
)  # fmt: skip
SHANGHAI = weekend(
    "Chinese Grand Prix", "China", "Shanghai", "shanghai",
    {"Qualifying": "2025-03-22 07:00", "Race": "2025-03-23 07:00"},
)  # fmt: skip
LAS_VEGAS = weekend(
    "Las Vegas Grand Prix", "United States", "Las Vegas", "vegas",
    {"Qualifying": "2025-11-22 04:00", "Race": "2025-11-23 04:00"},
)  # fmt: skip

# Kind, revision and cause.
Told = list[tuple[str, int, str]]
ONCE = [("published", 1, "poll"), ("amended", 2, "poll")]


@pytest.fixture
def replay(tmp_path: Path) -> Iterator[Replay]:
    with replaying(tmp_path) as started:
        yield started


@pytest.fixture
def heard(hear: Hear) -> Callable[[Event], Told]:
    """What the signals have said of an event's results."""
    published, amended = hear(signals.results_published), hear(signals.results_amended)

    def told(event: Event) -> Told:
        changes = [one["change"] for one in [*published, *amended] if one["event"] == event]
        return [(change.kind, change.revision, change.cause) for change in changes]

    return told


def feed(event: Event) -> Told:
    """What the feed says of an event's classification."""
    entries = Change.objects.filter(event=event, after__has_key="source").order_by("pk")
    return [(entry.kind, entry.revision, entry.cause) for entry in entries]


def amendments() -> list[str]:
    """What the runs have said of them, the session left out."""
    notes = [note for run in IngestRun.objects.order_by("pk") for note in map(str, run.note_list)]
    return [note.partition(": amended: ")[2] for note in notes if ": amended: " in note]


@pytest.mark.twice
def test_belgium_2024_russell_first_then_disqualified(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    final = sample_weekend("belgium")
    first = reinstated(final.races["belgium"], "russell")
    replay.publish(with_finishes(final, "races", "belgium", first))
    replay.ingest("2024-07-28 16:10")
    assert podium(saved()) == ["russell", "hamilton", "piastri"]
    keys = dict(saved().results.values_list("driver_id", "pk"))

    replay.publish(final)
    report = replay.ingest("2024-07-28 18:10")

    event = saved()
    assert podium(event) == ["hamilton", "piastri", "leclerc"]
    assert (event.results_state, event.results_revision) == ("official", 2)
    assert feed(event) == heard(event) == ONCE
    assert report.results == {"amended": 1, "unchanged": 1}
    assert amendments() == [
        (
            "P1 Russell -> Hamilton, P2 Hamilton -> Piastri, P3 Piastri -> Leclerc, "
            "Russell disqualified"
        )
    ]
    assert dict(event.results.values_list("driver_id", "pk")) == keys

    before = all_rows()
    assert replay.ingest("2024-07-28 19:10").results == {"unchanged": 2}
    assert all_rows() == before


def test_united_states_2023_two_disqualified_of_whom_only_the_status_tells(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    race = read_race(UNITED_STATES_2023, AUSTIN.id)
    replay.publish(season_of(2023, AUSTIN, race=race))
    replay.ingest("2023-10-22 22:10", 2023)
    assert podium(saved()) == ["max_verstappen", "hamilton", "norris"]

    out = disqualified(race, "hamilton", "leclerc", prints="0")
    replay.publish(season_of(2023, AUSTIN, race=out))
    replay.ingest("2023-10-23 01:10", 2023)

    event = saved()
    assert podium(event) == ["max_verstappen", "norris", "sainz"]
    rows = event.results.filter(order__gt=18).order_by("order")
    assert list(rows.values_list("driver_id", "classification", "status")) == [
        ("hamilton", "19", "Disqualified"),
        ("leclerc", "20", "Disqualified"),
    ]
    assert feed(event) == heard(event) == ONCE
    assert amendments() == [
        "P2 Hamilton -> Norris, P3 Norris -> Sainz, Hamilton disqualified, Leclerc disqualified"
    ]


def test_saudi_arabia_2023_alonso_third_russell_third_alonso_third_again(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    race = read_race(SAUDI_ARABIA_2023, JEDDAH.id)
    for at, classification, third in (
        ("2023-03-19 20:10", race, "alonso"),
        ("2023-03-19 21:20", penalised(race, "alonso", 10), "russell"),
        ("2023-03-20 00:30", race, "alonso"),
    ):
        replay.publish(season_of(2023, JEDDAH, race=classification))
        replay.ingest(at, 2023)
        assert podium(saved()) == ["perez", "max_verstappen", third]

    assert feed(saved()) == heard(saved()) == [*ONCE, ("amended", 3, "poll")]
    assert amendments() == ["P3 Alonso -> Russell", "P3 Russell -> Alonso"]


def test_hungary_2021_vettel_second_then_disqualified(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    race = read_race(HUNGARY_2021, BUDAPEST.id)
    replay.publish(season_of(2021, BUDAPEST, race=race))
    replay.ingest("2021-08-01 16:10", 2021)
    assert podium(saved()) == ["ocon", "vettel", "hamilton"]

    replay.publish(season_of(2021, BUDAPEST, race=disqualified(race, "vettel")))
    replay.ingest("2021-08-01 20:40", 2021)

    assert podium(saved()) == ["ocon", "hamilton", "sainz"]
    assert feed(saved()) == heard(saved()) == ONCE
    assert amendments() == ["P2 Vettel -> Hamilton, P3 Hamilton -> Sainz, Vettel disqualified"]


def test_sao_paulo_2021_hamilton_loses_the_pole(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    laps = read_qualifying(SAO_PAULO_2021, INTERLAGOS.id)
    replay.publish(season_of(2021, INTERLAGOS, qualifying=laps))
    replay.ingest("2021-11-12 21:00", 2021)
    assert pole() == "hamilton"

    replay.publish(season_of(2021, INTERLAGOS, qualifying=last(laps, "hamilton")))
    replay.ingest("2021-11-13 17:00", 2021)

    event = saved("qualifying")
    assert (pole(), event.classification[-1].driver_id) == ("max_verstappen", "hamilton")
    assert feed(event) == heard(event) == ONCE
    assert amendments() == ["P1 Hamilton -> Verstappen"]


def pole() -> str:
    first = saved("qualifying").pole
    assert first is not None
    return first.driver_id


def test_sao_paulo_2024_five_seconds_cost_verstappen_third_in_the_sprint(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    final = sample_weekend("sao-paulo")
    on_the_road = penalised(final.sprints["sao-paulo"], "max_verstappen", -5, SPRINT_POINTS)
    replay.publish(with_finishes(final, "sprints", "sao-paulo", on_the_road))
    replay.ingest("2024-11-02 15:40")
    assert podium(saved("sprint")) == ["norris", "piastri", "max_verstappen"]

    replay.publish(final)
    replay.ingest("2024-11-02 17:10")

    event = saved("sprint")
    assert podium(event) == ["norris", "piastri", "leclerc"]
    assert event.classification[3].driver_id == "max_verstappen"
    assert feed(event) == heard(event) == ONCE
    assert amendments() == ["P3 Verstappen -> Leclerc"]


def test_china_2025_three_disqualified_below_a_podium_that_stands(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    race = read_race(CHINA_2025, SHANGHAI.id)
    replay.publish(season_of(2025, SHANGHAI, race=race))
    replay.ingest("2025-03-23 10:10", 2025)
    leaders = podium(saved())

    out = disqualified(race, "leclerc", "hamilton", "gasly")
    replay.publish(season_of(2025, SHANGHAI, race=out))
    report = replay.ingest("2025-03-23 13:10", 2025)

    event = saved()
    assert podium(event) == leaders == ["piastri", "norris", "russell"]
    assert [row.driver_id for row in event.classification[3:6]] == [
        "max_verstappen", "ocon", "antonelli",
    ]  # fmt: skip
    assert report.results == {"amended": 1}
    assert amendments() == ["Leclerc disqualified, Hamilton disqualified, Gasly disqualified"]
    # An amendment all the same, of which a receiver can tell that no podium is another.
    assert feed(event) == heard(event) == ONCE
    change = Change.objects.get(kind="amended")
    before, after = change.before["classification"], change.after["classification"]
    assert not touches_leaders(event.session_type, before, after)
    assert describe_amendment(event.session_type, before, after) == amendments()[0]


def test_a_qualifying_whose_times_are_blank_at_first(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    final = sample_weekend("belgium")
    blank = without_times(final.qualifyings["belgium"])
    replay.publish(with_laps(final, "qualifyings", "belgium", blank))
    replay.ingest("2024-07-27 16:00")
    assert pole() == "max_verstappen"
    assert not Result.objects.exclude(q1=None, q2=None, q3=None).exists()
    keys = dict(saved("qualifying").results.values_list("driver_id", "pk"))

    replay.publish(final)
    report = replay.ingest("2024-07-27 20:00")

    event = saved("qualifying")
    assert pole() == "max_verstappen"
    assert event.results.get(order=1).q3 == timedelta(seconds=113.159)
    assert dict(event.results.values_list("driver_id", "pk")) == keys
    assert feed(event) == [("published", 1, "poll"), ("details", 1, "poll")]
    assert heard(event) == [("published", 1, "poll")]
    assert report.results == {"updated": 1}
    assert amendments() == []


# Months later


def test_belgium_2024_russell_first_again_eight_months_later(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    """As an import of the upstream's own data had it in March 2025."""
    final = sample_weekend("belgium")
    mistaken = reinstated(final.races["belgium"], "russell")
    replay.publish(final)
    replay.ingest("2024-07-28 18:00")
    replay.ingest("2024-07-29 19:00")
    assert [event.results_state for event in Event.objects.all()] == ["settled", "settled"]

    replay.publish(with_finishes(final, "races", "belgium", mistaken))
    report = replay.ingest("2025-03-15 04:00")

    assert podium(saved()) == ["hamilton", "piastri", "leclerc"]
    assert saved().results_revision == 1
    assert report.outcome == IngestRun.objects.latest("pk").outcome == "partial"
    [problem] = report.problems
    assert str(problem) == (
        "2024 belgian-grand-prix race: settled, and the upstream now says otherwise: "
        "P1 Hamilton -> Russell, P2 Piastri -> Hamilton, P3 Leclerc -> Piastri, "
        "Russell no longer disqualified; nothing was changed, a person has to accept or reject it"
    )
    before = all_rows()
    assert replay.ingest("2025-03-15 10:00").outcome == "ok"
    assert all_rows() == before

    replay.publish(final)
    replay.ingest("2025-03-16 04:00")

    assert saved().proposal is None
    assert [change.kind for change in Change.objects.filter(event=saved())] == [
        "scheduled", "published", "settled", "proposed", "details",
    ]  # fmt: skip
    assert heard(saved()) == [("published", 1, "poll")]


def test_a_third_place_that_changes_months_later_is_applied_by_one_call(
    replay: Replay, heard: Callable[[Event], Told]
) -> None:
    race = read_race(SAUDI_ARABIA_2023, JEDDAH.id)
    replay.publish(season_of(2023, JEDDAH, race=race))
    replay.ingest("2023-03-20 00:30", 2023)
    replay.ingest("2023-03-21 01:30", 2023)
    replay.publish(season_of(2023, JEDDAH, race=penalised(race, "alonso", 10)))
    replay.ingest("2023-06-16 12:00", 2023)
    assert podium(saved()) == ["perez", "max_verstappen", "alonso"]

    steward = User.objects.create_user("steward")
    author = Author(steward, "a right of review was granted", utc("2023-06-16 13:00"))
    accept_proposal(saved(), author, revision=1)

    event = saved()
    assert podium(event) == ["perez", "max_verstappen", "russell"]
    assert (event.results_state, event.results_revision) == ("settled", 2)
    assert heard(event)[1:] == [("amended", 2, "correction")]
    before = all_rows()
    assert replay.ingest("2023-06-16 14:00", 2023).outcome == "ok"
    assert all_rows() == before


# Las Vegas 2025: the upstream's data were patched by hand, step by step.


def changed(race: Finishes, **changes: dict[str, Any]) -> Finishes:
    return tuple(replace(finish, **changes.get(finish.driver, {})) for finish in race)


def points_of(race: Finishes) -> dict[str, dict[str, Any]]:
    return {finish.driver: {"points": finish.points} for finish in race}


ON_THE_ROAD = read_race(LAS_VEGAS_2025, LAS_VEGAS.id)
FINAL = disqualified(ON_THE_ROAD, "norris", "piastri")
OUT: dict[str, Any] = {"classification": "D", "status": DISQUALIFIED}
NONE = {"points": "0"}
HALF_FINISHED = {
    "no place": changed(ON_THE_ROAD, norris={**OUT, "order": 0}, piastri={**OUT, "order": 0}),
    "the places of others": changed(
        ON_THE_ROAD, norris={**OUT, "order": 19}, piastri={**OUT, "order": 20}
    ),
    "their old points": changed(FINAL, **points_of(ON_THE_ROAD)),
}
# Nothing is wrong in it but how many points the others have.
ALMOST_FINISHED = changed(FINAL, **{**points_of(ON_THE_ROAD), "norris": NONE, "piastri": NONE})


@pytest.fixture
def las_vegas(replay: Replay) -> Replay:
    replay.publish(season_of(2025, LAS_VEGAS, race=ON_THE_ROAD))
    replay.ingest("2025-11-23 07:30", 2025)
    assert podium(saved()) == ["max_verstappen", "norris", "russell"]
    return replay


@pytest.mark.parametrize("half", HALF_FINISHED)
def test_half_of_a_patch_is_never_saved(las_vegas: Replay, half: str) -> None:
    before = all_rows()
    las_vegas.publish(season_of(2025, LAS_VEGAS, race=HALF_FINISHED[half]))

    young = las_vegas.ingest("2025-11-23 10:00", 2025)
    old = las_vegas.ingest("2025-11-25 10:00", 2025)

    assert all_rows() == before
    assert (young.outcome, old.outcome) == ("ok", "partial")
    for told in (young.notes[0], old.problems[0]):
        assert "race: its new answer was left aside, " in str(told)


def test_las_vegas_2025_patched_in_four_steps_within_ninety_minutes(
    heard: Callable[[Event], Told], las_vegas: Replay
) -> None:
    times = ["10:00", "10:25", "10:50", "11:10", "11:30"]
    steps = [*HALF_FINISHED.values(), ALMOST_FINISHED, FINAL]
    podiums = []
    for at, race in zip(times, steps, strict=True):
        las_vegas.publish(season_of(2025, LAS_VEGAS, race=race))
        las_vegas.ingest(f"2025-11-23 {at}", 2025)
        podiums.append(podium(saved()))

    first = ["max_verstappen", "norris", "russell"]
    final = ["max_verstappen", "russell", "antonelli"]
    assert podiums == [first, first, first, final, final]
    event = saved()
    assert [row.driver_id for row in event.classification[-2:]] == ["norris", "piastri"]
    assert [row.points for row in event.podium] == [25, 18, 15]
    assert feed(event) == [*ONCE, ("details", 2, "poll")]
    assert heard(event) == ONCE
    assert amendments() == [
        "P2 Norris -> Russell, P3 Russell -> Antonelli, Norris disqualified, Piastri disqualified"
    ]


@pytest.mark.parametrize(
    "table",
    [SAUDI_ARABIA_2023, UNITED_STATES_2023, HUNGARY_2021, LAS_VEGAS_2025, CHINA_2025],
    ids=["Saudi Arabia", "United States", "Hungary", "Las Vegas", "China"],
)
def test_the_tables_have_twenty_cars_on_slots_of_their_own(table: str) -> None:
    race = read_race(table, "somewhere")
    slots = [finish.grid for finish in race if finish.grid]

    assert len({finish.number for finish in race}) == len(race) == 20
    assert sorted(slots) == list(range(1, len(slots) + 1))
