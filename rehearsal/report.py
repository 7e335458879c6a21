"""A rehearsal's outcome: tables for people, and a dictionary for machines."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rehearsal.courses import (
    PERCENTS,
    Course,
    Delays,
    as_minutes,
    count_requests,
    is_amendment,
    is_first,
    is_first_podium,
    since_flag,
    since_let_out,
    since_publication,
    waits_for_upstream,
)
from rehearsal.outcome import Outcome, Picks
from rehearsal.played_season import Window
from rehearsal.promises import list_promises

NOTHING = "-"
EXPLAINED = """\
By nearest rank: the 99th of fewer than a hundred is the longest. Our plan was run; the \
others are computed, over the same publications, refusals, cache and other clients, as runs that \
request the whole season, take no time and are never late. 'Let out' is when the answer from \
before expires in the upstream's own cache, which gives all clients the same answer for an hour."""


def print_outcome(outcome: Outcome, console: Console) -> None:
    window = outcome.window
    weekends = "1 weekend" if len(window.weekends) == 1 else f"{len(window.weekends)} weekends"
    heading = (
        f"Formula 1 {window.begins_at.year} rehearsed: {weekends}, "
        f"{window.begins_at:%d %b} to {window.ends_at:%d %b}"
    )
    console.print(Text(heading, style="bold"))
    parts = {
        "Until a classification is in the database, in minutes": latency_table(outcome),
        "Requests to Jolpica, a weekend from its Friday to its Monday": request_table(outcome),
        "": Text(EXPLAINED, style="dim"),
        "From the flag to the podium of our plan, in minutes": podium_table(outcome),
        "What happened": facts_table(list(describe(outcome))),
        "What is promised": promise_table(outcome),
    }
    for title, part in parts.items():
        if title:
            console.print(Text(f"\n{title}", style="bold"))
        console.print(part)
    promises = list_promises(outcome)
    kept = sum(promise.is_kept for promise in promises)
    style = "bold green" if kept == len(promises) else "bold red"
    console.print(Text(f"\n{kept} of {len(promises)} promises kept", style=style))


def plain_table(*columns: str) -> Table:
    """The first column is text, the others are numbers."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


def latency_table(outcome: Outcome) -> Table:
    percents = [f"p{percent}" for percent in PERCENTS]
    first, *others = percents
    table = plain_table(
        *("\nsince", f"published\n{first}", *(f"\n{name}" for name in others)),
        *(f"let out\n{first}", *(f"\n{name}" for name in others)),
        *("amended\nmost", "never\nhad"),
    )
    for course in outcome.courses:
        amended = course.delays(since_let_out, of=is_amendment)
        table.add_row(
            course.name,
            *percentiles(course.delays(since_publication, of=is_first)),
            *percentiles(course.delays(since_let_out, of=is_first)),
            *percentiles(amended, (100,)),
            str(len(course.missing)),
        )
    return table


def request_table(outcome: Outcome) -> Table:
    table = plain_table(
        *("", "weekend\nmean", "\nmost", "sprint\nmean", "\nmost", "\nin all"),
    )
    for course in outcome.courses:
        counts = [
            count_requests(course.count_weekends(outcome.window, sprint=sprint))
            for sprint in (False, True)
        ]
        cells = [print_number(count[name]) for count in counts for name in ("mean", "most")]
        table.add_row(course.name, *cells, print_number(len(course.requests)))
    return table


def podium_table(outcome: Outcome) -> Table:
    ours = outcome.ours
    table = plain_table(
        *("", *(f"p{percent}" for percent in PERCENTS)),
    )
    parts = {
        "flag to database": ours.delays(since_flag, of=is_first_podium),
        "of it the upstream's": waits_for_upstream(filter(is_first_podium, ours.seen)),
        "of it ours": ours.delays(since_let_out, of=is_first_podium),
    }
    milestones = outcome.milestones
    parts |= {
        "flag to the first, of any source": milestones.first,
        "flag to the official one": milestones.official,
        "flag to the settled one": milestones.settled,
        "OpenF1's, since it let it out": milestones.since_let_out,
    }
    for label, delays in parts.items():
        table.add_row(label, *percentiles(delays))
    return table


def describe(outcome: Outcome) -> Iterator[tuple[str, str]]:
    picks, alarms = outcome.picks, outcome.alarms
    yield "played", "; ".join(outcome.played)
    for weekend in outcome.disturbed:
        requests, name = outcome.ours.count_weekend(weekend), weekend.grand_prix.name
        yield "requests", f"{requests} on the weekend of the {name}, when Jolpica refused for hours"
    text = (
        f"{picks.made} made, {picks.late} of them after the real start: "
        f"{picks.late_refused_at_once} refused at once, {picks.late_refused_in_the_end} when they "
        f"were scored, {picks.counted_late} counted; {picks.too_strict} made in time and refused, "
        "since a calendar had an earlier start"
    )
    yield "picks", text
    text = (
        f"{outcome.payouts} events paid once settled, {outcome.rescored} scored again before, "
        f"{len(outcome.reversals)} reversed"
    )
    yield "payouts", text
    for alarm, why in alarms.raised:
        over = "still open" if alarm.cleared_at is None else f"over {alarm.cleared_at:%d %b %H:%M}"
        yield "alarm", f"{alarm.key}, {alarm.raised_at:%d %b %H:%M}, {over}: {why or 'false'}"
    yield "mails", f"{alarms.mails}, one as an alarm begins and one as it ends"
    if alarms.dead_worker_noticed_after is not None:
        minutes = as_minutes(alarms.dead_worker_noticed_after)
        yield "dead worker", f"/healthz reported it {minutes:g} minutes after it died"
    for debut in outcome.debuts:
        yield "came in", str(debut)
    yield "a person", "; ".join(outcome.manual_steps) or "had nothing to do"
    yield "the feed", print_counts(outcome.feed)
    yield "tasks run", print_counts(outcome.tasks)


def facts_table(facts: Sequence[tuple[str, str]]) -> Table:
    """Text and not str: rich takes what is in brackets for its own markup."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for label, text in facts:
        table.add_row(Text(label), Text(text))
    return table


def promise_table(outcome: Outcome) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("", "promised", "found"):
        table.add_column(column)
    for promise in list_promises(outcome):
        mark = Text("kept", "green") if promise.is_kept else Text("BROKEN", "bold red")
        table.add_row(mark, Text(promise.text), Text(promise.found))
    return table


def percentiles(delays: Delays, percents: Sequence[int] = PERCENTS) -> list[str]:
    values = [delays.percentile(percent) for percent in percents]
    return [NOTHING if value is None else f"{as_minutes(value):.1f}" for value in values]


def print_number(number: float | None) -> str:
    return NOTHING if number is None else f"{number:,}"


def print_counts(counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in ordered)


def as_dict(outcome: Outcome) -> dict[str, Any]:
    picks, alarms = outcome.picks, outcome.alarms
    ours = outcome.ours
    return {
        "begins_at": outcome.window.begins_at.isoformat(),
        "ends_at": outcome.window.ends_at.isoformat(),
        "played": outcome.played,
        "rounds": [weekend.grand_prix.round for weekend in outcome.window.weekends],
        "plans": [course_as_dict(course, outcome.window) for course in outcome.courses],
        "flag_to_podium": {
            "whole": ours.delays(since_flag, of=is_first_podium).as_dict(),
            "upstream": waits_for_upstream(filter(is_first_podium, ours.seen)).as_dict(),
            "ours": ours.delays(since_let_out, of=is_first_podium).as_dict(),
        },
        "podiums": {
            name: getattr(outcome.milestones, name).as_dict()
            for name in ("first", "official", "settled", "since_let_out")
        },
        "requests_to_openf1": len(ours.second_requests),
        "requests_while_refused": {
            weekend.grand_prix.id: ours.count_weekend(weekend) for weekend in outcome.disturbed
        },
        "picks": {name: getattr(picks, name) for name in Picks.__slots__},
        "payouts": outcome.payouts,
        "rescored": outcome.rescored,
        "reversals": outcome.reversals,
        "alarms": {
            "raised": [
                {
                    "key": alarm.key,
                    "from": alarm.raised_at.isoformat(),
                    "until": alarm.cleared_at and alarm.cleared_at.isoformat(),
                    "why": why,
                }
                for alarm, why in alarms.raised
            ],
            "false": alarms.false,
            "missing": alarms.missing,
            "mails": alarms.mails,
            "dead_worker_noticed_after": alarms.dead_worker_noticed_after
            and as_minutes(alarms.dead_worker_noticed_after),
        },
        "manual_steps": outcome.manual_steps,
        "came_in": [str(debut) for debut in outcome.debuts],
        "feed": outcome.feed,
        "tasks": outcome.tasks,
        "promises": [
            {"promise": one.text, "found": one.found, "is_kept": one.is_kept}
            for one in list_promises(outcome)
        ],
    }


def course_as_dict(course: Course, window: Window) -> dict[str, Any]:
    return {
        "name": course.name,
        "is_run": course.is_run,
        "since_publication": course.delays(since_publication, of=is_first).as_dict(),
        "since_let_out": course.delays(since_let_out, of=is_first).as_dict(),
        "amendments_since_let_out": course.delays(since_let_out, of=is_amendment).as_dict(),
        "missing": len(course.missing),
        "requests": {
            "weekend": count_requests(course.count_weekends(window, sprint=False)),
            "sprint_weekend": count_requests(course.count_weekends(window, sprint=True)),
            "season": len(course.requests),
        },
    }
