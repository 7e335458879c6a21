"""What a run requests of live timing, and what becomes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.models import Event, Poll
from ingestion.pipeline import (
    Calendars,
    IngestRequest,
    Mode,
    RequestedSession,
    SourceConfig,
    ingest,
)
from ingestion.records import CalendarRecord, ClassificationRecord, RaceIdentity, Source
from ingestion.report import RunReport
from ingestion.save import save_calendar, save_classifications
from ingestion.sessions import SessionType
from tests.builders import context
from tests.command_line import small_season
from tests.live_facts import SEASON, as_record, as_result, known_drivers, shorten
from tests.live_upstream import (
    PASSWORD,
    SIGN_IN,
    USERNAME,
    LiveUpstream,
    on_a_terminal,
    restore_addresses,  # noqa: F401
    start_live_upstream,  # noqa: F401
)
from tests.project import Project

SATURDAY = datetime(2024, 4, 20, 1, tzinfo=UTC)
BAHRAIN = replace(as_record("bahrain"), round_number=1)
CALENDAR = CalendarRecord(2024, Source.SCHEDULE_FILE, None, (BAHRAIN, as_record("china")))
SPRINT_QUALIFYING = SessionType.SPRINT_QUALIFYING

Run = Callable[..., RunReport]


@pytest.fixture
def run(
    live_upstream: LiveUpstream,
    tmp_path: Path,
    addresses_restored: None,
    loopback_unlimited: None,
) -> Run:
    """A poll of China's sprint qualifying, of these sources, in a season whose first qualifying is
    saved."""
    save_calendar(CALENDAR, context(SATURDAY))
    save_classifications([a_qualifying_before()], context(SATURDAY))

    def poll(
        *sources: Source,
        now: datetime = SATURDAY,
        password: str = PASSWORD,
        username: str = USERNAME,
    ) -> RunReport:
        config = SourceConfig(
            tmp_path / "cache",
            live_upstream.schedule_url,
            live_upstream.jolpica_url,
            f1_username=username,
            f1_password=password,
            live_timing_url=live_upstream.address,
        )
        sessions = tuple(
            RequestedSession("chinese-grand-prix", SPRINT_QUALIFYING, source)
            for source in sources or (Source.LIVE_TIMING,)
        )
        request = IngestRequest(
            (2024,), config, mode=Mode.POLL, calendars=Calendars.NONE, sessions=sessions
        )
        live_upstream.clock = lambda: now
        return ingest(request, clock=lambda: now, show_step=lambda *_, **__: None)

    return poll


def a_qualifying_before() -> ClassificationRecord:
    """The season's first, by which its drivers are known."""
    race = RaceIdentity(2024, 1, "Bahrain Grand Prix", date(2024, 3, 2), "Bahrain", "Sakhir")
    results = tuple(
        replace(row, order=n, position=n, classification=str(n))
        for n, row in enumerate(known_drivers(), 1)
    )
    return ClassificationRecord(race, SessionType.QUALIFYING, Source.JOLPICA, None, results)


def chinas_sprint_qualifying() -> ClassificationRecord:
    race = RaceIdentity(2024, 5, "Chinese Grand Prix", date(2024, 4, 21), "China", "Shanghai")
    results = tuple(as_result(lap) for lap in SEASON.sprint_qualifyings["china"])
    return ClassificationRecord(race, SPRINT_QUALIFYING, Source.JOLPICA_NEWER, None, results)


def chinas_pole() -> ClassificationRecord:
    """As the sprint's grid shows it."""
    [pole, *_] = chinas_sprint_qualifying().results
    guess = replace(pole, q1=None, q2=None, q3=None)
    return replace(chinas_sprint_qualifying(), source=Source.SPRINT_GRID, results=(guess,))


def saved() -> Event:
    return Event.objects.get(session_type="sprint_qualifying")


def is_asked(upstream: LiveUpstream) -> bool:
    return any(request.path.startswith("/static/") for request in upstream.requests)


pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]


@pytest.mark.twice
def test_a_run_publishes_what_live_timing_has_and_the_official_one_replaces_it(run: Run) -> None:
    save_classifications([chinas_pole()], context(SATURDAY))
    report = run()
    assert report.problems == []
    event = saved()
    assert (event.results_source, event.results_state) == ("live_timing", "provisional")
    assert event.pole is not None
    assert event.pole.driver_id == "norris"
    later = SATURDAY + timedelta(hours=1)
    official = replace(chinas_sprint_qualifying(), generated_at=later)
    save_classifications([official], context(later))
    assert saved().results_state == Event.ResultsState.OFFICIAL
    # What is provisional does not come back in its place.
    run(now=later + timedelta(hours=1))
    assert saved().results_source == "jolpica_newer"


def test_a_source_has_a_plan_of_its_own(run: Run, live_upstream: LiveUpstream) -> None:
    """Jolpica's copy holds for an hour; live timing is requested again sooner."""
    live_upstream.fault("*/results/*/SQ/", status=404)
    live_upstream.fault("/static/2024/Index.json", status=404)
    run(Source.JOLPICA_NEWER, Source.LIVE_TIMING)
    polls = {poll.source: poll for poll in Poll.objects.filter(event=saved())}
    assert polls.keys() == {"jolpica_newer", "live_timing"}
    timing = polls["live_timing"].next_at
    assert timing is not None
    assert SATURDAY < timing <= SATURDAY + timedelta(minutes=10)


def test_a_run_on_what_is_saved_already_requests_nothing(
    run: Run, live_upstream: LiveUpstream
) -> None:
    run()
    live_upstream.clear_requests()
    save_classifications([chinas_sprint_qualifying()], context(SATURDAY))
    run()
    assert not is_asked(live_upstream)


def test_a_driver_whom_the_season_does_not_know_is_named(
    run: Run, live_upstream: LiveUpstream
) -> None:
    shorten(live_upstream)
    Event.objects.get(session_type="qualifying", results_revision=1).results.filter(
        driver_id="norris"
    ).delete()
    young = run()
    old = run(now=SATURDAY + timedelta(days=200))
    for said in (young.notes, old.problems):
        [problem] = [one for one in said if "Norris" in one.message]
        assert "Lando Norris in car 4 is no driver that the season knows yet" in problem.message
        assert (problem.grand_prix, problem.session_type) == (
            "chinese-grand-prix",
            "sprint_qualifying",
        )
    assert not saved().has_results


@pytest.mark.parametrize("is_usable", [True, False], ids=["whole", "half-filled"])
def test_live_timing_stands_in_only_for_what_cannot_be_used(
    run: Run, live_upstream: LiveUpstream, is_usable: bool
) -> None:
    if not is_usable:
        live_upstream.fault("*/results/*/SQ/", status=404)
    run(Source.JOLPICA_NEWER, Source.LIVE_TIMING)
    assert saved().results_source == ("jolpica_newer" if is_usable else "live_timing")
    assert is_asked(live_upstream) is not is_usable


def test_a_refused_account_is_one_problem_of_the_run(run: Run) -> None:
    [problem] = run(password="wrong").problems
    assert problem.message.startswith("the Formula 1 account was refused: Incorrect username")
    assert "F1_USERNAME" in problem.advice


def test_without_an_account_nothing_is_requested(run: Run, live_upstream: LiveUpstream) -> None:
    live_upstream.clear_requests()
    report = run(username="", password="")
    assert (report.requests, report.problems) == (0, [])
    assert not saved().has_results


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
