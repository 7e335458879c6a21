"""The crash proof itself: it finds what is half, lost or contradicts the feed; a short run of it
holds, and notices when the transaction is gone."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from f1picks.environment import ROOT
from ingestion.models import Change, Driver, Event, IngestRun, Result
from ingestion.testing.feed import SeasonFeed
from tests.conftest import on_postgres
from tests.proofs.consistency import (
    assert_consistent,
    comparable_rows,
    describe_difference,
    find_faults,
)

DATABASE = "postgresql" if on_postgres else "sqlite"


def lose_the_podium() -> None:
    Result.objects.filter(order__lte=3).delete()


def lose_half_a_classification() -> None:
    Result.objects.filter(order__gt=10).delete()


def lose_all_entries() -> None:
    Result.objects.all().delete()


def swap_an_entry() -> None:
    other = Driver.objects.create(key="somebody", name="Jo Driver", created_at=datetime.now(UTC))
    Result.objects.filter(order=2).update(driver=other)


def miscount_the_orders() -> None:
    Result.objects.filter(order=5).update(order=6)


def lose_the_revision() -> None:
    Change.objects.filter(kind=Change.Kind.AMENDED).delete()


def count_a_revision_too_many() -> None:
    Event.objects.filter(results_revision=2).update(results_revision=3)


def never_publish() -> None:
    Event.objects.update(results_revision=0, results_state=Event.ResultsState.PENDING)


def lose_the_first_entry() -> None:
    Change.objects.filter(kind=Change.Kind.SCHEDULED).delete()


def move_the_start() -> None:
    Event.objects.update(starts_at=F("starts_at") + timedelta(hours=1))


def cancel_in_silence() -> None:
    Event.objects.update(status=Event.Status.CANCELLED)


def forget_that_it_is_over() -> None:
    Event.objects.update(status=Event.Status.SCHEDULED)


def point_at_another_entry() -> None:
    Event.objects.update(proposal=Change.objects.earliest("pk"))


def take_it_for_a_persons() -> None:
    Event.objects.update(results_source="person")


FAULTS: dict[Callable[[], None], str] = {
    lose_the_podium: "fewer than 3 of its leaders",
    lose_half_a_classification: "the feed's last classification has 20 entries",
    lose_all_entries: "revision 2 has no entries",
    swap_an_entry: "what is saved differs",
    miscount_the_orders: "the orders are not 1 to 20",
    lose_the_revision: "it is at revision 2, and the feed tells [1]",
    count_a_revision_too_many: "it is at revision 3, and the feed tells [1, 2]",
    never_publish: "20 entries of a classification that was never published",
    lose_the_first_entry: "does not tell once, and first, that it was scheduled",
    move_the_start: "and the feed says",
    cancel_in_silence: "its status is cancelled, and the feed does not say so",
    forget_that_it_is_over: "it has results and is scheduled",
    point_at_another_entry: "its proposal is not one of its own",
    take_it_for_a_persons: "the feed names none",
}


@pytest.fixture
def raced(db: None) -> Event:
    """A race whose start moved, whose result was published and amended."""
    feed = SeasonFeed(is_held=True)
    event = feed.schedule().event
    feed.reschedule(event)
    feed.amend(event)
    return event


def test_a_database_that_is_right_has_no_faults(raced: Event) -> None:
    IngestRun.objects.create(started_at=raced.created_at)  # of a run that was killed

    assert_consistent()


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_what_is_half_or_lost_is_found(raced: Event, spoil: Callable[[], None]) -> None:
    spoil()

    found = "\n".join(find_faults())
    assert FAULTS[spoil] in found
    with pytest.raises(AssertionError):
        assert_consistent()


def test_databases_are_compared_event_by_event(raced: Event) -> None:
    before = comparable_rows()
    Result.objects.filter(order=1).update(points=1)

    [difference] = describe_difference(before, comparable_rows())
    assert difference.endswith(" race differs in its results")


def prove(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.proofs.crash", "--database", DATABASE, *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_few_kills_hurt_nothing() -> None:
    done = prove("--kills", "4", "--only", "kills", "--seed", "1")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All held; seed 1" in done.stdout


@pytest.mark.long
def test_kills_without_the_transaction_are_noticed() -> None:
    done = prove("--kills", "24", "--only", "kills", "--seed", "1", "--without", "transaction")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "deviation: " in done.stdout
