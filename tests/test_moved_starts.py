"""Starts that move on the day or the evening before, and the ticks that see them in time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from ingestion.models import Event, IngestRun
from ingestion.sample.season import GrandPrix, Season
from tests.command_line import asked, small_upstream  # noqa: F401
from tests.shortened import shortened
from tests.ticking import World, at, world  # noqa: F401

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
STEP = 20 * MINUTE
NAMES = {
    "sprint_qualifying": "Sprint Qualifying",
    "sprint": "Sprint",
    "qualifying": "Qualifying",
    "race": "Race",
}
# Sepang's weekend: as China's, on other days.
MOVED_BY = timedelta(days=119)
SEPANG = "malaysian-grand-prix"
JOLPICA = "*/races.json"
FILE = "*/schedule_2024.json"


def malaysia(season: Season) -> GrandPrix:
    china = season.grand_prix("china")
    return replace(
        china,
        id="malaysia",
        round=3,
        name="Malaysian Grand Prix",
        race_name="Malaysian Grand Prix",
        country="Malaysia",
        location="Sepang",
        circuit="sepang",
        sessions=tuple(
            replace(session, starts_at=session.starts_at and session.starts_at + MOVED_BY)
            for session in china.sessions
        ),
    )


def moved(grand_prix: GrandPrix, kind: str, starts_at: datetime) -> GrandPrix:
    sessions = (
        replace(session, starts_at=starts_at) if session.name == NAMES[kind] else session
        for session in grand_prix.sessions
    )
    return replace(grand_prix, sessions=tuple(sessions))


@dataclass
class Weekend:
    """Sepang as each calendar has it; None where a calendar does not know it."""

    world: World
    file: GrandPrix | None = None
    jolpica: GrandPrix | None = None

    def publish(self) -> None:
        season = self.world.upstream.seasons[2024]
        others = season.grands_prix[:2]
        self.world.upstream.seasons[2024] = replace(
            season,
            grands_prix=(*others, *([self.file] if self.file else [])),
            jolpica_calendar=(*others, *([self.jolpica] if self.jolpica else [])),
        )

    def run_until(self, end: datetime) -> list[str]:
        """As a worker does; what was requested."""
        requests = []
        while self.world.now < end:
            self.world.now += STEP
            if self.world.now.hour in (6, 18) and self.world.now.minute == 0:
                requests += self.world.refresh_schedule()
            self.world.tick()
            requests += asked(self.world.upstream)
        return requests


@pytest.fixture
def weekend(world: World) -> Weekend:  # noqa: F811
    """Known to both calendars; nothing is read yet."""
    season = world.upstream.seasons[2024]
    sepang = replace(
        season.circuits["shanghai"], id="sepang", locality="Sepang", country="Malaysia"
    )
    world.upstream.seasons[2024] = replace(season, circuits={**season.circuits, "sepang": sepang})
    known = malaysia(season)
    return Weekend(world, known, known)


def event(kind: str) -> Event:
    return Event.objects.get(grand_prix=SEPANG, session_type=kind)


Move = Callable[[Weekend, str, datetime], None]


def move_jolpicas(weekend: Weekend, kind: str, starts_at: datetime) -> None:
    assert weekend.jolpica is not None
    weekend.jolpica = moved(weekend.jolpica, kind, starts_at)
    weekend.publish()


def move_the_files(weekend: Weekend, kind: str, starts_at: datetime) -> None:
    assert weekend.file is not None
    weekend.file = moved(weekend.file, kind, starts_at)
    weekend.publish()


def assert_closes_in_time(weekend: Weekend, kind: str, by: timedelta, move: Move) -> None:
    """The move is announced ten hours before the old start: for 07:00 at 21:00 the evening before.
    At the new start picks are closed, and those of the second before it count."""
    lock = event(kind).locks_at
    assert lock is not None
    weekend.run_until(lock - 10 * HOUR)
    assert event(kind).locks_at == lock
    move(weekend, kind, lock - by)
    weekend.run_until(lock - by)
    assert event(kind).locks_at == lock - by
    assert event(kind).in_time(lock - by - timedelta(seconds=1))
    assert not event(kind).in_time(lock - by)


def begin(weekend: Weekend, *, before: timedelta = 14 * HOUR, kind: str = "race") -> None:
    """So long before the start, which the calendars have."""
    weekend.publish()
    weekend.world.now = at("08-10 06:00")
    weekend.world.refresh_schedule()
    starts_at = event(kind).starts_at
    assert starts_at is not None
    weekend.world.now = starts_at - before


@pytest.mark.parametrize(
    ("kind", "hours"),
    shortened(
        [
            ("race", 2),
            ("sprint_qualifying", 5),
            ("race", 8),
            ("qualifying", 3.5),
            ("sprint", 1),
        ],
        keep=2,
    ),
)
def test_start_that_jolpica_alone_knows_moves_to_an_earlier_hour(
    weekend: Weekend, kind: str, hours: float
) -> None:
    weekend.file = None
    begin(weekend, kind=kind)
    # The others may not begin after those that follow them.
    assert_closes_in_time(weekend, kind, hours * HOUR, move_weekend_of_jolpicas)


def move_weekend_of_jolpicas(weekend: Weekend, kind: str, starts_at: datetime) -> None:
    """With the sessions that have to come before it."""
    assert weekend.jolpica is not None
    before = list(NAMES)[: list(NAMES).index(kind)]
    for name in before:
        known = weekend.jolpica.starts_at(NAMES[name])
        assert known is not None
        weekend.jolpica = moved(weekend.jolpica, name, min(known, starts_at))
    move_jolpicas(weekend, kind, starts_at)


@pytest.mark.parametrize(
    ("kind", "hours"),
    shortened([("race", 1), ("qualifying", 2), ("race", 3.5), ("race", 5)], keep=2),
)
def test_start_that_both_know_is_moved_by_jolpica_alone(
    weekend: Weekend, kind: str, hours: float
) -> None:
    begin(weekend, kind=kind)
    assert_closes_in_time(weekend, kind, hours * HOUR, move_weekend_of_jolpicas)
    assert event(kind).schedule_source == "schedule_file"


@pytest.mark.parametrize("hours", shortened([3.5, 1], keep=1))
def test_disputed_start_is_moved_further_by_jolpica(weekend: Weekend, hours: float) -> None:
    assert weekend.jolpica is not None
    weekend.jolpica = moved(weekend.jolpica, "race", at("08-18 06:00"))
    begin(weekend)
    assert_closes_in_time(weekend, "race", hours * HOUR, move_jolpicas)


@pytest.mark.parametrize("hours", shortened([1, 5], keep=1))
def test_start_is_moved_by_the_file_alone(weekend: Weekend, hours: float) -> None:
    begin(weekend)
    assert_closes_in_time(weekend, "race", hours * HOUR, move_the_files)


@pytest.mark.parametrize(
    ("moves", "silent"),
    shortened([(JOLPICA, JOLPICA), (FILE, FILE), (JOLPICA, FILE)], keep=2),
)
def test_calendar_that_answers_503_for_hours_is_read_before_the_new_start(
    weekend: Weekend, moves: str, silent: str
) -> None:
    if moves is JOLPICA:
        weekend.file = None
    begin(weekend)
    lock = event("race").locks_at
    assert lock is not None
    new_lock = lock - 2.5 * HOUR
    weekend.run_until(lock - 11 * HOUR)
    weekend.world.upstream.fault(silent, status=503)
    weekend.run_until(lock - 10 * HOUR)
    move = move_jolpicas if moves is JOLPICA else move_the_files
    move(weekend, "race", new_lock)
    weekend.run_until(lock - 4 * HOUR)
    weekend.world.upstream.clear_faults()
    weekend.run_until(new_lock)
    assert event("race").locks_at == new_lock


def test_weekends_calendars_take_few_of_its_requests(weekend: Weekend) -> None:
    """Of the 120 that Jolpica gets of a sprint weekend, on which nothing moves and every calendar
    answers."""
    begin(weekend, kind="sprint_qualifying", before=24 * HOUR)
    requests = weekend.run_until(at("08-18 07:00"))
    assert 15 <= requests.count("2024/races") <= 30


def test_start_moves_while_the_file_is_cut_to_less_than_half(weekend: Weekend) -> None:
    """A calendar that lacks most races is refused; the other one's start closes picks all the
    same."""
    weekend.publish()
    weekend.world.now = at("04-20 20:00")
    weekend.world.refresh_schedule()
    season = weekend.world.upstream.seasons[2024]
    china, *others = season.grands_prix
    weekend.world.upstream.seasons[2024] = replace(
        season,
        grands_prix=(others[0],),
        jolpica_calendar=(moved(china, "race", at("04-21 05:00")), *others),
    )
    weekend.run_until(at("04-21 05:00"))
    race = Event.objects.get(grand_prix="chinese-grand-prix", session_type="race")
    assert (race.locks_at, race.starts_at) == (at("04-21 05:00"), at("04-21 07:00"))
    problems = [str(one) for run in IngestRun.objects.all() for one in run.problem_list]
    refused = "has 1 of the 3 grands prix that remain; Jolpica's calendar was used alone"
    assert refused in " ".join(problems)
