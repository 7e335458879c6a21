"""What must hold of a database at any instant, whatever was killed, and what two have in common."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from ingestion.amendments import apply_details
from ingestion.models import Change, Event, IngestRun, Result
from ingestion.records import Source
from ingestion.save.rows import snapshot
from tests.rows import all_rows

Rows = dict[str, list[dict[str, Any]]]

# When something was saved and by which run: the undisturbed run saves at another time.
TIMES = frozenset({"created_at", "updated_at", "results_changed_at"})
OF_THIS_DATABASE = frozenset({"id", "event_id", "run_id", "person_id", "proposal_id"})
# Of a classification, the places that people pick.
LEADERS = {True: 3, False: 1}
CANCELLING = {Change.Kind.CANCELLED, Change.Kind.VOIDED}


@dataclass(frozen=True)
class Story:
    """An event with its entries and what the feed tells of it, oldest first."""

    event: Event
    results: Sequence[Result]
    changes: Sequence[Change]

    @property
    def revisions(self) -> list[Change]:
        """The entries that carry a classification which was saved."""
        return [
            change
            for change in self.changes
            if "classification" in change.after and change.kind != Change.Kind.PROPOSED
        ]


def assert_consistent() -> None:
    found = find_faults()
    assert not found, "\n".join(found)


def find_faults() -> list[str]:
    """Everything that is half, lost or in contradiction, in words; [] of a database that is right.

    A run that says that it still runs is none: a killed one cannot say more.
    """
    faults = [*_find_damage()]
    for story in read_stories():
        checks = (_judge_classification, _judge_revisions, _judge_schedule, _judge_state)
        faults += [f"{story.event}: {fault}" for check in checks for fault in check(story)]
    return faults


def read_stories() -> list[Story]:
    results: dict[int, list[Result]] = defaultdict(list)
    changes: dict[int, list[Change]] = defaultdict(list)
    for result in Result.objects.order_by("event", "order", "pk"):
        results[result.event_id].append(result)
    for change in Change.objects.order_by("pk"):
        changes[change.event_id].append(change)
    return [
        Story(event, results[event.pk], changes[event.pk])
        for event in Event.objects.select_related("proposal").order_by("pk")
    ]


def _judge_classification(story: Story) -> Iterator[str]:
    event, results = story.event, story.results
    if not event.has_results:
        if results:
            yield f"{len(results)} entries of a classification that was never published"
        return
    if not results:
        yield f"revision {event.results_revision} has no entries"
        return
    orders = [result.order for result in results]
    if orders != list(range(1, len(orders) + 1)):
        yield f"the orders are not 1 to {len(orders)} but {orders}"
    leaders = LEADERS[event.is_race]
    if [result.order for result in results[:leaders]] != list(range(1, leaders + 1)):
        yield f"fewer than {leaders} of its leaders"


def _judge_revisions(story: Story) -> Iterator[str]:
    event, revisions = story.event, story.revisions
    told = [change.revision for change in revisions]
    if sorted(set(told)) != list(range(1, event.results_revision + 1)) or told != sorted(told):
        yield f"it is at revision {event.results_revision}, and the feed tells {told}"
    known: list[Any] = []
    for change in story.changes:
        known = apply_details(known, change.after.get("details", []))
        if change in revisions:
            if change.before.get("classification", []) != known:
                yield f"revision {change.revision} does not follow from the one before"
            known = change.after["classification"]
    if revisions and known != as_fed(story.results):
        yield (
            f"the feed's last classification has {len(known)} entries, and what is saved differs "
            f"from it ({len(story.results)} entries)"
        )


def _judge_schedule(story: Story) -> Iterator[str]:
    event, changes = story.event, story.changes
    kinds = [change.kind for change in changes]
    if kinds[:1] != [Change.Kind.SCHEDULED] or kinds.count(Change.Kind.SCHEDULED) != 1:
        yield f"the feed does not tell once, and first, that it was scheduled: {kinds}"
    starts = [change.after["starts_at"] for change in changes if "starts_at" in change.after]
    saved = as_json(event.starts_at)
    if starts and starts[-1] != saved:
        yield f"it starts at {saved}, and the feed says {starts[-1]}"


def _judge_state(story: Story) -> Iterator[str]:
    event = story.event
    if event.is_cancelled != _is_told_cancelled(story):
        yield f"its status is {event.status}, and the feed does not say so"
    if event.has_results and event.status not in (Event.Status.COMPLETED, Event.Status.CANCELLED):
        yield f"it has results and is {event.status}"
    if event.has_results and not event.results_source:
        yield "nobody knows where its classification came from"
    if event.results_source == Source.PERSON and not _is_told_of_person(story):
        yield "its classification is a person's, and the feed names none"
    proposal = event.proposal
    if proposal and (proposal.event_id, proposal.kind) != (event.pk, Change.Kind.PROPOSED):
        yield "its proposal is not one of its own"


def _is_told_cancelled(story: Story) -> bool:
    cancelled = False
    for change in story.changes:
        if change.kind in CANCELLING:
            cancelled = True
        elif change.kind == Change.Kind.REINSTATED or "status" in change.after:
            cancelled = False
    return cancelled


def _is_told_of_person(story: Story) -> bool:
    return any(change.kind == Change.Kind.CORRECTED for change in story.changes)


def _find_damage() -> Iterator[str]:
    """What the database itself says of its file and its keys."""
    entries_of_runs = Change.objects.exclude(run=None)
    lost = entries_of_runs.exclude(run__in=IngestRun.objects.all()).count()
    if lost:
        yield f"{lost} entries of the feed name a run that has no record"
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        yield from (row[0] for row in cursor.fetchall() if row[0] != "ok")
        cursor.execute("PRAGMA foreign_key_check")
        yield from (f"a row of {row[0]} points at nothing" for row in cursor.fetchall())


def as_fed(results: Sequence[Result]) -> Any:
    """A classification as the feed would keep it now."""
    return as_json(snapshot(results))


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))


def comparable_rows() -> dict[str, Any]:
    """What the app's tables say, bookkeeping, keys and times of saving apart: alike in any two
    databases that were told the same. The feed is compared event by event."""
    rows = all_rows()
    names = {
        row["id"]: f"{row['season']} {row['grand_prix']} {row['session_type']}"
        for row in rows["event"]
    }
    told: dict[str, Any] = {name: {"results": [], "feed": []} for name in sorted(names.values())}
    for row in rows["event"]:
        told[names[row["id"]]]["event"] = _facts(row)
    for row in sorted(rows["result"], key=lambda row: int(row["order"])):
        told[names[row["event_id"]]]["results"].append(_facts(row))
    for row in rows["change"]:
        told[names[row["event_id"]]]["feed"].append(_facts(row))
    return told


def _facts(row: dict[str, Any]) -> Any:
    return as_json({key: row[key] for key in row.keys() - TIMES - OF_THIS_DATABASE})


def describe_difference(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Which events differ, and in what, in a line each."""
    words = []
    for name in sorted(expected.keys() | found.keys()):
        one, other = expected.get(name), found.get(name)
        if one is None or other is None:
            words.append(f"{name} is {'there' if one is None else 'missing'}")
        elif one != other:
            parts = [part for part in one if one[part] != other[part]]
            words.append(f"{name} differs in its {' and '.join(parts)}")
    return words
