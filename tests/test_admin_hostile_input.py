"""What no person types, in every address, filter and form of the admin: an error of the request,
never one of the server."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from ingestion.corrections import (
    Author,
    correct_start,
    disqualify,
    possible_corrections,
    settle_results,
    void_event,
)
from ingestion.corrections.entries import key_of
from ingestion.models import Alarm, Change, Event, IngestRun
from tests.admin_site import clock
from tests.builders import AFTER, BEFORE, DRIVERS
from tests.html_forms import form_to
from tests.operators import (
    SignIn,
    correction_of,
    event,
    ingest,
    page_of,
    race,
    season_page,
    words_of,
)
from tests.persons import User
from tests.rows import all_rows
from tests.shortened import shortened

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin_site")]

DIGITS = "9" * 5000
HOSTILE = {
    "digits": DIGITS,
    "fewer digits": "9" * 40,
    "minus": "-1",
    "nul": "a\0b",
    "text": "x" * 5000,
    "far year": "9999-12-31T23:59",
    "first year": "0001-01-01T00:00",
    "duration": "999999999 23:59:59",
    "number": "1e400",
    "infinity": "NaN",
    "superscript": "²",
    "markup": "<script>",
    "percent": "%s%d%00",
    "empty": "",
}
# What breaks a list, a key or a name: each is in one of a few ways a number or a text.
SOME = ("digits", "fewer digits", "nul", "far year", "superscript", "percent")
URLENCODED = "application/x-www-form-urlencoded"
LISTS = ("event", "change", "ingestrun", "alarm")
# Django's own and those of a filter, whatever the list has.
PARAMETERS = ("p", "o", "q", "all", "e", "_facets", "_popup", "_to_field", "id", "pk", "id__in")


@pytest.fixture
def root(sign_in: SignIn, belgium: Event) -> Client:
    clock.now = AFTER
    IngestRun.objects.create(trigger="command", started_at=AFTER)
    Alarm.objects.create(key="x", severity="broken", title="no polls", raised_at=AFTER)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def address_of(name: str) -> str:
    return reverse(f"admin:ingestion_{name}_changelist")


def filters_of(client: Client, name: str) -> set[str]:
    """Every parameter to which the list itself leads, its date hierarchy's included."""
    html = client.get(address_of(name)).content.decode()
    return set(re.findall(r"[?&](?:amp;)?([a-z_]+)=", html)) | {
        f"{field}__{part}"
        for field in ("starts_at", "created_at", "started_at", "raised_at", "season")
        for part in ("year", "month", "day", "gte", "exact", "isnull")
    }


@pytest.mark.parametrize("name", shortened(LISTS, {"alarm"}))
def test_no_parameter_of_a_list_breaks_it(root: Client, name: str) -> None:
    for parameter in filters_of(root, name) | set(PARAMETERS):
        for label in SOME:
            answer = root.get(address_of(name), {parameter: HOSTILE[label]})
            assert answer.status_code in {200, 302, 400}, f"{parameter} {label}"
            if answer.status_code == 302:
                assert answer["Location"] == f"{address_of(name)}?e=1"


@pytest.mark.parametrize("name", shortened(LISTS, {"alarm"}))
def test_no_action_of_a_list_breaks_it(root: Client, name: str) -> None:
    for label in SOME:
        value = HOSTILE[label]
        for data in (
            {"action": value, "_selected_action": "1", "index": "0"},
            {"action": "acknowledge_chosen", "_selected_action": value, "index": "0"},
            {"action": "acknowledge_chosen", "_selected_action": "1", "index": value},
        ):
            answer = root.post(address_of(name), data, follow=True)
            assert answer.status_code in {200, 400, 403}


def addresses_with(value: str) -> Iterator[str]:
    """Each of ours with the value in the place of a key, a year, a name or a task."""
    text = quote(value, safe="")
    for address in (page_of(race()), correction_of(race(), "void")):
        yield address.replace(f"/{race().pk}/", f"/{text}/")
    yield correction_of(race(), "void").replace("void", text)
    yield page_of(race()).replace("change/", f"ingest/{text}/")
    yield season_page() + f"ingest/{text}/"
    yield season_page() + f"export/{text}"
    yield season_page().replace("2024", text)
    yield season_page().replace("2024/", f"?season={text}")
    for name in LISTS:
        for page in ("change", "history", "delete"):
            yield f"{address_of(name)}{text}/{page}/"
    yield f"{address_of('alarm')}{text}/acknowledge/"


@pytest.mark.parametrize("label", shortened(SOME, {"digits", "nul"}))
def test_no_address_breaks_a_page(root: Client, label: str) -> None:
    for address in addresses_with(HOSTILE[label]):
        for answer in (root.get(address), root.post(address)):
            assert answer.status_code < 500, address


FORMS: dict[str, dict[str, tuple[str, ...]]] = {
    "race": {
        "edit": ("order", "points", "grid", "status", "seen", "revision", "move", "step"),
        "entry": ("driver_id", "driver_number", "time", "points", "entry"),
        "disqualify": ("driver", "reason"),
        "start": ("starts_at", "clock"),
        "void": ("reason",),
    },
    "qualifying": {"entry": ("q1",)},
    "sprint": {"leaders": ("place_1",), "reopen": ("until",), "status": ("status",)},
}


@pytest.mark.parametrize(
    ("kind", "name"),
    shortened(
        [(kind, name) for kind, forms in FORMS.items() for name in forms],
        {("race", "start"), ("race", "disqualify"), ("sprint", "leaders")},
    ),
)
def test_no_field_of_a_form_breaks_it(root: Client, kind: str, name: str) -> None:
    of = event(kind)
    first = of.results.filter(order=1).values_list("pk", flat=True).first()
    clock.now = BEFORE if name == "reopen" else AFTER
    address = correction_of(of, name)
    form = form_to(root.get(f"{address}?entry={first}").content.decode(), address)
    before = all_rows(leave_out=frozenset())
    for field in FORMS[kind][name]:
        if f"{field}_{first}" in form.fields:
            field = f"{field}_{first}"  # noqa: PLW2901 - an entry's cell of the table
        # Each review of the table takes a while.
        for label in SOME if name == "edit" else HOSTILE:
            value = HOSTILE[label]
            # As whoever writes the request: the buttons' own values too.
            typed = {"step": "review", "reason": "so", "clock": "circuit", field: value}
            reviewed = root.post(address, {**form.fields, **typed})
            assert reviewed.status_code in {200, 400}, f"{field} {label}"
    assert all_rows(leave_out=frozenset()) == before


@pytest.mark.parametrize("field", ["q1", "q2", "q3"])
def test_a_duration_that_no_column_holds_is_an_error_at_its_field(root: Client, field: str) -> None:
    qualifying = event("qualifying")
    address = correction_of(qualifying, "entry")
    pole = qualifying.results.get(order=1).pk
    form = form_to(root.get(f"{address}?entry={pole}").content.decode(), address)
    for value in ("999999999 23:59:59", "-1:00", "1 00:00:01"):
        html = form.send(root, {"step": "review"}, {"reason": "so", field: value}).content.decode()
        wrong = re.findall(r'<div class="f1-field f1-wrong">.*?</div>', html, re.DOTALL)
        assert len(wrong) == 1 and f'name="{field}"' in wrong[0], value


@pytest.mark.parametrize("name", ["event", "change"])
@pytest.mark.parametrize("search", ["a " * 300, "spa " * 9, "x" * 101])
def test_a_search_is_limited_in_parts_and_length(root: Client, name: str, search: str) -> None:
    text = words_of(root.get(address_of(name), {"q": search}).content.decode())
    assert "The search was not run: it takes up to 8 words and 100 characters." in text
    assert "Belgian" not in text


def test_a_search_of_eight_words_is_run(root: Client) -> None:
    search = {"q": "belgian grand prix spa francorchamps hamilton piastri leclerc"}
    assert "Belgian Grand Prix" in words_of(root.get(address_of("event"), search).content.decode())


def test_a_nul_in_an_address_is_a_bad_request(root: Client) -> None:
    assert root.get(season_page() + "ingest/%00/").status_code == 400
    assert root.get(address_of("change") + "?kind__exact=%00").status_code == 400
    assert Change.objects.exists()


def propose(of: Event, author: Author) -> None:
    settle_results(of, author, revision=1)
    ingest("russell", *DRIVERS[1:], now=AFTER + timedelta(hours=1))


def correct_by_hand(of: Event, author: Author) -> None:
    disqualify(of, key_of(of.classification[1]), author, revision=1)
    assert of.starts_at is not None
    correct_start(race(), of.starts_at + timedelta(hours=1), author)


# What makes the corrections possible that are named, each by what a person or an upstream does.
STATES: dict[str, tuple[Callable[[Event, Author], object], tuple[str, ...]]] = {
    "proposed": (propose, ("accept", "reject", "leaders")),
    "by hand": (correct_by_hand, ("restore", "settle", "release", "release-schedule", "start")),
    "cancelled": (void_event, ("unvoid", "release-schedule")),
    "ahead": (lambda _event, _author: None, ("close", "void")),
}


# Each is sent as several values and in place of each number that a form has hidden.
SHAPES: tuple[tuple[dict[str, object], str], ...] = (
    ({"data": "{]", "content_type": "application/json"}, "no form"),
    ({"data": b"\xff\xfe\0", "content_type": "multipart/form-data; boundary=x"}, "half a form"),
    ({"data": "reason=%ff%00&step=%ed%a0%80", "content_type": URLENCODED}, "no text"),
    ({"data": "&".join(["reason=a"] * 1100), "content_type": URLENCODED}, "many fields"),
    ({"data": "step[]=review&seen[0]=1", "content_type": URLENCODED}, "arrays"),
    ({"data": f"seen={'9' * 40}&reason={'word+' * 900}", "content_type": URLENCODED}, "words"),
)


@pytest.mark.parametrize("state", shortened(STATES, {"proposed"}))
def test_no_correction_breaks_whatever_is_sent(root: Client, state: str) -> None:
    bring_about, names = STATES[state]
    bring_about(race(), Author(User.objects.get_by_natural_key("root"), "so", AFTER))
    clock.now = BEFORE if state == "ahead" else AFTER + timedelta(hours=2)
    of = race()
    open_ones = [name for name in names if name in possible_corrections(of, clock.now)]
    assert len(open_ones) >= min(2, len(names))
    before = all_rows(leave_out=frozenset())
    for name in open_ones:
        address = correction_of(of, name)
        fields = form_to(root.get(address).content.decode(), address).fields
        for shape, label in SHAPES:
            answer = root.post(address, **shape)  # type: ignore[arg-type]
            assert answer.status_code in {200, 400}, f"{name} {label}"
        for field in fields:
            for label in ("digits", "nul"):
                typed = {**fields, "reason": "so", "step": "review", field: HOSTILE[label]}
                answer = root.post(address, typed)
                assert answer.status_code in {200, 400}, f"{name} {field} {label}"
    assert all_rows(leave_out=frozenset()) == before


def test_no_form_is_taken_without_its_token(root: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get_by_natural_key("root"))
    for address in (correction_of(race(), "void"), season_page() + "ingest/"):
        assert strict.post(address, {"reason": "so", "step": "save"}).status_code == 403


# Django's own pages of what is not ours: accounts, groups, and the queue's schedules and tasks.
OTHERS = ("auth_user", "auth_group", "django_q_schedule", "django_q_success", "django_q_ormq")


@pytest.mark.long
def test_no_page_of_another_app_breaks(root: Client) -> None:
    for name in OTHERS:
        try:
            listed = reverse(f"admin:{name}_changelist")
        except NoReverseMatch:
            continue
        for label in SOME:
            value = HOSTILE[label]
            for parameter in ("q", "p", "o", "id__exact", "_to_field"):
                assert root.get(listed, {parameter: value}).status_code < 500, f"{name} {parameter}"
            assert root.get(f"{listed}{quote(value, safe='')}/change/").status_code < 500, name
