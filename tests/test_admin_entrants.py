"""Who can be picked, on the page of an event: a driver is replaced, added or taken out."""

from datetime import timedelta

import pytest
from django.test import Client

from ingestion.models import Change, Driver, Entrant, Event
from ingestion.save import save_entrants
from tests.admin_site import clock
from tests.builders import FIELD, context
from tests.html_forms import form_to
from tests.operators import correction_of, event, page_of, read, season_page, words_of
from tests.rows import all_rows

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db,
    pytest.mark.urls("tests.admin_site"),
]

DUTCH = "dutch-grand-prix"


@pytest.fixture
def zandvoort(belgium: Event, operator: Client) -> Event:
    """The race, two days before its qualifying, with the drivers of Belgium."""
    qualifying = event("qualifying", DUTCH)
    assert qualifying.locks_at is not None
    clock.now = qualifying.locks_at - timedelta(days=2)
    save_entrants(2024, context(clock.now))
    return event("race", DUTCH)


def keys(of: Event) -> set[str]:
    return {entrant.driver_id for entrant in of.entrants}


def correct(client: Client, of: Event, name: str, **typed: str) -> str:
    """The text of the review, or of the form where it is refused; saved where it is not."""
    address = correction_of(of, name)
    form = form_to(client.get(address).content.decode(), address)
    before = all_rows(leave_out=frozenset())
    typed = {"reason": "the team says so", **typed}
    reviewed = form.send(client, {"step": "review"}, typed).content.decode()
    assert all_rows(leave_out=frozenset()) == before, "a review saves nothing"
    if "Save it" in reviewed:
        form_to(reviewed, address).send(client, {"step": "save"}, {})
    return words_of(reviewed)


def test_a_driver_is_replaced_by_a_newcomer_with_his_name_alone(
    operator: Client, zandvoort: Event
) -> None:
    text = correct(
        operator, zandvoort, "replace-driver", out="sainz", newcomer="Oliver Bearman", number="38"
    )
    assert "Does not start, and cannot be picked any more: Sainz" in text
    assert "Can be picked: Oliver Bearman (car 38, Team 2)" in text
    assert keys(zandvoort) == {*FIELD, "oliver-bearman"} - {"sainz"}
    assert Driver.objects.get(key="oliver-bearman").name == "Oliver Bearman"
    assert set(Change.objects.filter(kind="withdrawn").values_list("person_name", flat=True)) == {
        "ana"
    }
    page = words_of(read(operator, page_of(zandvoort)))
    assert "Who can be picked" in page
    assert "38 Oliver Bearman" in page


def test_a_driver_is_taken_out_and_added_again(operator: Client, zandvoort: Event) -> None:
    correct(operator, zandvoort, "withdraw-driver", out="sainz")
    assert keys(zandvoort) == set(FIELD) - {"sainz"}
    correct(operator, zandvoort, "add-driver", driver="sainz")
    assert keys(zandvoort) == set(FIELD)


def test_a_newcomer_with_the_surname_of_another_driver_is_another_person(
    operator: Client, zandvoort: Event
) -> None:
    correct(operator, zandvoort, "add-driver", newcomer="Someone Norris")
    assert keys(zandvoort) == {*FIELD, "someone-norris"}


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        ({}, "Choose a driver or give a newcomer's name"),
        ({"newcomer": "-"}, "give a newcomer's name"),
        ({"newcomer": "Sainz"}, "can be picked already"),
        ({"newcomer": "a" * 121}, "at most 120 characters"),
        ({"newcomer": "A B", "number": "9" * 5000}, "number"),
        ({"driver": "nobody"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_entered_is_said_at_the_form(
    operator: Client, zandvoort: Event, typed: dict[str, str], refusal: str
) -> None:
    assert refusal in correct(operator, zandvoort, "add-driver", **typed)
    assert Entrant.objects.count() == len(FIELD)


def test_the_season_leads_to_who_can_be_picked_next(operator: Client, zandvoort: Event) -> None:
    qualifying = event("qualifying", DUTCH)
    link = f'{page_of(qualifying)}#entrants">who can be picked</a>'
    assert link in operator.get(season_page()).content.decode()
    assert '<section id="entrants"' in operator.get(page_of(qualifying)).content.decode()
    clock.now -= timedelta(days=6)
    assert "#entrants" not in operator.get(season_page()).content.decode()


def test_entrants_are_corrected_while_picks_are_open_alone(
    operator: Client, zandvoort: Event
) -> None:
    assert "Replace Sainz" in operator.get(page_of(zandvoort)).content.decode()
    assert zandvoort.locks_at is not None
    for now in (zandvoort.locks_at, zandvoort.locks_at - timedelta(days=8)):
        clock.now = now
        if now < zandvoort.locks_at:
            Entrant.objects.all().delete()
        assert "Replace" not in operator.get(page_of(zandvoort)).content.decode()
