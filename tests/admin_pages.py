"""Every page of the admin in a browser, on a season with something of each kind in it: served here,
so that each answer says how many queries it took."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connection
from django.test import override_settings
from django.urls import reverse
from playwright.sync_api import Page

from ingestion.corrections import (
    Author,
    possible_corrections,
    reorder,
    settle_results,
    void_event,
)
from ingestion.corrections.entries import key_of
from ingestion.models import Alarm, Change, Driver, Event, IngestRun, TaskRun
from ingestion.monitoring.alerting import update_alarms
from ingestion.monitoring.health import check_health
from ingestion.queue import tasks
from ingestion.sample.season import Season, load_season, with_finishes
from ingestion.sample.upstream import StandInUpstream
from tests.admin_site import clock
from tests.amending import with_leaders_swapped
from tests.browser import MILLISECONDS
from tests.installation import switch_polling_on, tick
from tests.operators import VIEWING
from tests.persons import User

# A race Sunday at Spa, an hour before the start.
NOW = datetime(2024, 7, 28, 12, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
SUPERUSER, VIEWER = "sofia", "vera"
REASON = (
    "The stewards' document 73 of https://www.fia.com/documents/championships/fia-formula-one-"
    "world-championship-14/season/season-2024-2043/stewards-decision-car-63-weight.pdf: the car "
    "was underweight, and the team did not appeal."
)
TASK = "0" * 32
# Of a page's own queries, those apart that say who signed in and what they may.
MOST_QUERIES, MOST_QUERIES_OF_STATUS = 8, 20
PHONE, WIDTHS = 390, (360, 390, 1280)
GRAVE = ("critical", "serious")
QUERIES = "X-Queries"
OF_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}


def published_by_sunday() -> Season:
    """Up to Belgium's qualifying; Austria's sprint never came."""
    season = load_season(2024)
    days = {weekend.id: weekend.sessions[-1].starts_at for weekend in season.grands_prix}

    def is_over(key: str) -> bool:
        at = days[key]
        return at is not None and at < NOW

    tables = ("races", "sprints", "qualifyings", "sprint_qualifyings")
    kept: dict[str, Any] = {
        name: {key: rows for key, rows in getattr(season, name).items() if is_over(key)}
        for name in tables
    }
    kept["qualifyings"]["belgium"] = season.qualifyings["belgium"]
    del kept["sprints"]["austria"]
    return replace(season, **kept)


def set_scene(cache: Path) -> None:
    """A proposal to decide, a correction, a cancelled race, an alarm and who can be picked."""
    clock.now = NOW
    season = published_by_sunday()
    with StandInUpstream({2024: season}, clock=clock) as upstream:
        addresses = {"F1_SCHEDULE_URL": upstream.schedule_url, "JOLPICA_URL": upstream.jolpica_url}
        with override_settings(**addresses, FASTF1_CACHE_DIR=cache):
            switch_polling_on(NOW - timedelta(days=30))
            tick(NOW - timedelta(minutes=3))
            tasks.ingest_season(2024, clock=clock)
            person = User.objects.create_superuser(SUPERUSER, password=PASSWORD)
            author = Author(person, REASON, NOW)
            settle_results(find("british-grand-prix"), author, revision=1)
            swapped = with_leaders_swapped(season.races["great-britain"])
            upstream.seasons[2024] = with_finishes(season, "races", "great-britain", swapped)
            tasks.ingest_season(2024, clock=clock)
    hungary = find("hungarian-grand-prix")
    keys = [key_of(entry) for entry in hungary.classification]
    reorder(hungary, [keys[1], keys[0], *keys[2:]], author, revision=1)
    void_event(find("azerbaijan-grand-prix"), author)
    Event.objects.update(updated_at=NOW - timedelta(days=2))
    update_alarms(check_health(NOW), NOW, channels=[])
    viewer = User.objects.create_user(VIEWER, password=PASSWORD, is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=VIEWING))
    TaskRun.objects.create(id=TASK, name="ingest season", started_at=NOW)
    IngestRun.objects.filter(pk=IngestRun.objects.latest("pk").pk).update(task=TASK)


def find(grand_prix: str, session_type: str = "race") -> Event:
    events = Event.objects.with_classifications().filter(season=2024, session_type=session_type)
    return events.get(grand_prix=grand_prix)


def list_pages(*, may_correct: bool) -> dict[str, str]:
    """The address of each by its name."""

    def page(name: str, *arguments: Any) -> str:
        return reverse(f"admin:ingestion_{name}", args=arguments)

    events = {
        "event to come": find("belgian-grand-prix"),
        "event with a proposal": find("british-grand-prix"),
        "event corrected": find("hungarian-grand-prix"),
        "event cancelled": find("azerbaijan-grand-prix"),
        "event overdue": find("austrian-grand-prix", "sprint"),
    }
    # Each form once, on the first of these where it is possible.
    corrections = {
        name: event.pk
        for event in reversed(events.values())
        for name in possible_corrections(event, NOW)
        if may_correct and name != "restore"
    }
    driver = Driver.objects.get(pk="hamilton").pk
    changed = Change.objects.filter(kind=Change.Kind.PROPOSED).latest("pk")
    return {
        "season": page("season_page", 2024),
        "season, empty": page("season_page", 2023),
        "status": page("season_status"),
        "time zone": page("season_zone"),
        "events": page("event_changelist"),
        "events, filtered": f"{page('event_changelist')}?proposal=open",
        **{name: page("event_change", event.pk) for name, event in events.items()},
        **{f"event: {name}": page("event_correct", pk, name) for name, pk in corrections.items()},
        "ingest": page("season_task", 2024, TASK),
        "runs": page("ingestrun_changelist"),
        "run": page("ingestrun_change", IngestRun.objects.earliest("pk").pk),
        "feed": page("change_changelist"),
        "entry of the feed": page("change_change", changed.pk),
        "alarms": page("alarm_changelist"),
        "alarm": page("alarm_change", Alarm.objects.latest("pk").pk),
        "drivers": page("driver_changelist"),
        "driver": page("driver_change", driver),
        **{
            f"driver: {name}": page("driver_correct", driver, name)
            for name in ("merge", "split")
            if may_correct
        },
    }


class CountingHandler(WSGIHandler):
    """Each answer says how many queries it took, those of signing in apart."""

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Any:
        asked = Session._meta.db_table, User._meta.db_table, Permission._meta.db_table
        of_signing_in = re.compile(rf'^SELECT .*? FROM "({"|".join(asked)})"', re.DOTALL)
        queries: list[str] = []

        def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
            if not of_signing_in.match(sql):
                queries.append(sql)
            return execute(sql, *rest)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, (QUERIES, str(len(queries)))], *rest)

        with connection.execute_wrapper(note):
            return super().__call__(environ, start)


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server on this database."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    server.daemon_threads = True
    server.set_app(CountingHandler())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Finding:
    """Of axe; `where` are the elements as selectors."""

    scheme: str
    impact: str
    rule: str
    where: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.impact}: {self.rule} at {'; '.join(self.where)} ({self.scheme})"


@dataclass(frozen=True)
class Visit:
    """What was measured of one page; `beyond` has the pixels it is wider than a screen."""

    name: str
    person: str
    html: int
    weight: int
    requests: int
    queries: int
    findings: tuple[Finding, ...]
    beyond: dict[int, int]

    @property
    def grave(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.impact in GRAVE]

    @property
    def most_queries(self) -> int:
        return MOST_QUERIES_OF_STATUS if self.name == "status" else MOST_QUERIES


def visit_pages(
    page: Page, base: str, person: str, pages: dict[str, str], schemes: Sequence[str]
) -> Iterator[Visit]:
    """Signed in as this person; at all widths, and with axe on a phone in these schemes."""
    axe = Axe().axe_script
    page.set_default_timeout(MILLISECONDS)
    page.goto(base + reverse("admin:index"))
    page.locator("#id_username").fill(person)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("[type=submit]").click()
    for name, address in pages.items():
        page.set_viewport_size({"width": PHONE, "height": 844})
        response = page.goto(base + address)
        assert response is not None and response.status == 200, f"{name}: {response}"
        # The admin's links fade from one scheme to the other, and axe would see them half way.
        page.add_style_tag(content="* { transition: none !important; }")
        sizes = page.evaluate(
            "performance.getEntriesByType('resource').map(one => one.encodedBodySize)"
        )
        html = len(response.body())
        if schemes:
            page.evaluate(axe)
        findings = [finding for scheme in schemes for finding in find_faults(page, scheme)]
        yield Visit(
            name=name,
            person=person,
            html=html,
            weight=html + sum(sizes),
            requests=1 + len(sizes),
            queries=int(response.headers[QUERIES.lower()]),
            findings=tuple(findings),
            beyond={width: measure(page, width) for width in WIDTHS},
        )


def find_faults(page: Page, scheme: Any) -> Iterator[Finding]:
    """All that axe knows; of the dark scheme its colours, since all else is the same."""
    page.emulate_media(color_scheme=scheme)
    options = {"resultTypes": ["violations"], **(OF_COLOURS if scheme == "dark" else {})}
    found = page.evaluate("options => axe.run(options).then(found => found.violations)", options)
    for one in found:
        where = tuple(" ".join(map(str, node["target"])) for node in one["nodes"])
        yield Finding(scheme, one["impact"] or "minor", one["id"], where)


def measure(page: Page, width: int) -> int:
    """By how many pixels the page, or a part of it that is cut, is wider than this screen."""
    page.set_viewport_size({"width": width, "height": 844})
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
