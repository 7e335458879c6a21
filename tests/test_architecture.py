"""The table of rooms in docs/architecture.md, held against the code: who may import whom."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from f1picks.environment import ROOT
from tests.project import Project

APPS = ("ingestion", "rehearsal")

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
ROOMS = ARCHITECTURE.partition("## The rooms\n")[2].partition("\n## ")[0]
NAME = re.compile(r"`(\w+)`")


def read_rooms(text: str) -> dict[str, set[str]]:
    """Who may import whom: the first and the last column of the table."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    allowed = {NAME.findall(row[0])[0]: set(NAME.findall(row[-1])) for row in rows}
    assert len(allowed) == len(rows), "a room has two rows"
    return allowed


MAY_IMPORT = read_rooms(ROOMS)
# Slow to import and needed for a fetch alone.
HEAVY = {"fastf1", "pandas", "numpy"}
MAY_IMPORT_HEAVY = {"sources"}
# It lifts FastF1's pauses for its stand-in, which takes FastF1: while it plays, not before.
LIFTS_PAUSES = {"rehearsal"}

IMPORTING_FUNCTIONS = {"import_module", "import_string", "__import__"}


def files() -> list[Path]:
    return sorted(path for app in APPS for path in (ROOT / app).rglob("*.py"))


def dotted(path: Path) -> str:
    """The module's full name: ingestion, ingestion.sources.http."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_of(name: str) -> str:
    """The row of the table: a package's modules count as the package."""
    parts = name.split(".")
    if parts[0] == "rehearsal":
        return parts[0]
    return parts[1] if len(parts) > 1 else "__init__"


def imports(source: str, *, package: str) -> Iterator[str]:
    """Every import's full name, wherever it stands; `package` is what a leading dot means."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = _base(module, level=level, package=package)
                yield from (f"{base}.{alias.name}" for alias in names)
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                if ast.unparse(function).rpartition(".")[2] in IMPORTING_FUNCTIONS:
                    yield name


def _base(module: str | None, *, level: int, package: str) -> str:
    if level == 0:
        return module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


def forbidden(source: str, *, module: str, package: str) -> list[str]:
    found = []
    for name in imports(source, package=package):
        top = name.partition(".")[0]
        if top in {"f1picks", "tests"} or (
            top in HEAVY and module not in MAY_IMPORT_HEAVY | LIFTS_PAUSES
        ):
            found.append(name)
        elif top in APPS:
            target = module_of(name)
            if target not in MAY_IMPORT.get(module, set()) | {module}:
                found.append(name)
    return found


def test_every_room_of_the_table_exists() -> None:
    rooms = {module_of(dotted(path)) for path in files()}
    assert set(MAY_IMPORT) == rooms
    assert set().union(*MAY_IMPORT.values()) <= rooms


@pytest.mark.parametrize("path", files(), ids=dotted)
def test_module_is_listed_and_imports_only_what_the_table_allows(path: Path) -> None:
    name = dotted(path)
    module = module_of(name)
    assert module in MAY_IMPORT, f"{module} has no row in docs/architecture.md"
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    assert forbidden(path.read_text(), module=module, package=package) == []


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("errors", "import ingestion.records", ["ingestion.records"]),
        ("errors", "from ingestion import records", ["ingestion.records"]),
        ("errors", "from ingestion.records import Event", ["ingestion.records.Event"]),
        ("errors", "from . import records", ["ingestion.records"]),
        ("errors", "from .records import Event", ["ingestion.records.Event"]),
        ("errors", "def f():\n    from ingestion import save", ["ingestion.save"]),
        ("fetch", "if TYPE_CHECKING:\n    from ingestion import models", ["ingestion.models"]),
        ("save", "importlib.import_module('ingestion.pipeline')", ["ingestion.pipeline"]),
        ("save", "from ingestion import *", ["ingestion.*"]),
        ("pipeline", "from f1picks import settings", ["f1picks.settings"]),
        ("pipeline", "def f():\n    import pandas as pd", ["pandas"]),
        ("sample", "from ingestion.errors import Oops", ["ingestion.errors.Oops"]),
        ("admin", "from ingestion import sources", ["ingestion.sources"]),
        ("sources", "import fastf1\nfrom ingestion import errors, records", []),
        ("sources", "from ingestion.sources.http import Adapter\nfrom .sources import http", []),
        ("pipeline", "from ingestion import sources, save, models, budget", []),
        ("management", "from ingestion.sample import upstream\nimport rich", []),
        ("checks", "import django", []),
        ("queue", "from rehearsal.clock import VirtualClock", ["rehearsal.clock.VirtualClock"]),
        ("management", "import rehearsal", ["rehearsal"]),
        ("rehearsal", "from ingestion import queue\nfrom rehearsal import clock", []),
        ("rehearsal", "from ingestion import sources", ["ingestion.sources"]),
    ],
)  # fmt: skip
def test_forbidden_arrows_are_found(module: str, source: str, found: list[str]) -> None:
    assert forbidden(source, module=module, package="ingestion") == found


def test_dots_are_counted_from_the_package() -> None:
    source = "from ..records import Event\nfrom .. import models\nfrom .http import Adapter"
    assert list(imports(source, package="ingestion.sources")) == [
        "ingestion.records.Event",
        "ingestion.models",
        "ingestion.sources.http.Adapter",
    ]


# `save/rows.py:write`, `sources/http.py:Adapter.send`
REFERENCE = re.compile(r"`([\w/]+\.py):([\w.]+)`")


def defined(path: Path) -> set[str]:
    """The names that a module defines itself: functions, classes, methods, constants."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name, body=body):
                names |= {name, *(f"{name}.{one.name}" for one in body if hasattr(one, "name"))}
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


@pytest.mark.parametrize("reference", sorted(set(REFERENCE.findall(ARCHITECTURE))), ids=":".join)
def test_what_the_page_names_exists(reference: tuple[str, str]) -> None:
    path, name = reference
    file = ROOT / "ingestion" / path
    assert file.exists(), f"docs/architecture.md names {path}"
    assert name in defined(file), f"docs/architecture.md names {name} in {path}"


def test_the_page_names_functions() -> None:
    assert len(REFERENCE.findall(ARCHITECTURE)) > 30


IMPORT_EACH = """
import importlib, json, sys
report = {}
for name in %r:
    importlib.import_module(name)
    report[name] = sorted({"fastf1", "pandas", "icalendar"} & sys.modules.keys())
print(json.dumps(report))
"""


def test_what_takes_long_to_import_is_imported_where_it_is_used(
    unmigrated_project: Project,
) -> None:
    names = [
        name
        for name in map(dotted, files())
        if module_of(name) not in MAY_IMPORT_HEAVY | {"migrations"}
    ]
    expected = {
        "ingestion.models",
        "ingestion.save",
        "ingestion.pipeline",
        "ingestion.management.commands.ingest_f1",
    }
    assert expected - set(names) == set(), f"looked for them among {names}"
    ran = unmigrated_project.manage("shell", "-v0", "-c", IMPORT_EACH % names, is_forked=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {name: [] for name in names}
