"""The weekend of Belgium 2024 as it is played: the moments that are worth a look, how the season
came there, and the time that passes."""

import heapq
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from ingestion.corrections import Author, Key, edit_entries, key_of
from ingestion.models import Event
from ingestion.operators import OPERATORS
from ingestion.pipeline import IngestRequest, configured_rules, configured_sources, ingest
from ingestion.queue.schedules import DECLARED, Declared
from ingestion.queue.tasks import ignore_progress
from rehearsal.clock import CacheClock, VirtualClock, pauses_lifted
from rehearsal.played_season import PlayedSeason, Stage, play_season
from rehearsal.upstream import PlayedUpstream, open_cache
from rehearsal.worker import Worker

SEASON = 2024
BELGIUM = "belgian-grand-prix"
# Signed in by the demo; and a colleague, who has corrected something before.
OPERATOR, COLLEAGUE = "operator", "ana"

HOUR = timedelta(hours=1)
# In a step of more hours than these the worker's pauses are so many times as long, so that a person
# need not wait for a step.
AT_FULL_RHYTHM, LONGER = 4 * HOUR, 6


def at(day: str, time: str) -> datetime:
    """Of 2024, in UTC."""
    return datetime.fromisoformat(f"{SEASON}-{day}T{time}").replace(tzinfo=UTC)


# Between Jolpica's first classification of Miami and the one with Sainz's penalty.
MIAMI, MIAMI_CORRECTED = at("05-06", "00:15"), at("05-06", "00:50")
MIAMI_PENALTY = timedelta(seconds=5)
MIAMI_REASON = "Five seconds for Sainz, for his contact with Piastri; Jolpica does not have it yet"
# A person sets the app up again; its worker runs from then on.
SET_UP = at("07-28", "10:00")
# Jolpica's real import that brought the disqualified winner back was in March 2025.
REIMPORT = at("07-30", "09:00")


@dataclass(frozen=True, slots=True)
class Moment:
    """From `at` on there is this to see, on that page."""

    at: datetime
    title: str
    text: str
    link: str
    page: Literal["race", "alarms"] = "race"


MOMENTS = (
    Moment(
        at("07-28", "12:00"),
        "An hour before the race",
        "Picks on the race close at 13:00 UTC, and the twenty entrants can be picked. An alarm is "
        "open, since the calendars disagree about Las Vegas; Miami was corrected by a colleague.",
        "The race",
    ),
    Moment(
        at("07-28", "13:00"),
        "The race is on",
        "Picks are closed, and stay closed whatever a calendar says from now on.",
        "The race",
    ),
    Moment(
        at("07-28", "15:00"),
        "Russell wins, provisionally",
        "Half an hour after the flag the second source, OpenF1, lets out its podium. It is shown, "
        "and replaced as soon as Jolpica has a classification.",
        "The race",
    ),
    Moment(
        at("07-28", "17:00"),
        "Russell wins, officially",
        "Jolpica has published the same. The second source is a witness from now on.",
        "The race",
    ),
    Moment(
        at("07-28", "20:00"),
        "Russell is disqualified",
        "His car was too light, and Jolpica has Hamilton as the winner. OpenF1 is corrected by "
        "hand, and later: until then the two disagree, which raises an alarm.",
        "The alarms",
        "alarms",
    ),
    Moment(
        at("07-29", "16:00"),
        "The sources agree again",
        "OpenF1 has followed, so that the alarm is over by itself.",
        "The race",
    ),
    Moment(
        at("07-30", "06:00"),
        "The race is settled",
        "Its result was seen unchanged for a day, and can be paid. From now on no upstream changes "
        "its podium by itself.",
        "The race",
    ),
    Moment(
        at("07-30", "18:00"),
        "Russell is back",
        "Jolpica's data were imported anew, with the old winner (it really happened in March 2025, "
        "eight months later). Nothing was changed: it is a proposal, and you decide.",
        "Decide it",
    ),
)
DECIDED = Moment(
    MOMENTS[-1].at,
    "You have decided",
    "That was the weekend. Everything is in the race's story, with who did it and why. Look "
    "around, or start over.",
    "The race",
)


def play_belgium() -> PlayedSeason:
    """The season as the rehearsal plays it, with the race's old classification back in the end."""
    played = play_season(SEASON)
    (first,) = (
        one
        for one in played.publications
        if (one.grand_prix, one.table, one.stage) == ("belgium", "races", Stage.FIRST)
    )
    again = replace(first, at=REIMPORT)
    return PlayedSeason(
        played.facts, played.moves, [*played.publications, again], played.disturbances
    )


@contextmanager
def playing(clock: VirtualClock, cache_dir: Path) -> Iterator["Story"]:
    """A story in the configured database, a SQLite file; all requests go to its upstreams."""
    with PlayedUpstream(play_belgium(), clock=clock.read) as upstream:
        addresses = {
            "F1_SCHEDULE_URL": upstream.schedule_url,
            "JOLPICA_URL": upstream.jolpica_url,
            "OPENF1_URL": upstream.openf1_url,
            "FASTF1_CACHE_DIR": cache_dir,
        }
        with (
            pauses_lifted(upstream.schedule_url, upstream.jolpica_url),
            override_settings(**addresses),
        ):
            yield Story(clock, upstream)


class Story:
    def __init__(self, clock: VirtualClock, upstream: PlayedUpstream) -> None:
        self.clock = clock
        self._upstream = upstream
        self._copies = CacheClock(clock.read(), upstream.count_requests)
        self._begins_from: Path | None = None
        self._moving = Lock()

    # How it begins

    def begin(self, kept: Path, version: int) -> None:
        """On the Sunday, an hour before the race, from the file where it is of this version; else
        the season is played up to there, and kept in the file."""
        self._begins_from = kept
        if read_version(kept) != version:
            self._play_season()
            save_database(kept, version)
        self.begin_again()

    def begin_again(self) -> None:
        """Forget what was played and done."""
        with self._moving:
            if self._begins_from is None:
                raise RuntimeError("the story has not begun")
            restore_database(self._begins_from)
            # The upstream's and FastF1's copies are of a time that is still to come.
            self._upstream.cache = open_cache(self._upstream.played)
            self._copies = CacheClock(MOMENTS[0].at, self._upstream.count_requests)
            self.clock.begin_again(MOMENTS[0].at)
            self._worker = Worker(self.clock)
            # Polling's jitter, the same each time.
            random.seed(SEASON)

    def _play_season(self) -> None:
        """As an operator who sets the app up in May, corrects Miami, and lets the worker run from
        the Sunday of Belgium on."""
        call_command("migrate", verbosity=0)
        group = Group.objects.get(name=OPERATORS)
        for name in (OPERATOR, COLLEAGUE):
            person = get_user_model().objects.create_user(name, is_staff=True)
            person.groups.add(group)
        ana = get_user_model().objects.get(username=COLLEAGUE)
        self._ingest(MIAMI)
        self.clock.advance(MIAMI_CORRECTED)
        self._correct_miami(Author(ana, MIAMI_REASON, MIAMI_CORRECTED))
        self._ingest(SET_UP)
        self._worker = Worker(self.clock)
        self._run_worker(MOMENTS[0].at)

    def _correct_miami(self, author: Author) -> None:
        """Exactly as Jolpica has it in the end: Sainz behind Perez, with his points."""
        race = Event.objects.get(season=SEASON, name="Miami Grand Prix", session_type="race")
        rows = {row.driver_id: row for row in race.classification}
        sainz, perez = rows["sainz"], rows["perez"]
        order = [*rows]
        order.insert(order.index("perez"), order.pop(order.index("sainz")))
        time, gap = sainz.time, sainz.gap
        if time is None or gap is None:
            raise ValueError("Sainz has no time in Miami")
        changes: dict[Key, dict[str, Any]] = {
            key_of(sainz): {
                "points": perez.points,
                "time": time + MIAMI_PENALTY,
                "gap": gap + MIAMI_PENALTY,
            },
            key_of(perez): {"points": sainz.points},
        }
        keys = [key_of(rows[driver]) for driver in order]
        edit_entries(race, keys, changes, author, revision=race.results_revision)

    def _ingest(self, when: datetime) -> None:
        self.clock.advance(when)
        self._copies.advance(when)
        request = IngestRequest(
            seasons=(SEASON,), config=configured_sources(), rules=configured_rules()
        )
        ingest(request, clock=self.clock.read, show_step=ignore_progress)

    # How time passes

    def pass_time(self, seen: datetime, to: datetime) -> bool:
        """The worker runs until then, and the time is what was `seen`; False where it was not."""
        with self._moving:
            if seen != self.clock.read():
                return False
            self._run_worker(to)
            return True

    def _run_worker(self, to: datetime) -> None:
        longer = LONGER if to - self.clock.read() > AT_FULL_RHYTHM else 1
        runs = heapq.merge(
            *(run_times(one, self.clock.read(), to, longer) for one in DECLARED),
            key=lambda run: run[0],
        )
        for when, declared in runs:
            self.clock.advance(when)
            self._copies.advance(when)
            self._worker.run(declared)
        self.clock.advance(to)


def run_times(
    declared: Declared, since: datetime, to: datetime, longer: int
) -> Iterator[tuple[datetime, Declared]]:
    pause = timedelta(minutes=declared.minutes)
    if pause < HOUR:
        pause *= longer
    when = declared.last_run(since)
    while (when := when + pause) <= to:
        yield when, declared


# The database, and the file that keeps how the story begins


def read_version(kept: Path) -> int:
    """0 where there is no such file."""
    if not kept.exists():
        return 0
    with closing(sqlite3.connect(kept)) as rows:
        (version,) = rows.execute("PRAGMA user_version").fetchone()
    return int(version)


def save_database(kept: Path, version: int) -> None:
    kept.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as played,
        closing(sqlite3.connect(kept)) as rows,
    ):
        played.backup(rows)
        # Last: a file that is half a copy has none.
        rows.execute(f"PRAGMA user_version = {version:d}")


def restore_database(kept: Path) -> None:
    connection.close()
    with (
        closing(sqlite3.connect(kept)) as rows,
        closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as played,
    ):
        rows.backup(played)
