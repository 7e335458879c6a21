"""A database beside what it should be; every deviation in words."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.proofs.faults import facts
from tests.proofs.faults.dumps import (
    ENTRANTS,
    MOMENTS,
    Dump,
    Row,
    are_alike,
    group_changes,
    named_entrants,
    substance,
)
from tests.proofs.faults.expected import (
    JOLPICA,
    KINDS,
    NEITHER,
    Expected,
    slug_of,
    told_by,
)
from tests.proofs.faults.places import KEYS, SEASON, Key

OF_RESULTS = (
    *("results_state", "results_revision", "results_source", "results_locked"),
    *("has_proposal", "proposal_rejected"),
)
NO_RESULTS: Row = {
    "results_state": "pending",
    "results_revision": 0,
    "results_source": "",
    "results_locked": False,
    "has_proposal": False,
    "proposal_rejected": False,
}
GUESSED = {
    **NO_RESULTS,
    "results_state": "provisional",
    "results_revision": 1,
    "results_source": "sprint_grid",
}


# What the run left behind


def judge_rows(expected: Expected, before: Dump, healthy: Dump, after: Dump) -> Iterator[str]:
    """`healthy` is what a run without a fault makes of `before`."""
    for key in sorted({*before.events, *healthy.events, *after.events}):
        if key[0] not in expected.added:
            yield from _judge_results(key, expected, before, healthy, after)
            yield from _judge_event(key, expected, before, healthy, after)
    for name in expected.added:
        if not any(key[0] == name for key in after.events):
            yield f"{name}: it is missing"
    yield from _judge_changes(expected, before, healthy, after)


def _judge_event(
    key: Key, expected: Expected, before: Dump, healthy: Dump, after: Dump
) -> Iterator[str]:
    wanted = _expected_event(key, expected, before.events.get(key), healthy.events.get(key))
    found, was = after.events.get(key), before.events.get(key)
    if wanted is None or found is None:
        if (wanted is None) != (found is None):
            yield f"{name_key(key)}: it is {'missing' if found is None else 'there'}"
        return
    if was is not None and wanted == substance(was):
        yield from _differences(name_key(key), was, found)
    else:
        yield from _differences(name_key(key), wanted, substance(found))


def _expected_event(
    key: Key, expected: Expected, was: Row | None, healthy: Row | None
) -> Row | None:
    if was is None and (expected.calendars == NEITHER or healthy is None):
        return None
    known = None if was is None else substance(was)
    news = substance(healthy) if healthy is not None else known
    assert news is not None
    takes_none = expected.calendars == NEITHER or (known and expected.calendars == JOLPICA)
    base = dict(known if takes_none and known is not None else news)
    base |= {name: (known or NO_RESULTS)[name] for name in OF_RESULTS}
    if expected.calendars != NEITHER:
        base |= {"status": news["status"], **expected.changed.get(key, {})}
    if expected.keeps(key):
        return base
    if key in expected.guessed:
        return {**base, **GUESSED}
    if key in expected.proposed:
        return {**base, "has_proposal": True}
    return {**base, **{name: news[name] for name in (*OF_RESULTS, "status")}}


def _judge_results(
    key: Key, expected: Expected, before: Dump, healthy: Dump, after: Dump
) -> Iterator[str]:
    was, found = before.results.get(key, []), after.results.get(key, [])
    news = healthy.results.get(key, [])
    name = f"{name_key(key)} results"
    if expected.keeps(key) or key in expected.proposed or are_alike(was, news):
        if found != was:
            yield f"{name}: {_compare(found, was)}"
        return
    drivers = [row["driver_id"] for row in found]
    if key in expected.guessed or key in expected.told:
        wanted = list(expected.told[key]) if key in expected.told else [_pole_of(key)]
        if drivers != wanted:
            yield f"{name}: {', '.join(drivers[:3]) or 'none'}, should be {', '.join(wanted[:3])}"
    elif not are_alike(found, news):
        yield f"{name}: {_compare(found, news)}"


def _compare(found: list[Row], wanted: list[Row]) -> str:
    """Where two classifications that differ do so first; another driver says more than a time."""
    if not found or not wanted:
        return f"{_count(found)}, should be {_count(wanted)}"
    pairs = list(enumerate(zip(found, wanted, strict=False), start=1))
    for columns in (["driver_id"], sorted(substance(found[0]))):
        for place, (row, other) in pairs:
            for column in columns:
                if row[column] != other[column]:
                    values = f"{_print(row[column])}, should be {_print(other[column])}"
                    return f"{column} at place {place} is {values}"
    if len(found) != len(wanted):
        return f"{_count(found)}, should be {_count(wanted)}"
    return "the same rows were written again"


def _count(rows: list[Row]) -> str:
    return f"{len(rows)} entries" if rows else "none"


def _pole_of(key: Key) -> str:
    """By the grid of its sprint."""
    sprint = facts.latest_facts().sprints[KEYS[key[0]]]
    return next(finish.driver for finish in sprint if finish.grid == 1)


def _judge_changes(expected: Expected, before: Dump, healthy: Dump, after: Dump) -> Iterator[str]:
    if after.changes[: len(before.changes)] != before.changes:
        yield "the feed: what stood in it has changed"
        return
    news, wanted = group_changes(before, after), group_changes(before, healthy)
    for part in sorted({*news, *wanted}):
        key, is_of_results = (part[0], part[1]), part[2] == "results"
        if key[0] in expected.added:
            continue
        if part[2] == ENTRANTS:
            # What is left out names fewer, and nothing that is wrong names anybody else.
            others = named_entrants(news.get(part, [])) - named_entrants(wanted.get(part, []))
            others -= expected.entered
            if others:
                yield f"the feed, {name_key(key)}: {', '.join(sorted(others))} could be picked"
            continue
        found = [(entry["kind"], entry["before"], entry["after"]) for entry in news.get(part, [])]
        kinds = [kind for kind, *_ in found]
        usual = [(entry["kind"], entry["before"], entry["after"]) for entry in wanted.get(part, [])]
        told = (
            _kinds_of_results(key, expected)
            if is_of_results
            else _kinds_of_calendars(key, expected, before)
        )
        if told is None and found != usual:
            names = [kind for kind, *_ in usual]
            yield f"the feed, {name_key(key)}: {_name(kinds)}, should be {_name(names)}"
        elif told is not None and kinds != told:
            yield f"the feed, {name_key(key)}: {_name(kinds)}, should be {_name(told)}"


def _kinds_of_results(key: Key, expected: Expected) -> list[str] | None:
    """None where they are the usual ones."""
    if expected.keeps(key):
        return []
    if key in expected.proposed:
        return ["proposed"]
    return ["published"] if key in expected.guessed or key in expected.told else None


def _kinds_of_calendars(key: Key, expected: Expected, before: Dump) -> list[str] | None:
    was = before.events.get(key)
    if expected.calendars == NEITHER:
        return []
    if key in expected.changed:
        if was is None:
            return ["scheduled"]
        # With the news that it has besides.
        moves = {"starts_at", "locks_at"} & {*expected.changed[key]}
        return ["rescheduled"] if moves else ["details"]
    return [] if was is not None and expected.calendars == JOLPICA else None


def _name(kinds: list[str]) -> str:
    return ", ".join(kinds) or "nothing"


def name_key(key: Key) -> str:
    return f"{key[0]} {key[1].replace('_', ' ')}"


def _differences(name: str, wanted: Row, found: Row) -> Iterator[str]:
    for column in sorted({*wanted, *found}, key=lambda column: (column in MOMENTS, column)):
        is_so, should_be = found.get(column), wanted.get(column)
        if is_so != should_be:
            yield f"{name}: {column} is {_print(is_so)}, should be {_print(should_be)}"


def _print(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value) if isinstance(value, timedelta | Decimal) else repr(value)


# After the next healthy run


def judge_recovery(
    expected: Expected, before: Dump, undisturbed: Dump, after: Dump
) -> Iterator[str]:
    """`undisturbed` is what a run without a fault has made of `before` by now. Where the fault was
    believed, the feed has one entry more than it."""
    for key in sorted({*undisturbed.events, *after.events}):
        name, found = f"afterwards {name_key(key)}", after.events.get(key)
        if key[0] in expected.added:
            if found is None or found["status"] != "cancelled":
                yield f"{name}: it is not cancelled"
            continue
        if found is None or key not in undisturbed.events:
            yield f"{name}: it is {'missing' if found is None else 'there'}"
            continue
        wanted, found = substance(undisturbed.events[key]), substance(found)
        if key in expected.guessed or key in expected.told:
            wanted["results_revision"] = found["results_revision"]
        yield from _differences(name, wanted, found)
        rows, others = after.results.get(key, []), undisturbed.results.get(key, [])
        if not are_alike(rows, others):
            yield f"{name} results: {_compare(rows, others)}"
    yield from _judge_story(expected, before, undisturbed, after)


def _judge_story(expected: Expected, before: Dump, undisturbed: Dump, after: Dump) -> Iterator[str]:
    found, wanted = group_changes(before, after), group_changes(before, undisturbed)
    for part in sorted({*found, *wanted}):
        key = part[0], part[1]
        detours: Iterable[Key] = expected.changed
        if part[2] == "results":
            detours = {*expected.guessed, *expected.told, *expected.proposed}
        if key in detours or key[0] in expected.added:
            continue
        if part[2] == ENTRANTS:
            named = [named_entrants(told.get(part, [])) for told in (found, wanted)]
            if differ := (named[0] ^ named[1]) - expected.entered:
                differing = ", ".join(sorted(differ))
                yield f"afterwards the feed, {name_key(key)}: {differing} could be picked or not"
            continue
        stories = [
            [(one["kind"], one["revision"], one["before"], one["after"]) for one in told]
            for told in (found.get(part, []), wanted.get(part, []))
        ]
        if stories[0] != stories[1]:
            kinds = [_name([kind for kind, *_ in story]) for story in stories]
            yield f"afterwards the feed, {name_key(key)}: {kinds[0]}, should be {kinds[1]}"


# The runs that everything is compared with


def judge_healthy(before: Dump, healthy: Dump, *, form: str) -> Iterator[str]:
    """Against the upstream's facts, and what a person or the calendars have set for good. Of the
    newer form, which takes a request a session, what is settled is not requested again."""
    for key, drivers in _list_due(before, form):
        found = [row["driver_id"] for row in healthy.results.get(key, [])]
        if found != list(drivers):
            first = ", ".join(drivers[:3])
            yield f"{name_key(key)} results: {', '.join(found[:3])}, should be {first}"
    yield from _judge_starts(before, healthy)
    for key in (*facts.PERSONS, (slug_of("Spanish Grand Prix"), "race")):
        if key not in before.events:
            continue
        found, was = healthy.results.get(key, []), before.results.get(key, [])
        if found != was:
            yield f"{name_key(key)} results: {_compare(found, was)}"
        yield from _differences(name_key(key), before.events[key], healthy.events[key])


def _list_due(before: Dump, form: str) -> Iterator[tuple[Key, tuple[str, ...]]]:
    for kind in KINDS:
        for key, drivers in told_by(facts.latest_facts(), kind).items():
            state = before.events.get(key, NO_RESULTS)["results_state"]
            is_persons = key in facts.PERSONS and key in before.events
            if not is_persons and not (form == "newer" and state == "settled"):
                yield key, drivers


def judge_archived(before: Dump, healthy: Dump) -> Iterator[str]:
    """Of seasons that are over: every classification is there, in its order."""
    for season in facts.archived_facts().values():
        for kind in KINDS:
            for (name, _), drivers in told_by(season, kind).items():
                key = name if season.year == SEASON else f"{season.year} {name}", kind
                found = [row["driver_id"] for row in healthy.results.get(key, [])]
                if found != list(drivers):
                    yield f"{name_key(key)} results: {', '.join(found[:3]) or 'none'}"
    for key, rows in before.results.items():
        if not are_alike(rows, healthy.results[key]):
            yield f"{name_key(key)} results: {_compare(healthy.results[key], rows)}"


def _judge_starts(before: Dump, healthy: Dump) -> Iterator[str]:
    starts = {
        (slug_of(one.name), kind): one.starts_at(kind.replace("_", " ").title())
        for one in facts.latest_facts().grands_prix
        for kind in KINDS
    }
    for key, event in healthy.events.items():
        start = starts.get(key)
        is_persons = key in facts.PERSONS and key in before.events
        if start is not None and not is_persons and event["starts_at"] != start:
            told = _print(event["starts_at"])
            yield f"{name_key(key)}: starts_at is {told}, should be {_print(start)}"
