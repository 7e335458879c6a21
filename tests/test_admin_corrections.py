"""Corrections in the admin: reviewed first, saved by one more click."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from ingestion.admin.times import COOKIE
from ingestion.corrections import Author, settle_results
from ingestion.models import Change, Event, SecondOpinion
from ingestion.records import RESULT_FIELDS, ResultRecord, Source
from tests.admin_site import clock
from tests.amending import podium
from tests.builders import AFTER, BEFORE, SUNDAY, at
from tests.html_forms import Form, form_to
from tests.operators import correction_of, event, ingest, page_of, race, read, words_of
from tests.persons import User
from tests.rows import all_rows

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db,
    pytest.mark.urls("tests.admin_site"),
]

REASON = {"reason": "document 73"}
REVIEW, SAVE, CHANGE = ({"step": step} for step in ("review", "save", "change"))
UPSTREAM = ("russell", "hamilton", "piastri", "leclerc", "max_verstappen")
HOUR = timedelta(hours=1)
OTHER_SEASON = "This is not in the season 2024: enter a time from 2024-01-01 to 2024-12-31."


def form_of(client: Client, of: Event, name: str, query: str = "") -> Form:
    address = correction_of(of, name)
    answer = client.get(address + query)
    assert answer.status_code == 200
    return form_to(answer.content.decode(), address)


def review(client: Client, form: Form, **typed: str) -> str:
    return form.send(client, REVIEW, {**REASON, **typed}).content.decode()


def correct(client: Client, of: Event, name: str, query: str = "", **typed: str) -> tuple[str, str]:
    """The text of the review and, after saving, that of the page that follows."""
    before = all_rows(leave_out=frozenset())
    reviewed = review(client, form_of(client, of, name, query), **typed)
    assert all_rows(leave_out=frozenset()) == before, "a review saves nothing"
    assert "Save it" in reviewed, words_of(reviewed)
    saved = form_to(reviewed, correction_of(of, name)).send(client, SAVE, {})
    assert saved.redirect_chain == [(page_of(of), 302)]  # type: ignore[attr-defined]
    return words_of(reviewed), words_of(saved.content.decode())


def last_change() -> Change:
    return Change.objects.latest("pk")


def place_of(driver: str) -> str:
    return f"order_{race().results.get(driver_id=driver).pk}"


def entry(driver: str) -> int:
    return race().results.get(driver_id=driver).pk


def order() -> list[str]:
    return [row.driver_id for row in race().classification]


# A classification


def test_two_places_are_swapped_by_typing_their_numbers(operator: Client, belgium: Event) -> None:
    reviewed, after = correct(
        operator, belgium, "edit", **{place_of("hamilton"): "2", place_of("piastri"): "1"}
    )

    text = "Revision 2 corrected by hand: P1 Hamilton → Piastri, P2 Piastri → Hamilton"
    assert text in reviewed
    assert "1 Hamilton Piastri ▲1 2 Piastri Hamilton ▼1 18 other places stay" in reviewed
    assert (
        "Results official, revision 1 from Jolpica → official, revision 2 from a person" in reviewed
    )

    assert podium(race()) == ["piastri", "hamilton", "leclerc"]
    change = last_change()
    assert (change.kind, change.reason, change.created_at) == ("corrected", "document 73", AFTER)
    assert change.person is not None and change.person.get_username() == "ana"
    assert "Saved: Edit the classification." in after
    assert f"{text} ana: document 73" in after
    assert "✎ corrected" in after


@pytest.mark.parametrize(
    ("driver", "place", "first"),
    [
        ("norris", "2", ["hamilton", "norris", "piastri", "leclerc", "max_verstappen"]),
        ("piastri", "4", ["hamilton", "leclerc", "max_verstappen", "piastri", "norris"]),
    ],
)
def test_one_number_is_enough_to_move_an_entry(
    operator: Client, belgium: Event, driver: str, place: str, first: list[str]
) -> None:
    correct(operator, belgium, "edit", **{place_of(driver): place})
    assert order()[:5] == first


def test_a_classification_is_held_as_it_is_and_held_once(operator: Client, belgium: Event) -> None:
    reviewed, _ = correct(operator, belgium, "edit")
    assert "By hand - → classification; ingests only compare" in reviewed
    assert (race().results_revision, race().results_locked) == (1, True)
    html = review(operator, form_of(operator, belgium, "edit"))
    assert "This would change nothing: the event is like this already." in html


def test_buttons_move_an_entry_without_saving(operator: Client, belgium: Event) -> None:
    before = all_rows(leave_out=frozenset())
    form = form_of(operator, belgium, "edit")
    up = {"move": f"up {entry('leclerc')}"}
    html = form.send(operator, up, {**REASON, place_of("norris"): "1"}).content.decode()

    moved = form_to(html, correction_of(belgium, "edit"))
    assert [moved.fields[place_of(driver)] for driver in ("norris", "hamilton", "leclerc")] == [
        "1", "2", "3",
    ]  # fmt: skip
    assert moved.fields["reason"] == "document 73"
    assert all_rows(leave_out=frozenset()) == before

    reviewed = form_to(html, correction_of(belgium, "edit")).send(operator, REVIEW, {})
    form_to(reviewed.content.decode(), correction_of(belgium, "edit")).send(operator, SAVE, {})
    assert order()[:4] == ["norris", "hamilton", "leclerc", "piastri"]


@pytest.mark.parametrize("move", ["down 0", "sideways 1", "up", "down x"])
def test_a_button_for_no_entry_moves_none(operator: Client, belgium: Event, move: str) -> None:
    form = form_of(operator, belgium, "edit")
    html = form.send(operator, {"move": move}, REASON).content.decode()
    moved = form_to(html, correction_of(belgium, "edit"))
    for fields in (moved.fields, form.fields):
        del fields["csrfmiddlewaretoken"]
    assert moved.fields == {**form.fields, **REASON}


def test_columns_of_the_table_are_edited(operator: Client, belgium: Event) -> None:
    norris = entry("norris")
    reviewed, _ = correct(
        operator, belgium, "edit",
        **{f"points_{norris}": "0", f"status_{norris}": "Retired", f"classification_{norris}": "R"},
    )  # fmt: skip
    assert "5 Norris Norris (R) printed 5 → R, points 21 → 0, status Finished → Retired" in reviewed
    row = race().results.get(pk=norris)
    assert (row.classification, row.status, row.order) == ("R", "Retired", 5)
    assert row.points == 0


def test_an_entry_is_edited_with_all_that_it_has(operator: Client, belgium: Event) -> None:
    correct(
        operator, belgium, "entry", f"?entry={entry('norris')}",
        driver_name="Lando Norris", time="1:20:07.566", grid="4", driver_number="4",
    )  # fmt: skip
    text = read(operator, page_of(belgium))
    assert "changed, no place did: Lando Norris number 13 → 4" in text
    assert "Lando Norris name Norris → Lando Norris, Lando Norris grid none → 4" in text
    row = race().results.get(driver_id="norris")
    assert (row.driver_name, row.grid, row.driver_number) == ("Lando Norris", 4, 4)
    assert row.time == timedelta(hours=1, minutes=20, seconds=7, milliseconds=566)
    assert podium(race()) == ["hamilton", "piastri", "leclerc"]


def test_lap_times_of_a_qualifying_are_edited(operator: Client, belgium: Event) -> None:
    pole = event("qualifying").results.get(order=1)
    reviewed, _ = correct(
        operator, event("qualifying"), "entry", f"?entry={pole.pk}", q3="1:28.001"
    )
    assert "Q3 0:01:28.100 → 0:01:28.001" in reviewed
    assert event("qualifying").results.get(order=1).q3 == timedelta(seconds=88.001)


def test_an_entry_of_another_event_is_none(operator: Client, belgium: Event) -> None:
    other = event("qualifying").results.get(order=1)
    form = form_of(operator, belgium, "entry", f"?entry={other.pk}")
    assert "The classification has no such entry." in unescape(review(operator, form))


def test_a_driver_is_disqualified(operator: Client, belgium: Event) -> None:
    reviewed, _ = correct(operator, belgium, "disqualify", driver=str(entry("hamilton")))
    assert "Hamilton disqualified" in reviewed
    assert podium(race()) == ["piastri", "leclerc", "max_verstappen"]
    assert race().classification[-1].classification == "D"


def test_a_podium_is_entered_while_the_upstream_is_silent(operator: Client, belgium: Event) -> None:
    sprint = event("sprint")
    places = {"place_1": "norris", "place_2": "hamilton", "place_3": "sainz"}
    reviewed, after = correct(operator, sprint, "leaders", **places)

    assert "Revision 1 entered by hand: P1 Norris, P2 Hamilton, P3 Sainz" in reviewed
    assert "The classification has 3 entries, fewer than usual." in reviewed
    assert "The classification has 3 entries, fewer than usual." in after
    assert podium(event("sprint")) == ["norris", "hamilton", "sainz"]

    form = form_of(operator, sprint, "leaders")
    assert [form.fields[f"place_{place}"] for place in (1, 2, 3)] == ["norris", "hamilton", "sainz"]
    correct(operator, sprint, "leaders", place_3="leclerc")
    assert podium(event("sprint")) == ["norris", "hamilton", "leclerc"]


def test_a_pole_is_entered(operator: Client, belgium: Event) -> None:
    correct(operator, event("sprint_qualifying"), "leaders", place_1="norris")
    pole = event("sprint_qualifying").pole
    assert pole is not None and pole.driver_id == "norris"


def test_an_earlier_revision_is_restored_from_the_story(operator: Client, belgium: Event) -> None:
    ingest(*UPSTREAM, now=AFTER + HOUR)
    html = operator.get(page_of(belgium)).content.decode()
    assert "Restore revision 1" in html
    reviewed = form_to(html, correction_of(belgium, "restore")).send(operator, REVIEW, {})
    form = form_to(reviewed.content.decode(), correction_of(belgium, "restore"))
    assert form.fields["restored"] == "1"
    form.send(operator, SAVE, REASON)
    assert podium(race()) == ["hamilton", "piastri", "leclerc"]
    assert (race().results_revision, race().results_locked) == (3, True)


def test_it_is_settled_and_released(operator: Client, belgium: Event) -> None:
    correct(operator, belgium, "settle")
    assert race().results_state == "settled"
    correct(operator, belgium, "disqualify", driver=str(entry("hamilton")))
    reviewed, after = correct(operator, belgium, "release")
    assert "By hand classification; ingests only compare → -" in reviewed
    assert "The classification was given back to the upstream" in after
    assert not race().results_locked


@pytest.fixture
def proposed(belgium: Event, author: Author) -> Event:
    settle_results(belgium, author, revision=1)
    ingest(*UPSTREAM, now=AFTER + HOUR)
    return race()


@pytest.fixture
def author(db: None) -> Author:
    return Author(User.objects.create_user("steward"), "so", AFTER)


def test_a_proposal_is_shown_beside_and_accepted(operator: Client, proposed: Event) -> None:
    text = read(operator, page_of(proposed))
    assert "? Decide: another result is proposed" in text
    assert "Jolpica has had it otherwise since 2024-08-01 01:00 UTC." in text
    assert "1 Hamilton Russell ▲" in text

    correct(operator, proposed, "accept")
    assert podium(race()) == ["russell", "hamilton", "piastri"]
    assert (race().results_state, race().has_open_proposal) == ("settled", False)


def test_a_proposal_is_rejected(operator: Client, proposed: Event) -> None:
    correct(operator, proposed, "reject")
    assert podium(race()) == ["hamilton", "piastri", "leclerc"]
    assert not race().has_open_proposal
    text = read(operator, page_of(proposed))
    assert "A proposal was rejected" in text and "Accept it" not in text

    _, after = correct(operator, proposed, "reconsider")
    assert "The rejected proposal is open again ana: document 73" in after
    assert race().has_open_proposal
    correct(operator, proposed, "accept")
    assert podium(race()) == ["russell", "hamilton", "piastri"]


def test_the_upstream_is_shown_beside_a_persons_classification(
    operator: Client, belgium: Event
) -> None:
    correct(operator, belgium, "disqualify", driver=str(entry("hamilton")))
    text = read(operator, page_of(belgium))
    assert "The upstream says otherwise than a person Jolpica, 2024-08-01 00:00 UTC." in text
    assert "1 Piastri Hamilton ▲19" in text

    ingest(*UPSTREAM, now=AFTER + HOUR)
    assert "than a person Jolpica, 2024-08-01 01:00 UTC." in read(operator, page_of(belgium))
    assert "1 Piastri Russell ▲" in read(operator, page_of(belgium))
    assert "✎ corrected ≠ disputed" in read(operator, page_of(belgium))

    ingest(results=kept(), now=AFTER + 2 * HOUR)
    assert "≠ disputed" not in read(operator, page_of(belgium))
    assert "✓ Jolpica agrees with what is saved (2024-08-01 02:00 UTC)." in read(
        operator, page_of(belgium)
    )


def kept() -> list[ResultRecord]:
    return [
        ResultRecord(**{name: getattr(row, name) for name in RESULT_FIELDS})
        for row in race().classification
    ]


# A schedule


def test_a_start_is_set_by_any_of_three_clocks(operator: Client, weekend: None) -> None:
    clock.now = BEFORE
    reviewed, _ = correct(operator, race(), "start", starts_at="2024-07-28T17:30", clock="circuit")
    assert race().starts_at == at(SUNDAY, 15) + HOUR / 2
    assert "Start 2024-07-28 13:00 UTC, 15:00 there" in reviewed
    assert "2024-07-28 15:30 UTC, 17:30 there (set by ana)" in reviewed
    text = read(operator, page_of(race()))
    assert "2024-07-28 15:30 UTC, 17:30 there (set by ana)" in text
    assert "was to start on 2024-07-28 13:00 UTC, until ana moved it at 2024-07-01 00:00" in text
    assert "Picks open until 2024-07-28 13:00 UTC → open until 2024-07-28 15:30 UTC" in reviewed

    operator.cookies[COOKIE] = "America/New_York"
    correct(operator, race(), "start", starts_at="2024-07-28T07:30", clock="own")
    assert race().starts_at == at(SUNDAY, 11) + HOUR / 2

    correct(operator, race(), "start", starts_at="2024-07-28T12:00", clock="utc")
    assert race().starts_at == at(SUNDAY, 12)
    assert race().schedule_locked


def test_another_calendars_start_is_taken(operator: Client, weekend: None) -> None:
    clock.now = BEFORE
    Event.objects.filter(pk=race().pk).update(disputed_starts_at=at(SUNDAY, 12))
    SecondOpinion.objects.create(event=race(), source="openf1", starts_at=at(SUNDAY, 11))
    html = operator.get(page_of(race())).content.decode()
    text = words_of(html)
    assert "The schedule file has 2024-07-28 13:00 UTC, which counts, the other" in text
    assert "OpenF1 has the start at 2024-07-28 11:00 UTC. It moves no start" in text
    [address] = re.findall(r'href="([^"]+)">Take the other calendar', html)
    query = unescape(address).partition("?")[2]
    correct(operator, race(), "start", f"?{query}")
    assert race().starts_at == at(SUNDAY, 12)


def test_a_start_in_an_hour_that_the_host_does_not_have(
    operator: Client, weekend: None, settings: Any
) -> None:
    """London's clocks go forward at one."""
    settings.TIME_ZONE = "Europe/London"
    clock.now = BEFORE
    correct(operator, race(), "start", starts_at="2024-03-31T01:30", clock="utc")
    starts_at = race().starts_at
    assert starts_at is not None and starts_at.isoformat() == "2024-03-31T01:30:00+00:00"


def test_picks_are_closed_and_reopened(operator: Client, weekend: None) -> None:
    clock.now = BEFORE
    correct(operator, race(), "close")
    assert not race().in_time(BEFORE)
    reviewed, _ = correct(operator, race(), "reopen", until="2024-07-28T14:00", clock="circuit")
    assert race().locks_at == at(SUNDAY, 12)
    assert "Picks closed since 2024-07-01 00:00 UTC → open until 2024-07-28 12:00 UTC" in reviewed


def test_a_session_is_said_to_be_on(operator: Client, weekend: None) -> None:
    clock.now = at(SUNDAY, 12)
    correct(operator, race(), "status", status="live")
    assert (race().status, race().starts_at) == ("live", at(SUNDAY, 12))


def test_a_session_is_voided_and_it_is_taken_back(operator: Client, belgium: Event) -> None:
    reviewed, after = correct(operator, belgium, "void")
    assert "Voided: it was completed" in reviewed
    assert "✕ cancelled ✎ corrected" in after
    assert "picks on it are refunded" in after
    assert podium(race()) == ["hamilton", "piastri", "leclerc"]

    correct(operator, belgium, "unvoid")
    assert race().status == "completed"
    correct(operator, belgium, "release-schedule")
    assert not race().schedule_locked


# What is refused


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("", "A correction needs a reason that can be read"),
        ("  \n\u200b\u2060\x07\u3164\u0301", "A correction needs a reason that can be read"),
        ("x" * 2001, "The reason has 2001 characters, and 2000 is the most"),
    ],
)
def test_a_reason_that_can_be_read_is_needed_to_save(
    operator: Client, belgium: Event, reason: str, text: str
) -> None:
    before = all_rows(leave_out=frozenset())
    previewed = form_of(operator, belgium, "void").send(operator, REVIEW, {}).content.decode()
    assert "Voided: it was completed" in previewed, "what it does is shown without a reason"
    form = form_to(previewed, correction_of(belgium, "void"))
    html = form.send(operator, SAVE, {"reason": reason}).content.decode()
    wrong = re.findall(r'<div class="f1-field f1-wrong">.*?</div>', html, re.DOTALL)
    assert len(wrong) == 1 and text in wrong[0]
    assert re.search(r"<textarea[^>]* autofocus", wrong[0])
    assert 'id="review"' not in html, "it would be scrolled to instead"
    assert all_rows(leave_out=frozenset()) == before


def test_the_longest_reason_is_kept_as_it_is_and_its_addresses_are_links(
    operator: Client, belgium: Event
) -> None:
    start = "See https://fia.com/a?b=1&c=<2>, then (http://x.org/d).\n"
    reason = start + "é" * (2000 - len(start))
    correct(operator, belgium, "void", reason=reason.replace("\n", "\r\n"))
    assert last_change().reason == reason
    html = operator.get(page_of(belgium)).content.decode()
    rel = 'rel="noopener noreferrer nofollow"'
    first = "https://fia.com/a?b=1&amp;c="
    assert f'<a href="{first}" {rel}>{first}</a>&lt;2&gt;, then' in html
    assert f'(<a href="http://x.org/d" {rel}>http://x.org/d</a>). é' in html


def test_only_what_was_shown_is_saved(operator: Client, belgium: Event) -> None:
    before = all_rows(leave_out=frozenset())
    form = form_of(operator, belgium, "disqualify")
    html = form.send(operator, REVIEW, {**REASON, "driver": str(entry("norris"))}).content.decode()
    assert "Norris disqualified" in html
    form = form_to(html, correction_of(belgium, "disqualify"))
    html = form.send(operator, SAVE, {"driver": str(entry("hamilton"))}).content.decode()
    assert "Nothing is saved yet" in html and "Hamilton disqualified" in html
    assert all_rows(leave_out=frozenset()) == before


def test_the_podium_is_corrected_and_undone(operator: Client, belgium: Event) -> None:
    address = correction_of(belgium, "podium")
    form = form_of(operator, belgium, "podium")
    assert [name for name in form.fields if name.startswith("order_")] == [
        f"order_{entry(driver)}" for driver in ("hamilton", "piastri", "leclerc", "max_verstappen")
    ]
    html = form.send(operator, {"move": f"up {entry('piastri')}"}, {}).content.decode()
    assert "Revision 2 corrected by hand: P1 Hamilton → Piastri" in words_of(html)
    assert "Points too: Piastri 25 instead of 24, Hamilton 24 instead of 25" in words_of(html)
    assert re.search(r'aria-label="Piastri down"\s+autofocus', html), "it is at the top"

    saved = form_to(html, address).send(operator, SAVE, {**REASON, "points_too": "on"})
    text = words_of(saved.content.decode())
    assert "Piastri won, ahead of Hamilton and Leclerc." in text
    assert "Hamilton was first until 2024-08-01 00:00 UTC, when ana corrected it." in text
    points = {row.driver_id: row.points for row in race().classification[:3]}
    assert points == {"piastri": 25, "hamilton": 24, "leclerc": 23}

    undo = form_to(saved.content.decode(), correction_of(belgium, "undo"))
    previewed = undo.send(operator, REVIEW, {}).content.decode()
    assert "The classification was given back to the upstream" in previewed
    after = form_to(previewed, correction_of(belgium, "undo")).send(operator, SAVE, {})
    assert podium(race()) == ["hamilton", "piastri", "leclerc"]
    assert not race().results_locked
    assert [row.points for row in race().classification[:3]] == [25, 24, 23]
    assert "Hamilton won" in words_of(after.content.decode())


def test_an_undo_goes_back_to_what_a_person_had_before(operator: Client, belgium: Event) -> None:
    correct(operator, belgium, "disqualify", driver=str(entry("hamilton")))
    correct(operator, belgium, "edit", **{f"points_{entry('piastri')}": "26"})
    correct(operator, belgium, "undo")
    assert race().classification[0].points == 24
    assert race().results_locked
    correct(operator, belgium, "undo")
    assert (podium(race())[0], race().results_locked) == ("hamilton", False)


def test_what_is_saved_is_kept_against_a_second_source(operator: Client, belgium: Event) -> None:
    ingest("russell", now=AFTER + HOUR, source=Source.OPENF1)
    text = read(operator, page_of(belgium))
    assert "≠ Two sources disagree about what is picked" in text
    assert "1 Hamilton Russell ▲" in text
    correct(operator, belgium, "keep")
    assert "disagree" not in read(operator, page_of(belgium))
    assert (podium(race())[0], race().results_locked) == ("hamilton", True)


@pytest.mark.parametrize(
    ("name", "typed", "text"),
    [
        ("start", {"starts_at": ""}, "This field is required."),
        ("start", {"starts_at": "noon"}, "Enter a valid date/time."),
        ("start", {"starts_at": "9999-12-31T00:00"}, OTHER_SEASON),
        ("start", {"starts_at": "9999-12-31T23:59", "clock": "circuit"}, OTHER_SEASON),
        ("start", {"starts_at": "0001-01-01T00:00", "clock": "circuit"}, OTHER_SEASON),
        ("start", {"starts_at": "2025-07-28T15:00"}, OTHER_SEASON),
        ("reopen", {"until": "9999-12-31T00:00"}, OTHER_SEASON),
        ("status", {"status": "completed"}, "The event has not started yet"),
        ("reopen", {"until": "2024-06-01T00:00"}, "2024-06-01 00:00 UTC has passed"),
        ("reopen", {"until": "2024-07-28T13:01"}, "Picks cannot stay open beyond the start."),
    ],
)
def test_errors_are_shown_at_their_field(
    operator: Client, weekend: None, name: str, typed: dict[str, str], text: str
) -> None:
    clock.now = BEFORE
    before = all_rows(leave_out=frozenset())
    html = review(operator, form_of(operator, race(), name), **typed)
    wrong = re.findall(r'<div class="f1-field f1-wrong">.*?</div>', html, re.DOTALL)
    assert len(wrong) == 1
    assert text in unescape(wrong[0]) and f'name="{next(iter(typed))}"' in html
    assert 'value="document 73"' in html or ">\ndocument 73<" in html, "what was typed stays"
    assert all_rows(leave_out=frozenset()) == before


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("points", "-1", "greater than or equal to 0"),
        ("points", "1000", "no more than 3 digits before the decimal point"),
        ("laps", "40000", "less than or equal to 32767"),
        ("grid", "pit", "Enter a whole number."),
        ("classification", "", "This field is required."),
        ("classification", "12345", "at most 4 characters"),
        ("order", "0", "greater than or equal to 1"),
        ("order", "", "This field is required."),
    ],
)
def test_errors_of_the_table_are_shown_in_their_row(
    operator: Client, belgium: Event, column: str, value: str, text: str
) -> None:
    html = review(
        operator, form_of(operator, belgium, "edit"), **{f"{column}_{entry('norris')}": value}
    )
    rows = [row for row in html.split("<tr") if "f1-error" in row]
    assert len(rows) == 1
    assert "Norris" in rows[0] and text in unescape(rows[0])


def test_a_driver_takes_one_place_of_a_podium(operator: Client, belgium: Event) -> None:
    places = {"place_1": "norris", "place_2": "sainz", "place_3": "norris"}
    html = review(operator, form_of(operator, event("sprint"), "leaders"), **places)
    wrong = re.findall(r'<div class="f1-field f1-wrong">.*?</div>', html, re.DOTALL)
    assert len(wrong) == 1 and "This driver has a place already." in wrong[0] and "P3" in wrong[0]


def test_a_driver_twice_is_refused_at_the_field(operator: Client, belgium: Event) -> None:
    norris = race().results.get(driver_id="norris")
    form = form_of(operator, belgium, "entry", f"?entry={norris.pk}")
    hamilton = race().results.get(driver_id="hamilton")
    html = review(operator, form, driver_id="hamilton", driver_number=str(hamilton.driver_number))
    wrong = re.findall(r'<div class="f1-field f1-wrong">.*?</div>', html, re.DOTALL)
    assert len(wrong) == 1 and "Hamilton twice in the same car." in wrong[0]


def test_another_driver_of_an_entry_comes_with_his_name(operator: Client, belgium: Event) -> None:
    """In the car that the entry has."""
    norris, sainz = (race().results.get(driver_id=driver) for driver in ("norris", "sainz"))
    correct(operator, belgium, "entry", f"?entry={norris.pk}", driver_id="sainz")
    changed = race().results.get(order=norris.order)
    facts = (changed.driver_id, changed.driver_name, changed.driver_code, changed.driver_number)
    assert facts == ("sainz", "Sainz", sainz.driver_code, norris.driver_number)
    correct(operator, belgium, "entry", f"?entry={changed.pk}", driver_id="norris", driver_name="L")
    assert race().results.get(order=norris.order).driver_name == "L"


@pytest.mark.parametrize("step", [REVIEW, SAVE], ids=["review", "save"])
def test_an_event_that_changed_meanwhile_is_shown_and_nothing_is_saved(
    operator: Client, belgium: Event, step: dict[str, str]
) -> None:
    form = form_of(operator, belgium, "disqualify")
    html = review(operator, form, driver=str(entry("hamilton")))
    form = form_to(html, correction_of(belgium, "disqualify"))
    ingest(*UPSTREAM, now=AFTER + HOUR)
    before = all_rows(leave_out=frozenset())

    fresh = form.send(operator, step, {}).content.decode()

    assert "This event has changed since you began, and nothing was saved." in fresh
    assert all_rows(leave_out=frozenset()) == before
    again = form_to(fresh, correction_of(belgium, "disqualify"))
    assert again.fields["reason"] == "document 73"
    assert (again.fields["revision"], again.fields["driver"]) == ("2", "")
    assert fresh.index("Russell") < fresh.index("Hamilton"), "as it is now"


def test_a_table_that_is_stale_is_shown_fresh(operator: Client, belgium: Event) -> None:
    form = form_of(operator, belgium, "edit")
    ingest(*UPSTREAM, now=AFTER + HOUR)
    html = review(operator, form, **{place_of("norris"): "1"})
    assert "This event has changed since you began" in html
    assert form_to(html, correction_of(belgium, "edit")).fields[place_of("russell")] == "1"


def test_a_second_click_does_nothing_more(operator: Client, belgium: Event) -> None:
    html = review(operator, form_of(operator, belgium, "void"))
    form = form_to(html, correction_of(belgium, "void"))
    form.send(operator, SAVE, {})
    before = all_rows(leave_out=frozenset())

    again = form.send(operator, SAVE, {})

    assert (
        "Void the session: not possible in the event's present state. Nothing was saved."
        in words_of(again.content.decode())
    )
    assert all_rows(leave_out=frozenset()) == before


def test_something_can_be_changed_before_it_is_saved(operator: Client, belgium: Event) -> None:
    html = review(operator, form_of(operator, belgium, "disqualify"), driver=str(entry("norris")))
    form = form_to(html, correction_of(belgium, "disqualify"))
    back = form_to(
        form.send(operator, CHANGE, {}).content.decode(), correction_of(belgium, "disqualify")
    )
    assert back.fields["driver"] == str(entry("norris"))
    assert back.fields["reason"] == "document 73"


def test_an_unknown_correction_is_not_found(operator: Client, belgium: Event) -> None:
    assert operator.get(correction_of(belgium, "delete")).status_code == 404
    nowhere = correction_of(belgium, "void").replace(f"/{belgium.pk}/", "/987654/")
    assert operator.get(nowhere).status_code == 404


def test_what_is_typed_is_text_and_not_markup(operator: Client, belgium: Event) -> None:
    form = form_of(operator, belgium, "void")
    html = form.send(operator, REVIEW, {"reason": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in html
    form_to(html, correction_of(belgium, "void")).send(operator, SAVE, {})
    assert "<script>alert" not in operator.get(page_of(belgium)).content.decode()


def test_without_a_token_nothing_is_done(belgium: Event) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    answer = client.post(correction_of(belgium, "void"), {"step": "save", **REASON})
    assert answer.status_code == 403
    assert race().status == "completed"


# The page


def test_a_viewer_reads_the_classification_and_the_story(viewer: Client, belgium: Event) -> None:
    text = read(viewer, page_of(belgium))
    assert text.index("Hamilton won, ahead of Piastri and Leclerc.") < text.index("Story")
    assert "The podium is as Jolpica first had it at 2024-08-01 00:00 UTC." in text
    assert "Start 2024-07-28 13:00 UTC, 15:00 there (the schedule file)" in text
    assert "Scored revision 1, official, amendments are still applied" in text
    assert "Revision 1 published: P1 Hamilton, P2 Piastri, P3 Leclerc (Jolpica)" in text
    assert "Put on the calendar as round 14" in text
    html = viewer.get(page_of(belgium)).content.decode()
    assert "order_" not in html and "Review" not in html


def test_the_editable_table_is_in_order(operator: Client, belgium: Event) -> None:
    form = form_of(operator, belgium, "edit")
    places = [int(value) for name, value in form.fields.items() if name.startswith("order_")]
    assert places == list(range(1, 21))
    reviewed = review(operator, form, **{place_of("leclerc"): "1"})
    form_to(reviewed, correction_of(belgium, "edit")).send(operator, SAVE, {})
    assert order()[:2] == ["leclerc", "hamilton"]


def test_only_what_is_possible_is_offered(operator: Client, weekend: None) -> None:
    html = operator.get(page_of(race("dutch-grand-prix"))).content.decode()
    offered = re.findall(r'/correct/([\w-]+)/"', html)
    assert offered == ["start", "leaders", "status", "reopen"], "links to forms"
    offered = re.findall(r'/correct/([\w-]+)/#review"', html)
    assert offered == ["close", "void"], "buttons that lead to what it does"
