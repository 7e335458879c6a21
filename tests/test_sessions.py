"""The table of session kinds: the only list of them, and complete or not importable."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from f1picks.environment import ROOT
from ingestion.sessions import SessionType, print_fastf1_name, read_session_name

TABLE = ROOT / "ingestion" / "sessions.py"
# Played upstreams, which speak as the upstreams do; migrations repeat the choices.
SPEAK_FOR_THEMSELVES = ("sample", "rehearsal", "migrations")

KINDS = {session_type.value for session_type in SessionType}
NAMES = {session_type.name for session_type in SessionType}

VALUES = {
    "label": "'Memorable Race'",
    "scored_places": "3",
    "is_race": "True",
    "usual_duration": "timedelta(hours=1)",
    "earliest_result": "timedelta(hours=1)",
    "earliest_second_source": "timedelta(hours=1)",
    "usual_lead": "timedelta(hours=5)",
    "usual_points": "()",
    "is_of_sprint_weekends": "False",
    "held_before": "('race',)",
    "same_field_as": "'memorable'",
    "results_since": "2026",
    "listed_since": "2026",
    "schedule_names": "{'Memorable Race': ANY_SEASON}",
    "fastf1_names": "{'Race': ANY_SEASON}",
    "calendar_keys": "('Memorable',)",
    "ergast_endpoint": "''",
    "newer_code": "'MR'",
    "nicknames": "()",
}


def import_table(folder: Path, row: str) -> subprocess.CompletedProcess[str]:
    """A copy of the table with one more row, imported by a process of its own."""
    source = TABLE.read_text()
    marker = "\n    @property\n    def label(self)"
    assert source.count(marker) == 1
    (folder / "sessions.py").write_text(source.replace(marker, f"\n{row}\n{marker}"))
    return subprocess.run(
        [sys.executable, "-c", "import sessions; print([*sessions.SessionType][-1].label)"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def write_row(values: dict[str, str]) -> str:
    columns = ", ".join(f"{name}={value}" for name, value in values.items())
    return f'    MEMORABLE = ("memorable", SessionKind({columns}))'


def test_a_kind_more_is_one_row(tmp_path: Path) -> None:
    ran = import_table(tmp_path, write_row(VALUES))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "Memorable Race\n", "")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (write_row({k: v for k, v in VALUES.items() if k != "scored_places"}), "'scored_places'"),
        (write_row({k: v for k, v in VALUES.items() if k != "usual_duration"}), "'usual_duration'"),
        (write_row(VALUES | {"scored_places": "0"}), "memorable is not complete"),
        (write_row(VALUES | {"same_field_as": "'parade'"}), "'parade' is not a valid SessionType"),
        (write_row(VALUES | {"same_field_as": "'race'"}), "partner that has another one"),
        (write_row(VALUES | {"held_before": "('memorable',)"}), "held before itself"),
        ('    MEMORABLE = "memorable"', "'memorable' has no row"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_complete_does_not_import(tmp_path: Path, row: str, reason: str) -> None:
    ran = import_table(tmp_path, row)
    assert ran.returncode == 1
    assert reason in ran.stderr


def find_lists(source: str) -> Iterator[tuple[int, set[str]]]:
    """Collections and matches that name two kinds or more."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict | ast.Match):
            named = {_name_kind(inner) for inner in ast.walk(node)} - {""}
            if len(named) > 1:
                yield node.lineno, named


def _name_kind(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(value)) if value in KINDS:
            return value
        case ast.Attribute(attr=name, value=ast.Name(id="SessionType")) if name in NAMES:
            return name.lower()
    return ""


def test_no_other_module_lists_kinds() -> None:
    lists = [
        f"{path.relative_to(ROOT)}:{line} {sorted(named)}"
        for path in sorted((ROOT / "ingestion").rglob("*.py"))
        if path != TABLE and path.relative_to(ROOT).parts[1] not in SPEAK_FOR_THEMSELVES
        for line, named in find_lists(path.read_text())
    ]
    assert lists == []


def test_lists_are_found() -> None:
    source = "A = {SessionType.RACE: 3}\nB = {SessionType.RACE: 3, SessionType.SPRINT: 3}"
    assert list(find_lists(source)) == [(2, {"race", "sprint"})]
    assert list(find_lists("KINDS = ['race', 'sprint']")) == [(1, {"race", "sprint"})]


@pytest.mark.parametrize(
    ("season", "name", "session_type"),
    [
        (2021, "Sprint Qualifying", SessionType.SPRINT),
        (2022, "Sprint", SessionType.SPRINT),
        (2022, "Sprint Qualifying", SessionType.SPRINT),
        (2023, "Sprint Shootout", SessionType.SPRINT_QUALIFYING),
        (2024, "Sprint Qualifying", SessionType.SPRINT_QUALIFYING),
        (2024, "Race", SessionType.RACE),
        (2024, "Practice 1", None),
        (2024, "", None),
    ],
)
def test_names_mean_what_they_meant_in_their_season(
    season: int, name: str, session_type: SessionType | None
) -> None:
    assert read_session_name(season, name) is session_type


def test_fastf1_knows_a_qualifying_by_a_name_that_it_takes_for_one() -> None:
    assert print_fastf1_name(2023, SessionType.SPRINT_QUALIFYING) == "Sprint Shootout"
    assert print_fastf1_name(2024, SessionType.SPRINT_QUALIFYING) == "Sprint Qualifying"
    assert print_fastf1_name(1994, SessionType.QUALIFYING) == "Qualifying"


def test_qualifyings_of_1994_to_2005_are_in_no_calendar() -> None:
    unlisted = [year for year in range(1950, 2030) if SessionType.QUALIFYING.is_unlisted(year)]
    assert unlisted == list(range(1994, 2006))
    others = set(SessionType) - {SessionType.QUALIFYING}
    assert not any(kind.is_unlisted(year) for kind in others for year in range(1950, 2030))
