"""Who signs in at the admin, what they read there, and a season for it to show. A conftest imports
the fixtures by their names."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from ingestion.models import Event
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from tests.admin_site import clock
from tests.builders import (
    AFTER,
    DRIVERS,
    SUNDAY,
    at,
    calendar,
    classification,
    context,
    grand_prix,
    session,
    timed_entries,
)
from tests.persons import User

VIEWING = ("view_event", "view_change", "view_ingestrun", "view_alarm", "view_driver")
FRIDAY = SUNDAY - timedelta(days=2)
SATURDAY = SUNDAY - timedelta(days=1)
DUTCH = grand_prix(
    "Dutch Grand Prix",
    date(2024, 8, 25),
    round_number=15,
    country="Netherlands",
    location="Zandvoort",
)
SPRINT_WEEKEND = (
    session(SessionType.SPRINT_QUALIFYING, at(FRIDAY, 14)),
    session(SessionType.SPRINT, at(SATURDAY, 10)),
    session(SessionType.QUALIFYING, at(SATURDAY, 14)),
    session(SessionType.RACE, at(SUNDAY, 13)),
)
SignIn = Callable[..., Client]


@pytest.fixture
def sign_in(db: None) -> Iterator[SignIn]:
    """`sign_in("correct_event")`: a member of staff who may view, and what is named besides; it is
    four days after Belgium in the back office, until the test says otherwise."""
    clock.now = AFTER

    def signed_in(*permissions: str, name: str = "ana", views: bool = True) -> Client:
        user = User.objects.create_user(name, is_staff=True)
        codenames = [*(VIEWING if views else ()), *permissions]
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    yield signed_in
    clock.now = AFTER


@pytest.fixture
def viewer(sign_in: SignIn) -> Client:
    return sign_in(name="vera")


@pytest.fixture
def operator(sign_in: SignIn) -> Client:
    return sign_in("correct_event", "correct_driver", "run_ingest", "acknowledge_alarm")


@pytest.fixture
def weekend(db: None) -> None:
    """Belgium with a sprint, and the Dutch one after it; nothing published."""
    save_calendar(calendar(grand_prix(sessions=SPRINT_WEEKEND), DUTCH), context())


@pytest.fixture
def belgium(weekend: None) -> Event:
    """The race and the qualifying of Belgium."""
    ingest()
    qualifying = classification(SessionType.QUALIFYING, results=timed_entries())
    save_classifications([qualifying], context(AFTER))
    return race()


def ingest(*drivers: str, now: datetime = AFTER, **changes: Any) -> None:
    record = classification(drivers=drivers or DRIVERS, generated_at=now, **changes)
    save_classifications([record], context(now))


def race(grand_prix: str = "belgian-grand-prix") -> Event:
    return event("race", grand_prix)


def event(session_type: str, grand_prix: str = "belgian-grand-prix") -> Event:
    return Event.objects.select_related("proposal").get(
        session_type=session_type, grand_prix=grand_prix
    )


def page_of(event: Event) -> str:
    return reverse("admin:ingestion_event_change", args=[event.pk])


def correction_of(event: Event, name: str) -> str:
    return reverse("admin:ingestion_event_correct", args=[event.pk, name])


def season_page(year: int = 2024) -> str:
    return reverse("admin:ingestion_season_page", args=[year])


def read(client: Client, address: str) -> str:
    """A page's text: no tags, one space between, what is hidden left out."""
    answer = client.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return words_of(answer.content.decode())


def words_of(html: str) -> str:
    content = html.partition('id="content-main"')[2] or html
    messages = "".join(re.findall(r'<ul class="messagelist">.*?</ul>', html, re.DOTALL))
    # Within a sentence, without a space of its own.
    content = re.sub(r"</?time\b[^>]*>", "", content)
    text = re.sub(
        r"<(script|style)\b.*?</\1>|<[^>]+>", " ", f"{messages} <i {content}", flags=re.DOTALL
    )
    return " ".join(unescape(text).split())
