"""Settings as a process gets them from its environment and .env."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from f1picks.environment import ROOT, Environment, variable_names
from tests.command_line import addresses, count_rows, small_season
from tests.project import Project
from tests.upstream import FaultyUpstream

pytestmark = [pytest.mark.once, pytest.mark.project]

KEY = "a-key-for-this-test-that-is-long-enough-and-has-0123456789-in-it"
READ = """
import json
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in %r}, default=str))
"""


def read(project: Project, *names: str, **env: str) -> list[Any]:
    ran = project.manage("shell", "-v0", "-c", READ % (names,), env=env)
    assert ran.returncode == 0, ran.stderr
    values: dict[str, Any] = json.loads(ran.stdout)
    return list(values.values())


def env_of(value: str) -> Environment:
    env = Environment()
    env.ENVIRON = {"NAME": value}
    return env


def test_defaults_are_safe_and_need_no_environment(unmigrated_project: Project) -> None:
    names = (
        "DEBUG", "ALLOWED_HOSTS", "USE_TZ", "TIME_ZONE", "FASTF1_CACHE_DIR", "F1_SCHEDULE_URL",
        "JOLPICA_URL", "F1_USERNAME", "F1_PASSWORD", "LOG_LEVEL", "LOG_FORMAT",
        "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "SESSION_COOKIE_SECURE",
    )  # fmt: skip
    empty = dict.fromkeys(variable_names(ROOT / ".env.example"), "")
    assert read(unmigrated_project, *names, **empty) == [
        False, ["localhost", "127.0.0.1"], True, "UTC", str(ROOT / "cache/fastf1"), "",
        "", "", "", "INFO", "console",
        False, 0, False,
    ]  # fmt: skip


def test_the_example_file_says_what_the_defaults_are(unmigrated_project: Project) -> None:
    names = (
        "DEBUG", "ALLOWED_HOSTS", "DATABASES", "FASTF1_CACHE_DIR", "LOG_LEVEL", "LOG_FORMAT",
        "F1_SCHEDULE_URL", "JOLPICA_URL", "SECURE_SSL_REDIRECT", "CSRF_TRUSTED_ORIGINS",
    )  # fmt: skip
    empty = dict.fromkeys(variable_names(ROOT / ".env.example"), "")
    example = {
        name: value.strip()
        for line in (ROOT / ".env.example").read_text().splitlines()
        if not line.startswith("#") and line
        for name, _, value in [line.partition("=")]
    }
    assert read(unmigrated_project, *names, **example) == read(unmigrated_project, *names, **empty)


def test_values_come_from_the_environment(unmigrated_project: Project, tmp_path: Path) -> None:
    assert read(
        unmigrated_project,
        "DEBUG",
        "ALLOWED_HOSTS",
        "FASTF1_CACHE_DIR",
        "F1_SCHEDULE_URL",
        "JOLPICA_URL",
        "F1_PASSWORD",
        "LOG_LEVEL",
        "LOG_FORMAT",
        DEBUG="true",
        ALLOWED_HOSTS="picks.example, www.picks.example",
        FASTF1_CACHE_DIR=str(tmp_path / "elsewhere"),
        F1_SCHEDULE_URL="http://127.0.0.1:8000/f1schedule/",
        JOLPICA_URL=" http://127.0.0.1:8000/ergast/f1 ",
        F1_PASSWORD="$DEBUG #1",
        LOG_LEVEL="warning",
        LOG_FORMAT="JSON",
    ) == [
        True,
        ["picks.example", "www.picks.example"],
        str(tmp_path / "elsewhere"),
        "http://127.0.0.1:8000/f1schedule/",
        "http://127.0.0.1:8000/ergast/f1",
        "$DEBUG #1",
        "WARNING",
        "json",
    ]


def test_env_file_fills_in_what_the_environment_leaves_out(
    unmigrated_project: Project, tmp_path: Path
) -> None:
    file = tmp_path / "settings.env"
    file.write_text(
        "\ufeff# a comment\r\n\r\nexport F1_USERNAME=someone\r\nF1_PASSWORD='$p a#s'\r\n"
        "LOG_LEVEL=ERROR \r\n   \r\nJOLPICA_URL=http://file.example\r\n",
        encoding="utf-8",
    )
    assert read(
        unmigrated_project,
        "F1_USERNAME",
        "F1_PASSWORD",
        "LOG_LEVEL",
        "JOLPICA_URL",
        ENV_FILE=str(file),
        JOLPICA_URL="http://environment.example",
    ) == ["someone", "$p a#s", "ERROR", "http://environment.example"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"LOG_LEVEL=INFO\nhunter2marked\n", "Line 2 of it.env is not of the form NAME=value."),
        (b"F1_PASSWORD: hunter2marked\n", "Line 1 of it.env is not of the form NAME=value."),
        (b"F1_PASSWORD=hunter2marked\xff\n", "it.env is not UTF-8 text."),
        (None, "it.env cannot be read (No such file or directory)."),
    ],
)
def test_env_file_that_cannot_be_read_is_refused_and_never_shown(
    unmigrated_project: Project, tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "it.env"
    if content is not None:
        file.write_bytes(content)
    checked = unmigrated_project.manage("check", env={"ENV_FILE": str(file)})
    assert checked.returncode == 1
    assert message in checked.stderr
    assert checked.stderr.startswith("Wrong configuration: ")
    assert checked.stderr.count("\n") == 1
    assert "hunter2marked" not in checked.stdout + checked.stderr


@pytest.mark.parametrize("value", ["enabled", "on # production", "# off", "2", "tru", "on;", "o n"])
def test_a_switch_that_is_neither_on_nor_off_is_refused(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^NAME (is neither|has a comment)"):
        env_of(value).switch("NAME")


@pytest.mark.parametrize(
    ("value", "is_on"),
    [("ON", True), (" yes ", True), ("1", True), ("True", True), ("", False), ("No", False)],
)
def test_a_switch_is_on_or_off(value: str, is_on: bool) -> None:
    assert env_of(value).switch("NAME") is is_on


def switches_and_texts() -> list[tuple[str, str]]:
    """Each variable of the settings with a value that it cannot have."""
    tree = ast.parse((ROOT / "f1picks" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    reads = {ast.unparse(node.args[0]).strip("'"): ast.unparse(node.func) for node in calls}
    wrong = {"env.switch": ["enabled", "on # production"], "env.text": ["./x # a comment"]}
    wrong["env.texts"] = wrong["env.text"]
    return [(name, value) for name, function in reads.items() for value in wrong.get(function, [])]


CHECK_EACH = """
import importlib, os, sys
import django.conf
from django.core.exceptions import ImproperlyConfigured
for name, value in %r:
    os.environ[name] = value
    sys.modules.pop("f1picks.settings", None)
    try:
        importlib.import_module("f1picks.settings")
    except ImproperlyConfigured as error:
        print(str(error).split()[0])
    else:
        print("accepted", name)
    del os.environ[name]
"""


def test_every_variable_refuses_a_comment_behind_its_value_by_name(
    unmigrated_project: Project,
) -> None:
    cases = switches_and_texts()
    assert len(cases) > 15
    ran = unmigrated_project.manage("shell", "-v0", "-c", CHECK_EACH % cases)
    assert ran.stdout.split("\n")[:-1] == [name for name, _ in cases], ran.stderr


@pytest.mark.parametrize("line", ["HTTPS_ONLY=on # here", "FASTF1_CACHE_DIR=./c # fast disk"])
def test_a_comment_behind_a_value_in_the_file_is_one_line_and_exit_1(
    unmigrated_project: Project, tmp_path: Path, line: str
) -> None:
    file = tmp_path / "it.env"
    file.write_text(f"{line}\n")
    environment = unmigrated_project.environment({"ENV_FILE": str(file)})
    del environment["FASTF1_CACHE_DIR"]
    command = unmigrated_project.command("check")
    checked = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    name = line.partition("=")[0]
    assert (checked.returncode, checked.stdout) == (1, "")
    assert checked.stderr.startswith(f"Wrong configuration: {name} has a comment behind its value;")
    assert checked.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("HTTPS_ONLY", "is neither on nor off."),
        ("LOG_LEVEL", "is none of "),
        ("LOG_FORMAT", "is none of "),
        ("WORKERS", "is no whole number from 1 to 99."),
        ("F1_SETTLE_AFTER_HOURS", "is no whole number from 0 to 9999."),
    ],
)
def test_wrong_value_is_one_line_and_exit_1(
    unmigrated_project: Project, name: str, complaint: str
) -> None:
    checked = unmigrated_project.manage("check", env={name: "wrong"})
    assert (checked.returncode, checked.stdout) == (1, "")
    assert checked.stderr.startswith(f"Wrong configuration: {name} {complaint}")
    assert checked.stderr.endswith("(.env.example explains every variable).\n")
    assert checked.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "value", ["181", "29", "0", "-1", "many", "1e2", "\uff11\uff10\uff10", "9" * 9]
)
def test_limit_of_requests_is_lowered_and_never_raised(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^NAME is no whole number from 30 to 180\.$"):
        env_of(value).number("NAME", default=180, least=30, most=180)


@pytest.mark.parametrize(("value", "number"), [("", 180), (" 60 ", 60), ("030", 30), ("180", 180)])
def test_limit_of_requests_is_a_whole_number(value: str, number: int) -> None:
    assert env_of(value).number("NAME", default=180, least=30, most=180) == number


def test_limit_of_requests_that_is_too_high_is_one_line_and_exit_1(
    unmigrated_project: Project,
) -> None:
    checked = unmigrated_project.manage("check", env={"F1_REQUESTS_PER_HOUR": "500"})
    assert (checked.returncode, checked.stdout) == (1, "")
    assert checked.stderr.startswith(
        "Wrong configuration: F1_REQUESTS_PER_HOUR is no whole number from 30 to 180. Nothing was "
    )
    assert checked.stderr.count("\n") == 1
    assert read(unmigrated_project, "F1_REQUESTS_PER_HOUR", F1_REQUESTS_PER_HOUR="60") == [60]


def test_commands_need_no_secret_key(unmigrated_project: Project) -> None:
    for arguments in (["check"], ["migrate", "--verbosity", "0"], ["makemigrations", "--check"]):
        done = unmigrated_project.manage(*arguments)
        assert (done.returncode, done.stderr) == (0, "")


def imported(project: Project, module: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import {module}; print(type({module}.application).__name__)"],
        check=False,
        cwd=ROOT,
        env=project.environment(env),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("module", "handler"), [("f1picks.wsgi", "WSGIHandler"), ("f1picks.asgi", "ASGIHandler")]
)
def test_pages_are_served_only_with_a_secret_key(
    unmigrated_project: Project, module: str, handler: str
) -> None:
    without = imported(unmigrated_project, module)
    assert without.returncode == 1
    assert without.stderr.endswith(
        "ImproperlyConfigured: SECRET_KEY is not set, and pages are not served without one. "
        "Run `python -m f1picks.environment` to put a new one into .env.\n"
    )
    for env in ({"SECRET_KEY": KEY}, {"DEBUG": "on"}):
        served = imported(unmigrated_project, module, **env)
        assert (served.returncode, served.stdout) == (0, f"{handler}\n"), served.stderr


def test_queue_is_in_the_database_or_in_redis(unmigrated_project: Project) -> None:
    url = "redis://127.0.0.1:6379/3"
    (database,) = read(unmigrated_project, "Q_CLUSTER", WORKERS="3")
    (redis,) = read(unmigrated_project, "Q_CLUSTER", REDIS_URL=url)
    assert (database["orm"], database.get("redis"), database["workers"]) == ("default", None, 3)
    assert (redis.get("orm"), redis["redis"], redis["queue_limit"]) == (None, url, 2)


def test_deployment_check_is_clean_over_https(unmigrated_project: Project) -> None:
    checked = unmigrated_project.manage(
        "check", "--deploy", "--fail-level", "WARNING", env={"SECRET_KEY": KEY, "HTTPS_ONLY": "on"}
    )
    assert checked.returncode == 0, checked.stderr


def test_the_admin_responds_and_the_bare_address_leads_to_it(project: Project) -> None:
    code = (
        "from django.test import Client; "
        "visit = Client(headers={'host': 'localhost'}).get; "
        "print([visit(path).status_code for path in ('/', '/x', '/admin/', '/admin/login/')])"
    )
    ran = project.manage("shell", "-v0", "-c", code, env={"SECRET_KEY": KEY, "LOG_LEVEL": "ERROR"})
    assert (ran.returncode, ran.stdout) == (0, "[302, 404, 302, 200]\n"), ran.stderr


def test_the_example_file_names_every_variable_that_settings_read() -> None:
    tree = ast.parse((ROOT / "f1picks" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    first = [node.args[0] for node in calls if ast.unparse(node.func).startswith("env.")]
    names = {node.value for node in first if isinstance(node, ast.Constant)} - {"ENV_FILE"}
    assert len(names) > 10
    assert names == set(variable_names(ROOT / ".env.example"))


# Accounts without a home folder

NO_ACCOUNT = """
import pwd
def getpwuid(uid): raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = getpwuid
"""


def without_home(project: Project, **env: str) -> dict[str, str]:
    """An environment as a container gives it to a user without an entry in its list of users."""
    (project.folder / "sitecustomize.py").write_text(NO_ACCOUNT)
    environment = project.environment({**env, "PYTHONPATH": str(project.folder)})
    del environment["HOME"]
    return environment


def test_an_account_without_a_home_folder_ingests(project: Project) -> None:
    with FaultyUpstream({2024: small_season()}) as upstream:
        done = subprocess.run(
            project.command("ingest_f1", "--year", "2024", "--round", "2"),
            check=False,
            env=without_home(project, **addresses(upstream)),
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert count_rows(project)["result"] == 40


@pytest.mark.parametrize("name", ["FASTF1_CACHE_DIR", "ENV_FILE"])
def test_a_path_in_a_home_that_is_not_there_is_refused_by_name(
    unmigrated_project: Project, name: str
) -> None:
    done = subprocess.run(
        unmigrated_project.command("check"),
        check=False,
        env=without_home(unmigrated_project, **{name: "~/here"}),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"Wrong configuration: {name} begins with ~, and that account ")
