"""One measurement in a process of its own: `python -m tests.proofs.bench.inside TASK`.

The settings are the product's, the database and the stand-in's addresses those of the environment.
Everything slow to import is there before the clock starts.
"""

import math
import statistics
import sys
import time
from typing import TYPE_CHECKING

import django

from tests.proofs.bench.measured import Measured, Task

if TYPE_CHECKING:
    from tests.proofs.bench.work import Work

HEAVY = ("fastf1", "pandas")
# Of work that is done many times, this part is done before growth is looked at.
WARM_UP = 10


def main(arguments: list[str]) -> None:
    task = Task.from_json(arguments[0])
    django.setup()
    from django.db import connection

    connection.ensure_connection()
    from tests.proofs.bench.work import WORK

    work = WORK[task.work](task)
    sys.stdout.write(measure(task, work).as_json())
    connection.close()


def measure(task: Task, work: "Work") -> Measured:
    from django.db import connection

    from tests.proofs.bench.counting import (
        Statements,
        count_rows,
        name_database,
        read_memory,
        read_pause,
    )

    rows = count_rows()
    statements = Statements()
    statements.settle()
    start = time.monotonic() - task.started
    each: list[float] = []
    computed: list[float] = []
    memory = 0.0
    with connection.execute_wrapper(statements):
        for number in range(task.times):
            if number == task.times // WARM_UP:
                memory = read_memory("VmRSS")
            began, computing = time.perf_counter(), time.process_time()
            work.run()
            each.append(time.perf_counter() - began)
            computed.append(time.process_time() - computing)
        statements.settle()
    return Measured(
        times=task.times,
        warm_up=task.times // WARM_UP,
        seconds=statistics.median(each),
        processor=statistics.median(computed),
        start=start,
        statements=math.ceil(statements.counted / task.times),
        written=dict(statements.written),
        peak=read_memory("VmHWM"),
        grown=read_memory("VmRSS") - memory,
        grown_rows=count_rows() - rows,
        database=name_database(),
        pause=read_pause(),
        first_peak=work.peaks[0] if work.peaks else None,
        troubles=[*work.troubles, *(find_heavy() if task.work == "idle" else ())],
    )


def find_heavy() -> list[str]:
    return [f"{name} was imported" for name in HEAVY if name in sys.modules]


if __name__ == "__main__":
    main(sys.argv[1:])
