"""A rehearsal's outcome for machines."""

from typing import Any

from rehearsal.courses import (
    Course,
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
from rehearsal.percentiles import as_minutes
from rehearsal.promises import list_promises
from rehearsal.window import Window


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
                    "key": one.key,
                    "from": one.since.isoformat(),
                    "until": one.until and one.until.isoformat(),
                    "why": one.why,
                }
                for one in alarms.raised
            ],
            "false": alarms.false,
            "missing": alarms.missing,
            "mails": alarms.mails,
            "dead_worker_noticed_after": alarms.dead_worker_noticed_after
            and as_minutes(alarms.dead_worker_noticed_after),
        },
        "manual_steps": outcome.manual_steps,
        "feed": outcome.feed,
        "tasks": outcome.tasks,
        "promises": [
            {"promise": one.words, "found": one.found, "is_kept": one.is_kept}
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
