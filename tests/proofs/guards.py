"""The guards of the product by name, and how each is taken out of it.

That is done where the guard lives, in a proof's own processes; the product knows nothing of it. One
whose place has moved fails loudly. `python -m tests.proofs.guards` runs for each the smallest proof
that should notice, with the guard and without it.
"""

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from f1picks.environment import ROOT

VARIABLE = "F1PICKS_PROOF_WITHOUT"
WIDTH_OF_FILES = 110
# What a proof prints before each deviation.
DEVIATION = "deviation: "


@dataclass(frozen=True)
class Guard:
    """`what` it does, how it is taken out, and the smallest proof that notices: the arguments of
    `python -m tests.proofs.`, without --without."""

    name: str
    what: str
    take_out: Callable[[], None]
    proof: tuple[str, ...]


class GuardMovedError(Exception):
    """A guard is not where this file takes it out."""


def replace_in(place: str, name: str, replacement: Any) -> None:
    """`place` is a module, or a class as 'module:Class'."""
    module, _, attribute = place.partition(":")
    owner: Any = importlib.import_module(module)
    owner = getattr(owner, attribute, None) if attribute else owner
    if owner is None or not hasattr(owner, name):
        raise GuardMovedError(f"{place} has no {name} any more: say in {__name__} where it is now")
    setattr(owner, name, replacement)


def original(place: str, name: str) -> Any:
    module, _, attribute = place.partition(":")
    owner: Any = importlib.import_module(module)
    return getattr(getattr(owner, attribute, None) if attribute else owner, name, None)


def do_nothing(*_: Any, **__: Any) -> None:
    """In place of a check that raises."""


def say_no(*_: Any, **__: Any) -> bool:
    return False


def say_yes(*_: Any, **__: Any) -> bool:
    return True


def take_out_right_race() -> None:
    """An answer is of the event that has its round number."""
    from ingestion.errors import BadSourceData
    from ingestion.models import Event

    def match_round(race: Any, stored: Any) -> Any:
        event = Event.objects.filter(season=race.season, round_number=race.round_number).first()
        for known in stored:
            if event is not None and known.slug == event.grand_prix:
                return known
        raise BadSourceData(f"no round {race.round_number} is on the calendar")

    replace_in("ingestion.save.classifications", "match_race", match_round)
    replace_in("ingestion.pipeline.results", "is_race_of", say_yes)


def take_out_persons_lock() -> None:
    """What a person has set is the upstream's as everything else."""
    judge = original("ingestion.save.classifications", "_plan")
    plan = original("ingestion.save.calendar", "_plan_known")

    def judge_unlocked(classification: Any, event: Any, *others: Any) -> Any:
        event.results_locked = False
        return judge(classification, event, *others)

    def plan_unlocked(event: Any, *others: Any) -> Any:
        event.schedule_locked = False
        return plan(event, *others)

    replace_in("ingestion.save.classifications", "_plan", judge_unlocked)
    replace_in("ingestion.save.calendar", "_plan_known", plan_unlocked)


def take_out_age() -> None:
    """Whatever arrives last counts."""
    stands = original("ingestion.save.answer:Answer", "why_it_stands")

    def stands_whatever_its_age(answer: Any) -> str:
        return stands(answer) if answer.event.results_locked else ""

    replace_in("ingestion.save.answer:Answer", "why_it_stands", stands_whatever_its_age)
    replace_in("ingestion.save.calendar", "_is_older", say_no)


def take_out_plausibility() -> None:
    """What can be read is believed."""
    replace_in("ingestion.save.classifications", "check_classification", do_nothing)
    replace_in("ingestion.pipeline.sprint_qualifyings", "check_classification", do_nothing)
    replace_in("ingestion.pipeline.calendars", "check_calendar", do_nothing)
    replace_in("ingestion.save.calendar", "check_calendar", do_nothing)
    replace_in("ingestion.save.calendar", "check_remaining", do_nothing)


def take_out_settled() -> None:
    """Another podium of a settled event is applied."""
    replace_in("ingestion.save.answer:Answer", "is_held", False)


def take_out_pick_lock() -> None:
    """Picks close whenever the session now starts."""

    def follow_start(locks_at: Any, closes: Any, **_: Any) -> Any:
        return closes

    replace_in("ingestion.save.following", "hold_lock", follow_start)


GUARDS = {
    guard.name: guard
    for guard in (
        Guard(
            "right-race",
            "an answer is saved for the race that it names, not for its round number",
            take_out_right_race,
            ("faults", "--only", "other rounds / round / filled"),
        ),
        Guard(
            "persons-lock",
            "what a person has set stands against every answer",
            take_out_persons_lock,
            ("faults", "--only", "slow / race 1 / filled"),
        ),
        Guard(
            "age",
            "an answer older than what is saved changes nothing",
            take_out_age,
            ("faults", "--only", "old answer / race 1 / filled"),
        ),
        Guard(
            "plausibility",
            "what cannot be the final classification, or a calendar, is refused",
            take_out_plausibility,
            ("faults", "--only", "doubled driver / race 1 / filled"),
        ),
        Guard(
            "settled",
            "another podium or pole of a settled event waits for a person",
            take_out_settled,
            ("faults", "--only", "other leaders / race 1 / filled"),
        ),
        Guard(
            "pick-lock",
            "picks that have closed are not opened by a later start",
            take_out_pick_lock,
            ("faults", "--only", "moved later / file / filled"),
        ),
    )
}


def leave_out(name: str) -> None:
    """In this process, once it is set up, and in those that it starts."""
    os.environ[VARIABLE] = name


def take_out_named() -> None:
    """The guard that --without has named, here or in a process before; after `django.setup()`."""
    if name := os.environ.get(VARIABLE):
        GUARDS[name].take_out()


# The proof of the guards themselves


@dataclass(frozen=True)
class Noticed:
    """What the proof said of a guard; `told` is its first deviation without it."""

    guard: Guard
    holds_with: bool
    fails_without: bool
    told: str

    @property
    def is_so(self) -> bool:
        return self.holds_with and self.fails_without


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.guards", description=__doc__)
    parser.add_argument("guards", nargs="*", metavar="GUARD", help="default: all of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="proofs at once")
    options = parser.parse_args()
    unknown = set(options.guards) - GUARDS.keys()
    if unknown:
        parser.error(f"no guard is called {', '.join(sorted(unknown))}; {', '.join(GUARDS)} are")
    chosen = [GUARDS[name] for name in options.guards or GUARDS]
    with ThreadPoolExecutor(options.jobs) as pool:
        noticed = list(pool.map(prove, chosen))
    return report(noticed)


def prove(guard: Guard) -> Noticed:
    proven = _run(guard.proof)
    ran = _run((*guard.proof, "--without", guard.name))
    deviations = [line for line in ran.stdout.splitlines() if line.startswith(DEVIATION)]
    return Noticed(
        guard,
        holds_with=proven.returncode == 0,
        fails_without=ran.returncode == 1 and bool(deviations),
        told=deviations[0].removeprefix(DEVIATION) if deviations else _last_line(ran),
    )


def _run(proof: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    name, *arguments = proof
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    return subprocess.run(
        [sys.executable, "-m", f"tests.proofs.{name}", *arguments],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def _last_line(ran: subprocess.CompletedProcess[str]) -> str:
    return (f"{ran.stdout}\n{ran.stderr}".strip().splitlines() or ["nothing"])[-1]


def report(noticed: Iterable[Noticed]) -> int:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    table = Table(title="Without a guard", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for column in ("guard", "what it does", "", "what goes wrong without it"):
        table.add_column(column, no_wrap=column in ("guard", ""))
    for one in noticed:
        name = "noticed" if one.is_so else "NOT NOTICED"
        told = one.told if one.holds_with else f"the proof fails with it too; without: {one.told}"
        table.add_row(one.guard.name, one.guard.what, name, told)
    console.print(table)
    return 0 if all(one.is_so for one in noticed) else 1


if __name__ == "__main__":
    sys.exit(main())
