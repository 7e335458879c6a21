"""The package: built, installed in an empty environment, and used as docs/installing.md says."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from sqlite3 import connect

import pytest

from f1picks.environment import ROOT

pytestmark = [pytest.mark.project, pytest.mark.once]

PAGE = (ROOT / "docs" / "installing.md").read_text()
# In the package, with what is only needed beside them.
PACKAGES = {"ingestion": "ingestion/testing", "rehearsal": None}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

CONFTEST = """
pytest_plugins = ["ingestion.testing"]
"""
TEST = """
def test_the_winner_is_the_one_that_was_published(published):
    assert published(drivers=["norris"]).event.winner.driver_id == "norris"
"""


def read_names(requirements: list[str]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9._-]+", line) for line in requirements)
    return {name[0].lower() for name in names if name}


def blocks(language: str) -> list[str]:
    """The page's blocks of code before its first further heading, in order."""
    first_part = PAGE.partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", first_part, re.MULTILINE | re.DOTALL)


def find_imports(folder: Path) -> Iterator[tuple[str, Path]]:
    """The top-level names of other packages, with the file."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in {name.partition(".")[0] for name in names}:
                if name not in sys.stdlib_module_names and name not in PACKAGES:
                    yield name, path.relative_to(ROOT)


def test_every_import_of_the_package_is_declared() -> None:
    distributions = packages_distributions()
    declared = read_names(PROJECT["dependencies"])
    for_tests = declared | read_names(PROJECT["optional-dependencies"]["test"])
    undeclared = [
        f"{path} imports {name}"
        for package in PACKAGES
        for name, path in find_imports(ROOT / package)
        if not {one.lower() for one in distributions[name]}
        & (for_tests if path.is_relative_to("ingestion/testing") else declared)
    ]
    assert undeclared == []


def test_no_dependency_is_declared_twice() -> None:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text().splitlines()
        assert "-e ." in lines or "-e .[test,redis]" in lines
        lists.append([line for line in lines if line and line[0] not in "#-"])
    names = [name for one in lists for name in read_names(one)]
    assert sorted(names) == sorted(set(names))


@dataclass(frozen=True)
class Installed:
    """After the page's commands: where they ran, and what the last ones printed."""

    repository: Path
    environment: dict[str, str]
    printed: str

    @property
    def shop(self) -> Path:
        return self.repository / "shop"

    def run(self, script: str, folder: Path) -> str:
        return run(script, folder, self.environment)


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", script],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The dependencies are those of this environment, by a path: a test that downloaded them again
    would take minutes and need the internet. The package itself is not among them."""
    folder = tmp_path_factory.mktemp("package")
    repository = folder / "repository"
    repository.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, repository)
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, repository / name, ignore=ignored)
    builder = venv.EnvBuilder(with_pip=False, symlinks=True)
    builder.create(folder / "env")
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "env")}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {
        "PATH": f"{folder / 'env' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        # The builder is installed too. (In a variable pip reads 0 as no isolation.)
        "PIP_NO_BUILD_ISOLATION": "0",
        # A checkout in this environment would count as the package.
        "PIP_IGNORE_INSTALLED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    install, use = blocks("sh")
    run(install, repository, environment)
    for block in blocks("python"):
        path = re.match(r"# (\S+), at the end\n", block)
        assert path is not None
        with (repository / "shop" / path[1]).open("a") as file:
            file.write(block)
    printed = run(use, repository / "shop", environment)
    return Installed(repository, environment, printed)


def test_the_wheel_holds_all_that_the_apps_need(installed: Installed) -> None:
    [wheel] = (installed.repository / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert {"ingestion/py.typed", "ingestion/static/ingestion/admin.css"} <= expected


def test_the_page_makes_a_project_that_ingests_the_sample(installed: Installed) -> None:
    assert "System check identified no issues (0 silenced)." in installed.printed
    assert "classifications: 60 created" in installed.printed
    with closing(connect(installed.shop / "f1_sample.sqlite3")) as rows:
        assert rows.execute("SELECT count(*) FROM ingestion_event").fetchone() == (60,)
    with closing(connect(installed.shop / "db.sqlite3")) as rows:
        assert rows.execute("SELECT count(*) FROM ingestion_event").fetchone() == (0,)
        schedules = rows.execute("SELECT name FROM django_q_schedule ORDER BY name").fetchall()
    assert [name for (name,) in schedules] == [
        "f1 audit",
        "f1 schedule",
        "f1 sweep",
        "f1 tick",
        "f1 watch",
    ]


def test_the_installed_package_is_what_runs(installed: Installed) -> None:
    asked = "import ingestion; print(ingestion.__file__)"
    printed = installed.run(f"python -c '{asked}'", installed.shop)
    assert Path(printed.strip()).is_relative_to(installed.repository.parent / "env")


def test_the_fixtures_are_there_for_the_projects_tests(installed: Installed) -> None:
    (installed.shop / "conftest.py").write_text(CONFTEST)
    (installed.shop / "test_shop.py").write_text(TEST)
    printed = installed.run("python -m pytest -q --ds shop.settings test_shop.py", installed.shop)
    assert "1 passed" in printed
