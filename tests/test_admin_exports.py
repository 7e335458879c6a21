"""A season's events and results as files."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ingestion.admin.exports import FORMULA_STARTS
from ingestion.models import Event, Result
from tests.operators import ingest, race

pytestmark = [pytest.mark.once, pytest.mark.django_db, pytest.mark.urls("tests.admin_site")]


def export(client: Client, name: str, year: int = 2024) -> Any:
    answer = client.get(reverse("admin:ingestion_season_export", args=[year, name]))
    assert answer.status_code == 200
    return answer


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(answer), newline="")))


def test_events_as_a_table(viewer: Client, belgium: Event) -> None:
    answer = export(viewer, "events.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="f1-2024-events.csv"'
    rows = rows_of(answer)
    assert [(row["grand_prix"], row["session_type"]) for row in rows] == list(
        Event.objects.for_season(2024).values_list("grand_prix", "session_type")
    )
    [belgian] = [
        row
        for row in rows
        if (row["grand_prix"], row["session_type"]) == ("belgian-grand-prix", "race")
    ]
    assert (belgian["starts_at"], belgian["utc_offset"]) == ("2024-07-28T13:00:00Z", "7200")
    assert (belgian["status"], belgian["results_state"], belgian["results_revision"]) == (
        "completed", "official", "1",
    )  # fmt: skip
    assert (belgian["results_locked"], belgian["disputed_starts_at"]) == ("False", "")


def test_results_as_a_table(viewer: Client, belgium: Event) -> None:
    race().results.filter(order=1).update(
        time=timedelta(hours=1, minutes=19, seconds=57, milliseconds=40), points="25.50", laps=44
    )
    answer = export(viewer, "results.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="f1-2024-results.csv"'
    rows = rows_of(answer)
    assert len(rows) == Result.objects.count() == 40
    first = next(row for row in rows if row["session_type"] == "race")
    assert (first["season"], first["round_number"], first["grand_prix"]) == (
        "2024", "14", "belgian-grand-prix",
    )  # fmt: skip
    assert (first["order"], first["driver_id"], first["points"]) == ("1", "hamilton", "25.50")
    assert (first["time"], first["laps"], first["q1"]) == ("4797.04", "44", "")


def test_all_of_it_for_a_program(viewer: Client, belgium: Event) -> None:
    answer = export(viewer, "season.json")
    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"] == 'attachment; filename="f1-2024.json"'
    season = json.loads(text_of(answer))
    assert season["season"] == 2024
    assert len(season["events"]) == Event.objects.count()
    [belgian] = [
        one
        for one in season["events"]
        if (one["grand_prix"], one["session_type"]) == ("belgian-grand-prix", "race")
    ]
    assert belgian["starts_at"] == "2024-07-28T13:00:00Z"
    assert [entry["order"] for entry in belgian["results"]] == list(range(1, 21))
    assert belgian["results"][0]["driver_name"] == "Hamilton"


def test_a_season_without_anything(viewer: Client, db: None) -> None:
    assert rows_of(export(viewer, "events.csv", 1967)) == []
    assert json.loads(text_of(export(viewer, "season.json", 1967))) == {
        "season": 1967,
        "events": [],
    }


def test_another_season_is_not_in_it(viewer: Client, belgium: Event) -> None:
    assert rows_of(export(viewer, "results.csv", 2023)) == []


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_is_a_formula(viewer: Client, belgium: Event, start: str) -> None:
    evil = f"{start}HYPERLINK(A1)"
    race().results.filter(order=1).update(driver_name=evil)
    Event.objects.filter(pk=belgium.pk).update(official_name=evil)
    names = [row["driver_name"] for row in rows_of(export(viewer, "results.csv"))]
    assert f"'{evil}" in names and evil not in names
    assert f"'{evil}" in [row["official_name"] for row in rows_of(export(viewer, "events.csv"))]


def test_numbers_below_zero_stay_numbers(viewer: Client, belgium: Event) -> None:
    Event.objects.update(utc_offset=timedelta(hours=-5))
    assert {row["utc_offset"] for row in rows_of(export(viewer, "events.csv"))} == {"-18000"}


def test_quotes_commas_and_line_ends_stay_in_their_cells(viewer: Client, belgium: Event) -> None:
    odd = 'A "B", C\nD'
    race().results.filter(order=1).update(driver_name=odd)
    assert odd in [row["driver_name"] for row in rows_of(export(viewer, "results.csv"))]


@pytest.mark.parametrize("name", ["season.xml", "..", "events.csv.exe"])
def test_an_unknown_file_is_not_found(viewer: Client, name: str) -> None:
    address = reverse("admin:ingestion_season_export", args=[2024, name])
    assert viewer.get(address).status_code == 404


def test_the_page_leads_to_them(viewer: Client, belgium: Event) -> None:
    ingest()
    html = viewer.get(reverse("admin:ingestion_season_page", args=[2024])).content.decode()
    for name in ("events.csv", "results.csv", "season.json"):
        assert reverse("admin:ingestion_season_export", args=[2024, name]) in html
