"""The right race or nothing: where the two upstreams count rounds differently.

Six grands prix at Jolpica; the schedule file does not know the third yet, and counts those behind
it one lower, as in the autumn of 2026.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.models import Event, Result
from ingestion.pipeline import Addresses, IngestRequest, ingest
from ingestion.report import RunReport
from ingestion.sample.schedule_file import build_schedule_file
from ingestion.sample.season import Season, load_season
from tests.command_line import asked
from tests.project import Project
from tests.upstream import FaultyUpstream

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fastf1_restored")]

NOW = datetime(2025, 6, 1, tzinfo=UTC)
SIX = ("bahrain", "saudi-arabia", "australia", "japan", "monaco", "belgium")
UNKNOWN_TO_FILE = "australia"
SCHEDULE, CALENDAR = "schedule_2024.json", "2024/races"


def counted(season: Season, *keys: str) -> Season:
    grands_prix = [
        replace(season.grand_prix(key), round=number) for number, key in enumerate(keys, start=1)
    ]
    return replace(season, testing=(), grands_prix=tuple(grands_prix))


@pytest.fixture(scope="module")
def season() -> Season:
    return load_season(2024)


@pytest.fixture
def apart(season: Season) -> Iterator[FaultyUpstream]:
    """The file's Japan is round 3, Jolpica's is round 4."""
    with FaultyUpstream({2024: counted(season, *SIX)}) as upstream:
        known = [key for key in SIX if key != UNKNOWN_TO_FILE]
        upstream.serve_schedule(2024, build_schedule_file(counted(season, *known)))
        yield upstream


def run(upstream: FaultyUpstream, folder: Path, **changes: Any) -> RunReport:
    upstream.clear_requests()
    addresses = Addresses(folder / "cache", upstream.schedule_url, upstream.jolpica_url)
    request = IngestRequest((2024,), addresses, refresh=True, **changes)
    return ingest(request, clock=lambda: NOW, listen=lambda *_, **__: None)


def winners() -> dict[str, str]:
    first = Result.objects.filter(order=1, event__session_type="race").select_related("event")
    return {result.event.name: result.driver_id for result in first}


WINNERS = {
    "Bahrain Grand Prix": "max_verstappen",
    "Saudi Arabian Grand Prix": "max_verstappen",
    "Australian Grand Prix": "sainz",
    "Japanese Grand Prix": "max_verstappen",
    "Monaco Grand Prix": "leclerc",
    "Belgian Grand Prix": "hamilton",
}


def test_every_result_of_a_season_lands_where_it_belongs(
    apart: FaultyUpstream, tmp_path: Path
) -> None:
    assert run(apart, tmp_path).outcome == "ok"

    assert winners() == WINNERS
    rounds = dict(Event.objects.filter(session_type="race").values_list("name", "round_number"))
    assert rounds["Australian Grand Prix"] is None
    assert (rounds["Japanese Grand Prix"], rounds["Belgian Grand Prix"]) == (3, 5)


def test_a_round_is_asked_for_under_jolpicas_own_number(
    apart: FaultyUpstream, tmp_path: Path
) -> None:
    report = run(apart, tmp_path, round_number=4)

    assert report.outcome == "ok"
    assert winners() == {"Monaco Grand Prix": "leclerc"}
    assert asked(apart) == [SCHEDULE, CALENDAR, "2024/5/results", "2024/5/qualifying"]


def test_an_answer_about_another_race_is_refused_and_the_right_one_looked_for(
    apart: FaultyUpstream, tmp_path: Path
) -> None:
    run(apart, tmp_path, with_results=False)

    report = run(apart, tmp_path, round_number=4, with_schedule=False)

    assert winners() == {"Monaco Grand Prix": "leclerc"}
    assert asked(apart) == ["2024/4/results", CALENDAR, "2024/5/results", "2024/5/qualifying"]
    assert report.outcome == "ok"
    assert [str(note) for note in report.notes if "refused" in str(note)] == [
        (
            "2024 race: Jolpica's round 4 is the Japanese Grand Prix of 2024-04-07, "
            "not the Monaco Grand Prix; it was refused"
        )
    ]


def test_a_race_that_jolpica_does_not_have_gets_no_result(season: Season, tmp_path: Path) -> None:
    with FaultyUpstream({2024: counted(season, "bahrain", "japan")}) as upstream:
        upstream.serve_schedule(
            2024, build_schedule_file(counted(season, "bahrain", "monaco", "japan"))
        )

        report = run(upstream, tmp_path, round_number=2)

    assert report.outcome == "partial"
    assert [problem.message for problem in report.problems] == [
        "Jolpica's calendar of 2024 has no Monaco Grand Prix"
    ] * 2
    assert winners() == {}


def test_a_race_of_the_same_name_on_another_day_is_refused(season: Season, tmp_path: Path) -> None:
    with FaultyUpstream({2024: counted(season, "bahrain", "monaco")}) as upstream:

        def postpone(document: Any) -> Any:
            for race in document["MRData"]["RaceTable"]["Races"]:
                if race["raceName"] == "Monaco Grand Prix":
                    race["date"] = "2024-06-09"
            return document

        upstream.fault("*/results.json", transform=postpone)
        report = run(upstream, tmp_path)

    assert winners() == {"Bahrain Grand Prix": "max_verstappen"}
    assert [problem.message for problem in report.problems] == [
        "refused, no Monaco Grand Prix of 2024-06-09 (Monte-Carlo) is on the calendar"
    ]


def test_what_comes_back_elsewhere_is_the_same_event(season: Season, tmp_path: Path) -> None:
    """Cancelled in spring; Jolpica has it again first, at another circuit, under almost its name,
    on the day of another year's race."""
    before = datetime(2024, 1, 1, tzinfo=UTC)
    with FaultyUpstream({2024: counted(season, *SIX)}) as upstream:
        run_at(upstream, tmp_path, before)
        known = Event.objects.get(name="Saudi Arabian Grand Prix", session_type="race")
        upstream.seasons[2024] = counted(season, *(key for key in SIX if key != "saudi-arabia"))
        run_at(upstream, tmp_path, before)
        assert Event.objects.get(pk=known.pk).status == "cancelled"

        back = replace(
            season.grand_prix("azerbaijan"), race_name="Saudi Arabia Grand Prix", round=6
        )
        kept = counted(season, *(key for key in SIX if key != "saudi-arabia"))
        upstream.serve_schedule(2024, build_schedule_file(kept))
        upstream.seasons[2024] = replace(kept, grands_prix=(*kept.grands_prix, back))
        report = run_at(upstream, tmp_path, before)

    event = Event.objects.get(pk=known.pk)
    assert report.events["reinstated"] == 2
    assert (event.status, event.name, event.location) == (
        "scheduled", "Saudi Arabia Grand Prix", "Baku",
    )  # fmt: skip
    assert (event.starts_at, event.round_number) == (back.starts_at("Race"), None)
    assert event.locks_at == event.starts_at


def run_at(upstream: FaultyUpstream, folder: Path, now: datetime) -> RunReport:
    addresses = Addresses(folder / "cache", upstream.schedule_url, upstream.jolpica_url)
    request = IngestRequest((2024,), addresses, refresh=True, with_results=False)
    return ingest(request, clock=lambda: now, listen=lambda *_, **__: None)


def test_the_command_finds_the_right_race_too(project: Project, apart: FaultyUpstream) -> None:
    env = {"F1_SCHEDULE_URL": apart.schedule_url, "JOLPICA_URL": apart.jolpica_url}
    done: subprocess.CompletedProcess[str] = project.manage(
        "ingest_f1", "--year", "2024", "--round", "5", env=env
    )

    assert done.returncode == 0, done.stderr
    won = project.query(
        "SELECT event.name, result.driver_id FROM ingestion_result result "
        "JOIN ingestion_event event ON event.id = result.event_id "
        "WHERE result.\"order\" = 1 AND event.session_type = 'race'"
    )
    assert won == [("Belgian Grand Prix", "hamilton")]
