"""Every published version of the schedule files of 2023 and 2024, each at its hour, into one
database, with the results that came in between: events stay themselves, and locks stay fair."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder

from ingestion.models import Change, Event
from ingestion.sample.season import load_season
from rehearsal.history import with_jolpicas_errors
from tests.fastf1_limits import settings_restored
from tests.history import (
    ANNOUNCED,
    EMILIA_ROMAGNA,
    PRINTED_KINDS,
    History,
    Key,
    Step,
    history_of_2023,
    history_of_2024,
    is_over,
    read_rounds,
    read_starts,
    read_versions,
    real_starts,
    recorded_pages,
    with_sprint_weekends_open,
    without_jolpicas_calendar,
)
from tests.replay import describe_season
from tests.replaying import Played, play
from tests.upstream import RECORDED_ENDPOINTS, SHARED, needs_shared

pytestmark = [needs_shared, pytest.mark.django_db(transaction=True)]

Season = list[Played]
Play = Callable[[str], Season]

MINUTE = timedelta(minutes=1)
LATE = (
    timedelta(0),
    timedelta(seconds=1),
    MINUTE,
    timedelta(hours=1),
    timedelta(days=1),
)
# Blank, or of a form that FastF1 no longer reads.
UNREADABLE = {2023: range(1, 6), 2024: range(1, 2)}

AUSTIN = [
    ("United States Grand Prix", kind)
    for kind in ("sprint_qualifying", "sprint", "qualifying", "race")
]
SAO_PAULO_QUALIFYING = ("São Paulo Grand Prix", "qualifying")
EMILIA_ROMAGNAS = [(EMILIA_ROMAGNA, "qualifying"), (EMILIA_ROMAGNA, "race")]


# The histories


def history_with_open_sprints(*, days_known: bool) -> History:
    """Jolpica knows no more of the sprint weekends than the file did."""
    season = with_jolpicas_errors(load_season(2024))
    return history_of_2024(with_sprint_weekends_open(season, days_known=days_known)).between(1, 7)


def history_with_blank_file() -> History:
    """A blank file in October, after which the one before is back; by then the results are
    settled."""
    history = history_of_2024()
    blank, good = (read_versions(2024)[number - 1] for number in (1, 18))
    at = good.published_at
    files = (good, good, blank, good)
    days = [Step(at + timedelta(days=day), file) for day, file in enumerate(files)]
    return History(2024, tuple(days), history.show_jolpica)


HISTORIES: Mapping[str, Callable[[], History]] = {
    "2023": history_of_2023,
    "2024": history_of_2024,
    "Jolpica drops it when it is announced": lambda: history_of_2023(
        listed_until=ANNOUNCED
    ).between(13, 16),
    "Jolpica drops it later than the file": lambda: history_of_2023(
        listed_until=datetime(2023, 6, 10, tzinfo=UTC)
    ).between(13, 16),
    "sprint days known": lambda: history_with_open_sprints(days_known=True),
    "sprint days unknown": lambda: history_with_open_sprints(days_known=False),
    "blank in October": history_with_blank_file,
    "the file alone in autumn": lambda: without_jolpicas_calendar(history_of_2024()).between(
        18, 21
    ),
}


# The suite plays one whole season and the parts in which the other moved most; `make long` plays
# all. On PostgreSQL a short one alone: rows are written there as everywhere.
AGAIN = ("sprint days unknown",)
PLAYED = (*AGAIN, "2023", "the file alone in autumn")


def marked(name: str) -> Any:
    marks = [] if name in AGAIN else [pytest.mark.once]
    return pytest.param(name, marks=marks if name in PLAYED else [*marks, pytest.mark.long])


BELATED = [marked("sprint days known"), marked("sprint days unknown")]
EACH_HISTORY = [marked(name) for name in HISTORIES]


@pytest.fixture(scope="module")
def replay(loopback_unlimited: None, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Plays a history once for all tests: they look at what was seen, not at the database."""
    seen: dict[str, Season] = {}

    def play_once(name: str) -> Season:
        if name not in seen:
            with settings_restored():
                seen[name] = list(play(HISTORIES[name](), tmp_path_factory.mktemp("cache")))
            call_command("flush", interactive=False, verbosity=0)
        return seen[name]

    return play_once


@pytest.fixture(
    params=[
        pytest.param(2023, marks=pytest.mark.once),
        pytest.param(2024, marks=[pytest.mark.once, pytest.mark.long]),
    ]
)
def year(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def season(year: int, replay: Play) -> Season:
    return replay(str(year))


def published(season: Season, number: int) -> Played:
    return next(
        played
        for played in season
        if played.step.is_publication and played.step.version.number == number
    )


def moves(played: Played) -> list[tuple[Key, Any, Any]]:
    return sorted(
        (key_of(change.event), change.before["starts_at"], change.after["starts_at"])
        for change in played.changes
        if change.kind == Change.Kind.RESCHEDULED
    )


def key_of(event: Event) -> Key:
    return event.name, event.session_type


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))


# What the histories rest on


@pytest.mark.once
def test_real_starts_of_2024_are_those_of_an_independent_record() -> None:
    assert sorted(real_starts(2024).values()) == sorted(read_facts())
    assert len(real_starts(2024)) == 60


def read_facts() -> dict[datetime, list[str]]:
    """The drivers of each session of 2024 in order, by its start: no two begin together."""
    sessions: dict[datetime, dict[int, str]] = {}
    with (SHARED / "facts_2024.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            start = datetime.fromisoformat(f"{row['session_date']}T{row['session_time']}+00:00")
            sessions.setdefault(start, {})[int(row["order"])] = row["ergast_driver_id"]
    return {
        start: [driver for _, driver in sorted(entries.items())]
        for start, entries in sessions.items()
    }


# Events stay themselves


def test_every_version_is_played_in_its_order(season: Season, year: int) -> None:
    numbers = [played.step.version.number for played in season if played.step.is_publication]
    assert numbers == [version.number for version in read_versions(year)]
    assert len(numbers) == {2023: 20, 2024: 24}[year]
    assert [played.step.at for played in season] == sorted(played.step.at for played in season)


def test_an_event_keeps_its_key_and_is_never_deleted(season: Season) -> None:
    keys: dict[Key, int] = {}
    for played in season:
        found = {key: event.pk for key, event in played.events.items()}
        assert found == {**found, **keys}
        keys = found


KINDS = {
    2023: {"qualifying": 22, "race": 22, "sprint": 6, "sprint_qualifying": 6},
    2024: {"qualifying": 24, "race": 24, "sprint": 6, "sprint_qualifying": 6},
}


def test_the_season_ends_with_its_events_and_its_results(season: Season, year: int) -> None:
    last = season[-1]
    held = {key: event for key, event in last.events.items() if not event.is_cancelled}
    assert sorted(set(last.events) - set(held)) == {2023: EMILIA_ROMAGNAS, 2024: []}[year]
    assert Counter(kind for _, kind in held) == KINDS[year]
    assert {event.status for event in held.values()} == {"completed"}
    assert len(last.results) == {2023: 56, 2024: 60}[year]


def test_rounds_and_starts_are_those_of_the_version_that_is_out(season: Season, year: int) -> None:
    for played in season:
        version = played.step.version
        if version.number in UNREADABLE[year]:
            continue
        starts, rounds = read_starts(version), read_rounds(version)
        events = played.events
        assert {key: events[key].starts_at for key in starts} == starts
        assert {key: events[key].round_number for key in starts} == {
            key: rounds[key[0]] for key in starts
        }


def test_each_result_is_on_its_event_from_the_end_of_the_session_on(
    season: Season, year: int
) -> None:
    expected = {2023: read_recorded, 2024: read_drivers}[year]()
    for played in season:
        found = {key: [row["driver_id"] for row in rows] for key, rows in played.results.items()}
        assert found == {
            key: drivers
            for key, drivers in expected.items()
            if is_over(told_by(key, year), year, played.step.at)
        }


def told_by(key: Key, year: int) -> Key:
    """The session whose end brings a classification: of 2023 no sprint qualifying was recorded,
    and the sprint's grid shows its pole."""
    return (key[0], "sprint") if is_guess(key, year) else key


def is_guess(key: Key, year: int) -> bool:
    return year == 2023 and key[1] == "sprint_qualifying"


def read_drivers() -> dict[Key, list[str]]:
    """Of 2024."""
    facts = read_facts()
    return {key: facts[start] for key, start in real_starts(2024).items()}


def read_recorded() -> dict[Key, list[str]]:
    """Of 2023; who shares a position comes in the order of the cars. Of a sprint qualifying there
    is whom the sprint's grid has first."""
    rows: dict[Key, list[Any]] = {}
    for endpoint, kind in PRINTED_KINDS.items():
        for page in recorded_pages(endpoint).values():
            for race in page["MRData"]["RaceTable"]["Races"]:
                entries = race[RECORDED_ENDPOINTS[endpoint]]
                rows.setdefault((race["raceName"], kind.value), []).extend(entries)
    poles = {
        (name, "sprint_qualifying"): [
            row["Driver"]["driverId"] for row in entries if row["grid"] == "1"
        ]
        for (name, kind), entries in rows.items()
        if kind == "sprint"
    }
    return poles | {
        key: [
            row["Driver"]["driverId"]
            for row in sorted(entries, key=lambda row: (int(row["position"]), int(row["number"])))
        ]
        for key, entries in rows.items()
    }


def test_what_was_saved_stays_row_by_row(season: Season) -> None:
    known: Mapping[Key, Any] = {}
    for played in season:
        assert {key: played.results[key] for key in known} == known
        known = played.results


def test_results_hang_on_the_event_of_their_first_day(season: Season) -> None:
    for played in season:
        for key, rows in played.results.items():
            assert {row["event_id"] for row in rows} == {played.events[key].pk}


# Refused versions, and the same again


def test_versions_that_cannot_be_read_are_refused_and_say_so(season: Season, year: int) -> None:
    for played in season:
        is_unreadable = played.step.version.number in UNREADABLE[year]
        problems = [str(problem) for problem in played.report.problems]
        assert len(problems) == is_unreadable
        for problem in problems:
            assert problem.startswith(f"{year}: the schedule file of {year}")
            assert problem.endswith("; Jolpica's calendar was used alone")
        assert played.report.outcome == ("partial" if is_unreadable else "ok")


def test_on_an_empty_database_jolpicas_calendar_fills_in(season: Season, year: int) -> None:
    first, *later = (published(season, number) for number in UNREADABLE[year])
    assert first.report.events == {"created": {2023: 56, 2024: 60}[year]}
    assert {event.schedule_source for event in first.events.values()} == {"jolpica"}
    assert [change for played in later for change in played.changes] == []


@pytest.mark.once
@pytest.mark.long
def test_a_blank_file_in_mid_season_changes_nothing_that_the_file_had_told(replay: Play) -> None:
    first, good, blank, again = replay("blank in October")
    assert {(change.kind, key_of(change.event)) for change in good.changes} == {
        (Change.Kind.SETTLED, key) for key in first.results
    }
    assert [played.report.outcome for played in (good, blank, again)] == ["ok", "partial", "ok"]
    assert blank.changes == again.changes == ()
    assert columns(good) == columns(blank) == columns(again)


def columns(played: Played) -> dict[Key, dict[str, Any]]:
    return {
        key: {field.name: getattr(event, field.attname) for field in Event._meta.concrete_fields}
        for key, event in played.events.items()
    }


@pytest.mark.parametrize("name", EACH_HISTORY)
def test_the_same_again_writes_nothing(name: str, replay: Play) -> None:
    wrote = {
        played.step.version.number: played.wrote_again
        for played in replay(name)
        if played.step.is_publication
    }
    assert wrote == dict.fromkeys(wrote, ())


# The feed


def test_the_feed_tells_each_event_and_each_classification_once(season: Season, year: int) -> None:
    kinds = Counter(
        (change.kind, key_of(change.event)) for played in season for change in played.changes
    )
    once = {
        Change.Kind.SCHEDULED,
        Change.Kind.PUBLISHED,
        Change.Kind.SETTLED,
        Change.Kind.CANCELLED,
    }
    assert {(kind, key) for kind, key in kinds if kind in once} == {
        *((Change.Kind.SCHEDULED, key) for key in season[-1].events),
        *((Change.Kind.PUBLISHED, key) for key in season[-1].results),
        *((Change.Kind.SETTLED, key) for key in settled(season, year)),
        *((Change.Kind.CANCELLED, key) for key in EMILIA_ROMAGNAS if year == 2023),
    }
    assert {times for (kind, _), times in kinds.items() if kind in once} == {1}
    others = {kind for kind, _ in kinds} - once
    assert others == {Change.Kind.RESCHEDULED, Change.Kind.DETAILS, Change.Kind.ENTERED}


def settled(season: Season, year: int) -> list[Key]:
    """All but guesses and the last step's, which were not yet seen unchanged for a day."""
    *_, before, last = season
    assert sorted(set(last.results) - set(before.results)) == [
        ("Abu Dhabi Grand Prix", "qualifying"),
        ("Abu Dhabi Grand Prix", "race"),
    ]
    return [key for key in before.results if not is_guess(key, year)]


def test_a_classification_is_settled_by_the_first_step_a_day_after_it(
    season: Season, year: int
) -> None:
    published_at: dict[Key, datetime] = {}
    for played in season:
        for key in played.results:
            since = published_at.setdefault(key, played.step.at)
            is_old = played.step.at - since >= timedelta(days=1)
            expected = "settled" if is_old else "official"
            if is_guess(key, year):
                expected = "provisional"
            assert played.events[key].results_state == expected, (key, played.step.at)


def test_the_feed_joins_without_a_gap(season: Season) -> None:
    told: dict[int, dict[str, Any]] = {}
    for played in season:
        for change in played.changes:
            known = told.setdefault(change.event_id, {})
            for name, value in change.before.items():
                assert known.setdefault(name, value) == value, f"{change}: {name}"
            known.update(change.after)
    for event in season[-1].events.values():
        for name in ("starts_at", "round_number", "location"):
            assert told[event.pk][name] == as_json(getattr(event, name))


def test_the_feed_has_each_move_of_the_file_once(season: Season, year: int) -> None:
    versions = read_versions(year)
    readable = [version for version in versions if version.number not in UNREADABLE[year]]
    for before, version in pairwise(readable):
        was, now = read_starts(before), read_starts(version)
        moved = [(key, was[key], now[key]) for key in was if now.get(key, was[key]) != was[key]]
        played = published(season, version.number)
        known = [move for move in moves(played) if move[0] in was]
        assert known == as_json_moves(moved)


def as_json_moves(moved: list[tuple[Key, datetime, datetime]]) -> list[tuple[Key, Any, Any]]:
    return sorted((key, as_json(was), as_json(now)) for key, was, now in moved)


# Locks stay fair


def judged(season: Season) -> Iterator[tuple[Played, Key, Event, datetime]]:
    """Each session after each step that comes after its real start."""
    for played in season:
        for key, start in real_starts(played.step.at.year).items():
            if start <= played.step.at:
                yield played, key, played.events[key], start


def test_every_session_of_a_season_is_judged(season: Season, year: int) -> None:
    assert {key for _, key, _, _ in judged(season)} == set(real_starts(year))


@pytest.mark.parametrize("name", EACH_HISTORY)
def test_no_pick_made_after_the_real_start_is_ever_in_time(name: str, replay: Play) -> None:
    late = [
        (played.step.at, key, event.locks_at)
        for played, key, event, start in judged(replay(name))
        if any(event.in_time(start + delay) for delay in LATE) or event.in_time(played.step.at)
    ]
    assert late == []


# Picks close at the start that a calendar gave, and what is closed is not opened again.
CLOSED_BEFORE_THE_START = {
    2023: {
        # Moved while Jolpica kept the old start: of two that differ little the earlier counts.
        ("Belgian Grand Prix", "sprint"): timedelta(minutes=35),
        ("Qatar Grand Prix", "sprint_qualifying"): timedelta(minutes=20),
    },
    2024: {
        # Put off to Sunday morning four hours after it should have begun.
        SAO_PAULO_QUALIFYING: timedelta(hours=16, minutes=30),
    },
}


@pytest.mark.parametrize("name", EACH_HISTORY)
def test_a_pick_made_a_minute_before_the_real_start_stays_in_time(name: str, replay: Play) -> None:
    for played, key, event, start in judged(replay(name)):
        early = CLOSED_BEFORE_THE_START[played.step.at.year]
        closes = start - early.get(key, timedelta(0))
        assert event.locks_at == closes, key
        assert event.in_time(closes - MINUTE)


in_autumn = pytest.mark.parametrize(
    "name",
    [marked(name) for name in ("2024", "the file alone in autumn")],
)


@in_autumn
def test_sao_paulos_qualifying_does_not_reopen_when_it_is_put_off(name: str, replay: Play) -> None:
    season = replay(name)
    saturday = datetime(2024, 11, 2, 18, tzinfo=UTC)
    sunday = datetime(2024, 11, 3, 10, 30, tzinfo=UTC)
    before, after, last = published(season, 20), published(season, 21), season[-1]
    assert before.events[SAO_PAULO_QUALIFYING].starts_at == saturday
    for played in (after, last):
        event = played.events[SAO_PAULO_QUALIFYING]
        assert (event.starts_at, event.locks_at) == (sunday, saturday)
        assert event.in_time(saturday - MINUTE)
        assert not event.in_time(saturday)
        assert not event.in_time(sunday - MINUTE)
        assert not event.in_time(sunday)
    assert (
        "2024 sao-paulo-grand-prix qualifying: it now starts at 2024-11-03 10:30 UTC, and picks "
        "stay closed since 2024-11-02 18:00 UTC; only a person can reopen them"
    ) in map(str, after.report.notes)


@pytest.mark.long
@pytest.mark.once
def test_sao_paulos_race_closes_at_its_earlier_start(replay: Play) -> None:
    key, start = ("São Paulo Grand Prix", "race"), datetime(2024, 11, 3, 15, 30, tzinfo=UTC)
    for played in (published(replay("2024"), 21), replay("2024")[-1]):
        event = played.events[key]
        assert (event.starts_at, event.locks_at) == (start, start)
        assert event.disputed_starts_at == datetime(2024, 11, 3, 17, tzinfo=UTC)


@in_autumn
@pytest.mark.parametrize("key", AUSTIN)
def test_austins_mistaken_shift_spoils_and_admits_no_pick(
    name: str, key: Key, replay: Play
) -> None:
    season, start = replay(name), real_starts(2024)[key]
    shifted = read_starts(read_versions(2024)[18])[key]
    assert shifted > start
    raced, mistaken, corrected = season_around(season, 19)
    assert [played.events[key].starts_at for played in (raced, mistaken, corrected)] == [
        start,
        shifted,
        start,
    ]
    for played in (raced, mistaken, corrected, season[-1]):
        event = played.events[key]
        assert event.in_time(start - MINUTE)
        assert not event.in_time(start)
        assert not event.in_time(shifted - MINUTE)
        assert played.results.get(key) == raced.results.get(key)
    assert (key, as_json(start), as_json(shifted)) in moves(mistaken)
    assert (key, as_json(shifted), as_json(start)) in moves(corrected)


def season_around(season: Season, number: int) -> tuple[Played, Played, Played]:
    """The step before a version's publication, it, and the next version's."""
    step = season.index(published(season, number))
    return season[step - 1], season[step], published(season, number + 1)


def belated_keys() -> list[Key]:
    """The sessions before the race of sprint weekends, whose times the file had not at first."""
    first, later = (read_starts(read_versions(2024)[number - 1]) for number in (2, 7))
    return sorted(
        (name, kind) for name, kind in set(later) - set(first) if (name, "sprint") in later
    )


def friday_begins(race: Event) -> datetime:
    """The first midnight of the weekend at the circuit, in UTC."""
    assert race.starts_at is not None
    assert race.utc_offset is not None
    sunday = (race.starts_at + race.utc_offset).replace(hour=0, minute=0)
    return sunday - timedelta(days=2) - race.utc_offset


@pytest.mark.parametrize("name", BELATED)
def test_picks_on_belatedly_known_sprint_sessions_close_safely_before(
    name: str, replay: Play
) -> None:
    """Without a time they close when the weekend begins at the circuit, at the latest."""
    season, known = replay(name), read_starts(read_versions(2024)[6])
    assert len(belated_keys()) == 18
    for number in (2, 3):
        events = published(season, number).events
        for grand_prix, kind in belated_keys():
            event, race = events[grand_prix, kind], events[grand_prix, "race"]
            assert event.starts_at is None or event.start_is_estimated
            assert event.locks_at is not None
            assert event.locks_at <= friday_begins(race)
            assert not event.in_time(known[grand_prix, kind])


@pytest.mark.parametrize("name", BELATED)
def test_belatedly_known_sprint_sessions_close_at_their_start_once_it_is_known(
    name: str, replay: Play
) -> None:
    season = replay(name)
    known = read_starts(read_versions(2024)[6])
    told = [move for played in season for move in moves(played) if move[0] in belated_keys()]
    for key in belated_keys():
        event = season[-1].events[key]
        assert (event.starts_at, event.start_is_estimated) == (known[key], False)
        assert event.locks_at == known[key]
        assert [now for moved, _, now in told if moved == key] == [as_json(known[key])]


@pytest.mark.long
@pytest.mark.once
def test_jolpica_fills_in_the_sprint_times_that_the_file_leaves_open(replay: Play) -> None:
    for key in belated_keys():
        event = published(replay("2024"), 2).events[key]
        assert (event.schedule_source, event.start_is_estimated) == ("jolpica", False)
        assert event.locks_at == event.starts_at


@pytest.mark.once
def test_the_hour_that_the_file_is_late_in_melbourne_lets_no_pick_in(replay: Play) -> None:
    key, start = ("Australian Grand Prix", "qualifying"), datetime(2023, 4, 1, 5, tzinfo=UTC)
    event = replay("2023")[-1].events[key]
    assert (event.starts_at, event.disputed_starts_at) == (start + timedelta(hours=1), start)
    assert event.locks_at == start


# The race that was cancelled


@pytest.mark.parametrize(
    ("name", "cancelled_by"),
    [
        pytest.param("2023", 15, marks=pytest.mark.once),
        pytest.param(
            "Jolpica drops it when it is announced",
            15,
            marks=[pytest.mark.once, pytest.mark.long],
        ),
        pytest.param(
            "Jolpica drops it later than the file", 16, marks=[pytest.mark.once, pytest.mark.long]
        ),
    ],
)
def test_emilia_romagna_is_cancelled_once_neither_calendar_has_it(
    name: str, cancelled_by: int, replay: Play
) -> None:
    season = replay(name)
    when = {
        key_of(change.event): played.step.version.number
        for played in season
        for change in played.changes
        if change.kind == Change.Kind.CANCELLED
    }
    assert when == dict.fromkeys(EMILIA_ROMAGNAS, cancelled_by)
    for key in EMILIA_ROMAGNAS:
        before = published(season, 14).events[key]
        assert (before.is_cancelled, before.round_number) == (False, 6)
        event = season[-1].events[key]
        assert (event.pk, event.is_cancelled, event.round_number) == (before.pk, True, None)


@pytest.mark.long
@pytest.mark.once
def test_what_only_jolpica_still_lists_is_off_the_calendar_and_not_cancelled(
    replay: Play,
) -> None:
    season = replay("Jolpica drops it later than the file")
    for key in EMILIA_ROMAGNAS:
        event = published(season, 15).events[key]
        assert (event.is_cancelled, event.round_number) == (False, None)


# What the replay prints


def test_the_replay_prints_a_line_for_each_version(season: Season, year: int) -> None:
    lines = list(describe_season(season))
    numbers = [line[:3] for line in lines if line[:3].isdigit()]
    assert numbers == [f"{version.number:03}" for version in read_versions(year)]
    assert (
        lines[-1]
        == {
            2023: "At the end: 58 events, 2 of them cancelled, and 56 classifications.",
            2024: "At the end: 60 events, 0 of them cancelled, and 60 classifications.",
        }[year]
    )
    assert not any("wrote" in line for line in lines)


@pytest.mark.long
@pytest.mark.once
def test_the_replay_prints_what_a_version_changed(replay: Play) -> None:
    lines = "\n".join(describe_season([*replay("2023"), *replay("2024")]))
    assert (
        "015  2023-05-31 16:43  ok       events: 44 updated, 2 cancelled\n"
        "     Monaco, qualifying, race: round 7 becomes 6\n"
    ) in lines
    assert "     Emilia Romagna, qualifying, race: cancelled\n" in lines
    assert (
        "021  2024-11-02 22:16  ok       events: 4 updated; classifications: 2 created\n"
        "     São Paulo, qualifying: moved from 2024-11-02 18:00 to 2024-11-03 10:30\n"
        "     São Paulo, race: moved from 2024-11-03 17:00 to 2024-11-03 15:30\n"
        "     Mexico City, race: its classification is settled\n"
        "     São Paulo, sprint qualifying, sprint: has its classification\n"
    ) in lines
    assert "022  2024-11-02 22:38  ok       nothing changed\n" in lines
    assert "023  2024-11-12 10:16  ok       nothing new\n" in lines
