"""What an operator does on a Sunday evening, at a desk and on a phone, in a real browser against a
real server, with real ingests from the stand-in upstream."""

import os
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.utils import timezone
from django_q.conf import Conf

from ingestion.corrections import Author, settle_results
from ingestion.models import Event
from ingestion.queue import tasks
from ingestion.sample.season import load_season, with_finishes
from tests.amending import podium
from tests.browser import (
    NAMES,
    Visitor,
    beside_the_browser,
    find_browser,
    running_browser,
    visiting,
)
from tests.installation import tick
from tests.operators import VIEWING, correction_of, page_of, season_page
from tests.persons import User
from tests.upstream import FaultyUpstream

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        find_browser() is None and "NEEDS_BROWSER" not in os.environ,
        reason=f"no browser is installed: none of {', '.join(NAMES)} was found",
    ),
]

PASSWORD = "correct horse battery staple"
BELGIUM, ITALY, ABU_DHABI = "belgian-grand-prix", "italian-grand-prix", "abu-dhabi-grand-prix"


@pytest.fixture
def season(
    upstream: FaultyUpstream,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    fastf1_restored: None,
) -> FaultyUpstream:
    """2024 as it was, without a result of the last race; tasks run where they are queued."""
    monkeypatch.setattr(Conf, "SYNC", True)
    # No worker is within the page's transaction.
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", False)
    settings.F1_SCHEDULE_URL = upstream.schedule_url
    settings.JOLPICA_URL = upstream.jolpica_url
    settings.FASTF1_CACHE_DIR = tmp_path / "cache"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    upstream.seasons[2024] = with_finishes(load_season(), "races", "abu-dhabi", ())
    tasks.ingest_season(2024)
    # Since yesterday, with a worker: what is overdue has had its time.
    Event.objects.update(updated_at=timezone.now() - timedelta(days=1))
    tick(timezone.now())
    return upstream


@beside_the_browser
def race(grand_prix: str) -> Event:
    """With its classification read."""
    races = Event.objects.with_classifications().filter(season=2024, session_type="race")
    return races.get(grand_prix=grand_prix)


def staff(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[*VIEWING, *permissions]))
    return user


@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_an_operator_on_a_sunday_evening(
    season: FaultyUpstream, live_server: Any, tmp_path: Path, width: int
) -> None:
    ana = staff("ana", "correct_event", "run_ingest", "acknowledge_alarm")
    staff("vera")
    settle_results(race(ITALY), Author(ana, "seen", timezone.now()), revision=1)
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    screen = partial(visiting, base=live_server.url, width=width, screenshots=shots)
    with running_browser() as browser:
        with screen(browser) as operator:
            operator.sign_in("ana", PASSWORD)
            reads_the_season(operator)
            swaps_two_places(operator)
            restores_and_releases(operator)
            enters_a_podium(operator)
            sets_a_start(operator)
            voids_and_takes_it_back(operator)
            accepts_a_proposal(operator, season)
        with screen(browser) as viewer:
            viewer.sign_in("vera", PASSWORD)
            can_do_none_of_it(viewer)
    names = {f"{page}-{width}" for page in ("season", "correction")}
    assert {f"{name}-{scheme}.png" for name in names for scheme in ("light", "dark")} <= {
        file.name for file in shots.iterdir()
    }


def reads_the_season(operator: Visitor) -> None:
    operator.page.locator("#content-main").get_by_role("link", name="Seasons").first.click()
    operator.sees("Season 2024", "24 grands prix", "Last run", "✓ ok")
    operator.sees("Result more than 24 hours overdue: 2024 Abu Dhabi Grand Prix Race")
    operator.sees("Sun 28 Jul 15:00 there", "13:00 UTC")
    operator.photograph("season")


def swaps_two_places(operator: Visitor) -> None:
    operator.page.locator(f'.f1-grid a[href="{page_of(race(BELGIUM))}"]').click()
    operator.sees("2024 Belgian Grand Prix Race", "P1 Lewis Hamilton, P2 Oscar Piastri")
    operator.press("Oscar Piastri up")
    operator.page.get_by_label("Reason").fill("the stewards' document 73")
    operator.page.get_by_role("button", name="Review the change").last.click()
    operator.sees("Save this?", "P1 Hamilton → Piastri, P2 Piastri → Hamilton")
    operator.photograph("correction")
    operator.press("Save it")
    operator.sees("✎ corrected", "classification; ingests only compare")
    operator.sees("Revision 2 corrected by hand: P1 Hamilton → Piastri, P2 Piastri → Hamilton")
    operator.sees('ana: "the stewards\' document 73"')

    operator.ingest()
    operator.sees("✎ corrected", "The upstream says")
    assert podium(race(BELGIUM)) == ["piastri", "hamilton", "leclerc"]


def restores_and_releases(operator: Visitor) -> None:
    operator.follow("Restore revision 1")
    operator.review_and_save("a typo of mine", "P1 Piastri → Hamilton, P2 Hamilton → Piastri")
    assert podium(race(BELGIUM)) == ["hamilton", "piastri", "leclerc"]
    operator.follow("Release to the upstream")
    operator.review_and_save("it is theirs", "The classification was given back to the upstream")
    operator.sees_not("✎ corrected")
    operator.ingest()
    operator.sees("from Jolpica", "P1 Lewis Hamilton, P2 Oscar Piastri, P3 Charles Leclerc")
    assert race(BELGIUM).results_source == "jolpica"


def enters_a_podium(operator: Visitor) -> None:
    operator.open(season_page())
    operator.follow("Abu Dhabi Grand Prix Race")
    operator.sees("! overdue", "nothing yet: it has no classification")
    operator.follow("Enter the result by hand")
    for place, driver in (("P1", "norris"), ("P2", "sainz"), ("P3", "leclerc")):
        operator.page.get_by_label(place, exact=True).select_option(driver)
    operator.review_and_save("the FIA's PDF", "entered by hand: P1 Norris, P2 Sainz, P3 Leclerc")
    operator.sees_not("! overdue")
    assert podium(race(ABU_DHABI)) == ["norris", "sainz", "leclerc"]


def sets_a_start(operator: Visitor) -> None:
    operator.follow("Set the start")
    operator.page.get_by_label("It starts at").fill("2024-12-08T18:00")
    operator.page.get_by_label("the circuit (UTC+04:00)").check()
    operator.review_and_save("the race director", "2024-12-08 14:00 UTC")
    operator.sees("start and status and classification; ingests only compare")
    starts_at = race(ABU_DHABI).starts_at
    assert starts_at is not None and starts_at.isoformat() == "2024-12-08T14:00:00+00:00"


def voids_and_takes_it_back(operator: Visitor) -> None:
    operator.follow("Void")
    operator.review_and_save("a flood", "Voided: it was completed")
    operator.sees("✕ cancelled", "picks on it are refunded")
    assert race(ABU_DHABI).is_cancelled
    operator.follow("Take the cancellation back")
    operator.review_and_save("it went down", "The cancellation was taken back")
    operator.sees("✓ completed")
    assert not race(ABU_DHABI).is_cancelled


def accepts_a_proposal(operator: Visitor, upstream: FaultyUpstream) -> None:
    season = upstream.seasons[2024]
    first, second, *others = season.races["italy"]
    # Places, times and points are those of the two places.
    place = {"order", "classification", "milliseconds", "points"}
    swapped = (
        replace(second, **{name: getattr(first, name) for name in place}),
        replace(first, **{name: getattr(second, name) for name in place}),
        *others,
    )
    upstream.seasons[2024] = with_finishes(season, "races", "italy", swapped)
    operator.open(page_of(race(ITALY)))
    operator.ingest()
    operator.sees("? proposed", "Proposed by the upstream, and not applied")
    operator.open(season_page())
    proposed = "The upstream has another podium for 2024 Italian Grand Prix Race, which was settled"
    operator.sees(proposed)
    operator.follow(proposed)
    operator.follow("Accept the proposal")
    operator.review_and_save("the court's ruling", "P1 Leclerc → Piastri")
    operator.sees_not("? proposed")
    assert podium(race(ITALY))[:2] == ["piastri", "leclerc"]


def can_do_none_of_it(viewer: Visitor) -> None:
    viewer.open(season_page())
    viewer.sees("Season 2024", "24 grands prix")
    viewer.sees_not("Ingest now")
    viewer.open(page_of(race(BELGIUM)))
    viewer.sees("Lewis Hamilton", "Story")
    viewer.sees_not("Ingest now", "Review the change", "Restore revision", "Set the start")
    for name in ("edit", "start", "void", "leaders", "release"):
        assert viewer.open(correction_of(race(BELGIUM), name)).status == 403
    before = race(BELGIUM)
    for path in (f"{season_page()}ingest/", correction_of(race(BELGIUM), "void")):
        refused = viewer.page.request.post(viewer.base + path, form={"step": "save"})
        assert refused.status == 403
    assert race(BELGIUM).updated_at == before.updated_at
