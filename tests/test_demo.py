"""`make admin`: the weekend of Belgium, walked through in a real browser, and what other projects
have of it: nothing."""

import os
import re
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from f1picks.demo.story import MOMENTS, Moment
from f1picks.environment import ROOT
from tests.browser import NAMES, Visitor, find_browser, running_browser, visiting
from tests.project import Project
from tests.story import running_demo

pytestmark = [pytest.mark.project, pytest.mark.once]

BUTTON = "One hour later"
# A step plays many hours.
MILLISECONDS = 90_000


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How the story begins, played once for all tests of this module."""
    return tmp_path_factory.mktemp("story") / "story.sqlite3"


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def test_it_begins_on_the_sunday_and_nothing_is_missed(kept: Path) -> None:
    with running_demo(kept) as (address, printed):
        assert any("'operator'; no password is needed" in line for line in printed)
        page = get(address)
        assert "An hour before the race" in page
        assert BUTTON in page
        assert "--body-bg" in get(f"{address}/static/ingestion/admin.css")
    with closing(connect(kept)) as rows:
        assert rows.execute("SELECT count(*) FROM ingestion_event").fetchone() == (60,)
        alarms = "SELECT key FROM ingestion_alarm WHERE cleared_at IS NULL"
        # No worker runs beside it, and none is missed.
        assert rows.execute(alarms).fetchall() == [("disputed-start:2024-las-vegas-grand-prix",)]


def test_a_port_that_there_is_not_is_one_clear_line(kept: Path) -> None:
    command = [sys.executable, "-m", "f1picks.demo", "--port", "80800", "--database", str(kept)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "There is no port 80800, 65535 is the last. Another: make admin PORT=8001\n"
    )


@pytest.mark.long
@pytest.mark.skipif(
    find_browser() is None and "NEEDS_BROWSER" not in os.environ,
    reason=f"no browser is installed: none of {', '.join(NAMES)} was found",
)
def test_the_story_from_its_beginning_to_its_end(kept: Path) -> None:
    was_played = kept.exists()
    with (
        running_demo(kept) as (address, printed),
        running_browser() as browser,
        visiting(browser, address, width=390) as operator,
    ):
        assert any(line.startswith("Playing the season") for line in printed) != was_played
        operator.page.set_default_timeout(MILLISECONDS)
        operator.open("/")
        operator.sees("Season 2024", "Belgian Grand Prix")
        reads(operator, MOMENTS[0], "open until 2024-07-28 13:00 UTC", "George Russell")
        operator.press(BUTTON)
        happened(operator, "picks are closed")
        reads(operator, MOMENTS[1], "live")
        goes_on(operator, MOMENTS[2])
        happened(operator, "P1 Russell, P2 Hamilton, P3 Piastri (OpenF1)")
        reads(operator, MOMENTS[2], "provisional")
        goes_on(operator, MOMENTS[3])
        happened(operator, "No longer provisional but official")
        goes_on(operator, MOMENTS[4])
        happened(operator, "Russell disqualified (Jolpica)", "Alarm: Two sources disagree")
        operator.page.locator(".demo-strip").get_by_role("link").click()
        operator.sees("Two sources disagree about 2024 Belgian Grand Prix Race")
        goes_on(operator, MOMENTS[5])
        happened(operator, "The alarm is over: Two sources disagree")
        goes_on(operator, MOMENTS[6])
        reads(operator, MOMENTS[6], "settled", "P1 Lewis Hamilton")
        goes_on(operator, MOMENTS[7])
        happened(operator, "Proposed, for a person to decide")
        reads(operator, MOMENTS[7], "P1 Lewis Hamilton")
        operator.photograph("proposal")
        assert find_faults(browser, address) == []
        operator.page.locator("#content-main").get_by_text(re.compile("^Reject")).first.click()
        operator.review_and_save("the stewards' document 73")
        strip = operator.page.locator(".demo-strip")
        expect(strip).to_contain_text("You have decided")
        strip.get_by_text("About", exact=True).click()
        operator.press("Start over")
        expect(strip).to_contain_text(MOMENTS[0].title)
        reads(operator, MOMENTS[0], "open until")


def find_faults(browser: Browser, address: str) -> list[str]:
    """What axe finds in the strip; it brings a style of its own, which a page's policy refuses."""
    page = browser.new_context(bypass_csp=True).new_page()
    page.goto(address)
    page.evaluate(Axe().axe_script)
    found = page.evaluate("axe.run('.demo-strip').then(found => found.violations)")
    page.context.close()
    return [f"{one['impact']}: {one['help']}" for one in found]


def reads(operator: Visitor, moment: Moment, *texts: str) -> None:
    """Follows the strip's link to the race."""
    strip = operator.page.locator(".demo-strip")
    expect(strip.locator("b").first).to_have_text(f"{moment.title}.")
    strip.get_by_role("link", name=moment.link).click()
    operator.sees("2024 Belgian Grand Prix Race", *texts)


def goes_on(operator: Visitor, moment: Moment) -> None:
    strip = operator.page.locator(".demo-strip")
    strip.locator("button[name=until_next]").click()
    title = strip.locator("b").first
    expect(title).to_have_text(f"{moment.title}.", timeout=MILLISECONDS)


def happened(operator: Visitor, *texts: str) -> None:
    for text in texts:
        expect(operator.page.locator(".messagelist")).to_contain_text(text)


PAGES = """
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["testserver"]
print("f1picks.demo" in settings.INSTALLED_APPS)
for address in ("/demo/later/", "/demo/start-over/"):
    print(Client().post(address).status_code)
print(b"One hour later" in Client().get("/admin/", follow=True).content)
"""


def test_a_normal_project_has_neither_its_button_nor_its_addresses(project: Project) -> None:
    env = {"SECRET_KEY": "a-key-for-this-test-that-is-long-enough-and-has-0123456789-in-it"}
    pages = project.manage("shell", "-v0", "-c", PAGES, env=env)
    assert pages.stdout.split() == ["False", "404", "404", "False"], pages.stderr


def test_the_package_does_not_have_it() -> None:
    """What is installed elsewhere are these two."""
    for package in ("ingestion", "rehearsal"):
        for path in (ROOT / package).rglob("*"):
            if path.suffix in (".py", ".html", ".js"):
                assert BUTTON not in path.read_text(), path
