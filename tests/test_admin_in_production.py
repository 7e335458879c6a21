"""The admin as it is served: static files without DEBUG, and Django's own checks."""

import re

import pytest

from f1picks.environment import ROOT
from tests.project import Project

pytestmark = pytest.mark.project

SECRET_KEY = "a-key-for-this-test-that-is-long-enough-and-has-0123456789-in-it"
PAGE = (ROOT / "docs" / "deployment.md").read_text()
SHOWN = re.search(r"^```sh\n(ALLOWED_HOSTS=.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def shown_settings() -> dict[str, str]:
    assert SHOWN is not None
    # As .env takes them: a comment has a line of its own.
    lines = [line for line in SHOWN[1].splitlines() if not line.startswith("#")]
    return dict(line.split("=", maxsplit=1) for line in lines)


def test_djangos_checks_have_nothing_to_say_of_the_settings_shown(project: Project) -> None:
    env = {"SECRET_KEY": SECRET_KEY, **shown_settings()}
    assert set(env) == {"SECRET_KEY", "ALLOWED_HOSTS", "HTTPS_ONLY", "HTTPS_PROXY_HEADER"}
    checked = project.manage("check", "--deploy", "--fail-level", "INFO", env=env)
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


COLLECTED = """
from pathlib import Path
from django.conf import settings
from django.core.management import call_command
from django.templatetags.static import static
from django.test import Client
settings.ALLOWED_HOSTS = ["testserver"]
print(static("ingestion/admin.css"), static("ingestion/forgotten.css"))
answer = Client().get(static("ingestion/admin.css"), headers={"accept-encoding": "gzip"})
print(answer.status_code, answer["Cache-Control"], answer.get("Content-Encoding", "plain"))
"""
SETTINGS = """
from pathlib import Path
from f1picks.settings import *
STATIC_ROOT = Path("static")
IS_COLLECTED = (STATIC_ROOT / "staticfiles.json").is_file()
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not IS_COLLECTED
"""


@pytest.mark.once
def test_static_files_are_served_before_and_after_they_are_collected(project: Project) -> None:
    """Without DEBUG; afterwards under names that may be cached for ever, and compressed. One that
    was not collected keeps its name and spoils no page."""
    (project.folder / "elsewhere.py").write_text(SETTINGS)
    env = {
        "SECRET_KEY": SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "elsewhere",
        "PYTHONPATH": str(project.folder),
    }
    before = project.manage("shell", "-v0", "-c", COLLECTED, env=env)
    assert before.stdout.splitlines() == [
        "/static/ingestion/admin.css /static/ingestion/forgotten.css",
        "200 max-age=60, public plain",
    ], before.stderr

    collected = project.manage("collectstatic", "--no-input", env=env)
    assert collected.returncode == 0, collected.stderr
    after = project.manage("shell", "-v0", "-c", COLLECTED, env=env)
    names, served = after.stdout.splitlines()
    assert re.fullmatch(
        r"/static/ingestion/admin\.[0-9a-f]{12}\.css /static/ingestion/forgotten\.css", names
    )
    assert served == "200 max-age=315360000, public, immutable gzip"
