"""Drivers in the admin: found by any key, merged and split with a preview and a way back."""

from dataclasses import replace

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from ingestion.models import Change, Driver, DriverChange
from ingestion.save import save_classifications
from tests.builders import AFTER, classification, context, entries
from tests.operators import SignIn, race
from tests.rows import all_rows

pytestmark = [pytest.mark.once, pytest.mark.django_db]

REASON = {"reason": "the licence"}


@pytest.fixture
def registrar(sign_in: SignIn) -> Client:
    return sign_in("view_driver", "correct_driver")


@pytest.fixture
def stray(weekend: None) -> Driver:
    """Hamilton came once under a key and a name that nothing connects with him."""
    strayed = [
        replace(one, driver_id="l_ham", driver_name="L. H.") if one.driver_id == "hamilton" else one
        for one in entries()
    ]
    for results in (entries(), strayed):
        save_classifications([classification(results=results)], context(AFTER))
    return Driver.objects.get(key="l_ham")


def admin_page(name: str, *arguments: object) -> str:
    return reverse(f"admin:ingestion_{name}", args=arguments)


def page(driver: str, name: str) -> str:
    return admin_page("driver_correct", quote(driver), name)


def test_drivers_are_listed_with_their_keys_and_sessions(registrar: Client, stray: Driver) -> None:
    html = registrar.get(admin_page("driver_changelist"), {"q": "max_v"}).content.decode()
    assert "Max_Verstappen" in html
    html = registrar.get(admin_page("driver_change", quote("max_verstappen"))).content.decode()
    assert "<dt>Sessions</dt><dd>1</dd>" in html
    assert registrar.get(admin_page("driver_change", quote("nobody"))).status_code == 404


def test_a_merge_is_previewed_saved_and_undone(registrar: Client, stray: Driver) -> None:
    before = all_rows()
    data = {"into": "hamilton", **REASON}
    review = registrar.post(page("l_ham", "merge"), {**data, "step": "review"}).content.decode()
    assert "1 result of L. H. (l_ham) will be Hamilton&#x27;s (hamilton)." in review
    assert all_rows() == before

    registrar.post(page("l_ham", "merge"), {**data, "step": "save"})
    assert race().podium[0].driver_id == "hamilton"
    assert Change.objects.latest("pk").reason == "the licence"
    html = registrar.get(admin_page("driver_change", quote("l_ham"))).content.decode()
    assert "merged into Hamilton (hamilton)" in html

    data = {"change": str(DriverChange.objects.get().pk), **REASON}
    review = registrar.post(page("l_ham", "undo"), {**data, "step": "review"}).content.decode()
    assert "1 result of Hamilton (hamilton) will be L. H.&#x27;s (l_ham)." in review
    registrar.post(page("l_ham", "undo"), {**data, "step": "save"})
    assert race().podium[0].driver_id == "l_ham"


@pytest.mark.parametrize(
    ("name", "data", "refusal"),
    [
        ("merge", {"into": "nobody"}, "No driver has this key."),
        ("merge", {"into": "norris"}, "L. H. and Norris are both in the"),
        ("merge", {"into": "l_ham"}, "A driver cannot be merged into himself."),
        ("split", {"seasons": "2024", "name": "Another"}, "Name some of the driver&#x27;s seasons"),
        ("split", {"seasons": "x" * 5000, "name": "Another"}, "at most 300 characters"),
        ("split", {"seasons": "9" * 200, "name": "Another"}, "Years with a blank between them"),
        ("undo", {"change": "9" * 5000}, "errornote"),
    ],
)
def test_what_cannot_be_is_refused_in_the_form(
    registrar: Client, stray: Driver, name: str, data: dict[str, str], refusal: str
) -> None:
    before = all_rows()
    answer = registrar.post(page("l_ham", name), {**data, **REASON, "step": "save"})
    assert answer.status_code == 200
    assert refusal in answer.content.decode()
    assert all_rows() == before


def test_without_the_permission_nothing_can_be_decided(sign_in: SignIn, stray: Driver) -> None:
    viewer = sign_in("view_driver")
    html = viewer.get(admin_page("driver_change", quote("l_ham"))).content.decode()
    assert "Merge into" not in html
    data = {"into": "hamilton", **REASON, "step": "save"}
    assert viewer.post(page("l_ham", "merge"), data).status_code == 403
    assert not DriverChange.objects.exists()
