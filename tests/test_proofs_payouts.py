"""What decides who is paid, through the real parts: the smallest proofs of some guards."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from ingestion.models import Change, Event, IngestRun
from ingestion.sample.season import Season, with_start
from tests.amending import (
    Replay,
    podium,
    reinstated,
    replaying,
    sample_weekend,
    saved,
)
from tests.command_line import small_upstream  # noqa: F401 - fixture `upstream`
from tests.shortened import shortened
from tests.ticking import World, at, world  # noqa: F401
from tests.upstream import with_rows

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

START, DISPUTED = at("07-28 13:00"), at("07-28 12:30")


def of_jolpica(season: Season, start: datetime, *, is_alone: bool) -> Season:
    """Belgium's race starts then by Jolpica's calendar; the file may not have it at all."""
    moved = with_start(season, "belgium", "Race", start)
    grands_prix = season.grands_prix[:1] if is_alone else season.grands_prix
    return replace(season, grands_prix=grands_prix, jolpica_calendar=moved.grands_prix)


@pytest.mark.parametrize(
    ("is_alone", "known", "earlier"),
    shortened(
        [
            (True, START, at("07-28 11:00")),
            (False, DISPUTED, at("07-28 11:00")),
            # Jolpica's calendar is read more seldom while the two agree.
            (False, START, at("07-28 12:00")),
        ],
        keep=1,
    ),
    ids=["only Jolpica has it", "the two dispute it", "the two agree"],
)
def test_a_start_that_jolpica_alone_moves_closes_picks_in_time(
    world: World,  # noqa: F811
    is_alone: bool,
    known: datetime,
    earlier: datetime,
) -> None:
    season = world.upstream.seasons[2024]
    world.upstream.seasons[2024] = of_jolpica(season, known, is_alone=is_alone)
    world.now = at("07-27 10:00")
    world.refresh_schedule()
    world.tick_until("07-28 09:30")
    race = Event.objects.get(grand_prix="belgian-grand-prix", session_type="race")
    assert race.locks_at == known

    # Just after both calendars were read, as they are once a day.
    world.upstream.seasons[2024] = of_jolpica(season, earlier, is_alone=is_alone)
    world.tick_until(f"{earlier:%m-%d %H:%M}")

    race.refresh_from_db()
    assert race.locks_at == earlier
    assert not race.in_time(earlier)


@pytest.fixture
def replay(tmp_path: Path, fastf1_restored: None) -> Iterator[Replay]:
    with replaying(tmp_path) as started:
        yield started


FUTURE = {
    "expires": {"Expires": "Thu, 31 Dec 2037 23:55:55 GMT"},
    "date": {"Date": "Wed, 01 Jul 2099 12:00:00 GMT", "Expires": "", "Cache-Control": ""},
    "expires max": {
        "Expires": "Thu, 31 Dec 2037 23:55:55 GMT",
        "Cache-Control": "max-age=315360000",
    },
    "negative age": {"Age": "-86400", "Expires": "", "Cache-Control": "public"},
    "negative max-age": {"Cache-Control": "max-age=-86400"},
}


@pytest.mark.parametrize("headers", FUTURE.values(), ids=FUTURE)
def test_answers_of_the_future_neither_settle_nor_hide(
    replay: Replay, headers: dict[str, str]
) -> None:
    final = sample_weekend("belgium")
    first = {**final.races, "belgium": reinstated(final.races["belgium"], "russell")}
    replay.publish(replace(final, races=first))
    replay.upstream.fault("*", headers=headers)
    reports = [replay.ingest(f"2024-07-28 {time}") for time in ("18:00", "18:10", "18:20")]
    assert (podium(saved())[0], saved().results_state) == ("russell", "official")
    for report, run in zip(reports, IngestRun.objects.order_by("-pk")[:3], strict=True):
        [problem] = run.problem_list
        assert report.outcome == "partial"
        assert "which is still to come; it counts as made when it arrived" in problem.message

    replay.upstream.clear_faults()
    replay.publish(final)
    report = replay.ingest("2024-07-28 20:00")

    assert report.outcome == "ok"
    assert (podium(saved())[0], saved().results_revision) == ("hamilton", 2)
    assert not Change.objects.filter(kind=Change.Kind.SETTLED).exists()


def test_a_calendar_of_the_future_hides_no_later_move(replay: Replay) -> None:
    weekend = sample_weekend("belgium")
    replay.publish(weekend)
    replay.upstream.fault("*", headers=FUTURE["expires max"])
    replay.ingest("2024-07-20 12:00")

    replay.upstream.clear_faults()
    earlier = at("07-28 11:00")
    replay.publish(with_start(weekend, "belgium", "Race", earlier))
    report = replay.ingest("2024-07-27 12:00")

    assert (report.outcome, saved().starts_at) == ("ok", earlier)


def test_a_spoilt_lap_time_hides_no_pole(replay: Replay) -> None:
    replay.publish(sample_weekend("belgium"))
    third = with_rows(lambda row: {**row, "Q3": "1"} if row["position"] == "3" else row)
    replay.upstream.fault("*/qualifying.json", transform=third)

    report = replay.ingest("2024-07-28 18:00")

    assert (report.outcome, saved("qualifying").results_state) == ("ok", "official")
    assert [row.q3 is None for row in saved("qualifying").classification[:3]] == [
        *(False, False, True)
    ]
    assert any("cannot be right and counts as missing" in str(note) for note in report.notes)
