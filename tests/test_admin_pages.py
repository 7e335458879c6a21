"""Every page in a browser: usable by everybody, on every screen, on paper, and within its bounds.

`make pages` prints what is measured here.
"""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.admin_pages import (
    PASSWORD,
    SUPERUSER,
    VIEWER,
    Visit,
    list_pages,
    serving,
    set_scene,
    visit_pages,
)
from tests.browser import beside_the_browser, find_browser, running_browser, visiting

pytestmark = [
    pytest.mark.once,
    # With styles, which a stranger's server serves.
    pytest.mark.project,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.admin_site"),
    pytest.mark.skipif(
        find_browser() is None and "NEEDS_BROWSER" not in os.environ,
        reason="no browser is installed",
    ),
]


@pytest.fixture
def base(
    tmp_path: Path, settings: Any, fastf1_restored: None, loopback_unlimited: None
) -> Iterator[str]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    set_scene(tmp_path / "cache")
    with serving() as address:
        yield address


# Each kind of page: a table with a strip above it, what waits for a person, a story.
PRINTED = ("season", "event with a proposal", "event corrected")
SOME, EVERY = PRINTED, ()


@pytest.mark.parametrize(
    "names", [SOME, pytest.param(EVERY, marks=pytest.mark.long)], ids=["some", "every"]
)
def test_every_page_is_usable_on_every_screen_and_on_paper(
    base: str, names: Collection[str]
) -> None:
    with running_browser() as browser:
        visits = [
            *visit(browser, base, names, SUPERUSER, "light", "dark"),
            *visit(browser, base, names, VIEWER),
        ]
        with visiting(browser, base, width=1280) as printer:
            printer.sign_in(SUPERUSER, PASSWORD)
            listed = beside_the_browser(list_pages)(may_correct=False)
            sheets = {name: count_sheets(printer.page, base + listed[name]) for name in PRINTED}
    assert len(visits) == 2 * len(names) or len(visits) > 50
    assert [f"{one.name}: {finding}" for one in visits for finding in one.grave] == []
    assert {one.name: one.beyond for one in visits if max(one.beyond.values()) > 0} == {}
    assert {one.name: one.queries for one in visits if one.queries > one.most_queries} == {}
    assert sheets == dict.fromkeys(PRINTED, 1)


def visit(
    browser: Browser, base: str, names: Collection[str], person: str, *schemes: str
) -> list[Visit]:
    # axe brings a script of its own.
    page = browser.new_context(bypass_csp=True).new_page()
    listed = beside_the_browser(list_pages)(may_correct=person == SUPERUSER)
    listed = {name: listed[name] for name in names or listed}
    visits = list(visit_pages(page, base, person, listed, schemes))
    page.context.close()
    return visits


def count_sheets(page: Page, address: str) -> int:
    page.goto(address)
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
