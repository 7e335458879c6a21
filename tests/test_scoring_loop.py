"""The loop of docs/scoring.md: the page's own code, through all that happens to an event."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.dispatch import Signal

from ingestion import signals
from ingestion.corrections import (
    Author,
    accept_proposal,
    correct_start,
    disqualify,
    settle_results,
    void_event,
)
from ingestion.models import Change, Event
from ingestion.sample.season import load_season
from ingestion.testing.feed import SeasonFeed
from tests.game import (
    PAGE,
    Cursor,
    Notice,
    Pick,
    Queue,
    create_tables,
    known_driver,
    page_code_run,
    tables_created,
)
from tests.persons import User
from tests.project import Project
from tests.upstream import SHARED, needs_shared

START = datetime(2024, 7, 28, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEED = 4
# Of which players hear, in the page's code.
NEWS = {"rescheduled", "cancelled", "published", "amended"}


@pytest.fixture
def feed(transactional_db: None) -> SeasonFeed:
    return SeasonFeed(is_held=False)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def scorer(transactional_db: None, queue: Queue) -> Iterator[SimpleNamespace]:
    with tables_created(), page_code_run(queue) as names:
        yield names


@pytest.fixture
def author(transactional_db: None) -> Author:
    person = User.objects.create_user("anna")
    return Author(person, "the stewards say so", START + timedelta(days=1))


def pick(event: Event, place: int, driver_id: str, made_at: datetime = START - HOUR) -> Pick:
    return Pick.objects.create(
        event=event, player="anna", place=place, driver=known_driver(driver_id), made_at=made_at
    )


def points(*picks: Pick) -> list[int | None]:
    return [Pick.objects.get(pk=pick.pk).points for pick in picks]


def noticed() -> list[str]:
    """The kinds of what the players heard of, in order."""
    kinds = dict(Change.objects.values_list("pk", "kind"))
    return [kinds[notice.change_id] for notice in Notice.objects.order_by("pk")]


def test_a_signal_only_wakes_the_scorer(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue
) -> None:
    event = feed.schedule().event
    right, wrong = pick(event, 1, "russell"), pick(event, 2, "piastri")
    feed.publish(event, drivers=["russell", "hamilton", "piastri"])

    assert points(right, wrong) == [None, None]
    assert queue.run() == 1
    assert points(right, wrong) == [10, 0]
    assert Cursor.objects.get().position == Change.objects.latest("pk").pk
    assert noticed() == ["published"]


def test_an_amendment_is_scored_again(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue
) -> None:
    event = feed.publish(drivers=["russell", "hamilton"]).event
    russell, hamilton = pick(event, 1, "russell"), pick(event, 1, "hamilton")
    queue.run()
    feed.amend(event, disqualified="russell")
    queue.run()

    assert points(russell, hamilton) == [0, 10]
    assert noticed() == ["published", "amended"]


def test_the_pole_is_the_first_of_qualifying(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue
) -> None:
    event = feed.publish(session_type="qualifying", drivers=["max_verstappen", "leclerc"]).event
    first, second = (
        pick(event, 1, name, START - 30 * HOUR) for name in ("max_verstappen", "leclerc")
    )
    queue.run()

    assert points(first, second) == [10, 0]


def test_what_is_cancelled_is_refunded(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue
) -> None:
    refunded = pick(feed.schedule().event, 1, "russell")
    feed.cancel()
    queue.run()

    refunded.refresh_from_db()
    assert (refunded.points, refunded.is_refunded) == (None, True)
    assert noticed() == ["cancelled", "cancelled"]  # the qualifying, and the race


def test_what_a_person_voids_is_refunded_results_or_not(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue, author: Author
) -> None:
    event = feed.publish(drivers=["russell"]).event
    refunded = pick(event, 1, "russell")
    queue.run()
    void_event(event, author)
    queue.run()

    refunded.refresh_from_db()
    assert (refunded.points, refunded.is_refunded) == (None, True)
    assert noticed() == ["published", "voided"]


def test_a_persons_correction_is_scored_again(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue, author: Author
) -> None:
    event = feed.publish(drivers=["russell", "hamilton"]).event
    russell, hamilton = pick(event, 1, "russell"), pick(event, 1, "hamilton")
    queue.run()
    disqualify(event, ("russell", 63), author, revision=1)
    queue.run()

    assert points(russell, hamilton) == [0, 10]
    assert noticed() == ["published", "corrected"]


@pytest.mark.parametrize("by", ["calendar", "person"])
def test_a_pick_made_after_a_start_that_moved_earlier_is_late(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue, author: Author, by: str
) -> None:
    event = feed.schedule().event
    early = pick(event, 1, "russell", START - 4 * HOUR)
    late = pick(event, 1, "russell", START - 2 * HOUR)
    if by == "calendar":
        feed.reschedule(event, to=START - 3 * HOUR)
    else:
        correct_start(event, START - 3 * HOUR, author)
    feed.publish(event, drivers=["russell"])
    queue.run()

    assert points(early, late) == [10, 0]


def test_a_backfill_is_scored_and_notifies_nobody(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue
) -> None:
    event = feed.schedule(season=2019, cause="backfill").event
    right = pick(event, 1, "russell", START.replace(year=2019) - HOUR)
    feed.publish(event, cause="backfill")
    queue.run()

    assert points(right) == [10]
    assert noticed() == []


def test_a_proposal_is_ignored(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue, author: Author
) -> None:
    event = feed.publish(drivers=["hamilton", "piastri"]).event
    right = pick(event, 1, "hamilton")
    settle_results(event, author, revision=1)
    assert feed.amend(event, drivers=["russell"]).kind == "proposed"
    scorer.catch_up()

    assert points(right) == [10]
    assert noticed() == ["published"]

    accept_proposal(event, author, revision=1)
    queue.run()
    assert points(right) == [0]
    assert noticed() == ["published", "amended"]


def test_what_was_scored_is_not_scored_by_a_second_task(
    feed: SeasonFeed, scorer: SimpleNamespace, queue: Queue
) -> None:
    event = feed.publish(drivers=["russell"]).event
    feed.amend(event)

    assert queue.run() == 2
    assert noticed() == ["published", "amended"]


# What the page says beside its code


def names_in_first_column(page: str) -> set[str]:
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_page_describes_every_kind_signal_and_cause() -> None:
    page = PAGE.read_text(encoding="utf-8")
    entries, _, of_signals = page.partition("\n## The signals\n")
    kinds = names_in_first_column(entries) - {"kind"}
    sent = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert names_in_first_column(of_signals.partition("\n## ")[0]) == sent

    assert kinds == set(Change.Kind.values)
    for cause in Change.Cause.values:
        assert f"`{cause}`" in page


@pytest.mark.parametrize(
    ("key", "first", "on_grid"),
    [("belgium", "Verstappen", "Leclerc"), ("qatar", "Verstappen", "Russell")],
)
def test_the_page_is_right_about_the_grids_of_2024(key: str, first: str, on_grid: str) -> None:
    season = load_season(2024)
    fastest = next(lap for lap in season.qualifyings[key] if lap.order == 1)
    starter = next(finish for finish in season.races[key] if finish.grid == 1)

    named = [season.drivers[entry.driver].family_name for entry in (fastest, starter)]
    assert named == [first, on_grid]
    assert f"| {key.title()} 2024 | {first} | {on_grid} |" in PAGE.read_text(encoding="utf-8")


@needs_shared
def test_the_page_is_right_about_the_grid_of_belgium_in_2023() -> None:
    assert first_of("qualifying", "QualifyingResults", "position") == "Verstappen"
    assert first_of("results", "Results", "grid") == "Leclerc"
    assert "| Belgium 2023 | Verstappen | Leclerc |" in PAGE.read_text(encoding="utf-8")


def first_of(endpoint: str, rows: str, column: str) -> str:
    """Who has a 1 there, in the pages as Jolpica printed them."""
    pages = sorted((SHARED / "jolpica" / "2023").glob(f"{endpoint}_*.json"))
    races = [
        race
        for page in pages
        for race in json.loads(page.read_bytes())["MRData"]["RaceTable"]["Races"]
        if race["raceName"] == "Belgian Grand Prix"
    ]
    [first] = [row for race in races for row in race[rows] if row[column] == "1"]
    name: str = first["Driver"]["familyName"]
    return name


# A scorer that is killed


ENDURE = f"from tests.scorer_killed import endure; endure({SEED})"


def test_a_scorer_that_is_killed_at_any_moment_sees_each_change_once(project: Project) -> None:
    with project.database() as alias:
        create_tables(alias)
    done = project.manage("shell", "-v0", "-c", ENDURE)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] >= 36
    news = [key for key, kind in report["fed"] if kind in NEWS]
    assert report["disturbed"]["notices"] == news
    assert report["disturbed"] == report["undisturbed"]
