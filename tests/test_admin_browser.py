"""What an operator does on a Sunday evening, at a desk and on a phone, in a real browser against a
real server, with real ingests from the stand-in upstream."""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.utils import timezone
from django_q.conf import Conf
from playwright.sync_api import expect

from ingestion.corrections import Author, settle_results
from ingestion.models import Change, Event, Result
from ingestion.queue import tasks
from ingestion.sample.season import Season, load_season, with_finishes
from ingestion.save import SaveContext, save_entrants
from tests.amending import podium, reinstated, with_leaders_swapped
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
from tests.shortened import shortened
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
DAYS = timedelta(days=2)
BELGIUM, ITALY, ABU_DHABI = "belgian-grand-prix", "italian-grand-prix", "abu-dhabi-grand-prix"


@pytest.fixture
def season(
    upstream: FaultyUpstream,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    fastf1_restored: None,
) -> FaultyUpstream:
    """2024 as it was, with Russell first in Belgium and his disqualification after, without a
    result of the last race; tasks run where they are queued."""
    monkeypatch.setattr(Conf, "SYNC", True)
    # No worker is within the page's transaction.
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", False)
    settings.F1_SCHEDULE_URL = upstream.schedule_url
    settings.JOLPICA_URL = upstream.jolpica_url
    settings.FASTF1_CACHE_DIR = tmp_path / "cache"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    season = with_finishes(load_season(), "races", "abu-dhabi", ())
    upstream.seasons[2024] = without_disqualification(season)
    tasks.ingest_season(2024)
    upstream.seasons[2024] = season
    tasks.ingest_event(race(BELGIUM).pk)
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


def without_disqualification(season: Season) -> Season:
    """Belgium as it crossed the line: Russell first."""
    return with_finishes(season, "races", "belgium", reinstated(season.races["belgium"], "russell"))


@pytest.mark.parametrize(
    ("width", "height"), shortened([(390, 844), (1280, 800)], keep=1), ids=["phone", "laptop"]
)
def test_an_operator_on_a_sunday_evening(
    season: FaultyUpstream, live_server: Any, width: int, height: int
) -> None:
    ana = staff("ana", "correct_event", "run_ingest", "acknowledge_alarm")
    staff("vera")
    settle_results(race(ITALY), Author(ana, "seen", timezone.now()), revision=1)
    shots = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None
    screen = partial(visiting, base=live_server.url, width=width, height=height, screenshots=shots)
    with running_browser() as browser:
        with screen(browser) as operator:
            operator.sign_in("ana", PASSWORD)
            finds_why_something_is_red(operator)
            says_who_won_belgium_and_why_it_changed(operator)
            swaps_a_podium_and_undoes_it(operator)
            keeps_the_whole_table_in_hand(operator)
            restores_and_releases(operator)
            moves_a_start(operator)
            enters_a_podium(operator)
            voids_and_takes_it_back(operator)
            decides_a_proposal(operator, season)
            replaces_an_entrant(operator)
            corrects_by_keyboard(operator)
        with screen(browser) as viewer:
            viewer.sign_in("vera", PASSWORD)
            can_do_none_of_it(viewer)
    report = [f"{what}: {clicks}" for what, clicks in operator.done.items()]
    print(f"\nClicks at {width} x {height}: {', '.join(report)}")  # noqa: T201 - it is to be read


def finds_why_something_is_red(operator: Visitor) -> None:
    operator.page.locator("#content-main").get_by_role("link", name="Seasons").first.click()
    operator.sees("Season 2024", "24 grands prix", "Last run", "✓ ok")
    operator.photograph("season")
    with operator.counting("find why something is red", most=1):
        operator.page.get_by_role("link", name="2024 Abu Dhabi Grand Prix Race").first.click()
        operator.sees("! overdue", "The result is more than 24 hours overdue")
        operator.sees("It ended at 2024-12-08 16:00 UTC, and no source has a classification.")
    operator.photograph("overdue")
    assert_all_named(operator)


def says_who_won_belgium_and_why_it_changed(operator: Visitor) -> None:
    with operator.counting("say who won Belgium and why it changed", most=0):
        operator.open(page_of(race(BELGIUM)))
        for text in (
            "Hamilton won, ahead of Piastri and Leclerc.",
            "Russell was first until the disqualification at",
        ):
            operator.sees(text)
            assert operator.is_in_sight(text), text
    operator.sees("amendments are still applied")
    operator.photograph("event")
    assert_all_named(operator)


def swaps_a_podium_and_undoes_it(operator: Visitor) -> None:
    with operator.counting("swap a podium", most=3):
        operator.follow("Correct the podium")
        operator.press("Oscar Piastri up")
        # There is no place above the first.
        expect(operator.page.locator(":focus")).to_have_accessible_name("Oscar Piastri down")
        operator.sees("Save this?", "P1 Hamilton → Piastri, P2 Piastri → Hamilton")
        operator.sees("Points too: Oscar Piastri 25 instead of 18, Lewis Hamilton 18 instead of 25")
        operator.give_reason(f"https://www.fia.com/document-73.pdf {'very' * 120} long")
        operator.press("Save it")
        operator.sees("Saved: Correct the podium", "Piastri won, ahead of Hamilton and Leclerc.")
    operator.sees("✎ corrected", "Official, set by ana: ingests compare it and change nothing.")
    operator.sees_not("amendments are still applied")
    assert podium(race(BELGIUM)) == ["piastri", "hamilton", "leclerc"]
    link = operator.page.get_by_role("link", name="https://www.fia.com/document-73.pdf").first
    assert "noopener" in (link.get_attribute("rel") or "")
    operator.photograph("corrected")

    operator.ingest()
    operator.sees("The upstream says otherwise than a person")
    with operator.counting("undo it", most=2):
        operator.press("Undo")
        operator.sees("Save this?", "P1 Piastri → Hamilton", "was given back to the upstream")
        operator.press("Save it")
        operator.sees("Saved: Undo the correction", "Hamilton won, ahead of Piastri and Leclerc.")
    assert podium(race(BELGIUM)) == ["hamilton", "piastri", "leclerc"]
    operator.sees_not("✎ corrected")


def keeps_the_whole_table_in_hand(operator: Visitor) -> None:
    """A place typed, an entry moved, and a reason forgotten."""
    operator.follow("Edit the whole classification")
    operator.press("Max Verstappen up")
    expect(operator.page.locator(":focus")).to_have_accessible_name("Max Verstappen up")
    assert_all_named(operator)
    operator.photograph("table")
    operator.press("Save it")
    expect(operator.page.locator(":focus")).to_have_accessible_name("Reason")
    message = operator.page.get_by_text("A correction needs a reason that can be read")
    expect(message).to_be_in_viewport()
    expect(operator.page.get_by_label("Reason")).to_be_in_viewport()
    operator.photograph("no-reason")
    operator.give_reason("the stewards' document 73")
    operator.press("Save it")
    operator.sees("Revision 5 corrected by hand: P3 Leclerc → Verstappen")


def restores_and_releases(operator: Visitor) -> None:
    operator.press("Restore revision 4")
    operator.review_and_save("a typo of mine", "P3 Verstappen → Leclerc")
    assert podium(race(BELGIUM)) == ["hamilton", "piastri", "leclerc"]
    operator.press("Release to the upstream")
    operator.review_and_save("it is theirs", "The classification was given back to the upstream")
    operator.sees_not("✎ corrected")
    operator.ingest()
    operator.sees("from Jolpica", "P1 Lewis Hamilton, P2 Oscar Piastri, P3 Charles Leclerc")
    assert race(BELGIUM).results_source == "jolpica"


def moves_a_start(operator: Visitor) -> None:
    operator.open(page_of(race(ABU_DHABI)))
    with operator.counting("move a start", most=3):
        operator.follow("Move the start")
        operator.page.get_by_label("It starts at").fill("2024-12-08T14:00")
        operator.give_reason("the race director")
        operator.press("Review the change")
        expect(operator.page.get_by_role("heading", name="Save this?")).to_be_in_viewport()
        operator.press("Save it")
        operator.sees("It was to start on 2024-12-08 13:00 UTC, until ana moved it at")
    operator.sees("(set by ana)", "start and status; ingests only compare")
    starts_at = race(ABU_DHABI).starts_at
    assert starts_at is not None and starts_at.isoformat() == "2024-12-08T14:00:00+00:00"


def enters_a_podium(operator: Visitor) -> None:
    operator.sees("! overdue", "nothing yet: it has no classification")
    operator.follow("Enter the podium")
    for place, driver in (("P1", "norris"), ("P2", "sainz"), ("P3", "leclerc")):
        operator.page.get_by_label(place, exact=True).select_option(driver)
    operator.review_and_save("the FIA's PDF", "entered by hand: P1 Norris, P2 Sainz, P3 Leclerc")
    operator.sees_not("! overdue")
    operator.sees("Norris won, ahead of Sainz and Leclerc.", "ana entered it by hand at")
    assert podium(race(ABU_DHABI)) == ["norris", "sainz", "leclerc"]


def voids_and_takes_it_back(operator: Visitor) -> None:
    operator.press("Void")
    operator.review_and_save("a flood", "Voided: it was completed")
    operator.sees("✕ cancelled", "picks on it are refunded", "ana voided it at")
    assert race(ABU_DHABI).is_cancelled
    operator.press("Take the cancellation back")
    operator.review_and_save("it went down", "The cancellation was taken back")
    operator.sees("✓ completed")
    assert not race(ABU_DHABI).is_cancelled


def decides_a_proposal(operator: Visitor, upstream: FaultyUpstream) -> None:
    season = upstream.seasons[2024]
    swapped = with_leaders_swapped(season.races["italy"])
    upstream.seasons[2024] = with_finishes(season, "races", "italy", swapped)
    operator.open(page_of(race(ITALY)))
    operator.ingest()
    operator.sees("? proposed", "Decide: another result is proposed")
    operator.photograph("proposed")
    operator.press("Reject it")
    operator.review_and_save("not yet", "The proposal was rejected")
    operator.press("Reconsider it")
    operator.review_and_save("the court has ruled", "The rejected proposal is open again")
    with operator.counting("decide a proposal", most=2):
        operator.press("Accept it")
        operator.sees("Save this?", "P1 Leclerc → Piastri")
        operator.give_reason("the court's ruling")
        operator.press("Save it")
        operator.sees("Piastri won, ahead of Leclerc", "ana accepted the proposal of Jolpica.")
    operator.sees_not("? proposed")
    assert podium(race(ITALY))[:2] == ["piastri", "leclerc"]


@beside_the_browser
def open_picks_of_las_vegas() -> Event:
    """As if its weekend began in two days, with the drivers of the race before."""
    now = timezone.now()
    weekend = Event.objects.filter(season=2024, grand_prix="las-vegas-grand-prix")
    Result.objects.filter(event__in=weekend).delete()
    later = {"starts_at": now + DAYS, "locks_at": now + DAYS, "ends_at": now + DAYS}
    weekend.update(**later, status="scheduled", results_state="pending", results_revision=0)
    save_entrants(2024, SaveContext(None, Change.Cause.POLL, now))
    return weekend.get(session_type="race")


def replaces_an_entrant(operator: Visitor) -> None:
    las_vegas = open_picks_of_las_vegas()
    operator.open(page_of(las_vegas))
    with operator.counting("replace an entrant", most=3):
        operator.follow("Replace Carlos Sainz")
        assert_all_named(operator)
        operator.photograph("entrant")
        operator.page.get_by_role("button", name="Oliver Bearman").click()
        operator.sees("Does not start, and cannot be picked any more: Carlos Sainz")
        operator.give_reason("appendicitis")
        operator.press("Save it")
        operator.sees("Can be picked: Oliver Bearman")
    operator.photograph("entrants")


def corrects_by_keyboard(operator: Visitor) -> None:
    """From the top of the page to the saved correction, past the menu by the admin's own link."""
    operator.open(page_of(race(BELGIUM)))
    keyboard = operator.page.keyboard
    tabs = tab_to(operator, "Skip to main content")
    keyboard.press("Enter")
    # A busy browser follows the link after the next key.
    operator.page.wait_for_url("**#content-start")
    tabs += tab_to(operator, "Correct the podium")
    keyboard.press("Enter")
    operator.sees("Nothing is saved before you have seen what it does.")
    tabs += tab_to(operator, "Oscar Piastri up")
    keyboard.press("Enter")
    operator.sees("Save this?")
    tabs += tab_to(operator, "Reason")
    keyboard.type("document 74")
    tabs += tab_to(operator, "Save it")
    keyboard.press("Enter")
    operator.sees("Piastri won, ahead of Hamilton and Leclerc.")
    operator.done["Tabs of a correction by keyboard"] = tabs
    assert tabs < 40


def tab_to(operator: Visitor, name: str) -> int:
    for tabs in range(1, 40):
        operator.page.keyboard.press("Tab")
        if focused(operator) == name:
            return tabs
    raise AssertionError(f"40 Tabs do not lead to '{name}'")


def focused(operator: Visitor) -> str:
    """The name of what has the focus."""
    script = "(e => e.ariaLabel || e.labels?.[0]?.innerText || e.innerText)(document.activeElement)"
    return str(operator.page.evaluate(script)).strip()


def assert_all_named(operator: Visitor) -> None:
    unnamed = operator.page.evaluate(
        """() => [...document.querySelectorAll(
            '#content-main :is(input:not([type=hidden]), select, textarea, button)'
        )].filter(e => !e.ariaHidden && !e.ariaLabel && !e.labels?.length && !e.innerText.trim())
        .map(e => e.outerHTML)"""
    )
    assert unnamed == []


def can_do_none_of_it(viewer: Visitor) -> None:
    viewer.open(season_page())
    viewer.sees("Season 2024", "24 grands prix")
    viewer.sees_not("Ingest now")
    viewer.open(page_of(race(BELGIUM)))
    viewer.sees("Lewis Hamilton", "Story")
    viewer.sees_not("Ingest now", "Correct the podium", "Restore revision", "Move the start")
    for name in ("edit", "podium", "start", "void", "leaders", "release"):
        assert viewer.open(correction_of(race(BELGIUM), name)).status == 403
    before = race(BELGIUM)
    for path in (f"{season_page()}ingest/", correction_of(race(BELGIUM), "void")):
        refused = viewer.page.request.post(viewer.base + path, form={"step": "save"})
        assert refused.status == 403
    assert race(BELGIUM).updated_at == before.updated_at
