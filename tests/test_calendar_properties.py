"""Whatever the calendars do, an event stays itself: hypothesis makes up the sequences.

The suite runs a few, the same ones each time, and `make long` more. Many others, by the number of
your choice: `pytest tests/test_calendar_properties.py --hypothesis-seed=1`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from ingestion import signals
from ingestion.errors import BadSourceData
from ingestion.models import Change, Event, Result
from ingestion.records import CalendarRecord, ClassificationRecord, Source
from ingestion.report import SaveReport
from ingestion.save import SaveContext, save_calendar, save_classifications
from ingestion.sessions import SessionType
from tests.changing_season import (
    BROKEN,
    EDITS,
    FILE,
    JOLPICA,
    KEY_OF,
    KEYS,
    RACE,
    STARTS,
    WEEKS,
    Calendar,
    Edit,
    Weekend,
    as_calendar,
    as_identity,
    can_be_told_apart,
    classify,
    cut,
    first_calendar,
    has_a_race_each_weekend,
    look_of,
    looks_of,
    stored_looks,
    sunday_of,
)
from tests.rows import all_rows

pytestmark = pytest.mark.django_db(transaction=True)

ALL_KINDS = settings(
    max_examples=32,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
AT_LENGTH = settings(ALL_KINDS, max_examples=2000, derandomize=False)
# Enough to see that a rule is broken, and what another database does with the rows.
A_FEW = settings(ALL_KINDS, max_examples=6)

Row = Mapping[str, Any]
Rows = dict[str, list[dict[str, Any]]]
Heard = list[tuple[str, int]]

SIGNALS = {
    "published": signals.results_published,
    "amended": signals.results_amended,
    "rescheduled": signals.event_rescheduled,
    "cancelled": signals.event_cancelled,
    "reinstated": signals.event_reinstated,
}
START = ("starts_at", "start_is_estimated")
OTHER_FACTS = (
    "round_number",
    "name",
    "official_name",
    "country",
    "location",
    "utc_offset",
    "schedule_source",
    "disputed_starts_at",
)
KINDS = ("scheduled", *SIGNALS, "details")
# What the sequences have to bring about for the test to mean anything.
OTHERS = (
    *BROKEN,
    "cut",
    "refused",
    "left aside",
    "an older answer",
    "silent",
    "another day",
    "landed",
    "older results",
    "results of a cancelled one",
    "lock passed",
    "elsewhere",
)


@contextmanager
def heard_signals(heard: Heard) -> Iterator[None]:
    """Each signal's name with its entry in the feed, as they are sent."""
    receivers = []
    for kind, signal in SIGNALS.items():

        def receive(*, change: Change, kind: str = kind, **_: Any) -> None:
            heard.append((kind, change.pk))

        signal.connect(receive, weak=False)
        receivers.append((signal, receive))
    try:
        yield
    finally:
        for signal, receive in receivers:
            signal.disconnect(receive)


def written(before: Rows, after: Rows) -> dict[str, list[Any]]:
    """What differs, as it is now; for a row that is gone what it was."""
    differing = {
        table: [row for row in rows if row not in before[table]]
        or [row for row in before[table] if row not in rows]
        for table, rows in after.items()
    }
    return {table: rows for table, rows in differing.items() if rows}


def by_id(rows: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in rows}


def added(table: str, before: Rows, after: Rows) -> list[dict[str, Any]]:
    old = by_id(before[table])
    return [row for row in after[table] if row["id"] not in old]


def news(before: Rows, after: Rows) -> list[tuple[int, str]]:
    """The events and kinds of change that the rows themselves tell."""
    old = by_id(before["event"])
    found: list[tuple[int, str]] = []
    for event in after["event"]:
        was = old.get(event["id"])
        if was is None:
            found.append((event["id"], "scheduled"))
            continue
        kinds = (change_of_schedule(was, event), change_of_results(was, event, before, after))
        found += [(event["id"], kind) for kind in kinds if kind]
    return found


def change_of_schedule(was: Row, event: Row) -> str:
    if "cancelled" in (was["status"], event["status"]) and was["status"] != event["status"]:
        return "cancelled" if event["status"] == "cancelled" else "reinstated"
    if any(was[name] != event[name] for name in START):
        return "rescheduled"
    return "details" if any(was[name] != event[name] for name in OTHER_FACTS) else ""


def change_of_results(was: Row, event: Row, before: Rows, after: Rows) -> str:
    was_results, results = (results_of(event["id"], rows) for rows in (before, after))
    if was["results_revision"] == event["results_revision"]:
        return "" if was_results == results else "details"
    return "amended" if was["results_revision"] else "published"


def results_of(event: int, rows: Rows) -> list[Row]:
    results = [row for row in rows["result"] if row["event_id"] == event]
    return sorted(results, key=lambda row: row["order"])


def drivers_of(event: int, rows: Rows) -> list[str]:
    return [row["driver_id"] for row in results_of(event, rows)]


def lacks_most(calendar: CalendarRecord, now: datetime) -> bool:
    """Fewer than half of the races that remain."""
    coming = Event.objects.filter(session_type=RACE).upcoming(now)
    remaining = {KEY_OF[race.name] for race in coming}
    kept = remaining & {look.key for look in looks_of([calendar])}
    return len(remaining) > 1 and 2 * len(kept) < len(remaining)


@dataclass(frozen=True)
class Told:
    """What the calendars once were, and when."""

    calendars: Mapping[Source, Calendar]
    at: datetime


@dataclass(frozen=True)
class Saved:
    """A step: its report, None where it was refused, and all rows before and after."""

    report: SaveReport | None
    before: Rows
    after: Rows


BOTH = (FILE, JOLPICA)
Sources = tuple[Source, ...]


@dataclass(frozen=True)
class Wait:
    """So many hours, or until that long after the start of the next race."""

    hours: int
    is_for_a_race: bool = False


@dataclass(frozen=True)
class Calendars:
    """The calendars as they are, the first of them deciding; without any, nothing is read."""

    sources: Sources


@dataclass(frozen=True)
class OlderCalendars:
    """As they were when they were read so many times ago."""

    sources: Sources
    age: int


@dataclass(frozen=True)
class BrokenCalendar:
    """One that cannot be true, alone or beside the other one."""

    what: str
    source: Source
    is_alone: bool


@dataclass(frozen=True)
class Results:
    """What Jolpica has of the sessions that are over: of one grand prix, or of the season.

    `round_number` is what it calls each, `days` how far its date is off; it may know them as they
    were when the calendars were read so many times ago.
    """

    key: str | None
    order: tuple[int, ...]
    points: int
    hours_old: int
    round_number: int
    days: int
    age: int


Answer = Calendars | OlderCalendars | BrokenCalendar | Results

sources = st.sampled_from([BOTH, BOTH, BOTH, (FILE,), (JOLPICA,)])
edits = st.builds(
    Edit,
    what=st.sampled_from(["left or came back", "left or came back", "renamed", *EDITS]),
    where=st.sampled_from([BOTH, BOTH, (FILE,), (FILE,), (JOLPICA,)]).map(frozenset),
    key=st.sampled_from(KEYS),
    other=st.sampled_from(KEYS),
    kind=st.sampled_from([*SessionType, RACE]),
    choice=st.integers(0, 2),
    week=st.integers(0, WEEKS - 1),
)
calendars = st.builds(Calendars, sources)
results = st.builds(
    Results,
    key=st.sampled_from([None, None, None, *KEYS]),
    order=st.permutations([1, 2, 3]).map(tuple),
    points=st.integers(0, 1),
    hours_old=st.sampled_from([0, 0, 0, 200, 2000]),
    round_number=st.integers(1, 9),
    days=st.sampled_from([0, 0, 0, 0, 3, 28]),
    age=st.sampled_from([0, 0, 0, 1, 2]),
)
answers = st.one_of(
    calendars,
    calendars,
    calendars,
    st.just(Calendars(())),
    st.builds(OlderCalendars, sources, st.integers(1, 8)),
    st.builds(
        BrokenCalendar, st.sampled_from([*BROKEN, "cut"]), st.sampled_from(BOTH), st.booleans()
    ),
    results,
    results,
)
waits = st.one_of(
    st.sampled_from([0, 0, 1, 24, 24 * 6, 24 * 21]).map(Wait),
    st.sampled_from([-1, 0, 1, 4]).map(partial(Wait, is_for_a_race=True)),
)


Save = Callable[[SaveContext], SaveReport]


class ChangingSeason(RuleBasedStateMachine):
    """Two calendars that are edited, a clock and results; `reached` counts what came about."""

    reached: ClassVar[Counter[str]] = Counter()
    heard: ClassVar[Heard] = []

    def __init__(self) -> None:
        super().__init__()
        for model in (Change, Result, Event):
            model._default_manager.all().delete()
        # Nothing else writes: as the last save left them.
        self.rows = all_rows()
        self.now = datetime(2024, 1, 1, tzinfo=UTC)
        self.calendars: dict[Source, Calendar] = dict.fromkeys(BOTH, first_calendar())
        self.told: list[Told] = []
        self.closed: dict[int, datetime] = {}
        self.slugs: dict[str, str] = {}
        self.events: set[int] = set()

    @initialize(week=st.sampled_from([-4, 1, 1, 6, 12, 20]), sources=sources)
    def begin(self, week: int, sources: Sources) -> None:
        """On a Saturday evening: before the season, or in its first days or its middle."""
        self.now = datetime.combine(sunday_of(week), time(), UTC) - timedelta(hours=4)
        self.read(sources)

    @rule(wait=waits, edits=st.lists(edits, max_size=4), answer=answers)
    def go_on(self, wait: Wait, edits: Sequence[Edit], answer: Answer) -> None:
        self.pass_time(wait)
        for edit in edits:
            self.edit(edit)
        match answer:
            case Calendars(sources):
                self.read(sources)
            case OlderCalendars():
                self.read_older(answer)
            case BrokenCalendar():
                self.read_broken(answer)
            case Results():
                self.read_results(answer)

    # Saving, and what holds after it

    def save(self, save: Save) -> Saved:
        before = self.rows
        self.note_closed(before)
        self.heard.clear()
        report = None
        with suppress(BadSourceData):
            report = save(self.context())
        after = self.rows = all_rows()
        if report is None:
            assert written(before, after) == {}
        self.check_feed(before, after)
        self.check_identities(after)
        self.check_results(after)
        self.check_locks(after)
        return Saved(report, before, after)

    def check_identities(self, rows: Rows) -> None:
        """No event goes, all of a grand prix stay under one slug of its own, and none that is
        cancelled has a round."""
        events = by_id(rows["event"])
        assert self.events <= events.keys()
        self.events = set(events)
        for event in rows["event"]:
            slug = self.slugs.setdefault(KEY_OF[event["name"]], event["grand_prix"])
            assert event["grand_prix"] == slug
            assert event["round_number"] is None or event["status"] != "cancelled"
        assert len(set(self.slugs.values())) == len(self.slugs)

    def check_results(self, rows: Rows) -> None:
        """Each is on its own session, and what has any is neither emptied nor cancelled."""
        events = by_id(rows["event"])
        for result in rows["result"]:
            event = events[result["event_id"]]
            key, kind, _ = result["driver_name"].split("/")
            assert (key, kind) == (KEY_OF[event["name"]], event["session_type"])
        classified = {event["id"] for event in rows["event"] if event["results_revision"]}
        assert classified == {result["event_id"] for result in rows["result"]}
        assert not any(events[event]["status"] == "cancelled" for event in classified)

    def check_locks(self, rows: Rows) -> None:
        """None that has passed is reopened, and none is later than the start."""
        self.note_closed(rows)
        for row in rows["event"]:
            event = Event(**row)
            if event.pk in self.closed:
                assert not event.in_time(self.closed[event.pk])
            if event.is_cancelled or event.has_results:
                continue
            assert event.locks_at is not None
            if event.starts_at is not None and not event.start_is_estimated:
                assert event.locks_at <= event.starts_at
                assert event.locks_at <= self.small_dispute(event)

    def small_dispute(self, event: Event) -> datetime:
        """The other calendar's start where either may be right."""
        one, other = event.starts_at, event.disputed_starts_at
        assert one is not None
        return other if other is not None and abs(other - one) < timedelta(hours=6) else one

    def note_closed(self, rows: Rows) -> None:
        for event in rows["event"]:
            locks_at = event["locks_at"]
            if locks_at is not None and locks_at <= self.now:
                self.reached["lock passed"] += event["id"] not in self.closed
                self.closed[event["id"]] = min(locks_at, self.closed.get(event["id"], locks_at))

    def check_again_writes_nothing(self, save: Save, saved: Saved) -> None:
        self.heard.clear()
        with suppress(BadSourceData):
            save(self.context())
        assert written(saved.after, all_rows()) == {}
        assert self.heard == []

    def context(self) -> SaveContext:
        # What is settled waits for a person: that has tests of its own.
        never = timedelta(days=10_000)
        return SaveContext(run=None, cause=Change.Cause.POLL, now=self.now, settles_after=never)

    def check_feed(self, before: Rows, after: Rows) -> None:
        """One entry for each change, one signal for each entry that has one."""
        entries = added("change", before, after)
        assert len(entries) + len(before["change"]) == len(after["change"])
        told = [(entry["event_id"], entry["kind"]) for entry in entries]
        assert sorted(told) == sorted(news(before, after))
        events = by_id(after["event"])
        silent = [
            entry
            for entry in entries
            if entry["kind"] == "rescheduled" and events[entry["event_id"]]["results_revision"]
        ]
        announced = [entry for entry in entries if entry["kind"] in SIGNALS and entry not in silent]
        assert sorted(self.heard) == sorted((entry["kind"], entry["id"]) for entry in announced)
        self.reached.update(kind for _, kind in told)
        self.reached["elsewhere"] += sum(
            entry["kind"] == "reinstated" and "country" in entry["after"] for entry in entries
        )
        self.reached["silent"] += len(silent)

    # The calendars are read

    def read(self, sources: Sources) -> None:
        records = self.listed(self.calendars, sources, self.now)
        if not records:
            return
        saved = self.save_calendars(records, broken=[False] * len(records))
        self.told.append(Told(dict(self.calendars), self.now))
        if saved.report is not None and not saved.report.problems:
            self.check_followed(sources, saved)

    def save_calendars(self, records: Sequence[CalendarRecord], *, broken: Sequence[bool]) -> Saved:
        first, second = records[0], records[1] if len(records) > 1 else None
        save = partial(save_calendar, first, jolpica=second)
        refused = self.refusals(records, broken)
        saved = self.save(save)
        assert (saved.report is None) == refused[0]
        assert saved.after["result"] == saved.before["result"]
        if saved.report is None:
            self.reached["refused"] += 1
        else:
            assert len(saved.report.problems) == sum(refused)
            self.reached["left aside"] += sum(refused)
        if second is None or any(refused):
            assert "cancelled" not in {kind for _, kind in news(saved.before, saved.after)}
        if self.is_judged_alike(records, broken, refused):
            self.check_again_writes_nothing(save, saved)
        return saved

    def is_judged_alike(
        self, records: Sequence[CalendarRecord], broken: Sequence[bool], refused: Sequence[bool]
    ) -> bool:
        """Beside what was just saved: a calendar that was cut may be whole now, and a day by which
        a grand prix was recognised may be gone."""
        whole = [record for record, is_broken in zip(records, broken, strict=True) if not is_broken]
        is_alike = self.refusals(records, broken) == refused
        return is_alike and can_be_told_apart([*looks_of(whole), *stored_looks()])

    def refusals(self, records: Sequence[CalendarRecord], broken: Sequence[bool]) -> list[bool]:
        return [
            is_broken or lacks_most(record, self.now)
            for record, is_broken in zip(records, broken, strict=True)
        ]

    def check_followed(self, sources: Sources, saved: Saved) -> None:
        for row in saved.after["event"]:
            key, kind = KEY_OF[row["name"]], SessionType(row["session_type"])
            if FILE in sources and kind in self.starts_in(FILE, key):
                self.check_as_in_the_file(row, self.calendars[FILE][key], kind)
                if sources == BOTH:
                    self.check_beside_jolpicas(row, key, kind)
            elif sources == BOTH and kind not in self.starts_in(JOLPICA, key):
                assert row["results_revision"] or row["status"] == "cancelled"
        if FILE not in sources:
            self.check_told_by_the_file_stands(saved)

    def starts_in(self, source: Source, key: str) -> Mapping[SessionType, int | None]:
        weekend = self.calendars[source].get(key)
        return weekend.starts if weekend is not None else {}

    def check_as_in_the_file(self, row: Row, weekend: Weekend, kind: SessionType) -> None:
        assert row["status"] != "cancelled"
        assert (row["round_number"], row["name"]) == (weekend.round_number, weekend.name)
        assert (row["country"], row["location"]) == (weekend.place.country, weekend.place.location)
        start = weekend.starts_at(kind)
        if start is not None:
            assert (row["starts_at"], row["start_is_estimated"]) == (start, False)
        elif not row["results_revision"] and row["starts_at"] is None:
            # Before it can begin, or at once where that is past.
            earliest = weekend.after_midnight(min(STARTS[kind]))
            assert row["locks_at"] < earliest or row["locks_at"] <= self.now

    def check_beside_jolpicas(self, row: Row, key: str, kind: SessionType) -> None:
        """What Jolpica tells of a start fills in the file's, or disputes it; a weekend that the two
        together would put out of order is left to the file."""
        ours, theirs = self.calendars[FILE][key], self.calendars[JOLPICA].get(key)
        if theirs is None or theirs.is_estimated or theirs.starts_at(kind) is None:
            return
        start, told = ours.starts_at(kind), theirs.starts_at(kind)
        if start is not None:
            if None not in ours.starts.values() and ours.starts.keys() == theirs.starts.keys():
                assert row["disputed_starts_at"] == (told if told != start else None)
        elif ours.sunday == theirs.sunday:
            assert row["starts_at"] == told
        elif abs(ours.sunday - theirs.sunday) >= timedelta(weeks=1):
            assert row["starts_at"] is None

    def check_told_by_the_file_stands(self, saved: Saved) -> None:
        after = by_id(saved.after["event"])
        for row in saved.before["event"]:
            if row["schedule_source"] == FILE and row["status"] != "cancelled":
                names = ("starts_at", "name", "location", "round_number", "status")
                now = after[row["id"]]
                assert all(now[name] == row[name] for name in names[:-1])

    def listed(
        self, calendars: Mapping[Source, Calendar], sources: Sources, at: datetime
    ) -> list[CalendarRecord]:
        """None where not even a person could say what is what, beside what is stored."""
        records = [as_calendar(calendars[source], source, at) for source in sources]
        if can_be_told_apart([*looks_of(records), *stored_looks()]):
            return records
        self.reached["not told apart"] += 1
        return []

    def read_older(self, answer: OlderCalendars) -> None:
        if len(self.told) <= answer.age:
            return
        told = self.told[-1 - answer.age]
        records = self.listed(told.calendars, answer.sources, told.at)
        if not records:
            return
        self.reached["an older answer"] += 1
        saved = self.save_calendars(records, broken=[False] * len(records))
        after = by_id(saved.after["event"])
        for row in saved.before["event"]:
            if row["schedule_generated_at"] is not None and row["schedule_generated_at"] > told.at:
                assert after[row["id"]] == row

    def read_broken(self, answer: BrokenCalendar) -> None:
        records = self.listed(self.calendars, BOTH, self.now)
        if not records:
            return
        self.reached[answer.what] += 1
        records = [
            BROKEN.get(answer.what, cut)(record) if record.source is answer.source else record
            for record in records
            if record.source is answer.source or not answer.is_alone
        ]
        broken = [answer.what in BROKEN and record.source is answer.source for record in records]
        self.save_calendars(records, broken=broken)

    # What comes about

    def pass_time(self, wait: Wait) -> None:
        self.now += timedelta(minutes=1)
        if not wait.is_for_a_race:
            self.now += timedelta(hours=wait.hours)
            return
        coming = Event.objects.filter(session_type=RACE).upcoming(self.now).first()
        if coming is not None and coming.starts_at is not None:
            self.now = max(self.now, coming.starts_at + timedelta(hours=wait.hours))

    def edit(self, edit: Edit) -> None:
        """Where it leaves two calendars of which a person could say what is what."""
        edited = {
            source: edit.apply(calendar, source) for source, calendar in self.calendars.items()
        }
        if edited != self.calendars and self.is_sensible(edited):
            self.calendars = edited
            self.reached[edit.what] += 1

    def is_sensible(self, calendars: Mapping[Source, Calendar]) -> bool:
        records = [as_calendar(calendars[source], source, self.now) for source in BOTH]
        return all(
            len(calendar) > 2 and has_a_race_each_weekend(calendar)
            for calendar in calendars.values()
        ) and can_be_told_apart([*looks_of(records), *stored_looks()])

    def read_results(self, answer: Results) -> None:
        classifications = [
            classify(
                key,
                kind,
                as_identity(weekend, answer.round_number, timedelta(days=answer.days)),
                answer.order,
                points=answer.points,
                generated_at=self.now - timedelta(hours=answer.hours_old),
            )
            for key, weekend in self.calendar_ago(answer.age).items()
            for kind in weekend.starts
            if answer.key in (None, key) and self.is_over(weekend.starts_at(kind))
        ]
        told = [look_of(one.race, KEY_OF[one.race.name]) for one in classifications]
        stored = stored_looks()
        if any(
            one.key != other.key and one.is_where_and_when(other)
            for one in told
            for other in stored
        ):
            return
        save = partial(save_classifications, classifications)
        saved = self.save(save)
        self.check_again_writes_nothing(save, saved)
        for one in classifications:
            self.check_landed(one, saved)
        self.reached["another day"] += bool(classifications and answer.days)

    def calendar_ago(self, age: int) -> Calendar:
        if not 0 < age <= len(self.told):
            return self.calendars[JOLPICA]
        return self.told[-age].calendars[JOLPICA]

    def is_over(self, starts_at: datetime | None) -> bool:
        return starts_at is not None and starts_at + timedelta(hours=3) <= self.now

    def check_landed(self, one: ClassificationRecord, saved: Saved) -> None:
        """On the session of its grand prix and day, where that is on the calendar and knows
        nothing newer; otherwise nowhere."""
        told = look_of(one.race, KEY_OF[one.race.name])
        is_held = any(
            told.key == look.key
            and told.is_when(look)
            and (told.name == look.name or told.is_where_and_when(look))
            for look in stored_looks()
        )
        for row in saved.before["event"]:
            if KEY_OF[row["name"]] != told.key or row["session_type"] != one.session_type:
                continue
            known = row["results_generated_at"]
            is_news = known is None or known <= one.generated_at
            if is_held and is_news and row["status"] != "cancelled":
                drivers = [result.driver_id for result in one.results]
                assert drivers_of(row["id"], saved.after) == drivers
                self.reached["landed"] += 1
            else:
                self.reached["older results"] += not is_news
                self.reached["results of a cancelled one"] += row["status"] == "cancelled"
                assert drivers_of(row["id"], saved.after) == drivers_of(row["id"], saved.before)


def run_sequences(chosen: settings) -> None:
    ChangingSeason.reached.clear()
    with heard_signals(ChangingSeason.heard):
        run_state_machine_as_test(ChangingSeason, settings=chosen)


def test_an_event_stays_itself_whatever_the_calendars_do(request: pytest.FixtureRequest) -> None:
    is_seeded = request.config.getoption("--hypothesis-seed") is not None
    run_sequences(AT_LENGTH if is_seeded else A_FEW)


@pytest.mark.long
@pytest.mark.once
def test_the_sequences_bring_about_all_that_can_happen() -> None:
    run_sequences(ALL_KINDS)
    missing = [what for what in (*KINDS, *EDITS, *OTHERS) if not ChangingSeason.reached[what]]
    assert missing == []
