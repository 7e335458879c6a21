"""`manage.py ingest_f1 --sample`: the first thing that a new user runs."""

import csv
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoDbBlocker

from ingestion.models import Event
from tests.command_line import (
    Rows,
    Template,
    complaint,
    read_rows,
    read_runs,
    squeeze,
)
from tests.project import Project
from tests.upstream import SHARED, needs_shared

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


@dataclass(frozen=True)
class Sampled:
    """A fresh database after `--sample`, and after `--sample` again."""

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
    with template.copied(tmp_path_factory.mktemp("sampled")) as project:
        first = project.manage("ingest_f1", "--sample")
        rows = read_rows(project)
        yield Sampled(project, first, rows, project.manage("ingest_f1", "--sample"))


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
    assert sampled.first.stdout.splitlines()[-1] == (
        "events: 60 created, 0 updated, 0 unchanged; "
        "classifications: 60 created, 0 updated, 0 unchanged; 21 upstream requests"
    )


def test_sample_again_changes_nothing(sampled: Sampled) -> None:
    assert sampled.second.returncode == 0, sampled.second.stderr
    assert read_rows(sampled.project) == sampled.rows
    assert sampled.second.stdout.splitlines()[-1] == (
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


def test_sample_takes_its_own_year_and_needs_no_upstream(project: Project) -> None:
    nowhere = dict.fromkeys(["F1_SCHEDULE_URL", "JOLPICA_URL"], "http://127.0.0.1:9/")
    arguments = ["--sample", "--year", "2024", "--skip-results"]
    done = project.manage("ingest_f1", *arguments, env=nowhere)
    assert done.returncode == 0, done.stderr
    assert len(read_rows(project)["event"]) == 60


@pytest.mark.parametrize("year", ["2023", "2023-2024"])
def test_sample_of_another_year_is_wrong_usage(project: Project, year: str) -> None:
    done = project.manage("ingest_f1", "--sample", "--year", year)
    assert complaint(done, 2) == (
        "--sample is the season 2024, leave --year out. Nothing was changed."
    )
    assert read_runs(project) == []
