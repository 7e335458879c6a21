"""Each answer is as old as the upstream says, and what is older overwrites nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from ingestion.models import Event
from ingestion.records import GrandPrixRecord
from ingestion.report import SaveReport
from ingestion.sample.season import Season, load_season, with_finishes
from ingestion.save import save_calendar, save_classifications
from tests.amending import Replay, podium, reinstated, replaying, sample_weekend, saved, utc
from tests.builders import (
    AFTER,
    BEFORE,
    DRIVERS,
    SUNDAY,
    at,
    calendar,
    classification,
    context,
    grand_prix,
    jolpicas,
)
from tests.rows import all_rows

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

MINUTE = timedelta(minutes=1)
FIRST_PAGE = "/2024/results.json?limit=100"
SECOND_PAGE = "/2024/results.json?limit=100&offset=100"
MIAMI_ALONE = "/2024/6/results.json?limit=100"

# Three winners, as the upstream had them one after the other.
REVISIONS = {
    AFTER: ("hamilton", *DRIVERS[1:]),
    AFTER + 10 * MINUTE: ("russell", *DRIVERS[1:]),
    AFTER + 20 * MINUTE: ("norris", *DRIVERS[1:4]),
}


@pytest.fixture
def belgium() -> None:
    save_calendar(calendar(grand_prix()), context())


def save(made_at: datetime | None) -> SaveReport:
    """What the upstream had then, saved an hour later; now where it says nothing of its age."""
    drivers = REVISIONS[made_at or max(REVISIONS)]
    told = classification(drivers=drivers, generated_at=made_at)
    return save_classifications([told], context(AFTER + timedelta(hours=1)))


@pytest.mark.usefixtures("belgium")
@pytest.mark.parametrize("order", list(permutations(REVISIONS)))
def test_the_newest_stands_in_whatever_order_they_arrive(order: tuple[datetime, ...]) -> None:
    for made_at in order:
        save(made_at)

    assert podium(saved())[0] == "norris"
    assert saved().results_generated_at == max(REVISIONS)


@pytest.mark.usefixtures("belgium")
def test_what_is_left_aside_for_its_age_is_said() -> None:
    save(max(REVISIONS))
    before = all_rows()

    report = save(min(REVISIONS))

    assert all_rows() == before
    assert report.results == {"unchanged": 1}
    assert [str(note) for note in report.notes] == [
        "2024 belgian-grand-prix race: an answer older than the saved classification was left aside"
    ]


@pytest.mark.usefixtures("belgium")
def test_an_answer_that_says_nothing_of_its_age_counts() -> None:
    save(min(REVISIONS))
    save(None)

    assert podium(saved())[0] == "norris"
    assert saved().results_generated_at is None


@pytest.fixture
def replay(tmp_path: Path, fastf1_restored: None) -> Iterator[Replay]:
    with replaying(tmp_path) as started:
        yield started


def age(event: Event) -> datetime:
    assert event.results_generated_at is not None
    return event.results_generated_at


def test_a_classification_is_as_old_as_its_answer_says(replay: Replay) -> None:
    replay.publish(sample_weekend("belgium"))
    replay.upstream.fault("*/results.json", age=25 * MINUTE)
    replay.ingest("2024-07-28 18:00")

    assert utc("2024-07-28 17:35") < age(saved("race")) < utc("2024-07-28 17:36")
    assert utc("2024-07-28 18:00") < age(saved("qualifying")) < utc("2024-07-28 18:01")


def test_a_seasons_page_that_is_fetched_later_can_be_older_than_a_rounds_answer(
    replay: Replay,
) -> None:
    final = sample_weekend("belgium")
    replay.publish(final)
    replay.ingest("2024-07-28 18:00", round_number=14)
    before = all_rows()

    stale = reinstated(final.races["belgium"], "russell")
    replay.publish(with_finishes(final, "races", "belgium", stale))
    replay.upstream.fault("*/2024/results.json", age=40 * MINUTE)
    report = replay.ingest("2024-07-28 18:20")

    assert all_rows() == before
    assert report.outcome == "ok"
    assert "older than the saved classification" in str(report.notes[0])


# Six races are 119 rows: the page ends after the first of Miami's.


def six_weekends() -> Season:
    season = load_season()
    return replace(season, testing=(), grands_prix=season.grands_prix[:6])


@pytest.fixture
def six(replay: Replay) -> Replay:
    replay.publish(six_weekends())
    return replay


def race_requests(replay: Replay) -> list[str]:
    return [request for request in replay.requests() if "/results.json" in request]


def races() -> dict[str, Event]:
    """Those with a classification."""
    events = Event.objects.filter(session_type="race", results_revision__gt=0)
    return {event.name: event for event in events}


def test_pages_of_one_age_are_asked_once(six: Replay) -> None:
    six.ingest("2024-05-06 12:00")

    assert race_requests(six) == [FIRST_PAGE, SECOND_PAGE]
    assert len(races()) == 6


def test_a_race_cut_by_pages_of_different_age_is_asked_again_alone(six: Replay) -> None:
    six.upstream.fault("*/2024/results.json", query={"offset": "100"}, age=2 * MINUTE)
    report = six.ingest("2024-05-06 12:00")

    assert race_requests(six) == [FIRST_PAGE, SECOND_PAGE, MIAMI_ALONE]
    assert report.outcome == "ok"
    assert len(races()) == 6
    assert podium(races()["Miami Grand Prix"]) == ["norris", "max_verstappen", "leclerc"]
    bahrain, miami = (age(races()[f"{place} Grand Prix"]) for place in ("Bahrain", "Miami"))
    assert utc("2024-05-06 12:00") < bahrain < miami


def test_pages_less_than_a_minute_apart_are_one_answer_as_old_as_the_older(six: Replay) -> None:
    six.upstream.fault("*/2024/results.json", query={"offset": "100"}, age=MINUTE / 2)
    six.ingest("2024-05-06 12:00")

    assert race_requests(six) == [FIRST_PAGE, SECOND_PAGE]
    bahrain, miami = (age(races()[f"{place} Grand Prix"]) for place in ("Bahrain", "Miami"))
    assert miami < utc("2024-05-06 12:00") < bahrain


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        ({"status": 500}, "the server answered 500"),
        ({"cut": 50}, "cannot be reached or broke off"),
        ({"json": {}}, "not what it should be"),
    ],
)
def test_a_race_that_cannot_be_asked_again_is_named_and_the_others_are_saved(
    six: Replay, switches: dict[str, object], reason: str
) -> None:
    six.upstream.fault("*/2024/results.json", query={"offset": "100"}, age=2 * MINUTE)
    six.upstream.fault("*/2024/6/results.json", **switches)
    report = six.ingest("2024-05-06 12:00")

    assert report.outcome == "partial"
    [problem] = report.problems
    assert str(problem).startswith(
        "2024 miami-grand-prix race: refused, its halves are of different age; "
    )
    assert reason in str(problem)
    assert len(races()) == 5
    assert "Miami Grand Prix" not in races()

    six.upstream.clear_faults()
    assert six.ingest("2024-05-06 13:00").outcome == "ok"
    assert len(races()) == 6


def test_an_older_half_does_not_undo_what_is_saved(six: Replay) -> None:
    six.ingest("2024-05-06 12:00")
    before = all_rows()

    six.upstream.fault("*/2024/results.json", query={"offset": "100"}, age=2 * MINUTE)
    six.upstream.fault("*/2024/6/results.json", status=503)
    report = six.ingest("2024-05-06 13:00")

    assert all_rows() == before
    assert len(report.problems) == 1


# Of the two calendars each has an age of its own


def save_both(file: GrandPrixRecord | None, theirs: GrandPrixRecord | None, *ages: int) -> None:
    """Beside a second grand prix that stays; each made so many minutes after the first, and both
    read just afterwards."""
    dutch = grand_prix(
        "Dutch Grand Prix", date(2024, 8, 25), round_number=15, country="Netherlands"
    )
    made_at = [BEFORE + age * MINUTE for age in ages]
    save_calendar(
        calendar(*filter(None, (file, dutch)), generated_at=made_at[0]),
        context(max(made_at)),
        jolpica=jolpicas(*filter(None, (theirs, dutch)), generated_at=made_at[1]),
    )


def starting(hour: int) -> GrandPrixRecord:
    weekend = grand_prix()
    qualifying, race = weekend.sessions
    return replace(weekend, sessions=(qualifying, replace(race, starts_at=at(SUNDAY, hour))))


def belgian_race() -> Event:
    return Event.objects.get(grand_prix="belgian-grand-prix", session_type="race")


@pytest.mark.parametrize("file_hour", [13, 12])
def test_old_copy_of_jolpicas_calendar_takes_no_earlier_start_back(file_hour: int) -> None:
    save_both(starting(13), starting(10), 0, 10)
    save_both(starting(file_hour), starting(13), 20, 5)

    assert belgian_race().locks_at == at(SUNDAY, 10)


def test_old_copy_of_jolpicas_calendar_disputes_nothing_anew() -> None:
    save_both(starting(13), starting(10), 0, 10)
    save_both(starting(13), starting(13), 20, 20)
    before = all_rows()
    save_both(starting(13), starting(10), 30, 15)

    assert all_rows() == before


def test_start_that_the_file_moves_is_disputed_by_what_jolpica_said_before() -> None:
    save_both(starting(13), starting(10), 0, 10)
    save_both(starting(13), starting(13), 20, 20)
    save_both(starting(16), starting(13), 30, 15)

    assert belgian_race().locks_at == at(SUNDAY, 13)


def test_old_copy_of_the_file_hides_no_start_of_jolpicas() -> None:
    save_both(starting(13), starting(13), 0, 0)
    save_both(starting(14), starting(14), 20, 20)
    save_both(starting(13), starting(11), 10, 30)

    race = belgian_race()
    assert (race.starts_at, race.locks_at) == (at(SUNDAY, 14), at(SUNDAY, 11))
    assert race.schedule_generated_at == BEFORE + 20 * MINUTE


def test_copy_of_the_file_from_before_a_cancellation_does_not_bring_it_back() -> None:
    save_both(starting(13), starting(13), 0, 0)
    save_both(None, None, 30, 10)
    before = all_rows()
    assert belgian_race().is_cancelled
    save_both(starting(13), None, 20, 10)

    assert all_rows() == before
