"""An operator at a browser that is installed on this machine: none is downloaded."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from django.db import connections
from django.urls import reverse
from django.utils.text import capfirst
from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

from tests.persons import User

NAMES = ("chromium", "chromium-browser", "google-chrome")
# As root there is no sandbox; the rest keeps it from requests to other servers.
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
MILLISECONDS = 15_000

P = ParamSpec("P")
T = TypeVar("T")


def find_browser() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running_browser() -> Iterator[Browser]:
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        yield browser
        browser.close()


def beside_the_browser(query: Callable[P, T]) -> Callable[P, T]:
    """In a thread of its own: while a browser is open its loop is this thread's, and Django refuses
    queries from within a loop."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return query(*args, **kwargs)
        finally:
            connections.close_all()

    @wraps(query)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(run, *args, **kwargs).result()

    return wait


@dataclass
class Visitor:
    """A person at a screen of this width; what goes wrong in the page is kept."""

    page: Page
    base: str
    screenshots: Path | None
    errors: list[str]
    # Clicks of a mouse, or taps of a finger; each thing that was done with how many it took.
    clicks: int = 0
    done: dict[str, int] = field(default_factory=dict)

    def note_request(self, url: str) -> None:
        """A page of an admin sends no request to another server."""
        if not url.startswith((self.base, "data:")):
            self.errors.append(f"request to another server: {url}")

    def note_console(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.errors.append(text)

    def note_click(self) -> None:
        self.clicks += 1

    def sign_in(self, name: str, password: str) -> None:
        self.page.goto(self.base + reverse("admin:index"))
        self.page.get_by_label(login_label()).fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def open(self, path: str) -> Response:
        response = self.page.goto(self.base + path)
        assert response is not None
        return response

    @contextmanager
    def counting(self, what: str, *, most: int) -> Iterator[None]:
        """What is done within takes so many clicks, or fewer."""
        before = self.clicks
        yield
        self.done[what] = self.clicks - before
        assert self.done[what] <= most, f"{what} took {self.done[what]} clicks"

    def give_reason(self, text: str) -> None:
        self.page.get_by_label("Reason").fill(text)

    def is_in_sight(self, text: str) -> bool:
        """Without scrolling."""
        box = self.page.get_by_text(text).first.bounding_box()
        size = self.page.viewport_size
        return bool(box and size and box["y"] >= 0 and box["y"] + box["height"] <= size["height"])

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def follow(self, name: str) -> None:
        self.page.locator("#content-main").get_by_role("link", name=name, exact=True).first.click()

    def sees(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("#main")).to_contain_text(text)

    def sees_not(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("#main")).not_to_contain_text(text)

    def review_and_save(self, reason: str, *texts: str) -> None:
        """What the review says, then 'save'."""
        review = self.page.get_by_role("button", name="Review the change")
        if review.count():
            review.click()
        self.sees("Save this?", *texts)
        self.give_reason(reason)
        self.press("Save it")
        self.sees("Saved: ", *texts)

    def ingest(self) -> None:
        self.press("Ingest now")
        expect(self.page.get_by_role("link", name="The run", exact=True)).to_be_visible()
        self.follow("Back")

    def photograph(self, name: str) -> None:
        """Nothing may reach beyond the screen's edge; a picture in light and in dark where they are
        to be kept."""
        width = self.page.viewport_size["width"] if self.page.viewport_size else 0
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme in schemes if self.screenshots is not None else ():
            self.page.emulate_media(color_scheme=scheme)
            file = f"{self.screenshots}/{name}-{width}-{scheme}.png"
            self.page.screenshot(path=file, full_page=True)
        self.page.emulate_media(color_scheme="light")
        beyond = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert beyond <= 0, f"{name} is {beyond} pixels wider than a screen of {width}"


def login_label() -> str:
    field: Any = User._meta.get_field(User.USERNAME_FIELD)
    return capfirst(str(field.verbose_name))


@contextmanager
def visiting(
    browser: Browser, base: str, *, width: int, screenshots: Path | None = None, height: int = 844
) -> Iterator[Visitor]:
    is_phone = width < 500
    context = browser.new_context(
        viewport={"width": width, "height": height}, is_mobile=is_phone, has_touch=is_phone
    )
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    visitor = Visitor(page, base, screenshots, [])
    context.expose_binding("noteClick", lambda _source: visitor.note_click())
    context.add_init_script("addEventListener('pointerdown', () => noteClick(), true)")
    page.on("pageerror", lambda error: visitor.errors.append(str(error)))
    page.on("console", lambda message: visitor.note_console(message.text))
    page.on("request", lambda request: visitor.note_request(request.url))
    yield visitor
    context.close()
    assert visitor.errors == []
