"""Seasons that are over, hour by hour: each page is asked for once, whatever comes in between."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pytest_django import Settings

from ingestion.budget import Budget, Purpose
from ingestion.models import Event, IngestRun, RequestBlock, Result
from ingestion.pipeline import Calendars, IngestRequest, Mode, SourceConfig, ingest
from ingestion.pipeline.rate_limit import RunEstimate
from ingestion.records import ClassificationRecord, ResultRecord
from ingestion.report import RunReport, SeasonLine
from ingestion.sample.season import GrandPrix, Lap, Season, Session, load_season
from tests.command_line import asked, in_year
from tests.shortened import shortened
from tests.upstream import FaultyUpstream

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fastf1_restored"),
]

FACTS = load_season(2024)
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
# The smallest hour that may be set, and a backfill's share of it.
PER_HOUR = 30
SHARE = 20
SEVEN = tuple(range(2018, 2025))

# Two calendars, and two pages each of races and of qualifyings.
SIX = ("australia", "japan", "monaco", "great-britain", "belgium", "italy")
# Two calendars, a page each of races, qualifyings and sprints; the rounds, a sprint qualifying.
WITH_SPRINT = ("australia", "china", "belgium")


def season_of(year: int, *keys: str) -> Season:
    """These grands prix of 2024 in another year."""
    grands_prix: list[GrandPrix] = [
        in_year(replace(FACTS.grand_prix(key), round=number), year)
        for number, key in enumerate(keys, start=1)
    ]
    return replace(FACTS, year=year, testing=(), grands_prix=tuple(grands_prix))


def pages_of_six(year: int) -> list[str]:
    pages = [f"{kind}{part}" for kind in ("results", "qualifying") for part in ("", " from 100")]
    return [f"{year}/races", f"schedule_{year}.json", *(f"{year}/{page}" for page in pages)]


def pages_with_sprint(year: int) -> list[str]:
    return [
        f"{year}/races",
        f"schedule_{year}.json",
        *(f"{year}/{kind}" for kind in ("results", "qualifying", "sprint")),
        f"alpha/core/rounds of {year}",
        f"alpha/results/{SPRINT_QUALIFYINGS[year]}/SQ",
    ]


# China's, by the keys of their rounds.
SPRINT_QUALIFYINGS = {2023: "round_3CnAD4ZP", 2024: "round_c80bftpV"}
ALL_PAGES = [page for year in range(2018, 2023) for page in pages_of_six(year)] + [
    page for year in (2023, 2024) for page in pages_with_sprint(year)
]


@dataclass
class Clock:
    """Of the stand-in and of the runs; sleeping moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Backfill:
    """Runs, each with nothing in FastF1's cache; `lines` and `steps` are the last one's."""

    upstream: FaultyUpstream
    folder: Path
    clock: Clock
    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    runs: int = 0

    def __call__(self, *seasons: int, sleep: Any = None, **changes: Any) -> RunReport:
        self.runs += 1
        self.lines.clear()
        self.steps.clear()
        addresses = SourceConfig(
            self.folder / f"cache {self.runs}",
            self.upstream.schedule_url,
            self.upstream.jolpica_url,
            jolpica_dump_url="off",
        )
        changes = {"mode": Mode.FILL if len(seasons) > 1 else Mode.UPDATE, **changes}
        return ingest(
            IngestRequest(seasons, addresses, **changes),
            clock=self.clock,
            show_step=self.listen,
            show_line=self.hear,
            sleep=sleep or self.clock.sleep,
        )

    def listen(self, step: str, *, done: int, total: int) -> None:
        self.steps.append(f"{step} {done}/{total}")

    def hear(self, line: SeasonLine) -> None:
        self.lines.append(str(line))

    def spend(self, requests: int) -> None:
        """Of this hour, by somebody else."""
        RequestBlock.objects.create(
            host=self.host, requests=requests, purpose="backfill", reserved_at=self.clock.now
        )

    @property
    def host(self) -> str:
        return self.upstream.address.removeprefix("http://")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def upstream(clock: Clock) -> Iterator[FaultyUpstream]:
    seasons = {year: season_of(year, *SIX) for year in range(2018, 2023)}
    seasons |= {year: season_of(year, *WITH_SPRINT) for year in (2023, 2024)}
    with FaultyUpstream(seasons, clock=clock) as started:
        yield started


@pytest.fixture
def backfill(
    upstream: FaultyUpstream, tmp_path: Path, clock: Clock, settings: Settings
) -> Backfill:
    settings.F1_REQUESTS_PER_HOUR = PER_HOUR
    return Backfill(upstream, tmp_path, clock)


def problems(report: RunReport) -> list[str]:
    return [str(problem) for problem in report.problems]


def too_many(backfill: Backfill, until: str) -> str:
    return (
        f"{backfill.host} would get more than 20 requests within an hour (another 10 are kept for "
        f"the running season); there is room again at {until} UTC"
    )


def assert_all_is_there() -> None:
    events = Event.objects.filter(season__in=SEVEN)
    assert events.count() == 5 * 12 + 2 * 8
    assert not events.exclude(results_state="official").exists()
    rows = 5 * count_rows(*SIX) + 2 * (count_rows(*WITH_SPRINT) + 20 + 20)
    assert Result.objects.filter(event__in=events).count() == rows


def count_rows(*keys: str) -> int:
    return sum(len(FACTS.races[key]) + len(FACTS.qualifyings[key]) for key in keys)


# Hour by hour


def test_a_range_resumes_and_completes_and_asks_for_each_page_once(
    backfill: Backfill, upstream: FaultyUpstream, clock: Clock
) -> None:
    first = backfill(*SEVEN)

    assert (first.outcome, first.requests) == ("partial", SHARE)
    assert problems(first) == [
        f"{too_many(backfill, '13:00')}; left for later: 2021 race and qualifying, and 2022 to 2024"
    ]
    assert first.problems[0].advice == (
        "Run it again after 13:00 UTC: it continues with what is missing, or add --wait"
    )
    assert first.notes == []
    assert backfill.lines == [
        *(f"{year}: events 12 created, classifications 12 created; complete" for year in SEVEN[:3]),
        "2021: events 12 created; still without race, qualifying",
    ]

    # A poll in between gets its request all the same.
    upstream.seasons[2025] = season_of(2025, *SIX)
    poll = backfill(2025, with_results=False, mode=Mode.POLL, trigger="poll")
    assert (poll.outcome, poll.requests) == ("ok", 2)

    clock.now += HOUR
    second = backfill(*SEVEN)
    assert (second.outcome, second.requests) == ("partial", SHARE)
    left = "2024 qualifying, sprint and sprint qualifying"
    assert problems(second) == [f"{too_many(backfill, '14:00')}; left for later: {left}"]
    assert backfill.lines[:4] == [
        *(f"{year}: nothing to request; complete" for year in SEVEN[:3]),
        "2021: classifications 12 created; complete",
    ]

    clock.now += HOUR
    third = backfill(*SEVEN)
    assert (third.outcome, third.requests) == ("ok", 4)
    assert backfill.lines[-1] == "2024: classifications 5 created; complete"

    questions = asked(upstream)
    assert sorted(page for page in questions if "2025" not in page) == sorted(ALL_PAGES)
    assert_all_is_there()


def test_a_complete_season_takes_no_request(backfill: Backfill, upstream: FaultyUpstream) -> None:
    backfill(2018, 2019)
    asked(upstream)
    report = backfill(2018, 2019)
    assert (report.outcome, report.requests, asked(upstream)) == ("ok", 0, [])
    assert backfill.lines == [f"{year}: nothing to request; complete" for year in (2018, 2019)]


def test_a_season_alone_and_a_refresh_ask_for_everything(
    backfill: Backfill, upstream: FaultyUpstream, settings: Settings
) -> None:
    settings.F1_REQUESTS_PER_HOUR = 180
    backfill(2018, 2019)
    asked(upstream)
    assert backfill(2018).requests == 6
    assert backfill(2018, 2019, mode=Mode.REFRESH).requests == 12
    assert backfill.lines == [
        f"{year}: events 12 unchanged, classifications 12 unchanged; complete"
        for year in (2018, 2019)
    ]


def test_a_running_season_is_asked_for_everything_each_time(
    backfill: Backfill, upstream: FaultyUpstream, clock: Clock
) -> None:
    """The last three races are still to come."""
    clock.now = datetime(2022, 7, 1, tzinfo=UTC)
    upstream.seasons[2022] = with_results_of(season_of(2022, *SIX), *SIX[:3])
    for counts in ("events 12 created, classifications 6 created", "events 12 unchanged"):
        report = backfill(2021, 2022)
        assert report.outcome == "ok"
        assert backfill.lines[1].startswith(f"2022: {counts}")
        assert backfill.lines[1].endswith("; still running")
        clock.now += HOUR
    assert backfill.lines[0] == "2021: nothing to request; complete"
    polls = RequestBlock.objects.filter(purpose=Purpose.POLL)
    assert sum(polls.values_list("requests", flat=True)) == 4


def with_results_of(season: Season, *keys: str) -> Season:
    return replace(
        season,
        races={key: season.races[key] for key in keys},
        qualifyings={key: season.qualifyings[key] for key in keys},
    )


# Interrupted anywhere


@pytest.mark.parametrize("room", shortened(range(8), {0, 3, 6}))
def test_wherever_the_hour_ends_each_page_is_asked_for_once(
    room: int, backfill: Backfill, upstream: FaultyUpstream, clock: Clock
) -> None:
    backfill.spend(SHARE - room)
    report = backfill(2023, 2024)
    assert report.outcome == ("partial" if report.requests else "failed")
    # The calendars go together, and so do the sprint qualifyings.
    assert report.requests == {1: 0, 6: 5}.get(room, room)
    clock.now += HOUR
    assert backfill(2023, 2024).outcome == "ok"
    assert sorted(asked(upstream)) == sorted(pages_with_sprint(2023) + pages_with_sprint(2024))


@pytest.mark.parametrize("room", shortened([3, 0, 6], keep=1))
def test_a_refresh_that_waits_asks_for_each_page_once_too(
    room: int, backfill: Backfill, upstream: FaultyUpstream, settings: Settings
) -> None:
    settings.F1_REQUESTS_PER_HOUR = 180
    backfill(2023)
    asked(upstream)
    backfill.clock.now += HOUR
    settings.F1_REQUESTS_PER_HOUR = PER_HOUR
    backfill.spend(SHARE - room)
    report = backfill(2023, mode=Mode.REFRESH, waits=True)
    assert report.outcome == "ok"
    assert sorted(asked(upstream)) == sorted(pages_with_sprint(2023))
    assert report.events["unchanged"] == report.results["unchanged"] == 8


def test_a_dry_run_that_waits_tells_what_a_run_would_do(
    backfill: Backfill, upstream: FaultyUpstream
) -> None:
    """It begins anew after a wait, since nothing of it stays."""
    backfill.spend(SHARE - 4)
    report = backfill(2023, 2024, waits=True, dry_run=True)
    assert report.outcome == "ok"
    assert (report.events["created"], report.results["created"]) == (16, 16)
    assert not Event.objects.exists()
    assert backfill.lines == [
        f"{year}: events 8 created, classifications 8 created; complete" for year in (2023, 2024)
    ]


def interrupt(_seconds: float) -> NoReturn:
    raise KeyboardInterrupt


def test_interrupted_while_it_waits_it_resumes(
    backfill: Backfill, upstream: FaultyUpstream, clock: Clock
) -> None:
    backfill.spend(SHARE - 4)
    with pytest.raises(KeyboardInterrupt):
        backfill(2023, 2024, waits=True, sleep=interrupt)
    run = IngestRun.objects.get()
    assert (run.outcome, run.fault, run.requests) == ("partial", "none", 4)
    assert [str(one) for one in run.problem_list] == ["interrupted; what was saved before stays"]
    assert run.arguments["wait"] is True
    assert (run.counts["events"]["created"], run.counts["results"]["created"]) == (8, 6)
    clock.now += HOUR
    assert backfill(2023, 2024).outcome == "ok"
    assert sorted(asked(upstream)) == sorted(pages_with_sprint(2023) + pages_with_sprint(2024))


# Waiting


def test_a_run_that_waits_does_it_all_by_itself(
    backfill: Backfill, upstream: FaultyUpstream, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    backfill.spend(SHARE - 9)
    clock.now += HOUR / 2
    report = backfill(2021, 2022, 2023, 2024, waits=True)
    assert (report.outcome, report.requests, problems(report)) == ("ok", 26, [])
    assert report.notes == []
    assert clock.now == NOON + 3 * HOUR / 2
    assert [step for step in backfill.steps if "waiting" in step] == [
        "waiting until 13:00 UTC; 1 requests left; 2 h to go 6/20",
        "waiting until 13:30 UTC; 1 requests left; 60 min to go 15/20",
    ]
    assert caplog.messages.count("waiting until requests are allowed again") == 2
    assert backfill.lines == [
        *(
            f"{year}: events 12 created, classifications 12 created; complete"
            for year in SEVEN[3:5]
        ),
        *(f"{year}: events 8 created, classifications 8 created; complete" for year in SEVEN[5:]),
    ]
    assert sorted(asked(upstream)) == sorted(page for page in ALL_PAGES if page not in EARLIER)


EARLIER = [page for year in SEVEN[:3] for page in pages_of_six(year)]


@pytest.mark.parametrize(
    ("retry_after", "minutes"),
    shortened([(None, 60), (600, 10), (0, 1), (10**6, 360)], keep=2),
)
def test_a_server_that_asks_for_fewer_requests_is_left_alone_as_long_as_it_wants(
    retry_after: int | None,
    minutes: int,
    backfill: Backfill,
    upstream: FaultyUpstream,
    clock: Clock,
) -> None:
    """Unless it wants what makes no sense."""
    upstream.fault("*/2023/qualifying.json", status=429, retry_after=retry_after, times=1)
    assert backfill(2023, waits=True).outcome == "ok"
    assert clock.now == NOON + timedelta(minutes=minutes)
    assert asked(upstream).count("2023/qualifying") == 2


def test_a_server_that_never_relents_is_given_up(
    backfill: Backfill, upstream: FaultyUpstream, clock: Clock
) -> None:
    upstream.fault("*/2022/qualifying.json", status=429)
    report = backfill(2022, 2023, waits=True)
    assert report.outcome == "partial"
    why = "Jolpica's qualifying of 2022: the server asks for fewer requests (429)"
    assert problems(report) == [f"{why}; left for later: 2022 qualifying, and 2023"]
    assert report.problems[0].advice == (
        "Run it again in an hour: it continues with what is missing"
    )
    assert clock.now == NOON + 6 * HOUR
    questions = asked(upstream)
    assert questions.count("2022/qualifying") == 7
    assert len(questions) == 4 + 7
    assert backfill.lines == [
        "2022: events 12 created, classifications 6 created; still without qualifying"
    ]


def test_without_waiting_a_server_that_asks_for_fewer_requests_is_asked_once(
    backfill: Backfill, upstream: FaultyUpstream
) -> None:
    upstream.fault("*/schedule_2021.json", status=429)
    report = backfill(2020, 2021, 2022)
    why = "the schedule file of 2021: the server asks for fewer requests (429)"
    assert problems(report) == [f"{why}; left for later: 2021 to 2022"]
    assert IngestRun.objects.get().fault == "upstream"
    assert asked(upstream) == [*pages_of_six(2020), "2021/races", "schedule_2021.json"]
    assert set(Event.objects.values_list("season", flat=True)) == {2020}


@pytest.mark.parametrize("spares", [True, False], ids=["a look at the file", "both calendars"])
def test_a_schedule_file_that_is_refused_does_not_keep_results_back(
    backfill: Backfill, upstream: FaultyUpstream, *, spares: bool
) -> None:
    """It comes from another server."""
    assert backfill(2022).outcome == "ok"
    asked(upstream)
    upstream.fault("*/schedule_2022.json", status=429)
    report = backfill(
        2022, mode=Mode.POLL, calendars=Calendars.CHANGED if spares else Calendars.ALL
    )
    calendars = ["schedule_2022.json", "2022/races"]
    assert asked(upstream) == [*calendars, *pages_of_six(2022)[2:]]
    [problem] = problems(report)
    assert problem.startswith("2022: the schedule file of 2022: the server asks for fewer requests")


# A season alone


def test_a_season_alone_that_does_not_fit_says_what_is_left(backfill: Backfill) -> None:
    backfill.spend(SHARE - 5)
    report = backfill(2023)
    assert report.outcome == "partial"
    assert problems(report) == [
        f"2023: {too_many(backfill, '13:00')}; left for later: sprint qualifying"
    ]
    # By the sprint's grid meanwhile.
    state = Event.objects.get(session_type="sprint_qualifying").results_state
    assert state == "provisional"


def test_a_season_alone_for_which_there_is_no_room_changes_nothing(
    backfill: Backfill, upstream: FaultyUpstream
) -> None:
    backfill.spend(SHARE)
    report = backfill(2023)
    assert (report.outcome, report.requests, asked(upstream)) == ("failed", 0, [])
    assert problems(report) == [f"2023: {too_many(backfill, '13:00')}"]
    assert not Event.objects.exists()
    run = IngestRun.objects.get()
    assert (run.outcome, run.fault, run.problem_list) == ("failed", "none", report.problems)


def test_what_would_begin_anew_does_not_say_that_it_goes_on(backfill: Backfill) -> None:
    backfill.spend(SHARE - 7)
    report = backfill(2023, 2024, dry_run=True)
    assert problems(report) == [f"{too_many(backfill, '13:00')}; left for later: 2024"]
    assert report.problems[0].advice == (
        "Run it again after 13:00 UTC for what is left, or add --wait"
    )


# News first


def awaited_season() -> Season:
    """Its race was over an hour before noon."""
    belgium = replace(
        FACTS.grand_prix("belgium"),
        round=1,
        sessions=(
            Session("Qualifying", NOON - timedelta(days=1)),
            Session("Race", NOON - timedelta(hours=4)),
        ),
    )
    return replace(FACTS, year=2025, testing=(), grands_prix=(belgium,), races={}, qualifyings={})


def test_a_backfill_yields_while_a_result_is_awaited(
    backfill: Backfill, upstream: FaultyUpstream, clock: Clock
) -> None:
    upstream.seasons[2025] = awaited_season()
    assert backfill(2025, with_results=False).outcome == "ok"
    asked(upstream)

    report = backfill(2018, 2019)

    assert (report.outcome, asked(upstream)) == ("failed", [])
    [problem] = problems(report)
    assert problem == (
        "the result of 2025 Belgian Grand Prix Race is awaited, and older seasons wait for it, "
        "until 14:00 UTC at the latest; left for later: 2018 to 2019"
    )
    # Whoever looks for it is not held up.
    upstream.seasons[2025] = replace(
        awaited_season(), races=FACTS.races, qualifyings=FACTS.qualifyings
    )
    assert backfill(2025).outcome == "ok"
    assert backfill(2018, 2019).outcome == "ok"


def test_a_backfill_that_waits_goes_on_when_a_result_is_late(
    backfill: Backfill, upstream: FaultyUpstream, clock: Clock
) -> None:
    upstream.seasons[2025] = awaited_season()
    backfill(2025, with_results=False)
    assert backfill(2018, 2019, waits=True).outcome == "ok"
    assert clock.now == NOON + 2 * HOUR


# What is reserved


def test_as_much_is_reserved_as_is_asked(backfill: Backfill, settings: Settings) -> None:
    """The first time by the usual field, afterwards by what is stored."""
    settings.F1_REQUESTS_PER_HOUR = 180
    for fresh in (False, True):
        report = backfill(2023, mode=Mode.REFRESH if fresh else Mode.UPDATE)
        blocks = list(RequestBlock.objects.order_by("pk").values_list("requests", flat=True))
        assert blocks == [2, 1, 1, 1, 2]
        assert report.requests == sum(blocks)
        RequestBlock.objects.all().delete()


def test_an_endpoint_is_not_begun_where_its_pages_do_not_all_fit(
    backfill: Backfill, upstream: FaultyUpstream
) -> None:
    backfill.spend(SHARE - 3)
    assert problems(backfill(2018))[0].endswith("left for later: race and qualifying")
    assert asked(upstream) == ["schedule_2018.json", "2018/races"]


# What upstreams do not have


def test_a_guess_is_asked_for_again_and_nothing_else(
    backfill: Backfill, upstream: FaultyUpstream, clock: Clock
) -> None:
    *_, rounds, sprint_qualifying = pages_with_sprint(2023)
    upstream.fault(f"*{SPRINT_QUALIFYINGS[2023]}/SQ/", status=404, times=1)
    assert backfill(2022, 2023).outcome == "ok"
    assert backfill.lines[1] == (
        "2023: events 8 created, classifications 8 created; still without sprint qualifying"
    )
    asked(upstream)
    clock.now += HOUR
    assert backfill(2022, 2023).outcome == "ok"
    assert asked(upstream) == [rounds, sprint_qualifying]
    assert backfill.lines[1] == "2023: classifications 1 amended; complete"


def of_one_session(laps: tuple[Lap, ...]) -> tuple[Lap, ...]:
    """A qualifying as it was before there were three parts."""
    return tuple(replace(lap, q1=70_000 + lap.order, q2=None, q3=None) for lap in laps)


def with_unlisted_qualifyings(season: Season, *keys: str) -> Season:
    return replace(
        season, qualifyings={key: of_one_session(season.qualifyings[key]) for key in keys}
    )


@pytest.mark.parametrize(
    ("there", "again"),
    [(SIX, []), (SIX[:3], []), ((), ["1997/qualifying"])],
    ids=["all", "half", "none"],
)
def test_qualifyings_that_no_calendar_lists_are_asked_for_once_unless_there_are_none(
    there: tuple[str, ...], again: list[str], backfill: Backfill, upstream: FaultyUpstream
) -> None:
    upstream.seasons[1997] = with_unlisted_qualifyings(season_of(1997, *SIX), *there)
    upstream.seasons[1993] = with_unlisted_qualifyings(season_of(1993, *SIX))
    assert problems(backfill(1993, 1997)) == []
    assert Event.objects.filter(season=1997, session_type="qualifying").count() == len(there)
    first = asked(upstream)
    assert len(first) == len(set(first))
    assert backfill(1993, 1997).outcome == "ok"
    assert asked(upstream) == again


@pytest.mark.parametrize(
    ("done", "requests", "left", "words"),
    [
        (10, 0, None, ""),
        (10, 3, 117, "; 117 requests left"),
        (11, 9, 111, "; 111 requests left; 5 h to go"),
        (74, 600, 100, "; 100 requests left; a minute to go"),
        (60, 500, 20, "; 20 requests left; 2 h to go"),
        (70, 600, 60, "; 60 requests left; 60 min to go"),
    ],
)
def test_the_time_to_go_is_told_by_what_seasons_need(
    done: int, requests: int, left: int | None, words: str
) -> None:
    """The first ten of 77 were complete."""
    budget = Budget(Purpose.BACKFILL)
    budget.left = left
    estimate = RunEstimate(77, first=10)
    assert estimate.describe(done, requests, budget) == words


# Of many seasons nothing piles up


def test_no_season_lingers_when_the_next_has_begun(backfill: Backfill, settings: Settings) -> None:
    settings.F1_REQUESTS_PER_HOUR = 180
    alive: list[int] = []

    def count(line: SeasonLine) -> None:
        gc.collect()
        kinds = (Event, Result, ResultRecord, ClassificationRecord)
        alive.append(sum(isinstance(one, kinds) for one in gc.get_objects()))

    backfill.hear = count  # type: ignore[method-assign]
    report = backfill(2018, 2019, 2020)
    assert report.outcome == "ok"
    assert len(set(alive)) == 1
    assert (report.lines, report.changes) == ({}, [])
