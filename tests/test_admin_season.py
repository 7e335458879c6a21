"""The season page: is everything in, is anything odd, what comes next?"""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ingestion.corrections import Author, correct_start, settle_results, void_event
from ingestion.models import Alarm, Event, IngestRun
from ingestion.monitoring.alerting import update_alarms
from ingestion.monitoring.health import check_health
from ingestion.monitoring.status import describe_status, read_status
from ingestion.report import Problem
from tests.admin_site import clock
from tests.builders import AFTER, BEFORE, SUNDAY, at
from tests.html_forms import form_to
from tests.installation import run, tick
from tests.operators import (
    correction_of,
    event,
    ingest,
    page_of,
    race,
    read,
    season_page,
)
from tests.persons import User

pytestmark = [pytest.mark.once, pytest.mark.django_db, pytest.mark.urls("tests.admin_site")]

UPSTREAM = ("russell", "hamilton", "piastri", "leclerc", "max_verstappen")


def cell(client: Client, of: Event) -> str:
    """The text of a session's cell."""
    html = client.get(season_page()).content.decode()
    link = f'href="{page_of(of)}">{of.get_session_type_display()}</a>'
    cells = [part for part in html.split('<td class="f1-cell">') if link in part]
    text = re.sub(r"<[^>]+>", " ", cells[-1].partition("</td>")[0])
    return " ".join(text.split())


def author(now: datetime = AFTER) -> Author:
    known = User.objects.filter(**{User.USERNAME_FIELD: "steward"}).first()
    person = known or User.objects.create_user("steward")
    return Author(person, "document 73", now)


def test_a_cell_shows_status_start_there_and_in_utc_and_the_leaders(
    viewer: Client, belgium: Event
) -> None:
    assert cell(viewer, race()) == (
        "Race ✓ completed Sun 28 Jul 15:00 there 13:00 UTC Hamilton Piastri Leclerc"
    )
    assert cell(viewer, event("qualifying")) == (
        "Qualifying ✓ completed Sat 27 Jul 16:00 there 14:00 UTC Hamilton"
    )


def test_a_start_on_another_day_in_utc_says_both_days(viewer: Client, weekend: None) -> None:
    Event.objects.filter(pk=race().pk).update(
        starts_at=at(SUNDAY, 6), utc_offset=timedelta(hours=-8)
    )
    assert "Sat 27 Jul 22:00 there Sun 28 Jul 06:00 UTC" in cell(viewer, race())


def test_an_unknown_start_is_not_made_up(viewer: Client, weekend: None) -> None:
    Event.objects.filter(pk=race().pk).update(starts_at=None)
    assert "start unknown" in cell(viewer, race())
    Event.objects.filter(pk=race().pk).update(starts_at=at(SUNDAY, 0), start_is_estimated=True)
    assert "Sun 28 Jul time unknown" in cell(viewer, race())


@pytest.mark.parametrize(
    ("now", "phase"),
    [
        (at(SUNDAY, 12), "○ scheduled"),
        (at(SUNDAY, 14), "▶ live"),
        (at(SUNDAY, 17), "✓ completed"),
    ],
)
def test_the_status_is_that_of_the_moment(
    viewer: Client, weekend: None, now: datetime, phase: str
) -> None:
    clock.now = now
    assert phase in cell(viewer, race())


def test_marks_say_what_is_special(viewer: Client, belgium: Event) -> None:
    assert not re.search(
        "settled|amended|corrected|proposed|disagree|overdue", cell(viewer, race())
    )

    ingest(*UPSTREAM, now=AFTER + timedelta(hours=1))
    assert cell(viewer, race()).endswith("Russell Hamilton Piastri △ amended")

    settle_results(race(), author(), revision=2)
    ingest(now=AFTER + timedelta(hours=2))
    assert cell(viewer, race()).endswith("● settled △ amended ? proposed")

    correct_start(race(), at(SUNDAY, 12), author())
    assert "✎ corrected" in cell(viewer, race())


def test_a_guess_and_a_dispute_are_marked(viewer: Client, belgium: Event) -> None:
    Event.objects.filter(pk=belgium.pk).update(
        results_state="provisional", disputed_starts_at=at(SUNDAY, 15)
    )
    assert cell(viewer, race()).endswith("◌ provisional ≠ disputed")


def test_what_is_overdue_is_marked_and_to_be_done(operator: Client, weekend: None) -> None:
    clock.now = at(SUNDAY, 16) + timedelta(days=1)
    assert cell(operator, race()).endswith("! overdue")
    tick(clock.now)
    text = read(operator, season_page())
    assert "! Result more than 24 hours overdue: 2024 Belgian Grand Prix Race We are" in text
    assert "! Result more than 24 hours overdue: 2024 Belgian Grand Prix Qualifying We are" in (
        text
    )
    assert "overdue" not in cell(operator, event("race", "dutch-grand-prix"))


def test_a_sprint_qualifying_is_overdue_a_day_after_its_sprint(
    viewer: Client, weekend: None
) -> None:
    """On Saturday its own end is a day ago; the sprint's entries may name the pole until Sunday."""
    friday = event("sprint_qualifying")
    assert friday.ends_at is not None
    clock.now = friday.ends_at + timedelta(days=1)
    assert "overdue" not in cell(viewer, friday)
    clock.now = at(SUNDAY, 11) + timedelta(minutes=30)
    assert "overdue" in cell(viewer, friday)


@pytest.mark.parametrize("hours", [0, 16, 21, 30, 44, 54, 70])
def test_what_is_overdue_is_what_the_alarms_report(
    viewer: Client, weekend: None, hours: int
) -> None:
    """From Saturday on, one session of the weekend after another."""
    clock.now = at(SUNDAY, 0) - timedelta(days=1) + timedelta(hours=hours)
    tick(clock.now)
    found = {
        finding.title.removeprefix("Result more than 24 hours overdue: ")
        for finding in check_health(clock.now).findings
        if finding.check == "overdue"
    }
    sessions = Event.objects.filter(grand_prix="belgian-grand-prix")
    assert {str(one) for one in sessions if "! overdue" in cell(viewer, one)} == found


def test_the_status_is_what_the_command_prints(viewer: Client, weekend: None) -> None:
    text = read(viewer, reverse("admin:ingestion_season_status"))
    assert "Next session 2024 Dutch Grand Prix Qualifying, 2024-08-24 14:00 UTC" in text
    assert "Awaited the result of 2024 Belgian Grand Prix Sprint Qualifying" in text


def test_a_void_session_is_not_overdue_nor_next(viewer: Client, weekend: None) -> None:
    for kind in ("sprint_qualifying", "sprint", "qualifying"):
        void_event(event(kind), author(BEFORE))
    clock.now = at(SUNDAY, 12)
    text = read(viewer, season_page())
    assert "✕ cancelled" in cell(viewer, event("qualifying"))
    assert "Next session Belgian Grand Prix Race" in text
    assert "✓ Nothing waits for you" in text


def test_next_session_and_last_run(viewer: Client, weekend: None) -> None:
    text = read(viewer, season_page())
    assert "Next session Dutch Grand Prix Qualifying , Sat 24 Aug 16:00 there, 14:00 UTC" in text
    assert "Last run none yet" in text
    IngestRun.objects.create(
        trigger="poll", seasons=[2024], started_at=AFTER, ended_at=AFTER, outcome="partial",
        problems=[
            Problem("refused", 2024, "belgian-grand-prix", "race").as_data(),
            Problem("and another").as_data(),
        ],
    )  # fmt: skip
    text = read(viewer, season_page())
    assert "Last run ◐ partial 2024-08-01 00:00 UTC , by poll: 2024 belgian-grand-prix race" in text
    assert "refused ( and 1 more )" in text


def test_a_run_that_was_killed_is_shown_as_interrupted(viewer: Client, weekend: None) -> None:
    IngestRun.objects.create(trigger="command", started_at=AFTER - timedelta(hours=2))
    assert "‖ interrupted" in read(viewer, season_page())
    IngestRun.objects.update(arguments={"wait": True})
    assert "▶ running" in read(viewer, season_page())


def test_upcoming_disputes_are_to_be_done(viewer: Client, weekend: None) -> None:
    Event.objects.filter(pk=race("dutch-grand-prix").pk).update(disputed_starts_at=at(SUNDAY, 15))
    text = read(viewer, season_page())
    assert "? The calendars disagree by hours about the 2024 Dutch Grand Prix A person" in text


def test_the_rows_are_the_grands_prix_in_order(viewer: Client, weekend: None) -> None:
    html = viewer.get(season_page()).content.decode()
    assert re.findall(r'<th scope="row">(\w+)<small>([\w-]+)', html) == [
        ("Belgian", "Spa-Francorchamps"),
        ("Dutch", "Zandvoort"),
    ]
    grid = html.partition('class="f1-grid"')[2]
    assert re.findall(r'<th scope="col">([\w ]+)</th>', grid) == [
        "Rd", "Grand prix", "Sprint Qualifying", "Sprint", "Qualifying", "Race",
    ]  # fmt: skip


def test_the_switcher_leads_from_season_to_season(viewer: Client, weekend: None) -> None:
    Event.objects.filter(grand_prix="dutch-grand-prix").update(season=2021)
    html = viewer.get(season_page()).content.decode()
    assert "<option selected>2024</option><option>2021</option>" in html
    assert f'href="{season_page(2021)}">&lsaquo; 2021</a>' in html

    switched = viewer.get(reverse("admin:ingestion_season_changelist"), {"season": "2021"})
    assert switched["Location"] == season_page(2021)


def test_without_a_choice_it_is_the_current_season(viewer: Client, weekend: None) -> None:
    for wrong in ("", "soon", "²⁰²⁴"):
        answer = viewer.get(reverse("admin:ingestion_season_changelist"), {"season": wrong})
        assert answer["Location"] == season_page(2024)


def test_a_season_without_events_says_so(operator: Client, viewer: Client, db: None) -> None:
    assert "Nothing is saved of 1967 yet. 'Ingest now' fetches it." in read(
        operator, season_page(1967)
    )
    assert "Ingest now" not in read(viewer, season_page(1967))


@pytest.mark.parametrize("year", [0, 1949, 2026, 99999])
def test_a_year_without_a_season_is_not_found(viewer: Client, year: int) -> None:
    assert viewer.get(season_page(year)).status_code == 404


def test_the_front_page_is_the_hosts_own(viewer: Client, belgium: Event) -> None:
    answer = viewer.get(reverse("admin:index"))
    assert answer.templates[0].name == "admin/index.html"
    assert answer.templates[0].origin.name.endswith("contrib/admin/templates/admin/index.html")
    assert "The back office" in answer.content.decode()


def test_it_is_linked_from_the_index_and_from_the_apps_pages(
    viewer: Client, belgium: Event
) -> None:
    seasons = reverse("admin:ingestion_season_changelist")
    for name in ("index", "ingestion_event_changelist", "ingestion_change_changelist"):
        assert f'href="{seasons}"' in viewer.get(reverse(f"admin:{name}")).content.decode()
    assert f'href="{season_page()}"' in viewer.get(page_of(belgium)).content.decode()


def test_years_and_keys_have_no_separators(viewer: Client, belgium: Event, settings: Any) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    html = viewer.get(season_page()).content.decode()
    assert "2,024" not in html and "<option selected>2024</option>" in html


def test_times_are_utc_whatever_the_host_projects_time_zone(
    viewer: Client, belgium: Event, settings: Any
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    IngestRun.objects.create(trigger="poll", started_at=at(SUNDAY, 20))
    assert "2024-07-28 20:00 UTC" in read(viewer, season_page())
    assert "13:00 UTC" in cell(viewer, race())


def inbox(client: Client) -> list[tuple[str, str]]:
    """The title of each item, with the address that it leads to."""
    html = client.get(season_page()).content.decode()
    items = html.partition('<ul class="f1-inbox">')[2].partition("</ul>")[0].split("<li ")[1:]
    found = [re.search(r'<p>(?:<a href="([^"]*)">)?(.*?)</p>', item, re.DOTALL) for item in items]
    plain = re.compile(r"<[^>]+>")
    return [(plain.sub("", one[2]), one[1] or "") for one in found if one]


def test_a_problem_and_its_alarm_are_one_item_until_it_is_decided(
    operator: Client, belgium: Event
) -> None:
    tick(AFTER + timedelta(hours=3))
    clock.now = AFTER + timedelta(hours=3)
    Event.objects.filter(session_type__startswith="sprint").update(status="cancelled")
    settle_results(race(), author(), revision=1)
    ingest(*UPSTREAM, now=AFTER + timedelta(hours=2))
    title = "The upstream has another podium for 2024 Belgian Grand Prix Race, which was settled"
    assert inbox(operator) == [(title, page_of(race()))]

    update_alarms(check_health(clock.now), clock.now, channels=[])
    assert Alarm.objects.filter(cleared_at=None).count() == 1
    assert inbox(operator) == [(title, page_of(race()))]
    printed = dict(describe_status(read_status(check_health(clock.now))))
    assert printed["a person has to look"].startswith(title)
    assert title in read(operator, reverse("admin:ingestion_season_status"))

    html = operator.get(correction_of(race(), "reject")).content.decode()
    form = form_to(html, correction_of(race(), "reject"))
    form.send(operator, {"step": "save"}, {"reason": "the court upheld it"})
    assert inbox(operator) == []
    assert not Alarm.objects.filter(cleared_at=None).exists()


def test_an_item_leads_to_the_run_that_says_why(operator: Client, belgium: Event) -> None:
    tick(AFTER)
    for minutes in (9, 6):
        run(AFTER - timedelta(minutes=minutes), "failed", fault="ours")
    newest = IngestRun.objects.order_by("started_at").last()
    assert newest is not None
    title, address = inbox(operator)[0]
    assert title.startswith("Every run since 2024-07-31 23:51 UTC failed by a fault of ours")
    assert address == reverse("admin:ingestion_ingestrun_change", args=[newest.pk])


def test_a_gap_of_a_season_that_is_over_is_no_item(operator: Client, weekend: None) -> None:
    tick(AFTER)
    Event.objects.filter(grand_prix="belgian-grand-prix").update(season=2012)
    clock.now = AFTER + timedelta(days=50)
    tick(clock.now)
    assert [title for title, _ in inbox(operator) if "Belgian" in title] == []


@pytest.mark.parametrize(
    ("now", "title"),
    [
        (at(SUNDAY, 13) - timedelta(days=10), "The next grand prix: Belgian Grand Prix"),
        (at(SUNDAY, 13) - timedelta(days=3), "This weekend: Belgian Grand Prix"),
        (at(SUNDAY, 13) + timedelta(hours=20), "This weekend: Belgian Grand Prix"),
        (at(SUNDAY, 13) + timedelta(days=3), "The next grand prix: Dutch Grand Prix"),
        (at(SUNDAY, 13) + timedelta(days=60), ""),
    ],
)
def test_it_opens_at_the_current_round(
    viewer: Client, weekend: None, now: datetime, title: str
) -> None:
    clock.now = now
    text = read(viewer, season_page())
    assert title in text
    assert ("weekend" in text or "next grand prix" in text) is bool(title)
    html = viewer.get(season_page()).content.decode()
    assert html.count('class="f1-current"') == bool(title)
