"""What is promised (DESIGN.md, section 6), and whether a rehearsal kept it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rehearsal.courses import Course, Seen, as_minutes, is_amendment, is_first, since_let_out
from rehearsal.outcome import Outcome

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
# After being let out: what is promised of a first classification, and of an amended one by how
# long after the flag it was.
PROMISED_DELAY = 10 * MINUTE
PROMISED_AMENDMENTS = ((12 * HOUR, HOUR), (72 * HOUR, 6 * HOUR))
# Of a weekend of two sessions that people pick on; a sprint weekend has four.
PROMISED_REQUESTS = 60
PROMISED_SPRINT_REQUESTS = 2 * PROMISED_REQUESTS
# Of what broke a promise; the others are counted.
NAMED = 3


@dataclass(frozen=True, slots=True)
class Promise:
    text: str
    found: str
    is_kept: bool


def find_broken(outcome: Outcome) -> list[Promise]:
    return [promise for promise in list_promises(outcome) if not promise.is_kept]


def list_promises(outcome: Outcome) -> list[Promise]:
    return [
        *_promises_of_latency(outcome.ours),
        *_promises_of_requests(outcome),
        *_promises_to_players(outcome),
        *_promises_of_work(outcome),
    ]


def _promises_of_latency(ours: Course) -> Iterator[Promise]:
    first = ours.delays(since_let_out, of=is_first)
    longest = first.percentile(99)
    yield Promise(
        "a result is saved within 10 minutes of the moment the cache lets it out (p99)",
        "no result" if longest is None else print_minutes(longest),
        longest is not None and longest <= PROMISED_DELAY and not ours.missing,
    )
    late = [one for one in ours.seen if one.is_amendment and _is_late_amendment(one)]
    seen = ours.delays(since_let_out, of=is_amendment)
    yield Promise(
        "an amended one within an hour in the first half day, six hours in the first three days",
        f"{len(late)} of {len(seen.each)} late",
        not late,
    )


def _is_late_amendment(seen: Seen) -> bool:
    if seen.saved_at is None:
        return True
    age = seen.let_out_at - seen.publication.flag_at
    promised = next((within for until, within in PROMISED_AMENDMENTS if age < until), None)
    return promised is not None and seen.saved_at - since_let_out(seen) > promised


def _promises_of_requests(outcome: Outcome) -> Iterator[Promise]:
    for sprint, most in ((False, PROMISED_REQUESTS), (True, PROMISED_SPRINT_REQUESTS)):
        counts = [
            outcome.ours.count_weekend(weekend)
            for weekend in outcome.window.weekends
            if weekend.is_sprint is sprint and weekend not in outcome.disturbed
        ]
        if counts:
            kind = "sprint weekend (four sessions)" if sprint else "weekend (two sessions)"
            yield Promise(
                f"at most {most} requests a {kind} on which the upstream answers",
                f"{max(counts)} at most",
                max(counts) <= most,
            )


def _promises_to_players(outcome: Outcome) -> Iterator[Promise]:
    yield _none("picks that count though the session had begun", outcome.picks.counted_late)
    yield _none("payouts reversed", len(outcome.reversals), outcome.reversals)
    unlike = outcome.unlike_facts
    yield Promise(
        "every classification is the season's in the end",
        f"{outcome.sessions - len(unlike)} of {outcome.sessions}" + _named(unlike),
        not unlike and outcome.sessions > 0,
    )
    yield _none(
        "half-filled classifications saved",
        len(outcome.wrong_revisions),
        outcome.wrong_revisions,
    )
    without_signal = outcome.without_signal
    yield _none(
        "entries of the feed without their signal, or signals twice",
        len(without_signal),
        without_signal,
    )


def _promises_of_work(outcome: Outcome) -> Iterator[Promise]:
    alarms = outcome.alarms
    yield _none("manual steps", len(outcome.manual_steps), outcome.manual_steps)
    yield _none("false alarms", len(alarms.false), alarms.false)
    yield _none("missing alarms or all-clears", len(alarms.missing), alarms.missing)
    yield _none("failed tasks", len(outcome.failed_tasks), outcome.failed_tasks)


def _none(what: str, count: int, which: Sequence[str] | None = None) -> Promise:
    return Promise(f"no {what}", f"{count}{_named(which or [])}", count == 0)


def _named(which: Sequence[str]) -> str:
    if not which:
        return ""
    others = f" and {len(which) - NAMED} more" if len(which) > NAMED else ""
    return f" ({'; '.join(which[:NAMED])}{others})"


def print_minutes(delay: timedelta) -> str:
    return f"{as_minutes(delay):g} min"
