"""What is promised (DESIGN.md, section 6), and whether a rehearsal kept it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rehearsal.courses import Course, as_minutes, is_first, since_let_out
from rehearsal.outcome import Outcome

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
# After being let out: what is promised of a first classification, and of an amended one by how
# long after the flag it was.
PROMISED_DELAY = 10 * MINUTE
PROMISED_AMENDMENTS = ((12 * HOUR, HOUR), (72 * HOUR, 6 * HOUR))
# A weekend has two sessions that people pick on; a sprint weekend has four.
PROMISED_REQUESTS = 60
PROMISED_SPRINT_REQUESTS = 2 * PROMISED_REQUESTS
PROMISED_SECOND = 40
# So many that broke a promise are named; the others are counted.
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Promise:
    text: str
    found: str
    is_kept: bool


def find_broken(outcome: Outcome) -> list[Promise]:
    return [promise for promise in list_promises(outcome) if not promise.is_kept]


def list_promises(outcome: Outcome) -> list[Promise]:
    """About latency and requests, then to players, then about the work itself."""
    alarms, unlike = outcome.alarms, outcome.unlike_facts
    unlike_or_not = f"{outcome.sessions - len(unlike)} of {outcome.sessions}{_named(unlike)}"
    return [
        *_promises_of_latency(outcome.ours),
        *_promises_of_requests(outcome),
        *_promises_of_second_source(outcome),
        _none("picks that count though the session had begun", [], outcome.picks.counted_late),
        _none("payouts reversed", outcome.reversals),
        Promise(
            "every classification is the season's in the end",
            unlike_or_not,
            not unlike and outcome.sessions > 0,
        ),
        _none("half-filled classifications saved", outcome.wrong_revisions),
        _none("entries of the feed without their signal, or signals twice", outcome.without_signal),
        _none(
            "drivers on a podium or pole who could not be picked a day before its lock",
            [str(debut) for debut in outcome.debuts if debut.is_leader],
        ),
        _none("manual steps", outcome.manual_steps),
        _none("false alarms", alarms.false),
        _none("missing alarms or all-clears", alarms.missing),
        _none("failed tasks", outcome.failed_tasks),
    ]


def _promises_of_latency(ours: Course) -> Iterator[Promise]:
    first = ours.delays(since_let_out, of=is_first)
    longest = first.percentile(99)
    yield Promise(
        "a result is saved within 10 minutes of the moment the cache lets it out (p99)",
        "no result" if longest is None else print_minutes(longest),
        longest is not None and longest <= PROMISED_DELAY and not ours.missing,
    )
    late = 0
    amendments = [one for one in ours.seen if one.is_amendment]
    for one in amendments:
        age = one.let_out_at - one.publication.flag_at
        within = next((within for until, within in PROMISED_AMENDMENTS if age < until), None)
        is_slow = one.saved_at is not None and (
            within is not None and one.saved_at - since_let_out(one) > within
        )
        late += one.saved_at is None or is_slow
    yield Promise(
        "an amended one within an hour in the first half day, six hours in the first three days",
        f"{late} of {len(amendments)} late",
        not late,
    )


def _promises_of_requests(outcome: Outcome) -> Iterator[Promise]:
    for sprint, most in ((False, PROMISED_REQUESTS), (True, PROMISED_SPRINT_REQUESTS)):
        counts = {
            weekend.grand_prix.name: outcome.ours.count_weekend(weekend)
            for weekend in outcome.window.weekends
            if weekend.is_sprint is sprint and weekend not in outcome.disturbed
        }
        if counts:
            over = [f"{name} {count}" for name, count in counts.items() if count > most]
            kind = "sprint weekend (four sessions)" if sprint else "weekend (two sessions)"
            yield Promise(
                f"at most {most} requests to Jolpica a {kind} on which it answers",
                f"{max(counts.values())} at most{_named(over)}",
                not over,
            )


def _promises_of_second_source(outcome: Outcome) -> Iterator[Promise]:
    delays = outcome.milestones.since_let_out
    p95 = delays.percentile(95)
    if p95 is not None:
        yield Promise(
            "a provisional podium within 10 minutes of the moment OpenF1 lets it out (p95)",
            f"{print_minutes(p95)}{_named(outcome.milestones.late)}",
            p95 <= PROMISED_DELAY,
        )
    requests = outcome.ours.second_requests
    counts = [sum(map(weekend.has, requests)) for weekend in outcome.window.weekends]
    yield Promise(
        f"at most {PROMISED_SECOND} of the second source a weekend",
        f"{max(counts, default=0)} at most",
        max(counts, default=0) <= PROMISED_SECOND,
    )


def _none(what: str, which: Sequence[str], count: int | None = None) -> Promise:
    number = len(which) if count is None else count
    return Promise(f"no {what}", f"{number}{_named(which)}", number == 0)


def _named(which: Sequence[str]) -> str:
    if not which:
        return ""
    others = f" and {len(which) - MOST_NAMED} more" if len(which) > MOST_NAMED else ""
    return f" ({'; '.join(which[:MOST_NAMED])}{others})"


def print_minutes(delay: timedelta) -> str:
    return f"{as_minutes(delay):g} min"
