"""Jolpica's dump: seasons that are over from one file, and what becomes of a file that is not
right: a note, and pages as without it."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.models import Change, Event, Result
from ingestion.pipeline import Mode
from ingestion.sample.dump import build_dump, build_tables, pack
from ingestion.sample.season import with_finishes, without_results
from tests import dumping
from tests.amending import with_leaders_swapped
from tests.command_line import ingest, small_season
from tests.dumping import NOW, Fill, Switch, name_dump_requests
from tests.project import Project
from tests.rows import all_rows
from tests.shortened import shortened
from tests.upstream import FaultyUpstream

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fastf1_restored"),
]

YEARS = (2023, 2024)
DOWNLOAD = ["overview", "download", "store"]
EVENTS = 12
PAGE_BY_PAGE = "; seasons are requested page by page"


@pytest.fixture
def upstream() -> Iterator[FaultyUpstream]:
    seasons = {year: small_season(year) for year in YEARS}
    with FaultyUpstream(seasons, clock=lambda: NOW) as started:
        yield started


@pytest.fixture
def fill(upstream: FaultyUpstream, tmp_path: Path) -> Fill:
    return Fill(upstream, tmp_path)


def facts(**of: Any) -> list[dict[str, Any]]:
    fields = [f.name for f in Result._meta.fields if f.name not in ("id", "event")]
    identity = ("event__season", "event__grand_prix", "event__session_type", "order")
    rows = Result.objects.filter(**of).order_by(*identity)
    return list(rows.values("event__season", "event__grand_prix", "event__session_type", *fields))


def test_seasons_that_are_over_come_from_one_file(fill: Fill, upstream: FaultyUpstream) -> None:
    report = fill(*YEARS)
    assert (report.outcome, report.requests) == ("ok", 3)
    assert [request.path for request in upstream.requests] == [
        "/data/dumps/download/",
        "/data/dumps/download/delayed/",
        f"/dump-store/{hashlib.sha256(upstream.dump or b'').hexdigest()}.zip",
    ]
    assert fill.lines == [
        f"{year}: events 6 created, classifications 6 created; complete" for year in YEARS
    ]
    assert report.notes == []
    events = Event.objects.all()
    assert set(events.values_list("results_source", "results_state", "schedule_source")) == {
        ("jolpica_dump", "official", "jolpica_dump")
    }
    made_at = NOW - timedelta(days=14)
    assert set(events.values_list("results_generated_at", flat=True)) == {made_at}
    # The circuits' clocks are in the dump, and in no page.
    china = Event.objects.get(season=2024, grand_prix="chinese-grand-prix", session_type="race")
    assert china.utc_offset == timedelta(hours=8)


@pytest.mark.twice
def test_it_says_what_pages_say(fill: Fill, upstream: FaultyUpstream, tmp_path: Path) -> None:
    fill(*YEARS)
    from_dump = facts()
    Change.objects.all().delete()
    Result.objects.all().delete()
    Event.objects.all().delete()
    by_pages = Fill(upstream, tmp_path / "pages")
    assert by_pages(*YEARS, dump_url="off").outcome == "ok"
    assert facts() == from_dump
    assert len(from_dump) == 240


def test_the_same_again_takes_no_request_and_one_where_something_is_missing(
    fill: Fill, upstream: FaultyUpstream
) -> None:
    fill(*YEARS)
    before = all_rows()
    upstream.clear_requests()
    assert fill(*YEARS).requests == 0
    assert fill.lines == [f"{year}: nothing to request; complete" for year in YEARS]
    assert all_rows() == before

    Change.objects.filter(event__season=2023, event__session_type="sprint").delete()
    Event.objects.filter(season=2023, session_type="sprint").update(
        results_state="pending", results_revision=0
    )
    Result.objects.filter(event__season=2023, event__session_type="sprint").delete()
    report = fill(*YEARS)
    assert list(map(str, report.problems)) == []
    # The overview's hash alone: the file is kept.
    assert name_dump_requests(upstream) == ["overview"]
    assert Result.objects.filter(event__season=2023, event__session_type="sprint").count() == 20


def test_pages_afterwards_change_nothing(fill: Fill, upstream: FaultyUpstream) -> None:
    fill(*YEARS)
    upstream.fault("/f1schedule/*", status=404)
    changes = Change.objects.count()
    fill(2023, mode=Mode.UPDATE)
    assert list(Change.objects.order_by("pk")[changes:].values_list("kind", flat=True)) == []


def test_it_never_overwrites_what_a_page_said_later(fill: Fill, upstream: FaultyUpstream) -> None:
    """A page had the disqualification; the dump is from before it."""
    upstream.dump = build_dump(upstream.seasons.values())
    season = upstream.seasons[2023]
    amended = with_leaders_swapped(season.races["belgium"])
    upstream.seasons[2023] = with_finishes(season, "races", "belgium", amended)
    assert list(map(str, fill(2023, mode=Mode.UPDATE, dump_url="off").problems)) == []
    winner = Result.objects.get(
        event__season=2023, event__grand_prix="belgian-grand-prix", event__session_type="race",
        order=1,
    ).driver_id  # fmt: skip
    assert winner == season.races["belgium"][1].driver
    Event.objects.filter(season=2023, session_type="race", grand_prix="chinese-grand-prix").update(
        results_state="pending", results_revision=0
    )
    report = fill(*YEARS)
    assert "overview" in name_dump_requests(upstream)
    belgium = Event.objects.get(season=2023, grand_prix="belgian-grand-prix", session_type="race")
    assert belgium.winner is not None
    assert (belgium.winner.driver_id, belgium.results_source) == (winner, "jolpica")
    assert "an answer older than the saved classification was left aside" in str(report.notes)


def test_a_season_that_is_not_over_for_a_fortnight_comes_by_pages(
    fill: Fill, upstream: FaultyUpstream
) -> None:
    """2024's last race here is Belgium's, of 28 July."""
    upstream.dump_made_at = datetime(2024, 8, 11, 23, tzinfo=UTC)
    report = fill(*YEARS)
    assert report.outcome == "ok"
    sources = Event.objects.values_list("season", "results_source").distinct().order_by()
    assert {season for season, source in sources if source == "jolpica_dump"} == {2023}
    assert [str(note) for note in report.notes] == [
        (
            "Jolpica's dump of 2024-08-11 has no final results of 2024; what is missing of them is "
            "requested page by page"
        )
    ]


def test_a_season_without_results_in_it_is_named_and_comes_by_pages(
    fill: Fill, upstream: FaultyUpstream
) -> None:
    upstream.dump = build_dump([small_season(2023), without_results(small_season(2024))])
    report = fill(*YEARS)
    assert report.outcome == "ok"
    assert [str(note).partition(";")[0] for note in report.notes] == [
        "Jolpica's dump of 2026-06-07 has no final results of 2024"
    ]
    assert {*Event.objects.filter(season=2024).values_list("results_source", flat=True)} == {
        "jolpica",
        "jolpica_newer",
    }


def test_a_kind_that_is_not_whole_comes_by_pages(fill: Fill, upstream: FaultyUpstream) -> None:
    season = small_season(2023)
    upstream.dump = build_dump([with_finishes(season, "sprints", "china", ())])
    assert fill(2022, 2023).problems[0].season == 2022
    sources = dict(
        Event.objects.filter(season=2023).values_list("session_type", "results_source").distinct()
    )
    assert sources == {
        "race": "jolpica_dump", "qualifying": "jolpica_dump", "sprint": "jolpica",
        "sprint_qualifying": "jolpica_dump",
    }  # fmt: skip


def test_a_rounds_cancellation_leaves_it_out(fill: Fill, upstream: FaultyUpstream) -> None:
    tables = build_tables([small_season(2023)])
    tables["round"].append({**tables["round"][0], "id": 9999, "number": "", "is_cancelled": "t"})
    upstream.dump = pack(tables)
    fill(2022, 2023)
    assert Event.objects.filter(season=2023).count() == 6


@pytest.mark.parametrize("year", [2003, 2007, 2023])
def test_qualifyings_of_every_era(year: int, fill: Fill, upstream: FaultyUpstream) -> None:
    """One run in 2003, which no calendar lists; a knockout in parts since 2006."""
    season = small_season(year)
    upstream.seasons = {year: season}
    assert fill(year - 1, year).requests > 3
    event = Event.objects.get(season=year, session_type="qualifying", round_number=2)
    pole = event.classification[0]
    lap = min(season.qualifyings["belgium"], key=lambda one: one.order)
    assert pole.driver_id == lap.driver
    assert pole.q1 == timedelta(milliseconds=lap.q1 or 0)
    assert (pole.q3 is None) == (year == 2003)
    assert (event.starts_at is None) == (year == 2003)


# As its users run it


def test_the_command_reads_it_by_itself_and_no_dump_does_without(
    project: Project, upstream: FaultyUpstream
) -> None:
    on = {"JOLPICA_DUMP_URL": ""}
    done = ingest(project, upstream, "--year", "2023-2024", "--no-dump", "--dry-run", env=on)
    assert done.returncode == 0, done.stderr
    assert name_dump_requests(upstream) == []
    done = ingest(project, upstream, "--year", "2023-2024", env=on)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [
        f"{year}: events 6 created, classifications 6 created; complete" for year in YEARS
    ]
    assert done.stdout.splitlines()[-1].endswith("; 3 upstream requests")
    assert name_dump_requests(upstream) == DOWNLOAD


# What is wrong with it

FAULTS: dict[str, tuple[Switch, str]] = {
    "a cut zip": (dumping.cut, "the zip file cannot be read"),
    "a bomb": (dumping.with_bomb, "more is unpacked of it than any real dump has"),
    "an endless line": (dumping.with_endless_line, "a line in it has more than"),
    "a path": (
        dumping.with_member("../formula_one_lap.csv", b"id\n"),
        "a file in it would leave its folder",
    ),
    "no table": (
        lambda seasons: pack({k: v for k, v in build_tables(seasons).items() if k != "team"}),
        "formula_one_team.csv is not in it",
    ),
    "no column": (
        dumping.without_column("roundentry", "car_number"),
        "formula_one_roundentry.csv cannot be read",
    ),
    "a renamed column": (
        dumping.without_column("driver", "reference", "slug"),
        "formula_one_driver.csv cannot be read",
    ),
    "a text for a number": (
        dumping.with_value("sessionentry", "status", "FINISHED"),
        "formula_one_sessionentry.csv cannot be read",
    ),
    "another encoding": (dumping.in_encoding("utf-16"), "cannot be read"),
}


@pytest.mark.parametrize("fault", shortened(FAULTS, {"a cut zip", "a path", "no column"}))
def test_a_file_of_another_shape_is_a_note_and_pages(
    fault: str, fill: Fill, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    switch, reason = FAULTS[fault]
    upstream.dump = switch(list(upstream.seasons.values()))
    report = fill(*YEARS)
    assert_pages(report.outcome, fill)
    (note,) = map(str, report.notes)
    assert note.startswith("Jolpica's dump: ")
    assert reason in note
    assert note.endswith(PAGE_BY_PAGE)
    # Nothing is unpacked anywhere.
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".sqlite", ".zip"}


def assert_pages(outcome: str, fill: Fill) -> None:
    assert outcome == "ok"
    assert Event.objects.count() == EVENTS
    sources = set(Event.objects.values_list("results_source", flat=True))
    assert sources == {"jolpica", "jolpica_newer"}
    assert fill.lines == [
        f"{year}: events 6 created, classifications 6 created; complete" for year in YEARS
    ]


def test_an_enum_that_is_not_known_is_a_note_and_pages_for_that_season(
    fill: Fill, upstream: FaultyUpstream
) -> None:
    """The season's other kinds are read all the same."""
    switch = dumping.with_value("sessionentry", "status", 77)
    upstream.dump = switch(list(upstream.seasons.values()))
    report = fill(*YEARS)
    assert [str(note) for note in report.notes] == [
        (
            "2023: Jolpica's dump: its race results of 2023 cannot be read: the status 77 is not "
            "known; they are requested page by page"
        )
    ]
    sources = Event.objects.filter(season=2023).values_list("session_type", "results_source")
    assert ("race", "jolpica") in set(sources)
    assert ("qualifying", "jolpica_dump") in set(sources)


def test_a_kind_of_session_that_is_not_known_is_left_out(
    fill: Fill, upstream: FaultyUpstream
) -> None:
    tables = build_tables(upstream.seasons.values())
    tables["session"].append({**tables["session"][0], "id": 9999, "type": "XX"})
    upstream.dump = pack(tables)
    assert fill(*YEARS).requests == 3


ANSWERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "no overview": ("/data/dumps/download/", {"status": 404}, "answered 404"),
    "an overview without dumps": (
        "/data/dumps/download/",
        {"json": {"available_types": [], "latest_dumps": {}, "delayed_dumps": {}}},
        "is not offered",
    ),
    "a wrong hash": (
        "/data/dumps/download/",
        {"transform": lambda document: with_offer(document, file_hash="0" * 64)},
        "SHA-256 differs",
    ),
    "a wrong size": (
        "/data/dumps/download/",
        {"transform": lambda document: with_offer(document, file_size=2_000_000)},
        "SHA-256 differs",
    ),
    "larger than any": (
        "/data/dumps/download/",
        {"transform": lambda document: with_offer(document, file_size=65 * 1024 * 1024)},
        "more than",
    ),
    "a lost download": ("/data/dumps/download/delayed/", {"status": 500}, "answered 500"),
    "a lost file": ("/dump-store/*", {"status": 403}, "answered 403"),
    "a broken transfer": ("/dump-store/*", {"cut": 1000}, "broke off"),
    "another file": ("/dump-store/*", {"body": b"PK"}, "SHA-256 differs"),
    "a redirect to nowhere": (
        "/data/dumps/download/delayed/",
        {"status": 302, "headers": {"Location": "ftp://a/b"}},
        "an address that is none",
    ),
    "redirects without end": (
        "/data/dumps/download/delayed/",
        {"status": 302, "headers": {"Location": "/data/dumps/download/delayed/?dump_type=csv"}},
        "more than 3 redirects",
    ),
}


def with_offer(document: Any, **values: Any) -> Any:
    for dumps in (document["latest_dumps"], document["delayed_dumps"]):
        dumps["csv"] = {**dumps["csv"], **values}
    return document


@pytest.mark.parametrize("answer", list(ANSWERS))
def test_where_it_cannot_be_had_a_note_and_pages(
    answer: str, fill: Fill, upstream: FaultyUpstream
) -> None:
    path, switches, reason = ANSWERS[answer]
    upstream.fault(path, **switches)
    report = fill(*YEARS)
    assert_pages(report.outcome, fill)
    (note,) = map(str, report.notes)
    assert reason in note
    assert note.endswith(PAGE_BY_PAGE)
    assert fill.copies == []


def test_a_store_that_hangs_is_given_up(fill: Fill, upstream: FaultyUpstream) -> None:
    upstream.fault("/dump-store/*", hang=True)
    report = fill(*YEARS)
    assert_pages(report.outcome, fill)
    assert "no answer in time" in str(report.notes[0])


def test_without_an_overview_the_copy_of_this_week_will_do(
    fill: Fill, upstream: FaultyUpstream
) -> None:
    fill.now = datetime.now(UTC)
    fill(2023, 2022)
    upstream.clear_requests()
    upstream.fault("/data/dumps/download/", status=503)
    report = fill(2024, 2022)
    assert "the copy of" in str(report.notes)
    sources = Event.objects.filter(season=2024).values_list("results_source", flat=True)
    assert set(sources) == {"jolpica_dump"}
    assert name_dump_requests(upstream) == ["overview"]


def test_a_damaged_copy_is_downloaded_again(fill: Fill, upstream: FaultyUpstream) -> None:
    fill(2022, 2023)
    upstream.clear_requests()
    (copy,) = fill.copies
    copy.write_bytes(copy.read_bytes()[:-10])
    assert fill(2022, 2024).outcome == "partial"
    assert name_dump_requests(upstream) == DOWNLOAD
    assert Event.objects.filter(season=2024, results_source="jolpica_dump").count() == 6


# Where it is


def test_a_local_file_takes_no_request(
    fill: Fill, upstream: FaultyUpstream, tmp_path: Path
) -> None:
    path = tmp_path / "dump.zip"
    path.write_bytes(build_dump(upstream.seasons.values()))
    fill.now = datetime.now(UTC)
    assert fill(*YEARS, dump_url=str(path)).requests == 0
    assert Event.objects.filter(results_source="jolpica_dump").count() == EVENTS


@pytest.mark.parametrize("bad", ["missing.zip", "folder", "http://:0/"])
def test_a_local_file_that_cannot_be_read_is_a_note_and_pages(
    bad: str, fill: Fill, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    url = bad if "://" in bad else str(tmp_path / bad)
    report = fill(*YEARS, dump_url=url)
    assert_pages(report.outcome, fill)
    assert str(report.notes[0]).startswith("Jolpica's dump")


def test_another_address(fill: Fill, upstream: FaultyUpstream, tmp_path: Path) -> None:
    upstream.dump = build_dump(upstream.seasons.values())
    with FaultyUpstream({}, clock=lambda: NOW) as other:
        other.dump, upstream.dump = upstream.dump, b""
        for url in (f"{other.address}/data/dumps/download", other.address):
            assert fill(*YEARS, dump_url=url).outcome == "ok"
            Change.objects.all().delete()
            Result.objects.all().delete()
            Event.objects.all().delete()
        assert name_dump_requests(other) == [*DOWNLOAD, "overview"]
    assert upstream.requests == []


def test_the_password_goes_to_its_own_host_alone(fill: Fill, upstream: FaultyUpstream) -> None:
    jolpica = upstream.jolpica_url.replace("://", "://user:secret-word@")
    assert fill(*YEARS, config={"jolpica_url": jolpica}).outcome == "ok"
    sent = {request.path.split("/")[1]: request.headers for request in upstream.requests}
    assert "authorization" in sent["data"]
    assert "authorization" not in sent["dump-store"]
    assert sent["dump-store"]["host"].startswith("localhost:")


def test_pages_alone_where_it_is_off(fill: Fill, upstream: FaultyUpstream) -> None:
    report = fill(*YEARS, dump_url="off")
    assert_pages(report.outcome, fill)
    assert name_dump_requests(upstream) == []


def test_a_single_season_and_a_refresh_do_without_it(fill: Fill, upstream: FaultyUpstream) -> None:
    fill(2024, mode=Mode.UPDATE)
    fill(*YEARS, mode=Mode.REFRESH)
    assert name_dump_requests(upstream) == []


def test_an_interrupted_fill_continues_without_a_download(
    fill: Fill, upstream: FaultyUpstream
) -> None:
    class Interrupting(Fill):
        def add_line(self, line: Any) -> None:  # noqa: ARG002
            raise KeyboardInterrupt

    interrupted = Interrupting(upstream, fill.folder)
    with pytest.raises(KeyboardInterrupt):
        interrupted(*YEARS)
    assert Event.objects.values_list("season", flat=True).distinct().get() == 2023
    upstream.clear_requests()
    report = fill(*YEARS)
    assert (report.outcome, report.requests) == ("ok", 1)
    assert fill.lines[0] == "2023: nothing to request; complete"
    assert name_dump_requests(upstream) == ["overview"]


def test_rate_limited_it_is_left_for_later(fill: Fill, upstream: FaultyUpstream) -> None:
    upstream.fault("/data/dumps/download/", status=429, times=1)
    report = fill(*YEARS)
    assert report.outcome == "failed"
    assert "left for later: 2023 to 2024" in str(report.problems[0])
    assert Event.objects.count() == 0
    assert fill(*YEARS).outcome == "ok"


def test_a_round_that_it_lacks_comes_by_pages_where_the_calendar_is_known(
    fill: Fill, upstream: FaultyUpstream
) -> None:
    tables = build_tables(upstream.seasons.values())
    [*_, lost] = (row for row in tables["round"] if row["date"].startswith("2023"))
    gone = {row["id"] for row in tables["session"] if row["round_id"] == lost["id"]}
    tables["round"].remove(lost)
    tables["session"] = [row for row in tables["session"] if row["id"] not in gone]
    entries = tables["sessionentry"]
    tables["sessionentry"] = [row for row in entries if row["session_id"] not in gone]
    upstream.dump, upstream.dump_made_at = pack(tables), NOW - timedelta(days=14)
    fill(2023, mode=Mode.UPDATE, dump_url="off", with_results=False)
    fill(*YEARS)
    assert fill.lines[0] == "2023: classifications 6 created; complete"
    sources = Event.objects.filter(season=2023, session_type__startswith="sprint")
    assert set(sources.values_list("results_source", flat=True)) == {"jolpica_dump"}
