"""The documents name only what exists: files, commands, options, settings, alarms, checks."""

import ast
import re

import pytest
from django.core.management import load_command_class

from f1picks.environment import ROOT, variable_names
from ingestion.monitoring.alarm_kinds import KINDS

pytestmark = pytest.mark.project

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
}
DEPLOYMENT, COMMANDS, INDEX = (
    PAGES[f"docs/{name}.md"] for name in ("deployment", "commands", "README")
)
QUOTED = re.compile(r"`([^`\n]+)`")
# With a folder, or an ending that files here have.
A_PATH = re.compile(r"(?!/)[\w./-]+/[\w./-]*|[\w.-]+\.(?:py|md|toml|txt)")
# Of pages that show files of somebody else's project, or made at run time.
NOT_OURS = {"cache/fastf1", "shop/settings.py", "shop/urls.py", "office.py", "conftest.py"}
MADE = {"staticfiles", "admin", "f1"}
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+")
# Of Django and django-q2, of the web server, of Make and of the test suite.
OF_OTHERS = {
    *(
        "INSTALLED_APPS",
        "USE_TZ",
        "LANGUAGE_CODE",
        "TIME_ZONE",
        "Q_CLUSTER",
        "Q_CLUSTER_NAME",
        "ALT_CLUSTERS",
    ),
    *("SILENCED_SYSTEM_CHECKS", "WEB_CONCURRENCY", "TEST_DATABASE_URL", "NO_COLOR"),
}
# What a project that installs the app may set, beside what this one reads from its environment.
OF_HOSTS = {"F1_QUEUE"}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_exists(page: str) -> None:
    named = set(re.findall(r"\]\((?!https?:)([^)#]+)(?:#[\w-]+)?\)", PAGES[page]))
    named |= set(re.findall(r'(?:src|srcset)="([^"]+)"', PAGES[page]))
    missing = {path for path in named if not (ROOT / page).parent.joinpath(path).exists()}
    for quoted in QUOTED.findall(PAGES[page]):
        path = quoted.partition(":")[0].removeprefix("./")
        if not A_PATH.fullmatch(path) or path in NOT_OURS or path.split("/")[0] in MADE:
            continue
        if not any((ROOT / folder / path).exists() for folder in (".", "ingestion", "docs")):
            missing.add(path)
    assert missing == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_heading_that_is_linked_exists(page: str) -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([\w-]+)\)", PAGES[page]):
        text = (ROOT / page).parent.joinpath(path).read_text() if path else PAGES[page]
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


def test_the_index_lists_every_page_and_each_says_whom_it_is_for() -> None:
    listed = set(re.findall(r"^\| \[[^]]+\]\((\w+\.md)\)", INDEX, re.MULTILINE))
    pages = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}
    assert listed == set(pages) - {"README.md"}
    for name in listed:
        title, blank, *opening = pages[name].splitlines()
        assert (title[:2], blank) == ("# ", ""), name
        assert re.search("[Ff]or (whoever|operators)", " ".join(opening[:3])), name


def test_the_index_shows_every_part_of_the_app() -> None:
    tree = INDEX.partition("## Where things are")[2].partition("```\n")[2].partition("```")[0]
    listed: dict[str, set[str]] = {"": set()}
    folder = ""
    for line in tree.splitlines():
        names = set(line[:25].replace(",", " ").split())
        if not line.startswith("  "):
            folder = line.split()[0]
            listed[""] |= names
        else:
            listed.setdefault(folder, set()).update(names)
    for folder, names in listed.items():
        assert {name for name in names if not (ROOT / folder / name).exists()} == set()
    parts = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "ingestion").iterdir()
        if path.name[0] not in "_." and path.suffix in ("", ".py") and path.name != "apps.py"
    }
    named = {name.partition("/")[0] + "/" * ("/" in name) for name in listed["ingestion/"]}
    assert parts - named <= {"migrations/", "static/", "templates/", "templatetags/", "locale/"}


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set()
    for text in PAGES.values():
        named |= set(re.findall(r"(?:`|^(?:#|\$)? ?)make ([a-z][\w-]+)", text, re.MULTILINE))
    assert len(named) > 10
    assert named <= targets


def test_help_names_every_target_and_fits_a_terminal() -> None:
    makefile = (ROOT / "Makefile").read_text()
    shown = re.findall(r'^\t@echo "(.*)"$', makefile.partition("\nhelp:\n")[2], re.MULTILINE)
    lines = shown[: shown.index(next(line for line in shown if "make bench" in line)) + 1]
    assert max(map(len, lines)) <= 80
    [targets] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert {one for one in targets.split() if one not in " ".join(lines)} == {"help"}


def test_every_option_of_a_command_exists() -> None:
    for text in PAGES.values():
        for name, rest in re.findall(r"\b(?:manage\.py )?(ingest_f1|f1_\w+|rehearse)\b(.*)", text):
            if name == "f1_sample":
                continue
            app = "rehearsal" if name == "rehearse" else "ingestion"
            parser = load_command_class(app, name).create_parser("manage.py", name)
            options = set(re.findall(r"(?<!\S)`?(--[\w-]+)", rest.split("|")[0].split("`")[0]))
            assert options <= set(parser._option_string_actions), (name, rest)


def test_every_option_of_ingest_f1_is_explained() -> None:
    parser = load_command_class("ingestion", "ingest_f1").create_parser("manage.py", "ingest_f1")
    own = {
        option
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    of_django = {
        *("--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback"),
        *("--no-color", "--force-color", "--skip-checks"),
    }
    table = COMMANDS.partition("| option | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(--[\w-]+)", table)) == own - of_django


def test_every_setting_exists() -> None:
    known = set(variable_names(ROOT / ".env.example")) | OF_OTHERS | OF_HOSTS | {"ENV_FILE"}
    # Constants of the code, which the page about it names.
    pages = [text for page, text in PAGES.items() if page != "docs/architecture.md"]
    named = {
        word
        for text in pages
        for quoted in QUOTED.findall(text)
        for word in VARIABLE.findall(quoted)
    }
    assert named - known == set()


def test_every_alarm_is_explained_to_operators() -> None:
    table = DEPLOYMENT.partition("| alarm | what it means |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert sorted(QUOTED.findall(" ".join(rows))) == sorted(kind.key for kind in KINDS)


def test_every_check_is_explained() -> None:
    """The numbers are the first arguments and the first items of the checks' tuples."""
    numbers = set()
    for node in ast.walk(ast.parse((ROOT / "ingestion" / "checks.py").read_text())):
        match node:
            case ast.Call(func=ast.Name(id="_warn"), args=[ast.Constant(value=int(number)), *_]):
                numbers.add(number)
            case ast.Tuple(elts=[ast.Constant(value=int(number)), _, _, _]):
                numbers.add(number)
    text = PAGES["docs/installing.md"]
    first, last = re.findall(r"`ingestion\.W(\d{3})` to `W(\d{3})`", text)[0]
    named = set(range(int(first), int(last) + 1))
    named |= set(map(int, re.findall(r"`ingestion\.W(\d{3})`", text)))
    assert named == numbers
