"""How each guard is taken out of the product, where it lives; one that has moved fails loudly."""

import importlib
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any


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


def say_yes(*_: Any, **__: Any) -> bool:
    return True


def do_nothing(*_: Any, **__: Any) -> None:
    """In place of a check that raises."""


def say_no(*_: Any, **__: Any) -> bool:
    return False


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

    def has_round(session: Any, race: Any) -> bool:
        return bool(race.round_number == session.round_number)

    replace_in("ingestion.save.classifications", "match_race", match_round)
    replace_in("ingestion.pipeline.queries", "_is_race", has_round)


def take_out_persons_lock() -> None:
    """What a person has set is the upstream's as everything else."""
    judge = original("ingestion.save.classifications", "_plan_event")
    plan = original("ingestion.save.calendar", "_plan_known")

    def judge_unlocked(classification: Any, event: Any, *others: Any) -> Any:
        event.results_locked = False
        return judge(classification, event, *others)

    def plan_unlocked(event: Any, *others: Any) -> Any:
        event.schedule_locked = False
        return plan(event, *others)

    replace_in("ingestion.save.classifications", "_plan_event", judge_unlocked)
    replace_in("ingestion.save.calendar", "_plan_known", plan_unlocked)


def take_out_age() -> None:
    """Whatever arrives last counts."""
    stands = original("ingestion.save.comparison:Comparison", "explain_keeping")

    def stands_whatever_its_age(answer: Any) -> str:
        return stands(answer) if answer.event.results_locked else ""

    replace_in("ingestion.save.comparison:Comparison", "explain_keeping", stands_whatever_its_age)
    replace_in("ingestion.save.calendar", "_is_older", say_no)


def take_out_plausibility() -> None:
    """What can be read is believed."""
    replace_in("ingestion.save.classifications", "check_classification", do_nothing)
    replace_in("ingestion.save.classifications", "check_leaders", do_nothing)
    replace_in("ingestion.pipeline.results", "is_plausible", say_yes)
    replace_in("ingestion.sources.schedule_file", "check_calendar", do_nothing)
    replace_in("ingestion.save.calendar", "check_calendar", do_nothing)
    replace_in("ingestion.save.calendar", "check_remaining", do_nothing)


def take_out_settled() -> None:
    """Another podium of a settled event is applied."""
    replace_in("ingestion.save.comparison:Comparison", "is_held", False)


def take_out_pick_lock() -> None:
    """Picks close whenever the session now starts."""

    def follow_start(locks_at: Any, closes: Any, **_: Any) -> Any:
        return closes

    replace_in("ingestion.save.derived", "hold_lock", follow_start)


def take_out_transaction() -> None:
    """Neither the season's transaction nor the savepoint of the batch: each statement by itself."""
    replace_in("ingestion.save.classifications", "season_locked", nullcontext)
    replace_in("ingestion.save.classifications", "transaction", SimpleNamespace(atomic=nullcontext))


def take_out_season_lock() -> None:
    _take_out_lock("SEASON_LOCK")


def take_out_feed_lock() -> None:
    _take_out_lock("FEED_LOCK")


def _take_out_lock(name: str) -> None:
    """One of PostgreSQL's advisory locks; SQLite has one writer at a time anyway."""
    number, lock = original("ingestion.save.rows", name), original("ingestion.save.rows", "_lock")

    def lock_but(requested: int, part: int = 0) -> None:
        if requested != number:
            lock(requested, part)

    replace_in("ingestion.save.rows", "_lock", lock_but)


def take_out_jolpicas_start() -> None:
    """Before a start the schedule file alone is read, wherever the start comes from."""
    judge = original("ingestion.pipeline.poll", "_judge_calendars")
    calendars = original("ingestion.pipeline.poll", "Calendars")

    def judge_by_file(row: Any, now: Any) -> Any:
        row = {**row, "schedule_source": "schedule_file", "disputed_starts_at": None}
        found = judge(row, now)
        return calendars.CHANGED if found is calendars.ALL else found

    replace_in("ingestion.pipeline.poll", "_judge_calendars", judge_by_file)


def take_out_missing_detail() -> None:
    """A detail that cannot be right stays where it is, for plausibility to judge."""

    def keep_all(results: Any, _: Any) -> Any:
        return tuple(results)

    for kind in ("classifications", "sprint_qualifyings"):
        replace_in(f"ingestion.sources.jolpica.{kind}", "drop_spoilt", keep_all)


def take_out_watchdog() -> None:
    """A cluster as the library has it: what leaves it alive and deaf is seen by nothing."""
    queue = original("ingestion.queue.watchdog", "Queue")
    replace_in("ingestion.queue.watchdog", "PatientQueue", queue)
    replace_in("ingestion.queue.watchdog:Pulse", "find_failure", find_nothing)


def take_out_own_clock() -> None:
    """An answer is as young as its headers say, and a day on the upstream's clock settles it."""
    settle = original("ingestion.save.comparison:Comparison", "_settle")

    def settle_by_theirs(comparison: Any) -> Any:
        now = comparison.reported.generated_at or comparison.context.now
        return settle(replace(comparison, context=replace(comparison.context, now=now)))

    replace_in("ingestion.sources.calls", "bound_generated_at", trust_headers)
    replace_in("ingestion.save.comparison:Comparison", "_settle", settle_by_theirs)


def find_nothing(*_: Any) -> str:
    return ""


def trust_headers(generated_at: Any, _: Any) -> Any:
    return generated_at, ""
