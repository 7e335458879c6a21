"""The schedule file and Jolpica's calendar in, plain records out."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import BadSourceData
from ingestion.records import UNNAMED, CalendarRecord, GrandPrixRecord, SessionRecord, Source
from ingestion.sample.schedule_file import build_schedule
from ingestion.sample.season import load_season
from ingestion.sessions import SessionType
from ingestion.sources import Sources
from ingestion.sources.jolpica.ergast import read_calendar
from ingestion.sources.schedule_file import read_schedule
from tests.plain import MISSING, anything_missing, assert_plain, spoil
from tests.upstream import FaultyUpstream

NOON = datetime(2024, 7, 28, 12, 0, 5, tzinfo=UTC)
RACE, QUALIFYING = SessionType.RACE, SessionType.QUALIFYING
SPRINT, SPRINT_QUALIFYING = SessionType.SPRINT, SessionType.SPRINT_QUALIFYING

Document = dict[str, dict[str, Any]]
ReadFile = Callable[..., CalendarRecord]

in_file = partial(SessionRecord, source=Source.SCHEDULE_FILE, generated_at=NOON)
at_jolpica = partial(SessionRecord, source=Source.JOLPICA, generated_at=NOON)


# The schedule file


@pytest.fixture
def schedule() -> Document:
    return schedule_of_2024()


def schedule_of_2024() -> Document:
    document: Document = json.loads(json.dumps(build_schedule(load_season())))
    return document


@pytest.fixture
def read_file() -> ReadFile:

    def serve_and_read(document: Document, season: int = 2024) -> CalendarRecord:
        return read_schedule(json.loads(json.dumps(document)), season, NOON)

    return serve_and_read


def named(calendar: CalendarRecord, name: str) -> GrandPrixRecord:
    return next(grand_prix for grand_prix in calendar.grands_prix if grand_prix.name == name)


def row_of(document: Document, name: str) -> str:
    return next(row for row, found in document["event_name"].items() if found == name)


def test_a_grand_prix_of_the_schedule_file(read_file: ReadFile, schedule: Document) -> None:
    calendar = read_file(schedule)
    assert (calendar.season, calendar.source, calendar.generated_at) == (
        2024,
        Source.SCHEDULE_FILE,
        NOON,
    )
    offset = timedelta(hours=8)
    assert named(calendar, "Chinese Grand Prix") == GrandPrixRecord(
        season=2024,
        round_number=5,
        name="Chinese Grand Prix",
        official_name=schedule["official_event_name"][row_of(schedule, "Chinese Grand Prix")],
        country="China",
        location="Shanghai",
        race_date=date(2024, 4, 21),
        sessions=(
            in_file(SPRINT_QUALIFYING, datetime(2024, 4, 19, 7, 30, tzinfo=UTC), utc_offset=offset),
            in_file(SPRINT, datetime(2024, 4, 20, 3, tzinfo=UTC), utc_offset=offset),
            in_file(QUALIFYING, datetime(2024, 4, 20, 7, tzinfo=UTC), utc_offset=offset),
            in_file(RACE, datetime(2024, 4, 21, 7, tzinfo=UTC), utc_offset=offset),
        ),
    )


def test_practice_and_testing_are_no_sessions(read_file: ReadFile, schedule: Document) -> None:
    calendar = read_file(schedule)
    assert len(calendar.grands_prix) == 24
    kinds = [session.session_type for _, session in calendar.sessions()]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        QUALIFYING: 24,
        RACE: 24,
        SPRINT: 6,
        SPRINT_QUALIFYING: 6,
    }


def test_las_vegas_is_run_on_another_day_in_utc(read_file: ReadFile, schedule: Document) -> None:
    las_vegas = named(read_file(schedule), "Las Vegas Grand Prix")
    assert las_vegas.race_date == date(2024, 11, 23)
    assert [(session.starts_at, session.utc_offset) for session in las_vegas.sessions] == [
        (datetime(2024, 11, 23, 6, tzinfo=UTC), timedelta(hours=-8)),
        (datetime(2024, 11, 24, 6, tzinfo=UTC), timedelta(hours=-8)),
    ]


@pytest.mark.parametrize(
    ("offset", "hours"), [("+05:30", 5.5), ("-03:00", -3), ("+00:00", 0), ("+14:00", 14)]
)
def test_offsets(offset: str, hours: float, read_file: ReadFile, schedule: Document) -> None:
    row = row_of(schedule, "Bahrain Grand Prix")
    schedule["gmt_offset"][row] = offset
    bahrain = named(read_file(schedule), "Bahrain Grand Prix")
    local = datetime.fromisoformat(schedule["session5_date"][row])
    starts_at = local.replace(tzinfo=timezone(timedelta(hours=hours))).astimezone(UTC)
    assert bahrain.sessions[-1] == in_file(RACE, starts_at, utc_offset=timedelta(hours=hours))


@pytest.mark.parametrize(
    ("season", "name", "meant"),
    [
        (2021, "Sprint Qualifying", SPRINT),
        (2022, "Sprint Qualifying", SPRINT),
        (2022, "Sprint", SPRINT),
        (2023, "Sprint Shootout", SPRINT_QUALIFYING),
        (2023, "Sprint", SPRINT),
        (2024, "Sprint Qualifying", SPRINT_QUALIFYING),
        (2026, "Sprint Qualifying", SPRINT_QUALIFYING),
        (2021, "Qualifying", QUALIFYING),
        (2024, "Practice 2", None),
        (2024, "Sprint Practice", None),
    ],
)
def test_session_names_mean_something_else_by_season(
    season: int, name: str, meant: SessionType | None, read_file: ReadFile, schedule: Document
) -> None:
    schedule["session2"][row_of(schedule, "Bahrain Grand Prix")] = name
    bahrain = named(read_file(schedule, season), "Bahrain Grand Prix")
    kinds = [session.session_type for session in bahrain.sessions]
    assert kinds == [*([meant] if meant else []), QUALIFYING, RACE]


@pytest.mark.parametrize("nothing", ["", None])
def test_a_session_without_a_time_is_kept(
    nothing: str | None, read_file: ReadFile, schedule: Document
) -> None:
    schedule["session4_date"][row_of(schedule, "Bahrain Grand Prix")] = nothing
    bahrain = named(read_file(schedule), "Bahrain Grand Prix")
    # The weekend's other sessions tell where it is.
    assert bahrain.sessions[0] == in_file(QUALIFYING, None, utc_offset=timedelta(hours=3))
    assert bahrain.sessions[1].starts_at == datetime(2024, 3, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize("nothing", MISSING)
@pytest.mark.parametrize("column", ["country", "location", "official_event_name"])
def test_missing_texts_of_the_schedule_file_are_empty(
    column: str, nothing: Any, read_file: ReadFile, schedule: Document
) -> None:
    schedule[column][row_of(schedule, "Bahrain Grand Prix")] = nothing
    bahrain = named(read_file(schedule), "Bahrain Grand Prix")
    field = {"official_event_name": "official_name"}.get(column, column)
    assert getattr(bahrain, field) == ""


@pytest.mark.parametrize("nothing", MISSING)
def test_a_grand_prix_without_a_name_takes_no_other_along(
    nothing: Any, read_file: ReadFile, schedule: Document
) -> None:
    schedule["event_name"][row_of(schedule, "Bahrain Grand Prix")] = nothing
    read = read_file(schedule)
    assert (len(read.grands_prix), read.unreadable) == (23, (UNNAMED,))


@pytest.mark.parametrize(
    "case",
    [
        ("round_number", "four", True),
        ("round_number", None, True),
        ("round_number", 32768, True),
        ("round_number", -(10**30), True),
        ("round_number", 0, True),
        ("round_number", float("inf"), True),
        ("event_date", "soon", True),
        ("event_date", None, True),
        ("event_date", "9999-99-99", True),
        ("event_date", "2025-04-07", True),
        ("gmt_offset", "x", True),
        ("session5_date", "soon", False),
        ("location", "Suz\x00uka", False),
        ("session1", 5, False),
    ],
)
def test_one_bad_value_takes_no_other_grand_prix_along(
    case: tuple[str, object, bool], upstream: FaultyUpstream, sources: Sources, schedule: Document
) -> None:
    column, value, is_refused = case
    schedule[column][row_of(schedule, "Japanese Grand Prix")] = value
    upstream.serve_schedule(2024, json.dumps(schedule).encode())
    answer = sources.calendars(2024)[0].fetch_calendar(2024, fresh=True)
    [calendar] = answer.records
    assert len(calendar.grands_prix) == 24 - is_refused
    assert calendar.unreadable == (("Japanese Grand Prix",) if is_refused else ())
    if is_refused:
        assert "the Japanese Grand Prix cannot be read (" in answer.notices[0]
        assert "what is saved of it is kept" in answer.notices[0]


# Jolpica's calendar


def calendar_race(**changes: Any) -> dict[str, Any]:
    place = {"locality": "Baku", "country": "Azerbaijan", "lat": "40.3", "long": "49.8"}
    return {
        "season": "2023",
        "round": "4",
        "raceName": "Azerbaijan Grand Prix",
        "Circuit": {"circuitId": "baku", "circuitName": "Baku City Circuit", "Location": place},
        "date": "2023-04-30",
        **changes,
    }


def read_race(season: int = 2023, **changes: Any) -> GrandPrixRecord:
    entry = calendar_race(season=str(season), **changes)
    calendar = read_calendar([entry], season, NOON)
    assert (calendar.source, calendar.generated_at) == (Source.JOLPICA, NOON)
    [grand_prix] = calendar.grands_prix
    return grand_prix


def midnight(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def test_since_2022_all_sessions_have_times() -> None:
    assert read_race(
        time="11:00:00Z",
        FirstPractice={"date": "2023-04-28", "time": "09:30:00Z"},
        Qualifying={"date": "2023-04-28", "time": "13:00:00Z"},
        SprintShootout={"date": "2023-04-29", "time": "09:30:00Z"},
        Sprint={"date": "2023-04-29", "time": "13:30:00Z"},
    ) == GrandPrixRecord(
        season=2023,
        round_number=4,
        name="Azerbaijan Grand Prix",
        official_name="",
        country="Azerbaijan",
        location="Baku",
        race_date=date(2023, 4, 30),
        sessions=(
            at_jolpica(QUALIFYING, datetime(2023, 4, 28, 13, tzinfo=UTC)),
            at_jolpica(SPRINT, datetime(2023, 4, 29, 13, 30, tzinfo=UTC)),
            at_jolpica(SPRINT_QUALIFYING, datetime(2023, 4, 29, 9, 30, tzinfo=UTC)),
            at_jolpica(RACE, datetime(2023, 4, 30, 11, tzinfo=UTC)),
        ),
    )


def test_since_2024_the_sprints_qualifying_has_another_key() -> None:
    weekend = read_race(
        2024, date="2024-04-21", SprintQualifying={"date": "2024-04-19", "time": "07:30:00Z"}
    )
    assert weekend.sessions[0] == at_jolpica(
        SPRINT_QUALIFYING, datetime(2024, 4, 19, 7, 30, tzinfo=UTC)
    )


def test_from_2006_sessions_have_days() -> None:
    weekend = read_race(
        2007, date="2007-03-18", time="03:00:00Z", Qualifying={"date": "2007-03-17"}
    )
    assert weekend.sessions == (
        at_jolpica(QUALIFYING, midnight(2007, 3, 17), start_is_estimated=True),
        at_jolpica(RACE, datetime(2007, 3, 18, 3, tzinfo=UTC)),
    )


def test_in_2005_the_race_alone_has_a_time() -> None:
    weekend = read_race(2005, date="2005-03-06", time="14:00:00Z")
    assert weekend.sessions == (at_jolpica(RACE, datetime(2005, 3, 6, 14, tzinfo=UTC)),)


def test_before_2005_the_race_has_a_day() -> None:
    weekend = read_race(1997, date="1997-03-09")
    assert weekend.sessions == (at_jolpica(RACE, midnight(1997, 3, 9), start_is_estimated=True),)


@pytest.mark.parametrize("nothing", MISSING)
def test_a_session_without_a_time_is_known_by_its_day(nothing: Any) -> None:
    weekend = read_race(time=nothing, Qualifying={"date": "2023-04-29", "time": nothing})
    assert weekend.sessions == (
        at_jolpica(QUALIFYING, midnight(2023, 4, 29), start_is_estimated=True),
        at_jolpica(RACE, midnight(2023, 4, 30), start_is_estimated=True),
    )


@pytest.mark.parametrize("nothing", MISSING)
def test_a_session_without_a_day_has_no_start(nothing: Any) -> None:
    weekend = read_race(Qualifying={"date": nothing, "time": "13:00:00Z"})
    assert weekend.sessions[0] == at_jolpica(QUALIFYING, None)


@pytest.mark.parametrize(
    ("clock", "hour"), [("11:00:00Z", 11), ("11:00:00", 11), ("11:00:00+04:00", 7)]
)
def test_times_are_utc_unless_they_say_otherwise(clock: str, hour: int) -> None:
    [session] = read_race(time=clock).sessions
    assert session.starts_at == datetime(2023, 4, 30, hour, tzinfo=UTC)
    assert session.starts_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"season": "2022"}, "it has a race of 2022"),
        ({"raceName": ""}, "the name of a race is missing"),
        ({"date": "30 April"}, "Invalid isoformat string: '30 April'"),
        ({"Circuit": {}}, "'Location'"),
        ({"round": "four"}, "invalid literal for int() with base 10: 'four'"),
    ],
)
def test_a_calendar_that_makes_no_sense_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadSourceData) as raised:
        read_calendar([calendar_race(**changes)], 2023, NOON)
    assert str(raised.value) == f"Jolpica's calendar of 2023 cannot be read: {reason}"


def test_the_stand_ins_calendar_and_file_say_the_same(
    upstream: FaultyUpstream, sources: Sources
) -> None:
    starts = [
        {
            (grand_prix.round_number, session.session_type): session.starts_at
            for grand_prix, session in calendar.sessions()
        }
        for source in sources.calendars(2024)
        for calendar in source.fetch_calendar(2024, fresh=True).records
    ]
    assert starts[0] == starts[1]
    assert len(starts[0]) == 60


# Whatever is missing


COLUMNS = sorted(build_schedule(load_season()))


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    gaps=st.dictionaries(
        st.tuples(st.sampled_from(COLUMNS), st.integers(0, 24)),
        st.sampled_from([None, "", "nan", "None"]),
        max_size=8,
    )
)
def test_records_of_a_schedule_are_plain_whatever_is_missing(
    gaps: dict[tuple[str, int], Any], read_file: ReadFile
) -> None:
    document = schedule_of_2024()
    for (column, row), nothing in gaps.items():
        document[column][str(row)] = nothing
    try:
        calendar = read_file(document)
    except BadSourceData:
        return
    assert_plain(calendar)


@settings(deadline=None)
@given(data=st.data())
def test_records_of_jolpicas_calendar_are_plain_whatever_is_missing(data: st.DataObject) -> None:
    entry = calendar_race(
        time="11:00:00Z",
        Qualifying={"date": "2023-04-28", "time": "13:00:00Z"},
        Sprint={"date": "2023-04-29"},
    )
    parts = (entry, entry["Circuit"]["Location"], entry["Qualifying"], entry["Sprint"])
    for part in parts:
        for key in data.draw(st.sets(st.sampled_from(sorted(part)))):
            spoil(part, key, data.draw(anything_missing))
    try:
        calendar = read_calendar([entry], 2023, NOON)
    except BadSourceData:
        return
    assert_plain(calendar)
