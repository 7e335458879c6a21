"""What is broken on our side: nobody works, what works fails, what was read is old."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import takewhile

from ingestion.models import Alarm, IngestRun
from ingestion.monitoring.health.facts import Facts
from ingestion.monitoring.health.findings import Finding, print_duration, print_instant

# Five ticks; a look at every five minutes then notices a dead worker within thirty.
NO_TICK_FOR = timedelta(minutes=25)
RUNS_IN_A_ROW = 3
# ... of which not even a part was done.
FAILED_IN_A_ROW = 2
# It is read twice a day.
SCHEDULE_STALE_AFTER = timedelta(days=2)
CLOCK_TOLERANCE = timedelta(seconds=30)
CLOCK_SEEN_WITHIN = timedelta(days=1)

ENDED_BADLY = (IngestRun.Outcome.PARTIAL, IngestRun.Outcome.FAILED)


def find_dead_worker(facts: Facts) -> Iterator[Finding]:
    last = facts.last_tick or facts.polling_since
    if not facts.is_polling or last is None or facts.now - last < NO_TICK_FOR:
        return
    is_first = facts.last_tick is None
    title = "no tick has ever succeeded" if is_first else f"no tick since {print_instant(last)}"
    yield Finding(
        "no-tick",
        Alarm.Kind.BROKEN,
        title,
        "Nobody polls: results and moved starts do not come in and statuses stand still; what is "
        "saved stays. Start 'python manage.py qcluster', or read its log if it runs.",
        last,
    )


def find_failing_runs(facts: Facts) -> Iterator[Finding]:
    closed = [run for run in facts.runs if _tells_of_us(facts, run)]
    failing = list(takewhile(lambda run: _is_our_failure(facts, run), closed))
    newest = [run.outcome for run in failing[:FAILED_IN_A_ROW]]
    have_failed = newest == [IngestRun.Outcome.FAILED] * FAILED_IN_A_ROW
    if len(failing) < RUNS_IN_A_ROW and not have_failed:
        return
    first, last = failing[-1], failing[0]
    yield Finding(
        "failing-runs",
        Alarm.Kind.BROKEN,
        f"every run since {print_instant(first.started_at)} failed by a fault of ours",
        f"The newest {_describe_end(facts, last)}. What they should have saved is missing; what is "
        "saved stays. Put right what it says, or read the log; the next run catches up.",
        first.started_at,
    )


def _tells_of_us(facts: Facts, run: IngestRun) -> bool:
    """One that is over, unless a person or a limit ended it before it could do anything."""
    came_to_nothing = run.outcome == IngestRun.Outcome.FAILED and run.fault == IngestRun.Fault.NONE
    is_over = run.ended_at is not None or facts.is_interrupted(run)
    return is_over and not came_to_nothing


def _is_our_failure(facts: Facts, run: IngestRun) -> bool:
    is_ours = run.fault == IngestRun.Fault.OURS and run.outcome in ENDED_BADLY
    return is_ours or facts.is_interrupted(run)


def _describe_end(facts: Facts, run: IngestRun) -> str:
    if facts.is_interrupted(run):
        return "was killed before it ended"
    return f"says: {run.problem_list[0]}" if run.problems else "does not say why"


def find_stale_schedule(facts: Facts) -> Iterator[Finding]:
    since = facts.refreshed_at or facts.first_run_at
    # A season that is over is an archive where nobody polls.
    is_kept_up = facts.is_polling or facts.season >= facts.now.year
    if since is None or not is_kept_up or facts.awaits_first_tick:
        return
    # Before, nobody had to read it twice a day.
    kept_up_since = max(since, facts.polling_since or since)
    if facts.now - kept_up_since < SCHEDULE_STALE_AFTER:
        return
    is_silent = _asked_for_calendars_in_vain(facts)
    told = (
        "The upstream was asked, in vain. It is asked again by itself"
        if is_silent
        else "It was not asked, or the fault was ours. Run 'python manage.py ingest_f1 "
        "--skip-results' and see what it says"
    )
    is_first = facts.refreshed_at is None
    read = "never read whole" if is_first else f"last read whole {print_instant(since)}"
    yield Finding(
        "stale-schedule",
        Alarm.Kind.SILENT if is_silent else Alarm.Kind.BROKEN,
        f"the schedule of {facts.season} was {read}",
        "Sessions that moved since then have their old start here, and picks close by it. "
        f"{told}; set a start that you know by hand.",
        since,
    )


def _asked_for_calendars_in_vain(facts: Facts) -> bool:
    begin = facts.now - SCHEDULE_STALE_AFTER
    return any(
        poll.event_id is None and poll.season == facts.season for poll in facts.failing_polls
    ) or any(
        run.fault == IngestRun.Fault.UPSTREAM
        and run.trigger != "poll"
        and facts.season in run.seasons
        and not run.arguments.get("skip_schedule")
        and run.started_at > begin
        for run in facts.runs
    )


def find_wrong_clock(facts: Facts) -> Iterator[Finding]:
    seen = [run for run in facts.runs if run.clock_offset is not None]
    if not seen or facts.now - seen[0].started_at > CLOCK_SEEN_WITHIN:
        return
    offset = seen[0].clock_offset
    if offset is None or abs(offset) <= CLOCK_TOLERANCE:
        return
    side = "ahead of" if offset > timedelta(0) else "behind"
    yield Finding(
        "clock",
        Alarm.Kind.BROKEN,
        f"this machine's clock is {print_duration(offset)} {side} the upstream's",
        "Picks close and results are asked for by it: late picks may count, or good ones may not. "
        "Have it set by NTP.",
        seen[0].started_at,
    )


def find_given_up(facts: Facts) -> Iterator[Finding]:
    for name in dict.fromkeys(task.name for task in facts.given_up):
        newest = [task for task in facts.given_up if task.name == name][-1]
        yield Finding(
            f"given-up:{name}",
            Alarm.Kind.BROKEN,
            f"the task {name} died {newest.starts} times and was given up",
            "What it should have done is not done until the next one of its kind ends well. The "
            "worker's log tells what killed it: memory, a restart or a timeout.",
            newest.started_at,
        )
