"""The app in a stranger's monolith: in INSTALLED_APPS, with no setting of its own.

The whole suite runs there too, with `make test-host`; this is the part of it that every run checks.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from f1picks.environment import ROOT
from tests.command_line import addresses, small_season
from tests.conftest import on_postgres
from tests.project import Project
from tests.upstream import FaultyUpstream

HOST = {"DJANGO_SETTINGS_MODULE": "tests.host_project.settings"}
STEERED = {"DJANGO_SETTINGS_MODULE": "tests.host_project.steered"}
ABOUT_THE_QUEUE = {f"ingestion.W00{number}" for number in range(1, 7)}
ABOUT_SQLITE = set() if on_postgres else {"ingestion.W012"}


@pytest.fixture
def host(unmigrated_project: Project) -> Project:
    migrated = unmigrated_project.manage("migrate", "--verbosity", "0", env=STEERED)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    return unmigrated_project


def run(host: Project, code: str, **env: str) -> str:
    done = host.manage("shell", "-v0", "-c", code, env={**STEERED, **env})
    assert done.returncode == 0, done.stderr
    return done.stdout


CHECK = """
from django.core.checks import run_checks
print(*sorted(message.id for message in run_checks()))
"""


@pytest.mark.once
def test_settings_that_are_not_ours_are_warned_of_and_fail_nothing(
    unmigrated_project: Project,
) -> None:
    checked = unmigrated_project.manage("check", env=HOST)
    assert checked.returncode == 0, checked.stderr
    told = unmigrated_project.manage("shell", "-v0", "-c", CHECK, env=HOST)
    assert set(told.stdout.split()) == ABOUT_THE_QUEUE | ABOUT_SQLITE


def test_no_migration_is_missing_and_the_apps_keys_are_its_own(host: Project) -> None:
    """Whatever the project's user model and its default for keys."""
    checked = host.manage("makemigrations", "--check", "--dry-run", env=STEERED)
    assert checked.returncode == 0, checked.stdout


LOGGING = """
import logging
root, names = logging.root, ("ingestion", "fastf1", "django_q", "py.warnings")
def state():
    return [(list(log.handlers), log.level, log.propagate, log.disabled, list(log.filters))
            for log in (root, *map(logging.getLogger, names))]
before = state()
import importlib, pkgutil, ingestion
for module in pkgutil.walk_packages(ingestion.__path__, "ingestion."):
    if ".migrations" not in module.name and "testing" not in module.name:
        importlib.import_module(module.name)
from pathlib import Path
from ingestion.sources import SourceConfig, connect
connect(SourceConfig(Path("cache")), reserve=lambda host, n: None)
print(state() == before, [type(handler).__name__ for handler in root.handlers])
"""


@pytest.mark.once
def test_logging_is_the_projects_own(host: Project) -> None:
    assert run(host, LOGGING) == "True ['StreamHandler']\n"


TICK = """
from ingestion.models import Event
from ingestion.queue.tasks import tick
tick()
print(Event.objects.filter(status="completed").count())
"""


def test_a_tick_and_an_ingest_work_and_log_in_the_projects_way(host: Project) -> None:
    with FaultyUpstream({2024: small_season()}) as upstream:
        ran = host.manage("ingest_f1", "--year", "2024", env={**STEERED, **addresses(upstream)})
    assert ran.returncode == 0, ran.stderr
    assert "classifications: 6 created, 0 updated" in ran.stdout
    assert all(line.startswith("shop INFO ") for line in ran.stderr.splitlines()), ran.stderr
    assert run(host, TICK) == "6\n"


OFFICE = """
import json
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.host_project.members.models import Member
from ingestion.models import Alarm, Event
from ingestion.testing.feed import SeasonFeed
event = SeasonFeed(is_held=False).publish().event
alarm = Alarm.objects.create(key="x", severity="attention", title="-", raised_at=timezone.now())
boss = Member.objects.create_superuser("boss@shop.example", "secret")
client = Client(headers={"host": "localhost"})
client.force_login(boss)
pages = {
    "index": reverse("admin:index"),
    "season": reverse("admin:ingestion_season_page", args=[2024]),
    "event": reverse("admin:ingestion_event_change", args=[event.pk]),
    "feed": reverse("admin:ingestion_change_changelist"),
    "settle": reverse("admin:ingestion_event_correct", args=[event.pk, "settle"]),
}
answers = {name: client.get(address) for name, address in pages.items()}
seen = client.post(reverse("admin:ingestion_alarm_acknowledge", args=[alarm.pk]))
alarm.refresh_from_db()
html = {name: answer.content.decode() for name, answer in answers.items()}
print(json.dumps({
    "pages": pages,
    "codes": {name: answer.status_code for name, answer in answers.items()},
    "elsewhere": [name for name in html if 'href="/admin' in html[name]],
    "header": "The shop" in html["season"],
    "seen": [seen.status_code, str(alarm.acknowledged_by)],
    "healthz": client.get("/internal/status/f1").status_code,
    "nowhere": client.get("/healthz").status_code,
}))
"""


@pytest.mark.once
def test_the_admin_is_in_the_projects_own(host: Project) -> None:
    """On a site of another name, elsewhere than /admin/, for people who are told by an address."""
    told = json.loads(run(host, OFFICE))
    assert set(told["codes"].values()) == {200}
    assert all(page.startswith("/shop/office/") for page in told["pages"].values())
    assert told["elsewhere"] == []
    assert told["header"]
    assert told["seen"] == [302, "boss@shop.example"]
    assert told["healthz"] in {200, 503}
    assert told["nowhere"] == 404


DEFAULT_SITE = """
from tests.host_project.steered import *
from tests.host_project.steered import INSTALLED_APPS as THEIRS
INSTALLED_APPS = ["office_config.OfficeConfig", *THEIRS[1:]]
ROOT_URLCONF = "default_urls"
"""
OFFICE_CONFIG = """
from django.contrib.admin.apps import AdminConfig
class OfficeConfig(AdminConfig):
    default_site = "office_site.Office"
"""
OFFICE_SITE = """
from django.contrib.admin import AdminSite
class Office(AdminSite):
    site_header = "The office"
"""
DEFAULT_URLS = """
from django.contrib import admin
from django.urls import path
urlpatterns = [path("desk/", admin.site.urls)]
"""
REGISTERED = """
from django.contrib import admin
from django.urls import reverse
from ingestion.models import Event
print(type(admin.site._wrapped or admin.site).__name__, admin.site.site_header,
      admin.site.is_registered(Event), reverse("admin:ingestion_season_page", args=[2024]))
"""


@pytest.mark.once
def test_a_site_of_the_projects_own_that_is_the_default_one_has_it_by_itself(
    unmigrated_project: Project, tmp_path: Path
) -> None:
    """Django's way to replace its site: an AdminConfig with `default_site`."""
    (tmp_path / "office_site.py").write_text(OFFICE_SITE)
    (tmp_path / "default_urls.py").write_text(DEFAULT_URLS)
    (tmp_path / "office_config.py").write_text(OFFICE_CONFIG)
    (tmp_path / "default_site.py").write_text(DEFAULT_SITE)
    env = {"DJANGO_SETTINGS_MODULE": "default_site", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    told = run(unmigrated_project, REGISTERED, **env)
    assert told == "Office The office True /desk/ingestion/season/2024/\n"


SCHEDULES = """
from django_q.models import Schedule
print(sorted(Schedule.objects.values_list("name", "cluster")))
print(f"{Schedule.objects.get(name='f1 schedule').next_run:%H:%M}")
"""
OWN_QUEUE = """
from tests.host_project.steered import *
from tests.host_project.steered import Q_CLUSTER as SHOP
Q_CLUSTER = {**SHOP, "ALT_CLUSTERS": {"f1": {
    "workers": 1, "queue_limit": 1, "timeout": 600, "retry": 1500, "max_attempts": 1,
    "ack_failures": True, "catch_up": False, "save_limit_per": "func",
}}}
SILENCED_SYSTEM_CHECKS = []
"""


TASKS = ("audit", "schedule", "sweep", "tick", "watch")


@pytest.mark.once
def test_tasks_go_to_the_projects_only_queue_where_it_has_no_other(host: Project) -> None:
    queues, time = run(host, SCHEDULES).splitlines()
    assert queues == str([(f"f1 {name}", None) for name in TASKS])
    # In UTC, whatever the project's clock says.
    assert time in {"06:00", "18:00"}


@pytest.mark.once
def test_tasks_go_to_their_own_queue_where_the_project_has_one(
    unmigrated_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "own_queue.py").write_text(OWN_QUEUE)
    env = {"DJANGO_SETTINGS_MODULE": "own_queue", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    checked = unmigrated_project.manage("check", "--fail-level", "WARNING", env=env)
    assert checked.returncode == 0, checked.stderr
    assert unmigrated_project.manage("migrate", "-v0", env=env).returncode == 0
    queues, _ = run(unmigrated_project, SCHEDULES, **env).splitlines()
    assert queues == str([(f"f1 {name}", "f1") for name in TASKS])


def test_the_apps_tests_are_collected_there_without_the_projects_own() -> None:
    command = [sys.executable, "-m", "pytest", "--ds", "tests.host_project.suite", "-q"]
    options = ["-m", "not project", "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, "tests/test_settings.py", "tests/test_healthz.py"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "tests/test_healthz.py::" in done.stdout
    assert "tests/test_settings.py::" not in done.stdout
