"""The table of DESIGN.md section 1: which module of `ingestion` may import which."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from f1picks.environment import ROOT
from tests.project import Project

APPS = ("ingestion", "rehearsal")

SAVING = {
    "database_failures", "models", "records", "report", "signals", "matching", "plausibility",
    "lifecycle", "errors", "amendments", "sessions",
}  # fmt: skip
# `status` and `preflight` put together what doors show, `alarms` is acknowledged through them.
DOORS = {
    "pipeline", "corrections", "monitoring", "queue", "models", "report", "errors", "amendments",
    "sessions",
}  # fmt: skip
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "errors": set(),
    # The one table of session kinds.
    "sessions": set(),
    "records": {"sessions"},
    "report": set(),
    "signals": set(),
    "database_failures": set(),
    # phase() answers without waiting for a tick, from the same pure functions as the rest.
    "models": {"records", "sessions", "lifecycle", "report"},
    # An answer that cannot be true is taken out of FastF1's cache where it came from.
    "sources": {"records", "sessions", "errors", "plausibility"},
    "plausibility": {"records", "sessions", "errors"},
    "matching": {"records", "sessions", "errors"},
    "lifecycle": {"sessions"},
    # What differs between two classifications: for saving, and in words for people.
    "amendments": {"sessions"},
    "budget": {"database_failures", "models", "errors"},
    "save": SAVING,
    "corrections": SAVING | {"save"},
    # The feed in words, for people.
    "story": {"models", "records", "amendments"},
    # Fixtures for whatever is built on this app: they save as an ingest does, without a fetch.
    "testing": SAVING | {"save"},
    "pipeline": SAVING | {"save", "corrections", "sources", "budget"},
    "monitoring": {
        "database_failures",
        "models",
        "sessions",
        "lifecycle",
        "errors",
        "budget",
        "pipeline",
    },
    "queue": {"pipeline", "monitoring", "models", "errors", "lifecycle", "report"},
    # `records` has the fields that comparisons, exports and forms follow.
    "admin": DOORS | {"story", "records"},
    "views": DOORS,
    "urls": {"views"},
    "management": DOORS | {"database_failures", "sample", "story"},
    "sample": set(),
    # It connects signals and registers checks.
    "apps": {"checks", "monitoring", "queue"},
    "checks": {"queue", "monitoring"},
    # A migration speaks of the models as they were: it imports none of what is there today.
    "migrations": set(),
    # An app of its own: a season played through the other, which does not know it.
    "rehearsal": {
        "queue",
        "pipeline",
        "models",
        "monitoring",
        "signals",
        "sample",
        "views",
        "management",
    },
}
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


@pytest.mark.parametrize("path", files(), ids=dotted)
def test_module_is_listed_and_imports_only_what_the_table_allows(path: Path) -> None:
    name = dotted(path)
    module = module_of(name)
    assert module in MAY_IMPORT, f"{module} is not in the table of DESIGN.md"
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


IMPORT_EACH = """
import importlib, json, sys
report = {}
for name in %r:
    importlib.import_module(name)
    report[name] = sorted({"fastf1", "pandas"} & sys.modules.keys())
print(json.dumps(report))
"""


def test_neither_fastf1_nor_pandas_is_imported_until_a_fetch(unmigrated_project: Project) -> None:
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
    ran = unmigrated_project.manage("shell", "-v0", "-c", IMPORT_EACH % names)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {name: [] for name in names}
