"""Past seasons beside Jolpica's dump: what differs is listed, and proposed where it was paid."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from ingestion.models import Change, Event, RequestBlock, TaskRun
from ingestion.queue.tasks import audit_seasons
from ingestion.sample.dump import build_dump, build_tables, pack
from ingestion.sample.season import Season, with_finishes
from tests.amending import with_leaders_swapped
from tests.command_line import small_season
from tests.dumping import NOW, Fill, name_dump_requests
from tests.rows import all_rows
from tests.upstream import FaultyUpstream

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fastf1_restored"),
]

YEARS = (2023, 2024)


@pytest.fixture
def upstream() -> Iterator[FaultyUpstream]:
    seasons = {year: small_season(year) for year in YEARS}
    with FaultyUpstream(seasons, clock=lambda: NOW) as started:
        yield started


@pytest.fixture
def filled(
    upstream: FaultyUpstream, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> FaultyUpstream:
    """Two seasons, and settings that lead to the stand-in."""
    assert Fill(upstream, tmp_path)(*YEARS).outcome == "ok"
    settings.FASTF1_CACHE_DIR = tmp_path / "cache"
    settings.JOLPICA_URL, settings.F1_SCHEDULE_URL = upstream.jolpica_url, upstream.schedule_url
    settings.JOLPICA_DUMP_URL = ""
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    upstream.clear_requests()
    return upstream


def amended(season: Season) -> Season:
    """The first two of Belgium's race exchanged, and a point less for the last of China's."""
    race = with_leaders_swapped(season.races["belgium"])
    *leaders, last = season.races["china"]
    china = (*leaders, replace(last, laps=last.laps - 1))
    return with_finishes(with_finishes(season, "races", "belgium", race), "races", "china", china)


def serve_amended(upstream: FaultyUpstream) -> None:
    upstream.dump = build_dump([amended(upstream.seasons[2023]), upstream.seasons[2024]])
    upstream.dump_made_at = NOW - timedelta(days=7)


def run_audit(**options: str) -> tuple[str, str]:
    """What it prints, and how it ends."""
    shown = StringIO()
    try:
        call_command("ingest_f1", audit=True, stdout=shown, stderr=StringIO(), **options)
    except CommandError as error:
        return shown.getvalue(), f"{error.returncode} {error}"
    return shown.getvalue(), "0"


def test_equal_facts_are_no_difference(filled: FaultyUpstream) -> None:
    before = all_rows()
    assert run_audit() == (
        "12 classifications of 2 seasons compared with Jolpica's dump of 2026-06-07: 0 differ\n",
        "0",
    )
    assert all_rows() == before
    assert name_dump_requests(filled) == ["overview"]


def test_what_differs_is_listed_and_nothing_is_written(filled: FaultyUpstream) -> None:
    Event.objects.filter(season=2023, grand_prix="belgian-grand-prix").update(
        results_state="settled"
    )
    serve_amended(filled)
    before = all_rows()
    shown, end = run_audit()
    assert end.startswith("3 2 classifications differ from Jolpica's dump. Nothing was changed.")
    first, second, total = shown.splitlines()
    assert first.startswith("2023 belgian-grand-prix race: settled, ")
    assert second == "2023 chinese-grand-prix race: another laps of 1 entries"
    assert total.endswith("of 2026-06-14: 2 differ")
    assert all_rows() == before
    document = json.loads(run_audit(format="json", year="2023")[0])
    assert (document["seasons"], document["compared"]) == ([2023], 6)
    assert document["differences"] == [first, second]
    assert run_audit(year="2024")[1] == "0"


def test_a_key_that_was_corrected_is_no_difference(filled: FaultyUpstream) -> None:
    tables = build_tables(filled.seasons.values())
    for row in tables["driver"]:
        row["reference"] += "_new"
    filled.dump, filled.dump_made_at = pack(tables), NOW - timedelta(days=7)
    before = all_rows()
    assert run_audit()[1] == "0"
    assert all_rows() == before


def test_what_a_person_decided_is_listed_as_such(filled: FaultyUpstream) -> None:
    race = Event.objects.get(season=2023, grand_prix="belgian-grand-prix", session_type="race")
    serve_amended(filled)
    saved = Event.objects.filter(pk=race.pk)
    saved.update(results_locked=True)
    assert run_audit()[0].splitlines()[0].endswith("; what is saved is a person's")
    saved.update(results_locked=False, schedule_locked=True, status="cancelled")
    assert run_audit()[0].splitlines()[0].endswith("; a person voided the session")


def test_the_second_sources_weekend_is_still_counted_afterwards(
    filled: FaultyUpstream, settings: Settings
) -> None:
    """Its requests of the last days, which are more than the hour's."""
    settings.F1_SECOND_SOURCE, settings.OPENF1_URL = "openf1", "https://openf1.test/v1"
    RequestBlock.objects.create(
        host="openf1.test", requests=30, reserved_at=NOW - timedelta(days=2)
    )
    run_audit()
    assert RequestBlock.objects.filter(host="openf1.test").exists()


def test_an_older_dump_says_so(filled: FaultyUpstream) -> None:
    serve_amended(filled)
    filled.dump_made_at = NOW - timedelta(days=20)
    shown, end = run_audit()
    assert end[0] == "3"
    assert shown.count("; the dump is older than what is saved\n") == 2


def test_without_a_dump_nothing_is_compared(filled: FaultyUpstream, settings: Settings) -> None:
    filled.fault("/data/dumps/*", status=404)
    settings.FASTF1_CACHE_DIR = settings.FASTF1_CACHE_DIR / "another"
    shown, end = run_audit()
    assert "answered 404" in shown
    assert end.startswith("1 Jolpica's dump cannot be used, nothing was compared.")


def test_a_new_installation_has_to_ingest_first() -> None:
    _, end = run_audit()
    assert end == (
        "1 No past season is stored, nothing was compared. Nothing was changed. Ingest one first: "
        "manage.py ingest_f1 --year 2023."
    )


def test_the_worker_proposes_once_a_week_what_differs_of_a_settled_podium(
    filled: FaultyUpstream,
) -> None:
    Event.objects.filter(season=2023).update(results_state="settled")
    serve_amended(filled)
    changes = Change.objects.count()
    assert audit_seasons(clock=lambda: NOW) == (
        "12 classifications compared with the dump of 2026-06-14, 2 differ"
    )
    (proposal,) = Change.objects.order_by("pk")[changes:]
    assert (proposal.kind, proposal.after["source"]) == ("proposed", "jolpica_dump")
    belgium = Event.objects.get(season=2023, grand_prix="belgian-grand-prix", session_type="race")
    assert belgium.has_open_proposal
    assert belgium.winner is not None
    assert belgium.winner.driver_id == filled.seasons[2023].races["belgium"][0].driver
    # It waits for a person, and is not proposed twice.
    audit_seasons(clock=lambda: NOW)
    assert Change.objects.count() == changes + 1

    TaskRun.objects.create(id="a", name="audit", started_at=NOW, ended_at=NOW)
    filled.clear_requests()
    assert audit_seasons(clock=lambda: NOW + timedelta(days=1)) == ""
    assert filled.requests == []
