"""Prints what each published version of a season's schedule file changed, with the results that
came in between: `python -m tests.replay 2024`.

On SQLite, or on the PostgreSQL that TEST_DATABASE_URL names; in a test database of its own.
"""

import logging
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from ingestion.models import Change
    from ingestion.report import RunReport
    from tests.replaying import Played

USAGE = "usage: python -m tests.replay 2023|2024\n"
# More grands prix than this with the same news are counted, not named.
NAMED = 3
INDENT = " " * 5
# What every run has to say and is no news.
SAME = "unchanged"
AWAITED = "no classification yet"
# The feed's kinds that tell of a start, and what others are called here.
MOVES = ("rescheduled", "reinstated")
WORDS = {
    "scheduled": "new",
    "published": "has its classification",
    "details": "details of its classification",
    "settled": "its classification is settled",
}
SESSIONS = ("sprint_qualifying", "sprint", "qualifying", "race")


def main(arguments: Sequence[str]) -> int:
    if arguments not in (["2023"], ["2024"]):
        sys.stderr.write(USAGE)
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    logging.disable(logging.ERROR)
    django.setup()
    from tests.upstream import SHARED

    if not SHARED.is_dir():
        sys.stderr.write(
            f"The recorded upstream data are not there: {SHARED} holds every published version "
            "of the schedule file, and nothing can be replayed without it.\n"
        )
        return 1
    print_season(int(arguments[0]))
    return 0


def print_season(season: int) -> None:
    from tests.fastf1_limits import limits_lifted
    from tests.history import history_of
    from tests.replaying import play

    with database_of_its_own(), limits_lifted(), tempfile.TemporaryDirectory() as folder:
        for line in describe_season(play(history_of(season), Path(folder))):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


@contextmanager
def database_of_its_own() -> Iterator[None]:
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def describe_season(season: Iterable["Played"]) -> Iterator[str]:
    """The lines of each step, with what a run notes only when it is new, and the season's sum."""
    noted: set[str] = set()
    for played in season:
        yield from describe(played, noted)
        noted = {str(note) for note in played.report.notes}
    cancelled = sum(event.is_cancelled for event in played.events.values())
    yield (
        f"At the end: {len(played.events)} events, {cancelled} of them cancelled, "
        f"and {len(played.results)} classifications."
    )


def describe(played: "Played", noted: Collection[str] = ()) -> Iterator[str]:
    """A line for the step and, indented, one for each piece of news, problem and new note."""
    yield describe_step(played)
    for words in describe_changes(played.changes):
        yield f"{INDENT}{words}"
    for note in map(str, played.report.notes):
        if note not in noted and AWAITED not in note:
            yield f"{INDENT}note: {note}"
    for problem in played.report.problems:
        yield f"{INDENT}problem: {problem}"
    if played.wrote_again:
        yield f"{INDENT}problem: the same again wrote to {', '.join(played.wrote_again)}"


def describe_step(played: "Played") -> str:
    step, report = played.step, played.report
    number = f"{step.version.number:03}" if step.is_publication else "  +"
    after = "" if step.is_publication else f" (after the {step.race})"
    counts = count(report) or ("nothing new" if played.changes else "nothing changed")
    return f"{number}  {step.at:%Y-%m-%d %H:%M}  {report.outcome:7}  {counts}{after}"


def count(report: "RunReport") -> str:
    events, results = (
        ", ".join(f"{number} {name}" for name, number in counts.items() if number and name != SAME)
        for counts in report.counts().values()
    )
    parts = [
        f"events: {events}" if events else "",
        f"classifications: {results}" if results else "",
    ]
    return "; ".join(part for part in parts if part)


def describe_changes(changes: Iterable["Change"]) -> Iterator[str]:
    """The feed in words; sessions of a weekend with the same news share a line, and so do many
    grands prix."""
    weekends: dict[tuple[str, str], list[str]] = defaultdict(list)
    for change in changes:
        weekends[change.event.name, describe_change(change)].append(change.event.session_type)
    news: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for (name, words), sessions in weekends.items():
        news[words][name] = sessions
    for words, told in news.items():
        if len(told) > NAMED:
            events = sum(len(sessions) for sessions in told.values())
            yield f"{events} events of {len(told)} grands prix: {words}"
        else:
            for name, sessions in told.items():
                yield f"{name.removesuffix(' Grand Prix')}, {print_sessions(sessions)}: {words}"


def print_sessions(sessions: Iterable[str]) -> str:
    return ", ".join(session.replace("_", " ") for session in sorted(sessions, key=SESSIONS.index))


def describe_change(change: "Change") -> str:
    if change.kind in MOVES:
        return describe_move(change)
    if change.kind == "details" and "source" not in change.after:
        return ", ".join(describe_details(change.before, change.after))
    return WORDS.get(change.kind, change.kind)


def describe_move(change: "Change") -> str:
    was, now = (print_start(told) for told in (change.before, change.after))
    return f"moved from {was} to {now}"


def print_start(told: Mapping[str, Any]) -> str:
    start = told["starts_at"]
    if start is None:
        return "an unknown start"
    return print_time(start) + (" (the day alone)" if told["start_is_estimated"] else "")


def print_time(at: str) -> str:
    return at[:16].replace("T", " ")


def describe_details(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in after:
        if before[name] == after[name]:
            continue
        if name == "round_number":
            yield f"round {before[name]} becomes {after[name]}"
        elif name == "disputed_starts_at":
            disputed = after[name]
            yield f"Jolpica says {print_time(disputed)}" if disputed else "Jolpica agrees"
        elif name in ("country", "location", "schedule_source"):
            yield f"{name.replace('_', ' ')} {before[name]} becomes {after[name]}"
        else:
            yield name.replace("_", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
