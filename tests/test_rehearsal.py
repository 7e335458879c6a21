"""The rehearsal: weekends played through the installation, its arithmetic, and the command."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ingestion.models import Alarm, Event
from ingestion.queue.schedules import DECLARED
from ingestion.sample.season import load_season
from rehearsal.clock import CacheClock, pauses_lifted
from rehearsal.courses import Course, Delays, Seen, count_requests
from rehearsal.debuts import Debut
from rehearsal.display import Tally
from rehearsal.engine import Cast, ShowTime
from rehearsal.fixed_plans import daily_at, every, follow
from rehearsal.outcome import Outcome, rehearse
from rehearsal.played_season import (
    PlayedSeason,
    Publication,
    Stage,
    Window,
    choose_window,
    play_season,
)
from rehearsal.promises import find_broken, list_promises
from rehearsal.report import as_dict, print_outcome
from rehearsal.upstream import SharedCache
from rehearsal.worker import Death, run_times
from tests.fastf1_limits import cached_urls, connect, fetch_calendar, fetch_schedule
from tests.project import Project
from tests.shortened import shortened
from tests.upstream import FaultyUpstream

SEED = 2024
PLAYED = play_season(seed=SEED)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

in_a_database = pytest.mark.django_db(transaction=True)


def at(day: str, time: str) -> datetime:
    """Of 2024, as 07-28 13:00."""
    return datetime.fromisoformat(f"2024-{day}T{time}").replace(tzinfo=UTC)


def part(rounds: range, begins_at: datetime, ends_at: datetime) -> Window:
    whole = choose_window(PLAYED, rounds)
    return Window(begins_at, ends_at, whole.weekends, is_part=True)


def play(window: Window, folder: Path, show_time: ShowTime = lambda *_: None) -> Outcome:
    return rehearse(PLAYED, window, seed=SEED, cache_dir=folder / "cache", show_time=show_time)


# FastF1's cache on another clock


def test_copies_expire_by_the_rehearsals_clock_and_are_kept_for_revalidation(
    upstream: FaultyUpstream, tmp_path: Path, fastf1_restored: None
) -> None:
    sources = connect(upstream, tmp_path / "cache")
    copies = CacheClock(at("07-28", "13:00"), lambda: len(upstream.requests))
    for time, requests in (("13:00", 2), ("13:30", 2), ("14:05", 4)):
        copies.advance(at("07-28", time))
        for ask in (fetch_schedule, fetch_calendar):
            assert ask(sources, 2024, fresh=False).generated_at is not None
        assert len(upstream.requests) == requests
    assert len(cached_urls()) == 2


# Parts of the season, played


@pytest.mark.long
@pytest.mark.once
@in_a_database
def test_sao_paulos_qualifying_moved_after_its_start_is_played(
    tmp_path: Path, fastf1_restored: None
) -> None:
    window = part(range(21, 22), at("11-02", "17:30"), at("11-03", "12:00"))
    tally = Tally(window.begins_at)
    shown: list[str] = []

    def show_time(time: datetime, cast: Cast) -> None:
        shown.extend(text for _, text, _ in tally.read_news(time, cast))

    outcome = play(window, tmp_path, show_time)
    qualifying = Event.objects.get(grand_prix="sao-paulo-grand-prix", session_type="qualifying")
    assert qualifying.starts_at == at("11-03", "10:30")
    # Nobody reopened what had passed, so that who picked on Sunday morning was refused.
    assert qualifying.locks_at == at("11-02", "18:00")
    assert outcome.picks.too_strict > 0
    assert outcome.picks.counted_late == 0
    assert outcome.picks.late > 0
    assert outcome.unlike_facts == outcome.wrong_revisions == outcome.failed_tasks == []
    assert outcome.without_signal == []
    assert outcome.manual_steps == []
    # The calendars differed by 16 hours until the session began: once told, once over.
    disputed = Alarm.objects.get(key="disputed-start:2024-sao-paulo-grand-prix")
    assert disputed.cleared_at == at("11-03", "10:30")
    assert disputed.all_clear_sent_at is not None
    assert (outcome.alarms.false, outcome.alarms.missing) == ([], [])
    # What a terminal shows as it happens.
    assert shown[0].startswith("message: F1 Picks: a person has to look: The calendars disagree")
    moved = "São Paulo qualifying rescheduled: Start 2024-11-02 18:00 UTC -> 2024-11-03 10:30 UTC"
    assert any(line.startswith(moved) for line in shown), shown
    assert not any(line.startswith("Bahrain") for line in shown)
    assert (tally.picks, tally.late) == (outcome.picks.made, 0)


@pytest.mark.once
@in_a_database
def test_an_evening_without_the_upstream_is_played(tmp_path: Path, fastf1_restored: None) -> None:
    window = part(range(16, 17), at("09-01", "12:00"), at("09-01", "23:30"))
    outcome = play(window, tmp_path)
    (race,) = (one for one in outcome.ours.seen if one.publication.table == "races")
    away = next(one for one in PLAYED.disturbances if one.holds(race.publication.at))
    assert race.let_out_at == away.until
    assert race.saved_at is not None
    assert timedelta(0) < race.saved_at - away.until <= 10 * MINUTE
    silent = Alarm.objects.get(key="upstream-silent")
    assert away.since < silent.raised_at < away.until
    assert silent.cleared_at is not None
    assert away.until <= silent.cleared_at <= away.until + 20 * MINUTE
    assert (outcome.alarms.false, outcome.alarms.missing) == ([], [])
    # One for Las Vegas, whose calendars differ all year; two for the evening.
    assert outcome.alarms.mails == 3
    # Nobody who goes on asking can keep to the usual number of requests.
    (weekend,) = outcome.disturbed
    assert weekend.grand_prix.id == "italy"
    assert not any("requests" in promise.text for promise in list_promises(outcome))
    check_tables(outcome)
    check_promises(outcome)


def check_tables(outcome: Outcome) -> None:
    """The numbers for people are those for machines."""
    console = Console(file=StringIO(), width=100)
    print_outcome(outcome, console)
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    told = as_dict(outcome)
    for plan in told["plans"]:
        name = plan["name"]
        latencies, requests = (
            line.removeprefix(name).split() for line in lines if line.startswith(name)
        )
        delays = [
            plan[since][percent]
            for since in ("since_publication", "since_let_out")
            for percent in ("p50", "p95", "p99")
        ]
        # The cron came while the upstream was away, and never again in the window.
        assert latencies[:6] == ["-" if delay is None else f"{delay:.1f}" for delay in delays]
        assert latencies[-1] == str(plan["missing"])
        weekend = plan["requests"]["weekend"]
        assert requests[:2] == [f"{weekend['mean']:,}", f"{weekend['most']:,}"]
        assert requests[-1] == f"{plan['requests']['season']:,}"
    marks = [line.split()[0] for line in lines if line.startswith(("kept", "BROKEN"))]
    assert marks == ["kept" if one["is_kept"] else "BROKEN" for one in told["promises"]]
    assert f"{told['picks']['made']} made, {told['picks']['late']} of them" in "\n".join(lines)


RACE_AT = datetime(2024, 7, 28, 13, tzinfo=UTC)
LATE_WINNER = Debut(
    "some race", "Oliver Bearman", 1, RACE_AT, RACE_AT - timedelta(hours=3), "Jolpica", True
)


def check_promises(outcome: Outcome) -> None:
    """Each is broken by what breaks it, and by nothing else."""
    kept = {promise.text for promise in find_broken(outcome)}
    late = replace(outcome.picks, counted_late=1)
    damages: dict[str, dict[str, Any]] = {
        "no picks that count": {"picks": late},
        "no payouts reversed": {"reversals": ["one became another"]},
        "every classification": {"unlike_facts": ["some race"]},
        "no half-filled": {"wrong_revisions": ["some race"]},
        "no entries of the feed": {"without_signal": ["published: 2 in the feed, 1 signals"]},
        "no drivers on a podium": {"debuts": [LATE_WINNER]},
        "no manual steps": {"manual_steps": ["some race: corrected"]},
        "no false alarms": {"alarms": replace(outcome.alarms, false=["clock"])},
        "no missing alarms": {"alarms": replace(outcome.alarms, missing=["no-tick"])},
        "no failed tasks": {"failed_tasks": ["f1 tick"]},
    }
    for words, damage in damages.items():
        broken = [one for one in find_broken(replace(outcome, **damage)) if one.text not in kept]
        assert [one.text.startswith(words) for one in broken] == [True], words


# The command


@pytest.mark.long
@pytest.mark.project
@pytest.mark.once
def test_belgium_is_played_by_the_command_and_every_number_fits(
    unmigrated_project: Project,
) -> None:
    plot = unmigrated_project.folder / "latency.png"
    arguments = ("2024", "--rounds", "14", "--format", "json", f"--plot={plot}")
    done = unmigrated_project.manage("rehearse", *arguments)
    told = json.loads(done.stdout)
    broken = [one["promise"] for one in told["promises"] if not one["is_kept"]]
    assert done.returncode == (1 if broken else 0)
    assert ("CommandError" in done.stderr) is bool(broken)
    assert told["rounds"] == [14]
    ours, cron, poll = told["plans"]
    assert [ours["is_run"], cron["is_run"], poll["is_run"]] == [True, False, False]
    assert [plan["since_publication"]["count"] for plan in told["plans"]] == [2, 2, 2]
    assert [plan["amendments_since_let_out"]["count"] for plan in told["plans"]] == [1, 1, 1]
    for plan in told["plans"]:
        for delays in (plan["since_publication"], plan["since_let_out"]):
            assert 0 <= delays["p50"] <= delays["p95"] <= delays["p99"]
        assert plan["since_let_out"]["p99"] <= plan["since_publication"]["p99"]
        assert plan["requests"]["weekend"]["most"] <= plan["requests"]["season"]
    assert ours["since_let_out"]["p99"] <= 10
    assert cron["since_publication"]["p99"] > ours["since_publication"]["p99"]
    assert poll["requests"]["season"] > 30 * ours["requests"]["season"]
    # Russell was disqualified: scored again, and nobody had been paid yet.
    assert told["feed"]["amended"] == told["rescored"] == 1
    assert told["reversals"] == told["manual_steps"] == []
    assert told["picks"]["counted_late"] == 0
    assert told["picks"]["late"] == told["picks"]["late_refused_at_once"] > 0
    assert told["alarms"]["dead_worker_noticed_after"] <= 30
    assert (told["alarms"]["false"], told["alarms"]["missing"]) == ([], [])
    kept = {one["promise"]: one["is_kept"] for one in told["promises"]}
    assert kept["every classification is the season's in the end"]
    # The configured database was not even opened.
    assert not (unmigrated_project.folder / "db.sqlite3").exists()
    figures = json.loads(plot.with_suffix(".json").read_text())
    first, official, polled, by_cron = figures["minutes"].values()
    assert (first, official) == (
        [told["podiums"]["first"]["p50"]],
        [told["podiums"]["official"]["p50"]],
    )
    assert first < official <= polled < by_cron
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert (plot.parent / "latency-dark.png").read_bytes() != plot.read_bytes()


@pytest.mark.project
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["2023"], "the facts of 2024 alone are shipped"),
        (["--rounds", "0"], "--rounds takes rounds from 1 to 24"),
        (["--rounds", "24-25"], "--rounds takes rounds from 1 to 24"),
        (["--rounds", "5-4"], "--rounds takes rounds from 1 to 24"),
        (["--rounds", "5,6"], "--rounds takes rounds from 1 to 24"),
        (["--speed", "0"], "--speed takes a whole number"),
        (["--seed", "x"], "--seed takes a whole number"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], complaint: str) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match=complaint) as refused:
        call_command("rehearse", *arguments)
    assert refused.value.returncode == 2


@pytest.mark.project
@pytest.mark.once
def test_a_plot_is_drawn_again_from_its_figures(tmp_path: Path) -> None:
    from django.core.management import CommandError, call_command

    figures = tmp_path / "figures.json"
    plans = {"quick": [5.0, 31.5, 200.0], "slow": [300.0, 3000.0], "never": []}
    figures.write_text(json.dumps({"season": 2024, "rounds": [13, 14], "minutes": plans}))
    shown = StringIO()
    for suffix in ("png", "svg"):
        plot = tmp_path / f"plot.{suffix}"
        call_command("rehearse", figures=str(figures), plot=str(plot), stderr=shown)
        assert {plot.name, f"plot-dark.{suffix}"} <= {path.name for path in tmp_path.iterdir()}
    again = tmp_path / "again.png"
    call_command("rehearse", figures=str(tmp_path / "plot.json"), plot=str(again), stderr=shown)
    assert again.read_bytes() == (tmp_path / "plot.png").read_bytes()
    assert "half by 32 min" in (tmp_path / "plot.svg").read_text()

    figures.write_text('{"minutes": 3}')
    for options, complaint in (
        ({"figures": str(figures), "plot": str(again)}, "has no figures of a rehearsal"),
        ({"figures": str(tmp_path / "none.json"), "plot": str(again)}, "cannot be read"),
        ({"figures": str(figures)}, "--plot takes a file that ends with .png or .svg"),
        ({"plot": "latency.docx"}, "--plot takes a file that ends with .png or .svg"),
        (
            {"plot": str(tmp_path / "none" / "plot.png")},
            "--plot needs a folder that can be written",
        ),
    ):
        with pytest.raises(CommandError, match=complaint) as refused:
            call_command("rehearse", **options)
        assert refused.value.returncode == 2


@pytest.mark.project
def test_a_database_with_tables_is_refused(project: Project) -> None:
    done = project.manage("rehearse", "--rounds", "14", f"--database={project.database_url}")
    assert done.returncode == 2
    assert "the database has tables" in done.stderr
    with project.database() as alias:
        assert not Event.objects.using(alias).exists()


@pytest.mark.parametrize(
    "database", shortened([[], ["--database=sqlite:////nowhere/other.sqlite3"]], keep=1)
)
@pytest.mark.once
def test_settings_that_take_their_database_from_elsewhere_are_refused(
    project: Project, database: list[str]
) -> None:
    settings = "from f1picks.settings import *\n\nDATABASES['default']['NAME'] = %r\n"
    elsewhere = project.folder / "elsewhere.sqlite3"
    (project.folder / "elsewhere.py").write_text(settings % str(elsewhere))
    env = {"DJANGO_SETTINGS_MODULE": "elsewhere", "PYTHONPATH": str(project.folder)}
    done = project.manage("rehearse", *database, env=env)
    assert done.returncode == 2
    assert "do not take their database from DATABASE_URL" in done.stderr
    assert not elsewhere.exists()


def test_fastf1s_limits_are_lifted_for_loopback_alone() -> None:
    from fastf1.req import _SessionWithRateLimiting

    real = _SessionWithRateLimiting._RATE_LIMITS

    def matching(url: str) -> int:
        return sum(bool(pattern.match(url)) for pattern in _SessionWithRateLimiting._RATE_LIMITS)

    with pauses_lifted("http://127.0.0.1:8000/f1schedule/", "http://127.0.0.1:8000/ergast/f1"):
        assert matching("http://127.0.0.1:8000/ergast/f1/2024/results.json") == 0
        assert matching("https://api.jolpi.ca/ergast/f1/2024/results.json") == 2
        assert matching("http://127.0.0.1.example.org/") == 1
    assert _SessionWithRateLimiting._RATE_LIMITS is real
    with (
        pytest.raises(ValueError, match="loopback alone"),
        pauses_lifted("http://127.0.0.1:8000/", "https://api.jolpi.ca/ergast/f1"),
    ):
        pass


# Its arithmetic


@pytest.mark.parametrize(
    ("minutes", "percent", "expected"),
    [
        ([], 50, None),
        ([7], 50, 7),
        ([7], 99, 7),
        ([3, 1, 2], 50, 2),
        ([1, 2, 3, 4], 50, 2),
        ([1, 2, 3, 4], 51, 3),
        ([1, 2, 3, 4], 100, 4),
        (list(range(1, 101)), 95, 95),
        (list(range(1, 101)), 99, 99),
        (list(range(1, 61)), 99, 60),
    ],
)
def test_percentiles_are_by_nearest_rank(
    minutes: list[int], percent: int, expected: int | None
) -> None:
    delays = Delays.of(number * MINUTE for number in minutes)
    found = delays.percentile(percent)
    assert found == (None if expected is None else expected * MINUTE)


def test_a_weekend_counts_from_its_friday_to_its_monday() -> None:
    (weekend,) = choose_window(PLAYED, range(14, 15)).weekends
    assert (weekend.begins_at, weekend.ends_at) == (at("07-26", "00:00"), at("07-30", "00:00"))
    moments = [weekend.begins_at - MINUTE, weekend.begins_at, at("07-29", "23:59")]
    course = Course("any", True, (), (*moments, weekend.ends_at))
    assert course.count_weekend(weekend) == 2
    assert count_requests([2, 5, 4]) == {"weekends": 3, "mean": 3.7, "most": 5}
    assert count_requests([]) == {"weekends": 0, "mean": None, "most": None}


def test_a_whole_season_begins_with_the_first_file_and_ends_after_all_is_settled() -> None:
    whole = choose_window(PLAYED)
    assert whole.begins_at == at("02-06", "17:15:01")
    assert whole.ends_at == at("12-16", "00:00")
    assert (len(whole.weekends), sum(weekend.is_sprint for weekend in whole.weekends)) == (24, 6)


def one_race(grand_prix: str, minutes_after_flag: int) -> PlayedSeason:
    """The season with one publication, flagged at its real start."""
    season = load_season()
    flag_at = season.grand_prix(grand_prix).starts_at("Race")
    assert flag_at is not None
    entries = season.races[grand_prix]
    published_at = flag_at + minutes_after_flag * MINUTE
    race = Publication(published_at, flag_at, grand_prix, "races", Stage.FIRST, entries)
    return PlayedSeason(season, PLAYED.moves, [race], [])


def run_model(played: PlayedSeason, times: list[datetime]) -> Course:
    """Of a plan whose upstream has no other client."""
    cache = SharedCache(max_age=HOUR, others=lambda _: (), is_kept=lambda *_: True)
    return follow("any", times, played, choose_window(played, range(1, 2)), cache)


def test_a_fixed_plan_that_asks_too_early_waits_until_its_answer_is_let_go_of() -> None:
    played = one_race("bahrain", 30)
    flag_at = played.publications[0].flag_at
    course = run_model(played, [flag_at + n * 15 * MINUTE for n in range(1, 8)])
    (seen,) = course.seen
    assert seen.let_out_at == flag_at + 75 * MINUTE
    assert seen.saved_at == flag_at + 75 * MINUTE
    # Jolpica's calendar and a page of results each time.
    assert len(course.requests) == 7 * 2
    late = run_model(played, [flag_at + 45 * MINUTE])
    assert late.seen[0].saved_at == flag_at + 45 * MINUTE
    assert late.seen[0].let_out_at == flag_at + 30 * MINUTE
    never = run_model(played, [flag_at + 15 * MINUTE])
    assert never.missing == [Seen(played.publications[0], flag_at + 75 * MINUTE, None)]


def test_fixed_plans_run_at_their_times() -> None:
    window = part(range(14, 15), at("07-28", "05:50"), at("07-29", "06:00"))
    assert list(daily_at(window, (6, 18))) == [at("07-28", "06:00"), at("07-28", "18:00")]
    quarters = list(every(window, 15 * MINUTE))
    assert (quarters[0], len(quarters)) == (at("07-28", "06:00"), 24 * 4)


def test_a_dead_worker_runs_once_what_it_missed() -> None:
    tick = next(declared for declared in DECLARED if declared.name == "f1 tick")
    window = part(range(14, 15), at("07-28", "12:41"), at("07-28", "14:00"))
    death = Death(at("07-28", "12:55"), at("07-28", "13:33"))
    times = [f"{time:%H:%M}" for time in run_times(tick, window, death)]
    assert times == [
        *("12:41", "12:45", "12:50"),
        *("13:33", "13:35", "13:40", "13:45", "13:50", "13:55"),
    ]
    without = list(run_times(tick, window, None))
    assert len(without) == 1 + 15
    daily = next(declared for declared in DECLARED if declared.name == "f1 schedule")
    window = part(range(14, 15), at("07-28", "05:00"), at("07-29", "05:00"))
    assert [f"{time:%H:%M}" for time in run_times(daily, window, None)] == [
        *("05:00", "06:00", "18:00"),
    ]
