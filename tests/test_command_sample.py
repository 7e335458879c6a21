"""`manage.py ingest_f1 --sample`: the first thing that a new user runs."""

import csv
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoDbBlocker

from ingestion.models import Event
from ingestion.sample.database import FILE_NAME
from ingestion.sample.season import load_season
from tests.command_line import (
    Rows,
    Template,
    complaint,
    filled_database,  # noqa: F401 - fixture
    filled_project,  # noqa: F401 - fixture `filled`
    read_rows,
    read_runs,
    read_screen,
    run_on_terminal,
    squeeze,
)
from tests.project import Project
from tests.upstream import SHARED, FaultyUpstream, needs_shared

# Pole, winner, second, third of each grand prix of 2024.
FACTS = """
bahrain           VER VER PER SAI
saudi-arabian     VER VER PER LEC
australian        VER SAI LEC NOR
japanese          VER VER PER SAI
chinese           VER VER NOR PER
miami             VER NOR VER LEC
emilia-romagna    VER VER NOR LEC
monaco            LEC LEC PIA SAI
canadian          RUS VER NOR RUS
spanish           NOR VER NOR HAM
austrian          VER RUS PIA SAI
british           RUS HAM VER NOR
hungarian         NOR PIA NOR HAM
belgian           VER HAM PIA LEC
dutch             NOR NOR VER LEC
italian           NOR LEC PIA NOR
azerbaijan        LEC PIA LEC RUS
singapore         NOR NOR VER PIA
united-states     NOR LEC SAI VER
mexico-city       SAI SAI NOR LEC
sao-paulo         NOR VER OCO GAS
las-vegas         RUS RUS HAM SAI
qatar             VER VER LEC PIA
abu-dhabi         NOR NOR SAI LEC
"""
SPRINTS = """
chinese           VER HAM PER
miami             VER LEC PER
austrian          VER PIA NOR
united-states     VER SAI NOR
sao-paulo         NOR PIA LEC
qatar             PIA NOR RUS
"""
COUNTS = {
    "events": {"created": 60, "updated": 0, "unchanged": 0, "cancelled": 0, "reinstated": 0},
    "results": {"created": 60, "updated": 0, "unchanged": 0, "amended": 0},
}
SAME_COUNTS = {
    "events": {"created": 0, "updated": 0, "unchanged": 60, "cancelled": 0, "reinstated": 0},
    "results": {"created": 0, "updated": 0, "unchanged": 60, "amended": 0},
}


# The database is a SQLite file whatever is configured.
pytestmark = pytest.mark.once


def of_the_sample(project: Project) -> Project:
    """The same with the database that `--sample` has made."""
    return replace(project, database_url=f"sqlite:///{project.folder / FILE_NAME}")


@dataclass(frozen=True)
class Sampled:
    """A project after `--sample`, with the sample's database, and after `--sample` again."""

    project: Project
    first: subprocess.CompletedProcess[str]
    rows: Rows
    second: subprocess.CompletedProcess[str]

    def orders(self, session_type: str) -> dict[str, list[str]]:
        """The drivers' codes in order, by grand prix."""
        with self.project.database() as alias:
            events = Event.objects.using(alias).filter(session_type=session_type)
            return {
                event.grand_prix.removesuffix("-grand-prix"): [
                    result.driver_code for result in event.classification
                ]
                for event in events.prefetch_related("results")
            }


@pytest.fixture(scope="module")
def sampled(
    migrated_database: str,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Sampled]:
    template = Template(migrated_database, django_db_blocker.unblock)
    with template.copied(tmp_path_factory.mktemp("sampled")) as configured:
        first = configured.manage("ingest_f1", "--sample")
        project = of_the_sample(configured)
        rows = read_rows(project)
        yield Sampled(project, first, rows, configured.manage("ingest_f1", "--sample"))


def read_facts(table: str) -> dict[str, list[str]]:
    lines = (line.split() for line in table.strip().splitlines())
    return {grand_prix: codes for grand_prix, *codes in lines}


def test_sample_fills_a_fresh_database(sampled: Sampled) -> None:
    assert sampled.first.returncode == 0, sampled.first.stderr
    events = sampled.rows["event"]
    assert len({event["grand_prix"] for event in events}) == 24
    assert len(events) == 60
    assert {event["season"] for event in events} == {2024}
    assert len(sampled.rows["result"]) == 478 + 479 + 120 + 120
    assert len(sampled.rows["change"]) == 60 + 60


def test_every_pole_and_podium_is_right(sampled: Sampled) -> None:
    poles, races = sampled.orders("qualifying"), sampled.orders("race")
    assert {key: [poles[key][0], *races[key][:3]] for key in races} == read_facts(FACTS)


def test_every_sprint_podium_is_right(sampled: Sampled) -> None:
    sprints = sampled.orders("sprint")
    assert {key: sprints[key][:3] for key in sprints} == read_facts(SPRINTS)


def test_belgium_is_hamiltons_after_the_disqualification(sampled: Sampled) -> None:
    with sampled.project.database() as alias:
        race = Event.objects.using(alias).get(grand_prix="belgian-grand-prix", session_type="race")
        podium = [result.driver_name for result in race.podium]
        last = race.classification[-1]
    assert podium == ["Lewis Hamilton", "Oscar Piastri", "Charles Leclerc"]
    assert (last.driver_name, last.classification) == ("George Russell", "D")


def test_sao_paulo_qualifying_is_on_sunday_morning(sampled: Sampled) -> None:
    with sampled.project.database() as alias:
        qualifying = Event.objects.using(alias).get(
            grand_prix="sao-paulo-grand-prix", session_type="qualifying"
        )
    assert qualifying.starts_at == datetime(2024, 11, 3, 10, 30, tzinfo=UTC)


@needs_shared
def test_every_position_agrees_with_an_independent_record(sampled: Sampled) -> None:
    with (SHARED / "facts_2024.csv").open(encoding="utf-8", newline="") as file:
        facts = list(csv.DictReader(file))
    with sampled.project.database() as alias:
        names = dict(
            Event.objects.using(alias)
            .filter(session_type="race")
            .values_list("round_number", "grand_prix")
        )
    for kind in ("qualifying", "sprint", "race"):
        expected: dict[str, list[str]] = defaultdict(list)
        for row in sorted(facts, key=lambda row: int(row["order"] or 0)):
            if row["session"] == kind:
                name = names[int(row["round"])].removesuffix("-grand-prix")
                expected[name].append(row["driver_code"])
        assert sampled.orders(kind) == expected


def test_table_has_a_line_for_each_grand_prix(sampled: Sampled) -> None:
    title, head, *lines = sampled.first.stdout.splitlines()
    assert title.strip() == "Formula 1 2024"
    assert squeeze(head) == "Rd Grand Prix Race Pole P1 P2 P3 This run"
    numbered = [squeeze(line) for line in lines if re.match(r" *\d+ ", line)]
    assert [int(line.split()[0]) for line in numbered] == list(range(1, 25))
    assert numbered[13] == "14 Belgian 28 Jul Verstappen Hamilton Piastri Leclerc 2 new, 2 results"
    assert numbered[20] == "21 São Paulo 03 Nov Norris Verstappen Ocon Gasly 4 new, 4 results"


def test_totals_end_the_report(sampled: Sampled) -> None:
    path = sampled.project.folder / FILE_NAME
    *_, totals, where, how = sampled.first.stdout.splitlines()
    assert totals == (
        "events: 60 created, 0 updated, 0 unchanged; "
        "classifications: 60 created, 0 updated, 0 unchanged; 21 upstream requests"
    )
    assert where == f"Saved in {FILE_NAME} here; the configured database was not touched."
    command = "python manage.py f1_explain 2024 abu dhabi race"
    assert how == f"Next: DATABASE_URL=sqlite:///{path} {command}"
    looked = sampled.project.manage(*command.split()[2:])
    assert "Norris" in looked.stdout, looked.stderr


def test_sample_again_changes_nothing(sampled: Sampled) -> None:
    assert sampled.second.returncode == 0, sampled.second.stderr
    assert read_rows(sampled.project) == sampled.rows
    assert sampled.second.stdout.splitlines()[-3] == (
        "events: 0 created, 0 updated, 60 unchanged; "
        "classifications: 0 created, 0 updated, 60 unchanged; 21 upstream requests"
    )


def test_each_run_leaves_its_record(sampled: Sampled) -> None:
    runs = read_runs(sampled.project)
    assert [run.outcome for run in runs] == ["ok", "ok"]
    assert [run.counts for run in runs] == [COUNTS, SAME_COUNTS]
    assert [run.requests for run in runs] == [21, 21]
    assert [run.problems for run in runs] == [[], []]
    assert all(run.ended_at and run.ended_at > run.started_at for run in runs)


def test_sample_leaves_the_cache_folder_alone(sampled: Sampled) -> None:
    assert not sampled.project.cache_dir.exists()


def test_the_configured_database_is_neither_needed_nor_opened(
    unmigrated_project: Project, closed_port: int
) -> None:
    env = {
        **dict.fromkeys(["F1_SCHEDULE_URL", "JOLPICA_URL"], "http://127.0.0.1:9/"),
        "DATABASE_URL": f"postgresql://f1:f1@127.0.0.1:{closed_port}/f1",
    }
    arguments = ["--sample", "--year", "2024", "--skip-results"]
    done = unmigrated_project.manage("ingest_f1", *arguments, env=env)
    assert done.returncode == 0, done.stderr
    assert len(read_rows(of_the_sample(unmigrated_project))["event"]) == 60


SHOWING_HOSTS = ("f1_status", "f1_preflight")


def find_hosts(project: Project, command: str) -> list[str]:
    return re.findall(r"127\.0\.0\.1:\d+", project.manage(command).stdout)


def test_sample_leaves_no_trace_in_the_configured_database(filled: Project) -> None:
    before, runs = read_rows(filled), read_runs(filled)
    hosts = {host for name in SHOWING_HOSTS for host in find_hosts(filled, name)}
    requests = filled.query("SELECT count(*) FROM ingestion_requestblock")
    done = filled.manage("ingest_f1", "--sample")
    assert done.returncode == 0, done.stderr
    assert read_rows(filled) == before
    assert len(read_runs(filled)) == len(runs) == 1
    assert filled.query("SELECT count(*) FROM ingestion_requestblock") == requests
    assert {host for name in SHOWING_HOSTS for host in find_hosts(filled, name)} == hosts


DISQUALIFY_THE_WINNER = """
from django.contrib.auth import get_user_model
from django.utils import timezone
from ingestion.corrections import Author, disqualify, key_of
from ingestion.models import Event
person = get_user_model().objects.create_user("operator")
race = Event.objects.get(grand_prix="monaco-grand-prix", session_type="race")
author = Author(person, "a fuel sample", timezone.now())
disqualify(race, key_of(race.winner), author, revision=race.results_revision)
"""


@pytest.mark.long
def test_a_correction_in_the_sample_does_not_stop_the_next_one(
    sampled: Sampled, unmigrated_project: Project
) -> None:
    shutil.copy(sampled.project.folder / FILE_NAME, unmigrated_project.folder)
    project = of_the_sample(unmigrated_project)
    corrected = project.manage("shell", "-v0", "-c", DISQUALIFY_THE_WINNER)
    assert corrected.returncode == 0, corrected.stderr
    rows = read_rows(project)
    done = unmigrated_project.manage("ingest_f1", "--sample")
    assert done.returncode == 0, done.stderr
    assert "60 unchanged" in done.stdout
    assert [change["kind"] for change in read_rows(project)["change"]][-1] == "corrected"
    assert read_rows(project)["result"] == rows["result"]


def test_a_file_that_is_no_database_is_named(unmigrated_project: Project) -> None:
    path = unmigrated_project.folder / FILE_NAME
    path.write_text("no database" * 100)
    done = unmigrated_project.manage("ingest_f1", "--sample")
    assert complaint(done, 1) == (
        f"the sample's database {path} cannot be used (file is not a database). The configured "
        "database was not touched. Delete the file, or run this in a folder that can be written."
    )


@pytest.mark.parametrize("year", ["2023", "2023-2024"])
def test_sample_of_another_year_is_wrong_usage(project: Project, year: str) -> None:
    done = project.manage("ingest_f1", "--sample", "--year", year)
    assert complaint(done, 2) == (
        "--sample is the season 2024, leave --year out. Nothing was changed."
    )
    assert read_runs(project) == []


def test_a_small_terminal_keeps_the_last_races_their_head_and_the_next_command(
    sampled: Sampled,
) -> None:
    # Last of this file: it makes runs of its own.
    with FaultyUpstream({2024: load_season(2024)}) as upstream:
        of_season = ("--year", "2024", "--skip-results")
        code, shown = run_on_terminal(sampled.project, upstream, *of_season)
        of_round = ("--year", "2024", "--round", "5", "--skip-schedule")
        plain = run_on_terminal(sampled.project, upstream, *of_round, env={"NO_COLOR": "1"})
    assert (code, plain[0]) == (0, 0), shown + plain[1]
    season, weekend = read_screen(shown), read_screen(plain[1])
    assert "\x1b[1m" in shown
    assert [line for line in season if re.match(r" *\d+ \w", line)][-1].startswith("24 Abu Dhabi")
    assert squeeze(season[-5]) == "Rd Grand Prix Race Pole P1 P2 P3 This run"
    assert season[-2:] == ["Next: python manage.py f1_explain 2024 abu dhabi race", ""]

    assert not re.search(r"\x1b\[[\d;]*m", plain[1])
    assert "Formula 1 2024, round 5: Chinese" in weekend
    sessions = [squeeze(line) for line in weekend if " Apr " in line]
    assert sessions == [
        "Sprint Qualifying Fri 19 Apr 07:30 official Norris Hamilton Alonso",
        "Sprint Sat 20 Apr 03:00 official Verstappen Hamilton Pérez",
        "Qualifying Sat 20 Apr 07:00 official Verstappen Pérez Alonso",
        "Race Sun 21 Apr 07:00 official Verstappen Norris Pérez",
    ]
    assert "2 Lando Norris McLaren +13.773" in map(squeeze, weekend)
    assert [line for line in weekend if line][-1].startswith("Next: python manage.py f1_explain")
