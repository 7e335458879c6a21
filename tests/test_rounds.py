"""The right race or nothing, over real HTTP: the rounds of the schedule file and of Jolpica differ
by one after the middle of the season, because a cancelled grand prix came back at another circuit
under almost its old name and one of the two does not know it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ingestion.models import Change, Event, IngestRun, Result
from ingestion.pipeline import Calendars, IngestRequest, SourceConfig
from ingestion.pipeline import ingest as run_pipeline
from ingestion.report import RunReport
from ingestion.sample.ergast import Page, Query, build_body, build_document
from ingestion.sample.schedule_file import build_schedule
from ingestion.sample.season import (
    Finish,
    GrandPrix,
    Lap,
    Season,
    load_season,
    with_finishes,
)
from tests.command_line import (
    CALENDAR,
    RESULTS,
    SCHEDULE,
    asked,
    ingest,
    name_sprint_qualifying,
    read_rows,
)
from tests.command_line import (
    ROUNDS as ROUNDS_OF_NEWER_FORM,
)
from tests.project import Project
from tests.upstream import Document, FaultyUpstream

pytestmark = pytest.mark.once

SPRING = datetime(2024, 2, 20, 12, tzinfo=UTC)
SUMMER = datetime(2024, 7, 31, 12, tzinfo=UTC)
WINTER = datetime(2024, 12, 10, 12, tzinfo=UTC)

FACTS = load_season(2024)
BEFORE_THE_GAP = ("australia", "japan", "monaco", "great-britain")
AFTER_THE_GAP = ("italy", "singapore", "qatar")
KEYS = ("saudi-arabia", *BEFORE_THE_GAP, *AFTER_THE_GAP)
LATER = timedelta(weeks=22)
CAME_BACK = "Saudi Arabia Grand Prix"


# The season


def facts(*keys: str) -> list[GrandPrix]:
    return [FACTS.grand_prix(key) for key in keys]


def returned() -> GrandPrix:
    """Saudi Arabia of March, run in August on another circuit."""
    grand_prix = FACTS.grand_prix("saudi-arabia")
    return replace(
        grand_prix,
        name=CAME_BACK,
        race_name=CAME_BACK,
        location="Qiddiya",
        circuit="qiddiya",
        sessions=tuple(
            replace(session, starts_at=session.starts_at and session.starts_at + LATER)
            for session in grand_prix.sessions
        ),
    )


def numbered(grands_prix: list[GrandPrix]) -> tuple[GrandPrix, ...]:
    return tuple(
        replace(grand_prix, round=number) for number, grand_prix in enumerate(grands_prix, start=1)
    )


AS_PLANNED = numbered(facts(*KEYS))
WITHOUT_IT = numbered(facts(*BEFORE_THE_GAP, *AFTER_THE_GAP))
WITH_IT = numbered([*facts(*BEFORE_THE_GAP), returned(), *facts(*AFTER_THE_GAP)])


def season(file: tuple[GrandPrix, ...], jolpica: tuple[GrandPrix, ...]) -> Season:
    jeddah = FACTS.circuits["jeddah"]
    qiddiya = replace(jeddah, id="qiddiya", name="Qiddiya Speed Park Track", locality="Qiddiya")
    return replace(
        FACTS,
        testing=(),
        grands_prix=file,
        jolpica_calendar=jolpica,
        circuits=MappingProxyType({**FACTS.circuits, "qiddiya": qiddiya}),
    )


PLANNED = season(AS_PLANNED, AS_PLANNED)
CANCELLED = season(WITHOUT_IT, WITHOUT_IT)
FILE_IS_BEHIND = season(WITHOUT_IT, WITH_IT)
JOLPICA_IS_BEHIND = season(WITH_IT, WITHOUT_IT)


def first(entries: tuple[Finish, ...] | tuple[Lap, ...]) -> str:
    return next(entry.driver for entry in entries if entry.order == 1)


def name_of(key: str) -> str:
    return next(grand_prix.name for grand_prix in WITH_IT if grand_prix.id == key)


# Who won each race and sprint, and who was first in each (sprint) qualifying.
FIRST = {
    **{(name_of(key), "race"): first(FACTS.races[key]) for key in KEYS},
    **{(name_of(key), "qualifying"): first(FACTS.qualifyings[key]) for key in KEYS},
    ("Qatar Grand Prix", "sprint"): first(FACTS.sprints["qatar"]),
    ("Qatar Grand Prix", "sprint_qualifying"): first(FACTS.sprint_qualifyings["qatar"]),
}


def first_in(*names: str) -> dict[tuple[str, str], str]:
    return {session: driver for session, driver in FIRST.items() if session[0] in names}


def saved() -> dict[tuple[str, str], str]:
    """Who is first in each classification that is stored."""
    return {
        (result.event.name, result.event.session_type): result.driver_id
        for result in Result.objects.filter(order=1).select_related("event")
    }


# The runs


def answer_of(round_number: int, kind: str) -> bytes:
    """What Jolpica answers about a round, where its calendar has the one that came back."""
    query = Query(2024, str(round_number), kind)
    return build_body(build_document(FILE_IS_BEHIND, query, Page(limit=100), "https://jolpica"))


@dataclass
class Runs:
    """Runs of one process at any time; `asked` is what the last one has asked for."""

    upstream: FaultyUpstream
    folder: Path

    def __call__(self, season: Season, now: datetime = WINTER, **changes: Any) -> RunReport:
        self.upstream.seasons[2024] = season
        self.upstream.clock = lambda: now
        addresses = SourceConfig(
            cache_dir=self.folder,
            schedule_url=self.upstream.schedule_url,
            jolpica_url=self.upstream.jolpica_url,
        )
        request = IngestRequest(seasons=(2024,), config=addresses, **changes)
        self.upstream.clear_requests()
        return run_pipeline(request, clock=lambda: now, show_step=lambda *_, **__: None)

    def asked(self) -> list[str]:
        return asked(self.upstream)


@pytest.fixture
def run(
    upstream: FaultyUpstream, tmp_path: Path, transactional_db: None, fastf1_restored: None
) -> Runs:
    return Runs(upstream, tmp_path / "cache")


# A whole season

# What the newer form is asked: its rounds have keys of their own, whatever their numbers.
SPRINT_QUALIFYING = [ROUNDS_OF_NEWER_FORM, name_sprint_qualifying(FACTS, "qatar")]
WHOLE_SEASON = [
    SCHEDULE,
    CALENDAR,
    RESULTS[0],
    f"{RESULTS[0]} from 100",
    RESULTS[1],
    f"{RESULTS[1]} from 100",
    RESULTS[2],
    *SPRINT_QUALIFYING,
]


def test_every_result_lands_on_its_own_race_where_the_file_is_behind(run: Runs) -> None:
    report = run(FILE_IS_BEHIND)

    assert saved() == FIRST
    assert report.problems == []
    assert run.asked() == WHOLE_SEASON
    rounds = dict(Event.objects.filter(session_type="race").values_list("name", "round_number"))
    assert rounds == {
        **{grand_prix.name: grand_prix.round for grand_prix in WITHOUT_IT},
        CAME_BACK: None,
    }


def test_one_bad_value_of_the_file_is_a_problem_by_name_and_the_rest_is_saved(
    run: Runs, upstream: FaultyUpstream
) -> None:
    facts = season(WITH_IT, WITH_IT)
    run(facts)
    before = dict(Event.objects.values_list("pk", "starts_at"))
    document = json.loads(json.dumps(build_schedule(facts)))
    spoilt = next(iter(document["event_name"]))
    document["round_number"][spoilt] = "four"
    upstream.serve_schedule(2024, json.dumps(document).encode())

    report = run(facts)

    assert report.outcome == "partial"
    [problem] = report.problems
    assert f"has a {document['event_name'][spoilt]} that cannot be read" in problem.message
    assert dict(Event.objects.values_list("pk", "starts_at")) == before


def test_every_result_lands_on_its_own_race_where_jolpica_is_behind(run: Runs) -> None:
    report = run(JOLPICA_IS_BEHIND)

    assert saved() == {session: FIRST[session] for session in FIRST if session[0] != CAME_BACK}
    assert report.problems == []
    assert [(note.session_type, note.message) for note in report.notes] == [
        ("qualifying", f"no classification yet: {CAME_BACK}"),
        ("race", f"no classification yet: {CAME_BACK}"),
    ]
    assert run.asked() == WHOLE_SEASON


def test_results_stay_where_they_are_when_the_other_calendar_learns_of_it(run: Runs) -> None:
    run(FILE_IS_BEHIND)
    results = list(Result.objects.order_by("pk").values())

    report = run(season(WITH_IT, WITH_IT))

    assert list(Result.objects.order_by("pk").values()) == results
    assert report.counts()["results"] == {
        "created": 0,
        "updated": 0,
        "unchanged": len(FIRST),
        "amended": 0,
    }
    assert Event.objects.get(name=CAME_BACK, session_type="race").round_number == 5


# A round: its number is the schedule file's, whatever Jolpica's is


@dataclass(frozen=True)
class Round:
    """`ours` is the file's number of this grand prix, `own` Jolpica's; `refused` is the one that
    Jolpica has under our number."""

    season: Season
    ours: int
    name: str
    own: int
    refused: str = ""

    def asked(self, number: int) -> list[str]:
        questions = [f"2024/{number}/{kind}" for kind in ("results", "qualifying")]
        if self.name == "Qatar Grand Prix":
            questions += [f"2024/{number}/sprint", *SPRINT_QUALIFYING]
        return questions


ROUNDS = {
    "file behind, before": Round(FILE_IS_BEHIND, 4, "British Grand Prix", 4),
    "file behind, after": Round(
        FILE_IS_BEHIND, 5, "Italian Grand Prix", 6, f"{CAME_BACK} of 2024-08-10"
    ),
    "file behind, last": Round(
        FILE_IS_BEHIND, 7, "Qatar Grand Prix", 8, "Singapore Grand Prix of 2024-09-22"
    ),
    "Jolpica behind, before": Round(JOLPICA_IS_BEHIND, 4, "British Grand Prix", 4),
    "Jolpica behind, after": Round(
        JOLPICA_IS_BEHIND, 6, "Italian Grand Prix", 5, "Singapore Grand Prix of 2024-09-22"
    ),
    # Jolpica has no round of this number, or one that is not run yet.
    "Jolpica behind, last": Round(JOLPICA_IS_BEHIND, 8, "Qatar Grand Prix", 7),
}
each_round = pytest.mark.parametrize("round_", ROUNDS.values(), ids=ROUNDS.keys())


@each_round
def test_round_is_asked_for_under_jolpicas_own_number(round_: Round, run: Runs) -> None:
    report = run(round_.season, round_number=round_.ours)

    assert run.asked() == [SCHEDULE, CALENDAR, *round_.asked(round_.own)]
    assert saved() == first_in(round_.name)
    assert report.problems == []
    assert not [note for note in report.notes if "refused" in note.message]


@each_round
def test_without_a_calendar_another_race_is_refused_and_the_right_one_found(
    round_: Round, run: Runs
) -> None:
    run(round_.season, with_results=False)

    report = run(round_.season, round_number=round_.ours, calendars=Calendars.NONE)

    questions = round_.asked(round_.own)
    if round_.own != round_.ours:
        questions = [f"2024/{round_.ours}/results", CALENDAR, *questions]
    assert run.asked() == questions
    assert saved() == first_in(round_.name)
    assert report.problems == []
    refused = [str(note) for note in report.notes if "refused" in note.message]
    assert (
        refused == [str(note) for note in IngestRun.objects.latest("pk").note_list][: len(refused)]
    )
    assert refused == [
        f"2024 race: Jolpica's round {round_.ours} is the {another}, not the {round_.name}; "
        "it was refused"
        for another in [round_.refused]
        if another
    ]


@pytest.mark.parametrize("calendars", [Calendars.ALL, Calendars.NONE])
def test_race_that_jolpica_does_not_have_is_a_problem_and_nothing_is_saved(
    run: Runs, *, calendars: Calendars
) -> None:
    run(JOLPICA_IS_BEHIND, with_results=False)

    report = run(
        JOLPICA_IS_BEHIND,
        round_number=5,
        calendars=calendars,
    )

    assert not Result.objects.exists()
    lacking = f"Jolpica's calendar of 2024 has no {CAME_BACK}"
    assert [(problem.session_type, problem.message) for problem in report.problems] == [
        ("race", lacking),
        ("qualifying", lacking),
    ]
    outcome = "partial" if calendars is Calendars.ALL else "failed"
    assert report.outcome == IngestRun.objects.latest("pk").outcome == outcome
    assert set(run.asked()) <= {SCHEDULE, CALENDAR, "2024/5/results", "2024/5/qualifying"}


def test_file_that_cannot_be_read_leaves_a_round_the_files(
    run: Runs, upstream: FaultyUpstream
) -> None:
    """The stored events know the file's numbers; Jolpica's fifth is another grand prix."""
    run(FILE_IS_BEHIND, with_results=False)
    upstream.fault(f"*/{SCHEDULE}", status=500)

    run(FILE_IS_BEHIND, round_number=5)

    assert saved() == first_in("Italian Grand Prix")


# An answer about another day


def with_day(name: str, day: date) -> Callable[[Document], Document]:
    """A change of the day that answers give for a race."""

    def change(document: Document) -> Document:
        for race in document["MRData"]["RaceTable"]["Races"]:
            if race["raceName"] == name:
                race["date"] = day.isoformat()
        return document

    return change


def test_race_of_the_same_name_on_another_day_is_refused(
    run: Runs, upstream: FaultyUpstream
) -> None:
    for answers in ("*/results.json", "*/qualifying.json"):
        upstream.fault(answers, transform=with_day("Italian Grand Prix", date(2024, 10, 6)))

    report = run(FILE_IS_BEHIND)

    assert saved() == {
        session: driver for session, driver in FIRST.items() if session[0] != "Italian Grand Prix"
    }
    refused = "refused, no Italian Grand Prix of 2024-10-06 (Monza) is on the calendar"
    assert [(problem.session_type, problem.message) for problem in report.problems] == [
        ("race", refused),
        ("qualifying", refused),
    ]
    assert report.outcome == "partial"


@pytest.mark.parametrize("calendars", [Calendars.ALL, Calendars.NONE])
def test_round_of_the_same_name_on_another_day_is_refused(
    run: Runs, upstream: FaultyUpstream, *, calendars: Calendars
) -> None:
    run(FILE_IS_BEHIND, with_results=False)
    upstream.fault("*/?/results.json", transform=with_day("Italian Grand Prix", date(2024, 10, 6)))

    report = run(FILE_IS_BEHIND, round_number=5, calendars=calendars)

    assert saved() == {
        ("Italian Grand Prix", "qualifying"): FIRST["Italian Grand Prix", "qualifying"]
    }
    assert any("Italian Grand Prix of 2024-10-06" in str(note) for note in report.notes)


def test_race_that_jolpica_has_renumbered_meanwhile_is_refused(
    run: Runs, upstream: FaultyUpstream
) -> None:
    """Between its calendar and its results: the number is then another's."""
    upstream.serve_files(
        {
            f"/ergast/f1/2024/6/{kind}.json?limit=100": answer_of(7, kind)
            for kind in ("results", "qualifying")
        }
    )

    report = run(FILE_IS_BEHIND, round_number=5)

    assert run.asked() == [SCHEDULE, CALENDAR, "2024/6/results", "2024/6/qualifying"]
    assert saved() == {}
    refused = (
        "Jolpica's round 7 is the Singapore Grand Prix of 2024-09-22, not the Italian Grand Prix; "
        "it was refused"
    )
    assert [note.message for note in report.notes if note.message == refused] == [refused] * 2


# The same grand prix again


def test_grand_prix_that_came_back_is_the_same_row(run: Runs) -> None:
    run(PLANNED, SPRING, with_results=False)
    planned = {event.session_type: event for event in Event.objects.filter(location="Jeddah")}
    run(CANCELLED, SPRING + timedelta(days=3), with_results=False)
    keys = [event.pk for event in planned.values()]
    gone = Event.objects.filter(pk__in=keys).values_list("status", "round_number")
    assert list(gone) == [("cancelled", None)] * 2

    report = run(FILE_IS_BEHIND, SUMMER, with_results=False)

    assert report.events["reinstated"] == 2
    assert Event.objects.filter(grand_prix__startswith="saudi").count() == 2
    for session_type, event in planned.items():
        back = Event.objects.get(pk=event.pk)
        assert event.starts_at is not None
        assert (back.session_type, back.grand_prix) == (session_type, "saudi-arabian-grand-prix")
        assert (back.name, back.location, back.round_number) == (CAME_BACK, "Qiddiya", None)
        assert back.starts_at == back.locks_at == event.starts_at + LATER
        assert back.status == "scheduled"
    assert Change.objects.filter(kind="reinstated", event__in=keys).count() == 2

    run(season(WITH_IT, WITH_IT))
    assert Event.objects.get(pk=planned["race"].pk).round_number == 5
    assert saved() == FIRST
    assert Event.objects.count() == 2 * len(KEYS) + 2


# As its users run it


@pytest.mark.parametrize("calendars", [Calendars.ALL, Calendars.NONE])
def test_command_finds_the_right_race_with_and_without_a_calendar(
    project: Project, upstream: FaultyUpstream, *, calendars: Calendars
) -> None:
    upstream.seasons[2024] = FILE_IS_BEHIND
    year = ("--year", "2024")
    assert ingest(project, upstream, *year, "--skip-results").returncode == 0
    upstream.clear_requests()

    skip = () if calendars is Calendars.ALL else ("--skip-schedule",)
    done = ingest(project, upstream, *year, "--round", "5", *skip, "--format", "json")

    assert done.returncode == 0, done.stderr
    # The calendars are still in the cache.
    in_vain = [] if calendars is Calendars.ALL else ["2024/5/results", CALENDAR]
    assert asked(upstream) == [*in_vain, "2024/6/results", "2024/6/qualifying"]
    report = json.loads(done.stdout)
    assert report["results"]["created"] == 2
    refused = {
        "season": 2024,
        "grand_prix": None,
        "session_type": "race",
        "message": f"Jolpica's round 5 is the {CAME_BACK} of 2024-08-10, "
        "not the Italian Grand Prix; it was refused",
    }
    assert (refused in report["notes"]) is (calendars is Calendars.NONE)
    rows = read_rows(project)
    events = {event["id"]: event for event in rows["event"]}
    winners = {
        (events[result["event_id"]]["name"], events[result["event_id"]]["session_type"]): result[
            "driver_id"
        ]
        for result in rows["result"]
        if result["order"] == 1
    }
    assert winners == first_in("Italian Grand Prix")


def test_race_named_like_a_known_one_is_not_another_of_its_country(
    run: Runs, upstream: FaultyUpstream
) -> None:
    """An answer about Monza that gives the day of Imola, in the same country."""
    planned = numbered(facts("australia", "emilia-romagna", "italy"))
    unpublished = with_finishes(season(planned, planned), "races", "emilia-romagna", ())
    upstream.fault("*/results.json", transform=with_day("Italian Grand Prix", date(2024, 5, 19)))

    run(unpublished)

    assert not Result.objects.filter(
        event__name="Emilia Romagna Grand Prix", event__session_type="race"
    ).exists()
