"""What a run asks of live timing, and what becomes of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.fetch.answers import Upstream
from ingestion.fetch.live import LiveTiming
from ingestion.models import Event
from ingestion.pipeline import Addresses, IngestRequest
from ingestion.pipeline.live import gather_live
from ingestion.pipeline.season import Gathered, SeasonRun
from ingestion.pipeline.wanted import Wanted
from ingestion.records import CalendarRecord, ClassificationRecord, RaceIdentity, Source
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from tests.builders import context
from tests.command_line import small_season
from tests.live_facts import (
    SEASON,
    as_record,
    as_result,
    known_drivers,
    shorten,
)
from tests.live_upstream import (
    SIGN_IN,
    LiveUpstream,
    on_a_terminal,
    open_live,
    open_with_right_password,  # noqa: F401
    restore_addresses,  # noqa: F401
    start_live_upstream,  # noqa: F401
)
from tests.project import Project

SATURDAY = datetime(2024, 4, 20, 1, tzinfo=UTC)
EVERYTHING: Wanted = dict.fromkeys(SessionType)
CALENDAR = CalendarRecord(2024, Source.SCHEDULE_FILE, None, (as_record("china"),))


def a_run(live: LiveTiming | None, now: datetime = SATURDAY, **request: Any) -> SeasonRun:
    asked = IngestRequest((2024,), Addresses(Path("nowhere")), **request)
    upstream: Any = live and Upstream(live.door)
    return SeasonRun(2024, asked, upstream, now, lambda _step: None)


def a_qualifying_before() -> ClassificationRecord:
    """The season's first, by which its drivers are known."""
    race = RaceIdentity(2024, 1, "Bahrain Grand Prix", date(2024, 3, 2), "Bahrain", "Sakhir")
    results = tuple(known_drivers())
    return ClassificationRecord(race, SessionType.QUALIFYING, Source.JOLPICA, None, results)


def chinas_pole() -> ClassificationRecord:
    """As the sprint's grid shows it."""
    race = RaceIdentity(2024, 5, "Chinese Grand Prix", date(2024, 4, 21), "China", "Shanghai")
    norris = replace(next(one for one in known_drivers() if one.driver_id == "norris"), order=1)
    return ClassificationRecord(
        race, SessionType.SPRINT_QUALIFYING, Source.SPRINT_GRID, None, (norris,)
    )


@pytest.mark.django_db
def test_a_run_publishes_what_live_timing_has_and_the_official_one_replaces_it(
    live: LiveTiming, live_upstream: LiveUpstream
) -> None:
    save_calendar(CALENDAR, context(SATURDAY))
    gathered = Gathered(classifications=[a_qualifying_before(), chinas_pole()])
    gather_live(gathered, CALENDAR, [], EVERYTHING, a_run(live), live=live)
    assert (gathered.problems, gathered.notes) == ([], [])
    # In the place of the guess, not beside it.
    [told] = [one for one in gathered.classifications if one.race.name == "Chinese Grand Prix"]
    assert isinstance(told, ClassificationRecord)
    assert told.source is Source.LIVE_TIMING
    told = replace(told, generated_at=SATURDAY)
    report = save_classifications([told], context(SATURDAY))
    assert report.results["created"] == 1
    event = Event.objects.get(session_type="sprint_qualifying")
    assert event.results_state == Event.ResultsState.PROVISIONAL
    assert event.pole is not None
    assert event.pole.driver_id == "norris"
    later = SATURDAY + timedelta(hours=1)
    official = replace(told, source=Source.JOLPICA_ALPHA, generated_at=later)
    save_classifications([official], context(later))
    event.refresh_from_db()
    assert event.results_state == Event.ResultsState.OFFICIAL
    first, second, *rest = told.results
    swapped = (replace(second, order=1, position=1), replace(first, order=2, position=2), *rest)
    another = replace(told, results=swapped, generated_at=later + timedelta(hours=1))
    save_classifications([another], context(later))
    event.refresh_from_db()
    assert (event.results_source, event.pole.driver_id) == ("jolpica_alpha", "norris")


@pytest.mark.django_db
def test_a_run_asks_once_for_what_is_saved_already(
    live: LiveTiming, live_upstream: LiveUpstream
) -> None:
    save_calendar(CALENDAR, context(SATURDAY))
    gathered = Gathered(classifications=[a_qualifying_before()])
    gather_live(gathered, CALENDAR, [], EVERYTHING, a_run(live), live=live)
    save_classifications(gathered.classifications[1:], context(SATURDAY))
    live_upstream.clear_requests()
    events = list(Event.objects.all())
    for calendar in (CALENDAR, None):
        run = a_run(live)
        gather_live(Gathered(), calendar, events, EVERYTHING, run, live=live)
    assert live_upstream.asked() == []


@pytest.mark.django_db
def test_a_driver_whom_nobody_knows_is_named_in_the_run(
    live: LiveTiming, live_upstream: LiveUpstream
) -> None:
    shorten(live_upstream)
    known = a_qualifying_before()
    known = replace(known, results=tuple(row for row in known.results if row.driver_id != "norris"))
    young, old = Gathered(classifications=[known]), Gathered(classifications=[known])
    gather_live(young, CALENDAR, [], EVERYTHING, a_run(live), live=live)
    late = SATURDAY + timedelta(days=200)
    gather_live(old, CALENDAR, [], EVERYTHING, a_run(live, late), live=live)
    for told in (young.notes, old.problems):
        [problem] = told
        assert "Lando Norris in car 4 is nobody whom the season knows yet" in problem.message
        assert (problem.grand_prix, problem.session_type) == (
            "chinese-grand-prix",
            "sprint_qualifying",
        )
    assert (young.classifications, old.classifications) == ([known], [known])


@pytest.mark.django_db
@pytest.mark.parametrize("is_usable", [True, False], ids=["whole", "half-filled"])
def test_live_timing_stands_in_only_for_what_cannot_be_used(
    live: LiveTiming, live_upstream: LiveUpstream, is_usable: bool
) -> None:
    official = chinas_sprint_qualifying()
    if not is_usable:
        rows = tuple(replace(row, position=0) for row in official.results)
        official = replace(official, results=rows)
    gathered = Gathered(classifications=[a_qualifying_before(), official])
    gather_live(gathered, CALENDAR, [], EVERYTHING, a_run(live), live=live)
    [told] = [one for one in gathered.classifications if one.race.name == "Chinese Grand Prix"]
    assert isinstance(told, ClassificationRecord)
    assert told.is_provisional is not is_usable
    assert len(gathered.notes) == (0 if is_usable else 1)
    assert (live_upstream.asked() == []) is is_usable


def chinas_sprint_qualifying() -> ClassificationRecord:
    results = tuple(as_result(lap) for lap in SEASON.sprint_qualifyings["china"])
    return replace(chinas_pole(), source=Source.JOLPICA_ALPHA, results=results)


@pytest.mark.django_db
def test_a_refused_account_is_one_problem_of_the_run(
    live_upstream: LiveUpstream, tmp_path: Path, addresses_restored: None
) -> None:
    live = open_live(live_upstream, tmp_path / "cache", password="wrong")
    gathered = Gathered()
    gather_live(gathered, CALENDAR, [], EVERYTHING, a_run(live), live=live)
    [problem] = gathered.problems
    assert problem.message.startswith("the Formula 1 account was refused: Incorrect username")
    assert "F1_USERNAME" in problem.advice


def test_without_an_account_nothing_is_asked() -> None:
    gathered = Gathered()
    run = a_run(None)
    gather_live(gathered, CALENDAR, [], EVERYTHING, run, live=None)
    assert gathered == Gathered()


@pytest.mark.once
def test_a_run_on_a_terminal_without_an_account_asks_nothing_and_ends(project: Project) -> None:
    """Over a season with a sprint qualifying."""
    with LiveUpstream({2024: small_season()}, strict=False) as upstream:
        env = project.environment(
            {
                "F1_SCHEDULE_URL": upstream.schedule_url,
                "JOLPICA_URL": upstream.jolpica_url,
                "LIVE_TIMING_URL": upstream.address,
                "TERM": "xterm",
            }
        )
        command = project.command("ingest_f1", "--year", "2024")
        done = on_a_terminal(command, project.folder, env)
        asked = [request.path for request in upstream.requests]
    assert done.returncode == 0, done.stdout
    assert "password" not in done.stdout.lower()
    assert "email" not in done.stdout.lower()
    assert [path for path in asked if path.startswith("/static/") or path in SIGN_IN] == []
    assert asked != []
