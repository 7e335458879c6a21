"""What a run said and recorded beside what it should have; every deviation in words."""

import re
from collections.abc import Iterator

from ingestion.models import IngestRun, Poll
from tests.command_line import LOG_LINE
from tests.proofs.faults.expected import Expected
from tests.proofs.faults.running import Ran

OUTCOMES = {0: "ok", 1: "failed", 3: "partial"}


def judge_run(expected: Expected, ran: Ran, *, is_gone: bool) -> Iterator[str]:
    """Where the server `is_gone`, requests are sent that nobody sees."""
    if "Traceback" in ran.stderr:
        yield f"a traceback: {ran.stderr.strip().splitlines()[-1]}"
    if ran.code is None:
        yield from _judge_first_problem(expected, ran.record)
    elif ran.code != expected.code:
        yield f"exit code {ran.code}, should be {expected.code}: {ran.complaint or 'all well'}"
    else:
        yield from _judge_streams(expected, ran)
    yield from _judge_record(expected, ran.record)
    if ran.record.requests != ran.requests and not is_gone:
        yield f"its record counts {ran.record.requests} requests, {ran.requests} arrived"


def _judge_streams(expected: Expected, ran: Ran) -> Iterator[str]:
    """Standard error has log lines and the complaint, standard output what there is to tell."""
    for line in ran.stderr.splitlines()[: -1 if ran.code else None]:
        if not LOG_LINE.match(line):
            yield f"on standard error: {line!r}"
    if not re.fullmatch(expected.complaint, ran.complaint):
        yield f"it says {ran.complaint!r}, should be {expected.complaint!r}"
    if (ran.code == 1) != (not ran.stdout):
        yield f"on standard output: {ran.stdout!r}"
    printed = ran.stdout.splitlines()
    for problem in ran.record.problem_list if ran.code != 1 else ():
        if f"problem: {problem}" not in printed:
            yield f"standard output has no problem {problem!r}"


def _judge_record(expected: Expected, record: IngestRun) -> Iterator[str]:
    fault = "upstream" if expected.code else ""
    if (record.outcome, record.fault) != (OUTCOMES[expected.code], fault):
        yield f"its record says {record.outcome} and blames {record.fault or 'nobody'}"
    if record.ended_at is None:
        yield "its record has no end"
    if bool(record.problems) != bool(expected.code):
        yield f"its record has the problems {record.problem_list}"
    for note in expected.notes:
        if not any(re.search(note, str(noted)) for noted in record.note_list):
            yield f"no note says {note!r} among {record.note_list}"


def _judge_first_problem(expected: Expected, record: IngestRun) -> Iterator[str]:
    """Of a worker's run, which complains to nobody."""
    said = re.split(" Nothing was changed| The rest is saved", expected.complaint)[0]
    problem = said.removesuffix(".")
    first = str(next(iter(record.problem_list), ""))
    if not re.fullmatch(problem, first):
        yield f"its record says {first!r}, should be {problem!r}"


def judge_plan(expected: Expected, record: IngestRun) -> Iterator[str]:
    """What polling wrote down of the one session that it asked about."""
    poll = Poll.objects.exclude(source="openf1").get(event__isnull=False)
    # An answer that was saved is none, whatever is wrong with its headers.
    failures = 1 if expected.code and expected.word != "all" else 0
    if poll.failures != failures or bool(poll.last_error) != bool(failures):
        yield f"the plan counts {poll.failures} failures and says {poll.last_error!r}"
    if failures and poll.last_error not in record.problem_list[0].message:
        yield f"the plan says {poll.last_error!r}, the record {record.problem_list[0]!r}"
    if poll.next_at is None or poll.next_at <= record.started_at:
        yield f"the plan asks next at {poll.next_at}"
