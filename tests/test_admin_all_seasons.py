"""Every page of the admin within its bound of queries, with all seasons from 1950 loaded."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ingestion.corrections import possible_corrections
from ingestion.models import Alarm, Change, Driver, Event, IngestRun, Result
from ingestion.report import Problem
from tests.admin_site import clock
from tests.operators import VIEWING, SignIn, correction_of, page_of, season_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin_site")]

NOW = datetime(2026, 7, 26, 20, tzinfo=UTC)
SEASONS = range(1950, 2027)
# Who signed in and what they may takes four of each: none has more than eight of its own.
SEASON_PAGE = 12
LIST = 10
PAGE = 8
# ... and the checks of the installation's health.
STATUS = 20
SESSIONS = {
    "sprint_qualifying": timedelta(hours=-47),
    "sprint": timedelta(hours=-27),
    "qualifying": timedelta(hours=-23),
    "race": timedelta(0),
}


def fill() -> None:
    """Some 2,700 events, many of them odd in one way or another, each with its story; those of the
    last seasons with a field of twenty, the races before with a podium."""
    events = Event.objects.bulk_create(_events())
    over = [event for event in events if event.results_revision]
    Driver.objects.bulk_create(
        Driver(key=f"driver_{number}", name=f"Jo Driver{number}", created_at=NOW)
        for number in range(1, 21)
    )
    Result.objects.bulk_create(_results(over))
    changes = Change.objects.bulk_create(_changes(events))
    proposed = [change for change in changes if change.kind == "proposed"]
    for change in proposed:
        change.event.proposal = change
    Event.objects.bulk_update([change.event for change in proposed], ["proposal"], batch_size=400)
    IngestRun.objects.bulk_create(_runs())
    Alarm.objects.bulk_create(
        Alarm(
            key=f"alarm:{n}", severity="attention", title="look at it",
            raised_at=NOW - timedelta(days=n), cleared_at=NOW if n > 8 else None,
        )
        for n in range(60)
    )  # fmt: skip


def _events() -> Iterator[Event]:
    for season in SEASONS:
        for number in range(1, (8 if season < 1960 else 16 if season < 2000 else 22) + 1):
            sunday = date(season, 3, 1) + timedelta(days=number * 12)
            for kind, earlier in SESSIONS.items():
                if "sprint" in kind and (season < 2021 or number % 4):
                    continue
                race_starts_at = datetime.combine(sunday, time(13), UTC)
                yield _event(season, number, kind, race_starts_at + earlier)


def _event(season: int, number: int, kind: str, starts_at: datetime) -> Event:
    odd = (season + number) % 10
    is_over = starts_at < NOW - timedelta(hours=3)
    has_results = is_over and (kind == "race" or season > 2016) and odd != 7
    return Event(
        season=season, grand_prix=f"grand-prix-{number}", session_type=kind, round_number=number,
        name=f"Number {number} Grand Prix", location=f"Place {number}", country="Somewhere",
        starts_at=starts_at, ends_at=starts_at + timedelta(hours=2), locks_at=starts_at,
        utc_offset=timedelta(hours=2), status="completed" if is_over else "scheduled",
        results_state="settled" if has_results else "pending", results_revision=int(has_results),
        results_source="jolpica" if has_results else "", results_locked=has_results and odd == 1,
        schedule_locked=odd == 2, disputed_starts_at=starts_at if odd == 3 else None,
    )  # fmt: skip


def _results(events: list[Event]) -> Iterator[Result]:
    for event in events:
        for order in range(1, 21 if event.season > 2020 else 4):
            yield Result(
                event=event, order=order, position=order, classification=str(order),
                driver_id=f"driver_{order}", driver_number=order, driver_name=f"Jo Driver{order}",
                constructor_name="Team", status="Finished",
            )  # fmt: skip


ENTRY = {
    "order": 1, "position": 1, "classification": "1", "driver_id": "driver_2", "driver_number": 2,
    "driver_code": "", "driver_name": "Jo Driver2", "constructor_id": "", "constructor_name": "",
    "grid": None, "laps": None, "points": None, "status": "Finished", "time": None, "gap": None,
    "q1": None, "q2": None, "q3": None,
}  # fmt: skip


def _changes(events: list[Event]) -> Iterator[Change]:
    text = {"classification": [ENTRY], "source": "jolpica"}
    for event in events:
        facts = {"event": event, "revision": event.results_revision, "created_at": NOW}
        yield Change(kind="scheduled", cause="backfill", after={"name": event.name}, **facts)
        if event.results_revision:
            yield Change(kind="published", cause="backfill", after=text, **facts)
            if event.round_number == 4:
                yield Change(kind="proposed", cause="poll", before=text, after=text, **facts)


def _runs() -> Iterator[IngestRun]:
    for n in range(400):
        started_at = NOW - timedelta(hours=7 * n)
        yield IngestRun(
            trigger="poll", seasons=[2026], started_at=started_at, ended_at=started_at,
            schedule_refreshed=True, outcome="partial" if n % 5 == 0 else "ok",
            problems=[Problem("refused", 2026, "grand-prix-4", "race").as_data()] * (n % 5 == 0),
        )  # fmt: skip


def pages() -> Iterator[tuple[str, int]]:
    """Each with its bound."""
    proposed = Event.objects.filter(season=2025, proposal__isnull=False, session_type="race").get()
    pending = Event.objects.filter(season=2025, results_revision=0, session_type="race")[0]
    locked = Event.objects.filter(season=2025, results_locked=True, session_type="race")[0]
    for year in (1950, 2024, 2025, 2026):
        yield season_page(year), SEASON_PAGE
    yield from ((f"{list_of('event')}{query}", LIST) for query in EVENT_QUERIES)
    for name in ("change", "ingestrun", "alarm"):
        yield list_of(name), LIST
    yield f"{list_of('change')}?q=place&p=2", LIST
    for event in (proposed, pending, locked):
        yield page_of(event), PAGE
        for name in possible_corrections(event, NOW):
            yield correction_of(event, name), PAGE
    for model, name in ((Change, "change"), (IngestRun, "ingestrun"), (Alarm, "alarm")):
        pk = model._default_manager.order_by("-pk").values_list("pk", flat=True)[0]
        yield reverse(f"admin:ingestion_{name}_change", args=[pk]), PAGE
    yield reverse("admin:ingestion_season_task", args=[2026, "0" * 32]), PAGE
    yield reverse("admin:ingestion_season_changelist"), PAGE
    yield reverse("admin:ingestion_season_status"), STATUS
    for name in ("events.csv", "results.csv", "season.json"):
        yield reverse("admin:ingestion_season_export", args=[2024, name]), PAGE


EVENT_QUERIES = (
    *("", "?p=3", "?all=", "?o=1.4", "?season=2024", "?season=1950&session_type__exact=race"),
    *("?status__exact=scheduled", "?results_state__exact=settled", "?locked=any", "?locked=none"),
    *("?proposal=open", "?overdue=yes", "?q=driver7", "?q=place+3+number"),
    *("?starts_at__year=2024", "?starts_at__year=2024&starts_at__month=7"),
)


def list_of(name: str) -> str:
    return reverse(f"admin:ingestion_{name}_changelist")


def test_every_page_is_within_its_bound(sign_in: SignIn) -> None:
    fill()
    clock.now = NOW
    client = sign_in("correct_event", "run_ingest", "acknowledge_alarm", *VIEWING)
    taken = {address: (count(client, address), bound) for address, bound in pages()}

    assert {page: queries for page, queries in taken.items() if queries[0] > queries[1]} == {}
    assert max(queries for queries, bound in taken.values() if bound == SEASON_PAGE) == SEASON_PAGE
    assert len(taken) > 50


def count(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code in {200, 302}, address
    if "?" in address:
        # Django's way of saying that it did not understand a question.
        assert answer.status_code == 200, address
    # Transactions within the test's own, and PostgreSQL's limit on a page's statements.
    limits = ("SAVEPOINT", "RELEASE", "SELECT set_config")
    own = [query for query in captured if not query["sql"].startswith(limits)]
    return len(own)
